//! The account of random series against the judgement of the same.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::hazard::Hazard;
use crate::ids::RuleId;
use crate::rule::judge::world::{World, at, feed, jeddah};
use crate::rule::{FeedTerms, Sight, Statistic, Threshold, Voice};
use crate::unit::{Metric, Unit};

/// Rain in two hours: yellow from 10 mm, orange from 25 mm, red from 40 mm.
fn rain() -> Rule {
    let threshold = |severity, raise: f64| Threshold { severity, raise, clear: raise * 0.9 };
    Rule {
        id: RuleId::new("rain").unwrap(),
        hazard: Hazard::Rain,
        metric: Metric::Precipitation,
        window: Window { statistic: Statistic::Sum, span: TimeDelta::hours(2) },
        sight: Sight::Any,
        look_ahead: TimeDelta::hours(6),
        direction: Direction::AtLeast,
        thresholds: vec![
            threshold(Severity::Yellow, 10.0),
            threshold(Severity::Orange, 25.0),
            threshold(Severity::Red, 40.0),
        ],
        unit: Unit::Millimetre,
        rise_after: TimeDelta::zero(),
        ease_after: TimeDelta::hours(1),
        lasts: TimeDelta::zero(),
        highest_from_forecast: Severity::Orange,
        may_raise: BTreeMap::new(),
        agree: Agreement::Feeds(1),
        governorates: BTreeSet::from([jeddah()]),
        also: Vec::new(),
        either: Vec::new(),
        overrides: Vec::new(),
        source: "a test".into(),
        signed_off_by: None,
        notes: None,
    }
}

/// The least sight in two hours: yellow from 40 m down, orange from 25 m, red from 10 m.
fn fog() -> Rule {
    let threshold = |severity, raise: f64| Threshold { severity, raise, clear: raise * 1.1 };
    Rule {
        metric: Metric::Visibility,
        window: Window { statistic: Statistic::Min, span: TimeDelta::hours(2) },
        direction: Direction::AtMost,
        thresholds: vec![
            threshold(Severity::Yellow, 40.0),
            threshold(Severity::Orange, 25.0),
            threshold(Severity::Red, 10.0),
        ],
        unit: Unit::Metre,
        ..rain()
    }
}

fn feeds() -> BTreeMap<FeedId, FeedTerms> {
    BTreeMap::from([
        (feed("gauge"), FeedTerms::new("csv", TimeDelta::minutes(90))),
        (feed("metar"), FeedTerms::new("metar", TimeDelta::hours(2))),
        (feed("model"), FeedTerms::new("open-meteo", TimeDelta::hours(3))),
    ])
}

fn told(rule: &Rule, world: &World, minute: i64) -> Account {
    let feeds = feeds();
    let trust = Trust { feeds: &feeds, longest_silence: TimeDelta::hours(12) };
    account(rule, &jeddah(), world, trust, at(minute))
}

#[track_caller]
fn severity(account: &Account, severity: Severity) -> &SeverityAccount {
    account.severities.iter().find(|one| one.severity == severity).unwrap()
}

const RAIN: Metric = Metric::Precipitation;

#[test]
fn what_is_lacking_is_told_by_the_nearest_who_may_say_so() {
    let world = World::default().with("gauge", RAIN, Basis::Observed, &[(0, 0.0), (60, 4.0), (120, 8.0)]).with(
        "model",
        RAIN,
        Basis::Forecast,
        &[(60, 0.0), (120, 0.0), (180, 20.0), (240, 18.0)],
    );
    let account = told(&rain(), &world, 120);
    let yellow = severity(&account, Severity::Yellow);
    assert_eq!((yellow.verdict, yellow.by.as_ref().unwrap().value), (Verdict::Reached, 38.0));
    let red = severity(&account, Severity::Red);
    let lack = red.lacks.as_ref().unwrap();
    assert_eq!((lack.by, lack.feed.as_str()), (28.0, "gauge"), "the model may not raise it, however near it is");
    assert_eq!(account.voices[1].ahead.as_ref().unwrap().least, Some(38.0));
}

#[test]
fn where_less_is_worse_less_is_lacking() {
    let sight = Metric::Visibility;
    let world = World::default().with("gauge", sight, Basis::Observed, &[(-60, 900.0), (0, 30.0)]);
    let account = told(&fog(), &world, 0);
    assert_eq!(severity(&account, Severity::Yellow).by.as_ref().unwrap().value, 30.0);
    assert_eq!(severity(&account, Severity::Orange).lacks.as_ref().unwrap().by, 5.0);
    assert_eq!(account.way, Way::AtMost);
    let gap = World::default().with("gauge", sight, Basis::Observed, &[(0, 300.0)]);
    let account = told(&fog(), &gap, 0);
    assert_eq!(severity(&account, Severity::Yellow).verdict, Verdict::Unknown);
    let window = &account.voices[0].now;
    assert_eq!((window.least, window.most, window.gaps.len()), (None, Some(300.0), 1));
}

