//! WIS2: notifications that the WMO's brokers push, and the data that they bring or point to. Push beside poll: a warning is
//! here within seconds of its publication.
//!
//! Another kind of feed reads the data. What does not add up to what was announced is never read, and that a centre takes data
//! away ends no warning: only an authority's own Cancel does. Sources: Manual on WIS (WMO-No. 1060), volume II; WIS2 Notification
//! Message 1.0.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use url::Url;

use super::address::{is_loopback, shown};
use super::{
    Batch, DecodeError, Feed, Follow, KINDS, Kind, Login, Password, Request, Skip, Source, Subscription, Surroundings,
    keys, look_of,
};
use crate::table::Table;
use crate::time::Timestamp;
use crate::unit::Metric;

mod notification;

pub use notification::{MAX_CONTENT, MAX_NOTIFICATION};

use notification::{Notification, Proof, Rel};

/// The kind.
pub const KIND: Kind = Kind {
    name: "wis2",
    about: "data that brokers of the WMO's WIS2 announce or bring (MQTT 5)",
    example: r#"kind = "wis2"
brokers = ["mqtts://globalbroker.example:8883", "mqtts://other.example:8883"] # all listened to at once
topics = ["cache/a/wis2/+/data/core/weather/advisories-warnings/#"]
reads = { kind = "cap", default_life = "12h" } # what reads the data
user = "everyone"                              # the user, and for another one: password = { file = "…" }
plain = false                                  # true lets a broker of another machine be reached without TLS
every = "5min"                                 # how often it is noted that a broker is connected
"#,
    parse,
};

/// The most brokers of a feed.
pub const MAX_BROKERS: usize = 8;
/// The most topics of a feed.
pub const MAX_TOPICS: usize = 32;
/// The longest topic, in bytes.
const MAX_TOPIC: usize = 1024;
/// The user and the password that WIS2 publishes for everyone.
const EVERYONE: &str = "everyone";
/// What is asked for where a notification points to.
const ACCEPT: &str = "application/cap+xml, application/json, application/xml;q=0.9, */*;q=0.1";

/// Kinds that cannot read what a notification brings.
const NOT_WITHIN: [&str; 2] = ["wis2", "dir"];

/// One feed of this kind.
struct Wis2 {
    subscription: Subscription,
    reads: Arc<dyn Feed>,
}

/// How a notification is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its own name: the same notification has it at every broker.
    pub id: String,
    /// The name of the version of the data it announces; other notifications, such as one of each cache, may announce it, too.
    pub version: String,
    /// True when it brings its data along.
    pub brings: bool,
}

/// Tells how a notification is known.
///
/// # Errors
/// When the body is no notification, or one that is not read.
pub fn identity(body: &[u8]) -> Result<Identity, DecodeError> {
    match notification::read(body)? {
        Some(Notification { id, version, content, .. }) => Ok(Identity { id, version, brings: content.is_some() }),
        None => Err(DecodeError::NotTheFormat { expected: "a notification of WIS2", found: look_of(body) }),
    }
}

fn parse(table: &Table<'_>, around: &Surroundings) -> Option<Arc<dyn Feed>> {
    let is_plain = table.flag("plain").is_some_and(|found| found.value);
    let brokers = list(table, "brokers", "[\"mqtts://…\"]", MAX_BROKERS, |text| broker(text, is_plain));
    let topics = list(table, "topics", "[\"cache/a/wis2/…/#\"]", MAX_TOPICS, topic);
    let login = login(table);
    let reads = reads(table, around);
    let (brokers, span) = brokers?;
    if brokers.len() == 1 {
        let help = Some("WIS2 asks everyone to listen to two at once".to_owned());
        table.warning(&span, "one broker: while it is down nothing is heard", help);
    }
    let (topics, _) = topics?;
    Some(Arc::new(Wis2 { subscription: Subscription { brokers, topics, login: Some(login?) }, reads: reads? }))
}

