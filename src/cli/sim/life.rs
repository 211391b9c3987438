//! One storm from its beginning to its end: the real brain and the real couriers, on a store that fails, over a network that fails, in a
//! process that dies, by a clock that runs as fast as it is told.

use std::sync::Arc;

use fastrand::Rng;

use super::disk::Disk;
use super::laws::{Received, Truth};
use super::net::{Arrival, Weather, Wires};
use super::storm::{Does, PLACES, Storm};
use crate::alert::Status;
use crate::bulletin::{Bulletin, Change};
use crate::config::Config;
use crate::daemon::Sights;
use crate::daemon::bells::Bells;
use crate::daemon::brain::{Brain, Mind};
use crate::daemon::courier::{Courier, Turn};
use crate::engine::desk::Correct;
use crate::engine::{Event, staff};
use crate::ids::{BulletinId, ChannelId, GovernorateId};
use crate::outbox::Standing;
use crate::record::chain::Hash;
use crate::store::DeliveryRow;
use crate::store::sqlite::SqliteStore;
use crate::time::{TimeDelta, Timestamp};

/// When all storms begin: in a season of rain.
const BEGINS: i64 = 1_765_227_600;

/// How many turns a storm has.
const TURNS: std::ops::Range<u32> = 20..60;

/// How often a decision is tried again while the disk fails, as the service does it for as long as it takes.
const TRIES: u32 = 4;

/// How often a courier goes in one turn, at most.
const ROUNDS: u32 = 12;

/// How many looks, five minutes apart, all channels have to be told what they are owed once they can be reached.
const LAST_LOOKS: u32 = 72;

/// What became of a storm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lived {
    /// How many bulletins were said.
    pub(super) bulletins: usize,
    /// How many messages arrived.
    pub(super) arrivals: usize,
    /// How often the process died.
    pub(super) deaths: u32,
    /// What went against a law.
    pub(super) faults: Vec<String>,
    /// All that arrived where and when, as one hash: the same for the same seed.
    pub(super) digest: Hash,
    /// What happened, a line each.
    pub(super) story: Vec<String>,
}

/// A bulletin in a line.
fn line(one: &Bulletin) -> String {
    let areas: Vec<&str> = one.areas.iter().map(GovernorateId::as_str).collect();
    let replaces: Vec<&str> = one.replaces.iter().map(BulletinId::as_str).collect();
    let until = one.until.format("%H:%M");
    let mut line = format!(
        "{} {} {} {} in {} until {until}",
        one.id,
        one.change.name(),
        one.hazard,
        one.severity,
        areas.join(", ")
    );
    if one.status != Status::Actual {
        line.push_str(", a drill");
    }
    if !replaces.is_empty() {
        line.push_str(&format!(", in the place of {}", replaces.join(", ")));
    }
    line
}

/// Lives through the storm of a seed.
///
/// # Errors
/// When memory or a thread cannot be had.
pub(super) fn live(config: &Config, seed: u64) -> anyhow::Result<Lived> {
    // Couriers shake their waits by chance; here that is the seed's, too.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let mut life = Life::begin(config, seed)?;
        for _ in 0..life.rng.u32(TURNS) {
            life.turn().await;
        }
        life.end().await
    })
}

struct Life<'a> {
    config: &'a Config,
    rng: Rng,
    storm: Storm,
    disk: Disk,
    wires: Wires,
    brain: Option<Brain>,
    couriers: Vec<(ChannelId, Courier)>,
    deaths: u32,
    story: Vec<String>,
}

impl<'a> Life<'a> {
    fn begin(config: &'a Config, seed: u64) -> anyhow::Result<Self> {
        let mut rng = Rng::with_seed(seed);
        let now = Timestamp::from_timestamp(BEGINS, 0).unwrap_or_default();
        let disk = Disk::new(Arc::new(SqliteStore::in_memory()?), rng.fork());
        let wires = Wires::new(rng.fork(), now);
        let storm = Storm::new(rng.fork());
        let store = disk.store();
        let courier = |channel: &crate::config::ChannelConfig| {
            let (id, audience) = (channel.listener.channel.clone(), channel.listener.audience);
            let sink = wires.sink(&id);
            (id.clone(), Courier::new(id, audience, sink, Arc::clone(&store), Sights::default()))
        };
        let couriers = config.channels.iter().map(courier).collect();
        Ok(Self { config, rng, storm, disk, wires, brain: None, couriers, deaths: 0, story: Vec::new() })
    }

