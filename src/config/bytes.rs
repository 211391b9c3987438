//! Sizes in bytes, as people write them: `4 MiB`, `64 KiB`, or a bare number.

use std::ops::RangeInclusive;

use crate::table::{Found, Table};

/// Reads a size as text.
///
/// # Errors
/// A sentence that says what to write instead.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size: write a whole number and B, KiB or MiB, such as `4 MiB`");
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    let size = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return Err(wrong()),
    };
    count.checked_mul(size).ok_or_else(wrong)
}

/// Writes a size the way [`parse_bytes`] reads it, in the largest unit that fits exactly.
pub fn bytes_text(bytes: u64) -> String {
    for (unit, size) in [("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes != 0 && bytes.is_multiple_of(size) {
            return format!("{} {unit}", bytes / size);
        }
    }
    format!("{bytes} B")
}

/// Reads a key that holds a size, as text or as a bare number of bytes, within limits.
pub fn size(table: &Table<'_>, key: &'static str, limits: &RangeInclusive<u64>) -> Option<Found<u64>> {
    table.get(key, |value| {
        let bytes = match value.as_integer() {
            Some(number) => parse_bytes(number.as_str())?,
            None => parse_bytes(value.as_str().ok_or_else(|| format!("expected a size, found {}", value.type_str()))?)?,
        };
        if limits.contains(&bytes) {
            Ok(bytes)
        } else {
            let (least, most) = (bytes_text(*limits.start()), bytes_text(*limits.end()));
            Err(format!("{} is out of range: {least} to {most}", bytes_text(bytes)))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_and_write_the_same() {
        for text in ["4 MiB", "64 KiB", "100 B", "0 B"] {
            assert_eq!(bytes_text(parse_bytes(text).unwrap()), text);
        }
        assert_eq!(parse_bytes("4MiB"), Ok(4 << 20));
        assert_eq!(parse_bytes("1024"), Ok(1024));
        for wrong in ["", "MiB", "4 MB", "4.5 MiB", "-1", "99999999999999999999 MiB", "18446744073709551615 MiB"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }
}
