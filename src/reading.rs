//! Readings: one value of one metric at one governorate, observed or forecast, and the series they form.
//!
//! A series never mixes two stations or two feeds: rain of one gauge is not added to rain of another.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{FeedId, GovernorateId};
use crate::time::{TimeDelta, Timestamp, seconds};
use crate::unit::Metric;

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
    /// The length of the period each point speaks for.
    #[serde(with = "seconds")]
    pub covers: TimeDelta,
    points: Vec<(i64, f64)>,
}

impl Series {
    /// A series without points.
    pub fn new(learned: Timestamp, covers: TimeDelta) -> Self {
        Self { learned, covers, points: Vec::new() }
    }

    /// Takes a value for a moment; true when that says something new.
    pub fn put(&mut self, at: Timestamp, value: f64) -> bool {
        let second = at.timestamp();
        match self.points.binary_search_by_key(&second, |point| point.0) {
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
        }
    }

    /// Forgets what ended at or before a moment, and the oldest beyond [`MAX_POINTS`].
    pub fn forget_until(&mut self, moment: Timestamp) {
        let second = moment.timestamp();
        let old = self.points.partition_point(|point| point.0 <= second);
        let surplus = self.points.len().saturating_sub(MAX_POINTS);
        self.points.drain(..old.max(surplus));
    }

    /// Forgets what is said of a moment and of all that follows.
    pub fn forget_from(&mut self, moment: Timestamp) {
        self.points.truncate(self.points.partition_point(|point| point.0 < moment.timestamp()));
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
