//! What is owed to subscribers, by shares: a byte for each of five hundred in a row, and a row of its own for one who did not take
//! something at the first try.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension};

use super::super::codes::{cut_why, state};
use super::super::{Fanout, StoreError};
use super::SqliteStore;
use super::held::{self, ITS_EDITION, SAID_OF};
use super::subscribers::note_health;
use super::values::{code, moment};
use crate::ids::ChannelId;
use crate::outbox::Standing;
use crate::outbox::share::{Count, DEAD, DEAF, Disabled, End, Hand, Landed, News, OWED, Owing, Share, TOLD};
use crate::subscriber::{Generations, SHARE, Sealed, share_of};
use crate::time::Timestamp;

impl Fanout for SqliteStore {
    fn share(
        &self,
        hand: Hand,
        after: Option<i64>,
        said: Timestamp,
        is_correction: bool,
    ) -> BoxFuture<'_, Result<Share, StoreError>> {
        self.ask(move |db| share(db, hand, after, said, is_correction))
    }

    fn settle_shares(&self, landed: Vec<Landed>) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.ask(move |db| settle(db, &landed))
    }

    fn count_shares(&self, delivery: i64) -> BoxFuture<'_, Result<Count, StoreError>> {
        self.ask(move |db| count(db, delivery))
    }

    fn note_health(&self, channel: ChannelId, news: News) -> BoxFuture<'_, Result<Vec<Disabled>, StoreError>> {
        self.ask(move |db| note_health(db, &channel, &news))
    }
}

/// The channel of a delivery that a courier holds; none when it does not hold it any more.
fn held(db: &Connection, hand: Hand) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT channel FROM deliveries WHERE id = ?1 AND token = ?2 AND standing = 0";
    Ok(db.prepare_cached(sql)?.query_row((hand.delivery, hand.token), |row| row.get(0)).optional()?)
}

const NEXT: &str = "SELECT min(id) FROM subscribers WHERE channel = ?1 AND ?2 <= id";

/// How many subscribers are read at once, or a share more.
const AT_ONCE: usize = 1_536;

/// The subscribers of the next shares, after one, who were known when something was said and to whom it is owed still.
fn share(
    db: &Connection,
    hand: Hand,
    after: Option<i64>,
    said: Timestamp,
    is_correction: bool,
) -> Result<Share, StoreError> {
    let mut all = one_share(db, hand, after, said, is_correction)?;
    while let Some(number) = all.number
        && all.owing.len() < AT_ONCE
    {
        let next = one_share(db, hand, Some(number), said, is_correction)?;
        if next.number.is_none() {
            break;
        }
        all.number = next.number;
        all.owing.extend(next.owing);
    }
    Ok(all)
}

fn one_share(
    db: &Connection,
    hand: Hand,
    after: Option<i64>,
    said: Timestamp,
    is_correction: bool,
) -> Result<Share, StoreError> {
    let Some(channel) = held(db, hand)? else { return Ok(Share::default()) };
    let from = after.map_or(0, |after| after.saturating_add(1).saturating_mul(SHARE));
    let next: Option<i64> = db.prepare_cached(NEXT)?.query_row((channel, from), |row| row.get(0))?;
    let Some(next) = next else { return Ok(Share::default()) };
    let (number, _) = share_of(next);
    let marks = marks(db, hand.delivery, number)?;
    let older = if is_correction { had_older(db, hand.delivery, number)? } else { Vec::new() };
    let has_older = |place: usize| !is_correction || older.get(place).is_some_and(|mark| *mark == TOLD);
    let mut debts = debts(db, hand.delivery, number)?;
    let mut statement = db.prepare_cached(
        "SELECT id, url, wishes, state, generation, older_until, pace, failing_since, sealed FROM subscribers
        WHERE channel = ?1 AND ?2 <= id AND id < ?2 + ?3 AND made_at <= ?4 AND (until IS NULL OR ?4 < until) ORDER BY id",
    )?;
    let mut rows = statement.query((channel, number * SHARE, SHARE, said.timestamp_millis()))?;
    let mut owing = Vec::new();
    while let Some(row) = rows.next()? {
        let subscriber = row.get(0)?;
        let (_, place) = share_of(subscriber);
        if marks.get(place).is_some_and(|mark| *mark != OWED) {
            continue;
        }
        let text = |index| row.get_ref(index).and_then(|value| Ok(value.as_str()?.into()));
        let (tries, due) = debts.remove(&subscriber).unwrap_or_default();
        let older_until: Option<i64> = row.get(5)?;
        owing.push(Owing {
            subscriber,
            url: text(1)?,
            wishes: text(2)?,
            state: state(row.get(3)?)?,
            secret: Generations { newest: row.get(4)?, older_until: older_until.map(moment).transpose()? },
            sealed: row.get_ref(8)?.as_blob_or_null().map_err(rusqlite::Error::from)?.map(|bytes| Sealed(bytes.into())),
            pace: row.get::<_, Option<String>>(6)?.map(String::into_boxed_str),
            failing_since: row.get::<_, Option<i64>>(7)?.map(moment).transpose()?,
            tries,
            due: due.map(moment).transpose()?,
            has_older: has_older(place),
        });
    }
    Ok(Share { number: Some(number), owing })
}

