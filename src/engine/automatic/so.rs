//! What is so in one governorate: the rules judged, their latches turned, and what holds made of them.

use std::borrow::Cow;

use super::flaps;
use crate::bulletin::Evidence;
use crate::engine::FeedState;
use crate::engine::state::{Draft, LatchKey};
use crate::hazard::{Hazard, Severity};
use crate::ids::GovernorateId;
use crate::rule::judge::{self, Judgement, Readings, Seen, Sighting, Trust};
use crate::rule::{Rule, RuleBook, latch};
use crate::time::{TimeDelta, Timestamp};
use crate::warning::{So, WarningKey};

/// How long what was seen must be past before it counts as ended: hourly reports are that far apart.
const JUST_ENDED: TimeDelta = TimeDelta::hours(1);

/// What the rules say is so of a hazard in a governorate; turns their latches.
pub(super) fn what_is_so(
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
    let trust = Trust { feeds: &book.feeds, longest_silence: book.times.longest_silence };
    let shelf = draft.shelf(governorate);
    let judgements: Vec<Judgement> = rules.iter().map(|rule| judge::judge(rule, &shelf, draft, trust, now)).collect();
    let mut holders: Option<Timestamp> = None;
    for (rule, judgement) in rules.iter().zip(&judgements) {
        let key = LatchKey(rule.id.clone(), governorate.clone());
        let before = draft.latches(&key).cloned().unwrap_or_default();
        let after = latch::turn(rule, &before, judgement, book.times.flap_within, now);
        if after != before {
            tell_turn(draft, rule, governorate, latch::worst(&before), latch::worst(&after), now);
            flaps::tell(draft, (rule, governorate), (&before, &after), book.times.flap_within, now);
            draft.put_latches(key, after.clone());
        }
        let held = latch::held(&after, book.times.longest_silence, now);
        so.is_lost |= held.is_lost;
        if let Some((severity, unsure)) = held.worst {
            // What keeps a warning alive is news of what holds it, not of anything else.
            holders = holders.max(judgement.heard.map(|heard| unsure.map_or(heard, |since| since.min(heard))));
            so.severity = so.severity.max(Some(severity));
            so.is_passing &= is_passing(judgement, severity, now);
            if let Some((reached, sighting)) = sighting(judgement, severity) {
                so.seen = so.seen.max(Some(reached).filter(|_| !is_past(sighting, now)));
                so.begins = Some(so.begins.map_or(sighting.begins, |begins| begins.min(sighting.begins)));
                so.ends = so.ends.max(Some(sighting.ends));
                so.evidence.push(evidence(rule, governorate, reached, sighting));
            }
        }
    }
    let heard = judgements.iter().filter_map(|judgement| judgement.heard).max();
    so.is_passing &= so.severity.is_some();
    so.heard = if so.severity.is_some() { holders } else { heard };
    so.is_eased = !so.is_lost && is_eased(&judgements, so.severity);
    so.evidence.sort_by(|a, b| a.rule.cmp(&b.rule));
    so
}

/// Since when every feed is silent that a warning rests on: on what is seen now, or else on what was seen last.
pub(super) fn silence(draft: &Draft<'_>, so: &So, hazard: Hazard, governorate: &GovernorateId) -> Option<Timestamp> {
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
