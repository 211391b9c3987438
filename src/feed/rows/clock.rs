//! The time of a row: one cell or several, in a form and a zone that are said. What the clocks of the zone never showed, or showed
//! twice, is no time.

use std::borrow::Cow;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, NaiveDateTime};
use chrono_tz::Tz;

use crate::feed::values::{self, shown};
use crate::time::Timestamp;

/// The longest form that may be written.
const MAX_FORM_LEN: usize = 100;

/// How the time of a row is read.
#[derive(Debug)]
pub(in crate::feed) struct Clock<W> {
    /// The cells that make it, put together with a blank between.
    pub(super) spots: Vec<W>,
    pub(super) form: Form,
    /// The zone of times that do not say theirs.
    pub(super) zone: Tz,
}

/// How a time is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// ISO 8601, with an offset or without.
    Iso,
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// As `strftime` has it.
    Written { form: String, has_offset: bool },
}

impl Form {
    /// Reads a form: `iso`, `epoch`, `epoch-ms`, or one of `strftime`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "iso" => return Ok(Self::Iso),
            "epoch" => return Ok(Self::Seconds),
            "epoch-ms" => return Ok(Self::Milliseconds),
            _ => {}
        }
        let known = "write `iso`, `epoch`, `epoch-ms`, or a form such as `%d/%m/%Y %H:%M`";
        if MAX_FORM_LEN < text.len() || !text.contains('%') || StrftimeItems::new(text).any(|item| item == Item::Error)
        {
            return Err(format!("`{}` is not a form of time: {known}", shown(text)));
        }
        let has_offset = ["%z", "%:z", "%#z", "%+"].iter().any(|mark| text.contains(mark));
        let form = Self::Written { form: text.to_owned(), has_offset };
        // A form that cannot read back what it wrote lacks a part of the time.
        let sample = DateTime::UNIX_EPOCH + chrono::TimeDelta::minutes(12_345_678);
        let read = form.read(&sample.format(text).to_string(), chrono_tz::UTC);
        match read {
            Ok(moment) if moment == sample => Ok(form),
            _ => Err(format!("`{}` does not hold a whole date and time: {known}", shown(text))),
        }
    }

    fn read(&self, text: &str, zone: Tz) -> Result<Timestamp, String> {
        let wrong = || format!("its time cannot be read: «{}»", shown(text));
        let plain = values::western(text);
        let count = |is_milliseconds| {
            let count: Option<i64> = plain.parse().ok().or_else(|| whole(&plain));
            count.and_then(|count| values::epoch(count, is_milliseconds)).ok_or_else(wrong)
        };
        let civil = match self {
            Self::Seconds => return count(false),
            Self::Milliseconds => return count(true),
            Self::Iso => {
                let civil = values::civil(&plain).filter(|civil| civil.is_iso).ok_or_else(wrong)?;
                if let Some(offset) = civil.offset {
                    let offset = chrono::TimeDelta::seconds(offset.local_minus_utc().into());
                    return civil.at.and_utc().checked_sub_signed(offset).ok_or_else(wrong);
                }
                civil.at
            }
            Self::Written { form, has_offset: true } => {
                return DateTime::parse_from_str(&plain, form).map(|moment| moment.to_utc()).map_err(|_| wrong());
            }
            Self::Written { form, has_offset: false } => {
                NaiveDateTime::parse_from_str(&plain, form).map_err(|_| wrong())?
            }
        };
        values::in_zone(civil, zone)
    }
}

/// A count that is written as a number with a point: `1765227600.0`.
fn whole(text: &str) -> Option<i64> {
    let (whole, rest) = text.split_once('.')?;
    rest.chars().all(|c| c == '0').then(|| whole.parse().ok())?
}

impl<W> Clock<W> {
    /// The cells that make it.
    pub(in crate::feed) fn spots(&self) -> &[W] {
        &self.spots
    }

    /// The time of a row.
    ///
    /// # Errors
    /// Says what stands there.
    pub(super) fn read<'r>(&self, find: &dyn Fn(&W) -> Option<Cow<'r, str>>) -> Result<Timestamp, String> {
        let mut text = String::new();
        for spot in &self.spots {
            let part = find(spot).filter(|part| !part.trim().is_empty()).ok_or("it has no time")?;
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(part.trim());
        }
        self.form.read(&text, self.zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(form: &str, text: &str, expected: &str) {
        let read = Form::parse(form).and_then(|form| form.read(text, chrono_tz::Asia::Riyadh));
        assert_eq!(read.map_or_else(|why| why, |moment| moment.format("%F %T").to_string()), expected, "{form} {text}");
    }

    #[test]
    fn times_are_read_in_the_form_that_is_said_and_in_its_zone() {
        check("iso", "2025-12-09T01:00:00", "2025-12-08 22:00:00");
        check("iso", "2025-12-09 01:00Z", "2025-12-09 01:00:00");
        check("iso", "09/12/2025 01:00", "its time cannot be read: «09/12/2025 01:00»");
        check("epoch", "1765227600", "2025-12-08 21:00:00");
        check("epoch", "1765227600.0", "2025-12-08 21:00:00");
        check("epoch-ms", "1765227600000", "2025-12-08 21:00:00");
        check("epoch", "1765227600000", "its time cannot be read: «1765227600000»");
        check("%d/%m/%Y %H:%M", "٠٩/١٢/٢٠٢٥ ٠١:٠٠", "2025-12-08 22:00:00");
        check("%Y%m%d%H%M %z", "202512090100 +0000", "2025-12-09 01:00:00");
        check("%d/%m/%Y %H:%M", "31/02/2025 01:00", "its time cannot be read: «31/02/2025 01:00»");
    }

    #[test]
    fn a_form_that_lacks_a_part_of_the_time_is_refused() {
        for form in ["%d/%m/%Y", "%H:%M", "%Q", "local", "%d/%m/%y %I:%M", ""] {
            assert!(Form::parse(form).is_err(), "{form}");
        }
        assert!(Form::parse("%d/%m/%Y %I:%M %p").is_ok());
    }
}
