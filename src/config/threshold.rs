//! Thresholds: quantities of the right dimension, in the order of their severities, each with its calm side.

use toml::de::DeValue;

use crate::hazard::Severity;
use crate::rule::{Direction, Statistic, Threshold, Window};
use crate::table::{Found, Table, as_number};
use crate::unit::{Dimension, Metric, Unit, parse_quantity, parse_rate};

/// How far on the calm side of its threshold a rule clears when it does not say, for quantities other than temperatures and codes.
pub const CLEAR_SHARE: f64 = 0.1;

/// How far below or above its threshold a temperature or a code clears when the rule does not say.
pub const CLEAR_STEP: f64 = 1.0;

/// A threshold as written: what was meant, and the words for it in a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// Canonical; by the hour for a rate.
    pub value: f64,
    /// As written.
    pub unit: Unit,
    /// The text as written.
    pub text: String,
}

/// What is compared with a threshold: a metric, and what a window makes of it.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    /// The metric.
    pub metric: Metric,
    /// The window; none when it could not be read.
    pub window: Option<Window>,
}

impl Measure {
    fn is(self, statistic: Statistic) -> bool {
        self.window.is_some_and(|window| window.statistic == statistic)
    }

    /// The least and the most that it can be, canonical.
    fn possible(self) -> (f64, f64) {
        let range = self.metric.possible();
        let is_amount = self.metric == Metric::Precipitation;
        if self.is(Statistic::Sum) || (self.is(Statistic::Rate) && is_amount) {
            (*range.start(), f64::INFINITY)
        } else if self.is(Statistic::Rate) {
            (f64::NEG_INFINITY, f64::INFINITY)
        } else {
            (*range.start(), *range.end())
        }
    }

    /// True when every reading reaches a value.
    fn is_always(self, value: f64, direction: Direction) -> bool {
        let (least, most) = self.possible();
        match direction {
            Direction::AtLeast => value <= least,
            Direction::AtMost => most <= value,
        }
    }

    /// What it can be, when a value is none of it.
    pub fn impossible(self, value: f64) -> Option<String> {
        let (least, most) = self.possible();
        let unit = self.metric.dimension().units().next().map_or("", Unit::symbol);
        if least <= value && value <= most {
            None
        } else if most.is_infinite() {
            let by_the_hour = if self.is(Statistic::Rate) { "/h" } else { "" };
            Some(format!("it is never below {least} {unit}{by_the_hour}"))
        } else {
            Some(format!("it lies between {least} and {most} {unit}"))
        }
    }

    /// Reads a quantity that it is compared with.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub fn quantity(self, value: &DeValue<'_>) -> Result<Quantity, String> {
        let metric = self.metric;
        let dimension = metric.dimension();
        let symbol = metric.public_unit().symbol();
        let is_rate = self.is(Statistic::Rate);
        let (value, unit, text) = match value.as_str() {
            Some(text) => {
                let read = if is_rate { parse_rate(text) } else { parse_quantity(text) };
                let (value, unit) = read.map_err(|why| format!("{why}; {metric} is {}", measured(dimension)))?;
                (value, unit, text.trim().to_owned())
            }
            None => {
                let number = as_number(value)?;
                (number, Unit::Code, number.to_string())
            }
        };
        if unit == Unit::Code && dimension != Dimension::Code {
            let by_the_hour = if is_rate { "/h" } else { "" };
            let help = format!("so write \"{text} {symbol}{by_the_hour}\"");
            return Err(format!("`{text}` has no unit: {metric} is {}, {help}", dimension.name()));
        }
        if unit.dimension() != dimension {
            let of_unit = unit.dimension().name();
            return Err(format!("`{text}` is {of_unit}; {metric} is {}", measured(dimension)));
        }
        Ok(Quantity { value, unit, text })
    }

    /// A step on the calm side; the threshold itself where every reading would reach that, as with a level of 1 whose calm is 0.
    fn usual_clear(self, raise: f64, direction: Direction) -> f64 {
        let step = match self.metric.dimension() {
            _ if self.is(Statistic::Rate) => raise.abs() * CLEAR_SHARE,
            Dimension::Temperature | Dimension::Pressure | Dimension::Code => CLEAR_STEP,
            Dimension::Depth
            | Dimension::Share
            | Dimension::Speed
            | Dimension::Length
            | Dimension::Energy
            | Dimension::Concentration => raise.abs() * CLEAR_SHARE,
        };
        let clear = match direction {
            Direction::AtLeast => raise - step,
            Direction::AtMost => raise + step,
        };
        if self.is_always(clear, direction) { raise } else { clear }
    }
}

