//! `nadhir feed try --file`: reads files as a feed would read its answers, and tells of each what it holds or why it was refused.
//!
//! Whatever a file holds, it is read or refused with a sentence; a decoder that breaks down over one is a refusal of that one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use url::Url;

use super::super::check::{self, EX_CONFIG, EX_IOERR, EX_NOINPUT, EX_OK, counted};
use super::super::columns::{drawn, plain};
use super::super::complain;
use super::reader::{self, Reader};
use crate::config;
use crate::daemon::clock::Clock;
use crate::feed::cap::{self, CapAlert, Moment, model::CapArea, model::CapInfo, model::DEFAULT_LANGUAGE};
use crate::feed::{DecodeError, Feed};
use crate::governorate::GovernorateBook;
use crate::time::Timestamp;

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 64 << 20;
/// The most files of one run.
const MAX_FILES: usize = 100_000;
/// How deep directories are gone into.
const MAX_DEPTH: usize = 32;
/// The longest reason that a table shows, in characters.
const SHOWN: usize = 100;
/// Where a file is taken to lie, for the links of a list; the name can be nobody's (RFC 2606).
const BASE: &str = "https://file.invalid/";

/// Reads the files and writes what was found; returns the exit code.
pub(super) fn run(paths: &[PathBuf], kind: &str, dir: Option<&Path>, json: bool, out: &mut dyn Write) -> u8 {
    let missing: Vec<&PathBuf> = paths.iter().filter(|path| fs::symlink_metadata(path).is_err()).collect();
    if !missing.is_empty() {
        missing.iter().for_each(|path| complain(&format_args!("there is no file or directory {}", path.display())));
        return EX_NOINPUT;
    }
    let config = match config::load(dir) {
        Ok((config, _)) => config,
        Err(problems) => {
            check::report(&problems, &mut anstream::stderr());
            return EX_CONFIG;
        }
    };
    let reader = match reader::of(kind, &config) {
        Ok((reader, word)) => {
            word.iter().for_each(|word| complain(word));
            reader
        }
        Err(why) => {
            complain(&why);
            return EX_CONFIG;
        }
    };
    let now = Clock::System.now();
    let mut files = Vec::new();
    paths.iter().for_each(|path| collect(path, 0, &mut files));
    let mut told = Told::default();
    for path in &files {
        let report = read(path, &reader, now);
        let written = if json { line(&report, out) } else { Ok(()) };
        if written.is_err() {
            break;
        }
        told.take(&report);
    }
    let written = if json { Ok(()) } else { out.write_all(told.shown().as_bytes()) };
    match written.and_then(|()| out.flush()) {
        // Who closed the pipe has seen enough.
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => EX_IOERR,
        _ => EX_OK,
    }
}

fn line(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let text = serde_json::to_string(report)?;
    writeln!(out, "{text}")
}

/// The plain files below a path, in order. Links to directories are not followed: they may lead round.
fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    if MAX_FILES <= files.len() {
        return;
    }
    let is_directory =
        if depth == 0 { path.is_dir() } else { fs::symlink_metadata(path).is_ok_and(|about| about.is_dir()) };
    if !is_directory || MAX_DEPTH < depth {
        // What was named is always told of; what lies about in a directory only when it is a file.
        if depth == 0 || path.is_file() {
            files.push(path.to_owned());
        }
        return;
    }
    let Ok(entries) = fs::read_dir(path) else { return files.push(path.to_owned()) };
    let mut within: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    within.sort();
    within.iter().for_each(|path| collect(path, depth + 1, files));
}

/// What is told of one file.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    outcome: Outcome,
    reason: Option<String>,
    defects: Vec<String>,
    points_to: usize,
    alerts: Vec<AlertReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<Counts>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Read,
    Refused,
}

