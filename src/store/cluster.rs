//! Several nodes on one store: who lives, who leads, and the bells between them.

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use super::StoreError;
use crate::ids::ChannelId;
use crate::time::{TimeDelta, Timestamp};

/// For how long a node that says nothing more is taken to live, and to lead.
pub const LIVES: TimeDelta = TimeDelta::seconds(6);

/// What a node is told when it says that it lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// True when it leads from now on, or still.
    pub leads: bool,
    /// Who leads otherwise, by name.
    pub leader: Option<String>,
    /// How far its clock is ahead of that of the store.
    pub ahead: TimeDelta,
    /// How many deliveries were taken out of the hands of nodes that do not live any more.
    pub ended: u64,
}

/// A bell that was rung on some node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ring {
    /// Something is owed to this channel.
    Of(ChannelId),
    /// Something may be owed to anyone.
    All,
    /// The lead is free.
    Lead,
}

/// What a store of several nodes does beside.
pub trait Cluster: Send + Sync {
    /// Joins the others, under a name for people.
    fn join(&self, name: String) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Says that this node lives; where it may lead, takes the lead when nobody has it or who had it says nothing any more, and keeps
    /// it. What nodes that do not live had in their hands is free again.
    fn beat(&self, now: Timestamp, may_lead: bool) -> BoxFuture<'_, Result<Beat, StoreError>>;
    /// Gives the lead back at once, and tells the others.
    fn resign(&self) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Leaves the others; what it still had in its hands is free again.
    fn leave(&self, now: Timestamp) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Hears the bells of all nodes until the connection ends; then everything may have rung.
    fn hear(&self, rings: mpsc::Sender<Ring>) -> BoxFuture<'_, Result<(), StoreError>>;
}
