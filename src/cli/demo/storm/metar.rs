//! What the Aviation Weather Center would have answered: its METAR JSON, and the reports in it.
//!
//! The raw report is written from the fields, so the two cannot differ. No report is given before its moment, and none is made up
//! for a moment that has none.

use geo::Coord;
use serde_json::{Value, json};

use super::{Storm, round};
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Unit;

/// The most stations that may be asked for at once, as at the real feed.
pub const MAX_STATIONS: usize = 400;

/// How long a report takes from the station to the feed.
const ON_THE_WAY: TimeDelta = TimeDelta::minutes(4);

/// How far back the newest report is looked for when nobody says how far.
pub const USUAL_AGE: TimeDelta = TimeDelta::hours(2);

/// From this sight on a report says "ten kilometres or more", and the feed "6+" miles.
const FAR_M: f64 = 9999.0;

/// A station and its reports in order of time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Station {
    pub(super) icao: String,
    pub(super) name: String,
    /// Longitude and latitude, degrees.
    pub(super) seat: Coord<f64>,
    pub(super) elevation_m: f64,
    pub(super) reports: Vec<Report>,
}

/// One report.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Report {
    pub(super) at: Timestamp,
    pub(super) wind: Wind,
    pub(super) visibility_m: f64,
    pub(super) weather: Option<String>,
    pub(super) clouds: String,
    pub(super) temperature_c: i64,
    pub(super) dew_point_c: i64,
    pub(super) qnh_hpa: i64,
    /// The rain of the hour before; a METAR does not carry it.
    pub(super) rain_mm: f64,
}

/// The wind group of a report.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wind {
    written: String,
    /// Nothing when it comes from everywhere.
    from_degrees: Option<i64>,
    speed_kt: i64,
    pub(super) gust_kt: Option<i64>,
}

impl Wind {
    /// Reads a group such as `20018G31KT` or `VRB03KT`.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a wind group: write such as `20018G31KT` or `VRB03KT`");
        let knots = text.strip_suffix("KT").ok_or_else(wrong)?;
        let (from, speeds) = knots.split_at_checked(3).ok_or_else(wrong)?;
        let number = |digits: &str| {
            let plain = (2..=3).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit());
            digits.parse::<i64>().ok().filter(|_| plain).ok_or_else(wrong)
        };
        let from_degrees = if from == "VRB" { None } else { Some(number(from)?) };
        let (speed, gust) = match speeds.split_once('G') {
            Some((speed, gust)) => (speed, Some(number(gust)?)),
            None => (speeds, None),
        };
        if from_degrees.is_some_and(|degrees| 360 < degrees) {
            return Err(wrong());
        }
        Ok(Self { written: text.to_owned(), from_degrees, speed_kt: number(speed)?, gust_kt: gust })
    }
}

impl Report {
    /// The report as the station sends it.
    fn raw(&self, icao: &str) -> String {
        let degrees = |value: i64| if value < 0 { format!("M{:02}", -value) } else { format!("{value:02}") };
        let weather = self.weather.as_ref().map_or(String::new(), |weather| format!("{weather} "));
        format!(
            "METAR {icao} {}Z {} {:04} {weather}{} {}/{} Q{:04} NOSIG",
            self.at.format("%d%H%M"),
            self.wind.written,
            self.visibility_m.min(FAR_M).round(),
            self.clouds,
            degrees(self.temperature_c),
            degrees(self.dew_point_c),
            self.qnh_hpa,
        )
    }

    /// Amount and base of each layer.
    fn clouds(&self) -> Vec<Value> {
        let layers = self.clouds.split_whitespace().filter_map(|layer| layer.split_at_checked(3));
        layers
            .map(|(cover, base)| {
                let hundreds: String = base.chars().take_while(char::is_ascii_digit).collect();
                json!({ "cover": cover, "base": hundreds.parse::<i64>().ok().map(|hundreds| hundreds * 100) })
            })
            .collect()
    }

    fn json(&self, station: &Station) -> Value {
        let miles = self.visibility_m / Unit::StatuteMile.to_canonical(1.0);
        json!({
            "icaoId": station.icao,
            "receiptTime": (self.at + ON_THE_WAY).format("%Y-%m-%dT%H:%M:%S.000Z").to_string(),
            "obsTime": self.at.timestamp(),
            "reportTime": self.at.format("%Y-%m-%dT%H:%M:%S.000Z").to_string(),
            "temp": self.temperature_c,
            "dewp": self.dew_point_c,
            "wdir": self.wind.from_degrees.map_or(json!("VRB"), |degrees| json!(degrees)),
            "wspd": self.wind.speed_kt,
            "wgst": self.wind.gust_kt,
            "visib": if FAR_M <= self.visibility_m { json!("6+") } else { json!(round(miles, 2)) },
            "altim": self.qnh_hpa,
            "wxString": self.weather,
            "metarType": "METAR",
            "rawOb": self.raw(&station.icao),
            "lat": station.seat.y,
            "lon": station.seat.x,
            "elev": station.elevation_m,
            "name": station.name,
            "clouds": self.clouds(),
        })
    }
}

