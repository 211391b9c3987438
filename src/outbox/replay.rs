//! What is sent once more to one subscriber by hand: of all that its channel was sent, what it would hear, what still holds, and of each
//! number the newest word alone. Pure; `store` tells what was sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use super::Standing;
use super::share::{OWED, TOLD};
use crate::bulletin::{Bulletin, Change};
use crate::ids::{BulletinId, ChannelId, GovernorateId};
use crate::message::MessageKey;
use crate::route::{Listener, Meant, OnDuty, takes_statements};
use crate::subscriber::Subscriber;
use crate::time::Timestamp;

/// The most deliveries of a channel that are looked through at once.
pub const MAX_LOOKED_THROUGH: usize = 50_000;

/// The type of what is told for the record alone.
pub const HISTORY: &str = "history";

/// What a message is about, as far as it matters who may hear it.
#[derive(Debug, Clone, PartialEq)]
pub enum About {
    /// A warning.
    Warning(Box<Bulletin>),
    /// Anything else: its type, and of which governorates it speaks.
    Other(String, Vec<GovernorateId>),
}

/// One message that a channel was sent, or is to be, with where it stands for one subscriber.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// The row of the delivery.
    pub delivery: i64,
    /// What.
    pub message: MessageKey,
    /// Of which bulletin.
    pub bulletin: BulletinId,
    /// When it was said.
    pub said: Timestamp,
    /// Not after.
    pub expires: Timestamp,
    /// What it is about.
    pub about: About,
    /// Where it stands at the channel.
    pub standing: Standing,
    /// True when it was tried there at all.
    pub was_tried: bool,
    /// Where it stands for the subscriber: the byte of its share.
    pub mark: u8,
    /// True when the subscriber has an older edition, or may have.
    pub has_older: bool,
}

/// A frozen text, as it is sent once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// Its bytes.
    pub body: Arc<str>,
    /// What they are.
    pub content_type: String,
}

/// What becomes of a message that a channel was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// It is sent.
    Send,
    /// Its time is over, and what is over is told for the record alone.
    Expired,
    /// The service has it in hand and tells the subscriber itself.
    OnItsWay,
    /// A newer word has taken its place.
    Replaced,
    /// It is not for the subscriber, or not for those who listen at its channel.
    NotHeard,
}

impl Choice {
    /// Its name in lists and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Expired => "expired",
            Self::OnItsWay => "on-its-way",
            Self::Replaced => "replaced",
            Self::NotHeard => "not-heard",
        }
    }
}

/// Decides what becomes of each message that a channel was sent, in the order in which it was. What was never tried is left out.
pub fn choose(
    sent: Vec<Sent>,
    listener: &Listener,
    to: &Subscriber,
    (now, as_history): (Timestamp, bool),
) -> Vec<(Sent, Choice)> {
    let mut newest: BTreeMap<String, (u32, i64)> = BTreeMap::new();
    let mut replaced: BTreeMap<String, u32> = BTreeMap::new();
    for one in &sent {
        let (edition, delivery) = (one.bulletin.edition(), one.delivery);
        let known = newest.entry(one.bulletin.number().to_owned()).or_insert((edition, delivery));
        // The same edition told once more is a reminder of it.
        if known.0 < edition {
            *known = (edition, delivery);
        }
        if let About::Warning(bulletin) = &one.about {
            for older in &bulletin.replaces {
                if older.number() != one.bulletin.number() {
                    let known = replaced.entry(older.number().to_owned()).or_insert(0);
                    *known = older.edition().max(*known);
                }
            }
        }
    }
    let is_replaced = |one: &Sent| {
        let number = one.bulletin.number();
        newest.get(number) != Some(&(one.bulletin.edition(), one.delivery))
            || replaced.get(number).is_some_and(|newer| one.bulletin.edition() <= *newer)
    };
    let choice = |one: &Sent| {
        if !is_heard(one, listener, to) {
            Choice::NotHeard
        } else if is_replaced(one) {
            Choice::Replaced
        } else if one.mark == OWED && one.standing == Standing::Owed && to.since <= one.said {
            Choice::OnItsWay
        } else if one.expires <= now && !as_history {
            Choice::Expired
        } else {
            Choice::Send
        }
    };
    let chosen: Vec<Choice> = sent.iter().map(choice).collect();
    sent.into_iter().zip(chosen).filter(|(one, choice)| one.was_tried || *choice == Choice::OnItsWay).collect()
}

/// Whether a message is for a subscriber, and for those who listen at its channel now: a drill for nobody but those of a drill, a notice
/// for the people on duty alone, a correction for who has what it takes back.
fn is_heard(one: &Sent, listener: &Listener, to: &Subscriber) -> bool {
    match &one.about {
        About::Warning(bulletin) if Meant::of(listener, bulletin).is_none() => false,
        About::Warning(bulletin) if bulletin.change == Change::Corrected => one.has_older || one.mark == TOLD,
        About::Warning(bulletin) => to.wishes.hear(listener, bulletin),
        About::Other(kind, _) if kind.starts_with("notice.") => OnDuty::of(listener).is_some(),
        About::Other(kind, places) if kind.starts_with("statement.") => {
            let is_owed = !kind.ends_with(".withdrawn") || one.has_older || one.mark == TOLD;
            takes_statements(listener) && is_owed && to.wishes.hear_of(places)
        }
        About::Other(..) => false,
    }
}

/// A message of the past as it is told for the record: under a type, a key and in a place of its own, so that nobody who knows nothing
/// of it takes it for a warning. The same message always gives the same bytes.
pub fn history(key: &str, one: &Sent, body: &str) -> (String, Arc<str>) {
    let instant = |moment: Timestamp| moment.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let told = json!({
        "type": HISTORY,
        "timestamp": instant(one.said),
        "data": {
            "note": "this was said in the past, is sent for the record, and is no warning now",
            "id": one.bulletin,
            "said": instant(one.said),
            "expired": instant(one.expires),
            "webhook_id": key,
            "message": body,
        },
    });
    (format!("{HISTORY}/{key}"), told.to_string().into())
}

/// The key by which a receiver knows a message again: the same at every try, and when it is sent once more.
pub fn key_of(message: &MessageKey, channel: &ChannelId) -> String {
    format!("{}/{channel}", message.as_str())
}

/// How many were chosen for what.
pub fn counted(chosen: &[(Sent, Choice)]) -> BTreeMap<Choice, usize> {
    let mut counts = BTreeMap::new();
    for (_, choice) in chosen {
        *counts.entry(*choice).or_insert(0) += 1;
    }
    counts
}
