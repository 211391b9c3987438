//! Keys that several kinds of feed read alike: the address, secrets, the governorates. Never knows what a feed does with them.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;

use toml::de::DeValue;
use url::Url;

use super::address::is_loopback;
use super::{Key, KeyGoes, Surroundings};
use crate::governorate::GovernorateBook;
use crate::ids::GovernorateId;
use crate::problem::advice;
use crate::secret::SecretSource;
use crate::table::{Found, Table, as_text, look_of};
use crate::time::TimeDelta;

/// The address of a feed whose bytes are brought by another kind: it leads nowhere (RFC 2606), and is never asked.
const NOWHERE: &str = "https://files.invalid/";
/// How long an alert lives that does not say, unless the feed's table does.
pub(super) const DEFAULT_LIFE: TimeDelta = TimeDelta::hours(12);
/// The longest such life: what nobody ends should not stand for days.
const MAX_DEFAULT_LIFE: TimeDelta = TimeDelta::days(3);

/// Reads an address that may be left out when the kind of feed has a public one; what another kind brings has none.
pub(super) fn address(table: &Table<'_>, around: &Surroundings, default: Option<&str>) -> Option<Url> {
    if around.is_within {
        return Url::parse(default.unwrap_or(NOWHERE)).ok();
    }
    let read = |text: &str| {
        let url = Url::parse(text).map_err(|why| format!("`{text}` is not an address ({why}): begin with https://"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "a user name or password does not belong in an address, which is copied, printed and logged".to_owned()
            );
        }
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

/// Reads where a secret lies. A secret in the file itself is refused, and the error points to the head of the table, so that the
/// line which holds it is not printed. One that is missing is an error.
pub(crate) fn secret(table: &Table<'_>, key: &'static str) -> Option<SecretSource> {
    const EXAMPLE: &str = "{ file = \"…\" }";
    if !table.has(key) {
        return table.need_text(key, EXAMPLE, |_| Err::<SecretSource, _>(String::new())).map(|found| found.value);
    }
    let mut is_inline = false;
    table.get(key, |value| {
        is_inline = value.as_str().is_some();
        Ok(())
    });
    if is_inline {
        // What is drawn of its line has stars for the secret, where the table is written in one.
        let head = table.span.start..table.span.start + 1;
        let message =
            format!("`{key}`: a secret is not written here: this file is copied, printed and kept in version control");
        let help = format!("put it in a file that only nadhir can read and write `{key} = {EXAMPLE}`; make a new one");
        table.error(&head, message, Some(help));
        return None;
    }
    let within = table.table(key)?;
    let file = within.text("file", |text| {
        if text.is_empty() { Err("the path is empty".to_owned()) } else { Ok(PathBuf::from(text)) }
    });
    let credential = within.text("credential", |text| {
        let is_name = !text.is_empty() && !text.contains('/') && !text.starts_with('.');
        if is_name { Ok(text.to_owned()) } else { Err("expected the name in LoadCredential=, not a path".to_owned()) }
    });
    let source = match (file, credential) {
        (Some(file), None) => Some(SecretSource::File(file.value)),
        (None, Some(credential)) => Some(SecretSource::Credential(credential.value)),
        (Some(_), Some(_)) => {
            within.error(&within.span, format!("`{key}`: both a file and a credential are given; keep one"), None);
            None
        }
        (None, None) => {
            if !within.has("file") && !within.has("credential") {
                within.error(
                    &within.span,
                    format!("`{key}` says nowhere to read it"),
                    Some(format!("write {EXAMPLE}")),
                );
            }
            None
        }
    };
    within.finish();
    source
}

/// Reads where a secret lies that may be left out.
pub(crate) fn maybe_secret(table: &Table<'_>, key: &'static str) -> Option<SecretSource> {
    match table.has(key) {
        true => secret(table, key),
        // Asked for all the same, so that the key counts as known.
        false => table.table(key).and(None),
    }
}

/// Reads the key of a server, which must never travel in the open.
pub(super) fn key(table: &Table<'_>, url: Option<&Url>, goes: KeyGoes) -> Option<Key> {
    let source = secret(table, "key");
    if url.is_some_and(|url| url.scheme() != "https" && !is_loopback(url)) {
        let help = Some("let `url` begin with https://".to_owned());
        table.error(&table.span, "the key would travel where everyone can read it", help);
        return None;
    }
    Some(Key { goes, source: source? })
}

/// Reads `default_life`: how long an alert lives that does not say.
pub(super) fn default_life(table: &Table<'_>) -> TimeDelta {
    table.span_of_time("default_life").map_or(DEFAULT_LIFE, |found| {
        if found.value <= TimeDelta::zero() || MAX_DEFAULT_LIFE < found.value {
            let help = Some("write a span above 0 and up to 3d, such as `12h`".to_owned());
            table.error(&found.span, "`default_life` is out of range", help);
        }
        found.value
    })
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
            .ok_or_else(|| format!("expected a table such as {{ OEJN = [\"jeddah\"] }}, found {}", look_of(value)))?;
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
                        format!("`{}`: expected a list of texts, found {}", named.value, look_of(other)),
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
    use crate::feed::{Feed, Kind};
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
