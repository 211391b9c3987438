//! The status as a person reads it: one table a question, what is not well in colour, and reasons under it.

use chrono_tz::Tz;
use comfy_table::Table;
use comfy_table::presets::NOTHING;

use super::{ClockStatus, FeedStatus, Status};
use crate::cli::check::counted;
use crate::cli::columns::age;
use crate::ids::{FeedId, GovernorateId};
use crate::time::{TimeDelta, Timestamp};

const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// The longest reason that is shown, in characters.
const MAX_WHY: usize = 160;

/// The whole of it, in colour; `anstream` takes the colours away where nobody would see them.
pub(super) fn whole(status: &Status, zone: Tz) -> String {
    let local = |moment: Timestamp| moment.with_timezone(&zone).format("%F %H:%M").to_string();
    let mut text = match status.is_well {
        true => format!("{BOLD}All is well.{PLAIN}"),
        false => format!("{RED}Not all is well.{PLAIN}"),
    };
    let committed = status
        .last_commit
        .map_or("nothing was ever committed".to_owned(), |last| format!("last commit {} ago", age(status.at - last)));
    text.push_str(&format!(" {} ({zone}), {committed}.\n\n", local(status.at)));
    text.push_str(&feeds(status, &local));
    text.push_str(&warnings(status, &local));
    text.push_str(&notices(status, &local));
    for silence in &status.silences {
        text.push_str(&format!("{YELLOW}{silence}{PLAIN}\n"));
    }
    if !status.silences.is_empty() {
        text.push('\n');
    }
    text.push_str(&channels(status));
    text
}

fn feeds(status: &Status, local: &impl Fn(Timestamp) -> String) -> String {
    let mut rows =
        Rows::new(["feed", "how it is", "unheard for", "without news for", "newest is of", "failed", "its clock"]);
    for feed in &status.feeds {
        let colour = match feed {
            feed if feed.is_silent() => Some(RED),
            feed if feed.is_failing() || feed.why.is_some() => Some(YELLOW),
            _ => None,
        };
        let mut cells = vec![feed.id.to_string(), how(feed, local)];
        cells.extend(feed.clocks.iter().map(|clock| cell(clock, status.at)));
        cells.push(if feed.failures == 0 { String::new() } else { format!("{} x", feed.failures) });
        cells.push(feed.server_ahead_s.map_or_else(String::new, |seconds| format!("{seconds:+}s")));
        rows.add(cells, colour);
    }
    let mut text = format!("{}\n", rows.drawn(&counted(status.feeds.len(), "feed")));
    for feed in status.feeds.iter().filter(|feed| feed.why.is_some()) {
        let why: String = feed.why.as_deref().unwrap_or_default().chars().take(MAX_WHY).collect();
        text.push_str(&format!(" {DIM}{}: {why}{PLAIN}\n", feed.id));
    }
    if status.feeds.iter().any(|feed| feed.why.is_some()) {
        text.push('\n');
    }
    text
}

/// How a feed is, in words.
fn how(feed: &FeedStatus, local: &impl Fn(Timestamp) -> String) -> String {
    let answered = match feed.health {
        "unheard" => "not heard of yet",
        "good" => "answers",
        "partial" => "answers, in part",
        "unchanged" => "answers, unchanged",
        "empty" => "answers with nothing",
        "listening" => "listens",
        "unreadable" => "unreadable",
        "unreachable" => "does not answer",
        other => other,
    };
    match feed.silent_since {
        Some(since) => format!("silent since {}: {answered}", local(since)),
        None => answered.to_owned(),
    }
}

/// A clock and its limit; an exclamation mark tells also without colour that it is past.
fn cell(clock: &ClockStatus, now: Timestamp) -> String {
    let run = clock.since.map_or_else(|| "never".to_owned(), |since| age(now - since));
    match clock.limit_s {
        None if clock.since.is_none() => "-".to_owned(),
        None => run,
        Some(limit) => {
            let mark = if clock.is_past { "!" } else { "" };
            format!("{run} of {}{mark}", age(TimeDelta::try_seconds(limit).unwrap_or_default()))
        }
    }
}

