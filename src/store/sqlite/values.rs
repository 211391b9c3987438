//! How the values of the house are written in columns, and read back.

use rusqlite::{Connection, OptionalExtension};
use serde::de::value::StringDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};

use super::super::StoreError;
use crate::outbox::Standing;
use crate::route::Audience;
use crate::route::manner::Hold;
use crate::time::Timestamp;

impl From<rusqlite::Error> for StoreError {
    fn from(why: rusqlite::Error) -> Self {
        Self::Failed { why: why.to_string() }
    }
}

/// A number of the table `meta`.
pub(super) fn meta(db: &Connection, name: &str) -> Result<i64, StoreError> {
    Ok(db.prepare_cached("SELECT value FROM meta WHERE name = ?1")?.query_row([name], |row| row.get(0))?)
}

/// Writes a number of the table `meta`.
pub(super) fn set_meta(db: &Connection, name: &str, value: i64) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE meta SET value = ?2 WHERE name = ?1")?.execute((name, value))?;
    Ok(())
}

/// Under which name the table `meta` keeps the latest moment that anyone told the store.
pub(super) const SEEN: &str = "seen_at";

/// The latest moment that anyone told the store; none while nobody has.
pub(super) fn last_seen(db: &Connection) -> Result<Option<i64>, StoreError> {
    let mut statement = db.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    Ok(statement.query_row([SEEN], |row| row.get(0)).optional()?)
}

/// Remembers a moment that someone told, unless a later one is known.
pub(super) fn see(db: &Connection, moment: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value < excluded.value";
    db.prepare_cached(sql)?.execute((SEEN, moment.timestamp_millis()))?;
    Ok(())
}

/// A stored moment.
pub(super) fn moment(milliseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_timestamp_millis(milliseconds)
        .ok_or_else(|| StoreError::Failed { why: format!("{milliseconds} ms is not a moment; the file is damaged") })
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
        .ok_or_else(|| StoreError::Failed { why: format!("`{name}` is not an audience; the file is damaged") })
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
        other => return Err(StoreError::Failed { why: format!("{other} holds nothing back; the file is damaged") }),
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
        other => return Err(StoreError::Failed { why: format!("{other} is not a standing; the file is damaged") }),
    })
}
