//! What a report gives, canonical: the raw report first, the fields of the JSON where it is silent.

use serde_json::{Map, Value};

use super::number;
use crate::derive::humidity;
use crate::feed::aviation::{Report, Said, weather};
use crate::unit::{Metric, Unit};

/// What was observed.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// The values.
    pub(super) values: Vec<(Metric, f64)>,
    /// Where the raw report and the fields beside it differ: what, and how.
    pub(super) differences: Vec<(&'static str, String)>,
}

/// How far the raw report and a field may lie apart: fields are rounded, or carry tenths that the report leaves out.
const MAX_APART_MPS: f64 = 0.6;
const MAX_APART_CELSIUS: f64 = 1.0;
const MAX_APART_HPA: f64 = 1.5;
/// Visibility in the fields is rounded in miles, and cut off at the top.
const MAX_APART_SHARE: f64 = 0.15;
const MIN_APART_M: f64 = 250.0;
const FAR_M: f64 = 9000.0;

/// Reads a report; at least one of both parts is there.
///
/// # Errors
/// When it says nothing that is read here.
pub(super) fn observed(raw: Option<&Report>, fields: Option<&Map<String, Value>>) -> Result<Observed, String> {
    let field = |key: &str| fields?.get(key).and_then(number);
    let knots = |key: &str| field(key).map(|value| Unit::Knot.to_canonical(value));
    let empty = Report::default();
    let report = raw.unwrap_or(&empty);
    let mut found = Observed::default();

    let temperature = found.choose("temperature", "°C", &report.temperature, field("temp"), MAX_APART_CELSIUS);
    let dew_point = found.choose("dew point", "°C", &report.dew_point, field("dewp"), MAX_APART_CELSIUS);
    found.put(Metric::Temperature, temperature);
    found.put(Metric::DewPoint, dew_point);
    found.put(Metric::Humidity, temperature.zip(dew_point).map(|(air, dew)| humidity(air, dew)));

    let conditions = &report.conditions;
    let wind = match &conditions.wind {
        Said::Value(wind) => wind.speed.map_or(Said::Unknown, |speed| Said::Value(speed.mps)),
        Said::Unknown => Said::Unknown,
        Said::Nothing => Said::Nothing,
    };
    let gust = match &conditions.wind {
        Said::Value(wind) => wind.gust.map(|gust| gust.mps),
        Said::Unknown => None,
        Said::Nothing => knots("wgst"),
    };
    let wind = found.choose("wind", "m/s", &wind, knots("wspd"), MAX_APART_MPS);
    found.put(Metric::WindSpeed, wind);
    // A METAR names a gust only when it exceeds the mean wind by 10 kt or more (ICAO Annex 3, appendix 3, 4.1.5.2): a wind
    // without one says that nothing stronger blew, and a storm's gusts would otherwise never be seen to end.
    found.put(Metric::WindGust, gust.or(wind));

    let seen = match &conditions.visibility {
        Said::Value(seen) => Said::Value(seen.metres),
        Said::Unknown => Said::Unknown,
        Said::Nothing => Said::Nothing,
    };
    let miles = field("visib").map(|value| Unit::StatuteMile.to_canonical(value));
    let apart = seen.value().map_or(MIN_APART_M, |seen| (seen * MAX_APART_SHARE).max(MIN_APART_M));
    let both_far = seen.value().zip(miles).is_some_and(|(seen, miles)| FAR_M < seen.min(miles));
    let visibility = found.choose("visibility", "m", &seen, miles.filter(|_| !both_far), apart);
    found.put(Metric::Visibility, visibility);

    let code = match raw {
        Some(report) => report.weather_code(),
        None => fields.and_then(|fields| fields.get("wxString")).and_then(Value::as_str).and_then(weather::worst),
    };
    found.put(Metric::WeatherCode, code.map(f64::from));
    // QNH is reduced to sea level by the standard atmosphere, not by the day's temperature: near the coast the two are alike
    // within 1 hPa, at Taif (1450 m) they may differ by several.
    let pressure = found.choose("pressure", "hPa", &report.pressure_hpa, field("altim"), MAX_APART_HPA);
    found.put(Metric::Pressure, pressure);

    if found.values.is_empty() {
        return Err("the report says nothing that is read here".to_owned());
    }
    Ok(found)
}

impl Observed {
    fn put(&mut self, metric: Metric, value: Option<f64>) {
        self.values.extend(value.map(|value| (metric, value)));
    }

    /// The raw report's word; a field's where the raw report has none. What it says was not observed stays unknown.
    fn choose(
        &mut self,
        what: &'static str,
        unit: &str,
        raw: &Said<f64>,
        field: Option<f64>,
        apart: f64,
    ) -> Option<f64> {
        match (raw, field) {
            (Said::Value(raw), Some(field)) if apart < (raw - field).abs() => {
                let why = format!("the report says {raw:.1} {unit} and its JSON {field:.1}; the report counts");
                self.differences.push((what, why));
                Some(*raw)
            }
            (Said::Value(raw), _) => Some(*raw),
            (Said::Unknown, _) => None,
            (Said::Nothing, field) => field,
        }
    }
}
