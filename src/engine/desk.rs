//! The desk: what the people on duty say by their own hand. They warn where no rule and no authority does, add to what is told, end
//! their own warnings, and take back what was wrong, whoever said it.
//!
//! A warning of theirs lives as every other: under a number, in editions, until its told end. What they take back is not told again
//! by the rules for a while, however bad, since the rules still see what was found to be wrong. A drill keeps nobody quiet.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::automatic;
use super::staff::{MAX_TEXT, Silence};
use super::state::{Draft, State};
use crate::alert::Status;
use crate::bulletin::{Bulletin, ByHand, Change, Origin, Reach, Reason};
use crate::hazard::{Hazard, Severity};
use crate::ids::{BulletinId, GovernorateId};
use crate::language::direction::{is_arabic, is_latin, tame};
use crate::language::{Both, Grammar, Language};
use crate::rule::RuleBook;
use crate::time::{TimeDelta, Timestamp, seconds, span_text};
use crate::warning::{DeskPart, Warning, WarningKey, overtaken};

/// The longest that a warning of the desk may last or lie ahead; whoever still wants it then says so again.
pub const LONGEST_WARNING: TimeDelta = TimeDelta::hours(72);
/// The longest remarks, in characters of one language.
pub const MAX_REMARKS: usize = 500;
/// How long the rules keep quiet of what was taken back, when nobody says.
pub const USUAL_QUIET: TimeDelta = TimeDelta::hours(1);
/// How long they do so at most.
pub const LONGEST_QUIET: TimeDelta = TimeDelta::hours(6);
/// How old a bulletin may be that is taken back: what is older reaches nobody who still goes by it.
pub const OLDEST: TimeDelta = TimeDelta::days(3);

/// A warning by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warn {
    /// What threatens.
    pub hazard: Hazard,
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub governorates: BTreeSet<GovernorateId>,
    /// When it begins; none when it has begun.
    pub onset: Option<Timestamp>,
    /// When it ends.
    pub until: Timestamp,
    /// What is added to the words that are written for this hazard and severity.
    pub remarks: Option<Both<String>>,
    /// A drill: it reaches drill channels and nobody else.
    pub is_drill: bool,
    /// Who says so.
    pub by: String,
}

/// A change to a warning that is told. Of the desk's own, everything may change; of others, remarks are added and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amend {
    /// Its number, without the edition.
    pub number: String,
    /// How bad it is.
    pub severity: Option<Severity>,
    /// Where; all of it, when it is named at all.
    pub governorates: Option<BTreeSet<GovernorateId>>,
    /// When it ends.
    pub until: Option<Timestamp>,
    /// What is added.
    pub remarks: Option<Both<String>>,
    /// Who says so.
    pub by: String,
}

/// That something that was told is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correct {
    /// Its number, without the edition.
    pub number: String,
    /// Why.
    pub reason: Reason,
    /// What is added to the words that are written for this reason.
    pub remarks: Option<Both<String>>,
    /// How long the rules keep quiet of it.
    #[serde(with = "seconds", rename = "quiet_s")]
    pub quiet: TimeDelta,
    /// Who says so.
    pub by: String,
}

/// What is wrong with a text that somebody writes: each language is written in its own letters, and neither is missing.
pub(super) fn faults_of(what: &str, texts: &Both<String>, longest: usize) -> Vec<String> {
    let mut faults = Vec::new();
    for language in Language::ALL {
        let text = texts.get(language).trim();
        let count = |is: fn(char) -> bool| text.chars().filter(|letter| is(*letter)).count();
        let (arabic, latin) = (count(is_arabic), count(is_latin));
        let is_own = match language.grammar() {
            Grammar::Ar => latin < arabic,
            Grammar::En => arabic < latin,
        };
        let tag = language.tag();
        if text.is_empty() {
            faults.push(format!("`{what}` says nothing in `{tag}`: write it in both languages"));
        } else if !is_own {
            faults.push(format!("`{what}` in `{tag}` is not written in the letters of that language"));
        } else if longest < text.chars().count() {
            faults.push(format!("`{what}` in `{tag}` is longer than {longest} characters"));
        }
    }
    faults
}

