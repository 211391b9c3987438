//! Scores: what was told against what was so, event by event.
//!
//! Counted, for one hazard at one governorate and one level (yellow, orange, red):
//! * an **event** is a true event of that level or worse, for as long as it was so bad; one without a level counts at yellow alone,
//!   the mildest;
//! * a **hit** is an event during which a warning of that level or worse was in force, told before the event ended; every other
//!   event is a **miss**;
//! * a **warning** is an episode at that level or worse, however often it was changed; one that lies near an event (within a
//!   tolerance, and of that level or worse or of none) was right, every other one is a **false alarm**.
//!
//! From the counts, after Jolliffe and Stephenson, "Forecast Verification" (2nd ed., 2012), chapter 3, Wilks, "Statistical Methods
//! in the Atmospheric Sciences" (4th ed., 2019), chapter 9, and, for warnings matched with events, WMO-No. 1132, "Forecast
//! Verification for the African Severe Weather Forecasting Demonstration Projects" (2014): see [`Score`]. Calm that was not warned
//! of is not counted, since nobody can say how many times nothing happened; so scores that need it (the false alarm *rate*,
//! Heidke) are not given.
//! What is 0 out of 0 has no value and is never shown as 0 or 1.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::history::{Episode, History};
use super::truth::TrueEvent;
use crate::hazard::{Hazard, Severity};
use crate::ids::GovernorateId;
use crate::time::{TimeDelta, Timestamp};

/// How far from an event a warning may lie and still be right, when nobody says.
pub const DEFAULT_TOLERANCE: TimeDelta = TimeDelta::hours(1);

/// What was counted, with the leads of the hits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Count {
    /// True events.
    pub events: usize,
    /// Of these, warned of.
    pub hits: usize,
    /// Warnings near an event.
    pub right: usize,
    /// Warnings near none.
    pub false_alarms: usize,
    /// How long before each hit event began its first warning was told, in seconds; negative when it came late.
    pub leads: Vec<i64>,
    /// Bulletins that told or took back this level.
    pub changes: usize,
}

impl Count {
    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        let Self { events, hits, right, false_alarms, leads, changes } = other;
        self.events += events;
        self.hits += hits;
        self.right += right;
        self.false_alarms += false_alarms;
        self.leads.extend(leads);
        self.changes += changes;
    }

    /// True when nothing was told and nothing was so.
    pub fn is_empty(&self) -> bool {
        self.events == 0 && self.right == 0 && self.false_alarms == 0
    }
}

/// The scores of one count. None stands for 0 out of 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Of which hazard; none for all of them.
    pub hazard: Option<Hazard>,
    /// Where; none for everywhere.
    pub governorate: Option<GovernorateId>,
    /// At which level.
    pub level: Severity,
    /// True events.
    pub events: usize,
    /// Those that were warned of.
    pub hits: usize,
    /// Those that were not.
    pub misses: usize,
    /// Warnings, right and false.
    pub warnings: usize,
    /// Warnings near no event.
    pub false_alarms: usize,
    /// Probability of detection: hits out of events, H / (H + M). 1 is best.
    pub pod: Option<f64>,
    /// False alarm ratio: false alarms out of warnings, F / (F + right warnings). 0 is best.
    pub far: Option<f64>,
    /// Critical success index, or threat score: hits out of events and false alarms, H / (H + M + F). 1 is best.
    pub csi: Option<f64>,
    /// Frequency bias: warnings for each event, (F + right warnings) / (H + M). 1 is neither too often nor too seldom.
    pub bias: Option<f64>,
    /// The median of the lead times of the hits, in seconds; negative when it came after the event had begun.
    pub lead_median_s: Option<i64>,
    /// The shortest lead time of a hit, in seconds.
    pub lead_worst_s: Option<i64>,
    /// Bulletins of it in a day with readings: too many of them tire people.
    pub changes_per_day: Option<f64>,
}

