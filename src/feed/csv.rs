//! CSV: a table of values that a network of stations writes, with its columns described in `feeds.toml`.
//!
//! Rows may hold many values each, or one each with its parameter named. It guesses neither a unit, nor a zone, nor what an empty
//! cell means.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use encoding_rs::Encoding;
use toml::de::DeValue;
use url::Url;

use super::rows::{Cell, Limits, Mapping, Place, Spots, Told};
use super::values::{Faults, shown};
use super::{Batch, DecodeError, Feed, Kind, Request, Source, Surroundings, keys, look_of};
use crate::table::{Table, as_text};
use crate::time::Timestamp;
use crate::unit::Metric;

/// The kind.
pub const KIND: Kind = Kind {
    name: "csv",
    about: "a table of values as CSV, its columns described here: for stations without an interface of their own",
    example: r##"kind = "csv"
url = "https://stations.example/latest.csv"   # not needed within a `dir`
delimiter = ";"                               # left out: a comma; "tab" is one as well
quote = "\""                                  # left out: this
comment = "#"                                 # lines that begin so are passed over; left out: none are
decimal = ","                                 # left out: a point
encoding = "windows-1256"                     # left out: UTF-8
skip_lines = 0                                # lines before the header
header = true                                 # false: columns are numbers, from 1
time = { columns = ["DATE", "TIME"], format = "%d/%m/%Y %H:%M", zone = "Asia/Riyadh" }   # or `column`; iso, epoch, epoch-ms
station = { column = "STATION", governorates = { 41030 = ["makkah"], 41024 = ["jeddah"] }, ignore_others = true }
# place = { column = "PLACE" }                # instead: a governorate by name; or { is = ["jeddah"] }: always this one
# parameter = { column = "PARAM" }            # when each row holds one value: its parameter,
# value = { column = "VALUE" }                # and the value; `values` then say `is = "RAIN"` in place of `column`
basis = "observed"                            # or "forecast"; a value may say its own
covers = "10min"                              # how long a value speaks for; a value may say its own
values = [
  { column = "RAIN", metric = "precipitation", unit = "mm", missing = ["-", "-9999"] },
  { column = "GUST", metric = "wind_gust", unit_column = "GUST_UNIT" },
  # { column = "SKY", metric = "weather_code", unit = "code", words = { Fog = 45, Sandstorm = 31 } },
]
"##,
    parse,
};

/// What is asked for.
const ACCEPT: &str = "text/csv, text/plain;q=0.9, */*;q=0.1";
/// The most columns of a row.
const MAX_COLUMNS: usize = 1000;
/// The most lines before the header.
pub(crate) const MAX_SKIPPED: i64 = 1000;

/// A column by its name or its number.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Spot {
    Name(String),
    /// From 0.
    Number(usize),
}

/// One feed of this kind.
#[derive(Debug)]
struct Csv {
    url: Url,
    delimiter: u8,
    quote: u8,
    comment: Option<u8>,
    encoding: &'static Encoding,
    skip_lines: usize,
    has_header: bool,
    mapping: Mapping<Spot>,
}

fn spot(value: &DeValue<'_>) -> Result<Spot, String> {
    if let Some(number) = value.as_integer() {
        let number = number.as_str().parse().ok().filter(|number| (1..=MAX_COLUMNS).contains(number));
        return number
            .map(|number| Spot::Number(number - 1))
            .ok_or_else(|| format!("columns count from 1 to {MAX_COLUMNS}"));
    }
    Ok(Spot::Name(as_text(value)?.trim().to_owned()))
}

fn parse(table: &Table<'_>, around: &Surroundings) -> Option<Arc<dyn Feed>> {
    read(table, around).map(|csv| Arc::new(csv) as Arc<dyn Feed>)
}

