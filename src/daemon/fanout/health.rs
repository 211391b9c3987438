//! Which subscribers fail: one that did several times in a row is left in peace for a while, whatever is owed to it, and one that did for
//! days, or whose receiver says that it is gone, is not told any more. Pure: it is told what time it is.

use std::collections::HashMap;

use crate::notice::SUBSCRIBER_FAILS_FOR;
use crate::outbox::share::News;
use crate::time::{TimeDelta, Timestamp};

/// After how many failures in a row one is left in peace, for how long first, and for how long at most.
const PATIENCE: u32 = 3;
const FIRST_REST: TimeDelta = TimeDelta::seconds(5);
const LONGEST_REST: TimeDelta = TimeDelta::minutes(2);

/// Of how many it is remembered that they fail, and of how many that they are disabled.
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
    disabled: Vec<(i64, String)>,
    said: Vec<i64>,
    /// Who is told nothing any more, and whether the store knows: what was read before may still speak of them.
    ended: HashMap<i64, bool>,
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
    pub(super) fn failed(&mut self, subscriber: i64, known: Option<Timestamp>, now: Timestamp, why: &str) {
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
        if SUBSCRIBER_FAILS_FOR <= now - one.since {
            let days = SUBSCRIBER_FAILS_FOR.num_days();
            self.end(subscriber, format!("nothing reached it for {days} days; the last: {why}"));
        }
    }

    /// Its receiver says that it is gone for good.
    pub(super) fn gone(&mut self, subscriber: i64, why: String) {
        self.end(subscriber, why);
    }

    fn end(&mut self, subscriber: i64, why: String) {
        self.failing.remove(&subscriber);
        if self.ended.len() < MOST {
            self.ended.insert(subscriber, false);
        }
        self.disabled.push((subscriber, why));
    }

    /// Whether one is told nothing any more.
    pub(super) fn is_ended(&self, subscriber: i64) -> bool {
        self.ended.contains_key(&subscriber)
    }

    /// The store says that one is told. Where it knew that it was disabled, somebody has let it in again.
    pub(super) fn is_active(&mut self, subscriber: i64) {
        if self.ended.get(&subscriber) == Some(&true) {
            self.ended.remove(&subscriber);
        }
    }

    /// The people on duty know that these are disabled.
    pub(super) fn said(&mut self, subscribers: Vec<i64>) {
        self.said.extend(subscribers);
    }

    /// True when the store is to know something at once.
    pub(super) fn has_said(&self) -> bool {
        !self.said.is_empty()
    }

    /// What the store is to know, and does not yet.
    pub(super) fn news(&mut self) -> News {
        News {
            failing: self.news.drain().collect(),
            disabled: std::mem::take(&mut self.disabled),
            said: std::mem::take(&mut self.said),
        }
    }

    /// The store knows this by now.
    pub(super) fn noted(&mut self, news: &News) {
        for (subscriber, _) in &news.disabled {
            if let Some(is_noted) = self.ended.get_mut(subscriber) {
                *is_noted = true;
            }
        }
    }

    /// The store does not know this after all; what is newer stands.
    pub(super) fn not_noted(&mut self, news: News) {
        for (subscriber, since) in news.failing {
            self.news.entry(subscriber).or_insert(since);
        }
        self.disabled.extend(news.disabled);
        self.said.extend(news.said);
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
            health.failed(7, None, at(0), "503");
            rests.push(health.rests_until(7, at(0)).map_or(0, |until| (until - at(0)).num_seconds()));
        }
        assert_eq!(rests.get(..7), Some([0, 0, 5, 10, 20, 40, 80].as_slice()));
        assert_eq!(rests.last(), Some(&120));
        assert_eq!(health.rests_until(8, at(0)), None, "nobody pays for another");
        health.reached(7, true);
        assert_eq!(health.rests_until(7, at(0)), None);
        assert_eq!(health.news().failing, [(7, None)]);
    }

    #[test]
    fn only_days_of_failing_disable_and_one_success_ends_them() {
        let (mut health, end) = (Health::default(), at(0) + SUBSCRIBER_FAILS_FOR);
        health.failed(7, None, at(0), "503");
        assert_eq!(health.news(), News { failing: vec![(7, Some(at(0)))], ..News::default() });
        health.failed(7, Some(at(0)), end - TimeDelta::seconds(1), "503");
        assert!(health.news().is_nothing() && !health.is_ended(7));
        health.failed(7, Some(at(0)), end, "503");
        assert_eq!(health.news().disabled, [(7, "nothing reached it for 5 days; the last: 503".to_owned())]);
        health.failed(9, Some(at(0)), at(5), "503");
        health.reached(9, false);
        health.failed(9, None, end, "503");
        assert!(health.news().disabled.is_empty());
    }

    #[test]
    fn who_is_gone_is_told_nothing_until_the_store_has_known_it_and_says_that_it_is_let_in_again() {
        let mut health = Health::default();
        health.gone(7, "410".to_owned());
        health.is_active(7);
        assert!(health.is_ended(7), "the store did not know yet");
        let news = health.news();
        health.not_noted(news.clone());
        assert_eq!(health.news(), news, "what could not be stored is stored later");
        health.noted(&news);
        assert!(health.is_ended(7));
        health.is_active(7);
        assert!(!health.is_ended(7) && health.news().is_nothing());
    }
}
