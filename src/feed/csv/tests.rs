//! Stories of tables as networks of stations write them, all of them synthetic; and one recorded table where it lies beside the
//! project.

use proptest::prelude::*;

use super::*;
use crate::feed::keys::tests::{feed, read};
use crate::feed::rows::MAX_ROWS;
use crate::reading::Basis;

fn now() -> Timestamp {
    "2025-12-09T00:00:00Z".parse().unwrap()
}

const STATIONS: &str = r#"url = "https://stations.example/latest.csv"
time = { column = "T" }
station = { column = "S", governorates = { A1 = ["jeddah"], B2 = ["taif", "makkah"] } }
basis = "observed"
covers = "10min"
values = [
  { column = "R", metric = "precipitation", unit = "mm", missing = ["-", "-9999"] },
  { column = "G", metric = "wind_gust", unit = "km/h", covers = "1h" },
]
"#;

/// One line for each reading, then for each part that was passed over.
fn tell(config: &str, body: &[u8]) -> String {
    let batch = match feed(&KIND, config).decode(body, now()) {
        Ok(batch) => batch,
        Err(why) => return why.to_string(),
    };
    let readings = batch.readings.iter().map(|reading| {
        let (at, station) = (reading.at.format("%d %H:%M"), reading.station.as_deref().unwrap_or("-"));
        let basis = if reading.basis == Basis::Forecast { " forecast" } else { "" };
        let minutes = reading.covers.num_minutes();
        format!(
            "{at} {} {station} {} {:.2} over {minutes} min{basis}",
            reading.governorate, reading.metric, reading.value
        )
    });
    let skipped = batch.skipped.iter().map(|skip| format!("{}: {}", skip.part, skip.why));
    readings.chain(skipped).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(config: &str, body: &str, expected: &str) {
    assert_eq!(tell(config, body.as_bytes()), expected, "{body}");
}

#[test]
fn a_station_speaks_for_its_governorates_in_canonical_units() {
    check(
        STATIONS,
        "S,T,R,G\nA1,2025-12-09T02:50,1.5,36\n\nB2,2025-12-09T02:50+03:00,0,\n",
        "08 23:50 jeddah A1 precipitation 1.50 over 10 min\n08 23:50 jeddah A1 wind_gust 10.00 over 60 min\n\
         08 23:50 makkah B2 precipitation 0.00 over 10 min\n08 23:50 taif B2 precipitation 0.00 over 10 min",
    );
}

#[test]
fn what_stands_for_no_value_is_none_and_never_zero() {
    check(
        STATIONS,
        "S,T,R,G\nA1,2025-12-09T02:10,-,\nA1,2025-12-09T02:20,-9999.0,\nB2,2025-12-09T02:30,,5.4\nA1,2025-12-09T02:40,\"\",\n",
        "08 23:30 makkah B2 wind_gust 1.50 over 60 min\n08 23:30 taif B2 wind_gust 1.50 over 60 min",
    );
}

#[test]
fn a_row_without_a_time_is_passed_over_and_never_taken_as_now() {
    check(
        STATIONS,
        "S,T,R,G\nA1,,1,\nA1,soon,1,\nA1,2025-12-09,1,\nA1,2019-12-09T00:00,1,\n,2025-12-09T02:50,1,\nB2,2025-12-09T04:00,1,\n",
        "row 1: it has no time, and 2 more like it\nrow 4: its time 2019-12-08 21:00:00 UTC is far from now\n\
         row 5: it does not say where it is\n\
         row 6 R: it was observed at 2025-12-09 01:00:00 UTC, which is yet to come\nA1: no row is of it",
    );
}

#[test]
fn what_is_impossible_is_passed_over_and_faults_of_one_kind_are_one() {
    let rows: String = (0..500).map(|_| "A1,2025-12-09T02:50,-5,x\n").collect();
    check(
        STATIONS,
        &format!("S,T,R,G\n{rows}B2,2025-12-09T02:50,1,"),
        "08 23:50 makkah B2 precipitation 1.00 over 10 min\n08 23:50 taif B2 precipitation 1.00 over 10 min\n\
         row 1 R: -5 mm is not a possible precipitation, and 499 more like it\n\
         row 1 G: `x` is not a number, and 499 more like it",
    );
}

#[test]
fn stations_that_are_not_listed_are_told_unless_they_are_to_be_ignored() {
    let body =
        "S,T,R,G\nX9,2025-12-09T02:50,1,\nX8,2025-12-09T02:50,1,\nA1,2025-12-09T02:50,1,\nB2,2025-12-09T02:50,,\n";
    let read = "08 23:50 jeddah A1 precipitation 1.00 over 10 min";
    check(STATIONS, body, &format!("{read}\nplaces: 2 rows are of places that are not listed: X8, X9"));
    let ignoring = STATIONS.replace("[\"taif\", \"makkah\"] }", "[\"taif\", \"makkah\"] }, ignore_others = true");
    check(&ignoring, body, read);
}

#[test]
fn of_two_values_for_one_moment_the_last_counts_and_that_is_told() {
    check(
        &STATIONS.replace(", B2 = [\"taif\", \"makkah\"]", ""),
        "S,T,R,G\nA1,2025-12-09T02:50,1,\nA1,2025-12-09T02:50,7,\nA1,2025-12-09T02:50,7,\n",
        "08 23:50 jeddah A1 precipitation 7.00 over 10 min\n\
         rows: 1 values are for a moment and place that another row gives differently; the last one counts",
    );
}

#[test]
fn a_table_of_parameters_with_its_own_units_and_another_way_of_writing_is_read() {
    let config = r##"url = "https://stations.example/long.csv"
delimiter = ";"
decimal = ","
comment = "#"
encoding = "windows-1256"
skip_lines = 1
header = false
time = { columns = [1, 2], format = "%d/%m/%Y %H:%M", zone = "UTC" }
place = { column = 3 }
parameter = { column = 4 }
value = { column = 5 }
basis = "forecast"
covers = "1h"
values = [
  { is = "RN", metric = "precipitation", unit_column = 6 },
  { is = "TT", metric = "temperature", unit_column = 6 },
]
"##;
    let body = "جدول\n# a comment\n09/12/2025;01:00;جدة;RN;1,5;mm\n09/12/2025;01:00;جده;TT;300,15;K\n09/12/2025;02:00;الطائف;RN;1;km/h\n\
                09/12/2025;02:00;taif;XX;1;mm\n09/12/2025;02:00;أبها;RN;1;mm\n09/12/2025;03:00;jeddah;RN;1.5;mm\n";
    let (bytes, _, _) = encoding_rs::WINDOWS_1256.encode(body);
    assert_eq!(
        tell(config, &bytes),
        "09 01:00 jeddah - precipitation 1.50 over 60 min forecast\n09 01:00 jeddah - temperature 27.00 over 60 min forecast\n\
         row 3 RN: `km/h` is of another kind: precipitation is a depth of water, in mm, cm, in, and 1 more like it\n\
         places: 1 rows are of places that are not listed: أبها"
    );
    let batch = feed(&KIND, config).decode(&bytes, now()).unwrap();
    let retold: Vec<Metric> = batch.retold.iter().map(|retold| retold.metric).collect();
    assert_eq!(retold, [Metric::Precipitation, Metric::Temperature], "a forecast is told anew");
}

#[test]
fn a_header_without_its_columns_and_another_format_are_told() {
    check(STATIONS, "S,R,G\nA1,1,2\n", "the header: there is no column `T`; there are S, R, G");
    check(STATIONS, "S,T,T,R,G\n", "the header: there are 2 columns `T`");
    check(
        STATIONS,
        "S,T,G\nA1,2025-12-09T02:50,36\nB2,2025-12-09T02:50,\n",
        "08 23:50 jeddah A1 wind_gust 10.00 over 60 min\nthe header: there is no column `R`; there are S, T, G",
    );
    check(STATIONS, "<html>", "expected CSV, found a web page (HTML)");
    check(STATIONS, "", "expected CSV, found an empty body");
    check(STATIONS, "S,T,R,G\n", "");
    assert!(
        feed(&KIND, STATIONS).decode(b"S,T,R,G\n", now()).unwrap().is_empty(),
        "a header alone is nothing, and no calm"
    );
    check(
        STATIONS,
        "\u{feff}S,T,R,G\nA1,2025-12-09T02:50,1,\nB2,2025-12-09T02:50,,",
        "08 23:50 jeddah A1 precipitation 1.00 over 10 min",
    );
}

/// `1,5` without quotes is two cells, and what stood under the gust would stand under nothing; a file that is still being written
/// ends within a row.
#[test]
fn a_row_whose_cells_may_have_moved_is_passed_over() {
    check(
        STATIONS,
        "S,T,R,G\nA1,2025-12-09T02:40,1,5,36\nA1,2025-12-09T02:50,2,,\nB2,2025-12-09T02:50,,\nB2,2025-12-09T02:50,1",
        "08 23:50 jeddah A1 precipitation 2.00 over 10 min\nrow 1: it has 5 cells where there should be 4, and 1 more like it",
    );
    check(
        STATIONS,
        "S,T,R,G\nA1,2025-12-09T02:50,2,\nB2,2025-12-09T02:50,,\"\nA1,2025-12-09T02:55,99,\n",
        "08 23:50 jeddah A1 precipitation 2.00 over 10 min\nB2: no row is of it\n\
         row 2: a cell goes on over lines: a quote may not be closed",
    );
}

#[test]
fn rows_without_end_are_read_to_a_limit_and_that_is_told() {
    let rows = "A1,2025-12-09T02:50,1,\n".repeat(MAX_ROWS + 5);
    let batch = feed(&KIND, STATIONS).decode(format!("S,T,R,G\n{rows}").as_bytes(), now()).unwrap();
    assert_eq!(batch.readings.len(), 1);
    assert!(batch.skipped.iter().any(|skip| skip.why.contains("the rest was not read")), "{:?}", batch.skipped);
}

#[test]
fn every_mistake_in_the_table_is_told_at_once() {
    let check = |config: &str, expected: &[&str]| {
        let (none, faults) = read(&KIND, config);
        assert!(none.is_none(), "{config}");
        let all = faults.join("\n");
        expected.iter().for_each(|part| assert!(all.contains(part), "{part} in {all}"));
    };
    check("", &["`url` is missing", "`time` is missing", "nothing says where a row is for", "`values` is missing"]);
    check(
        &STATIONS
            .replace("unit = \"mm\"", "unit = \"km/h\"")
            .replace("wind_gust", "wind_gusts")
            .replace("A1 = [\"jeddah\"]", "A1 = [\"jedda\"]"),
        &["is of another kind: precipitation", "did you mean `wind_gust`?", "did you mean `jeddah`?"],
    );
    check(&STATIONS.replace("basis = \"observed\"\n", ""), &["observed or is a forecast"]);
    check(&STATIONS.replace("covers = \"10min\"\n", ""), &["how long the value speaks for"]);
    check(&STATIONS.replace("unit = \"mm\"", "unit = \"mm\", unit_column = \"U\""), &["the unit is given twice"]);
    check(&STATIONS.replace("unit = \"mm\", ", ""), &["the value has no unit"]);
    check(
        &STATIONS
            .replace("time = { column = \"T\" }", "time = { column = \"T\", format = \"%d/%m\", zone = \"Riyadh\" }"),
        &["does not hold a whole date", "is not a time zone"],
    );
    check(&format!("header = false\n{STATIONS}"), &["a column is named and the table has no header"]);
    check(&format!("delimiter = \"\\\"\"\n{STATIONS}"), &["must differ"]);
    check(&format!("parameter = {{ column = \"P\" }}\n{STATIONS}"), &["only one is written", "`is` is missing"]);
    check(&format!("place = {{ is = [\"jeddah\"] }}\n{STATIONS}"), &["`station` and `place` are both written"]);
    let (_, faults) = read(&KIND, KIND.example.split_once('\n').unwrap().1);
    assert_eq!(faults, Vec::<String>::new());
}

/// Hourly values of a station of Beijing, recorded in 2013 and published by UCI: a real table of a real network, with another zone.
#[test]
fn a_recorded_table_is_read_whole() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/weather/beijing_aotizhongxin_events.csv");
    let Ok(body) = std::fs::read(path) else { return };
    let config = r#"url = "https://stations.example/beijing.csv"
time = { column = "time_local", format = "%Y-%m-%d %H:%M:%S", zone = "Asia/Shanghai" }
station = { column = "station", governorates = { Aotizhongxin = ["jeddah"] } }
basis = "observed"
covers = "1h"
values = [
  { column = "RAIN", metric = "precipitation", unit = "mm" },
  { column = "PM10", metric = "pm10", unit = "µg/m³" },
  { column = "TEMP", metric = "temperature", unit = "°C" },
  { column = "WSPM", metric = "wind_speed", unit = "m/s" },
]
"#;
    let beijing = feed(&KIND, config);
    let at: Timestamp = "2013-09-01T00:00:00Z".parse().unwrap();
    let batch = beijing.decode(&body, at).unwrap();
    let text = String::from_utf8(body).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let near = |row: &&Vec<&str>| row[0] < "2013-12-03";
    for (column, metric) in
        [(6, Metric::Precipitation), (2, Metric::Pm10), (3, Metric::Temperature), (8, Metric::WindSpeed)]
    {
        // What was observed after the moment of reading is passed over.
        let expected =
            rows.iter().filter(near).filter(|row| !row[column].is_empty() && row[0] <= "2013-09-01 08:15:00").count();
        let found = batch.readings.iter().filter(|reading| reading.metric == metric).count();
        assert_eq!(found, expected, "{metric}: {:?}", batch.skipped);
        assert!(0 < found);
    }
    let first = &batch.readings[0];
    assert_eq!(first.at, "2013-08-10T16:00:00Z".parse::<Timestamp>().unwrap(), "midnight in Beijing");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_table_never_gives_an_impossible_reading(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut body = b"S,T,R,G\nA1,2025-12-09T02:50,1.5,36\nB2,2025-12-09T02:50,\"2\",3\n".to_vec();
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        if let Ok(batch) = feed(&KIND, STATIONS).decode(&body, now()) {
            prop_assert!(batch.readings.iter().all(|reading| reading.metric.possible().contains(&reading.value)));
        }
    }
}

