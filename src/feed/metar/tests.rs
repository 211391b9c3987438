//! Stories of METAR answers, all of them synthetic.

use proptest::prelude::*;

use super::*;
use crate::derive::humidity;
use crate::feed::keys;
use crate::feed::keys::tests::{feed, read};

const CONFIG: &str = r#"stations = { OEJN = ["jeddah", "makkah"], OETF = ["taif"] }"#;
const FULL: &str = r#"{"icaoId":"OEJN","obsTime":1765238400,"temp":20,"dewp":"20","wdir":"VRB","wspd":"10","wgst":null,"visib":"1.86","wxString":null,"rawOb":"METAR OEJN 090000Z VRB10KT 3000 TSRA BKN020 20/20 Q1010"}"#;

fn now() -> Timestamp {
    "2025-12-09T00:10:00Z".parse().unwrap()
}

fn check(body: &str, expected: &[&str]) {
    assert_eq!(tell(body), expected, "{body}");
}

fn tell(body: &str) -> Vec<String> {
    match feed(&KIND, CONFIG).decode(body.as_bytes(), now()) {
        Err(why) => vec![why.to_string()],
        Ok(batch) => {
            let readings = batch.readings.iter().map(|reading| {
                assert_eq!((reading.basis, reading.covers), (Basis::Observed, TimeDelta::hours(1)));
                let (station, at) = (reading.station.as_deref().unwrap(), reading.at.format("%H:%M"));
                format!("{at} {station} {} {} {:.1}", reading.governorate, reading.metric, reading.value)
            });
            let skips = batch.skipped.iter().map(|skip| format!("{}: {}", skip.part, skip.why));
            readings.chain(skips).collect()
        }
    }
}

#[test]
fn a_report_is_given_to_every_governorate_of_its_station() {
    let told = tell(&format!("[{FULL}]"));
    for line in [
        "00:00 OEJN jeddah temperature 20.0",
        "00:00 OEJN makkah temperature 20.0",
        "00:00 OEJN jeddah humidity 100.0",
        "00:00 OEJN jeddah wind_speed 5.1",
        "00:00 OEJN jeddah wind_gust 5.1",
        "00:00 OEJN jeddah visibility 3000.0",
        "00:00 OEJN jeddah weather_code 95.0",
        "00:00 OEJN jeddah dew_point 20.0",
        "00:00 OEJN jeddah pressure 1010.0",
        "OETF: the station did not report",
    ] {
        assert!(told.contains(&line.to_owned()), "{line} in {told:?}");
    }
}

#[test]
fn an_empty_list_is_empty_and_a_web_page_is_none() {
    check("[]", &[]);
    check("", &["expected METAR JSON or text, found an empty body"]);
    check("{\"status\":\"error\"}", &["expected METAR JSON or text, found some other JSON"]);
    check("<html>down for maintenance", &["expected METAR JSON or text, found a web page (HTML)"]);
    assert!(tell("[{").concat().starts_with("the JSON: "));
}

#[test]
fn a_time_of_observation_is_never_made_up() {
    let silent = "OETF: the station did not report";
    let nil = r#"[{"icaoId":"OEJN","obsTime":1765238400,"rawOb":"METAR OEJN NIL"}]"#;
    check(nil, &["OEJN: the station sent a report without an observation (NIL)", silent]);
    let timeless = r#"[{"icaoId":"OEJN","obsTime":null,"temp":20}]"#;
    check(timeless, &["OEJN: the report has no readable time of observation", silent]);
    let future = r#"[{"icaoId":"OEJN","obsTime":"1765240000","temp":20}]"#;
    check(future, &["OEJN: it is dated 2025-12-09T00:26Z, which is still to come", silent]);
    for written in ["2025-12-09T00:00:00.000Z", "2025-12-09 00:00:00", "2025-12-09T03:00:00+03:00"] {
        let body = format!(r#"[{{"icaoId":"OETF","reportTime":"{written}","temp":9}}]"#);
        check(&body, &["00:00 OETF taif temperature 9.0", "OEJN: the station did not report"]);
    }
}

#[test]
fn what_is_missing_or_impossible_is_not_read() {
    let body = r#"[7,{"icaoId":"EGLL"},{"icaoId":"OETF","obsTime":1765238400,"temp":999,"wspd":"VRB","visib":"1 1/2"},
        {"icaoId":"OEJN","obsTime":1765238400}]"#;
    check(
        body,
        &[
            "00:00 OETF taif visibility 2414.0",
            "report 0: it is not of a station that was asked for",
            "EGLL: it is not of a station that was asked for",
            "OETF temperature: 999 is not possible",
            "OEJN: the report says nothing that is read here",
        ],
    );
}

