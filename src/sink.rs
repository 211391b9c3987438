//! Sinks: the code that speaks one protocol. A sink sends one frozen message and says truthfully how that went.
//!
//! A new kind of sink is one file below and one line in [`KINDS`].

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use url::Url;

use crate::hazard::Severity;
use crate::ids::BulletinId;
use crate::message::Form;
use crate::message::ask::Buttons;
use crate::message::brief::{self, Part};
use crate::message::fewer;
use crate::message::picture::Picture;
use crate::outbox::{Outcome, Patience};
use crate::secret::{Secret, SecretSource};
use crate::subscriber::{Generations, Sealed, Wishes};
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp};

use self::ear::Ear;

pub mod alertmanager;
pub mod bluesky;
pub mod cap;
pub mod console;
pub mod discord;
pub mod ear;
pub mod email;
pub mod exec;
mod facts;
pub mod fcm;
pub mod file;
mod hook;
pub mod http;
mod line;
mod markdown;
pub mod mastodon;
pub mod mattermost;
pub mod mqtt;
pub mod ntfy;
pub mod pagerduty;
pub(crate) mod people;
mod picture;
mod posts;
pub mod price;
mod server;
pub mod signature;
pub mod slack;
pub mod smpp;
pub mod sms;
mod spread;
pub mod subscribers;
pub mod teams;
pub mod telegram;
pub(crate) mod trust;
mod turn;
pub mod webhook;
pub mod webpush;
pub mod websub;
pub mod whatsapp;
pub mod x;

/// One message on its way to one channel.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// The same over all tries of this message to this channel, and never used for another: the receiver's key for "seen it".
    pub key: String,
    /// Which bulletin it is.
    pub bulletin: BulletinId,
    /// Which try, from 1.
    pub attempt: u32,
    /// The frozen bytes.
    pub body: Arc<str>,
    /// What they are.
    pub content_type: String,
    /// How loud it is told, where the receiver can be loud or quiet.
    pub loudness: Severity,
    /// What time it is.
    pub now: Timestamp,
    /// Nobody is told after this: receivers that keep messages for others are to keep it no longer.
    pub expires: Timestamp,
    /// The pictures that go with it, one a language in the order of the channel; none where it shows none. They add nothing to the
    /// text: one that cannot be shown holds up nothing.
    pub pictures: Vec<Picture>,
    /// What the receiver said when it took the word that this one takes back; none when this takes nothing back.
    pub corrects: Option<String>,
    /// What stands on the buttons with which somebody there may decide on the bulletin, while it is kept back elsewhere. They are no
    /// part of the message.
    pub asks: Option<Arc<Buttons>>,
}

impl Parcel {
    /// The words of the message, for those who post texts: a text as it is, a short form with its languages one under the other.
    ///
    /// # Errors
    /// When it is neither: what is meant for machines is not posted to people.
    pub fn text(&self) -> Result<Cow<'_, str>, SendError> {
        if self.content_type.starts_with("text/plain") {
            return Ok(Cow::Borrowed(self.body.trim_end()));
        }
        let parts = brief::read(&self.body);
        if parts.is_empty() {
            let why = format!("people read no {}; take `form` out of the channel's table", self.content_type);
            return Err(SendError::Never { why });
        }
        let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
        Ok(Cow::Owned(texts.join("\n\n")))
    }
}

impl Parcel {
    /// The texts of a short form, one a language, for those who send each by itself.
    ///
    /// # Errors
    /// When it is of another form.
    pub fn parts(&self, form: Form) -> Result<Vec<Part>, SendError> {
        let parts = brief::read(&self.body);
        if parts.is_empty() {
            let name = form.name();
            let why = format!("the message is no {name}: leave the `form` of the channel out, or write \"{name}\"");
            return Err(SendError::Never { why });
        }
        Ok(parts)
    }
}

/// What the other side said when it took the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(pub String);

/// A text as so many bytes of its hash, in hexadecimal digits: a name that is the same at every try and says nothing.
pub(crate) fn fingerprint(text: &str, bytes: usize) -> String {
    hex(digest(&SHA256, text.as_bytes()).as_ref().iter().take(bytes))
}

