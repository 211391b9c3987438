//! What Firebase is given for a message: to which topics, in which words. Pure.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::bulletin::Change;
use crate::hazard::{Hazard, Severity};
use crate::notice::Stage;
use crate::sink::facts::{Facts, Text};
use crate::sink::{Parcel, SendError, http, spread};
use crate::time::TimeDelta;

/// The most topics of one condition.
const MAX_TOGETHER: usize = 5;

/// How many bytes a message to topics may hold, its keys and values together.
const MAX_BYTES: usize = 2048;

/// The longest name of a topic.
const MAX_TOPIC: usize = 200;

/// The longest name under which Apple's service lets one notification take the place of another.
const MAX_TAG: usize = 64;

/// The longest that Firebase keeps a message: four weeks.
const MAX_TTL: TimeDelta = TimeDelta::days(28);

const PLACE: &str = "{governorate}";
const LANGUAGE: &str = "{language}";

/// How topics are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topic(String);

impl Topic {
    /// Reads a name with `{governorate}` in it, and `{language}` where each language has topics of its own.
    ///
    /// # Errors
    /// What is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.matches(PLACE).count() != 1 || 1 < text.matches(LANGUAGE).count() {
            return Err(format!("write {PLACE} once, and {LANGUAGE} once or not at all: makkah-{PLACE}-{LANGUAGE}"));
        }
        let rest = text.replace(PLACE, "").replace(LANGUAGE, "");
        if MAX_TOPIC / 2 < text.len() || !rest.bytes().all(is_sign) {
            return Err(format!("`{text}` is no topic: letters, digits and - _ . ~ %, {} at most", MAX_TOPIC / 2));
        }
        Ok(Self(text.to_owned()))
    }

    fn has_languages(&self) -> bool {
        self.0.contains(LANGUAGE)
    }

    fn of(&self, place: &str, language: &str) -> Result<String, SendError> {
        let named = self.0.replace(PLACE, place).replace(LANGUAGE, language);
        if named.len() <= MAX_TOPIC && named.bytes().all(is_sign) {
            return Ok(named);
        }
        // Another name would be another place.
        Err(SendError::Never { why: format!("`{named}` cannot be a topic: letters, digits and - _ . ~ % alone") })
    }
}

fn is_sign(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~%".contains(&byte)
}

/// One request.
#[derive(Debug)]
pub(super) struct Note {
    /// To whom: what tells it from the others of the message.
    pub(super) to: String,
    /// What is sent.
    pub(super) body: Value,
}

/// The requests that a message comes to.
///
/// # Errors
/// When it is about no place or too many, or too long: nothing is sent then.
pub(super) fn notes(facts: &Facts, topic: &Topic, parcel: &Parcel) -> Result<Vec<Note>, SendError> {
    let places = places(facts)?;
    let texts: Vec<(&str, &Text)> =
        facts.text.iter().filter_map(|(tag, text)| Some((tag.as_str(), text.as_ref()?))).collect();
    if texts.is_empty() {
        return Err(SendError::Never { why: "the message has no words".to_owned() });
    }
    let each: Vec<Vec<(&str, &Text)>> =
        if topic.has_languages() { texts.into_iter().map(|one| vec![one]).collect() } else { vec![texts] };
    let mut notes = Vec::new();
    for texts in &each {
        let tags: Vec<&str> = texts.iter().map(|(tag, _)| *tag).collect();
        let tags = tags.join("+");
        let words = Words::of(facts, texts);
        http::check_length("a topic of Firebase", words.len(&tags), MAX_BYTES, "bytes")?;
        let topics = places.iter().map(|place| topic.of(place, &tags)).collect::<Result<Vec<_>, _>>()?;
        for some in topics.chunks(MAX_TOGETHER) {
            let body = json!({ "message": message(&words, &tags, some, facts, parcel) });
            notes.push(Note { to: some.join(" "), body });
        }
    }
    Ok(notes)
}

/// The places whose topics are told: every one that holds the warning, or held it before.
fn places(facts: &Facts) -> Result<BTreeSet<&str>, SendError> {
    if facts.stage.is_some() {
        return Ok(BTreeSet::from(["notices"]));
    }
    let of_it = [&facts.areas, &facts.left, &facts.doubtful, &facts.parted];
    let mut of_it = of_it.into_iter().flatten().peekable();
    if of_it.peek().is_none() && facts.hazard.is_none() {
        return Ok(BTreeSet::from(["statements"]));
    }
    Facts::each_once(of_it)
}

