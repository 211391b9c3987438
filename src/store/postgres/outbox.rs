//! The couriers' side: claims with leases, settlements with proofs, and when to come again.
//!
//! Claims of all nodes go on beside each other and skip what another has in its hands at this moment; whatever changes what a claim
//! goes by waits for them, and they for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ring::digest::{SHA256, digest};

use super::super::codes::{DAMAGED, EXPIRED, NOT_AGAIN, audience, code, cut, moment, name, standing};
use super::super::{StoreError, Tally};
use super::held::{self, its_edition, said_of};
use super::ledger::{CHANNELS, clean};
use super::pool::{Value, Work};
use crate::ids::{BulletinId, ChannelId};
use crate::outbox::{Claimed, MAX_CLAIM, Outcome, Settlement, Standing, is_correction};
use crate::route::Audience;
use crate::time::{TimeDelta, Timestamp};

/// Who claims.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claimer {
    /// Its node, where it has joined the others.
    pub(super) node: Option<i64>,
    /// Whether it leads: what is owed goes by the clock of the one who decides.
    pub(super) is_leader: bool,
}

/// Takes deliveries that are due, the most urgent first.
pub(super) async fn claim(
    work: &Work,
    claimer: Claimer,
    channel: &ChannelId,
    limit: usize,
    (now, lease): (Timestamp, TimeDelta),
) -> Result<Vec<Claimed>, StoreError> {
    work.rows("SELECT pg_advisory_xact_lock_shared($1, hashtext($2))", &[&CHANNELS, &channel.as_str()]).await?;
    let Some((row, audience)) = channel_row(work, channel).await? else { return Ok(Vec::new()) };
    let moment_now = now.timestamp_millis();
    if claimer.is_leader {
        follow_clock(work, moment_now).await?;
    }
    release(work, row, moment_now).await?;
    expire(work, row, moment_now).await?;
    held::let_go(work, row, moment_now).await?;
    held::stand_back(work, row, moment_now).await?;
    let due = due_rows(work, row, moment_now, limit.min(MAX_CLAIM)).await?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let token: i64 = work.one("SELECT nextval('tokens')", &[]).await?.get(0);
    let until = moment_now.saturating_add(lease.num_milliseconds());
    let hold = "UPDATE deliveries SET attempts = attempts + 1, token = $2, lease_until = $3, holder = $4 WHERE id = $1";
    let mut texts = BTreeMap::new();
    let mut claimed = Vec::with_capacity(due.len());
    for delivery in due {
        let text = match texts.get(&delivery.message) {
            Some(text) => Option::clone(text),
            None => {
                let text = frozen(work, delivery.message).await?;
                texts.insert(delivery.message, text.clone());
                text
            }
        };
        let Some(text) = text else {
            bury(work, &delivery, moment_now).await?;
            continue;
        };
        work.run(hold, &[&delivery.id, &token, &until, &claimer.node]).await?;
        let pictures = match delivery.picture {
            Some(picture) => frozen(work, picture).await?,
            None => None,
        };
        let urgency = u8::try_from(delivery.urgency).unwrap_or(u8::MAX);
        let is_kept_back = held::is_kept_back(work, &text.bulletin).await?;
        let bulletin: BulletinId = name(text.bulletin)?;
        let corrects = if is_correction(urgency) { arrived_before(work, row, &bulletin).await? } else { None };
        claimed.push(Claimed {
            id: delivery.id,
            token,
            attempt: u32::try_from(delivery.attempts.saturating_add(1)).unwrap_or(u32::MAX),
            channel: channel.clone(),
            audience,
            message: name(text.key)?,
            bulletin,
            body: text.body,
            content_type: text.content_type,
            pictures: pictures.map(|pictures| pictures.body),
            corrects,
            is_kept_back,
            urgency,
            expires: moment(delivery.expires)?,
        });
    }
    Ok(claimed)
}

