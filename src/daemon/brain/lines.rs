//! What the journal says of what was decided, in a line each.

use crate::bulletin::Bulletin;
use crate::dispatch::Dispatch;
use crate::notice::Notice;
use crate::record::Entry;
use crate::statement::Statement;
use crate::store::Readdressed;
use crate::time::Timestamp;

/// The journal's line of a channel at which others listen than before.
pub(super) fn given_over(one: &Readdressed, now: Timestamp) -> Entry {
    let Readdressed { channel, from, to, ended, on_their_way } = one;
    let text = format!(
        "{channel} was for {} and is for {} now: of what was owed there, {ended} are not sent and {on_their_way} that are on their \
         way are not tried again",
        from.name(),
        to.name()
    );
    Entry { at: now, kind: "audience".to_owned(), subject: channel.to_string(), text }
}

/// The journal's line of a bulletin.
pub(super) fn said(bulletin: &Bulletin, dispatch: &Dispatch, now: Timestamp) -> Entry {
    let join = |names: Vec<String>| names.join(", ");
    let areas = join(bulletin.areas.iter().map(ToString::to_string).collect());
    let heard_by = dispatch.heard_by.get(&bulletin.id).map(Vec::as_slice).unwrap_or_default();
    let channels = match heard_by {
        [] => "nobody: no channel hears it".to_owned(),
        channels => join(channels.iter().map(ToString::to_string).collect()),
    };
    let spared = match bulletin.same_since {
        Some(_) => "; who has the edition before it and listens for none but these places is spared it",
        None => "",
    };
    let text = format!(
        "{} {} {} in {areas} until {}, owed to {channels}{spared}",
        bulletin.change.name(),
        bulletin.hazard,
        bulletin.severity,
        bulletin.until.format("%F %H:%M UTC"),
    );
    Entry { at: now, kind: "bulletin".to_owned(), subject: bulletin.id.to_string(), text }
}

/// The journal's line of a statement.
pub(super) fn announced(statement: &Statement, dispatch: &Dispatch, now: Timestamp) -> Entry {
    let channels = match dispatch.heard_by.get(&statement.id).map(Vec::as_slice).unwrap_or_default() {
        [] => "nobody: no channel hears it".to_owned(),
        channels => channels.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let done = if statement.is_withdrawn { "withdrawn" } else { statement.content.sort.name() };
    let text = format!("{done}, owed to {channels}");
    Entry { at: now, kind: "statement".to_owned(), subject: statement.id.to_string(), text }
}

/// The journal's line of a notice.
pub(super) fn noticed(notice: &Notice, dispatch: &Dispatch, now: Timestamp) -> Entry {
    let heard_by = dispatch.heard_by.get(&notice.id).map(Vec::as_slice).unwrap_or_default();
    let owed = match heard_by {
        [] => "owed to nobody: no channel of audience staff hears it".to_owned(),
        channels => format!("owed to {}", channels.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    };
    let text = format!("{}, {owed}", notice.sentence());
    Entry { at: now, kind: "notice".to_owned(), subject: notice.id.to_string(), text }
}
