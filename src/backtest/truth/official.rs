//! The truth by what an authority warned of, in CAP or as one of its feeds was heard: what was so is taken to be what it said.
//!
//! Its alerts are read and placed as the service does, and put together by the service's own engine: an update goes on from what it
//! refers to, a cancel ends it. So each of its warnings is one event at each governorate, as long as it was in force, with a time of
//! its own for each level that it had. Drills and tests are never the truth, an alert that has no place here is never of every
//! place, and each one that makes no event is told, with the reason.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::{MAX_EVENT, Spell, TrueEvent, Truth};
use crate::alert::{Alert, MsgType, Scope, Status};
use crate::backtest::archive::Note;
use crate::bulletin::{Bulletin, Origin};
use crate::engine::{self, Event, Heard, State};
use crate::feed::{Batch, cap};
use crate::hazard::{Hazard, Severity};
use crate::ids::{BulletinId, FeedId, GovernorateId};
use crate::record::Entry;
use crate::rule::judge::DEFAULT_STALE_AFTER;
use crate::rule::{FeedTerms, RuleBook, WarningTimes};
use crate::time::{TimeDelta, Timestamp, span_text};

/// The most alerts, or parts of alerts.
pub const MAX_ALERTS: usize = 20_000;

/// The longest source of an event, in bytes.
const MAX_SOURCE: usize = 200;

/// The feed that the alerts count as.
const FEED: &str = "truth";

/// Where the alerts are said to have come from: the addresses in a list are looked at and never asked.
const NOWHERE: &str = "https://files.invalid/";

/// The kinds of entries of the journal that say why an alert makes no event, or not all that it might.
const TELLING: [&str; 4] = ["held", "unplaced", "elsewhere", "incident"];

/// Alerts of an authority, being read.
#[derive(Debug)]
pub struct Warnings<'a> {
    book: &'a RuleBook,
    alerts: Vec<Alert>,
    /// In which file, or of which feed, each alert is, by its triple.
    files: BTreeMap<String, String>,
    /// What a feed said last under each name: the sender's, its own and the number of the part.
    last: BTreeMap<(String, String, u16), u64>,
    notes: BTreeSet<Note>,
}

impl<'a> Warnings<'a> {
    /// None yet; the governorates and the gazetteer are those of a book, its rules do not matter.
    pub fn new(book: &'a RuleBook) -> Self {
        Self { book, alerts: Vec::new(), files: BTreeMap::new(), last: BTreeMap::new(), notes: BTreeSet::new() }
    }

    /// Takes a document. One that cannot be read is told among the notes, and hinders no other.
    ///
    /// # Errors
    /// When there are more than can be held.
    pub fn take(&mut self, file: &str, body: &[u8]) -> Result<(), String> {
        let base = Url::parse(NOWHERE).expect("it is an address");
        let places = &self.book.governorates;
        let (mut found, mut skipped) = (Vec::new(), Vec::new());
        let opened = cap::open(body, &base, places, cap::Terms::default(), &mut |alert| match alert {
            // Of the past is what it is for: no part of it may be left out because it is over.
            Ok(alert) => found.extend(cap::meaning_of(&alert, places, Timestamp::MIN_UTC)),
            Err(skip) => skipped.push(skip),
        });
        match opened {
            Ok(outline) => {
                skipped.extend(outline.skipped);
                if found.is_empty() && !outline.follow.is_empty() {
                    let count = outline.follow.len();
                    self.note(file, format!("a list that points to {count} alerts: put the alerts themselves here"));
                }
            }
            Err(why) => self.note(file, why.to_string()),
        }
        for skip in skipped {
            self.note(file, format!("{}: {}", skip.part, skip.why));
        }
        found.into_iter().try_for_each(|alert| self.keep(file, alert))
    }

    /// Takes the alerts of what a feed was heard to say, in the order in which it was heard.
    ///
    /// # Errors
    /// When there are more than can be held.
    pub fn hear(&mut self, feed: &FeedId, batch: &Batch) -> Result<(), String> {
        for alert in &batch.alerts {
            // A feed says again at each asking what is in force.
            let name = alert.line.as_ref().unwrap_or(&alert.identity.identifier);
            let key = (alert.identity.sender.clone(), name.clone(), alert.part);
            if self.last.insert(key, alert.fingerprint) != Some(alert.fingerprint) || alert.fingerprint == 0 {
                self.keep(feed.as_str(), alert.clone())?;
            }
        }
        Ok(())
    }

