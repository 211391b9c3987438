//! `rules/*.toml`: the rules, each checked for itself and against the others, the governorates and the feeds.

use std::collections::{BTreeMap, BTreeSet};

use super::voices::{self, Speaker};
use super::{FeedConfig, Files, selection, threshold};
use crate::governorate::GovernorateBook;
use crate::hazard::Hazard;
use crate::ids::RuleId;
use crate::problem::Problems;
use crate::rule::{Condition, Direction, Rule, Sight, Statistic, Window};
use crate::table::{Found, Table, read_file};
use crate::time::{TimeDelta, span_text};
use crate::unit::Metric;

/// The most rules that are read, over all files.
pub const MAX_RULES: usize = 2000;

/// The longest window a rule may look at.
pub const MAX_WINDOW: TimeDelta = TimeDelta::days(7);

/// The furthest a rule may look ahead.
pub const MAX_LOOK_AHEAD: TimeDelta = TimeDelta::days(5);

/// The longest `rise_after` and `ease_after`.
pub const MAX_PATIENCE: TimeDelta = TimeDelta::days(1);

/// How long a threshold must be clear when the rule does not say.
pub const DEFAULT_EASE_AFTER: TimeDelta = TimeDelta::hours(1);

/// The most further conditions of a rule.
pub const MAX_CONDITIONS: usize = 8;

/// The longest `source`, in characters.
pub const MAX_SOURCE_LEN: usize = 500;

/// What every rule is read against.
struct World<'a> {
    book: &'a GovernorateBook,
    speakers: Vec<Speaker>,
    /// The metrics that the feeds give or that are derived from them; none when that is not known of every feed.
    given: Option<BTreeSet<Metric>>,
}

impl<'a> World<'a> {
    fn new(book: &'a GovernorateBook, speakers: Vec<Speaker>) -> Self {
        let given: Option<Vec<_>> = speakers.iter().map(|speaker| speaker.gives.clone()).collect();
        let given = given.filter(|given| !given.is_empty()).map(|given| given.into_iter().flatten().collect());
        Self { book, speakers, given }
    }
}

/// Reads all rule files in the order of their names. What it returns may be used only when no error was noted.
pub fn read(files: &Files, book: &GovernorateBook, feeds: &[FeedConfig], problems: &Problems) -> Vec<Rule> {
    let world = World::new(book, feeds.iter().map(Speaker::new).collect());
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut rules = Vec::new();
    for (_, file) in files.iter().filter(|(name, _)| name.starts_with("rules/")) {
        let read = read_file(file, problems, |root| {
            let mut read = Vec::new();
            for (name, table) in root.named_tables() {
                if let Some(first) = names.insert(name.value.clone(), file.name.clone()) {
                    let help = Some(format!("the other one is in {first}: give this one a name of its own"));
                    table.error(&name.span, format!("two rules are called `{}`", name.value), help);
                }
                read.extend(rule(&name, table, &world));
            }
            read
        });
        rules.extend(read);
        if MAX_RULES < rules.len() {
            problems.error(file, 0..0, format!("there are more than {MAX_RULES} rules"), None);
            return rules;
        }
    }
    if names.is_empty()
        && let Some(file) = files.iter().find(|(name, _)| name.starts_with("rules/")).map(|(_, file)| file)
    {
        problems.warning(file, 0..0, "there is no rule: only official alerts will be relayed", None);
    }
    rules
}

