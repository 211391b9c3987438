//! The rows of subscribers: entered, changed and read by people and by the tools of people.

use tokio_postgres::Row;

use super::super::StoreError;
use super::super::codes::{cut_why, moment, state, state_code};
use super::ledger::{channel_row, clean};
use super::pool::{Value, Work};
use crate::ids::ChannelId;
use crate::outbox::share::{Disabled, MAX_UNSAID, News};
use crate::subscriber::{Edit, Generations, NewSubscriber, State, Subscriber, Term, Wishes};
use crate::time::Timestamp;

/// Enters subscribers of a channel, all or none; tells their numbers.
pub(super) async fn subscribe(
    work: &Work,
    channel: &ChannelId,
    new: &[NewSubscriber],
    now: Timestamp,
) -> Result<Vec<i64>, StoreError> {
    let channel_row = channel_row(work, channel.as_str()).await?;
    let put = "INSERT INTO subscribers (channel, name, url, wishes, pace, state, made_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (channel, name) DO NOTHING RETURNING id";
    let mut entered = Vec::with_capacity(new.len());
    for one in new {
        let (wishes, state, now) = (one.wishes.written(), state_code(one.state), now.timestamp_millis());
        let Some(row) = work.maybe(put, &[&channel_row, &one.name, &one.url, &wishes, &one.pace, &state, &now]).await?
        else {
            let why = format!("`{}` is already a subscriber of {channel}", one.name);
            return Err(StoreError::Refused { why });
        };
        entered.push(row.get(0));
    }
    Ok(entered)
}

