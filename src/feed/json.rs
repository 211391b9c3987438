//! JSON: values as an interface of somebody else gives them, found by JSONPath (RFC 9535) as described in `feeds.toml`.
//!
//! Paths of a row begin at the row. A path that finds several values is a fault, and rows that are not there are told apart from
//! a list that is empty.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use serde_json_path::JsonPath;
use toml::de::DeValue;
use url::Url;

use super::rows::{Limits, MAX_ROWS, Mapping, Spots};
use super::values::{self, shown};
use super::{Batch, DecodeError, Feed, Kind, Request, Source, Surroundings, keys};
use crate::table::{Table, as_text};
use crate::time::Timestamp;
use crate::unit::Metric;

/// The kind.
pub const KIND: Kind = Kind {
    name: "json",
    about: "values of a JSON interface, found by JSONPath as described here: for stations whose interface has no kind of its own",
    example: r#"kind = "json"
url = "https://stations.example/api/latest"   # not needed within a `dir`
rows = "$.data[*]"                            # where the rows are; the paths below begin at a row
time = { path = "$.observed", format = "epoch", zone = "Asia/Riyadh" }   # iso, epoch, epoch-ms or as `%d/%m/%Y %H:%M`
station = { path = "$.station.id", governorates = { 41030 = ["makkah"], 41024 = ["jeddah"] }, ignore_others = true }
# place = { path = "$.city" }                 # instead: a governorate by name; or { is = ["jeddah"] }: always this one
# parameter = { path = "$.parameter" }        # when each row holds one value: its parameter,
# value = { path = "$.value" }                # and the value; `values` then say `is = "RAIN"` in place of `path`
basis = "observed"                            # or "forecast"; a value may say its own
covers = "10min"                              # how long a value speaks for; a value may say its own
values = [
  { path = "$.rain.value", metric = "precipitation", unit_path = "$.rain.unit", missing = ["-9999"] },
  { path = "$.gust", metric = "wind_gust", unit = "m/s" },
]
"#,
    parse,
};

/// What an answer should be.
const EXPECTED: &str = "JSON";
/// The longest path, in bytes.
const MAX_PATH_LEN: usize = 500;

/// One feed of this kind.
#[derive(Debug)]
struct Json {
    url: Url,
    rows: JsonPath,
    /// The list that the rows are the items of, when their path says so.
    list: Option<JsonPath>,
    mapping: Mapping<JsonPath>,
}

fn path_of(text: &str) -> Result<JsonPath, String> {
    if MAX_PATH_LEN < text.len() {
        return Err(format!("the path is longer than {MAX_PATH_LEN} bytes"));
    }
    JsonPath::parse(text).map_err(|why| format!("`{}` is not a JSONPath such as `$.data[*]`: {why}", shown(text)))
}

fn spot(value: &DeValue<'_>) -> Result<JsonPath, String> {
    path_of(as_text(value)?)
}

fn parse(table: &Table<'_>, around: &Surroundings) -> Option<Arc<dyn Feed>> {
    let url = keys::address(table, around, None);
    let rows = table.need_text("rows", "\"$.data[*]\"", |text| {
        let list = text.strip_suffix("[*]").or_else(|| text.strip_suffix(".*"));
        Ok((path_of(text)?, list.and_then(|list| path_of(list).ok())))
    });
    let spots = Spots { one: "path", several: "paths", unit: "unit_path", example: "\"$.rain\"", read: spot };
    let mapping = Mapping::read(table, around, &spots);
    let (rows, list) = rows?.value;
    Some(Arc::new(Json { url: url?, rows, list, mapping: mapping? }))
}

impl Feed for Json {
    fn source(&self, _now: Timestamp) -> Source {
        Source::Web(vec![Request::new(self.url.clone(), "application/json")])
    }

    fn gives(&self) -> Option<BTreeSet<Metric>> {
        Some(self.mapping.gives())
    }

    fn decode(&self, body: &[u8], now: Timestamp) -> Result<Batch, DecodeError> {
        let answer = values::json(body, EXPECTED)?;
        let rows = self.rows.query(&answer);
        let is_empty_list = |list: &JsonPath| {
            let found = list.query(&answer);
            !found.is_empty()
                && found.iter().all(|list| {
                    list.as_array().is_some_and(Vec::is_empty)
                        || list.as_object().is_some_and(serde_json::Map::is_empty)
                })
        };
        if rows.is_empty() && !self.list.as_ref().is_some_and(is_empty_list) {
            let why = match &answer {
                Value::Object(object) => {
                    let keys: Vec<String> = object.keys().take(12).map(|key| format!("`{}`", shown(key))).collect();
                    format!("nothing is at `{}`; the answer has {}", self.rows, keys.join(", "))
                }
                _ => format!("nothing is at `{}`", self.rows),
            };
            return Err(DecodeError::Broken { place: "rows".to_owned(), why });
        }
        let mut taker = self.mapping.taker(Limits::of_answer(now));
        let count = rows.len();
        for (index, row) in rows.iter().take(MAX_ROWS).enumerate() {
            taker.row(&|| format!("row {}", index + 1), &|path| text_at(path, row));
        }
        Ok(taker.finish(count))
    }
}

/// The text of the value at a path: numbers and texts alone are one. Several values are as good as none, and then say what they
/// are, so that they are told as what cannot be read.
fn text_at<'r>(path: &JsonPath, row: &'r Value) -> Option<Cow<'r, str>> {
    match path.query(row).at_most_one() {
        Ok(None | Some(Value::Null)) => None,
        Ok(Some(Value::String(text))) => Some(Cow::Borrowed(text.as_str())),
        Ok(Some(other)) => Some(Cow::Owned(shown(&other.to_string()))),
        Err(_) => Some(Cow::Owned("several values".to_owned())),
    }
}

#[cfg(test)]
mod tests;
