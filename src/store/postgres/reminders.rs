//! What is told once more: only to whom the word itself has reached, and once under each name.

use std::collections::BTreeSet;

use super::super::{Lease, StoreError};
use super::archive::{bulletin, list};
use super::ledger::{channel_row, lead_by, lock_channels, ring, write_delivery, write_message};
use super::pool::Work;
use crate::bulletin::Bulletin;
use crate::dispatch::reminders::Reminder;
use crate::ids::BulletinId;
use crate::message::MessageKey;
use crate::time::Timestamp;

/// Owes reminders, and names those that are new.
pub(super) async fn remind(work: &Work, lease: Lease, reminders: &[Reminder]) -> Result<Vec<MessageKey>, StoreError> {
    lead_by(work, lease).await?;
    let channels: Vec<&str> = reminders.iter().map(|reminder| reminder.delivery.channel.as_str()).collect();
    lock_channels(work, &channels).await?;
    let mut owed = Vec::new();
    let mut woken = BTreeSet::new();
    for Reminder { message, delivery } in reminders {
        let channel = channel_row(work, delivery.channel.as_str()).await?;
        let of: &[super::pool::Value<'_>] = &[&channel, &delivery.number, &i64::from(delivery.edition)];
        if !work.one(HAS_IT, of).await?.get::<_, bool>(0) {
            continue;
        }
        let frozen = work.maybe("SELECT id FROM messages WHERE key = $1", &[&message.key.as_str()]).await?;
        // What is frozen under this name stays as it is: the wording may have changed since another channel was reminded.
        if frozen.is_none() {
            write_message(work, message).await?;
        }
        if write_delivery(work, delivery).await? {
            owed.push(message.key.clone());
            woken.insert(delivery.channel.as_str());
        }
    }
    ring(work, woken).await?;
    Ok(owed)
}

/// Whether an edition has arrived at a channel and no newer one is owed there or has arrived.
const HAS_IT: &str = "SELECT EXISTS (SELECT 1 FROM deliveries
        WHERE channel = $1 AND number = $2 AND edition = $3 AND standing = 1)
    AND NOT EXISTS (SELECT 1 FROM deliveries
        WHERE channel = $1 AND number = $2 AND $3 < edition AND standing IN (0, 1))";

/// What was last said of each warning since a moment, and has been replaced by nothing.
pub(super) async fn last_words(work: &Work, since: Timestamp) -> Result<Vec<Bulletin>, StoreError> {
    let sql = "SELECT json FROM bulletins b WHERE $2 <= issued
        AND NOT EXISTS (SELECT 1 FROM bulletins n WHERE n.number = b.number AND b.edition < n.edition)
        ORDER BY seq LIMIT $1";
    let last = list(work, sql, &[&since.timestamp_millis()], bulletin).await?;
    let replaced: BTreeSet<BulletinId> = last.iter().flat_map(|bulletin| bulletin.replaces.clone()).collect();
    Ok(last.into_iter().filter(|bulletin| !replaced.contains(&bulletin.id)).collect())
}
