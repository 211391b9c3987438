//! What the store says after each death, held against what arrived.

use std::collections::{BTreeMap, BTreeSet};

use nadhir::subscriber::share_of;

use super::Names;
use super::state::{Delivery, Held, Said, Source};
use super::world::{Arrived, HOOKS, OPEN, World, by_name};

/// The standings of deliveries as they are stored, and the marks of subscribers.
const DELIVERED: i64 = 1;
const SUPERSEDED: i64 = 2;
const TOLD: u8 = nadhir::outbox::share::TOLD;
const DEAF: u8 = nadhir::outbox::share::DEAF;

/// One message at one receiver.
type Place = (String, String);

/// What was settled when.
#[derive(Default)]
pub(crate) struct Books {
    /// At the death of which round it was settled first.
    settled: BTreeMap<Place, u32>,
}

/// What came of it.
pub(crate) struct Verdict {
    pub(crate) bulletins: usize,
    pub(crate) confirmed: usize,
    pub(crate) settled: usize,
    pub(crate) arrived: usize,
    /// Arrivals of what had arrived there before.
    pub(crate) repeats: usize,
    pub(crate) lost: Vec<String>,
    pub(crate) twice: Vec<String>,
    /// What came in other bytes under the same name.
    pub(crate) otherwise: Vec<String>,
}

impl Verdict {
    pub(crate) fn is_good(&self) -> bool {
        self.lost.is_empty() && self.twice.is_empty() && self.otherwise.is_empty() && self.settled != 0
    }
}

impl Books {
    /// Notes what is settled in a store whose service was killed.
    pub(crate) fn look(&mut self, source: &Source, round: u32) {
        let Some(held) = source.held() else { return };
        for place in settled(&held) {
            self.settled.entry(place).or_insert(round);
        }
    }

    /// Closes the books.
    pub(crate) fn close(mut self, source: &Source, world: &World, confirmed: &Names) -> Verdict {
        self.look(source, u32::MAX);
        let (held, said) = (source.held().expect("the store is there"), source.said());
        let arrivals = world.arrivals();
        let arrived = by_name(&arrivals);
        let taken: BTreeSet<(&str, &str)> =
            arrivals.iter().filter(|one| one.is_taken).map(|one| (one.at.as_str(), one.id.as_str())).collect();
        let mut lost: Vec<String> = self
            .settled
            .keys()
            .filter(|(at, key)| !taken.contains(&(at.as_str(), key.as_str())))
            .map(|(at, key)| format!("{key} is settled at {at}, which never took it"))
            .collect();
        let ends = ends(&said);
        lost.extend(unsettled(&held, &ends));
        lost.extend(unfinished(&ends, &arrived));
        lost.extend(unsaid(&said, &held, confirmed));
        let twice = arrivals.iter().filter_map(|one| {
            let settled = self.settled.get(&(one.at.clone(), one.id.clone()))?;
            let told = || format!("{} came to {} in round {}, settled in round {settled}", one.id, one.at, one.round);
            (*settled < one.round).then(told)
        });
        let mut bytes = BTreeMap::new();
        let otherwise = arrivals.iter().filter(|one| *bytes.entry((&one.at, &one.id)).or_insert(one.body) != one.body);
        Verdict {
            bulletins: said.len(),
            confirmed: confirmed.len(),
            settled: self.settled.len(),
            arrived: arrivals.len(),
            repeats: arrivals.len() - arrived.len(),
            twice: twice.collect(),
            otherwise: otherwise.map(|one| format!("{} came to {} in other bytes", one.id, one.at)).collect(),
            lost,
        }
    }
}

/// All that is settled as delivered, at webhooks and at subscribers.
fn settled(held: &Held) -> Vec<Place> {
    let mut all = Vec::new();
    for row in &held.deliveries {
        // As it is named to its receiver.
        let name = format!("{}/{}", row.key, row.channel);
        if row.channel == OPEN {
            let told = marks(held, row.id).filter(|(_, mark)| *mark == Some(TOLD));
            all.extend(told.map(|(subscriber, _)| (subscriber.to_owned(), name.clone())));
        } else if row.standing == DELIVERED {
            all.push((row.channel.clone(), name));
        }
    }
    all
}

