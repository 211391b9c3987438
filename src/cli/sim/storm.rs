//! What happens in a storm: rain that comes and goes, feeds that fall silent or answer nonsense, an authority that warns, changes its
//! mind and cancels, and people at the desk.

use std::collections::BTreeSet;

use fastrand::Rng;

use crate::alert::{Alert, Certainty, Identity, MsgType, Scope, Status, Words};
use crate::bulletin::Reason;
use crate::engine::desk::{Amend, Correct, Warn};
use crate::engine::staff::Order;
use crate::engine::{Event, Heard};
use crate::feed::Batch;
use crate::hazard::{Hazard, Severity};
use crate::ids::{FeedId, GovernorateId};
use crate::reading::{Basis, Reading};
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Metric;

/// Where it storms.
pub(super) const PLACES: [&str; 4] = ["makkah", "jeddah", "taif", "rabigh"];

/// The feeds that tell of it.
const GAUGES: &str = "open-meteo";
const AUTHORITY: &str = "ncm-cap-ar";

/// The weather, and what was said of it.
#[derive(Debug)]
pub(super) struct Storm {
    rng: Rng,
    rain: [f64; PLACES.len()],
    alerts: Vec<Identity>,
    /// The numbers of warnings that the desk may speak of.
    pub(super) numbers: Vec<String>,
    gauges: Option<FeedId>,
    authority: Option<FeedId>,
}

/// What the desk does.
pub(super) enum Does {
    /// An event for the brain.
    Event(Box<Event>),
    /// Taking back what was said last under a number.
    TakesBack(Correct),
}

impl Does {
    pub(super) fn event(event: Event) -> Self {
        Self::Event(Box::new(event))
    }
}

impl Storm {
    pub(super) fn new(rng: Rng) -> Self {
        let (gauges, authority) = (FeedId::new(GAUGES).ok(), FeedId::new(AUTHORITY).ok());
        Self { rng, rain: [0.0; PLACES.len()], alerts: Vec::new(), numbers: Vec::new(), gauges, authority }
    }

    /// What happens next; it took so long since the last.
    pub(super) fn next(&mut self, now: Timestamp, since: TimeDelta) -> Does {
        match self.rng.u8(0..100) {
            0..50 => Does::event(self.gauges(now, since)),
            50..56 => Does::event(self.trouble()),
            56..68 => Does::event(self.authority(now)),
            68..86 => self.desk(now),
            _ => Does::event(Event::Tick),
        }
    }

    fn gauges(&mut self, now: Timestamp, since: TimeDelta) -> Event {
        for rain in &mut self.rain {
            *rain = match self.rng.u8(0..10) {
                0..4 => *rain,
                4..6 => 0.0,
                6 => 3.0,
                7 => 9.0,
                8 => 14.0,
                _ => 25.0,
            };
        }
        let silent: [bool; PLACES.len()] = std::array::from_fn(|_| self.rng.u8(0..6) == 0);
        let told = PLACES.iter().zip(self.rain).zip(silent).filter(|(_, silent)| !silent);
        let readings = told.filter_map(|((name, value), _)| {
            Some(Reading {
                governorate: GovernorateId::new(name).ok()?,
                metric: Metric::Precipitation,
                station: None,
                basis: Basis::Observed,
                value,
                at: now,
                covers: since.max(TimeDelta::minutes(1)),
            })
        });
        heard(self.gauges.as_ref(), Batch { readings: readings.collect(), ..Batch::default() })
    }

    fn trouble(&mut self) -> Event {
        let why = "nothing of it can be read".to_owned();
        let heard = match self.rng.u8(0..4) {
            0 => Heard::Unreachable { why },
            1 => Heard::Unreadable { why },
            2 => Heard::Nothing,
            _ => Heard::Unchanged,
        };
        let feed = if self.rng.bool() { &self.gauges } else { &self.authority };
        asked(feed.as_ref(), heard)
    }

    fn authority(&mut self, now: Timestamp) -> Event {
        let identity = Identity { sender: "ncm".to_owned(), identifier: format!("a{}", now.timestamp()), sent: now };
        let (msg_type, references) = match (self.rng.u8(0..4), self.rng.choice(&self.alerts).cloned()) {
            (0, Some(_)) => (MsgType::Cancel, self.alerts.clone()),
            (1, Some(one)) => (MsgType::Update, vec![one]),
            (_, Some(_) | None) => (MsgType::Alert, Vec::new()),
        };
        self.alerts.push(identity.clone());
        let words = |language: &str| Words {
            language: language.to_owned(),
            event: "أمطار غزيرة".to_owned(),
            ..Words::default()
        };
        let alert = Alert {
            identity,
            line: None,
            part: 0,
            fingerprint: 0,
            read_at: None,
            status: Status::Actual,
            scope: Scope::Public,
            msg_type,
            references,
            hazard: if self.rng.u8(0..4) == 0 { Hazard::FlashFlood } else { Hazard::Rain },
            severity: self.severity(),
            certainty: Certainty::Likely,
            onset: now,
            expires: now + TimeDelta::minutes(self.rng.i64(30..600)),
            words: vec![words("ar"), words("en")],
            areas: self.places().into_iter().collect(),
            unplaced: Vec::new(),
            all_clear: false,
            defects: Vec::new(),
        };
        heard(self.authority.as_ref(), Batch { alerts: vec![alert], ..Batch::default() })
    }

    fn desk(&mut self, now: Timestamp) -> Does {
        let by = "the simulation".to_owned();
        let number = self.rng.choice(&self.numbers).cloned();
        let order = match (self.rng.u8(0..10), number) {
            (0..2, Some(number)) => {
                let severity = Some(self.severity());
                Order::Amend(Amend { number, severity, governorates: None, until: None, remarks: None, by })
            }
            (2, Some(number)) => Order::Lift { number, by },
            (3..5, Some(number)) => {
                let reason = self.rng.choice(Reason::ALL).copied().unwrap_or(Reason::WrongData);
                let quiet = TimeDelta::minutes(self.rng.i64(0..60));
                return Does::TakesBack(Correct { number, reason, remarks: None, quiet, by });
            }
            (_, Some(_) | None) => Order::Warn(Warn {
                hazard: self.rng.choice([Hazard::Dust, Hazard::FlashFlood, Hazard::Wind]).unwrap_or(Hazard::Dust),
                severity: self.severity(),
                governorates: self.places(),
                onset: None,
                until: now + TimeDelta::minutes(self.rng.i64(30..600)),
                remarks: None,
                is_drill: self.rng.u8(0..5) == 0,
                by,
            }),
        };
        Does::event(Event::Ordered(order))
    }

    fn severity(&mut self) -> Severity {
        self.rng.choice([Severity::Yellow, Severity::Orange, Severity::Red]).unwrap_or(Severity::Yellow)
    }

    fn places(&mut self) -> BTreeSet<GovernorateId> {
        let count = self.rng.usize(1..=3);
        let chosen = self.rng.choose_multiple(PLACES, count);
        chosen.into_iter().filter_map(|name| GovernorateId::new(name).ok()).collect()
    }
}

fn heard(feed: Option<&FeedId>, batch: Batch) -> Event {
    asked(feed, Heard::Batch { batch, validators: None, entries: Vec::new() })
}

fn asked(feed: Option<&FeedId>, heard: Heard) -> Event {
    match feed {
        Some(feed) => Event::Asked { feed: feed.clone(), heard, skew: None },
        None => Event::Tick,
    }
}