/// Bytes in hexadecimal digits.
fn hex<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> String {
    bytes.into_iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How many random bytes a challenge holds.
const CHALLENGE_LEN: usize = 16;

/// What one has to answer with who is to show that it hears, and that nobody guesses.
///
/// # Errors
/// When this machine gives no random bytes.
pub(crate) fn challenge() -> Result<String, String> {
    let mut bytes = [0; CHALLENGE_LEN];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "this machine gives no random bytes")?;
    Ok(hex(&bytes))
}

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It did not arrive; later it may.
    #[error("{why}")]
    Later {
        /// What happened; never a secret.
        why: String,
        /// How long the other side asked us to wait.
        retry_after: Option<TimeDelta>,
    },
    /// It will never arrive this way.
    #[error("{why}")]
    Never {
        /// What happened; never a secret.
        why: String,
    },
    /// It may have arrived. It is tried again under the same key.
    #[error("{why}")]
    Unknown {
        /// What happened; never a secret.
        why: String,
    },
}

/// Why one of many did not take a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missed {
    /// As any receiver may fail to.
    #[error(transparent)]
    Failed(#[from] SendError),
    /// Its receiver says that it is gone for good, and asks not to be told anything again.
    #[error("{why}")]
    Gone {
        /// In which words; never a secret.
        why: String,
    },
}

impl From<Missed> for SendError {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Failed(why) => why,
            Missed::Gone { why } => Self::Never { why },
        }
    }
}

/// What the world lends to sinks when they open.
#[derive(Clone)]
pub struct World {
    /// One HTTP client for all.
    pub http: reqwest::Client,
    /// Where relative paths begin: the state directory.
    pub dir: PathBuf,
}

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// How long an idle connection is kept for the next message.
const IDLE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(60);

/// What sinks call themselves to others.
const USER_AGENT: &str = concat!("nadhir/", env!("CARGO_PKG_VERSION"));

impl World {
    /// The world as it is: a client that follows no redirect, and asks a proxy (`HTTPS_PROXY`, `ALL_PROXY`) only for hosts
    /// beyond this machine. On a machine without certificate authorities, sinks that need none work all the same.
    ///
    /// # Errors
    /// A sentence for the operator when the proxy is mistyped or TLS cannot be set up.
    pub fn new(dir: PathBuf) -> Result<Self, String> {
        // When someone installed a provider before, that one is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = client()?.build().or_else(|why| {
            let why = http::reasons(&why.without_url());
            tracing::warn!(error = %why, "No host can be trusted over HTTPS ({why}); install the package ca-certificates");
            let without = client()?.tls_certs_only([]).build();
            without.map_err(|why| format!("HTTPS cannot be set up: {}", http::reasons(&why.without_url())))
        })?;
        Ok(Self { http, dir })
    }

    /// Reads a secret; the path of a file begins in the state directory.
    ///
    /// # Errors
    /// As [`Secret::read`].
    pub fn secret(&self, source: &SecretSource) -> Result<Secret, String> {
        Secret::read(&match source {
            SecretSource::File(path) => SecretSource::File(self.dir.join(path)),
            SecretSource::Credential(name) => SecretSource::Credential(name.clone()),
        })
    }
}

fn client() -> Result<reqwest::ClientBuilder, String> {
    let builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .no_proxy();
    Ok(match proxy_of_environment()? {
        Some(proxy) => builder.proxy(proxy),
        None => builder,
    })
}

fn proxy_of_environment() -> Result<Option<reqwest::Proxy>, String> {
    let first = |names: &[&str]| names.iter().find_map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()));
    let Some(address) = first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]) else { return Ok(None) };
    let beside = first(&["NO_PROXY", "no_proxy"]).unwrap_or_default();
    let proxy = reqwest::Proxy::https(address)
        .map_err(|_| "the proxy in HTTPS_PROXY or ALL_PROXY is not an address; write it as http://host:port")?;
    let direct = reqwest::NoProxy::from_string(&format!("localhost,127.0.0.0/8,::1,{beside}"));
    Ok(Some(proxy.no_proxy(direct)))
}

/// What becomes of a delivery after a try (counted from 1) that ended now. `chance` lies in 0 to 1.
///
/// When there is no time for another try, what surely did not arrive has expired; what may have arrived is given up as not
/// known, since nobody may say that it was not sent.
pub fn outcome(
    sent: Result<Receipt, SendError>,
    attempt: u32,
    now: Timestamp,
    expires: Timestamp,
    chance: f64,
) -> Outcome {
    let next = |retry_after| Patience::DENSE.next_try(attempt, now, expires, retry_after, chance);
    match sent {
        Ok(Receipt(receipt)) => Outcome::Delivered { receipt },
        Err(SendError::Never { why }) => Outcome::Dead { why },
        Err(SendError::Later { why, retry_after }) => match next(retry_after) {
            Some(due) => Outcome::Again { due, why },
            None => Outcome::Expired,
        },
        Err(SendError::Unknown { why }) => match next(None) {
            Some(due) => Outcome::Again { due, why },
            None => Outcome::Dead { why: format!("it may have arrived and there is no time to try again: {why}") },
        },
    }
}

