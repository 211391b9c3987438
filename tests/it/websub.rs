//! The web face and its hub, as a subscriber of WebSub and a reader of feeds meet them: real sockets, a real store of either kind, the
//! courier of the service, and a receiver that answers as a test wants. The documents are synthetic.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use nadhir::bulletin::{Bulletin, Change};
use nadhir::daemon::Sights;
use nadhir::daemon::clock::Clock;
use nadhir::daemon::fanout::Fanout;
use nadhir::hazard::Severity;
use nadhir::ids::{BulletinId, GovernorateId};
use nadhir::language::Language;
use nadhir::message::Form;
use nadhir::outbox::{Standing, urgency};
use nadhir::route::manner::Manner;
use nadhir::route::{Audience, Listener};
use nadhir::sink::{Many, World};
use nadhir::store::Lease;
use nadhir::store::faulty::{Fate, Faulty};
use nadhir::subscriber::{State as Member, Subscriber};
use nadhir::time::{TimeDelta, Timestamp};
use nadhir::web::{Face, Shelf, Web};
use ring::hmac;
use roxmltree::Document;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

mod program;
mod refusals;

use super::both::on_both;
use super::postgres::{Kind, Place, Whole};
use super::process::PATIENCE;
use super::sinks::read;
use super::stores::{at, channel, said};

const KEY: &str = "d2Vic3ViIGtleSBvZiBhIHRlc3QsIGFuZCBub2JvZHkgZWxzZSdz";
const ATOM: &str = "http://www.w3.org/2005/Atom";
const CAP: &str = "urn:oasis:names:tc:emergency:cap:1.2";

/// One push as it arrived.
#[derive(Debug, Clone)]
struct Pushed {
    headers: HeaderMap,
    body: Bytes,
}

/// How a receiver answers when it is asked whether it means it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Answer {
    /// With the challenge.
    #[default]
    Yes,
    /// With 404.
    No,
    /// With something else.
    Nonsense,
    /// With 503 at first, and then with the challenge.
    NotYet,
}

/// What has arrived where.
#[derive(Default)]
struct Desk {
    asked: BTreeMap<String, Vec<HashMap<String, String>>>,
    pushed: BTreeMap<String, Vec<Pushed>>,
    answers: BTreeMap<String, Answer>,
}

type Shared = Arc<Mutex<Desk>>;

async fn confirm(
    State(desk): State<Shared>,
    Path(name): Path<String>,
    RawQuery(asked): RawQuery,
) -> (StatusCode, String) {
    let asked = asked.unwrap_or_default();
    let asked: HashMap<String, String> = url::form_urlencoded::parse(asked.as_bytes()).into_owned().collect();
    let mut desk = desk.lock().unwrap();
    let challenge = asked.get("hub.challenge").cloned().unwrap_or_default();
    let answer = desk.answers.get(&name).copied().unwrap_or_default();
    desk.asked.entry(name.clone()).or_default().push(asked);
    match answer {
        Answer::Yes => (StatusCode::OK, challenge),
        Answer::No => (StatusCode::NOT_FOUND, challenge),
        Answer::Nonsense => (StatusCode::OK, format!("{challenge}!")),
        Answer::NotYet => {
            desk.answers.insert(name, Answer::Yes);
            (StatusCode::SERVICE_UNAVAILABLE, String::new())
        }
    }
}

async fn push(State(desk): State<Shared>, Path(name): Path<String>, headers: HeaderMap, body: Bytes) -> StatusCode {
    desk.lock().unwrap().pushed.entry(name).or_default().push(Pushed { headers, body });
    StatusCode::ACCEPTED
}

/// Receivers on loopback; where they listen.
async fn receivers() -> (Shared, String) {
    let desk = Shared::default();
    let app = Router::new().route("/{name}", get(confirm).post(push)).with_state(Arc::clone(&desk));
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", socket.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(socket, app).await });
    (desk, base)
}

fn listener() -> Listener {
    Listener {
        channel: channel("feed"),
        audience: Audience::Public,
        form: Form::Cap,
        languages: Language::ALL.to_vec(),
        min_severity: Severity::Advisory,
        hazards: None,
        governorates: None,
        manner: Manner::default(),
        picture: None,
    }
}

