//! What feeds tell the engine: readings into their series, and how each feed is.
//!
//! Each way of not saying anything is a state of its own, and none of them is calm weather.

use std::collections::{BTreeMap, BTreeSet};

use super::health::{FeedState, Health};
use super::state::Draft;
use super::{Heard, KEEP_READINGS};
use crate::feed::Batch;
use crate::ids::{FeedId, GovernorateId};
use crate::reading::{Basis, Reading, Series, SeriesKey};
use crate::rule::judge::DEFAULT_STALE_AFTER;
use crate::rule::{FeedTerms, RuleBook};
use crate::time::{Timestamp, span_text};
use crate::unit::Metric;

/// How many entries of an index are remembered as fetched.
pub(super) const MAX_ENTRIES: usize = 2000;

/// How many reasons for skipping are written into one line of the journal.
const MAX_REASONS: usize = 5;

/// Notes what came of asking a feed.
pub(super) fn note(book: &RuleBook, draft: &mut Draft<'_>, id: &FeedId, heard: &Heard, now: Timestamp) {
    let old = draft.feed(id).cloned();
    let is_first = old.is_none();
    let mut feed = old.unwrap_or_else(|| FeedState::new(now));
    let health = health_of(heard);
    match heard {
        // Not a single part of it could be had or read: it is up, and as silent as if it were not.
        Heard::Batch { batch, entries, .. } if is_barren(batch) && entries.is_empty() => feed.validators = None,
        Heard::Batch { validators, entries, .. } => {
            feed.last_good = Some(now);
            feed.last_new = Some(now);
            feed.confirmed = Some(now);
            feed.validators = validators.clone();
            feed.entries.extend(entries.iter().cloned());
            let surplus = feed.entries.len().saturating_sub(MAX_ENTRIES);
            feed.entries.drain(..surplus);
        }
        Heard::Unchanged => {
            feed.last_good = Some(now);
            feed.confirmed = Some(now);
        }
        // It is alive, and it stands by nothing: what it said before grows old.
        Heard::Nothing | Heard::Listening { .. } => feed.last_good = Some(now),
        Heard::Unreadable { .. } | Heard::Unreachable { .. } => {}
    }
    match heard {
        Heard::Unreadable { .. } | Heard::Unreachable { .. } => feed.failures = feed.failures.saturating_add(1),
        Heard::Batch { .. } | Heard::Unchanged | Heard::Nothing | Heard::Listening { .. } => feed.failures = 0,
    }
    // What is incomplete, and every message that is pushed, is told for itself: it will not be heard again.
    let is_for_itself = matches!(heard, Heard::Batch { validators: None, .. }) && feed.health != health;
    let is_told = matches!(health, Health::Partial(_)) && is_for_itself;
    if is_first || feed.health.kind() != health.kind() || is_told {
        feed.since = now;
        draft.write(now, health.journal_kind(), id, sentence(id, &health));
    }
    feed.health = health;
    if feed.silent_since.is_some() && feed.last_good == Some(now) {
        feed.silent_since = None;
        draft.write(now, "feed", id, format!("{id} speaks again"));
    }
    let is_known = book.feeds.contains_key(id);
    if is_known {
        draft.put_feed(id.clone(), feed);
    }
}

fn is_barren(batch: &Batch) -> bool {
    batch.readings.is_empty() && batch.alerts.is_empty() && !batch.skipped.is_empty()
}

fn health_of(heard: &Heard) -> Health {
    match heard {
        Heard::Batch { batch, .. } if batch.skipped.is_empty() => Health::Good,
        Heard::Batch { batch, .. } => Health::Partial(reasons(batch)),
        Heard::Unchanged => Health::Unchanged,
        Heard::Nothing => Health::Empty,
        Heard::Listening { without: None } => Health::Listening,
        Heard::Listening { without: Some(why) } => Health::Partial(why.clone()),
        Heard::Unreadable { why } => Health::Unreadable(why.clone()),
        Heard::Unreachable { why } => Health::Unreachable(why.clone()),
    }
}

fn reasons(batch: &Batch) -> String {
    let shown: Vec<String> =
        batch.skipped.iter().take(MAX_REASONS).map(|skip| format!("{}: {}", skip.part, skip.why)).collect();
    let more = batch.skipped.len().saturating_sub(MAX_REASONS);
    if more == 0 { shown.join("; ") } else { format!("{}; and {more} more", shown.join("; ")) }
}

fn sentence(id: &FeedId, health: &Health) -> String {
    match health {
        Health::Unheard => format!("{id} has not been heard of yet"),
        Health::Good => format!("{id} answered and all of it could be read"),
        Health::Partial(why) => format!("{id} answered and parts were skipped: {why}"),
        Health::Unchanged => format!("{id} answered that nothing has changed"),
        Health::Empty => format!("{id} answered with nothing in it; that says nothing about the weather"),
        Health::Listening => format!("{id} is connected and listens; that says nothing about the weather"),
        Health::Unreadable(why) => format!("{id} answered something that cannot be read: {why}"),
        Health::Unreachable(why) => format!("{id} did not answer: {why}"),
    }
}

/// Finds the feeds that have been silent for longer than they may be, and says so once.
pub(super) fn watch_silence(book: &RuleBook, draft: &mut Draft<'_>, now: Timestamp) {
    for (id, FeedTerms { stale_after: patience, .. }) in &book.feeds {
        let Some(mut feed) = draft.feed(id).cloned() else {
            // Its patience begins when it is first expected to speak.
            draft.put_feed(id.clone(), FeedState::new(now));
            continue;
        };
        let last = feed.last_good.unwrap_or(feed.since);
        if feed.silent_since.is_none() && *patience < now - last {
            feed.silent_since = Some(last);
            let text = format!("{id} has been silent for {}: nothing of it counts as calm", span_text(now - last));
            draft.put_feed(id.clone(), feed);
            draft.write(now, "silence", id, text);
        }
    }
}

/// Stores readings and tells what they touch; forecasts that are told anew lose the hours that are not said again. A reading of a governorate that is not known never gets here: decoders place them.
pub(super) fn store_readings(
    draft: &mut Draft<'_>,
    feed: &FeedId,
    batch: &Batch,
    now: Timestamp,
) -> BTreeSet<(GovernorateId, Metric)> {
    let mut touched = BTreeSet::new();
    for retold in &batch.retold {
        let (governorate, metric) = (retold.governorate.clone(), retold.metric);
        let key = SeriesKey { governorate, metric, basis: Basis::Forecast, feed: feed.clone(), station: None };
        if let Some(mut series) = draft.one_series(&key).cloned() {
            series.forget_from(retold.from);
            touched.insert((key.governorate.clone(), key.metric));
            draft.put_series(key, series);
        }
    }
    let mut by_series: BTreeMap<SeriesKey, Vec<&Reading>> = BTreeMap::new();
    for reading in &batch.readings {
        let key = SeriesKey {
            governorate: reading.governorate.clone(),
            metric: reading.metric,
            basis: reading.basis,
            feed: feed.clone(),
            station: reading.station.clone(),
        };
        by_series.entry(key).or_default().push(reading);
    }
    for (key, readings) in by_series {
        let covers = readings.first().map_or(DEFAULT_STALE_AFTER, |reading| reading.covers);
        let mut series = draft.one_series(&key).cloned().unwrap_or_else(|| Series::new(now, covers));
        series.learned = now;
        series.covers = covers;
        for reading in readings {
            series.put(reading.at, reading.value);
        }
        series.forget_until(now - KEEP_READINGS);
        touched.insert((key.governorate.clone(), key.metric));
        draft.put_series(key, series);
    }
    touched
}