/// What became of a delivery at each subscriber.
fn marks(held: &Held, delivery: i64) -> impl Iterator<Item = (&str, Option<u8>)> {
    held.subscribers.iter().map(move |(id, name)| {
        let (share, place) = share_of(*id);
        (name.as_str(), held.shares.get(&(delivery, share)).and_then(|marks| marks.get(place)).copied())
    })
}

/// What did not come to a good end: it was given up, or ran out, or its place was taken by nothing that arrived.
fn unsettled(held: &Held, ends: &BTreeMap<&str, &str>) -> Vec<String> {
    let mut newest: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for row in held.deliveries.iter().filter(|row| row.standing == DELIVERED) {
        let edition = newest.entry((&row.channel, &row.number)).or_insert(row.edition);
        *edition = row.edition.max(*edition);
    }
    let has_newer =
        |of: &Delivery| newest.get(&(of.channel.as_str(), of.number.as_str())).is_some_and(|at| of.edition < *at);
    let mut lost = Vec::new();
    for row in &held.deliveries {
        match row.standing {
            DELIVERED if row.channel == OPEN => {
                let left = marks(held, row.id).filter(|(_, mark)| !matches!(mark, Some(TOLD | DEAF)));
                lost.extend(left.map(|(name, mark)| format!("{} is settled, and {name} stands at {mark:?}", row.key)));
            }
            DELIVERED => {}
            SUPERSEDED if has_newer(row) || row.note.contains("takes its place") => {}
            // It ended before anybody was told there.
            SUPERSEDED if ends.contains_key(row.number.as_str()) => {}
            other => lost.push(format!("{} at {} stands at {other}: {}", row.key, row.channel, row.note)),
        }
    }
    lost
}

/// The warnings whose last word is that they are over or were wrong, with that word.
fn ends(said: &[Said]) -> BTreeMap<&str, &str> {
    let mut last: BTreeMap<&str, &Said> = BTreeMap::new();
    for one in said {
        let known = last.entry(&one.number).or_insert(one);
        if known.edition < one.edition {
            *known = one;
        }
    }
    let ends = last.into_iter().filter(|(_, one)| matches!(one.change.as_str(), "lifted" | "corrected"));
    ends.map(|(number, one)| (number, one.id.as_str())).collect()
}

/// Who heard of a warning, or may have, and never heard of its end.
fn unfinished(ends: &BTreeMap<&str, &str>, arrived: &Arrived<'_>) -> Vec<String> {
    let bulletin = |key: &str| key.split('/').next().unwrap_or_default().to_owned();
    let heard: BTreeSet<(&str, String)> = arrived.keys().map(|(at, key)| (*at, bulletin(key))).collect();
    let owing = heard.iter().filter_map(|(at, id)| {
        let end = *ends.get(id.rsplit_once('.')?.0)?;
        (!heard.contains(&(*at, end.to_owned()))).then(|| format!("{at} heard {id} and never {end}"))
    });
    owing.collect()
}

/// What the desk was told was said, and is not in the store, or was first said to nobody.
fn unsaid(said: &[Said], held: &Held, confirmed: &Names) -> Vec<String> {
    let known: BTreeSet<&str> = said.iter().map(|one| one.id.as_str()).collect();
    let mut owed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in &held.deliveries {
        owed.entry(row.key.split('/').next().unwrap_or_default()).or_default().insert(&row.channel);
    }
    let mut lost = Vec::new();
    for id in confirmed {
        let channels = owed.get(id.as_str()).map_or(0, BTreeSet::len);
        // An end is owed only to those who heard of what ends.
        if !known.contains(id.as_str()) || (id.ends_with(".1") && channels != HOOKS.len() + 1) {
            lost.push(format!("{id} was confirmed, and is owed at {channels} channels"));
        }
    }
    lost
}
