//! The rows of subscribers: entered, changed and read by people and by the tools of people.

use futures_util::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension, Row};

use super::super::{Roster, StoreError};
use super::SqliteStore;
use super::ledger::channel_row;
use super::values::moment;
use crate::ids::ChannelId;
use crate::outbox::share::{Disabled, MAX_UNSAID, News};
use crate::store::codes::{cut_why, state, state_code};
use crate::subscriber::{Edit, Generations, NewSubscriber, State, Subscriber, Term, Wishes};
use crate::time::Timestamp;

impl Roster for SqliteStore {
    fn subscribe(
        &self,
        channel: ChannelId,
        new: Vec<NewSubscriber>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<i64>, StoreError>> {
        self.ask(move |db| subscribe(db, &channel, &new, now))
    }

    fn subscribers(
        &self,
        channel: Option<ChannelId>,
        after: i64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Subscriber>, StoreError>> {
        self.ask(move |db| list(db, channel.as_ref(), after, limit))
    }

    fn subscriber(&self, channel: ChannelId, name: String) -> BoxFuture<'_, Result<Option<Subscriber>, StoreError>> {
        self.ask(move |db| named(db, &channel, &name))
    }

    fn subscribe_for(
        &self,
        channel: ChannelId,
        one: NewSubscriber,
        term: Term,
        most: u32,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<i64, StoreError>> {
        self.ask(move |db| subscribe_for(db, &channel, &one, (&term, most), now))
    }

    fn end_terms(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.ask(move |db| {
            let ended =
                db.prepare_cached("DELETE FROM subscribers WHERE until <= ?1")?.execute([now.timestamp_millis()])?;
            Ok(ended as u64)
        })
    }

    fn edit_subscriber(&self, id: i64, edit: Edit) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.ask(move |db| edit_row(db, id, &edit))
    }
}

/// Enters subscribers of a channel, all or none; tells their numbers.
fn subscribe(
    db: &Connection,
    channel: &ChannelId,
    new: &[NewSubscriber],
    now: Timestamp,
) -> Result<Vec<i64>, StoreError> {
    let channel_row = channel_row(db, channel.as_str())?;
    let mut put = db.prepare_cached(
        "INSERT INTO subscribers (channel, name, url, wishes, pace, state, made_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (channel, name) DO NOTHING",
    )?;
    let mut entered = Vec::with_capacity(new.len());
    for one in new {
        let (wishes, state) = (one.wishes.written(), state_code(one.state));
        let values = (channel_row, &one.name, &one.url, wishes, &one.pace, state, now.timestamp_millis());
        if put.execute(values)? == 0 {
            let why = format!("`{}` is already a subscriber of {channel}", one.name);
            return Err(StoreError::Refused { why });
        }
        entered.push(db.last_insert_rowid());
    }
    Ok(entered)
}

/// Enters one who subscribed for a time, or has its subscription go on; tells its number.
fn subscribe_for(
    db: &Connection,
    channel: &ChannelId,
    one: &NewSubscriber,
    (term, most): (&Term, u32),
    now: Timestamp,
) -> Result<i64, StoreError> {
    let channel_row = channel_row(db, channel.as_str())?;
    let (now, until) = (now.timestamp_millis(), term.until.timestamp_millis());
    // Whose time was over is not told what was said in between.
    db.prepare_cached("DELETE FROM subscribers WHERE channel = ?1 AND name = ?2 AND until <= ?3")?.execute((
        channel_row,
        &one.name,
        now,
    ))?;
    let others: u32 = db
        .prepare_cached("SELECT count(*) FROM subscribers WHERE channel = ?1 AND name <> ?2")?
        .query_row((channel_row, &one.name), |row| row.get(0))?;
    if most <= others {
        return Err(StoreError::Refused { why: format!("{channel} has {others} subscribers, and takes no more") });
    }
    let mut put = db.prepare_cached(
        "INSERT INTO subscribers (channel, name, url, wishes, pace, state, made_at, until, sealed)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (channel, name) DO UPDATE SET url = excluded.url,
            wishes = excluded.wishes,
            state = CASE WHEN subscribers.state = ?10 THEN subscribers.state ELSE excluded.state END, until = excluded.until, sealed = excluded.sealed,
            failing_since = NULL, why = NULL, unsaid = 0
        RETURNING id",
    )?;
    let (wishes, state) = (one.wishes.written(), state_code(one.state));
    let sealed = term.sealed.as_ref().map(|sealed| &*sealed.0);
    let paused = state_code(State::Paused);
    let values = (channel_row, &one.name, &one.url, wishes, &one.pace, state, now, until, sealed, paused);
    Ok(put.query_row(values, |row| row.get(0))?)
}

const COLUMNS: &str = "s.id, c.name, s.name, s.url, s.wishes, s.pace, s.state, s.generation, s.older_until, s.made_at, s.failing_since, s.why, s.until";

struct Found {
    id: i64,
    channel: String,
    name: String,
    url: String,
    wishes: String,
    pace: Option<String>,
    state: i64,
    generation: u32,
    older_until: Option<i64>,
    made_at: i64,
    failing_since: Option<i64>,
    why: Option<String>,
    until: Option<i64>,
}

fn found(row: &Row<'_>) -> rusqlite::Result<Found> {
    Ok(Found {
        id: row.get(0)?,
        channel: row.get(1)?,
        name: row.get(2)?,
        url: row.get(3)?,
        wishes: row.get(4)?,
        pace: row.get(5)?,
        state: row.get(6)?,
        generation: row.get(7)?,
        older_until: row.get(8)?,
        made_at: row.get(9)?,
        failing_since: row.get(10)?,
        why: row.get(11)?,
        until: row.get(12)?,
    })
}

fn subscriber(found: Found) -> Result<Subscriber, StoreError> {
    let wishes = Wishes::read(&found.wishes).map_err(|why| StoreError::Failed {
        why: format!("the stored wishes of `{}` cannot be read: {why}", found.name),
    })?;
    Ok(Subscriber {
        id: found.id,
        channel: found.channel,
        name: found.name,
        url: found.url,
        wishes,
        pace: found.pace,
        state: state(found.state)?,
        secret: Generations { newest: found.generation, older_until: found.older_until.map(moment).transpose()? },
        since: moment(found.made_at)?,
        failing_since: found.failing_since.map(moment).transpose()?,
        why: found.why,
        until: found.until.map(moment).transpose()?,
    })
}

/// The subscribers of all channels or of one, after a number and in the order of their numbers.
fn list(db: &Connection, channel: Option<&ChannelId>, after: i64, limit: usize) -> Result<Vec<Subscriber>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM subscribers s JOIN channels c ON c.id = s.channel
        WHERE ?2 < s.id AND (?1 IS NULL OR c.name = ?1) ORDER BY s.id LIMIT ?3"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map((channel.map(ChannelId::as_str), after, limit as i64), found)?;
    rows.map(|row| subscriber(row?)).collect()
}

