//! Calm: when nothing can be told, so that nothing has to be judged; and when, while something can, the passing of time alone may
//! change what is told.
//!
//! Two facts carry it. Without a value on the dangerous side of the mildest threshold within its window no rule is ever reached,
//! whatever else holds; so where no warning is in force and no latch is closed or moving, nothing is said until such a value
//! comes. And every comparison that a judgement makes is of the clock with a known moment and a known span; so between two
//! moments of [`Moments::within`] every look sees the same. A test lives both ways and compares.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::hazard::Hazard;
use crate::ids::FeedId;
use crate::reading::Reading;
use crate::rule::latch::{MAX_RETURNS, patience};
use crate::rule::{Direction, Rule, RuleBook, Statistic, Window};
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Metric;

/// How far a sum may lie outside its window, one part in so many of a period, as the rules see it.
const EDGE_PART: i32 = 10;

/// Values on the dangerous side of a rule's mildest threshold.
#[derive(Debug, Clone, Copy)]
struct Danger {
    metric: Metric,
    statistic: Statistic,
    direction: Direction,
    mildest: f64,
    span: TimeDelta,
    look_ahead: TimeDelta,
}

/// The dangers that the rules of one hazard know.
#[derive(Debug)]
pub(super) struct Dangers {
    list: Vec<Danger>,
    /// For how long a value may be taken for the last word: one and a half of the longest periods here.
    last_word: TimeDelta,
}

/// A stretch of time in which something may have to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stir {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Dangers {
    /// Those of rules, for readings that speak for at most so long.
    pub(super) fn new<'a>(rules: impl Iterator<Item = &'a Rule>, longest: TimeDelta) -> Self {
        let list = rules.filter_map(|rule| {
            let others = rule.overrides.iter().filter_map(|one| one.changes.thresholds.as_ref()).flatten();
            let all = rule.thresholds.iter().chain(others).map(|one| one.raise);
            let mildest = all.reduce(|a, b| match rule.direction {
                Direction::AtLeast => a.min(b),
                Direction::AtMost => a.max(b),
            })?;
            let Window { statistic, span } = rule.window;
            let Rule { metric, direction, look_ahead, .. } = *rule;
            Some(Danger { metric, statistic, direction, mildest, span, look_ahead })
        });
        Self { list: list.collect(), last_word: longest * 3 / 2 }
    }

    /// When a reading that was heard at a moment may bring something to be told; none when it never does.
    pub(super) fn stir(&self, heard: Timestamp, reading: &Reading) -> Option<Stir> {
        let dangers = self.list.iter().filter(|danger| danger.metric == reading.metric);
        let stirs = dangers.filter(|danger| danger.is_near(reading.value)).map(|danger| {
            // A window may end with a later value, which speaks until one and a half of its periods have passed.
            let end = reading.at + danger.span + self.last_word;
            Stir { from: heard.max(reading.at - danger.look_ahead), to: end.max(heard) }
        });
        stirs.reduce(|a, b| Stir { from: a.from.min(b.from), to: a.to.max(b.to) })
    }

    /// The metrics that are looked at for danger.
    pub(super) fn metrics(&self) -> BTreeSet<Metric> {
        self.list.iter().map(|danger| danger.metric).collect()
    }
}

impl Danger {
    fn is_near(&self, value: f64) -> bool {
        match (self.statistic, self.direction) {
            // Many small amounts may add up; no amount adds up to nothing.
            (Statistic::Sum, Direction::AtLeast) => value != 0.0 || self.mildest <= 0.0,
            (Statistic::Sum, Direction::AtMost) => true,
            (Statistic::Rate, Direction::AtLeast) if self.metric == Metric::Precipitation => value != 0.0,
            // A change may be dangerous from any value to any other.
            (Statistic::Rate, _) => true,
            // No mean lies beyond all of its values.
            (Statistic::Max | Statistic::Min | Statistic::Mean, direction) => direction.reaches(value, self.mildest),
        }
    }
}

/// Stretches in order, those that touch put together.
pub(super) fn together(mut stirs: Vec<Stir>) -> Vec<Stir> {
    stirs.sort_unstable();
    let mut whole: Vec<Stir> = Vec::new();
    for stir in stirs {
        match whole.last_mut() {
            Some(last) if stir.from <= last.to => last.to = last.to.max(stir.to),
            _ => whole.push(stir),
        }
    }
    whole
}

/// Which series of a place: of which feed, metric and station.
type Which = (FeedId, Metric, Option<Arc<str>>);

