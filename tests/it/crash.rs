//! Death at every call of the store: the service dies before or just after it, starts again, and nothing is lost, nothing is
//! said in two ways, and nothing that was settled is sent again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use nadhir::bulletin::Bulletin;
use nadhir::config::{self, Config};
use nadhir::daemon::Sights;
use nadhir::daemon::bells::Bells;
use nadhir::daemon::brain::{Brain, Mind};
use nadhir::daemon::courier::{Courier, Turn};
use nadhir::dispatch::reminders::Reminder;
use nadhir::engine::{Event, Heard};
use nadhir::feed::Batch;
use nadhir::ids::{ChannelId, GovernorateId};
use nadhir::message::MessageKey;
use nadhir::outbox::share::{Count, Disabled, Hand, Landed, News, Share};
use nadhir::outbox::{Claimed, Kept, Settlement, Standing};
use nadhir::reading::{Basis, Reading};
use nadhir::record::chain::Mark;
use nadhir::route::Audience;
use nadhir::sink::{Parcel, Receipt, SendError, Sink};
use nadhir::store::{
    Archive, Before, Commit, Decision, DeliveryRow, Entry, Fanout, Forgotten, Lease, Ledger, Outbox, Readdressed,
    Retention, Roster, Saved, Store, StoreError, Tally,
};
use nadhir::subscriber::{Edit, NewSubscriber, Subscriber};
use nadhir::time::{TimeDelta, Timestamp};
use nadhir::unit::Metric;

use super::postgres::{Kind, Place};

const CHANNELS: [&str; 2] = ["desk", "newsroom"];

/// When the store dies: never, or at a call, before or after that call has done its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Death {
    Never,
    Before(usize),
    After(usize),
}

/// A store that dies: from that call on every call fails, as it is for a process that is gone.
pub(super) struct Mortal {
    store: Box<dyn Store>,
    calls: AtomicUsize,
    death: Death,
}

impl Mortal {
    pub(super) fn new(store: Box<dyn Store>, death: Death) -> Self {
        Self { store, calls: AtomicUsize::new(0), death }
    }

    /// True once it has died.
    pub(super) fn is_dead(&self) -> bool {
        match self.death {
            Death::Never => false,
            Death::Before(at) | Death::After(at) => at < self.calls.load(Ordering::SeqCst),
        }
    }

    fn fate(&self) -> (bool, bool) {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        match self.death {
            Death::Never => (true, true),
            Death::Before(at) => (call < at, call < at),
            Death::After(at) => (call <= at, call < at),
        }
    }

    fn live<'a, T: Send + 'a>(
        &'a self,
        call: impl FnOnce(&'a dyn Store) -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        let (works, answers) = self.fate();
        let work = works.then(|| call(&*self.store));
        Box::pin(async move {
            let dead = StoreError::Failed { why: "the process was killed".into() };
            match work {
                Some(work) if answers => work.await,
                Some(work) => work.await.and(Err(dead)),
                None => Err(dead),
            }
        })
    }
}

impl Ledger for Mortal {
    fn lead(&self, now: Timestamp) -> BoxFuture<'_, Result<Lease, StoreError>> {
        self.live(|store| store.lead(now))
    }
    fn load(&self) -> BoxFuture<'_, Result<Saved, StoreError>> {
        self.live(|store| store.load())
    }
    fn readdress(
        &self,
        lease: Lease,
        listeners: Vec<(ChannelId, Audience)>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Readdressed>, StoreError>> {
        self.live(move |store| store.readdress(lease, listeners, now))
    }
    fn decide(&self, lease: Lease, decision: Decision) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.live(|store| store.decide(lease, decision))
    }
    fn remind(&self, lease: Lease, reminders: Vec<Reminder>) -> BoxFuture<'_, Result<Vec<MessageKey>, StoreError>> {
        self.live(|store| store.remind(lease, reminders))
    }
    fn commit(&self, lease: Lease, commit: Commit) -> BoxFuture<'_, Result<(), StoreError>> {
        self.live(|store| store.commit(lease, commit))
    }
}

