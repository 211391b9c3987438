//! GDACS: the list of disasters that the European Union and the United Nations keep, as context and nothing else.
//!
//! It tells what has happened, late and for the whole world: no reading and no alert ever comes of it, so it can raise no warning.
//! Source: <https://www.gdacs.org/feed_reference.aspx>. Syndication is allowed when the source is acknowledged.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::DateTime;
use geo::{Coord, Intersects, Rect};
use roxmltree::Node;
use url::Url;

use super::cap::xml;
use super::values::{Faults, shown};
use super::{Batch, Context, DecodeError, Feed, Kind, Request, Source, Surroundings, keys};
use crate::governorate::GovernorateBook;
use crate::table::Table;
use crate::time::Timestamp;
use crate::unit::Metric;

/// The kind.
pub const KIND: Kind = Kind {
    name: "gdacs",
    about: "the disasters of the world that touch the region (GDACS), as context: it never raises a warning",
    example: r#"kind = "gdacs"
url = "https://www.gdacs.org/xml/rss.xml"   # left out: this
"#,
    parse,
};

/// The public address.
const PUBLIC_URL: &str = "https://www.gdacs.org/xml/rss.xml";
/// What is asked for.
const ACCEPT: &str = "application/rss+xml, application/xml;q=0.9, */*;q=0.1";
/// The most events of one list that are looked at; real lists have about 150.
const MAX_ITEMS: usize = 2000;
/// The most events that are kept.
const MAX_EVENTS: usize = 100;
/// The namespace of their elements; older lists write it with a stroke at its end.
const NAMESPACE: &str = "http://www.gdacs.org";

/// One feed of this kind.
#[derive(Debug)]
struct Gdacs {
    url: Url,
    book: Arc<GovernorateBook>,
}

fn parse(table: &Table<'_>, around: &Surroundings) -> Option<Arc<dyn Feed>> {
    let url = keys::address(table, around, Some(PUBLIC_URL))?;
    Some(Arc::new(Gdacs { url, book: Arc::clone(&around.book) }))
}

impl Feed for Gdacs {
    fn source(&self, _now: Timestamp) -> Source {
        Source::Web(vec![Request::new(self.url.clone(), ACCEPT)])
    }

    /// Context alone: no rule lives on it.
    fn gives(&self) -> Option<BTreeSet<Metric>> {
        Some(BTreeSet::new())
    }

    fn decode(&self, body: &[u8], _now: Timestamp) -> Result<Batch, DecodeError> {
        let text = xml::text(body)?;
        let document = xml::parse(&text)?;
        let root = document.root_element();
        let channel = child(root, "channel").filter(|_| root.tag_name().name() == "rss");
        let Some(channel) = channel else {
            let found = format!("XML that begins with <{}>", shown(root.tag_name().name()));
            return Err(DecodeError::NotTheFormat { expected: "the RSS of GDACS", found });
        };
        let items = || channel.children().filter(|node| node.tag_name().name() == "item");
        let mut faults = Faults::default();
        let mut context = Vec::new();
        for (index, item) in items().take(MAX_ITEMS).enumerate() {
            let part = || format!("item {}", index + 1);
            let (point, frame) = (point(item), frame(item));
            if point.is_none() && frame.is_none() {
                faults.note("place", part, || "it does not say where it is".to_owned());
                continue;
            }
            let bounds = &self.book.bounds;
            if point.is_some_and(|point| bounds.intersects(&point))
                || frame.is_some_and(|frame| bounds.intersects(&frame))
            {
                if context.len() == MAX_EVENTS {
                    faults.note("many", part, || format!("more than {MAX_EVENTS} events touch the region"));
                    continue;
                }
                context.push(event(item));
            }
        }
        if MAX_ITEMS < items().count() {
            faults.note("long", || "the rest".to_owned(), || format!("only the first {MAX_ITEMS} items were read"));
        }
        Ok(Batch { context, skipped: faults.into_skips(), ..Batch::default() })
    }
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.is_element() && child.tag_name().name() == name)
}

/// The text of a child of theirs.
fn own(item: Node<'_, '_>, name: &str) -> Option<String> {
    let is_theirs = |node: &Node<'_, '_>| {
        node.tag_name().name() == name
            && node.tag_name().namespace().is_some_and(|space| space.trim_end_matches('/') == NAMESPACE)
    };
    text(item.children().find(is_theirs)?)
}

