//! What could not be understood is kept aside, so that somebody can look at it: `aside/<feed>/<time>-<hash>.body` in the state
//! directory, and beside it a `.json` that says what it is. Never grows beyond its limits, and never keeps the same bytes twice.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ring::digest::{SHA256, digest};
use serde::Serialize;

use crate::ids::FeedId;
use crate::time::Timestamp;

/// The most bodies that are kept of one feed; the oldest makes room.
pub const MAX_KEPT: usize = 20;

/// The most bytes that are kept of all feeds together; the oldest bodies make room.
pub const MAX_BYTES: u64 = 64 << 20;

/// How many digits of a hash tell one body from another.
const HASH_LEN: usize = 12;

/// The directory within the state directory.
const NAME: &str = "aside";

/// Where things are kept aside.
#[derive(Debug)]
pub struct Aside {
    dir: PathBuf,
    /// Two watchers must not count and clear at once.
    turn: Mutex<()>,
}

/// What is told of a body.
#[derive(Debug, Clone, Serialize)]
pub struct Note<'a> {
    /// Of which feed.
    pub feed: &'a FeedId,
    /// Where it came from, without a query.
    pub from: &'a str,
    /// When it came.
    pub at: Timestamp,
    /// Why it is kept.
    pub why: &'a str,
    /// The headers that came with it.
    pub headers: &'a [(String, String)],
}

/// A body that is kept.
struct Kept {
    path: PathBuf,
    bytes: u64,
}

impl Aside {
    /// Keeps things under a state directory; it is made when the first thing is kept.
    pub fn new(state: &Path) -> Self {
        Self { dir: state.join(NAME), turn: Mutex::new(()) }
    }

    /// Keeps a body with its note; the same bytes of the same feed are kept once. Gives its path.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn keep(&self, body: &[u8], note: &Note<'_>) -> std::io::Result<PathBuf> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = self.dir.join(note.feed.as_str());
        std::fs::create_dir_all(&dir)?;
        let hash = hash(body);
        let mut own = kept(&dir);
        if let Some(known) = own.iter().find(|kept| stem(&kept.path).ends_with(&hash)) {
            return Ok(known.path.clone());
        }
        let size = u64::try_from(body.len()).unwrap_or(u64::MAX);
        if MAX_BYTES < size {
            return Err(std::io::Error::other(format!("{size} bytes are more than may be kept")));
        }
        while MAX_KEPT <= own.len() {
            let oldest = own.remove(0);
            forget(&oldest.path)?;
        }
        self.make_room(MAX_BYTES - size)?;
        let path = dir.join(format!("{}-{hash}.body", note.at.format("%Y-%m-%dT%H-%M-%SZ")));
        // The note first: a body without one would be a riddle.
        let text = serde_json::to_vec_pretty(note).map_err(std::io::Error::other)?;
        std::fs::write(path.with_extension("json"), text)?;
        std::fs::write(&path, body)?;
        Ok(path)
    }

    /// Clears the oldest bodies of all feeds until no more than this many bytes are left.
    fn make_room(&self, most: u64) -> std::io::Result<()> {
        let feeds = std::fs::read_dir(&self.dir)?.filter_map(Result::ok).map(|entry| entry.path());
        let mut all: Vec<Kept> = feeds.filter(|path| path.is_dir()).flat_map(|dir| kept(&dir)).collect();
        all.sort_by_key(|kept| stem(&kept.path));
        let mut total: u64 = all.iter().map(|kept| kept.bytes).sum();
        for kept in all {
            if total <= most {
                break;
            }
            forget(&kept.path)?;
            total -= kept.bytes;
        }
        Ok(())
    }
}

/// The bodies in a directory, oldest first: their names begin with their time.
fn kept(dir: &Path) -> Vec<Kept> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let mut kept: Vec<Kept> = entries
        .filter(|entry| entry.path().extension().is_some_and(|end| end == "body"))
        .map(|entry| Kept { path: entry.path(), bytes: entry.metadata().map_or(0, |about| about.len()) })
        .collect();
    kept.sort_by(|one, other| one.path.cmp(&other.path));
    kept
}

fn forget(path: &Path) -> std::io::Result<()> {
    let note = path.with_extension("json");
    if note.exists() {
        std::fs::remove_file(note)?;
    }
    std::fs::remove_file(path)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn hash(body: &[u8]) -> String {
    digest(&SHA256, body)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>()
        .chars()
        .take(HASH_LEN)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::TimeDelta;

    fn keep(aside: &Aside, feed: &str, minute: i64, body: &[u8]) -> PathBuf {
        let at: Timestamp = "2025-12-09T00:00:00Z".parse().unwrap();
        let headers = [("content-type".to_owned(), "text/html".to_owned())];
        let feed = FeedId::new(feed).unwrap();
        let note = Note {
            feed: &feed,
            from: "https://a.example/list",
            at: at + TimeDelta::minutes(minute),
            why: "expected CAP",
            headers: &headers,
        };
        aside.keep(body, &note).unwrap()
    }

    #[test]
    fn a_body_is_kept_with_what_is_known_of_it_and_only_once() {
        let dir = tempfile::tempdir().unwrap();
        let aside = Aside::new(dir.path());
        let path = keep(&aside, "ncm", 0, b"<html>");
        assert_eq!(keep(&aside, "ncm", 5, b"<html>"), path);
        assert_ne!(keep(&aside, "other", 5, b"<html>"), path);
        assert!(path.starts_with(dir.path().join("aside/ncm")) && stem(&path).starts_with("2025-12-09T00-00-00Z-"));
        assert_eq!(std::fs::read(&path).unwrap(), b"<html>");
        let note = std::fs::read_to_string(path.with_extension("json")).unwrap();
        for word in ["ncm", "https://a.example/list", "2025-12-09T00:00:00Z", "expected CAP", "text/html"] {
            assert!(note.contains(word), "{note}");
        }
    }

    #[test]
    fn the_oldest_makes_room_and_other_feeds_keep_theirs() {
        let dir = tempfile::tempdir().unwrap();
        let aside = Aside::new(dir.path());
        let other = keep(&aside, "other", 0, b"kept");
        let first = keep(&aside, "ncm", 0, b"0");
        for number in 1..=MAX_KEPT {
            keep(&aside, "ncm", number as i64, number.to_string().as_bytes());
        }
        assert_eq!(kept(&dir.path().join("aside/ncm")).len(), MAX_KEPT);
        assert!(!first.exists() && !first.with_extension("json").exists() && other.exists());
    }

    #[test]
    fn all_feeds_together_stay_within_their_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let aside = Aside::new(dir.path());
        let half = vec![7; usize::try_from(MAX_BYTES / 2).unwrap()];
        let first = keep(&aside, "a", 0, &half);
        let second = keep(&aside, "b", 1, &half);
        assert!(first.exists());
        let third = keep(&aside, "c", 2, b"one more");
        assert!(!first.exists() && second.exists() && third.exists());
    }
}
