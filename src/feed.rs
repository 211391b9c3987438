//! Feeds: what to ask, and how to read the answer. Pure: the fetching itself is `fetch`'s.
//!
//! A new kind of feed is one file below and one line in [`KINDS`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::alert::Alert;
use crate::governorate::GovernorateBook;
use crate::ids::GovernorateId;
use crate::problem::SourceFile;
use crate::reading::{Basis, Reading};
use crate::secret::SecretSource;
use crate::table::Table;
use crate::time::Timestamp;
use crate::unit::Metric;

pub mod address;
pub mod aviation;
pub mod cap;
pub mod csv;
pub mod dir;
pub mod gdacs;
pub mod index;
pub mod integrity;
pub mod json;
pub(crate) mod keys;
pub mod met_norway;
pub mod metar;
pub mod ncm_ews;
pub mod open_meteo;
pub mod openweathermap;
mod places;
mod rows;
pub mod taf;
pub mod wis2;
pub(crate) mod values;

/// Where a feed is to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Over HTTP, by one request or by several, such as one for each place; each answer is decoded for itself.
    Web(Vec<Request>),
    /// As files that somebody drops into a folder; each new file is decoded for itself.
    Folder(Folder),
    /// As messages of a broker that are pushed to us; each is decoded for itself.
    Broker(Subscription),
}

/// What to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The address, query and all but the key.
    pub url: Url,
    /// The `Accept` header.
    pub accept: &'static str,
    /// A key that the server wants; it is read and added at the moment of asking, and never shown.
    pub key: Option<Key>,
}

impl Request {
    /// A request that needs no key.
    pub fn new(url: Url, accept: &'static str) -> Self {
        Self { url, accept, key: None }
    }
}

/// A key of a server, by the place where it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Where in the request it goes.
    pub goes: KeyGoes,
    /// Where it is kept.
    pub source: SecretSource,
}

/// Where in a request a key goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyGoes {
    /// Into the query under this name.
    Query(&'static str),
    /// Into a header of this name.
    Header(&'static str),
}

/// A folder into which files are dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Where it is; relative paths begin in the state directory.
    pub path: PathBuf,
    /// Which files count, with `*` for any characters: `*.csv`.
    pub pattern: String,
}

/// What is listened to at brokers of messages (MQTT).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The brokers, all listened to at once: `mqtts://globalbroker.example:8883`.
    pub brokers: Vec<Url>,
    /// The topics, wildcards and all.
    pub topics: Vec<String>,
    /// The user and the password; WIS2 publishes its own for everyone.
    pub login: Option<Login>,
}

/// How to log in at a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: String,
    /// Where the password is kept.
    pub password: Password,
}

/// Where a password is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// It is published, such as `everyone` of WIS2, and no secret.
    Public(&'static str),
    /// It is kept.
    Kept(SecretSource),
}

/// What a server gave to tell an unchanged answer from a new one; sent back word for word with the next request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// The `ETag`, quotes and all.
    pub etag: Option<String>,
    /// The `Last-Modified` date as it came.
    pub last_modified: Option<String>,
    /// Which address gave them, as [`address::mark`] tells it: what is unchanged there says nothing of another address.
    #[serde(default)]
    pub address: u64,
}

impl Validators {
    /// True when there is nothing to send back.
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }
}

/// A document that an index points to and that has to be fetched as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow {
    /// What tells this entry from every other and from its own later versions.
    pub identity: String,
    /// Where it lies.
    pub request: Request,
    /// What its bytes must add up to, when the one who points to it says so.
    pub integrity: Option<Integrity>,
    /// What the index itself holds of it that is no alert: told when nothing comes of following it.
    pub beside: Option<String>,
}

impl Follow {
    /// Why nothing came of following it, with what the index itself holds of it.
    pub fn in_vain(&self, why: String) -> String {
        match &self.beside {
            Some(beside) => format!("{why}; in the list {beside}"),
            None => why,
        }
    }
}

/// What the bytes of a document must add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integrity {
    /// The function that adds them up.
    pub method: Digest,
    /// What it must give.
    pub value: Vec<u8>,
}

/// A function that adds up bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// A part of an answer that was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// Which part: `OEMK`, `entry 3`, `hourly.precipitation[17]`.
    pub part: String,
    /// Why.
    pub why: String,
}

/// A forecast that an answer tells anew. What the feed had said of these hours before does not count any more, also where the
/// answer leaves an hour out: an old value that nobody stands by must not pass for calm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retold {
    /// Where.
    pub governorate: GovernorateId,
    /// What.
    pub metric: Metric,
    /// By which station, when the feed has stations; what its other stations said still counts.
    pub station: Option<Arc<str>>,
    /// The first moment that the answer speaks of.
    pub from: Timestamp,
}

impl Retold {
    /// What the forecasts among readings tell anew, each from its first moment on.
    pub fn by(readings: &[Reading]) -> Vec<Self> {
        let mut begins: BTreeMap<(&GovernorateId, Metric, Option<&Arc<str>>), Timestamp> = BTreeMap::new();
        for reading in readings.iter().filter(|reading| reading.basis == Basis::Forecast) {
            let of = (&reading.governorate, reading.metric, reading.station.as_ref());
            let first = begins.entry(of).or_insert(reading.at);
            *first = reading.at.min(*first);
        }
        let told = |((governorate, metric, station), from): ((&GovernorateId, _, Option<&Arc<str>>), _)| Self {
            governorate: governorate.clone(),
            metric,
            station: station.cloned(),
            from,
        };
        begins.into_iter().map(told).collect()
    }
}

