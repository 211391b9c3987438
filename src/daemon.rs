//! The daemon: watchers ask feeds and listeners hear those that are pushed, one brain decides, couriers deliver. Every task has an owner that notices its end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::aside::Aside;
use crate::bulletin::Bulletin;
use crate::config::Config;
use crate::engine::staff;
use crate::feed::Source;
use crate::fetch::Fetcher;
use crate::ids::{BulletinId, ChannelId, FeedId};
use crate::message::Speaker;
use crate::outbox::Outcome;
use crate::record::Entry;
use crate::route::{self, Audience};
use crate::sink::{Sink, World};
use crate::store::Store;
use crate::time::{TimeDelta, Timestamp};

pub mod bells;
pub mod brain;
pub mod clock;
pub mod control;
pub mod courier;
pub mod duty;
pub mod ear;
pub mod fanout;
pub mod keeper;
pub mod lifecycle;
pub mod listener;
pub mod watcher;

use bells::Bells;
use brain::{Brain, BrainError, INBOX, Judgement, Mind, Order};
use clock::Clock;
use courier::Courier;
use ear::Attendant;
use fanout::Fanout;
use listener::Listener;
use watcher::Watcher;

/// How often the brain looks at the clock even when nothing arrives.
pub const TICK: TimeDelta = TimeDelta::seconds(30);

/// How long a stop waits for deliveries that are due.
pub const DRAIN: Duration = Duration::from_secs(10);

/// How long a task that broke down rests before it is started again.
const REST: Duration = Duration::from_secs(1);

/// Something that whoever watches the daemon may want to show; nothing depends on its being seen.
#[derive(Debug, Clone)]
pub enum Sight {
    /// A bulletin was committed.
    Said(Box<Bulletin>),
    /// A line was written into the journal.
    Wrote(Entry),
    /// A try to deliver ended.
    Settled {
        /// To whom.
        channel: ChannelId,
        /// Of what.
        bulletin: BulletinId,
        /// Which try.
        attempt: u32,
        /// How.
        outcome: Outcome,
    },
}

/// Where sights go, when anyone looks; a viewer that is too slow misses some.
#[derive(Debug, Clone, Default)]
pub struct Sights(Option<mpsc::Sender<Sight>>);

impl Sights {
    /// Shows them to someone.
    pub fn to(viewer: mpsc::Sender<Sight>) -> Self {
        Self(Some(viewer))
    }

    fn show(&self, sight: impl FnOnce() -> Sight) {
        if let Some(viewer) = &self.0 {
            let _ = viewer.try_send(sight());
        }
    }
}

/// What a daemon runs on.
pub struct Ground {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Clock,
    /// How often the brain looks at the clock when nothing arrives; [`TICK`] in service.
    pub tick: TimeDelta,
    /// The directory for relative paths of sinks.
    pub dir: PathBuf,
    /// Who watches.
    pub sights: Sights,
}

/// A running daemon.
pub struct Daemon {
    config: Config,
    ground: Ground,
    bells: Bells,
    orders: mpsc::Sender<Order>,
    brain: JoinHandle<Result<(), BrainError>>,
    brain_stop: CancellationToken,
    pulse: Arc<AtomicU64>,
    crew: Crew,
}

/// The watchers and couriers of one configuration.
struct Crew {
    stop_watching: CancellationToken,
    stop_delivering: CancellationToken,
    watchers: TaskTracker,
    couriers: BTreeMap<ChannelId, JoinHandle<()>>,
}

/// The open channels, with those who listen there.
type Sinks = BTreeMap<ChannelId, (Audience, Arc<dyn Sink>)>;

/// Couriers that were told to go and may still have something in their hands.
type Leaving = BTreeMap<ChannelId, JoinHandle<()>>;

