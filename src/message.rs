//! Messages: a bulletin in the words of both languages, frozen before anything is sent.
//!
//! Rendering is a plain function of the bulletin, the places, the issuer, the style, the names of feeds and the wording: the same always gives the
//! same bytes. It adds no fact of its own, and it never alters what an authority said.

mod area;
pub mod ask;
pub mod atom;
mod automatic;
pub mod brief;
pub mod cap;
pub mod card;
mod catalogue;
pub mod digest;
mod evidence;
pub mod fewer;
pub mod further;
mod json;
mod notice;
mod official;
mod statement;
mod outline;
pub mod picture;
pub mod rehearsal;
mod telling;
#[cfg(test)]
mod tests;
pub mod text;
pub mod wording;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::bulletin::Bulletin;
use crate::governorate::GovernorateBook;
use crate::ids::{BulletinId, FeedId};
use crate::language::{Both, Language, Style};
use crate::message::brief::{Budget, Part};
use crate::message::telling::{Dates, Telling};
use crate::message::text::Spoken;
use crate::message::wording::{Wording, WordingError};
use crate::notice::Notice;
use crate::statement::Statement;

/// The shape that a channel takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Plain text for people.
    Text,
    /// JSON for machines, with the texts in it.
    Json,
    /// One post on X a language, as parts: see [`brief`].
    Post,
    /// One short message a language, as parts.
    Sms,
    /// One cell broadcast a language, as parts.
    Broadcast,
    /// Plain text of all languages, within one message of a chat.
    Chat,
    /// Plain text of all languages, within one message pushed to a telephone.
    Push,
    /// A CAP 1.2 document for machines, with the texts in it.
    Cap,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 8] =
        [Self::Text, Self::Json, Self::Post, Self::Sms, Self::Broadcast, Self::Chat, Self::Push, Self::Cap];

    /// Its name in TOML and keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Post => "post",
            Self::Sms => "sms",
            Self::Broadcast => "broadcast",
            Self::Chat => "chat",
            Self::Push => "push",
            Self::Cap => "cap",
        }
    }

    /// True when no person reads it as it is.
    pub fn is_for_machines(self) -> bool {
        matches!(self, Self::Json | Self::Cap)
    }

    /// What it may hold, in each language where it has parts, else in all; none where there is room for all.
    pub fn budget(self) -> Option<Budget> {
        match self.shape() {
            Shape::Parts(budget) | Shape::One(budget) => Some(budget),
            Shape::Text | Shape::Json | Shape::Cap => None,
        }
    }

    fn shape(self) -> Shape {
        match self {
            Self::Text => Shape::Text,
            Self::Json => Shape::Json,
            Self::Post => Shape::Parts(Budget::POST),
            Self::Sms => Shape::Parts(Budget::SMS),
            Self::Broadcast => Shape::Parts(Budget::BROADCAST),
            Self::Chat => Shape::One(Budget::CHAT),
            Self::Push => Shape::One(Budget::PUSH),
            Self::Cap => Shape::Cap,
        }
    }
}

impl Form {
    /// What one message of all languages may hold in this form; none where it holds any length.
    fn one_budget(self) -> Option<Budget> {
        match self.shape() {
            Shape::One(budget) => Some(budget),
            Shape::Text | Shape::Json | Shape::Parts(_) | Shape::Cap => None,
        }
    }
}

/// How a form is put together.
enum Shape {
    /// One text of all languages.
    Text,
    /// One object with the texts in it.
    Json,
    /// A short text for each language, within a budget.
    Parts(Budget),
    /// One text of all languages, within a budget.
    One(Budget),
    /// One CAP document with the texts in it.
    Cap,
}

/// What bodies are, as MIME types.
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const CAP: &str = "application/cap+xml; charset=utf-8";
const PARTS: &str = "application/vnd.nadhir.parts+json";

