//! What Open-Meteo would have answered: its JSON as documented, from the newest model run of the moment.
//!
//! Times carry no offset and mean the zone that was asked for, wind is in km/h unless asked otherwise, and the point of the
//! answer is that of a grid cell and not the one asked for: exactly the traps that a reader of the real feed must survive.

use chrono::{Offset, TimeZone};
use chrono_tz::Tz;
use geo::Coord;
use serde_json::{Map, Value, json};

use super::{Run, Storm, hour_of, round};
use crate::ids::GovernorateId;
use crate::time::{TimeDelta, Timestamp};
use crate::unit::{Metric, Unit};

/// The most points that may be asked for at once, as at the real feed.
pub const MAX_POINTS: usize = 1000;

/// The most days to come, as at the real feed.
pub const MAX_DAYS: i64 = 16;

/// The most days gone by, as at the real feed.
pub const MAX_PAST_DAYS: i64 = 92;

/// The days that come when nobody says how many.
const USUAL_DAYS: i64 = 7;

/// The width of the model's grid, degrees.
const GRID_DEGREES: f64 = 0.0625;

/// The units of wind: the word that asks for it, the unit, and how the answer writes it.
const WIND_UNITS: &[(&str, Unit, &str)] = &[
    ("kmh", Unit::KilometrePerHour, "km/h"),
    ("ms", Unit::MetrePerSecond, "m/s"),
    ("kn", Unit::Knot, "kn"),
    ("mph", Unit::MilePerHour, "mp/h"),
];

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Where: latitude and longitude, degrees.
    pub points: Vec<(f64, f64)>,
    /// The hourly variables by their names.
    pub hourly: Vec<String>,
    /// Whose hours the answer is written in.
    pub zone: Tz,
    /// How many days from today.
    pub days: i64,
    /// How many days before today.
    pub past_days: i64,
    /// How many hours from this one; then days do not count.
    pub hours: Option<i64>,
    /// How many hours before this one; counts with `hours`.
    pub past_hours: i64,
    /// The unit of wind.
    pub wind: Unit,
}

impl Question {
    /// Asks for some variables at some points, as the feed does when nothing else is said.
    pub fn new(points: &[(f64, f64)], hourly: &[&str], zone: Tz) -> Self {
        Self {
            points: points.to_vec(),
            hourly: hourly.iter().map(|&name| name.to_owned()).collect(),
            zone,
            days: USUAL_DAYS,
            past_days: 0,
            hours: None,
            past_hours: 0,
            wind: Unit::KilometrePerHour,
        }
    }

    /// Reads the pairs of a query.
    ///
    /// # Errors
    /// The reason as the feed would give it.
    pub fn read(pairs: &[(String, String)]) -> Result<Self, String> {
        let all = |key: &str| -> Vec<&str> {
            let values = pairs.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str());
            values.flat_map(|value| value.split(',')).map(str::trim).filter(|value| !value.is_empty()).collect()
        };
        let degrees = |key: &str, limit: f64| -> Result<Vec<f64>, String> {
            let read = |text: &&str| text.parse::<f64>().ok().filter(|degree| degree.abs() <= limit);
            let list = all(key);
            let numbers = list.iter().map(|text| read(text).ok_or(format!("Cannot read {key} {text}")));
            numbers.collect()
        };
        let count = |key: &str, most: i64| -> Result<Option<i64>, String> {
            let Some(text) = all(key).first().copied() else { return Ok(None) };
            let number = text.parse::<i64>().ok().filter(|number| (0..=most).contains(number));
            number.map(Some).ok_or(format!("Parameter '{key}' is out of allowed range"))
        };
        let (latitudes, longitudes) = (degrees("latitude", 90.0)?, degrees("longitude", 180.0)?);
        if latitudes.is_empty() || latitudes.len() != longitudes.len() || MAX_POINTS < latitudes.len() {
            return Err("Parameter 'latitude' and 'longitude' must have the same number of elements".to_owned());
        }
        let points: Vec<_> = latitudes.into_iter().zip(longitudes).collect();
        let zone = match all("timezone").first().copied() {
            None | Some("GMT") => Tz::GMT,
            Some(name) => name.parse().map_err(|_| "Invalid timezone".to_owned())?,
        };
        let asked = all("wind_speed_unit").first().copied().unwrap_or("kmh");
        let known = WIND_UNITS.iter().find(|(word, _, _)| *word == asked);
        let (_, wind, _) =
            known.ok_or(format!("Cannot initialize WindspeedUnit from invalid String value {asked}."))?;
        Ok(Self {
            days: count("forecast_days", MAX_DAYS)?.unwrap_or(USUAL_DAYS),
            past_days: count("past_days", MAX_PAST_DAYS)?.unwrap_or(0),
            hours: count("forecast_hours", MAX_DAYS * 24)?,
            past_hours: count("past_hours", MAX_PAST_DAYS * 24)?.unwrap_or(0),
            wind: *wind,
            ..Self::new(&points, &all("hourly"), zone)
        })
    }

    /// The moment from which the answer counts its days or hours.
    fn today(&self, now: Timestamp) -> Timestamp {
        if self.hours.is_some() {
            return now - TimeDelta::seconds(now.timestamp().rem_euclid(3600));
        }
        let today = now.with_timezone(&self.zone).date_naive().and_time(chrono::NaiveTime::MIN);
        self.zone.from_local_datetime(&today).earliest().map_or(now, |moment| moment.to_utc())
    }

    /// The hours of the answer, by the number of the hour at whose beginning the value stands.
    fn span(&self, now: Timestamp) -> std::ops::Range<i64> {
        let first = hour_of(self.today(now));
        match self.hours {
            Some(hours) => first - self.past_hours..first + hours,
            None => first - self.past_days * 24..first + self.days * 24,
        }
    }
}

