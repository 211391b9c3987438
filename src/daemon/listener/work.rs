//! What is done about one message of a broker: it is read, what it points to is fetched, and the brain hears of it.
//!
//! A document that cannot be had holds the place of its message at the broker for a while and no longer, so that newer messages
//! come through; the people on duty are told, and it is sought for a while more. Never takes one for read that was not.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::super::brain::Order;
use super::super::clock::Clock;
use super::super::watcher::{Origin, read, recall, set_aside};
use super::heard;
use crate::aside::Aside;
use crate::config::FeedConfig;
use crate::engine::{Event, Heard};
use crate::feed::wis2::Identity;
use crate::feed::{Batch, Follow, Skip, integrity};
use crate::fetch::{Answer, Ask, FetchError, Fetcher, Limits};

/// How many documents of a feed are fetched at once.
pub const FETCHES_AT_ONCE: usize = 4;

/// How many documents that gave up their places are fetched at once, beside those that have theirs.
const LATE_AT_ONCE: usize = 2;

/// How long a document that cannot be had holds the place of its message at the broker, on the machine's clock.
pub const HOLD_FOR: Duration = Duration::from_secs(60);

/// The most documents of a feed that are sought without a place; what comes beyond them is given up at once.
pub const MAX_LATE: usize = 200;

/// How long a document is sought after it gave up its place, on the machine's clock.
pub const ASK_FOR: Duration = Duration::from_secs(60 * 60);

/// The first wait before a document is asked for again; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait before a document is asked for again.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// After how many tries it is noted that a document cannot be had yet.
const TOLD_AT: u32 = 4;

/// What is needed to bring messages of one feed to the brain.
pub(super) struct Work {
    pub(super) feed: FeedConfig,
    fetcher: Arc<Fetcher>,
    aside: Arc<Aside>,
    /// A broker of the feed, as an address of the web.
    home: Option<Url>,
    turns: Semaphore,
    late_turns: Semaphore,
    seats: Arc<Semaphore>,
    hold_for: Duration,
}

/// A message that is a notification.
pub(super) struct Pushed {
    pub(super) identity: Identity,
    /// The broker and the topic.
    pub(super) from: String,
    pub(super) body: Vec<u8>,
}

/// A document that was announced.
pub(super) struct Document {
    follow: Follow,
    /// What the notification held beside it.
    beside: Batch,
    version: String,
}

/// A document that gave up its place and is still sought.
pub(super) struct Late {
    document: Document,
    wait: Duration,
    _seat: OwnedSemaphorePermit,
}

/// How the work on a message ended.
pub(super) enum Ended {
    /// All that it brought is committed.
    Settled,
    /// It has given up its place; that is committed, and its document is still to be sought.
    Late(Box<Late>),
    /// The brain is gone.
    Alone,
}

/// What came of seeking a document until a moment.
enum Sought {
    Had(Batch),
    /// It came another way.
    Known,
    /// It will not come.
    Never(String),
    NotYet(String),
    /// The brain is gone.
    Alone,
}

impl Work {
    pub(super) fn new(feed: FeedConfig, fetcher: Arc<Fetcher>, aside: Arc<Aside>, home: Option<Url>) -> Self {
        Self {
            feed,
            fetcher,
            aside,
            home,
            turns: Semaphore::new(FETCHES_AT_ONCE),
            late_turns: Semaphore::new(LATE_AT_ONCE),
            seats: Arc::new(Semaphore::new(MAX_LATE)),
            hold_for: HOLD_FOR,
        }
    }

