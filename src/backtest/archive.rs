//! Archives: what feeds said in the past, in the order in which it was heard. It knows no file and no form.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::derive;
use crate::engine::Heard;
use crate::feed::{Batch, Retold};
use crate::ids::{FeedId, GovernorateId};
use crate::reading::{Basis, Reading};
use crate::time::{TimeDelta, Timestamp, span_text};
use crate::unit::Metric;

/// The most readings that are lived through: ten years of hours of seven values in a dozen places; about 100 bytes each.
pub const MAX_READINGS: usize = 8_000_000;

/// The longest stretch of time that is lived through.
pub const MAX_STRETCH: TimeDelta = TimeDelta::days(40 * 366);

/// The most kinds of things that are told as passed over.
pub const MAX_NOTES: usize = 200;

/// What came of asking a feed at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// When it was heard.
    pub at: Timestamp,
    /// Of whom.
    pub feed: FeedId,
    /// What.
    pub heard: Heard,
}

impl Told {
    /// What it held, when it held anything.
    pub fn batch(&self) -> Option<&Batch> {
        match &self.heard {
            Heard::Batch { batch, .. } => Some(batch),
            Heard::Unchanged
            | Heard::Nothing
            | Heard::Listening { .. }
            | Heard::Unreadable { .. }
            | Heard::Unreachable { .. } => None,
        }
    }
}

/// Something that was passed over or that whoever reads the scores should know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// Where: a file, a rule, an event.
    pub of: String,
    /// What.
    pub what: String,
}

/// An archive being put together.
#[derive(Debug, Default)]
pub struct Builder {
    heard: BTreeMap<(Timestamp, FeedId), Vec<Reading>>,
    asked: Vec<Told>,
    count: usize,
    rows: usize,
    passed_over: usize,
    notes: Vec<Note>,
}

impl Builder {
    /// Takes a reading that was heard at a moment.
    ///
    /// # Errors
    /// When there is no room for more.
    pub fn take(&mut self, heard: Timestamp, feed: &FeedId, reading: Reading) -> Result<(), String> {
        if MAX_READINGS <= self.count {
            return Err(format!("there are more than {MAX_READINGS} readings: choose a part with --from and --to"));
        }
        self.count += 1;
        self.heard.entry((heard, feed.clone())).or_default().push(reading);
        Ok(())
    }

    /// Takes what came of asking a feed.
    ///
    /// # Errors
    /// When there is no room for more.
    pub fn ask(&mut self, told: Told) -> Result<(), String> {
        self.count += told.batch().map_or(1, |batch| 1 + batch.readings.len());
        if MAX_READINGS < self.count {
            return Err(format!("there are more than {MAX_READINGS} readings: choose a part with --from and --to"));
        }
        self.asked.push(told);
        Ok(())
    }

    /// Counts rows that were read and those that were passed over.
    pub fn count(&mut self, rows: usize, passed_over: usize) {
        self.rows += rows;
        self.passed_over += passed_over;
    }

    /// Notes what was passed over.
    pub fn note(&mut self, of: impl Into<String>, what: impl Into<String>) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(Note { of: of.into(), what: what.into() });
        }
    }

    /// How many more readings there is room for.
    pub fn room(&self) -> usize {
        MAX_READINGS - self.count
    }

    /// The archive of what was heard within `[from, to]`.
    ///
    /// # Errors
    /// When there is nothing in it, or it lasts too long.
    pub fn finish(self, from: Option<Timestamp>, to: Option<Timestamp>) -> Result<Archive, String> {
        let mut told = self.asked;
        for ((at, feed), readings) in self.heard {
            let retold = Retold::by(&readings);
            let batch = Batch { readings, retold, ..Batch::default() };
            told.push(Told { at, feed, heard: Heard::Batch { batch, validators: None, entries: Vec::new() } });
        }
        let is_within = |at: Timestamp| from.is_none_or(|from| from <= at) && to.is_none_or(|to| at <= to);
        let before = told.len();
        told.retain(|told| is_within(told.at));
        told.sort_by(|a, b| (a.at, &a.feed).cmp(&(b.at, &b.feed)));
        let (Some(first), Some(last)) = (told.first().map(|told| told.at), told.last().map(|told| told.at)) else {
            return Err(match before {
                0 => "there is no reading at all".to_owned(),
                _ => "no reading lies between --from and --to".to_owned(),
            });
        };
        if MAX_STRETCH < last - first {
            let (from, to) = (first.format("%F"), last.format("%F"));
            let most = span_text(MAX_STRETCH);
            return Err(format!(
                "the readings reach from {from} to {to}, more than {most}: choose with --from and --to"
            ));
        }
        for told in &mut told {
            if let Heard::Batch { batch, .. } = &mut told.heard {
                batch.readings.sort_by(|a, b| a.governorate.cmp(&b.governorate));
            }
        }
        let count = told.iter().filter_map(Told::batch).map(|batch| batch.readings.len()).sum::<usize>();
        Ok(Archive {
            told,
            from: first,
            to: last,
            rows: self.rows,
            readings: count,
            passed_over: self.passed_over,
            notes: self.notes,
        })
    }
}

