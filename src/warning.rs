//! Warnings: what people were told of one hazard, against what is so; and which bulletin that calls for.
//!
//! Nothing here trusts an event to arrive only once or at all: told and so are compared again at every turn.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::alert::{Alert, Status};
use crate::bulletin::{ByHand, Change, Evidence, Reach};
use crate::hazard::{Hazard, Severity};
use crate::ids::{BulletinId, FeedId, GovernorateId};
use crate::rule::WarningTimes;
use crate::time::{TimeDelta, Timestamp};

/// Which warning: one of the rules for a hazard in a governorate, or one of an authority.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarningKey {
    /// Of the rules of this house.
    Automatic {
        /// Of what.
        hazard: Hazard,
        /// Where.
        governorate: GovernorateId,
    },
    /// Of the people on duty.
    Desk {
        /// Its number.
        number: String,
    },
    /// Of an authority: the CAP triple of its first alert, as text.
    Official {
        /// `sender,identifier,sent`.
        root: String,
    },
}

/// What more is known of an official warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficialPart {
    /// The feed it came by.
    pub feed: FeedId,
    /// The alert in force.
    pub alert: Alert,
    /// The triples of all alerts of its life, as text, twins in other languages included.
    pub line: Vec<String>,
    /// The places of older editions that the one in force does not name.
    #[serde(default)]
    pub trail: Trail,
}

impl OfficialPart {
    /// The first of its line.
    pub fn new(feed: &FeedId, alert: &Alert) -> Self {
        let line = vec![alert.identity.to_string()];
        Self { feed: feed.clone(), alert: alert.clone(), line, trail: Trail::default() }
    }
}

/// What more is known of a warning of the people on duty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskPart {
    /// Meant, or a drill.
    pub status: Status,
    /// Who wrote it, and what they add.
    pub by_hand: ByHand,
}

/// A place that a warning was told for before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    /// Which.
    pub place: GovernorateId,
    /// Until when it was told to hold there.
    pub until: Timestamp,
}

/// The places that a warning was told for and that its newest edition does not name. Whoever has not received an older edition by
/// then hears of them by the newest, which takes the place of all before it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// Where it does not hold any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Former>,
    /// Where nobody knows: the authority named places that were not understood.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubtful: Vec<Former>,
}

impl Trail {
    /// What of it is still worth telling: the rest is over by what was told there.
    pub fn worth_telling(&self, now: Timestamp) -> Self {
        let lasting = |all: &[Former]| all.iter().filter(|one| now < one.until).cloned().collect();
        Self { left: lasting(&self.left), doubtful: lasting(&self.doubtful) }
    }
}

/// A bulletin of another number that a warning has taken the place of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Overtaken {
    /// Which.
    pub id: BulletinId,
    /// Until when it holds for whoever has heard nothing since.
    pub until: Timestamp,
}

/// What a bulletin of a number takes the place of under other numbers, and what that had taken the place of and could still hold.
pub fn overtaken<'a>(taken: impl IntoIterator<Item = &'a Warning>, number: &str, now: Timestamp) -> Vec<Overtaken> {
    let own = format!("{number}.");
    let mut overtaken = BTreeSet::new();
    for told in taken {
        overtaken.insert(Overtaken { id: told.last.clone(), until: told.until });
        overtaken.extend(told.overtaken.iter().cloned());
    }
    overtaken.retain(|one| now < one.until && !one.id.as_str().starts_with(&own));
    overtaken.into_iter().collect()
}

/// A warning in force: what was told last. Of the rules' own there is one for each place, and those that were told together share
/// their number, edition, places and times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    /// Its number, the same in all editions.
    pub number: String,
    /// The last edition.
    pub edition: u32,
    /// The last bulletin.
    pub last: BulletinId,
    /// Of what.
    pub hazard: Hazard,
    /// How bad, as told.
    pub severity: Severity,
    /// Whom all of its editions concerned.
    pub reach: Reach,
    /// Where, as told, in official order; shared by all places that were told together.
    pub areas: Arc<[GovernorateId]>,
    /// When it begins, as told.
    pub onset: Timestamp,
    /// When it ends, as told.
    pub until: Timestamp,
    /// Set when it was last told to stand without fresh data.
    pub silent_since: Option<Timestamp>,
    /// The values it rests on, those of its own place when it is one of several; empty for an official one.
    pub evidence: Vec<Evidence>,
    /// What more is known of an official one.
    pub official: Option<OfficialPart>,
    /// What more is known of one of the people on duty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk: Option<DeskPart>,
    /// What it has taken the place of under other numbers. Every edition names them for as long as they could hold: the one that
    /// named them first may have been overtaken before it was sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overtaken: Vec<Overtaken>,
    /// Since which edition nothing has been new for its places; none when the last one had something new to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_since: Option<u32>,
}