/// What a file of another kind than CAP held.
#[derive(Debug, Serialize)]
struct Counts {
    readings: usize,
    alerts: usize,
    skipped: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertReport {
    identifier: String,
    sender: String,
    sent: String,
    status: Option<String>,
    msg_type: Option<String>,
    scope: Option<String>,
    references: Vec<String>,
    note: Option<String>,
    infos: Vec<InfoReport>,
}

#[derive(Debug, Serialize)]
struct InfoReport {
    language: String,
    event: Option<String>,
    category: Vec<String>,
    urgency: Option<String>,
    severity: Option<String>,
    certainty: Option<String>,
    effective: Option<String>,
    onset: Option<String>,
    expires: Option<String>,
    headline: Option<String>,
    areas: Vec<AreaReport>,
}

#[derive(Debug, Serialize)]
struct AreaReport {
    description: Option<String>,
    governorates: Vec<String>,
    polygons: usize,
    circles: usize,
    geocodes: usize,
}

/// The words of CAP's fixed lists, as the standard writes them.
const WORDS: &[&str] = &[
    "Actual",
    "Exercise",
    "System",
    "Test",
    "Draft",
    "Alert",
    "Update",
    "Cancel",
    "Ack",
    "Error",
    "Public",
    "Restricted",
    "Private",
    "Immediate",
    "Expected",
    "Future",
    "Past",
    "Unknown",
    "Extreme",
    "Severe",
    "Moderate",
    "Minor",
    "Observed",
    "Likely",
    "Possible",
    "Unlikely",
    "Geo",
    "Met",
    "Safety",
    "Security",
    "Rescue",
    "Fire",
    "Health",
    "Env",
    "Transport",
    "Infra",
    "CBRNE",
    "Other",
];

/// A word of CAP in the standard's own case, and any other as it stands.
fn cased(text: &str) -> String {
    WORDS.iter().find(|word| word.eq_ignore_ascii_case(text)).copied().unwrap_or(text).to_owned()
}

impl AlertReport {
    fn new(alert: &CapAlert<'_>, book: &GovernorateBook) -> Self {
        Self {
            identifier: alert.identifier.to_string(),
            sender: alert.sender.to_string(),
            sent: alert.sent.to_string(),
            status: alert.status.as_deref().map(cased),
            msg_type: alert.msg_type.as_deref().map(cased),
            scope: alert.scope.as_deref().map(cased),
            references: alert.references.iter().flat_map(|text| text.split_whitespace()).map(str::to_owned).collect(),
            note: alert.note.as_deref().map(str::to_owned),
            infos: alert.infos.iter().map(|info| InfoReport::new(info, book)).collect(),
        }
    }
}

impl InfoReport {
    fn new(info: &CapInfo<'_>, book: &GovernorateBook) -> Self {
        let moment = |moment: &Option<Moment<'_>>| moment.as_ref().map(ToString::to_string);
        Self {
            language: info.language.as_deref().unwrap_or(DEFAULT_LANGUAGE).to_owned(),
            event: info.event.as_deref().map(str::to_owned),
            category: info.categories.iter().map(|word| cased(word)).collect(),
            urgency: info.urgency.as_deref().map(cased),
            severity: info.severity.as_deref().map(cased),
            certainty: info.certainty.as_deref().map(cased),
            effective: moment(&info.effective),
            onset: moment(&info.onset),
            expires: moment(&info.expires),
            headline: info.headline.as_deref().map(str::to_owned),
            areas: info.areas.iter().map(|area| AreaReport::new(area, book)).collect(),
        }
    }
}

impl AreaReport {
    fn new(area: &CapArea<'_>, book: &GovernorateBook) -> Self {
        let found = |id: &&crate::ids::GovernorateId| area.governorates.contains(*id);
        Self {
            description: area.description.as_deref().map(str::to_owned),
            governorates: book.iter().map(|place| &place.id).filter(found).map(ToString::to_string).collect(),
            polygons: area.polygons,
            circles: area.circles,
            geocodes: area.geocodes,
        }
    }
}

/// Reads one file.
fn read(path: &Path, reader: &Reader, now: Timestamp) -> Report {
    let mut report = Report {
        file: path.display().to_string(),
        outcome: Outcome::Refused,
        reason: None,
        defects: Vec::new(),
        points_to: 0,
        alerts: Vec::new(),
        counts: None,
    };
    let body = match bytes(path) {
        Ok(body) => body,
        Err(why) => {
            report.reason = Some(why);
            return report;
        }
    };
    let found = catch_unwind(AssertUnwindSafe(|| match reader {
        Reader::Cap(book) => alerts(&body, book, now),
        Reader::Other(feed) => others(feed, &body, now),
    }));
    match found {
        Ok(Ok(found)) => {
            report.outcome = if found.refused { Outcome::Refused } else { Outcome::Read };
            report.reason = found.reason;
            report.defects = found.defects;
            report.points_to = found.points_to;
            report.alerts = found.alerts;
            report.counts = found.counts;
        }
        Ok(Err(why)) => report.reason = Some(why.to_string()),
        Err(_) => report.reason = Some("the decoder broke down over it, which is a fault of this program".to_owned()),
    }
    report
}

/// The bytes of a plain file within the limit.
fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |why: io::Error| format!("it cannot be read: {why}");
    let about = fs::metadata(path).map_err(cannot)?;
    if !about.is_file() {
        return Err("it is not a plain file".to_owned());
    }
    let too_large = |size: u64| format!("the file is {size} bytes, more than {MAX_FILE}");
    if MAX_FILE < about.len() {
        return Err(too_large(about.len()));
    }
    let mut body = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut body)).map_err(cannot)?;
    // It may have grown while it was read.
    if MAX_FILE < body.len() as u64 { Err(too_large(body.len() as u64)) } else { Ok(body) }
}

