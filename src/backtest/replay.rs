//! The replay: lives through an archive with the very engine of the service, [`engine::step`], as if each thing were heard when it
//! was heard and the clock looked at as often as the service does.
//!
//! How bad the rules say it is at one governorate depends on no others, so each is lived through for itself, as if nothing were
//! told with it: places that are told together share the earliest beginning and the latest end. That goes on as many threads as there
//! are; looks at which nothing can be told are left out (`calm`). Where an authority speaks, whose word concerns several places at
//! once, all is lived through together and nothing is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::archive::{Archive, Place, Told};
use super::calm::{Dangers, Gaps, Known, Looks, Moments, Stir, together};
use super::history::{History, Said, history, said};
use crate::derive;
use crate::engine::{self, Event, Heard, KEEP_READINGS, State};
use crate::feed::{Batch, Retold};
use crate::hazard::Hazard;
use crate::ids::{FeedId, GovernorateId};
use crate::reading::{Basis, Reading};
use crate::rule::judge::DEFAULT_STALE_AFTER;
use crate::rule::{FeedTerms, RuleBook, WarningTimes};
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Metric;

/// How a replay is done.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How often the clock is looked at; the service's own.
    pub tick: TimeDelta,
    /// How many threads may be used.
    pub threads: NonZero<usize>,
}

/// What was done so far, of how much.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Lives through an archive and tells what people would have been told.
pub fn replay(
    book: &RuleBook,
    archive: &Archive,
    places: &BTreeMap<GovernorateId, Place>,
    pace: Pace,
    progress: Progress<'_>,
) -> History {
    let said = if archive.has_alerts() {
        whole(&of_archive(book, archive, true), archive, pace.tick, progress)
    } else {
        apart(&of_archive(book, archive, false), archive, places, pace, progress)
    };
    history(said, archive.to)
}

/// The rules with the feeds of an archive alone, and without the wait for other places, of which those that are lived through for
/// themselves know nothing. A feed that is not configured counts for the usual time. Whether a feed says
/// anything new at all cannot be told of one governorate alone, so that clock stands still when `is_whole` is not so.
fn of_archive(book: &RuleBook, archive: &Archive, is_whole: bool) -> RuleBook {
    let terms = |id: &FeedId| {
        let terms = book.feeds.get(id).cloned().unwrap_or_else(|| FeedTerms::new("csv", DEFAULT_STALE_AFTER));
        if is_whole { terms } else { FeedTerms { new_within: None, max_age: None, ..terms } }
    };
    let feeds = archive.feeds().into_iter().map(|id| (id.clone(), terms(&id))).collect();
    let times = WarningTimes { group_wait: TimeDelta::zero(), ..book.times.clone() };
    RuleBook { feeds, times, ..book.clone() }
}

/// Everything together, every look taken.
fn whole(book: &RuleBook, archive: &Archive, tick: TimeDelta, progress: Progress<'_>) -> Vec<Said> {
    let mut state = State::default();
    let mut told = Vec::new();
    let looks = Looks { origin: archive.from, tick };
    for (number, one) in archive.told.iter().enumerate() {
        progress(number, archive.told.len());
        let event = Event::Asked { feed: one.feed.clone(), heard: one.heard.clone(), skew: None };
        let outcome = engine::step(book, &state, &event, one.at);
        state.adopt(outcome.changes);
        said(&outcome.bulletins, None, &mut told);
        let mut look = looks.at_or_after(one.at);
        let end = archive.told.get(number + 1).map_or(one.at + tick, |next| next.at);
        while look < end {
            let outcome = engine::step(book, &state, &Event::Tick, look);
            if !outcome.is_empty() {
                state.adopt(outcome.changes);
                said(&outcome.bulletins, None, &mut told);
            }
            look += tick;
        }
    }
    progress(archive.told.len(), archive.told.len());
    told
}

/// Each governorate and hazard for itself.
fn apart(
    book: &RuleBook,
    archive: &Archive,
    places: &BTreeMap<GovernorateId, Place>,
    pace: Pace,
    progress: Progress<'_>,
) -> Vec<Said> {
    let list: Vec<(&GovernorateId, &Place)> = places.iter().collect();
    let heard: Vec<Timestamp> = archive.told.iter().map(|told| told.at).collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let all = Mutex::new(Vec::new());
    let work = || {
        while let Some((governorate, place)) = list.get(next.fetch_add(1, Ordering::Relaxed)) {
            let there = There::new(book, archive, governorate, place, &heard, pace.tick);
            let told = there.live();
            all.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(told);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, list.len());
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..pace.threads.get().min(list.len()) {
            scope.spawn(work);
        }
        work();
    });
    all.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// One governorate of an archive.
