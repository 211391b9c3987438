//! What a configuration would do, for a person to look over: feeds with their next runs, rules, seasons, channels, and what should
//! not be forgotten.

use std::collections::BTreeSet;

use chrono_tz::Tz;

use super::super::columns::{drawn, plain};
use super::counted;
use crate::config::{self, Config, rules};
use crate::hazard::Severity;
use crate::ids::RuleId;
use crate::language::Language;
use crate::route::Audience;
use crate::rule::season::Season;
use crate::time::{TimeDelta, Timestamp, span_text};

/// How many coming runs of each feed are shown.
const RUNS_SHOWN: usize = 3;

/// What the configuration would do, and how many texts were told to try its wording.
pub(super) fn of(config: &Config, texts: usize, now: Timestamp) -> String {
    let built_in = config.files.iter().filter(|file| file.name.starts_with(config::BUILT_IN)).count();
    let own = config.files.len() - built_in;
    let rules = &config.rules.rules;
    let signed = rules.iter().filter(|rule| rule.signed_off_by.is_some()).count();
    let mut text = format!(
        "Read {}: {own} given, {built_in} built in.\nTold {texts} texts: each hazard, severity and change, in both languages, whole and short.\n{}: {}.\n",
        counted(config.files.len(), "file"),
        config.governorates.region.en,
        counted(config.governorates.len(), "governorate"),
    );
    text.push_str(&format!("\n{} (times in {}):\n", counted(config.feeds.len(), "feed"), config.settings.style.zone));
    text.push_str(&feeds(config, now));
    text.push_str(&format!("\n{}:\n", counted(rules.len(), "rule")));
    text.push_str(&hazards(config));
    text.push_str(&seasons(config, now));
    text.push_str(&format!("\n{}:\n", counted(config.channels.len(), "channel")));
    text.push_str(&channels(config));
    text.push_str(&notes(config, signed));
    text
}

/// What is no mistake and should not be forgotten before the service speaks to the public.
fn notes(config: &Config, signed: usize) -> String {
    let rules = config.rules.rules.len();
    let mut notes = Vec::new();
    if signed < rules {
        let waiting = rules - signed;
        notes.push(format!("{waiting} of {rules} rules await a meteorologist's sign-off (`signed_off_by` is empty)"));
    }
    if !config.switched_off.is_empty() {
        let names: Vec<&str> = config.switched_off.iter().map(RuleId::as_str).collect();
        notes.push(format!("switched off by `enabled = false`: {}", names.join(", ")));
    }
    if config.settings.contact.ends_with("@example.org") {
        notes.push("`contact` in nadhir.toml is still the example: feeds cannot reach you through it".to_owned());
    }
    if !config.channels.iter().any(|channel| channel.listener.audience == Audience::Staff) {
        notes.push(
            "no channel of audience staff: nobody hears when a feed falls silent, but for the journal".to_owned(),
        );
    }
    let lines: String = notes.iter().map(|note| format!("note: {note}\n")).collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

fn feeds(config: &Config, now: Timestamp) -> String {
    let mut table = plain([
        "feed",
        "kind",
        "asked",
        "late by up to",
        "stale after",
        "silent after",
        "new within",
        "age",
        "next runs",
    ]);
    let limit = |span: Option<TimeDelta>| span.map_or_else(|| "-".to_owned(), span_text);
    for feed in &config.feeds {
        let runs: Vec<String> =
            feed.schedule.runs_after(now).take(RUNS_SHOWN).map(|run| local(run, config.settings.style.zone)).collect();
        table.add_row([
            feed.id.to_string(),
            feed.kind.to_owned(),
            feed.schedule.to_string(),
            span_text(feed.jitter),
            span_text(feed.stale_after),
            span_text(feed.clocks.silent_after),
            limit(feed.clocks.new_within),
            limit(feed.clocks.max_age),
            runs.join(", "),
        ]);
    }
    drawn(&table)
}

fn local(moment: Timestamp, zone: Tz) -> String {
    moment.with_timezone(&zone).format("%a %H:%M:%S").to_string()
}

fn hazards(config: &Config) -> String {
    let mut table = plain(["hazard", "rules", "signed off"]);
    for (hazard, (all, signed)) in rules::by_hazard(&config.rules.rules) {
        table.add_row([hazard.to_string(), all.to_string(), signed.to_string()]);
    }
    drawn(&table)
}

/// The seasons, and when each comes next: a Hijri season moves, and a wrong day shows here.
fn seasons(config: &Config, now: Timestamp) -> String {
    let seasons = &config.rules.seasons;
    let mut table = plain(["season", "when", "now", "next"]);
    for (name, season) in seasons.iter() {
        let next = match seasons.next(name, now) {
            Some((first, last)) => format!("{first} to {last}"),
            None if matches!(season, Season::Cron(_)) => "-".to_owned(),
            None => "not within two years".to_owned(),
        };
        let is_now = if seasons.holds(name, now) { "yes" } else { "no" };
        table.add_row([name.to_string(), season.to_string(), is_now.to_owned(), next]);
    }
    match seasons.iter().count() {
        0 => String::new(),
        count => format!("\n{}:\n{}", counted(count, "season"), drawn(&table)),
    }
}

fn channels(config: &Config) -> String {
    let mut table = plain(["channel", "kind", "audience", "form", "languages", "hears"]);
    for channel in &config.channels {
        let listener = &channel.listener;
        let languages: Vec<&str> = listener.languages.iter().copied().map(Language::tag).collect();
        table.add_row([
            listener.channel.to_string(),
            channel.kind.to_owned(),
            listener.audience.name().to_owned(),
            listener.form.name().to_owned(),
            languages.join(" "),
            hears(
                listener.min_severity,
                listener.hazards.as_ref().map(BTreeSet::len),
                listener.governorates.as_ref().map(BTreeSet::len),
            ),
        ]);
    }
    drawn(&table)
}

/// What a channel hears, in a few words.
fn hears(from: Severity, hazards: Option<usize>, governorates: Option<usize>) -> String {
    let mut words = if from == Severity::Advisory { "everything".to_owned() } else { format!("{from} and above") };
    if let Some(count) = hazards {
        words.push_str(&format!(", {}", counted(count, "hazard")));
    }
    if let Some(count) = governorates {
        words.push_str(&format!(", {}", counted(count, "governorate")));
    }
    words
}
