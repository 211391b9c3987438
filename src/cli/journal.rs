//! `nadhir journal`: what happened, for people and scripts.

use std::io::Write;

use anyhow::Context;

use super::view::View;
use super::{EX_UNAVAILABLE, complain, place};
use crate::record::Entry;

/// The most lines that are shown at once.
pub const MAX_LINES: u16 = 10_000;

/// What `nadhir journal` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    dirs: place::Dirs,
    /// How many of the newest lines.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_LINES)))]
    last: u16,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Shows the newest lines of the journal, oldest first.
pub fn run(arguments: &Arguments) -> u8 {
    let view = match arguments.dirs.view("it is not known where the journal is") {
        Ok(view) => view,
        Err(code) => return code,
    };
    match show(&view, arguments) {
        Ok(()) => 0,
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

fn line(out: &mut impl Write, entry: &Entry, as_json: bool) -> std::io::Result<()> {
    match as_json {
        true => writeln!(out, "{}", serde_json::to_string(entry)?),
        false => writeln!(out, "{}  {:<9} {}: {}", entry.at.format("%F %T"), entry.kind, entry.subject, entry.text),
    }
}
