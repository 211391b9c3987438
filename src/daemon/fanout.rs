//! The courier of a channel with subscribers: takes messages in hand as any courier does, and tells each of them to every subscriber that
//! hears it. What became of it at each is stored in batches, so that little is told twice after the machine dies; who does not take it
//! is tried again until its time is over, and delays nobody else.

mod desk;
mod errands;
mod health;
mod slots;
mod taking;
mod word;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use self::desk::{Desk, Flight, MAX_IN_HAND, Stage, Work};
use self::errands::{Errand, end};
use self::slots::{Seat, Slots};
use self::taking::{recipient, take};
use self::word::{Word, told};
use super::clock::Clock;
use super::courier::LONGEST_NAP;
use super::line::Line;
use super::{DRAIN, Sight, Sights};
use crate::ids::ChannelId;
use crate::outbox::share::{Disabled, Hand, Landed, Owing};
use crate::outbox::{Claimed, Outcome, Settlement};
use crate::route::Listener;
use crate::sink::{Many, Missed, Receipt, SendError};
use crate::store::{Store, StoreError};
use crate::time::{TimeDelta, Timestamp};

/// How many ends are stored together, and how long the first of them waits for others.
const BATCH: usize = 256;
const LONGEST_BATCH: Duration = Duration::from_millis(20);

/// With so many ends that are not stored, nobody else is spoken to: they would all be told again if the machine died now.
const MAX_UNSTORED: usize = 512;

/// How many may be waited for beside the slots, and the share of the files of this process that they may take.
const MOST_BESIDE: u64 = 4096;
const SHARE_OF_FILES: u64 = 2;

/// When a message is taken in hand again that was put down while others were on their way to its last subscribers.
const PARKED_FOR: TimeDelta = TimeDelta::seconds(5);

/// How many messages are taken in hand before the others, and the longest that the others wait while those keep everybody busy: to take
/// them is work, which would make the first wait.
const FIRST_IN_HAND: usize = 4;
const LONGEST_FIRST: Duration = Duration::from_millis(250);

/// How soon the store is asked again for what is due, where nothing was.
const SHORTEST_NAP: TimeDelta = TimeDelta::milliseconds(50);

/// How often the node that leads asks who was disabled by another.
const ASKS_AGAIN: Duration = Duration::from_secs(60);

/// How long is waited after the store failed.
const REST: Duration = Duration::from_secs(1);

/// The courier of one channel with subscribers.
pub struct Fanout {
    listener: Listener,
    many: Arc<dyn Many>,
    store: Arc<dyn Store>,
    sights: Sights,
    /// Who has the people on duty hear of those who are disabled.
    line: Option<Line>,
}

/// One who is being spoken to.
struct Aloft {
    number: u64,
    hand: Hand,
    owing: Owing,
    since: Instant,
    seat: Seat,
}

impl Fanout {
    /// A courier for those who subscribed to a channel.
    pub fn new(listener: Listener, many: Arc<dyn Many>, store: Arc<dyn Store>, sights: Sights) -> Self {
        Self { listener, many, store, sights, line: None }
    }

    /// The same, which has the people on duty hear of subscribers that are disabled.
    #[must_use]
    pub fn reporting(self, line: Line) -> Self {
        Self { line: Some(line), ..self }
    }

    /// Delivers until told to stop, and then what is due, as far as time allows.
    pub async fn run(&self, clock: Clock, bell: Arc<Notify>, stop: CancellationToken) {
        Shift::new(self, clock).run(bell, stop).await;
    }

    pub(super) fn channel(&self) -> &ChannelId {
        &self.listener.channel
    }
}

