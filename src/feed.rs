//! Feeds: what to ask, and how to read the answer. Pure: the fetching itself is `fetch`'s.
//!
//! A new kind of feed is one file below and one line in [`KINDS`].

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::alert::Alert;
use crate::governorate::GovernorateBook;
use crate::ids::GovernorateId;
use crate::reading::Reading;
use crate::table::Table;
use crate::time::Timestamp;
use crate::unit::Metric;

pub mod address;
pub mod cap;
pub mod index;
pub(crate) mod keys;
pub mod metar;
pub mod open_meteo;

/// What to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The address, query and all.
    pub url: Url,
    /// The `Accept` header.
    pub accept: &'static str,
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
    /// The first moment that the answer speaks of.
    pub from: Timestamp,
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
}

impl Batch {
    /// True when the answer was well formed and held nothing at all: that is its own state, and never calm.
    pub fn is_empty(&self) -> bool {
        self.readings.is_empty() && self.alerts.is_empty() && self.follow.is_empty() && self.skipped.is_empty()
    }

    /// Adds what another answer of the same poll held.
    pub fn absorb(&mut self, other: Self) {
        self.readings.extend(other.readings);
        self.retold.extend(other.retold);
        self.alerts.extend(other.alerts);
        self.follow.extend(other.follow);
        self.skipped.extend(other.skipped);
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
    /// What to ask now.
    fn request(&self, now: Timestamp) -> Request;

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
pub type Parse = fn(&Table<'_>, &Arc<GovernorateBook>) -> Option<Arc<dyn Feed>>;

/// Every kind of feed.
pub const KINDS: &[Kind] = &[open_meteo::KIND, metar::KIND, cap::KIND];
