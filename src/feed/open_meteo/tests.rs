//! Stories of Open-Meteo answers, all of them synthetic.

use proptest::prelude::*;

use super::*;
use crate::feed::keys::tests::{feed, read};

const NOW: &str = "2025-12-09T00:00:00Z";
const ONE: &str = r#"hourly = ["precipitation", "wind_gusts_10m", "dust"]
governorates = ["jeddah"]"#;

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// Decodes an answer whose `hourly` and `hourly_units` are given; says what was read and what was passed over.
fn check(hourly: &str, units: &str, expected: &str) {
    let body = format!(
        r#"{{"latitude":21.5,"longitude":39.25,"utc_offset_seconds":0,"hourly_units":{{{units}}},"hourly":{{"time":["2025-12-09T00:00","2025-12-09T01:00","2025-12-09T02:00"],{hourly}}}}}"#
    );
    assert_eq!(tell(ONE, &body), expected, "{body}");
}

fn tell(config: &str, body: &str) -> String {
    match feed(&KIND, config).decode(body.as_bytes(), now()) {
        Err(why) => format!("{why}"),
        Ok(batch) => {
            let mut told: Vec<String> = batch
                .readings
                .iter()
                .map(|reading| {
                    assert_eq!(reading.basis, Basis::Forecast);
                    assert_eq!(reading.covers, TimeDelta::hours(1));
                    format!(
                        "{} {} {} {:.2}",
                        reading.at.format("%d %H:%M"),
                        reading.governorate,
                        reading.metric,
                        reading.value
                    )
                })
                .collect();
            told.extend(
                batch
                    .skipped
                    .iter()
                    .filter(|skip| skip.why != "it is not in the answer")
                    .map(|skip| format!("{}: {}", skip.part, skip.why)),
            );
            told.join("\n")
        }
    }
}

#[test]
fn one_call_asks_for_all_places_with_four_decimals_in_gmt() {
    let url = keys::tests::only_request(&feed(&KIND, "hourly = [\"precipitation\"]\nforecast_hours = 6"), now()).url;
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let value = |key: &str| query.iter().find(|(name, _)| name == key).unwrap().1.clone();
    assert_eq!(value("latitude"), "21.42,21.54,21.27");
    assert_eq!(value("longitude"), "39.83,39.23,40.42");
    assert_eq!((value("hourly"), value("forecast_hours")), ("precipitation".to_owned(), "6".to_owned()));
    assert_eq!(value("timezone"), "GMT");
    assert_eq!(url.host_str(), Some("api.open-meteo.com"));
    assert_eq!(degrees(39.123_456), "39.1235");
}

#[test]
fn units_come_from_the_answer_and_both_kinds_of_micro_are_read() {
    check(
        r#""precipitation":[1.0,0,0.1],"windgusts_10m":[36,null,null],"dust":[5,6,7]"#,
        "\"precipitation\":\"inch\",\"windgusts_10m\":\"km/h\",\"dust\":\"\u{3bc}g/m³\"",
        "09 00:00 jeddah precipitation 25.40\n09 01:00 jeddah precipitation 0.00\n09 02:00 jeddah precipitation 2.54\n\
         09 00:00 jeddah wind_gust 10.00\n\
         09 00:00 jeddah dust 5.00\n09 01:00 jeddah dust 6.00\n09 02:00 jeddah dust 7.00",
    );
}

