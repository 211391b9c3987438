//! Who has subscribed: a file of lines, each what a browser's `PushSubscription.toJSON()` gave. Read anew for each message.
//!
//! A line that cannot be read is passed over and never taken away. Whoever adds lines while this service runs holds the lock of the file
//! beside it, `NAME.lock`, as this does when it takes lines away.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::GeneralPurposeConfig;
use serde::Deserialize;
use url::{Host, Url};
use xxhash_rust::xxh3::xxh3_64;

use super::seal::Browser;
use crate::sink::http;
use crate::time::Timestamp;

/// How much of the file is read, in bytes.
const MAX_LEN: u64 = 32 * 1024 * 1024;

/// The most subscriptions.
const MAX_SUBSCRIPTIONS: usize = 50_000;

/// The longest line, in bytes.
const MAX_LINE: usize = 4096;

/// Base64url with or without its padding: browsers write it without, people with.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One browser.
#[derive(Clone)]
pub(super) struct Subscription {
    /// Where messages for it are posted; whoever knows it may try, so that it is shown to nobody.
    pub(super) endpoint: Url,
    pub(super) browser: Browser,
    /// By which it is known without being told.
    pub(super) mark: u64,
}

#[derive(Deserialize)]
struct Line {
    endpoint: String,
    /// Milliseconds since 1970.
    #[serde(rename = "expirationTime")]
    expires: Option<f64>,
    keys: Keys,
}

#[derive(Deserialize)]
struct Keys {
    p256dh: String,
    auth: String,
}

/// What the file holds.
#[derive(Default)]
pub(super) struct Found {
    /// Each endpoint once; what stands there last counts.
    pub(super) all: Vec<Subscription>,
    /// How many lines were passed over.
    pub(super) unread: usize,
}

/// Reads the file; one that is not there holds nobody.
pub(super) fn read(path: &Path, allow_private: bool, now: Timestamp) -> std::io::Result<Found> {
    let text = text_of(path)?;
    let mut all: BTreeMap<u64, Subscription> = BTreeMap::new();
    let mut unread = 0;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match subscription(line, allow_private, now) {
            Some(_) if MAX_SUBSCRIPTIONS <= all.len() => unread += 1,
            Some(subscription) => drop(all.insert(subscription.mark, subscription)),
            None => unread += 1,
        }
    }
    Ok(Found { all: all.into_values().collect(), unread })
}

/// Takes away those of these marks, the others as they stand.
pub(super) fn take_away(path: &Path, gone: &BTreeSet<u64>) -> std::io::Result<()> {
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(beside(path, "lock"))?;
    lock.lock()?;
    let is_gone = |line: &str| mark_of(line).is_some_and(|mark| gone.contains(&mark));
    let kept: String = text_of(path)?.split_inclusive('\n').filter(|line| !is_gone(line)).collect();
    let draft = beside(path, "part");
    let mut file = File::create(&draft)?;
    file.write_all(kept.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, path)
}

/// A file of another end beside this one.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(end);
    name.into()
}

fn text_of(path: &Path) -> std::io::Result<String> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(String::new()),
        Err(why) => return Err(why),
    };
    if MAX_LEN < file.metadata()?.len() {
        return Err(std::io::Error::other(format!("it is longer than {MAX_LEN} bytes")));
    }
    let mut bytes = Vec::new();
    file.take(MAX_LEN).read_to_end(&mut bytes)?;
    String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is not UTF-8"))
}

fn mark_of(line: &str) -> Option<u64> {
    let line: Line = serde_json::from_str(line.trim()).ok()?;
    Some(xxh3_64(line.endpoint.as_bytes()))
}

fn subscription(line: &str, allow_private: bool, now: Timestamp) -> Option<Subscription> {
    let line: Line = serde_json::from_str(line.trim()).ok().filter(|_| line.len() <= MAX_LINE)?;
    let mark = xxh3_64(line.endpoint.as_bytes());
    let endpoint = http::parse_url(&line.endpoint).ok()?;
    // Anyone may subscribe, and nobody shall have this machine knock at its own doors or those of its house.
    let is_public = endpoint.scheme() == "https"
        && matches!(endpoint.host(), Some(Host::Domain(name)) if name.contains('.') && name != "localhost");
    let is_over = line.expires.is_some_and(|expires| expires < now.timestamp_millis() as f64);
    if is_over || !(is_public || allow_private) {
        return None;
    }
    let key = LENIENT.decode(line.keys.p256dh).ok()?.try_into().ok()?;
    let auth = LENIENT.decode(line.keys.auth).ok()?.try_into().ok()?;
    Some(Subscription { endpoint, browser: Browser { key, auth }, mark })
}
