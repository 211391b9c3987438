//! The daemon: watchers ask feeds and listeners hear those that are pushed, one brain decides, couriers deliver. Every task has an owner that notices its end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::bulletin::Bulletin;
use crate::config::Config;
use crate::engine::staff;
use crate::fetch::Fetcher;
use crate::ids::{BulletinId, ChannelId, FeedId};
use crate::outbox::Outcome;
use crate::record::Entry;
use crate::sink::World;
use crate::store::cluster::Cluster;
use crate::store::{Store, StoreError};
use crate::time::{TimeDelta, Timestamp};

pub mod bells;
pub mod brain;
pub mod clock;
pub mod control;
pub mod courier;
mod crew;
mod front;
pub mod duty;
pub mod ear;
pub mod fanout;
pub mod keeper;
pub mod leader;
pub mod line;
pub mod lifecycle;
pub mod listener;
pub mod watcher;

use bells::Bells;
use brain::{Brain, BrainError, INBOX, Judgement, Mind, Order};
use clock::Clock;
use crew::{Couriers, Sinks, Watch};
use front::Front;
use leader::{Role, Seat};
use line::Line;

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
    /// The others on the same store, where it is one of several nodes; none where it is kept by this one alone.
    pub cluster: Option<Arc<dyn Cluster>>,
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
    pulse: Arc<AtomicU64>,
    sinks: Sinks,
    fetchers: Fetchers,
    couriers: Couriers,
    front: Front,
    line: Line,
    /// None where this node does not lead.
    lead: Option<Lead>,
    seat: Option<Seat>,
    /// What it was when it was last looked at.
    seen: Role,
}

/// The brain, and those who bring it news.
struct Lead {
    orders: mpsc::Sender<Order>,
    brain: JoinHandle<Result<(), BrainError>>,
    stop: CancellationToken,
    watch: Watch,
}

/// What happened to a daemon.
#[derive(Debug)]
pub enum Turn {
    /// It has become another one among several nodes, or may not decide any more; see [`Daemon::follow`].
    Role,
    /// It has to end, for this reason.
    Ended(anyhow::Error),
}

impl Daemon {
    /// Opens the channels, takes the lead unless another node has it, and starts everyone.
    ///
    /// # Errors
    /// When a channel cannot be opened (all of them are named), or the store not led.
    pub async fn start(config: Config, ground: Ground) -> anyhow::Result<Self> {
        let fetchers = fetchers(&config, &ground.dir)?;
        let sinks = open_sinks(&config, &ground)?;
        let (bells, pulse) = (Bells::default(), Arc::new(AtomicU64::new(0)));
        let seat = match &ground.cluster {
            Some(cluster) => {
                let (cluster, bells, pulse) = (Arc::clone(cluster), bells.clone(), Arc::clone(&pulse));
                let seat = Seat::start(cluster, name_of_node(), ground.clock, bells, pulse).await;
                Some(seat.context("this node could not join the others")?)
            }
            None => None,
        };
        let (couriers, front, line) = (Couriers::default(), Front::default(), Line::default());
        let seen = Role::Leads;
        let mut daemon =
            Self { config, ground, bells, pulse, sinks, fetchers, couriers, front, line, lead: None, seat, seen };
        daemon.seen = daemon.role();
        if daemon.seen == Role::Leads {
            daemon.take_lead().await?;
        }
        daemon.start_couriers();
        daemon.front.show(&daemon.config, &daemon.ground, &daemon.sinks).await;
        Ok(daemon)
    }

    /// What this node is among those that share its store; one that has its store for itself leads.
    pub fn role(&self) -> Role {
        self.seat.as_ref().map_or(Role::Leads, |seat| seat.role.borrow().clone())
    }

    /// Whether there are other nodes on its store, or may be.
    pub fn has_others(&self) -> bool {
        self.seat.is_some()
    }

    fn start_couriers(&mut self) {
        self.couriers.start(&self.config, &self.ground, &self.bells, &self.sinks, &self.line);
    }

