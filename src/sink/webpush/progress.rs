//! How far a message has come: which browsers have it. Kept in a file beside the subscriptions, so that a service that starts anew goes on
//! where it stopped. What cannot be written is known until then at least.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::subscriptions::written;

/// The longest file that is read, in bytes: two messages to all that may subscribe, and their ends.
const MAX_LEN: u64 = 16 * 1024 * 1024;

/// The most messages that are remembered which are not yet done.
const MAX_MESSAGES: usize = 64;

#[derive(Serialize, Deserialize)]
struct Line {
    key: String,
    told: BTreeSet<String>,
    #[serde(default)]
    done: bool,
}

/// Which browsers have which message.
pub(super) struct Progress {
    path: PathBuf,
    told: BTreeMap<String, BTreeSet<String>>,
}

impl Progress {
    /// What the file says; one that is not there, or too long to be ours, says nothing.
    pub(super) fn open(path: PathBuf) -> Self {
        let is_ours = std::fs::metadata(&path).is_ok_and(|about| about.is_file() && about.len() <= MAX_LEN);
        let text = if is_ours { std::fs::read_to_string(&path).unwrap_or_default() } else { String::new() };
        let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for line in text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
            if line.done {
                told.remove(&line.key);
            } else {
                told.entry(line.key).or_default().extend(line.told);
            }
        }
        Self { path, told }
    }

    /// True when a browser has a message.
    pub(super) fn has(&self, key: &str, mark: u64) -> bool {
        self.told.get(key).is_some_and(|told| told.contains(&written(mark)))
    }

    /// Remembers who has a message.
    pub(super) fn add(&mut self, key: &str, marks: &[u64]) {
        let marks: BTreeSet<String> = marks.iter().map(|mark| written(*mark)).collect();
        if MAX_MESSAGES <= self.told.len() && !self.told.contains_key(key) {
            self.told.pop_first();
        }
        self.told.entry(key.to_owned()).or_default().extend(marks.iter().cloned());
        self.write(&Line { key: key.to_owned(), told: marks, done: false });
    }

    /// All have it.
    pub(super) fn finish(&mut self, key: &str) {
        if self.told.remove(key).is_none() {
            return;
        }
        if self.told.is_empty() {
            // Nothing is open: the file begins anew.
            self.warn(File::create(&self.path).map(drop));
        } else {
            self.write(&Line { key: key.to_owned(), told: BTreeSet::new(), done: true });
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
