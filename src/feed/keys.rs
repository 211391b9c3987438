//! Keys that several kinds of feed read alike: the address and the governorates. Never knows what a feed does with them.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::DeValue;
use url::Url;

use crate::governorate::GovernorateBook;
use crate::ids::GovernorateId;
use crate::problem::advice;
use crate::table::{Found, Table, as_text};

/// Reads an address that may be left out when the kind of feed has a public one.
pub(super) fn address(table: &Table<'_>, default: Option<&str>) -> Option<Url> {
    let read = |text: &str| {
        let url = Url::parse(text).map_err(|why| format!("`{text}` is not an address: {why}"))?;
        match url.scheme() {
            "http" | "https" if url.has_host() => Ok(url),
            _ => Err(format!("`{text}` is not an address of the web: begin with https://")),
        }
    };
    match default {
        Some(default) if !table.has("url") => {
            // Asked for all the same, so that the key counts as known.
            table.text("url", read).map(|found| found.value).or_else(|| Url::parse(default).ok())
        }
        Some(_) => table.text("url", read).map(|found| found.value),
        None => table.need_text("url", "\"https://…\"", read).map(|found| found.value),
    }
}

/// Finds a governorate that a person named by its identifier, or says which one may be meant.
pub(super) fn governorate(table: &Table<'_>, book: &GovernorateBook, found: &Found<String>) -> Option<GovernorateId> {
    if let Some(known) = book.iter().find(|known| known.id.as_str() == found.value) {
        return Some(known.id.clone());
    }
    let known: Vec<&str> = book.iter().map(|known| known.id.as_str()).collect();
    // Whoever writes a governorate's own name instead of its identifier is told the identifier.
    let help = match book.named(&found.value) {
        Some(meant) => Some(format!("did you mean `{}`?", meant.id)),
        None => advice(&found.value, &known),
    };
    table.error(&found.span, format!("`{}` is not a governorate of this region", found.value), help);
    None
}

/// Reads `governorates`: a list of identifiers, `{ tags = [...] }`, or nothing, which means all. In official order.
pub(super) fn governorates(table: &Table<'_>, book: &GovernorateBook) -> Option<Vec<GovernorateId>> {
    let Some(written) = table.get("governorates", |value| Ok(value.as_table().is_some())) else {
        return Some(book.iter().map(|known| known.id.clone()).collect());
    };
    let chosen: BTreeSet<GovernorateId> = if written.value {
        let within = table.table("governorates")?;
        let tags = within.texts("tags");
        if tags.is_none() && !within.has("tags") {
            within.missing("tags", "[\"coastal\"]");
        }
        within.finish();
        let known: BTreeSet<&str> = book.iter().flat_map(|place| place.tags.iter().map(String::as_str)).collect();
        let known: Vec<&str> = known.into_iter().collect();
        let mut chosen = BTreeSet::new();
        for tag in tags? {
            if !known.contains(&tag.value.as_str()) {
                table.error(
                    &tag.span,
                    format!("no governorate has the tag `{}`", tag.value),
                    advice(&tag.value, &known),
                );
            }
            chosen.extend(book.iter().filter(|place| place.tags.contains(&tag.value)).map(|place| place.id.clone()));
        }
        chosen
    } else {
        table.texts("governorates")?.iter().filter_map(|found| governorate(table, book, found)).collect()
    };
    if chosen.is_empty() {
        table.error(
            &written.span,
            "`governorates` names no place to ask for",
            Some("leave it out to ask for all".to_owned()),
        );
        return None;
    }
    Some(book.iter().map(|known| known.id.clone()).filter(|id| chosen.contains(id)).collect())
}

/// A key that a person chose and the texts listed under it.
pub(super) type Listed = (Found<String>, Vec<Found<String>>);

