//! OpenWeatherMap's One Call 3.0: what its blend of models says of now and of the hours to come, one request for each governorate.
//!
//! Nothing of it is an observation: `current` is computed as well. The alerts it repeats belong to the authorities that gave them
//! and carry no identity, so that nobody could tell an edition from a new one: they are kept as context and never relayed.
//! Source: <https://openweathermap.org/api/one-call-3>. It needs a key; attribution is a condition of its licence.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};
use url::Url;

use super::places::{self, Place};
use super::values::{self, Faults, MAX_FROM_NOW, shown};
use super::{
    Batch, Context, DecodeError, Feed, Key, KeyGoes, Kind, Request, Retold, Source, Surroundings, keys, look_of,
};
use crate::ids::GovernorateId;
use crate::reading::{Basis, Reading};
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp};
use crate::unit::{Metric, Unit};

/// The kind.
pub const KIND: Kind = Kind {
    name: "openweathermap",
    about: "OpenWeatherMap's One Call 3.0, one request for each governorate; it needs a key",
    example: r#"kind = "openweathermap"
key = { file = "openweathermap.key" }   # or { credential = "openweathermap" } with systemd
url = "https://api.openweathermap.org/data/3.0/onecall"   # left out: this
governorates = ["jeddah"]               # or { tags = ["coastal"] }; left out: all
"#,
    parse,
};

/// The public address.
const PUBLIC_URL: &str = "https://api.openweathermap.org/data/3.0/onecall";
/// What an answer should be.
const EXPECTED: &str = "One Call JSON";
/// The most hours of one answer; they give 48.
const MAX_HOURS: usize = 500;
/// The most repeated alerts of one answer that are kept.
const MAX_ALERTS: usize = 50;
/// The period that each value speaks for.
const HOUR: TimeDelta = TimeDelta::hours(1);

/// Their names for what we measure, in the units that `units=metric` means. Visibility ends at 10 km: that is "10 km or more".
const VALUES: &[(&str, Metric, Unit)] = &[
    ("temp", Metric::Temperature, Unit::Celsius),
    ("feels_like", Metric::ApparentTemperature, Unit::Celsius),
    ("dew_point", Metric::DewPoint, Unit::Celsius),
    ("humidity", Metric::Humidity, Unit::Percent),
    ("pressure", Metric::Pressure, Unit::Hectopascal),
    ("wind_speed", Metric::WindSpeed, Unit::MetrePerSecond),
    ("wind_gust", Metric::WindGust, Unit::MetrePerSecond),
    ("visibility", Metric::Visibility, Unit::Metre),
];

/// One feed of this kind.
#[derive(Debug)]
struct OpenWeatherMap {
    url: Url,
    key: Option<Key>,
    places: Vec<Place>,
}

fn parse(table: &Table<'_>, around: &Surroundings) -> Option<Arc<dyn Feed>> {
    let url = keys::address(table, around, Some(PUBLIC_URL));
    let needs_key = !around.is_within || table.has("key");
    let key = if needs_key { keys::key(table, url.as_ref(), KeyGoes::Query("appid")) } else { None };
    let places = places::read(table, &around.book);
    if needs_key && key.is_none() {
        return None;
    }
    Some(Arc::new(OpenWeatherMap { url: url?, key, places: places? }))
}

impl Feed for OpenWeatherMap {
    fn source(&self, _now: Timestamp) -> Source {
        let request = |place: &Place| {
            let mut url = self.url.clone();
            url.query_pairs_mut()
                .append_pair("lat", &place.latitude())
                .append_pair("lon", &place.longitude())
                .append_pair("units", "metric")
                .append_pair("lang", "ar")
                .append_pair("exclude", "minutely,daily");
            Request { url, accept: "application/json", key: self.key.clone() }
        };
        Source::Web(self.places.iter().map(request).collect())
    }

    fn gives(&self) -> Option<BTreeSet<Metric>> {
        let values = VALUES.iter().map(|(_, metric, _)| *metric);
        Some(values.chain([Metric::Precipitation, Metric::WeatherCode]).collect())
    }

