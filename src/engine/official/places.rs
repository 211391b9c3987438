//! Documents of which a part was told and another had no known place: when a mended gazetteer places it, it is told after all.
//!
//! Compares what was told with what is so: a place that has heard its part of a document does not hear it twice.

use std::collections::BTreeSet;

use super::heirs::{Heir, add};
use super::{Beginning, Document, NEWER, begin, go_on, has_gone_on, twins};
use crate::alert::{Alert, Words};
use crate::engine::state::Draft;
use crate::hazard::Hazard;
use crate::ids::GovernorateId;
use crate::rule::RuleBook;
use crate::time::Timestamp;
use crate::warning::{OfficialPart, Trail, Warning, WarningKey};

/// What of a part people have heard.
#[derive(Debug, Default)]
struct Heard {
    areas: BTreeSet<GovernorateId>,
    languages: BTreeSet<String>,
}

impl Document<'_> {
    /// The descriptions of places that are not known here, each once; those of other regions are nobody's trouble.
    pub(super) fn unplaced(&self, book: &RuleBook) -> Vec<&str> {
        let mut unplaced: Vec<&str> = Vec::new();
        for place in self.parts.iter().filter(|part| !part.all_clear).flat_map(|part| &part.unplaced) {
            if !unplaced.contains(&place.as_str()) && !book.governorates.is_elsewhere(place) {
                unplaced.push(place);
            }
        }
        unplaced
    }

    /// Tells what is placed by now and was not when the rest of the document was told.
    pub(super) fn place_rest(&self, book: &RuleBook, draft: &mut Draft<'_>, now: Timestamp) {
        let triple = self.first.identity.to_string();
        let missing = self.unplaced(book).len();
        let waits = |lacking: usize| missing < lacking;
        let Some(seen) = draft.seen(&triple).filter(|seen| seen.lacks(self.first.fingerprint).is_some_and(waits))
        else {
            return;
        };
        let seen = seen.clone().lacking(missing);
        draft.put_seen(triple.clone(), seen);
        let is_told = |official: &OfficialPart| official.line.contains(&triple);
        let is_past = draft.officials().any(|(_, warning)| {
            warning.official.as_ref().is_some_and(is_told) && has_gone_on(warning, self.first, now)
        });
        if is_past || twins::is_behind(draft, self.first, now) {
            return draft.write(now, "held", &triple, NEWER.to_owned());
        }
        draft.write(now, "placed", &triple, "more of its places are known by now".to_owned());
        let in_doubt = in_doubt(draft, &triple);
        let mut placed: BTreeSet<GovernorateId> = BTreeSet::new();
        let live = self.parts.iter().filter(|part| !part.all_clear && !part.has_expired(now) && !part.areas.is_empty());
        for part in live {
            let heard = heard_of(draft, &triple, part);
            let areas: Vec<GovernorateId> =
                part.areas.iter().filter(|area| !heard.areas.contains(*area)).cloned().collect();
            if areas.is_empty() {
                // The other language of what was told may be what was missing.
                let is_news = |words: &&Words| !heard.languages.contains(&words.language.to_ascii_lowercase());
                let words: Vec<Words> = part.words.iter().filter(is_news).cloned().collect();
                if !words.is_empty() {
                    twins::join_all(draft, vec![&Alert { words, ..(*part).clone() }], now);
                }
                continue;
            }
            let rest = Alert { areas, unplaced: Vec::new(), ..(*part).clone() };
            placed.extend(rest.areas.iter().cloned());
            for part in twins::join_all(draft, vec![&rest], now) {
                let is_one = |one: &Warning| doubtful(one).any(|place| part.areas.contains(place));
                let left_to_it = in_doubt.iter().map(|(_, one)| one).filter(|one| is_one(one)).cloned().collect();
                begin(book, draft, &Beginning { feed: self.feed, part, left_to_it }, now);
            }
        }
        for (key, _) in in_doubt {
            dispel(draft, &key, &placed, missing == 0, now);
        }
    }
}

/// The warnings of a document of which nobody knows whether they hold in some places.
fn in_doubt(draft: &Draft<'_>, triple: &String) -> Vec<(WarningKey, Warning)> {
    let is_told = |one: &Warning| one.official.as_ref().is_some_and(|official| official.line.contains(triple));
    let found = draft.officials().filter(|(_, one)| is_told(one) && doubtful(one).next().is_some());
    found.map(|(key, one)| (key.clone(), one.clone())).collect()
}

/// The places of a warning that are in doubt.
fn doubtful(warning: &Warning) -> impl Iterator<Item = &GovernorateId> {
    warning.official.iter().flat_map(|official| official.trail.doubtful.iter().map(|former| &former.place))
}

/// Takes the doubt from places that are known to be meant by now; once all of the document is understood, the others are told that
/// the warning has left them.
fn dispel(draft: &mut Draft<'_>, key: &WarningKey, placed: &BTreeSet<GovernorateId>, is_clear: bool, now: Timestamp) {
    let Some(told) = draft.warning(key).cloned() else { return };
    let Some(mut official) = told.official.clone() else { return };
    let Trail { mut left, mut doubtful } = official.trail.worth_telling(now);
    doubtful.retain(|former| !placed.contains(&former.place));
    let is_news = is_clear && !doubtful.is_empty();
    if is_clear {
        add(&mut left, std::mem::take(&mut doubtful));
    }
    let trail = Trail { left, doubtful };
    if is_news {
        let heir = Heir { before: vec![(key.clone(), told)], left_to_it: Vec::new(), trail };
        return go_on(draft, official, &heir, now);
    }
    official.trail = trail;
    draft.put_warning(key.clone(), Some(Warning { official: Some(official), ..told }));
}

/// What has been told, or waits to be, of a part of the document with this name: of its hazard and time and no more mildly. With
/// other places, infos may be joined otherwise than they were, so that a part can know more of its hazard than was told.
fn heard_of(draft: &Draft<'_>, triple: &String, part: &Alert) -> Heard {
    let is_told = |told: &Alert| {
        let is_one_hazard = told.hazard == part.hazard || [told.hazard, part.hazard].contains(&Hazard::Other);
        is_one_hazard && (told.onset, told.expires) == (part.onset, part.expires) && part.severity <= told.severity
    };
    let told = draft.officials().filter_map(|(_, warning)| warning.official.as_ref());
    let waiting = draft.pending().map(|(_, pending)| pending.official());
    let mut heard = Heard::default();
    for official in told.chain(waiting) {
        if official.line.contains(triple) && is_told(&official.alert) {
            heard.areas.extend(official.alert.areas.iter().cloned());
            heard.languages.extend(official.alert.words.iter().map(|words| words.language.to_ascii_lowercase()));
        }
    }
    heard
}
