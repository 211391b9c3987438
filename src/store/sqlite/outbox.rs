//! The couriers' side: claims with leases, settlements with proofs, and when to come again.

use std::collections::BTreeMap;
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use rusqlite::{Connection, OptionalExtension};

use super::super::codes::{DAMAGED, EXPIRED, NOT_AGAIN, cut};
use super::super::{StoreError, Tally};
use super::held::{self, ITS_EDITION, SAID_OF};
use super::moving;
use super::values::{SEEN, audience, code, last_seen, meta, moment, name, see, set_meta, standing};
use crate::ids::{BulletinId, ChannelId};
use crate::outbox::{Claimed, MAX_CLAIM, Outcome, Settlement, Standing, is_correction};
use crate::route::Audience;
use crate::time::{TimeDelta, Timestamp};

/// Takes deliveries that are due, the most urgent first.
pub(super) fn claim(
    db: &Connection,
    channel: &ChannelId,
    limit: usize,
    now: Timestamp,
    lease: TimeDelta,
) -> Result<Vec<Claimed>, StoreError> {
    moving::stay(db)?;
    let Some((row, audience)) = channel_row(db, channel)? else { return Ok(Vec::new()) };
    let moment_now = now.timestamp_millis();
    follow_clock(db, moment_now)?;
    release(db, row, moment_now)?;
    expire(db, row, moment_now)?;
    held::let_go(db, row, moment_now)?;
    held::stand_back(db, row, moment_now)?;
    let due = due_rows(db, row, moment_now, limit.min(MAX_CLAIM))?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let token = meta(db, "token")? + 1;
    set_meta(db, "token", token)?;
    let until = moment_now.saturating_add(lease.num_milliseconds());
    let mut hold =
        db.prepare_cached("UPDATE deliveries SET attempts = attempts + 1, token = ?2, lease_until = ?3 WHERE id = ?1")?;
    let mut texts = BTreeMap::new();
    let mut claimed = Vec::with_capacity(due.len());
    for delivery in due {
        let text = match texts.get(&delivery.message) {
            Some(text) => Option::clone(text),
            None => {
                let text = frozen(db, delivery.message)?;
                texts.insert(delivery.message, text.clone());
                text
            }
        };
        let Some(text) = text else {
            bury(db, &delivery, moment_now)?;
            continue;
        };
        hold.execute((delivery.id, token, until))?;
        let pictures = delivery.picture.map(|picture| frozen(db, picture)).transpose()?.flatten();
        let is_kept_back = held::is_kept_back(db, &text.bulletin)?;
        let bulletin: BulletinId = name(text.bulletin)?;
        let corrects = if is_correction(delivery.urgency) { arrived_before(db, row, &bulletin)? } else { None };
        claimed.push(Claimed {
            id: delivery.id,
            token,
            attempt: delivery.attempts.saturating_add(1),
            channel: channel.clone(),
            audience,
            message: name(text.key)?,
            bulletin,
            body: text.body,
            content_type: text.content_type,
            pictures: pictures.map(|pictures| pictures.body),
            corrects,
            is_kept_back,
            urgency: delivery.urgency,
            expires: moment(delivery.expires)?,
        });
    }
    Ok(claimed)
}

/// What the other side said when it took the newest older edition of a bulletin.
fn arrived_before(db: &Connection, channel: i64, bulletin: &BulletinId) -> Result<Option<String>, StoreError> {
    let sql = format!(
        "SELECT o.note FROM {SAID_OF} AND {ITS_EDITION} < CAST(substr(?4, length(?2) + 2) AS INTEGER) AND o.standing = ?3
        ORDER BY {ITS_EDITION} DESC, o.id LIMIT 1"
    );
    let of = (channel, bulletin.number(), code(Standing::Delivered), bulletin.as_str());
    Ok(db.prepare_cached(&sql)?.query_row(of, |row| row.get(0)).optional()?.flatten())
}

/// Brings back what was put off while the clock ran ahead: what then seemed a moment away would lie as far off as the clock was
/// set back, and a warning would wait for all of it. Nothing is brought back to before now.
fn follow_clock(db: &Connection, now: i64) -> Result<(), StoreError> {
    let Some(seen) = last_seen(db)? else { return Ok(()) };
    let step = seen.saturating_sub(now);
    if step <= SMALL_STEP.num_milliseconds() {
        return Ok(());
    }
    let moved = db.prepare_cached(FOLLOW)?.execute((now, step))?;
    set_meta(db, SEEN, now)?;
    tracing::warn!(
        "The clock went back by {} s; {moved} deliveries that are owed were brought back with it",
        step / 1000
    );
    Ok(())
}

/// How far the clock may go back before what is owed is brought back with it; less is only waited for.
const SMALL_STEP: TimeDelta = TimeDelta::seconds(30);