/// Speaks one protocol to one channel.
pub trait Sink: Send + Sync {
    /// Sends one message. Bounded in time by the sink itself.
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>>;
    /// Finds out whether it could send, without sending.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>>;
    /// How many people follow it, where its service tells; none where nobody can know. Bounded in time by the sink itself.
    fn followers(&self) -> BoxFuture<'_, Result<Option<u64>, String>> {
        Box::pin(async { Ok(None) })
    }
    /// What sends to one of any number of subscribers, where the channel has such in place of a receiver of its own.
    fn many(&self) -> Option<Arc<dyn Many>> {
        None
    }
    /// What hears the people there, where they are among those who may decide on what is kept back.
    fn ear(&self) -> Option<&dyn Ear> {
        None
    }
}

/// One message on its way to many: the same bytes for each.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The receiver's key for "seen it": the same over all tries.
    pub key: String,
    /// The frozen bytes.
    pub body: Bytes,
    /// What they are.
    pub content_type: String,
    /// The address of what they are news of, where they are that.
    pub topic: Option<Box<str>>,
}

/// A frozen message as those with some wishes get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Its bytes: the same at every try.
    pub body: String,
    /// What they are, where it is not what was frozen.
    pub content_type: Option<&'static str>,
    /// The address of what they are news of.
    pub topic: Option<Box<str>>,
}

/// One of many.
#[derive(Debug, Clone)]
pub struct Recipient {
    /// Its number.
    pub subscriber: i64,
    /// Where it is told.
    pub url: Box<str>,
    /// Which of its secrets are in use.
    pub secret: Generations,
    /// The secret that it gave itself.
    pub sealed: Option<Sealed>,
}

impl Letter {
    /// A frozen message for one with some wishes.
    pub fn of(many: &dyn Many, key: String, (body, content_type): (&str, &str), wishes: &Wishes) -> Self {
        match many.own(body, wishes) {
            Some(Own { body, content_type: own, topic }) => {
                let content_type = own.unwrap_or(content_type).to_owned();
                Self { key, body: body.into(), content_type, topic }
            }
            None => {
                let (body, content_type) = (body.to_owned().into(), content_type.to_owned());
                Self { key, body, content_type, topic: None }
            }
        }
    }
}

/// Sends to one of any number of subscribers.
pub trait Many: Send + Sync {
    /// Reads the address of one who wants to subscribe.
    ///
    /// # Errors
    /// What is wrong with it.
    fn check(&self, url: &str) -> Result<Url, String>;
    /// The secret of a subscriber, as it is told to it once; none where each gives its own.
    fn secret(&self, subscriber: i64, generation: u32) -> Option<Secret>;
    /// A frozen message as those with some wishes get it; none where that is as it is.
    fn own(&self, body: &str, wishes: &Wishes) -> Option<Own> {
        let body = if wishes.languages.is_empty() { None } else { fewer::in_languages(body, &wishes.languages) };
        body.map(|body| Own { body, content_type: None, topic: None })
    }
    /// The hub at which its subscribers subscribe themselves; none where people enter them.
    fn hub(&self) -> Option<&websub::Hub> {
        None
    }
    /// Sends one message. Bounded in time by the sink itself.
    fn send(&self, letter: Arc<Letter>, to: Recipient, now: Timestamp) -> BoxFuture<'_, Result<Receipt, Missed>>;
    /// Sends one message and tells what was answered.
    fn challenge(&self, letter: Arc<Letter>, to: Recipient, now: Timestamp) -> BoxFuture<'_, Result<String, Missed>>;
}

