//! METAR: what airports observe, from the JSON of aviationweather.gov. It never makes up a time of observation.
//!
//! Source: <https://aviationweather.gov/data/api/>. Public domain; one request a minute at most, 100 by address.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime};
use serde_json::{Map, Value};
use url::Url;

use super::{Batch, DecodeError, Feed, Kind, Request, Skip, Source, Surroundings, keys, look_of};
use crate::ids::GovernorateId;
use crate::reading::{Basis, Reading};
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp};
use crate::unit::{Metric, Unit};

mod raw;

/// The kind.
pub const KIND: Kind = Kind {
    name: "metar",
    about: "observations of airports (METAR), each station standing for the governorates it is given to",
    example: r#"kind = "metar"
url = "https://aviationweather.gov/api/data/metar"   # left out: this
stations = { OEJN = ["jeddah"], OEMK = ["makkah"] }  # station and the governorates it stands for
"#,
    parse,
};

/// The public address.
const PUBLIC_URL: &str = "https://aviationweather.gov/api/data/metar";
/// The most stations of one request.
const MAX_STATIONS: usize = 100;
/// The most reports of one answer that are read; their own limit is 400.
const MAX_REPORTS: usize = 1000;
/// How far ahead of our clock a report may be dated: clocks differ, and reports are dated to the full hour.
const MAX_AHEAD: TimeDelta = TimeDelta::minutes(15);
/// The period a report speaks for: routine reports come once an hour.
const COVERS: TimeDelta = TimeDelta::hours(1);

/// What a report may tell, and all that is read of it.
const GIVES: [Metric; 6] = [
    Metric::Temperature,
    Metric::Humidity,
    Metric::WindSpeed,
    Metric::WindGust,
    Metric::Visibility,
    Metric::WeatherCode,
];

/// One feed of this kind.
#[derive(Debug)]
struct Metar {
    url: Url,
    stations: BTreeMap<Arc<str>, Vec<GovernorateId>>,
}

fn parse(table: &Table<'_>, around: &Surroundings) -> Option<Arc<dyn Feed>> {
    let book = &around.book;
    let url = keys::address(table, around, Some(PUBLIC_URL));
    if !table.has("stations") {
        table.missing("stations", "{ OEJN = [\"jeddah\"] }");
    }
    let written = keys::lists(table, "stations")?;
    let mut stations: BTreeMap<Arc<str>, Vec<GovernorateId>> = BTreeMap::new();
    for (station, names) in &written.value {
        let code = &station.value;
        if code.len() != 4 || !code.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()) {
            let help = Some("write the four capital letters of its ICAO code, such as OEJN".to_owned());
            table.error(&station.span, format!("`{code}` is not a station"), help);
        }
        let governorates: Vec<GovernorateId> =
            names.iter().filter_map(|name| keys::governorate(table, book, name)).collect();
        if names.is_empty() {
            table.error(&station.span, format!("`{code}` stands for no governorate"), None);
        }
        stations.insert(code.as_str().into(), governorates);
    }
    if stations.is_empty() || MAX_STATIONS < stations.len() {
        table.error(&written.span, format!("`stations` names {}; name 1 to {MAX_STATIONS}", stations.len()), None);
        return None;
    }
    let mut url = url?;
    let ids: Vec<&str> = stations.keys().map(AsRef::as_ref).collect();
    url.query_pairs_mut().append_pair("ids", &ids.join(",")).append_pair("format", "json");
    Some(Arc::new(Metar { url, stations }))
}

impl Feed for Metar {
    fn source(&self, _now: Timestamp) -> Source {
        Source::Web(vec![Request::new(self.url.clone(), "application/json")])
    }

    fn gives(&self) -> Option<BTreeSet<Metric>> {
        Some(GIVES.into())
    }

