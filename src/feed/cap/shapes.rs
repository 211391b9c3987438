//! Polygons and circles of CAP as areas of the earth, and the governorates they touch. Never looks at names.

use std::collections::BTreeSet;

use geo::algorithm::bool_ops::{FillRule, OpType};
use geo::{
    Area, BooleanOps, BoundingRect, Contains, Coord, Intersects, Line, LineString, MultiPolygon, Point, Polygon, Rect,
};

use crate::governorate::GovernorateBook;
use crate::ids::GovernorateId;

/// A shape that covers this share of a governorate means it.
const SHARE_OF_GOVERNORATE: f64 = 0.1;
/// A governorate that holds this share of a shape is meant by it: small shapes must lie somewhere, too.
const SHARE_OF_SHAPE: f64 = 0.5;
/// One that lies across borders and means nobody by the above is given to the governorate that holds most of it, when that is
/// at least this share: a neighbour's polygon that touches the border is not a warning here.
const LEAST_SHARE_OF_SHAPE: f64 = 0.1;
/// The most points of one polygon; real ones have had 6208.
const MAX_POINTS: usize = 10_000;
/// The most times a border may cross itself: real ones do it now and then, and each crossing costs time.
const MAX_CROSSINGS: usize = 100;
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
}

/// Reads a polygon: pairs of latitude and longitude, however they are set apart.
///
/// # Errors
/// Says why it is none.
pub(super) fn polygon(text: &str, bounds: &Rect<f64>, defects: &mut Vec<String>) -> Result<Shape, String> {
    let mut numbers = Vec::new();
    for part in text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')' | '،')) {
        if part.is_empty() {
            continue;
        }
        let number = part.parse::<f64>().ok().filter(|number| number.is_finite());
        numbers.push(number.ok_or_else(|| "a polygon holds something that is no number".to_owned())?);
        if 2 * MAX_POINTS < numbers.len() {
            return Err(format!("a polygon has more than {MAX_POINTS} points"));
        }
    }
    if text.contains(['(', ')', ';']) {
        defects.push("a polygon is written with other marks than blanks and commas".to_owned());
    }
    if numbers.len() % 2 != 0 {
        return Err("a polygon ends within a pair".to_owned());
    }
    let mut points: Vec<Coord<f64>> =
        numbers.chunks_exact(2).filter_map(|pair| Some(Coord { y: *pair.first()?, x: *pair.last()? })).collect();
    if swapped(&points, bounds) {
        defects.push("a polygon has longitude before latitude; they were put right".to_owned());
        points = points.into_iter().map(|point| Coord { x: point.y, y: point.x }).collect();
    }
    if !points.iter().all(is_on_earth) {
        return Err("a polygon has a point that is not on earth".to_owned());
    }
    if points.first() != points.last() {
        defects.push("a polygon is not closed; it was closed".to_owned());
    }
    if MAX_CROSSINGS < crossings(&points) {
        return Err(format!("a polygon crosses itself more than {MAX_CROSSINGS} times"));
    }
    let area = cleaned(Polygon::new(LineString::new(points), Vec::new()));
    if area.unsigned_area() <= 0.0 {
        return Err("a polygon encloses nothing".to_owned());
    }
    Ok(Shape::Area(area))
}

/// All that a border goes round, however often and in whichever sense: a border that crosses itself leaves nobody out.
fn cleaned(polygon: Polygon<f64>) -> MultiPolygon<f64> {
    let none = MultiPolygon::new(Vec::new());
    MultiPolygon::from(polygon).boolean_op_with_fill_rule(&none, OpType::Union, FillRule::NonZero)
}

/// How often a border meets itself, counted to one above the limit. Sides are compared only where they lie over one another.
fn crossings(points: &[Coord<f64>]) -> usize {
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
            let joined = [other.start, other.end].iter().any(|end| *end == side.start || *end == side.end);
            if !joined && !apart(side, other) && !apart(other, side) {
                count += 1;
                if MAX_CROSSINGS < count {
                    return count;
                }
            }
        }
    }
    count
}

fn is_on_earth(point: &Coord<f64>) -> bool {
    point.y.abs() <= 90.0 && point.x.abs() <= 180.0
}

/// True when the points lie off the region as they stand and within it the other way round.
fn swapped(points: &[Coord<f64>], bounds: &Rect<f64>) -> bool {
    let turned = |point: &Coord<f64>| Coord { x: point.y, y: point.x };
    !points.is_empty()
        && !points.iter().any(|point| bounds.intersects(point))
        && points.iter().all(|point| bounds.intersects(&turned(point)))
}

