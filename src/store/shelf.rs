//! What a channel has published: what went out there at all, as far as it may still be shown to whoever asks.

use std::sync::Arc;

use super::{Archive, StoreError};
use crate::bulletin::Bulletin;
use crate::ids::{BulletinId, ChannelId};
use crate::message::cap;
use crate::route::Audience;
use crate::time::{TimeDelta, Timestamp};

/// The most that is asked for at once.
pub const MAX_PUBLISHED: usize = 200;

/// What was said longer ago is not shown, even where it still holds.
pub const OLDEST: TimeDelta = TimeDelta::days(30);

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// What was said since a moment or holds at another one, the newest first.
    Since(Timestamp, Timestamp),
    /// These, as far as they were published.
    Named(Vec<BulletinId>),
}

/// One bulletin that a channel was sent, or is being sent, and its frozen text.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// What it tells.
    pub bulletin: Bulletin,
    /// Its text.
    pub body: Arc<str>,
}

/// A document of CAP with the published editions that it takes the place of: the same at every try, since what was not sent before it
/// is not sent after it.
///
/// # Errors
/// When the store failed.
pub async fn whole(
    store: &(impl Archive + ?Sized),
    (channel, audience): (&ChannelId, Audience),
    body: &str,
) -> Result<String, StoreError> {
    let replaced = cap::replaced(body);
    let published = match replaced.is_empty() {
        true => Vec::new(),
        false => store.published((channel.clone(), audience), Wanted::Named(replaced.clone())).await?,
    };
    let reference = |id: &BulletinId| {
        let one = published.iter().find(|one| one.bulletin.id == *id)?;
        let (sender, sent) = cap::sender_and_sent(&one.body)?;
        Some(format!("{sender},{id},{sent}"))
    };
    let references: Vec<String> = replaced.iter().filter_map(reference).collect();
    Ok(cap::with_references(body, &references))
}
