//! Rows of a table that somebody else laid out, as readings: which cell is the time, which the place, which the values, all said in
//! `feeds.toml`. Shared by the generic kinds, which differ only in how a cell is found.
//!
//! A row without a time, a place or a possible value is passed over with its reason; the clock is never taken for a time, an empty
//! cell never for zero, and a unit is never guessed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::values::{self, Faults, MAX_AHEAD, MAX_FROM_NOW, shown};
use super::{Batch, Retold, Skip};
use crate::governorate::GovernorateBook;
use crate::ids::GovernorateId;
use crate::reading::{Basis, Reading};
use crate::time::{TimeDelta, Timestamp};
use crate::unit::{Metric, Unit};

mod clock;
mod keys;

pub(super) use clock::Clock;
pub(super) use keys::Spots;

/// The most rows of one answer that are read.
pub(super) const MAX_ROWS: usize = 50_000;
/// The most readings of one answer.
const MAX_READINGS: usize = 100_000;
/// The most stations that are named as not known.
const MAX_STRANGERS_SHOWN: usize = 10;

/// What limits the rows that are taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// What time it is, for rows that must be of about now; none for what was kept of long ago.
    pub(super) now: Option<Timestamp>,
    /// The most rows.
    pub(super) rows: usize,
    /// The most readings.
    pub(super) readings: usize,
}

impl Limits {
    /// Those of an answer that came now.
    pub(super) fn of_answer(now: Timestamp) -> Self {
        Self { now: Some(now), rows: MAX_ROWS, readings: MAX_READINGS }
    }
}

/// How rows become readings; `W` says where in a row a cell is.
#[derive(Debug)]
pub(super) struct Mapping<W> {
    pub(super) clock: Clock<W>,
    pub(super) place: Place<W>,
    /// Where the name of the parameter and its value are, when each row holds one value.
    pub(super) long: Option<(W, W)>,
    pub(super) values: Vec<Column<W>>,
    pub(super) has_comma: bool,
    pub(super) book: Arc<GovernorateBook>,
    /// A file of a folder may hold some stations only; a whole answer that leaves one out says so.
    pub(super) is_whole: bool,
}

/// Where a row is for.
#[derive(Debug)]
pub(super) enum Place<W> {
    /// A station, which stands for governorates.
    Station { spot: W, stations: BTreeMap<Arc<str>, Vec<GovernorateId>>, ignores_others: bool },
    /// A governorate by its identifier or a name of it.
    Name { spot: W, ignores_others: bool },
    /// Always the same.
    Fixed(Vec<GovernorateId>),
}

/// One value of a row.
#[derive(Debug)]
pub(super) struct Column<W> {
    /// What people call it in a fault.
    pub(super) label: String,
    pub(super) cell: Cell<W>,
    pub(super) metric: Metric,
    pub(super) unit: Told<W>,
    pub(super) basis: Basis,
    pub(super) covers: TimeDelta,
    /// Texts that stand for no value.
    pub(super) missing: Vec<String>,
    /// Texts that stand for a value, in its unit.
    pub(super) words: BTreeMap<String, f64>,
}

/// Where a value is.
#[derive(Debug)]
pub(super) enum Cell<W> {
    /// In a cell of its own.
    Own(W),
    /// In the common cell of rows that are of this parameter.
    Of(String),
}

/// The unit of a value.
#[derive(Debug)]
pub(super) enum Told<W> {
    /// Said in `feeds.toml`.
    Fixed(Unit),
    /// Told by the row.
    Cell(W),
}

/// Readings being made of rows.
pub(super) struct Taker<'a, W> {
    mapping: &'a Mapping<W>,
    limits: Limits,
    readings: Vec<Reading>,
    faults: Faults,
    heard: BTreeSet<Arc<str>>,
    strangers: BTreeSet<String>,
    strange_rows: usize,
    is_full: bool,
}

impl<W> Mapping<W> {
    /// The metrics that its readings are of.
    pub(super) fn gives(&self) -> BTreeSet<Metric> {
        self.values.iter().map(|column| column.metric).collect()
    }

