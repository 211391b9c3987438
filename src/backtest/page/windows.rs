//! The stretches of time that are worth a look: around events first, missed ones before the others, then around false alarms.

use super::chart::{Subject, draw};
use super::overview::keys;
use super::{Scene, chip, escaped, lead};
use crate::backtest::history::{Episode, Stretch};
use crate::backtest::score::count;
use crate::backtest::truth::TrueEvent;
use crate::hazard::{Hazard, Severity};
use crate::ids::GovernorateId;
use crate::reading::Reading;
use crate::time::{TimeDelta, Timestamp};

/// The most drawings in all.
const MAX_WINDOWS: usize = 40;
/// The most of one hazard at one place.
const MAX_OF_ONE: usize = 6;
/// How much is shown before and after.
const AROUND: TimeDelta = TimeDelta::hours(12);
/// The longest stretch in one drawing.
const LONGEST: TimeDelta = TimeDelta::days(10);

/// A stretch of time worth a look.
struct Window<'a> {
    hazard: Hazard,
    governorate: GovernorateId,
    from: Timestamp,
    to: Timestamp,
    events: Vec<&'a TrueEvent>,
    stretches: Vec<Stretch>,
    episodes: Vec<Episode>,
}

impl Window<'_> {
    /// The lower the more worth a look.
    fn rank(&self) -> (usize, std::cmp::Reverse<Option<Severity>>, Timestamp) {
        let is_missed = self.events.iter().any(|event| self.first(event).is_none());
        let kind = match (self.events.is_empty(), is_missed) {
            (false, true) => 0,
            (false, false) => 1,
            (true, _) => 2,
        };
        let worst = self.stretches.iter().map(|stretch| stretch.severity).max();
        (kind, std::cmp::Reverse(worst), self.from)
    }

    /// When an event was first warned of at all.
    fn first(&self, event: &TrueEvent) -> Option<Timestamp> {
        let during = self.episodes.iter().filter(|one| one.told < event.to && one.overlaps(event.from, event.to));
        during.map(|episode| episode.told).min()
    }
}

/// The section.
pub(super) fn section(scene: &Scene<'_>) -> String {
    let mut text = "<h2>What was told and what was so</h2>\n".to_owned();
    let mut left = MAX_WINDOWS;
    let mut left_out = 0;
    for (hazard, governorate) in keys(scene).into_iter().filter(|(hazard, _)| scene.hazards.contains(hazard)) {
        let mut windows = windows(scene, hazard, &governorate);
        windows.sort_by_key(Window::rank);
        let shown = windows.len().min(MAX_OF_ONE).min(left);
        left_out += windows.len() - shown;
        windows.truncate(shown);
        left -= shown;
        if windows.is_empty() {
            continue;
        }
        windows.sort_by_key(|window| window.from);
        text.push_str(&format!("<h3>{hazard} in {}</h3>\n", scene.place(&governorate)));
        let readings: Vec<Reading> = scene
            .archive
            .readings()
            .map(|(_, reading)| reading)
            .filter(|reading| reading.governorate == governorate)
            .filter(|reading| {
                windows.iter().any(|one| one.from - TimeDelta::days(1) <= reading.at && reading.at <= one.to)
            })
            .cloned()
            .collect();
        for window in &windows {
            text.push_str(&figure(scene, window, &readings));
        }
    }
    if 0 < left_out {
        text.push_str(&format!(
            "<p class=\"soft\">{left_out} more stretches are not drawn; the whole time above shows them.</p>\n"
        ));
    }
    text
}

