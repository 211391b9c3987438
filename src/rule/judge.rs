//! What a rule sees at one governorate: which severities are reached, which are surely clear, and which nobody can tell.
//!
//! Missing values are never taken for calm. A window with gaps can still prove danger (a sum with an hour missing is at least
//! the sum of the rest), but never that there is none. What voices together say is told in `quorum`, what a window holds in
//! `sample`.

use std::collections::BTreeMap;

use self::further::Further;
use self::lasting::Lasting;
use self::quorum::{Ballot, Tally};
use self::sample::{Answer, Sample};
use self::slide::Slide;
use self::spree::Count;
use super::{Condition, FeedTerms, Rule, Threshold};
use crate::hazard::Severity;
use crate::ids::{FeedId, GovernorateId};
use crate::reading::{Basis, Series, SeriesKey, Shelf};
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Metric;

pub mod account;
mod exact;
mod further;
mod lasting;
mod possible;
mod quorum;
mod sample;
mod slide;
mod spree;
#[cfg(test)]
mod world;

pub use possible::may_reach;

/// Where series are found; the state, or a draft over it.
pub trait Readings {
    /// The series of a governorate.
    fn shelf(&self, governorate: &GovernorateId) -> Shelf<'_>;

    /// When the feed last stood by what a forecast series says: gave it, or answered that nothing has changed since.
    fn confirmed(&self, key: &SeriesKey, series: &Series) -> Timestamp;

    /// True when a feed goes on answering and has had nothing new to say for longer than it may.
    fn is_frozen(&self, feed: &FeedId) -> bool;
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
    /// How old the word of each feed may be and still count; what a feed says that is not configured does not.
    pub feeds: &'a BTreeMap<FeedId, FeedTerms>,
    /// A series not heard of for longer than this has no say any more, neither for danger nor against it.
    pub longest_silence: TimeDelta,
}

