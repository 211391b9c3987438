//! What several voices together say of one threshold. A voice that is silent is never counted for calm, nor for danger.
//!
//! With N that must agree, and of the voices that have a say R at the threshold, B between it and its clear side, C surely
//! clear, and U that cannot tell:
//! * **reached** when N <= R;
//! * **unknown** when R + B + C < N: fewer can tell than must agree;
//! * **clear** when R + B + U < N: even if all that cannot tell were at the threshold, too few are left;
//! * **unknown** when N <= R + U: if those that cannot tell were, it would be reached;
//! * **between** otherwise: it is surely not reached, and not surely clear.
//!
//! Each voice is judged for itself over all that the rule looks at, as a rule without quorum judges all of them at once; what
//! must agree is whether the threshold is reached within that time, not the very hour.

use super::super::{Agreement, Direction, Rule};
use super::{Seen, Sighting};
use crate::ids::FeedId;
use crate::reading::SeriesKey;

/// What the windows of one voice say of one threshold.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) best: Option<Sighting>,
    pub(super) clear: usize,
    pub(super) between: usize,
    pub(super) unknown: usize,
}

impl Tally {
    /// Keeps what reached the threshold: the worst value, and the whole time it speaks of.
    fn keep(&mut self, rule: &Rule, sighting: Sighting) {
        match &mut self.best {
            None => self.best = Some(sighting),
            Some(best) => {
                let begins = best.begins.min(sighting.begins);
                let ends = best.ends.max(sighting.ends);
                if is_worse(rule.direction, sighting.value, best.value) {
                    *best = sighting;
                }
                best.begins = begins;
                best.ends = ends;
            }
        }
    }

    fn absorb(&mut self, rule: &Rule, other: Self) {
        self.clear += other.clear;
        self.between += other.between;
        self.unknown += other.unknown;
        if let Some(sighting) = other.best {
            self.keep(rule, sighting);
        }
    }

    /// What the voice says.
    pub(super) fn verdict(self) -> Seen {
        match self.best {
            Some(sighting) => Seen::Reached(sighting),
            None if 0 < self.unknown => Seen::Unknown,
            None if 0 < self.between => Seen::Between,
            None if 0 < self.clear => Seen::Clear,
            None => Seen::Unknown,
        }
    }
}

pub(super) fn is_worse(direction: Direction, value: f64, other: f64) -> bool {
    match direction {
        Direction::AtLeast => other < value,
        Direction::AtMost => value < other,
    }
}

/// Who speaks with one voice.
type Speaker<'a> = (&'a FeedId, Option<&'a str>);

/// What all voices say of one threshold.
#[derive(Default)]
pub(super) struct Ballot<'a> {
    votes: Vec<(Option<Speaker<'a>>, Tally)>,
    /// Of those that may not raise it.
    bystanders: Vec<Tally>,
}

impl<'a> Ballot<'a> {
    /// Takes what a series says that may raise the severity.
    pub(super) fn vote(&mut self, rule: &Rule, key: &'a SeriesKey, tally: Tally) {
        let speaker = match rule.agree {
            Agreement::Feeds(0 | 1) | Agreement::Stations(0 | 1) => None,
            Agreement::Feeds(_) => Some((&key.feed, None)),
            Agreement::Stations(_) => Some((&key.feed, key.station.as_deref())),
        };
        match self.votes.iter_mut().find(|(known, _)| *known == speaker) {
            Some((_, voice)) => voice.absorb(rule, tally),
            None => self.votes.push((speaker, tally)),
        }
    }

    /// Takes what a series says that may not raise the severity. It neither raises nor holds it, and its silence is not waited
    /// for; that it is surely clear counts only where nobody who may raise it has a say.
    pub(super) fn stand_by(&mut self, tally: Tally) {
        self.bystanders.push(tally);
    }

    /// What they say together.
    pub(super) fn verdict(self, rule: &Rule) -> Seen {
        if self.votes.is_empty() {
            let is_clear = |tally: Tally| tally.verdict() == Seen::Clear;
            let has_any = !self.bystanders.is_empty();
            return if has_any && self.bystanders.into_iter().all(is_clear) { Seen::Clear } else { Seen::Unknown };
        }
        together(rule.agree.count(), rule.direction, self.votes.into_iter().map(|(_, tally)| tally.verdict()))
    }
}

/// What voices say together, of which so many must agree.
fn together(needed: usize, direction: Direction, voices: impl Iterator<Item = Seen>) -> Seen {
    let needed = needed.max(1);
    let (mut between, mut clear, mut unknown) = (0, 0, 0);
    let mut sightings = Vec::new();
    for seen in voices {
        match seen {
            Seen::Reached(sighting) => sightings.push(sighting),
            Seen::Between => between += 1,
            Seen::Clear => clear += 1,
            Seen::Unknown => unknown += 1,
        }
    }
    let reached = sightings.len();
    if let Some(agreed) = agreed(needed, direction, sightings) {
        Seen::Reached(agreed)
    } else if reached + between + clear < needed {
        Seen::Unknown
    } else if reached + between + unknown < needed {
        Seen::Clear
    } else if needed <= reached + unknown {
        Seen::Unknown
    } else {
        Seen::Between
    }
}

/// The value that as many as needed have reached, which is not the worst when one of them goes further than the others, and the
/// whole time that they speak of.
fn agreed(needed: usize, direction: Direction, mut sightings: Vec<Sighting>) -> Option<Sighting> {
    let begins = sightings.iter().map(|sighting| sighting.begins).min()?;
    let ends = sightings.iter().map(|sighting| sighting.ends).max()?;
    sightings.sort_by(|a, b| match direction {
        Direction::AtLeast => b.value.total_cmp(&a.value),
        Direction::AtMost => a.value.total_cmp(&b.value),
    });
    let agreed = sightings.into_iter().nth(needed - 1)?;
    Some(Sighting { begins, ends, ..agreed })
}

#[cfg(test)]
mod tests;
