//! What can be wrong with a text as it was said, whatever it says: it is empty, a slot stands open in it, it is in the letters of the
//! other language, it turns its neighbours around, it is too long.
//!
//! A text is blamed for its own words alone: what its slots were filled with is looked at where that is written.

use crate::language::direction::{ISOLATE, POP, is_arabic, is_balanced, is_latin};
use crate::language::{Grammar, Language};
use crate::problem::Level;

/// The longest headline in one language, in characters: all places but one are named in it, and nothing more has room.
pub const MAX_HEADLINE_LEN: usize = 400;

/// The longest text in one language, headline and body, in characters: what people read standing, and what the services that carry
/// messages take as one.
pub const MAX_TEXT_LEN: usize = 4_000;

/// Signs that never stand side by side.
const CLASHES: [&str; 12] = ["..", "،،", ",,", "،.", ".،", ",.", ".,", " .", " ،", " ,", "؛.", ";."];

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::message) enum Fault {
    /// It could not be filled.
    Unfillable {
        /// Why.
        why: String,
        /// At which part of it, in bytes from its beginning, when that is known.
        part: Option<(usize, usize)>,
    },
    /// It has no words.
    Empty,
    /// A brace stands in it, as of a slot that is not one.
    Open,
    /// Most of its own letters are those of the other language.
    WrongScript,
    /// Some of its own letters are those of the other language, outside isolates.
    Foreign,
    /// An isolate is not closed in its line, or closed twice.
    Isolates,
    /// It begins or ends with a space, or has two in a row.
    Spaces,
    /// Two signs that never stand side by side.
    Clash {
        /// The signs.
        signs: &'static str,
        /// The slot whose filling brings one of them.
        slot: Option<&'static str>,
    },
    /// A headline comes out longer than [`MAX_HEADLINE_LEN`].
    LongHeadline,
    /// A text comes out longer than [`MAX_TEXT_LEN`].
    LongText,
    /// A short form does not hold even what is never shed.
    OutOfRoom {
        /// Which form.
        form: &'static str,
    },
}

impl Fault {
    /// How bad it is: what a reader stumbles over is no reason to be without a configuration.
    pub(in crate::message) fn level(&self) -> Level {
        match self {
            Self::Unfillable { .. }
            | Self::Empty
            | Self::Open
            | Self::WrongScript
            | Self::Isolates
            | Self::LongHeadline
            | Self::LongText
            | Self::OutOfRoom { .. } => Level::Error,
            Self::Foreign | Self::Spaces | Self::Clash { .. } => Level::Warning,
        }
    }

    /// Which part of the text it is in, when it is not in all of it.
    pub(in crate::message) fn part(&self) -> Option<(usize, usize)> {
        match self {
            Self::Unfillable { part, .. } => *part,
            Self::Empty
            | Self::Open
            | Self::WrongScript
            | Self::Foreign
            | Self::Isolates
            | Self::Spaces
            | Self::Clash { .. }
            | Self::LongHeadline
            | Self::LongText
            | Self::OutOfRoom { .. } => None,
        }
    }

    /// What is wrong, after the name of the text.
    pub(in crate::message) fn sentence(&self, language: Language) -> String {
        let other = letters(other(language));
        match self {
            Self::Unfillable { why, .. } => format!("cannot be filled ({why})"),
            Self::Empty => "says nothing".to_owned(),
            Self::Open => "has a brace in what is read".to_owned(),
            Self::WrongScript => format!("is written in {other} letters"),
            Self::Foreign => format!("has {other} letters that turn the words beside them around"),
            Self::Isolates => "opens an isolate that it does not close, or closes one twice".to_owned(),
            Self::Spaces => "has a space too many".to_owned(),
            Self::Clash { signs, slot: Some(slot) } => format!("comes to `{signs}` at {{{{ {slot} }}}}"),
            Self::Clash { signs, slot: None } => format!("comes to `{signs}`"),
            Self::LongHeadline => format!("makes a headline of more than {MAX_HEADLINE_LEN} characters"),
            Self::LongText => format!("makes a text of more than {MAX_TEXT_LEN} characters"),
            Self::OutOfRoom { form } => format!("does not fit into a {form} with the headline and what to do alone"),
        }
    }

    /// What to do about it.
    pub(in crate::message) fn help(&self, language: Language) -> String {
        match self {
            Self::Unfillable { .. } => {
                "it works with other values: write it so that it works with these as well".to_owned()
            }
            Self::Empty => "write what it says then as well, in an `else`".to_owned(),
            Self::Open => "a slot has two braces on either side: {{ places }}".to_owned(),
            Self::WrongScript => format!("write it in {} letters", letters(language)),
            Self::Foreign => "write such a name between \\u2068 and \\u2069".to_owned(),
            Self::Isolates => "every \\u2068 has its \\u2069 in the same line".to_owned(),
            Self::Spaces => "leave no space beside a slot that is empty then".to_owned(),
            Self::Clash { slot: Some(_), .. } => {
                "take one of the signs out, here or in the text that is filled in".to_owned()
            }
            Self::Clash { slot: None, .. } => "take one of the signs out".to_owned(),
            Self::LongHeadline | Self::LongText | Self::OutOfRoom { .. } => {
                "it is the longest part of it: make it shorter".to_owned()
            }
        }
    }
}

