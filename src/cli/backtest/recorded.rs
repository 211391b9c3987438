//! Folders that `nadhir feed record` wrote: each time of asking becomes what the service would have heard then.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::files::bytes;
use crate::backtest::archive::{Builder, Told};
use crate::config::Config;
use crate::engine::Heard;
use crate::feed::{Batch, Skip};
use crate::problem::advice;
use crate::time::Timestamp;

/// The most times of asking that are read.
const MAX_ASKINGS: usize = 50_000;

/// The most answers of one time of asking.
const MAX_ANSWERS: usize = 2000;

/// How a time of asking is called.
const FORM: &str = "%Y-%m-%dT%H-%M-%SZ";

/// The times of asking below a path, which may be one, all of a feed, or those of several feeds.
pub(super) fn askings(path: &Path) -> Vec<PathBuf> {
    if is_asking(path) {
        return vec![path.to_owned()];
    }
    let own: Vec<PathBuf> = folders(path).into_iter().filter(|folder| is_asking(folder)).collect();
    if !own.is_empty() {
        return own;
    }
    let below = folders(path).into_iter().flat_map(|folder| folders(&folder));
    below.filter(|folder| is_asking(folder)).take(MAX_ASKINGS).collect()
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let mut found: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).take(MAX_ASKINGS).collect();
    found.sort();
    found
}

fn is_asking(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    chrono::NaiveDateTime::parse_from_str(&name, FORM).is_ok() && path.join("0001.json").is_file()
}

/// Whether a time of asking is of a feed that is enabled in the configuration.
pub(super) fn is_known(asking: &Path, config: &Config) -> bool {
    let name = asking.parent().and_then(Path::file_name).unwrap_or_default();
    config.feeds.iter().any(|feed| name == feed.id.as_str())
}

/// What was noted of an answer.
#[derive(Debug, Deserialize)]
struct Note {
    from: String,
    answered: Timestamp,
    bytes: Option<usize>,
    error: Option<String>,
}

/// Reads times of asking into an archive; returns what is wrong.
pub(super) fn read(askings: &[PathBuf], config: &Config, into: &mut Builder) -> Vec<String> {
    let mut faults: Vec<String> = Vec::new();
    for path in askings {
        if let Err(why) = asking(path, config, into)
            && !faults.contains(&why)
        {
            faults.push(why);
        }
    }
    faults
}

fn asking(path: &Path, config: &Config, into: &mut Builder) -> Result<(), String> {
    let home = path.parent().unwrap_or(path);
    let name = home.file_name().unwrap_or_default().to_string_lossy();
    let Some(feed) = config.feeds.iter().find(|feed| feed.id.as_str() == name) else {
        let known: Vec<&str> = config.feeds.iter().map(|feed| feed.id.as_str()).collect();
        let advice = advice(&name, &known).unwrap_or_default();
        return Err(format!("{}: no feed `{name}` is enabled in the configuration; {advice}", home.display()));
    };
    let mut batch = Batch::default();
    let mut heard_at: Option<Timestamp> = None;
    let (mut read, mut unreadable, mut unreachable) = (0, None, None);
    for number in 1..=MAX_ANSWERS {
        let path = path.join(format!("{number:04}.json"));
        if !path.is_file() {
            break;
        }
        let cannot = |why: String| format!("{}: {why}", path.display());
        let note = bytes(&path).map_err(cannot)?;
        let note: Note =
            serde_json::from_slice(&note).map_err(|why| cannot(format!("it is no note of an answer: {why}")))?;
        heard_at = heard_at.max(Some(note.answered));
        let skip = |why: &str| Skip { part: note.from.clone(), why: why.to_owned() };
        match (&note.error, note.bytes) {
            (Some(why), _) => {
                batch.skipped.push(skip(why));
                unreachable = Some(why.clone());
            }
            (None, None) => {}
            (None, Some(_)) => match bytes(&path.with_extension("body"))
                .and_then(|body| feed.feed.decode(&body, note.answered).map_err(|why| why.to_string()))
            {
                Ok(found) => {
                    batch.absorb(found);
                    read += 1;
                }
                Err(why) => {
                    batch.skipped.push(skip(&why));
                    unreadable = Some(why);
                }
            },
        }
    }
    let Some(at) = heard_at else { return Ok(()) };
    let skipped = batch.skipped.len() + batch.strange.len();
    into.count(1, skipped);
    for skip in batch.skipped.iter().chain(&batch.strange) {
        into.note(path.display().to_string(), format!("{}: {}", skip.part, skip.why));
    }
    let heard = match (read, unreadable, unreachable) {
        (0, Some(why), _) => Heard::Unreadable { why },
        (0, None, Some(why)) => Heard::Unreachable { why },
        (0, None, None) => Heard::Nothing,
        (_, _, _) if batch.is_empty() => Heard::Nothing,
        (_, _, _) => Heard::Batch { batch, validators: None, entries: Vec::new() },
    };
    into.ask(Told { at, feed: feed.id.clone(), heard })
}
