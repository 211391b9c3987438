//! What is forgotten when its time has come: a few rows at a time, the oldest first, so that nobody who commits waits for it.
//!
//! What is owed in time, in force or on its way is never forgotten, whatever its age.

use rusqlite::{Connection, OptionalExtension as _};

use super::super::codes::MAX_JOURNAL;
use super::super::{Before, Forgotten, StoreError};
use super::journal::{CUT, set_mark};
use super::values::moment;
use crate::bulletin::Bulletin;
use crate::record::chain::{Hash, Mark};
use crate::time::Timestamp;

/// Forgets up to a number of rows of each kind that are older than they are kept.
pub(super) fn forget(db: &Connection, before: Before, limit: usize) -> Result<Forgotten, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let journal = journal(db, before.journal, limit)?;
    let Gone { debts, deliveries, messages } = deliveries(db, before.deliveries, limit)?;
    let bulletins = bulletins(db, before.bulletins, limit)?;
    let is_all = [journal, debts, deliveries, bulletins].into_iter().all(|count| count < limit.cast_unsigned());
    if journal + debts + deliveries + bulletins != 0 {
        give_back(db, limit)?;
    }
    Ok(Forgotten { journal, bulletins, deliveries, messages, is_all })
}

/// Lines go from the beginning, without a gap: the seal of the last of them is where the chain begins from then on.
fn journal(db: &Connection, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let newest: Option<i64> = db.prepare_cached("SELECT max(id) FROM journal")?.query_row([], |row| row.get(0))?;
    let beyond = newest.unwrap_or(0) - MAX_JOURNAL;
    let mut statement = db.prepare_cached("SELECT id, at, seal FROM journal ORDER BY id LIMIT ?1")?;
    let mut rows = statement.query([limit])?;
    let mut cut: Option<Mark> = None;
    while let Some(row) = rows.next()? {
        let (number, at): (i64, i64) = (row.get(0)?, row.get(1)?);
        if before.timestamp_millis() <= at && beyond < number {
            break;
        }
        // Where a seal is damaged, the next line does not go with it, as before.
        let seal: Option<Vec<u8>> = row.get(2)?;
        let seal = seal.and_then(|bytes| Hash::from_bytes(&bytes)).unwrap_or(Hash::NONE);
        cut = Some(Mark { number, seal });
    }
    let Some(cut) = cut else { return Ok(0) };
    set_mark(db, CUT, cut)?;
    Ok(db.prepare_cached("DELETE FROM journal WHERE id <= ?1")?.execute([cut.number])? as u64)
}

/// What went of deliveries.
struct Gone {
    debts: u64,
    deliveries: u64,
    messages: u64,
}

/// Deliveries whose message ran out and which came to their end before a moment, and the messages that nothing else carries. What is
/// still owed to a channel that is not there any more is among them.
fn deliveries(db: &Connection, before: Timestamp, limit: i64) -> Result<Gone, StoreError> {
    // Rows are as old as their numbers, but for a few: looking at the first ones is enough, and costs the same however many there are.
    let sql = "SELECT id, message, picture FROM (SELECT * FROM deliveries ORDER BY id LIMIT ?2)
        WHERE expires < ?1 AND lease_until IS NULL AND coalesce(settled_at, expires) < ?1";
    let mut statement = db.prepare_cached(sql)?;
    let found = statement
        .query_map((before.timestamp_millis(), limit), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(i64, i64, Option<i64>)>>>()?;
    // Who did not take a message may be any number of subscribers.
    let sql = "DELETE FROM debts WHERE delivery = ?1
        AND subscriber IN (SELECT subscriber FROM debts WHERE delivery = ?1 ORDER BY subscriber LIMIT ?2)";
    let mut remit = db.prepare_cached(sql)?;
    let mut drop = db.prepare_cached("DELETE FROM deliveries WHERE id = ?1")?;
    let mut gone = Gone { debts: 0, deliveries: 0, messages: 0 };
    let mut left = Vec::new();
    for (delivery, message, picture) in found {
        let room = limit - gone.debts.cast_signed();
        gone.debts += remit.execute((delivery, room))? as u64;
        if limit <= gone.debts.cast_signed() {
            break;
        }
        gone.deliveries += drop.execute([delivery])? as u64;
        left.extend([Some(message), picture].into_iter().flatten());
    }
    let sql = "DELETE FROM messages WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM deliveries WHERE message = ?1)
        AND NOT EXISTS (SELECT 1 FROM deliveries WHERE picture = ?1)";
    let mut drop = db.prepare_cached(sql)?;
    for message in left {
        gone.messages += drop.execute([message])? as u64;
    }
    Ok(gone)
}

/// All bulletins of a number at once, when the last of them was said and ran out before a moment.
fn bulletins(db: &Connection, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let sql = "SELECT number, max(edition) FROM (SELECT number, edition FROM bulletins ORDER BY seq LIMIT ?1) GROUP BY number";
    let mut statement = db.prepare_cached(sql)?;
    let numbers = statement.query_map([limit], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    let last = "SELECT issued, json FROM bulletins WHERE number = ?1 ORDER BY edition DESC LIMIT 1";
    let mut last = db.prepare_cached(last)?;
    let mut drop = db.prepare_cached("DELETE FROM bulletins WHERE number = ?1")?;
    let mut count = 0;
    for number in numbers {
        let found: Option<(i64, String)> =
            last.query_row([&number], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((issued, json)) = found else { continue };
        // One that cannot be read is in no one's force.
        let until = serde_json::from_str::<Bulletin>(&json).map_or(moment(issued)?, |bulletin| bulletin.until);
        if moment(issued)?.max(until) < before {
            count += drop.execute([&number])? as u64;
        }
    }
    Ok(count)
}

/// Gives the room of what was forgotten back to the disk, a few pages at a time. In a file that was made without that, it is used
/// again for what comes.
fn give_back(db: &Connection, pages: i64) -> Result<(), StoreError> {
    let mut statement = db.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}
