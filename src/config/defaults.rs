//! `[defaults.rain]` in any rule file: what every rule of a hazard says when it does not say otherwise.

use std::collections::BTreeMap;

use super::Files;
use super::rules::{MAX_LOOK_AHEAD, MAX_PATIENCE, SIGHTS, origin, patience};
use crate::hazard::{Hazard, Severity};
use crate::problem::{Problems, advice};
use crate::rule::Sight;
use crate::table::{Found, Table, read_again};
use crate::time::TimeDelta;

/// The name that no rule may have.
pub(super) const NAME: &str = "defaults";

/// What the rules of one hazard inherit.
#[derive(Debug, Clone, Default)]
pub(super) struct Defaults {
    pub(super) sight: Option<Sight>,
    pub(super) look_ahead: Option<TimeDelta>,
    pub(super) rise_after: Option<TimeDelta>,
    pub(super) ease_after: Option<TimeDelta>,
    pub(super) lasts: Option<TimeDelta>,
    pub(super) highest_from_forecast: Option<Severity>,
    pub(super) source: Option<String>,
}

/// Reads the defaults of every rule file.
pub(super) fn read(files: &Files, problems: &Problems) -> BTreeMap<Hazard, Defaults> {
    let mut all: BTreeMap<Hazard, (String, Defaults)> = BTreeMap::new();
    for (_, file) in files.iter().filter(|(name, _)| name.starts_with("rules/")) {
        read_again(file, problems, |root| {
            let tables = if root.has(NAME) { root.table(NAME) } else { None };
            for (name, table) in tables.iter().flat_map(Table::named_tables) {
                let Some(hazard) = hazard(&name, &table) else { continue };
                if let Some((first, _)) = all.get(&hazard) {
                    let help = Some(format!("the others are in {first}: write them in one place"));
                    table.error(&name.span, format!("`{hazard}` has defaults twice"), help);
                }
                all.insert(hazard, (file.name.clone(), defaults(table)));
            }
        });
    }
    all.into_iter().map(|(hazard, (_, defaults))| (hazard, defaults)).collect()
}

fn hazard(name: &Found<String>, table: &Table<'_>) -> Option<Hazard> {
    let found = Hazard::parse(&name.value);
    if found.is_none() {
        let names: Vec<&str> = Hazard::ALL.iter().map(|hazard| hazard.name()).collect();
        table.error(&name.span, format!("no hazard is called `{}`", name.value), advice(&name.value, &names));
    }
    found
}

fn defaults(table: Table<'_>) -> Defaults {
    let severities: Vec<(&str, Severity)> = Severity::OF_RULES.iter().map(|one| (one.name(), *one)).collect();
    let defaults = Defaults {
        sight: table.word("sight", &SIGHTS).map(|found| found.value),
        look_ahead: patience(&table, "look_ahead", MAX_LOOK_AHEAD),
        rise_after: patience(&table, "rise_after", MAX_PATIENCE),
        ease_after: patience(&table, "ease_after", MAX_PATIENCE),
        lasts: patience(&table, "lasts", MAX_PATIENCE),
        highest_from_forecast: table.word("highest_from_forecast", &severities).map(|found| found.value),
        source: table.text("source", origin).map(|found| found.value),
    };
    table.finish();
    defaults
}
