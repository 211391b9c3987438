//! What is written down: facts of the state and lines of the journal, as rows.

pub mod chain;

use serde::Serialize;

use crate::time::Timestamp;

/// One fact of the state: `room` and `key` find it, `value` is JSON; no value means that it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Which part of the state: `warning`, `latch`, `series`, `feed`.
    pub room: &'static str,
    /// Which one of them.
    pub key: String,
    /// What it is now.
    pub value: Option<String>,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What kind of thing: `bulletin`, `feed`, `trouble`, `silence`, `rule`, `quiet`, `held`, `notice`, `reload`, `change`, `start`,
    /// `replay`.
    pub kind: String,
    /// About whom: a feed, a rule, a bulletin, an alert.
    pub subject: String,
    /// The sentence.
    pub text: String,
}

/// The state as it was last committed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Saved {
    /// How many commits made it.
    pub version: u64,
    /// All facts: room, key, value.
    pub facts: Vec<(String, String, String)>,
}
