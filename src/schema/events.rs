//! What subscribers and webhooks are sent: every type of event, with a JSON Schema and an example that was made by what really speaks.
//!
//! A receiver must bear keys that stand in no schema, and types too: they are added, and none is renamed or taken away.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::DIALECT;
use crate::bulletin::{Change, Reason};
use crate::config::Config;
use crate::hazard::{Hazard, Severity};
use crate::ids::{BulletinId, ChannelId};
use crate::message::MessageKey;
use crate::message::rehearsal::bodies::each_in_json;
use crate::notice::{FeedClock, Holding, Side, Stage};
use crate::outbox::Standing;
use crate::outbox::replay::{About, HISTORY, Sent, history, key_of};
use crate::outbox::share::TOLD;
use crate::statement::{Sort, Truth};
use crate::subscriber::{CHALLENGE, TEST, body_of};
use crate::time::Timestamp;

#[cfg(test)]
mod tests;

/// A type of event.
#[derive(Debug, Clone)]
pub struct EventType {
    /// Its name: what `type` says.
    pub name: String,
    /// What it tells.
    pub about: String,
    data: fn(&str) -> Value,
    /// The words by which a rehearsal tells it, where it does.
    story: Option<String>,
}

/// Every type of event.
pub fn event_types() -> Vec<EventType> {
    let warnings = Change::ALL.iter().map(|change| EventType {
        name: format!("warning.{}", change.name()),
        about: told_of(*change).to_owned(),
        data: warning,
        story: Some(format!("{}, {}, {}", Hazard::FlashFlood, Severity::Red, change.name())),
    });
    let statements = Sort::ALL.iter().map(|sort| EventType {
        name: format!("statement.{}", sort.name()),
        about: match sort {
            Sort::News => "news".to_owned(),
            Sort::Event => "an event is announced".to_owned(),
            Sort::Rumour => "a rumour is answered".to_owned(),
        },
        data: statement,
        story: Some(match sort {
            Sort::News | Sort::Event => format!("a statement, {}", sort.name()),
            Sort::Rumour => format!("a statement, {}, {}", sort.name(), Truth::False.name()),
        }),
    });
    let withdrawn = EventType {
        name: "statement.withdrawn".to_owned(),
        about: "a statement is taken back and does not hold".to_owned(),
        data: statement,
        story: Some(format!("a statement, {}, taken back", Sort::News.name())),
    };
    let notices = Stage::ALL.iter().map(|stage| EventType {
        name: format!("notice.{}", stage.name()),
        about: match stage {
            Stage::Begun => "to the people on duty alone: something is the matter with the service",
            Stage::Continues => "to the people on duty alone: it goes on, or there is more to tell of it",
            Stage::Ended => "to the people on duty alone: it is over",
        }
        .to_owned(),
        data: notice,
        story: Some(format!("a notice, silent by fetch {}", stage.name())),
    });
    let own = |name: &str, about: &str, data: fn(&str) -> Value| EventType {
        name: name.to_owned(),
        about: about.to_owned(),
        data,
        story: None,
    };
    let others = [
        own(HISTORY, "what was said in the past, for the record: no warning now", of_history),
        own(CHALLENGE, "to a new subscriber: answer 2xx with `data.challenge` in the body", challenge),
        own(TEST, "a test of the connection, and no warning", test),
    ];
    warnings.chain(statements).chain([withdrawn]).chain(notices).chain(others).collect()
}

fn told_of(change: Change) -> &'static str {
    match change {
        Change::Issued => "a new warning",
        Change::Raised => "a warning is worse than told",
        Change::Lowered => "a warning is milder than told",
        Change::Extended => "a warning holds for longer than told",
        Change::Updated => "something else of a warning is otherwise than told",
        Change::Lifted => "the danger has passed",
        Change::Expired => "the time of a warning ran out, which is no all-clear",
        Change::Corrected => "a warning is taken back: it should not have been given",
    }
}

impl EventType {
    /// Its JSON Schema.
    pub fn schema(&self) -> Value {
        let envelope = object(&[
            ("type", json!({ "const": self.name })),
            ("timestamp", described(instant(), "when it was decided")),
            ("data", (self.data)(&self.name)),
        ]);
        let mut whole = Map::new();
        whole.insert("$schema".to_owned(), DIALECT.into());
        whole.insert("title".to_owned(), self.name.clone().into());
        whole.insert("description".to_owned(), self.about.clone().into());
        if let Value::Object(envelope) = envelope {
            whole.extend(envelope);
        }
        Value::Object(whole)
    }
}

