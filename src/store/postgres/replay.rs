//! What subscribers did not get, and what one is sent once more by hand. It works beside the service, and leaves to its couriers what
//! they have in hand.

use super::super::StoreError;
use super::super::codes::{self, BEGUN, about, code, cut_why, moment, name, standing};
use super::ledger::clean;
use super::outbox::frozen;
use super::pool::{Value, Work};
use super::shares::{had_older, mark_one, marks};
use crate::ids::ChannelId;
use crate::outbox::replay::{Frozen, MAX_LOOKED_THROUGH, Sent};
use crate::outbox::share::{DeadLetter, OWED, TOLD};
use crate::outbox::{Standing, is_correction};
use crate::route::Audience;
use crate::subscriber::share_of;
use crate::time::Timestamp;

/// What subscribers of a channel, or one of them, did not get; the newest first, after one of them.
pub(super) async fn dead_letters(
    work: &Work,
    channel: &ChannelId,
    subscriber: Option<i64>,
    after: Option<(i64, i64)>,
    limit: usize,
) -> Result<Vec<DeadLetter>, StoreError> {
    let (delivery, last) = after.unwrap_or((i64::MAX, i64::MAX));
    let sql = "SELECT e.delivery, e.subscriber, s.name, m.key, m.bulletin, e.tries, e.due IS NULL, coalesce(e.at, d.settled_at), e.may_have, e.why
        FROM debts e JOIN deliveries d ON d.id = e.delivery JOIN channels c ON c.id = d.channel
            JOIN messages m ON m.id = d.message JOIN subscribers s ON s.id = e.subscriber
        WHERE c.name = $1 AND ($2::bigint IS NULL OR e.subscriber = $2) AND (e.delivery, e.subscriber) < ($3, $4)
            AND (e.due IS NULL OR d.standing = ANY($5))
        ORDER BY e.delivery DESC, e.subscriber DESC LIMIT $6";
    let ends = [Standing::Delivered, Standing::Expired, Standing::Dead].map(code).to_vec();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let of: &[Value<'_>] = &[&channel.as_str(), &subscriber, &delivery, &last, &ends, &limit];
    let letter = |row: &tokio_postgres::Row| {
        Ok(DeadLetter {
            after: (row.get(0), row.get(1)),
            subscriber: row.get(2),
            message: name(row.get(3))?,
            bulletin: name(row.get(4))?,
            tries: u32::try_from(row.get::<_, i64>(5)).unwrap_or(u32::MAX),
            is_given_up: row.get(6),
            at: row.get::<_, Option<i64>>(7).map(moment).transpose()?,
            may_have: row.get(8),
            why: row.get(9),
        })
    };
    work.rows(sql, of).await?.iter().map(letter).collect()
}

/// The newest delivery of all.
pub(super) async fn newest(work: &Work) -> Result<i64, StoreError> {
    Ok(work.one("SELECT coalesce(max(id), 0) FROM deliveries", &[]).await?.get(0))
}

/// Since when a channel is for an audience, where it was for another before.
pub(super) async fn given_at(work: &Work, channel: &ChannelId, to: Audience) -> Result<Option<Timestamp>, StoreError> {
    let known = work.maybe("SELECT audience, given_at FROM channels WHERE name = $1", &[&channel.as_str()]).await?;
    let known = known.map(|row| (row.get(0), row.get(1))).unwrap_or_default();
    codes::given_at(channel, to, known)
}

/// All that a channel was sent since a moment, or is to be, with where it stands for a subscriber.
pub(super) async fn sent_since(
    work: &Work,
    (channel, audience): (&ChannelId, Audience),
    subscriber: i64,
    since: Timestamp,
) -> Result<Vec<Sent>, StoreError> {
    let since = given_at(work, channel, audience).await?.map_or(since, |given| since.max(given));
    let sql = "SELECT d.id, m.key, m.bulletin, d.expires, d.standing, d.attempts, d.urgency, b.json,
            CASE WHEN b.id IS NULL THEN m.body END
        FROM deliveries d JOIN messages m ON m.id = d.message LEFT JOIN bulletins b ON b.id = m.bulletin
        WHERE d.channel = (SELECT id FROM channels WHERE name = $1) AND d.hold = 0 AND d.standing <> $2
            AND (b.id IS NULL OR $3 <= b.issued)
        ORDER BY d.id LIMIT $4";
    let most = MAX_LOOKED_THROUGH as i64 + 1;
    let of: &[Value<'_>] = &[&channel.as_str(), &code(Standing::Refused), &since.timestamp_millis(), &most];
    let rows = work.rows(sql, of).await?;
    if MAX_LOOKED_THROUGH < rows.len() {
        let why = format!("{channel} was sent more than {MAX_LOOKED_THROUGH} messages since then; ask for less");
        return Err(StoreError::Refused { why });
    }
    let (share, place) = share_of(subscriber);
    let mut sent = Vec::new();
    for row in rows {
        let body = row.get::<_, Option<&[u8]>>(8).and_then(|body| std::str::from_utf8(body).ok());
        // What does not say what it is, when and of where it was said is for nobody.
        let Some((about, said)) = about(row.get(7), body)? else { continue };
        if said < since {
            continue;
        }
        let delivery: i64 = row.get(0);
        let mark = marks(work, delivery, share).await?.get(place).copied().unwrap_or(OWED);
        let takes_back = is_correction(u8::try_from(row.get::<_, i64>(6)).unwrap_or(u8::MAX));
        let has_older =
            takes_back && had_older(work, delivery, share).await?.get(place).is_some_and(|mark| *mark == TOLD);
        sent.push(Sent {
            delivery,
            message: name(row.get(1))?,
            bulletin: name(row.get(2))?,
            said,
            expires: moment(row.get(3))?,
            about,
            standing: standing(row.get(4))?,
            was_tried: 0 < row.get::<_, i64>(5),
            mark,
            has_older,
        });
    }
    Ok(sent)
}

/// The frozen text of a delivery, to be sent once more; none when something was said since.
pub(super) async fn send_again(
    work: &Work,
    (delivery, subscriber): (i64, i64),
    known: i64,
    (as_history, now): (bool, Timestamp),
) -> Result<Option<Frozen>, StoreError> {
    if newest(work).await? != known {
        return Ok(None);
    }
    // What its courier stores of its subscribers waits for this, and this for that.
    let sql = "SELECT message FROM deliveries WHERE id = $1 FOR NO KEY UPDATE";
    let text = match work.maybe(sql, &[&delivery]).await? {
        Some(row) => frozen(work, row.get(0)).await?,
        None => None,
    };
    let Some(text) = text else {
        return Err(StoreError::Refused { why: "its stored text is damaged or was forgotten".to_owned() });
    };
    let (share, place) = share_of(subscriber);
    let is_told = marks(work, delivery, share).await?.get(place) == Some(&TOLD);
    if !as_history && !is_told {
        let sql = "INSERT INTO debts (delivery, subscriber, tries, due, may_have, why, at) VALUES ($1, $2, 0, NULL, true, $3, $4)
            ON CONFLICT (delivery, subscriber) DO UPDATE SET may_have = true";
        work.run(sql, &[&delivery, &subscriber, &BEGUN, &now.timestamp_millis()]).await?;
    }
    Ok(Some(Frozen { body: text.body, content_type: text.content_type }))
}

/// Takes note of how it ended.
pub(super) async fn sent_again(
    work: &Work,
    (delivery, subscriber): (i64, i64),
    why: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    work.rows("SELECT 1 FROM deliveries WHERE id = $1 FOR NO KEY UPDATE", &[&delivery]).await?;
    match why {
        // A later correction goes to whoever has what it takes back.
        None => {
            mark_one(work, (delivery, subscriber), TOLD).await?;
            let sql = "DELETE FROM debts WHERE delivery = $1 AND subscriber = $2";
            work.run(sql, &[&delivery, &subscriber]).await?;
        }
        Some(why) => {
            let sql = "UPDATE debts SET tries = tries + 1, why = $3, at = $4 WHERE delivery = $1 AND subscriber = $2";
            let (why, now) = (clean(&cut_why(why)), now.timestamp_millis());
            work.run(sql, &[&delivery, &subscriber, &why, &now]).await?;
        }
    }
    Ok(())
}
