//! A store some of whose calls fail, before or after they have done their work, as somebody says call by call: for simulations, and for
//! the proof that death at any call loses nothing. It keeps nothing itself.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::shelf::{Published, Wanted};
use super::{
    Archive, Before, Commit, Decision, DeliveryRow, Entry, Fanout, Forgotten, Lease, Ledger, Outbox, Readdressed,
    Retention, Roster, Saved, Store, StoreError, Tally,
};
use crate::bulletin::Bulletin;
use crate::dispatch::reminders::Reminder;
use crate::ids::ChannelId;
use crate::message::MessageKey;
use crate::outbox::share::{Count, Disabled, Hand, Landed, News, Share};
use crate::outbox::{Claimed, Kept, Settlement};
use crate::record::chain::Mark;
use crate::route::Audience;
use crate::subscriber::{Edit, NewSubscriber, Subscriber, Term};
use crate::time::{TimeDelta, Timestamp};

/// What befalls a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is done and answered.
    Done,
    /// It fails, and nothing of it is done.
    Before,
    /// It is done, and nobody learns of it.
    After,
}

/// A store whose calls have a fate.
pub struct Faulty {
    store: Arc<dyn Store>,
    fate: Box<dyn Fn() -> Fate + Send + Sync>,
}

impl Faulty {
    /// A store each call of which asks for its fate.
    pub fn new(store: Arc<dyn Store>, fate: impl Fn() -> Fate + Send + Sync + 'static) -> Self {
        Self { store, fate: Box::new(fate) }
    }

    /// The store itself, for those who look on.
    pub fn sound(&self) -> &dyn Store {
        &*self.store
    }

    fn call<'a, T: Send + 'a>(
        &'a self,
        call: impl FnOnce(&'a dyn Store) -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        let failed = || StoreError::Failed { why: "this call was to fail".to_owned() };
        match (self.fate)() {
            Fate::Before => Box::pin(async move { Err(failed()) }),
            Fate::Done => call(&*self.store),
            Fate::After => {
                let work = call(&*self.store);
                Box::pin(async move { work.await.and(Err(failed())) })
            }
        }
    }
}

impl Ledger for Faulty {
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

impl Outbox for Faulty {
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

impl Archive for Faulty {
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

    fn published(
        &self,
        of: (ChannelId, Audience),
        wanted: Wanted,
    ) -> BoxFuture<'_, Result<Vec<Published>, StoreError>> {
        self.call(move |store| store.published(of, wanted))
    }

    fn deliveries(&self) -> BoxFuture<'_, Result<Vec<DeliveryRow>, StoreError>> {
        self.call(|store| store.deliveries())
    }
}

impl Fanout for Faulty {
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

impl Retention for Faulty {
    fn forget(&self, before: Before, limit: usize) -> BoxFuture<'_, Result<Forgotten, StoreError>> {
        self.call(move |store| store.forget(before, limit))
    }

    fn head(&self) -> BoxFuture<'_, Result<Mark, StoreError>> {
        self.call(|store| store.head())
    }
}

impl Roster for Faulty {
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

    fn subscribe_for(
        &self,
        channel: ChannelId,
        one: NewSubscriber,
        term: Term,
        most: u32,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<i64, StoreError>> {
        self.call(move |store| store.subscribe_for(channel, one, term, most, now))
    }

    fn end_terms(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.call(move |store| store.end_terms(now))
    }

    fn edit_subscriber(&self, id: i64, edit: Edit) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.call(move |store| store.edit_subscriber(id, edit))
    }
}
