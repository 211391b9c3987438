//! `nadhir check`: reads a configuration, shows every mistake in it, and says what it would do. It asks no feed and sends nothing.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use chrono_tz::Tz;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::Serialize;

pub use super::EX_CONFIG;
use crate::config::{self, Config, rules};
use crate::daemon::clock::Clock;
use crate::hazard::Severity;
use crate::language::Language;
use crate::problem::{Level, Problem, render};
use crate::route::Audience;
use crate::time::{TimeDelta, Timestamp, span_text};

/// The configuration can be used.
pub const EX_OK: u8 = 0;

/// The directory does not exist.
pub const EX_NOINPUT: u8 = 66;

/// The report could not be written.
pub const EX_IOERR: u8 = 74;

/// How many coming runs of each feed are shown.
const RUNS_SHOWN: usize = 3;

/// Checks the configuration of a directory, or the embedded one, and returns the exit code.
///
/// The report is coloured; `out` is to drop the colours where no terminal reads them, as `anstream::stdout()` does.
pub fn run(dir: Option<&Path>, json: bool, out: &mut dyn Write) -> u8 {
    let (code, report) = check(dir, json, Clock::System.now());
    match out.write_all(report.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => code,
        // Who closed the pipe has seen enough; the answer still counts.
        Err(why) if why.kind() == io::ErrorKind::BrokenPipe => code,
        Err(_) => EX_IOERR,
    }
}

/// Shows problems to a person, for commands that read a configuration on their way.
pub fn report(problems: &[Problem], out: &mut dyn Write) {
    // Whoever closed the pipe does not want to know.
    let _ = out.write_all(render(problems, true).as_bytes());
}

/// The exit code and the report at a moment.
pub fn check(dir: Option<&Path>, json: bool, now: Timestamp) -> (u8, String) {
    if let Some(dir) = dir.filter(|dir| !dir.is_dir()) {
        let message = format!("there is no directory {}", dir.display());
        let report = if json { json_report(&Err(vec![]), Some(&message)) } else { format!("error: {message}\n") };
        return (EX_NOINPUT, report);
    }
    let result = config::load(dir);
    let code = if result.is_ok() { EX_OK } else { EX_CONFIG };
    let report = if json { json_report(&result, None) } else { text_report(&result, now) };
    (code, report)
}

type Loaded = Result<(Config, Vec<Problem>), Vec<Problem>>;

fn text_report(result: &Loaded, now: Timestamp) -> String {
    match result {
        Ok((config, warnings)) => {
            let verdict = match warnings.len() {
                0 => "The configuration is good.".to_owned(),
                count => format!("The configuration is good, with {}.", counted(count, "warning")),
            };
            format!("{}{}\n{verdict}\n", render(warnings, true), summary(config, now))
        }
        Err(problems) => {
            let mistakes = problems.iter().filter(|problem| problem.level == Level::Error).count();
            let warnings = problems.len() - mistakes;
            let also = if warnings == 0 { String::new() } else { format!(" and {}", counted(warnings, "warning")) };
            format!(
                "{}{}{also}: the configuration cannot be used.\n",
                render(problems, true),
                counted(mistakes, "mistake")
            )
        }
    }
}

/// A count with its noun.
pub(super) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// What the configuration would do.
fn summary(config: &Config, now: Timestamp) -> String {
    let built_in = config.files.iter().filter(|file| file.name.starts_with(config::BUILT_IN)).count();
    let own = config.files.len() - built_in;
    let rules = &config.rules.rules;
    let signed = rules.iter().filter(|rule| rule.signed_off_by.is_some()).count();
    let mut text = format!(
        "Read {}: {own} given, {built_in} built in.\n{}: {}.\n",
        counted(config.files.len(), "file"),
        config.governorates.region.en,
        counted(config.governorates.len(), "governorate"),
    );
    text.push_str(&format!("\n{} (times in {}):\n", counted(config.feeds.len(), "feed"), config.settings.style.zone));
    text.push_str(&feeds(config, now));
    text.push_str(&format!("\n{}:\n", counted(rules.len(), "rule")));
    text.push_str(&hazards(config));
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

/// An empty table without lines.
pub(super) fn plain<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    table
}

/// The table as lines, without the blanks at their ends.
pub(super) fn drawn(table: &Table) -> String {
    table.to_string().lines().map(|line| format!(" {}\n", line.trim_end())).collect()
}

#[derive(Serialize)]
struct JsonReport<'a> {
    ok: bool,
    problems: Vec<JsonProblem<'a>>,
    counts: JsonCounts,
}

#[derive(Serialize)]
struct JsonProblem<'a> {
    file: &'a str,
    line: Option<usize>,
    column: Option<usize>,
    level: Level,
    message: &'a str,
    help: Option<&'a str>,
}

/// What there is of each; null where the configuration could not be read.
#[derive(Serialize, Default)]
struct JsonCounts {
    mistakes: usize,
    warnings: usize,
    files: Option<usize>,
    governorates: Option<usize>,
    feeds: Option<usize>,
    rules: Option<usize>,
    rules_signed_off: Option<usize>,
    channels: Option<usize>,
}

fn json_report(result: &Loaded, no_input: Option<&str>) -> String {
    let (config, problems) = match result {
        Ok((config, warnings)) => (Some(config), warnings),
        Err(problems) => (None, problems),
    };
    let mut shown: Vec<JsonProblem<'_>> = problems.iter().map(json_problem).collect();
    shown.extend(no_input.map(|message| JsonProblem {
        file: "",
        line: None,
        column: None,
        level: Level::Error,
        message,
        help: None,
    }));
    let mistakes = shown.iter().filter(|problem| problem.level == Level::Error).count();
    let mut counts = JsonCounts { mistakes, warnings: shown.len() - mistakes, ..JsonCounts::default() };
    if let Some(config) = config {
        let rules = &config.rules.rules;
        counts.files = Some(config.files.len());
        counts.governorates = Some(config.governorates.len());
        counts.feeds = Some(config.feeds.len());
        counts.rules = Some(rules.len());
        counts.rules_signed_off = Some(rules.iter().filter(|rule| rule.signed_off_by.is_some()).count());
        counts.channels = Some(config.channels.len());
    }
    let report = JsonReport { ok: config.is_some(), problems: shown, counts };
    let text = serde_json::to_string_pretty(&report).expect("texts and numbers always have a JSON form");
    format!("{text}\n")
}

fn json_problem(problem: &Problem) -> JsonProblem<'_> {
    let has_place = !problem.is_of_whole_file();
    JsonProblem {
        file: &problem.file.name,
        line: has_place.then(|| problem.line()),
        column: has_place.then(|| problem.column()),
        level: problem.level,
        message: &problem.message,
        help: problem.help.as_deref(),
    }
}
