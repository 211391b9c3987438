//! The crew of one configuration: those who bring news to the brain, and the couriers. Every task has an owner that notices its end.
//!
//! Of several nodes, only the one that leads has anybody who brings news. Couriers are on all of them, except where two at once would do
//! harm: a channel at a pace would get more than it takes, and a digest would be told in parts.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use super::bells::Bells;
use super::brain::Order;
use super::clock::Clock;
use super::courier::{self, Courier};
use super::ear::Attendant;
use super::fanout::Fanout;
use super::keeper;
use super::line::Line;
use super::listener::Listener;
use super::watcher::Watcher;
use super::{DRAIN, Fetchers, Ground, REST};
use crate::aside::Aside;
use crate::config::Config;
use crate::feed::Source;
use crate::ids::ChannelId;
use crate::message::Speaker;
use crate::route::{self, Audience};
use crate::sink::Sink;

/// The open channels, with those who listen there.
pub(super) type Sinks = BTreeMap<ChannelId, (Audience, Arc<dyn Sink>)>;

/// Those who bring news to the brain: watchers and listeners of feeds, and who hears the people at channels.
pub(super) struct Watch {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Watch {
    pub(super) fn start(
        config: &Config,
        ground: &Ground,
        orders: &mpsc::Sender<Order>,
        sinks: &Sinks,
        fetchers: &Fetchers,
    ) -> Self {
        let watch = Self { stop: CancellationToken::new(), tasks: TaskTracker::new() };
        let clock = ground.clock;
        let aside = Arc::new(Aside::new(&ground.dir));
        for feed in &config.feeds {
            let Some(fetcher) = fetchers.get(&feed.id) else { continue };
            let fetcher = Arc::clone(fetcher);
            let (orders, stop) = (orders.clone(), watch.stop.clone());
            if let Source::Broker(subscription) = feed.feed.source(clock.now()) {
                let listener = Arc::new(Listener::new(
                    feed.clone(),
                    subscription,
                    fetcher,
                    Arc::clone(&aside),
                    ground.dir.clone(),
                ));
                let name = format!("listener of {}", feed.id);
                watch.tasks.spawn(keep_alive(name, watch.stop.clone(), move || {
                    let (listener, orders, stop) = (Arc::clone(&listener), orders.clone(), stop.clone());
                    async move { listener.run(orders, clock, stop).await }
                }));
                continue;
            }
            let watcher = Arc::new(Watcher::new(feed.clone(), fetcher, Arc::clone(&aside), ground.dir.clone()));
            let name = format!("watcher of {}", feed.id);
            watch.tasks.spawn(keep_alive(name, watch.stop.clone(), move || {
                let (watcher, orders, stop) = (Arc::clone(&watcher), orders.clone(), stop.clone());
                async move { watcher.run(orders, clock, stop).await }
            }));
        }
        for (channel, (_, sink)) in sinks {
            let listener = config.channels.iter().map(|one| &one.listener).find(|one| one.channel == *channel);
            if let Some(listener) = listener.filter(|_| sink.ear().is_some()) {
                watch.listen(listener, sink, &config.speaker, orders);
            }
        }
        let (store, known, stop) = (Arc::clone(&ground.store), config.channel_ids(), watch.stop.clone());
        watch.tasks.spawn(courier::see_out(store, known, clock, stop.clone()));
        let (store, keep) = (Arc::clone(&ground.store), config.settings.keep);
        watch.tasks.spawn(keep_alive("keeper of the store".to_owned(), stop.clone(), move || {
            keeper::run(Arc::clone(&store), keep, clock, stop.clone())
        }));
        watch.tasks.close();
        watch
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
        let (orders, stop) = (orders.clone(), self.stop.clone());
        self.tasks.spawn(keep_alive(format!("ear of {}", listener.channel), stop.clone(), move || {
            let (attendant, orders, stop) = (Arc::clone(&attendant), orders.clone(), stop.clone());
            async move { attendant.run(orders, stop).await }
        }));
    }

