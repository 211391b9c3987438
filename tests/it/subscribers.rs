//! Subscribers: what is owed to one channel reaches each of them, once, and what one of them does delays no other. Against real receivers
//! on loopback, and a real store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use nadhir::bulletin::{Bulletin, Change, Reach};
use nadhir::daemon::Sights;
use nadhir::daemon::brain::Order;
use nadhir::daemon::clock::Clock;
use nadhir::daemon::fanout::Fanout;
use nadhir::daemon::line::Line;
use nadhir::engine::Event;
use nadhir::hazard::{Hazard, Severity};
use nadhir::ids::GovernorateId;
use nadhir::language::Language;
use nadhir::outbox::{Standing, urgency};
use nadhir::route::manner::Manner;
use nadhir::route::{Audience, Listener};
use nadhir::sink::signature::{TOLERANCE, verify};
use nadhir::sink::{Many, World};
use nadhir::store::{Commit, Lease, Store};
use nadhir::subscriber::{Edit, NewSubscriber, State as Member, Wishes};
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

mod kit;
mod liars;
mod order;
mod program;
mod replay;

use super::both::on_both;
use super::crash::{Death, Mortal};
use super::postgres::{Kind, Place, Whole};
use super::process::PATIENCE;
use super::sinks::read;
use super::stores::{at, channel, said};

const KEY: &str = "c3Vic2NyaWJlcnMgb2YgYSB0ZXN0LCBhbmQgbm8gb25lIGVsc2U=";
const NUMBER: &str = "MKH-2025-000001";

/// One request as it arrived.
#[derive(Debug, Clone)]
struct Arrived {
    headers: HeaderMap,
    body: Bytes,
}

/// What has arrived where, and how receivers answer.
#[derive(Default)]
struct Desk {
    arrived: BTreeMap<String, Vec<Arrived>>,
    answers: BTreeMap<String, Answer>,
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    /// This status.
    Status(u16),
    /// This status so many times, and then 200.
    Until(u16, usize),
    /// 503, and to be asked again after so many seconds.
    Later(u64),
    /// None at all.
    Never,
}

type Shared = Arc<Mutex<Desk>>;

async fn receive(
    State(desk): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, Bytes) {
    let (echo, mut own) = (body.clone(), HeaderMap::new());
    let answer = {
        let mut desk = desk.lock().unwrap();
        let arrived = desk.arrived.entry(name.clone()).or_default();
        arrived.push(Arrived { headers, body });
        let times = arrived.len();
        match desk.answers.get(&name) {
            None => Some(200),
            Some(Answer::Status(status)) => Some(*status),
            Some(Answer::Until(status, count)) => Some(if times <= *count { *status } else { 200 }),
            Some(Answer::Later(seconds)) => {
                own.insert("retry-after", (*seconds).into());
                Some(503)
            }
            Some(Answer::Never) => None,
        }
    };
    match answer {
        Some(status) => (StatusCode::from_u16(status).unwrap(), own, echo),
        None => std::future::pending().await,
    }
}

/// Receivers on loopback, which answer with what they were sent; where they listen.
async fn receivers() -> (Shared, String) {
    let desk = Shared::default();
    let app = Router::new().route("/{name}", post(receive)).with_state(Arc::clone(&desk));
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", socket.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(socket, app).await });
    (desk, base)
}

/// A store, a channel of subscribers and their receivers.
struct Field {
    store: Arc<dyn Whole>,
    place: Place,
    many: Arc<dyn Many>,
    desk: Shared,
    base: String,
    lease: Lease,
    version: u64,
    running: Option<(JoinHandle<()>, CancellationToken, Arc<Notify>)>,
    _dir: TempDir,
}

fn listener() -> Listener {
    Listener {
        channel: channel("open"),
        audience: Audience::Public,
        form: nadhir::message::Form::Json,
        languages: Language::ALL.to_vec(),
        min_severity: Severity::Advisory,
        hazards: None,
        governorates: None,
        manner: Manner::default(),
        picture: None,
    }
}

