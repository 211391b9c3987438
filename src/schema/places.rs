//! Names of places and seasons: those of the shipped configuration are offered, others are taken, as a configuration may have its own.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use toml::Table;

use super::words::{name, named, names, table, texts};
use crate::config::embedded;

/// A governorate by its id.
pub(super) fn one(told: &str) -> Value {
    let known = ids();
    name(told, known.iter().map(String::as_str))
}

/// Governorates by their ids.
pub(super) fn several(told: &str) -> Value {
    let known = ids();
    names(told, known.iter().map(String::as_str))
}

/// A choice of governorates: all, by name, by tag or by height.
pub(super) fn chosen(told: &str) -> Value {
    let height = json!({ "type": "string", "pattern": "^ *[0-9]*[.]?[0-9]+ *(m|km|mi|SM|ft) *$" });
    let keys = vec![
        ("tags", tags("those with one of these tags")),
        ("without_tags", tags("those with none of these tags")),
        ("at_least", super::words::about(height.clone(), "those whose seat lies so high, such as \"1500 m\"")),
        ("at_most", super::words::about(height, "those whose seat lies no higher")),
    ];
    json!({ "description": told, "anyOf": [
        { "const": "all" }, several("by their ids"), table("by what they are like; all of it must be true", keys, &[]),
    ] })
}

/// A choice of governorates of a feed: by name or by tag.
pub(super) fn of_feed(told: &str) -> Value {
    let tagged = table("those with one of these tags", vec![("tags", tags(""))], &["tags"]);
    json!({ "description": told, "anyOf": [several("by their ids"), tagged] })
}

/// Stations, each with the governorates that it stands for.
pub(super) fn stations(told: &str) -> Value {
    named(told, None, &several("the governorates that it stands for"))
}

/// The seasons of the shipped configuration.
pub(super) fn seasons() -> Vec<&'static str> {
    let file = embedded::text("seasons.toml").unwrap_or_default();
    let names = file.lines().filter_map(|line| line.strip_prefix('[')?.split(']').next());
    names.collect()
}

fn tags(told: &str) -> Value {
    let mut schema = texts(told);
    let known: BTreeSet<String> = governorates().iter().flat_map(|one| strings(one, "tags")).collect();
    if let Some(object) = schema.as_object_mut() {
        object.insert("items".to_owned(), json!({ "anyOf": [{ "enum": known }, { "type": "string" }] }));
    }
    schema
}

fn ids() -> Vec<String> {
    let id = |one: &Table| one.get("id").and_then(toml::Value::as_str).map(str::to_owned);
    governorates().iter().filter_map(id).collect()
}

fn strings(table: &Table, key: &str) -> Vec<String> {
    let items = table.get(key).and_then(toml::Value::as_array);
    items.into_iter().flatten().filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

/// The governorates of the shipped configuration.
fn governorates() -> Vec<Table> {
    let file: Table = embedded::text("governorates.toml").and_then(|text| text.parse().ok()).unwrap_or_default();
    let list = file.get("governorate").and_then(toml::Value::as_array);
    list.into_iter().flatten().filter_map(toml::Value::as_table).cloned().collect()
}
