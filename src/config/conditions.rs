//! What rules and their further conditions have in common: a metric, a window, and the conditions themselves.

use std::collections::BTreeSet;

use super::threshold::{Measure, Quantity};
use crate::rule::{Condition, Direction, Statistic, Window};
use crate::table::{Found, Table};
use crate::time::{TimeDelta, span_text};
use crate::unit::{Dimension, Metric};

/// The longest window a rule may look at.
pub(super) const MAX_WINDOW: TimeDelta = TimeDelta::days(7);

/// The most further conditions of each kind in a rule.
pub(super) const MAX_CONDITIONS: usize = 8;

/// The metrics that the feeds give or that are derived from them; none when that is not known of every feed.
#[derive(Debug, Clone)]
pub(super) struct Giver(pub(super) Option<BTreeSet<Metric>>);

impl Giver {
    /// Warns of a metric that no feed gives: the rule would wait for ever, and look like calm.
    fn check(&self, table: &Table<'_>, metric: &Found<Metric>) {
        if self.0.as_ref().is_some_and(|given| !given.contains(&metric.value)) {
            let help = Some("enable a feed that gives it in feeds.toml, or take the rule out".to_owned());
            let message = format!("no enabled feed gives {}: `{}` will never warn", metric.value, table.name());
            table.warning(&metric.span, message, help);
        }
    }
}

/// The names of a fixed list, for [`Table::pick`].
pub(super) fn names_of<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> Vec<(&'static str, T)> {
    all.iter().map(|one| (name(*one), *one)).collect()
}

/// A word of a fixed list that must be there.
pub(super) fn need_word<T: Copy>(
    table: &Table<'_>,
    key: &'static str,
    example: &str,
    known: &[(&str, T)],
) -> Option<Found<T>> {
    let found = table.need_text(key, example, |text| Ok(text.to_owned()))?;
    table.pick(key, &found, known)
}

/// Reads `metric`.
pub(super) fn metric(table: &Table<'_>, giver: &Giver) -> Option<Metric> {
    let found = need_word(table, "metric", "\"precipitation\"", &names_of(Metric::ALL, Metric::name))?;
    giver.check(table, &found);
    Some(found.value)
}

/// Reads `window`.
pub(super) fn window(table: &Table<'_>, metric: Option<Metric>) -> Option<Window> {
    if !table.has("window") {
        table.missing("window", "{ max = \"1h\" }");
    }
    let inner = table.table("window")?;
    let written = |one: Statistic| Some((one, inner.span_of_time(one.name())?));
    let found: Vec<(Statistic, Found<TimeDelta>)> = Statistic::ALL.into_iter().filter_map(written).collect();
    let has_any = Statistic::ALL.iter().any(|one| inner.has(one.name()));
    if 1 < found.len() || !has_any {
        let help = "write one of sum, max, min, mean and rate: { sum = \"6h\" }".to_owned();
        inner.error(&inner.span, "`window` does not say one thing", Some(help));
    }
    let first = found.into_iter().next();
    if let Some((statistic, span)) = &first {
        if span.value <= TimeDelta::zero() || MAX_WINDOW < span.value {
            let most = span_text(MAX_WINDOW);
            inner.error(&span.span, format!("a window is longer than 0s and at most {most}"), None);
        }
        if let Some(metric) = metric {
            can_be(&inner, *statistic, metric, span);
        }
    }
    inner.finish();
    first.map(|(statistic, span)| Window { statistic, span: span.value })
}

/// Notes what cannot be made of the values of a metric.
fn can_be(table: &Table<'_>, statistic: Statistic, metric: Metric, span: &Found<TimeDelta>) {
    match statistic {
        Statistic::Sum if metric != Metric::Precipitation => {
            let help = "only precipitation adds up over time; write max, min or mean".to_owned();
            table.error(&span.span, format!("{metric} cannot be summed"), Some(help));
        }
        Statistic::Mean | Statistic::Rate if metric.dimension() == Dimension::Code => {
            let help = "it is a code, and codes have no value between them; write max or min".to_owned();
            table.error(&span.span, format!("{metric} has no {}", statistic.name()), Some(help));
        }
        Statistic::Sum | Statistic::Max | Statistic::Min | Statistic::Mean | Statistic::Rate => {}
    }
}

/// Reads the conditions under a key.
pub(super) fn read(table: &Table<'_>, key: &'static str, giver: &Giver) -> Vec<Condition> {
    let tables = table.tables(key);
    if MAX_CONDITIONS < tables.len() {
        table.error(&table.span, format!("`{key}` has more than {MAX_CONDITIONS} conditions"), None);
    }
    tables.into_iter().take(MAX_CONDITIONS).filter_map(|inner| condition(inner, giver)).collect()
}

fn condition(table: Table<'_>, giver: &Giver) -> Option<Condition> {
    let metric = metric(&table, giver);
    let window = window(&table, metric);
    let measure = metric.map(|metric| Measure { metric, window });
    let read = |key| match measure {
        Some(measure) => {
            let found = table.get(key, |value| measure.quantity(value))?;
            if let Some(help) = measure.impossible(found.value.value) {
                // A condition that is never met would silence the rule, and look like calm.
                let message = format!("`{key}`: {} is no possible {}", found.value.text, measure.metric);
                table.error(&found.span, message, Some(help));
            }
            Some(found.value)
        }
        None => {
            table.get(key, |_| Ok(()));
            None
        }
    };
    let (least, most): (Option<Quantity>, Option<Quantity>) = (read("at_least"), read("at_most"));
    if table.has("at_least") == table.has("at_most") {
        let help = "write one of at_least and at_most, such as at_least = \"37 km/h\"".to_owned();
        table.error(&table.span, "a condition has one threshold", Some(help));
    }
    table.finish();
    let (direction, threshold) = match (least, most) {
        (Some(least), _) => (Direction::AtLeast, least),
        (None, most) => (Direction::AtMost, most?),
    };
    Some(Condition { metric: metric?, window: window?, direction, threshold: threshold.value, unit: threshold.unit })
}
