//! What a card says: its clauses, each with a shorter and a longer wording, and which of them there is room for.
//!
//! What threatens whom, when, what to do and who says so always stand on a card; where even they do not fit, there is no card. The
//! rest goes by the order of the short forms, and is only taken in where the letters need not become smaller for it.

use super::Size;
use super::code::Code;
use super::letters::{Text, Weight, can_write};
use super::look::Tone;
use super::map::Spot;
use super::sheet::{SMALLEST, Sheet, USUAL};
use crate::hazard::Hazard;
use crate::language::Language;

/// Where something stands on a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The governorates.
    Where,
    /// From when until when, or when it ended.
    Period,
    /// That there are no fresh data.
    Silence,
    /// The headline that an authority gave.
    Quote,
    /// What to do.
    Action,
    /// The places that were left or parted.
    Left,
    /// What comes along.
    Effects,
    /// Who says so.
    Source,
    /// The number to call.
    Emergency,
    /// Which bulletin it is.
    Number,
}

impl Place {
    /// Those of the column beside the map, from above.
    pub(super) const COLUMN: [Self; 7] =
        [Self::Where, Self::Period, Self::Silence, Self::Quote, Self::Action, Self::Left, Self::Effects];

    /// Its name in an SVG.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Where => "where",
            Self::Period => "period",
            Self::Silence => "silence",
            Self::Quote => "quote",
            Self::Action => "action",
            Self::Left => "left",
            Self::Effects => "effects",
            Self::Source => "source",
            Self::Emergency => "emergency",
            Self::Number => "number",
        }
    }

    fn weight(self, wording: usize) -> Weight {
        match self {
            Self::Where | Self::Emergency => Weight::Bold,
            // Advice at length is read, not seen.
            Self::Action if wording == 0 => Weight::Bold,
            Self::Action
            | Self::Period
            | Self::Silence
            | Self::Quote
            | Self::Left
            | Self::Effects
            | Self::Source
            | Self::Number => Weight::Regular,
        }
    }
}

/// How many places there are.
const PLACES: usize = 10;

/// Who has a way first: a place, from which of its wordings on, and how small letters may become for it.
const ORDER: [(Place, usize, f64); 14] = [
    (Place::Where, 1, SMALLEST),
    (Place::Silence, 0, SMALLEST),
    (Place::Left, 0, SMALLEST),
    (Place::Number, 0, SMALLEST),
    (Place::Emergency, 0, 0.86),
    (Place::Source, 1, 0.86),
    (Place::Quote, 0, USUAL),
    (Place::Period, 1, USUAL),
    (Place::Action, 1, USUAL),
    (Place::Effects, 0, USUAL),
    (Place::Silence, 1, USUAL),
    (Place::Number, 1, USUAL),
    (Place::Left, 1, USUAL),
    (Place::Source, 2, USUAL),
];

/// One clause of a card.
#[derive(Debug)]
pub(super) struct Clause {
    place: Place,
    wordings: Vec<(String, Text)>,
    /// The wording that is said; none is.
    chosen: Option<usize>,
}

impl Clause {
    /// The wordings of a place, the shortest first; those that cannot be written are left out. `bound` says where no line may end.
    pub(super) fn new(language: Language, place: Place, wordings: Vec<String>, bound: impl Fn(&str) -> String) -> Self {
        let mut kept: Vec<(String, Text)> = Vec::new();
        for wording in wordings.into_iter().filter(|wording| can_write(wording)) {
            if kept.iter().all(|(known, _)| *known != wording) {
                let text = Text::new(language, place.weight(kept.len()), &bound(&wording));
                kept.push((wording, text));
            }
        }
        Self { place, wordings: kept, chosen: None }
    }

    /// The wording that is said.
    pub(super) fn said(&self) -> Option<&str> {
        self.chosen.and_then(|wording| self.wordings.get(wording)).map(|(text, _)| text.as_str())
    }
}

/// All that stands on a card.
pub(super) struct Says<'a> {
    pub(super) language: Language,
    pub(super) tone: Tone,
    pub(super) hazard: Hazard,
    /// The words that mark what is not meant, in this language and in the other one; none for what is meant.
    pub(super) banners: Vec<Text>,
    /// The level in words.
    pub(super) level: Text,
    /// What happened to a warning that was told before.
    pub(super) tag: Option<Text>,
    /// What threatens.
    pub(super) title: Text,
    /// The labels of the governorates, of the time and of what to do.
    pub(super) labels: [Text; 3],
    /// By [`Place`].
    pub(super) clauses: Vec<Clause>,
    /// The code that leads to where the bulletin can be read.
    pub(super) code: Option<Code>,
    /// Every place of the region.
    pub(super) spots: Vec<Spot<'a>>,
    /// Whose the outlines are.
    pub(super) credit: Option<Text>,
}

impl Says<'_> {
    /// What is said at a place, to be drawn.
    pub(super) fn text(&self, place: Place) -> Option<&Text> {
        let clause = self.clause(place)?;
        clause.wordings.get(clause.chosen?).map(|(_, text)| text)
    }

    /// What is said at a place, in words.
    pub(super) fn said(&self, place: Place) -> Option<&str> {
        self.clause(place)?.said()
    }

    /// The label of a place.
    pub(super) fn label(&self, place: Place) -> Option<&Text> {
        let [places, period, action] = &self.labels;
        match place {
            Place::Where => Some(places),
            Place::Period => Some(period),
            Place::Action => Some(action),
            Place::Silence
            | Place::Quote
            | Place::Left
            | Place::Effects
            | Place::Source
            | Place::Emergency
            | Place::Number => None,
        }
    }

    fn clause(&self, place: Place) -> Option<&Clause> {
        self.clauses.iter().find(|clause| clause.place == place)
    }

    /// Decides what is said: what a card always says, and then what there is room for. False when even the former does not fit.
    pub(super) fn choose(&mut self, size: Size) -> bool {
        debug_assert_eq!(self.clauses.len(), PLACES, "every place has a clause, if an empty one");
        for place in [Place::Where, Place::Period, Place::Action, Place::Source] {
            if !self.set(place, 0) {
                return false;
            }
        }
        let Some(mut scale) = Sheet::new(self, size).fit() else { return false };
        for (place, from, least) in ORDER {
            let count = self.clause(place).map_or(0, |clause| clause.wordings.len());
            // Longer and longer: all from this one on, except where a later turn asks for more of the same place.
            let last = if matches!(place, Place::Where) { count } else { count.min(from + 1) };
            for wording in from..last {
                let before = self.clause(place).and_then(|clause| clause.chosen);
                self.set(place, wording);
                match Sheet::new(self, size).fit() {
                    // What takes no room from the column does not make it smaller.
                    Some(now) if least <= now + TOLERANCE || scale <= now + TOLERANCE => scale = now,
                    Some(_) | None => self.reset(place, before),
                }
            }
        }
        true
    }

    fn set(&mut self, place: Place, wording: usize) -> bool {
        let clause = self.clauses.iter_mut().find(|clause| clause.place == place && wording < clause.wordings.len());
        clause.map(|clause| clause.chosen = Some(wording)).is_some()
    }

    fn reset(&mut self, place: Place, chosen: Option<usize>) {
        if let Some(clause) = self.clauses.iter_mut().find(|clause| clause.place == place) {
            clause.chosen = chosen;
        }
    }
}

/// By how much scales may differ and still be the same.
const TOLERANCE: f64 = 1e-6;
