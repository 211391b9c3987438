//! The storm file: how a storm is written in TOML, with every mistake in it found at once.
//!
//! Reading never looks outside the text it is given, and a storm that contradicts its own published figures is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono_tz::Tz;
use geo::Coord;
use toml::de::DeValue;

use super::{Calm, Fault, FaultKind, FeedName, Hours, MAX_STORM_LEN, MAX_STORY, Place, Run, Storm, View, hour_of};
use crate::ids::GovernorateId;
use crate::language::Both;
use crate::problem::{Problems, SourceFile, advice};
use crate::table::{Found, Table, as_number, as_text, read_file};
use crate::time::{TimeDelta, Timestamp};
use crate::unit::{Metric, Unit};

mod alerts;
mod stations;

/// The tables of truth: the table's name, the key of its values, what they are, and their unit.
const TRUTHS: &[(&str, &str, Metric, Unit)] = &[
    ("rain", "mm", Metric::Precipitation, Unit::Millimetre),
    ("gust", "km_h", Metric::WindGust, Unit::KilometrePerHour),
    ("visibility", "m", Metric::Visibility, Unit::Metre),
    ("temperature", "celsius", Metric::Temperature, Unit::Celsius),
    ("humidity", "percent", Metric::Humidity, Unit::Percent),
    ("weather_code", "code", Metric::WeatherCode, Unit::Code),
    ("waves", "m", Metric::WaveHeight, Unit::Metre),
    ("cape", "j_kg", Metric::Cape, Unit::JoulePerKilogram),
    ("dust", "ug_m3", Metric::Dust, Unit::MicrogramPerCubicMetre),
    ("pm10", "ug_m3", Metric::Pm10, Unit::MicrogramPerCubicMetre),
];

/// How a moment is written.
const A_MOMENT: &str = "2025-12-09T04:00:00+03:00";

/// The largest factor of a model run.
const MAX_FACTOR: f64 = 10.0;

/// How many hours a run may move the storm.
const MAX_SHIFT_H: i64 = 24;

type Places = BTreeMap<GovernorateId, Place>;
type Truth = BTreeMap<Metric, BTreeMap<GovernorateId, Hours>>;

/// Reads a storm; every fault is noted.
pub(super) fn read(source: &Arc<SourceFile>, problems: &Problems) -> Option<Storm> {
    if MAX_STORM_LEN < source.text.len() as u64 {
        let message = format!("the storm is {} bytes long; {MAX_STORM_LEN} is the most", source.text.len());
        problems.error(source, 0..0, message, None);
        return None;
    }
    let storm = read_file(source, problems, |top| {
        let storm = read_top(&top);
        top.finish();
        storm
    });
    storm.filter(|_| !problems.has_errors())
}

fn read_top(top: &Table<'_>) -> Option<Storm> {
    let start = top.need("start", A_MOMENT, moment);
    let end = top.need("end", A_MOMENT, moment);
    let zone = top.need_text("zone", "\"Asia/Riyadh\"", |name| {
        name.parse::<Tz>().map_err(|_| format!("`{name}` is not a time zone: write such as `Asia/Riyadh`"))
    });
    if let (Some(start), Some(end)) = (&start, &end) {
        if end.value <= start.value {
            top.error(&end.span, "`end` is not after `start`", None);
        } else if MAX_STORY < end.value - start.value {
            top.error(&end.span, format!("the story is longer than {} days", MAX_STORY.num_days()), None);
        }
    }
    let title = section(top, "title").and_then(|table| whole(table, both));
    let notice = section(top, "notice").and_then(|table| whole(table, both));
    let places = read_places(top);
    let calm = section(top, "calm").and_then(|table| whole(table, read_calm));
    let truth = read_truth(top, &places);
    let runs = read_runs(top, &places, start.as_ref());
    let stations = stations::read_stations(top);
    let published = stations::read_published(top, &truth, &stations);
    let authority = section(top, "authority").and_then(|table| whole(table, alerts::read_authority));
    let alerts = alerts::read_alerts(top);
    let faults = top.tables("fault").into_iter().filter_map(|table| whole(table, read_fault)).collect();
    Some(Storm {
        title: title?,
        notice: notice?,
        start: start?.value,
        end: end?.value,
        zone: zone?.value,
        published,
        faults,
        places,
        calm: calm?,
        truth,
        runs,
        stations,
        authority: authority?,
        alerts,
    })
}

