//! `governorates.toml` and `outlines.geojson`: the governorates, checked against one another.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use geo::{Contains, Coord, CoordsIter, MultiPolygon, Point, Polygon, Rect};
use geojson::{Feature, FeatureCollection, GeometryValue};

use super::settings::{both, line};
use crate::governorate::{Governorate, GovernorateBook};
use crate::ids::GovernorateId;
use crate::language::Both;
use crate::problem::{Problem, Problems, SourceFile, advice};
use crate::table::{Found, Table, read_file};

/// The most governorates that are read.
pub const MAX_GOVERNORATES: usize = 10_000;

/// The most names of places elsewhere.
pub const MAX_ELSEWHERE: usize = 20_000;

/// The longest `credit` of the outlines, in characters: it stands on one line under a map.
pub const MAX_CREDIT_LEN: usize = 60;

/// The most corners an outline may have.
pub const MAX_CORNERS: usize = 20_000;

/// Reads both files; what it returns is whole, and right when no error was noted.
pub fn read(file: &Arc<SourceFile>, outlines: &Arc<SourceFile>, problems: &Problems) -> GovernorateBook {
    let mut outlines = Outlines::read(outlines, problems);
    let mut elsewhere = Vec::new();
    let (region, bounds, list) = read_file(file, problems, |root| {
        let region = root.table("region");
        if region.is_none() && !root.has("region") {
            root.missing("region", "{ name = …, bounds = … }");
        }
        let (region, bounds) = region.map_or((Both::default(), whole_world()), read_region);
        elsewhere = root.texts("elsewhere").unwrap_or_default();
        let tables = root.tables("governorate");
        if tables.is_empty() || MAX_GOVERNORATES < tables.len() {
            let message = format!("there are {} governorates: 1 to {MAX_GOVERNORATES} are read", tables.len());
            root.error(&root.span, message, Some("each begins with `[[governorate]]`".to_owned()));
        }
        let (mut seen, mut codes) = (BTreeSet::new(), BTreeSet::new());
        let list: Vec<Governorate> = tables
            .into_iter()
            .take(MAX_GOVERNORATES)
            .filter_map(|table| governorate(table, bounds, (&mut seen, &mut codes), &mut outlines))
            .collect();
        root.finish();
        (region, bounds, list)
    });
    let credit = outlines.credit.take();
    outlines.finish(&list, problems);
    let fallback = (region.clone(), bounds);
    let book = GovernorateBook::new(region, bounds, list).unwrap_or_else(|clashes| {
        for clash in clashes {
            let span = last_mention(&file.text, &clash.name);
            problems.error(file, span, clash.to_string(), None);
        }
        empty(fallback.0, fallback.1)
    });
    for name in elsewhere.iter().filter(|name| book.is_ours(&name.value)) {
        let help =
            "take it out of `elsewhere`, with its name in the other language: staff would not be shown its alerts";
        let message = format!("`{}` is a governorate or a centre of this region", name.value);
        problems.error(file, name.span.clone(), message, Some(help.to_owned()));
    }
    let names = elsewhere_names(&elsewhere, file, problems);
    book.beside(&names).credited(credit)
}

/// The names of places elsewhere; more than are read is a mistake.
fn elsewhere_names(found: &[Found<String>], file: &Arc<SourceFile>, problems: &Problems) -> Vec<String> {
    if let Some(last) = found.get(MAX_ELSEWHERE) {
        let message = format!("`elsewhere` lists {} names: at most {MAX_ELSEWHERE} are read", found.len());
        problems.error(file, last.span.clone(), message, None);
    }
    found.iter().take(MAX_ELSEWHERE).map(|name| name.value.clone()).collect()
}

fn empty(region: Both<String>, bounds: Rect<f64>) -> GovernorateBook {
    GovernorateBook::new(region, bounds, Vec::new()).expect("no governorates cannot claim one name")
}

fn last_mention(text: &str, name: &str) -> Range<usize> {
    text.rfind(&format!("\"{name}\"")).map_or(0..0, |start| start..start + name.len() + 2)
}

fn whole_world() -> Rect<f64> {
    Rect::new(Coord { x: -180.0, y: -90.0 }, Coord { x: 180.0, y: 90.0 })
}

