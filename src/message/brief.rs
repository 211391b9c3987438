//! The short forms: what a post, a short message and a cell broadcast say, each within what it may hold.
//!
//! A text is a list of clauses. The first two, what threatens whom and what to do, are never shed, and no word is ever cut: a clause
//! has a longer and a shorter wording, or it is left out. Which ones have their way is decided by one order, the same for every
//! bulletin, so that the same bulletin always becomes the same text.

use serde::{Deserialize, Serialize};

use crate::bulletin::{Change, Origin};
use crate::language::Language;
use crate::language::clock::Edge;
use crate::language::direction::isolate;
use crate::language::measure::{BROADCAST, Measure, POST, for_telephones};
use crate::message::catalogue::Slot;
use crate::message::official::{self, Source};
use crate::message::telling::{Dates, Headlines, Telling, Told};
use crate::message::text::{RULE, Spoken};
use crate::message::wording::WordingError;
use crate::message::{area, automatic};

/// How many segments a short message in one language may take.
pub const SEGMENTS: usize = 4;

/// What a short form may hold, for each language by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// How its texts are counted.
    pub measure: Measure,
    /// How long they may be.
    pub limit: usize,
    /// Whether telephones write them, which lack some signs of print.
    is_for_telephones: bool,
}

impl Budget {
    /// One post on X.
    pub const POST: Self = Self { measure: Measure::Weighted, limit: POST, is_for_telephones: false };
    /// One short message of a few segments.
    pub const SMS: Self = Self { measure: Measure::Segments, limit: SEGMENTS, is_for_telephones: true };
    /// One message of a chat. Telegram takes 4096 letters and Discord as many; some of them double when marks are made harmless.
    pub const CHAT: Self = Self { measure: Measure::Utf16, limit: 4000, is_for_telephones: false };
    /// One message pushed to a telephone: ntfy takes less than 4096 bytes, and what is sealed for a browser has room for 3993.
    pub const PUSH: Self = Self { measure: Measure::Bytes, limit: 3990, is_for_telephones: false };
    /// One language within a notification of an app, as Firebase takes it: 2048 bytes hold two of them and what the app reads beside.
    pub const NOTE: Self = Self { measure: Measure::Bytes, limit: 800, is_for_telephones: false };
    /// One cell broadcast.
    pub const BROADCAST: Self = Self { measure: Measure::Broadcast, limit: BROADCAST, is_for_telephones: true };

    /// The same for each of so many languages that stand in one message.
    pub(super) fn shared(self, count: usize) -> Self {
        let between = self.measure.length(RULE) * count.saturating_sub(1);
        Self { limit: self.limit.saturating_sub(between) / count.max(1), ..self }
    }

    /// True when it holds a text.
    pub fn holds(&self, text: &str) -> bool {
        self.measure.length(text) <= self.limit
    }
}

/// The text of one language of a short form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// In which language.
    pub language: Language,
    /// The text: a headline, and a line for each further clause.
    pub text: String,
}

/// All parts as one line of JSON: `{"parts": [{"language": "ar", "text": "…"}]}`, in the order in which they are sent.
pub(super) fn whole(parts: &[Part]) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Whole { parts: parts.to_vec() })
}

/// The parts of a body of a short form; none of what is no such body.
pub fn read(body: &str) -> Vec<Part> {
    serde_json::from_str::<Whole>(body).map(|whole| whole.parts).unwrap_or_default()
}

#[derive(Serialize, Deserialize)]
struct Whole {
    parts: Vec<Part>,
}

/// The parts of all languages in one message.
pub(super) fn in_one(parts: &[Part]) -> String {
    parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(RULE)
}

/// What was put into words already, within a budget: its headline, and those of its paragraphs that there is room for.
pub(super) fn shortened(language: Language, spoken: &Spoken, budget: Budget) -> Part {
    let written = |text: &str| if budget.is_for_telephones { for_telephones(text) } else { text.to_owned() };
    let mut text = written(&spoken.headline);
    for paragraph in spoken.body.split("\n\n") {
        let longer = format!("{text}\n{}", written(paragraph));
        if budget.holds(&longer) {
            text = longer;
        }
    }
    Part { language, text }
}

