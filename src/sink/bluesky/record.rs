//! A post as a record of the AT Protocol, and the place at which it stands. Pure.

use chrono::SecondsFormat;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::Standing;
use crate::message::brief::Part;
use crate::time::{TimeDelta, Timestamp};

/// Under which name posts are kept.
pub(super) const COLLECTION: &str = "app.bsky.feed.post";

/// The most graphemes and bytes of a post.
pub(super) const MAX_GRAPHEMES: usize = 300;
pub(super) const MAX_BYTES: usize = 3_000;

/// How long before its end a message counts as made, for its place: the same at every try, and not in the future.
const BEFORE: TimeDelta = TimeDelta::days(7);

/// The letters of a place: those of base 32 in the order of their codes.
const LETTERS: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";

/// The place of a post, the same for the same key: in the shape of a TID, 13 letters of a time in microseconds and a number.
pub(super) fn record_key(key: &str, expires: Timestamp) -> String {
    let hash = digest(&SHA256, key.as_bytes());
    let hash = hash.as_ref().iter().take(8).fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    let second = u64::try_from((expires - BEFORE).timestamp()).unwrap_or(0);
    let micros = second.saturating_mul(1_000_000).saturating_add(hash % 1_000_000) & ((1 << 53) - 1);
    let whole = micros << 10 | (hash >> 32 & 0x3ff);
    let letter = |place: u32| LETTERS.get((whole >> (5 * place) & 0x1f) as usize).copied().map_or('2', char::from);
    (0..13).rev().map(letter).collect()
}

/// One post.
pub(super) struct Post<'a> {
    pub(super) part: &'a Part,
    pub(super) at: Timestamp,
    /// The first of its thread, and the one before it.
    pub(super) answers: Option<(&'a Standing, &'a Standing)>,
    /// A picture that was handed over, and what it shows in words.
    pub(super) picture: Option<(Value, String)>,
}

impl Post<'_> {
    /// The record.
    pub(super) fn record(self) -> Value {
        let Self { part, at, answers, picture } = self;
        let mut record = json!({
            "$type": COLLECTION,
            "text": part.text,
            "langs": [part.language.tag()],
            "createdAt": at.to_rfc3339_opts(SecondsFormat::Millis, true),
        });
        let links = links(&part.text);
        if let Some(record) = record.as_object_mut() {
            record.extend((!links.is_empty()).then(|| ("facets".to_owned(), Value::Array(links))));
            record
                .extend(answers.map(|(root, parent)| ("reply".to_owned(), json!({ "root": root, "parent": parent }))));
            record.extend(picture.map(|(blob, alt)| {
                let images = json!([{ "alt": alt, "image": blob }]);
                ("embed".to_owned(), json!({ "$type": "app.bsky.embed.images", "images": images }))
            }));
        }
        record
    }
}

/// The links in a text, which Bluesky does not find itself: by their places in bytes.
fn links(text: &str) -> Vec<Value> {
    let mut links = Vec::new();
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find("https://")) {
        let start = from + found;
        let rest = text.get(start..).unwrap_or_default();
        let len =
            rest.find(|c: char| c.is_whitespace() || c.is_control() || "\u{2066}\u{2067}\u{2068}\u{2069}".contains(c));
        let uri = rest.get(..len.unwrap_or(rest.len())).unwrap_or_default();
        let uri = uri.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '،', '؛', '؟', '»', '”']);
        let end = start + uri.len();
        if "https://".len() < uri.len() {
            links.push(json!({
                "index": { "byteStart": start, "byteEnd": end },
                "features": [{ "$type": "app.bsky.richtext.facet#link", "uri": uri }],
            }));
        }
        from = end.max(start + 1);
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(1_765_238_400 + second, 0).unwrap()
    }

    #[test]
    fn a_place_is_the_same_for_the_same_key_and_has_the_shape_of_a_tid() {
        let key = record_key("a/0", at(0));
        assert_eq!(key, record_key("a/0", at(0)));
        assert_ne!(key, record_key("a/1", at(0)));
        assert!(
            key.len() == 13
                && key.bytes().all(|byte| LETTERS.contains(&byte))
                && key.starts_with(|c| "234567abcdefghij".contains(c))
        );
        assert!(record_key("a/0", at(0)) < record_key("a/0", at(3600)), "in the order of time");
    }

    #[test]
    fn links_are_found_by_their_bytes() {
        let text = "سيول: https://desk.example/a?x=1. \u{2068}https://b.example\u{2069} https://";
        let part = Part { language: Language::Ar, text: text.to_owned() };
        let record = Post { part: &part, at: at(0), answers: None, picture: None }.record();
        let facets = record["facets"].as_array().unwrap();
        let told: Vec<&str> = facets
            .iter()
            .map(|facet| {
                let index = |name: &str| facet["index"][name].as_u64().unwrap() as usize;
                let shown = text.get(index("byteStart")..index("byteEnd")).unwrap();
                assert_eq!(facet["features"][0]["uri"], shown);
                shown
            })
            .collect();
        assert_eq!(told, ["https://desk.example/a?x=1", "https://b.example"]);
        assert_eq!((&record["langs"][0], &record["createdAt"]), (&"ar".into(), &"2025-12-09T00:00:00.000Z".into()));
    }
}
