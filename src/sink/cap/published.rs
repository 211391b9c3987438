//! What was published in a directory, in a file beside the documents: one line of JSON each. A line that a crash tore off is passed over;
//! the document it was for is found by its name.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::ids::BulletinId;
use crate::time::Timestamp;

/// The name of the file.
pub(super) const NAME: &str = ".published.jsonl";

/// How much of the file is read, in bytes: more than all that is kept comes to.
const MAX_LEN: u64 = 8 * 1024 * 1024;

/// The most references of one document.
const MAX_REFERENCES: usize = 100;

/// One document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) identifier: String,
    /// `sender,identifier,sent`.
    pub(super) reference: String,
    /// When it was published.
    pub(super) at: Timestamp,
}

/// All documents that are remembered, the oldest first.
pub(super) struct Published {
    path: PathBuf,
    entries: Option<Vec<Entry>>,
}

impl Published {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, entries: None }
    }

    /// Reads the file, the first time.
    pub(super) fn learn(&mut self) -> std::io::Result<()> {
        if self.entries.is_some() {
            return Ok(());
        }
        let mut text = String::new();
        match File::open(&self.path) {
            Ok(file) => {
                let mut bytes = Vec::new();
                file.take(MAX_LEN).read_to_end(&mut bytes)?;
                text.push_str(&String::from_utf8_lossy(&bytes));
            }
            Err(why) if why.kind() == ErrorKind::NotFound => {}
            Err(why) => return Err(why),
        }
        self.entries = Some(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect());
        Ok(())
    }

    fn known(&self) -> &[Entry] {
        self.entries.as_deref().unwrap_or_default()
    }

    pub(super) fn has(&self, entry: &Entry) -> bool {
        self.known().iter().any(|known| known.reference == entry.reference)
    }

    /// What was published of some editions and of the older ones of their numbers.
    pub(super) fn references(&self, replaced: &[BulletinId]) -> Vec<String> {
        let parts = |id: &str| {
            id.rsplit_once('.').and_then(|(number, edition)| Some((number.to_owned(), edition.parse::<u32>().ok()?)))
        };
        let replaced: Vec<(String, u32)> = replaced.iter().filter_map(|id| parts(id.as_str())).collect();
        let is_replaced = |entry: &&Entry| {
            parts(&entry.identifier)
                .is_some_and(|(number, edition)| replaced.iter().any(|(of, upto)| *of == number && edition <= *upto))
        };
        let newest = self.known().iter().rev().filter(is_replaced).take(MAX_REFERENCES);
        let mut references: Vec<String> = newest.map(|entry| entry.reference.clone()).collect();
        references.reverse();
        references
    }

    /// Remembers a document, on the disk before it counts.
    pub(super) fn add(&mut self, entry: Entry) -> std::io::Result<()> {
        let line = serde_json::to_string(&entry)?;
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path)?;
        // In front, too: a line before it may be torn.
        file.write_all(format!("\n{line}\n").as_bytes())?;
        file.sync_data()?;
        self.entries.get_or_insert_default().push(entry);
        Ok(())
    }

    /// The identifiers of what is too old or too much.
    pub(super) fn old(&self, before: Timestamp, most: usize) -> Vec<String> {
        self.split(before, most).0.iter().map(|entry| entry.identifier.clone()).collect()
    }

    /// Forgets what is too old or too much.
    pub(super) fn forget(&mut self, before: Timestamp, most: usize) -> std::io::Result<()> {
        let (old, kept) = self.split(before, most);
        if old.is_empty() {
            return Ok(());
        }
        let kept = kept.to_vec();
        let lines = kept.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
        let draft = self.path.with_extension("part");
        let mut file = File::create(&draft)?;
        file.write_all(lines.iter().map(|line| format!("{line}\n")).collect::<String>().as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, &self.path)?;
        self.entries = Some(kept);
        Ok(())
    }

    fn split(&self, before: Timestamp, most: usize) -> (&[Entry], &[Entry]) {
        let known = self.known();
        let aged = known.iter().take_while(|entry| entry.at < before).count();
        known.split_at_checked(aged.max(known.len().saturating_sub(most))).unwrap_or((&[], known))
    }
}
