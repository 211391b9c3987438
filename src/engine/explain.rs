//! Why it is as it is: for one governorate what is in force, what each rule sees there now, and who keeps quiet.
//!
//! A plain function over rules and state. It decides nothing: verdicts are those of [`account`], and what is due next is what
//! [`step`] itself would say at this moment.

use serde::Serialize;

use super::state::{Draft, LatchKey};
use super::{Event, FeedState, State, automatic, step};
use crate::bulletin::{Change, Evidence};
use crate::hazard::{Hazard, Severity};
use crate::ids::{BulletinId, FeedId, GovernorateId, RuleId, SeasonId};
use crate::rule::judge::Trust;
use crate::rule::judge::account::{Account, account};
use crate::rule::latch::{self, Latches};
use crate::rule::{Override, Rule, RuleBook};
use crate::time::{TimeDelta, Timestamp, seconds};
use crate::warning::{Warning, WarningKey};

/// Why it is as it is with one hazard in one governorate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Of what.
    pub hazard: Hazard,
    /// Where.
    pub governorate: GovernorateId,
    /// When this was looked at.
    pub at: Timestamp,
    /// The worst severity that is in force now, whoever says so.
    pub severity: Option<Severity>,
    /// The warnings in force, the worst first; also those that begin later.
    pub warnings: Vec<InForce>,
    /// Set while it has begun and waits for other places, to be told with them.
    pub waits: Option<Waiting>,
    /// Set while the rules keep quiet because an authority has spoken.
    pub quiet: Option<Quiet>,
    /// What would be said at this moment: empty unless the service is late or stopped.
    pub due: Vec<Due>,
    /// Every rule of the hazard that is for this governorate.
    pub rules: Vec<RuleExplanation>,
}

/// A warning in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InForce {
    /// Its number.
    pub number: String,
    /// The last edition.
    pub edition: u32,
    /// The name of that.
    pub bulletin: BulletinId,
    /// How bad, as told.
    pub severity: Severity,
    /// When it begins, as told.
    pub onset: Timestamp,
    /// When it ends, as told.
    pub until: Timestamp,
    /// True when that it begins lies behind.
    pub has_begun: bool,
    /// True when an authority says so.
    pub is_official: bool,
    /// Who says so, in the authority's words; none for the rules' own.
    pub authority: Option<String>,
    /// Set when it was told to stand without fresh data.
    pub silent_since: Option<Timestamp>,
    /// The feeds that it rests on.
    pub feeds: Vec<FeedId>,
    /// Those of them that are silent now.
    pub silent_feeds: Vec<FeedId>,
    /// The values that it was told on; empty for an official one.
    pub evidence: Vec<Evidence>,
}

/// That a place waits for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// How bad what was seen last is.
    pub severity: Severity,
    /// Since when.
    pub since: Timestamp,
    /// Until when at the latest; other places may have waited for longer.
    pub until: Timestamp,
}

/// That the rules keep quiet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quiet {
    /// Up to which severity.
    pub up_to: Severity,
    /// Because of which official warnings.
    pub because_of: Vec<BulletinId>,
}

/// What would be said at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Due {
    /// What would be said to have happened.
    pub change: Change,
    /// How bad.
    pub severity: Severity,
}

/// What one rule sees.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleExplanation {
    /// Which.
    pub rule: RuleId,
    /// False when it is switched off there and then.
    pub is_on: bool,
    /// The overrides that hold there now, in their order; the last one counts.
    pub overrides: Vec<OverrideTold>,
    /// The worst severity that it holds.
    pub holds: Option<Severity>,
    /// Its latches that are not simply open.
    pub latches: Vec<LatchTold>,
    /// How long a threshold must stay reached.
    #[serde(with = "seconds", rename = "rise_after_s")]
    pub rise_after: TimeDelta,
    /// How long it must stay clear.
    #[serde(with = "seconds", rename = "ease_after_s")]
    pub ease_after: TimeDelta,
    /// For how long every window before must have reached it too.
    #[serde(with = "seconds", rename = "lasts_s")]
    pub lasts: TimeDelta,
    /// Where its thresholds come from.
    pub source: String,
    /// What it sees; none when it is switched off.
    pub account: Option<Account>,
}

/// An override that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OverrideTold {
    /// Which one of the rule, from 1.
    pub number: usize,
    /// True when it is for some governorates only.
    pub is_local: bool,
    /// Those of its seasons that hold now.
    pub seasons: Vec<SeasonId>,
    /// The keys that it changes.
    pub changes: Vec<&'static str>,
}