fn read(table: &Table<'_>, around: &Surroundings) -> Option<Csv> {
    let url = keys::address(table, around, None);
    let byte = |text: &str| match (text, text.as_bytes()) {
        ("tab", _) => Ok(b'\t'),
        (_, [byte]) if byte.is_ascii() => Ok(*byte),
        _ => Err(format!("`{text}` is not one plain character")),
    };
    let delimiter = table.text("delimiter", byte).map_or(b',', |found| found.value);
    let quote = table.text("quote", byte).map_or(b'"', |found| found.value);
    let comment = table.text("comment", byte).map(|found| found.value);
    let decimal = table.word("decimal", &[(".", false), (",", true)]);
    let encoding = table.text("encoding", |label| {
        Encoding::for_label(label.as_bytes())
            .ok_or_else(|| format!("`{label}` is not an encoding known here, such as `windows-1256`"))
    });
    let skip_lines = table.integer("skip_lines", 0..=MAX_SKIPPED).map_or(0, |found| found.value);
    let has_header = table.flag("header").is_none_or(|found| found.value);
    let spots = Spots { one: "column", several: "columns", unit: "unit_column", example: "\"RAIN\"", read: spot };
    let mapping = Mapping::read(table, around, &spots);
    if delimiter == quote || comment.is_some_and(|comment| comment == delimiter || comment == quote) {
        table.error(&table.span, "`delimiter`, `quote` and `comment` must differ", None);
        return None;
    }
    let mut mapping = mapping?;
    if !has_header && mapping.spots().iter().any(|spot| matches!(spot, Spot::Name(_))) {
        let help = Some("write columns as numbers, from 1".to_owned());
        table.error(&table.span, "a column is named and the table has no header", help);
        return None;
    }
    mapping.has_comma = decimal.is_some_and(|found| found.value);
    Some(Csv {
        url: url?,
        delimiter,
        quote,
        comment,
        encoding: encoding.map_or(encoding_rs::UTF_8, |found| found.value),
        skip_lines: usize::try_from(skip_lines).unwrap_or_default(),
        has_header,
        mapping,
    })
}

/// A table that was kept: laid out in the same words, its rows of long ago and many more than those of an answer.
#[derive(Debug)]
pub struct Kept(Csv);

/// What a kept table held.
#[derive(Debug)]
pub struct KeptRows {
    /// Its readings, and what was passed over with reasons.
    pub batch: Batch,
    /// How many rows there are.
    pub rows: usize,
    /// How many rows and values were passed over.
    pub passed_over: usize,
}

impl Kept {
    /// Reads how the table is laid out.
    pub fn parse(table: &Table<'_>, around: &Surroundings) -> Option<Self> {
        read(table, around).map(Self)
    }

    /// Reads up to so many readings of the table.
    ///
    /// # Errors
    /// When nothing of it can be read.
    pub fn read(&self, body: &[u8], most: usize) -> Result<KeptRows, DecodeError> {
        self.0.rows(body, Limits { now: None, rows: most, readings: most })
    }
}

impl Mapping<Spot> {
    /// Every cell that it looks at, those without which nothing can be read first.
    fn spots(&self) -> Vec<&Spot> {
        let mut spots = self.needed();
        for column in &self.values {
            if let Cell::Own(spot) = &column.cell {
                spots.push(spot);
            }
            if let Told::Cell(spot) = &column.unit {
                spots.push(spot);
            }
        }
        spots
    }

    /// The cells without which nothing can be read.
    fn needed(&self) -> Vec<&Spot> {
        let mut spots: Vec<&Spot> = self.clock.spots().iter().collect();
        match &self.place {
            Place::Station { spot, .. } | Place::Name { spot, .. } => spots.push(spot),
            Place::Fixed(_) => {}
        }
        if let Some((parameter, value)) = &self.long {
            spots.extend([parameter, value]);
        }
        spots
    }
}

impl Feed for Csv {
    fn source(&self, _now: Timestamp) -> Source {
        Source::Web(vec![Request::new(self.url.clone(), ACCEPT)])
    }

    fn gives(&self) -> Option<BTreeSet<Metric>> {
        Some(self.mapping.gives())
    }

    fn decode(&self, body: &[u8], now: Timestamp) -> Result<Batch, DecodeError> {
        self.rows(body, Limits::of_answer(now)).map(|kept| kept.batch)
    }
}

