//! Couriers: one for each channel, so that a slow or dead channel delays no other.
//!
//! A courier claims what is due, sends it, and settles how that went. It decides nothing: when to try again and when to give up
//! is the outbox's to say, and nothing is sent after its time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

mod load;

use load::{Load, is_gathered, loads};

use super::clock::Clock;
use super::{Sight, Sights};
use crate::ids::ChannelId;
use crate::message::Form;
use crate::message::ask::Buttons;
use crate::outbox::{Claimed, LEASE, MAX_CLAIM, Outcome, Settlement, Standing};
use crate::route::Audience;
use crate::route::pace::{Meter, Pace};
use crate::sink::{Sink, outcome};
use crate::store::{Store, StoreError};
use crate::time::{TimeDelta, Timestamp};

/// How many deliveries a courier has in its hands at once.
pub const IN_HAND: usize = 2;

/// The longest a courier sleeps before it looks again, whatever it believes to be due.
pub const LONGEST_NAP: TimeDelta = TimeDelta::seconds(60);

/// The courier of one channel.
pub struct Courier {
    channel: ChannelId,
    audience: Audience,
    sink: Arc<dyn Sink>,
    store: Arc<dyn Store>,
    sights: Sights,
    /// How many messages the channel takes in a time, and what has gone out of late.
    pace: Option<(Pace, Mutex<Meter>)>,
    /// What stands on the buttons beneath what is kept back elsewhere, where somebody may press some.
    asks: Option<Arc<Buttons>>,
    /// In which form mild warnings are told together there, where they are.
    gathers: Option<Form>,
    /// The clock that may be in doubt.
    clock: Option<Clock>,
}

/// What one turn of a courier came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It had something in its hands; there may be more.
    Busy,
    /// Nothing is due before this, if ever.
    Idle(Option<Timestamp>),
}

impl Courier {
    /// A courier for a channel and those who listen there.
    pub fn new(
        channel: ChannelId,
        audience: Audience,
        sink: Arc<dyn Sink>,
        store: Arc<dyn Store>,
        sights: Sights,
    ) -> Self {
        Self { channel, audience, sink, store, sights, pace: None, asks: None, gathers: None, clock: None }
    }

    /// The same at a pace. What has gone out before a reload is not counted.
    #[must_use]
    pub fn at(self, pace: Option<Pace>) -> Self {
        Self { pace: pace.map(|pace| (pace, Mutex::default())), ..self }
    }

    /// The same with buttons for what is kept back elsewhere.
    #[must_use]
    pub fn asking(self, asks: Option<Buttons>) -> Self {
        Self { asks: asks.map(Arc::new), ..self }
    }

    /// The same, with what was frozen for a digest told together in a form.
    #[must_use]
    pub fn gathering(self, form: Option<Form>) -> Self {
        Self { gathers: form, ..self }
    }

