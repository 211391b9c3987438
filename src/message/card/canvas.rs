//! A canvas: shapes and lines of text put into their places, and written as SVG.
//!
//! The text of an SVG is the same for the same card on every machine: numbers have at most two digits after the point, letters are
//! outlines of the built-in faces, and nothing is fetched from anywhere.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::letters::{EM, Line, Weight, baseline, outline};
use crate::language::{Grammar, Language};

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Area {
    /// The lower edge.
    pub(super) fn bottom(self) -> f64 {
        self.y + self.height
    }

    /// The right edge.
    pub(super) fn right(self) -> f64 {
        self.x + self.width
    }
}

/// Something that was put into its place, for those who check that nothing lies upon something else.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    /// What it is.
    pub(super) what: &'static str,
    /// Where it is.
    pub(super) area: Area,
}

/// A card being drawn.
#[derive(Debug)]
pub(super) struct Canvas {
    language: Language,
    pub(super) width: f64,
    pub(super) height: f64,
    body: String,
    glyphs: BTreeSet<(Weight, u32)>,
    /// All that must not lie upon something else.
    pub(super) placed: Vec<Placed>,
}

impl Canvas {
    pub(super) fn new(language: Language, width: f64, height: f64) -> Self {
        Self { language, width, height, body: String::new(), glyphs: BTreeSet::new(), placed: Vec::new() }
    }

    /// An area that begins so far from the side where reading begins.
    pub(super) fn at_start(&self, start: f64, y: f64, width: f64, height: f64) -> Area {
        let x = match self.language.grammar() {
            Grammar::Ar => self.width - start - width,
            Grammar::En => start,
        };
        Area { x, y, width, height }
    }

    /// Notes that an area is taken.
    pub(super) fn take(&mut self, what: &'static str, area: Area) {
        self.placed.push(Placed { what, area });
    }

    /// A rectangle, with round corners where the radius is not nothing.
    pub(super) fn rect(&mut self, area: Area, radius: f64, fill: &str) {
        let Area { x, y, width, height } = area;
        let round = if 0.0 < radius { format!(" rx=\"{}\"", number(radius)) } else { String::new() };
        let [x, y, width, height] = [x, y, width, height].map(number);
        self.add(&format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"{round} fill=\"{fill}\"/>"));
    }

    /// A path with attributes of its own.
    pub(super) fn path(&mut self, path: &str, attributes: &str) {
        self.add(&format!("<path d=\"{path}\" {attributes}/>"));
    }

    /// A path drawn within a square of so many units, put into an area of the canvas.
    pub(super) fn drawing(&mut self, area: Area, units: f64, path: &str, attributes: &str) {
        let (x, y, scale) = (number(area.x), number(area.y), scale(area.width / units));
        self.add(&format!("<path transform=\"translate({x} {y}) scale({scale})\" d=\"{path}\" {attributes}/>"));
    }

    /// A line of text in an area as wide as there is room: it stands at the side where reading begins.
    pub(super) fn line(&mut self, what: &'static str, line: &Line, size: f64, area: Area, fill: &str) {
        let width = line.width(size);
        let x = match self.language.grammar() {
            Grammar::Ar => area.right() - width,
            Grammar::En => area.x,
        };
        self.letters(what, line, size, Area { x, width, ..area }, fill);
    }

    /// A line of text in the middle of an area.
    pub(super) fn centred(&mut self, what: &'static str, line: &Line, size: f64, area: Area, fill: &str) {
        let width = line.width(size);
        let x = area.x + (area.width - width) / 2.0;
        self.letters(what, line, size, Area { x, width, ..area }, fill);
    }

    fn letters(&mut self, what: &'static str, line: &Line, size: f64, area: Area, fill: &str) {
        let (x, y) = (number(area.x), number(area.y + baseline(area.height, size)));
        let size = scale(size / EM);
        let text = escaped(&line.text);
        let head = format!(
            "<g class=\"{what}\" aria-label=\"{text}\" fill=\"{fill}\" transform=\"translate({x} {y}) scale({size} -{size})\">"
        );
        let mut letters = String::new();
        for glyph in &line.glyphs {
            self.glyphs.insert((line.weight, glyph.id));
            let y = if glyph.y == 0 { String::new() } else { format!(" y=\"{}\"", glyph.y) };
            let _ = write!(letters, "<use href=\"#{}{}\" x=\"{}\"{y}/>", line.weight.mark(), glyph.id, glyph.x);
        }
        self.add(&format!("{head}{letters}</g>"));
        self.take(what, area);
    }

    /// Anything else.
    pub(super) fn add(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }

    /// The whole as SVG, with a title and a description for those who do not see it.
    pub(super) fn svg(&self, title: &str, description: &str) -> String {
        let (width, height) = (number(self.width), number(self.height));
        let direction = match self.language.grammar() {
            Grammar::Ar => "rtl",
            Grammar::En => "ltr",
        };
        let (tag, title, description) = (self.language.tag(), escaped(title), escaped(description));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\" lang=\"{tag}\" direction=\"{direction}\" aria-labelledby=\"title description\">\n\
             <title id=\"title\">{title}</title>\n<desc id=\"description\">{description}</desc>\n<defs>\n"
        );
        for (weight, glyph) in &self.glyphs {
            let path = outline(*weight, *glyph);
            let _ = writeln!(svg, "<path id=\"{}{glyph}\" d=\"{path}\"/>", weight.mark());
        }
        svg.push_str("</defs>\n");
        svg.push_str(&self.body);
        svg.push_str("</svg>\n");
        svg
    }
}

/// A number with at most two digits after the point.
pub(super) fn number(value: f64) -> String {
    short(&format!("{value:.2}"))
}

fn scale(value: f64) -> String {
    short(&format!("{value:.5}"))
}

fn short(text: &str) -> String {
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A text as it stands in XML.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            c => escaped.push(c),
        }
    }
    escaped
}
