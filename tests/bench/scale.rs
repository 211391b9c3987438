//! How far the engine is from a plain loop at the size of a continent: 10,000 areas, 20 rules, 72 hours ahead.
//! `cargo bench -- scale`. The weather is synthetic.
//!
//! The flat loop beside it walks over the same values in plain arrays, makes the same windows by adding and comparing every value of
//! each, and counts how many reach which threshold; it knows no gaps, no periods of other lengths, no voices, no latches. A second
//! one does the same with running sums.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use geo::{Coord, MultiPolygon, Rect};
use nadhir::engine::{self, Event, Heard, State};
use nadhir::feed::Batch;
use nadhir::governorate::{Governorate, GovernorateBook};
use nadhir::hazard::{Hazard, Severity};
use nadhir::ids::{FeedId, GovernorateId, RuleId};
use nadhir::language::Both;
use nadhir::reading::{Basis, Reading};
use nadhir::rule::{Agreement, Condition, Direction, FeedTerms, Rule, RuleBook, Sight, Statistic, Threshold, Window};
use nadhir::time::{TimeDelta, Timestamp};
use nadhir::unit::Metric;

use super::at;

/// How many areas.
const AREAS: usize = 10_000;
/// How many hours ahead are judged.
const AHEAD: i64 = 72;
/// How many hours gone by are known: the longest window.
const BEHIND: i64 = 24;
/// How often each is measured; the median is told.
const ROUNDS: usize = 5;
/// How much longer than the flat loop a full evaluation may take.
const RATIO: f64 = 2.0;
/// How long one reading may take, in microseconds.
const ONE_US: f64 = 5.0;

/// What the rules look at.
const METRICS: [Metric; 7] = [
    Metric::Precipitation,
    Metric::WindGust,
    Metric::WindSpeed,
    Metric::Temperature,
    Metric::Visibility,
    Metric::WaveHeight,
    Metric::Pressure,
];

/// One rule: its hazard, metric, statistic, hours of its window, and yellow, orange and red.
type Row = (Hazard, Metric, Statistic, i64, [f64; 3]);

/// Twenty rules such as regions have them; where the thresholds fall, the lower is the worse.
const RULES: [Row; 20] = [
    (Hazard::Rain, Metric::Precipitation, Statistic::Sum, 1, [10.0, 20.0, 30.0]),
    (Hazard::Rain, Metric::Precipitation, Statistic::Sum, 6, [20.0, 40.0, 60.0]),
    (Hazard::Rain, Metric::Precipitation, Statistic::Sum, 12, [30.0, 50.0, 80.0]),
    (Hazard::Rain, Metric::Precipitation, Statistic::Sum, 24, [40.0, 70.0, 100.0]),
    (Hazard::FlashFlood, Metric::Precipitation, Statistic::Sum, 3, [25.0, 40.0, 60.0]),
    (Hazard::FlashFlood, Metric::Precipitation, Statistic::Max, 6, [15.0, 25.0, 35.0]),
    (Hazard::Wind, Metric::WindGust, Statistic::Max, 1, [16.0, 20.0, 25.0]),
    (Hazard::Wind, Metric::WindGust, Statistic::Max, 3, [15.0, 19.0, 24.0]),
    (Hazard::Wind, Metric::WindSpeed, Statistic::Mean, 3, [12.0, 16.0, 20.0]),
    (Hazard::Wind, Metric::WindSpeed, Statistic::Max, 1, [13.0, 17.0, 21.0]),
    (Hazard::Heat, Metric::Temperature, Statistic::Max, 3, [45.0, 48.0, 50.0]),
    (Hazard::Heat, Metric::Temperature, Statistic::Mean, 24, [38.0, 40.0, 42.0]),
    (Hazard::Heat, Metric::Temperature, Statistic::Min, 12, [33.0, 35.0, 37.0]),
    (Hazard::Cold, Metric::Temperature, Statistic::Min, 3, [4.0, 1.0, -2.0]),
    (Hazard::Cold, Metric::Temperature, Statistic::Max, 24, [8.0, 5.0, 2.0]),
    (Hazard::Fog, Metric::Visibility, Statistic::Min, 1, [1000.0, 500.0, 200.0]),
    (Hazard::Dust, Metric::Visibility, Statistic::Max, 3, [3000.0, 1500.0, 500.0]),
    (Hazard::Sea, Metric::WaveHeight, Statistic::Max, 3, [2.0, 3.0, 4.0]),
    (Hazard::Sea, Metric::WaveHeight, Statistic::Mean, 6, [1.5, 2.5, 3.5]),
    (Hazard::Thunderstorm, Metric::Pressure, Statistic::Min, 6, [990.0, 985.0, 980.0]),
];

