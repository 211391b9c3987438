//! What is remembered of alerts that have arrived, so that none is taken twice and none changes under its name.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The most other words of one name that are told to the staff.
const MAX_OTHERS: usize = 8;

/// What became of an alert that another one overtook before it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Overtaking {
    /// It was ended.
    Ended,
    /// It goes on in a newer alert.
    GoesOn {
        /// That one's CAP triple as text.
        by: String,
        /// When that one ends.
        until: Timestamp,
    },
}

/// An alert that has arrived, or that another one spoke of before it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Row")]
pub(super) struct Seen {
    /// When it may be forgotten.
    pub(super) keep_until: Timestamp,
    /// What it said, as a number; 0 when it has not arrived itself.
    fingerprint: u64,
    /// What else came under its name, and the staff knows of.
    others: Vec<u64>,
    /// True while it is held because none of its places is known here: with a mended gazetteer it is told after all.
    is_held: bool,
    /// How many of its places were not known when the rest of it was told; none when all were, or when others have corrected it.
    lacking: Option<usize>,
    /// What overtook it, while it has not arrived itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    overtaken: Option<Overtaking>,
}

/// As it was written: by this version, or by one that kept the time alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Row {
    Until(Timestamp),
    Whole {
        keep_until: Timestamp,
        fingerprint: u64,
        others: Vec<u64>,
        #[serde(default)]
        is_held: bool,
        #[serde(default)]
        lacking: Option<usize>,
        #[serde(default)]
        overtaken: Option<Overtaking>,
    },
}

impl From<Row> for Seen {
    fn from(row: Row) -> Self {
        match row {
            Row::Until(keep_until) => Self::new(keep_until, 0),
            Row::Whole { keep_until, fingerprint, others, is_held, lacking, overtaken } => {
                Self { keep_until, fingerprint, others, is_held, lacking, overtaken }
            }
        }
    }
}

impl Seen {
    /// One that was not known.
    pub(super) fn new(keep_until: Timestamp, fingerprint: u64) -> Self {
        Self { keep_until, fingerprint, others: Vec::new(), is_held: false, lacking: None, overtaken: None }
    }

    /// One that has not arrived and is not told when it does.
    pub(super) fn overtaken(keep_until: Timestamp, how: Overtaking) -> Self {
        Self { overtaken: Some(how), ..Self::new(keep_until, 0) }
    }

    /// What overtook it, while it has not arrived itself.
    pub(super) fn overtaking(&self) -> Option<&Overtaking> {
        self.overtaken.as_ref()
    }

    /// The same, once it has arrived all the same.
    pub(super) fn arrived(self, keep_until: Timestamp, fingerprint: u64) -> Self {
        Self { keep_until: self.keep_until.max(keep_until), fingerprint, overtaken: None, ..self }
    }

    /// The same, once more overtaken: what was ended stays so.
    pub(super) fn overtaken_again(self, how: Overtaking) -> Self {
        let overtaken = self.overtaken.map(|known| if known == Overtaking::Ended { known } else { how });
        Self { overtaken, ..self }
    }

    /// The same, held for want of a known place.
    pub(super) fn held(self) -> Self {
        Self { is_held: true, ..self }
    }

    /// The same, once another alert has corrected or ended it: it is not told any more.
    pub(super) fn let_go(self) -> Self {
        Self { is_held: false, lacking: None, ..self }
    }

    /// The same, told but for some places that are not known.
    pub(super) fn lacking(self, places: usize) -> Self {
        Self { lacking: (0 < places).then_some(places), ..self }
    }

    /// How many places it lacks when it comes again in the very same words; none when it lacks none.
    pub(super) fn lacks(&self, fingerprint: u64) -> Option<usize> {
        self.lacking.filter(|_| self.fingerprint == fingerprint)
    }

    /// True when a mended gazetteer may still have it told, or more of it.
    pub(super) fn waits(&self) -> bool {
        self.is_held || self.lacking.is_some()
    }

    /// True when it is held and comes again in the very same words.
    pub(super) fn waits_for(&self, fingerprint: u64) -> bool {
        self.is_held && self.fingerprint == fingerprint
    }

    /// The same with other words noted, when they are other than those known under the name.
    pub(super) fn other_words(mut self, fingerprint: u64) -> Option<Self> {
        let is_known = fingerprint == 0 || self.fingerprint == 0 || self.fingerprint == fingerprint;
        if is_known || self.others.contains(&fingerprint) || MAX_OTHERS <= self.others.len() {
            return None;
        }
        self.others.push(fingerprint);
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_an_older_version_is_read() {
        let now: Timestamp = "2025-12-09T00:00:00Z".parse().unwrap();
        let old = serde_json::to_string(&now).unwrap();
        assert_eq!(serde_json::from_str::<Seen>(&old).unwrap(), Seen::new(now, 0));
        let new = Seen::new(now, u64::MAX).other_words(7).unwrap();
        assert_eq!(serde_json::from_str::<Seen>(&serde_json::to_string(&new).unwrap()).unwrap(), new);
    }

    #[test]
    fn other_words_are_noted_once_and_not_without_end() {
        let now: Timestamp = "2025-12-09T00:00:00Z".parse().unwrap();
        let seen = Seen::new(now, 1);
        assert!(seen.clone().other_words(1).is_none() && seen.clone().other_words(0).is_none());
        let mut noted = seen.other_words(2).unwrap();
        assert!(noted.clone().other_words(2).is_none());
        for other in 3..10 {
            noted = noted.other_words(other).unwrap();
        }
        assert!(noted.other_words(10).is_none());
        assert!(Seen::new(now, 0).other_words(5).is_none(), "nothing is known of what has not arrived");
    }
}
