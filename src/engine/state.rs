//! The state: all that has to be remembered between two events, and a draft of it that can be thrown away.
//!
//! The state is only ever read while deciding. A draft lays its changes over it; committed, they are adopted.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Outcome;
use super::automatic::gather::Wait;
use super::health::FeedState;
use super::notices::Episode;
use super::official::lines::Line;
use super::official::twins::Pending;
use super::seen::Seen;
use super::staff::{Acknowledgement, Silence};
use crate::bulletin::Bulletin;
use crate::ids::{BulletinId, FeedId, GovernorateId, RuleId};
use crate::notice::{FeedClock, Notice, Subject, Topic};
use crate::reading::{Basis, Series, SeriesKey, Shelf, Shelves};
use crate::record::{Entry, Fact, Saved};
use crate::rule::judge::Readings;
use crate::rule::latch::{Latch, Latches};
use crate::statement::Statement;
use crate::time::Timestamp;
use crate::unit::Metric;
use crate::warning::{Warning, WarningKey};

/// Which latches: those of a rule at a governorate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct LatchKey(pub(super) RuleId, pub(super) GovernorateId);

/// One part of the state: things found by a key.
type Room<K, V> = BTreeMap<K, Arc<V>>;

/// Changes to one part of the state; no value means that it is gone.
type Delta<K, V> = BTreeMap<K, Option<Arc<V>>>;

/// All that is remembered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// How many commits made it.
    pub version: u64,
    pub(super) series: Shelves,
    pub(super) latches: Room<LatchKey, Latches>,
    pub(super) warnings: Room<WarningKey, Warning>,
    pub(super) seen: Room<String, Seen>,
    pub(super) lines: Room<String, Line>,
    pub(super) pending: Room<String, Pending>,
    pub(super) waiting: Room<WarningKey, Wait>,
    pub(super) feeds: Room<FeedId, FeedState>,
    pub(super) numbers: Room<i32, u32>,
    pub(super) episodes: Room<Subject, Episode>,
    pub(super) notice_numbers: Room<i32, u32>,
    pub(super) silences: Room<u32, Silence>,
    pub(super) acknowledged: Room<String, Acknowledgement>,
    pub(super) statements: Room<String, Statement>,
    pub(super) statement_numbers: Room<i32, u32>,
}

/// What one step changes in the state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    pub(super) series: Delta<SeriesKey, Series>,
    pub(super) latches: Delta<LatchKey, Latches>,
    pub(super) warnings: Delta<WarningKey, Warning>,
    pub(super) seen: Delta<String, Seen>,
    pub(super) lines: Delta<String, Line>,
    pub(super) pending: Delta<String, Pending>,
    pub(super) waiting: Delta<WarningKey, Wait>,
    pub(super) feeds: Delta<FeedId, FeedState>,
    pub(super) numbers: Delta<i32, u32>,
    pub(super) episodes: Delta<Subject, Episode>,
    pub(super) notice_numbers: Delta<i32, u32>,
    pub(super) silences: Delta<u32, Silence>,
    pub(super) acknowledged: Delta<String, Acknowledgement>,
    pub(super) statements: Delta<String, Statement>,
    pub(super) statement_numbers: Delta<i32, u32>,
}

/// A stored state that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored {room} `{key}` cannot be read: {why}")]
pub struct StateError {
    /// Which part.
    pub room: String,
    /// Which one of it.
    pub key: String,
    /// What is wrong.
    pub why: String,
}