    fn decode(&self, body: &[u8], now: Timestamp) -> Result<Batch, DecodeError> {
        let answer = values::json(body, EXPECTED)?;
        let broken = |place: &str, why: String| DecodeError::Broken { place: place.to_owned(), why };
        if let Some(why) = answer.get("message").and_then(Value::as_str).filter(|_| answer.get("cod").is_some()) {
            return Err(broken("OpenWeatherMap refused", shown(why)));
        }
        let hours = answer.get("hourly").and_then(Value::as_array);
        let current = answer.get("current").and_then(Value::as_object);
        if hours.is_none() && current.is_none() {
            return Err(DecodeError::NotTheFormat { expected: EXPECTED, found: look_of(body) });
        }
        let number = |key: &str| answer.get(key).and_then(Value::as_f64);
        let (Some(lat), Some(lon)) = (number("lat"), number("lon")) else {
            return Err(broken("lat, lon", "the answer does not say for where it is".to_owned()));
        };
        let place = places::find(&self.places, lat, lon).map_err(|why| broken("lat, lon", why))?;
        let mut hand = Hand { id: &place.id, now, readings: Vec::new(), faults: Faults::default() };
        for (index, hour) in hours.into_iter().flatten().take(MAX_HOURS).enumerate() {
            hand.moment(hour, || format!("hourly[{index}]"), true);
        }
        let retold = Retold::by(&hand.readings);
        if let Some(current) = answer.get("current") {
            // Its rain is of the last hour up to an odd minute and would be counted beside that of the full hours.
            hand.moment(current, || "current".to_owned(), false);
        }
        let Hand { readings, faults, .. } = hand;
        Ok(Batch { readings, retold, skipped: faults.into_skips(), context: repeated(&answer), ..Batch::default() })
    }
}

/// The moments of one place, being read.
struct Hand<'a> {
    id: &'a GovernorateId,
    now: Timestamp,
    readings: Vec<Reading>,
    faults: Faults,
}

impl Hand<'_> {
    fn moment(&mut self, moment: &Value, part: impl Fn() -> String, has_rain: bool) {
        let part = || format!("{} {}", self.id, part());
        let at = moment.get("dt").and_then(Value::as_i64).and_then(|count| values::epoch(count, false));
        let (Some(at), Some(moment)) = (at.filter(|at| (*at - self.now).abs() <= MAX_FROM_NOW), moment.as_object())
        else {
            return self.faults.note("dt", part, || "its time cannot be read or is far from now".to_owned());
        };
        let (governorate, mut told) = (self.id.clone(), Vec::new());
        for (name, metric, unit) in VALUES {
            let Some(value) = moment.get(*name).filter(|value| !value.is_null()) else { continue };
            let number = value.as_f64().ok_or_else(|| format!("`{name}` is {}", shown(&value.to_string())));
            match number.and_then(|number| values::canonical(*metric, *unit, number)) {
                Ok(value) => told.push((*metric, value)),
                Err(why) => self.faults.note(name, part, || why),
            }
        }
        let (code, unknown) = weather(moment);
        if let Some(unknown) = unknown {
            self.faults.note("weather", part, || format!("{unknown} is not a weather id known here"));
        }
        told.extend(code.map(|code| (Metric::WeatherCode, f64::from(code))));
        if has_rain {
            match fallen(moment) {
                Ok(depth) => told.extend(depth.map(|depth| (Metric::Precipitation, depth))),
                Err(why) => self.faults.note("rain", part, || why),
            }
        }
        let reading = |(metric, value)| Reading {
            governorate: governorate.clone(),
            metric,
            station: None,
            basis: Basis::Forecast,
            value,
            at,
            covers: HOUR,
        };
        self.readings.extend(told.into_iter().map(reading));
    }
}

/// Rain and snow of the last hour, mm. They leave both out of a dry hour; that is taken for dry only when the weather that they
/// name in the same breath is dry, and is else not known.
fn fallen(moment: &Map<String, Value>) -> Result<Option<f64>, String> {
    let mut sum = None;
    for name in ["rain", "snow"] {
        let Some(value) = moment.get(name).and_then(|fall| fall.get("1h")).filter(|value| !value.is_null()) else {
            continue;
        };
        let number = value.as_f64().ok_or_else(|| format!("`{name}.1h` is {}", shown(&value.to_string())))?;
        let depth = values::canonical(Metric::Precipitation, Unit::Millimetre, number)?;
        sum = Some(sum.unwrap_or(0.0) + depth);
    }
    let ids: Vec<u64> = ids(moment).collect();
    let is_dry = !ids.is_empty() && ids.iter().all(|id| (701..=762).contains(id) || (800..=804).contains(id));
    Ok(sum.or(is_dry.then_some(0.0)))
}