struct There<'a> {
    book: &'a RuleBook,
    archive: &'a Archive,
    governorate: &'a GovernorateId,
    place: &'a Place,
    heard: &'a [Timestamp],
    looks: Looks,
    /// The periods that its readings speak for.
    covers: BTreeSet<TimeDelta>,
    /// Observed, and heard when observed: then many batches may be given as one without a difference.
    is_plain: bool,
}

impl<'a> There<'a> {
    fn new(
        book: &'a RuleBook,
        archive: &'a Archive,
        governorate: &'a GovernorateId,
        place: &'a Place,
        heard: &'a [Timestamp],
        tick: TimeDelta,
    ) -> Self {
        let mut there = Self {
            book,
            archive,
            governorate,
            place,
            heard,
            looks: Looks { origin: archive.from, tick },
            covers: BTreeSet::new(),
            is_plain: true,
        };
        for (told, readings) in there.parts() {
            for reading in readings {
                if there.covers.last() != Some(&reading.covers) {
                    there.covers.insert(reading.covers);
                }
                there.is_plain &= reading.basis == Basis::Observed && reading.at == told.at;
            }
        }
        there
    }

    /// What is said of it, in the order in which it was heard.
    fn parts(&self) -> impl Iterator<Item = (&'a Told, &'a [Reading])> + use<'a> {
        let archive = self.archive;
        self.place.parts.iter().filter_map(move |(number, range)| {
            let told = archive.told.get(*number)?;
            Some((told, told.batch()?.readings.get(range.clone())?))
        })
    }

    /// What people there would have been told.
    fn live(&self) -> Vec<Said> {
        let mut told = Vec::new();
        let hazards: BTreeSet<Hazard> = self.rules().map(|rule| rule.hazard).collect();
        let (stirs, gaps) = self.stirs(&hazards);
        for (hazard, stirs) in stirs.into_iter().filter(|(_, stirs)| !stirs.is_empty()) {
            Life::new(self, hazard, &gaps).live(&stirs, &mut told);
        }
        told
    }

    fn rules(&self) -> impl Iterator<Item = &'a crate::rule::Rule> {
        self.book.rules.iter().filter(|rule| rule.governorates.contains(self.governorate))
    }

    /// When something may have to be told of each hazard, and when series have nothing to say.
    fn stirs(&self, hazards: &BTreeSet<Hazard>) -> (BTreeMap<Hazard, Vec<Stir>>, Gaps) {
        let longest = self.covers.last().copied().unwrap_or_default();
        let dangers: Vec<(Hazard, Dangers)> = hazards
            .iter()
            .map(|hazard| (*hazard, Dangers::new(self.rules().filter(|rule| rule.hazard == *hazard), longest)))
            .collect();
        let watched: BTreeSet<Metric> = dangers.iter().flat_map(|(_, dangers)| dangers.metrics()).collect();
        let derived: BTreeSet<Metric> = Metric::ALL.iter().flat_map(|metric| derive::from(*metric)).collect();
        let conditions = self.rules().flat_map(|rule| rule.also.iter().map(|also| also.metric));
        let wanted: BTreeSet<Metric> = watched.iter().copied().chain(conditions).collect();
        let made_here: BTreeSet<Metric> = wanted.intersection(&derived).copied().collect();
        let mut gaps = Gaps::default();
        let mut stirs: BTreeMap<Hazard, Vec<Stir>> = hazards.iter().map(|hazard| (*hazard, Vec::new())).collect();
        for (told, readings) in self.parts() {
            let made =
                if self.is_plain { derive::readings(readings, &made_here, |_, _| None).readings } else { Vec::new() };
            for reading in readings.iter().chain(&made) {
                if self.is_plain && wanted.contains(&reading.metric) {
                    gaps.take(&told.feed, reading);
                }
                for (hazard, dangers) in &dangers {
                    if let (Some(stir), Some(stirs)) = (dangers.stir(told.at, reading), stirs.get_mut(hazard)) {
                        stirs.push(stir);
                    }
                }
            }
        }
        for (hazard, stirs) in &mut stirs {
            // Halves of what a formula needs may have come apart: then it is not known here what was derived when.
            let is_derived =
                dangers.iter().any(|(of, dangers)| of == hazard && !dangers.metrics().is_disjoint(&derived));
            if is_derived && !self.is_plain {
                stirs.push(Stir { from: self.archive.from, to: self.archive.to });
            }
            *stirs = together(std::mem::take(stirs));
        }
        gaps.end();
        (stirs, gaps)
    }
}

