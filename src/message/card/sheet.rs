//! The sheet: where everything stands on a card of each size, and how large.
//!
//! A head in the colour of the level, a column of text beside the map, a foot that says who speaks. Letters grow and shrink within
//! bounds as there is more or less to say; they are never smaller than can be read on a telephone, and nothing lies upon anything else.

use super::Size;
use super::canvas::{Area, Canvas, number};
use super::letters::{Part, Text};
use super::look::{DRILL, INK, PAPER, QUIET, STONE, sign};
use super::map::{self, Drawn};
use super::says::{Place, Says};

/// How much larger or smaller than usual the letters of the column may be.
pub(super) const SMALLEST: f64 = 0.74;
pub(super) const USUAL: f64 = 1.0;
const STEP: f64 = 0.02;
const STEPS: u32 = 28;

/// How high lines are, in parts of the size of their letters: Arabic has marks above and below.
const LEADING: f64 = 1.42;
const TITLE_LEADING: f64 = 1.3;

/// Where things stand on a size of card, in pixels.
struct Plan {
    width: f64,
    height: f64,
    margin: f64,
    /// How high the head is.
    head: f64,
    /// How high the strips of a drill are.
    strip: f64,
    /// How wide the map is.
    map: f64,
    /// How wide the code is, with the white around it.
    code: f64,
    /// The size of the level's words, and of the title at its largest and smallest.
    level: f64,
    title: (f64, f64),
    /// How large the shape of the level is, and the sign of the hazard.
    shape: f64,
    sign: f64,
    /// The usual sizes of the column are multiplied by this.
    column: f64,
    /// The size of the small print.
    print: f64,
    /// The most lines of small print that say who speaks.
    source_lines: usize,
}

const WIDE: Plan = Plan {
    width: 1200.0,
    height: 675.0,
    margin: 48.0,
    head: 168.0,
    strip: 54.0,
    map: 372.0,
    code: 104.0,
    level: 34.0,
    title: (62.0, 32.0),
    shape: 116.0,
    sign: 100.0,
    column: 1.0,
    print: 20.0,
    source_lines: 2,
};

const SQUARE: Plan = Plan {
    width: 1080.0,
    height: 1080.0,
    margin: 56.0,
    head: 224.0,
    strip: 68.0,
    map: 420.0,
    code: 136.0,
    level: 38.0,
    title: (68.0, 34.0),
    shape: 132.0,
    sign: 112.0,
    column: 1.16,
    print: 24.0,
    source_lines: 4,
};

impl Size {
    fn plan(self) -> &'static Plan {
        match self {
            Self::Wide => &WIDE,
            Self::Square => &SQUARE,
        }
    }
}

/// How a place of the column is written: its usual size, whether it has a label, whether it stands behind a bar.
struct Style {
    size: f64,
    is_labelled: bool,
    is_barred: bool,
    fill: &'static str,
}

fn style(place: Place) -> Style {
    let plain = |size| Style { size, is_labelled: false, is_barred: false, fill: INK };
    match place {
        Place::Where => Style { is_labelled: true, ..plain(35.0) },
        Place::Period => Style { is_labelled: true, ..plain(29.0) },
        Place::Action => Style { is_labelled: true, ..plain(30.0) },
        Place::Silence | Place::Left => Style { is_barred: true, ..plain(25.0) },
        Place::Quote => plain(27.0),
        Place::Effects => Style { fill: QUIET, ..plain(26.0) },
        Place::Source | Place::Emergency | Place::Number => plain(20.0),
    }
}

/// How much smaller a list of places is that takes more than two lines.
const LIST: f64 = 0.78;
/// The size of labels, the space under them, and that between the places of the column, usually.
const LABEL: f64 = 21.0;
const GAP: f64 = 24.0;
/// The space between what stands side by side in the foot.
const SPACE: f64 = 28.0;
/// How wide the bar before a caveat is, with the space behind it.
const BAR: f64 = 22.0;

/// A place of the column at a size.
struct Block<'a> {
    place: Place,
    text: &'a Text,
    parts: Vec<Part>,
    size: f64,
    label: Option<&'a Text>,
    height: f64,
}