    fn keep(&mut self, file: &str, alert: Alert) -> Result<(), String> {
        if MAX_ALERTS <= self.alerts.len() {
            return Err(format!("there are more than {MAX_ALERTS} alerts: take the truth of a shorter time"));
        }
        self.files.entry(alert.identity.to_string()).or_insert_with(|| file.to_owned());
        match (alert.status, alert.scope) {
            (Status::Actual, Scope::Public) => {
                let is_new = matches!(alert.msg_type, MsgType::Alert | MsgType::Update);
                for defect in alert.defects.iter().filter(|_| is_new) {
                    self.note(file, format!("read with a defect: {defect}"));
                }
                self.alerts.push(alert);
            }
            (Status::Actual, scope) => self.note(file, format!("no event: its scope is {scope:?}")),
            (status, _) => self.note(file, format!("no event: its status is {status:?}, and a drill is no truth")),
        }
        Ok(())
    }

    /// What was so.
    pub fn truth(mut self) -> Truth {
        let mut alerts = std::mem::take(&mut self.alerts);
        alerts.sort_by_key(Alert::written);
        let mut told = Lives::default();
        let mut life = Life::new(self.book);
        for batch in alerts.chunk_by(|one, other| one.written() == other.written()) {
            let (bulletins, journal) = life.hear(batch);
            bulletins.iter().for_each(|bulletin| told.take(bulletin));
            journal.into_iter().for_each(|entry| self.journal(entry));
        }
        life.end().iter().for_each(|bulletin| told.take(bulletin));
        let mut truth = Truth::default();
        for life in told.lives {
            if life.hazard != Hazard::Other {
                truth.hazards.insert(life.hazard);
            }
            match life.event() {
                Ok(event) => truth.events.push(event),
                Err(why) => self.note(&self.files.get(&life.first).unwrap_or(&life.first).clone(), why),
            }
        }
        truth.events.sort();
        truth.notes = self.notes.into_iter().collect();
        truth
    }

    fn journal(&mut self, entry: Entry) {
        let Entry { kind, subject, text, .. } = entry;
        // Of an alert that is only referred to nothing is known here.
        if let Some(file) = self.files.get(&subject).filter(|_| TELLING.contains(&kind.as_str())).cloned() {
            let what = if kind == "held" { format!("no event: {text}") } else { text };
            self.note(&file, what);
        }
    }

    fn note(&mut self, of: &str, what: String) {
        self.notes.insert(Note { of: of.to_owned(), what });
    }
}

/// The engine, hearing nothing but an authority.
struct Life {
    book: RuleBook,
    feed: FeedId,
    state: State,
}

impl Life {
    fn new(book: &RuleBook) -> Self {
        let feed = FeedId::new(FEED).expect("it is a name");
        let feeds = BTreeMap::from([(feed.clone(), FeedTerms::new(cap::KIND.name, DEFAULT_STALE_AFTER))]);
        let times = WarningTimes { group_wait: TimeDelta::zero(), ..book.times.clone() };
        let book = RuleBook { rules: Vec::new().into(), feeds, times, ..book.clone() };
        Self { book, feed, state: State::default() }
    }

    /// What comes of alerts that were written at one moment, after what has ended up to then.
    fn hear(&mut self, alerts: &[Alert]) -> (Vec<Bulletin>, Vec<Entry>) {
        let Some(now) = alerts.first().map(Alert::written) else { return (Vec::new(), Vec::new()) };
        let mut said = self.run_out(Some(now));
        let batch = Batch { alerts: alerts.to_vec(), ..Batch::default() };
        let heard = Heard::Batch { batch, validators: None, entries: Vec::new() };
        let event = Event::Asked { feed: self.feed.clone(), heard, skew: None };
        let outcome = engine::step(&self.book, &self.state, &event, now);
        self.state.adopt(outcome.changes);
        said.extend(outcome.bulletins);
        (said, outcome.journal)
    }

    /// What is said while time goes by until all has ended.
    fn end(&mut self) -> Vec<Bulletin> {
        self.run_out(None)
    }

    fn run_out(&mut self, to: Option<Timestamp>) -> Vec<Bulletin> {
        let mut said = Vec::new();
        while let Some(end) = self.state.warnings().map(|(_, told)| told.until).min()
            && to.is_none_or(|to| end <= to)
        {
            let outcome = engine::step(&self.book, &self.state, &Event::Tick, end);
            self.state.adopt(outcome.changes);
            said.extend(outcome.bulletins);
        }
        said
    }
}

