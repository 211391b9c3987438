//! How a channel is spoken to: whether at once, after a while in which somebody may still say no, or when somebody has said yes; at
//! which hours it is left in peace; and which channel stands in for it when it fails.
//!
//! What is red, what was red before, and what is taken back is never kept back by quiet hours. Nothing here knows a clock.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveTime, Offset as _};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::Audience;
use super::pace::Pace;
use crate::alert::Status;
use crate::bulletin::{Bulletin, Change, Origin};
use crate::hazard::Severity;
use crate::ids::ChannelId;
use crate::statement::{Sort, Statement};
use crate::time::{TimeDelta, Timestamp};

/// Whether what is decided goes out at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Release {
    /// It does.
    #[default]
    AtOnce,
    /// After a while, unless somebody holds or refuses it before.
    After(TimeDelta),
    /// When somebody has approved it, and else not at all.
    Approved,
}

/// What something that is owed waits for, beside its time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// Nothing.
    #[default]
    Free,
    /// Its time alone, until which somebody may hold or refuse it.
    Clock,
    /// Somebody who approves it.
    Person,
}

/// The longest while after which something goes out by itself: a warning that waits longer waits for a person.
pub const LONGEST_WHILE: TimeDelta = TimeDelta::minutes(30);

/// The hours of the day at which a channel is left in peace, on the clocks of its readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    /// From when on.
    pub from: NaiveTime,
    /// Until when; before `from`, when it is on the next day.
    pub until: NaiveTime,
    /// On whose clocks.
    pub zone: Tz,
}

impl QuietHours {
    /// When the quiet ends that reigns at a moment; none when none does.
    pub fn end(&self, now: Timestamp) -> Option<Timestamp> {
        let local = DateTime::with_timezone(&now, &self.zone);
        let (time, day) = (local.time(), local.date_naive());
        let spans_midnight = self.until <= self.from;
        let is_quiet = match spans_midnight {
            true => self.from <= time || time < self.until,
            false => self.from <= time && time < self.until,
        };
        let ends_tomorrow = spans_midnight && self.from <= time;
        let day = if ends_tomorrow { day.checked_add_days(Days::new(1))? } else { day };
        let end = day.and_time(self.until).and_local_timezone(self.zone).earliest().map(|end| end.to_utc());
        // Where a clock is set forward over the end, the quiet is over.
        end.filter(|end| is_quiet && now < *end)
    }
}

/// Who stands in for a channel that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// Which channel.
    pub channel: ChannelId,
    /// How long the one that fails has for itself.
    pub after: TimeDelta,
}

/// Mild warnings that are told together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// Up to which severity.
    pub up_to: Severity,
    /// After which time, counted from midnight.
    pub every: TimeDelta,
    /// On whose clocks.
    pub zone: Tz,
}

/// How long before its end a bulletin goes out that would otherwise run out before the next digest.
const ROOM: TimeDelta = TimeDelta::minutes(10);

impl Digest {
    /// When what was decided now is told with others: at once, where that would be too late.
    pub fn due(&self, now: Timestamp, expires: Timestamp) -> Timestamp {
        let offset = DateTime::with_timezone(&now, &self.zone).offset().fix().local_minus_utc();
        let every = self.every.num_seconds().max(1);
        let past = (now.timestamp() + i64::from(offset)).rem_euclid(every);
        let whole = TimeDelta::nanoseconds(i64::from(now.timestamp_subsec_nanos()));
        let next = now - whole + TimeDelta::seconds(every - past);
        if next + ROOM < expires { next } else { now }
    }
}

/// How a channel is spoken to. By default at once, at all hours, with nobody to stand in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manner {
    /// Whether what is decided goes out at once, by severity; it does where nothing is said.
    pub releases: BTreeMap<Severity, Release>,
    /// Whether statements go out at once.
    pub says: Release,
    /// When it is left in peace.
    pub quiet: Option<QuietHours>,
    /// Who stands in for it.
    pub fallback: Option<Fallback>,
    /// True when it only stands in for another.
    pub is_standby: bool,
    /// Which statements it hears; none, when it does not ask for them.
    pub tells: BTreeSet<Sort>,
    /// How many messages it takes in a time, when that is not any number.
    pub pace: Option<Pace>,
    /// After which time it is told once more of what still holds, by severity; never where nothing is said.
    pub reminds: BTreeMap<Severity, TimeDelta>,
    /// Which warnings are told together, if any.
    pub digest: Option<Digest>,
}

/// When something goes out, and whether somebody has to say yes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Going {
    /// Not before.
    pub due: Timestamp,
    /// What it waits for.
    pub hold: Hold,
}

impl Manner {
    /// When a bulletin goes out that was decided now.
    pub fn going(&self, bulletin: &Bulletin, now: Timestamp) -> Going {
        let release = if is_held_back(bulletin) { self.release(bulletin.severity) } else { Release::AtOnce };
        let quiet = self.quiet.filter(|_| is_quiet(bulletin)).and_then(|quiet| quiet.end(now)).unwrap_or(now);
        let together = self.digest_of(bulletin).map_or(now, |digest| digest.due(now, bulletin.stale_after));
        release.going(quiet.max(together), now)
    }

    /// The digest in which a bulletin is told, when it is: what is and was no worse than the digest is for, and takes nothing back.
    pub fn digest_of(&self, bulletin: &Bulletin) -> Option<Digest> {
        let is_mild = |digest: &Digest| bulletin.severity.max(bulletin.reach.worst) <= digest.up_to;
        self.digest.filter(is_mild).filter(|_| bulletin.change != Change::Corrected)
    }

