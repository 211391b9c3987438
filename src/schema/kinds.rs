//! Tables whose `kind` says which further keys they have.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::words::Key;

/// One kind and its own keys.
pub(super) struct Kind {
    /// Its name.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) about: &'static str,
    /// The keys that are its own; none when they are not known here, so that nothing is refused.
    pub(super) keys: Option<Vec<Key>>,
    /// Those of them that must be there.
    pub(super) required: Vec<&'static str>,
}

/// A table with common keys and those of its kind.
///
/// The keys of all kinds stand in `properties`, for editors that complete while the kind is not written yet; what each kind takes
/// stands in a branch for it, which names all of its keys, so that one of another kind is refused.
pub(super) fn table(told: &str, common: Vec<Key>, required: &[&'static str], kinds: Vec<Kind>) -> Value {
    let names: Vec<Value> = kinds.iter().map(|kind| json!({ "const": kind.name, "description": kind.about })).collect();
    let mut properties: BTreeMap<String, Value> =
        common.into_iter().map(|(key, schema)| (key.to_owned(), schema)).collect();
    properties.insert("kind".to_owned(), json!({ "description": "what it is", "oneOf": names }));
    let shared: Vec<String> = properties.keys().cloned().collect();
    let is_whole = kinds.iter().all(|kind| kind.keys.is_some());
    let mut branches = Vec::new();
    for kind in kinds {
        let Some(keys) = kind.keys else { continue };
        let mut own: Map<String, Value> = shared.iter().map(|key| (key.clone(), true.into())).collect();
        for (key, schema) in keys {
            let told = schema.get("description").cloned().unwrap_or_default();
            properties.entry(key.to_owned()).or_insert(json!({ "description": told }));
            own.insert(key.to_owned(), schema);
        }
        branches.push(json!({
            "if": { "properties": { "kind": { "const": kind.name } }, "required": ["kind"] },
            "then": {
                "description": kind.about, "properties": own, "required": kind.required,
                "additionalProperties": false,
            },
        }));
    }
    let required: Vec<&str> = std::iter::once("kind").chain(required.iter().copied()).collect();
    json!({
        "type": "object", "description": told, "properties": properties, "required": required, "allOf": branches,
        "additionalProperties": !is_whole,
    })
}