const FOLLOW: &str = "UPDATE deliveries SET due = CASE WHEN ?1 < due THEN max(?1, due - ?2) ELSE due END, lease_until = max(?1, lease_until - ?2)
    WHERE standing = 0 AND (?1 < due OR ?1 < lease_until)";

/// Gives back what couriers held for longer than their lease, unless that was to be the last try.
fn release(db: &Connection, channel: i64, now: i64) -> Result<(), StoreError> {
    let released = db.prepare_cached(RELEASE)?.execute((channel, now, code(Standing::Superseded), NOT_AGAIN))?;
    if released != 0 { end_overtaken(db, Some(channel), now) } else { Ok(()) }
}

/// Ends what is owed and in nobody's hands any more, where a newer edition has arrived meanwhile: at a channel, or at all.
pub(super) fn end_overtaken(db: &Connection, channel: Option<i64>, now: i64) -> Result<(), StoreError> {
    let over = code(Standing::Superseded);
    match channel {
        Some(channel) => db.prepare_cached(&overtake_at_sql())?.execute((over, now, channel))?,
        None => db.prepare_cached(&format!("{OVERTAKEN} WHERE {HAS_ARRIVED}"))?.execute((over, now))?,
    };
    Ok(())
}

/// Marks what ran out of time; the note keeps why the last try failed, when there was one.
fn expire(db: &Connection, channel: i64, now: i64) -> Result<(), StoreError> {
    db.prepare_cached(EXPIRE)?.execute((channel, now, code(Standing::Expired), EXPIRED))?;
    Ok(())
}

const RELEASE: &str = "UPDATE deliveries SET lease_until = NULL, standing = iif(is_last, ?3, standing),
        settled_at = iif(is_last, ?2, settled_at), note = iif(is_last, ?4, note)
    WHERE channel = ?1 AND standing = 0 AND lease_until IS NOT NULL AND lease_until <= ?2";

const EXPIRE: &str =
    "UPDATE deliveries SET standing = ?3, settled_at = ?2, note = ?4 || coalesce('; last: ' || note, '')
    WHERE channel = ?1 AND standing = 0 AND lease_until IS NULL AND expires <= ?2";

struct Due {
    id: i64,
    message: i64,
    attempts: u32,
    urgency: u8,
    expires: i64,
    picture: Option<i64>,
}

/// Holds for a delivery `d` unless a newer edition of its number is owed to the channel too, has arrived there, or has run
/// out of time: whoever read the newer word must not be given the older one after it, and a word that was replaced so long
/// ago (a warning that was lifted, say) must not be given at all. Only a newer one that was given up, or refused, or that is still
/// kept back lets the older go.
const IS_NEWEST: &str = "NOT EXISTS (SELECT 1 FROM deliveries n
    WHERE n.channel = d.channel AND n.number = d.number AND d.edition < n.edition AND n.standing IN (0, 1, 3) AND n.hold = 0)";

/// The worst urgency below a given one that is owed to a channel and free.
const NEXT_URGENCY: &str = "SELECT max(urgency) FROM deliveries
    WHERE channel = ?1 AND standing = 0 AND lease_until IS NULL AND urgency < ?2";

fn due_sql() -> String {
    format!(
        "SELECT id, message, attempts, urgency, expires, picture FROM deliveries d
        WHERE channel = ?1 AND standing = 0 AND lease_until IS NULL AND urgency = ?2 AND due <= ?3 AND hold = 0 AND {IS_NEWEST}
        ORDER BY due, id LIMIT ?4"
    )
}

fn first_due_sql() -> String {
    format!(
        "SELECT due FROM deliveries d
        WHERE channel = ?1 AND standing = 0 AND lease_until IS NULL AND urgency = ?2 AND hold < 2 AND {IS_NEWEST}
        ORDER BY due, id LIMIT 1"
    )
}