/// One run of a courier.
struct Shift<'a> {
    fanout: &'a Fanout,
    clock: Clock,
    desk: Desk,
    slots: Slots,
    flights: JoinSet<Result<Receipt, Missed>>,
    aloft: HashMap<Id, Aloft>,
    /// By the number of a flight, which task it is and how it is ended.
    tasks: HashMap<u64, (Id, tokio::task::AbortHandle)>,
    next_number: u64,
    ends: Vec<Landed>,
    /// Since when the first of them waits.
    ends_since: Option<Instant>,
    storing: usize,
    errands: FuturesUnordered<BoxFuture<'static, Errand>>,
    is_taking: bool,
    /// True when something may have come since it was last asked what is due.
    has_rung: bool,
    /// Until when the less urgent messages wait to be taken in hand, as long as the first keep everybody busy.
    first_until: Option<Instant>,
    /// Where the word stands that some were disabled.
    word: Word,
    /// When the store last said who was.
    asked_at: Instant,
    /// When the store is to be asked again for what is due.
    look_at: Timestamp,
    /// Until when the store is left alone after it failed.
    rests_until: Option<Instant>,
    stops_at: Option<Instant>,
}

impl<'a> Shift<'a> {
    fn new(fanout: &'a Fanout, clock: Clock) -> Self {
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(MOST_BESIDE);
        let most_beside = (files / SHARE_OF_FILES).clamp(64, MOST_BESIDE);
        Self {
            fanout,
            clock,
            desk: Desk::new(fanout.listener.clone(), Arc::clone(&fanout.many)),
            slots: Slots::new(usize::try_from(most_beside).unwrap_or(64)),
            flights: JoinSet::new(),
            aloft: HashMap::new(),
            tasks: HashMap::new(),
            next_number: 0,
            ends: Vec::new(),
            ends_since: None,
            storing: 0,
            errands: FuturesUnordered::new(),
            is_taking: false,
            has_rung: false,
            first_until: None,
            word: Word::Unknown,
            asked_at: Instant::now(),
            look_at: clock.now(),
            rests_until: None,
            stops_at: None,
        }
    }

    async fn run(mut self, bell: Arc<Notify>, stop: CancellationToken) {
        loop {
            self.run_errands();
            self.launch();
            if self.is_at_an_end() {
                break;
            }
            let wake = self.wake();
            tokio::select! {
                Some(joined) = self.flights.join_next_with_id(), if !self.flights.is_empty() => {
                    self.landed(joined);
                    while let Some(joined) = self.flights.try_join_next_with_id() {
                        self.landed(joined);
                    }
                }
                Some(errand) = self.errands.next(), if !self.errands.is_empty() => self.done(errand),
                () = bell.notified(), if self.stops_at.is_none() => self.has_rung = true,
                () = tokio::time::sleep_until(wake) => {}
                () = stop.cancelled(), if self.stops_at.is_none() => self.stops_at = Some(Instant::now() + DRAIN),
            }
        }
    }

    /// True when it was told to stop and nothing is left to do, or no time.
    fn is_at_an_end(&self) -> bool {
        let is_over = |stops_at: Instant| stops_at + REST <= Instant::now();
        self.stops_at.is_some_and(|at| (self.desk.works().is_empty() && self.errands.is_empty()) || is_over(at))
    }

    fn is_resting(&self) -> bool {
        self.rests_until.is_some_and(|until| Instant::now() < until)
    }

    /// Asks of the store what is to be asked of it.
    fn run_errands(&mut self) {
        self.put_aside();
        if self.is_resting() {
            return;
        }
        let now = self.clock.now();
        // Whoever has nothing in hand takes the most urgent first, and the rest when nearly all are told of those.
        let most = if self.desk.works().is_empty() { FIRST_IN_HAND } else { MAX_IN_HAND };
        let room = most.saturating_sub(self.desk.works().len());
        let is_due = self.has_rung || (self.look_at <= now && !self.is_at_the_first(now));
        if self.stops_at.is_none() && !self.is_taking && is_due && 0 < room {
            (self.is_taking, self.has_rung) = (true, false);
            let store = Arc::clone(&self.fanout.store);
            let of = (self.fanout.channel().clone(), self.fanout.listener.audience);
            self.errands.push(take(store, of, (room, self.fanout.many.hub().is_some()), now));
        }
        for (hand, after, said, is_correction) in self.desk.hungry(now) {
            let store = Arc::clone(&self.fanout.store);
            self.errands
                .push(Box::pin(async move { Errand::Read(hand, store.share(hand, after, said, is_correction).await) }));
        }
        self.store_ends();
        if self.word == Word::Unknown || self.desk.health.has_said() || self.asks_again() {
            self.note_health();
        }
        self.end_works(now);
    }

