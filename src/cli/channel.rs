//! `nadhir channel test`: sends one message that says of itself that it is a test to one channel, past the outbox, and tells what became
//! of it. It never speaks to the public: there is no way from here to a channel of theirs.

use std::io::Write as _;

use anyhow::Context as _;
use clap::Subcommand;
use serde::Serialize;

use super::{EX_UNAVAILABLE, EX_USAGE, complain, place, run::runtime};
use crate::alert::Status;
use crate::bulletin::Bulletin;
use crate::config::{ChannelConfig, Config};
use crate::daemon::clock::Clock;
use crate::hazard::{Hazard, Severity};
use crate::ids::BulletinId;
use crate::message::picture;
use crate::route::OnTrial;
use crate::sink::{Parcel, Receipt, SendError, World};
use crate::time::TimeDelta;

mod authorise;

/// It did not arrive.
const EX_FAILED: u8 = 1;

/// How long a test may be told on.
const LIFE: TimeDelta = TimeDelta::minutes(10);

/// What stands after the arguments.
pub const HELP: &str = "Example:  nadhir channel test desk --config /etc/nadhir --state /var/lib/nadhir\n\nA channel of audience public \
    is never sent a test; `nadhir check --online` asks without sending whether it could be reached. Secrets that systemd keeps are \
    given to the service alone: run it as systemd-run --pipe -p LoadCredential=… nadhir channel test …\n\nExit codes: 0 it arrived, 1 it \
    did not or may not have, 2 no such channel or one of the public, 69 the channel cannot be opened, 78 mistakes in the configuration.";

/// What `nadhir channel` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send a message that says that it is a test to one channel of the people on duty or of a drill.
    #[command(after_help = HELP)]
    Test(Test),
    /// Let a channel in at its service, in a browser: for X with OAuth 2.0.
    #[command(after_help = authorise::HELP)]
    Authorise(authorise::Authorise),
}

/// What `nadhir channel test` takes.
#[derive(Debug, clap::Args)]
struct Test {
    /// The channel, as channels.toml calls it.
    name: String,
    /// As loud as which severity it is, where a channel can be loud or quiet.
    #[arg(long, default_value = "yellow", value_parser = Severity::ALL.iter().map(|one| one.name()).collect::<Vec<_>>())]
    severity: String,
    #[command(flatten)]
    dirs: place::Dirs,
    /// A JSON object of what became of it.
    #[arg(long)]
    json: bool,
}

/// What became of a test.
#[derive(Debug, Serialize)]
struct Report {
    channel: String,
    kind: &'static str,
    bulletin: BulletinId,
    /// `delivered`, `later`, `never` or `unknown`.
    outcome: &'static str,
    /// The receipt, or why it did not arrive.
    note: String,
    /// How long that took, in milliseconds.
    took_ms: u128,
}

/// Does what the arguments say, and returns the exit code.
pub fn run(arguments: &Arguments) -> u8 {
    match &arguments.command {
        Command::Test(asked) => run_test(asked),
        Command::Authorise(asked) => authorise::run(asked),
    }
}

fn run_test(asked: &Test) -> u8 {
    let config = match asked.dirs.configuration("no channel can be tried") {
        Ok(config) => config,
        Err(code) => return code,
    };
    match test(asked, &config) {
        Ok(report) => {
            // A reader that has gone away, such as `head`, is no fault.
            let _ = anstream::stdout().write_all(told(&report, asked.json).as_bytes());
            if report.outcome == "delivered" { 0 } else { EX_FAILED }
        }
        Err((code, why)) => {
            complain(&format_args!("{why:#}"));
            code
        }
    }
}

fn told(report: &Report, as_json: bool) -> String {
    if as_json {
        return serde_json::to_string(report).unwrap_or_default() + "\n";
    }
    let Report { channel, kind, bulletin, outcome, note, took_ms } = report;
    let sentence = match *outcome {
        "delivered" => format!("{bulletin} was delivered to {channel} ({kind}) in {took_ms} ms: {note}"),
        "unknown" => format!("{bulletin} may have reached {channel} ({kind}): {note}"),
        "later" => format!("{bulletin} did not reach {channel} ({kind}), and a warning would be tried again: {note}"),
        _ => format!("{bulletin} did not reach {channel} ({kind}), nor would a warning: {note}"),
    };
    sentence + "\n"
}

