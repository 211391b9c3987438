//! Outlines of governorates for machines that draw them: with fewer corners, and never more than a document has room for. Where there is no
//! room, names and codes alone say where it is.

use std::collections::BTreeMap;

use geo::{Area as _, LineString, Polygon, Simplify as _};

use crate::governorate::GovernorateBook;
use crate::ids::GovernorateId;

/// The most corners of one polygon.
const MAX_CORNERS: usize = 100;

/// With fewer than these a polygon shows nothing.
const MIN_CORNERS: usize = 12;

/// The most corners of a document in one language and another.
const MAX_TOTAL: usize = 8000;

/// The most polygons of a governorate, the largest first: the rest are islets.
const MAX_POLYGONS: usize = 4;

/// By how much a line may first be moved, in degrees; doubled until it has few enough corners.
const FIRST_STEP: f64 = 0.001;

/// How often that is doubled: to half a degree.
const MAX_DOUBLINGS: usize = 9;

/// The polygons of places, as CAP writes them.
pub(super) struct Outlines(BTreeMap<GovernorateId, Vec<String>>);

impl Outlines {
    /// Those of some places in a document that draws each so many times.
    pub(super) fn new(places: &GovernorateBook, ids: &[GovernorateId], times: usize) -> Self {
        let room = MAX_TOTAL / (ids.len() * times).max(1);
        if room < MIN_CORNERS {
            return Self(BTreeMap::new());
        }
        let drawn = |id: &GovernorateId| {
            let mut polygons: Vec<&Polygon<f64>> = places.get(id)?.outline.iter().collect();
            polygons.sort_by(|one, other| other.unsigned_area().total_cmp(&one.unsigned_area()));
            polygons.truncate(MAX_POLYGONS);
            let corners = (room / polygons.len().max(1)).min(MAX_CORNERS);
            Some((id.clone(), polygons.into_iter().filter_map(|polygon| pairs(polygon.exterior(), corners)).collect()))
        };
        Self(ids.iter().filter_map(drawn).collect())
    }

    /// Those of a place; none when it has none or there is no room.
    pub(super) fn of(&self, id: &GovernorateId) -> &[String] {
        self.0.get(id).map(Vec::as_slice).unwrap_or_default()
    }
}

/// A closed line as pairs of latitude and longitude, the first again at the end; none when nothing is left of it.
fn pairs(line: &LineString<f64>, most: usize) -> Option<String> {
    let mut step = FIRST_STEP;
    let mut simple = line.clone();
    for _ in 0..=MAX_DOUBLINGS {
        if simple.0.len() <= most {
            break;
        }
        simple = line.simplify(step);
        step *= 2.0;
    }
    let mut pairs: Vec<String> = simple.0.iter().map(|corner| format!("{:.4},{:.4}", corner.y, corner.x)).collect();
    pairs.dedup();
    // Four pairs, of which the last is the first, are the least that CAP takes.
    let is_closed = pairs.first() == pairs.last();
    ((4..=most).contains(&pairs.len()) && is_closed).then(|| pairs.join(" "))
}
