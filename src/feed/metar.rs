//! METAR and SPECI: what airports observe, from the JSON of aviationweather.gov or from reports as text.
//!
//! It never makes up a time of observation, and a report without one gives nothing. The raw report is the truth and is read by
//! our own decoder; the fields that the JSON has beside it fill in what the raw report does not speak of, and where the two
//! differ the raw report counts and the difference is told. What the raw report says was not observed (`////`) is not filled in.
//!
//! Source: <https://aviationweather.gov/data/api/>. Public domain; one request a minute at most, 100 by address.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};
use url::Url;

use super::aviation::json::{self, Answer, number};
use super::aviation::stations::{self, Stations};
use super::aviation::when::not_to_come;
use super::aviation::{Report, text};
use super::{Batch, DecodeError, Feed, Kind, Request, Skip, Source, Surroundings};
use crate::ids::GovernorateId;
use crate::reading::{Basis, Reading};
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Metric;

mod observed;

use observed::observed;

/// The kind.
pub const KIND: Kind = Kind {
    name: "metar",
    about: "observations of airports (METAR, SPECI), each station standing for the governorates it is given to",
    example: r#"kind = "metar"
url = "https://aviationweather.gov/api/data/metar"   # left out: this; its JSON is read, and reports as text as well
stations = { OEJN = ["jeddah"], OEMK = ["makkah"] }  # station and the governorates it stands for
"#,
    parse,
};

/// The public address.
const PUBLIC_URL: &str = "https://aviationweather.gov/api/data/metar";
/// The most reports of one answer that are read; their own limit is 400.
const MAX_REPORTS: usize = text::MAX_REPORTS;
/// The most lines of a text that are told because they are no report.
const MAX_STRANGE: usize = 20;
/// The period a report speaks for: routine reports come once an hour.
const COVERS: TimeDelta = TimeDelta::hours(1);

/// What a report may tell, and all that is read of it.
const GIVES: [Metric; 8] = [
    Metric::Temperature,
    Metric::DewPoint,
    Metric::Humidity,
    Metric::WindSpeed,
    Metric::WindGust,
    Metric::Visibility,
    Metric::WeatherCode,
    Metric::Pressure,
];

/// One feed of this kind.
#[derive(Debug)]
struct Metar {
    url: Url,
    stations: Stations,
}

fn parse(table: &Table<'_>, around: &Surroundings) -> Option<Arc<dyn Feed>> {
    let (url, stations) = stations::read(table, around, PUBLIC_URL)?;
    Some(Arc::new(Metar { url, stations }))
}

/// A report as it came: its JSON, its raw text, or both.
struct Given<'a> {
    /// The station by its JSON or by the report.
    station: String,
    /// What it is called when it has no station.
    label: String,
    raw: Option<Report>,
    fields: Option<&'a Map<String, Value>>,
    /// When it was observed, by what stands beside the raw report.
    dated: Option<Timestamp>,
}

impl Feed for Metar {
    fn source(&self, _now: Timestamp) -> Source {
        Source::Web(vec![Request::new(self.url.clone(), "application/json, text/plain;q=0.9")])
    }

    fn gives(&self) -> Option<BTreeSet<Metric>> {
        Some(GIVES.into())
    }

    fn decode(&self, body: &[u8], now: Timestamp) -> Result<Batch, DecodeError> {
        let is_text = |text: &str| {
            let pieces = text::cut(text);
            pieces.has_heading || !pieces.reports.is_empty()
        };
        let mut batch = Batch::default();
        match json::answer(body, "METAR JSON or text", is_text)? {
            Answer::List(list) => {
                let given = list.iter().take(MAX_REPORTS).enumerate().map(|(index, one)| of_json(index, one)).collect();
                self.read(given, true, now, &mut batch);
                tell_left_out(list.len().saturating_sub(MAX_REPORTS), &mut batch);
            }
            Answer::Text(text) => {
                let pieces = text::cut(&text);
                self.read(pieces.reports.iter().enumerate().map(of_text).collect(), false, now, &mut batch);
                batch.skipped.extend(strange(&pieces));
                tell_left_out(pieces.left_out, &mut batch);
            }
        }
        Ok(batch)
    }
}

fn tell_left_out(count: usize, batch: &mut Batch) {
    if 0 < count {
        let why = format!("{} reports; only the first {MAX_REPORTS} were read", count + MAX_REPORTS);
        batch.skipped.push(Skip { part: "the rest".to_owned(), why });
    }
}

/// The lines of a text that are no report.
pub(super) fn strange(pieces: &text::Pieces) -> impl Iterator<Item = Skip> + '_ {
    pieces.strange.iter().take(MAX_STRANGE).map(|(line, begin)| Skip {
        part: format!("line {line}"),
        why: format!("it is neither a report nor a heading: «{begin}»"),
    })
}

