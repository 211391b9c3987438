//! What subscribers did not get, and what one is sent once more by hand. It works beside the service, and leaves to its couriers what
//! they have in hand.

use futures_util::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension};

use super::super::codes::{self, BEGUN, about, cut_why};
use super::super::{Replay, StoreError};
use super::SqliteStore;
use super::journal;
use super::outbox::frozen;
use super::shares::{had_older, mark_one, marks};
use super::values::{code, moment, name, standing};
use crate::ids::{BulletinId, ChannelId};
use crate::message::MessageKey;
use crate::outbox::is_correction;
use crate::outbox::replay::{Frozen, MAX_LOOKED_THROUGH, Sent};
use crate::outbox::share::{OWED, TOLD};
use crate::outbox::{Standing, share::DeadLetter};
use crate::record::Entry;
use crate::route::Audience;
use crate::subscriber::share_of;
use crate::time::Timestamp;

impl Replay for SqliteStore {
    fn dead_letters(
        &self,
        channel: ChannelId,
        subscriber: Option<i64>,
        after: Option<(i64, i64)>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>> {
        self.ask(move |db| dead_letters(db, &channel, subscriber, after, limit))
    }

    fn sent_since(
        &self,
        (channel, audience): (ChannelId, Audience),
        subscriber: i64,
        since: Timestamp,
    ) -> BoxFuture<'_, Result<(Vec<Sent>, i64), StoreError>> {
        self.ask(move |db| Ok((sent_since(db, (&channel, audience), subscriber, since)?, newest(db)?)))
    }

    fn send_again(
        &self,
        (delivery, subscriber): (i64, i64),
        newest: i64,
        (as_history, now): (bool, Timestamp),
    ) -> BoxFuture<'_, Result<Option<Frozen>, StoreError>> {
        self.ask(move |db| send_again(db, (delivery, subscriber), newest, (as_history, now)))
    }

    fn record(&self, entry: Entry) -> BoxFuture<'_, Result<(), StoreError>> {
        self.ask(move |db| journal::write(db, &[entry], &journal::Hashes::new()))
    }

    fn sent_again(
        &self,
        (delivery, subscriber): (i64, i64),
        why: Option<String>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.ask(move |db| sent_again(db, (delivery, subscriber), why.as_deref(), now))
    }
}

fn dead_letters(
    db: &Connection,
    channel: &ChannelId,
    subscriber: Option<i64>,
    after: Option<(i64, i64)>,
    limit: usize,
) -> Result<Vec<DeadLetter>, StoreError> {
    let (delivery, last) = after.unwrap_or((i64::MAX, i64::MAX));
    let mut statement = db.prepare_cached(
        "SELECT e.delivery, e.subscriber, s.name, m.key, m.bulletin, e.tries, e.due IS NULL, coalesce(e.at, d.settled_at), e.may_have, e.why
        FROM debts e JOIN deliveries d ON d.id = e.delivery JOIN channels c ON c.id = d.channel
            JOIN messages m ON m.id = d.message JOIN subscribers s ON s.id = e.subscriber
        WHERE c.name = ?1 AND (?2 IS NULL OR e.subscriber = ?2) AND (e.delivery, e.subscriber) < (?3, ?4)
            AND (e.due IS NULL OR d.standing IN (?5, ?6, ?7))
        ORDER BY e.delivery DESC, e.subscriber DESC LIMIT ?8",
    )?;
    let ends = [Standing::Delivered, Standing::Expired, Standing::Dead].map(code);
    let of = (channel.as_str(), subscriber, delivery, last, ends[0], ends[1], ends[2], limit as i64);
    let mut rows = statement.query(of)?;
    let mut letters = Vec::new();
    while let Some(row) = rows.next()? {
        let at: Option<i64> = row.get(7)?;
        letters.push(DeadLetter {
            after: (row.get(0)?, row.get(1)?),
            subscriber: row.get(2)?,
            message: name::<MessageKey>(row.get(3)?)?,
            bulletin: name::<BulletinId>(row.get(4)?)?,
            tries: row.get(5)?,
            is_given_up: row.get(6)?,
            at: at.map(moment).transpose()?,
            may_have: row.get(8)?,
            why: row.get(9)?,
        });
    }
    Ok(letters)
}

fn newest(db: &Connection) -> Result<i64, StoreError> {
    Ok(db.prepare_cached("SELECT coalesce(max(id), 0) FROM deliveries")?.query_row([], |row| row.get(0))?)
}

struct Row {
    delivery: i64,
    message: String,
    bulletin: String,
    expires: i64,
    standing: i64,
    attempts: i64,
    urgency: u8,
    json: Option<String>,
    body: Option<String>,
}