impl Daemon {
    /// Opens the channels, takes the lead, and starts everyone.
    ///
    /// # Errors
    /// When a channel cannot be opened (all of them are named), or the store not led.
    pub async fn start(config: Config, ground: Ground) -> anyhow::Result<Self> {
        let fetchers = fetchers(&config, &ground.dir)?;
        let sinks = open_sinks(&config, &ground)?;
        let bells = Bells::default();
        let mind = Arc::new(mind_of(&config));
        let now = ground.clock.now();
        let mut brain = Brain::awake(Arc::clone(&ground.store), mind, bells.clone(), ground.sights.clone(), now)
            .await
            .context("the stored state could not be taken up")?;
        let live = brain.state().warnings().map(|(_, told)| &told.number).collect::<BTreeSet<_>>().len();
        let text = format!("nadhir {} starts with {live} warnings in force", env!("CARGO_PKG_VERSION"));
        let mut journal = vec![entry(now, "start", text)];
        journal.extend(strays(&config, &ground).await);
        brain.write(journal, now).await.context("the start could not be written into the journal")?;
        let (orders, inbox) = mpsc::channel(INBOX);
        let pulse = Arc::new(AtomicU64::new(0));
        let brain_stop = CancellationToken::new();
        let brain = tokio::spawn(brain.run(inbox, (ground.clock, ground.tick), Arc::clone(&pulse), brain_stop.clone()));
        let crew = Crew::start(&config, &ground, &bells, &orders, (sinks, Leaving::new()), &fetchers);
        Ok(Self { config, ground, bells, orders, brain, brain_stop, pulse, crew })
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Goes over to a new configuration, or keeps the old one when the new one cannot be opened. What changes is written into the
    /// journal.
    ///
    /// # Errors
    /// Why the old one is kept.
    pub async fn reload(&mut self, config: Config, changes: &[String]) -> anyhow::Result<()> {
        let fetchers = fetchers(&config, &self.ground.dir)?;
        let sinks = open_sinks(&config, &self.ground)?;
        self.crew.stop_watching().await;
        let mut journal = in_force(changes, self.ground.clock.now());
        journal.extend(strays(&config, &self.ground).await);
        let (done, adopted) = oneshot::channel();
        self.orders
            .send(Order::Rethink(Arc::new(mind_of(&config)), journal, done))
            .await
            .context("the brain has stopped")?;
        adopted.await.context("the brain has stopped")?;
        // A channel that hangs must hold up nobody but itself: each new courier waits for the old one of its own channel alone.
        let leaving = self.crew.leave();
        self.crew = Crew::start(&config, &self.ground, &self.bells, &self.orders, (sinks, leaving), &fetchers);
        self.config = config;
        self.bells.ring_all();
        Ok(())
    }

    /// Has the brain do what the people on duty want; what it answers is why not.
    ///
    /// # Errors
    /// When the brain has stopped.
    pub async fn obey(&self, order: staff::Order) -> anyhow::Result<Result<Vec<BulletinId>, String>> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(Order::Obey(order, answer)).await.context("the brain has stopped")?;
        answered.await.context("the brain has stopped")
    }

    /// Has the brain let out, hold or end what is kept back of a bulletin; tells at how many channels it was, or why not.
    ///
    /// # Errors
    /// When the brain has stopped.
    pub async fn judge(&self, judgement: Judgement) -> anyhow::Result<Result<u64, String>> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(Order::Judge(judgement, answer)).await.context("the brain has stopped")?;
        answered.await.context("the brain has stopped")
    }

    /// Grows as long as the brain turns; a watchdog looks at it.
    pub fn pulse(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.pulse)
    }

    /// Waits until the brain ends by itself, which it only does when it may not or cannot go on.
    pub async fn ended(&mut self) -> anyhow::Error {
        match (&mut self.brain).await {
            Ok(Ok(())) => anyhow::anyhow!("the brain stopped without being told to"),
            Ok(Err(why)) => anyhow::Error::new(why).context("the brain had to stop"),
            Err(why) => anyhow::Error::new(why).context("the brain broke down, which is a fault of this program"),
        }
    }

    /// Stops: no feed is asked any more, what was heard is decided, what is due is delivered as far as time allows.
    ///
    /// # Errors
    /// When the brain ended badly; what it had committed is kept.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        // A watcher waits for what it brought to be committed; a store that fails must not make the end wait for ever.
        if tokio::time::timeout(DRAIN, self.crew.stop_watching()).await.is_err() {
            warn!("What was heard last could not be stored in time; it is asked for again after the next start");
        }
        self.brain_stop.cancel();
        drop(self.orders);
        let ended = self.brain.await.context("the brain broke down")?;
        self.crew.stop_delivering().await;
        ended.context("the brain ended badly")
    }
}

