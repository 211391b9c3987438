//! A disk that fails and a process that dies: the real store, some calls of which fail, before or after they have done their work.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use futures_util::future::BoxFuture;

use crate::bulletin::Bulletin;
use crate::dispatch::reminders::Reminder;
use crate::ids::ChannelId;
use crate::message::MessageKey;
use crate::outbox::share::{Count, Disabled, Hand, Landed, News, Share};
use crate::outbox::{Claimed, Kept, Settlement};
use crate::record::chain::Mark;
use crate::route::Audience;
use crate::store::sqlite::SqliteStore;
use crate::store::{
    Archive, Before, Commit, Decision, DeliveryRow, Entry, Fanout, Forgotten, Lease, Ledger, Outbox, Readdressed,
    Retention, Roster, Saved, StoreError, Tally,
};
use crate::subscriber::{Edit, NewSubscriber, Subscriber};
use crate::time::{TimeDelta, Timestamp};

/// What may befall a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is done and answered.
    Done,
    /// It fails, and nothing of it is done.
    Before,
    /// It is done, and nobody learns of it.
    After,
}

/// How things stand with the disk.
#[derive(Debug)]
struct Condition {
    chance: Rng,
    /// How many calls of a thousand fail.
    failing: u32,
    /// After how many calls the process dies; none while it lives on.
    dies_in: Option<u32>,
    is_dead: bool,
}

/// The store of a storm.
#[derive(Clone)]
pub(super) struct Disk {
    store: Arc<SqliteStore>,
    condition: Arc<Mutex<Condition>>,
}

impl Disk {
    pub(super) fn new(store: SqliteStore, chance: Rng) -> Self {
        let condition = Condition { chance, failing: 0, dies_in: None, is_dead: false };
        Self { store: Arc::new(store), condition: Arc::new(Mutex::new(condition)) }
    }

    /// From now on so many calls of a thousand fail.
    pub(super) fn set_failing(&self, failing: u32) {
        self.condition().failing = failing;
    }

    /// The process dies after so many calls more: all that come after fail.
    pub(super) fn kill_in(&self, calls: u32) {
        self.condition().dies_in = Some(calls);
    }

    /// From now on nothing fails, and nobody dies.
    pub(super) fn mend(&self) {
        let mut condition = self.condition();
        (condition.failing, condition.dies_in) = (0, None);
    }

    /// Whether it has died.
    pub(super) fn is_dead(&self) -> bool {
        self.condition().is_dead
    }

    /// A new process.
    pub(super) fn revive(&self) {
        let mut condition = self.condition();
        (condition.is_dead, condition.dies_in) = (false, None);
    }

    /// The store itself, for those who look on.
    pub(super) fn sound(&self) -> &SqliteStore {
        &self.store
    }

    fn condition(&self) -> MutexGuard<'_, Condition> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self) -> Fate {
        let mut condition = self.condition();
        if condition.is_dead {
            return Fate::Before;
        }
        let dies = match &mut condition.dies_in {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        };
        condition.is_dead = dies;
        let fails = dies || condition.chance.u32(0..1000) < condition.failing;
        match fails {
            true if condition.chance.bool() => Fate::Before,
            true => Fate::After,
            false => Fate::Done,
        }
    }

    fn call<'a, T: Send + 'a>(
        &'a self,
        call: impl FnOnce(&'a SqliteStore) -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        let fate = self.fate();
        let failed = || StoreError::Failed { why: "the disk of the simulation failed".to_owned() };
        match fate {
            Fate::Before => Box::pin(async move { Err(failed()) }),
            Fate::Done => call(&self.store),
            Fate::After => {
                let work = call(&self.store);
                Box::pin(async move { work.await.and(Err(failed())) })
            }
        }
    }
}

