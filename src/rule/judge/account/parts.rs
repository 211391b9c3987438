//! What an account is made of: plain values in the unit that the rule is written in, for people and for JSON.

use serde::Serialize;

use super::super::{Seen, Sighting};
use crate::hazard::Severity;
use crate::ids::FeedId;
use crate::reading::Basis;
use crate::rule::{Direction, Statistic};
use crate::time::{TimeDelta, Timestamp, seconds};
use crate::unit::{Metric, Unit};

/// The unit that values are told in: that of the thresholds, by the hour for a rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    unit: Unit,
    is_rate: bool,
}

impl Scale {
    pub(super) fn new(unit: Unit, statistic: Statistic) -> Self {
        Self { unit, is_rate: statistic == Statistic::Rate }
    }

    /// A canonical value.
    pub(super) fn told(self, canonical: f64) -> f64 {
        let offset = if self.is_rate { self.unit.from_canonical(0.0) } else { 0.0 };
        ((self.unit.from_canonical(canonical) - offset) * 1000.0).round() / 1000.0
    }

    /// A canonical value, unless there is none.
    pub(super) fn told_if_known(self, canonical: f64) -> Option<f64> {
        canonical.is_finite().then(|| self.told(canonical))
    }

    /// How far two canonical values are apart; never told as nothing when they differ.
    pub(super) fn apart(self, one: f64, other: f64) -> f64 {
        let apart = (self.unit.from_canonical(one) - self.unit.from_canonical(other)).abs();
        (apart * 1000.0 - 1e-6).ceil() / 1000.0
    }

    pub(super) fn symbol(self) -> String {
        let symbol = if self.unit == Unit::Code { "" } else { self.unit.symbol() };
        if self.is_rate { format!("{symbol}/h") } else { symbol.to_owned() }
    }
}

/// What a rule sees of a severity, or a series does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The threshold is reached.
    Reached,
    /// It is not, and not surely clear.
    Between,
    /// It is surely clear.
    Clear,
    /// Nobody can tell.
    Unknown,
}

impl Verdict {
    /// What was seen, without where.
    pub(super) fn of(seen: &Seen) -> Self {
        match seen {
            Seen::Reached(_) => Self::Reached,
            Seen::Between => Self::Between,
            Seen::Clear => Self::Clear,
            Seen::Unknown => Self::Unknown,
        }
    }
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// Nobody can tell.
    Unknown,
}

/// Which way is dangerous, as it is written in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The higher the worse.
    AtLeast,
    /// The lower the worse.
    AtMost,
}

impl From<Direction> for Way {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::AtLeast => Self::AtLeast,
            Direction::AtMost => Self::AtMost,
        }
    }
}

/// The account of a rule at a governorate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Account {
    /// What it looks at.
    pub metric: Metric,
    /// What is made of the values in the window.
    pub statistic: Statistic,
    /// How long the window is.
    #[serde(with = "seconds", rename = "window_s")]
    pub window: TimeDelta,
    /// How far ahead a forecast counts.
    #[serde(with = "seconds", rename = "look_ahead_s")]
    pub look_ahead: TimeDelta,
    /// Which way is dangerous.
    pub way: Way,
    /// The unit of every value and threshold of the rule's own metric.
    pub unit: String,
    /// The unit of single readings, which are no rates.
    pub reading_unit: String,
    /// How many feeds or stations must agree.
    pub needed: usize,
    /// What is seen of each severity, mildest first.
    pub severities: Vec<SeverityAccount>,
    /// Every series that the rule looks at.
    pub voices: Vec<VoiceAccount>,
}

/// What a rule sees of one severity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeverityAccount {
    /// Which.
    pub severity: Severity,
    /// From where on.
    pub raise: f64,
    /// From where on it is not clear.
    pub clear: f64,
    /// What is seen.
    pub verdict: Verdict,
    /// The value that reached it.
    pub by: Option<Reaching>,
    /// What of all series together keeps anybody from telling; what keeps each from it stands with the series.
    pub why: Vec<Doubt>,
    /// How much is lacking for it to be reached.
    pub lacks: Option<Lack>,
    /// What holds it back although the value is there.
    pub held_back: Vec<Hold>,
}

/// A value that reached a threshold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reaching {
    /// From whom.
    pub feed: FeedId,
    /// Which station.
    pub station: Option<String>,
    /// Seen or computed.
    pub basis: Basis,
    /// The value.
    pub value: f64,
    /// The end of its window.
    pub at: Timestamp,
    /// When what it speaks of begins.
    pub begins: Timestamp,
    /// When that ends.
    pub ends: Timestamp,
}

impl Reaching {
    pub(super) fn of(sighting: &Sighting, scale: Scale) -> Self {
        Self {
            feed: sighting.key.feed.clone(),
            station: sighting.key.station.as_deref().map(str::to_owned),
            basis: sighting.key.basis,
            value: scale.told(sighting.value),
            at: sighting.at,
            begins: sighting.begins,
            ends: sighting.ends,
        }
    }
}

/// How much is lacking to a threshold, by the series that is the nearest to it (of those that must agree, the last one needed).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lack {
    /// How much more, or how much less where less is worse.
    pub by: f64,
    /// Of which feed.
    pub feed: FeedId,
    /// Of which station.
    pub station: Option<String>,
    /// Of the window that ends then.
    pub at: Timestamp,
}

