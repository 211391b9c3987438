//! The report: what is told of a backtest, in the stable shape of `--json`.
//!
//! Spans are whole seconds under names that end in `_s`, moments RFC 3339 in UTC, and null stands for what has no value (0 out of
//! 0). New keys may come; those that are here keep their meaning.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Named;
use super::archive::{Archive, Note};
use super::gate::Verdict;
use super::history::History;
use super::score::{Score, Scores};
use super::sweep::{Sweep, quantity};
use crate::hazard::{Hazard, Severity};
use crate::ids::RuleId;
use crate::time::{TimeDelta, Timestamp};

/// The whole of it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What was lived through.
    pub readings: Readings,
    /// By which rules.
    pub rules: RuleSet,
    /// How far from an event a warning may lie and still be right.
    pub tolerance_s: i64,
    /// For each hazard, governorate and level at which something was told or so.
    pub scores: Vec<Score>,
    /// For each hazard and level over all governorates; then, with no hazard, for each level over all hazards.
    pub totals: Vec<Score>,
    /// Bulletins in a day with readings, everywhere together.
    pub changes_per_day: Option<f64>,
    /// The other rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
    /// The conditions and how they were met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<Vec<Verdict>>,
    /// The threshold that was moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Swept>,
    /// What was passed over, and what else whoever reads the scores should know.
    pub warnings: Vec<String>,
}

/// What was lived through.
#[derive(Debug, Clone, Serialize)]
pub struct Readings {
    /// Rows read.
    pub rows: usize,
    /// Values lived through.
    pub values: usize,
    /// Rows and values passed over; `warnings` say why.
    pub skipped: usize,
    /// When the first was heard.
    pub from: Timestamp,
    /// When the last was.
    pub to: Timestamp,
}

/// A set of rules.
#[derive(Debug, Clone, Serialize)]
pub struct RuleSet {
    /// What it is called: its directory, or `built-in`.
    pub name: String,
    /// How many rules it has.
    pub count: usize,
    /// How many bulletins there were, by hazard.
    pub bulletins: BTreeMap<Hazard, usize>,
    /// Bulletins in a day with readings, everywhere together.
    pub changes_per_day: Option<f64>,
    #[serde(skip)]
    scores: Scores,
}

impl RuleSet {
    /// What came of rules over so many days.
    pub fn new(rules: Named<'_>, history: &History, scores: &Scores, days: usize) -> Self {
        let mut bulletins: BTreeMap<Hazard, usize> = BTreeMap::new();
        for ((hazard, _), line) in history {
            *bulletins.entry(*hazard).or_default() += line.said.len();
        }
        let all: usize = bulletins.values().sum();
        Self {
            name: rules.name.to_owned(),
            count: rules.book.rules.len(),
            bulletins,
            changes_per_day: (0 < days).then(|| all as f64 / days as f64),
            scores: scores.clone(),
        }
    }
}

/// How something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Turn {
    /// To the better.
    Better,
    /// To the worse.
    Worse,
    /// Not at all.
    Same,
    /// One of the two has no value.
    Undefined,
}

impl Turn {
    /// A mark and a word for it, that tell it without a colour.
    pub fn shown(self) -> &'static str {
        match self {
            Self::Better => "▲ better",
            Self::Worse => "▼ worse",
            Self::Same => "= same",
            Self::Undefined => "? undefined",
        }
    }
}

/// One score under both sets of rules.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// Of which hazard; none for all.
    pub hazard: Option<Hazard>,
    /// At which level.
    pub level: Severity,
    /// Which score: `pod`, `far`, `csi`, `bias`, `lead_median_s`, `changes_per_day`.
    pub measure: &'static str,
    /// Under the rules.
    pub value: Option<f64>,
    /// Under the other rules.
    pub against: Option<f64>,
    /// How the rules compare with the others.
    pub change: Turn,
}

/// The other rules and how they compare.
#[derive(Debug, Clone, Serialize)]
pub struct Against {
    /// Which.
    pub rules: RuleSet,
    /// Their scores.
    pub scores: Vec<Score>,
    /// And in total.
    pub totals: Vec<Score>,
    /// The totals of both side by side.
    pub differences: Vec<Difference>,
}

/// How near two scores may lie and be the same.
const SAME: f64 = 1e-9;

