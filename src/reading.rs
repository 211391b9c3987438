//! Readings: one value of one metric at one governorate, observed or forecast, and the series they form.
//!
//! A series never mixes two stations or two feeds: rain of one gauge is not added to rain of another.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{FeedId, GovernorateId};
use crate::time::{TimeDelta, Timestamp, seconds};
use crate::unit::Metric;

mod shelf;

pub use shelf::{Kept, Shelf, Shelves};

/// How a value came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// An instrument or a person saw it.
    Observed,
    /// A model computed it, for an hour to come or one gone by.
    Forecast,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Where.
    pub governorate: GovernorateId,
    /// What.
    pub metric: Metric,
    /// Which station said so, when the feed has stations: `OEJN`.
    pub station: Option<Arc<str>>,
    /// Observed or forecast.
    pub basis: Basis,
    /// The value in the metric's canonical unit; always finite and within [`Metric::possible`].
    pub value: f64,
    /// The end of the period it speaks for.
    pub at: Timestamp,
    /// The length of that period: it speaks for `(at - covers, at]`.
    pub covers: TimeDelta,
}

/// Which series a reading belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SeriesKey {
    /// Where.
    pub governorate: GovernorateId,
    /// What.
    pub metric: Metric,
    /// Observed or forecast.
    pub basis: Basis,
    /// From whom.
    pub feed: FeedId,
    /// Which station, when the feed has stations.
    pub station: Option<Arc<str>>,
}

/// The most points a series keeps: ten days of hours and two of minutes fit.
pub const MAX_POINTS: usize = 3200;

/// The values of one series in order of time, one a moment; a newer word for the same moment replaces the older.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// When the feed last gave any point of it.
    pub learned: Timestamp,
    /// The length of the period that a point speaks for when nothing else is said of it.
    #[serde(with = "seconds")]
    pub covers: TimeDelta,
    points: Vec<(i64, f64)>,
    /// The points that speak for a period of another length, in order: their moment and that length, in seconds. Rain is told
    /// over one hour here and over six there, and a sum must know which is which.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    odd: Vec<(i64, i64)>,
    /// The moments of which something was told and is told no more, in order: a forecast that leaves out an hour which it had named
    /// has not said that the hour is calm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    withdrawn: Vec<i64>,
}

impl Series {
    /// A series without points.
    pub fn new(learned: Timestamp, covers: TimeDelta) -> Self {
        Self { learned, covers, points: Vec::new(), odd: Vec::new(), withdrawn: Vec::new() }
    }

    /// Takes a value for the period of a length that ends at a moment; true when that says something new.
    pub fn put(&mut self, at: Timestamp, value: f64, covers: TimeDelta) -> bool {
        let second = at.timestamp();
        if self.points.is_empty() {
            self.covers = covers;
        }
        let is_longer_or_shorter = self.put_length(second, covers);
        if let Ok(place) = self.withdrawn.binary_search(&second) {
            self.withdrawn.remove(place);
        }
        let is_new = match self.points.binary_search_by_key(&second, |point| point.0) {
            Ok(place) => match self.points.get_mut(place) {
                Some(point) if point.1.to_bits() != value.to_bits() => {
                    point.1 = value;
                    true
                }
                _ => false,
            },
            Err(place) => {
                self.points.insert(place, (second, value));
                true
            }
        };
        is_new || is_longer_or_shorter
    }

    /// Notes the length of the period that ends at a second; true when it was another.
    fn put_length(&mut self, second: i64, covers: TimeDelta) -> bool {
        let is_usual = covers == self.covers;
        match self.odd.binary_search_by_key(&second, |odd| odd.0) {
            Ok(place) if is_usual => {
                self.odd.remove(place);
                true
            }
            Ok(place) => match self.odd.get_mut(place) {
                Some(odd) if odd.1 != covers.num_seconds() => {
                    odd.1 = covers.num_seconds();
                    true
                }
                _ => false,
            },
            Err(_) if is_usual => false,
            Err(place) => {
                self.odd.insert(place, (second, covers.num_seconds()));
                true
            }
        }
    }

    /// The length of the period that the point of a second speaks for, in seconds.
    pub fn length_of(&self, second: i64) -> i64 {
        let place = self.odd.binary_search_by_key(&second, |odd| odd.0);
        let odd = place.ok().and_then(|place| self.odd.get(place));
        odd.map_or(self.covers.num_seconds(), |odd| odd.1)
    }

    /// True when every point speaks for a period of the same length.
    pub fn is_even(&self) -> bool {
        self.odd.is_empty()
    }

    /// The length of the longest period that any of its points speaks for, in seconds.
    pub fn longest(&self) -> i64 {
        self.odd.iter().map(|odd| odd.1).fold(self.covers.num_seconds(), i64::max)
    }