/// Whether what a series says counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It does.
    Fresh,
    /// It is too old: nobody can tell by it.
    Stale,
    /// Its feed goes on answering and has nothing new to say.
    Frozen,
    /// Its feed is not configured or not enabled.
    Stranger,
    /// It was not heard for so long that it has no say any more.
    Dead,
}

/// One series that a rule looks at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VoiceAccount {
    /// From whom.
    pub feed: FeedId,
    /// Which station.
    pub station: Option<String>,
    /// Seen or computed.
    pub basis: Basis,
    /// Whether it counts.
    pub standing: Standing,
    /// When it was last heard of.
    pub heard: Timestamp,
    /// Until when that counts; none when its feed is not configured.
    pub counts_until: Option<Timestamp>,
    /// The window that ends now.
    pub now: WindowAccount,
    /// The worst window ahead, when another one than that.
    pub ahead: Option<WindowAccount>,
    /// True when a forecast has taken back an hour that the rule looks at.
    pub is_withdrawn: bool,
    /// What it says of each severity, mildest first; nothing when it has no say.
    pub says: Vec<Says>,
    /// Its last readings up to now, or of the shown window ahead, newest last.
    pub readings: Vec<Point>,
}

/// What a series says of one severity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Says {
    /// Which.
    pub severity: Severity,
    /// What it says.
    pub verdict: Verdict,
    /// Whether it may raise it.
    pub may_raise: bool,
    /// Why it cannot tell.
    pub why: Vec<Doubt>,
    /// What holds the severity back although the value is there.
    pub held_back: Vec<Hold>,
}

/// What a window holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WindowAccount {
    /// Its end.
    pub at: Timestamp,
    /// The least that its value can be; none when that has no bound or nothing is known.
    pub least: Option<f64>,
    /// The most that it can be.
    pub most: Option<f64>,
    /// True when there is any value in it.
    pub has_values: bool,
    /// What of it nobody speaks for.
    pub gaps: Vec<Gap>,
    /// True when what fell in it has ended.
    pub is_over: bool,
    /// The further conditions of the rule, for the same time.
    pub conditions: Vec<ConditionAccount>,
}

/// A stretch of time that nobody speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

/// A further condition over one window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConditionAccount {
    /// True when it is one of several of which one is enough.
    pub is_either: bool,
    /// What it looks at.
    pub metric: Metric,
    /// What is made of the values.
    pub statistic: Statistic,
    /// How long its window is.
    #[serde(with = "seconds", rename = "window_s")]
    pub window: TimeDelta,
    /// Which way it holds.
    pub way: Way,
    /// From where on.
    pub threshold: f64,
    /// The unit of its values.
    pub unit: String,
    /// Whether it holds.
    pub holds: Told,
    /// By whom that is known.
    pub values: Vec<ConditionValue>,
}

/// What one series says of a condition.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConditionValue {
    /// From whom.
    pub feed: FeedId,
    /// Which station.
    pub station: Option<String>,
    /// The least that the value can be.
    pub least: Option<f64>,
    /// The most.
    pub most: Option<f64>,
    /// True when it is too old to count.
    pub is_stale: bool,
    /// Whether the condition holds by it.
    pub holds: Told,
}

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// The end of the time that it speaks for.
    pub at: Timestamp,
    /// How long that is.
    #[serde(with = "seconds", rename = "covers_s")]
    pub covers: TimeDelta,
    /// Its value.
    pub value: f64,
}

/// Why nobody can tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Doubt {
    /// No feed has given anything.
    NoSeries,
    /// All that was given is so old that it has no say any more.
    AllDead,
    /// None of those that have a say may raise it, and they do not say that all is clear.
    NobodyMayRaise,
    /// Fewer can tell than must agree.
    TooFew {
        /// How many must.
        needed: usize,
        /// How many can tell.
        can_tell: usize,
    },
    /// Its word is too old.
    Stale,
    /// Its feed answers and has nothing new to say.
    Frozen,
    /// Its feed is not configured or not enabled.
    Stranger,
    /// A window has no value at all.
    NoValues {
        /// Which.
        window: Gap,
    },
    /// A part of a window has no value.
    Missing {
        /// Which.
        gap: Gap,
    },
    /// The values speak for times that reach out of the window: it is not known how much of it fell within.
    Range {
        /// The least that it can be.
        least: Option<f64>,
        /// The most.
        most: Option<f64>,
    },
    /// Nobody can tell whether a further condition holds.
    Condition {
        /// Of which metric.
        metric: Metric,
    },
    /// A forecast has taken back what it had said of an hour.
    Withdrawn,
}

/// What holds a severity back although its value is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Hold {
    /// What fell has ended.
    Over,
    /// A further condition does not hold, or nobody can tell.
    Condition {
        /// Of which metric.
        metric: Metric,
        /// Whether it holds.
        holds: Told,
    },
    /// It has not lasted for as long as the rule asks, or that is not known.
    Lasts,
    /// Who says so may not raise it.
    MayNotRaise,
    /// Fewer say so than must agree.
    TooFew {
        /// How many must.
        needed: usize,
        /// How many say so.
        say: usize,
    },
}
