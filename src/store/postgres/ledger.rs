//! The brain's side: who leads, what is so, and the commit of one step.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest::{SHA256, digest};

use super::super::codes::{NOT_AGAIN, code, hold_code};
use super::super::{Commit, Lease, Saved, StoreError};
use super::held::{self, Going};
use super::journal;
use super::outbox::end_all_overtaken;
use super::pool::Work;
use crate::bulletin::Bulletin;
use crate::message::{Message, MessageKey};
use crate::outbox::{NewDelivery, Standing};
use crate::record::Fact;
use crate::record::chain::Hash;
use crate::route::manner::Hold;
use crate::time::Timestamp;

/// Takes the lead: the epoch grows, and the leases of all nodes that do not live end at once.
pub(super) async fn lead(work: &Work, now: Timestamp) -> Result<Lease, StoreError> {
    let now = now.timestamp_millis();
    // Whoever commits holds this row too: the epoch grows before or after a commit, and never within one.
    let epoch = work.one("UPDATE meta SET value = value + 1 WHERE name = 'epoch' RETURNING value", &[]).await?.get(0);
    set_meta(work, "led_at", now).await?;
    end_leases(work, now).await?;
    end_all_overtaken(work, now).await?;
    Ok(Lease { epoch })
}

/// Ends the leases of nodes that do not live any more, and of those that never said that they do; what was not to be tried again is
/// over with it. Counts them.
pub(super) async fn end_leases(work: &Work, now: i64) -> Result<u64, StoreError> {
    let sql = "UPDATE deliveries SET lease_until = NULL, holder = NULL, standing = CASE WHEN is_last THEN $1 ELSE standing END,
            settled_at = CASE WHEN is_last THEN $2 ELSE settled_at END, note = CASE WHEN is_last THEN $3 ELSE note END
        WHERE standing = 0 AND lease_until IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM nodes WHERE nodes.id = holder AND clock_timestamp() < nodes.until)";
    let ended = work.run(sql, &[&code(Standing::Superseded), &now, &NOT_AGAIN]).await?;
    if ended != 0 {
        end_all_overtaken(work, now).await?;
    }
    Ok(ended)
}

/// Makes sure that a leader still leads, and that nobody takes the lead until its work is committed.
pub(super) async fn lead_by(work: &Work, lease: Lease) -> Result<(), StoreError> {
    let epoch = epoch(work).await?;
    if epoch == lease.epoch { Ok(()) } else { Err(StoreError::Fenced { epoch }) }
}

/// The epoch in force, which stays so until this work is committed.
pub(super) async fn epoch(work: &Work) -> Result<i64, StoreError> {
    Ok(work.one("SELECT value FROM meta WHERE name = 'epoch' FOR SHARE", &[]).await?.get(0))
}

/// Writes a number of the table `meta`.
pub(super) async fn set_meta(work: &Work, name: &str, value: i64) -> Result<(), StoreError> {
    work.run("UPDATE meta SET value = $2 WHERE name = $1", &[&name, &value]).await?;
    Ok(())
}

/// Remembers a moment that someone told, unless a later one is known.
async fn see(work: &Work, moment: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO meta (name, value) VALUES ('seen_at', $1)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE meta.value < excluded.value";
    work.run(sql, &[&moment]).await?;
    Ok(())
}

/// Locks channels for whoever changes what claims there go by: claims wait for the end of it, and go on beside each other. The order
/// is the same for all, so that nobody waits in a circle.
pub(super) async fn lock_channels(work: &Work, names: &[&str]) -> Result<(), StoreError> {
    let sql = "SELECT pg_advisory_xact_lock($2, h) FROM
        (SELECT DISTINCT hashtext(name) AS h FROM unnest($1::text[]) AS n(name) ORDER BY 1) AS in_order";
    work.rows(sql, &[&names, &CHANNELS]).await?;
    Ok(())
}

/// The class of the locks of channels among all locks of the database.
pub(super) const CHANNELS: i32 = 0x4e41_4452;

/// Reads the state.
pub(super) async fn load(work: &Work) -> Result<Saved, StoreError> {
    let rows = work.rows("SELECT room, key, value FROM facts ORDER BY room, key", &[]).await?;
    let facts = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    Ok(Saved { version: version(work).await?, facts })
}