fn text(node: Node<'_, '_>) -> Option<String> {
    node.text().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn numbers(text: &str) -> Option<Vec<f64>> {
    text.split_whitespace().map(|part| part.parse().ok().filter(|number: &f64| number.is_finite())).collect()
}

/// The point of an event: `geo:Point`, or `georss:point` with latitude and longitude.
fn point(item: Node<'_, '_>) -> Option<Coord<f64>> {
    let of = |name: &str| text(child(child(item, "Point")?, name)?)?.parse::<f64>().ok();
    if let (Some(y), Some(x)) = (of("lat"), of("long")) {
        return Some(Coord { x, y });
    }
    match numbers(&text(child(item, "point")?)?)?.as_slice() {
        [y, x] => Some(Coord { x: *x, y: *y }),
        _ => None,
    }
}

/// The frame of an event: least and greatest longitude, then least and greatest latitude.
fn frame(item: Node<'_, '_>) -> Option<Rect<f64>> {
    match numbers(&own(item, "bbox")?)?.as_slice() {
        [west, east, south, north] => Some(Rect::new(Coord { x: *west, y: *south }, Coord { x: *east, y: *north })),
        _ => None,
    }
}

fn event(item: Node<'_, '_>) -> Context {
    let plain = |name: &str| child(item, name).and_then(text);
    let date = |text: String| DateTime::parse_from_rfc2822(&text).ok().map(|date| date.to_utc());
    let link = plain("link").filter(|link| link.starts_with("http") && Url::parse(link).is_ok());
    let name = plain("guid").or_else(|| link.clone()).or_else(|| plain("title")).unwrap_or_default();
    let edition = own(item, "episodeid").or_else(|| plain("pubDate")).unwrap_or_default();
    Context {
        identity: format!("{} {}", shown(&name), shown(&edition)).trim().to_owned(),
        title: plain("title").unwrap_or_default().chars().filter(|c| !c.is_control()).take(300).collect(),
        kind: shown(&own(item, "eventtype").or_else(|| plain("subject")).unwrap_or_default()),
        level: shown(&own(item, "alertlevel").unwrap_or_default()),
        at: own(item, "fromdate").or_else(|| plain("pubDate")).and_then(date),
        link,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::keys::tests::{book, feed};

    fn now() -> Timestamp {
        "2025-12-09T00:00:00Z".parse().unwrap()
    }

    /// Decodes a synthetic list of items in the shape of the recorded ones.
    #[track_caller]
    fn check(items: &str, expected: &[&str]) {
        let body = format!(
            "<rss version='2.0' xmlns:gdacs='http://www.gdacs.org' xmlns:geo='http://www.w3.org/2003/01/geo/wgs84_pos#' \
             xmlns:georss='http://www.georss.org/georss'><channel><title>t</title>{items}</channel></rss>"
        );
        let batch = feed(&KIND, "").decode(body.as_bytes(), now()).unwrap();
        assert!(
            batch.readings.is_empty() && batch.alerts.is_empty() && batch.follow.is_empty(),
            "context and nothing else"
        );
        let context = batch
            .context
            .iter()
            .map(|event| format!("{} {} {} {}", event.identity, event.kind, event.level, event.title));
        let skipped = batch.skipped.iter().map(|skip| format!("{}: {}", skip.part, skip.why));
        assert_eq!(context.chain(skipped).collect::<Vec<_>>(), expected, "{items}");
    }

    #[test]
    fn an_event_that_touches_the_region_is_context() {
        check(
            "<item><title>Flood</title><guid>FL1</guid><geo:Point><geo:lat>21.4</geo:lat><geo:long>39.8</geo:long></geo:Point>\
             <gdacs:eventtype>FL</gdacs:eventtype><gdacs:alertlevel>Red</gdacs:alertlevel><gdacs:episodeid>2</gdacs:episodeid></item>\
             <item><title>Drought</title><guid>DR1</guid><gdacs:bbox>30 60 10 30</gdacs:bbox></item>\
             <item><title>Far</title><guid>TC1</guid><georss:point>-19.4 59.8</georss:point></item>\
             <item><title>Nowhere</title></item><item><title>Lost</title><gdacs:bbox>1 2 x 4</gdacs:bbox></item>",
            &["FL1 2 FL Red Flood", "DR1   Drought", "item 4: it does not say where it is, and 1 more like it"],
        );
        check("", &[]);
    }

    #[test]
    fn another_format_is_told() {
        let decode = |body: &str| feed(&KIND, "").decode(body.as_bytes(), now()).unwrap_err().to_string();
        assert_eq!(decode("<alert/>"), "expected the RSS of GDACS, found XML that begins with <alert>");
        assert!(decode("<!DOCTYPE x><rss/>").contains("DTD"));
    }

    /// The lists recorded in December 2019, seen from the region and from the ocean where a cyclone was.
    #[test]
    fn recorded_lists_are_read_whole() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/gdacs");
        for (file, here, in_the_ocean) in
            [("tests__fixtures__gdacs-1.xml", 0, 1), ("tests__fixtures__gdacs-2.xml", 0, 1)]
        {
            let Ok(body) = std::fs::read(directory.join(file)) else { continue };
            let batch = feed(&KIND, "").decode(&body, now()).unwrap();
            assert_eq!((batch.context.len(), batch.skipped.len()), (here, 0), "{file}");
            let mut ocean = (*book()).clone();
            ocean.bounds = Rect::new(Coord { x: 59.0, y: -22.0 }, Coord { x: 60.0, y: -19.0 });
            let seen =
                Gdacs { url: Url::parse(PUBLIC_URL).unwrap(), book: Arc::new(ocean) }.decode(&body, now()).unwrap();
            let [cyclone, ..] = seen.context.as_slice() else { panic!("{file}: {seen:?}") };
            assert!(
                in_the_ocean <= seen.context.len() && cyclone.identity.starts_with("TC1000643"),
                "{file}: {cyclone:?}"
            );
            assert_eq!(cyclone.at, Some("2019-12-29T12:00:00Z".parse().unwrap()));
            assert_eq!(cyclone.link.as_deref(), Some("http://www.gdacs.org/report.aspx?eventtype=TC&eventid=1000643"));
        }
    }
}
