//! Official alerts: relayed in the authority's own words, from its first to its last.
//!
//! An alert that vanishes from its feed is not over; one without a place is held; one that is a test, or is not for everyone, goes
//! nowhere. What arrives first under a name is what counts: other words under the same name are an incident for the staff.

use std::collections::BTreeSet;

use crate::alert::{Alert, MsgType, Scope, Status};
use crate::bulletin::Change;
use crate::ids::FeedId;
use crate::notice::{HeldAlert, Holding, Topic, cut};
use crate::rule::RuleBook;
use crate::time::{TimeDelta, Timestamp};
use crate::warning::{OfficialPart, Warning, WarningKey};

use super::automatic;
use super::seen::{Overtaking, Seen};
use super::state::Draft;
use editions::{Edition, finish, speak};
use heirs::{Heir, inherit};

pub(super) mod editions;
mod heirs;
pub(super) mod lines;
mod overtaken;
mod places;
pub(super) mod twins;

/// How long after its end an alert's triple is remembered, so that a feed that shows it for long does not bring it back.
pub(super) const REMEMBER_ALERTS: TimeDelta = TimeDelta::days(30);

/// Why an alert that arrives after a newer one of its line is held.
const NEWER: &str = "a newer alert of the same line is in force";

/// Takes the alerts of one answer, oldest first; the parts of one document together.
pub(super) fn take(book: &RuleBook, draft: &mut Draft<'_>, feed: &FeedId, alerts: &[Alert], now: Timestamp) {
    let mut alerts: Vec<&Alert> = alerts.iter().collect();
    alerts.sort_by(|a, b| (a.written(), &a.identity, a.part).cmp(&(b.written(), &b.identity, b.part)));
    let is_alone = |alert: &Alert| {
        let is_other = |other: &&Alert| other.fingerprint != alert.fingerprint && is_same_line(alert, other);
        alert.line.is_none() || !alerts.iter().any(is_other)
    };
    let mut documents: Vec<(Document<'_>, Vec<&Alert>)> = Vec::new();
    for document in alerts.chunk_by(|a, b| a.identity == b.identity) {
        let Some(first) = document.first() else { continue };
        // A list may hold one document twice; what comes first counts.
        let (mut parts, others): (Vec<&Alert>, Vec<&Alert>) =
            document.iter().copied().partition(|part| part.fingerprint == first.fingerprint);
        parts.dedup_by_key(|part| part.part);
        let first = parts.iter().find(|part| !part.areas.is_empty()).copied().unwrap_or(*first);
        documents.push((Document { feed, parts, first, is_alone: is_alone(first) }, others));
    }
    // What was overtaken comes first, the newest of it before the older: so nothing is told that it takes along.
    for (document, _) in documents.iter().rev() {
        document.give_way(book, draft, now);
    }
    for (document, others) in &documents {
        document.take(book, draft, now);
        for other in others {
            is_first(draft, feed, other, now);
        }
    }
}

/// Notes an alert's name; false when it was known. Other words under a known name are told to the staff, once for each.
fn is_first(draft: &mut Draft<'_>, feed: &FeedId, alert: &Alert, now: Timestamp) -> bool {
    let triple = alert.identity.to_string();
    let keep_until = alert.expires.max(now) + REMEMBER_ALERTS;
    let Some(seen) = draft.seen(&triple) else {
        draft.put_seen(triple, Seen::new(keep_until, alert.fingerprint));
        return true;
    };
    if seen.waits_for(alert.fingerprint) && !alert.areas.is_empty() {
        draft.put_seen(triple.clone(), Seen::new(keep_until, alert.fingerprint));
        draft.write(now, "placed", &triple, "it was held, and its places are known by now".to_owned());
        return true;
    }
    if let Some(seen) = seen.clone().other_words(alert.fingerprint) {
        draft.put_seen(triple.clone(), seen);
        let text = "it has come again under the same name with other words: what came first holds, and the sender should \
                    be asked which is meant";
        draft.write(now, "incident", &triple, text.to_owned());
        draft.notify(held(feed, Holding::Incident, alert, ""));
    }
    false
}

/// One document of an authority: its parts, which differ in what threatens, how badly, when or where.
struct Document<'a> {
    feed: &'a FeedId,
    parts: Vec<&'a Alert>,
    first: &'a Alert,
    /// True unless the same answer says something else under the same name as well.
    is_alone: bool,
}

