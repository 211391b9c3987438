//! One stretch of time at one place: what was measured, as the rules see it, with their thresholds as lines, what was told as bands
//! and what was so as a hatched bar.

use std::collections::{BTreeMap, BTreeSet};

use super::{Scene, escaped};
use crate::backtest::history::Stretch;
use crate::backtest::sweep::quantity;
use crate::backtest::truth::TrueEvent;
use crate::derive;
use crate::hazard::{Hazard, Severity};
use crate::ids::GovernorateId;
use crate::reading::{Basis, Reading};
use crate::rule::{Rule, Statistic};
use crate::time::{TimeDelta, Timestamp};
use crate::unit::{Metric, Unit};

/// The patterns that tell what colours tell as well.
pub(super) const PATTERNS: &str = r##"<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>
<pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="2.6" height="7" style="fill:var(--event)"/></pattern>
<pattern id="p-orange" width="9" height="9" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)"><rect width="1.6" height="9" fill="#000" opacity=".28"/></pattern>
<pattern id="p-red" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path d="M0 0h8M0 0v8" stroke="#000" stroke-width="2" opacity=".34"/></pattern>
</defs></svg>
"##;

/// The width of a drawing.
pub(super) const WIDTH: f64 = 1080.0;
/// Where its time begins and ends.
const LEFT: f64 = 66.0;
const RIGHT: f64 = 964.0;
/// The height of a lane and of a plot.
const LANE: f64 = 24.0;
const PLOT: f64 = 110.0;
const HEAD: f64 = 20.0;
const GAP: f64 = 12.0;
/// The most plots of one drawing.
const MAX_PLOTS: usize = 2;
/// The most series of one plot.
const MAX_SERIES: usize = 3;
/// The most points of one series.
const MAX_POINTS: usize = 1500;

/// Where moments are on a drawing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) left: f64,
    pub(super) right: f64,
}

impl Axis {
    /// The place of a moment, within the axis.
    pub(super) fn x(&self, moment: Timestamp) -> f64 {
        let whole = (self.to - self.from).num_seconds().max(1) as f64;
        let part = (moment.clamp(self.from, self.to) - self.from).num_seconds() as f64;
        self.left + (self.right - self.left) * part / whole
    }
}

/// What is drawn.
pub(super) struct Subject<'a> {
    pub(super) hazard: Hazard,
    pub(super) governorate: &'a GovernorateId,
    pub(super) readings: &'a [Reading],
    pub(super) events: Vec<&'a TrueEvent>,
    pub(super) stretches: Vec<Stretch>,
}

/// Draws a stretch of time.
pub(super) fn draw(scene: &Scene<'_>, subject: &Subject<'_>, (from, to): (Timestamp, Timestamp)) -> String {
    let axis = Axis { from, to, left: LEFT, right: RIGHT };
    let plots: Vec<(&Rule, Vec<Line>)> = plots(scene, subject, from, to);
    let top = 2.0 * LANE + 12.0;
    let bottom = top + plots.len() as f64 * (HEAD + PLOT + GAP);
    let height = bottom + 26.0;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{}\">\n",
        escaped(format!(
            "{} in {}, {} to {}",
            subject.hazard,
            subject.governorate,
            scene.local(from, "%F"),
            scene.local(to, "%F")
        ))
    );
    svg.push_str(&times(scene, axis, bottom));
    for event in &subject.events {
        let (x, width) = span(axis, event.from, event.to);
        svg.push_str(&format!(
            "<rect class=\"event-shade\" x=\"{x:.1}\" y=\"{top:.0}\" width=\"{width:.1}\" height=\"{:.0}\"/>\n",
            bottom - top - GAP
        ));
    }
    svg.push_str(&told(scene, axis, &subject.stretches));
    svg.push_str(&so(scene, axis, &subject.events));
    for (number, (rule, lines)) in plots.iter().enumerate() {
        svg.push_str(&plot(axis, top + HEAD + number as f64 * (HEAD + PLOT + GAP), rule, lines));
    }
    svg.push_str("</svg>\n");
    svg
}

fn span(axis: Axis, from: Timestamp, to: Timestamp) -> (f64, f64) {
    let x = axis.x(from);
    (x, (axis.x(to) - x).max(1.5))
}

