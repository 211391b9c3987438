//! A backtest as a person reads it on a terminal: totals, each place, the comparison, the sweep, the gate, and what to know.

use chrono_tz::Tz;
use comfy_table::Table;

use super::super::check::counted;
use super::super::columns::{drawn, plain};
use crate::backtest::place_name;
use crate::backtest::report::{Against, Difference, Report, Swept, Turn};
use crate::backtest::score::Score;
use crate::governorate::GovernorateBook;
use crate::hazard::Severity;
use crate::time::{TimeDelta, Timestamp, span_text};

const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// What stands for 0 out of 0.
pub(super) const UNDEFINED: &str = "-";

/// The most notes that are shown.
const MAX_NOTES: usize = 30;

/// The whole of it, in colour; `anstream` takes the colours away where nobody would see them.
pub(super) fn whole(report: &Report, book: &GovernorateBook, zone: Tz) -> String {
    let local = |moment: Timestamp| moment.with_timezone(&zone).format("%F %H:%M").to_string();
    let readings = &report.readings;
    let skipped = if readings.skipped == 0 { String::new() } else { format!(", {} passed over", readings.skipped) };
    let mut text = format!(
        "{BOLD}Lived through {} of {} ({}{skipped}), {} to {} ({zone}), with {} of {}.{PLAIN}\n",
        counted(readings.values, "value"),
        book.region.en,
        counted(readings.rows, "row"),
        local(readings.from),
        local(readings.to),
        counted(report.rules.count, "rule"),
        report.rules.name,
    );
    let tolerance = span_text(TimeDelta::seconds(report.tolerance_s));
    text.push_str(&format!(
        "{} a day. A warning within {tolerance} of an event is right; {UNDEFINED} is 0 out of 0.\n\n",
        report.changes_per_day.map_or_else(|| UNDEFINED.to_owned(), |changes| format!("{changes:.2} bulletins"))
    ));
    text.push_str(&format!("{BOLD}In total{PLAIN}\n{}\n", scores(&report.totals, book, false)));
    if !report.scores.is_empty() {
        text.push_str(&format!("{BOLD}Each place{PLAIN}\n{}\n", scores(&report.scores, book, true)));
    }
    text.push_str(&report.against.as_ref().map(against).unwrap_or_default());
    text.push_str(&report.sweep.as_ref().map(swept).unwrap_or_default());
    for note in report.warnings.iter().take(MAX_NOTES) {
        text.push_str(&format!("{YELLOW}note:{PLAIN} {note}\n"));
    }
    let more = report.warnings.len().saturating_sub(MAX_NOTES);
    if 0 < more {
        text.push_str(&format!("{YELLOW}note:{PLAIN} and {more} more: --json tells them all\n"));
    }
    for verdict in report.gate.iter().flatten() {
        let (colour, word) = if verdict.is_met { (GREEN, "met") } else { (RED, "NOT met") };
        text.push_str(&format!("gate {}: {colour}{word}{PLAIN} ({})\n", verdict.condition, verdict.found));
    }
    text
}

fn scores(scores: &[Score], book: &GovernorateBook, is_each: bool) -> String {
    let mut table = plain([
        "hazard", "where", "level", "events", "hits", "misses", "warnings", "false", "POD", "FAR", "CSI", "bias",
        "lead", "worst", "a day",
    ]);
    for score in scores {
        let place = score.governorate.as_ref().map_or("everywhere", |id| place_name(book, id));
        table.add_row([
            score.hazard.map_or("all", |hazard| hazard.name()).to_owned(),
            place.to_owned(),
            level(score.level),
            score.events.to_string(),
            score.hits.to_string(),
            score.misses.to_string(),
            score.warnings.to_string(),
            score.false_alarms.to_string(),
            share(score.pod),
            share(score.far),
            share(score.csi),
            share(score.bias),
            lead(score.lead_median_s),
            lead(score.lead_worst_s),
            share(score.changes_per_day),
        ]);
    }
    numbers(&mut table, 3);
    if !is_each && let Some(place) = table.column_mut(1) {
        place.set_constraint(comfy_table::ColumnConstraint::Hidden);
    }
    drawn(&table)
}