#[test]
fn an_unknown_unit_or_one_of_another_kind_is_never_guessed() {
    check(
        r#""precipitation":[1,2,3],"wind_gusts_10m":[1,2,3]"#,
        r#""precipitation":"barleycorn","wind_gusts_10m":"mm""#,
        "jeddah hourly.precipitation: `barleycorn` is not a unit of precipitation known here\n\
         jeddah hourly.wind_gusts_10m: `mm` is not a unit of wind_gust known here",
    );
    check(r#""precipitation":[1,2,3]"#, "", "jeddah hourly.precipitation: it has no unit");
}

#[test]
fn a_null_is_absent_and_never_zero() {
    let mm = r#""precipitation":"mm""#;
    check(r#""precipitation":[1,null,null]"#, mm, "09 00:00 jeddah precipitation 1.00");
    check(
        r#""precipitation":[1,null,3]"#,
        mm,
        "09 00:00 jeddah precipitation 1.00\n09 02:00 jeddah precipitation 3.00\n\
         jeddah hourly.precipitation: 1 of 3 values are null in the midst",
    );
    check(r#""precipitation":[null,null,null]"#, mm, "jeddah hourly.precipitation: every value is null");
}

/// Every hour of the answer is told anew, also one that is null at its very beginning; a column without a unit tells nothing.
#[test]
fn hours_of_an_answer_are_told_anew_from_its_first_one_on() {
    let body = r#"{"latitude":21.5,"longitude":39.25,"utc_offset_seconds":0,"hourly_units":{"precipitation":"mm","dust":"µg/m³"},
        "hourly":{"time":["2025-12-09T00:00","2025-12-09T01:00"],"precipitation":[null,2],"wind_gusts_10m":[1,2],"dust":[null,null]}}"#;
    let batch = feed(&KIND, ONE).decode(body.as_bytes(), now()).unwrap();
    let told: Vec<(Metric, Timestamp)> = batch.retold.iter().map(|retold| (retold.metric, retold.from)).collect();
    assert_eq!(told, [(Metric::Precipitation, now()), (Metric::Dust, now())]);
}

#[test]
fn impossible_values_and_uneven_lists_are_passed_over() {
    let mm = r#""precipitation":"mm""#;
    check(
        r#""precipitation":[-1,2,9999]"#,
        mm,
        "09 01:00 jeddah precipitation 2.00\n\
         jeddah hourly.precipitation[0]: -1 mm is not a possible value, and 1 more like it",
    );
    check(
        r#""precipitation":[1,"x",2]"#,
        mm,
        "09 00:00 jeddah precipitation 1.00\n09 02:00 jeddah precipitation 2.00\njeddah hourly.precipitation[1]: \"x\" mm is not a possible value",
    );
    check(r#""precipitation":[1,2]"#, mm, "jeddah hourly.precipitation: 2 values for 3 hours");
    check(r#""precipitation":7"#, mm, "jeddah hourly.precipitation: it is not a list");
}

#[test]
fn one_places_weather_is_never_given_to_another() {
    let place = |lat: f64, lon: f64, extra: &str| {
        format!(
            r#"{{"latitude":{lat},"longitude":{lon},{extra}"hourly_units":{{"precipitation":"mm"}},"hourly":{{"time":["2025-12-09T00:00"],"precipitation":[{lat}]}}}}"#
        )
    };
    let all = "hourly = [\"precipitation\"]";
    let (makkah, jeddah, taif) = (place(21.5, 39.75, ""), place(21.5, 39.25, ""), place(21.25, 40.5, ""));
    assert_eq!(
        tell(all, &format!("[{makkah},{jeddah},{taif}]")),
        "09 00:00 makkah precipitation 21.50\n09 00:00 jeddah precipitation 21.50\n09 00:00 taif precipitation 21.25"
    );
    assert_eq!(
        tell(all, &format!("[{makkah},{taif},{jeddah}]")),
        "09 00:00 makkah precipitation 21.50\n\
         jeddah: the answer is for 21.25, 40.5, too far from 21.54, 39.23\n\
         taif: the answer is for 21.5, 39.25, too far from 21.27, 40.42"
    );
    assert_eq!(tell(all, &format!("[{makkah},{taif}]")), "the list of places: 3 places were asked for and 2 answered");
    let other = place(21.5, 39.25, r#""location_id":2,"#);
    assert!(tell(all, &format!("[{makkah},{other},{taif}]")).contains("jeddah: the answer is for another place"));
}

#[test]
fn times_without_an_offset_are_read_by_the_offset_of_the_answer() {
    let body = r#"{"latitude":21.5,"longitude":39.25,"utc_offset_seconds":10800,"hourly_units":{"precipitation":"mm"},
        "hourly":{"time":["2025-12-09T03:00","2019-01-01T00:00","soon"],"precipitation":[1,2,3]}}"#;
    assert_eq!(
        tell("hourly = [\"precipitation\"]\ngovernorates = [\"jeddah\"]", body),
        "09 00:00 jeddah precipitation 1.00\njeddah hourly.precipitation[1]: its time cannot be read or is far from \
         now, and 1 more like it"
    );
}

#[test]
fn a_refusal_a_web_page_and_a_torn_answer_are_told_apart() {
    assert_eq!(
        tell(ONE, r#"{"error":true,"reason":"Hourly API request limit exceeded."}"#),
        "Open-Meteo refused: Hourly API request limit exceeded."
    );
    assert_eq!(tell(ONE, "<!DOCTYPE html><html>"), "expected Open-Meteo JSON, found a web page (HTML)");
    assert_eq!(tell(ONE, ""), "expected Open-Meteo JSON, found an empty body");
    assert_eq!(tell(ONE, "[]"), "expected Open-Meteo JSON, found some other JSON");
    assert!(tell(ONE, r#"{"latitude":21.5,"#).starts_with("the JSON: "));
}

#[test]
fn every_mistake_in_the_table_is_reported_at_once() {
    let (feed, faults) =
        read(&KIND, "url = \"ftp://x\"\nhourly = [\"precipitaton\"]\ngovernorates = [\"jedda\"]\npast_hours = -1");
    assert!(feed.is_none());
    let all = faults.join("\n");
    for part in ["1: `url`", "did you mean `precipitation`?", "did you mean `jeddah`?", "4: `past_hours`"] {
        assert!(all.contains(part), "{part} in {all}");
    }
    let (_, faults) = read(&KIND, "hourly = [\"dust\"]\ngovernorates = { tags = [\"costal\"] }");
    assert!(faults.join("\n").contains("did you mean `coastal`?"), "{faults:?}");
    let (_, faults) = read(&KIND, "hourly = [\"dust\"]\npast_hours = 0\nforecast_hours = 0");
    assert!(faults.concat().contains("asks for no hours"), "{faults:?}");
    let (_, faults) = read(&KIND, KIND.example.split_once('\n').unwrap().1);
    assert_eq!(faults, Vec::<String>::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a broken line makes of an answer, what is read of it is possible and everything else is refused.
    #[test]
    fn a_mutated_answer_never_gives_an_impossible_reading(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut body = r#"{"latitude":21.5,"longitude":39.25,"utc_offset_seconds":0,"hourly_units":{"precipitation":"mm"},"hourly":{"time":["2025-12-09T00:00","2025-12-09T01:00"],"precipitation":[1,null]}}"#.to_owned().into_bytes();
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        if let Ok(batch) = feed(&KIND, ONE).decode(&body, now()) {
            prop_assert!(batch.readings.iter().all(|reading| reading.metric.possible().contains(&reading.value)));
        }
    }
}

#[test]
fn a_key_is_for_the_customers_address_and_never_part_of_it() {
    let with_key = feed(&KIND, &format!("{ONE}\nkey = {{ file = \"om.key\" }}"));
    let request = keys::tests::only_request(&with_key, now());
    assert_eq!(request.url.host_str(), Some("customer-api.open-meteo.com"));
    assert!(!request.url.as_str().contains("apikey"));
    let source = crate::secret::SecretSource::File("om.key".into());
    assert_eq!(request.key, Some(Key { goes: KeyGoes::Query("apikey"), source }));
    let (none, faults) =
        read(&KIND, &format!("{ONE}\nkey = {{ file = \"x\" }}\nurl = \"http://models.example/v1/forecast\""));
    assert!(none.is_none() && faults.concat().contains("where everyone can read it"), "{faults:?}");
    let (none, faults) = read(&KIND, &format!("{ONE}\nkey = \"hush\""));
    assert!(none.is_none() && faults.concat().contains("a secret is not written here"), "{faults:?}");
    assert!(!faults.concat().contains("hush"));
    let own =
        keys::tests::only_request(&feed(&KIND, &format!("{ONE}\nurl = \"http://models.example/v1/forecast\"")), now());
    assert_eq!((own.url.host_str(), own.key), (Some("models.example"), None));
}

#[test]
fn dew_point_and_pressure_are_read_under_todays_and_older_names() {
    let body = r#"{"latitude":21.5,"longitude":39.25,"hourly_units":{"dewpoint_2m":"°F","pressure_msl":"hPa"},
        "hourly":{"time":[1765238400],"dewpoint_2m":[68],"pressure_msl":[1009.5]}}"#;
    assert_eq!(
        tell("hourly = [\"dew_point_2m\", \"pressure_msl\"]\ngovernorates = [\"jeddah\"]", body),
        "09 00:00 jeddah dew_point 20.00\n09 00:00 jeddah pressure 1009.50"
    );
}

#[test]
fn times_of_a_zone_without_its_offset_are_not_dated() {
    let body = r#"{"latitude":21.5,"longitude":39.25,"timezone":"Asia/Riyadh","hourly_units":{"precipitation":"mm"},
        "hourly":{"time":["2025-12-09T03:00"],"precipitation":[1]}}"#;
    assert_eq!(tell(ONE, body), "jeddah: its times are of Asia/Riyadh, without an offset");
}

/// A recorded answer of the air-quality interface for another city, with a `current` block and no `hourly` one.
#[test]
fn a_recorded_answer_for_another_place_is_theirs_and_is_not_taken_for_ours() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/open-meteo/air_quality.json");
    let Ok(body) = std::fs::read_to_string(path) else { return };
    assert_eq!(tell(ONE, &body), "jeddah: the answer is for 52.5, 13.400002, too far from 21.54, 39.23");
    let here = body.replace("52.5", "21.5").replace("13.400002", "39.25");
    assert_eq!(tell(ONE, &here), "jeddah: there is no `hourly` in the answer");
}

#[test]
fn it_gives_what_its_hourly_asks_for_and_nothing_else() {
    let asked = BTreeSet::from([Metric::Precipitation, Metric::WindGust, Metric::Dust]);
    assert_eq!(feed(&KIND, ONE).gives(), Some(asked));
}
