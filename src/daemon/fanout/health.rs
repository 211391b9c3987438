//! Which subscribers fail: one that did several times in a row is left in peace for a while, whatever is owed to it, and one that did for
//! days is not told any more. Pure: it is told what time it is.

use std::collections::HashMap;

use crate::time::{TimeDelta, Timestamp};

/// After how many failures in a row one is left in peace, for how long first, and for how long at most.
const PATIENCE: u32 = 3;
const FIRST_REST: TimeDelta = TimeDelta::seconds(5);
const LONGEST_REST: TimeDelta = TimeDelta::minutes(2);

/// For how long one may fail until it is disabled.
pub(super) const FAILS_FOR: TimeDelta = TimeDelta::days(5);

/// Of how many it is remembered that they fail.
const MOST: usize = 200_000;

#[derive(Debug, Clone, Copy)]
struct Failing {
    times: u32,
    rests_until: Option<Timestamp>,
    since: Timestamp,
}

/// Those who fail.
#[derive(Debug, Default)]
pub(super) struct Health {
    failing: HashMap<i64, Failing>,
    /// Since when nothing reaches them, where that is news, and that others are reached again.
    news: HashMap<i64, Option<Timestamp>>,
    disabled: Vec<i64>,
}

impl Health {
    /// Until when one is left in peace.
    pub(super) fn rests_until(&self, subscriber: i64, now: Timestamp) -> Option<Timestamp> {
        self.failing.get(&subscriber)?.rests_until.filter(|until| now < *until)
    }

    /// Something has reached it. `was_failing` is what is stored of it.
    pub(super) fn reached(&mut self, subscriber: i64, was_failing: bool) {
        if self.failing.remove(&subscriber).is_some() || was_failing {
            self.news.insert(subscriber, None);
        }
    }

    /// Something has not. `known` is since when it fails, as it is stored.
    pub(super) fn failed(&mut self, subscriber: i64, known: Option<Timestamp>, now: Timestamp) {
        if MOST <= self.failing.len() && !self.failing.contains_key(&subscriber) {
            return;
        }
        let since = known.unwrap_or(now);
        let one = self.failing.entry(subscriber).or_insert(Failing { times: 0, rests_until: None, since });
        if one.times == 0 && known.is_none() {
            self.news.insert(subscriber, Some(since));
        }
        one.times = one.times.saturating_add(1);
        if PATIENCE <= one.times {
            let doubled = 1_i32.checked_shl(one.times - PATIENCE).filter(|times| 0 < *times).unwrap_or(i32::MAX);
            let rest = FIRST_REST.checked_mul(doubled).unwrap_or(LONGEST_REST).min(LONGEST_REST);
            one.rests_until = Some(now + rest);
        }
        if FAILS_FOR <= now - one.since {
            self.disabled.push(subscriber);
            self.failing.remove(&subscriber);
        }
    }

    /// What the store is to know, and does not yet.
    pub(super) fn news(&mut self) -> (Vec<(i64, Option<Timestamp>)>, Vec<i64>) {
        (self.news.drain().collect(), std::mem::take(&mut self.disabled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(1_765_238_400 + second, 0).unwrap()
    }

    #[test]
    fn one_that_fails_again_and_again_is_left_in_peace_for_longer_and_longer_within_a_limit() {
        let mut health = Health::default();
        let mut rests = Vec::new();
        for _ in 0..40 {
            health.failed(7, None, at(0));
            rests.push(health.rests_until(7, at(0)).map_or(0, |until| (until - at(0)).num_seconds()));
        }
        assert_eq!(rests.get(..7), Some([0, 0, 5, 10, 20, 40, 80].as_slice()));
        assert_eq!(rests.last(), Some(&120));
        assert_eq!(health.rests_until(8, at(0)), None, "nobody pays for another");
        health.reached(7, true);
        assert_eq!(health.rests_until(7, at(0)), None);
        assert_eq!(health.news().0, [(7, None)]);
    }

    #[test]
    fn only_days_of_failing_disable_and_one_success_ends_them() {
        let mut health = Health::default();
        health.failed(7, None, at(0));
        assert_eq!(health.news(), (vec![(7, Some(at(0)))], Vec::new()));
        health.failed(7, Some(at(0)), at(0) + FAILS_FOR - TimeDelta::seconds(1));
        assert_eq!(health.news(), (Vec::new(), Vec::new()));
        health.failed(7, Some(at(0)), at(0) + FAILS_FOR);
        assert_eq!(health.news().1, [7]);
        health.failed(9, Some(at(0)), at(5));
        health.reached(9, false);
        health.failed(9, None, at(0) + FAILS_FOR);
        assert!(health.news().1.is_empty());
    }
}