impl Warning {
    /// All that a bulletin takes the place of that takes the place of this warning: its last word, and what that had taken the place of and
    /// could hold still for whoever has heard nothing since.
    pub fn heritage(&self, now: Timestamp) -> impl Iterator<Item = &BulletinId> {
        let overtaken = self.overtaken.iter().filter(move |one| now < one.until).map(|one| &one.id);
        std::iter::once(&self.last).chain(overtaken)
    }
}

/// What the rules say is so of a hazard in a governorate.
#[derive(Debug, Clone, PartialEq)]
pub struct So {
    /// The worst severity that holds; none when fresh data have cleared all.
    pub severity: Option<Severity>,
    /// The worst severity that is reached by what is seen now and is not over: no warning begins or rises beyond it.
    pub seen: Option<Severity>,
    /// When what was seen begins; none when nothing is seen now.
    pub begins: Option<Timestamp>,
    /// When it ends.
    pub ends: Option<Timestamp>,
    /// The values that say so.
    pub evidence: Vec<Evidence>,
    /// When any data on it were last heard.
    pub heard: Option<Timestamp>,
    /// Since when every feed that it rests on is silent by one of its clocks; none while one of them speaks.
    pub silent: Option<Timestamp>,
    /// True when data say that what holds it is not reached any more, or has ended: only patience keeps it.
    pub is_passing: bool,
    /// True when what held something worse has been silent for too long to be kept alive by it.
    pub is_lost: bool,
    /// True when data say that nothing worse than `severity` holds. While nobody can tell, or no rule speaks of it any more, a
    /// live warning is neither lifted nor lowered.
    pub is_eased: bool,
}

/// What has to be said now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// What happened.
    pub change: Change,
    /// How bad it is now; for an end, how bad it was.
    pub severity: Severity,
    /// When it begins.
    pub onset: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// Set when it stands without fresh data.
    pub silent_since: Option<Timestamp>,
}

/// Compares what was told of an automatic warning with what is so.
pub fn compare(told: Option<&Warning>, so: &So, times: &WarningTimes, now: Timestamp) -> Option<Move> {
    let Some(told) = told else { return begin(so, times, now) };
    let is_passing = so.is_passing && so.seen < Some(told.severity);
    if told.until <= now {
        // The time that was told is up. What is milder and still seen goes on; with good news it is over, with none it ran out.
        if let Some(severity) = so.begins.and(so.severity.min(so.seen)).filter(|_| is_passing) {
            return Some(changed(told, so, Change::Lowered, severity, times, now));
        }
        let is_over = is_passing || (so.severity.is_none() && so.is_eased);
        let change = if is_over { Change::Lifted } else { Change::Expired };
        let silent_since = silence(so, times, now).filter(|_| !is_over).or(told.silent_since);
        return Some(Move { silent_since, ..end(told, change, told.until) });
    }
    let severity = match so.severity {
        None => return so.is_eased.then(|| end(told, Change::Lifted, now)),
        Some(severity) if severity < told.severity && !so.is_eased => told.severity,
        // What only patience keeps above what was told is not told now.
        Some(severity) => severity.min(told.severity.max(so.seen.unwrap_or(told.severity))),
    };
    let found = changed(told, so, Change::Extended, severity, times, now);
    if told.severity < severity {
        return Some(Move { change: Change::Raised, ..found });
    }
    if severity < told.severity {
        return Some(Move { change: Change::Lowered, ..found });
    }
    let is_due = told.until - times.extend_before <= now;
    let is_lost = so.is_lost && so.severity < Some(told.severity);
    let is_too_quiet = is_lost || so.heard.is_none_or(|heard| times.longest_silence < now - heard);
    if is_due && !is_passing && !is_too_quiet && told.until < found.until {
        return Some(found);
    }
    // Whoever goes by a warning that stands for long hears once that the data it rests on have stopped.
    let is_news = told.silent_since.is_none() && found.silent_since.is_some_and(|since| times.validity < now - since);
    let is_said = is_news && !is_passing && !is_too_quiet;
    is_said.then_some(Move { change: Change::Updated, until: told.until, ..found })
}

