//! Cards: a bulletin as a picture, one for each language, to be looked at where nobody reads.
//!
//! A card is a plain function of the bulletin, the wording and the outlines: the same always gives the same bytes, on every machine.
//! It adds no fact to the texts, and it never stands alone: where what must be said does not fit, or the faces lack a letter of it,
//! there is no card, and the text is told all the same.

mod canvas;
mod code;
mod letters;
mod look;
mod map;
mod says;
mod sheet;
mod tell;
#[cfg(test)]
mod tests;

use resvg::{tiny_skia, usvg};

use self::sheet::Sheet;
use self::tell::{banners, told};
use crate::bulletin::Bulletin;
use crate::governorate::GovernorateBook;
use crate::language::Language;
use crate::message::Speaker;
use crate::message::wording::WordingError;

/// The shape of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Size {
    /// 1200 by 675 pixels, as posts show it.
    Wide,
    /// 1080 by 1080 pixels, as telephones show it best.
    Square,
}

impl Size {
    /// Every size.
    pub const ALL: [Self; 2] = [Self::Wide, Self::Square];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Square => "square",
        }
    }
}

/// A bulletin as a picture in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The picture, which needs nothing beside it: no font, no file, no address.
    pub svg: String,
    /// The same in words, for those who do not see it; at most [`MAX_ALT_LEN`] UTF-16 units.
    pub alt: String,
}

/// The longest description of a picture that every service takes.
pub const MAX_ALT_LEN: usize = 1000;

/// The most pixels of a side of a picture.
const MAX_SIDE: f32 = 2000.0;

/// Why a card could not become an image.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// It is not such an SVG as cards are.
    #[error("the card is not an SVG that can be drawn: {0}")]
    Svg(#[from] usvg::Error),
    /// It is too large.
    #[error("the card is {width} by {height} pixels large; at most {MAX_SIDE} a side are drawn")]
    Size {
        /// How wide it is.
        width: f32,
        /// How high it is.
        height: f32,
    },
    /// The image could not be written.
    #[error("the image of the card cannot be written: {0}")]
    Png(String),
}

impl Speaker {
    /// The card of a bulletin; none when what must be said does not fit or cannot be written with the built-in faces.
    ///
    /// # Errors
    /// When a text of the wording cannot be filled.
    pub fn card(
        &self,
        bulletin: &Bulletin,
        places: &GovernorateBook,
        language: Language,
        size: Size,
    ) -> Result<Option<Card>, WordingError> {
        let telling = self.telling(bulletin, places, language);
        let told = told(&telling)?;
        let Some(mut says) = told.drawn(&telling, &banners(&telling)?) else { return Ok(None) };
        if !says.choose(size) {
            return Ok(None);
        }
        let canvas = Sheet::new(&says, size).draw();
        Ok(canvas.map(|canvas| {
            let alt = told.alt(&says);
            Card { svg: canvas.svg(&told.headline, &alt), alt }
        }))
    }

    /// Says everything that a card may say, for those who try a wording.
    pub(super) fn say_card(
        &self,
        bulletin: &Bulletin,
        places: &GovernorateBook,
        language: Language,
    ) -> Result<(), WordingError> {
        told(&self.telling(bulletin, places, language)).map(|_| ())
    }
}

/// A card as a PNG; the same SVG always gives the same bytes. No font and no file is looked for, whatever the SVG names.
///
/// # Errors
/// When it cannot be drawn; a card of ours always can.
pub fn png(svg: &str) -> Result<Vec<u8>, PictureError> {
    let tree = usvg::Tree::from_str(svg, &usvg::Options::default())?;
    let (width, height) = (tree.size().width(), tree.size().height());
    let wrong = || PictureError::Size { width, height };
    if MAX_SIDE < width || MAX_SIDE < height {
        return Err(wrong());
    }
    let mut pixels = tiny_skia::Pixmap::new(width.ceil() as u32, height.ceil() as u32).ok_or_else(wrong)?;
    resvg::render(&tree, tiny_skia::Transform::identity(), &mut pixels.as_mut());
    pixels.encode_png().map_err(|why| PictureError::Png(why.to_string()))
}
