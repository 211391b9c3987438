//! What is kept back: until its clock runs out, until somebody approves it, or while another channel may still receive it itself.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension};

use super::super::codes::{MAX_FAMILY, STOOD_BACK};
use super::super::{Decision, Lease, StoreError};
use super::archive::list;
use super::journal;
use super::ledger::{channel_row, lead_by, overtake};
use super::values::{code, hold, hold_code, moment, name};
use crate::bulletin::{Bulletin, Verdict};
use crate::outbox::{Kept, NewDelivery, OnlyIf, Standing};
use crate::route::manner::Hold;

/// What a new delivery waits for, when it goes, and for whom its channel stands in.
pub(super) struct Going {
    pub(super) hold: Hold,
    pub(super) due: i64,
    pub(super) stands_for: Option<i64>,
    pub(super) lag: i64,
}

/// All that was ever owed to a channel (`?1`) of a warning (`?2`), by the names of its messages: what a courier held when another warning
/// took its place has gone over to the number of that one.
pub(super) const SAID_OF: &str = "messages m CROSS JOIN deliveries o ON o.message = m.id AND o.channel = ?1
    WHERE ?2 || '.' <= m.key AND m.key < ?2 || '/'";

/// Which edition of its warning such a message is.
pub(super) const ITS_EDITION: &str = "CAST(substr(m.bulletin, length(?2) + 2) AS INTEGER)";

/// How often something older was owed, and whether it was tried.
pub(super) fn told_sql() -> String {
    format!(
        "SELECT count(*), coalesce(max(o.attempts > 0), 0) FROM {SAID_OF} AND NOT (?2 = ?3 AND ?4 <= {ITS_EDITION})"
    )
}

/// Whether something is owed to a channel on its terms.
pub(super) fn is_owed(db: &Connection, channel: i64, new: &NewDelivery) -> Result<bool, StoreError> {
    let told = |family: &BTreeSet<String>| -> Result<(bool, bool), StoreError> {
        let mut look = db.prepare_cached(&told_sql())?;
        let (mut was_owed, mut was_tried) = (false, false);
        for number in family {
            let of = (channel, number, &new.number, new.edition);
            let (count, tried): (i64, bool) = look.query_row(of, |row| Ok((row.get(0)?, row.get(1)?)))?;
            was_owed |= 0 < count;
            was_tried |= tried;
        }
        Ok((was_owed, was_tried))
    };
    Ok(match new.terms.only_if {
        OnlyIf::Heard => true,
        OnlyIf::NotKeptBack => {
            let (was_owed, was_tried) = told(&family(db, &new.number)?)?;
            was_tried || !was_owed
        }
        OnlyIf::Reached => told(&family(db, &new.number)?)?.1,
    })
}

/// The numbers under which a warning has gone: its own, and those that it has taken the place of.
pub(super) fn family(db: &Connection, number: &str) -> Result<BTreeSet<String>, StoreError> {
    let mut known = BTreeSet::from([number.to_owned()]);
    let mut new = vec![number.to_owned()];
    while let Some(number) = new.pop() {
        let mut statement = db.prepare_cached("SELECT json FROM bulletins WHERE number = ?1")?;
        let rows = statement.query_map([&number], |row| row.get::<_, String>(0))?;
        for json in rows {
            let Ok(bulletin) = serde_json::from_str::<Bulletin>(&json?) else { continue };
            for id in bulletin.replaces {
                let older = id.number();
                if known.len() < MAX_FAMILY && known.insert(older.to_owned()) {
                    new.push(older.to_owned());
                }
            }
        }
    }
    Ok(known)
}

