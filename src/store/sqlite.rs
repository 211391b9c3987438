//! The embedded store: one SQLite file, one thread that owns it, and many requests in one transaction (group commit).
//!
//! A request is answered only after the transaction that holds it is on the disk. Nothing here decides: what is owed, when and
//! to whom was decided above. The file is never shared between two formats: what this house did not write it does not touch.

use std::path::Path;
use std::thread::JoinHandle;

use futures_util::future::BoxFuture;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::shelf::{Published, Wanted};
use super::{
    Archive, Before, Commit, Decision, DeliveryRow, Entry, Forgotten, Glance, Lease, Ledger, Outbox, ReachRow,
    Readdressed, Retention, Saved, StoreError, Tally,
};
use crate::bulletin::Bulletin;
use crate::dispatch::reminders::Reminder;
use crate::ids::ChannelId;
use crate::message::MessageKey;
use crate::outbox::{Claimed, Kept, Settlement};
use crate::record::chain::{Mark, Verdict};
use crate::route::Audience;
use crate::time::{TimeDelta, Timestamp};

mod archive;
mod audience;
mod backup;
mod held;
mod journal;
mod ledger;
pub(super) mod moving;
mod outbox;
mod reminders;
mod replay;
mod retention;
mod schema;
mod shares;
mod shelf;
mod subscribers;
mod values;
mod writer;

pub use backup::{Copied, backup};
use writer::Request;

/// The most requests that wait for the writer; whoever comes after waits to ask.
pub const MAX_WAITING: usize = 1024;

/// The newest lines of the journal of a store that another nadhir may be running on, oldest of them first. Changes nothing.
///
/// # Errors
/// [`StoreError::Unusable`] when the file is of another make, of a newer nadhir, or damaged.
pub fn read_journal(path: &Path, limit: usize) -> Result<Vec<Entry>, StoreError> {
    archive::journal(&schema::look(path)?, limit)
}

/// Holds the whole journal of a store that another nadhir may be running on against its seals, and against a mark that was noted elsewhere.
/// Changes nothing.
///
/// # Errors
/// As [`read_journal`], and [`StoreError::Refused`] when an older nadhir wrote it, without seals.
pub fn verify_journal(path: &Path, noted: Option<Mark>) -> Result<Verdict, StoreError> {
    let mut db = schema::look(path)?;
    journal::verify(&*db.transaction()?, noted)
}

/// The bulletins of one number in a store that another nadhir may be running on, in the order of their making. Changes nothing.
///
/// # Errors
/// As [`read_journal`].
pub fn read_bulletins(path: &Path, number: &str) -> Result<Vec<Bulletin>, StoreError> {
    archive::bulletins(&schema::look(path)?, Some(number))
}

/// What is kept back in a store that another nadhir may be running on, and the bulletins that it is of. Changes nothing.
///
/// # Errors
/// As [`read_journal`].
pub fn read_kept(path: &Path) -> Result<(Vec<Kept>, Vec<Bulletin>), StoreError> {
    let mut db = schema::look(path)?;
    let at_once = db.transaction()?;
    let kept = held::kept(&at_once)?;
    let mut bulletins = Vec::new();
    for one in &kept {
        if bulletins.iter().all(|bulletin: &Bulletin| bulletin.id != one.bulletin) {
            let of_number = archive::bulletins(&at_once, Some(one.bulletin.number()))?;
            bulletins.extend(of_number.into_iter().filter(|bulletin| bulletin.id == one.bulletin));
        }
    }
    Ok((kept, bulletins))
}

/// What became of all messages since a moment, and the bulletins since then, of a store that another nadhir may be running on. Changes
/// nothing.
///
/// # Errors
/// As [`read_journal`], and when there is more than can be listed.
pub fn read_reach(path: &Path, since: Timestamp) -> Result<(Vec<ReachRow>, Vec<Bulletin>), StoreError> {
    let mut db = schema::look(path)?;
    let at_once = db.transaction()?;
    Ok((archive::reach(&at_once, since)?, archive::bulletins_since(&at_once, since)?))
}

