//! Instants and spans: UTC inside, the reader's zone outside.
//!
//! Nothing here reads a clock. Who decides is told what time it is; clocks live in `daemon` and `cli`.

use chrono::{DateTime, Utc};

pub use chrono::TimeDelta;

/// An instant, always in UTC.
pub type Timestamp = DateTime<Utc>;

/// The longest span that may be written anywhere: ten years.
pub const MAX_SPAN: TimeDelta = TimeDelta::days(3660);

/// Reads a span as people write it: `90s`, `10min`, `6h`, `2d`.
///
/// # Errors
/// A sentence that says what to write instead.
pub fn parse_span(text: &str) -> Result<TimeDelta, String> {
    let wrong = || format!("`{text}` is not a span of time: write a number and s, min, h or d, such as `10min`");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (digits, unit) = text.split_at(split);
    let count: i64 = digits.parse().map_err(|_| wrong())?;
    let seconds = match unit.trim() {
        "s" => 1,
        "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    count
        .checked_mul(seconds)
        .and_then(TimeDelta::try_seconds)
        .filter(|span| *span <= MAX_SPAN)
        .ok_or_else(|| format!("`{text}` is longer than ten years"))
}

/// Writes a span the way [`parse_span`] reads it, in the largest unit that fits exactly.
pub fn span_text(span: TimeDelta) -> String {
    let seconds = span.num_seconds();
    for (unit, size) in [("d", 86_400), ("h", 3600), ("min", 60)] {
        if seconds != 0 && seconds % size == 0 {
            return format!("{}{unit}", seconds / size);
        }
    }
    format!("{seconds}s")
}

/// Serde for spans as whole seconds.
pub mod seconds {
    use super::TimeDelta;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes whole seconds.
    pub fn serialize<S: Serializer>(span: &TimeDelta, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(span.num_seconds())
    }

    /// Reads whole seconds.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<TimeDelta, D::Error> {
        let seconds = i64::deserialize(from)?;
        TimeDelta::try_seconds(seconds).ok_or_else(|| serde::de::Error::custom("a span out of range"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_write_the_same() {
        for text in ["90s", "10min", "6h", "2d", "0s"] {
            assert_eq!(span_text(parse_span(text).unwrap()), text);
        }
        for wrong in ["", "6", "h", "6 hours", "-1h", "99999999999999999999h", "9999d"] {
            assert!(parse_span(wrong).is_err(), "{wrong}");
        }
    }
}