/// How a new delivery goes: as its terms say, and where an older edition is still kept back, on the clock of that one.
pub(super) fn going(db: &Connection, channel: i64, new: &NewDelivery) -> Result<Going, StoreError> {
    let due = new.due.timestamp_millis();
    let (stands_for, lag) = match &new.terms.stands_for {
        Some(stands_for) if !knows_of(db, channel, new)? => {
            (Some(channel_row(db, stands_for.channel.as_str())?), stands_for.after.num_milliseconds())
        }
        // Who was told of it goes on hearing of it.
        Some(_) | None => (None, 0),
    };
    let own = Going { hold: new.terms.hold, due: due.saturating_add(lag), stands_for, lag };
    let sql = "SELECT hold, due, urgency FROM deliveries
        WHERE channel = ?1 AND number = ?2 AND edition < ?3 AND standing = 0 AND attempts = 0 AND hold > 0
        ORDER BY edition DESC LIMIT 1";
    let older: Option<(i64, i64, u8)> = db
        .prepare_cached(sql)?
        .query_row((channel, &new.number, new.edition), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((older_hold, older_due, older_urgency)) = older else {
        let is_unwanted = own.hold == Hold::Free && is_refused(db, channel, new)?;
        return Ok(Going { hold: if is_unwanted { Hold::Person } else { own.hold }, ..own });
    };
    Ok(match (hold(older_hold)?, own.hold) {
        (Hold::Free, _) | (_, Hold::Person) => own,
        // What got worse goes by its own clock, even where somebody held the milder word.
        (Hold::Person, Hold::Clock) if older_urgency < new.urgency => own,
        (Hold::Person, Hold::Clock | Hold::Free) => Going { hold: Hold::Person, ..own },
        (Hold::Clock, Hold::Clock) => Going { due: own.due.min(older_due), ..own },
        (Hold::Clock, Hold::Free) => Going { hold: Hold::Clock, due: own.due.max(older_due), ..own },
    })
}

/// Whether somebody has refused it for a channel that has heard nothing of it since or before: it does not come in by its next
/// edition either.
fn is_refused(db: &Connection, channel: i64, new: &NewDelivery) -> Result<bool, StoreError> {
    let sql = "SELECT coalesce(max(standing = ?4), 0) AND NOT coalesce(max(attempts > 0), 0) FROM deliveries
        WHERE channel = ?1 AND number = ?2 AND edition < ?3";
    let refused = code(Standing::Refused);
    Ok(db.prepare_cached(sql)?.query_row((channel, &new.number, new.edition, refused), |row| row.get(0))?)
}

/// Whether a channel that stands in has been told of an older edition.
fn knows_of(db: &Connection, channel: i64, new: &NewDelivery) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM deliveries
        WHERE channel = ?1 AND number = ?2 AND edition < ?3 AND attempts > 0)";
    Ok(db.prepare_cached(sql)?.query_row((channel, &new.number, new.edition), |row| row.get(0))?)
}

/// Lets go what nobody held before its clock ran out; from then on it takes the place of what it was to replace.
pub(super) fn let_go(db: &Connection, channel: i64, now: i64) -> Result<(), StoreError> {
    let clock = hold_code(Hold::Clock);
    let going = list(db, GOING, (channel, clock, now), |row| Ok((channel, row.get(0)?)))?;
    if going.is_empty() {
        return Ok(());
    }
    db.prepare_cached(LET_GO)?.execute((channel, clock, now))?;
    overtake_all(db, &going, now)
}

/// What goes out now that was kept back.
pub(super) const GOING: &str = "SELECT m.bulletin FROM deliveries d JOIN messages m ON m.id = d.message
    WHERE d.standing = 0 AND d.hold > 0 AND d.channel = ?1 AND d.hold = ?2 AND d.due <= ?3";

/// Ends what bulletins take the place of, each at the channel at which it goes out now.
fn overtake_all(db: &Connection, going: &[(i64, String)], now: i64) -> Result<(), StoreError> {
    for (channel, id) in going {
        let sql = "SELECT json FROM bulletins WHERE id = ?1";
        let json: Option<String> = db.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?;
        // A statement takes the place of nothing.
        let Some(bulletin) = json.and_then(|json| serde_json::from_str::<Bulletin>(&json).ok()) else { continue };
        overtake(db, *channel, &bulletin, now)?;
    }
    Ok(())
}

pub(super) const LET_GO: &str =
    "UPDATE deliveries SET hold = 0 WHERE standing = 0 AND hold > 0 AND channel = ?1 AND hold = ?2 AND due <= ?3";