    /// Whether what is less urgent is left lying for now.
    fn is_at_the_first(&mut self, now: Timestamp) -> bool {
        let is_at_it = self.first_until.is_some_and(|until| Instant::now() < until) && self.desk.is_at_the_first(now);
        if !is_at_it {
            self.first_until = None;
        }
        is_at_it
    }

    /// Whether it is time to ask whom another node has disabled meanwhile, where this one can tell it.
    fn asks_again(&mut self) -> bool {
        let can_tell = || self.fanout.line.as_ref().is_some_and(|line| line.orders().is_some());
        let is_due = self.word == Word::Said && ASKS_AGAIN <= self.asked_at.elapsed() && can_tell();
        if is_due {
            self.word = Word::Unknown;
        }
        is_due
    }

    /// Takes back slots, and gives up those whom too many wait beside.
    fn put_aside(&mut self) {
        let now = Instant::now();
        let Self { slots, tasks, aloft, .. } = self;
        for number in slots.reclaim(now, |number| tasks.contains_key(&number)) {
            if let Some(one) = tasks.get(&number).and_then(|(id, _)| aloft.get_mut(id)) {
                one.seat = Seat::Beside;
            }
        }
        for number in slots.give_up(now, |number| tasks.contains_key(&number)) {
            if let Some((id, task)) = tasks.get(&number) {
                task.abort();
                if let Some(one) = aloft.get_mut(id) {
                    one.seat = Seat::GivenUp;
                }
            }
        }
        let stopped = self.stops_at.is_some_and(|at| at <= now);
        if stopped {
            self.flights.abort_all();
        }
    }

    fn store_ends(&mut self) {
        let is_due = BATCH <= self.ends.len() || self.ends_since.is_some_and(|since| LONGEST_BATCH <= since.elapsed());
        if self.ends.is_empty() || 0 < self.storing || !(is_due || self.aloft.is_empty()) {
            return;
        }
        let ends = std::mem::take(&mut self.ends);
        self.ends_since = None;
        self.storing = ends.len();
        let store = Arc::clone(&self.fanout.store);
        self.errands.push(Box::pin(async move {
            let stored = store.settle_shares(ends.clone()).await;
            Errand::Stored(ends, stored)
        }));
        self.note_health();
    }

    /// Has the store know how subscribers are, once at a time, and tell of whom the people on duty are to hear.
    fn note_health(&mut self) {
        if matches!(self.word, Word::Asked | Word::OnItsWay) {
            return;
        }
        let news = self.desk.health.news();
        if news.is_nothing() && self.word != Word::Unknown {
            return;
        }
        self.word = Word::Asked;
        let (store, channel) = (Arc::clone(&self.fanout.store), self.fanout.channel().clone());
        self.errands.push(Box::pin(async move {
            let noted = store.note_health(channel, news.clone()).await;
            Errand::Noted(news, noted)
        }));
    }

    /// Puts down what is done, what is over, and what waits while its place is wanted.
    fn end_works(&mut self, now: Timestamp) {
        let in_hand = self.desk.works().len();
        let is_full = MAX_IN_HAND <= in_hand || self.stops_at.is_some();
        let is_crowded = is_full || MAX_IN_HAND / 2 <= in_hand;
        let is_stopped = self.stops_at.is_some_and(|at| at <= Instant::now());
        let ended: Vec<(Hand, Stage)> = self
            .desk
            .works()
            .iter()
            .filter_map(|work| match work.stage(now) {
                // Who only waits for another message's answer is spoken to soon; what waits so is kept while there is any room.
                Stage::Going if is_crowded && (is_full || !work.is_parked()) && work.is_idle(now) => {
                    Some((work.hand, Stage::Waiting(work.next_due().unwrap_or(now + PARKED_FOR))))
                }
                Stage::Going if is_stopped && work.is_at_rest() => Some((work.hand, Stage::Waiting(now))),
                Stage::Going => None,
                ended => Some((work.hand, ended)),
            })
            .collect();
        for (hand, stage) in ended {
            let Some(work) = self.desk.put_down(hand) else { continue };
            self.look_at = self.look_at.min(now);
            self.errands.push(end(Arc::clone(&self.fanout.store), work, stage, now));
        }
    }