    /// Something happens, is decided on, and is told as far as the world allows.
    async fn turn(&mut self) {
        let passes = match self.rng.u8(0..4) {
            0 => TimeDelta::seconds(self.rng.i64(1..90)),
            _ => TimeDelta::seconds(self.rng.i64(60..900)),
        };
        self.pass(passes);
        self.befall();
        self.wake().await;
        let now = self.wires.now();
        let does = self.storm.next(now, passes);
        self.decide(does, now).await;
        self.deliver().await;
    }

    fn pass(&self, span: TimeDelta) {
        self.wires.net().pass(span);
    }

    /// What goes wrong from now on, or is mended.
    fn befall(&mut self) {
        match self.rng.u8(0..20) {
            0 => {
                let failing = self.rng.u32(50..700);
                self.note(&format!("of a thousand calls of the store {failing} fail"));
                self.disk.set_failing(failing);
            }
            1..4 => self.disk.set_failing(0),
            4 => self.disk.kill_in(self.rng.u32(0..16)),
            _ => {}
        }
        for place in 0..self.couriers.len() {
            let weather = match self.rng.u8(0..24) {
                0 => Weather::Down,
                1 | 2 => Weather::Rough,
                3..6 => Weather::Clear,
                _ => continue,
            };
            if let Some((channel, _)) = self.couriers.get(place) {
                self.wires.net().set(channel, weather);
            }
        }
    }

    /// Starts the service where it is dead.
    async fn wake(&mut self) {
        if self.disk.is_dead() {
            self.deaths += 1;
            self.note("the process died and is started again");
            self.disk.revive();
            self.brain = None;
        }
        if self.brain.is_some() {
            return;
        }
        let mind = Mind {
            book: Arc::clone(&self.config.rules),
            listeners: self.config.channels.iter().map(|channel| channel.listener.clone()).collect(),
            speaker: self.config.speaker.clone(),
        };
        let store = self.disk.store();
        let woken = Brain::awake(store, Arc::new(mind), Bells::default(), Sights::default(), self.wires.now()).await;
        // A service that cannot start is started again by systemd: at the next turn.
        self.brain = woken.ok();
    }

    async fn decide(&mut self, does: Does, now: Timestamp) {
        let event = match does {
            Does::Event(event) => *event,
            Does::TakesBack(correct) => match self.taken_back(correct).await {
                Some(event) => event,
                None => return,
            },
        };
        let Some(brain) = &mut self.brain else { return };
        if let Event::Ordered(order) = &event
            && staff::refusal(&self.config.rules, brain.state(), order, now).is_some()
        {
            return;
        }
        let mut told = None;
        for _ in 0..TRIES {
            match brain.turn(&event, now).await {
                Ok(said) => {
                    told = Some(said);
                    break;
                }
                // As the service does: what failed may have landed.
                Err(_) => drop(brain.recover().await),
            }
        }
        match told {
            Some(said) => {
                for one in said {
                    self.note(&line(&one));
                    if !self.storm.numbers.contains(&one.number) {
                        self.storm.numbers.push(one.number);
                    }
                }
            }
            None => {
                self.note("a decision could not be stored: the process is given up");
                self.brain = None;
            }
        }
    }

    async fn taken_back(&self, correct: Correct) -> Option<Event> {
        let said = self.disk.sound().bulletins(Some(correct.number.clone())).await.ok()?;
        let last = said.into_iter().last()?;
        let state = self.brain.as_ref()?.state();
        let order = staff::Order::Correct(correct.clone());
        let refused = staff::refusal(&self.config.rules, state, &order, self.wires.now()).is_some();
        let is_over = last.change == Change::Corrected;
        (!refused && !is_over).then(|| Event::TakenBack { correct, said: Box::new(last), was: None })
    }

