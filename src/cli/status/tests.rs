//! The status of a service whose feeds fare differently, with a clock that stands still.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::trial::{at, awake, golden, without_colours};
use super::*;
use crate::config;
use crate::engine::{Event, Heard};
use crate::feed::Batch;
use crate::reading::{Basis, Reading};
use crate::unit::Metric;

fn configuration() -> Config {
    let channels =
        "[console]\nkind = \"console\"\naudience = \"public\"\n\n[desk]\nkind = \"console\"\naudience = \"staff\"\n";
    let files = BTreeMap::from([("channels.toml".to_owned(), channels.to_owned())]);
    config::from_files(files).unwrap().0
}

fn rain(minute: i64, value: f64) -> Reading {
    Reading {
        governorate: GovernorateId::new("jeddah").unwrap(),
        metric: Metric::Precipitation,
        station: Some("OEJN".into()),
        basis: Basis::Observed,
        value,
        at: at(minute),
        covers: TimeDelta::hours(1),
    }
}

fn asked(feed: &str, heard: Heard, ahead: i64) -> Event {
    Event::Asked { feed: FeedId::new(feed).unwrap(), heard, skew: Some(TimeDelta::seconds(ahead)) }
}

/// A service in whose files the METARs have stopped while it rains, and whose NCM is answered by a web page.
async fn lived(dir: &Path, config: &Config) {
    let mut brain = awake(dir, config).await;
    let readings = (-8..=0).map(|hour| rain(hour * 60, if hour == 0 { 45.0 } else { 0.0 })).collect();
    let metars = Heard::Batch { batch: Batch { readings, ..Batch::default() }, validators: None, entries: Vec::new() };
    let models = |value: f64| {
        let readings = (0..24).map(|hour| Reading { station: None, basis: Basis::Forecast, ..rain(hour * 60, value) });
        let batch = Batch { readings: readings.collect(), ..Batch::default() };
        Heard::Batch { batch, validators: None, entries: Vec::new() }
    };
    let page = || Heard::Unreadable { why: "expected a feed of alerts, found a web page (HTML)".to_owned() };
    let mut events = vec![(0, Event::Tick), (1, asked("metar", metars, 0)), (2, asked("open-meteo", models(0.0), 2))];
    events.extend([(3, asked("ncm-cap-ar", Heard::Unchanged, -1)), (3, asked("ncm-cap-en", page(), -1))]);
    events.extend([(4, Event::Tick), (20, Event::Tick), (34, asked("open-meteo", models(0.1), 2))]);
    events.extend([(35, asked("open-meteo-marine", models(0.0), 1)), (36, asked("open-meteo-air", Heard::Nothing, 1))]);
    events.extend([(37, asked("ncm-cap-ar", Heard::Unchanged, -1)), (38, asked("ncm-cap-en", page(), -1))]);
    events.extend([(39, asked("ncm-cap-en", page(), -1)), (40, Event::Tick)]);
    for (minute, event) in events {
        brain.turn(&event, at(minute)).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_silent_what_rests_on_it_and_what_is_owed_is_shown() {
    let (dir, config) = (tempfile::tempdir().unwrap(), configuration());
    lived(dir.path(), &config).await;
    let status = look(dir.path(), &config, at(41)).unwrap();
    assert!(!status.is_well);
    let text = table::whole(&status, config.settings.style.zone);
    assert!(text.contains("\x1b[31m metar"), "what is silent is red");
    golden("status", &without_colours(&text));
    let json = serde_json::to_value(&status).unwrap();
    let metar = json["feeds"].as_array().unwrap().iter().find(|feed| feed["id"] == "metar").unwrap();
    assert_eq!((&metar["clocks"][0]["clock"], &metar["clocks"][0]["is_past"]), (&"fetch".into(), &true.into()));
    assert_eq!(json["warnings"][0]["is_blind"], true);
    assert_eq!(json["notices"][0]["topic"]["topic"], "feed-silent");
    assert_eq!(json["channels"][1]["audience"], "staff");
}

#[tokio::test]
async fn a_service_that_stopped_is_seen_by_its_clocks() {
    let (dir, mut config) = (tempfile::tempdir().unwrap(), configuration());
    let mut rules = (*config.rules).clone();
    rules.feeds.retain(|id, _| id.as_str() == "open-meteo");
    config.rules = Arc::new(rules);
    lived(dir.path(), &config).await;
    let well = look(dir.path(), &config, at(35)).unwrap();
    assert!(well.is_well, "{well:?}");
    assert!(without_colours(&table::whole(&well, config.settings.style.zone)).starts_with("All is well."));
    // What has never been heard is not well, however young its silence is.
    let mut fresh = (*config.rules).clone();
    fresh.feeds.insert(FeedId::new("gdacs").unwrap(), config.rules.feeds.values().next().unwrap().clone());
    let fresh = Config { rules: Arc::new(fresh), ..config.clone() };
    assert!(!look(dir.path(), &fresh, at(35)).unwrap().is_well);
    let stopped = look(dir.path(), &config, at(90)).unwrap();
    assert!(!stopped.is_well && stopped.feeds[0].is_silent());
    assert_eq!(stopped.last_commit, Some(at(40)).min(stopped.last_commit));
}

#[test]
fn no_state_is_told_as_such() {
    let dir = tempfile::tempdir().unwrap();
    let why = look(dir.path(), &configuration(), at(0)).unwrap_err().to_string();
    assert!(why.contains("there is no state in") && why.contains("--state"), "{why}");
    assert!(!dir.path().join(place::DATABASE).exists(), "to look makes nothing");
}