/// What can be said in one place of a text, the shortest wording first.
struct Clause {
    wordings: Vec<String>,
    /// The wording that is said; none is.
    chosen: Option<usize>,
}

impl Clause {
    /// One that is never left out.
    fn kept(wordings: Vec<String>) -> Self {
        Self { wordings, chosen: Some(0) }
    }

    /// One that is said where there is room.
    fn spare(wordings: impl IntoIterator<Item = String>) -> Self {
        Self { wordings: wordings.into_iter().collect(), chosen: None }
    }

    fn said(&self) -> Option<&str> {
        self.chosen.and_then(|place| self.wordings.get(place)).map(String::as_str)
    }
}

/// The clauses in the order in which they stand in a text.
#[derive(Clone, Copy)]
enum Place {
    Head,
    Period,
    Silence,
    Action,
    Remarks,
    Left,
    Effects,
    Source,
    Emergency,
    Number,
}

/// How many places a text has.
const PLACES: usize = 10;

/// Who has a way first: a clause, and up to which of its wordings.
const ORDER: [(Place, usize); 14] = [
    (Place::Head, 1),
    (Place::Period, 0),
    (Place::Silence, 0),
    (Place::Source, 0),
    (Place::Remarks, 0),
    (Place::Left, 0),
    (Place::Effects, 0),
    (Place::Action, 1),
    (Place::Emergency, 0),
    (Place::Head, 2),
    (Place::Number, 0),
    (Place::Silence, 1),
    (Place::Period, 1),
    (Place::Number, 1),
];

/// Puts a bulletin into the words of one language, within a budget. Wording so long that even the two clauses which are never shed
/// do not fit is found by `nadhir check`; should it happen all the same, they are told whole.
pub(super) fn speak(telling: &Telling<'_>, budget: Budget) -> Result<Part, WordingError> {
    let (mut clauses, number) = (clauses(telling)?, telling.emergency_number());
    if budget.is_for_telephones {
        let wordings = clauses.iter_mut().flat_map(|clause| &mut clause.wordings);
        wordings.for_each(|text| *text = for_telephones(text));
    }
    for (place, wording) in ORDER {
        if clauses.get(place as usize).is_none_or(|clause| clause.wordings.len() <= wording) {
            continue;
        }
        // Who advises at length gives the number to call as well.
        if matches!(place, Place::Emergency) && is_advised(&clauses, &number) {
            continue;
        }
        let Some(clause) = clauses.get_mut(place as usize) else { continue };
        let before = clause.chosen.replace(wording);
        if !budget.holds(&text(&clauses))
            && let Some(clause) = clauses.get_mut(place as usize)
        {
            clause.chosen = before;
        }
    }
    Ok(Part { language: telling.language, text: text(&clauses) })
}

/// Whether the advice is told that names the number to call itself.
fn is_advised(clauses: &[Clause], number: &str) -> bool {
    clauses.get(Place::Action as usize).and_then(Clause::said).is_some_and(|said| said.contains(number))
}

fn text(clauses: &[Clause]) -> String {
    clauses.iter().filter_map(Clause::said).collect::<Vec<_>>().join("\n")
}

fn clauses(telling: &Telling<'_>) -> Result<[Clause; PLACES], WordingError> {
    let is_over = telling.bulletin.change.is_end();
    let silence = |telling: &Telling<'_>| match telling.bulletin.change {
        Change::Lifted | Change::Corrected => Ok(None),
        Change::Expired => telling.silence("body.no_data"),
        Change::Issued | Change::Raised | Change::Lowered | Change::Extended | Change::Updated => {
            telling.silence("brief.silent")
        }
    };
    let short = Telling { dates: Dates::Short, ..*telling };
    let effects = if is_over { String::new() } else { telling.by_hazard("effects", &[])? };
    let effects =
        (!effects.is_empty()).then(|| telling.say("body.effects", &[(Slot::Effects, &effects)])).transpose()?;
    let emergency = telling.emergency_number();
    let emergency =
        if is_over { None } else { Some(telling.say("brief.emergency", &[(Slot::EmergencyNumber, &emergency)])?) };
    Ok([
        Clause::kept(heads(telling)?),
        Clause::spare([period(&short)?, period(telling)?]),
        Clause::spare(silence(&short)?.into_iter().chain(silence(telling)?)),
        Clause::kept(actions(telling)?),
        Clause::spare(telling.remarks()),
        Clause::spare(telling.partings()?.into_iter().reduce(|one, other| format!("{one} {other}"))),
        Clause::spare(effects),
        Clause::spare([source(telling)?]),
        Clause::spare(emergency),
        Clause::spare(numbers(telling)?),
    ])
}

