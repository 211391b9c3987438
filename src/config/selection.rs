//! Choosing governorates: all, by name, or by tag. A choice that finds nobody is a mistake, and never everybody.

use std::collections::BTreeSet;

use crate::governorate::GovernorateBook;
use crate::ids::GovernorateId;
use crate::problem::{advice, nearest};
use crate::table::{Found, Table, as_text};
use crate::unit::{Dimension, parse_quantity};

use toml::de::DeValue;

/// Reads a key that chooses governorates: `"all"`, `["jeddah"]`, `{ tags = ["coastal"] }`, `{ without_tags = ["highland"] }` or
/// `{ at_least = "1500 m" }` and `{ at_most = "300 m" }` by the height of the seat; of several all must be true.
/// None when the key is absent, says all, or is wrong; what is wrong is noted.
pub fn governorates(table: &Table<'_>, key: &'static str, book: &GovernorateBook) -> Option<BTreeSet<GovernorateId>> {
    let form = table.get(key, |value| Ok(value.type_str()))?;
    let chosen = match form.value {
        "string" => {
            all(table, key, book);
            return None;
        }
        "table" => tagged(table.table(key)?, book),
        _ => listed(table, &table.texts(key)?, book),
    };
    if chosen.is_empty() && !book.is_empty() {
        table.error(
            &form.span,
            format!("`{key}` finds no governorate"),
            Some("leave the key out, or write \"all\", to mean every governorate".to_owned()),
        );
        return None;
    }
    Some(chosen)
}

fn all(table: &Table<'_>, key: &'static str, book: &GovernorateBook) {
    let Some(word) = table.text(key, |text| Ok(text.to_owned())) else { return };
    if word.value != "all" {
        let help = match known(&word.value, book) {
            Ok(id) => format!("write a list: `{key} = [\"{id}\"]`"),
            Err(_) => "write \"all\", a list of names, or { tags = [\"coastal\"] }".to_owned(),
        };
        table.error(&word.span, format!("`{key}`: `{}` is not \"all\"", word.value), Some(help));
    }
}

fn listed(table: &Table<'_>, names: &[Found<String>], book: &GovernorateBook) -> BTreeSet<GovernorateId> {
    let mut chosen = BTreeSet::new();
    let mut has_fault = false;
    for name in names {
        match known(&name.value, book) {
            Ok(id) => {
                if !chosen.insert(id) {
                    table.warning(&name.span, format!("`{}` is named twice", name.value), None);
                }
            }
            Err(help) => {
                has_fault = true;
                table.error(&name.span, format!("no governorate is called `{}`", name.value), help);
            }
        }
    }
    if has_fault { everybody(book) } else { chosen }
}

/// Stands in for a choice with a mistake, which was told already: it must not be called empty as well.
fn everybody(book: &GovernorateBook) -> BTreeSet<GovernorateId> {
    book.iter().map(|governorate| governorate.id.clone()).collect()
}

/// The governorate of an identifier, or what to write instead.
pub fn known(name: &str, book: &GovernorateBook) -> Result<GovernorateId, Option<String>> {
    if let Some(governorate) = GovernorateId::new(name).ok().and_then(|id| book.get(&id)) {
        return Ok(governorate.id.clone());
    }
    if let Some(governorate) = book.named(name) {
        return Err(Some(format!("write `{}`", governorate.id)));
    }
    let ids: Vec<&str> = book.iter().map(|governorate| governorate.id.as_str()).collect();
    Err(advice(name, &ids))
}

fn tagged(table: Table<'_>, book: &GovernorateBook) -> BTreeSet<GovernorateId> {
    let wanted = table.texts("tags");
    let unwanted = table.texts("without_tags");
    let height = |key| Some(table.get(key, height)?.value);
    let (least, most) = (height("at_least"), height("at_most"));
    let is_written = KEYS.iter().any(|key| table.has(key));
    if !is_written {
        let help = "such as { tags = [\"coastal\"] } or { at_least = \"1500 m\" }".to_owned();
        table.error(&table.span, "it says neither `tags` nor a height", Some(help));
    }
    let has_fault = !is_written || has_unknown_tag(&table, wanted.iter().chain(&unwanted).flatten(), book);
    table.finish();
    if has_fault {
        return everybody(book);
    }
    let has = |tags: &BTreeSet<String>, list: &Option<Vec<Found<String>>>| {
        list.as_ref().map(|list| list.iter().any(|tag| tags.contains(&tag.value)))
    };
    book.iter()
        .filter(|g| has(&g.tags, &wanted).unwrap_or(true) && !has(&g.tags, &unwanted).unwrap_or(false))
        .filter(|g| least.is_none_or(|least| least <= g.elevation_m) && most.is_none_or(|most| g.elevation_m <= most))
        .map(|g| g.id.clone())
        .collect()
}

/// The keys of a choice by what governorates are like.
const KEYS: [&str; 4] = ["tags", "without_tags", "at_least", "at_most"];

/// A height above mean sea level, m.
fn height(value: &DeValue<'_>) -> Result<f64, String> {
    let (value, unit) = parse_quantity(as_text(value)?)?;
    match unit.dimension() {
        Dimension::Length => Ok(value),
        other => Err(format!("{} is no height: write metres, such as `1500 m`", other.name())),
    }
}

fn has_unknown_tag<'f>(
    table: &Table<'_>,
    tags: impl Iterator<Item = &'f Found<String>>,
    book: &GovernorateBook,
) -> bool {
    let all_tags: BTreeSet<&str> = book.iter().flat_map(|g| g.tags.iter().map(String::as_str)).collect();
    let mut has_unknown = false;
    for tag in tags.filter(|tag| !all_tags.contains(tag.value.as_str())) {
        has_unknown = true;
        let help = match nearest(&tag.value, all_tags.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("tags of governorates.toml: {}", all_tags.iter().copied().collect::<Vec<_>>().join(", ")),
        };
        table.error(&tag.span, format!("no governorate has the tag `{}`", tag.value), Some(help));
    }
    has_unknown
}