/// When series have nothing to say: from one and a half periods after their last word to the next one.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// The last moment of each, and the period that it speaks for.
    last: BTreeMap<Which, (Timestamp, TimeDelta)>,
    found: BTreeMap<Metric, Vec<Stir>>,
    /// When series begin to speak, or speak again.
    starts: BTreeMap<Metric, Vec<Timestamp>>,
}

impl Gaps {
    /// Takes a reading; those of a series come in order of time.
    pub(super) fn take(&mut self, feed: &FeedId, reading: &Reading) {
        let Reading { metric, station, at, covers, .. } = reading;
        let before = self.last.insert((feed.clone(), *metric, station.clone()), (*at, *covers));
        match before.map(|(last, covers)| last + covers * 3 / 2) {
            Some(silent) if *at < silent => {}
            Some(silent) => {
                self.found.entry(*metric).or_default().push(Stir { from: silent, to: *at });
                self.starts.entry(*metric).or_default().push(*at);
            }
            None => self.starts.entry(*metric).or_default().push(*at),
        }
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self) {
        for ((_, metric, _), (last, covers)) in std::mem::take(&mut self.last) {
            let silence = Stir { from: last + covers * 3 / 2, to: Timestamp::MAX_UTC };
            self.found.entry(metric).or_default().push(silence);
        }
    }

    /// Those of some metrics, and when they end or series begin, each in order.
    pub(super) fn of(&self, metrics: &BTreeSet<Metric>) -> (Vec<Stir>, Vec<Timestamp>) {
        let gaps = self.found.iter().filter(|(metric, _)| metrics.contains(metric)).flat_map(|(_, gaps)| gaps.clone());
        let starts =
            self.starts.iter().filter(|(metric, _)| metrics.contains(metric)).flat_map(|(_, starts)| starts.clone());
        let mut starts: Vec<Timestamp> = starts.collect();
        starts.sort_unstable();
        starts.dedup();
        (together(gaps.collect()), starts)
    }
}

/// The spans after known moments at which a look may see something else.
#[derive(Debug)]
pub(super) struct Moments {
    /// After the moment that a value speaks of.
    of_values: Vec<TimeDelta>,
    /// The same while every series speaks: then the last word of each holds until the next one, and sums move with it alone.
    of_steady: Vec<TimeDelta>,
    /// After the moment at which a series begins to speak, or speaks again.
    of_starts: Vec<TimeDelta>,
    /// After a feed was heard, or something changed.
    of_changes: Vec<TimeDelta>,
    /// After the end that a warning was told to have.
    of_ends: Vec<TimeDelta>,
    /// Whether a rule looks at more than one window, at a mean or a rate, or is otherwise in a season: then every look counts.
    is_every: bool,
}

impl Moments {
    /// Those of the rules of a hazard, for readings that speak for these periods.
    pub(super) fn new(book: &RuleBook, hazard: Hazard, covers: &BTreeSet<TimeDelta>) -> Self {
        let hour = TimeDelta::hours(1);
        let times = &book.times;
        let mut common = BTreeSet::from([times.validity, times.longest_silence]);
        for terms in book.feeds.values() {
            common.extend([terms.stale_after, terms.silent_after, terms.silent_after + times.validity]);
            common.extend(terms.new_within.into_iter().chain(terms.max_age));
        }
        let mut steady = common.clone();
        let mut changes = common;
        steady.extend([TimeDelta::zero(), hour]);
        let (mut values, mut starts) = (BTreeSet::new(), BTreeSet::new());
        let mut is_every = false;
        for rule in book.rules.iter().filter(|rule| rule.hazard == hazard) {
            let mut patient =
                |ease_after| changes.extend((0..=MAX_RETURNS).map(|returns| patience(ease_after, returns)));
            patient(rule.ease_after);
            rule.overrides.iter().filter_map(|one| one.changes.ease_after).for_each(patient);
            changes.insert(rule.rise_after);
            steady.insert(-rule.look_ahead);
            let windows: Vec<Window> =
                std::iter::once(rule.window).chain(rule.conditions().map(|one| one.window)).collect();
            is_every |= !rule.lasts.is_zero()
                || rule.overrides.iter().any(|one| !one.seasons.is_empty() || one.changes.lasts.is_some())
                || windows.iter().any(|one| matches!(one.statistic, Statistic::Mean | Statistic::Rate));
            for one in &rule.overrides {
                changes.extend(one.changes.rise_after);
            }
            for Window { span, statistic } in windows {
                steady.insert(span);
                for covers in covers.iter().copied() {
                    let slack = covers * 3 / 2;
                    starts.insert(span - slack);
                    values.extend([span - slack, slack, slack.max(hour)]);
                    if statistic == Statistic::Sum {
                        // How long after the last drop a sum is of the past.
                        steady.insert(slack.max(hour));
                        values.extend([span - covers, span - covers + covers / EDGE_PART]);
                    }
                }
            }
        }
        values.extend(&steady);
        let ends = BTreeSet::from([TimeDelta::zero(), -times.extend_before, -times.validity]);
        let list = |set: BTreeSet<TimeDelta>| set.into_iter().collect();
        Self {
            of_values: list(values),
            of_steady: list(steady),
            of_starts: list(starts),
            of_changes: list(changes),
            of_ends: list(ends),
            is_every,
        }
    }

