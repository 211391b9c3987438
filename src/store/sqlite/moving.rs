//! Leaving a file for a database: what is in it is read while nobody can write it, and once all of it is elsewhere the file says so and
//! is never used again. Whoever still runs on it may not decide any more and hands nothing out.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Statement};

use super::super::StoreError;
use super::schema::open_beside;
use super::values::{meta, set_meta};
use crate::time::Timestamp;

/// Under which name the table `meta` keeps when the file was left.
const LEFT: &str = "left_at";

/// Why a file that was left is not used.
pub(super) const WHY: &str = "what was in it was moved into a database by `nadhir store copy`: name that as `url` in [store]; to go back \
    to a file, put a copy that `nadhir backup` made in its place";

/// Whether a file was left.
pub(super) fn is_left(db: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM meta WHERE name = ?1)";
    db.prepare_cached(sql)?.query_row([LEFT], |row| row.get(0))
}

/// Makes sure that a file was not left.
pub(super) fn stay(db: &Connection) -> Result<(), StoreError> {
    match is_left(db)? {
        true => Err(StoreError::Refused { why: WHY.to_owned() }),
        false => Ok(()),
    }
}

/// A file that is being left; nobody else can write it until this value is gone.
pub(in super::super) struct Leaving(Connection);

impl Leaving {
    /// Waits for whoever writes, and keeps all others from writing.
    pub(in super::super) fn begin(path: &Path) -> Result<Self, StoreError> {
        let db = open_beside(path)?;
        db.execute_batch("BEGIN IMMEDIATE")?;
        Ok(Self(db))
    }

    /// A question about what is in it.
    pub(in super::super) fn ask(&self, sql: &str) -> Result<Statement<'_>, StoreError> {
        Ok(self.0.prepare(sql)?)
    }

    /// A number that a question answers with; none for nothing.
    pub(in super::super) fn number(&self, sql: &str) -> Result<Option<i64>, StoreError> {
        Ok(self.0.query_row(sql, [], |row| row.get(0)).optional()?.flatten())
    }

    /// Marks the file as left, and fences off whoever leads on it.
    pub(in super::super) fn end(self, now: Timestamp) -> Result<(), StoreError> {
        set_meta(&self.0, "epoch", meta(&self.0, "epoch")? + 1)?;
        self.0.execute("INSERT INTO meta (name, value) VALUES (?1, ?2)", (LEFT, now.timestamp_millis()))?;
        self.0.execute_batch("COMMIT")?;
        Ok(())
    }
}

/// A value as it stands in the file.
pub(in super::super) enum Found<'a> {
    /// Nothing.
    None,
    /// A number.
    Number(i64),
    /// Bytes, of a text or not.
    Bytes(&'a [u8]),
}

/// What stands in a column of a row.
pub(in super::super) fn found<'a>(row: &'a rusqlite::Row<'_>, column: usize) -> Result<Found<'a>, StoreError> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => Found::None,
        ValueRef::Integer(number) => Found::Number(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Found::Bytes(bytes),
        ValueRef::Real(_) => {
            return Err(StoreError::Failed {
                why: "there is a fraction where none can be; the file is damaged".to_owned(),
            });
        }
    })
}