fn faults_of_remarks(remarks: &Both<String>) -> Vec<String> {
    faults_of("remarks", remarks, MAX_REMARKS)
}

pub(super) fn faults_of_name(by: &str) -> Option<String> {
    let is_fit = !by.trim().is_empty() && by.chars().count() <= MAX_TEXT;
    (!is_fit).then(|| format!("say who you are, in {MAX_TEXT} characters at most"))
}

fn faults_of_places(book: &RuleBook, places: &BTreeSet<GovernorateId>) -> Vec<String> {
    let strangers = places.iter().filter(|place| book.governorates.get(place).is_none());
    let mut faults: Vec<String> = strangers.map(|place| format!("no governorate is called `{place}`")).collect();
    if places.is_empty() {
        faults.push("name the governorates: no place is never every place".to_owned());
    }
    faults
}

fn faults_of_times(onset: Option<Timestamp>, until: Timestamp, now: Timestamp) -> Vec<String> {
    let mut faults = Vec::new();
    if until <= now {
        faults.push("it would be over already: give it an end in the future".to_owned());
    }
    if now + LONGEST_WARNING < until {
        faults.push(format!("it would last longer than {}: say it again later", span_text(LONGEST_WARNING)));
    }
    if onset.is_some_and(|onset| until <= onset) {
        faults.push("it would end before it begins".to_owned());
    }
    faults
}

pub(super) fn all(faults: &[String]) -> Option<String> {
    (!faults.is_empty()).then(|| faults.join("\n"))
}

/// Why somebody cannot warn so, all reasons at once.
pub(super) fn refusal_to_warn(book: &RuleBook, warn: &Warn, now: Timestamp) -> Option<String> {
    let mut faults = faults_of_places(book, &warn.governorates);
    faults.extend(faults_of_times(warn.onset, warn.until, now));
    faults.extend(warn.remarks.iter().flat_map(faults_of_remarks));
    faults.extend(faults_of_name(&warn.by));
    all(&faults)
}

/// Why a warning cannot be changed so, all reasons at once.
pub(super) fn refusal_to_amend(book: &RuleBook, state: &State, amend: &Amend, now: Timestamp) -> Option<String> {
    let Some((_, told)) = state.warnings().find(|(_, warning)| warning.number == amend.number) else {
        return Some(unknown(&amend.number));
    };
    let mut faults: Vec<String> = amend.governorates.iter().flat_map(|all| faults_of_places(book, all)).collect();
    faults.extend(amend.until.iter().flat_map(|until| faults_of_times(Some(told.onset), *until, now)));
    faults.extend(amend.remarks.iter().flat_map(faults_of_remarks));
    faults.extend(faults_of_name(&amend.by));
    let changes = amend.severity.is_some() || amend.governorates.is_some() || amend.until.is_some();
    if told.desk.is_none() && changes {
        faults.push("it is not a warning of the desk: only remarks can be added to it".to_owned());
    }
    if !changes && amend.remarks.is_none() {
        faults.push("nothing would change".to_owned());
    }
    all(&faults)
}

/// Why a warning cannot be ended by hand.
pub(super) fn refusal_to_lift(state: &State, number: &str, by: &str) -> Option<String> {
    let told = state.warnings().find(|(_, warning)| warning.number == number);
    let why = match told {
        None => Some(unknown(number)),
        Some((_, told)) if told.desk.is_none() => Some(
            "it is not a warning of the desk: rules and authorities end theirs; `nadhir correct` takes back what is wrong"
                .to_owned(),
        ),
        Some(_) => None,
    };
    why.or_else(|| faults_of_name(by))
}

/// Why something cannot be taken back, all reasons at once; whether it was said at all is found elsewhere.
pub(super) fn refusal_to_correct(correct: &Correct) -> Option<String> {
    let mut faults: Vec<String> = correct.remarks.iter().flat_map(faults_of_remarks).collect();
    faults.extend(faults_of_name(&correct.by));
    if correct.quiet < TimeDelta::zero() || LONGEST_QUIET < correct.quiet {
        faults.push(format!("the rules keep quiet of it for {} at most", span_text(LONGEST_QUIET)));
    }
    all(&faults)
}

