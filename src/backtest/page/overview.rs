//! The whole time at a glance: a row for each hazard and place, warnings as bands above, events as marks below.

use std::collections::BTreeSet;

use chrono::NaiveTime;

use super::chart::{Axis, WIDTH, band};
use super::{Scene, escaped, place_name};
use crate::hazard::{Hazard, Severity};
use crate::ids::GovernorateId;
use crate::time::Timestamp;

/// The most rows.
const MAX_ROWS: usize = 60;
/// The height of a row.
const ROW: f64 = 26.0;
/// Where time begins and ends.
const LEFT: f64 = 190.0;
const RIGHT: f64 = 1070.0;

/// What there is to draw of each hazard and place.
pub(super) fn keys(scene: &Scene<'_>) -> BTreeSet<(Hazard, GovernorateId)> {
    let told = scene.history.iter().filter(|(_, line)| !line.stretches.is_empty()).map(|(key, _)| key.clone());
    told.chain(scene.events.iter().map(|event| (event.hazard, event.governorate.clone()))).collect()
}

/// The section.
pub(super) fn section(scene: &Scene<'_>) -> String {
    let keys = keys(scene);
    if keys.is_empty() {
        return "<h2>The whole time</h2>\n<p>Nothing was told, and nothing was so.</p>\n".to_owned();
    }
    let rows = keys.len().min(MAX_ROWS);
    let height = rows as f64 * ROW + 30.0;
    let axis = Axis { from: scene.archive.from, to: scene.archive.to, left: LEFT, right: RIGHT };
    let mut svg =
        format!("<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"all warnings and events\">\n");
    svg.push_str(&months(scene, axis, rows as f64 * ROW));
    for (number, (hazard, governorate)) in keys.iter().take(MAX_ROWS).enumerate() {
        let top = number as f64 * ROW;
        let mark = if scene.hazards.contains(hazard) { "" } else { "*" };
        svg.push_str(&format!(
            "<text x=\"0\" y=\"{:.0}\">{hazard}{mark} <tspan class=\"soft\">{}</tspan></text><path class=\"axis faint\" d=\"M0 {:.0}H{RIGHT}\"/>\n",
            top + 16.0,
            escaped(place_name(scene.book(), governorate)),
            top + ROW
        ));
        let line = scene.history.get(&(*hazard, governorate.clone()));
        for stretch in line.map(|line| line.stretches.as_slice()).unwrap_or_default() {
            let x = axis.x(stretch.from.min(stretch.to));
            let width = (axis.x(stretch.to) - x).max(1.2);
            // The worse, the higher.
            let height = match stretch.severity {
                Severity::Advisory | Severity::Yellow => 5.0,
                Severity::Orange => 9.0,
                Severity::Red => 13.0,
            };
            svg.push_str(&band(stretch.severity, (x, width), (top + 16.0 - height, height)));
            svg.push_str("</g>");
        }
        for event in scene.events.iter().filter(|event| event.hazard == *hazard && event.governorate == *governorate) {
            let x = axis.x(event.from);
            let y = top + 17.0;
            svg.push_str(&format!(
                "<path d=\"M{x:.1} {y:.1}l4.5 7h-9z\" style=\"fill:var(--event)\"><title>{}</title></path>",
                escaped(format!("{}: {}", scene.local(event.from, "%F %H:%M"), event.source))
            ));
        }
        svg.push('\n');
    }
    svg.push_str("</svg>\n");
    let more = keys.len() - rows;
    let more = if more == 0 { String::new() } else { format!(" {more} more rows are not drawn.") };
    format!(
        "<h2>The whole time</h2>\n<figure><figcaption>Bands are warnings, low for yellow, higher and hatched for orange, highest and \
         cross-hatched for red; triangles under the line are events. The truth does not speak of a hazard with *.{more}</figcaption>\n<div class=\"roll\">{svg}</div></figure>\n"
    )
}

/// Lines where days, months or years begin, few enough to be read.
fn months(scene: &Scene<'_>, axis: Axis, bottom: f64) -> String {
    let days = (axis.to - axis.from).num_days().max(1);
    let mut svg = String::new();
    let first = axis.from.timestamp().div_euclid(86_400);
    let mut last: Option<String> = None;
    for day in (first..).take(usize::try_from(days).unwrap_or_default() + 2) {
        let Some(noon) = Timestamp::from_timestamp(day * 86_400 + 43_200, 0) else { break };
        let date = noon.with_timezone(&scene.zone).date_naive();
        let Some(begins) = date.and_time(NaiveTime::MIN).and_local_timezone(scene.zone).earliest() else { continue };
        let begins = begins.to_utc();
        let number = scene.local(noon, "%d");
        let (is_marked, label) = match days {
            ..=16 => (true, scene.local(noon, "%-d %b")),
            17..=75 => (["01", "08", "15", "22"].contains(&number.as_str()), scene.local(noon, "%-d %b")),
            76..=900 => (number == "01", scene.local(noon, "%b")),
            _ => (
                scene.local(noon, "%m-%d") == "01-01" || scene.local(noon, "%m-%d") == "07-01",
                scene.local(noon, "%b %Y"),
            ),
        };
        if is_marked && last.as_ref() != Some(&label) && axis.from <= begins && begins <= axis.to {
            let x = axis.x(begins);
            svg.push_str(&format!(
                "<path class=\"axis faint\" d=\"M{x:.1} 0V{bottom:.0}\"/><text class=\"soft\" x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{label}</text>\n",
                bottom + 18.0
            ));
            last = Some(label);
        }
    }
    svg
}