/// What sends to subscribers, with the key in a directory.
fn many_of(dir: &std::path::Path) -> Arc<dyn Many> {
    let settings = "secret = { file = \"key\" }\nallow = [\"127.0.0.0/8\"]\ntimeout = \"2s\"\n";
    let opener = read("subscribers", settings);
    assert!(!format!("{opener:?}").contains(KEY));
    opener.open(&World::new(dir.to_owned()).unwrap()).unwrap().many().unwrap()
}

impl Field {
    async fn open(kind: Kind) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("key"), KEY).unwrap();
        let many = many_of(dir.path());
        let place = Place::new(dir.path(), "nadhir", kind);
        let store: Arc<dyn Whole> = place.open().await.into();
        let lease = store.lead(at(0)).await.unwrap();
        let (desk, base) = receivers().await;
        Self { store, place, many, desk, base, lease, version: 0, running: None, _dir: dir }
    }

    async fn subscribe(&self, name: &str, wishes: Wishes) -> i64 {
        self.enter(name, wishes, Member::Active).await
    }

    async fn enter(&self, name: &str, wishes: Wishes, state: Member) -> i64 {
        let url = format!("{}/{name}", self.base);
        let new = NewSubscriber { name: name.to_owned(), url, wishes, pace: None, state };
        self.store.subscribe(channel("open"), vec![new], at(-60)).await.unwrap()[0]
    }

    fn answer(&self, name: &str, answer: Answer) {
        self.desk.lock().unwrap().answers.insert(name.to_owned(), answer);
    }

    /// Says an edition, red rain in Jeddah unless it is changed.
    async fn say(&mut self, edition: u32, change: impl FnOnce(&mut Bulletin)) {
        let mut commit = said(self.version, NUMBER, edition, &["open"]);
        let bulletin = commit.bulletins.first_mut().unwrap();
        change(bulletin);
        let body = serde_json::json!({
            "type": "warning", "timestamp": bulletin.issued, "data": {
                "id": bulletin.id, "areas": [{ "id": "jeddah" }],
                "text": { "ar": { "headline": "إنذار" }, "en": { "headline": "Warning" } },
            },
        });
        commit.messages.first_mut().unwrap().body = body.to_string();
        let delivery = commit.deliveries.first_mut().unwrap();
        delivery.urgency = urgency(bulletin.change, bulletin.severity);
        self.commit(commit).await;
    }

    async fn commit(&mut self, commit: Commit) {
        self.store.commit(self.lease, commit).await.unwrap();
        self.version += 1;
        if let Some((.., bell)) = &self.running {
            bell.notify_one();
        }
    }

    fn start(&mut self) {
        self.start_with(self.store.clone());
    }

    fn start_with(&mut self, store: Arc<dyn Store>) {
        self.start_reporting(store, None);
    }

    fn start_reporting(&mut self, store: Arc<dyn Store>, orders: Option<mpsc::Sender<Order>>) {
        let (stop, bell) = (CancellationToken::new(), Arc::new(Notify::new()));
        let clock = Clock::scaled(at(1), 1.0);
        let mut fanout = Fanout::new(listener(), Arc::clone(&self.many), store, Sights::default());
        if let Some(orders) = orders {
            fanout = fanout.reporting(Line::to(orders));
        }
        let (own_bell, own_stop) = (Arc::clone(&bell), stop.clone());
        let running = tokio::spawn(async move { fanout.run(clock, own_bell, own_stop).await });
        self.running = Some((running, stop, bell));
    }

    async fn stop(&mut self) {
        let (running, stop, _) = self.running.take().unwrap();
        stop.cancel();
        running.await.unwrap();
    }

    fn count(&self, name: &str) -> usize {
        self.desk.lock().unwrap().arrived.get(name).map_or(0, Vec::len)
    }

    fn arrived(&self, name: &str) -> Vec<Arrived> {
        self.desk.lock().unwrap().arrived.get(name).cloned().unwrap_or_default()
    }

    /// How the deliveries to the channel stand, and what is noted of the last.
    async fn standings(&self) -> (Vec<Standing>, String) {
        let rows = self.store.deliveries().await.unwrap();
        let note = rows.last().and_then(|row| row.note.clone()).unwrap_or_default();
        (rows.iter().map(|row| row.standing).collect(), note)
    }

    /// How one stands, and why.
    async fn states(&self, name: &str) -> (Member, Option<String>) {
        let found = self.store.subscriber(channel("open"), name.to_owned()).await.unwrap().unwrap();
        (found.state, found.why)
    }

    async fn until<F: Future<Output = bool>>(&self, what: &str, mut look: impl FnMut() -> F) {
        let end = Instant::now() + PATIENCE;
        while !look().await {
            assert!(Instant::now() < end, "waited in vain for {what}: {:?}", self.standings().await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn until_settled(&self, standing: Standing) -> String {
        self.until("the delivery", || async { self.standings().await.0.last() == Some(&standing) }).await;
        self.standings().await.1
    }
}

async fn each_subscriber_gets_it_once_signed_with_a_secret_of_its_own(kind: Kind) {
    let mut field = Field::open(kind).await;
    let names: Vec<String> = (0..1_300).map(|number| format!("s{number}")).collect();
    let mut ids = Vec::new();
    for name in &names {
        ids.push(field.subscribe(name, Wishes::default()).await);
    }
    field.say(1, |_| {}).await;
    field.start();
    let note = field.until_settled(Standing::Delivered).await;
    assert_eq!(note, "1300 subscribers");
    assert!(names.iter().all(|name| field.count(name) == 1));
    let of = |place: usize| field.arrived(&names[place]).remove(0);
    let (one, other) = (of(0), of(1_299));
    let secret = |place: usize| field.many.secret(ids[place], 1).unwrap();
    assert_eq!(one.headers["webhook-id"], other.headers["webhook-id"]);
    assert_eq!(verify(&secret(0), &one.headers, &one.body, at(1), TOLERANCE), Ok(()));
    assert!(verify(&secret(1_299), &one.headers, &one.body, at(1), TOLERANCE).is_err());
    assert_eq!(verify(&secret(1_299), &other.headers, &other.body, at(1), TOLERANCE), Ok(()));
    field.stop().await;
    field.start();
    field.say(2, |bulletin| bulletin.change = Change::Updated).await;
    field.until_settled(Standing::Delivered).await;
    assert!(names.iter().all(|name| field.count(name) == 2), "the first word is told to nobody again");
    field.stop().await;
}

async fn who_does_not_hear_of_it_is_not_told_and_who_is_paused_or_came_later_neither(kind: Kind) {
    let mut field = Field::open(kind).await;
    let taif = Wishes { governorates: BTreeSet::from([GovernorateId::new("taif").unwrap()]), ..Wishes::default() };
    let dust = Wishes { hazards: BTreeSet::from([Hazard::Dust]), ..Wishes::default() };
    let red = Wishes { min_severity: Some(Severity::Red), ..Wishes::default() };
    let english = Wishes { languages: vec![Language::En], ..Wishes::default() };
    for (name, wishes) in
        [("taif", taif), ("dust", dust), ("red", red), ("english", english), ("all", Wishes::default())]
    {
        field.subscribe(name, wishes).await;
    }
    field.enter("paused", Wishes::default(), Member::Paused).await;
    field.enter("unverified", Wishes::default(), Member::Unverified).await;
    let late = NewSubscriber {
        name: "late".to_owned(),
        url: format!("{}/late", field.base),
        wishes: Wishes::default(),
        pace: None,
        state: Member::Active,
    };
    field.store.subscribe(channel("open"), vec![late], at(1)).await.unwrap();
    field.say(1, |_| {}).await;
    field.start();
    assert_eq!(field.until_settled(Standing::Delivered).await, "3 subscribers, 4 do not hear of it");
    let told: Vec<&str> = ["taif", "dust", "red", "english", "all", "paused", "unverified", "late"]
        .into_iter()
        .filter(|name| field.count(name) == 1)
        .collect();
    assert_eq!(told, ["red", "english", "all"]);
    let body = |name: &str| String::from_utf8(field.arrived(name)[0].body.to_vec()).unwrap();
    assert!(body("all").contains("إنذار") && !body("english").contains("إنذار") && body("english").contains("Warning"));
    // Who heard it at its worst hears how it goes on; the correction goes to those who have what it takes back, and to nobody else.
    field
        .say(2, |bulletin| {
            bulletin.severity = Severity::Yellow;
            bulletin.change = Change::Lowered;
            bulletin.reach.take_in(&Reach::new(Hazard::Rain, Severity::Red));
        })
        .await;
    field.until("the second edition", || async { field.count("red") == 2 }).await;
    field.until_settled(Standing::Delivered).await;
    assert_eq!(field.count("late"), 0);
    field.say(3, |bulletin| bulletin.change = Change::Corrected).await;
    field.until("the correction", || async { field.standings().await.0.len() == 3 }).await;
    field.until_settled(Standing::Delivered).await;
    assert_eq!(["red", "english", "all"].map(|name| field.count(name)), [3, 3, 3]);
    assert_eq!(["taif", "dust", "paused", "late"].map(|name| field.count(name)), [0, 0, 0, 0]);
    field.stop().await;
}

async fn who_hangs_or_fails_delays_nobody_and_is_tried_again_under_the_same_key(kind: Kind) {
    let mut field = Field::open(kind).await;
    for name in ["fine", "flaky", "broken", "hanging", "gone"] {
        field.subscribe(name, Wishes::default()).await;
    }
    field.answer("flaky", Answer::Until(503, 2));
    field.answer("broken", Answer::Status(500));
    field.answer("hanging", Answer::Never);
    field.answer("gone", Answer::Status(410));
    field.say(1, |_| {}).await;
    field.start();
    field.until("the flaky one", || async { field.count("flaky") == 3 }).await;
    assert_eq!(field.count("fine"), 1, "once, however often others are tried");
    field.until("another try at the hanging one", || async { 2 <= field.count("hanging") }).await;
    assert_eq!((field.count("gone"), field.standings().await.0), (1, vec![Standing::Owed]));
    assert_eq!(field.states("gone").await.0, Member::Disabled);
    let keys: BTreeSet<_> =
        field.arrived("hanging").iter().map(|one| one.headers["webhook-id"].to_str().unwrap().to_owned()).collect();
    assert_eq!(keys.len(), 1);
    // A newer word goes to all of them; the older one is over, also where it did not arrive.
    field.desk.lock().unwrap().answers.clear();
    field.say(2, |bulletin| bulletin.change = Change::Lifted).await;
    field.until("the newer word", || async { field.standings().await.0.last() == Some(&Standing::Delivered) }).await;
    field.until("the end of the older", || async { field.standings().await.0[0] == Standing::Superseded }).await;
    assert_eq!(field.count("fine"), 2);
    let last = |name: &str| String::from_utf8(field.arrived(name).last().unwrap().body.to_vec()).unwrap();
    assert!(["broken", "hanging"].iter().all(|name| last(name).contains("000001.2")));
    assert_eq!(field.count("gone"), 1, "whoever said that it is gone is not asked again");
    field.stop().await;
}

async fn who_is_gone_is_disabled_with_its_reason_and_hears_again_once_it_is_let_in(kind: Kind) {
    let mut field = Field::open(kind).await;
    let id = field.subscribe("gone", Wishes::default()).await;
    field.subscribe("fine", Wishes::default()).await;
    field.answer("gone", Answer::Status(410));
    field.say(1, |_| {}).await;
    field.start();
    assert_eq!(field.until_settled(Standing::Delivered).await, "1 subscribers, 1 refused");
    field.stop().await;
    let (state, why) = field.states("gone").await;
    assert!(state == Member::Disabled && why.as_deref().unwrap().contains("answered 410 Gone"), "{why:?}");
    field.desk.lock().unwrap().answers.clear();
    field.start();
    field.say(2, |bulletin| bulletin.change = Change::Updated).await;
    field.until_settled(Standing::Delivered).await;
    assert_eq!((field.count("gone"), field.count("fine")), (1, 2));
    assert!(field.store.edit_subscriber(id, Edit::State(Member::Active)).await.unwrap());
    assert_eq!(field.states("gone").await, (Member::Active, None));
    field.say(3, |bulletin| bulletin.change = Change::Updated).await;
    field.until("the one that was let in", || async { field.count("gone") == 2 }).await;
    field.stop().await;
}

/// A brain that does nothing but take note of what it is told, and may refuse.
fn note_taker(takes: bool) -> (mpsc::Sender<Order>, Arc<Mutex<Vec<Event>>>) {
    let (orders, mut inbox) = mpsc::channel(8);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let own = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Some(order) = inbox.recv().await {
            let Order::Happened(event, done) = order else { panic!("nothing else is asked") };
            own.lock().unwrap().push(*event);
            if takes {
                done.send(()).unwrap();
            }
        }
    });
    (orders, heard)
}

