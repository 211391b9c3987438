//! Readings as a test wants them, at one governorate.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Readings;
use crate::ids::{FeedId, GovernorateId};
use crate::reading::{Basis, Series, SeriesKey, Shelf, Shelves};
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Metric;

pub(super) fn at(minute: i64) -> Timestamp {
    Timestamp::from_timestamp(1_765_227_600 + minute * 60, 0).unwrap()
}

pub(super) fn feed(name: &str) -> FeedId {
    FeedId::new(name).unwrap()
}

pub(super) fn jeddah() -> GovernorateId {
    GovernorateId::new("jeddah").unwrap()
}

/// What is known in Jeddah.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    pub(super) shelves: Shelves,
    pub(super) frozen: BTreeSet<FeedId>,
}

impl World {
    /// Adds values that each speak for an hour, at minutes.
    pub(super) fn with(self, name: &str, metric: Metric, basis: Basis, points: &[(i64, f64)]) -> Self {
        let points: Vec<(i64, i64, f64)> = points.iter().map(|(minute, value)| (*minute, 60, *value)).collect();
        self.with_periods(name, metric, basis, &points)
    }

    /// Adds values, each with its minute and for how many minutes it speaks.
    pub(super) fn with_periods(mut self, name: &str, metric: Metric, basis: Basis, points: &[(i64, i64, f64)]) -> Self {
        let station = (basis == Basis::Observed).then(|| "OEJN".into());
        let key = SeriesKey { governorate: jeddah(), metric, basis, feed: feed(name), station };
        let known = self.shelves.get(&key).map(|series| series.as_ref().clone());
        let mut series = known.unwrap_or_else(|| Series::new(at(0), TimeDelta::hours(1)));
        for (minute, length, value) in points {
            series.put(at(*minute), *value, TimeDelta::minutes(*length));
        }
        self.shelves.put(key, Some(Arc::new(series)));
        self
    }
}

impl Readings for World {
    fn shelf(&self, governorate: &GovernorateId) -> Shelf<'_> {
        Shelf::new(self.shelves.at(governorate), Vec::new())
    }

    fn confirmed(&self, _: &SeriesKey, series: &Series) -> Timestamp {
        series.learned
    }

    fn is_frozen(&self, feed: &FeedId) -> bool {
        self.frozen.contains(feed)
    }
}
