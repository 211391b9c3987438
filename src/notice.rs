//! Notices: what is said to the people on duty of the service itself: a feed that fell silent, an alert that was held, a clock
//! that is wrong.
//!
//! A notice has no audience, no severity and no place that could send it elsewhere: only a channel that is known
//! to be the staff's (`OnDuty`, in the module `route`) takes one. Nothing here is ever meant for the public.

use serde::{Deserialize, Serialize};

use crate::hazard::{Hazard, Severity};
use crate::ids::{BulletinId, ChannelId, FeedId, GovernorateId};
use crate::time::{TimeDelta, Timestamp, seconds};

/// How long a notice may still be sent. What it tells of is told again while it lasts.
pub const LIFE: TimeDelta = TimeDelta::hours(24);

/// The most things that one notice lists; how many more there are is told.
pub const MAX_ITEMS: usize = 50;

/// The longest text from outside that a notice carries, in characters.
pub const MAX_TEXT: usize = 500;

/// For how long nothing may reach a subscriber of a channel until it is disabled.
pub const SUBSCRIBER_FAILS_FOR: TimeDelta = TimeDelta::days(5);

/// A text from outside, cut to [`MAX_TEXT`].
pub fn cut(text: &str) -> String {
    let cut: String = text.chars().take(MAX_TEXT).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}

/// The clocks of a feed. In this order one explains the next: a feed that does not answer says nothing new either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedClock {
    /// Since its last answer that could be used.
    Fetch,
    /// Since it last said something new.
    News,
    /// Since the moment of the newest thing it speaks of.
    Age,
}

impl FeedClock {
    /// Every clock.
    pub const ALL: &'static [Self] = &[Self::Fetch, Self::News, Self::Age];

    /// Its name in TOML, logs and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::News => "news",
            Self::Age => "age",
        }
    }
}

/// A clock that is past its limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Which.
    pub clock: FeedClock,
    /// Since when it runs.
    pub since: Timestamp,
    /// How long it may.
    #[serde(with = "seconds", rename = "limit_s")]
    pub limit: TimeDelta,
}

/// A part of an answer, and what is the matter with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which part.
    pub part: String,
    /// What is the matter.
    pub why: String,
}

/// Why an official alert is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holding {
    /// No governorate of the region is named in it.
    Unplaced,
    /// It is not meant for the public.
    NotPublic,
    /// Its status is not known here: it may be for everyone, or somebody's drill.
    UnknownStatus,
    /// Another alert of the very same name says something else.
    Incident,
    /// The document that was announced could not be had.
    NotHad,
}

impl Holding {
    /// Every reason.
    pub const ALL: &'static [Self] =
        &[Self::Unplaced, Self::NotPublic, Self::UnknownStatus, Self::Incident, Self::NotHad];

    /// Its name in JSON and in the keys of the wording.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unplaced => "unplaced",
            Self::NotPublic => "not-public",
            Self::UnknownStatus => "unknown-status",
            Self::Incident => "incident",
            Self::NotHad => "not-had",
        }
    }
}

/// An official alert that is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldAlert {
    /// The alert: its CAP triple as text.
    pub alert: String,
    /// What more helps to judge it: its headline, the places that it names.
    pub about: String,
}

/// Whose clock is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// That of this machine: most servers say so.
    Ours,
    /// Those of the servers named: the others agree with us.
    Theirs,
    /// One of the two; there is nobody else to ask.
    Either,
}

impl Side {
    /// Every side.
    pub const ALL: &'static [Self] = &[Self::Ours, Self::Theirs, Self::Either];

    /// Its name in JSON and in the keys of the wording.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Theirs => "theirs",
            Self::Either => "either",
        }
    }
}

/// A server whose clock differs from ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its host, or the feed when the host is not known.
    pub name: String,
    /// By how many seconds it is ahead of ours; negative when it is behind.
    pub ahead_s: i64,
}

/// A warning whose time ran out although nobody said that the danger has passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RanOut {
    /// Its number.
    pub number: String,
    /// Of what.
    pub hazard: Hazard,
    /// How bad it was told to be.
    pub severity: Severity,
    /// Where.
    pub areas: Vec<GovernorateId>,
    /// When its time ran out.
    pub until: Timestamp,
}

/// A subscriber of a channel that is not told any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
}

