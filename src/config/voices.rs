//! Who has a say in a rule: how many feeds must agree, and who may raise which severity.

use std::collections::{BTreeMap, BTreeSet};

use super::FeedConfig;
use crate::derive;
use crate::feed::KINDS;
use crate::hazard::Severity;
use crate::ids::FeedId;
use crate::problem::advice;
use crate::reading::Basis;
use crate::rule::{Agreement, Sight, Voice};
use crate::table::{Found, Table};
use crate::unit::Metric;

/// The most voices that a rule may want to agree.
pub(super) const MAX_AGREE: i64 = 100;

/// An enabled feed, as rules know it.
pub(super) struct Speaker {
    id: FeedId,
    kind: &'static str,
    /// What it gives and what can be derived from that; none when that cannot be said beforehand.
    pub(super) gives: Option<BTreeSet<Metric>>,
}

impl Speaker {
    /// The feed of a configuration.
    pub(super) fn new(feed: &FeedConfig) -> Self {
        Self { id: feed.id.clone(), kind: feed.kind, gives: feed.feed.gives().map(derive::with_derived) }
    }

    fn may_give(&self, metric: Metric) -> bool {
        self.gives.as_ref().is_none_or(|gives| gives.contains(&metric))
    }

    fn is_called(&self, name: &str) -> bool {
        self.id.as_str() == name || self.kind == name
    }
}

/// What a rule says of voices.
pub(super) struct Voices {
    pub(super) highest_from_forecast: Severity,
    pub(super) may_raise: BTreeMap<Severity, BTreeSet<Voice>>,
    pub(super) agree: Agreement,
}

/// What the rest of a rule says that its voices are checked against.
pub(super) struct Around<'a> {
    pub(super) speakers: &'a [Speaker],
    pub(super) metric: Option<Metric>,
    pub(super) sight: Sight,
    /// The severities that it has thresholds for; none when they could not be read.
    pub(super) severities: Option<Vec<Severity>>,
    /// The highest that a forecast may raise, when the defaults of the hazard say.
    pub(super) highest: Option<Severity>,
}

/// Reads `highest_from_forecast`, `may_raise` and `agree`.
pub(super) fn read(table: &Table<'_>, around: &Around<'_>) -> Voices {
    let names: Vec<(&str, Severity)> = Severity::OF_RULES.iter().map(|one| (one.name(), *one)).collect();
    let highest = table.word("highest_from_forecast", &names);
    let may_raise = may_raise(table, around);
    if let (Some(highest), Some(_)) = (&highest, may_raise.first_key_value()) {
        let help = "keep one: `may_raise` says for each severity what the other says in short".to_owned();
        table.error(&highest.span, "`highest_from_forecast` and `may_raise` are both written", Some(help));
    }
    let agree = agree(table);
    if let (Some(agree), Some(metric)) = (&agree, around.metric) {
        can_agree(table, agree, metric, &may_raise, around);
    }
    Voices {
        highest_from_forecast: highest.map(|found| found.value).or(around.highest).unwrap_or(Severity::Orange),
        may_raise: may_raise.into_iter().map(|(severity, found)| (severity, found.value)).collect(),
        agree: agree.map_or(Agreement::Feeds(1), |found| found.value),
    }
}

/// Reads `agree = 2`, `agree = { feeds = 2 }` or `agree = { stations = 2 }`.
fn agree(table: &Table<'_>) -> Option<Found<Agreement>> {
    let written = table.get("agree", |value| Ok(value.as_table().is_some()))?;
    let read = |table: &Table<'_>, key, of: fn(usize) -> Agreement| {
        let found = table.integer(key, 1..=MAX_AGREE)?;
        Some(Found { value: of(usize::try_from(found.value).ok()?), span: found.span })
    };
    if !written.value {
        return read(table, "agree", Agreement::Feeds);
    }
    let inner = table.table("agree")?;
    let (feeds, stations) = (read(&inner, "feeds", Agreement::Feeds), read(&inner, "stations", Agreement::Stations));
    if inner.has("feeds") == inner.has("stations") {
        let help = "write one of feeds and stations: { feeds = 2 }".to_owned();
        inner.error(&inner.span, "`agree` does not say one thing", Some(help));
    }
    inner.finish();
    feeds.or(stations)
}

