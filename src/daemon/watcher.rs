//! Watchers: one for each feed. A watcher asks at its time, reads the answer, and brings what it heard to the brain.
//!
//! What tells an unchanged answer from a new one is remembered by the brain together with what the answer held, so that an
//! entry which could not be fetched is asked for again.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::brain::Order;
use super::clock::Clock;
use crate::config::FeedConfig;
use crate::engine::{Event, FeedState, Heard};
use crate::feed::{Batch, DecodeError, Feed, Follow, Skip, Source, Validators};
use crate::fetch::{Answer, FetchError, Fetcher, Limits};
use crate::time::{TimeDelta, Timestamp};

/// The most documents of an index that are fetched at one time of asking.
pub const MAX_FOLLOWED: usize = 100;

/// How long the documents of an index are fetched at one time of asking, on the machine's clock. What is in hand by then goes to
/// the brain: an alert that has arrived must not wait for a hundred that do not.
pub const FOLLOW_FOR: std::time::Duration = std::time::Duration::from_secs(30);

/// The first wait after a failure; it doubles up to the feed's own interval.
pub const FIRST_WAIT: TimeDelta = TimeDelta::seconds(30);

/// The watcher of one feed.
pub struct Watcher {
    feed: FeedConfig,
    fetcher: Arc<Fetcher>,
}

/// What came of asking once.
struct Asked {
    heard: Heard,
    wait: Option<TimeDelta>,
}

impl Watcher {
    /// A watcher for a feed.
    pub fn new(feed: FeedConfig, fetcher: Arc<Fetcher>) -> Self {
        Self { feed, fetcher }
    }

