//! `nadhir feed try NAME`: asks a feed once and shows what it read, what it passed over and why. Keeps nothing, sends nothing.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::super::check::{EX_IOERR, EX_OK, counted};
use super::super::columns::{drawn, plain};
use super::super::{EX_UNAVAILABLE, complain, run::runtime};
use super::pieces::{Asker, Came, Piece, Stopped, open};
use crate::daemon::watcher::folder::Look;
use crate::feed::{Batch, Context, Skip};
use crate::reading::Basis;
use crate::time::Timestamp;
use crate::unit::Metric;

/// Something of the feed was not had, was not understood, or it held nothing.
const EX_PARTLY: u8 = 1;

/// The most reasons that a table shows; JSON has all.
const MAX_REASONS: usize = 40;

/// The longest reason that a table shows, in characters.
const MAX_SHOWN: usize = 160;

/// Headers that are shown when they came.
const SHOWN_HEADERS: [&str; 7] =
    ["content-type", "etag", "last-modified", "cache-control", "expires", "age", "retry-after"];

/// Asks the feed and writes what came; returns the exit code.
pub(super) fn run(name: &str, config: Option<&Path>, state: Option<&Path>, json: bool, out: &mut dyn Write) -> u8 {
    let asked = open(name, config, state).and_then(|asker| {
        let runtime = runtime().map_err(|why| Stopped(EX_UNAVAILABLE, format!("{why:#}")))?;
        let pieces = runtime.block_on(asker.ask(&mut Look::default()))?;
        Ok(Report::new(&asker, pieces))
    });
    let report = match asked {
        Ok(report) => report,
        Err(Stopped(code, why)) => {
            complain(&why);
            return code;
        }
    };
    let text = if json { report.as_json() } else { report.as_text() };
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Who closed the pipe has seen enough; the answer still counts.
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => EX_IOERR,
        _ => report.code,
    }
}

/// What asking once has shown.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Report {
    feed: String,
    kind: &'static str,
    asked: Timestamp,
    /// `read`, `partly`, `nothing` or `unreachable`.
    outcome: &'static str,
    #[serde(skip)]
    code: u8,
    /// True of feeds that give no readings: on calm days there is no alert.
    #[serde(skip)]
    may_be_empty: bool,
    answers: Vec<AnswerRow>,
    readings: Vec<ReadingRow>,
    alerts: Vec<AlertRow>,
    skipped: Vec<SkipRow>,
    /// In a shape that is not known here.
    strange: Vec<SkipRow>,
    /// What is good to know and raises nothing.
    context: Vec<ContextRow>,
}

#[derive(Debug, Serialize)]
struct AnswerRow {
    from: String,
    /// `read`, `nothing`, `unreadable` or `failed`.
    outcome: &'static str,
    why: Option<String>,
    status: Option<u16>,
    bytes: usize,
    took_ms: i64,
    /// How far the server's clock is ahead of ours.
    skew_seconds: Option<i64>,
    fresh_for_seconds: Option<i64>,
    headers: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct ReadingRow {
    governorate: String,
    metric: &'static str,
    basis: &'static str,
    count: usize,
    first: Timestamp,
    last: Timestamp,
    min: f64,
    max: f64,
    unit: &'static str,
}

#[derive(Debug, Serialize)]
struct AlertRow {
    identifier: String,
    sender: String,
    sent: Timestamp,
    status: String,
    msg_type: String,
    hazard: &'static str,
    severity: &'static str,
    onset: Timestamp,
    expires: Timestamp,
    governorates: Vec<String>,
    event: String,
    defects: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ContextRow {
    identity: String,
    title: String,
    kind: String,
    level: String,
    at: Option<Timestamp>,
    link: Option<String>,
}

impl From<Context> for ContextRow {
    fn from(Context { identity, title, kind, level, at, link }: Context) -> Self {
        Self { identity, title, kind, level, at, link }
    }
}

#[derive(Debug, Serialize)]
struct SkipRow {
    part: String,
    why: String,
}

impl From<Skip> for SkipRow {
    fn from(Skip { part, why }: Skip) -> Self {
        Self { part, why }
    }
}

impl Report {
    /// What the pieces come to.
    pub(in crate::cli) fn new(asker: &Asker, pieces: Vec<Piece>) -> Self {
        let asked = pieces.first().map_or_else(|| asker.clock.now(), |piece| piece.asked);
        let mut batch = Batch::default();
        let mut answers = Vec::new();
        for piece in pieces {
            answers.push(answer(&piece));
            if let Came::Body(body) = piece.came
                && let Ok(read) = body.read
            {
                batch.absorb(read);
            }
        }
        let is_heard = answers.iter().any(|answer| answer.outcome != "failed");
        let is_whole = answers.iter().all(|answer| matches!(answer.outcome, "read" | "nothing"));
        let is_empty = batch.readings.is_empty() && batch.alerts.is_empty() && batch.context.is_empty();
        let (outcome, code) = match (is_heard, is_whole && batch.strange.is_empty(), is_empty) {
            (false, false, _) => ("unreachable", EX_UNAVAILABLE),
            (_, false, _) => ("partly", EX_PARTLY),
            (_, true, true) => ("nothing", EX_PARTLY),
            (_, true, false) => ("read", EX_OK),
        };
        Self {
            feed: asker.feed.id.to_string(),
            kind: asker.feed.kind,
            asked,
            outcome,
            code,
            may_be_empty: asker.feed.feed.gives().is_none_or(|gives| gives.is_empty()),
            answers,
            readings: readings(&batch),
            alerts: alerts(&batch),
            skipped: batch.skipped.into_iter().map(SkipRow::from).collect(),
            strange: batch.strange.into_iter().map(SkipRow::from).collect(),
            context: batch.context.into_iter().map(ContextRow::from).collect(),
        }
    }

