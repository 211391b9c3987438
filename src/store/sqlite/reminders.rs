//! What is told once more: only to whom the word itself has reached, and once under each name.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension};

use super::super::{Lease, StoreError};
use super::archive::{bulletin, list};
use super::ledger::{channel_row, lead_by, write_delivery, write_message};
use crate::bulletin::Bulletin;
use crate::dispatch::reminders::Reminder;
use crate::ids::BulletinId;
use crate::message::MessageKey;
use crate::time::Timestamp;

/// Owes reminders, and names those that are new.
pub(super) fn remind(db: &Connection, lease: Lease, reminders: &[Reminder]) -> Result<Vec<MessageKey>, StoreError> {
    lead_by(db, lease)?;
    let mut owed = Vec::new();
    for Reminder { message, delivery } in reminders {
        let channel = channel_row(db, delivery.channel.as_str())?;
        let has_it: bool =
            db.prepare_cached(HAS_IT)?.query_row((channel, &delivery.number, delivery.edition), |row| row.get(0))?;
        if !has_it {
            continue;
        }
        let frozen: Option<i64> = db
            .prepare_cached("SELECT id FROM messages WHERE key = ?1")?
            .query_row([message.key.as_str()], |row| row.get(0))
            .optional()?;
        // What is frozen under this name stays as it is: the wording may have changed since another channel was reminded.
        if frozen.is_none() {
            write_message(db, message)?;
        }
        if write_delivery(db, delivery)? {
            owed.push(message.key.clone());
        }
    }
    Ok(owed)
}

/// Whether an edition has arrived at a channel and no newer one is owed there or has arrived.
const HAS_IT: &str = "SELECT EXISTS (SELECT 1 FROM deliveries
        WHERE channel = ?1 AND number = ?2 AND edition = ?3 AND standing = 1)
    AND NOT EXISTS (SELECT 1 FROM deliveries
        WHERE channel = ?1 AND number = ?2 AND ?3 < edition AND standing IN (0, 1))";

/// What was last said of each warning since a moment, and has been replaced by nothing.
pub(super) fn last_words(db: &Connection, since: Timestamp) -> Result<Vec<Bulletin>, StoreError> {
    let sql = "SELECT json FROM bulletins b WHERE ?1 <= issued
        AND NOT EXISTS (SELECT 1 FROM bulletins n WHERE n.number = b.number AND b.edition < n.edition) ORDER BY seq";
    let last = list(db, sql, [since.timestamp_millis()], bulletin)?;
    let replaced: BTreeSet<BulletinId> = last.iter().flat_map(|bulletin| bulletin.replaces.clone()).collect();
    Ok(last.into_iter().filter(|bulletin| !replaced.contains(&bulletin.id)).collect())
}