/// The rules' word on one hazard at one governorate, being lived through.
struct Life<'a> {
    there: &'a There<'a>,
    hazard: Hazard,
    book: RuleBook,
    /// What the rules name.
    wanted: BTreeSet<Metric>,
    /// The same, with what that is derived from; readings of anything else are nothing to these rules.
    metrics: BTreeSet<Metric>,
    /// What a feed may give itself or have derived here.
    derivable: BTreeSet<Metric>,
    moments: Moments,
    /// When not all of its series speak; where readings come late or ahead of time, that is never known.
    gaps: Vec<Stir>,
    /// When its series begin to speak, or speak again.
    starts: Vec<Timestamp>,
    state: State,
    /// When something changed, not longer ago than it can be felt.
    changed: Vec<Timestamp>,
}

impl<'a> Life<'a> {
    fn new(there: &'a There<'a>, hazard: Hazard, gaps: &Gaps) -> Self {
        let rules = there.rules().filter(|rule| rule.hazard == hazard).map(|rule| {
            let governorates = BTreeSet::from([there.governorate.clone()]);
            crate::rule::Rule { governorates, ..rule.clone() }
        });
        let book = RuleBook { rules: rules.collect(), ..there.book.clone() };
        let wanted = book.rules.metrics().clone();
        let (gaps, starts) = if there.is_plain {
            gaps.of(&wanted)
        } else {
            (vec![Stir { from: Timestamp::MIN_UTC, to: Timestamp::MAX_UTC }], Vec::new())
        };
        let is_needed =
            |metric: &Metric| wanted.contains(metric) || derive::from(*metric).any(|made| wanted.contains(&made));
        let metrics = Metric::ALL.iter().copied().filter(is_needed).collect();
        let derivable =
            Metric::ALL.iter().flat_map(|metric| derive::from(*metric)).filter(|made| wanted.contains(made));
        let derivable = derivable.collect();
        Self {
            there,
            hazard,
            metrics,
            derivable,
            wanted,
            moments: Moments::new(&book, hazard, &there.covers),
            book,
            gaps,
            starts,
            state: State::default(),
            changed: Vec::new(),
        }
    }

    /// Lives through it all, and sleeps where nothing can be told.
    fn live(mut self, stirs: &[Stir], told: &mut Vec<Said>) {
        let all = &self.there.archive.told;
        let mut is_asleep = true;
        let mut slept_from = 0;
        let mut stir = stirs.iter().peekable();
        for (number, one) in all.iter().enumerate() {
            let end = all.get(number + 1).map_or(one.at + self.there.looks.tick, |next| next.at);
            while stir.next_if(|stir| stir.to < one.at).is_some() {}
            let is_stirring = stir.peek().is_some_and(|stir| stir.from < end);
            if is_asleep && !is_stirring {
                continue;
            }
            if is_asleep {
                self.catch_up(slept_from..number, one.at, told);
                is_asleep = false;
            }
            let heard = self.heard(number);
            // What was judged at a moment need not be looked at in the same one, unless another feed's clock runs out in it.
            let is_named = self.readings(number).any(|reading| self.wanted.contains(&reading.metric));
            let is_judged = self.book.feeds.len() == 1 && is_named;
            self.step(&Event::Asked { feed: one.feed.clone(), heard, skew: None }, one.at, told);
            self.look(one.at, end, is_judged, told);
            if !is_stirring && self.state.is_at_rest() {
                (is_asleep, slept_from) = (true, number + 1);
            }
        }
    }