impl State {
    /// Builds the state from what was committed.
    ///
    /// # Errors
    /// The first fact that cannot be read; a state with holes would forget a warning, so none is made.
    pub fn restore(saved: &Saved) -> Result<Self, StateError> {
        let mut state = Self { version: saved.version, ..Self::default() };
        for (room, key, value) in &saved.facts {
            let read = match room.as_str() {
                "series" => read(key, value).map(|(key, series)| state.series.put(key, Some(series))),
                "latch" => insert(&mut state.latches, key, value),
                "warning" => insert(&mut state.warnings, key, value),
                "seen" => insert(&mut state.seen, key, value),
                "line" => insert(&mut state.lines, key, value),
                "pending" => insert(&mut state.pending, key, value),
                "waiting" => insert(&mut state.waiting, key, value),
                "feed" => insert(&mut state.feeds, key, value),
                "number" => insert(&mut state.numbers, key, value),
                "notice" => insert(&mut state.episodes, key, value),
                "notice-number" => insert(&mut state.notice_numbers, key, value),
                "silence" => insert(&mut state.silences, key, value),
                "acknowledged" => insert(&mut state.acknowledged, key, value),
                "statement" => insert(&mut state.statements, key, value),
                "statement-number" => insert(&mut state.statement_numbers, key, value),
                _ => Err("no such part of the state is known; was it written by a newer nadhir?".to_owned()),
            };
            read.map_err(|why| StateError { room: room.clone(), key: key.clone(), why })?;
        }
        Ok(state)
    }

    /// Takes over changes that have been committed.
    pub fn adopt(&mut self, changes: Changes) {
        for (key, series) in changes.series {
            self.series.put(key, series);
        }
        apply(&mut self.latches, changes.latches);
        apply(&mut self.warnings, changes.warnings);
        apply(&mut self.seen, changes.seen);
        apply(&mut self.lines, changes.lines);
        apply(&mut self.pending, changes.pending);
        apply(&mut self.waiting, changes.waiting);
        apply(&mut self.feeds, changes.feeds);
        apply(&mut self.numbers, changes.numbers);
        apply(&mut self.episodes, changes.episodes);
        apply(&mut self.notice_numbers, changes.notice_numbers);
        apply(&mut self.silences, changes.silences);
        apply(&mut self.acknowledged, changes.acknowledged);
        apply(&mut self.statements, changes.statements);
        apply(&mut self.statement_numbers, changes.statement_numbers);
        self.version += 1;
    }

    /// The warnings in force.
    pub fn warnings(&self) -> impl Iterator<Item = (&WarningKey, &Warning)> {
        self.warnings.iter().map(|(key, warning)| (key, warning.as_ref()))
    }

    /// True when no warning is in force or waits to be told, and no latch of a rule holds or moves.
    pub fn is_at_rest(&self) -> bool {
        let mut latches = self.latches.values().flat_map(|latches| latches.values());
        self.warnings.is_empty() && self.pending.is_empty() && self.waiting.is_empty() && latches.all(Latch::is_at_rest)
    }

    /// What is known of a feed.
    pub fn feed(&self, id: &FeedId) -> Option<&FeedState> {
        self.feeds.get(id).map(AsRef::as_ref)
    }

    /// The silences of the people on duty, by their numbers.
    pub fn silences(&self) -> impl Iterator<Item = (u32, &Silence)> {
        self.silences.iter().map(|(number, silence)| (*number, silence.as_ref()))
    }

    /// Who has seen a warning, by its number.
    pub fn acknowledgement(&self, number: &str) -> Option<&Acknowledgement> {
        self.acknowledged.get(number).map(AsRef::as_ref)
    }

    /// The statements that could still be read, each in its last edition.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.statements.values().map(AsRef::as_ref)
    }

    /// What the people on duty were told of and is not over.
    pub fn episodes(&self) -> impl Iterator<Item = (&Subject, &Episode)> {
        self.episodes.iter().map(|(subject, episode)| (subject, episode.as_ref()))
    }
}

