//! Latches: whether a rule holds a severity at a governorate, closed and opened with patience.
//!
//! Each severity has its own, so that a sudden red is not held back by a yellow still being weighed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Rule;
use super::judge::{Judgement, Seen};
use crate::hazard::Severity;
use crate::time::{TimeDelta, Timestamp};

/// One latch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latch {
    /// Closed: the severity holds.
    pub is_closed: bool,
    /// Since when the threshold has been reached while the latch is still open.
    pub rising: Option<Timestamp>,
    /// Since when all has been clear while the latch is still closed.
    pub easing: Option<Timestamp>,
    /// Since when nobody could tell while the latch is closed.
    #[serde(default)]
    pub unsure: Option<Timestamp>,
}

/// The latches of one rule at one governorate.
pub type Latches = BTreeMap<Severity, Latch>;

/// The worst severity whose latch is closed.
pub fn worst(latches: &Latches) -> Option<Severity> {
    latches.iter().rev().find(|(_, latch)| latch.is_closed).map(|(severity, _)| *severity)
}

/// What latches still hold, where what nobody could tell of since before a moment holds nothing any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// The worst severity, and since when nobody can tell whether it still is so.
    pub worst: Option<(Severity, Option<Timestamp>)>,
    /// Whether something worse was held, of which nobody could tell for too long.
    pub is_lost: bool,
}

/// What latches hold.
pub fn held(latches: &Latches, longest_silence: TimeDelta, now: Timestamp) -> Held {
    let mut held = Held::default();
    for (severity, latch) in latches.iter().rev().filter(|(_, latch)| latch.is_closed) {
        if latch.unsure.is_none_or(|since| now - since <= longest_silence) {
            held.worst = Some((*severity, latch.unsure));
            break;
        }
        held.is_lost = true;
    }
    held
}

/// Turns the latches of a rule by what it sees now. Silence leaves a closed latch closed, and starts its easing over.
pub fn turn(rule: &Rule, latches: &Latches, judgement: &Judgement, now: Timestamp) -> Latches {
    judgement
        .seen
        .iter()
        .map(|(severity, seen)| {
            let latch = latches.get(severity).copied().unwrap_or_default();
            (*severity, turn_one(rule, latch, seen, now))
        })
        .filter(|(_, latch)| *latch != Latch::default())
        .collect()
}

fn turn_one(rule: &Rule, latch: Latch, seen: &Seen, now: Timestamp) -> Latch {
    match (latch.is_closed, seen) {
        (false, Seen::Reached(_)) => {
            let since = since(latch.rising, now);
            if rule.rise_after <= now - since {
                Latch { is_closed: true, ..Latch::default() }
            } else {
                Latch { rising: Some(since), ..Latch::default() }
            }
        }
        (false, Seen::Unknown) => latch,
        (false, Seen::Between | Seen::Clear) => Latch::default(),
        (true, Seen::Clear) => {
            let since = since(latch.easing, now);
            if rule.ease_after <= now - since {
                Latch::default()
            } else {
                Latch { is_closed: true, easing: Some(since), ..Latch::default() }
            }
        }
        (true, Seen::Reached(_) | Seen::Between) => Latch { is_closed: true, ..Latch::default() },
        (true, Seen::Unknown) => Latch { is_closed: true, unsure: Some(since(latch.unsure, now)), ..Latch::default() },
    }
}

/// Since when; a clock that was set back must not make the wait longer than the patience of the rule.
fn since(noted: Option<Timestamp>, now: Timestamp) -> Timestamp {
    noted.map_or(now, |noted| noted.min(now))
}