/// The lines of the clock under all that is drawn.
fn times(scene: &Scene<'_>, axis: Axis, bottom: f64) -> String {
    let hours = (axis.to - axis.from).num_hours().max(1);
    let step = [1, 2, 3, 6, 12, 24, 48, 96].into_iter().find(|step| hours / step <= 14).unwrap_or(168);
    let mut svg = String::new();
    let first = axis.from.timestamp().div_euclid(3600) + 1;
    let moments = (first..).map_while(|hour| Timestamp::from_timestamp(hour * 3600, 0)).take_while(|at| *at < axis.to);
    for at in moments {
        let local = |form: &str| scene.local(at, form).parse::<i64>().unwrap_or_default();
        let day = local("%j");
        let is_marked = if step < 24 { local("%H") % step == 0 } else { local("%H") == 0 && day % (step / 24) == 0 };
        if !is_marked || local("%M") != 0 {
            continue;
        }
        let x = axis.x(at);
        let is_midnight = local("%H") == 0;
        let class = if is_midnight { "axis" } else { "axis faint" };
        let label = if is_midnight { scene.local(at, "%-d %b") } else { scene.local(at, "%H:%M") };
        svg.push_str(&format!("<path class=\"{class}\" d=\"M{x:.1} {LANE}V{:.0}\"/>", bottom - 6.0));
        svg.push_str(&format!(
            "<text class=\"soft\" x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{label}</text>\n",
            bottom + 10.0
        ));
    }
    svg
}

/// What was told, as bands: lighter before the danger was told to begin.
fn told(scene: &Scene<'_>, axis: Axis, stretches: &[Stretch]) -> String {
    let mut svg = format!("<text class=\"soft\" x=\"0\" y=\"{:.0}\">told</text>\n", LANE - 7.0);
    for stretch in joined(stretches) {
        let Stretch { told, from, to, severity } = stretch;
        let (x, width) = span(axis, from.min(to), to);
        let before = axis.x(from.min(to)) - axis.x(told);
        if 1.0 < before {
            svg.push_str(&format!(
                "<rect class=\"b-{severity}\" opacity=\".35\" x=\"{:.1}\" y=\"8\" width=\"{before:.1}\" height=\"8\"/>",
                axis.x(told)
            ));
        }
        svg.push_str(&band(severity, (x, width), (2.0, LANE - 4.0)));
        svg.push_str(&format!(
            "<title>{severity}, told {}, {} to {}</title></g>",
            scene.local(told, "%-d %b %H:%M"),
            scene.local(from, "%-d %b %H:%M"),
            scene.local(to, "%-d %b %H:%M")
        ));
        if 44.0 < width {
            let x = x + width / 2.0;
            svg.push_str(&format!(
                "<text class=\"on-{severity}\" x=\"{x:.1}\" y=\"17\" text-anchor=\"middle\">{severity}</text>"
            ));
        } else if 9.0 < width {
            let letter: String = severity.name().chars().take(1).flat_map(char::to_uppercase).collect();
            let x = x + width / 2.0;
            svg.push_str(&format!(
                "<text class=\"on-{severity}\" x=\"{x:.1}\" y=\"17\" text-anchor=\"middle\">{letter}</text>"
            ));
        }
        svg.push('\n');
    }
    svg
}

/// Stretches of one severity that follow one another, as one.
fn joined(stretches: &[Stretch]) -> Vec<Stretch> {
    let mut whole: Vec<Stretch> = Vec::new();
    for stretch in stretches {
        match whole.last_mut() {
            Some(last) if last.severity == stretch.severity && last.to == stretch.told => {
                last.from = last.from.min(stretch.from);
                last.to = stretch.to;
            }
            _ => whole.push(*stretch),
        }
    }
    whole
}

/// A band in the colour and the pattern of a level, in a group that is still open.
pub(super) fn band(severity: Severity, (x, width): (f64, f64), (y, height): (f64, f64)) -> String {
    let place = format!("x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\"");
    let pattern = match severity {
        Severity::Orange | Severity::Red if 6.0 < width => format!("<rect fill=\"url(#p-{severity})\" {place}/>"),
        Severity::Advisory | Severity::Yellow | Severity::Orange | Severity::Red => String::new(),
    };
    // An edge would hide what is narrow.
    let edge = if 6.0 < width { format!("<rect class=\"over\" {place}/>") } else { String::new() };
    format!("<g><rect class=\"b-{severity}\" {place}/>{pattern}{edge}")
}

