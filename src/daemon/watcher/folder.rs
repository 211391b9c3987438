//! Looking into a folder: files that somebody drops there are read once each, when they are whole. Never moves, changes or deletes
//! one of them; that one is gone says nothing.
//!
//! A folder that nobody fills any more looks exactly as it did yesterday. So the newest file is its pulse: once that is older than the
//! feed may be silent, the folder counts as a server that does not answer. A file that cannot be taken, since it is too large, may not
//! be read or never comes to rest, is no pulse: nobody stands by what was said before because of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::DateTime;
use ring::digest::{SHA256, digest};

use super::{Memory, Origin, Watcher};
use crate::engine::{FeedState, Heard};
use crate::feed::{Batch, Folder, Skip};
use crate::time::{TimeDelta, Timestamp, span_text};

/// The most entries of a folder that are looked at.
pub const MAX_LISTED: usize = 20_000;

/// The most files that count, the newest ones. The brain remembers twice as many, so that none is taken for new again.
pub const MAX_FILES: usize = 1000;

/// The most files that are read at one time of looking, and the most bytes of them all; the rest is read the next time.
pub const MAX_READ: usize = 200;

/// See [`MAX_READ`].
pub const MAX_READ_BYTES: u64 = 64 << 20;

/// How long a file must have been left alone before it counts as whole.
pub const SETTLED: TimeDelta = TimeDelta::seconds(2);

/// How far in the future the time of a file may lie. One beyond that was written by a wrong clock: such a file counts as whole when
/// two looks at it find the same.
const MAX_AHEAD: TimeDelta = TimeDelta::minutes(1);

/// Endings of files that are still being written.
const UNFINISHED: [&str; 6] = [".part", ".tmp", ".temp", ".filepart", ".crdownload", "~"];

/// What was seen of a folder the last time.
#[derive(Debug, Default)]
pub struct Look(BTreeMap<String, Seen>);

/// A file as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    len: u64,
    modified: Timestamp,
    /// Once it was read.
    identity: Option<String>,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its name.
    pub name: String,
    /// What tells it from every other and from its own later versions.
    pub identity: String,
    /// When it was last written.
    pub modified: Timestamp,
    /// What is in it.
    pub body: Vec<u8>,
}

/// What a look has found.
#[derive(Debug, Default)]
pub struct Found {
    /// Files that are new, the oldest first.
    pub new: Vec<Delivery>,
    /// Files that are passed over.
    pub skipped: Vec<Skip>,
    /// How many files count.
    pub count: usize,
    /// When the newest that can be taken was written, by a clock that can be right.
    pub newest: Option<Timestamp>,
    /// The last of the files that are still being written.
    pub unfinished: Option<String>,
    /// How many new files are left for the next look, since so many are read at one time.
    pub postponed: usize,
}

impl Look {
    /// The files that were read, as [`Delivery::identity`] names them.
    pub fn identities(&self) -> impl Iterator<Item = String> + '_ {
        self.0.values().filter_map(|seen| seen.identity.clone())
    }

    /// Looks into a folder and reads what is new in it; `is_known` tells by its identity whether a file was taken before.
    ///
    /// # Errors
    /// When the folder is missing or cannot be read.
    pub fn into_folder(
        &mut self,
        path: &Path,
        pattern: &str,
        max_body: u64,
        is_known: impl Fn(&str) -> bool,
        now: Timestamp,
    ) -> Result<Found, String> {
        let mut found = Found::default();
        let mut files = listed(path, pattern, &mut found.skipped)?;
        files.sort_by(|(a, one), (b, other)| (other.modified, b).cmp(&(one.modified, a)));
        files.truncate(MAX_FILES);
        files.reverse();
        // Those that were read and not taken come last, so that many which are no good never keep all the others from being read.
        files.sort_by_key(|(name, file)| {
            self.before(name, file).and_then(|before| before.identity.as_deref()).is_some_and(|old| !is_known(old))
        });
        found.count = files.len();
        let mut seen = BTreeMap::new();
        let mut bytes = 0;
        for (name, mut file) in files {
            let before = self.before(&name, &file);
            let is_plausible = file.modified <= now + MAX_AHEAD;
            file.identity = before.and_then(|before| before.identity.clone());
            let is_taken = file.identity.as_deref().is_some_and(&is_known);
            let is_whole = if is_plausible { file.modified + SETTLED <= now } else { before.is_some() };
            let mut is_pulse = is_plausible && (is_taken || is_whole);
            if !is_taken && !is_whole {
                found.unfinished = Some(shown(&name));
            } else if !is_taken && max_body < file.len {
                is_pulse = false;
                let why = format!("it has {} bytes; at most {max_body} are read", file.len);
                found.skipped.push(Skip { part: shown(&name), why });
            } else if !is_taken && found.new.len() < MAX_READ && bytes + file.len <= MAX_READ_BYTES {
                match read(&path.join(&name), &file) {
                    Ok(Some(body)) => {
                        bytes += file.len;
                        let identity = format!("file {} {}", shown(&name), hash(&body));
                        file.identity = Some(identity.clone());
                        if !is_known(&identity) {
                            found.new.push(Delivery { name: shown(&name), identity, modified: file.modified, body });
                        }
                    }
                    // It was written just now; the next look finds it whole.
                    Ok(None) => {
                        is_pulse = false;
                        found.unfinished = Some(shown(&name));
                    }
                    Err(why) => {
                        is_pulse = false;
                        found.skipped.push(Skip { part: shown(&name), why: format!("it cannot be read: {why}") });
                    }
                }
            } else if !is_taken {
                found.postponed += 1;
            }
            if is_pulse {
                found.newest = found.newest.max(Some(file.modified));
            }
            seen.insert(name, file);
        }
        found.new.sort_by_key(|delivery| delivery.modified);
        self.0 = seen;
        Ok(found)
    }

    /// The same file as it was seen the last time, when nobody has written to it since.
    fn before(&self, name: &str, file: &Seen) -> Option<&Seen> {
        self.0.get(name).filter(|before| before.len == file.len && before.modified == file.modified)
    }
}

