//! `[[rain-rate-1h.override]]`: what is otherwise of a rule in some governorates or seasons.

use std::collections::BTreeSet;

use super::rules::{MAX_PATIENCE, World, patience};
use super::selection;
use super::threshold::{KEYS, Measure, Thresholds};
use crate::ids::{GovernorateId, SeasonId};
use crate::problem::advice;
use crate::rule::{Changes, Override};
use crate::table::{Found, Table};

/// The most overrides of a rule.
pub const MAX_OVERRIDES: usize = 50;

/// Reads the overrides of a rule that holds in these governorates; `base` is what it says itself, when that could be read.
pub(super) fn read(
    table: &Table<'_>,
    base: Option<(Measure, &Thresholds)>,
    governorates: &BTreeSet<GovernorateId>,
    world: &World<'_>,
) -> Vec<Override> {
    let tables = table.tables("override");
    if MAX_OVERRIDES < tables.len() {
        table.error(&table.span, format!("`{}` has more than {MAX_OVERRIDES} overrides", table.name()), None);
    }
    tables.into_iter().take(MAX_OVERRIDES).map(|inner| one(inner, base, governorates, world)).collect()
}

fn one(
    table: Table<'_>,
    base: Option<(Measure, &Thresholds)>,
    governorates: &BTreeSet<GovernorateId>,
    world: &World<'_>,
) -> Override {
    let chosen = selection::governorates(&table, "governorates", world.book);
    if let Some(stranger) = chosen.as_ref().and_then(|chosen| chosen.iter().find(|place| !governorates.contains(place)))
    {
        let help = format!("take `{stranger}` out here, or add it to the rule's own `governorates`");
        let message = format!("the rule does not hold in `{stranger}` at all");
        table.error(&table.span_of("governorates"), message, Some(help));
    }
    let seasons = seasons(&table, world);
    if !table.has("governorates") && !table.has("seasons") {
        let help =
            "say where or when: governorates = [\"taif\"], seasons = [\"hajj\"]; or change the rule itself".to_owned();
        table.error(&table.span, "an override that holds everywhere and always", Some(help));
    }
    let is_enabled = table.flag("enabled").map(|found| found.value);
    let thresholds = match base {
        Some((measure, base)) => base.overridden(&table, measure).map(|own| own.list(measure)),
        None => {
            // Asked for so as not to be called unknown.
            for key in KEYS {
                table.get(key, |_| Ok(()));
            }
            None
        }
    };
    let changes = Changes {
        is_enabled,
        thresholds,
        rise_after: patience(&table, "rise_after", MAX_PATIENCE),
        ease_after: patience(&table, "ease_after", MAX_PATIENCE),
        lasts: patience(&table, "lasts", MAX_PATIENCE),
    };
    let keys = KEYS.into_iter().chain(["enabled", "rise_after", "ease_after", "lasts"]);
    if !keys.into_iter().any(|key| table.has(key)) {
        let help = "write what is otherwise: at_least = { red = \"30 mm\" }, ease_after, enabled = false".to_owned();
        table.error(&table.span, "an override that changes nothing", Some(help));
    }
    table.finish();
    Override { governorates: chosen, seasons, changes }
}

/// Reads `seasons`, each of which must be one of `seasons.toml`.
fn seasons(table: &Table<'_>, world: &World<'_>) -> BTreeSet<SeasonId> {
    let known: Vec<&str> = world.seasons.iter().map(|(name, _)| name.as_str()).collect();
    let read = |name: &Found<String>| {
        let found = SeasonId::new(&name.value).ok().filter(|id| world.seasons.has(id));
        if found.is_none() {
            let help = if known.is_empty() {
                Some("write it into seasons.toml: [hajj] with `from` and `to`".to_owned())
            } else {
                advice(&name.value, &known)
            };
            table.error(&name.span, format!("no season is called `{}`", name.value), help);
        }
        found
    };
    let names = table.texts("seasons").unwrap_or_default();
    if names.is_empty() && table.has("seasons") {
        table.error(&table.span_of("seasons"), "`seasons` is empty: leave it out to mean always", None);
    }
    names.iter().filter_map(read).collect()
}
