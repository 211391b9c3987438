//! What a channel has published, for whoever asks. Reads only.

use super::super::StoreError;
use super::super::codes::{about, code};
use super::super::shelf::{MAX_PUBLISHED, OLDEST, Published, Wanted};
use super::outbox::frozen;
use super::pool::Work;
use super::replay::given_at;
use crate::ids::{BulletinId, ChannelId};
use crate::outbox::Standing;
use crate::outbox::replay::About;
use crate::route::Audience;

/// What was published of late or still holds, or what was published of some bulletins.
pub(super) async fn published(
    work: &Work,
    (channel, audience): (&ChannelId, Audience),
    wanted: &Wanted,
) -> Result<Vec<Published>, StoreError> {
    let given = given_at(work, channel, audience).await?.map_or(i64::MIN, |given| given.timestamp_millis());
    let refused = code(Standing::Refused);
    // One delivery of each bulletin, which was begun; by number and edition, as an index has it. `+ 0` keeps from indexes
    // by which more would be read: of all messages of the channel, of all bulletins.
    let rows = match wanted {
        Wanted::Since(since, now) => {
            let sql = "SELECT b.json, one.message FROM bulletins b CROSS JOIN LATERAL (
                    SELECT min(d.message + 0) AS message FROM deliveries d WHERE d.channel = (SELECT id FROM channels WHERE name = $1)
                    AND d.number = b.number AND d.edition = b.edition AND 0 < d.attempts AND d.standing <> $2
                    AND ($4 <= b.issued OR $5 < d.expires)) one
                WHERE greatest($3::bigint, $6::bigint) <= b.issued AND one.message IS NOT NULL ORDER BY b.seq + 0 DESC LIMIT $7";
            let (since, oldest) = (since.timestamp_millis(), (*now - OLDEST).timestamp_millis());
            let (now, most) = (now.timestamp_millis(), MAX_PUBLISHED as i64);
            work.rows(sql, &[&channel.as_str(), &refused, &given, &since, &now, &oldest, &most]).await?
        }
        Wanted::Named(names) => {
            let sql = "SELECT b.json, one.message FROM bulletins b CROSS JOIN LATERAL (
                    SELECT min(d.message + 0) AS message FROM deliveries d WHERE d.channel = (SELECT id FROM channels WHERE name = $1)
                    AND d.number = b.number AND d.edition = b.edition AND 0 < d.attempts AND d.standing <> $2) one
                WHERE b.id = ANY($4) AND $3 <= b.issued AND one.message IS NOT NULL";
            let names: Vec<&str> = names.iter().take(MAX_PUBLISHED).map(BulletinId::as_str).collect();
            work.rows(sql, &[&channel.as_str(), &refused, &given, &names]).await?
        }
    };
    let mut published = Vec::new();
    for row in rows {
        let Some(text) = frozen(work, row.get(1)).await? else { continue };
        if let Some((About::Warning(bulletin), _)) = about(Some(row.get(0)), None)? {
            published.push(Published { bulletin: *bulletin, body: text.body });
        }
    }
    Ok(published)
}
