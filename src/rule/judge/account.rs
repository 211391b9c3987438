//! The account of a judgement: which series a rule looks at, what each says of each severity, and why nobody can tell.
//!
//! It decides nothing. Every verdict in it is one that [`judge`] gave, through the same windows and the same tallies; what is added
//! are the values, the gaps and the reasons, in the unit that the rule is written in.

use std::collections::BTreeMap;

use super::sample::{Answer, Sample};
use super::{Eye, Look, Readings, Seen, Trust, View, judge, last_heard};
use crate::hazard::Severity;
use crate::ids::{FeedId, GovernorateId};
use crate::reading::Basis;
use crate::rule::{Agreement, Condition, Direction, Rule, Statistic, Window};
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Unit;

mod parts;
#[cfg(test)]
mod tests;

use parts::Scale;
pub use parts::{
    Account, ConditionAccount, ConditionValue, Doubt, Gap, Hold, Lack, Point, Reaching, Says, SeverityAccount,
    Standing, Told, Verdict, VoiceAccount, Way, WindowAccount,
};

/// How many of the last readings of a series are shown.
pub const LAST_READINGS: usize = 6;

/// Gives account of a rule at a governorate.
pub fn account(
    rule: &Rule,
    governorate: &GovernorateId,
    readings: &impl Readings,
    trust: Trust<'_>,
    now: Timestamp,
) -> Account {
    let shelf = &readings.shelf(governorate);
    let eye = Eye { rule, shelf, readings, trust, now };
    let scale = Scale::new(rule.unit, rule.window.statistic);
    let heard: Vec<Heard> = eye.views().iter().map(|view| eye.voice(view, scale)).collect();
    let judged = judge(rule, shelf, readings, trust, now);
    let dead = eye.dead(scale);
    let severities = rule.thresholds.iter().zip(&judged.seen);
    let severities = severities.map(|(threshold, (severity, seen))| {
        let (lacks, held_back) = match seen {
            Seen::Reached(_) => (None, Vec::new()),
            Seen::Between | Seen::Clear | Seen::Unknown => lacking(rule, *severity, threshold.raise, &heard, scale),
        };
        SeverityAccount {
            severity: *severity,
            raise: scale.told(threshold.raise),
            clear: scale.told(threshold.clear),
            verdict: Verdict::of(seen),
            by: match seen {
                Seen::Reached(sighting) => Some(Reaching::of(sighting, scale)),
                Seen::Between | Seen::Clear | Seen::Unknown => None,
            },
            why: if *seen == Seen::Unknown { doubts(rule, *severity, &heard, !dead.is_empty()) } else { Vec::new() },
            lacks,
            held_back,
        }
    });
    Account {
        metric: rule.metric,
        statistic: rule.window.statistic,
        window: rule.window.span,
        look_ahead: rule.look_ahead,
        way: rule.direction.into(),
        unit: scale.symbol(),
        reading_unit: symbol_of(rule.unit, Statistic::Max),
        needed: rule.agree.count().max(1),
        severities: severities.collect(),
        voices: heard.into_iter().map(|heard| heard.voice).chain(dead).collect(),
    }
}

/// A canonical value as it is told where thresholds are written in a unit: by the hour for a rate.
pub fn told_in(unit: Unit, statistic: Statistic, canonical: f64) -> f64 {
    Scale::new(unit, statistic).told(canonical)
}

/// What stands behind a value that is told so.
pub fn symbol_of(unit: Unit, statistic: Statistic) -> String {
    Scale::new(unit, statistic).symbol()
}

/// Who speaks with one voice.
type Speaker = (FeedId, Option<String>);

/// A series that has a say, and the worst value that is sure of it, canonical, with the end of its window.
struct Heard {
    voice: VoiceAccount,
    worst: Option<(f64, Timestamp)>,
}

impl Heard {
    fn says(&self, severity: Severity) -> Option<&Says> {
        self.voice.says.iter().find(|says| says.severity == severity)
    }

    /// With whom it speaks with one voice, as the rule counts them.
    fn speaker(&self, rule: &Rule) -> Speaker {
        match rule.agree {
            Agreement::Feeds(_) => (self.voice.feed.clone(), None),
            Agreement::Stations(_) => (self.voice.feed.clone(), self.voice.station.clone()),
        }
    }
}