    fn decode(&self, body: &[u8], now: Timestamp) -> Result<Batch, DecodeError> {
        let not_it = || DecodeError::NotTheFormat { expected: "METAR JSON", found: look_of(body) };
        let answer: Value = serde_json::from_slice(body).map_err(|why| match body.trim_ascii_start().first() {
            Some(b'{' | b'[') => DecodeError::Broken { place: "the JSON".to_owned(), why: why.to_string() },
            _ => not_it(),
        })?;
        let reports = answer.as_array().ok_or_else(not_it)?;
        let mut batch = Batch::default();
        let mut heard: Vec<&str> = Vec::new();
        let mut numbered: Vec<(usize, &Value)> = reports.iter().take(MAX_REPORTS).enumerate().collect();
        // A corrected report has the time of the one it corrects, and the last word for a moment is the one that counts.
        numbered.sort_by_key(|(_, report)| report.get("rawOb").and_then(Value::as_str).is_some_and(raw::is_correction));
        for (index, report) in numbered {
            let station = report.get("icaoId").and_then(Value::as_str).unwrap_or_default();
            let (Some((station, places)), Some(report)) = (self.stations.get_key_value(station), report.as_object())
            else {
                let part = if station.is_empty() { format!("report {index}") } else { station.to_owned() };
                batch.skipped.push(Skip { part, why: "it is not of a station that was asked for".to_owned() });
                continue;
            };
            heard.push(station);
            match observation(report, now) {
                Ok((at, observed)) => hand_out(&observed, at, station, places, &mut batch),
                Err(why) => batch.skipped.push(Skip { part: station.to_string(), why }),
            }
        }
        if MAX_REPORTS < reports.len() {
            let why = format!("{} reports; only the first {MAX_REPORTS} were read", reports.len());
            batch.skipped.push(Skip { part: "the rest".to_owned(), why });
        }
        // An empty list is its own state, and stays empty; a part of a list is told station by station.
        if !reports.is_empty() {
            for station in self.stations.keys().filter(|station| !heard.contains(&station.as_ref())) {
                let why = "the station did not report".to_owned();
                batch.skipped.push(Skip { part: station.to_string(), why });
            }
        }
        Ok(batch)
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

/// Reads one report: its time and what was observed, canonical.
fn observation(report: &Map<String, Value>, now: Timestamp) -> Result<(Timestamp, Vec<(Metric, f64)>), String> {
    let text = report.get("rawOb").and_then(Value::as_str);
    let raw = text.map(raw::scan);
    if raw.as_ref().is_some_and(|raw| raw.nil) {
        return Err("the station sent a report without an observation (NIL)".to_owned());
    }
    let at = time(report).ok_or("the report has no readable time of observation")?;
    if now + MAX_AHEAD < at {
        return Err(format!("the report is dated {}, which is still to come", at.format("%Y-%m-%dT%H:%MZ")));
    }
    let number = |key: &str| report.get(key).and_then(number);
    let knots = |key: &str| number(key).map(|value| Unit::Knot.to_canonical(value));
    let mut observed = Vec::new();
    let temperature = number("temp");
    observed.extend(temperature.map(|value| (Metric::Temperature, value)));
    let humidity = temperature.zip(number("dewp")).map(|(air, dew)| relative_humidity(air, dew));
    observed.extend(humidity.map(|value| (Metric::Humidity, value)));
    let (wind, gust) = (knots("wspd"), knots("wgst"));
    observed.extend(wind.map(|value| (Metric::WindSpeed, value)));
    // A METAR names a gust only when it exceeds the mean wind by 10 kt or more (ICAO Annex 3, appendix 3, 4.1.5.2): a wind
    // without one says that nothing stronger blew, and a storm's gusts would otherwise never be seen to end.
    observed.extend(gust.or(wind).map(|value| (Metric::WindGust, value)));
    let miles = || number("visib").map(|value| Unit::StatuteMile.to_canonical(value));
    let visibility = raw.as_ref().and_then(|raw| raw.visibility_m).or_else(miles);
    observed.extend(visibility.map(|value| (Metric::Visibility, value)));
    let weather = match raw {
        Some(raw) => raw.weather_code,
        None => report.get("wxString").and_then(Value::as_str).and_then(raw::worst_weather),
    };
    observed.extend(weather.map(|code| (Metric::WeatherCode, f64::from(code))));
    if observed.is_empty() {
        return Err("the report says nothing that is read here".to_owned());
    }
    Ok((at, observed))
}

/// When it was observed, as the report says; never the clock.
fn time(report: &Map<String, Value>) -> Option<Timestamp> {
    let epoch = report.get("obsTime").and_then(number).and_then(|seconds| DateTime::from_timestamp(seconds as i64, 0));
    let written = || {
        let text = report.get("reportTime")?.as_str()?.trim();
        DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).ok().or_else(|| {
            // Older answers leave the offset out; METARs are in UTC.
            ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"]
                .iter()
                .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
                .map(|civil| civil.and_utc())
        })
    };
    epoch.filter(|time| 0 < time.timestamp()).or_else(written)
}

/// A number, or a text that holds one: `6+`, `10+`, `1/2`, `1 1/2`. `VRB` and the like are none.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let text = text.trim().trim_end_matches('+');
            let (whole, part) = match text.split_once(' ') {
                Some((whole, part)) => (whole.parse::<f64>().ok()?, part),
                None => (0.0, text),
            };
            let part = match part.split_once('/') {
                Some((over, under)) => over.parse::<f64>().ok()? / under.parse::<f64>().ok()?,
                None => part.parse::<f64>().ok()?,
            };
            Some(whole + part).filter(|number| number.is_finite())
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Relative humidity from air temperature and dew point by the Magnus formula, %.
///
/// Coefficients over water: Alduchov and Eskridge, "Improved Magnus form approximation of saturation vapor pressure",
/// Journal of Applied Meteorology 35 (1996), 601-609.
fn relative_humidity(air: f64, dew: f64) -> f64 {
    let exponent = |celsius: f64| 17.625 * celsius / (243.04 + celsius);
    100.0 * (exponent(dew) - exponent(air)).exp()
}

#[cfg(test)]
mod tests;