    /// Speaks to as many as may be spoken to.
    fn launch(&mut self) {
        let is_stopped = self.stops_at.is_some_and(|at| at <= Instant::now());
        if is_stopped || self.is_resting() {
            return;
        }
        let (now, latest) = (self.clock.now(), self.clock.latest());
        while self.slots.has_room() && !self.slots.is_full() && self.ends.len() + self.storing < MAX_UNSTORED {
            let next = self.desk.next(now, latest);
            let dropped = self.desk.dropped();
            self.keep(dropped);
            let Some(Flight { hand, owing, letter }) = next else { return };
            let to = recipient(&owing);
            let many = Arc::clone(&self.fanout.many);
            let task = self.flights.spawn(async move { many.send(letter, to, now).await });
            let (number, since) = (self.next_number, Instant::now());
            self.next_number += 1;
            self.slots.start(number, since);
            self.aloft.insert(task.id(), Aloft { number, hand, owing, since, seat: Seat::Held });
            self.tasks.insert(number, (task.id(), task));
        }
    }

    fn landed(&mut self, joined: Result<(Id, Result<Receipt, Missed>), JoinError>) {
        let (id, sent) = match joined {
            Ok((id, sent)) => (id, sent),
            Err(why) => {
                let words = if why.is_cancelled() { "no answer while others waited" } else { "the sending broke down" };
                (why.id(), Err(SendError::Unknown { why: words.to_owned() }.into()))
            }
        };
        let Some(Aloft { number, hand, owing, since, seat }) = self.aloft.remove(&id) else { return };
        self.tasks.remove(&number);
        self.slots.end(seat, sent.is_ok().then(|| since.elapsed()));
        if let Err(why) = &sent {
            debug!(channel = %self.fanout.channel(), subscriber = owing.subscriber, "Subscriber {}: {why}", owing.subscriber);
        }
        let landed = self.desk.land(hand, owing, sent, self.clock.now(), fastrand::f64());
        self.keep(landed);
    }

    fn keep(&mut self, landed: impl IntoIterator<Item = Landed>) {
        self.ends.extend(landed);
        if !self.ends.is_empty() {
            self.ends_since.get_or_insert_with(Instant::now);
        }
    }

    /// Takes in what the store answered.
    fn done(&mut self, errand: Errand) {
        let now = self.clock.now();
        let failed = match errand {
            Errand::Taken(Ok((taken, next))) => {
                self.is_taking = false;
                let nap = now + LONGEST_NAP;
                let is_more = !taken.is_empty();
                let next = next.map_or(nap, |next| next.clamp(now + SHORTEST_NAP, nap));
                self.look_at = if is_more { now } else { next };
                let is_first = is_more && self.desk.works().is_empty();
                self.first_until = is_first.then(|| Instant::now() + LONGEST_FIRST);
                taken.into_iter().for_each(|one| self.desk.take(one));
                None
            }
            Errand::Taken(Err(why)) => {
                (self.is_taking, self.has_rung) = (false, true);
                Some(why)
            }
            Errand::Read(hand, Ok(share)) => {
                let deaf = self.desk.add(hand, share, now);
                self.keep(deaf);
                None
            }
            Errand::Read(hand, Err(why)) => {
                self.desk.read_again(hand);
                Some(why)
            }
            Errand::Stored(ends, stored) => self.stored(ends, stored),
            Errand::Ended(work, Ok(settlement)) => {
                self.tell(&work, settlement);
                None
            }
            // It is claimed again once its lease has ended.
            Errand::Ended(_, Err(why)) => Some(why),
            Errand::Noted(news, Ok(unsaid)) => {
                self.desk.health.noted(&news);
                self.have_said(unsaid);
                None
            }
            Errand::Noted(news, Err(why)) => {
                self.desk.health.not_noted(news);
                self.word = Word::Unknown;
                Some(why)
            }
            Errand::Said(disabled, is_told) => {
                // Where the brain has ended they are told after the next start.
                self.word = Word::Said;
                if is_told {
                    self.desk.health.said(disabled.into_iter().map(|one| one.subscriber).collect());
                }
                None
            }
        };
        if let Some(why) = failed {
            if self.rests_until.is_none_or(|until| until + LONGEST_NAP.to_std().unwrap_or(REST) < Instant::now()) {
                let channel = self.fanout.channel();
                error!(%channel, "What is owed to the subscribers of {channel} cannot be read or written, and is tried every second: {why}");
            }
            self.rests_until = Some(Instant::now() + REST);
        }
    }

