//! The store of several nodes: PostgreSQL. One of them leads and decides, all of them deliver.
//!
//! A request is answered only after the transaction that holds it is on the disk of the database. What it promises is what SQLite
//! promises, and the same tests hold both to it. There, one writer does one thing after the other; here, what changes a channel locks
//! it for as long as its transaction lasts, and claims at the same channel go on beside each other and skip what another one takes. A
//! leader holds the row of its epoch while it commits, so that whoever takes the lead waits for it, and it is fenced from then on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;

use super::shelf::{Published, Wanted};
use super::{
    Archive, Before, Commit, Decision, DeliveryRow, Entry, Fanout, Forgotten, Glance, Lease, Ledger, Outbox, ReachRow,
    Readdressed, Replay, Retention, Roster, Saved, StoreError, Tally,
};
use crate::bulletin::Bulletin;
use crate::dispatch::reminders::Reminder;
use crate::ids::ChannelId;
use crate::message::MessageKey;
use crate::outbox::replay::{Frozen, Sent};
use crate::outbox::share::{Count, DeadLetter, Disabled, Hand, Landed, News, Share};
use crate::outbox::{Claimed, Kept, Settlement};
use crate::record::chain::{Mark, Verdict};
use crate::route::Audience;
use crate::subscriber::{Edit, NewSubscriber, Subscriber, Term};
use crate::time::{TimeDelta, Timestamp};

mod address;
mod archive;
mod audience;
mod cluster;
mod copy;
mod held;
mod journal;
mod ledger;
mod outbox;
mod pool;
mod probe;
mod reminders;
mod replay;
mod retention;
mod schema;
mod shares;
mod shelf;
mod subscribers;
mod tls;

pub use address::{Address, MAX_URL_LEN, Server};
pub use copy::{Moved, Progress, copy};
use outbox::Claimer;
use pool::{CHANGE, LOOK, Pool, Work};
pub use probe::{Found, probe};

/// How many connections the couriers of a node share, with whoever looks into the store. The brain has one for itself: it waits for
/// nobody there, and what it asks for is done in the order in which it asked.
pub const COURIERS: usize = 6;

/// A store in a PostgreSQL database.
pub struct PostgresStore {
    server: Server,
    couriers: Arc<Pool>,
    brain: Arc<Pool>,
    /// For what keeps this node alive, which waits for no other work.
    seat: Arc<Pool>,
    /// The number of this node among those that share the database; 0 while it has not joined them, or has left.
    node: Arc<AtomicI64>,
    /// Its name there.
    name: Arc<ArcSwap<String>>,
    /// The epoch that this node led in last; 0 before.
    led: Arc<AtomicI64>,
}

impl PostgresStore {
    /// Opens the store, and makes its tables where there are none.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the database lets nobody in, or holds what another program or a newer nadhir wrote;
    /// [`StoreError::Failed`] when it does not answer.
    pub async fn open(server: Server) -> Result<Self, StoreError> {
        let store = Self::new(server);
        schema::make(&store.brain, &store.server).await?;
        Ok(store)
    }

    /// Opens a store that is there already, to look into it or to change beside a service what people change.
    ///
    /// # Errors
    /// As [`PostgresStore::open`], and when there is none.
    pub async fn beside(server: Server) -> Result<Self, StoreError> {
        let store = Self::new(server);
        let name = store.server.name.clone();
        store.brain.within(LOOK, async move |work| schema::look(&work, &name).await).await?;
        Ok(store)
    }

    fn new(server: Server) -> Self {
        Self {
            couriers: Arc::new(Pool::new(server.clone(), COURIERS)),
            brain: Arc::new(Pool::new(server.clone(), 1)),
            seat: Arc::new(Pool::new(server.clone(), 1)),
            server,
            node: Arc::default(),
            name: Arc::default(),
            led: Arc::default(),
        }
    }

    /// What it holds, read at one moment. `since` is from when on what was given up counts.
    ///
    /// # Errors
    /// When the database failed.
    pub async fn glance(&self, now: Timestamp, since: Timestamp) -> Result<Glance, StoreError> {
        self.brain.within(LOOK, async move |work| archive::glance(&work, now, since).await).await
    }

    /// What is kept back, and the bulletins that it is of, read at one moment.
    ///
    /// # Errors
    /// When the database failed.
    pub async fn read_kept(&self) -> Result<(Vec<Kept>, Vec<Bulletin>), StoreError> {
        let read = async |work: Arc<Work>| {
            let kept = held::kept(&work).await?;
            let mut bulletins: Vec<Bulletin> = Vec::new();
            for one in &kept {
                if bulletins.iter().all(|bulletin| bulletin.id != one.bulletin) {
                    let of_number = archive::bulletins(&work, Some(one.bulletin.number())).await?;
                    bulletins.extend(of_number.into_iter().filter(|bulletin| bulletin.id == one.bulletin));
                }
            }
            Ok((kept, bulletins))
        };
        self.brain.within(LOOK, read).await
    }