/// An event that is good to know of and no ground for a warning: what a list of disasters tells, or an alert that somebody else
/// repeats. Nothing ever takes it for a reading or an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// What tells it from every other event and from its own later editions.
    pub identity: String,
    /// What it is called.
    pub title: String,
    /// What kind of event it is, in the source's words: `TC`, `Flood`.
    pub kind: String,
    /// How grave its source calls it, in the source's words: `Orange`; empty when it does not say.
    pub level: String,
    /// When it began, or was last spoken of.
    pub at: Option<Timestamp>,
    /// Where more is to be read.
    pub link: Option<String>,
}

/// What an answer held.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Values.
    pub readings: Vec<Reading>,
    /// Forecasts told anew; their values are among the readings.
    pub retold: Vec<Retold>,
    /// Official alerts.
    pub alerts: Vec<Alert>,
    /// Documents to fetch as well.
    pub follow: Vec<Follow>,
    /// What was passed over, with reasons.
    pub skipped: Vec<Skip>,
    /// Parts in a shape that is not known here: the staff is told and the answer is kept aside for them.
    pub strange: Vec<Skip>,
    /// Documents that were announced and could not be had: the people on duty are told.
    pub lost: Vec<Skip>,
    /// What is good to know and raises nothing.
    pub context: Vec<Context>,
    /// When the content was made, when the answer says so beside its values and alerts: the run of a model.
    pub made: Option<Timestamp>,
}

impl Batch {
    /// True when the answer was well formed and held nothing at all: that is its own state, and never calm.
    pub fn is_empty(&self) -> bool {
        self.readings.is_empty()
            && self.alerts.is_empty()
            && self.follow.is_empty()
            && self.skipped.is_empty()
            && self.strange.is_empty()
            && self.lost.is_empty()
            && self.context.is_empty()
    }

    /// Adds what another answer of the same poll held.
    pub fn absorb(&mut self, other: Self) {
        self.readings.extend(other.readings);
        self.retold.extend(other.retold);
        self.alerts.extend(other.alerts);
        self.follow.extend(other.follow);
        self.skipped.extend(other.skipped);
        self.strange.extend(other.strange);
        self.lost.extend(other.lost);
        self.context.extend(other.context);
        self.made = self.made.max(other.made);
    }
}

/// Why an answer as a whole could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It is something else altogether, such as a web page.
    #[error("expected {expected}, found {found}")]
    NotTheFormat {
        /// What should have come.
        expected: &'static str,
        /// What came, in a few words.
        found: String,
    },
    /// It began well and broke.
    #[error("{place}: {why}")]
    Broken {
        /// Where in the answer.
        place: String,
        /// What is wrong there.
        why: String,
    },
    /// It is built to harm: a DTD, an entity, too deep a nest.
    #[error("refused: {why}")]
    Refused {
        /// What was found.
        why: String,
    },
}

/// A source that is asked.
pub trait Feed: Send + Sync {
    /// Where it is to be had now.
    fn source(&self, now: Timestamp) -> Source;

    /// The metrics that its readings may be of, so that `check` can warn of a rule that would wait for ever; none when that
    /// cannot be said beforehand.
    fn gives(&self) -> Option<BTreeSet<Metric>> {
        None
    }

    /// Reads an answer. Values without a place, a time or a possible size are skipped with a reason, never guessed.
    ///
    /// # Errors
    /// When nothing of the answer can be read.
    fn decode(&self, body: &[u8], now: Timestamp) -> Result<Batch, DecodeError>;
}

/// Tells in a few words what a body looks like that is not what was expected.
pub fn look_of(body: &[u8]) -> String {
    let head: String =
        String::from_utf8_lossy(body.get(..body.len().min(512)).unwrap_or(&[])).trim_start().to_lowercase();
    let head = head.trim_start_matches('\u{feff}');
    if body.is_empty() {
        "an empty body".to_owned()
    } else if head.starts_with("<!doctype html") || head.starts_with("<html") {
        "a web page (HTML)".to_owned()
    } else if head.starts_with('<') {
        "some other XML".to_owned()
    } else if head.starts_with('{') || head.starts_with('[') {
        "some other JSON".to_owned()
    } else {
        let words: String = head.chars().filter(|c| !c.is_control()).take(40).collect();
        format!("a text that begins «{words}»")
    }
}

/// One kind of feed: what it is, how to write it in `feeds.toml`, and how to read that.
pub struct Kind {
    /// Its name in TOML.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// A commented TOML example.
    pub example: &'static str,
    /// Reads its own keys of the feed's table; faults are noted in the table. Keys common to all feeds are read elsewhere.
    pub parse: Parse,
}

/// Reads the keys of one kind of feed.
pub type Parse = fn(&Table<'_>, &Surroundings) -> Option<Arc<dyn Feed>>;

/// What a kind of feed is read in.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The governorates.
    pub book: Arc<GovernorateBook>,
    /// The zone of times that do not say theirs, when the feed's table does not either.
    pub zone: Tz,
    /// Texts that lie beside the configuration and that a feed may name, such as certificates: by their names under its directory.
    pub beside: Arc<BTreeMap<String, Arc<SourceFile>>>,
    /// True when another kind brings the bytes, such as files of a folder: then no address is needed.
    pub is_within: bool,
}

/// Every kind of feed.
pub const KINDS: &[Kind] = &[
    open_meteo::KIND,
    metar::KIND,
    taf::KIND,
    cap::KIND,
    wis2::KIND,
    ncm_ews::KIND,
    met_norway::KIND,
    openweathermap::KIND,
    gdacs::KIND,
    csv::KIND,
    json::KIND,
    dir::KIND,
];