/// A store, its web face, a courier, and receivers.
struct Field {
    store: Arc<dyn Whole>,
    is_broken: Arc<Mutex<bool>>,
    now: Arc<Mutex<Timestamp>>,
    lease: Lease,
    version: u64,
    desk: Shared,
    base: String,
    /// Where the web face is.
    face: String,
    http: reqwest::Client,
    bell: Arc<Notify>,
    stop: CancellationToken,
    running: Vec<JoinHandle<()>>,
    _dir: TempDir,
}

impl Field {
    async fn open(kind: Kind) -> Self {
        Self::with(kind, "most = 10\nallow = [\"127.0.0.0/8\"]\n").await
    }

    async fn with(kind: Kind, settings: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("key"), KEY).unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let face = format!("http://{}/makkah/", socket.local_addr().unwrap());
        let title = "title = { ar = \"تحذيرات\", en = \"Warnings\" }";
        let opener = read(
            "websub",
            &format!("url = {face:?}\n{title}\nsecret = {{ file = \"key\" }}\ntimeout = \"2s\"\n{settings}"),
        );
        assert!(!format!("{opener:?}").contains(KEY));
        let many = opener.open(&World::new(dir.path().to_owned()).unwrap()).unwrap().many().unwrap();
        let store: Arc<dyn Whole> = Place::new(dir.path(), "nadhir", kind).open().await.into();
        let lease = store.lead(at(0)).await.unwrap();
        let (desk, base) = receivers().await;
        let (is_broken, now) = (Arc::new(Mutex::new(false)), Arc::new(Mutex::new(at(0))));
        let fate = Arc::clone(&is_broken);
        let shown = Faulty::new(store.clone(), move || if *fate.lock().unwrap() { Fate::Before } else { Fate::Done });
        let mut field = Self {
            store,
            is_broken,
            now,
            lease,
            version: 0,
            desk,
            base,
            face,
            http: reqwest::Client::builder().build().unwrap(),
            bell: Arc::default(),
            stop: CancellationToken::new(),
            running: Vec::new(),
            _dir: dir,
        };
        field.start(socket, &many, Arc::new(shown));
        field
    }

    fn start(&mut self, socket: TcpListener, many: &Arc<dyn Many>, shown: Arc<Faulty>) {
        let shelf = Shelf { listener: listener(), many: Arc::clone(many) };
        let (config, _) = nadhir::config::load(None).unwrap();
        let (_, face) = watch::channel(Arc::new(Face { shelves: vec![shelf], places: config.governorates }));
        let clock = Arc::clone(&self.now);
        let web = Arc::new(Web::new(face, shown, Arc::new(move || *clock.lock().unwrap())));
        self.running.push(tokio::spawn(web.run(socket, self.stop.clone())));
        let fanout = Fanout::new(listener(), Arc::clone(many), self.store.clone(), Sights::default());
        let (bell, stop) = (Arc::clone(&self.bell), self.stop.clone());
        self.running.push(tokio::spawn(async move { fanout.run(Clock::scaled(at(1), 1.0), bell, stop).await }));
    }

    /// Asks something of the hub; the status and the words of its answer.
    async fn ask(&self, form: &[(&str, &str)]) -> (u16, String) {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.http.post(format!("{}hub", self.face)).body(form);
        let answer = request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Has a receiver asked whether it wants to hear a topic, and waits until it was entered, or not.
    async fn subscribe(&self, name: &str, topic: &str, more: &[(&str, &str)]) {
        let (topic, callback) = (format!("{}{topic}", self.face), format!("{}/{name}", self.base));
        let before = self.count_asked(name);
        let form = [&[("hub.mode", "subscribe"), ("hub.topic", &topic), ("hub.callback", &callback)], more].concat();
        assert_eq!(self.ask(&form).await, (202, "it is confirmed at the callback next\n".to_owned()));
        self.until("the question", || async { before < self.count_asked(name) }).await;
    }

    async fn enter(&self, name: &str, topic: &str, more: &[(&str, &str)]) -> Subscriber {
        self.subscribe(name, topic, more).await;
        let url = format!("{}/{name}", self.base);
        self.until("the subscription", || async { self.known().await.iter().any(|one| one.url == url) }).await;
        self.known().await.into_iter().find(|one| one.url == url).unwrap()
    }

    async fn known(&self) -> Vec<Subscriber> {
        self.store.subscribers(None, 0, 99).await.unwrap()
    }

    fn count_asked(&self, name: &str) -> usize {
        self.desk.lock().unwrap().asked.get(name).map_or(0, Vec::len)
    }

    fn pushed(&self, name: &str) -> Vec<Pushed> {
        self.desk.lock().unwrap().pushed.get(name).cloned().unwrap_or_default()
    }

    /// Says an edition: red rain in Jeddah, as a document of CAP.
    async fn say(&mut self, number: &str, edition: u32, change: impl FnOnce(&mut Bulletin)) {
        let mut commit = said(self.version, number, edition, &["feed"]);
        let bulletin = commit.bulletins.first_mut().unwrap();
        change(bulletin);
        let message = commit.messages.first_mut().unwrap();
        message.body = document(bulletin);
        message.content_type = "application/cap+xml";
        let delivery = commit.deliveries.first_mut().unwrap();
        delivery.urgency = urgency(bulletin.change, bulletin.severity);
        self.store.commit(self.lease, commit).await.unwrap();
        self.version += 1;
        self.bell.notify_one();
    }

    async fn is_settled(&self, count: usize) {
        let is_so = || async {
            let rows = self.store.deliveries().await.unwrap();
            rows.len() == count && rows.iter().all(|row| row.standing != Standing::Owed)
        };
        self.until("the deliveries", is_so).await;
    }

    async fn until<F: Future<Output = bool>>(&self, what: &str, mut look: impl FnMut() -> F) {
        let end = Instant::now() + PATIENCE;
        while !look().await {
            assert!(Instant::now() < end, "waited in vain for {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn read(&self, path: &str) -> (u16, HeaderMap, String) {
        let answer = self.http.get(format!("{}{path}", self.face)).send().await.unwrap();
        (answer.status().as_u16(), answer.headers().clone(), answer.text().await.unwrap())
    }

    /// A feed once what was shown a moment ago is not shown again.
    async fn read_anew(&self, path: &str) -> Vec<String> {
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let (status, _, page) = self.read(path).await;
        assert_eq!(status, 200, "{page}");
        entries(&page)
    }

    async fn end(mut self) {
        self.stop.cancel();
        for one in self.running.drain(..) {
            one.await.unwrap();
        }
    }
}

/// A document as the house writes it.
fn document(bulletin: &Bulletin) -> String {
    let sent = bulletin.issued.with_timezone(&chrono_tz::Asia::Riyadh).format("%Y-%m-%dT%H:%M:%S%:z");
    let codes: String = bulletin.replaces.iter().map(|id| format!("  <code>replaces:{id}</code>\n")).collect();
    let (id, number) = (&bulletin.id, &bulletin.number);
    let kind = if bulletin.replaces.is_empty() { "Alert" } else { "Update" };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<alert xmlns=\"{CAP}\">\n  <identifier>{id}</identifier>\n  \
         <sender>nadhir.mkh</sender>\n  <sent>{sent}</sent>\n  <status>Actual</status>\n  <msgType>{kind}</msgType>\n  \
         <scope>Public</scope>\n{codes}  <incidents>{number}</incidents>\n  <info>\n    <language>ar-SA</language>\n    \
         <category>Met</category>\n    <headline>إنذار أحمر: أمطار غزيرة</headline>\n    <description>سيول</description>\n  \
         </info>\n  <info>\n    <language>en-US</language>\n    <headline>Red rain warning</headline>\n  </info>\n</alert>\n"
    )
}

/// The identifiers of the documents in a feed.
fn entries(page: &str) -> Vec<String> {
    let read = Document::parse(page).unwrap();
    assert!(read.root_element().has_tag_name((ATOM, "feed")), "{page}");
    let alerts = read.descendants().filter(|node| node.has_tag_name((CAP, "identifier")));
    alerts.map(|node| node.text().unwrap().to_owned()).collect()
}

fn references(page: &str) -> Option<String> {
    let read = Document::parse(page).unwrap();
    let found = read.descendants().find(|node| node.has_tag_name((CAP, "references")));
    found.and_then(|node| node.text()).map(str::to_owned)
}

fn signature(secret: &str, body: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body);
    format!("sha256={}", tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn links(headers: &HeaderMap) -> Vec<String> {
    headers.get_all("link").iter().map(|link| link.to_str().unwrap().to_owned()).collect()
}

async fn who_subscribes_is_asked_first_and_then_told_under_its_own_secret(kind: Kind) {
    let mut field = Field::open(kind).await;
    let (status, headers, empty) = field.read("warnings.atom").await;
    assert_eq!((status, entries(&empty).len()), (200, 0));
    assert!(empty.contains("An empty list does not mean that there is no danger"), "{empty}");
    let (hub, topic) = (format!("<{}hub>; rel=\"hub\"", field.face), format!("{}warnings.atom", field.face));
    assert_eq!(links(&headers), [hub.clone(), format!("<{topic}>; rel=\"self\"")]);

    field.enter("one", "warnings.atom", &[("hub.secret", "hunter2 "), ("hub.lease_seconds", "86400")]).await;
    field.enter("open", "warnings.atom", &[]).await;
    field.enter("taif", "places/taif.atom", &[]).await;
    field.enter("jeddah", "places/jeddah.atom", &[]).await;
    let asked = field.desk.lock().unwrap().asked["one"][0].clone();
    let of = |key: &str| asked[key].clone();
    assert_eq!(
        [of("hub.mode"), of("hub.topic"), of("hub.lease_seconds")],
        ["subscribe".to_owned(), topic.clone(), "86400".to_owned()]
    );
    assert_eq!(field.known().await[0].until, Some(at(86_400)));
    assert!(!format!("{:?}", field.known().await).contains("hunter2"));

    field.say("MKH-2025-000001", 1, |_| {}).await;
    field.is_settled(1).await;
    let note = field.store.deliveries().await.unwrap()[0].note.clone();
    assert_eq!(note.as_deref(), Some("3 subscribers, 1 do not hear of it"));
    let pushed = field.pushed("one").remove(0);
    assert_eq!(pushed.headers["x-hub-signature"], signature("hunter2 ", &pushed.body));
    assert_eq!(pushed.headers["content-type"], "application/atom+xml");
    assert_eq!(links(&pushed.headers), [hub, format!("<{topic}>; rel=\"self\"")]);
    let body = String::from_utf8(pushed.body.to_vec()).unwrap();
    assert_eq!(entries(&body), ["MKH-2025-000001.1"]);
    assert!(!field.pushed("open")[0].headers.contains_key("x-hub-signature"));
    assert_eq!(field.pushed("open")[0].body, pushed.body, "the same bytes for all of a feed");
    assert!(links(&field.pushed("jeddah")[0].headers)[1].contains("places/jeddah.atom"));
    assert!(field.pushed("taif").is_empty());

    // What was told stands in the feed, and the document by itself.
    assert_eq!(field.read_anew("warnings.atom").await, ["MKH-2025-000001.1"]);
    assert_eq!(field.read_anew("places/jeddah.atom").await, ["MKH-2025-000001.1"]);
    assert!(field.read_anew("places/taif.atom").await.is_empty());
    let (status, headers, alone) = field.read("alerts/MKH-2025-000001.1.xml").await;
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (200, "application/cap+xml"));
    assert!(body.contains(alone.split_once("?>").unwrap().1.trim()), "it is the one that was pushed");
    let tag = field.read("warnings.atom").await.1["etag"].clone();
    let again = field.http.get(&topic).header("if-none-match", tag).send().await.unwrap();
    assert_eq!((again.status().as_u16(), again.text().await.unwrap()), (304, String::new()));
    field.end().await;
}

async fn who_does_not_confirm_is_not_told_and_who_cannot_yet_is_asked_again(kind: Kind) {
    let mut field = Field::open(kind).await;
    for (name, answer) in [("no", Answer::No), ("nonsense", Answer::Nonsense), ("later", Answer::NotYet)] {
        field.desk.lock().unwrap().answers.insert(name.to_owned(), answer);
    }
    field.subscribe("no", "warnings.atom", &[]).await;
    field.subscribe("nonsense", "warnings.atom", &[]).await;
    field.enter("later", "warnings.atom", &[]).await;
    assert_eq!(field.count_asked("later"), 2);
    let names: Vec<String> = field.known().await.into_iter().map(|one| one.url).collect();
    assert_eq!(names, [format!("{}/later", field.base)]);
    // Nobody else can end it: it is asked of the one who is told.
    field.desk.lock().unwrap().answers.insert("later".to_owned(), Answer::No);
    let (topic, callback) = (format!("{}warnings.atom", field.face), format!("{}/later", field.base));
    let form = [("hub.mode", "unsubscribe"), ("hub.topic", topic.as_str()), ("hub.callback", callback.as_str())];
    assert_eq!(field.ask(&form).await.0, 202);
    field.until("the question", || async { field.count_asked("later") == 3 }).await;
    field.say("MKH-2025-000001", 1, |_| {}).await;
    field.is_settled(1).await;
    assert_eq!(field.pushed("later").len(), 1);
    field.desk.lock().unwrap().answers.clear();
    assert_eq!(field.ask(&form).await.0, 202);
    field.until("its end", || async { field.known().await.is_empty() }).await;
    let last = field.desk.lock().unwrap().asked["later"].last().cloned().unwrap();
    assert!(last["hub.mode"] == "unsubscribe" && !last.contains_key("hub.lease_seconds"), "{last:?}");
    field.end().await;
}

async fn a_subscription_goes_on_when_it_is_renewed_and_ends_with_its_time(kind: Kind) {
    let mut field = Field::open(kind).await;
    let first = field.enter("one", "warnings.atom", &[("hub.lease_seconds", "600"), ("hub.secret", "old")]).await;
    *field.now.lock().unwrap() = at(300);
    field.subscribe("one", "warnings.atom", &[("hub.lease_seconds", "600"), ("hub.secret", "new")]).await;
    field.until("the new terms", || async { field.known().await[0].until == Some(at(900)) }).await;
    assert_eq!((field.known().await[0].id, field.known().await[0].since), (first.id, first.since));
    field.say("MKH-2025-000001", 1, |bulletin| bulletin.issued = at(1)).await;
    field.is_settled(1).await;
    let pushed = field.pushed("one").remove(0);
    assert_eq!(pushed.headers["x-hub-signature"], signature("new", &pushed.body));
    // What is said at the end of its time or after it is not for it, though nobody has taken it out yet.
    field.say("MKH-2025-000002", 1, |bulletin| bulletin.issued = at(900)).await;
    field.is_settled(2).await;
    assert_eq!((field.pushed("one").len(), field.known().await.len()), (1, 1));
    assert_eq!(field.store.end_terms(at(899)).await.unwrap(), 0);
    assert_eq!(field.store.end_terms(at(900)).await.unwrap(), 1);
    assert!(field.known().await.is_empty());
    *field.now.lock().unwrap() = at(1_000);
    let anew = field.enter("one", "warnings.atom", &[("hub.lease_seconds", "1")]).await;
    assert!(anew.id != first.id && anew.until == Some(at(1_300)), "five minutes at least: {anew:?}");
    // One whom somebody paused stays so, whatever it asks.
    field.store.edit_subscriber(anew.id, nadhir::subscriber::Edit::State(Member::Paused)).await.unwrap();
    field.subscribe("one", "warnings.atom", &[("hub.lease_seconds", "999999999")]).await;
    field
        .until("the longest time", || async { field.known().await[0].until == Some(at(1_000) + TimeDelta::days(30)) })
        .await;
    assert_eq!(field.known().await[0].state, Member::Paused);
    field.end().await;
}

async fn a_document_names_the_editions_that_were_published_before_it_and_no_others(kind: Kind) {
    let mut field = Field::open(kind).await;
    field.enter("one", "warnings.atom", &[]).await;
    field.say("MKH-2025-000001", 1, |_| {}).await;
    field.is_settled(1).await;
    let unknown = BulletinId::new("MKH-2025-000009", 1);
    let replaces = vec![BulletinId::new("MKH-2025-000001", 1), unknown.clone()];
    field.say("MKH-2025-000001", 2, |bulletin| (bulletin.change, bulletin.replaces) = (Change::Raised, replaces)).await;
    field.is_settled(2).await;
    let text = |pushed: &Pushed| String::from_utf8(pushed.body.to_vec()).unwrap();
    let pushed = field.pushed("one");
    assert_eq!(references(&text(&pushed[0])), None);
    assert_eq!(
        references(&text(&pushed[1])).as_deref(),
        Some("nadhir.mkh,MKH-2025-000001.1,2025-12-09T03:00:00+03:00")
    );
    let (_, _, alone) = field.read("alerts/MKH-2025-000001.2.xml").await;
    assert!(text(&pushed[1]).contains(alone.split_once("?>").unwrap().1.trim()));
    // What takes the place of nothing that was published is new to whoever reads it.
    field.say("MKH-2025-000003", 1, |bulletin| bulletin.replaces = vec![unknown]).await;
    field.is_settled(3).await;
    let (_, _, alone) = field.read("alerts/MKH-2025-000003.1.xml").await;
    assert!(alone.contains("<msgType>Alert</msgType>") && references(&alone).is_none(), "{alone}");
    assert_eq!(field.read_anew("warnings.atom").await, ["MKH-2025-000003.1", "MKH-2025-000001.2", "MKH-2025-000001.1"]);
    // The correction of what was said of a place stands in the feed of that place.
    field
        .say("MKH-2025-000001", 3, |bulletin| {
            bulletin.change = Change::Corrected;
            bulletin.areas = Vec::new();
            bulletin.left = vec![GovernorateId::new("jeddah").unwrap()];
        })
        .await;
    field.is_settled(4).await;
    assert_eq!(field.read_anew("places/jeddah.atom").await[0], "MKH-2025-000001.3");
    assert_eq!(entries(&text(field.pushed("one").last().unwrap())), ["MKH-2025-000001.3"]);
    field.end().await;
}

async fn what_did_not_go_out_is_not_shown_and_no_answer_is_never_an_empty_list(kind: Kind) {
    let mut field = Field::open(kind).await;
    let mut held = said(0, "MKH-2025-000001", 1, &["feed"]);
    held.messages[0].body = document(&held.bulletins[0]);
    held.deliveries[0].terms.hold = nadhir::route::manner::Hold::Person;
    field.store.commit(field.lease, held).await.unwrap();
    field.version = 1;
    // What holds stands there however old it is, and what has run out a day after it was said does not.
    field.say("MKH-2025-000002", 1, |bulletin| bulletin.issued = at(-90_000)).await;
    let is_told = || async { field.store.deliveries().await.unwrap()[1].standing == Standing::Delivered };
    field.until("the delivery", is_told).await;
    assert_eq!(field.read_anew("warnings.atom").await, ["MKH-2025-000002.1"]);
    assert_eq!(field.read("alerts/MKH-2025-000001.1.xml").await.0, 404, "it waits for somebody's word");
    *field.now.lock().unwrap() = at(7_200);
    assert!(field.read_anew("warnings.atom").await.is_empty());
    assert_eq!(field.read("alerts/MKH-2025-000002.1.xml").await.0, 200, "what was published stays where it is");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    *field.is_broken.lock().unwrap() = true;
    for path in ["warnings.atom", "places/jeddah.atom", "alerts/MKH-2025-000002.1.xml"] {
        let (status, headers, text) = field.read(path).await;
        assert!(status == 503 && text.contains("does not mean that there is no warning"), "{path}: {status} {text}");
        assert!(headers.contains_key("retry-after") && !text.contains("was to fail"));
    }
    // Nor is anybody entered who cannot be; it is tried again.
    field.subscribe("one", "warnings.atom", &[]).await;
    *field.is_broken.lock().unwrap() = false;
    field.until("another try", || async { !field.known().await.is_empty() }).await;
    field.end().await;
}

async fn what_was_for_others_before_is_shown_to_nobody(kind: Kind) {
    let mut field = Field::open(kind).await;
    field.store.readdress(field.lease, vec![(channel("feed"), Audience::Staff)], at(0)).await.unwrap();
    let (status, _, text) = field.read("warnings.atom").await;
    assert_eq!(status, 503, "the channel is for the people on duty: {text}");
    field.say("MKH-2025-000001", 1, |bulletin| bulletin.issued = at(10)).await;
    field.store.readdress(field.lease, vec![(channel("feed"), Audience::Public)], at(20)).await.unwrap();
    field.say("MKH-2025-000002", 1, |bulletin| bulletin.issued = at(30)).await;
    let is_told = || async { field.store.deliveries().await.unwrap()[1].standing == Standing::Delivered };
    field.until("the delivery", is_told).await;
    assert_eq!(field.read_anew("warnings.atom").await, ["MKH-2025-000002.1"]);
    assert_eq!(field.read("alerts/MKH-2025-000001.1.xml").await.0, 404);
    field.end().await;
}

on_both!(
    who_subscribes_is_asked_first_and_then_told_under_its_own_secret,
    who_does_not_confirm_is_not_told_and_who_cannot_yet_is_asked_again,
    a_subscription_goes_on_when_it_is_renewed_and_ends_with_its_time,
    a_document_names_the_editions_that_were_published_before_it_and_no_others,
    what_did_not_go_out_is_not_shown_and_no_answer_is_never_an_empty_list,
    what_was_for_others_before_is_shown_to_nobody,
);
