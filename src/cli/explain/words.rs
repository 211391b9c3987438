//! The words of an explanation: values, windows, times and reasons, as short as a sentence allows.

use chrono_tz::Tz;

use crate::ids::FeedId;
use crate::reading::Basis;
use crate::rule::Statistic;
use crate::rule::judge::account::{Account, Doubt, Gap, Hold, Told, Verdict, VoiceAccount, Way, WindowAccount};
use crate::time::{TimeDelta, Timestamp, span_text};

/// The clock on the reader's wall.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) zone: Tz,
    pub(super) now: Timestamp,
}

impl Clock {
    /// The time of a moment, with its day when it is not today.
    pub(super) fn time(self, moment: Timestamp) -> String {
        let (local, now) = (moment.with_timezone(&self.zone), self.now.with_timezone(&self.zone));
        let form = if local.date_naive() == now.date_naive() { "%H:%M" } else { "%F %H:%M" };
        local.format(form).to_string()
    }

    /// The time of a moment of today, with its second.
    pub(super) fn second(self, moment: Timestamp) -> String {
        moment.with_timezone(&self.zone).format("%T").to_string()
    }

    /// The day and time of a moment.
    pub(super) fn day_and_time(self, moment: Timestamp) -> String {
        moment.with_timezone(&self.zone).format("%F %H:%M").to_string()
    }

    /// The end of a window: plainly now, or the time.
    pub(super) fn end(self, moment: Timestamp) -> String {
        if moment == self.now { "now".to_owned() } else { format!("until {}", self.time(moment)) }
    }

    pub(super) fn between(self, from: Timestamp, to: Timestamp) -> String {
        format!("{} to {}", self.time(from), self.time(to))
    }
}

/// A value with its unit; a code has none.
pub(super) fn amount(value: f64, unit: &str) -> String {
    // Nothing is plain zero.
    let value = value + 0.0;
    if unit.is_empty() { value.to_string() } else { format!("{value} {unit}") }
}

/// What a value is of: `in 1h`, `the most in 1h`.
pub(super) fn over(statistic: Statistic, window: TimeDelta) -> String {
    let span = span_text(window);
    match statistic {
        Statistic::Sum => format!("in {span}"),
        Statistic::Max => format!("at the most in {span}"),
        Statistic::Min => format!("at the least in {span}"),
        Statistic::Mean => format!("on average over {span}"),
        Statistic::Rate => format!("over {span}"),
    }
}

/// What is known of a value that lies between two bounds.
pub(super) fn bounds(least: Option<f64>, most: Option<f64>, unit: &str) -> String {
    match (least, most) {
        (Some(least), Some(most)) if least == most => amount(least, unit),
        (Some(least), Some(most)) => format!("{} to {}", amount(least, ""), amount(most, unit)),
        (Some(least), None) => format!("at least {}", amount(least, unit)),
        (None, Some(most)) => format!("at most {}", amount(most, unit)),
        (None, None) => "not known".to_owned(),
    }
}

/// The value of a window.
pub(super) fn value(window: &WindowAccount, unit: &str) -> String {
    let text = bounds(window.least, window.most, unit);
    match (window.has_values, window.is_over) {
        (false, _) => "no value".to_owned(),
        (true, true) => format!("{text}, over"),
        (true, false) => text,
    }
}

/// Who speaks: the station and its feed, or the feed.
pub(super) fn speaker(feed: &FeedId, station: Option<&str>) -> String {
    station.map_or_else(|| feed.to_string(), |station| format!("{station} ({feed})"))
}

pub(super) fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Observed => "observed",
        Basis::Forecast => "forecast",
    }
}

pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Reached => "reached",
        Verdict::Between => "between",
        Verdict::Clear => "clear",
        Verdict::Unknown => "nobody can tell",
    }
}

pub(super) fn told(told: Told) -> &'static str {
    match told {
        Told::Yes => "yes",
        Told::No => "no",
        Told::Unknown => "nobody can tell",
    }
}

/// Which way a threshold lies, in words.
pub(super) fn way(way: Way) -> &'static str {
    match way {
        Way::AtLeast => "at least",
        Way::AtMost => "at most",
    }
}

/// More, or less where that is worse.
pub(super) fn worse(way: Way) -> &'static str {
    match way {
        Way::AtLeast => "more",
        Way::AtMost => "less",
    }
}

/// Why nobody can tell; `voice` is of whom, where it is of one alone.
pub(super) fn doubt(doubt: &Doubt, account: &Account, voice: Option<&VoiceAccount>, clock: Clock) -> String {
    let metric = account.metric.name();
    let gap = |gap: &Gap| clock.between(gap.from, gap.to);
    match doubt {
        Doubt::NoSeries => format!("no feed has given {metric} here"),
        Doubt::AllDead => format!("all that is known of {metric} here is too old to count at all"),
        Doubt::NobodyMayRaise => "none of the feeds that speak may raise it".to_owned(),
        Doubt::TooFew { needed, can_tell } => format!("{needed} must agree and only {can_tell} can tell"),
        Doubt::Stale => match voice.and_then(|voice| Some((voice.heard, voice.counts_until?))) {
            Some((heard, until)) => {
                format!("its last word is of {} and counted until {}", clock.time(heard), clock.time(until))
            }
            None => "its last word is too old".to_owned(),
        },
        Doubt::Frozen => "its feed answers and has had nothing new for too long".to_owned(),
        Doubt::Stranger => "its feed is not enabled any more".to_owned(),
        Doubt::NoValues { window } => format!("it has no value for {}", gap(window)),
        Doubt::Missing { gap: missing } => format!("it has no value from {}", gap(missing)),
        Doubt::Range { least, most } => format!(
            "it lies somewhere in {}: its values speak for longer than the window",
            bounds(*least, *most, &account.unit)
        ),
        Doubt::Condition { metric } => format!("nobody can tell whether {metric} is as the rule asks"),
        Doubt::Withdrawn => "it has taken back what it had said of an hour ahead".to_owned(),
    }
}

/// What holds a severity back.
pub(super) fn hold(hold: &Hold) -> String {
    match hold {
        Hold::Over => "what fell has ended".to_owned(),
        Hold::Condition { metric, holds: Told::No } => format!("{metric} is not as the rule asks"),
        Hold::Condition { metric, holds: Told::Yes | Told::Unknown } => {
            format!("nobody can tell whether {metric} is as the rule asks")
        }
        Hold::Lasts => "it has not lasted for as long as the rule asks".to_owned(),
        Hold::MayNotRaise => "who says so may not raise it".to_owned(),
        Hold::TooFew { needed, say } => format!("{needed} must agree and only {say} reached it"),
    }
}
