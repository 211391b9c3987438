//! Watchers: one for each feed. A watcher asks at its time, reads the answer, and brings what it heard to the brain.
//!
//! What tells an unchanged answer from a new one is remembered by the brain together with what the answer held, so that an
//! entry which could not be fetched is asked for again. Where a feed is several requests, each has its own, remembered here with what
//! it held: both are gone together when the watcher is, and everything is asked for whole.
//!
//! Waits. A server may ask to be left alone (`Retry-After`) or promise that its answer stays as it is (`Expires`, `Cache-Control`),
//! and is not asked before. Both are bounded by the feed's own patience, the shorter of `stale_after` and `silent_after`, so that a
//! server that is mistaken or lies cannot silence it: a promise by half of that, a plea by the whole.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use xxhash_rust::xxh3::xxh3_64;

use super::brain::Order;
use super::clock::Clock;
use crate::aside::{Aside, Note};
use crate::config::FeedConfig;
use crate::engine::{Event, FeedState, Heard};
use crate::feed::{Batch, DecodeError, Feed, Source};
use crate::fetch::{FetchError, Fetcher, Limits};
use crate::schedule::Schedule;
use crate::time::{TimeDelta, Timestamp};

pub mod folder;
mod follow;
mod web;

use folder::Look;
pub use follow::{FOLLOW_FOR, MAX_FOLLOWED, Probed};
pub use web::ASK_FOR;

/// The first wait after a failure; it doubles up to the feed's own interval.
pub const FIRST_WAIT: TimeDelta = TimeDelta::seconds(30);

/// The watcher of one feed.
pub struct Watcher {
    feed: FeedConfig,
    fetcher: Arc<Fetcher>,
    aside: Arc<Aside>,
    /// Where relative paths of folders begin.
    dir: PathBuf,
}

/// What a watcher knows from earlier times of asking. It is lost with the watcher, and then everything is asked for whole.
#[derive(Debug, Default)]
struct Memory {
    /// Documents that an index points to and that could not be had the last time, and how often their bytes were not as promised.
    troubled: BTreeMap<String, u8>,
    /// The answers of a feed of several requests.
    answers: web::Answers,
    /// The files of a folder.
    look: Look,
}

/// What came of asking once.
struct Asked {
    heard: Heard,
    /// How long the server wants to be left alone.
    wait: Option<TimeDelta>,
    /// How far the server's clock is ahead of the machine's, when it said.
    skew: Option<TimeDelta>,
}

impl Asked {
    /// What came of asking something that has no clock and no wishes.
    fn plainly(heard: Heard) -> Self {
        Self { heard, wait: None, skew: None }
    }
}

/// Where an answer came from, and what came with it.
pub(super) struct Origin<'a> {
    /// The address without its query, the file, or the broker and the topic.
    pub(super) from: &'a str,
    pub(super) headers: &'a [(String, String)],
}

impl Watcher {
    /// A watcher for a feed. `dir` is the state directory, where relative paths of folders begin.
    pub fn new(feed: FeedConfig, fetcher: Arc<Fetcher>, aside: Arc<Aside>, dir: PathBuf) -> Self {
        Self { feed, fetcher, aside, dir }
    }

