//! One notification as a centre publishes it: WIS2 Notification Message 1.0 of the WMO, a GeoJSON feature. Reads what matters
//! here and is tolerant of the rest; never fetches.
//!
//! Source: <https://wmo-im.github.io/wis2-notification-message/standard/wis2-notification-message-STABLE.html>

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use super::super::{DecodeError, Integrity, integrity, values};

/// The largest notification that is read, in bytes; the standard allows 8192.
pub const MAX_NOTIFICATION: usize = 64 * 1024;
/// The largest content within a notification, in bytes, unpacked; the standard allows 4096.
pub const MAX_CONTENT: usize = 1024 * 1024;
/// The most links that are looked at.
const MAX_LINKS: usize = 50;
/// The longest name that is kept as it came, in bytes; of a longer one only a fingerprint is kept.
const MAX_NAME: usize = 300;
/// The most characters of a name that are shown.
const MAX_SHOWN: usize = 120;

/// What is told of the bytes that a notification announces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// What they must add up to.
    Digest(Integrity),
    /// Something that cannot be checked here, and why.
    Unknown(String),
    /// Nothing.
    None,
}

/// Bytes that came within.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Content {
    encoding: String,
    value: String,
    size: Option<u64>,
}

/// What a link is to its notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rel {
    /// Where the data lie, for the first time or anew.
    Data,
    /// They were taken away.
    Deletion,
}

/// A notification.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Notification {
    /// Its own name, the same at every broker.
    pub(super) id: String,
    /// The name of the data, the same over all their versions.
    pub(super) data_id: String,
    /// The name of this version of the data.
    pub(super) version: String,
    /// What its bytes add up to.
    pub(super) proof: Proof,
    /// The bytes, when they came along.
    pub(super) content: Option<Content>,
    /// Where they lie.
    pub(super) links: Vec<(Rel, String)>,
}

impl Notification {
    /// True when it speaks of the description of a data set, and not of data.
    pub(super) fn is_metadata(&self) -> bool {
        self.data_id.split('/').any(|part| part == "metadata") || self.data_id.starts_with("urn:wmo:md:")
    }

    /// The name of the data as it may be shown.
    pub(super) fn shown(&self) -> String {
        let name: String = self.data_id.chars().filter(|c| !c.is_control()).take(MAX_SHOWN).collect();
        if name.len() < self.data_id.len() { name + "…" } else { name }
    }
}

/// What stands under a name in an object, or null.
fn under<'v>(value: &'v Value, name: &str) -> &'v Value {
    value.get(name).unwrap_or(&Value::Null)
}

/// Reads a notification; none when the body is something else, such as a document that a notification pointed to.
///
/// # Errors
/// When it is a notification, and too large or without what it must have.
pub(super) fn read(body: &[u8]) -> Result<Option<Notification>, DecodeError> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Ok(None);
    }
    let Ok(value) = values::json(body, "a notification of WIS2") else { return Ok(None) };
    let about = under(&value, "properties");
    let Some(data_id) = text(under(about, "data_id")).filter(|_| under(&value, "type") == "Feature") else {
        return Ok(None);
    };
    if MAX_NOTIFICATION < body.len() {
        let why = format!("a notification of {} bytes; at most {MAX_NOTIFICATION} are read", body.len());
        return Err(DecodeError::Refused { why });
    }
    let given = under(about, "integrity");
    let proof = match (text(under(given, "method")), text(under(given, "value"))) {
        (Some(method), Some(value)) => match integrity::read(method, value) {
            Ok(integrity) => Proof::Digest(integrity),
            Err(why) => Proof::Unknown(why),
        },
        (None, None) => Proof::None,
        (Some(_), None) | (None, Some(_)) => Proof::Unknown("half of it is missing".to_owned()),
    };
    // The bytes name a version best: two caches announce the same ones under different times.
    let version = text(under(given, "value")).or_else(|| text(under(about, "pubtime"))).unwrap_or_default();
    let version = short(format!("{data_id} {version}"));
    let content = under(about, "content");
    let content = match (text(under(content, "encoding")), under(content, "value").as_str()) {
        (Some(encoding), Some(value)) => Some(Content {
            encoding: encoding.to_ascii_lowercase(),
            value: value.to_owned(),
            size: under(content, "size").as_u64(),
        }),
        _ => None,
    };
    let links = under(&value, "links").as_array().map(Vec::as_slice).unwrap_or_default();
    let links = links.iter().take(MAX_LINKS).filter_map(link).collect();
    let id = text(under(&value, "id")).map_or_else(|| version.clone(), |id| short(id.to_owned()));
    Ok(Some(Notification { id, data_id: data_id.to_owned(), version, proof, content, links }))
}

fn link(value: &Value) -> Option<(Rel, String)> {
    let rel = match text(under(value, "rel"))? {
        "canonical" | "update" => Rel::Data,
        "deletion" => Rel::Deletion,
        _ => return None,
    };
    Some((rel, text(under(value, "href"))?.to_owned()))
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty())
}

fn short(name: String) -> String {
    if name.len() <= MAX_NAME { name } else { format!("{:032x}", xxh3_128(name.as_bytes())) }
}

impl Content {
    /// What is noted of content whose size is not the one announced. Centres count the packed bytes or those before a last line
    /// break; whoever reads the content notices what is torn, and a warning is not withheld over a number.
    pub(super) fn doubt(&self, bytes: &[u8]) -> Option<String> {
        let size = self.size.filter(|size| *size != bytes.len() as u64)?;
        Some(format!("its content has {} bytes and not the {size} announced", bytes.len()))
    }

    /// The bytes, when they are those that the notification announces.
    ///
    /// # Errors
    /// Says what is wrong with them.
    pub(super) fn bytes(&self, proof: &Proof) -> Result<Vec<u8>, String> {
        let base64 = || {
            let packed: String = self.value.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            STANDARD.decode(packed).map_err(|_| "it is not in Base64".to_owned())
        };
        let bytes = match self.encoding.as_str() {
            "utf-8" | "utf8" => self.value.clone().into_bytes(),
            "base64" => base64()?,
            "gzip" => unpacked(&base64()?)?,
            other => {
                let other: String = other.chars().take(20).collect();
                return Err(format!("it is encoded as `{other}`, which is not known here"));
            }
        };
        match proof {
            Proof::Digest(digest) if integrity::matches(digest, &bytes) => Ok(bytes),
            Proof::Digest(digest) => Err(format!("its {} is not the one announced", digest.method.name())),
            Proof::Unknown(_) | Proof::None => Ok(bytes),
        }
    }
}

fn unpacked(packed: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let most = MAX_CONTENT as u64 + 1;
    GzDecoder::new(packed).take(most).read_to_end(&mut bytes).map_err(|_| "its packing is torn".to_owned())?;
    if bytes.len() <= MAX_CONTENT { Ok(bytes) } else { Err(format!("it unpacks to more than {MAX_CONTENT} bytes")) }
}
