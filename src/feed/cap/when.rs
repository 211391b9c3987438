//! The dates of CAP, as the standard has them and as authorities write them. What was wrong and read all the same is noted.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, SecondsFormat};

use crate::time::TimeDelta;

/// A date as it was written, and the moment that it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment<'a> {
    /// As written.
    pub text: Cow<'a, str>,
    /// As meant, in the offset that was written.
    pub at: DateTime<FixedOffset>,
}

impl std::fmt::Display for Moment<'_> {
    /// As it was written where that is how the standard writes it, whatever the calendar, else as the standard would.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match is_shaped(self.text.as_bytes()) {
            true => f.write_str(&self.text),
            false => f.write_str(&self.at.to_rfc3339_opts(SecondsFormat::AutoSi, false)),
        }
    }
}

/// True for a text in the shape of the standard's dates: `2025-12-09T01:00:00+03:00`.
fn is_shaped(text: &[u8]) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00+00:00";
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        b'+' => matches!(byte, b'+' | b'-'),
        other => byte == other,
    };
    text.len() == SHAPE.len() && text.iter().zip(SHAPE).all(fits)
}

/// The offset of a time that has none: Saudi Arabia's, which knows no summer time.
const HOME_OFFSET_SECONDS: i32 = 3 * 3600;
/// The years that are believed.
const YEARS: std::ops::RangeInclusive<i32> = 1990..=2200;
/// The longest text that may be a date, in bytes; Arabic digits take two each.
const MAX_LENGTH: usize = 100;
/// What the Buddhist calendar counts more.
const BUDDHIST_YEARS: i32 = 543;

/// Reads a date of CAP: `2025-12-09T01:00:00+03:00`. `name` is its element, for the defects.
///
/// # Errors
/// Says what stands there when it cannot be read.
pub(super) fn read(name: &str, text: &str, defects: &mut Vec<String>) -> Result<DateTime<FixedOffset>, String> {
    match standard(text.as_bytes()) {
        Some(date) => Ok(date),
        None => read_other(name, text, defects),
    }
}

/// A date just as the standard has it: `2025-12-09T01:00:00+03:00`, and none when it is written in any other way.
fn standard(text: &[u8]) -> Option<DateTime<FixedOffset>> {
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        i1,
        i2,
        b':',
        s1,
        s2,
        sign,
        oh1,
        oh2,
        b':',
        oi1,
        oi2,
    ] = text
    else {
        return None;
    };
    let two = |tens: &u8, ones: &u8| {
        (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
    };
    let year = i32::try_from(two(y1, y2)? * 100 + two(y3, y4)?).ok().filter(|year| YEARS.contains(year))?;
    let date = NaiveDate::from_ymd_opt(year, two(m1, m2)?, two(d1, d2)?)?;
    let civil = date.and_hms_opt(two(h1, h2)?, two(i1, i2)?, two(s1, s2)?)?;
    let (hours, minutes) = (two(oh1, oh2)?, two(oi1, oi2)?);
    if 14 < hours || 60 <= minutes {
        return None;
    }
    let ahead = i32::try_from(hours * 3600 + minutes * 60).ok()?;
    let offset = match sign {
        b'+' => FixedOffset::east_opt(ahead)?,
        b'-' => FixedOffset::west_opt(ahead)?,
        _ => return None,
    };
    civil.and_local_timezone(offset).single()
}

fn read_other(name: &str, text: &str, defects: &mut Vec<String>) -> Result<DateTime<FixedOffset>, String> {
    let unreadable = || format!("`{name}` is not a date: «{}»", text.chars().take(40).collect::<String>());
    if MAX_LENGTH < text.len() {
        return Err(unreadable());
    }
    let mut defect = |what: &str| defects.push(format!("`{name}` {what}: «{text}»"));
    let plain = western_digits(text.trim());
    if plain != text.trim() {
        defect("is written in other digits");
    }
    let plain = match plain.get(..16).zip(plain.get(16..)) {
        Some((minute, zone)) if !zone.starts_with(':') && minute.ends_with(|c: char| c.is_ascii_digit()) => {
            defect("has no seconds");
            format!("{minute}:00{zone}")
        }
        _ => plain,
    };
    let civil = plain.get(..19).ok_or_else(unreadable)?;
    let mut zone = plain.get(19..).unwrap_or_default();
    let mut civil = match NaiveDateTime::parse_from_str(civil, "%Y-%m-%dT%H:%M:%S") {
        Ok(civil) => civil,
        Err(_) => {
            let civil = NaiveDateTime::parse_from_str(civil, "%Y-%m-%d %H:%M:%S").map_err(|_| unreadable())?;
            defect("has a blank for the T");
            civil
        }
    };
    if let Some(fraction) = zone.strip_prefix('.') {
        zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        defect("has a fraction of a second");
    }
    let offset = match zone.trim() {
        "" => {
            defect("has no offset, read as +03:00");
            FixedOffset::east_opt(HOME_OFFSET_SECONDS)
        }
        "Z" | "z" => {
            defect("ends with Z");
            FixedOffset::east_opt(0)
        }
        zone => offset(zone),
    };
    let offset = offset.ok_or_else(unreadable)?;
    if !YEARS.contains(&civil.year()) {
        let year = Some(civil.year() - BUDDHIST_YEARS).filter(|year| YEARS.contains(year));
        civil = year.and_then(|year| civil.with_year(year)).ok_or_else(unreadable)?;
        defect("counts the years of the Buddhist calendar");
    }
    let utc = civil.checked_sub_signed(TimeDelta::seconds(i64::from(offset.local_minus_utc())));
    utc.map(|utc| DateTime::from_naive_utc_and_offset(utc, offset)).ok_or_else(unreadable)
}

