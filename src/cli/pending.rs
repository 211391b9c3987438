//! `nadhir pending`, `approve`, `hold` and `reject`: what waits before it goes out, and what the people on duty say of it.

use std::io::Write as _;

use serde::Serialize;

use super::which::Stopped;
use super::{EX_UNAVAILABLE, complain, place, preview, service, silence};
use crate::bulletin::{Bulletin, Reason};
use crate::config::Config;
use crate::daemon::brain::Judgement;
use crate::daemon::clock::Clock;
use crate::daemon::control::Question;
use crate::ids::BulletinId;
use crate::outbox::{Kept, Verdict};
use crate::route::manner::Hold;
use crate::store::sqlite::read_kept;
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
    let parts = text.rsplit_once('.').and_then(|(number, edition)| Some((number, edition.parse().ok()?)));
    let (number, edition) = parts.ok_or("write it with its edition, as MKH-2025-000001.1")?;
    Ok(BulletinId::new(number, edition))
}

/// One bulletin that waits.
#[derive(Debug, PartialEq, Serialize)]
struct Waiting<'a> {
    bulletin: &'a Bulletin,
    channels: Vec<&'a Kept>,
}

/// Shows what waits, and returns the exit code.
pub fn list(arguments: &Arguments) -> u8 {
    let config = match arguments.dirs.configuration("it is not known what waits") {
        Ok(config) => config,
        Err(code) => return code,
    };
    let dir = place::state_dir(arguments.dirs.state.as_deref(), config.settings.store.as_deref());
    let (kept, bulletins) = match read_kept(&dir.join(place::DATABASE)) {
        Ok(read) => read,
        Err(why) => {
            complain(&format_args!("the state in {} could not be read: {why}", dir.display()));
            return EX_UNAVAILABLE;
        }
    };
    let waiting: Vec<Waiting<'_>> = bulletins
        .iter()
        .map(|bulletin| Waiting { bulletin, channels: kept.iter().filter(|one| one.bulletin == bulletin.id).collect() })
        .collect();
    let shown = if arguments.json {
        serde_json::to_string(&waiting).map(|text| text + "\n").map_err(|why| Stopped(EX_UNAVAILABLE, why.to_string()))
    } else {
        table(&waiting, &config, arguments.texts, Clock::System.now())
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

fn table(waiting: &[Waiting<'_>], config: &Config, texts: bool, now: Timestamp) -> Result<String, Stopped> {
    if waiting.is_empty() {
        return Ok("Nothing waits.\n".to_owned());
    }
    let mut text = String::new();
    for Waiting { bulletin, channels } in waiting {
        let names = bulletin
            .areas
            .iter()
            .map(|area| config.governorates.get(area).map_or_else(|| area.to_string(), |place| place.name.en.clone()));
        let names: Vec<String> = names.collect();
        let author = bulletin.by_hand.author.as_ref().map(|author| format!(", by {author}")).unwrap_or_default();
        text.push_str(&format!(
            "{}  {} {} {} in {}{author}\n",
            bulletin.id,
            bulletin.change.name(),
            bulletin.severity,
            bulletin.hazard,
            names.join(", ")
        ));
        for one in channels {
            text.push_str(&format!("    {}: {}\n", one.channel, waits(one, now)));
        }
        if texts {
            let shown = preview::previews(bulletin, config, None)?;
            let kept = |shown: &preview::Preview| channels.iter().any(|one| one.channel == shown.channel.as_str());
            let shown: Vec<preview::Preview> = shown.into_iter().filter(kept).collect();
            text.push_str(&preview::whole(&shown));
        }
    }
    text.push_str("\nnadhir approve NAME lets it out now, hold NAME stops its clock, reject NAME ends it.\n");
    Ok(text)
}

fn waits(kept: &Kept, now: Timestamp) -> String {
    let whole = |span: TimeDelta| span_text(TimeDelta::seconds(span.num_seconds().max(0)));
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