impl Crew {
    fn start(
        config: &Config,
        ground: &Ground,
        bells: &Bells,
        orders: &mpsc::Sender<Order>,
        (sinks, mut leaving): (Sinks, Leaving),
        fetchers: &Fetchers,
    ) -> Self {
        let mut crew = Self {
            stop_watching: CancellationToken::new(),
            stop_delivering: CancellationToken::new(),
            watchers: TaskTracker::new(),
            couriers: BTreeMap::new(),
        };
        let clock = ground.clock;
        let aside = Arc::new(Aside::new(&ground.dir));
        for feed in &config.feeds {
            let Some(fetcher) = fetchers.get(&feed.id) else { continue };
            let fetcher = Arc::clone(fetcher);
            let (orders, stop) = (orders.clone(), crew.stop_watching.clone());
            if let Source::Broker(subscription) = feed.feed.source(clock.now()) {
                let listener = Arc::new(Listener::new(
                    feed.clone(),
                    subscription,
                    fetcher,
                    Arc::clone(&aside),
                    ground.dir.clone(),
                ));
                let name = format!("listener of {}", feed.id);
                crew.watchers.spawn(keep_alive(name, crew.stop_watching.clone(), move || {
                    let (listener, orders, stop) = (Arc::clone(&listener), orders.clone(), stop.clone());
                    async move { listener.run(orders, clock, stop).await }
                }));
                continue;
            }
            let watcher = Arc::new(Watcher::new(feed.clone(), fetcher, Arc::clone(&aside), ground.dir.clone()));
            let name = format!("watcher of {}", feed.id);
            crew.watchers.spawn(keep_alive(name, crew.stop_watching.clone(), move || {
                let (watcher, orders, stop) = (Arc::clone(&watcher), orders.clone(), stop.clone());
                async move { watcher.run(orders, clock, stop).await }
            }));
        }
        for (channel, (audience, sink)) in sinks {
            let (store, sights) = (Arc::clone(&ground.store), ground.sights.clone());
            let listener = config.channels.iter().map(|one| &one.listener).find(|one| one.channel == channel);
            let before = leaving.remove(&channel);
            let rounds = (bells.of(&channel), crew.stop_delivering.clone(), before);
            if let Some((many, listener)) = sink.many().zip(listener) {
                let fanout = Fanout::new(listener.clone(), many, store, sights).reporting(orders.clone());
                let fanout = Arc::new(fanout);
                crew.couriers.insert(channel, fan_out(fanout, clock, rounds));
                continue;
            }
            let pace = listener.and_then(|listener| listener.manner.pace);
            let gathers = listener.filter(|listener| listener.manner.digest.is_some()).map(|listener| listener.form);
            let asks = listener.filter(|_| sink.ear().is_some()).and_then(|listener| {
                crew.listen(listener, &sink, &config.speaker, orders);
                let buttons = config.speaker.buttons(&listener.languages);
                buttons.map_err(|why| warn!(%channel, "{channel} shows no buttons: {why}")).ok()
            });
            let courier = Courier::new(channel.clone(), audience, sink, store, sights)
                .at(pace)
                .asking(asks)
                .gathering(gathers)
                .by(clock);
            let own = channel.clone();
            crew.couriers.insert(channel, carry(own, Arc::new(courier), clock, rounds));
        }
        // Channels that are gone keep their courier until its hands are empty.
        crew.couriers.extend(leaving);
        let (store, known, stop) = (Arc::clone(&ground.store), config.channel_ids(), crew.stop_watching.clone());
        crew.watchers.spawn(courier::see_out(store, known, clock, stop.clone()));
        let (store, keep) = (Arc::clone(&ground.store), config.settings.keep);
        crew.watchers.spawn(keep_alive("keeper of the store".to_owned(), stop.clone(), move || {
            keeper::run(Arc::clone(&store), keep, clock, stop.clone())
        }));
        crew.watchers.close();
        crew
    }

