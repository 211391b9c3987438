//! How far a message has come: which receivers have it. Kept in a file, so that a service that starts anew goes on where it stopped. What
//! cannot be written is known until then at least. The last messages that are done are remembered too: a service that ends before their
//! deliveries are settled would send them again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::written;

/// The longest file that is read, in bytes: two messages to all of them, and their ends.
const MAX_LEN: u64 = 16 * 1024 * 1024;

/// From this length on a file is written anew, with what still matters.
const LONG: u64 = MAX_LEN / 4;

/// The most messages that are remembered which are not yet done.
const MAX_MESSAGES: usize = 64;

/// The most messages that are remembered although they are done: all that a courier has in its hands at once, and as many again.
const MAX_DONE: usize = 4;

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
    /// Those of them that are done, the oldest first.
    done: VecDeque<String>,
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
        let mut progress = Self { path, known: BTreeMap::new(), done: VecDeque::new() };
        for line in text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
            let entry = progress.known.entry(line.key.clone()).or_default();
            entry.told.extend(line.told);
            entry.refused.extend(line.refused);
            if line.done {
                progress.is_done(&line.key);
            }
        }
        progress
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
        self.done.retain(|done| done != key);
        let known = self.known.entry(key.to_owned()).or_default();
        known.told.extend(told.iter().cloned());
        known.refused.extend(refused.iter().cloned());
        self.write(&Line { key: key.to_owned(), told, refused, done: false });
    }

    /// All have it. It is remembered until others are done as well.
    pub(super) fn finish(&mut self, key: &str) {
        if !self.known.contains_key(key) {
            return;
        }
        self.is_done(key);
        let is_long = std::fs::metadata(&self.path).is_ok_and(|about| LONG < about.len());
        if self.known.len() == self.done.len() || is_long {
            self.warn(self.write_anew());
        } else {
            self.write(&Line { key: key.to_owned(), told: BTreeSet::new(), refused: BTreeSet::new(), done: true });
        }
    }

    fn is_done(&mut self, key: &str) {
        self.done.retain(|done| done != key);
        self.done.push_back(key.to_owned());
        while MAX_DONE < self.done.len() {
            if let Some(oldest) = self.done.pop_front() {
                self.known.remove(&oldest);
            }
        }
        self.done.retain(|done| self.known.contains_key(done));
    }

    /// Puts what is known in the place of all that was written: what is open, and what was done last.
    fn write_anew(&self) -> std::io::Result<()> {
        let mut name = self.path.clone().into_os_string();
        name.push(".part");
        let mut file = File::create(&name)?;
        let open = self.known.keys().filter(|key| !self.done.contains(*key)).map(|key| (key, false));
        for (key, done) in open.chain(self.done.iter().map(|key| (key, true))) {
            let Some(Known { told, refused }) = self.known.get(key) else { continue };
            let line = Line { key: key.clone(), told: told.clone(), refused: refused.clone(), done };
            file.write_all(format!("{}\n", serde_json::to_string(&line)?).as_bytes())?;
        }
        file.sync_data()?;
        std::fs::rename(&name, &self.path)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Opened anew, what is known of a message at receivers 1 and 2.
    fn known(path: &std::path::Path, key: &str) -> [Option<Settled>; 2] {
        let progress = Progress::open(path.to_owned());
        [progress.settled(key, 1), progress.settled(key, 2)]
    }

    #[test]
    fn what_was_done_last_is_still_known_after_a_start_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("desk.progress");
        let mut progress = Progress::open(path.clone());
        progress.add("a", &[1], &[]);
        progress.add("b", &[1], &[2]);
        progress.finish("b");
        assert_eq!(known(&path, "a"), [Some(Settled::Told), None]);
        assert_eq!(known(&path, "b"), [Some(Settled::Told), Some(Settled::Refused)]);
        progress.add("a", &[2], &[]);
        progress.finish("a");
        progress.finish("nobody heard of it");
        assert_eq!(known(&path, "a"), [Some(Settled::Told); 2]);
    }

    #[test]
    fn the_file_does_not_grow_with_what_is_done() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("desk.progress");
        let mut progress = Progress::open(path.clone());
        for number in 0..100 {
            let key = format!("{number:03}");
            progress.add(&key, &[1, 2], &[]);
            progress.finish(&key);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!((text.lines().count(), progress.known.len(), progress.done.len()), (MAX_DONE, MAX_DONE, MAX_DONE));
        assert_eq!((known(&path, "099"), known(&path, "095")), ([Some(Settled::Told); 2], [None; 2]));
        // One that stays open keeps the others from being written anew, and no more of them are remembered.
        progress.add("open", &[1], &[]);
        for number in 100..200 {
            let key = format!("{number:03}");
            progress.add(&key, &[1], &[]);
            progress.finish(&key);
        }
        assert_eq!(progress.known.len(), MAX_DONE + 1);
        assert_eq!(known(&path, "open"), [Some(Settled::Told), None]);
        assert_eq!(Progress::open(path.clone()).known.len(), MAX_DONE + 1);
        // Unless it has become long: then what is open goes on as it is.
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str(&"\n".repeat(usize::try_from(LONG).unwrap()));
        std::fs::write(&path, text).unwrap();
        progress.add("last", &[2], &[]);
        progress.finish("last");
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), MAX_DONE + 1);
        assert_eq!(known(&path, "open"), [Some(Settled::Told), None]);
        assert_eq!(known(&path, "last"), [None, Some(Settled::Told)]);
    }
}
