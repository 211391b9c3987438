//! Official alerts: relayed in the authority's own words, from its first to its last.
//!
//! An alert that vanishes from its feed is not over; one without a place is held; one that is a test goes nowhere.

use crate::alert::{Alert, MsgType, Status, Words};
use crate::bulletin::{Bulletin, Change, Origin, Reach};
use crate::ids::{BulletinId, FeedId, GovernorateId};
use crate::notice::{HeldAlert, Holding, Topic, cut};
use crate::rule::RuleBook;
use crate::time::{TimeDelta, Timestamp};
use crate::warning::{OfficialPart, Warning, WarningKey};

use super::state::Draft;
use super::{FeedState, automatic};

/// How long after its end an alert's triple is remembered, so that a feed that shows it for long does not bring it back.
pub(super) const REMEMBER_ALERTS: TimeDelta = TimeDelta::days(30);

/// Why an alert that arrives after a newer one of its line is held.
const NEWER: &str = "a newer alert of the same line is in force";

/// Takes the alerts of one answer, oldest first.
pub(super) fn take(book: &RuleBook, draft: &mut Draft<'_>, feed: &FeedId, alerts: &[Alert], now: Timestamp) {
    let mut alerts: Vec<&Alert> = alerts.iter().collect();
    alerts.sort_by(|a, b| (a.identity.sent, &a.identity).cmp(&(b.identity.sent, &b.identity)));
    for alert in alerts {
        take_one(book, draft, feed, alert, now);
    }
}

fn take_one(book: &RuleBook, draft: &mut Draft<'_>, feed: &FeedId, alert: &Alert, now: Timestamp) {
    let triple = alert.identity.to_string();
    if draft.has_seen(&triple) {
        return;
    }
    draft.see(triple.clone(), alert.expires.max(now) + REMEMBER_ALERTS);
    if !alert.defects.is_empty() {
        draft.write(now, "defect", &triple, format!("read with defects: {}", alert.defects.join("; ")));
    }
    if alert.status != Status::Actual {
        let text = format!("status {:?}: not for the public, nothing is sent", alert.status);
        return draft.write(now, "held", &triple, text);
    }
    match alert.msg_type {
        MsgType::Alert | MsgType::Update if alert.all_clear => lift(draft, book, feed, alert, now),
        MsgType::Alert | MsgType::Update => hold_or_announce(book, draft, feed, alert, now),
        MsgType::Cancel => lift(draft, book, feed, alert, now),
        MsgType::Ack | MsgType::Error => {
            draft.write(now, "held", &triple, format!("message type {:?} changes no warning", alert.msg_type));
        }
    }
}

/// A notice that an alert is held, with what helps to judge it: its headline or event, and what is the matter.
pub(super) fn held(feed: &FeedId, why: Holding, alert: &Alert, matter: &str) -> Topic {
    let words = alert.words_in("ar").or_else(|| alert.words.first());
    let headline = words.map(|words| words.headline.as_deref().unwrap_or(&words.event)).unwrap_or_default();
    let told: Vec<&str> = [headline, matter].into_iter().filter(|text| !text.trim().is_empty()).collect();
    let held = HeldAlert { alert: cut(&alert.identity.to_string()), about: cut(&told.join("; ")) };
    Topic::AlertHeld { feed: feed.clone(), why, alerts: vec![held], more: 0 }
}

/// The live warnings that an alert refers to, in order of their keys.
fn referred(draft: &Draft<'_>, alert: &Alert) -> Vec<(WarningKey, Warning)> {
    let names: Vec<String> = alert.references.iter().map(ToString::to_string).collect();
    draft
        .officials()
        .filter(|(_, warning)| {
            warning.official.as_ref().is_some_and(|official| official.line.iter().any(|triple| names.contains(triple)))
        })
        .map(|(key, warning)| (key.clone(), warning.clone()))
        .collect()
}

/// Whether a warning has gone on since an alert was sent: then the alert arrives too late to say anything of it.
///
/// A date that still lies ahead is a fault of the authority's clock, and must not shut out all that it says from then on.
fn has_gone_on(warning: &Warning, alert: &Alert, now: Timestamp) -> bool {
    let newest = warning.official.as_ref().map(|official| official.alert.identity.sent);
    newest.is_some_and(|newest| newest <= now && alert.identity.sent < newest)
}