    /// The readings of what was told that matter here.
    fn readings(&self, number: usize) -> impl Iterator<Item = &'a Reading> {
        let there = self.there;
        let place = there.place.parts.binary_search_by_key(&number, |part| part.0).ok();
        let range = place.and_then(|place| there.place.parts.get(place)).map(|(_, range)| range.clone());
        let batch = there.archive.told.get(number).and_then(Told::batch);
        let readings = range.zip(batch).and_then(|(range, batch)| batch.readings.get(range)).unwrap_or_default();
        readings.iter().filter(|reading| self.metrics.contains(&reading.metric))
    }

    /// What was told, as far as it matters here.
    fn heard(&self, number: usize) -> Heard {
        let all = self.there.archive.told.get(number).map(|told| &told.heard);
        let Some(Heard::Batch { batch, .. }) = all else { return all.cloned().unwrap_or(Heard::Nothing) };
        let is_ours =
            |retold: &&Retold| retold.governorate == *self.there.governorate && self.metrics.contains(&retold.metric);
        let readings: Vec<Reading> = self.readings(number).cloned().collect();
        let retold = batch.retold.iter().filter(is_ours).cloned().collect();
        batch_of(Batch { readings, retold, ..Batch::default() })
    }

    /// Tells the engine what it slept through, as far as it is still remembered.
    fn catch_up(&mut self, slept: std::ops::Range<usize>, now: Timestamp, told: &mut Vec<Said>) {
        let all = &self.there.archive.told;
        let since = now - KEEP_READINGS - TimeDelta::hours(1);
        let first = slept.start.max(all.partition_point(|told| told.at < since));
        if !self.there.is_plain {
            for (number, one) in all.iter().enumerate().take(slept.end).skip(first) {
                let heard = self.heard(number);
                self.step(&Event::Asked { feed: one.feed.clone(), heard, skew: None }, one.at, told);
            }
            return;
        }
        // Batches that give the same kinds of values are given as one; what a feed gives itself is not derived for it.
        type Kinds<'r> = BTreeSet<(Option<&'r str>, Metric)>;
        let mut open: BTreeMap<&FeedId, (Timestamp, Kinds<'_>, Vec<Reading>)> = BTreeMap::new();
        for (number, one) in all.iter().enumerate().take(slept.end).skip(first) {
            let readings: Vec<&Reading> = self.readings(number).collect();
            let own = readings.iter().filter(|reading| self.derivable.contains(&reading.metric));
            let own: Kinds<'_> = own.map(|reading| (reading.station.as_deref(), reading.metric)).collect();
            if let Some((at, kinds, gathered)) = open.get_mut(&one.feed)
                && (*kinds == own || gathered.is_empty() || readings.is_empty())
            {
                *at = one.at;
                if gathered.is_empty() {
                    *kinds = own;
                }
                gathered.extend(readings.into_iter().cloned());
                continue;
            }
            let gathered = readings.into_iter().cloned().collect();
            if let Some((at, _, readings)) = open.insert(&one.feed, (one.at, own, gathered)) {
                self.give(&one.feed, readings, at, told);
            }
        }
        let mut last: Vec<_> = open.into_iter().collect();
        last.sort_by_key(|(_, (at, _, _))| *at);
        for (feed, (at, _, readings)) in last {
            self.give(feed, readings, at, told);
        }
    }

    fn give(&mut self, feed: &FeedId, readings: Vec<Reading>, at: Timestamp, told: &mut Vec<Said>) {
        let heard = batch_of(Batch { readings, ..Batch::default() });
        self.step(&Event::Asked { feed: feed.clone(), heard, skew: None }, at, told);
    }

    /// Looks at the clock within `[from, to)`, wherever a look may see something new; not at `from` where that is judged.
    fn look(&mut self, from: Timestamp, to: Timestamp, is_judged: bool, told: &mut Vec<Said>) {
        if to <= from {
            return;
        }
        let longest = self.moments.longest();
        self.changed.retain(|moment| from - longest <= *moment);
        let mut start = from;
        'again: loop {
            let mut ends: Vec<Timestamp> = self.state.warnings().map(|(_, warning)| warning.until).collect();
            ends.sort_unstable();
            let known = Known {
                values: &self.there.place.moments,
                gaps: &self.gaps,
                starts: &self.starts,
                heard: self.there.heard,
                changes: &self.changed,
                ends: &ends,
            };
            for look in self.moments.within(&known, (start, to), &self.there.looks) {
                if is_judged && look == from {
                    continue;
                }
                if self.step(&Event::Tick, look, told) {
                    // What changed brings moments of its own.
                    self.changed.push(look);
                    start = look + self.there.looks.tick;
                    continue 'again;
                }
            }
            return;
        }
    }

    /// Takes one step; true when it changed anything.
    fn step(&mut self, event: &Event, now: Timestamp, told: &mut Vec<Said>) -> bool {
        let outcome = engine::step(&self.book, &self.state, event, now);
        if outcome.is_empty() {
            return false;
        }
        self.state.adopt(outcome.changes);
        said(&outcome.bulletins, Some((self.hazard, self.there.governorate)), told);
        true
    }
}

fn batch_of(batch: Batch) -> Heard {
    Heard::Batch { batch, validators: None, entries: Vec::new() }
}

#[cfg(test)]
mod tests;
