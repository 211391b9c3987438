//! The limits of a feed's three clocks: how long it may go unheard, how long without news, and how old its news may be.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::feeds::out_of_range;
use crate::schedule::Schedule;
use crate::table::{Found, Table};
use crate::time::{TimeDelta, Timestamp, span_text};
use crate::unit::Metric;

/// What each limit may be.
pub const LIMITS: RangeInclusive<TimeDelta> = TimeDelta::seconds(30)..=TimeDelta::days(30);

/// How many times in a row a feed may be missed before that is told, when it does not say.
pub const MISSED: i32 = 3;

/// What a feed of readings may take at least to say something new when it does not say: global models run every six hours.
pub const LEAST_NEW_WITHIN: TimeDelta = TimeDelta::hours(12);

/// How many runs of a schedule are looked at to find the longest time between two.
const RUNS_LOOKED_AT: usize = 200;

/// The keys of the limits.
pub(super) const KEYS: [&str; 3] = ["silent_after", "new_within", "max_age"];

/// The limits as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockLimits {
    /// How long the feed may go without an answer that can be used.
    pub silent_after: TimeDelta,
    /// How long it may say nothing new; none when it is not asked for and cannot be told.
    pub new_within: Option<TimeDelta>,
    /// How old the newest thing that it speaks of may be.
    pub max_age: Option<TimeDelta>,
}

/// The longest time between two runs, as far as the next ones tell.
pub fn interval(schedule: &Schedule) -> TimeDelta {
    match schedule {
        Schedule::Every(every) => *every,
        Schedule::Cron(..) => {
            let runs: Vec<Timestamp> = schedule.runs_after(Timestamp::UNIX_EPOCH).take(RUNS_LOOKED_AT).collect();
            let gaps = runs.iter().zip(runs.iter().skip(1)).map(|(run, next)| *next - *run);
            gaps.max().unwrap_or(TimeDelta::days(1))
        }
    }
}

/// Reads the limits of a feed.
pub(super) fn read(table: &Table<'_>, schedule: &Schedule) -> ClockLimits {
    let interval = interval(schedule);
    let missed = interval.checked_mul(MISSED).map_or(*LIMITS.end(), |span| span.clamp(*LIMITS.start(), *LIMITS.end()));
    let silent_after = limit(table, "silent_after", Some(interval));
    if let Some(found) = silent_after.as_ref().filter(|found| missed < found.value) {
        let message = format!(
            "`silent_after` is longer than {MISSED} times the time between two runs ({}): the people on duty hear late that \
             `{}` is silent",
            span_text(interval),
            table.name()
        );
        table.warning(&found.span, message, Some(format!("leave it out to mean {}", span_text(missed))));
    }
    let new_within = limit(table, "new_within", Some(interval));
    let max_age = limit(table, "max_age", None);
    ClockLimits {
        silent_after: silent_after.map_or(missed, |found| found.value),
        new_within: new_within.map(|found| found.value),
        max_age: max_age.map(|found| found.value),
    }
}

/// Gives a feed of readings the usual limit for news when it has said none; lists of alerts have none, since calm days bring
/// nothing new, nor has what does not say what it gives.
pub(super) fn complete(limits: ClockLimits, schedule: &Schedule, gives: Option<BTreeSet<Metric>>) -> ClockLimits {
    let missed = interval(schedule).checked_mul(MISSED).unwrap_or(*LIMITS.end());
    let usual = gives.filter(|gives| !gives.is_empty()).map(|_| missed.clamp(LEAST_NEW_WITHIN, *LIMITS.end()));
    ClockLimits { new_within: limits.new_within.or(usual), ..limits }
}

/// Reads one limit, which is not shorter than the time between two runs where it counts those.
fn limit(table: &Table<'_>, key: &'static str, interval: Option<TimeDelta>) -> Option<Found<TimeDelta>> {
    let found = table.span_of_time(key)?;
    if !LIMITS.contains(&found.value) {
        out_of_range(table, key, &found, &LIMITS);
        return None;
    }
    if let Some(interval) = interval.filter(|interval| found.value < *interval) {
        table.error(
            &found.span,
            format!(
                "`{key}` is shorter than the time between two runs ({}): the feed would always be silent",
                span_text(interval)
            ),
            Some(format!("at least two runs should be missed: `{key} = \"{}\"`", span_text(interval * 3))),
        );
        return None;
    }
    Some(found)
}
