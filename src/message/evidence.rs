//! What was measured or forecast, in plain sentences: for each metric and window the worst value, and where.

use std::collections::BTreeSet;

use crate::bulletin::{Evidence, Origin};
use crate::hazard::Hazard;
use crate::ids::FeedId;
use crate::language::clock::{Edge, clock_text};
use crate::language::direction::{isolate, tame};
use crate::language::list::join;
use crate::language::number::Rounded;
use crate::language::{Language, Style};
use crate::message::area;
use crate::message::catalogue::Slot;
use crate::message::telling::{Telling, Told};
use crate::message::wording::{Wording, WordingError};
use crate::reading::Basis;
use crate::rule::Statistic;
use crate::time::TimeDelta;
use crate::unit::{Metric, Unit};

/// The most sentences of evidence that a text carries; all of it stands in the JSON form.
pub(super) const MAX_SENTENCES: usize = 3;

/// The evidence of a bulletin; an authority gives none.
pub(super) fn of(origin: &Origin) -> &[Evidence] {
    match origin {
        Origin::Automatic { evidence } => evidence,
        Origin::Official { .. } | Origin::Desk => &[],
    }
}

/// True when a smaller value is a worse one.
fn is_worse_below(hazard: Hazard, metric: Metric) -> bool {
    metric == Metric::Visibility || hazard == Hazard::Cold
}

/// The worst value of each metric, basis and window: what was seen first, then what models say, each in the order given.
fn worst(hazard: Hazard, evidence: &[Evidence]) -> Vec<&Evidence> {
    let mut worst: Vec<&Evidence> = Vec::new();
    for one in evidence {
        let kind = |other: &Evidence| (other.metric, other.basis, other.statistic, other.window);
        match worst.iter_mut().find(|other| kind(other) == kind(one)) {
            None => worst.push(one),
            Some(other) => {
                let is_lower = one.value < other.value;
                if one.value.total_cmp(&other.value).is_ne() && is_lower == is_worse_below(hazard, one.metric) {
                    *other = one;
                }
            }
        }
    }
    worst.sort_by_key(|one| one.basis);
    worst.truncate(MAX_SENTENCES);
    worst
}

/// The sentences of a bulletin's evidence.
pub(super) fn sentences(telling: &Telling<'_>) -> Result<Vec<String>, WordingError> {
    worst(telling.bulletin.hazard, of(&telling.bulletin.origin)).into_iter().map(|one| sentence(telling, one)).collect()
}

fn sentence(telling: &Telling<'_>, evidence: &Evidence) -> Told {
    let (topic, told) = topic(evidence);
    let value = value(telling, evidence.metric, told)?;
    let window = span(telling, evidence.window)?;
    let place = place(telling, evidence)?;
    let quantity = telling.say(&format!("quantity.{}", evidence.metric), &[])?;
    let at = at(telling, evidence)?;
    let mut slots = vec![(Slot::Value, value.as_str()), (Slot::Window, &window), (Slot::Place, &place)];
    if topic.starts_with("evidence_over") {
        slots.push((Slot::Quantity, &quantity));
    }
    match evidence.basis {
        Basis::Forecast => telling.say(&format!("{topic}.forecast"), &slots),
        Basis::Observed => {
            slots.push((Slot::At, &at));
            telling.say(&format!("{topic}.observed"), &slots)
        }
    }
}

/// Which sentence tells of a value, and the number that it tells: of a rate, how much that made in the window.
fn topic(evidence: &Evidence) -> (String, f64) {
    let own = || format!("evidence.{}", evidence.metric);
    let hours = evidence.window.as_seconds_f64() / 3600.0;
    match evidence.statistic {
        Statistic::Sum | Statistic::Max | Statistic::Min => (own(), evidence.value),
        Statistic::Mean => ("evidence_over.mean".to_owned(), evidence.value),
        Statistic::Rate if evidence.metric == Metric::Precipitation => (own(), evidence.value * hours),
        Statistic::Rate if evidence.value < 0.0 => ("evidence_over.fall".to_owned(), -evidence.value * hours),
        Statistic::Rate => ("evidence_over.rise".to_owned(), evidence.value * hours),
    }
}

/// How many decimal places of a metric mean something to the public.
pub(super) fn decimal_places(metric: Metric) -> u8 {
    match metric {
        Metric::Precipitation
        | Metric::Temperature
        | Metric::ApparentTemperature
        | Metric::DewPoint
        | Metric::HeatIndex
        | Metric::Wbgt
        | Metric::WaveHeight => 1,
        Metric::Humidity
        | Metric::WindSpeed
        | Metric::WindGust
        | Metric::Visibility
        | Metric::WeatherCode
        | Metric::Dust
        | Metric::Pm10
        | Metric::Cape
        | Metric::Pressure
        | Metric::DustLevel => 0,
    }
}

