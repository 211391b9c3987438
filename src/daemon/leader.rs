//! Which of several nodes leads. A node says every second that it lives, and learns from the answer whether it leads; when no answer
//! comes it stops deciding before another one may begin to, and says so. It decides nothing itself but this.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use super::bells::Bells;
use super::clock::Clock;
use super::crew::keep_alive;
use crate::store::StoreError;
use crate::store::cluster::{Beat, Cluster, LIVES, Ring};
use crate::time::{TimeDelta, span_text};

/// How often a node says that it lives.
const EVERY: Duration = Duration::from_secs(1);

/// How long the answer may take.
const LONGEST_BEAT: Duration = Duration::from_secs(2);

/// For how long a node may go on deciding after the last time that it was told to: a second less than others wait for it.
const HOLDS: Duration = Duration::from_secs(5);

const _: () = assert!(HOLDS.as_secs() < LIVES.num_seconds().unsigned_abs());

/// How long couriers sleep at most before they look again, whatever bells were heard; longer or shorter by chance.
const LOOKS: Duration = Duration::from_secs(5);

/// How long is waited before bells are listened for again, longer by chance.
const REST: Duration = Duration::from_millis(500);

/// How many bells may wait to be heard.
const MAX_RINGS: usize = 256;

/// How far the clocks of a node and of the database may be apart.
const MAX_SKEW: TimeDelta = TimeDelta::seconds(5);

/// What a node is at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// It decides.
    Leads,
    /// Another one decides, or nobody yet.
    StandsBy {
        /// Who does, by name.
        leader: Option<String>,
    },
    /// The database does not answer: it decides nothing and delivers nothing.
    CutOff,
}

impl Role {
    /// What it is, for people.
    pub fn told(&self) -> String {
        match self {
            Self::Leads => "leads".to_owned(),
            Self::StandsBy { leader: Some(leader) } => format!("stands by: {leader} leads"),
            Self::StandsBy { leader: None } => "stands by: nobody leads yet".to_owned(),
            Self::CutOff => "is cut off from the database: decides nothing and delivers nothing".to_owned(),
        }
    }
}

/// Keeps a node alive among the others, and knows what it is.
pub(super) struct Seat {
    pub(super) role: watch::Receiver<Role>,
    cluster: Arc<dyn Cluster>,
    clock: Clock,
    /// Set when this node is about to end: it lives on until nothing is in its hands, and leads no more.
    yields: Arc<AtomicBool>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Seat {
    /// Joins the others and says for the first time that this node lives.
    pub(super) async fn start(
        cluster: Arc<dyn Cluster>,
        name: String,
        clock: Clock,
        bells: Bells,
        pulse: Arc<AtomicU64>,
    ) -> Result<Self, StoreError> {
        cluster.join(name).await?;
        let first = role_of(&cluster.beat(clock.now(), true).await?);
        let (told, role) = watch::channel(first);
        let yields = Arc::new(AtomicBool::new(false));
        let (stop, tasks, nudge) = (CancellationToken::new(), TaskTracker::new(), Arc::new(Notify::new()));
        let beats = Arc::new(Beats {
            cluster: Arc::clone(&cluster),
            clock,
            told,
            pulse,
            yields: Arc::clone(&yields),
            nudge: Arc::clone(&nudge),
        });
        let on = stop.clone();
        tasks.spawn(keep_alive("seat among the nodes".to_owned(), stop.clone(), move || {
            let (beats, on) = (Arc::clone(&beats), on.clone());
            async move { beats.keep(on).await }
        }));
        let (ears, on) = (Arc::clone(&cluster), stop.clone());
        tasks.spawn(keep_alive("ear for the bells of other nodes".to_owned(), stop.clone(), move || {
            hear(Arc::clone(&ears), (bells.clone(), Arc::clone(&nudge)), on.clone())
        }));
        tasks.close();
        Ok(Self { role, cluster, clock, yields, stop, tasks })
    }

    /// Gives the lead back, so that another node takes over at once.
    pub(super) async fn resign(&self) {
        self.yields.store(true, Ordering::SeqCst);
        match timeout(LONGEST_BEAT, self.cluster.resign()).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => {
                warn!("The lead could not be given back, and another node takes it in {}: {why}", span_text(LIVES));
            }
            Err(_) => {
                warn!("The lead could not be given back in time, and another node takes it in {}", span_text(LIVES));
            }
        }
    }

    /// Leaves the others, once nothing is in hand any more.
    pub(super) async fn leave(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
        if !matches!(timeout(LONGEST_BEAT, self.cluster.leave(self.clock.now())).await, Ok(Ok(()))) {
            warn!("This node could not take its leave; the others miss it in {}", span_text(LIVES));
        }
    }
}