fn ids(moment: &Map<String, Value>) -> impl Iterator<Item = u64> {
    let weather = moment.get("weather").and_then(Value::as_array);
    weather.into_iter().flatten().filter_map(|weather| weather.get("id")?.as_u64())
}

/// The gravest code of the weather that is named, and an id that is not known.
fn weather(moment: &Map<String, Value>) -> (Option<u8>, Option<u64>) {
    let code = ids(moment).filter_map(weather_code).max();
    (code, ids(moment).find(|id| weather_code(*id).is_none()))
}

/// The WMO 4677 code of one of their weather ids. Source: <https://openweathermap.org/weather-conditions>.
fn weather_code(id: u64) -> Option<u8> {
    Some(match id {
        200 | 201 | 210 | 211 | 221 | 230..=232 => 95,
        202 | 212 => 97,
        300 => 51,
        301 => 53,
        302 => 55,
        310 => 58,
        311 | 312 => 59,
        313 | 321 => 80,
        314 => 81,
        500 => 61,
        501 => 63,
        502..=504 => 65,
        511 => 66,
        520 => 80,
        521 | 531 => 81,
        522 => 82,
        600 => 71,
        601 => 73,
        602 => 75,
        611 => 69,
        612 => 83,
        613 => 84,
        615 => 68,
        616 => 69,
        620 => 85,
        621 | 622 => 86,
        701 => 10,
        711 | 762 => 4,
        721 => 5,
        731 => 8,
        741 => 45,
        751 => 7,
        761 => 6,
        771 => 18,
        781 => 19,
        800 => 0,
        801 => 1,
        802 => 2,
        803 | 804 => 3,
        _ => return None,
    })
}

