//! `nadhir subscriber dead`: what subscribers did not get, when, and why.

use super::super::columns::{drawn, plain};
use super::ground::{Ground, say};
use super::{Ended, Where};
use crate::outbox::share::DeadLetter;
use crate::time::Timestamp;

/// How many are listed unless another number is asked for, and how many are read at once.
const USUAL: usize = 100;
const TOGETHER: usize = 1_000;

/// What `nadhir subscriber dead` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Dead {
    /// The name of one; of all of the channel where none is named.
    name: Option<String>,
    /// How many at most, the newest first.
    #[arg(long, value_name = "NUMBER", default_value_t = USUAL)]
    limit: usize,
    /// Go on after this place, which the end of the list before names.
    #[arg(long, value_name = "PLACE", value_parser = place)]
    after: Option<(i64, i64)>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: Where,
}

fn place(text: &str) -> Result<(i64, i64), String> {
    let parts = text.split_once('-').and_then(|(delivery, one)| Some((delivery.parse().ok()?, one.parse().ok()?)));
    parts.ok_or_else(|| format!("`{text}` is no place of this list: give the one that stands at its end"))
}

pub(super) fn run(asked: &Dead) -> Ended {
    let ground = Ground::open(&asked.at)?;
    let subscriber = asked.name.as_deref().map(|name| ground.find(name)).transpose()?.map(|found| found.id);
    let (mut after, mut shown) = (asked.after, 0);
    while shown < asked.limit {
        let wanted = TOGETHER.min(asked.limit - shown);
        let letters = ground.dead_letters(subscriber, after, wanted)?;
        let Some(last) = letters.last() else {
            after = None;
            break;
        };
        after = Some(last.after);
        shown += letters.len();
        say(&if asked.json { lines(&letters) } else { table(&letters) });
        if letters.len() < wanted {
            after = None;
            break;
        }
    }
    if !asked.json {
        let more = after.map(|(delivery, one)| format!("; older ones: --after {delivery}-{one}")).unwrap_or_default();
        say(&format!("{shown} messages did not arrive{more}\n"));
    }
    Ok(())
}

fn lines(letters: &[DeadLetter]) -> String {
    letters.iter().map(|one| serde_json::to_string(one).unwrap_or_default() + "\n").collect()
}

fn table(letters: &[DeadLetter]) -> String {
    let mut table = plain(["name", "bulletin", "when", "tries", "end", "why"]);
    for one in letters {
        let instant = |at: Timestamp| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let end = if one.is_given_up { "given up" } else { "time ran out" };
        let may_have = if one.may_have { "; it may have arrived" } else { "" };
        table.add_row([
            one.subscriber.clone(),
            one.bulletin.to_string(),
            one.at.map(instant).unwrap_or_default(),
            one.tries.to_string(),
            end.to_owned(),
            format!("{}{may_have}", one.why),
        ]);
    }
    drawn(&table)
}
