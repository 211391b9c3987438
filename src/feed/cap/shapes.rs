//! Polygons and circles of CAP as areas of the earth, and the governorates they touch. Never looks at names.

use std::collections::BTreeSet;

use geo::algorithm::bool_ops::{FillRule, OpType};
use geo::{
    Area, BooleanOps, BoundingRect, Contains, Coord, Intersects, Line, LineString, MultiPolygon, Point, Polygon, Rect,
};

use crate::governorate::GovernorateBook;
use crate::ids::GovernorateId;

/// When a governorate is meant by a shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// A shape that covers this share of a governorate means it; above 0 and up to 1.
    pub share_of_governorate: f64,
    /// A governorate that holds this share of a shape is meant by it: small shapes must lie somewhere, too. Above 0 and up to 1.
    pub share_of_shape: f64,
    /// Whether a shape that holds the seat of a governorate means it.
    pub centre: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self { share_of_governorate: 0.1, share_of_shape: 0.5, centre: true }
    }
}

/// One that lies across borders and means nobody by the above is given to the governorate that holds most of it, when that is
/// at least this share: a neighbour's polygon that touches the border is not a warning here.
const LEAST_SHARE_OF_SHAPE: f64 = 0.1;
/// The most points of one polygon; real ones have had 6208.
const MAX_POINTS: usize = 10_000;
/// The most times a border may cross itself: real ones do it now and then, and each crossing costs time.
const MAX_CROSSINGS: usize = 100;
/// The most pairs of sides that are compared for one document: a comb without a crossing costs as much time as one with many.
const MAX_PAIRS: usize = 20_000_000;
/// The most corners of shapes near the region that are worked with for one document.
const MAX_CORNERS: usize = 200_000;
/// The corners that a circle is drawn with.
const CIRCLE_CORNERS: u32 = 48;
/// The largest radius that is believed, km.
const MAX_RADIUS_KM: f64 = 3000.0;
/// One degree of latitude, km.
const KM_PER_DEGREE: f64 = 111.32;

/// Part of the earth that an alert is for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// An area, without crossings of its own border.
    Area(MultiPolygon<f64>),
    /// A circle without a radius.
    Spot(Coord<f64>),
    /// It is good, and lies elsewhere altogether.
    Far,
}

/// Reads the shapes of one document; it keeps its room from shape to shape, and how much work was done.
#[derive(Debug)]
pub(super) struct Drawer {
    bounds: Rect<f64>,
    points: Vec<Coord<f64>>,
    pairs: usize,
    corners: usize,
}

impl Drawer {
    /// For a region of these bounds.
    pub(super) fn new(bounds: Rect<f64>) -> Self {
        Self { bounds, points: Vec::new(), pairs: 0, corners: 0 }
    }

    /// Reads a polygon: pairs of latitude and longitude, however they are set apart.
    ///
    /// # Errors
    /// Says why it is none.
    pub(super) fn polygon(&mut self, text: &str, defects: &mut Vec<String>) -> Result<Shape, String> {
        let marks = read_points(text, &mut self.points)?;
        let points = &mut self.points;
        if marks {
            defects.push("a polygon is written with other marks than blanks and commas".to_owned());
        }
        let Some(mut frame) = frame(points) else { return Err("a polygon encloses nothing".to_owned()) };
        if is_swapped(&frame, &self.bounds) {
            defects.push("a polygon has longitude before latitude; they were put right".to_owned());
            points.iter_mut().for_each(|point| *point = turned(*point));
            frame = Rect::new(turned(frame.min()), turned(frame.max()));
        }
        if !is_on_earth(frame.min()) || !is_on_earth(frame.max()) {
            return Err("a polygon has a point that is not on earth".to_owned());
        }
        if points.first() != points.last() {
            defects.push("a polygon is not closed; it was closed".to_owned());
        }
        if points.len() < 3 || frame.width() <= 0.0 || frame.height() <= 0.0 {
            return Err("a polygon encloses nothing".to_owned());
        }
        if !frame.intersects(&self.bounds) {
            return Ok(Shape::Far);
        }
        self.corners += points.len();
        if MAX_CORNERS < self.corners {
            return Err(format!("the polygons of one document have more than {MAX_CORNERS} corners near the region"));
        }
        if MAX_CROSSINGS < crossings(points, &mut self.pairs)? {
            return Err(format!("a polygon crosses itself more than {MAX_CROSSINGS} times"));
        }
        let area = cleaned(Polygon::new(LineString::new(points.clone()), Vec::new()));
        if area.unsigned_area() <= 0.0 {
            return Err("a polygon encloses nothing".to_owned());
        }
        Ok(Shape::Area(area))
    }