/// All that was told or so of a hazard at a place, what lies near one another together.
fn windows<'a>(scene: &Scene<'a>, hazard: Hazard, governorate: &GovernorateId) -> Vec<Window<'a>> {
    let line = scene.history.get(&(hazard, governorate.clone()));
    let episodes = line.map(|line| line.episodes(Severity::Yellow)).unwrap_or_default();
    let is_here = |event: &&TrueEvent| event.hazard == hazard && event.governorate == *governorate;
    let events: Vec<&TrueEvent> = scene.events.iter().filter(is_here).collect();
    let told = episodes.iter().map(|one| (one.told.min(one.from), one.to));
    let mut spans: Vec<(Timestamp, Timestamp)> =
        told.chain(events.iter().map(|event| (event.from, event.to))).collect();
    spans.sort_unstable();
    let mut whole: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (from, to) in spans.into_iter().map(|(from, to)| (from - AROUND, to + AROUND)) {
        match whole.last_mut() {
            Some(last) if from <= last.1 && to - last.0 <= LONGEST => last.1 = last.1.max(to),
            _ => whole.push((from, to.min(from + LONGEST))),
        }
    }
    let within = |(from, to): (Timestamp, Timestamp)| {
        let stretches = line.map(|line| line.stretches.as_slice()).unwrap_or_default();
        let stretches = stretches.iter().filter(|one| one.told < to && from < one.to);
        Window {
            hazard,
            governorate: governorate.clone(),
            from,
            to,
            events: events.iter().copied().filter(|event| event.from < to && from < event.to).collect(),
            stretches: stretches.copied().collect(),
            episodes: episodes.iter().copied().filter(|one| one.told < to && from < one.to).collect(),
        }
    };
    whole.into_iter().map(within).collect()
}

fn figure(scene: &Scene<'_>, window: &Window<'_>, readings: &[Reading]) -> String {
    let subject = Subject {
        hazard: window.hazard,
        governorate: &window.governorate,
        readings,
        events: window.events.clone(),
        stretches: window.stretches.clone(),
    };
    let (from, to) = (scene.local(window.from, "%-d %B"), scene.local(window.to, "%-d %B %Y"));
    let lines: String =
        window.events.iter().map(|event| format!("<li>{}</li>", sentence(scene, window, event))).collect();
    let near = count(&window.events, &window.episodes, 0, Severity::Yellow, scene.tolerance);
    let false_alarms = match near.false_alarms {
        0 => String::new(),
        1 => "<li><span class=\"bad\">✗ 1 false alarm</span></li>".to_owned(),
        count => format!("<li><span class=\"bad\">✗ {count} false alarms</span></li>"),
    };
    format!(
        "<figure><figcaption><b>{from} – {to}</b><ul>{lines}{false_alarms}</ul></figcaption>\n<div class=\"roll\">{}</div></figure>\n",
        draw(scene, &subject, (window.from, window.to))
    )
}

/// What became of an event, at its own level or at yellow.
fn sentence(scene: &Scene<'_>, window: &Window<'_>, event: &TrueEvent) -> String {
    let level = event.level.unwrap_or(Severity::Yellow);
    let line = scene.history.get(&(window.hazard, window.governorate.clone()));
    let episodes = line.map(|line| line.episodes(level)).unwrap_or_default();
    let counted = count(&[event], &episodes, 0, level, scene.tolerance);
    let times = format!("{} to {}", scene.local(event.from, "%-d %b %H:%M"), scene.local(event.to, "%-d %b %H:%M"));
    let worse = event.worse.get(&level).map(|(from, to)| {
        format!(" ({level} {} to {})", scene.local(*from, "%-d %b %H:%M"), scene.local(*to, "%-d %b %H:%M"))
    });
    let times = times + &worse.unwrap_or_default();
    let source = if event.source.is_empty() { String::new() } else { format!(" <i>{}</i>", escaped(&event.source)) };
    let found = match (counted.leads.first(), window.first(event)) {
        (Some(seconds), _) => {
            let words = lead(Some(*seconds));
            let words = if *seconds < 0 { words } else { format!("{words} before") };
            format!("<span class=\"good\">✓ hit</span>, told {words}")
        }
        (None, Some(_)) => "<span class=\"bad\">✗ missed at its level</span>, told more mildly".to_owned(),
        (None, None) => "<span class=\"bad\">✗ missed</span>".to_owned(),
    };
    let chip = event.level.map(chip).unwrap_or_default();
    format!("{chip} {times}: {found}.{source}")
}