impl Storm {
    /// What the feed would have answered at a moment about some stations: the newest report of each, none older than `age`.
    pub fn metar(&self, now: Timestamp, ids: &[String], age: TimeDelta) -> Value {
        let asked = self.stations.iter().filter(|station| ids.contains(&station.icao));
        let newest = asked.filter_map(|station| {
            let known = station.reports.iter().rev().find(|report| report.at + ON_THE_WAY <= now)?;
            (now - known.at <= age).then(|| known.json(station))
        });
        Value::Array(newest.collect())
    }

    /// When the answer of a moment last became another: a report came in, or one grew older than `age`.
    pub fn metar_changed(&self, now: Timestamp, age: TimeDelta) -> Timestamp {
        let reports = self.stations.iter().flat_map(|station| &station.reports);
        let turns = reports.flat_map(|report| [report.at + ON_THE_WAY, report.at + age]);
        turns.filter(|turn| *turn <= now).max().unwrap_or(self.start.min(now))
    }
}

/// Adds a row without a time, as the feed once sent it for a station that had published nothing.
pub fn add_broken_row(answer: &mut Value) {
    if let Value::Array(rows) = answer {
        rows.push(json!({ "icaoId": "OEMK", "obsTime": null, "reportTime": null, "rawOb": "METAR OEMK NIL" }));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, id};
    use super::*;
    use crate::unit::Metric;

    fn ask(now: &str) -> Value {
        Storm::embedded().metar(at(now), &["OEJN".to_owned(), "OEMK".to_owned()], USUAL_AGE)
    }

    #[test]
    fn the_worst_hour_is_reported_in_the_units_of_the_feed() {
        let answer = ask("2025-12-09T07:30");
        assert_eq!(answer.as_array().unwrap().len(), 1, "a station without reports is not made up");
        let row = &answer[0];
        assert_eq!(row["rawOb"], "METAR OEJN 090400Z 21024G42KT 0800 +TSRA BKN008 BKN018CB OVC060 19/18 Q1009 NOSIG");
        assert_eq!(row["obsTime"], at("2025-12-09T07:00").timestamp());
        assert_eq!((&row["wspd"], &row["wgst"], &row["wdir"]), (&json!(24), &json!(42), &json!(210)));
        assert_eq!(row["visib"], 0.5);
        assert_eq!(row["clouds"][1], json!({ "cover": "BKN", "base": 1800 }));
        assert_eq!(ask("2025-12-08T20:30")[0]["wdir"], "VRB");
        assert_eq!(ask("2025-12-08T20:30")[0]["visib"], "6+");
    }

    #[test]
    fn the_airport_speaks_from_the_first_moment_to_the_last() {
        let storm = Storm::embedded();
        for now in [storm.start, storm.end] {
            assert_eq!(storm.metar(now, &["OEJN".to_owned()], USUAL_AGE).as_array().unwrap().len(), 1, "{now}");
        }
    }

    #[test]
    fn no_report_is_given_before_its_moment() {
        let storm = Storm::embedded();
        let mut now = storm.start;
        while now <= storm.end {
            for row in storm.metar(now, &["OEJN".to_owned()], USUAL_AGE).as_array().unwrap() {
                assert!(row["obsTime"].as_i64().unwrap() <= now.timestamp());
            }
            now += TimeDelta::minutes(1);
        }
        assert_eq!(ask("2025-12-10T09:00"), json!([]), "an old report is not given as a new one");
    }

    #[test]
    fn the_reports_of_the_airport_do_not_contradict_what_is_published() {
        let storm = Storm::embedded();
        let station = &storm.stations[0];
        let sum: f64 = station.reports.iter().map(|report| report.rain_mm).sum();
        assert!((sum - 51.0).abs() < 1e-9);
        let wet: Vec<_> = station.reports.iter().filter(|report| 0.0 < report.rain_mm).collect();
        assert!(wet.last().unwrap().at - wet[0].at < TimeDelta::hours(5));
        let jeddah = id("jeddah");
        for report in &station.reports {
            let hour = super::super::hour_of(report.at);
            assert!(report.rain_mm <= storm.true_value(Some(&jeddah), Metric::Precipitation, hour));
            if let Some(gust) = report.wind.gust_kt {
                let gust = gust as f64 * 1.852;
                assert!(gust <= storm.true_value(Some(&jeddah), Metric::WindGust, hour), "{}", report.at);
            }
            let rainy = report.weather.as_ref().is_some_and(|weather| weather.contains("RA"));
            assert_eq!(0.0 < report.rain_mm, rainy, "{}", report.at);
        }
    }

    #[test]
    fn a_wind_group_is_read_or_refused() {
        let wind = Wind::parse("20018G31KT").unwrap();
        assert_eq!((wind.from_degrees, wind.speed_kt, wind.gust_kt), (Some(200), 18, Some(31)));
        assert_eq!(Wind::parse("VRB03KT").unwrap().from_degrees, None);
        for wrong in ["", "KT", "20018", "2001KT", "99918KT", "20018GKT", "200181G2KT", "رياحKT", "20+18KT"] {
            assert!(Wind::parse(wrong).is_err(), "{wrong}");
        }
    }
}