    /// Brings to the brain what a message holds or points to.
    pub(super) async fn bring(self: Arc<Self>, pushed: Pushed, brain: mpsc::Sender<Order>, clock: Clock) -> Ended {
        let end = Instant::now() + self.hold_for;
        let Pushed { identity, from, body } = pushed;
        match self.knows(&brain, &identity.version).await {
            None => return Ended::Alone,
            Some(true) => return Ended::Settled,
            Some(false) => {}
        }
        let (body, now) = (Arc::new(body), clock.now());
        let origin = Origin { from: &from, headers: &[] };
        let mut batch = match read(&self.feed, &self.aside, Arc::clone(&body), &origin, now).await {
            Ok(batch) => batch,
            Err(why) => return self.settled(&brain, Heard::Unreadable { why }).await,
        };
        let is_read = !batch.alerts.is_empty() || !batch.readings.is_empty() || !batch.context.is_empty();
        // Its content came along and nothing could be made of it.
        if identity.brings
            && !is_read
            && batch.strange.is_empty()
            && let Some(skip) = batch.skipped.first_mut()
        {
            let place = set_aside(&self.feed, &self.aside, body, &origin, &skip.why, now).await;
            skip.why.push_str(&place);
        }
        let Some(follow) = std::mem::take(&mut batch.follow).into_iter().next() else {
            // A description of data holds nothing for us, and that is no news.
            if batch.is_empty() {
                return Ended::Settled;
            }
            let entries = if is_read { vec![identity.version] } else { Vec::new() };
            return self.settled(&brain, heard(batch, entries)).await;
        };
        let document = Document { follow, beside: batch, version: identity.version };
        let mut wait = FIRST_WAIT;
        let why = match self.seek(&document, &self.turns, (end, &mut wait), &brain, clock).await {
            Sought::NotYet(why) => why,
            other => return self.told(document, other, &brain).await,
        };
        let seat = Arc::clone(&self.seats).try_acquire_owned().ok();
        let fate = match &seat {
            Some(_) => "asked for again for an hour, without its place at the broker".to_owned(),
            None => format!("given up: {MAX_LATE} others are asked for again already"),
        };
        let lost = vec![Skip { part: document.follow.identity.clone(), why: format!("{why}; {fate}") }];
        if !self.tell(&brain, heard(Batch { lost, ..Batch::default() }, Vec::new())).await {
            return Ended::Alone;
        }
        match seat {
            Some(seat) => Ended::Late(Box::new(Late { document, wait, _seat: seat })),
            None => Ended::Settled,
        }
    }

    /// Seeks a document that gave up its place; false when the brain is gone.
    pub(super) async fn pursue(self: Arc<Self>, late: Box<Late>, brain: mpsc::Sender<Order>, clock: Clock) -> bool {
        let Late { document, mut wait, _seat: seat } = *late;
        let end = Instant::now() + ASK_FOR;
        let sought = self.seek(&document, &self.late_turns, (end, &mut wait), &brain, clock).await;
        let ended = self.told(document, sought, &brain).await;
        drop(seat);
        !matches!(ended, Ended::Alone)
    }

    /// Tells the brain what came of a document.
    async fn told(&self, document: Document, sought: Sought, brain: &mpsc::Sender<Order>) -> Ended {
        let Document { follow, beside: mut batch, version } = document;
        let (text, is_had) = match sought {
            Sought::Had(found) => {
                batch.absorb(found);
                (None, true)
            }
            Sought::Known => return Ended::Settled,
            Sought::Alone => return Ended::Alone,
            Sought::Never(why) => (Some(why), false),
            Sought::NotYet(why) => (Some(format!("given up after an hour: {why}")), false),
        };
        batch.skipped.extend(text.map(|why| Skip { part: follow.identity, why }));
        let entries = if is_had { vec![version] } else { Vec::new() };
        self.settled(brain, heard(batch, entries)).await
    }

