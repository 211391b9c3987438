//! The daemon: watchers ask feeds, one brain decides, couriers deliver. Every task has an owner that notices its end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info};

use crate::bulletin::Bulletin;
use crate::config::Config;
use crate::fetch::Fetcher;
use crate::ids::{BulletinId, ChannelId};
use crate::outbox::Outcome;
use crate::record::Entry;
use crate::sink::{Sink, World};
use crate::store::Store;
use crate::time::{TimeDelta, Timestamp};

pub mod bells;
pub mod brain;
pub mod clock;
pub mod courier;
pub mod lifecycle;
pub mod watcher;

use bells::Bells;
use brain::{Brain, BrainError, INBOX, Mind, Order};
use clock::Clock;
use courier::Courier;
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
    couriers: TaskTracker,
}

impl Daemon {
    /// Opens the channels, takes the lead, and starts everyone.
    ///
    /// # Errors
    /// When a channel cannot be opened (all of them are named), or the store not led.
    pub async fn start(config: &Config, ground: Ground) -> anyhow::Result<Self> {
        let fetcher = fetcher(config)?;
        let sinks = open_sinks(config, &ground)?;
        let bells = Bells::default();
        let mind = Arc::new(mind_of(config));
        let now = ground.clock.now();
        let mut brain = Brain::awake(Arc::clone(&ground.store), mind, bells.clone(), ground.sights.clone(), now)
            .await
            .context("the stored state could not be taken up")?;
        let live = brain.state().warnings().count();
        let text = format!("nadhir {} starts with {live} warnings in force", env!("CARGO_PKG_VERSION"));
        brain
            .write(vec![entry(now, "start", text)], now)
            .await
            .context("the start could not be written into the journal")?;
        let (orders, inbox) = mpsc::channel(INBOX);
        let pulse = Arc::new(AtomicU64::new(0));
        let brain_stop = CancellationToken::new();
        let brain = tokio::spawn(brain.run(inbox, (ground.clock, ground.tick), Arc::clone(&pulse), brain_stop.clone()));
        let crew = Crew::start(config, &ground, &bells, &orders, sinks, &fetcher);
        Ok(Self { ground, bells, orders, brain, brain_stop, pulse, crew })
    }

    /// Goes over to a new configuration, or keeps the old one when the new one cannot be opened.
    ///
    /// # Errors
    /// Why the old one is kept.
    pub async fn reload(&mut self, config: &Config) -> anyhow::Result<()> {
        let fetcher = fetcher(config)?;
        let sinks = open_sinks(config, &self.ground)?;
        self.crew.stop_watching().await;
        let journal = vec![entry(self.ground.clock.now(), "reload", "a new configuration is in force".to_owned())];
        let (done, adopted) = oneshot::channel();
        self.orders
            .send(Order::Rethink(Arc::new(mind_of(config)), journal, done))
            .await
            .context("the brain has stopped")?;
        adopted.await.context("the brain has stopped")?;
        self.crew.stop_delivering().await;
        self.crew = Crew::start(config, &self.ground, &self.bells, &self.orders, sinks, &fetcher);
        self.bells.ring_all();
        Ok(())
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
    pub async fn stop(self) -> anyhow::Result<()> {
        self.crew.stop_watching().await;
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
        sinks: BTreeMap<ChannelId, Arc<dyn Sink>>,
        fetcher: &Arc<Fetcher>,
    ) -> Self {
        let crew = Self {
            stop_watching: CancellationToken::new(),
            stop_delivering: CancellationToken::new(),
            watchers: TaskTracker::new(),
            couriers: TaskTracker::new(),
        };
        let clock = ground.clock;
        for feed in &config.feeds {
            let watcher = Arc::new(Watcher::new(feed.clone(), Arc::clone(fetcher)));
            let (orders, stop) = (orders.clone(), crew.stop_watching.clone());
            let name = format!("watcher of {}", feed.id);
            crew.watchers.spawn(keep_alive(name, crew.stop_watching.clone(), move || {
                let (watcher, orders, stop) = (Arc::clone(&watcher), orders.clone(), stop.clone());
                async move { watcher.run(orders, clock, stop).await }
            }));
        }
        for (channel, sink) in sinks {
            let courier = Courier::new(channel.clone(), sink, Arc::clone(&ground.store), ground.sights.clone());
            let courier = Arc::new(courier);
            let (bell, stop) = (bells.of(&channel), crew.stop_delivering.clone());
            let name = format!("courier of {channel}");
            crew.couriers.spawn(keep_alive(name, crew.stop_delivering.clone(), move || {
                let (courier, bell, stop) = (Arc::clone(&courier), Arc::clone(&bell), stop.clone());
                async move {
                    courier.run(clock, bell, stop).await;
                    courier.drain(clock, DRAIN).await;
                }
            }));
        }
        crew.watchers.close();
        crew.couriers.close();
        crew
    }

    async fn stop_watching(&self) {
        self.stop_watching.cancel();
        self.watchers.wait().await;
    }

    async fn stop_delivering(&self) {
        self.stop_delivering.cancel();
        self.couriers.wait().await;
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

fn fetcher(config: &Config) -> anyhow::Result<Arc<Fetcher>> {
    let fetcher = Fetcher::new(&config.settings.contact).map_err(anyhow::Error::msg);
    Ok(Arc::new(fetcher.context("the HTTP client for feeds could not be made")?))
}

/// Opens every channel, or tells of all that could not be opened.
fn open_sinks(config: &Config, ground: &Ground) -> anyhow::Result<BTreeMap<ChannelId, Arc<dyn Sink>>> {
    let world = World::new(ground.dir.clone()).map_err(anyhow::Error::msg)?;
    let mut sinks = BTreeMap::new();
    let mut faults = Vec::new();
    for channel in &config.channels {
        let id = channel.listener.channel.clone();
        match channel.opener.open(&world) {
            Ok(sink) => {
                sinks.insert(id, sink);
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

fn mind_of(config: &Config) -> Mind {
    Mind {
        book: Arc::clone(&config.rules),
        listeners: config.channels.iter().map(|channel| channel.listener.clone()).collect(),
        speaker: config.speaker.clone(),
    }
}

fn entry(at: Timestamp, kind: &str, text: String) -> Entry {
    Entry { at, kind: kind.to_owned(), subject: "nadhir".to_owned(), text }
}