/// A variable as the feed names it: what it measures, the unit in which the storm keeps it, and its decimals.
struct Variable {
    metric: Metric,
    unit: &'static str,
    decimals: i32,
}

impl Variable {
    fn named(name: &str) -> Option<Self> {
        let (metric, unit, decimals) = match name {
            "precipitation" | "rain" => (Metric::Precipitation, "mm", 1),
            "temperature_2m" => (Metric::Temperature, "°C", 1),
            "apparent_temperature" => (Metric::ApparentTemperature, "°C", 1),
            "relative_humidity_2m" => (Metric::Humidity, "%", 0),
            "wind_speed_10m" => (Metric::WindSpeed, "km/h", 1),
            "wind_gusts_10m" => (Metric::WindGust, "km/h", 1),
            "visibility" => (Metric::Visibility, "m", 0),
            "weather_code" => (Metric::WeatherCode, "wmo code", 0),
            "cape" => (Metric::Cape, "J/kg", 1),
            // Those of the marine and the air-quality address; the feed writes the Greek letter for micro.
            "wave_height" => (Metric::WaveHeight, "m", 2),
            "dust" => (Metric::Dust, "\u{3bc}g/m\u{b3}", 1),
            "pm10" => (Metric::Pm10, "\u{3bc}g/m\u{b3}", 1),
            _ => return None,
        };
        Some(Self { metric, unit, decimals })
    }

    fn is_wind(&self) -> bool {
        matches!(self.metric, Metric::WindSpeed | Metric::WindGust)
    }

    /// The unit as the feed writes it.
    fn unit_in(&self, question: &Question) -> &'static str {
        let spelling = WIND_UNITS.iter().find(|(_, unit, _)| *unit == question.wind).map(|(_, _, written)| *written);
        spelling.filter(|_| self.is_wind()).unwrap_or(self.unit)
    }

    /// A value of the storm as the feed writes it.
    fn write(&self, value: Option<f64>, question: &Question) -> Value {
        let Some(value) = value else { return Value::Null };
        let value = if self.is_wind() {
            question.wind.from_canonical(Unit::KilometrePerHour.to_canonical(value))
        } else {
            value
        };
        if self.decimals == 0 { json!(value.round() as i64) } else { json!(round(value, self.decimals)) }
    }
}

