//! Readings as CSV in our own two forms, told apart by the header. The long one has a row for each value, the wide one a row for
//! each moment and place:
//! ```text
//! time,governorate,metric,value,unit[,basis][,covers][,station][,feed][,issued]
//! time,governorate,precipitation[mm],wind_gust_km/h,…[,basis][,covers][,station][,feed][,issued]
//! ```
//! A row that cannot be read is counted and told with its reason; a unit is never guessed, and an empty cell is no value. Tables of
//! others are described in the words of `feeds.toml` and read by [`crate::feed::csv`].

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use csv::{ReaderBuilder, StringRecord};

use super::archive::Builder;
use crate::feed::values::{self, Faults, shown};
use crate::governorate::GovernorateBook;
use crate::ids::{FeedId, GovernorateId};
use crate::problem::nearest;
use crate::reading::{Basis, Reading};
use crate::time::{TimeDelta, Timestamp, parse_span};
use crate::unit::{Metric, Unit};

/// How long a value speaks for when the table does not say.
pub const DEFAULT_COVERS: TimeDelta = TimeDelta::hours(1);

/// The longest period that a value may speak for.
pub const MAX_COVERS: TimeDelta = TimeDelta::days(2);

/// Who speaks when the table does not say.
pub const DEFAULT_FEED: &str = "readings";

/// The most columns.
const MAX_COLUMNS: usize = 200;

/// The most places that are named as not known.
const MAX_STRANGERS: usize = 20;

/// What a table is read with.
#[derive(Debug, Clone)]
pub struct Terms<'a> {
    /// The governorates.
    pub book: &'a GovernorateBook,
    /// The zone of times that do not say theirs.
    pub zone: Tz,
    /// Other names of governorates: `JFK=jeddah`.
    pub places: &'a BTreeMap<String, GovernorateId>,
}

impl Terms<'_> {
    /// The governorate of a name.
    pub fn place(&self, name: &str) -> Option<GovernorateId> {
        if let Some(known) = self.places.get(name) {
            return Some(known.clone());
        }
        let by_id = GovernorateId::new(name).ok().and_then(|id| self.book.get(&id));
        by_id.or_else(|| self.book.named(name)).map(|place| place.id.clone())
    }

    /// What to do about places that are no governorate.
    pub fn strangers(&self, names: &BTreeSet<String>, rows: usize) -> String {
        let listed: Vec<String> = names.iter().take(MAX_STRANGERS).map(|name| format!("`{}`", shown(name))).collect();
        let more = names.len().saturating_sub(MAX_STRANGERS);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let known: Vec<&str> = self.book.iter().map(|place| place.id.as_str()).collect();
        let example = known.first().copied().unwrap_or("makkah");
        let first = names.first().map_or("NAME", String::as_str);
        format!(
            "{rows} rows are of places that are no governorates of the configuration: {}{more}; say which they are, such as \
             --place {}={example}, or give a --config that knows them (known: {})",
            listed.join(", "),
            shown(first),
            known.join(", ")
        )
    }
}

/// Where in a row the parts of a reading are.
#[derive(Debug)]
struct Layout {
    time: usize,
    place: usize,
    basis: Option<usize>,
    covers: Option<usize>,
    station: Option<usize>,
    feed: Option<usize>,
    issued: Option<usize>,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Long { metric: usize, value: usize, unit: Option<usize> },
    Wide(Vec<(usize, Metric, Unit)>),
}