/// One entry of the JSON.
fn of_json(index: usize, entry: &Value) -> Given<'_> {
    let fields = entry.as_object();
    let field = |key: &str| fields.and_then(|fields| fields.get(key));
    let raw = field("rawOb").and_then(Value::as_str).filter(|raw| !raw.trim().is_empty()).map(Report::read);
    Given {
        station: field("icaoId").and_then(Value::as_str).unwrap_or_default().to_owned(),
        label: format!("report {index}"),
        raw,
        fields,
        dated: field("obsTime").and_then(json::epoch).or_else(|| field("reportTime").and_then(json::written)),
    }
}

/// One report of a text.
fn of_text((index, piece): (usize, &text::Piece)) -> Given<'static> {
    let raw = Report::read(&piece.text);
    Given {
        station: raw.station.clone().unwrap_or_default(),
        label: format!("report {index}"),
        raw: Some(raw),
        fields: None,
        dated: piece.dated,
    }
}

impl Metar {
    /// Reads reports. Those of stations that are not ours are told when they came as an answer to our question, and passed over
    /// in a text, which often holds a whole country.
    fn read(&self, mut given: Vec<Given<'_>>, was_asked: bool, now: Timestamp, batch: &mut Batch) {
        // A corrected report has the time of the one it corrects, and the last word for a moment is the one that counts.
        given.sort_by_key(|one| one.raw.as_ref().map_or(0, |raw| raw.correction));
        let mut heard: BTreeSet<&str> = BTreeSet::new();
        for one in &given {
            let Some((station, places)) = self.stations.get_key_value(one.station.as_str()) else {
                let part = if one.station.is_empty() { one.label.clone() } else { one.station.clone() };
                if was_asked || one.station.is_empty() {
                    batch.skipped.push(Skip { part, why: "it is not of a station that was asked for".to_owned() });
                }
                continue;
            };
            heard.insert(station);
            let told = one
                .raw
                .iter()
                .flat_map(|raw| &raw.unread)
                .map(|unread| Skip { part: format!("{station} group «{}»", unread.group), why: unread.why.clone() });
            batch.skipped.extend(told);
            match one.at(now).and_then(|at| Ok((at, observed(one.raw.as_ref(), one.fields)?))) {
                Ok((at, observed)) => {
                    hand_out(&observed.values, at, station, places, batch);
                    batch.skipped.extend(
                        observed
                            .differences
                            .into_iter()
                            .map(|(what, why)| Skip { part: format!("{station} {what}"), why }),
                    );
                }
                Err(why) => batch.skipped.push(Skip { part: station.to_string(), why }),
            }
        }
        // An empty list is its own state, and stays empty; a part of a list is told station by station.
        if !given.is_empty() {
            for station in self.stations.keys().filter(|station| !heard.contains(station.as_ref())) {
                let why = "the station did not report".to_owned();
                batch.skipped.push(Skip { part: station.to_string(), why });
            }
        }
    }
}

impl Given<'_> {
    /// When it was observed, as the report says; never the clock, which only tells which month and year are meant.
    fn at(&self, now: Timestamp) -> Result<Timestamp, String> {
        if self.raw.as_ref().is_some_and(|raw| raw.is_nil) {
            return Err("the station sent a report without an observation (NIL)".to_owned());
        }
        if let Some(other) =
            self.raw.as_ref().and_then(|raw| raw.station.as_ref()).filter(|other| **other != self.station)
        {
            return Err(format!("its raw report is of {other}"));
        }
        let at = match (self.raw.as_ref().and_then(|raw| raw.time), self.dated) {
            (Some(time), Some(dated)) => time.dated(dated)?,
            (Some(time), None) => time.latest(now)?,
            (None, Some(dated)) => dated,
            (None, None) => return Err("the report has no readable time of observation".to_owned()),
        };
        not_to_come(at, now)
    }
}

/// Gives what a station observed to each governorate it stands for; what is impossible is passed over once.
fn hand_out(
    observed: &[(Metric, f64)],
    at: Timestamp,
    station: &Arc<str>,
    places: &[GovernorateId],
    batch: &mut Batch,
) {
    for (metric, value) in observed {
        if !(value.is_finite() && metric.possible().contains(value)) {
            batch.skipped.push(Skip { part: format!("{station} {metric}"), why: format!("{value} is not possible") });
            continue;
        }
        batch.readings.extend(places.iter().map(|place| Reading {
            governorate: place.clone(),
            metric: *metric,
            station: Some(Arc::clone(station)),
            basis: Basis::Observed,
            value: *value,
            at,
            covers: COVERS,
        }));
    }
}

#[cfg(test)]
mod tests;
