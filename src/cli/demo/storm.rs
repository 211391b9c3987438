//! A storm: what happened hour by hour, and what the world's feeds would have said about it at any moment.
//!
//! The rain of a governorate is that of its worst station: people are warned of the worst that falls on them, and no feed
//! knows the mean. Nothing here reads a clock or a file; a storm is told what time it is and answers in the real formats.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono_tz::Tz;
use geo::Coord;

use crate::hazard::Severity;
use crate::ids::GovernorateId;
use crate::language::Both;
use crate::problem::{Problems, SourceFile};
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Metric;

pub mod cap;
mod file;
pub mod metar;
pub mod open_meteo;

/// The storm that the program carries with it: Jeddah, 9 December 2025, reconstructed.
pub const EMBEDDED: &str = include_str!("jeddah-2025-12-09.toml");

/// The largest storm file that is read, in bytes.
pub const MAX_STORM_LEN: u64 = 1024 * 1024;

/// The longest story, so that a mistyped year is found.
pub const MAX_STORY: TimeDelta = TimeDelta::days(14);

/// How far from a point the place lies that speaks for it at most, in degrees; beyond it the weather is calm.
const NEAR_DEGREES: f64 = 0.3;

/// From this much rain in an hour on, the weather code tells a thunderstorm (WMO 4677: 95), when the file does not say.
const THUNDER_MM: f64 = 2.0;

/// Rain that a weather code does not tell, mm in an hour.
const DRIZZLE_MM: f64 = 0.1;

/// How strong the mean wind is beside its strongest gust.
const MEAN_OF_GUST: f64 = 0.6;

/// A storm, read and checked.
#[derive(Debug, Clone)]
pub struct Storm {
    /// What it is called; says that it is a reconstruction.
    pub title: Both<String>,
    /// What is published and what is invented, for whoever looks at it.
    pub notice: Both<String>,
    /// When the story begins.
    pub start: Timestamp,
    /// When it has passed.
    pub end: Timestamp,
    /// Whose hours the story is told in.
    pub zone: Tz,
    /// The published amounts of rain.
    pub published: Vec<Published>,
    /// When feeds fail, and how.
    pub faults: Vec<Fault>,
    places: BTreeMap<GovernorateId, Place>,
    calm: Calm,
    truth: BTreeMap<Metric, BTreeMap<GovernorateId, Hours>>,
    runs: Vec<Run>,
    stations: Vec<metar::Station>,
    authority: cap::Authority,
    alerts: Vec<cap::Published>,
}

/// A published amount of rain at one station.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// In which governorate it stands.
    pub governorate: GovernorateId,
    /// What it is called.
    pub name: Both<String>,
    /// Its ICAO name, when its reports are in the file.
    pub station: Option<String>,
    /// How much fell, mm.
    pub rain_mm: f64,
    /// In how many hours.
    pub hours: i64,
}

/// A point that a forecast is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    /// Longitude and latitude, degrees.
    seat: Coord<f64>,
    elevation_m: f64,
}

/// The weather where no storm is.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Calm {
    gust_km_h: f64,
    visibility_m: f64,
    temperature_c: f64,
    humidity_percent: f64,
    weather_code: f64,
    wave_m: f64,
    cape_j_kg: f64,
    dust_ug_m3: f64,
    pm10_ug_m3: f64,
}

/// Values of consecutive hours.
#[derive(Debug, Clone, PartialEq)]
struct Hours {
    /// The number of the hour at whose end the first value ends, counted from 1970.
    first: i64,
    values: Vec<f64>,
}

impl Hours {
    fn at(&self, hour: i64) -> Option<f64> {
        let place = usize::try_from(hour.checked_sub(self.first)?).ok()?;
        self.values.get(place).copied()
    }
}

/// One run of the model: how it sees the storm from its hour on.
#[derive(Debug, Clone, PartialEq)]
struct Run {
    issued: Timestamp,
    view: View,
    of: BTreeMap<GovernorateId, View>,
}

