//! Open-Meteo: hourly values of weather models, air quality and waves, for all governorates in one call.
//!
//! The forecast, air-quality and marine interfaces answer in one shape and are read by the one decoder here. It never gives
//! one place's weather to another, never takes a missing value for zero, and never guesses a unit.
//! Source: <https://open-meteo.com/en/docs>. Free for non-commercial use, data under CC BY 4.0.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime};
use geo::Coord;
use serde_json::{Map, Value};
use url::Url;

use super::values::MAX_FROM_NOW;
use super::{
    Batch, DecodeError, Feed, Key, KeyGoes, Kind, Request, Retold, Skip, Source, Surroundings, keys, look_of, values,
};
use crate::ids::GovernorateId;
use crate::problem::advice;
use crate::reading::{Basis, Reading};
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp};
use crate::unit::{Metric, Unit};

/// The kind.
pub const KIND: Kind = Kind {
    name: "open-meteo",
    about: "hourly values of weather, air-quality and wave models from Open-Meteo, for all governorates in one call",
    example: r#"kind = "open-meteo"
url = "https://api.open-meteo.com/v1/forecast"   # or the air-quality or marine address
hourly = ["precipitation", "wind_gusts_10m"]     # their names for the values
past_hours = 24                                  # how far back
forecast_hours = 48                              # how far ahead
governorates = { tags = ["coastal"] }            # or a list; left out: all
key = { file = "open-meteo.key" }                # of a commercial licence; then `url` is customer-api.open-meteo.com if left out
"#,
    parse,
};

/// The public address of the forecast.
const PUBLIC_URL: &str = "https://api.open-meteo.com/v1/forecast";
/// The address of the forecast for those who have a key.
const CUSTOMER_URL: &str = "https://customer-api.open-meteo.com/v1/forecast";
/// The most places of one call; more make the address too long for servers on the way.
const MAX_PLACES: usize = 100;
/// The most hours back or ahead that may be asked for: 16 days, the longest forecast there is.
pub(crate) const MAX_HOURS: i64 = 384;
/// How far the grid cell that answers may lie from the place asked for, in degrees of latitude and of longitude.
const MAX_OFF_DEGREES: f64 = 0.3;
/// The farthest that a zone lies from UTC, s.
const MAX_OFFSET_S: i64 = 18 * 3600;

/// Their names for what we measure: today's, the one used before, and ours.
const VARIABLES: &[(&str, Option<&str>, Metric)] = &[
    ("precipitation", None, Metric::Precipitation),
    ("temperature_2m", None, Metric::Temperature),
    ("apparent_temperature", None, Metric::ApparentTemperature),
    ("relative_humidity_2m", Some("relativehumidity_2m"), Metric::Humidity),
    ("wind_speed_10m", Some("windspeed_10m"), Metric::WindSpeed),
    ("wind_gusts_10m", Some("windgusts_10m"), Metric::WindGust),
    ("visibility", None, Metric::Visibility),
    ("weather_code", Some("weathercode"), Metric::WeatherCode),
    ("cape", None, Metric::Cape),
    ("wave_height", None, Metric::WaveHeight),
    ("dew_point_2m", Some("dewpoint_2m"), Metric::DewPoint),
    ("pressure_msl", None, Metric::Pressure),
    ("dust", None, Metric::Dust),
    ("pm10", None, Metric::Pm10),
];

/// The names of the values.
pub(crate) fn variable_names() -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().map(|(name, _, _)| *name)
}

/// One of their variables: its name, its older name, and what it measures.
#[derive(Debug, Clone, Copy)]
struct Variable {
    name: &'static str,
    old_name: Option<&'static str>,
    metric: Metric,
}

/// One feed of this kind.
#[derive(Debug)]
struct OpenMeteo {
    url: Url,
    key: Option<Key>,
    variables: Vec<Variable>,
    /// In the order asked for, which is the order of the answer.
    places: Vec<(GovernorateId, Coord<f64>)>,
}