async fn version(work: &Work) -> Result<u64, StoreError> {
    let version: i64 = work.one("SELECT value FROM meta WHERE name = 'version'", &[]).await?.get(0);
    Ok(version.cast_unsigned())
}

/// Writes all that one step changes. The transaction makes it all or nothing.
pub(super) async fn commit(work: &Work, lease: Lease, commit: &Commit) -> Result<(), StoreError> {
    lead_by(work, lease).await?;
    let found: i64 = work.one("SELECT value FROM meta WHERE name = 'version' FOR UPDATE", &[]).await?.get(0);
    if found.cast_unsigned() != commit.version {
        return Err(StoreError::Moved { expected: commit.version, found: found.cast_unsigned() });
    }
    let channels: BTreeSet<&str> = commit.deliveries.iter().map(|delivery| delivery.channel.as_str()).collect();
    if !channels.is_empty() {
        lock_channels(work, &channels.iter().copied().collect::<Vec<_>>()).await?;
    }
    write_facts(work, &commit.facts).await?;
    let mut hashes = journal::Hashes::new();
    for bulletin in &commit.bulletins {
        hashes.insert(bulletin.id.as_str(), write_bulletin(work, bulletin).await?);
    }
    journal::write(work, &commit.journal, &hashes).await?;
    for message in &commit.messages {
        write_message(work, message).await?;
    }
    let told = commit.journal.iter().map(|entry| entry.at).chain(commit.bulletins.iter().map(|one| one.issued));
    if let Some(latest) = told.max() {
        see(work, latest.timestamp_millis()).await?;
    }
    let mut known = Known::default();
    for delivery in &commit.deliveries {
        owe(work, delivery, &mut known).await?;
    }
    for bulletin in &commit.bulletins {
        overtake_others(work, bulletin, commit).await?;
    }
    ring(work, channels).await?;
    set_meta(work, "version", found.wrapping_add(1)).await
}

/// Wakes the couriers of channels on every node, once this is committed.
pub(super) async fn ring(work: &Work, channels: impl IntoIterator<Item = &str>) -> Result<(), StoreError> {
    let names: Vec<&str> = channels.into_iter().collect();
    if !names.is_empty() {
        work.rows("SELECT pg_notify('nadhir', name) FROM unnest($1::text[]) AS n(name)", &[&names]).await?;
    }
    Ok(())
}