/// What the other side said when it took the newest older edition of a bulletin.
async fn arrived_before(work: &Work, channel: i64, bulletin: &BulletinId) -> Result<Option<String>, StoreError> {
    let sql = concat!(
        "SELECT o.note FROM ",
        said_of!(),
        " AND ",
        its_edition!(),
        " < coalesce(substring($4::text from '[.]([0-9]+)$')::bigint, 0) AND o.standing = $3 ORDER BY ",
        its_edition!(),
        " DESC, o.id LIMIT 1"
    );
    let of: &[Value<'_>] = &[&channel, &bulletin.number(), &code(Standing::Delivered), &bulletin.as_str()];
    let found = work.maybe(sql, of).await?;
    Ok(found.and_then(|row| row.get(0)))
}

/// Brings back what was put off while the clock ran ahead: what then seemed a moment away would lie as far off as the clock was
/// set back, and a warning would wait for all of it. Nothing is brought back to before now.
async fn follow_clock(work: &Work, now: i64) -> Result<(), StoreError> {
    let seen = work.maybe("SELECT value FROM meta WHERE name = 'seen_at'", &[]).await?;
    let is_back = |seen: i64| SMALL_STEP.num_milliseconds() < seen.saturating_sub(now);
    if !seen.is_some_and(|row| is_back(row.get(0))) {
        return Ok(());
    }
    // Looked at once more under a lock: two couriers must not both follow the same step.
    let seen: i64 = work.one("SELECT value FROM meta WHERE name = 'seen_at' FOR UPDATE", &[]).await?.get(0);
    if !is_back(seen) {
        return Ok(());
    }
    let step = seen.saturating_sub(now);
    let follow = "UPDATE deliveries SET due = CASE WHEN $1 < due THEN greatest($1, due - $2) ELSE due END,
            lease_until = greatest($1, lease_until - $2) + (lease_until - lease_until)
        WHERE standing = 0 AND ($1 < due OR $1 < lease_until)";
    let moved = work.run(follow, &[&now, &step]).await?;
    work.run("UPDATE meta SET value = $1 WHERE name = 'seen_at'", &[&now]).await?;
    tracing::warn!(
        "The clock went back by {} s; {moved} deliveries that are owed were brought back with it",
        step / 1000
    );
    Ok(())
}

/// How far the clock may go back before what is owed is brought back with it; less is only waited for.
const SMALL_STEP: TimeDelta = TimeDelta::seconds(30);

/// What is noted of what was overtaken.
macro_rules! overtaken {
    () => {
        "note = 'a newer edition arrived first' || coalesce('; last: ' || note, '')"
    };
}

/// Whether a newer edition has arrived of a delivery `d` that is owed and in nobody's hands.
macro_rules! has_arrived {
    () => {
        "d.standing = 0 AND d.lease_until IS NULL AND EXISTS (SELECT 1 FROM deliveries n
            WHERE n.channel = d.channel AND n.number = d.number AND d.edition < n.edition AND n.standing = 1)"
    };
}

/// Gives back what couriers held for longer than their lease, unless that was to be the last try.
async fn release(work: &Work, channel: i64, now: i64) -> Result<(), StoreError> {
    let sql = "UPDATE deliveries SET lease_until = NULL, holder = NULL, standing = CASE WHEN is_last THEN $3 ELSE standing END,
            settled_at = CASE WHEN is_last THEN $2 ELSE settled_at END, note = CASE WHEN is_last THEN $4 ELSE note END
        WHERE id IN (SELECT id FROM deliveries
            WHERE channel = $1 AND standing = 0 AND lease_until IS NOT NULL AND lease_until <= $2 FOR UPDATE SKIP LOCKED)
        RETURNING id";
    let released = work.rows(sql, &[&channel, &now, &code(Standing::Superseded), &NOT_AGAIN]).await?;
    end_overtaken(work, &released.iter().map(|row| row.get(0)).collect::<Vec<_>>(), now).await
}

/// Ends what was just taken out of somebody's hands and is owed still, where a newer edition has arrived meanwhile.
async fn end_overtaken(work: &Work, released: &[i64], now: i64) -> Result<(), StoreError> {
    if released.is_empty() {
        return Ok(());
    }
    let sql = concat!(
        "UPDATE deliveries AS d SET standing = $2, settled_at = $3, ",
        overtaken!(),
        " WHERE d.id = ANY($1) AND ",
        has_arrived!()
    );
    work.run(sql, &[&released, &code(Standing::Superseded), &now]).await.map(drop)
}

/// The same of all that is owed, for whoever takes the lead or finds that a node has died.
pub(super) async fn end_all_overtaken(work: &Work, now: i64) -> Result<(), StoreError> {
    let sql = concat!(
        "UPDATE deliveries SET standing = $1, settled_at = $2, ",
        overtaken!(),
        " WHERE id IN (SELECT d.id FROM deliveries d WHERE ",
        has_arrived!(),
        " FOR UPDATE OF d SKIP LOCKED)"
    );
    work.run(sql, &[&code(Standing::Superseded), &now]).await.map(drop)
}

/// Marks what ran out of time; the note keeps why the last try failed, when there was one.
async fn expire(work: &Work, channel: i64, now: i64) -> Result<(), StoreError> {
    let sql = "UPDATE deliveries SET standing = $3, settled_at = $2, note = $4 || coalesce('; last: ' || note, '')
        WHERE id IN (SELECT id FROM deliveries
            WHERE channel = $1 AND standing = 0 AND lease_until IS NULL AND expires <= $2 FOR UPDATE SKIP LOCKED)";
    work.run(sql, &[&channel, &now, &code(Standing::Expired), &EXPIRED]).await?;
    Ok(())
}