/// The foot of a card.
struct Foot<'a> {
    source: (&'a Text, Vec<Part>),
    number: Option<&'a Text>,
    emergency: Option<&'a Text>,
    height: f64,
}

/// A card on its way.
pub(super) struct Sheet<'a> {
    says: &'a Says<'a>,
    plan: &'static Plan,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(says: &'a Says<'a>, size: Size) -> Self {
        Self { says, plan: size.plan() }
    }

    /// How large the letters of the column can be with what is chosen to be said; none when it does not fit at all.
    pub(super) fn fit(&self) -> Option<f64> {
        let room = self.column(&self.foot()?);
        let scale = |step: u32| SMALLEST + f64::from(step) * STEP;
        let fits = |step: u32| {
            let blocks = self.blocks(scale(step), room.width);
            blocks.is_some_and(|blocks| taken(&blocks, scale(step) * self.plan.column) <= room.height)
        };
        let (mut fitting, mut over) = (0, STEPS + 1);
        if !fits(fitting) {
            return None;
        }
        while fitting + 1 < over {
            let middle = fitting.midpoint(over);
            if fits(middle) { fitting = middle } else { over = middle }
        }
        Some(scale(fitting))
    }

    /// How high the head is: a drill's is lower, since its strips take from the height.
    fn head_height(&self) -> f64 {
        self.plan.head - self.strip() * 0.5
    }

    fn strip(&self) -> f64 {
        if self.says.banners.is_empty() { 0.0 } else { self.plan.strip }
    }

    /// The room of the column between head and foot.
    fn column(&self, foot: &Foot<'_>) -> Area {
        let plan = self.plan;
        let top = self.strip() + self.head_height() + 30.0;
        let bottom = plan.height - self.strip() - foot.height - 26.0;
        let beside = if self.says.spots.is_empty() { 0.0 } else { plan.map + 40.0 };
        Area { x: plan.margin, y: top, width: plan.width - 2.0 * plan.margin - beside, height: bottom - top }
    }

    fn foot(&self) -> Option<Foot<'_>> {
        let plan = self.plan;
        let says = self.says;
        let emergency = says.text(Place::Emergency);
        let code = if says.code.is_some() { plan.code + SPACE } else { 0.0 };
        let beside = emergency.map(|text| self.pill(text) + SPACE).unwrap_or_default();
        let room = plan.width - 2.0 * plan.margin - beside - code;
        let source = says.text(Place::Source)?;
        let lines = source.wrap(plan.print, room)?;
        if plan.source_lines < lines.len() {
            return None;
        }
        let number = says.text(Place::Number);
        if number.is_some_and(|number| number.wrap(plan.print, room).is_none_or(|lines| 1 < lines.len())) {
            return None;
        }
        let count = lines.len() + usize::from(number.is_some());
        let height = (count as f64 * plan.print * LEADING + 2.0 * 18.0).max(code).max(plan.print * 4.4);
        Some(Foot { source: (source, lines), number, emergency, height })
    }

    /// How wide the number to call stands in its frame.
    fn pill(&self, text: &Text) -> f64 {
        text.whole().width(self.plan.print * 1.3) + 2.0 * 24.0
    }

    fn blocks(&self, scale: f64, width: f64) -> Option<Vec<Block<'_>>> {
        let scale = scale * self.plan.column;
        let block = |place: &Place| {
            let text = self.says.text(*place)?;
            let style = style(*place);
            let bar = if style.is_barred { BAR } else { 0.0 };
            let label = if style.is_labelled { self.says.label(*place) } else { None };
            let usual = (style.size * scale, text.wrap(style.size * scale, width - bar));
            let (size, parts) = match (*place, usual) {
                // A long list of names is read, and a short one is seen.
                (Place::Where, (size, parts)) if parts.as_ref().is_none_or(|parts| 2 < parts.len()) => {
                    (size * LIST, text.wrap(size * LIST, width - bar))
                }
                (_, usual) => usual,
            };
            Some(parts.map(|parts| {
                let label_height = if label.is_some() { LABEL * scale * LEADING } else { 0.0 };
                let height = parts.len() as f64 * size * LEADING + label_height;
                Block { place: *place, text, parts, size, label, height }
            }))
        };
        Place::COLUMN.iter().filter_map(block).collect()
    }

    /// Draws the card; none when something does not fit.
    pub(super) fn draw(&self) -> Option<Canvas> {
        let (plan, says) = (self.plan, self.says);
        let scale = self.fit()?;
        let foot = self.foot()?;
        let mut canvas = Canvas::new(says.language, plan.width, plan.height);
        canvas.rect(Area { x: 0.0, y: 0.0, width: plan.width, height: plan.height }, 0.0, PAPER);
        self.head(&mut canvas)?;
        let column = self.column(&foot);
        self.text(&mut canvas, column, scale)?;
        self.beside(&mut canvas, column);
        self.draw_foot(&mut canvas, &foot);
        self.strips(&mut canvas)?;
        Some(canvas)
    }

    /// The head: the shape of the level, its words and what threatens, the sign of the hazard.
    fn head(&self, canvas: &mut Canvas) -> Option<()> {
        let (plan, says) = (self.plan, self.says);
        let (tone, top) = (says.tone, self.strip());
        let (ground, ink) = (tone.ground(), tone.ink());
        canvas.rect(Area { x: 0.0, y: top, width: plan.width, height: self.head_height() }, 0.0, ground);
        if !says.banners.is_empty() {
            canvas.path(
                &hatching(plan.width, top, self.head_height()),
                &format!("fill=\"{DRILL}\" fill-opacity=\"0.22\""),
            );
        }
        let shape = canvas.at_start(plan.margin, top + (self.head_height() - plan.shape) / 2.0, plan.shape, plan.shape);
        let (outer, inner) = tone.shape();
        canvas.drawing(shape, 100.0, outer, &format!("fill=\"{ink}\""));
        canvas.drawing(shape, 100.0, inner, &format!("fill=\"{ground}\""));
        canvas.take("shape", shape);
        let at = canvas.width - plan.margin - plan.sign;
        let hazard = canvas.at_start(at, top + (self.head_height() - plan.sign) / 2.0, plan.sign, plan.sign);
        let lines = format!(
            "fill=\"none\" stroke=\"{ink}\" stroke-width=\"1.5\" stroke-linecap=\"round\" stroke-linejoin=\"round\""
        );
        canvas.drawing(hazard, 24.0, sign(says.hazard), &lines);
        canvas.take("sign", hazard);
        let start = plan.margin + plan.shape + 30.0;
        let room = at - 30.0 - start;
        let (level, level_size, tag) = self.level(room)?;
        let level_height = level_size * LEADING;
        let (lines, size) = self.title(room, self.head_height() - level_height - 30.0)?;
        let height = level_height + lines.len() as f64 * size * TITLE_LEADING;
        let mut y = top + (self.head_height() - height) / 2.0;
        canvas.line("level", &level.whole(), level_size, canvas.at_start(start, y, room, level_height), ink);
        if let Some(tag) = tag {
            let (line, size) = (tag.whole(), level_size * 0.66);
            let begin = start + level.whole().width(level_size) + 20.0;
            let (wide, high) = (line.width(size) + 28.0, size * 1.62);
            let frame = canvas.at_start(begin, y + (level_height - high) / 2.0, wide, high);
            canvas.rect(frame, high / 2.0, ink);
            canvas.centred("tag", &line, size, frame, ground);
        }
        y += level_height;
        for part in &lines {
            let area = canvas.at_start(start, y, room, size * TITLE_LEADING);
            canvas.line("title", &says.title.line(part), size, area, ink);
            y += size * TITLE_LEADING;
        }
        Some(())
    }

    /// The words of the level at the size at which they stand on one line with the tag.
    fn level(&self, room: f64) -> Option<(&Text, f64, Option<&Text>)> {
        let (plan, says) = (self.plan, self.says);
        let tag = says.tag.as_ref();
        let sizes = (0..12).map(|step| plan.level * (1.0 - f64::from(step) * 0.03));
        let width = |size: f64| {
            let tag = tag.map(|tag| 20.0 + 28.0 + tag.whole().width(size * 0.66)).unwrap_or_default();
            says.level.whole().width(size) + tag
        };
        sizes.into_iter().find(|size| width(*size) <= room).map(|size| (&says.level, size, tag))
    }

    /// The title on one line if it can be, else on two.
    fn title(&self, room: f64, height: f64) -> Option<(Vec<Part>, f64)> {
        let (largest, smallest) = self.plan.title;
        let steps = (largest - smallest) as u32;
        let sizes = (0..=steps).map(|step| largest - f64::from(step));
        let fits = |size: f64, most: usize| {
            let lines = self.says.title.wrap(size, room)?;
            let is_right = lines.len() <= most && lines.len() as f64 * size * TITLE_LEADING <= height;
            is_right.then_some((lines, size))
        };
        // A title of one line may be somewhat smaller than the largest; below that two lines are larger.
        let one = sizes.clone().take_while(|size| largest * 0.78 <= *size).find_map(|size| fits(size, 1));
        one.or_else(|| sizes.clone().find_map(|size| fits(size, 2)))
    }

    /// The column of text.
    fn text(&self, canvas: &mut Canvas, column: Area, scale: f64) -> Option<()> {
        let blocks = self.blocks(scale, column.width)?;
        let scale = scale * self.plan.column;
        let spare = column.height - taken(&blocks, scale);
        let gaps = blocks.len().saturating_sub(1).max(1) as f64;
        let gap = GAP * scale + (spare / gaps).clamp(0.0, GAP * scale * 0.7);
        let used = taken(&blocks, scale) + (gap - GAP * scale) * blocks.len().saturating_sub(1) as f64;
        let mut y = column.y + (column.height - used).max(0.0) / 2.0;
        for block in &blocks {
            let style = style(block.place);
            let bar = if style.is_barred { BAR } else { 0.0 };
            if style.is_barred {
                let area = canvas.at_start(column.x, y + 4.0, 6.0, block.height - 8.0);
                canvas.rect(area, 3.0, self.says.tone.ground());
            }
            let mut at = y;
            if let Some(label) = block.label {
                let (size, height) = (LABEL * scale, LABEL * scale * LEADING);
                canvas.line("label", &label.whole(), size, canvas.at_start(column.x, at, column.width, height), QUIET);
                at += height;
            }
            for part in &block.parts {
                let height = block.size * LEADING;
                let area = canvas.at_start(column.x + bar, at, column.width - bar, height);
                canvas.line(block.place.name(), &block.text.line(part), block.size, area, style.fill);
                at += height;
            }
            y += block.height + gap;
        }
        Some(())
    }

    /// The map, and whose outlines it shows.
    fn beside(&self, canvas: &mut Canvas, column: Area) {
        let (plan, says) = (self.plan, self.says);
        let start = canvas.width - plan.margin - plan.map;
        let mut room = canvas.at_start(start, column.y, plan.map, column.height);
        let credit_height = CREDIT * LEADING;
        if says.credit.is_some() {
            room.height -= credit_height + 4.0;
        }
        let Some(drawn) = map::draw(&says.spots, room) else { return };
        self.map(canvas, &drawn);
        if let Some(credit) = &says.credit {
            let area = Area { x: room.x, y: drawn.area.bottom() + 4.0, width: plan.map, height: credit_height };
            canvas.centred("credit", &credit.whole(), CREDIT, area, QUIET);
        }
    }

    fn map(&self, canvas: &mut Canvas, drawn: &Drawn) {
        let tone = self.says.tone;
        let line = "stroke-linejoin=\"round\"";
        canvas.path(&drawn.others, &format!("fill=\"#dfe3e8\" stroke=\"{PAPER}\" stroke-width=\"1.5\" {line}"));
        canvas.path(&drawn.meant, &format!("fill=\"{}\" stroke=\"{INK}\" stroke-width=\"1.5\" {line}", tone.ground()));
        for (x, y) in &drawn.seats {
            let (x, y) = (number(*x), number(*y));
            let ground = tone.ground();
            canvas.add(&format!(
                "<circle cx=\"{x}\" cy=\"{y}\" r=\"9\" fill=\"{ground}\" stroke=\"{INK}\" stroke-width=\"1.5\"/>"
            ));
        }
        canvas.take("map", drawn.area);
    }

    /// The code that leads to the bulletin, on white, at the far end of the foot; how wide it is with the space before it.
    fn code(&self, canvas: &mut Canvas, top: f64, height: f64) -> f64 {
        let Some(code) = &self.says.code else { return 0.0 };
        let (plan, side) = (self.plan, self.plan.code);
        let tile = canvas.at_start(canvas.width - plan.margin - side, top + (height - side) / 2.0, side, side);
        canvas.rect(tile, 8.0, PAPER);
        // Four modules of white around a code belong to it.
        let edge = side * 4.0 / (code.side() + 8.0);
        let square = Area { x: tile.x + edge, y: tile.y + edge, width: side - 2.0 * edge, height: side - 2.0 * edge };
        canvas.drawing(square, code.side(), &code.path, &format!("fill=\"{INK}\" shape-rendering=\"crispEdges\""));
        canvas.take("code", tile);
        side + SPACE
    }

    fn draw_foot(&self, canvas: &mut Canvas, foot: &Foot<'_>) {
        let plan = self.plan;
        let top = plan.height - self.strip() - foot.height;
        canvas.rect(Area { x: 0.0, y: top, width: plan.width, height: foot.height }, 0.0, STONE);
        let code = self.code(canvas, top, foot.height);
        let height = plan.print * LEADING;
        let count = foot.source.1.len() + usize::from(foot.number.is_some());
        let mut y = top + (foot.height - count as f64 * height) / 2.0;
        let room = plan.width - 2.0 * plan.margin;
        let (source, lines) = &foot.source;
        for part in lines {
            canvas.line("source", &source.line(part), plan.print, canvas.at_start(plan.margin, y, room, height), INK);
            y += height;
        }
        if let Some(number) = foot.number {
            canvas.line("number", &number.whole(), plan.print, canvas.at_start(plan.margin, y, room, height), QUIET);
        }
        if let Some(emergency) = foot.emergency {
            let (size, width) = (plan.print * 1.3, self.pill(emergency));
            let high = size * 1.9;
            let at = canvas.width - plan.margin - code - width;
            let area = canvas.at_start(at, top + (foot.height - high) / 2.0, width, high);
            canvas.rect(area, 10.0, INK);
            canvas.centred("emergency", &emergency.whole(), size, area, PAPER);
        }
    }

    /// The strips that mark what is not meant: above and below, in both languages, within a frame.
    fn strips(&self, canvas: &mut Canvas) -> Option<()> {
        let plan = self.plan;
        let high = self.strip();
        if high <= 0.0 {
            return Some(());
        }
        let [own, other] = self.says.banners.as_slice() else { return None };
        let frame = 12.0;
        for x in [0.0, plan.width - frame] {
            canvas.rect(Area { x, y: 0.0, width: frame, height: plan.height }, 0.0, DRILL);
        }
        for (y, text) in [(0.0, own), (plan.height - high, other)] {
            let area = Area { x: 0.0, y, width: plan.width, height: high };
            canvas.rect(area, 0.0, DRILL);
            let size = high * 0.56;
            if plan.width - 2.0 * plan.margin < text.whole().width(size) {
                return None;
            }
            canvas.centred("banner", &text.whole(), size, area, PAPER);
        }
        Some(())
    }
}

/// The size of the words that say whose the outlines are.
const CREDIT: f64 = 14.0;

/// Slanting bars over a head, so that even a piece of it does not look like one that is meant.
fn hatching(width: f64, top: f64, height: f64) -> String {
    let (wide, bottom) = (height / 4.0, top + height);
    let count = ((width + height) / (2.0 * wide)).ceil() as u32;
    let bar = |place: u32| {
        let x = f64::from(place) * 2.0 * wide;
        let [x, to, top, bottom, slant] = [x, x + wide, top, bottom, height].map(|value| (value * 10.0).round() / 10.0);
        let [left, right] = [x - slant, to - slant].map(number);
        format!("M{} {}L{} {1}L{right} {3}L{left} {3}Z", number(x), number(top), number(to), number(bottom))
    };
    (0..count).map(bar).collect()
}

/// How high blocks are with the usual space between them.
fn taken(blocks: &[Block<'_>], scale: f64) -> f64 {
    let gaps = blocks.len().saturating_sub(1) as f64 * GAP * scale;
    blocks.iter().map(|block| block.height).sum::<f64>() + gaps
}
