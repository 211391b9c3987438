//! Explanations of a night in Jeddah, with a clock that stands still: as a person reads them, and as a script does.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::trial::{at, awake, golden, without_colours};
use super::*;
use crate::alert::{Alert, Certainty, Identity, MsgType, Scope, Status, Words};
use crate::config;
use crate::engine::{Event, Heard};
use crate::feed::Batch;
use crate::hazard::Severity;
use crate::reading::{Basis, Reading};
use crate::time::TimeDelta;

/// The shipped configuration, with one rule of gusts that asks for rain too and is otherwise in winter.
fn configuration() -> Config {
    let rule = "[gusts-with-rain]\nhazard = \"wind\"\nmetric = \"wind_gust\"\nwindow = { max = \"1h\" }\n\
        at_least = { yellow = \"40 km/h\", orange = \"60 km/h\", red = \"90 km/h\" }\nsource = \"a test\"\n\
        also = [{ metric = \"precipitation\", window = { sum = \"1h\" }, at_least = \"1 mm\" }]\nease_after = \"30min\"\n\
        agree = 2\n[[gusts-with-rain.override]]\nseasons = [\"winter\"]\nat_least = { yellow = \"36 km/h\" }\n";
    let rain = config::embedded::text("rules/rain.toml").unwrap();
    let seasons = "[winter]\nfrom = \"1 November\"\nto = \"1 March\"\n";
    let files = [("rules/rain.toml", rain), ("rules/wind.toml", rule), ("seasons.toml", seasons)];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    config::from_files(BTreeMap::from(files)).unwrap().0
}

fn reading(metric: Metric, station: Option<&str>, minute: i64, value: f64) -> Reading {
    Reading {
        governorate: GovernorateId::new("jeddah").unwrap(),
        metric,
        station: station.map(Into::into),
        basis: if station.is_some() { Basis::Observed } else { Basis::Forecast },
        value,
        at: at(minute),
        covers: TimeDelta::hours(1),
    }
}

fn told(feed: &str, readings: Vec<Reading>) -> Event {
    let batch = Batch { readings, ..Batch::default() };
    let heard = Heard::Batch { batch, validators: None, entries: Vec::new() };
    Event::Asked { feed: FeedId::new(feed).unwrap(), heard, skew: None }
}

/// Orange rain of the authority for Jeddah, for six hours.
fn alert() -> Alert {
    let words = Words { language: "en".into(), sender_name: Some("the Center".into()), ..Words::default() };
    Alert {
        identity: Identity { sender: "ncm".into(), identifier: "a1".into(), sent: at(0) },
        line: None,
        part: 0,
        fingerprint: 0,
        read_at: None,
        status: Status::Actual,
        scope: Scope::Public,
        msg_type: MsgType::Alert,
        references: Vec::new(),
        hazard: Hazard::Rain,
        severity: Severity::Orange,
        certainty: Certainty::Likely,
        onset: at(0),
        expires: at(360),
        words: vec![words],
        areas: vec![GovernorateId::new("jeddah").unwrap()],
        unplaced: Vec::new(),
        all_clear: false,
        defects: Vec::new(),
    }
}

/// What is shown of a place at a minute.
fn seen(dir: &Path, config: &Config, place: &Governorate, hazard: Option<Hazard>, minute: i64) -> Report {
    let view = View::open(None, dir).unwrap_or_else(|_| panic!("no state"));
    look(&view, config, place, hazard, at(minute)).unwrap()
}

/// Rain at the airport and a model that sees more to come; the gusts of the airport stop at two o'clock.
async fn lived(dir: &Path, config: &Config) {
    let mut brain = awake(dir, config).await;
    let (rain, gust) = (Metric::Precipitation, Metric::WindGust);
    let airport = |minute: i64, fell: f64| {
        let mut all = vec![reading(rain, Some("OEJN"), minute, fell)];
        all.extend((minute <= 120).then(|| reading(gust, Some("OEJN"), minute, 11.0)));
        told("metar", all)
    };
    let model = (0..12).map(|hour| reading(rain, None, hour * 60, if hour == 5 { 4.0 } else { 0.2 }));
    let model = model.chain((0..12).map(|hour| reading(gust, None, hour * 60, 8.0 + hour as f64))).collect();
    let unreachable = Heard::Unreachable { why: "connection refused".to_owned() };
    let ncm = Event::Asked { feed: FeedId::new("ncm-cap-ar").unwrap(), heard: unreachable, skew: None };
    let events = [
        (0, airport(0, 0.0)),
        (5, told("open-meteo", model)),
        (6, ncm),
        (60, airport(60, 0.0)),
        (120, airport(120, 0.4)),
        (180, airport(180, 6.2)),
        (185, Event::Tick),
    ];
    for (minute, event) in events {
        brain.turn(&event, at(minute)).await.unwrap();
    }
}