/// The key under which a public unit is counted; each is the public unit of some metric.
fn unit_key(metric: Metric) -> &'static str {
    match metric.public_unit() {
        Unit::Millimetre | Unit::Centimetre | Unit::Inch => "unit.millimetre",
        Unit::Celsius | Unit::Fahrenheit | Unit::Kelvin => "unit.celsius",
        Unit::Percent => "unit.percent",
        Unit::MetrePerSecond | Unit::KilometrePerHour | Unit::Knot | Unit::MilePerHour => "unit.kilometre_per_hour",
        Unit::Metre | Unit::Kilometre | Unit::StatuteMile | Unit::Foot => "unit.metre",
        Unit::Hectopascal | Unit::InchOfMercury => "unit.hectopascal",
        Unit::JoulePerKilogram => "unit.joule_per_kilogram",
        Unit::MicrogramPerCubicMetre => "unit.microgram_per_cubic_metre",
        Unit::Code => "unit.code",
    }
}

fn value(telling: &Telling<'_>, metric: Metric, value: f64) -> Told {
    if metric == Metric::WeatherCode {
        return telling.say(weather_key(value), &[]);
    }
    if metric == Metric::DustLevel {
        return telling.say(dust_key(value), &[]);
    }
    let number = Rounded::new(metric.public_unit().from_canonical(value), decimal_places(metric));
    telling.wording.count(telling.language, telling.style, unit_key(metric), &number)
}

/// The kind of weather of a WMO 4677 code.
fn weather_key(code: f64) -> &'static str {
    match code {
        code if (95.0..=99.0).contains(&code) => "weather.thunderstorm",
        code if (40.0..50.0).contains(&code) => "weather.fog",
        code if (6.0..10.0).contains(&code) || (30.0..36.0).contains(&code) => "weather.dust",
        code if (50.0..70.0).contains(&code) || (80.0..83.0).contains(&code) => "weather.rain",
        _ => "weather.other",
    }
}

/// The words of a level of dust.
fn dust_key(level: f64) -> &'static str {
    match level {
        level if level < 1.5 => "dust.light",
        level if level < 2.5 => "dust.moderate",
        _ => "dust.heavy",
    }
}

/// A length of time in its largest whole unit; days only from two on, since a day's rain is told as that of 24 hours.
fn span(telling: &Telling<'_>, window: TimeDelta) -> Told {
    span_of(telling.wording, telling.style, telling.language, window)
}

/// A length of time in words.
pub(super) fn span_of(wording: &Wording, style: &Style, language: Language, window: TimeDelta) -> Told {
    let minutes = window.num_minutes();
    let (key, count) = match minutes {
        _ if 2 * 24 * 60 <= minutes && minutes % (24 * 60) == 0 => ("span.day", minutes / (24 * 60)),
        _ if 60 <= minutes && minutes % 60 == 0 => ("span.hour", minutes / 60),
        _ => ("span.minute", minutes),
    };
    let count = f64::from(i32::try_from(count).unwrap_or(i32::MAX));
    wording.count(language, style, key, &Rounded::new(count, 0))
}

fn place(telling: &Telling<'_>, evidence: &Evidence) -> Told {
    let place = area::formal(telling, &evidence.governorate);
    match &evidence.station {
        None => Ok(place),
        Some(station) => {
            let station = isolate(telling.language, tame(station).trim());
            telling.say("places.at_station", &[(Slot::Place, &place), (Slot::Station, &station)])
        }
    }
}

/// The time of an observation; its day only when it is another than that of the bulletin.
fn at(telling: &Telling<'_>, evidence: &Evidence) -> Told {
    let local = telling.local(evidence.at);
    if local.date() == telling.local(telling.bulletin.issued).date() {
        Ok(clock_text(telling.language, telling.style, local.time()))
    } else {
        telling.moment(evidence.at, Edge::Start)
    }
}

/// The feeds that the evidence came from, in words; empty when there is none.
pub(super) fn sources(telling: &Telling<'_>) -> String {
    let feeds: BTreeSet<_> = of(&telling.bulletin.origin).iter().map(|one| &one.feed).collect();
    let told = |feed: &FeedId| {
        let name = telling.sources.get(feed).map_or(feed.as_str(), |name| name.get(telling.language));
        isolate(telling.language, tame(name).trim())
    };
    // Several feeds may bear one name, such as the forecasts of air and of waves by one house: it is said once.
    let names: BTreeSet<String> = feeds.into_iter().map(told).collect();
    join(telling.language, &names.into_iter().collect::<Vec<_>>())
}
