//! How each feed is: what its answers came to, and which of its clocks are past their limits.
//!
//! Each way of not saying anything is a state of its own, and none of them is calm weather.

use super::health::{FeedState, Health};
use super::readings::key_of;
use super::skew::Skew;
use super::state::Draft;
use super::{Heard, KEEP_READINGS};
use crate::feed::{Batch, Skip};
use crate::ids::FeedId;
use crate::notice::{FeedClock, HeldAlert, Holding, MAX_ITEMS, Part, Past, Topic, cut};
use crate::reading::{Basis, MAX_POINTS, Reading, Series, SeriesKey};
use crate::rule::{FeedTerms, RuleBook};
use crate::time::{TimeDelta, Timestamp, span_text};

/// How many entries of an index are remembered as fetched.
pub(super) const MAX_ENTRIES: usize = 2000;

/// How many reasons for skipping are written into one line of the journal.
const MAX_REASONS: usize = 5;

/// How far into the future an observation or a date may lie and still be believed; stations and authorities have clocks too.
const AHEAD_OF_US: TimeDelta = TimeDelta::minutes(10);

/// How many strange parts of an answer are remembered.
const MAX_STRANGE: usize = 10;

/// Notes what came of asking a feed.
pub(super) fn note(
    book: &RuleBook,
    draft: &mut Draft<'_>,
    id: &FeedId,
    heard: &Heard,
    skew: Option<TimeDelta>,
    now: Timestamp,
) {
    let Some(terms) = book.feeds.get(id) else { return note_stranger(draft, id, heard, now) };
    let old = draft.feed(id).cloned();
    let is_first = old.is_none();
    let mut feed = old.unwrap_or_else(|| FeedState::new(now)).under(book.gazetteer);
    let health = health_of(heard);
    feed.asked = Some(now);
    match heard {
        // Not a single part of it could be had or read: it is up, and as silent as if it were not.
        Heard::Batch { batch, entries, .. } if is_barren(batch) && entries.is_empty() => {
            feed.validators = None;
            note_strange(&mut feed, batch);
        }
        Heard::Batch { batch, validators, entries } => {
            feed.last_good = Some(now);
            if has_news(draft, id, batch, now) {
                feed.last_new = Some(now);
            }
            feed.newest = feed.newest.max(newest(batch, now));
            feed.given = Some(now);
            feed.confirmed = Some(now);
            feed.validators = validators.clone();
            feed.entries.extend(entries.iter().cloned());
            let surplus = feed.entries.len().saturating_sub(MAX_ENTRIES);
            feed.entries.drain(..surplus);
            note_strange(&mut feed, batch);
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
    if let Some(ahead) = skew {
        feed.skew = Some(Skew::after(feed.skew.as_ref(), ahead, now));
    }
    // What is incomplete, and every message that is pushed, is told for itself: it will not be heard again. That a broker is lost
    // must not hide behind a message that could not be read.
    let is_for_itself = matches!(heard, Heard::Batch { validators: None, .. } | Heard::Listening { .. });
    let is_told = is_for_itself && matches!(health, Health::Partial(_)) && feed.health != health;
    if is_first || feed.health.kind() != health.kind() || is_told {
        feed.since = now;
        draft.write(now, health.journal_kind(), id, sentence(id, &health));
    }
    feed.health = health;
    look_at_clocks(draft, id, terms, &mut feed, now);
    draft.put_feed(id.clone(), feed);
    if let Heard::Batch { batch, .. } = heard
        && !batch.lost.is_empty()
    {
        let held = |lost: &Skip| HeldAlert { alert: cut(&lost.part), about: cut(&lost.why) };
        let alerts: Vec<HeldAlert> = batch.lost.iter().take(MAX_ITEMS).map(held).collect();
        let more = u32::try_from(batch.lost.len() - alerts.len()).unwrap_or(u32::MAX);
        draft.notify(Topic::AlertHeld { feed: id.clone(), why: Holding::NotHad, alerts, more });
    }
}

/// A feed that was taken out of the configuration while it was being asked: what came of it is told, and nothing remembered.
fn note_stranger(draft: &mut Draft<'_>, id: &FeedId, heard: &Heard, now: Timestamp) {
    let health = health_of(heard);
    draft.write(now, health.journal_kind(), id, sentence(id, &health));
}

fn note_strange(feed: &mut FeedState, batch: &Batch) {
    let parts = batch.strange.iter().map(|skip| Part { part: cut(&skip.part), why: cut(&skip.why) });
    feed.strange = parts.take(MAX_STRANGE).collect();
    feed.strange_more = u32::try_from(batch.strange.len().saturating_sub(MAX_STRANGE)).unwrap_or(u32::MAX);
}

/// Whether an answer says anything that was not known: an alert not seen, a value for a moment not told of or told differently.
///
/// A forecast reaches on as the hours go by, also when no model has run: its next hour is nothing new, unless another hour is
/// told differently. Looks no further than the first piece of news.
fn has_news(draft: &Draft<'_>, id: &FeedId, batch: &Batch, now: Timestamp) -> bool {
    if batch.alerts.iter().any(|alert| draft.seen(&alert.identity.to_string()).is_none()) {
        return true;
    }
    let mut last: Option<(SeriesKey, Option<&Series>)> = None;
    batch.readings.iter().filter(|reading| now - KEEP_READINGS < reading.at).any(|reading| {
        let is_same = |key: &SeriesKey| {
            (&key.governorate, key.metric, key.basis, &key.station)
                == (&reading.governorate, reading.metric, reading.basis, &reading.station)
        };
        let series = match &last {
            Some((key, series)) if is_same(key) => *series,
            _ => {
                let key = key_of(id, reading);
                let series = draft.one_series(&key);
                last = Some((key, series));
                series
            }
        };
        series.is_none_or(|series| is_news(series, reading))
    })
}

fn is_news(series: &Series, reading: &Reading) -> bool {
    let second = reading.at.timestamp();
    let points = series.points();
    match points.binary_search_by_key(&second, |point| point.0) {
        Ok(place) => points.get(place).is_none_or(|point| point.1.to_bits() != reading.value.to_bits()),
        // What a full series has forgotten is told again and again.
        Err(0) => points.len() < MAX_POINTS,
        Err(place) => reading.basis == Basis::Observed || place < points.len(),
    }
}

/// The moment of the newest thing that an answer speaks of; what lies in the future says nothing of its age.
fn newest(batch: &Batch, now: Timestamp) -> Option<Timestamp> {
    let observed = batch.readings.iter().filter(|reading| reading.basis == Basis::Observed).map(|reading| reading.at);
    let sent = batch.alerts.iter().map(|alert| alert.identity.sent);
    let moments = observed.chain(sent).chain(batch.made);
    moments.filter(|moment| *moment <= now + AHEAD_OF_US).max().map(|moment| moment.min(now))
}

fn is_barren(batch: &Batch) -> bool {
    batch.readings.is_empty() && batch.alerts.is_empty() && !is_whole(batch)
}

/// Whether nothing of an answer was passed over, strange or not to be had.
fn is_whole(batch: &Batch) -> bool {
    batch.skipped.is_empty() && batch.strange.is_empty() && batch.lost.is_empty()
}

fn health_of(heard: &Heard) -> Health {
    match heard {
        Heard::Batch { batch, .. } if is_whole(batch) => Health::Good,
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
    let all = || batch.strange.iter().chain(&batch.lost).chain(&batch.skipped);
    let shown: Vec<String> = all().take(MAX_REASONS).map(|skip| format!("{}: {}", skip.part, skip.why)).collect();
    let more = all().count().saturating_sub(MAX_REASONS);
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

/// Finds the feeds whose clocks are past their limits, or within them again, and says so once.
pub(super) fn watch_silence(book: &RuleBook, draft: &mut Draft<'_>, now: Timestamp) {
    for (id, terms) in &book.feeds {
        let Some(known) = draft.feed(id) else {
            // Its patience begins when it is first expected to speak.
            draft.put_feed(id.clone(), FeedState::new(now));
            continue;
        };
        let is_as_told = known.past(terms, now).iter().map(|past| past.clock).eq(known.silent.keys().copied());
        let is_ahead =
            [known.begun, known.last_good, known.last_new, known.newest].iter().any(|moment| Some(now) < *moment);
        if is_as_told && !is_ahead {
            continue;
        }
        let mut feed = known.clone();
        feed.follow_clock(now);
        look_at_clocks(draft, id, terms, &mut feed, now);
        draft.put_feed(id.clone(), feed);
    }
}

/// Compares the clocks with what was told of each.
fn look_at_clocks(draft: &mut Draft<'_>, id: &FeedId, terms: &FeedTerms, feed: &mut FeedState, now: Timestamp) {
    let past = feed.past(terms, now);
    for Past { clock, since, .. } in &past {
        if feed.silent.insert(*clock, *since).is_none() {
            let span = span_text(now - *since);
            let what = match clock {
                FeedClock::Fetch => format!("{id} has been silent for {span}"),
                FeedClock::News => format!("{id} has said nothing new for {span}"),
                FeedClock::Age => format!("{id} speaks of nothing newer than {span} ago"),
            };
            draft.write(now, "silence", id, format!("{what}: nothing of it counts as calm"));
        }
    }
    let ended: Vec<FeedClock> =
        feed.silent.keys().copied().filter(|clock| past.iter().all(|past| past.clock != *clock)).collect();
    for clock in ended {
        feed.silent.remove(&clock);
        let what = match clock {
            FeedClock::Fetch => "speaks again",
            FeedClock::News => "says something new again",
            FeedClock::Age => "speaks of the present again",
        };
        draft.write(now, "feed", id, format!("{id} {what}"));
    }
}