fn warnings(status: &Status, local: &impl Fn(Timestamp) -> String) -> String {
    if status.warnings.is_empty() {
        return "No warning is in force.\n\n".to_owned();
    }
    let mut rows = Rows::new(["warning", "hazard", "severity", "where", "until", "rests on", ""]);
    for warning in &status.warnings {
        let areas: Vec<&str> = warning.areas.iter().map(GovernorateId::as_str).collect();
        let feeds: Vec<&str> = warning.feeds.iter().map(FeedId::as_str).collect();
        let mark = match (warning.is_blind, warning.is_official) {
            (true, _) => "its feeds are silent".to_owned(),
            (false, true) => "official".to_owned(),
            (false, false) => String::new(),
        };
        let seen = warning.seen_by.as_ref().map(|by| format!("seen by {by}"));
        let marks: Vec<String> = [mark].into_iter().filter(|mark| !mark.is_empty()).chain(seen).collect();
        let cells = vec![
            warning.number.clone(),
            warning.hazard.to_string(),
            warning.severity.to_string(),
            areas.join(", "),
            local(warning.until),
            feeds.join(", "),
            marks.join(", "),
        ];
        rows.add(cells, warning.is_blind.then_some(RED));
    }
    format!("{}\n", rows.drawn(&format!("{} in force", counted(status.warnings.len(), "warning"))))
}

fn notices(status: &Status, local: &impl Fn(Timestamp) -> String) -> String {
    if status.notices.is_empty() {
        return String::new();
    }
    let mut rows = Rows::new(["notice", "since", "told", ""]);
    for notice in &status.notices {
        let cells = vec![notice.id.to_string(), local(notice.since), local(notice.issued), notice.sentence()];
        rows.add(cells, Some(YELLOW));
    }
    format!("{}\n", rows.drawn("Told to the people on duty and not over"))
}

fn channels(status: &Status) -> String {
    let mut rows = Rows::new(["channel", "audience", "due", "waiting", "given up", "too late"]);
    for channel in &status.channels {
        let unwell = 0 < channel.dead + channel.expired;
        let cells = vec![
            channel.id.clone(),
            channel.audience.unwrap_or("not configured").to_owned(),
            channel.due.to_string(),
            channel.waiting.to_string(),
            channel.dead.to_string(),
            channel.expired.to_string(),
        ];
        let colour = match (unwell, channel.audience) {
            (true, _) => Some(RED),
            (false, None) => Some(YELLOW),
            (false, Some(_)) => None,
        };
        rows.add(cells, colour);
    }
    rows.drawn(&format!("{} (given up and too late: in the last day)", counted(status.channels.len(), "channel")))
}

/// A table whose lines may be coloured whole, so that colours take no room in its columns.
struct Rows {
    table: Table,
    colours: Vec<Option<&'static str>>,
}

impl Rows {
    fn new<const N: usize>(header: [&str; N]) -> Self {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(header);
        Self { table, colours: vec![Some(DIM)] }
    }

    fn add(&mut self, cells: Vec<String>, colour: Option<&'static str>) {
        self.table.add_row(cells);
        self.colours.push(colour);
    }

    fn drawn(&self, title: &str) -> String {
        let mut text = format!("{BOLD}{title}{PLAIN}\n");
        let drawn = self.table.to_string();
        for (line, colour) in drawn.lines().zip(self.colours.iter().chain(std::iter::repeat(&None))) {
            match colour {
                Some(colour) => text.push_str(&format!(" {colour}{}{PLAIN}\n", line.trim_end())),
                None => text.push_str(&format!(" {}\n", line.trim_end())),
            }
        }
        text
    }
}