/// What is due, walked urgency by urgency: within one, the index is in the order of `due`, so that what waits for a later
/// try is never read.
fn due_rows(db: &Connection, channel: i64, now: i64, limit: usize) -> Result<Vec<Due>, StoreError> {
    let mut next_urgency = db.prepare_cached(NEXT_URGENCY)?;
    let mut rows = db.prepare_cached(&due_sql())?;
    let mut due = Vec::new();
    let mut above = i64::from(u8::MAX) + 1;
    while due.len() < limit
        && let Some(urgency) = next_urgency.query_row((channel, above), |row| row.get::<_, Option<i64>>(0))?
    {
        let room = (limit - due.len()) as i64;
        let found = rows.query_map((channel, urgency, now, room), |row| {
            let (attempts, urgency, expires, picture) = (row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
            Ok(Due { id: row.get(0)?, message: row.get(1)?, attempts, urgency, expires, picture })
        })?;
        for delivery in found {
            due.push(delivery?);
        }
        above = urgency;
    }
    Ok(due)
}

/// A frozen message.
#[derive(Clone)]
pub(super) struct Text {
    key: String,
    bulletin: String,
    pub(super) content_type: String,
    pub(super) body: Arc<str>,
}

/// Reads a frozen message; none when its bytes are not those that were frozen.
pub(super) fn frozen(db: &Connection, message: i64) -> Result<Option<Text>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT key, bulletin, content_type, body, sha256 FROM messages WHERE id = ?1")?;
    let (text, sha256) = statement.query_row([message], |row| {
        let body: String = row.get(3)?;
        let text = Text { key: row.get(0)?, bulletin: row.get(1)?, content_type: row.get(2)?, body: body.into() };
        Ok((text, row.get::<_, Vec<u8>>(4)?))
    })?;
    let is_whole = digest(&SHA256, text.body.as_bytes()).as_ref() == sha256;
    if !is_whole {
        tracing::error!(message.key = %text.key, "The stored text of {} is damaged and is not sent", text.key);
    }
    Ok(is_whole.then_some(text))
}

/// Gives up a delivery whose text is damaged: nothing is better than something that nobody said.
fn bury(db: &Connection, delivery: &Due, now: i64) -> Result<(), StoreError> {
    let sql = "UPDATE deliveries SET standing = ?2, settled_at = ?3, note = ?4 WHERE id = ?1";
    db.prepare_cached(sql)?.execute((delivery.id, code(Standing::Dead), now, DAMAGED))?;
    Ok(())
}

/// Records how tries ended, and counts those that had the right to say so.
pub(super) fn settle(db: &Connection, settlements: &[Settlement]) -> Result<usize, StoreError> {
    let mut end = db.prepare_cached(
        "UPDATE deliveries SET standing = ?3, settled_at = ?4, note = ?5, lease_until = NULL
        WHERE id = ?1 AND token = ?2 AND standing = 0",
    )?;
    let mut run_out = db.prepare_cached(
        "UPDATE deliveries SET standing = ?3, settled_at = ?4, lease_until = NULL,
            note = ?5 || coalesce('; last: ' || note, '')
        WHERE id = ?1 AND token = ?2 AND standing = 0",
    )?;
    let mut again = db.prepare_cached(
        "UPDATE deliveries SET due = ?3, lease_until = NULL, token = NULL, standing = iif(is_last, ?5, standing),
            settled_at = iif(is_last, ?6, settled_at), note = iif(is_last, ?7 || '; last: ', '') || ?4
        WHERE id = ?1 AND token = ?2 AND standing = 0",
    )?;
    let mut overtake = db.prepare_cached(&overtake_sql())?;
    let mut counted = 0;
    if let Some(latest) = settlements.iter().map(|settlement| settlement.at).max() {
        see(db, latest)?;
    }
    for Settlement { id, token, outcome, at } in settlements {
        let at = at.timestamp_millis();
        let changed = match outcome {
            Outcome::Delivered { receipt } => end.execute((id, token, code(Standing::Delivered), at, cut(receipt)))?,
            Outcome::Dead { why } => end.execute((id, token, code(Standing::Dead), at, cut(why)))?,
            Outcome::Expired => run_out.execute((id, token, code(Standing::Expired), at, EXPIRED))?,
            Outcome::Again { due, why } => {
                let (due, over) = (due.timestamp_millis(), code(Standing::Superseded));
                again.execute((id, token, due, cut(why), over, at, NOT_AGAIN))?
            }
        };
        if changed != 0 {
            overtake.execute((code(Standing::Superseded), at, id))?;
        }
        counted += changed;
    }
    Ok(counted)
}

/// Ends what is owed of older editions, beside a delivery that was just settled, once a newer one has arrived.
fn overtake_sql() -> String {
    format!(
        "{OVERTAKEN} FROM (SELECT channel, number FROM deliveries WHERE id = ?3) AS own
        WHERE d.channel = own.channel AND d.number = own.number AND {HAS_ARRIVED}"
    )
}

/// The same at a channel.
fn overtake_at_sql() -> String {
    format!("{OVERTAKEN} WHERE d.channel = ?3 AND {HAS_ARRIVED}")
}

const OVERTAKEN: &str = "UPDATE deliveries AS d
    SET standing = ?1, settled_at = ?2, note = 'a newer edition arrived first' || coalesce('; last: ' || note, '')";

const HAS_ARRIVED: &str = "d.standing = 0 AND d.lease_until IS NULL AND EXISTS (SELECT 1 FROM deliveries n
    WHERE n.channel = d.channel AND n.number = d.number AND d.edition < n.edition AND n.standing = 1)";

