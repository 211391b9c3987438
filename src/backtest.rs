//! Backtests: how good a set of rules would have been, lived through on readings of the past and held against what really happened.
//!
//! The brain is the service's own ([`crate::engine::step`]); what it would have said becomes a [`history`], and that is scored
//! event by event ([`score`]). Nothing here reads a file, a clock or the weather: all is given.

use std::collections::BTreeMap;

use crate::governorate::GovernorateBook;
use crate::hazard::{Hazard, Severity};
use crate::ids::GovernorateId;
use crate::reading::Basis;
use crate::rule::{Rule, RuleBook};
use crate::time::{TimeDelta, Timestamp};

pub mod archive;
mod calm;
pub mod gate;
pub mod history;
pub mod page;
pub mod replay;
pub mod report;
pub mod rows;
pub mod score;
pub mod sweep;
pub mod truth;

use archive::{Archive, Note, Place};
use gate::Condition;
use history::History;
use replay::{Pace, replay};
use report::{Against, Report, RuleSet, Step, Swept};
use score::Scores;
use sweep::Sweep;
use truth::{TrueEvent, Truth};

/// A set of rules and what it is called.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// What it is called.
    pub name: &'a str,
    /// The rules.
    pub book: &'a RuleBook,
}

/// What is asked of a backtest.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The rules.
    pub rules: Named<'a>,
    /// Other rules to compare them with.
    pub against: Option<Named<'a>>,
    /// What was heard.
    pub archive: &'a Archive,
    /// What was so.
    pub truth: &'a Truth,
    /// How far from an event a warning may lie and still be right.
    pub tolerance: TimeDelta,
    /// What the scores must come to.
    pub gate: &'a [Condition],
    /// A threshold to be moved.
    pub sweep: Option<&'a Sweep>,
    /// How it is lived through.
    pub pace: Pace,
}

/// What came of a backtest.
#[derive(Debug)]
pub struct Answer {
    /// What is told of it.
    pub report: Report,
    /// What people would have been told.
    pub history: History,
    /// The events that were scored.
    pub events: Vec<TrueEvent>,
}

/// Who is told how far it is: what is done now, how much of it, of how much.
pub type Watch<'a> = &'a (dyn Fn(&str, usize, usize) + Sync);

/// Lives through the archive and scores what would have been told.
pub fn run(question: &Question<'_>, watch: Watch<'_>) -> Answer {
    let Question { archive, tolerance, pace, .. } = *question;
    let places = archive.places();
    let days = places.iter().map(|(id, place)| (id.clone(), place.days())).collect();
    let (events, unknown) = score::known(&question.truth.events, |governorate, from, to| {
        places.get(governorate).is_some_and(|place| place.speaks_within(from, to))
    });
    let told = |rules: Named<'_>, what: &str| {
        let history = replay(rules.book, archive, &places, pace, &|done, all| watch(what, done, all));
        let scores = score::score(&history, &events, &question.truth.hazards, (tolerance, &days));
        (history, scores)
    };
    let (history, scores) = told(question.rules, "rules");
    let mut notes = archive.notes.clone();
    notes.extend(question.truth.notes.iter().cloned());
    notes.extend(unheard(&unknown));
    notes.extend(unspoken(&history, question.truth));
    notes.extend(blind(question.rules.book, &places));
    let most_days = places.values().map(Place::days).max().unwrap_or_default();
    let rules = RuleSet::new(question.rules, &history, &scores, most_days);
    let against = question.against.map(|other| {
        let (history, other_scores) = told(other, "other rules");
        Against::new(RuleSet::new(other, &history, &other_scores, most_days), &scores, &other_scores)
    });
    let sweep = question.sweep.map(|sweep| {
        swept(question, sweep, &events, &|book, what| {
            let named = Named { name: "", book };
            told(named, what).1
        })
    });
    let gate = (!question.gate.is_empty()).then(|| gate::judge(question.gate, &scores));
    let report = Report::new(archive, rules, scores, against, gate, sweep, notes, tolerance);
    Answer { report, history, events }
}