/// What a quantity of a dimension is written in, for errors.
fn measured(dimension: Dimension) -> String {
    let units: Vec<&str> = dimension.units().map(Unit::symbol).filter(|symbol| *symbol != "code").collect();
    if dimension == Dimension::Code {
        "a bare code, such as 95".to_owned()
    } else {
        format!("measured in {}", units.join(", "))
    }
}

/// Asks for the thresholds of a rule whose metric is unknown: all that can be told of them is that there are none.
pub fn untold(table: &Table<'_>) {
    for key in KEYS {
        table.get(key, |_| Ok(()));
    }
    if !table.has("at_least") && !table.has("at_most") {
        no_threshold(table);
    }
}

/// The keys that thresholds are written under.
pub const KEYS: [&str; 3] = ["at_least", "at_most", "clear"];

fn no_threshold(table: &Table<'_>) {
    let help = "add `at_least = { yellow = … }`, or `at_most` where less is worse".to_owned();
    table.error(&table.span, format!("`{}` has no threshold", table.name()), Some(help));
}

/// Quantities by severity, mildest first.
type BySeverity = Vec<(Severity, Found<Quantity>)>;

/// The thresholds of a rule, with the words that they were written in.
#[derive(Debug, Clone)]
pub struct Thresholds {
    /// Which way is dangerous.
    pub direction: Direction,
    raises: BySeverity,
    clears: BySeverity,
}

impl Thresholds {
    /// Reads `at_least` or `at_most` with the three severities, and `clear`.
    pub fn read(table: &Table<'_>, measure: Measure) -> Option<Self> {
        let (direction, raise) = dangerous_side(table)?;
        let raises = severities(&raise, measure);
        if raises.is_empty() && Severity::OF_RULES.iter().all(|severity| !raise.has(severity.name())) {
            let help = "write at least one of yellow, orange and red".to_owned();
            raise.error(&raise.span, format!("`{}` has no threshold", table.name()), Some(help));
        }
        raise.finish();
        let clears = table.table("clear").map(|inner| all_severities(inner, measure)).unwrap_or_default();
        let read = Self { direction, raises, clears };
        read.check(table, measure, |_| true);
        Some(read)
    }

    /// The same with what an override writes in their place: each severity that it names, and the rest as it was. None when it
    /// names none.
    pub fn overridden(&self, table: &Table<'_>, measure: Measure) -> Option<Self> {
        if KEYS.iter().all(|key| !table.has(key)) {
            return None;
        }
        let (own, other) = match self.direction {
            Direction::AtLeast => ("at_least", "at_most"),
            Direction::AtMost => ("at_most", "at_least"),
        };
        if table.has(other) {
            table.get(other, |_| Ok(()));
            let help = format!("the rule itself says `{own}`: an override changes how much, not which way");
            table.error(&table.span_of(other), format!("`{other}` cannot stand in this override"), Some(help));
        }
        let read = |key| table.table(key).map(|inner| all_severities(inner, measure)).unwrap_or_default();
        let (raises, clears): (BySeverity, BySeverity) = (read(own), read("clear"));
        let is_own = |severity: Severity| raises.iter().chain(&clears).any(|(of, _)| *of == severity);
        let with = |before: &BySeverity, own: &BySeverity, keep: &dyn Fn(Severity) -> bool| {
            let kept =
                before.iter().filter(|(severity, _)| keep(*severity) && own.iter().all(|(of, _)| of != severity));
            let mut all: BySeverity = kept.chain(own).cloned().collect();
            all.sort_by_key(|(severity, _)| *severity);
            all
        };
        let merged = Self {
            direction: self.direction,
            raises: with(&self.raises, &raises, &|_| true),
            // The calm side of another threshold is another.
            clears: with(&self.clears, &clears, &|severity| raises.iter().all(|(of, _)| *of != severity)),
        };
        merged.check(table, measure, is_own);
        Some(merged)
    }

