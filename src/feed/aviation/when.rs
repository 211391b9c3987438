//! Times of reports: they name a day of the month and a time in UTC and leave month and year to the reader.
//!
//! A full time is found next to one that is known: the time of issue that came with the report, or the moment it was read. It is
//! never that moment itself: a report without a time has none.

use chrono::NaiveTime;

use super::digits;
use crate::time::{TimeDelta, Timestamp};

/// How far ahead of our clock a report may be dated: clocks differ, and reports are dated to the full hour.
pub const MAX_AHEAD: TimeDelta = TimeDelta::minutes(15);
/// How old a report may be whose month and year nobody says. Older ones say nothing for a warning, and the shorter this is, the
/// fewer reports of another month can pass for today's.
pub const MAX_AGE: TimeDelta = TimeDelta::hours(48);
/// How far the time of issue that came with a report may lie from the time in the report: services round to the full hour.
pub const MAX_APART: TimeDelta = TimeDelta::hours(1);
/// How far from a known moment others are looked for: no month has more days.
const MAX_DAYS: i64 = 31;

/// A day of the month and a time of that day, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayTime {
    /// 1 to 31.
    pub day: u32,
    /// 0 to 24; 24 is the end of the day.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
}

impl DayTime {
    /// Reads `ddhhmm`, and `ddhh` as the full hour.
    pub fn parse(text: &str) -> Option<Self> {
        let (day, rest) = text.split_at_checked(2)?;
        let (hour, minute) = rest.split_at_checked(2)?;
        let minute = if minute.is_empty() { 0 } else { digits(minute, 2)? };
        let one = Self { day: digits(day, 2)?, hour: digits(hour, 2)?, minute };
        let in_day = one.hour <= 23 || (one.hour, one.minute) == (24, 0);
        ((1..=31).contains(&one.day) && in_day && one.minute <= 59).then_some(one)
    }

    /// The moment on a given day, when that is the day.
    fn on(self, around: Timestamp, days: i64) -> Option<Timestamp> {
        let date = around.date_naive().checked_add_signed(TimeDelta::days(days))?;
        let same = chrono::Datelike::day(&date) == self.day;
        let span = TimeDelta::hours(i64::from(self.hour)) + TimeDelta::minutes(i64::from(self.minute));
        same.then(|| date.and_time(NaiveTime::MIN).and_utc().checked_add_signed(span)).flatten()
    }

    /// The moment nearest to another.
    pub fn nearest(self, to: Timestamp) -> Option<Timestamp> {
        (-MAX_DAYS..=MAX_DAYS).filter_map(|days| self.on(to, days)).min_by_key(|moment| (*moment - to).abs())
    }

    /// The first moment at or after another.
    pub fn first_from(self, start: Timestamp) -> Option<Timestamp> {
        // A day that ends at 24 began the day before.
        (-1..=2 * MAX_DAYS).filter_map(|days| self.on(start, days)).find(|moment| start <= *moment)
    }

    /// When a report was made that says this and nothing of month and year, read `now`: the latest such moment.
    ///
    /// # Errors
    /// A sentence, when that moment is to come or too long ago to be sure of the month.
    pub fn latest(self, now: Timestamp) -> Result<Timestamp, String> {
        let limit = now + MAX_AHEAD;
        let days = MAX_AGE.num_days() + 1;
        let found = (-days..=1).filter_map(|days| self.on(now, days)).rfind(|moment| *moment <= limit);
        found.filter(|moment| now - MAX_AGE <= *moment).ok_or_else(|| {
            let hours = MAX_AGE.num_hours();
            match self.nearest(now) {
                Some(moment) if limit < moment && moment <= now + TimeDelta::days(1) => to_come(moment),
                _ => format!("it is dated {self}, which is more than {hours} hours ago"),
            }
        })
    }

    /// When a report was made that says this, when somebody dated it as well.
    ///
    /// # Errors
    /// A sentence, when the two lie so far apart that one of them must be wrong.
    pub fn dated(self, dated: Timestamp) -> Result<Timestamp, String> {
        self.nearest(dated).filter(|moment| (*moment - dated).abs() <= MAX_APART).ok_or_else(|| {
            let dated = dated.format("%Y-%m-%dT%H:%MZ");
            format!("it says {self} and came dated {dated}; which of them is right cannot be told")
        })
    }
}

/// Refuses a moment that lies farther ahead than clocks differ.
///
/// # Errors
/// A sentence that says so.
pub fn not_to_come(moment: Timestamp, now: Timestamp) -> Result<Timestamp, String> {
    if now + MAX_AHEAD < moment { Err(to_come(moment)) } else { Ok(moment) }
}

fn to_come(moment: Timestamp) -> String {
    format!("it is dated {}, which is still to come", moment.format("%Y-%m-%dT%H:%MZ"))
}

impl std::fmt::Display for DayTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}{:02}{:02}Z", self.day, self.hour, self.minute)
    }
}
