//! `nadhir check`: reads a configuration, tells all that its wording can tell, shows every mistake, and says what it would do. It
//! sends nothing, and asks nobody unless it is told to.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

pub use super::EX_CONFIG;
use crate::config::{self, Proved};
use crate::daemon::clock::Clock;
use crate::problem::{Level, Problem, render};
use crate::time::Timestamp;

mod summary;

/// The configuration can be used.
pub const EX_OK: u8 = 0;

/// The directory does not exist.
pub const EX_NOINPUT: u8 = 66;

/// The report could not be written.
pub const EX_IOERR: u8 = 74;

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
    let result = config::load_and_prove(dir);
    let code = if result.is_ok() { EX_OK } else { EX_CONFIG };
    let report = if json { json_report(&result, None) } else { text_report(&result, now) };
    (code, report)
}

type Loaded = Result<Proved, Vec<Problem>>;

fn text_report(result: &Loaded, now: Timestamp) -> String {
    match result {
        Ok(Proved { config, warnings, texts }) => {
            let verdict = match warnings.len() {
                0 => "The configuration is good.".to_owned(),
                count => format!("The configuration is good, with {}.", counted(count, "warning")),
            };
            format!("{}{}\n{verdict}\n", render(warnings, true), summary::of(config, *texts, now))
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
    /// How many texts were told once, to see that they can be.
    texts_told: Option<usize>,
}

fn json_report(result: &Loaded, no_input: Option<&str>) -> String {
    let (proved, problems) = match result {
        Ok(proved) => (Some(proved), &proved.warnings),
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
    if let Some(Proved { config, texts, .. }) = proved {
        let rules = &config.rules.rules;
        counts.files = Some(config.files.len());
        counts.governorates = Some(config.governorates.len());
        counts.feeds = Some(config.feeds.len());
        counts.rules = Some(rules.len());
        counts.rules_signed_off = Some(rules.iter().filter(|rule| rule.signed_off_by.is_some()).count());
        counts.channels = Some(config.channels.len());
        counts.texts_told = Some(*texts);
    }
    let report = JsonReport { ok: proved.is_some(), problems: shown, counts };
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