/// The name of one message: the bulletin, the form and the languages in order, `MKH-2025-000012.3/text/ar+en`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageKey(String);

impl MessageKey {
    /// The name of the message that a bulletin becomes in a form and languages.
    pub fn new(bulletin: &BulletinId, form: Form, languages: &[Language]) -> Self {
        let tags: Vec<&str> = languages.iter().map(|language| language.tag()).collect();
        Self(format!("{bulletin}/{}/{}", form.name(), tags.join("+")))
    }

    /// The name of the same message told once more.
    pub fn reminder(&self, count: u32) -> Self {
        Self(format!("{}/reminder-{count}", self.0))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A bulletin as it will be sent: every try sends these bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its name.
    pub key: MessageKey,
    /// The bulletin it renders.
    pub bulletin: BulletinId,
    /// What the body is, as a MIME type.
    pub content_type: &'static str,
    /// The bytes, UTF-8.
    pub body: String,
}

impl Message {
    /// The same under the name by which it was asked for: a language that does not say it is left out of the text alone.
    fn asked_in(self, form: Form, languages: &[Language]) -> Self {
        Self { key: MessageKey::new(&self.bulletin, form, languages), ..self }
    }

    /// Whether its body is the parts of a short form.
    fn is_in_parts(&self) -> bool {
        self.content_type == PARTS
    }
}

/// Who speaks: from `[authority]` in `nadhir.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// The prefix of bulletin numbers: `MKH`.
    pub code: String,
    /// «إمارة منطقة مكة المكرمة», "the Emirate of Makkah Region".
    pub name: Both<String>,
    /// True only when the law lets it issue warnings of its own; otherwise rule-made bulletins say "automated, not official".
    pub may_warn: bool,
    /// The number to call: 911 in the Makkah region.
    pub emergency_number: String,
    /// Where a bulletin can be read, with `{id}` in place of its name; none when it can nowhere.
    pub bulletins: Option<String>,
}

/// Why a bulletin could not be rendered. Wording that was compiled leaves no way to this that we know of.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A text could not be filled.
    #[error(transparent)]
    Wording(#[from] WordingError),
    /// The JSON could not be written.
    #[error("the JSON of {bulletin} cannot be written")]
    Json {
        /// Which bulletin.
        bulletin: BulletinId,
        /// What went wrong.
        source: serde_json::Error,
    },
}

/// All that is needed to put a bulletin into words.
#[derive(Debug, Clone)]
pub struct Speaker {
    /// Who speaks.
    pub issuer: Issuer,
    /// How texts are written.
    pub style: Style,
    /// In which words.
    pub wording: Arc<Wording>,
    /// What the public reads in place of a feed's identifier; a feed without a name is told by its identifier.
    pub sources: BTreeMap<FeedId, Both<String>>,
}

impl Speaker {
    /// Renders a bulletin in a form, in the languages and the order given.
    ///
    /// # Errors
    /// When a text of the wording cannot be filled or the JSON not be written.
    pub fn render(
        &self,
        bulletin: &Bulletin,
        places: &GovernorateBook,
        form: Form,
        languages: &[Language],
    ) -> Result<Message, RenderError> {
        self.tell(Told { bulletin, places, reminder: None }, form, languages)
    }

    /// Renders a bulletin that was told before and still holds once more, for the how-manieth time.
    ///
    /// # Errors
    /// As [`Speaker::render`].
    pub fn remind(
        &self,
        bulletin: &Bulletin,
        places: &GovernorateBook,
        form: Form,
        languages: &[Language],
        count: u32,
    ) -> Result<Message, RenderError> {
        let message = self.tell(Told { bulletin, places, reminder: Some(count) }, form, languages)?;
        Ok(Message { key: message.key.reminder(count), ..message })
    }

