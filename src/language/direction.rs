//! Directions: Arabic runs from the right, English from the left, and a foreign run must not turn its neighbours around.
//!
//! A run that holds letters of the other script is wrapped in a first-strong isolate (U+2068 … U+2069). What comes from outside
//! may carry direction marks of its own; those that could reach beyond their text are taken out, and nothing else is.

use crate::language::{Grammar, Language};

/// Opens a run that takes its direction from its own first letter.
pub const ISOLATE: char = '\u{2068}';
/// Closes it.
pub const POP: char = '\u{2069}';

/// True for a letter of the Arabic script.
pub fn is_arabic(c: char) -> bool {
    c.is_alphabetic()
        && matches!(c, '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{8a0}'..='\u{8ff}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}')
}

/// True for a letter that runs from the left.
pub fn is_latin(c: char) -> bool {
    c.is_alphabetic() && matches!(c, 'A'..='Z' | 'a'..='z' | '\u{b5}' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}')
}

/// True when a run would be turned around, or turn others around, in a text of the language: it holds letters of the other
/// script, or, in Arabic, it is a number in groups such as `+966 12 000 0000`, whose groups would change places.
pub fn is_foreign(language: Language, run: &str) -> bool {
    match language.grammar() {
        Grammar::Ar => run.chars().any(is_latin) || (run.contains(['+', ' ']) && !run.chars().any(is_arabic)),
        Grammar::En => run.chars().any(is_arabic),
    }
}

/// The run as it goes into a text of the language: isolated when it is foreign, as it is when not.
pub fn isolate(language: Language, run: &str) -> String {
    if is_foreign(language, run) { format!("{ISOLATE}{run}{POP}") } else { run.to_owned() }
}

/// A text from outside made safe to stand among ours: control characters and direction marks that reach beyond it are taken
/// out, lines stay lines, whatever marks their ends, and every letter stays.
pub fn tame(text: &str) -> String {
    // Every other end of a line is made one of ours: left out it would glue two words (or numbers) together, and left in it
    // would end the isolate around its line.
    let ends_line = |c: char| matches!(c, '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    text.replace("\r\n", "\n")
        .chars()
        .map(|c| if ends_line(c) { '\n' } else { c })
        .filter(|c| !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .filter(|c| *c == '\n' || *c == '\t' || !c.is_control())
        .collect()
}

/// True when every isolate is closed within its line and none is closed twice.
pub fn is_balanced(text: &str) -> bool {
    text.lines().all(|line| {
        let depth = line.chars().try_fold(0_u32, |depth, c| match c {
            ISOLATE => Some(depth + 1),
            POP => depth.checked_sub(1),
            _ => Some(depth),
        });
        depth == Some(0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_foreign_runs_are_isolated() {
        assert_eq!(isolate(Language::Ar, "MKH-2025-000012"), "\u{2068}MKH-2025-000012\u{2069}");
        assert_eq!(isolate(Language::Ar, "جدة"), "جدة");
        assert_eq!(isolate(Language::Ar, "911"), "911");
        assert_eq!(isolate(Language::Ar, "+966 12 000 0000"), "\u{2068}+966 12 000 0000\u{2069}");
        assert_eq!(isolate(Language::En, "جدة"), "\u{2068}جدة\u{2069}");
        assert_eq!(isolate(Language::En, "Jeddah"), "Jeddah");
    }

    #[test]
    fn every_end_of_a_line_parts_words_and_none_breaks_an_isolate() {
        for end in ["\n", "\r\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"] {
            assert_eq!(tame(&format!("until 5{end}10 mm")), "until 5\n10 mm", "{end:?}");
        }
    }

    #[test]
    fn a_text_from_outside_cannot_turn_ours_around() {
        let tamed = tame("\u{202e}Red\u{2069} alert\u{7}\r\nnow");
        assert_eq!(tamed, "Red alert\nnow");
        assert!(is_balanced(&isolate(Language::Ar, &tame("a\u{2069}b"))));
        assert!(!is_balanced("\u{2068}a"));
        assert!(!is_balanced("a\u{2069}\u{2068}"));
    }
}
