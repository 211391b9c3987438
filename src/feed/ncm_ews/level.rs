//! How grave a warning is, by the colours and words of the National Center for Meteorology, and whether it is a drill or taken back.
//! What names no level is yellow and said to be strange; it is never calm.

use super::shape::Fields;
use crate::feed::cap;
use crate::governorate::normalise;
use crate::hazard::Severity;

/// The keys that may name the level, in the form of [`super::shape::plain`].
const KEYS: &[&str] = &[
    "alertstatuscategory",
    "alertstatusar",
    "alertstatusen",
    "alertstatus",
    "alertlevel",
    "alertcolor",
    "alertcolour",
    "alerttypear",
    "alerttypeen",
    "alerttype",
    "level",
    "color",
    "severity",
];
/// The keys that may name it when none of the above does.
const TITLES: &[&str] = &["title", "titlear", "titleen"];
/// The keys that say what has become of a warning.
const STATES: &[&str] = &["alertstatuscategory", "alertstatusar", "alertstatusen", "alertstatus", "status"];

/// The words of the scheme in the form of [`normalise`], two words before one: تنويه, تنبيه, تنبيه متقدم, تحذير.
const WORDS: &[(&str, Severity)] = &[
    ("تنبيه متقدم", Severity::Orange),
    ("advanced alert", Severity::Orange),
    ("advanced warning", Severity::Orange),
    ("تحذير", Severity::Red),
    ("انذار", Severity::Red),
    ("تنبيه", Severity::Yellow),
    ("تنويه", Severity::Advisory),
    ("extreme", Severity::Red),
    ("severe", Severity::Orange),
    ("moderate", Severity::Yellow),
    ("minor", Severity::Advisory),
    ("warning", Severity::Red),
    ("alert", Severity::Yellow),
    ("advisory", Severity::Advisory),
    ("notice", Severity::Advisory),
];
/// Words for a drill.
const DRILLS: &[&str] = &["تجربه", "تجريبي", "تجريبيه", "اختبار", "تمرين", "test", "exercise", "drill"];
/// Words for a warning that was taken back; [`normalise`] takes the beginning of «إلغاء» for the article.
const ENDS: &[&str] = &["ملغي", "ملغاه", "الغا", "غا", "cancelled", "canceled", "cancel", "cancellation"];

/// The level of a warning: colours before words, and fields of the level before titles; none when it names none. Where fields
/// name several colours, the worst counts and that is a defect.
pub(super) fn level(fields: &Fields<'_>, defects: &mut Vec<String>) -> Option<Severity> {
    for (keys, readers) in [(KEYS, [colour, word]), (TITLES, [colour, word])] {
        for reader in readers {
            let found: Vec<Severity> = texts(fields, keys).filter_map(reader).collect();
            let Some(worst) = found.iter().max() else { continue };
            if found.iter().any(|one| one != worst) {
                defects.push("its fields name several levels; the worst counts".to_owned());
            }
            return Some(*worst);
        }
    }
    None
}

fn texts<'a>(fields: &Fields<'a>, keys: &'static [&'static str]) -> impl Iterator<Item = &'a str> {
    let fields = *fields;
    keys.iter().filter_map(move |key| fields.text(&[key]))
}

/// The colour that a text names; green is the mildest.
fn colour(text: &str) -> Option<Severity> {
    let green = || has_word(text, &["اخضر", "خضرا", "green"]).then_some(Severity::Advisory);
    cap::colour_of(text).or_else(green)
}

fn word(text: &str) -> Option<Severity> {
    // The service itself is called so, whatever it warns of.
    let plain = normalise(text).replace("انذار مبكر", " ").replace("early warning", " ");
    let words: Vec<&str> = plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let says = |phrase: &str| {
        let phrase: Vec<&str> = phrase.split(' ').collect();
        words.windows(phrase.len()).any(|window| window == phrase)
    };
    WORDS.iter().find(|(phrase, _)| says(phrase)).map(|(_, severity)| *severity)
}

fn has_word(text: &str, known: &[&str]) -> bool {
    let plain = normalise(text);
    plain.split(|c: char| !c.is_alphanumeric()).any(|word| known.contains(&word))
}

/// True for a drill: one word of it anywhere in the state or the title is enough, because drills never reach the public.
pub(super) fn is_drill(fields: &Fields<'_>) -> bool {
    texts(fields, STATES).chain(texts(fields, TITLES)).any(|text| has_word(text, DRILLS))
}

/// True for a warning that was taken back.
pub(super) fn is_cancelled(fields: &Fields<'_>) -> bool {
    texts(fields, STATES).any(|text| has_word(text, ENDS))
}
