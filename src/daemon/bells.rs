//! Bells: how the brain wakes the courier of a channel. A bell that rings while nobody listens is heard afterwards.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::ids::ChannelId;

/// One bell for each channel.
#[derive(Debug, Clone, Default)]
pub struct Bells(Arc<Mutex<BTreeMap<ChannelId, Arc<Notify>>>>);

impl Bells {
    /// The bell of a channel.
    pub fn of(&self, channel: &ChannelId) -> Arc<Notify> {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(bells.entry(channel.clone()).or_default())
    }

    /// Wakes the courier of a channel.
    pub fn ring(&self, channel: &ChannelId) {
        self.of(channel).notify_one();
    }

    /// Wakes every courier.
    pub fn ring_all(&self) {
        let bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bells.values().for_each(|bell| bell.notify_one());
    }
}
