//! Sweeps: one threshold of one rule moved step by step: `rain-rate-1h.red=10mm..60mm:5mm`. A step at which the rule would make no
//! sense is told as such and not run.

use crate::hazard::Severity;
use crate::ids::RuleId;
use crate::problem::advice;
use crate::rule::{Direction, Rule, RuleBook, Statistic};
use crate::unit::{Dimension, Unit, parse_quantity};

/// The most steps.
pub const MAX_STEPS: usize = 100;

/// How far a last step may miss the end for want of binary fractions, as a part of a step.
const ROUNDING: f64 = 1e-6;

/// What is moved, and where to.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Which rule.
    pub rule: RuleId,
    /// Which of its thresholds.
    pub level: Severity,
    /// The unit it was written in.
    pub unit: Unit,
    /// Its values, canonical.
    pub values: Vec<f64>,
}

impl Sweep {
    /// Reads `RULE.LEVEL=FROM..TO:STEP` and checks it against the rules.
    ///
    /// # Errors
    /// What is wrong, with advice.
    pub fn parse(text: &str, book: &RuleBook) -> Result<Self, String> {
        let wrong = |why: String| format!("sweep `{text}`: {why}");
        let form = "write RULE.LEVEL=FROM..TO:STEP, such as rain-rate-1h.red=10mm..60mm:5mm";
        let parts = || {
            let (name, range) = text.split_once('=')?;
            let (rule, level) = name.trim().rsplit_once('.')?;
            let (range, step) = range.rsplit_once(':')?;
            let (from, to) = range.split_once("..")?;
            Some((rule, level, from, to, step))
        };
        let (rule, level, from, to, step) = parts().ok_or_else(|| wrong(form.to_owned()))?;
        let ids: Vec<&str> = book.rules.iter().map(|rule| rule.id.as_str()).collect();
        let rule =
            book.rules.iter().find(|known| known.id.as_str() == rule).ok_or_else(|| {
                wrong(format!("there is no rule `{rule}`; {}", advice(rule, &ids).unwrap_or_default()))
            })?;
        let levels: Vec<&str> = rule.thresholds.iter().map(|threshold| threshold.severity.name()).collect();
        let level = Severity::parse(level).filter(|level| levels.contains(&level.name())).ok_or_else(|| {
            wrong(format!("`{}` has no threshold `{level}`; {}", rule.id, advice(level, &levels).unwrap_or_default()))
        })?;
        let read = |text: &str| {
            let (value, unit) = parse_quantity(text).map_err(wrong)?;
            let expected = rule.metric.dimension();
            if unit.dimension() != expected {
                let units: Vec<&str> = expected.units().map(Unit::symbol).collect();
                let why = format!("`{}` does not measure {}: write {}", text.trim(), rule.metric, units.join(", "));
                return Err(wrong(why));
            }
            Ok((value, unit))
        };
        let ((from, unit), (to, _), (step, step_unit)) = (read(from)?, read(to)?, read(step)?);
        // A step is a distance: of temperatures their scale counts and not their zero.
        let step = step - step_unit.to_canonical(0.0);
        if step <= 0.0 {
            return Err(wrong("the step must be above 0".to_owned()));
        }
        if to < from {
            return Err(wrong("it ends below where it begins: swap the two".to_owned()));
        }
        let count = ((to - from) / step + ROUNDING).floor();
        if MAX_STEPS as f64 <= count {
            return Err(wrong(format!("more than {MAX_STEPS} steps: widen the step")));
        }
        let values = (0..=count as usize).map(|number| from + step * number as f64).collect();
        Ok(Self { rule: rule.id.clone(), level, unit, values })
    }

    /// The rules with the threshold at a value, as they were otherwise.
    ///
    /// # Errors
    /// Why that makes no sense.
    pub fn at(&self, book: &RuleBook, value: f64) -> Result<RuleBook, String> {
        let mut rules = book.rules.to_vec();
        let rule = rules.iter_mut().find(|rule| rule.id == self.rule);
        let rule = rule.ok_or_else(|| format!("there is no rule `{}`", self.rule))?;
        if let Some(why) = self.objection(rule, value) {
            return Err(why);
        }
        for threshold in rule.thresholds.iter_mut().filter(|threshold| threshold.severity == self.level) {
            // Where it clears moves along: in proportion, or at the same distance where there is no true zero.
            threshold.clear = match rule.metric.dimension() {
                Dimension::Temperature | Dimension::Pressure | Dimension::Code => {
                    value + threshold.clear - threshold.raise
                }
                Dimension::Depth
                | Dimension::Share
                | Dimension::Speed
                | Dimension::Length
                | Dimension::Energy
                | Dimension::Concentration => {
                    if threshold.raise == 0.0 {
                        value
                    } else {
                        value * threshold.clear / threshold.raise
                    }
                }
            };
            threshold.raise = value;
        }
        Ok(RuleBook { rules: rules.into(), ..book.clone() })
    }