/// Reads a table into an archive.
///
/// # Errors
/// All that makes the table as a whole unreadable.
pub fn read(name: &str, body: &[u8], terms: &Terms<'_>, into: &mut Builder) -> Result<(), Vec<String>> {
    let at = |why: String| format!("{name}: {why}");
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(body);
    let mut record = StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(true) => {}
        Ok(false) => return Err(vec![at("it is empty; its first line must name the columns".to_owned())]),
        Err(why) => return Err(vec![at(format!("the header: {why}"))]),
    }
    let header: Vec<String> = record.iter().map(|cell| cell.trim().to_owned()).collect();
    let (layout, unknown) = layout(&header).map_err(|faults| faults.into_iter().map(at).collect::<Vec<_>>())?;
    if !unknown.is_empty() {
        into.note(name, format!("columns that are passed over: {}", unknown.join(", ")));
    }
    let mut taker = Taker {
        terms,
        layout,
        names: BTreeMap::new(),
        strangers: BTreeSet::new(),
        strange: 0,
        faults: Faults::default(),
    };
    let mut rows = 0;
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) if record.iter().all(|cell| cell.trim().is_empty()) => continue,
            Ok(true) => {
                rows += 1;
                let line = record.position().map_or(0, csv::Position::line);
                if record.len() == header.len() {
                    taker.row(line, &record, into).map_err(|why| vec![at(why)])?;
                } else {
                    let why = || format!("it has {} cells where there should be {}", record.len(), header.len());
                    taker.faults.note("width", || format!("line {line}"), why);
                }
            }
            Err(why) => {
                rows += 1;
                taker.faults.note("record", || "a line".to_owned(), || shown(&why.to_string()));
            }
        }
    }
    if 0 < taker.strange {
        return Err(vec![at(terms.strangers(&taker.strangers, taker.strange))]);
    }
    into.count(rows, taker.faults.count());
    for skip in taker.faults.into_skips() {
        into.note(name, format!("{}: {}", skip.part, skip.why));
    }
    Ok(())
}

/// Understands the header; gives also the columns that mean nothing here.
fn layout(header: &[String]) -> Result<(Layout, Vec<String>), Vec<String>> {
    const NAMES: &[&str] =
        &["time", "governorate", "metric", "value", "unit", "basis", "covers", "station", "feed", "issued"];
    if MAX_COLUMNS < header.len() {
        return Err(vec![format!("the header has {} columns; at most {MAX_COLUMNS}", header.len())]);
    }
    let find = |name: &str| header.iter().position(|known| known == name);
    let mut faults = Vec::new();
    for (place, name) in header.iter().enumerate() {
        if header.iter().take(place).any(|other| other == name) {
            faults.push(format!("the column `{}` is there twice", shown(name)));
        }
    }
    let form = "write `time,governorate,metric,value,unit`, or a column for each metric such as `precipitation[mm]`; or \
                describe the table in FILE.toml (see nadhir backtest --help)";
    let (time, place) = (find("time"), find("governorate"));
    for (name, found) in [("time", time), ("governorate", place)] {
        if found.is_none() {
            let meant = nearest(name, header.iter().map(String::as_str));
            let meant = meant.map(|meant| format!(" (there is `{}`)", shown(meant))).unwrap_or_default();
            faults.push(format!("the header has no column `{name}`{meant}: {form}"));
        }
    }
    let mut unknown = Vec::new();
    let shape = match (find("metric"), find("value")) {
        (Some(metric), Some(value)) => {
            unknown.extend(header.iter().filter(|name| !NAMES.contains(&name.as_str())).cloned());
            Shape::Long { metric, value, unit: find("unit") }
        }
        _ => {
            let mut values = Vec::new();
            for (place, name) in header.iter().enumerate().filter(|(_, name)| !NAMES.contains(&name.as_str())) {
                match metric_column(name) {
                    Some(Ok((metric, unit))) => values.push((place, metric, unit)),
                    Some(Err(why)) => faults.push(format!("the column `{}`: {why}", shown(name))),
                    None => unknown.push(format!("`{}`", shown(name))),
                }
            }
            if values.is_empty() && faults.is_empty() {
                faults.push(format!("the header names no metric: {form}"));
            }
            Shape::Wide(values)
        }
    };
    let (Some(time), Some(place), true) = (time, place, faults.is_empty()) else { return Err(faults) };
    let layout = Layout {
        time,
        place,
        basis: find("basis"),
        covers: find("covers"),
        station: find("station"),
        feed: find("feed"),
        issued: find("issued"),
        shape,
    };
    Ok((layout, unknown))
}

