//! CAP: official alerts, one by one or through an Atom or RSS list, in any of the versions 1.0, 1.1 and 1.2.
//!
//! A real warning is not withheld over a small fault: faults are noted in the alert. What cannot be placed in a governorate is
//! held and never taken for every governorate. Source: OASIS Common Alerting Protocol 1.2, 2010.

use std::collections::BTreeSet;
use std::sync::Arc;

use roxmltree::Node;
use url::Url;

use super::{Batch, DecodeError, Feed, Kind, Request, Source, Surroundings, index, keys};
use crate::governorate::GovernorateBook;
use crate::hazard::{Hazard, Severity};
use crate::ids::GovernorateId;
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Metric;

mod meaning;
mod names;
mod read;
mod shapes;
mod when;
pub(super) mod xml;

/// The kind.
pub const KIND: Kind = Kind {
    name: "cap",
    about: "official alerts in CAP, one by one or through an Atom or RSS list",
    example: r#"kind = "cap"
url = "https://example.org/cap/feed.xml"   # the list, or one alert
default_life = "12h"                       # how long an alert lives that does not say
language = "ar"                            # the language of words that do not say
"#,
    parse,
};

/// How long an alert lives that does not say, unless the feed's table does.
const DEFAULT_LIFE: TimeDelta = TimeDelta::hours(12);
/// The longest such life: what nobody ends should not stand for days.
const MAX_DEFAULT_LIFE: TimeDelta = TimeDelta::days(3);
/// The most alerts of one document.
const MAX_ALERTS: usize = index::MAX_ENTRIES;
/// What is asked for: a list or an alert.
const ACCEPT: &str = "application/atom+xml, application/rss+xml, application/cap+xml, application/xml;q=0.9, */*;q=0.1";

/// One feed of this kind.
#[derive(Debug)]
struct Cap {
    url: Url,
    default_life: TimeDelta,
    language: Option<String>,
    book: Arc<GovernorateBook>,
}

fn parse(table: &Table<'_>, around: &Surroundings) -> Option<Arc<dyn Feed>> {
    let book = &around.book;
    let url = keys::own_address(table, around);
    let default_life = table.span_of_time("default_life").map_or(DEFAULT_LIFE, |found| {
        if found.value <= TimeDelta::zero() || MAX_DEFAULT_LIFE < found.value {
            let help = Some("write a span above 0 and up to 3d, such as `12h`".to_owned());
            table.error(&found.span, "`default_life` is out of range", help);
        }
        found.value
    });
    let language = table.text("language", |tag| {
        let plain = (2..=35).contains(&tag.len()) && tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if plain { Ok(tag.to_owned()) } else { Err(format!("`{tag}` is not a language tag such as `ar` or `ar-SA`")) }
    });
    let language = language.map(|found| found.value);
    Some(Arc::new(Cap { url: url?, default_life, language, book: Arc::clone(book) }))
}

impl Feed for Cap {
    fn source(&self, _now: Timestamp) -> Source {
        Source::Web(vec![Request::new(self.url.clone(), ACCEPT)])
    }

    /// Alerts alone: no rule lives on them.
    fn gives(&self) -> Option<BTreeSet<Metric>> {
        Some(BTreeSet::new())
    }

    fn decode(&self, body: &[u8], now: Timestamp) -> Result<Batch, DecodeError> {
        let text = xml::text(body)?;
        let document = xml::parse(&text)?;
        let root = document.root_element();
        let mut batch = Batch::default();
        if xml::is_alert(&root) {
            self.alerts(&[root], now, &mut batch);
        } else if let Some(index) = index::read(root, &self.url) {
            batch.follow = index.follow;
            batch.skipped = index.skipped;
            self.alerts(&index.inline, now, &mut batch);
        } else {
            // An envelope such as EDXL-DE carries its alerts within.
            let within: Vec<_> = root.descendants().filter(xml::is_alert).collect();
            if within.is_empty() {
                let found = format!("XML that begins with <{}>", root.tag_name().name());
                return Err(DecodeError::NotTheFormat { expected: xml::EXPECTED, found });
            }
            self.alerts(&within, now, &mut batch);
        }
        Ok(batch)
    }
}

impl Cap {
    fn alerts(&self, nodes: &[Node<'_, '_>], now: Timestamp, batch: &mut Batch) {
        let reader =
            read::Reader { book: &self.book, default_life: self.default_life, language: self.language.as_deref(), now };
        for node in nodes.iter().take(MAX_ALERTS) {
            match reader.alert(*node) {
                Ok(alert) => batch.alerts.push(alert),
                Err(skip) => batch.skipped.push(skip),
            }
        }
        if MAX_ALERTS < nodes.len() {
            let why = format!("{} alerts in one document; only the first {MAX_ALERTS} were read", nodes.len());
            batch.skipped.push(super::Skip { part: "the rest".to_owned(), why });
        }
    }
}

/// What the words of an authority say threatens, the most telling text first; for official alerts in other formats.
pub(super) fn hazard_of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Hazard {
    texts
        .into_iter()
        .map(|text| meaning::hazard(text, None))
        .find(|hazard| *hazard != Hazard::Other)
        .unwrap_or(Hazard::Other)
}

/// The colour that the words of an authority name; for official alerts in other formats.
pub(super) fn colour_of(text: &str) -> Option<Severity> {
    meaning::colour(text)
}

/// The governorates that polygons mean, each written as CAP writes it; for official alerts in other formats.
pub(super) fn touched(
    polygons: &[String],
    book: &GovernorateBook,
    defects: &mut Vec<String>,
) -> BTreeSet<GovernorateId> {
    let mut shapes = Vec::new();
    for text in polygons {
        match shapes::polygon(text, &book.bounds, defects) {
            Ok(shape) => shapes.push(shape),
            Err(why) => defects.push(why),
        }
    }
    shapes::touched(&shapes, book)
}

#[cfg(test)]
mod region_tests;
#[cfg(test)]
mod tests;