async fn that_one_was_disabled_is_told_until_it_is_committed_and_not_once_more(kind: Kind) {
    let mut field = Field::open(kind).await;
    field.subscribe("gone", Wishes::default()).await;
    field.answer("gone", Answer::Status(410));
    field.say(1, |_| {}).await;
    // The first brain ends before it commits, the second commits, and the third hears nothing more.
    for (takes, count) in [(false, 1), (true, 1), (true, 0)] {
        let (orders, heard) = note_taker(takes);
        field.start_reporting(field.store.clone(), Some(orders));
        field.until("the word", || async { count <= heard.lock().unwrap().len() }).await;
        if count == 0 {
            field.say(2, |_| {}).await;
            field.until_settled(Standing::Delivered).await;
        }
        field.stop().await;
        let heard = heard.lock().unwrap();
        assert_eq!(heard.len(), count);
        for event in heard.iter() {
            let Event::Disabled { channel, subscribers } = event else { panic!("{event:?}") };
            assert_eq!((channel.as_str(), subscribers[0].name.as_str()), ("open", "gone"));
            assert!(subscribers[0].why.contains("410"), "{subscribers:?}");
        }
    }
}

async fn what_is_told_before_a_stop_is_not_told_after_it_and_the_rest_is(kind: Kind) {
    let mut field = Field::open(kind).await;
    for number in 0..40 {
        field.subscribe(&format!("s{number}"), Wishes::default()).await;
    }
    field.answer("s7", Answer::Until(503, 1));
    field.say(1, |_| {}).await;
    field.start();
    field.until("the first", || async { field.count("s39") == 1 && field.count("s7") == 1 }).await;
    field.stop().await;
    assert_eq!(field.standings().await.0, [Standing::Owed]);
    field.start();
    assert_eq!(field.until_settled(Standing::Delivered).await, "40 subscribers");
    assert_eq!((field.count("s7"), field.count("s39")), (2, 1));
    field.stop().await;
}