impl Storm {
    /// What Open-Meteo would have answered at a moment: an object for one point, a list for several.
    ///
    /// # Errors
    /// The reason, as the feed would give it, when a variable is not known.
    pub fn open_meteo(&self, now: Timestamp, question: &Question) -> Result<Value, String> {
        let run = self.run_at(now).ok_or("No data is available for this location")?;
        let variables: Vec<(&str, Variable)> = question
            .hourly
            .iter()
            .map(|name| match Variable::named(name) {
                Some(variable) => Ok((name.as_str(), variable)),
                None => Err(format!(
                    "Data corrupted at path ''. Cannot initialize variable from invalid String value {name}."
                )),
            })
            .collect::<Result<_, _>>()?;
        let mut answers: Vec<Value> = Vec::new();
        for (place, (latitude, longitude)) in question.points.iter().enumerate() {
            let point = Coord { x: *longitude, y: *latitude };
            let mut answer = self.answer_at(now, run, point, question, &variables);
            if let (Some(fields), true) = (answer.as_object_mut(), 0 < place) {
                fields.insert("location_id".to_owned(), json!(place));
            }
            answers.push(answer);
        }
        Ok(if answers.len() == 1 { answers.remove(0) } else { Value::Array(answers) })
    }

    fn answer_at(
        &self,
        now: Timestamp,
        run: &Run,
        point: Coord<f64>,
        question: &Question,
        variables: &[(&str, Variable)],
    ) -> Value {
        let near = self.near(point);
        let place: Option<&GovernorateId> = near.map(|(place, _)| place);
        let span = question.span(now);
        let offset = question.zone.offset_from_utc_datetime(&now.naive_utc()).fix();
        let mut units = Map::from_iter([("time".to_owned(), json!("iso8601"))]);
        let times = span.clone().filter_map(|hour| {
            let moment = chrono::DateTime::from_timestamp(hour * 3600, 0)?;
            Some(json!(moment.with_timezone(&question.zone).format("%Y-%m-%dT%H:%M").to_string()))
        });
        let mut hourly = Map::from_iter([("time".to_owned(), Value::Array(times.collect()))]);
        for (name, variable) in variables {
            units.insert((*name).to_owned(), json!(variable.unit_in(question)));
            let values =
                span.clone().map(|hour| variable.write(self.model_value(run, place, variable.metric, hour), question));
            hourly.insert((*name).to_owned(), Value::Array(values.collect()));
        }
        json!({
            "latitude": grid(point.y),
            "longitude": grid(point.x),
            "generationtime_ms": 0.25,
            "utc_offset_seconds": offset.local_minus_utc(),
            "timezone": question.zone.name(),
            "timezone_abbreviation": abbreviation(offset.local_minus_utc()),
            "elevation": near.map_or(0.0, |(_, place)| place.elevation_m),
            "hourly_units": units,
            "hourly": hourly,
        })
    }

    /// When the answer of a moment last became another: a new run came, or the first hour of the answer moved on.
    pub fn open_meteo_changed(&self, now: Timestamp, question: &Question) -> Timestamp {
        let run = self.run_at(now).map_or(self.start, |run| run.issued);
        run.max(question.today(now)).min(now)
    }
}

/// The grid cell that speaks for a degree.
fn grid(degree: f64) -> f64 {
    (degree / GRID_DEGREES).round() * GRID_DEGREES
}

/// `GMT+3`, as the feed writes zones without a name of their own.
fn abbreviation(offset_s: i32) -> String {
    let hours = TimeDelta::seconds(i64::from(offset_s)).num_hours();
    if hours == 0 { "GMT".to_owned() } else { format!("GMT{hours:+}") }
}

