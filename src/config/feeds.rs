//! `feeds.toml`: the keys that all feeds share; each kind reads its own.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use chrono_tz::Tz;

use super::clocks::{self, ClockLimits};
use super::settings::{both, line};
use super::{bytes, connection};
use crate::feed::{Feed, KINDS, Kind, Source, Surroundings};
use crate::fetch::Connection;
use crate::ids::FeedId;
use crate::language::Both;
use crate::problem::{Problems, SourceFile};
use crate::rule::FeedTerms;
use crate::schedule::Schedule;
use crate::table::{Found, Table, read_file};
use crate::time::{TimeDelta, Timestamp, span_text};

/// The most feeds that are read.
pub const MAX_FEEDS: usize = 200;

/// How long an answer is waited for when the feed does not say.
pub const DEFAULT_TIMEOUT: TimeDelta = TimeDelta::seconds(20);

/// How long an answer may be waited for.
pub const TIMEOUT_LIMITS: RangeInclusive<TimeDelta> = TimeDelta::seconds(1)..=TimeDelta::minutes(2);

/// The largest answer that is read when the feed does not say, in bytes.
pub const DEFAULT_MAX_BODY: u64 = 4 << 20;

/// What the largest answer may be, in bytes.
pub const MAX_BODY_LIMITS: RangeInclusive<u64> = 1 << 10..=64 << 20;

/// How far the runs of a cron line are spread when the feed does not say.
pub const DEFAULT_CRON_JITTER: TimeDelta = TimeDelta::seconds(30);

/// How long a feed may be silent before it is called stale.
pub const STALE_LIMITS: RangeInclusive<TimeDelta> = TimeDelta::seconds(30)..=TimeDelta::days(30);

/// How long the word of a feed counts at least when the feed does not say: one that is asked every few seconds may miss some of its
/// answers, and what it told must not be forgotten for that.
pub const LEAST_STALE_AFTER: TimeDelta = TimeDelta::minutes(10);

/// How long an alert may wait for its twin in the other language.
pub const TWIN_WAIT_LIMITS: RangeInclusive<TimeDelta> = TimeDelta::zero()..=TimeDelta::minutes(10);

/// A feed as configured.
#[derive(Clone)]
pub struct FeedConfig {
    /// Its name in rules, logs and keys.
    pub id: FeedId,
    /// What the public reads in its place: «تقارير مطارات المنطقة», "airport reports".
    pub name: Both<String>,
    /// Its kind, as in [`KINDS`].
    pub kind: &'static str,
    /// What asks and reads.
    pub feed: Arc<dyn Feed>,
    /// When it is asked.
    pub schedule: Schedule,
    /// How far each run is put off by chance, at most.
    pub jitter: TimeDelta,
    /// How long an answer is waited for.
    pub timeout: TimeDelta,
    /// How it is connected to.
    pub connection: Connection,
    /// The largest answer that is read, in bytes.
    pub max_body: u64,
    /// How old its word may be and still count.
    pub stale_after: TimeDelta,
    /// How long an alert in one language alone waits for its twin in the other.
    pub twin_wait: TimeDelta,
    /// When the people on duty hear that it is silent.
    pub clocks: ClockLimits,
    /// Who is to be named as the source.
    pub attribution: Option<String>,
    /// Under which licence its data come.
    pub licence: Option<String>,
}

impl FeedConfig {
    /// What rules and warnings go by.
    pub fn terms(&self) -> FeedTerms {
        let ClockLimits { silent_after, new_within, max_age } = self.clocks;
        let Self { kind, stale_after, twin_wait, .. } = *self;
        FeedTerms { kind, stale_after, twin_wait, silent_after, new_within, max_age, server: self.server() }
    }
}

impl FeedConfig {
    /// The host that answers, when all is asked of one.
    fn server(&self) -> Option<Arc<str>> {
        let Source::Web(requests) = self.feed.source(Timestamp::UNIX_EPOCH) else { return None };
        let first = requests.first()?.url.host_str()?.to_owned();
        requests.iter().all(|request| request.url.host_str() == Some(&first)).then(|| first.into())
    }
}

impl fmt::Debug for FeedConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, kind, schedule, .. } = self;
        write!(f, "FeedConfig({id}, {kind}, {schedule})")
    }
}

/// The feeds of a file.
#[derive(Debug, Default)]
pub struct Feeds {
    /// Those that are enabled.
    pub enabled: Vec<FeedConfig>,
    /// Those that are written down and not enabled.
    pub idle: Vec<FeedConfig>,
    /// True when one of those enabled could not be read: what it would give is not known.
    pub is_partial: bool,
}

/// Reads the file: every feed. What it returns may be used only when no error was noted.
/// `dir` is the directory of the configuration, if it has one: relative paths of certificates begin there.
pub fn read(file: &Arc<SourceFile>, around: &Surroundings, dir: Option<&Path>, problems: &Problems) -> Feeds {
    read_file(file, problems, |root| {
        let tables = root.named_tables();
        if MAX_FEEDS < tables.len() {
            let message = format!("there are {} feeds: at most {MAX_FEEDS} are read", tables.len());
            root.error(&root.span, message, None);
        }
        let mut enabled = 0;
        let mut feeds = Feeds::default();
        for (name, table) in tables.into_iter().take(MAX_FEEDS) {
            let before = problems.errors();
            let Read { is_enabled, feed } = read_feed(&name, table, (around, dir), problems);
            if is_enabled {
                enabled += 1;
                feeds.is_partial |= feed.is_none() || before < problems.errors();
                feeds.enabled.extend(feed);
            } else {
                feeds.idle.extend(feed);
            }
        }
        if enabled == 0 {
            root.warning(&root.span, "no feed is enabled: nothing will be known and nobody warned", None);
        }
        feeds
    })
}

