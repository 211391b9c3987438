//! Subscribers: those who receive the messages of one channel, each at an address of its own, with a secret, wishes and a pace of its
//! own. Any number of them stand behind one channel, and what is owed to the channel is owed to each that hears it. Pure; `store`
//! keeps them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::bulletin::Bulletin;
use crate::hazard::{Hazard, Severity};
use crate::ids::{ChannelId, GovernorateId};
use crate::language::Language;
use crate::route::manner::Manner;
use crate::route::pace::Pace;
use crate::route::{Listener, hears};
use crate::time::{TimeDelta, Timestamp};

/// The longest address, in bytes.
pub const MAX_URL_LEN: usize = 2_000;

/// How long receivers may change over to a new secret: until then every request bears a signature by each of the two.
pub const CHANGE_OVER: TimeDelta = TimeDelta::days(2);

/// How many subscribers stand in one share of a delivery; see [`share_of`].
pub const SHARE: i64 = 512;

/// In which share a subscriber stands, and at which place of it: what became of a delivery at each is kept by shares, a byte for each.
pub fn share_of(subscriber: i64) -> (i64, usize) {
    (subscriber.div_euclid(SHARE), usize::try_from(subscriber.rem_euclid(SHARE)).unwrap_or_default())
}

/// Whether a subscriber is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nobody has shown yet that whoever is at the address wants to hear: nothing is sent.
    Unverified,
    /// It is told.
    Active,
    /// Somebody paused it.
    Paused,
    /// Nothing reached it for days, or its receiver said that it is gone: it is not told any more, until somebody resumes it.
    Disabled,
}

impl State {
    /// Every state.
    pub const ALL: &'static [Self] = &[Self::Unverified, Self::Active, Self::Paused, Self::Disabled];

    /// Its name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }
}

/// What a subscriber wants to hear of all that its channel hears; everything where it names nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wishes {
    /// From which severity on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_severity: Option<Severity>,
    /// Which hazards.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub hazards: BTreeSet<Hazard>,
    /// Which governorates.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub governorates: BTreeSet<GovernorateId>,
    /// In which languages; those of its channel where it names none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<Language>,
}

impl Wishes {
    /// As it is stored: JSON that is the same for the same wishes, and nothing for none.
    pub fn written(&self) -> String {
        if *self == Self::default() { String::new() } else { serde_json::to_string(self).unwrap_or_default() }
    }

    /// Reads what was stored.
    ///
    /// # Errors
    /// When it is no such thing.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(Self::default()) } else { serde_json::from_str(text).map_err(|why| why.to_string()) }
    }

    /// Whether one with these wishes hears a bulletin that its channel hears.
    pub fn hear(&self, channel: &Listener, bulletin: &Bulletin) -> bool {
        let some = |hazards: &BTreeSet<Hazard>| (!hazards.is_empty()).then(|| hazards.clone());
        let near = |places: &BTreeSet<GovernorateId>| (!places.is_empty()).then(|| places.clone());
        let languages = if self.languages.is_empty() { &channel.languages } else { &self.languages };
        let own = Listener {
            channel: channel.channel.clone(),
            audience: channel.audience,
            form: channel.form,
            languages: languages.clone(),
            min_severity: self.min_severity.unwrap_or(Severity::Advisory),
            hazards: some(&self.hazards),
            governorates: near(&self.governorates),
            manner: Manner::default(),
            picture: None,
        };
        hears(&own, bulletin).is_ok()
    }

    /// Whether one with these wishes hears of something that is no warning: of everything that concerns one of its places, or none in
    /// particular.
    pub fn hear_of(&self, places: &[GovernorateId]) -> bool {
        places.is_empty() || self.governorates.is_empty() || places.iter().any(|one| self.governorates.contains(one))
    }
}

/// One subscriber as it is entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubscriber {
    /// Its name, of which there is one in the channel.
    pub name: String,
    /// Where it is told.
    pub url: String,
    /// What it wants to hear.
    pub wishes: Wishes,
    /// How many messages it takes in a time; as many as come where none is named.
    pub pace: Option<String>,
    /// Whether it is told at once, or first has to show that it wants to hear.
    pub state: State,
}

