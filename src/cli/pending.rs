//! `nadhir pending`, `approve`, `hold` and `reject`: what waits before it goes out, and what the people on duty say of it.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use super::view::View;
use super::which::Stopped;
use super::{EX_UNAVAILABLE, complain, place, preview, service, silence};
use crate::bulletin::{Bulletin, Reason, Verdict};
use crate::config::Config;
use crate::daemon::brain::Judgement;
use crate::daemon::clock::Clock;
use crate::daemon::control::Question;
use crate::engine::State;
use crate::ids::BulletinId;
use crate::outbox::Kept;
use crate::route::manner::Hold;
use crate::statement::Statement;
use crate::time::{TimeDelta, Timestamp, span_text};

/// It was understood and could not be done.
const EX_REFUSED: u8 = 1;

/// What `nadhir pending` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    dirs: place::Dirs,
    /// Show the texts as well.
    #[arg(long)]
    texts: bool,
    /// A JSON array of what waits.
    #[arg(long)]
    json: bool,
}

/// What `nadhir approve` and `nadhir hold` take.
#[derive(Debug, clap::Args)]
pub struct Say {
    /// The name of the bulletin: MKH-2025-000001.1.
    #[arg(value_parser = bulletin)]
    bulletin: BulletinId,
    #[command(flatten)]
    service: silence::Service,
}

/// What `nadhir reject` takes.
#[derive(Debug, clap::Args)]
pub struct Reject {
    /// The name of the bulletin: MKH-2025-000001.1.
    #[arg(value_parser = bulletin)]
    bulletin: BulletinId,
    /// Why; those who have heard of it are told so.
    #[arg(long, value_name = "REASON", value_parser = super::desk::reason, default_value = "false-alarm")]
    reason: Reason,
    #[command(flatten)]
    service: silence::Service,
}

fn bulletin(text: &str) -> Result<BulletinId, String> {
    BulletinId::parse(text).ok_or_else(|| "write it with its edition, as MKH-2025-000001.1".to_owned())
}

/// One bulletin or statement that waits.
#[derive(Debug, PartialEq, Serialize)]
struct Waiting<'a> {
    #[serde(flatten)]
    what: What<'a>,
    channels: Vec<&'a Kept>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum What<'a> {
    Bulletin(&'a Bulletin),
    Statement(&'a Statement),
}

impl<'a> What<'a> {
    fn id(&self) -> &'a BulletinId {
        match self {
            Self::Bulletin(bulletin) => &bulletin.id,
            Self::Statement(statement) => &statement.id,
        }
    }

    /// What it is, in a line.
    fn told(&self, config: &Config) -> String {
        match self {
            Self::Bulletin(bulletin) => {
                let name =
                    |area| config.governorates.get(area).map_or_else(|| format!("{area}"), |at| at.name.en.clone());
                let names: Vec<String> = bulletin.areas.iter().map(name).collect();
                let (change, severity, hazard) = (bulletin.change.name(), bulletin.severity, bulletin.hazard);
                format!("{change} {severity} {hazard} in {}", names.join(", "))
            }
            Self::Statement(statement) => {
                format!("{}: {}", statement.content.sort.name(), statement.content.title.en)
            }
        }
    }

    fn author(&self) -> Option<&'a str> {
        match self {
            Self::Bulletin(bulletin) => bulletin.by_hand.author.as_deref(),
            Self::Statement(statement) => Some(&statement.author),
        }
    }

    fn previews(&self, config: &Config) -> Result<Vec<preview::Preview>, Stopped> {
        match self {
            Self::Bulletin(bulletin) => preview::previews(bulletin, config, None),
            Self::Statement(statement) => preview::statements(statement, config),
        }
    }
}

/// Shows what waits, and returns the exit code.
pub fn list(arguments: &Arguments) -> u8 {
    let config = match arguments.dirs.configuration("it is not known what waits") {
        Ok(config) => config,
        Err(code) => return code,
    };
    let dir = place::state_dir(arguments.dirs.state.as_deref(), config.settings.store.as_deref());
    let now = Clock::System.now();
    let (kept, bulletins, statements) = match look(&config, &dir, now) {
        Ok(read) => read,
        Err(why) => {
            complain(&format_args!("{why:#}"));
            return EX_UNAVAILABLE;
        }
    };
    let bulletins = bulletins.iter().map(What::Bulletin);
    let all = bulletins.chain(statements.iter().map(What::Statement));
    let waiting: Vec<Waiting<'_>> = all
        .map(|what| Waiting { channels: kept.iter().filter(|one| one.bulletin == *what.id()).collect(), what })
        .filter(|waiting| !waiting.channels.is_empty())
        .collect();
    let shown = if arguments.json {
        serde_json::to_string(&waiting).map(|text| text + "\n").map_err(|why| Stopped(EX_UNAVAILABLE, why.to_string()))
    } else {
        table(&waiting, &config, arguments.texts, now)
    };
    match shown {
        Ok(text) => {
            let _ = anstream::stdout().write_all(text.as_bytes());
            0
        }
        Err(Stopped(code, why)) => {
            complain(&why);
            code
        }
    }
}