    /// What became of all messages since a moment, and the bulletins since then, read at one moment.
    ///
    /// # Errors
    /// When the database failed, and when there is more than can be listed.
    pub async fn read_reach(&self, since: Timestamp) -> Result<(Vec<ReachRow>, Vec<Bulletin>), StoreError> {
        let read = async move |work: Arc<Work>| {
            Ok((archive::reach(&work, since).await?, archive::bulletins_since(&work, since).await?))
        };
        self.brain.within(LOOK, read).await
    }

    /// Holds the whole journal against its seals, and against a mark that was noted elsewhere.
    ///
    /// # Errors
    /// When the database failed.
    pub async fn verify_journal(&self, noted: Option<Mark>) -> Result<Verdict, StoreError> {
        self.brain.within(LOOK, async move |work| journal::verify(&work, noted).await).await
    }

    fn claimer(&self) -> Claimer {
        let node = Some(self.node.load(Ordering::SeqCst)).filter(|node| *node != 0);
        Claimer { node, is_leader: 0 < self.led.load(Ordering::SeqCst) }
    }
}

/// Has a pool do something in one transaction of its own.
fn ask<'a, T, F>(
    pool: &'a Arc<Pool>,
    begin: &'static str,
    work: impl FnOnce(Arc<Work>) -> F + Send + 'a,
) -> BoxFuture<'a, Result<T, StoreError>>
where
    T: Send + 'a,
    F: Future<Output = Result<T, StoreError>> + Send + 'a,
{
    Box::pin(pool.within(begin, work))
}

impl Ledger for PostgresStore {
    fn lead(&self, now: Timestamp) -> BoxFuture<'_, Result<Lease, StoreError>> {
        let (led, node) = (Arc::clone(&self.led), self.claimer().node);
        ask(&self.brain, CHANGE, async move |work| {
            if let Some(node) = node
                && !cluster::is_seated(&work, node).await?
            {
                return Err(StoreError::Fenced { epoch: ledger::epoch(&work).await? });
            }
            let lease = ledger::lead(&work, now).await?;
            led.store(lease.epoch, Ordering::SeqCst);
            Ok(lease)
        })
    }

    fn load(&self) -> BoxFuture<'_, Result<Saved, StoreError>> {
        ask(&self.brain, LOOK, async |work| ledger::load(&work).await)
    }

    fn readdress(
        &self,
        lease: Lease,
        listeners: Vec<(ChannelId, Audience)>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Readdressed>, StoreError>> {
        ask(&self.brain, CHANGE, async move |work| audience::readdress(&work, lease, &listeners, now).await)
    }

    fn decide(&self, lease: Lease, decision: Decision) -> BoxFuture<'_, Result<u64, StoreError>> {
        ask(&self.brain, CHANGE, async move |work| held::decide(&work, lease, &decision).await)
    }

    fn remind(&self, lease: Lease, reminders: Vec<Reminder>) -> BoxFuture<'_, Result<Vec<MessageKey>, StoreError>> {
        ask(&self.brain, CHANGE, async move |work| reminders::remind(&work, lease, &reminders).await)
    }

    fn commit(&self, lease: Lease, commit: Commit) -> BoxFuture<'_, Result<(), StoreError>> {
        ask(&self.brain, CHANGE, async move |work| ledger::commit(&work, lease, &commit).await)
    }
}

impl Outbox for PostgresStore {
    fn claim(
        &self,
        channel: ChannelId,
        limit: usize,
        now: Timestamp,
        lease: TimeDelta,
    ) -> BoxFuture<'_, Result<Vec<Claimed>, StoreError>> {
        let claimer = self.claimer();
        ask(&self.couriers, CHANGE, async move |work| {
            outbox::claim(&work, claimer, &channel, limit, (now, lease)).await
        })
    }

    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Result<usize, StoreError>> {
        ask(&self.couriers, CHANGE, async move |work| outbox::settle(&work, &settlements).await)
    }

    fn next_due(&self, channel: ChannelId) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        ask(&self.couriers, LOOK, async move |work| outbox::next_due(&work, &channel).await)
    }

    fn tally(&self) -> BoxFuture<'_, Result<Vec<Tally>, StoreError>> {
        ask(&self.couriers, LOOK, async |work| outbox::tally(&work).await)
    }
}

impl Archive for PostgresStore {
    fn journal(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        ask(&self.couriers, LOOK, async move |work| archive::journal(&work, limit).await)
    }

    fn bulletins(&self, number: Option<String>) -> BoxFuture<'_, Result<Vec<Bulletin>, StoreError>> {
        ask(&self.couriers, LOOK, async move |work| archive::bulletins(&work, number.as_deref()).await)
    }

    fn last_words(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<Bulletin>, StoreError>> {
        ask(&self.couriers, LOOK, async move |work| reminders::last_words(&work, since).await)
    }

    fn kept(&self) -> BoxFuture<'_, Result<Vec<Kept>, StoreError>> {
        ask(&self.couriers, LOOK, async |work| held::kept(&work).await)
    }

    fn published(
        &self,
        (channel, audience): (ChannelId, Audience),
        wanted: Wanted,
    ) -> BoxFuture<'_, Result<Vec<Published>, StoreError>> {
        ask(&self.couriers, LOOK, async move |work| shelf::published(&work, (&channel, audience), &wanted).await)
    }

    fn deliveries(&self) -> BoxFuture<'_, Result<Vec<DeliveryRow>, StoreError>> {
        ask(&self.couriers, LOOK, async |work| archive::deliveries(&work).await)
    }
}