/// A table that must be there.
fn section<'a>(table: &Table<'a>, key: &'static str) -> Option<Table<'a>> {
    if !table.has(key) {
        table.missing(key, "{ … }");
    }
    table.table(key)
}

/// Reads a table whole: when something of it is missing it is not used, and its unknown keys are noted all the same.
fn whole<T>(table: Table<'_>, read: impl FnOnce(&Table<'_>) -> Option<T>) -> Option<T> {
    let read = read(&table);
    table.finish();
    read
}

fn both(table: &Table<'_>) -> Option<Both<String>> {
    let ar = table.need_text("ar", "\"…\"", not_blank);
    let en = table.need_text("en", "\"…\"", not_blank);
    Some(Both { ar: ar?.value, en: en?.value })
}

fn not_blank(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("the text is empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// An identifier that can stand in CAP references and in an address.
fn plain_word(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    if !text.is_empty() && text.len() <= 100 && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is not a plain word: write letters, digits, `-`, `_`, `.` and `@`, 100 at most"))
    }
}

/// A moment with its offset, as TOML's own date-time or in quotes.
fn moment(value: &DeValue<'_>) -> Result<Timestamp, String> {
    let text = match value.as_datetime() {
        Some(written) => written.to_string(),
        None => as_text(value)
            .map_err(|_| format!("expected a moment such as {A_MOMENT}, found {}", value.type_str()))?
            .to_owned(),
    };
    chrono::DateTime::parse_from_rfc3339(&text)
        .map(|moment| moment.to_utc())
        .map_err(|_| format!("`{text}` is not a moment with its offset: write such as {A_MOMENT}"))
}

fn number_in(limits: std::ops::RangeInclusive<f64>) -> impl Fn(&DeValue<'_>) -> Result<f64, String> {
    move |value| {
        let number = as_number(value)?;
        if limits.contains(&number) {
            Ok(number)
        } else {
            Err(format!("{number} is out of range: {} to {}", limits.start(), limits.end()))
        }
    }
}

/// A value of a metric in a unit, within what is possible.
fn possible(metric: Metric, unit: Unit) -> impl Fn(&DeValue<'_>) -> Result<f64, String> {
    move |value| {
        let number = as_number(value)?;
        let limits = metric.possible();
        if limits.contains(&unit.to_canonical(number)) {
            return Ok(number);
        }
        let (low, high) = (unit.from_canonical(*limits.start()), unit.from_canonical(*limits.end()));
        Err(format!("{number} {unit} is not possible: {low:.0} to {high:.0}"))
    }
}

fn seat(table: &Table<'_>) -> Option<Coord<f64>> {
    whole(section(table, "seat")?, |seat| {
        let y = seat.need("lat", "21.5", number_in(-90.0..=90.0));
        let x = seat.need("lon", "39.2", number_in(-180.0..=180.0));
        Some(Coord { x: x?.value, y: y?.value })
    })
}

fn elevation(table: &Table<'_>) -> Option<f64> {
    Some(table.need("elevation_m", "12", number_in(-500.0..=9000.0))?.value)
}

fn governorate(table: &Table<'_>, name: &Found<String>, places: &Places) -> Option<GovernorateId> {
    let found = GovernorateId::new(&name.value).ok().filter(|id| places.contains_key(id));
    if found.is_none() {
        let known: Vec<&str> = places.keys().map(GovernorateId::as_str).collect();
        table.error(&name.span, format!("no `[place.{}]` says where that is", name.value), advice(&name.value, &known));
    }
    found
}

fn read_places(top: &Table<'_>) -> Places {
    let named = section(top, "place").map(|table| table.named_tables()).unwrap_or_default();
    let read = named.into_iter().filter_map(|(name, table)| {
        let id = GovernorateId::new(&name.value).map_err(|why| top.error(&name.span, why.to_string(), None)).ok();
        let place = whole(table, |table| {
            let (seat, elevation_m) = (seat(table), elevation(table));
            Some(Place { seat: seat?, elevation_m: elevation_m? })
        });
        Some((id?, place?))
    });
    read.collect()
}

fn read_calm(table: &Table<'_>) -> Option<Calm> {
    let gust = table.need("gust_km_h", "18", possible(Metric::WindGust, Unit::KilometrePerHour));
    let visibility = table.need("visibility_m", "24140", possible(Metric::Visibility, Unit::Metre));
    let temperature = table.need("temperature_c", "24", possible(Metric::Temperature, Unit::Celsius));
    let humidity = table.need("humidity_percent", "60", possible(Metric::Humidity, Unit::Percent));
    let code = table.need("weather_code", "1", possible(Metric::WeatherCode, Unit::Code));
    let wave = table.need("wave_m", "0.8", possible(Metric::WaveHeight, Unit::Metre));
    let cape = table.need("cape_j_kg", "150", possible(Metric::Cape, Unit::JoulePerKilogram));
    let dust = table.need("dust_ug_m3", "45", possible(Metric::Dust, Unit::MicrogramPerCubicMetre));
    let pm10 = table.need("pm10_ug_m3", "70", possible(Metric::Pm10, Unit::MicrogramPerCubicMetre));
    Some(Calm {
        gust_km_h: gust?.value,
        visibility_m: visibility?.value,
        temperature_c: temperature?.value,
        humidity_percent: humidity?.value,
        weather_code: code?.value,
        wave_m: wave?.value,
        cape_j_kg: cape?.value,
        dust_ug_m3: dust?.value,
        pm10_ug_m3: pm10?.value,
    })
}

fn read_truth(top: &Table<'_>, places: &Places) -> Truth {
    let mut truth = Truth::new();
    for (name, key, metric, unit) in TRUTHS {
        let Some(table) = top.table(name) else { continue };
        for (name, table) in table.named_tables() {
            let id = governorate(top, &name, places);
            let hours = whole(table, |table| {
                let from = table.need("from", A_MOMENT, on_the_hour);
                let values = table.need(key, "[ … ]", |value| values(value, &possible(*metric, *unit)));
                Some(Hours { first: hour_of(from?.value) + 1, values: values?.value })
            });
            if let (Some(id), Some(hours)) = (id, hours) {
                truth.entry(*metric).or_default().insert(id, hours);
            }
        }
    }
    truth
}

fn on_the_hour(value: &DeValue<'_>) -> Result<Timestamp, String> {
    let moment = moment(value)?;
    if moment.timestamp() % 3600 == 0 { Ok(moment) } else { Err("hours begin at minute 0".to_owned()) }
}

fn values(value: &DeValue<'_>, read: &dyn Fn(&DeValue<'_>) -> Result<f64, String>) -> Result<Vec<f64>, String> {
    let list = value.as_array().ok_or_else(|| format!("expected a list of numbers, found {}", value.type_str()))?;
    let numbers = list
        .iter()
        .enumerate()
        .map(|(place, item)| read(item.get_ref()).map_err(|why| format!("value {}: {why}", place + 1)));
    numbers.collect()
}