/// What of all series together keeps anybody from telling.
fn doubts(rule: &Rule, severity: Severity, heard: &[Heard], has_dead: bool) -> Vec<Doubt> {
    if heard.is_empty() {
        return vec![if has_dead { Doubt::AllDead } else { Doubt::NoSeries }];
    }
    let may: Vec<&Heard> = heard.iter().filter(|one| one.says(severity).is_some_and(|says| says.may_raise)).collect();
    if may.is_empty() {
        return vec![Doubt::NobodyMayRaise];
    }
    let needed = rule.agree.count().max(1);
    let can = |one: &&&Heard| one.says(severity).is_some_and(|says| says.verdict != Verdict::Unknown);
    let speakers: BTreeMap<_, ()> = may.iter().filter(can).map(|one| (one.speaker(rule), ())).collect();
    if 1 < needed && speakers.len() < needed {
        return vec![Doubt::TooFew { needed, can_tell: speakers.len() }];
    }
    Vec::new()
}

/// How much is lacking to a threshold, or what holds it back.
fn lacking(rule: &Rule, severity: Severity, raise: f64, heard: &[Heard], scale: Scale) -> (Option<Lack>, Vec<Hold>) {
    let needed = rule.agree.count().max(1);
    let distance = |value: f64| match rule.direction {
        Direction::AtLeast => (raise - value).max(0.0),
        Direction::AtMost => (value - raise).max(0.0),
    };
    // The nearest of each voice that counts, and of those the last one that is needed.
    let mut nearest: BTreeMap<Speaker, Near<'_>> = BTreeMap::new();
    let mut held_back: Vec<Hold> = Vec::new();
    for one in heard.iter().filter(|one| one.voice.standing == Standing::Fresh) {
        let (Some(says), Some((value, at))) = (one.says(severity), one.worst) else { continue };
        let near = Near { distance: distance(value), value, at, one };
        if !says.may_raise {
            if near.distance == 0.0 {
                add(&mut held_back, Hold::MayNotRaise);
            }
            continue;
        }
        let known = nearest.entry(one.speaker(rule)).or_insert(near);
        if near.distance < known.distance {
            *known = near;
        }
    }
    let mut nearest: Vec<Near<'_>> = nearest.into_values().collect();
    nearest.sort_by(|one, other| one.distance.total_cmp(&other.distance));
    let there: Vec<&Near<'_>> = nearest.iter().filter(|near| near.distance == 0.0).collect();
    let holds = there.iter().filter_map(|near| near.one.says(severity)).flat_map(|says| says.held_back.clone());
    holds.for_each(|hold| add(&mut held_back, hold));
    if (1..needed).contains(&there.len()) {
        add(&mut held_back, Hold::TooFew { needed, say: there.len() });
    }
    let last = nearest.into_iter().nth(needed - 1).filter(|near| 0.0 < near.distance);
    let lack = last.map(|near| Lack {
        by: scale.apart(raise, near.value),
        feed: near.one.voice.feed.clone(),
        station: near.one.voice.station.clone(),
        at: near.at,
    });
    (lack, held_back)
}

/// How near a voice is to a threshold.
#[derive(Clone, Copy)]
struct Near<'a> {
    /// How much is lacking, canonical; nothing when its value is there.
    distance: f64,
    value: f64,
    at: Timestamp,
    one: &'a Heard,
}

/// What is noted of one threshold on the way through the windows of a series.
#[derive(Default)]
struct Notes {
    unknown: usize,
    why: Vec<Doubt>,
    held_back: Vec<Hold>,
}