#[test]
fn a_corrected_report_overtakes_the_one_it_corrects_wherever_it_stands() {
    let report = |kind: &str, weather: &str| {
        format!(
            r#"{{"icaoId":"OETF","obsTime":1765238400,"rawOb":"METAR {kind}OETF 090000Z 10005KT 9999 {weather} 20/20 Q1010"}}"#
        )
    };
    let (wrong, right) = (report("", "FEW040"), report("COR ", "TSRA"));
    for body in [format!("[{wrong},{right}]"), format!("[{right},{wrong}]")] {
        let told = tell(&body);
        let codes: Vec<&String> = told.iter().filter(|line| line.contains("weather_code")).collect();
        assert_eq!(codes.last().unwrap().as_str(), "00:00 OETF taif weather_code 95.0", "{told:?}");
    }
}

#[test]
fn humidity_follows_magnus() {
    assert!((humidity(34.0, 20.0) - 43.9).abs() < 0.3);
    assert!((humidity(10.0, 10.0) - 100.0).abs() < 1e-9);
}

#[test]
fn stations_are_checked_and_asked_in_one_request() {
    let url = keys::tests::only_request(&feed(&KIND, CONFIG), now()).url;
    assert_eq!(url.query(), Some("ids=OEJN%2COETF&format=json"));
    let (_, faults) = read(&KIND, "[stations]\nOEJN = [\"jedah\"]\njed = []\nOETF = 7");
    let all = faults.join("\n");
    for part in
        ["2: `jedah`", "did you mean `jeddah`?", "3: `jed` is not a station", "3: `jed` stands for no", "4: `OETF`"]
    {
        assert!(all.contains(part), "{part} in {all}");
    }
    assert!(read(&KIND, "").1.concat().contains("`stations` is missing"));
    let (_, faults) = read(&KIND, KIND.example.split_once('\n').unwrap().1);
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn the_raw_report_counts_where_the_json_differs_and_the_json_fills_what_it_leaves_out() {
    let silent = "OETF: the station did not report";
    let body = r#"[{"icaoId":"OEJN","obsTime":1765238400,"temp":34,"dewp":9,"wspd":10,"wgst":null,"visib":"6+","altim":1010,"rawOb":"METAR OEJN 090000Z 24035KT 0800 SS 34/// Q1010"}]"#;
    let told = tell(&body.replace("OEJN", "OETF"));
    check_lines(
        &told,
        &[
            "00:00 OETF taif temperature 34.0",
            "00:00 OETF taif wind_speed 18.0",
            "00:00 OETF taif wind_gust 18.0",
            "00:00 OETF taif visibility 800.0",
            "00:00 OETF taif weather_code 31.0",
            "00:00 OETF taif pressure 1010.0",
            "OETF wind: the report says 18.0 m/s and its JSON 5.1; the report counts",
            "OETF visibility: the report says 800.0 m and its JSON 9656.1; the report counts",
            "OEJN: the station did not report",
        ],
    );
    // A wind that cannot be read is told and filled in; a visibility that was not observed stays unknown.
    let body = r#"[{"icaoId":"OEJN","obsTime":1765238400,"wspd":10,"visib":"6+","rawOb":"METAR OEJN 090000Z 24010XT //// FEW040 20/20 Q1010"}]"#;
    let told = tell(body);
    for line in ["00:00 OEJN jeddah wind_speed 5.1", "OEJN group «24010XT»: it is no group of a report", silent] {
        assert!(told.contains(&line.to_owned()), "{line} in {told:?}");
    }
    assert!(!told.concat().contains("visibility"), "{told:?}");
}

#[track_caller]
fn check_lines(told: &[String], expected: &[&str]) {
    assert_eq!(told, expected);
}

#[test]
fn a_raw_report_of_another_time_or_station_is_refused() {
    let silent = "OETF: the station did not report";
    let of = |raw: &str| format!(r#"[{{"icaoId":"OEJN","obsTime":1765238400,"temp":20,"rawOb":"{raw}"}}]"#);
    check(&of("METAR OETF 090000Z 24010KT 9999 20/20 Q1010"), &["OEJN: its raw report is of OETF", silent]);
    check(
        &of("METAR OEJN 080000Z 24010KT 9999 20/20 Q1010"),
        &["OEJN: it says 080000Z and came dated 2025-12-09T00:00Z; which of them is right cannot be told", silent],
    );
    // Some services date to the next full hour; the report knows its minute.
    let told = tell(&of("SPECI OEJN 082347Z 24010KT 9999 20/20 Q1010"));
    assert!(told.contains(&"23:47 OEJN jeddah wind_speed 5.1".to_owned()), "{told:?}");
}

#[test]
fn reports_as_text_are_read_and_dated_next_to_now() {
    check(
        "SASD31 OEJD 090000\nMETAR\nOETF 090000Z 00000KT CAVOK 09/M01 Q1019=\nOERK 090000Z 24010KT 9999 20/20 Q1010=\nOEJN NIL=\n",
        &[
            "00:00 OETF taif temperature 9.0",
            "00:00 OETF taif dew_point -1.0",
            "00:00 OETF taif humidity 49.6",
            "00:00 OETF taif wind_speed 0.0",
            "00:00 OETF taif wind_gust 0.0",
            "00:00 OETF taif visibility 10000.0",
            "00:00 OETF taif weather_code 0.0",
            "00:00 OETF taif pressure 1019.0",
            "OEJN: the station sent a report without an observation (NIL)",
        ],
    );
    let silent = "OETF: the station did not report";
    let to_come = "OEJN: it is dated 2025-12-09T00:30Z, which is still to come";
    check("OEJN 090030Z 00000KT CAVOK 09/M01 Q1019", &[to_come, silent]);
    let old = "OEJN: it is dated 092330Z, which is more than 48 hours ago";
    check("OEJN 092330Z 00000KT CAVOK", &["OEJN: it is dated 2025-12-09T23:30Z, which is still to come", silent]);
    check("OEJN 062330Z 00000KT CAVOK", &[&old.replace("09", "06"), silent]);
    check("METAR OEJN 00000KT CAVOK 09/M01 Q1019", &["OEJN: the report has no readable time of observation", silent]);
    check(
        "OEJN 25110Z 00000KT",
        &[
            "OEJN group «25110Z»: it is not a time: such as `181700Z`",
            "OEJN: the report has no readable time of observation",
            silent,
        ],
    );
    check("service unavailable", &["expected METAR JSON or text, found a text that begins «service unavailable»"]);
    check("SASD31 OEJD 090000\nNIL=\n", &["line 2: it is neither a report nor a heading: «NIL=»"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a broken line makes of an answer, what is read of it is possible and everything else is refused.
    #[test]
    fn a_mutated_answer_never_gives_an_impossible_reading(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut body = format!("[{FULL}]").into_bytes();
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        if let Ok(batch) = feed(&KIND, CONFIG).decode(&body, now()) {
            prop_assert!(batch.readings.iter().all(|reading| reading.metric.possible().contains(&reading.value)));
        }
    }
}

#[test]
fn a_full_report_gives_all_that_is_promised_and_nothing_else() {
    let feed = feed(&KIND, CONFIG);
    let read: BTreeSet<Metric> =
        feed.decode(format!("[{FULL}]").as_bytes(), now()).unwrap().readings.iter().map(|one| one.metric).collect();
    assert_eq!(feed.gives(), Some(read));
}
