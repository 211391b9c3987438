//! Schedules: how often a feed is asked, as a span or as a cron line. Never reads a clock: who asks says what time it is.
//!
//! Cron is written as Unix writes it and run by a Quartz-like library, which counts weekdays from 1 = Sunday, refuses 0, and
//! wants day-of-month and day-of-week to hold both. So weekdays are translated to names here, and a line that restricts
//! both kinds of day is refused rather than read one way or the other.

use std::fmt;
use std::str::FromStr;

use chrono::DateTime;
use chrono_tz::Tz;

use crate::time::{TimeDelta, Timestamp, span_text};

/// The shortest time between two runs; a feed is somebody else's machine.
pub const MIN_PERIOD: TimeDelta = TimeDelta::seconds(10);

/// The longest time between two runs that may be written as a span.
pub const MAX_PERIOD: TimeDelta = TimeDelta::days(7);

/// How many runs are looked at to find out whether a cron line runs too often.
const LOOKED_AT: usize = 200;

const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// When to ask.
#[derive(Debug, Clone)]
pub enum Schedule {
    /// After every such span.
    Every(TimeDelta),
    /// At the times of a cron line, in a zone.
    Cron(Box<cron::Schedule>, Tz),
}

impl Schedule {
    /// A schedule from a span.
    ///
    /// # Errors
    /// A sentence, when the span is too short or too long.
    pub fn every(span: TimeDelta) -> Result<Self, String> {
        if span < MIN_PERIOD {
            return Err(format!("{} is too often: at least {}", span_text(span), span_text(MIN_PERIOD)));
        }
        if MAX_PERIOD < span {
            return Err(format!("{} is too seldom: at most {}", span_text(span), span_text(MAX_PERIOD)));
        }
        Ok(Self::Every(span))
    }

    /// A schedule from a cron line of 5 fields (from the minute on) or 6 (from the second on), in a zone.
    ///
    /// # Errors
    /// A sentence that says which field is wrong and what to write.
    pub fn cron(line: &str, zone: Tz) -> Result<Self, String> {
        let schedule = Self::Cron(Box::new(quartz(line)?), zone);
        schedule.is_bearable(line)?;
        Ok(schedule)
    }

    /// Refuses what never runs, such as the 30th of February, and what runs too often.
    fn is_bearable(&self, line: &str) -> Result<(), String> {
        let mut runs = self.runs_after(DateTime::UNIX_EPOCH).take(LOOKED_AT);
        let mut last = runs.next().ok_or_else(|| format!("`{line}` never runs: no day is like that"))?;
        for run in runs {
            if run - last < MIN_PERIOD {
                let gap = span_text(run - last);
                return Err(format!("`{line}` runs {gap} after itself: at least {}", span_text(MIN_PERIOD)));
            }
            last = run;
        }
        Ok(())
    }

    /// The next run strictly after a moment.
    pub fn next_after(&self, now: Timestamp) -> Timestamp {
        // The cron library ends with the year 2100; a day later is asked again.
        self.runs_after(now).next().unwrap_or(now + TimeDelta::days(1))
    }

    /// All runs strictly after a moment, in order.
    pub fn runs_after(&self, now: Timestamp) -> Box<dyn Iterator<Item = Timestamp> + '_> {
        match self {
            Self::Every(span) => {
                Box::new(std::iter::successors(now.checked_add_signed(*span), |run| run.checked_add_signed(*span)))
            }
            Self::Cron(schedule, zone) => Box::new(
                // Where clocks are set back an hour comes twice, so "after" is held here in UTC as well.
                schedule.after_owned(now.with_timezone(zone)).map(|run| run.to_utc()).filter(move |run| now < *run),
            ),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(span) => write!(f, "every {}", span_text(*span)),
            Self::Cron(schedule, zone) => write!(f, "at `{schedule}` in {zone}"),
        }
    }
}

/// The minutes that a cron line names: not when something runs, but for how long something holds.
#[derive(Debug, Clone)]
pub struct Minutes(Box<cron::Schedule>);

impl Minutes {
    /// Reads a cron line of 5 fields.
    ///
    /// # Errors
    /// A sentence that says which field is wrong and what to write.
    pub fn new(line: &str) -> Result<Self, String> {
        if line.split_whitespace().count() != 5 {
            return Err(format!(
                "`{line}` does not have 5 fields: minute hour day month weekday, such as `* 22-23,0-5 * * *`"
            ));
        }
        let minutes = quartz(line)?;
        match minutes.after(&DateTime::UNIX_EPOCH).next() {
            Some(_) => Ok(Self(Box::new(minutes))),
            None => Err(format!("`{line}` never holds: no day is like that")),
        }
    }

    /// True when the minute of a moment is one of them, in a zone.
    pub fn holds(&self, now: Timestamp, zone: Tz) -> bool {
        let into_the_minute = TimeDelta::seconds(now.timestamp().rem_euclid(60));
        let nanoseconds = TimeDelta::nanoseconds(i64::from(now.timestamp_subsec_nanos()));
        self.0.includes((now - into_the_minute - nanoseconds).with_timezone(&zone))
    }
}

