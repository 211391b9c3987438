//! Who listens at each channel. What is owed to a channel is meant for those who listened there when it was said: when others do,
//! it is ended and never handed out, whatever the channel is called and however often it changes.

use rusqlite::{Connection, OptionalExtension};

use super::super::{Lease, Readdressed, StoreError};
use super::ledger::lead_by;
use super::values::{audience, code};
use crate::ids::ChannelId;
use crate::outbox::Standing;
use crate::route::Audience;
use crate::time::Timestamp;

/// Takes note of who listens where, and ends what is owed to those who do not listen there any more.
pub(super) fn readdress(
    db: &Connection,
    lease: Lease,
    listeners: &[(ChannelId, Audience)],
    now: Timestamp,
) -> Result<Vec<Readdressed>, StoreError> {
    lead_by(db, lease)?;
    let mut find = db.prepare_cached("SELECT id, audience FROM channels WHERE name = ?1")?;
    let put = "INSERT INTO channels (name, audience) VALUES (?1, ?2)
        ON CONFLICT (name) DO UPDATE SET audience = excluded.audience";
    let mut put = db.prepare_cached(put)?;
    let mut readdressed = Vec::new();
    for (channel, to) in listeners {
        let known: Option<(i64, Option<String>)> =
            find.query_row([channel.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        // Of a channel that an older nadhir wrote it is not known who listened: what is owed there is not thrown away for that.
        let before = match known {
            Some((row, Some(name))) => Some((row, audience(&name)?)),
            Some((_, None)) | None => None,
        };
        if let Some((row, from)) = before.filter(|(_, from)| from != to) {
            let on_their_way = keep_from_trying(db, row)?;
            let ended = end(db, row, from, *to, now)?;
            db.prepare_cached("UPDATE channels SET given_at = ?2 WHERE id = ?1")?
                .execute((row, now.timestamp_millis()))?;
            readdressed.push(Readdressed { channel: channel.clone(), from, to: *to, ended, on_their_way });
        }
        put.execute((channel.as_str(), to.name()))?;
    }
    Ok(readdressed)
}

/// Ends what is owed and in nobody's hands.
fn end(db: &Connection, channel: i64, from: Audience, to: Audience, now: Timestamp) -> Result<u64, StoreError> {
    let sql = "UPDATE deliveries SET standing = ?2, settled_at = ?3, note = ?4 || coalesce('; last: ' || note, '')
        WHERE channel = ?1 AND standing = 0 AND lease_until IS NULL";
    let note = format!("it was meant for audience {}, and the channel is for {} by now", from.name(), to.name());
    let ended = db.prepare_cached(sql)?.execute((channel, code(Standing::Superseded), now.timestamp_millis(), note))?;
    Ok(ended as u64)
}

/// Lets what couriers have in their hands be the last try: it goes where those who listened before are, and nowhere else.
fn keep_from_trying(db: &Connection, channel: i64) -> Result<u64, StoreError> {
    let sql = "UPDATE deliveries SET is_last = 1 WHERE channel = ?1 AND standing = 0 AND lease_until IS NOT NULL";
    Ok(db.prepare_cached(sql)?.execute([channel])? as u64)
}