    /// A further language that fails is left out, and CAP has none: the warning goes out in the others.
    fn tell(&self, told: Told<'_>, form: Form, languages: &[Language]) -> Result<Message, RenderError> {
        let mut spoken = Vec::with_capacity(languages.len());
        for language in languages.iter().filter(|language| form != Form::Cap || !language.is_further()) {
            match self.speak(told, *language) {
                Ok(said) => spoken.push((*language, said)),
                Err(_) if language.is_further() => {}
                Err(why) => return Err(why.into()),
            }
        }
        let message = self.put(told, form, &spoken)?;
        Ok(message.asked_in(form, languages))
    }

    /// Renders a notice to the people on duty in a form, in the languages and the order given.
    ///
    /// # Errors
    /// As [`Speaker::render`].
    pub fn notify(
        &self,
        told: &Notice,
        places: &GovernorateBook,
        form: Form,
        languages: &[Language],
    ) -> Result<Message, RenderError> {
        let speak = |language: &Language| Ok((*language, self.speak_notice(told, places, *language)?));
        let spoken = of_the_two(languages).map(speak).collect::<Result<Vec<_>, RenderError>>()?;
        let message = self.put_notice(told, form, &spoken)?;
        Ok(message.asked_in(form, languages))
    }

    /// Renders a statement in a form, in the languages and the order given.
    ///
    /// # Errors
    /// As [`Speaker::render`].
    pub fn announce(
        &self,
        told: &Statement,
        places: &GovernorateBook,
        form: Form,
        languages: &[Language],
    ) -> Result<Message, RenderError> {
        let speak = |language: &Language| Ok((*language, self.speak_statement(told, places, *language)?));
        let spoken = of_the_two(languages).map(speak).collect::<Result<Vec<_>, RenderError>>()?;
        let message = put_statement(told, places, form, &spoken)?;
        Ok(message.asked_in(form, languages))
    }

    /// A statement in the words of one language.
    fn speak_statement(
        &self,
        statement: &Statement,
        places: &GovernorateBook,
        language: Language,
    ) -> Result<Spoken, WordingError> {
        statement::Announcement { statement, places, speaker: self, language }.speak()
    }

    /// A bulletin in the words of one language.
    fn speak(&self, told: Told<'_>, language: Language) -> Result<Spoken, WordingError> {
        let telling = self.telling_of(told, language);
        if language.is_further() { self.wording.further(language)?.speak(&telling) } else { text::speak(&telling) }
    }

    /// A notice in the words of one language.
    fn speak_notice(
        &self,
        told: &Notice,
        places: &GovernorateBook,
        language: Language,
    ) -> Result<Spoken, WordingError> {
        notice::Desk { notice: told, places, speaker: self, language }.speak()
    }

    /// A bulletin in a form, of what it is in each language.
    fn put(&self, told: Told<'_>, form: Form, spoken: &[(Language, Spoken)]) -> Result<Message, RenderError> {
        let Told { bulletin, places, reminder } = told;
        let json = |shorts: &[Part]| json::whole(bulletin, places, &self.sources, spoken, shorts, reminder);
        let part = |language: Language, spoken: &Spoken, budget| match language.is_further() {
            true => Ok(self.wording.further(language)?.part(spoken, budget)),
            false => brief::speak(&self.telling_of(told, language), budget),
        };
        let cap = || {
            let info = |(language, spoken)| cap::Info { telling: self.telling_of(told, language), spoken };
            let infos: Vec<cap::Info<'_>> = spoken.iter().map(|(language, spoken)| info((*language, spoken))).collect();
            cap::whole(bulletin, &infos)
        };
        message(&bulletin.id, form, spoken, Whole { json, cap }, part)
    }

    /// A notice in a form, of what it is in each language.
    fn put_notice(&self, told: &Notice, form: Form, spoken: &[(Language, Spoken)]) -> Result<Message, RenderError> {
        let part = |language, spoken: &Spoken, budget| Ok(brief::shortened(language, spoken, budget));
        let json = |shorts: &[Part]| json::of_notice(told, spoken, shorts);
        let cap = || Ok(cap::of_notice(told, &self.issuer, self.style.zone, spoken));
        message(&told.id, form, spoken, Whole { json, cap }, part)
    }