/// The bytes of a share; none while nothing of it is settled.
pub(super) fn marks(db: &Connection, delivery: i64, share: i64) -> Result<Vec<u8>, StoreError> {
    let sql = "SELECT marks FROM shares WHERE delivery = ?1 AND share = ?2";
    let found = db.prepare_cached(sql)?.query_row((delivery, share), |row| row.get(0)).optional()?;
    Ok(found.unwrap_or_default())
}

/// How often a delivery was tried at those who did not take it, and when it is tried again there.
fn debts(db: &Connection, delivery: i64, share: i64) -> Result<BTreeMap<i64, (u32, Option<i64>)>, StoreError> {
    let sql = "SELECT subscriber, tries, due FROM debts
        WHERE delivery = ?1 AND ?2 <= subscriber AND subscriber < ?2 + ?3 AND due IS NOT NULL";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement
        .query_map((delivery, share * SHARE, SHARE), |row| Ok((row.get(0)?, (row.get(1)?, Some(row.get(2)?)))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Who of a share received an older edition of the same warning, under whatever number it has gone, or may have: where it was tried
/// and is not known to be settled, all who are still owed; and everywhere those of whom it is known that they may.
pub(super) fn had_older(db: &Connection, delivery: i64, share: i64) -> Result<Vec<u8>, StoreError> {
    let own = "SELECT number, edition, channel FROM deliveries WHERE id = ?1";
    let (number, edition, channel): (String, u32, i64) =
        db.prepare_cached(own)?.query_row([delivery], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let mut may_have = db.prepare_cached(MAY_HAVE)?;
    let sql = format!(
        "SELECT (SELECT s.marks FROM shares s WHERE s.delivery = o.id AND s.share = ?3), o.standing, o.attempts, o.id
        FROM {SAID_OF} AND NOT (?2 = ?4 AND ?5 <= {ITS_EDITION})"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut had = vec![OWED; usize::try_from(SHARE).unwrap_or_default()];
    for one in held::family(db, &number)? {
        let mut rows = statement.query((channel, one, share, &number, edition))?;
        while let Some(row) = rows.next()? {
            let (marks, standing, attempts): (Option<Vec<u8>>, i64, u32) = (row.get(0)?, row.get(1)?, row.get(2)?);
            for subscriber in may_have.query_map((row.get::<_, i64>(3)?, share * SHARE, SHARE), |row| row.get(0))? {
                if let Some(had) = had.get_mut(share_of(subscriber?).1) {
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
    }
    Ok(had)
}

const MAY_HAVE: &str =
    "SELECT subscriber FROM debts WHERE delivery = ?1 AND ?2 <= subscriber AND subscriber < ?2 + ?3 AND may_have = 1";

/// Sets the byte of one subscriber.
pub(super) fn mark_one(db: &Connection, (delivery, subscriber): (i64, i64), mark: u8) -> Result<(), StoreError> {
    let (share, place) = share_of(subscriber);
    put_marks(db, (delivery, share), &[(place, mark)])
}

fn put_marks(db: &Connection, (delivery, share): (i64, i64), ends: &[(usize, u8)]) -> Result<(), StoreError> {
    let mut marks = marks(db, delivery, share)?;
    marks.resize(usize::try_from(SHARE).unwrap_or_default(), OWED);
    for (place, mark) in ends {
        if let Some(own) = marks.get_mut(*place) {
            *own = *mark;
        }
    }
    let sql = "INSERT INTO shares (delivery, share, marks) VALUES (?1, ?2, ?3)
        ON CONFLICT (delivery, share) DO UPDATE SET marks = excluded.marks";
    db.prepare_cached(sql)?.execute((delivery, share, marks))?;
    Ok(())
}

/// Records what became of deliveries at subscribers; counts those whose courier still holds the delivery.
fn settle(db: &Connection, landed: &[Landed]) -> Result<usize, StoreError> {
    let mut hands: BTreeMap<Hand, bool> = BTreeMap::new();
    let mut rows: BTreeMap<(i64, i64), Vec<(usize, u8)>> = BTreeMap::new();
    let mut counted = 0;
    for one in landed {
        let is_held = match hands.get(&one.hand) {
            Some(is_held) => *is_held,
            None => {
                let is_held = held(db, one.hand)?.is_some();
                hands.insert(one.hand, is_held);
                is_held
            }
        };
        if !is_held {
            continue;
        }
        counted += 1;
        let (share, place) = share_of(one.subscriber);
        if let Some(mark) = note(db, one)? {
            rows.entry((one.hand.delivery, share)).or_default().push((place, mark));
        }
    }
    for (share, ends) in rows {
        put_marks(db, share, &ends)?;
    }
    Ok(counted)
}

/// Keeps what is to be known of one who did not take it, and forgets that of one who did; the byte that it has from now on.
fn note(db: &Connection, one: &Landed) -> Result<Option<u8>, StoreError> {
    let put =
        "INSERT INTO debts (delivery, subscriber, tries, due, may_have, why, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT (delivery, subscriber) DO UPDATE SET tries = excluded.tries, due = excluded.due,
            may_have = max(may_have, excluded.may_have), why = excluded.why, at = excluded.at";
    let (delivery, subscriber, at) = (one.hand.delivery, one.subscriber, one.at.timestamp_millis());
    Ok(match &one.end {
        End::Told => {
            if 0 < one.tried_before {
                let sql = "DELETE FROM debts WHERE delivery = ?1 AND subscriber = ?2";
                db.prepare_cached(sql)?.execute((delivery, subscriber))?;
            }
            Some(TOLD)
        }
        End::Deaf => {
            if 0 < one.tried_before {
                // That one may have it is known for as long as it may be taken back.
                for sql in [
                    "DELETE FROM debts WHERE delivery = ?1 AND subscriber = ?2 AND may_have = 0",
                    "UPDATE debts SET due = NULL WHERE delivery = ?1 AND subscriber = ?2",
                ] {
                    db.prepare_cached(sql)?.execute((delivery, subscriber))?;
                }
            }
            Some(DEAF)
        }
        End::Dead { why, may_have } => {
            let tries = one.tried_before.saturating_add(1);
            db.prepare_cached(put)?.execute((delivery, subscriber, tries, None::<i64>, may_have, cut_why(why), at))?;
            Some(DEAD)
        }
        End::Again { tries, due, why, may_have } => {
            let due = due.timestamp_millis();
            db.prepare_cached(put)?.execute((delivery, subscriber, tries, due, may_have, cut_why(why), at))?;
            None
        }
    })
}

/// How a delivery stands at all subscribers whom it was looked at for.
fn count(db: &Connection, delivery: i64) -> Result<Count, StoreError> {
    let mut statement = db.prepare_cached("SELECT marks FROM shares WHERE delivery = ?1")?;
    let mut rows = statement.query([delivery])?;
    let mut count = Count::default();
    while let Some(row) = rows.next()? {
        for mark in row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)? {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_found_by_its_index_however_many_subscribers_there_are() {
        let db = super::super::schema::open_in_memory().unwrap();
        for (sql, index) in [
            (NEXT, "INDEX subscribed"),
            ("SELECT marks FROM shares WHERE delivery = ?1 AND share = ?2", "INDEX sqlite_autoindex_shares_1"),
            ("SELECT tries FROM debts WHERE delivery = ?1 AND ?2 <= subscriber", "PRIMARY KEY"),
        ] {
            let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let plan: Vec<String> =
                statement.query_map((1, 1), |row| row.get(3)).unwrap().map(Result::unwrap).collect();
            assert!(plan.iter().all(|step| step.contains("SEARCH") && step.contains(index)), "{sql}: {plan:?}");
        }
    }
}
