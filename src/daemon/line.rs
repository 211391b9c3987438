//! The line to the brain, for those who have something for it and outlive it: a node may lead, stop leading and lead again.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::mpsc;

use super::brain::Order;

/// The way to the brain of this node, as long as there is one.
#[derive(Debug, Clone, Default)]
pub struct Line(Arc<ArcSwapOption<mpsc::Sender<Order>>>);

impl Line {
    /// A line to a brain.
    pub fn to(orders: mpsc::Sender<Order>) -> Self {
        let line = Self::default();
        line.set(Some(orders));
        line
    }

    /// Leads to another brain from now on, or to none.
    pub fn set(&self, orders: Option<mpsc::Sender<Order>>) {
        self.0.store(orders.map(Arc::new));
    }

    /// Where orders go now; nowhere while this node does not lead.
    pub fn orders(&self) -> Option<mpsc::Sender<Order>> {
        self.0.load().as_deref().cloned()
    }
}
