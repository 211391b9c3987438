//! The formulas against the tables of their sources, and what is derived from which readings.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn close(found: f64, expected: f64, off: f64) {
    assert!((found - expected).abs() <= off, "{found} is not {expected} within {off}");
}

fn heat_index_f(temperature_f: f64, humidity: f64) -> f64 {
    Unit::Fahrenheit.from_canonical(heat_index(Unit::Fahrenheit.to_canonical(temperature_f), humidity))
}

/// The chart of the National Weather Service (<https://www.weather.gov/safety/heat-index>): °F, a line a humidity, from 80 °F in
/// steps of 2 °F. It is drawn without the adjustment for very humid air, and to the full degree.
const CHART: &[(f64, &[i32])] = &[
    (40.0, &[80, 81, 83, 85, 88, 91, 94, 97, 101, 105, 109, 114, 119, 124, 130, 136]),
    (45.0, &[80, 82, 84, 87, 89, 93, 96, 100, 104, 109, 114, 119, 124, 130, 137]),
    (50.0, &[81, 83, 85, 88, 91, 95, 99, 103, 108, 113, 118, 124, 131, 137]),
    (55.0, &[81, 84, 86, 89, 93, 97, 101, 106, 112, 117, 124, 130, 137]),
    (60.0, &[82, 84, 88, 91, 95, 100, 105, 110, 116, 123, 129, 137]),
    (65.0, &[82, 85, 89, 93, 98, 103, 108, 114, 121, 128, 136]),
    (70.0, &[83, 86, 90, 95, 100, 105, 112, 119, 126, 134]),
    (75.0, &[84, 88, 92, 97, 103, 109, 116, 124, 132]),
    (80.0, &[84, 89, 94, 100, 106, 113, 121, 129]),
    (85.0, &[85, 90, 96, 102, 110, 117, 126, 135]),
    (90.0, &[86, 91, 98, 105, 113, 122, 131]),
    (95.0, &[86, 93, 100, 108, 117, 127]),
    (100.0, &[87, 95, 103, 112, 121, 132]),
];

#[test]
fn the_heat_index_is_that_of_the_chart_of_the_weather_service() {
    let mut cells = 0;
    for (humidity, line) in CHART {
        for (place, expected) in line.iter().enumerate() {
            let t = 80.0 + 2.0 * place as f64;
            let very_humid =
                if 85.0 < *humidity && t <= 87.0 { (humidity - 85.0) / 10.0 * (87.0 - t) / 5.0 } else { 0.0 };
            close(heat_index_f(t, *humidity) - very_humid, f64::from(*expected), 1.0);
            cells += 1;
        }
    }
    assert_eq!(cells, 135);
}

#[test]
fn the_heat_index_is_adjusted_in_dry_and_in_very_humid_air_and_simple_below_80() {
    // Worked by hand from the equations of the source.
    for (t, rh, expected) in [
        (86.0, 88.0, 104.1947), // + 0.06
        (95.0, 10.0, 89.4496),  // - 0.75
        (100.0, 12.0, 94.9178), // - 0.21
        (122.0, 5.0, 111.3755), // above 112 °F nothing is subtracted
        (75.0, 50.0, 74.775),
        (60.0, 30.0, 58.555),
    ] {
        close(heat_index_f(t, rh), expected, 0.001);
    }
    close(heat_index(30.0, 105.0), heat_index(30.0, 100.0), 0.0);
}

#[test]
fn the_wbgt_is_that_of_the_published_approximation() {
    // Worked by hand: vapour pressures of 15.79, 21.14, 22.41, 16.33 and 14.31 hPa.
    for (t, rh, expected) in
        [(25.0, 50.0, 24.321), (30.0, 50.0, 29.259), (35.0, 40.0, 32.591), (42.0, 20.0, 34.171), (45.0, 15.0, 35.079)]
    {
        close(wbgt(t, rh), expected, 0.001);
    }
}

#[test]
fn the_apparent_temperature_is_that_of_the_published_formula() {
    // Worked by hand.
    for (t, rh, wind, expected) in [
        (30.0, 50.0, 2.0, 31.577),
        (20.0, 50.0, 0.0, 19.848),
        (35.0, 40.0, 5.0, 34.894),
        (45.0, 15.0, 4.0, 42.923),
        (0.0, 80.0, 10.0, -9.388),
    ] {
        close(apparent_temperature(t, rh, wind), expected, 0.001);
    }
}

#[test]
fn dew_point_and_humidity_are_the_inverse_of_each_other() {
    for (t, rh, expected) in [(20.0, 50.0, 9.261), (25.0, 60.0, 16.698), (40.0, 20.0, 12.794), (0.0, 100.0, 0.0)] {
        close(dew_point(t, rh).unwrap(), expected, 0.001);
    }
    assert_eq!(dew_point(30.0, 0.0), None, "air without any vapour has none");
}

