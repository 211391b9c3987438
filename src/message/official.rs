//! What is said of an authority's alert: its own words, never altered, its name, and our facts beside them.
//!
//! An end has a headline of ours, since authorities often cancel an alert in the very words that issued it. When an alert only
//! ran out, its words are not repeated at all. Words in another language are quoted as such, line by line in isolates.

use crate::alert::{Identity, Words};
use crate::bulletin::Change;
use crate::language::Language;
use crate::language::clock::Edge;
use crate::language::direction::{ISOLATE, POP, isolate, tame};
use crate::message::catalogue::Slot;
use crate::message::telling::{Headlines, Telling, Told};
use crate::message::wording::WordingError;

/// An authority's alert, as a bulletin carries it.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    /// The alert's name.
    pub(super) identity: &'a Identity,
    /// Its words, in the languages it gave.
    pub(super) words: &'a [Words],
}

/// The words in one language.
fn in_language(words: &[Words], language: Language) -> Option<&Words> {
    words.iter().find(|words| words.is_in(language))
}

impl Source<'_> {
    /// The name of the authority: in the language, else as it gave it, else its address.
    pub(super) fn authority(&self, language: Language) -> String {
        let given = |words: &Words| words.sender_name.as_deref().map(one_line).filter(|name| !name.is_empty());
        let name = in_language(self.words, language).and_then(given).or_else(|| self.words.iter().find_map(given));
        isolate(language, &name.unwrap_or_else(|| one_line(&self.identity.sender)))
    }
}

/// A text brought to one line; its words stay.
fn one_line(text: &str) -> String {
    tame(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text of an authority, every line kept; isolated when it is in another language.
fn quote(text: &str, is_own: bool) -> Option<String> {
    let tamed = tame(text);
    let lines: Vec<String> = tamed
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| if is_own { line.to_owned() } else { format!("{ISOLATE}{line}{POP}") })
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// What an authority says in a language about what to do, on one line.
pub(super) fn instruction(words: &[Words], language: Language) -> Option<String> {
    let instruction = in_language(words, language)?.instruction.as_deref().map(one_line)?;
    (!instruction.is_empty()).then_some(instruction)
}

/// The authority's own headline, where it has one in this language and something is in force.
pub(super) fn own_headline(telling: &Telling<'_>, words: &[Words]) -> Option<String> {
    in_language(words, telling.language)
        .filter(|_| !telling.bulletin.change.is_end())
        .and_then(|words| words.headline.as_deref())
        .map(one_line)
        .filter(|headline| !headline.is_empty())
}

/// The headline: the authority's own where there is one, else ours.
pub(super) fn headline(telling: &Telling<'_>, source: Source<'_>) -> Told {
    match own_headline(telling, source.words) {
        Some(headline) => Ok(headline),
        None => telling.headline(Headlines::Official),
    }
}

/// The paragraphs under the headline.
pub(super) fn paragraphs(telling: &Telling<'_>, source: Source<'_>) -> Result<Vec<String>, WordingError> {
    let authority = source.authority(telling.language);
    let (reach, until) = (telling.reach()?, telling.bulletin.until);
    let mut paragraphs = Vec::new();
    match telling.bulletin.change {
        Change::Issued | Change::Raised | Change::Lowered | Change::Extended | Change::Updated => {
            paragraphs.push(relayed(telling, source, &authority)?);
            let (headline, period) = (telling.headline(Headlines::Official)?, telling.period()?);
            paragraphs.push(telling.say("body.covers", &[(Slot::Headline, &headline), (Slot::Period, &period)])?);
            paragraphs.extend(telling.remarks());
            paragraphs.extend(telling.caveats()?);
            let number = telling.emergency_number();
            paragraphs.push(telling.say("body.emergency", &[(Slot::EmergencyNumber, &number)])?);
        }
        Change::Lifted => {
            let ended = telling.moment(until, Edge::End)?;
            paragraphs.push(telling.say(
                "body.lifted_official",
                &[(Slot::Authority, &authority), (Slot::Reach, &reach), (Slot::Ended, &ended)],
            )?);
            paragraphs.extend(telling.places_left()?);
            paragraphs.push(relayed(telling, source, &authority)?);
        }
        Change::Corrected => {
            paragraphs.extend(telling.correction()?);
            paragraphs.push(relayed_before(telling, &authority)?);
        }
        Change::Expired => {
            let ended = telling.moment(until, Edge::End)?;
            paragraphs.push(telling.say("body.expired", &[(Slot::Reach, &reach), (Slot::Ended, &ended)])?);
            paragraphs.extend(telling.places_left()?);
            paragraphs.extend(telling.silence("body.no_data")?);
            paragraphs.push(telling.say("notice.relayed", &[(Slot::Authority, &authority)])?);
        }
    }
    Ok(paragraphs)
}

/// Who takes back what was relayed, which is not the authority that said it.
pub(super) fn relayed_before(telling: &Telling<'_>, authority: &str) -> Told {
    let issuer = telling.issuer.name.get(telling.language);
    telling.say("notice.corrected_relay", &[(Slot::Issuer, issuer), (Slot::Authority, authority)])
}

/// The authority's text under its name, as one paragraph; only the name when it gave no text.
fn relayed(telling: &Telling<'_>, source: Source<'_>, authority: &str) -> Told {
    let language = telling.language;
    let words = in_language(source.words, language).or_else(|| source.words.first());
    let quote = words.and_then(|words| quotation(telling, words));
    let (Some(words), Some(quote)) = (words, quote) else {
        return telling.say("notice.relayed", &[(Slot::Authority, authority)]);
    };
    let key = if telling.bulletin.change.is_end() {
        "notice.cancelled"
    } else if words.is_in(Language::Ar) {
        "notice.quoted_ar"
    } else if words.is_in(Language::En) {
        "notice.quoted_en"
    } else {
        "notice.quoted_other"
    };
    let intro = telling.say(key, &[(Slot::Authority, authority)])?;
    let quotation = telling.say("notice.quotation", &[(Slot::Quote, &quote)])?;
    Ok(format!("{intro}\n{quotation}"))
}

/// The texts of an authority one under the other; the headline only where the one above is ours.
fn quotation(telling: &Telling<'_>, words: &Words) -> Option<String> {
    let is_own = words.is_in(telling.language);
    let headline = words.headline.as_deref().filter(|_| !is_own || telling.bulletin.change.is_end());
    let texts: Vec<String> = [headline, words.description.as_deref(), words.instruction.as_deref()]
        .into_iter()
        .flatten()
        .filter_map(|text| quote(text, is_own))
        .collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}
