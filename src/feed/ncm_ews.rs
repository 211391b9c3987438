//! The early warnings of Saudi Arabia's National Center for Meteorology, as JSON and as GeoJSON.
//!
//! No description of this interface is published, and no recorded answer was to be had: the shape is known from programs that read
//! it. So every key is optional and read in any case, and what looks like a warning and cannot be read is never passed over in
//! silence: it is strange, the staff is told, and the answer is kept aside. An empty list says nothing of the weather.
//!
//! It refers to no earlier edition of a warning and may change one under its own name. So an alert's identifier is the name together
//! with a number of all that it says, which stays the same over polls and changes with any change; and its `line` is the name alone,
//! by which editions are one warning.

use std::collections::BTreeSet;
use std::sync::Arc;

use url::Url;

use super::{Batch, DecodeError, Feed, Kind, Request, Skip, Source, Surroundings, keys, look_of, values};
use crate::governorate::GovernorateBook;
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Metric;

mod level;
mod read;
mod region;
mod shape;

/// The kind.
pub const KIND: Kind = Kind {
    name: "ncm-ews",
    about: "early warnings of the National Center for Meteorology (Saudi Arabia), as JSON or GeoJSON, by governorate",
    example: r#"kind = "ncm-ews"
url = "https://meteo.ncm.gov.sa/public/ews/latest.json"   # left out: this; or its twin latest.geojson
default_life = "12h"                                      # how long a warning holds that does not say
"#,
    parse,
};

/// The public address.
const PUBLIC_URL: &str = "https://meteo.ncm.gov.sa/public/ews/latest.json";
/// What is asked for.
const ACCEPT: &str = "application/json, application/geo+json;q=0.9, */*;q=0.1";
/// The most warnings of one answer.
const MAX_ALERTS: usize = 500;
/// The most parts of one answer that are called strange one by one.
const MAX_STRANGE: usize = 20;

/// One feed of this kind.
#[derive(Debug)]
struct NcmEws {
    url: Url,
    default_life: TimeDelta,
    book: Arc<GovernorateBook>,
}

fn parse(table: &Table<'_>, around: &Surroundings) -> Option<Arc<dyn Feed>> {
    let url = keys::address(table, around, Some(PUBLIC_URL));
    let default_life = keys::default_life(table);
    Some(Arc::new(NcmEws { url: url?, default_life, book: Arc::clone(&around.book) }))
}

impl Feed for NcmEws {
    fn source(&self, _now: Timestamp) -> Source {
        Source::Web(vec![Request::new(self.url.clone(), ACCEPT)])
    }

    /// Alerts alone: no rule lives on them.
    fn gives(&self) -> Option<BTreeSet<Metric>> {
        Some(BTreeSet::new())
    }

    fn decode(&self, body: &[u8], now: Timestamp) -> Result<Batch, DecodeError> {
        const EXPECTED: &str = "the early warnings of NCM";
        let answer = values::json(body, EXPECTED)?;
        let items = shape::items(&answer).map_err(|found| DecodeError::NotTheFormat {
            expected: EXPECTED,
            found: if found.is_empty() { look_of(body) } else { found },
        })?;
        let reader = read::Reader { book: &self.book, default_life: self.default_life, now };
        let mut batch = Batch::default();
        let count = items.len();
        for (index, item) in items.into_iter().take(MAX_ALERTS).enumerate() {
            let part = || format!("alert {}", index + 1);
            match item {
                shape::Item::Alert(fields) => reader.alert(&fields, &part(), &mut batch),
                shape::Item::Other(why) => batch.strange.push(Skip { part: part(), why }),
            }
        }
        if MAX_ALERTS < count {
            let why = format!("{count} warnings; only the first {MAX_ALERTS} were read");
            batch.strange.insert(0, Skip { part: "the rest".to_owned(), why });
        }
        if MAX_STRANGE < batch.strange.len() {
            let why = format!("{} more parts in an unknown shape", batch.strange.len() - MAX_STRANGE);
            batch.strange.truncate(MAX_STRANGE);
            batch.strange.push(Skip { part: "the rest".to_owned(), why });
        }
        Ok(batch)
    }
}

#[cfg(test)]
mod tests;