/// Takes note that what an alert refers to is of the past, even when that has not arrived yet: feeds do not keep the order.
fn overtake(draft: &mut Draft<'_>, alert: &Alert, now: Timestamp) {
    for reference in &alert.references {
        let triple = reference.to_string();
        if !draft.has_seen(&triple) {
            let text = format!("{} speaks of it before it has arrived: it is not told any more", alert.identity);
            draft.write(now, "held", &triple, text);
            draft.see(triple, alert.expires.max(now) + REMEMBER_ALERTS);
        }
    }
}

fn lift(draft: &mut Draft<'_>, book: &RuleBook, feed: &FeedId, alert: &Alert, now: Timestamp) {
    overtake(draft, alert, now);
    let mut referred = referred(draft, alert);
    if referred.is_empty() {
        draft.write(now, "held", &alert.identity, "it ends nothing that is in force here".to_owned());
    }
    let all = referred.len();
    referred.retain(|(_, warning)| !has_gone_on(warning, alert, now));
    if referred.len() < all {
        draft.write(now, "held", &alert.identity, NEWER.to_owned());
    }
    for (key, warning) in referred {
        let told = OfficialPart { feed: feed.clone(), alert: alert.clone(), line: Vec::new() };
        finish(draft, book, &key, &warning, Change::Lifted, Some(&told), now);
    }
}

fn hold_or_announce(book: &RuleBook, draft: &mut Draft<'_>, feed: &FeedId, alert: &Alert, now: Timestamp) {
    if alert.areas.is_empty() {
        let places = alert.unplaced.join("; ");
        let text = format!("no governorate of the region is named in it ({places}): held for staff, sent to nobody");
        draft.write(now, "held", &alert.identity, text);
        return draft.notify(held(feed, Holding::Unplaced, alert, &places));
    }
    if !alert.unplaced.is_empty() {
        let text = format!("these places are not known here: {}", alert.unplaced.join("; "));
        draft.write(now, "unplaced", &alert.identity, text);
    }
    overtake(draft, alert, now);
    let mut referred = referred(draft, alert);
    if let Some((key, twin)) = twin(draft, alert)
        && referred.iter().all(|(known, _)| *known == key)
    {
        return join(draft, key, twin, alert, now);
    }
    let all = referred.len();
    referred.retain(|(_, warning)| !has_gone_on(warning, alert, now));
    if referred.is_empty() && 0 < all {
        return draft.write(now, "held", &alert.identity, NEWER.to_owned());
    }
    if alert.expires <= now {
        let text = format!("it ended at {} before it arrived: not sent", alert.expires.format("%F %T UTC"));
        draft.write(now, "held", &alert.identity, text);
        for (key, warning) in referred {
            finish(draft, book, &key, &warning, Change::Expired, None, now);
        }
        return;
    }
    if referred.is_empty() {
        return begin(book, draft, feed, alert, now);
    }
    go_on(draft, feed, alert, &referred, now);
}

/// Adds an alert to the warning that says the same in another language.
fn join(draft: &mut Draft<'_>, key: WarningKey, mut twin: Warning, alert: &Alert, now: Timestamp) {
    if let Some(official) = &mut twin.official {
        official.line.push(alert.identity.to_string());
        official.alert.words.extend(alert.words.iter().cloned());
    }
    draft.put_warning(key, Some(twin));
    draft.write(now, "twin", &alert.identity, "the same alert in another language: told once".to_owned());
}

fn begin(book: &RuleBook, draft: &mut Draft<'_>, feed: &FeedId, alert: &Alert, now: Timestamp) {
    let taken = automatic::yield_to(draft, alert, now);
    let number = automatic::number(book, draft, now);
    let key = WarningKey::Official { root: alert.identity.to_string() };
    let official = OfficialPart { feed: feed.clone(), alert: alert.clone(), line: vec![alert.identity.to_string()] };
    speak(
        draft,
        key,
        official,
        Edition { number, edition: 1, change: Change::Issued, before: &[], taken: &taken },
        now,
    );
}

/// The live warning that says the same in another language: authorities publish one event as two messages.
fn twin(draft: &Draft<'_>, alert: &Alert) -> Option<(WarningKey, Warning)> {
    let languages = |words: &[Words]| -> Vec<String> { words.iter().map(|words| words.language.clone()).collect() };
    let new = languages(&alert.words);
    draft
        .officials()
        .find(|(_, warning)| {
            warning.official.as_ref().is_some_and(|official| {
                let told = &official.alert;
                (told.hazard, told.severity, told.onset, told.expires)
                    == (alert.hazard, alert.severity, alert.onset, alert.expires)
                    && told.areas == alert.areas
                    && languages(&told.words).iter().all(|language| !new.contains(language))
            })
        })
        .map(|(key, warning)| (key.clone(), warning.clone()))
}

