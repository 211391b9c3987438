//! Where in an answer the warnings are, and how their keys are found in any case. Knows nothing of what a warning says.

use serde_json::{Map, Value};

use crate::feed::values::shown;

/// How deep within an answer its warnings are looked for.
const MAX_DEPTH: usize = 4;
/// The most keys that are named to the staff.
const MAX_KEYS_SHOWN: usize = 12;

/// The keys by which a warning is known, in the form of [`plain`]; two of them make one.
const TELLING: &[&str] = &[
    "regionar",
    "regionen",
    "regiondid",
    "regionid",
    "governorates",
    "alerttype",
    "alerttypear",
    "alertstatuscategory",
    "alertstatusar",
    "alertstatus",
    "alerthazards",
    "fromdate",
    "todate",
    "lastmodified",
];

/// A part of an answer.
pub(super) enum Item<'a> {
    /// It looks like a warning.
    Alert(Fields<'a>),
    /// It does not; says what it is.
    Other(String),
}

/// The keys and values of a warning, and its shape on the map when it has one.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    own: &'a Map<String, Value>,
    /// The `geometry` of a GeoJSON feature.
    pub(super) geometry: Option<&'a Value>,
}

impl<'a> Fields<'a> {
    /// The value of the first of some keys that is there and not null.
    pub(super) fn get(&self, keys: &[&str]) -> Option<&'a Value> {
        keys.iter().find_map(|key| {
            let (_, value) = self.own.iter().find(|(name, value)| plain(name) == *key && !value.is_null())?;
            Some(value)
        })
    }

    /// The text of the first of some keys that has one.
    pub(super) fn text(&self, keys: &[&str]) -> Option<&'a str> {
        keys.iter().find_map(|key| {
            let value = self.own.iter().find(|(name, value)| plain(name) == *key && value.is_string())?.1;
            value.as_str().map(str::trim).filter(|text| !text.is_empty())
        })
    }
}

/// A key in small letters without marks: `alert_TypeAR` is `alerttypear`.
pub(super) fn plain(key: &str) -> String {
    key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The warnings of an answer.
///
/// # Errors
/// Says what was found when there is no list in it that could be theirs.
pub(super) fn items(answer: &Value) -> Result<Vec<Item<'_>>, String> {
    find(answer, MAX_DEPTH).ok_or_else(|| match answer {
        Value::Object(object) => format!("JSON with {}", keys(object)),
        _ => String::new(),
    })
}

fn find(value: &Value, depth: usize) -> Option<Vec<Item<'_>>> {
    match value {
        Value::Array(list) => Some(list.iter().map(item).collect()),
        Value::Object(object) => {
            // Its own keys alone: what lies within is looked at below, all of it.
            if is_alert(object)
                || object.values().all(|value| !value.is_array()) && properties(object).is_some_and(is_alert)
            {
                return Some(vec![item(value)]);
            }
            if depth == 0 {
                return None;
            }
            let inner = object.values().filter(|inner| inner.is_array() || inner.is_object());
            let lists: Vec<Vec<Item<'_>>> = inner.filter_map(|inner| find(inner, depth - 1)).collect();
            if lists.is_empty() {
                return None;
            }
            // Lists of something else beside warnings, such as links, are not theirs; without any warning all of it is unknown.
            let has_alert = |list: &Vec<Item<'_>>| list.iter().any(|item| matches!(item, Item::Alert(_)));
            let is_theirs = lists.iter().any(has_alert);
            Some(lists.into_iter().filter(|list| !is_theirs || has_alert(list)).flatten().collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn item(value: &Value) -> Item<'_> {
    let Some(object) = value.as_object() else {
        return Item::Other(format!("it is no warning but {}", shown(&value.to_string())));
    };
    let properties = properties(object);
    let geometry = object.iter().find(|(name, _)| plain(name) == "geometry").map(|(_, value)| value);
    let within = object.values().filter_map(Value::as_object);
    let candidates = properties.into_iter().chain([object]).chain(within);
    match candidates.into_iter().find(|own| is_alert(own)) {
        Some(own) => Item::Alert(Fields { own, geometry }),
        None => Item::Other(format!("it is in no shape known here: it has {}", keys(properties.unwrap_or(object)))),
    }
}

/// The properties of a GeoJSON feature, which carry the same keys.
fn properties(object: &Map<String, Value>) -> Option<&Map<String, Value>> {
    object.iter().find(|(name, _)| plain(name) == "properties").and_then(|(_, value)| value.as_object())
}

fn is_alert(own: &Map<String, Value>) -> bool {
    2 <= own.keys().filter(|key| TELLING.contains(&plain(key).as_str())).count()
}

fn keys(object: &Map<String, Value>) -> String {
    let names: Vec<String> = object.keys().take(MAX_KEYS_SHOWN).map(|key| format!("`{}`", shown(key))).collect();
    match (names.is_empty(), object.len().saturating_sub(MAX_KEYS_SHOWN)) {
        (true, _) => "no keys".to_owned(),
        (false, 0) => format!("the keys {}", names.join(", ")),
        (false, more) => format!("the keys {} and {more} more", names.join(", ")),
    }
}
