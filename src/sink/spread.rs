//! One message to many receivers behind one channel: browsers, telephones. Who has it is kept between tries and over restarts, so that one
//! who cannot be reached costs no other a second copy. It speaks no protocol itself.

mod progress;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use ring::digest::{SHA256, digest};
use tokio::time::Instant;

use self::progress::{Progress, Settled};
use super::{Receipt, SendError};
use crate::time::TimeDelta;

/// After how many receivers it is kept who has the message.
const KEEP_EVERY: usize = 256;

/// How long one try goes on to new receivers; the next one takes up where it stopped. With the longest answer that is waited for it stays
/// within the lease of a delivery.
const GO_ON_FOR: Duration = Duration::from_secs(25);

/// What became of a message to one receiver.
pub(super) enum Heard {
    /// It was taken.
    Told,
    /// Nobody is there any more.
    Gone,
    /// It will never be taken there.
    Refused(String),
    /// It did not arrive, and may later.
    Later(String, Option<TimeDelta>),
    /// It may have arrived.
    Unknown(String),
}

impl From<Result<Receipt, SendError>> for Heard {
    fn from(sent: Result<Receipt, SendError>) -> Self {
        match sent {
            Ok(_) => Self::Told,
            Err(SendError::Later { why, retry_after }) => Self::Later(why, retry_after),
            Err(SendError::Never { why }) => Self::Refused(why),
            Err(SendError::Unknown { why }) => Self::Unknown(why),
        }
    }
}

/// The receivers of a channel, and who of them has what.
pub(super) struct Spread {
    progress: Arc<Mutex<Progress>>,
    /// What they are called, when there are several.
    what: &'static str,
    /// How many are spoken to at once.
    at_once: usize,
}

/// What a message to all came to.
pub(super) struct Spreading {
    /// What all of it means.
    pub(super) end: Result<Receipt, SendError>,
    /// Who is not there any more.
    pub(super) gone: BTreeSet<u64>,
}

impl Spread {
    /// Receivers whose progress is kept in a file.
    pub(super) fn new(path: PathBuf, what: &'static str, at_once: usize) -> Self {
        Self { progress: Arc::new(Mutex::new(Progress::open(path))), what, at_once }
    }

    /// Tells everyone who does not have it yet. `unread` is how many more there may be that could not be read.
    pub(super) async fn send<'a, T: Send + 'a>(
        &'a self,
        key: &str,
        all: Vec<(u64, T)>,
        unread: usize,
        tell: impl Fn(T) -> BoxFuture<'a, Heard>,
    ) -> Spreading {
        let (had, mut open) = self.left(key, all);
        let end = Instant::now() + GO_ON_FOR;
        let mut tally = Tally::default();
        while !open.is_empty() && Instant::now() < end {
            let some: Vec<(u64, T)> = open.drain(..KEEP_EVERY.min(open.len())).collect();
            let tellings: Vec<_> = some.into_iter().map(|(mark, one)| told_in_time(mark, end, tell(one))).collect();
            let said: Vec<(u64, Heard)> = stream::iter(tellings).buffer_unordered(self.at_once).collect().await;
            let from = (tally.told.len(), tally.refused.len());
            said.into_iter().for_each(|(mark, heard)| tally.count(mark, heard));
            let (told, refused) = tally.settled_since(from);
            self.keep(key, told, refused).await;
        }
        tally.later += open.len();
        let gone = std::mem::take(&mut tally.gone);
        let end = tally.end(had, unread, self.what);
        if matches!(end, Ok(_) | Err(SendError::Never { .. })) {
            self.forget(key).await;
        }
        Spreading { end, gone }
    }

    /// Who does not have it yet, and what became of the others before.
    pub(super) fn left<T>(&self, key: &str, all: Vec<(u64, T)>) -> (Had, Vec<(u64, T)>) {
        let (mut had, mut open) = (Had::default(), Vec::new());
        for (mark, one) in all {
            match self.settled(key, mark) {
                Some(Settled::Told) => had.told += 1,
                Some(Settled::Refused) => had.refused += 1,
                None => open.push((mark, one)),
            }
        }
        (had, open)
    }

