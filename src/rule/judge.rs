//! What a rule sees at one governorate: which severities are reached, which are surely clear, and which nobody can tell.
//!
//! Missing values are never taken for calm. A window with gaps can still prove danger (a sum with an hour missing is at least
//! the sum of the rest), but never that there is none.

use std::collections::BTreeMap;

use super::{Condition, Direction, FeedTerms, Rule, Statistic, Threshold, Window};
use crate::hazard::Severity;
use crate::ids::{FeedId, GovernorateId};
use crate::reading::{Basis, Series, SeriesKey};
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Metric;

/// Where series are found; the state, or a draft over it.
pub trait Readings {
    /// The series of a metric at a governorate, of one basis.
    fn series(
        &self,
        governorate: &GovernorateId,
        metric: Metric,
        basis: Basis,
    ) -> impl Iterator<Item = (&SeriesKey, &Series)>;

    /// When the feed last stood by what a forecast series says: gave it, or answered that nothing has changed since.
    fn confirmed(&self, key: &SeriesKey, series: &Series) -> Timestamp;
}

/// The last word of a series: for what is observed the last observation, for a forecast the last time its feed stood by it.
fn last_heard(readings: &impl Readings, key: &SeriesKey, series: &Series, now: Timestamp) -> Timestamp {
    match key.basis {
        Basis::Forecast => readings.confirmed(key, series),
        Basis::Observed => {
            let last = series.within(Timestamp::MIN_UTC, now).last().map_or(0, |point| point.0);
            Timestamp::from_timestamp(last, 0).unwrap_or(series.learned)
        }
    }
}

/// How long the word of a feed counts when its configuration does not say.
pub const DEFAULT_STALE_AFTER: TimeDelta = TimeDelta::hours(6);

/// How long nothing must have fallen before a sum is of the past; a lull between two showers is shorter.
pub const DRY_AFTER: TimeDelta = TimeDelta::hours(1);

/// What limits the trust in silence.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'a> {
    /// How old the word of each feed may be and still count.
    pub feeds: &'a BTreeMap<FeedId, FeedTerms>,
    /// A series not heard of for longer than this has no say any more, neither for danger nor against it.
    pub longest_silence: TimeDelta,
}

impl Trust<'_> {
    fn is_stale(&self, feed: &FeedId, heard: Timestamp, now: Timestamp) -> bool {
        self.feeds.get(feed).map_or(DEFAULT_STALE_AFTER, |terms| terms.stale_after) < now - heard
    }

    fn is_dead(&self, heard: Timestamp, now: Timestamp) -> bool {
        self.longest_silence < now - heard
    }
}

/// A value that reached a threshold, and the time it speaks of.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    /// Where it comes from.
    pub key: SeriesKey,
    /// The worst value found, canonical.
    pub value: f64,
    /// The end of the window in which it was found.
    pub at: Timestamp,
    /// When what it speaks of begins, over all windows that reached.
    pub begins: Timestamp,
    /// When that ends.
    pub ends: Timestamp,
}

/// What a rule sees of one severity.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// The threshold is reached.
    Reached(Sighting),
    /// It is not, and the value is not yet clear of it.
    Between,
    /// All that has a say is surely clear of it.
    Clear,
    /// Nobody can tell.
    Unknown,
}

/// What a rule sees at one governorate.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// For each threshold, mildest first.
    pub seen: Vec<(Severity, Seen)>,
    /// When any series that it looks at was last heard of.
    pub heard: Option<Timestamp>,
}

/// Judges a rule at a governorate.
pub fn judge(
    rule: &Rule,
    governorate: &GovernorateId,
    readings: &impl Readings,
    trust: Trust<'_>,
    now: Timestamp,
) -> Judgement {
    let eye = Eye { rule, governorate, readings, trust, now };
    let views = eye.views();
    let mut tallies: Vec<(&Threshold, Tally)> =
        rule.thresholds.iter().map(|threshold| (threshold, Tally::default())).collect();
    for view in &views {
        for end in eye.ends(view) {
            let sample = Sample::take(view.series, rule.window, end);
            let also = eye.conditions(view.key.basis, end);
            for (threshold, tally) in &mut tallies {
                eye.weigh(tally, threshold, view, &sample, end, also);
            }
        }
    }
    let seen = tallies.into_iter().map(|(threshold, tally)| (threshold.severity, tally.verdict())).collect();
    Judgement { seen, heard: views.iter().map(|view| view.heard).max() }
}

/// A rule looking at one governorate at one moment.
struct Eye<'a, R> {
    rule: &'a Rule,
    governorate: &'a GovernorateId,
    readings: &'a R,
    trust: Trust<'a>,
    now: Timestamp,
}

