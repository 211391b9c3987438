//! What feeds measured or computed: readings into their series, what follows from them, and what a newer forecast takes back.
//!
//! Nothing here is judged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::KEEP_READINGS;
use super::state::Draft;
use crate::derive::{self, Spot};
use crate::feed::Batch;
use crate::ids::{FeedId, GovernorateId};
use crate::reading::{Basis, Reading, Series, SeriesKey};
use crate::rule::RuleBook;
use crate::rule::judge::DEFAULT_STALE_AFTER;
use crate::time::Timestamp;
use crate::unit::Metric;

/// Stores readings, with what can be derived from them, and tells what they touch; forecasts that are told anew lose the hours
/// that are not said again. A reading of a governorate that is not known never gets here: decoders place them.
pub(super) fn store(
    book: &RuleBook,
    draft: &mut Draft<'_>,
    feed: &FeedId,
    batch: &Batch,
    now: Timestamp,
) -> BTreeSet<(GovernorateId, Metric)> {
    let wanted = book.rules.metrics();
    let mut touched = BTreeSet::new();
    forget_retold(draft, feed, batch, wanted, &mut touched);
    put_readings(draft, feed, &batch.readings, now, &mut touched);
    let derived = derive::readings(&batch.readings, wanted, |spot, metric| {
        draft.one_series(&key_of_spot(feed, spot, metric)).and_then(|series| series.value_at(spot.at))
    });
    for (spot, metric) in derived.undone {
        let key = key_of_spot(feed, &spot, metric);
        if let Some(mut series) = draft.one_series(&key).cloned()
            && series.forget_at(spot.at)
        {
            touched.insert((spot.governorate, metric));
            draft.put_series(key, series);
        }
    }
    put_readings(draft, feed, &derived.readings, now, &mut touched);
    touched
}

/// Which series of a feed holds a metric of a spot.
fn key_of_spot(feed: &FeedId, spot: &Spot, metric: Metric) -> SeriesKey {
    let Spot { governorate, station, basis, .. } = spot.clone();
    SeriesKey { governorate, metric, basis, feed: feed.clone(), station }
}

/// Forgets what a feed had said of the hours that it tells anew, and what had been derived from it: that follows from it no
/// more, and comes again with the new values.
fn forget_retold(
    draft: &mut Draft<'_>,
    feed: &FeedId,
    batch: &Batch,
    wanted: &BTreeSet<Metric>,
    touched: &mut BTreeSet<(GovernorateId, Metric)>,
) {
    let own: BTreeSet<(&GovernorateId, Metric, Option<&Arc<str>>)> =
        batch.retold.iter().map(|retold| (&retold.governorate, retold.metric, retold.station.as_ref())).collect();
    for retold in &batch.retold {
        let derived = derive::from(retold.metric).filter(|metric| {
            wanted.contains(metric) && !own.contains(&(&retold.governorate, *metric, retold.station.as_ref()))
        });
        for metric in std::iter::once(retold.metric).chain(derived) {
            let governorate = retold.governorate.clone();
            let station = retold.station.clone();
            let key = SeriesKey { governorate, metric, basis: Basis::Forecast, feed: feed.clone(), station };
            if let Some(mut series) = draft.one_series(&key).cloned() {
                series.forget_from(retold.from);
                touched.insert((key.governorate.clone(), key.metric));
                draft.put_series(key, series);
            }
        }
    }
}

/// Puts readings into their series.
fn put_readings(
    draft: &mut Draft<'_>,
    feed: &FeedId,
    readings: &[Reading],
    now: Timestamp,
    touched: &mut BTreeSet<(GovernorateId, Metric)>,
) {
    let mut by_series: BTreeMap<SeriesKey, Vec<&Reading>> = BTreeMap::new();
    for reading in readings {
        let key = key_of(feed, reading);
        by_series.entry(key).or_default().push(reading);
    }
    for (key, mut readings) in by_series {
        let covers = readings.first().map_or(DEFAULT_STALE_AFTER, |reading| reading.covers);
        let mut series = draft.one_series(&key).cloned().unwrap_or_else(|| Series::new(now, covers));
        series.learned = now;
        // Of two that end at one moment the shorter says more: six hours of rain are known only roughly, the last of them well.
        readings.sort_by_key(|reading| std::cmp::Reverse(reading.covers));
        for reading in readings {
            series.put(reading.at, reading.value, reading.covers);
        }
        series.forget_until(now - KEEP_READINGS);
        touched.insert((key.governorate.clone(), key.metric));
        draft.put_series(key, series);
    }
}

/// The series that a reading of a feed belongs to.
pub(super) fn key_of(feed: &FeedId, reading: &Reading) -> SeriesKey {
    SeriesKey {
        governorate: reading.governorate.clone(),
        metric: reading.metric,
        basis: reading.basis,
        feed: feed.clone(),
        station: reading.station.clone(),
    }
}
