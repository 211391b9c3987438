//! A window that slides over a series: what [`Sample::take`] would find, made from what was found a step before.
//!
//! Every point enters once and leaves once, whatever the length of the window. Where points speak for periods of different lengths,
//! or for times that overlap, each window is taken for itself.

use std::collections::VecDeque;

use super::super::{Statistic, Window};
use super::exact;
use super::sample::{Bounds, EDGE_PART, Sample, hours};
use crate::reading::Series;
use crate::time::Timestamp;
use crate::unit::Metric;

/// A window of one series; it only ever moves on.
#[derive(Debug)]
pub(super) struct Slide<'a> {
    series: &'a Series,
    metric: Metric,
    window: Window,
    points: &'a [(i64, f64)],
    /// The period that every point speaks for, and how late the next one may be, in seconds.
    length: i64,
    slack: i64,
    /// The points in the window: from the first up to one past the last; none until it was moved for the first time.
    range: Option<(usize, usize)>,
    /// The last point that comes too late after the one before it, that overlaps it, and that is not zero.
    late: Option<usize>,
    overlapping: Option<usize>,
    wet: Option<usize>,
    /// The sum of all values in exact parts.
    sum: i64,
    /// Of all points but the first: the seconds that they speak for since the one before, and their values times these.
    covered: i64,
    weighed: i128,
    /// The points that are worse than all that follow them, in order.
    worst: VecDeque<usize>,
}

impl<'a> Slide<'a> {
    pub(super) fn new(series: &'a Series, metric: Metric, window: Window) -> Self {
        let length = series.covers.num_seconds();
        Self {
            series,
            metric,
            window,
            points: series.points(),
            length,
            slack: length * 3 / 2,
            range: None,
            late: None,
            overlapping: None,
            wet: None,
            sum: 0,
            covered: 0,
            weighed: 0,
            worst: VecDeque::new(),
        }
    }