/// A table of lists whose keys a person chose, such as stations and their governorates: every key with its texts.
pub(super) fn lists(table: &Table<'_>, key: &'static str) -> Option<Found<Vec<Listed>>> {
    let mut faults: Vec<(Range<usize>, String)> = Vec::new();
    let found = table.get(key, |value| {
        let entries = value
            .as_table()
            .ok_or_else(|| format!("expected a table such as {{ OEJN = [\"jeddah\"] }}, found {}", value.type_str()))?;
        let mut lists = Vec::new();
        for (name, value) in entries {
            let named = Found { value: name.get_ref().to_string(), span: name.span() };
            match value.get_ref() {
                DeValue::Array(items) => {
                    let mut texts = Vec::new();
                    for item in items {
                        match as_text(item.get_ref()) {
                            Ok(text) => texts.push(Found { value: text.to_owned(), span: item.span() }),
                            Err(why) => faults.push((item.span(), format!("`{}`: {why}", named.value))),
                        }
                    }
                    lists.push((named, texts));
                }
                other => {
                    faults.push((
                        value.span(),
                        format!("`{}`: expected a list of texts, found {}", named.value, other.type_str()),
                    ));
                }
            }
        }
        lists.sort_by_key(|(name, _)| name.span.start);
        Ok(lists)
    });
    for (span, message) in faults {
        table.error(&span, message, None);
    }
    found
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use geo::{Coord, MultiPolygon, Rect};

    use super::*;
    use crate::feed::{Feed, Kind, Surroundings};
    use crate::governorate::Governorate;
    use crate::language::Both;
    use crate::problem::{Problems, SourceFile};
    use crate::table::read_file;

    /// Three governorates with square outlines, half a degree wide: Makkah, Jeddah, Taif.
    pub(crate) fn book() -> Arc<GovernorateBook> {
        let place = |id: &str, ar: &str, en: &str, lat: f64, lon: f64, tags: &[&str]| Governorate {
            id: GovernorateId::new(id).unwrap(),
            code: id.to_owned(),
            name: Both { ar: ar.to_owned(), en: en.to_owned() },
            formal: Both { ar: format!("محافظة {ar}"), en: format!("{en} Governorate") },
            variants: Vec::new(),
            centres: Vec::new(),
            geocodes: Vec::new(),
            seat: Coord { x: lon, y: lat },
            elevation_m: 0.0,
            coastal: tags.contains(&"coastal"),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            outline: MultiPolygon::from(
                Rect::new(Coord { x: lon - 0.25, y: lat - 0.25 }, Coord { x: lon + 0.25, y: lat + 0.25 }).to_polygon(),
            ),
        };
        let mut makkah = place("makkah", "مكة المكرمة", "Makkah", 21.42, 39.83, &["holy-sites"]);
        makkah.variants = ["العاصمة المقدسة", "مكة", "Mecca"].map(str::to_owned).to_vec();
        makkah.centres = vec!["وادي نخلة".to_owned()];
        let jeddah = place("jeddah", "جدة", "Jeddah", 21.54, 39.23, &["coastal"]);
        let taif = place("taif", "الطائف", "Taif", 21.27, 40.42, &["highland"]);
        let region = Both { ar: "منطقة مكة المكرمة".to_owned(), en: "Makkah Region".to_owned() };
        let bounds = Rect::new(Coord { x: 38.0, y: 18.0 }, Coord { x: 45.0, y: 25.0 });
        Arc::new(GovernorateBook::new(region, bounds, vec![makkah, jeddah, taif]).unwrap())
    }

    /// What feeds are read in here.
    pub(crate) fn surroundings() -> Surroundings {
        Surroundings { book: book(), zone: chrono_tz::Asia::Riyadh, beside: Arc::default(), is_within: false }
    }

    /// The only request of a feed of the web.
    pub(crate) fn only_request(feed: &Arc<dyn Feed>, now: crate::time::Timestamp) -> crate::feed::Request {
        match feed.source(now) {
            crate::feed::Source::Web(requests) if requests.len() == 1 => requests[0].clone(),
            other => panic!("{other:?} is not one request"),
        }
    }

    /// Reads a feed's own keys; gives the feed and the faults, each as `line: message (help)`.
    pub(crate) fn read(kind: &Kind, text: &str) -> (Option<Arc<dyn Feed>>, Vec<String>) {
        let file = Arc::new(SourceFile { name: "feeds.toml".to_owned(), text: text.to_owned() });
        let problems = Problems::new();
        let feed = read_file(&file, &problems, |table| {
            let feed = (kind.parse)(&table, &surroundings());
            table.finish();
            feed
        });
        let faults = problems
            .into_sorted()
            .iter()
            .map(|problem| {
                format!("{}: {} ({})", problem.line(), problem.message, problem.help.as_deref().unwrap_or("-"))
            })
            .collect();
        (feed, faults)
    }

    /// A feed of a kind that must be without faults.
    pub(crate) fn feed(kind: &Kind, text: &str) -> Arc<dyn Feed> {
        let (feed, faults) = read(kind, text);
        assert_eq!(faults, Vec::<String>::new());
        feed.unwrap()
    }
}
