//! Reports as text: one a line, in bulletins with headings, or ended by `=`. Never lets a line run into another station's report.

use chrono::NaiveDateTime;

use super::{digits, report::is_station};
use crate::time::Timestamp;

/// The most reports of one text that are read.
pub const MAX_REPORTS: usize = 1000;

/// The most lines that are kept because they are no report.
const MAX_STRANGE: usize = 100;
/// The longest line that may be a report or a part of one, in bytes; real ones have some hundred.
const MAX_LINE: usize = 4000;

/// One report of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The report, its lines joined.
    pub text: String,
    /// When it was observed or issued, when the service wrote that before it.
    pub dated: Option<Timestamp>,
}

/// What a text holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pieces {
    /// The reports in their order.
    pub reports: Vec<Piece>,
    /// The first lines that are neither a report nor a heading: their number, from 1, and how they begin.
    pub strange: Vec<(usize, String)>,
    /// True when there was a heading of a bulletin, reports or not.
    pub has_heading: bool,
    /// How many reports were left out because there were more than [`MAX_REPORTS`].
    pub left_out: usize,
}

/// Words that begin a line that goes on with the report above it.
const GOES_ON: &[&str] = &["BECMG", "TEMPO", "PROB30", "PROB40", "INTER", "RMK"];

impl Pieces {
    fn note_strange(&mut self, index: usize, text: &str) {
        if self.strange.len() < MAX_STRANGE {
            self.strange.push((index + 1, text.chars().take(40).collect()));
        }
    }
}

/// Cuts a text into reports.
///
/// A report begins with `METAR`, `SPECI` or `TAF`, or with a station and a time. It ends at `=`, or before the next one. A line
/// below it belongs to it when it is indented, begins with a word such as `BECMG`, or when the reports of this text end with `=`.
pub fn cut(text: &str) -> Pieces {
    let mut pieces = Pieces::default();
    let ends_by_sign = text.contains('=');
    let (mut words, mut dated, mut open): (String, Option<Timestamp>, bool) = (String::new(), None, false);
    for (index, line) in text.split(['\n', '\r', '\u{3}']).enumerate() {
        if MAX_LINE < line.len() {
            pieces.note_strange(index, &format!("a line of {} bytes", line.len()));
            open = false;
            continue;
        }
        let is_indented = line.starts_with([' ', '\t']);
        let clean: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line = clean.trim();
        if line.is_empty() || line.starts_with('#') || is_number(line) || matches!(line, "NNNN" | "ZCZC") {
            continue;
        }
        if is_heading(line) {
            (pieces.has_heading, open) = (true, false);
            words.clear();
            continue;
        }
        if let Some(time) = date_line(line) {
            (dated, open) = (Some(time), false);
            continue;
        }
        if is_first_words(line) {
            line.clone_into(&mut words);
            open = false;
            continue;
        }
        for part in line.split_inclusive('=') {
            let mut part = part.trim();
            if part == "=" {
                open = false;
                continue;
            }
            // `202607140600 METAR OEJN …`: some services write the whole time before the report.
            if let Some((first, rest)) = part.split_once(' ')
                && let Some(time) = date_word(first)
            {
                (part, dated, open) = (rest.trim_start(), Some(time), false);
            }
            let ended = part.ends_with('=');
            let goes_on = (is_indented || ends_by_sign || goes_on(part)) && !names_another(part);
            if begins(part) {
                let whole =
                    if words.is_empty() || has_first_word(part) { part.to_owned() } else { format!("{words} {part}") };
                if pieces.reports.len() < MAX_REPORTS {
                    pieces.reports.push(Piece { text: whole, dated: dated.take() });
                } else {
                    pieces.left_out += 1;
                }
                open = true;
            } else if open
                && goes_on
                && let Some(last) = pieces.reports.last_mut()
            {
                // Beyond the limit nothing is told of what was left out.
                if pieces.left_out == 0 {
                    last.text.push(' ');
                    last.text.push_str(part);
                }
            } else {
                pieces.note_strange(index, part);
            }
            open &= !ended;
        }
    }
    pieces
}

/// True for the running number of a bulletin.
fn is_number(line: &str) -> bool {
    line.len() <= 5 && line.bytes().all(|b| b.is_ascii_digit())
}

/// True for the heading of a bulletin: `SASD31 OEJD 010000 RRA` (WMO Manual on the GTS), or the name that the United States put
/// below it, `TAFJFK`.
fn is_heading(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_letters = |text: &str| text.bytes().all(|b| b.is_ascii_uppercase());
    match words.as_slice() {
        [title, centre, time, rest @ ..] => {
            let numbered = title.split_at_checked(4).is_some_and(|(letters, number)| {
                is_letters(letters) && (digits(number, 2).is_some() || digits(number, 1).is_some())
            });
            numbered && is_station(centre) && digits(time, 6).is_some() && rest.len() <= 1
        }
        [name] => {
            let own = name.strip_prefix("MTR").or_else(|| name.strip_prefix("TAF"));
            own.is_some_and(|station| matches!(station.len(), 2 | 3) && is_letters(station))
        }
        _ => false,
    }
}

/// True for a line that says for all reports below it what they are.
fn is_first_words(line: &str) -> bool {
    matches!(line, "METAR" | "SPECI" | "METAR COR" | "SPECI COR" | "TAF" | "TAF AMD" | "TAF COR")
}

fn has_first_word(part: &str) -> bool {
    part.split_whitespace().next().is_some_and(|word| matches!(word, "METAR" | "SPECI" | "TAF"))
}

/// True when a report begins here. A group such as `10SM` or `P6SM` at the beginning of a line is no station.
fn begins(part: &str) -> bool {
    let mut words = part.split_whitespace();
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_time = || {
        let is_written =
            second.strip_suffix('Z').is_some_and(|time| matches!(time.len(), 4..=7) && is_all_digits(time));
        let is_period =
            second.split_once('/').is_some_and(|(from, to)| digits(from, 4).is_some() && digits(to, 4).is_some());
        is_written || is_period || digits(second, 6).is_some()
    };
    let is_named = is_station(first) && first.starts_with(|c: char| c.is_ascii_uppercase());
    has_first_word(part) || (is_named && (is_time() || matches!(second, "NIL" | "NIL=")))
}

/// True for a line that begins with what may be a station: even with its time broken it must not run into the report above it.
fn names_another(part: &str) -> bool {
    let first = part.split_whitespace().next().unwrap_or_default();
    let is_word = first.len() == 4 && first.bytes().all(|b| b.is_ascii_uppercase());
    is_word && is_station(first) && super::weather::read(first).is_none()
}

/// True for a line that begins as the second lines of reports do.
fn goes_on(part: &str) -> bool {
    let first = part.split_whitespace().next().unwrap_or_default();
    let is_from =
        || first.strip_prefix("FM").is_some_and(|time| digits(time, 6).is_some() || digits(time, 4).is_some());
    GOES_ON.contains(&first) || is_from()
}

/// A line of its own with a date: `2026/08/18 17:00`, as the United States write it above a report.
fn date_line(line: &str) -> Option<Timestamp> {
    NaiveDateTime::parse_from_str(line, "%Y/%m/%d %H:%M").ok().map(|civil| civil.and_utc())
}

/// Twelve digits before a report: `202607140600`.
fn date_word(word: &str) -> Option<Timestamp> {
    let plain = word.len() == 12 && word.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| NaiveDateTime::parse_from_str(word, "%Y%m%d%H%M").ok()).flatten().map(|civil| civil.and_utc())
}