impl Ledger for Disk {
    fn lead(&self, now: Timestamp) -> BoxFuture<'_, Result<Lease, StoreError>> {
        self.call(|store| store.lead(now))
    }

    fn load(&self) -> BoxFuture<'_, Result<Saved, StoreError>> {
        self.call(|store| store.load())
    }

    fn readdress(
        &self,
        lease: Lease,
        listeners: Vec<(ChannelId, Audience)>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Readdressed>, StoreError>> {
        self.call(move |store| store.readdress(lease, listeners, now))
    }

    fn decide(&self, lease: Lease, decision: Decision) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.call(move |store| store.decide(lease, decision))
    }

    fn remind(&self, lease: Lease, reminders: Vec<Reminder>) -> BoxFuture<'_, Result<Vec<MessageKey>, StoreError>> {
        self.call(move |store| store.remind(lease, reminders))
    }

    fn commit(&self, lease: Lease, commit: Commit) -> BoxFuture<'_, Result<(), StoreError>> {
        self.call(move |store| store.commit(lease, commit))
    }
}

impl Outbox for Disk {
    fn claim(
        &self,
        channel: ChannelId,
        limit: usize,
        now: Timestamp,
        lease: TimeDelta,
    ) -> BoxFuture<'_, Result<Vec<Claimed>, StoreError>> {
        self.call(move |store| store.claim(channel, limit, now, lease))
    }

    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.call(move |store| store.settle(settlements))
    }

    fn next_due(&self, channel: ChannelId) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.call(move |store| store.next_due(channel))
    }

    fn tally(&self) -> BoxFuture<'_, Result<Vec<Tally>, StoreError>> {
        self.call(|store| store.tally())
    }
}

impl Archive for Disk {
    fn journal(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        self.call(move |store| store.journal(limit))
    }

    fn bulletins(&self, number: Option<String>) -> BoxFuture<'_, Result<Vec<Bulletin>, StoreError>> {
        self.call(move |store| store.bulletins(number))
    }

    fn last_words(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<Bulletin>, StoreError>> {
        self.call(move |store| store.last_words(since))
    }

    fn kept(&self) -> BoxFuture<'_, Result<Vec<Kept>, StoreError>> {
        self.call(|store| store.kept())
    }

    fn deliveries(&self) -> BoxFuture<'_, Result<Vec<DeliveryRow>, StoreError>> {
        self.call(|store| store.deliveries())
    }
}

impl Fanout for Disk {
    fn share(
        &self,
        hand: Hand,
        after: Option<i64>,
        said: Timestamp,
        is_correction: bool,
    ) -> BoxFuture<'_, Result<Share, StoreError>> {
        self.call(move |store| store.share(hand, after, said, is_correction))
    }

    fn settle_shares(&self, landed: Vec<Landed>) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.call(move |store| store.settle_shares(landed))
    }

    fn count_shares(&self, delivery: i64) -> BoxFuture<'_, Result<Count, StoreError>> {
        self.call(move |store| store.count_shares(delivery))
    }

    fn note_health(&self, channel: ChannelId, news: News) -> BoxFuture<'_, Result<Vec<Disabled>, StoreError>> {
        self.call(move |store| store.note_health(channel, news))
    }
}

impl Retention for Disk {
    fn forget(&self, before: Before, limit: usize) -> BoxFuture<'_, Result<Forgotten, StoreError>> {
        self.call(move |store| store.forget(before, limit))
    }

    fn head(&self) -> BoxFuture<'_, Result<Mark, StoreError>> {
        self.call(|store| store.head())
    }
}

impl Roster for Disk {
    fn subscribe(
        &self,
        channel: ChannelId,
        new: Vec<NewSubscriber>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<i64>, StoreError>> {
        self.call(move |store| store.subscribe(channel, new, now))
    }

    fn subscribers(
        &self,
        channel: Option<ChannelId>,
        after: i64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Subscriber>, StoreError>> {
        self.call(move |store| store.subscribers(channel, after, limit))
    }

    fn subscriber(&self, channel: ChannelId, name: String) -> BoxFuture<'_, Result<Option<Subscriber>, StoreError>> {
        self.call(move |store| store.subscriber(channel, name))
    }

    fn edit_subscriber(&self, id: i64, edit: Edit) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.call(move |store| store.edit_subscriber(id, edit))
    }
}