#[tokio::test]
async fn a_tired_person_reads_why_it_is_so_and_what_would_make_it_worse() {
    let (dir, config) = (tempfile::tempdir().unwrap(), configuration());
    lived(dir.path(), &config).await;
    let jeddah = find(&config.governorates, "جدة").unwrap();
    let report = seen(dir.path(), &config, jeddah, None, 190);
    let text = whole(&report, config.settings.style.zone);
    assert!(text.starts_with("\x1b[1mJeddah, rain: "), "{text}");
    golden("explain", &without_colours(&text));
    let late = seen(dir.path(), &config, jeddah, Some(Hazard::Rain), 480);
    golden("explain_late", &without_colours(&whole(&late, config.settings.style.zone)));
}

#[tokio::test]
async fn who_keeps_quiet_and_for_whom_is_told() {
    let (dir, config) = (tempfile::tempdir().unwrap(), configuration());
    let mut brain = awake(dir.path(), &config).await;
    let heard = Heard::Batch {
        batch: Batch { alerts: vec![alert()], ..Batch::default() },
        validators: None,
        entries: Vec::new(),
    };
    let ncm = Event::Asked { feed: FeedId::new("ncm-cap-en").unwrap(), heard, skew: None };
    brain.turn(&ncm, at(1)).await.unwrap();
    let rain = (-1..=1).map(|hour| reading(Metric::Precipitation, Some("OEJN"), hour * 60, 0.6 + hour as f64));
    brain.turn(&told("metar", rain.collect()), at(60)).await.unwrap();
    let jeddah = find(&config.governorates, "jeddah").unwrap();
    let report = seen(dir.path(), &config, jeddah, Some(Hazard::Rain), 60);
    let text = whole(&report, config.settings.style.zone);
    let lines: Vec<String> = without_colours(&text).lines().take(6).map(str::to_owned).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    Jeddah, rain: orange since 00:00, until 06:00, by the Center (official).
      Told last as MKH-2025-000001.1 (official).
      The rules keep quiet up to orange: an authority speaks of it (MKH-2025-000001.1).
      rain-rate-1h sees 1.6 mm in 1h by OEJN (metar) now: yellow from 1 mm.
      13.4 mm more in 1h by OEJN (metar) now would make it red by rain-rate-1h (from 15 mm).
      38.2 mm more in 6h by OEJN (metar) now would make it red by rain-sum-6h (from 40 mm).
    ");
}

#[tokio::test]
async fn a_place_that_waits_to_be_told_with_others_is_told_to_wait() {
    let (dir, config) = (tempfile::tempdir().unwrap(), configuration());
    let mut brain = awake(dir.path(), &config).await;
    let rain = (0..=1).map(|hour| reading(Metric::Precipitation, Some("OEJN"), hour * 60, hour as f64 * 2.0));
    brain.turn(&told("metar", rain.collect()), at(60)).await.unwrap();
    let jeddah = find(&config.governorates, "jeddah").unwrap();
    let report = seen(dir.path(), &config, jeddah, Some(Hazard::Rain), 60);
    let text = without_colours(&whole(&report, config.settings.style.zone));
    let lines: Vec<&str> = text.lines().take(2).collect();
    assert_eq!(
        lines,
        [
            "Jeddah, rain: no warning.",
            "  Not told yet: yellow has begun and waits since 01:00:00 for other places, to be told with them at 01:01:00 at the latest; red \
             waits for nobody."
        ]
    );
}

#[tokio::test]
async fn a_script_reads_the_same_as_json() {
    let (dir, config) = (tempfile::tempdir().unwrap(), configuration());
    lived(dir.path(), &config).await;
    let jeddah = find(&config.governorates, "Jeddah").unwrap();
    let report = seen(dir.path(), &config, jeddah, Some(Hazard::Rain), 190);
    golden("explain_json", &serde_json::to_string_pretty(&report).unwrap());
}

#[test]
fn a_place_is_found_by_any_name_and_an_unknown_one_is_told_with_advice() {
    let book = configuration().governorates;
    for name in ["jeddah", "Jeddah", "Jiddah", "محافظة جدة", "JEDDAH"] {
        assert_eq!(find(&book, name).map(|found| found.id.to_string()), Ok("jeddah".to_owned()), "{name}");
    }
    let why = |name: &str| find(&book, name).map(|_| ()).unwrap_err();
    assert_eq!(why("jeda"), "no governorate is called `jeda`: did you mean `jeddah`?");
    assert!(why("Riyadh").contains("known here: makkah"), "{}", why("Riyadh"));
}