fn parse(table: &Table<'_>, around: &Surroundings) -> Option<Arc<dyn Feed>> {
    let book = &around.book;
    let url = keys::address(table, around, Some(if table.has("key") { CUSTOMER_URL } else { PUBLIC_URL }));
    let key = if table.has("key") { Some(keys::key(table, url.as_ref(), KeyGoes::Query("apikey"))) } else { None };
    let variables = variables(table);
    let past = table.integer("past_hours", 0..=MAX_HOURS).map_or(24, |found| found.value);
    let ahead = table.integer("forecast_hours", 0..=MAX_HOURS).map_or(48, |found| found.value);
    if past + ahead == 0 {
        let help = Some("let one of `past_hours` and `forecast_hours` be above 0".to_owned());
        table.error(&table.span, "the feed asks for no hours", help);
    }
    let places: Vec<(GovernorateId, Coord<f64>)> = keys::governorates(table, book)?
        .into_iter()
        .filter_map(|id| book.get(&id).map(|place| (id.clone(), place.seat)))
        .collect();
    if MAX_PLACES < places.len() {
        let help = Some("share the governorates among several feeds".to_owned());
        table.error(&table.span, format!("{} places in one call; at most {MAX_PLACES}", places.len()), help);
        return None;
    }
    let (mut url, variables) = (url?, variables?);
    let key = match key {
        Some(key) => Some(key?),
        None => None,
    };
    let list = |of: fn(&Coord<f64>) -> f64| {
        let texts: Vec<String> = places.iter().map(|(_, seat)| degrees(of(seat))).collect();
        texts.join(",")
    };
    let names: Vec<&str> = variables.iter().map(|variable| variable.name).collect();
    url.query_pairs_mut()
        .append_pair("latitude", &list(|seat| seat.y))
        .append_pair("longitude", &list(|seat| seat.x))
        .append_pair("hourly", &names.join(","))
        .append_pair("past_hours", &past.to_string())
        .append_pair("forecast_hours", &ahead.to_string())
        .append_pair("timezone", "GMT");
    Some(Arc::new(OpenMeteo { url, key, variables, places }))
}

/// Reads `hourly`; every name that is not known here is noted.
fn variables(table: &Table<'_>) -> Option<Vec<Variable>> {
    if !table.has("hourly") {
        table.missing("hourly", "[\"precipitation\", \"wind_gusts_10m\"]");
    }
    let mut variables: Vec<Variable> = Vec::new();
    for found in table.texts("hourly")? {
        match VARIABLES.iter().find(|(name, _, _)| *name == found.value) {
            Some((name, old_name, metric)) if variables.iter().all(|known| known.metric != *metric) => {
                variables.push(Variable { name, old_name: *old_name, metric: *metric });
            }
            Some(_) => table.warning(&found.span, format!("`{}` is asked for twice", found.value), None),
            None => {
                let known: Vec<&str> = VARIABLES.iter().map(|(name, _, _)| *name).collect();
                let help = advice(&found.value, &known);
                table.error(&found.span, format!("`hourly`: `{}` is not a value known here", found.value), help);
            }
        }
    }
    if variables.is_empty() {
        table.error(&table.span, "`hourly` asks for nothing", Some("name at least one value".to_owned()));
        return None;
    }
    Some(variables)
}

