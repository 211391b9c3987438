//! The newest tokens of OAuth 2.0, in a file of the state directory that nobody else may read: each refresh token works once, so that
//! whoever loses the newest has lost the account. It speaks to nobody.
//!
//! A file is named after the app and the refresh token that staff wrote down: what they write anew begins a new one, and channels with
//! the same keys share one. Whoever asks X for the next tokens holds the lock beside the file, the service as well as a command that
//! runs beside it. Room for them is made before X is asked, and they count when they are on the disk.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Error, ErrorKind, Read as _, Result, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::secret::Secret;
use crate::time::Timestamp;

/// The longest file, in bytes, and how much room is made for the next one.
const MAX_LEN: usize = 8 * 1024;

/// An access token with its time, and the refresh token for the one after it.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) access: Secret,
    /// When X gave it.
    pub(super) given: Timestamp,
    /// Until when it is used.
    pub(super) until: Timestamp,
    pub(super) refresh: Secret,
}

/// The same as it is written.
#[derive(Serialize, Deserialize)]
struct Line {
    access_token: String,
    given: Timestamp,
    until: Timestamp,
    refresh_token: String,
}

/// Where the newest link is.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    path: PathBuf,
}

/// Room for what a file is to hold next, which is made before anybody asks for it. Dropped unused, it is gone.
pub(super) struct Draft {
    file: File,
    draft: PathBuf,
    path: PathBuf,
}

impl Chain {
    /// The chain of this name in a directory; nothing is touched.
    pub(super) fn new(dir: &Path, name: &str) -> Self {
        Self { path: dir.join(format!("x-{name}.tokens")) }
    }

    /// How its file is called in words.
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Takes the lock; none while another holds it. It is given back when dropped, and when its process ends.
    pub(super) fn try_lock(&self) -> Result<Option<File>> {
        let lock = open(&beside(&self.path, "lock"), &self.path)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(why)) => Err(why),
        }
    }

    /// The newest link; none where there was none yet.
    ///
    /// # Errors
    /// When there is one and it cannot be read: then nobody may go back to an older one, which has been used.
    pub(super) fn read(&self) -> Result<Option<Link>> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(why),
        };
        let mut text = String::new();
        file.take(MAX_LEN as u64).read_to_string(&mut text)?;
        // Why it is none is not told: the words would show some of it.
        let line: Line = serde_json::from_str(&text).map_err(|_| Error::other("it does not hold the tokens of X"))?;
        Ok(Some(Link {
            access: Secret::new(&line.access_token),
            given: line.given,
            until: line.until,
            refresh: Secret::new(&line.refresh_token),
        }))
    }

    /// Makes room for the next link.
    pub(super) fn draft(&self) -> Result<Draft> {
        Draft::of(&self.path)
    }
}

/// Opens a file that belongs to whom another belongs to, or else its directory, whoever runs this: a command of root must not lock the
/// service out.
fn open(path: &Path, as_of: &Path) -> Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let owner = std::fs::metadata(as_of).or_else(|_| std::fs::metadata(parent(path)))?;
    if file.metadata()?.uid() != owner.uid()
        && let Err(why) = fchown(&file, Some(owner.uid()), Some(owner.gid()))
        && as_of.exists()
    {
        return Err(Error::new(why.kind(), format!("it belongs to another user, who alone may change it ({why})")));
    }
    Ok(file)
}

/// A file of another end beside one.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(end);
    name.into()
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Draft {
    /// Makes room on the disk for what a file is to hold next.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let draft = beside(path, "part");
        let mut file = open(&draft, path)?;
        file.write_all(&[b' '; MAX_LEN])?;
        file.sync_all()?;
        Ok(Self { file, draft, path: path.to_owned() })
    }

    /// Keeps a link, on the disk before it counts.
    pub(super) fn keep(self, link: &Link) -> Result<()> {
        let text = serde_json::to_string(&Line {
            access_token: link.access.expose().to_owned(),
            given: link.given,
            until: link.until,
            refresh_token: link.refresh.expose().to_owned(),
        })?;
        self.write(&text)
    }

    /// Puts a text in the place of what the file held, for the same readers.
    pub(super) fn write(mut self, text: &str) -> Result<()> {
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())?;
        self.file.set_len(text.len() as u64)?;
        if let Ok(before) = std::fs::metadata(&self.path) {
            self.file.set_permissions(before.permissions())?;
        }
        self.file.sync_all()?;
        std::fs::rename(&self.draft, &self.path)?;
        File::open(parent(&self.path))?.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Once kept, it is not there any more.
        drop(std::fs::remove_file(&self.draft));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(number: u32) -> Link {
        let given = Timestamp::from_timestamp(1_765_238_400, 0).unwrap();
        let secret = |what: &str| Secret::new(&format!("{what}{number}"));
        Link { access: secret("hunter"), given, until: given, refresh: secret("fisher") }
    }

    #[test]
    fn what_was_kept_last_is_read_and_nobody_else_can() {
        let dir = tempfile::tempdir().unwrap();
        let chain = Chain::new(dir.path(), "7f");
        assert!(chain.read().unwrap().is_none());
        for number in [1, 2] {
            chain.draft().unwrap().keep(&link(number)).unwrap();
        }
        let known = chain.read().unwrap().unwrap();
        assert_eq!((known.access.expose(), known.refresh.expose()), ("hunter2", "fisher2"));
        assert!(!format!("{known:?}").contains("hunter"));
        drop(chain.draft().unwrap());
        let names: Vec<String> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(names, ["x-7f.tokens"]);
        assert_eq!(std::fs::metadata(dir.path().join("x-7f.tokens")).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_taken_for_none() {
        let dir = tempfile::tempdir().unwrap();
        let chain = Chain::new(dir.path(), "7f");
        std::fs::write(dir.path().join("x-7f.tokens"), "{\"access_token\":\"hunter2\",").unwrap();
        let why = chain.read().unwrap_err().to_string();
        assert!(why.contains("does not hold") && !why.contains("hunter"), "{why}");
    }

    #[test]
    fn two_never_hold_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (Chain::new(dir.path(), "7f"), Chain::new(dir.path(), "7f"));
        let held = one.try_lock().unwrap();
        assert!(held.is_some() && other.try_lock().unwrap().is_none());
        drop(held);
        assert!(other.try_lock().unwrap().is_some());
    }
}
