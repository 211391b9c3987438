//! Listeners: one for each feed that brokers push. A listener hears all brokers of its feed at once, reads what they announce,
//! fetches what that points to, and brings it to the brain.
//!
//! A message is done when the brain has committed what it brought, and not before: until then every broker that sent it keeps
//! it. The same message through a second broker is told once. That a broker is connected says that the feed lives, and nothing
//! of the weather.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use super::brain::Order;
use super::clock::Clock;
use super::watcher::{decode, recall};
use crate::config::FeedConfig;
use crate::engine::{Event, Heard};
use crate::feed::wis2::{Identity, MAX_BROKERS, identity};
use crate::feed::{Batch, Follow, Skip, Subscription, integrity};
use crate::fetch::{Answer, Ask, FetchError, Fetcher, Limits};
use crate::listen::{Ack, Listening, MAX_IN_HAND, Message, News, Standing, Standings};

mod seen;

use seen::{Met, Seen};

/// The most messages of a feed that are worked on at once: as many as all its brokers may have sent us that are not done.
pub const MAX_AT_ONCE: usize = MAX_IN_HAND as usize * MAX_BROKERS;

/// How many documents of a feed are fetched at once.
pub const FETCHES_AT_ONCE: usize = 4;

/// How long a document is asked for again when it cannot be had, on the machine's clock: as long as brokers keep for us what we
/// have not done.
pub const ASK_FOR: Duration = Duration::from_secs(60 * 60);

/// The first wait before a document is asked for again; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait before a document is asked for again.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// After how many tries the people on duty are told of a document that cannot be had.
const TOLD_AT: u32 = 4;

/// The listener of one feed.
pub struct Listener {
    work: Arc<Work>,
    subscription: Subscription,
    dir: PathBuf,
}

/// What is needed to bring one message to the brain.
struct Work {
    feed: FeedConfig,
    fetcher: Arc<Fetcher>,
    /// A broker of the feed, as an address of the web.
    home: Option<Url>,
    turns: Semaphore,
}

/// What is in hand.
struct Hand {
    jobs: JoinSet<bool>,
    names: BTreeMap<Id, String>,
    seen: Seen<Ack>,
}

impl Listener {
    /// A listener for a feed; relative paths of its subscription begin in `dir`.
    pub fn new(feed: FeedConfig, subscription: Subscription, fetcher: Arc<Fetcher>, dir: PathBuf) -> Self {
        let home = subscription.brokers.first().and_then(neighbour);
        let work = Work { feed, fetcher, home, turns: Semaphore::new(FETCHES_AT_ONCE) };
        Self { work: Arc::new(work), subscription, dir }
    }