/// What a store holds that another nadhir may be running on. Changes nothing. `since` is from when on what was given up counts.
///
/// # Errors
/// As [`read_journal`].
pub fn glance(path: &Path, now: Timestamp, since: Timestamp) -> Result<Glance, StoreError> {
    let mut db = schema::look(path)?;
    let at_once = db.transaction()?;
    let saved = ledger::load(&at_once)?;
    let queues = archive::queues(&at_once, now, since)?;
    Ok(Glance { saved, queues, written: archive::last_written(&at_once)? })
}

/// A store in one SQLite file, or in memory.
pub struct SqliteStore {
    /// Taken away only when the store is dropped: its end is the writer's sign to finish.
    requests: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
}

impl SqliteStore {
    /// Opens a store in a file, which is made when it is not there. Blocks while the file is read, and checks the whole of it
    /// when the last end was not a clean one.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the file is of another make, of a newer nadhir, damaged or read-only.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::start(schema::open(path.as_ref())?)
    }

    /// Opens the store of a service that may be running, to change what people change beside it: one that is there already.
    ///
    /// # Errors
    /// As [`SqliteStore::open`], and when there is no store.
    pub fn beside(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::start(schema::open_beside(path.as_ref())?)
    }

    /// A store in memory that ends with this value: for tests and drills.
    ///
    /// # Errors
    /// When memory fails.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::start(schema::open_in_memory()?)
    }

    fn start(connection: Connection) -> Result<Self, StoreError> {
        let (requests, inbox) = mpsc::channel(MAX_WAITING);
        let writer = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer::run(connection, inbox))
            .map_err(|why| StoreError::Failed { why: format!("its thread cannot be started: {why}") })?;
        Ok(Self { requests: Some(requests), writer: Some(writer) })
    }

    /// Has the writer do something in its next transaction, and answers once that is on the disk.
    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        Box::pin(async move {
            let gone = || StoreError::Failed {
                why: "its thread has ended, and what was asked may or may not have landed; start nadhir again"
                    .to_owned(),
            };
            let (answer, answered) = oneshot::channel();
            let requests = self.requests.as_ref().ok_or_else(gone)?;
            requests.send(writer::request(work, answer)).await.map_err(|_| gone())?;
            answered.await.map_err(|_| gone())?
        })
    }
}

impl Drop for SqliteStore {
    /// Waits until the writer has served what was asked and closed the file.
    fn drop(&mut self) {
        self.requests = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!(
                "The store's thread ended in a panic; the journal of the file is read back at the next start"
            );
        }
    }
}

impl Ledger for SqliteStore {
    fn lead(&self, now: Timestamp) -> BoxFuture<'_, Result<Lease, StoreError>> {
        self.ask(move |db| ledger::lead(db, now))
    }

    fn load(&self) -> BoxFuture<'_, Result<Saved, StoreError>> {
        self.ask(ledger::load)
    }

    fn readdress(
        &self,
        lease: Lease,
        listeners: Vec<(ChannelId, Audience)>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Readdressed>, StoreError>> {
        self.ask(move |db| audience::readdress(db, lease, &listeners, now))
    }

    fn decide(&self, lease: Lease, decision: Decision) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.ask(move |db| held::decide(db, lease, &decision))
    }

    fn remind(&self, lease: Lease, reminders: Vec<Reminder>) -> BoxFuture<'_, Result<Vec<MessageKey>, StoreError>> {
        self.ask(move |db| reminders::remind(db, lease, &reminders))
    }

    fn commit(&self, lease: Lease, commit: Commit) -> BoxFuture<'_, Result<(), StoreError>> {
        self.ask(move |db| ledger::commit(db, lease, &commit))
    }
}

impl Outbox for SqliteStore {
    fn claim(
        &self,
        channel: ChannelId,
        limit: usize,
        now: Timestamp,
        lease: TimeDelta,
    ) -> BoxFuture<'_, Result<Vec<Claimed>, StoreError>> {
        self.ask(move |db| outbox::claim(db, &channel, limit, now, lease))
    }

    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.ask(move |db| outbox::settle(db, &settlements))
    }

    fn next_due(&self, channel: ChannelId) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.ask(move |db| outbox::next_due(db, &channel))
    }

    fn tally(&self) -> BoxFuture<'_, Result<Vec<Tally>, StoreError>> {
        self.ask(outbox::tally)
    }
}

impl Retention for SqliteStore {
    fn forget(&self, before: Before, limit: usize) -> BoxFuture<'_, Result<Forgotten, StoreError>> {
        self.ask(move |db| retention::forget(db, before, limit))
    }

    fn head(&self) -> BoxFuture<'_, Result<Mark, StoreError>> {
        self.ask(journal::head)
    }
}

