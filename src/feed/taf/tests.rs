//! Stories of forecasts. The one of 6 August 2026 for Jeddah is real; all others are synthetic.

use proptest::prelude::*;

use super::*;
use crate::feed::keys::tests::{feed, only_request, read};
use crate::unit::Unit;

const CONFIG: &str = r#"stations = { OEJN = ["jeddah"] }"#;
const REAL: &str = "TAF OEJN 060500Z 0606/0712 30018KT 7000 FEW040 PROB30 TEMPO 0609/0615 3000 BLDU BECMG 0618/0620 35010KT BECMG 0708/0710 30016KT";

fn now() -> Timestamp {
    "2026-08-06T05:10:00Z".parse().unwrap()
}

/// One line for each run of hours in which nothing changes: `06-09 18/18 kt 7000 m 0`; a dash is not known.
fn tell_at(text: &str, config: &str, now: Timestamp) -> Vec<String> {
    let batch = match feed(&KIND, config).decode(text.as_bytes(), now) {
        Ok(batch) => batch,
        Err(why) => return vec![why.to_string()],
    };
    let mut hours: BTreeMap<Timestamp, BTreeMap<Metric, f64>> = BTreeMap::new();
    for reading in &batch.readings {
        assert_eq!((reading.basis, reading.covers), (Basis::Forecast, TimeDelta::hours(1)));
        assert_eq!(reading.station.as_deref(), Some("OEJN"));
        hours.entry(reading.at).or_default().insert(reading.metric, reading.value);
    }
    let mut runs: Vec<(Timestamp, Timestamp, String)> = Vec::new();
    for (at, values) in hours {
        let say = |metric: Metric| {
            values.get(&metric).map_or("-".to_owned(), |value| match metric {
                Metric::WindSpeed | Metric::WindGust => format!("{:.0}", Unit::Knot.from_canonical(*value)),
                _ => format!("{value:.0}"),
            })
        };
        let [speed, gust, sight, code] = HOURLY.map(say);
        let extreme = values.get(&Metric::Temperature).map(|degrees| format!(" {degrees:.0}°")).unwrap_or_default();
        let said = format!("{speed}/{gust} kt {sight} m {code}{extreme}");
        let from = at - TimeDelta::hours(1);
        match runs.last_mut() {
            Some((_, to, last)) if *to == from && *last == said => *to = at,
            _ => runs.push((from, at, said)),
        }
    }
    let runs =
        runs.into_iter().map(|(from, to, said)| format!("{}-{} {said}", from.format("%dT%H"), to.format("%dT%H")));
    runs.chain(batch.skipped.iter().map(|skip| format!("{}: {}", skip.part, skip.why))).collect()
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(tell_at(text, CONFIG, now()), expected, "{text}");
}

#[test]
fn dust_forecast_for_jeddah_is_read_hour_by_hour() {
    check(
        REAL,
        &[
            "06T06-06T09 18/18 kt 7000 m 0",
            "06T09-06T15 18/18 kt 3000 m 7",
            "06T15-06T20 18/18 kt 7000 m 0",
            "06T20-07T08 10/10 kt 7000 m 0",
            "07T08-07T12 16/16 kt 7000 m 0",
        ],
    );
    let json = format!(r#"[{{"icaoId":"OEJN","issueTime":"2026-08-06T05:00:00.000Z","rawTAF":"{REAL}"}}]"#);
    assert_eq!(tell_at(&json, CONFIG, now()), tell_at(REAL, CONFIG, now()));
}

#[test]
fn live_forecasts_for_jeddah_are_read_whole_where_they_are_at_hand() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/metar/OEJN_reports.tsv");
    let Ok(text) = std::fs::read_to_string(path) else { return };
    let mut read = 0;
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let Some(observed) = json::epoch(&Value::from(cells[0])) else {
            assert!(crate::feed::aviation::Report::read(cells[1]).is_nil, "{line}");
            continue;
        };
        let report = crate::feed::aviation::Report::read(cells[1]);
        let later = observed + TimeDelta::minutes(20);
        assert_eq!(report.time.unwrap().latest(later), Ok(observed), "{line}");
        let batch = feed(&KIND, CONFIG).decode(cells[2].as_bytes(), later).unwrap();
        assert_eq!(batch.skipped, [], "{line}");
        // Four values for each of 24 or 30 hours.
        assert!([4 * 24, 4 * 30].contains(&batch.readings.len()), "{line}: {}", batch.readings.len());
        read += 1;
    }
    assert_eq!(read, 3);
}