    fn objection(&self, rule: &Rule, value: f64) -> Option<String> {
        let shown = |value: f64| quantity(value, self.unit);
        let possible = rule.metric.possible();
        let is_sum = rule.window.statistic == Statistic::Sum;
        if value <= *possible.start() && rule.direction == Direction::AtLeast {
            return Some(format!("every reading reaches {}", shown(value)));
        }
        if !is_sum && !possible.contains(&value) {
            return Some(format!("{} is no possible {}", shown(value), rule.metric));
        }
        rule.thresholds.iter().find_map(|other| {
            let is_in_order =
                match (other.severity.cmp(&self.level), rule.direction) {
                    (std::cmp::Ordering::Equal, _) => true,
                    (std::cmp::Ordering::Less, Direction::AtLeast)
                    | (std::cmp::Ordering::Greater, Direction::AtMost) => other.raise < value,
                    (std::cmp::Ordering::Less, Direction::AtMost)
                    | (std::cmp::Ordering::Greater, Direction::AtLeast) => value < other.raise,
                };
            let milder = if other.severity < self.level { "harder to reach than" } else { "easier to reach than" };
            let why = || {
                format!(
                    "{} ({}) must be {milder} {} ({})",
                    self.level,
                    shown(value),
                    other.severity,
                    shown(other.raise)
                )
            };
            (!is_in_order).then(why)
        })
    }
}

/// A canonical value in a unit, in as few digits as it takes.
pub fn quantity(canonical: f64, unit: Unit) -> String {
    let value = unit.from_canonical(canonical);
    let rounded = (value * 1000.0).round() / 1000.0;
    let symbol = if unit == Unit::Code { "" } else { unit.symbol() };
    format!("{rounded} {symbol}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let book = crate::config::load(None).unwrap().0.rules;
        let told = match Sweep::parse(text, &book) {
            Err(why) => why.split_once(": ").unwrap().1.to_owned(),
            Ok(sweep) => {
                let at = |value: &f64| match sweep.at(&book, *value) {
                    Ok(book) => {
                        let rule = book.rules.iter().find(|rule| rule.id == sweep.rule).unwrap();
                        let one = rule.thresholds.iter().find(|one| one.severity == sweep.level).unwrap();
                        format!("{} ({})", quantity(one.raise, sweep.unit), quantity(one.clear, sweep.unit))
                    }
                    Err(why) => why,
                };
                sweep.values.iter().map(at).collect::<Vec<_>>().join(", ")
            }
        };
        assert_eq!(told, expected, "{text}");
    }

    #[test]
    fn a_threshold_is_moved_and_where_it_clears_with_it() {
        check(
            "rain-rate-1h.red=5mm..20mm:5mm",
            "red (5 mm) must be harder to reach than orange (5 mm), 10 mm (8 mm), 15 mm (12 mm), 20 mm (16 mm)",
        );
        check("wind-gust.yellow=0.1m/s..0.3m/s:0.1m/s", "0.1 m/s (0.09 m/s), 0.2 m/s (0.18 m/s), 0.3 m/s (0.27 m/s)");
        check("heat-lowland.red=48°C..50°C:1°C", "48 °C (47 °C), 49 °C (48 °C), 50 °C (49 °C)");
        check("heat-lowland.red=118.4°F..122°F:1.8°F", "118.4 °F (116.6 °F), 120.2 °F (118.4 °F), 122 °F (120.2 °F)");
        check(
            "fog-visibility.orange=100m..1km:300m",
            "orange (100 m) must be easier to reach than red (200 m), 400 m (600 m), 700 m (1050 m), 1000 m (1500 m)",
        );
    }

    #[test]
    fn what_cannot_be_swept_is_told_with_advice() {
        let form = "write RULE.LEVEL=FROM..TO:STEP, such as rain-rate-1h.red=10mm..60mm:5mm";
        check("rain", form);
        check("rain.red=1mm:2mm", form);
        check("rain-rate.red=1mm..2mm:1mm", "there is no rule `rain-rate`; did you mean `rain-rate-1h`?");
        check(
            "flash-flood-3h.yelow=1mm..2mm:1mm",
            "`flash-flood-3h` has no threshold `yelow`; known here: orange, red",
        );
        check("rain-rate-1h.red=10..60:5", "`10` does not measure precipitation: write mm, cm, in");
        check("rain-rate-1h.red=10mm..60mm:0mm", "the step must be above 0");
        check("rain-rate-1h.red=60mm..10mm:5mm", "it ends below where it begins: swap the two");
        check("rain-rate-1h.red=1mm..60mm:0.1mm", "more than 100 steps: widen the step");
    }
}