    /// The value for a moment.
    pub fn value_at(&self, at: Timestamp) -> Option<f64> {
        let place = self.points.binary_search_by_key(&at.timestamp(), |point| point.0).ok()?;
        self.points.get(place).map(|point| point.1)
    }

    /// Forgets what is said of one moment; true when something was.
    pub fn forget_at(&mut self, at: Timestamp) -> bool {
        let second = at.timestamp();
        self.odd.retain(|odd| odd.0 != second);
        let place = self.points.binary_search_by_key(&second, |point| point.0);
        place.map(|place| self.points.remove(place)).is_ok()
    }

    /// Forgets what ended at or before a moment, and the oldest beyond [`MAX_POINTS`].
    pub fn forget_until(&mut self, moment: Timestamp) {
        let second = moment.timestamp();
        let old = self.points.partition_point(|point| point.0 <= second);
        let surplus = self.points.len().saturating_sub(MAX_POINTS);
        self.points.drain(..old.max(surplus));
        let first = self.points.first().map_or(i64::MAX, |point| point.0);
        self.odd.drain(..self.odd.partition_point(|odd| odd.0 < first));
        self.withdrawn.retain(|moment| second < *moment);
        self.withdrawn.truncate(MAX_POINTS);
    }

    /// Forgets what is said of a moment and of all that follows.
    pub fn forget_from(&mut self, moment: Timestamp) {
        let kept = self.points.partition_point(|point| point.0 < moment.timestamp());
        self.withdrawn.extend(self.points.drain(kept..).map(|point| point.0));
        self.withdrawn.sort_unstable();
        self.withdrawn.dedup();
        self.odd.truncate(self.odd.partition_point(|odd| odd.0 < moment.timestamp()));
    }

    /// True when something was told of a moment in `(from, to]` and is told no more.
    pub fn is_withdrawn_within(&self, from: Timestamp, to: Timestamp) -> bool {
        let next = self.withdrawn.partition_point(|moment| *moment <= from.timestamp());
        self.withdrawn.get(next).is_some_and(|moment| *moment <= to.timestamp())
    }

    /// The points whose moment lies in `(from, to]`: seconds since 1970 and value, in order.
    pub fn within(&self, from: Timestamp, to: Timestamp) -> &[(i64, f64)] {
        let low = self.points.partition_point(|point| point.0 <= from.timestamp());
        let high = self.points.partition_point(|point| point.0 <= to.timestamp());
        self.points.get(low..high).unwrap_or(&[])
    }

    /// All points in order.
    pub fn points(&self) -> &[(i64, f64)] {
        &self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_timestamp(1_765_227_600 + hour * 3600, 0).unwrap()
    }

    #[test]
    fn each_point_keeps_the_length_of_its_own_period() {
        let mut series = Series::new(at(0), TimeDelta::hours(1));
        assert!(series.put(at(1), 1.0, TimeDelta::hours(1)));
        assert!(series.put(at(6), 6.0, TimeDelta::hours(6)));
        let length = |series: &Series, hour| series.length_of(at(hour).timestamp()) / 3600;
        assert_eq!((length(&series, 1), length(&series, 6)), (1, 6));
        let row = serde_json::to_string(&series).unwrap();
        assert_eq!(serde_json::from_str::<Series>(&row).unwrap(), series, "what is stored is what was known");

        assert!(!series.put(at(6), 6.0, TimeDelta::hours(6)), "the same word twice is no news");
        assert!(series.put(at(6), 6.0, TimeDelta::hours(1)), "the same amount in less time is news");
        assert_eq!(length(&series, 6), 1);
        series.put(at(9), 1.0, TimeDelta::hours(3));
        series.forget_from(at(9));
        assert_eq!(length(&series, 9), 1, "what is forgotten leaves nothing behind");
        series.put(at(9), 1.0, TimeDelta::hours(3));
        assert!(series.forget_at(at(9)) && !series.forget_at(at(9)));
        assert_eq!((series.value_at(at(9)), series.value_at(at(6))), (None, Some(6.0)));
        assert_eq!(length(&series, 9), 1);
    }

    #[test]
    fn a_series_that_was_stored_before_lengths_were_kept_can_be_read() {
        let row = r#"{"learned":"2025-12-08T21:00:00Z","covers":3600,"points":[[1765227600,1.5]]}"#;
        let series: Series = serde_json::from_str(row).unwrap();
        assert_eq!(series.length_of(1_765_227_600), 3600);
        assert_eq!(serde_json::to_string(&series).unwrap(), row, "and costs no more room than before");
    }
}