/// What was heard in the past.
#[derive(Debug)]
pub struct Archive {
    /// All of it, in the order in which it was heard; the readings of one batch by governorate.
    pub told: Vec<Told>,
    /// When the first was heard.
    pub from: Timestamp,
    /// When the last was.
    pub to: Timestamp,
    /// How many rows were read; an answer that was recorded counts as one.
    pub rows: usize,
    /// How many readings there are.
    pub readings: usize,
    /// How many rows and values were passed over.
    pub passed_over: usize,
    /// What was passed over, with reasons.
    pub notes: Vec<Note>,
}

impl Archive {
    /// The feeds that speak in it.
    pub fn feeds(&self) -> BTreeSet<FeedId> {
        self.told.iter().map(|told| told.feed.clone()).collect()
    }

    /// All readings, each with the moment at which it was heard.
    pub fn readings(&self) -> impl Iterator<Item = (Timestamp, &Reading)> {
        let batches = self.told.iter().filter_map(|told| Some((told.at, told.batch()?)));
        batches.flat_map(|(at, batch)| batch.readings.iter().map(move |reading| (at, reading)))
    }

    /// True when an authority speaks in it: its word concerns several governorates at once.
    pub fn has_alerts(&self) -> bool {
        self.told.iter().filter_map(Told::batch).any(|batch| !batch.alerts.is_empty())
    }

    /// What there is of each governorate.
    pub fn places(&self) -> BTreeMap<GovernorateId, Place> {
        let mut places: BTreeMap<GovernorateId, Place> = BTreeMap::new();
        for (number, told) in self.told.iter().enumerate() {
            let readings = told.batch().map(|batch| batch.readings.as_slice()).unwrap_or_default();
            let mut start = 0;
            while let Some(first) = readings.get(start) {
                let rest = readings.get(start..).unwrap_or_default();
                let end = start + rest.partition_point(|reading| reading.governorate <= first.governorate);
                let place = places.entry(first.governorate.clone()).or_default();
                place.parts.push((number, start..end));
                for reading in readings.get(start..end).unwrap_or_default() {
                    place.metrics.insert((reading.metric, reading.basis));
                    place.moments.push(reading.at);
                }
                start = end;
            }
        }
        for place in places.values_mut() {
            place.moments.sort_unstable();
            place.moments.dedup();
        }
        places
    }
}

/// What an archive holds of one governorate.
#[derive(Debug, Default)]
pub struct Place {
    /// Which of what was told concerns it, and which of its readings.
    pub parts: Vec<(usize, Range<usize>)>,
    /// What is told.
    pub metrics: BTreeSet<(Metric, Basis)>,
    /// The moments that are spoken of, in order, each once.
    pub moments: Vec<Timestamp>,
}

impl Place {
    /// What is told on a basis, and what can be derived from it.
    pub fn known(&self, basis: Basis) -> BTreeSet<Metric> {
        let told = self.metrics.iter().filter(|(_, of)| *of == basis).map(|(metric, _)| *metric);
        derive::with_derived(told.collect())
    }

    /// On how many days of UTC something is said of it.
    pub fn days(&self) -> usize {
        self.moments.iter().map(Timestamp::date_naive).collect::<BTreeSet<_>>().len()
    }

    /// True when something is said of a moment within `[from, to]`.
    pub fn speaks_within(&self, from: Timestamp, to: Timestamp) -> bool {
        let next = self.moments.partition_point(|moment| *moment < from);
        self.moments.get(next).is_some_and(|moment| *moment <= to)
    }
}
