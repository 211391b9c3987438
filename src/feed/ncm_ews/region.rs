//! Which governorates a warning is for. A name is found whole or not at all; a warning of another region is nobody's here, and one
//! of this region whose places are not known is held for staff.

use std::collections::BTreeSet;

use serde_json::Value;

use super::shape::{Fields, plain};
use crate::feed::cap;
use crate::feed::values::shown;
use crate::governorate::{GovernorateBook, normalise};
use crate::ids::GovernorateId;

/// The regions of Saudi Arabia, each with its bare names in both languages: a warning of one that is not ours is not ours.
const REGIONS: &[&[&str]] = &[
    &["مكة المكرمة", "مكة", "Makkah", "Makkah Al Mukarramah", "Makkah Al Mukarrama", "Mecca"],
    &["الرياض", "Riyadh", "Ar Riyad"],
    &["المدينة المنورة", "المدينة", "Madinah", "Al Madinah Al Munawwarah", "Al Madinah Al Monawarah", "Medina"],
    &["القصيم", "Qassim", "Qaseem", "Qasim"],
    &["الشرقية", "Eastern", "Sharqiyah", "Sharqiya"],
    &["عسير", "Asir", "Aseer"],
    &["تبوك", "Tabuk", "Tabouk"],
    &["حائل", "Hail", "Hayel"],
    &["الحدود الشمالية", "Northern Borders", "Northern Border", "Hudud Ash Shamaliyah"],
    &["جازان", "جيزان", "Jazan", "Jizan", "Gizan"],
    &["نجران", "Najran"],
    &["الباحة", "Baha", "Bahah"],
    &["الجوف", "Jawf", "Jouf"],
];
/// The most names of one warning.
const MAX_NAMES: usize = 300;
/// How deep a name may lie within the list of governorates.
const MAX_DEPTH: usize = 4;
/// The most rings of one shape.
const MAX_RINGS: usize = 100;

/// Where a warning is for.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The governorates.
    pub(super) found: BTreeSet<GovernorateId>,
    /// Names that are nobody's here.
    pub(super) unknown: Vec<String>,
    /// True when it is of another region and names nobody of ours.
    pub(super) is_elsewhere: bool,
}

/// Whose a warning is, by its region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    Others,
    Unsaid,
}

/// Finds the governorates of a warning: by name, and by its shape on the map when no name finds one.
pub(super) fn places(fields: &Fields<'_>, book: &GovernorateBook, defects: &mut Vec<String>) -> Places {
    let mut places = Places::default();
    let regions: Vec<&str> = ["regionar", "regionen", "regionnamear", "regionnameen", "region"]
        .iter()
        .filter_map(|key| fields.text(&[key]))
        .collect();
    let whose = whose(&regions, book);
    if whose == Whose::Others {
        places.is_elsewhere = true;
        return places;
    }
    let mut names: Vec<Vec<String>> = Vec::new();
    let listed = fields.get(&["governorates", "governorate", "governoratear", "governoratesar", "cities", "areas"]);
    if let Some(listed) = listed {
        collect(listed, MAX_DEPTH, &mut names);
    }
    if MAX_NAMES < names.len() {
        defects.push(format!("only the first {MAX_NAMES} of its places were read"));
        names.truncate(MAX_NAMES);
    }
    for spellings in &names {
        let known: BTreeSet<&GovernorateId> =
            spellings.iter().filter_map(|name| book.named(name)).map(|place| &place.id).collect();
        if 1 < known.len() {
            defects.push(format!("the two names of a place are of two governorates: {}", spellings.join(" / ")));
        }
        if known.is_empty() {
            places.unknown.push(spellings.iter().map(|name| shown(name)).collect::<Vec<_>>().join(" / "));
        }
        places.found.extend(known.into_iter().cloned());
    }
    if places.found.is_empty()
        && let Some(geometry) = fields.geometry
    {
        places.found = cap::touched(&rings(geometry, defects), book, defects);
        if !places.found.is_empty() {
            defects.push("its places were found by its shape alone".to_owned());
        }
    }
    if places.found.is_empty() && places.unknown.is_empty() {
        let region = regions.first().map_or_else(|| "no region".to_owned(), |region| shown(region));
        places.unknown.push(format!("{region}: no governorate is listed"));
    }
    places
}