/// What was so, as hatched bars.
fn so(scene: &Scene<'_>, axis: Axis, events: &[&TrueEvent]) -> String {
    let y = LANE + 4.0;
    let mut svg = format!("<text class=\"soft\" x=\"0\" y=\"{:.0}\">so</text>\n", y + 14.0);
    for event in events {
        let (x, width) = span(axis, event.from, event.to);
        let level = event.level.map_or("event", Severity::name);
        let title = format!(
            "{level}, {} to {}: {}",
            scene.local(event.from, "%-d %b %H:%M"),
            scene.local(event.to, "%-d %b %H:%M"),
            event.source
        );
        svg.push_str(&format!(
            "<g><rect class=\"event\" x=\"{x:.1}\" y=\"{:.0}\" width=\"{width:.1}\" height=\"{:.0}\"/><title>{}</title></g>\
             <text x=\"{:.1}\" y=\"{:.0}\">{level}</text>\n",
            y + 3.0,
            LANE - 10.0,
            escaped(title),
            x + width + 5.0,
            y + 14.0
        ));
        // Where it was worse for a while, the colour of that runs under the bar.
        for (level, (from, to)) in &event.worse {
            let (x, width) = span(axis, *from, *to);
            svg.push_str(&format!(
                "<g><rect class=\"b-{level}\" x=\"{x:.1}\" y=\"{:.0}\" width=\"{width:.1}\" height=\"5\"/>\
                 <title>{level}, {} to {}</title></g>\n",
                y + LANE - 7.0,
                scene.local(*from, "%-d %b %H:%M"),
                scene.local(*to, "%-d %b %H:%M")
            ));
        }
    }
    svg
}

/// One series as a rule sees it: at each moment the statistic of its window.
struct Line {
    name: String,
    points: Vec<(Timestamp, f64)>,
}

/// The rules of the hazard whose metric is known here, each with what it sees.
fn plots<'a>(scene: &Scene<'a>, subject: &Subject<'_>, from: Timestamp, to: Timestamp) -> Vec<(&'a Rule, Vec<Line>)> {
    let rules = scene.rules.rules.iter();
    let rules = rules.filter(|rule| rule.hazard == subject.hazard && rule.governorates.contains(subject.governorate));
    let mut plots: Vec<(&Rule, Vec<Line>)> = Vec::new();
    for rule in rules {
        if plots.len() == MAX_PLOTS {
            break;
        }
        if plots.iter().any(|(other, _)| other.metric == rule.metric && other.window == rule.window) {
            continue;
        }
        let lines = lines(rule, subject.readings, from, to);
        if !lines.is_empty() {
            plots.push((rule, lines));
        }
    }
    plots
}

fn lines(rule: &Rule, readings: &[Reading], from: Timestamp, to: Timestamp) -> Vec<Line> {
    let near: Vec<Reading> = readings
        .iter()
        .filter(|reading| from - rule.window.span <= reading.at && reading.at <= to && rule.sight.takes(reading.basis))
        .cloned()
        .collect();
    let derived = derive::readings(&near, &BTreeSet::from([rule.metric]), |_, _| None).readings;
    let mut series: BTreeMap<(Basis, Option<&str>), BTreeMap<Timestamp, f64>> = BTreeMap::new();
    for reading in near.iter().chain(&derived).filter(|reading| reading.metric == rule.metric) {
        series.entry((reading.basis, reading.station.as_deref())).or_default().insert(reading.at, reading.value);
    }
    let name = |basis: Basis, station: Option<&str>| match (basis, station) {
        (Basis::Forecast, _) => "forecast".to_owned(),
        (Basis::Observed, station) => station.unwrap_or_default().to_owned(),
    };
    series
        .into_iter()
        .take(MAX_SERIES)
        .map(|((basis, station), points)| Line { name: name(basis, station), points: seen(rule, &points, from) })
        .filter(|line| !line.points.is_empty())
        .collect()
}

/// The statistic of the window that ends with each point.
fn seen(rule: &Rule, points: &BTreeMap<Timestamp, f64>, from: Timestamp) -> Vec<(Timestamp, f64)> {
    let every = points.len() / MAX_POINTS + 1;
    let at = |end: Timestamp| {
        let mut within = points.range(end - rule.window.span + TimeDelta::seconds(1)..=end).map(|(_, value)| *value);
        let hours = rule.window.span.as_seconds_f64() / 3600.0;
        match rule.window.statistic {
            Statistic::Sum => within.sum(),
            Statistic::Max => within.fold(f64::NEG_INFINITY, f64::max),
            Statistic::Min => within.fold(f64::INFINITY, f64::min),
            Statistic::Mean => {
                let (sum, count) = within.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
                sum / f64::max(count, 1.0)
            }
            Statistic::Rate if rule.metric == Metric::Precipitation => within.sum::<f64>() / hours,
            Statistic::Rate => {
                let before = points.range(..=end - rule.window.span).next_back().map(|(_, value)| *value);
                let last = within.next_back();
                last.zip(before).map_or(0.0, |(last, before)| (last - before) / hours)
            }
        }
    };
    points.keys().step_by(every).filter(|end| from <= **end).map(|end| (*end, at(*end))).collect()
}