impl Archive for SqliteStore {
    fn journal(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        self.ask(move |db| archive::journal(db, limit))
    }

    fn bulletins(&self, number: Option<String>) -> BoxFuture<'_, Result<Vec<Bulletin>, StoreError>> {
        self.ask(move |db| archive::bulletins(db, number.as_deref()))
    }

    fn last_words(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<Bulletin>, StoreError>> {
        self.ask(move |db| reminders::last_words(db, since))
    }

    fn kept(&self) -> BoxFuture<'_, Result<Vec<Kept>, StoreError>> {
        self.ask(held::kept)
    }

    fn published(
        &self,
        (channel, audience): (ChannelId, Audience),
        wanted: Wanted,
    ) -> BoxFuture<'_, Result<Vec<Published>, StoreError>> {
        self.ask(move |db| shelf::published(db, (&channel, audience), &wanted))
    }

    fn deliveries(&self) -> BoxFuture<'_, Result<Vec<DeliveryRow>, StoreError>> {
        self.ask(archive::deliveries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Fact;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(1_765_238_400 + second, 0).unwrap()
    }

    fn fact(version: u64, value: &str) -> Commit {
        let fact = Fact { room: "warning", key: format!("k{version}"), value: Some(value.to_owned()) };
        Commit { version, facts: vec![fact], ..Commit::default() }
    }

    #[tokio::test]
    async fn a_full_disk_fails_the_commit_and_leaves_nothing_half_written() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path().join("nadhir.db")).unwrap();
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, fact(0, "small")).await.unwrap();
        let before = store.load().await.unwrap();
        let pages = |limit: i64| {
            store.ask(move |db| Ok(db.query_row(&format!("PRAGMA max_page_count = {limit}"), [], |_| Ok(()))?))
        };
        pages(1).await.unwrap();
        let mut large = fact(1, &"x".repeat(200_000));
        large.facts.insert(0, Fact { room: "warning", key: "first".to_owned(), value: Some("y".to_owned()) });
        let failed = store.commit(lease, large.clone()).await;
        assert!(matches!(failed, Err(StoreError::Failed { .. })), "{failed:?}");
        assert_eq!(store.load().await.unwrap(), before);
        pages(1_000_000).await.unwrap();
        store.commit(lease, large).await.unwrap();
        assert_eq!(store.load().await.unwrap().version, 2);
    }

    #[tokio::test]
    async fn a_failure_in_a_group_undoes_itself_and_is_told_to_all_it_undid() {
        let store = SqliteStore::in_memory().unwrap();
        let lease = store.lead(at(0)).await.unwrap();
        let lost = store.ask(|db| {
            db.execute("INSERT INTO facts VALUES ('a', 'lost', '1')", [])?;
            // As SQLite does by itself on some failures of the disk.
            db.execute_batch("ROLLBACK")?;
            Err::<(), _>(StoreError::Failed { why: "the disk".to_owned() })
        });
        let (before, failed, after) = futures_util::join!(store.commit(lease, fact(0, "1")), lost, store.load());
        assert!(failed.is_err());
        let saved = after.unwrap();
        assert_eq!(saved.version == 1, before.is_ok(), "who was undone was told so, and nobody else");
        assert!(saved.facts.iter().all(|(_, key, _)| key != "lost"));
        assert_eq!(store.load().await.unwrap(), saved);
    }

    #[tokio::test]
    async fn a_refused_request_does_not_undo_its_neighbours() {
        let store = SqliteStore::in_memory().unwrap();
        let lease = store.lead(at(0)).await.unwrap();
        let (first, refused, second) = futures_util::join!(
            store.commit(lease, fact(0, "1")),
            store.commit(lease, fact(0, "again")),
            store.commit(lease, fact(1, "2"))
        );
        assert_eq!((first, second), (Ok(()), Ok(())));
        assert_eq!(refused, Err(StoreError::Moved { expected: 0, found: 1 }));
        assert_eq!(store.load().await.unwrap().facts.len(), 2);
    }

    #[tokio::test]
    async fn the_end_of_the_thread_is_noticed() {
        let store = SqliteStore::in_memory().unwrap();
        let ended = store.ask(|_| -> Result<(), StoreError> { panic!("a bug, for this test") }).await;
        assert!(matches!(ended, Err(StoreError::Failed { .. })));
        assert!(matches!(store.load().await, Err(StoreError::Failed { .. })));
    }

    #[tokio::test]
    async fn a_text_that_was_damaged_on_the_disk_is_not_sent() {
        use crate::ids::BulletinId;
        use crate::message::{Form, Message, MessageKey};
        use crate::outbox::{NewDelivery, Standing, Terms};
        let store = SqliteStore::in_memory().unwrap();
        let lease = store.lead(at(0)).await.unwrap();
        let bulletin = BulletinId::new("MKH-2025-000001", 1);
        let key = MessageKey::new(&bulletin, Form::Text, &[]);
        let channel = ChannelId::new("desk").unwrap();
        let delivery = NewDelivery {
            channel: channel.clone(),
            message: key.clone(),
            bulletin: bulletin.clone(),
            number: "MKH-2025-000001".to_owned(),
            edition: 1,
            urgency: 9,
            due: at(0),
            expires: at(3600),
            terms: Terms::default(),
            picture: None,
        };
        let message = Message { key, bulletin, content_type: "text/plain", body: "stay away from the wadi".to_owned() };
        let commit = Commit { messages: vec![message], deliveries: vec![delivery], ..Commit::default() };
        store.commit(lease, commit).await.unwrap();
        store.ask(|db| Ok(db.execute("UPDATE messages SET body = 'stay in the wadi'", [])?)).await.unwrap();
        assert_eq!(store.claim(channel, 8, at(1), TimeDelta::seconds(90)).await, Ok(Vec::new()));
        assert_eq!(store.deliveries().await.unwrap()[0].standing, Standing::Dead);
    }

    #[tokio::test]
    async fn a_glance_counts_what_is_owed_and_what_failed_of_late_and_changes_nothing() {
        use crate::ids::BulletinId;
        use crate::message::{Form, Message, MessageKey};
        use crate::outbox::{NewDelivery, Outcome, Terms};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nadhir.db");
        let store = SqliteStore::open(&path).unwrap();
        let lease = store.lead(at(0)).await.unwrap();
        let channel = ChannelId::new("desk").unwrap();
        let mut commit = fact(0, "1");
        for number in ["MKH-OPS-2025-000001", "MKH-OPS-2025-000002", "MKH-OPS-2025-000003", "MKH-OPS-2025-000004"] {
            let bulletin = BulletinId::new(number, 1);
            let message = MessageKey::new(&bulletin, Form::Text, &[]);
            let body = number.to_owned();
            commit.messages.push(Message {
                key: message.clone(),
                bulletin: bulletin.clone(),
                content_type: "text/plain",
                body,
            });
            let (number, due, expires) = (number.to_owned(), at(0), at(86_400));
            let channel = channel.clone();
            commit.deliveries.push(NewDelivery {
                channel,
                message,
                bulletin,
                number,
                edition: 1,
                urgency: 6,
                due,
                expires,
                terms: Terms::default(),
                picture: None,
            });
        }
        store.commit(lease, commit).await.unwrap();
        let claimed = store.claim(channel, 3, at(1), TimeDelta::seconds(90)).await.unwrap();
        let why = || "refused".to_owned();
        let outcomes = [
            Outcome::Dead { why: why() },
            Outcome::Again { due: at(500), why: why() },
            Outcome::Delivered { receipt: why() },
        ];
        let settled = claimed.iter().zip(outcomes).map(|(claimed, outcome)| Settlement {
            id: claimed.id,
            token: claimed.token,
            outcome,
            at: at(2),
        });
        store.settle(settled.collect()).await.unwrap();
        let counts = |since| {
            let seen = glance(&path, at(10), at(since)).unwrap();
            let queue = seen.queues.first().cloned().unwrap();
            (queue.due, queue.waiting, queue.dead, queue.expired, seen.saved.version, seen.written)
        };
        assert_eq!(counts(0), (1, 1, 1, 0, 1, Some(at(2))));
        assert_eq!(counts(3), (1, 1, 0, 0, 1, Some(at(2))), "what was given up long ago does not count for ever");
        assert_eq!(store.load().await.unwrap(), glance(&path, at(10), at(0)).unwrap().saved);
    }
}