/// One subscriber.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subscriber {
    /// Its number, which no other ever gets.
    pub id: i64,
    /// Of which channel.
    pub channel: String,
    /// Its name.
    pub name: String,
    /// Where it is told.
    pub url: String,
    /// What it wants to hear.
    pub wishes: Wishes,
    /// How many messages it takes in a time.
    pub pace: Option<String>,
    /// Whether it is told.
    pub state: State,
    /// Which of its secrets is in use.
    pub secret: Generations,
    /// Since when it is known.
    pub since: Timestamp,
    /// Since when nothing has reached it; none while something does.
    pub failing_since: Option<Timestamp>,
    /// Why it was disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Until when it is told, where it subscribed for a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A secret that a subscriber has given, sealed under the key of its channel: whoever has the store alone cannot read it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Arc<[u8]>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(…)")
    }
}

/// For how long one subscribed at a hub, and with which secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Until when it is told.
    pub until: Timestamp,
    /// With what its messages are signed; none where it gave no secret.
    pub sealed: Option<Sealed>,
}

/// Which secret of a subscriber is in use: the how-manieth, and until when the one before it counts too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generations {
    /// From 1.
    pub newest: u32,
    /// Until when requests bear a signature by the one before.
    pub older_until: Option<Timestamp>,
}

impl Generations {
    /// Those in use now, the newest first.
    pub fn in_use(self, now: Timestamp) -> impl Iterator<Item = u32> {
        let older = self.older_until.filter(|until| now < *until).map(|_| self.newest.saturating_sub(1));
        std::iter::once(self.newest).chain(older.filter(|older| 0 < *older))
    }
}

/// The type of what asks one to show that it wants to hear.
pub const CHALLENGE: &str = "subscriber.challenge";

/// The type of a test of the connection.
pub const TEST: &str = "subscriber.test";

/// The body of what is sent to one subscriber of a channel and to nobody else: something of a type that is no warning.
pub fn body_of(kind: &str, (channel, name): (&ChannelId, &str), data: Value, now: Timestamp) -> String {
    let mut data = data;
    if let Some(data) = data.as_object_mut() {
        data.insert("channel".to_owned(), json!(channel));
        data.insert("subscriber".to_owned(), json!(name));
    }
    let timestamp = now.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    json!({ "type": kind, "timestamp": timestamp, "data": data }).to_string()
}

/// How somebody changes a subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// It is told, or not.
    State(State),
    /// Another address, at which it first has to show that it wants to hear.
    Url(String),
    /// Other wishes.
    Wishes(Wishes),
    /// Another pace.
    Pace(Option<String>),
    /// A new secret; the one before counts until then.
    Rotate(Timestamp),
    /// It is no subscriber any more.
    Remove,
}

/// Checks what was entered.
///
/// # Errors
/// What is wrong with it, all of it.
pub fn check(new: &NewSubscriber) -> Result<(), Vec<String>> {
    let mut wrong = Vec::new();
    if ChannelId::new(&new.name).is_err() {
        let rule = "begin with a lower-case letter, then lower-case letters, digits or hyphens";
        wrong.push(format!("`{}` is not a name: {rule}", new.name));
    }
    if MAX_URL_LEN < new.url.len() {
        wrong.push(format!("the address is longer than {MAX_URL_LEN} bytes"));
    }
    wrong.extend(new.pace.as_deref().and_then(|pace| Pace::parse(pace).err()));
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_holds_its_subscribers_side_by_side() {
        assert_eq!([share_of(0), share_of(511), share_of(512), share_of(1_025)], [(0, 0), (0, 511), (1, 0), (2, 1)]);
    }

    #[test]
    fn wishes_are_read_as_they_were_written_and_no_wish_takes_no_room() {
        let wishes = Wishes {
            min_severity: Some(Severity::Orange),
            hazards: BTreeSet::from([Hazard::FlashFlood]),
            governorates: BTreeSet::from([GovernorateId::new("jeddah").unwrap()]),
            languages: vec![Language::En],
        };
        assert_eq!(Wishes::read(&wishes.written()).unwrap(), wishes);
        assert_eq!(Wishes::default().written(), "");
        assert_eq!(Wishes::read("").unwrap(), Wishes::default());
        assert!(Wishes::read("{\"hazzards\":[]}").is_err());
    }

    #[test]
    fn the_secret_before_counts_until_its_time_is_over() {
        let at = |second| Timestamp::from_timestamp(second, 0).unwrap();
        let both = Generations { newest: 3, older_until: Some(at(10)) };
        assert_eq!(both.in_use(at(9)).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(both.in_use(at(10)).collect::<Vec<_>>(), [3]);
        let first = Generations { newest: 1, older_until: Some(at(10)) };
        assert_eq!(first.in_use(at(9)).collect::<Vec<_>>(), [1]);
    }
}