#[test]
fn a_word_that_stands_for_a_value_is_read_as_it_and_any_other_is_told() {
    let config = STATIONS.replace("unit = \"km/h\"", "unit = \"km/h\", words = { calm = 0, Sturm = 80.5 }");
    let table = "S,T,R,G\nA1,2025-12-09T02:40,,calm\nA1,2025-12-09T02:50,,Sturm\nA1,2025-12-09T02:55,,breeze\n";
    let batch = feed(&KIND, &config).decode(table.as_bytes(), now()).unwrap();
    let values: Vec<String> = batch.readings.iter().map(|reading| format!("{:.1}", reading.value * 3.6)).collect();
    assert_eq!(values, ["0.0", "80.5"]);
    assert!(batch.skipped.iter().any(|skip| skip.why == "`breeze` is not a number"), "{:?}", batch.skipped);
    let (none, faults) = read(&KIND, &config.replace("80.5", "\"loud\""));
    assert!(none.is_none() && faults.concat().contains("`Sturm`: expected a number, found a text"), "{faults:?}");
}

#[test]
fn a_table_that_was_kept_is_read_however_old_it_is() {
    let file = Arc::new(crate::problem::SourceFile { name: "a.toml".to_owned(), text: STATIONS.to_owned() });
    let problems = crate::problem::Problems::new();
    let around = keys::tests::surroundings();
    let kept = crate::table::read_file(&file, &problems, |table| Kept::parse(&table, &around)).unwrap();
    let table = "S,T,R,G\nA1,2013-12-09T02:40,1,\nA1,2018-12-09T02:50,2,x\nC3,2019-12-09T02:50,2,\n";
    let rows = kept.read(table.as_bytes(), 100).unwrap();
    assert_eq!((rows.batch.readings.len(), rows.rows, rows.passed_over), (2, 3, 2), "{rows:?}");
    assert_eq!(kept.read(table.as_bytes(), 1).unwrap().batch.readings.len(), 1);
}