impl<'a, R: Readings> Eye<'a, R> {
    fn voice(&self, view: &View<'a>, scale: Scale) -> Heard {
        let Self { rule, trust, now, .. } = *self;
        let kind = trust.feeds.get(&view.key.feed).map(|terms| terms.kind);
        let standing = self.standing(view);
        let mut notes: Vec<Notes> = rule.thresholds.iter().map(|_| Notes::default()).collect();
        let mut worst: Option<(f64, Timestamp)> = None;
        let tallies = self.tallies(view, |look, tallies| {
            let sure = look.sample.sure(rule.direction);
            let is_worse = worst.is_none_or(|(value, _)| value != sure && rule.direction.reaches(sure, value));
            if look.sample.bounds().is_some() && sure.is_finite() && is_worse {
                worst = Some((sure, look.end));
            }
            for ((threshold, notes), tally) in rule.thresholds.iter().zip(&mut notes).zip(tallies) {
                if notes.unknown < tally.unknown {
                    notes.unknown = tally.unknown;
                    self.note_doubts(&mut notes.why, view, look, threshold.clear, scale);
                }
                let is_there = look.sample.reaches(rule.direction, threshold.raise) == Answer::Yes;
                if is_there && !view.is_stale && tally.reached.is_none() {
                    self.note_holds(&mut notes.held_back, view.key.basis, look);
                }
            }
        });
        let is_withdrawn = self.is_withdrawn(view);
        let says = rule.thresholds.iter().zip(notes).zip(tallies).map(|((threshold, mut notes), tally)| {
            let verdict = Verdict::of(&tally.verdict());
            if verdict != Verdict::Unknown {
                notes.why.clear();
            } else if is_withdrawn {
                notes.why.push(Doubt::Withdrawn);
            }
            if verdict == Verdict::Reached {
                notes.held_back.clear();
            }
            Says {
                severity: threshold.severity,
                verdict,
                may_raise: rule.may_raise(threshold.severity, &view.key.feed, kind, view.key.basis),
                why: notes.why,
                held_back: notes.held_back,
            }
        });
        let says = says.collect();
        let ahead = worst.map(|(_, end)| end).filter(|end| *end != now);
        let voice = VoiceAccount {
            is_withdrawn,
            says,
            ahead: ahead.map(|end| self.window(view, end, scale)),
            ..self.plain(view, standing, ahead.unwrap_or(now), scale)
        };
        Heard { voice, worst }
    }

    /// The series without what it says.
    fn plain(&self, view: &View<'a>, standing: Standing, end: Timestamp, scale: Scale) -> VoiceAccount {
        let terms = self.trust.feeds.get(&view.key.feed);
        // Single values are no rates, even where the rule looks at one.
        let plain = Scale::new(self.rule.unit, Statistic::Max);
        let known = view.series.within(Timestamp::MIN_UTC, end);
        let last = known.get(known.len().saturating_sub(LAST_READINGS)..).unwrap_or(&[]);
        let point = |(second, value): &(i64, f64)| {
            Some(Point {
                at: Timestamp::from_timestamp(*second, 0)?,
                covers: TimeDelta::try_seconds(view.series.length_of(*second))?,
                value: plain.told(*value),
            })
        };
        VoiceAccount {
            feed: view.key.feed.clone(),
            station: view.key.station.as_deref().map(str::to_owned),
            basis: view.key.basis,
            standing,
            heard: view.heard,
            counts_until: terms.map(|terms| view.heard + terms.stale_after),
            now: self.window(view, self.now, scale),
            ahead: None,
            is_withdrawn: false,
            says: Vec::new(),
            readings: last.iter().filter_map(point).collect(),
        }
    }

    fn standing(&self, view: &View<'_>) -> Standing {
        let feed = &view.key.feed;
        match self.trust.feeds.get(feed) {
            None => Standing::Stranger,
            Some(_) if self.trust.is_stale(feed, view.heard, self.now) => Standing::Stale,
            Some(_) if self.readings.is_frozen(feed) => Standing::Frozen,
            Some(_) => Standing::Fresh,
        }
    }

    /// The series that have no say any more.
    fn dead(&self, scale: Scale) -> Vec<VoiceAccount> {
        let Self { rule, readings, trust, now, .. } = *self;
        let bases = [Basis::Observed, Basis::Forecast].into_iter().filter(|basis| rule.sight.takes(*basis));
        let all = bases.flat_map(|basis| self.shelf.of(rule.metric, basis));
        let views = all.map(|(key, series)| {
            let heard = last_heard(readings, key, series, now);
            View { key, series, heard, is_stale: true }
        });
        let dead = views.filter(|view| trust.is_dead(view.heard, now));
        dead.map(|view| self.plain(&view, Standing::Dead, now, scale)).collect()
    }

    fn window(&self, view: &View<'a>, end: Timestamp, scale: Scale) -> WindowAccount {
        let sample = Sample::take(view.series, self.rule.metric, self.rule.window, end);
        let bounds = sample.bounds();
        WindowAccount {
            at: end,
            least: bounds.and_then(|(least, _)| scale.told_if_known(least)),
            most: bounds.and_then(|(_, most)| scale.told_if_known(most)),
            has_values: bounds.is_some(),
            gaps: gaps(&sample, end),
            is_over: bounds.is_some() && sample.is_over(self.now),
            conditions: self.conditions_told(view.key.basis, end),
        }
    }

    fn conditions_told(&self, basis: Basis, end: Timestamp) -> Vec<ConditionAccount> {
        let also = self.rule.also.iter().map(|condition| (false, condition));
        let either = self.rule.either.iter().map(|condition| (true, condition));
        also.chain(either).map(|(is_either, condition)| self.condition(is_either, condition, basis, end)).collect()
    }

