//! `nadhir route`: who hears what. It sends nothing; the answers are those of the same function that the service asks.

use clap::Subcommand;
use serde::Serialize;

use super::columns::{drawn, plain};
use super::which::{MADE_UP, Stopped, Which};
use super::{complain, place};
use crate::alert::Status;
use crate::bulletin::{Bulletin, Change, Origin};
use crate::daemon::clock::Clock;
use crate::hazard::{Hazard, Severity};
use crate::ids::{BulletinId, ChannelId, GovernorateId};
use crate::route::{Listener, hearing};

/// What `nadhir route` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show for each channel whether it would hear a bulletin, and why not: one that was said, or one that is made up.
    #[command(
        after_help = "Examples:  nadhir route explain --bulletin MKH-2025-000001.2 --state /var/lib/nadhir\n           nadhir route \
                      explain --hazard rain --severity red --governorate jeddah,taif\n           nadhir route explain --hazard rain \
                      --severity yellow --governorate jeddah --change lifted --worst red\n\nExit codes: 0 shown, 2 no such \
                      bulletin or governorate, 66 there is no state, 69 it cannot be read, 78 mistakes in the configuration."
    )]
    Explain(Explain),
}

/// What `nadhir route explain` takes.
#[derive(Debug, clap::Args)]
struct Explain {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    dirs: place::Dirs,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Does what the arguments say, and returns the exit code.
pub fn run(arguments: &Arguments) -> u8 {
    let Command::Explain(asked) = &arguments.command;
    let config = match asked.dirs.configuration("it is not known who listens") {
        Ok(config) => config,
        Err(code) => return code,
    };
    match asked.which.bulletin(&config, asked.dirs.state.as_deref(), Clock::System.now()) {
        Ok(bulletin) => {
            let listeners = config.channels.iter().map(|channel| (&channel.listener, channel.kind));
            let report = report(&bulletin, listeners);
            use std::io::Write as _;
            let text = if asked.json { json(&report) } else { whole(&report) };
            // A reader that has gone away, such as `head`, is no fault.
            let _ = anstream::stdout().write_all(text.as_bytes());
            0
        }
        Err(Stopped(code, why)) => {
            complain(&why);
            code
        }
    }
}

/// Who hears a bulletin.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Report {
    /// Its name; none when it is made up.
    bulletin: Option<BulletinId>,
    change: Change,
    status: Status,
    hazard: Hazard,
    severity: Severity,
    /// The worst that was told of it so far.
    worst: Severity,
    is_official: bool,
    areas: Vec<GovernorateId>,
    left: Vec<GovernorateId>,
    channels: Vec<ChannelReport>,
}

/// Whether a channel hears it.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct ChannelReport {
    channel: ChannelId,
    kind: &'static str,
    audience: &'static str,
    hears: bool,
    /// Why not: every reason.
    why_not: Vec<Reason>,
    /// What it hears for the sake of what was told before.
    because: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Reason {
    /// The key of the channel that keeps it from hearing.
    is: &'static str,
    text: String,
}

fn report<'a>(bulletin: &Bulletin, listeners: impl Iterator<Item = (&'a Listener, &'static str)>) -> Report {
    let channel = |(listener, kind): (&Listener, &'static str)| {
        let hearing = hearing(listener, bulletin);
        ChannelReport {
            channel: listener.channel.clone(),
            kind,
            audience: listener.audience.name(),
            hears: hearing.is_heard(),
            why_not: hearing.deaf.iter().map(|deaf| Reason { is: deaf.name(), text: deaf.to_string() }).collect(),
            because: hearing.before.iter().map(ToString::to_string).collect(),
        }
    };
    Report {
        bulletin: Some(bulletin.id.clone()).filter(|_| bulletin.number != MADE_UP),
        change: bulletin.change,
        status: bulletin.status,
        hazard: bulletin.hazard,
        severity: bulletin.severity,
        worst: bulletin.reach.worst,
        is_official: matches!(bulletin.origin, Origin::Official { .. }),
        areas: bulletin.areas.clone(),
        left: bulletin.left.clone(),
        channels: listeners.map(channel).collect(),
    }
}

fn json(report: &Report) -> String {
    serde_json::to_string(report).map_or_else(|why| format!("{{\"error\":\"{why}\"}}\n"), |text| text + "\n")
}

fn whole(report: &Report) -> String {
    let names = |areas: &[GovernorateId]| areas.iter().map(GovernorateId::as_str).collect::<Vec<_>>().join(", ");
    let name = report.bulletin.as_ref().map_or_else(|| "A made-up bulletin".to_owned(), ToString::to_string);
    let mut text =
        format!("{name}: {} {} {} in {}", report.hazard, report.severity, report.change.name(), names(&report.areas));
    if !report.left.is_empty() {
        text.push_str(&format!(", leaving {}", names(&report.left)));
    }
    if report.severity < report.worst {
        text.push_str(&format!(", {} at its worst", report.worst));
    }
    let source = if report.is_official { "official" } else { "automatic" };
    text.push_str(&format!(" ({source}, {}).\n", format!("{:?}", report.status).to_lowercase()));
    let heard = report.channels.iter().filter(|channel| channel.hears).count();
    text.push_str(&match (heard, report.channels.len()) {
        (0, 0) => "No channel is enabled: nobody hears it.\n\n".to_owned(),
        (0, _) => "Nobody hears it.\n\n".to_owned(),
        (heard, all) if heard == all => "Every channel hears it.\n\n".to_owned(),
        (heard, all) => format!("{heard} of {all} channels hear it.\n\n"),
    });
    let mut table = plain(["channel", "kind", "audience", "hears", "why"]);
    for channel in &report.channels {
        let why_not: Vec<&str> = channel.why_not.iter().map(|reason| reason.text.as_str()).collect();
        let why = if channel.hears { channel.because.join("; ") } else { why_not.join("; ") };
        let hears = if channel.hears { "yes" } else { "no" };
        table.add_row([channel.channel.as_str(), channel.kind, channel.audience, hears, &why]);
    }
    text.push_str(&drawn(&table));
    text
}

#[cfg(test)]
mod tests;
