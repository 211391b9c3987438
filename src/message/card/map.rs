//! The map on a card: every outline that is known, those that the bulletin is about filled.
//!
//! It is drawn for the eye: corners closer to each other than a pixel can show are left out, and so many at most are drawn in all.
//! A place without an outline is marked by its seat.

use std::fmt::Write as _;

use geo::{BoundingRect, Coord, LineString, MultiPolygon, Rect};

use super::canvas::{Area, number};

/// The most corners that are drawn of all outlines together. Beyond them only the places that the bulletin is about are drawn.
pub(super) const MAX_CORNERS: usize = 12_000;

/// How close to each other two corners of an outline may be, in pixels.
const FINEST: f64 = 1.2;

/// One place on a map.
#[derive(Debug, Clone)]
pub(super) struct Spot<'a> {
    /// Its outline; empty when none is known.
    pub(super) outline: &'a MultiPolygon<f64>,
    /// Its seat.
    pub(super) seat: Coord<f64>,
    /// True when the bulletin is about it.
    pub(super) is_meant: bool,
}

/// What is drawn of a map, each as an SVG path; none when nothing is known of where places lie.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drawn {
    /// The other places.
    pub(super) others: String,
    /// The places that the bulletin is about.
    pub(super) meant: String,
    /// The seats of those among them that have no outline.
    pub(super) seats: Vec<(f64, f64)>,
    /// What it takes of the area.
    pub(super) area: Area,
}

/// Draws a map as large as an area holds it.
pub(super) fn draw(spots: &[Spot<'_>], area: Area) -> Option<Drawn> {
    let frame = frame(spots)?;
    let view = View::new(frame, area)?;
    let mut drawn = Drawn { others: String::new(), meant: String::new(), seats: Vec::new(), area: view.taken };
    let mut left = MAX_CORNERS;
    // Those that are meant come first: they are never left out for others.
    for spot in spots.iter().filter(|spot| spot.is_meant) {
        if spot.outline.0.is_empty() {
            drawn.seats.push(view.place(spot.seat));
        } else {
            let path = view.path(spot.outline);
            left = left.saturating_sub(path.matches(' ').count());
            drawn.meant.push_str(&path);
        }
    }
    for spot in spots.iter().filter(|spot| !spot.is_meant) {
        let path = view.path(spot.outline);
        let corners = path.matches(' ').count();
        if corners <= left {
            left -= corners;
            drawn.others.push_str(&path);
        }
    }
    Some(drawn)
}

/// The box around all outlines and the seats of those that are meant.
fn frame(spots: &[Spot<'_>]) -> Option<Rect<f64>> {
    let outlines = spots.iter().filter_map(|spot| spot.outline.bounding_rect());
    let seats = spots.iter().filter(|spot| spot.is_meant).map(|spot| Rect::new(spot.seat, spot.seat));
    outlines.chain(seats).reduce(|one, other| {
        let (low, high) = (one.min(), one.max());
        Rect::new(
            Coord { x: low.x.min(other.min().x), y: low.y.min(other.min().y) },
            Coord { x: high.x.max(other.max().x), y: high.y.max(other.max().y) },
        )
    })
}

/// From degrees to pixels: north is up, and a degree of longitude is as long as it is in the middle of the map.
struct View {
    frame: Rect<f64>,
    /// Pixels for a degree of longitude and of latitude.
    scale: Coord<f64>,
    taken: Area,
}

impl View {
    fn new(frame: Rect<f64>, area: Area) -> Option<Self> {
        let squeeze = frame.center().y.to_radians().cos().max(0.05);
        let (width, height) = (frame.width() * squeeze, frame.height());
        if !(0.0 < width && 0.0 < height && width.is_finite() && height.is_finite()) {
            return None;
        }
        let per_degree = (area.width / width).min(area.height / height);
        let (wide, high) = (width * per_degree, height * per_degree);
        let taken = Area {
            x: area.x + (area.width - wide) / 2.0,
            y: area.y + (area.height - high) / 2.0,
            width: wide,
            height: high,
        };
        Some(Self { frame, scale: Coord { x: per_degree * squeeze, y: per_degree }, taken })
    }

    fn place(&self, at: Coord<f64>) -> (f64, f64) {
        let x = self.taken.x + (at.x - self.frame.min().x) * self.scale.x;
        let y = self.taken.y + (self.frame.max().y - at.y) * self.scale.y;
        (x, y)
    }

    fn path(&self, outline: &MultiPolygon<f64>) -> String {
        let rings = outline.0.iter().flat_map(|part| std::iter::once(part.exterior()).chain(part.interiors()));
        rings.map(|ring| self.ring(ring)).collect()
    }

    /// One ring; what is smaller than can be seen is left out.
    fn ring(&self, ring: &LineString<f64>) -> String {
        let mut path = String::new();
        let mut last: Option<(f64, f64)> = None;
        let mut corners = 0;
        for corner in &ring.0 {
            let (x, y) = self.place(*corner);
            if last.is_some_and(|(was_x, was_y)| (x - was_x).hypot(y - was_y) < FINEST) {
                continue;
            }
            let command = if last.is_none() { 'M' } else { 'L' };
            let _ =
                write!(path, "{command}{} {}", number((x * 10.0).round() / 10.0), number((y * 10.0).round() / 10.0));
            last = Some((x, y));
            corners += 1;
        }
        if corners < 3 {
            return String::new();
        }
        path.push('Z');
        path
    }
}