    /// Takes up the state and begins to decide.
    async fn take_lead(&mut self) -> anyhow::Result<()> {
        let mind = Arc::new(mind_of(&self.config));
        let (now, store) = (self.ground.clock.now(), Arc::clone(&self.ground.store));
        let mut brain = Brain::awake(store, mind, self.bells.clone(), self.ground.sights.clone(), now)
            .await
            .context("the stored state could not be taken up")?;
        let live = brain.state().warnings().map(|(_, told)| &told.number).collect::<BTreeSet<_>>().len();
        let at = self.seat.as_ref().map(|_| format!(" on {}", name_of_node())).unwrap_or_default();
        let text = format!("nadhir {} starts{at} with {live} warnings in force", env!("CARGO_PKG_VERSION"));
        let mut journal = vec![entry(now, "start", text)];
        journal.extend(strays(&self.config, &self.ground).await);
        brain.write(journal, now).await.context("the start could not be written into the journal")?;
        let (orders, inbox) = mpsc::channel(INBOX);
        let stop = CancellationToken::new();
        let times = (self.ground.clock, self.ground.tick);
        let brain = tokio::spawn(brain.run(inbox, times, Arc::clone(&self.pulse), stop.clone()));
        let watch = Watch::start(&self.config, &self.ground, &orders, &self.sinks, &self.fetchers);
        self.line.set(Some(orders.clone()));
        self.lead = Some(Lead { orders, brain, stop, watch });
        Ok(())
    }