/// A column of the wide form: a metric and its unit; none when it names no metric.
fn metric_column(name: &str) -> Option<Result<(Metric, Unit), String>> {
    let longest =
        Metric::ALL.iter().filter(|metric| name.starts_with(metric.name())).max_by_key(|metric| metric.name().len());
    let metric = *longest?;
    let rest = name.strip_prefix(metric.name()).unwrap_or_default();
    let symbol = match rest.trim_start() {
        "" => "",
        rest => {
            let within = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let within = within.or_else(|| rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')));
            within.or_else(|| rest.strip_prefix('_'))?.trim()
        }
    };
    let example = metric.public_unit().symbol();
    let unit = values::unit_of(metric, symbol).map_err(|why| match symbol {
        "" => format!("it has no unit: write `{metric}[{example}]`"),
        _ => why,
    });
    Some(unit.map(|unit| (metric, unit)))
}

/// Takes rows.
struct Taker<'a> {
    terms: &'a Terms<'a>,
    layout: Layout,
    /// What names mean, once found.
    names: BTreeMap<String, Option<GovernorateId>>,
    strangers: BTreeSet<String>,
    strange: usize,
    faults: Faults,
}

/// What a row says of all its values.
struct Common {
    at: Timestamp,
    governorate: GovernorateId,
    station: Option<std::sync::Arc<str>>,
    basis: Basis,
    covers: TimeDelta,
    feed: FeedId,
    heard: Timestamp,
}

