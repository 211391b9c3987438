//! Letters: texts shaped, measured, wrapped and drawn with the faces that are built in, in both directions.
//!
//! A text is drawn as outlines, so that it looks the same everywhere; no font of a machine is ever asked for. No word is cut, and
//! a text with a letter that the faces do not have is not drawn at all.

use std::ops::Range;
use std::sync::LazyLock;

use harfrust::font::glyph::outline::{DrawMemory, DrawOptions, SvgSink};
use harfrust::{Buffer, Direction, Font, GlyphId, Script, ShapeOptions, ShaperFont, shape};
use unicode_bidi::{BidiInfo, Level};

use crate::language::direction::{ISOLATE, POP, is_arabic};
use crate::language::{Grammar, Language};

/// How many units of the faces make the size of a letter.
pub(super) const EM: f64 = 1000.0;

/// How far the faces reach above the line that letters stand on, and below it, in parts of their size.
const ASCENT: f64 = 1.085;
const DESCENT: f64 = 0.415;

/// How bold letters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Weight {
    /// As texts are.
    Regular,
    /// As what is seen first.
    Bold,
}

impl Weight {
    /// A letter for it, in names of outlines.
    pub(super) fn mark(self) -> char {
        match self {
            Self::Regular => 'r',
            Self::Bold => 'b',
        }
    }

    fn face(self) -> &'static Font {
        match self {
            Self::Regular => &FACES.0,
            Self::Bold => &FACES.1,
        }
    }
}

/// The faces, as they were published; `fonts/SOURCE` says where.
static FACES: LazyLock<(Font, Font)> = LazyLock::new(|| {
    let face = |bytes: &'static [u8]| Font::new(bytes, 0).expect("the faces are built in, and tests draw with them");
    (
        face(include_bytes!("fonts/IBMPlexSansArabic-Regular.ttf")),
        face(include_bytes!("fonts/IBMPlexSansArabic-Bold.ttf")),
    )
});

/// The outline of a letter as an SVG path, in units of the face, upwards.
pub(super) fn outline(weight: Weight, glyph: u32) -> String {
    let glyphs = weight.face().outline_glyphs();
    let mut path = SvgSink::with_precision(0);
    if let Some(glyph) = glyphs.get(GlyphId::new(glyph)) {
        // What cannot be drawn has no outline: a space has none either.
        let _ = glyph.draw(&DrawOptions::default(), DrawMemory::default(), &mut path);
    }
    path.to_string()
}

/// True for what tells directions and is not drawn.
fn is_unseen(c: char) -> bool {
    matches!(c, ISOLATE | POP | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{2066}' | '\u{2067}' | '\u{feff}')
}

/// True when the faces have every letter of a text.
pub(super) fn can_write(text: &str) -> bool {
    let letters = Weight::Bold.face().charmap();
    text.chars().all(|c| c == '\n' || is_unseen(c) || letters.map_unicode(c).is_some_and(|glyph| glyph.to_u32() != 0))
}

/// One letter in its place, in units of the face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Glyph {
    pub(super) id: u32,
    pub(super) x: i32,
    pub(super) y: i32,
}

/// A line as it is seen, from the left.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// What it says.
    pub(super) text: String,
    pub(super) weight: Weight,
    pub(super) glyphs: Vec<Glyph>,
    /// How wide it is, in units of the face.
    width: i32,
}

impl Line {
    /// How wide it is at a size.
    pub(super) fn width(&self, size: f64) -> f64 {
        f64::from(self.width) * size / EM
    }
}

/// A text on its way to lines.
#[derive(Debug, Clone)]
pub(super) struct Text {
    language: Language,
    weight: Weight,
    paragraphs: Vec<Paragraph>,
    space: i32,
}

/// What stands between two ends of lines of the text itself.
#[derive(Debug, Clone)]
struct Paragraph {
    text: String,
    /// Its words, and how wide each is, in units of the face.
    words: Vec<(Range<usize>, i32)>,
}

/// Where a line of a text lies: in which paragraph, and which part of it.
pub(super) type Part = (usize, Range<usize>);

impl Text {
    /// Shapes and measures the words of a text.
    pub(super) fn new(language: Language, weight: Weight, text: &str) -> Self {
        let measure = |text: &str| {
            let bidi = bidi(language, text);
            let width = |word: &Range<usize>| lay(weight, &bidi, word).width;
            let words = words(text).into_iter().map(|word| (word.clone(), width(&word))).collect();
            Paragraph { text: text.to_owned(), words }
        };
        let paragraphs = text.lines().filter(|line| !line.trim().is_empty()).map(measure).collect();
        Self { language, weight, paragraphs, space: lay(weight, &bidi(language, " "), &(0..1)).width }
    }

