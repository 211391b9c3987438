//! A window that slides against one that is taken anew.

use proptest::prelude::*;

use super::*;
use crate::rule::Direction;
use crate::rule::judge::sample::Answer;
use crate::time::TimeDelta;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_timestamp(1_765_227_600 + minute * 60, 0).unwrap()
}

/// Points, each with its minute, for how many minutes it speaks, and its value. Most are hours; some come between them.
fn any_points() -> impl Strategy<Value = Vec<(i64, i64, f64)>> {
    let value = prop_oneof![2 => Just(0.0), 1 => Just(0.2), 1 => 0.0..40.0_f64, 1 => Just(-2.5)];
    let minute = prop_oneof![5 => (0i64..48).prop_map(|hour| hour * 60), 1 => 0i64..2880];
    let even = proptest::collection::vec((minute.clone(), Just(60), value.clone()), 0..40);
    let length = prop_oneof![Just(60), Just(180), Just(10)];
    let uneven = proptest::collection::vec((minute, length, value), 0..40);
    prop_oneof![4 => even, 1 => uneven]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_window_that_slides_is_the_window_that_is_taken(
        points in any_points(),
        metric in prop_oneof![Just(Metric::Precipitation), Just(Metric::Temperature), Just(Metric::WindGust)],
        statistic in proptest::sample::select(&Statistic::ALL[..]),
        hours in 1i64..12,
        mut ends in proptest::collection::vec(-100i64..3000, 1..30),
    ) {
        ends.sort_unstable();
        let mut series = Series::new(at(0), TimeDelta::hours(1));
        for (minute, length, value) in points.iter().filter(|point| metric.possible().contains(&point.2)) {
            series.put(at(*minute), *value, TimeDelta::minutes(*length));
        }
        let window = Window { statistic, span: TimeDelta::hours(hours) };
        let mut slide = Slide::new(&series, metric, window);
        let mut unbroken = Slide::new(&series, metric, window);
        for end in ends.into_iter().map(at) {
            let (slid, taken) = (slide.take(end), Sample::take(&series, metric, window, end));
            prop_assert_eq!(format!("{:?}", slid), format!("{:?}", taken), "at {}", end);
            prop_assert_eq!(unbroken.is_unbroken(end), Sample::is_unbroken(&series, end - window.span, end));
        }
    }
}

#[test]
fn ten_times_two_tenths_are_two() {
    let mut series = Series::new(at(0), TimeDelta::minutes(10));
    for place in 1..=30 {
        series.put(at(place * 10), 0.2, TimeDelta::minutes(10));
    }
    let window = Window { statistic: Statistic::Sum, span: TimeDelta::minutes(100) };
    let mut slide = Slide::new(&series, Metric::Precipitation, window);
    for place in 10..=30 {
        assert_eq!(slide.take(at(place * 10)).reaches(Direction::AtLeast, 2.0), Answer::Yes, "at point {place}");
    }
}