impl Outbox for Mortal {
    fn claim(
        &self,
        channel: ChannelId,
        limit: usize,
        now: Timestamp,
        lease: TimeDelta,
    ) -> BoxFuture<'_, Result<Vec<Claimed>, StoreError>> {
        self.live(move |store| store.claim(channel, limit, now, lease))
    }
    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.live(|store| store.settle(settlements))
    }
    fn next_due(&self, channel: ChannelId) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.live(|store| store.next_due(channel))
    }
    fn tally(&self) -> BoxFuture<'_, Result<Vec<Tally>, StoreError>> {
        self.store.tally()
    }
}

impl Retention for Mortal {
    fn forget(&self, before: Before, limit: usize) -> BoxFuture<'_, Result<Forgotten, StoreError>> {
        self.live(move |store| store.forget(before, limit))
    }
    fn head(&self) -> BoxFuture<'_, Result<Mark, StoreError>> {
        self.store.head()
    }
}

impl Archive for Mortal {
    fn journal(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        self.store.journal(limit)
    }
    fn bulletins(&self, number: Option<String>) -> BoxFuture<'_, Result<Vec<Bulletin>, StoreError>> {
        self.store.bulletins(number)
    }
    fn last_words(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<Bulletin>, StoreError>> {
        self.store.last_words(since)
    }
    fn kept(&self) -> BoxFuture<'_, Result<Vec<Kept>, StoreError>> {
        self.store.kept()
    }
    fn deliveries(&self) -> BoxFuture<'_, Result<Vec<DeliveryRow>, StoreError>> {
        self.store.deliveries()
    }
}

impl Fanout for Mortal {
    fn share(
        &self,
        hand: Hand,
        after: Option<i64>,
        said: Timestamp,
        is_correction: bool,
    ) -> BoxFuture<'_, Result<Share, StoreError>> {
        self.live(move |store| store.share(hand, after, said, is_correction))
    }
    fn settle_shares(&self, landed: Vec<Landed>) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.live(|store| store.settle_shares(landed))
    }
    fn count_shares(&self, delivery: i64) -> BoxFuture<'_, Result<Count, StoreError>> {
        self.live(move |store| store.count_shares(delivery))
    }
    fn note_health(&self, channel: ChannelId, news: News) -> BoxFuture<'_, Result<Vec<Disabled>, StoreError>> {
        self.live(|store| store.note_health(channel, news))
    }
}

impl Roster for Mortal {
    fn subscribe(
        &self,
        channel: ChannelId,
        new: Vec<NewSubscriber>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<i64>, StoreError>> {
        self.store.subscribe(channel, new, now)
    }
    fn subscribers(
        &self,
        channel: Option<ChannelId>,
        after: i64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Subscriber>, StoreError>> {
        self.store.subscribers(channel, after, limit)
    }
    fn subscriber(&self, channel: ChannelId, name: String) -> BoxFuture<'_, Result<Option<Subscriber>, StoreError>> {
        self.store.subscriber(channel, name)
    }
    fn edit_subscriber(&self, id: i64, edit: Edit) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.store.edit_subscriber(id, edit)
    }
}

/// The world outside, which outlives every crash: what each receiver has got, and what it had got when it was settled.
#[derive(Default)]
struct World {
    arrivals: Mutex<Vec<(String, String)>>,
    settled: Mutex<BTreeSet<String>>,
}

/// A receiver that takes everything, except that the first try of every third message fails.
struct Hook {
    world: Arc<World>,
    tries: AtomicUsize,
}

impl Sink for Hook {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        let is_stumble = parcel.attempt == 1 && self.tries.fetch_add(1, Ordering::SeqCst) % 3 == 2;
        let settled = self.world.settled.lock().unwrap();
        assert!(!settled.contains(&parcel.key), "{} was settled and is sent again", parcel.key);
        drop(settled);
        if !is_stumble {
            self.world.arrivals.lock().unwrap().push((parcel.key.clone(), parcel.body.to_string()));
        }
        Box::pin(async move {
            match is_stumble {
                true => Err(SendError::Later { why: "busy".into(), retry_after: None }),
                false => Ok(Receipt("taken".into())),
            }
        })
    }
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }
}

