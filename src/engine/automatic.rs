//! Automatic warnings: the rules judged, what was told compared with what is so, and what that calls for said.
//!
//! Each governorate is weighed by itself; those that make the same move are told of in one bulletin. Where an authority has spoken of
//! the same hazard, and no more mildly, the rules keep quiet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::Datelike;

use super::state::Draft;
use super::{Touched, staff};
use crate::alert::Status;
use crate::hazard::{Hazard, Severity};
use crate::ids::{BulletinId, GovernorateId};
use crate::rule::RuleBook;
use crate::time::{TimeDelta, Timestamp};
use crate::warning::{Move, So, Warning, WarningKey, compare};

mod cases;
mod flaps;
pub(super) mod gather;
mod groups;
mod so;

use cases::Cases;

/// How a place stands to those who speak of the same hazard, or want no word of it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stance {
    /// No authority speaks of it, or only of something milder than what is so.
    Free,
    /// The people on duty, or something worse that is told there, keep the rules quiet: what was told stands until its told end.
    Silenced {
        /// By what.
        why: String,
    },
    /// What was told is worse than the authority's word: it is told down to that word, and nothing begins beside it.
    Beside,
    /// The authority's word is enough: nothing is said.
    Quiet,
}

/// A place in this turn: what was told there, what is so, and what that calls for.
#[derive(Debug)]
struct Place {
    governorate: GovernorateId,
    told: Option<Arc<Warning>>,
    so: So,
    stance: Stance,
    found: Option<Move>,
}

impl Place {
    /// True when something changes for people who were told of it: what they hear, or that nobody stands for it any more.
    fn stirs(&self, now: Timestamp) -> bool {
        let is_over = |told: &Arc<Warning>| self.is_quiet() && told.until <= now;
        self.told.as_ref().is_some_and(|told| self.found.is_some() || is_over(told))
    }

    fn is_quiet(&self) -> bool {
        match self.stance {
            Stance::Free | Stance::Beside => false,
            Stance::Silenced { .. } | Stance::Quiet => true,
        }
    }
}

/// Judges what was touched and says what has to be said.
pub(super) fn judge(book: &RuleBook, draft: &mut Draft<'_>, touched: &Touched, now: Timestamp) {
    let cases = cases::cases(book, draft, touched, now);
    tell(book, draft, cases, touched, now);
}

/// Weighs what has to be, and says what that calls for.
fn tell(book: &RuleBook, draft: &mut Draft<'_>, mut cases: Cases, touched: &Touched, now: Timestamp) {
    let mut stirred: BTreeSet<Hazard> = groups::narrowed(draft).collect();
    if matches!(touched, Touched::All) {
        // Who has waited long enough is told on a tick; news of one place does not look at all that wait elsewhere.
        stirred.extend(gather::due(book, draft, now));
    }
    for hazard in &stirred {
        cases.entry(*hazard).or_default();
    }
    let mut cases: Vec<(Hazard, Vec<GovernorateId>)> = cases.into_iter().collect();
    // What quiets others is told before them.
    cases.sort_by_key(|(hazard, _)| !book.inhibitions.iter().any(|one| one.hazard == *hazard));
    for (hazard, governorates) in cases {
        let mut places: BTreeMap<GovernorateId, Place> = BTreeMap::new();
        for governorate in BTreeSet::from_iter(governorates) {
            let place = weigh(book, draft, hazard, &governorate, now);
            places.insert(governorate, place);
        }
        let is_stirred = stirred.contains(&hazard) || places.values().any(|place| place.stirs(now));
        if is_stirred {
            // Places that were told of together are weighed together: what all of them do is said once and not by turns.
            for governorate in concerned(draft, hazard) {
                places
                    .entry(governorate)
                    .or_insert_with_key(|governorate| weigh(book, draft, hazard, governorate, now));
            }
        }
        let mut places: Vec<Place> = places.into_values().collect();
        places.sort_by_cached_key(|place| book.governorates.order(&place.governorate));
        if is_stirred {
            groups::go_on(book, draft, hazard, &places, now);
        }
        gather::begin(book, draft, hazard, &places, now);
    }
}

/// What is in force, and what waits to be told.
fn keys<'a>(draft: &'a Draft<'_>) -> impl Iterator<Item = &'a WarningKey> {
    draft.warnings().map(|(key, _)| key).chain(draft.waiting().map(|(key, _)| key))
}

/// The hazard and the place of a warning of the rules.
fn of_rules(key: &WarningKey) -> Option<(Hazard, &GovernorateId)> {
    match key {
        WarningKey::Automatic { hazard, governorate } => Some((*hazard, governorate)),
        WarningKey::Official { .. } | WarningKey::Desk { .. } => None,
    }
}

/// The places where a hazard is told of or waits to be.
fn concerned(draft: &Draft<'_>, hazard: Hazard) -> BTreeSet<GovernorateId> {
    let own = keys(draft).filter_map(of_rules).filter(|(of, _)| *of == hazard);
    own.map(|(_, governorate)| governorate.clone()).collect()
}

fn key(hazard: Hazard, governorate: &GovernorateId) -> WarningKey {
    WarningKey::Automatic { hazard, governorate: governorate.clone() }
}

