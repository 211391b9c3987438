//! The report as one page of HTML that needs nothing else: no script, no file, no network. Legible in light and in dark, and without
//! colours: every level is also a word and a pattern.

use std::collections::BTreeSet;
use std::fmt::Display;

use chrono_tz::Tz;

use super::archive::Archive;
use super::gate::Verdict;
use super::history::History;
use super::report::{Against, Report, Turn};
use super::score::Score;
use super::truth::TrueEvent;
use super::{Answer, Question, place_name};
use crate::governorate::GovernorateBook;
use crate::hazard::{Hazard, Severity};
use crate::ids::GovernorateId;
use crate::rule::RuleBook;
use crate::time::{TimeDelta, Timestamp, span_text};

mod chart;
mod curve;
mod overview;
mod windows;

/// The most rows of the table of all places.
const MAX_ROWS: usize = 600;

/// What stands for 0 out of 0.
const UNDEFINED: &str = "–";

/// What all parts of the page are drawn from.
#[derive(Clone, Copy)]
struct Scene<'a> {
    rules: &'a RuleBook,
    archive: &'a Archive,
    history: &'a History,
    events: &'a [TrueEvent],
    /// The hazards of which the truth speaks.
    hazards: &'a BTreeSet<Hazard>,
    zone: Tz,
    tolerance: TimeDelta,
}

impl<'a> Scene<'a> {
    fn book(&self) -> &'a GovernorateBook {
        &self.rules.governorates
    }

    /// A governorate by its name in English and in Arabic.
    fn place(&self, id: &GovernorateId) -> String {
        let english = escaped(place_name(self.book(), id));
        match self.book().get(id).map(|place| &place.name.ar) {
            Some(arabic) => format!("{english} <bdi lang=\"ar\" class=\"soft\">{}</bdi>", escaped(arabic)),
            None => english,
        }
    }

    /// A moment as people at the place read it.
    fn local(&self, moment: Timestamp, form: &str) -> String {
        moment.with_timezone(&self.zone).format(form).to_string()
    }
}

/// Text as it may stand in HTML.
fn escaped(text: impl Display) -> String {
    let mut safe = String::new();
    for c in text.to_string().chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// The page.
pub fn page(question: &Question<'_>, answer: &Answer, zone: Tz) -> String {
    let scene = Scene {
        rules: question.rules.book,
        archive: question.archive,
        history: &answer.history,
        events: &answer.events,
        hazards: &question.truth.hazards,
        zone,
        tolerance: question.tolerance,
    };
    let report = &answer.report;
    let style = include_str!("page/style.css");
    let title = format!("Backtest of {}", report.rules.name);
    let body = [
        head(&scene, report),
        cards(report),
        format!("<h2>In total</h2>\n{}", scores(&scene, &report.totals, false)),
        report.gate.as_deref().map(gate).unwrap_or_default(),
        report.against.as_ref().map(against).unwrap_or_default(),
        report.sweep.as_ref().map(curve::section).unwrap_or_default(),
        overview::section(&scene),
        windows::section(&scene),
        each(&scene, report),
        notes(report),
        words(report),
    ]
    .concat();
    format!(
        "<!doctype html>\n<html lang=\"en\" dir=\"ltr\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<style>\n{style}</style>\n\
         </head>\n<body>\n{}<main>\n{body}</main>\n</body>\n</html>\n",
        escaped(title),
        chart::PATTERNS,
    )
}

fn head(scene: &Scene<'_>, report: &Report) -> String {
    let readings = &report.readings;
    let span = |moment| scene.local(moment, "%-d %B %Y");
    let skipped =
        if readings.skipped == 0 { String::new() } else { format!(", {} passed over", thousands(readings.skipped)) };
    let region = &scene.book().region;
    format!(
        "<header><h1>How good would these rules have been?</h1>\n<p>{} rules of <b>{}</b>, lived through {} values from {} to {} \
         ({}) in {} <bdi lang=\"ar\">{}</bdi>; {} rows{skipped}.</p></header>\n",
        report.rules.count,
        escaped(&report.rules.name),
        thousands(readings.values),
        span(readings.from),
        span(readings.to),
        scene.zone,
        escaped(&region.en),
        escaped(&region.ar),
        thousands(readings.rows),
    )
}

fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if 0 < place && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// The few numbers that say most: of all hazards, at yellow or worse.
fn cards(report: &Report) -> String {
    let Some(score) = report.totals.iter().find(|score| score.hazard.is_none() && score.level == Severity::Yellow)
    else {
        return String::new();
    };
    let card = |number: String, name: &str, what: String| {
        format!("<div class=\"card\"><b>{number}</b><span>{name}</span><small>{what}</small></div>\n")
    };
    let far = format!("{} of {} warnings stood near no event", score.false_alarms, score.warnings);
    let cards = [
        card(share(score.pod), "found (POD)", format!("{} of {} events were warned of", score.hits, score.events)),
        card(share(score.far), "false (FAR)", far),
        card(share(score.csi), "success (CSI)", "hits out of events and false alarms".to_owned()),
        card(lead(score.lead_median_s), "median lead", format!("worst: {}", lead(score.lead_worst_s))),
        card(share(report.changes_per_day), "bulletins a day", "everywhere together: too many tire people".to_owned()),
    ];
    format!("<div class=\"cards\">\n{}</div>\n", cards.concat())
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| UNDEFINED.to_owned(), |value| format!("{value:.2}"))
}