/// Reads the voices of each severity.
fn may_raise(table: &Table<'_>, around: &Around<'_>) -> BTreeMap<Severity, Found<BTreeSet<Voice>>> {
    let Some(inner) = table.table("may_raise") else { return BTreeMap::new() };
    let mut read = BTreeMap::new();
    for severity in Severity::OF_RULES {
        let Some(words) = inner.texts(severity.name()) else { continue };
        let span = inner.span_of(severity.name());
        if around.severities.as_ref().is_some_and(|severities| !severities.contains(&severity)) {
            let help = format!("add `{severity}` to the thresholds, or take it out of `may_raise`");
            inner.error(&span, format!("`may_raise` has `{severity}` and the rule does not"), Some(help));
        }
        let voices: Vec<Option<Voice>> = words.iter().map(|word| voice(&inner, severity, word, around)).collect();
        // Of mistyped voices it cannot be said what they would have been.
        if voices.iter().all(Option::is_some) {
            let voices: BTreeSet<Voice> = voices.into_iter().flatten().collect();
            anybody(&inner, severity, &voices, &span, around);
            read.insert(severity, Found { value: voices, span });
        }
    }
    inner.finish();
    read
}

fn voice(table: &Table<'_>, severity: Severity, word: &Found<String>, around: &Around<'_>) -> Option<Voice> {
    match word.value.as_str() {
        "observed" => return Some(Voice::Basis(Basis::Observed)),
        "forecast" => return Some(Voice::Basis(Basis::Forecast)),
        _ => {}
    }
    let kinds = KINDS.iter().map(|kind| kind.name);
    let known: BTreeSet<&str> = kinds.chain(around.speakers.iter().map(|speaker| speaker.id.as_str())).collect();
    if known.contains(word.value.as_str()) {
        return Some(Voice::Named(word.value.clone()));
    }
    let known: Vec<&str> = ["observed", "forecast"].into_iter().chain(known).collect();
    let message = format!("`{severity}`: `{}` is neither a kind of feed nor an enabled feed", word.value);
    table.error(&word.span, message, advice(&word.value, &known));
    None
}

/// Notes a severity that nobody may raise, or nobody who is there.
fn anybody(
    table: &Table<'_>,
    severity: Severity,
    voices: &BTreeSet<Voice>,
    span: &std::ops::Range<usize>,
    around: &Around<'_>,
) {
    let is_seen = |voice: &Voice| match voice {
        Voice::Basis(basis) => around.sight.takes(*basis),
        Voice::Named(_) => true,
    };
    if !voices.iter().any(is_seen) {
        let help = if voices.is_empty() {
            "name who may, or take it out of `may_raise`"
        } else {
            "the rule's `sight` leaves out all that are named: change one of the two"
        };
        table.error(span, format!("nobody may raise `{severity}`"), Some(help.to_owned()));
        return;
    }
    let Some(metric) = around.metric else { return };
    let is_there = |voice: &Voice| match voice {
        Voice::Basis(_) => is_seen(voice),
        Voice::Named(name) => around.speakers.iter().any(|one| one.is_called(name) && one.may_give(metric)),
    };
    if !around.speakers.is_empty() && !voices.iter().any(is_there) {
        let help = "enable one that does in feeds.toml, or name another".to_owned();
        let message = format!("none of those who may raise `{severity}` is an enabled feed that gives {metric}");
        table.warning(span, message, Some(help));
    }
}

/// Warns of more feeds that must agree than there are to do so: the rule would wait for ever, and look like calm.
fn can_agree(
    table: &Table<'_>,
    agree: &Found<Agreement>,
    metric: Metric,
    may_raise: &BTreeMap<Severity, Found<BTreeSet<Voice>>>,
    around: &Around<'_>,
) {
    // How many stations there are nobody knows beforehand.
    let Agreement::Feeds(needed) = agree.value else { return };
    let giving: Vec<&Speaker> = around.speakers.iter().filter(|speaker| speaker.may_give(metric)).collect();
    let feeds = |count: usize| {
        if count == 1 { "1 enabled feed gives".to_owned() } else { format!("{count} enabled feeds give") }
    };
    // That no feed gives the metric at all is told elsewhere.
    if !giving.is_empty() && giving.len() < needed {
        let message = format!(
            "{needed} feeds must agree and only {} {metric}: `{}` will never warn",
            feeds(giving.len()),
            table.name()
        );
        table.warning(&agree.span, message, Some("let fewer agree, or enable more feeds in feeds.toml".to_owned()));
        return;
    }
    for (severity, found) in may_raise {
        let may = giving.iter().filter(|speaker| {
            found.value.iter().any(|voice| match voice {
                Voice::Basis(_) => true,
                Voice::Named(name) => speaker.is_called(name),
            })
        });
        let may = may.count();
        if 0 < may && may < needed {
            let message =
                format!("{needed} feeds must agree and only {may} of them may raise `{severity}`: nobody will");
            let help = "name more of them, or let fewer agree".to_owned();
            table.warning(&found.span, message, Some(help));
        }
    }
}
