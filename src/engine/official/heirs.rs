//! Heirs: which part of an update goes on from which warning, and what becomes of the places that it does not name.
//!
//! No place of a warning is lost: another part takes it over, or it is on the trail of the part in which the warning goes on.

use std::collections::BTreeMap;

use crate::alert::Alert;
use crate::ids::GovernorateId;
use crate::time::Timestamp;
use crate::warning::{Former, Trail, Warning, WarningKey};

/// What a part of a document has from what was told before.
#[derive(Debug, Default)]
pub(super) struct Heir {
    /// The warnings that go on in it; the first gives it its number.
    pub(super) before: Vec<(WarningKey, Warning)>,
    /// Warnings that go on in another part and leave some of their places to this one.
    pub(super) left_to_it: Vec<Warning>,
    /// The places of the warnings that go on in it and that neither it nor another part names.
    pub(super) trail: Trail,
}

/// Finds for each warning the part in which it goes on: of the same hazard and with the most places in common, else the first.
/// Another part of the warning's hazard, or of that in which it goes on, takes its place where it names a place of it. Where no
/// part does, the warning has left; or nobody knows, when a place was not understood, in whichever part.
pub(super) fn inherit(
    parts: &[&Alert],
    referred: Vec<(WarningKey, Warning)>,
    is_unclear: bool,
    now: Timestamp,
) -> BTreeMap<usize, Heir> {
    let mut heirs: BTreeMap<usize, Heir> = BTreeMap::new();
    for (key, told) in referred {
        let common = |part: &Alert| part.areas.iter().filter(|area| told.areas.contains(area)).count();
        let score = |part: &Alert| (part.hazard == told.hazard, common(part));
        let best = parts.iter().map(|part| score(part)).max();
        let Some((number, own)) = parts.iter().enumerate().find(|(_, part)| Some(score(part)) == best) else {
            continue;
        };
        let (named, left) = places_of(&told, now);
        let is_known = |area: &&GovernorateId| named.iter().chain(&left).any(|former| former.place == **area);
        let mut kept: Vec<&GovernorateId> = own.areas.iter().collect();
        for (other, part) in parts.iter().enumerate() {
            if other == number || ![told.hazard, own.hazard].contains(&part.hazard) {
                continue;
            }
            let taken: Vec<&GovernorateId> = part.areas.iter().filter(is_known).collect();
            if !taken.is_empty() {
                kept.extend(taken);
                heirs.entry(other).or_default().left_to_it.push(told.clone());
            }
        }
        let is_gone = |former: &Former| !kept.contains(&&former.place);
        let heir = heirs.entry(number).or_default();
        add(&mut heir.trail.left, left.into_iter().filter(is_gone));
        let trail = if is_unclear { &mut heir.trail.doubtful } else { &mut heir.trail.left };
        add(trail, named.into_iter().filter(is_gone));
        heir.before.push((key, told));
    }
    for heir in heirs.values_mut() {
        let Trail { left, doubtful } = &mut heir.trail;
        left.retain(|one| doubtful.iter().all(|other| other.place != one.place));
    }
    heirs
}

/// The places that a warning may hold in, and those that it has left.
fn places_of(told: &Warning, now: Timestamp) -> (Vec<Former>, Vec<Former>) {
    let areas = told.areas.iter().map(|area| Former { place: area.clone(), until: told.until });
    let Trail { left, doubtful } =
        told.official.as_ref().map(|official| official.trail.worth_telling(now)).unwrap_or_default();
    (areas.chain(doubtful).collect(), left)
}

/// Adds places to others, each once and with the latest end that was told there.
pub(super) fn add(all: &mut Vec<Former>, more: impl IntoIterator<Item = Former>) {
    for former in more {
        match all.iter_mut().find(|known| known.place == former.place) {
            Some(known) => known.until = known.until.max(former.until),
            None => all.push(former),
        }
    }
}