/// A lead: how long before, or how late.
fn lead(seconds: Option<i64>) -> String {
    let Some(seconds) = seconds else { return UNDEFINED.to_owned() };
    let minutes = seconds.abs() / 60;
    let span = match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes:02}"),
    };
    if seconds < 0 { format!("{span} late") } else { span }
}

fn chip(level: Severity) -> String {
    format!("<span class=\"chip {level}\">{level}</span>")
}

fn scores(scene: &Scene<'_>, scores: &[Score], has_place: bool) -> String {
    let place = if has_place { "<th class=\"text\">where</th>" } else { "" };
    let mut text = format!(
        "<div class=\"wide\"><table>\n<tr><th class=\"text\">hazard</th>{place}<th class=\"text\">level</th><th>events</th>\
         <th>hits</th><th>misses</th><th>warnings</th><th>false</th><th>POD</th><th>FAR</th><th>CSI</th><th>bias</th>\
         <th>median lead</th><th>worst lead</th><th>a day</th></tr>\n"
    );
    for score in scores {
        let class = if score.hazard.is_none() { " class=\"all\"" } else { "" };
        let hazard = score.hazard.map_or("all hazards", |hazard| hazard.name());
        let place = score.governorate.as_ref().filter(|_| has_place).map(|id| scene.place(id));
        let place = place.map(|place| format!("<td class=\"text\">{place}</td>")).unwrap_or_default();
        text.push_str(&format!(
            "<tr{class}><td class=\"text\">{hazard}</td>{place}<td class=\"text\">{}</td>",
            chip(score.level)
        ));
        for count in [score.events, score.hits, score.misses, score.warnings, score.false_alarms] {
            text.push_str(&format!("<td>{count}</td>"));
        }
        for value in [score.pod, score.far, score.csi, score.bias] {
            text.push_str(&format!("<td>{}</td>", share(value)));
        }
        let (median, worst) = (lead(score.lead_median_s), lead(score.lead_worst_s));
        text.push_str(&format!("<td>{median}</td><td>{worst}</td><td>{}</td></tr>\n", share(score.changes_per_day)));
    }
    text.push_str("</table></div>\n");
    text
}

fn each(scene: &Scene<'_>, report: &Report) -> String {
    if report.scores.is_empty() {
        return String::new();
    }
    let shown = report.scores.get(..MAX_ROWS.min(report.scores.len())).unwrap_or_default();
    let more = report.scores.len() - shown.len();
    let more =
        if more == 0 { String::new() } else { format!("<p class=\"soft\">{more} more rows are in the JSON.</p>\n") };
    format!("<h2>Each place</h2>\n{}{more}", scores(scene, shown, true))
}

