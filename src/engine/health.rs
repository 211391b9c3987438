//! How a feed is: its three clocks, and what was wrong.
//!
//! Each clock runs for itself: that a feed answers again does not hide that what it answers is old.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::skew::Skew;
use crate::feed::Validators;
use crate::notice::{FeedClock, Part, Past};
use crate::rule::FeedTerms;
use crate::time::{TimeDelta, Timestamp};

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
    /// Its name in logs and JSON.
    pub fn kind(&self) -> &'static str {
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

    /// What is wrong, when something is.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Unheard | Self::Good | Self::Unchanged | Self::Empty | Self::Listening => None,
            Self::Partial(why) | Self::Unreadable(why) | Self::Unreachable(why) => Some(why),
        }
    }

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
    /// When it was first expected to speak.
    #[serde(default)]
    pub begun: Option<Timestamp>,
    /// When it was last asked, if ever.
    #[serde(default)]
    pub asked: Option<Timestamp>,
    /// When it last answered in a way that can be trusted, if ever.
    pub last_good: Option<Timestamp>,
    /// When it last said something that was not known, if ever: the same content once more is nothing new.
    pub last_new: Option<Timestamp>,
    /// The moment of the newest thing that it has spoken of: an observation, a run of a model, an alert; none when it has not said
    /// or does not say.
    #[serde(default)]
    pub newest: Option<Timestamp>,
    /// When it last gave content, new or not, if ever.
    #[serde(default)]
    pub given: Option<Timestamp>,
    /// When it last gave content or stood by what it had given, if ever.
    pub confirmed: Option<Timestamp>,
    /// How many times in a row it failed.
    pub failures: u32,
    /// The clocks that are past their limits, and since when they run; each ends by itself.
    #[serde(default)]
    pub silent: BTreeMap<FeedClock, Timestamp>,
    /// Parts of its last content in a shape that is not known here.
    #[serde(default)]
    pub strange: Vec<Part>,
    /// How many more of those there were.
    #[serde(default)]
    pub strange_more: u32,
    /// How far the clock of its server is ahead of ours, when it says.
    #[serde(default)]
    pub skew: Option<Skew>,
    /// What to send with the next request.
    pub validators: Option<Validators>,
    /// The entries of its index that were fetched, oldest first.
    pub entries: VecDeque<String>,
    /// With which gazetteer they were read; see `RuleBook::gazetteer`.
    #[serde(default)]
    pub gazetteer: u64,
}

impl FeedState {
    /// Before anything was heard.
    pub fn new(now: Timestamp) -> Self {
        Self {
            health: Health::Unheard,
            since: now,
            begun: Some(now),
            asked: None,
            last_good: None,
            last_new: None,
            newest: None,
            given: None,
            confirmed: None,
            failures: 0,
            silent: BTreeMap::new(),
            strange: Vec::new(),
            strange_more: 0,
            skew: None,
            validators: None,
            entries: VecDeque::new(),
            gazetteer: 0,
        }
    }

    /// What is known of it where places are known by a gazetteer: with another one than before, its answers are read anew, as
    /// an alert that could not be placed may be by now.
    pub fn under(mut self, gazetteer: u64) -> Self {
        if self.gazetteer != gazetteer {
            self.validators = None;
            self.entries.clear();
            self.gazetteer = gazetteer;
        }
        self
    }

    /// Since when it is silent, by whichever of its clocks is the oldest; none while it is not.
    pub fn silent_since(&self) -> Option<Timestamp> {
        self.silent.values().min().copied()
    }

    /// Since when a clock runs, and how long it may; none when it has no limit or nothing to run from.
    ///
    /// The age of content that never says when it was made is not known and has no clock; that of a feed that has yet to speak
    /// is left to the other two.
    pub fn clock(&self, clock: FeedClock, terms: &FeedTerms) -> Option<(Timestamp, TimeDelta)> {
        let begun = self.begun.unwrap_or(self.since);
        match clock {
            FeedClock::Fetch => Some((self.last_good.unwrap_or(begun), terms.silent_after)),
            FeedClock::News => Some((self.last_new.unwrap_or(begun), terms.new_within?)),
            FeedClock::Age => Some((self.newest?, terms.max_age?)),
        }
    }

    /// The clocks that are past their limits at a moment, in the order in which one explains the next.
    pub fn past(&self, terms: &FeedTerms, now: Timestamp) -> Vec<Past> {
        let run = FeedClock::ALL.iter().filter_map(|clock| Some((*clock, self.clock(*clock, terms)?)));
        run.filter(|(_, (since, limit))| *limit < now - *since)
            .map(|(clock, (since, limit))| Past { clock, since, limit })
            .collect()
    }

    /// Brings back what a clock that ran ahead has dated into the future: patience begins again now, rather than never.
    pub(super) fn follow_clock(&mut self, now: Timestamp) {
        let moments = [&mut self.begun, &mut self.last_good, &mut self.last_new, &mut self.newest];
        for moment in moments {
            *moment = moment.map(|moment| moment.min(now));
        }
    }
}
