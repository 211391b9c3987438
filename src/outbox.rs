//! The outbox: what is owed to whom, when it is tried again, and when it is given up. Pure; `store` keeps it.

use serde::{Deserialize, Serialize};

use crate::ids::{BulletinId, ChannelId};
use crate::message::MessageKey;
use crate::time::{TimeDelta, Timestamp};

/// How long a courier may hold a delivery before another may take it.
pub const LEASE: TimeDelta = TimeDelta::seconds(90);

/// The most deliveries a courier claims at once.
pub const MAX_CLAIM: usize = 64;

/// One message owed to one channel, as it is put into the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// To whom.
    pub channel: ChannelId,
    /// What.
    pub message: MessageKey,
    /// Of which bulletin.
    pub bulletin: BulletinId,
    /// The number of the warning, to find older editions that were not sent yet.
    pub number: String,
    /// Which edition.
    pub edition: u32,
    /// What goes first: higher before lower. See [`urgency`].
    pub urgency: u8,
    /// Not before.
    pub due: Timestamp,
    /// Not after.
    pub expires: Timestamp,
}

/// A delivery in the hands of a courier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Its row.
    pub id: i64,
    /// Proves that this courier holds it.
    pub token: i64,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// To whom.
    pub channel: ChannelId,
    /// What.
    pub message: MessageKey,
    /// Of which bulletin.
    pub bulletin: BulletinId,
    /// The frozen bytes.
    pub body: std::sync::Arc<str>,
    /// What they are.
    pub content_type: String,
    /// Not after.
    pub expires: Timestamp,
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It arrived.
    Delivered {
        /// What the other side said.
        receipt: String,
    },
    /// It is tried again.
    Again {
        /// When.
        due: Timestamp,
        /// Why it did not arrive, or is not known to have.
        why: String,
    },
    /// It is given up.
    Dead {
        /// Why.
        why: String,
    },
    /// Its time ran out before it could be sent.
    Expired,
}

/// What a courier reports of a delivery it held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Its row.
    pub id: i64,
    /// The proof from [`Claimed`].
    pub token: i64,
    /// How it ended.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
}

/// Where a delivery stands, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Waiting, or in the hands of a courier.
    Owed,
    /// Arrived.
    Delivered,
    /// A newer edition took its place before it was ever tried.
    Superseded,
    /// Not sent: its time ran out.
    Expired,
    /// Given up.
    Dead,
}
