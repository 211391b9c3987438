//! One window of one series: between which bounds its sum, extreme, mean or rate must lie.
//!
//! A gap leaves one side open, and a value whose period lies only partly in the window is not cut: six hours of rain may all have
//! fallen in the one that counts, or in the five that do not. So rain is never made up, and never taken away.

use super::super::{Direction, Rule, Statistic, Window};
use super::{DRY_AFTER, exact};
use crate::reading::Series;
use crate::time::Timestamp;
use crate::unit::Metric;

/// The part of its period, one in so many, that a value of a sum may lie outside of the window and still count as within:
/// clocks of gauges are seconds off.
pub(super) const EDGE_PART: i64 = 10;

/// Yes, no, or nobody can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    Unknown,
}

impl Answer {
    /// Whether all hold: one that does not is enough for no.
    pub(super) fn all(answers: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::Yes;
        for answer in answers {
            match answer {
                Self::No => return Self::No,
                Self::Unknown => all = Self::Unknown,
                Self::Yes => {}
            }
        }
        all
    }

    /// Whether any holds: one is enough for yes, and nobody can tell where there is none.
    pub(super) fn any(answers: impl IntoIterator<Item = Self>) -> Self {
        let mut any = None;
        for answer in answers {
            match answer {
                Self::Yes => return Self::Yes,
                Self::Unknown => any = Some(Self::Unknown),
                Self::No => any = any.or(Some(Self::No)),
            }
        }
        any.unwrap_or(Self::Unknown)
    }
}

/// A moment in seconds since 1970, and what was said of it.
type Word = (i64, f64);

/// Between which bounds the value of a window lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Nowhere below this.
    pub(super) least: f64,
    /// Nowhere above this.
    pub(super) most: f64,
    /// Whether nothing of the window is missing.
    pub(super) is_whole: bool,
}

impl Bounds {
    /// Those of the largest or smallest value of a window: with gaps it is at least, or at most, what was found.
    pub(super) fn of_extreme(statistic: Statistic, found: Option<f64>, is_whole: bool) -> Self {
        match statistic {
            Statistic::Min => {
                let found = found.unwrap_or(f64::INFINITY);
                Self { least: if is_whole { found } else { f64::NEG_INFINITY }, most: found, is_whole }
            }
            Statistic::Max | Statistic::Sum | Statistic::Mean | Statistic::Rate => {
                let found = found.unwrap_or(f64::NEG_INFINITY);
                Self { least: found, most: if is_whole { found } else { f64::INFINITY }, is_whole }
            }
        }
    }

    /// Those of a mean, from the seconds that are spoken for and the values, in exact parts, times these. What nobody speaks for
    /// may be anything possible.
    pub(super) fn of_mean(metric: Metric, window: Window, covered: i64, weighed: i128, is_whole: bool) -> Self {
        let open = if is_whole { 0 } else { (window.span.num_seconds() - covered).max(0) };
        let (sum, whole) = (exact::large_value(weighed), (covered + open) as f64);
        let possible = metric.possible();
        let bound = |unknown: f64| if covered == 0 { unknown } else { (sum + unknown * open as f64) / whole };
        Self { least: bound(*possible.start()), most: bound(*possible.end()), is_whole }
    }
}

/// What one window holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample<'a> {
    series: &'a Series,
    window: Window,
    points: &'a [(i64, f64)],
    /// Whether its value is an amount that fell, in all or by the hour.
    is_amount: bool,
    /// The last second of which an amount is not nothing.
    wet: Option<i64>,
    bounds: Bounds,
}

impl<'a> Sample<'a> {
    /// Takes the window that ends at a moment.
    pub(super) fn take(series: &'a Series, metric: Metric, window: Window, end: Timestamp) -> Self {
        match window.statistic {
            Statistic::Sum => Self::sum(series, metric, window, end),
            Statistic::Max | Statistic::Min => Self::extreme(series, window, end),
            Statistic::Mean => Self::mean(series, metric, window, end),
            Statistic::Rate if metric == Metric::Precipitation => {
                Self::sum(series, metric, window, end).by_the_hour(hours(window))
            }
            Statistic::Rate => Self::change(series, window, end),
        }
    }

    /// One of which all is known.
    pub(super) fn made(series: &'a Series, window: Window, points: &'a [(i64, f64)], bounds: Bounds) -> Self {
        Self { series, window, points, is_amount: false, wet: None, bounds }
    }

