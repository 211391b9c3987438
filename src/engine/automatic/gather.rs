//! Gathering: where the same hazard begins in several places within a short wait, people hear of it in one bulletin.
//!
//! Red never waits. Who is clear again before the wait is over is not told at all, and each is told what is so when it is over; what
//! nobody can tell by then is told as it was seen last, since silence is never calm.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Place, Stance, groups, key, of_rules};
use crate::bulletin::Evidence;
use crate::engine::state::Draft;
use crate::hazard::{Hazard, Severity};
use crate::rule::RuleBook;
use crate::time::{TimeDelta, Timestamp};
use crate::warning::{Move, compare};

/// A place where a hazard has begun and is not told of yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::engine) struct Wait {
    /// Since when it waits for others.
    since: Timestamp,
    /// What was to be said of it when it was last seen.
    found: Move,
    /// The values that said so.
    evidence: Vec<Evidence>,
}

impl Wait {
    /// Since when, and how bad what was seen last.
    pub(in crate::engine) fn told(&self) -> (Timestamp, Severity) {
        (self.since, self.found.severity)
    }

    /// True when it has lasted long enough. A clock that was set back must not make it longer: then it is over at once.
    fn is_over(&self, wait: TimeDelta, now: Timestamp) -> bool {
        now < self.since || wait <= now - self.since
    }
}

/// A place where a hazard begins.
struct Begun<'a> {
    place: &'a Place,
    wait: Wait,
}

/// The hazards of which a place has waited long enough.
pub(super) fn due(book: &RuleBook, draft: &Draft<'_>, now: Timestamp) -> BTreeSet<Hazard> {
    let over = draft.waiting().filter(|(_, wait)| wait.is_over(book.times.group_wait, now));
    over.filter_map(|(key, _)| of_rules(key)).map(|(hazard, _)| hazard).collect()
}

/// Says that a hazard begins: at once where it is red, or where its own end was told in this turn although it goes on; elsewhere
/// together with the other places that wait, once one of them has waited long enough.
pub(super) fn begin(book: &RuleBook, draft: &mut Draft<'_>, hazard: Hazard, places: &[Place], now: Timestamp) {
    let (mut urgent, mut patient) = (Vec::new(), Vec::new());
    for place in places {
        let known = draft.wait(&key(hazard, &place.governorate)).cloned();
        match beginning(book, place, known.as_ref(), now) {
            Some(wait) => {
                let is_urgent = place.told.is_some() || Severity::Red <= wait.found.severity;
                if is_urgent { &mut urgent } else { &mut patient }.push(Begun { place, wait });
            }
            None if known.is_some() => {
                draft.put_wait(key(hazard, &place.governorate), None);
                let text = format!("{hazard} is not told of: while it waited it ended, or an authority spoke of it");
                draft.write(now, "wait", &place.governorate, text);
            }
            None => {}
        }
    }
    issue(book, draft, hazard, urgent, now);
    if patient.iter().any(|begun| begun.wait.is_over(book.times.group_wait, now)) {
        issue(book, draft, hazard, patient, now);
    } else {
        patient.into_iter().for_each(|begun| keep(book, draft, hazard, begun, now));
    }
}

/// What begins in a place, if anything does.
fn beginning(book: &RuleBook, place: &Place, known: Option<&Wait>, now: Timestamp) -> Option<Wait> {
    let found = match (&place.told, &place.found) {
        (None, found) => found.clone(),
        // Where an end was just told and it is so all the same, it begins anew.
        (Some(_), Some(found)) if found.change.is_end() && place.stance == Stance::Free => {
            compare(None, &place.so, &book.times, now)
        }
        (Some(_), Some(_) | None) => None,
    };
    match (found, known) {
        (Some(found), known) => {
            let since = known.map_or(now, |known| known.since);
            Some(Wait { since, found, evidence: place.so.evidence.clone() })
        }
        (None, Some(known)) if is_unknown(place) && now < known.found.until => {
            let severity = place.so.severity.map_or(known.found.severity, |held| held.min(known.found.severity));
            Some(Wait { found: Move { severity, ..known.found.clone() }, ..known.clone() })
        }
        (None, _) => None,
    }
}

/// Whether nobody can tell any more if what was seen in a place that waits is still so.
fn is_unknown(place: &Place) -> bool {
    let is_held = place.so.severity.is_some() && !place.so.is_passing;
    place.told.is_none() && place.stance == Stance::Free && is_held
}

/// Lets a place wait for others.
fn keep(book: &RuleBook, draft: &mut Draft<'_>, hazard: Hazard, begun: Begun<'_>, now: Timestamp) {
    let Begun { place, wait } = begun;
    let key = key(hazard, &place.governorate);
    let known = draft.wait(&key);
    if known == Some(&wait) {
        return;
    }
    if known.is_none() {
        let due = (wait.since + book.times.group_wait).format("%T UTC");
        let text = format!("{hazard} {} waits until {due} for other places, to be told with them", wait.found.severity);
        draft.write(now, "wait", &place.governorate, text);
    }
    draft.put_wait(key, Some(wait));
}

fn issue(book: &RuleBook, draft: &mut Draft<'_>, hazard: Hazard, begun: Vec<Begun<'_>>, now: Timestamp) {
    for Begun { place, .. } in &begun {
        let key = key(hazard, &place.governorate);
        if draft.wait(&key).is_some() {
            draft.put_wait(key, None);
        }
    }
    let begun = begun.into_iter().map(|Begun { place, wait }| (place, wait.found, wait.evidence)).collect();
    groups::issue(book, draft, hazard, begun, now);
}