    /// The same by a clock that may be in doubt: meanwhile what may have run out is not sent.
    #[must_use]
    pub fn by(self, clock: Clock) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// Claims, sends and settles once. The time is asked for at each of these, since a send may take long.
    ///
    /// # Errors
    /// When the store failed; what was sent and not settled is sent again later under the same key.
    pub async fn turn(&self, now: &(dyn Fn() -> Timestamp + Sync)) -> Result<Turn, StoreError> {
        let room = match &self.pace {
            Some((pace, meter)) => lock(meter).room(*pace, now()),
            None => Ok(IN_HAND),
        };
        // Without room nothing is taken in hand; what has run out of time is ended all the same.
        let limit = room.unwrap_or(0).min(IN_HAND);
        let mut claimed = self.store.claim(self.channel.clone(), limit, now(), LEASE).await?;
        if claimed.iter().any(|claimed| is_gathered(claimed, self.gathers)) {
            // What is worse has been taken in hand before; the rest of the digest is due as well.
            claimed.extend(self.store.claim(self.channel.clone(), MAX_CLAIM, now(), LEASE).await?);
        }
        if claimed.is_empty() {
            let due = self.store.next_due(self.channel.clone()).await?;
            return Ok(Turn::Idle(due.map(|due| room.err().map_or(due, |free| due.max(free)))));
        }
        let is_mine = |claimed: &Claimed| claimed.audience.is_none_or(|audience| audience == self.audience);
        if !claimed.iter().all(is_mine) {
            self.store.settle(claimed.iter().map(|claimed| put_back(claimed, now())).collect()).await?;
            return Ok(Turn::Idle(None));
        }
        let (now_is, latest) = (now(), self.clock.map_or_else(now, |clock| clock.latest()));
        let (doubtful, claimed): (Vec<Claimed>, Vec<Claimed>) =
            claimed.into_iter().partition(|one| now_is < one.expires && one.expires <= latest);
        if !doubtful.is_empty() {
            self.store.settle(doubtful.iter().map(|one| wait_for_certainty(one, now_is)).collect()).await?;
        }
        let (expired, loads) = loads(&claimed, &self.channel, self.gathers, now_is);
        if let Some((pace, meter)) = &self.pace {
            lock(meter).count(*pace, loads.len(), now());
        }
        let carried = join_all(loads.iter().map(|load| self.carry(load, now))).await;
        let over = expired.iter().map(|claimed| (*claimed, settled(claimed, Outcome::Expired, now())));
        let ended: Vec<(&Claimed, Settlement)> = carried.into_iter().flatten().chain(over).collect();
        for (claimed, settlement) in &ended {
            self.tell(claimed, settlement);
        }
        self.store.settle(ended.into_iter().map(|(_, settlement)| settlement).collect()).await?;
        Ok(Turn::Busy)
    }