/// Reads a circle: latitude, longitude and radius in km.
///
/// # Errors
/// Says why it is none.
pub(super) fn circle(text: &str, bounds: &Rect<f64>, defects: &mut Vec<String>) -> Result<Shape, String> {
    let numbers: Vec<f64> = text
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter(|part| !part.is_empty())
        .filter_map(|part| part.parse().ok().filter(|number: &f64| number.is_finite()))
        .collect();
    let [lat, lon, radius] = numbers.as_slice() else {
        return Err("a circle is not latitude, longitude and radius".to_owned());
    };
    let mut centre = Coord { x: *lon, y: *lat };
    if swapped(&[centre], bounds) {
        defects.push("a circle has longitude before latitude; they were put right".to_owned());
        centre = Coord { x: centre.y, y: centre.x };
    }
    if !is_on_earth(&centre) || !(0.0..=MAX_RADIUS_KM).contains(radius) {
        return Err("a circle is not on earth".to_owned());
    }
    if *radius <= 0.0 {
        return Ok(Shape::Spot(centre));
    }
    let (high, wide) = (radius / KM_PER_DEGREE, radius / (KM_PER_DEGREE * centre.y.to_radians().cos().max(0.01)));
    let corner = |number: u32| {
        let angle = f64::from(number) * std::f64::consts::TAU / f64::from(CIRCLE_CORNERS);
        Coord { x: centre.x + wide * angle.cos(), y: centre.y + high * angle.sin() }
    };
    Ok(Shape::Area(Polygon::new((0..CIRCLE_CORNERS).map(corner).collect(), Vec::new()).into()))
}

/// The governorates that shapes mean together: those of which they cover a tenth or the seat, and those that hold half of a
/// shape. A shape that means nobody by that is given to the one that holds a good part of it, when there is one.
pub(super) fn touched(shapes: &[Shape], book: &GovernorateBook) -> BTreeSet<GovernorateId> {
    let mut found = BTreeSet::new();
    for shape in shapes {
        match shape {
            Shape::Spot(point) => found.extend(book.at(*point).map(|place| place.id.clone())),
            Shape::Area(area) => touched_by(area, book, &mut found),
        }
    }
    found
}

fn touched_by(area: &MultiPolygon<f64>, book: &GovernorateBook, found: &mut BTreeSet<GovernorateId>) {
    let Some(frame) = area.bounding_rect() else { return };
    let whole = area.unsigned_area();
    let mut most: Option<(f64, &GovernorateId)> = None;
    let mut means_someone = false;
    for place in book.iter() {
        let seat = area.contains(&Point::from(place.seat));
        let near = place.outline.bounding_rect().is_some_and(|outline| outline.intersects(&frame));
        let common = if near { area.intersection(&place.outline).unsigned_area() } else { 0.0 };
        let enough_of_place = 0.0 < common && SHARE_OF_GOVERNORATE * place.outline.unsigned_area() <= common;
        let enough_of_shape = 0.0 < common && SHARE_OF_SHAPE * whole <= common;
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

    /// What a polygon means, or why it is none; with the number of defects.
    #[track_caller]
    fn check(text: &str, expected: &str, expected_defects: usize) {
        let book = book();
        let mut defects = Vec::new();
        let told = match polygon(text, &book.bounds, &mut defects) {
            Err(why) => why,
            Ok(shape) => {
                let ids: Vec<String> = touched(&[shape], &book).iter().map(ToString::to_string).collect();
                ids.join(" ")
            }
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
            let told = polygon(wrong, &book().bounds, &mut Vec::new());
            assert!(told.is_err(), "{wrong}");
        }
        check("95,39 21,39 22,40 95,39", "a polygon has a point that is not on earth", 0);
        // A star of a thousand corners crosses itself half a million times; it is put down before that is worked out.
        let star = |corner: u32| f64::from(corner) * std::f64::consts::TAU * 499.0 / 1000.0;
        let star: String = (0..1000).map(|n| format!("{},{} ", 21.5 + star(n).sin(), 39.5 + star(n).cos())).collect();
        check(&star, "a polygon crosses itself more than 100 times", 1);
        let large = "21,39 ".repeat(MAX_POINTS + 1);
        assert!(polygon(&large, &book().bounds, &mut Vec::new()).is_err());
    }

    #[test]
    fn a_circle_means_what_it_covers_and_without_radius_where_it_lies() {
        let at = |text: &str| {
            let book = book();
            circle(text, &book.bounds, &mut Vec::new()).map(|shape| {
                let ids: Vec<String> = touched(&[shape], &book).iter().map(ToString::to_string).collect();
                ids.join(" ")
            })
        };
        assert_eq!(at("21.54,39.23 10").as_deref(), Ok("jeddah"));
        assert_eq!(at("21.54,39.23 80").as_deref(), Ok("jeddah makkah"));
        assert_eq!(at("21.70,39.30 0").as_deref(), Ok("jeddah"));
        assert_eq!(at("39.23,21.54 10").as_deref(), Ok("jeddah"));
        for wrong in ["21.54,39.23", "21.54,39.23 -1", "x,y 3", "121,39 5", "21,39 99999"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }
}