    /// Notes what cannot be meant, of the severities that are written here.
    fn check(&self, table: &Table<'_>, measure: Measure, is_own: impl Fn(Severity) -> bool) {
        self.in_order(table, measure.metric, &is_own);
        for (severity, raise) in self.raises.iter().filter(|(severity, _)| is_own(*severity)) {
            self.possible(table, measure, *severity, raise);
        }
        for (severity, clear) in self.clears.iter().filter(|(severity, _)| is_own(*severity)) {
            match self.raises.iter().find(|(raised, _)| raised == severity) {
                Some((_, raise)) => self.calm_side(table, measure, *severity, raise, clear),
                None => {
                    let help = format!("add `{severity}` to the thresholds, or take it out of `clear`");
                    table.error(&clear.span, format!("`clear` has `{severity}` and the rule does not"), Some(help));
                }
            }
        }
    }

    /// Each severity must be harder to reach than the milder one.
    fn in_order(&self, table: &Table<'_>, metric: Metric, is_own: impl Fn(Severity) -> bool) {
        // Less visibility is worse; whoever wrote all of them the other way round meant the other key.
        let falls = |pair: &[(Severity, Found<Quantity>)]| match pair {
            [(_, low), (_, high)] => high.value.value < low.value.value,
            _ => false,
        };
        let is_other_way = metric == Metric::Visibility && self.direction == Direction::AtLeast;
        let is_other_way = is_other_way && self.raises.windows(2).all(falls);
        for pair in self.raises.windows(2) {
            let [(milder, low), (worse, high)] = pair else { continue };
            if !is_own(*milder) && !is_own(*worse) {
                continue;
            }
            let (low_value, high_value) = (low.value.value, high.value.value);
            let (wanted, found) = match self.direction {
                Direction::AtLeast => ("above", if high_value < low_value { "below" } else { "the same as" }),
                Direction::AtMost => ("below", if low_value < high_value { "above" } else { "the same as" }),
            };
            let is_harder = match self.direction {
                Direction::AtLeast => low_value < high_value,
                Direction::AtMost => high_value < low_value,
            };
            if !is_harder {
                table.error(
                    if is_own(*worse) { &high.span } else { &low.span },
                    format!("`{worse}` ({}) is {found} `{milder}` ({})", high.value.text, low.value.text),
                    Some(match is_other_way {
                        true => "less of it is worse: write `at_most` in place of `at_least`".to_owned(),
                        false => format!("`{worse}` must lie {wanted} `{milder}`: change one, or swap them"),
                    }),
                );
            }
        }
    }

    /// A threshold that no reading can reach warns nobody; one that every reading reaches warns always.
    fn possible(&self, table: &Table<'_>, measure: Measure, severity: Severity, found: &Found<Quantity>) {
        let Quantity { value, text, .. } = &found.value;
        let metric = measure.metric;
        if let Some(help) = measure.impossible(*value) {
            table.error(&found.span, format!("`{severity}`: {text} is no possible {metric}"), Some(help));
        } else if measure.is_always(*value, self.direction) {
            let help = "every reading reaches it, and the warning would never end: write a worse value".to_owned();
            table.error(&found.span, format!("`{severity}`: {text} is no threshold of {metric}"), Some(help));
        }
    }

    fn calm_side(
        &self,
        table: &Table<'_>,
        measure: Measure,
        severity: Severity,
        raise: &Found<Quantity>,
        clear: &Found<Quantity>,
    ) {
        let (raised, cleared) = (&raise.value, &clear.value);
        let (is_calm, wanted) = match self.direction {
            Direction::AtLeast => (cleared.value <= raised.value, "not above"),
            Direction::AtMost => (raised.value <= cleared.value, "not below"),
        };
        if !is_calm {
            let message = format!(
                "`clear` of `{severity}` ({}) lies on the dangerous side of its threshold ({})",
                cleared.text, raised.text
            );
            table.error(&clear.span, message, Some(format!("it must lie {wanted} {}", raised.text)));
        }
        // A clear side that every reading reaches is never left again.
        if measure.is_always(cleared.value, self.direction) {
            let help = "every reading reaches it, and the warning would never end: write a worse value".to_owned();
            let message = format!("`clear` of `{severity}`: {} is no clear side of {}", cleared.text, measure.metric);
            table.error(&clear.span, message, Some(help));
        }
    }

    /// The severities that have one.
    pub fn severities(&self) -> Vec<Severity> {
        self.raises.iter().map(|(severity, _)| *severity).collect()
    }

    /// The unit that they are written in.
    pub fn unit(&self, metric: Metric) -> Unit {
        self.raises.first().map_or(metric.public_unit(), |(_, found)| found.value.unit)
    }

