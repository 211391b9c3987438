//! One warning as an alert, in the authority's own words. What cannot be dated is strange; everything else is read, with its
//! defects noted.

use serde_json::Value;
use xxhash_rust::xxh3::Xxh3;

use super::shape::{Fields, plain};
use super::{level, region};
use crate::alert::{Alert, Certainty, Identity, MsgType, Scope, Status, Words};
use crate::feed::values::{self, shown};
use crate::feed::{Batch, Skip, cap};
use crate::governorate::GovernorateBook;
use crate::hazard::Severity;
use crate::time::{TimeDelta, Timestamp};

/// Who sends them. The center's own CAP alerts have a name that is registered for CAP; this is not it.
const SENDER: &str = "ncm.gov.sa";
/// The most hazards of one warning.
const MAX_HAZARDS: usize = 50;
/// The offset of times that have none: Saudi Arabia's, which knows no summer time.
const HOME_OFFSET: TimeDelta = TimeDelta::hours(3);
/// The most characters of one text that are kept.
const MAX_TEXT_CHARS: usize = 20_000;

/// Reads warnings.
pub(super) struct Reader<'a> {
    pub(super) book: &'a GovernorateBook,
    pub(super) default_life: TimeDelta,
    pub(super) now: Timestamp,
}

impl Reader<'_> {
    /// Reads one warning into the batch: as an alert, as something strange, or as both; one of another region as an alert without a place.
    pub(super) fn alert(&self, fields: &Fields<'_>, part: &str, batch: &mut Batch) {
        let mut defects = Vec::new();
        let places = region::places(fields, self.book, &mut defects);
        // One of another region may have been one of ours before it was edited. What is odd about it is nobody's trouble here.
        let is_elsewhere = places.is_elsewhere;
        let mut strange = |why: String| {
            if !is_elsewhere {
                batch.strange.push(Skip { part: part.to_owned(), why });
            }
        };
        if places.found.is_empty() {
            strange(format!("none of its places is known: {}", places.unknown.join("; ")));
        }
        let mut date = |keys: &[&str], defects: &mut Vec<String>| {
            let value = fields.get(keys)?;
            moment(keys.first().copied().unwrap_or_default(), value, defects).map_err(&mut strange).ok()
        };
        let modified = date(&["lastmodified", "modified", "updated", "issuedate", "issued"], &mut defects);
        let from = date(&["fromdate", "from", "startdate", "start", "onset"], &mut defects);
        let to = date(&["todate", "to", "enddate", "end", "expires"], &mut defects);
        let Some(sent) = modified.or(from) else {
            return strange("it has no date that could be read: it is not relayed".to_owned());
        };
        if modified.is_none() {
            defects.push("it does not say when it was written; its beginning is taken for that".to_owned());
        }
        let severity = level::level(fields, &mut defects).unwrap_or_else(|| {
            strange("it names no level known here; it is relayed as yellow".to_owned());
            defects.push("it names no level, read as yellow".to_owned());
            Severity::Yellow
        });
        let onset = from.unwrap_or(sent);
        let expires = to.unwrap_or_else(|| {
            let life = crate::time::span_text(self.default_life);
            defects.push(format!("it does not say when it ends; it is taken to hold for {life}"));
            onset.max(sent) + self.default_life
        });
        if expires <= onset {
            defects.push("it ends before it begins".to_owned());
        }
        let line = name(fields).unwrap_or_else(|| {
            defects.push("it has no id".to_owned());
            format!("ews-{:016x}", number_of(fields, &["title", "regionar", "regiondid", "governorates", "fromdate"]))
        });
        let hazards = hazards(fields);
        let words = words(fields, &hazards);
        if words.is_empty() {
            defects.push("it has no words".to_owned());
        }
        let listed = hazards.iter().map(|(_, text)| *text).collect::<Vec<_>>().join("، ");
        let others = ["alerttypear", "alerttype", "title", "titleen", "message", "messageen"];
        let others = others.iter().filter_map(|key| fields.text(&[key]));
        let hazard = cap::hazard_of([listed.as_str()].into_iter().chain(others));
        let mut alert = Alert {
            identity: Identity { sender: SENDER.to_owned(), identifier: String::new(), sent },
            line: None,
            part: 0,
            fingerprint: 0,
            read_at: modified.is_none().then_some(self.now),
            status: if level::is_drill(fields) { Status::Test } else { Status::Actual },
            scope: Scope::Public,
            msg_type: if level::is_cancelled(fields) { MsgType::Cancel } else { MsgType::Alert },
            references: Vec::new(),
            hazard,
            severity,
            certainty: Certainty::Unknown,
            onset,
            expires,
            words,
            areas: self.book.iter().map(|place| place.id.clone()).filter(|id| places.found.contains(id)).collect(),
            unplaced: places.unknown,
            all_clear: false,
            defects,
        };
        alert.fingerprint = fingerprint(&alert);
        alert.identity.identifier = format!("{line}.{:016x}", alert.fingerprint);
        alert.line = Some(line);
        batch.alerts.push(alert);
    }
}

