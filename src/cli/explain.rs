//! `nadhir explain`: why a governorate is warned as it is, what would make it worse, and what is missing. It reads the store while
//! the service runs, changes nothing and asks nobody.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Serialize;

use super::view::View;
use super::which::Stopped;
use super::{EX_UNAVAILABLE, EX_USAGE, complain, place};
use crate::config::Config;
use crate::daemon::clock::Clock;
use crate::derive;
use crate::engine::State;
use crate::engine::explain::{Explanation, explain, hazards};
use crate::governorate::{Governorate, GovernorateBook};
use crate::hazard::Hazard;
use crate::ids::{FeedId, GovernorateId, RuleId};
use crate::problem::advice;
use crate::time::Timestamp;
use crate::unit::{Metric, Unit};

mod sentences;
mod table;
#[cfg(test)]
mod tests;
mod words;

/// What `nadhir explain` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The governorate: its id, or any of its names in either language.
    governorate: String,
    /// The hazard; without it every one that a rule or a warning speaks of there.
    #[arg(value_parser = hazard_names())]
    hazard: Option<String>,
    #[command(flatten)]
    dirs: place::Dirs,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

fn hazard_names() -> clap::builder::PossibleValuesParser {
    Hazard::ALL.iter().map(|hazard| hazard.name()).collect::<Vec<_>>().into()
}

/// Explains, and returns the exit code.
pub fn run(arguments: &Arguments) -> u8 {
    let config = match arguments.dirs.configuration("it is not known what the rules are") {
        Ok(config) => config,
        Err(code) => return code,
    };
    let place = match find(&config.governorates, &arguments.governorate) {
        Ok(place) => place,
        Err(why) => {
            complain(&why);
            return EX_USAGE;
        }
    };
    let dir = place::state_dir(arguments.dirs.state.as_deref(), config.settings.store.as_deref());
    let view = match View::open(Some(&config.settings), &dir) {
        Ok(view) => view,
        Err(Stopped(code, why)) => {
            complain(&why);
            return code;
        }
    };
    let hazard = arguments.hazard.as_deref().and_then(Hazard::parse);
    match look(&view, &config, place, hazard, Clock::System.now()) {
        Ok(report) => {
            show(&report, &config, arguments.json);
            0
        }
        Err(why) => {
            complain(&format_args!("{why:#}"));
            EX_UNAVAILABLE
        }
    }
}

fn show(report: &Report, config: &Config, as_json: bool) {
    use std::io::Write as _;
    let text = match as_json {
        true => {
            serde_json::to_string(report).map_or_else(|why| format!("{{\"error\":\"{why}\"}}\n"), |text| text + "\n")
        }
        false => whole(report, config.settings.style.zone),
    };
    // A reader that has gone away, such as `head`, is no fault.
    let _ = anstream::stdout().write_all(text.as_bytes());
}

/// Finds a governorate by its id or by any of its names.
///
/// # Errors
/// What to write instead.
pub(super) fn find<'a>(book: &'a GovernorateBook, name: &str) -> Result<&'a Governorate, String> {
    let by_id = GovernorateId::new(&name.to_lowercase()).ok().and_then(|id| book.get(&id));
    by_id.or_else(|| book.named(name)).ok_or_else(|| {
        let names = book.iter().flat_map(|one| [one.id.as_str(), &one.name.en, &one.name.ar]);
        let ids: Vec<&str> = book.iter().map(|one| one.id.as_str()).collect();
        let near = crate::problem::nearest(name, names).map(|meant| format!("did you mean `{meant}`?"));
        let help = near.or_else(|| advice(name, &ids)).unwrap_or_default();
        format!("no governorate is called `{name}`: {help}")
    })
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// When this was looked at.
    pub at: Timestamp,
    /// When anything was last committed, as far as can be seen: of a service that stopped, all is as it was then.
    pub last_commit: Option<Timestamp>,
    /// Where.
    pub governorate: GovernorateId,
    /// Its name in English.
    pub name: String,
    /// Each hazard.
    pub hazards: Vec<HazardReport>,
}