fn unknown(number: &str) -> String {
    format!("no warning {number} is in force; `nadhir status` shows those that are")
}

fn key(number: &str) -> WarningKey {
    WarningKey::Desk { number: number.to_owned() }
}

fn tamed(remarks: Option<&Both<String>>) -> Option<Both<String>> {
    let one_line = |text: &str| tame(text).split_whitespace().collect::<Vec<_>>().join(" ");
    remarks.map(|remarks| Both::each(|language| one_line(remarks.get(language))))
}

fn in_order(book: &RuleBook, places: &BTreeSet<GovernorateId>) -> Vec<GovernorateId> {
    let mut places: Vec<GovernorateId> = places.iter().cloned().collect();
    places.sort_by_key(|place| book.governorates.order(place));
    places
}

/// Warns. What the rules tell of the same there, and no worse, ends in it.
pub(super) fn warn(book: &RuleBook, draft: &mut Draft<'_>, warn: &Warn, now: Timestamp) {
    let status = if warn.is_drill { Status::Exercise } else { Status::Actual };
    let areas = in_order(book, &warn.governorates);
    let onset = warn.onset.unwrap_or(now);
    let taken = match status {
        Status::Actual => automatic::yield_to(draft, (warn.hazard, warn.severity), &areas, onset, now),
        _ => Vec::new(),
    };
    let number = automatic::number(book, draft, now);
    let mut reach = Reach::new(warn.hazard, warn.severity);
    taken.iter().for_each(|told| reach.take_in(&told.reach));
    let mut replaces: Vec<BulletinId> = taken.iter().flat_map(|told| draft.heritage(told, now)).collect();
    replaces.sort();
    replaces.dedup();
    let by_hand = ByHand { author: Some(warn.by.clone()), remarks: tamed(warn.remarks.as_ref()), reason: None };
    let overtaken = overtaken(&taken, &number, now);
    let told = Warning {
        last: BulletinId::new(&number, 1),
        number,
        edition: 1,
        hazard: warn.hazard,
        severity: warn.severity,
        reach,
        areas: areas.as_slice().into(),
        onset,
        until: warn.until,
        silent_since: None,
        evidence: Vec::new(),
        official: None,
        desk: Some(DeskPart { status, by_hand: by_hand.clone() }),
        overtaken,
        same_since: None,
    };
    draft.write(now, "desk", &told.last, format!("{} warns by hand", warn.by));
    draft.say(Bulletin { replaces, ..bulletin(&told, Change::Issued, None, by_hand, now) });
    draft.put_warning(key(&told.number), Some(told));
}

/// What is told of a warning now; what it takes the place of is for the caller to say.
fn bulletin(told: &Warning, change: Change, was: Option<Severity>, by_hand: ByHand, now: Timestamp) -> Bulletin {
    let (status, origin) = match (&told.desk, &told.official) {
        (Some(desk), _) => (desk.status, Origin::Desk),
        (None, Some(official)) => {
            let alert = &official.alert;
            let (identity, words) = (alert.identity.clone(), alert.words.clone());
            (alert.status, Origin::Official { feed: official.feed.clone(), identity, words })
        }
        (None, None) => (Status::Actual, Origin::Automatic { evidence: told.evidence.clone() }),
    };
    Bulletin {
        id: told.last.clone(),
        number: told.number.clone(),
        edition: told.edition,
        replaces: Vec::new(),
        change,
        status,
        hazard: told.hazard,
        severity: told.severity,
        was,
        reach: told.reach.clone(),
        areas: told.areas.to_vec(),
        left: Vec::new(),
        doubtful: Vec::new(),
        parted: Vec::new(),
        same_since: None,
        issued: now,
        onset: told.onset,
        until: told.until,
        stale_after: told.until,
        silent_since: told.silent_since,
        only_in: Vec::new(),
        origin,
        by_hand,
    }
}

