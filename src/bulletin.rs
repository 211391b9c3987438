//! Bulletins: one thing said, named for ever. What a bulletin says never changes; what changes is said in the next one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::alert::{Identity, Status, Words};
use crate::hazard::{Hazard, Severity};
use crate::ids::{BulletinId, FeedId, GovernorateId, RuleId};
use crate::language::{Both, Language};
use crate::reading::Basis;
use crate::rule::Statistic;
use crate::time::{TimeDelta, Timestamp, seconds};
use crate::unit::Metric;

/// What happened to the warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// New.
    Issued,
    /// Worse than told.
    Raised,
    /// Milder than told, and not over.
    Lowered,
    /// As told, for longer.
    Extended,
    /// As severe as told, in other words, for another time or other places. Of the rules' own warnings: as told, but its data have
    /// stopped, or some of its places are told of elsewhere from now on.
    Updated,
    /// Over: fresh data or the authority say so.
    Lifted,
    /// Its time ran out and nothing says that it is over.
    Expired,
    /// Wrong from the beginning, or not meant for those who heard it: the people on duty take it back.
    Corrected,
}

impl Change {
    /// Every change.
    pub const ALL: &'static [Self] = &[
        Self::Issued,
        Self::Raised,
        Self::Lowered,
        Self::Extended,
        Self::Updated,
        Self::Lifted,
        Self::Expired,
        Self::Corrected,
    ];

    /// Its name in TOML, logs and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Raised => "raised",
            Self::Lowered => "lowered",
            Self::Extended => "extended",
            Self::Updated => "updated",
            Self::Lifted => "lifted",
            Self::Expired => "expired",
            Self::Corrected => "corrected",
        }
    }

    /// True when nothing is in force after it.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Lifted | Self::Expired | Self::Corrected)
    }
}

/// A value that made a rule speak.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Which rule.
    pub rule: RuleId,
    /// Where.
    pub governorate: GovernorateId,
    /// What.
    pub metric: Metric,
    /// Seen or computed.
    pub basis: Basis,
    /// What was made of the window.
    pub statistic: Statistic,
    /// The window's length.
    #[serde(with = "seconds", rename = "window_s")]
    pub window: TimeDelta,
    /// The window's end.
    pub at: Timestamp,
    /// The value, canonical.
    pub value: f64,
    /// The threshold it reached, canonical.
    pub threshold: f64,
    /// From whom.
    pub feed: FeedId,
    /// Which station.
    pub station: Option<String>,
}

/// Who says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Origin {
    /// Rules of this house over readings: automated, not official.
    Automatic {
        /// The values that made them speak; empty for an end.
        evidence: Vec<Evidence>,
    },
    /// An authority, in its own words.
    Official {
        /// The feed it came by.
        feed: FeedId,
        /// The authority's alert.
        identity: Identity,
        /// Its words in the languages it gave.
        words: Vec<Words>,
    },
    /// The people on duty, by their own hand.
    Desk,
}

/// What the people on duty say of what is kept back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It goes out now.
    Approve,
    /// It does not go out by itself.
    Hold,
    /// It does not go out at all.
    Refuse,
}

/// Why a bulletin is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Nothing dangerous called for it.
    FalseAlarm,
    /// The data that it rests on are wrong: a broken gauge, a frozen model run.
    WrongData,
    /// It is not about these places.
    WrongPlace,
    /// It is milder or worse than told.
    WrongSeverity,
    /// It is not about this time.
    WrongTime,
    /// The authority that was quoted has taken it back.
    Withdrawn,
    /// It was never meant for those who received it.
    SentByMistake,
}

impl Reason {
    /// Every reason.
    pub const ALL: &'static [Self] = &[
        Self::FalseAlarm,
        Self::WrongData,
        Self::WrongPlace,
        Self::WrongSeverity,
        Self::WrongTime,
        Self::Withdrawn,
        Self::SentByMistake,
    ];

    /// Its name in TOML, in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::FalseAlarm => "false-alarm",
            Self::WrongData => "wrong-data",
            Self::WrongPlace => "wrong-place",
            Self::WrongSeverity => "wrong-severity",
            Self::WrongTime => "wrong-time",
            Self::Withdrawn => "withdrawn",
            Self::SentByMistake => "sent-by-mistake",
        }
    }
}