#[test]
fn an_issue_without_its_letter_is_not_taken_for_a_period() {
    check("TAF OEJN 060500 0606/0608 30010KT 9999", &["06T06-06T08 10/10 kt 10000 m 0"]);
}

#[test]
fn chances_below_the_least_probability_are_left_out() {
    let text = "TAF OEJN 060500Z 0606/0610 30018KT 9999 PROB30 0606/0607 3000 PROB40 TEMPO 0607/0608 2000 DS TEMPO 0608/0609 1000 SS";
    let with = |least: &str| tell_at(text, &format!("{CONFIG}\n{least}"), now());
    let (thirty, forty, certain) =
        ("06T06-06T07 18/18 kt 3000 m 0", "06T07-06T08 18/18 kt 2000 m 31", "06T08-06T09 18/18 kt 1000 m 31");
    assert_eq!(with("")[..3], [thirty, forty, certain]);
    assert_eq!(with("least_probability = 40")[..3], ["06T06-06T07 18/18 kt 10000 m 0", forty, certain]);
    assert_eq!(with("least_probability = 100")[..2], ["06T06-06T08 18/18 kt 10000 m 0", certain]);
}

#[test]
fn while_one_becomes_another_the_worse_of_both_counts() {
    check(
        "TAF OEJN 060500Z 0606/0612 30030G45KT 3000 BLDU BECMG 0607/0609 30010KT 9999 NSW",
        &["06T06-06T09 30/45 kt 3000 m 7", "06T09-06T12 10/10 kt 10000 m 0"],
    );
    check(
        "TAF OEJN 060500Z 0606/0612 30010KT CAVOK BECMG 0607/0609 0800 SS",
        &["06T06-06T07 10/10 kt 10000 m 0", "06T07-06T12 10/10 kt 800 m 31"],
    );
    // What a change does not speak of stays as it was.
    check(
        "TAF OEJN 060500Z 0606/0612 30010KT 3000 HZ BECMG 0607/0608 30020KT BECMG 0609/0610 CAVOK",
        &["06T06-06T07 10/10 kt 3000 m 5", "06T07-06T10 20/20 kt 3000 m 5", "06T10-06T12 20/20 kt 10000 m 0"],
    );
}

#[test]
fn from_a_minute_on_all_is_said_anew() {
    check(
        "TAF OEJN 060500Z 0606/0612 30030KT 1000 SS FM060830 30010KT 9999 FM061000 VRB03KT P6SM",
        &["06T06-06T09 30/30 kt 1000 m 31", "06T09-06T10 10/10 kt 10000 m 0", "06T10-06T12 3/3 kt 9656 m 0"],
    );
}

#[test]
fn what_comes_now_and_then_gives_its_worse_side_only() {
    check(
        "TAF OEJN 060500Z 0606/0608 30020G40KT 2000 TSRA TEMPO 0606/0607 30010KT 9999 NSW",
        &["06T06-06T08 20/40 kt 2000 m 95"],
    );
    check(
        "TAF OEJN 060500Z 0606/0608 30010KT 9999 TEMPO 0606/0607 VRB25G50KT 0500 +TSRA BKN030CB",
        &["06T06-06T07 25/50 kt 500 m 97", "06T07-06T08 10/10 kt 10000 m 0"],
    );
}