/// All that is kept of a warning under its number: one of the rules is kept for each of its places.
fn kept(draft: &Draft<'_>, number: &str) -> Vec<(WarningKey, Warning)> {
    let of_number = draft.warnings().filter(|(_, warning)| warning.number == number);
    of_number.map(|(key, warning)| (key.clone(), warning.clone())).collect()
}

/// Changes a warning, or adds to it.
pub(super) fn amend(book: &RuleBook, draft: &mut Draft<'_>, amend: &Amend, now: Timestamp) {
    let kept = kept(draft, &amend.number);
    let Some((_, told)) = kept.first() else { return };
    let by_hand = ByHand {
        author: Some(amend.by.clone()),
        remarks: tamed(amend.remarks.as_ref())
            .or_else(|| told.desk.as_ref().and_then(|desk| desk.by_hand.remarks.clone())),
        reason: None,
    };
    let severity = amend.severity.unwrap_or(told.severity);
    let areas = amend.governorates.as_ref().map_or_else(|| told.areas.to_vec(), |all| in_order(book, all));
    let until = amend.until.unwrap_or(told.until);
    let change = if told.severity < severity {
        Change::Raised
    } else if severity < told.severity {
        Change::Lowered
    } else if told.until < until && areas[..] == told.areas[..] && amend.remarks.is_none() {
        Change::Extended
    } else {
        Change::Updated
    };
    let left = told.areas.iter().filter(|area| !areas.contains(area)).cloned().collect();
    let mut reach = Reach::new(told.hazard, severity);
    reach.take_in(&told.reach);
    let evidence = kept.iter().flat_map(|(_, one)| one.evidence.clone()).collect();
    let next = Warning {
        edition: told.edition.saturating_add(1),
        last: BulletinId::new(&told.number, told.edition.saturating_add(1)),
        severity,
        reach,
        areas: areas.as_slice().into(),
        until,
        evidence,
        desk: told.desk.as_ref().map(|desk| DeskPart { by_hand: by_hand.clone(), ..desk.clone() }),
        ..told.clone()
    };
    draft.write(now, "desk", &next.last, format!("{} changes it or adds to it", amend.by));
    let replaces = draft.heritage(told, now);
    draft.say(Bulletin { left, replaces, ..bulletin(&next, change, Some(told.severity), by_hand, now) });
    for (key, one) in kept {
        // Each place keeps what was seen in it.
        let evidence = one.evidence;
        draft.put_warning(key, Some(Warning { evidence, ..next.clone() }));
    }
}

/// Ends a warning of the desk: the danger has passed.
pub(super) fn lift(book: &RuleBook, draft: &mut Draft<'_>, number: &str, by: &str, now: Timestamp) {
    let Some(told) = draft.warning(&key(number)).cloned() else { return };
    draft.write(now, "desk", &told.last, format!("{by} ends it"));
    end(book, draft, &told, Change::Lifted, Some(by), now);
}

/// Ends the warnings of the desk whose time has run out.
pub(super) fn run_out(book: &RuleBook, draft: &mut Draft<'_>, now: Timestamp) {
    let over: Vec<Warning> = draft.by_hand().filter(|told| told.until <= now).cloned().collect();
    for told in over {
        end(book, draft, &told, Change::Expired, None, now);
    }
}

fn end(book: &RuleBook, draft: &mut Draft<'_>, told: &Warning, change: Change, by: Option<&str>, now: Timestamp) {
    let ended = told.until.min(now);
    let edition = told.edition.saturating_add(1);
    let last = Warning { edition, last: BulletinId::new(&told.number, edition), ..told.clone() };
    let by_hand = ByHand { author: by.map(str::to_owned), ..ByHand::default() };
    draft.say(Bulletin {
        replaces: draft.heritage(told, now),
        onset: told.onset.min(ended),
        until: ended,
        stale_after: now + book.times.end_notice,
        ..bulletin(&last, change, Some(told.severity), by_hand, now)
    });
    draft.put_warning(key(&told.number), None);
}