#[test]
fn dust_has_the_classes_of_icao_and_a_class_needs_both_its_sight_and_its_gust() {
    let kt = |gust| Unit::Knot.to_canonical(gust);
    for (visibility, gust, expected) in [
        (3000.0, 60.0, 0),
        (2999.0, 20.0, 1),
        (2999.0, 19.9, 0),
        (1500.0, 30.0, 1),
        (1499.0, 30.0, 2),
        (1499.0, 29.9, 1),
        (500.0, 40.0, 2),
        (499.0, 40.0, 3),
        (100.0, 39.9, 2),
        (0.0, 5.0, 0),
    ] {
        assert_eq!(dust_level(visibility, kt(gust)), expected, "{visibility} m, {gust} kt");
    }
}

fn at(hour: i64) -> Timestamp {
    Timestamp::from_timestamp(1_765_227_600 + hour * 3600, 0).unwrap()
}

fn reading(metric: Metric, value: f64) -> Reading {
    Reading {
        governorate: GovernorateId::new("jeddah").unwrap(),
        metric,
        station: Some("OEJN".into()),
        basis: Basis::Observed,
        value,
        at: at(0),
        covers: TimeDelta::hours(1),
    }
}

fn nothing(_: &Spot, _: Metric) -> Option<f64> {
    None
}

/// What is derived of one metric from a report of `metric value` pairs.
fn derived(wanted: Metric, report: &[(Metric, f64)]) -> Option<f64> {
    let given: Vec<Reading> = report.iter().map(|(metric, value)| reading(*metric, *value)).collect();
    let found = readings(&given, &BTreeSet::from([wanted]), nothing).readings;
    assert!(found.len() <= 1);
    found.first().map(|reading| reading.value)
}

#[test]
fn little_sight_is_dust_only_where_nothing_says_otherwise() {
    use Metric::{Humidity, Visibility, WeatherCode, WindGust, WindSpeed};
    let check = |code: Option<f64>, humidity: Option<f64>, expected: Option<f64>| {
        let mut report = vec![(Visibility, 800.0), (WindGust, Unit::Knot.to_canonical(35.0))];
        report.extend(code.map(|code| (WeatherCode, code)));
        report.extend(humidity.map(|humidity| (Humidity, humidity)));
        assert_eq!(derived(Metric::DustLevel, &report), expected, "{code:?} {humidity:?}");
    };
    for dust in [6.0, 7.0, 9.0, 30.0, 34.0, 35.0, 98.0] {
        check(Some(dust), None, Some(2.0));
        check(Some(dust), Some(95.0), Some(2.0));
    }
    for other in [4.0, 10.0, 45.0, 48.0, 53.0, 65.0, 95.0, 99.0] {
        check(Some(other), Some(20.0), Some(0.0));
        check(Some(other), None, Some(0.0));
    }
    for silent in [None, Some(0.0), Some(3.0), Some(5.0)] {
        check(silent, Some(70.0), Some(2.0));
        check(silent, Some(90.0), Some(0.0));
        check(silent, Some(80.0), None);
        check(silent, None, None);
    }
    let clear = [(Visibility, 10_000.0), (WindGust, 2.0)];
    assert_eq!(derived(Metric::DustLevel, &clear), Some(0.0), "with good sight there is none, whatever else");
    let mean = [(Visibility, 800.0), (WindSpeed, 11.0), (Humidity, 10.0)];
    assert_eq!(derived(Metric::DustLevel, &mean), Some(1.0), "where no gust is named the mean wind stands for it");
    assert_eq!(derived(Metric::DustLevel, &[(Visibility, 100.0), (WeatherCode, 34.0)]), None, "without wind no class");
    assert_eq!(derived(Metric::DustLevel, &[(WindGust, 30.0), (WeatherCode, 34.0)]), None);
}

#[test]
fn what_is_derived_names_the_station_and_the_moment_it_is_made_from() {
    use Metric::{ApparentTemperature, DewPoint, HeatIndex, Temperature, WindSpeed};
    let mut given = vec![reading(Temperature, 40.0), reading(DewPoint, 20.0), reading(WindSpeed, 3.0)];
    given[0].covers = TimeDelta::minutes(10);
    let wanted = BTreeSet::from([HeatIndex, ApparentTemperature]);
    let found = readings(&given, &wanted, nothing).readings;
    let metrics: Vec<Metric> = found.iter().map(|reading| reading.metric).collect();
    assert_eq!(metrics, [HeatIndex, ApparentTemperature], "only what is wanted, by humidity from the dew point");
    for one in &found {
        assert_eq!(
            (&one.governorate, &one.station, one.basis),
            (&given[0].governorate, &given[0].station, given[0].basis)
        );
        assert_eq!((one.at, one.covers), (at(0), TimeDelta::minutes(10)), "it speaks for the time that all of them do");
    }
    assert_eq!(readings(&given, &BTreeSet::new(), nothing), Derived::default());

    let mut apart = given.clone();
    apart[1].station = Some("OEMK".into());
    assert_eq!(readings(&apart, &wanted, nothing).readings, [], "never from two stations");
    let mut apart = given.clone();
    apart[1].at = at(1);
    assert_eq!(readings(&apart, &wanted, nothing).readings, [], "never from two moments");
    let mut apart = given;
    apart[1].basis = Basis::Forecast;
    assert_eq!(readings(&apart, &wanted, nothing).readings, [], "never from what was seen and what a model says");
}