fn rule(name: &Found<String>, table: Table<'_>, world: &World<'_>) -> Option<Rule> {
    let id = RuleId::new(&name.value).map_err(|why| table.error(&name.span, why.to_string(), None)).ok();
    let hazard = need_word(&table, "hazard", "\"rain\"", &names_of(Hazard::ALL, Hazard::name));
    let metric = metric(&table);
    given(&table, metric.as_ref(), world);
    let metric = metric.map(|found| found.value);
    let window = window(&table, metric);
    let sight = sight(&table);
    let look_ahead = patience(&table, "look_ahead", MAX_LOOK_AHEAD, TimeDelta::zero());
    let thresholds = match metric {
        Some(metric) => threshold::read(&table, metric, window),
        None => {
            // Without the metric little can be said about them; they are asked for so as not to be called unknown.
            threshold::untold(&table);
            None
        }
    };
    let rise_after = patience(&table, "rise_after", MAX_PATIENCE, TimeDelta::zero());
    let ease_after = patience(&table, "ease_after", MAX_PATIENCE, DEFAULT_EASE_AFTER);
    let severities = thresholds.as_ref().map(|(_, thresholds, _)| thresholds.iter().map(|one| one.severity).collect());
    let voices = voices::read(&table, &voices::Around { speakers: &world.speakers, metric, sight, severities });
    let governorates = selection::governorates(&table, "governorates", world.book);
    let also = conditions(&table, world);
    let source = table.need_text("source", "\"where its thresholds come from\"", source);
    let signed_off_by = table.text("signed_off_by", |text| Ok(text.trim().to_owned()));
    table.finish();
    let (direction, thresholds, unit) = thresholds?;
    Some(Rule {
        id: id?,
        hazard: hazard?.value,
        metric: metric?,
        window: window?,
        sight,
        look_ahead,
        direction,
        thresholds,
        unit,
        rise_after,
        ease_after,
        highest_from_forecast: voices.highest_from_forecast,
        may_raise: voices.may_raise,
        agree: voices.agree,
        governorates: governorates.unwrap_or_else(|| world.book.iter().map(|g| g.id.clone()).collect()),
        also,
        source: source?.value,
        signed_off_by: signed_off_by.map(|found| found.value).filter(|name| !name.is_empty()),
    })
}

fn names_of<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> Vec<(&'static str, T)> {
    all.iter().map(|one| (name(*one), *one)).collect()
}

fn need_word<T: Copy>(table: &Table<'_>, key: &'static str, example: &str, known: &[(&str, T)]) -> Option<Found<T>> {
    let found = table.need_text(key, example, |text| Ok(text.to_owned()))?;
    table.pick(key, &found, known)
}

fn metric(table: &Table<'_>) -> Option<Found<Metric>> {
    need_word(table, "metric", "\"precipitation\"", &names_of(Metric::ALL, Metric::name))
}

/// Warns of a metric that no feed gives: the rule would wait for ever, and look like calm.
fn given(table: &Table<'_>, metric: Option<&Found<Metric>>, world: &World<'_>) {
    if let (Some(metric), Some(given)) = (metric, &world.given)
        && !given.contains(&metric.value)
    {
        let help = Some("enable a feed that gives it in feeds.toml, or take the rule out".to_owned());
        let message = format!("no enabled feed gives {}: `{}` will never warn", metric.value, table.name());
        table.warning(&metric.span, message, help);
    }
}

fn source(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("say where the thresholds come from".to_owned());
    }
    if MAX_SOURCE_LEN < text.chars().count() {
        return Err(format!("the text is longer than {MAX_SOURCE_LEN} characters"));
    }
    Ok(text.to_owned())
}

fn window(table: &Table<'_>, metric: Option<Metric>) -> Option<Window> {
    if !table.has("window") {
        table.missing("window", "{ max = \"1h\" }");
    }
    let inner = table.table("window")?;
    let mut found = Vec::new();
    for statistic in [Statistic::Sum, Statistic::Max, Statistic::Min] {
        if let Some(span) = inner.span_of_time(statistic.name()) {
            found.push((statistic, span));
        }
    }
    let has_any = [Statistic::Sum, Statistic::Max, Statistic::Min].iter().any(|one| inner.has(one.name()));
    if 1 < found.len() || !has_any {
        let help = "write one of sum, max and min: { sum = \"6h\" }".to_owned();
        inner.error(&inner.span, "`window` does not say one thing", Some(help));
    }
    let first = found.into_iter().next();
    if let Some((statistic, span)) = &first {
        if span.value <= TimeDelta::zero() || MAX_WINDOW < span.value {
            let most = span_text(MAX_WINDOW);
            inner.error(&span.span, format!("a window is longer than 0s and at most {most}"), None);
        }
        if let (Statistic::Sum, Some(metric)) = (statistic, metric)
            && metric != Metric::Precipitation
        {
            let help = "only precipitation adds up over time; write max or min".to_owned();
            inner.error(&span.span, format!("{metric} cannot be summed"), Some(help));
        }
    }
    inner.finish();
    first.map(|(statistic, span)| Window { statistic, span: span.value })
}

