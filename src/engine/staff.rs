//! What the people on duty do by their own hand: they silence rules for a time, say that they have seen a warning, and, by [`desk`],
//! warn, change and take back.
//!
//! A silence always ends by itself, names its hazards and its places, and never covers red or an authority. What was told before it
//! stands until its told end; nothing of it is lifted, raised or extended meanwhile, unless it becomes red.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::desk::{self, Amend, Correct, Warn};
use super::press::{self, Say};
use super::state::{Draft, State};
use crate::hazard::{Hazard, Severity};
use crate::ids::GovernorateId;
use crate::rule::RuleBook;
use crate::time::{TimeDelta, Timestamp, span_text};
use crate::warning::WarningKey;

/// The longest that a silence may last; whoever still wants it then says so again.
pub const LONGEST: TimeDelta = TimeDelta::hours(24);
/// The most silences at a time.
pub const MAX_SILENCES: usize = 100;
/// The longest reason, note and name, in characters.
pub const MAX_TEXT: usize = 300;
/// The worst severity that a silence which somebody asks for covers.
pub const COVERS: Severity = Severity::Orange;

/// A silence of the rules' own warnings below red.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Of which hazards.
    pub hazards: BTreeSet<Hazard>,
    /// Where.
    pub governorates: BTreeSet<GovernorateId>,
    /// Up to which severity; red only where what was told was taken back.
    #[serde(default = "covers")]
    pub up_to: Severity,
    /// Until when.
    pub until: Timestamp,
    /// Who wants it.
    pub by: String,
    /// Why.
    pub reason: String,
}

fn covers() -> Severity {
    COVERS
}

/// That somebody has seen a warning and looks after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What they have to say of it.
    pub note: Option<String>,
}

/// What the people on duty want done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "order")]
pub enum Order {
    /// Begin a silence.
    Silence(Silence),
    /// End one before its time.
    Speak {
        /// Its number.
        number: u32,
        /// Who wants it.
        by: String,
    },
    /// Note that a warning was seen.
    Acknowledge {
        /// Its number, without the edition.
        number: String,
        /// Who has seen it.
        by: String,
        /// What they have to say of it.
        note: Option<String>,
    },
    /// Warn by hand.
    Warn(Warn),
    /// Change what is told, or add to it.
    Amend(Amend),
    /// End a warning of the desk: the danger has passed.
    Lift {
        /// Its number, without the edition.
        number: String,
        /// Who says so.
        by: String,
    },
    /// Take back what was told.
    Correct(Correct),
    /// Say something beside warnings.
    Say(Box<Say>),
    /// Take back a statement.
    Unsay {
        /// Its number, without the edition.
        number: String,
        /// Who says so.
        by: String,
    },
}

impl Order {
    /// Has it come from somebody, whoever it said it came from.
    pub fn sign(&mut self, name: &str) {
        let by = match self {
            Self::Silence(silence) => &mut silence.by,
            Self::Speak { by, .. } | Self::Acknowledge { by, .. } | Self::Lift { by, .. } | Self::Unsay { by, .. } => {
                by
            }
            Self::Warn(warn) => &mut warn.by,
            Self::Amend(amend) => &mut amend.by,
            Self::Correct(correct) => &mut correct.by,
            Self::Say(say) => &mut say.by,
        };
        name.clone_into(by);
    }
}

/// Why an order cannot be obeyed; none when it can.
pub fn refusal(book: &RuleBook, state: &State, order: &Order, now: Timestamp) -> Option<String> {
    let is_long = |text: &str| MAX_TEXT < text.chars().count();
    match order {
        Order::Silence(silence) => {
            let stranger = silence.governorates.iter().find(|place| book.governorates.get(place).is_none());
            let texts = [&silence.by, &silence.reason];
            if silence.hazards.is_empty() || silence.governorates.is_empty() {
                Some("a silence names its hazards and its governorates".to_owned())
            } else if let Some(stranger) = stranger {
                Some(format!("no governorate is called `{stranger}`"))
            } else if COVERS < silence.up_to {
                Some(format!("a silence covers {COVERS} at most: red is never silenced"))
            } else if silence.until <= now {
                Some("it would be over already: give it an end in the future".to_owned())
            } else if now + LONGEST < silence.until {
                Some(format!("it would last longer than {}: a silence always ends by itself", span_text(LONGEST)))
            } else if texts.iter().any(|text| text.trim().is_empty() || is_long(text)) {
                Some(format!("say who wants it and why, in {MAX_TEXT} characters each at most"))
            } else if MAX_SILENCES <= state.silences().count() {
                Some(format!("there are {MAX_SILENCES} silences already: end one first"))
            } else {
                None
            }
        }
        Order::Speak { number, .. } => {
            let is_known = state.silences().any(|(known, _)| known == *number);
            (!is_known).then(|| format!("there is no silence {number}; `nadhir silence list` shows them"))
        }
        Order::Acknowledge { number, note, by } => {
            let is_live = state.warnings().any(|(_, warning)| warning.number == *number);
            if by.trim().is_empty() || is_long(by) || note.as_deref().is_some_and(is_long) {
                Some(format!("say who has seen it, in {MAX_TEXT} characters at most"))
            } else {
                (!is_live).then(|| format!("no warning {number} is in force; `nadhir status` shows those that are"))
            }
        }
        Order::Warn(warn) => desk::refusal_to_warn(book, warn, now),
        Order::Amend(amend) => desk::refusal_to_amend(book, state, amend, now),
        Order::Lift { number, by } => desk::refusal_to_lift(state, number, by),
        Order::Correct(correct) => desk::refusal_to_correct(correct),
        Order::Say(say) => press::refusal_to_say(book, state, say, now),
        Order::Unsay { number, by } => press::refusal_to_unsay(state, number, by),
    }
}