fn read_region(table: Table<'_>) -> (Both<String>, Rect<f64>) {
    let name = table.table("name").map(both).unwrap_or_default();
    if !table.has("name") {
        table.missing("name", "{ ar = \"…\", en = \"…\" }");
    }
    let bounds = table.table("bounds").map_or(whole_world(), |bounds| {
        let edge = |key, limit: f64| degrees(&bounds, key, limit).map(|found| found.value);
        let (south, north) = (edge("south", 90.0), edge("north", 90.0));
        let (west, east) = (edge("west", 180.0), edge("east", 180.0));
        let rect = match (west, south, east, north) {
            (Some(west), Some(south), Some(east), Some(north)) if west < east && south < north => {
                Rect::new(Coord { x: west, y: south }, Coord { x: east, y: north })
            }
            (Some(_), Some(_), Some(_), Some(_)) => {
                bounds.error(&bounds.span, "`bounds` is turned round: south < north and west < east", None);
                whole_world()
            }
            _ => whole_world(),
        };
        bounds.finish();
        rect
    });
    if !table.has("bounds") {
        table.missing("bounds", "{ south = …, west = …, north = …, east = … }");
    }
    table.finish();
    (name, bounds)
}

fn degrees(table: &Table<'_>, key: &'static str, limit: f64) -> Option<Found<f64>> {
    if !table.has(key) {
        table.missing(key, "…");
    }
    let found = table.number(key)?;
    if found.value.abs() <= limit {
        return Some(found);
    }
    table.error(&found.span, format!("`{key}`: {} is not within {limit} degrees", found.value), None);
    None
}

fn governorate(
    table: Table<'_>,
    bounds: Rect<f64>,
    (seen, codes): (&mut BTreeSet<GovernorateId>, &mut BTreeSet<String>),
    outlines: &mut Outlines,
) -> Option<Governorate> {
    let id = table.need_text("id", "\"jeddah\"", |text| GovernorateId::new(text).map_err(|why| why.to_string()));
    if let Some(id) = &id
        && !seen.insert(id.value.clone())
    {
        table.error(&id.span, format!("two governorates are called `{}`", id.value), None);
    }
    let code = table.need_text("code", "\"0202\"", line);
    if let Some(code) = &code
        && !codes.insert(code.value.clone())
    {
        let help = "each has a code of its own in the official list".to_owned();
        table.error(&code.span, format!("two governorates have the code `{}`", code.value), Some(help));
    }
    let name = table.table("name").map(both);
    let formal = table.table("formal").map(both);
    for (key, is_missing) in [("name", name.is_none()), ("formal", formal.is_none())] {
        if is_missing && !table.has(key) {
            table.missing(key, "{ ar = \"…\", en = \"…\" }");
        }
    }
    let texts = |key| table.texts(key).unwrap_or_default().into_iter().map(|found| found.value);
    let variants: Vec<String> = texts("variants").collect();
    let centres: Vec<String> = texts("centres").collect();
    let geocodes = read_geocodes(&table);
    let tags: BTreeSet<String> = texts("tags").collect();
    let seat = read_seat(&table, bounds);
    let elevation = table.need("elevation_m", "12", crate::table::as_number);
    let coastal = table.flag("coastal");
    let outline = id.as_ref().and_then(|id| outlines.take(&id.value)).unwrap_or_else(|| MultiPolygon(Vec::new()));
    if let Some(seat) = &seat
        && !outline.0.is_empty()
        && !outline.contains(&Point::from(seat.value))
    {
        table.error(
            &seat.span,
            "the seat lies outside the governorate's own outline",
            Some("correct `seat`, or the outline in outlines.geojson".to_owned()),
        );
    }
    table.finish();
    Some(Governorate {
        id: id?.value,
        code: code?.value,
        name: name?,
        formal: formal?,
        variants,
        centres,
        geocodes,
        seat: seat?.value,
        elevation_m: elevation?.value,
        coastal: coastal.is_some_and(|found| found.value),
        tags,
        outline,
    })
}

/// Geocodes as alerts write them, `valueName:value`; the value alone would be taken for a place of another list.
fn read_geocodes(table: &Table<'_>) -> Vec<String> {
    let mut geocodes = Vec::new();
    for found in table.texts("geocodes").unwrap_or_default() {
        match found.value.split_once(':') {
            Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
                geocodes.push(format!("{}:{}", name.trim(), value.trim()));
            }
            _ => table.error(
                &found.span,
                format!("`{}` is not a geocode of CAP", found.value),
                Some("write the name of the list and the value in it: `\"EMMA_ID:SA001\"`".to_owned()),
            ),
        }
    }
    geocodes
}