fn read_runs(top: &Table<'_>, places: &Places, start: Option<&Found<Timestamp>>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for table in top.tables("run") {
        let span = table.span.clone();
        let Some(run) = whole(table, |table| read_run(table, places)) else { continue };
        if runs.last().is_some_and(|last| run.issued <= last.issued) {
            top.error(
                &span,
                "a run is not newer than the one before it",
                Some("write runs in order of time".to_owned()),
            );
        }
        runs.push(run);
    }
    let begins = runs.first().map(|run| run.issued);
    if let Some(start) = start.filter(|start| begins.is_none_or(|begins| start.value < begins)) {
        top.error(
            &start.span,
            "no `[[run]]` was issued before `start`",
            Some("add one, so that the first question has an answer".to_owned()),
        );
    }
    runs
}

fn read_run(table: &Table<'_>, places: &Places) -> Option<Run> {
    let issued = table.need("issued", A_MOMENT, moment);
    let view = read_view(table, None);
    let mut of = BTreeMap::new();
    for (name, own) in table.table("of").map(|table| table.named_tables()).unwrap_or_default() {
        let id = governorate(table, &name, places);
        let own = whole(own, |own| Some(read_view(own, Some(view))));
        of.extend(id.zip(own));
    }
    Some(Run { issued: issued?.value, view, of })
}

