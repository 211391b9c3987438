//! The further conditions of a rule, at one window after the other: all of `also` must hold, and one of `either`.
//!
//! They are looked at only where they matter: of a value that is far from every threshold nobody asks what the wind does.

use super::sample::Answer;
use super::slide::Slide;
use super::{Eye, Readings};
use crate::reading::Basis;
use crate::rule::Condition;
use crate::time::Timestamp;

/// The further conditions of a rule, for series of one basis.
pub(super) struct Further<'a> {
    also: Vec<Asked<'a>>,
    either: Vec<Asked<'a>>,
    /// What was found last.
    known: Option<(Timestamp, Answer)>,
}

/// A condition, and the windows of all series that speak of it; stale ones among them cannot tell.
struct Asked<'a> {
    condition: &'a Condition,
    voices: Vec<(Slide<'a>, bool)>,
}

impl<'a> Asked<'a> {
    fn new<R: Readings>(eye: &Eye<'a, R>, condition: &'a Condition, basis: Basis) -> Self {
        let Condition { metric, window, .. } = *condition;
        let voices = eye.of(metric, basis).map(|view| (Slide::new(view.series, metric, window), view.is_stale));
        Self { condition, voices: voices.collect() }
    }

    fn holds(&mut self, end: Timestamp) -> Answer {
        let Condition { direction, threshold, .. } = *self.condition;
        Answer::any(self.voices.iter_mut().map(|(slide, is_stale)| match is_stale {
            true => Answer::Unknown,
            false => slide.take(end).reaches(direction, threshold),
        }))
    }
}

impl<'a> Further<'a> {
    pub(super) fn new<R: Readings>(eye: &Eye<'a, R>, basis: Basis) -> Self {
        let asked = |conditions: &'a [Condition]| {
            conditions.iter().map(|condition| Asked::new(eye, condition, basis)).collect()
        };
        Self { also: asked(&eye.rule.also), either: asked(&eye.rule.either), known: None }
    }

    /// Whether they hold for windows that end at a moment; moments come in order.
    pub(super) fn hold(&mut self, end: Timestamp) -> Answer {
        if let Some((_, answer)) = self.known.filter(|(moment, _)| *moment == end) {
            return answer;
        }
        let also = self.also.iter_mut().map(|asked| asked.holds(end));
        let either = match self.either.is_empty() {
            true => Answer::Yes,
            false => Answer::any(self.either.iter_mut().map(|asked| asked.holds(end))),
        };
        let answer = Answer::all(also.chain([either]));
        self.known = Some((end, answer));
        answer
    }
}