/// Ends what another channel has received itself by now.
pub(super) fn stand_back(db: &Connection, channel: i64, now: i64) -> Result<(), StoreError> {
    db.prepare_cached(STAND_BACK)?.execute((channel, now, code(Standing::Superseded), STOOD_BACK))?;
    Ok(())
}

pub(super) const STAND_BACK: &str = "UPDATE deliveries AS d SET standing = ?3, settled_at = ?2, note = ?4
    WHERE d.channel = ?1 AND d.standing = 0 AND d.stands_for IS NOT NULL AND d.due <= ?2
        AND d.lease_until IS NULL AND d.attempts = 0
        AND EXISTS (SELECT 1 FROM deliveries p
            WHERE p.channel = d.stands_for AND p.number = d.number AND d.edition <= p.edition AND p.standing = 1)";

/// Whether anything of a bulletin is kept back.
pub(super) fn is_kept_back(db: &Connection, bulletin: &str) -> Result<bool, StoreError> {
    Ok(db.prepare_cached(KEPT_BACK)?.query_row([bulletin], |row| row.get(0))?)
}

/// Walks the few rows that are kept back, each to its message: messages have no index by their bulletin, and every claim asks this.
pub(super) const KEPT_BACK: &str =
    "SELECT EXISTS (SELECT 1 FROM deliveries d INDEXED BY kept CROSS JOIN messages m ON m.id = d.message
    WHERE d.standing = 0 AND d.hold > 0 AND m.bulletin = ?1)";

/// What is kept back now, the oldest first.
pub(super) fn kept(db: &Connection) -> Result<Vec<Kept>, StoreError> {
    let sql = "SELECT m.bulletin, c.name, d.hold, d.due, d.expires FROM deliveries d
        JOIN channels c ON c.id = d.channel JOIN messages m ON m.id = d.message
        WHERE d.standing = 0 AND d.hold > 0 ORDER BY d.id";
    list(db, sql, [], |row| {
        Ok(Kept {
            bulletin: name(row.get(0)?)?,
            channel: row.get(1)?,
            hold: hold(row.get(2)?)?,
            due: moment(row.get(3)?)?,
            expires: moment(row.get(4)?)?,
        })
    })
}

/// Does what the people on duty say of a bulletin that is kept back, and writes it into the journal. Tells at how many channels it
/// was.
pub(super) fn decide(db: &Connection, lease: Lease, decision: &Decision) -> Result<u64, StoreError> {
    lead_by(db, lease)?;
    let of_bulletin = "standing = 0 AND hold > 0 AND lease_until IS NULL
        AND message IN (SELECT id FROM messages WHERE bulletin = ?1)";
    let (bulletin, now) = (decision.bulletin.as_str(), decision.entry.at.timestamp_millis());
    let changed = match decision.verdict {
        Verdict::Approve => {
            let at = format!("SELECT channel FROM deliveries WHERE {of_bulletin}");
            let going = list(db, &at, [bulletin], |row| Ok((row.get(0)?, bulletin.to_owned())))?;
            let sql = format!("UPDATE deliveries SET hold = 0, due = ?2 + lag WHERE {of_bulletin}");
            let changed = db.prepare_cached(&sql)?.execute((bulletin, now))?;
            overtake_all(db, &going, now)?;
            changed
        }
        Verdict::Hold => {
            let sql = format!("UPDATE deliveries SET hold = ?2 WHERE {of_bulletin}");
            db.prepare_cached(&sql)?.execute((bulletin, hold_code(Hold::Person)))?
        }
        Verdict::Refuse => {
            let sql = format!(
                "UPDATE deliveries SET standing = ?2, settled_at = ?3, note = ?4, hold = 0 WHERE {of_bulletin}"
            );
            let standing = code(Standing::Refused);
            db.prepare_cached(&sql)?.execute((bulletin, standing, now, &decision.entry.text))?
        }
    };
    if changed != 0 {
        journal::write(db, std::slice::from_ref(&decision.entry), &journal::Hashes::new())?;
    }
    Ok(changed as u64)
}
