//! How a feed is: when it last spoke, when it last said something new, and what was wrong.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::feed::Validators;
use crate::time::Timestamp;

/// How a feed is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is", content = "why")]
pub enum Health {
    /// It has not been heard of yet.
    Unheard,
    /// All of its last answer could be read.
    Good,
    /// Parts of its last answer were skipped.
    Partial(String),
    /// It answered that nothing has changed.
    Unchanged,
    /// It answered properly, with nothing in it.
    Empty,
    /// Its brokers are connected and have nothing new.
    Listening,
    /// It answered something that cannot be read.
    Unreadable(String),
    /// It did not answer.
    Unreachable(String),
}

impl Health {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Unheard => "unheard",
            Self::Good => "good",
            Self::Partial(_) => "partial",
            Self::Unchanged => "unchanged",
            Self::Empty => "empty",
            Self::Listening => "listening",
            Self::Unreadable(_) => "unreadable",
            Self::Unreachable(_) => "unreachable",
        }
    }
}

impl Health {
    /// `trouble` when someone may have to act, `feed` when all is as it should be.
    pub(super) fn journal_kind(&self) -> &'static str {
        match self {
            Self::Unheard | Self::Good | Self::Unchanged | Self::Listening => "feed",
            Self::Partial(_) | Self::Empty | Self::Unreadable(_) | Self::Unreachable(_) => "trouble",
        }
    }
}

/// What is known of one feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedState {
    /// How it is.
    pub health: Health,
    /// Since when it has been so.
    pub since: Timestamp,
    /// When it last answered in a way that can be trusted, if ever.
    pub last_good: Option<Timestamp>,
    /// When it last gave content, if ever.
    pub last_new: Option<Timestamp>,
    /// When it last gave content or stood by what it had given, if ever.
    pub confirmed: Option<Timestamp>,
    /// How many times in a row it failed.
    pub failures: u32,
    /// Set while it is silent for longer than it may be.
    pub silent_since: Option<Timestamp>,
    /// What to send with the next request.
    pub validators: Option<Validators>,
    /// The entries of its index that were fetched, oldest first.
    pub entries: VecDeque<String>,
}

impl FeedState {
    /// Before anything was heard.
    pub fn new(now: Timestamp) -> Self {
        Self {
            health: Health::Unheard,
            since: now,
            last_good: None,
            last_new: None,
            confirmed: None,
            failures: 0,
            silent_since: None,
            validators: None,
            entries: VecDeque::new(),
        }
    }
}