fn sight(table: &Table<'_>) -> Sight {
    let known = [("any", Sight::Any), ("observed", Sight::Observed), ("forecast", Sight::Forecast)];
    let sight = table.word("sight", &known).map_or(Sight::Any, |found| found.value);
    if sight == Sight::Observed && table.has("look_ahead") {
        let ahead = table.span_of_time("look_ahead");
        if let Some(ahead) = ahead.filter(|ahead| TimeDelta::zero() < ahead.value) {
            let help = "take `look_ahead` out, or write sight = \"any\"".to_owned();
            table.error(&ahead.span, "what is observed has no future to look ahead to", Some(help));
        }
    }
    sight
}

fn patience(table: &Table<'_>, key: &'static str, most: TimeDelta, usual: TimeDelta) -> TimeDelta {
    let Some(found) = table.span_of_time(key) else { return usual };
    if most < found.value {
        table.error(&found.span, format!("`{key}` is longer than {}", span_text(most)), None);
    }
    found.value
}

fn conditions(table: &Table<'_>, world: &World<'_>) -> Vec<Condition> {
    let tables = table.tables("also");
    if MAX_CONDITIONS < tables.len() {
        table.error(&table.span, format!("`also` has more than {MAX_CONDITIONS} conditions"), None);
    }
    tables.into_iter().take(MAX_CONDITIONS).filter_map(|inner| condition(inner, world)).collect()
}

fn condition(table: Table<'_>, world: &World<'_>) -> Option<Condition> {
    let metric = metric(&table);
    given(&table, metric.as_ref(), world);
    let metric = metric.map(|found| found.value);
    let window = window(&table, metric);
    let read = |key| match metric {
        Some(metric) => {
            let found = table.get(key, |value| threshold::quantity(value, metric))?;
            if let Some(help) = threshold::impossible(found.value.value, metric, window) {
                // A condition that is never met would silence the rule, and look like calm.
                table.error(&found.span, format!("`{key}`: {} is no possible {metric}", found.value.text), Some(help));
            }
            Some(found.value.value)
        }
        None => table.get(key, |_| Ok(0.0)).map(|found| found.value),
    };
    let (least, most) = (read("at_least"), read("at_most"));
    if table.has("at_least") == table.has("at_most") {
        let help = "write one of at_least and at_most, such as at_least = \"37 km/h\"".to_owned();
        table.error(&table.span, "a condition has one threshold", Some(help));
    }
    table.finish();
    let (direction, threshold) = match (least, most) {
        (Some(least), _) => (Direction::AtLeast, least),
        (None, most) => (Direction::AtMost, most?),
    };
    Some(Condition { metric: metric?, window: window?, direction, threshold })
}

/// The hazards that rules warn of, with how many rules each has and how many of them are signed off.
pub fn by_hazard(rules: &[Rule]) -> BTreeMap<Hazard, (usize, usize)> {
    let mut counts = BTreeMap::new();
    for rule in rules {
        let (all, signed) = counts.entry(rule.hazard).or_insert((0, 0));
        *all += 1;
        *signed += usize::from(rule.signed_off_by.is_some());
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::SourceFile;
    use std::sync::Arc;

    #[test]
    fn a_rule_that_waits_for_what_no_feed_gives_is_warned_of() {
        let config = crate::config::load(None).unwrap().0;
        let text = "[wind]\nhazard = \"wind\"\nmetric = \"wind_gust\"\nwindow = { max = \"1h\" }\n\
                    at_least = { yellow = \"40 km/h\" }\n\
                    also = [{ metric = \"cape\", window = { max = \"1h\" }, at_least = \"500 J/kg\" }]\nsource = \"a test\"\n";
        let file = Arc::new(SourceFile { name: "a.toml".to_owned(), text: text.to_owned() });
        let told = |given: Option<BTreeSet<Metric>>| {
            let problems = Problems::new();
            let world = World { given, ..World::new(&config.governorates, Vec::new()) };
            read_file(&file, &problems, |root| {
                for (name, table) in root.named_tables() {
                    assert!(rule(&name, table, &world).is_some());
                }
            });
            assert!(!problems.has_errors());
            problems.into_sorted().into_iter().map(|problem| problem.message).collect::<Vec<_>>()
        };
        assert_eq!(told(Some(BTreeSet::from([Metric::WindGust, Metric::Cape]))), Vec::<String>::new());
        assert_eq!(told(None), Vec::<String>::new(), "what is not known is not warned of");
        assert_eq!(
            told(Some(BTreeSet::from([Metric::Precipitation]))),
            [
                "no enabled feed gives wind_gust: `wind` will never warn",
                "no enabled feed gives cape: `wind.also` will never warn",
            ],
        );
    }
}
