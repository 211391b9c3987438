//! MET Norway's Locationforecast 2.0: what a model of the whole world expects at the seat of each governorate, one request each.
//!
//! It never tells six hours' rain as one hour's, never gives one place's weather to another, and never guesses a unit.
//! Source: <https://api.met.no/weatherapi/locationforecast/2.0/documentation>; data under CC BY 4.0 and NLOD. Their terms: an
//! identifying User-Agent, four decimals at most, not before `Expires`, below 20 requests a second; the fetching keeps to them.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};
use url::Url;

use super::places::{self, Place};
use super::values::{self, Faults, MAX_FROM_NOW, shown};
use super::{Batch, DecodeError, Feed, Kind, Request, Retold, Skip, Source, Surroundings, keys, look_of};
use crate::ids::GovernorateId;
use crate::reading::{Basis, Reading};
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp};
use crate::unit::{Metric, Unit};

/// The kind.
pub const KIND: Kind = Kind {
    name: "met-norway",
    about: "the forecast of MET Norway (Locationforecast 2.0), one request for each governorate",
    example: r#"kind = "met-norway"
url = "https://api.met.no/weatherapi/locationforecast/2.0/compact"   # left out: this; or its `complete`
governorates = ["jeddah"]                                            # or { tags = ["coastal"] }; left out: all
"#,
    parse,
};

/// The public address.
const PUBLIC_URL: &str = "https://api.met.no/weatherapi/locationforecast/2.0/compact";
/// What an answer should be.
const EXPECTED: &str = "Locationforecast GeoJSON";
/// The most moments of one answer; real ones have 82 to 94.
const MAX_MOMENTS: usize = 1000;
/// Values from one moment to the next speak for the time between, but not for longer than this.
const MAX_STEP: TimeDelta = TimeDelta::hours(12);

/// Their names for what is so at a moment.
const INSTANTS: &[(&str, Metric)] = &[
    ("air_temperature", Metric::Temperature),
    ("relative_humidity", Metric::Humidity),
    ("dew_point_temperature", Metric::DewPoint),
    ("air_pressure_at_sea_level", Metric::Pressure),
    ("wind_speed", Metric::WindSpeed),
    ("wind_speed_of_gust", Metric::WindGust),
];
/// What only the `complete` answer tells.
const ONLY_COMPLETE: [Metric; 2] = [Metric::DewPoint, Metric::WindGust];
/// Their name for what falls in a period.
const AMOUNT: &str = "precipitation_amount";

/// One feed of this kind.
#[derive(Debug)]
struct MetNorway {
    url: Url,
    places: Vec<Place>,
}

fn parse(table: &Table<'_>, around: &Surroundings) -> Option<Arc<dyn Feed>> {
    let url = keys::address(table, around, Some(PUBLIC_URL));
    let places = places::read(table, &around.book);
    Some(Arc::new(MetNorway { url: url?, places: places? }))
}

impl Feed for MetNorway {
    fn source(&self, _now: Timestamp) -> Source {
        let request = |place: &Place| {
            let mut url = self.url.clone();
            url.query_pairs_mut()
                .append_pair("lat", &place.latitude())
                .append_pair("lon", &place.longitude())
                .append_pair("altitude", &format!("{:.0}", place.elevation_m));
            Request::new(url, "application/json")
        };
        Source::Web(self.places.iter().map(request).collect())
    }

    fn gives(&self) -> Option<BTreeSet<Metric>> {
        let is_complete = self.url.path().ends_with("/complete");
        let instants = INSTANTS.iter().map(|(_, metric)| *metric);
        let told = instants.filter(|metric| is_complete || !ONLY_COMPLETE.contains(metric));
        Some(told.chain([Metric::Precipitation, Metric::WeatherCode]).collect())
    }

    fn decode(&self, body: &[u8], now: Timestamp) -> Result<Batch, DecodeError> {
        let answer = values::json(body, EXPECTED)?;
        let not_it = || DecodeError::NotTheFormat { expected: EXPECTED, found: look_of(body) };
        let properties = answer.get("properties").and_then(Value::as_object).ok_or_else(not_it)?;
        let moments = properties.get("timeseries").and_then(Value::as_array).ok_or_else(not_it)?;
        let broken = |place: &str, why: String| DecodeError::Broken { place: place.to_owned(), why };
        let point = answer.pointer("/geometry/coordinates");
        let coordinate = |index: usize| point.and_then(|point| point.get(index)).and_then(Value::as_f64);
        let (Some(lon), Some(lat)) = (coordinate(0), coordinate(1)) else {
            return Err(broken("geometry.coordinates", "the answer does not say for where it is".to_owned()));
        };
        let place = places::find(&self.places, lat, lon).map_err(|why| broken("geometry.coordinates", why))?;
        let meta = properties.get("meta");
        let units = meta.and_then(|meta| meta.get("units")).and_then(Value::as_object);
        let Some(units) = units else {
            return Err(broken("properties.meta", "there are no `units`".to_owned()));
        };
        let made = meta.and_then(|meta| meta.get("updated_at")).and_then(Value::as_str);
        let mut series = Series { id: &place.id, units, now, readings: Vec::new(), faults: Faults::default() };
        series.take(moments);
        let mut batch = Batch {
            retold: Retold::by(&series.readings),
            readings: series.readings,
            skipped: series.faults.into_skips(),
            made: made.and_then(|text| Some(values::civil(text)?.at.and_utc())),
            ..Batch::default()
        };
        if moments.is_empty() {
            batch.skipped.push(Skip { part: place.id.to_string(), why: "the answer has no moments".to_owned() });
        }
        Ok(batch)
    }
}

