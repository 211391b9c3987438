//! A disk that fails and a process that dies: which calls of the store of a storm fail, by chance and as the storm has it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;

use crate::store::Store;
use crate::store::faulty::{Fate, Faulty};

/// How things stand with the disk.
#[derive(Debug)]
struct Condition {
    chance: Rng,
    /// How many calls of a thousand fail.
    failing: u32,
    /// After how many calls the process dies; none while it lives on.
    dies_in: Option<u32>,
    is_dead: bool,
}

/// The store of a storm.
pub(super) struct Disk {
    store: Arc<Faulty>,
    condition: Arc<Mutex<Condition>>,
}

impl Disk {
    pub(super) fn new(store: Arc<dyn Store>, chance: Rng) -> Self {
        let condition = Arc::new(Mutex::new(Condition { chance, failing: 0, dies_in: None, is_dead: false }));
        let own = Arc::clone(&condition);
        Self { store: Arc::new(Faulty::new(store, move || lock(&own).fate())), condition }
    }

    /// The store as the service sees it.
    pub(super) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    /// The store itself, for those who look on.
    pub(super) fn sound(&self) -> &dyn Store {
        self.store.sound()
    }

    /// From now on so many calls of a thousand fail.
    pub(super) fn set_failing(&self, failing: u32) {
        self.condition().failing = failing;
    }

    /// The process dies after so many calls more: all that come after fail.
    pub(super) fn kill_in(&self, calls: u32) {
        self.condition().dies_in = Some(calls);
    }

    /// From now on nothing fails, and nobody dies.
    pub(super) fn mend(&self) {
        let mut condition = self.condition();
        (condition.failing, condition.dies_in) = (0, None);
    }

    /// Whether it has died.
    pub(super) fn is_dead(&self) -> bool {
        self.condition().is_dead
    }

    /// A new process.
    pub(super) fn revive(&self) {
        let mut condition = self.condition();
        (condition.is_dead, condition.dies_in) = (false, None);
    }

    fn condition(&self) -> MutexGuard<'_, Condition> {
        lock(&self.condition)
    }
}

fn lock(condition: &Mutex<Condition>) -> MutexGuard<'_, Condition> {
    condition.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Condition {
    fn fate(&mut self) -> Fate {
        if self.is_dead {
            return Fate::Before;
        }
        let dies = match &mut self.dies_in {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        };
        self.is_dead = dies;
        let fails = dies || self.chance.u32(0..1000) < self.failing;
        match fails {
            true if self.chance.bool() => Fate::Before,
            true => Fate::After,
            false => Fate::Done,
        }
    }
}