    /// Begins to take rows.
    pub(super) fn taker(&self, limits: Limits) -> Taker<'_, W> {
        Taker {
            mapping: self,
            limits,
            readings: Vec::new(),
            faults: Faults::default(),
            heard: BTreeSet::new(),
            strangers: BTreeSet::new(),
            strange_rows: 0,
            is_full: false,
        }
    }
}

impl<W> Taker<'_, W> {
    /// Takes a row; `find` gives the text of a cell, none when it is not there, and `name` is what people call the row.
    pub(super) fn row<'r>(&mut self, name: &dyn Fn() -> String, find: &dyn Fn(&W) -> Option<Cow<'r, str>>) {
        let mapping = self.mapping;
        let at = match mapping.clock.read(find) {
            Ok(at) if self.limits.now.is_none_or(|now| (at - now).abs() <= MAX_FROM_NOW) => at,
            Ok(at) => {
                let why = || format!("its time {} is far from now", at.format("%F %T UTC"));
                return self.faults.note("far", name, why);
            }
            Err(why) => return self.faults.note("time", name, || why),
        };
        let Some((station, places)) = self.place(name, find) else { return };
        let parameter = match &mapping.long {
            None => None,
            Some((parameter, _)) => match find(parameter) {
                Some(parameter) => Some(parameter),
                None => {
                    return self
                        .faults
                        .note("parameter", name, || "it does not say of which parameter it is".to_owned());
                }
            },
        };
        for column in &mapping.values {
            let spot = match (&column.cell, &mapping.long) {
                (Cell::Own(spot), _) => spot,
                (Cell::Of(of), Some((_, value))) if parameter.as_deref().map(str::trim) == Some(of) => value,
                (Cell::Of(_), _) => continue,
            };
            match self.value(column, spot, at, find) {
                Ok(Some(value)) => self.put(column, at, value, station.as_ref(), &places),
                Ok(None) => {}
                Err(why) => {
                    self.faults.note(
                        &format!("value {}", column.label),
                        || format!("{} {}", name(), column.label),
                        || why,
                    );
                }
            }
        }
    }

    fn value<'r>(
        &self,
        column: &Column<W>,
        spot: &W,
        at: Timestamp,
        find: &dyn Fn(&W) -> Option<Cow<'r, str>>,
    ) -> Result<Option<f64>, String> {
        let Some(text) = find(spot) else { return Ok(None) };
        let text = text.trim();
        if text.is_empty() || column.missing.iter().any(|missing| missing.trim() == text) {
            return Ok(None);
        }
        let has_comma = self.mapping.has_comma;
        let number = column.words.get(text).map_or_else(|| values::number(text, has_comma), |number| Ok(*number))?;
        // A station that writes -9999 for nothing may write -9999.0 as well.
        let is_missing = |missing: &String| {
            values::number(missing, has_comma).is_ok_and(|missing| missing.to_bits() == number.to_bits())
        };
        if column.missing.iter().any(is_missing) {
            return Ok(None);
        }
        let unit = match &column.unit {
            Told::Fixed(unit) => *unit,
            Told::Cell(spot) => {
                let symbol = find(spot).ok_or("it has no unit")?;
                values::unit_of(column.metric, symbol.trim())?
            }
        };
        let is_ahead = self.limits.now.is_some_and(|now| now + MAX_AHEAD < at);
        if column.basis == Basis::Observed && is_ahead {
            return Err(format!("it was observed at {}, which is yet to come", at.format("%F %T UTC")));
        }
        values::canonical(column.metric, unit, number).map(Some)
    }

    /// The station of a row, when rows have one, and the governorates it is for.
    fn place<'r>(
        &mut self,
        name: &dyn Fn() -> String,
        find: &dyn Fn(&W) -> Option<Cow<'r, str>>,
    ) -> Option<(Option<Arc<str>>, Vec<GovernorateId>)> {
        let mapping = self.mapping;
        let (spot, ignores_others) = match &mapping.place {
            Place::Fixed(places) => return Some((None, places.clone())),
            Place::Station { spot, ignores_others, .. } | Place::Name { spot, ignores_others } => {
                (spot, *ignores_others)
            }
        };
        let Some(text) = find(spot).filter(|text| !text.trim().is_empty()) else {
            self.faults.note("place", name, || "it does not say where it is".to_owned());
            return None;
        };
        let text = text.trim();
        let found = match &mapping.place {
            Place::Station { stations, .. } => stations.get_key_value(text).map(|(station, places)| {
                self.heard.insert(Arc::clone(station));
                (Some(Arc::clone(station)), places.clone())
            }),
            Place::Name { .. } => {
                let by_id = GovernorateId::new(text).ok().and_then(|id| mapping.book.get(&id));
                by_id.or_else(|| mapping.book.named(text)).map(|place| (None, vec![place.id.clone()]))
            }
            Place::Fixed(_) => None,
        };
        if found.is_none() && !ignores_others {
            self.strange_rows += 1;
            if self.strangers.len() < MAX_STRANGERS_SHOWN {
                self.strangers.insert(shown(text));
            }
        }
        found
    }

    fn put(
        &mut self,
        column: &Column<W>,
        at: Timestamp,
        value: f64,
        station: Option<&Arc<str>>,
        places: &[GovernorateId],
    ) {
        for governorate in places {
            if self.limits.readings <= self.readings.len() {
                self.is_full = true;
                return;
            }
            self.readings.push(Reading {
                governorate: governorate.clone(),
                metric: column.metric,
                station: station.cloned(),
                basis: column.basis,
                value,
                at,
                covers: column.covers,
            });
        }
    }

    /// How many rows and values were passed over so far.
    pub(super) fn passed_over(&self) -> usize {
        self.faults.count() + self.strange_rows
    }

    /// What the rows held.
    pub(super) fn finish(mut self, rows: usize) -> Batch {
        let Limits { rows: most, readings: most_readings, .. } = self.limits;
        if most < rows {
            let why = || format!("more than {most} rows; the rest was not read");
            self.faults.note("rows", || "the rest".to_owned(), why);
        }
        if self.is_full {
            let why = || format!("more than {most_readings} values; the rest was not read");
            self.faults.note("full", || "the rest".to_owned(), why);
        }
        if 0 < self.strange_rows {
            let names: Vec<&str> = self.strangers.iter().map(String::as_str).collect();
            let why = format!("{} rows are of places that are not listed: {}", self.strange_rows, names.join(", "));
            self.faults.note("strangers", || "places".to_owned(), || why);
        }
        if let (Place::Station { stations, .. }, true) = (&self.mapping.place, self.mapping.is_whole && 0 < rows) {
            for station in stations.keys().filter(|station| !self.heard.contains(*station)) {
                self.faults.note(&format!("silent {station}"), || station.to_string(), || "no row is of it".to_owned());
            }
        }
        let twice = last_word(&mut self.readings);
        if 0 < twice {
            let why = || {
                format!(
                    "{twice} values are for a moment and place that another row gives differently; the last one counts"
                )
            };
            self.faults.note("twice", || "rows".to_owned(), why);
        }
        let retold = Retold::by(&self.readings);
        let skipped: Vec<Skip> = self.faults.into_skips();
        Batch { readings: self.readings, retold, skipped, ..Batch::default() }
    }
}

/// Brings readings in order and leaves the last word of each moment; tells how many words differed from it.
fn last_word(readings: &mut Vec<Reading>) -> usize {
    fn key(reading: &Reading) -> (&GovernorateId, Metric, Option<&Arc<str>>, Basis, Timestamp) {
        (&reading.governorate, reading.metric, reading.station.as_ref(), reading.basis, reading.at)
    }
    readings.sort_by(|one, other| key(one).cmp(&key(other)));
    let mut differ = 0;
    // Of two neighbours alike the later one is moved into the place of the earlier, which is kept.
    readings.dedup_by(|later, kept| {
        let is_same = key(later) == key(kept);
        if is_same {
            differ += usize::from(later.value.to_bits() != kept.value.to_bits());
            std::mem::swap(later, kept);
        }
        is_same
    });
    differ
}