/// What a notice is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "topic")]
pub enum Topic {
    /// A feed is silent: one of its clocks is past its limit.
    FeedSilent {
        /// Which.
        feed: FeedId,
        /// False when it has never given an answer that could be used.
        was_heard: bool,
        /// The clocks that are past their limits; the first explains the others.
        past: Vec<Past>,
        /// What was wrong at the last try, when something was.
        why: Option<String>,
        /// How many warnings in force rest on it.
        resting: u32,
    },
    /// A feed gave an answer in a shape that is not known here.
    UnknownShape {
        /// Which.
        feed: FeedId,
        /// Its strange parts, as far as they are listed.
        parts: Vec<Part>,
        /// How many more there are.
        more: u32,
    },
    /// Official alerts were held and sent to nobody.
    AlertHeld {
        /// By which feed they came.
        feed: FeedId,
        /// Why.
        why: Holding,
        /// Which, the newest last.
        alerts: Vec<HeldAlert>,
        /// How many more there were before these.
        more: u32,
    },
    /// The clock of this machine and those of servers disagree.
    ClockSkew {
        /// Who is wrong.
        side: Side,
        /// The servers that differ, by name.
        servers: Vec<Server>,
    },
    /// Warnings ran out that nobody lifted.
    RanOut {
        /// Which, the newest last.
        warnings: Vec<RanOut>,
        /// How many more there were before these.
        more: u32,
    },
    /// Subscribers of a channel were disabled.
    SubscriberDisabled {
        /// Of which channel.
        channel: ChannelId,
        /// Which, the newest last.
        subscribers: Vec<Dropped>,
        /// How many more there were before these.
        more: u32,
    },
}

/// What an episode is about, whatever becomes of it: at most one is open for each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// The silence of a feed.
    FeedSilent(FeedId),
    /// The unknown shape of a feed.
    UnknownShape(FeedId),
    /// Alerts of a feed held for a reason.
    AlertHeld(FeedId, Holding),
    /// Clocks that disagree.
    ClockSkew,
    /// Warnings that ran out.
    RanOut,
    /// Subscribers of a channel that were disabled.
    SubscriberDisabled(ChannelId),
}

impl Subject {
    /// The feed that it is about, when it is about one.
    pub fn feed(&self) -> Option<&FeedId> {
        match self {
            Self::FeedSilent(feed) | Self::UnknownShape(feed) | Self::AlertHeld(feed, _) => Some(feed),
            Self::ClockSkew | Self::RanOut | Self::SubscriberDisabled(_) => None,
        }
    }
}

impl Topic {
    /// Its name in logs and JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::FeedSilent { .. } => "feed-silent",
            Self::UnknownShape { .. } => "unknown-shape",
            Self::AlertHeld { .. } => "alert-held",
            Self::ClockSkew { .. } => "clock-skew",
            Self::RanOut { .. } => "ran-out",
            Self::SubscriberDisabled { .. } => "subscriber-disabled",
        }
    }

    /// What it is about.
    pub fn subject(&self) -> Subject {
        match self {
            Self::FeedSilent { feed, .. } => Subject::FeedSilent(feed.clone()),
            Self::UnknownShape { feed, .. } => Subject::UnknownShape(feed.clone()),
            Self::AlertHeld { feed, why, .. } => Subject::AlertHeld(feed.clone(), *why),
            Self::ClockSkew { .. } => Subject::ClockSkew,
            Self::RanOut { .. } => Subject::RanOut,
            Self::SubscriberDisabled { channel, .. } => Subject::SubscriberDisabled(channel.clone()),
        }
    }

    /// True for what happens and does not last: it is gathered, and no end of it is told.
    pub fn is_gathered(&self) -> bool {
        match self {
            Self::AlertHeld { .. } | Self::RanOut { .. } | Self::SubscriberDisabled { .. } => true,
            Self::FeedSilent { .. } | Self::UnknownShape { .. } | Self::ClockSkew { .. } => false,
        }
    }

    /// True when whoever has read the one learns nothing by the other that changes what there is to do.
    pub fn says_the_same(&self, told: &Self) -> bool {
        match (self, told) {
            (
                Self::FeedSilent { past: now, was_heard: is, .. },
                Self::FeedSilent { past: then, was_heard: was, .. },
            ) => is == was && now.first().map(|past| past.clock) == then.first().map(|past| past.clock),
            (Self::UnknownShape { .. }, Self::UnknownShape { .. }) => true,
            // That one more server says so as well changes nothing when ours is wrong; when theirs is, it matters whose.
            (Self::ClockSkew { side: is, servers: now }, Self::ClockSkew { side: was, servers: then }) => {
                is == was && (*is == Side::Ours || now.iter().map(|one| &one.name).eq(then.iter().map(|one| &one.name)))
            }
            _ => self == told,
        }
    }

    /// Adds what happened later to what is gathered under the same subject; the oldest beyond [`MAX_ITEMS`] are only counted.
    pub fn gather(&mut self, later: Self) {
        fn join<T: PartialEq>(all: &mut Vec<T>, more: &mut u32, later: Vec<T>, others: u32) {
            for one in later {
                if !all.contains(&one) {
                    all.push(one);
                }
            }
            let surplus = all.len().saturating_sub(MAX_ITEMS);
            all.drain(..surplus);
            *more = more.saturating_add(others).saturating_add(u32::try_from(surplus).unwrap_or(u32::MAX));
        }
        match (self, later) {
            (Self::AlertHeld { alerts, more, .. }, Self::AlertHeld { alerts: later, more: others, .. }) => {
                join(alerts, more, later, others);
            }
            (Self::RanOut { warnings, more }, Self::RanOut { warnings: later, more: others }) => {
                join(warnings, more, later, others);
            }
            (
                Self::SubscriberDisabled { subscribers, more, .. },
                Self::SubscriberDisabled { subscribers: later, more: others, .. },
            ) => join(subscribers, more, later, others),
            (own, later) => *own = later,
        }
    }
}