    /// Has the people of a channel heard.
    fn listen(
        &self,
        listener: &route::Listener,
        sink: &Arc<dyn Sink>,
        speaker: &Speaker,
        orders: &mpsc::Sender<Order>,
    ) {
        let attendant = Arc::new(Attendant {
            channel: listener.channel.clone(),
            sink: Arc::clone(sink),
            speaker: speaker.clone(),
            languages: listener.languages.clone(),
        });
        let (orders, stop) = (orders.clone(), self.stop_watching.clone());
        self.watchers.spawn(keep_alive(format!("ear of {}", listener.channel), stop.clone(), move || {
            let (attendant, orders, stop) = (Arc::clone(&attendant), orders.clone(), stop.clone());
            async move { attendant.run(orders, stop).await }
        }));
    }

    async fn stop_watching(&self) {
        self.stop_watching.cancel();
        self.watchers.wait().await;
    }

    /// Tells the couriers to go, and hands over those who are still on their way.
    fn leave(&mut self) -> Leaving {
        self.stop_delivering.cancel();
        std::mem::take(&mut self.couriers)
    }

    async fn stop_delivering(&mut self) {
        for (channel, courier) in self.leave() {
            ended(&channel, courier).await;
        }
    }
}

/// What a courier waits for: its bell, the sign to stop, and the end of the one before it.
type Rounds = (Arc<Notify>, CancellationToken, Option<JoinHandle<()>>);

/// Has a courier carry, once the one before it has ended.
fn carry(channel: ChannelId, courier: Arc<Courier>, clock: Clock, (bell, stop, before): Rounds) -> JoinHandle<()> {
    let work = keep_alive(format!("courier of {channel}"), stop.clone(), move || {
        let (courier, bell, stop) = (Arc::clone(&courier), Arc::clone(&bell), stop.clone());
        async move {
            courier.run(clock, bell, stop).await;
            courier.drain(clock, DRAIN).await;
        }
    });
    after(channel, before, work)
}

/// The same of a courier of many.
fn fan_out(fanout: Arc<Fanout>, clock: Clock, (bell, stop, before): Rounds) -> JoinHandle<()> {
    let channel = fanout.channel().clone();
    let work = keep_alive(format!("courier of the subscribers of {channel}"), stop.clone(), move || {
        let (fanout, bell, stop) = (Arc::clone(&fanout), Arc::clone(&bell), stop.clone());
        async move { fanout.run(clock, bell, stop).await }
    });
    after(channel, before, work)
}

fn after(
    channel: ChannelId,
    before: Option<JoinHandle<()>>,
    work: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Some(before) = before {
            ended(&channel, before).await;
        }
        work.await;
    })
}

/// Waits for the end of a courier.
async fn ended(channel: &ChannelId, courier: JoinHandle<()>) {
    if let Err(why) = courier.await {
        error!(%channel, "The courier of {channel} broke down at its end: {why}");
    }
}