/// Since when a channel is for an audience, where it was for another before.
pub(super) fn given_at(db: &Connection, channel: &ChannelId, to: Audience) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT audience, given_at FROM channels WHERE name = ?1";
    let known: Option<(Option<String>, Option<i64>)> =
        db.prepare_cached(sql)?.query_row([channel.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (audience, given) = known.unwrap_or_default();
    codes::given_at(channel, to, (audience, given))
}

fn sent_since(
    db: &Connection,
    (channel, audience): (&ChannelId, Audience),
    subscriber: i64,
    since: Timestamp,
) -> Result<Vec<Sent>, StoreError> {
    let since = given_at(db, channel, audience)?.map_or(since, |given| since.max(given));
    let mut statement = db.prepare_cached(
        "SELECT d.id, m.key, m.bulletin, d.expires, d.standing, d.attempts, d.urgency, b.json, iif(b.id IS NULL, m.body, NULL)
        FROM deliveries d JOIN messages m ON m.id = d.message LEFT JOIN bulletins b ON b.id = m.bulletin
        WHERE d.channel = (SELECT id FROM channels WHERE name = ?1) AND d.hold = 0 AND d.standing <> ?2
            AND (b.id IS NULL OR ?3 <= b.issued)
        ORDER BY d.id LIMIT ?4",
    )?;
    let of = (channel.as_str(), code(Standing::Refused), since.timestamp_millis(), MAX_LOOKED_THROUGH as i64 + 1);
    let rows = statement.query_map(of, |row| {
        Ok(Row {
            delivery: row.get(0)?,
            message: row.get(1)?,
            bulletin: row.get(2)?,
            expires: row.get(3)?,
            standing: row.get(4)?,
            attempts: row.get(5)?,
            urgency: row.get(6)?,
            json: row.get(7)?,
            body: row.get(8)?,
        })
    })?;
    let rows: Vec<Row> = rows.collect::<rusqlite::Result<_>>()?;
    if MAX_LOOKED_THROUGH < rows.len() {
        let why = format!("{channel} was sent more than {MAX_LOOKED_THROUGH} messages since then; ask for less");
        return Err(StoreError::Refused { why });
    }
    let (share, place) = share_of(subscriber);
    let mut sent = Vec::new();
    for row in rows {
        // What does not say what it is, when and of where it was said is for nobody.
        let Some((about, said)) = about(row.json.as_deref(), row.body.as_deref())? else { continue };
        if said < since {
            continue;
        }
        let mark = marks(db, row.delivery, share)?.get(place).copied().unwrap_or(OWED);
        let has_older = is_correction(row.urgency)
            && had_older(db, row.delivery, share)?.get(place).is_some_and(|mark| *mark == TOLD);
        sent.push(Sent {
            delivery: row.delivery,
            message: name(row.message)?,
            bulletin: name(row.bulletin)?,
            said,
            expires: moment(row.expires)?,
            about,
            standing: standing(row.standing)?,
            was_tried: 0 < row.attempts,
            mark,
            has_older,
        });
    }
    Ok(sent)
}

fn send_again(
    db: &Connection,
    (delivery, subscriber): (i64, i64),
    known: i64,
    (as_history, now): (bool, Timestamp),
) -> Result<Option<Frozen>, StoreError> {
    if newest(db)? != known {
        return Ok(None);
    }
    let sql = "SELECT message FROM deliveries WHERE id = ?1";
    let message: Option<i64> = db.prepare_cached(sql)?.query_row([delivery], |row| row.get(0)).optional()?;
    let Some(text) = message.map(|message| frozen(db, message)).transpose()?.flatten() else {
        return Err(StoreError::Refused { why: "its stored text is damaged or was forgotten".to_owned() });
    };
    if !as_history && !is_told(db, delivery, subscriber)? {
        let sql = "INSERT INTO debts (delivery, subscriber, tries, due, may_have, why, at) VALUES (?1, ?2, 0, NULL, 1, ?3, ?4)
            ON CONFLICT (delivery, subscriber) DO UPDATE SET may_have = 1";
        db.prepare_cached(sql)?.execute((delivery, subscriber, BEGUN, now.timestamp_millis()))?;
    }
    Ok(Some(Frozen { body: text.body, content_type: text.content_type }))
}

fn is_told(db: &Connection, delivery: i64, subscriber: i64) -> Result<bool, StoreError> {
    let (share, place) = share_of(subscriber);
    Ok(marks(db, delivery, share)?.get(place) == Some(&TOLD))
}

fn sent_again(
    db: &Connection,
    (delivery, subscriber): (i64, i64),
    why: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let of = (delivery, subscriber);
    match why {
        // A later correction goes to whoever has what it takes back.
        None => {
            mark_one(db, of, TOLD)?;
            db.prepare_cached("DELETE FROM debts WHERE delivery = ?1 AND subscriber = ?2")?.execute(of)?;
        }
        Some(why) => {
            let why = cut_why(why);
            let sql = "UPDATE debts SET tries = tries + 1, why = ?3, at = ?4 WHERE delivery = ?1 AND subscriber = ?2";
            db.prepare_cached(sql)?.execute((delivery, subscriber, why, now.timestamp_millis()))?;
        }
    }
    Ok(())
}
