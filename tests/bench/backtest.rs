//! How long a year of hours of seventeen governorates and forty rules takes to be lived through, beside what is wanted:
//! `cargo bench -- backtest`. The year is synthetic: hot summers, a shower a week and a storm a month.

use std::num::NonZero;
use std::time::Instant;

use nadhir::backtest::archive::{Archive, Builder};
use nadhir::backtest::replay::{Pace, replay};
use nadhir::config::Config;
use nadhir::daemon::TICK;
use nadhir::ids::{FeedId, RuleId};
use nadhir::reading::{Basis, Reading};
use nadhir::rule::{Rule, RuleBook};
use nadhir::time::TimeDelta;
use nadhir::unit::Metric;

/// What is wanted, in seconds, on two cores.
const LIMIT: f64 = 2.0;
/// How many hours the year has.
const HOURS: i64 = 8760;
/// How many rules are wanted.
const RULES: usize = 40;
/// The threads that are used.
const THREADS: NonZero<usize> = NonZero::<usize>::MIN.saturating_add(1);

/// Prints the comparison, when no filter is given or one that means it.
pub(crate) fn report() {
    let filters: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if !filters.is_empty() && !filters.iter().any(|filter| filter.contains("backtest")) {
        return;
    }
    let config = super::shipped();
    let book = many(&config);
    let archive = year(&config);
    let places = archive.places();
    let begin = Instant::now();
    let history = replay(&book, &archive, &places, Pace { tick: TICK, threads: THREADS }, &|_, _| ());
    let taken = begin.elapsed().as_secs_f64();
    let said: usize = history.values().map(|line| line.said.len()).sum();
    let mark = if LIMIT < taken { " <" } else { "" };
    println!(
        "A year of {} values in {} governorates, {} rules: {said} bulletins in {taken:.2} s{mark}; {LIMIT} s are wanted\n",
        archive.readings,
        places.len(),
        book.rules.len()
    );
}

/// The shipped rules, repeated under other names and a little higher until there are enough.
fn many(config: &Config) -> RuleBook {
    let shipped = &config.rules.rules;
    let rules = (0..RULES).filter_map(|number| {
        let rule = shipped.get(number % shipped.len())?;
        let id = RuleId::new(&format!("{}-{number}", rule.id)).ok()?;
        let up = 1.0 + 0.02 * (number / shipped.len()) as f64;
        let thresholds = rule.thresholds.iter().map(|one| nadhir::rule::Threshold {
            raise: one.raise * up,
            clear: one.clear * up,
            ..*one
        });
        Some(Rule { id, thresholds: thresholds.collect(), ..rule.clone() })
    });
    RuleBook { rules: rules.collect(), ..config.rules.as_ref().clone() }
}

/// A number below one that looks like chance and is always the same.
fn chance(seed: i64) -> f64 {
    let mixed = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f64 / 16_777_216.0
}

fn year(config: &Config) -> Archive {
    let feed = FeedId::new("readings").expect("the constant is a name");
    let mut builder = Builder::default();
    for (number, place) in config.governorates.iter().enumerate() {
        for hour in 0..HOURS {
            let seed = hour * 17 + number as i64;
            let (day, of_day) = (hour / 24, (hour % 24) as f64);
            let season = -((day as f64 - 15.0) / 365.0 * std::f64::consts::TAU).cos();
            let noon = -((of_day - 2.0) / 24.0 * std::f64::consts::TAU).cos();
            let is_shower = day % 7 == 3 && (14.0..16.0).contains(&of_day);
            let is_storm = day % 30 == 11 && (9.0..15.0).contains(&of_day);
            let rain = if is_storm {
                30.0 * chance(seed)
            } else if is_shower {
                3.0 * chance(seed)
            } else {
                0.0
            };
            let values = [
                (Metric::Precipitation, rain),
                (Metric::Temperature, 29.0 + 8.0 * season + 6.0 * noon + 2.0 * chance(seed + 1)),
                (Metric::Humidity, 40.0 - 15.0 * noon + 20.0 * chance(seed + 2)),
                (Metric::WindSpeed, 3.0 + 4.0 * chance(seed + 3)),
                (Metric::WindGust, if is_storm { 22.0 } else { 5.0 + 6.0 * chance(seed + 4) }),
                (Metric::Visibility, if day % 40 == 9 { 2500.0 } else { 10_000.0 }),
                (Metric::WeatherCode, if is_storm { 95.0 } else { 0.0 }),
            ];
            for (metric, value) in values {
                let at = super::at(hour);
                let (governorate, covers) = (place.id.clone(), TimeDelta::hours(1));
                let reading = Reading { governorate, metric, station: None, basis: Basis::Observed, value, at, covers };
                builder.take(at, &feed, reading).expect("there is room for a year");
            }
        }
    }
    builder.finish(None, None).expect("there are readings")
}