/// Numbers stand to the right.
fn numbers(table: &mut Table, from: usize) {
    for column in table.column_iter_mut().skip(from) {
        column.set_cell_alignment(comfy_table::CellAlignment::Right);
    }
}

/// A level: the letter tells it also without colour.
fn level(level: Severity) -> String {
    match level {
        Severity::Advisory => level.name().to_owned(),
        Severity::Yellow => "yellow".to_owned(),
        Severity::Orange => "orange +".to_owned(),
        Severity::Red => "red ++".to_owned(),
    }
}

/// A share or ratio.
pub(super) fn share(value: Option<f64>) -> String {
    value.map_or_else(|| UNDEFINED.to_owned(), |value| format!("{value:.2}"))
}

/// A lead: how long before the event, or how late.
pub(super) fn lead(seconds: Option<i64>) -> String {
    let Some(seconds) = seconds else { return UNDEFINED.to_owned() };
    let minutes = seconds.abs() / 60;
    let span = match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes}min"),
        (hours, 0) => format!("{hours}h"),
        (hours, minutes) => format!("{hours}h{minutes:02}"),
    };
    match seconds {
        0 => "0min".to_owned(),
        seconds if seconds < 0 => format!("late {span}"),
        _ => span,
    }
}

fn against(against: &Against) -> String {
    let mut table = plain(["hazard", "level", "score", "rules", "other rules", "the rules are"]);
    for one in &against.differences {
        let Difference { hazard, level: of, measure, value, against, change } = one;
        let shown = |value: &Option<f64>| match *measure {
            "lead_median_s" => lead(value.map(|value| value as i64)),
            _ => share(*value),
        };
        let name = if *measure == "lead_median_s" { "lead" } else { measure };
        let turn = match change {
            Turn::Better | Turn::Worse | Turn::Same | Turn::Undefined => change.shown().to_owned(),
        };
        let hazard = hazard.map_or("all", |hazard| hazard.name()).to_owned();
        table.add_row([hazard, level(*of), name.replace('_', " "), shown(value), shown(against), turn]);
    }
    let text = drawn(&table);
    let text = text
        .replace("▲ better", &format!("{GREEN}▲ better{PLAIN}"))
        .replace("▼ worse", &format!("{RED}▼ worse{PLAIN}"));
    format!("{BOLD}Against {}{PLAIN} ({})\n{text}\n", against.rules.name, counted(against.rules.count, "rule"))
}

fn swept(swept: &Swept) -> String {
    let mut table = plain(["threshold", "events", "hits", "false", "POD", "FAR", "CSI", "lead", "a day", ""]);
    for step in &swept.steps {
        let mut row = vec![step.threshold.clone()];
        match &step.score {
            Some(score) => row.extend([
                score.events.to_string(),
                score.hits.to_string(),
                score.false_alarms.to_string(),
                share(score.pod),
                share(score.far),
                share(score.csi),
                lead(score.lead_median_s),
                share(score.changes_per_day),
            ]),
            None => row.extend(std::iter::repeat_n(UNDEFINED.to_owned(), 8)),
        }
        let is_now = swept.now.as_ref() == Some(&step.threshold);
        row.push(step.error.clone().unwrap_or_else(|| if is_now { "<- as it is".to_owned() } else { String::new() }));
        table.add_row(row);
    }
    let now = swept.now.as_ref().map(|now| format!(", now {now}")).unwrap_or_default();
    let hazard = swept.hazard.map_or("", |hazard| hazard.name());
    let head = format!(
        "{BOLD}Sweep of {}.{}{PLAIN} {DIM}(scores of {hazard} at {}{now}){PLAIN}",
        swept.rule, swept.level, swept.level
    );
    format!("{head}\n{}\n", drawn(&table))
}
