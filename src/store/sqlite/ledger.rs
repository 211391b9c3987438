//! The brain's side: who leads, what is so, and the commit of one step.

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};
use rusqlite::{Connection, OptionalExtension};

use super::super::codes::NOT_AGAIN;
use super::super::{Commit, Lease, Saved, StoreError};
use super::held::{self, Going};
use super::journal;
use super::outbox::end_overtaken;
use super::values::{code, hold_code, meta, see, set_meta};
use crate::bulletin::Bulletin;
use crate::message::{Message, MessageKey};
use crate::outbox::{NewDelivery, Standing};
use crate::record::chain::Hash;
use crate::route::manner::Hold;
use crate::time::Timestamp;

/// Takes the lead: the epoch grows, and every lease ends at once.
pub(super) fn lead(db: &Connection, now: Timestamp) -> Result<Lease, StoreError> {
    let epoch = meta(db, "epoch")? + 1;
    set_meta(db, "epoch", epoch)?;
    set_meta(db, "led_at", now.timestamp_millis())?;
    db.prepare_cached(END_LEASES)?.execute((code(Standing::Superseded), now.timestamp_millis(), NOT_AGAIN))?;
    end_overtaken(db, None, now.timestamp_millis())?;
    Ok(Lease { epoch })
}

/// Ends every lease; what was not to be tried again is over with it.
const END_LEASES: &str = "UPDATE deliveries SET lease_until = NULL, standing = iif(is_last, ?1, standing),
        settled_at = iif(is_last, ?2, settled_at), note = iif(is_last, ?3, note)
    WHERE standing = 0 AND lease_until IS NOT NULL";

/// Makes sure that a leader still leads.
pub(super) fn lead_by(db: &Connection, lease: Lease) -> Result<(), StoreError> {
    let epoch = meta(db, "epoch")?;
    if epoch == lease.epoch { Ok(()) } else { Err(StoreError::Fenced { epoch }) }
}

/// Reads the state.
pub(super) fn load(db: &Connection) -> Result<Saved, StoreError> {
    let mut statement = db.prepare_cached("SELECT room, key, value FROM facts ORDER BY room, key")?;
    let facts = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(Saved { version: meta(db, "version")?.cast_unsigned(), facts })
}

/// Writes all that one step changes. The caller's savepoint makes it all or nothing.
pub(super) fn commit(db: &Connection, lease: Lease, commit: &Commit) -> Result<(), StoreError> {
    lead_by(db, lease)?;
    let found = meta(db, "version")?.cast_unsigned();
    if found != commit.version {
        return Err(StoreError::Moved { expected: commit.version, found });
    }
    write_facts(db, commit)?;
    let mut hashes = journal::Hashes::new();
    for bulletin in &commit.bulletins {
        see(db, bulletin.issued)?;
        hashes.insert(bulletin.id.as_str(), write_bulletin(db, bulletin)?);
    }
    journal::write(db, &commit.journal, &hashes)?;
    for message in &commit.messages {
        write_message(db, message)?;
    }
    if let Some(latest) = commit.journal.iter().map(|entry| entry.at).max() {
        see(db, latest)?;
    }
    let mut known = Known::default();
    for delivery in &commit.deliveries {
        owe(db, delivery, &mut known)?;
    }
    for bulletin in &commit.bulletins {
        overtake_others(db, bulletin, commit)?;
    }
    set_meta(db, "version", found.wrapping_add(1).cast_signed())
}

fn write_facts(db: &Connection, commit: &Commit) -> Result<(), StoreError> {
    let mut put = db.prepare_cached("INSERT OR REPLACE INTO facts (room, key, value) VALUES (?1, ?2, ?3)")?;
    let mut drop = db.prepare_cached("DELETE FROM facts WHERE room = ?1 AND key = ?2")?;
    for fact in &commit.facts {
        match &fact.value {
            Some(value) => put.execute((fact.room, &fact.key, value))?,
            None => drop.execute((fact.room, &fact.key))?,
        };
    }
    Ok(())
}