    pub(super) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for Watch {
    /// Whoever is let go without being waited for stops all the same.
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// One at work: how it is told to go, and its end.
struct Hand {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// The couriers.
#[derive(Default)]
pub(super) struct Couriers {
    at_work: BTreeMap<ChannelId, Hand>,
    /// Those who were told to go and may still have something in their hands.
    leaving: BTreeMap<ChannelId, JoinHandle<()>>,
}

impl Couriers {
    /// Starts a courier for each channel that has none, once the one before it has ended. Where another node leads, channels of one
    /// hand are left to it.
    pub(super) fn start(&mut self, config: &Config, ground: &Ground, bells: &Bells, sinks: &Sinks, line: &Line) {
        let is_leader = line.orders().is_some();
        for (channel, (audience, sink)) in sinks {
            let listener = config.channels.iter().map(|one| &one.listener).find(|one| one.channel == *channel);
            let is_left = !is_leader && listener.is_some_and(is_of_one_hand);
            if is_left || self.at_work.contains_key(channel) {
                continue;
            }
            let (store, sights, clock) = (Arc::clone(&ground.store), ground.sights.clone(), ground.clock);
            let stop = CancellationToken::new();
            let rounds = (bells.of(channel), stop.clone(), self.leaving.remove(channel));
            if let Some((many, listener)) = sink.many().zip(listener) {
                let fanout = Fanout::new(listener.clone(), many, store, sights).reporting(line.clone());
                let fanout = Arc::new(fanout);
                self.at_work.insert(channel.clone(), Hand { stop, task: fan_out(fanout, clock, rounds) });
                continue;
            }
            let pace = listener.and_then(|listener| listener.manner.pace);
            let gathers = listener.filter(|listener| listener.manner.digest.is_some()).map(|listener| listener.form);
            let asks = listener.filter(|_| sink.ear().is_some()).and_then(|listener| {
                let buttons = config.speaker.buttons(&listener.languages);
                buttons.map_err(|why| warn!(%channel, "{channel} shows no buttons: {why}")).ok()
            });
            let courier = Courier::new(channel.clone(), *audience, Arc::clone(sink), store, sights);
            let courier = Arc::new(courier.at(pace).asking(asks).gathering(gathers).by(clock));
            let task = carry(channel.clone(), courier, clock, rounds);
            self.at_work.insert(channel.clone(), Hand { stop, task });
        }
    }

    /// Tells all to go; whoever comes after one of them waits for it alone.
    pub(super) fn leave(&mut self) {
        self.send_away(|_| true);
    }

    /// Tells those of channels of one hand to go: another node leads.
    pub(super) fn step_back(&mut self, config: &Config) {
        let one_hand = config.channels.iter().map(|one| &one.listener).filter(|one| is_of_one_hand(one));
        let names: Vec<&ChannelId> = one_hand.map(|one| &one.channel).collect();
        self.send_away(|channel| names.contains(&channel));
    }

    fn send_away(&mut self, goes: impl Fn(&ChannelId) -> bool) {
        let going = std::mem::take(&mut self.at_work).into_iter();
        for (channel, hand) in going {
            if !goes(&channel) {
                self.at_work.insert(channel, hand);
                continue;
            }
            hand.stop.cancel();
            let before = self.leaving.remove(&channel);
            let (name, task) = (channel.clone(), hand.task);
            let end = after(name, before, async move {
                if let Err(why) = task.await {
                    error!("A courier broke down at its end: {why}");
                }
            });
            self.leaving.insert(channel, end);
        }
    }

    /// Waits until nobody has anything in hand.
    pub(super) async fn stop(&mut self) {
        self.leave();
        for (channel, courier) in std::mem::take(&mut self.leaving) {
            ended(&channel, courier).await;
        }
    }
}

/// Whether no two couriers may serve a channel at once, on whatever nodes.
fn is_of_one_hand(listener: &route::Listener) -> bool {
    listener.manner.pace.is_some() || listener.manner.digest.is_some()
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
pub(super) async fn keep_alive<F>(name: String, stop: CancellationToken, start: impl Fn() -> F)
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
