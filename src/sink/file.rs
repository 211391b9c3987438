//! The file: each message as one line of JSON at the end of a file, on the disk before it counts as delivered.
//!
//! Trying again after a crash writes nothing twice: the keys at the end of the file are read back first. The file may be moved
//! away between two messages (logrotate); a last line that a crash tore off is cut, and no line of anyone else's ever is.

use std::collections::{HashSet, VecDeque};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use super::turn::take_turn;
use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World};
use crate::message::Form;
use crate::table::Table;

/// How much of the end of the file is read back, in bytes.
pub const MAX_TAIL_LEN: u64 = 8 * 1024 * 1024;

/// How many keys are remembered; a try is repeated within minutes, long before this many others came between.
pub const MAX_KEYS: usize = 20_000;

/// How every line of ours begins.
const HEAD: &[u8] = b"{\"key\":";

/// The kind.
pub const KIND: Kind = Kind {
    name: "file",
    about: "appends each message to a file as one line of JSON",
    example: "[archive]\nkind = \"file\"\npath = \"bulletins.jsonl\"      # in the state directory, unless it begins with /\n",
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// What a channel of this kind says of itself.
#[derive(Debug)]
struct Settings {
    path: PathBuf,
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let path = table.need_text("path", "\"bulletins.jsonl\"", |text| {
        if text.is_empty() || text.ends_with('/') {
            Err("expected the path of a file, such as `bulletins.jsonl`".to_owned())
        } else {
            Ok(PathBuf::from(text))
        }
    })?;
    Some(Settings { path: path.value })
}

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Json
    }

    fn own_path(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let path = world.dir.join(&self.path);
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir)
                .map_err(|why| format!("the directory {} cannot be made: {why}", dir.display()))?;
        }
        let name = path.display().to_string();
        let mut book = Book { path, known: None, write: write_durably };
        book.probe().map_err(|why| why.to_string())?;
        Ok(Arc::new(FileSink { name, book: Arc::new(Mutex::new(book)) }))
    }
}

struct FileSink {
    name: String,
    book: Arc<Mutex<Book>>,
}

impl Sink for FileSink {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        let key = parcel.key.clone();
        let line = line(parcel);
        Box::pin(take_turn(&self.book, &self.name, move |book| book.put(&key, &line)))
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            let probed = take_turn(&self.book, &self.name, |book| book.probe().map(|()| Receipt(String::new())));
            probed.await.map(drop).map_err(|why| why.to_string())
        })
    }
}

