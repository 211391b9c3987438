//! Which bulletin a command is about: one that was said, by its name, or one that is made up to try something.

use std::path::Path;

use anyhow::Context;

use super::view::View;
use super::{EX_UNAVAILABLE, EX_USAGE, explain, place};
use crate::alert::{Identity, Status};
use crate::bulletin::{Bulletin, Change, Origin, Reach};
use crate::config::Config;
use crate::hazard::{Hazard, Severity};
use crate::ids::{FeedId, GovernorateId};
use crate::time::Timestamp;

/// The name of a bulletin, or what one would be like.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// A bulletin that was said, by its name; channels are as they are configured now.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["hazard", "severity", "governorate"])]
    bulletin: Option<String>,
    /// What threatens.
    #[arg(long, value_parser = names(Hazard::ALL, Hazard::name), required_unless_present = "bulletin")]
    hazard: Option<String>,
    /// How bad it is; for an end, how bad it was.
    #[arg(long, value_parser = names(Severity::ALL, Severity::name), required_unless_present = "bulletin")]
    severity: Option<String>,
    /// Where, by ids or names.
    #[arg(long, value_delimiter = ',', required_unless_present = "bulletin")]
    governorate: Vec<String>,
    /// What happened.
    #[arg(long, default_value = "issued", value_parser = names(Change::ALL, Change::name))]
    change: String,
    /// The worst that was told of it before.
    #[arg(long, value_parser = names(Severity::ALL, Severity::name), conflicts_with = "bulletin")]
    worst: Option<String>,
    /// Said by an authority, which makes no difference to who hears it.
    #[arg(long, conflicts_with = "bulletin")]
    official: bool,
    /// Whether it is meant.
    #[arg(long, default_value = "actual", value_parser = ["actual", "exercise", "system", "test", "draft"])]
    status: String,
}

fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> clap::builder::PossibleValuesParser {
    all.iter().map(|one| name(*one)).collect::<Vec<_>>().into()
}

/// Why a command cannot go on, with its exit code.
pub(super) struct Stopped(pub(super) u8, pub(super) String);

impl Which {
    /// The bulletin that is meant, looked for in the state directory when it was said.
    pub(super) fn bulletin(&self, config: &Config, state: Option<&Path>, now: Timestamp) -> Result<Bulletin, Stopped> {
        match &self.bulletin {
            Some(name) => said(name, state, config),
            None => made_up(self, config, now),
        }
    }
}

/// A bulletin of the store.
fn said(name: &str, state: Option<&Path>, config: &Config) -> Result<Bulletin, Stopped> {
    let dir = place::state_dir(state, config.settings.store.as_deref());
    let view = View::open(Some(&config.settings), &dir)?;
    let number = name.rsplit_once('.').map_or(name, |(number, _)| number);
    let all = stored(&view, number).map_err(|why| Stopped(EX_UNAVAILABLE, format!("{why:#}")))?;
    let known: Vec<&str> = all.iter().map(|one| one.id.as_str()).collect();
    let help = match known.as_slice() {
        [] => "`nadhir journal` shows the names of what was said".to_owned(),
        known => format!("of this number there are {}", known.join(", ")),
    };
    let why = format!("no bulletin is called `{name}`: {help}");
    all.into_iter().find(|one| one.id.as_str() == name).ok_or(Stopped(EX_USAGE, why))
}

fn stored(view: &View, number: &str) -> anyhow::Result<Vec<Bulletin>> {
    view.bulletins(number).context("the bulletins could not be read")
}

/// The bulletin that the arguments describe.
pub(super) fn made_up(asked: &Which, config: &Config, now: Timestamp) -> Result<Bulletin, Stopped> {
    let place = |name: &String| {
        let found = explain::find(&config.governorates, name).map_err(|why| Stopped(EX_USAGE, why))?;
        Ok(found.id.clone())
    };
    let mut areas: Vec<GovernorateId> = asked.governorate.iter().map(place).collect::<Result<_, _>>()?;
    areas.sort_by_key(|area| config.governorates.order(area));
    areas.dedup();
    let word = |text: &Option<String>| text.clone().unwrap_or_default();
    let missing = || Stopped(EX_USAGE, "say --hazard, --severity and --governorate, or --bulletin".to_owned());
    let hazard = Hazard::parse(&word(&asked.hazard)).ok_or_else(missing)?;
    let severity = Severity::parse(&word(&asked.severity)).ok_or_else(missing)?;
    let worst = asked.worst.as_deref().and_then(Severity::parse).map_or(severity, |worst| worst.max(severity));
    let change = Change::ALL.iter().copied().find(|change| change.name() == asked.change).ok_or_else(missing)?;
    let status = match asked.status.as_str() {
        "exercise" => Status::Exercise,
        "system" => Status::System,
        "test" => Status::Test,
        "draft" => Status::Draft,
        _ => Status::Actual,
    };
    let origin = match (asked.official, FeedId::new("made-up")) {
        (true, Ok(feed)) => {
            let identity = Identity { sender: String::new(), identifier: String::new(), sent: now };
            Origin::Official { feed, identity, words: Vec::new() }
        }
        (_, _) => Origin::Automatic { evidence: Vec::new() },
    };
    let plain = Bulletin::plain(MADE_UP, (hazard, severity), areas, (now, now + config.rules.times.validity));
    Ok(Bulletin { change, status, reach: Reach::new(hazard, worst), origin, ..plain })
}

/// The number of a bulletin that was never said.
pub(super) const MADE_UP: &str = "made-up";
