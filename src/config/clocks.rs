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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Config, from_files};

    fn shipped() -> Config {
        from_files(BTreeMap::new()).unwrap().0
    }

    /// A feed of METARs with these keys.
    fn metar(keys: &str) -> crate::config::FeedConfig {
        let feed = format!(
            "[metar]\nkind = \"metar\"\nname = {{ ar = \"تقارير\", en = \"reports\" }}\n\
             url = \"https://example.org/metar\"\nstations = {{ OEJN = [\"jeddah\"] }}\n{keys}"
        );
        let rules = "# No rule.".to_owned();
        let files = BTreeMap::from([("feeds.toml".to_owned(), feed), ("rules/none.toml".to_owned(), rules)]);
        let (config, _) = from_files(files).unwrap_or_else(|problems| panic!("{}", problems[0].message));
        config.feeds[0].clone()
    }

    /// What `silent_after` and `new_within` mean for METARs with these keys.
    fn check(keys: &str, silent_after: &str, new_within: &str) {
        let limits = metar(keys).clocks;
        assert_eq!(
            (span_text(limits.silent_after).as_str(), limits.new_within.map(span_text).as_deref()),
            (silent_after, Some(new_within)),
            "{keys}"
        );
    }

    #[test]
    fn what_is_not_said_is_three_runs_and_half_a_day() {
        check("every = \"5min\"", "15min", "12h");
        check("every = \"10s\"", "30s", "12h");
        check("every = \"6h\"", "18h", "18h");
        check("every = \"7d\"", "21d", "21d");
        check("schedule = \"7 * * * *\"\nstale_after = \"3h\"", "3h", "12h");
        check("schedule = \"0 6 * * 0\"\nstale_after = \"14d\"", "21d", "21d");
        check("every = \"5min\"\nsilent_after = \"10min\"\nnew_within = \"2h\"", "10min", "2h");
    }

    #[test]
    fn what_a_feed_that_is_asked_every_few_seconds_said_counts_for_minutes() {
        let stale = |keys: &str| span_text(metar(keys).stale_after);
        assert_eq!(stale("every = \"10s\""), "10min");
        assert_eq!(stale("every = \"5min\""), "15min");
        assert_eq!(stale("every = \"10s\"\nstale_after = \"1min\""), "1min", "who says so means it");
    }

    #[test]
    fn every_shipped_feed_is_told_silent_within_three_missed_polls() {
        for feed in shipped().feeds {
            assert!(feed.clocks.silent_after <= interval(&feed.schedule) * MISSED, "{}", feed.id);
            let gives_readings = feed.feed.gives().is_none_or(|metrics| !metrics.is_empty());
            assert_eq!(feed.clocks.new_within.is_some(), gives_readings, "{}", feed.id);
        }
    }

    #[test]
    fn two_feeds_of_one_host_have_one_server() {
        let config = shipped();
        let server =
            |id: &str| config.rules.feeds.iter().find(|(known, _)| known.as_str() == id).unwrap().1.server.clone();
        assert_eq!(server("ncm-cap-ar").as_deref(), Some("ncm.gov.sa"));
        assert_eq!(server("ncm-cap-ar"), server("ncm-cap-en"));
        assert_ne!(server("open-meteo"), server("open-meteo-air"));
    }
}