/// The message as one line. JSON is taken in as it is, with its line breaks (which can only lie between its parts) made blanks.
fn line(parcel: &Parcel) -> String {
    let text = |text: &str| Value::from(text).to_string();
    let is_json =
        parcel.content_type.split(';').next().is_some_and(|kind| kind == "application/json" || kind.ends_with("+json"))
            && serde_json::from_str::<serde::de::IgnoredAny>(&parcel.body).is_ok();
    let body = if is_json {
        format!("\"json\":{}", parcel.body.trim().replace(['\n', '\r'], " "))
    } else {
        format!("\"body\":{}", text(&parcel.body))
    };
    format!(
        "{{\"key\":{},\"bulletin\":{},\"at\":{},\"content_type\":{},{body}}}\n",
        text(&parcel.key),
        text(parcel.bulletin.as_str()),
        text(&parcel.now.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
        text(&parcel.content_type),
    )
}

/// The file and what is known to stand in it.
struct Book {
    path: PathBuf,
    /// None when the end of the file has to be read first.
    known: Option<Known>,
    /// Writes and waits for the disk; tests put a failing disk here.
    write: fn(&mut File, &[u8]) -> std::io::Result<()>,
}

/// The keys of the newest lines.
#[derive(Default)]
struct Known {
    keys: HashSet<String>,
    order: VecDeque<String>,
}

impl Known {
    fn add(&mut self, key: &str) {
        if self.keys.insert(key.to_owned()) {
            self.order.push_back(key.to_owned());
        }
        if MAX_KEYS < self.order.len()
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }
}

impl Book {
    /// Makes sure that the file can be written, and learns what stands at its end.
    fn probe(&mut self) -> Result<(), SendError> {
        self.open_and_learn().map(drop)
    }

    fn open_and_learn(&mut self) -> Result<File, SendError> {
        let mut file = self.open()?;
        if self.known.is_none() {
            self.known = Some(read_keys(&mut file).map_err(|why| self.later("cannot be read", &why))?);
        }
        Ok(file)
    }

    /// Appends a line, unless its key stands there already.
    fn put(&mut self, key: &str, line: &str) -> Result<Receipt, SendError> {
        let mut file = self.open_and_learn()?;
        if self.known.as_ref().is_some_and(|known| known.keys.contains(key)) {
            return Ok(Receipt("already in the file".to_owned()));
        }
        let before = file.metadata().map_err(|why| self.later("cannot be read", &why))?.len();
        if let Err(why) = (self.write)(&mut file, line.as_bytes()) {
            // Without its line the file is as it was before, and the next try begins anew.
            return match file.set_len(before).and_then(|()| file.sync_data()) {
                Ok(()) => Err(self.later("did not take the message", &why)),
                Err(_) => {
                    self.known = None;
                    Err(SendError::Unknown {
                        why: format!("{} may hold part of the message: {why}", self.path.display()),
                    })
                }
            };
        }
        if before == 0 {
            sync_directory(&self.path);
        }
        if let Some(known) = &mut self.known {
            known.add(key);
        }
        Ok(Receipt(format!("written at byte {before}")))
    }

    /// Opens the file for this one write, locks it, and cuts off what a crash left half written.
    fn open(&self) -> Result<File, SendError> {
        let opened = OpenOptions::new().read(true).append(true).create(true).open(&self.path);
        let mut file = opened.map_err(|why| self.later("cannot be opened", &why))?;
        let about = file.metadata().map_err(|why| self.later("cannot be read", &why))?;
        if !about.is_file() {
            let why = format!("{} is not a plain file; name another path", self.path.display());
            return Err(SendError::Later { why, retry_after: None });
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let why =
                    format!("another program or channel is writing to {}; give each its own file", self.path.display());
                return Err(SendError::Later { why, retry_after: None });
            }
            Err(TryLockError::Error(why)) => return Err(self.later("cannot be locked", &why)),
        }
        match cut_torn_line(&mut file, about.len()).map_err(|why| self.later("cannot be mended", &why))? {
            End::Whole => Ok(file),
            End::Cut(len) => {
                tracing::warn!(path = %self.path.display(), len, "Cut {len} bytes of a torn line from {}", self.path.display());
                Ok(file)
            }
            End::Foreign => {
                let name = self.path.display();
                let why =
                    format!("the last line of {name} has no end and is not of nadhir's making; name another path");
                Err(SendError::Later { why, retry_after: None })
            }
        }
    }

    fn later(&self, what: &str, why: &std::io::Error) -> SendError {
        let name = self.path.display();
        let why = match why.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                format!("the disk that holds {name} is full; make room there")
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                format!("{name} {what}: {why}; let the user that nadhir runs as write there")
            }
            _ => format!("{name} {what}: {why}"),
        };
        SendError::Later { why, retry_after: None }
    }
}

/// Appends, and returns once the disk has it.
fn write_durably(file: &mut File, bytes: &[u8]) -> std::io::Result<()> {
    file.write_all(bytes)?;
    file.sync_data()
}

/// Makes a new file's name as durable as its content.
fn sync_directory(path: &Path) {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Err(why) = File::open(dir).and_then(|dir| dir.sync_all()) {
        tracing::warn!(error = %why, "The directory {} could not be synced: {why}", dir.display());
    }
}

/// How a file ends.
enum End {
    /// With a whole line, or it is empty.
    Whole,
    /// It ended with part of a line of ours, of this many bytes.
    Cut(u64),
    /// With part of a line that is not ours, and is left alone.
    Foreign,
}

fn cut_torn_line(file: &mut File, len: u64) -> std::io::Result<End> {
    let mut last = [b'\n'];
    if len != 0 {
        file.seek(SeekFrom::Start(len - 1))?;
        file.read_exact(&mut last)?;
    }
    if last == [b'\n'] {
        return Ok(End::Whole);
    }
    let (tail, is_all) = read_tail(file, len)?;
    let torn = match tail.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => tail.get(end + 1..).unwrap_or_default(),
        None if is_all => &tail,
        None => return Ok(End::Foreign),
    };
    if !torn.iter().zip(HEAD).all(|(found, ours)| found == ours) {
        return Ok(End::Foreign);
    }
    let torn_len = torn.len() as u64;
    file.set_len(len - torn_len)?;
    file.sync_data()?;
    Ok(End::Cut(torn_len))
}

/// The end of a file, and whether that is the whole of it.
fn read_tail(file: &mut File, len: u64) -> std::io::Result<(Vec<u8>, bool)> {
    let start = len.saturating_sub(MAX_TAIL_LEN);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(MAX_TAIL_LEN).read_to_end(&mut tail)?;
    Ok((tail, start == 0))
}