fn other(language: Language) -> Language {
    match language.grammar() {
        Grammar::Ar => Language::En,
        Grammar::En => Language::Ar,
    }
}

fn letters(language: Language) -> &'static str {
    match language.grammar() {
        Grammar::Ar => "Arabic",
        Grammar::En => "Latin",
    }
}

/// The text without what stands in isolates: what runs in the direction of its language.
pub(in crate::message) fn outside_isolates(text: &str) -> String {
    let mut depth = 0_i32;
    text.chars()
        .filter(|c| {
            depth += i32::from(*c == ISOLATE) - i32::from(*c == POP);
            depth == 0 && *c != POP
        })
        .collect()
}

/// What a slot was filled with, under its name.
pub(in crate::message) type Filling<'a> = (&'static str, &'a str);

/// The faults of a text by itself.
pub(in crate::message) fn of(text: &str, filled: &[Filling<'_>], language: Language) -> Vec<Fault> {
    if text.trim().is_empty() {
        return vec![Fault::Empty];
    }
    let own = own_words(text, filled);
    let mut faults = Vec::new();
    if own.contains(['{', '}']) {
        faults.push(Fault::Open);
    }
    faults.extend(script(&own, language));
    let is_of_a_value = |is_wrong: &dyn Fn(&str) -> bool| filled.iter().any(|(_, value)| is_wrong(value));
    if !is_balanced(text) && !is_of_a_value(&|value| !is_balanced(value)) {
        faults.push(Fault::Isolates);
    }
    let has_spaces = |text: &str| text.contains("  ") || text.lines().any(|line| line.trim() != line);
    if has_spaces(text) && !is_of_a_value(&has_spaces) {
        faults.push(Fault::Spaces);
    }
    let clashes =
        CLASHES.into_iter().filter(|signs| text.contains(signs) && !is_of_a_value(&|value| value.contains(signs)));
    faults.extend(clashes.map(|signs| Fault::Clash { signs, slot: bringer(text, filled, signs) }));
    faults
}

/// The slot whose filling brings one of two signs.
fn bringer(text: &str, filled: &[Filling<'_>], signs: &str) -> Option<&'static str> {
    let (first, second) = signs.split_at(signs.chars().next().map_or(0, char::len_utf8));
    let ends = |value: &str| value.ends_with(first) && text.contains(&format!("{value}{second}"));
    let begins = |value: &str| value.starts_with(second) && text.contains(&format!("{first}{value}"));
    filled.iter().find(|(_, value)| ends(value) || begins(value)).map(|(slot, _)| *slot)
}

/// The letters of the other language outside isolates.
fn script(own: &str, language: Language) -> Option<Fault> {
    let own = outside_isolates(own);
    let count = |is_one: fn(char) -> bool| own.chars().filter(|c| is_one(*c)).count();
    let (arabic, latin) = (count(is_arabic), count(is_latin));
    let (ours, theirs) = match language.grammar() {
        Grammar::Ar => (arabic, latin),
        Grammar::En => (latin, arabic),
    };
    match (ours, theirs) {
        (_, 0) => None,
        (ours, theirs) if ours <= theirs => Some(Fault::WrongScript),
        (_, _) => Some(Fault::Foreign),
    }
}

/// The text without what its slots were filled with.
pub(in crate::message) fn own_words(text: &str, filled: &[Filling<'_>]) -> String {
    let mut values: Vec<&str> = filled.iter().map(|(_, value)| *value).filter(|value| !value.is_empty()).collect();
    // A value may stand in another one, which is taken out first.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values.into_iter().fold(text.to_owned(), |left, value| left.replace(value, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(language: Language, text: &str, filled: &[&str], expected: &[Fault]) {
        let filled: Vec<Filling<'_>> = filled.iter().map(|value| ("slot", *value)).collect();
        assert_eq!(of(text, &filled, language), expected, "{text}");
    }

    #[test]
    fn each_fault_is_found_and_a_sound_text_has_none() {
        check(Language::En, "Rain over Jeddah.", &["Jeddah"], &[]);
        check(Language::Ar, "أمطار على \u{2068}Jeddah\u{2069}.", &[], &[]);
        check(Language::En, " ", &[], &[Fault::Empty]);
        check(Language::En, "Rain over {places}.", &[], &[Fault::Open]);
        check(Language::Ar, "Rain over جدة", &["جدة"], &[Fault::WrongScript]);
        check(Language::Ar, "أمطار بحسب CAP على جدة", &[], &[Fault::Foreign]);
        check(Language::En, "أمطار على Jeddah", &["Jeddah"], &[Fault::WrongScript]);
        check(Language::Ar, "أمطار \u{2068}CAP", &[], &[Fault::Isolates]);
        check(Language::En, "Rain  today", &[], &[Fault::Spaces]);
        check(Language::En, "Effects: floods..", &["floods."], &[Fault::Clash { signs: "..", slot: Some("slot") }]);
        check(Language::Ar, "السيول ،", &["السيول"], &[Fault::Clash { signs: " ،", slot: None }]);
    }

    #[test]
    fn a_text_is_not_blamed_for_what_its_slots_were_filled_with() {
        check(Language::Ar, "أمطار: Rain over..  {x} \u{2068}", &["Rain over..  {x} \u{2068}"], &[]);
        check(Language::En, "Rain over Rain over Jeddah", &["Rain over Jeddah", "Jeddah"], &[]);
    }
}
