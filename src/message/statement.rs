//! What is said of a statement: its title, what it says, and who says so. Its own words are never changed.

use crate::governorate::GovernorateBook;
use crate::language::Language;
use crate::language::clock::{Edge, clock_text};
use crate::language::direction::isolate;
use crate::language::list::join;
use crate::language::number::plain;
use crate::message::Speaker;
use crate::message::catalogue::Slot;
use crate::message::telling::{Dates, Told, moment};
use crate::message::text::Spoken;
use crate::message::wording::WordingError;
use crate::statement::{Sort, Statement, When};
use crate::time::Timestamp;

/// A statement being told in one language.
#[derive(Clone, Copy)]
pub(super) struct Announcement<'a> {
    pub(super) statement: &'a Statement,
    pub(super) places: &'a GovernorateBook,
    pub(super) speaker: &'a Speaker,
    pub(super) language: Language,
}

impl Announcement<'_> {
    /// Headline and body.
    pub(super) fn speak(&self) -> Result<Spoken, WordingError> {
        let content = &self.statement.content;
        let title = content.title.get(self.language);
        let key = match &content.rumour {
            _ if self.statement.is_withdrawn => "say.withdrawn_headline".to_owned(),
            // Whether it is so stands in the headline: what is shortened must never spread a rumour.
            Some(rumour) => format!("say.rumour_{}", rumour.truth.name()),
            None => format!("say.{}", content.sort.name()),
        };
        let headline = self.say(&key, &[(Slot::Headline, title)])?;
        let mut paragraphs = match self.statement.is_withdrawn {
            true => vec![self.say("say.withdrawn", &[])?],
            false => self.said()?,
        };
        let issuer = self.speaker.issuer.name.get(self.language);
        let source = self.say("say.source", &[(Slot::Issuer, issuer)])?;
        let number = isolate(self.language, &self.statement.number);
        let edition = plain(self.language, &self.speaker.style, self.statement.edition.into());
        let number = self.say("say.number", &[(Slot::Number, &number), (Slot::Edition, &edition)])?;
        paragraphs.push(format!("{source} {number}"));
        Ok(Spoken { headline, body: paragraphs.join("\n\n") })
    }

    fn say(&self, key: &str, slots: &[(Slot, &str)]) -> Told {
        self.speaker.wording.say(self.language, key, slots)
    }

    fn said(&self) -> Result<Vec<String>, WordingError> {
        let content = &self.statement.content;
        let mut paragraphs = Vec::new();
        if let Some(rumour) = &content.rumour {
            let claim = self.say("say.claim", &[(Slot::Quote, rumour.claim.get(self.language))])?;
            let truth = self.say(&format!("say.{}", rumour.truth.name()), &[])?;
            paragraphs.push(format!("{claim} {truth}"));
        }
        if let Some(when) = &content.when {
            paragraphs.push(self.when(when)?);
        }
        if !content.places.is_empty() && content.sort == Sort::Event {
            let name = |id| self.places.get(id).map_or(id.as_str(), |place| place.formal.get(self.language));
            let names: Vec<String> = content.places.iter().map(|id| name(id).to_owned()).collect();
            paragraphs.push(self.say("say.place", &[(Slot::Places, &join(self.language, &names))])?);
        }
        paragraphs.extend(content.text.as_ref().map(|text| text.get(self.language).clone()));
        if let Some(link) = &content.link {
            paragraphs.push(self.say("say.link", &[(Slot::Quote, &isolate(self.language, link))])?);
        }
        Ok(paragraphs)
    }

    fn when(&self, when: &When) -> Told {
        let style = &self.speaker.style;
        let local = |at: Timestamp| chrono::DateTime::with_timezone(&at, &style.zone).naive_local();
        let from = self.moment(when.from, Edge::Start)?;
        let period = match when.until {
            None => from,
            Some(until) => {
                let (day, last) = (local(when.from).date(), local(until).date());
                let until = self.moment(until, Edge::End)?;
                if day == last {
                    let from = clock_text(self.language, style, local(when.from).time());
                    self.say("period.same_day", &[(Slot::FromClock, &from), (Slot::Until, &until)])?
                } else {
                    self.say("period.two_days", &[(Slot::From, &from), (Slot::Until, &until)])?
                }
            }
        };
        self.say("say.when", &[(Slot::Period, &period)])
    }

    fn moment(&self, at: Timestamp, edge: Edge) -> Told {
        moment(&self.speaker.wording, &self.speaker.style, self.language, Dates::Whole, (at, edge))
    }
}
