//! The store: one transaction holds what was decided, the journal of it, and what is owed to whom.
//!
//! Two sides: [`Ledger`] is the brain's, all or nothing and fenced by the leader's epoch; [`Outbox`] is the couriers', with
//! leases that expire. Both are kept by the same database, so that a warning and its deliveries cannot part.
//!
//! # One file, one database, and what comes after
//! * **One machine** has a file ([`sqlite`]). Nothing else has to run, and nothing is slower than the disk.
//! * **One cluster** has a database ([`postgres`]): one node leads and decides, all deliver, and another takes over in ten seconds
//!   ([`cluster`]). Three nodes and a database that copies itself to a second disk outlive any one machine. What it costs was measured with
//!   an unoptimised build on two cores and a disk that syncs: a step that owes ten deliveries 13 ms, a claim with its settlement 17 ms, a
//!   look at a channel where nothing is due 2.4 ms, and a claim beside 200,000 deliveries that wait 4 ms. Thirty channels on three nodes,
//!   each looked at every five seconds, are 18 looks a second: a twentieth of one core.
//!
//! Past one cluster there is a plan, and nothing of it is built. Its figures are reckoned, not measured.
//! * **By governorate.** Who decides is split by place and not by load: each region has a cluster of its own, with its leader, its epoch
//!   and its `code`, which begins every number, so that no two clusters ever say different things under one name and none has to ask
//!   another. Thirteen regions are thirteen clusters. An authority's alert over several regions is relayed by each for its own places, as
//!   it is today for those that are not ours. Nothing crosses over but what is read from the same feeds.
//! * **By subscriber.** A delivery to a channel of subscribers is in the hands of one node. 563,458 subscribers are 1,101 shares of 512, a
//!   byte for each: 0.6 MB a message, and 2,201 batches of 256 to settle. A node that speaks to 5,000 a second takes 113 s for them. With
//!   sixteen deliveries in place of one, for the sixteen parts of the subscribers by the hash of their number, any node claims any part
//!   as it claims channels now: four nodes take 28 s, sixteen 7 s, and a part whose node dies is told anew by another, a sixteenth of them
//!   at most. All editions of one number stay with one part, so that a correction still overtakes what it corrects.
//! * **Couriers near those whom they speak to.** From another continent a claim of a dozen questions at 80 ms each takes a second, and a
//!   lost line stops it. There a small cluster that never leads has an outbox of its own, and is to the one that decides a channel like
//!   any other: it is handed frozen messages under their keys, with their times, and answers when they are on its disk. What is handed
//!   over twice has the same key, what is corrected overtakes there as here, and what expires on the way is not sent.
//! * **A cache before the public face.** What was said under a name never changes: a page of a bulletin may be kept for a year by
//!   whoever passes it on. Only what is in force now is asked anew, every five seconds by each place of a network of caches, and what is
//!   older than a minute is not shown as the present. Ten million readers who look every thirty seconds are 333,000 questions a second
//!   at the caches, and from two hundred places 40 a second here.
//! * **What is never split:** the state of one place, the journal of one cluster with its seals, and the order of what is said under one
//!   number at one channel.

use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::bulletin::{Bulletin, Verdict};
use crate::dispatch::reminders::Reminder;
use crate::ids::{BulletinId, ChannelId};
use crate::message::{Message, MessageKey};
use crate::outbox::replay::{Frozen, Sent};
use crate::outbox::share::{Count, DeadLetter, Disabled, Hand, Landed, News, Share};
use crate::outbox::{Claimed, Kept, NewDelivery, Settlement, Standing};
use crate::record::chain::Mark;
use crate::route::Audience;
use crate::subscriber::{Edit, NewSubscriber, Subscriber, Term};
use crate::time::{TimeDelta, Timestamp};

pub use crate::record::{Entry, Fact, Saved};
use shelf::{Published, Wanted};

