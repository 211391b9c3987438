//! The history: what people were told, as stretches of time at each governorate. Made of bulletins, and of nothing else.

use std::collections::BTreeMap;

use crate::bulletin::{Bulletin, Change};
use crate::hazard::{Hazard, Severity};
use crate::ids::GovernorateId;
use crate::time::Timestamp;

/// What one bulletin said of one governorate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    /// Where.
    pub governorate: GovernorateId,
    /// Of what.
    pub hazard: Hazard,
    /// When.
    pub at: Timestamp,
    /// What happened; an official warning that holds there no more has ended there.
    pub change: Change,
    /// How bad it is now; none when it ended.
    pub severity: Option<Severity>,
    /// When the danger begins, as told.
    pub onset: Timestamp,
    /// When it ends, as told.
    pub until: Timestamp,
    /// Which warning: what belongs together has one number.
    pub number: String,
    /// The numbers of other warnings whose place it takes there.
    pub replaces: Vec<String>,
}

impl Said {
    /// The numbers under which nothing holds there any more once this is said.
    fn numbers(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.number).chain(&self.replaces).map(String::as_str)
    }
}

/// What bulletins said, one for each governorate; only of one hazard at one governorate when that is asked for.
pub fn said(bulletins: &[Bulletin], only: Option<(Hazard, &GovernorateId)>, into: &mut Vec<Said>) {
    for bulletin in bulletins {
        let Bulletin { hazard, change, severity, issued, onset, until, number, .. } = bulletin;
        let in_force = bulletin.areas.iter().map(|area| (area, (!change.is_end()).then_some(*severity)));
        let left = bulletin.left.iter().map(|area| (area, None));
        let replaced = bulletin.replaces.iter().map(|id| id.number().to_owned());
        let replaces: Vec<String> = replaced.filter(|other| other != number).collect();
        for (governorate, severity) in in_force.chain(left) {
            if only.is_none_or(|only| only == (*hazard, governorate)) {
                into.push(Said {
                    governorate: governorate.clone(),
                    hazard: *hazard,
                    at: *issued,
                    change: if severity.is_none() && !change.is_end() { Change::Lifted } else { *change },
                    severity,
                    onset: *onset,
                    until: *until,
                    number: number.clone(),
                    replaces: replaces.clone(),
                });
            }
        }
    }
}

/// A stretch of time in which people at a governorate stood warned at some severity or worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Episode {
    /// When they were first told.
    pub told: Timestamp,
    /// When the danger was told to begin, or the telling when that is later.
    pub from: Timestamp,
    /// When it was over, by its end or because its time was up.
    pub to: Timestamp,
}

impl Episode {
    /// True when some moment of it lies within `[from, to)`, or it is a moment within that.
    pub fn overlaps(&self, from: Timestamp, to: Timestamp) -> bool {
        self.from < to && (from < self.to || from == self.from)
    }
}

/// A stretch of time with one severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// From when on it was told.
    pub told: Timestamp,
    /// When the danger was told to begin, or the telling when that is later.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// How bad.
    pub severity: Severity,
}

/// What was told of one hazard at one governorate, in order of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// What was said, in order.
    pub said: Vec<Said>,
    /// When people stood warned; stretches of different warnings may overlap.
    pub stretches: Vec<Stretch>,
}

/// All that was told.
pub type History = BTreeMap<(Hazard, GovernorateId), Line>;

/// Puts together what was said; what is still in force at `end` ends there, or before when its time was up.
pub fn history(mut said: Vec<Said>, end: Timestamp) -> History {
    said.sort_by(|a, b| (a.hazard, &a.governorate, a.at).cmp(&(b.hazard, &b.governorate, b.at)));
    let mut history = History::new();
    for one in said {
        history.entry((one.hazard, one.governorate.clone())).or_default().said.push(one);
    }
    for line in history.values_mut() {
        let mut open: BTreeMap<&str, Stretch> = BTreeMap::new();
        let mut closed = Vec::new();
        for one in &line.said {
            for before in one.numbers().filter_map(|number| open.remove(number)).collect::<Vec<_>>() {
                // Nothing is said at the very moment when the time is up.
                closed.push(Stretch { to: one.at.min(one.until.max(before.told)), ..before });
            }
            if let Some(severity) = one.severity {
                let stretch = Stretch { told: one.at, from: one.onset.max(one.at), to: one.until, severity };
                open.insert(&one.number, stretch);
            }
        }
        closed.extend(open.into_values().map(|stretch| Stretch { to: stretch.to.min(end), ..stretch }));
        closed.sort_by_key(|stretch| (stretch.told, stretch.to));
        line.stretches = closed;
    }
    history
}