impl Taker<'_> {
    /// Takes a row; an error is that there is no room for more.
    fn row(&mut self, line: u64, record: &StringRecord, into: &mut Builder) -> Result<(), String> {
        let common = match self.common(record) {
            Ok(Some(common)) => common,
            Ok(None) => return Ok(()),
            Err((kind, why)) => {
                self.faults.note(kind, || format!("line {line}"), || why);
                return Ok(());
            }
        };
        let mut put = |faults: &mut Faults, metric: Metric, label: &str, value: Result<f64, String>| match value {
            Ok(value) => {
                let Common { at, governorate, station, basis, covers, feed, heard } = &common;
                let (governorate, station) = (governorate.clone(), station.clone());
                let reading = Reading { governorate, metric, station, basis: *basis, value, at: *at, covers: *covers };
                into.take(*heard, feed, reading)
            }
            Err(why) => {
                faults.note(&format!("value {metric}"), || format!("line {line} {label}"), || why);
                Ok(())
            }
        };
        match &self.layout.shape {
            Shape::Long { metric, value, unit } => {
                let cell = |place: usize| record.get(place).unwrap_or_default().trim();
                let (name, text) = (cell(*metric), cell(*value));
                let Some(metric) = Metric::parse(name) else {
                    let known = || nearest(name, Metric::ALL.iter().map(|metric| metric.name()));
                    let meant = || known().map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
                    let why = || format!("`{}` is not a metric{}", shown(name), meant());
                    self.faults.note(&format!("metric {}", shown(name)), || format!("line {line}"), why);
                    return Ok(());
                };
                if text.is_empty() {
                    return Ok(());
                }
                let unit = values::unit_of(metric, unit.map(cell).unwrap_or_default()).map_err(|why| match unit {
                    None => format!("{why}; add a column `unit`"),
                    Some(_) => why,
                });
                let value = unit.and_then(|unit| values::canonical(metric, unit, values::number(text, false)?));
                put(&mut self.faults, metric, name, value)
            }
            Shape::Wide(columns) => {
                for (place, metric, unit) in columns {
                    let text = record.get(*place).unwrap_or_default().trim();
                    if !text.is_empty() {
                        let number = plain(text).map_or_else(|| values::number(text, false), Ok);
                        let value = number.and_then(|number| values::canonical(*metric, *unit, number));
                        put(&mut self.faults, *metric, metric.name(), value)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// What holds for all values of a row; none for a row of a place that is not known, which is told of at the end.
    fn common(&mut self, record: &StringRecord) -> Result<Option<Common>, (&'static str, String)> {
        let cell = |place: usize| record.get(place).unwrap_or_default().trim();
        let optional = |place: Option<usize>| place.map(cell).filter(|text| !text.is_empty());
        let name = cell(self.layout.place);
        if name.is_empty() {
            return Err(("place", "it does not say where it is".to_owned()));
        }
        if !self.names.contains_key(name) {
            self.names.insert(name.to_owned(), self.terms.place(name));
        }
        let Some(governorate) = self.names.get(name).cloned().flatten() else {
            self.strange += 1;
            if self.strangers.len() <= MAX_STRANGERS {
                self.strangers.insert(name.to_owned());
            }
            return Ok(None);
        };
        let at = self.moment(cell(self.layout.time)).map_err(|why| ("time", why))?;
        let basis = match optional(self.layout.basis) {
            None | Some("observed") => Basis::Observed,
            Some("forecast") => Basis::Forecast,
            Some(other) => return Err(("basis", format!("`{}` is neither `observed` nor `forecast`", shown(other)))),
        };
        let covers = match optional(self.layout.covers) {
            None => DEFAULT_COVERS,
            Some(text) => parse_span(text).map_err(|why| ("covers", why))?,
        };
        if covers <= TimeDelta::zero() || MAX_COVERS < covers {
            return Err(("covers", "a value speaks for more than nothing and up to 2d".to_owned()));
        }
        let feed = optional(self.layout.feed).unwrap_or(DEFAULT_FEED);
        let feed = FeedId::new(feed).map_err(|why| ("feed", why.to_string()))?;
        let heard = match (optional(self.layout.issued), basis) {
            (Some(text), _) => self.moment(text).map_err(|why| ("issued", why))?,
            (None, Basis::Observed) => at,
            (None, Basis::Forecast) => {
                let why = "a forecast says nothing without the time at which it was made: add a column `issued`";
                return Err(("issued", why.to_owned()));
            }
        };
        if basis == Basis::Observed && heard < at {
            return Err(("issued", "it was heard of before it was observed".to_owned()));
        }
        let station = optional(self.layout.station).map(Into::into);
        Ok(Some(Common { at, governorate, station, basis, covers, feed, heard }))
    }

    fn moment(&self, text: &str) -> Result<Timestamp, String> {
        let wrong = || format!("its time cannot be read: «{}»", shown(text));
        let civil = values::civil(text).filter(|civil| civil.is_iso).ok_or_else(wrong)?;
        match civil.offset {
            Some(offset) => {
                let offset = TimeDelta::seconds(offset.local_minus_utc().into());
                civil.at.and_utc().checked_sub_signed(offset).ok_or_else(wrong)
            }
            None => values::in_zone(civil.at, self.terms.zone),
        }
    }
}

/// A number in plain digits, without the pains that others take to understand those of people.
fn plain(text: &str) -> Option<f64> {
    let is_plain = text.len() < 20 && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    if is_plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::super::archive::Archive;
    use super::*;
    use crate::feed::keys::tests::book;

    /// Reads a table; gives its readings and what was passed over, or what is wrong with it.
    #[track_caller]
    fn check(table: &str, expected: &str) {
        let book = book();
        let places = BTreeMap::from([("JFK".to_owned(), GovernorateId::new("jeddah").unwrap())]);
        let terms = Terms { book: &book, zone: chrono_tz::Asia::Riyadh, places: &places };
        let mut builder = Builder::default();
        let told = match read("a.csv", table.as_bytes(), &terms, &mut builder) {
            Err(faults) => faults.join("\n"),
            Ok(()) => match builder.finish(None, None) {
                Err(why) => why,
                Ok(archive) => {
                    let line = |(heard, reading): (Timestamp, &Reading)| {
                        let Reading { governorate, metric, station, value, at, covers, .. } = reading;
                        let station = station.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
                        let (heard, covers) = ((heard - *at).num_minutes(), covers.num_minutes());
                        let at = at.format("%d %H:%M");
                        format!("{at} {governorate}{station} {metric} {value:.1} /{covers} {heard:+}")
                    };
                    let readings: Vec<String> = archive.readings().map(line).collect();
                    let Archive { rows, passed_over, notes, .. } = archive;
                    let notes: Vec<String> = notes.into_iter().map(|note| note.what).collect();
                    format!("{}\n{rows} rows, {passed_over} not: {}", readings.join("\n"), notes.join("; "))
                }
            },
        };
        assert_eq!(told, expected, "{table}");
    }

    #[test]
    fn the_long_form_has_a_row_for_each_value() {
        check(
            "time,governorate,metric,value,unit,basis,covers,station,feed,issued\n\
             2025-12-09T03:00,jeddah,precipitation,12,mm,,,OEJN,metar,\n\
             2025-12-09T00:00Z,جدة,wind_gust,36,km/h,observed,10min,,,2025-12-09T00:05Z\n\
             2025-12-09T06:00,JFK,temperature,95,°F,forecast,1h,,model,2025-12-09T00:00\n\
             2025-12-09T07:00,makkah,rain,1,mm,,,,,\n\
             2025-12-09T07:00,makkah,precipitation,1,km,,,,,\n\
             2025-12-09T07:00,makkah,precipitation,1,mm,forecast,,,,\n\
             09/12/2025,makkah,precipitation,1,mm,,,,,\n",
            "09 03:00 jeddah temperature 35.0 /60 -360\n09 00:00 jeddah OEJN precipitation 12.0 /60 +0\n\
             09 00:00 jeddah wind_gust 10.0 /10 +5\n7 rows, 4 not: \
             line 5: `rain` is not a metric; line 6 precipitation: `km` is of another kind: precipitation is a depth of water, \
             in mm, cm, in; line 7: a forecast says nothing without the time at which it was made: add a column `issued`; \
             line 8: its time cannot be read: «09/12/2025»",
        );
    }

    #[test]
    fn the_wide_form_has_a_column_for_each_metric_with_its_unit() {
        check(
            "time,governorate,precipitation[mm],wind_gust_km/h,temperature (°C),weather_code,sky\n\
             2025-12-09T03:00,taif,1.5,,40,95,clear\n2025-12-09T04:00,taif,-1,36,x\n2025-12-09T04:00,taif,-1,36,x,,\n",
            "09 00:00 taif precipitation 1.5 /60 +0\n09 00:00 taif temperature 40.0 /60 +0\n\
             09 00:00 taif weather_code 95.0 /60 +0\n09 01:00 taif wind_gust 10.0 /60 +0\n3 rows, 3 not: columns that are passed \
             over: `sky`; line 3: it has 5 cells where there should be 7; line 4 precipitation: -1 mm is not a possible \
             precipitation; line 4 temperature: `x` is not a number",
        );
    }

    #[test]
    fn all_that_is_wrong_with_a_table_is_told_at_once_with_what_to_do() {
        check("", "a.csv: it is empty; its first line must name the columns");
        let form = "write `time,governorate,metric,value,unit`, or a column for each metric such as `precipitation[mm]`; or \
                    describe the table in FILE.toml (see nadhir backtest --help)";
        check(
            "tim,governorate,precipitation,temperature[km],precipitation\n",
            &format!(
                "a.csv: the column `precipitation` is there twice\n\
                 a.csv: the header has no column `time` (there is `tim`): {form}\n\
                 a.csv: the column `precipitation`: it has no unit: write `precipitation[mm]`\n\
                 a.csv: the column `temperature[km]`: `km` is of another kind: temperature is a temperature, in °C, °F, K\n\
                 a.csv: the column `precipitation`: it has no unit: write `precipitation[mm]`"
            ),
        );
        check("time,governorate,a,b\n", &format!("a.csv: the header names no metric: {form}"));
        check(
            "time,governorate,temperature[°C]\n2025-12-09T03:00,LGA,1\n2025-12-09T03:00,EWR,1\n2025-12-09T03:00,LGA,1\n",
            "a.csv: 3 rows are of places that are no governorates of the configuration: `EWR`, `LGA`; say which they are, such \
             as --place EWR=makkah, or give a --config that knows them (known: makkah, jeddah, taif)",
        );
    }
}