impl Fanout for PostgresStore {
    fn share(
        &self,
        hand: Hand,
        after: Option<i64>,
        said: Timestamp,
        is_correction: bool,
    ) -> BoxFuture<'_, Result<Share, StoreError>> {
        ask(&self.couriers, LOOK, async move |work| shares::share(&work, hand, after, said, is_correction).await)
    }

    fn settle_shares(&self, landed: Vec<Landed>) -> BoxFuture<'_, Result<usize, StoreError>> {
        ask(&self.couriers, CHANGE, async move |work| shares::settle(&work, &landed).await)
    }

    fn count_shares(&self, delivery: i64) -> BoxFuture<'_, Result<Count, StoreError>> {
        ask(&self.couriers, LOOK, async move |work| shares::count(&work, delivery).await)
    }

    fn note_health(&self, channel: ChannelId, news: News) -> BoxFuture<'_, Result<Vec<Disabled>, StoreError>> {
        ask(&self.couriers, CHANGE, async move |work| subscribers::note_health(&work, &channel, &news).await)
    }
}

impl Replay for PostgresStore {
    fn dead_letters(
        &self,
        channel: ChannelId,
        subscriber: Option<i64>,
        after: Option<(i64, i64)>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>> {
        ask(&self.couriers, LOOK, async move |work| {
            replay::dead_letters(&work, &channel, subscriber, after, limit).await
        })
    }

    fn sent_since(
        &self,
        (channel, audience): (ChannelId, Audience),
        subscriber: i64,
        since: Timestamp,
    ) -> BoxFuture<'_, Result<(Vec<Sent>, i64), StoreError>> {
        ask(&self.couriers, LOOK, async move |work| {
            let sent = replay::sent_since(&work, (&channel, audience), subscriber, since).await?;
            Ok((sent, replay::newest(&work).await?))
        })
    }

    fn send_again(
        &self,
        of: (i64, i64),
        newest: i64,
        as_history: (bool, Timestamp),
    ) -> BoxFuture<'_, Result<Option<Frozen>, StoreError>> {
        ask(&self.couriers, CHANGE, async move |work| replay::send_again(&work, of, newest, as_history).await)
    }

    fn record(&self, entry: Entry) -> BoxFuture<'_, Result<(), StoreError>> {
        ask(&self.couriers, CHANGE, async move |work| journal::write_beside(&work, entry).await)
    }

    fn sent_again(&self, of: (i64, i64), why: Option<String>, now: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        ask(&self.couriers, CHANGE, async move |work| replay::sent_again(&work, of, why.as_deref(), now).await)
    }
}

impl Retention for PostgresStore {
    fn forget(&self, before: Before, limit: usize) -> BoxFuture<'_, Result<Forgotten, StoreError>> {
        ask(&self.couriers, CHANGE, async move |work| retention::forget(&work, before, limit).await)
    }

    fn head(&self) -> BoxFuture<'_, Result<Mark, StoreError>> {
        ask(&self.couriers, LOOK, async |work| journal::head(&work).await)
    }
}

impl Roster for PostgresStore {
    fn subscribe(
        &self,
        channel: ChannelId,
        new: Vec<NewSubscriber>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<i64>, StoreError>> {
        ask(&self.couriers, CHANGE, async move |work| subscribers::subscribe(&work, &channel, &new, now).await)
    }

    fn subscribers(
        &self,
        channel: Option<ChannelId>,
        after: i64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Subscriber>, StoreError>> {
        ask(&self.couriers, LOOK, async move |work| subscribers::list(&work, channel.as_ref(), after, limit).await)
    }

    fn subscriber(&self, channel: ChannelId, name: String) -> BoxFuture<'_, Result<Option<Subscriber>, StoreError>> {
        ask(&self.couriers, LOOK, async move |work| subscribers::named(&work, &channel, &name).await)
    }

    fn subscribe_for(
        &self,
        channel: ChannelId,
        one: NewSubscriber,
        term: Term,
        most: u32,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<i64, StoreError>> {
        ask(&self.couriers, CHANGE, async move |work| {
            subscribers::subscribe_for(&work, &channel, &one, (&term, most), now).await
        })
    }

    fn end_terms(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        ask(&self.couriers, CHANGE, async move |work| subscribers::end_terms(&work, now).await)
    }

    fn edit_subscriber(&self, id: i64, edit: Edit) -> BoxFuture<'_, Result<bool, StoreError>> {
        ask(&self.couriers, CHANGE, async move |work| subscribers::edit_row(&work, id, &edit).await)
    }
}