    /// How long what happened may still be felt.
    pub(super) fn longest(&self) -> TimeDelta {
        self.of_values.iter().chain(&self.of_changes).copied().max().unwrap_or_default()
    }

    /// The looks within `[from, to)` that may see something else than the one before: for each moment the first at or after it and
    /// the next.
    pub(super) fn within(
        &self,
        known: &Known<'_>,
        (from, to): (Timestamp, Timestamp),
        looks: &Looks,
    ) -> Vec<Timestamp> {
        if self.is_every {
            let first = looks.at_or_after(from);
            let all = std::iter::successors(Some(first), |look| Some(*look + looks.tick));
            return all.take_while(|look| *look < to).collect();
        }
        let mut found = vec![from];
        let near = |moments: &[Timestamp], after: &[TimeDelta], found: &mut Vec<Timestamp>| {
            for span in after {
                let first = moments.partition_point(|moment| *moment + *span < from - looks.tick * 2);
                let rest = moments.get(first..).unwrap_or_default().iter().map(|moment| *moment + *span);
                found.extend(rest.take_while(|moment| *moment < to));
            }
        };
        let next_gap = known.gaps.partition_point(|gap| gap.to < from - looks.tick * 2);
        let is_steady = known.gaps.get(next_gap).is_none_or(|gap| to < gap.from);
        near(known.values, if is_steady { &self.of_steady } else { &self.of_values }, &mut found);
        near(known.starts, &self.of_starts, &mut found);
        near(known.heard, &self.of_changes, &mut found);
        near(known.changes, &self.of_changes, &mut found);
        near(known.ends, &self.of_ends, &mut found);
        let mut at: Vec<Timestamp> = Vec::with_capacity(found.len() * 2);
        for moment in found {
            let first = looks.at_or_after(moment);
            at.extend([first, first + looks.tick].into_iter().filter(|look| from <= *look && *look < to));
        }
        at.sort_unstable();
        at.dedup();
        at
    }
}

/// The moments that spans are counted from, each list in order.
pub(super) struct Known<'a> {
    /// Those that readings speak of.
    pub(super) values: &'a [Timestamp],
    /// When not every series speaks.
    pub(super) gaps: &'a [Stir],
    /// When series begin to speak, or speak again.
    pub(super) starts: &'a [Timestamp],
    /// When feeds were heard.
    pub(super) heard: &'a [Timestamp],
    /// When something changed.
    pub(super) changes: &'a [Timestamp],
    /// When warnings end, as told.
    pub(super) ends: &'a [Timestamp],
}

/// When the clock is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looks {
    /// The first time.
    pub(super) origin: Timestamp,
    /// How far apart.
    pub(super) tick: TimeDelta,
}

impl Looks {
    /// The first look at or after a moment.
    pub(super) fn at_or_after(&self, moment: Timestamp) -> Timestamp {
        let tick = self.tick.num_seconds().max(1);
        let since = moment.signed_duration_since(self.origin);
        let since = since.num_seconds() + i64::from(0 < since.subsec_nanos());
        let count = since.div_euclid(tick) + i64::from(since.rem_euclid(tick) != 0);
        self.origin + TimeDelta::seconds(count * tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_counted_from_the_first() {
        let origin = Timestamp::from_timestamp(1000, 0).unwrap();
        let looks = Looks { origin, tick: TimeDelta::seconds(30) };
        for (second, expected) in [(1000, 1000), (1001, 1030), (1030, 1030), (999, 1000), (970, 970), (941, 970)] {
            let at = |second| Timestamp::from_timestamp(second, 0).unwrap();
            assert_eq!(looks.at_or_after(at(second)), at(expected), "{second}");
        }
    }
}
