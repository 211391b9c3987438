//! Rules: which metric, over which window, in which governorates, at which thresholds, is yellow, orange or red.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::governorate::GovernorateBook;
use crate::hazard::{Hazard, Severity};
use crate::ids::{FeedId, GovernorateId, RuleId};
use crate::reading::Basis;
use crate::time::{TimeDelta, Timestamp};
use crate::unit::{Metric, Unit};
use season::Seasons;

pub mod difference;
pub mod judge;
pub mod latch;
pub mod overrides;
mod rules;
pub mod season;

pub use overrides::{Changes, Override};
pub use rules::Rules;

/// How the values of a window become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statistic {
    /// All added up.
    Sum,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// The mean, each value for as long as it speaks for.
    Mean,
    /// How fast it goes, by the hour: what fell in the window, and of every other metric how much it changed from the beginning of
    /// the window to its end, through the length of the window.
    Rate,
}

impl Statistic {
    /// Every statistic.
    pub const ALL: [Self; 5] = [Self::Sum, Self::Max, Self::Min, Self::Mean, Self::Rate];

    /// Its name in TOML and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Max => "max",
            Self::Min => "min",
            Self::Mean => "mean",
            Self::Rate => "rate",
        }
    }
}

/// A stretch of time and what is made of the values in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// What is made of the values.
    pub statistic: Statistic,
    /// How long the stretch is.
    pub span: TimeDelta,
}

/// Which way is dangerous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The higher the worse: rain, wind, heat.
    AtLeast,
    /// The lower the worse: visibility, cold.
    AtMost,
}

impl Direction {
    /// True when a value has reached a threshold.
    pub fn reaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::AtLeast => threshold <= value,
            Self::AtMost => value <= threshold,
        }
    }
}

/// Which readings a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Only what was seen.
    Observed,
    /// Only what models say.
    Forecast,
    /// Either; each series is judged for itself.
    Any,
}

impl Sight {
    /// True when it looks at readings of this basis.
    pub fn takes(self, basis: Basis) -> bool {
        match self {
            Self::Observed => basis == Basis::Observed,
            Self::Forecast => basis == Basis::Forecast,
            Self::Any => true,
        }
    }
}

/// The thresholds of one severity, canonical.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// Of which severity.
    pub severity: Severity,
    /// Reached: the latch begins to rise.
    pub raise: f64,
    /// Not reached any more: the latch begins to ease. Never on the far side of `raise`.
    pub clear: f64,
}

/// A further condition that must hold over the same governorate and time.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What.
    pub metric: Metric,
    /// Over which window.
    pub window: Window,
    /// Which way.
    pub direction: Direction,
    /// From where, canonical; by the hour for a rate.
    pub threshold: f64,
    /// The unit it was written in, for people.
    pub unit: Unit,
}

/// How many voices must say that a threshold is reached before it counts as reached, each for itself within what the rule looks
/// at: its window, over all of its `look_ahead`. With fewer voices that can tell, nobody can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// So many different feeds; all stations of one feed are one voice.
    Feeds(usize),
    /// So many different stations, of whichever feed; a feed without stations is one voice.
    Stations(usize),
}

impl Agreement {
    /// How many voices are needed.
    pub fn count(self) -> usize {
        match self {
            Self::Feeds(count) | Self::Stations(count) => count,
        }
    }
}

/// Who may raise a severity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Voice {
    /// Whoever speaks on this basis.
    Basis(Basis),
    /// The feed of this name, and every feed of this kind.
    Named(String),
}

/// One rule, as meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name.
    pub id: RuleId,
    /// What it warns of.
    pub hazard: Hazard,
    /// What it looks at.
    pub metric: Metric,
    /// Over which window.
    pub window: Window,
    /// At which readings.
    pub sight: Sight,
    /// How far ahead a forecast window may end; zero looks at now only.
    pub look_ahead: TimeDelta,
    /// Which way is worse.
    pub direction: Direction,
    /// Mildest first; at least one.
    pub thresholds: Vec<Threshold>,
    /// The unit its thresholds were written in, for people.
    pub unit: Unit,
    /// How long a threshold must be reached before the latch closes.
    pub rise_after: TimeDelta,
    /// How long it must be clear before the latch opens.
    pub ease_after: TimeDelta,
    /// For how long on end every window must reach a threshold before it counts as reached; zero asks for one window alone.
    pub lasts: TimeDelta,
    /// The worst severity that a forecast alone may give, where `may_raise` does not speak of it.
    pub highest_from_forecast: Severity,
    /// Who alone may raise a severity. Whoever may not neither raises nor holds it, and its silence is not waited for.
    pub may_raise: BTreeMap<Severity, BTreeSet<Voice>>,
    /// How many must agree.
    pub agree: Agreement,
    /// Where it holds.
    pub governorates: BTreeSet<GovernorateId>,
    /// What must hold as well, all of it.
    pub also: Vec<Condition>,
    /// Of this at least one must hold as well, when there is any.
    pub either: Vec<Condition>,
    /// What is otherwise in some governorates or seasons; the last one that holds counts.
    pub overrides: Vec<Override>,
    /// Where its thresholds come from.
    pub source: String,
    /// The meteorologist who signed it off, when one has.
    pub signed_off_by: Option<String>,
    /// What staff wrote down for each other.
    pub notes: Option<String>,
}

