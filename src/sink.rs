//! Sinks: the code that speaks one protocol. A sink sends one frozen message and says truthfully how that went.
//!
//! A new kind of sink is one file below and one line in [`KINDS`].

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::ids::BulletinId;
use crate::message::Form;
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp};

pub mod console;
pub mod file;
pub mod signature;
pub mod webhook;

/// One message on its way to one channel.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// The same over all tries of this message to this channel, and never used for another: the receiver's key for "seen it".
    pub key: String,
    /// Which bulletin it is.
    pub bulletin: BulletinId,
    /// Which try, from 1.
    pub attempt: u32,
    /// The frozen bytes.
    pub body: Arc<str>,
    /// What they are.
    pub content_type: String,
    /// What time it is.
    pub now: Timestamp,
}

/// What the other side said when it took the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(pub String);

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It did not arrive; later it may.
    #[error("{why}")]
    Later {
        /// What happened; never a secret.
        why: String,
        /// How long the other side asked us to wait.
        retry_after: Option<TimeDelta>,
    },
    /// It will never arrive this way.
    #[error("{why}")]
    Never {
        /// What happened; never a secret.
        why: String,
    },
    /// It may have arrived. It is tried again under the same key.
    #[error("{why}")]
    Unknown {
        /// What happened; never a secret.
        why: String,
    },
}

/// What the world lends to sinks when they open.
#[derive(Clone)]
pub struct World {
    /// One HTTP client for all.
    pub http: reqwest::Client,
    /// Where relative paths begin: the state directory.
    pub dir: PathBuf,
}

/// Speaks one protocol to one channel.
pub trait Sink: Send + Sync {
    /// Sends one message. Bounded in time by the sink itself.
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>>;
    /// Finds out whether it could send, without sending.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>>;
}

/// The settings of a sink, read and checked; opening it touches the world.
pub trait Opener: Send + Sync + fmt::Debug {
    /// The form it takes when the channel does not say.
    fn form(&self) -> Form;
    /// Opens it: reads secrets, creates files.
    ///
    /// # Errors
    /// A sentence for the operator, without secrets.
    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String>;
}

/// One kind of sink: what it is, how to write it in `channels.toml`, and how to read that.
pub struct Kind {
    /// Its name in TOML.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// A commented TOML example.
    pub example: &'static str,
    /// Reads its own keys of the channel's table; faults are noted in the table. Keys common to all channels are read elsewhere.
    pub parse: fn(&Table<'_>) -> Option<Arc<dyn Opener>>,
}

/// Every kind of sink.
pub const KINDS: &[Kind] = &[console::KIND, file::KIND, webhook::KIND];
