//! The posts of a day, spent by severity: what is mild leaves room for what is not. Pure; it counts what it is told.
//!
//! An advisory and a yellow leave half of the day's posts to others, an orange leaves a quarter, and a red waits for nothing: should
//! the day be used up, it is for X to say so. The count is kept in memory; after a start X tells it again with its first answer.

use std::collections::VecDeque;

use crate::hazard::Severity;
use crate::time::{TimeDelta, Timestamp};

/// The time in which posts are counted.
pub(super) const DAY: TimeDelta = TimeDelta::days(1);

/// What X said about one of its own limits of 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    /// How many posts it allows.
    pub(super) limit: u32,
    /// How many are left.
    pub(super) left: u32,
    /// When all are allowed anew.
    pub(super) reset: Timestamp,
}

/// Why something is held back, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait {
    /// When to ask again.
    pub(super) until: Timestamp,
    /// How many posts are left.
    pub(super) left: u32,
    /// Of how many.
    pub(super) limit: u32,
    /// How many must stay for what is worse.
    pub(super) kept: u32,
}

/// What is known about the posts of a day.
#[derive(Debug, Default)]
pub(super) struct Budget {
    per_day: Option<u32>,
    posts: VecDeque<Timestamp>,
    told: Vec<Told>,
}

impl Budget {
    /// A whole day of so many posts, or of as many as X will say.
    pub(super) fn new(per_day: Option<u32>) -> Self {
        Self { per_day, ..Self::default() }
    }

    /// Counts a post that is being made.
    pub(super) fn count(&mut self, now: Timestamp) {
        let is_over = |at: &Timestamp| DAY <= now - *at;
        while self.posts.front().is_some_and(is_over) {
            self.posts.pop_front();
        }
        self.posts.push_back(now);
    }

    /// Takes the last count back, when X refused the post.
    pub(super) fn uncount(&mut self) {
        self.posts.pop_back();
    }

    /// Takes over what X said of its limits, when it said something.
    pub(super) fn hear(&mut self, told: Vec<Told>) {
        if !told.is_empty() {
            self.told = told;
        }
    }

    /// Whether so many posts have to wait; none when they may be made now.
    pub(super) fn wait(&self, loudness: Severity, posts: u32, now: Timestamp) -> Option<Wait> {
        let kept = |limit: u32| match loudness {
            Severity::Advisory | Severity::Yellow => limit.div_ceil(2),
            Severity::Orange => limit.div_ceil(4),
            Severity::Red => 0,
        };
        if loudness == Severity::Red {
            return None;
        }
        let own = self.per_day.and_then(|limit| {
            let kept = kept(limit);
            let made: Vec<Timestamp> = self.posts.iter().copied().filter(|at| now - *at < DAY).collect();
            let left = limit.saturating_sub(u32::try_from(made.len()).unwrap_or(u32::MAX));
            let missing = kept.saturating_add(posts).checked_sub(left).filter(|missing| 0 < *missing)?;
            // The oldest posts leave the day first; where even an empty day has no room, it is looked at again tomorrow.
            let last = usize::try_from(missing - 1).ok().and_then(|place| made.get(place));
            Some(Wait { until: last.map_or(now, |at| *at) + DAY, left, limit, kept })
        });
        let theirs = self.told.iter().filter(|told| now < told.reset).filter_map(|told| {
            let kept = kept(told.limit);
            let waits = told.left < kept.saturating_add(posts);
            waits.then_some(Wait { until: told.reset, left: told.left, limit: told.limit, kept })
        });
        own.into_iter().chain(theirs).max_by_key(|wait| wait.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_timestamp(1_765_238_400 + hour * 3600, 0).unwrap()
    }

    /// After so many posts, one an hour, from 0 o'clock on: until when a thread of two waits at 12 o'clock.
    fn check(per_day: u32, made: i64, loudness: Severity, expected: Option<i64>) {
        let mut budget = Budget::new(Some(per_day));
        (0..made).for_each(|hour| budget.count(at(hour)));
        let wait = budget.wait(loudness, 2, at(12));
        assert_eq!(wait.map(|wait| wait.until), expected.map(at), "{made} of {per_day}, {}", loudness.name());
    }

    #[test]
    fn what_is_mild_leaves_room_for_what_is_not() {
        use Severity::{Advisory, Orange, Red, Yellow};
        // Of 16 posts 8 stay for orange and red, and 4 for red.
        check(16, 6, Advisory, None);
        check(16, 6, Yellow, None);
        check(16, 7, Yellow, Some(24));
        check(16, 8, Advisory, Some(25));
        check(16, 10, Orange, None);
        check(16, 11, Orange, Some(24));
        check(16, 12, Orange, Some(25));
        check(16, 12, Red, None);
        check(16, 16, Red, None);
        check(4, 0, Yellow, None);
        check(4, 1, Yellow, Some(24));
    }

    #[test]
    fn a_day_too_small_for_a_thread_is_looked_at_again_tomorrow() {
        let budget = Budget::new(Some(4));
        let wait = budget.wait(Severity::Yellow, 3, at(12)).unwrap();
        assert_eq!(wait, Wait { until: at(36), left: 4, limit: 4, kept: 2 });
    }

    #[test]
    fn what_left_the_day_counts_no_more_and_what_was_refused_never_did() {
        let mut budget = Budget::new(Some(4));
        budget.count(at(0));
        budget.count(at(1));
        assert_eq!(budget.wait(Severity::Yellow, 2, at(23)).unwrap().until, at(25));
        assert_eq!(budget.wait(Severity::Yellow, 2, at(25)), None);
        budget.count(at(26));
        budget.uncount();
        assert_eq!(budget.wait(Severity::Yellow, 2, at(26)), None);
        assert!(budget.posts.is_empty(), "{budget:?}");
    }

    #[test]
    fn what_x_says_of_its_limits_counts_beside_ones_own() {
        let mut budget = Budget::new(None);
        assert_eq!(budget.wait(Severity::Advisory, 2, at(0)), None);
        let (app, account) =
            (Told { limit: 1_200_000, left: 1_199_000, reset: at(30) }, Told { limit: 17, left: 10, reset: at(20) });
        budget.hear(vec![app, account]);
        let wait = budget.wait(Severity::Yellow, 2, at(0));
        assert_eq!(wait, Some(Wait { until: at(20), left: 10, limit: 17, kept: 9 }));
        assert_eq!(budget.wait(Severity::Orange, 2, at(0)), None);
        budget.hear(Vec::new());
        assert!(budget.wait(Severity::Yellow, 2, at(19)).is_some(), "an answer without limits says nothing of them");
        assert_eq!(budget.wait(Severity::Yellow, 2, at(20)), None);
    }
}