    /// The same as an amount, with the last second of which it is not nothing.
    pub(super) fn amount(self, wet: Option<i64>) -> Self {
        Self { is_amount: true, wet, ..self }
    }

    /// The same amount by the hour.
    pub(super) fn by_the_hour(self, hours: f64) -> Self {
        let Bounds { least, most, is_whole } = self.bounds;
        Self { bounds: Bounds { least: least / hours, most: most / hours, is_whole }, ..self }
    }

    /// How much the second of two words differs from the first, by the hour of the window.
    pub(super) fn changed(
        series: &'a Series,
        window: Window,
        points: &'a [(i64, f64)],
        words: Option<(&Word, &Word)>,
    ) -> Self {
        let moved = words.filter(|(before, after)| before.0 < after.0);
        let (points, is_whole) = if moved.is_some() { (points, true) } else { ([].as_slice(), false) };
        let rate = moved.map(|(before, after)| (after.1 - before.1) / hours(window));
        let (least, most) = (rate.unwrap_or(f64::NEG_INFINITY), rate.unwrap_or(f64::INFINITY));
        Self::made(series, window, points, Bounds { least, most, is_whole })
    }

    /// The mean of the window's values, each for as long as it speaks for. Like a sum, the window is the one that ended with the
    /// last word while that still speaks.
    fn mean(series: &'a Series, metric: Metric, window: Window, end: Timestamp) -> Self {
        let end = last_moment(series, end);
        let from = end - window.span;
        let points = series.within(from, end);
        let is_whole = is_whole(series, points, from, end);
        let mut reached = from.timestamp();
        let (mut covered, mut weighed) = (0_i64, 0_i128);
        for (at, value) in points {
            // A period counts from where the one before it ended, or from the edge of the window.
            let length = (at - reached.max(at - series.length_of(*at))).max(0);
            covered += length;
            weighed += i128::from(exact::parts(*value)) * i128::from(length);
            reached = reached.max(*at);
        }
        Self::made(series, window, points, Bounds::of_mean(metric, window, covered, weighed, is_whole))
    }

    /// How much the last word of the window differs from the last word at its beginning.
    fn change(series: &'a Series, window: Window, end: Timestamp) -> Self {
        let from = end - window.span;
        let (before, after) = (last_word(series, from), last_word(series, end));
        Self::changed(series, window, series.within(from, end), before.first().zip(after.first()))
    }

    /// The largest or smallest of the window's values.
    fn extreme(series: &'a Series, window: Window, end: Timestamp) -> Self {
        let from = end - window.span;
        let points = match series.within(from, end) {
            [] => last_word(series, end),
            points => points,
        };
        let is_whole = is_whole(series, points, from, end);
        let values = points.iter().map(|point| point.1);
        let found = match window.statistic {
            Statistic::Min => values.reduce(f64::min),
            Statistic::Max | Statistic::Sum | Statistic::Mean | Statistic::Rate => values.reduce(f64::max),
        };
        Self::made(series, window, points, Bounds::of_extreme(window.statistic, found, is_whole))
    }

    /// The sum over the window. While the last word still speaks for the time since, the window is the one that ended with it:
    /// an hourly value does not fall apart because it is twenty past.
    pub(super) fn sum(series: &'a Series, metric: Metric, window: Window, end: Timestamp) -> Self {
        let end = last_moment(series, end);
        let from = end - window.span;
        let points = series.within(from, end);
        let is_whole = is_whole(series, points, from, end);
        let spells = || points.iter().map(|(at, value)| Spell::new(*at, series.length_of(*at), *value));
        let from = from.timestamp();
        let is_within = |spell: &Spell| from <= spell.begins + spell.edge();
        let is_apart = spells().zip(spells().skip(1)).all(|(before, after)| before.at <= after.begins + after.edge());
        let (least, most) = if !metric.is_never_negative() {
            let is_exact = is_whole && is_apart && spells().all(|spell| is_within(&spell));
            let sum = total(spells());
            if is_exact { (sum, sum) } else { (f64::NEG_INFINITY, f64::INFINITY) }
        } else if is_apart {
            (total(spells().filter(is_within)), if is_whole { total(spells()) } else { f64::INFINITY })
        } else {
            let least = most_apart(&spells().filter(is_within).collect::<Vec<_>>());
            (least, least_over(&spells().collect::<Vec<_>>(), from, end.timestamp()).max(least))
        };
        let wet = points.iter().rfind(|point| point.1 != 0.0).map(|point| point.0);
        Self::made(series, window, points, Bounds { least, most, is_whole }).amount(wet)
    }