/// Takes back what was told, of which this was the last bulletin: in all places that it named, under the same number. The rules keep
/// quiet of it there for a while.
pub(super) fn correct(book: &RuleBook, draft: &mut Draft<'_>, correct: &Correct, said: &Bulletin, now: Timestamp) {
    let kept = kept(draft, &correct.number);
    let edition = kept.iter().map(|(_, told)| told.edition).chain([said.edition]).max().unwrap_or(said.edition);
    let mut areas = said.areas.clone();
    areas.extend(kept.iter().flat_map(|(_, told)| told.areas.iter().cloned()));
    areas.sort_by_key(|area| book.governorates.order(area));
    areas.dedup();
    let mut replaces: Vec<BulletinId> =
        kept.iter().flat_map(|(_, told)| told.overtaken.iter().map(|one| one.id.clone())).collect();
    replaces.retain(|id| !draft.is_in_force(id.number()));
    replaces.push(BulletinId::new(&said.number, edition));
    replaces.sort();
    replaces.dedup();
    let edition = edition.saturating_add(1);
    let origin = match &said.origin {
        Origin::Automatic { .. } => Origin::Automatic { evidence: Vec::new() },
        other => other.clone(),
    };
    let bulletin = Bulletin {
        id: BulletinId::new(&said.number, edition),
        edition,
        replaces,
        change: Change::Corrected,
        was: Some(said.severity),
        areas: areas.clone(),
        left: Vec::new(),
        doubtful: Vec::new(),
        parted: Vec::new(),
        same_since: None,
        issued: now,
        onset: said.onset.min(now),
        until: now,
        stale_after: now + book.times.end_notice,
        silent_since: None,
        only_in: Vec::new(),
        origin,
        by_hand: ByHand {
            author: Some(correct.by.clone()),
            remarks: tamed(correct.remarks.as_ref()),
            reason: Some(correct.reason),
        },
        ..said.clone()
    };
    let text = format!("{} takes back {}: {}", correct.by, said.id, correct.reason.name());
    draft.write(now, "desk", &bulletin.id, text);
    for (key, _) in kept {
        draft.put_warning(key, None);
    }
    if matches!(said.origin, Origin::Automatic { .. }) {
        disbelieve(draft, correct, (said.hazard, said.severity), areas, now);
    }
    draft.say(bulletin);
}

/// Keeps the rules quiet, for a while, of what they still see and what was found to be wrong. What is worse is told.
fn disbelieve(
    draft: &mut Draft<'_>,
    correct: &Correct,
    (hazard, up_to): (Hazard, Severity),
    places: Vec<GovernorateId>,
    now: Timestamp,
) {
    if correct.quiet <= TimeDelta::zero() {
        return;
    }
    let number = draft.silences().last().map_or(1, |(last, _)| last.saturating_add(1));
    let silence = Silence {
        hazards: BTreeSet::from([hazard]),
        governorates: places.into_iter().collect(),
        up_to,
        until: now + correct.quiet,
        by: correct.by.clone(),
        reason: format!("{} was taken back", correct.number),
    };
    draft.write(now, "silence-begun", &number, format!("no word of {}", super::staff::told(&silence)));
    draft.put_silence(number, Some(silence));
}

/// What was refused is not told: where a milder word of it stands, that goes on, and the rules keep quiet of what is worse for a
/// while.
pub(super) fn stand_back(draft: &mut Draft<'_>, correct: &Correct, said: &Bulletin, was: Severity, now: Timestamp) {
    let kept = kept(draft, &correct.number);
    let places: Vec<GovernorateId> = kept.iter().flat_map(|(_, told)| told.areas.iter().cloned()).collect();
    let text = format!("{} refuses {}: it is told as {was}, as before", correct.by, said.id);
    draft.write(now, "desk", &said.id, text);
    for (key, told) in kept {
        draft.put_warning(key, Some(Warning { severity: was, ..told }));
    }
    if matches!(said.origin, Origin::Automatic { .. }) {
        disbelieve(draft, correct, (said.hazard, said.severity), places, now);
    }
}