impl Changes {
    /// True when nothing changes.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
            && self.latches.is_empty()
            && self.warnings.is_empty()
            && self.seen.is_empty()
            && self.lines.is_empty()
            && self.pending.is_empty()
            && self.waiting.is_empty()
            && self.feeds.is_empty()
            && self.numbers.is_empty()
            && self.episodes.is_empty()
            && self.notice_numbers.is_empty()
            && self.silences.is_empty()
            && self.acknowledged.is_empty()
            && self.statements.is_empty()
            && self.statement_numbers.is_empty()
    }

    /// The changes as rows for the store.
    ///
    /// # Errors
    /// When a value cannot be written as JSON, which only a number that is not finite could cause.
    pub fn facts(&self) -> Result<Vec<Fact>, serde_json::Error> {
        let mut facts = Vec::new();
        rows("series", &self.series, &mut facts)?;
        rows("latch", &self.latches, &mut facts)?;
        rows("warning", &self.warnings, &mut facts)?;
        rows("seen", &self.seen, &mut facts)?;
        rows("line", &self.lines, &mut facts)?;
        rows("pending", &self.pending, &mut facts)?;
        rows("waiting", &self.waiting, &mut facts)?;
        rows("feed", &self.feeds, &mut facts)?;
        rows("number", &self.numbers, &mut facts)?;
        rows("notice", &self.episodes, &mut facts)?;
        rows("notice-number", &self.notice_numbers, &mut facts)?;
        rows("silence", &self.silences, &mut facts)?;
        rows("acknowledged", &self.acknowledged, &mut facts)?;
        rows("statement", &self.statements, &mut facts)?;
        rows("statement-number", &self.statement_numbers, &mut facts)?;
        Ok(facts)
    }
}

fn insert<K: DeserializeOwned + Ord, V: DeserializeOwned>(
    room: &mut Room<K, V>,
    key: &str,
    value: &str,
) -> Result<(), String> {
    let (key, value) = read(key, value)?;
    room.insert(key, value);
    Ok(())
}

fn read<K: DeserializeOwned, V: DeserializeOwned>(key: &str, value: &str) -> Result<(K, Arc<V>), String> {
    let key = serde_json::from_str(key).map_err(|why| why.to_string())?;
    let value = serde_json::from_str(value).map_err(|why| why.to_string())?;
    Ok((key, Arc::new(value)))
}

fn rows<K: Serialize, V: Serialize>(
    room: &'static str,
    delta: &Delta<K, V>,
    facts: &mut Vec<Fact>,
) -> Result<(), serde_json::Error> {
    for (key, value) in delta {
        let value = value.as_deref().map(serde_json::to_string).transpose()?;
        facts.push(Fact { room, key: serde_json::to_string(key)?, value });
    }
    Ok(())
}

fn apply<K: Ord, V>(room: &mut Room<K, V>, delta: Delta<K, V>) {
    for (key, value) in delta {
        match value {
            Some(value) => room.insert(key, value),
            None => room.remove(&key),
        };
    }
}

fn look<'a, K: Ord, V>(room: &'a Room<K, V>, delta: &'a Delta<K, V>, key: &K) -> Option<&'a V> {
    match delta.get(key) {
        Some(changed) => changed.as_deref(),
        None => room.get(key).map(AsRef::as_ref),
    }
}

/// The state with changes laid over it, and what is said meanwhile.
#[derive(Debug)]
pub struct Draft<'a> {
    state: &'a State,
    changes: Changes,
    journal: Vec<Entry>,
    bulletins: Vec<Bulletin>,
    /// What the people on duty have to hear of, before it is known under which number.
    topics: Vec<Topic>,
    notices: Vec<Notice>,
    statements: Vec<Statement>,
}

impl<'a> Draft<'a> {
    /// A draft without changes.
    pub fn new(state: &'a State) -> Self {
        Self {
            state,
            changes: Changes::default(),
            journal: Vec::new(),
            bulletins: Vec::new(),
            topics: Vec::new(),
            notices: Vec::new(),
            statements: Vec::new(),
        }
    }

    /// What came of it.
    pub fn finish(self) -> Outcome {
        let Self { changes, journal, bulletins, notices, statements, .. } = self;
        Outcome { changes, journal, bulletins, notices, statements }
    }