impl fmt::Display for Minutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.0.source();
        f.write_str(line.split_once(' ').map_or(line, |(_, minutes)| minutes))
    }
}

/// A cron line as the library takes it, with weekdays as Unix counts them.
fn quartz(line: &str) -> Result<cron::Schedule, String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [second, minute, hour, day, month, weekday] = match fields.as_slice() {
        [minute, hour, day, month, weekday] => ["0", *minute, *hour, *day, *month, *weekday],
        [second, minute, hour, day, month, weekday] => [*second, *minute, *hour, *day, *month, *weekday],
        _ if line.trim_start().starts_with('@') => {
            return Err(format!("`{line}` is no cron line here: write its fields, such as `0 * * * *` for every hour"));
        }
        [_] => {
            return Err(format!(
                "`{line}` is no cron line: write 5 fields, such as `0 6 * * *` for six in the morning"
            ));
        }
        _ => {
            return Err(format!(
                "`{line}` has {} fields: write 5 (minute hour day month weekday) or 6 (second first)",
                fields.len()
            ));
        }
    };
    for (name, field) in [("second", second), ("minute", minute), ("hour", hour), ("day", day), ("month", month)] {
        check_field(name, field)?;
    }
    let days = weekdays(weekday)?;
    let day = if day == "?" { "*" } else { day };
    if day != "*" && days != "*" {
        return Err(format!(
            "`{line}` restricts both the day of the month and the weekday, which cron programs read in two ways: \
             leave one of them `*`"
        ));
    }
    let quartz = format!("{second} {minute} {hour} {day} {month} {days}");
    cron::Schedule::from_str(&quartz).map_err(|why| format!("`{line}` is not a schedule: {why}"))
}

/// Refuses the letters of other dialects (`L`, `W`, `#`) and steps of zero before the library sees them.
fn check_field(name: &str, field: &str) -> Result<(), String> {
    let is_letter = |c: char| c.is_ascii_alphabetic() && name == "month";
    let is_known = |c: char| c.is_ascii_digit() || matches!(c, '*' | ',' | '-' | '/') || is_letter(c);
    if field != "?" && !field.chars().all(is_known) {
        return Err(format!("the {name} `{field}` is not read here: use numbers, `*`, `,`, `-` and `/`"));
    }
    if field == "?" && name != "day" {
        return Err(format!("the {name} cannot be `?`: write `*`"));
    }
    let has_zero_step = |item: &str| item.split_once('/').is_some_and(|(_, step)| step.parse() == Ok(0_u32));
    if field.split(',').any(has_zero_step) {
        return Err(format!("the {name} `{field}` has a step of zero"));
    }
    Ok(())
}

/// Brings the weekday field to a list of names, or `*`. 0 and 7 are Sunday, as Unix counts.
fn weekdays(field: &str) -> Result<String, String> {
    if field == "*" || field == "?" {
        return Ok("*".to_owned());
    }
    let mut chosen = [false; 7];
    for item in field.split(',') {
        let wrong = || format!("the weekday `{item}` is not read here: use 0 to 7 (0 and 7 are Sunday) or sun to sat");
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().ok().filter(|step| (1..=7).contains(step))),
            None => (item, Some(1)),
        };
        let step = step.ok_or_else(wrong)?;
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (0, 6),
            Some((first, last)) => {
                (weekday(first).ok_or_else(wrong)? % 7, last_weekday(first, last).ok_or_else(wrong)?)
            }
            None => {
                let only = weekday(range).ok_or_else(wrong)? % 7;
                (only, if item.contains('/') { 6 } else { only })
            }
        };
        for day in (first..=last).step_by(step) {
            if let Some(slot) = chosen.get_mut(day % 7) {
                *slot = true;
            }
        }
    }
    let names: Vec<&str> = WEEKDAYS.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(name, _)| *name).collect();
    if names.len() == WEEKDAYS.len() { Ok("*".to_owned()) } else { Ok(names.join(",")) }
}

/// A weekday as 0 to 7.
fn weekday(text: &str) -> Option<usize> {
    let text = text.to_ascii_lowercase();
    match text.parse::<usize>() {
        Ok(number) => Some(number).filter(|number| *number <= 7),
        Err(_) => WEEKDAYS.iter().position(|name| *name == text),
    }
}