fn gate(verdicts: &[Verdict]) -> String {
    let row = |verdict: &Verdict| {
        let (class, word) = if verdict.is_met { ("good", "✓ met") } else { ("bad", "✗ not met") };
        let (condition, found) = (escaped(&verdict.condition), escaped(&verdict.found));
        format!("<tr><td class=\"text\">{condition}</td><td>{found}</td><td class=\"text {class}\">{word}</td></tr>\n")
    };
    let rows: String = verdicts.iter().map(row).collect();
    format!(
        "<h2>The gate</h2>\n<div class=\"wide\"><table>\n<tr><th class=\"text\">condition</th><th>found</th><th class=\"text\"></th>\
         </tr>\n{rows}</table></div>\n"
    )
}

fn against(against: &Against) -> String {
    let mut text = format!(
        "<h2>Against {}</h2>\n<div class=\"wide\"><table>\n<tr><th class=\"text\">hazard</th><th class=\"text\">level</th>\
         <th class=\"text\">score</th><th>these rules</th><th>the others</th><th class=\"text\">these are</th></tr>\n",
        escaped(&against.rules.name)
    );
    for one in &against.differences {
        let is_lead = one.measure == "lead_median_s";
        let shown = |value: Option<f64>| if is_lead { lead(value.map(|value| value as i64)) } else { share(value) };
        let class = match one.change {
            Turn::Better => "good",
            Turn::Worse => "bad",
            Turn::Same | Turn::Undefined => "soft",
        };
        let hazard = one.hazard.map_or("all hazards", |hazard| hazard.name());
        let measure = if is_lead { "median lead".to_owned() } else { one.measure.replace('_', " ") };
        text.push_str(&format!(
            "<tr><td class=\"text\">{hazard}</td><td class=\"text\">{}</td><td class=\"text\">{measure}</td><td>{}</td><td>{}</td>\
             <td class=\"text {class}\">{}</td></tr>\n",
            chip(one.level),
            shown(one.value),
            shown(one.against),
            one.change.shown(),
        ));
    }
    text.push_str("</table></div>\n");
    text
}

fn notes(report: &Report) -> String {
    if report.warnings.is_empty() {
        return String::new();
    }
    let lines: String = report.warnings.iter().map(|note| format!("<li>{}</li>\n", escaped(note))).collect();
    format!("<h2>To know beside it</h2>\n<ul class=\"notes\">\n{lines}</ul>\n")
}

fn words(report: &Report) -> String {
    let tolerance = span_text(TimeDelta::seconds(report.tolerance_s));
    format!(
        "<h2>What the words mean</h2>\n<dl>\n\
         <dt>hit</dt><dd>an event during which a warning of at least the level was in force, told before the event ended</dd>\n\
         <dt>false</dt><dd>a warning that stood within {tolerance} of no event of at least its level</dd>\n\
         <dt>POD</dt><dd>probability of detection: hits out of events; 1 is best</dd>\n\
         <dt>FAR</dt><dd>false alarm ratio: false alarms out of warnings; 0 is best</dd>\n\
         <dt>CSI</dt><dd>critical success index: hits out of events and false alarms; 1 is best</dd>\n\
         <dt>bias</dt><dd>warnings for each event; 1 is neither too often nor too seldom</dd>\n\
         <dt>lead</dt><dd>from the first telling at the level to the beginning of the event</dd>\n\
         <dt>{UNDEFINED}</dt><dd>0 out of 0, which is no number</dd>\n</dl>\n\
         <p class=\"soft\">After Jolliffe and Stephenson, Forecast Verification (2012), and Wilks, Statistical Methods in the \
         Atmospheric Sciences (2019). An event without a level counts at yellow. These are automatic warnings of proposed rules, \
         lived through on readings of the past; nothing of this was ever told to the public.</p>\n"
    )
}

#[cfg(test)]
mod tests;