/// What is kept back, and of what it is.
fn look(config: &Config, dir: &Path, now: Timestamp) -> anyhow::Result<(Vec<Kept>, Vec<Bulletin>, Vec<Statement>)> {
    let view = View::open(Some(&config.settings), dir).map_err(|Stopped(_, why)| anyhow::Error::msg(why))?;
    read(&view, now).context("the state could not be read")
}

fn read(view: &View, now: Timestamp) -> anyhow::Result<(Vec<Kept>, Vec<Bulletin>, Vec<Statement>)> {
    let (kept, bulletins) = view.kept()?;
    let state = State::restore(&view.glance(now, now)?.saved)?;
    Ok((kept, bulletins, state.statements().cloned().collect()))
}

fn table(waiting: &[Waiting<'_>], config: &Config, texts: bool, now: Timestamp) -> Result<String, Stopped> {
    if waiting.is_empty() {
        return Ok("Nothing waits.\n".to_owned());
    }
    let mut text = String::new();
    for Waiting { what, channels } in waiting {
        let author = what.author().map(|author| format!(", by {author}")).unwrap_or_default();
        text.push_str(&format!("{}  {}{author}\n", what.id(), what.told(config)));
        for one in channels {
            text.push_str(&format!("    {}: {}\n", one.channel, waits(one, now)));
        }
        if texts {
            let shown = what.previews(config)?;
            let kept = |shown: &preview::Preview| channels.iter().any(|one| one.channel == shown.channel.as_str());
            let shown: Vec<preview::Preview> = shown.into_iter().filter(kept).collect();
            text.push_str(&preview::whole(&shown));
        }
    }
    text.push_str("\nnadhir approve NAME lets it out now, hold NAME stops its clock, reject NAME ends it.\n");
    Ok(text)
}

fn waits(kept: &Kept, now: Timestamp) -> String {
    // Nobody counts the seconds of what takes minutes.
    let whole = |span: TimeDelta| {
        let minutes = span_text(TimeDelta::minutes(span.num_minutes()));
        if TimeDelta::minutes(5) <= span { minutes } else { span_text(TimeDelta::seconds(span.num_seconds().max(0))) }
    };
    let left = whole(kept.expires - now);
    match kept.hold {
        Hold::Person => format!("until somebody approves it; nobody is told any more in {left}"),
        Hold::Clock => format!("goes out in {} unless somebody holds it", whole(kept.due - now)),
        Hold::Free => "goes out now".to_owned(),
    }
}

/// Lets a bulletin out, and returns the exit code.
pub fn approve(say: Say) -> u8 {
    judge(say, Verdict::Approve, Reason::FalseAlarm, "Goes out")
}

/// Stops the clock of a bulletin, and returns the exit code.
pub fn hold(say: Say) -> u8 {
    judge(say, Verdict::Hold, Reason::FalseAlarm, "Held")
}

/// Ends a bulletin before it goes out, and returns the exit code.
pub fn reject(reject: Reject) -> u8 {
    let Reject { bulletin, reason, service } = reject;
    judge(Say { bulletin, service }, Verdict::Refuse, reason, "Refused")
}

fn judge(say: Say, verdict: Verdict, reason: Reason, done: &str) -> u8 {
    let Say { bulletin, service } = say;
    let judgement = Judgement { bulletin, verdict, by: service.by.clone(), reason };
    let Some(answer) = service::answer(service.state.as_deref(), &Question::Judge { judgement }) else {
        return EX_UNAVAILABLE;
    };
    if !answer.ok {
        complain(&answer.problems.trim_end());
        return EX_REFUSED;
    }
    let _ = writeln!(anstream::stdout(), "{done}: {}", answer.changes.join(", "));
    0
}