#[test]
fn what_the_feed_gives_itself_is_left_to_it() {
    use Metric::{HeatIndex, Humidity, Temperature};
    let later = Reading { at: at(1), ..reading(HeatIndex, 45.0) };
    let given = [reading(Temperature, 40.0), reading(Humidity, 30.0), later];
    assert_eq!(readings(&given, &BTreeSet::from([HeatIndex]), nothing).readings, []);
}

#[test]
fn the_other_half_may_have_come_before_and_what_does_not_follow_any_more_is_undone() {
    use Metric::{DustLevel, HeatIndex, Humidity, Temperature, Visibility, WeatherCode, WindGust};
    let before = |_: &Spot, metric: Metric| match metric {
        Humidity => Some(30.0),
        WindGust => Some(20.0),
        WeatherCode => Some(0.0),
        _ => None,
    };
    let found = readings(&[reading(Temperature, 40.0)], &BTreeSet::from([HeatIndex]), before);
    close(found.readings[0].value, heat_index(40.0, 30.0), 0.0);
    assert_eq!(found.undone, []);

    // A corrected report: the humidity that made it dust is now such that nobody can tell.
    let before = |spot: &Spot, metric: Metric| if metric == DustLevel { Some(2.0) } else { before(spot, metric) };
    let found = readings(&[reading(Visibility, 800.0), reading(Humidity, 80.0)], &BTreeSet::from([DustLevel]), before);
    assert_eq!(found.readings, []);
    assert_eq!(found.undone.iter().map(|(spot, metric)| (spot.at, *metric)).collect::<Vec<_>>(), [(at(0), DustLevel)]);
}

#[test]
fn an_impossible_value_is_not_told() {
    // 48 °C with 75 % is no air of this world; the regression makes it 117 °C.
    assert_eq!(derived(Metric::HeatIndex, &[(Metric::Temperature, 48.0), (Metric::Humidity, 75.0)]), None);
}

#[test]
fn check_knows_what_can_be_derived() {
    use Metric::{
        ApparentTemperature, DewPoint, DustLevel, HeatIndex, Humidity, Temperature, Visibility, Wbgt, WindSpeed,
    };
    let made = |given: &[Metric]| -> Vec<Metric> {
        let given: BTreeSet<Metric> = given.iter().copied().collect();
        with_derived(given.clone()).difference(&given).copied().collect()
    };
    assert_eq!(made(&[Temperature]), []);
    assert_eq!(made(&[Temperature, DewPoint]), [Humidity, HeatIndex, Wbgt]);
    assert_eq!(made(&[Temperature, Humidity, WindSpeed]), [ApparentTemperature, DewPoint, HeatIndex, Wbgt]);
    assert_eq!(made(&[Visibility, WindSpeed]), [], "nothing tells dust from fog");
    assert_eq!(made(&[Visibility, WindSpeed, Humidity]), [DustLevel]);
}

proptest! {
    #[test]
    fn moisture_there_and_back_is_the_same(t in -20.0..55.0, rh in 1.0..100.0) {
        let dew = dew_point(t, rh).unwrap();
        prop_assert!(dew <= t + 1e-9);
        prop_assert!((humidity(t, dew) - rh).abs() < 1e-6);
    }

    #[test]
    fn every_value_that_is_told_is_possible_and_check_expected_it(
        report in prop::collection::btree_map(0..Metric::ALL.len(), -60.0..60.0f64, 0..8),
        wanted in prop::sample::select(FORMULAS.map(|(metric, _)| metric).to_vec()),
    ) {
        let report: Vec<(Metric, f64)> = report.into_iter().map(|(metric, value)| {
            let metric = Metric::ALL[metric];
            let range = metric.possible();
            (metric, range.start() + (value + 60.0) / 120.0 * (range.end() - range.start()))
        }).collect();
        if let Some(value) = derived(wanted, &report) {
            prop_assert!(wanted.possible().contains(&value), "{} {}", wanted, value);
            let given: BTreeSet<Metric> = report.iter().map(|(metric, _)| *metric).collect();
            let is_sure_of_none = wanted == Metric::DustLevel && value < 1.0;
            prop_assert!(is_sure_of_none || with_derived(given).contains(&wanted));
        }
    }

    #[test]
    fn hotter_or_moister_air_never_has_a_lower_index(t in 27.0..45.0f64, rh in 40.0..79.0f64) {
        prop_assert!(heat_index(t, rh) <= heat_index(t + 0.5, rh) + 0.01);
        prop_assert!(heat_index(t, rh) <= heat_index(t, rh + 1.0) + 0.01);
        prop_assert!(wbgt(t, rh) < wbgt(t + 0.5, rh) && wbgt(t, rh) < wbgt(t, rh + 1.0));
    }
}

#[test]
fn a_humidity_that_was_measured_is_not_undone_by_a_temperature_that_comes_alone() {
    let measured = |_: &Spot, metric: Metric| (metric == Metric::Humidity).then_some(40.0);
    let alone = [reading(Metric::Temperature, 35.0)];
    assert!(readings(&alone, &BTreeSet::from([Metric::Humidity]), measured).undone.is_empty());
}
