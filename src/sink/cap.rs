//! CAP as files: each bulletin as a CAP 1.2 document of its own in a directory, for aggregators, signs and broadcasters that look there.
//!
//! A document is seen whole or not at all, and once it stands under its name it never becomes another. What of an earlier edition was
//! really published here is remembered beside the documents, so that `references` name no alert that nobody has. Old documents are taken
//! away by age and count; nothing else in the directory is touched.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use super::turn::take_turn;
use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World};
use crate::message::atom::CAP_TYPE;
use crate::message::{Form, cap};
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp, span_text};

mod published;

use published::{Entry, NAME, Published};

/// How long documents are kept when the channel does not say.
const KEEP: TimeDelta = TimeDelta::days(30);

/// How long they may be kept.
const KEEP_LIMITS: RangeInclusive<TimeDelta> = TimeDelta::days(7)..=TimeDelta::days(3650);

/// How many are kept when the channel does not say.
const MOST: u32 = 1000;

/// How many may be kept.
pub(crate) const MOST_LIMITS: RangeInclusive<i64> = 100..=20_000;

/// The kind.
pub const KIND: Kind = Kind {
    name: "cap",
    about: "writes each message into a directory as a CAP 1.2 document of its own",
    example: r#"[cap-files]
kind = "cap"
path = "cap"                             # a directory; in the state directory, unless it begins with /
keep = "30d"                             # documents are taken away after this time, 7d at least,
most = 1000                              # and the oldest when there are more
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// What a channel of this kind says of itself.
#[derive(Debug)]
struct Settings {
    dir: PathBuf,
    /// What nobody else may write to.
    index: PathBuf,
    keep: TimeDelta,
    most: usize,
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let dir = table.need_text("path", "\"cap\"", |text| {
        if text.trim_matches('/').is_empty() || text.contains('\0') {
            Err("expected the path of a directory, such as `cap`".to_owned())
        } else {
            Ok(PathBuf::from(text))
        }
    });
    let keep = match table.span_of_time("keep") {
        Some(found) if KEEP_LIMITS.contains(&found.value) => Some(found.value),
        Some(found) => {
            let (least, longest) = (span_text(*KEEP_LIMITS.start()), span_text(*KEEP_LIMITS.end()));
            table.error(&found.span, format!("`keep` is out of range: {least} to {longest}"), None);
            None
        }
        None => (!table.has("keep")).then_some(KEEP),
    };
    let most = match table.integer("most", MOST_LIMITS) {
        Some(found) => u32::try_from(found.value).ok(),
        None => (!table.has("most")).then_some(MOST),
    };
    let dir = dir?.value;
    Some(Settings { index: dir.join(NAME), dir, keep: keep?, most: usize::try_from(most?).ok()? })
}

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Cap
    }

    fn takes(&self, form: Form) -> bool {
        form == Form::Cap
    }

    fn own_path(&self) -> Option<&Path> {
        Some(&self.index)
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let dir = world.dir.join(&self.dir);
        std::fs::create_dir_all(&dir)
            .map_err(|why| format!("the directory {} cannot be made: {why}", dir.display()))?;
        let name = dir.display().to_string();
        let shelf = Shelf { published: Published::new(dir.join(NAME)), dir, keep: self.keep, most: self.most };
        Ok(Arc::new(CapFiles { name, shelf: Arc::new(Mutex::new(shelf)) }))
    }
}

struct CapFiles {
    name: String,
    shelf: Arc<Mutex<Shelf>>,
}

impl Sink for CapFiles {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            if !parcel.content_type.starts_with(CAP_TYPE) {
                let why = "the message is no CAP: leave the `form` of the channel out, or write \"cap\"".to_owned();
                return Err(SendError::Never { why });
            }
            let parcel = parcel.clone();
            take_turn(&self.shelf, &self.name, move |shelf| shelf.put(&parcel)).await
        })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            let probed = take_turn(&self.shelf, &self.name, |shelf| shelf.learn().map(|()| Receipt(String::new())));
            probed.await.map(drop).map_err(|why| why.to_string())
        })
    }
}

/// The directory and what was published in it.
struct Shelf {
    dir: PathBuf,
    published: Published,
    keep: TimeDelta,
    most: usize,
}

impl Shelf {
    fn learn(&mut self) -> Result<(), SendError> {
        self.published.learn().map_err(|why| self.later("what was published cannot be read", &why))
    }

    /// Publishes a document, unless it stands there already.
    fn put(&mut self, parcel: &Parcel) -> Result<Receipt, SendError> {
        self.learn()?;
        let identifier = parcel.bulletin.as_str();
        let Some((sender, sent)) = cap::sender_and_sent(&parcel.body) else {
            return Err(SendError::Never {
                why: "the message is no CAP: it says neither `sender` nor `sent`".to_owned(),
            });
        };
        let entry = Entry {
            identifier: identifier.to_owned(),
            reference: format!("{sender},{identifier},{sent}"),
            at: parcel.now,
        };
        let name = file_name(identifier);
        let path = self.dir.join(&name);
        if self.published.has(&entry) {
            return Ok(Receipt(format!("already published as {name}")));
        }
        // It may stand there without being known: between the two lies a moment in which a machine can die.
        let is_there =
            std::fs::read_to_string(&path).is_ok_and(|text| cap::sender_and_sent(&text) == Some((sender, sent)));
        if !is_there {
            let references = self.published.references(&cap::replaced(&parcel.body));
            let document = cap::with_references(&parcel.body, &references);
            self.write(&path, &name, document.as_bytes())?;
        }
        let added = self.published.add(entry);
        added
            .map_err(|why| SendError::Unknown { why: format!("{name} is written and cannot be remembered: {why}") })?;
        self.prune(parcel.now);
        Ok(Receipt(format!("published as {name}")))
    }

    /// Writes a file whole or not at all.
    fn write(&self, path: &Path, name: &str, bytes: &[u8]) -> Result<(), SendError> {
        let draft = self.dir.join(format!(".{name}.part"));
        let drawn = File::create(&draft).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        let placed = drawn.and_then(|()| std::fs::rename(&draft, path));
        placed.map_err(|why| {
            // What is left of it is in nobody's way.
            let _ = std::fs::remove_file(&draft);
            self.later(&format!("did not take {name}"), &why)
        })?;
        let synced = File::open(&self.dir).and_then(|dir| dir.sync_all());
        synced.map_err(|why| SendError::Unknown { why: format!("{name} may not outlive a power cut: {why}") })
    }

    /// Takes away what is old; what cannot be taken away is tried again with the next document.
    fn prune(&mut self, now: Timestamp) {
        for old in self.published.old(now - self.keep, self.most) {
            match std::fs::remove_file(self.dir.join(file_name(&old))) {
                Ok(()) => {}
                Err(why) if why.kind() == ErrorKind::NotFound => {}
                Err(why) => {
                    tracing::warn!(error = %why, "{old} cannot be taken away from {}: {why}", self.dir.display());
                    return;
                }
            }
        }
        if let Err(why) = self.published.forget(now - self.keep, self.most) {
            tracing::warn!(error = %why, "What was published in {} cannot be written anew: {why}", self.dir.display());
        }
    }

    fn later(&self, what: &str, why: &std::io::Error) -> SendError {
        let name = self.dir.display();
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

/// The name of a document as a file: its identifier, without what means something in paths.
fn file_name(identifier: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    format!("{}.xml", identifier.chars().map(plain).collect::<String>().trim_start_matches('.'))
}
