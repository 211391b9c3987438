//! What is kept back: until its clock runs out, until somebody approves it, or while another channel may still receive it itself.

use std::collections::BTreeSet;

use super::super::codes::{MAX_FAMILY, STOOD_BACK, code, hold, hold_code, moment, name};
use super::super::{Decision, Lease, StoreError};
use super::journal;
use super::ledger::{channel_row, clean, lead_by, lock_channels, overtake, ring};
use super::pool::Work;
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

/// All that was ever owed to a channel (`$1`) of a warning (`$2`), by the names of its messages: what a courier held when another warning
/// took its place has gone over to the number of that one.
macro_rules! said_of {
    () => {
        "messages m JOIN deliveries o ON o.message = m.id AND o.channel = $1
            WHERE $2::text || '.' <= m.key AND m.key < $2::text || '/'"
    };
}

/// Which edition of its warning such a message is.
macro_rules! its_edition {
    () => {
        "coalesce(substring(m.bulletin from '[.]([0-9]+)$')::bigint, 0)"
    };
}

pub(super) use {its_edition, said_of};

/// Whether something is owed to a channel on its terms.
pub(super) async fn is_owed(work: &Work, channel: i64, new: &NewDelivery) -> Result<bool, StoreError> {
    if new.terms.only_if == OnlyIf::Heard {
        return Ok(true);
    }
    let sql = concat!(
        "SELECT count(*) > 0, coalesce(bool_or(o.attempts > 0), false) FROM ",
        said_of!(),
        " AND NOT ($2::text = $3 AND $4 <= ",
        its_edition!(),
        ")"
    );
    let (mut was_owed, mut was_tried) = (false, false);
    for number in family(work, &new.number).await? {
        let row = work.one(sql, &[&channel, &number, &new.number, &i64::from(new.edition)]).await?;
        was_owed |= row.get::<_, bool>(0);
        was_tried |= row.get::<_, bool>(1);
    }
    Ok(match new.terms.only_if {
        OnlyIf::Heard => true,
        OnlyIf::NotKeptBack => was_tried || !was_owed,
        OnlyIf::Reached => was_tried,
    })
}

/// The numbers under which a warning has gone: its own, and those that it has taken the place of.
pub(super) async fn family(work: &Work, number: &str) -> Result<BTreeSet<String>, StoreError> {
    let mut known = BTreeSet::from([number.to_owned()]);
    let mut new = vec![number.to_owned()];
    while let Some(number) = new.pop() {
        for row in work.rows("SELECT json FROM bulletins WHERE number = $1", &[&number]).await? {
            let Ok(bulletin) = serde_json::from_str::<Bulletin>(row.get(0)) else { continue };
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
pub(super) async fn going(work: &Work, channel: i64, new: &NewDelivery) -> Result<Going, StoreError> {
    let due = new.due.timestamp_millis();
    let (stands_for, lag) = match &new.terms.stands_for {
        Some(stands_for) if !knows_of(work, channel, new).await? => {
            (Some(channel_row(work, stands_for.channel.as_str()).await?), stands_for.after.num_milliseconds())
        }
        // Who was told of it goes on hearing of it.
        Some(_) | None => (None, 0),
    };
    let own = Going { hold: new.terms.hold, due: due.saturating_add(lag), stands_for, lag };
    let sql = "SELECT hold, due, urgency FROM deliveries
        WHERE channel = $1 AND number = $2 AND edition < $3 AND standing = 0 AND attempts = 0 AND hold > 0
        ORDER BY edition DESC LIMIT 1";
    let Some(older) = work.maybe(sql, &[&channel, &new.number, &i64::from(new.edition)]).await? else {
        let is_unwanted = own.hold == Hold::Free && is_refused(work, channel, new).await?;
        return Ok(Going { hold: if is_unwanted { Hold::Person } else { own.hold }, ..own });
    };
    let (older_hold, older_due, older_urgency): (i64, i64, i64) = (older.get(0), older.get(1), older.get(2));
    Ok(match (hold(older_hold)?, own.hold) {
        (Hold::Free, _) | (_, Hold::Person) => own,
        // What got worse goes by its own clock, even where somebody held the milder word.
        (Hold::Person, Hold::Clock) if older_urgency < i64::from(new.urgency) => own,
        (Hold::Person, Hold::Clock | Hold::Free) => Going { hold: Hold::Person, ..own },
        (Hold::Clock, Hold::Clock) => Going { due: own.due.min(older_due), ..own },
        (Hold::Clock, Hold::Free) => Going { hold: Hold::Clock, due: own.due.max(older_due), ..own },
    })
}

/// Whether somebody has refused it for a channel that has heard nothing of it since or before: it does not come in by its next
/// edition either.
async fn is_refused(work: &Work, channel: i64, new: &NewDelivery) -> Result<bool, StoreError> {
    let sql =
        "SELECT coalesce(bool_or(standing = $4), false) AND NOT coalesce(bool_or(attempts > 0), false) FROM deliveries
        WHERE channel = $1 AND number = $2 AND edition < $3";
    let refused = code(Standing::Refused);
    Ok(work.one(sql, &[&channel, &new.number, &i64::from(new.edition), &refused]).await?.get(0))
}

/// Whether a channel that stands in has been told of an older edition.
async fn knows_of(work: &Work, channel: i64, new: &NewDelivery) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM deliveries
        WHERE channel = $1 AND number = $2 AND edition < $3 AND attempts > 0)";
    Ok(work.one(sql, &[&channel, &new.number, &i64::from(new.edition)]).await?.get(0))
}

/// Lets go what nobody held before its clock ran out; from then on it takes the place of what it was to replace. What another node
/// lets go at this moment is left to it.
pub(super) async fn let_go(work: &Work, channel: i64, now: i64) -> Result<(), StoreError> {
    let sql = "UPDATE deliveries SET hold = 0 WHERE id IN (SELECT id FROM deliveries
            WHERE standing = 0 AND hold > 0 AND channel = $1 AND hold = $2 AND due <= $3 FOR UPDATE SKIP LOCKED)
        RETURNING (SELECT bulletin FROM messages m WHERE m.id = deliveries.message)";
    let going = work.rows(sql, &[&channel, &hold_code(Hold::Clock), &now]).await?;
    let going: Vec<(i64, String)> = going.iter().map(|row| (channel, row.get(0))).collect();
    overtake_all(work, &going, now).await
}