    /// What was so before this draft.
    pub(super) fn state(&self) -> &'a State {
        self.state
    }

    pub(super) fn silences(&self) -> impl Iterator<Item = (u32, &Silence)> {
        let kept = self.state.silences.iter().filter(|(number, _)| !self.changes.silences.contains_key(*number));
        let changed = self.changes.silences.iter().filter_map(|(number, silence)| Some((number, silence.as_ref()?)));
        kept.chain(changed).map(|(number, silence)| (*number, silence.as_ref()))
    }

    pub(super) fn put_silence(&mut self, number: u32, silence: Option<Silence>) {
        self.changes.silences.insert(number, silence.map(Arc::new));
    }

    /// The numbers of the warnings that somebody has seen.
    pub(super) fn acknowledged(&self) -> impl Iterator<Item = &String> {
        self.state.acknowledged.keys()
    }

    pub(super) fn put_acknowledgement(&mut self, number: String, seen: Option<Acknowledgement>) {
        self.changes.acknowledged.insert(number, seen.map(Arc::new));
    }

    pub(super) fn write(&mut self, at: Timestamp, kind: &str, subject: &dyn Display, text: String) {
        self.journal.push(Entry { at, kind: kind.to_owned(), subject: subject.to_string(), text });
    }

    pub(super) fn say(&mut self, bulletin: Bulletin) {
        self.bulletins.push(bulletin);
    }

    /// What is said in this step so far.
    pub(super) fn said(&self) -> &[Bulletin] {
        &self.bulletins
    }

    /// Has the people on duty hear of something that happened; several of a kind are gathered into one notice.
    pub(super) fn notify(&mut self, topic: Topic) {
        self.topics.push(topic);
    }

    /// What they have to hear of, once.
    pub(super) fn take_topics(&mut self) -> Vec<Topic> {
        std::mem::take(&mut self.topics)
    }

    pub(super) fn tell_staff(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// Says a statement.
    pub(super) fn state_openly(&mut self, statement: Statement) {
        self.statements.push(statement);
    }

    pub(super) fn statement(&self, number: &String) -> Option<&Statement> {
        look(&self.state.statements, &self.changes.statements, number)
    }

    pub(super) fn put_statement(&mut self, number: String, statement: Option<Statement>) {
        self.changes.statements.insert(number, statement.map(Arc::new));
    }

    /// The next number of a year for statements, counted from 1.
    pub(super) fn next_statement_number(&mut self, year: i32) -> u32 {
        let next =
            look(&self.state.statement_numbers, &self.changes.statement_numbers, &year).map_or(1, |last| last + 1);
        self.changes.statement_numbers.insert(year, Some(Arc::new(next)));
        next
    }

    pub(super) fn episode(&self, subject: &Subject) -> Option<&Episode> {
        look(&self.state.episodes, &self.changes.episodes, subject)
    }

    /// The subjects of all that is open, changes included.
    pub(super) fn open_subjects(&self) -> Vec<Subject> {
        let kept = self.state.episodes.keys().filter(|subject| !self.changes.episodes.contains_key(*subject));
        let changed = self.changes.episodes.iter().filter_map(|(subject, episode)| episode.as_ref().map(|_| subject));
        kept.chain(changed).cloned().collect()
    }

    pub(super) fn put_episode(&mut self, subject: Subject, episode: Option<Episode>) {
        self.changes.episodes.insert(subject, episode.map(Arc::new));
    }

    /// The next number of a year for notices, counted from 1.
    pub(super) fn next_notice_number(&mut self, year: i32) -> u32 {
        let next = look(&self.state.notice_numbers, &self.changes.notice_numbers, &year).map_or(1, |last| last + 1);
        self.changes.notice_numbers.insert(year, Some(Arc::new(next)));
        next
    }

    pub(super) fn one_series(&self, key: &SeriesKey) -> Option<&Series> {
        match self.changes.series.get(key) {
            Some(changed) => changed.as_deref(),
            None => self.state.series.get(key).map(AsRef::as_ref),
        }
    }

    pub(super) fn put_series(&mut self, key: SeriesKey, series: Series) {
        self.changes.series.insert(key, Some(Arc::new(series)));
    }

    pub(super) fn latches(&self, key: &LatchKey) -> Option<&Latches> {
        look(&self.state.latches, &self.changes.latches, key)
    }

    /// Where latches of rules hold or move, changes included.
    pub(super) fn latched(&self) -> impl Iterator<Item = &LatchKey> {
        let kept = self.state.latches.keys().filter(|key| !self.changes.latches.contains_key(*key));
        kept.chain(self.changes.latches.iter().filter_map(|(key, latches)| latches.as_ref().map(|_| key)))
    }

    pub(super) fn put_latches(&mut self, key: LatchKey, latches: Latches) {
        let value = (!latches.is_empty()).then(|| Arc::new(latches));
        self.changes.latches.insert(key, value);
    }

    pub(super) fn warning(&self, key: &WarningKey) -> Option<&Warning> {
        look(&self.state.warnings, &self.changes.warnings, key)
    }

    /// The same to be kept: a warning over many places is not copied for each of them.
    pub(super) fn shared_warning(&self, key: &WarningKey) -> Option<Arc<Warning>> {
        match self.changes.warnings.get(key) {
            Some(changed) => changed.clone(),
            None => self.state.warnings.get(key).cloned(),
        }
    }

    /// Every warning in force, changes included.
    /// Whether a warning of a number is in force anywhere.
    pub(super) fn is_in_force(&self, number: &str) -> bool {
        self.warnings().any(|(_, warning)| warning.number == number)
    }

    /// What a bulletin takes the place of that takes the place of a warning; what goes on elsewhere is not among it, since some stand by it.
    pub(super) fn heritage(&self, told: &Warning, now: Timestamp) -> Vec<BulletinId> {
        told.heritage(now).filter(|id| **id == told.last || !self.is_in_force(id.number())).cloned().collect()
    }

    pub(super) fn warnings(&self) -> impl Iterator<Item = (&WarningKey, &Warning)> {
        let kept = self.state.warnings.iter().filter(|(key, _)| !self.changes.warnings.contains_key(*key));
        let changed = self.changes.warnings.iter().filter_map(|(key, warning)| Some((key, warning.as_ref()?)));
        kept.chain(changed).map(|(key, warning)| (key, warning.as_ref()))
    }

    /// The authorities' warnings in force, changes included; the rules' own, of which there may be very many, are not walked.
    pub(super) fn officials(&self) -> impl Iterator<Item = (&WarningKey, &Warning)> {
        self.warnings_from(WarningKey::Official { root: String::new() })
    }

    /// The warnings of the desk in force, drills among them, changes included.
    pub(super) fn by_hand(&self) -> impl Iterator<Item = &Warning> {
        let from = self.warnings_from(WarningKey::Desk { number: String::new() });
        from.take_while(|(key, _)| matches!(key, WarningKey::Desk { .. })).map(|(_, warning)| warning)
    }

    /// The warnings in force from a key on, changes included.
    fn warnings_from(&self, first: WarningKey) -> impl Iterator<Item = (&WarningKey, &Warning)> {
        let kept = self.state.warnings.range(first.clone()..);
        let kept = kept.filter(|(key, _)| !self.changes.warnings.contains_key(*key));
        let changed = self.changes.warnings.range(first..);
        let changed = changed.filter_map(|(key, warning)| Some((key, warning.as_ref()?)));
        kept.chain(changed).map(|(key, warning)| (key, warning.as_ref()))
    }

    /// Warnings that were in force and that this step has taken away so far.
    pub(super) fn taken_away(&self) -> impl Iterator<Item = (&WarningKey, &Warning)> {
        let gone = self.changes.warnings.iter().filter(|(_, warning)| warning.is_none());
        gone.filter_map(|(key, _)| Some((key, self.state.warnings.get(key)?.as_ref())))
    }

    pub(super) fn put_warning(&mut self, key: WarningKey, warning: Option<Warning>) {
        self.changes.warnings.insert(key, warning.map(Arc::new));
    }

    pub(super) fn seen(&self, triple: &String) -> Option<&Seen> {
        look(&self.state.seen, &self.changes.seen, triple)
    }

    pub(super) fn put_seen(&mut self, triple: String, seen: Seen) {
        self.changes.seen.insert(triple, Some(Arc::new(seen)));
    }

    pub(super) fn line(&self, key: &String) -> Option<&Line> {
        look(&self.state.lines, &self.changes.lines, key)
    }

    pub(super) fn put_line(&mut self, key: String, line: Line) {
        self.changes.lines.insert(key, Some(Arc::new(line)));
    }

    /// The alerts that wait to be told, changes included.
    pub(super) fn pending(&self) -> impl Iterator<Item = (&String, &Pending)> {
        let kept = self.state.pending.iter().filter(|(key, _)| !self.changes.pending.contains_key(*key));
        let changed = self.changes.pending.iter().filter_map(|(key, pending)| Some((key, pending.as_ref()?)));
        kept.chain(changed).map(|(key, pending)| (key, pending.as_ref()))
    }

    pub(super) fn put_pending(&mut self, key: String, pending: Option<Pending>) {
        self.changes.pending.insert(key, pending.map(Arc::new));
    }

    pub(super) fn wait(&self, key: &WarningKey) -> Option<&Wait> {
        look(&self.state.waiting, &self.changes.waiting, key)
    }

    /// Where a hazard has begun and is not told of yet, changes included.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (&WarningKey, &Wait)> {
        let kept = self.state.waiting.iter().filter(|(key, _)| !self.changes.waiting.contains_key(*key));
        let changed = self.changes.waiting.iter().filter_map(|(key, wait)| Some((key, wait.as_ref()?)));
        kept.chain(changed).map(|(key, wait)| (key, wait.as_ref()))
    }

    pub(super) fn put_wait(&mut self, key: WarningKey, wait: Option<Wait>) {
        self.changes.waiting.insert(key, wait.map(Arc::new));
    }

    /// Forgets the names of alerts that are long over.
    pub(super) fn forget_seen(&mut self, now: Timestamp) {
        for (key, line) in &self.state.lines {
            if line.keep_until < now {
                self.changes.lines.insert(key.clone(), None);
            }
        }
        for (triple, seen) in &self.state.seen {
            if seen.keep_until < now {
                self.changes.seen.insert(triple.clone(), None);
            }
        }
    }

    /// Forgets series that no feed has spoken of since a moment: stations that are gone, feeds that are configured no more.
    pub(super) fn forget_series(&mut self, since: Timestamp) {
        for (key, series) in self.state.series.iter() {
            if series.learned < since && !self.changes.series.contains_key(key) {
                self.changes.series.insert(key.clone(), None);
            }
        }
    }

    pub(super) fn feed(&self, id: &FeedId) -> Option<&FeedState> {
        look(&self.state.feeds, &self.changes.feeds, id)
    }

    pub(super) fn put_feed(&mut self, id: FeedId, feed: FeedState) {
        self.changes.feeds.insert(id, Some(Arc::new(feed)));
    }

    /// The next number of a year, counted from 1.
    pub(super) fn next_number(&mut self, year: i32) -> u32 {
        let next = look(&self.state.numbers, &self.changes.numbers, &year).map_or(1, |last| last + 1);
        self.changes.numbers.insert(year, Some(Arc::new(next)));
        next
    }
}

