//! Statements: what the house says beside its warnings, in words of its own: news, the announcement of an event, the rebuttal of a
//! rumour. A statement never changes; it is taken back in the next edition of its number.
//!
//! It is never a warning: it names no level and no hazard, and channels hear it only where they ask for it.

use serde::{Deserialize, Serialize};

use crate::ids::{BulletinId, GovernorateId};
use crate::language::Both;
use crate::time::{TimeDelta, Timestamp};

/// The longest title in one language, in characters: it always fits into one post.
pub const MAX_TITLE: usize = 100;
/// The longest text of any other part in one language, in characters.
pub const MAX_TEXT: usize = 1_000;
/// The longest link, in bytes.
pub const MAX_LINK: usize = 300;
/// The longest that a statement may still be sent and taken back.
pub const LONGEST: TimeDelta = TimeDelta::days(7);

/// What sort of statement it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// News.
    News,
    /// An event that is announced.
    Event,
    /// A rumour that is answered.
    Rumour,
}

impl Sort {
    /// Every sort.
    pub const ALL: &'static [Self] = &[Self::News, Self::Event, Self::Rumour];

    /// Its name in TOML, in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::News => "news",
            Self::Event => "event",
            Self::Rumour => "rumour",
        }
    }
}

/// What is known of a rumour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Truth {
    /// It is false.
    False,
    /// Some of it is so, and what it makes believe is not.
    Misleading,
    /// It is true.
    True,
    /// Nothing confirms it so far.
    Unproven,
}

impl Truth {
    /// Every verdict.
    pub const ALL: &'static [Self] = &[Self::False, Self::Misleading, Self::True, Self::Unproven];

    /// Its name in wording, in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::False => "false",
            Self::Misleading => "misleading",
            Self::True => "true",
            Self::Unproven => "unproven",
        }
    }
}

/// A rumour and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rumour {
    /// What people say.
    pub claim: Both<String>,
    /// Whether it is so.
    pub truth: Truth,
}

/// When something takes place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct When {
    /// From when on.
    pub from: Timestamp,
    /// Until when, when that is known.
    pub until: Option<Timestamp>,
}

/// What a statement says, before it has a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// What sort it is.
    pub sort: Sort,
    /// Its title.
    pub title: Both<String>,
    /// What it says; of a rumour, the evidence.
    pub text: Option<Both<String>>,
    /// The rumour that it answers.
    pub rumour: Option<Rumour>,
    /// When the event takes place.
    pub when: Option<When>,
    /// Which governorates it is about; the whole region when it names none.
    pub places: Vec<GovernorateId>,
    /// Where there is more to read.
    pub link: Option<String>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Its name for ever: number and edition.
    pub id: BulletinId,
    /// The same in all its editions: `MKH-SAY-2025-000012`.
    pub number: String,
    /// Which edition, from 1.
    pub edition: u32,
    /// True when this edition takes back the one before.
    pub is_withdrawn: bool,
    /// What it says; of one that is taken back, what it said.
    pub content: Content,
    /// Who wrote it, or took it back.
    pub author: String,
    /// When this was decided.
    pub issued: Timestamp,
    /// After this moment nobody is told any more.
    pub stale_after: Timestamp,
}

/// What the number of a statement has behind the prefix of the house.
pub const SERIES: &str = "-SAY-";
