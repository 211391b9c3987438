//! `wording/*.toml`: the sections and texts of the shipped wording, all of which a wording must have.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use toml::Table;

use crate::config::embedded;
use crate::language::{Language, plural};

/// The schema of either file.
pub(super) fn schema() -> Value {
    let files: Vec<Table> = ["wording/ar.toml", "wording/en.toml"]
        .iter()
        .filter_map(|name| embedded::text(name)?.parse::<Table>().ok())
        .collect();
    let mut schema = section(&files.iter().collect::<Vec<_>>());
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), "Every text that people read, in one language.".into());
    }
    schema
}

/// A table as it is in both languages.
fn section(tables: &[&Table]) -> Value {
    let keys: BTreeSet<&String> = tables.iter().flat_map(|table| table.keys()).collect();
    let mut properties = Map::new();
    for key in &keys {
        let values: Vec<&toml::Value> = tables.iter().filter_map(|table| table.get(key.as_str())).collect();
        properties.insert((*key).clone(), entry(&values));
    }
    let required: Vec<&&String> =
        keys.iter().filter(|key| tables.iter().all(|table| table.contains_key(key.as_str()))).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn entry(values: &[&toml::Value]) -> Value {
    let tables: Vec<&Table> = values.iter().filter_map(|value| value.as_table()).collect();
    let forms: BTreeSet<&str> = Language::ALL.iter().flat_map(|language| plural::forms(*language)).copied().collect();
    let is_counted = !tables.is_empty()
        && tables.iter().all(|table| table.keys().all(|key| forms.contains(key.as_str())) && !table.is_empty());
    let text = json!({ "type": "string" });
    if is_counted {
        let properties: Map<String, Value> = forms.iter().map(|form| ((*form).to_owned(), text.clone())).collect();
        let counted = json!({
            "type": "object", "description": "a text for each form that a number takes", "properties": properties,
            "additionalProperties": false,
        });
        return json!({ "anyOf": [text, counted] });
    }
    if tables.is_empty() { text } else { section(&tables) }
}
