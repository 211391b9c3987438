//! How far a message has come: which receivers have it. Kept in a file, so that a service that starts anew goes on where it stopped. What cannot be written is known until then at least.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::written;

/// The longest file that is read, in bytes: two messages to all of them, and their ends.
const MAX_LEN: u64 = 16 * 1024 * 1024;

/// The most messages that are remembered which are not yet done.
const MAX_MESSAGES: usize = 64;

#[derive(Serialize, Deserialize)]
struct Line {
    key: String,
    told: BTreeSet<String>,
    #[serde(default)]
    refused: BTreeSet<String>,
    #[serde(default)]
    done: bool,
}

/// Which receivers have which message.
pub(super) struct Progress {
    path: PathBuf,
    known: BTreeMap<String, Known>,
}

/// What is known of one message.
#[derive(Default)]
struct Known {
    told: BTreeSet<String>,
    refused: BTreeSet<String>,
}

/// What is known of a message at one receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// It has it.
    Told,
    /// It will never take it.
    Refused,
}

impl Progress {
    /// What the file says; one that is not there, or too long to be ours, says nothing.
    pub(super) fn open(path: PathBuf) -> Self {
        let is_ours = std::fs::metadata(&path).is_ok_and(|about| about.is_file() && about.len() <= MAX_LEN);
        let text = if is_ours { std::fs::read_to_string(&path).unwrap_or_default() } else { String::new() };
        let mut known: BTreeMap<String, Known> = BTreeMap::new();
        for line in text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
            if line.done {
                known.remove(&line.key);
            } else {
                let entry = known.entry(line.key).or_default();
                entry.told.extend(line.told);
                entry.refused.extend(line.refused);
            }
        }
        Self { path, known }
    }

    /// What became of a message at a receiver; none while it is still to be told.
    pub(super) fn settled(&self, key: &str, mark: u64) -> Option<Settled> {
        let (known, mark) = (self.known.get(key)?, written(mark));
        match (known.told.contains(&mark), known.refused.contains(&mark)) {
            (true, _) => Some(Settled::Told),
            (false, true) => Some(Settled::Refused),
            (false, false) => None,
        }
    }

    /// Remembers who has a message, and who never takes it.
    pub(super) fn add(&mut self, key: &str, told: &[u64], refused: &[u64]) {
        let set = |marks: &[u64]| marks.iter().map(|mark| written(*mark)).collect::<BTreeSet<String>>();
        let (told, refused) = (set(told), set(refused));
        if MAX_MESSAGES <= self.known.len() && !self.known.contains_key(key) {
            self.known.pop_first();
        }
        let known = self.known.entry(key.to_owned()).or_default();
        known.told.extend(told.iter().cloned());
        known.refused.extend(refused.iter().cloned());
        self.write(&Line { key: key.to_owned(), told, refused, done: false });
    }

    /// All have it.
    pub(super) fn finish(&mut self, key: &str) {
        if self.known.remove(key).is_none() {
            return;
        }
        if self.known.is_empty() {
            // Nothing is open: the file begins anew.
            self.warn(File::create(&self.path).map(drop));
        } else {
            self.write(&Line { key: key.to_owned(), told: BTreeSet::new(), refused: BTreeSet::new(), done: true });
        }
    }

    fn write(&self, line: &Line) {
        let written = serde_json::to_string(line).map_err(std::io::Error::other).and_then(|line| {
            let mut file = OpenOptions::new().append(true).create(true).open(&self.path)?;
            // In front, too: a line before it may be torn.
            file.write_all(format!("\n{line}\n").as_bytes())?;
            file.sync_data()
        });
        self.warn(written);
    }

    fn warn(&self, written: std::io::Result<()>) {
        if let Err(why) = written {
            let name = self.path.display();
            tracing::warn!(error = %why, "{name} cannot be written ({why}): who has a message may get it again after a restart");
        }
    }
}