    /// As meant, mildest first.
    pub fn list(&self, measure: Measure) -> Vec<Threshold> {
        let clear = |severity: Severity, raise: f64| {
            let written = self.clears.iter().find(|(cleared, _)| *cleared == severity);
            written.map_or_else(|| measure.usual_clear(raise, self.direction), |(_, clear)| clear.value.value)
        };
        let meant = |(severity, raise): &(Severity, Found<Quantity>)| {
            let raise = raise.value.value;
            Threshold { severity: *severity, raise, clear: clear(*severity, raise) }
        };
        self.raises.iter().map(meant).collect()
    }
}

/// Which way is dangerous, and the table that says from where on.
fn dangerous_side<'a>(table: &Table<'a>) -> Option<(Direction, Table<'a>)> {
    // Both are asked for, so that neither is called unknown when both are written.
    let (least, most) = (table.table("at_least"), table.table("at_most"));
    match (table.has("at_least"), table.has("at_most")) {
        (true, false) => Some((Direction::AtLeast, least?)),
        (false, true) => Some((Direction::AtMost, most?)),
        (true, true) => {
            let help = "a rule has one dangerous side: keep the one that is meant".to_owned();
            table.error(&table.span, "`at_least` and `at_most` are both written", Some(help));
            table.get("clear", |_| Ok(()));
            None
        }
        (false, false) => {
            no_threshold(table);
            table.get("clear", |_| Ok(()));
            None
        }
    }
}

/// The quantities of a table by severity, mildest first.
fn severities(table: &Table<'_>, measure: Measure) -> BySeverity {
    let read = |severity: Severity| Some((severity, table.get(severity.name(), |value| measure.quantity(value))?));
    Severity::OF_RULES.into_iter().filter_map(read).collect()
}

/// The same, with every other key noted.
fn all_severities(table: Table<'_>, measure: Measure) -> BySeverity {
    let read = severities(&table, measure);
    table.finish();
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Problems, SourceFile};
    use crate::table::read_file;
    use std::sync::Arc;

    /// The thresholds of a rule as `severity raise/clear`, canonical.
    fn thresholds(text: &str, metric: Metric) -> String {
        let file = Arc::new(SourceFile { name: "a.toml".to_owned(), text: text.to_owned() });
        let problems = Problems::new();
        let measure = Measure { metric, window: None };
        let read = read_file(&file, &problems, |table| Thresholds::read(&table, measure));
        assert!(!problems.has_errors(), "{:?}", problems.into_sorted());
        let told: Vec<String> = read
            .unwrap()
            .list(measure)
            .iter()
            .map(|one| format!("{} {:.2}/{:.2}", one.severity, one.raise, one.clear))
            .collect();
        told.join(", ")
    }

    #[test]
    fn a_rule_that_does_not_say_clears_a_tenth_or_a_degree_on_the_calm_side() {
        let rain = "at_least = { yellow = \"10 mm\", red = \"4 cm\" }";
        assert_eq!(thresholds(rain, Metric::Precipitation), "yellow 10.00/9.00, red 40.00/36.00");
        let sight = "at_most = { yellow = \"5 km\", orange = \"1000 m\" }";
        assert_eq!(thresholds(sight, Metric::Visibility), "yellow 5000.00/5500.00, orange 1000.00/1100.00");
        assert_eq!(thresholds("at_most = { red = \"0 °C\" }", Metric::Temperature), "red 0.00/1.00");
        assert_eq!(thresholds("at_least = { yellow = \"113 °F\" }", Metric::Temperature), "yellow 45.00/44.00");
        assert_eq!(thresholds("at_least = { yellow = 95 }", Metric::WeatherCode), "yellow 95.00/94.00");
        let dust = "at_least = { yellow = 1, orange = 2 }";
        assert_eq!(
            thresholds(dust, Metric::DustLevel),
            "yellow 1.00/1.00, orange 2.00/1.00",
            "no dust is clear of dust"
        );
    }

    #[test]
    fn a_rule_that_says_clears_where_it_says() {
        let rain = "at_least = { yellow = \"1 mm\", red = \"15 mm\" }\nclear = { red = \"12 mm\" }";
        assert_eq!(thresholds(rain, Metric::Precipitation), "yellow 1.00/0.90, red 15.00/12.00");
        let same = "at_least = { yellow = \"36 km/h\" }\nclear = { yellow = \"10 m/s\" }";
        assert_eq!(thresholds(same, Metric::WindGust), "yellow 10.00/10.00");
    }
}