    /// The exit code.
    #[cfg(test)]
    pub(super) fn code(&self) -> u8 {
        self.code
    }

    /// What came, in a few words; as an error when it is not as it should be. A list of alerts may have nothing in it, and readings
    /// may not.
    pub(in crate::cli) fn in_a_line(&self) -> Result<String, String> {
        let why = self.answers.iter().find_map(|answer| answer.why.clone());
        let why = why.or_else(|| self.strange.first().map(|strange| format!("{}: {}", strange.part, strange.why)));
        let readings = self.readings.iter().map(|row| row.count).sum();
        let mut held: Vec<String> =
            [(readings, "reading"), (self.alerts.len(), "alert"), (self.context.len(), "event")]
                .into_iter()
                .filter(|(count, _)| 0 < *count)
                .map(|(count, what)| counted(count, what))
                .collect();
        if held.is_empty() {
            held.push("nothing in it".to_owned());
        }
        if !self.skipped.is_empty() {
            held.push(format!("{} passed over", self.skipped.len()));
        }
        let held = held.join(", ");
        match (self.outcome, why) {
            ("read", _) => Ok(held),
            ("nothing", _) if self.may_be_empty => Ok(held),
            (_, Some(why)) => Err(why),
            (_, None) => Err(held),
        }
    }

    /// One JSON object.
    pub(super) fn as_json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("texts and finite numbers always have a JSON form");
        format!("{text}\n")
    }

