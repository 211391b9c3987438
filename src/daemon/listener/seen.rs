//! Which messages were met already, by their own names, so that what two brokers send is told once. Bounded, and forgotten at
//! the end of the process: what was committed is known for longer by the brain.

use std::collections::{BTreeMap, VecDeque};

use crate::time::{TimeDelta, Timestamp};

/// The most names that are remembered.
pub(super) const MAX_NAMES: usize = 10_000;

/// The most means that are kept for one message; with every connection that ends, those before it are worth nothing.
const MAX_MEANS: usize = 32;

/// How long a name is remembered.
pub(super) const REMEMBER: TimeDelta = TimeDelta::hours(24);

/// Messages by their names, with the means to say that they are done.
pub(super) struct Seen<A> {
    states: BTreeMap<String, State<A>>,
    order: VecDeque<(String, Timestamp)>,
}

enum State<A> {
    InHand(Vec<A>),
    Done,
}

/// How a message was met.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Met<A> {
    /// For the first time: somebody has to work on it.
    New,
    /// It is being worked on; the means are kept until it is done.
    InHand,
    /// It is done, and so is this one.
    Done(A),
}

impl<A> Default for Seen<A> {
    fn default() -> Self {
        Self { states: BTreeMap::new(), order: VecDeque::new() }
    }
}

impl<A> Seen<A> {
    /// Meets a message.
    pub(super) fn meet(&mut self, name: &str, ack: A, now: Timestamp) -> Met<A> {
        match self.states.get_mut(name) {
            Some(State::InHand(acks)) => {
                if MAX_MEANS <= acks.len() {
                    acks.remove(0);
                }
                acks.push(ack);
                Met::InHand
            }
            Some(State::Done) => Met::Done(ack),
            None => {
                self.states.insert(name.to_owned(), State::InHand(vec![ack]));
                self.order.push_back((name.to_owned(), now));
                self.tidy(now);
                Met::New
            }
        }
    }

    /// A message is done; gives all the means to say so.
    pub(super) fn done(&mut self, name: &str) -> Vec<A> {
        match self.states.get_mut(name).map(|state| std::mem::replace(state, State::Done)) {
            Some(State::InHand(acks)) => acks,
            Some(State::Done) | None => Vec::new(),
        }
    }

    /// A message was not worked on: when it comes again it is new.
    pub(super) fn forget(&mut self, name: &str) {
        self.states.remove(name);
        self.order.retain(|(known, _)| known != name);
    }

    /// Forgets what is old or too much; never what is in hand.
    fn tidy(&mut self, now: Timestamp) {
        for _ in 0..self.order.len() {
            let is_due =
                self.order.front().is_some_and(|(_, met)| MAX_NAMES < self.order.len() || REMEMBER < now - *met);
            let Some((name, met)) = self.order.pop_front_if(|_| is_due) else { return };
            if matches!(self.states.get(&name), Some(State::InHand(_))) {
                self.order.push_back((name, met));
            } else {
                self.states.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    #[test]
    fn the_second_broker_is_answered_when_the_first_one_is_and_not_before() {
        let mut seen = Seen::default();
        assert_eq!(seen.meet("a", 1, at(0)), Met::New);
        assert_eq!(seen.meet("a", 2, at(1)), Met::InHand);
        assert_eq!(seen.meet("b", 3, at(1)), Met::New);
        assert_eq!(seen.done("a"), [1, 2]);
        assert_eq!(seen.done("a"), [0; 0]);
        assert_eq!(seen.meet("a", 4, at(2)), Met::Done(4));
        seen.forget("b");
        assert_eq!(seen.meet("b", 5, at(3)), Met::New);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_what_is_in_hand_is_never_forgotten() {
        let mut seen = Seen::default();
        assert_eq!(seen.meet("slow", 0, at(0)), Met::New);
        for number in 0..MAX_NAMES + 100 {
            let name = format!("{number}");
            assert_eq!(seen.meet(&name, 1, at(1)), Met::New);
            assert_eq!(seen.done(&name), [1]);
        }
        assert_eq!((seen.order.len(), seen.states.len()), (MAX_NAMES, MAX_NAMES));
        assert_eq!(seen.meet("slow", 2, at(2)), Met::InHand);
        assert_eq!(seen.meet("0", 1, at(2)), Met::New, "the oldest was forgotten");
        let later = at(2) + REMEMBER + TimeDelta::seconds(1);
        assert_eq!(seen.meet("late", 1, later), Met::New);
        for _ in 0..100 {
            assert_eq!(seen.meet("late", 2, later), Met::InHand);
        }
        assert_eq!(seen.done("late"), [2; MAX_MEANS]);
        assert_eq!(seen.states.len(), 3, "after a day only what is in hand is known: slow, 0 and late");
    }
}