impl Trust<'_> {
    fn is_stale(&self, feed: &FeedId, heard: Timestamp, now: Timestamp) -> bool {
        self.feeds.get(feed).is_none_or(|terms| terms.stale_after < now - heard)
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
    /// The threshold is reached, by as many as must agree.
    Reached(Sighting),
    /// It is surely not, and not surely clear either.
    Between,
    /// It is surely clear: too few are left that could be anything else.
    Clear,
    /// Nobody can tell, or too few can.
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

/// Judges a rule at the governorate of a shelf.
pub fn judge(rule: &Rule, shelf: &Shelf<'_>, readings: &impl Readings, trust: Trust<'_>, now: Timestamp) -> Judgement {
    let eye = Eye { rule, shelf, readings, trust, now };
    let views = eye.views();
    let mut ballots: Vec<(&Threshold, Ballot<'_>)> =
        rule.thresholds.iter().map(|threshold| (threshold, Ballot::default())).collect();
    for view in &views {
        let kind = trust.feeds.get(&view.key.feed).map(|terms| terms.kind);
        let tallies = eye.tallies(view, |_, _| ());
        for ((threshold, ballot), tally) in ballots.iter_mut().zip(tallies) {
            if rule.may_raise(threshold.severity, &view.key.feed, kind, view.key.basis) {
                ballot.vote(rule, view.key, tally);
            } else {
                ballot.stand_by(tally);
            }
        }
    }
    let seen = ballots.into_iter().map(|(threshold, ballot)| (threshold.severity, ballot.verdict(rule))).collect();
    Judgement { seen, heard: views.iter().map(|view| view.heard).max() }
}

/// A rule looking at one governorate at one moment.
struct Eye<'a, R> {
    rule: &'a Rule,
    shelf: &'a Shelf<'a>,
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
        self.shelf.of(metric, basis).filter_map(move |(key, series)| {
            let heard = last_heard(readings, key, series, now);
            let is_stale = trust.is_stale(&key.feed, heard, now) || readings.is_frozen(&key.feed);
            (!trust.is_dead(heard, now)).then_some(View { key, series, heard, is_stale })
        })
    }

    /// The series that the rule itself looks at.
    fn views(&self) -> Vec<View<'a>> {
        let bases = [Basis::Observed, Basis::Forecast].into_iter().filter(|basis| self.rule.sight.takes(*basis));
        bases.flat_map(|basis| self.of(self.rule.metric, basis)).collect()
    }

    /// What a series says of each threshold, mildest first. `see` is shown every window and what it has added.
    fn tallies(&self, view: &View<'a>, mut see: impl FnMut(&Look<'a>, &[Count<'a>])) -> Vec<Tally> {
        let Self { rule, now, .. } = *self;
        let mut counts: Vec<Count<'a>> = rule.thresholds.iter().map(|_| Count::default()).collect();
        let mut slide = Slide::new(view.series, rule.metric, rule.window);
        let mut lasting = Lasting::new(rule, view.series);
        let mut further = None;
        let calm = rule.calm();
        for end in self.ends(view) {
            let sample = slide.take(end);
            let look = Look { sample, is_over: sample.is_over(now), end };
            // Most windows are far from every threshold: of those nothing else is asked.
            if !view.is_stale && sample.reaches(rule.direction, calm) == Answer::No {
                counts.iter_mut().for_each(|count| count.clear += 1);
                see(&look, &counts);
                continue;
            }
            if let Some(lasting) = &mut lasting {
                lasting.move_to(end);
            }
            let mut also = || further.get_or_insert_with(|| Further::new(self, view.key.basis)).hold(end);
            for (place, (threshold, count)) in rule.thresholds.iter().zip(&mut counts).enumerate() {
                let lasts = lasting.as_ref().map_or(Answer::Yes, |lasting| lasting.reached(place));
                self.weigh(count, threshold, view, &look, lasts, &mut also);
            }
            see(&look, &counts);
        }
        // An hour ahead that was told and is told no more may be as bad as it was: nobody can tell.
        if self.is_withdrawn(view) {
            counts.iter_mut().for_each(|count| count.unknown += 1);
        }
        let counts = rule.thresholds.iter().zip(counts);
        counts.map(|(threshold, count)| count.tally(rule, view.key, threshold.raise)).collect()
    }

    /// True when a forecast has taken back an hour that the rule looks at.
    fn is_withdrawn(&self, view: &View<'_>) -> bool {
        view.key.basis == Basis::Forecast && view.series.is_withdrawn_within(self.now, self.now + self.rule.look_ahead)
    }

    /// The moments at which windows are made to end: now, and for forecasts every point up to the horizon.
    fn ends(&self, view: &View<'a>) -> impl Iterator<Item = Timestamp> + use<'a, R> {
        let ahead = match view.key.basis {
            Basis::Forecast => view.series.within(self.now, self.now + self.rule.look_ahead),
            Basis::Observed => &[],
        };
        std::iter::once(self.now).chain(ahead.iter().filter_map(|point| Timestamp::from_timestamp(point.0, 0)))
    }

    /// Whether the further conditions of the rule hold for windows that end at a moment: all of `also`, one of `either`.
    fn conditions(&self, basis: Basis, end: Timestamp) -> Answer {
        let also = self.rule.also.iter().map(|condition| self.holds(condition, basis, end));
        let either = self.rule.either.iter().map(|condition| self.holds(condition, basis, end));
        let either = if self.rule.either.is_empty() { Answer::Yes } else { Answer::any(either) };
        Answer::all(also.chain([either]))
    }

    fn holds(&self, condition: &Condition, basis: Basis, end: Timestamp) -> Answer {
        Answer::any(self.of(condition.metric, basis).map(|view| Self::holds_by(condition, &view, end)))
    }

    /// Whether a condition holds by what one series says.
    fn holds_by(condition: &Condition, view: &View<'_>, end: Timestamp) -> Answer {
        let Condition { metric, window, direction, threshold, .. } = *condition;
        match view.is_stale {
            true => Answer::Unknown,
            false => Sample::take(view.series, metric, window, end).reaches(direction, threshold),
        }
    }

    /// Adds what one window says of one threshold. What else must hold is asked for only where it matters.
    fn weigh(
        &self,
        count: &mut Count<'a>,
        threshold: &Threshold,
        view: &View<'a>,
        look: &Look<'a>,
        lasts: Answer,
        also: &mut impl FnMut() -> Answer,
    ) {
        let direction = self.rule.direction;
        let settled = |answer: Answer| match answer {
            _ if view.is_stale => Answer::Unknown,
            Answer::Yes if look.is_over => Answer::No,
            answer => answer,
        };
        // How long it must last asks for more to begin with; what has begun ends by what is so now, and not by an hour before it.
        let reached = settled(Answer::all([look.sample.reaches(direction, threshold.raise), lasts]));
        if reached == Answer::Yes && also() == Answer::Yes {
            return count.reach(self.rule, threshold.raise, look.sample, look.end);
        }
        match settled(look.sample.reaches(direction, threshold.clear)) {
            Answer::No => count.clear += 1,
            clear => match (clear, also()) {
                (_, Answer::No) => count.clear += 1,
                (Answer::Yes, Answer::Yes) => count.between += 1,
                _ => count.unknown += 1,
            },
        }
    }
}

/// What is seen of one window.
struct Look<'a> {
    sample: Sample<'a>,
    /// Its sum is of the past.
    is_over: bool,
    end: Timestamp,
}
