//! `nadhir route`: who hears what. It sends nothing; the answers are those of the same function that the service asks.

use std::path::Path;

use anyhow::Context;
use clap::Subcommand;
use serde::Serialize;

use super::check::EX_NOINPUT;
use super::columns::{drawn, plain};
use super::{EX_CONFIG, EX_UNAVAILABLE, EX_USAGE, check, complain, explain, place};
use crate::alert::{Identity, Status};
use crate::bulletin::{Bulletin, Change, Origin, Reach};
use crate::config::{self, Config};
use crate::daemon::clock::Clock;
use crate::hazard::{Hazard, Severity};
use crate::ids::{BulletinId, ChannelId, FeedId, GovernorateId};
use crate::route::{Listener, hearing};
use crate::store::sqlite::read_bulletins;
use crate::time::Timestamp;

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

/// What `nadhir route explain` takes: the name of a bulletin, or what one would be like.
#[derive(Debug, clap::Args)]
struct Explain {
    /// A bulletin that was said, by its name; channels are as they are configured now.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["hazard", "severity", "governorate"])]
    bulletin: Option<String>,
    /// What threatens.
    #[arg(long, value_parser = names(Hazard::ALL, Hazard::name), required_unless_present = "bulletin")]
    hazard: Option<String>,
    /// How bad it is; for an end, how bad it was.
    #[arg(long, value_parser = names(Severity::ALL, Severity::name), required_unless_present = "bulletin")]
    severity: Option<String>,
    /// Where, by ids or names.
    #[arg(long, value_delimiter = ',', required_unless_present = "bulletin")]
    governorate: Vec<String>,
    /// What happened.
    #[arg(long, default_value = "issued", value_parser = names(Change::ALL, Change::name))]
    change: String,
    /// The worst that was told of it before.
    #[arg(long, value_parser = names(Severity::ALL, Severity::name), conflicts_with = "bulletin")]
    worst: Option<String>,
    /// Said by an authority, which makes no difference to who hears it.
    #[arg(long, conflicts_with = "bulletin")]
    official: bool,
    /// Whether it is meant.
    #[arg(long, default_value = "actual", value_parser = ["actual", "exercise", "system", "test", "draft"])]
    status: String,
    #[command(flatten)]
    dirs: place::Dirs,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> clap::builder::PossibleValuesParser {
    all.iter().map(|one| name(*one)).collect::<Vec<_>>().into()
}

/// Why a command cannot go on, with its exit code.
struct Stopped(u8, String);

/// Does what the arguments say, and returns the exit code.
pub fn run(arguments: &Arguments) -> u8 {
    let Command::Explain(asked) = &arguments.command;
    let config = match config::load(asked.dirs.config.as_deref()) {
        Ok((config, _)) => config,
        Err(problems) => {
            check::report(&problems, &mut anstream::stderr());
            complain(&"the configuration has mistakes, see above: it is not known who listens");
            return EX_CONFIG;
        }
    };
    let bulletin = match &asked.bulletin {
        Some(name) => said(name, asked, &config),
        None => made_up(asked, &config, Clock::System.now()),
    };
    match bulletin {
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

/// A bulletin of the store.
fn said(name: &str, asked: &Explain, config: &Config) -> Result<Bulletin, Stopped> {
    let dir = place::state_dir(asked.dirs.state.as_deref(), config.settings.store.as_deref());
    let path = dir.join(place::DATABASE);
    if !path.exists() {
        let why = format!("there is no state in {}: give its directory with --state", dir.display());
        return Err(Stopped(EX_NOINPUT, why));
    }
    let number = name.rsplit_once('.').map_or(name, |(number, _)| number);
    let all = stored(&path, number).map_err(|why| Stopped(EX_UNAVAILABLE, format!("{why:#}")))?;
    let known: Vec<&str> = all.iter().map(|one| one.id.as_str()).collect();
    let help = match known.as_slice() {
        [] => "`nadhir journal` shows the names of what was said".to_owned(),
        known => format!("of this number there are {}", known.join(", ")),
    };
    let why = format!("no bulletin is called `{name}`: {help}");
    all.into_iter().find(|one| one.id.as_str() == name).ok_or(Stopped(EX_USAGE, why))
}

fn stored(path: &Path, number: &str) -> anyhow::Result<Vec<Bulletin>> {
    read_bulletins(path, number).context("the bulletins could not be read")
}

/// The bulletin that the arguments describe.
fn made_up(asked: &Explain, config: &Config, now: Timestamp) -> Result<Bulletin, Stopped> {
    let place = |name: &String| {
        let found = explain::find(&config.governorates, name).map_err(|why| Stopped(EX_USAGE, why))?;
        Ok(found.id.clone())
    };
    let mut areas: Vec<GovernorateId> = asked.governorate.iter().map(place).collect::<Result<_, _>>()?;
    areas.sort_by_key(|area| config.governorates.order(area));
    areas.dedup();
    let word = |text: &Option<String>| text.clone().unwrap_or_default();
    let missing = || Stopped(EX_USAGE, "say --hazard, --severity and --governorate, or --bulletin".to_owned());
    let hazard = Hazard::parse(&word(&asked.hazard)).ok_or_else(missing)?;
    let severity = Severity::parse(&word(&asked.severity)).ok_or_else(missing)?;
    let worst = asked.worst.as_deref().and_then(Severity::parse).map_or(severity, |worst| worst.max(severity));
    let change = Change::ALL.iter().copied().find(|change| change.name() == asked.change).ok_or_else(missing)?;
    let status = match asked.status.as_str() {
        "exercise" => Status::Exercise,
        "system" => Status::System,
        "test" => Status::Test,
        "draft" => Status::Draft,
        _ => Status::Actual,
    };
    let origin = match (asked.official, FeedId::new("made-up")) {
        (true, Ok(feed)) => {
            let identity = Identity { sender: String::new(), identifier: String::new(), sent: now };
            Origin::Official { feed, identity, words: Vec::new() }
        }
        (_, _) => Origin::Automatic { evidence: Vec::new() },
    };
    Ok(Bulletin {
        id: BulletinId::new(MADE_UP, 1),
        number: MADE_UP.to_owned(),
        edition: 1,
        replaces: Vec::new(),
        change,
        status,
        hazard,
        severity,
        was: None,
        reach: Reach::new(hazard, worst),
        areas,
        left: Vec::new(),
        doubtful: Vec::new(),
        parted: Vec::new(),
        same_since: None,
        issued: now,
        onset: now,
        until: now,
        stale_after: now,
        silent_since: None,
        only_in: Vec::new(),
        origin,
    })
}

/// The number of a bulletin that was never said.
const MADE_UP: &str = "made-up";

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
