//! Stories of JSON interfaces, all of them synthetic; and a recorded one where it lies beside the project.

use proptest::prelude::*;

use super::*;
use crate::feed::keys::tests::{feed, read};

fn now() -> Timestamp {
    "2025-12-09T00:00:00Z".parse().unwrap()
}

const STATIONS: &str = r#"url = "https://stations.example/api"
rows = "$.data[*]"
time = { path = "$.t", format = "epoch" }
station = { path = "$.station.id", governorates = { 7 = ["jeddah"], B2 = ["taif"] } }
basis = "observed"
covers = "10min"
values = [
  { path = "$.rain.value", metric = "precipitation", unit_path = "$.rain.unit", missing = ["-9999"] },
  { path = "$.gust", metric = "wind_gust", unit = "km/h" },
]
"#;

fn tell(config: &str, body: &str) -> String {
    let batch = match feed(&KIND, config).decode(body.as_bytes(), now()) {
        Ok(batch) => batch,
        Err(why) => return why.to_string(),
    };
    let readings = batch.readings.iter().map(|reading| {
        let (at, station) = (reading.at.format("%d %H:%M"), reading.station.as_deref().unwrap_or("-"));
        format!("{at} {} {station} {} {:.2}", reading.governorate, reading.metric, reading.value)
    });
    let skipped = batch.skipped.iter().map(|skip| format!("{}: {}", skip.part, skip.why));
    readings.chain(skipped).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(config: &str, body: &str, expected: &str) {
    assert_eq!(tell(config, body), expected, "{body}");
}

#[test]
fn values_are_found_by_their_paths_and_units_are_told_or_said() {
    check(
        STATIONS,
        r#"{"data":[{"t":1765238400,"station":{"id":7},"rain":{"value":0.1,"unit":"in"},"gust":"36"},
           {"t":"1765238400","station":{"id":"B2"},"rain":{"value":-9999,"unit":"mm"},"gust":null}]}"#,
        "09 00:00 jeddah 7 precipitation 2.54\n09 00:00 jeddah 7 wind_gust 10.00",
    );
}

#[test]
fn what_cannot_be_read_is_passed_over_with_its_reason() {
    check(
        STATIONS,
        r#"{"data":[{"t":1765238400,"station":{"id":7},"rain":{"value":1,"unit":"parsec"},"gust":[1,2]},
           {"t":1765238400000,"station":{"id":"B2"},"gust":3},{"station":{"id":"B2"},"gust":3},
           {"t":1765238400,"station":{},"gust":3},{"t":1765238400,"station":{"id":"B2"},"rain":{"value":1},"gust":true},8]}"#,
        "row 1 $.rain.value: `parsec` is not a unit known here: precipitation is a depth of water, in mm, cm, in, and 1 more like it\n\
         row 1 $.gust: `[1,2]` is not a number, and 1 more like it\n\
         row 2: its time cannot be read: «1765238400000», and 2 more like it\nrow 4: it does not say where it is",
    );
}

#[test]
fn an_empty_list_is_nothing_and_a_list_that_is_gone_is_a_fault() {
    assert!(feed(&KIND, STATIONS).decode(b"{\"data\":[]}", now()).unwrap().is_empty());
    check(STATIONS, "{\"error\":\"closed\"}", "rows: nothing is at `$.data[*]`; the answer has `error`");
    check(STATIONS, "{\"data\":7}", "rows: nothing is at `$.data[*]`; the answer has `data`");
    check(STATIONS, "[]", "rows: nothing is at `$.data[*]`");
    check(STATIONS, "<html>", "expected JSON, found a web page (HTML)");
    assert!(tell(STATIONS, "{\"data\":[").starts_with("the JSON: "));
}

#[test]
fn rows_of_one_parameter_each_are_read() {
    let config = r#"url = "https://stations.example/api"
rows = "$[*]"
time = { path = "$.at" }
place = { path = "$.city" }
parameter = { path = "$.p" }
value = { path = "$.v" }
basis = "forecast"
covers = "1h"
values = [{ is = "rain", metric = "precipitation", unit = "mm" }, { is = "temp", metric = "temperature", unit = "°C" }]
"#;
    check(
        config,
        r#"[{"at":"2025-12-09T04:00","city":"Taif","p":"rain","v":2},{"at":"2025-12-09T04:00","city":"جدة","p":"temp","v":31.5},
           {"at":"2025-12-09T04:00","city":"Taif","p":"fog","v":1},{"at":"2025-12-09T04:00","city":"Taif","v":1}]"#,
        "09 01:00 jeddah - temperature 31.50\n09 01:00 taif - precipitation 2.00\nrow 4: it does not say of which parameter it is",
    );
}

#[test]
fn every_mistake_in_the_table_is_told_at_once() {
    let (none, faults) =
        read(&KIND, &STATIONS.replace("$.data[*]", "data").replace("$.gust", "gust").replace("km/h", "mm"));
    let all = faults.join("\n");
    for part in ["`rows`: `data` is not a JSONPath", "`path`: `gust` is not a JSONPath", "wind_gust is a speed"] {
        assert!(none.is_none() && all.contains(part), "{part} in {all}");
    }
    let (_, faults) = read(&KIND, "");
    assert!(
        faults.concat().contains("`rows` is missing") && faults.concat().contains("`url` is missing"),
        "{faults:?}"
    );
    let (_, faults) = read(&KIND, KIND.example.split_once('\n').unwrap().1);
    assert_eq!(faults, Vec::<String>::new());
}

/// A recorded Locationforecast answer read by paths alone gives the temperatures that its own kind gives.
#[test]
fn a_recorded_answer_is_read_by_paths() {
    let file = "../shared/data/met-norway/tests__test_data__lat39.9lon116.4altitudeNone_compact.json";
    let Ok(body) = std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file)) else { return };
    let config = r#"url = "https://stations.example/api"
rows = "$.data.properties.timeseries[*]"
time = { path = "$.time" }
place = { is = ["jeddah"] }
basis = "forecast"
covers = "1h"
values = [{ path = "$.data.instant.details.air_temperature", metric = "temperature", unit = "celsius" }]
"#;
    let batch = feed(&KIND, config).decode(&body, "2020-07-20T11:20:44Z".parse().unwrap()).unwrap();
    assert_eq!((batch.readings.len(), batch.skipped.len(), batch.retold.len()), (82, 0, 1));
    assert!((batch.readings[0].value - 30.4).abs() < 1e-9);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_answer_never_gives_an_impossible_reading(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut body = br#"{"data":[{"t":1765238400,"station":{"id":7},"rain":{"value":0.1,"unit":"in"},"gust":36}]}"#.to_vec();
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        if let Ok(batch) = feed(&KIND, STATIONS).decode(&body, now()) {
            prop_assert!(batch.readings.iter().all(|reading| reading.metric.possible().contains(&reading.value)));
        }
    }
}
