//! Official alerts: what an authority said, as CAP 1.2 says it, placed in governorates.
//!
//! Source: OASIS Common Alerting Protocol 1.2. Nothing here is rewritten: the authority's words stay its own.

use serde::{Deserialize, Serialize};

use crate::hazard::{Hazard, Severity};
use crate::ids::GovernorateId;
use crate::language::Language;
use crate::time::Timestamp;

/// What makes an alert itself and no other: the CAP triple.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Who sent it.
    pub sender: String,
    /// Its name at the sender.
    pub identifier: String,
    /// When it was sent.
    pub sent: Timestamp,
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{},{}", self.sender, self.identifier, self.sent.format("%Y-%m-%dT%H:%M:%S-00:00"))
    }
}

/// CAP `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Meant for everyone.
    Actual,
    /// Meant for the people of an exercise.
    Exercise,
    /// Meant for machines.
    System,
    /// A technical test.
    Test,
    /// Not meant for anyone yet.
    Draft,
    /// A word that is not known here: it may be somebody's drill.
    Unknown,
}

/// CAP `msgType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MsgType {
    /// Something new.
    Alert,
    /// Replaces what it refers to.
    Update,
    /// Ends what it refers to.
    Cancel,
    /// Receipt of what it refers to.
    Ack,
    /// Rejection of what it refers to.
    Error,
}

/// CAP `scope`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// For everyone.
    #[default]
    Public,
    /// For those whom its `restriction` names.
    Restricted,
    /// For those whom its `addresses` name.
    Private,
}

/// CAP `certainty`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Certainty {
    /// It has been seen.
    Observed,
    /// p > ~50 %.
    Likely,
    /// p <= ~50 %.
    Possible,
    /// p ~ 0.
    Unlikely,
    /// Not said.
    Unknown,
}

/// The authority's own words in one language.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// BCP 47 tag as written; `en-US` when CAP leaves it out.
    pub language: String,
    /// CAP `event`.
    pub event: String,
    /// CAP `headline`.
    pub headline: Option<String>,
    /// CAP `description`.
    pub description: Option<String>,
    /// CAP `instruction`.
    pub instruction: Option<String>,
    /// CAP `senderName`.
    pub sender_name: Option<String>,
    /// CAP `web`.
    pub web: Option<String>,
}

impl Words {
    /// True when they are in a language, by the first part of the tag.
    pub fn is_in(&self, language: Language) -> bool {
        self.language.split(['-', '_']).next().is_some_and(|tag| tag.eq_ignore_ascii_case(language.tag()))
    }
}

/// One alert of an authority, or one part of it: what one document says of one hazard at one severity over one time and place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its CAP triple.
    pub identity: Identity,
    /// The authority's own name for what it warns of, when it keeps one name through all editions and refers to none of them: a
    /// newer alert of the same sender and line is what has become of the older one.
    #[serde(default)]
    pub line: Option<String>,
    /// Which part of its document it is, from 0; a document whose infos agree has one part.
    #[serde(default)]
    pub part: u16,
    /// A number of all that the document says: the same triple with another one is not the same alert. 0 when it was not taken.
    #[serde(default)]
    pub fingerprint: u64,
    /// When it was read, for an alert that does not say when it was written: its `sent` is then its beginning, which tells
    /// nothing of what is newer. None for all that are dated.
    #[serde(default)]
    pub read_at: Option<Timestamp>,
    /// Who it is meant for.
    pub status: Status,
    /// Who may see it.
    #[serde(default)]
    pub scope: Scope,
    /// What it does to others.
    pub msg_type: MsgType,
    /// What it refers to.
    pub references: Vec<Identity>,
    /// What threatens, read from the event.
    pub hazard: Hazard,
    /// The worst severity of its infos.
    pub severity: Severity,
    /// The strongest certainty of its infos.
    pub certainty: Certainty,
    /// When the danger begins; the time of sending when CAP leaves it out.
    pub onset: Timestamp,
    /// When the alert ends; a default life after `onset` when CAP leaves it out, with that recorded as a defect.
    pub expires: Timestamp,
    /// Its words, one for each language, as they came.
    pub words: Vec<Words>,
    /// The governorates it was placed in, in official order.
    pub areas: Vec<GovernorateId>,
    /// Area descriptions that could not be placed.
    pub unplaced: Vec<String>,
    /// True when every info says that the danger is over (`responseType` AllClear).
    pub all_clear: bool,
    /// What was wrong with it and read all the same.
    pub defects: Vec<String>,
}

impl Alert {
    /// Since when it is the authority's word, as far as can be known: since it was sent, or else since it was read.
    pub fn written(&self) -> Timestamp {
        self.read_at.unwrap_or(self.identity.sent)
    }

    /// True when its time is up at a moment: its end is not part of it.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires <= now
    }

    /// True when what it warns of has begun at a moment.
    pub fn has_begun(&self, now: Timestamp) -> bool {
        self.onset <= now
    }

    /// Its words in a language, by the prefix of the tag.
    pub fn words_in(&self, tag: &str) -> Option<&Words> {
        self.words.iter().find(|words| {
            let primary = words.language.split('-').next().unwrap_or_default();
            primary.eq_ignore_ascii_case(tag)
        })
    }
}