/// Degrees with four decimals at most: 11 m is finer than any grid, and some services refuse more.
fn degrees(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Feed for OpenMeteo {
    fn source(&self, _now: Timestamp) -> Source {
        Source::Web(vec![Request { url: self.url.clone(), accept: "application/json", key: self.key.clone() }])
    }

    fn gives(&self) -> Option<BTreeSet<Metric>> {
        Some(self.variables.iter().map(|variable| variable.metric).collect())
    }

    fn decode(&self, body: &[u8], now: Timestamp) -> Result<Batch, DecodeError> {
        let answer = values::json(body, "Open-Meteo JSON")?;
        let answers: Vec<&Map<String, Value>> = match &answer {
            Value::Object(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_object).collect(),
            _ => return Err(DecodeError::NotTheFormat { expected: "Open-Meteo JSON", found: look_of(body) }),
        };
        if let Some(refusal) = answers.iter().find(|one| one.get("error").and_then(Value::as_bool) == Some(true)) {
            let why = refusal.get("reason").and_then(Value::as_str).unwrap_or("no reason given").to_owned();
            return Err(DecodeError::Broken { place: "Open-Meteo refused".to_owned(), why });
        }
        // An answer with other blocks than the one asked for is theirs all the same, and says what is missing in it.
        if !answers.iter().any(|one| one.contains_key("hourly") || one.contains_key("utc_offset_seconds")) {
            return Err(DecodeError::NotTheFormat { expected: "Open-Meteo JSON", found: look_of(body) });
        }
        if answers.len() != self.places.len() {
            // Which answer belongs to which place cannot be known any more: neighbours lie closer than grid cells.
            return Err(DecodeError::Broken {
                place: "the list of places".to_owned(),
                why: format!("{} places were asked for and {} answered", self.places.len(), answers.len()),
            });
        }
        let mut batch = Batch::default();
        for (index, (one, (id, seat))) in answers.into_iter().zip(&self.places).enumerate() {
            match self.place(one, index, id, *seat, now, &mut batch) {
                Ok(()) => {}
                Err(why) => batch.skipped.push(Skip { part: id.to_string(), why }),
            }
        }
        Ok(batch)
    }
}

impl OpenMeteo {
    /// Reads the answer for one place.
    fn place(
        &self,
        answer: &Map<String, Value>,
        index: usize,
        id: &GovernorateId,
        seat: Coord<f64>,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<(), String> {
        let number = |key: &str| answer.get(key).and_then(Value::as_f64);
        let (Some(lat), Some(lon)) = (number("latitude"), number("longitude")) else {
            return Err("the answer does not say for where it is".to_owned());
        };
        if MAX_OFF_DEGREES < (lat - seat.y).abs() || MAX_OFF_DEGREES < (lon - seat.x).abs() {
            return Err(format!("the answer is for {lat}, {lon}, too far from {}, {}", seat.y, seat.x));
        }
        if answer.get("location_id").and_then(Value::as_u64).is_some_and(|place| usize::try_from(place) != Ok(index)) {
            return Err("the answer is for another place of the list".to_owned());
        }
        let offset = match answer.get("utc_offset_seconds") {
            // Without it the times are of the zone asked for; an answer in another zone and without an offset cannot be dated.
            None | Some(Value::Null) => match answer.get("timezone").and_then(Value::as_str) {
                None | Some("GMT" | "UTC" | "Etc/UTC") => 0,
                Some(zone) => return Err(format!("its times are of {zone}, without an offset")),
            },
            Some(offset) => offset
                .as_i64()
                .filter(|seconds| (-MAX_OFFSET_S..=MAX_OFFSET_S).contains(seconds))
                .ok_or_else(|| format!("utc_offset_seconds is {offset}"))?,
        };
        let hourly = answer.get("hourly").and_then(Value::as_object).ok_or("there is no `hourly` in the answer")?;
        let units = answer.get("hourly_units").and_then(Value::as_object).ok_or("there are no `hourly_units`")?;
        let times = hourly.get("time").and_then(Value::as_array).ok_or("there is no `hourly.time`")?;
        let times: Vec<Option<Timestamp>> = times.iter().map(|time| moment(time, offset, now)).collect();
        if times.is_empty() {
            return Err("the answer has no hours".to_owned());
        }
        for variable in &self.variables {
            if let Err((at, why)) = values(*variable, hourly, units, &times, id, batch) {
                batch.skipped.push(Skip { part: format!("{id} hourly.{}{at}", variable.name), why });
            }
        }
        Ok(())
    }
}

/// A time without an offset, as the answer writes it, or seconds since 1970; only near now.
fn moment(time: &Value, offset: i64, now: Timestamp) -> Option<Timestamp> {
    let moment = match time {
        Value::String(text) => {
            let civil = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
                .iter()
                .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())?;
            civil.and_utc().checked_sub_signed(TimeDelta::seconds(offset))?
        }
        Value::Number(number) => DateTime::from_timestamp(number.as_i64()?, 0)?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    ((moment - now).abs() <= MAX_FROM_NOW).then_some(moment)
}

/// One variable of an answer: its list of hours and the unit it is in.
struct Column<'a> {
    name: &'static str,
    list: &'a [Value],
    symbol: &'a str,
    unit: Unit,
}

/// Finds a variable in an answer, under today's name or its older one.
fn column<'a>(
    variable: Variable,
    hourly: &'a Map<String, Value>,
    units: &'a Map<String, Value>,
    hours: usize,
) -> Result<Column<'a>, String> {
    let names = [Some(variable.name), variable.old_name];
    let name = names.into_iter().flatten().find(|name| hourly.contains_key(*name)).ok_or("it is not in the answer")?;
    let list = hourly.get(name).and_then(Value::as_array).ok_or("it is not a list")?;
    let symbol = units.get(name).and_then(Value::as_str).ok_or("it has no unit")?;
    let unit = Unit::parse(symbol)
        .filter(|unit| unit.dimension() == variable.metric.dimension())
        .ok_or_else(|| format!("`{symbol}` is not a unit of {} known here", variable.metric))?;
    if list.len() != hours {
        return Err(format!("{} values for {hours} hours", list.len()));
    }
    Ok(Column { name, list, symbol, unit })
}