    /// Has every courier go until it has nothing due, in an order of chance.
    async fn deliver(&mut self) {
        let mut order: Vec<usize> = (0..self.couriers.len()).collect();
        self.rng.shuffle(&mut order);
        for place in order {
            let Some((_, courier)) = self.couriers.get(place) else { continue };
            for _ in 0..ROUNDS {
                let wires = self.wires.clone();
                if self.disk.is_dead() || !matches!(courier.turn(&move || wires.now()).await, Ok(Turn::Busy)) {
                    break;
                }
            }
        }
        drop(self.note_settled().await);
    }

    /// Tells the network what the disk holds as delivered; what is owed still.
    async fn note_settled(&mut self) -> Vec<DeliveryRow> {
        let Ok(mut rows) = self.disk.sound().deliveries().await else { return Vec::new() };
        let delivered = rows.iter().filter(|row| row.standing == Standing::Delivered);
        let keys: Vec<String> = delivered.map(|row| format!("{}/{}", row.message.as_str(), row.channel)).collect();
        self.wires.net().settle(keys);
        rows.retain(|row| row.standing == Standing::Owed);
        rows
    }

    /// The storm is over and everything can be reached: holds what arrived against the laws.
    async fn end(mut self) -> anyhow::Result<Lived> {
        self.disk.mend();
        for (channel, _) in &self.couriers {
            self.wires.net().set(channel, Weather::Clear);
        }
        let mut owed = Vec::new();
        for _ in 0..LAST_LOOKS {
            self.pass(TimeDelta::minutes(5));
            self.wake().await;
            self.decide(Does::event(Event::Tick), self.wires.now()).await;
            self.deliver().await;
            owed = self.note_settled().await;
            if owed.is_empty() {
                break;
            }
        }
        let said = self.disk.sound().bulletins(None).await?;
        let net = self.wires.net();
        let mut faults = net.faults.clone();
        faults.extend(owed.iter().map(|row| {
            let (key, channel, attempts) = (row.message.as_str(), &row.channel, row.attempts);
            format!("law 1: {key} is owed to {channel} still, hours after it can be reached ({attempts} tries)")
        }));
        let mut received = Received::new();
        for arrival in &net.arrivals {
            received.entry(arrival.channel.clone()).or_default().push(arrival.bulletin.clone());
        }
        match &self.brain {
            Some(brain) => {
                let truth = Truth {
                    said: said.iter().map(|one| (&one.id, one)).collect(),
                    kept: brain.state().warnings().collect(),
                    now: net.now(),
                };
                let places: Vec<GovernorateId> =
                    PLACES.iter().filter_map(|name| GovernorateId::new(name).ok()).collect();
                for listener in self.config.channels.iter().map(|channel| &channel.listener) {
                    let own = received.get(&listener.channel).map(Vec::as_slice).unwrap_or_default();
                    faults.extend(truth.faults(listener, &places, own));
                }
            }
            None => faults.push("the service could not be started on a sound disk".to_owned()),
        }
        self.story.push("All that was said:".to_owned());
        self.story.extend(said.iter().map(|one| format!("{}  {}", one.issued.format("%F %T"), line(one))));
        self.story.push("All that arrived:".to_owned());
        let told = |one: &Arrival| format!("{}  {} at {}", one.at.format("%F %T"), one.bulletin, one.channel);
        self.story.extend(net.arrivals.iter().map(told));
        let lines = net.arrivals.iter().map(|one| format!("{} {} {} {}\n", one.at, one.channel, one.key, one.body));
        let digest = Hash::of(&lines.collect::<String>());
        let arrivals = net.arrivals.len();
        drop(net);
        Ok(Lived { bulletins: said.len(), arrivals, deaths: self.deaths, faults, digest, story: self.story })
    }

    fn note(&mut self, what: &str) {
        let line = format!("{}  {what}", self.wires.now().format("%F %T"));
        self.story.push(line);
    }
}