    /// Whether every value of its series speaks for a period of the same length.
    pub(super) fn is_even(&self) -> bool {
        self.series.is_even()
    }

    /// True when a series has no gap between two moments.
    pub(super) fn is_unbroken(series: &Series, from: Timestamp, end: Timestamp) -> bool {
        is_whole(series, series.within(from, end), from, end)
    }

    /// Whether the window's value reaches a threshold.
    pub(super) fn reaches(&self, direction: Direction, threshold: f64) -> Answer {
        if self.points.is_empty() {
            return Answer::Unknown;
        }
        let (is_sure, is_possible) = match direction {
            Direction::AtLeast => (threshold <= self.bounds.least, threshold <= self.bounds.most),
            Direction::AtMost => (self.bounds.most <= threshold, self.bounds.least <= threshold),
        };
        match (is_sure, is_possible) {
            (true, _) => Answer::Yes,
            (false, false) => Answer::No,
            (false, true) => Answer::Unknown,
        }
    }

    /// True when a sum is of what has fallen and nothing of it is still falling: then it is the past, and `ease_after` says how
    /// long the warning outlives it. Only a window without gaps can say so.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.is_amount && self.bounds.is_whole && {
            let pause = |last: i64| DRY_AFTER.num_seconds().max(self.series.length_of(last) * 3 / 2);
            self.wet.is_none_or(|last| last + pause(last) <= now.timestamp())
        }
    }

    /// The value that is sure, by the way that is dangerous; infinite on the calm side when nothing is.
    pub(super) fn sure(&self, direction: Direction) -> f64 {
        match (self.window.statistic, direction) {
            (Statistic::Sum | Statistic::Max, _) | (Statistic::Mean | Statistic::Rate, Direction::AtLeast) => {
                self.bounds.least
            }
            (Statistic::Min, _) | (Statistic::Mean | Statistic::Rate, Direction::AtMost) => self.bounds.most,
        }
    }

    /// The least and the most that the value can be; none when nothing at all is known.
    pub(super) fn bounds(&self) -> Option<(f64, f64)> {
        (!self.points.is_empty()).then_some((self.bounds.least, self.bounds.most))
    }

    /// The stretches of the window that nobody speaks for, in seconds since 1970; none of them when it is whole. `end` is the
    /// moment that it was taken for.
    pub(super) fn gaps(&self, end: Timestamp) -> Vec<(i64, i64)> {
        if self.bounds.is_whole {
            return Vec::new();
        }
        let end = match self.window.statistic {
            Statistic::Sum | Statistic::Mean => last_moment(self.series, end),
            Statistic::Rate if self.is_amount => last_moment(self.series, end),
            Statistic::Max | Statistic::Min | Statistic::Rate => end,
        };
        let mut last = (end - self.window.span).timestamp();
        let mut gaps = Vec::new();
        for (at, _) in self.points {
            if slack(self.series, *at) < at - last {
                gaps.push((last, at - self.series.length_of(*at)));
            }
            last = *at;
        }
        let is_open = self.points.last().is_none_or(|(at, _)| slack(self.series, *at) < end.timestamp() - last);
        gaps.extend(is_open.then_some((last, end.timestamp())));
        gaps
    }

    /// When what a window speaks of that reached a threshold begins: with the first wet hour of an amount, with the first value
    /// beyond the threshold of an extreme.
    pub(super) fn begins(&self, rule: &Rule, raise: f64, end: Timestamp) -> Timestamp {
        let first = self.points.iter().find(|point| self.matters(rule, raise, point.1)).map(|point| point.0);
        let begins = |second: i64| Timestamp::from_timestamp(second - self.series.length_of(second), 0);
        first.and_then(begins).unwrap_or(end - self.window.span)
    }

    /// When that ends.
    pub(super) fn ends(&self, rule: &Rule, raise: f64, end: Timestamp) -> Timestamp {
        let last = self.points.iter().rfind(|point| self.matters(rule, raise, point.1)).map(|point| point.0);
        last.and_then(|last| Timestamp::from_timestamp(last, 0)).unwrap_or(end)
    }

    fn matters(&self, rule: &Rule, raise: f64, value: f64) -> bool {
        match self.window.statistic {
            _ if self.is_amount => value != 0.0,
            Statistic::Max | Statistic::Min => rule.direction.reaches(value, raise),
            Statistic::Sum | Statistic::Mean | Statistic::Rate => true,
        }
    }
}

