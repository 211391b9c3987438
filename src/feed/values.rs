//! Numbers, dates and JSON as feeds write them, and the faults met on the way. Never takes a missing value for zero, never takes
//! the clock for a date, and reports ten thousand faults of one kind as one.

use chrono::{DateTime, Datelike, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, TimeZone};
use chrono_tz::Tz;
use serde_json::Value;

use super::{DecodeError, Skip, look_of};
use crate::time::{TimeDelta, Timestamp};
use crate::unit::{Dimension, Metric, Unit};

/// The years that are believed; those of the Hijri calendar are not among them.
const YEARS: std::ops::RangeInclusive<i32> = 1990..=2200;
/// The most kinds of faults that one answer reports.
const MAX_FAULT_KINDS: usize = 40;
/// The most values of one body of JSON.
const MAX_VALUES: usize = 300_000;
/// The longest text that is read as a number or a date, in bytes.
const MAX_TEXT_LEN: usize = 100;
/// From this number on, a count since 1970 is in milliseconds: in seconds it would be the year 5138.
const MILLISECONDS_FROM: i64 = 100_000_000_000;
/// How far ahead of our clock something observed may be dated: clocks differ.
pub(crate) const MAX_AHEAD: TimeDelta = TimeDelta::minutes(15);
/// Values farther from now than this, either way, are a fault of the answer.
pub(crate) const MAX_FROM_NOW: TimeDelta = TimeDelta::days(93);

/// Reads a body as JSON.
///
/// # Errors
/// When it is none, in which case `expected` says what it should have been, or holds more values than fit into memory kept
/// small: a hundred places with ten values for each of three days are a quarter of it.
pub(crate) fn json(body: &[u8], expected: &'static str) -> Result<Value, DecodeError> {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    // Before each value stands one of these; those within texts are counted along.
    if MAX_VALUES < body.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count() {
        return Err(DecodeError::Refused { why: format!("the JSON holds more than {MAX_VALUES} values") });
    }
    serde_json::from_slice(body).map_err(|why| match body.trim_ascii_start().first() {
        Some(b'{' | b'[') => DecodeError::Broken { place: "the JSON".to_owned(), why: why.to_string() },
        _ => DecodeError::NotTheFormat { expected, found: look_of(body) },
    })
}

/// The beginning of a text, for people to read.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// Arabic-Indic and Persian digits as western ones, and marks of direction left out.
pub(crate) fn western(text: &str) -> String {
    let western = |c: char| {
        let value = match c {
            '٠'..='٩' => u32::from(c) - u32::from('٠'),
            '۰'..='۹' => u32::from(c) - u32::from('۰'),
            '٫' => return '.',
            _ => return c,
        };
        char::from_digit(value, 10).unwrap_or(c)
    };
    let is_mark =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.trim().chars().filter(|c| !is_mark(*c)).map(western).collect()
}

/// A number as a person or a station writes it.
///
/// # Errors
/// Says what stands there.
pub(crate) fn number(text: &str, has_comma: bool) -> Result<f64, String> {
    let wrong = || format!("`{}` is not a number", shown(text));
    if MAX_TEXT_LEN < text.len() {
        return Err(wrong());
    }
    let mut plain = western(text).replace('\u{2212}', "-");
    if has_comma {
        if plain.contains('.') && !text.contains('٫') {
            return Err(wrong());
        }
        plain = plain.replace(',', ".");
    }
    let is_plain = plain.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E'));
    plain.parse::<f64>().ok().filter(|number| is_plain && number.is_finite()).ok_or_else(wrong)
}

/// A value in the metric's canonical unit.
///
/// # Errors
/// When no such value is possible.
pub(crate) fn canonical(metric: Metric, unit: Unit, number: f64) -> Result<f64, String> {
    let value = unit.to_canonical(number);
    let is_code = metric.dimension() != Dimension::Code || value.fract() == 0.0;
    if value.is_finite() && metric.possible().contains(&value) && is_code {
        return Ok(value);
    }
    Err(format!("{number} {unit} is not a possible {metric}").replace("  ", " "))
}

