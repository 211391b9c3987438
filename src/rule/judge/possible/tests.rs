//! The cheap look against the judgement of the same.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::hazard::{Hazard, Severity};
use crate::ids::RuleId;
use crate::rule::judge::world::{World, at, feed, jeddah};
use crate::rule::judge::{Readings, Seen, Trust, judge};
use crate::rule::{Agreement, FeedTerms, Sight, Threshold};
use crate::unit::Unit;

fn rule(metric: Metric, statistic: Statistic, hours: i64, direction: Direction, raise: f64) -> Rule {
    Rule {
        id: RuleId::new("any").unwrap(),
        hazard: Hazard::Rain,
        metric,
        window: Window { statistic, span: TimeDelta::hours(hours) },
        sight: Sight::Any,
        look_ahead: TimeDelta::hours(6),
        direction,
        thresholds: vec![Threshold { severity: Severity::Yellow, raise, clear: raise }],
        unit: Unit::Millimetre,
        rise_after: TimeDelta::zero(),
        ease_after: TimeDelta::zero(),
        lasts: TimeDelta::zero(),
        highest_from_forecast: Severity::Red,
        may_raise: BTreeMap::new(),
        agree: Agreement::Feeds(1),
        governorates: BTreeSet::from([jeddah()]),
        also: Vec::new(),
        either: Vec::new(),
        overrides: Vec::new(),
        source: String::new(),
        signed_off_by: None,
        notes: None,
    }
}

#[test]
fn what_is_far_from_every_threshold_is_left_out_and_what_is_near_is_not() {
    let rainy = |value: f64| {
        let hours: Vec<(i64, f64)> = (-6..=6).map(|hour| (hour * 60, value)).collect();
        World::default().with("model", Metric::Precipitation, Basis::Forecast, &hours)
    };
    let sum = rule(Metric::Precipitation, Statistic::Sum, 3, Direction::AtLeast, 10.0);
    let may = |rule: &Rule, world: &World| may_reach(rule, &world.shelf(&jeddah()), at(0));
    assert!(!may(&sum, &rainy(3.3)), "three times 3.3 mm are no 10 mm");
    assert!(may(&sum, &rainy(3.4)));
    assert!(!may(&sum, &World::default()), "what nobody speaks of reaches nothing");
    let max = rule(Metric::Precipitation, Statistic::Max, 3, Direction::AtLeast, 10.0);
    assert!(!may(&max, &rainy(9.0)) && may(&max, &rainy(10.0)));
    let observed = Rule { sight: Sight::Observed, ..max };
    assert!(!may(&observed, &rainy(10.0)), "a rule that looks at no forecasts is reached by none");
}

/// Values, each with its minute and for how many minutes it speaks.
fn any_points() -> impl Strategy<Value = Vec<(i64, i64, f64)>> {
    let length = prop_oneof![4 => Just(60), 1 => Just(180), 1 => Just(360), 1 => Just(10)];
    let value = prop_oneof![Just(0.0), Just(0.2), Just(4.0), Just(5.0), Just(9.9), Just(-3.0)];
    let minute = prop_oneof![3 => (-12i64..12).prop_map(|hour| hour * 60), 1 => -720i64..720];
    proptest::collection::vec((minute, length, value), 0..16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn nothing_that_is_reached_is_ever_left_out(
        points in any_points(),
        others in any_points(),
        metric in prop_oneof![Just(Metric::Precipitation), Just(Metric::Temperature), Just(Metric::WindGust)],
        statistic in proptest::sample::select(&Statistic::ALL[..]),
        direction in prop_oneof![Just(Direction::AtLeast), Just(Direction::AtMost)],
        hours in 1i64..8,
        raise in prop_oneof![Just(-2.0), Just(0.0), Just(0.6), Just(4.0), Just(5.0), Just(10.0), Just(20.0)],
        now in -120i64..240,
    ) {
        // Amounts and speeds are never negative, as decoders see to.
        let possible = |points: &[(i64, i64, f64)]| -> Vec<(i64, i64, f64)> {
            points.iter().copied().filter(|point| metric.possible().contains(&point.2)).collect()
        };
        let world = World::default()
            .with_periods("model", metric, Basis::Forecast, &possible(&points))
            .with_periods("metar", metric, Basis::Observed, &possible(&others));
        let rule = rule(metric, statistic, hours, direction, raise);
        let feeds = BTreeMap::from(["model", "metar"].map(|name| (feed(name), FeedTerms::new("csv", TimeDelta::hours(48)))));
        let trust = Trust { feeds: &feeds, longest_silence: TimeDelta::hours(48) };
        let shelf = world.shelf(&jeddah());
        let judged = judge(&rule, &shelf, &world, trust, at(now));
        let is_reached = judged.seen.iter().any(|(_, seen)| matches!(seen, Seen::Reached(_)));
        prop_assert!(!is_reached || may_reach(&rule, &shelf, at(now)), "{:?}", judged);
    }
}
