//! A CAP document as it was read: its own words and dates, before anything is made of them. Nothing here is guessed but the two
//! values that the standard itself gives to what is left out: the language and, for `sent`, nothing at all.
//!
//! Source: OASIS Common Alerting Protocol 1.2, 2010, section 3.2.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::when::Moment;
use crate::ids::GovernorateId;

/// The language of an info that does not say it (3.2.2).
pub const DEFAULT_LANGUAGE: &str = "en-US";

/// Text of the document, trimmed.
pub type Text<'a> = Cow<'a, str>;

/// One `alert` element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapAlert<'a> {
    /// Its name at the sender.
    pub identifier: Text<'a>,
    /// Who sent it.
    pub sender: Text<'a>,
    /// When.
    pub sent: Moment<'a>,
    /// Who it is meant for, as written.
    pub status: Option<Text<'a>>,
    /// What it does to others, as written.
    pub msg_type: Option<Text<'a>>,
    /// Who may see it, as written.
    pub scope: Option<Text<'a>>,
    /// The alerts that it speaks of, as written.
    pub references: Option<Text<'a>>,
    /// Why, where it is a drill or an error.
    pub note: Option<Text<'a>>,
    /// What its envelope says of it when that is another thing: `distributionStatus` of EDXL-DE.
    pub envelope: Option<Text<'a>>,
    /// What it says, for each language, hazard and time.
    pub infos: Vec<CapInfo<'a>>,
    /// A number of all that it says, whatever its prefix, indent and way here; never 0.
    pub fingerprint: u64,
    /// What is wrong with it beside its infos.
    pub defects: Vec<String>,
}

/// One `info` element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CapInfo<'a> {
    /// Its language as written; none when it is left out or empty, which is [`DEFAULT_LANGUAGE`] by the standard.
    pub language: Option<Text<'a>>,
    /// What happens.
    pub event: Option<Text<'a>>,
    /// Of what kind that is: `Met`.
    pub categories: Vec<Text<'a>>,
    /// What to do: `Shelter`, `AllClear`.
    pub responses: Vec<Text<'a>>,
    /// How soon.
    pub urgency: Option<Text<'a>>,
    /// How grave.
    pub severity: Option<Text<'a>>,
    /// How sure.
    pub certainty: Option<Text<'a>>,
    /// From when on it counts.
    pub effective: Option<Moment<'a>>,
    /// When the danger begins.
    pub onset: Option<Moment<'a>>,
    /// When it is over.
    pub expires: Option<Moment<'a>>,
    /// Who speaks.
    pub sender_name: Option<Text<'a>>,
    /// The headline.
    pub headline: Option<Text<'a>>,
    /// The description.
    pub description: Option<Text<'a>>,
    /// The instruction.
    pub instruction: Option<Text<'a>>,
    /// Where there is more.
    pub web: Option<Text<'a>>,
    /// MeteoAlarm's `awareness_level`.
    pub awareness: Option<Text<'a>>,
    /// Where.
    pub areas: Vec<CapArea<'a>>,
    /// What is wrong with it.
    pub defects: Vec<String>,
}

impl CapInfo<'_> {
    /// True when it says that the danger is over.
    pub fn is_clear(&self) -> bool {
        self.responses.iter().any(|response| response.eq_ignore_ascii_case("AllClear"))
    }
}

/// One `area` element, and where it was placed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CapArea<'a> {
    /// Its description.
    pub description: Option<Text<'a>>,
    /// The governorates that its names, shapes and geocodes mean.
    pub governorates: BTreeSet<GovernorateId>,
    /// What could not be placed and is for staff to look at.
    pub unplaced: Vec<String>,
    /// True when it is of another place altogether: its shapes lie far from the region, and no name of the region is in it.
    pub is_elsewhere: bool,
    /// How many polygons it has.
    pub polygons: usize,
    /// How many circles.
    pub circles: usize,
    /// How many geocodes.
    pub geocodes: usize,
}
