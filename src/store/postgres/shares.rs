//! What is owed to subscribers, by shares: a byte for each of five hundred in a row, and a row of its own for one who did not take
//! something at the first try.

use std::collections::BTreeMap;

use super::super::StoreError;
use super::super::codes::{code, cut_why, moment, state};
use super::held::{self, its_edition, said_of};
use super::ledger::clean;
use super::pool::{Value, Work};
use crate::outbox::Standing;
use crate::outbox::share::{Count, DEAD, DEAF, End, Hand, Landed, OWED, Owing, Share, TOLD};
use crate::subscriber::{Generations, SHARE, Sealed, share_of};
use crate::time::Timestamp;

/// How many subscribers are read at once, or a share more.
const AT_ONCE: usize = 1_536;

/// The subscribers of the next shares, after one, who were known when something was said and to whom it is owed still.
pub(super) async fn share(
    work: &Work,
    hand: Hand,
    after: Option<i64>,
    said: Timestamp,
    is_correction: bool,
) -> Result<Share, StoreError> {
    let mut all = one_share(work, hand, after, said, is_correction).await?;
    while let Some(number) = all.number
        && all.owing.len() < AT_ONCE
    {
        let next = one_share(work, hand, Some(number), said, is_correction).await?;
        if next.number.is_none() {
            break;
        }
        all.number = next.number;
        all.owing.extend(next.owing);
    }
    Ok(all)
}

async fn one_share(
    work: &Work,
    hand: Hand,
    after: Option<i64>,
    said: Timestamp,
    is_correction: bool,
) -> Result<Share, StoreError> {
    let held = "SELECT channel FROM deliveries WHERE id = $1 AND token = $2 AND standing = 0";
    let Some(row) = work.maybe(held, &[&hand.delivery, &hand.token]).await? else { return Ok(Share::default()) };
    let channel: i64 = row.get(0);
    let from = after.map_or(0, |after| after.saturating_add(1).saturating_mul(SHARE));
    let next = "SELECT min(id) FROM subscribers WHERE channel = $1 AND $2 <= id";
    let next: Option<i64> = work.one(next, &[&channel, &from]).await?.get(0);
    let Some(next) = next else { return Ok(Share::default()) };
    let (number, _) = share_of(next);
    let marks = marks(work, hand.delivery, number).await?;
    let older = if is_correction { had_older(work, hand.delivery, number).await? } else { Vec::new() };
    let has_older = |place: usize| !is_correction || older.get(place).is_some_and(|mark| *mark == TOLD);
    let mut debts = debts(work, hand.delivery, number).await?;
    let sql = "SELECT id, url, wishes, state, generation, older_until, pace, failing_since, sealed FROM subscribers
        WHERE channel = $1 AND $2 <= id AND id < $3 AND made_at <= $4 AND (until IS NULL OR $4 < until) ORDER BY id";
    let (first, end) = (number * SHARE, (number + 1) * SHARE);
    let mut owing = Vec::new();
    for row in work.rows(sql, &[&channel, &first, &end, &said.timestamp_millis()]).await? {
        let subscriber = row.get(0);
        let (_, place) = share_of(subscriber);
        if marks.get(place).is_some_and(|mark| *mark != OWED) {
            continue;
        }
        let (tries, due) = debts.remove(&subscriber).unwrap_or_default();
        let older_until: Option<i64> = row.get(5);
        owing.push(Owing {
            subscriber,
            url: row.get::<_, &str>(1).into(),
            wishes: row.get::<_, &str>(2).into(),
            state: state(row.get(3))?,
            secret: Generations { newest: number_of(row.get(4)), older_until: older_until.map(moment).transpose()? },
            sealed: row.get::<_, Option<&[u8]>>(8).map(|bytes| Sealed(bytes.into())),
            pace: row.get::<_, Option<String>>(6).map(String::into_boxed_str),
            failing_since: row.get::<_, Option<i64>>(7).map(moment).transpose()?,
            tries,
            due: due.map(moment).transpose()?,
            has_older: has_older(place),
        });
    }
    Ok(Share { number: Some(number), owing })
}

