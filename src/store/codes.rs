//! How the values of the house are numbered and named in columns, the same in every kind of store, and read back.

use serde::de::value::StringDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};

use super::StoreError;
use crate::bulletin::Bulletin;
use crate::ids::ChannelId;
use crate::message::fewer;
use crate::outbox::Standing;
use crate::outbox::replay::About;
use crate::route::Audience;
use crate::route::manner::Hold;
use crate::subscriber::State;
use crate::time::Timestamp;

/// The longest note that is kept of a try, in characters.
const MAX_NOTE: usize = 500;

/// The longest reason that is kept of a try at a subscriber, in characters.
const MAX_WHY: usize = 200;

/// The most lines that the journal keeps, whatever their age; the oldest go first.
pub(super) const MAX_JOURNAL: i64 = 500_000;

/// How many numbers a warning may have gone under before; what it took the place of longer ago is of the past.
pub(super) const MAX_FAMILY: usize = 32;

/// The note of a delivery that was on its way when others began to listen at its channel, and did not arrive.
pub(super) const NOT_AGAIN: &str =
    "it was on its way when the channel was given to another audience, and is not tried again";

/// The note of a delivery that was not sent.
pub(super) const EXPIRED: &str = "its time ran out before it could be sent";

/// The note of a delivery that is not needed any more.
pub(super) const STOOD_BACK: &str = "the channel that it stands in for has received it";

/// The note of a delivery whose text was changed by nobody who may.
pub(super) const DAMAGED: &str = "its stored text is damaged and was not sent";

/// What is noted of one who is being told by hand: whoever dies in between leaves it.
pub(super) const BEGUN: &str = "it was sent once more by hand, and how that ended is not known";

/// Since when a channel is for an audience, where it was for another before; `known` is for whom it is, and since when.
pub(super) fn given_at(
    channel: &ChannelId,
    to: Audience,
    (name, at): (Option<String>, Option<i64>),
) -> Result<Option<Timestamp>, StoreError> {
    if let Some(is) = name.filter(|name| name != to.name()) {
        let to = to.name();
        let why = format!(
            "{channel} is for {to} in the configuration, and for {is} in the service that runs: have it reload first"
        );
        return Err(StoreError::Refused { why });
    }
    at.map(moment).transpose()
}

/// What a message is about and when it was said, by its bulletin or, where it is of none, by its own words; nothing where it does not say.
pub(super) fn about(json: Option<&str>, body: Option<&str>) -> Result<Option<(About, Timestamp)>, StoreError> {
    let Some(json) = json else {
        let outline = body.and_then(fewer::outline);
        return Ok(outline.map(|(kind, said, places)| (About::Other(kind, places), said)));
    };
    let bulletin: Bulletin = serde_json::from_str(json)
        .map_err(|why| StoreError::Failed { why: format!("a stored bulletin cannot be read: {why}") })?;
    let said = bulletin.issued;
    Ok(Some((About::Warning(Box::new(bulletin)), said)))
}

/// A note of bounded length, cut between characters.
pub(super) fn cut(note: &str) -> String {
    note.chars().take(MAX_NOTE).collect()
}

/// A reason of bounded length, cut between characters.
pub(super) fn cut_why(why: &str) -> String {
    why.chars().take(MAX_WHY).collect()
}

/// A stored moment.
pub(super) fn moment(milliseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_timestamp_millis(milliseconds)
        .ok_or_else(|| StoreError::Failed { why: format!("{milliseconds} ms is not a moment; the store is damaged") })
}

/// A stored name: of a bulletin, a message, a channel.
pub(super) fn name<T: DeserializeOwned>(text: String) -> Result<T, StoreError> {
    let reader: StringDeserializer<serde::de::value::Error> = text.into_deserializer();
    T::deserialize(reader).map_err(|why| StoreError::Failed { why: format!("a stored name cannot be read: {why}") })
}

/// A stored audience.
pub(super) fn audience(name: &str) -> Result<Audience, StoreError> {
    let known = Audience::ALL.iter().find(|audience| audience.name() == name);
    known
        .copied()
        .ok_or_else(|| StoreError::Failed { why: format!("`{name}` is not an audience; the store is damaged") })
}

/// The number under which is stored what a delivery waits for. Free is 0.
pub(super) fn hold_code(hold: Hold) -> i64 {
    match hold {
        Hold::Free => 0,
        Hold::Clock => 1,
        Hold::Person => 2,
    }
}

/// What is stored under a number.
pub(super) fn hold(code: i64) -> Result<Hold, StoreError> {
    Ok(match code {
        0 => Hold::Free,
        1 => Hold::Clock,
        2 => Hold::Person,
        other => return Err(StoreError::Failed { why: format!("{other} holds nothing back; the store is damaged") }),
    })
}

/// The number under which a standing is stored. Owed is 0, as the partial indexes have it.
pub(super) fn code(standing: Standing) -> i64 {
    match standing {
        Standing::Owed => 0,
        Standing::Delivered => 1,
        Standing::Superseded => 2,
        Standing::Expired => 3,
        Standing::Dead => 4,
        Standing::Refused => 5,
    }
}

/// The standing stored under a number.
pub(super) fn standing(code: i64) -> Result<Standing, StoreError> {
    Ok(match code {
        0 => Standing::Owed,
        1 => Standing::Delivered,
        2 => Standing::Superseded,
        3 => Standing::Expired,
        4 => Standing::Dead,
        5 => Standing::Refused,
        other => return Err(StoreError::Failed { why: format!("{other} is not a standing; the store is damaged") }),
    })
}

/// The number under which a state is stored.
pub(super) fn state_code(state: State) -> i64 {
    match state {
        State::Unverified => 0,
        State::Active => 1,
        State::Paused => 2,
        State::Disabled => 3,
    }
}

/// The state stored under a number.
pub(super) fn state(code: i64) -> Result<State, StoreError> {
    Ok(match code {
        0 => State::Unverified,
        1 => State::Active,
        2 => State::Paused,
        3 => State::Disabled,
        other => {
            let why = format!("{other} is no state of a subscriber; the store is damaged");
            return Err(StoreError::Failed { why });
        }
    })
}
