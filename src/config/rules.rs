//! `rules/*.toml`: the rules, each checked for itself and against the others, the governorates and the feeds.

use std::collections::BTreeMap;

use super::conditions::{self, Giver};
use super::defaults::{self, Defaults};
use super::stories::{self, Written};
use super::threshold::{self, Measure, Thresholds};
use super::voices::{self, Speaker};
use super::{FeedConfig, Files, overrides, selection};
use crate::governorate::GovernorateBook;
use crate::hazard::Hazard;
use crate::ids::RuleId;
use crate::problem::Problems;
use crate::rule::season::Seasons;
use crate::rule::{Rule, Sight};
use crate::table::{Found, Table, read_file};
use crate::time::{TimeDelta, span_text};

/// The most rules that are read, over all files.
pub const MAX_RULES: usize = 2000;

/// The furthest a rule may look ahead.
pub const MAX_LOOK_AHEAD: TimeDelta = TimeDelta::days(5);

/// The longest `rise_after`, `ease_after` and `lasts`.
pub const MAX_PATIENCE: TimeDelta = TimeDelta::days(1);

/// How long a threshold must be clear when neither the rule nor the defaults of its hazard say.
pub const DEFAULT_EASE_AFTER: TimeDelta = TimeDelta::hours(1);

/// The longest `source` and `notes`, in characters.
pub const MAX_SOURCE_LEN: usize = 500;

/// What every rule is read against.
pub(super) struct World<'a> {
    pub(super) book: &'a GovernorateBook,
    pub(super) seasons: &'a Seasons,
    speakers: Vec<Speaker>,
    giver: Giver,
    defaults: BTreeMap<Hazard, Defaults>,
}

impl<'a> World<'a> {
    fn new(book: &'a GovernorateBook, seasons: &'a Seasons, speakers: Vec<Speaker>) -> Self {
        let given: Option<Vec<_>> = speakers.iter().map(|speaker| speaker.gives.clone()).collect();
        let given = given.filter(|given| !given.is_empty()).map(|given| given.into_iter().flatten().collect());
        Self { book, seasons, speakers, giver: Giver(given), defaults: BTreeMap::new() }
    }
}

/// The rules of a configuration.
#[derive(Debug, Default)]
pub struct Read {
    /// Those in force, in the order of their files.
    pub rules: Vec<Rule>,
    /// Those that staff switched off.
    pub switched_off: Vec<RuleId>,
    /// What the staff expect of them.
    pub stories: Vec<Written>,
}

/// Reads all rule files in the order of their names. What it returns may be used only when no error was noted. `is_partial` says
/// that there are more feeds, which could not be read.
pub fn read(
    files: &Files,
    (book, seasons): (&GovernorateBook, &Seasons),
    (feeds, is_partial): (&[FeedConfig], bool),
    problems: &Problems,
) -> Read {
    // Of rules that wait for a feed with a mistake nothing can be said.
    let speakers = if is_partial { Vec::new() } else { feeds.iter().map(Speaker::new).collect() };
    let mut world = World::new(book, seasons, speakers);
    world.defaults = defaults::read(files, problems);
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut all = Read::default();
    for (_, file) in files.iter().filter(|(name, _)| name.starts_with("rules/")) {
        let read = read_file(file, problems, |root| {
            let mut read = Vec::new();
            for (name, table) in root.named_tables() {
                if name.value == defaults::NAME {
                    continue;
                }
                if let Some(first) = names.insert(name.value.clone(), file.name.clone()) {
                    let help = Some(format!("the other one is in {first}: give this one a name of its own"));
                    table.error(&name.span, format!("two rules are called `{}`", name.value), help);
                }
                read.extend(rule(&name, table, &world, &mut all.stories));
            }
            read
        });
        for (is_enabled, rule) in read {
            if is_enabled {
                all.rules.push(rule);
            } else {
                all.switched_off.push(rule.id);
            }
        }
        if MAX_RULES < names.len() {
            problems.error(file, 0..0, format!("there are more than {MAX_RULES} rules"), None);
            return all;
        }
    }
    let nothing = match (names.len(), all.switched_off.len()) {
        (0, _) => Some("there is no rule: only official alerts will be relayed"),
        (all, off) if all == off => Some("every rule is switched off: only official alerts will be relayed"),
        (_, _) => None,
    };
    // Where a file could not be read, its rules are not missing.
    if let Some(message) = nothing.filter(|_| !problems.has_errors())
        && let Some(file) = files.iter().find(|(name, _)| name.starts_with("rules/")).map(|(_, file)| file)
    {
        problems.warning(file, 0..0, message, None);
    }
    all
}

/// Notes rules that stand within a table, as `[rules.rain]` has them; true when there are any.
fn is_a_shelf(name: &Found<String>, table: &Table<'_>) -> bool {
    let is_rule = |key: &str| RULE_KEYS.contains(&key);
    let keys = table.keys();
    let mut within = keys.iter().filter(|key| table.holds(&key.value, "hazard"));
    let Some(first) = within.next().filter(|_| !keys.iter().any(|key| is_rule(&key.value))) else { return false };
    let help = format!("write `[{}]` in place of `[{}.{}]`, and so on", first.value, name.value, first.value);
    table.error(&first.span, format!("a rule within `{}`: rules stand by themselves", name.value), Some(help));
    true
}

/// Keys that every rule has.
const RULE_KEYS: [&str; 3] = ["hazard", "metric", "window"];