    /// Listens until told to stop or until the brain is gone.
    pub async fn run(&self, brain: mpsc::Sender<Order>, clock: Clock, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let FeedConfig { id, connection, .. } = &self.work.feed;
            let why = match Listening::open(&self.subscription, id.as_str(), &self.dir, connection.ca.as_deref()) {
                Ok(mut listening) => {
                    let why = tokio::select! {
                        biased;
                        () = stop.cancelled() => None,
                        why = self.listen(&mut listening, &brain, clock) => why,
                    };
                    listening.close().await;
                    why
                }
                Err(why) => Some(why),
            };
            // None when all is over: the service stops, or its brain is gone.
            let Some(why) = why else { return };
            let again = async {
                self.work.tell(&brain, Heard::Unreachable { why }).await;
                clock.sleep_until(self.work.feed.schedule.next_after(clock.now())).await;
            };
            tokio::select! {
                () = again => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Takes what comes, until listening breaks down (why) or the brain is gone (none).
    async fn listen(&self, listening: &mut Listening, brain: &mpsc::Sender<Order>, clock: Clock) -> Option<String> {
        let mut hand = Hand { jobs: JoinSet::new(), names: BTreeMap::new(), seen: Seen::default() };
        let mut told = None;
        let mut beat = self.work.feed.schedule.next_after(clock.now());
        loop {
            let has_room = hand.jobs.len() < MAX_AT_ONCE;
            tokio::select! {
                Some(ended) = hand.jobs.join_next_with_id(), if !hand.jobs.is_empty() => {
                    if !hand.settle(ended) {
                        return None;
                    }
                }
                news = listening.next(has_room) => match news {
                    News::Message(message) => self.take(message, &mut hand, brain, clock).await?,
                    News::Standing => {
                        let standings = listening.standings();
                        let lost = lost(&standings);
                        // Another reason of the same broker is no news.
                        if told.as_ref() != Some(&lost) && let Some(heard) = heard_of(&standings) {
                            told = Some(lost);
                            self.work.tell(brain, heard).await.then_some(())?;
                        }
                    }
                    News::Broken(why) => {
                        error!(feed = %self.work.feed.id, "The listener of {} broke down and begins again: {why}", self.work.feed.id);
                        return Some(format!("listening broke down: {why}"));
                    }
                },
                () = clock.sleep_until(beat) => {
                    beat = self.work.feed.schedule.next_after(clock.now());
                    if let Some(heard) = heard_of(&listening.standings()) {
                        self.work.tell(brain, heard).await.then_some(())?;
                    }
                }
            }
        }
    }

    /// Begins to work on a message, unless it is known. None when the brain is gone.
    async fn take(&self, message: Message, hand: &mut Hand, brain: &mpsc::Sender<Order>, clock: Clock) -> Option<()> {
        let Message { broker, topic, body, ack } = message;
        match identity(&body) {
            Ok(identity) => {
                debug!(feed = %self.work.feed.id, "{broker} sent {} under {topic}", identity.id);
                // By its bytes as well: a copy that was damaged at one broker must not hide the good one of another.
                let id = format!("{} {:016x}", identity.id, xxh3_64(&body));
                match hand.seen.meet(&id, ack, clock.now()) {
                    Met::New => {
                        let job = Arc::clone(&self.work).bring(identity, body, brain.clone(), clock);
                        hand.names.insert(hand.jobs.spawn(job).id(), id);
                    }
                    Met::InHand => {}
                    Met::Done(ack) => ack.give(),
                }
            }
            Err(why) => {
                // It would be the same every time; told, it is done.
                let part = format!("{broker}, {}", topic.chars().take(200).collect::<String>());
                let batch = Batch { skipped: vec![Skip { part, why: why.to_string() }], ..Batch::default() };
                self.work.tell(brain, heard(batch, Vec::new())).await.then_some(())?;
                ack.give();
            }
        }
        Some(())
    }
}

impl Hand {
    /// Takes note of a message that is done; false when the brain is gone.
    fn settle(&mut self, ended: Result<(Id, bool), JoinError>) -> bool {
        match ended {
            Ok((job, is_committed)) => {
                if let Some(id) = self.names.remove(&job)
                    && is_committed
                {
                    self.seen.done(&id).into_iter().for_each(Ack::give);
                }
                is_committed
            }
            Err(why) => {
                error!("A message of a broker could not be worked on, which is a fault of this program: {why}");
                if let Some(id) = self.names.remove(&why.id()) {
                    self.seen.forget(&id);
                }
                true
            }
        }
    }
}

/// What is told of the brokers: that some are heard and which are not, or that none is; nothing while they are being reached.
fn heard_of(standings: &Standings) -> Option<Heard> {
    let why: Vec<String> = standings
        .iter()
        .filter_map(|(broker, standing)| match standing {
            Standing::Lost(why) => Some(format!("{broker} is not heard: {why}")),
            Standing::Starting | Standing::Heard => None,
        })
        .collect();
    let why = (!why.is_empty()).then(|| why.join("; "));
    let has = |wanted: &Standing| standings.values().any(|standing| standing == wanted);
    if has(&Standing::Heard) {
        Some(Heard::Listening { without: why })
    } else if has(&Standing::Starting) {
        None
    } else {
        why.map(|why| Heard::Unreachable { why })
    }
}

/// Which brokers are lost.
fn lost(standings: &Standings) -> Vec<Arc<str>> {
    let lost =
        |(broker, standing): (&Arc<str>, &Standing)| matches!(standing, Standing::Lost(_)).then(|| Arc::clone(broker));
    standings.iter().filter_map(lost).collect()
}

fn heard(batch: Batch, entries: Vec<String>) -> Heard {
    Heard::Batch { batch, validators: None, entries }
}

impl Work {
    /// Brings to the brain what a message holds or points to; true when that is committed, false when the brain is gone.
    async fn bring(
        self: Arc<Self>,
        identity: Identity,
        body: Vec<u8>,
        brain: mpsc::Sender<Order>,
        clock: Clock,
    ) -> bool {
        match self.knows(&brain, &identity.version).await {
            None => return false,
            Some(true) => return true,
            Some(false) => {}
        }
        let mut batch = match decode(&self.feed.feed, body, clock.now()).await {
            Ok(batch) => batch,
            Err(why) => return self.tell(&brain, Heard::Unreadable { why }).await,
        };
        let Some(follow) = std::mem::take(&mut batch.follow).into_iter().next() else {
            // A description of data holds nothing for us, and that is no news.
            if batch.is_empty() {
                return true;
            }
            let is_read = !batch.alerts.is_empty() || !batch.readings.is_empty();
            let entries = if is_read { vec![identity.version] } else { Vec::new() };
            return self.tell(&brain, heard(batch, entries)).await;
        };
        let end = Instant::now() + ASK_FOR;
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let why = match self.fetch(&follow, clock).await {
                Ok(document) => {
                    batch.absorb(document);
                    return self.tell(&brain, heard(batch, vec![identity.version])).await;
                }
                Err(why) => why,
            };
            let skip = |why: String| Skip { part: follow.identity.clone(), why };
            if why.is_final || end <= Instant::now() {
                let text = if why.is_final { why.text } else { format!("given up after an hour: {}", why.text) };
                batch.skipped.push(skip(text));
                return self.tell(&brain, heard(batch, Vec::new())).await;
            }
            if attempt == TOLD_AT {
                let told = Batch { skipped: vec![skip(format!("asked for again: {}", why.text))], ..Batch::default() };
                if !self.tell(&brain, heard(told, Vec::new())).await {
                    return false;
                }
            }
            tokio::time::sleep(wait + wait.mul_f64(fastrand::f64() / 5.0)).await;
            wait = (wait * 2).min(LONGEST_WAIT);
            // Another cache may have announced the same data, and they may be here by now.
            match self.knows(&brain, &identity.version).await {
                None => return false,
                Some(true) => return true,
                Some(false) => {}
            }
        }
        true
    }

    /// Whether the brain has committed this version of the data; none when it is gone.
    async fn knows(&self, brain: &mpsc::Sender<Order>, version: &str) -> Option<bool> {
        let known = recall(brain, &self.feed).await?;
        Some(known.is_some_and(|known| known.entries.iter().any(|entry| entry == version)))
    }

    async fn fetch(&self, follow: &Follow, clock: Clock) -> Result<Batch, NotHad> {
        // The semaphore is never closed, so that a turn always comes.
        let _turn = self.turns.acquire().await;
        let limits = Limits {
            timeout: self.feed.timeout.to_std().unwrap_or_default(),
            max_body: usize::try_from(self.feed.max_body).unwrap_or(usize::MAX),
        };
        let now = clock.now();
        // Anyone may announce: where it leads is looked at as strictly as where a list does.
        let home = self.home.as_ref();
        let ask = Ask { request: &follow.request, limits: &limits, known: None, home, is_first: true };
        let body = match self.fetcher.ask(&ask, now).await {
            Ok(Answer::Fresh(fresh)) => fresh.body,
            Ok(Answer::NotModified { .. } | Answer::NoContent) => {
                return Err(NotHad::yet("an empty answer".to_owned()));
            }
            Err(FetchError::Status { code: 410, .. }) => {
                return Err(NotHad { text: "the server says it is gone (410)".to_owned(), is_final: true });
            }
            Err(why) => return Err(NotHad::yet(why.to_string())),
        };
        if let Some(announced) = &follow.integrity
            && !integrity::matches(announced, &body)
        {
            let name = announced.method.name();
            return Err(NotHad::yet(format!("its {name} is not the one announced, so it is not read")));
        }
        let mut batch = decode(&self.feed.feed, body, now).await.map_err(NotHad::yet)?;
        if !batch.follow.is_empty() {
            batch.follow.clear();
            let why = "what it points to is not followed".to_owned();
            batch.skipped.push(Skip { part: follow.identity.clone(), why });
        }
        Ok(batch)
    }

    /// Tells the brain, and waits until it has committed what follows from it; false when it is gone.
    async fn tell(&self, brain: &mpsc::Sender<Order>, heard: Heard) -> bool {
        let (done, committed) = oneshot::channel();
        let event = Event::Asked { feed: self.feed.id.clone(), heard, skew: None };
        brain.send(Order::Happened(Box::new(event), done)).await.is_ok() && committed.await.is_ok()
    }
}

/// A broker as an address of the web, so that documents may lie beside one that is itself in an inner network.
fn neighbour(broker: &Url) -> Option<Url> {
    Url::parse(&format!("https://{}", broker.host_str()?)).ok()
}

/// Why a document was not had.
struct NotHad {
    text: String,
    is_final: bool,
}

impl NotHad {
    fn yet(text: String) -> Self {
        Self { text, is_final: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(standings: &[(&str, Standing)]) -> String {
        let standings: Standings =
            standings.iter().map(|(name, standing)| ((*name).into(), standing.clone())).collect();
        match heard_of(&standings) {
            None => "-".to_owned(),
            Some(Heard::Listening { without: None }) => "listening".to_owned(),
            Some(Heard::Listening { without: Some(why) }) => format!("listening, but {why}"),
            Some(Heard::Unreachable { why }) => format!("unreachable: {why}"),
            Some(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_broker_that_is_heard_is_enough_and_those_that_are_not_are_told() {
        let lost = || Standing::Lost("refused".to_owned());
        assert_eq!(told(&[("a", Standing::Starting), ("b", Standing::Starting)]), "-");
        assert_eq!(told(&[("a", lost()), ("b", Standing::Starting)]), "-");
        assert_eq!(told(&[("a", Standing::Heard), ("b", Standing::Starting)]), "listening");
        assert_eq!(told(&[("a", Standing::Heard), ("b", Standing::Heard)]), "listening");
        assert_eq!(told(&[("a", Standing::Heard), ("b", lost())]), "listening, but b is not heard: refused");
        assert_eq!(
            told(&[("a", lost()), ("b", lost())]),
            "unreachable: a is not heard: refused; b is not heard: refused"
        );
    }
}