/// What threatens whom: by the number of places alone, by their names, and in an authority's own words.
pub(super) fn heads(telling: &Telling<'_>) -> Result<Vec<String>, WordingError> {
    let section = Headlines::of(telling);
    let counted = area::counted(telling, &telling.bulletin.areas)?;
    let named = telling.areas(&telling.bulletin.areas)?;
    let mut heads = vec![telling.headline_of(section, &counted)?, telling.headline_of(section, &named)?];
    if let Origin::Official { identity, words, .. } = &telling.bulletin.origin {
        heads.push(official::headline(telling, Source { identity, words })?);
    }
    heads.into_iter().map(|head| telling.marked(head)).collect()
}

/// What to do: in few words, and where there is room in more of them. What an authority says itself is told in its own words.
pub(super) fn actions(telling: &Telling<'_>) -> Result<Vec<String>, WordingError> {
    let emergency = telling.emergency_number();
    match telling.bulletin.change {
        Change::Lifted => Ok(vec![telling.say("brief.lifted", &[])?]),
        Change::Expired => Ok(vec![telling.say("brief.expired", &[])?]),
        Change::Corrected => {
            let action = telling.say("brief.corrected", &[])?;
            let longer = telling.reason()?.map(|reason| format!("{action} {reason}"));
            Ok(std::iter::once(action).chain(longer).collect())
        }
        Change::Issued | Change::Raised | Change::Lowered | Change::Extended | Change::Updated => {
            let mut actions = vec![telling.by_hazard("action", &[])?];
            match &telling.bulletin.origin {
                Origin::Automatic { .. } | Origin::Desk => {
                    actions.push(telling.by_hazard("advice", &[(Slot::EmergencyNumber, &emergency)])?);
                }
                Origin::Official { words, .. } => actions.extend(official::instruction(words, telling.language)),
            }
            Ok(actions)
        }
    }
}

fn period(telling: &Telling<'_>) -> Told {
    if telling.bulletin.change == Change::Corrected {
        let at = telling.moment(telling.bulletin.until, Edge::End)?;
        telling.say("brief.withdrawn", &[(Slot::Ended, &at)])
    } else if telling.bulletin.change.is_end() {
        let ended = telling.moment(telling.bulletin.until, Edge::End)?;
        telling.say("brief.ended", &[(Slot::Ended, &ended)])
    } else {
        telling.say("brief.period", &[(Slot::Period, &telling.period()?)])
    }
}

/// Who says so.
fn source(telling: &Telling<'_>) -> Told {
    match &telling.bulletin.origin {
        Origin::Official { identity, words, .. } => {
            let authority = Source { identity, words }.authority(telling.language);
            if telling.bulletin.change == Change::Corrected {
                official::relayed_before(telling, &authority)
            } else {
                telling.say("notice.relayed", &[(Slot::Authority, &authority)])
            }
        }
        Origin::Automatic { .. } if telling.issuer.may_warn => {
            let issuer = telling.issuer.name.get(telling.language);
            telling.say("notice.issuer", &[(Slot::Issuer, issuer), (Slot::Sources, "")])
        }
        Origin::Automatic { .. } | Origin::Desk => automatic::source(telling),
    }
}

/// Which bulletin it is: by its name alone, and in words.
pub(super) fn numbers(telling: &Telling<'_>) -> Result<Vec<String>, WordingError> {
    let name = isolate(telling.language, telling.bulletin.id.as_str());
    Ok(vec![name, telling.number()?])
}
