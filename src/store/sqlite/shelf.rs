//! What a channel has published, for whoever asks. Reads only.

use rusqlite::{Connection, OptionalExtension as _};

use super::super::StoreError;
use super::super::codes::about;
use super::super::shelf::{MAX_PUBLISHED, OLDEST, Published, Wanted};
use super::outbox::frozen;
use super::replay::given_at;
use crate::ids::ChannelId;
use crate::outbox::Standing;
use crate::outbox::replay::About;
use crate::route::Audience;
use crate::store::codes::code;

/// One delivery of each bulletin, which was begun; by number and edition, as the index of deliveries has it.
const OF_A_BULLETIN: &str =
    "SELECT min(d.message) FROM deliveries d INDEXED BY editions WHERE d.channel = (SELECT id FROM channels WHERE name = ?1)
    AND d.number = b.number AND d.edition = b.edition AND 0 < d.attempts AND d.standing <> ?2";

/// What was published of late or still holds.
fn of_late() -> String {
    format!(
        "SELECT b.json, ({OF_A_BULLETIN} AND (?4 <= b.issued OR ?5 < d.expires)) AS message
        FROM bulletins b INDEXED BY issued WHERE max(?3, ?6) <= b.issued AND message IS NOT NULL ORDER BY b.seq DESC LIMIT ?7"
    )
}

/// What was published of one bulletin.
fn of_a_name() -> String {
    format!("SELECT b.json, ({OF_A_BULLETIN}) FROM bulletins b WHERE b.id = ?4 AND ?3 <= b.issued")
}

/// What was published of late or still holds, or what was published of some bulletins.
pub(super) fn published(
    db: &Connection,
    (channel, audience): (&ChannelId, Audience),
    wanted: &Wanted,
) -> Result<Vec<Published>, StoreError> {
    let given = given_at(db, channel, audience)?.map_or(i64::MIN, |given| given.timestamp_millis());
    let refused = code(Standing::Refused);
    let mut found: Vec<(String, Option<i64>)> = Vec::new();
    match wanted {
        Wanted::Since(since, now) => {
            let oldest = (*now - OLDEST).timestamp_millis();
            let of = (
                channel.as_str(),
                refused,
                given,
                since.timestamp_millis(),
                now.timestamp_millis(),
                oldest,
                MAX_PUBLISHED as i64,
            );
            let mut statement = db.prepare_cached(&of_late())?;
            let rows = statement.query_map(of, |row| Ok((row.get(0)?, row.get(1)?)))?;
            found.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
        }
        Wanted::Named(names) => {
            let mut statement = db.prepare_cached(&of_a_name())?;
            for name in names.iter().take(MAX_PUBLISHED) {
                let of = (channel.as_str(), refused, given, name.as_str());
                found.extend(statement.query_row(of, |row| Ok((row.get(0)?, row.get(1)?))).optional()?);
            }
        }
    }
    let mut published = Vec::new();
    for (json, message) in found {
        let Some(text) = message.map(|message| frozen(db, message)).transpose()?.flatten() else { continue };
        if let Some((About::Warning(bulletin), _)) = about(Some(&json), None)? {
            published.push(Published { bulletin: *bulletin, body: text.body });
        }
    }
    Ok(published)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_published_is_found_by_indexes_however_much_was() {
        let db = super::super::schema::open_in_memory().unwrap();
        for (sql, values, bulletins) in
            [(of_late(), 7, "INDEX issued"), (of_a_name(), 4, "INDEX sqlite_autoindex_bulletins_1")]
        {
            let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let plan: Vec<String> = statement
                .query_map(rusqlite::params_from_iter(vec![0; values]), |row| row.get(3))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            for index in [bulletins, "INDEX editions"] {
                assert!(plan.iter().any(|step| step.contains(index)), "{sql}: {plan:?}");
            }
            assert!(!plan.iter().any(|step| step.starts_with("SCAN")), "{sql}: {plan:?}");
        }
    }
}
