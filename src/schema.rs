//! JSON Schemas of the configuration, for editors that complete and check while one types.
//!
//! They say what a key is for, which words and units it takes, and refuse the keys that the reader refuses. They are the milder
//! judge: what hangs together over several keys or files is told by `nadhir check` alone. A test reads the shipped files and
//! the examples through the readers and compares the keys that were asked for with those that stand here.

use serde_json::{Map, Value, json};

mod channels;
pub mod events;
mod feeds;
mod kinds;
mod places;
mod rules;
mod settings;
#[cfg(test)]
mod tests;
mod wording;
mod words;

/// The dialect that the schemas are written in.
pub const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A kind of file and what it may hold.
pub struct Kind {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Which files it is of, under a configuration directory.
    pub files: &'static str,
    make: fn() -> Value,
}

/// Every kind of file.
pub const KINDS: &[Kind] = &[
    Kind { name: "nadhir", files: "nadhir.toml", make: settings::settings },
    Kind { name: "feeds", files: "feeds.toml", make: feeds::schema },
    Kind { name: "channels", files: "channels.toml", make: channels::schema },
    Kind { name: "governorates", files: "governorates.toml", make: settings::governorates },
    Kind { name: "seasons", files: "seasons.toml", make: settings::seasons },
    Kind { name: "rules", files: "rules/*.toml", make: rules::schema },
    Kind { name: "wording", files: "wording/*.toml", make: wording::schema },
];

impl Kind {
    /// The name of the file that its schema is written to.
    pub fn file_name(&self) -> String {
        format!("{}.schema.json", self.name)
    }

    /// Its schema.
    pub fn schema(&self) -> Value {
        let mut whole = Map::new();
        whole.insert("$schema".to_owned(), DIALECT.into());
        whole.insert("title".to_owned(), format!("{} of Nadhir", self.files).into());
        if let Value::Object(made) = (self.make)() {
            whole.extend(made);
        }
        if Value::Object(whole.clone()).to_string().contains("#/$defs/zone") {
            let definitions = whole.entry("$defs").or_insert_with(|| json!({}));
            if let Some(definitions) = definitions.as_object_mut() {
                definitions.insert("zone".to_owned(), zones());
            }
        }
        Value::Object(whole)
    }
}

/// A time zone by its name; they are many, and stand once in a schema.
fn zone(told: &str) -> Value {
    json!({ "$ref": "#/$defs/zone", "description": told })
}

/// The names of all time zones.
fn zones() -> Value {
    let names: Vec<&str> = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()).collect();
    json!({ "type": "string", "enum": names })
}