impl Score {
    /// The scores of a count over so many days with readings.
    pub fn of(count: &Count, of: (Option<Hazard>, Option<GovernorateId>, Severity), days: usize) -> Self {
        let (hazard, governorate, level) = of;
        let Count { events, hits, right, false_alarms, changes, .. } = *count;
        let warnings = right + false_alarms;
        let mut leads = count.leads.clone();
        leads.sort_unstable();
        Self {
            hazard,
            governorate,
            level,
            events,
            hits,
            misses: events - hits,
            warnings,
            false_alarms,
            pod: share(hits, events),
            far: share(false_alarms, warnings),
            csi: share(hits, events + false_alarms),
            bias: share(warnings, events),
            lead_median_s: median(&leads),
            lead_worst_s: leads.first().copied(),
            changes_per_day: share(changes, days),
        }
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (0 < whole).then(|| part as f64 / whole as f64)
}

/// The middle of values in order; of two middles the mean, rounded down.
fn median(values: &[i64]) -> Option<i64> {
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some((lower + upper).div_euclid(2))
}

/// Counts one hazard at one governorate at one level.
pub fn count(
    events: &[&TrueEvent],
    episodes: &[Episode],
    changes: usize,
    level: Severity,
    tolerance: TimeDelta,
) -> Count {
    let mut counted = Count { changes, ..Count::default() };
    for (from, to) in events.iter().filter_map(|event| event.spell(level)) {
        counted.events += 1;
        let during = episodes.iter().filter(|episode| episode.told < to && episode.overlaps(from, to));
        if let Some(told) = during.map(|episode| episode.told).min() {
            counted.hits += 1;
            counted.leads.push((from - told).num_seconds());
        }
    }
    for episode in episodes {
        let is_near = |event: &&TrueEvent| {
            let spell = if event.level.is_none() { Some((event.from, event.to)) } else { event.spell(level) };
            spell.is_some_and(|(from, to)| episode.overlaps(from - tolerance, to + tolerance))
        };
        if events.iter().any(is_near) {
            counted.right += 1;
        } else {
            counted.false_alarms += 1;
        }
    }
    counted
}

/// All scores of a history.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores {
    /// For each hazard, governorate and level at which something was told or so.
    pub each: Vec<Score>,
    /// For each hazard and level over all governorates, then for each level over all hazards.
    pub totals: Vec<Score>,
}

/// The days with readings of each governorate.
pub type Days = BTreeMap<GovernorateId, usize>;

/// Scores a history by events, for the hazards of which all events are known.
pub fn score(
    history: &History,
    events: &[TrueEvent],
    hazards: &BTreeSet<Hazard>,
    (tolerance, days): (TimeDelta, &Days),
) -> Scores {
    let told = history.keys().filter(|(hazard, _)| hazards.contains(hazard));
    let mut keys: BTreeSet<(Hazard, GovernorateId)> = told.cloned().collect();
    keys.extend(events.iter().map(|event| (event.hazard, event.governorate.clone())));
    let all_days: usize = days.values().copied().max().unwrap_or_default();
    let mut scores = Scores::default();
    let mut totals: BTreeMap<(Option<Hazard>, Severity), Count> = BTreeMap::new();
    for key in keys {
        let (hazard, governorate) = &key;
        let is_here = |event: &&TrueEvent| event.hazard == *hazard && event.governorate == *governorate;
        let here: Vec<&TrueEvent> = events.iter().filter(is_here).collect();
        for level in Severity::OF_RULES {
            let line = history.get(&key);
            let episodes = line.map(|line| line.episodes(level)).unwrap_or_default();
            let changes = line.map(|line| line.changes(level)).unwrap_or_default();
            let counted = count(&here, &episodes, changes, level, tolerance);
            totals.entry((Some(*hazard), level)).or_default().add(&counted);
            totals.entry((None, level)).or_default().add(&counted);
            if !counted.is_empty() {
                let days = days.get(governorate).copied().unwrap_or_default();
                scores.each.push(Score::of(&counted, (Some(*hazard), Some(governorate.clone()), level), days));
            }
        }
    }
    for level in Severity::OF_RULES {
        totals.entry((None, level)).or_default();
    }
    let (of_all, of_hazards): (Vec<_>, Vec<_>) = totals.into_iter().partition(|((hazard, _), _)| hazard.is_none());
    let told = of_hazards.into_iter().filter(|(_, counted)| !counted.is_empty()).chain(of_all);
    scores.totals =
        told.map(|((hazard, level), counted)| Score::of(&counted, (hazard, None, level), all_days)).collect();
    scores
}