/// An example of each type, as a house with this configuration would say it; what it tells of has never happened.
///
/// # Errors
/// When something cannot be told.
pub fn examples(config: &Config) -> anyhow::Result<BTreeMap<String, String>> {
    let types = event_types();
    let mut bodies = BTreeMap::new();
    let (mut failed, mut first) = (None, None);
    let is_wanted = |story: &str| types.iter().any(|one| one.story.as_deref() == Some(story));
    each_in_json(&config.speaker, &config.governorates, is_wanted, |story, message| match message {
        Ok(message) => {
            if let Some(one) = types.iter().find(|one| one.story.as_deref() == Some(story)) {
                // Others with the same words are told otherwise: by other values, in other places.
                first.get_or_insert_with(|| (message.key.clone(), message.body.clone()));
                bodies.entry(one.name.clone()).or_insert(message.body);
            }
        }
        Err(why) => failed = Some(why),
    });
    if let Some(why) = failed {
        return Err(anyhow::Error::new(why).context("an example cannot be told"));
    }
    let (key, body) = first.context("no warning was told")?;
    let channel = ChannelId::new("partners").context("it is no name")?;
    bodies.insert(HISTORY.to_owned(), history_of(&key, &channel, &body)?);
    let now: Timestamp = "2025-12-09T00:05:00Z".parse()?;
    for (kind, data) in [
        (CHALLENGE, json!({ "challenge": "d6d2f7f9b3a14f0e8a5c1b2d3e4f5061" })),
        (TEST, json!({ "note": "this is a test of the connection and no warning" })),
    ] {
        bodies.insert(kind.to_owned(), body_of(kind, (&channel, "red-crescent"), data, now));
    }
    Ok(bodies)
}

fn history_of(key: &MessageKey, channel: &ChannelId, body: &str) -> anyhow::Result<String> {
    let message: Value = serde_json::from_str(body)?;
    let moment = |pointer: &str| -> anyhow::Result<Timestamp> {
        Ok(message.pointer(pointer).and_then(Value::as_str).context("it names no moment")?.parse()?)
    };
    let id = message.pointer("/data/id").cloned().context("it has no name")?;
    let sent = Sent {
        delivery: 0,
        message: key.clone(),
        bulletin: serde_json::from_value::<BulletinId>(id)?,
        said: moment("/timestamp")?,
        expires: moment("/data/expires")?,
        about: About::Other(HISTORY.to_owned(), Vec::new()),
        standing: Standing::Delivered,
        was_tried: true,
        mark: TOLD,
        has_older: false,
    };
    let (_, told): (String, Arc<str>) = history(&key_of(key, channel), &sent, body);
    Ok(told.to_string())
}

/// An object with keys that are always there.
fn object(keys: &[(&str, Value)]) -> Value {
    with(keys, &[])
}

/// An object with keys that are always there, and others that may be left out.
fn with(always: &[(&str, Value)], at_times: &[(&str, Value)]) -> Value {
    let keys: Map<String, Value> =
        always.iter().chain(at_times).map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let required: Vec<&str> = always.iter().map(|(key, _)| *key).collect();
    json!({ "type": "object", "properties": keys, "required": required })
}

fn described(mut schema: Value, about: &str) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), about.into());
    }
    schema
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn whole_number(least: i64) -> Value {
    json!({ "type": "integer", "minimum": least })
}

fn list(of: &Value) -> Value {
    json!({ "type": "array", "items": of })
}

