//! What a frozen message of the form `json` says, for sinks that put it into the fields of another system. It invents nothing: what the
//! message does not say, is not there.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::SendError;
use crate::bulletin::Change;
use crate::hazard::{Hazard, Severity};
use crate::notice::Stage;
use crate::time::Timestamp;

/// The most places of one message.
const MAX_PLACES: usize = 2_000;

/// A bulletin, a statement or a notice.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Facts {
    /// The number that all its editions share.
    pub(super) number: String,
    pub(super) edition: u32,
    /// None in a notice and a statement.
    pub(super) change: Option<Change>,
    /// None in all but a notice.
    pub(super) stage: Option<Stage>,
    pub(super) hazard: Option<Hazard>,
    pub(super) severity: Option<Severity>,
    #[serde(default)]
    pub(super) areas: Vec<Area>,
    #[serde(default)]
    pub(super) left: Vec<Area>,
    #[serde(default)]
    pub(super) doubtful: Vec<Area>,
    #[serde(default)]
    pub(super) parted: Vec<Area>,
    #[serde(default)]
    pub(super) replaces: Vec<String>,
    pub(super) onset: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) about: Option<About>,
    /// By language.
    pub(super) text: BTreeMap<String, Option<Text>>,
}

/// A place.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Area {
    pub(super) id: String,
}

/// What a notice is of.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct About {
    pub(super) topic: String,
}

/// What is said in one language.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Text {
    pub(super) headline: String,
    pub(super) body: String,
    /// The same within some hundred bytes; its first line is a headline. None in what was frozen before there was one.
    pub(super) short: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    data: Facts,
}

impl Facts {
    /// Reads a frozen message.
    ///
    /// # Errors
    /// When it is of another form.
    pub(super) fn read(body: &str) -> Result<Self, SendError> {
        serde_json::from_str(body).map(|Envelope { data }| data).map_err(|why| SendError::Never {
            why: format!("the message is not of the form `json` ({why}): leave the `form` of the channel out"),
        })
    }

    /// True when what it is of is over.
    pub(super) fn is_end(&self) -> bool {
        self.change.is_some_and(Change::is_end) || self.stage == Some(Stage::Ended)
    }

    /// What is said in each language, the one that a system of operators shows best first: English where there is some.
    pub(super) fn texts(&self) -> Vec<(&str, &Text)> {
        let mut texts: Vec<(&str, &Text)> =
            self.text.iter().filter_map(|(tag, text)| Some((tag.as_str(), text.as_ref()?))).collect();
        texts.sort_by_key(|(tag, _)| *tag != "en");
        texts
    }

    /// Places that a warning is about, each once.
    ///
    /// # Errors
    /// When there is none, or more than can be told.
    pub(super) fn each_once<'a>(areas: impl Iterator<Item = &'a Area>) -> Result<BTreeSet<&'a str>, SendError> {
        let places: BTreeSet<&str> = areas.map(|area| area.id.as_str()).collect();
        let why = match places.len() {
            0 => "the message is about no place, and no place is never every place".to_owned(),
            1..=MAX_PLACES => return Ok(places),
            many => format!("the message is about {many} places: at most {MAX_PLACES} are told"),
        };
        Err(SendError::Never { why })
    }

    /// The other numbers that it takes the place of.
    pub(super) fn replaced(&self) -> Vec<&str> {
        let mut numbers: Vec<&str> = self
            .replaces
            .iter()
            .map(|id| id.rsplit_once('.').map_or(id.as_str(), |(number, _)| number))
            .filter(|number| *number != self.number)
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}
