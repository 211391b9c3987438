//! What the rule language can say, lived through: overrides by place and season, conditions, means, rates and how long it lasts.

use super::*;
use crate::ids::SeasonId;
use crate::rule::season::{Season, YearDay};
use crate::rule::{Changes, Condition, Override};

fn taif() -> GovernorateId {
    GovernorateId::new("taif").unwrap()
}

/// One value each hour from 01:00 on, of a metric at a governorate, as if measured; `-` where nothing was said.
fn hourly(metric: Metric, governorate: &GovernorateId, values: &str) -> Vec<(i64, Event)> {
    let told = values.split_whitespace().enumerate().filter(|(_, word)| *word != "-").map(|(place, word)| {
        let minute = (i64::try_from(place).unwrap() + 1) * 60;
        let covers = TimeDelta::hours(1);
        let value = word.parse().unwrap();
        let told =
            Reading { metric, covers, governorate: governorate.clone(), ..reading(minute, Basis::Observed, value) };
        (minute, asked("gauge", Batch { readings: vec![told], ..Batch::default() }))
    });
    told.collect()
}

/// A rule of a metric over a window that is yellow from a value on, at once.
fn yellow(metric: Metric, statistic: Statistic, hours: i64, direction: Direction, raise: f64) -> Rule {
    Rule {
        metric,
        window: Window { statistic, span: TimeDelta::hours(hours) },
        direction,
        thresholds: vec![Threshold { severity: Severity::Yellow, raise, clear: raise }],
        ..rain(0, 0)
    }
}

#[track_caller]
fn check_rule(rule: Rule, mut events: Vec<(i64, Event)>, end: i64, expected: &str) {
    events.sort_by_key(|(minute, _)| *minute);
    let (_, said) = live(&book(rule), &events, end);
    assert_eq!(tell(&said), expected);
}

#[test]
fn a_place_may_have_thresholds_of_its_own() {
    let mut rule = yellow(Metric::WindGust, Statistic::Max, 1, Direction::AtLeast, 20.0);
    rule.governorates = BTreeSet::from([jeddah(), taif()]);
    let higher = vec![Threshold { severity: Severity::Yellow, raise: 30.0, clear: 30.0 }];
    rule.overrides = vec![Override {
        governorates: Some(BTreeSet::from([taif()])),
        changes: Changes { thresholds: Some(higher), ..Changes::default() },
        ..Override::default()
    }];
    check_rule(rule.clone(), hourly(Metric::WindGust, &taif(), "25 29"), 120, "");
    check_rule(rule.clone(), hourly(Metric::WindGust, &taif(), "25 31"), 120, "02:00 issued yellow");
    check_rule(rule, hourly(Metric::WindGust, &jeddah(), "25"), 60, "01:00 issued yellow");
}

/// The stories begin on 9 December 2025 at 00:00 in Riyadh, 18 Jumada al-Akhirah 1447.
fn only_in(season: Season) -> RuleBook {
    let id = SeasonId::new("season").unwrap();
    let mut rule = yellow(Metric::WindGust, Statistic::Max, 1, Direction::AtLeast, 20.0);
    let switch = |is_enabled| Changes { is_enabled: Some(is_enabled), ..Changes::default() };
    rule.overrides = vec![
        Override { changes: switch(false), ..Override::default() },
        Override { seasons: BTreeSet::from([id.clone()]), changes: switch(true), ..Override::default() },
    ];
    let seasons = Seasons::new(chrono_tz::Asia::Riyadh, BTreeMap::from([(id, season)]));
    RuleBook { seasons, ..book(rule) }
}

#[test]
fn a_rule_may_hold_in_a_season_alone() {
    let told = |season: Season| {
        let (_, said) = live(&only_in(season), &hourly(Metric::WindGust, &jeddah(), "25 25 25"), 180);
        tell(&said)
    };
    let day = |month, day| YearDay { month, day };
    assert_eq!(told(Season::Hijri(day(6, 18), day(6, 18))), "01:00 issued yellow; 03:00 extended yellow");
    assert_eq!(told(Season::Hijri(day(12, 1), day(12, 14))), "");
    assert_eq!(told(Season::Cron(crate::schedule::Minutes::new("* 2-5 * * *").unwrap())), "02:00 issued yellow");
}

/// Patience and openness are those of a rule that was taken out: what was told runs out and is not lifted as if all were well.
#[test]
fn the_end_of_a_season_lifts_nothing() {
    let season = Season::Cron(crate::schedule::Minutes::new("* 0-1 * * *").unwrap());
    let book = only_in(season);
    let (_, said) = live(&book, &hourly(Metric::WindGust, &jeddah(), "25 25 1 1 1 1 1"), 420);
    assert_eq!(tell(&said), "01:00 issued yellow; 04:00 expired yellow");
}