/// The end of a range of weekdays, counted on past Saturday when the range runs over the end of the week: `fri-sun`.
fn last_weekday(first: &str, last: &str) -> Option<usize> {
    let (first, last) = (weekday(first)? % 7, weekday(last)?);
    Some(if last < first { last + 7 } else { last })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;
    use chrono_tz::Asia::Riyadh;

    /// The first runs after Sunday 23 November 2025, 00:00 in Riyadh, as `Sun 08:07`.
    fn runs(line: &str, count: usize) -> String {
        let start = Riyadh.with_ymd_and_hms(2025, 11, 23, 0, 0, 0).unwrap().to_utc();
        let schedule = Schedule::cron(line, Riyadh).unwrap();
        let runs: Vec<String> = schedule
            .runs_after(start)
            .take(count)
            .map(|run| run.with_timezone(&Riyadh).format("%a %H:%M").to_string())
            .collect();
        runs.join(", ")
    }

    #[test]
    fn weekdays_are_counted_as_unix_counts_them() {
        assert_eq!(runs("7 8 * * 0", 2), "Sun 08:07, Sun 08:07");
        assert_eq!(runs("7 8 * * 7", 2), "Sun 08:07, Sun 08:07");
        assert_eq!(runs("7 8 * * 1", 1), "Mon 08:07");
        assert_eq!(runs("7 8 * * 6", 1), "Sat 08:07");
        assert_eq!(runs("7 8 * * SUN", 1), "Sun 08:07");
        assert_eq!(runs("7 8 * * 1-5", 6), "Mon 08:07, Tue 08:07, Wed 08:07, Thu 08:07, Fri 08:07, Mon 08:07");
        assert_eq!(runs("7 8 * * fri-sun", 4), "Sun 08:07, Fri 08:07, Sat 08:07, Sun 08:07");
        assert_eq!(runs("7 8 * * 5-7", 4), "Sun 08:07, Fri 08:07, Sat 08:07, Sun 08:07");
        assert_eq!(runs("7 8 * * */3", 3), "Sun 08:07, Wed 08:07, Sat 08:07");
        assert_eq!(runs("7 8 * * 0-7", 2), "Sun 08:07, Mon 08:07");
    }

    #[test]
    fn five_fields_begin_with_the_minute_and_six_with_the_second() {
        assert_eq!(runs("*/20 * * * *", 3), "Sun 00:20, Sun 00:40, Sun 01:00");
        assert_eq!(runs("30 */20 * * * *", 3), "Sun 00:00, Sun 00:20, Sun 00:40");
        assert_eq!(runs("0 6 1 * *", 2), "Mon 06:00, Thu 06:00");
        assert_eq!(runs("0 6 ? * mon", 1), "Mon 06:00");
    }

    #[test]
    fn a_schedule_is_read_in_its_zone() {
        let schedule = Schedule::cron("0 6 * * *", Riyadh).unwrap();
        let midnight = chrono::Utc.with_ymd_and_hms(2025, 11, 23, 0, 0, 0).unwrap();
        assert_eq!(schedule.next_after(midnight).to_rfc3339(), "2025-11-23T03:00:00+00:00");
    }

    #[test]
    fn the_next_run_is_always_later_even_where_clocks_are_set_back() {
        let schedule = Schedule::cron("*/15 * * * *", chrono_tz::Europe::Berlin).unwrap();
        let mut now = chrono::Utc.with_ymd_and_hms(2025, 10, 25, 22, 0, 0).unwrap();
        for _ in 0..40 {
            let next = schedule.next_after(now);
            assert!(now < next, "{now} {next}");
            now = next;
        }
        let every = Schedule::every(TimeDelta::minutes(15)).unwrap();
        assert_eq!(every.next_after(now), now + TimeDelta::minutes(15));
    }

    #[test]
    fn a_line_of_minutes_holds_in_its_minutes_to_the_last_second() {
        let night = Minutes::new("* 22-23,0-5 * * *").unwrap();
        let at = |hour, minute, second| Riyadh.with_ymd_and_hms(2025, 11, 23, hour, minute, second).unwrap().to_utc();
        assert!(night.holds(at(22, 0, 0), Riyadh) && night.holds(at(5, 59, 59), Riyadh));
        assert!(!night.holds(at(6, 0, 0), Riyadh) && !night.holds(at(21, 59, 59), Riyadh));
        let sunday = Minutes::new("* * * * 0").unwrap();
        assert!(sunday.holds(at(12, 0, 0), Riyadh));
        assert!(!sunday.holds(at(12, 0, 0) + TimeDelta::days(1), Riyadh));
        assert_eq!(night.to_string(), "* 22-23,0-5 * * *");
        for wrong in ["0 * * * * *", "* 25 * * *", "* * 31 2 *", "* * 1 * 5"] {
            assert!(Minutes::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (wrong, word) in [
            ("", "0 fields"),
            ("@hourly", "0 * * * *"),
            ("daily", "no cron line"),
            ("0 0 12 * * * 2025", "7 fields"),
            ("0 6 1 * 1", "both"),
            ("0 6 L * *", "day"),
            ("0 6 * * 8", "weekday"),
            ("0 6 * * 1#2", "weekday"),
            ("0 6 * * 5L", "weekday"),
            ("*/0 * * * *", "step"),
            ("0 6 * * */0", "weekday"),
            ("61 6 * * *", "not a schedule"),
            ("? 6 * * *", "minute"),
            ("0 6 30 2 *", "never"),
            ("* * * * * *", "at least 10s"),
        ] {
            let why = Schedule::cron(wrong, Riyadh).unwrap_err();
            assert!(why.contains(word), "{wrong}: {why}");
        }
        assert!(Schedule::every(TimeDelta::seconds(9)).is_err());
        assert!(Schedule::every(TimeDelta::days(8)).is_err());
    }
}
