//! Mild warnings told together: what waits for the next digest, what never does, and that a try says the same as the one before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use nadhir::bulletin::Reason;
use nadhir::config::from_files;
use nadhir::daemon::Sights;
use nadhir::daemon::bells::Bells;
use nadhir::daemon::brain::{Brain, Mind};
use nadhir::daemon::courier::Courier;
use nadhir::engine::Event;
use nadhir::engine::desk::{Correct, Warn};
use nadhir::engine::staff::Order;
use nadhir::hazard::{Hazard, Severity};
use nadhir::ids::{ChannelId, GovernorateId};
use nadhir::message::Form;
use nadhir::outbox::Standing;
use nadhir::route::Audience;
use nadhir::sink::{Parcel, Receipt, SendError, Sink};
use nadhir::store::Store;
use nadhir::store::sqlite::SqliteStore;
use nadhir::time::{TimeDelta, Timestamp};

/// Takes what it is told to take, and keeps the rest in mind as well.
#[derive(Default)]
struct Desk {
    seen: Mutex<Vec<Parcel>>,
    refuses: Mutex<usize>,
}

impl Sink for Desk {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        self.seen.lock().unwrap().push(parcel.clone());
        let mut refuses = self.refuses.lock().unwrap();
        let answer = match refuses.checked_sub(1) {
            Some(left) => {
                *refuses = left;
                Err(SendError::Later { why: "503".to_owned(), retry_after: None })
            }
            None => Ok(Receipt("ok".to_owned())),
        };
        Box::pin(async move { answer })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }
}

struct Scene {
    store: Arc<dyn Store>,
    brain: Brain,
    courier: Courier,
    desk: Arc<Desk>,
}

/// On 9 December 2025 in Riyadh.
fn at(clock: &str) -> Timestamp {
    format!("2025-12-09T{clock}:00+03:00").parse().unwrap()
}

impl Scene {
    async fn open() -> Self {
        let channel = "[city]\nkind = \"console\"\naudience = \"public\"\nform = \"chat\"\nrelease = { orange = \"at-once\" }\n\
            digest = { up_to = \"yellow\", every = \"1h\" }\n";
        let files = BTreeMap::from([("channels.toml".to_owned(), channel.to_owned())]);
        let (config, _) = from_files(files).unwrap();
        let listeners = config.channels.iter().map(|channel| channel.listener.clone()).collect();
        let mind = Arc::new(Mind { book: Arc::clone(&config.rules), listeners, speaker: config.speaker.clone() });
        let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().unwrap());
        let now = at("09:00");
        let brain = Brain::awake(Arc::clone(&store), mind, Bells::default(), Sights::default(), now).await.unwrap();
        let (city, desk) = (ChannelId::new("city").unwrap(), Arc::<Desk>::default());
        let sink = Arc::clone(&desk) as Arc<dyn Sink>;
        let courier = Courier::new(city, Audience::Public, sink, Arc::clone(&store), Sights::default());
        Self { store, brain, courier: courier.gathering(Some(Form::Chat)), desk }
    }

    async fn order(&mut self, order: Order, clock: &str) {
        let said = self.brain.turn(&Event::Ordered(order), at(clock)).await.unwrap();
        assert_eq!(said.len(), 1, "{clock}");
    }

    async fn warn(&mut self, hazard: Hazard, severity: Severity, place: &str, clock: &str) {
        let warn = Warn {
            hazard,
            severity,
            governorates: BTreeSet::from([GovernorateId::new(place).unwrap()]),
            onset: None,
            until: at(clock) + TimeDelta::hours(5),
            remarks: None,
            is_drill: false,
            by: "Sara".to_owned(),
        };
        self.order(Order::Warn(warn), clock).await;
    }

    /// What goes out by a moment.
    async fn sent(&self, clock: &str, seconds: i64) -> Vec<Parcel> {
        let now = at(clock) + TimeDelta::seconds(seconds);
        while self.courier.turn(&|| now).await.unwrap() == nadhir::daemon::courier::Turn::Busy {}
        std::mem::take(&mut *self.desk.seen.lock().unwrap())
    }
}

#[tokio::test]
async fn what_is_mild_is_told_together_at_the_full_hour_and_what_is_worse_at_once() {
    let mut scene = Scene::open().await;
    scene.warn(Hazard::Dust, Severity::Yellow, "taif", "09:10").await;
    scene.warn(Hazard::Rain, Severity::Yellow, "jeddah", "09:12").await;
    scene.warn(Hazard::Wind, Severity::Orange, "makkah", "09:14").await;
    scene.warn(Hazard::Fog, Severity::Yellow, "turabah", "09:16").await;
    let at_once = scene.sent("09:17", 0).await;
    assert_eq!(at_once.len(), 1, "{at_once:?}");
    assert!(at_once[0].body.contains("تنبيه برتقالي") && at_once[0].key.ends_with("/chat/ar+en/city"), "{at_once:?}");
    // What ends before it was told is not told.
    scene.order(Order::Lift { number: "MKH-2025-000004".to_owned(), by: "Sara".to_owned() }, "09:20").await;
    assert_eq!(scene.sent("09:59", 59).await.len(), 0);

    *scene.desk.refuses.lock().unwrap() = 1;
    let digest = scene.sent("10:00", 0).await;
    assert_eq!(digest.len(), 1, "{digest:?}");
    let told = &digest[0];
    assert!(told.key.starts_with("digest-") && told.content_type.starts_with("text/plain"), "{told:?}");
    let places = ["الطائف", "جدة", "Taif", "Jeddah"]
        .map(|name| told.body.find(name).unwrap_or_else(|| panic!("{name}: {told:?}")));
    assert!(places.is_sorted(), "each language by itself: {told:?}");
    assert!(!told.body.contains("محافظة تربة"), "{told:?}");
    assert_eq!((told.loudness, told.expires), (Severity::Yellow, at("14:10")));
    let again = scene.sent("10:00", 5).await;
    assert_eq!(again.len(), 1);
    assert_eq!((&again[0].key, &again[0].body, again[0].attempt), (&told.key, &told.body, 2), "a try says the same");
    let rows = scene.store.deliveries().await.unwrap();
    let delivered = rows.iter().filter(|row| row.standing == Standing::Delivered).count();
    assert_eq!((rows.len(), delivered), (4, 3), "{rows:?}");

    // Its end waits for the next; what is taken back waits for nothing.
    scene.order(Order::Lift { number: "MKH-2025-000001".to_owned(), by: "Sara".to_owned() }, "10:05").await;
    assert_eq!(scene.sent("10:06", 0).await.len(), 0);
    let said = scene.store.bulletins(Some("MKH-2025-000002".to_owned())).await.unwrap().remove(0);
    let correct = Correct {
        number: said.number.clone(),
        reason: Reason::FalseAlarm,
        remarks: None,
        quiet: TimeDelta::hours(1),
        by: "Omar".to_owned(),
    };
    let back = Event::TakenBack { correct, said: Box::new(said), was: None };
    assert_eq!(scene.brain.turn(&back, at("10:07")).await.unwrap().len(), 1);
    let corrected = scene.sent("10:07", 0).await;
    assert!(corrected.len() == 1 && corrected[0].key.ends_with("/chat/ar+en/city"), "{corrected:?}");
    let over = scene.sent("11:00", 0).await;
    assert!(over.len() == 1 && over[0].body.contains("Taif"), "{over:?}");
}