fn read_seat(table: &Table<'_>, bounds: Rect<f64>) -> Option<Found<Coord<f64>>> {
    let Some(seat) = table.table("seat") else {
        if !table.has("seat") {
            table.missing("seat", "{ lat = 21.54, lon = 39.23 }");
        }
        return None;
    };
    let (lat, lon) = (degrees(&seat, "lat", 90.0), degrees(&seat, "lon", 180.0));
    let span = seat.span.clone();
    let place = Coord { x: lon?.value, y: lat?.value };
    if !bounds.contains(&Point::from(place)) {
        let is_swapped = bounds.contains(&Point::new(place.y, place.x));
        let help = match is_swapped {
            true => "`lat` and `lon` seem to be swapped",
            false => "correct `seat`, or the `bounds` of the region",
        };
        seat.error(&span, "the seat lies outside the bounds of the region", Some(help.to_owned()));
    }
    seat.finish();
    Some(Found { value: place, span })
}

/// The outlines as read, waiting for their governorates.
struct Outlines {
    file: Arc<SourceFile>,
    by_id: BTreeMap<String, MultiPolygon<f64>>,
    /// Whose they are, as a map of them must say.
    credit: Option<String>,
}

impl Outlines {
    fn read(file: &Arc<SourceFile>, problems: &Problems) -> Self {
        let mut by_id = BTreeMap::new();
        let mut credit = None;
        match serde_json::from_str::<FeatureCollection>(&file.text) {
            Ok(collection) => {
                let written = collection.foreign_members.as_ref().and_then(|members| members.get("credit"));
                match written.map(|credit| credit.as_str().filter(|credit| is_credit(credit))) {
                    Some(Some(text)) => credit = Some(text.trim().to_owned()),
                    Some(None) => {
                        let message = format!("`credit` is not a text of 1 to {MAX_CREDIT_LEN} characters on one line");
                        problems.error(file, last_mention(&file.text, "credit"), message, None);
                    }
                    None => {}
                }
                for (place, feature) in collection.features.into_iter().enumerate() {
                    match outline(&feature) {
                        Ok((id, outline)) => {
                            if by_id.insert(id.clone(), outline).is_some() {
                                let span = last_mention(&file.text, &id);
                                problems.error(file, span, format!("`{id}` has two outlines"), None);
                            }
                        }
                        Err(why) => problems.error(file, 0..0, format!("feature {}: {why}", place + 1), None),
                    }
                }
            }
            Err(why) => {
                let span = json_place(&file.text, why.line(), why.column());
                problems.error(file, span, format!("not a GeoJSON FeatureCollection: {why}"), None);
            }
        }
        Self { file: Arc::clone(file), by_id, credit }
    }

    fn take(&mut self, id: &GovernorateId) -> Option<MultiPolygon<f64>> {
        self.by_id.remove(id.as_str())
    }

    /// Notes the outlines that no governorate took, and the governorates without one.
    fn finish(self, list: &[Governorate], problems: &Problems) {
        let without: Vec<&str> =
            list.iter().filter(|governorate| governorate.outline.0.is_empty()).map(|g| g.id.as_str()).collect();
        for id in self.by_id.keys() {
            let span = last_mention(&self.file.text, id);
            let message = format!("the outline `{id}` belongs to no governorate of governorates.toml");
            problems.push(Problem {
                file: Arc::clone(&self.file),
                span,
                level: crate::problem::Level::Error,
                message,
                help: advice(id, &without),
            });
        }
        if !without.is_empty() {
            let message = format!("without an outline: {}", without.join(", "));
            let help = "an alert that gives only a polygon will not find them".to_owned();
            problems.warning(&self.file, 0..0, message, Some(help));
        }
    }
}

fn is_credit(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= MAX_CREDIT_LEN && !text.chars().any(char::is_control)
}

fn outline(feature: &Feature) -> Result<(String, MultiPolygon<f64>), String> {
    let id = feature.property("id").and_then(|id| id.as_str()).ok_or("the property `id` is missing")?;
    let geometry = feature.geometry.as_ref().ok_or_else(|| format!("`{id}` has no geometry"))?;
    let outline = match &geometry.value {
        GeometryValue::Polygon { .. } => Polygon::try_from(&geometry.value).map(|one| MultiPolygon(vec![one])),
        GeometryValue::MultiPolygon { .. } => MultiPolygon::try_from(&geometry.value),
        other => return Err(format!("`{id}` is a {}: a Polygon or MultiPolygon is needed", other.type_name())),
    }
    .map_err(|why| format!("`{id}`: {why}"))?;
    let corners = outline.coords_count();
    if MAX_CORNERS < corners {
        return Err(format!("`{id}` has {corners} corners: at most {MAX_CORNERS}"));
    }
    Ok((id.to_owned(), outline))
}

/// The place of a JSON error, given as line and column from 1, in bytes.
fn json_place(text: &str, line: usize, column: usize) -> Range<usize> {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let start = (before + column.saturating_sub(1)).min(text.len());
    let start = (0..=start).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let end = (start + 1..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    start..end.max(start)
}