/// Its own name: `ews-1234`.
fn name(fields: &Fields<'_>) -> Option<String> {
    let text = match fields.get(&["id", "alertid"])? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    // Names of CAP hold no blanks, commas, `<` or `&`.
    let text: String =
        text.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':')).take(100).collect();
    (!text.is_empty()).then(|| format!("ews-{text}"))
}

/// A number of all that an alert says: what is saved anew without a change is the same, and what is beside the warning, such as
/// how often it was looked at, does not count.
fn fingerprint(alert: &Alert) -> u64 {
    let said = (alert.status, alert.msg_type, alert.hazard, alert.severity, alert.onset, alert.expires);
    let whom = (&alert.words, &alert.areas, &alert.unplaced);
    let mut hasher = Xxh3::new();
    for text in [serde_json::to_string(&said), serde_json::to_string(&whom)].into_iter().flatten() {
        hasher.update(text.as_bytes());
    }
    hasher.digest()
}

/// A number of some of its keys as they were written.
fn number_of(fields: &Fields<'_>, keys: &[&str]) -> u64 {
    let mut hasher = Xxh3::new();
    for value in keys.iter().filter_map(|key| fields.get(&[key])) {
        hasher.update(value.to_string().as_bytes());
    }
    hasher.digest()
}

/// A date in any form that was thought of: ISO, day first, `/Date(…)/`, seconds or milliseconds since 1970.
fn moment(key: &str, value: &Value, defects: &mut Vec<String>) -> Result<Timestamp, String> {
    let unreadable = || format!("`{key}` is not a date known here: «{}»", shown(&value.to_string()));
    let text = match value {
        Value::Number(number) => return number.as_i64().and_then(values::epoch_by_size).ok_or_else(unreadable),
        Value::String(text) => values::western(text),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return Err(unreadable()),
    };
    if let Some(count) = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) {
        // An offset beside it is only the one that it should be shown in.
        let end =
            count.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-')).map_or(count.len(), |(place, _)| place);
        let count = count.get(..end).and_then(|count| count.parse().ok());
        return count.and_then(|count| values::epoch(count, true)).ok_or_else(unreadable);
    }
    if let Ok(count) = text.parse() {
        return values::epoch_by_size(count).ok_or_else(unreadable);
    }
    let civil = values::civil(&text).ok_or_else(unreadable)?;
    let offset = match civil.offset {
        Some(offset) => TimeDelta::seconds(offset.local_minus_utc().into()),
        None => {
            defects.push(format!("`{key}` has no offset, read as +03:00: «{}»", shown(&text)));
            HOME_OFFSET
        }
    };
    civil.at.and_utc().checked_sub_signed(offset).ok_or_else(unreadable)
}

/// The hazards by name, each with whether it is Arabic.
fn hazards<'a>(fields: &Fields<'a>) -> Vec<(bool, &'a str)> {
    let Some(listed) = fields.get(&["alerthazards", "hazards", "alerthazard"]) else { return Vec::new() };
    let mut found = Vec::new();
    let mut take = |value: &'a Value| match value {
        Value::String(text) => found.push(text.as_str()),
        Value::Object(object) => {
            let names = object.iter().filter(|(key, _)| {
                let key = plain(key);
                key.contains("description") || key.contains("name") || matches!(key.as_str(), "ar" | "en" | "title")
            });
            found.extend(names.filter_map(|(_, value)| value.as_str()));
        }
        _ => {}
    };
    match listed {
        Value::Array(list) => list.iter().take(MAX_HAZARDS).for_each(take),
        other => take(other),
    }
    found.into_iter().map(str::trim).filter(|text| !text.is_empty()).map(|text| (is_arabic(text), text)).collect()
}

fn is_arabic(text: &str) -> bool {
    text.chars().any(|c| matches!(c, '\u{620}'..='\u{64a}'))
}

/// The words in each language that it speaks, as they came.
fn words(fields: &Fields<'_>, hazards: &[(bool, &str)]) -> Vec<Words> {
    let web = fields.text(&["link", "url"]).filter(|link| link.starts_with("http"));
    let kept = |text: &str| text.chars().take(MAX_TEXT_CHARS).collect::<String>();
    let one = |arabic: bool| {
        let text = |keys: &[&str]| {
            let texts = keys.iter().filter_map(|key| fields.text(&[key]));
            texts.into_iter().find(|text| is_arabic(text) == arabic).map(kept)
        };
        let headline = text(&["title", "titlear", "titleen"]);
        let description = text(&["message", "messagear", "messageen", "description", "descriptionar", "descriptionen"]);
        let listed: Vec<&str> = hazards.iter().filter(|(is, _)| *is == arabic).map(|(_, text)| *text).collect();
        let listed = (!listed.is_empty()).then(|| listed.join(if arabic { "، " } else { ", " }));
        let kind = text(&["alerttypear", "alerttypeen", "alerttype"]);
        // A bare word for the kind is not yet a text that people could read.
        if headline.is_none() && description.is_none() && (!arabic || listed.is_none() && kind.is_none()) {
            return None;
        }
        Some(Words {
            language: if arabic { "ar" } else { "en" }.to_owned(),
            event: listed.or(kind).or_else(|| headline.clone()).unwrap_or_default(),
            headline,
            description,
            web: web.map(str::to_owned),
            ..Words::default()
        })
    };
    [true, false].into_iter().filter_map(one).collect()
}