/// How many of a hundred areas have a storm.
#[derive(Clone, Copy)]
struct Weather {
    name: &'static str,
    stormy_percent: usize,
}

/// Prints the comparison, when no filter is given or one that means it.
pub(crate) fn report() {
    let filters: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if !filters.is_empty() && !filters.iter().any(|filter| filter.contains("scale")) {
        return;
    }
    let book = book();
    println!(
        "{AREAS} areas, {} rules, {AHEAD} h ahead, medians of {ROUNDS}; {RATIO} x the flat loop is wanted",
        RULES.len()
    );
    for weather in [
        Weather { name: "calm everywhere", stormy_percent: 0 },
        Weather { name: "a storm over 2 % of it", stormy_percent: 2 },
        Weather { name: "a storm over all of it", stormy_percent: 100 },
    ] {
        compare(&book, weather);
    }
}

fn compare(book: &RuleBook, weather: Weather) {
    let values = values(weather);
    let flat = median(|| flat_loop(black_box(&values)));
    let running = median(|| running_loop(black_box(&values)));
    let mut state = State::default();
    for event in [asked(&values, None), Event::Tick] {
        state.adopt(engine::step(book, &state, &event, at(0)).changes);
    }
    let later = at(0) + TimeDelta::minutes(5);
    state.adopt(engine::step(book, &state, &Event::Tick, later).changes);
    let full = median(|| engine::step(book, black_box(&state), &Event::Tick, later).bulletins.len());
    let first = median(|| engine::step(book, black_box(&state), &asked(&values, Some(4711)), later).bulletins.len());
    let one = one_reading(book, &state, &values, later);
    let mark = |is_past: bool| if is_past { " <" } else { "" };
    println!(
        "  {:<24} flat {:7.1} ms, running {:7.1} ms, every rule everywhere {:7.1} ms = {:.2} x{}; one area anew {:.0} us, one \
         reading {one:.1} us{}; {} warnings",
        weather.name,
        flat * 1e3,
        running * 1e3,
        full * 1e3,
        full / flat,
        mark(RATIO * flat < full),
        first * 1e6,
        mark(ONE_US < one),
        state.warnings().count(),
    );
}

/// The time of one reading that says something new, in microseconds: rain for one hour ahead at one area after the other.
fn one_reading(book: &RuleBook, state: &State, values: &[Vec<f64>], now: Timestamp) -> f64 {
    let events: Vec<Event> = (0..1000)
        .map(|number| {
            let area = number * 7 % AREAS;
            let known = values.get(area * METRICS.len()).and_then(|hours| hours.get((BEHIND + 5) as usize));
            let value = known.copied().unwrap_or_default() + 0.1;
            batch(vec![reading(area, Metric::Precipitation, 6, value)])
        })
        .collect();
    let taken = median(|| {
        events.iter().map(|event| engine::step(book, black_box(state), event, now).bulletins.len()).sum::<usize>()
    });
    taken * 1e6 / events.len() as f64
}

fn median<T>(mut work: impl FnMut() -> T) -> f64 {
    let mut taken: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            black_box(work());
            begin.elapsed().as_secs_f64()
        })
        .collect();
    taken.sort_by(f64::total_cmp);
    taken.get(ROUNDS / 2).copied().unwrap_or_default()
}

