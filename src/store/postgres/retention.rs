//! What is forgotten when its time has come: a few rows at a time, the oldest first, so that nobody who commits waits for it.
//!
//! What is owed in time, in force or on its way is never forgotten, whatever its age.

use super::super::codes::{MAX_JOURNAL, moment};
use super::super::{Before, Forgotten, StoreError};
use super::journal::{CUT, set_mark};
use super::pool::Work;
use crate::bulletin::Bulletin;
use crate::record::chain::{Hash, Mark};
use crate::time::Timestamp;

/// Forgets up to a number of rows of each kind that are older than they are kept. The room is given back by the database itself.
pub(super) async fn forget(work: &Work, before: Before, limit: usize) -> Result<Forgotten, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let journal = journal(work, before.journal, limit).await?;
    let Gone { debts, deliveries, messages } = deliveries(work, before.deliveries, limit).await?;
    let bulletins = bulletins(work, before.bulletins, limit).await?;
    let is_all = [journal, debts, deliveries, bulletins].into_iter().all(|count| count < limit.cast_unsigned());
    Ok(Forgotten { journal, bulletins, deliveries, messages, is_all })
}

/// Lines go from the beginning, without a gap: the seal of the last of them is where the chain begins from then on.
async fn journal(work: &Work, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let newest: Option<i64> = work.one("SELECT max(id) FROM journal", &[]).await?.get(0);
    let beyond = newest.unwrap_or(0) - MAX_JOURNAL;
    let mut cut: Option<Mark> = None;
    for row in work.rows("SELECT id, at, seal FROM journal ORDER BY id LIMIT $1", &[&limit]).await? {
        let (number, at): (i64, i64) = (row.get(0), row.get(1));
        if before.timestamp_millis() <= at && beyond < number {
            break;
        }
        // Where a seal is damaged, the next line does not go with it, as before.
        let seal = row.get::<_, Option<&[u8]>>(2).and_then(Hash::from_bytes).unwrap_or(Hash::NONE);
        cut = Some(Mark { number, seal });
    }
    let Some(cut) = cut else { return Ok(0) };
    set_mark(work, CUT, cut).await?;
    work.run("DELETE FROM journal WHERE id <= $1", &[&cut.number]).await
}

/// What went of deliveries.
struct Gone {
    debts: u64,
    deliveries: u64,
    messages: u64,
}

/// Deliveries whose message ran out and which came to their end before a moment, and the messages that nothing else carries. What is
/// still owed to a channel that is not there any more is among them.
async fn deliveries(work: &Work, before: Timestamp, limit: i64) -> Result<Gone, StoreError> {
    // Rows are as old as their numbers, but for a few: looking at the first ones is enough, and costs the same however many there are.
    let sql = "SELECT id, message, picture FROM deliveries WHERE id IN (SELECT id FROM deliveries ORDER BY id LIMIT $2)
            AND expires < $1 AND lease_until IS NULL AND coalesce(settled_at, expires) < $1
        ORDER BY id FOR UPDATE SKIP LOCKED";
    let found = work.rows(sql, &[&before.timestamp_millis(), &limit]).await?;
    // Who did not take a message may be any number of subscribers.
    let remit = "DELETE FROM debts WHERE delivery = $1
        AND subscriber IN (SELECT subscriber FROM debts WHERE delivery = $1 ORDER BY subscriber LIMIT $2)";
    let mut gone = Gone { debts: 0, deliveries: 0, messages: 0 };
    let mut left: Vec<i64> = Vec::new();
    for row in found {
        let delivery: i64 = row.get(0);
        let room = limit - gone.debts.cast_signed();
        gone.debts += work.run(remit, &[&delivery, &room]).await?;
        if limit <= gone.debts.cast_signed() {
            break;
        }
        gone.deliveries += work.run("DELETE FROM deliveries WHERE id = $1", &[&delivery]).await?;
        left.extend([Some(row.get::<_, i64>(1)), row.get(2)].into_iter().flatten());
    }
    let drop =
        "DELETE FROM messages WHERE id = ANY($1) AND NOT EXISTS (SELECT 1 FROM deliveries WHERE message = messages.id)
        AND NOT EXISTS (SELECT 1 FROM deliveries WHERE picture = messages.id)";
    gone.messages = work.run(drop, &[&left]).await?;
    Ok(gone)
}

/// All bulletins of a number at once, when the last of them was said and ran out before a moment.
async fn bulletins(work: &Work, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let sql = "SELECT DISTINCT number FROM (SELECT number FROM bulletins ORDER BY seq LIMIT $1) AS oldest";
    let last = "SELECT issued, json FROM bulletins WHERE number = $1 ORDER BY edition DESC LIMIT 1";
    let mut count = 0;
    for row in work.rows(sql, &[&limit]).await? {
        let number: &str = row.get(0);
        let Some(row) = work.maybe(last, &[&number]).await? else { continue };
        let issued = moment(row.get(0))?;
        // One that cannot be read is in no one's force.
        let until = serde_json::from_str::<Bulletin>(row.get(1)).map_or(issued, |bulletin| bulletin.until);
        if issued.max(until) < before {
            count += work.run("DELETE FROM bulletins WHERE number = $1", &[&number]).await?;
        }
    }
    Ok(count)
}
