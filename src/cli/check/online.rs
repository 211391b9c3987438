//! `nadhir check --online`: asks each feed once, and finds out whether each channel could send and whether the database that several
//! nodes share can be used. It keeps nothing, sends no message, and makes no file and no tables.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio::net::TcpStream;

use super::super::columns::{drawn, plain};
use super::super::feed::asked::Report;
use super::super::feed::pieces::{Stopped, asker};
use super::counted;
use crate::config::database::Database;
use crate::config::{ChannelConfig, Config, FeedConfig};
use crate::daemon::clock::Clock;
use crate::daemon::watcher::folder::Look;
use crate::feed::{Source, Subscription};
use crate::sink::World;
use crate::store::postgres::probe;

/// How long one feed, channel or database may take, with all that it leads to; each request has a shorter limit of its own.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// How many are asked at one time.
const MAX_AT_ONCE: usize = 4;

/// How long a broker may take to take a connection.
const BROKER_WAIT: Duration = Duration::from_secs(5);

/// The ports of brokers whose address does not say (MQTT in the open, and over TLS).
const BROKER_PORTS: (u16, u16) = (1883, 8883);

/// The longest text that is shown of what came, in characters.
const MAX_SHOWN: usize = 160;

/// What the bar looks like.
const FORM: &str = "asking {bar:40} {pos}/{len}  {elapsed}  {msg}";

/// What was asked, and how that went.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Probe {
    /// `feed`, `channel` or `store`.
    what: &'static str,
    name: String,
    kind: &'static str,
    /// True when it is as it should be.
    ok: bool,
    /// In a few words; never a secret.
    came: String,
    took_ms: u64,
}

/// Whether it is as it should be, and what came.
type Found = Result<String, String>;

/// Asks everything that is enabled, a few at a time; in the order of the files. `state` is where relative paths begin.
pub(super) async fn ask(config: &Config, state: &Path) -> Vec<Probe> {
    let database = config.settings.database.as_ref();
    let bar = bar(config.feeds.len() + config.channels.len() + database.iter().len());
    let world = World::new(state.to_path_buf());
    let feeds = config.feeds.iter().map(|feed| {
        let asked: BoxFuture<'_, Found> = Box::pin(feed_found(feed, &config.settings.contact, state.to_path_buf()));
        ("feed", feed.id.to_string(), feed.kind, asked)
    });
    let channels = config.channels.iter().map(|channel| {
        let asked: BoxFuture<'_, Found> = Box::pin(channel_found(channel, world.as_ref()));
        ("channel", channel.listener.channel.to_string(), channel.kind, asked)
    });
    let stores = database.into_iter().map(|database| {
        let asked: BoxFuture<'_, Found> = Box::pin(database_found(database, state));
        ("store", database.address.to_string(), "postgresql", asked)
    });
    let probes = feeds.chain(channels).chain(stores).enumerate().map(|(place, (what, name, kind, asked))| {
        let bar = &bar;
        async move {
            bar.set_message(name.clone());
            let began = Instant::now();
            let found = tokio::time::timeout(MAX_WAIT, asked).await;
            let found = found.unwrap_or_else(|_| Err(format!("not done within {} s", MAX_WAIT.as_secs())));
            bar.inc(1);
            let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let ok = found.is_ok();
            (place, Probe { what, name, kind, ok, came: found.unwrap_or_else(|why| why), took_ms })
        }
    });
    let mut probes: Vec<(usize, Probe)> = stream::iter(probes).buffer_unordered(MAX_AT_ONCE).collect().await;
    bar.finish_and_clear();
    probes.sort_by_key(|(place, _)| *place);
    probes.into_iter().map(|(_, probe)| probe).collect()
}