    fn stored(&mut self, ends: Vec<Landed>, stored: Result<usize, StoreError>) -> Option<StoreError> {
        self.storing = 0;
        match stored {
            Ok(_) => {
                for one in &ends {
                    if let Some(work) = self.desk.work(one.hand) {
                        work.unstored = work.unstored.saturating_sub(1);
                    }
                }
                None
            }
            Err(why) => {
                self.ends.splice(0..0, ends);
                self.ends_since.get_or_insert_with(Instant::now);
                Some(why)
            }
        }
    }

    /// Has the people on duty hear of those who were disabled.
    fn have_said(&mut self, disabled: Vec<Disabled>) {
        self.asked_at = Instant::now();
        // Who subscribed at a hub is nobody's to mend.
        let is_hub = self.fanout.many.hub().is_some();
        let line = self.fanout.line.as_ref().filter(|_| !is_hub);
        let orders = line.map(Line::orders);
        // Where another node leads, that one asks for itself and tells it.
        if disabled.is_empty() || matches!(orders, Some(None)) {
            self.word = Word::Said;
            return;
        }
        let channel = self.fanout.channel();
        for Disabled { name, why, .. } in &disabled {
            if is_hub {
                info!(%channel, subscriber = name, "{name} of {channel} is not told any more until it subscribes anew: {why}");
                continue;
            }
            error!(%channel, subscriber = name, "{name} of {channel} was disabled: {why}; `nadhir subscriber resume` lets it in again");
        }
        self.word = Word::OnItsWay;
        let (orders, channel) = (orders.flatten(), channel.clone());
        self.errands.push(Box::pin(async move {
            let is_told = told(orders, channel, &disabled).await;
            Errand::Said(disabled, is_told)
        }));
    }

    fn tell(&self, work: &Work, settlement: Settlement) {
        let Claimed { channel, bulletin, attempt, .. } = &work.taken.claimed;
        match &settlement.outcome {
            Outcome::Delivered { receipt } => {
                info!(%channel, %bulletin, "Delivered {bulletin} to {channel}: {receipt}");
            }
            Outcome::Again { due, why } => {
                warn!(%channel, %bulletin, round = attempt, %due, "{bulletin} is not with all who subscribed to {channel}: {why}");
            }
            Outcome::Dead { why } => error!(%channel, %bulletin, "{bulletin} was given up for {channel}: {why}"),
            Outcome::Expired => warn!(%channel, %bulletin, "{bulletin} reached no subscriber of {channel} in time"),
        }
        self.fanout.sights.show(|| Sight::Settled {
            channel: channel.clone(),
            bulletin: bulletin.clone(),
            attempt: *attempt,
            outcome: settlement.outcome,
        });
    }

    /// When there is something to do that nobody else tells of.
    fn wake(&self) -> Instant {
        let (now, at) = (Instant::now(), self.clock.now());
        let real = |moment: Timestamp| now + self.clock.real(moment - at).max(Duration::from_millis(1));
        let batch = self.ends_since.filter(|_| self.storing == 0).map(|since| since + LONGEST_BATCH);
        let slot = self.slots.next().filter(|_| !self.slots.has_room() || self.slots.is_full());
        let due = self.desk.next_due(at).map(real);
        let looks = !self.is_taking && self.stops_at.is_none() && self.desk.works().len() < MAX_IN_HAND;
        let look = real(self.look_at);
        let look = looks.then(|| self.first_until.map_or(look, |until| until.max(look)));
        let nap = now + LONGEST_NAP.to_std().unwrap_or(REST);
        let wakes = [batch, slot, due, look, self.stops_at.map(|at| at.max(now + LONGEST_BATCH)), Some(nap)];
        let wake = wakes.into_iter().flatten().min().unwrap_or(nap).max(now + Duration::from_millis(1));
        self.rests_until.filter(|until| now < *until).map_or(wake, |until| wake.max(until))
    }
}
