//! What people on duty are asked of what is kept back, where they can answer with a press, and what they are told for it.
//!
//! It stands beside the message and is no part of it: what is kept back is asked of only while it is.

use crate::bulletin::Verdict;
use crate::ids::BulletinId;
use crate::language::Language;
use crate::language::direction::{isolate, tame};
use crate::message::Speaker;
use crate::message::catalogue::Slot;
use crate::message::wording::WordingError;

/// Between the languages of one line.
const BETWEEN: &str = " · ";

/// The longest name and reason that are told, in characters.
const MAX_PART: usize = 120;

/// What stands on the three buttons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buttons {
    /// It goes out now.
    pub approve: String,
    /// It does not go out by itself.
    pub hold: String,
    /// It does not go out at all.
    pub reject: String,
}

/// What came of a press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came<'a> {
    /// It was done, for somebody.
    Done(Verdict, &'a str),
    /// Whoever pressed is nobody who may.
    Stranger,
    /// It was not done.
    Failed(&'a str),
}

impl Came<'_> {
    fn key(self) -> &'static str {
        match self {
            Self::Done(Verdict::Approve, _) => "verdict.approved",
            Self::Done(Verdict::Hold, _) => "verdict.held",
            Self::Done(Verdict::Refuse, _) => "verdict.rejected",
            Self::Stranger => "verdict.stranger",
            Self::Failed(_) => "verdict.failed",
        }
    }
}

impl Speaker {
    /// What stands on the buttons, in the languages and the order given; further languages have none.
    ///
    /// # Errors
    /// When a text of the wording cannot be filled.
    pub fn buttons(&self, languages: &[Language]) -> Result<Buttons, WordingError> {
        let all = |key: &str| self.in_each(languages, BETWEEN, |language| self.wording.say(language, key, &[]));
        Ok(Buttons { approve: all("verdict.approve")?, hold: all("verdict.hold")?, reject: all("verdict.reject")? })
    }

    /// What came of a press, a line for each language.
    ///
    /// # Errors
    /// When a text of the wording cannot be filled.
    pub fn came(&self, of: &BulletinId, came: Came<'_>, languages: &[Language]) -> Result<String, WordingError> {
        let cut = |text: &str| tame(text).trim().chars().take(MAX_PART).collect::<String>();
        self.in_each(languages, "\n", |language| {
            let number = isolate(language, of.as_str());
            let more = match came {
                Came::Done(_, person) => Some((Slot::Person, isolate(language, &cut(person)))),
                Came::Failed(why) => Some((Slot::Why, isolate(language, &cut(why)))),
                Came::Stranger => None,
            };
            let mut slots = vec![(Slot::Number, number.as_str())];
            slots.extend(more.as_ref().map(|(slot, text)| (*slot, text.as_str())));
            self.wording.say(language, came.key(), &slots)
        })
    }

    fn in_each(
        &self,
        languages: &[Language],
        between: &str,
        say: impl Fn(Language) -> Result<String, WordingError>,
    ) -> Result<String, WordingError> {
        let said = super::of_the_two(languages).map(|language| say(*language)).collect::<Result<Vec<_>, _>>()?;
        Ok(said.join(between))
    }
}

/// Everything that can come of a press, for those who try a wording.
pub(super) const ALL: [Came<'static>; 5] = [
    Came::Done(Verdict::Approve, "sara"),
    Came::Done(Verdict::Hold, "sara"),
    Came::Done(Verdict::Refuse, "sara"),
    Came::Stranger,
    Came::Failed("nothing of it is kept back"),
];
