//! The hub: takes what people ask of it, has it confirmed where they want to be told, and enters them. An answer that it was taken says
//! nothing of how it ends; whoever is not asked within a minute asks again, and so what is asked is kept in memory alone.
//!
//! Source: W3C Recommendation WebSub, 23 January 2018, sections 5.1 to 5.3.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Request, StatusCode};
use tokio::sync::{Mutex as Turn, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use url::form_urlencoded;

use super::feed::is_known;
use super::{Face, Now, Reply, Shelf, told, words};
use crate::ids::ChannelId;
use crate::sink::websub::{Hub, Intent, LEASE, LEASE_LIMITS, MAX_SECRET_LEN, Mode};
use crate::sink::{Many, SendError, fingerprint};
use crate::store::{Store, StoreError};
use crate::subscriber::{Edit, NewSubscriber, State, Term, Wishes};
use crate::time::TimeDelta;

/// The most that one may ask with, in bytes.
const MAX_BODY_LEN: usize = 16 * 1024;

/// How many wait to be confirmed, of all and at one host: nobody makes this hub ask another's server without end.
const MAX_WAITING: usize = 1_000;
const MAX_OF_A_HOST: usize = 32;

/// How many are asked at once.
const AT_ONCE: usize = 16;

/// After what time those are asked again who could not be reached.
const AGAIN: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(30)];

/// How often those are taken out whose time is over.
const SWEEPS: Duration = Duration::from_secs(60);

/// One who is to be asked whether it means what it asked.
struct Waiting {
    channel: ChannelId,
    many: Arc<dyn Many>,
    wishes: Wishes,
    intent: Intent,
    /// Its place among those of its host.
    _place: Place,
}

/// The desk of all hubs.
pub(super) struct Desk {
    store: Arc<dyn Store>,
    now: Now,
    queue: mpsc::Sender<Waiting>,
    waiting: Turn<mpsc::Receiver<Waiting>>,
    hosts: Hosts,
    asking: Arc<Semaphore>,
}

/// How many wait at each host.
type Hosts = Arc<Mutex<HashMap<String, usize>>>;

/// One place at a host; given back when it is dropped.
struct Place {
    hosts: Hosts,
    host: String,
}

impl Place {
    fn at(hosts: &Hosts, host: &str) -> Option<Self> {
        let mut known = hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = known.entry(host.to_owned()).or_insert(0);
        if MAX_OF_A_HOST <= *count {
            return None;
        }
        *count += 1;
        Some(Self { hosts: Arc::clone(hosts), host: host.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut known = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = known.get_mut(&self.host) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                known.remove(&self.host);
            }
        }
    }
}

impl Desk {
    pub(super) fn new(store: Arc<dyn Store>, now: Now) -> Self {
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        let asking = Arc::new(Semaphore::new(AT_ONCE));
        Self { store, now, queue, waiting: Turn::new(waiting), hosts: Hosts::default(), asking }
    }