/// One series that has a say.
struct View<'a> {
    key: &'a SeriesKey,
    series: &'a Series,
    heard: Timestamp,
    is_stale: bool,
}

impl<'a, R: Readings> Eye<'a, R> {
    /// The series of a metric that have a say.
    fn of(&self, metric: Metric, basis: Basis) -> impl Iterator<Item = View<'a>> {
        let Self { readings, trust, now, .. } = *self;
        readings.series(self.governorate, metric, basis).filter_map(move |(key, series)| {
            let heard = last_heard(readings, key, series, now);
            let is_stale = trust.is_stale(&key.feed, heard, now);
            (!trust.is_dead(heard, now)).then_some(View { key, series, heard, is_stale })
        })
    }

    /// The series that the rule itself looks at.
    fn views(&self) -> Vec<View<'a>> {
        let bases = [Basis::Observed, Basis::Forecast].into_iter().filter(|basis| self.rule.sight.takes(*basis));
        bases.flat_map(|basis| self.of(self.rule.metric, basis)).collect()
    }

    /// The moments at which windows are made to end: now, and for forecasts every point up to the horizon.
    fn ends(&self, view: &View<'_>) -> Vec<Timestamp> {
        let mut ends = vec![self.now];
        if view.key.basis == Basis::Forecast {
            let ahead = view.series.within(self.now, self.now + self.rule.look_ahead);
            ends.extend(ahead.iter().filter_map(|point| Timestamp::from_timestamp(point.0, 0)));
        }
        ends
    }

    /// Whether all further conditions of the rule hold for windows that end at a moment.
    fn conditions(&self, basis: Basis, end: Timestamp) -> Answer {
        let mut all = Answer::Yes;
        for condition in &self.rule.also {
            match self.holds(condition, basis, end) {
                Answer::No => return Answer::No,
                Answer::Unknown => all = Answer::Unknown,
                Answer::Yes => {}
            }
        }
        all
    }

    fn holds(&self, condition: &Condition, basis: Basis, end: Timestamp) -> Answer {
        let Condition { metric, window, direction, threshold } = *condition;
        let mut has_no = false;
        let mut has_unknown = false;
        for view in self.of(metric, basis) {
            let sample = Sample::take(view.series, window, end);
            match sample.reaches(metric, window.statistic, direction, threshold) {
                _ if view.is_stale => has_unknown = true,
                Answer::Yes => return Answer::Yes,
                Answer::No => has_no = true,
                Answer::Unknown => has_unknown = true,
            }
        }
        if has_no && !has_unknown { Answer::No } else { Answer::Unknown }
    }

    /// Adds what one window says of one threshold.
    fn weigh(
        &self,
        tally: &mut Tally,
        threshold: &Threshold,
        view: &View<'_>,
        sample: &Sample<'_>,
        end: Timestamp,
        also: Answer,
    ) {
        let rule = self.rule;
        let may_reach = view.key.basis == Basis::Observed || threshold.severity <= rule.highest_from_forecast;
        let is_beyond = |mark: f64| match sample.reaches(rule.metric, rule.window.statistic, rule.direction, mark) {
            _ if view.is_stale => Answer::Unknown,
            Answer::Yes if sample.is_over(rule, self.now) => Answer::No,
            answer => answer,
        };
        if is_beyond(threshold.raise) == Answer::Yes && also == Answer::Yes && may_reach {
            return tally.keep(rule, view.key, end, sample, threshold.raise);
        }
        match (is_beyond(threshold.clear), also) {
            (Answer::No, _) | (_, Answer::No) => tally.clear += 1,
            (Answer::Yes, Answer::Yes) if may_reach => tally.between += 1,
            (Answer::Yes, Answer::Yes) => tally.clear += 1,
            (Answer::Unknown | Answer::Yes, Answer::Unknown) | (Answer::Unknown, Answer::Yes) => tally.unknown += 1,
        }
    }
}

/// Yes, no, or nobody can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    Unknown,
}

/// The verdict over all windows of all series for one threshold.
#[derive(Default)]
struct Tally {
    best: Option<Sighting>,
    clear: usize,
    between: usize,
    unknown: usize,
}

impl Tally {
    fn keep(&mut self, rule: &Rule, key: &SeriesKey, end: Timestamp, sample: &Sample<'_>, raise: f64) {
        let (begins, ends) = sample.extent(rule, raise, end);
        let value = sample.value(rule.window.statistic);
        match &mut self.best {
            None => self.best = Some(Sighting { key: key.clone(), value, at: end, begins, ends }),
            Some(best) => {
                best.begins = best.begins.min(begins);
                best.ends = best.ends.max(ends);
                let is_worse = match rule.direction {
                    Direction::AtLeast => best.value < value,
                    Direction::AtMost => value < best.value,
                };
                if is_worse {
                    best.key = key.clone();
                    best.value = value;
                    best.at = end;
                }
            }
        }
    }