/// What the people on duty had to do with a bulletin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHand {
    /// Who wrote it, or changed it last. Whoever approves it is somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// What they add in their own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remarks: Option<Both<String>>,
    /// Why it is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

impl ByHand {
    /// True when they had nothing to do with it.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Whom a warning has concerned so far. It only grows: who was told of a danger is told of its end, in whatever guise it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// The worst that any edition told.
    pub worst: Severity,
    /// The hazards that any edition told of.
    pub hazards: BTreeSet<Hazard>,
}

impl Reach {
    /// The reach of a single edition.
    pub fn new(hazard: Hazard, severity: Severity) -> Self {
        Self { worst: severity, hazards: BTreeSet::from([hazard]) }
    }

    /// Takes in the reach of what came before.
    pub fn take_in(&mut self, before: &Self) {
        self.worst = self.worst.max(before.worst);
        self.hazards.extend(&before.hazards);
    }
}

/// One thing said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bulletin {
    /// Its name for ever: number and edition.
    pub id: BulletinId,
    /// The number of the warning, the same in all its editions: `MKH-2025-000012`.
    pub number: String,
    /// Which edition, from 1.
    pub edition: u32,
    /// The bulletins that it takes the place of, and with each all older editions of its number.
    pub replaces: Vec<BulletinId>,
    /// What happened.
    pub change: Change,
    /// Meant for the public, or a drill or test.
    pub status: Status,
    /// What threatens.
    pub hazard: Hazard,
    /// How bad it is now; for an end, how bad it was.
    pub severity: Severity,
    /// How bad it was told to be before.
    pub was: Option<Severity>,
    /// Whom it concerns, by all that was told under this number and under those it takes the place of.
    pub reach: Reach,
    /// Where, in official order; never empty.
    pub areas: Vec<GovernorateId>,
    /// Where it held before and does not any more; told until the time is up that was told there.
    pub left: Vec<GovernorateId>,
    /// Where it held before and where nobody knows whether it still does: the authority named places that were not understood.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubtful: Vec<GovernorateId>,
    /// Which places were told of together with these until now and are not any more, where that alone is new: for the places that
    /// stay, all is as it was told. It tells nothing of those that parted; others may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parted: Vec<GovernorateId>,
    /// Since which edition of its own number nothing is new for its places; none when this one has something new to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_since: Option<u32>,
    /// When this was decided.
    pub issued: Timestamp,
    /// When the danger begins.
    pub onset: Timestamp,
    /// When it ends, as far as known; for an end, when it ended.
    pub until: Timestamp,
    /// After this moment nobody is told any more.
    pub stale_after: Timestamp,
    /// Set when the warning stands without fresh data: the time of the last.
    pub silent_since: Option<Timestamp>,
    /// The languages that alone have something new to hear, as when an authority's words arrive in a second one; none is named
    /// when all have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_in: Vec<Language>,
    /// Who says so.
    pub origin: Origin,
    /// What the people on duty had to do with it.
    #[serde(default, skip_serializing_if = "ByHand::is_nothing")]
    pub by_hand: ByHand,
}

impl Bulletin {
    /// A warning as a rule would first give it, with nothing known beside what threatens whom from when until when.
    pub fn plain(
        number: &str,
        (hazard, severity): (Hazard, Severity),
        areas: Vec<GovernorateId>,
        (issued, until): (Timestamp, Timestamp),
    ) -> Self {
        Self {
            id: BulletinId::new(number, 1),
            number: number.to_owned(),
            edition: 1,
            replaces: Vec::new(),
            change: Change::Issued,
            status: Status::Actual,
            hazard,
            severity,
            was: None,
            reach: Reach::new(hazard, severity),
            areas,
            left: Vec::new(),
            doubtful: Vec::new(),
            parted: Vec::new(),
            same_since: None,
            issued,
            onset: issued,
            until,
            stale_after: until,
            silent_since: None,
            by_hand: ByHand::default(),
            only_in: Vec::new(),
            origin: Origin::Automatic { evidence: Vec::new() },
        }
    }
}