impl Rule {
    /// Every further condition, of either kind.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.also.iter().chain(&self.either)
    }

    /// Every metric that it looks at.
    pub fn metrics(&self) -> impl Iterator<Item = Metric> {
        std::iter::once(self.metric).chain(self.conditions().map(|condition| condition.metric))
    }

    /// The mildest value at which any threshold clears: what does not reach it is surely clear of all.
    pub(crate) fn calm(&self) -> f64 {
        let clears = self.thresholds.iter().map(|threshold| threshold.clear);
        match self.direction {
            Direction::AtLeast => clears.fold(f64::INFINITY, f64::min),
            Direction::AtMost => clears.fold(f64::NEG_INFINITY, f64::max),
        }
    }

    /// True when what a feed says on a basis may raise a severity.
    pub fn may_raise(&self, severity: Severity, feed: &FeedId, kind: Option<&str>, basis: Basis) -> bool {
        match self.may_raise.get(&severity) {
            None => basis == Basis::Observed || severity <= self.highest_from_forecast,
            Some(voices) => voices.iter().any(|voice| match voice {
                Voice::Basis(of) => *of == basis,
                Voice::Named(name) => name == feed.as_str() || Some(name.as_str()) == kind,
            }),
        }
    }
}

/// How warnings live; from `nadhir.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarningTimes {
    /// How long an automatic warning is given for at once.
    pub validity: TimeDelta,
    /// How long before its end a warning that still holds is extended.
    pub extend_before: TimeDelta,
    /// How long a warning is kept alive without fresh data before it runs out, said as such.
    pub longest_silence: TimeDelta,
    /// How long after its making a message about an end (lifted, expired) may still be sent.
    pub end_notice: TimeDelta,
    /// How long a place where a hazard begins waits for others, so that they are told together; never one that is red.
    pub group_wait: TimeDelta,
    /// How soon after its end a severity comes back for that to count as to and fro; zero for never. See [`latch`].
    pub flap_within: TimeDelta,
}

/// All rules, with the governorates they speak of.
#[derive(Debug, Clone)]
pub struct RuleBook {
    /// Who issues: the prefix of bulletin numbers, `MKH`.
    pub code: String,
    /// Every rule, in the order of their files.
    pub rules: Rules,
    /// The governorates.
    pub governorates: Arc<GovernorateBook>,
    /// A number of all that places alerts: names, outlines. With another one, what could not be placed may be.
    pub gazetteer: u64,
    /// How warnings live.
    pub times: WarningTimes,
    /// What holds of each feed; a feed that is not here is not configured.
    pub feeds: BTreeMap<FeedId, FeedTerms>,
    /// The seasons that rules speak of.
    pub seasons: Seasons,
    /// What quiets what.
    pub inhibitions: Vec<Inhibition>,
}

/// While a hazard is told at a severity in a governorate, the rules begin nothing milder of others there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inhibition {
    /// What quiets others.
    pub hazard: Hazard,
    /// From which severity on.
    pub severity: Severity,
    /// What it quiets.
    pub quiets: BTreeSet<Hazard>,
    /// Up to which severity; never red.
    pub up_to: Severity,
}

impl RuleBook {
    /// The rules of a hazard as they hold in a governorate at a moment: those that are switched off there and then are left out.
    pub fn rules_for(&self, hazard: Hazard, governorate: &GovernorateId, now: Timestamp) -> Vec<Cow<'_, Rule>> {
        let own = self.rules.at(governorate).filter(|rule| rule.hazard == hazard);
        own.filter_map(|rule| rule.at(governorate, &self.seasons, now)).collect()
    }
}

/// What holds of one feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedTerms {
    /// Its kind: `open-meteo`, `metar`.
    pub kind: &'static str,
    /// How old its word may be and still count.
    pub stale_after: TimeDelta,
    /// How long an alert in one language alone waits for its twin in the other; never one that is red.
    pub twin_wait: TimeDelta,
    /// How long it may go without an answer that can be used before the people on duty hear of it.
    pub silent_after: TimeDelta,
    /// How long it may say nothing new; none when calm days bring nothing new, as with lists of alerts.
    pub new_within: Option<TimeDelta>,
    /// How old the newest thing that it speaks of may be; none when that says nothing.
    pub max_age: Option<TimeDelta>,
    /// The host that answers for it, when it is a single one: several feeds may have the same.
    pub server: Option<Arc<str>>,
}

impl FeedTerms {
    /// The terms of a feed that only has one clock: it may be silent for as long as its word counts.
    pub fn new(kind: &'static str, stale_after: TimeDelta) -> Self {
        Self {
            kind,
            stale_after,
            twin_wait: TimeDelta::zero(),
            silent_after: stale_after,
            new_within: None,
            max_age: None,
            server: None,
        }
    }
}
