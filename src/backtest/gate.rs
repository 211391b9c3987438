//! Gates: what scores must come to, for a script that lets rules through or not: `min-pod=0.9,rain.red.max-far=0.4`.
//!
//! A condition holds for the total of all hazards at yellow, or for that of the hazard and the level before it. A score without a
//! value meets no condition: nothing was proven.

use serde::Serialize;

use super::score::{Score, Scores};
use crate::hazard::{Hazard, Severity};
use crate::problem::advice;
use crate::time::{parse_span, span_text};

/// The most conditions.
pub const MAX_CONDITIONS: usize = 50;

/// A score that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Pod,
    Far,
    Csi,
    Bias,
    Lead,
    Changes,
}

impl Measure {
    const ALL: [(&'static str, Self); 6] = [
        ("pod", Self::Pod),
        ("far", Self::Far),
        ("csi", Self::Csi),
        ("bias", Self::Bias),
        ("lead", Self::Lead),
        ("changes", Self::Changes),
    ];

    fn of(self, score: &Score) -> Option<f64> {
        match self {
            Self::Pod => score.pod,
            Self::Far => score.far,
            Self::Csi => score.csi,
            Self::Bias => score.bias,
            Self::Lead => score.lead_median_s.map(|seconds| seconds as f64),
            Self::Changes => score.changes_per_day,
        }
    }

    fn limit(self, text: &str) -> Result<f64, String> {
        if self == Self::Lead {
            return parse_span(text).map(|span| span.num_seconds() as f64);
        }
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && 0.0 <= *number);
        let number = number.ok_or_else(|| format!("`{text}` is not a number such as 0.9"))?;
        if matches!(self, Self::Pod | Self::Far | Self::Csi) && 1.0 < number {
            return Err(format!("{text} can never be: it lies between 0 and 1"));
        }
        Ok(number)
    }

    fn shown(self, value: f64) -> String {
        match self {
            Self::Lead => {
                let span = chrono::TimeDelta::seconds(value.abs() as i64);
                format!("{}{}", if value < 0.0 { "-" } else { "" }, span_text(span))
            }
            Self::Pod | Self::Far | Self::Csi | Self::Bias | Self::Changes => format!("{value:.2}"),
        }
    }
}

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// As it was written.
    pub text: String,
    hazard: Option<Hazard>,
    level: Severity,
    is_least: bool,
    measure: Measure,
    limit: f64,
}

/// How a condition was met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The condition as it was written.
    pub condition: String,
    /// What it came to; `undefined` for 0 out of 0.
    pub found: String,
    /// Whether it is met.
    pub is_met: bool,
}

/// Reads conditions with commas between.
///
/// # Errors
/// Every mistake, with advice.
pub fn parse(text: &str) -> Result<Vec<Condition>, Vec<String>> {
    let read: Vec<Result<Condition, String>> =
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(condition).collect();
    let faults: Vec<String> = read.iter().filter_map(|one| one.as_ref().err().cloned()).collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    let conditions: Vec<Condition> = read.into_iter().flatten().collect();
    match conditions.len() {
        0 => Err(vec!["the gate has no condition: write one such as min-pod=0.9".to_owned()]),
        count if MAX_CONDITIONS < count => {
            Err(vec![format!("the gate has {count} conditions; at most {MAX_CONDITIONS}")])
        }
        _ => Ok(conditions),
    }
}