/// The settings of a sink, read and checked; opening it touches the world.
pub trait Opener: Send + Sync + fmt::Debug {
    /// The form it takes when the channel does not say.
    fn form(&self) -> Form;
    /// True when it can send this form; `nadhir check` refuses every other.
    fn takes(&self, _form: Form) -> bool {
        true
    }
    /// What a segment costs and how many receivers are told; none of the second where that is not written in the table.
    fn price(&self) -> Option<(price::Price, Option<usize>)> {
        None
    }
    /// True when it has subscribers in place of a receiver of its own, each with a pace of its own.
    fn has_subscribers(&self) -> bool {
        false
    }
    /// The address at which the world finds what it tells, where this service shows that itself.
    fn face(&self) -> Option<&Url> {
        None
    }
    /// True when it can show pictures beside the text; `nadhir check` refuses them elsewhere.
    fn shows_pictures(&self) -> bool {
        false
    }
    /// True when people there may decide on what is kept back; `nadhir check` refuses that where the public listens.
    fn hears_verdicts(&self) -> bool {
        false
    }
    /// The path that it writes to alone, when there is one: no two channels may have the same.
    fn own_path(&self) -> Option<&Path> {
        None
    }
    /// The way in which a person lets it in at its service, where keys alone do not. `back` is where the service leads the browser
    /// afterwards. None where no person has to.
    ///
    /// # Errors
    /// A sentence for the operator, without secrets.
    fn admission(&self, _world: &World, _back: &Url) -> Option<Result<Box<dyn Admission>, String>> {
        None
    }
    /// What it takes to open it that this program was built without, and how to build it with that; none where nothing is lacking.
    fn lacks(&self) -> Option<&'static str> {
        None
    }
    /// Opens it: reads secrets, creates files.
    ///
    /// # Errors
    /// A sentence for the operator, without secrets.
    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String>;
}

/// A person lets this service in at another one: they open an address in a browser, say yes there, and give back where that led.
pub trait Admission: Send {
    /// The address that they open.
    fn address(&self) -> &Url;
    /// Takes where the browser was led to, keeps what it is worth, and says where. Bounded in time by itself.
    ///
    /// # Errors
    /// A sentence for the operator, without secrets.
    fn take(self: Box<Self>, led_to: &str) -> BoxFuture<'_, Result<String, String>>;
}

/// One kind of sink: what it is, how to write it in `channels.toml`, and how to read that.
pub struct Kind {
    /// Its name in TOML.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// A commented TOML example.
    pub example: &'static str,
    /// Reads its own keys of the channel's table; faults are noted in the table. Keys common to all channels are read elsewhere.
    pub parse: fn(&Table<'_>) -> Option<Arc<dyn Opener>>,
}

/// Every kind of sink.
pub const KINDS: &[Kind] = &[
    console::KIND,
    file::KIND,
    webhook::KIND,
    telegram::KIND,
    slack::KIND,
    ntfy::KIND,
    discord::KIND,
    mattermost::KIND,
    teams::KIND,
    x::KIND,
    email::KIND,
    exec::KIND,
    cap::KIND,
    mqtt::KIND,
    webpush::KIND,
    mastodon::KIND,
    pagerduty::KIND,
    alertmanager::KIND,
    sms::KIND,
    smpp::KIND,
    bluesky::KIND,
    whatsapp::KIND,
    fcm::KIND,
    subscribers::KIND,
    websub::KIND,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(1_765_238_400 + second, 0).unwrap()
    }

    fn later(asked: Option<i64>) -> Result<Receipt, SendError> {
        Err(SendError::Later { why: "503".to_owned(), retry_after: asked.map(TimeDelta::seconds) })
    }

    fn unknown() -> Result<Receipt, SendError> {
        Err(SendError::Unknown { why: "reset".to_owned() })
    }

    #[test]
    fn every_end_of_a_try_has_its_outcome() {
        let of = |sent| outcome(sent, 1, at(0), at(3600), 0.5);
        assert_eq!(of(Ok(Receipt("200".into()))), Outcome::Delivered { receipt: "200".into() });
        assert_eq!(of(Err(SendError::Never { why: "410".into() })), Outcome::Dead { why: "410".into() });
        assert_eq!(of(later(None)), Outcome::Again { due: at(1), why: "503".into() });
        assert_eq!(of(later(Some(60))), Outcome::Again { due: at(60), why: "503".into() });
        assert_eq!(of(unknown()), Outcome::Again { due: at(1), why: "reset".into() });
    }

    #[test]
    fn at_the_end_only_what_surely_did_not_arrive_has_expired() {
        let of = |sent| outcome(sent, 1, at(0), at(1), 0.5);
        assert_eq!(of(later(None)), Outcome::Expired);
        assert!(matches!(of(unknown()), Outcome::Dead { why } if why.contains("may have arrived")));
    }

    #[test]
    fn every_kind_has_a_name_of_its_own_and_says_what_it_is() {
        let names: std::collections::BTreeSet<&str> = KINDS.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), KINDS.len());
        assert!(KINDS.iter().all(|kind| !kind.about.is_empty() && kind.example.contains(kind.name)));
    }
}
