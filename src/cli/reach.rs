//! `nadhir reach`: how many messages reached whom, how fast, and of what, read from the store while the service runs. It changes nothing;
//! with `--followers` it asks the services that tell how many people follow a channel.

mod report;

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::Context as _;

use super::columns::{drawn, plain};
use super::view::View;
use super::which::Stopped;
use super::{EX_UNAVAILABLE, complain, place, run::runtime};
use crate::config::Config;
use crate::daemon::clock::Clock;
use crate::ids::ChannelId;
use crate::sink::World;
use crate::time::{TimeDelta, parse_span};
use report::{ChannelReach, Known, Reach, Share};

/// What stands after the arguments.
pub const HELP: &str = "Examples:  nadhir reach --since 30d\n           nadhir reach --followers --json\n\nA response is the time from a \
    bulletin's decision to the answer of the receiver that took it; what waited for approval or for the morning waited in it. Secrets \
    that systemd keeps are given to the service alone: without them a channel's followers are not told.\n\nExit codes: 0 shown, 66 \
    there is no state, 69 it cannot be read, 78 mistakes in the configuration.";

/// What `nadhir reach` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// How far back.
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = parse_span)]
    since: TimeDelta,
    /// Ask the services how many people follow each channel.
    #[arg(long)]
    followers: bool,
    #[command(flatten)]
    dirs: place::Dirs,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Does what the arguments say, and returns the exit code.
pub fn run(arguments: &Arguments) -> u8 {
    let config = match arguments.dirs.configuration("it is not known who listens where") {
        Ok(config) => config,
        Err(code) => return code,
    };
    let dir = place::state_dir(arguments.dirs.state.as_deref(), config.settings.store.as_deref());
    let view = match View::open(Some(&config.settings), &dir) {
        Ok(view) => view,
        Err(Stopped(code, why)) => {
            complain(&why);
            return code;
        }
    };
    let until = Clock::System.now();
    let since = until - arguments.since;
    let (rows, bulletins) = match view.reach(since).context("the state could not be read") {
        Ok(read) => read,
        Err(why) => {
            complain(&format_args!("{why:#}"));
            return EX_UNAVAILABLE;
        }
    };
    let followers = if arguments.followers { followers(&config, dir) } else { BTreeMap::new() };
    let known = |listener: &crate::route::Listener| Known {
        audience: listener.audience.name(),
        followers: followers.get(&listener.channel).copied(),
    };
    let known: BTreeMap<ChannelId, Known> =
        config.channels.iter().map(|one| (one.listener.channel.clone(), known(&one.listener))).collect();
    let reach = Reach::of((since, until), &rows, &bulletins, &known);
    let text = if arguments.json { json(&reach) } else { whole(&reach, &config) };
    // A reader that has gone away, such as `head`, is no fault.
    let _ = anstream::stdout().write_all(text.as_bytes());
    0
}

/// How many people follow each channel of which its service tells; why not is told to whoever asked.
fn followers(config: &Config, dir: std::path::PathBuf) -> BTreeMap<ChannelId, u64> {
    let asked = runtime().map_err(|why| format!("{why:#}")).and_then(|runtime| {
        let world = World::new(dir)?;
        Ok(runtime.block_on(async {
            let mut found = BTreeMap::new();
            for channel in &config.channels {
                let name = &channel.listener.channel;
                let counted = match channel.opener.open(&world) {
                    Ok(sink) => sink.followers().await,
                    Err(why) => Err(why),
                };
                match counted {
                    Ok(count) => found.extend(count.map(|count| (name.clone(), count))),
                    Err(why) => complain(&format_args!("{name} does not tell how many follow it: {why}")),
                }
            }
            found
        }))
    });
    asked.unwrap_or_else(|why: String| {
        complain(&why);
        BTreeMap::new()
    })
}

fn json(reach: &Reach) -> String {
    serde_json::to_string(reach).map_or_else(|why| format!("{{\"error\":\"{why}\"}}\n"), |text| text + "\n")
}

fn whole(reach: &Reach, config: &Config) -> String {
    let zone = config.settings.style.zone;
    let clock = |time: crate::time::Timestamp| time.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string();
    let mut text = format!(
        "From {} to {}: {} bulletins, {} messages.\n\n",
        clock(reach.since),
        clock(reach.until),
        reach.bulletins,
        reach.channels.iter().map(|channel| channel.messages).sum::<u64>()
    );
    let header = [
        "channel",
        "audience",
        "languages",
        "messages",
        "delivered",
        "failed",
        "too late",
        "spared",
        "owed",
        "half in",
        "95 % in",
        "worst",
        "followers",
    ];
    let mut table = plain(header);
    for channel in &reach.channels {
        table.add_row(row(channel));
    }
    text.push_str(&drawn(&table));
    for (title, shares) in
        [("hazard", &reach.hazards), ("governorate", &reach.governorates), ("language", &reach.languages)]
    {
        if shares.is_empty() {
            continue;
        }
        let mut table = plain([title, "bulletins", "delivered", "share"]);
        for Share { name, bulletins, delivered, percent } in shares {
            table.add_row([name.clone(), bulletins.to_string(), delivered.to_string(), format!("{percent} %")]);
        }
        text.push_str(&format!("\n{}", drawn(&table)));
    }
    text
}

fn row(channel: &ChannelReach) -> [String; 13] {
    let time = |ms: Option<i64>| ms.map_or_else(|| "-".to_owned(), duration);
    let response = |pick: fn(&report::Response) -> i64| time(channel.response_ms.as_ref().map(pick));
    [
        channel.channel.clone(),
        channel.audience.unwrap_or("gone").to_owned(),
        channel.languages.join("+"),
        channel.messages.to_string(),
        channel.delivered.to_string(),
        channel.failed.to_string(),
        channel.expired.to_string(),
        channel.spared.to_string(),
        channel.owed.to_string(),
        response(|response| response.median),
        response(|response| response.p95),
        response(|response| response.worst),
        channel.followers.map_or_else(|| "-".to_owned(), |count| count.to_string()),
    ]
}

/// A length of time as people read it.
fn duration(ms: i64) -> String {
    match ms {
        ..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => super::columns::age(TimeDelta::milliseconds(ms)),
    }
}
