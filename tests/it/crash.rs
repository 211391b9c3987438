//! Death at every call of the store: the service dies before or just after it, starts again, and nothing is lost, nothing is
//! said in two ways, and nothing that was settled is sent again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use nadhir::config::{self, Config};
use nadhir::daemon::Sights;
use nadhir::daemon::bells::Bells;
use nadhir::daemon::brain::{Brain, Mind};
use nadhir::daemon::courier::{Courier, Turn};
use nadhir::engine::{Event, Heard};
use nadhir::feed::Batch;
use nadhir::ids::GovernorateId;
use nadhir::outbox::Standing;
use nadhir::reading::{Basis, Reading};
use nadhir::sink::{Parcel, Receipt, SendError, Sink};
use nadhir::store::faulty::{Fate, Faulty};
use nadhir::store::{DeliveryRow, Store, StoreError};
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
    store: Arc<Faulty>,
    calls: Arc<AtomicUsize>,
    death: Death,
}

impl Mortal {
    pub(super) fn new(store: Box<dyn Store>, death: Death) -> Self {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let fate = move || {
            let call = counted.fetch_add(1, Ordering::SeqCst);
            match death {
                Death::After(at) if call == at => Fate::After,
                Death::Before(at) | Death::After(at) if at <= call => Fate::Before,
                Death::Never | Death::Before(_) | Death::After(_) => Fate::Done,
            }
        };
        Self { store: Arc::new(Faulty::new(Arc::from(store), fate)), calls, death }
    }

    /// The store as the service sees it.
    pub(super) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    /// True once it has died.
    pub(super) fn is_dead(&self) -> bool {
        match self.death {
            Death::Never => false,
            Death::Before(at) | Death::After(at) => at < self.calls.load(Ordering::SeqCst),
        }
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
    store: &Mortal,
    world: &Arc<World>,
    script: &[(i64, Event)],
    from: usize,
) -> Result<usize, usize> {
    let mind = Mind {
        book: Arc::clone(&config.rules),
        listeners: config.channels.iter().map(|channel| channel.listener.clone()).collect(),
        speaker: config.speaker.clone(),
    };
    let shared = store.store();
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
    let rows = store.store.sound().deliveries().await.unwrap();
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
    let open = async |death| Mortal::new(place.open().await, death);
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
    let rows = last.store.sound().deliveries().await.unwrap();
    let lost: Vec<_> =
        rows.iter().filter(|row| row.standing == Standing::Owed || row.standing == Standing::Dead).collect();
    assert_eq!(lost, Vec::<&DeliveryRow>::new(), "{death:?}");
    let bulletins = last.store.sound().bulletins(None).await.unwrap();
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