#[test]
fn days_end_at_24_and_months_and_years_turn() {
    let told = |text: &str, now: &str| tell_at(text, CONFIG, now.parse().unwrap());
    assert_eq!(
        told(
            "TAF OEJN 311700Z 3118/0106 30010KT 9999 TEMPO 3122/3124 4000 FM010100 36005KT CAVOK",
            "2025-12-31T17:10:00Z"
        ),
        [
            "31T18-31T22 10/10 kt 10000 m 0",
            "31T22-01T00 10/10 kt 4000 m 0",
            "01T00-01T01 10/10 kt 10000 m 0",
            "01T01-01T06 5/5 kt 10000 m 0"
        ]
    );
    assert_eq!(
        told("TAF OEJN 282300Z 0100/0102 30010KT 9999", "2026-03-01T00:10:00Z"),
        ["01T00-01T02 10/10 kt 10000 m 0"]
    );
    assert_eq!(
        told("TAF OEJN 302300Z 3024/0102 30010KT 9999", "2026-04-30T23:10:00Z"),
        ["01T00-01T02 10/10 kt 10000 m 0"]
    );
    // The form of before 2008.
    assert_eq!(
        told(
            "TAF OEJN 311100Z 311206 30010KT 9999 BECMG 2224 0800 FG TEMPO 0103 0200 FM0430 36005KT CAVOK",
            "2025-12-31T11:10:00Z"
        ),
        [
            "31T12-31T22 10/10 kt 10000 m 0",
            "31T22-01T01 10/10 kt 800 m 45",
            "01T01-01T03 10/10 kt 200 m 45",
            "01T03-01T05 10/10 kt 800 m 45",
            "01T05-01T06 5/5 kt 10000 m 0"
        ]
    );
}

#[test]
fn extremes_are_given_for_their_hour() {
    check(
        "TAF OEJN 060500Z 0606/0609 30010KT 9999 TX44/0608Z TNM02/0609Z",
        &["06T06-06T07 10/10 kt 10000 m 0", "06T07-06T08 10/10 kt 10000 m 0 44°", "06T08-06T09 10/10 kt 10000 m 0 -2°"],
    );
}

#[test]
fn what_cannot_be_read_is_never_calm() {
    // Weather that cannot be read, wind and sight that can.
    check(
        "TAF OEJN 060500Z 0606/0608 30010KT 9999 BLDX",
        &["06T06-06T08 10/10 kt 10000 m -", "OEJN group «BLDX»: it is no group of a forecast"],
    );
    // A station that cannot see weather does not expect that there is none.
    check("TAF OEJN 060500Z 0606/0608 30010KT 9999 //", &["06T06-06T08 10/10 kt 10000 m -"]);
    check("TAF OEJN 060500Z 0606/0608 30010KT //// UP", &["06T06-06T08 10/10 kt - m -"]);
    // A change of which nothing is legible takes the certainty from its time on; what was grave before stays so while it may.
    check(
        "TAF OEJN 060500Z 0606/0610 30010KT 4000 HZ BECMG 0607/0608 3O010KT",
        &[
            "06T06-06T07 10/10 kt 4000 m 5",
            "06T07-06T08 -/- kt 4000 m 5",
            "OEJN group «3O010KT»: it is not a wind: such as `34011KT` or `24035G52KT`",
        ],
    );
    // A sight that cannot be read is not the one of the changes, unless that is grave.
    check(
        "TAF OEJN 060500Z 0606/0608 30010KT 99X9 TEMPO 0606/0607 0500 SS TEMPO 0607/0608 9999",
        &[
            "06T06-06T07 10/10 kt 500 m 31",
            "06T07-06T08 10/10 kt - m -",
            "OEJN group «99X9»: it is no group of a forecast",
        ],
    );
    // A period that cannot be read may be any.
    check(
        "TAF OEJN 060500Z 0606/0608 30010KT 9999 TEMPO 0606/06X7 1000 SS",
        &[
            "06T06-06T08 -/- kt 1000 m 31",
            "OEJN group «0606/06X7»: it is no group of a forecast",
            "OEJN group «TEMPO»: its period cannot be read; what it says counts for all hours",
        ],
    );
    check("TAF OEJN 060500Z 30010KT 9999", &["OEJN: the forecast has no readable period"]);
    check("TAF OEJN 060500Z 0606/0806 30010KT 9999", &["OEJN: the forecast would last longer than 36 hours"]);
    check("TAF OEJN 060500Z 1006/1012 30010KT 9999", &["OEJN: the forecast does not begin near its issue"]);
}