/// The files of a folder that count, with what is to be seen of them.
fn listed(path: &Path, pattern: &str, skipped: &mut Vec<Skip>) -> Result<Vec<(String, Seen)>, String> {
    let unreadable = |why: std::io::Error| format!("the folder {} cannot be read: {why}", path.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)?.take(MAX_LISTED) {
        let entry = entry.map_err(unreadable)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_unfinished = name.starts_with('.') || UNFINISHED.iter().any(|end| name.ends_with(end));
        if is_unfinished || !is_like(&name, pattern) {
            continue;
        }
        // Without following a link: whoever drops files here could point to any other of this machine.
        let Ok(about) = entry.metadata() else { continue };
        if about.is_symlink() {
            skipped.push(Skip {
                part: shown(&name),
                why: "it is a link to another file; copy the file itself".to_owned(),
            });
        }
        if about.is_file() {
            let modified = about.modified().map(timestamp).map_err(unreadable)?;
            files.push((name, Seen { len: about.len(), modified, identity: None }));
        }
    }
    Ok(files)
}

/// The bytes of a file; none when it is not any more what was seen of it.
fn read(path: &Path, seen: &Seen) -> std::io::Result<Option<Vec<u8>>> {
    use std::io::Read as _;
    let file = std::fs::File::open(path)?;
    let mut body = Vec::new();
    (&file).take(seen.len + 1).read_to_end(&mut body)?;
    let about = file.metadata()?;
    let is_same = about.modified().map(timestamp)? == seen.modified && u64::try_from(body.len()) == Ok(seen.len);
    Ok(is_same.then_some(body))
}

fn timestamp(time: SystemTime) -> Timestamp {
    DateTime::from(time)
}

fn hash(body: &[u8]) -> String {
    digest(&SHA256, body).as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A name that somebody else chose, fit to be shown.
fn shown(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '?' } else { c }).take(120).collect()
}

/// True for a name that the pattern describes, in which `*` is any characters.
pub(super) fn is_like(name: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Where a folder is.
pub fn place(folder: &Folder, dir: &Path) -> PathBuf {
    dir.join(&folder.path)
}

impl Watcher {
    /// Looks into the folder, and reads what is new there.
    pub(super) async fn look_into(
        &self,
        folder: &Folder,
        known: Option<&FeedState>,
        memory: &mut Memory,
        now: Timestamp,
    ) -> Heard {
        let path = place(folder, &self.dir);
        let (shown_path, pattern) = (path.display().to_string(), folder.pattern.clone());
        let entries = known.map(|known| known.entries.clone()).unwrap_or_default();
        let mut look = std::mem::take(&mut memory.look);
        let max_body = self.feed.max_body;
        let looked = tokio::task::spawn_blocking(move || {
            let is_known = |identity: &str| entries.iter().any(|entry| entry == identity);
            let found = look.into_folder(&path, &pattern, max_body, is_known, now);
            (look, found)
        });
        let found = match looked.await {
            Ok((look, found)) => {
                memory.look = look;
                found
            }
            Err(why) => Err(format!("looking into it broke down, which is a fault of this program: {why}")),
        };
        match found {
            Ok(found) if found.new.is_empty() => self.nothing_new(&found, &shown_path, now),
            Ok(found) => self.take(found, known, memory, now).await,
            Err(why) => Heard::Unreachable { why },
        }
    }

    /// What a folder says in which nothing is new.
    fn nothing_new(&self, found: &Found, path: &str, now: Timestamp) -> Heard {
        let mut passed = found.skipped.first().map(|skip| format!("; {}: {}", skip.part, skip.why)).unwrap_or_default();
        if let Some(name) = &found.unfinished {
            passed.push_str("; still being written: ");
            passed.push_str(name);
        }
        match found.newest {
            Some(newest) if now - newest <= self.feed.stale_after => Heard::Unchanged,
            Some(newest) => {
                let since = newest.format("%F %T UTC");
                let patience = span_text(self.feed.stale_after);
                let why =
                    format!("no file has come into {path} since {since}, which is more than {patience} ago{passed}");
                Heard::Unreachable { why }
            }
            None if passed.is_empty() => Heard::Nothing,
            None => Heard::Unreachable { why: format!("no file in {path} can be read now{passed}") },
        }
    }

    /// Reads the new files of a folder.
    async fn take(&self, found: Found, known: Option<&FeedState>, memory: &mut Memory, now: Timestamp) -> Heard {
        let mut batch = Batch { skipped: found.skipped, ..Batch::default() };
        let mut taken = Vec::new();
        let mut unreadable = None;
        let mut is_any_read = false;
        for Delivery { name, identity, body, .. } in found.new {
            match self.read(body, &Origin { from: &name, headers: &[] }, now).await {
                Ok(read) => {
                    is_any_read = true;
                    batch.absorb(read);
                }
                Err(why) => {
                    unreadable.get_or_insert_with(|| format!("{name}: {why}"));
                    batch.skipped.push(Skip { part: name, why });
                }
            }
            taken.push(identity);
        }
        if let Some(why) = unreadable.filter(|_| !is_any_read) {
            // None is taken: as long as nothing better comes, this stays the state of the feed.
            return Heard::Unreadable { why };
        }
        let mut followed = self.follow(batch, None, known, memory, (&self.limits(), now)).await;
        followed.entries.extend(taken);
        Heard::Batch { batch: followed.batch, validators: None, entries: followed.entries }
    }
}