/// Reads a unit and checks that the metric can be measured in it.
///
/// # Errors
/// Says what would do.
pub(crate) fn unit_of(metric: Metric, symbol: &str) -> Result<Unit, String> {
    let wrong = |why: &str| {
        let units: Vec<&str> =
            metric.dimension().units().map(Unit::symbol).filter(|symbol| !symbol.is_empty()).collect();
        format!("`{}` {why}: {metric} is {}, in {}", shown(symbol), metric.dimension().name(), units.join(", "))
    };
    let unit = Unit::parse(symbol).ok_or_else(|| wrong("is not a unit known here"))?;
    if unit.dimension() == metric.dimension() { Ok(unit) } else { Err(wrong("is of another kind")) }
}

/// A date and time as written, with its offset when it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    /// The date and time.
    pub(crate) at: NaiveDateTime,
    /// The offset.
    pub(crate) offset: Option<FixedOffset>,
    /// True when the year stands first, as in ISO 8601.
    pub(crate) is_iso: bool,
}

/// Reads a date with a time: year first or day first, any of `-/.` between, with or without seconds, fractions, a half of the day
/// and an offset. Month before day, a date without a time and a year of another calendar are not read.
pub(crate) fn civil(text: &str) -> Option<Civil> {
    let plain = western(text);
    if MAX_TEXT_LEN < plain.len() {
        return None;
    }
    let end = plain.find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '/' | '.')))?;
    let (date, rest) = plain.split_at_checked(end)?;
    let parts: Vec<&str> = date.split(['-', '/', '.']).collect();
    let [first, second, third] = parts.as_slice() else { return None };
    let is_iso = first.len() == 4;
    let (year, day) = if is_iso { (first, third) } else { (third, first) };
    if year.len() != 4 || 2 < second.len() || 2 < day.len() {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(year.parse().ok()?, second.parse().ok()?, day.parse().ok()?)?;
    let rest = rest.trim_start_matches(|c: char| matches!(c, 'T' | 't' | ',' | '،') || c.is_whitespace());
    let end = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.'))).unwrap_or(rest.len());
    let (clock, tail) = rest.split_at_checked(end)?;
    let clock = clock.split_once('.').map_or(clock, |(whole, _)| whole);
    let parts: Vec<u32> = clock.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute] => (*hour, *minute, 0),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return None,
    };
    let (half, tail) = half_of_day(tail.trim());
    let hour = match half {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(later) => hour % 12 + later,
    };
    let offset = match tail {
        "" => None,
        tail => Some(offset(tail)?),
    };
    let at = date.and_hms_opt(hour, minute, second)?;
    YEARS.contains(&at.year()).then_some(Civil { at, offset, is_iso })
}

/// The half of the day that a clock of twelve hours means, as hours to add, and what follows.
fn half_of_day(tail: &str) -> (Option<u32>, &str) {
    let halves = [("صباحا", 0), ("صباحًا", 0), ("مساء", 12), ("مساءً", 12), ("ص", 0), ("م", 12), ("AM", 0), ("PM", 12)];
    let word = tail.split([' ', '+', '-']).next().unwrap_or_default();
    let found = halves.iter().find(|(half, _)| word.eq_ignore_ascii_case(half));
    match found {
        Some((_, later)) => (Some(*later), tail.strip_prefix(word).unwrap_or_default().trim()),
        None => (None, tail),
    }
}

/// An offset: `Z`, `+03:00`, `+0300`, `+03`.
fn offset(text: &str) -> Option<FixedOffset> {
    if text.eq_ignore_ascii_case("z") {
        return FixedOffset::east_opt(0);
    }
    let (sign, rest) = match text.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => (-1, text.strip_prefix('-')?),
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(parts) => parts,
        None if rest.len() == 2 => (rest, "00"),
        None => rest.split_at_checked(2)?,
    };
    if hours.len() != 2 || minutes.len() != 2 || !rest.chars().all(|c| c.is_ascii_digit() || c == ':') {
        return None;
    }
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 14 && minutes < 60).then(|| FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60))).flatten()
}