    fn verdict(self) -> Seen {
        match self.best {
            Some(sighting) => Seen::Reached(sighting),
            None if 0 < self.unknown => Seen::Unknown,
            None if 0 < self.between => Seen::Between,
            None if 0 < self.clear => Seen::Clear,
            None => Seen::Unknown,
        }
    }
}

/// The points of one window.
struct Sample<'a> {
    points: &'a [(i64, f64)],
    covers: TimeDelta,
    is_whole: bool,
}

impl<'a> Sample<'a> {
    fn take(series: &'a Series, window: Window, end: Timestamp) -> Self {
        let from = end - window.span;
        let points = match series.within(from, end) {
            [] => last_word(series, end),
            points => points,
        };
        Self { points, covers: series.covers, is_whole: is_whole(points, series.covers, from, end) }
    }

    fn value(&self, statistic: Statistic) -> f64 {
        let values = self.points.iter().map(|point| point.1);
        match statistic {
            Statistic::Sum => values.sum(),
            Statistic::Max => values.fold(f64::NEG_INFINITY, f64::max),
            Statistic::Min => values.fold(f64::INFINITY, f64::min),
        }
    }

    /// Whether the window's value reaches a threshold. With gaps, a "yes" stands when more points could only make it worse.
    fn reaches(&self, metric: Metric, statistic: Statistic, direction: Direction, threshold: f64) -> Answer {
        if self.points.is_empty() {
            return Answer::Unknown;
        }
        let is_reached = direction.reaches(self.value(statistic), threshold);
        let only_worsens = match (statistic, direction) {
            (Statistic::Sum, Direction::AtLeast) => metric.is_never_negative(),
            (Statistic::Max, Direction::AtLeast) | (Statistic::Min, Direction::AtMost) => true,
            (Statistic::Sum | Statistic::Max, Direction::AtMost) | (Statistic::Min, Direction::AtLeast) => false,
        };
        match (is_reached, self.is_whole) {
            (true, true) => Answer::Yes,
            (true, false) if only_worsens => Answer::Yes,
            (false, true) => Answer::No,
            (true | false, false) => Answer::Unknown,
        }
    }

    /// True when a sum is of what has fallen and nothing of it is still falling: then it is the past, and `ease_after` says how
    /// long the warning outlives it. Only a window without gaps can say so.
    fn is_over(&self, rule: &Rule, now: Timestamp) -> bool {
        rule.window.statistic == Statistic::Sum && self.is_whole && {
            let wet = self.points.iter().rfind(|point| point.1 != 0.0).map(|point| point.0);
            let pause = DRY_AFTER.num_seconds().max(self.covers.num_seconds() * 3 / 2);
            wet.is_none_or(|last| last + pause <= now.timestamp())
        }
    }

    /// When what the window speaks of begins and ends: the wet hours of a sum, the points beyond the threshold of an extreme.
    fn extent(&self, rule: &Rule, raise: f64, end: Timestamp) -> (Timestamp, Timestamp) {
        let matters = |value: f64| match rule.window.statistic {
            Statistic::Sum => value != 0.0,
            Statistic::Max | Statistic::Min => rule.direction.reaches(value, raise),
        };
        let mut moments = self
            .points
            .iter()
            .filter(|point| matters(point.1))
            .filter_map(|point| Timestamp::from_timestamp(point.0, 0));
        match moments.next() {
            None => (end - rule.window.span, end),
            Some(first) => (first - self.covers, moments.next_back().unwrap_or(first)),
        }
    }
}

/// The last point before a moment, when it still speaks for it: an hourly report does until the next one is late.
fn last_word(series: &Series, end: Timestamp) -> &[(i64, f64)] {
    let recent = series.within(end - series.covers * 3 / 2, end);
    recent.get(recent.len().saturating_sub(1)..).unwrap_or(&[])
}

/// True when the points cover the window: no gap in it is longer than one and a half of the periods they speak for.
fn is_whole(points: &[(i64, f64)], covers: TimeDelta, from: Timestamp, end: Timestamp) -> bool {
    let slack = covers.num_seconds() * 3 / 2;
    let mut last = from.timestamp();
    for (at, _) in points {
        if slack < at - last {
            return false;
        }
        last = *at;
    }
    !points.is_empty() && end.timestamp() - last <= slack
}
