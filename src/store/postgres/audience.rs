//! Who listens at each channel. What is owed to a channel is meant for those who listened there when it was said: when others do,
//! it is ended and never handed out, whatever the channel is called and however often it changes.

use super::super::codes::{audience, code};
use super::super::{Lease, Readdressed, StoreError};
use super::ledger::{lead_by, lock_channels};
use super::pool::Work;
use crate::ids::ChannelId;
use crate::outbox::Standing;
use crate::route::Audience;
use crate::time::Timestamp;

/// Takes note of who listens where, and ends what is owed to those who do not listen there any more.
pub(super) async fn readdress(
    work: &Work,
    lease: Lease,
    listeners: &[(ChannelId, Audience)],
    now: Timestamp,
) -> Result<Vec<Readdressed>, StoreError> {
    lead_by(work, lease).await?;
    let names: Vec<&str> = listeners.iter().map(|(channel, _)| channel.as_str()).collect();
    lock_channels(work, &names).await?;
    let put = "INSERT INTO channels (name, audience) VALUES ($1, $2)
        ON CONFLICT (name) DO UPDATE SET audience = excluded.audience";
    let mut readdressed = Vec::new();
    for (channel, to) in listeners {
        let known = work.maybe("SELECT id, audience FROM channels WHERE name = $1", &[&channel.as_str()]).await?;
        let before = match known.map(|row| (row.get(0), row.get::<_, Option<String>>(1))) {
            Some((row, Some(name))) => Some((row, audience(&name)?)),
            // Of a channel that nobody has spoken of yet it is not known who listened: nothing owed there is thrown away for that.
            Some((_, None)) | None => None,
        };
        if let Some((row, from)) = before.filter(|(_, from)| from != to) {
            let on_their_way = keep_from_trying(work, row).await?;
            let ended = end(work, row, (from, *to), now).await?;
            work.run("UPDATE channels SET given_at = $2 WHERE id = $1", &[&row, &now.timestamp_millis()]).await?;
            readdressed.push(Readdressed { channel: channel.clone(), from, to: *to, ended, on_their_way });
        }
        work.run(put, &[&channel.as_str(), &to.name()]).await?;
    }
    Ok(readdressed)
}

/// Ends what is owed and in nobody's hands.
async fn end(work: &Work, channel: i64, (from, to): (Audience, Audience), now: Timestamp) -> Result<u64, StoreError> {
    let sql = "UPDATE deliveries SET standing = $2, settled_at = $3, note = $4 || coalesce('; last: ' || note, '')
        WHERE channel = $1 AND standing = 0 AND lease_until IS NULL";
    let note = format!("it was meant for audience {}, and the channel is for {} by now", from.name(), to.name());
    work.run(sql, &[&channel, &code(Standing::Superseded), &now.timestamp_millis(), &note]).await
}

/// Lets what couriers have in their hands be the last try: it goes where those who listened before are, and nowhere else.
async fn keep_from_trying(work: &Work, channel: i64) -> Result<u64, StoreError> {
    let sql = "UPDATE deliveries SET is_last = true WHERE channel = $1 AND standing = 0 AND lease_until IS NOT NULL";
    work.run(sql, &[&channel]).await
}