/// Reads the hours of one variable at one place; an error names the place within it and the reason.
fn values(
    variable: Variable,
    hourly: &Map<String, Value>,
    units: &Map<String, Value>,
    times: &[Option<Timestamp>],
    id: &GovernorateId,
    batch: &mut Batch,
) -> Result<(), (String, String)> {
    let column = column(variable, hourly, units, times.len()).map_err(|why| (String::new(), why))?;
    let begins = times.iter().flatten().min().copied();
    batch.retold.extend(begins.map(|from| Retold {
        governorate: id.clone(),
        metric: variable.metric,
        station: None,
        from,
    }));
    let first = column.list.iter().position(|value| !value.is_null());
    let last = column.list.iter().rposition(|value| !value.is_null());
    let Some((first, last)) = first.zip(last) else {
        return Err((String::new(), "every value is null".to_owned()));
    };
    let mut faults: Vec<(usize, String)> = Vec::new();
    let mut gaps = 0_usize;
    for (index, (value, time)) in column.list.iter().zip(times).enumerate() {
        if value.is_null() {
            gaps += usize::from((first..last).contains(&index));
            continue;
        }
        let Some(at) = *time else {
            faults.push((index, "its time cannot be read or is far from now".to_owned()));
            continue;
        };
        let read = value.as_f64().map(|number| column.unit.to_canonical(number));
        match read.filter(|number| number.is_finite() && variable.metric.possible().contains(number)) {
            Some(value) => batch.readings.push(Reading {
                governorate: id.clone(),
                metric: variable.metric,
                station: None,
                basis: Basis::Forecast,
                value,
                at,
                covers: TimeDelta::hours(1),
            }),
            None => faults.push((index, format!("{value} {} is not a possible value", column.symbol))),
        }
    }
    if 0 < gaps {
        let why = format!("{gaps} of {} values are null in the midst", column.list.len());
        batch.skipped.push(Skip { part: format!("{id} hourly.{}", column.name), why });
    }
    match faults.split_first() {
        None => Ok(()),
        Some(((index, why), [])) => Err((format!("[{index}]"), why.clone())),
        Some(((index, why), more)) => Err((format!("[{index}]"), format!("{why}, and {} more like it", more.len()))),
    }
}

#[cfg(test)]
mod tests;
