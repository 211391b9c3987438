//! `nadhir check`: reads a configuration, tells all that its wording can tell, shows every mistake, and says what it would do. It
//! sends nothing, and asks nobody unless it is told to.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use self::online::Probe;
pub use super::EX_CONFIG;
use super::run::runtime;
use super::{EX_UNAVAILABLE, complain, place};
use crate::config::{self, Proved};
use crate::daemon::clock::Clock;
use crate::problem::{Level, Problem, render};
use crate::time::Timestamp;

mod online;
mod summary;

/// What `nadhir check` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The directory to read; without it the configuration inside the program.
    dir: Option<PathBuf>,
    /// Report as JSON.
    #[arg(long)]
    json: bool,
    /// Ask each enabled feed once, and find out whether each channel could send and the database can be used; no message is sent.
    #[arg(long)]
    online: bool,
    /// The state directory, where relative paths of folders, files and secrets begin [default: as `nadhir run`].
    #[arg(long, value_name = "DIR", requires = "online")]
    state: Option<PathBuf>,
}

/// What is said under `nadhir check --help`.
pub const HELP: &str = "Examples:  nadhir check /etc/nadhir\n           nadhir check /etc/nadhir --online --state /var/lib/nadhir\n           \
                        nadhir check --json | jq .problems\n\nEvery text of the wording is told once, every story is lived through, and the \
                        next runs of each schedule are shown. With --online each feed is asked once, four at a time and a minute at most, \
                        and no message is sent to any channel; the database that [store] names is looked into, and nothing is made in it.\n\nExit codes: 0 it can be used, 1 a feed, a channel or the database is not as it \
                        should be (--online), 66 there is no such directory, 69 nobody could be asked, 74 the report cannot be written, 78 mistakes \
                        in the configuration.";

/// The configuration can be used.
pub const EX_OK: u8 = 0;

/// The configuration can be used, and a feed, a channel or the database is not as it should be.
pub const EX_NOT_WELL: u8 = 1;

/// The directory does not exist.
pub const EX_NOINPUT: u8 = 66;

/// The report could not be written.
pub const EX_IOERR: u8 = 74;

/// Does what the arguments say, and returns the exit code.
///
/// The report is coloured; `out` is to drop the colours where no terminal reads them, as `anstream::stdout()` does.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> u8 {
    let Arguments { dir, json, online, state } = arguments;
    let read = read(dir.as_deref());
    let probes = match &read {
        Ok(Proved { config, .. }) if *online => {
            let state = place::state_dir(state.as_deref(), config.settings.store.as_deref());
            match runtime() {
                Ok(runtime) => Some(runtime.block_on(online::ask(config, &state))),
                Err(why) => {
                    complain(&format_args!("{why:#}"));
                    return EX_UNAVAILABLE;
                }
            }
        }
        _ => None,
    };
    let (code, report) = report_of(&read, probes.as_deref(), *json, Clock::System.now());
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

/// The exit code and the report at a moment, without asking anybody.
pub fn check(dir: Option<&Path>, json: bool, now: Timestamp) -> (u8, String) {
    report_of(&read(dir), None, json, now)
}

/// Why there is no configuration.
enum Failed {
    /// There is no such directory.
    NoDirectory(String),
    /// Its mistakes, and its warnings.
    Mistakes(Vec<Problem>),
}

fn read(dir: Option<&Path>) -> Result<Proved, Failed> {
    match dir.filter(|dir| !dir.is_dir()) {
        Some(dir) => Err(Failed::NoDirectory(format!("there is no directory {}", dir.display()))),
        None => config::load_and_prove(dir).map_err(Failed::Mistakes),
    }
}

fn report_of(read: &Result<Proved, Failed>, probes: Option<&[Probe]>, json: bool, now: Timestamp) -> (u8, String) {
    let code = match read {
        Ok(_) if probes.is_none_or(online::are_good) => EX_OK,
        Ok(_) => EX_NOT_WELL,
        Err(Failed::NoDirectory(_)) => EX_NOINPUT,
        Err(Failed::Mistakes(_)) => EX_CONFIG,
    };
    let report = match read {
        _ if json => json_report(read, probes),
        Ok(proved) => good(proved, probes, now),
        Err(Failed::NoDirectory(message)) => format!("error: {message}\n"),
        Err(Failed::Mistakes(problems)) => faulty(problems),
    };
    (code, report)
}

fn good(Proved { config, warnings, texts }: &Proved, probes: Option<&[Probe]>, now: Timestamp) -> String {
    let verdict = match warnings.len() {
        0 => "The configuration is good.".to_owned(),
        count => format!("The configuration is good, with {}.", counted(count, "warning")),
    };
    let asked = probes.map(|probes| format!("\n{}", online::table(probes))).unwrap_or_default();
    format!("{}{}{asked}\n{verdict}\n", render(warnings, true), summary::of(config, *texts, now))
}

fn faulty(problems: &[Problem]) -> String {
    let mistakes = problems.iter().filter(|problem| problem.level == Level::Error).count();
    let warnings = problems.len() - mistakes;
    let also = if warnings == 0 { String::new() } else { format!(" and {}", counted(warnings, "warning")) };
    format!("{}{}{also}: the configuration cannot be used.\n", render(problems, true), counted(mistakes, "mistake"))
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
    /// What came of asking feeds, channels and the database, when they were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    online: Option<&'a [Probe]>,
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

fn json_report(read: &Result<Proved, Failed>, probes: Option<&[Probe]>) -> String {
    let (proved, shown): (Option<&Proved>, Vec<JsonProblem<'_>>) = match read {
        Ok(proved) => (Some(proved), proved.warnings.iter().map(json_problem).collect()),
        Err(Failed::Mistakes(problems)) => (None, problems.iter().map(json_problem).collect()),
        Err(Failed::NoDirectory(message)) => {
            let fault = JsonProblem { file: "", line: None, column: None, level: Level::Error, message, help: None };
            (None, vec![fault])
        }
    };
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
    let report = JsonReport { ok: proved.is_some(), problems: shown, counts, online: probes };
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