struct Due {
    id: i64,
    message: i64,
    attempts: i64,
    urgency: i64,
    expires: i64,
    picture: Option<i64>,
}

/// Holds for a delivery `d` unless a newer edition of its number is owed to the channel too, has arrived there, or has run
/// out of time: whoever read the newer word must not be given the older one after it, and a word that was replaced so long
/// ago (a warning that was lifted, say) must not be given at all. Only a newer one that was given up, or refused, or that is still
/// kept back lets the older go.
macro_rules! is_newest {
    () => {
        "NOT EXISTS (SELECT 1 FROM deliveries n
            WHERE n.channel = d.channel AND n.number = d.number AND d.edition < n.edition AND n.standing IN (0, 1, 3) AND n.hold = 0)"
    };
}

/// The worst urgency below a given one that is owed to a channel and free.
const NEXT_URGENCY: &str = "SELECT max(urgency) FROM deliveries
    WHERE channel = $1 AND standing = 0 AND lease_until IS NULL AND urgency < $2";

const DUE: &str = concat!(
    "SELECT id, message, attempts, urgency, expires, picture FROM deliveries d
    WHERE channel = $1 AND standing = 0 AND lease_until IS NULL AND urgency = $2 AND due <= $3 AND hold = 0 AND ",
    is_newest!(),
    " ORDER BY due, id LIMIT $4 FOR UPDATE OF d SKIP LOCKED"
);

const FIRST_DUE: &str = concat!(
    "SELECT due FROM deliveries d
    WHERE channel = $1 AND standing = 0 AND lease_until IS NULL AND urgency = $2 AND hold < 2 AND ",
    is_newest!(),
    " ORDER BY due, id LIMIT 1"
);

/// Above every urgency.
const TOP: i64 = 1 + u8::MAX as i64;