/// Runs every step of a sweep that makes sense; only rules of its hazard matter to it.
fn swept(
    question: &Question<'_>,
    sweep: &Sweep,
    events: &[TrueEvent],
    score: &dyn Fn(&RuleBook, &str) -> Scores,
) -> Swept {
    let book = question.rules.book;
    let hazard = book.rules.iter().find(|rule| rule.id == sweep.rule).map(|rule| rule.hazard);
    let rules: Vec<Rule> = book.rules.iter().filter(|rule| Some(rule.hazard) == hazard).cloned().collect();
    let book = RuleBook { rules: rules.into(), ..book.clone() };
    let now = book.rules.iter().find(|rule| rule.id == sweep.rule);
    let now = now.and_then(|rule| rule.thresholds.iter().find(|one| one.severity == sweep.level)).map(|one| one.raise);
    let count = sweep.values.len();
    let steps = sweep.values.iter().enumerate().map(|(number, value)| {
        let what = format!("step {} of {count}", number + 1);
        let found = sweep.at(&book, *value).map(|book| {
            let scores = score(&book, &what);
            scores.totals.into_iter().find(|score| score.hazard == hazard && score.level == sweep.level)
        });
        Step::new(*value, sweep, found)
    });
    let events = events.iter().filter(|event| Some(event.hazard) == hazard).count();
    Swept {
        rule: sweep.rule.clone(),
        level: sweep.level,
        hazard,
        events,
        now: now.map(|now| sweep::quantity(now, sweep.unit)),
        steps: steps.collect(),
    }
}

/// The events of which no reading speaks; many of a kind are told in one sentence.
fn unheard(events: &[&TrueEvent]) -> Vec<Note> {
    let mut kinds: BTreeMap<(Hazard, &GovernorateId), Vec<&TrueEvent>> = BTreeMap::new();
    for event in events {
        kinds.entry((event.hazard, &event.governorate)).or_default().push(event);
    }
    let note = |((hazard, governorate), events): (_, Vec<&TrueEvent>)| {
        let times = || events.iter().map(|event| event.from);
        let told =
            |moment: Option<Timestamp>| moment.map(|from| from.format("%F %R UTC").to_string()).unwrap_or_default();
        let (first, last) = (told(times().min()), told(times().max()));
        let (of, what) = match events.len() {
            1 => (
                format!("from {first}"),
                "no reading speaks of that place and time: the event is not scored".to_owned(),
            ),
            count => (
                format!("from {first} to {last}"),
                format!("no reading speaks of that place when {count} events were: they are not scored"),
            ),
        };
        Note { of: format!("{hazard} in {governorate} {of}"), what }
    };
    kinds.into_iter().map(note).collect()
}

/// The hazards that were warned of and of which the truth does not speak.
fn unspoken(history: &History, truth: &Truth) -> Vec<Note> {
    let mut warned: BTreeMap<Hazard, usize> = BTreeMap::new();
    for ((hazard, _), line) in history.iter().filter(|((hazard, _), _)| !truth.hazards.contains(hazard)) {
        *warned.entry(*hazard).or_default() += line.episodes(Severity::Yellow).len();
    }
    let note = |(hazard, count): (Hazard, usize)| Note {
        of: hazard.to_string(),
        what: format!(
            "warnings of it are not scored ({count}): the truth does not speak of it; `hazards` in one of TOML says otherwise"
        ),
    };
    warned.into_iter().filter(|(_, count)| 0 < *count).map(note).collect()
}

/// The rules that could never warn because nobody told what they look at.
fn blind(book: &RuleBook, places: &BTreeMap<GovernorateId, Place>) -> Vec<Note> {
    let lacks = |rule: &Rule, place: &Place| {
        let bases = [Basis::Observed, Basis::Forecast].into_iter().filter(|basis| rule.sight.takes(*basis));
        let metrics = || std::iter::once(rule.metric).chain(rule.also.iter().map(|also| also.metric));
        let lacks = bases.map(|basis| {
            let known = place.known(basis);
            metrics().filter(|metric| !known.contains(metric)).collect::<Vec<_>>()
        });
        lacks.min_by_key(Vec::len).unwrap_or_default()
    };
    let mut notes = Vec::new();
    for rule in &book.rules {
        let here = rule.governorates.iter().filter_map(|id| places.get(id));
        let least = here.map(|place| lacks(rule, place)).min_by_key(Vec::len);
        let what = match least {
            None => "it holds in no place of which there are readings".to_owned(),
            Some(lacks) if lacks.is_empty() => continue,
            Some(lacks) => {
                let names: Vec<&str> = lacks.iter().map(|metric| metric.name()).collect();
                format!("no reading gives {}: it could never warn", names.join(", "))
            }
        };
        notes.push(Note { of: rule.id.to_string(), what });
    }
    notes
}

/// The name of a governorate for people who read English, or its identifier.
pub fn place_name<'a>(book: &'a GovernorateBook, id: &'a GovernorateId) -> &'a str {
    book.get(id).map_or(id.as_str(), |place| place.name.en.as_str())
}