    /// Asks at its times until told to stop or until the brain is gone.
    pub async fn run(&self, brain: mpsc::Sender<Order>, clock: Clock, stop: CancellationToken) {
        let mut failures: u32 = 0;
        let mut memory = Memory::default();
        while !stop.is_cancelled() {
            let Some(known) = recall(&brain, &self.feed).await else { return };
            let asked = tokio::select! {
                asked = self.ask(known.as_ref(), &mut memory, clock) => asked,
                () = stop.cancelled() => return,
            };
            let is_failure = matches!(asked.heard, Heard::Unreachable { .. } | Heard::Unreadable { .. });
            failures = if is_failure { failures.saturating_add(1) } else { 0 };
            let (done, committed) = oneshot::channel();
            let event = Event::Asked { feed: self.feed.id.clone(), heard: asked.heard, skew: asked.skew };
            let told =
                async { brain.send(Order::Happened(Box::new(event), done)).await.is_ok() && committed.await.is_ok() };
            tokio::select! {
                biased;
                is_committed = told => if !is_committed { return },
                // What the brain already has, it still decides; a store that fails must not hold up a stop or a reload.
                () = stop.cancelled() => return,
            }
            let next = self.next(clock.now(), failures, asked.wait);
            debug!(feed = %self.feed.id, %next, "Asking {} again at {next}", self.feed.id);
            tokio::select! {
                () = clock.sleep_until(next) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// When to ask next: by the schedule with its jitter; sooner after a failure, and never sooner than the server asked for.
    fn next(&self, now: Timestamp, failures: u32, wait: Option<TimeDelta>) -> Timestamp {
        let regular = self.feed.schedule.next_after(now) + self.lateness();
        let next = match failures {
            0 => regular,
            _ => {
                let backoff = FIRST_WAIT * 2i32.saturating_pow((failures - 1).min(16));
                let shaken = backoff.num_milliseconds() + fastrand::i64(0..=backoff.num_milliseconds() / 5);
                regular.min(now + TimeDelta::milliseconds(shaken))
            }
        };
        next.max(now + wait.unwrap_or_default())
    }

    /// How far a run is put off, within the jitter: for a cron line, whose runs fall on the full minute with those of everybody
    /// else, half of it by the feed's own name, always alike, and the other half by chance; for a span all of it by chance.
    fn lateness(&self) -> TimeDelta {
        let jitter = self.feed.jitter.num_milliseconds().max(0);
        let own = match self.feed.schedule {
            Schedule::Every(_) => 0,
            Schedule::Cron(..) => {
                let half = u64::try_from(jitter / 2).unwrap_or_default();
                let least = half.min(1000);
                let place = xxh3_64(self.feed.id.as_str().as_bytes()) % (half - least + 1);
                i64::try_from(least + place).unwrap_or_default()
            }
        };
        TimeDelta::milliseconds(own + fastrand::i64(0..=jitter - own))
    }

    async fn ask(&self, known: Option<&FeedState>, memory: &mut Memory, clock: Clock) -> Asked {
        match self.feed.feed.source(clock.now()) {
            Source::Web(requests) => match requests.as_slice() {
                [] => Asked::plainly(Heard::Unreachable { why: "there is nothing to ask".to_owned() }),
                [request] => self.ask_one(request, known, memory, clock).await,
                _ => self.ask_many(requests, known, memory, clock).await,
            },
            Source::Folder(folder) => Asked::plainly(self.look_into(&folder, known, memory, clock.now()).await),
            Source::Broker(_) => Asked::plainly(Heard::Unreachable {
                why: "it is told by a broker, and nobody listens to one".to_owned(),
            }),
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            timeout: self.feed.timeout.to_std().unwrap_or_default(),
            max_body: usize::try_from(self.feed.max_body).unwrap_or(usize::MAX),
        }
    }

    /// How long a server is left alone that promises freshness.
    fn freshness(&self, promised: Option<TimeDelta>) -> Option<TimeDelta> {
        promised.map(|promised| promised.min(self.patience() / 2))
    }

    /// How long a server is left alone that asks for it.
    fn plea(&self, why: &FetchError) -> Option<TimeDelta> {
        why.retry_after().map(|asked| asked.min(self.patience()))
    }

    /// How long the feed may be without an answer before its word does not count, or the people on duty hear of it.
    fn patience(&self) -> TimeDelta {
        self.feed.stale_after.min(self.feed.clocks.silent_after)
    }

    /// Reads an answer; what cannot be read, or is in a shape that is not known here, is kept aside for the staff.
    async fn read(&self, body: Vec<u8>, origin: &Origin<'_>, now: Timestamp) -> Result<Batch, String> {
        read(&self.feed, &self.aside, body, origin, now).await
    }
}

/// Reads an answer. What cannot be understood is kept aside, and its place is told.
///
/// # Errors
/// Why nothing of it can be read.
pub(super) async fn read(
    feed: &FeedConfig,
    aside: &Arc<Aside>,
    body: impl Into<Arc<Vec<u8>>>,
    origin: &Origin<'_>,
    now: Timestamp,
) -> Result<Batch, String> {
    let body = body.into();
    match decode(&feed.feed, Arc::clone(&body), now).await {
        Ok(mut batch) => {
            if let Some(first) = batch.strange.first() {
                let why = format!("{}: {}", first.part, first.why);
                let place = set_aside(feed, aside, body, origin, &why, now).await;
                for part in &mut batch.strange {
                    part.why.push_str(&place);
                }
            }
            Ok(batch)
        }
        Err(why) => {
            let place = set_aside(feed, aside, body, origin, &why, now).await;
            Err(why + &place)
        }
    }
}

/// Keeps a body aside; gives the words that name its place.
pub(super) async fn set_aside(
    feed: &FeedConfig,
    aside: &Arc<Aside>,
    body: Arc<Vec<u8>>,
    origin: &Origin<'_>,
    why: &str,
    now: Timestamp,
) -> String {
    if body.is_empty() {
        return String::new();
    }
    let (aside, id) = (Arc::clone(aside), feed.id.clone());
    let (from, headers, why) = (origin.from.to_owned(), origin.headers.to_vec(), why.to_owned());
    let kept = tokio::task::spawn_blocking(move || {
        aside.keep(&body, &Note { feed: &id, from: &from, at: now, why: &why, headers: &headers })
    });
    match kept.await {
        Ok(Ok(path)) => format!("; kept aside as {}", path.display()),
        Ok(Err(why)) => {
            warn!(feed = %feed.id, "What {} answered could not be kept aside: {why}", feed.id);
            format!("; it could not be kept aside: {why}")
        }
        Err(_) => String::new(),
    }
}

pub(super) async fn recall(brain: &mpsc::Sender<Order>, feed: &FeedConfig) -> Option<Option<FeedState>> {
    let (answer, recalled) = oneshot::channel();
    brain.send(Order::Recall(feed.id.clone(), answer)).await.ok()?;
    recalled.await.ok()
}

/// Reads an answer on a thread of its own; a decoder that panics is a fault of that answer, not of the program.
///
/// # Errors
/// Why nothing of it can be read.
pub async fn decode(feed: &Arc<dyn Feed>, body: impl Into<Arc<Vec<u8>>>, now: Timestamp) -> Result<Batch, String> {
    let (feed, body) = (Arc::clone(feed), body.into());
    match tokio::task::spawn_blocking(move || feed.decode(&body, now)).await {
        Ok(read) => read.map_err(|why: DecodeError| why.to_string()),
        Err(why) => Err(format!("the decoder broke down over it, which is a fault of this program: {why}")),
    }
}

#[cfg(test)]
mod tests;