/// One feed as read.
struct Read {
    is_enabled: bool,
    feed: Option<FeedConfig>,
}

fn read_feed(
    name: &Found<String>,
    table: Table<'_>,
    (around, dir): (&Surroundings, Option<&Path>),
    problems: &Problems,
) -> Read {
    let id = FeedId::new(&name.value).map_err(|why| table.error(&name.span, why.to_string(), None)).ok();
    let is_enabled = table.flag("enabled").is_none_or(|found| found.value);
    let kinds: Vec<(&str, &'static Kind)> = KINDS.iter().map(|kind| (kind.name, kind)).collect();
    let Some(kind) = super::kind(&table, &kinds) else { return Read { is_enabled, feed: None } };
    let called = table.table("name").map(both);
    if called.is_none() && !table.has("name") {
        table.missing("name", "{ ar = \"…\", en = \"…\" }");
    }
    let schedule = schedule(&table, around.zone);
    let every = match &schedule {
        Some(Schedule::Every(every)) => Some(*every),
        _ => None,
    };
    let jitter = jitter(&table, every);
    let timeout = within(&table, "timeout", &TIMEOUT_LIMITS).unwrap_or(DEFAULT_TIMEOUT);
    let max_body = bytes::size(&table, "max_body", &MAX_BODY_LIMITS).map_or(DEFAULT_MAX_BODY, |found| found.value);
    let connection = connection::read(&table, dir);
    let stale_after = stale_after(&table, every, schedule.is_some());
    let twin_wait = within(&table, "twin_wait", &TWIN_WAIT_LIMITS).unwrap_or_default();
    let limits = schedule.as_ref().map(|schedule| clocks::read(&table, schedule));
    if limits.is_none() {
        clocks::KEYS.iter().for_each(|key| {
            table.span_of_time(key);
        });
    }
    let attribution = table.text("attribution", line).map(|found| found.value);
    let licence = table.text("licence", line).map(|found| found.value);
    let before = problems.count();
    let feed = (kind.parse)(&table, around);
    // A kind that gave up without a word has not asked for its keys: nothing can be said about those left over.
    if feed.is_some() || before < problems.count() {
        table.finish();
    }
    let feed = match (id, called, feed, schedule, stale_after, limits) {
        (Some(id), Some(name), Some(feed), Some(schedule), Some(stale_after), Some(limits)) => Some(FeedConfig {
            id,
            name,
            kind: kind.name,
            clocks: clocks::complete(limits, &schedule, feed.gives()),
            feed,
            schedule,
            jitter,
            timeout,
            connection,
            max_body,
            stale_after,
            twin_wait,
            attribution,
            licence,
        }),
        _ => None,
    };
    Read { is_enabled, feed }
}

fn schedule(table: &Table<'_>, zone: Tz) -> Option<Schedule> {
    let every = table.text("every", |text| Schedule::every(crate::time::parse_span(text)?));
    let cron = table.text("schedule", |line| Schedule::cron(line, zone));
    match (table.has("every"), table.has("schedule")) {
        (true, true) => {
            table.error(
                &table.span,
                "`every` and `schedule` are both written",
                Some("keep the one that is meant".to_owned()),
            );
            None
        }
        (false, false) => {
            table.error(
                &table.span,
                format!("`{}` does not say when it is asked", table.name()),
                Some("add `every = \"15min\"` or `schedule = \"7 * * * *\"`".to_owned()),
            );
            None
        }
        _ => every.or(cron).map(|found| found.value),
    }
}

fn jitter(table: &Table<'_>, every: Option<TimeDelta>) -> TimeDelta {
    let most = every.map_or(TimeDelta::hours(1), |every| every / 2);
    let usual = every.map_or(DEFAULT_CRON_JITTER, |every| every / 10);
    within(table, "jitter", &(TimeDelta::zero()..=most)).unwrap_or(usual)
}

fn stale_after(table: &Table<'_>, every: Option<TimeDelta>, has_schedule: bool) -> Option<TimeDelta> {
    if !table.has("stale_after") && every.is_none() && has_schedule {
        table.error(
            &table.span,
            format!("`{}` has a schedule and does not say when its silence is news", table.name()),
            Some("add `stale_after = \"3h\"`".to_owned()),
        );
    }
    let found = table.span_of_time("stale_after");
    match (&found, every) {
        (Some(found), Some(every)) if found.value < every => {
            table.error(
                &found.span,
                format!("`stale_after` is shorter than `every` ({}): the feed would always be stale", span_text(every)),
                Some(format!("at least two runs should be missed: `stale_after = \"{}\"`", span_text(every * 3))),
            );
        }
        (Some(found), _) if !STALE_LIMITS.contains(&found.value) => {
            out_of_range(table, "stale_after", found, &STALE_LIMITS);
        }
        _ => {}
    }
    found.map(|found| found.value).or(every.map(|every| (every * 3).max(LEAST_STALE_AFTER)))
}

fn within(table: &Table<'_>, key: &'static str, limits: &RangeInclusive<TimeDelta>) -> Option<TimeDelta> {
    let found = table.span_of_time(key)?;
    if limits.contains(&found.value) {
        return Some(found.value);
    }
    out_of_range(table, key, &found, limits);
    None
}

pub(super) fn out_of_range(table: &Table<'_>, key: &str, found: &Found<TimeDelta>, limits: &RangeInclusive<TimeDelta>) {
    let (least, most) = (span_text(*limits.start()), span_text(*limits.end()));
    table.error(&found.span, format!("`{key}` is out of range: {least} to {most}"), None);
}
