//! The words that schemas are made of: texts, spans of time, quantities, choices, tables. Each says what it is for.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use crate::language::Language;
use crate::unit::{Dimension, Unit};

/// A span of time as [`crate::time::parse_span`] reads it.
const SPAN: &str = "^[0-9]+ *(s|min|h|d) *$";
/// A name as [`crate::ids`] has it.
pub(super) const NAME: &str = "^[a-z][a-z0-9-]{0,63}$";

/// A key and what it may hold.
pub(super) type Key = (&'static str, Value);

/// The same, with a description.
pub(super) fn about(mut schema: Value, about: &str) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), about.into());
    }
    schema
}

/// The same, with examples.
pub(super) fn such_as(mut schema: Value, examples: &[Value]) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.insert("examples".to_owned(), examples.to_vec().into());
    }
    schema
}

/// The same, with what holds when it is left out.
pub(super) fn usual(mut schema: Value, default: impl Into<Value>) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.insert("default".to_owned(), default.into());
    }
    schema
}

pub(super) fn text(told: &str) -> Value {
    json!({ "type": "string", "description": told })
}

/// A text that is not empty.
pub(super) fn line(told: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "description": told })
}

pub(super) fn flag(told: &str, default: bool) -> Value {
    json!({ "type": "boolean", "default": default, "description": told })
}

pub(super) fn integer(told: &str, limits: &RangeInclusive<i64>) -> Value {
    json!({ "type": "integer", "minimum": limits.start(), "maximum": limits.end(), "description": told })
}

pub(super) fn span(told: &str) -> Value {
    such_as(json!({ "type": "string", "pattern": SPAN, "description": told }), &["10min".into(), "6h".into()])
}

/// One of a fixed list.
pub(super) fn word<'a>(told: &str, words: impl IntoIterator<Item = &'a str>) -> Value {
    json!({ "type": "string", "enum": words.into_iter().collect::<Vec<_>>(), "description": told })
}

/// Several of a fixed list.
pub(super) fn words<'a>(told: &str, known: impl IntoIterator<Item = &'a str>) -> Value {
    json!({ "type": "array", "minItems": 1, "description": told,
        "items": { "type": "string", "enum": known.into_iter().collect::<Vec<_>>() } })
}

/// A list of texts.
pub(super) fn texts(told: &str) -> Value {
    json!({ "type": "array", "items": { "type": "string" }, "description": told })
}

/// A name that a person chose; the known ones are offered, others are taken.
pub(super) fn name<'a>(told: &str, known: impl IntoIterator<Item = &'a str>) -> Value {
    let known: Vec<&str> = known.into_iter().collect();
    json!({ "description": told, "anyOf": [{ "enum": known }, { "type": "string", "pattern": NAME }] })
}

/// A list of such names.
pub(super) fn names<'a>(told: &str, known: impl IntoIterator<Item = &'a str>) -> Value {
    json!({ "type": "array", "minItems": 1, "description": told, "items": name("", known) })
}

/// A table of these keys and no others.
pub(super) fn table(told: &str, keys: Vec<Key>, required: &[&str]) -> Value {
    let properties: Map<String, Value> = keys.into_iter().map(|(key, schema)| (key.to_owned(), schema)).collect();
    json!({
        "type": "object", "description": told, "properties": properties, "required": required,
        "additionalProperties": false,
    })
}

/// A table whose names a person chose, each holding the same.
pub(super) fn named(told: &str, pattern: Option<&str>, each: &Value) -> Value {
    let mut schema = json!({ "type": "object", "description": told, "additionalProperties": each });
    if let (Some(object), Some(pattern)) = (schema.as_object_mut(), pattern) {
        object.insert("propertyNames".to_owned(), json!({ "pattern": pattern }));
    }
    schema
}

/// A list of tables.
pub(super) fn tables(told: &str, each: &Value) -> Value {
    json!({ "type": "array", "description": told, "items": each })
}

/// A text in both languages.
pub(super) fn both(told: &str) -> Value {
    let keys = Language::ALL.iter().map(|language| (language.tag(), line("")));
    let tags: Vec<&str> = Language::ALL.iter().map(|language| language.tag()).collect();
    let keys: Vec<Key> = keys.collect();
    table(told, keys, &tags)
}

/// Where a secret is kept; never the secret itself.
pub(super) fn secret(told: &str) -> Value {
    let keys = vec![
        ("file", line("the path of a file that holds it; relative paths begin in the state directory")),
        ("credential", line("its name in LoadCredential= of systemd")),
    ];
    let mut schema = table(told, keys, &[]);
    if let Some(object) = schema.as_object_mut() {
        object.insert("minProperties".to_owned(), 1.into());
        object.insert("maxProperties".to_owned(), 1.into());
    }
    schema
}

/// A size in bytes.
pub(super) fn size(told: &str) -> Value {
    json!({ "description": told, "examples": ["4 MiB"], "anyOf": [
        { "type": "string", "pattern": "^ *[0-9]+ *(B|KiB|MiB)? *$" }, { "type": "integer", "minimum": 1 },
    ] })
}

/// A quantity of a dimension, `40 mm`, or how fast it goes, `10 mm/h`. Codes are bare.
pub(super) fn quantity(dimension: Dimension, is_rate: bool) -> Value {
    let spellings = dimension.units().flat_map(|unit| unit.spellings().iter().copied());
    let units: Vec<String> = spellings.map(escaped).collect();
    let rate = if is_rate { "/(min|h|d)" } else { "" };
    let pattern = format!("^ *[-+]?[0-9]*[.]?[0-9]+ *({}){rate} *$", units.join("|"));
    let written = json!({ "type": "string", "pattern": pattern });
    let symbols: Vec<&str> = dimension.units().map(Unit::symbol).collect();
    let by = if is_rate { ", by /h, /min or /d" } else { "" };
    match dimension {
        Dimension::Code => {
            json!({ "description": "a bare code, such as 95", "anyOf": [written, { "type": "number" }] })
        }
        _ => about(written, &format!("{} in {}{by}", dimension.name(), symbols.join(", "))),
    }
}

/// A text as it stands in a pattern.
fn escaped(text: &str) -> String {
    text.chars().map(|c| if "^$.*+?()[]{}|\\/".contains(c) { format!("\\{c}") } else { c.to_string() }).collect()
}
