//! Thresholds: quantities of the right dimension, in the order of their severities, each with its calm side.

use toml::de::DeValue;

use crate::hazard::Severity;
use crate::rule::{Direction, Statistic, Threshold, Window};
use crate::table::{Found, Table, as_number};
use crate::unit::{Dimension, Metric, Unit, parse_quantity};

/// How far on the calm side of its threshold a rule clears when it does not say, for quantities other than temperatures and codes.
pub const CLEAR_SHARE: f64 = 0.1;

/// How far below or above its threshold a temperature or a code clears when the rule does not say.
pub const CLEAR_STEP: f64 = 1.0;

/// A threshold as written: what was meant, and the words for it in a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// Canonical.
    pub value: f64,
    /// As written.
    pub unit: Unit,
    /// The text as written.
    pub text: String,
}

/// Reads a quantity that a metric is compared with.
///
/// # Errors
/// A sentence that says what to write instead.
pub fn quantity(value: &DeValue<'_>, metric: Metric) -> Result<Quantity, String> {
    let dimension = metric.dimension();
    let symbol = metric.public_unit().symbol();
    let (value, unit, text) = match value.as_str() {
        Some(text) => {
            let (value, unit) =
                parse_quantity(text).map_err(|why| format!("{why}; {metric} is {}", measured(dimension)))?;
            (value, unit, text.trim().to_owned())
        }
        None => {
            let number = as_number(value)?;
            (number, Unit::Code, number.to_string())
        }
    };
    if unit == Unit::Code && dimension != Dimension::Code {
        return Err(format!("`{text}` has no unit: {metric} is {}, so write \"{text} {symbol}\"", dimension.name()));
    }
    if unit.dimension() != dimension {
        let of_unit = unit.dimension().name();
        return Err(format!("`{text}` is {of_unit}; {metric} is {}", measured(dimension)));
    }
    Ok(Quantity { value, unit, text })
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
    for key in ["at_least", "at_most", "clear"] {
        table.get(key, |_| Ok(()));
    }
    if !table.has("at_least") && !table.has("at_most") {
        no_threshold(table);
    }
}

fn no_threshold(table: &Table<'_>) {
    let help = "add `at_least = { yellow = … }`, or `at_most` where less is worse".to_owned();
    table.error(&table.span, format!("`{}` has no threshold", table.name()), Some(help));
}