/// What a body held.
#[derive(Debug, Default)]
struct Found {
    refused: bool,
    reason: Option<String>,
    defects: Vec<String>,
    points_to: usize,
    alerts: Vec<AlertReport>,
    counts: Option<Counts>,
}

impl Found {
    /// Notes a defect of one of several alerts once.
    fn note(&mut self, defect: String) {
        if !self.defects.contains(&defect) {
            self.defects.push(defect);
        }
    }
}

fn alerts(body: &[u8], book: &GovernorateBook, now: Timestamp) -> Result<Found, DecodeError> {
    let mut found = Found::default();
    let mut passed_over = Vec::new();
    let base = Url::parse(BASE).expect("the constant is an address");
    let list = cap::open(body, &base, book, cap::Terms::default(), &mut |alert| match alert {
        Ok(alert) => {
            let own = alert.defects.iter().chain(alert.infos.iter().flat_map(|info| &info.defects)).cloned();
            let meant = cap::meaning_of(&alert, book, now).into_iter().flat_map(|part| part.defects);
            own.chain(meant).collect::<Vec<_>>().into_iter().for_each(|defect| found.note(defect));
            found.alerts.push(AlertReport::new(&alert, book));
        }
        Err(skip) => passed_over.push(skip),
    })?;
    found.points_to = list.follow.len();
    let skipped = passed_over.iter().chain(&list.skipped);
    let mut told: Vec<String> = skipped.map(|skip| format!("{}: {}", skip.part, skip.why)).collect();
    if found.alerts.is_empty() && found.points_to == 0 {
        if list.is_list && passed_over.is_empty() {
            found.reason = Some(match told.is_empty() {
                true => "a list without an entry, which says nothing about the weather".to_owned(),
                false => {
                    "a list none of whose entries leads to an alert, which says nothing about the weather".to_owned()
                }
            });
        } else if !told.is_empty() {
            found.refused = true;
            found.reason = Some(told.remove(0));
        }
    }
    told.into_iter().for_each(|why| found.note(why));
    Ok(found)
}

fn others(feed: &Arc<dyn Feed>, body: &[u8], now: Timestamp) -> Result<Found, DecodeError> {
    let batch = feed.decode(body, now)?;
    let told = batch.skipped.iter().chain(&batch.strange).map(|skip| format!("{}: {}", skip.part, skip.why));
    Ok(Found {
        reason: batch
            .is_empty()
            .then(|| "an answer that holds nothing, which says nothing about the weather".to_owned()),
        defects: told.collect(),
        points_to: batch.follow.len(),
        counts: Some(Counts {
            readings: batch.readings.len(),
            alerts: batch.alerts.len(),
            skipped: batch.skipped.len() + batch.strange.len(),
        }),
        ..Found::default()
    })
}

/// What is shown to a person at the end.
#[derive(Debug, Default)]
struct Told {
    rows: Vec<[String; 5]>,
    outcomes: BTreeMap<Outcome, usize>,
    reasons: BTreeMap<(Outcome, String), usize>,
}

impl Told {
    fn take(&mut self, report: &Report) {
        let outcome = match report.outcome {
            Outcome::Read => "read",
            Outcome::Refused => "refused",
        };
        let held = match &report.counts {
            Some(counts) => format!("{} readings, {} alerts", counts.readings, counts.alerts),
            None => counted(report.alerts.len(), "alert"),
        };
        let points_to = if report.points_to == 0 { String::new() } else { counted(report.points_to, "document") };
        let why = report.reason.as_ref().or(report.defects.first());
        self.rows.push([
            report.file.clone(),
            outcome.to_owned(),
            held,
            points_to,
            why.map(|why| shortened(why)).unwrap_or_default(),
        ]);
        *self.outcomes.entry(report.outcome).or_default() += 1;
        let reason = match (&report.reason, report.defects.is_empty()) {
            (Some(reason), _) => shortened(reason),
            (None, true) => "without a defect".to_owned(),
            (None, false) => "with defects".to_owned(),
        };
        *self.reasons.entry((report.outcome, reason)).or_default() += 1;
    }

    fn shown(&self) -> String {
        let mut files = plain(["file", "outcome", "held", "points to", "reason, or first defect"]);
        self.rows.iter().for_each(|row| {
            files.add_row(row);
        });
        let mut counts = plain(["outcome", "files", "reason"]);
        for ((outcome, reason), count) in &self.reasons {
            let outcome = if *outcome == Outcome::Read { "read" } else { "refused" };
            counts.add_row([outcome.to_owned(), count.to_string(), reason.clone()]);
        }
        let of = |outcome| self.outcomes.get(&outcome).copied().unwrap_or_default();
        format!(
            "{}\n{}\n{}: {} read, {} refused\n",
            drawn(&files),
            drawn(&counts),
            counted(self.rows.len(), "file"),
            of(Outcome::Read),
            of(Outcome::Refused)
        )
    }
}

/// A reason on one line that a table can hold.
fn shortened(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
