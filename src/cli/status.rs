//! `nadhir status`: how the service is, read from its store while it runs. It changes nothing and asks nobody.
//!
//! The clocks are read against the present: of a service that stopped an hour ago, every feed is an hour late.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use super::view::View;
use super::which::Stopped;
use super::{EX_UNAVAILABLE, complain, place};
use crate::config::Config;
use crate::daemon::clock::Clock;
use crate::engine::{FeedState, State, staff};
use crate::hazard::{Hazard, Severity};
use crate::ids::{FeedId, GovernorateId};
use crate::notice::{FeedClock, Notice};
use crate::rule::FeedTerms;
use crate::store::Glance;
use crate::time::{TimeDelta, Timestamp};
use crate::warning::Warning;

mod table;
#[cfg(test)]
mod tests;

/// Something is silent or failing.
pub const EX_UNWELL: u8 = 1;

/// How many failures in a row make a feed one that fails.
pub const FAILING: u32 = 3;

/// For how long a message that was given up, or ran out of time, counts against the service.
pub const COUNTS_FOR: TimeDelta = TimeDelta::hours(24);

/// What `nadhir status` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    dirs: place::Dirs,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Shows how the service is; the exit code says whether all is well.
pub fn run(arguments: &Arguments) -> u8 {
    let config = match arguments.dirs.configuration("it is not known what should be running") {
        Ok(config) => config,
        Err(code) => return code,
    };
    let dir = place::state_dir(arguments.dirs.state.as_deref(), config.settings.store.as_deref());
    match look(&dir, &config, Clock::System.now()) {
        Ok(status) => {
            show(&status, &config, arguments.json);
            if status.is_well { 0 } else { EX_UNWELL }
        }
        Err(why) => {
            complain(&format_args!("{why:#}"));
            EX_UNAVAILABLE
        }
    }
}

fn show(status: &Status, config: &Config, as_json: bool) {
    use std::io::Write as _;
    let text = match as_json {
        true => {
            serde_json::to_string(status).map_or_else(|why| format!("{{\"error\":\"{why}\"}}\n"), |text| text + "\n")
        }
        false => table::whole(status, config.settings.style.zone),
    };
    // A reader that has gone away, such as `head`, is no fault.
    let _ = anstream::stdout().write_all(text.as_bytes());
}

/// Reads the store in a directory.
///
/// # Errors
/// When there is none, or it cannot be read.
fn look(dir: &Path, config: &Config, now: Timestamp) -> anyhow::Result<Status> {
    let view = View::open(Some(&config.settings), dir).map_err(|Stopped(_, why)| anyhow::Error::msg(why))?;
    let glance = view.glance(now, now - COUNTS_FOR).context("the state could not be read")?;
    status(&glance, config, now)
}

/// How the service is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// True when nothing is silent, failing or given up.
    pub is_well: bool,
    /// When this was looked at.
    pub at: Timestamp,
    /// When anything was last committed, as far as can be seen.
    pub last_commit: Option<Timestamp>,
    /// Every configured feed.
    pub feeds: Vec<FeedStatus>,
    /// The warnings in force.
    pub warnings: Vec<WarningStatus>,
    /// What the people on duty were told of and is not over.
    pub notices: Vec<Notice>,
    /// The silences that last, each in a sentence.
    pub silences: Vec<String>,
    /// Every configured channel, and any other to which something is owed.
    pub channels: Vec<ChannelStatus>,
}

/// How a feed is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FeedStatus {
    /// Which.
    pub id: FeedId,
    /// Its kind.
    pub kind: &'static str,
    /// How its last answer was: `good`, `partial`, `unreachable`.
    pub health: &'static str,
    /// What was wrong with it, when something was.
    pub why: Option<String>,
    /// When it was last asked.
    pub asked: Option<Timestamp>,
    /// How many times in a row it failed.
    pub failures: u32,
    /// Since when it is silent, by the oldest of its clocks that are past their limits.
    pub silent_since: Option<Timestamp>,
    /// Its clocks.
    pub clocks: Vec<ClockStatus>,
    /// How many seconds the clock of its server is ahead of ours.
    pub server_ahead_s: Option<i64>,
}

/// How a clock of a feed stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClockStatus {
    /// Which.
    pub clock: FeedClock,
    /// Since when it runs; none when it has nothing to run from.
    pub since: Option<Timestamp>,
    /// How long it may, in seconds; none when it has no limit.
    pub limit_s: Option<i64>,
    /// True when it is past that.
    pub is_past: bool,
}

/// A warning in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WarningStatus {
    /// Its number.
    pub number: String,
    /// Of what.
    pub hazard: Hazard,
    /// How bad.
    pub severity: Severity,
    /// Where.
    pub areas: Vec<GovernorateId>,
    /// Until when.
    pub until: Timestamp,
    /// True when an authority says so.
    pub is_official: bool,
    /// The feeds that it rests on.
    pub feeds: Vec<FeedId>,
    /// True when all of those are silent.
    pub is_blind: bool,
    /// Who has seen it and looks after it.
    pub seen_by: Option<String>,
}

/// What stands in the outbox for a channel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChannelStatus {
    /// Which.
    pub id: String,
    /// Who listens; none when it is not configured.
    pub audience: Option<&'static str>,
    /// How many messages could go now.
    pub due: u64,
    /// How many wait for a later try.
    pub waiting: u64,
    /// How many were given up in the last day.
    pub dead: u64,
    /// How many ran out of time in the last day.
    pub expired: u64,
}