impl<'a> Document<'a> {
    fn take(&self, book: &RuleBook, draft: &mut Draft<'_>, now: Timestamp) {
        let alert = self.first;
        let is_new = is_first(draft, self.feed, alert, now);
        let comes_back = (is_new || self.is_alone) && lines::comes_back(draft, self.feed, alert, is_new, now);
        if comes_back {
            draft.write(
                now,
                "again",
                &alert.identity,
                "it says again what it had said before it said otherwise".to_owned(),
            );
        } else if !is_new {
            return self.place_rest(book, draft, now);
        }
        if self.is_saved_again(draft) {
            return draft.write(now, "twin", &alert.identity, "saved again without a change: told already".to_owned());
        }
        let mut defects: Vec<&str> = Vec::new();
        for defect in self.parts.iter().flat_map(|part| &part.defects) {
            if !defects.contains(&defect.as_str()) {
                defects.push(defect);
            }
        }
        if !defects.is_empty() {
            draft.write(now, "defect", &alert.identity, format!("read with defects: {}", defects.join("; ")));
        }
        if alert.status != Status::Actual {
            let text = format!("status {:?}: not for the public, nothing is sent", alert.status);
            draft.write(now, "held", &alert.identity, text);
            if alert.status == Status::Unknown {
                // A new word of the authority's may mean everyone: whoever is on duty has to find out.
                draft.notify(held(self.feed, Holding::UnknownStatus, alert, ""));
            }
            return;
        }
        if alert.scope != Scope::Public {
            let text = format!("scope {:?}: not for the public, nothing is sent", alert.scope);
            draft.write(now, "held", &alert.identity, text);
            return draft.notify(held(self.feed, Holding::NotPublic, alert, ""));
        }
        if twins::is_behind(draft, alert, now) {
            return draft.write(now, "held", &alert.identity, NEWER.to_owned());
        }
        match alert.msg_type {
            MsgType::Alert | MsgType::Update if self.parts.iter().all(|part| part.all_clear) => {
                self.lift(draft, book, now);
            }
            MsgType::Alert | MsgType::Update => self.hold_or_announce(book, draft, now),
            MsgType::Cancel => self.lift(draft, book, now),
            MsgType::Ack | MsgType::Error => {
                let text = format!("message type {:?} changes no warning", alert.msg_type);
                draft.write(now, "held", &alert.identity, text);
            }
        }
    }

    /// True when what is told, or waits to be, says the very same under the name that the authority keeps for it.
    fn is_saved_again(&self, draft: &Draft<'_>) -> bool {
        let is_same = |told: &Alert| told.fingerprint == self.first.fingerprint && told.part == self.first.part;
        let is_same = |official: &OfficialPart| {
            self.first.line.is_some() && speaks_of(self.first, official) && is_same(&official.alert)
        };
        self.first.fingerprint != 0
            && (draft.officials().any(|(_, warning)| warning.official.as_ref().is_some_and(is_same))
                || draft.pending().any(|(_, pending)| is_same(pending.official())))
    }

    /// The live warnings that it refers to, in order of their keys, without those that have gone on since it was sent.
    fn referred(&self, draft: &mut Draft<'_>, now: Timestamp) -> Referred {
        let all: Vec<(WarningKey, Warning)> = draft
            .officials()
            .filter(|(_, warning)| warning.official.as_ref().is_some_and(|official| speaks_of(self.first, official)))
            .map(|(key, warning)| (key.clone(), warning.clone()))
            .collect();
        let was_any = !all.is_empty();
        let live: Vec<_> = all.iter().filter(|(_, warning)| !has_gone_on(warning, self.first, now)).cloned().collect();
        if live.len() < all.len() {
            draft.write(now, "held", &self.first.identity, NEWER.to_owned());
        }
        Referred { live, was_any }
    }

    /// Takes note that what it refers to is of the past, even when that has not arrived yet: feeds do not keep the order.
    fn overtake(&self, draft: &mut Draft<'_>, how: &Overtaking, now: Timestamp) {
        twins::forget(draft, self.first, now);
        let of_the_past: BTreeSet<String> = draft
            .officials()
            .filter_map(|(_, warning)| warning.official.as_ref())
            .filter(|official| speaks_of(self.first, official))
            .flat_map(|official| official.line.iter().cloned())
            .collect();
        for triple in of_the_past {
            // Its other parts and its twins are of the past with it.
            if let Some(seen) = draft.seen(&triple).filter(|seen| seen.waits()).cloned() {
                draft.put_seen(triple, seen.let_go());
            }
        }
        for reference in &self.first.references {
            let triple = reference.to_string();
            match draft.seen(&triple).cloned() {
                // What is held is of the past as well, also when its places become known one day.
                Some(seen) => draft.put_seen(triple, seen.let_go().overtaken_again(how.clone())),
                None => {
                    let text =
                        format!("{} speaks of it before it has arrived: it is not told any more", self.first.identity);
                    draft.write(now, "held", &triple, text);
                    let keep_until = self.first.expires.max(now) + REMEMBER_ALERTS;
                    draft.put_seen(triple, Seen::overtaken(keep_until, how.clone()));
                }
            }
        }
    }

