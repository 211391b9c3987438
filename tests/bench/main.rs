//! How fast the core decides and speaks. Run with `cargo bench`; nothing here fails a test.
//!
//! The flat loop beside the engine adds the same values over the same windows and does nothing else: the distance between the
//! two is what gaps, latches and comparison cost.

use std::sync::Arc;

use divan::{Bencher, black_box};
use nadhir::config::{self, Config};
use nadhir::engine::{self, Event, Heard, State};
use nadhir::feed::Batch;
use nadhir::ids::FeedId;
use nadhir::language::Language;
use nadhir::message::Form;
use nadhir::reading::{Basis, Reading};
use nadhir::time::{TimeDelta, Timestamp};
use nadhir::unit::Metric;

mod backtest;
mod cap;
mod scale;
mod service;

/// Hours of forecast and of past, as the shipped feed asks for.
const HOURS: i64 = 72;

fn main() {
    cap::report();
    backtest::report();
    scale::report();
    service::report();
    divan::main();
}

fn at(hour: i64) -> Timestamp {
    Timestamp::from_timestamp(1_765_227_600 + hour * 3600, 0).unwrap_or_default()
}

fn shipped() -> Config {
    config::load(None).map(|(config, _)| config).unwrap_or_else(|problems| panic!("{} mistakes", problems.len()))
}

/// A wet forecast for every governorate: rain that stays below every threshold but for three hours.
fn forecast(config: &Config) -> Event {
    let metrics = [
        Metric::Precipitation,
        Metric::WindGust,
        Metric::Visibility,
        Metric::Humidity,
        Metric::WeatherCode,
        Metric::Temperature,
    ];
    let readings = config.governorates.iter().flat_map(|place| {
        metrics.into_iter().flat_map(move |metric| {
            (-24..HOURS - 24).map(move |hour| Reading {
                governorate: place.id.clone(),
                metric,
                station: None,
                basis: Basis::Forecast,
                value: if metric == Metric::Precipitation && (4..7).contains(&hour) { 9.0 } else { 20.0 },
                at: at(hour),
                covers: TimeDelta::hours(1),
            })
        })
    });
    asked(config, readings.collect())
}

fn asked(config: &Config, readings: Vec<Reading>) -> Event {
    let feed: FeedId = config.feeds.first().map(|feed| feed.id.clone()).expect("the shipped configuration has feeds");
    let batch = Batch { readings, ..Batch::default() };
    Event::Asked { feed, heard: Heard::Batch { batch, validators: None, entries: Vec::new() }, skew: None }
}

fn lived(config: &Config) -> State {
    let mut state = State::default();
    state.adopt(engine::step(&config.rules, &state, &forecast(config), at(0)).changes);
    state
}

/// Every rule at every governorate over the whole forecast.
#[divan::bench]
fn tick_of_17_governorates(bencher: Bencher<'_, '_>) {
    let config = shipped();
    let state = lived(&config);
    bencher.bench(|| engine::step(&config.rules, black_box(&state), &Event::Tick, at(0)));
}

/// The same windows as sums over plain arrays.
#[divan::bench]
fn flat_loop_over_the_same_windows(bencher: Bencher<'_, '_>) {
    let config = shipped();
    let values: Vec<f64> = (0..HOURS).map(|hour| hour as f64).collect();
    let cases: usize = config.rules.rules.iter().map(|rule| rule.governorates.len()).sum();
    bencher.bench(|| {
        let mut worst = 0.0_f64;
        for _ in 0..cases {
            for window in black_box(&values).windows(6) {
                worst = worst.max(window.iter().sum());
            }
        }
        worst
    });
}

/// One new value at one governorate.
#[divan::bench]
fn one_reading(bencher: Bencher<'_, '_>) {
    let config = shipped();
    let state = lived(&config);
    let place = config.governorates.iter().next().map(|place| place.id.clone()).expect("there are governorates");
    let reading = Reading {
        governorate: place,
        metric: Metric::Precipitation,
        station: None,
        basis: Basis::Forecast,
        value: 10.0,
        at: at(6),
        covers: TimeDelta::hours(1),
    };
    let event = asked(&config, vec![reading]);
    bencher.bench(|| engine::step(&config.rules, black_box(&state), &event, at(0)));
}

/// One bulletin in both languages, as JSON.
#[divan::bench]
fn render_both_languages(bencher: Bencher<'_, '_>) {
    let config = Arc::new(shipped());
    let said = engine::step(&config.rules, &State::default(), &forecast(&config), at(0)).bulletins;
    let bulletin = said.first().expect("the forecast is wet enough for a bulletin");
    bencher.bench(|| config.speaker.render(black_box(bulletin), &config.governorates, Form::Json, &Language::ALL));
}