/// How a run bends the truth.
#[derive(Debug, Clone, Copy, PartialEq)]
struct View {
    factor: f64,
    gust_factor: f64,
    /// Below zero: the model has it too early.
    shift_h: i64,
}

/// Which of the world's feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FeedName {
    /// The forecast.
    OpenMeteo,
    /// The airport's reports.
    Metar,
    /// The official alerts.
    Cap,
}

impl FeedName {
    /// Every feed, by the word that the file writes for it.
    pub const WORDS: &'static [(&'static str, Self)] =
        &[("open-meteo", Self::OpenMeteo), ("metar", Self::Metar), ("cap", Self::Cap)];
}

/// A bad moment of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Of which feed.
    pub feed: FeedName,
    /// What goes wrong.
    pub kind: FaultKind,
    /// From when.
    pub from: Timestamp,
    /// Until when; at this moment it is over.
    pub until: Timestamp,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A web page comes with status 200.
    Html,
    /// A well-formed answer that holds nothing.
    Empty,
    /// The answer is held back.
    Hang,
    /// Status 503.
    Unavailable,
    /// One row of the answer is broken, and the others are sound.
    BrokenRow,
}

impl FaultKind {
    /// Every kind, by the word that the file writes for it.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("html", Self::Html),
        ("empty", Self::Empty),
        ("hang", Self::Hang),
        ("503", Self::Unavailable),
        ("broken-row", Self::BrokenRow),
    ];
}

impl Storm {
    /// Reads a storm file; every fault in it is noted. Nothing comes back when one of them makes it unusable.
    pub fn read(source: &Arc<SourceFile>, problems: &Problems) -> Option<Self> {
        file::read(source, problems)
    }

    /// The storm that the program carries with it.
    pub fn embedded() -> Self {
        let source = Arc::new(SourceFile { name: "jeddah-2025-12-09.toml".to_owned(), text: EMBEDDED.to_owned() });
        Self::read(&source, &Problems::new()).expect("a test reads the embedded storm")
    }

    /// What goes wrong with a feed at a moment.
    pub fn fault(&self, feed: FeedName, now: Timestamp) -> Option<&Fault> {
        self.faults.iter().find(|fault| fault.feed == feed && fault.from <= now && now < fault.until)
    }

    /// The sum of the rain that truly fell in a governorate in the `hours` that end at a moment, mm, at its worst station.
    pub fn rain_sum(&self, governorate: &GovernorateId, ends: Timestamp, hours: i64) -> f64 {
        let last = hour_of(ends);
        (last - hours + 1..=last).map(|hour| self.true_value(Some(governorate), Metric::Precipitation, hour)).sum()
    }

    /// What truly was, in the metric's public unit, for the hour that ends with number `hour`; `None` is anywhere else.
    fn true_value(&self, place: Option<&GovernorateId>, metric: Metric, hour: i64) -> f64 {
        let written = place.and_then(|place| self.truth.get(&metric)?.get(place)).and_then(|hours| hours.at(hour));
        written.unwrap_or(match metric {
            Metric::Temperature => self.calm.temperature_c,
            Metric::Humidity => self.calm.humidity_percent,
            Metric::WindGust => self.calm.gust_km_h,
            Metric::Visibility => self.calm.visibility_m,
            Metric::WeatherCode => self.calm.weather_code,
            Metric::WaveHeight => self.calm.wave_m,
            Metric::Cape => self.calm.cape_j_kg,
            Metric::Dust => self.calm.dust_ug_m3,
            Metric::Pm10 => self.calm.pm10_ug_m3,
            // Rain is told or none; the others follow from values above or are not in the file.
            Metric::Precipitation
            | Metric::ApparentTemperature
            | Metric::WindSpeed
            | Metric::DewPoint
            | Metric::Pressure
            | Metric::HeatIndex
            | Metric::Wbgt
            | Metric::DustLevel => 0.0,
        })
    }

