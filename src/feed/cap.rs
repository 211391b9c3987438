//! CAP: official alerts, one by one or through an Atom or RSS list, in any of the versions 1.0, 1.1 and 1.2.
//!
//! A document is opened ([`open`]), its alerts are read as they stand ([`model`]), and what they mean is made of that: one alert
//! for each hazard, severity, time and set of places that its infos differ in.
//!
//! A real warning is not withheld over a small fault: faults are noted in the alert. What cannot be placed in a governorate is
//! held and never taken for every governorate. Source: OASIS Common Alerting Protocol 1.2, 2010.

use std::collections::BTreeSet;
use std::sync::Arc;

use roxmltree::Node;
use url::Url;

use super::{Batch, DecodeError, Feed, Follow, Kind, Request, Skip, Source, Surroundings, index, keys};
use crate::alert::Alert;
use crate::governorate::GovernorateBook;
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Metric;

mod meaning;
pub mod model;
mod names;
mod parts;
mod read;
mod shapes;
mod when;
pub(super) mod xml;

pub use model::CapAlert;
pub use shapes::Terms;
pub use when::Moment;

/// The kind.
pub const KIND: Kind = Kind {
    name: "cap",
    about: "official alerts in CAP, one by one or through an Atom or RSS list",
    example: r#"kind = "cap"
url = "https://example.org/cap/feed.xml"   # the list, or one alert
default_life = "12h"                       # how long an alert lives that does not say
language = "ar"                            # the language of words that do not say
# When a polygon or circle means a governorate: it covers this share of it, or this share of the shape lies in it, or it holds
# the seat. A shape that means nobody so is given to the governorate with most of it, when that is a tenth at least.
area = { share_of_governorate = 0.1, share_of_shape = 0.5, centre = true }
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
/// The root of an envelope that carries alerts: EDXL Distribution Element.
const ENVELOPE: &str = "EDXLDistribution";

/// One feed of this kind.
#[derive(Debug)]
struct Cap {
    url: Url,
    default_life: TimeDelta,
    language: Option<String>,
    area: Terms,
    book: Arc<GovernorateBook>,
}

fn parse(table: &Table<'_>, around: &Surroundings) -> Option<Arc<dyn Feed>> {
    let book = Arc::clone(&around.book);
    let url = keys::address(table, None);
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
    let area = table.table("area").map_or(Terms::default(), area_terms);
    Some(Arc::new(Cap { url: url?, default_life, language, area, book }))
}

/// Reads when a shape means a governorate.
fn area_terms(table: Table<'_>) -> Terms {
    let usual = Terms::default();
    let share = |key: &'static str, usual: f64| {
        let Some(found) = table.number(key) else { return usual };
        if !(0.0 < found.value && found.value <= 1.0) {
            let help = Some(format!("write a share above 0 and up to 1, such as `{usual}`"));
            table.error(&found.span, format!("`{key}` is out of range"), help);
        }
        found.value
    };
    let terms = Terms {
        share_of_governorate: share("share_of_governorate", usual.share_of_governorate),
        share_of_shape: share("share_of_shape", usual.share_of_shape),
        centre: table.flag("centre").map_or(usual.centre, |found| found.value),
    };
    table.finish();
    terms
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
        let mut batch = Batch::default();
        let language = self.language.as_deref();
        let terms = parts::Terms { book: &self.book, default_life: self.default_life, language, now };
        let list = open(body, &self.url, &self.book, self.area, &mut |alert| match alert {
            Ok(alert) => batch.alerts.extend(parts::parts(&alert, &terms)),
            Err(skip) => batch.skipped.push(skip),
        })?;
        batch.follow = list.follow;
        batch.skipped.extend(list.skipped);
        Ok(batch)
    }
}

/// What a document is beside the alerts in it.
#[derive(Debug, Default)]
pub struct Outline {
    /// Whether it is an Atom or RSS list.
    pub is_list: bool,
    /// Documents that it points to.
    pub follow: Vec<Follow>,
    /// Entries that were passed over.
    pub skipped: Vec<Skip>,
}

/// Opens a document and hands over every alert in it as it was read, or why it was passed over, in order.
///
/// `base` is where it came from, for the links of a list.
///
/// # Errors
/// When nothing of it can be read.
pub fn open(
    body: &[u8],
    base: &Url,
    book: &GovernorateBook,
    terms: Terms,
    each: &mut dyn FnMut(Result<CapAlert<'_>, Skip>),
) -> Result<Outline, DecodeError> {
    let text = xml::text(body)?;
    let document = xml::parse(&text)?;
    let alerts = xml::survey(&document)?;
    let root = document.root_element();
    let mut outline = Outline::default();
    if let Some(index) = index::read(root, base, &alerts) {
        outline = Outline { is_list: true, follow: index.follow, skipped: index.skipped };
    } else if alerts.is_empty() {
        let found = match root.tag_name().name() {
            ENVELOPE => "an EDXL-DE envelope without an alert in it".to_owned(),
            "alert" => "an <alert> that is none of CAP's".to_owned(),
            name => format!("XML that begins with <{}>", name.chars().take(40).collect::<String>()),
        };
        return Err(DecodeError::NotTheFormat { expected: xml::EXPECTED, found });
    }
    let mut reader = read::Reader::new(book, terms);
    for node in alerts.iter().take(MAX_ALERTS) {
        each(reader.alert(*node).map(|alert| CapAlert { envelope: envelope(*node), ..alert }));
    }
    if MAX_ALERTS < alerts.len() {
        let why = format!("{} alerts in one document; only the first {MAX_ALERTS} were read", alerts.len());
        outline.skipped.push(Skip { part: "the rest".to_owned(), why });
    }
    Ok(outline)
}

/// What a document means, as a feed makes it of it that leaves `default_life` and `language` out.
pub fn meaning_of(alert: &CapAlert<'_>, book: &GovernorateBook, now: Timestamp) -> Vec<Alert> {
    parts::parts(alert, &parts::Terms { book, default_life: DEFAULT_LIFE, language: None, now })
}

/// What the envelope around an alert says that it is for; none when there is no envelope.
fn envelope<'a>(alert: Node<'a, '_>) -> Option<model::Text<'a>> {
    let envelope = alert.ancestors().skip(1).find(|above| above.has_tag_name(ENVELOPE))?;
    Some(xml::child_text(envelope, "distributionStatus").unwrap_or_default())
}

#[cfg(test)]
mod region_tests;
#[cfg(test)]
mod tests;