/// Does what the people on duty want, when it can be done.
pub(super) fn obey(book: &RuleBook, draft: &mut Draft<'_>, order: &Order, now: Timestamp) {
    if refusal(book, draft.state(), order, now).is_some() {
        return;
    }
    match order {
        Order::Silence(silence) => {
            let number = draft.silences().last().map_or(1, |(last, _)| last + 1);
            let text = format!("{} wants no word of {}", silence.by, told(silence));
            draft.write(now, "silence-begun", &number, text);
            draft.put_silence(number, Some(silence.clone()));
        }
        Order::Speak { number, by } => {
            draft.write(now, "silence-ended", number, format!("{by} ended the silence before its time"));
            draft.put_silence(*number, None);
        }
        Order::Acknowledge { number, by, note } => {
            let said = note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
            draft.write(now, "acknowledged", number, format!("{by} has seen it{said}"));
            let seen = Acknowledgement { by: by.clone(), at: now, note: note.clone() };
            draft.put_acknowledgement(number.clone(), Some(seen));
        }
        Order::Warn(warn) => desk::warn(book, draft, warn, now),
        Order::Amend(amend) => desk::amend(book, draft, amend, now),
        Order::Lift { number, by } => desk::lift(book, draft, number, by, now),
        Order::Say(say) => press::say(book, draft, say, now),
        Order::Unsay { number, by } => press::unsay(draft, number, by, now),
        // What is taken back has to be known: it comes with the last bulletin, as an event of its own.
        Order::Correct(_) => {}
    }
}

/// What a silence covers, in words.
pub fn told(silence: &Silence) -> String {
    let hazards: Vec<&str> = silence.hazards.iter().map(|hazard| hazard.name()).collect();
    let places: Vec<&str> = silence.governorates.iter().map(GovernorateId::as_str).collect();
    let until = silence.until.format("%F %H:%M UTC");
    let up_to = silence.up_to;
    format!("{} up to {up_to} in {} until {until}: {}", hazards.join(", "), places.join(", "), silence.reason)
}

/// Ends silences whose time is up, and forgets who has seen what is over.
pub(super) fn run_out(draft: &mut Draft<'_>, now: Timestamp) {
    // A clock that was set back makes no silence longer than it may be.
    let is_over = |silence: &Silence| silence.until <= now || now + LONGEST < silence.until;
    let over: Vec<u32> = draft.silences().filter(|(_, silence)| is_over(silence)).map(|(number, _)| number).collect();
    for number in over {
        draft.write(now, "silence-ended", &number, "its time is up: the rules speak again".to_owned());
        draft.put_silence(number, None);
    }
    let live: BTreeSet<String> = draft.warnings().map(|(_, warning)| warning.number.clone()).collect();
    let gone: Vec<String> = draft.acknowledged().filter(|number| !live.contains(*number)).cloned().collect();
    for number in gone {
        draft.put_acknowledgement(number, None);
    }
}

/// What keeps the rules quiet of a hazard in a governorate: a silence of the people on duty, or something worse that is told there.
/// A warning that was told before runs out without a word then; one that is worse than what is quieted is not touched.
pub(super) fn quiet_by(
    book: &RuleBook,
    draft: &Draft<'_>,
    key: &WarningKey,
    severity: Option<Severity>,
    now: Timestamp,
) -> Option<String> {
    let WarningKey::Automatic { hazard, governorate } = key else { return None };
    let covers =
        |one: &Silence| now < one.until && one.hazards.contains(hazard) && one.governorates.contains(governorate);
    let silence = draft.silences().filter(|(_, one)| covers(one)).max_by_key(|(_, one)| one.up_to);
    let by_silence = silence.map(|(number, one)| (one.up_to, format!("silence {number} of the people on duty")));
    let worse = book.inhibitions.iter().find(|one| {
        one.quiets.contains(hazard) && told_worst(draft, one.hazard, governorate, now) >= Some(one.severity)
    });
    let by_worse = worse.map(|one| (one.up_to, format!("a {} {} in force there", one.severity, one.hazard)));
    let (level, why) = by_silence.into_iter().chain(by_worse).max_by_key(|(level, _)| *level)?;
    let is_worse = draft.warning(key).is_some_and(|told| level < told.severity);
    (severity <= Some(level) && !is_worse).then_some(why)
}

/// The worst severity of a hazard that is told in a governorate and holds now, by the rules or by an authority.
fn told_worst(draft: &Draft<'_>, hazard: Hazard, governorate: &GovernorateId, now: Timestamp) -> Option<Severity> {
    let key = WarningKey::Automatic { hazard, governorate: governorate.clone() };
    let own = draft.warning(&key).filter(|told| told.onset <= now && now < told.until).map(|told| told.severity);
    own.max(super::automatic::spoken_severity(draft, hazard, governorate, now))
}