fn role_of(beat: &Beat) -> Role {
    match beat.leads {
        true => Role::Leads,
        false => Role::StandsBy { leader: beat.leader.clone() },
    }
}

/// Says that the node lives, and tells what it is.
struct Beats {
    cluster: Arc<dyn Cluster>,
    clock: Clock,
    told: watch::Sender<Role>,
    pulse: Arc<AtomicU64>,
    yields: Arc<AtomicBool>,
    nudge: Arc<Notify>,
}

impl Beats {
    async fn keep(&self, stop: CancellationToken) {
        let mut answered = Instant::now();
        let mut is_skewed = false;
        while !stop.is_cancelled() {
            let began = Instant::now();
            // Who leads stops in time, even in the midst of waiting for an answer.
            let left = (answered + HOLDS).saturating_duration_since(began).max(Duration::from_millis(100));
            match timeout(
                LONGEST_BEAT.min(left),
                self.cluster.beat(self.clock.now(), !self.yields.load(Ordering::SeqCst)),
            )
            .await
            {
                Ok(Ok(beat)) => {
                    answered = began;
                    if *self.told.borrow() == Role::CutOff {
                        info!("The database answers again");
                    }
                    if beat.ended != 0 {
                        warn!(
                            "{} deliveries were in the hands of nodes that do not live any more, and are free again",
                            beat.ended
                        );
                    }
                    is_skewed = self.compare(&beat, is_skewed);
                    self.tell(role_of(&beat));
                }
                Ok(Err(why)) => self.missed(answered, &why.to_string()),
                Err(_) => self.missed(answered, "no answer in time"),
            }
            if *self.told.borrow() != Role::Leads {
                // Who leads is alive as long as its brain turns, and nobody else has one.
                self.pulse.fetch_add(1, Ordering::Relaxed);
            }
            let nap = EVERY.mul_f64(0.75 + 0.5 * fastrand::f64());
            let is_leader = *self.told.borrow() == Role::Leads;
            let until =
                if is_leader { nap.min((answered + HOLDS).saturating_duration_since(Instant::now())) } else { nap };
            tokio::select! {
                () = tokio::time::sleep(until.max(Duration::from_millis(50))) => {}
                () = self.nudge.notified() => {}
                () = stop.cancelled() => {}
            }
        }
    }

    fn tell(&self, role: Role) {
        self.told.send_if_modified(|own| {
            let is_new = *own != role;
            *own = role;
            is_new
        });
    }

    fn missed(&self, answered: Instant, why: &str) {
        if HOLDS <= answered.elapsed() && *self.told.borrow() != Role::CutOff {
            error!(
                "The database has not answered for {} s: this node decides nothing and delivers nothing until it does: {why}",
                answered.elapsed().as_secs()
            );
            self.tell(Role::CutOff);
        }
    }

    /// Compares the clocks; says once when they part.
    fn compare(&self, beat: &Beat, was_skewed: bool) -> bool {
        let is_skewed = MAX_SKEW < beat.ahead.abs();
        if is_skewed && !was_skewed {
            let (apart, way) = (span_text(TimeDelta::seconds(beat.ahead.num_seconds().abs())), beat.ahead);
            let way = if way < TimeDelta::zero() { "behind" } else { "ahead of" };
            error!(
                "The clock of this node is {apart} {way} that of the database: set both by NTP, or what expires is told too late or not at all"
            );
        }
        is_skewed
    }
}

/// Hears the bells of other nodes and rings our own, and lets every courier look from time to time in case one was missed.
async fn hear(cluster: Arc<dyn Cluster>, (bells, nudge): (Bells, Arc<Notify>), stop: CancellationToken) {
    while !stop.is_cancelled() {
        let (rings, mut rung) = mpsc::channel(MAX_RINGS);
        let mut hearing = cluster.hear(rings);
        loop {
            let nap = LOOKS.mul_f64(0.75 + 0.5 * fastrand::f64());
            tokio::select! {
                _ = &mut hearing => break,
                Some(ring) = rung.recv() => match ring {
                    Ring::Of(channel) => bells.ring(&channel),
                    Ring::All => bells.ring_all(),
                    Ring::Lead => nudge.notify_one(),
                },
                () = tokio::time::sleep(nap) => bells.ring_all(),
                () = stop.cancelled() => return,
            }
        }
        bells.ring_all();
        tokio::select! {
            () = tokio::time::sleep(REST.mul_f64(1.0 + fastrand::f64())) => {}
            () = stop.cancelled() => {}
        }
    }
}