impl Csv {
    fn rows(&self, body: &[u8], limits: Limits) -> Result<KeptRows, DecodeError> {
        let not_it = || DecodeError::NotTheFormat { expected: "CSV", found: look_of(body) };
        let (text, _, _) = self.encoding.decode(body);
        let start = text.trim_start();
        if start.is_empty() || start.starts_with('<') {
            return Err(not_it());
        }
        let mut rest = text.as_ref();
        for _ in 0..self.skip_lines {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        }
        let wide = |line: &&[u8]| MAX_COLUMNS < line.iter().filter(|byte| **byte == self.delimiter).count();
        if rest.as_bytes().split(|byte| *byte == b'\n').any(|line| wide(&line)) {
            return Err(DecodeError::Refused { why: format!("a row has more than {MAX_COLUMNS} columns") });
        }
        let mut reader = ::csv::ReaderBuilder::new()
            .delimiter(self.delimiter)
            .quote(self.quote)
            .comment(self.comment)
            .has_headers(false)
            .flexible(true)
            .from_reader(rest.as_bytes());
        let mut records = reader.records();
        let broken = |place: &str, why: String| DecodeError::Broken { place: place.to_owned(), why };
        let mut faults = Faults::default();
        let mut header: Vec<String> = Vec::new();
        if self.has_header {
            let Some(first) = records.next() else { return Err(broken("the header", "there is none".to_owned())) };
            let first = first.map_err(|why| broken("the header", why.to_string()))?;
            header = first.iter().take(MAX_COLUMNS).map(|name| name.trim().to_owned()).collect();
            self.check(&header, &mut faults)?;
        }
        let place = |spot: &Spot| match spot {
            Spot::Number(number) => Some(*number),
            Spot::Name(name) => header.iter().position(|known| known == name),
        };
        let mut taker = self.mapping.taker(limits);
        let mut rows = 0;
        let mut width = (!header.is_empty()).then_some(header.len());
        for record in records {
            rows += 1;
            if limits.rows < rows {
                break;
            }
            let record = match record {
                Ok(record) => record,
                Err(why) => {
                    faults.note("record", || format!("row {rows}"), || shown(&why.to_string()));
                    continue;
                }
            };
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            // A cell too many or too few moves every cell behind it under another name; a quote left open swallows the rows below.
            let width = *width.get_or_insert(record.len());
            let extra = record.iter().skip(width).any(|cell| !cell.trim().is_empty());
            if record.len() < width || extra {
                let why = || format!("it has {} cells where there should be {width}", record.len());
                faults.note("width", || format!("row {rows}"), why);
                continue;
            }
            if record.iter().any(|cell| cell.contains('\n')) {
                let why = || "a cell goes on over lines: a quote may not be closed".to_owned();
                faults.note("quote", || format!("row {rows}"), why);
                continue;
            }
            taker.row(&|| format!("row {rows}"), &|spot| record.get(place(spot)?).map(Cow::Borrowed));
        }
        let passed_over = taker.passed_over() + faults.count();
        let mut batch = taker.finish(rows);
        batch.skipped.extend(faults.into_skips());
        Ok(KeptRows { batch, rows, passed_over })
    }

    /// Checks that the header has the columns that are asked for, each once; without those of time and place nothing can be read.
    fn check(&self, header: &[String], faults: &mut Faults) -> Result<(), DecodeError> {
        let needed = self.mapping.needed();
        for spot in self.mapping.spots() {
            let Spot::Name(name) = spot else { continue };
            let why = match header.iter().filter(|known| *known == name).count() {
                1 => continue,
                0 => {
                    let known: Vec<String> = header.iter().take(20).map(|name| shown(name)).collect();
                    format!("there is no column `{name}`; there are {}", known.join(", "))
                }
                several => format!("there are {several} columns `{name}`"),
            };
            if needed.contains(&spot) {
                return Err(DecodeError::Broken { place: "the header".to_owned(), why });
            }
            faults.note(name, || "the header".to_owned(), || why);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
