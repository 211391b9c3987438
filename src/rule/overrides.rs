//! What is otherwise of a rule in some governorates or seasons: other thresholds, another patience, or none of it at all.
//!
//! A season that begins or ends changes what is reached, and never what was told: the latches are turned by the new thresholds as
//! they would be by new readings, with the same patience.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::season::{SeasonId, Seasons};
use super::{Rule, Threshold};
use crate::ids::GovernorateId;
use crate::time::{TimeDelta, Timestamp};

/// What is otherwise, and where and when.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Override {
    /// Where; none is everywhere that the rule holds.
    pub governorates: Option<BTreeSet<GovernorateId>>,
    /// In which seasons; none is always. One of them is enough.
    pub seasons: BTreeSet<SeasonId>,
    /// What.
    pub changes: Changes,
}

/// What an override changes of its rule; what is none stays as it was.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Whether the rule holds at all.
    pub is_enabled: Option<bool>,
    /// All thresholds, mildest first.
    pub thresholds: Option<Vec<Threshold>>,
    /// See [`Rule::rise_after`].
    pub rise_after: Option<TimeDelta>,
    /// See [`Rule::ease_after`].
    pub ease_after: Option<TimeDelta>,
    /// See [`Rule::lasts`].
    pub lasts: Option<TimeDelta>,
}

impl Override {
    /// True when it speaks of a governorate at a moment.
    pub fn holds(&self, governorate: &GovernorateId, seasons: &Seasons, now: Timestamp) -> bool {
        self.governorates.as_ref().is_none_or(|places| places.contains(governorate))
            && (self.seasons.is_empty() || self.seasons.iter().any(|season| seasons.holds(season, now)))
    }
}

impl Rule {
    /// The rule as it holds in a governorate at a moment; none when it is switched off there and then.
    pub fn at(&self, governorate: &GovernorateId, seasons: &Seasons, now: Timestamp) -> Option<Cow<'_, Self>> {
        let mut rule = Cow::Borrowed(self);
        let mut is_enabled = true;
        for one in self.overrides.iter().filter(|one| one.holds(governorate, seasons, now)) {
            let Changes { is_enabled: switch, thresholds, rise_after, ease_after, lasts } = &one.changes;
            is_enabled = switch.unwrap_or(is_enabled);
            let rule = rule.to_mut();
            if let Some(thresholds) = thresholds {
                rule.thresholds.clone_from(thresholds);
            }
            rule.rise_after = rise_after.unwrap_or(rule.rise_after);
            rule.ease_after = ease_after.unwrap_or(rule.ease_after);
            rule.lasts = lasts.unwrap_or(rule.lasts);
        }
        is_enabled.then_some(rule)
    }
}