    /// Tables for a person.
    pub(super) fn as_text(&self) -> String {
        let mut text = format!("{} ({}), asked {}:\n", self.feed, self.kind, time(self.asked));
        let mut table = plain(["outcome", "bytes", "took", "from"]);
        for answer in &self.answers {
            let status = answer.status.map(|status| format!(" ({status})")).unwrap_or_default();
            let outcome = format!("{}{status}", answer.outcome);
            table.add_row([outcome, answer.bytes.to_string(), format!("{} ms", answer.took_ms), answer.from.clone()]);
        }
        if !self.answers.is_empty() {
            text.push_str(&drawn(&table));
        }
        self.answers.iter().for_each(|answer| text.push_str(&remarks(answer)));
        if !self.readings.is_empty() {
            let mut table =
                plain(["governorate", "metric", "basis", "count", "first", "last", "least", "most", "unit"]);
            for row in &self.readings {
                table.add_row([
                    row.governorate.clone(),
                    row.metric.to_owned(),
                    row.basis.to_owned(),
                    row.count.to_string(),
                    time(row.first),
                    time(row.last),
                    format!("{:.1}", row.min),
                    format!("{:.1}", row.max),
                    row.unit.to_owned(),
                ]);
            }
            text.push_str(&format!("\n{} series:\n{}", self.readings.len(), drawn(&table)));
        }
        if !self.alerts.is_empty() {
            let mut table =
                plain(["sent", "alert", "status", "severity", "hazard", "from", "until", "governorates", "event"]);
            for row in &self.alerts {
                table.add_row([
                    time(row.sent),
                    row.identifier.clone(),
                    format!("{} {}", row.status, row.msg_type),
                    row.severity.to_owned(),
                    row.hazard.to_owned(),
                    time(row.onset),
                    time(row.expires),
                    row.governorates.join(" "),
                    row.event.clone(),
                ]);
            }
            text.push_str(&format!("\n{}:\n{}", counted(self.alerts.len(), "alert"), drawn(&table)));
        }
        if !self.context.is_empty() {
            let mut table = plain(["at", "kind", "level", "event"]);
            for row in &self.context {
                let at = row.at.map(time).unwrap_or_default();
                table.add_row([at, cut(&row.kind), cut(&row.level), cut(&row.title)]);
            }
            let count = counted(self.context.len(), "event");
            text.push_str(&format!("\n{count} as context, which raises nothing:\n{}", drawn(&table)));
        }
        text.push_str(&reasons("passed over", &self.skipped));
        text.push_str(&reasons("in a shape that is not known here", &self.strange));
        text.push_str(match self.outcome {
            "read" if !self.skipped.is_empty() => "\nIt was had and read, but for what was passed over.\n",
            "read" => "\nAll of it was had and read.\n",
            "nothing" => "\nIt answered, with nothing in it; that says nothing about the weather.\n",
            "partly" => "\nNot all of it was had and read.\n",
            _ => "\nNothing of it could be had.\n",
        });
        text
    }
}

fn answer(piece: &Piece) -> AnswerRow {
    let took_ms = (piece.answered - piece.asked).num_milliseconds();
    let row = AnswerRow {
        from: piece.from.clone(),
        outcome: "nothing",
        why: None,
        status: None,
        bytes: 0,
        took_ms,
        skew_seconds: None,
        fresh_for_seconds: None,
        headers: BTreeMap::new(),
    };
    match &piece.came {
        Came::Nothing => row,
        Came::Failed { why, status } => AnswerRow { outcome: "failed", why: Some(why.clone()), status: *status, ..row },
        Came::Body(body) => AnswerRow {
            outcome: if body.read.is_ok() { "read" } else { "unreadable" },
            why: body.read.as_ref().err().cloned(),
            status: body.status,
            bytes: body.bytes.len(),
            skew_seconds: body.skew.map(|skew| skew.num_seconds()),
            fresh_for_seconds: body.fresh_for.map(|fresh| fresh.num_seconds()),
            headers: body.headers.iter().filter(|(name, _)| SHOWN_HEADERS.contains(&name.as_str())).cloned().collect(),
            ..row
        },
    }
}

/// What is worth a line of its own: why an answer is no good, what its headers say.
fn remarks(answer: &AnswerRow) -> String {
    let mut lines = String::new();
    if let Some(why) = &answer.why {
        lines.push_str(&format!("   {}: {}\n", answer.from, cut(why)));
    }
    let mut said: Vec<String> = answer.headers.iter().map(|(name, value)| format!("{name}: {}", cut(value))).collect();
    said.extend(answer.fresh_for_seconds.filter(|fresh| 0 < *fresh).map(|fresh| format!("fresh for {fresh} s")));
    // Dates are whole seconds, so that one more or less says nothing.
    said.extend(
        answer.skew_seconds.filter(|skew| 1 < skew.abs()).map(|skew| format!("its clock is {skew:+} s off ours")),
    );
    if !said.is_empty() {
        lines.push_str(&format!("   {}: {}\n", answer.from, said.join("; ")));
    }
    lines
}

fn reasons(what: &str, rows: &[SkipRow]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let lines: String =
        rows.iter().take(MAX_REASONS).map(|row| format!(" {}: {}\n", cut(&row.part), cut(&row.why))).collect();
    let more = rows.len().saturating_sub(MAX_REASONS);
    let more = if more == 0 { String::new() } else { format!(" and {more} more; --json shows all\n") };
    format!("\n{} {what}:\n{lines}{more}", rows.len())
}

fn readings(batch: &Batch) -> Vec<ReadingRow> {
    let mut rows: BTreeMap<(String, Metric, Basis), ReadingRow> = BTreeMap::new();
    for reading in &batch.readings {
        let unit = reading.metric.public_unit();
        let value = unit.from_canonical(reading.value);
        let key = (reading.governorate.to_string(), reading.metric, reading.basis);
        let row = rows.entry(key).or_insert_with(|| ReadingRow {
            governorate: reading.governorate.to_string(),
            metric: reading.metric.name(),
            basis: match reading.basis {
                Basis::Observed => "observed",
                Basis::Forecast => "forecast",
            },
            count: 0,
            first: reading.at,
            last: reading.at,
            min: value,
            max: value,
            unit: unit.symbol(),
        });
        row.count += 1;
        (row.first, row.last) = (row.first.min(reading.at), row.last.max(reading.at));
        (row.min, row.max) = (row.min.min(value), row.max.max(value));
    }
    rows.into_values().collect()
}

fn alerts(batch: &Batch) -> Vec<AlertRow> {
    let row = |alert: &crate::alert::Alert| AlertRow {
        identifier: alert.identity.identifier.clone(),
        sender: alert.identity.sender.clone(),
        sent: alert.identity.sent,
        status: format!("{:?}", alert.status),
        msg_type: format!("{:?}", alert.msg_type),
        hazard: alert.hazard.name(),
        severity: alert.severity.name(),
        onset: alert.onset,
        expires: alert.expires,
        governorates: alert.areas.iter().map(ToString::to_string).collect(),
        event: alert.words.first().map(|words| words.event.clone()).unwrap_or_default(),
        defects: alert.defects.clone(),
    };
    batch.alerts.iter().map(row).collect()
}

fn time(moment: Timestamp) -> String {
    moment.format("%Y-%m-%d %H:%MZ").to_string()
}

/// A text of somebody else, on one line and not too long.
fn cut(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_SHOWN + 1).collect();
    if line.chars().count() <= MAX_SHOWN {
        line
    } else {
        format!("{}…", line.chars().take(MAX_SHOWN).collect::<String>())
    }
}