/// What is due, walked urgency by urgency: within one, the index is in the order of `due`, so that what waits for a later
/// try is never read.
async fn due_rows(work: &Work, channel: i64, now: i64, limit: usize) -> Result<Vec<Due>, StoreError> {
    let mut due = Vec::new();
    let mut above = TOP;
    while due.len() < limit
        && let Some(urgency) = work.one(NEXT_URGENCY, &[&channel, &above]).await?.get::<_, Option<i64>>(0)
    {
        let room = (limit - due.len()) as i64;
        let found = work.rows(DUE, &[&channel, &urgency, &now, &room]).await?;
        due.extend(found.iter().map(|row| Due {
            id: row.get(0),
            message: row.get(1),
            attempts: row.get(2),
            urgency: row.get(3),
            expires: row.get(4),
            picture: row.get(5),
        }));
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
pub(super) async fn frozen(work: &Work, message: i64) -> Result<Option<Text>, StoreError> {
    let sql = "SELECT key, bulletin, content_type, body, sha256 FROM messages WHERE id = $1";
    let row = work.one(sql, &[&message]).await?;
    let (key, body, sha256): (String, &[u8], &[u8]) = (row.get(0), row.get(3), row.get(4));
    let text = std::str::from_utf8(body).ok().filter(|_| digest(&SHA256, body).as_ref() == sha256);
    let Some(text) = text else {
        tracing::error!(message.key = %key, "The stored text of {key} is damaged and is not sent");
        return Ok(None);
    };
    Ok(Some(Text { key, bulletin: row.get(1), content_type: row.get(2), body: text.into() }))
}

/// Gives up a delivery whose text is damaged: nothing is better than something that nobody said.
async fn bury(work: &Work, delivery: &Due, now: i64) -> Result<(), StoreError> {
    let sql = "UPDATE deliveries SET standing = $2, settled_at = $3, note = $4 WHERE id = $1";
    work.run(sql, &[&delivery.id, &code(Standing::Dead), &now, &DAMAGED]).await?;
    Ok(())
}

/// Records how tries ended, and counts those that had the right to say so.
pub(super) async fn settle(work: &Work, settlements: &[Settlement]) -> Result<usize, StoreError> {
    let lock = "SELECT pg_advisory_xact_lock($2, h) FROM (SELECT DISTINCT hashtext(c.name) AS h
        FROM deliveries d JOIN channels c ON c.id = d.channel WHERE d.id = ANY($1) ORDER BY 1) AS in_order";
    let ids: Vec<i64> = settlements.iter().map(|settlement| settlement.id).collect();
    work.rows(lock, &[&ids, &CHANNELS]).await?;
    let end = "UPDATE deliveries SET standing = $3, settled_at = $4, note = $5, lease_until = NULL, holder = NULL
        WHERE id = $1 AND token = $2 AND standing = 0";
    let run_out = "UPDATE deliveries SET standing = $3, settled_at = $4, lease_until = NULL, holder = NULL,
            note = $5 || coalesce('; last: ' || note, '')
        WHERE id = $1 AND token = $2 AND standing = 0";
    let again = "UPDATE deliveries SET due = $3, lease_until = NULL, holder = NULL, token = NULL,
            standing = CASE WHEN is_last THEN $5 ELSE standing END, settled_at = CASE WHEN is_last THEN $6 ELSE settled_at END,
            note = CASE WHEN is_last THEN $7 || '; last: ' ELSE '' END || $4
        WHERE id = $1 AND token = $2 AND standing = 0";
    let mut counted = 0;
    for Settlement { id, token, outcome, at } in settlements {
        let at = at.timestamp_millis();
        let changed = match outcome {
            Outcome::Delivered { receipt } => {
                work.run(end, &[id, token, &code(Standing::Delivered), &at, &note(receipt)]).await?
            }
            Outcome::Dead { why } => work.run(end, &[id, token, &code(Standing::Dead), &at, &note(why)]).await?,
            Outcome::Expired => work.run(run_out, &[id, token, &code(Standing::Expired), &at, &EXPIRED]).await?,
            Outcome::Again { due, why } => {
                let over = code(Standing::Superseded);
                let of: &[Value<'_>] = &[id, token, &due.timestamp_millis(), &note(why), &over, &at, &NOT_AGAIN];
                work.run(again, of).await?
            }
        };
        if changed != 0 {
            work.run(OVERTAKE, &[id, &code(Standing::Superseded), &at]).await?;
        }
        counted += usize::try_from(changed).unwrap_or_default();
    }
    Ok(counted)
}

fn note(text: &str) -> String {
    clean(&cut(text))
}

/// Ends what is owed of older editions, beside a delivery that was just settled, once a newer one has arrived.
const OVERTAKE: &str = concat!(
    "UPDATE deliveries AS d SET standing = $2, settled_at = $3, ",
    overtaken!(),
    " FROM (SELECT channel AS at, number AS of_number FROM deliveries WHERE id = $1) AS own
    WHERE d.channel = own.at AND d.number = own.of_number AND ",
    has_arrived!()
);

/// When the next delivery of a channel falls due or runs out of time, or the next lease ends.
pub(super) async fn next_due(work: &Work, channel: &ChannelId) -> Result<Option<Timestamp>, StoreError> {
    let Some((row, _)) = channel_row(work, channel).await? else { return Ok(None) };
    // What is held back by a newer edition never falls due, but it still ends.
    let ends = "SELECT least((SELECT min(lease_until) FROM deliveries WHERE channel = $1 AND standing = 0 AND lease_until IS NOT NULL),
        (SELECT min(expires) FROM deliveries WHERE channel = $1 AND standing = 0 AND lease_until IS NULL))";
    let mut next: Option<i64> = work.one(ends, &[&row]).await?.get(0);
    let mut above = TOP;
    while let Some(urgency) = work.one(NEXT_URGENCY, &[&row, &above]).await?.get::<_, Option<i64>>(0) {
        let due: Option<i64> = work.maybe(FIRST_DUE, &[&row, &urgency]).await?.map(|row| row.get(0));
        next = next.into_iter().chain(due).min();
        above = urgency;
    }
    next.map(moment).transpose()
}

/// Where all deliveries stand, by channel.
pub(super) async fn tally(work: &Work) -> Result<Vec<Tally>, StoreError> {
    let sql = "SELECT c.name, d.standing, count(*) FROM deliveries d JOIN channels c ON c.id = d.channel
        GROUP BY c.name, d.standing ORDER BY c.name, d.standing";
    let rows = work.rows(sql, &[]).await?;
    rows.iter()
        .map(|row| {
            let count = row.get::<_, i64>(2).cast_unsigned();
            Ok(Tally { channel: row.get(0), standing: standing(row.get(1))?, count })
        })
        .collect()
}

/// The row of a channel, and who listens there when that is known.
async fn channel_row(work: &Work, channel: &ChannelId) -> Result<Option<(i64, Option<Audience>)>, StoreError> {
    let found = work.maybe("SELECT id, audience FROM channels WHERE name = $1", &[&channel.as_str()]).await?;
    let Some(row) = found else { return Ok(None) };
    let name: Option<&str> = row.get(1);
    Ok(Some((row.get(0), name.map(audience).transpose()?)))
}