    /// Asks at its times until told to stop or until the brain is gone.
    pub async fn run(&self, brain: mpsc::Sender<Order>, clock: Clock, stop: CancellationToken) {
        let mut failures: u32 = 0;
        let mut troubled = BTreeSet::new();
        while !stop.is_cancelled() {
            let Some(known) = recall(&brain, &self.feed).await else { return };
            let asked = tokio::select! {
                asked = self.ask(known.as_ref(), &mut troubled, clock.now()) => asked,
                () = stop.cancelled() => return,
            };
            let is_failure = matches!(asked.heard, Heard::Unreachable { .. } | Heard::Unreadable { .. });
            failures = if is_failure { failures.saturating_add(1) } else { 0 };
            let (done, committed) = oneshot::channel();
            let event = Event::Asked { feed: self.feed.id.clone(), heard: asked.heard, skew: None };
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
        let jitter = self.feed.jitter.num_milliseconds().max(0);
        let regular = self.feed.schedule.next_after(now) + TimeDelta::milliseconds(fastrand::i64(0..=jitter));
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

    async fn ask(&self, known: Option<&FeedState>, troubled: &mut BTreeSet<String>, now: Timestamp) -> Asked {
        let request = match self.feed.feed.source(now) {
            Source::Web(requests) => requests.into_iter().next(),
            Source::Folder(_) | Source::Broker(_) => None,
        };
        let Some(request) = request else {
            return Asked { heard: Heard::Unreachable { why: "there is nothing to ask".to_owned() }, wait: None };
        };
        let validators = known.and_then(|known| known.validators.as_ref());
        let limits = Limits {
            timeout: self.feed.timeout.to_std().unwrap_or_default(),
            max_body: usize::try_from(self.feed.max_body).unwrap_or(usize::MAX),
        };
        match self.fetcher.get(&request, &limits, validators, now).await {
            Ok(Answer::NotModified { .. }) => Asked { heard: Heard::Unchanged, wait: None },
            Ok(Answer::NoContent) => Asked { heard: Heard::Nothing, wait: None },
            Ok(Answer::Fresh(fresh)) => {
                let heard = match decode(&self.feed.feed, fresh.body, now).await {
                    Ok(batch) => self.follow(batch, fresh.validators, known, troubled, &limits, now).await,
                    Err(why) => Heard::Unreadable { why },
                };
                Asked { heard, wait: None }
            }
            Err(why) => {
                let wait = why.retry_after();
                Asked { heard: Heard::Unreachable { why: why.to_string() }, wait }
            }
        }
    }

    /// Fetches the entries of an index that are not known yet, and joins what they hold. `troubled` are those that could not be
    /// had the last time: they come last, so that a few which hang never keep all the others from being asked for.
    async fn follow(
        &self,
        mut batch: Batch,
        validators: Validators,
        known: Option<&FeedState>,
        troubled: &mut BTreeSet<String>,
        limits: &Limits,
        now: Timestamp,
    ) -> Heard {
        let nothing_known = VecDeque::new();
        let entries = known.map_or(&nothing_known, |known| &known.entries);
        let pointed_to = std::mem::take(&mut batch.follow);
        let is_empty_index = pointed_to.is_empty() && batch.is_empty();
        let mut new: Vec<Follow> =
            pointed_to.into_iter().filter(|follow| !entries.contains(&follow.identity)).collect();
        new.sort_by_key(|follow| troubled.contains(&follow.identity));
        // What the list does not name any more is no trouble, so this never grows beyond a list.
        troubled.retain(|identity| new.iter().any(|follow| follow.identity == *identity));
        let is_all = new.len() <= MAX_FOLLOWED;
        let mut taken = Vec::new();
        let mut is_whole = is_all;
        let end = tokio::time::Instant::now() + FOLLOW_FOR;
        for follow in new.into_iter().take(MAX_FOLLOWED) {
            if end <= tokio::time::Instant::now() {
                is_whole = false;
                let why = format!("asked for again: the ones before it took longer than {} s", FOLLOW_FOR.as_secs());
                batch.skipped.push(Skip { part: follow.identity, why });
                continue;
            }
            match self.fetch_entry(&follow, limits, now).await {
                Ok(entry) => {
                    batch.absorb(entry);
                    troubled.remove(&follow.identity);
                    taken.push(follow.identity);
                }
                Err(EntryError::Later(why)) => {
                    is_whole = false;
                    troubled.insert(follow.identity.clone());
                    batch.skipped.push(Skip { part: follow.identity, why: format!("asked for again: {why}") });
                }
                Err(EntryError::Never(why)) => {
                    batch.skipped.push(Skip { part: follow.identity.clone(), why });
                    taken.push(follow.identity);
                }
            }
        }
        if is_empty_index {
            return Heard::Nothing;
        }
        if batch.is_empty() && taken.is_empty() && is_whole {
            // An index that names only what is known already, from a server that does not answer 304.
            return Heard::Unchanged;
        }
        Heard::Batch { batch, validators: is_whole.then_some(validators), entries: taken }
    }

    async fn fetch_entry(&self, follow: &Follow, limits: &Limits, now: Timestamp) -> Result<Batch, EntryError> {
        match self.fetcher.get(&follow.request, limits, None, now).await {
            // A page that says «under maintenance» and a file that is still being written come in the place of an alert that
            // will be there in a moment.
            Ok(Answer::Fresh(fresh)) => decode(&self.feed.feed, fresh.body, now).await.map_err(EntryError::Later),
            Ok(Answer::NotModified { .. } | Answer::NoContent) => Err(EntryError::Later("an empty answer".to_owned())),
            Err(FetchError::Status { code: 410, .. }) => {
                Err(EntryError::Never("the server says it is gone (410)".to_owned()))
            }
            Err(why) => Err(EntryError::Later(why.to_string())),
        }
    }
}

/// Why an entry of an index gave nothing.
enum EntryError {
    /// It may be had later.
    Later(String),
    /// The server says that it will not come back.
    Never(String),
}

pub(super) async fn recall(brain: &mpsc::Sender<Order>, feed: &FeedConfig) -> Option<Option<FeedState>> {
    let (answer, recalled) = oneshot::channel();
    brain.send(Order::Recall(feed.id.clone(), answer)).await.ok()?;
    recalled.await.ok()
}

/// Reads an answer on a thread of its own; a decoder that panics is a fault of that answer, not of the daemon.
pub(super) async fn decode(feed: &Arc<dyn Feed>, body: Vec<u8>, now: Timestamp) -> Result<Batch, String> {
    let feed = Arc::clone(feed);
    match tokio::task::spawn_blocking(move || feed.decode(&body, now)).await {
        Ok(read) => read.map_err(|why: DecodeError| why.to_string()),
        Err(why) => Err(format!("the decoder broke down over it, which is a fault of this program: {why}")),
    }
}

#[cfg(test)]
mod tests;