/// Where an episode stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It is new.
    Begun,
    /// It goes on: there is more to tell of it, or it is told again because it lasts.
    Continues,
    /// It is over.
    Ended,
}

impl Stage {
    /// Every stage.
    pub const ALL: &'static [Self] = &[Self::Begun, Self::Continues, Self::Ended];

    /// Its name in logs, JSON and the keys of the wording.
    pub fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Continues => "continues",
            Self::Ended => "ended",
        }
    }
}

/// One thing said to the people on duty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its name for ever: number and edition.
    pub id: BulletinId,
    /// The number of the episode, the same in all its editions: `MKH-OPS-2025-000012`.
    pub number: String,
    /// Which edition, from 1.
    pub edition: u32,
    /// Where the episode stands.
    pub stage: Stage,
    /// What it is about; for an end, as it was told last.
    pub topic: Topic,
    /// Since when it has been so.
    pub since: Timestamp,
    /// When this was decided.
    pub issued: Timestamp,
    /// After this moment nobody is told any more.
    pub stale_after: Timestamp,
}

impl Notice {
    /// The notice in a sentence for the journal.
    pub fn sentence(&self) -> String {
        let about = match &self.topic {
            Topic::FeedSilent { feed, past, .. } => {
                let clocks: Vec<&str> = past.iter().map(|past| past.clock.name()).collect();
                format!("{feed} by its clocks {}", clocks.join(", "))
            }
            Topic::UnknownShape { feed, parts, .. } => format!("{feed}, {} parts", parts.len()),
            Topic::AlertHeld { feed, why, alerts, .. } => format!("{} of {feed}, {}", alerts.len(), why.name()),
            Topic::ClockSkew { side, servers } => {
                let names: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
                format!("{}, against {}", side.name(), names.join(", "))
            }
            Topic::RanOut { warnings, .. } => {
                let numbers: Vec<&str> = warnings.iter().map(|one| one.number.as_str()).collect();
                numbers.join(", ")
            }
            Topic::SubscriberDisabled { channel, subscribers, .. } => {
                let names: Vec<&str> = subscribers.iter().map(|one| one.name.as_str()).collect();
                format!("{} of {channel}", names.join(", "))
            }
        };
        format!("{} {}: {about}", self.topic.name(), self.stage.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(number: usize) -> Topic {
        Topic::AlertHeld {
            feed: FeedId::new("ncm").unwrap(),
            why: Holding::Unplaced,
            alerts: vec![HeldAlert { alert: format!("a{number}"), about: String::new() }],
            more: 0,
        }
    }

    #[test]
    fn what_is_gathered_is_listed_once_and_what_is_too_much_is_counted() {
        let mut all = held(0);
        for number in 0..MAX_ITEMS + 7 {
            all.gather(held(number));
        }
        let Topic::AlertHeld { alerts, more, .. } = &all else { panic!("{all:?}") };
        assert_eq!((alerts.len(), *more), (MAX_ITEMS, 7));
        assert_eq!(
            alerts.last().map(|alert| alert.alert.as_str()),
            Some("a56"),
            "the newest are never the ones left out"
        );
    }

    #[test]
    fn what_changes_nothing_to_do_is_the_same() {
        let skew = |side, names: &[&str]| Topic::ClockSkew {
            side,
            servers: names.iter().map(|name| Server { name: (*name).to_owned(), ahead_s: 300 }).collect(),
        };
        assert!(skew(Side::Ours, &["a", "b"]).says_the_same(&skew(Side::Ours, &["a", "b", "c"])));
        assert!(!skew(Side::Theirs, &["a"]).says_the_same(&skew(Side::Theirs, &["b"])));
        assert!(!skew(Side::Ours, &["a"]).says_the_same(&skew(Side::Either, &["a"])));
        assert!(!held(1).says_the_same(&held(2)));
        assert_eq!(cut(&"ش".repeat(MAX_TEXT + 1)).chars().count(), MAX_TEXT + 1);
    }

    #[test]
    fn a_notice_is_read_back_as_it_was_written() {
        let topic = held(1);
        let text = serde_json::to_string(&topic).unwrap();
        assert!(text.starts_with(r#"{"topic":"alert-held","feed":"ncm","why":"unplaced""#), "{text}");
        assert_eq!(serde_json::from_str::<Topic>(&text).unwrap(), topic);
        for subject in [topic.subject(), Subject::ClockSkew, Subject::RanOut] {
            let text = serde_json::to_string(&subject).unwrap();
            assert_eq!(serde_json::from_str::<Subject>(&text).unwrap(), subject);
        }
    }
}