#[test]
fn why_nobody_can_tell_is_told() {
    let why = |rule: &Rule, world: &World, minute| {
        let account = told(rule, world, minute);
        let mut why = severity(&account, Severity::Yellow).why.clone();
        why.extend(account.voices.iter().flat_map(|voice| voice.says.iter()).flat_map(|says| says.why.clone()));
        why.dedup();
        why
    };
    let gauge = |points: &[(i64, f64)]| World::default().with("gauge", RAIN, Basis::Observed, points);
    assert_eq!(why(&rain(), &World::default(), 0), [Doubt::NoSeries]);
    assert_eq!(why(&rain(), &gauge(&[(0, 1.0)]), 800), [Doubt::AllDead]);
    assert_eq!(why(&rain(), &gauge(&[(0, 1.0)]), 100), [Doubt::Stale]);
    let gap = Gap { from: at(0), to: at(60) };
    assert_eq!(why(&rain(), &gauge(&[(120, 1.0)]), 120), [Doubt::Missing { gap }]);
    let frozen = World { frozen: BTreeSet::from([feed("gauge")]), ..gauge(&[(0, 0.0), (60, 0.0)]) };
    assert_eq!(why(&rain(), &frozen, 60), [Doubt::Frozen]);
    let two = Rule { agree: Agreement::Feeds(2), ..rain() };
    assert_eq!(why(&two, &gauge(&[(-60, 0.0), (0, 30.0)]), 0), [Doubt::TooFew { needed: 2, can_tell: 1 }]);
    let nobody = BTreeSet::from([Voice::Named("metar".to_owned())]);
    let strict = Rule { may_raise: BTreeMap::from([(Severity::Yellow, nobody)]), ..rain() };
    assert_eq!(why(&strict, &gauge(&[(-60, 0.0), (0, 30.0)]), 0), [Doubt::NobodyMayRaise]);
    let stranger = World::default().with("other", RAIN, Basis::Observed, &[(0, 1.0)]);
    assert_eq!(why(&rain(), &stranger, 0), [Doubt::Stranger]);
}

#[test]
fn what_holds_a_value_back_is_told_with_each_condition() {
    let also = Condition {
        metric: Metric::WindGust,
        window: Window { statistic: Statistic::Max, span: TimeDelta::hours(1) },
        direction: Direction::AtLeast,
        threshold: 10.0,
        unit: Unit::KilometrePerHour,
    };
    let windy = Rule { also: vec![also], ..rain() };
    let world = World::default().with("gauge", RAIN, Basis::Observed, &[(-60, 0.0), (0, 30.0)]);
    let account = told(&windy, &world, 0);
    let metric = Metric::WindGust;
    assert_eq!(severity(&account, Severity::Yellow).held_back, [Hold::Condition { metric, holds: Told::Unknown }]);
    let calm = world.with("metar", metric, Basis::Observed, &[(0, 5.0)]);
    let account = told(&windy, &calm, 0);
    assert_eq!(severity(&account, Severity::Yellow).held_back, [Hold::Condition { metric, holds: Told::No }]);
    let condition = &account.voices[0].now.conditions[0];
    assert_eq!((condition.threshold, condition.unit.as_str()), (36.0, "km/h"));
    assert_eq!((condition.holds, condition.values[0].least), (Told::No, Some(18.0)));
    let lasting = Rule { lasts: TimeDelta::hours(3), ..rain() };
    assert_eq!(severity(&told(&lasting, &calm, 0), Severity::Yellow).held_back, [Hold::Lasts]);
    let later = calm.with("gauge", RAIN, Basis::Observed, &[(60, 0.0), (120, 0.0)]);
    let hour = Rule { window: Window { span: TimeDelta::hours(3), ..rain().window }, ..rain() };
    assert_eq!(severity(&told(&hour, &later, 120), Severity::Yellow).held_back, [Hold::Over]);
}