const FIRST_LEASE: &str =
    "SELECT min(lease_until) FROM deliveries WHERE channel = ?1 AND standing = 0 AND lease_until IS NOT NULL";

const FIRST_END: &str =
    "SELECT min(expires) FROM deliveries WHERE channel = ?1 AND standing = 0 AND lease_until IS NULL";

/// When the next delivery of a channel falls due or runs out of time, or the next lease ends.
pub(super) fn next_due(db: &Connection, channel: &ChannelId) -> Result<Option<Timestamp>, StoreError> {
    let Some((row, _)) = channel_row(db, channel)? else { return Ok(None) };
    let mut next_urgency = db.prepare_cached(NEXT_URGENCY)?;
    let mut first_due = db.prepare_cached(&first_due_sql())?;
    let mut next: Option<i64> = db.prepare_cached(FIRST_LEASE)?.query_row([row], |row| row.get(0))?;
    // What is held back by a newer edition never falls due, but it still ends.
    let ends: Option<i64> = db.prepare_cached(FIRST_END)?.query_row([row], |row| row.get(0))?;
    next = next.into_iter().chain(ends).min();
    let mut above = i64::from(u8::MAX) + 1;
    while let Some(urgency) = next_urgency.query_row((row, above), |row| row.get::<_, Option<i64>>(0))? {
        let due: Option<i64> = first_due.query_row((row, urgency), |row| row.get(0)).optional()?;
        next = next.into_iter().chain(due).min();
        above = urgency;
    }
    next.map(moment).transpose()
}

/// Where all deliveries stand, by channel.
pub(super) fn tally(db: &Connection) -> Result<Vec<Tally>, StoreError> {
    let sql = "SELECT c.name, d.standing, count(*) FROM deliveries d JOIN channels c ON c.id = d.channel
        GROUP BY c.name, d.standing ORDER BY c.name, d.standing";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut tallies = Vec::new();
    while let Some(row) = rows.next()? {
        let count: i64 = row.get(2)?;
        tallies.push(Tally { channel: row.get(0)?, standing: standing(row.get(1)?)?, count: count.cast_unsigned() });
    }
    Ok(tallies)
}

/// The row of a channel, and who listens there when that is known.
fn channel_row(db: &Connection, channel: &ChannelId) -> Result<Option<(i64, Option<Audience>)>, StoreError> {
    let mut statement = db.prepare_cached("SELECT id, audience FROM channels WHERE name = ?1")?;
    let found: Option<(i64, Option<String>)> =
        statement.query_row([channel.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((row, name)) = found else { return Ok(None) };
    Ok(Some((row, name.as_deref().map(audience).transpose()?)))
}

#[cfg(test)]
mod tests {
    use super::super::schema::open_in_memory;
    use super::*;

    /// How SQLite goes about a statement, one step a line.
    fn plan(sql: &str) -> String {
        let db = open_in_memory().unwrap();
        let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let blanks = vec![rusqlite::types::Null; statement.parameter_count()];
        let steps = statement.query_map(rusqlite::params_from_iter(blanks), |row| row.get::<_, String>(3)).unwrap();
        steps.collect::<rusqlite::Result<Vec<_>>>().unwrap().join("\n")
    }

    #[test]
    fn a_claim_reads_only_what_it_hands_out_however_much_is_owed() {
        let (due, first_due) = (due_sql(), first_due_sql());
        let cases = [
            (RELEASE, "held (channel=? AND lease_until>? AND lease_until<?)"),
            (EXPIRE, "ending (channel=? AND expires<?)"),
            (NEXT_URGENCY, "free (channel=? AND urgency<?)"),
            (&due, "free (channel=? AND urgency=? AND due<?)"),
            (&first_due, "free (channel=? AND urgency=?)"),
            (FIRST_LEASE, "held (channel=? AND lease_until>?)"),
            (FIRST_END, "ending (channel=?)"),
            (&overtake_sql(), "editions (channel=? AND number=?)"),
            (&overtake_at_sql(), "ending (channel=?)"),
            (&held::told_sql(), "(key>? AND key<?)"),
            (held::LET_GO, "kept (channel=? AND hold=? AND due<?)"),
            (held::GOING, "kept (channel=? AND hold=? AND due<?)"),
            (held::STAND_BACK, "standing_in (channel=? AND due<?)"),
        ];
        for (sql, index) in cases {
            let plan = plan(sql);
            assert!(plan.contains(index), "{sql}\n{plan}");
            assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
        }
        let asks = plan(held::KEPT_BACK);
        assert!(asks.contains("d USING INDEX kept") && asks.contains("SEARCH m USING INTEGER PRIMARY KEY"), "{asks}");
        assert!(plan(&due).contains("editions (channel=? AND number=? AND edition>?)"));
    }
}