async fn a_new_secret_signs_beside_the_old_one_and_nobody_inside_is_asked_unless_it_is_allowed(kind: Kind) {
    let mut field = Field::open(kind).await;
    let id = field.subscribe("one", Wishes::default()).await;
    assert!(field.store.edit_subscriber(id, Edit::Rotate(at(600))).await.unwrap());
    let inner = NewSubscriber {
        name: "inner".to_owned(),
        url: "https://10.0.0.1/x".to_owned(),
        wishes: Wishes::default(),
        pace: None,
        state: Member::Active,
    };
    field.store.subscribe(channel("open"), vec![inner], at(-60)).await.unwrap();
    field.say(1, |_| {}).await;
    field.start();
    field.until("the one", || async { field.count("one") == 1 }).await;
    let one = field.arrived("one").remove(0);
    for generation in [1, 2] {
        let secret = field.many.secret(id, generation).unwrap();
        assert_eq!(verify(&secret, &one.headers, &one.body, at(1), TOLERANCE), Ok(()), "{generation}");
    }
    field.stop().await;
    let (standings, note) = field.standings().await;
    assert_eq!(standings, [Standing::Owed]);
    assert!(note.contains("10.0.0.1") && note.contains("not of the open internet"), "{note}");
}

async fn a_pace_of_its_own_holds_one_back_and_nobody_else(kind: Kind) {
    let mut field = Field::open(kind).await;
    field.subscribe("fast", Wishes::default()).await;
    let slow = NewSubscriber {
        name: "slow".to_owned(),
        url: format!("{}/slow", field.base),
        wishes: Wishes::default(),
        pace: Some("1/min".to_owned()),
        state: Member::Active,
    };
    field.store.subscribe(channel("open"), vec![slow], at(-60)).await.unwrap();
    field.say(1, |_| {}).await;
    field.start();
    field.until_settled(Standing::Delivered).await;
    field.say(2, |bulletin| bulletin.change = Change::Updated).await;
    field.until("the fast one", || async { field.count("fast") == 2 }).await;
    assert_eq!(field.count("slow"), 1);
    field.stop().await;
    assert_eq!(field.standings().await.0, [Standing::Delivered, Standing::Owed]);
}

