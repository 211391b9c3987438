//! The engine: the only brain. What was known, what arrived, and the time go in; what changes and what is said come out.
//!
//! [`step`] is a plain function. It reads the state and never writes it: the [`Changes`] it returns are adopted by
//! [`State::adopt`] only after they are committed, so that memory never runs ahead of the disk. What it returns is small:
//! only what one event touches, whatever the number of governorates.

use std::collections::BTreeSet;

use crate::bulletin::Bulletin;
use crate::feed::{Batch, Validators};
use crate::hazard::Severity;
use crate::ids::{ChannelId, FeedId, GovernorateId};
use crate::notice::{Dropped, Notice, Topic};
use crate::record::Entry;
use crate::rule::RuleBook;
use crate::statement::Statement;
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Metric;

mod automatic;
mod context;
pub mod desk;
pub mod explain;
mod feeds;
mod health;
mod notices;
mod official;
mod readings;
mod seen;
mod skew;
pub mod press;
pub mod staff;
mod state;
#[cfg(test)]
mod stories;

pub use health::{FeedState, Health};
pub use notices::Episode;
pub use skew::Skew;
pub use state::{Changes, Draft, State, StateError};

/// How long readings are kept: the longest window of a rule, and a day.
pub const KEEP_READINGS: TimeDelta = TimeDelta::days(8);

/// What came of asking a feed.
#[expect(clippy::large_enum_variant, reason = "one is made for each time of asking; most are answers")]
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// An answer that could be read, perhaps not all of it.
    Batch {
        /// What it held.
        batch: Batch,
        /// What to send with the next request so that an unchanged answer is not sent again; none when not all that the answer
        /// points to could be fetched, so that it is asked for once more.
        validators: Option<Validators>,
        /// The entries of an index that are now known.
        entries: Vec<String>,
    },
    /// Nothing new since the last answer (304).
    Unchanged,
    /// A proper answer without content (204, or an empty list).
    Nothing,
    /// Nobody was asked: brokers push, and at least one of them is connected. It says that the feed lives and nothing of the
    /// weather.
    Listening {
        /// Which brokers are not connected, and why; none when all are.
        without: Option<String>,
    },
    /// An answer that cannot be read: a web page, broken JSON, hostile XML.
    Unreadable {
        /// Why.
        why: String,
    },
    /// No answer: refused, hung, or an error status.
    Unreachable {
        /// Why.
        why: String,
    },
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A feed was asked.
    Asked {
        /// Which.
        feed: FeedId,
        /// What came of it.
        heard: Heard,
        /// How far the clock of the server is ahead of ours, when its answer says.
        skew: Option<TimeDelta>,
    },
    /// The people on duty want something done.
    Ordered(staff::Order),
    /// They take back what was told.
    TakenBack {
        /// What they say.
        correct: desk::Correct,
        /// The last bulletin of its number.
        said: Box<Bulletin>,
        /// Set when it was refused before it went out, and a milder word of it stands: how bad that is.
        was: Option<Severity>,
    },
    /// Subscribers of a channel were disabled, of which the people on duty are to hear.
    Disabled {
        /// Of which channel.
        channel: ChannelId,
        /// Which, and why.
        subscribers: Vec<Dropped>,
    },
    /// Time went by.
    Tick,
}

/// What one step changes and says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// The part of the state that is different now.
    pub changes: Changes,
    /// What people may want to look up later.
    pub journal: Vec<Entry>,
    /// What is said.
    pub bulletins: Vec<Bulletin>,
    /// What is said to the people on duty.
    pub notices: Vec<Notice>,
    /// What is said beside warnings.
    pub statements: Vec<Statement>,
}

impl Outcome {
    /// True when there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.journal.is_empty()
            && self.bulletins.is_empty()
            && self.notices.is_empty()
            && self.statements.is_empty()
    }
}

/// What readings have touched, and so has to be judged again.
#[derive(Debug)]
pub(crate) enum Touched {
    All,
    Only(BTreeSet<(GovernorateId, Metric)>),
}

/// Decides. The same input gives the same output, always.
pub fn step(book: &RuleBook, state: &State, event: &Event, now: Timestamp) -> Outcome {
    let mut draft = Draft::new(state);
    let touched = match event {
        Event::Tick => {
            feeds::watch_silence(book, &mut draft, now);
            draft.forget_series(now - KEEP_READINGS);
            staff::run_out(&mut draft, now);
            press::run_out(&mut draft, now);
            Touched::All
        }
        Event::Ordered(order) => {
            staff::obey(book, &mut draft, order, now);
            Touched::All
        }
        Event::TakenBack { correct, said, was } => {
            match was {
                Some(was) => desk::stand_back(&mut draft, correct, said, *was, now),
                None => desk::correct(book, &mut draft, correct, said, now),
            }
            Touched::All
        }
        Event::Disabled { channel, subscribers } => {
            let (channel, subscribers) = (channel.clone(), subscribers.clone());
            draft.notify(Topic::SubscriberDisabled { channel, subscribers, more: 0 });
            Touched::Only(BTreeSet::new())
        }
        Event::Asked { feed, heard, skew } => {
            feeds::note(book, &mut draft, feed, heard, *skew, now);
            match heard {
                Heard::Batch { batch, .. } => {
                    official::take(book, &mut draft, feed, &batch.alerts, now);
                    context::note(&mut draft, feed, &batch.context, now);
                    Touched::Only(readings::store(book, &mut draft, feed, batch, now))
                }
                Heard::Unchanged => Touched::All,
                Heard::Nothing | Heard::Listening { .. } | Heard::Unreadable { .. } | Heard::Unreachable { .. } => {
                    Touched::Only(BTreeSet::new())
                }
            }
        }
    };
    official::twins::speak_up(book, &mut draft, now);
    official::editions::run_out(book, &mut draft, now);
    desk::run_out(book, &mut draft, now);
    automatic::judge(book, &mut draft, &touched, now);
    notices::settle(book, &mut draft, now);
    draft.finish()
}
