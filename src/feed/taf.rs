//! TAF: what forecasters expect at airports in the next 24 to 30 hours, hour by hour, from the JSON of aviationweather.gov or from
//! forecasts as text. It never gives what a forecast does not say.
//!
//! An hour gets the worst of what may come in it: of what prevails, of `TEMPO` and of `PROB` groups the least visibility, the
//! strongest gust, the gravest weather. While one thing becomes another (`BECMG`) both count. Rain and temperatures are not in a
//! TAF, but for the highest and lowest of the day (`TX`, `TN`), which are given for their hour.
//!
//! A forecast tells anew all hours from its first on: an amended one takes the place of the one before, and one that is
//! cancelled (`CNL`) leaves its hours unknown. `NIL` says nothing at all.
//!
//! Source: <https://aviationweather.gov/data/api/>. Public domain; one request a minute at most, 100 by address.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use url::Url;

use super::aviation::json::{self, Answer};
use super::aviation::stations::{self, Stations};
use super::aviation::when::not_to_come;
use super::aviation::{Taf, text};
use super::{Batch, DecodeError, Feed, Kind, Request, Retold, Skip, Source, Surroundings};
use crate::ids::GovernorateId;
use crate::reading::{Basis, Reading};
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Metric;

mod hours;

use hours::{HOURLY, hours};

/// The kind.
pub const KIND: Kind = Kind {
    name: "taf",
    about: "forecasts for airports (TAF), each station standing for the governorates it is given to",
    example: r#"kind = "taf"
url = "https://aviationweather.gov/api/data/taf"     # left out: this; its JSON is read, and forecasts as text as well
stations = { OEJN = ["jeddah"], OEMK = ["makkah"] }  # station and the governorates it stands for
least_probability = 30                               # of PROB groups: 30, or 40; 100 leaves them all out; left out: 30
"#,
    parse,
};

/// The public address.
const PUBLIC_URL: &str = "https://aviationweather.gov/api/data/taf";
/// The most forecasts of one answer that are read.
const MAX_FORECASTS: usize = text::MAX_REPORTS;
/// Of chances only those of 30 and 40 per cent are forecast; what is less likely is left out, what is more likely is said as such.
const LEAST_PROBABILITY: i64 = 30;

/// One feed of this kind.
#[derive(Debug)]
struct TafFeed {
    url: Url,
    stations: Stations,
    least_probability: u32,
}

fn parse(table: &Table<'_>, around: &Surroundings) -> Option<Arc<dyn Feed>> {
    let least =
        table.integer("least_probability", LEAST_PROBABILITY..=100).map_or(LEAST_PROBABILITY, |found| found.value);
    let (url, stations) = stations::read(table, around, PUBLIC_URL)?;
    Some(Arc::new(TafFeed { url, stations, least_probability: u32::try_from(least).ok()? }))
}

/// A forecast as it came.
struct Given {
    station: String,
    label: String,
    /// None when the JSON came without its raw text, which is all that is read of it.
    raw: Option<Taf>,
    /// When it was issued, by what stands beside the raw forecast.
    dated: Option<Timestamp>,
}

impl Feed for TafFeed {
    fn source(&self, _now: Timestamp) -> Source {
        Source::Web(vec![Request::new(self.url.clone(), "application/json, text/plain;q=0.9")])
    }

    fn gives(&self) -> Option<BTreeSet<Metric>> {
        Some(HOURLY.into_iter().chain([Metric::Temperature]).collect())
    }

    fn decode(&self, body: &[u8], now: Timestamp) -> Result<Batch, DecodeError> {
        let is_text = |text: &str| {
            let pieces = text::cut(text);
            pieces.has_heading || !pieces.reports.is_empty()
        };
        let mut batch = Batch::default();
        let left_out = match json::answer(body, "TAF JSON or text", is_text)? {
            Answer::List(list) => {
                let given = list.iter().take(MAX_FORECASTS).enumerate().map(of_json).collect();
                self.read(given, true, now, &mut batch);
                list.len().saturating_sub(MAX_FORECASTS)
            }
            Answer::Text(text) => {
                let pieces = text::cut(&text);
                self.read(pieces.reports.iter().enumerate().map(of_text).collect(), false, now, &mut batch);
                batch.skipped.extend(super::metar::strange(&pieces));
                pieces.left_out
            }
        };
        if 0 < left_out {
            let why = format!("{} forecasts; only the first {MAX_FORECASTS} were read", left_out + MAX_FORECASTS);
            batch.skipped.push(Skip { part: "the rest".to_owned(), why });
        }
        Ok(batch)
    }
}

/// One entry of the JSON.
fn of_json((index, entry): (usize, &Value)) -> Given {
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    let time = |key: &str| entry.get(key).and_then(|value| json::epoch(value).or_else(|| json::written(value)));
    Given {
        station: text("icaoId").unwrap_or_default().to_owned(),
        label: format!("forecast {index}"),
        raw: text("rawTAF").filter(|raw| !raw.trim().is_empty()).map(Taf::read),
        dated: time("issueTime"),
    }
}

/// One forecast of a text.
fn of_text((index, piece): (usize, &text::Piece)) -> Given {
    let raw = Taf::read(&piece.text);
    let station = raw.station.clone().unwrap_or_default();
    Given { station, label: format!("forecast {index}"), raw: Some(raw), dated: piece.dated }
}