    /// Sends one load, and says how that went for each delivery in it.
    async fn carry<'a>(&self, load: &Load<'a>, now: &(dyn Fn() -> Timestamp + Sync)) -> Vec<(&'a Claimed, Settlement)> {
        let parcel = load.parcel(now(), self.asks.as_ref());
        let sent = self.sink.send(&parcel).await;
        if let Err(why) = &sent {
            debug!(channel = %self.channel, bulletin = %parcel.bulletin, "{} at try {}: {why}", self.channel, parcel.attempt);
        }
        let (ended, chance) = (now(), fastrand::f64());
        let settle = |claimed: &&'a Claimed| {
            let outcome = outcome(sent.clone(), claimed.attempt, ended, claimed.expires, chance);
            (*claimed, settled(claimed, outcome, ended))
        };
        load.of.iter().map(settle).collect()
    }

    fn tell(&self, claimed: &Claimed, settlement: &Settlement) {
        let (channel, bulletin, attempt) = (&self.channel, &claimed.bulletin, claimed.attempt);
        match &settlement.outcome {
            Outcome::Delivered { receipt } => {
                info!(%channel, %bulletin, attempt, "Delivered {bulletin} to {channel} at try {attempt}: {receipt}");
            }
            Outcome::Again { due, why } => {
                warn!(%channel, %bulletin, attempt, %due, "{bulletin} did not reach {channel} at try {attempt}, and is tried again: {why}");
            }
            Outcome::Dead { why } => {
                error!(%channel, %bulletin, attempt, "{bulletin} was given up for {channel} after try {attempt}: {why}");
            }
            Outcome::Expired => {
                warn!(%channel, %bulletin, "{bulletin} was not sent to {channel}: its time has run out");
            }
        }
        self.sights.show(|| Sight::Settled {
            channel: channel.clone(),
            bulletin: bulletin.clone(),
            attempt,
            outcome: settlement.outcome.clone(),
        });
    }

    /// Turns until told to stop; sleeps until the bell rings or something falls due.
    pub async fn run(&self, clock: Clock, bell: Arc<Notify>, stop: CancellationToken) {
        let mut is_failing = false;
        while !stop.is_cancelled() {
            let nap = match self.turn(&|| clock.now()).await {
                Ok(_) if is_failing => {
                    info!(channel = %self.channel, "The outbox of {} works again", self.channel);
                    is_failing = false;
                    continue;
                }
                Ok(Turn::Busy) => continue,
                Ok(Turn::Idle(due)) => due.map_or(LONGEST_NAP, |due| (due - clock.now()).min(LONGEST_NAP)),
                Err(why) => {
                    // Said once and not every second: the log may lie on the same full disk.
                    if !is_failing {
                        error!(channel = %self.channel, "The outbox of {} cannot be read or written and is tried every second: {why}", self.channel);
                    }
                    is_failing = true;
                    TimeDelta::seconds(1)
                }
            };
            tokio::select! {
                () = bell.notified() => {}
                () = clock.sleep(nap.max(TimeDelta::milliseconds(50))) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Goes on delivering what is due until nothing is, or until the time for it is over.
    pub async fn drain(&self, clock: Clock, longest: std::time::Duration) {
        let drained =
            tokio::time::timeout(longest, async { while let Ok(Turn::Busy) = self.turn(&|| clock.now()).await {} });
        match drained.await {
            Ok(()) => debug!(channel = %self.channel, "Nothing more is due for {}", self.channel),
            Err(_) => {
                warn!(channel = %self.channel, "{} still owes messages; they go out after the next start", self.channel);
            }
        }
    }
}

fn settled(claimed: &Claimed, outcome: Outcome, at: Timestamp) -> Settlement {
    Settlement { id: claimed.id, token: claimed.token, outcome, at }
}

fn lock(meter: &Mutex<Meter>) -> MutexGuard<'_, Meter> {
    // A meter is changed in one piece, so that what a panic left behind is whole.
    meter.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives back what is meant for others than a courier carries to. The channel has been given to another audience, and the courier is
/// about to leave: whoever comes after it takes what is owed from then on.
pub(super) fn put_back(claimed: &Claimed, now: Timestamp) -> Settlement {
    let why = "the courier of those who listened there before gave it back unsent".to_owned();
    Settlement { id: claimed.id, token: claimed.token, outcome: Outcome::Again { due: now, why }, at: now }
}

/// How long what may have run out waits until it is looked at again.
const DOUBT: TimeDelta = TimeDelta::seconds(15);

/// Gives back what has run out by one clock and not by the other.
fn wait_for_certainty(claimed: &Claimed, now: Timestamp) -> Settlement {
    let why =
        "it may have run out: the clock of this machine was moved, and it is not known yet what time it is".to_owned();
    Settlement { id: claimed.id, token: claimed.token, outcome: Outcome::Again { due: now + DOUBT, why }, at: now }
}

/// How many deliveries are owed to each channel that is not known: one that was taken out of the configuration or switched off.
///
/// # Errors
/// When the store failed.
pub async fn owed_to_nobody(
    store: &dyn Store,
    known: &BTreeSet<ChannelId>,
) -> Result<BTreeMap<ChannelId, u64>, StoreError> {
    let owed = store.tally().await?.into_iter().filter(|tally| tally.standing == Standing::Owed);
    let named = owed.filter_map(|tally| Some((ChannelId::new(&tally.channel).ok()?, tally.count)));
    Ok(named.filter(|(channel, _)| !known.contains(channel)).collect())
}

/// Ends in time what is owed to channels that are not known: nothing of it is sent, and nothing stays owed for ever.
pub async fn see_out(store: Arc<dyn Store>, known: BTreeSet<ChannelId>, clock: Clock, stop: CancellationToken) {
    let mut left: Option<BTreeSet<ChannelId>> = None;
    while left.as_ref().is_none_or(|left| !left.is_empty()) {
        left = match left {
            Some(left) => Some(still_owed(&*store, left, clock.now()).await),
            None => match owed_to_nobody(&*store, &known).await {
                Ok(owed) => Some(owed.into_keys().collect()),
                Err(why) => {
                    debug!("What is owed to channels that are gone cannot be read, and is looked for again: {why}");
                    None
                }
            },
        };
        tokio::select! {
            () = clock.sleep(LONGEST_NAP) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Ends what ran out of time; tells to which of the channels something is owed all the same.
async fn still_owed(store: &dyn Store, channels: BTreeSet<ChannelId>, now: Timestamp) -> BTreeSet<ChannelId> {
    let mut left = BTreeSet::new();
    for channel in channels {
        // A claim of nothing marks what has expired and hands nothing out.
        let ended = store.claim(channel.clone(), 0, now, LEASE).await;
        if ended.is_err() || !matches!(store.next_due(channel.clone()).await, Ok(None)) {
            left.insert(channel);
        }
    }
    left
}