/// A stretch of time during which a warning held at one severity.
#[derive(Debug, Clone, Copy)]
struct Part {
    severity: Severity,
    from: Timestamp,
    to: Timestamp,
}

/// One warning at one governorate, from first to last.
#[derive(Debug)]
struct OneLife {
    hazard: Hazard,
    governorate: GovernorateId,
    /// The triple of its first alert.
    first: String,
    source: String,
    parts: Vec<Part>,
}

/// All warnings, and which of them goes on where under which number.
#[derive(Debug, Default)]
struct Lives {
    lives: Vec<OneLife>,
    open: BTreeMap<(String, GovernorateId), usize>,
}

impl Lives {
    fn take(&mut self, bulletin: &Bulletin) {
        let Bulletin { number, hazard, severity, issued, onset, until, .. } = bulletin;
        let replaced = bulletin.replaces.iter().map(BulletinId::number);
        let numbers: BTreeSet<&str> = std::iter::once(number.as_str()).chain(replaced).collect();
        let named = bulletin.areas.iter().chain(&bulletin.left);
        for governorate in named {
            let before: Vec<usize> =
                numbers.iter().filter_map(|one| self.open.remove(&((*one).to_owned(), governorate.clone()))).collect();
            for number in &before {
                if let Some(part) = self.lives.get_mut(*number).and_then(|life| life.parts.last_mut()) {
                    part.to = part.to.min(*issued);
                }
            }
            if bulletin.change.is_end() || !bulletin.areas.contains(governorate) {
                continue;
            }
            let is_same = |one: &usize| self.lives.get(*one).is_some_and(|life| life.hazard == *hazard);
            let number_of = before.into_iter().find(is_same).unwrap_or_else(|| {
                let (first, source) = source(bulletin);
                let (hazard, governorate) = (*hazard, governorate.clone());
                self.lives.push(OneLife { hazard, governorate, first, source, parts: Vec::new() });
                self.lives.len() - 1
            });
            if let Some(life) = self.lives.get_mut(number_of) {
                // What an update says of the danger was not said before, whenever the danger itself began.
                let from = if life.parts.is_empty() { *onset } else { (*onset).max(*issued) };
                life.parts.push(Part { severity: *severity, from, to: *until });
            }
            self.open.insert((number.clone(), governorate.clone()), number_of);
        }
    }
}

/// The triple of an alert, and who said what in it.
fn source(bulletin: &Bulletin) -> (String, String) {
    let Origin::Official { identity, words, .. } = &bulletin.origin else { return Default::default() };
    let words = words.iter().find(|words| words.language.starts_with("en")).or(words.first());
    let who = words.and_then(|words| words.sender_name.as_deref()).unwrap_or(&identity.sender);
    let what = words.map_or("", |words| words.headline.as_deref().unwrap_or(&words.event));
    let text = format!("{who}: {what} ({})", identity.identifier);
    (identity.to_string(), text.get(..text.floor_char_boundary(MAX_SOURCE)).unwrap_or_default().to_owned())
}

impl OneLife {
    /// When it was so bad or worse, from first to last.
    fn spell(&self, level: Severity) -> Option<Spell> {
        let parts = || self.parts.iter().filter(|part| level <= part.severity && part.from < part.to);
        Some((parts().map(|part| part.from).min()?, parts().map(|part| part.to).max()?))
    }

    /// The event that it was, or why it was none.
    fn event(&self) -> Result<TrueEvent, String> {
        let Some(whole) = self.spell(Severity::Yellow) else {
            return Err(match self.spell(Severity::Advisory) {
                Some(_) => "no event: an advisory is milder than any level of a rule".to_owned(),
                None => "no event: it was taken back before it began".to_owned(),
            });
        };
        if self.hazard == Hazard::Other {
            return Err("no event: what it warns of is no hazard of a rule".to_owned());
        }
        let (from, to) = whole;
        if MAX_EVENT < to - from {
            return Err(format!("no event: it was in force for longer than {}", span_text(MAX_EVENT)));
        }
        let spells = Severity::OF_RULES.into_iter().filter_map(|level| Some((level, self.spell(level)?)));
        let spells: BTreeMap<Severity, Spell> = spells.collect();
        Ok(TrueEvent {
            hazard: self.hazard,
            governorate: self.governorate.clone(),
            from,
            to,
            level: spells.last_key_value().map(|(level, _)| *level),
            worse: spells.into_iter().filter(|(_, spell)| *spell != whole).collect(),
            source: self.source.clone(),
        })
    }
}

#[cfg(test)]
mod tests;
