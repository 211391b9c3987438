//! `nadhir subscriber list`: who they are and how they are, as a table or as JSON lines; never a secret.

use super::super::columns::{age, drawn, plain};
use super::ground::{Ground, say};
use super::{Ended, Where};
use crate::subscriber::{State, Subscriber, Wishes};

/// How many are read at once.
const TOGETHER: usize = 1_000;

/// What `nadhir subscriber list` takes.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Only those in this state, or those whom nothing reaches.
    #[arg(long, value_parser = ["unverified", "active", "paused", "disabled", "failing"])]
    state_of: Option<String>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: Where,
}

impl List {
    fn takes(&self, one: &Subscriber) -> bool {
        match self.state_of.as_deref() {
            None => true,
            Some("failing") => one.failing_since.is_some(),
            Some(state) => one.state.name() == state,
        }
    }
}

pub(super) fn run(asked: &List) -> Ended {
    let ground = Ground::open(&asked.at)?;
    let now = ground.now();
    let (mut after, mut shown, mut all) = (0, 0_usize, 0_usize);
    loop {
        let some = ground.list(after, TOGETHER)?;
        let Some(last) = some.last() else { break };
        after = last.id;
        all += some.len();
        let chosen: Vec<&Subscriber> = some.iter().filter(|one| asked.takes(one)).collect();
        shown += chosen.len();
        if asked.json {
            let line = |one: &&Subscriber| {
                let shown = Subscriber { url: without_query(&one.url), ..Subscriber::clone(one) };
                serde_json::to_string(&shown).unwrap_or_default() + "\n"
            };
            say(&chosen.iter().map(line).collect::<String>());
        } else if !chosen.is_empty() {
            let mut table = plain(["name", "state", "hears", "rate", "address"]);
            for one in chosen {
                let failing = one.failing_since.filter(|_| one.state == State::Active);
                let state = match failing {
                    Some(since) => format!("failing for {}", age(now - since)),
                    None => match &one.why {
                        Some(why) => format!("{}: {why}", one.state.name()),
                        None => one.state.name().to_owned(),
                    },
                };
                let pace = one.pace.clone().unwrap_or_default();
                table.add_row([one.name.clone(), state, hears(&one.wishes), pace, without_query(&one.url)]);
            }
            say(&drawn(&table));
        }
    }
    if !asked.json {
        say(&format!("{shown} of {all} subscribers of {}\n", ground.channel()));
    }
    Ok(())
}

fn hears(wishes: &Wishes) -> String {
    let severity = wishes.min_severity.map(|severity| format!("{} and above", severity.name()));
    let hazards = wishes.hazards.iter().map(|hazard| hazard.name().to_owned());
    let places = wishes.governorates.iter().map(ToString::to_string);
    let languages = wishes.languages.iter().map(|language| language.tag().to_owned());
    let parts: Vec<String> = severity.into_iter().chain(hazards).chain(places).chain(languages).collect();
    if parts.is_empty() { "everything".to_owned() } else { parts.join(" ") }
}

/// What stands behind `?` may be a secret.
fn without_query(url: &str) -> String {
    url.split_once('?').map_or_else(|| url.to_owned(), |(url, _)| format!("{url}?…"))
}
