//! Manners towards other people's machines, over all feeds: never more than a few requests at a time to one host, none on the heels of
//! another, and no pile of requests to a host that is down. Decides who waits; asks nothing.
//!
//! The breaker: after [`TRIES`] failures in a row a host rests. Then only the first request of each time of asking goes out to it, as
//! a probe; what would follow it is refused at once. The first answer ends the rest. So a host that is down costs one request a
//! poll, and no feed is ever kept from asking at its own time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tracing::{info, warn};
use url::Url;

use super::FetchError;
use crate::feed::address::is_loopback;

/// The most requests to one host at a time, over all feeds.
pub const PER_HOST: usize = 2;

/// The least time from one request to the next at one host: MET Norway asks for less than twenty a second.
pub const SPACING: Duration = Duration::from_millis(60);

/// After how many failures in a row a host rests.
pub const TRIES: u32 = 3;

/// How long a request waits for its turn; each of those before it is bounded by its own timeout.
pub const MAX_TURN: Duration = Duration::from_secs(120);

/// The most hosts that are remembered while nobody asks them.
const MAX_HOSTS: usize = 1000;

/// The manners, shared by every fetcher of one configuration.
#[derive(Debug, Default)]
pub(super) struct Manners(Mutex<BTreeMap<String, Arc<Host>>>);

/// One host and its port.
#[derive(Debug)]
pub(super) struct Host {
    name: String,
    seats: Arc<Semaphore>,
    /// When the next request may go; none for this machine itself, which is not somebody else's.
    next: Option<Mutex<Instant>>,
    failures: AtomicU32,
}

/// A turn at a host; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    host: Arc<Host>,
    seat: Option<OwnedSemaphorePermit>,
}

impl Manners {
    /// Waits for a turn. A request that is not the first of its time of asking is refused while the host rests.
    pub(super) async fn turn(&self, url: &Url, is_first: bool) -> Result<Turn, FetchError> {
        let host = self.host(url);
        host.is_up_for(is_first)?;
        let waiting = tokio::time::timeout(MAX_TURN, Arc::clone(&host.seats).acquire_owned()).await;
        let seat = waiting.map_err(|_| FetchError::Timeout { after: MAX_TURN })?.ok();
        // It may have begun its rest while this request stood in the queue.
        host.is_up_for(is_first)?;
        if let Some(moment) = host.take_moment() {
            tokio::time::sleep_until(moment).await;
        }
        Ok(Turn { host, seat })
    }

    fn host(&self, url: &Url) -> Arc<Host> {
        let port = url.port_or_known_default().unwrap_or_default();
        let name = format!("{}:{port}", url.host_str().unwrap_or_default());
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if MAX_HOSTS <= hosts.len() {
            hosts.retain(|_, host| 1 < Arc::strong_count(host));
        }
        let new = || Host {
            name: name.clone(),
            seats: Arc::new(Semaphore::new(PER_HOST)),
            next: (!is_loopback(url)).then(|| Mutex::new(Instant::now())),
            failures: AtomicU32::new(0),
        };
        Arc::clone(hosts.entry(name.clone()).or_insert_with(|| Arc::new(new())))
    }
}

impl Host {
    fn is_up_for(&self, is_first: bool) -> Result<(), FetchError> {
        let failures = self.failures.load(Ordering::Relaxed);
        if is_first || failures < TRIES {
            return Ok(());
        }
        Err(FetchError::Resting { host: self.name.clone(), failures })
    }

    fn take_moment(&self) -> Option<Instant> {
        let mut next = self.next.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let moment = (*next).max(Instant::now());
        *next = moment + SPACING;
        Some(moment)
    }
}

impl Turn {
    /// Gives this turn up for one at the host to which a redirect leads.
    pub(super) async fn go_on(
        &mut self,
        next: impl Future<Output = Result<Self, FetchError>>,
    ) -> Result<(), FetchError> {
        self.note(None);
        // First the seat: two requests that are sent to each other's hosts must not wait for one another.
        self.seat = None;
        *self = next.await?;
        Ok(())
    }

