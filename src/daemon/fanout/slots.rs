//! How many subscribers are spoken to at once. The number follows what they and this machine bear: it grows while answers come as fast as
//! they ever do, and shrinks when they begin to wait for one another. Whoever answers slowly gives its slot back after a little while and
//! is waited for beside the others, so that receivers that hang delay nobody. Pure: it is told what time it is.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How many at the beginning, at least and at most.
const FIRST: f64 = 48.0;
const LEAST: f64 = 16.0;
const MOST: f64 = 1024.0;

/// After how long a slot is given back: four times what an answer takes, within these bounds.
const SHORTEST_PATIENCE: Duration = Duration::from_millis(20);
const LONGEST_PATIENCE: Duration = Duration::from_secs(1);
const PATIENCE: f64 = 4.0;

/// How much one answer says of how long answers take.
const WEIGHT: f64 = 0.05;

/// By how much the shortest time grows with each answer: by a tenth in ten thousand.
const FORGETS: f64 = 1.00001;

/// Below this, how long an answer takes says nothing of whether others wait.
const NOISE: f64 = 0.002;

/// The slots of one courier.
#[derive(Debug)]
pub(super) struct Slots {
    limit: f64,
    /// The shortest time of an answer of late, and the usual one, in seconds.
    shortest: f64,
    usual: Option<f64>,
    /// Who holds a slot, in the order of their start, among them some who have ended.
    holding: VecDeque<(u64, Instant)>,
    held: usize,
    /// Who is waited for beside, in the order of their start, among them some who have ended.
    beside: VecDeque<(u64, Instant)>,
    waited_for: usize,
    most_beside: usize,
}

/// Where somebody is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seat {
    /// In a slot.
    Held,
    /// Beside.
    Beside,
    /// Nowhere any more: it was given up, and its end is on its way.
    GivenUp,
}

impl Slots {
    /// Slots, and how many may be waited for beside them.
    pub(super) fn new(most_beside: usize) -> Self {
        Self {
            limit: FIRST,
            shortest: f64::MAX,
            usual: None,
            holding: VecDeque::new(),
            held: 0,
            beside: VecDeque::new(),
            waited_for: 0,
            most_beside,
        }
    }

    /// True while one more may be spoken to.
    pub(super) fn has_room(&self) -> bool {
        self.held < self.limit as usize
    }

    /// Gives a slot to one.
    pub(super) fn start(&mut self, number: u64, now: Instant) {
        self.holding.push_back((number, now));
        self.held += 1;
    }

    /// Takes note that one has ended, where it was waited for, and after how long it answered, if it did.
    pub(super) fn end(&mut self, seat: Seat, answered: Option<Duration>) {
        match seat {
            Seat::Held => self.held = self.held.saturating_sub(1),
            Seat::Beside => self.waited_for = self.waited_for.saturating_sub(1),
            Seat::GivenUp => {}
        }
        if let Some(took) = answered {
            self.learn(took.as_secs_f64());
        }
    }

    fn learn(&mut self, took: f64) {
        // What was fastest once need not be so for ever; forgotten too soon, waiting itself would become the measure.
        self.shortest = (self.shortest * FORGETS).min(took);
        let usual = self.usual.map_or(took, |usual| usual + WEIGHT * (took - usual));
        self.usual = Some(usual);
        if usual <= 2.0 * self.shortest + NOISE {
            self.limit = (self.limit + 1.0).min(MOST);
        } else if 4.0 * self.shortest + 2.0 * NOISE < usual {
            self.limit = (self.limit - 0.5).max(LEAST);
        }
    }

    /// How long one holds a slot.
    pub(super) fn patience(&self) -> Duration {
        let usual = self.usual.map(|usual| Duration::from_secs_f64((usual * PATIENCE).min(60.0)));
        usual.unwrap_or(LONGEST_PATIENCE / 4).clamp(SHORTEST_PATIENCE, LONGEST_PATIENCE)
    }

    /// Takes the slots back of those who hold one for too long; tells who they are. `lives` knows who has not ended.
    pub(super) fn reclaim(&mut self, now: Instant, lives: impl Fn(u64) -> bool) -> Vec<u64> {
        let patience = self.patience();
        let mut reclaimed = Vec::new();
        while let Some((number, since)) = self.holding.front().copied() {
            let is_over = !lives(number);
            if !is_over && now.duration_since(since) < patience {
                break;
            }
            self.holding.pop_front();
            if !is_over {
                self.held = self.held.saturating_sub(1);
                self.waited_for += 1;
                self.beside.push_back((number, since));
                reclaimed.push(number);
            }
        }
        reclaimed
    }

    /// Whom nobody waits for any longer, since too many are waited for: those who have been for the longest, and for a while.
    pub(super) fn give_up(&mut self, now: Instant, lives: impl Fn(u64) -> bool) -> Vec<u64> {
        let mut given_up = Vec::new();
        while self.most_beside < self.waited_for
            && let Some((number, since)) = self.beside.front().copied()
        {
            let is_over = !lives(number);
            if !is_over && now.duration_since(since) < LONGEST_PATIENCE {
                break;
            }
            self.beside.pop_front();
            if !is_over {
                self.waited_for -= 1;
                given_up.push(number);
            }
        }
        given_up
    }

    /// True when more are waited for than may be, and nobody for long enough to be given up: then nobody else is spoken to.
    pub(super) fn is_full(&self) -> bool {
        self.most_beside < self.waited_for
    }

    /// When the first slot is taken back; none while nobody holds one.
    pub(super) fn next(&self) -> Option<Instant> {
        self.holding.front().map(|(_, since)| *since + self.patience())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_hangs_gives_its_slot_back_and_delays_nobody() {
        let (start, mut slots) = (Instant::now(), Slots::new(100));
        for number in 0..48 {
            slots.start(number, start);
        }
        assert!(!slots.has_room());
        let later = start + Duration::from_millis(250);
        assert_eq!(slots.reclaim(later, |number| number < 40).len(), 40);
        assert!(slots.has_room());
        slots.end(Seat::Beside, None);
        assert_eq!(slots.waited_for, 39);
    }

    #[tokio::test]
    async fn the_longest_waiting_are_given_up_when_they_are_too_many_but_never_at_once() {
        let (start, mut slots) = (Instant::now(), Slots::new(2));
        for number in 0..5 {
            slots.start(number, start);
        }
        slots.reclaim(start + Duration::from_millis(300), |_| true);
        assert!(slots.is_full());
        assert!(slots.give_up(start + Duration::from_millis(300), |_| true).is_empty());
        assert_eq!(slots.give_up(start + Duration::from_secs(1), |_| true), [0, 1, 2]);
    }

    #[tokio::test]
    async fn the_number_grows_while_nobody_waits_for_another_and_shrinks_when_they_do() {
        let mut slots = Slots::new(10);
        for _ in 0..500 {
            slots.end(Seat::Held, Some(Duration::from_millis(100)));
        }
        assert!(500.0 < slots.limit, "{}", slots.limit);
        for _ in 0..1_000 {
            slots.end(Seat::Held, Some(Duration::from_millis(900)));
        }
        assert!(slots.limit < 300.0 && LEAST <= slots.limit, "{}", slots.limit);
    }
}