/// One hazard.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HazardReport {
    /// Why it is as it is.
    #[serde(flatten)]
    pub explanation: Explanation,
    /// The feeds that give what its rules look at, and have given nothing of it here.
    pub missing: Vec<Missing>,
    /// The units that the rules are written in.
    #[serde(skip)]
    units: BTreeMap<RuleId, Unit>,
}

/// A feed without a word on a metric at the governorate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Missing {
    /// Which.
    pub feed: FeedId,
    /// Of what.
    pub metric: Metric,
    /// How its last answer was: `good`, `partial`, `unreachable`.
    pub health: &'static str,
    /// Since when it is so; none when it was never asked.
    pub since: Option<Timestamp>,
}

/// Reads the store in a directory.
///
/// # Errors
/// When it cannot be read.
fn look(
    view: &View,
    config: &Config,
    place: &Governorate,
    hazard: Option<Hazard>,
    now: Timestamp,
) -> anyhow::Result<Report> {
    let glance = view.glance(now, now).context("the state could not be read")?;
    let state = State::restore(&glance.saved).context("the state could not be understood")?;
    let wanted = hazard.map_or_else(|| hazards(&config.rules, &state, &place.id), |hazard| vec![hazard]);
    let asked = config.rules.feeds.keys().filter_map(|feed| state.feed(feed)?.asked);
    let units: BTreeMap<RuleId, Unit> = config.rules.rules.iter().map(|rule| (rule.id.clone(), rule.unit)).collect();
    let report = |hazard: Hazard| {
        let explanation = explain(&config.rules, &state, &place.id, hazard, now);
        HazardReport { missing: missing(config, &state, &explanation), explanation, units: units.clone() }
    };
    Ok(Report {
        at: now,
        last_commit: asked.chain(glance.written).max(),
        governorate: place.id.clone(),
        name: place.name.en.clone(),
        hazards: wanted.into_iter().map(report).collect(),
    })
}

/// The feeds that would give what the rules look at and have no series here.
fn missing(config: &Config, state: &State, explanation: &Explanation) -> Vec<Missing> {
    let mut all: Vec<Missing> = Vec::new();
    for account in explanation.rules.iter().filter_map(|rule| rule.account.as_ref()) {
        for feed in &config.feeds {
            let gives = feed.feed.gives().map(derive::with_derived);
            let has_voice = account.voices.iter().any(|voice| voice.feed == feed.id);
            let is_told = all.iter().any(|one| one.feed == feed.id && one.metric == account.metric);
            if has_voice || is_told || !gives.is_some_and(|gives| gives.contains(&account.metric)) {
                continue;
            }
            let known = state.feed(&feed.id);
            all.push(Missing {
                feed: feed.id.clone(),
                metric: account.metric,
                health: known.map_or("unheard", |known| known.health.kind()),
                since: known.map(|known| known.since),
            });
        }
    }
    all
}

/// The whole of it, as a tired person reads it: sentences first, then the tables.
fn whole(report: &Report, zone: chrono_tz::Tz) -> String {
    let clock = words::Clock { zone, now: report.at };
    let mut text = String::new();
    for one in &report.hazards {
        text.push_str(&sentences::of(report, one, clock));
        text.push('\n');
        for rule in &one.explanation.rules {
            text.push_str(&table::of(rule, clock));
            text.push('\n');
        }
    }
    if report.hazards.is_empty() {
        text.push_str(&format!("{}: no rule and no warning speaks of it.\n\n", report.name));
    }
    let committed = report.last_commit.map_or_else(
        || "nothing was ever committed".to_owned(),
        |last| format!("last commit {} ago", super::columns::age(report.at - last)),
    );
    text.push_str(&format!("As of {} ({zone}), {committed}.\n", clock.day_and_time(report.at)));
    text
}