#[test]
fn a_forecast_without_a_time_or_to_come_or_over_is_refused() {
    check("TAF OEJN 0606/0712 30018KT 7000", &["OEJN: the forecast has no readable time of issue"]);
    check("TAF OEJN 060530Z 0606/0712 30018KT 7000", &["OEJN: it is dated 2026-08-06T05:30Z, which is still to come"]);
    check("TAF OEJN 050500Z 0506/0512 30018KT 7000", &["OEJN: the forecast ended 2026-08-05T12:00Z"]);
    check("TAF OEJN 060500Z NIL", &["OEJN: the station sent no forecast (NIL)"]);
    check("[]", &[]);
    check("<html>", &["expected TAF JSON or text, found a web page (HTML)"]);
    check(
        r#"[{"icaoId":"OEJN","issueTime":"2026-08-06T05:00:00Z"},{"icaoId":"EGLL"}]"#,
        &["OEJN: the answer does not hold the raw forecast", "EGLL: it is not of a station that was asked for"],
    );
}

/// What a batch tells anew: from when, and how many things.
fn retold(text: &str) -> Vec<(String, usize)> {
    let batch = feed(&KIND, CONFIG).decode(text.as_bytes(), now()).unwrap();
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for one in &batch.retold {
        assert_eq!(one.station.as_deref(), Some("OEJN"));
        *told.entry(one.from.format("%dT%H").to_string()).or_default() += 1;
    }
    told.into_iter().collect()
}

#[test]
fn an_amended_forecast_tells_its_hours_anew_and_a_cancelled_one_leaves_them_unknown() {
    let amended = format!("{REAL}=\nTAF AMD OEJN 060500Z 0607/0712 30018KT 9999=");
    assert_eq!(tell_at(&amended, CONFIG, now()), ["06T07-07T12 18/18 kt 10000 m 0"]);
    assert_eq!(retold(&amended), [("06T08".to_owned(), 5)]);
    // The newer one counts wherever it stands.
    let old = "TAF OEJN 052300Z 0600/0706 30018KT 0500 SS=\n";
    assert_eq!(tell_at(&format!("{REAL}=\n{old}"), CONFIG, now()), tell_at(REAL, CONFIG, now()));
    let cancelled = "TAF AMD OEJN 060508Z 0605/0712 CNL=";
    check(cancelled, &["OEJN: the forecast is cancelled (CNL); its hours are not known any more"]);
    assert_eq!(retold(cancelled), [("06T06".to_owned(), 5)]);
    // There being none withdraws nothing, and neither does one that is over.
    assert_eq!(retold("TAF OEJN 060500Z NIL="), []);
    assert_eq!(retold("TAF OEJN 050500Z 0506/0512 30018KT 7000="), []);
}

#[test]
fn stations_are_asked_in_one_request_and_keys_are_checked() {
    let url = only_request(&feed(&KIND, CONFIG), now()).url;
    assert_eq!(url.as_str(), "https://aviationweather.gov/api/data/taf?ids=OEJN&format=json");
    let (_, faults) = read(&KIND, "least_probability = 20\nstations = { OEJN = [\"jedah\"] }");
    let all = faults.join("\n");
    assert!(all.contains("least_probability") && all.contains("did you mean `jeddah`?"), "{all}");
    let (_, faults) = read(&KIND, KIND.example.split_once('\n').unwrap().1);
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn a_full_forecast_gives_all_that_is_promised_and_nothing_else() {
    let feed = feed(&KIND, CONFIG);
    let text = REAL.replace("FEW040", "FEW040 TX34/0612Z");
    let given: BTreeSet<Metric> =
        feed.decode(text.as_bytes(), now()).unwrap().readings.iter().map(|one| one.metric).collect();
    assert_eq!(feed.gives(), Some(given));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a broken line makes of a forecast, what is read of it is possible and lies within its hours.
    #[test]
    fn a_mutated_forecast_never_gives_an_impossible_reading(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut body = REAL.as_bytes().to_vec();
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        if let Ok(batch) = feed(&KIND, CONFIG).decode(&body, now()) {
            prop_assert!(batch.readings.len() <= 5 * 36);
            prop_assert!(batch.readings.iter().all(|reading| reading.metric.possible().contains(&reading.value)));
            prop_assert!(batch.readings.iter().all(|reading| (reading.at - now()).abs() <= TimeDelta::days(4)));
        }
    }
}