#[test]
fn one_of_either_is_enough_and_none_is_not() {
    let mut rule = yellow(Metric::WindGust, Statistic::Max, 1, Direction::AtLeast, 20.0);
    let beyond = |metric, direction, threshold| Condition {
        metric,
        window: Window { statistic: Statistic::Max, span: TimeDelta::hours(1) },
        direction,
        threshold,
        unit: metric.public_unit(),
    };
    rule.either =
        vec![beyond(Metric::Visibility, Direction::AtMost, 1000.0), beyond(Metric::Humidity, Direction::AtMost, 20.0)];
    let with = |sight: &str, humidity: &str| {
        let mut events = hourly(Metric::Visibility, &jeddah(), sight);
        events.extend(hourly(Metric::Humidity, &jeddah(), humidity));
        events.extend(hourly(Metric::WindGust, &jeddah(), "25"));
        events
    };
    check_rule(rule.clone(), with("500", "50"), 60, "01:00 issued yellow");
    check_rule(rule.clone(), with("5000", "15"), 60, "01:00 issued yellow");
    check_rule(rule.clone(), with("5000", "50"), 60, "");
    check_rule(rule, with("-", "50"), 60, "");
}

#[test]
fn what_must_last_is_not_told_before_it_has() {
    let mut rule = yellow(Metric::Temperature, Statistic::Max, 1, Direction::AtLeast, 45.0);
    rule.lasts = TimeDelta::hours(3);
    check_rule(rule.clone(), hourly(Metric::Temperature, &jeddah(), "46 46 46 40"), 180, "");
    check_rule(rule.clone(), hourly(Metric::Temperature, &jeddah(), "46 46 46 46 40"), 240, "04:00 issued yellow");
    check_rule(rule.clone(), hourly(Metric::Temperature, &jeddah(), "46 46 40 46 46 46"), 360, "");
    check_rule(rule, hourly(Metric::Temperature, &jeddah(), "46 46 - - 46 46"), 360, "");
}

/// The gust of 13:00 began it; the one of 15:00 keeps it, though 14:00 was milder.
#[test]
fn what_has_lasted_long_enough_is_not_lifted_over_a_dip_that_is_past() {
    let mut rule = yellow(Metric::WindGust, Statistic::Max, 1, Direction::AtLeast, 20.0);
    rule.lasts = TimeDelta::hours(2);
    rule.ease_after = TimeDelta::hours(1);
    check_rule(rule.clone(), hourly(Metric::WindGust, &jeddah(), "21 21 21 10 21"), 350, "03:00 issued yellow");
    check_rule(
        rule,
        hourly(Metric::WindGust, &jeddah(), "21 21 21 10 10"),
        350,
        "03:00 issued yellow; 05:00 lifted yellow",
    );
}

#[test]
fn a_mean_is_no_peak() {
    let rule = yellow(Metric::WindSpeed, Statistic::Mean, 4, Direction::AtLeast, 10.0);
    check_rule(rule.clone(), hourly(Metric::WindSpeed, &jeddah(), "2 30 2 2"), 230, "");
    check_rule(rule.clone(), hourly(Metric::WindSpeed, &jeddah(), "2 30 4 4"), 240, "04:00 issued yellow");
    // An hour that nobody tells of may have been calm.
    check_rule(rule.clone(), hourly(Metric::WindSpeed, &jeddah(), "2 - 30 4"), 240, "");
    // What is enough whatever the silent hour was is enough.
    check_rule(rule, hourly(Metric::WindSpeed, &jeddah(), "9 - 30 9"), 240, "04:00 issued yellow");
}

#[test]
fn a_fall_of_pressure_is_told_by_the_hour() {
    let rule = yellow(Metric::Pressure, Statistic::Rate, 3, Direction::AtMost, -1.5);
    check_rule(rule.clone(), hourly(Metric::Pressure, &jeddah(), "1010 1009 1008 1007"), 240, "");
    check_rule(rule.clone(), hourly(Metric::Pressure, &jeddah(), "1010 1009 1007 1005"), 240, "04:00 issued yellow");
    check_rule(rule, hourly(Metric::Pressure, &jeddah(), "- 1009 1007 1002"), 240, "");
}

#[test]
fn a_rate_of_rain_is_its_sum_by_the_hour() {
    let rule = yellow(Metric::Precipitation, Statistic::Rate, 2, Direction::AtLeast, 10.0);
    check_rule(rule.clone(), hourly(Metric::Precipitation, &jeddah(), "5 14"), 120, "");
    check_rule(rule, hourly(Metric::Precipitation, &jeddah(), "5 15"), 120, "02:00 issued yellow");
}