/// A latch that is closed, or on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LatchTold {
    /// Of which severity.
    pub severity: Severity,
    /// True when the severity is held.
    pub is_closed: bool,
    /// Since when its threshold is reached while it is still open.
    pub rising_since: Option<Timestamp>,
    /// When it closes if that goes on.
    pub closes_at: Option<Timestamp>,
    /// Since when all is clear while it is still closed.
    pub easing_since: Option<Timestamp>,
    /// When it opens if that goes on.
    pub opens_at: Option<Timestamp>,
    /// How many times in a row it has closed again soon after it had opened: each doubles how long it must stay clear.
    pub returns: u8,
    /// Since when nobody can tell.
    pub unsure_since: Option<Timestamp>,
    /// When it holds nothing any more if that goes on.
    pub lost_at: Option<Timestamp>,
}

/// The hazards that are of interest in a governorate: those that a rule is for there, and those that are warned of.
pub fn hazards(book: &RuleBook, state: &State, governorate: &GovernorateId) -> Vec<Hazard> {
    let has_rule =
        |hazard: Hazard| book.rules.iter().any(|rule| rule.hazard == hazard && rule.governorates.contains(governorate));
    let is_warned_of =
        |hazard: Hazard| state.warnings().any(|(_, told)| told.hazard == hazard && told.areas.contains(governorate));
    Hazard::ALL.iter().copied().filter(|hazard| has_rule(*hazard) || is_warned_of(*hazard)).collect()
}

/// Explains one hazard in one governorate.
pub fn explain(
    book: &RuleBook,
    state: &State,
    governorate: &GovernorateId,
    hazard: Hazard,
    now: Timestamp,
) -> Explanation {
    let draft = Draft::new(state);
    let rules = book.rules.iter().filter(|rule| rule.hazard == hazard && rule.governorates.contains(governorate));
    let rules: Vec<RuleExplanation> = rules.map(|rule| explain_rule(book, &draft, rule, governorate, now)).collect();
    // The rules' own are kept for each of the places that share them, with what was seen in it.
    let is_here = |(key, told): &(&WarningKey, &Warning)| match key {
        WarningKey::Automatic { hazard: of, governorate: place } => (*of, place) == (hazard, governorate),
        WarningKey::Official { .. } | WarningKey::Desk { .. } => {
            told.hazard == hazard && told.areas.contains(governorate)
        }
    };
    let mut warnings: Vec<InForce> =
        state.warnings().filter(is_here).map(|(_, told)| in_force(state, told, now)).collect();
    warnings.sort_by(|one, other| (other.severity, &one.bulletin).cmp(&(one.severity, &other.bulletin)));
    let key = WarningKey::Automatic { hazard, governorate: governorate.clone() };
    let waits = draft.wait(&key).map(|wait| {
        let (since, severity) = wait.told();
        Waiting { severity, since, until: since + book.times.group_wait }
    });
    let said = step(book, state, &Event::Tick, now).bulletins;
    let due = said.iter().filter(|one| one.hazard == hazard && one.areas.contains(governorate));
    Explanation {
        hazard,
        governorate: governorate.clone(),
        at: now,
        severity: warnings.iter().filter(|one| one.has_begun && now < one.until).map(|one| one.severity).max(),
        waits,
        quiet: quiet(&draft, &rules, governorate, hazard, now),
        warnings,
        due: due.map(|one| Due { change: one.change, severity: one.severity }).collect(),
        rules,
    }
}

fn in_force(state: &State, told: &Warning, now: Timestamp) -> InForce {
    let mut feeds: Vec<FeedId> = told.evidence.iter().map(|one| one.feed.clone()).collect();
    feeds.extend(told.official.iter().map(|official| official.feed.clone()));
    feeds.sort();
    feeds.dedup();
    let is_silent = |feed: &&FeedId| state.feed(feed).and_then(FeedState::silent_since).is_some();
    let authority = told.official.as_ref().map(|official| {
        let mut named = official.alert.words.iter().filter_map(|words| words.sender_name.clone());
        named.next_back().unwrap_or_else(|| official.alert.identity.sender.clone())
    });
    InForce {
        number: told.number.clone(),
        edition: told.edition,
        bulletin: told.last.clone(),
        severity: told.severity,
        onset: told.onset,
        until: told.until,
        has_begun: told.onset <= now,
        is_official: told.official.is_some(),
        authority,
        silent_since: told.silent_since,
        silent_feeds: feeds.iter().filter(is_silent).cloned().collect(),
        feeds,
        evidence: told.evidence.clone(),
    }
}