/// Keeps what was said, and gives the hash of it as it is stored.
fn write_bulletin(db: &Connection, bulletin: &Bulletin) -> Result<Hash, StoreError> {
    let json = serde_json::to_string(bulletin)
        .map_err(|why| StoreError::Refused { why: format!("bulletin {} cannot be written: {why}", bulletin.id) })?;
    let said: Option<String> = db
        .prepare_cached("SELECT json FROM bulletins WHERE id = ?1")?
        .query_row([bulletin.id.as_str()], |row| row.get(0))
        .optional()?;
    match said {
        Some(said) if said == json => Ok(Hash::of(&json)),
        Some(_) => Err(StoreError::Refused { why: format!("bulletin {} was already said differently", bulletin.id) }),
        None => {
            let sql = "INSERT INTO bulletins (id, number, edition, issued, json) VALUES (?1, ?2, ?3, ?4, ?5)";
            let issued = bulletin.issued.timestamp_millis();
            db.prepare_cached(sql)?.execute((
                bulletin.id.as_str(),
                &bulletin.number,
                bulletin.edition,
                issued,
                &json,
            ))?;
            Ok(Hash::of(&json))
        }
    }
}

/// Freezes a message. The same bytes again are nothing new; other bytes under the same name are refused, since some may
/// already have received the first.
pub(super) fn write_message(db: &Connection, message: &Message) -> Result<(), StoreError> {
    let frozen: Option<(String, String, String)> = db
        .prepare_cached("SELECT bulletin, content_type, body FROM messages WHERE key = ?1")?
        .query_row([message.key.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    if let Some((bulletin, content_type, body)) = frozen {
        let is_same =
            bulletin == message.bulletin.as_str() && content_type == message.content_type && body == message.body;
        let why = || format!("message {} is already frozen with other bytes", message.key.as_str());
        return if is_same { Ok(()) } else { Err(StoreError::Refused { why: why() }) };
    }
    let sha256 = digest(&SHA256, message.body.as_bytes());
    db.prepare_cached("INSERT INTO messages (key, bulletin, content_type, body, sha256) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((
            message.key.as_str(),
            message.bulletin.as_str(),
            message.content_type,
            &message.body,
            sha256.as_ref(),
        ))?;
    Ok(())
}

/// The rows of names that were already looked up in this commit.
#[derive(Default)]
struct Known<'a> {
    channels: BTreeMap<&'a str, i64>,
    messages: BTreeMap<&'a str, i64>,
}

/// Owes one message to one channel; true when that is new.
pub(super) fn write_delivery(db: &Connection, new: &NewDelivery) -> Result<bool, StoreError> {
    owe(db, new, &mut Known::default())
}

fn owe<'a>(db: &Connection, new: &'a NewDelivery, known: &mut Known<'a>) -> Result<bool, StoreError> {
    let channel = match known.channels.get(new.channel.as_str()) {
        Some(row) => *row,
        None => {
            let row = channel_row(db, new.channel.as_str())?;
            known.channels.insert(new.channel.as_str(), row);
            row
        }
    };
    let message = match known.messages.get(new.message.as_str()) {
        Some(row) => *row,
        None => {
            let row = message_row(db, &new.message, new)?;
            known.messages.insert(new.message.as_str(), row);
            row
        }
    };
    if let Some(since) = new.terms.unless_has
        && stands_by(db, channel, new, since)?
    {
        return Ok(false);
    }
    let due = new.due.timestamp_millis();
    let is_owed = held::is_owed(db, channel, new)?;
    let Going { hold, due: going, stands_for, lag } = held::going(db, channel, new)?;
    let picture = new.picture.as_ref().map(|picture| message_row(db, picture, new)).transpose()?;
    let put = "INSERT INTO deliveries
            (channel, message, number, edition, urgency, due, expires, hold, stands_for, lag, picture)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (channel, message) DO NOTHING";
    let is_new = is_owed
        && 0 < db.prepare_cached(put)?.execute((
            channel,
            message,
            &new.number,
            new.edition,
            new.urgency,
            going,
            new.expires.timestamp_millis(),
            hold_code(hold),
            stands_for,
            lag,
            picture,
        ))?;
    if is_new || !is_owed {
        // There is no other clock in a commit than the moment from which the newer edition may go out. What is kept back takes the
        // place of nothing but what was kept back before it: the milder word that is on its way goes on.
        let supersede = "UPDATE deliveries SET standing = ?4, settled_at = ?5, note = ?6
            WHERE channel = ?1 AND number = ?2 AND edition < ?3 AND standing = 0 AND attempts = 0 AND ?7 <= hold";
        let note = format!("superseded by {} before it was tried", new.bulletin);
        let (standing, least) = (code(Standing::Superseded), if is_owed { hold_code(hold) } else { 0 });
        db.prepare_cached(supersede)?.execute((channel, &new.number, new.edition, standing, due, note, least))?;
    }
    Ok(is_new)
}