/// One subscriber by the name that it has in its channel.
fn named(db: &Connection, channel: &ChannelId, name: &str) -> Result<Option<Subscriber>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM subscribers s JOIN channels c ON c.id = s.channel WHERE c.name = ?1 AND s.name = ?2"
    );
    db.prepare_cached(&sql)?.query_row((channel.as_str(), name), found).optional()?.map(subscriber).transpose()
}

/// Changes one subscriber; false when there is none of that number.
fn edit_row(db: &Connection, id: i64, edit: &Edit) -> Result<bool, StoreError> {
    let changed = match edit {
        Edit::State(state) => db
            .prepare_cached("UPDATE subscribers SET state = ?2, failing_since = NULL, why = NULL, unsaid = 0 WHERE id = ?1")?
            .execute((id, state_code(*state)))?,
        Edit::Url(url) => db
            .prepare_cached(
                "UPDATE subscribers SET url = ?2, state = 0, failing_since = NULL, why = NULL, unsaid = 0 WHERE id = ?1",
            )?
            .execute((id, url))?,
        Edit::Wishes(wishes) => {
            db.prepare_cached("UPDATE subscribers SET wishes = ?2 WHERE id = ?1")?.execute((id, wishes.written()))?
        }
        Edit::Pace(pace) => db.prepare_cached("UPDATE subscribers SET pace = ?2 WHERE id = ?1")?.execute((id, pace))?,
        Edit::Rotate(until) => db
            .prepare_cached("UPDATE subscribers SET generation = generation + 1, older_until = ?2 WHERE id = ?1")?
            .execute((id, until.timestamp_millis()))?,
        Edit::Remove => db.prepare_cached("DELETE FROM subscribers WHERE id = ?1")?.execute([id])?,
    };
    Ok(0 < changed)
}

/// Takes note of how subscribers of a channel are, and disables those who are to be; tells who is disabled without the people on duty
/// having been told.
pub(super) fn note_health(db: &Connection, channel: &ChannelId, news: &News) -> Result<Vec<Disabled>, StoreError> {
    let mut put = db.prepare_cached("UPDATE subscribers SET failing_since = ?2 WHERE id = ?1")?;
    for (id, since) in &news.failing {
        put.execute((id, since.map(|since| since.timestamp_millis())))?;
    }
    let mut end =
        db.prepare_cached("UPDATE subscribers SET state = ?2, why = ?4, unsaid = 1 WHERE id = ?1 AND state = ?3")?;
    for (id, why) in &news.disabled {
        end.execute((id, state_code(State::Disabled), state_code(State::Active), cut_why(why)))?;
    }
    let mut said = db.prepare_cached("UPDATE subscribers SET unsaid = 0 WHERE id = ?1")?;
    for id in &news.said {
        said.execute([id])?;
    }
    let mut unsaid = db.prepare_cached(UNSAID)?;
    let rows = unsaid.query_map((channel.as_str(), MAX_UNSAID as i64), |row| {
        let why: Option<String> = row.get(2)?;
        Ok(Disabled { subscriber: row.get(0)?, name: row.get(1)?, why: why.unwrap_or_default() })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

const UNSAID: &str = "SELECT id, name, why FROM subscribers
    WHERE channel = (SELECT id FROM channels WHERE name = ?1) AND unsaid = 1 ORDER BY id LIMIT ?2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_disabled_without_a_word_is_found_by_an_index_of_those_alone() {
        let db = super::super::schema::open_in_memory().unwrap();
        let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {UNSAID}")).unwrap();
        let plan: Vec<String> =
            statement.query_map(("open", 1), |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        assert!(plan.iter().any(|step| step.contains("INDEX unsaid")), "{plan:?}");
    }
}