    /// Reads a circle: latitude, longitude and radius in km.
    ///
    /// # Errors
    /// Says why it is none.
    pub(super) fn circle(&self, text: &str, defects: &mut Vec<String>) -> Result<Shape, String> {
        let none = || "a circle is not latitude, longitude and radius".to_owned();
        let mut numbers = text.split(|c: char| c.is_whitespace() || c == ',').filter(|part| !part.is_empty());
        let mut next = || numbers.next().and_then(number).ok_or_else(none);
        let (lat, lon, radius) = (next()?, next()?, next()?);
        if numbers.next().is_some() {
            return Err(none());
        }
        let mut centre = Coord { x: lon, y: lat };
        if is_swapped(&Rect::new(centre, centre), &self.bounds) {
            defects.push("a circle has longitude before latitude; they were put right".to_owned());
            centre = turned(centre);
        }
        if !is_on_earth(centre) || !(0.0..=MAX_RADIUS_KM).contains(&radius) {
            return Err("a circle is not on earth".to_owned());
        }
        if radius <= 0.0 {
            return Ok(Shape::Spot(centre));
        }
        let (high, wide) = (radius / KM_PER_DEGREE, radius / (KM_PER_DEGREE * centre.y.to_radians().cos().max(0.01)));
        let reach = Coord { x: wide, y: high };
        if !Rect::new(centre - reach, centre + reach).intersects(&self.bounds) {
            return Ok(Shape::Far);
        }
        let corner = |number: u32| {
            let angle = f64::from(number) * std::f64::consts::TAU / f64::from(CIRCLE_CORNERS);
            Coord { x: centre.x + wide * angle.cos(), y: centre.y + high * angle.sin() }
        };
        Ok(Shape::Area(Polygon::new((0..CIRCLE_CORNERS).map(corner).collect(), Vec::new()).into()))
    }
}

/// Reads pairs of numbers; true when there were other marks between them than blanks and commas.
fn read_points(text: &str, points: &mut Vec<Coord<f64>>) -> Result<bool, String> {
    points.clear();
    let mut half: Option<f64> = None;
    let mut marks = false;
    let mut rest = text.as_bytes();
    loop {
        match rest {
            [] => break,
            [b' ' | b',' | b'\n' | b'\t' | b'\r', after @ ..] => rest = after,
            [b'(' | b')' | b';', after @ ..] => {
                marks = true;
                rest = after;
            }
            // The Arabic comma.
            [0xD8, 0x8C, after @ ..] => rest = after,
            _ => {
                let (value, after) = plain_number(rest)
                    .or_else(|| other_number(rest))
                    .ok_or("a polygon holds something that is no number")?;
                rest = after;
                match half.take() {
                    None => half = Some(value),
                    Some(lat) => points.push(Coord { x: value, y: lat }),
                }
                if MAX_POINTS < points.len() {
                    return Err(format!("a polygon has more than {MAX_POINTS} points"));
                }
            }
        }
    }
    if half.is_some() {
        return Err("a polygon ends within a pair".to_owned());
    }
    Ok(marks)
}

/// Powers of ten that a double holds exactly.
const TENS: [f64; 16] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// A plain decimal number at the beginning, such as `-39.1925`, and what comes after it; none for any other form.
///
/// Up to 15 digits are an exact double, and so is the power of ten below them: one division rounds as reading them would.
fn plain_number(text: &[u8]) -> Option<(f64, &[u8])> {
    let (is_negative, digits) = match text {
        [b'-', after @ ..] => (true, after),
        _ => (false, text),
    };
    let (whole, rest) = figures(0, digits);
    let before = digits.len() - rest.len();
    let (value, rest, below) = match rest {
        [b'.', fraction @ ..] => {
            let (value, rest) = figures(whole, fraction);
            (value, rest, fraction.len() - rest.len())
        }
        _ => (whole, rest, 0),
    };
    if !matches!(rest, [] | [b' ' | b',' | b'\n' | b'\t' | b'\r' | b'(' | b')' | b';', ..]) {
        return None;
    }
    if !(1..=15).contains(&(before + below)) {
        return None;
    }
    // Lossless: below 10^15.
    let size = value as f64 / TENS.get(below)?;
    Some((if is_negative { -size } else { size }, rest))
}