/// The hours of every area and metric, the metrics of one area side by side.
fn values(weather: Weather) -> Vec<Vec<f64>> {
    let mut all = Vec::with_capacity(AREAS * METRICS.len());
    for area in 0..AREAS {
        let is_stormy = area % 100 < weather.stormy_percent;
        for metric in METRICS {
            let hours = (1 - BEHIND..=AHEAD).map(|hour| {
                let is_now = is_stormy && (20..26).contains(&hour);
                let wave = ((hour + area as i64) % 24) as f64;
                match metric {
                    Metric::Precipitation => {
                        if is_now {
                            9.0
                        } else if hour % 9 == 0 {
                            0.3
                        } else {
                            0.0
                        }
                    }
                    Metric::WindGust => {
                        if is_now {
                            22.0
                        } else {
                            4.0 + wave / 4.0
                        }
                    }
                    Metric::WindSpeed => {
                        if is_now {
                            15.0
                        } else {
                            2.0 + wave / 8.0
                        }
                    }
                    Metric::Visibility => {
                        if is_now {
                            2000.0
                        } else {
                            10_000.0
                        }
                    }
                    Metric::WaveHeight => {
                        if is_now {
                            2.5
                        } else {
                            0.5 + wave / 50.0
                        }
                    }
                    Metric::Pressure => {
                        if is_now {
                            995.0
                        } else {
                            1010.0
                        }
                    }
                    _ => 22.0 + wave / 3.0,
                }
            });
            all.push(hours.collect());
        }
    }
    all
}

/// Which metric's values a rule looks at, and which way is worse.
fn shape(row: &Row) -> (usize, Direction) {
    let (_, metric, _, _, [yellow, _, red]) = row;
    let place = METRICS.iter().position(|one| one == metric).unwrap_or_default();
    (place, if yellow < red { Direction::AtLeast } else { Direction::AtMost })
}

fn flat_loop(values: &[Vec<f64>]) -> [usize; 3] {
    let mut reached = [0; 3];
    for area in values.chunks_exact(METRICS.len()) {
        for row in &RULES {
            let (metric, direction) = shape(row);
            let (_, _, statistic, hours, marks) = row;
            let Some(hours_of) = area.get(metric) else { continue };
            // Windows that end now and at each hour to come.
            let from = (BEHIND - hours) as usize;
            for window in hours_of.get(from..).unwrap_or_default().windows(*hours as usize) {
                let value = match statistic {
                    Statistic::Max => window.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                    Statistic::Min => window.iter().copied().fold(f64::INFINITY, f64::min),
                    Statistic::Mean => window.iter().sum::<f64>() / window.len() as f64,
                    Statistic::Sum | Statistic::Rate => window.iter().sum(),
                };
                for (count, mark) in reached.iter_mut().zip(marks) {
                    *count += usize::from(direction.reaches(value, *mark));
                }
            }
        }
    }
    reached
}

/// The same, but what is added up is not added up anew.
fn running_loop(values: &[Vec<f64>]) -> [usize; 3] {
    let mut reached = [0; 3];
    for area in values.chunks_exact(METRICS.len()) {
        for row in &RULES {
            let (metric, direction) = shape(row);
            let (_, _, statistic, hours, marks) = row;
            let Some(hours_of) = area.get(metric) else { continue };
            let from = (BEHIND - hours) as usize;
            let known = hours_of.get(from..).unwrap_or_default();
            let mut sum: f64 = known.iter().take(*hours as usize).sum();
            for (place, window) in known.windows(*hours as usize).enumerate() {
                if 0 < place {
                    let (left, came) = (known.get(place - 1), window.last());
                    sum += came.copied().unwrap_or_default() - left.copied().unwrap_or_default();
                }
                let value = match statistic {
                    Statistic::Max => window.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                    Statistic::Min => window.iter().copied().fold(f64::INFINITY, f64::min),
                    Statistic::Mean => sum / window.len() as f64,
                    Statistic::Sum | Statistic::Rate => sum,
                };
                for (count, mark) in reached.iter_mut().zip(marks) {
                    *count += usize::from(direction.reaches(value, *mark));
                }
            }
        }
    }
    reached
}

fn id(area: usize) -> GovernorateId {
    GovernorateId::new(&format!("area-{area:05}")).expect("this is a name")
}

fn feed() -> FeedId {
    FeedId::new("model").expect("this is a name")
}

