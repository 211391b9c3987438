//! Shelves: the series of every governorate, those of one side by side, so that all a rule looks at is found by one search.
//!
//! Nothing here judges a value.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Basis, Series, SeriesKey};
use crate::ids::GovernorateId;
use crate::unit::Metric;

/// A series and whose it is.
pub type Kept = (SeriesKey, Arc<Series>);

/// The series of every governorate, in no order: they are found by name, among ten thousand as fast as among ten.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shelves(HashMap<GovernorateId, Vec<Kept>>);

impl Shelves {
    /// The series of a governorate, in the order of their keys.
    pub fn at(&self, governorate: &GovernorateId) -> &[Kept] {
        self.0.get(governorate).map(Vec::as_slice).unwrap_or_default()
    }

    /// One series.
    pub fn get(&self, key: &SeriesKey) -> Option<&Arc<Series>> {
        let shelf = self.at(&key.governorate);
        let place = place(shelf, key).ok()?;
        shelf.get(place).map(|(_, series)| series)
    }

    /// Puts a series in the place of what was there; none takes it away.
    pub fn put(&mut self, key: SeriesKey, series: Option<Arc<Series>>) {
        let shelf = match self.0.get_mut(&key.governorate) {
            Some(shelf) => shelf,
            None => self.0.entry(key.governorate.clone()).or_default(),
        };
        match (place(shelf, &key), series) {
            (Ok(place), Some(series)) => {
                if let Some(kept) = shelf.get_mut(place) {
                    kept.1 = series;
                }
            }
            (Err(place), Some(series)) => shelf.insert(place, (key, series)),
            (Ok(place), None) => {
                shelf.remove(place);
                if shelf.is_empty() {
                    self.0.remove(&key.governorate);
                }
            }
            (Err(_), None) => {}
        }
    }

    /// Every series, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.0.values().flatten()
    }
}

fn place(shelf: &[Kept], key: &SeriesKey) -> Result<usize, usize> {
    let of = |key: &SeriesKey| (key.metric, key.basis);
    shelf.binary_search_by(|(known, _)| {
        let rest = || known.feed.cmp(&key.feed).then_with(|| known.station.cmp(&key.station));
        of(known).cmp(&of(key)).then_with(rest)
    })
}

/// The series of one governorate, with changes laid over them.
#[derive(Debug, Clone)]
pub struct Shelf<'a> {
    kept: &'a [Kept],
    changed: Vec<(&'a SeriesKey, Option<&'a Series>)>,
}

impl<'a> Shelf<'a> {
    /// What is kept, in the order of its keys, and what has changed of it: another series, or none any more.
    pub fn new(kept: &'a [Kept], changed: Vec<(&'a SeriesKey, Option<&'a Series>)>) -> Self {
        Self { kept, changed }
    }

    /// True when nothing is known here.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.changed.is_empty()
    }

    /// The series of a metric, of one basis: those that are as they were, then those that have changed.
    pub fn of(&self, metric: Metric, basis: Basis) -> impl Iterator<Item = (&'a SeriesKey, &'a Series)> + '_ {
        let is_one = move |key: &SeriesKey| (key.metric, key.basis) == (metric, basis);
        let first = self.kept.partition_point(|(key, _)| (key.metric, key.basis) < (metric, basis));
        let kept = self.kept.get(first..).unwrap_or_default().iter().take_while(move |(key, _)| is_one(key));
        let is_changed = |key: &SeriesKey| self.changed.iter().any(|(changed, _)| *changed == key);
        let kept = kept.filter(move |(key, _)| !is_changed(key)).map(|(key, series)| (key, series.as_ref()));
        let changed = self.changed.iter().filter(move |(key, _)| is_one(key));
        kept.chain(changed.filter_map(|(key, series)| Some((*key, (*series)?))))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ids::FeedId;
    use crate::time::{TimeDelta, Timestamp};

    fn key(place: &str, metric: Metric, feed: &str) -> SeriesKey {
        SeriesKey {
            governorate: GovernorateId::new(place).unwrap(),
            metric,
            basis: Basis::Observed,
            feed: FeedId::new(feed).unwrap(),
            station: None,
        }
    }

    fn series(value: f64) -> Series {
        let mut series = Series::new(Timestamp::UNIX_EPOCH, TimeDelta::hours(1));
        series.put(Timestamp::UNIX_EPOCH, value, TimeDelta::hours(1));
        series
    }

    #[test]
    fn a_change_takes_the_place_of_what_was_kept_and_of_nothing_else() {
        let mut shelves = Shelves::default();
        let keys = [
            key("taif", Metric::WindGust, "a"),
            key("taif", Metric::Precipitation, "b"),
            key("taif", Metric::Precipitation, "a"),
            key("jeddah", Metric::Precipitation, "a"),
        ];
        for (number, key) in keys.iter().enumerate() {
            shelves.put(key.clone(), Some(Arc::new(series(number as f64))));
        }
        assert_eq!(shelves.iter().map(|(key, _)| key).collect::<BTreeSet<_>>(), keys.iter().collect());
        let here: Vec<&SeriesKey> = shelves.at(&keys[0].governorate).iter().map(|(key, _)| key).collect();
        assert_eq!(here, [&keys[2], &keys[1], &keys[0]]);

        let newer = series(9.0);
        let gone = &keys[1];
        let changed = vec![(&keys[2], Some(&newer)), (gone, None)];
        let taif = GovernorateId::new("taif").unwrap();
        let shelf = Shelf::new(shelves.at(&taif), changed);
        let seen = |metric| {
            let values = shelf.of(metric, Basis::Observed).map(|(_, series)| series.points()[0].1);
            values.collect::<Vec<_>>()
        };
        assert_eq!(seen(Metric::Precipitation), [9.0]);
        assert_eq!(seen(Metric::WindGust), [0.0]);
        assert_eq!(shelf.of(Metric::WindGust, Basis::Forecast).count(), 0);

        for key in &keys {
            shelves.put(key.clone(), None);
        }
        assert_eq!(shelves, Shelves::default(), "an empty shelf is no shelf");
    }
}