    fn lift(&self, draft: &mut Draft<'_>, book: &RuleBook, now: Timestamp) {
        self.overtake(draft, &Overtaking::Ended, now);
        let Referred { live, was_any } = self.referred(draft, now);
        if !was_any {
            draft.write(now, "held", &self.first.identity, "it ends nothing that is in force here".to_owned());
        }
        for (key, warning) in live {
            let told = OfficialPart::new(self.feed, self.first);
            finish(draft, book, &key, &warning, Change::Lifted, Some(&told), now);
        }
    }

    fn hold_or_announce(&self, book: &RuleBook, draft: &mut Draft<'_>, now: Timestamp) {
        let live: Vec<&Alert> = self.parts.iter().filter(|part| !part.all_clear).copied().collect();
        let unplaced = self.unplaced(book);
        let placed: Vec<&Alert> = live.into_iter().filter(|part| !part.areas.is_empty()).collect();
        if placed.is_empty() && unplaced.is_empty() {
            return self.leave(book, draft, now);
        }
        if placed.is_empty() {
            let places = unplaced.join("; ");
            let text =
                format!("no governorate of the region is named in it ({places}): held for staff, sent to nobody");
            draft.write(now, "held", &self.first.identity, text);
            let keep_until = self.first.expires.max(now) + REMEMBER_ALERTS;
            let seen = Seen::new(keep_until, self.first.fingerprint).held();
            draft.put_seen(self.first.identity.to_string(), seen);
            return draft.notify(held(self.feed, Holding::Unplaced, self.first, &places));
        }
        if !unplaced.is_empty() {
            let text = format!("these places are not known here: {}", unplaced.join("; "));
            draft.write(now, "unplaced", &self.first.identity, text);
            draft.notify(held(self.feed, Holding::Unplaced, self.first, &unplaced.join("; ")));
        }
        let is_unclear = !unplaced.is_empty();
        let until = self.parts.iter().map(|part| part.expires).max().unwrap_or(self.first.expires);
        self.overtake(draft, &Overtaking::GoesOn { by: self.first.identity.to_string(), until }, now);
        let Referred { live: referred, was_any } = self.referred(draft, now);
        if was_any && referred.is_empty() {
            // The same update in another language may have been sent a moment earlier and still be news to its readers.
            twins::join_all(draft, placed, now);
            return;
        }
        // The words of a twin join what was told, unless the document speaks of something else as well.
        let twin_of: BTreeSet<WarningKey> = placed.iter().filter_map(|part| twins::twin(draft, part)).collect();
        let (parts, referred) = if referred.iter().all(|(key, _)| twin_of.contains(key)) {
            (twins::join_all(draft, placed, now), Vec::new())
        } else {
            (placed, referred)
        };
        self.announce(book, draft, &parts, (referred, is_unclear), now);
        // A warning that keeps its name through all editions goes on by itself when more of its places are known.
        if is_unclear && self.first.line.is_none() {
            let seen = Seen::new(self.first.expires.max(now) + REMEMBER_ALERTS, self.first.fingerprint);
            draft.put_seen(self.first.identity.to_string(), seen.lacking(unplaced.len()));
        }
    }

    /// Takes a document that speaks of other places only: what it refers to has left ours.
    fn leave(&self, book: &RuleBook, draft: &mut Draft<'_>, now: Timestamp) {
        let text = "it speaks of other places only: nothing of it is for this region".to_owned();
        draft.write(now, "elsewhere", &self.first.identity, text);
        if !self.first.references.is_empty() || self.first.line.is_some() {
            self.lift(draft, book, now);
        }
    }