fn reading(area: usize, metric: Metric, hour: i64, value: f64) -> Reading {
    let (governorate, at, covers) = (id(area), at(hour), TimeDelta::hours(1));
    Reading { governorate, metric, station: None, basis: Basis::Forecast, value, at, covers }
}

fn batch(readings: Vec<Reading>) -> Event {
    let batch = Batch { readings, ..Batch::default() };
    Event::Asked { feed: feed(), heard: Heard::Batch { batch, validators: None, entries: Vec::new() }, skew: None }
}

/// The answer of a feed, of one area or of all.
fn asked(values: &[Vec<f64>], only: Option<usize>) -> Event {
    let mut readings = Vec::new();
    for (area, hours) in values.chunks_exact(METRICS.len()).enumerate() {
        if only.is_some_and(|only| only != area) {
            continue;
        }
        for (metric, hours) in METRICS.into_iter().zip(hours) {
            readings.extend((1 - BEHIND..).zip(hours).map(|(hour, value)| reading(area, metric, hour, *value)));
        }
    }
    batch(readings)
}

fn book() -> RuleBook {
    let list = (0..AREAS).map(|area| {
        let name = |text: &str| Both { ar: format!("{text} {area:05}"), en: format!("{text} {area:05}") };
        Governorate {
            id: id(area),
            code: format!("{area:05}"),
            name: name("A"),
            formal: name("Area"),
            variants: Vec::new(),
            centres: Vec::new(),
            geocodes: Vec::new(),
            seat: Coord { x: 40.0, y: 21.0 },
            elevation_m: 10.0,
            coastal: false,
            tags: Default::default(),
            outline: MultiPolygon(Vec::new()),
        }
    });
    let region = Both { ar: "منطقة".to_owned(), en: "Region".to_owned() };
    let bounds = Rect::new(Coord { x: 30.0, y: 10.0 }, Coord { x: 50.0, y: 30.0 });
    let governorates = GovernorateBook::new(region, bounds, list.collect()).expect("no two names are the same");
    let shipped = super::shipped().rules;
    let feeds = [(feed(), FeedTerms::new("open-meteo", TimeDelta::hours(6)))].into_iter().collect();
    let rules = RULES.iter().enumerate().map(|(number, row)| rule(number, row));
    RuleBook { rules: rules.collect(), governorates: Arc::new(governorates), feeds, ..shipped.as_ref().clone() }
}

fn rule(number: usize, row: &Row) -> Rule {
    let (hazard, metric, statistic, hours, marks) = *row;
    let (_, direction) = shape(row);
    let severities = [Severity::Yellow, Severity::Orange, Severity::Red];
    let thresholds = severities.into_iter().zip(marks);
    Rule {
        id: RuleId::new(&format!("rule-{number}")).expect("this is a name"),
        hazard,
        metric,
        window: Window { statistic, span: TimeDelta::hours(hours) },
        sight: Sight::Any,
        look_ahead: TimeDelta::hours(AHEAD),
        direction,
        thresholds: thresholds.map(|(severity, mark)| Threshold { severity, raise: mark, clear: mark }).collect(),
        unit: metric.public_unit(),
        rise_after: TimeDelta::zero(),
        ease_after: TimeDelta::hours(1),
        lasts: TimeDelta::zero(),
        highest_from_forecast: Severity::Orange,
        may_raise: Default::default(),
        agree: Agreement::Feeds(1),
        governorates: (0..AREAS).map(id).collect(),
        also: also(hazard),
        either: Vec::new(),
        overrides: Vec::new(),
        source: String::new(),
        signed_off_by: None,
        notes: None,
    }
}

/// Dust asks for wind as well.
fn also(hazard: Hazard) -> Vec<Condition> {
    let wind = Condition {
        metric: Metric::WindGust,
        window: Window { statistic: Statistic::Max, span: TimeDelta::hours(1) },
        direction: Direction::AtLeast,
        threshold: 10.0,
        unit: Metric::WindGust.public_unit(),
    };
    if hazard == Hazard::Dust { vec![wind] } else { Vec::new() }
}