/// Breaks one value of an answer and leaves the others sound.
pub fn break_one_row(answer: &mut Value) {
    let first = match answer {
        Value::Array(list) => list.first_mut(),
        whole => Some(whole),
    };
    let columns = first.and_then(|answer| answer.get_mut("hourly")).and_then(Value::as_object_mut);
    let column = columns.into_iter().flatten().find(|(name, _)| *name != "time").map(|(_, column)| column);
    if let Some(value) = column.and_then(|column| column.get_mut(0)) {
        *value = json!("n/a");
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::at;
    use super::*;

    const JEDDAH: (f64, f64) = (21.5405, 39.2321);

    fn ask(now: &str, question: &Question) -> Value {
        Storm::embedded().open_meteo(at(now), question).unwrap()
    }

    #[test]
    fn the_answer_has_the_shape_of_the_feed() {
        let question = Question::new(&[JEDDAH], &["precipitation", "wind_gusts_10m", "cape"], chrono_tz::Asia::Riyadh);
        let answer = ask("2025-12-09T05:00", &question);
        assert_eq!(answer["utc_offset_seconds"], 10800);
        assert_eq!(answer["timezone"], "Asia/Riyadh");
        assert_eq!(answer["timezone_abbreviation"], "GMT+3");
        assert_eq!(answer["hourly_units"]["wind_gusts_10m"], "km/h");
        assert_eq!(answer["hourly"]["time"][0], "2025-12-09T00:00");
        for name in ["time", "precipitation", "wind_gusts_10m", "cape"] {
            assert_eq!(answer["hourly"][name].as_array().unwrap().len(), 7 * 24, "{name}");
        }
        assert_eq!(answer["hourly"]["cape"][6], 2100.0);
        // The hour from 06:00 has the most rain; the feed writes it at the hour's end.
        assert_eq!(answer["hourly"]["time"][7], "2025-12-09T07:00");
        assert_eq!(answer["hourly"]["precipitation"][7], 16.4);
    }

    #[test]
    fn several_points_make_a_list_in_their_order_and_a_far_point_is_calm() {
        let question = Question::new(&[(0.0, 0.0), JEDDAH], &["precipitation"], Tz::GMT);
        let answer = ask("2025-12-09T05:00", &question);
        let sum = |place: usize| -> f64 {
            answer[place]["hourly"]["precipitation"].as_array().unwrap().iter().filter_map(Value::as_f64).sum()
        };
        assert!(sum(0) < 1e-9);
        assert!((sum(1) - 54.0).abs() < 1e-6, "{}", sum(1));
        assert_eq!(answer[1]["location_id"], 1);
    }

    #[test]
    fn waves_are_null_on_land_and_units_are_those_of_the_feed() {
        let land = (21.4225, 39.8262);
        let question = Question::new(&[JEDDAH, land], &["wave_height", "dust"], Tz::GMT);
        let answer = ask("2025-12-09T05:00", &question);
        let hours = |place: usize| answer[place]["hourly"]["wave_height"].as_array().unwrap();
        assert!(hours(0).iter().all(Value::is_number));
        assert!(hours(1).iter().all(Value::is_null));
        let unit = answer[0]["hourly_units"]["dust"].as_str().unwrap();
        assert_eq!(Unit::parse(unit), Some(Unit::MicrogramPerCubicMetre));
    }

    #[test]
    fn hours_may_be_counted_from_this_one() {
        let question =
            Question { hours: Some(48), past_hours: 24, ..Question::new(&[JEDDAH], &["precipitation"], Tz::GMT) };
        let answer = ask("2025-12-09T05:40", &question);
        let times = answer["hourly"]["time"].as_array().unwrap();
        assert_eq!((times.len(), &times[24]), (72, &json!("2025-12-09T02:00")));
    }

    #[test]
    fn a_query_is_read_as_the_feed_reads_it() {
        let pairs = |text: &str| -> Vec<(String, String)> {
            url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
        };
        let question = Question::read(&pairs(
            "latitude=21.5,20.1&longitude=39.2,40.3&hourly=precipitation,visibility&timezone=Asia%2FRiyadh&forecast_days=2&past_days=1&wind_speed_unit=ms",
        ))
        .unwrap();
        assert_eq!(question.points, [(21.5, 39.2), (20.1, 40.3)]);
        assert_eq!(question.hourly, ["precipitation", "visibility"]);
        assert_eq!((question.days, question.past_days, question.wind), (2, 1, Unit::MetrePerSecond));
        for wrong in ["latitude=1&longitude=1,2", "", "latitude=91&longitude=0", "latitude=1&longitude=1&timezone=Mars"]
        {
            assert!(Question::read(&pairs(wrong)).is_err(), "{wrong}");
        }
        let unknown = Question::new(&[JEDDAH], &["frogs"], Tz::GMT);
        assert!(Storm::embedded().open_meteo(at("2025-12-09T05:00"), &unknown).unwrap_err().contains("frogs"));
    }

    #[test]
    fn a_broken_row_leaves_the_other_rows_sound() {
        let question = Question::new(&[JEDDAH, JEDDAH], &["precipitation", "visibility"], Tz::GMT);
        let sound = ask("2025-12-09T05:00", &question);
        let mut broken = sound.clone();
        break_one_row(&mut broken);
        assert_eq!(broken[0]["hourly"]["precipitation"][0], "n/a");
        assert_eq!(broken[0]["hourly"]["precipitation"][1], sound[0]["hourly"]["precipitation"][1]);
        assert_eq!(broken[1], sound[1]);
    }
}
