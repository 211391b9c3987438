//! What people ask: the journal, the bulletins, the deliveries. Reads only.

use rusqlite::{Connection, Row};

use super::super::{DeliveryRow, Entry, MAX_LISTED, Queue, ReachRow, StoreError};
use super::values::{code, moment, name, standing};
use crate::bulletin::Bulletin;
use crate::outbox::Standing;
use crate::time::Timestamp;

/// The newest lines of the journal, oldest of them first.
pub(super) fn journal(db: &Connection, limit: usize) -> Result<Vec<Entry>, StoreError> {
    let sql = "SELECT at, kind, subject, text FROM (SELECT * FROM journal ORDER BY id DESC LIMIT ?1) ORDER BY id";
    list(db, sql, [limit.min(MAX_LISTED) as i64], |row| {
        Ok(Entry { at: moment(row.get(0)?)?, kind: row.get(1)?, subject: row.get(2)?, text: row.get(3)? })
    })
}

/// All bulletins, or those of one number, in the order of their making.
pub(super) fn bulletins(db: &Connection, number: Option<&str>) -> Result<Vec<Bulletin>, StoreError> {
    match number {
        Some(number) => list(db, "SELECT json FROM bulletins WHERE number = ?1 ORDER BY seq", [number], bulletin),
        None => list(db, "SELECT json FROM bulletins ORDER BY seq", [], bulletin),
    }
}

/// All deliveries in the order of their making.
pub(super) fn deliveries(db: &Connection) -> Result<Vec<DeliveryRow>, StoreError> {
    let sql = "SELECT c.name, m.key, m.bulletin, d.standing, d.attempts, d.settled_at, d.note
        FROM deliveries d JOIN channels c ON c.id = d.channel JOIN messages m ON m.id = d.message ORDER BY d.id";
    list(db, sql, [], |row| {
        let settled_at: Option<i64> = row.get(5)?;
        Ok(DeliveryRow {
            channel: row.get(0)?,
            message: name(row.get(1)?)?,
            bulletin: name(row.get(2)?)?,
            standing: standing(row.get(3)?)?,
            attempts: row.get(4)?,
            settled_at: settled_at.map(moment).transpose()?,
            note: row.get(6)?,
        })
    })
}

/// What became of all that was to go out from a moment on, in the order of its making.
pub(super) fn reach(db: &Connection, since: Timestamp) -> Result<Vec<ReachRow>, StoreError> {
    let sql = "SELECT c.name, m.key, m.bulletin, d.standing, d.settled_at
        FROM deliveries d JOIN channels c ON c.id = d.channel JOIN messages m ON m.id = d.message
        WHERE ?1 <= d.due ORDER BY d.id";
    list(db, sql, [since.timestamp_millis()], |row| {
        let settled_at: Option<i64> = row.get(4)?;
        Ok(ReachRow {
            channel: row.get(0)?,
            message: name(row.get(1)?)?,
            bulletin: name(row.get(2)?)?,
            standing: standing(row.get(3)?)?,
            settled_at: settled_at.map(moment).transpose()?,
        })
    })
}

/// The bulletins that were given from a moment on, in the order of their making.
pub(super) fn bulletins_since(db: &Connection, since: Timestamp) -> Result<Vec<Bulletin>, StoreError> {
    list(db, "SELECT json FROM bulletins WHERE ?1 <= issued ORDER BY seq", [since.timestamp_millis()], bulletin)
}

/// Reads a bulletin.
pub(super) fn bulletin(row: &Row<'_>) -> Result<Bulletin, StoreError> {
    let json: String = row.get(0)?;
    serde_json::from_str(&json)
        .map_err(|why| StoreError::Failed { why: format!("a stored bulletin cannot be read: {why}") })
}

/// Reads all rows of a question, and refuses to cut the answer short in silence.
pub(super) fn list<T>(
    db: &Connection,
    sql: &str,
    of: impl rusqlite::Params,
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(of)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        if MAX_LISTED <= all.len() {
            return Err(StoreError::Refused {
                why: format!("there are more than {MAX_LISTED} rows to list; ask for fewer, or for the tally"),
            });
        }
        all.push(read(row)?);
    }
    Ok(all)
}

/// What is owed to each channel and what was given up, with the moments that count from outside.
pub(super) fn queues(db: &Connection, now: Timestamp, since: Timestamp) -> Result<Vec<Queue>, StoreError> {
    let sql = "SELECT c.name, sum(d.standing = ?3 AND d.due <= ?1), sum(d.standing = ?3 AND ?1 < d.due),
            sum(d.standing = ?4 AND ?2 <= d.settled_at), sum(d.standing = ?5 AND ?2 <= d.settled_at)
        FROM deliveries d JOIN channels c ON c.id = d.channel GROUP BY c.name ORDER BY c.name";
    let (owed, dead, expired) = (code(Standing::Owed), code(Standing::Dead), code(Standing::Expired));
    let of = (now.timestamp_millis(), since.timestamp_millis(), owed, dead, expired);
    list(db, sql, of, |row| {
        let count = |column: usize| Ok::<_, StoreError>(row.get::<_, i64>(column)?.cast_unsigned());
        Ok(Queue { channel: row.get(0)?, due: count(1)?, waiting: count(2)?, dead: count(3)?, expired: count(4)? })
    })
}

/// When anything was last written, as far as the rows tell.
pub(super) fn last_written(db: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT max(at) FROM (SELECT at FROM (SELECT at FROM journal ORDER BY id DESC LIMIT 1)
        UNION ALL SELECT value FROM meta WHERE name IN ('led_at', 'seen_at'))";
    let newest: Option<i64> = db.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    newest.map(moment).transpose()
}