/// What is shown, and what the app reads beside it.
struct Words {
    title: String,
    body: String,
    data: Map<String, Value>,
}

impl Words {
    fn of(facts: &Facts, texts: &[(&str, &Text)]) -> Self {
        let mut lines = texts.iter().map(|(_, text)| text.short.clone().unwrap_or_else(|| whole(text)));
        let first = lines.next().unwrap_or_default();
        let (title, rest) = first.split_once('\n').unwrap_or((&first, ""));
        let all: Vec<String> = std::iter::once(rest.to_owned()).chain(lines).filter(|text| !text.is_empty()).collect();
        let change = facts.change.map(Change::name);
        let known = [
            ("id", Some(format!("{}.{}", facts.number, facts.edition))),
            ("number", Some(facts.number.clone())),
            ("change", change.or(facts.stage.map(Stage::name)).map(str::to_owned)),
            ("hazard", facts.hazard.map(Hazard::name).map(str::to_owned)),
            ("severity", facts.severity.map(Severity::name).map(str::to_owned)),
            ("onset", facts.onset.map(|time| time.to_rfc3339())),
            ("until", facts.until.map(|time| time.to_rfc3339())),
        ];
        let data = known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))));
        Self { title: title.to_owned(), body: all.join("\n\n"), data: data.collect() }
    }

    /// How much of it counts.
    fn len(&self, tags: &str) -> usize {
        let value = |value: &Value| value.as_str().map_or(0, str::len);
        let data: usize = self.data.iter().map(|(name, one)| name.len() + value(one)).sum();
        "title".len() + self.title.len() + "body".len() + self.body.len() + data + "language".len() + tags.len()
    }
}

fn whole(text: &Text) -> String {
    format!("{}\n{}", text.headline, text.body)
}

fn message(words: &Words, tags: &str, topics: &[String], facts: &Facts, parcel: &Parcel) -> Value {
    let is_loud = match parcel.loudness {
        Severity::Orange | Severity::Red => true,
        Severity::Advisory | Severity::Yellow => false,
    };
    let left = (parcel.expires - parcel.now).clamp(TimeDelta::seconds(1), MAX_TTL).num_seconds();
    let tag = tag(&facts.number, tags);
    let mut data = words.data.clone();
    data.insert("language".to_owned(), tags.into());
    let mut message = json!({
        "notification": { "title": words.title, "body": words.body },
        "data": data,
        "android": {
            "priority": if is_loud { "high" } else { "normal" },
            "ttl": format!("{left}s"),
            // An app without such a channel shows it on its usual one.
            "notification": { "tag": tag, "channel_id": format!("nadhir-{}", parcel.loudness.name()) },
        },
        "apns": {
            "headers": {
                "apns-expiration": parcel.expires.timestamp().to_string(),
                "apns-priority": if is_loud { "10" } else { "5" },
                "apns-collapse-id": tag,
            },
            "payload": { "aps": {
                "sound": "default",
                "interruption-level": if is_loud { "time-sensitive" } else { "active" },
            } },
        },
        "webpush": { "headers": { "TTL": left.to_string(), "Urgency": if is_loud { "high" } else { "normal" } } },
    });
    let (name, to) = match topics {
        [one] => ("topic", one.clone()),
        several => {
            let each: Vec<String> = several.iter().map(|topic| format!("'{topic}' in topics")).collect();
            ("condition", each.join(" || "))
        }
    };
    if let Some(fields) = message.as_object_mut() {
        fields.insert(name.to_owned(), to.into());
    }
    message
}

/// Under which name a newer edition takes the place of an older one on the telephone.
fn tag(number: &str, tags: &str) -> String {
    let name = format!("{number}-{tags}");
    let is_fit = name.len() <= MAX_TAG && name.is_ascii();
    if is_fit { name } else { format!("{:016x}", spread::mark(&name)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_names_the_place() {
        let topic = Topic::parse("makkah-{governorate}-{language}").unwrap();
        assert_eq!(topic.of("jeddah", "ar").unwrap(), "makkah-jeddah-ar");
        assert!(topic.of("جدة", "ar").is_err());
        for wrong in ["makkah", "{governorate}{governorate}", "a b-{governorate}", "{governorate}/{language}"] {
            assert!(Topic::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_long_number_still_has_one_name_through_all_editions() {
        assert_eq!(tag("MKH-2025-000012", "ar"), "MKH-2025-000012-ar");
        let long = "سيول".repeat(20);
        assert_eq!((tag(&long, "ar").len(), tag(&long, "ar") == tag(&long, "en")), (16, false));
    }
}