/// Reads how a run sees things; what is not written is as in `usual`, or true.
fn read_view(table: &Table<'_>, usual: Option<View>) -> View {
    let usual = usual.unwrap_or(View { factor: 1.0, gust_factor: 1.0, shift_h: 0 });
    let factor = |key| table.get(key, number_in(0.0..=MAX_FACTOR)).map(|found| found.value);
    View {
        factor: factor("factor").unwrap_or(usual.factor),
        gust_factor: factor("gust_factor").unwrap_or(usual.gust_factor),
        shift_h: table.integer("shift_h", -MAX_SHIFT_H..=MAX_SHIFT_H).map_or(usual.shift_h, |found| found.value),
    }
}

fn read_fault(table: &Table<'_>) -> Option<Fault> {
    let word = |key: &'static str| {
        if !table.has(key) {
            table.missing(key, "\"…\"");
        }
    };
    word("feed");
    word("kind");
    let feed = table.word("feed", FeedName::WORDS);
    let kind = table.word("kind", FaultKind::WORDS);
    let from = table.need("from", A_MOMENT, moment);
    let until = table.need("until", A_MOMENT, moment);
    let (from, until) = (from?, until?);
    if until.value - from.value <= TimeDelta::zero() {
        table.error(&until.span, "`until` is not after `from`", None);
    }
    Some(Fault { feed: feed?.value, kind: kind?.value, from: from.value, until: until.value })
}

#[cfg(test)]
mod tests {
    use super::super::EMBEDDED;
    use super::*;

    /// Reads the embedded storm with one part of it changed, and gives the faults.
    fn faults_with(old: &str, new: &str) -> Vec<String> {
        assert!(EMBEDDED.contains(old), "{old}");
        let source = Arc::new(SourceFile { name: "storm".to_owned(), text: EMBEDDED.replacen(old, new, 1) });
        let problems = Problems::new();
        let storm = read(&source, &problems);
        let list: Vec<_> =
            problems.into_sorted().into_iter().map(|p| format!("{} ({:?})", p.message, p.help)).collect();
        assert_eq!(storm.is_none(), !list.is_empty(), "{list:#?}");
        list
    }

    #[test]
    fn a_fault_is_found_and_the_storm_refused() {
        for (old, new, expected) in [
            ("[rain.jeddah]", "[rain.jedda]", "did you mean `jeddah`?"),
            ("[14, 33, 41, 30, 17]", "[14, 33, 41, 30, 7]", "135 mm were published, but `[rain.jeddah]` has 125.0 mm"),
            ("rain_mm = 51", "rain_mm = 50", "the reports of `OEJN` have 51.0 mm together"),
            ("wind = \"33008KT\"", "wind = \"33008\"", "not a wind group"),
            ("references = [\"reconstruction-20251208-yellow-sea-1\"]", "", "must say what it refers to"),
            ("sea-1\"]", "see-1\"]", "did you mean `reconstruction-20251208-yellow-sea-1`?"),
            ("kind = \"html\"", "kind = \"htlm\"", "did you mean `html`?"),
            ("issued = 2025-12-08T17:30:00+03:00", "issued = 2025-12-08T19:28:00+03:00", "issued before `start`"),
            ("end = 2025-12-09T18", "end = 2024-12-09T18", "not after `start`"),
            ("start = 2025-12-08T19:27:00+03:00", "start = 2025-12-08T19:27:00", "with its offset"),
            ("factor = 0.02", "factr = 0.02", "unknown key `factr`"),
            ("mm = [4, 12, 14, 8]", "mm = [4, -12, 14, 8]", "value 2: -12 mm is not possible"),
            ("zone = \"Asia/Riyadh\"", "", "`zone` is missing"),
            ("[notice]", "[note]", "`notice` is missing"),
        ] {
            let faults = faults_with(old, new);
            assert!(faults.iter().any(|fault| fault.contains(expected)), "{new}: {faults:#?}");
        }
    }

    #[test]
    fn several_faults_are_told_at_once() {
        let faults = faults_with("factor = 0.02\ngust_factor = 0.45", "factr = 0.02\ngust_factor = 60");
        assert_eq!(faults.len(), 2, "{faults:#?}");
    }

    #[test]
    fn a_text_that_is_no_storm_is_refused_without_harm() {
        for text in ["", "= =", "start = 1", "[rain]\njeddah = 3", "metar = 3\nrun = 1\nalert = \"x\""] {
            let problems = Problems::new();
            let source = Arc::new(SourceFile { name: "storm".to_owned(), text: text.to_owned() });
            assert!(read(&source, &problems).is_none());
            assert!(problems.has_errors(), "{text}");
        }
    }
}