/// Reads a list that may not be empty nor too long, each item by itself; none after any fault.
fn list<T: PartialEq>(
    table: &Table<'_>,
    key: &'static str,
    example: &str,
    most: usize,
    read: impl Fn(&str) -> Result<T, String>,
) -> Option<(Vec<T>, Range<usize>)> {
    if !table.has(key) {
        table.missing(key, example);
    }
    let written = table.texts(key)?;
    let span = table.get(key, |_| Ok(())).map_or(table.span.clone(), |found| found.span);
    let mut items = Vec::new();
    let mut is_whole = true;
    for found in &written {
        match read(&found.value) {
            Ok(item) if items.contains(&item) => {
                table.error(&found.span, format!("`{key}`: `{}` is listed twice", found.value), None);
                is_whole = false;
            }
            Ok(item) => items.push(item),
            Err(why) => {
                // A line that may hold a password is not printed: the error points to the head of the table.
                let head = table.span.start..table.span.start;
                let place = if found.value.contains('@') { &head } else { &found.span };
                table.error(place, format!("`{key}`: {why}"), None);
                is_whole = false;
            }
        }
    }
    if written.is_empty() || most < written.len() {
        table.error(&span, format!("`{key}` lists {}; list 1 to {most}", written.len()), None);
        return None;
    }
    is_whole.then_some((items, span))
}

fn broker(text: &str, is_plain: bool) -> Result<Url, String> {
    // Whatever is written before it may be a password, and is not repeated.
    if text.contains('@') {
        return Err("a broker is written without a user: write `user` and `password` beside it".to_owned());
    }
    let url = Url::parse(text).map_err(|why| format!("`{text}` is not an address: {why}"))?;
    let is_bare = url.path().trim_matches('/').is_empty() && url.query().is_none() && url.fragment().is_none();
    match url.scheme() {
        "mqtts" | "mqtt" if !url.has_host() || !is_bare => {
            Err(format!("`{text}` is not an address of a broker: write `mqtts://host:8883`"))
        }
        "mqtts" => Ok(url),
        "mqtt" if is_plain || is_loopback(&url) => Ok(url),
        "mqtt" => Err(format!(
            "`{text}` is reached without TLS, so anyone between may forge warnings: write mqtts://, or `plain = true`"
        )),
        _ => Err(format!("`{text}` is not an address of a broker: begin with mqtts://")),
    }
}

fn topic(text: &str) -> Result<String, String> {
    if text.len() <= MAX_TOPIC && rumqttc::valid_filter(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is not a topic: `+` stands for one whole level, `#` for all that follow at the end"))
    }
}

fn login(table: &Table<'_>) -> Option<Login> {
    let user = table
        .text("user", |user| if user.is_empty() { Err("the user is empty".to_owned()) } else { Ok(user.to_owned()) });
    let user = user.map_or_else(|| EVERYONE.to_owned(), |found| found.value);
    let kept = if table.has("password") { keys::secret(table, "password") } else { None };
    let password = match (kept, table.has("password")) {
        (Some(kept), _) => Password::Kept(kept),
        (None, true) => return None,
        (None, false) if user == EVERYONE => Password::Public(EVERYONE),
        (None, false) => {
            table.missing("password", "{ file = \"…\" }");
            return None;
        }
    };
    Some(Login { user, password })
}

/// The kind that reads the data, with its own keys.
fn reads(table: &Table<'_>, around: &Surroundings) -> Option<Arc<dyn Feed>> {
    if !table.has("reads") {
        table.missing("reads", "{ kind = \"cap\" }");
    }
    let within = table.table("reads")?;
    let kinds: Vec<(&str, &Kind)> =
        KINDS.iter().filter(|kind| !NOT_WITHIN.contains(&kind.name)).map(|kind| (kind.name, kind)).collect();
    if !within.has("kind") {
        within.missing("kind", "\"cap\"");
    }
    let kind = within.word("kind", &kinds)?.value;
    let feed = (kind.parse)(&within, &Surroundings { is_within: true, ..around.clone() });
    if feed.is_some() {
        within.finish();
    }
    feed
}

impl Feed for Wis2 {
    fn source(&self, _now: Timestamp) -> Source {
        Source::Broker(self.subscription.clone())
    }

