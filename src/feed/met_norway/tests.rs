//! Stories of Locationforecast answers: synthetic ones, and the recorded ones where they lie beside the project.

use geo::Coord;
use proptest::prelude::*;

use super::*;
use crate::feed::keys::tests::{feed, read};

fn now() -> Timestamp {
    "2025-12-09T00:00:00Z".parse().unwrap()
}

/// Synthetic: one place, two hourly moments and one that speaks for six hours.
fn body(first: &str) -> String {
    format!(
        r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":[39.23,21.54,12]}},"properties":{{
        "meta":{{"updated_at":"2025-12-08T22:31:00Z","units":{{"air_temperature":"celsius","wind_speed":"m/s","wind_speed_of_gust":"km/h","precipitation_amount":"mm"}}}},
        "timeseries":[{{"time":"2025-12-09T00:00:00Z","data":{first}}},
        {{"time":"2025-12-09T01:00:00Z","data":{{"instant":{{"details":{{"air_temperature":20.0}}}},"next_6_hours":{{"summary":{{"symbol_code":"heavyrainandthunder"}},"details":{{"precipitation_amount":12.5}}}}}}}},
        {{"time":"2025-12-09T07:00:00Z","data":{{"instant":{{"details":{{"air_temperature":19.0}}}}}}}}]}}}}"#
    )
}

fn told(batch: &Batch) -> String {
    let readings = batch.readings.iter().map(|reading| {
        assert_eq!(reading.basis, Basis::Forecast);
        let (at, hours) = (reading.at.format("%d %H:%M"), reading.covers.num_hours());
        format!("{at} {} {} {:.2} over {hours} h", reading.governorate, reading.metric, reading.value)
    });
    let skipped = batch.skipped.iter().map(|skip| format!("{}: {}", skip.part, skip.why));
    readings.chain(skipped).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(body: &str, expected: &str) {
    let answer = feed(&KIND, "").decode(body.as_bytes(), now());
    assert_eq!(answer.map_or_else(|why| why.to_string(), |batch| told(&batch)), expected, "{body}");
}

#[test]
fn each_place_is_asked_for_by_itself_with_four_decimals_and_its_height() {
    let Source::Web(requests) = feed(&KIND, "governorates = [\"jeddah\", \"taif\"]").source(now()) else { panic!() };
    let urls: Vec<&str> = requests.iter().map(|request| request.url.as_str()).collect();
    assert_eq!(
        urls,
        [
            "https://api.met.no/weatherapi/locationforecast/2.0/compact?lat=21.54&lon=39.23&altitude=0",
            "https://api.met.no/weatherapi/locationforecast/2.0/compact?lat=21.27&lon=40.42&altitude=0",
        ]
    );
}

#[test]
fn rain_ends_its_period_and_six_hours_are_never_told_as_one() {
    check(
        &body(
            r#"{"instant":{"details":{"air_temperature":22.5,"wind_speed":5,"wind_speed_of_gust":36,"cloud_area_fraction":9}},
            "next_1_hours":{"summary":{"symbol_code":"rainshowers_day"},"details":{"precipitation_amount":1.5}},
            "next_6_hours":{"summary":{"symbol_code":"rain"},"details":{"precipitation_amount":9}}}"#,
        ),
        "09 00:00 jeddah temperature 22.50 over 1 h\n09 00:00 jeddah wind_speed 5.00 over 1 h\n\
         09 00:00 jeddah wind_gust 10.00 over 1 h\n09 01:00 jeddah precipitation 1.50 over 1 h\n\
         09 01:00 jeddah weather_code 81.00 over 1 h\n09 01:00 jeddah temperature 20.00 over 1 h\n\
         09 07:00 jeddah precipitation 12.50 over 6 h\n09 07:00 jeddah weather_code 97.00 over 6 h\n\
         09 07:00 jeddah temperature 19.00 over 6 h",
    );
}

