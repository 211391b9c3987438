//! Holds a program against the contract: runs it as the service would, on messages that say of themselves that they are tests, and tells
//! which promises it keeps. What a program does beyond its exit code and its words, nobody sees from here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::run::{End, Program, Said};
use super::{Verdict, is_program, verdict};
use crate::hazard::Severity;
use crate::ids::BulletinId;
use crate::sink::Parcel;
use crate::time::{TimeDelta, Timestamp};

/// How long the text of the long message is in each language, in characters: a warning of many places, and more.
const LONG: usize = 20_000;

/// How long what is tried would be told.
const LIFE: TimeDelta = TimeDelta::hours(1);

/// The number of a warning that was never given.
const NUMBER: &str = "TEST-0000-000000";

/// One promise of the contract, and whether it was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The promise.
    pub promise: &'static str,
    /// Whether it was kept.
    pub kept: bool,
    /// What was seen.
    pub seen: String,
}

/// What is tried.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Where it is started.
    pub dir: PathBuf,
    /// How long each run may take.
    pub timeout: Duration,
}

/// Runs the program against every promise. `key` is what the keys of this trial begin with: one that no other trial had.
pub async fn hold(trial: &Trial, key: &str, now: Timestamp) -> Vec<Check> {
    if let Err(why) = is_program(&trial.program) {
        return vec![check("can be started", false, why)];
    }
    let program = Program {
        path: trial.program.clone(),
        args: trial.args.clone(),
        dir: trial.dir.clone(),
        timeout: trial.timeout,
    };
    let sent = |name: &str, attempt, body: &str| parcel(format!("{key}/{name}"), attempt, body, now);
    let short = message("تحذير تجريبي: أمطار غزيرة على جدة", "Test: heavy rain on Jeddah", now);
    let long = message(&"أ".repeat(LONG), &"a".repeat(LONG), now);
    let first = program.run(&sent("1", 1, &short)).await;
    let again = program.run(&sent("1", 2, &short)).await;
    let at_length = program.run(&sent("2", 1, &long)).await;
    let torn = program.run(&sent("3", 1, "{\"type\": \"warning.issu")).await;
    let empty = program.run(&sent("4", 1, "")).await;
    let all = [&first, &again, &at_length, &torn, &empty];
    vec![
        check("can be started", !all.iter().any(|end| matches!(end, End::NotStarted(_))), shown(&first)),
        check("takes a message", is_told(&first), shown(&first)),
        check(
            "says that it has taken what comes again under the same key",
            is_told(&first) && is_told(&again),
            shown(&again),
        ),
        check("takes a long message", is_told(&at_length), shown(&at_length)),
        check("refuses what is no JSON", is_refused(&torn), shown(&torn)),
        check("refuses what is empty", is_refused(&empty), shown(&empty)),
        reasons(&[&torn, &empty]),
        receipts(&[&first, &again, &at_length]),
        in_time(&all, trial.timeout),
    ]
}

fn check(promise: &'static str, kept: bool, seen: String) -> Check {
    Check { promise, kept, seen }
}

fn is_told(end: &End) -> bool {
    matches!(end, End::Exit { code, .. } if verdict(*code) == Verdict::Told)
}

/// Only on purpose: a program that breaks down is tried with the same message again and again.
fn is_refused(end: &End) -> bool {
    matches!(end, End::Exit { code, .. } if verdict(*code) == Verdict::Never)
}

/// Whether every refusal says why.
fn reasons(refusals: &[&End]) -> Check {
    let refused: Vec<&&End> = refusals.iter().filter(|end| is_refused(end)).collect();
    let mute = refused.iter().filter(|end| said(end).is_none_or(|said| said.reason().is_empty())).count();
    let seen = match (refused.len(), mute) {
        (0, _) => "it refused nothing".to_owned(),
        (_, 0) => refused.first().and_then(|end| said(end)).map(Said::reason).unwrap_or_default(),
        (all, mute) => format!("nothing on standard error in {mute} of {all} refusals"),
    };
    check("says on standard error why it refuses", !refused.is_empty() && mute == 0, seen)
}

/// Whether no run said more than a line on standard output.
fn receipts(taken: &[&End]) -> Check {
    let lines = |end: &&End| said(end).map_or(0, |said| said.out.lines().count());
    let most = taken.iter().map(lines).max().unwrap_or(0);
    let first = taken.first().and_then(|end| said(end)).map(Said::receipt).unwrap_or_default();
    let seen = match most {
        0 => "no receipt".to_owned(),
        1 => first,
        more => format!("{more} lines on standard output"),
    };
    check("prints no more than one line, the receipt", most <= 1, seen)
}

fn in_time(all: &[&End], timeout: Duration) -> Check {
    let overdue = all.iter().filter(|end| matches!(end, End::Overdue { .. })).count();
    let seen = match overdue {
        0 => format!("all {} runs within {} s", all.len(), timeout.as_secs()),
        overdue => format!("{overdue} of {} runs did not end in {} s", all.len(), timeout.as_secs()),
    };
    check("ends in time", overdue == 0, seen)
}

fn said(end: &End) -> Option<&Said> {
    match end {
        End::Exit { said, .. } | End::Signal { said, .. } | End::Overdue { said } => Some(said),
        End::NotStarted(_) | End::Lost(_) => None,
    }
}

fn shown(end: &End) -> String {
    let because = said(end).map(Said::reason).filter(|said| !said.is_empty());
    let because = because.map(|said| format!(": {said}")).unwrap_or_default();
    match end {
        End::NotStarted(why) | End::Lost(why) => why.clone(),
        End::Exit { code, .. } => format!("exit code {code}{because}"),
        End::Signal { signal, .. } => format!("ended by signal {signal}{because}"),
        End::Overdue { .. } => format!("killed, since it did not end{because}"),
    }
}

fn parcel(key: String, attempt: u32, body: &str, now: Timestamp) -> Parcel {
    Parcel {
        key,
        bulletin: BulletinId::new(NUMBER, 1),
        attempt,
        body: Arc::from(body),
        content_type: "application/json".to_owned(),
        loudness: Severity::Advisory,
        now,
        expires: now + LIFE,
        pictures: Vec::new(),
        corrects: None,
        asks: None,
    }
}

/// A message in the shape of the form `json`, of a warning that is a test.
fn message(ar: &str, en: &str, now: Timestamp) -> String {
    let instant = now.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let jeddah = json!({ "id": "jeddah", "code": "0202", "name": { "ar": "جدة", "en": "Jeddah" } });
    json!({
        "type": "warning.issued",
        "timestamp": instant,
        "data": {
            "id": format!("{NUMBER}.1"), "number": NUMBER, "edition": 1, "replaces": [], "change": "issued", "status": "Test",
            "hazard": "rain", "severity": "advisory", "was": null, "areas": [jeddah], "left": [],
            "issued": instant, "onset": instant, "until": instant, "official": false,
            "source": { "feeds": [], "authority": null, "alert": null }, "evidence": [], "silent_since": null,
            "text": { "ar": { "headline": ar, "body": ar }, "en": { "headline": en, "body": en } }, "sources": [],
        },
    })
    .to_string()
}
