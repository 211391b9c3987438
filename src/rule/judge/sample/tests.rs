//! Sums over periods of different lengths against rain that is known drop by drop.

use proptest::prelude::*;

use super::*;
use crate::time::TimeDelta;

/// The length of a slot, in minutes.
const SLOT: i64 = 10;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_timestamp(1_765_227_600 + minute * 60, 0).unwrap()
}

/// A series of points, each `end in minutes, length in minutes, value`.
fn series(points: &[(i64, i64, f64)]) -> Series {
    let mut series = Series::new(at(0), TimeDelta::minutes(SLOT));
    for (end, length, value) in points {
        series.put(at(*end), *value, TimeDelta::minutes(*length));
    }
    series
}

/// Between which bounds the sum over the last minutes lies, as `least..most`; nothing where there is no end.
#[track_caller]
fn check(points: &[(i64, i64, f64)], span: i64, end: i64, expected: &str) {
    let series = series(points);
    let window = Window { statistic: Statistic::Sum, span: TimeDelta::minutes(span) };
    let sample = Sample::take(&series, Metric::Precipitation, window, at(end));
    let most = if sample.bounds.most.is_finite() { sample.bounds.most.to_string() } else { String::new() };
    assert_eq!(format!("{}..{most}", sample.bounds.least), expected, "{points:?}");
}

#[test]
fn a_value_that_lies_only_partly_in_the_window_is_neither_counted_nor_denied() {
    // Six hours of 20 mm say nothing sure of the last three.
    check(&[(360, 360, 20.0)], 180, 360, "0..20");
    check(&[(360, 360, 20.0)], 360, 360, "20..20");
    check(&[(360, 360, 2.0), (420, 60, 5.0)], 180, 420, "5..7");
    check(&[(60, 60, 9.0), (120, 60, 9.0)], 90, 120, "9..18");
    check(&[(60, 60, 9.0)], 30, 60, "0..9");
}

#[test]
fn the_window_is_that_of_the_last_word_while_it_still_speaks() {
    let hours = [(60, 60, 1.0), (120, 60, 2.0), (180, 60, 4.0)];
    check(&hours, 60, 180, "4..4");
    check(&hours, 60, 200, "4..4");
    check(&hours, 180, 200, "7..7");
    check(&hours, 60, 269, "4..4");
    check(&hours, 60, 271, "0..");
    check(&hours, 180, 271, "4..");
}

#[test]
fn no_drop_is_counted_twice() {
    // An hour's sum every ten minutes, as some gauges tell it.
    let running: Vec<(i64, i64, f64)> = (6..=12).map(|slot| (slot * SLOT, 60, 6.0)).collect();
    check(&running, 60, 120, "6..6");
    check(&running, 120, 120, "12..12");
    // Six hours as one value beside the hours that make it up.
    let mut mixed: Vec<(i64, i64, f64)> = (1..=5).map(|hour| (hour * 60, 60, 1.0)).collect();
    mixed.push((360, 360, 8.0));
    check(&mixed, 360, 360, "8..8");
    check(&mixed, 180, 360, "2..8");
}

#[test]
fn a_gap_leaves_open_what_fell_in_it() {
    check(&[(10, 10, 1.0), (20, 10, 1.0), (50, 10, 1.0)], 60, 60, "3..");
    check(&[(360, 60, 3.0)], 360, 360, "3..");
}

#[test]
fn clocks_that_are_seconds_off_lose_no_rain() {
    let mut series = Series::new(at(0), TimeDelta::minutes(10));
    for (slot, off) in [(1, 3), (2, -2), (3, 4), (4, 0), (5, -3), (6, 5)] {
        series.put(at(slot * 10) + TimeDelta::seconds(off), 1.0, TimeDelta::minutes(10));
    }
    let window = Window { statistic: Statistic::Sum, span: TimeDelta::hours(1) };
    let sample = Sample::take(&series, Metric::Precipitation, window, at(61));
    assert_eq!((sample.bounds.least, sample.bounds.most), (6.0, 6.0));
}

#[test]
fn an_extreme_with_gaps_is_bounded_on_one_side() {
    let series = series(&[(10, 10, 1.0), (40, 10, 5.0), (60, 10, 3.0)]);
    let take = |statistic| {
        let window = Window { statistic, span: TimeDelta::hours(1) };
        Sample::take(&series, Metric::WindGust, window, at(60))
    };
    let (max, min) = (take(Statistic::Max), take(Statistic::Min));
    assert_eq!(max.reaches(Direction::AtLeast, 5.0), Answer::Yes);
    assert_eq!(max.reaches(Direction::AtLeast, 6.0), Answer::Unknown, "the gap may hide it");
    assert_eq!(max.reaches(Direction::AtMost, 5.0), Answer::Unknown);
    assert_eq!(max.reaches(Direction::AtMost, 4.0), Answer::No, "it was 5 already");
    assert_eq!(min.reaches(Direction::AtMost, 1.0), Answer::Yes);
    assert_eq!(min.reaches(Direction::AtMost, 0.5), Answer::Unknown);
    assert_eq!(min.reaches(Direction::AtLeast, 2.0), Answer::No);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Rain is known slot by slot; what is told of it are sums over periods that overlap, leave gaps and cross the window's edge.
    #[test]
    fn the_true_sum_lies_within_the_bounds(
        rain in prop::collection::vec(0u8..9, 40),
        told in prop::collection::btree_map(1usize..=40, 1usize..=9, 1..30),
        span in 1i64..30,
    ) {
        let sum = |from: i64, to: i64| -> f64 {
            let slots = rain.iter().zip(0_i64..).filter(|(_, slot)| (from..to).contains(slot));
            slots.map(|(rain, _)| f64::from(*rain)).sum()
        };
        let told: Vec<(i64, i64)> =
            told.into_iter().map(|(end, length)| (end as i64, length.min(end) as i64)).collect();
        let points: Vec<(i64, i64, f64)> =
            told.iter().map(|(end, length)| (end * SLOT, length * SLOT, sum(end - length, *end))).collect();
        let (end, _) = *told.last().unwrap();
        let from = end - span;
        let series = series(&points);
        let window = Window { statistic: Statistic::Sum, span: TimeDelta::minutes(span * SLOT) };
        let sample = Sample::take(&series, Metric::Precipitation, window, at(end * SLOT));
        let truth = sum(from, end);
        prop_assert!(sample.bounds.least <= truth, "{} mm were made up of {}", sample.bounds.least - truth, truth);
        let is_told = |slot: i64| told.iter().any(|(end, length)| (end - length..*end).contains(&slot));
        if (from..end).all(is_told) {
            prop_assert!(truth <= sample.bounds.most, "{} of {} mm were taken away", truth - sample.bounds.most, truth);
            prop_assert!(sample.bounds.most.is_finite());
        }
        prop_assert!(sample.bounds.least <= sample.bounds.most);
        if told.iter().all(|(_, length)| *length == 1) && (from..end).all(is_told) {
            prop_assert_eq!((sample.bounds.least, sample.bounds.most), (truth, truth), "what is told slot by slot is exact");
        }
    }
}