/// Puts the figures at the beginning of a text behind those of a number; gives what comes after them, too.
fn figures(mut value: u64, text: &[u8]) -> (u64, &[u8]) {
    let mut rest = text;
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        rest = after;
    }
    (value, rest)
}

/// A number at the beginning in any form that Rust reads, and what comes after it.
fn other_number(text: &[u8]) -> Option<(f64, &[u8])> {
    let ends = |byte: &u8| matches!(byte, b' ' | b',' | b'\n' | b'\t' | b'\r' | b'(' | b')' | b';' | 0x80..);
    let (own, after) = text.split_at_checked(text.iter().position(ends).unwrap_or(text.len()))?;
    Some((number(std::str::from_utf8(own).ok()?)?, after))
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The least box around points; none when there are none.
fn frame(points: &[Coord<f64>]) -> Option<Rect<f64>> {
    let (mut low, mut high) = (*points.first()?, *points.first()?);
    for point in points {
        low = Coord { x: low.x.min(point.x), y: low.y.min(point.y) };
        high = Coord { x: high.x.max(point.x), y: high.y.max(point.y) };
    }
    Some(Rect::new(low, high))
}

/// All that a border goes round, however often and in whichever sense: a border that crosses itself leaves nobody out.
fn cleaned(polygon: Polygon<f64>) -> MultiPolygon<f64> {
    let none = MultiPolygon::new(Vec::new());
    MultiPolygon::from(polygon).boolean_op_with_fill_rule(&none, OpType::Union, FillRule::NonZero)
}

/// How often a border meets itself, counted to one above the limit. Sides are compared only where they lie over one another.
///
/// # Errors
/// When more pairs had to be compared than one document is worth.
fn crossings(points: &[Coord<f64>], pairs: &mut usize) -> Result<usize, String> {
    let closing = points.last().zip(points.first());
    let mut sides: Vec<Line<f64>> =
        points.iter().zip(points.iter().skip(1)).chain(closing).map(|(from, to)| Line::new(*from, *to)).collect();
    let west = |side: &Line<f64>| side.start.x.min(side.end.x);
    let turn = |side: &Line<f64>, point: Coord<f64>| {
        let (along, to) = (side.delta(), point - side.start);
        along.x * to.y - along.y * to.x
    };
    let apart = |side: &Line<f64>, other: &Line<f64>| 0.0 < turn(side, other.start) * turn(side, other.end);
    sides.sort_by(|one, other| west(one).total_cmp(&west(other)));
    let mut count = 0;
    for (number, side) in sides.iter().enumerate() {
        let east = side.start.x.max(side.end.x);
        for other in sides.iter().skip(number + 1).take_while(|other| west(other) <= east) {
            *pairs += 1;
            if MAX_PAIRS < *pairs {
                return Err("the polygons of one document are too tangled to be worked out".to_owned());
            }
            let joined = [other.start, other.end].iter().any(|end| *end == side.start || *end == side.end);
            if !joined && !apart(side, other) && !apart(other, side) {
                count += 1;
                if MAX_CROSSINGS < count {
                    return Ok(count);
                }
            }
        }
    }
    Ok(count)
}

fn is_on_earth(point: Coord<f64>) -> bool {
    point.y.abs() <= 90.0 && point.x.abs() <= 180.0
}

fn turned(point: Coord<f64>) -> Coord<f64> {
    Coord { x: point.y, y: point.x }
}

/// True when points of this box lie off the region as they stand and all within it the other way round.
fn is_swapped(frame: &Rect<f64>, bounds: &Rect<f64>) -> bool {
    !frame.intersects(bounds) && [frame.min(), frame.max()].iter().all(|corner| bounds.intersects(&turned(*corner)))
}

/// The governorates that shapes mean: those of which a shape covers a good share or the seat, and those that hold a good share
/// of a shape. A shape that means nobody by that is given to the one that holds most of it, when that is enough.
pub(super) fn touched(shapes: &[Shape], book: &GovernorateBook, terms: &Terms, found: &mut BTreeSet<GovernorateId>) {
    for shape in shapes {
        match shape {
            Shape::Spot(point) => found.extend(book.at(*point).map(|place| place.id.clone())),
            Shape::Area(area) => touched_by(area, book, terms, found),
            Shape::Far => {}
        }
    }
}

fn touched_by(area: &MultiPolygon<f64>, book: &GovernorateBook, terms: &Terms, found: &mut BTreeSet<GovernorateId>) {
    let Some(frame) = area.bounding_rect() else { return };
    let whole = area.unsigned_area();
    let mut most: Option<(f64, &GovernorateId)> = None;
    let mut means_someone = false;
    for place in book.iter() {
        let seat = terms.centre && area.contains(&Point::from(place.seat));
        let near = place.outline.bounding_rect().is_some_and(|outline| outline.intersects(&frame));
        let common = if near { area.intersection(&place.outline).unsigned_area() } else { 0.0 };
        let enough_of_place = 0.0 < common && terms.share_of_governorate * place.outline.unsigned_area() <= common;
        let enough_of_shape = 0.0 < common && terms.share_of_shape * whole <= common;
        if seat || enough_of_place || enough_of_shape {
            means_someone = true;
            found.insert(place.id.clone());
        }
        if most.map_or(LEAST_SHARE_OF_SHAPE * whole, |(largest, _)| largest) < common {
            most = Some((common, &place.id));
        }
    }
    if !means_someone {
        found.extend(most.map(|(_, id)| id.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::keys::tests::book;

    fn told(shape: Shape, terms: &Terms) -> String {
        let mut found = BTreeSet::new();
        touched(&[shape], &book(), terms, &mut found);
        let ids: Vec<&str> = found.iter().map(GovernorateId::as_str).collect();
        ids.join(" ")
    }

    fn polygon(text: &str) -> Result<Shape, String> {
        Drawer::new(book().bounds).polygon(text, &mut Vec::new())
    }

    /// What a polygon means, or why it is none; with the number of defects.
    #[track_caller]
    fn check(text: &str, expected: &str, expected_defects: usize) {
        let book = book();
        let mut defects = Vec::new();
        let told = match Drawer::new(book.bounds).polygon(text, &mut defects) {
            Err(why) => why,
            Ok(shape) => told(shape, &Terms::default()),
        };
        assert_eq!((told.as_str(), defects.len()), (expected, expected_defects), "{text}: {defects:?}");
    }

    #[test]
    fn a_polygon_means_what_it_covers() {
        check("21.3,39.0 21.8,39.0 21.8,39.5 21.3,39.5 21.3,39.0", "jeddah", 0);
        check("21.0,38.9 22,38.9 22,40.8 21.0,40.8 21.0,38.9", "jeddah makkah taif", 0);
        // A sliver of Makkah is not Makkah.
        check("21.3,39.0 21.8,39.0 21.8,39.6 21.3,39.6 21.3,39.0", "jeddah", 0);
        // A small storm away from the seat is somewhere all the same.
        check("21.70,39.05 21.75,39.05 21.75,39.10 21.70,39.10 21.70,39.05", "jeddah", 0);
        // So is one of which a good part lies within, when it lies nowhere else.
        check("21.70,38.60 21.75,38.60 21.75,39.10 21.70,39.10 21.70,38.60", "jeddah", 0);
        // A neighbour's polygon that only touches is not.
        check("21.70,38.00 21.75,38.00 21.75,39.00 21.70,39.00 21.70,38.00", "", 0);
        check("50,8 51,8 51,9 50,9 50,8", "", 0);
    }

    #[test]
    fn a_carelessly_written_polygon_is_read_and_noted() {
        check("21.3,39.0\n21.8,39.0\t21.8, 39.5\r\n21.3 ,39.5  21.3,39.0", "jeddah", 0);
        check("(21.3,39.0) (21.8,39.0) (21.8,39.5) (21.3,39.5) (21.3,39.0)", "jeddah", 1);
        check("21.3,39.0 21.8,39.0 21.8,39.5 21.3,39.5", "jeddah", 1);
        check("39.0,21.3 39.0,21.8 39.5,21.8 39.5,21.3 39.0,21.3", "jeddah", 1);
        // A bow tie still covers something.
        check("21.3,39.0 21.8,39.5 21.8,39.0 21.3,39.5 21.3,39.0", "jeddah", 0);
        // So does a border that goes round twice.
        let once = "21.3,39.0 21.8,39.0 21.8,39.5 21.3,39.5";
        check(&format!("{once} {once} 21.3,39.0"), "jeddah", 0);
    }

    #[test]
    fn what_is_no_polygon_means_nobody() {
        for wrong in ["", "21,39", "21,39 22,39 21,39", "21,39 22", "a,b c,d e,f", "NaN,39 21,39 22,40 NaN,39"] {
            let told = polygon(wrong);
            assert!(told.is_err(), "{wrong}");
        }
        check("95,39 21,39 22,40 95,39", "a polygon has a point that is not on earth", 0);
        // A star of a thousand corners crosses itself half a million times; it is put down before that is worked out.
        let star = |corner: u32| f64::from(corner) * std::f64::consts::TAU * 499.0 / 1000.0;
        let star: String = (0..1000).map(|n| format!("{},{} ", 21.5 + star(n).sin(), 39.5 + star(n).cos())).collect();
        check(&star, "a polygon crosses itself more than 100 times", 1);
        let large = "21,39 ".repeat(MAX_POINTS + 1);
        assert!(polygon(&large).is_err());
    }

    #[test]
    fn a_circle_means_what_it_covers_and_without_radius_where_it_lies() {
        let at = |text: &str| {
            let drawn = Drawer::new(book().bounds).circle(text, &mut Vec::new());
            drawn.map(|shape| told(shape, &Terms::default()))
        };
        assert_eq!(at("21.54,39.23 10").as_deref(), Ok("jeddah"));
        assert_eq!(at("21.54,39.23 80").as_deref(), Ok("jeddah makkah"));
        assert_eq!(at("21.70,39.30 0").as_deref(), Ok("jeddah"));
        assert_eq!(at("39.23,21.54 10").as_deref(), Ok("jeddah"));
        for wrong in ["21.54,39.23", "21.54,39.23 -1", "x,y 3", "121,39 5", "21,39 99999"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn when_a_shape_means_a_governorate_is_for_the_operator_to_say() {
        let with = |text: &str, terms: Terms| told(polygon(text).unwrap(), &terms);
        let usual = Terms::default();
        // A tenth of Makkah's breadth, and its seat not in it.
        let edge = "21.3,39.0 21.8,39.0 21.8,39.7 21.3,39.7 21.3,39.0";
        assert_eq!(with(edge, usual), "jeddah makkah");
        assert_eq!(with(edge, Terms { share_of_governorate: 0.5, ..usual }), "jeddah");
        let seat = "21.41,39.82 21.43,39.82 21.43,44.0 21.41,44.0 21.41,39.82";
        assert_eq!(with(seat, usual), "makkah");
        assert_eq!(with(seat, Terms { centre: false, ..usual }), "taif", "it holds the largest part");
    }

    #[test]
    fn numbers_are_read_as_rust_reads_them() {
        for text in ["0", "-0.5", "21.4225", "39.826200000001", "180", ".5", "5.", "123456789.123456", "0.000001"] {
            let (value, rest) = plain_number(text.as_bytes()).unwrap();
            assert_eq!((value.to_bits(), rest.len()), (text.parse::<f64>().unwrap().to_bits(), 0), "{text}");
        }
        for other in ["", "-", ".", "1e5", "+3", "1.2.3", "1234567890123456", "x", "٣"] {
            assert!(plain_number(other.as_bytes()).is_none(), "{other}");
        }
        check("2.13e1,+39.0 21.8,39.0 21.8,39.5 21.3,39.5 21.3,39.0", "jeddah", 0);
    }

    #[test]
    fn a_tangle_that_would_take_long_is_put_down_in_time() {
        // A comb whose teeth all lie over one another: no side crosses another, and each must be compared with all.
        let comb: String = (0..MAX_POINTS - 3)
            .map(|n| format!("{},{} ", 20.0 + n as f64 / 1e4, if n % 2 == 0 { 38.5 } else { 44.5 }))
            .collect();
        let mut drawer = Drawer::new(book().bounds);
        let told = drawer.polygon(&format!("{comb} 25,38.0 19,38.0"), &mut Vec::new());
        assert!(told.as_ref().is_err_and(|why| why.contains("tangled")), "{told:?}");
    }
}