/// The events of which readings speak, and those of which none does: the rules could not know of them, and are not blamed.
pub fn known(
    events: &[TrueEvent],
    speaks: impl Fn(&GovernorateId, Timestamp, Timestamp) -> bool,
) -> (Vec<TrueEvent>, Vec<&TrueEvent>) {
    let (known, unknown): (Vec<&TrueEvent>, Vec<&TrueEvent>) =
        events.iter().partition(|event| speaks(&event.governorate, event.from, event.to));
    (known.into_iter().cloned().collect(), unknown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_timestamp(1_765_227_600 + minute * 60, 0).unwrap()
    }

    fn event(from: i64, to: i64, level: Option<Severity>) -> TrueEvent {
        let governorate = GovernorateId::new("jeddah").unwrap();
        let (worse, source) = (BTreeMap::new(), String::new());
        TrueEvent { hazard: Hazard::Rain, governorate, from: at(from), to: at(to), level, worse, source }
    }

    fn episode(told: i64, from: i64, to: i64) -> Episode {
        Episode { told: at(told), from: at(from), to: at(to) }
    }

    #[track_caller]
    fn check(events: &[TrueEvent], episodes: &[Episode], level: Severity, expected: &str) {
        let events: Vec<&TrueEvent> = events.iter().collect();
        let counted = count(&events, episodes, 0, level, TimeDelta::hours(1));
        let leads: Vec<i64> = counted.leads.iter().map(|lead| lead / 60).collect();
        let Count { events, hits, right, false_alarms, .. } = counted;
        assert_eq!(format!("{hits}/{events}, {right} right, {false_alarms} false, {leads:?}"), expected);
    }

    #[test]
    fn an_event_is_hit_by_a_warning_that_was_in_force_during_it() {
        use Severity::{Orange, Red, Yellow};
        let rain = [event(100, 200, Some(Orange))];
        check(&rain, &[episode(0, 50, 120)], Orange, "1/1, 1 right, 0 false, [100]");
        check(&rain, &[episode(150, 150, 400)], Orange, "1/1, 1 right, 0 false, [-50]");
        check(&rain, &[episode(0, 0, 100)], Orange, "0/1, 1 right, 0 false, []");
        check(&rain, &[episode(200, 200, 400)], Orange, "0/1, 1 right, 0 false, []");
        check(&rain, &[episode(0, 0, 30), episode(261, 261, 300)], Orange, "0/1, 0 right, 2 false, []");
        check(&rain, &[], Orange, "0/1, 0 right, 0 false, []");
        check(&rain, &[episode(0, 0, 110), episode(120, 120, 300)], Orange, "1/1, 2 right, 0 false, [100]");
        check(&rain, &[episode(0, 50, 120)], Yellow, "1/1, 1 right, 0 false, [100]");
        check(&rain, &[episode(0, 50, 120)], Red, "0/0, 0 right, 1 false, []");
    }

    #[test]
    fn an_event_without_a_level_is_due_a_warning_of_any() {
        let rain = [event(100, 200, None)];
        check(&rain, &[episode(90, 90, 120)], Severity::Yellow, "1/1, 1 right, 0 false, [10]");
        check(&rain, &[episode(90, 90, 120)], Severity::Red, "0/0, 1 right, 0 false, []");
    }

    #[test]
    fn an_event_counts_at_each_level_for_as_long_as_it_was_so_bad() {
        use Severity::{Orange, Red, Yellow};
        let worse = BTreeMap::from([(Orange, (at(120), at(180))), (Red, (at(140), at(150)))]);
        let storm = [TrueEvent { worse, ..event(100, 200, Some(Red)) }];
        check(&storm, &[episode(90, 90, 110)], Yellow, "1/1, 1 right, 0 false, [10]");
        check(&storm, &[episode(90, 90, 110)], Orange, "0/1, 1 right, 0 false, []");
        check(&storm, &[episode(130, 130, 190)], Orange, "1/1, 1 right, 0 false, [-10]");
        check(&storm, &[episode(130, 130, 190)], Red, "1/1, 1 right, 0 false, [10]");
        check(&storm, &[episode(90, 90, 121)], Orange, "1/1, 1 right, 0 false, [30]");
        check(&storm, &[episode(0, 0, 70)], Red, "0/1, 0 right, 1 false, []");
    }

    #[test]
    fn nothing_out_of_nothing_is_no_number() {
        let score = Score::of(&Count::default(), (None, None, Severity::Red), 0);
        assert_eq!((score.pod, score.far, score.csi, score.bias), (None, None, None, None));
        assert_eq!((score.lead_median_s, score.lead_worst_s, score.changes_per_day), (None, None, None));
        let missed = Count { events: 2, ..Count::default() };
        let score = Score::of(&missed, (None, None, Severity::Red), 1);
        assert_eq!((score.pod, score.far, score.csi, score.bias), (Some(0.0), None, Some(0.0), Some(0.0)));
        assert_eq!([median(&[1, 2, 9]), median(&[-1, -2]), median(&[1, 4])], [Some(2), Some(-2), Some(2)]);
    }

    /// The same counts the long way: minute by minute.
    fn brute(
        events: &[TrueEvent],
        episodes: &[Episode],
        level: Severity,
        tolerance: i64,
    ) -> (usize, usize, usize, usize) {
        let minutes = |from: Timestamp, to: Timestamp| {
            let minute = |moment: Timestamp| (moment - at(0)).num_minutes();
            // An episode that was over before it began is the moment at which it was to begin.
            (minute(from)..minute(to).max(minute(from) + 1)).collect::<BTreeSet<i64>>()
        };
        let (mut all, mut hits, mut right) = (0, 0, 0);
        for event in events {
            if event.level.unwrap_or(Severity::Yellow) < level {
                continue;
            }
            all += 1;
            let during = minutes(event.from, event.to);
            hits += usize::from(episodes.iter().any(|one| {
                one.told < event.to && minutes(one.from, one.to).iter().any(|minute| during.contains(minute))
            }));
        }
        for one in episodes {
            right += usize::from(events.iter().any(|event| {
                let around =
                    minutes(event.from - TimeDelta::minutes(tolerance), event.to + TimeDelta::minutes(tolerance));
                let is_meant = event.level.is_none() || level <= event.level.unwrap_or(Severity::Advisory);
                is_meant && minutes(one.from, one.to).iter().any(|minute| around.contains(minute))
            }));
        }
        (all, hits, right, episodes.len() - right)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn counting_agrees_with_going_through_every_minute(
            events in prop::collection::vec((0..600_i64, 1..120_i64, 0..4_usize), 0..6),
            episodes in prop::collection::vec((0..600_i64, 0..90_i64, 0..120_i64), 0..6),
            level in 0..3_usize,
            tolerance in 0..90_i64,
        ) {
            let level = Severity::OF_RULES[level];
            let events: Vec<TrueEvent> = events
                .into_iter()
                .map(|(from, length, level)| event(from, from + length, Severity::OF_RULES.get(level).copied()))
                .collect();
            let episodes: Vec<Episode> =
                episodes.into_iter().map(|(told, wait, length)| episode(told, told + wait, told + wait + length)).collect();
            let all: Vec<&TrueEvent> = events.iter().collect();
            let counted = count(&all, &episodes, 0, level, TimeDelta::minutes(tolerance));
            let brute = brute(&events, &episodes, level, tolerance);
            prop_assert_eq!((counted.events, counted.hits, counted.right, counted.false_alarms), brute);
            prop_assert_eq!(counted.leads.len(), counted.hits);
            let score = Score::of(&counted, (None, None, level), 1);
            for share in [score.pod, score.far, score.csi].into_iter().flatten() {
                prop_assert!((0.0..=1.0).contains(&share));
            }
            // Where each event has one warning and each warning one event, the three say the same in different words.
            if let (Some(pod), Some(far), Some(csi)) = (score.pod, score.far, score.csi)
                && counted.right == counted.hits && 0.0 < pod
            {
                prop_assert!((1.0 / csi - (1.0 / (1.0 - far) + 1.0 / pod - 1.0)).abs() < 1e-9);
            }
        }
    }
}