    /// Waits until something happens that [`Daemon::follow`] has to follow, or until the brain ends by itself, which of a node that has
    /// its store for itself it only does when it may not or cannot go on. Nothing is lost when it is dropped in between.
    pub async fn turn(&mut self) -> Turn {
        let Self { lead, seat, seen, .. } = self;
        let has_lead = lead.is_some();
        let brain = async {
            match lead {
                Some(lead) => (&mut lead.brain).await,
                None => std::future::pending().await,
            }
        };
        let role = async {
            match seat {
                Some(seat) => {
                    let is_other = |role: &Role| role != seen || (*role == Role::Leads) != has_lead;
                    seat.role.wait_for(|role| is_other(role)).await.map(drop)
                }
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            changed = role => match changed {
                Ok(()) => return Turn::Role,
                Err(_) => return Turn::Ended(anyhow::anyhow!("the seat among the nodes broke down, which is a fault of this program")),
            },
            ended = brain => ended,
        };
        let (is_fenced, why) = why_ended(ended);
        self.give_up_lead();
        if is_fenced && self.has_others() { Turn::Role } else { Turn::Ended(why) }
    }

    /// Becomes what it has to be by now: takes the lead, or gives up deciding.
    ///
    /// # Errors
    /// When the state cannot be understood; a store that fails is tried again.
    pub async fn follow(&mut self) -> anyhow::Result<()> {
        self.seen = self.role();
        match (self.seen == Role::Leads, self.lead.is_some()) {
            (true, false) => match self.take_lead().await {
                Ok(()) => {
                    self.start_couriers();
                    self.bells.ring_all();
                }
                Err(why) if is_of_the_store(&why) => {
                    error!("This node could not take over the lead and tries again: {why:#}");
                    tokio::time::sleep(REST).await;
                }
                Err(why) => return Err(why),
            },
            (false, true) => self.give_up_lead(),
            (true, true) | (false, false) => {}
        }
        Ok(())
    }

    /// Stops deciding at once: what was not committed is decided by whoever leads now.
    fn give_up_lead(&mut self) {
        self.line.set(None);
        if let Some(lead) = self.lead.take() {
            lead.stop.cancel();
            lead.brain.abort();
        }
        self.couriers.step_back(&self.config);
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Goes over to a new configuration, or keeps the old one when the new one cannot be opened. What changes is written into the
    /// journal by the node that leads.
    ///
    /// # Errors
    /// Why the old one is kept.
    pub async fn reload(&mut self, config: Config, changes: &[String]) -> anyhow::Result<()> {
        let fetchers = fetchers(&config, &self.ground.dir)?;
        let sinks = open_sinks(&config, &self.ground)?;
        if let Some(lead) = &self.lead {
            lead.watch.stop().await;
            let mut journal = in_force(changes, self.ground.clock.now());
            journal.extend(strays(&config, &self.ground).await);
            let (done, adopted) = oneshot::channel();
            let order = Order::Rethink(Arc::new(mind_of(&config)), journal, done);
            lead.orders.send(order).await.context("the brain has stopped")?;
            adopted.await.context("the brain has stopped")?;
        }
        // A channel that hangs must hold up nobody but itself: each new courier waits for the old one of its own channel alone.
        self.couriers.leave();
        (self.config, self.sinks, self.fetchers) = (config, sinks, fetchers);
        if let Some(lead) = &mut self.lead {
            lead.watch = Watch::start(&self.config, &self.ground, &lead.orders, &self.sinks, &self.fetchers);
        }
        self.start_couriers();
        self.front.show(&self.config, &self.ground, &self.sinks).await;
        self.bells.ring_all();
        Ok(())
    }

    /// Where orders go, on the node that leads.
    fn orders(&self) -> anyhow::Result<&mpsc::Sender<Order>> {
        let elsewhere = || anyhow::anyhow!("this node {}; ask the one that leads", self.role().told());
        self.lead.as_ref().map(|lead| &lead.orders).ok_or_else(elsewhere)
    }

    /// Has the brain do what the people on duty want; what it answers is why not.
    ///
    /// # Errors
    /// When the brain has stopped, or another node leads.
    pub async fn obey(&self, order: staff::Order) -> anyhow::Result<Result<Vec<BulletinId>, String>> {
        let (answer, answered) = oneshot::channel();
        self.orders()?.send(Order::Obey(order, answer)).await.context("the brain has stopped")?;
        answered.await.context("the brain has stopped")
    }

    /// Has the brain let out, hold or end what is kept back of a bulletin; tells at how many channels it was, or why not.
    ///
    /// # Errors
    /// As [`Daemon::obey`].
    pub async fn judge(&self, judgement: Judgement) -> anyhow::Result<Result<u64, String>> {
        let (answer, answered) = oneshot::channel();
        self.orders()?.send(Order::Judge(judgement, answer)).await.context("the brain has stopped")?;
        answered.await.context("the brain has stopped")
    }

    /// Grows as long as the brain turns, or as long as this node stands by for another one; a watchdog looks at it.
    pub fn pulse(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.pulse)
    }

    /// Waits until the brain ends by itself, which it only does when it may not or cannot go on.
    pub async fn ended(&mut self) -> anyhow::Error {
        loop {
            match self.turn().await {
                Turn::Ended(why) => return why,
                Turn::Role => {
                    if let Err(why) = self.follow().await {
                        return why;
                    }
                }
            }
        }
    }

    /// Stops: no feed is asked any more, what was heard is decided, the lead is given back, what is due is delivered as far as time
    /// allows.
    ///
    /// # Errors
    /// When the brain ended badly; what it had committed is kept.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let mut ended = Ok(());
        // Where another node can take over, it is not kept waiting.
        let patience = if self.seat.is_some() { HAND_OVER } else { DRAIN };
        if let Some(lead) = self.lead.take() {
            // A watcher waits for what it brought to be committed; a store that fails must not make the end wait for ever.
            if tokio::time::timeout(patience, lead.watch.stop()).await.is_err() {
                warn!("What was heard last could not be stored in time; it is asked for again after the next start");
            }
            let Lead { orders, brain, stop, watch } = lead;
            stop.cancel();
            self.line.set(None);
            drop((orders, watch));
            ended = brain.await.context("the brain broke down")?;
        }
        if let Some(seat) = &self.seat {
            seat.resign().await;
        }
        self.couriers.stop().await;
        self.front.close().await;
        if let Some(seat) = &self.seat {
            seat.leave().await;
        }
        ended.context("the brain ended badly")
    }
}

/// How long a node that stops waits for what was heard last, where another one can take over.
const HAND_OVER: Duration = Duration::from_millis(1_500);

/// Whether another leader has taken over, and how the brain ended.
fn why_ended(brain: Result<Result<(), BrainError>, JoinError>) -> (bool, anyhow::Error) {
    match brain {
        Ok(Ok(())) => (false, anyhow::anyhow!("the brain stopped without being told to")),
        Ok(Err(why)) => {
            let is_fenced = matches!(why, BrainError::Store(StoreError::Fenced { .. }));
            (is_fenced, anyhow::Error::new(why).context("the brain had to stop"))
        }
        Err(why) => (false, anyhow::Error::new(why).context("the brain broke down, which is a fault of this program")),
    }
}

/// Whether trying again can help.
fn is_of_the_store(why: &anyhow::Error) -> bool {
    matches!(
        why.downcast_ref(),
        Some(BrainError::Store(StoreError::Failed { .. } | StoreError::Moved { .. } | StoreError::Fenced { .. }))
    )
}

/// How this node is called among others.
fn name_of_node() -> String {
    let system = rustix::system::uname();
    format!("{} (process {})", system.nodename().to_string_lossy(), std::process::id())
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