    /// Notes how it went. An answer that is no good, such as 404, is still the answer of a host that is up.
    pub(super) fn note(&self, failed: Option<&FetchError>) {
        let Host { name, failures, .. } = &*self.host;
        let Some(why) = failed.filter(|why| is_of_the_host(why)) else {
            if TRIES <= failures.swap(0, Ordering::Relaxed) {
                info!("{name} answers again");
            }
            return;
        };
        // Whoever says when to come back has said all that further tries could tell.
        let is_told = why.retry_after().is_some();
        let before = failures.load(Ordering::Relaxed);
        let after = if is_told { before.saturating_add(1).max(TRIES) } else { before.saturating_add(1) };
        failures.store(after, Ordering::Relaxed);
        if before < TRIES && TRIES <= after {
            warn!(
                "{name} rests after {after} failures in a row, and is asked one thing at a time until it answers: {why}"
            );
        }
    }
}

/// True for a failure that says something of the host and not of one document.
fn is_of_the_host(why: &FetchError) -> bool {
    match why {
        FetchError::Timeout { .. } | FetchError::Unreachable { .. } | FetchError::Broken { .. } => true,
        FetchError::Status { code, .. } => *code == 429 || 500 <= *code,
        FetchError::TooLarge { .. }
        | FetchError::Redirect { .. }
        | FetchError::Inside { .. }
        | FetchError::Key { .. }
        | FetchError::Resting { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn down() -> FetchError {
        FetchError::Unreachable { why: "refused".to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_has_two_requests_at_a_time_and_none_on_the_heels_of_another() {
        let manners = Manners::default();
        let begun = Instant::now();
        let first = manners.turn(&url("https://a.example/1"), true).await.unwrap();
        let _second = manners.turn(&url("https://a.example/2"), true).await.unwrap();
        assert_eq!(begun.elapsed().as_millis().div_ceil(10), SPACING.as_millis().div_ceil(10));
        let (third, fourth) = (url("https://a.example/3"), url("https://a.example/4"));
        let waiting = manners.turn(&third, true);
        tokio::pin!(waiting);
        let too_early = tokio::time::timeout(Duration::from_secs(1), &mut waiting).await;
        assert!(too_early.is_err(), "two are at work");
        let other = url("https://b.example/");
        assert!(manners.turn(&other, true).await.is_ok(), "another host is another matter");
        drop(first);
        let third = waiting.await.unwrap();
        let hung = manners.turn(&fourth, true).await.unwrap_err();
        assert_eq!(hung, FetchError::Timeout { after: MAX_TURN });
        drop(third);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_is_down_is_only_probed_and_its_first_answer_ends_that() {
        let (manners, host) = (Manners::default(), url("https://a.example/"));
        for _ in 0..TRIES {
            manners.turn(&host, false).await.unwrap().note(Some(&down()));
        }
        let resting = manners.turn(&host, false).await.unwrap_err();
        assert_eq!(resting, FetchError::Resting { host: "a.example:443".to_owned(), failures: TRIES });
        let probe = manners.turn(&host, true).await.unwrap();
        probe.note(Some(&FetchError::Status { code: 404, retry_after: None }));
        assert!(manners.turn(&host, false).await.is_ok(), "404 is an answer");
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_asks_for_patience_has_it_at_once_and_a_document_that_is_missing_costs_none() {
        let (manners, host) = (Manners::default(), url("https://a.example/"));
        for _ in 0..2 * TRIES {
            let missing = FetchError::Status { code: 404, retry_after: None };
            manners.turn(&host, false).await.unwrap().note(Some(&missing));
        }
        let busy = FetchError::Status { code: 429, retry_after: Some(crate::time::TimeDelta::seconds(60)) };
        manners.turn(&host, false).await.unwrap().note(Some(&busy));
        assert!(manners.turn(&host, false).await.is_err());
    }
}