fn configuration() -> Config {
    let channels =
        CHANNELS.map(|name| format!("[{name}]\nkind = \"console\"\naudience = \"public\"\nform = \"json\"\n"));
    // Each event is a turn of its own here: none waits for another place.
    let settings = include_str!("../../config/nadhir.toml").replace("group_wait = \"1min\"", "group_wait = \"0s\"");
    let files = [("channels.toml".to_owned(), channels.concat()), ("nadhir.toml".to_owned(), settings)];
    let files = BTreeMap::from(files);
    config::from_files(files).unwrap().0
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_timestamp(1_765_227_600 + minute * 60, 0).unwrap()
}

/// Rain over Jeddah that rises, and eases; each is a warning's turn.
fn script(config: &Config) -> Vec<(i64, Event)> {
    let feed = config.feeds.first().unwrap().id.clone();
    let reading = |minute: i64, value: f64| Reading {
        governorate: GovernorateId::new("jeddah").unwrap(),
        metric: Metric::Precipitation,
        station: None,
        basis: Basis::Observed,
        value,
        at: at(minute),
        covers: TimeDelta::hours(1),
    };
    let told = |minute: i64, readings: Vec<Reading>| {
        let batch = Batch { readings, ..Batch::default() };
        let heard = Heard::Batch { batch, validators: None, entries: Vec::new() };
        (minute, Event::Asked { feed: feed.clone(), heard, skew: None })
    };
    let dry_before = (-8..=0).map(|hour| reading(hour * 60, 0.0)).collect();
    let then = [(60, 2.0), (120, 7.0), (180, 20.0), (240, 0.0), (300, 0.0), (360, 0.0), (420, 0.0)];
    let then = then.into_iter().map(|(minute, value)| told(minute, vec![reading(minute, value)]));
    std::iter::once(told(0, dry_before)).chain(then).collect()
}

/// One life of the process, from a start to its death or to the end of the script; returns how far it came.
async fn life(
    config: &Config,
    store: &Arc<Mortal>,
    world: &Arc<World>,
    script: &[(i64, Event)],
    from: usize,
) -> Result<usize, usize> {
    let mind = Mind {
        book: Arc::clone(&config.rules),
        listeners: config.channels.iter().map(|channel| channel.listener.clone()).collect(),
        speaker: config.speaker.clone(),
    };
    let shared: Arc<dyn Store> = store.clone();
    let began = script.get(from).map_or_else(|| at(1000), |(minute, _)| at(*minute));
    let awake = Brain::awake(Arc::clone(&shared), Arc::new(mind), Bells::default(), Sights::default(), began).await;
    let Ok(mut brain) = awake else { return Err(from) };
    let couriers = CHANNELS.map(|name| {
        let hook = Hook { world: Arc::clone(world), tries: AtomicUsize::new(0) };
        let own = config.channels.iter().find(|one| one.listener.channel.as_str() == name).unwrap();
        let (channel, audience) = (own.listener.channel.clone(), own.listener.audience);
        Courier::new(channel, audience, Arc::new(hook), Arc::clone(&shared), Sights::default())
    });
    // What was decided just before the crash is owed: it goes out before anything new is heard.
    if let Some((minute, _)) = from.checked_sub(1).and_then(|before| script.get(before)) {
        deliver(&couriers, *minute + 1, store, world).await.map_err(|_| from)?;
    }
    for (place, (minute, event)) in script.iter().enumerate().skip(from) {
        brain.turn(event, at(*minute)).await.map_err(|_| place)?;
        deliver(&couriers, *minute, store, world).await.map_err(|_| place + 1)?;
    }
    Ok(script.len())
}

/// Lets the couriers work off what is due, and what falls due within the half minute after.
async fn deliver(couriers: &[Courier], minute: i64, store: &Mortal, world: &World) -> Result<(), StoreError> {
    for later in 0..4 {
        for courier in couriers {
            while courier.turn(&|| at(minute) + TimeDelta::seconds(10 * later)).await? == Turn::Busy {
                note_settled(store, world).await;
            }
        }
    }
    Ok(())
}