pub mod cluster;
mod codes;
pub mod faulty;
pub mod postgres;
pub mod shelf;
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
    /// What was asked contradicts what is stored, or is more than may be asked; nothing changed, and asking again is in vain.
    #[error("the store refused: {why}")]
    Refused {
        /// What contradicts what.
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
    /// What is owed. A delivery of an older edition of the same number that was never tried is superseded; one that its channel need
    /// not have ([`crate::outbox::Terms`]) is left out.
    pub deliveries: Vec<NewDelivery>,
}

/// What somebody on duty says of a bulletin that is kept back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Of which bulletin.
    pub bulletin: BulletinId,
    /// What.
    pub verdict: Verdict,
    /// Who says so, why and when, as the journal and the deliveries have it.
    pub entry: Entry,
}

/// A channel at which others listen than before, and what became of what was owed there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readdressed {
    /// Which.
    pub channel: ChannelId,
    /// Who listened before.
    pub from: Audience,
    /// Who listens now.
    pub to: Audience,
    /// How many deliveries were ended.
    pub ended: u64,
    /// How many are on their way, and are not tried again.
    pub on_their_way: u64,
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

/// What stands in the outbox for one channel, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Queue {
    /// Of which channel.
    pub channel: String,
    /// How many could go now.
    pub due: u64,
    /// How many wait for a later try.
    pub waiting: u64,
    /// How many were given up of late.
    pub dead: u64,
    /// How many ran out of time of late.
    pub expired: u64,
}

/// What a store holds, at one glance: read at once, so that all of it is of the same moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glance {
    /// The state.
    pub saved: Saved,
    /// The outbox, by channel.
    pub queues: Vec<Queue>,
    /// When anything was last written into the journal or settled.
    pub written: Option<Timestamp>,
}

/// One delivery and how it stands, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeliveryRow {
    /// To whom.
    pub channel: String,
    /// What.
    pub message: MessageKey,
    /// Of which bulletin.
    pub bulletin: BulletinId,
    /// Where it stands.
    pub standing: Standing,
    /// How often it was tried.
    pub attempts: u32,
    /// When it came to its end; none while it is owed.
    pub settled_at: Option<Timestamp>,
    /// The receipt, or why it did not arrive.
    pub note: Option<String>,
}

/// What became of one message at one channel, for those who count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReachRow {
    /// To whom.
    pub channel: String,
    /// What.
    pub message: MessageKey,
    /// Of which bulletin, statement or notice.
    pub bulletin: BulletinId,
    /// Where it stands.
    pub standing: Standing,
    /// When it came to its end; none while it is owed.
    pub settled_at: Option<Timestamp>,
}

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Lines of the journal.
    pub journal: TimeDelta,
    /// Bulletins, after they have run out.
    pub bulletins: TimeDelta,
    /// Deliveries and messages, after their end.
    pub deliveries: TimeDelta,
}

impl Keep {
    /// What may be forgotten at a moment.
    pub fn before(&self, now: Timestamp) -> Before {
        Before { journal: now - self.journal, bulletins: now - self.bulletins, deliveries: now - self.deliveries }
    }
}

/// From when on things are kept: what is older may be forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// Lines of the journal.
    pub journal: Timestamp,
    /// Bulletins that have run out.
    pub bulletins: Timestamp,
    /// Deliveries that have come to their end and whose message has run out, and messages that nothing else carries.
    pub deliveries: Timestamp,
}

/// How much was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Lines of the journal.
    pub journal: u64,
    /// Bulletins.
    pub bulletins: u64,
    /// Deliveries.
    pub deliveries: u64,
    /// Messages.
    pub messages: u64,
    /// Whether nothing is left that could be.
    pub is_all: bool,
}

/// The most rows that [`Archive`] lists at once; whoever has more asks for the tally.
pub const MAX_LISTED: usize = 200_000;

