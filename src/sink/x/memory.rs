//! What a channel on X remembers between tries: how far each thread has come. Pure; all of it can be found out again on the account,
//! which is why it is kept nowhere else.

use std::collections::VecDeque;

use super::budget::{Budget, DAY};
use crate::sink::Parcel;
use crate::time::{TimeDelta, Timestamp};

/// How far back an account is read when nobody remembers the first try, since the service was started anew.
const UNREMEMBERED: TimeDelta = DAY;

/// How far apart the clock of X and ours may be.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// How many threads are remembered that are not yet done; the one that was left alone for longest is forgotten first.
const MAX_THREADS: usize = 256;

/// What is known beside the messages themselves.
pub(super) struct Memory {
    threads: VecDeque<(String, Thread)>,
    /// The posts of the day.
    pub(super) budget: Budget,
    /// Until when X lets nobody read the account.
    pub(super) unread_until: Option<Timestamp>,
}

/// How far a message has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thread {
    /// The numbers of the posts that stand, in their order.
    pub(super) posts: Vec<String>,
    /// Whether the next one may stand as well.
    pub(super) is_in_doubt: bool,
    /// None of them was posted before this.
    pub(super) since: Timestamp,
    /// Set when X did not let it answer what it takes back.
    pub(super) stands_alone: bool,
}

impl Memory {
    /// That of a channel which was just opened, with the posts that a day may have.
    pub(super) fn new(per_day: Option<u32>) -> Self {
        Self { threads: VecDeque::new(), budget: Budget::new(per_day), unread_until: None }
    }

    /// The thread of a message. One that nobody remembers is in doubt when it was tried before.
    pub(super) fn thread(&mut self, parcel: &Parcel) -> &mut Thread {
        let place = self.threads.iter().position(|(key, _)| *key == parcel.key);
        let (_, thread) = match place.and_then(|place| self.threads.remove(place)) {
            Some(known) => self.threads.push_back_mut(known),
            None => {
                let was_tried = 1 < parcel.attempt;
                let since = parcel.now - if was_tried { UNREMEMBERED } else { SKEW };
                if MAX_THREADS <= self.threads.len() {
                    self.threads.pop_front();
                }
                let thread = Thread { posts: Vec::new(), is_in_doubt: was_tried, since, stands_alone: false };
                self.threads.push_back_mut((parcel.key.clone(), thread))
            }
        };
        thread
    }

    /// A part is about to be posted: from here on it may stand.
    pub(super) fn begin(&mut self, parcel: &Parcel) {
        self.budget.count(parcel.now);
        self.thread(parcel).is_in_doubt = true;
    }

    /// It stands.
    pub(super) fn stands(&mut self, parcel: &Parcel, id: String) {
        let thread = self.thread(parcel);
        thread.posts.push(id);
        thread.is_in_doubt = false;
    }

    /// It was refused, and does not stand.
    pub(super) fn refused(&mut self, parcel: &Parcel) {
        self.budget.uncount();
        self.thread(parcel).is_in_doubt = false;
    }

    /// It was refused since it stands, from this time on at the earliest. Gives back how many parts are known to.
    pub(super) fn look_back(&mut self, parcel: &Parcel, since: Timestamp) -> usize {
        self.budget.uncount();
        let thread = self.thread(parcel);
        thread.since = thread.since.min(since);
        thread.posts.len()
    }

    /// A message is done with.
    pub(super) fn forget(&mut self, parcel: &Parcel) {
        self.threads.retain(|(known, _)| *known != parcel.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hazard::Severity;
    use crate::ids::BulletinId;

    fn parcel(key: &str, attempt: u32) -> Parcel {
        Parcel {
            key: key.to_owned(),
            bulletin: BulletinId::new("MKH-2025-000012", 3),
            attempt,
            body: "".into(),
            content_type: "application/json".to_owned(),
            loudness: Severity::Red,
            now: Timestamp::from_timestamp(1_765_238_400, 0).unwrap(),
            expires: Timestamp::from_timestamp(1_765_242_000, 0).unwrap(),
            pictures: Vec::new(),
            corrects: None,
            asks: None,
        }
    }

    #[test]
    fn a_thread_that_nobody_remembers_is_in_doubt_when_it_was_tried() {
        let mut memory = Memory::new(None);
        let (new, old) = (parcel("new", 1), parcel("old", 2));
        assert!(!memory.thread(&new).is_in_doubt && memory.thread(&old).is_in_doubt);
        assert_eq!(memory.thread(&new).since - memory.thread(&old).since, UNREMEMBERED - SKEW);
        memory.begin(&new);
        assert!(memory.thread(&parcel("new", 2)).is_in_doubt);
        memory.stands(&new, "1".to_owned());
        memory.begin(&new);
        memory.refused(&new);
        let thread = memory.thread(&parcel("new", 3)).clone();
        assert_eq!((thread.posts, thread.is_in_doubt), (vec!["1".to_owned()], false));
        memory.forget(&new);
        assert!(memory.thread(&parcel("new", 4)).posts.is_empty());
    }

    #[test]
    fn what_is_forgotten_is_what_was_left_alone_for_longest() {
        let mut memory = Memory::new(None);
        for number in 0..MAX_THREADS {
            memory.stands(&parcel(&number.to_string(), 1), "7".to_owned());
        }
        memory.begin(&parcel("0", 2));
        memory.begin(&parcel("one more", 1));
        assert_eq!(memory.threads.len(), MAX_THREADS);
        assert_eq!(memory.thread(&parcel("0", 3)).posts, ["7"]);
        assert!(memory.thread(&parcel("1", 2)).posts.is_empty());
    }
}