/// Tells the receivers' world what the store holds as delivered: from then on it must not be sent again.
async fn note_settled(store: &Mortal, world: &World) {
    let rows = store.deliveries().await.unwrap();
    let delivered = rows.iter().filter(|row| row.standing == Standing::Delivered);
    world.settled.lock().unwrap().extend(delivered.map(|row| format!("{}/{}", row.message.as_str(), row.channel)));
}

/// What the world has in the end: each message by its key, and what the store said in all.
#[derive(Debug, PartialEq, Eq)]
struct End {
    arrivals: BTreeMap<String, String>,
    bulletins: Vec<String>,
}

async fn live_through(config: &Config, place: &Place, death: Death) -> (End, usize) {
    let script = script(config);
    let world = Arc::new(World::default());
    let open = async |death| Arc::new(Mortal::new(place.open().await, death));
    let first = open(death).await;
    let mut reached = life(config, &first, &world, &script, 0).await;
    let calls = first.calls.load(Ordering::SeqCst);
    note_settled(&first, &world).await;
    drop(first);
    if let Err(place) = reached {
        // The crash may have come in the last event: it is heard again, as a feed that is asked again says it again.
        let second = open(Death::Never).await;
        reached = life(config, &second, &world, &script, place).await;
    }
    assert_eq!(reached, Ok(script.len()));
    let last = open(Death::Never).await;
    let rows = last.deliveries().await.unwrap();
    let lost: Vec<_> =
        rows.iter().filter(|row| row.standing == Standing::Owed || row.standing == Standing::Dead).collect();
    assert_eq!(lost, Vec::<&DeliveryRow>::new(), "{death:?}");
    let bulletins = last.bulletins(None).await.unwrap();
    let mut arrivals: BTreeMap<String, String> = BTreeMap::new();
    for (key, body) in world.arrivals.lock().unwrap().iter() {
        let before = arrivals.insert(key.clone(), body.clone());
        assert!(before.is_none_or(|before| before == *body), "{key} said different things at different tries");
    }
    let said = bulletins
        .iter()
        .map(|bulletin| format!("{} {} {}", bulletin.id, bulletin.change.name(), bulletin.severity))
        .collect();
    (End { arrivals, bulletins: said }, calls)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_call_of_the_store_loses_nothing_and_repeats_nothing_settled() {
    die_everywhere(Kind::File, 1).await;
}

/// The database of each death is a new one, which takes its time: every fifth call stands for those around it, at another offset than
/// the calls repeat themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_a_crash_beside_a_database_server() {
    die_everywhere(Kind::Server, 5).await;
}

async fn die_everywhere(kind: Kind, step: usize) {
    let dir = tempfile::tempdir().unwrap();
    let config = Arc::new(configuration());
    let (straight, calls) = live_through(&config, &Place::new(dir.path(), "straight", kind), Death::Never).await;
    assert!(straight.bulletins.iter().any(|said| said.ends_with("raised red")), "{:?}", straight.bulletins);
    assert!(straight.bulletins.iter().any(|said| said.contains("lifted")), "{:?}", straight.bulletins);
    assert!(60 < calls, "the script is too short to prove anything: {calls} calls");
    let deaths: Vec<Death> =
        (0..calls).step_by(step).flat_map(|call| [Death::Before(call), Death::After(call)]).collect();
    let straight = Arc::new(straight);
    let mut halves = tokio::task::JoinSet::new();
    for half in deaths.chunks(deaths.len().div_ceil(2)) {
        let (half, config, straight, dir) =
            (half.to_vec(), Arc::clone(&config), Arc::clone(&straight), dir.path().to_path_buf());
        halves.spawn(async move {
            for death in half {
                let place = Place::new(&dir, &format!("{death:?}"), kind);
                let (end, _) = live_through(&config, &place, death).await;
                assert_eq!(end.bulletins, straight.bulletins, "{death:?}");
                let keys = |end: &End| end.arrivals.keys().cloned().collect::<Vec<_>>();
                assert_eq!(keys(&end), keys(&straight), "{death:?}");
                if let Place::File(path) = &place {
                    std::fs::remove_file(path).unwrap();
                }
            }
        });
    }
    while let Some(half) = halves.join_next().await {
        half.unwrap();
    }
}
