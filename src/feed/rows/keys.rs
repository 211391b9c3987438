//! The keys by which rows are described in `feeds.toml`; every mistake in them is noted, and every unit checked against what the
//! metric measures.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono_tz::Tz;
use toml::de::DeValue;

use super::clock::Form;
use super::{Cell, Clock, Column, Mapping, Place, Told};
use crate::feed::{Surroundings, keys, values};
use crate::ids::GovernorateId;
use crate::reading::Basis;
use crate::table::{Found, Table, as_number, as_text};
use crate::time::TimeDelta;
use crate::unit::Metric;

/// The most values of one row.
const MAX_VALUES: usize = 64;
/// The most stations.
const MAX_STATIONS: usize = 2000;
/// The most words that stand for values.
const MAX_WORDS: usize = 500;
/// The longest period that a value may speak for.
const MAX_COVERS: TimeDelta = TimeDelta::days(2);
/// What a basis is called.
const BASES: &[(&str, Basis)] = &[("observed", Basis::Observed), ("forecast", Basis::Forecast)];

/// How a kind calls the place of a cell, and how it reads one.
pub(in crate::feed) struct Spots<W> {
    /// `column` or `path`.
    pub(in crate::feed) one: &'static str,
    /// `columns` or `paths`.
    pub(in crate::feed) several: &'static str,
    /// `unit_column` or `unit_path`.
    pub(in crate::feed) unit: &'static str,
    /// An example of one.
    pub(in crate::feed) example: &'static str,
    /// Reads one.
    pub(in crate::feed) read: fn(&DeValue<'_>) -> Result<W, String>,
}

impl<W: Clone> Mapping<W> {
    /// Reads `time`, `station` or `place`, `parameter` and `value`, `values`, `basis` and `covers`.
    pub(in crate::feed) fn read(table: &Table<'_>, around: &Surroundings, spots: &Spots<W>) -> Option<Self> {
        let clock = clock(table, around, spots);
        let place = place(table, around, spots);
        let long = long(table, spots);
        let usual = (basis(table), covers(table));
        let mut values = Vec::new();
        let written = table.tables("values");
        if written.is_empty() && !table.has("values") {
            let what = format!("[{{ {} = {}, metric = \"precipitation\", unit = \"mm\" }}]", spots.one, spots.example);
            table.missing("values", &what);
        }
        if MAX_VALUES < written.len() {
            table.error(&table.span, format!("{} values; at most {MAX_VALUES}", written.len()), None);
        }
        let count = written.len();
        let is_long = table.has("parameter");
        for value in written {
            values.extend(column(&value, spots, is_long, usual));
            value.finish();
        }
        if values.is_empty() || values.len() < count {
            return None;
        }
        let long = match long {
            Ok(long) => long,
            Err(()) => return None,
        };
        let book = Arc::clone(&around.book);
        Some(Self { clock: clock?, place: place?, long, values, has_comma: false, book, is_whole: !around.is_within })
    }
}

fn spot<W>(table: &Table<'_>, spots: &Spots<W>) -> Option<Found<W>> {
    table.need(spots.one, spots.example, |value| (spots.read)(value))
}

fn clock<W>(table: &Table<'_>, around: &Surroundings, spots: &Spots<W>) -> Option<Clock<W>> {
    if !table.has("time") {
        table.missing("time", &format!("{{ {} = {}, format = \"iso\" }}", spots.one, spots.example));
    }
    let within = table.table("time")?;
    let cells = if within.has(spots.several) {
        let read = within.get(spots.several, |value| {
            let items = value.as_array().filter(|items| (1..=4).contains(&items.len()));
            let items = items.ok_or_else(|| format!("expected a list of one to four such as {}", spots.example))?;
            items.iter().map(|item| (spots.read)(item.get_ref())).collect::<Result<Vec<W>, String>>()
        });
        read.map(|found| found.value)
    } else {
        spot(&within, spots).map(|found| vec![found.value])
    };
    let form = within.text("format", Form::parse);
    let has_bad_form = form.is_none() && within.has("format");
    let zone = within.text("zone", |text| {
        text.parse::<Tz>()
            .map_err(|_| format!("`{text}` is not a time zone: write a name such as `Asia/Riyadh` or `UTC`"))
    });
    let zone = zone.map_or(around.zone, |found| found.value);
    within.finish();
    if has_bad_form {
        return None;
    }
    Some(Clock { spots: cells?, form: form.map_or(Form::Iso, |found| found.value), zone })
}

fn place<W>(table: &Table<'_>, around: &Surroundings, spots: &Spots<W>) -> Option<Place<W>> {
    let book = &around.book;
    let (has_station, has_place) = (table.has("station"), table.has("place"));
    if has_station == has_place {
        let help = format!(
            "add `station = {{ {} = {}, governorates = {{ … }} }}` or `place = {{ … }}`",
            spots.one, spots.example
        );
        let message =
            if has_station { "`station` and `place` are both written" } else { "nothing says where a row is for" };
        table.error(
            &table.span,
            message,
            Some(if has_station { "keep the one that is meant".to_owned() } else { help }),
        );
        // Asked for all the same, so that both count as known.
        table.table("station");
        table.table("place");
        return None;
    }
    if has_station {
        let within = table.table("station")?;
        let cell = spot(&within, spots);
        if !within.has("governorates") {
            within.missing("governorates", "{ 41030 = [\"makkah\"] }");
        }
        let mut stations: BTreeMap<Arc<str>, Vec<GovernorateId>> = BTreeMap::new();
        for (station, names) in keys::lists(&within, "governorates").map(|found| found.value).unwrap_or_default() {
            if names.is_empty() {
                within.error(&station.span, format!("`{}` stands for no governorate", station.value), None);
            }
            let places = names.iter().filter_map(|name| keys::governorate(&within, book, name)).collect();
            stations.insert(station.value.as_str().into(), places);
        }
        let ignores_others = within.flag("ignore_others").is_some_and(|found| found.value);
        if stations.is_empty() || MAX_STATIONS < stations.len() {
            within.error(&within.span, format!("{} stations; name 1 to {MAX_STATIONS}", stations.len()), None);
        }
        within.finish();
        return Some(Place::Station { spot: cell?.value, stations, ignores_others });
    }
    let within = table.table("place")?;
    let place = if within.has("is") {
        let names = within.texts("is").unwrap_or_default();
        if names.is_empty() {
            within.error(&within.span, "`is` names no governorate", None);
        }
        Some(Place::Fixed(names.iter().filter_map(|name| keys::governorate(&within, book, name)).collect()))
    } else {
        let cell = spot(&within, spots);
        let ignores_others = within.flag("ignore_others").is_some_and(|found| found.value);
        cell.map(|cell| Place::Name { spot: cell.value, ignores_others })
    };
    within.finish();
    place
}

/// `parameter` and `value`: where rows that hold one value each name it and give it.
fn long<W>(table: &Table<'_>, spots: &Spots<W>) -> Result<Option<(W, W)>, ()> {
    let mut cells = Vec::new();
    for key in ["parameter", "value"] {
        if !table.has(key) {
            continue;
        }
        let within = table.table(key).ok_or(())?;
        let cell = spot(&within, spots);
        within.finish();
        cells.push(cell.ok_or(())?.value);
    }
    let count = cells.len();
    let mut cells = cells.into_iter();
    match (count, cells.next(), cells.next()) {
        (0, ..) => Ok(None),
        (_, Some(parameter), Some(value)) => Ok(Some((parameter, value))),
        _ => {
            let help = "rows that hold one value each need both, others neither".to_owned();
            table.error(&table.span, "of `parameter` and `value` only one is written", Some(help));
            Err(())
        }
    }
}

fn basis(table: &Table<'_>) -> Option<Basis> {
    table.word("basis", BASES).map(|found| found.value)
}

fn covers(table: &Table<'_>) -> Option<TimeDelta> {
    let found = table.span_of_time("covers")?;
    if found.value <= TimeDelta::zero() || MAX_COVERS < found.value {
        let help = Some("write how long a value speaks for, such as `10min` or `1h`, up to 2d".to_owned());
        table.error(&found.span, "`covers` is out of range", help);
        return None;
    }
    Some(found.value)
}

fn column<W>(
    table: &Table<'_>,
    spots: &Spots<W>,
    is_long: bool,
    (usual_basis, usual_covers): (Option<Basis>, Option<TimeDelta>),
) -> Option<Column<W>> {
    let label = table.get(if is_long { "is" } else { spots.one }, |value| {
        Ok(as_text(value).map_or_else(|_| value.as_integer().map_or("?", |n| n.as_str()).to_owned(), str::to_owned))
    });
    let cell = if is_long {
        table.need_text("is", "\"RAIN\"", |text| Ok(text.trim().to_owned())).map(|found| Cell::Of(found.value))
    } else {
        spot(table, spots).map(|found| Cell::Own(found.value))
    };
    let metrics: Vec<(&str, Metric)> = Metric::ALL.iter().map(|metric| (metric.name(), *metric)).collect();
    if !table.has("metric") {
        table.missing("metric", "\"precipitation\"");
    }
    let metric = table.word("metric", &metrics).map(|found| found.value);
    let unit = match (table.has("unit"), table.has(spots.unit)) {
        (true, false) => {
            let unit = table.text("unit", |symbol| match metric {
                Some(metric) => values::unit_of(metric, symbol).map(Some),
                None => Ok(None),
            });
            unit.and_then(|found| found.value).map(Told::Fixed)
        }
        (false, true) => table.get(spots.unit, |value| (spots.read)(value)).map(|found| Told::Cell(found.value)),
        (both, _) => {
            let message = if both { "the unit is given twice" } else { "the value has no unit" };
            let help = format!("write one of `unit = \"mm\"` and `{} = {}`", spots.unit, spots.example);
            table.error(&table.span, message, Some(help));
            table.text("unit", |_| Ok(()));
            table.get(spots.unit, |_| Ok(()));
            None
        }
    };
    let basis = basis(table).or(usual_basis);
    if basis.is_none() && !table.has("basis") {
        let help = "add `basis = \"observed\"` or `\"forecast\"` here or for the whole feed".to_owned();
        table.error(&table.span, "nothing says whether the value was observed or is a forecast", Some(help));
    }
    let covers = covers(table).or(usual_covers);
    if covers.is_none() && !table.has("covers") {
        let help = "add `covers = \"10min\"` here or for the whole feed".to_owned();
        table.error(&table.span, "nothing says how long the value speaks for", Some(help));
    }
    let missing = if table.has("missing") { table.texts("missing")? } else { Vec::new() };
    let words = if table.has("words") { table.get("words", words)?.value } else { BTreeMap::new() };
    Some(Column {
        label: label.map(|found| found.value).unwrap_or_default(),
        cell: cell?,
        metric: metric?,
        unit: unit?,
        basis: basis?,
        covers: covers?,
        missing: missing.into_iter().map(|found| found.value).collect(),
        words,
    })
}

/// Reads the texts that stand for values, in the value's unit.
fn words(value: &DeValue<'_>) -> Result<BTreeMap<String, f64>, String> {
    let table = value.as_table().filter(|table| table.len() <= MAX_WORDS);
    let table = table.ok_or_else(|| format!("expected a table of up to {MAX_WORDS} such as {{ Fog = 45 }}"))?;
    let read = |word: &str, value| as_number(value).map_err(|why| format!("`{word}`: {why}"));
    table
        .iter()
        .map(|(word, value)| Ok((word.get_ref().trim().to_owned(), read(word.get_ref(), value.get_ref())?)))
        .collect()
}