impl Given {
    /// When it was issued.
    fn issued(&self, raw: &Taf, now: Timestamp) -> Result<Timestamp, String> {
        let issued = match (raw.issued, self.dated) {
            (Some(time), Some(dated)) => time.dated(dated)?,
            (Some(time), None) => time.latest(now)?,
            (None, Some(dated)) => dated,
            (None, None) => return Err("the forecast has no readable time of issue".to_owned()),
        };
        not_to_come(issued, now)
    }
}

impl TafFeed {
    /// Reads forecasts; of several for one station the one issued last counts.
    fn read(&self, given: Vec<Given>, was_asked: bool, now: Timestamp, batch: &mut Batch) {
        let is_empty = given.is_empty();
        let mut heard: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut newest: BTreeMap<Arc<str>, (Timestamp, Taf)> = BTreeMap::new();
        for one in given {
            let Some((station, _)) = self.stations.get_key_value(one.station.as_str()) else {
                let part = if one.station.is_empty() { one.label } else { one.station };
                if was_asked || part.starts_with("forecast") {
                    batch.skipped.push(Skip { part, why: "it is not of a station that was asked for".to_owned() });
                }
                continue;
            };
            heard.insert(Arc::clone(station));
            match self.dated(&one, now) {
                Ok((issued, taf)) => {
                    // Amended and corrected ones may bear the time of the one before; then their word comes last.
                    let rank = |issued: Timestamp, taf: &Taf| (issued, taf.is_amended || taf.is_corrected);
                    let is_newer =
                        newest.get(station).is_none_or(|(known, old)| rank(*known, old) <= rank(issued, &taf));
                    if is_newer {
                        newest.insert(Arc::clone(station), (issued, taf));
                    }
                }
                Err(why) => batch.skipped.push(Skip { part: station.to_string(), why }),
            }
        }
        for (station, (issued, taf)) in &newest {
            let told = taf
                .unread
                .iter()
                .map(|unread| Skip { part: format!("{station} group «{}»", unread.group), why: unread.why.clone() });
            batch.skipped.extend(told);
            batch.made = batch.made.max(Some(*issued));
            if let Err(why) = self.hand_out(station, *issued, now, taf, batch) {
                batch.skipped.push(Skip { part: station.to_string(), why });
            }
        }
        if !is_empty {
            for station in self.stations.keys().filter(|station| !heard.contains(*station)) {
                let why = "there is no forecast for the station".to_owned();
                batch.skipped.push(Skip { part: station.to_string(), why });
            }
        }
    }

    fn dated(&self, one: &Given, now: Timestamp) -> Result<(Timestamp, Taf), String> {
        let raw = one.raw.as_ref().ok_or("the answer does not hold the raw forecast")?;
        if let Some(other) = raw.station.as_ref().filter(|other| **other != one.station) {
            return Err(format!("its raw forecast is of {other}"));
        }
        if raw.is_nil {
            return Err("the station sent no forecast (NIL)".to_owned());
        }
        Ok((one.issued(raw, now)?, raw.clone()))
    }

    /// Gives the hours of a forecast to each governorate of its station.
    fn hand_out(
        &self,
        station: &Arc<str>,
        issued: Timestamp,
        now: Timestamp,
        taf: &Taf,
        batch: &mut Batch,
    ) -> Result<(), String> {
        let places: &[GovernorateId] = self.stations.get(station).map_or(&[], Vec::as_slice);
        let placed = taf.placed(issued)?;
        let told = placed
            .unread
            .iter()
            .map(|unread| Skip { part: format!("{station} group «{}»", unread.group), why: unread.why.clone() });
        batch.skipped.extend(told);
        // One that is over must not take the place of what was said since.
        if placed.valid.to <= now {
            return Err(format!("the forecast ended {}", placed.valid.to.format("%Y-%m-%dT%H:%MZ")));
        }
        // The first hour that it speaks of ends an hour after it begins.
        let from = placed.valid.from + TimeDelta::hours(1);
        let metrics = HOURLY.into_iter().chain([Metric::Temperature]);
        batch.retold.extend(metrics.flat_map(|metric| {
            places.iter().map(move |place| Retold {
                governorate: place.clone(),
                metric,
                station: Some(Arc::clone(station)),
                from,
            })
        }));
        if taf.is_cancelled {
            return Err("the forecast is cancelled (CNL); its hours are not known any more".to_owned());
        }
        let hourly = hours(taf, &placed, self.least_probability);
        let values = hourly.iter().map(|hour| (hour.metric, hour.at, hour.value));
        let extremes = placed.extremes.iter().map(|(at, degrees)| (Metric::Temperature, *at, *degrees));
        for (metric, at, value) in values.chain(extremes) {
            if !metric.possible().contains(&value) {
                let why = format!("{value} is not possible");
                batch.skipped.push(Skip { part: format!("{station} {metric} {}", at.format("%dT%HZ")), why });
                continue;
            }
            batch.readings.extend(places.iter().map(|place| Reading {
                governorate: place.clone(),
                metric,
                station: Some(Arc::clone(station)),
                basis: Basis::Forecast,
                value,
                at,
                covers: TimeDelta::hours(1),
            }));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