/// Runs a task, and starts it again when it breaks down.
async fn keep_alive<F>(name: String, stop: CancellationToken, start: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        match tokio::spawn(start()).await {
            Ok(()) => return,
            Err(why) if stop.is_cancelled() => {
                error!("The {name} broke down while stopping: {why}");
                return;
            }
            Err(why) => {
                error!("The {name} broke down, which is a fault of this program, and is started again: {why}");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// What asks for each feed: feeds that are connected to alike share their connections, and all share their manners.
type Fetchers = BTreeMap<FeedId, Arc<Fetcher>>;

/// Makes what asks for every feed, which reads their certificates, or tells of all feeds that cannot be connected to.
fn fetchers(config: &Config, dir: &Path) -> anyhow::Result<Fetchers> {
    let usual = Fetcher::new(&config.settings.contact)
        .map_err(anyhow::Error::msg)
        .context("the HTTP client for feeds could not be made")?
        .with_secrets_in(dir.to_owned());
    if let Some(why) = usual.trusts_nobody() {
        error!("Feeds over https cannot be asked: {why}");
    }
    let mut fetchers = Fetchers::new();
    let mut faults = Vec::new();
    for feed in &config.feeds {
        match usual.through(&feed.connection) {
            Ok(fetcher) => {
                fetchers.insert(feed.id.clone(), Arc::new(fetcher));
            }
            Err(why) => faults.push(format!("{}: {why}", feed.id)),
        }
    }
    match faults.is_empty() {
        true => Ok(fetchers),
        false => Err(anyhow::anyhow!("feeds cannot be connected to as configured: {}", faults.join("; "))),
    }
}

/// Opens every channel, or tells of all that could not be opened.
fn open_sinks(config: &Config, ground: &Ground) -> anyhow::Result<Sinks> {
    let world = World::new(ground.dir.clone()).map_err(anyhow::Error::msg)?;
    let mut sinks = Sinks::new();
    let mut faults = Vec::new();
    for channel in &config.channels {
        let id = channel.listener.channel.clone();
        match channel.opener.open(&world) {
            Ok(sink) => {
                sinks.insert(id, (channel.listener.audience, sink));
            }
            Err(why) => faults.push(format!("{id}: {why}")),
        }
    }
    match faults.is_empty() {
        true => {
            info!("Opened {}", counted(sinks.len()));
            Ok(sinks)
        }
        false => Err(anyhow::anyhow!("{} could not be opened: {}", counted(faults.len()), faults.join("; "))),
    }
}

fn counted(channels: usize) -> String {
    if channels == 1 { "1 channel".to_owned() } else { format!("{channels} channels") }
}

/// The most changes of one reload that are written into the journal.
const MAX_CHANGES: usize = 500;

/// The journal's lines of a reload.
fn in_force(changes: &[String], now: Timestamp) -> Vec<Entry> {
    let what = match changes.len() {
        0 => "nothing is otherwise".to_owned(),
        1 => "1 change".to_owned(),
        count if count <= MAX_CHANGES => format!("{count} changes"),
        count => format!("{count} changes, of which the first {MAX_CHANGES} follow"),
    };
    let first = entry(now, "reload", format!("a new configuration is in force: {what}"));
    let line = |change: &String| entry(now, "change", change.clone());
    std::iter::once(first).chain(changes.iter().take(MAX_CHANGES).map(line)).collect()
}

fn mind_of(config: &Config) -> Mind {
    Mind {
        book: Arc::clone(&config.rules),
        listeners: config.channels.iter().map(|channel| channel.listener.clone()).collect(),
        speaker: config.speaker.clone(),
    }
}

/// Tells the people on duty of what is owed to channels that the configuration does not have (any more): nobody will send it.
async fn strays(config: &Config, ground: &Ground) -> Vec<Entry> {
    let owed = courier::owed_to_nobody(&*ground.store, &config.channel_ids()).await.unwrap_or_else(|why| {
        warn!("Whether anything is owed to channels that are gone could not be found out: {why}");
        BTreeMap::new()
    });
    let told = owed.into_iter().map(|(channel, count)| {
        let what = if count == 1 { "1 message is".to_owned() } else { format!("{count} messages are") };
        let text = format!(
            "{what} still owed to {channel}, which is not configured: nothing of it is sent while that is so, and it expires"
        );
        warn!(%channel, "{text}; put {channel} back into channels.toml to have it sent");
        Entry { at: ground.clock.now(), kind: "owed".to_owned(), subject: channel.to_string(), text }
    });
    told.collect()
}

fn entry(at: Timestamp, kind: &str, text: String) -> Entry {
    Entry { at, kind: kind.to_owned(), subject: "nadhir".to_owned(), text }
}

#[cfg(test)]
mod tests;
