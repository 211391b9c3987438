//! What the store says after each death, held against what arrived.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nadhir::subscriber::share_of;
use rusqlite::Connection;

use super::world::{Arrived, HOOKS, OPEN, World, by_name};
use super::{DATABASE, Names, copy_of};

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

struct Row {
    id: i64,
    channel: String,
    key: String,
    number: String,
    edition: i64,
    standing: i64,
    note: String,
}

impl Books {
    /// Notes what is settled in a store that was killed.
    pub(crate) fn look(&mut self, state: &Path, round: u32) {
        let Some((_copy, db)) = open(state) else { return };
        for place in settled(&db) {
            self.settled.entry(place).or_insert(round);
        }
    }

    /// How much is owed still, in a store that may be in use; none where that cannot be read just now.
    pub(crate) fn owed(&self, state: &Path) -> Option<i64> {
        let db = Connection::open(state.join(DATABASE)).ok()?;
        db.query_row("SELECT count(*) FROM deliveries WHERE standing = 0", [], |row| row.get(0)).ok()
    }

    /// Closes the books.
    pub(crate) fn close(mut self, state: &Path, world: &World, confirmed: &Names) -> Verdict {
        self.look(state, u32::MAX);
        let (_copy, db) = open(state).expect("the store is there");
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
        lost.extend(unsettled(&db));
        lost.extend(unfinished(&db, &arrived));
        lost.extend(unsaid(&db, confirmed));
        let twice = arrivals.iter().filter_map(|one| {
            let settled = self.settled.get(&(one.at.clone(), one.id.clone()))?;
            (*settled < one.round)
                .then(|| format!("{} came to {} in round {}, settled in round {settled}", one.id, one.at, one.round))
        });
        let mut bytes = BTreeMap::new();
        let otherwise = arrivals.iter().filter(|one| *bytes.entry((&one.at, &one.id)).or_insert(one.body) != one.body);
        Verdict {
            bulletins: count(&db, "bulletins"),
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

fn open(state: &Path) -> Option<(tempfile::TempDir, Connection)> {
    let copy = copy_of(state)?;
    let db = Connection::open(copy.path().join(DATABASE)).unwrap();
    // A service that died before it made its tables has settled nothing.
    db.query_row("SELECT count(*) FROM shares", [], |row| row.get::<_, i64>(0)).ok()?;
    Some((copy, db))
}

fn count(db: &Connection, table: &str) -> usize {
    db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap().try_into().unwrap()
}

fn rows(db: &Connection) -> Vec<Row> {
    let sql = "SELECT d.id, c.name, m.key, d.number, d.edition, d.standing, coalesce(d.note, '')
        FROM deliveries d JOIN channels c ON c.id = d.channel JOIN messages m ON m.id = d.message ORDER BY d.id";
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| {
        Ok(Row {
            id: row.get(0)?,
            channel: row.get(1)?,
            key: row.get(2)?,
            number: row.get(3)?,
            edition: row.get(4)?,
            standing: row.get(5)?,
            note: row.get(6)?,
        })
    });
    rows.unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

/// All that is settled as delivered, at webhooks and at subscribers.
fn settled(db: &Connection) -> Vec<Place> {
    let subscribers = subscribers(db);
    let mut all = Vec::new();
    for row in rows(db) {
        // As it is named to its receiver.
        let name = format!("{}/{}", row.key, row.channel);
        if row.channel == OPEN {
            let told = marks(db, row.id, &subscribers).into_iter().filter(|(_, mark)| *mark == Some(TOLD));
            all.extend(told.map(|(subscriber, _)| (subscriber, name.clone())));
        } else if row.standing == DELIVERED {
            all.push((row.channel, name));
        }
    }
    all
}

fn subscribers(db: &Connection) -> Vec<(i64, String)> {
    let mut statement = db.prepare("SELECT id, name FROM subscribers ORDER BY id").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

/// What became of a delivery at each subscriber.
fn marks(db: &Connection, delivery: i64, subscribers: &[(i64, String)]) -> Vec<(String, Option<u8>)> {
    let mut statement = db.prepare("SELECT share, marks FROM shares WHERE delivery = ?1").unwrap();
    let shares = statement.query_map([delivery], |row| Ok((row.get(0)?, row.get(1)?)));
    let shares: BTreeMap<i64, Vec<u8>> = shares.unwrap().collect::<rusqlite::Result<_>>().unwrap();
    let mark = |id: i64| {
        let (share, place) = share_of(id);
        shares.get(&share).and_then(|marks| marks.get(place)).copied()
    };
    subscribers.iter().map(|(id, name)| (name.clone(), mark(*id))).collect()
}

/// What did not come to a good end: it was given up, or ran out, or its place was taken by nothing that arrived.
fn unsettled(db: &Connection) -> Vec<String> {
    let (rows, subscribers) = (rows(db), subscribers(db));
    let mut newest: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.standing == DELIVERED) {
        let edition = newest.entry((&row.channel, &row.number)).or_insert(row.edition);
        *edition = row.edition.max(*edition);
    }
    let has_newer =
        |of: &Row| newest.get(&(of.channel.as_str(), of.number.as_str())).is_some_and(|at| of.edition < *at);
    let ends = ends(db);
    let mut lost = Vec::new();
    for row in &rows {
        match row.standing {
            DELIVERED if row.channel == OPEN => {
                let left = marks(db, row.id, &subscribers).into_iter();
                let left = left.filter(|(_, mark)| !matches!(mark, Some(TOLD | DEAF)));
                lost.extend(left.map(|(name, mark)| format!("{} is settled, and {name} stands at {mark:?}", row.key)));
            }
            DELIVERED => {}
            SUPERSEDED if has_newer(row) || row.note.contains("takes its place") => {}
            // It ended before anybody was told there.
            SUPERSEDED if ends.contains_key(&row.number) => {}
            other => lost.push(format!("{} at {} stands at {other}: {}", row.key, row.channel, row.note)),
        }
    }
    lost
}

/// The warnings whose last word is that they are over or were wrong, with that word.
fn ends(db: &Connection) -> BTreeMap<String, String> {
    let sql = "SELECT number, id FROM bulletins b WHERE json_extract(json, '$.change') IN ('lifted', 'corrected')
        AND NOT EXISTS (SELECT 1 FROM bulletins n WHERE n.number = b.number AND b.edition < n.edition)";
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

/// Who heard of a warning, or may have, and never heard of its end.
fn unfinished(db: &Connection, arrived: &Arrived<'_>) -> Vec<String> {
    let ends = ends(db);
    let bulletin = |key: &str| key.split('/').next().unwrap_or_default().to_owned();
    let heard: BTreeSet<(&str, String)> = arrived.keys().map(|(at, key)| (*at, bulletin(key))).collect();
    let owing = heard.iter().filter_map(|(at, id)| {
        let end = ends.get(id.rsplit_once('.')?.0)?;
        (!heard.contains(&(*at, end.clone()))).then(|| format!("{at} heard {id} and never {end}"))
    });
    owing.collect()
}

/// What the desk was told was said, and is not in the store, or was first said to nobody.
fn unsaid(db: &Connection, confirmed: &Names) -> Vec<String> {
    let mut known = db.prepare("SELECT count(*) FROM bulletins WHERE id = ?1").unwrap();
    let mut owed = db
        .prepare(
            "SELECT count(DISTINCT d.channel) FROM deliveries d JOIN messages m ON m.id = d.message WHERE m.bulletin = ?1",
        )
        .unwrap();
    let mut lost = Vec::new();
    for id in confirmed {
        let is_known: i64 = known.query_row([id], |row| row.get(0)).unwrap();
        let channels: usize = owed.query_row([id], |row| row.get::<_, i64>(0)).unwrap().try_into().unwrap();
        // An end is owed only to those who heard of what ends.
        if is_known == 0 || (id.ends_with(".1") && channels != HOOKS.len() + 1) {
            lost.push(format!("{id} was confirmed, is {is_known} times in the store and owed at {channels} channels"));
        }
    }
    lost
}