/// The bare name of a region: without «منطقة» and the like.
fn bare(region: &str) -> String {
    let words = normalise(region);
    let is_kind = |word: &&str| !matches!(*word, "منطقه" | "اماره" | "region" | "province" | "emirate");
    words.split_whitespace().filter(is_kind).collect::<Vec<_>>().join(" ")
}

fn whose(regions: &[&str], book: &GovernorateBook) -> Whose {
    let known = |name: &str| REGIONS.iter().position(|names| names.iter().any(|known| bare(known) == name));
    let own = [&book.region.ar, &book.region.en].map(|name| bare(name));
    let is_ours = |name: &String| {
        own.contains(name) || known(name).is_some_and(|it| own.iter().any(|own| known(own) == Some(it)))
    };
    let regions: Vec<String> = regions.iter().map(|region| bare(region)).collect();
    if regions.iter().any(is_ours) {
        Whose::Ours
    } else if regions.iter().any(|region| known(region).is_some()) {
        Whose::Others
    } else {
        Whose::Unsaid
    }
}

/// The spellings of each place in a list, however it is wrapped: texts, or objects with names in both languages.
fn collect(value: &Value, depth: usize, names: &mut Vec<Vec<String>>) {
    if depth == 0 || MAX_NAMES < names.len() {
        return;
    }
    match value {
        Value::String(text) => {
            let parts = text.split([',', '،', ';', '؛', '|', '\n']).map(str::trim).filter(|part| !part.is_empty());
            names.extend(parts.map(|part| vec![part.to_owned()]));
        }
        Value::Array(list) => list.iter().for_each(|item| collect(item, depth - 1, names)),
        Value::Object(object) => {
            let mut spellings = Vec::new();
            for (key, value) in object {
                if is_name(&plain(key)) {
                    spelling(value, depth - 1, &mut spellings);
                }
            }
            if spellings.is_empty() {
                // No place itself: places by number, or one more wrapping.
                for (key, value) in object {
                    let is_text = value.as_str().is_some_and(|text| text.chars().any(char::is_alphabetic));
                    if value.is_array() || value.is_object() || is_text && !plain(key).contains("id") {
                        collect(value, depth - 1, names);
                    }
                }
            } else {
                names.push(spellings);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_name(key: &str) -> bool {
    // A governorate may bring its region along, and that one's name is not its own.
    !key.contains("region")
        && (key.starts_with("name") || key.ends_with("name") || key.contains("namear") || key.contains("nameen"))
        || matches!(key, "ar" | "en" | "arabic" | "english" | "title" | "governoratear" | "governorateen")
}

/// The texts of a name, which may be an object itself.
fn spelling(value: &Value, depth: usize, spellings: &mut Vec<String>) {
    match value {
        Value::String(text) if !text.trim().is_empty() => spellings.push(text.trim().to_owned()),
        Value::Object(object) if 0 < depth => object.values().for_each(|inner| spelling(inner, depth - 1, spellings)),
        _ => {}
    }
}

/// The outer rings of a GeoJSON polygon or of several, as CAP writes them: latitude before longitude.
fn rings(geometry: &Value, defects: &mut Vec<String>) -> Vec<String> {
    let coordinates = geometry.get("coordinates").and_then(Value::as_array);
    let polygons: Vec<&Value> = match (geometry.get("type").and_then(Value::as_str), coordinates) {
        (Some("Polygon"), Some(rings)) => rings.first().into_iter().collect(),
        (Some("MultiPolygon"), Some(polygons)) => polygons.iter().filter_map(|polygon| polygon.get(0)).collect(),
        (None, None) if geometry.is_null() => Vec::new(),
        _ => {
            defects.push("its shape is neither a polygon nor several".to_owned());
            Vec::new()
        }
    };
    if MAX_RINGS < polygons.len() {
        defects.push(format!("only the first {MAX_RINGS} polygons were read"));
    }
    let point = |point: &Value| Some(format!("{},{}", point.get(1)?.as_f64()?, point.get(0)?.as_f64()?));
    let ring = |ring: &Value| Some(ring.as_array()?.iter().map(point).collect::<Option<Vec<_>>>()?.join(" "));
    polygons.into_iter().take(MAX_RINGS).filter_map(ring).collect()
}