/// The brain's side.
pub trait Ledger: Send + Sync {
    /// Takes the lead: earlier leaders are fenced off and their couriers' leases end at once.
    fn lead(&self, now: Timestamp) -> BoxFuture<'_, Result<Lease, StoreError>>;
    /// Reads the state.
    fn load(&self) -> BoxFuture<'_, Result<Saved, StoreError>>;
    /// Takes note of who listens at which channel, before anything is owed there on that ground. Where others listened before, all
    /// that is still owed is ended: it was meant for them. Tells of those channels. A channel that is not named stays as it is.
    fn readdress(
        &self,
        lease: Lease,
        listeners: Vec<(ChannelId, Audience)>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Readdressed>, StoreError>>;
    /// Lets out what is kept back of a bulletin, holds it or ends it, as somebody on duty says; tells at how many channels it was.
    fn decide(&self, lease: Lease, decision: Decision) -> BoxFuture<'_, Result<u64, StoreError>>;
    /// Owes reminders to the channels that received the word itself and are owed no newer one; one that is owed already is nothing new.
    /// Tells which are.
    fn remind(&self, lease: Lease, reminders: Vec<Reminder>) -> BoxFuture<'_, Result<Vec<MessageKey>, StoreError>>;
    /// Commits one step: all of it, durably, or nothing.
    fn commit(&self, lease: Lease, commit: Commit) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// The couriers' side.
pub trait Outbox: Send + Sync {
    /// Takes deliveries that are due: the most urgent first, the oldest first among equals. What has expired is marked so and
    /// not handed out; nor is an older edition, even one that was tried, beside or after a newer one of the same number.
    fn claim(
        &self,
        channel: ChannelId,
        limit: usize,
        now: Timestamp,
        lease: TimeDelta,
    ) -> BoxFuture<'_, Result<Vec<Claimed>, StoreError>>;
    /// Records how tries ended. A token holds until the delivery is settled or handed to another; a settlement whose token
    /// does not hold any more changes nothing. Returns how many counted.
    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Result<usize, StoreError>>;
    /// When the next delivery of a channel falls due or runs out of time, or the next lease ends; none when nothing is owed.
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
    /// What was last said of each warning, where that was said since a moment and nothing has taken its place.
    fn last_words(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<Bulletin>, StoreError>>;
    /// What is kept back now, the oldest first.
    fn kept(&self) -> BoxFuture<'_, Result<Vec<Kept>, StoreError>>;
    /// All deliveries in the order of their making, [`MAX_LISTED`] at most.
    fn deliveries(&self) -> BoxFuture<'_, Result<Vec<DeliveryRow>, StoreError>>;
    /// What a channel has published, [`shelf::MAX_PUBLISHED`] at most: bulletins whose delivery there was begun, with their texts. What
    /// was said before the channel was given to its audience was not meant for it, and is left out. [`StoreError::Refused`] when the
    /// channel is for another audience.
    fn published(&self, of: (ChannelId, Audience), wanted: Wanted)
    -> BoxFuture<'_, Result<Vec<Published>, StoreError>>;
}

/// What a courier of many subscribers asks beside the [`Outbox`].
pub trait Fanout: Send + Sync {
    /// The next shares of subscribers, a few at once, after one, who were known when something was said, and to whom a delivery in hand is owed still.
    /// Nothing where it is not in hand any more.
    fn share(
        &self,
        hand: Hand,
        after: Option<i64>,
        said: Timestamp,
        is_correction: bool,
    ) -> BoxFuture<'_, Result<Share, StoreError>>;
    /// Records what became of deliveries at subscribers, all of it at once. What a courier does not hold any more changes nothing.
    /// Returns how many counted.
    fn settle_shares(&self, landed: Vec<Landed>) -> BoxFuture<'_, Result<usize, StoreError>>;
    /// How a delivery stands at all subscribers.
    fn count_shares(&self, delivery: i64) -> BoxFuture<'_, Result<Count, StoreError>>;
    /// Takes note of how subscribers of a channel are, and disables those who are to be; tells who of all of them is disabled without
    /// the people on duty having been told, [`crate::outbox::share::MAX_UNSAID`] at most.
    fn note_health(&self, channel: ChannelId, news: News) -> BoxFuture<'_, Result<Vec<Disabled>, StoreError>>;
}

/// What people ask of subscribers; beside a running service, which sees each change at its next delivery.
pub trait Roster: Send + Sync {
    /// Enters subscribers of a channel, all or none; tells their numbers. [`StoreError::Refused`] when a name is taken.
    fn subscribe(
        &self,
        channel: ChannelId,
        new: Vec<NewSubscriber>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<i64>, StoreError>>;
    /// The subscribers of all channels or of one, after a number, in the order of their numbers.
    fn subscribers(
        &self,
        channel: Option<ChannelId>,
        after: i64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Subscriber>, StoreError>>;
    /// One subscriber by the name that it has in its channel.
    fn subscriber(&self, channel: ChannelId, name: String) -> BoxFuture<'_, Result<Option<Subscriber>, StoreError>>;
    /// Enters one who subscribed for a time, or has its subscription go on under new terms; tells its number. One whose time was over
    /// begins anew. [`StoreError::Refused`] when the channel has `most` others.
    fn subscribe_for(
        &self,
        channel: ChannelId,
        one: NewSubscriber,
        term: Term,
        most: u32,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<i64, StoreError>>;
    /// Takes out those whose time is over; tells how many they were.
    fn end_terms(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>>;
    /// Changes one subscriber; false when there is none of that number.
    fn edit_subscriber(&self, id: i64, edit: Edit) -> BoxFuture<'_, Result<bool, StoreError>>;
}

/// What keeps a store from growing for ever, and its journal from being changed unnoticed.
pub trait Retention: Send + Sync {
    /// Forgets what is older than it is kept: about `limit` rows of each kind at once, so that nobody who commits waits for it. What is
    /// owed and may still be sent, in force, or on its way is never forgotten, whatever its age.
    fn forget(&self, before: Before, limit: usize) -> BoxFuture<'_, Result<Forgotten, StoreError>>;
    /// The seal of the newest line of the journal, to be noted elsewhere ([`crate::record::chain`]).
    fn head(&self) -> BoxFuture<'_, Result<Mark, StoreError>>;
}

/// What people ask of what subscribers did not get. It works beside the service, and leaves to its couriers what they have in hand.
pub trait Replay: Send + Sync {
    /// What subscribers of a channel, or one of them, did not get: at whom it was given up, and whom its time ran out for. The newest
    /// first, after one of them.
    fn dead_letters(
        &self,
        channel: ChannelId,
        subscriber: Option<i64>,
        after: Option<(i64, i64)>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>>;
    /// All that a channel was sent since a moment, or is to be, in the order of its making, with where it stands for a subscriber; and
    /// the newest delivery of all, by which [`Replay::send_again`] knows that nothing was said since. What was said before the channel
    /// was given to its audience was not meant for it, and is left out. [`StoreError::Refused`] when it is more than is looked through
    /// at once, or when the channel is for another audience.
    fn sent_since(
        &self,
        of: (ChannelId, Audience),
        subscriber: i64,
        since: Timestamp,
    ) -> BoxFuture<'_, Result<(Vec<Sent>, i64), StoreError>>;
    /// The frozen text of a delivery and what it is, to be sent once more to a subscriber, who from now on may have it; none when
    /// something was said since `newest`. Where it is told for the record, nothing is noted.
    fn send_again(
        &self,
        of: (i64, i64),
        newest: i64,
        as_history: (bool, Timestamp),
    ) -> BoxFuture<'_, Result<Option<Frozen>, StoreError>>;
    /// Writes a line into the journal beside the service, sealed like every other: who sends what to whom once more.
    fn record(&self, entry: Entry) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Takes note of how it ended: with nothing where it arrived, else with why not.
    fn sent_again(&self, of: (i64, i64), why: Option<String>, now: Timestamp) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// What the commands of the people beside a service work with.
pub trait Beside: Roster + Replay {}
impl<T: Roster + Replay> Beside for T {}

/// A store does all six.
pub trait Store: Ledger + Outbox + Archive + Fanout + Retention + Roster {}
impl<T: Ledger + Outbox + Archive + Fanout + Retention + Roster> Store for T {}