/// The moments of one place, being read.
struct Series<'a> {
    id: &'a GovernorateId,
    units: &'a Map<String, Value>,
    now: Timestamp,
    readings: Vec<Reading>,
    faults: Faults,
}

impl Series<'_> {
    fn take(&mut self, moments: &[Value]) {
        let mut before: Option<Timestamp> = None;
        for (index, moment) in moments.iter().take(MAX_MOMENTS).enumerate() {
            let at = moment.get("time").and_then(Value::as_str).and_then(values::civil);
            // They write all times in UTC; one without an offset is not taken for it.
            let at = at.and_then(|civil| {
                Some(civil.at.and_utc() - TimeDelta::seconds(civil.offset?.local_minus_utc().into()))
            });
            let Some(at) = at.filter(|at| (*at - self.now).abs() <= MAX_FROM_NOW) else {
                self.fault("time", index, || "its time cannot be read or is far from now".to_owned());
                continue;
            };
            let Some(data) = moment.get("data") else {
                self.fault("data", index, || "it has no data".to_owned());
                continue;
            };
            let step = before.map_or(TimeDelta::hours(1), |before| at - before);
            if step <= TimeDelta::zero() {
                self.fault("order", index, || "it does not come after the one before".to_owned());
                continue;
            }
            before = Some(at);
            if let Some(details) = data.pointer("/instant/details").and_then(Value::as_object) {
                for (name, metric) in INSTANTS {
                    self.value(details, name, *metric, at, step.min(MAX_STEP), index);
                }
            }
            // The shortest period is the only one taken, so that nothing is counted twice.
            let period = [("next_1_hours", 1), ("next_6_hours", 6)]
                .into_iter()
                .find_map(|(name, hours)| Some((data.get(name)?, hours)));
            if let Some((period, hours)) = period {
                self.period(period, at, TimeDelta::hours(hours), index);
            }
        }
        if MAX_MOMENTS < moments.len() {
            self.fault("many", MAX_MOMENTS, || format!("{} moments; the rest was not read", moments.len()));
        }
    }

    fn period(&mut self, period: &Value, at: Timestamp, covers: TimeDelta, index: usize) {
        if let Some(details) = period.get("details").and_then(Value::as_object) {
            self.value(details, AMOUNT, Metric::Precipitation, at + covers, covers, index);
        }
        let Some(symbol) = period.pointer("/summary/symbol_code").and_then(Value::as_str) else { return };
        match weather_code(symbol) {
            Some(code) => self.put(Metric::WeatherCode, f64::from(code), at + covers, covers),
            None => self.fault("symbol", index, || format!("`{}` is not a symbol known here", shown(symbol))),
        }
    }

    fn value(
        &mut self,
        details: &Map<String, Value>,
        name: &str,
        metric: Metric,
        at: Timestamp,
        covers: TimeDelta,
        index: usize,
    ) {
        let Some(value) = details.get(name).filter(|value| !value.is_null()) else { return };
        let Some(symbol) = self.units.get(name).and_then(Value::as_str) else {
            return self.fault(name, index, || format!("`{name}` has no unit"));
        };
        let read = values::unit_of(metric, symbol).and_then(|unit: Unit| {
            let number = value.as_f64().ok_or_else(|| format!("`{name}` is {}", shown(&value.to_string())))?;
            values::canonical(metric, unit, number)
        });
        match read {
            Ok(value) => self.put(metric, value, at, covers),
            Err(why) => self.fault(name, index, || why),
        }
    }

    fn put(&mut self, metric: Metric, value: f64, at: Timestamp, covers: TimeDelta) {
        let governorate = self.id.clone();
        self.readings.push(Reading { governorate, metric, station: None, basis: Basis::Forecast, value, at, covers });
    }

    fn fault(&mut self, kind: &str, index: usize, why: impl FnOnce() -> String) {
        let id = self.id;
        self.faults.note(kind, || format!("{id} timeseries[{index}]"), why);
    }
}

/// The WMO 4677 code of a symbol: `heavyrainshowersandthunder_day`.
///
/// Source: MET Norway's list of weather symbols, <https://github.com/metno/weathericons>, with its two known misspellings.
fn weather_code(symbol: &str) -> Option<u8> {
    let bare = ["_day", "_night", "_polartwilight"].iter().find_map(|end| symbol.strip_suffix(end)).unwrap_or(symbol);
    if let Some(falls) = bare.strip_suffix("andthunder") {
        let falls = falls
            .strip_prefix("lights")
            .filter(|rest| rest.starts_with("sleet") || rest.starts_with("snow"))
            .unwrap_or(falls);
        weather_code(falls)?;
        return Some(if falls.starts_with("heavy") { 97 } else { 95 });
    }
    Some(match bare {
        "clearsky" => 0,
        "fair" => 1,
        "partlycloudy" => 2,
        "cloudy" => 3,
        "fog" => 45,
        "lightrain" => 61,
        "rain" => 63,
        "heavyrain" => 65,
        "lightsleet" => 68,
        "sleet" | "heavysleet" => 69,
        "lightsnow" => 71,
        "snow" => 73,
        "heavysnow" => 75,
        "lightrainshowers" => 80,
        "rainshowers" => 81,
        "heavyrainshowers" => 82,
        "lightsleetshowers" => 83,
        "sleetshowers" | "heavysleetshowers" => 84,
        "lightsnowshowers" => 85,
        "snowshowers" | "heavysnowshowers" => 86,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