fn test(asked: &Test, config: &Config) -> Result<Report, (u8, anyhow::Error)> {
    let channel = find(&asked.name, config).map_err(|why| (EX_USAGE, why))?;
    let on_trial = OnTrial::of(&channel.listener).with_context(|| {
        format!(
            "{} is for the public, and no test is sent there: give a channel of audience \"drill\" the same settings and try that \
             one, or ask without sending by `nadhir check --online`",
            asked.name
        )
    });
    let on_trial = on_trial.map_err(|why| (EX_USAGE, why))?;
    let parcel = parcel(asked, config, on_trial).map_err(|why| (EX_UNAVAILABLE, why))?;
    let sent = send(asked, config, channel, &parcel).map_err(|why| (EX_UNAVAILABLE, why))?;
    let (outcome, note) = match sent.0 {
        Ok(Receipt(receipt)) => ("delivered", receipt),
        Err(SendError::Later { why, .. }) => ("later", why),
        Err(SendError::Never { why }) => ("never", why),
        Err(SendError::Unknown { why }) => ("unknown", why),
    };
    let (channel, kind, bulletin) = (asked.name.clone(), channel.kind, parcel.bulletin);
    Ok(Report { channel, kind, bulletin, outcome, note, took_ms: sent.1.as_millis() })
}

fn find<'a>(name: &str, config: &'a Config) -> anyhow::Result<&'a ChannelConfig> {
    let known: Vec<&str> = config.channels.iter().map(|channel| channel.listener.channel.as_str()).collect();
    let found = config.channels.iter().find(|channel| channel.listener.channel.as_str() == name);
    found.with_context(|| format!("no channel that is enabled is called `{name}`; there are {}", known.join(", ")))
}

/// A bulletin of the shape of a real one, frozen as one is: rain at one place, which every text of it calls a test.
fn parcel(asked: &Test, config: &Config, on_trial: OnTrial<'_>) -> anyhow::Result<Parcel> {
    let now = Clock::System.now();
    let bulletin = bulletin(asked, config)?;
    let places = &config.governorates;
    let message = config.speaker.render(&bulletin, places, on_trial.form(), on_trial.languages())?;
    let pictures = on_trial.picture().and_then(|size| {
        let made = config.speaker.pictures(&bulletin, places, size, on_trial.languages());
        made.ok().flatten().map(|message| picture::read(&message.body))
    });
    Ok(Parcel {
        key: format!("{}/{}", message.key.as_str(), asked.name),
        bulletin: bulletin.id,
        attempt: 1,
        body: message.body.into(),
        content_type: message.content_type.to_owned(),
        loudness: bulletin.severity,
        now,
        expires: now + LIFE,
        pictures: pictures.unwrap_or_default(),
        corrects: None,
        asks: None,
    })
}

fn bulletin(asked: &Test, config: &Config) -> anyhow::Result<Bulletin> {
    let now = Clock::System.now();
    let severity = Severity::parse(&asked.severity).context("no such severity")?;
    let place = config.governorates.iter().next().context("there is no governorate")?;
    // A number of its own each time: receivers that know a number again would pass over the second test.
    let number = format!("{}-TEST-{}", config.speaker.issuer.code, now.timestamp());
    let plain = Bulletin::plain(&number, (Hazard::Rain, severity), vec![place.id.clone()], (now, now + LIFE));
    Ok(Bulletin { status: Status::Test, ..plain })
}

fn send(
    asked: &Test,
    config: &Config,
    channel: &ChannelConfig,
    parcel: &Parcel,
) -> anyhow::Result<(Result<Receipt, SendError>, std::time::Duration)> {
    let dir = place::state_dir(asked.dirs.state.as_deref(), config.settings.store.as_deref());
    let world = World::new(dir).map_err(anyhow::Error::msg)?;
    // Some sinks start what belongs to a runtime when they open.
    runtime()?.block_on(async {
        let sink = channel.opener.open(&world).map_err(anyhow::Error::msg);
        let sink = sink.with_context(|| format!("{} cannot be opened", asked.name))?;
        let begun = std::time::Instant::now();
        let sent = sink.send(parcel).await;
        Ok((sent, begun.elapsed()))
    })
}