/// The alerts that the answer repeats, as context.
fn repeated(answer: &Value) -> Vec<Context> {
    let alerts = answer.get("alerts").and_then(Value::as_array);
    let context = |alert: &Value| {
        let text = |key: &str| alert.get(key).and_then(Value::as_str).unwrap_or_default();
        let start = alert.get("start").and_then(Value::as_i64);
        let identity =
            format!("{}, {}, {}", shown(text("sender_name")), shown(text("event")), start.unwrap_or_default());
        Context {
            identity,
            title: format!("{} ({})", shown(text("event")), shown(text("sender_name"))),
            kind: "repeated alert".to_owned(),
            level: String::new(),
            at: start.and_then(|count| values::epoch(count, false)),
            link: None,
        }
    };
    alerts.into_iter().flatten().take(MAX_ALERTS).map(context).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::keys::tests::{feed, read};
    use crate::secret::SecretSource;

    const ONE: &str = "key = { credential = \"owm\" }\ngovernorates = [\"jeddah\"]";

    fn now() -> Timestamp {
        "2025-12-09T00:10:00Z".parse().unwrap()
    }

    /// Decodes an answer made from the documented shape (none was recorded): its `current` and one hour, 01:00.
    #[track_caller]
    fn check(current: &str, hour: &str, expected: &str) {
        let body = format!(
            r#"{{"lat":21.54,"lon":39.23,"timezone":"Asia/Riyadh","timezone_offset":10800,"current":{{"dt":1765239000,{current}}},"hourly":[{{"dt":1765242000,{hour}}}]}}"#
        );
        assert_eq!(tell(&body), expected, "{body}");
    }

    fn tell(body: &str) -> String {
        let batch = match feed(&KIND, ONE).decode(body.as_bytes(), now()) {
            Ok(batch) => batch,
            Err(why) => return why.to_string(),
        };
        assert!(batch.alerts.is_empty());
        let readings = batch.readings.iter().map(|reading| {
            assert_eq!((reading.basis, reading.covers), (Basis::Forecast, HOUR), "a model's word is no observation");
            format!("{} {} {:.1}", reading.at.format("%H:%M"), reading.metric, reading.value)
        });
        let context = batch.context.iter().map(|context| format!("context {}", context.title));
        let skipped = batch.skipped.iter().map(|skip| format!("{}: {}", skip.part, skip.why));
        readings.chain(context).chain(skipped).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_key_goes_where_it_belongs_and_is_not_in_the_address() {
        let Source::Web(requests) = feed(&KIND, ONE).source(now()) else { panic!() };
        let [request] = requests.as_slice() else { panic!() };
        assert_eq!(
            request.url.as_str(),
            "https://api.openweathermap.org/data/3.0/onecall?lat=21.54&lon=39.23&units=metric&lang=ar&exclude=minutely%2Cdaily"
        );
        let source = SecretSource::Credential("owm".to_owned());
        assert_eq!(request.key, Some(Key { goes: KeyGoes::Query("appid"), source }));
    }

    #[test]
    fn values_are_read_in_metric_units_and_rain_only_of_full_hours() {
        check(
            r#""temp":30.5,"rain":{"1h":9},"weather":[{"id":211}]"#,
            r#""temp":31,"feels_like":35,"humidity":60,"pressure":1009,"dew_point":20,"wind_speed":5,"wind_gust":12,"visibility":10000,"weather":[{"id":501},{"id":761}],"rain":{"1h":2.5},"snow":{"1h":0.5}"#,
            "01:00 temperature 31.0\n01:00 apparent_temperature 35.0\n01:00 dew_point 20.0\n01:00 humidity 60.0\n\
             01:00 pressure 1009.0\n01:00 wind_speed 5.0\n01:00 wind_gust 12.0\n01:00 visibility 10000.0\n\
             01:00 weather_code 63.0\n01:00 precipitation 3.0\n00:10 temperature 30.5\n00:10 weather_code 95.0",
        );
    }

    #[test]
    fn an_hour_without_rain_is_dry_only_when_its_weather_is() {
        check("\"x\":1", r#""weather":[{"id":800}]"#, "01:00 weather_code 0.0\n01:00 precipitation 0.0");
        check("\"x\":1", r#""weather":[{"id":500}]"#, "01:00 weather_code 61.0");
        check("\"x\":1", r#""weather":[]"#, "");
        check("\"x\":1", r#""weather":[{"id":771}]"#, "01:00 weather_code 18.0");
    }

    #[test]
    fn what_is_impossible_or_unknown_is_passed_over() {
        check(
            r#""temp":"hot","pressure":null"#,
            r#""temp":3000,"rain":{"1h":-1},"weather":[{"id":999}]"#,
            "jeddah hourly[0]: 3000 °C is not a possible temperature, and 1 more like it\n\
             jeddah hourly[0]: 999 is not a weather id known here\n\
             jeddah hourly[0]: -1 mm is not a possible precipitation",
        );
        assert_eq!(tell(r#"{"cod":401,"message":"Invalid API key."}"#), "OpenWeatherMap refused: Invalid API key.");
        assert_eq!(tell(r#"{"lat":1,"lon":2,"hourly":[]}"#), "lat, lon: 1, 2 was not asked for");
        assert_eq!(tell("{}"), "expected One Call JSON, found some other JSON");
        let undated = r#"{"lat":21.54,"lon":39.23,"hourly":[{"temp":30},{"dt":5,"temp":30}]}"#;
        assert_eq!(tell(undated), "jeddah hourly[0]: its time cannot be read or is far from now, and 1 more like it");
    }

    #[test]
    fn an_alert_that_it_repeats_is_context_and_never_an_alert() {
        let body = r#"{"lat":21.54,"lon":39.23,"hourly":[],"alerts":[{"sender_name":"NCM","event":"Red","start":1765239000,"end":1765249000,"description":"x","tags":["Rain"]}]}"#;
        assert_eq!(tell(body), "context Red (NCM)");
    }

    #[test]
    fn the_example_is_without_faults_and_a_key_never_travels_in_the_open() {
        let (_, faults) = read(&KIND, KIND.example.split_once('\n').unwrap().1);
        assert_eq!(faults, Vec::<String>::new());
        let (none, faults) = read(&KIND, "url = \"http://a.example/\"\nkey = { file = \"x\" }");
        assert!(none.is_none() && faults.concat().contains("where everyone can read it"), "{faults:?}");
        let (none, faults) = read(&KIND, "key = \"hush\"");
        assert!(none.is_none() && !faults.concat().contains("hush"), "{faults:?}");
        assert!(read(&KIND, "").1.concat().contains("`key` is missing"));
    }
}
