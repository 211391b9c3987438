//! Slips of the keyboard that cannot be seen, or look right: digits and signs of another script, and characters without a body.

/// What to do about a text that could not be understood, when it holds such a slip.
pub(super) fn advice(text: &str) -> Option<String> {
    let is_digit = |c: char| matches!(c, '٠'..='٩' | '۰'..='۹');
    let is_hidden = |c: char| matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let is_blank = |c: char| c.is_whitespace() && c != ' ';
    if text.contains(is_digit) || text.contains(['٫', '٬']) {
        Some("write the digits 0123456789, and a point before decimals".to_owned())
    } else if has_decimal_comma(text) {
        Some("write a point before decimals".to_owned())
    } else if text.contains(|c| is_hidden(c) || is_blank(c)) {
        Some("a character that cannot be seen stands in it: type it anew".to_owned())
    } else if text.trim() != text {
        Some("take out the space at its edge".to_owned())
    } else {
        None
    }
}

fn has_decimal_comma(text: &str) -> bool {
    let is_digit = |c: Option<&u8>| c.is_some_and(u8::is_ascii_digit);
    let bytes = text.as_bytes();
    bytes.iter().enumerate().any(|(at, byte)| {
        *byte == b',' && at.checked_sub(1).is_some_and(|at| is_digit(bytes.get(at))) && is_digit(bytes.get(at + 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_right_and_is_not_is_told() {
        for (text, word) in [
            ("١٠ mm", "0123456789"),
            ("25٫5 mm", "0123456789"),
            ("10,5 mm", "point"),
            ("\u{200f}rain", "cannot be seen"),
            ("rain\u{a0}", "cannot be seen"),
            ("rain ", "edge"),
        ] {
            assert!(advice(text).is_some_and(|help| help.contains(word)), "{text:?}: {:?}", advice(text));
        }
        for sound in ["rain", "10.5 mm", "جدة، مكة", "a, b"] {
            assert_eq!(advice(sound), None, "{sound}");
        }
    }
}