    fn release(&self, severity: Severity) -> Release {
        self.releases.get(&severity).copied().unwrap_or(Release::AtOnce)
    }
}

impl Manner {
    /// When a statement goes out that was decided now: a rumour is answered at all hours, what is taken back waits for nobody either.
    pub fn going_of(&self, statement: &Statement, now: Timestamp) -> Going {
        let is_urgent = statement.is_withdrawn || statement.content.sort == Sort::Rumour;
        let quiet = self.quiet.filter(|_| !is_urgent).and_then(|quiet| quiet.end(now)).unwrap_or(now);
        let release = if statement.is_withdrawn { Release::AtOnce } else { self.says };
        release.going(quiet, now)
    }
}

impl Release {
    /// When something goes out that was decided now, and that may not go out before the end of the quiet.
    fn going(self, quiet: Timestamp, now: Timestamp) -> Going {
        match self {
            Self::AtOnce => Going { due: quiet, hold: Hold::Free },
            Self::After(wait) => Going { due: quiet.max(now + wait), hold: Hold::Clock },
            Self::Approved => Going { due: quiet, hold: Hold::Person },
        }
    }
}

/// What an audience is told at once, and what waits, when nobody says otherwise: a red warning to the public goes out after two
/// minutes unless somebody holds it.
pub fn usual(audience: Audience) -> BTreeMap<Severity, Release> {
    match audience {
        Audience::Public => BTreeMap::from([(Severity::Red, Release::After(TimeDelta::minutes(2)))]),
        Audience::Staff | Audience::Drill => BTreeMap::new(),
    }
}

/// Whether somebody may have to say yes: to what the rules or the desk begin or make worse, and to what somebody has written into it.
/// What an authority has said is said, and no end and no correction waits for anybody.
fn is_held_back(bulletin: &Bulletin) -> bool {
    let is_ours = match bulletin.origin {
        Origin::Automatic { .. } | Origin::Desk => true,
        Origin::Official { .. } => bulletin.by_hand.remarks.is_some(),
    };
    let is_news = match bulletin.change {
        Change::Issued | Change::Raised => true,
        Change::Lowered | Change::Extended | Change::Updated => bulletin.by_hand.author.is_some(),
        Change::Lifted | Change::Expired | Change::Corrected => false,
    };
    is_ours && is_news && bulletin.status == Status::Actual
}

fn is_quiet(bulletin: &Bulletin) -> bool {
    bulletin.reach.worst < Severity::Red && bulletin.change != Change::Corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(from: u32, until: u32) -> QuietHours {
        let hour = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        QuietHours { from: hour(from), until: hour(until), zone: chrono_tz::Asia::Riyadh }
    }

    fn moment(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check(hours: QuietHours, now: &str, expected: Option<&str>) {
        assert_eq!(hours.end(moment(now)), expected.map(moment), "{now}");
    }

    #[test]
    fn a_night_ends_in_the_morning_on_the_clocks_of_its_readers() {
        let night = quiet(22, 6);
        check(night, "2025-12-09T19:00:00Z", Some("2025-12-10T03:00:00Z"));
        check(night, "2025-12-09T21:30:00Z", Some("2025-12-10T03:00:00Z"));
        check(night, "2025-12-09T02:59:59Z", Some("2025-12-09T03:00:00Z"));
        check(night, "2025-12-09T03:00:00Z", None);
        check(night, "2025-12-09T18:59:59Z", None);
    }

    #[test]
    fn a_noon_ends_on_the_same_day() {
        check(quiet(13, 15), "2025-12-09T10:00:00Z", Some("2025-12-09T12:00:00Z"));
        check(quiet(13, 15), "2025-12-09T12:00:00Z", None);
    }

    #[track_caller]
    fn together(every: TimeDelta, now: &str, expires: &str, expected: &str) {
        let digest = Digest { up_to: Severity::Yellow, every, zone: chrono_tz::Asia::Riyadh };
        assert_eq!(digest.due(moment(now), moment(expires)), moment(expected), "{now}");
    }

    #[test]
    fn a_digest_comes_at_even_hours_of_its_readers_and_never_too_late() {
        let late = "2025-12-10T12:00:00Z";
        together(TimeDelta::minutes(30), "2025-12-09T09:10:00.25Z", late, "2025-12-09T09:30:00Z");
        together(TimeDelta::hours(6), "2025-12-09T10:00:00Z", late, "2025-12-09T15:00:00Z");
        together(TimeDelta::hours(6), "2025-12-09T15:00:00Z", late, "2025-12-09T21:00:00Z");
        together(TimeDelta::hours(6), "2025-12-09T10:00:00Z", "2025-12-09T15:05:00Z", "2025-12-09T10:00:00Z");
    }

    #[test]
    fn a_clock_that_is_set_forward_over_the_end_ends_the_quiet() {
        // In New York, 02:30 of 8 March 2026 never is.
        let hours = QuietHours {
            from: NaiveTime::from_hms_opt(1, 0, 0).unwrap(),
            until: NaiveTime::from_hms_opt(2, 30, 0).unwrap(),
            zone: chrono_tz::America::New_York,
        };
        check(hours, "2026-03-08T06:30:00Z", None);
    }
}
