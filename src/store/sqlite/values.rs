//! How the values of the house are written in columns, and read back.

use rusqlite::{Connection, OptionalExtension};

use super::super::StoreError;
use crate::time::Timestamp;

pub(super) use super::super::codes::{audience, code, hold, hold_code, moment, name, standing};

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