    /// What the newest model run at a moment says, in the metric's public unit, for the hour that ends with number `hour`;
    /// nothing for waves on land.
    fn model_value(&self, run: &Run, place: Option<&GovernorateId>, metric: Metric, hour: i64) -> Option<f64> {
        let view = place.and_then(|place| run.of.get(place)).unwrap_or(&run.view);
        let seen = |metric| self.true_value(place, metric, hour - view.shift_h);
        let gust = || {
            let (gust, calm) = (seen(Metric::WindGust), self.calm.gust_km_h);
            if calm < gust { (gust * view.gust_factor).max(calm) } else { gust }
        };
        let rain = || round(seen(Metric::Precipitation) * view.factor, 1);
        match metric {
            Metric::Precipitation => Some(rain()),
            Metric::WindGust => Some(gust()),
            Metric::WindSpeed => Some(gust() * MEAN_OF_GUST),
            Metric::Temperature | Metric::ApparentTemperature => Some(seen(Metric::Temperature)),
            Metric::Humidity | Metric::Visibility | Metric::Cape | Metric::Dust | Metric::Pm10 => Some(seen(metric)),
            Metric::WaveHeight => self.has_waves(place).then(|| seen(metric)),
            Metric::WeatherCode => Some(self.code(place, hour - view.shift_h, rain())),
            // The storm's file does not tell of these.
            Metric::DewPoint | Metric::Pressure | Metric::HeatIndex | Metric::Wbgt | Metric::DustLevel => None,
        }
    }

    /// True where the file tells of waves; elsewhere is land.
    fn has_waves(&self, place: Option<&GovernorateId>) -> bool {
        let told = self.truth.get(&Metric::WaveHeight);
        place.is_some_and(|place| told.is_some_and(|told| told.contains_key(place)))
    }

    /// The weather code: as written, else after the rain.
    fn code(&self, place: Option<&GovernorateId>, hour: i64, rain_mm: f64) -> f64 {
        let written = place.and_then(|place| self.truth.get(&Metric::WeatherCode)?.get(place)?.at(hour));
        written.unwrap_or(if THUNDER_MM <= rain_mm {
            95.0
        } else if DRIZZLE_MM <= rain_mm {
            61.0
        } else {
            self.calm.weather_code
        })
    }

    /// The newest run at a moment; before the first one, the first.
    fn run_at(&self, now: Timestamp) -> Option<&Run> {
        self.runs.iter().rev().find(|run| run.issued <= now).or_else(|| self.runs.first())
    }

    /// The place nearest to a point, when one is near.
    fn near(&self, point: Coord<f64>) -> Option<(&GovernorateId, &Place)> {
        let distance = |place: &Place| (place.seat.x - point.x).hypot(place.seat.y - point.y);
        self.places
            .iter()
            .filter(|(_, place)| distance(place) <= NEAR_DEGREES)
            .min_by(|(_, a), (_, b)| distance(a).total_cmp(&distance(b)))
    }
}

/// The number of the hour that ends at a moment or holds it.
fn hour_of(moment: Timestamp) -> i64 {
    moment.timestamp().div_euclid(3600)
}

/// Rounds to so many decimals.
fn round(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}

