//! Clocks: the dates of servers against ours. Many servers that agree are right; one alone may be wrong itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::state::Draft;
use crate::notice::{Server, Side, Topic};
use crate::rule::RuleBook;
use crate::time::{TimeDelta, Timestamp};

/// How far two clocks may be apart: answers travel for seconds, and nobody's times are read to the second.
pub(super) const MAX_SKEW: TimeDelta = TimeDelta::minutes(2);

/// Clocks that were further apart than [`MAX_SKEW`] agree again when they are this close.
pub(super) const AGREE_WITHIN: TimeDelta = TimeDelta::minutes(1);

/// How many answers in a row have to differ before a server that differs alone is spoken of.
pub(super) const REPEATED: u32 = 3;

/// How long the date of an answer counts.
pub(super) const COUNTS_FOR: TimeDelta = TimeDelta::hours(6);

/// How the clock of a feed's server compares with ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skew {
    /// By how many seconds it is ahead; negative when it is behind.
    pub ahead_s: i64,
    /// When that was seen.
    pub at: Timestamp,
    /// How many answers in a row were too far off; none while the clocks agree.
    pub off: u32,
}

impl Skew {
    /// What is known after one more answer.
    pub(super) fn after(before: Option<&Self>, ahead: TimeDelta, now: Timestamp) -> Self {
        let known = before.map_or(0, |before| before.off);
        let apart = ahead.abs();
        let off = if MAX_SKEW < apart || (0 < known && AGREE_WITHIN <= apart) { known.saturating_add(1) } else { 0 };
        Self { ahead_s: ahead.num_seconds(), at: now, off }
    }
}

/// Whose clock is wrong, if any is: ours when most servers are off in the same direction, and they are several; else those that
/// are off again and again.
pub(super) fn verdict(book: &RuleBook, draft: &Draft<'_>, now: Timestamp) -> Option<Topic> {
    let mut servers: BTreeMap<&str, Skew> = BTreeMap::new();
    for (id, terms) in &book.feeds {
        let Some(skew) = draft.feed(id).and_then(|feed| feed.skew) else { continue };
        if COUNTS_FOR < (now - skew.at).abs() {
            continue;
        }
        // Two feeds of one server are one witness, and its newest word counts.
        let name = terms.server.as_deref().unwrap_or(id.as_str());
        servers.entry(name).and_modify(|known| *known = if known.at < skew.at { skew } else { *known }).or_insert(skew);
    }
    let off: Vec<(&str, Skew)> =
        servers.iter().filter(|(_, skew)| 0 < skew.off).map(|(name, skew)| (*name, *skew)).collect();
    let named = |off: &[(&str, Skew)]| -> Vec<Server> {
        off.iter().map(|(name, skew)| Server { name: (*name).to_owned(), ahead_s: skew.ahead_s }).collect()
    };
    let ahead: Vec<(&str, Skew)> = off.iter().filter(|(_, skew)| 0 < skew.ahead_s).copied().collect();
    let behind: Vec<(&str, Skew)> = off.iter().filter(|(_, skew)| skew.ahead_s < 0).copied().collect();
    for same in [&ahead, &behind] {
        if 2 <= same.len() && servers.len() < 2 * same.len() {
            return Some(Topic::ClockSkew { side: Side::Ours, servers: named(same) });
        }
    }
    let again: Vec<(&str, Skew)> = off.into_iter().filter(|(_, skew)| REPEATED <= skew.off).collect();
    if again.is_empty() {
        return None;
    }
    // With as many against us as with us, there is no majority to go by.
    let side = if 2 * again.len() < servers.len() { Side::Theirs } else { Side::Either };
    Some(Topic::ClockSkew { side, servers: named(&again) })
}
