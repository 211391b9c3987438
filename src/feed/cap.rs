//! CAP: official alerts, one by one or through an Atom or RSS list, in any of the versions 1.0, 1.1 and 1.2.
//!
//! A document is opened ([`open`]), its alerts are read as they stand ([`model`]), and what they mean is made of that: one alert
//! for each hazard, severity, time and set of places that its infos differ in.
//!
//! A real warning is not withheld over a small fault: faults are noted in the alert. What cannot be placed in a governorate is
//! held and never taken for every governorate. Source: OASIS Common Alerting Protocol 1.2, 2010.

use std::collections::BTreeSet;
use std::sync::Arc;

use roxmltree::Document;
use url::Url;

use super::{Batch, DecodeError, Feed, Follow, Kind, Request, Skip, Source, Surroundings, index, keys};
use crate::alert::Alert;
use crate::governorate::GovernorateBook;
use crate::hazard::{Hazard, Severity};
use crate::ids::GovernorateId;
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Metric;
use signature::Verdict;
use tree::{Element, Tree};
use xml::ENVELOPE;

mod canonical;
mod meaning;
pub mod model;
mod names;
mod parts;
mod plain;
mod read;
mod shapes;
mod signature;
pub(super) mod tree;
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
# What XML signatures are worth here. "note", as when this is left out: they are checked and the finding is noted; "ignore";
# "verify": an alert with a signature that does not hold is withheld; "require": so is one that is not signed, or not by the
# signer known here. `certificates` is a PEM file beside feeds.toml, or its text: certificates or public keys of the signer
# itself, or of an authority that vouches for the one whom `signer` names. `legacy = true` takes SHA-1 for a sound signature.
# signature = { policy = "require", certificates = "authority.pem" }
"#,
    parse,
};

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
    area: Terms,
    signatures: signature::Signatures,
    book: Arc<GovernorateBook>,
}

fn parse(table: &Table<'_>, around: &Surroundings) -> Option<Arc<dyn Feed>> {
    let book = Arc::clone(&around.book);
    let url = keys::address(table, around, None);
    let default_life = keys::default_life(table);
    let language = table.text("language", |tag| {
        let plain = (2..=35).contains(&tag.len()) && tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if plain { Ok(tag.to_owned()) } else { Err(format!("`{tag}` is not a language tag such as `ar` or `ar-SA`")) }
    });
    let language = language.map(|found| found.value);
    let area = table.table("area").map_or(Terms::default(), area_terms);
    let signatures = signature::parse(table, around);
    Some(Arc::new(Cap { url: url?, default_life, language, area, signatures, book }))
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
        let ways = Ways { book: &self.book, area: self.area, signatures: &self.signatures };
        let list = open_with(body, &self.url, &ways, &mut |alert| match alert {
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
    open_with(body, base, &Ways { book, area: terms, signatures: &signature::Signatures::default() }, each)
}

/// How a document is opened.
struct Ways<'a> {
    book: &'a GovernorateBook,
    area: Terms,
    signatures: &'a signature::Signatures,
}

fn open_with(
    body: &[u8],
    base: &Url,
    ways: &Ways<'_>,
    each: &mut dyn FnMut(Result<CapAlert<'_>, Skip>),
) -> Result<Outline, DecodeError> {
    let text = xml::text(body)?;
    let lines = plain::lines(&text);
    let document;
    let (tree, document) = match lines.as_deref().and_then(plain::read) {
        Some(tree) => (tree, None),
        None => {
            document = xml::parse(&text)?;
            (Tree::of(&document)?, Some(&document))
        }
    };
    let xml::Survey { alerts, envelopes } = xml::survey(&tree)?;
    let mut outline = Outline::default();
    if let Some(index) = tree.root().and_then(|root| index::read(root, base, &alerts)) {
        outline = Outline { is_list: true, follow: index.follow, skipped: index.skipped };
    } else if alerts.is_empty() {
        let found = match tree.root().map_or("", |root| root.name()) {
            ENVELOPE => "an EDXL-DE envelope without an alert in it".to_owned(),
            "alert" => "an <alert> that is none of CAP's".to_owned(),
            name => format!("XML that begins with <{}>", name.chars().take(40).collect::<String>()),
        };
        return Err(DecodeError::NotTheFormat { expected: xml::EXPECTED, found });
    }
    let mut reader = read::Reader::new(ways.book, ways.area);
    for element in alerts.iter().take(MAX_ALERTS) {
        let alert = reader.alert(*element).map(|alert| CapAlert { envelope: envelope(*element, &envelopes), ..alert });
        each(alert.and_then(|alert| signed(*element, document, alert, ways)));
    }
    if MAX_ALERTS < alerts.len() {
        let why = format!("{} alerts in one document; only the first {MAX_ALERTS} were read", alerts.len());
        outline.skipped.push(Skip { part: "the rest".to_owned(), why });
    }
    Ok(outline)
}

/// The alert with what its signatures are worth noted, or why it is withheld over them.
fn signed<'a>(
    element: Element<'_>,
    document: Option<&Document<'_>>,
    mut alert: CapAlert<'a>,
    ways: &Ways<'_>,
) -> Result<CapAlert<'a>, Skip> {
    // What was not parsed has no signature in it.
    let node = document.zip(element.node()).and_then(|(document, id)| document.get_node(id));
    match ways.signatures.judge(node, alert.sent.at.to_utc()) {
        Verdict::Passes(defects) => {
            alert.defects.extend(defects);
            Ok(alert)
        }
        Verdict::Withheld(why) => Err(Skip { part: alert.identifier.into_owned(), why }),
    }
}

/// What a document means, as a feed makes it of it that leaves `default_life` and `language` out.
pub fn meaning_of(alert: &CapAlert<'_>, book: &GovernorateBook, now: Timestamp) -> Vec<Alert> {
    parts::parts(alert, &parts::Terms { book, default_life: keys::DEFAULT_LIFE, language: None, now })
}

/// What the envelope around an alert says that it is for; none when there is no envelope.
fn envelope<'a>(alert: Element<'_>, envelopes: &[Element<'a>]) -> Option<model::Text<'a>> {
    let innermost = envelopes.iter().rfind(|envelope| envelope.holds(alert))?;
    Some(innermost.child_text("distributionStatus").unwrap_or_default())
}

/// What the words of an authority say threatens, the most telling text first; for official alerts in other formats.
pub(super) fn hazard_of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Hazard {
    texts.into_iter().find_map(|text| meaning::said(text).hazard).unwrap_or(Hazard::Other)
}

/// The colour that the words of an authority name; for official alerts in other formats.
pub(super) fn colour_of(text: &str) -> Option<Severity> {
    meaning::said(text).colour
}

/// The governorates that polygons mean, each written as CAP writes it; for official alerts in other formats.
pub(super) fn touched(
    polygons: &[String],
    book: &GovernorateBook,
    defects: &mut Vec<String>,
) -> BTreeSet<GovernorateId> {
    let mut drawer = shapes::Drawer::new(book.bounds);
    let (mut shapes, mut found) = (Vec::new(), BTreeSet::new());
    for text in polygons {
        match drawer.polygon(text, defects) {
            Ok(shape) => shapes.push(shape),
            Err(why) => defects.push(why),
        }
    }
    shapes::touched(&shapes, book, &Terms::default(), &mut found);
    found
}

#[cfg(test)]
mod region_tests;
#[cfg(test)]
mod tests;