fn condition(text: &str) -> Result<Condition, String> {
    let wrong = |why: String| format!("gate `{text}`: {why}");
    let (left, limit) =
        text.split_once('=').ok_or_else(|| wrong("write a limit behind `=`, such as min-pod=0.9".to_owned()))?;
    let parts: Vec<&str> = left.trim().split('.').collect();
    let Some((name, scope)) = parts.split_last() else { return Err(wrong("it is empty".to_owned())) };
    let (mut hazard, mut level) = (None, Severity::Yellow);
    for part in scope {
        let as_level = Severity::parse(part).filter(|level| Severity::OF_RULES.contains(level));
        match (Hazard::parse(part), as_level) {
            (Some(found), _) => hazard = Some(found),
            (None, Some(found)) => level = found,
            (None, None) => {
                let levels = Severity::OF_RULES.into_iter().map(Severity::name);
                let known: Vec<&str> = Hazard::ALL.iter().copied().map(Hazard::name).chain(levels).collect();
                let advice = advice(part, &known).unwrap_or_default();
                return Err(wrong(format!("`{part}` is neither a hazard nor a level; {advice}")));
            }
        }
    }
    let names: Vec<String> =
        ["min", "max"].iter().flat_map(|side| Measure::ALL.map(|(name, _)| format!("{side}-{name}"))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let unknown = || wrong(format!("`{name}` is no condition; {}", advice(name, &names).unwrap_or_default()));
    let (side, measure) = name.split_once('-').ok_or_else(unknown)?;
    let is_least = match side {
        "min" => true,
        "max" => false,
        _ => return Err(unknown()),
    };
    let (_, measure) = Measure::ALL.into_iter().find(|(known, _)| *known == measure).ok_or_else(unknown)?;
    let limit = measure.limit(limit.trim()).map_err(wrong)?;
    Ok(Condition { text: text.to_owned(), hazard, level, is_least, measure, limit })
}

/// Holds conditions against scores.
pub fn judge(conditions: &[Condition], scores: &Scores) -> Vec<Verdict> {
    conditions
        .iter()
        .map(|one| {
            let of = scores.totals.iter().find(|score| score.hazard == one.hazard && score.level == one.level);
            let value = of.and_then(|score| one.measure.of(score));
            let is_met = value.is_some_and(|value| if one.is_least { one.limit <= value } else { value <= one.limit });
            let found = value.map_or_else(|| "undefined".to_owned(), |value| one.measure.shown(value));
            Verdict { condition: one.text.clone(), found, is_met }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::score::Count;
    use super::*;

    fn scores() -> Scores {
        let counted = Count { events: 4, hits: 3, right: 3, false_alarms: 1, leads: vec![-60, 600, 1200], changes: 4 };
        let of = |hazard, level| Score::of(&counted, (hazard, None, level), 2);
        let nothing = Score::of(&Count::default(), (None, None, Severity::Red), 2);
        Scores {
            each: Vec::new(),
            totals: vec![of(Some(Hazard::Rain), Severity::Red), of(None, Severity::Yellow), nothing],
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let told = match parse(text) {
            Err(faults) => faults.join("; "),
            Ok(conditions) => {
                let line = |one: Verdict| {
                    format!("{} {} {}", one.condition, one.found, if one.is_met { "met" } else { "not" })
                };
                judge(&conditions, &scores()).into_iter().map(line).collect::<Vec<_>>().join("; ")
            }
        };
        assert_eq!(told, expected, "{text}");
    }

    #[test]
    fn conditions_are_held_against_totals() {
        check("min-pod=0.75, max-far=0.2", "min-pod=0.75 0.75 met; max-far=0.2 0.25 not");
        check("rain.red.min-lead=10min", "rain.red.min-lead=10min 10min met");
        check("max-changes=1,max-bias=1", "max-changes=1 2.00 not; max-bias=1 1.00 met");
        check("red.min-pod=0", "red.min-pod=0 undefined not");
        check("wind.max-far=1", "wind.max-far=1 undefined not");
    }

    #[test]
    fn every_mistake_in_a_gate_is_told_with_advice() {
        check("", "the gate has no condition: write one such as min-pod=0.9");
        check(
            "min-pof=0.9,mix-far=1,rian.max-far=1,min-pod,max-csi=1.5,min-lead=5,max-bias=-1",
            "gate `min-pof=0.9`: `min-pof` is no condition; did you mean `min-pod`?; gate `mix-far=1`: `mix-far` is no condition; \
             did you mean `min-far`?; gate `rian.max-far=1`: `rian` is neither a hazard nor a level; did you mean `rain`?; gate \
             `min-pod`: write a limit behind `=`, such as min-pod=0.9; gate `max-csi=1.5`: 1.5 can never be: it lies between 0 and \
             1; gate `min-lead=5`: `5` is not a span of time: write a number and s, min, h or d, such as `10min`; gate \
             `max-bias=-1`: `-1` is not a number such as 0.9",
        );
    }
}
