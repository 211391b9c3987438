//! Automatic warnings: the rules judged, the latches turned, what was told compared with what is so.
//!
//! Where an authority has spoken of the same hazard, and no more mildly, the rules keep quiet.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::Datelike;

use super::state::{Draft, LatchKey};
use super::{FeedState, Touched, staff};
use crate::alert::{Alert, Status};
use crate::bulletin::{Bulletin, Change, Evidence, Origin, Reach};
use crate::hazard::{Hazard, Severity};
use crate::ids::{BulletinId, GovernorateId};
use crate::rule::judge::{self, Judgement, Seen, Sighting, Trust};
use crate::rule::{Rule, RuleBook, latch};
use crate::time::{TimeDelta, Timestamp};
use crate::warning::{Move, So, Warning, WarningKey, compare};

/// How long what was seen must be past before it counts as ended: hourly reports are that far apart.
const JUST_ENDED: TimeDelta = TimeDelta::hours(1);

/// Judges what was touched and says what has to be said.
pub(super) fn judge(book: &RuleBook, draft: &mut Draft<'_>, touched: &Touched, now: Timestamp) {
    let mut cases: Vec<(Hazard, GovernorateId)> = cases(book, draft, touched).into_iter().collect();
    // What quiets others is told before them.
    cases.sort_by_key(|(hazard, _)| !book.inhibitions.iter().any(|one| one.hazard == *hazard));
    for (hazard, governorate) in cases {
        let rules = book.rules_for(hazard, &governorate, now);
        let mut so = what_is_so(book, draft, &rules, &governorate, now);
        so.silent = silence(draft, &so, hazard, &governorate);
        settle(book, draft, hazard, &governorate, &so, now);
    }
}

/// Which hazards have to be weighed where: those with a rule that reads what was touched, and on a tick every one.
fn cases(book: &RuleBook, draft: &Draft<'_>, touched: &Touched) -> BTreeSet<(Hazard, GovernorateId)> {
    let mut cases = BTreeSet::new();
    for rule in &book.rules {
        for governorate in &rule.governorates {
            let is_touched = match touched {
                Touched::All => true,
                Touched::Only(touched) => rule.metrics().any(|metric| touched.contains(&(governorate.clone(), metric))),
            };
            if is_touched {
                cases.insert((rule.hazard, governorate.clone()));
            }
        }
    }
    // A live warning that no rule speaks of any more still has to run out; a tick sees to that.
    if matches!(touched, Touched::All) {
        for (key, _) in draft.warnings() {
            if let WarningKey::Automatic { hazard, governorate } = key {
                cases.insert((*hazard, governorate.clone()));
            }
        }
    }
    cases
}