/// The moment of a time of a zone's clocks.
///
/// # Errors
/// When the clocks of the zone never showed it, or showed it twice.
pub(crate) fn in_zone(at: NaiveDateTime, zone: Tz) -> Result<Timestamp, String> {
    match zone.from_local_datetime(&at) {
        LocalResult::Single(moment) => Ok(moment.to_utc()),
        LocalResult::None => Err(format!("{at} never was in {zone}")),
        LocalResult::Ambiguous(..) => Err(format!("{at} was twice in {zone}")),
    }
}

/// The moment of a count since 1970, in seconds or milliseconds.
pub(crate) fn epoch(count: i64, is_milliseconds: bool) -> Option<Timestamp> {
    let moment =
        if is_milliseconds { DateTime::from_timestamp_millis(count) } else { DateTime::from_timestamp(count, 0) };
    moment.filter(|moment| YEARS.contains(&moment.year()))
}

/// The same where nobody says which: by its size.
pub(crate) fn epoch_by_size(count: i64) -> Option<Timestamp> {
    epoch(count, MILLISECONDS_FROM <= count)
}

/// Faults met while reading an answer, those of one kind together.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    kinds: Vec<(String, Skip, usize)>,
    left_out: usize,
}

impl Faults {
    /// Notes a fault: what it has in common with others, and how this one shows itself.
    pub(crate) fn note(&mut self, kind: &str, part: impl FnOnce() -> String, why: impl FnOnce() -> String) {
        if let Some((_, _, count)) = self.kinds.iter_mut().find(|(known, _, _)| known == kind) {
            *count += 1;
        } else if self.kinds.len() < MAX_FAULT_KINDS {
            self.kinds.push((kind.to_owned(), Skip { part: part(), why: why() }, 1));
        } else {
            self.left_out += 1;
        }
    }

    /// How many were noted.
    pub(crate) fn count(&self) -> usize {
        self.kinds.iter().map(|(_, _, count)| count).sum::<usize>() + self.left_out
    }

    /// What was passed over: the first of each kind, and how many were like it.
    pub(crate) fn into_skips(self) -> Vec<Skip> {
        let told = |(_, mut skip, count): (String, Skip, usize)| {
            if 1 < count {
                skip.why = format!("{}, and {} more like it", skip.why, count - 1);
            }
            skip
        };
        let mut skips: Vec<Skip> = self.kinds.into_iter().map(told).collect();
        if 0 < self.left_out {
            let why = format!("{} more faults of other kinds", self.left_out);
            skips.push(Skip { part: "the rest".to_owned(), why });
        }
        skips
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let told = civil(text).map_or_else(
            || "-".to_owned(),
            |civil| {
                let offset = civil.offset.map(|offset| offset.to_string()).unwrap_or_default();
                format!("{}{offset}", civil.at.format("%Y-%m-%dT%H:%M:%S"))
            },
        );
        assert_eq!(told, expected, "{text}");
    }

    #[test]
    fn dates_are_read_in_the_forms_that_authorities_write() {
        check("2025-12-09T01:00:00+03:00", "2025-12-09T01:00:00+03:00");
        check("2025-12-09T01:00:00.1234567Z", "2025-12-09T01:00:00+00:00");
        check("2025-12-09 01:00", "2025-12-09T01:00:00");
        check("2025/12/09 1:05:09 +0300", "2025-12-09T01:05:09+03:00");
        check("09/12/2025 13:00", "2025-12-09T13:00:00");
        check("9-12-2025 1:00 PM", "2025-12-09T13:00:00");
        check("09/12/2025 12:30 ص", "2025-12-09T00:30:00");
        check("09/12/2025 ٠١:٠٠ مساءً", "2025-12-09T13:00:00");
        check("\u{200f}٠٩/١٢/٢٠٢٥ ١٣:٠٠", "2025-12-09T13:00:00");
    }