impl Readings for Draft<'_> {
    fn shelf(&self, governorate: &GovernorateId) -> Shelf<'_> {
        let changed = match first_key(governorate).filter(|_| !self.changes.series.is_empty()) {
            Some(from) => {
                let here = self.changes.series.range(from..).take_while(|(key, _)| key.governorate == *governorate);
                here.map(|(key, series)| (key, series.as_deref())).collect()
            }
            None => Vec::new(),
        };
        Shelf::new(self.state.series.at(governorate), changed)
    }

    fn is_frozen(&self, feed: &FeedId) -> bool {
        let is_past =
            |state: &FeedState| [FeedClock::News, FeedClock::Age].iter().any(|one| state.silent.contains_key(one));
        self.feed(feed).is_some_and(is_past)
    }

    fn confirmed(&self, key: &SeriesKey, series: &Series) -> Timestamp {
        match self.feed(&key.feed) {
            Some(FeedState { given: Some(given), confirmed: Some(confirmed), .. }) if *given <= series.learned => {
                (*confirmed).max(series.learned)
            }
            _ => series.learned,
        }
    }
}

/// The least key that a series of a governorate can have; a feed's name begins with a letter.
fn first_key(governorate: &GovernorateId) -> Option<SeriesKey> {
    let (feed, metric) = (FeedId::new("a").ok()?, *Metric::ALL.iter().min()?);
    Some(SeriesKey { governorate: governorate.clone(), metric, basis: Basis::Observed, feed, station: None })
}