/// Whether the newest older edition that was ever owed to a channel has arrived there and is not older than another one. What is
/// still owed, or on its way, or was given up, is not stood by.
fn stands_by(db: &Connection, channel: i64, new: &NewDelivery, since: u32) -> Result<bool, StoreError> {
    let sql = "SELECT standing = ?4 AND ?5 <= edition FROM deliveries
        WHERE channel = ?1 AND number = ?2 AND edition < ?3 ORDER BY edition DESC LIMIT 1";
    let arrived = code(Standing::Delivered);
    let found = db
        .prepare_cached(sql)?
        .query_row((channel, &new.number, new.edition, arrived, since), |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(false))
}

/// Ends what is still owed of other warnings that a bulletin takes the place of, up to the edition that it names (a newer one may go
/// on beside it, when an update has split a warning), to the channels that are owed the bulletin: an
/// authority's word takes the place of a rule's, and one update that of several alerts. What a courier holds cannot be ended under
/// its hands: it becomes an older edition of the bulletin's own number, so that a try that fails is not repeated after the newer
/// word.
fn overtake_others(db: &Connection, bulletin: &Bulletin, commit: &Commit) -> Result<(), StoreError> {
    // What is kept back leaves all others as they are until it goes out.
    let is_out = |delivery: &&NewDelivery| delivery.bulletin == bulletin.id && delivery.terms.hold == Hold::Free;
    for delivery in commit.deliveries.iter().filter(is_out) {
        let channel = channel_row(db, delivery.channel.as_str())?;
        overtake(db, channel, bulletin, delivery.due.timestamp_millis())?;
    }
    Ok(())
}

/// Ends at one channel what a bulletin takes the place of under other numbers.
pub(super) fn overtake(db: &Connection, channel: i64, bulletin: &Bulletin, now: i64) -> Result<(), StoreError> {
    let sql = "UPDATE deliveries SET standing = ?3, settled_at = ?4, note = ?5
        WHERE standing = 0 AND lease_until IS NULL AND channel = ?1
            AND number = (SELECT number FROM bulletins WHERE id = ?2 AND number <> ?6)
            AND edition <= (SELECT edition FROM bulletins WHERE id = ?2)";
    let mut end = db.prepare_cached(sql)?;
    let held = "UPDATE deliveries SET number = ?3, edition = 0
        WHERE standing = 0 AND lease_until IS NOT NULL AND channel = ?1
            AND number = (SELECT number FROM bulletins WHERE id = ?2 AND number <> ?3)
            AND edition <= (SELECT edition FROM bulletins WHERE id = ?2)";
    let mut join = db.prepare_cached(held)?;
    let note = format!("superseded by {}, which takes its place", bulletin.id);
    for replaced in &bulletin.replaces {
        end.execute((channel, replaced.as_str(), code(Standing::Superseded), now, &note, &bulletin.number))?;
        join.execute((channel, replaced.as_str(), &bulletin.number))?;
    }
    Ok(())
}

pub(super) fn channel_row(db: &Connection, name: &str) -> Result<i64, StoreError> {
    db.prepare_cached("INSERT INTO channels (name) VALUES (?1) ON CONFLICT (name) DO NOTHING")?.execute([name])?;
    Ok(db.prepare_cached("SELECT id FROM channels WHERE name = ?1")?.query_row([name], |row| row.get(0))?)
}

fn message_row(db: &Connection, message: &MessageKey, new: &NewDelivery) -> Result<i64, StoreError> {
    let row: Option<i64> = db
        .prepare_cached("SELECT id FROM messages WHERE key = ?1 AND bulletin = ?2")?
        .query_row([message.as_str(), new.bulletin.as_str()], |row| row.get(0))
        .optional()?;
    row.ok_or_else(|| StoreError::Refused {
        why: format!(
            "a delivery to {} names message {} of bulletin {}, which is not there",
            new.channel,
            message.as_str(),
            new.bulletin
        ),
    })
}