    #[test]
    fn a_date_that_could_be_another_is_not_read() {
        for wrong in [
            "",
            "soon",
            "2025-12-09",
            "12/25/2025 10:00",
            "18/06/1447 10:00",
            "09/12/25 10:00",
            "2025-12-09T25:00",
            "2025-12-09T10",
            "2025-12-09T13:00 PM",
            "2025-12-09T10:00 Riyadh",
            "2025-12-09T10:00,03:00",
            "2025-12-09T10:00+3",
            "2025-12-09T10:00+99:00",
            "2025-02-30 10:00",
        ] {
            check(wrong, "-");
        }
    }

    #[test]
    fn a_time_that_the_clocks_showed_twice_or_never_is_not_guessed() {
        let at = |text: &str| civil(text).unwrap().at;
        let berlin = chrono_tz::Europe::Berlin;
        assert!(in_zone(at("2025-10-26 02:30"), berlin).unwrap_err().contains("twice"));
        assert!(in_zone(at("2025-03-30 02:30"), berlin).unwrap_err().contains("never"));
        let riyadh = in_zone(at("2025-12-09 01:00"), chrono_tz::Asia::Riyadh).unwrap();
        assert_eq!(riyadh.to_rfc3339(), "2025-12-08T22:00:00+00:00");
        assert_eq!(epoch_by_size(1_765_227_600), epoch_by_size(1_765_227_600_000));
        assert_eq!(epoch_by_size(7), None);
    }

    #[test]
    fn numbers_are_read_as_written_and_nothing_else_is_one() {
        for (text, has_comma, expected) in [
            ("1.5", false, 1.5),
            ("1,5", true, 1.5),
            ("٢٨٫٥", false, 28.5),
            ("٢٨٫٥", true, 28.5),
            (" -3 ", false, -3.0),
        ] {
            assert_eq!(number(text, has_comma), Ok(expected), "{text}");
        }
        for (text, has_comma) in [
            ("", false),
            ("1,5", false),
            ("1.234,5", true),
            ("NaN", false),
            ("inf", false),
            ("1e999", false),
            ("12 mm", false),
        ] {
            assert!(number(text, has_comma).is_err(), "{text}");
        }
    }

    #[test]
    fn a_unit_must_measure_what_the_metric_is() {
        assert_eq!(unit_of(Metric::WindGust, "kt"), Ok(Unit::Knot));
        assert_eq!(
            unit_of(Metric::Precipitation, "km/h"),
            Err("`km/h` is of another kind: precipitation is a depth of water, in mm, cm, in".to_owned())
        );
        assert!(canonical(Metric::WeatherCode, Unit::Code, 95.5).is_err());
        assert!(canonical(Metric::Humidity, Unit::Percent, 120.0).is_err());
    }

    #[test]
    fn ten_thousand_faults_of_one_kind_are_told_as_one() {
        let mut faults = Faults::default();
        for row in 0..10_000 {
            faults.note("a", || format!("row {row}"), || "bad".to_owned());
            faults.note(&format!("{row}"), || "x".to_owned(), || "y".to_owned());
        }
        let skips = faults.into_skips();
        assert_eq!(skips.len(), MAX_FAULT_KINDS + 1);
        assert_eq!((skips[0].part.as_str(), skips[0].why.as_str()), ("row 0", "bad, and 9999 more like it"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn no_text_breaks_the_reading_of_dates_and_numbers(text in "[0-9٠-٩/:.TZ+ ,APMص-]{0,30}", any in ".{0,40}") {
            for text in [text, any] {
                let _ = civil(&text);
                prop_assert!(number(&text, false).is_ok_and(f64::is_finite) || number(&text, false).is_err());
            }
        }
    }
}