/// The length of a window in hours.
pub(super) fn hours(window: Window) -> f64 {
    window.span.num_seconds() as f64 / 3600.0
}

/// The last point before a moment, when it still speaks for it: an hourly report does until the next one is late.
fn last_word(series: &Series, end: Timestamp) -> &[(i64, f64)] {
    let all = series.within(Timestamp::MIN_UTC, end);
    let last = all.get(all.len().saturating_sub(1)..).unwrap_or(&[]);
    let still_speaks = last.first().is_some_and(|(at, _)| end.timestamp() - at < slack(series, *at));
    if still_speaks { last } else { &[] }
}

/// The moment of the last word while that still speaks for the time since, else the moment itself.
fn last_moment(series: &Series, end: Timestamp) -> Timestamp {
    last_word(series, end).first().and_then(|point| Timestamp::from_timestamp(point.0, 0)).unwrap_or(end)
}

/// How long after the point of a second the next one may be missed: one and a half of the periods they speak for.
fn slack(series: &Series, second: i64) -> i64 {
    series.length_of(second) * 3 / 2
}

/// True when the points cover the window: no gap in it is longer than one and a half of the periods they speak for.
fn is_whole(series: &Series, points: &[(i64, f64)], from: Timestamp, end: Timestamp) -> bool {
    let mut last = from.timestamp();
    for (at, _) in points {
        if slack(series, *at) < at - last {
            return false;
        }
        last = *at;
    }
    points.last().is_some_and(|(at, _)| end.timestamp() - last <= slack(series, *at))
}

/// What fell in one period, in seconds since 1970.
#[derive(Debug, Clone, Copy)]
struct Spell {
    begins: i64,
    at: i64,
    value: f64,
}

impl Spell {
    fn new(at: i64, length: i64, value: f64) -> Self {
        Self { begins: at - length, at, value }
    }

    /// How far it may lie outside and still count as within.
    fn edge(&self) -> i64 {
        (self.at - self.begins) / EDGE_PART
    }

    /// How long the time before it may be that no period speaks for.
    fn gap(&self) -> i64 {
        let length = self.at - self.begins;
        length * 3 / 2 - length
    }
}

/// All added up.
fn total(spells: impl Iterator<Item = Spell>) -> f64 {
    exact::sum(spells.map(|spell| spell.value))
}

/// The most that surely fell: the largest sum of periods of which no two overlap, so that no drop is counted twice.
fn most_apart(spells: &[Spell]) -> f64 {
    // best[i]: of the first i.
    let mut best = vec![0.0_f64];
    for (place, spell) in spells.iter().enumerate() {
        let before = spells.partition_point(|other| other.at <= spell.begins + spell.edge());
        let with = best.get(before.min(place)).copied().unwrap_or_default() + spell.value;
        let without = best.last().copied().unwrap_or_default();
        best.push(with.max(without));
    }
    best.last().copied().unwrap_or_default()
}

/// The most that can have fallen: the smallest sum of periods that leave no gap in the window; without end when there is none.
fn least_over(spells: &[Spell], from: i64, end: i64) -> f64 {
    // least[i]: to cover the window up to the end of spell i, with it as the last.
    let mut least: Vec<f64> = Vec::with_capacity(spells.len());
    for (place, spell) in spells.iter().enumerate() {
        // A short time that nobody speaks for is passed over; one that somebody speaks for is not.
        let is_spoken_for = spells.iter().any(|other| other.begins < spell.begins && spell.begins < other.at);
        let ended = spells.partition_point(|other| other.at <= spell.begins);
        let ended = spells.get(..ended).and_then(<[Spell]>::last).map_or(from, |other| other.at.max(from));
        let is_gap = is_spoken_for || spell.gap() < spell.begins - ended;
        let must_reach = if is_gap { spell.begins } else { ended.min(spell.begins) };
        let first = spells.partition_point(|other| other.at < must_reach);
        let before = match must_reach <= from {
            true => 0.0,
            false => least.get(first.min(place)..).unwrap_or(&[]).iter().copied().fold(f64::INFINITY, f64::min),
        };
        least.push(before + spell.value);
    }
    let is_to_the_end = |spell: &Spell| end - spell.at <= spell.at - spell.begins + spell.gap();
    spells.last().filter(|last| is_to_the_end(last)).and(least.last()).copied().unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests;