    fn telling<'a>(&'a self, bulletin: &'a Bulletin, places: &'a GovernorateBook, language: Language) -> Telling<'a> {
        self.telling_of(Told { bulletin, places, reminder: None }, language)
    }

    fn telling_of<'a>(&'a self, Told { bulletin, places, reminder }: Told<'a>, language: Language) -> Telling<'a> {
        let Self { issuer, style, wording, sources } = self;
        let (dates, is_reminder) = (Dates::Whole, reminder.is_some());
        Telling { bulletin, places, issuer, style, wording, sources, language, dates, is_reminder }
    }
}

/// The languages that everything is said in: notices and what somebody writes by hand are told in no other.
fn of_the_two(languages: &[Language]) -> impl Iterator<Item = &Language> {
    languages.iter().filter(|language| !language.is_further())
}

/// A bulletin that is told, for the first time or once more.
#[derive(Clone, Copy)]
struct Told<'a> {
    bulletin: &'a Bulletin,
    places: &'a GovernorateBook,
    reminder: Option<u32>,
}

/// How the forms are made that hold all languages in one document.
struct Whole<J, C> {
    json: J,
    cap: C,
}

/// A statement in a form, of what it is in each language.
fn put_statement(
    told: &Statement,
    places: &GovernorateBook,
    form: Form,
    spoken: &[(Language, Spoken)],
) -> Result<Message, RenderError> {
    let part = |language, spoken: &Spoken, budget| Ok(brief::shortened(language, spoken, budget));
    // CAP has no place for what is no alert; no channel that takes it hears of statements.
    let refused = |language| WordingError {
        key: "say".to_owned(),
        language,
        why: "a statement is no alert, and CAP has no other documents".to_owned(),
        part: None,
    };
    let cap = || Err(refused(spoken.first().map_or(Language::Ar, |(language, _)| *language)));
    let json = |shorts: &[Part]| json::of_statement(told, places, spoken, shorts);
    message(&told.id, form, spoken, Whole { json, cap }, part)
}

fn message(
    id: &BulletinId,
    form: Form,
    spoken: &[(Language, Spoken)],
    whole: Whole<impl FnOnce(&[Part]) -> serde_json::Result<String>, impl FnOnce() -> Result<String, WordingError>>,
    part: impl Fn(Language, &Spoken, Budget) -> Result<Part, WordingError>,
) -> Result<Message, RenderError> {
    let failed = |source| RenderError::Json { bulletin: id.clone(), source };
    let languages: Vec<Language> = spoken.iter().map(|(language, _)| *language).collect();
    let (content_type, body) = match form.shape() {
        Shape::Text => (TEXT, text::whole(spoken)),
        Shape::One(budget) => {
            let whole = text::whole(spoken);
            let share = budget.shared(spoken.len());
            let parts = || spoken.iter().map(|(language, spoken)| part(*language, spoken, share));
            let body =
                if budget.holds(&whole) { whole } else { brief::in_one(&parts().collect::<Result<Vec<_>, _>>()?) };
            (TEXT, body)
        }
        Shape::Json => {
            let shorts = spoken.iter().map(|(language, spoken)| part(*language, spoken, Budget::NOTE));
            (JSON, (whole.json)(&shorts.collect::<Result<Vec<_>, _>>()?).map_err(failed)?)
        }
        Shape::Cap => (CAP, (whole.cap)()?),
        Shape::Parts(budget) => {
            let parts = spoken.iter().map(|(language, spoken)| part(*language, spoken, budget));
            (PARTS, brief::whole(&parts.collect::<Result<Vec<_>, _>>()?).map_err(failed)?)
        }
    };
    Ok(Message { key: MessageKey::new(id, form, &languages), bulletin: id.clone(), content_type, body })
}
