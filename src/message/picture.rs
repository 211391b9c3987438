//! The pictures that go with a message: one card a language, frozen beside the text, so that every try shows the same.
//!
//! A picture never stands alone and never holds up a text: where none can be made there is none.

use serde::{Deserialize, Serialize};

use super::card::{Card, Size};
use super::wording::WordingError;
use super::{Message, MessageKey, Speaker};
use crate::bulletin::Bulletin;
use crate::governorate::GovernorateBook;
use crate::language::Language;

/// What the frozen pictures of a message are.
const PICTURES: &str = "application/vnd.nadhir.pictures+json";

/// One picture that goes with a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// In which language.
    pub language: Language,
    /// The same in words, for those who do not see it; at most [`super::card::MAX_ALT_LEN`] UTF-16 units.
    pub alt: String,
    /// The picture as SVG; [`super::card::png`] makes an image of it.
    pub svg: String,
}

impl Speaker {
    /// The pictures of a bulletin in a shape, in the languages and the order given; none when one of them cannot be made, since a
    /// language must not seem to be left out.
    ///
    /// # Errors
    /// When a text of the wording cannot be filled.
    pub fn pictures(
        &self,
        bulletin: &Bulletin,
        places: &GovernorateBook,
        size: Size,
        languages: &[Language],
    ) -> Result<Option<Message>, WordingError> {
        let mut pictures = Vec::with_capacity(languages.len());
        for language in languages.iter().filter(|language| !language.is_further()) {
            let Some(Card { svg, alt }) = self.card(bulletin, places, *language, size)? else { return Ok(None) };
            pictures.push(Picture { language: *language, alt, svg });
        }
        let tags: Vec<&str> = languages.iter().map(|language| language.tag()).collect();
        let key = MessageKey(format!("{}/card-{}/{}", bulletin.id, size.name(), tags.join("+")));
        let body = serde_json::to_string(&pictures).ok();
        Ok(body.map(|body| Message { key, bulletin: bulletin.id.clone(), content_type: PICTURES, body }))
    }
}

/// Reads frozen pictures; none when they are not of this make.
pub fn read(body: &str) -> Vec<Picture> {
    serde_json::from_str(body).unwrap_or_default()
}
