//! `nadhir journal`: what happened, for people and scripts, and whether it was changed since.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;

use super::view::View;
use super::{EX_UNAVAILABLE, complain, place};
use crate::record::Entry;
use crate::record::chain::{Mark, Verdict};
use crate::store::sqlite::verify_journal;

/// What stands after the arguments.
pub const HELP: &str = "Examples:  nadhir journal --state /var/lib/nadhir --last 50\n           nadhir journal verify --state /var/lib/nadhir\n\n\
    Where the state is in a database, name the configuration that says so with --config.\n\nExit codes: 0 shown, 69 it cannot be read.";

/// The same of `verify`.
const VERIFY_HELP: &str = "Examples:  nadhir journal verify --state /var/lib/nadhir\n           nadhir journal verify --file copy.sqlite3 \
    --noted 1234:5e88…\n\nEach line is sealed together with the line before it, and with the bulletin that it tells of. Whoever may write the state may \
    seal all of it anew: to find that out, note the seal that this prints, or one that the service writes into its log every day (\"The \
    journal stands at …\"), and give it back with --noted.\n\nExit codes: 0 it is whole, 1 it was changed, 2 no such mark, 69 it cannot be \
    read.";

/// The most lines that are shown at once.
pub const MAX_LINES: u16 = 10_000;

/// What `nadhir journal` takes.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    dirs: place::Dirs,
    /// How many of the newest lines.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_LINES)))]
    last: u16,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Hold every line of the journal against its seal, and every bulletin that is kept against the line that tells of it.
    #[command(after_help = VERIFY_HELP)]
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
struct Verify {
    #[command(flatten)]
    dirs: place::Dirs,
    /// The file itself, such as a copy that `nadhir backup` made.
    #[arg(long, value_name = "FILE", conflicts_with = "state")]
    file: Option<PathBuf>,
    /// A mark that was noted elsewhere: the number of a line and its seal.
    #[arg(long, value_name = "LINE:SEAL")]
    noted: Option<Mark>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Shows the newest lines of the journal, oldest first, or verifies all of it.
pub fn run(arguments: &Arguments) -> u8 {
    let done = match &arguments.action {
        Some(Action::Verify(verify)) => verified(verify),
        None => match arguments.dirs.view("it is not known where the journal is") {
            Ok(view) => show(&view, arguments).map(|()| 0),
            Err(code) => return code,
        },
    };
    match done {
        Ok(code) => code,
        Err(why) => {
            complain(&format_args!("{why:#}"));
            EX_UNAVAILABLE
        }
    }
}

fn show(view: &View, arguments: &Arguments) -> anyhow::Result<()> {
    let entries = view.journal(usize::from(arguments.last)).context("the journal could not be read")?;
    let mut out = anstream::stdout().lock();
    for entry in &entries {
        // A reader that has gone away, such as `head`, is no fault.
        if line(&mut out, entry, arguments.json).is_err() {
            break;
        }
    }
    Ok(())
}

fn verified(arguments: &Verify) -> anyhow::Result<u8> {
    let verdict = match &arguments.file {
        Some(file) => {
            anyhow::ensure!(file.exists(), "there is no {}: name a copy of the state with --file", file.display());
            verify_journal(file, arguments.noted)
        }
        None => match arguments.dirs.view("it is not known where the journal is") {
            Ok(view) => view.verify(arguments.noted),
            Err(code) => return Ok(code),
        },
    };
    let verdict = verdict.context("the journal could not be verified")?;
    let _ = anstream::stdout().write_all(told(&verdict, arguments.json).as_bytes());
    Ok(u8::from(!verdict.faults.is_empty()))
}

fn told(verdict: &Verdict, as_json: bool) -> String {
    let Verdict { lines, bulletins, first, head, faults } = verdict;
    if as_json {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let head = head.to_string();
        let told = json!({ "whole": faults.is_empty(), "lines": lines, "bulletins": bulletins, "first": first, "head": head, "faults": faults });
        return format!("{told}\n");
    }
    let seal = format!("Its last line and seal, to be noted elsewhere: {head}\n");
    if faults.is_empty() {
        return format!(
            "The journal is whole: {lines} lines from number {first} on, {bulletins} bulletins as they were said.\n{seal}"
        );
    }
    let told: String = faults.iter().map(|fault| format!("  {fault}\n")).collect();
    format!("The journal is not as it was written:\n{told}It has {lines} lines from number {first} on. {seal}")
}

fn line(out: &mut impl Write, entry: &Entry, as_json: bool) -> std::io::Result<()> {
    match as_json {
        true => writeln!(out, "{}", serde_json::to_string(entry)?),
        false => writeln!(out, "{}  {:<9} {}: {}", entry.at.format("%F %T"), entry.kind, entry.subject, entry.text),
    }
}