/// A bar on standard error, where a terminal shows it.
fn bar(all: usize) -> ProgressBar {
    let bar = ProgressBar::new(all as u64);
    bar.set_style(ProgressStyle::with_template(FORM).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

async fn feed_found(feed: &FeedConfig, contact: &str, state: PathBuf) -> Found {
    if let Source::Broker(subscription) = feed.feed.source(Clock::System.now()) {
        return brokers_found(&subscription).await;
    }
    let reason = |Stopped(_, why): Stopped| why;
    let asker = asker(feed.clone(), contact, state, Clock::System).map_err(reason)?;
    let pieces = asker.ask(&mut Look::default()).await.map_err(reason)?;
    Report::new(&asker, pieces).in_a_line()
}

/// Whether the brokers take a connection; what they push is waited for by the service alone.
async fn brokers_found(subscription: &Subscription) -> Found {
    let mut away = Vec::new();
    for broker in &subscription.brokers {
        let host = broker.host_str().unwrap_or_default();
        let (open, secured) = BROKER_PORTS;
        let port = broker.port().unwrap_or(if broker.scheme() == "mqtt" { open } else { secured });
        match tokio::time::timeout(BROKER_WAIT, TcpStream::connect((host, port))).await {
            Ok(Ok(_)) => {}
            Ok(Err(why)) => away.push(format!("{host}:{port}: {why}")),
            Err(_) => away.push(format!("{host}:{port}: no connection within {} s", BROKER_WAIT.as_secs())),
        }
    }
    if away.is_empty() {
        Ok(format!("{} can be reached; nothing was listened to", counted(subscription.brokers.len(), "broker")))
    } else {
        Err(away.join("; "))
    }
}

async fn channel_found(channel: &ChannelConfig, world: Result<&World, &String>) -> Found {
    let world = world.map_err(Clone::clone)?;
    if let Some(path) = channel.opener.own_path() {
        return path_found(&world.dir.join(path));
    }
    channel.opener.open(world)?.probe().await.map(|()| "it could send".to_owned())
}

/// Whether the database lets nadhir in, and holds its tables or nothing.
async fn database_found(database: &Database, state: &Path) -> Found {
    let found = probe(database.server(state)?).await;
    found.map(|found| found.to_string()).map_err(|why| why.to_string())
}

/// Whether a file could be written. It is not opened as the service opens it, which makes it, locks it and mends its last line.
fn path_found(path: &Path) -> Found {
    if path.is_file() {
        let opened = OpenOptions::new().append(true).open(path);
        return opened
            .map(|_| "the file can be written".to_owned())
            .map_err(|why| format!("{}: {why}", path.display()));
    }
    if path.exists() {
        return Err(format!("{} is not a plain file; name another path", path.display()));
    }
    match path.ancestors().skip(1).find(|above| above.exists()) {
        Some(above) if above.is_dir() => Ok("the file is made with the first message".to_owned()),
        Some(above) => Err(format!("{} is not a directory", above.display())),
        None => Err(format!("{} leads nowhere", path.display())),
    }
}

/// A table for a person, and a sentence.
pub(super) fn table(probes: &[Probe]) -> String {
    let mut table = plain(["asked", "name", "kind", "took", "verdict", "what came"]);
    for probe in probes {
        let verdict = if probe.ok { "good" } else { "FAILED" };
        table.add_row([
            probe.what.to_owned(),
            probe.name.clone(),
            probe.kind.to_owned(),
            format!("{} ms", probe.took_ms),
            verdict.to_owned(),
            shown(&probe.came),
        ]);
    }
    let failed = probes.iter().filter(|probe| !probe.ok).count();
    let sum = match failed {
        0 => format!("All {} are as they should be.", probes.len()),
        failed => format!("{failed} of {} are not as they should be.", probes.len()),
    };
    format!("{}{sum}\n", drawn(&table))
}

/// True when all are as they should be.
pub(super) fn are_good(probes: &[Probe]) -> bool {
    probes.iter().all(|probe| probe.ok)
}

/// A text of somebody else on one line, and not too long.
fn shown(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
