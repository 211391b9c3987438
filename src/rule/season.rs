//! Seasons: named stretches of the year, of the Hijri year, or of the day, in which rules may be otherwise.
//!
//! Never reads a clock. A Hijri season is told by the civil day, and outside the years for which months are published it does not
//! hold: rules are then as they are outside of it, which `check` says beforehand.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;

use crate::language::date::{Announced, year_day_text};
use crate::schedule::Minutes;
use crate::time::{TimeDelta, Timestamp};

/// The name of a season: `hajj`.
pub type SeasonId = crate::ids::SeasonId;

/// A day of every year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct YearDay {
    /// The month, 1 to 12.
    pub month: u8,
    /// The day, 1 to 31.
    pub day: u8,
}

/// When a season holds. First and last day belong to it, from midnight to midnight.
#[derive(Debug, Clone)]
pub enum Season {
    /// From one day of every Gregorian year to another, perhaps over its end.
    Yearly(YearDay, YearDay),
    /// From one day of every Hijri year to another, perhaps over its end; of the Umm al-Qura calendar.
    Hijri(YearDay, YearDay),
    /// From one date to another, once.
    Once(NaiveDate, NaiveDate),
    /// In the minutes that a cron line names.
    Cron(Minutes),
}

impl Season {
    /// Whether it holds at a moment; none when the calendar does not tell.
    pub fn holds(&self, now: Timestamp, zone: Tz, announced: &Announced) -> Option<bool> {
        let day = now.with_timezone(&zone).date_naive();
        let lies = |day: YearDay, first: YearDay, last: YearDay| match first <= last {
            true => first <= day && day <= last,
            false => first <= day || day <= last,
        };
        let small = |number: u32| u8::try_from(number).unwrap_or_default();
        match self {
            Self::Yearly(first, last) => {
                Some(lies(YearDay { month: small(day.month()), day: small(day.day()) }, *first, *last))
            }
            Self::Hijri(first, last) => {
                let day = announced.hijri(day)?;
                Some(lies(YearDay { month: day.month, day: day.day }, *first, *last))
            }
            Self::Once(first, last) => Some(*first <= day && day <= *last),
            Self::Cron(minutes) => Some(minutes.holds(now, zone)),
        }
    }
}

/// The most days that are searched for the next time that a season begins.
const SEARCHED_DAYS: i64 = 800;

/// All seasons, and the zone in which their days are counted.
#[derive(Debug, Clone)]
pub struct Seasons {
    zone: Tz,
    all: BTreeMap<SeasonId, Season>,
    /// The beginnings of Hijri months that were announced.
    announced: Announced,
}

impl Seasons {
    /// Seasons by name.
    pub fn new(zone: Tz, all: BTreeMap<SeasonId, Season>) -> Self {
        Self { zone, all, announced: Announced::NONE }
    }

    /// The same by the Hijri months that were announced.
    #[must_use]
    pub fn announced(self, announced: Announced) -> Self {
        Self { announced, ..self }
    }

    /// No season.
    pub fn none() -> Self {
        Self::new(Tz::UTC, BTreeMap::new())
    }

    /// Every season by name.
    pub fn iter(&self) -> impl Iterator<Item = (&SeasonId, &Season)> {
        self.all.iter()
    }

    /// True when there is a season of this name.
    pub fn has(&self, name: &SeasonId) -> bool {
        self.all.contains_key(name)
    }

    /// True when a season holds at a moment; one that is not known here never does.
    pub fn holds(&self, name: &SeasonId, now: Timestamp) -> bool {
        self.all.get(name).and_then(|season| season.holds(now, self.zone, &self.announced)).unwrap_or(false)
    }

    /// The next day from a moment on, at most two years ahead, on which a season of days holds, and its last day after that.
    pub fn next(&self, name: &SeasonId, now: Timestamp) -> Option<(NaiveDate, NaiveDate)> {
        let season = self.all.get(name)?;
        if matches!(season, Season::Cron(_)) {
            return None;
        }
        let moment = |day: i64| now + TimeDelta::days(day);
        let date = |day: i64| moment(day).with_timezone(&self.zone).date_naive();
        let holds = |day: i64| season.holds(moment(day), self.zone, &self.announced).unwrap_or(false);
        let first = (0..SEARCHED_DAYS).find(|day| holds(*day))?;
        let last = (first..first + SEARCHED_DAYS).find(|day| !holds(day + 1))?;
        Some((date(first), date(last)))
    }
}

impl fmt::Display for Season {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yearly(first, last) | Self::Hijri(first, last) => {
                let is_hijri = matches!(self, Self::Hijri(..));
                let text = |day: &YearDay| year_day_text(is_hijri, day.month, day.day);
                write!(f, "{} to {}", text(first), text(last))
            }
            Self::Once(first, last) => write!(f, "once from {first} to {last}"),
            Self::Cron(minutes) => write!(f, "in the minutes of `{minutes}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    fn holds(season: &Season, year: i32, month: u32, day: u32, hour: u32) -> Option<bool> {
        let zone = chrono_tz::Asia::Riyadh;
        season.holds(zone.with_ymd_and_hms(year, month, day, hour, 0, 0).unwrap().to_utc(), zone, &Announced::NONE)
    }

    fn day(month: u8, day: u8) -> YearDay {
        YearDay { month, day }
    }

    /// 1 Dhu al-Hijjah 1446 was 28 May 2025, by the published calendar; 14 was 10 June.
    #[test]
    fn the_hajj_moves_with_the_moon_and_begins_and_ends_at_midnight() {
        let hajj = Season::Hijri(day(12, 1), day(12, 14));
        assert_eq!(holds(&hajj, 2025, 5, 27, 23), Some(false));
        assert_eq!(holds(&hajj, 2025, 5, 28, 0), Some(true));
        assert_eq!(holds(&hajj, 2025, 6, 10, 23), Some(true));
        assert_eq!(holds(&hajj, 2025, 6, 11, 0), Some(false));
        assert_eq!(holds(&hajj, 2026, 5, 18, 12), Some(true), "in the next year it comes eleven days sooner");
        assert_eq!(holds(&hajj, 2040, 1, 1, 0), None, "what is not published is not known");
    }

    #[test]
    fn a_season_may_run_over_the_end_of_the_year() {
        let winter = Season::Yearly(day(11, 15), day(2, 28));
        assert_eq!(holds(&winter, 2025, 12, 31, 23), Some(true));
        assert_eq!(holds(&winter, 2026, 2, 28, 23), Some(true));
        assert_eq!(holds(&winter, 2026, 3, 1, 0), Some(false));
        assert_eq!(holds(&winter, 2025, 11, 14, 23), Some(false));
    }

    #[test]
    fn the_next_time_of_a_season_is_found_with_its_last_day() {
        let id = SeasonId::new("hajj").unwrap();
        let hajj = Season::Hijri(day(12, 1), day(12, 14));
        let seasons = Seasons::new(chrono_tz::Asia::Riyadh, BTreeMap::from([(id.clone(), hajj)]));
        let now = chrono_tz::Asia::Riyadh.with_ymd_and_hms(2026, 1, 1, 9, 0, 0).unwrap().to_utc();
        let (first, last) = seasons.next(&id, now).unwrap();
        assert_eq!((first.to_string(), last.to_string()), ("2026-05-18".to_owned(), "2026-05-31".to_owned()));
    }
}
