//! What people ask: the journal, the bulletins, the deliveries. Reads only.

use tokio_postgres::Row;

use super::super::codes::{code, moment, name, standing};
use super::super::{DeliveryRow, Entry, Glance, MAX_LISTED, Queue, ReachRow, StoreError};
use super::ledger;
use super::pool::{Value, Work};
use crate::bulletin::Bulletin;
use crate::outbox::Standing;
use crate::time::Timestamp;

/// The newest lines of the journal, oldest of them first.
pub(super) async fn journal(work: &Work, limit: usize) -> Result<Vec<Entry>, StoreError> {
    let sql = "SELECT at, kind, subject, text FROM (SELECT * FROM journal ORDER BY id DESC LIMIT $2) AS newest
        ORDER BY id LIMIT $1";
    list(work, sql, &[&(limit.min(MAX_LISTED) as i64)], |row| {
        Ok(Entry { at: moment(row.get(0))?, kind: row.get(1), subject: row.get(2), text: row.get(3) })
    })
    .await
}

/// All bulletins, or those of one number, in the order of their making.
pub(super) async fn bulletins(work: &Work, number: Option<&str>) -> Result<Vec<Bulletin>, StoreError> {
    match number {
        Some(number) => {
            list(work, "SELECT json FROM bulletins WHERE number = $2 ORDER BY seq LIMIT $1", &[&number], bulletin).await
        }
        None => list(work, "SELECT json FROM bulletins ORDER BY seq LIMIT $1", &[], bulletin).await,
    }
}

/// All deliveries in the order of their making.
pub(super) async fn deliveries(work: &Work) -> Result<Vec<DeliveryRow>, StoreError> {
    let sql = "SELECT c.name, m.key, m.bulletin, d.standing, d.attempts, d.settled_at, d.note
        FROM deliveries d JOIN channels c ON c.id = d.channel JOIN messages m ON m.id = d.message ORDER BY d.id LIMIT $1";
    list(work, sql, &[], |row| {
        Ok(DeliveryRow {
            channel: row.get(0),
            message: name(row.get(1))?,
            bulletin: name(row.get(2))?,
            standing: standing(row.get(3))?,
            attempts: u32::try_from(row.get::<_, i64>(4)).unwrap_or(u32::MAX),
            settled_at: row.get::<_, Option<i64>>(5).map(moment).transpose()?,
            note: row.get(6),
        })
    })
    .await
}

/// What became of all that was to go out from a moment on, in the order of its making.
pub(super) async fn reach(work: &Work, since: Timestamp) -> Result<Vec<ReachRow>, StoreError> {
    let sql = "SELECT c.name, m.key, m.bulletin, d.standing, d.settled_at
        FROM deliveries d JOIN channels c ON c.id = d.channel JOIN messages m ON m.id = d.message
        WHERE $2 <= d.due ORDER BY d.id LIMIT $1";
    list(work, sql, &[&since.timestamp_millis()], |row| {
        Ok(ReachRow {
            channel: row.get(0),
            message: name(row.get(1))?,
            bulletin: name(row.get(2))?,
            standing: standing(row.get(3))?,
            settled_at: row.get::<_, Option<i64>>(4).map(moment).transpose()?,
        })
    })
    .await
}

/// The bulletins that were given from a moment on, in the order of their making.
pub(super) async fn bulletins_since(work: &Work, since: Timestamp) -> Result<Vec<Bulletin>, StoreError> {
    let sql = "SELECT json FROM bulletins WHERE $2 <= issued ORDER BY seq LIMIT $1";
    list(work, sql, &[&since.timestamp_millis()], bulletin).await
}

/// Reads a bulletin.
pub(super) fn bulletin(row: &Row) -> Result<Bulletin, StoreError> {
    serde_json::from_str(row.get(0))
        .map_err(|why| StoreError::Failed { why: format!("a stored bulletin cannot be read: {why}") })
}

/// Reads all rows of a question, which takes the most rows as its first value, and refuses to cut the answer short in silence.
pub(super) async fn list<T>(
    work: &Work,
    sql: &'static str,
    of: &[Value<'_>],
    read: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let most = MAX_LISTED as i64 + 1;
    let values: Vec<Value<'_>> = std::iter::once(&most as Value<'_>).chain(of.iter().copied()).collect();
    let rows = work.rows(sql, &values).await?;
    if MAX_LISTED < rows.len() {
        return Err(StoreError::Refused {
            why: format!("there are more than {MAX_LISTED} rows to list; ask for fewer, or for the tally"),
        });
    }
    rows.iter().map(read).collect()
}

/// What is held, at one glance.
pub(super) async fn glance(work: &Work, now: Timestamp, since: Timestamp) -> Result<Glance, StoreError> {
    let saved = ledger::load(work).await?;
    let queues = queues(work, now, since).await?;
    Ok(Glance { saved, queues, written: last_written(work).await? })
}

/// What is owed to each channel and what was given up, with the moments that count from outside.
async fn queues(work: &Work, now: Timestamp, since: Timestamp) -> Result<Vec<Queue>, StoreError> {
    let sql = "SELECT c.name, count(*) FILTER (WHERE d.standing = $4 AND d.due <= $2),
            count(*) FILTER (WHERE d.standing = $4 AND $2 < d.due),
            count(*) FILTER (WHERE d.standing = $5 AND $3 <= d.settled_at),
            count(*) FILTER (WHERE d.standing = $6 AND $3 <= d.settled_at)
        FROM deliveries d JOIN channels c ON c.id = d.channel GROUP BY c.name ORDER BY c.name LIMIT $1";
    let (owed, dead, expired) = (code(Standing::Owed), code(Standing::Dead), code(Standing::Expired));
    let of: &[Value<'_>] = &[&now.timestamp_millis(), &since.timestamp_millis(), &owed, &dead, &expired];
    list(work, sql, of, |row| {
        let count = |column: usize| row.get::<_, i64>(column).cast_unsigned();
        Ok(Queue { channel: row.get(0), due: count(1), waiting: count(2), dead: count(3), expired: count(4) })
    })
    .await
}

/// When anything was last written, as far as the rows tell.
async fn last_written(work: &Work) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT max(at) FROM ((SELECT at FROM journal ORDER BY id DESC LIMIT 1)
        UNION ALL (SELECT value FROM meta WHERE name IN ('led_at', 'seen_at'))) AS moments";
    let newest: Option<i64> = work.one(sql, &[]).await?.get(0);
    newest.map(moment).transpose()
}
