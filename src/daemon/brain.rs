//! The brain: one task that owns the state. It decides by [`engine::step`], commits, and only then adopts and rings the couriers.
//!
//! Whoever brings it an event is answered after the commit, so that nothing is taken for done that could still be lost.

mod lines;
mod speech;
mod verdict;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

pub use self::verdict::Judgement;

use self::lines::{announced, given_over, noticed, said};
use super::bells::Bells;
use super::clock::Clock;
use super::{Sight, Sights};
use crate::bulletin::{Bulletin, Change};
use crate::dispatch::Dispatch;
use crate::dispatch::reminders::Reminded;
use crate::engine::{self, Event, Outcome, State, StateError, desk, staff};
use crate::ids::{BulletinId, FeedId};
use crate::message::Speaker;
use crate::record::Entry;
use crate::route::Listener;
use crate::rule::RuleBook;
use crate::store::{Commit, Lease, Store, StoreError};
use crate::time::{TimeDelta, Timestamp, span_text};

/// How many events may wait for the brain; whoever brings more waits with it.
pub const INBOX: usize = 64;

/// The first wait before the store is tried again, on the machine's clock.
const FIRST_WAIT: std::time::Duration = std::time::Duration::from_millis(200);

/// The longest wait between two tries to commit, on the machine's clock.
const LONGEST_WAIT: std::time::Duration = std::time::Duration::from_secs(30);

/// What the brain thinks with; replaced whole on a reload.
#[derive(Debug, Clone)]
pub struct Mind {
    /// The rules.
    pub book: Arc<RuleBook>,
    /// Who hears what.
    pub listeners: Vec<Listener>,
    /// In which words.
    pub speaker: Speaker,
}

/// Why the brain stopped.
#[derive(Debug, thiserror::Error)]
pub enum BrainError {
    /// The store did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored cannot be understood.
    #[error(transparent)]
    State(#[from] StateError),
    /// A text could not be rendered or a row not written; a fault of this program or of the wording.
    #[error("{0}")]
    Unsayable(String),
}

impl BrainError {
    /// True when trying again can help.
    fn may_pass(&self) -> bool {
        match self {
            Self::Store(StoreError::Moved { .. } | StoreError::Failed { .. }) => true,
            Self::Store(StoreError::Fenced { .. } | StoreError::Refused { .. } | StoreError::Unusable { .. })
            | Self::State(_)
            | Self::Unsayable(_) => false,
        }
    }
}

/// An order to the brain.
#[derive(Debug)]
pub enum Order {
    /// Something happened; answered when all that follows from it is committed.
    Happened(Box<Event>, oneshot::Sender<()>),
    /// Think with this from now on, and write this into the journal.
    Rethink(Arc<Mind>, Vec<Entry>, oneshot::Sender<()>),
    /// Do what the people on duty want, and name what is said for it, or say why not.
    Obey(staff::Order, oneshot::Sender<Result<Vec<BulletinId>, String>>),
    /// Let out, hold or end what is kept back of a bulletin; tells at how many channels, or why not.
    Judge(Judgement, oneshot::Sender<Result<u64, String>>),
    /// Tell what is remembered of a feed.
    Recall(FeedId, oneshot::Sender<Option<engine::FeedState>>),
}

/// The brain.
pub struct Brain {
    store: Arc<dyn Store>,
    lease: Lease,
    state: State,
    mind: Arc<Mind>,
    bells: Bells,
    sights: Sights,
    /// The statements of the last commit.
    stated: Vec<BulletinId>,
    /// Who was reminded of what how often; what is forgotten at a restart the store remembers.
    reminded: Reminded,
}

impl Brain {
    /// Takes the lead of the store and reads the state.
    ///
    /// # Errors
    /// When the store cannot be led or its state not understood.
    pub async fn awake(
        store: Arc<dyn Store>,
        mind: Arc<Mind>,
        bells: Bells,
        sights: Sights,
        now: Timestamp,
    ) -> Result<Self, BrainError> {
        let lease = store.lead(now).await?;
        let state = State::restore(&store.load().await?)?;
        let mut brain = Self {
            store,
            lease,
            state,
            mind: Arc::clone(&mind),
            bells,
            sights,
            stated: Vec::new(),
            reminded: Reminded::new(),
        };
        let journal = brain.readdress(&mind, now).await?;
        if !journal.is_empty() {
            brain.write(journal, now).await?;
        }
        Ok(brain)
    }

    /// Tells the store who listens where, before the first word to them is decided on; gives the journal's lines of the channels at
    /// which others listened before.
    async fn readdress(&self, mind: &Mind, now: Timestamp) -> Result<Vec<Entry>, BrainError> {
        let listeners = mind.listeners.iter().map(|listener| (listener.channel.clone(), listener.audience)).collect();
        let readdressed = self.store.readdress(self.lease, listeners, now).await?;
        Ok(readdressed.iter().map(|one| given_over(one, now)).collect())
    }

