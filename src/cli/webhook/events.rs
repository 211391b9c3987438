//! `nadhir webhook events`: what a receiver may be sent, each type with its schema and an example.

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::columns::{drawn, plain};
use super::super::{EX_CONFIG, check, complain};
use crate::config;
use crate::schema::events::{EventType, event_types, examples};

/// What stands after the arguments.
pub(super) const HELP: &str = "Examples:  nadhir webhook events\n           nadhir webhook events warning.raised\n           nadhir webhook events \
    --json > events.json\n\nThe schemas are of the dialect 2020-12. Keys and types may be added, and none is renamed or taken away: bear those \
    that you do not know. The examples are made by what really speaks, in the words of the configuration.\n\nExit codes: 0 shown, 78 mistakes \
    in the configuration.";

/// What `nadhir webhook events` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Asked {
    /// Of which type; without it they are listed.
    #[arg(value_name = "TYPE", value_parser = known)]
    name: Option<String>,
    /// The directory of the configuration; what is built in where none is named.
    #[arg(long, value_name = "DIR", env = "NADHIR_CONFIG")]
    config: Option<PathBuf>,
    /// One JSON array of all of them, each with its schema and an example.
    #[arg(long)]
    json: bool,
}

fn known(text: &str) -> Result<String, String> {
    let names: Vec<String> = event_types().into_iter().map(|one| one.name).collect();
    match names.iter().any(|name| name == text) {
        true => Ok(text.to_owned()),
        false => Err(format!("there is no such type; there are {}", names.join(", "))),
    }
}

/// Shows what is asked for, and returns the exit code.
pub(super) fn run(asked: &Asked) -> u8 {
    let types: Vec<EventType> =
        event_types().into_iter().filter(|one| asked.name.as_ref().is_none_or(|name| *name == one.name)).collect();
    let text = if asked.json || asked.name.is_some() {
        match whole(asked, &types) {
            Ok(text) => text,
            Err(code) => return code,
        }
    } else {
        listed(&types)
    };
    // A reader that has gone away is no fault.
    let _ = anstream::stdout().write_all(text.as_bytes());
    0
}

fn whole(asked: &Asked, types: &[EventType]) -> Result<String, u8> {
    let config = config::load(asked.config.as_deref()).map(|(config, _)| config).map_err(|problems| {
        check::report(&problems, &mut anstream::stderr());
        EX_CONFIG
    })?;
    let examples = examples(&config).map_err(|why| {
        complain(&format_args!("{why:#}"));
        EX_CONFIG
    })?;
    let shown = types.iter().map(|one| {
        let example: Option<Value> = examples.get(&one.name).and_then(|body| serde_json::from_str(body).ok());
        json!({ "type": one.name, "about": one.about, "schema": one.schema(), "example": example })
    });
    let shown = Value::Array(shown.collect());
    Ok(serde_json::to_string_pretty(&shown).unwrap_or_default() + "\n")
}

fn listed(types: &[EventType]) -> String {
    let mut table = plain(["type", "tells"]);
    for one in types {
        table.add_row([&one.name, &one.about]);
    }
    format!(
        "{}\nSee one with `nadhir webhook events warning.issued`, or all with `nadhir webhook events --json`.\n",
        drawn(&table)
    )
}