/// Enters one who subscribed for a time, or has its subscription go on; tells its number.
pub(super) async fn subscribe_for(
    work: &Work,
    channel: &ChannelId,
    one: &NewSubscriber,
    (term, most): (&Term, u32),
    now: Timestamp,
) -> Result<i64, StoreError> {
    let channel_row = channel_row(work, channel.as_str()).await?;
    let (now, until) = (now.timestamp_millis(), term.until.timestamp_millis());
    // Whose time was over is not told what was said in between.
    let ended = "DELETE FROM subscribers WHERE channel = $1 AND name = $2 AND until <= $3";
    work.run(ended, &[&channel_row, &one.name, &now]).await?;
    let count = "SELECT count(*) FROM subscribers WHERE channel = $1 AND name <> $2";
    let others: i64 = work.one(count, &[&channel_row, &one.name]).await?.get(0);
    if i64::from(most) <= others {
        return Err(StoreError::Refused { why: format!("{channel} has {others} subscribers, and takes no more") });
    }
    let put = "INSERT INTO subscribers (channel, name, url, wishes, pace, state, made_at, until, sealed)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (channel, name) DO UPDATE SET url = excluded.url,
            wishes = excluded.wishes,
            state = CASE WHEN subscribers.state = $10 THEN subscribers.state ELSE excluded.state END, until = excluded.until, sealed = excluded.sealed,
            failing_since = NULL, why = NULL, unsaid = false
        RETURNING id";
    let (wishes, state) = (one.wishes.written(), state_code(one.state));
    let sealed = term.sealed.as_ref().map(|sealed| &*sealed.0);
    let paused = state_code(State::Paused);
    let values: &[Value<'_>] =
        &[&channel_row, &one.name, &one.url, &wishes, &one.pace, &state, &now, &until, &sealed, &paused];
    Ok(work.one(put, values).await?.get(0))
}

/// Takes out those whose time is over; tells how many they were.
pub(super) async fn end_terms(work: &Work, now: Timestamp) -> Result<u64, StoreError> {
    work.run("DELETE FROM subscribers WHERE until <= $1", &[&now.timestamp_millis()]).await
}

fn subscriber(row: &Row) -> Result<Subscriber, StoreError> {
    let name: String = row.get(2);
    let wishes = Wishes::read(row.get(4))
        .map_err(|why| StoreError::Failed { why: format!("the stored wishes of `{name}` cannot be read: {why}") })?;
    let older_until: Option<i64> = row.get(8);
    Ok(Subscriber {
        id: row.get(0),
        channel: row.get(1),
        name,
        url: row.get(3),
        wishes,
        pace: row.get(5),
        state: state(row.get(6))?,
        secret: Generations {
            newest: u32::try_from(row.get::<_, i64>(7)).unwrap_or(u32::MAX),
            older_until: older_until.map(moment).transpose()?,
        },
        since: moment(row.get(9))?,
        failing_since: row.get::<_, Option<i64>>(10).map(moment).transpose()?,
        why: row.get(11),
        until: row.get::<_, Option<i64>>(12).map(moment).transpose()?,
    })
}

/// The subscribers of all channels or of one, after a number and in the order of their numbers.
pub(super) async fn list(
    work: &Work,
    channel: Option<&ChannelId>,
    after: i64,
    limit: usize,
) -> Result<Vec<Subscriber>, StoreError> {
    let sql = "SELECT s.id, c.name, s.name, s.url, s.wishes, s.pace, s.state, s.generation, s.older_until, s.made_at, s.failing_since, s.why, s.until
        FROM subscribers s JOIN channels c ON c.id = s.channel
        WHERE $2 < s.id AND ($1::text IS NULL OR c.name = $1) ORDER BY s.id LIMIT $3";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = work.rows(sql, &[&channel.map(ChannelId::as_str), &after, &limit]).await?;
    rows.iter().map(subscriber).collect()
}

/// One subscriber by the name that it has in its channel.
pub(super) async fn named(work: &Work, channel: &ChannelId, name: &str) -> Result<Option<Subscriber>, StoreError> {
    let sql = "SELECT s.id, c.name, s.name, s.url, s.wishes, s.pace, s.state, s.generation, s.older_until, s.made_at, s.failing_since, s.why, s.until
        FROM subscribers s JOIN channels c ON c.id = s.channel WHERE c.name = $1 AND s.name = $2";
    work.maybe(sql, &[&channel.as_str(), &name]).await?.as_ref().map(subscriber).transpose()
}

/// Changes one subscriber; false when there is none of that number.
pub(super) async fn edit_row(work: &Work, id: i64, edit: &Edit) -> Result<bool, StoreError> {
    let changed = match edit {
        Edit::State(state) => {
            let sql =
                "UPDATE subscribers SET state = $2, failing_since = NULL, why = NULL, unsaid = false WHERE id = $1";
            work.run(sql, &[&id, &state_code(*state)]).await?
        }
        Edit::Url(url) => {
            let sql = "UPDATE subscribers SET url = $2, state = 0, failing_since = NULL, why = NULL, unsaid = false WHERE id = $1";
            work.run(sql, &[&id, url]).await?
        }
        Edit::Wishes(wishes) => {
            work.run("UPDATE subscribers SET wishes = $2 WHERE id = $1", &[&id, &wishes.written()]).await?
        }
        Edit::Pace(pace) => work.run("UPDATE subscribers SET pace = $2 WHERE id = $1", &[&id, pace]).await?,
        Edit::Rotate(until) => {
            let sql = "UPDATE subscribers SET generation = generation + 1, older_until = $2 WHERE id = $1";
            work.run(sql, &[&id, &until.timestamp_millis()]).await?
        }
        Edit::Remove => work.run("DELETE FROM subscribers WHERE id = $1", &[&id]).await?,
    };
    Ok(0 < changed)
}

/// Takes note of how subscribers of a channel are, and disables those who are to be; tells who is disabled without the people on duty
/// having been told.
pub(super) async fn note_health(work: &Work, channel: &ChannelId, news: &News) -> Result<Vec<Disabled>, StoreError> {
    for (id, since) in &news.failing {
        let since = since.map(|since| since.timestamp_millis());
        work.run("UPDATE subscribers SET failing_since = $2 WHERE id = $1", &[id, &since]).await?;
    }
    let end = "UPDATE subscribers SET state = $2, why = $4, unsaid = true WHERE id = $1 AND state = $3";
    for (id, why) in &news.disabled {
        let (disabled, active) = (state_code(State::Disabled), state_code(State::Active));
        work.run(end, &[id, &disabled, &active, &clean(&cut_why(why))]).await?;
    }
    work.run("UPDATE subscribers SET unsaid = false WHERE id = ANY($1)", &[&news.said]).await?;
    let unsaid = "SELECT id, name, coalesce(why, '') FROM subscribers
        WHERE channel = (SELECT id FROM channels WHERE name = $1) AND unsaid ORDER BY id LIMIT $2";
    let rows = work.rows(unsaid, &[&channel.as_str(), &(MAX_UNSAID as i64)]).await?;
    let disabled = |row: &Row| Disabled { subscriber: row.get(0), name: row.get(1), why: row.get(2) };
    Ok(rows.iter().map(disabled).collect())
}