async fn write_facts(work: &Work, facts: &[Fact]) -> Result<(), StoreError> {
    let last: BTreeMap<(&str, &str), Option<&str>> =
        facts.iter().map(|fact| ((fact.room, fact.key.as_str()), fact.value.as_deref())).collect();
    let (mut put, mut gone) = ((Vec::new(), Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for ((room, key), value) in last {
        match value {
            Some(value) => {
                put.0.push(room);
                put.1.push(key);
                put.2.push(value);
            }
            None => {
                gone.0.push(room);
                gone.1.push(key);
            }
        }
    }
    if !put.0.is_empty() {
        let sql = "INSERT INTO facts (room, key, value) SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
            ON CONFLICT (room, key) DO UPDATE SET value = excluded.value";
        work.run(sql, &[&put.0, &put.1, &put.2]).await?;
    }
    if !gone.0.is_empty() {
        let sql = "DELETE FROM facts USING unnest($1::text[], $2::text[]) AS gone(room, key)
            WHERE facts.room = gone.room AND facts.key = gone.key";
        work.run(sql, &[&gone.0, &gone.1]).await?;
    }
    Ok(())
}

/// A text as PostgreSQL takes it: it keeps no character 0, which no text of ours means to have.
pub(super) fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Keeps what was said, and gives the hash of it as it is stored.
async fn write_bulletin(work: &Work, bulletin: &Bulletin) -> Result<Hash, StoreError> {
    let json = serde_json::to_string(bulletin)
        .map_err(|why| StoreError::Refused { why: format!("bulletin {} cannot be written: {why}", bulletin.id) })?;
    let id = bulletin.id.as_str();
    let said = work.maybe("SELECT json FROM bulletins WHERE id = $1", &[&id]).await?;
    match said.map(|row| row.get::<_, String>(0)) {
        Some(said) if said == json => Ok(Hash::of(&json)),
        Some(_) => Err(StoreError::Refused { why: format!("bulletin {} was already said differently", bulletin.id) }),
        None => {
            let sql = "INSERT INTO bulletins (id, number, edition, issued, json) VALUES ($1, $2, $3, $4, $5)";
            let (edition, issued) = (i64::from(bulletin.edition), bulletin.issued.timestamp_millis());
            work.run(sql, &[&id, &bulletin.number, &edition, &issued, &json]).await?;
            Ok(Hash::of(&json))
        }
    }
}

/// Freezes a message. The same bytes again are nothing new; other bytes under the same name are refused, since some may
/// already have received the first.
pub(super) async fn write_message(work: &Work, message: &Message) -> Result<(), StoreError> {
    let (key, bulletin, body) = (message.key.as_str(), message.bulletin.as_str(), message.body.as_bytes());
    let frozen = work.maybe("SELECT bulletin, content_type, body FROM messages WHERE key = $1", &[&key]).await?;
    if let Some(row) = frozen {
        let (was, content_type, bytes): (&str, &str, &[u8]) = (row.get(0), row.get(1), row.get(2));
        let is_same = was == bulletin && content_type == message.content_type && bytes == body;
        let why = || format!("message {key} is already frozen with other bytes");
        return if is_same { Ok(()) } else { Err(StoreError::Refused { why: why() }) };
    }
    let sha256 = digest(&SHA256, body);
    let sql = "INSERT INTO messages (key, bulletin, content_type, body, sha256) VALUES ($1, $2, $3, $4, $5)";
    work.run(sql, &[&key, &bulletin, &message.content_type, &body, &sha256.as_ref()]).await?;
    Ok(())
}

/// The rows of names that were already looked up in this commit.
#[derive(Default)]
struct Known<'a> {
    channels: BTreeMap<&'a str, i64>,
    messages: BTreeMap<&'a str, i64>,
}

/// Owes one message to one channel; true when that is new.
pub(super) async fn write_delivery(work: &Work, new: &NewDelivery) -> Result<bool, StoreError> {
    owe(work, new, &mut Known::default()).await
}

async fn owe<'a>(work: &Work, new: &'a NewDelivery, known: &mut Known<'a>) -> Result<bool, StoreError> {
    let channel = match known.channels.get(new.channel.as_str()) {
        Some(row) => *row,
        None => {
            let row = channel_row(work, new.channel.as_str()).await?;
            known.channels.insert(new.channel.as_str(), row);
            row
        }
    };
    let message = match known.messages.get(new.message.as_str()) {
        Some(row) => *row,
        None => {
            let row = message_row(work, &new.message, new).await?;
            known.messages.insert(new.message.as_str(), row);
            row
        }
    };
    if let Some(since) = new.terms.unless_has
        && stands_by(work, channel, new, since).await?
    {
        return Ok(false);
    }
    let (due, edition) = (new.due.timestamp_millis(), i64::from(new.edition));
    let is_owed = held::is_owed(work, channel, new).await?;
    let Going { hold, due: going, stands_for, lag } = held::going(work, channel, new).await?;
    let picture = match &new.picture {
        Some(picture) => Some(message_row(work, picture, new).await?),
        None => None,
    };
    let put = "INSERT INTO deliveries
            (channel, message, number, edition, urgency, due, expires, hold, stands_for, lag, picture)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (channel, message) DO NOTHING";
    let (urgency, expires, held) = (i64::from(new.urgency), new.expires.timestamp_millis(), hold_code(hold));
    let values: &[super::pool::Value<'_>] =
        &[&channel, &message, &new.number, &edition, &urgency, &going, &expires, &held, &stands_for, &lag, &picture];
    let is_new = is_owed && 0 < work.run(put, values).await?;
    if is_new || !is_owed {
        // There is no other clock in a commit than the moment from which the newer edition may go out. What is kept back takes the
        // place of nothing but what was kept back before it: the milder word that is on its way goes on.
        let supersede = "UPDATE deliveries SET standing = $4, settled_at = $5, note = $6
            WHERE channel = $1 AND number = $2 AND edition < $3 AND standing = 0 AND attempts = 0 AND $7 <= hold";
        let note = format!("superseded by {} before it was tried", new.bulletin);
        let (standing, least) = (code(Standing::Superseded), if is_owed { held } else { 0 });
        work.run(supersede, &[&channel, &new.number, &edition, &standing, &due, &note, &least]).await?;
    }
    Ok(is_new)
}

/// Whether the newest older edition that was ever owed to a channel has arrived there and is not older than another one. What is
/// still owed, or on its way, or was given up, is not stood by.
async fn stands_by(work: &Work, channel: i64, new: &NewDelivery, since: u32) -> Result<bool, StoreError> {
    let sql = "SELECT standing = $4 AND $5 <= edition FROM deliveries
        WHERE channel = $1 AND number = $2 AND edition < $3 ORDER BY edition DESC LIMIT 1";
    let (edition, arrived, since) = (i64::from(new.edition), code(Standing::Delivered), i64::from(since));
    let found = work.maybe(sql, &[&channel, &new.number, &edition, &arrived, &since]).await?;
    Ok(found.is_some_and(|row| row.get(0)))
}

/// Ends what is still owed of other warnings that a bulletin takes the place of, to the channels that are owed the bulletin. What is
/// kept back leaves all others as they are until it goes out.
async fn overtake_others(work: &Work, bulletin: &Bulletin, commit: &Commit) -> Result<(), StoreError> {
    let is_out = |delivery: &&NewDelivery| delivery.bulletin == bulletin.id && delivery.terms.hold == Hold::Free;
    for delivery in commit.deliveries.iter().filter(is_out) {
        let channel = channel_row(work, delivery.channel.as_str()).await?;
        overtake(work, channel, bulletin, delivery.due.timestamp_millis()).await?;
    }
    Ok(())
}

/// Ends at one channel what a bulletin takes the place of under other numbers, up to the edition that it names. What a courier holds
/// cannot be ended under its hands: it becomes an older edition of the bulletin's own number, so that a try that fails is not repeated
/// after the newer word.
pub(super) async fn overtake(work: &Work, channel: i64, bulletin: &Bulletin, now: i64) -> Result<(), StoreError> {
    let end = "UPDATE deliveries SET standing = $3, settled_at = $4, note = $5
        WHERE standing = 0 AND lease_until IS NULL AND channel = $1
            AND number = (SELECT number FROM bulletins WHERE id = $2 AND number <> $6)
            AND edition <= (SELECT edition FROM bulletins WHERE id = $2)";
    let join = "UPDATE deliveries SET number = $3, edition = 0
        WHERE standing = 0 AND lease_until IS NOT NULL AND channel = $1
            AND number = (SELECT number FROM bulletins WHERE id = $2 AND number <> $3)
            AND edition <= (SELECT edition FROM bulletins WHERE id = $2)";
    let note = format!("superseded by {}, which takes its place", bulletin.id);
    let standing = code(Standing::Superseded);
    for replaced in &bulletin.replaces {
        let replaced = replaced.as_str();
        work.run(end, &[&channel, &replaced, &standing, &now, &note, &bulletin.number]).await?;
        work.run(join, &[&channel, &replaced, &bulletin.number]).await?;
    }
    Ok(())
}

/// The row of a channel, which is made when it is not there.
pub(super) async fn channel_row(work: &Work, name: &str) -> Result<i64, StoreError> {
    if let Some(row) = work.maybe("SELECT id FROM channels WHERE name = $1", &[&name]).await? {
        return Ok(row.get(0));
    }
    work.run("INSERT INTO channels (name) VALUES ($1) ON CONFLICT (name) DO NOTHING", &[&name]).await?;
    Ok(work.one("SELECT id FROM channels WHERE name = $1", &[&name]).await?.get(0))
}

async fn message_row(work: &Work, message: &MessageKey, new: &NewDelivery) -> Result<i64, StoreError> {
    let (key, bulletin) = (message.as_str(), new.bulletin.as_str());
    let row = work.maybe("SELECT id FROM messages WHERE key = $1 AND bulletin = $2", &[&key, &bulletin]).await?;
    row.map(|row| row.get(0)).ok_or_else(|| StoreError::Refused {
        why: format!("a delivery to {} names message {key} of bulletin {bulletin}, which is not there", new.channel),
    })
}
