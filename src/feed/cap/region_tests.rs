//! The placing of alerts over the region as it is: its real names and outlines, when they lie beside the project.

use std::collections::BTreeSet;
use std::path::Path;

use geo::{Coord, MultiPolygon, Polygon, Rect};
use geojson::FeatureCollection;

use super::{names, shapes};
use crate::governorate::{Governorate, GovernorateBook};
use crate::ids::GovernorateId;
use crate::language::Both;

/// Names of real warnings that the recorded gazetteer does not hold: a governorate of Madinah, and a centre that it spells «رهط».
const NOT_IN_THE_GAZETTEER: &[&str] = &["المهد", "رهاط"];

fn data(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(path);
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The book of the recorded gazetteer; the identifiers are made of the official codes.
fn book() -> Option<GovernorateBook> {
    let outlines: FeatureCollection = data("geo/makkah_governorates_17.geojson").parse().ok()?;
    let (table, centres) = (data("geo/governorates_makkah.csv"), data("geo/makkah_centres.tsv"));
    let list = table.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        let outline = outlines.features.iter().find(|one| one.property("code").unwrap() == cells[0]).unwrap();
        let outline: Polygon<f64> = outline.clone().try_into().unwrap();
        let own = centres.lines().find_map(|line| line.strip_prefix(cells[5])?.strip_prefix('\t')).unwrap_or_default();
        let variants = cells[7].split('|').chain(cells[8].split('|')).filter(|name| !name.is_empty());
        Governorate {
            id: GovernorateId::new(&format!("g{}", cells[0])).unwrap(),
            code: cells[0].to_owned(),
            name: Both { ar: cells[5].to_owned(), en: cells[6].to_owned() },
            formal: Both { ar: format!("محافظة {}", cells[5]), en: format!("{} Governorate", cells[6]) },
            variants: variants.map(str::to_owned).collect(),
            centres: own.split('|').map(str::to_owned).collect(),
            geocodes: Vec::new(),
            seat: Coord { x: cells[12].parse().unwrap(), y: cells[11].parse().unwrap() },
            elevation_m: 0.0,
            coastal: false,
            tags: BTreeSet::new(),
            outline: MultiPolygon::from(outline),
        }
    });
    let region = Both { ar: "منطقة مكة المكرمة".to_owned(), en: "Makkah Region".to_owned() };
    let bounds = Rect::new(Coord { x: 38.0, y: 18.0 }, Coord { x: 45.0, y: 25.0 });
    Some(GovernorateBook::new(region, bounds, list.collect()).unwrap())
}

#[test]
fn places_of_real_warnings_are_found_or_told() {
    let Some(book) = book() else { return };
    let mut unknown = BTreeSet::new();
    for line in data("messages/warnings_real.tsv").lines().skip(1) {
        let areas = line.split('\t').nth(3).unwrap();
        let named = names::read(areas, &book);
        assert!(!named.found.is_empty() && named.found.len() < book.len(), "{areas}: {named:?}");
        unknown.extend(
            named.unknown.into_iter().filter(|name| !NOT_IN_THE_GAZETTEER.iter().any(|far| name.contains(far))),
        );
    }
    assert_eq!(unknown, BTreeSet::new());
}

#[test]
fn the_outline_of_a_governorate_means_that_one_alone() {
    let Some(book) = book() else { return };
    assert_eq!(book.len(), 17);
    for place in book.iter() {
        let corners = place.outline.0[0].exterior().0.iter();
        let text: Vec<String> = corners.map(|corner| format!("{},{}", corner.y, corner.x)).collect();
        let shape = shapes::Drawer::new(book.bounds).polygon(&text.join(" "), &mut Vec::new()).unwrap();
        let mut touched = BTreeSet::new();
        shapes::touched(&[shape], &book, &shapes::Terms::default(), &mut touched);
        assert_eq!(touched, BTreeSet::from([place.id.clone()]), "{}", place.name.en);
    }
}
