//! For how long on end a threshold has been reached: every window that ended within a stretch of time before a moment has a say.

use std::collections::VecDeque;

use super::sample::{Answer, Sample};
use super::slide::Slide;
use crate::reading::Series;
use crate::rule::{Direction, Rule, Statistic, Window};
use crate::time::{TimeDelta, Timestamp};

/// The windows before a moment that must reach a threshold as well. Moments come in order; each window is looked at once.
#[derive(Debug)]
pub(super) struct Lasting<'a> {
    lasts: TimeDelta,
    direction: Direction,
    marks: Vec<f64>,
    points: &'a [(i64, f64)],
    next: usize,
    /// The windows that end with a point, the one that ends where the stretch begins, and the stretch itself.
    at_points: Slide<'a>,
    at_edge: Slide<'a>,
    stretch: Slide<'a>,
    /// Those within the stretch, each with its end in seconds.
    recent: VecDeque<(i64, Sample<'a>)>,
    /// For each threshold, how many of them do not reach it, and of how many nobody can tell.
    against: Vec<(usize, usize)>,
    edge: Option<Sample<'a>>,
    is_unbroken: bool,
}

impl<'a> Lasting<'a> {
    /// None when one window is enough for the rule.
    pub(super) fn new(rule: &Rule, series: &'a Series) -> Option<Self> {
        let slide = |window| Slide::new(series, rule.metric, window);
        (TimeDelta::zero() < rule.lasts).then(|| Self {
            lasts: rule.lasts,
            direction: rule.direction,
            marks: rule.thresholds.iter().map(|threshold| threshold.raise).collect(),
            points: series.points(),
            next: 0,
            at_points: slide(rule.window),
            at_edge: slide(rule.window),
            stretch: slide(Window { statistic: Statistic::Max, span: rule.lasts }),
            recent: VecDeque::new(),
            against: vec![(0, 0); rule.thresholds.len()],
            edge: None,
            is_unbroken: false,
        })
    }

    /// Moves on to the stretch that ends at a moment.
    pub(super) fn move_to(&mut self, end: Timestamp) {
        let from = end - self.lasts;
        let past = |moment: i64| move |point: &(i64, f64)| point.0 <= moment;
        self.next = self.next.max(self.points.partition_point(past(from.timestamp())));
        while let Some((second, _)) = self.points.get(self.next).filter(|point| point.0 < end.timestamp()) {
            if let Some(moment) = Timestamp::from_timestamp(*second, 0) {
                let sample = self.at_points.take(moment);
                self.count(&sample, 1);
                self.recent.push_back((*second, sample));
            }
            self.next += 1;
        }
        while let Some((_, sample)) = self.recent.pop_front_if(|(second, _)| *second <= from.timestamp()) {
            self.count(&sample, -1);
        }
        self.edge = Some(self.at_edge.take(from));
        self.is_unbroken = self.stretch.is_unbroken(end);
    }

    fn count(&mut self, sample: &Sample<'_>, by: isize) {
        for (mark, (no, unknown)) in self.marks.iter().zip(&mut self.against) {
            match sample.reaches(self.direction, *mark) {
                Answer::Yes => {}
                Answer::No => *no = no.saturating_add_signed(by),
                Answer::Unknown => *unknown = unknown.saturating_add_signed(by),
            }
        }
    }

    /// Whether all of them reached the threshold of a place in the rule's list, and nothing is missing between them.
    pub(super) fn reached(&self, threshold: usize) -> Answer {
        let (no, unknown) = self.against.get(threshold).copied().unwrap_or_default();
        let edge = self.edge.zip(self.marks.get(threshold)).map(|(edge, mark)| edge.reaches(self.direction, *mark));
        let answer = |is_against: bool, otherwise| if is_against { otherwise } else { Answer::Yes };
        Answer::all([
            answer(0 < no, Answer::No),
            answer(0 < unknown || !self.is_unbroken, Answer::Unknown),
            edge.unwrap_or(Answer::Unknown),
        ])
    }
}