    fn condition(&self, is_either: bool, condition: &Condition, basis: Basis, end: Timestamp) -> ConditionAccount {
        let Condition { metric, window, direction, threshold, unit } = condition;
        let scale = Scale::new(*unit, window.statistic);
        let value = |view: View<'_>| {
            let bounds = Sample::take(view.series, *metric, *window, end).bounds();
            ConditionValue {
                feed: view.key.feed.clone(),
                station: view.key.station.as_deref().map(str::to_owned),
                least: bounds.and_then(|(least, _)| scale.told_if_known(least)),
                most: bounds.and_then(|(_, most)| scale.told_if_known(most)),
                is_stale: view.is_stale,
                holds: told(Self::holds_by(condition, &view, end)),
            }
        };
        ConditionAccount {
            is_either,
            metric: *metric,
            statistic: window.statistic,
            window: window.span,
            way: (*direction).into(),
            threshold: scale.told(*threshold),
            unit: scale.symbol(),
            holds: told(self.holds(condition, basis, end)),
            values: self.of(*metric, basis).map(value).collect(),
        }
    }

    /// Notes why one window does not tell whether a severity is clear.
    fn note_doubts(&self, why: &mut Vec<Doubt>, view: &View<'_>, look: &Look<'_>, clear: f64, scale: Scale) {
        match self.standing(view) {
            Standing::Stale => return add(why, Doubt::Stale),
            Standing::Frozen => return add(why, Doubt::Frozen),
            Standing::Stranger => return add(why, Doubt::Stranger),
            Standing::Fresh | Standing::Dead => {}
        }
        if look.sample.reaches(self.rule.direction, clear) == Answer::Unknown {
            let Window { span, .. } = self.rule.window;
            let gap = gaps(&look.sample, look.end).first().copied();
            add(
                why,
                match (look.sample.bounds(), gap) {
                    (None, _) => Doubt::NoValues { window: Gap { from: look.end - span, to: look.end } },
                    (Some(_), Some(gap)) => Doubt::Missing { gap },
                    (Some((least, most)), None) => {
                        Doubt::Range { least: scale.told_if_known(least), most: scale.told_if_known(most) }
                    }
                },
            );
        }
        if self.conditions(view.key.basis, look.end) == Answer::Unknown {
            for condition in self.rule.conditions() {
                if self.holds(condition, view.key.basis, look.end) == Answer::Unknown {
                    add(why, Doubt::Condition { metric: condition.metric });
                }
            }
        }
    }

    /// Notes what holds a severity back whose value is there in one window.
    fn note_holds(&self, held_back: &mut Vec<Hold>, basis: Basis, look: &Look<'_>) {
        if look.is_over {
            return add(held_back, Hold::Over);
        }
        if self.conditions(basis, look.end) == Answer::Yes {
            return add(held_back, Hold::Lasts);
        }
        let holds = |condition: &Condition| self.holds(condition, basis, look.end);
        // Of alternatives none counts for itself while another one holds.
        let either = !self.rule.either.iter().any(|condition| holds(condition) == Answer::Yes);
        let asked = self.rule.also.iter().chain(self.rule.either.iter().filter(|_| either));
        for (condition, answer) in asked.map(|condition| (condition, holds(condition))) {
            if answer != Answer::Yes {
                add(held_back, Hold::Condition { metric: condition.metric, holds: told(answer) });
            }
        }
    }
}

/// Adds a reason of a kind that is not there yet: the first one of each is enough.
fn add<T: PartialEq>(reasons: &mut Vec<T>, reason: T) {
    let kind = std::mem::discriminant(&reason);
    let is_of_metric = |one: &T| *one == reason;
    let same = reasons.iter().filter(|one| std::mem::discriminant(*one) == kind).count();
    if same < MAX_OF_A_KIND && !reasons.iter().any(is_of_metric) {
        reasons.push(reason);
    }
}

/// How many reasons of one kind are told.
const MAX_OF_A_KIND: usize = 2;

fn gaps(sample: &Sample<'_>, end: Timestamp) -> Vec<Gap> {
    let moment = |second| Timestamp::from_timestamp(second, 0);
    let gap = |(from, to)| Some(Gap { from: moment(from)?, to: moment(to)? });
    sample.gaps(end).into_iter().filter_map(gap).collect()
}

fn told(answer: Answer) -> Told {
    match answer {
        Answer::Yes => Told::Yes,
        Answer::No => Told::No,
        Answer::Unknown => Told::Unknown,
    }
}
