//! `nadhir journal`: what happened, for people and scripts.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;

use super::{EX_UNAVAILABLE, complain, place};
use crate::record::Entry;
use crate::store::sqlite::read_journal;

/// The most lines that are shown at once.
pub const MAX_LINES: u16 = 10_000;

/// What `nadhir journal` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The directory in which the state is kept [default: $STATE_DIRECTORY, else ~/.local/state/nadhir].
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// How many of the newest lines.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_LINES)))]
    last: u16,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Shows the newest lines of the journal, oldest first.
pub fn run(arguments: &Arguments) -> u8 {
    match show(arguments) {
        Ok(()) => 0,
        Err(why) => {
            complain(&format_args!("{why:#}"));
            EX_UNAVAILABLE
        }
    }
}

fn show(arguments: &Arguments) -> anyhow::Result<()> {
    let path = place::state_dir(arguments.state.as_deref(), None).join(place::DATABASE);
    anyhow::ensure!(path.exists(), "there is no journal in {}: give its directory with --state", path.display());
    let entries = read_journal(&path, usize::from(arguments.last)).context("the journal could not be read")?;
    let mut out = anstream::stdout().lock();
    for entry in &entries {
        // A reader that has gone away, such as `head`, is no fault.
        if line(&mut out, entry, arguments.json).is_err() {
            break;
        }
    }
    Ok(())
}

fn line(out: &mut impl Write, entry: &Entry, as_json: bool) -> std::io::Result<()> {
    match as_json {
        true => writeln!(out, "{}", serde_json::to_string(entry)?),
        false => writeln!(out, "{}  {:<9} {}: {}", entry.at.format("%F %T"), entry.kind, entry.subject, entry.text),
    }
}
