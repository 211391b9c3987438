//! The alerts of a storm file: who speaks, and what is said when and where.
//!
//! An alert without an area is refused here: it would warn nobody, and must never be taken for one that warns all.

use super::{A_MOMENT, both, moment, not_blank, plain_word, section, whole};
use crate::alert::{MsgType, Status};
use crate::cli::demo::storm::cap;
use crate::hazard::Severity;
use crate::language::Both;
use crate::problem::advice;
use crate::table::Table;
use crate::time::Timestamp;

pub(super) fn read_authority(table: &Table<'_>) -> Option<cap::Authority> {
    let sender = table.need_text("sender", "\"reconstruction@nadhir.invalid\"", plain_word);
    let name = section(table, "name").and_then(|name| whole(name, both));
    let web = table.text("web", not_blank);
    Some(cap::Authority { sender: sender?.value, name: name?, web: web.map(|found| found.value) })
}

pub(super) fn read_alerts(top: &Table<'_>) -> Vec<cap::Published> {
    let mut alerts: Vec<cap::Published> = Vec::new();
    for table in top.tables("alert") {
        alerts.extend(whole(table, |table| read_alert(table, &alerts)));
    }
    alerts
}

fn read_alert(table: &Table<'_>, earlier: &[cap::Published]) -> Option<cap::Published> {
    const TYPES: &[(&str, MsgType)] =
        &[("Alert", MsgType::Alert), ("Update", MsgType::Update), ("Cancel", MsgType::Cancel)];
    const STATUSES: &[(&str, Status)] =
        &[("Actual", Status::Actual), ("Exercise", Status::Exercise), ("Test", Status::Test)];
    let identifier = table.need_text("identifier", "\"…\"", plain_word);
    let status = table.word("status", STATUSES).map_or(Status::Actual, |found| found.value);
    let msg_type = table.word("type", TYPES).map_or(MsgType::Alert, |found| found.value);
    let severity = table.need_text("severity", "\"red\"", |word| {
        Severity::parse(word).ok_or_else(|| format!("`{word}` is not one of advisory, yellow, orange, red"))
    });
    let at = table.need("published", A_MOMENT, moment);
    let onset = table.need("onset", A_MOMENT, moment);
    let expires = table.need("expires", A_MOMENT, moment);
    if let (Some(at), Some(onset), Some(expires)) = (&at, &onset, &expires)
        && expires.value <= onset.value.max(at.value)
    {
        table.error(&expires.span, "the alert expires before it begins", None);
    }
    let references = read_references(table, earlier);
    if msg_type != MsgType::Alert && references.is_empty() {
        table.error(
            &table.span,
            "an `Update` or `Cancel` must say what it refers to",
            Some("add `references = [ … ]`".to_owned()),
        );
    }
    if let Some(again) = identifier.as_ref().filter(|own| earlier.iter().any(|alert| alert.identifier == own.value)) {
        table.error(&again.span, format!("`{}` is the name of an earlier alert", again.value), None);
    }
    let (ar, en) = (section(table, "ar"), section(table, "en"));
    let (ar, en) = (ar.and_then(|words| whole(words, read_words)), en.and_then(|words| whole(words, read_words)));
    let areas: Vec<_> = table.tables("area").into_iter().filter_map(|area| whole(area, read_area)).collect();
    if areas.is_empty() {
        table.error(&table.span, "the alert has no `[[alert.area]]`: nobody would be warned", None);
    }
    Some(cap::Published {
        identifier: identifier?.value,
        status,
        msg_type,
        references,
        at: at?.value,
        severity: severity?.value,
        onset: onset?.value,
        expires: expires?.value,
        words: Both { ar: ar?, en: en? },
        areas,
    })
}

fn read_references(table: &Table<'_>, earlier: &[cap::Published]) -> Vec<(String, Timestamp)> {
    let named = table.texts("references").unwrap_or_default();
    let found = named.into_iter().filter_map(|name| {
        let alert = earlier.iter().find(|alert| alert.identifier == name.value);
        if alert.is_none() {
            let known: Vec<&str> = earlier.iter().map(|alert| alert.identifier.as_str()).collect();
            table.error(&name.span, format!("no earlier alert is named `{}`", name.value), advice(&name.value, &known));
        }
        Some((name.value, alert?.at))
    });
    found.collect()
}

fn read_words(table: &Table<'_>) -> Option<cap::Words> {
    let event = table.need_text("event", "\"…\"", not_blank);
    let headline = table.need_text("headline", "\"…\"", not_blank);
    let description = table.need_text("description", "\"…\"", not_blank);
    let instruction = table.text("instruction", not_blank);
    Some(cap::Words {
        event: event?.value,
        headline: headline?.value,
        description: description?.value,
        instruction: instruction.map(|found| found.value),
    })
}

fn read_area(table: &Table<'_>) -> Option<cap::Area> {
    let ar = table.need_text("ar", "\"جدة\"", not_blank);
    let en = table.text("en", not_blank);
    let polygon = table.text("polygon", not_blank);
    let ar = ar?.value;
    let en = en.map_or_else(|| ar.clone(), |found| found.value);
    Some(cap::Area { name: Both { ar, en }, polygon: polygon.map(|found| found.value) })
}
