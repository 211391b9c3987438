//! The store: one transaction holds what was decided, the journal of it, and what is owed to whom.
//!
//! Two sides: [`Ledger`] is the brain's, all or nothing and fenced by the leader's epoch; [`Outbox`] is the couriers', with
//! leases that expire. Both are kept by the same database, so that a warning and its deliveries cannot part.

use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::bulletin::Bulletin;
use crate::ids::ChannelId;
use crate::message::Message;
use crate::outbox::{Claimed, NewDelivery, Settlement, Standing};
use crate::time::{TimeDelta, Timestamp};

pub mod sqlite;

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another leader has taken over; this one must stop deciding.
    #[error("another nadhir has taken over this store (epoch {epoch})")]
    Fenced {
        /// The epoch now in force.
        epoch: i64,
    },
    /// The state moved on under the one who commits: load again.
    #[error("the stored state is at version {found}, not {expected}")]
    Moved {
        /// What the one who commits believed.
        expected: u64,
        /// What is so.
        found: u64,
    },
    /// The disk or the database failed; it may work later, and the change may or may not have landed.
    #[error("the store failed: {why}")]
    Failed {
        /// In the words of the database.
        why: String,
    },
    /// The file is of another make or is damaged.
    #[error("{path} cannot be used: {why}")]
    Unusable {
        /// Which file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
}

/// The right to decide, until someone else takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Grows by one with each new leader.
    pub epoch: i64,
}

/// One fact of the state: `room` and `key` find it, `value` is JSON; no value means that it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Which part of the state: `warning`, `latch`, `series`, `feed`.
    pub room: &'static str,
    /// Which one of them.
    pub key: String,
    /// What it is now.
    pub value: Option<String>,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What kind of thing: `bulletin`, `feed`, `quiet`, `reload`, `start`.
    pub kind: String,
    /// About whom: a feed, a rule, a bulletin.
    pub subject: String,
    /// The sentence.
    pub text: String,
}

/// All that one step changes.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// The version that the step started from; the commit makes it one more.
    pub version: u64,
    /// State rows that changed.
    pub facts: Vec<Fact>,
    /// Lines for the journal.
    pub journal: Vec<Entry>,
    /// What was said.
    pub bulletins: Vec<Bulletin>,
    /// The frozen texts.
    pub messages: Vec<Message>,
    /// What is owed. A delivery of an older edition of the same number that was never tried is superseded.
    pub deliveries: Vec<NewDelivery>,
}

/// The state as it was last committed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Saved {
    /// How many commits made it.
    pub version: u64,
    /// All facts: room, key, value.
    pub facts: Vec<(String, String, String)>,
}

/// How many deliveries stand where, for one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Of which channel.
    pub channel: String,
    /// Where they stand.
    pub standing: Standing,
    /// How many.
    pub count: u64,
}

/// The brain's side.
pub trait Ledger: Send + Sync {
    /// Takes the lead: earlier leaders are fenced off and their couriers' leases end at once.
    fn lead(&self, now: Timestamp) -> BoxFuture<'_, Result<Lease, StoreError>>;
    /// Reads the state.
    fn load(&self) -> BoxFuture<'_, Result<Saved, StoreError>>;
    /// Commits one step: all of it, durably, or nothing.
    fn commit(&self, lease: Lease, commit: Commit) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// The couriers' side.
pub trait Outbox: Send + Sync {
    /// Takes deliveries that are due: the most urgent first, the oldest first among equals. What has expired is marked so and
    /// not handed out.
    fn claim(
        &self,
        channel: ChannelId,
        limit: usize,
        now: Timestamp,
        lease: TimeDelta,
    ) -> BoxFuture<'_, Result<Vec<Claimed>, StoreError>>;
    /// Records how tries ended; a settlement whose token is not valid any more changes nothing. Returns how many counted.
    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Result<usize, StoreError>>;
    /// When the next delivery of a channel falls due, or the next lease ends; none when nothing is owed.
    fn next_due(&self, channel: ChannelId) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>>;
    /// Where all deliveries stand.
    fn tally(&self) -> BoxFuture<'_, Result<Vec<Tally>, StoreError>>;
}

/// What people ask of the store; never on the way of a warning.
pub trait Archive: Send + Sync {
    /// The newest lines of the journal, oldest of them first.
    fn journal(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>>;
    /// All bulletins, or those of one warning's number, in the order of their making.
    fn bulletins(&self, number: Option<String>) -> BoxFuture<'_, Result<Vec<Bulletin>, StoreError>>;
}

/// A store does all three.
pub trait Store: Ledger + Outbox + Archive {}
impl<T: Ledger + Outbox + Archive> Store for T {}