    fn gives(&self) -> Option<BTreeSet<Metric>> {
        self.reads.gives()
    }

    fn decode(&self, body: &[u8], now: Timestamp) -> Result<Batch, DecodeError> {
        match notification::read(body)? {
            Some(notification) => Ok(self.notified(&notification, now)),
            // What a notification pointed to comes here as well.
            None => self.reads.decode(body, now),
        }
    }
}

impl Wis2 {
    /// What a notification holds: its content, or else where that lies.
    fn notified(&self, notification: &Notification, now: Timestamp) -> Batch {
        let mut batch = Batch::default();
        if notification.is_metadata() {
            return batch;
        }
        let part = notification.shown();
        let skip = |why: String| Skip { part: part.clone(), why };
        if let Some(content) = &notification.content {
            let read = content.bytes(&notification.proof).and_then(|bytes| {
                let within = self.reads.decode(&bytes, now).map_err(|why| why.to_string())?;
                Ok((within, content.doubt(&bytes)))
            });
            match read {
                Ok((within, doubt)) => {
                    batch.absorb(within);
                    if !batch.follow.is_empty() {
                        batch.follow.clear();
                        batch.skipped.push(skip("what its content points to is not followed".to_owned()));
                    }
                    batch.skipped.extend(doubt.into_iter().chain(unproved(&notification.proof)).map(skip));
                    return batch;
                }
                Err(why) => batch.skipped.push(skip(format!("its content is not read: {why}"))),
            }
        }
        let mut usable = Vec::new();
        let mut refused = Vec::new();
        for (_, href) in notification.links.iter().filter(|(rel, _)| *rel == Rel::Data) {
            match self.address(href, &notification.proof) {
                Ok(url) => usable.push(url),
                Err(why) => refused.push(skip(why)),
            }
        }
        // One that cannot be tampered with on its way before one that can.
        usable.sort_by_key(|url| url.scheme() != "https");
        if let Some(url) = usable.into_iter().next() {
            let integrity = match &notification.proof {
                Proof::Digest(integrity) => Some(integrity.clone()),
                Proof::Unknown(_) | Proof::None => None,
            };
            batch.skipped.extend(unproved(&notification.proof).map(skip));
            let request = Request::new(url, ACCEPT);
            batch.follow.push(Follow { identity: notification.version.clone(), request, integrity, beside: None });
            return batch;
        }
        batch.skipped.append(&mut refused);
        if notification.links.iter().any(|(rel, _)| *rel == Rel::Deletion) {
            batch.skipped.push(skip("withdrawn at the centre: a deletion ends no warning".to_owned()));
        } else if batch.skipped.is_empty() {
            batch.skipped.push(skip("it neither brings data nor says where they lie".to_owned()));
        }
        batch
    }

    /// Where a link leads, when we go there.
    fn address(&self, href: &str, proof: &Proof) -> Result<Url, String> {
        let url = Url::parse(href).map_err(|_| "its link is not an address".to_owned())?;
        let is_own = is_loopback(&url);
        if is_own && !self.subscription.brokers.iter().all(is_loopback) {
            return Err("its link leads into this machine".to_owned());
        }
        match (url.scheme(), proof) {
            ("https", _) | ("http", Proof::Digest(_)) => Ok(url),
            ("http", Proof::Unknown(_) | Proof::None) if is_own => Ok(url),
            ("http", Proof::Unknown(_) | Proof::None) => Err(format!(
                "{} is not followed: neither the connection nor a digest vouches for what is there",
                shown(&url)
            )),
            (scheme, _) => {
                let scheme: String = scheme.chars().take(20).collect();
                Err(format!("its link is of the kind {scheme}: only the web is followed"))
            }
        }
    }
}

/// What is noted of data that are read although their digest could not be checked: a warning is not withheld over it, where the
/// connection vouches for it.
fn unproved(proof: &Proof) -> Option<String> {
    match proof {
        Proof::Unknown(why) => Some(format!("its digest was not checked: {why}")),
        Proof::Digest(_) | Proof::None => None,
    }
}

#[cfg(test)]
mod tests;