async fn death_at_any_call_of_the_store_loses_nobody_and_tells_under_the_same_key(kind: Kind) {
    // It asks who is disabled without a word, for what is due, for who is owed, to store what became of each, for the count, and to settle.
    for call in 0..9 {
        for death in [Death::Before(call), Death::After(call)] {
            let mut field = Field::open(kind).await;
            for name in ["a", "b", "c"] {
                field.subscribe(name, Wishes::default()).await;
            }
            field.say(1, |_| {}).await;
            let mortal = Mortal::new(field.place.open().await, death);
            field.start_with(mortal.store());
            field
                .until("the death", || async { mortal.is_dead() || field.standings().await.0 == [Standing::Delivered] })
                .await;
            let (running, ..) = field.running.take().unwrap();
            running.abort();
            drop(running.await);
            // Whoever takes the lead ends the leases of those who are gone.
            field.lease = field.store.lead(at(2)).await.unwrap();
            field.start();
            assert_eq!(field.until_settled(Standing::Delivered).await, "3 subscribers", "{death:?}");
            for name in ["a", "b", "c"] {
                let keys: BTreeSet<_> = field
                    .arrived(name)
                    .iter()
                    .map(|one| one.headers["webhook-id"].to_str().unwrap().to_owned())
                    .collect();
                assert!(keys.len() == 1 && field.count(name) <= 2, "{death:?}: {name} {}", field.count(name));
            }
            field.stop().await;
        }
    }
}

on_both! {
    each_subscriber_gets_it_once_signed_with_a_secret_of_its_own,
    who_does_not_hear_of_it_is_not_told_and_who_is_paused_or_came_later_neither,
    who_hangs_or_fails_delays_nobody_and_is_tried_again_under_the_same_key,
    who_is_gone_is_disabled_with_its_reason_and_hears_again_once_it_is_let_in,
    that_one_was_disabled_is_told_until_it_is_committed_and_not_once_more,
    what_is_told_before_a_stop_is_not_told_after_it_and_the_rest_is,
    a_new_secret_signs_beside_the_old_one_and_nobody_inside_is_asked_unless_it_is_allowed,
    a_pace_of_its_own_holds_one_back_and_nobody_else,
    death_at_any_call_of_the_store_loses_nobody_and_tells_under_the_same_key,
}
