//! What is owed to the subscribers of a channel. The delivery to the channel is one row and carries all that is law: its time, its
//! urgency, what takes its place. Beneath it stands a byte for each subscriber, five hundred to a row, and a row of its own only for
//! one who did not take it at the first try.

use serde::Serialize;

use crate::ids::BulletinId;
use crate::message::MessageKey;
use crate::outbox::Claimed;
use crate::subscriber::{Generations, Sealed, State};
use crate::time::Timestamp;

/// Proves that a courier has a delivery in its hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hand {
    /// The row of the delivery.
    pub delivery: i64,
    /// The proof of its claim.
    pub token: i64,
}

impl Hand {
    /// That of a claim.
    pub fn of(claimed: &Claimed) -> Self {
        Self { delivery: claimed.id, token: claimed.token }
    }
}

/// One subscriber to whom a delivery is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owing {
    /// Which.
    pub subscriber: i64,
    /// Where it is told.
    pub url: Box<str>,
    /// Its wishes, as they are written.
    pub wishes: Box<str>,
    /// Whether it is told at all.
    pub state: State,
    /// Its secrets.
    pub secret: Generations,
    /// The secret that it gave itself.
    pub sealed: Option<Sealed>,
    /// Its pace, as it is written.
    pub pace: Option<Box<str>>,
    /// Since when nothing has reached it.
    pub failing_since: Option<Timestamp>,
    /// How often this was tried there.
    pub tries: u32,
    /// When it is tried again, where it was tried.
    pub due: Option<Timestamp>,
    /// True when it received an older edition of the same number, or may have.
    pub has_older: bool,
}

/// The next subscribers to whom something is owed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Share {
    /// The last share that was read; none when there is nobody after the one before.
    pub number: Option<i64>,
    /// Who is owed.
    pub owing: Vec<Owing>,
}

/// What a try at one subscriber, or the look at its wishes, came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It has it.
    Told,
    /// It does not hear of this.
    Deaf,
    /// It is given up.
    Dead {
        /// Why.
        why: String,
        /// True when it may have it all the same.
        may_have: bool,
    },
    /// It is tried again.
    Again {
        /// How often it was tried.
        tries: u32,
        /// When.
        due: Timestamp,
        /// Why it does not have it, or is not known to.
        why: String,
        /// True when it may have it all the same.
        may_have: bool,
    },
}

/// What became of a delivery at one subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// The delivery.
    pub hand: Hand,
    /// The subscriber.
    pub subscriber: i64,
    /// How often it had been tried before.
    pub tried_before: u32,
    /// How it ended.
    pub end: End,
    /// When.
    pub at: Timestamp,
}

/// The most subscribers of whom it is told at once that they are disabled.
pub const MAX_UNSAID: usize = 200;

/// What is new of how subscribers are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// Since when nothing reaches them; none where something does again.
    pub failing: Vec<(i64, Option<Timestamp>)>,
    /// Who is to be disabled, and why.
    pub disabled: Vec<(i64, String)>,
    /// Of whom the people on duty know by now that they are.
    pub said: Vec<i64>,
}

impl News {
    /// True when nothing is new.
    pub fn is_nothing(&self) -> bool {
        self.failing.is_empty() && self.disabled.is_empty() && self.said.is_empty()
    }
}

/// A subscriber that was disabled, of which the people on duty do not know yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disabled {
    /// Its number.
    pub subscriber: i64,
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
}

/// How a delivery stands at all subscribers whom it was looked at for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Who has it.
    pub told: u64,
    /// Who does not hear of it.
    pub deaf: u64,
    /// At whom it was given up.
    pub dead: u64,
}

/// What one subscriber did not get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// Its place in the list, after which the next is asked for.
    #[serde(skip)]
    pub after: (i64, i64),
    /// The subscriber, by its name.
    pub subscriber: String,
    /// What.
    pub message: MessageKey,
    /// Of which bulletin.
    pub bulletin: BulletinId,
    /// How often it was tried.
    pub tries: u32,
    /// True when it was given up, false when its time ran out.
    pub is_given_up: bool,
    /// When; none where nobody took note.
    pub at: Option<Timestamp>,
    /// True when it may have arrived all the same.
    pub may_have: bool,
    /// Why it did not arrive at the last try.
    pub why: String,
}

/// The byte of one who is still owed.
pub const OWED: u8 = 0;
/// The byte of one who has it.
pub const TOLD: u8 = 1;
/// The byte of one who does not hear of it.
pub const DEAF: u8 = 2;
/// The byte of one at whom it was given up.
pub const DEAD: u8 = 3;