/// A rule, and whether it is in force.
fn rule(name: &Found<String>, table: Table<'_>, world: &World<'_>, told: &mut Vec<Written>) -> Option<(bool, Rule)> {
    if is_a_shelf(name, &table) {
        return None;
    }
    let id = RuleId::new(&name.value).map_err(|why| table.error(&name.span, why.to_string(), None)).ok();
    let is_enabled = table.flag("enabled").is_none_or(|found| found.value);
    let hazard = conditions::need_word(&table, "hazard", "\"rain\"", &conditions::names_of(Hazard::ALL, Hazard::name));
    let usual = hazard.as_ref().and_then(|hazard| world.defaults.get(&hazard.value)).cloned().unwrap_or_default();
    let metric = conditions::metric(&table, &world.giver);
    let window = conditions::window(&table, metric);
    let sight = sight(&table, usual.sight);
    let look_ahead = patience(&table, "look_ahead", MAX_LOOK_AHEAD).or(usual.look_ahead).unwrap_or_default();
    let measure = metric.map(|metric| Measure { metric, window });
    let thresholds = match measure {
        Some(measure) => Thresholds::read(&table, measure),
        None => {
            // Without the metric little can be said about them; they are asked for so as not to be called unknown.
            threshold::untold(&table);
            None
        }
    };
    let rise_after = patience(&table, "rise_after", MAX_PATIENCE).or(usual.rise_after).unwrap_or_default();
    let ease_after = patience(&table, "ease_after", MAX_PATIENCE).or(usual.ease_after).unwrap_or(DEFAULT_EASE_AFTER);
    let lasts = patience(&table, "lasts", MAX_PATIENCE).or(usual.lasts).unwrap_or_default();
    let severities = thresholds.as_ref().map(Thresholds::severities);
    let highest = usual.highest_from_forecast;
    let voices =
        voices::read(&table, &voices::Around { speakers: &world.speakers, metric, sight, severities, highest });
    let governorates = selection::governorates(&table, "governorates", world.book);
    let governorates = governorates.unwrap_or_else(|| world.book.iter().map(|g| g.id.clone()).collect());
    let also = conditions::read(&table, "also", &world.giver);
    let either = conditions::read(&table, "either", &world.giver);
    let base = measure.zip(thresholds.as_ref());
    let overrides = overrides::read(&table, base, &governorates, world);
    told.extend(stories::read(&table, id.as_ref(), metric, world.book));
    let source = source(&table, usual.source);
    let signed_off_by = table.text("signed_off_by", |text| Ok(text.trim().to_owned()));
    let notes = table.text("notes", short).map(|found| found.value).filter(|notes| !notes.is_empty());
    table.finish();
    let (measure, thresholds) = measure.zip(thresholds)?;
    let rule = Rule {
        id: id?,
        hazard: hazard?.value,
        metric: measure.metric,
        window: window?,
        sight,
        look_ahead,
        direction: thresholds.direction,
        thresholds: thresholds.list(measure),
        unit: thresholds.unit(measure.metric),
        rise_after,
        ease_after,
        lasts,
        highest_from_forecast: voices.highest_from_forecast,
        may_raise: voices.may_raise,
        agree: voices.agree,
        governorates,
        also,
        either,
        overrides,
        source: source?,
        signed_off_by: signed_off_by.map(|found| found.value).filter(|name| !name.is_empty()),
        notes,
    };
    Some((is_enabled, rule))
}

/// Where the thresholds come from, by the rule or by the defaults of its hazard.
fn source(table: &Table<'_>, usual: Option<String>) -> Option<String> {
    match usual {
        Some(usual) if !table.has("source") => Some(usual),
        _ => table.need_text("source", "\"where its thresholds come from\"", origin).map(|found| found.value),
    }
}

/// Where thresholds come from.
pub(super) fn origin(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("say where the thresholds come from".to_owned()) } else { short(text) }
}

/// A text that is not too long.
fn short(text: &str) -> Result<String, String> {
    let text = text.trim();
    if MAX_SOURCE_LEN < text.chars().count() {
        return Err(format!("the text is longer than {MAX_SOURCE_LEN} characters"));
    }
    Ok(text.to_owned())
}

/// The words of `sight`.
pub(super) const SIGHTS: [(&str, Sight); 3] =
    [("any", Sight::Any), ("observed", Sight::Observed), ("forecast", Sight::Forecast)];

fn sight(table: &Table<'_>, usual: Option<Sight>) -> Sight {
    let sight = table.word("sight", &SIGHTS).map(|found| found.value).or(usual).unwrap_or(Sight::Any);
    if sight == Sight::Observed && table.has("look_ahead") {
        let ahead = table.span_of_time("look_ahead");
        if let Some(ahead) = ahead.filter(|ahead| TimeDelta::zero() < ahead.value) {
            let help = "take `look_ahead` out, or write sight = \"any\"".to_owned();
            table.error(&ahead.span, "what is observed has no future to look ahead to", Some(help));
        }
    }
    sight
}

/// A span up to the longest; none when it is not written.
pub(super) fn patience(table: &Table<'_>, key: &'static str, most: TimeDelta) -> Option<TimeDelta> {
    let found = table.span_of_time(key)?;
    if most < found.value {
        table.error(&found.span, format!("`{key}` is longer than {}", span_text(most)), None);
    }
    Some(found.value)
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
    use crate::unit::Metric;
    use std::collections::BTreeSet;
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
            let seasons = Seasons::none();
            let world = World { giver: Giver(given), ..World::new(&config.governorates, &seasons, Vec::new()) };
            read_file(&file, &problems, |root| {
                for (name, table) in root.named_tables() {
                    assert!(rule(&name, table, &world, &mut Vec::new()).is_some());
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
