//! The network of a storm: channels that take messages, fail, hang, or take them without saying so; and the notes of all that arrived,
//! held against the laws at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use futures_util::future::BoxFuture;

use crate::ids::{BulletinId, ChannelId};
use crate::record::chain::Hash;
use crate::sink::{Parcel, Receipt, SendError, Sink};
use crate::time::{TimeDelta, Timestamp};

/// How a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weather {
    /// It takes all.
    Clear,
    /// It fails, hangs or loses its answers by chance.
    Rough,
    /// Nothing reaches it.
    Down,
}

/// One message as it arrived at a channel.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) channel: ChannelId,
    pub(super) key: String,
    pub(super) bulletin: BulletinId,
    pub(super) body: Hash,
    pub(super) at: Timestamp,
}

/// What all channels share.
#[derive(Debug)]
pub(super) struct Net {
    chance: Rng,
    now: Timestamp,
    weather: BTreeMap<ChannelId, Weather>,
    pub(super) arrivals: Vec<Arrival>,
    bodies: BTreeMap<String, Hash>,
    /// What the store has on its disk as delivered, by key.
    settled: BTreeSet<String>,
    /// What went against a law.
    pub(super) faults: Vec<String>,
}

/// The same, in many hands.
#[derive(Debug, Clone)]
pub(super) struct Wires(Arc<Mutex<Net>>);

impl Wires {
    pub(super) fn new(chance: Rng, now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Net {
            chance,
            now,
            weather: BTreeMap::new(),
            arrivals: Vec::new(),
            bodies: BTreeMap::new(),
            settled: BTreeSet::new(),
            faults: Vec::new(),
        })))
    }

    pub(super) fn net(&self) -> MutexGuard<'_, Net> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.net().now
    }

    /// A channel's end of them.
    pub(super) fn sink(&self, channel: &ChannelId) -> Arc<dyn Sink> {
        Arc::new(End { channel: channel.clone(), wires: self.clone() })
    }
}

impl Net {
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn pass(&mut self, span: TimeDelta) {
        self.now += span;
    }

    pub(super) fn set(&mut self, channel: &ChannelId, weather: Weather) {
        self.weather.insert(channel.clone(), weather);
    }

    /// From now on these are not to be sent again.
    pub(super) fn settle(&mut self, keys: impl IntoIterator<Item = String>) {
        self.settled.extend(keys);
    }

    /// Takes one message; what the sender learns of it.
    fn take(&mut self, channel: &ChannelId, parcel: &Parcel) -> Result<Receipt, SendError> {
        self.hold_against_the_laws(channel, parcel);
        let later = |why: &str, retry_after| Err(SendError::Later { why: why.to_owned(), retry_after });
        let fate = match self.weather.get(channel).copied().unwrap_or(Weather::Clear) {
            Weather::Clear => 100,
            Weather::Rough => self.chance.u8(0..100),
            Weather::Down => 0,
        };
        match fate {
            0..20 => later("it cannot be reached", None),
            20..30 => later("it is busy", Some(TimeDelta::seconds(self.chance.i64(1..120)))),
            30..40 => {
                // It hangs until the sender gives up.
                self.now += TimeDelta::seconds(10);
                Err(SendError::Unknown { why: "no answer".to_owned() })
            }
            40..55 => {
                self.arrive(channel, parcel);
                Err(SendError::Unknown { why: "its answer was lost".to_owned() })
            }
            _ => {
                self.arrive(channel, parcel);
                Ok(Receipt("taken".to_owned()))
            }
        }
    }

    fn arrive(&mut self, channel: &ChannelId, parcel: &Parcel) {
        self.arrivals.push(Arrival {
            channel: channel.clone(),
            key: parcel.key.clone(),
            bulletin: parcel.bulletin.clone(),
            body: Hash::of(&parcel.body),
            at: self.now,
        });
    }

    fn hold_against_the_laws(&mut self, channel: &ChannelId, parcel: &Parcel) {
        let Parcel { key, bulletin, expires, .. } = parcel;
        let body = Hash::of(&parcel.body);
        if *self.bodies.entry(key.clone()).or_insert(body) != body {
            self.faults.push(format!("law 1: {key} says different things at different tries"));
        }
        if self.settled.contains(key) {
            self.faults.push(format!("law 1: {key} was settled and is sent again"));
        }
        if *expires <= self.now {
            self.faults.push(format!("law 3: {key} is sent at {}, and ran out at {expires}", self.now));
        }
        let newer = |arrival: &&Arrival| {
            arrival.channel == *channel
                && arrival.bulletin.number() == bulletin.number()
                && edition(bulletin) < edition(&arrival.bulletin)
                && self.settled.contains(&arrival.key)
        };
        if let Some(newer) = self.arrivals.iter().find(newer) {
            let fault = format!("law 3: {bulletin} is sent to {channel} after {} has arrived", newer.bulletin);
            self.faults.push(fault);
        }
    }
}

/// The number of an edition, by the name of its bulletin.
pub(super) fn edition(id: &BulletinId) -> u32 {
    id.as_str().rsplit_once('.').and_then(|(_, edition)| edition.parse().ok()).unwrap_or_default()
}

struct End {
    channel: ChannelId,
    wires: Wires,
}

impl Sink for End {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        let sent = self.wires.net().take(&self.channel, parcel);
        Box::pin(async move { sent })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }
}
