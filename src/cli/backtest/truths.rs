//! Files of what really happened: found, unpacked, and told apart by what is in them. Never passes over one without a word.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono_tz::Tz;

use super::files::{MAX_FILES, bytes, collect};
use super::{EX_DATAERR, Stop, recorded};
use crate::backtest::archive::{Builder, Note};
use crate::backtest::truth::official::Warnings;
use crate::backtest::truth::{self, Around, Truth};
use crate::config::Config;
use crate::problem::{Problem, Problems, SourceFile};

/// The most notes that are told when a truth comes to nothing.
const MAX_REASONS: usize = 20;

/// Reads all paths into one truth; every mistake in them is told.
pub(super) fn read(paths: &[PathBuf], config: &Config, zone: Tz) -> Result<Truth, Stop> {
    let (mut files, mut askings) = (Vec::new(), Vec::new());
    for path in paths {
        match recorded::askings(path) {
            known if known.iter().any(|asking| recorded::is_known(asking, config)) => askings.extend(known),
            _ => collect(path, &|path| !is_note(path), &mut files),
        }
    }
    if MAX_FILES < files.len() {
        return Err(Stop::Says(EX_DATAERR, vec![format!("the truth: more than {MAX_FILES} files: name fewer")]));
    }
    let (mut said, mut drawn): (Vec<String>, Vec<Problem>) = (Vec::new(), Vec::new());
    let mut truth = Truth::default();
    let mut warnings = Warnings::new(&config.rules);
    said.extend(heard(&askings, config, &mut warnings, &mut truth));
    for path in &files {
        let name = path.display().to_string();
        let body = match bytes(path) {
            Ok(body) => body,
            Err(why) => {
                said.push(format!("{name}: {why}"));
                continue;
            }
        };
        if is_markup(&body) {
            said.extend(warnings.take(&name, &body).err());
        } else if is_table(path) || paths.contains(path) {
            match table(name, body, config, zone) {
                Ok(found) => truth.absorb(found),
                Err(Stop::Says(_, why)) => said.extend(why),
                Err(Stop::Draws(_, problems)) => drawn.extend(problems),
            }
        } else {
            truth.notes.push(Note { of: name, what: "neither an alert nor a table of events: not read".to_owned() });
        }
    }
    if !drawn.is_empty() {
        said.iter().for_each(|why| super::complain(why));
        return Err(Stop::Draws(EX_DATAERR, drawn));
    }
    if !said.is_empty() {
        return Err(Stop::Says(EX_DATAERR, said));
    }
    truth.absorb(warnings.truth());
    if truth.hazards.is_empty() {
        let all: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        let mut why = vec![format!("{}: there is no event that a rule could be held against", all.join(", "))];
        why.extend(truth.notes.iter().take(MAX_REASONS).map(|note| format!("{}: {}", note.of, note.what)));
        why.extend((MAX_REASONS < truth.notes.len()).then(|| format!("and {} more", truth.notes.len() - MAX_REASONS)));
        return Err(Stop::Says(EX_DATAERR, why));
    }
    Ok(truth)
}

/// Reads what feeds were recorded to say, as they read it; returns what is wrong.
fn heard(askings: &[PathBuf], config: &Config, warnings: &mut Warnings<'_>, truth: &mut Truth) -> Vec<String> {
    let mut builder = Builder::default();
    let mut faults = recorded::read(askings, config, &mut builder);
    // Nothing at all was heard: what that comes to is told with all else.
    let Ok(archive) = builder.finish(None, None) else { return faults };
    truth.notes.extend(archive.notes);
    for (feed, batch) in archive.told.iter().filter_map(|told| Some((&told.feed, told.batch()?))) {
        if let Err(why) = warnings.hear(feed, batch) {
            faults.push(why);
            break;
        }
    }
    faults
}

/// Whether a file only tells of another one, as beside each answer that was recorded.
fn is_note(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("json")) && path.with_extension("body").is_file()
}

/// Whether a file is named like a table of events.
fn is_table(path: &Path) -> bool {
    ["toml", "csv"].iter().any(|extension| path.extension() == Some(OsStr::new(extension)))
}

/// Whether bytes begin as XML does, behind a mark of their encoding.
fn is_markup(body: &[u8]) -> bool {
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || [0xEF, 0xBB, 0xBF, 0xFE, 0xFF, 0].contains(byte);
    body.iter().find(|byte| !is_blank(byte)) == Some(&b'<')
}

fn table(name: String, body: Vec<u8>, config: &Config, zone: Tz) -> Result<Truth, Stop> {
    let text = String::from_utf8(body)
        .map_err(|_| Stop::Says(EX_DATAERR, vec![format!("{name}: it is not UTF-8: save it as UTF-8")]))?;
    let file = Arc::new(SourceFile { name, text });
    let problems = Problems::new();
    let truth = truth::read(&file, Around { book: &config.governorates, zone }, &problems);
    if problems.has_errors() { Err(Stop::Draws(EX_DATAERR, problems.into_sorted())) } else { Ok(truth) }
}