    /// The window that ends at a moment; moments must come in order.
    pub(super) fn take(&mut self, end: Timestamp) -> Sample<'a> {
        if !self.series.is_even() {
            return Sample::take(self.series, self.metric, self.window, end);
        }
        let second = end.timestamp();
        self.enter(second);
        let word = self.last_word(second);
        // A sum or mean is the one that ended with the last word while that still speaks.
        let moment = match self.window.statistic {
            Statistic::Sum | Statistic::Mean => word.map_or(second, |word| word.0),
            Statistic::Rate if self.metric == Metric::Precipitation => word.map_or(second, |word| word.0),
            Statistic::Max | Statistic::Min | Statistic::Rate => second,
        };
        let from = moment - self.window.span.num_seconds();
        self.leave(from);
        match self.window.statistic {
            Statistic::Sum => self.amount(from, moment, end),
            Statistic::Rate if self.metric == Metric::Precipitation => {
                self.amount(from, moment, end).by_the_hour(hours(self.window))
            }
            Statistic::Max | Statistic::Min => self.extreme(from, moment, word),
            Statistic::Mean => self.mean(from, moment),
            Statistic::Rate => self.change(from, word),
        }
    }

    /// The places of the first point and of one past the last.
    fn ends(&self) -> (usize, usize) {
        self.range.unwrap_or_default()
    }

    fn point(&self, place: usize) -> Option<&'a (i64, f64)> {
        self.points.get(place)
    }

    fn inside(&self) -> &'a [(i64, f64)] {
        let (first, past) = self.ends();
        self.points.get(first..past).unwrap_or_default()
    }

    /// Lets in all points up to a second.
    fn enter(&mut self, second: i64) {
        let (first, mut past) = self.range.unwrap_or_else(|| {
            // What lies before the longest window that can end here never comes in.
            let begin = second - self.window.span.num_seconds() - self.slack;
            let first = self.points.partition_point(|point| point.0 <= begin);
            (first, first)
        });
        while let Some((at, value)) = self.point(past).filter(|point| point.0 <= second) {
            self.add(first, past, *at, *value);
            past += 1;
        }
        self.range = Some((first, past));
    }

    fn add(&mut self, first: usize, place: usize, at: i64, value: f64) {
        let before = if first < place { place.checked_sub(1).and_then(|before| self.point(before)) } else { None };
        let gap = before.map(|before| at - before.0);
        if gap.is_some_and(|gap| self.slack < gap) {
            self.late = Some(place);
        }
        match self.window.statistic {
            Statistic::Sum | Statistic::Rate => {
                if gap.is_some_and(|gap| gap < self.length - self.edge()) {
                    self.overlapping = Some(place);
                }
                if value != 0.0 {
                    self.wet = Some(place);
                }
                self.sum += exact::parts(value);
            }
            Statistic::Mean => {
                let spoken = gap.map_or(0, |gap| gap.min(self.length));
                self.covered += spoken;
                self.weighed += weighed(value, spoken);
            }
            Statistic::Max => self.add_worst(place, |known| known <= value),
            Statistic::Min => self.add_worst(place, |known| value <= known),
        }
    }

    fn add_worst(&mut self, place: usize, is_no_worse: impl Fn(f64) -> bool) {
        while self.worst.back().and_then(|last| self.point(*last)).is_some_and(|last| is_no_worse(last.1)) {
            self.worst.pop_back();
        }
        self.worst.push_back(place);
    }

    /// Lets out all points up to a second.
    fn leave(&mut self, from: i64) {
        let (mut first, past) = self.ends();
        while first < past
            && let Some((at, value)) = self.point(first).filter(|point| point.0 <= from)
        {
            first += 1;
            match self.window.statistic {
                Statistic::Sum | Statistic::Rate => self.sum -= exact::parts(*value),
                Statistic::Mean => {
                    if let Some((next, value)) = self.point(first).filter(|_| first < past) {
                        let spoken = (next - at).min(self.length);
                        self.covered -= spoken;
                        self.weighed -= weighed(*value, spoken);
                    }
                }
                Statistic::Max | Statistic::Min => {}
            }
        }
        while self.worst.front().is_some_and(|worst| *worst < first) {
            self.worst.pop_front();
        }
        self.range = Some((first, past));
    }

    /// How far an amount's period may lie outside of the window and still count as within, in seconds.
    fn edge(&self) -> i64 {
        self.length / EDGE_PART
    }

    /// The last point before the end, when it still speaks for it; it may have left the window.
    fn last_word(&self, second: i64) -> Option<&'a (i64, f64)> {
        let (_, past) = self.ends();
        let last = past.checked_sub(1).and_then(|last| self.point(last));
        last.filter(|(at, _)| second - at < self.slack)
    }

    /// True when the series has no gap in the window that ends at a moment; moments must come in order.
    pub(super) fn is_unbroken(&mut self, end: Timestamp) -> bool {
        if !self.series.is_even() {
            return Sample::is_unbroken(self.series, end - self.window.span, end);
        }
        let (second, span) = (end.timestamp(), self.window.span.num_seconds());
        self.enter(second);
        self.leave(second - span);
        self.is_whole(second - span, second)
    }

    /// Whether the points in the window cover it.
    fn is_whole(&self, from: i64, moment: i64) -> bool {
        let (first, _) = self.ends();
        let inside = self.inside();
        let is_first_late = inside.first().is_none_or(|(at, _)| self.slack < at - from);
        let is_end_open = inside.last().is_none_or(|(at, _)| self.slack < moment - at);
        !is_first_late && !is_end_open && self.late.is_none_or(|late| late <= first)
    }

    fn amount(&self, from: i64, moment: i64, end: Timestamp) -> Sample<'a> {
        let (first, past) = self.ends();
        if self.overlapping.is_some_and(|place| first < place) {
            return Sample::sum(self.series, self.metric, self.window, end);
        }
        let is_whole = self.is_whole(from, moment);
        // Only the first can reach out of the window where no two overlap.
        let outside = self.inside().first().filter(|(at, _)| at - self.length + self.edge() < from);
        let sum = exact::value(self.sum);
        let (least, most) = if self.metric.is_never_negative() {
            let outside = outside.map_or(0, |(_, value)| exact::parts(*value));
            (exact::value(self.sum - outside), if is_whole { sum } else { f64::INFINITY })
        } else if is_whole && outside.is_none() {
            (sum, sum)
        } else {
            (f64::NEG_INFINITY, f64::INFINITY)
        };
        let wet = self.wet.filter(|wet| (first..past).contains(wet)).and_then(|wet| self.point(wet)).map(|wet| wet.0);
        Sample::made(self.series, self.window, self.inside(), Bounds { least, most, is_whole }).amount(wet)
    }

    fn extreme(&self, from: i64, moment: i64, word: Option<&'a (i64, f64)>) -> Sample<'a> {
        let (points, found, is_whole) = match self.worst.front().and_then(|place| self.point(*place)) {
            Some((_, value)) => (self.inside(), Some(*value), self.is_whole(from, moment)),
            None => (word.map(std::slice::from_ref).unwrap_or_default(), word.map(|word| word.1), word.is_some()),
        };
        Sample::made(self.series, self.window, points, Bounds::of_extreme(self.window.statistic, found, is_whole))
    }

    fn mean(&self, from: i64, moment: i64) -> Sample<'a> {
        let is_whole = self.is_whole(from, moment);
        let of_first = |(at, value): &(i64, f64)| {
            let spoken = (at - from).min(self.length).max(0);
            (spoken, weighed(*value, spoken))
        };
        let (spoken, of_first) = self.inside().first().map(of_first).unwrap_or_default();
        let (covered, weighed) = (self.covered + spoken, self.weighed + of_first);
        let bounds = Bounds::of_mean(self.metric, self.window, covered, weighed, is_whole);
        Sample::made(self.series, self.window, self.inside(), bounds)
    }

    fn change(&self, from: i64, word: Option<&'a (i64, f64)>) -> Sample<'a> {
        let (first, _) = self.ends();
        let before = first.checked_sub(1).and_then(|before| self.point(before));
        let before = before.filter(|(at, _)| from - at < self.slack);
        Sample::changed(self.series, self.window, self.inside(), before.zip(word))
    }
}

/// A value times the seconds that it speaks for, in exact parts.
fn weighed(value: f64, seconds: i64) -> i128 {
    i128::from(exact::parts(value)) * i128::from(seconds)
}

#[cfg(test)]
mod tests;