fn what_is_so(
    book: &RuleBook,
    draft: &mut Draft<'_>,
    rules: &[Cow<'_, Rule>],
    governorate: &GovernorateId,
    now: Timestamp,
) -> So {
    let mut so = So {
        severity: None,
        seen: None,
        begins: None,
        ends: None,
        evidence: Vec::new(),
        heard: None,
        silent: None,
        is_passing: true,
        is_lost: false,
        is_eased: false,
    };
    let mut judgements = Vec::new();
    let mut holders: Option<Timestamp> = None;
    for rule in rules {
        let trust = Trust { feeds: &book.feeds, longest_silence: book.times.longest_silence };
        let judgement = judge::judge(rule, governorate, draft, trust, now);
        let key = LatchKey(rule.id.clone(), governorate.clone());
        let before = draft.latches(&key).cloned().unwrap_or_default();
        let after = latch::turn(rule, &before, &judgement, now);
        if after != before {
            tell_turn(draft, rule, governorate, latch::worst(&before), latch::worst(&after), now);
            draft.put_latches(key, after.clone());
        }
        let held = latch::held(&after, book.times.longest_silence, now);
        so.is_lost |= held.is_lost;
        if let Some((severity, unsure)) = held.worst {
            // What keeps a warning alive is news of what holds it, not of anything else.
            holders = holders.max(judgement.heard.map(|heard| unsure.map_or(heard, |since| since.min(heard))));
            so.severity = so.severity.max(Some(severity));
            so.is_passing &= is_passing(&judgement, severity, now);
            if let Some((reached, sighting)) = sighting(&judgement, severity) {
                so.seen = so.seen.max(Some(reached).filter(|_| !is_past(sighting, now)));
                so.begins = Some(so.begins.map_or(sighting.begins, |begins| begins.min(sighting.begins)));
                so.ends = so.ends.max(Some(sighting.ends));
                so.evidence.push(evidence(rule, governorate, reached, sighting));
            }
        }
        judgements.push(judgement);
    }
    let heard = judgements.iter().filter_map(|judgement| judgement.heard).max();
    so.is_passing &= so.severity.is_some();
    so.heard = if so.severity.is_some() { holders } else { heard };
    so.is_eased = !so.is_lost && is_eased(&judgements, so.severity);
    so.evidence.sort_by(|a, b| a.rule.cmp(&b.rule));
    so
}

/// Since when every feed is silent that a warning rests on: on what is seen now, or else on what was seen last.
fn silence(draft: &Draft<'_>, so: &So, hazard: Hazard, governorate: &GovernorateId) -> Option<Timestamp> {
    let key = WarningKey::Automatic { hazard, governorate: governorate.clone() };
    let evidence = match so.evidence.as_slice() {
        [] => draft.warning(&key).map(|told| told.evidence.as_slice()).unwrap_or_default(),
        seen => seen,
    };
    let silences = evidence.iter().map(|one| draft.feed(&one.feed).and_then(FeedState::silent_since));
    silences.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// Whether data say that a severity which is held is not reached any more, or was and has ended.
fn is_passing(judgement: &Judgement, severity: Severity, now: Timestamp) -> bool {
    judgement.seen.iter().find(|(of, _)| *of == severity).is_some_and(|(_, seen)| match seen {
        Seen::Reached(sighting) => is_past(sighting, now),
        Seen::Between | Seen::Clear => true,
        Seen::Unknown => false,
    })
}

fn is_past(sighting: &Sighting, now: Timestamp) -> bool {
    sighting.ends < now - JUST_ENDED
}

/// Whether data say that nothing worse than a severity holds, rather than that nobody knows: a rule that is new or has another
/// name since a reload has latches that were never closed, and that alone is no good news.
fn is_eased(judgements: &[Judgement], severity: Option<Severity>) -> bool {
    let above: Vec<&Seen> = judgements
        .iter()
        .filter_map(|judgement| judgement.seen.iter().find(|(of, _)| severity < Some(*of)))
        .map(|(_, seen)| seen)
        .collect();
    if above.is_empty() {
        // No rule knows anything worse any more.
        return severity.is_some();
    }
    // What is reached and still being weighed is no good news either.
    let is_reached = above.iter().any(|seen| matches!(seen, Seen::Reached(_)));
    !is_reached && above.iter().any(|seen| matches!(seen, Seen::Clear | Seen::Between))
}

/// What is seen now of a severity that holds, or of a milder one when the value has eased; with the severity that it has reached.
fn sighting(judgement: &Judgement, severity: Severity) -> Option<(Severity, &Sighting)> {
    judgement.seen.iter().rev().filter(|(of, _)| *of <= severity).find_map(|(of, seen)| match seen {
        Seen::Reached(sighting) => Some((*of, sighting)),
        Seen::Between | Seen::Clear | Seen::Unknown => None,
    })
}

fn evidence(rule: &Rule, governorate: &GovernorateId, severity: Severity, sighting: &Sighting) -> Evidence {
    let threshold = rule.thresholds.iter().find(|threshold| threshold.severity == severity);
    Evidence {
        rule: rule.id.clone(),
        governorate: governorate.clone(),
        metric: rule.metric,
        basis: sighting.key.basis,
        statistic: rule.window.statistic,
        window: rule.window.span,
        at: sighting.at,
        value: sighting.value,
        threshold: threshold.map_or(sighting.value, |threshold| threshold.raise),
        feed: sighting.key.feed.clone(),
        station: sighting.key.station.as_deref().map(str::to_owned),
    }
}

fn tell_turn(
    draft: &mut Draft<'_>,
    rule: &Rule,
    governorate: &GovernorateId,
    before: Option<Severity>,
    after: Option<Severity>,
    now: Timestamp,
) {
    if before == after {
        return;
    }
    let name = |severity: Option<Severity>| severity.map_or("nothing", Severity::name);
    let text = format!("{} holds {} in {governorate}, before {}", rule.id, name(after), name(before));
    draft.write(now, "rule", &rule.id, text);
}

/// Compares told and so, keeps quiet where an authority has spoken, and says the rest.
fn settle(
    book: &RuleBook,
    draft: &mut Draft<'_>,
    hazard: Hazard,
    governorate: &GovernorateId,
    so: &So,
    now: Timestamp,
) {
    let key = WarningKey::Automatic { hazard, governorate: governorate.clone() };
    if staff::is_quiet(book, draft, &key, so.severity, now) {
        return;
    }
    let mut told = draft.warning(&key).cloned();
    let begins = so.begins.map_or(now, |begins| begins.max(now));
    let spoken = official_severity(draft, hazard, governorate, begins);
    let floor = official_severity(draft, hazard, governorate, now).max(spoken);
    let mut so = Cow::Borrowed(so);
    let mut is_spoken_for = false;
    match &told {
        None if spoken.is_some() && so.severity <= spoken => return,
        // Told beside the authority, since it was worse or came first; it is never heard to fall below the authority's word.
        Some(warning) if floor.is_some() && so.severity <= floor => {
            if Some(warning.severity) <= floor {
                if warning.until <= now {
                    draft.put_warning(key, None);
                    let text = "its time ran out while an authority speaks of it: the rules keep quiet".to_owned();
                    draft.write(now, "quiet", &warning.last, text);
                }
                return;
            }
            so.to_mut().severity = floor;
            // What is worse than the authority's word ends in the open, and nothing begins beside that word.
            so.to_mut().seen = so.seen.min(floor);
            is_spoken_for = true;
        }
        None | Some(_) => {}
    }
    // At most two things are said in one turn: that the time of the old one ran out, and what is so now.
    for _ in 0..2 {
        let Some(found) = compare(told.as_ref(), &so, &book.times, now) else { return };
        told = say(book, draft, &key, told, &so, &found, now);
        if told.is_none() && is_spoken_for {
            return;
        }
    }
}

/// How long an authority's warning keeps the rules quiet at most: one that ends in a wrong year must not do so for ever.
pub(super) const LONGEST_QUIET: TimeDelta = TimeDelta::days(7);

/// The worst severity that an authority has in force for a hazard in a governorate at a moment. A warning of tomorrow says
/// nothing of today.
pub(super) fn official_severity(
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

/// Says one thing and returns what is told from then on.
fn say(
    book: &RuleBook,
    draft: &mut Draft<'_>,
    key: &WarningKey,
    told: Option<Warning>,
    so: &So,
    found: &Move,
    now: Timestamp,
) -> Option<Warning> {
    let WarningKey::Automatic { hazard, governorate } = key else { return told };
    let is_end = found.change.is_end();
    let (number, edition) = match &told {
        Some(told) => (told.number.clone(), told.edition + 1),
        None => (number(book, draft, now), 1),
    };
    let id = BulletinId::new(&number, edition);
    let evidence = match (&told, found.change) {
        (_, Change::Lifted | Change::Expired) => Vec::new(),
        // What nobody has seen again rests on what was seen last.
        (Some(told), Change::Extended | Change::Updated) if so.evidence.is_empty() => told.evidence.clone(),
        (_, _) => so.evidence.clone(),
    };
    let mut reach = Reach::new(*hazard, found.severity);
    told.iter().for_each(|told| reach.take_in(&told.reach));
    draft.say(Bulletin {
        id: id.clone(),
        number: number.clone(),
        edition,
        replaces: told.iter().map(|told| told.last.clone()).collect(),
        change: found.change,
        status: Status::Actual,
        hazard: *hazard,
        severity: found.severity,
        was: told.as_ref().map(|told| told.severity),
        reach: reach.clone(),
        areas: vec![governorate.clone()],
        left: Vec::new(),
        doubtful: Vec::new(),
        issued: now,
        onset: found.onset,
        until: found.until,
        stale_after: if is_end { now + book.times.end_notice } else { found.until },
        silent_since: found.silent_since,
        only_in: Vec::new(),
        origin: Origin::Automatic { evidence: evidence.clone() },
    });
    let now_told = (!is_end).then(|| Warning {
        number,
        edition,
        last: id,
        hazard: *hazard,
        severity: found.severity,
        reach,
        areas: vec![governorate.clone()],
        onset: found.onset,
        until: found.until,
        silent_since: found.silent_since,
        evidence,
        official: None,
    });
    draft.put_warning(key.clone(), now_told.clone());
    now_told
}

/// The number of a new warning: who, in which year, and which one of that year.
pub(super) fn number(book: &RuleBook, draft: &mut Draft<'_>, now: Timestamp) -> String {
    let year = now.year();
    let count = draft.next_number(year);
    format!("{}-{year}-{count:06}", book.code)
}

/// Ends the rules' own warnings that an official one takes the place of, and returns them. One that holds before the official
/// one begins is not taken: until then nobody else speaks of it.
pub(super) fn yield_to(draft: &mut Draft<'_>, alert: &Alert, now: Timestamp) -> Vec<Warning> {
    let mut taken = BTreeMap::new();
    for governorate in &alert.areas {
        let key = WarningKey::Automatic { hazard: alert.hazard, governorate: governorate.clone() };
        let is_taken = |told: &&Warning| told.severity <= alert.severity && alert.has_begun(told.onset.max(now));
        if let Some(told) = draft.warning(&key).filter(is_taken) {
            taken.insert(key, told.clone());
        }
    }
    for (key, told) in &taken {
        draft.put_warning(key.clone(), None);
        draft.write(now, "quiet", &told.last, "an authority has taken it over".to_owned());
    }
    taken.into_values().collect()
}
