//! Latches: whether a rule holds a severity at a governorate, closed and opened with patience.
//!
//! Each severity has its own, so that a sudden red is not held back by a yellow still being weighed.
//!
//! One that closes again soon after it opened goes to and fro, which tires people. It must then stay clear for twice as long as
//! before until it opens again, up to [`LONGEST_EASE`]. That holds up ends alone: what closes a latch never waits longer for it.

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
    /// When it last opened after it had been closed; forgotten while it is open and that is too long ago to matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<Timestamp>,
    /// How many times in a row it has closed again soon after it had opened.
    #[serde(default, skip_serializing_if = "is_none")]
    pub returns: u8,
}

/// For how long a latch that goes to and fro must stay clear at most, unless its rule asks for longer by itself.
pub const LONGEST_EASE: TimeDelta = TimeDelta::hours(4);

/// How many returns are counted: as many as can matter, where patience is a minute at least.
pub const MAX_RETURNS: u8 = 8;

fn is_none(returns: &u8) -> bool {
    *returns == 0
}

/// For how long a latch must stay clear that has come back so many times.
pub fn patience(ease_after: TimeDelta, returns: u8) -> TimeDelta {
    let doubled = ease_after * (1 << returns.min(MAX_RETURNS));
    doubled.min(LONGEST_EASE).max(ease_after)
}

impl Latch {
    /// True when it neither holds nor moves: at most it remembers.
    pub fn is_at_rest(&self) -> bool {
        !self.is_closed && self.rising.is_none()
    }

    /// For how long it must stay clear from a moment on. What has held for long since it came back is no to and fro any more.
    pub fn ease(&self, ease_after: TimeDelta, flap_within: TimeDelta, since: Timestamp) -> TimeDelta {
        patience(ease_after, if self.is_fresh(flap_within, since) { self.returns } else { 0 })
    }

    /// Whether it opened so short a time before a moment that coming back then is to and fro.
    fn is_fresh(&self, flap_within: TimeDelta, moment: Timestamp) -> bool {
        !flap_within.is_zero() && self.opened.is_some_and(|opened| moment - opened <= flap_within)
    }

    /// What it remembers at a moment, while it is open or when it closes.
    fn memory(&self, flap_within: TimeDelta, now: Timestamp) -> Self {
        if !self.is_fresh(flap_within, now) {
            return Self::default();
        }
        Self { opened: self.opened.map(|opened| opened.min(now)), returns: self.returns, ..Self::default() }
    }
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
pub fn turn(rule: &Rule, latches: &Latches, judgement: &Judgement, flap_within: TimeDelta, now: Timestamp) -> Latches {
    judgement
        .seen
        .iter()
        .map(|(severity, seen)| {
            let latch = latches.get(severity).copied().unwrap_or_default();
            (*severity, turn_one(rule, latch, seen, flap_within, now))
        })
        .filter(|(_, latch)| *latch != Latch::default())
        .collect()
}

fn turn_one(rule: &Rule, latch: Latch, seen: &Seen, flap_within: TimeDelta, now: Timestamp) -> Latch {
    let memory = latch.memory(flap_within, now);
    let closed = Latch { is_closed: true, rising: None, easing: None, unsure: None, ..latch };
    match (latch.is_closed, seen) {
        (false, Seen::Reached(_)) => {
            let since = since(latch.rising, now);
            if now - since < rule.rise_after {
                return Latch { rising: Some(since), ..memory };
            }
            let is_back = memory.opened.is_some();
            let returns = if is_back { memory.returns.saturating_add(1).min(MAX_RETURNS) } else { 0 };
            Latch { is_closed: true, returns, ..memory }
        }
        (false, Seen::Unknown) => Latch { rising: latch.rising, ..memory },
        (false, Seen::Between | Seen::Clear) => memory,
        (true, Seen::Clear) => {
            let since = since(latch.easing, now);
            if now - since < latch.ease(rule.ease_after, flap_within, since) {
                return Latch { easing: Some(since), ..closed };
            }
            let returns = if latch.is_fresh(flap_within, since) { latch.returns } else { 0 };
            // What is not counted is not kept.
            Latch { opened: (!flap_within.is_zero()).then_some(now), returns, ..Latch::default() }
        }
        (true, Seen::Reached(_) | Seen::Between) => closed,
        (true, Seen::Unknown) => Latch { unsure: Some(since(latch.unsure, now)), ..closed },
    }
}

/// Since when; a clock that was set back must not make the wait longer than the patience of the rule.
fn since(noted: Option<Timestamp>, now: Timestamp) -> Timestamp {
    noted.map_or(now, |noted| noted.min(now))
}