/// Compares told and so in one place, and keeps quiet where an authority has spoken.
fn weigh(book: &RuleBook, draft: &mut Draft<'_>, hazard: Hazard, governorate: &GovernorateId, now: Timestamp) -> Place {
    let rules = book.rules_for(hazard, governorate, now);
    let mut so = so::what_is_so(book, draft, &rules, governorate, now);
    so.silent = so::silence(draft, &so, hazard, governorate);
    let told = draft.shared_warning(&key(hazard, governorate));
    if let Some(why) = staff::quiet_by(book, draft, &key(hazard, governorate), so.severity, now) {
        return Place { governorate: governorate.clone(), told, so, stance: Stance::Silenced { why }, found: None };
    }
    let begins = so.begins.map_or(now, |begins| begins.max(now));
    let spoken = spoken_severity(draft, hazard, governorate, begins);
    let floor = spoken_severity(draft, hazard, governorate, now).max(spoken);
    let stance = match &told {
        None if spoken.is_some() && so.severity <= spoken => Stance::Quiet,
        // Told beside the authority, since it was worse or came first; it is never heard to fall below the authority's word.
        Some(told) if floor.is_some() && so.severity <= floor => {
            if Some(told.severity) <= floor {
                Stance::Quiet
            } else {
                so.severity = floor;
                // What is worse than the authority's word ends in the open, and nothing begins beside that word.
                so.seen = so.seen.min(floor);
                Stance::Beside
            }
        }
        None | Some(_) => Stance::Free,
    };
    let found = match stance {
        Stance::Silenced { .. } | Stance::Quiet => None,
        Stance::Free | Stance::Beside => compare(told.as_deref(), &so, &book.times, now),
    };
    Place { governorate: governorate.clone(), told, so, stance, found }
}

/// How long an authority's warning keeps the rules quiet at most: one that ends in a wrong year must not do so for ever.
pub(super) const LONGEST_QUIET: TimeDelta = TimeDelta::days(7);

/// The worst severity that an authority or the desk has in force for a hazard in a governorate at a moment. A drill says nothing.
pub(super) fn spoken_severity(
    draft: &Draft<'_>,
    hazard: Hazard,
    governorate: &GovernorateId,
    moment: Timestamp,
) -> Option<Severity> {
    let is_meant = |told: &&Warning| told.desk.as_ref().is_some_and(|desk| desk.status == Status::Actual);
    let by_hand = draft
        .by_hand()
        .filter(is_meant)
        .filter(|told| told.hazard == hazard && told.areas.contains(governorate))
        .filter(|told| told.onset <= moment && moment < told.until)
        .map(|told| told.severity)
        .max();
    by_hand.max(official_severity(draft, hazard, governorate, moment))
}

/// The worst severity that an authority has in force for a hazard in a governorate at a moment. A warning of tomorrow says
/// nothing of today.
fn official_severity(
    draft: &Draft<'_>,
    hazard: Hazard,
    governorate: &GovernorateId,
    moment: Timestamp,
) -> Option<Severity> {
    draft
        .officials()
        .map(|(_, warning)| warning)
        .filter(|warning| warning.hazard == hazard && warning.areas.contains(governorate))
        .filter(|warning| warning.onset <= moment && moment < warning.until.min(warning.onset + LONGEST_QUIET))
        .map(|warning| warning.severity)
        .max()
}

/// The number of a new warning: who, in which year, and which one of that year.
pub(super) fn number(book: &RuleBook, draft: &mut Draft<'_>, now: Timestamp) -> String {
    let year = now.year();
    let count = draft.next_number(year);
    format!("{}-{year}-{count:06}", book.code)
}

/// Ends the rules' own warnings that one of an authority or of the desk takes the place of, and returns them, each once however many
/// of its places are taken; the others go on without them in this very step. One that holds before the other begins is not taken:
/// until then nobody else speaks of it.
pub(super) fn yield_to(
    draft: &mut Draft<'_>,
    (hazard, severity): (Hazard, Severity),
    areas: &[GovernorateId],
    onset: Timestamp,
    now: Timestamp,
) -> Vec<Warning> {
    let mut taken: BTreeMap<BulletinId, Warning> = BTreeMap::new();
    for governorate in areas {
        let key = key(hazard, governorate);
        let is_taken = |told: &&Warning| told.severity <= severity && onset <= told.onset.max(now);
        let Some(told) = draft.warning(&key).filter(is_taken).cloned() else { continue };
        draft.put_warning(key, None);
        draft.write(now, "quiet", &told.last, format!("an authority or the desk has taken it over in {governorate}"));
        taken.entry(told.last.clone()).or_insert(told);
    }
    taken.into_values().collect()
}

/// Judges every rule everywhere on a tick, however far from reach it is; only to compare.
#[cfg(test)]
pub(super) fn judge_everywhere(book: &RuleBook, draft: &mut Draft<'_>, now: Timestamp) {
    let mut cases = cases::cases(book, draft, &Touched::All, now);
    for rule in &book.rules {
        cases.entry(rule.hazard).or_default().extend(rule.governorates.iter().cloned());
    }
    tell(book, draft, cases, &Touched::All, now);
}