/// An offset: `+03:00`, `-00:00`, `+0300`. A comma for the sign, which the schema lets through, is not read.
fn offset(text: &str) -> Option<FixedOffset> {
    let (sign, rest) = match text.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => (-1, text.strip_prefix('-')?),
    };
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    if digits.len() != 4 || !digits.chars().all(|c| c.is_ascii_digit()) || 5 < rest.len() {
        return None;
    }
    let number: i32 = digits.parse().ok()?;
    let (hours, minutes) = (number / 100, number % 100);
    (hours <= 14 && minutes < 60).then(|| FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60))).flatten()
}

/// Arabic-Indic and Persian digits as the digits of the standard.
fn western_digits(text: &str) -> String {
    let western = |c: char| {
        let value = match c {
            '٠'..='٩' => u32::from(c) - u32::from('٠'),
            '۰'..='۹' => u32::from(c) - u32::from('۰'),
            _ => return c,
        };
        char::from_digit(value, 10).unwrap_or(c)
    };
    text.chars().map(western).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str, expected_defects: usize) {
        let mut defects = Vec::new();
        let read = read("sent", text, &mut defects);
        let told = read.map_or_else(|why| why, |time| time.to_utc().format("%Y-%m-%dT%H:%M:%S").to_string());
        assert_eq!((told.as_str(), defects.len()), (expected, expected_defects), "{text}: {defects:?}");
    }

    #[test]
    fn dates_are_read_as_the_standard_and_as_authorities_write_them() {
        check("2025-12-09T01:00:00+03:00", "2025-12-08T22:00:00", 0);
        check("2025-12-09T01:00:00-00:00", "2025-12-09T01:00:00", 0);
        check(" 2025-12-09T01:00:00+0300 ", "2025-12-08T22:00:00", 0);
        check("2025-12-09T01:00:00Z", "2025-12-09T01:00:00", 1);
        check("2025-12-09T01:00:00.123+03:00", "2025-12-08T22:00:00", 1);
        check("2025-12-09T01:00:00", "2025-12-08T22:00:00", 1);
        check("2025-12-09 01:00:00+03:00", "2025-12-08T22:00:00", 1);
        check("٢٠٢٥-١٢-٠٩T٠١:٠٠:٠٠+٠٣:٠٠", "2025-12-08T22:00:00", 1);
        check("2025-12-09T01:00+03:00", "2025-12-08T22:00:00", 1);
        check("2025-12-09 01:00", "2025-12-08T22:00:00", 3);
        check("2568-02-25T17:13:00+07:00", "2025-02-25T10:13:00", 1);
    }

    #[test]
    fn a_date_is_shown_as_written_or_as_the_standard_writes_it() {
        let shown = |text: &str| {
            let at = read("sent", text, &mut Vec::new()).unwrap();
            Moment { text: Cow::Borrowed(text), at }.to_string()
        };
        assert_eq!(shown("2025-12-09T01:00:00-00:00"), "2025-12-09T01:00:00-00:00");
        assert_eq!(shown("2025-12-09T01:00:00Z"), "2025-12-09T01:00:00+00:00");
        assert_eq!(shown("2025-12-09T01:00"), "2025-12-09T01:00:00+03:00");
        assert_eq!(shown("2025-12-09T01:00:00.123+03:00"), "2025-12-09T01:00:00+03:00");
        assert_eq!(shown("2568-02-25T17:13:00+07:00"), "2568-02-25T17:13:00+07:00");
    }

    #[test]
    fn a_date_that_could_be_another_is_not_read() {
        for wrong in [
            "",
            "soon",
            "2025-12-09T01:00:00,03:00",
            "1447-06-18T01:00:00+03:00",
            "2025-13-09T01:00:00+03:00",
            "2025-12-09T01:00:00+99:00",
            "2025-12-09T01:00:00 AM",
            "0000-00-00T00:00:00+00:00",
            "2025-12-09T01:00:00+3",
            "2025-12-09T1:00:00+03:00",
            "2025-02-30T01:00:00+03:00",
            "2025-12-09T25:00:00+03:00",
            "2025-12-09",
            "99999-12-09T01:00:00Z",
            "١٤٤٧-٠٦-١٨T٠١:٠٠:٠٠+٠٣:٠٠",
        ] {
            assert!(read("sent", wrong, &mut Vec::new()).is_err(), "{wrong}");
        }
    }
}