/// Reads `at_least` or `at_most` with the three severities, and `clear`.
pub fn read(table: &Table<'_>, metric: Metric, window: Option<Window>) -> Option<(Direction, Vec<Threshold>, Unit)> {
    let (direction, raise) = dangerous_side(table)?;
    let raises = severities(&raise, metric);
    if raises.is_empty() && Severity::OF_RULES.iter().all(|severity| !raise.has(severity.name())) {
        let help = "write at least one of yellow, orange and red".to_owned();
        raise.error(&raise.span, format!("`{}` has no threshold", table.name()), Some(help));
    }
    raise.finish();
    in_order(table, &raises, direction);
    possible(table, &raises, metric, window, direction);
    let clears = clears(table, metric, &raises);
    let unit = raises.first().map_or(metric.public_unit(), |(_, found)| found.value.unit);
    let thresholds = raises
        .into_iter()
        .map(|(severity, raise)| {
            let clear = match clears.iter().find(|(cleared, _)| *cleared == severity) {
                Some((_, clear)) => {
                    calm_side(table, severity, &raise, clear, direction);
                    can_clear(table, severity, clear, metric, window, direction);
                    clear.value.value
                }
                None => usual_clear(metric, raise.value.value, window, direction),
            };
            Threshold { severity, raise: raise.value.value, clear }
        })
        .collect();
    Some((direction, thresholds, unit))
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

/// The thresholds under `clear`, each of which must have its counterpart.
fn clears(
    table: &Table<'_>,
    metric: Metric,
    raises: &[(Severity, Found<Quantity>)],
) -> Vec<(Severity, Found<Quantity>)> {
    let Some(inner) = table.table("clear") else { return Vec::new() };
    let clears = severities(&inner, metric);
    inner.finish();
    for (severity, clear) in &clears {
        if !raises.iter().any(|(raised, _)| raised == severity) {
            let help = format!("add `{severity}` to the thresholds, or take it out of `clear`");
            table.error(&clear.span, format!("`clear` has `{severity}` and the rule does not"), Some(help));
        }
    }
    clears
}

/// The quantities of a table by severity, mildest first.
fn severities(table: &Table<'_>, metric: Metric) -> Vec<(Severity, Found<Quantity>)> {
    Severity::OF_RULES
        .into_iter()
        .filter_map(|severity| Some((severity, table.get(severity.name(), |value| quantity(value, metric))?)))
        .collect()
}

/// Each severity must be harder to reach than the milder one.
fn in_order(table: &Table<'_>, raises: &[(Severity, Found<Quantity>)], direction: Direction) {
    for pair in raises.windows(2) {
        let [(milder, low), (worse, high)] = pair else { continue };
        let (wanted, found) = match direction {
            Direction::AtLeast => ("above", if low.value.value > high.value.value { "below" } else { "the same as" }),
            Direction::AtMost => ("below", if low.value.value < high.value.value { "above" } else { "the same as" }),
        };
        let is_harder = match direction {
            Direction::AtLeast => low.value.value < high.value.value,
            Direction::AtMost => high.value.value < low.value.value,
        };
        if !is_harder {
            table.error(
                &high.span,
                format!("`{worse}` ({}) is {found} `{milder}` ({})", high.value.text, low.value.text),
                Some(format!("`{worse}` must lie {wanted} `{milder}`: change one, or swap them")),
            );
        }
    }
}

/// A threshold that no reading can reach warns nobody; one that every reading reaches warns always.
fn possible(
    table: &Table<'_>,
    raises: &[(Severity, Found<Quantity>)],
    metric: Metric,
    window: Option<Window>,
    direction: Direction,
) {
    for (severity, found) in raises {
        let Quantity { value, text, .. } = &found.value;
        if let Some(help) = impossible(*value, metric, window) {
            table.error(&found.span, format!("`{severity}`: {text} is no possible {metric}"), Some(help));
        } else if is_always(*value, metric, window, direction) {
            let help = "every reading reaches it, and the warning would never end: write a worse value".to_owned();
            table.error(&found.span, format!("`{severity}`: {text} is no threshold of {metric}"), Some(help));
        }
    }
}

/// True when every reading reaches a value.
fn is_always(value: f64, metric: Metric, window: Option<Window>, direction: Direction) -> bool {
    let range = metric.possible();
    match direction {
        Direction::AtLeast => value <= *range.start(),
        Direction::AtMost => !is_sum(window) && *range.end() <= value,
    }
}

/// A clear side that every reading reaches is never left again.
fn can_clear(
    table: &Table<'_>,
    severity: Severity,
    clear: &Found<Quantity>,
    metric: Metric,
    window: Option<Window>,
    direction: Direction,
) {
    if is_always(clear.value.value, metric, window, direction) {
        let help = "every reading reaches it, and the warning would never end: write a worse value".to_owned();
        let message = format!("`clear` of `{severity}`: {} is no clear side of {metric}", clear.value.text);
        table.error(&clear.span, message, Some(help));
    }
}

fn is_sum(window: Option<Window>) -> bool {
    window.is_some_and(|window| window.statistic == Statistic::Sum)
}

/// What a metric can be, when a value is none of it.
pub fn impossible(value: f64, metric: Metric, window: Option<Window>) -> Option<String> {
    let range = metric.possible();
    let unit = metric.dimension().units().next().map_or("", Unit::symbol);
    if *range.start() <= value && (is_sum(window) || value <= *range.end()) {
        None
    } else if is_sum(window) {
        Some(format!("it is never below {} {unit}", range.start()))
    } else {
        Some(format!("it lies between {} and {} {unit}", range.start(), range.end()))
    }
}

fn calm_side(
    table: &Table<'_>,
    severity: Severity,
    raise: &Found<Quantity>,
    clear: &Found<Quantity>,
    direction: Direction,
) {
    let (is_calm, wanted) = match direction {
        Direction::AtLeast => (clear.value.value <= raise.value.value, "not above"),
        Direction::AtMost => (raise.value.value <= clear.value.value, "not below"),
    };
    if !is_calm {
        table.error(
            &clear.span,
            format!(
                "`clear` of `{severity}` ({}) lies on the dangerous side of its threshold ({})",
                clear.value.text, raise.value.text
            ),
            Some(format!("it must lie {wanted} {}", raise.value.text)),
        );
    }
}

/// A step on the calm side; the threshold itself where every reading would reach that, as with a level of 1 whose calm is 0.
fn usual_clear(metric: Metric, raise: f64, window: Option<Window>, direction: Direction) -> f64 {
    let step = match metric.dimension() {
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
    if is_always(clear, metric, window, direction) { raise } else { clear }
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
        let read = read_file(&file, &problems, |table| read(&table, metric, None));
        assert!(!problems.has_errors(), "{:?}", problems.into_sorted());
        let (_, thresholds, _) = read.unwrap();
        let told: Vec<String> =
            thresholds.iter().map(|one| format!("{} {:.2}/{:.2}", one.severity, one.raise, one.clear)).collect();
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