    /// Where its lines lie at a size within a width: as few as there can be, and about as long as each other. None when a word is
    /// too wide.
    pub(super) fn wrap(&self, size: f64, width: f64) -> Option<Vec<Part>> {
        let limit = (width * EM / size).floor().clamp(0.0, f64::from(i32::MAX / 2)) as i32;
        let mut lines = Vec::new();
        for (place, Paragraph { words, .. }) in self.paragraphs.iter().enumerate() {
            let fewest = self.break_within(words, limit)?.len();
            let (mut low, mut high) = (0, limit);
            while low + EVEN < high {
                let middle = low + (high - low) / 2;
                match self.break_within(words, middle) {
                    Some(lines) if lines.len() <= fewest => high = middle,
                    Some(_) | None => low = middle,
                }
            }
            lines.extend(self.break_within(words, high)?.into_iter().map(|line| (place, line)));
        }
        Some(lines)
    }

    fn break_within(&self, words: &[(Range<usize>, i32)], limit: i32) -> Option<Vec<Range<usize>>> {
        let mut lines: Vec<(Range<usize>, i32)> = Vec::new();
        for (word, width) in words {
            if limit < *width {
                return None;
            }
            match lines.last_mut() {
                Some((line, taken)) if *taken + self.space + width <= limit => {
                    line.end = word.end;
                    *taken += self.space + width;
                }
                Some(_) | None => lines.push((word.clone(), *width)),
            }
        }
        Some(lines.into_iter().map(|(line, _)| line).collect())
    }

    /// All of it on one line; of several paragraphs the first.
    pub(super) fn whole(&self) -> Line {
        let length = self.paragraphs.first().map_or(0, |paragraph| paragraph.text.len());
        self.line(&(0, 0..length))
    }

    /// One of its lines, shaped as a whole.
    pub(super) fn line(&self, (place, range): &Part) -> Line {
        let text = self.paragraphs.get(*place).map_or("", |paragraph| paragraph.text.as_str());
        lay(self.weight, &bidi(self.language, text), range)
    }
}

/// How exactly lines are made alike, in units of the face.
const EVEN: i32 = 8;

/// A space at which no line ends.
pub(super) const BOUND: char = '\u{a0}';

/// The words of a line of text; what stands between them are spaces.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    let mut start = None;
    for (place, c) in text.char_indices() {
        match (c.is_whitespace() && c != BOUND, start) {
            (false, None) => start = Some(place),
            (true, Some(from)) => {
                words.push(from..place);
                start = None;
            }
            (false, Some(_)) | (true, None) => {}
        }
    }
    words.extend(start.map(|from| from..text.len()));
    words
}

/// Which part of a paragraph runs in which direction.
fn bidi(language: Language, paragraph: &str) -> BidiInfo<'_> {
    let level = match language.grammar() {
        Grammar::Ar => Level::rtl(),
        Grammar::En => Level::ltr(),
    };
    BidiInfo::new(paragraph, Some(level))
}

/// Shapes a part of a paragraph as it is seen: runs in their order, each in its direction.
fn lay(weight: Weight, bidi: &BidiInfo<'_>, part: &Range<usize>) -> Line {
    let text = bidi.text.get(part.clone()).unwrap_or_default();
    let mut line = Line { text: seen(text), weight, glyphs: Vec::new(), width: 0 };
    let Some(paragraph) = bidi.paragraphs.first().filter(|_| !text.is_empty()) else { return line };
    let (levels, runs) = bidi.visual_runs(paragraph, part.clone());
    for run in runs {
        let is_rtl = levels.get(run.start).is_some_and(Level::is_rtl);
        set(&mut line, &seen(bidi.text.get(run).unwrap_or_default()), is_rtl);
    }
    line
}

/// A text without what only tells directions.
fn seen(text: &str) -> String {
    text.chars().filter(|c| !is_unseen(*c)).collect()
}

/// Adds a run of one direction at the right end of a line.
fn set(line: &mut Line, run: &str, is_rtl: bool) {
    let mut buffer = Buffer::new();
    buffer.push_str(run);
    buffer.set_direction(if is_rtl { Direction::RightToLeft } else { Direction::LeftToRight });
    buffer.set_script(Some(if run.contains(is_arabic) { Script::ARABIC } else { Script::LATIN }));
    let font = ShaperFont::new(line.weight.face());
    // Only what was shaped before or has no direction is refused.
    if shape(&font, &mut buffer, ShapeOptions::new()).is_err() {
        return;
    }
    for (glyph, place) in buffer.glyph_infos().iter().zip(buffer.glyph_positions()) {
        line.glyphs.push(Glyph { id: glyph.glyph_id, x: line.width + place.x_offset, y: place.y_offset });
        line.width += place.x_advance;
    }
}

/// How far below its top a line of a height stands, for letters of a size.
pub(super) fn baseline(height: f64, size: f64) -> f64 {
    (height - (ASCENT + DESCENT) * size) / 2.0 + ASCENT * size
}
