//! Stories of what is derived: it comes with the values it is made from, and goes with them.

use super::*;

fn value(minute: i64, metric: Metric, basis: Basis, value: f64) -> Reading {
    Reading { metric, covers: TimeDelta::hours(1), ..reading(minute, basis, value) }
}

fn hot() -> RuleBook {
    let mut rule = rain(0, 0);
    rule.hazard = Hazard::Heat;
    rule.metric = Metric::HeatIndex;
    rule.window.statistic = Statistic::Max;
    rule.thresholds = vec![Threshold { severity: Severity::Yellow, raise: 41.0, clear: 40.0 }];
    book(rule)
}

/// The hours that a feed is known to have said something of.
fn hours(state: &State, metric: Metric, basis: Basis) -> Vec<i64> {
    let draft = super::super::state::Draft::new(state);
    let shelf = draft.shelf(&jeddah());
    let mut all = shelf.of(metric, basis);
    let series = all.next().map(|(_, series)| series.points().to_vec()).unwrap_or_default();
    assert!(all.next().is_none());
    series.iter().map(|point| (point.0 - at(0).timestamp()) / 3600).collect()
}

#[test]
fn a_heat_index_that_nobody_gives_is_derived_and_its_evidence_names_who_gave_the_rest() {
    let mut readings =
        vec![value(0, Metric::Temperature, Basis::Observed, 40.0), value(0, Metric::Humidity, Basis::Observed, 45.0)];
    readings.iter_mut().for_each(|reading| reading.station = Some("OEJN".into()));
    let (_, said) = live(&hot(), &[(0, asked("gauge", Batch { readings, ..Batch::default() }))], 10);
    assert_eq!(tell(&said), "00:00 issued yellow");
    let Origin::Automatic { evidence } = &said[0].origin else { panic!() };
    let [one] = evidence.as_slice() else { panic!("{evidence:?}") };
    assert_eq!((one.metric, &one.feed, one.station.as_deref()), (Metric::HeatIndex, &feed("gauge"), Some("OEJN")));
    assert!((one.value - crate::derive::heat_index(40.0, 45.0)).abs() < 1e-9);
}

#[test]
fn what_no_rule_looks_at_is_not_derived() {
    let readings =
        vec![value(0, Metric::Temperature, Basis::Observed, 40.0), value(0, Metric::Humidity, Basis::Observed, 45.0)];
    let (state, _) = live(&hot(), &[(0, asked("gauge", Batch { readings, ..Batch::default() }))], 10);
    assert_eq!(hours(&state, Metric::HeatIndex, Basis::Observed), [0]);
    assert_eq!(hours(&state, Metric::Wbgt, Basis::Observed), [] as [i64; 0]);
}

/// A forecast of temperatures at some hours, told anew from an hour on.
fn forecast(hours: &[i64], from: i64) -> Event {
    let readings = hours.iter().flat_map(|hour| {
        [(Metric::Temperature, 40.0), (Metric::Humidity, 45.0)]
            .map(|(metric, number)| value(hour * 60, metric, Basis::Forecast, number))
    });
    let retold = [Metric::Temperature, Metric::Humidity].map(|metric| Retold {
        governorate: jeddah(),
        metric,
        station: None,
        from: at(from * 60),
    });
    asked("model", Batch { readings: readings.collect(), retold: retold.into(), ..Batch::default() })
}

#[test]
fn no_derived_value_outlives_a_forecast_that_is_told_anew() {
    let events = [(0, forecast(&[1, 2, 3, 4, 5, 6], 1)), (30, forecast(&[3, 5], 2))];
    let (state, _) = live(&hot(), &events, 40);
    assert_eq!(hours(&state, Metric::Temperature, Basis::Forecast), [1, 3, 5]);
    assert_eq!(
        hours(&state, Metric::HeatIndex, Basis::Forecast),
        [1, 3, 5],
        "it is told anew with what it is made from"
    );
}

#[test]
fn what_a_correction_leaves_open_is_taken_back() {
    let mut dusty = hot();
    dusty.rules.change(|rules| rules[0].metric = Metric::DustLevel);
    let report = |humidity: f64| {
        let values = [(Metric::Visibility, 800.0), (Metric::WindGust, 18.0), (Metric::Humidity, humidity)];
        let readings = values.map(|(metric, number)| value(0, metric, Basis::Observed, number));
        asked("gauge", Batch { readings: readings.into(), ..Batch::default() })
    };
    let known = |events: &[(i64, Event)]| hours(&live(&dusty, events, 10).0, Metric::DustLevel, Basis::Observed);
    assert_eq!(known(&[(0, report(30.0))]), [0]);
    assert_eq!(
        known(&[(0, report(30.0)), (5, report(80.0))]),
        [] as [i64; 0],
        "at 80 % nobody can tell dust from mist"
    );
    assert_eq!(known(&[(0, report(30.0)), (5, report(95.0))]), [0], "that it is none is told");
}

/// Hourly rain ahead, told anew from the hour 1 on.
fn rain_ahead(hours: &[(i64, f64)]) -> Event {
    let readings = hours.iter().map(|(hour, millimetres)| reading(hour * 60, Basis::Forecast, *millimetres)).collect();
    let retold = vec![Retold { governorate: jeddah(), metric: Metric::Precipitation, station: None, from: at(60) }];
    asked("model", Batch { readings, retold, ..Batch::default() })
}

#[test]
fn an_hour_that_a_newer_forecast_leaves_out_lifts_no_warning() {
    let dry = |but: Option<i64>| (1..=12).filter(|hour| Some(*hour) != but).map(|hour| (hour, 0.0)).collect::<Vec<_>>();
    let mut wet = dry(Some(8));
    wet.push((8, 30.0));
    let said = |last: &[(i64, f64)]| {
        let events = [(10, rain_ahead(&wet)), (60, rain_ahead(last))];
        tell(&live(&book(rain(0, 20)), &events, 200).1)
    };
    assert_eq!(said(&dry(None)), "00:10 issued orange; 01:20 lifted orange");
    assert_eq!(said(&dry(Some(8))), "00:10 issued orange", "the hour in question is not calm but unknown");
    assert_eq!(said(&dry(None)[..6]), "00:10 issued orange", "nor is it when the forecast ends before it");
}