    /// The state as committed.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Decides on one event and commits what follows from it.
    ///
    /// # Errors
    /// When it was not, or not surely, committed; the state has then been read again or has to be, see [`Brain::recover`].
    pub async fn turn(&mut self, event: &Event, now: Timestamp) -> Result<Vec<Bulletin>, BrainError> {
        let outcome = engine::step(&self.mind.book, &self.state, event, now);
        if outcome.is_empty() {
            return Ok(Vec::new());
        }
        self.commit(outcome, now).await
    }

    /// Writes lines into the journal.
    ///
    /// # Errors
    /// As [`Brain::turn`].
    pub async fn write(&mut self, journal: Vec<Entry>, now: Timestamp) -> Result<(), BrainError> {
        let outcome = Outcome { journal, ..Outcome::default() };
        self.commit(outcome, now).await.map(drop)
    }

    async fn commit(&mut self, outcome: Outcome, now: Timestamp) -> Result<Vec<Bulletin>, BrainError> {
        let Outcome { changes, mut journal, bulletins, notices, statements } = outcome;
        let mut dispatch = self.dispatch(&bulletins, now)?;
        journal.extend(bulletins.iter().map(|bulletin| said(bulletin, &dispatch, now)));
        let for_staff = self.dispatch_notices(&notices, now);
        journal.extend(notices.iter().map(|notice| noticed(notice, &for_staff, now)));
        let stated = self.dispatch_statements(&statements, now);
        journal.extend(statements.iter().map(|statement| announced(statement, &stated, now)));
        for more in [for_staff, stated] {
            dispatch.messages.extend(more.messages);
            dispatch.deliveries.extend(more.deliveries);
        }
        let facts =
            changes.facts().map_err(|why| BrainError::Unsayable(format!("the state cannot be written: {why}")))?;
        let Dispatch { messages, deliveries, .. } = dispatch;
        let channels: Vec<_> = deliveries.iter().map(|delivery| delivery.channel.clone()).collect();
        let commit = Commit {
            version: self.state.version,
            facts,
            journal: journal.clone(),
            bulletins: bulletins.clone(),
            messages,
            deliveries,
        };
        self.store.commit(self.lease, commit).await?;
        self.stated = statements.into_iter().map(|statement| statement.id).collect();
        self.state.adopt(changes);
        for channel in channels {
            self.bells.ring(&channel);
        }
        self.show(&journal, &bulletins);
        Ok(bulletins)
    }

    fn show(&self, journal: &[Entry], bulletins: &[Bulletin]) {
        for entry in journal {
            match entry.kind.as_str() {
                "trouble" | "silence" | "audience" | "held" | "unplaced" | "notice" => {
                    warn!(kind = entry.kind, subject = entry.subject, "{}", entry.text);
                }
                _ => info!(kind = entry.kind, subject = entry.subject, "{}", entry.text),
            }
            self.sights.show(|| Sight::Wrote(entry.clone()));
        }
        for bulletin in bulletins {
            self.sights.show(|| Sight::Said(Box::new(bulletin.clone())));
        }
    }

    /// Reads the state again after a commit that failed: it may have landed.
    ///
    /// # Errors
    /// When the store still fails.
    pub async fn recover(&mut self) -> Result<(), BrainError> {
        self.state = State::restore(&self.store.load().await?)?;
        // What landed may be owed to anyone.
        self.bells.ring_all();
        Ok(())
    }

    /// Takes orders until it is told to stop and no order is left, or until it may not decide any more.
    ///
    /// # Errors
    /// When another leader has taken over, or when going on could not help.
    pub async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Order>,
        (clock, tick): (Clock, TimeDelta),
        pulse: Arc<AtomicU64>,
        stop: CancellationToken,
    ) -> Result<(), BrainError> {
        // The time of the next look is kept over orders: many of them must not put it off, since silence is only seen by looking.
        let mut look = tokio::time::Instant::now() + clock.real(tick);
        loop {
            pulse.fetch_add(1, Ordering::Relaxed);
            let order = tokio::select! {
                biased;
                () = tokio::time::sleep_until(look), if !stop.is_cancelled() => {
                    self.insist(&Event::Tick, &clock, &pulse, &stop).await?;
                    self.remind(clock.now()).await?;
                    look = tokio::time::Instant::now() + clock.real(tick);
                    continue;
                }
                order = inbox.recv() => match order {
                    Some(order) => order,
                    None => return Ok(()),
                },
                () = stop.cancelled(), if inbox.is_empty() => return Ok(()),
            };
            match order {
                Order::Happened(event, done) => {
                    self.insist(&event, &clock, &pulse, &stop).await?;
                    let _ = done.send(());
                }
                Order::Rethink(mind, journal, done) => {
                    let told = self.adopt(mind, &clock, &pulse, &stop).await?;
                    let journal = journal.into_iter().chain(told).collect();
                    if let Err(why) = self.write(journal, clock.now()).await {
                        warn!("The reload is in force, but could not be written into the journal: {why}");
                        self.recover().await?;
                    }
                    let _ = done.send(());
                }
                Order::Obey(order, answer) => {
                    let done = match self.understand(order, clock.now()).await {
                        Ok(event) => Ok(self.insist(&event, &clock, &pulse, &stop).await?),
                        Err(why) => Err(why),
                    };
                    let stated = self.stated.clone();
                    let names = |said: Vec<Bulletin>| said.into_iter().map(|one| one.id).chain(stated).collect();
                    let _ = answer.send(done.map(names));
                }
                Order::Judge(judgement, answer) => {
                    let done = self.judge(judgement, (&clock, &pulse, &stop)).await?;
                    let _ = answer.send(done);
                }
                Order::Recall(feed, answer) => {
                    let known = self.state.feed(&feed).cloned();
                    let _ = answer.send(known.map(|known| known.under(self.mind.book.gazetteer)));
                }
            }
        }
    }