/// A change that is no end.
fn changed(told: &Warning, so: &So, change: Change, severity: Severity, times: &WarningTimes, now: Timestamp) -> Move {
    Move {
        change,
        severity,
        onset: told.onset.min(onset(so, now)),
        until: until(so, times, now),
        silent_since: silence(so, times, now),
    }
}

fn begin(so: &So, times: &WarningTimes, now: Timestamp) -> Option<Move> {
    // A latch that silence or patience has kept closed says nothing new: a warning begins on a value that is seen now, and no
    // higher than that.
    let severity = so.begins.and(so.severity.min(so.seen))?;
    Some(Move {
        change: Change::Issued,
        severity,
        onset: onset(so, now),
        until: until(so, times, now),
        silent_since: silence(so, times, now),
    })
}

fn end(told: &Warning, change: Change, at: Timestamp) -> Move {
    Move { change, severity: told.severity, onset: told.onset.min(at), until: at, silent_since: told.silent_since }
}

fn onset(so: &So, now: Timestamp) -> Timestamp {
    so.begins.map_or(now, |begins| begins.max(now))
}

/// The end that is told: that of what is seen, at least one validity ahead, rounded up to the full hour.
fn until(so: &So, times: &WarningTimes, now: Timestamp) -> Timestamp {
    let least = now + times.validity;
    let end = so.ends.map_or(least, |ends| ends.max(least));
    let past_the_hour = end.timestamp().rem_euclid(3600);
    let whole =
        end - TimeDelta::nanoseconds(i64::from(end.timestamp_subsec_nanos())) - TimeDelta::seconds(past_the_hour);
    if whole == end { whole } else { whole + TimeDelta::hours(1) }
}