    /// Takes what somebody asks, or says everything that is wrong with it.
    pub(super) async fn ask(&self, face: &Face, shelf: &Shelf, request: Request<Incoming>) -> Reply {
        let is_form = |value: &HeaderValue| value.to_str().is_ok_and(is_form);
        if !request.headers().get(CONTENT_TYPE).is_some_and(is_form) {
            let text = "send it as application/x-www-form-urlencoded\n";
            return words(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
        }
        let Ok(body) = Limited::new(request.into_body(), MAX_BODY_LEN).collect().await else {
            let text = format!("the request is longer than {MAX_BODY_LEN} bytes, or broke off\n");
            return words(StatusCode::PAYLOAD_TOO_LARGE, text);
        };
        let Some(hub) = shelf.hub() else { return words(StatusCode::NOT_FOUND, "nothing is here\n") };
        let (wishes, intent) = match read(&body.to_bytes(), hub, face) {
            Ok(read) => read,
            Err(wrong) => return words(StatusCode::BAD_REQUEST, wrong.join("\n") + "\n"),
        };
        let host = intent.callback.host_str().unwrap_or_default();
        let Some(place) = Place::at(&self.hosts, host) else {
            return later("many of that host wait to be confirmed; ask again in a minute\n");
        };
        let (channel, many) = (shelf.listener.channel.clone(), Arc::clone(&shelf.many));
        match self.queue.try_send(Waiting { channel, many, wishes, intent, _place: place }) {
            Ok(()) => words(StatusCode::ACCEPTED, "it is confirmed at the callback next\n"),
            Err(_) => later("many wait to be confirmed; ask again in a minute\n"),
        }
    }

    /// Has what was asked confirmed, and takes out those whose time is over, until told to stop.
    pub(super) async fn run(&self, stop: CancellationToken) {
        let mut waiting = self.waiting.lock().await;
        let mut at_work = JoinSet::new();
        let mut sweep = tokio::time::interval(SWEEPS);
        loop {
            tokio::select! {
                Some(one) = waiting.recv(), if at_work.len() < MAX_WAITING => {
                    let (store, now, asking) = (Arc::clone(&self.store), Arc::clone(&self.now), Arc::clone(&self.asking));
                    at_work.spawn(async move { see_through(one, &*store, &now, &asking).await });
                }
                Some(ended) = at_work.join_next(), if !at_work.is_empty() => told(ended),
                _ = sweep.tick() => self.sweep().await,
                () = stop.cancelled() => return,
            }
        }
    }

    async fn sweep(&self) {
        match self.store.end_terms((self.now)()).await {
            Ok(0) => {}
            Ok(count) => info!("{count} subscriptions at hubs have run out"),
            Err(why) => warn!("Subscriptions that have run out could not be taken out: {why}"),
        }
    }
}

fn is_form(text: &str) -> bool {
    text.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

fn later(text: &str) -> Reply {
    let mut reply = words(StatusCode::SERVICE_UNAVAILABLE, text);
    reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
    reply
}

/// Reads what somebody asks; all that is wrong with it, else.
fn read(body: &[u8], hub: &Hub, face: &Face) -> Result<(Wishes, Intent), Vec<String>> {
    let given: HashMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    let value = |key: &str| given.get(key).map(String::as_str).filter(|text| !text.is_empty());
    let mut wrong = Vec::new();
    let mut need = |key: &str| {
        let found = value(key);
        if found.is_none() {
            wrong.push(format!("{key} is missing"));
        }
        found
    };
    let (mode, topic, callback) = (need("hub.mode"), need("hub.topic"), need("hub.callback"));
    let mode = mode.and_then(|mode| match mode {
        "subscribe" => Some(Mode::Subscribe),
        "unsubscribe" => Some(Mode::Unsubscribe),
        other => {
            wrong.push(format!("hub.mode: `{other}` is not done here; there are subscribe and unsubscribe"));
            None
        }
    });
    let wishes = topic.and_then(|topic| {
        let wishes = hub.wishes_of(topic).filter(|wishes| is_known(face, wishes));
        if wishes.is_none() {
            wrong.push(format!("hub.topic is no feed of this hub; one is {}", hub.topic(None)));
        }
        wishes
    });
    let callback =
        callback.and_then(|text| hub.callback(text).map_err(|why| wrong.push(format!("hub.callback: {why}"))).ok());
    let lease = match value("hub.lease_seconds").map(str::parse::<i64>) {
        None => LEASE,
        Some(Ok(seconds)) if 0 < seconds => {
            let asked = TimeDelta::try_seconds(seconds).unwrap_or(*LEASE_LIMITS.end());
            asked.clamp(*LEASE_LIMITS.start(), *LEASE_LIMITS.end())
        }
        Some(_) => {
            wrong.push("hub.lease_seconds is not a number of seconds".to_owned());
            LEASE
        }
    };
    let secret = value("hub.secret");
    if secret.is_some_and(|secret| MAX_SECRET_LEN < secret.len()) {
        wrong.push(format!("hub.secret is longer than {MAX_SECRET_LEN} bytes"));
    }
    let (Some(mode), Some(topic), Some(callback), Some(wishes)) = (mode, topic, callback, wishes) else {
        return Err(wrong);
    };
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let sealed = secret.map(|secret| hub.seal(&callback, secret)).transpose().map_err(|why| vec![why])?;
    Ok((wishes, Intent { mode, topic: topic.to_owned(), callback, lease, sealed }))
}

/// Has one confirmed and enters it, or takes it out; who cannot be reached is asked again a little later.
async fn see_through(one: Waiting, store: &dyn Store, now: &Now, asking: &Semaphore) {
    let Some(hub) = one.many.hub() else { return };
    let (channel, callback) = (&one.channel, one.intent.callback.host_str().unwrap_or_default());
    let mut again = AGAIN.into_iter();
    loop {
        let asked = {
            let _turn = asking.acquire().await;
            hub.confirm(&one.intent, now()).await
        };
        let ended = match asked {
            Ok(()) => enter(&one, hub, store, now)
                .await
                .map_err(|why| (why.to_string(), !matches!(why, StoreError::Refused { .. }))),
            Err(SendError::Never { why }) => Err((why, false)),
            Err(SendError::Later { why, .. } | SendError::Unknown { why }) => Err((why, true)),
        };
        match ended {
            Ok(()) => {
                debug!(%channel, "{} of {callback} at {channel}", one.intent.mode.name());
                return;
            }
            Err((why, may_help)) => match again.next().filter(|_| may_help) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => {
                    info!(%channel, "To {} at {channel} was not confirmed by {callback}: {why}", one.intent.mode.name());
                    return;
                }
            },
        }
    }
}

async fn enter(one: &Waiting, hub: &Hub, store: &dyn Store, now: &Now) -> Result<(), StoreError> {
    let Waiting { channel, intent, wishes, .. } = one;
    let name = name_of(intent);
    match intent.mode {
        Mode::Subscribe => {
            let (now, url) = (now(), intent.callback.to_string());
            let new = NewSubscriber { name, url, wishes: wishes.clone(), pace: None, state: State::Active };
            let term = Term { until: now + intent.lease, sealed: intent.sealed.clone() };
            let entered = store.subscribe_for(channel.clone(), new, term, hub.most(), now).await;
            if let Err(StoreError::Refused { why }) = &entered {
                hub.deny(intent, why).await;
            }
            entered.map(drop)
        }
        Mode::Unsubscribe => match store.subscriber(channel.clone(), name).await? {
            Some(known) => store.edit_subscriber(known.id, Edit::Remove).await.map(drop),
            None => Ok(()),
        },
    }
}

/// The name of a subscription: one for each feed and address.
fn name_of(intent: &Intent) -> String {
    format!("ws-{}", fingerprint(&format!("{}\n{}", intent.topic, intent.callback), 12))
}