    /// Says what is in force: parts that go on from what was told, and parts that are new.
    fn announce(
        &self,
        book: &RuleBook,
        draft: &mut Draft<'_>,
        parts: &[&Alert],
        (referred, is_unclear): (Vec<(WarningKey, Warning)>, bool),
        now: Timestamp,
    ) {
        let (parts, over): (Vec<&Alert>, Vec<&Alert>) = parts.iter().partition(|part| !part.has_expired(now));
        if let Some(last) = over.iter().map(|part| part.expires).max() {
            let text = format!("it ended at {} before it arrived: not sent", last.format("%F %T UTC"));
            draft.write(now, "held", &self.first.identity, text);
        }
        if parts.is_empty() {
            for (key, warning) in referred {
                finish(draft, book, &key, &warning, Change::Expired, None, now);
            }
            return;
        }
        let mut heirs = inherit(&parts, referred, is_unclear, now);
        for (number, part) in parts.iter().enumerate() {
            let heir = heirs.remove(&number).unwrap_or_default();
            if heir.before.is_empty() {
                begin(book, draft, &Beginning { feed: self.feed, part, left_to_it: heir.left_to_it }, now);
            } else {
                go_on(draft, OfficialPart::new(self.feed, part), &heir, now);
            }
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

/// What a document refers to.
struct Referred {
    live: Vec<(WarningKey, Warning)>,
    was_any: bool,
}

/// Whether an alert speaks of what an official warning was told by: it refers to one of its alerts, or bears the name that the
/// authority keeps for both.
fn speaks_of(alert: &Alert, official: &OfficialPart) -> bool {
    is_same_line(alert, &official.alert)
        || alert.references.iter().any(|reference| official.line.contains(&reference.to_string()))
}

/// Whether two alerts bear one name that their authority keeps through all editions.
fn is_same_line(one: &Alert, other: &Alert) -> bool {
    one.line.is_some() && (&one.line, &one.identity.sender) == (&other.line, &other.identity.sender)
}

/// Whether a warning has gone on since an alert was sent: then the alert arrives too late to say anything of it.
///
/// A date that still lies ahead is a fault of the authority's clock, and must not shut out all that it says from then on.
fn has_gone_on(warning: &Warning, alert: &Alert, now: Timestamp) -> bool {
    let newest = warning.official.as_ref().map(|official| official.alert.written());
    newest.is_some_and(|newest| newest <= now && alert.written() < newest)
}

/// A warning that begins.
struct Beginning<'a> {
    feed: &'a FeedId,
    part: &'a Alert,
    left_to_it: Vec<Warning>,
}

fn begin(book: &RuleBook, draft: &mut Draft<'_>, beginning: &Beginning<'_>, now: Timestamp) {
    let Beginning { feed, part, left_to_it } = beginning;
    if left_to_it.is_empty() && twins::wait(book, draft, feed, part, now) {
        return;
    }
    issue(book, draft, OfficialPart::new(feed, part), left_to_it, now);
}

/// Says an alert under a number of its own.
fn issue(book: &RuleBook, draft: &mut Draft<'_>, official: OfficialPart, left_to_it: &[Warning], now: Timestamp) {
    let mut taken = taken_over(draft, &official.alert, now);
    taken.extend(left_to_it.iter().cloned());
    let edition = Edition {
        number: automatic::number(book, draft, now),
        edition: 1,
        change: Change::Issued,
        before: &[],
        taken: &taken,
        only_in: Vec::new(),
    };
    let is_taken = |root: &str| draft.warning(&WarningKey::Official { root: root.to_owned() }).is_some();
    let key = WarningKey::Official { root: free(root(&official.alert), is_taken) };
    speak(draft, key, official, edition, now);
}

/// The rules' own warnings that end in an alert.
fn taken_over(draft: &mut Draft<'_>, alert: &Alert, now: Timestamp) -> Vec<Warning> {
    automatic::yield_to(draft, (alert.hazard, alert.severity), &alert.areas, alert.onset, now)
}

/// What an alert's warning is kept under: its name, and which part of it when it has several.
fn root(alert: &Alert) -> String {
    match alert.part {
        0 => alert.identity.to_string(),
        part => format!("{}#{part}", alert.identity),
    }
}

/// A name that nothing is kept under yet: what is placed later than the rest of its part needs one of its own.
fn free(name: String, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(&name) {
        return name;
    }
    (2..)
        .map(|number| format!("{name}+{number}"))
        .find(|other| !is_taken(other))
        .expect("numbers do not end before memory does")
}

/// Takes an update: the first warning that goes on in it does so in its words, and any others end in it.
fn go_on(draft: &mut Draft<'_>, official: OfficialPart, heir: &Heir, now: Timestamp) {
    let Some((key, told)) = heir.before.first() else { return };
    let alert = &official.alert;
    let worst = heir.before.iter().map(|(_, told)| told.severity).max().unwrap_or(told.severity);
    let change = if worst < alert.severity {
        Change::Raised
    } else if alert.severity < worst {
        Change::Lowered
    } else if told.until < alert.expires && told.areas[..] == alert.areas[..] && heir.before.len() == 1 {
        Change::Extended
    } else {
        Change::Updated
    };
    let mut line: Vec<String> = Vec::new();
    let before = heir.before.iter().filter_map(|(_, before)| before.official.as_ref());
    for triple in before.chain([&official]).flat_map(|official| &official.line) {
        if !line.contains(triple) {
            line.push(triple.clone());
        }
    }
    for (key, _) in &heir.before {
        draft.put_warning(key.clone(), None);
    }
    let before: Vec<Warning> = heir.before.iter().map(|(_, told)| told.clone()).collect();
    let mut taken = taken_over(draft, alert, now);
    taken.extend(heir.left_to_it.iter().cloned());
    let official = OfficialPart { line, trail: heir.trail.clone(), ..official };
    let edition = Edition {
        number: told.number.clone(),
        edition: told.edition + 1,
        change,
        before: &before,
        taken: &taken,
        only_in: Vec::new(),
    };
    speak(draft, key.clone(), official, edition, now);
}