/// Takes an update: the first warning it refers to goes on in its words, and any others end in it.
fn go_on(draft: &mut Draft<'_>, feed: &FeedId, alert: &Alert, before: &[(WarningKey, Warning)], now: Timestamp) {
    let Some((key, told)) = before.first() else { return };
    let worst = before.iter().map(|(_, told)| told.severity).max().unwrap_or(told.severity);
    let change = if worst < alert.severity {
        Change::Raised
    } else if alert.severity < worst {
        Change::Lowered
    } else if told.until < alert.expires && told.areas == alert.areas && before.len() == 1 {
        Change::Extended
    } else {
        Change::Updated
    };
    let lines = before.iter().flat_map(|(_, told)| &told.official).flat_map(|official| official.line.iter().cloned());
    let line = lines.chain([alert.identity.to_string()]).collect();
    for (key, _) in before {
        draft.put_warning(key.clone(), None);
    }
    let before: Vec<Warning> = before.iter().map(|(_, told)| told.clone()).collect();
    let taken = automatic::yield_to(draft, alert, now);
    let official = OfficialPart { feed: feed.clone(), alert: alert.clone(), line };
    let (number, edition) = (told.number.clone(), told.edition + 1);
    speak(draft, key.clone(), official, Edition { number, edition, change, before: &before, taken: &taken }, now);
}

/// Where a bulletin stands in the life of its warning.
struct Edition<'a> {
    number: String,
    edition: u32,
    change: Change,
    /// The authority's own warnings that go on in it or end in it.
    before: &'a [Warning],
    /// The rules' warnings that it takes the place of.
    taken: &'a [Warning],
}

/// Says an alert that is in force and remembers that it was said.
fn speak(draft: &mut Draft<'_>, key: WarningKey, official: OfficialPart, edition: Edition<'_>, now: Timestamp) {
    let alert = &official.alert;
    let id = BulletinId::new(&edition.number, edition.edition);
    let replaced = || edition.before.iter().chain(edition.taken);
    let mut reach = Reach::new(alert.hazard, alert.severity);
    replaced().for_each(|told| reach.take_in(&told.reach));
    let mut left: Vec<GovernorateId> = Vec::new();
    for area in edition.before.iter().flat_map(|told| &told.areas) {
        // While a place of the new word is not understood, nobody is told that it has left them.
        if alert.unplaced.is_empty() && !alert.areas.contains(area) && !left.contains(area) {
            left.push(area.clone());
        }
    }
    draft.say(Bulletin {
        id: id.clone(),
        number: edition.number.clone(),
        edition: edition.edition,
        replaces: replaced().map(|told| told.last.clone()).collect(),
        change: edition.change,
        status: alert.status,
        hazard: alert.hazard,
        severity: alert.severity,
        was: edition.before.iter().map(|told| told.severity).max(),
        reach: reach.clone(),
        areas: alert.areas.clone(),
        left,
        issued: now,
        onset: alert.onset,
        until: alert.expires,
        stale_after: alert.expires,
        silent_since: None,
        origin: origin(&official),
    });
    let warning = Warning {
        number: edition.number,
        edition: edition.edition,
        last: id,
        hazard: alert.hazard,
        severity: alert.severity,
        reach,
        areas: alert.areas.clone(),
        onset: alert.onset,
        until: alert.expires,
        silent_since: None,
        evidence: Vec::new(),
        official: Some(official),
    };
    draft.put_warning(key, Some(warning));
}

fn origin(official: &OfficialPart) -> Origin {
    Origin::Official {
        feed: official.feed.clone(),
        identity: official.alert.identity.clone(),
        words: official.alert.words.clone(),
    }
}

/// Says that an official warning is over and forgets it.
fn finish(
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
    draft.say(Bulletin {
        id: BulletinId::new(&warning.number, warning.edition + 1),
        number: warning.number.clone(),
        edition: warning.edition + 1,
        replaces: vec![warning.last.clone()],
        change,
        status: own.alert.status,
        hazard: warning.hazard,
        severity: warning.severity,
        was: Some(warning.severity),
        reach: warning.reach.clone(),
        areas: warning.areas.clone(),
        left: Vec::new(),
        issued: now,
        onset: warning.onset.min(ended),
        until: ended,
        stale_after: now + book.times.end_notice,
        silent_since: silence,
        origin: origin(by.unwrap_or(own)),
    });
    draft.put_warning(key.clone(), None);
}

/// Ends the official warnings whose time has run out.
pub(super) fn run_out(book: &RuleBook, draft: &mut Draft<'_>, now: Timestamp) {
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