    fn settled(&self, key: &str, mark: u64) -> Option<Settled> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).settled(key, mark)
    }

    async fn with_progress(&self, work: impl FnOnce(&mut Progress) + Send + 'static) {
        let progress = Arc::clone(&self.progress);
        let worked =
            tokio::task::spawn_blocking(move || work(&mut progress.lock().unwrap_or_else(PoisonError::into_inner)));
        // One that breaks down has remembered what it could.
        let _ = worked.await;
    }

    /// Keeps who has it and who never takes it, on the disk where that takes it.
    pub(super) async fn keep(&self, key: &str, told: Vec<u64>, refused: Vec<u64>) {
        let key = key.to_owned();
        if !(told.is_empty() && refused.is_empty()) {
            self.with_progress(move |progress| progress.add(&key, &told, &refused)).await;
        }
    }

    /// Nobody is left who is to have it.
    pub(super) async fn forget(&self, key: &str) {
        let key = key.to_owned();
        self.with_progress(move |progress| progress.finish(&key)).await;
    }
}

async fn told_in_time(mark: u64, end: Instant, telling: BoxFuture<'_, Heard>) -> (u64, Heard) {
    match end <= Instant::now() {
        true => (mark, Heard::Later("there was no time for all".to_owned(), None)),
        false => (mark, telling.await),
    }
}

/// How many were told at earlier tries, and how many never take it.
#[derive(Clone, Copy, Default)]
pub(super) struct Had {
    pub(super) told: usize,
    pub(super) refused: usize,
}

/// What became of a message to all.
#[derive(Default)]
struct Tally {
    told: Vec<u64>,
    gone: BTreeSet<u64>,
    refused: Vec<u64>,
    later: usize,
    unknown: usize,
    /// The shortest wait that was asked for.
    wait: Option<TimeDelta>,
    why: Option<String>,
}

impl Tally {
    fn count(&mut self, mark: u64, heard: Heard) {
        match heard {
            Heard::Told => self.told.push(mark),
            Heard::Gone => drop(self.gone.insert(mark)),
            Heard::Refused(why) => {
                self.refused.push(mark);
                self.why.get_or_insert(why);
            }
            Heard::Later(why, wait) => {
                self.later += 1;
                self.why = Some(why);
                self.wait = match (self.wait, wait) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                };
            }
            Heard::Unknown(why) => {
                self.unknown += 1;
                self.why = Some(why);
            }
        }
    }

    /// Who was told and who never takes it, from a place on.
    fn settled_since(&self, (told, refused): (usize, usize)) -> (Vec<u64>, Vec<u64>) {
        let since = |marks: &[u64], from: usize| marks.get(from..).unwrap_or_default().to_vec();
        (since(&self.told, told), since(&self.refused, refused))
    }

    /// What all of it means, with what became of it before.
    fn end(self, had: Had, unread: usize, what: &str) -> Result<Receipt, SendError> {
        let told = had.told + self.told.len();
        let why = self.why.map(|why| format!("; the last: {why}")).unwrap_or_default();
        let open = self.later + self.unknown;
        if 0 < open {
            let all = told + open;
            let why = format!("{open} of {all} {what} do not have it yet{why}");
            // As long as nobody was told, it surely did not arrive.
            return match told + self.unknown {
                0 => Err(SendError::Later { why, retry_after: self.wait }),
                _ => Err(SendError::Unknown { why }),
            };
        }
        let refused = had.refused + self.refused.len();
        if told == 0 && 0 < refused {
            return Err(SendError::Never { why: format!("none of the {what} took it{why}") });
        }
        let also = |count: usize, what: &str| if count == 0 { String::new() } else { format!(", {count} {what}") };
        Ok(Receipt(format!("{told} {what}{}{}", also(refused, "refused"), also(unread, "lines not read"))))
    }
}

/// What tells one receiver from another in a file of progress, without saying who it is.
pub(super) fn mark(receiver: &str) -> u64 {
    let hash = digest(&SHA256, receiver.as_bytes());
    hash.as_ref().iter().take(8).fold(0, |mark, byte| mark << 8 | u64::from(*byte))
}

/// A mark as it stands in files.
fn written(mark: u64) -> String {
    URL_SAFE_NO_PAD.encode(mark.to_be_bytes())
}
