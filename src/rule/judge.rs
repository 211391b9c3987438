//! What a rule sees at one governorate: which severities are reached, which are surely clear, and which nobody can tell.
//!
//! Missing values are never taken for calm. A window with gaps can still prove danger (a sum with an hour missing is at least
//! the sum of the rest), but never that there is none. What voices together say is told in `quorum`, what a window holds in
//! `sample`.

use std::collections::BTreeMap;

use self::quorum::{Ballot, Tally};
use self::sample::{Answer, Sample};
use super::{Condition, Direction, FeedTerms, Rule, Threshold};
use crate::hazard::Severity;
use crate::ids::{FeedId, GovernorateId};
use crate::reading::{Basis, Series, SeriesKey};
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Metric;

pub mod account;
mod quorum;
mod sample;

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
    fn tallies(&self, view: &View<'a>, mut see: impl FnMut(&Look<'a>, &[Tally])) -> Vec<Tally> {
        let Self { rule, now, .. } = *self;
        let mut tallies: Vec<Tally> = rule.thresholds.iter().map(|_| Tally::default()).collect();
        for end in self.ends(view) {
            let sample = Sample::take(view.series, rule.metric, rule.window, end);
            let is_over = sample.is_over(now);
            let also = self.conditions(view.key.basis, end);
            let is_unbroken = rule.lasts.is_zero() || Sample::is_unbroken(view.series, end - rule.lasts, end);
            let look = Look { sample, earlier: self.earlier(view, end), is_unbroken, is_over, also, end };
            for (threshold, tally) in rule.thresholds.iter().zip(&mut tallies) {
                self.weigh(tally, threshold, view, &look);
            }
            see(&look, &tallies);
        }
        // An hour ahead that was told and is told no more may be as bad as it was: nobody can tell.
        if self.is_withdrawn(view) {
            tallies.iter_mut().for_each(|tally| tally.unknown += 1);
        }
        tallies
    }

    /// True when a forecast has taken back an hour that the rule looks at.
    fn is_withdrawn(&self, view: &View<'_>) -> bool {
        view.key.basis == Basis::Forecast && view.series.is_withdrawn_within(self.now, self.now + self.rule.look_ahead)
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

    /// The windows that end before a moment, for as long back as a threshold must have been reached on end.
    fn earlier(&self, view: &View<'a>, end: Timestamp) -> Vec<Sample<'a>> {
        let Rule { metric, window, lasts, .. } = *self.rule;
        if lasts <= TimeDelta::zero() {
            return Vec::new();
        }
        let from = end - lasts;
        let points = view.series.within(from, end).iter().filter_map(|point| Timestamp::from_timestamp(point.0, 0));
        let ends = std::iter::once(from).chain(points).filter(|moment| *moment < end);
        ends.map(|end| Sample::take(view.series, metric, window, end)).collect()
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

    /// Adds what one window says of one threshold.
    fn weigh(&self, tally: &mut Tally, threshold: &Threshold, view: &View<'_>, look: &Look<'_>) {
        let direction = self.rule.direction;
        let settled = |answer: Answer| match answer {
            _ if view.is_stale => Answer::Unknown,
            Answer::Yes if look.is_over => Answer::No,
            answer => answer,
        };
        // How long it must last asks for more to begin with; what has begun ends by what is so now, and not by an hour before it.
        if settled(look.lasts(direction, threshold.raise)) == Answer::Yes && look.also == Answer::Yes {
            return tally.keep(self.rule, look.sample.sighting(self.rule, view.key, threshold.raise, look.end));
        }
        match (settled(look.sample.reaches(direction, threshold.clear)), look.also) {
            (Answer::No, _) | (_, Answer::No) => tally.clear += 1,
            (Answer::Yes, Answer::Yes) => tally.between += 1,
            (Answer::Unknown | Answer::Yes, Answer::Unknown) | (Answer::Unknown, Answer::Yes) => tally.unknown += 1,
        }
    }
}

/// What is seen of one window.
struct Look<'a> {
    sample: Sample<'a>,
    /// The windows before it that must reach a threshold as well.
    earlier: Vec<Sample<'a>>,
    /// Whether nothing is missing between them.
    is_unbroken: bool,
    /// Its sum is of the past.
    is_over: bool,
    /// Whether the further conditions hold.
    also: Answer,
    end: Timestamp,
}

impl Look<'_> {
    /// Whether a threshold is reached, for as long as the rule asks.
    fn lasts(&self, direction: Direction, mark: f64) -> Answer {
        let samples = std::iter::once(&self.sample).chain(&self.earlier).map(|sample| sample.reaches(direction, mark));
        let unbroken = if self.is_unbroken { Answer::Yes } else { Answer::Unknown };
        Answer::all(samples.chain([unbroken]))
    }
}
