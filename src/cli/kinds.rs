//! `nadhir sinks` and `nadhir feeds`: every kind there is, what it is and how it is written. What is told comes from the kinds
//! themselves, so that nothing is left out.

use std::io::Write;

use serde::Serialize;

use super::columns::{drawn, plain};
use super::{EX_USAGE, complain};
use crate::{feed, sink};

/// What `nadhir sinks` and `nadhir feeds` take.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The kind to show an example of; without it all kinds are listed.
    kind: Option<String>,
    /// A JSON array of name, about and example.
    #[arg(long)]
    json: bool,
}

/// One kind, as it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Kind {
    name: &'static str,
    about: &'static str,
    example: &'static str,
}

/// What kinds there are of, and where they are written.
#[derive(Debug, Clone, Copy)]
struct Of {
    noun: &'static str,
    command: &'static str,
    file: &'static str,
}

/// Lists the kinds of sinks, and returns the exit code.
pub fn sinks(arguments: &Arguments, out: &mut dyn Write) -> u8 {
    let kinds = sink::KINDS.iter().map(|kind| Kind { name: kind.name, about: kind.about, example: kind.example });
    show(arguments, Of { noun: "sink", command: "sinks", file: "channels.toml" }, kinds.collect(), out)
}

/// Lists the kinds of feeds, and returns the exit code.
pub fn feeds(arguments: &Arguments, out: &mut dyn Write) -> u8 {
    let kinds = feed::KINDS.iter().map(|kind| Kind { name: kind.name, about: kind.about, example: kind.example });
    show(arguments, Of { noun: "feed", command: "feeds", file: "feeds.toml" }, kinds.collect(), out)
}

fn show(arguments: &Arguments, of: Of, mut kinds: Vec<Kind>, out: &mut dyn Write) -> u8 {
    if let Some(name) = &arguments.kind {
        let known: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
        if !known.contains(&name.as_str()) {
            complain(&format_args!("there is no kind of {} called `{name}`; there are {}", of.noun, known.join(", ")));
            return EX_USAGE;
        }
        kinds.retain(|kind| kind.name == name);
    }
    let text = match (arguments.json, &arguments.kind) {
        (true, _) => {
            serde_json::to_string(&kinds).map_or_else(|why| format!("{{\"error\":\"{why}\"}}\n"), |text| text + "\n")
        }
        (false, Some(_)) => kinds.iter().map(|kind| example(*kind, of)).collect(),
        (false, None) => listed(&kinds, of),
    };
    // A reader that has gone away, such as `head`, is no fault.
    let _ = out.write_all(text.as_bytes());
    0
}

fn listed(kinds: &[Kind], of: Of) -> String {
    let mut table = plain(["kind", "what it is"]);
    for kind in kinds {
        table.add_row([kind.name, kind.about]);
    }
    format!("{}\n`nadhir {} NAME` shows how one is written in {}.\n", drawn(&table), of.command, of.file)
}

fn example(kind: Kind, of: Of) -> String {
    format!("# {}: {}. In {}:\n\n{}\n", kind.name, kind.about, of.file, kind.example.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: Option<&str>, json: bool, list: fn(&Arguments, &mut dyn Write) -> u8) -> (u8, String) {
        let mut out = Vec::new();
        let code = list(&Arguments { kind: kind.map(str::to_owned), json }, &mut out);
        (code, String::from_utf8(out).unwrap())
    }

    #[test]
    fn every_kind_is_listed_and_shown_as_it_is_written() {
        let (code, text) = told(None, false, sinks);
        assert!(
            code == 0 && sink::KINDS.iter().all(|kind| text.contains(kind.name) && text.contains(kind.about)),
            "{text}"
        );
        let (_, text) = told(Some("webhook"), false, sinks);
        assert!(text.contains("kind = \"webhook\"") && text.starts_with("# webhook: "), "{text}");
        let (_, text) = told(None, true, feeds);
        let all: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(all.len(), feed::KINDS.len());
        assert!(all.iter().all(|one| one["example"].as_str().unwrap().contains(one["name"].as_str().unwrap())));
        assert_eq!(told(Some("fax"), false, sinks), (EX_USAGE, String::new()));
    }
}