/// The keys of the lines at the end of a file; lines of others have none.
fn read_keys(file: &mut File) -> std::io::Result<Known> {
    #[derive(Deserialize)]
    struct Line {
        key: String,
    }
    let len = file.metadata()?.len();
    let (tail, is_all) = read_tail(file, len)?;
    let mut known = Known::default();
    for line in tail.split(|byte| *byte == b'\n').skip(usize::from(!is_all)) {
        if let Ok(Line { key }) = serde_json::from_slice(line) {
            known.add(&key);
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::BulletinId;
    use crate::time::Timestamp;

    fn parcel(key: &str, content_type: &str, body: &str) -> Parcel {
        Parcel {
            key: key.to_owned(),
            bulletin: BulletinId::new("MKH-2025-000012", 3),
            attempt: 1,
            body: body.into(),
            content_type: content_type.to_owned(),
            loudness: crate::hazard::Severity::Red,
            now: Timestamp::from_timestamp(1_765_238_400, 0).unwrap(),
            expires: Timestamp::from_timestamp(1_765_242_000, 0).unwrap(),
            pictures: Vec::new(),
            corrects: None,
            asks: None,
        }
    }

    fn book(path: &Path) -> Book {
        Book { path: path.to_owned(), known: None, write: write_durably }
    }

    fn put(book: &mut Book, key: &str) -> Result<Receipt, SendError> {
        book.put(key, &line(&parcel(key, "text/plain", "تحذير")))
    }

    fn keys(path: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["key"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_line_holds_the_message_as_it_was_frozen() {
        let text = line(&parcel("k", "text/plain; charset=utf-8", "a\n\"ب\"\n"));
        let start = r#"{"key":"k","bulletin":"MKH-2025-000012.3","at":"2025-12-09T00:00:00Z","content_type":"#;
        assert_eq!(text, format!("{start}{}", r#""text/plain; charset=utf-8","body":"a\n\"ب\"\n"}"#) + "\n");
        let json = line(&parcel("k", "application/json", "{\n  \"level\": 1.10,\n  \"text\": \"a\\nb\"\n}\n"));
        let end = r#""application/json","json":{   "level": 1.10,   "text": "a\nb" }}"#;
        assert_eq!(json, format!("{start}{end}\n"));
        let broken = line(&parcel("k", "application/json", "{\"level\":"));
        assert_eq!(serde_json::from_str::<Value>(&broken).unwrap()["body"], "{\"level\":");
    }

    #[test]
    fn a_try_repeated_after_a_crash_is_not_written_twice() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.jsonl");
        for _ in 0..2 {
            // A new book each time, as after a crash.
            let mut book = book(&path);
            for key in ["a", "b", "a"] {
                put(&mut book, key).unwrap();
            }
        }
        assert_eq!(keys(&path), ["a", "b"]);
    }

    #[test]
    fn a_torn_line_is_cut_and_written_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.jsonl");
        put(&mut book(&path), "a").unwrap();
        let whole = std::fs::read(&path).unwrap();
        for torn in [&b"{"[..], &whole[..whole.len() - 1], &whole[..9]] {
            std::fs::write(&path, [&whole[..], torn].concat()).unwrap();
            put(&mut book(&path), "b").unwrap();
            assert_eq!(keys(&path), ["a", "b"]);
        }
        std::fs::write(&path, &whole[..20]).unwrap();
        put(&mut book(&path), "b").unwrap();
        assert_eq!(keys(&path), ["b"]);
    }

    #[test]
    fn a_file_of_someone_else_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes.txt");
        std::fs::write(&path, "buy milk\nand bread").unwrap();
        assert!(put(&mut book(&path), "a").unwrap_err().to_string().contains("not of nadhir's making"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "buy milk\nand bread");
        let refused = put(&mut book(dir.path()), "a").unwrap_err();
        assert!(matches!(refused, SendError::Later { .. }), "{refused:?}");
    }

    #[test]
    fn a_full_disk_is_told_and_leaves_no_part_of_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.jsonl");
        let mut book = book(&path);
        put(&mut book, "a").unwrap();
        let before = std::fs::read(&path).unwrap();
        book.write = |file, bytes| {
            file.write_all(&bytes[..bytes.len() / 2])?;
            Err(ErrorKind::StorageFull.into())
        };
        let full = put(&mut book, "b").unwrap_err();
        assert!(matches!(&full, SendError::Later { why, .. } if why.contains("is full; make room")), "{full:?}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
        book.write = write_durably;
        put(&mut book, "b").unwrap();
        assert_eq!(keys(&path), ["a", "b"]);
    }

    #[test]
    fn a_file_that_was_moved_away_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.jsonl");
        let mut book = book(&path);
        put(&mut book, "a").unwrap();
        std::fs::rename(&path, dir.path().join("out.jsonl.1")).unwrap();
        put(&mut book, "b").unwrap();
        assert_eq!(keys(&path), ["b"]);
    }

    #[test]
    fn two_who_write_to_one_file_are_told_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.jsonl");
        let other = book(&path).open().unwrap();
        assert!(put(&mut book(&path), "a").unwrap_err().to_string().contains("give each its own file"));
        drop(other);
        put(&mut book(&path), "a").unwrap();
    }
}