impl Line {
    /// The episodes at a severity or worse: stretches that follow one another without a gap are one.
    pub fn episodes(&self, level: Severity) -> Vec<Episode> {
        let mut episodes: Vec<Episode> = Vec::new();
        for stretch in self.stretches.iter().filter(|stretch| level <= stretch.severity) {
            match episodes.last_mut() {
                Some(last) if stretch.told <= last.to => {
                    last.from = last.from.min(stretch.from);
                    last.to = last.to.max(stretch.to);
                }
                _ => {
                    let Stretch { told, from, to, .. } = *stretch;
                    episodes.push(Episode { told, from: from.min(to), to });
                }
            }
        }
        episodes
    }

    /// How many bulletins concern a severity or worse: those that told it, and those that took it back.
    pub fn changes(&self, level: Severity) -> usize {
        let mut held: BTreeMap<&str, Severity> = BTreeMap::new();
        let mut count = 0;
        for one in &self.said {
            let before = one.numbers().filter_map(|number| held.remove(number)).max();
            count += usize::from(Some(level) <= before.max(one.severity));
            held.extend(one.severity.map(|severity| (one.number.as_str(), severity)));
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_timestamp(1_765_227_600 + minute * 60, 0).unwrap()
    }

    /// A line of `minute severity onset until number`, or `number<number` of what it takes the place of, and its episodes at orange.
    #[track_caller]
    fn check(line: &str, expected: &str) {
        let said = line.split(", ").map(|one| {
            let words: Vec<&str> = one.split(' ').collect();
            let [minute, severity, onset, until, number] = words.as_slice() else { panic!("{one}") };
            let number_of = |text: &str| at(text.parse().unwrap());
            let mut numbers = number.split('<').map(str::to_owned);
            Said {
                governorate: GovernorateId::new("jeddah").unwrap(),
                hazard: Hazard::Rain,
                at: number_of(minute),
                change: Change::Issued,
                severity: Severity::parse(severity),
                onset: number_of(onset),
                until: number_of(until),
                number: numbers.next().unwrap(),
                replaces: numbers.collect(),
            }
        });
        let history = history(said.collect(), at(1000));
        let (_, line) = history.iter().next().unwrap();
        let minutes = |moment: Timestamp| (moment - at(0)).num_minutes();
        let told: Vec<String> = line
            .episodes(Severity::Orange)
            .iter()
            .map(|one| format!("{}: {}-{}", minutes(one.told), minutes(one.from), minutes(one.to)))
            .collect();
        assert_eq!(format!("{}; {}", told.join(", "), line.changes(Severity::Orange)), expected);
    }

    #[test]
    fn what_is_told_makes_episodes_at_a_severity() {
        check("0 orange 0 180 a, 60 - 0 60 a", "0: 0-60; 2");
        check("0 yellow 0 180 a, 30 red 0 180 a, 60 orange 0 240 a, 90 yellow 0 240 a, 100 - 0 100 a", "30: 30-90; 3");
        check("0 orange 120 300 a, 250 - 120 250 a", "0: 120-250; 2");
        check("0 orange 120 300 a, 60 - 60 60 a", "0: 60-60; 2");
        check("0 orange 0 180 a, 180 - 0 180 a, 180 red 180 400 b, 300 - 0 300 b", "0: 0-300; 4");
        check("0 orange 0 180 a, 181 - 0 180 a", "0: 0-180; 2");
        check("0 orange 0 180 a, 60 red 60 300 b", "0: 0-300; 2");
        check("0 orange 0 180 a, 60 red 0 180 b<a, 100 - 0 100 b", "0: 0-100; 3");
        check("900 orange 900 1200 a", "900: 900-1000; 1");
        check("0 yellow 0 180 a", "; 0");
    }
}