/// Up to which severity the rules keep quiet: what an authority says of now, and of the time that the rules speak of.
fn quiet(
    draft: &Draft<'_>,
    rules: &[RuleExplanation],
    governorate: &GovernorateId,
    hazard: Hazard,
    now: Timestamp,
) -> Option<Quiet> {
    let seen = rules.iter().filter_map(|rule| rule.account.as_ref()).flat_map(|account| &account.severities);
    let begins = seen.filter_map(|severity| severity.by.as_ref()).map(|by| by.begins).min();
    let begins = begins.map_or(now, |begins| begins.max(now));
    let spoken = |moment| automatic::spoken_severity(draft, hazard, governorate, moment);
    let up_to = spoken(now).max(spoken(begins))?;
    let is_one = |told: &&Warning| told.hazard == hazard && told.areas.contains(governorate);
    let speaks = |told: &Warning| (told.onset <= now || told.onset <= begins) && now < told.until;
    let speakers = draft.officials().map(|(_, told)| told).chain(draft.by_hand());
    let mut because_of: Vec<BulletinId> =
        speakers.filter(is_one).filter(|told| speaks(told)).map(|told| told.last.clone()).collect();
    because_of.sort();
    Some(Quiet { up_to, because_of })
}

fn explain_rule(
    book: &RuleBook,
    draft: &Draft<'_>,
    rule: &Rule,
    governorate: &GovernorateId,
    now: Timestamp,
) -> RuleExplanation {
    let holding = rule.overrides.iter().enumerate().filter(|(_, one)| one.holds(governorate, &book.seasons, now));
    let overrides = holding.map(|(place, one)| told_override(book, place + 1, one, now)).collect();
    let there = rule.at(governorate, &book.seasons, now);
    let is_on = there.is_some();
    let as_is = there.as_deref().unwrap_or(rule);
    let trust = Trust { feeds: &book.feeds, longest_silence: book.times.longest_silence };
    let empty = Latches::new();
    let latches = draft.latches(&LatchKey(rule.id.clone(), governorate.clone())).unwrap_or(&empty);
    let flap_within = book.times.flap_within;
    let moved = latches.iter().filter(|(_, latch)| !latch.is_at_rest());
    let longest = book.times.longest_silence;
    RuleExplanation {
        rule: rule.id.clone(),
        is_on,
        overrides,
        holds: latch::held(latches, longest, now).worst.map(|(severity, _)| severity),
        latches: moved.map(|(severity, latch)| told_latch(as_is, *severity, *latch, (longest, flap_within))).collect(),
        rise_after: as_is.rise_after,
        ease_after: as_is.ease_after,
        lasts: as_is.lasts,
        source: rule.source.clone(),
        account: there.as_deref().map(|rule| account(rule, governorate, draft, trust, now)),
    }
}

fn told_latch(
    rule: &Rule,
    severity: Severity,
    latch: latch::Latch,
    (longest_silence, flap_within): (TimeDelta, TimeDelta),
) -> LatchTold {
    let ease_after = |since| latch.ease(rule.ease_after, flap_within, since);
    LatchTold {
        severity,
        is_closed: latch.is_closed,
        rising_since: latch.rising,
        closes_at: latch.rising.map(|since| since + rule.rise_after),
        easing_since: latch.easing,
        opens_at: latch.easing.map(|since| since + ease_after(since)),
        returns: latch.returns,
        unsure_since: latch.unsure,
        lost_at: latch.unsure.map(|since| since + longest_silence),
    }
}

fn told_override(book: &RuleBook, number: usize, one: &Override, now: Timestamp) -> OverrideTold {
    let changes = [
        (one.changes.is_enabled.is_some(), "enabled"),
        (one.changes.thresholds.is_some(), "thresholds"),
        (one.changes.rise_after.is_some(), "rise_after"),
        (one.changes.ease_after.is_some(), "ease_after"),
        (one.changes.lasts.is_some(), "lasts"),
    ];
    OverrideTold {
        number,
        is_local: one.governorates.is_some(),
        seasons: one.seasons.iter().filter(|season| book.seasons.holds(season, now)).cloned().collect(),
        changes: changes.into_iter().filter_map(|(is_changed, key)| is_changed.then_some(key)).collect(),
    }
}