/// Ends what bulletins take the place of, each at the channel at which it goes out now.
async fn overtake_all(work: &Work, going: &[(i64, String)], now: i64) -> Result<(), StoreError> {
    for (channel, id) in going {
        let json = work.maybe("SELECT json FROM bulletins WHERE id = $1", &[id]).await?;
        // A statement takes the place of nothing.
        let Some(bulletin) = json.and_then(|row| serde_json::from_str::<Bulletin>(row.get(0)).ok()) else { continue };
        overtake(work, *channel, &bulletin, now).await?;
    }
    Ok(())
}

/// Ends what another channel has received itself by now.
pub(super) async fn stand_back(work: &Work, channel: i64, now: i64) -> Result<(), StoreError> {
    let sql =
        "UPDATE deliveries SET standing = $3, settled_at = $2, note = $4 WHERE id IN (SELECT d.id FROM deliveries d
        WHERE d.channel = $1 AND d.standing = 0 AND d.stands_for IS NOT NULL AND d.due <= $2
            AND d.lease_until IS NULL AND d.attempts = 0
            AND EXISTS (SELECT 1 FROM deliveries p
                WHERE p.channel = d.stands_for AND p.number = d.number AND d.edition <= p.edition AND p.standing = 1)
        FOR UPDATE OF d SKIP LOCKED)";
    work.run(sql, &[&channel, &now, &code(Standing::Superseded), &STOOD_BACK]).await?;
    Ok(())
}

/// Whether anything of a bulletin is kept back: asked of the few rows that are, since messages have no index by their bulletin.
pub(super) async fn is_kept_back(work: &Work, bulletin: &str) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM
        (SELECT message FROM deliveries WHERE standing = 0 AND hold > 0 OFFSET 0) d JOIN messages m ON m.id = d.message
        WHERE m.bulletin = $1)";
    Ok(work.one(sql, &[&bulletin]).await?.get(0))
}

/// What is kept back now, the oldest first.
pub(super) async fn kept(work: &Work) -> Result<Vec<Kept>, StoreError> {
    let sql = "SELECT m.bulletin, c.name, d.hold, d.due, d.expires FROM deliveries d
        JOIN channels c ON c.id = d.channel JOIN messages m ON m.id = d.message
        WHERE d.standing = 0 AND d.hold > 0 ORDER BY d.id LIMIT $1";
    super::archive::list(work, sql, &[], |row| {
        Ok(Kept {
            bulletin: name(row.get(0))?,
            channel: row.get(1),
            hold: hold(row.get(2))?,
            due: moment(row.get(3))?,
            expires: moment(row.get(4))?,
        })
    })
    .await
}

/// The channels at which a bulletin is kept back and in nobody's hands.
const WHERE_KEPT: &str = "SELECT DISTINCT c.name FROM deliveries d JOIN channels c ON c.id = d.channel
    WHERE d.standing = 0 AND d.hold > 0 AND d.lease_until IS NULL
        AND d.message IN (SELECT id FROM messages WHERE bulletin = $1)";

/// Does what the people on duty say of a bulletin that is kept back, and writes it into the journal. Tells at how many channels it
/// was.
pub(super) async fn decide(work: &Work, lease: Lease, decision: &Decision) -> Result<u64, StoreError> {
    lead_by(work, lease).await?;
    let (bulletin, now) = (decision.bulletin.as_str(), decision.entry.at.timestamp_millis());
    let rows = work.rows(WHERE_KEPT, &[&bulletin]).await?;
    let channels: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    lock_channels(work, &channels).await?;
    let changed = match decision.verdict {
        Verdict::Approve => {
            let sql =
                "UPDATE deliveries SET hold = 0, due = $2 + lag WHERE standing = 0 AND hold > 0 AND lease_until IS NULL
                AND message IN (SELECT id FROM messages WHERE bulletin = $1) RETURNING channel";
            let out = work.rows(sql, &[&bulletin, &now]).await?;
            let going: Vec<(i64, String)> = out.iter().map(|row| (row.get(0), bulletin.to_owned())).collect();
            overtake_all(work, &going, now).await?;
            going.len() as u64
        }
        Verdict::Hold => {
            let sql = "UPDATE deliveries SET hold = $2 WHERE standing = 0 AND hold > 0 AND lease_until IS NULL
                AND message IN (SELECT id FROM messages WHERE bulletin = $1)";
            work.run(sql, &[&bulletin, &hold_code(Hold::Person)]).await?
        }
        Verdict::Refuse => {
            let sql = "UPDATE deliveries SET standing = $2, settled_at = $3, note = $4, hold = 0
                WHERE standing = 0 AND hold > 0 AND lease_until IS NULL
                AND message IN (SELECT id FROM messages WHERE bulletin = $1)";
            work.run(sql, &[&bulletin, &code(Standing::Refused), &now, &clean(&decision.entry.text)]).await?
        }
    };
    if changed != 0 {
        journal::write(work, std::slice::from_ref(&decision.entry), &journal::Hashes::new()).await?;
        ring(work, channels).await?;
    }
    Ok(changed)
}