    /// Asks for a document until it is there or the time is up.
    async fn seek(
        &self,
        document: &Document,
        turns: &Semaphore,
        (end, wait): (Instant, &mut Duration),
        brain: &mpsc::Sender<Order>,
        clock: Clock,
    ) -> Sought {
        let mut last = "it was not answered in time".to_owned();
        for attempt in 1.. {
            match timeout_at(end, self.fetch(&document.follow, turns, clock)).await {
                Ok(Ok(found)) => return Sought::Had(found),
                Ok(Err(NotHad { text, is_final: true })) => return Sought::Never(text),
                Ok(Err(NotHad { text, is_final: false })) => last = text,
                Err(_) => return Sought::NotYet(last),
            }
            if attempt == TOLD_AT {
                let skip = Skip { part: document.follow.identity.clone(), why: format!("asked for again: {last}") };
                let told = Batch { skipped: vec![skip], ..Batch::default() };
                if !self.tell(brain, heard(told, Vec::new())).await {
                    return Sought::Alone;
                }
            }
            let shaken = *wait + wait.mul_f64(fastrand::f64() / 5.0);
            if end <= Instant::now() + shaken {
                return Sought::NotYet(last);
            }
            tokio::time::sleep(shaken).await;
            *wait = (*wait * 2).min(LONGEST_WAIT);
            // Another cache may have announced the same data, and they may be here by now.
            match self.knows(brain, &document.version).await {
                None => return Sought::Alone,
                Some(true) => return Sought::Known,
                Some(false) => {}
            }
        }
        Sought::NotYet(last)
    }

    /// Whether the brain has committed this version of the data; none when it is gone.
    async fn knows(&self, brain: &mpsc::Sender<Order>, version: &str) -> Option<bool> {
        let known = recall(brain, &self.feed).await?;
        Some(known.is_some_and(|known| known.entries.iter().any(|entry| entry == version)))
    }

    async fn fetch(&self, follow: &Follow, turns: &Semaphore, clock: Clock) -> Result<Batch, NotHad> {
        // The semaphore is never closed, so that a turn always comes.
        let _turn = turns.acquire().await;
        let limits = Limits {
            timeout: self.feed.timeout.to_std().unwrap_or_default(),
            max_body: usize::try_from(self.feed.max_body).unwrap_or(usize::MAX),
        };
        let now = clock.now();
        // Anyone may announce: where it leads is looked at as strictly as where a list does.
        let home = self.home.as_ref();
        let ask = Ask { request: &follow.request, limits: &limits, known: None, home, is_first: true };
        let fresh = match self.fetcher.ask(&ask, now).await {
            Ok(Answer::Fresh(fresh)) => fresh,
            Ok(Answer::NotModified { .. } | Answer::NoContent) => {
                return Err(NotHad::yet("an empty answer".to_owned()));
            }
            Err(FetchError::Status { code: 410, .. }) => {
                return Err(NotHad { text: "the server says it is gone (410)".to_owned(), is_final: true });
            }
            Err(why) => return Err(NotHad::yet(why.to_string())),
        };
        if let Some(announced) = &follow.integrity
            && !integrity::matches(announced, &fresh.body)
        {
            let name = announced.method.name();
            return Err(NotHad::yet(format!("its {name} is not the one announced, so it is not read")));
        }
        let from = crate::feed::address::shown(&follow.request.url);
        let origin = Origin { from: &from, headers: &fresh.headers };
        let mut batch = read(&self.feed, &self.aside, fresh.body, &origin, now).await.map_err(NotHad::yet)?;
        if !batch.follow.is_empty() {
            batch.follow.clear();
            let why = "what it points to is not followed".to_owned();
            batch.skipped.push(Skip { part: follow.identity.clone(), why });
        }
        Ok(batch)
    }

    /// Keeps a message aside that is no notification; gives the words that name its place.
    pub(super) async fn keep(&self, from: &str, body: Vec<u8>, why: &str, clock: Clock) -> String {
        let origin = Origin { from, headers: &[] };
        set_aside(&self.feed, &self.aside, Arc::new(body), &origin, why, clock.now()).await
    }

    async fn settled(&self, brain: &mpsc::Sender<Order>, heard: Heard) -> Ended {
        if self.tell(brain, heard).await { Ended::Settled } else { Ended::Alone }
    }

    /// Tells the brain, and waits until it has committed what follows from it; false when it is gone.
    pub(super) async fn tell(&self, brain: &mpsc::Sender<Order>, heard: Heard) -> bool {
        let (done, committed) = oneshot::channel();
        let event = Event::Asked { feed: self.feed.id.clone(), heard, skew: None };
        brain.send(Order::Happened(Box::new(event), done)).await.is_ok() && committed.await.is_ok()
    }
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
mod tests;
