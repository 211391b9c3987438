//! The text form: for each language a headline and short paragraphs, one language under the other.

use crate::bulletin::Origin;
use crate::language::Language;
use crate::message::official::Source;
use crate::message::telling::{Telling, Told};
use crate::message::wording::WordingError;
use crate::message::{automatic, official};

/// What stands between two languages.
pub const RULE: &str = "\n\n――――――――――\n\n";

/// A bulletin in the words of one language.
pub(super) struct Spoken {
    /// One line.
    pub(super) headline: String,
    /// Paragraphs, an empty line between them.
    pub(super) body: String,
}

/// The headline of a bulletin in one language.
pub(super) fn headline(telling: &Telling<'_>) -> Told {
    let headline = match &telling.bulletin.origin {
        Origin::Automatic { .. } | Origin::Desk => automatic::headline(telling)?,
        Origin::Official { identity, words, .. } => official::headline(telling, Source { identity, words })?,
    };
    telling.marked(headline)
}

/// Headline and body of a bulletin in one language.
pub(super) fn speak(telling: &Telling<'_>) -> Result<Spoken, WordingError> {
    let mut paragraphs: Vec<String> = telling.banner()?.into_iter().collect();
    if telling.is_reminder {
        paragraphs.push(telling.say("reminder.still", &[])?);
    }
    paragraphs.extend(match &telling.bulletin.origin {
        Origin::Automatic { .. } | Origin::Desk => automatic::paragraphs(telling)?,
        Origin::Official { identity, words, .. } => official::paragraphs(telling, Source { identity, words })?,
    });
    paragraphs.push(telling.number()?);
    Ok(Spoken { headline: headline(telling)?, body: paragraphs.join("\n\n") })
}

/// The whole text, the languages in the order given.
pub(super) fn whole(spoken: &[(Language, Spoken)]) -> String {
    let texts: Vec<String> = spoken.iter().map(|(_, one)| format!("{}\n\n{}", one.headline, one.body)).collect();
    format!("{}\n", texts.join(RULE))
}
