//! A copy of a store, whole and of one moment, made beside the service that runs on it. It reads and never writes the store itself: what
//! the service commits meanwhile waits for nothing.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

use super::super::StoreError;
use super::values::moment;
use super::{journal, schema};
use crate::time::Timestamp;

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Copied {
    /// How large it is, in bytes.
    pub bytes: u64,
    /// How many bulletins are in it.
    pub bulletins: u64,
    /// How many lines of the journal.
    pub journal: u64,
    /// How many messages are owed in it.
    pub owed: u64,
    /// How many subscribers.
    pub subscribers: u64,
    /// When the last line of the journal was written; none of an empty one.
    pub until: Option<Timestamp>,
    /// The last line of the journal and its seal; none of one that an older nadhir wrote without seals.
    pub head: Option<String>,
    /// What is wrong with the journal, in the store as in its copy.
    pub faults: Vec<String>,
}

/// Copies a store into a file that is not there yet. The copy is written beside it under another name, read once more, and on the disk
/// before it has its own.
///
/// # Errors
/// [`StoreError::Refused`] when the file is there already, [`StoreError::Unusable`] when the store or its copy is not whole.
pub fn backup(store: &Path, to: &Path) -> Result<Copied, StoreError> {
    let unwritten =
        |why: std::io::Error| StoreError::Failed { why: format!("{} cannot be written: {why}", to.display()) };
    if to.exists() {
        return Err(StoreError::Refused {
            why: format!("{} is there already; a copy never takes its place", to.display()),
        });
    }
    let source = schema::look(store)?;
    let begun = Begun::new(to).map_err(unwritten)?;
    let name =
        begun.0.to_str().ok_or_else(|| StoreError::Refused { why: "the name of the file is no UTF-8".to_owned() })?;
    source.execute("VACUUM INTO ?1", [name])?;
    let copied = look_through(&begun.0)?;
    File::open(&begun.0).and_then(|file| file.sync_all()).map_err(unwritten)?;
    // Unlike a rename, this never takes the place of another file.
    std::fs::hard_link(&begun.0, to).map_err(unwritten)?;
    drop(begun);
    File::open(directory(to)).and_then(|dir| dir.sync_all()).map_err(unwritten)?;
    Ok(copied)
}

fn directory(of: &Path) -> &Path {
    of.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file that was begun; it goes with this value.
struct Begun(PathBuf);

impl Begun {
    /// An empty file that its owner alone can read, beside the one that it will be.
    fn new(to: &Path) -> std::io::Result<Self> {
        let name = to.file_name().unwrap_or_default().to_string_lossy();
        let path = directory(to).join(format!(".{name}.{}.part", std::process::id()));
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn look_through(path: &Path) -> Result<Copied, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let copy = Connection::open_with_flags(path, flags)?;
    let verdict: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        let why = format!("the copy is damaged ({verdict}); look at the disk, and at the store itself");
        return Err(StoreError::Unusable { path: path.display().to_string(), why });
    }
    let count = |what: &str| -> Result<u64, StoreError> {
        let count: i64 = copy.query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0))?;
        Ok(count.cast_unsigned())
    };
    // A store that an older nadhir made has no subscribers.
    let tables = count("sqlite_schema WHERE type = 'table' AND name = 'subscribers'")?;
    let until: Option<i64> = copy.query_row("SELECT max(at) FROM journal", [], |row| row.get(0))?;
    let sealed = match journal::verify(&copy, None) {
        Ok(verdict) => Some(verdict),
        Err(StoreError::Refused { .. }) => None,
        Err(why) => return Err(why),
    };
    let faults = sealed.iter().flat_map(|verdict| &verdict.faults).map(ToString::to_string).collect();
    Ok(Copied {
        bytes: std::fs::metadata(path).map_or(0, |file| file.len()),
        bulletins: count("bulletins")?,
        journal: count("journal")?,
        owed: count("deliveries WHERE standing = 0")?,
        subscribers: if tables == 0 { 0 } else { count("subscribers")? },
        until: until.map(moment).transpose()?,
        head: sealed.map(|verdict| verdict.head.to_string()),
        faults,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::SqliteStore;

    #[tokio::test]
    async fn a_copy_is_whole_for_its_owner_alone_and_takes_nobodys_place() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let (path, to) = (dir.path().join("nadhir.db"), dir.path().join("copy.db"));
        let store = SqliteStore::open(&path).unwrap();
        let copied = backup(&path, &to).unwrap();
        assert_eq!((copied.bulletins, copied.journal, copied.until), (0, 0, None));
        assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(backup(&path, &to), Err(StoreError::Refused { .. })));
        drop(store);
        drop(SqliteStore::open(&to).unwrap());
        assert!(matches!(backup(&dir.path().join("none.db"), &dir.path().join("x")), Err(StoreError::Unusable { .. })));
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().contains("part")), "{left:?}");
    }

    #[tokio::test]
    async fn what_is_owed_in_a_copy_is_sent_from_it_in_time_and_never_after() {
        use crate::ids::{BulletinId, ChannelId};
        use crate::message::{Form, Message, MessageKey};
        use crate::outbox::{LEASE, NewDelivery, Standing, Terms};
        use crate::store::{Archive as _, Commit, Ledger as _, Outbox as _};
        let at = |second: i64| Timestamp::from_timestamp(1_765_238_400 + second, 0).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (path, channel) = (dir.path().join("nadhir.db"), ChannelId::new("desk").unwrap());
        let store = SqliteStore::open(&path).unwrap();
        let lease = store.lead(at(0)).await.unwrap();
        let bulletin = BulletinId::new("MKH-2025-000001", 1);
        let key = MessageKey::new(&bulletin, Form::Text, &[]);
        let delivery = NewDelivery {
            channel: channel.clone(),
            message: key.clone(),
            bulletin: bulletin.clone(),
            number: "MKH-2025-000001".to_owned(),
            edition: 1,
            urgency: 9,
            due: at(0),
            expires: at(3_600),
            terms: Terms::default(),
            picture: None,
        };
        let message = Message { key, bulletin, content_type: "text/plain", body: "stay away from the wadi".to_owned() };
        let commit = Commit { messages: vec![message], deliveries: vec![delivery], ..Commit::default() };
        store.commit(lease, commit).await.unwrap();
        for (name, second, count, standing) in [("a", 60, 1, Standing::Owed), ("b", 3_600, 0, Standing::Expired)] {
            let to = dir.path().join(name);
            assert_eq!(backup(&path, &to).unwrap().owed, 1);
            let copy = SqliteStore::open(&to).unwrap();
            copy.lead(at(second)).await.unwrap();
            let claimed = copy.claim(channel.clone(), 8, at(second), LEASE).await.unwrap();
            assert_eq!((claimed.len(), copy.deliveries().await.unwrap()[0].standing), (count, standing));
        }
    }
}