#[test]
fn what_is_told_anew_begins_where_the_answer_begins() {
    let body =
        body(r#"{"instant":{"details":{"air_temperature":22}},"next_1_hours":{"details":{"precipitation_amount":0}}}"#);
    let batch = feed(&KIND, "").decode(body.as_bytes(), now()).unwrap();
    let told: Vec<(Metric, i64)> =
        batch.retold.iter().map(|retold| (retold.metric, (retold.from - now()).num_hours())).collect();
    assert_eq!(told, [(Metric::Precipitation, 1), (Metric::Temperature, 0), (Metric::WeatherCode, 7)]);
    assert_eq!(batch.made, Some("2025-12-08T22:31:00Z".parse().unwrap()));
}

#[test]
fn what_cannot_be_read_is_passed_over_with_its_reason() {
    let rest = "09 01:00 jeddah temperature 20.00 over 1 h\n09 07:00 jeddah precipitation 12.50 over 6 h\n\
                09 07:00 jeddah weather_code 97.00 over 6 h\n09 07:00 jeddah temperature 19.00 over 6 h";
    check(
        &body(
            r#"{"instant":{"details":{"air_temperature":900,"wind_speed":"calm","dew_point_temperature":3,"wind_speed_of_gust":null}},"next_1_hours":{"summary":{"symbol_code":"frogs_day"}}}"#,
        ),
        &format!(
            "{rest}\njeddah timeseries[0]: 900 °C is not a possible temperature\n\
             jeddah timeseries[0]: `dew_point_temperature` has no unit\n\
             jeddah timeseries[0]: `wind_speed` is \"calm\"\njeddah timeseries[0]: `frogs_day` is not a symbol known here"
        ),
    );
    check(&body("{}").replace("39.23", "39.53"), "geometry.coordinates: 21.54, 39.53 was not asked for");
    check(&body("{}").replace("\"units\"", "\"unity\""), "properties.meta: there are no `units`");
    check("<html>", "expected Locationforecast GeoJSON, found a web page (HTML)");
    check("{}", "expected Locationforecast GeoJSON, found some other JSON");
}

#[test]
fn every_symbol_of_their_list_has_a_code_and_a_thunderstorm_is_one() {
    for (symbol, code) in [
        ("clearsky_polartwilight", 0),
        ("fog", 45),
        ("lightrainshowersandthunder_night", 95),
        ("heavyrainandthunder", 97),
        ("lightssleetshowersandthunder_day", 95),
        ("lightssnowshowersandthunder_day", 95),
        ("heavysnowshowersandthunder_day", 97),
        ("lightsleetandthunder", 95),
        ("sleetshowers_day", 84),
        ("heavyrain", 65),
    ] {
        assert_eq!(weather_code(symbol), Some(code), "{symbol}");
    }
    for other in ["", "andthunder", "_day", "lights", "thunder"] {
        assert_eq!(weather_code(other), None, "{other}");
    }
}

/// Recorded answers of 2020 for two cities far away; the recorder wrapped them in its own envelope.
#[test]
fn recorded_answers_are_read_whole() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/met-norway");
    for (file, lat, lon, first) in [
        ("tests__test_data__lat39.9lon116.4altitudeNone_compact.json", 39.9, 116.4, 30.4),
        ("tests__test_data__lat40.7lon-74.0altitude10_compact.json", 40.7, -74.0, 26.5),
    ] {
        let Ok(text) = std::fs::read_to_string(directory.join(file)) else { continue };
        let recorded: Value = serde_json::from_str(&text).unwrap();
        let id = GovernorateId::new("far-away").unwrap();
        let places = vec![Place { id, seat: Coord { x: lon, y: lat }, elevation_m: 0.0 }];
        let far = MetNorway { url: Url::parse(PUBLIC_URL).unwrap(), places };
        let at = "2020-07-20T11:20:44Z".parse().unwrap();
        let batch = far.decode(recorded["data"].to_string().as_bytes(), at).unwrap();
        assert_eq!(batch.skipped, Vec::new(), "{file}");
        let of = |metric: Metric| batch.readings.iter().filter(move |reading| reading.metric == metric);
        for metric in [Metric::Temperature, Metric::Humidity, Metric::WindSpeed, Metric::Pressure] {
            assert_eq!(of(metric).count(), 82, "{file} {metric}");
        }
        assert!((of(Metric::Temperature).next().unwrap().value - first).abs() < 1e-9);
        // 55 hours one by one, then 26 times six hours; the last moment speaks for no period.
        assert_eq!(of(Metric::Precipitation).filter(|reading| reading.covers == TimeDelta::hours(1)).count(), 55);
        assert_eq!(of(Metric::Precipitation).count(), of(Metric::WeatherCode).count());
        assert_eq!(far.gives().unwrap(), batch.readings.iter().map(|reading| reading.metric).collect());
        assert_eq!(batch.made, Some("2020-07-20T01:30:57Z".parse().unwrap()));
    }
}

#[test]
fn the_example_is_without_faults_and_mistakes_are_told() {
    let (_, faults) = read(&KIND, KIND.example.split_once('\n').unwrap().1);
    assert_eq!(faults, Vec::<String>::new());
    let (none, faults) = read(&KIND, "url = \"ftp://x\"\ngovernorates = [\"jedda\"]\nlat = 3");
    assert!(none.is_none() && faults.len() == 4, "{faults:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_answer_never_gives_an_impossible_reading(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut body = body(r#"{"instant":{"details":{"air_temperature":22}}}"#).into_bytes();
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        if let Ok(batch) = feed(&KIND, "").decode(&body, now()) {
            prop_assert!(batch.readings.iter().all(|reading| reading.metric.possible().contains(&reading.value)));
        }
    }
}
