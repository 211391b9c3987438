//! Lines of undated warnings: what each feed said last under a name that its authority keeps, so that a word which comes back is
//! told again. A name and its words are known for long; what people were told last may be something else by then.
//!
//! Never takes a second feed that lags behind, or an answer that says two things at once, for a change of mind.

use serde::{Deserialize, Serialize};

use super::{REMEMBER_ALERTS, held};
use crate::alert::Alert;
use crate::engine::state::Draft;
use crate::ids::FeedId;
use crate::notice::Holding;
use crate::time::{TimeDelta, Timestamp};

/// How many times in a row words that are known may come back under one name and be told at once.
const MAX_RETURNS: u8 = 8;

/// How long words have to stand that came back more often.
const STEADY: TimeDelta = TimeDelta::minutes(30);

/// What a feed said last under one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) struct Line {
    /// When it may be forgotten.
    pub(in crate::engine) keep_until: Timestamp,
    /// What it said, as the alert's own number.
    last: u64,
    /// Since when it says so.
    since: Timestamp,
    /// How many times in a row it has come back to words that were known.
    returns: u8,
    /// True while its words wait to be told, because they came and went too often.
    is_owed: bool,
}

/// Takes note of what a feed says under a name. True when it comes back to words that are known, and people have to hear them
/// again; never for words that are new, and are told as such.
pub(super) fn comes_back(draft: &mut Draft<'_>, feed: &FeedId, alert: &Alert, is_new: bool, now: Timestamp) -> bool {
    let Some(name) = &alert.line else { return false };
    // A date tells which of two editions is the newer one: what is known and dated has nothing to add.
    if !is_new && alert.read_at.is_none() {
        return false;
    }
    let key = format!("{feed} {},{name}", alert.identity.sender);
    let keep_until = alert.expires.max(now) + REMEMBER_ALERTS;
    let last = alert.fingerprint;
    let fresh = Line { keep_until, last, since: now, returns: 0, is_owed: false };
    let line = match draft.line(&key).cloned() {
        Some(line) if line.last == last => {
            let is_due = line.is_owed && line.since + STEADY <= now;
            if is_due {
                draft.put_line(key, Line { is_owed: false, ..line });
            }
            return is_due;
        }
        Some(line) if !is_new => {
            let returns = line.returns.saturating_add(1);
            Line { returns, is_owed: MAX_RETURNS < returns, ..fresh }
        }
        // After an update of this program nobody knows what came before: as before, known words are not told.
        Some(_) | None => fresh,
    };
    let (is_return, is_owed) = (0 < line.returns, line.is_owed);
    if line.returns == MAX_RETURNS + 1 {
        let minutes = STEADY.num_minutes();
        let text = format!(
            "it goes to and fro between words that are known: told from now on when they stand for {minutes} minutes"
        );
        draft.notify(held(feed, Holding::Incident, alert, &text));
        draft.write(now, "incident", &alert.identity, text);
    }
    draft.put_line(key, line);
    is_return && !is_owed
}