fn plot(axis: Axis, top: f64, rule: &Rule, lines: &[Line]) -> String {
    let unit = if rule.unit == Unit::Code { rule.metric.public_unit() } else { rule.unit };
    let values = lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
    let marks = rule.thresholds.iter().map(|one| one.raise);
    let (low, high) = values
        .chain(marks)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    // Thresholds of little sight are lost under the kilometres of a clear day.
    let high = match rule.direction {
        crate::rule::Direction::AtLeast => high,
        crate::rule::Direction::AtMost => {
            let mildest = rule.thresholds.iter().map(|one| one.raise).fold(0.0, f64::max);
            if 0.0 < mildest { high.min(mildest * 2.2) } else { high }
        }
    };
    let low = if 0.0 <= low && rule.metric.is_never_negative() { 0.0 } else { low };
    let room = ((high - low) * 0.06).max(0.5);
    let (low, high) = (if low == 0.0 { 0.0 } else { low - room }, high + room);
    let y = |value: f64| top + PLOT - (value.clamp(low, high) - low) / (high - low) * PLOT;
    let what = match rule.window.statistic {
        Statistic::Sum => "sum",
        Statistic::Max => "highest",
        Statistic::Min => "lowest",
        Statistic::Mean => "mean",
        Statistic::Rate => "by the hour",
    };
    let span = crate::time::span_text(rule.window.span);
    let mut svg = format!("<path class=\"axis\" d=\"M{LEFT} {top:.0}V{:.0}H{RIGHT}\"/>\n", top + PLOT);
    for value in [low, f64::midpoint(low, high), high] {
        let shown = unit.from_canonical(value);
        let digits = if shown.abs() < 10.0 { 1 } else { 0 };
        svg.push_str(&format!(
            "<text class=\"soft\" x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{shown:.digits$}</text>",
            LEFT - 6.0,
            y(value) + 4.0
        ));
    }
    let mut label_y = f64::INFINITY;
    let mut limits: Vec<_> = rule.thresholds.iter().collect();
    limits.sort_by(|a, b| y(b.raise).total_cmp(&y(a.raise)));
    for limit in limits {
        let (at, severity) = (y(limit.raise), limit.severity);
        // Labels that would lie over one another are moved up.
        label_y = (at + 4.0).min(label_y - 13.0);
        svg.push_str(&format!(
            "<path class=\"limit l-{severity}\" d=\"M{LEFT} {at:.1}H{RIGHT}\"/><text x=\"{:.0}\" y=\"{label_y:.1}\">{severity} {}</text>\n",
            RIGHT + 6.0,
            escaped(quantity(limit.raise, rule.unit))
        ));
    }
    for (line, class) in lines.iter().zip(["", " second", " third"]) {
        svg.push_str(&drawn(axis, rule, line, class, &y, top + PLOT));
    }
    let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).filter(|name| !name.is_empty()).collect();
    let names = if names.is_empty() { String::new() } else { format!(" – {}", names.join(" (solid), ")) };
    let metric = rule.metric.name().replace('_', " ");
    svg.push_str(&format!(
        "<text x=\"{:.0}\" y=\"{:.0}\" font-weight=\"600\">{} <tspan class=\"soft\" font-weight=\"400\">{metric}, {what} of {span}, {}{}</tspan></text>\n",
        LEFT,
        top - 7.0,
        escaped(&rule.id),
        unit.symbol(),
        escaped(names)
    ));
    svg
}

/// Sums as bars, all else as a line that breaks where nothing is known.
fn drawn(axis: Axis, rule: &Rule, line: &Line, class: &str, y: &impl Fn(f64) -> f64, bottom: f64) -> String {
    if rule.window.statistic == Statistic::Sum && class.is_empty() {
        let width = ((axis.right - axis.left) / line.points.len().max(1) as f64 * 0.8).clamp(0.6, 14.0);
        let bars = line.points.iter().filter(|(_, value)| 0.0 < *value).map(|(at, value)| {
            let top = y(*value);
            format!(
                "<rect class=\"bar\" x=\"{:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{:.1}\"/>",
                axis.x(*at) - width,
                bottom - top
            )
        });
        return bars.collect::<String>() + "\n";
    }
    let mut steps: Vec<TimeDelta> =
        line.points.windows(2).filter_map(|pair| Some(pair.get(1)?.0 - pair.first()?.0)).collect();
    steps.sort_unstable();
    let usual = steps.get(steps.len() / 2).copied().unwrap_or(TimeDelta::hours(1));
    let mut path = String::new();
    let mut last: Option<Timestamp> = None;
    for (at, value) in &line.points {
        let command = if last.is_some_and(|last| *at - last <= usual * 3) { 'L' } else { 'M' };
        path.push_str(&format!("{command}{:.1} {:.1}", axis.x(*at), y(*value)));
        last = Some(*at);
    }
    format!("<path class=\"series{class}\" d=\"{path}\"/>\n")
}