impl FeedStatus {
    /// True when one of its clocks is past its limit.
    fn is_silent(&self) -> bool {
        self.silent_since.is_some()
    }

    /// True also of one that has never given an answer that could be used: nothing is known of it, and that is not well.
    fn is_failing(&self) -> bool {
        let was_heard = self.clocks.iter().any(|clock| clock.clock == FeedClock::Fetch && clock.since.is_some());
        FAILING <= self.failures || !was_heard
    }
}

/// Reads how the service is from what its store holds.
fn status(glance: &Glance, config: &Config, now: Timestamp) -> anyhow::Result<Status> {
    let state = State::restore(&glance.saved).context("the state could not be understood")?;
    let feeds: Vec<FeedStatus> =
        config.rules.feeds.iter().map(|(id, terms)| feed(id, terms, state.feed(id), now)).collect();
    let silent: Vec<&FeedId> = feeds.iter().filter(|feed| feed.is_silent()).map(|feed| &feed.id).collect();
    let warnings = warnings(&state, &silent);
    let lasting = |notice: &&Notice| !notice.topic.is_gathered();
    let notices: Vec<Notice> = state.episodes().map(|(_, episode)| &episode.told).filter(lasting).cloned().collect();
    let silences = state.silences().map(|(number, one)| format!("silence {number}: {}", staff::told(one))).collect();
    let channels = channels(glance, config);
    let asked = feeds.iter().filter_map(|feed| feed.asked);
    let last_commit = asked.chain(glance.written).max();
    let is_well = feeds.iter().all(|feed| !feed.is_silent() && !feed.is_failing())
        && notices.is_empty()
        && channels.iter().all(|channel| channel.dead == 0 && channel.expired == 0);
    Ok(Status { is_well, at: now, last_commit, feeds, warnings, notices, silences, channels })
}

fn feed(id: &FeedId, terms: &FeedTerms, known: Option<&FeedState>, now: Timestamp) -> FeedStatus {
    let unknown = FeedState::new(now);
    let known = known.unwrap_or(&unknown);
    let past = known.past(terms, now);
    let clocks = FeedClock::ALL.iter().map(|clock| {
        let (since, limit) = match clock {
            FeedClock::Fetch => (known.last_good, Some(terms.silent_after)),
            FeedClock::News => (known.last_new, terms.new_within),
            FeedClock::Age => (known.newest, terms.max_age),
        };
        let is_past = past.iter().any(|past| past.clock == *clock);
        ClockStatus { clock: *clock, since, limit_s: limit.map(|limit| limit.num_seconds()), is_past }
    });
    FeedStatus {
        id: id.clone(),
        kind: terms.kind,
        health: known.health.kind(),
        why: known.health.why().map(str::to_owned),
        asked: known.asked,
        failures: known.failures,
        silent_since: past.iter().map(|past| past.since).min(),
        clocks: clocks.collect(),
        server_ahead_s: known.skew.map(|skew| skew.ahead_s),
    }
}

/// The warnings in force, each once however many places share it, with all feeds that it rests on.
fn warnings(state: &State, silent: &[&FeedId]) -> Vec<WarningStatus> {
    let mut numbers: Vec<(&Warning, BTreeSet<FeedId>)> = Vec::new();
    for (_, told) in state.warnings() {
        let feeds =
            told.evidence.iter().map(|one| &one.feed).chain(told.official.iter().map(|official| &official.feed));
        match numbers.iter_mut().find(|(known, _)| known.number == told.number) {
            Some((_, known)) => known.extend(feeds.cloned()),
            None => numbers.push((told, feeds.cloned().collect())),
        }
    }
    let status = |(told, feeds): (&Warning, BTreeSet<FeedId>)| WarningStatus {
        number: told.number.clone(),
        hazard: told.hazard,
        severity: told.severity,
        areas: told.areas.to_vec(),
        until: told.until,
        is_official: told.official.is_some(),
        is_blind: !feeds.is_empty() && feeds.iter().all(|feed| silent.contains(&feed)),
        seen_by: state.acknowledgement(&told.number).map(|seen| seen.by.clone()),
        feeds: feeds.into_iter().collect(),
    };
    numbers.into_iter().map(status).collect()
}

fn channels(glance: &Glance, config: &Config) -> Vec<ChannelStatus> {
    let known = config.channels.iter().map(|channel| &channel.listener);
    let mut all: Vec<ChannelStatus> = known
        .map(|listener| ChannelStatus {
            id: listener.channel.to_string(),
            audience: Some(listener.audience.name()),
            due: 0,
            waiting: 0,
            dead: 0,
            expired: 0,
        })
        .collect();
    for queue in &glance.queues {
        let (id, due, waiting) = (queue.channel.clone(), queue.due, queue.waiting);
        let (dead, expired) = (queue.dead, queue.expired);
        match all.iter_mut().find(|channel| channel.id == queue.channel) {
            Some(channel) => {
                (channel.due, channel.waiting, channel.dead, channel.expired) = (due, waiting, dead, expired);
            }
            None if 0 < due + waiting => {
                all.push(ChannelStatus { id, audience: None, due, waiting, dead, expired });
            }
            None => {}
        }
    }
    all
}