/// CAP's word for a severity.
fn cap_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Advisory => "Minor",
        Severity::Yellow => "Moderate",
        Severity::Orange => "Severe",
        Severity::Red => "Extreme",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A moment of the story, by its hour in Riyadh.
    pub(crate) fn at(text: &str) -> Timestamp {
        chrono::DateTime::parse_from_rfc3339(&format!("{text}:00+03:00")).unwrap().to_utc()
    }

    pub(crate) fn id(text: &str) -> GovernorateId {
        GovernorateId::new(text).unwrap()
    }

    #[test]
    fn the_embedded_storm_has_no_fault() {
        let problems = Problems::new();
        let source = Arc::new(SourceFile { name: "jeddah".to_owned(), text: EMBEDDED.to_owned() });
        assert!(Storm::read(&source, &problems).is_some());
        let list: Vec<_> = problems.into_sorted().iter().map(|p| format!("{}: {}", p.line(), p.message)).collect();
        assert!(list.is_empty(), "{list:#?}");
    }

    #[test]
    fn the_worst_station_of_jeddah_has_135_mm_in_five_hours() {
        let storm = Storm::embedded();
        let jeddah = id("jeddah");
        let all = (storm.end - storm.start).num_hours() + 24;
        assert!((storm.rain_sum(&jeddah, storm.end, all) - 135.0).abs() < 1e-9);
        assert!((storm.rain_sum(&jeddah, at("2025-12-09T09:00"), 5) - 135.0).abs() < 1e-9);
        let published: Vec<f64> = storm.published.iter().map(|figure| figure.rain_mm).collect();
        assert_eq!(published, [135.0, 81.0, 51.0]);
    }

    #[test]
    fn the_published_figures_are_those_of_the_collection() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/weather/event_facts.tsv");
        let Ok(facts) = std::fs::read_to_string(path) else { return };
        let mut recorded: Vec<f64> = facts
            .lines()
            .filter(|line| line.starts_with("2025-12-09\tJeddah"))
            .filter_map(|line| line.split('\t').nth(3)?.parse().ok())
            .collect();
        recorded.sort_by(|a, b| b.total_cmp(a));
        let published: Vec<f64> = Storm::embedded().published.iter().map(|figure| figure.rain_mm).collect();
        assert_eq!(published, recorded);
    }

    #[test]
    fn it_says_in_both_languages_that_it_is_a_reconstruction() {
        let storm = Storm::embedded();
        for ar in [&storm.title.ar, &storm.notice.ar] {
            assert!(ar.contains("محاكاة") && ar.contains("تسجيل"), "{ar}");
        }
        for en in [&storm.title.en, &storm.notice.en] {
            assert!(en.contains("reconstruction") && en.contains("recording"), "{en}");
        }
        assert!(EMBEDDED.lines().next().unwrap().contains("A RECONSTRUCTION, NOT A RECORDING"));
    }

    #[test]
    fn every_feed_has_a_bad_moment_and_every_kind_of_it_happens() {
        let storm = Storm::embedded();
        for (word, feed) in FeedName::WORDS {
            assert!(storm.faults.iter().any(|fault| fault.feed == *feed), "{word}");
        }
        for (word, kind) in FaultKind::WORDS {
            assert!(storm.faults.iter().any(|fault| fault.kind == *kind), "{word}");
        }
        let fault = storm.fault(FeedName::Cap, at("2025-12-09T00:20")).unwrap();
        assert_eq!(fault.kind, FaultKind::Empty);
        assert_eq!(storm.fault(FeedName::Cap, fault.until), None);
    }

    #[test]
    fn a_run_rises_from_nothing_over_yellow_to_orange_before_the_rain_comes() {
        let storm = Storm::embedded();
        let jeddah = id("jeddah");
        let worst = |now: Timestamp| {
            let run = storm.run_at(now).unwrap();
            let hour = |hour| storm.model_value(run, Some(&jeddah), Metric::Precipitation, hour).unwrap();
            let first = hour_of(now);
            (first..=first + 12).map(|end| (end - 5..=end).map(hour).sum::<f64>()).fold(0.0, f64::max)
        };
        assert!(worst(at("2025-12-08T18:00")) < 10.0);
        for yellow in ["2025-12-08T20:00", "2025-12-08T22:00", "2025-12-08T23:00", "2025-12-09T01:00"] {
            assert!((10.0..25.0).contains(&worst(at(yellow))), "{yellow}: {}", worst(at(yellow)));
        }
        assert!((25.0..40.0).contains(&worst(at("2025-12-09T02:00"))));
        assert!(40.0 <= worst(at("2025-12-09T05:00")));
        assert!(worst(at("2025-12-09T16:00")) < 1.0);
    }
}
