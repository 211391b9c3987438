//! From the parts of a forecast to its hours: of all that may come in an hour, the worst.
//!
//! It never makes calm of what could not be read: where a part that holds in an hour is not known, only what is grave in the
//! other parts is given, because that is proven all the same.

use crate::feed::aviation::forecast::{How, Part, Period, Placed};
use crate::feed::aviation::{Said, Taf};
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Metric;

/// What is forecast by the hour.
pub(super) const HOURLY: [Metric; 4] = [Metric::WindSpeed, Metric::WindGust, Metric::Visibility, Metric::WeatherCode];

/// Below this visibility, metres, an hour is grave; forecasts are amended for it (ICAO Annex 3, appendix 5, 1.3.1).
const GRAVE_SIGHT_M: f64 = 5000.0;
/// From this wind or gust on, 20 kt, an hour is grave: dust begins to rise.
const GRAVE_WIND_MPS: f64 = 10.2;

/// What is forecast for an hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hour {
    /// What.
    pub(super) metric: Metric,
    /// The end of the hour.
    pub(super) at: Timestamp,
    /// Canonical.
    pub(super) value: f64,
}

/// What one part says of the metrics of [`HOURLY`], in their order.
type Words = [Said<f64>; 4];

/// A part in its period.
struct Span {
    period: Period,
    words: Words,
    /// It prevails, so it has to say everything; others only add.
    prevails: bool,
}

/// The hours of a forecast. Chances below `least_probability` per cent are left out.
pub(super) fn hours(taf: &Taf, placed: &Placed, least_probability: u32) -> Vec<Hour> {
    let spans = spans(taf, placed, least_probability);
    let mut hours = Vec::new();
    let mut from = placed.valid.from;
    while from < placed.valid.to {
        let at = from + TimeDelta::hours(1);
        let here: Vec<&Span> = spans.iter().filter(|span| span.period.from < at && from < span.period.to).collect();
        for (index, metric) in HOURLY.into_iter().enumerate() {
            hours.extend(worst(metric, index, &here).map(|value| Hour { metric, at, value }));
        }
        from = at;
    }
    hours
}

/// The worst that may come of a metric in an hour; none when that is not known.
fn worst(metric: Metric, index: usize, here: &[&Span]) -> Option<f64> {
    let (mut is_known, mut worst) = (here.iter().any(|span| span.prevails), None::<f64>);
    for span in here {
        match span.words.get(index) {
            Some(Said::Value(value)) => {
                worst = Some(worst.map_or(*value, |worst| {
                    if metric == Metric::Visibility { worst.min(*value) } else { worst.max(*value) }
                }));
            }
            Some(Said::Nothing) if !span.prevails => {}
            _ => is_known = false,
        }
    }
    worst.filter(|value| is_known || is_grave(metric, *value))
}

fn is_grave(metric: Metric, value: f64) -> bool {
    match metric {
        Metric::Visibility => value < GRAVE_SIGHT_M,
        Metric::WindSpeed | Metric::WindGust => GRAVE_WIND_MPS <= value,
        _ => 0.0 < value,
    }
}

/// Every part in its period: what prevails one after the other, and what comes now and then.
fn spans(taf: &Taf, placed: &Placed, least_probability: u32) -> Vec<Span> {
    let valid = placed.valid;
    let mut prevailing = vec![Span { period: valid, words: whole(&taf.base), prevails: true }];
    let mut passing = Vec::new();
    let mut changes: Vec<_> = placed.changes.iter().collect();
    changes.sort_by_key(|change| change.period.from);
    for change in changes {
        let period = change.period;
        match change.how {
            How::From => {
                // All is said anew, and what was to come of what went before does not count any more.
                for span in &mut prevailing {
                    span.period.to = span.period.to.min(period.from);
                }
                prevailing.push(Span { period, words: whole(&change.part), prevails: true });
            }
            How::Becoming => {
                // In its period the old may still hold and the new may have come.
                let mut words = added(&change.part);
                if let Some(last) = prevailing.last_mut() {
                    last.period.to = last.period.to.min(period.to);
                    for (word, old) in words.iter_mut().zip(&last.words) {
                        if word.is_nothing() {
                            word.clone_from(old);
                        }
                    }
                }
                prevailing.push(Span { period: Period { to: valid.to, ..period }, words, prevails: true });
            }
            How::Temporary => passing.push(Span { period, words: added(&change.part), prevails: false }),
            How::Probable(chance) if least_probability <= chance => {
                passing.push(Span { period, words: added(&change.part), prevails: false });
            }
            How::Probable(_) => {}
        }
    }
    prevailing.extend(passing);
    prevailing
}

/// What a part says that stands for itself: at the beginning, and after `FM`.
///
/// No word of weather is a word: weather that is expected has to be named (ICAO Annex 3, appendix 5, 1.2.3), so a part that was
/// read whole and names none says that none is expected.
fn whole(part: &Part) -> Words {
    let [speed, gust, sight, code] = words(part);
    let is_hidden = part.conditions.may_hide_weather;
    let is_cut_short = part.conditions.wind.is_nothing() || part.conditions.visibility.is_nothing();
    let code = match code {
        Said::Nothing if !is_hidden && !is_cut_short => Said::Value(0.0),
        other => other,
    };
    [speed, gust, sight, code]
}

/// What a part says that adds to others or changes them; where one of its groups could not be read, that group may have spoken
/// of all that the part does not speak of otherwise.
fn added(part: &Part) -> Words {
    let mut words = words(part);
    if part.is_partly_unread {
        for word in words.iter_mut().filter(|word| word.is_nothing()) {
            *word = Said::Unknown;
        }
    }
    words
}

fn words(part: &Part) -> Words {
    let conditions = &part.conditions;
    let (speed, gust) = match &conditions.wind {
        Said::Value(wind) => {
            let speed = wind.speed.map_or(Said::Unknown, |speed| Said::Value(speed.mps));
            // As in a report: a wind without a gust says that nothing stronger is expected.
            let gust = wind.gust.or(wind.speed).map_or(Said::Unknown, |gust| Said::Value(gust.mps));
            (speed, gust)
        }
        Said::Unknown => (Said::Unknown, Said::Unknown),
        Said::Nothing => (Said::Nothing, Said::Nothing),
    };
    let sight = match &conditions.visibility {
        Said::Value(seen) => Said::Value(seen.metres),
        Said::Unknown => Said::Unknown,
        Said::Nothing => Said::Nothing,
    };
    let code = match &conditions.weather {
        Said::Value(groups) if groups.is_empty() => Said::Value(0.0),
        // Weather that has no code is not no weather.
        Said::Value(_) => conditions.worst_code().map_or(Said::Unknown, |code| Said::Value(f64::from(code))),
        Said::Unknown => Said::Unknown,
        Said::Nothing => Said::Nothing,
    };
    [speed, gust, sight, code]
}
