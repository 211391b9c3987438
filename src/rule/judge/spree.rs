//! What the windows of one series come to for one threshold: how many tell what, and the stretch over which it is reached.
//!
//! Of those that reach it only the first, the last and the worst are kept: what is told of them is made once, at the end.

use super::Sighting;
use super::quorum::{Tally, is_worse};
use super::sample::Sample;
use crate::reading::SeriesKey;
use crate::rule::Rule;
use crate::time::Timestamp;

/// Windows counted by what they tell of a threshold.
#[derive(Debug, Clone, Default)]
pub(super) struct Count<'a> {
    pub(super) reached: Option<Spree<'a>>,
    pub(super) clear: usize,
    pub(super) between: usize,
    pub(super) unknown: usize,
}

impl<'a> Count<'a> {
    /// Takes a window that reaches the threshold; windows come in order of time.
    pub(super) fn reach(&mut self, rule: &Rule, raise: f64, sample: Sample<'a>, end: Timestamp) {
        let window = (sample, end);
        match &mut self.reached {
            Some(spree) => spree.go_on(rule, raise, window),
            None => self.reached = Some(Spree { first: window, last: window, worst: window, begins: None }),
        }
    }

    /// What the series says of the threshold.
    pub(super) fn tally(self, rule: &Rule, key: &SeriesKey, raise: f64) -> Tally {
        let Self { reached, clear, between, unknown } = self;
        Tally { best: reached.map(|spree| spree.sighting(rule, key, raise)), clear, between, unknown }
    }
}

/// The first, the last and the worst of windows that reach a threshold, each with its end.
#[derive(Debug, Clone)]
pub(super) struct Spree<'a> {
    first: (Sample<'a>, Timestamp),
    last: (Sample<'a>, Timestamp),
    worst: (Sample<'a>, Timestamp),
    /// When the earliest of them begins, where a later one may begin before the first: periods are of different lengths.
    begins: Option<Timestamp>,
}

impl<'a> Spree<'a> {
    fn go_on(&mut self, rule: &Rule, raise: f64, window: (Sample<'a>, Timestamp)) {
        let (sample, end) = window;
        if !sample.is_even() {
            let begins = sample.begins(rule, raise, end);
            self.begins = Some(self.begins.map_or(begins, |known| known.min(begins)));
        }
        self.last = window;
        if is_worse(rule.direction, sample.sure(rule.direction), self.worst.0.sure(rule.direction)) {
            self.worst = window;
        }
    }

    fn sighting(&self, rule: &Rule, key: &SeriesKey, raise: f64) -> Sighting {
        let begins = self.first.0.begins(rule, raise, self.first.1);
        Sighting {
            key: key.clone(),
            value: self.worst.0.sure(rule.direction),
            at: self.worst.1,
            begins: self.begins.map_or(begins, |known| known.min(begins)),
            ends: self.last.0.ends(rule, raise, self.last.1),
        }
    }
}