fn or_null(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> Value {
    json!({ "enum": names.into_iter().collect::<Vec<_>>() })
}

fn instant() -> Value {
    json!({ "type": "string", "format": "date-time", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$" })
}

fn severity() -> Value {
    one_of(Severity::ALL.iter().map(|one| one.name()))
}

fn both() -> Value {
    object(&[("ar", text()), ("en", text())])
}

fn area() -> Value {
    object(&[("id", text()), ("code", or_null(&text())), ("name", or_null(&both()))])
}

/// The texts, by the tags of their languages; a subscriber that reads fewer has fewer.
fn texts() -> Value {
    let one = with(&[("headline", text()), ("body", text())], &[("short", text())]);
    json!({ "type": "object", "properties": { "ar": one, "en": one }, "additionalProperties": one, "minProperties": 1 })
}

/// What each says of itself: its name, its number and which edition of that it is.
fn identity() -> [(&'static str, Value); 3] {
    [
        ("id", described(text(), "its name for ever")),
        ("number", described(text(), "the same in all its editions")),
        ("edition", described(whole_number(1), "a newer one takes the place of all older ones")),
    ]
}

fn warning(name: &str) -> Value {
    let change = name.trim_start_matches("warning.");
    let evidence = object(&[
        ("rule", text()),
        ("governorate", text()),
        ("metric", text()),
        ("basis", one_of(["observed", "forecast"])),
        ("statistic", text()),
        ("window_s", whole_number(0)),
        ("at", instant()),
        ("value", json!({ "type": ["number", "null"] })),
        ("threshold", json!({ "type": ["number", "null"] })),
        ("unit", text()),
        ("feed", text()),
        ("station", or_null(&text())),
    ]);
    let [id, number, edition] = identity();
    let places = || list(&area());
    with(
        &[
            id,
            number,
            edition,
            ("replaces", described(list(&text()), "the newest edition of each warning whose place it takes")),
            ("change", json!({ "const": change })),
            (
                "status",
                described(
                    one_of(["Actual", "Exercise", "System", "Test", "Draft", "Unknown"]),
                    "all but Actual is a drill or test",
                ),
            ),
            ("hazard", one_of(Hazard::ALL.iter().map(|one| one.name()))),
            ("severity", severity()),
            ("was", described(or_null(&severity()), "what it was before, where that is otherwise")),
            ("areas", places()),
            ("left", described(places(), "where it does not hold any more")),
            ("issued", instant()),
            ("onset", instant()),
            ("until", described(instant(), "when the danger is expected to end")),
            ("official", described(json!({ "type": "boolean" }), "whether it is the word of an authority")),
            (
                "source",
                object(&[("feeds", list(&text())), ("authority", or_null(&text())), ("alert", or_null(&text()))]),
            ),
            ("evidence", list(&evidence)),
            ("silent_since", described(or_null(&instant()), "since when its feeds are silent")),
            ("text", texts()),
            ("sources", list(&object(&[("id", text()), ("name", or_null(&both()))]))),
            ("expires", described(instant(), "from when on nobody is to be told of it any more")),
        ],
        &[
            ("doubtful", described(places(), "where nobody knows whether it still holds")),
            ("parted", described(places(), "of which it only speaks no longer")),
            ("by_hand", json!({ "type": "boolean" })),
            ("reason", described(reason(), "why it is taken back")),
            ("reminder", described(whole_number(1), "the how-manieth time it is told once more")),
        ],
    )
}

fn reason() -> Value {
    let names: Vec<Value> = Reason::ALL.iter().filter_map(|one| serde_json::to_value(one).ok()).collect();
    json!({ "enum": names })
}

fn statement(name: &str) -> Value {
    let sorts = Sort::ALL.iter().map(|sort| sort.name());
    let sort = match name.trim_start_matches("statement.") {
        "withdrawn" => one_of(sorts),
        sort => json!({ "const": sort }),
    };
    let [id, number, edition] = identity();
    with(
        &[
            id,
            number,
            edition,
            ("sort", sort),
            ("withdrawn", json!({ "type": "boolean" })),
            ("title", both()),
            ("areas", list(&area())),
            ("issued", instant()),
            ("expires", described(instant(), "from when on nobody is to be told of it any more")),
            ("text", texts()),
        ],
        &[
            ("claim", described(both(), "what the rumour says")),
            ("truth", one_of(Truth::ALL.iter().map(|truth| truth.name()))),
            ("from", instant()),
            ("until", instant()),
            ("link", text()),
        ],
    )
}

fn notice(name: &str) -> Value {
    let [id, number, edition] = identity();
    object(&[
        id,
        number,
        edition,
        ("stage", json!({ "const": name.trim_start_matches("notice.") })),
        ("since", instant()),
        ("issued", instant()),
        ("expires", described(instant(), "from when on nobody is to be told of it any more")),
        ("about", topic()),
        ("text", texts()),
    ])
}

/// What a notice is about.
fn topic() -> Value {
    let of = |name: &str, keys: &[(&str, Value)]| {
        let keys: Vec<(&str, Value)> =
            std::iter::once(("topic", json!({ "const": name }))).chain(keys.iter().cloned()).collect();
        object(&keys)
    };
    let more = ("more", whole_number(0));
    let clocks = one_of(FeedClock::ALL.iter().map(|clock| clock.name()));
    let past = object(&[("clock", clocks), ("since", instant()), ("limit_s", whole_number(0))]);
    let ran_out = object(&[
        ("number", text()),
        ("hazard", one_of(Hazard::ALL.iter().map(|one| one.name()))),
        ("severity", severity()),
        ("areas", list(&text())),
        ("until", instant()),
    ]);
    let dropped = object(&[("name", text()), ("why", text())]);
    let held = object(&[("alert", text()), ("about", text())]);
    let server = object(&[("name", text()), ("ahead_s", json!({ "type": "integer" }))]);
    json!({ "oneOf": [
        of("feed-silent", &[
            ("feed", text()), ("was_heard", json!({ "type": "boolean" })), ("past", list(&past)),
            ("why", or_null(&text())), ("resting", whole_number(0)),
        ]),
        of("unknown-shape", &[
            ("feed", text()), ("parts", list(&object(&[("part", text()), ("why", text())]))), more.clone(),
        ]),
        of("alert-held", &[
            ("feed", text()), ("why", one_of(Holding::ALL.iter().map(|one| one.name()))), ("alerts", list(&held)), more.clone(),
        ]),
        of("clock-skew", &[
            ("side", one_of(Side::ALL.iter().map(|side| side.name()))), ("servers", list(&server)),
        ]),
        of("ran-out", &[("warnings", list(&ran_out)), more.clone()]),
        of("subscriber-disabled", &[("channel", text()), ("subscribers", list(&dropped)), more]),
    ] })
}

fn of_history(_: &str) -> Value {
    object(&[
        ("note", text()),
        ("id", text()),
        ("said", instant()),
        ("expired", instant()),
        ("webhook_id", described(text(), "under which it was sent then")),
        ("message", described(text(), "the JSON that was sent then, as a text")),
    ])
}

fn challenge(_: &str) -> Value {
    object(&[("challenge", text()), ("channel", text()), ("subscriber", text())])
}

fn test(_: &str) -> Value {
    object(&[("note", text()), ("channel", text()), ("subscriber", text())])
}