/// Since when a warning stands without fresh data: once that has lasted a whole validity, or while all that it rests on is silent.
fn silence(so: &So, times: &WarningTimes, now: Timestamp) -> Option<Timestamp> {
    let unheard = so.heard.filter(|heard| times.validity < now - *heard);
    unheard.into_iter().chain(so.silent).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_timestamp(1_765_227_600 + minute * 60, 0).unwrap()
    }

    fn times() -> WarningTimes {
        WarningTimes {
            validity: TimeDelta::hours(3),
            extend_before: TimeDelta::hours(1),
            longest_silence: TimeDelta::hours(12),
            end_notice: TimeDelta::hours(6),
            group_wait: TimeDelta::zero(),
            flap_within: TimeDelta::hours(6),
        }
    }

    fn so(severity: Option<Severity>, heard: i64) -> So {
        So {
            severity,
            seen: severity,
            begins: severity.map(|_| at(heard)),
            ends: None,
            evidence: Vec::new(),
            heard: Some(at(heard)),
            silent: None,
            is_passing: false,
            is_lost: false,
            is_eased: true,
        }
    }

    fn told(severity: Severity, until: i64) -> Warning {
        Warning {
            number: "MKH-2025-000001".into(),
            edition: 1,
            last: BulletinId::new("MKH-2025-000001", 1),
            hazard: Hazard::Rain,
            severity,
            reach: Reach::new(Hazard::Rain, severity),
            areas: [GovernorateId::new("jeddah").unwrap()].into(),
            onset: at(0),
            until: at(until),
            silent_since: None,
            evidence: Vec::new(),
            official: None,
            desk: None,
            overtaken: Vec::new(),
            same_since: None,
        }
    }

    fn check(told: Option<&Warning>, so: &So, now: i64, expected: Option<Change>) {
        let found = compare(told, so, &times(), at(now)).map(|found| found.change);
        assert_eq!(found, expected, "{told:?} {so:?} at {now}");
    }

    #[test]
    fn the_difference_between_told_and_so_is_what_is_said() {
        use Severity::{Orange, Red, Yellow};
        check(None, &so(None, 0), 0, None);
        check(None, &so(Some(Yellow), 0), 0, Some(Change::Issued));
        check(Some(&told(Yellow, 180)), &so(Some(Yellow), 5), 5, None);
        check(Some(&told(Yellow, 180)), &so(Some(Red), 5), 5, Some(Change::Raised));
        check(Some(&told(Red, 180)), &so(Some(Orange), 5), 5, Some(Change::Lowered));
        check(Some(&told(Yellow, 180)), &so(Some(Yellow), 125), 125, Some(Change::Extended));
        check(Some(&told(Yellow, 180)), &so(None, 60), 60, Some(Change::Lifted));
    }

    #[test]
    fn silence_never_lifts_and_in_the_end_runs_out_openly() {
        let quiet = So { begins: None, seen: None, ..so(Some(Severity::Red), 0) };
        check(Some(&told(Severity::Red, 600)), &quiet, 599, Some(Change::Extended));
        check(Some(&told(Severity::Red, 800)), &quiet, 799, None);
        check(Some(&told(Severity::Red, 800)), &quiet, 800, Some(Change::Expired));
        check(None, &quiet, 801, None);
    }

    #[test]
    fn a_warning_that_stands_for_long_says_once_that_its_data_have_stopped() {
        let long = told(Severity::Red, 2000);
        let quiet = So { begins: None, seen: None, ..so(Some(Severity::Red), 0) };
        check(Some(&long), &quiet, 180, None);
        check(Some(&long), &quiet, 181, Some(Change::Updated));
        let found = compare(Some(&long), &quiet, &times(), at(181)).unwrap();
        assert_eq!(
            (found.until, found.silent_since),
            (long.until, Some(at(0))),
            "silence makes it no longer and no shorter"
        );
        let knows = Warning { silent_since: Some(at(0)), ..long.clone() };
        check(Some(&knows), &quiet, 600, None);
        let silent = So { silent: Some(at(300)), ..so(Some(Severity::Red), 480) };
        check(Some(&long), &silent, 480, None);
        check(Some(&long), &So { is_passing: true, seen: None, ..silent.clone() }, 481, None);
        check(Some(&long), &silent, 481, Some(Change::Updated));
    }

    #[test]
    fn a_warning_that_no_rule_speaks_of_is_not_lifted() {
        let orphan = So { is_eased: false, ..so(None, 0) };
        check(Some(&told(Severity::Red, 180)), &orphan, 60, None);
        check(Some(&told(Severity::Red, 180)), &orphan, 180, Some(Change::Expired));
    }

    #[test]
    fn what_only_patience_keeps_is_not_extended_and_ends_with_its_time() {
        let passing = So { is_passing: true, seen: None, ..so(Some(Severity::Red), 170) };
        check(Some(&told(Severity::Red, 180)), &passing, 170, None);
        check(Some(&told(Severity::Red, 180)), &passing, 180, Some(Change::Lifted));
    }

    #[test]
    fn what_is_milder_and_still_seen_goes_on_when_the_time_is_up() {
        use Severity::{Orange, Red};
        let eased = So { is_passing: true, seen: Some(Orange), ..so(Some(Red), 170) };
        check(Some(&told(Red, 180)), &eased, 170, None);
        check(Some(&told(Red, 180)), &eased, 180, Some(Change::Lowered));
        // The latch of the red is still closed; what is told of it is what is seen.
        check(Some(&told(Orange, 360)), &eased, 190, None);
        check(Some(&told(Orange, 240)), &eased, 190, Some(Change::Extended));
        check(None, &eased, 180, Some(Change::Issued));
        assert_eq!(compare(None, &eased, &times(), at(180)).unwrap().severity, Orange);
        check(None, &So { seen: None, ..eased }, 180, None);
    }

    #[test]
    fn what_nobody_can_tell_is_not_lowered() {
        let unsure = So { is_eased: false, ..so(Some(Severity::Yellow), 60) };
        check(Some(&told(Severity::Red, 180)), &unsure, 60, None);
        check(Some(&told(Severity::Red, 180)), &unsure, 125, Some(Change::Extended));
    }

    #[test]
    fn the_end_told_is_a_full_hour_at_least_one_validity_ahead() {
        let found = compare(None, &so(Some(Severity::Yellow), 10), &times(), at(10)).unwrap();
        assert_eq!(found.until, at(240));
        assert_eq!(compare(None, &so(Some(Severity::Yellow), 0), &times(), at(0)).unwrap().until, at(180));
    }
}