#[test]
fn a_series_is_shown_with_its_last_readings_and_how_long_it_counts() {
    let points: Vec<(i64, f64)> = (0..10).map(|hour| (hour * 60, hour as f64)).collect();
    let world = World::default().with("gauge", RAIN, Basis::Observed, &points);
    let account = told(&rain(), &world, 550);
    let voice = &account.voices[0];
    assert_eq!((voice.heard, voice.counts_until), (at(540), Some(at(630))));
    assert_eq!(voice.readings.len(), LAST_READINGS);
    assert_eq!(voice.readings.last().unwrap().value, 9.0);
    assert_eq!((voice.now.least, voice.now.most), (Some(17.0), Some(17.0)));
}

/// What the voices of a rule that asks for one of them say together.
fn together(account: &Account, severity: Severity) -> Verdict {
    let all: Vec<&Says> =
        account.voices.iter().flat_map(|voice| &voice.says).filter(|says| says.severity == severity).collect();
    let may: Vec<Verdict> = all.iter().filter(|says| says.may_raise).map(|says| says.verdict).collect();
    if may.is_empty() {
        let is_clear = !all.is_empty() && all.iter().all(|says| says.verdict == Verdict::Clear);
        return if is_clear { Verdict::Clear } else { Verdict::Unknown };
    }
    let order = [Verdict::Reached, Verdict::Unknown, Verdict::Between, Verdict::Clear];
    order.into_iter().find(|verdict| may.contains(verdict)).unwrap()
}

type Points = Vec<(i64, f64)>;

fn points(hours: std::ops::Range<i64>) -> impl Strategy<Value = Points> {
    let point = (hours, 0_i64..4, 0..60_i32);
    let point = point.prop_map(|(hour, late, value)| (hour * 60 + late * 7, f64::from(value.max(10) - 10)));
    prop::collection::vec(point, 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_account_never_differs_from_the_judgement(
        gauge in points(-5..1),
        metar in points(-9..1),
        model in points(-3..6),
        gusts in points(-2..1),
        needed in 1_usize..3,
        has_condition: bool,
        hours in 0_i64..3,
        now in 0_i64..400,
        frozen: bool,
        is_fog: bool,
    ) {
        let (metric, base) = if is_fog { (Metric::Visibility, fog()) } else { (RAIN, rain()) };
        let world = World::default()
            .with("gauge", metric, Basis::Observed, &gauge)
            .with("metar", metric, Basis::Observed, &metar)
            .with("model", metric, Basis::Forecast, &model)
            .with("metar", Metric::WindGust, Basis::Observed, &gusts);
        let frozen = frozen.then(|| feed("metar")).into_iter().collect();
        let world = World { frozen, ..world };
        let also = Condition {
            metric: Metric::WindGust,
            window: Window { statistic: Statistic::Max, span: TimeDelta::hours(2) },
            direction: Direction::AtLeast,
            threshold: 20.0,
            unit: Unit::MetrePerSecond,
        };
        let rule = Rule {
            agree: Agreement::Feeds(needed),
            also: has_condition.then_some(also).into_iter().collect(),
            lasts: TimeDelta::hours(hours),
            ..base
        };
        let feeds = feeds();
        let trust = Trust { feeds: &feeds, longest_silence: TimeDelta::hours(12) };
        let judged = judge(&rule, &world.shelf(&jeddah()), &world, trust, at(now));
        let account = account(&rule, &jeddah(), &world, trust, at(now));
        prop_assert_eq!(judged.heard, account.voices.iter().filter(|voice| voice.standing != Standing::Dead).map(|voice| voice.heard).max());
        for ((severity, seen), told) in judged.seen.iter().zip(&account.severities) {
            prop_assert_eq!((*severity, Verdict::of(seen)), (told.severity, told.verdict));
            if needed == 1 {
                prop_assert_eq!(told.verdict, together(&account, *severity), "{:?}", severity);
            }
            let doubted = account.voices.iter().flat_map(|voice| &voice.says).filter(|says| says.severity == *severity);
            let doubts = doubted.clone().any(|says| !says.why.is_empty());
            prop_assert!(told.verdict != Verdict::Unknown || !told.why.is_empty() || doubts, "nobody says why");
            for says in doubted {
                prop_assert_eq!(says.verdict == Verdict::Unknown, !says.why.is_empty());
            }
            if let Some(lack) = &told.lacks {
                prop_assert!(0.0 < lack.by && told.verdict != Verdict::Reached);
            }
            let is_named = told.lacks.is_some() || !told.held_back.is_empty();
            let fresh = account.voices.iter().any(|voice| {
                let says = voice.says.iter().find(|says| says.severity == *severity);
                voice.standing == Standing::Fresh && voice.now.has_values && says.is_some_and(|says| says.may_raise)
            });
            prop_assert!(told.verdict == Verdict::Reached || needed != 1 || !fresh || is_named, "what is lacking is told");
        }
    }
}