    /// What an order means: an event, or why it cannot be obeyed. What is taken back is looked up among all that was ever said.
    async fn understand(&self, order: staff::Order, now: Timestamp) -> Result<Event, String> {
        if let Some(why) = staff::refusal(&self.mind.book, &self.state, &order, now) {
            return Err(why);
        }
        let staff::Order::Correct(correct) = order else { return Ok(Event::Ordered(order)) };
        let number = &correct.number;
        let said = self.store.bulletins(Some(number.clone())).await;
        let said = said.map_err(|why| format!("what was said under {number} cannot be read: {why}"))?;
        let Some(last) = said.into_iter().last() else {
            return Err(format!("nothing was said under {number}; `nadhir journal` shows what was"));
        };
        if last.change == Change::Corrected {
            return Err(format!("{number} has been taken back already, by {}", last.id));
        }
        if desk::OLDEST < now - last.issued {
            let oldest = span_text(desk::OLDEST);
            return Err(format!("the last word of {number} is older than {oldest}: nobody goes by it any more"));
        }
        Ok(Event::TakenBack { correct, said: Box::new(last), was: None })
    }

    /// Goes over to a new mind once the store knows whom it speaks to, however long that takes: until then nothing is decided, so
    /// that nothing is owed to the wrong people. Gives lines for the journal.
    async fn adopt(
        &mut self,
        mind: Arc<Mind>,
        clock: &Clock,
        pulse: &AtomicU64,
        stop: &CancellationToken,
    ) -> Result<Vec<Entry>, BrainError> {
        let mut wait = FIRST_WAIT;
        loop {
            pulse.fetch_add(1, Ordering::Relaxed);
            match self.readdress(&mind, clock.now()).await {
                Ok(told) => {
                    self.mind = mind;
                    return Ok(told);
                }
                Err(why) if why.may_pass() && !stop.is_cancelled() => {
                    error!("The new configuration waits for the store and is tried again in {wait:?}: {why}");
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = stop.cancelled() => {}
                    }
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                Err(why) => return Err(why),
            }
        }
    }

    /// Turns on one event until it is committed; a store that fails is tried again, with waits, for as long as it takes.
    async fn insist(
        &mut self,
        event: &Event,
        clock: &Clock,
        pulse: &AtomicU64,
        stop: &CancellationToken,
    ) -> Result<Vec<Bulletin>, BrainError> {
        let mut wait = FIRST_WAIT;
        let mut is_stale = false;
        loop {
            // A brain that waits for its store is alive: a restart would not mend the disk.
            pulse.fetch_add(1, Ordering::Relaxed);
            let tried = match is_stale {
                true => match self.recover().await {
                    Ok(()) => self.turn(event, clock.now()).await,
                    Err(why) => Err(why),
                },
                false => self.turn(event, clock.now()).await,
            };
            match tried {
                Ok(said) => return Ok(said),
                Err(why) if why.may_pass() && !stop.is_cancelled() => {
                    error!("A decision could not be stored and is tried again in {wait:?}: {why}");
                    is_stale = true;
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        // One last try, and then the stop; whoever asked is not answered and asks again after the start.
                        () = stop.cancelled() => {}
                    }
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                Err(why) => return Err(why),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::store::sqlite::SqliteStore;

    #[tokio::test(start_paused = true)]
    async fn many_orders_do_not_keep_the_brain_from_looking_at_the_clock() {
        let (config, _) = crate::config::from_files(BTreeMap::new()).unwrap();
        let feed = config.feeds.first().unwrap().id.clone();
        let mind = Mind { book: Arc::clone(&config.rules), listeners: Vec::new(), speaker: config.speaker.clone() };
        let store = Arc::new(SqliteStore::in_memory().unwrap());
        let clock = Clock::System;
        let brain =
            Brain::awake(store, Arc::new(mind), Bells::default(), Sights::default(), clock.now()).await.unwrap();
        let (orders, inbox) = mpsc::channel(INBOX);
        let (pulse, stop) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
        let running = tokio::spawn(brain.run(inbox, (clock, super::super::TICK), pulse, stop.clone()));
        let mut known = None;
        for _ in 0..20 {
            // Paused time: it passes at once.
            tokio::time::advance(std::time::Duration::from_secs(10)).await;
            let (answer, recalled) = oneshot::channel();
            orders.send(Order::Recall(feed.clone(), answer)).await.unwrap();
            known = recalled.await.unwrap();
        }
        assert!(known.is_some(), "a look at the clock begins the patience with every feed");
        stop.cancel();
        running.await.unwrap().unwrap();
    }
}
