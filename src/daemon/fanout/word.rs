//! The word to the people on duty that a subscriber was disabled. The store remembers of whom they do not know yet, so that it is told
//! though the machine dies in between; at worst it is told twice.

use tokio::sync::{mpsc, oneshot};

use super::super::brain::Order;
use crate::engine::Event;
use crate::ids::ChannelId;
use crate::notice::Dropped;
use crate::outbox::share::Disabled;

/// Whether the people on duty know who is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// The store has not been asked yet.
    Unknown,
    /// They know, or nobody is left to tell them.
    Said,
    /// The store is being asked.
    Asked,
    /// They are being told.
    OnItsWay,
}

/// Has the brain tell the people on duty of those who were disabled; true once that is committed. Where there is no brain, the log has
/// told it.
pub(super) async fn told(orders: Option<mpsc::Sender<Order>>, channel: ChannelId, disabled: &[Disabled]) -> bool {
    let Some(orders) = orders else { return true };
    let of = |one: &Disabled| Dropped { name: one.name.clone(), why: one.why.clone() };
    let event = Event::Disabled { channel, subscribers: disabled.iter().map(of).collect() };
    let (done, committed) = oneshot::channel();
    orders.send(Order::Happened(Box::new(event), done)).await.is_ok() && committed.await.is_ok()
}
