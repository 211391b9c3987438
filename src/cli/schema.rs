//! `nadhir schema`: JSON Schemas of the configuration files, for editors.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::check::EX_IOERR;
use super::columns::{drawn, plain};
use super::complain;
use crate::schema::{KINDS, Kind};

/// What `nadhir schema` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The kind of file; without it, and without --out, the kinds are listed.
    #[arg(value_parser = names())]
    kind: Option<String>,
    /// Write one file for each kind into this directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn names() -> clap::builder::PossibleValuesParser {
    KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().into()
}

/// Prints or writes, and returns the exit code.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> u8 {
    let chosen: Vec<&Kind> =
        KINDS.iter().filter(|kind| arguments.kind.as_ref().is_none_or(|name| name == kind.name)).collect();
    let text = match (&arguments.out, &arguments.kind) {
        (Some(dir), _) => match write(dir, &chosen) {
            Ok(text) => text,
            Err(why) => {
                complain(&format_args!("{why:#}"));
                return EX_IOERR;
            }
        },
        (None, Some(_)) => chosen.iter().map(|kind| printed(kind)).collect(),
        (None, None) => listed(),
    };
    // A reader that has gone away, such as `head`, is no fault.
    let _ = out.write_all(text.as_bytes());
    0
}

fn printed(kind: &Kind) -> String {
    let text = serde_json::to_string_pretty(&kind.schema()).expect("texts and numbers always have a JSON form");
    text + "\n"
}

fn listed() -> String {
    let mut table = plain(["kind", "files", "schema"]);
    for kind in KINDS {
        table.add_row([kind.name.to_owned(), kind.files.to_owned(), kind.file_name()]);
    }
    format!("{}\nPrint one with `nadhir schema rules`, or write all with `nadhir schema --out DIR`.\n", drawn(&table))
}

/// Writes the schemas and tells where they are.
fn write(dir: &Path, kinds: &[&Kind]) -> anyhow::Result<String> {
    std::fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    let mut text = String::new();
    for kind in kinds {
        let path = dir.join(kind.file_name());
        std::fs::write(&path, printed(kind)).with_context(|| format!("{} cannot be written", path.display()))?;
        text.push_str(&format!("{}  for {}\n", path.display(), kind.files));
    }
    text.push_str("Name one in the first line of a file, by its path from there: #:schema .schema/feeds.schema.json\n");
    Ok(text)
}