impl Against {
    /// Compares two sets of scores.
    pub fn new(rules: RuleSet, ours: &Scores, theirs: &Scores) -> Self {
        let mut keys: Vec<(Option<Hazard>, Severity)> = Vec::new();
        for score in ours.totals.iter().chain(&theirs.totals) {
            if !keys.contains(&(score.hazard, score.level)) {
                keys.push((score.hazard, score.level));
            }
        }
        keys.sort_by_key(|(hazard, level)| (hazard.is_none(), *hazard, *level));
        let mut differences = Vec::new();
        for (hazard, level) in keys {
            let find =
                |scores: &Scores| scores.totals.iter().find(|one| (one.hazard, one.level) == (hazard, level)).cloned();
            let (mine, other) = (find(ours), find(theirs));
            if [&mine, &other].into_iter().flatten().all(|score| score.events + score.warnings == 0) {
                continue;
            }
            type Read = fn(&Score) -> Option<f64>;
            // The least cost is the best one.
            type Cost = fn(f64) -> f64;
            let measures: [(&'static str, Read, Cost); 6] = [
                ("pod", |score| score.pod, |value| -value),
                ("far", |score| score.far, |value| value),
                ("csi", |score| score.csi, |value| -value),
                ("bias", |score| score.bias, |value| (value - 1.0).abs()),
                ("lead_median_s", |score| score.lead_median_s.map(|seconds| seconds as f64), |value| -value),
                ("changes_per_day", |score| score.changes_per_day, |value| value),
            ];
            for (measure, read, cost) in measures {
                let (value, against) = (mine.as_ref().and_then(read), other.as_ref().and_then(read));
                let change = match value.zip(against).map(|(value, against)| cost(value) - cost(against)) {
                    None => Turn::Undefined,
                    Some(more) if more.abs() < SAME => Turn::Same,
                    Some(more) if more < 0.0 => Turn::Better,
                    Some(_) => Turn::Worse,
                };
                differences.push(Difference { hazard, level, measure, value, against, change });
            }
        }
        let Scores { each: scores, totals } = rules.scores.clone();
        Self { rules, scores, totals, differences }
    }
}

/// A threshold that was moved, and what came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Swept {
    /// Of which rule.
    pub rule: RuleId,
    /// Which threshold.
    pub level: Severity,
    /// The hazard that it warns of: scores are the totals of that hazard at that level.
    pub hazard: Option<Hazard>,
    /// How many events of that hazard there are.
    pub events: usize,
    /// Where the threshold stands in the rules.
    pub now: Option<String>,
    /// Each value.
    pub steps: Vec<Step>,
}

/// One value of a sweep.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// The value as people write it.
    pub threshold: String,
    /// The value, canonical.
    pub value: f64,
    /// Why it was not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The scores at it; none when it was not run or nothing was told or so.
    pub score: Option<Score>,
}

impl Step {
    /// One value and what was found.
    pub fn new(value: f64, sweep: &Sweep, found: Result<Option<Score>, String>) -> Self {
        let threshold = quantity(value, sweep.unit);
        match found {
            Ok(score) => Self { threshold, value, error: None, score },
            Err(why) => Self { threshold, value, error: Some(why), score: None },
        }
    }
}

impl Report {
    /// Puts it together.
    #[expect(clippy::too_many_arguments, reason = "each is one part of the report, and it is made in one place")]
    pub(super) fn new(
        archive: &Archive,
        rules: RuleSet,
        scores: Scores,
        against: Option<Against>,
        gate: Option<Vec<Verdict>>,
        sweep: Option<Swept>,
        notes: Vec<Note>,
        tolerance: TimeDelta,
    ) -> Self {
        let Archive { rows, readings: values, passed_over: skipped, from, to, .. } = *archive;
        Self {
            readings: Readings { rows, values, skipped, from, to },
            changes_per_day: rules.changes_per_day,
            rules,
            tolerance_s: tolerance.num_seconds(),
            scores: scores.each,
            totals: scores.totals,
            against,
            gate,
            sweep,
            warnings: notes.into_iter().map(|note| format!("{}: {}", note.of, note.what)).collect(),
        }
    }

    /// True when there is no gate or every condition of it is met.
    pub fn is_good(&self) -> bool {
        self.gate.iter().flatten().all(|verdict| verdict.is_met)
    }
}