fn number_of(stored: i64) -> u32 {
    u32::try_from(stored).unwrap_or(u32::MAX)
}

/// The bytes of a share; none while nothing of it is settled.
pub(super) async fn marks(work: &Work, delivery: i64, share: i64) -> Result<Vec<u8>, StoreError> {
    let sql = "SELECT marks FROM shares WHERE delivery = $1 AND share = $2";
    Ok(work.maybe(sql, &[&delivery, &share]).await?.map(|row| row.get(0)).unwrap_or_default())
}

/// How often a delivery was tried at those who did not take it, and when it is tried again there.
async fn debts(work: &Work, delivery: i64, share: i64) -> Result<BTreeMap<i64, (u32, Option<i64>)>, StoreError> {
    let sql = "SELECT subscriber, tries, due FROM debts
        WHERE delivery = $1 AND $2 <= subscriber AND subscriber < $3 AND due IS NOT NULL";
    let rows = work.rows(sql, &[&delivery, &(share * SHARE), &((share + 1) * SHARE)]).await?;
    Ok(rows.iter().map(|row| (row.get(0), (number_of(row.get(1)), row.get(2)))).collect())
}

/// Who of a share received an older edition of the same warning, under whatever number it has gone, or may have: where it was tried
/// and is not known to be settled, all who are still owed; and everywhere those of whom it is known that they may.
pub(super) async fn had_older(work: &Work, delivery: i64, share: i64) -> Result<Vec<u8>, StoreError> {
    let own = work.one("SELECT number, edition, channel FROM deliveries WHERE id = $1", &[&delivery]).await?;
    let (number, edition, channel): (String, i64, i64) = (own.get(0), own.get(1), own.get(2));
    let may_have =
        "SELECT subscriber FROM debts WHERE delivery = $1 AND $2 <= subscriber AND subscriber < $3 AND may_have";
    let sql = concat!(
        "SELECT (SELECT s.marks FROM shares s WHERE s.delivery = o.id AND s.share = $3), o.standing, o.attempts, o.id FROM ",
        said_of!(),
        " AND NOT ($2::text = $4 AND $5 <= ",
        its_edition!(),
        ")"
    );
    let mut had = vec![OWED; usize::try_from(SHARE).unwrap_or_default()];
    let mut rows = Vec::new();
    for one in held::family(work, &number).await? {
        rows.extend(work.rows(sql, &[&channel, &one, &share, &number, &edition]).await?);
    }
    for row in rows {
        let (marks, standing, attempts): (Option<Vec<u8>>, i64, i64) = (row.get(0), row.get(1), row.get(2));
        let of: &[Value<'_>] = &[&row.get::<_, i64>(3), &(share * SHARE), &((share + 1) * SHARE)];
        for subscriber in work.rows(may_have, of).await? {
            if let Some(had) = had.get_mut(share_of(subscriber.get(0)).1) {
                *had = TOLD;
            }
        }
        let may_be_on_its_way = standing != code(Standing::Delivered) && 0 < attempts;
        for (place, had) in had.iter_mut().enumerate() {
            let mark = marks.as_ref().and_then(|marks| marks.get(place)).copied().unwrap_or(OWED);
            if mark == TOLD || (mark == OWED && may_be_on_its_way) {
                *had = TOLD;
            }
        }
    }
    Ok(had)
}

/// Sets the byte of one subscriber.
pub(super) async fn mark_one(work: &Work, (delivery, subscriber): (i64, i64), mark: u8) -> Result<(), StoreError> {
    let (share, place) = share_of(subscriber);
    put_marks(work, (delivery, share), &[(place, mark)]).await
}

async fn put_marks(work: &Work, (delivery, share): (i64, i64), ends: &[(usize, u8)]) -> Result<(), StoreError> {
    let mut marks = marks(work, delivery, share).await?;
    marks.resize(usize::try_from(SHARE).unwrap_or_default(), OWED);
    for (place, mark) in ends {
        if let Some(own) = marks.get_mut(*place) {
            *own = *mark;
        }
    }
    let sql = "INSERT INTO shares (delivery, share, marks) VALUES ($1, $2, $3)
        ON CONFLICT (delivery, share) DO UPDATE SET marks = excluded.marks";
    work.run(sql, &[&delivery, &share, &marks]).await.map(drop)
}

/// Records what became of deliveries at subscribers; counts those whose courier still holds the delivery, and keeps it from being
/// handed to another meanwhile.
pub(super) async fn settle(work: &Work, landed: &[Landed]) -> Result<usize, StoreError> {
    let mut hands: BTreeMap<Hand, bool> = landed.iter().map(|one| (one.hand, false)).collect();
    let held = "SELECT 1 FROM deliveries WHERE id = $1 AND token = $2 AND standing = 0 FOR NO KEY UPDATE";
    for (hand, is_held) in &mut hands {
        *is_held = work.maybe(held, &[&hand.delivery, &hand.token]).await?.is_some();
    }
    let mut rows: BTreeMap<(i64, i64), Vec<(usize, u8)>> = BTreeMap::new();
    let mut counted = 0;
    for one in landed.iter().filter(|one| hands.get(&one.hand).is_some_and(|is_held| *is_held)) {
        counted += 1;
        let (share, place) = share_of(one.subscriber);
        if let Some(mark) = note(work, one).await? {
            rows.entry((one.hand.delivery, share)).or_default().push((place, mark));
        }
    }
    for (share, ends) in rows {
        put_marks(work, share, &ends).await?;
    }
    Ok(counted)
}

/// Keeps what is to be known of one who did not take it, and forgets that of one who did; the byte that it has from now on.
async fn note(work: &Work, one: &Landed) -> Result<Option<u8>, StoreError> {
    let put =
        "INSERT INTO debts (delivery, subscriber, tries, due, may_have, why, at) VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (delivery, subscriber) DO UPDATE SET tries = excluded.tries, due = excluded.due,
            may_have = debts.may_have OR excluded.may_have, why = excluded.why, at = excluded.at";
    let (delivery, subscriber, at) = (one.hand.delivery, one.subscriber, one.at.timestamp_millis());
    let cut = |why: &str| clean(&cut_why(why));
    Ok(match &one.end {
        End::Told => {
            if 0 < one.tried_before {
                let sql = "DELETE FROM debts WHERE delivery = $1 AND subscriber = $2";
                work.run(sql, &[&delivery, &subscriber]).await?;
            }
            Some(TOLD)
        }
        End::Deaf => {
            if 0 < one.tried_before {
                // That one may have it is known for as long as it may be taken back.
                for sql in [
                    "DELETE FROM debts WHERE delivery = $1 AND subscriber = $2 AND NOT may_have",
                    "UPDATE debts SET due = NULL WHERE delivery = $1 AND subscriber = $2",
                ] {
                    work.run(sql, &[&delivery, &subscriber]).await?;
                }
            }
            Some(DEAF)
        }
        End::Dead { why, may_have } => {
            let tries = i64::from(one.tried_before) + 1;
            let of: &[Value<'_>] = &[&delivery, &subscriber, &tries, &None::<i64>, may_have, &cut(why), &at];
            work.run(put, of).await?;
            Some(DEAD)
        }
        End::Again { tries, due, why, may_have } => {
            let (tries, due) = (i64::from(*tries), due.timestamp_millis());
            work.run(put, &[&delivery, &subscriber, &tries, &due, may_have, &cut(why), &at]).await?;
            None
        }
    })
}

/// How a delivery stands at all subscribers whom it was looked at for.
pub(super) async fn count(work: &Work, delivery: i64) -> Result<Count, StoreError> {
    let mut count = Count::default();
    for row in work.rows("SELECT marks FROM shares WHERE delivery = $1", &[&delivery]).await? {
        for mark in row.get::<_, &[u8]>(0) {
            match *mark {
                TOLD => count.told += 1,
                DEAF => count.deaf += 1,
                DEAD => count.dead += 1,
                _ => {}
            }
        }
    }
    Ok(count)
}
