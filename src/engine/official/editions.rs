//! The editions of an authority's warnings: saying one, ending one, and ending those whose time has run out.

use crate::bulletin::{Bulletin, ByHand, Change, Origin, Reach};
use crate::engine::FeedState;
use crate::engine::state::Draft;
use crate::ids::{BulletinId, GovernorateId};
use crate::language::Language;
use crate::rule::RuleBook;
use crate::time::Timestamp;
use crate::warning::{Former, OfficialPart, Warning, WarningKey, overtaken};

/// Where a bulletin stands in the life of its warning.
pub(super) struct Edition<'a> {
    pub(super) number: String,
    pub(super) edition: u32,
    pub(super) change: Change,
    /// The authority's own warnings that go on in it or end in it.
    pub(super) before: &'a [Warning],
    /// The warnings that it takes the place of and that were told under other numbers: the rules' own, and those of the
    /// authority that go on elsewhere and leave some of their places to it.
    pub(super) taken: &'a [Warning],
    /// The languages that alone have something new to hear; none is named when all have.
    pub(super) only_in: Vec<Language>,
}

/// Says an alert that is in force and remembers that it was said.
pub(super) fn speak(
    draft: &mut Draft<'_>,
    key: WarningKey,
    official: OfficialPart,
    edition: Edition<'_>,
    now: Timestamp,
) {
    let alert = &official.alert;
    let id = BulletinId::new(&edition.number, edition.edition);
    let replaced = || edition.before.iter().chain(edition.taken);
    let mut reach = Reach::new(alert.hazard, alert.severity);
    replaced().for_each(|told| reach.take_in(&told.reach));
    let mut replaces: Vec<BulletinId> = Vec::new();
    for id in replaced().flat_map(|told| draft.heritage(told, now)) {
        if !replaces.contains(&id) {
            replaces.push(id);
        }
    }
    let overtaken = overtaken(replaced(), &edition.number, now);
    draft.say(Bulletin {
        id: id.clone(),
        number: edition.number.clone(),
        edition: edition.edition,
        replaces,
        change: edition.change,
        status: alert.status,
        hazard: alert.hazard,
        severity: alert.severity,
        was: edition.before.iter().map(|told| told.severity).max(),
        reach: reach.clone(),
        areas: alert.areas.clone(),
        left: places(&official.trail.left),
        doubtful: places(&official.trail.doubtful),
        parted: Vec::new(),
        same_since: None,
        issued: now,
        onset: alert.onset,
        until: alert.expires,
        stale_after: alert.expires,
        silent_since: None,
        by_hand: ByHand::default(),
        only_in: edition.only_in,
        origin: origin(&official),
    });
    let warning = Warning {
        number: edition.number,
        edition: edition.edition,
        last: id,
        hazard: alert.hazard,
        severity: alert.severity,
        reach,
        areas: alert.areas.as_slice().into(),
        onset: alert.onset,
        until: alert.expires,
        silent_since: None,
        evidence: Vec::new(),
        official: Some(official),
        desk: None,
        overtaken,
        same_since: None,
    };
    draft.put_warning(key, Some(warning));
}

fn places(formers: &[Former]) -> Vec<GovernorateId> {
    formers.iter().map(|former| former.place.clone()).collect()
}

fn origin(official: &OfficialPart) -> Origin {
    Origin::Official {
        feed: official.feed.clone(),
        identity: official.alert.identity.clone(),
        words: official.alert.words.clone(),
    }
}

/// Says that an official warning is over and forgets it.
pub(super) fn finish(
    draft: &mut Draft<'_>,
    book: &RuleBook,
    key: &WarningKey,
    warning: &Warning,
    change: Change,
    by: Option<&OfficialPart>,
    now: Timestamp,
) {
    let Some(own) = &warning.official else { return };
    let ended = warning.until.min(now);
    // An authority that could not be heard may have gone on: its word has run out, and nobody knows more.
    let silence = draft.feed(&own.feed).and_then(FeedState::silent_since).filter(|_| change == Change::Expired);
    // With the warning ends all doubt, also where it had been told for as long as where it still held.
    let doubtful = own.trail.doubtful.iter().filter(|one| now < one.until || warning.until <= one.until);
    let mut areas = warning.areas.to_vec();
    let doubtful: Vec<GovernorateId> = doubtful.map(|one| one.place.clone()).collect();
    if !doubtful.is_empty() {
        areas.extend(doubtful);
        areas.sort_by_key(|area| book.governorates.iter().position(|known| known.id == *area));
    }
    draft.say(Bulletin {
        id: BulletinId::new(&warning.number, warning.edition + 1),
        number: warning.number.clone(),
        edition: warning.edition + 1,
        replaces: draft.heritage(warning, now),
        change,
        status: own.alert.status,
        hazard: warning.hazard,
        severity: warning.severity,
        was: Some(warning.severity),
        reach: warning.reach.clone(),
        areas,
        left: places(&own.trail.worth_telling(now).left),
        doubtful: Vec::new(),
        parted: Vec::new(),
        same_since: None,
        issued: now,
        onset: warning.onset.min(ended),
        until: ended,
        stale_after: now + book.times.end_notice,
        silent_since: silence,
        by_hand: ByHand::default(),
        only_in: Vec::new(),
        origin: origin(by.unwrap_or(own)),
    });
    draft.put_warning(key.clone(), None);
}

/// Ends the official warnings whose time has run out.
pub(in crate::engine) fn run_out(book: &RuleBook, draft: &mut Draft<'_>, now: Timestamp) {
    let over: Vec<(WarningKey, Warning)> = draft
        .officials()
        .filter(|(_, warning)| warning.until <= now)
        .map(|(key, warning)| (key.clone(), warning.clone()))
        .collect();
    for (key, warning) in over {
        finish(draft, book, &key, &warning, Change::Expired, None, now);
    }
    draft.forget_seen(now);
}
