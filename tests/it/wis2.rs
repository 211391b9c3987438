//! Real brokers (Mosquitto) and the real service: what is pushed is told once, survives brokers and services that are killed, and
//! is never read when it is not what was announced. The alerts are synthetic.

use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path as Address, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{TimeDelta, Utc};
use nadhir::listen::MAX_IN_HAND;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use ring::digest::{SHA512, digest};
use rumqttc::{Client, Event, MqttOptions, Packet, PublishOptions, QoS};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::outside::file_toml;
use super::process::{Process, wait_for};
use super::service::{Scene, stop};

const TOPIC: &str = "cache/a/wis2/sa-ncm/data/core/weather/advisories-warnings/synthetic";

/// A broker of its own on loopback; killed when dropped.
pub(super) struct Broker {
    child: Child,
    pub(super) port: u16,
    dir: TempDir,
}

impl Broker {
    pub(super) fn start() -> Self {
        Self::with("")
    }

    /// A broker with more lines in its configuration, whose files lie in its directory.
    pub(super) fn with(more: &str) -> Self {
        Self::within(tempfile::tempdir().unwrap(), more)
    }

    pub(super) fn within(dir: TempDir, more: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = dir.path().display();
        let config = format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n{more}\n")
            .replace("DIR", &at.to_string());
        std::fs::write(dir.path().join("mosquitto.conf"), config).unwrap();
        let child = mosquitto(dir.path());
        let broker = Self { child, port, dir };
        broker.is_up();
        broker
    }

    fn is_up(&self) {
        wait_for("a broker", || TcpStream::connect(("127.0.0.1", self.port)).ok());
    }

    /// As a power cut would.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(super) fn again(&mut self) {
        self.child = mosquitto(self.dir.path());
        self.is_up();
    }

    /// Publishes, and waits until the broker has it.
    fn publish(&self, message: &str) {
        let id = format!("publisher{}", fastrand::u32(..));
        let options = MqttOptions::new(id, ("127.0.0.1", self.port));
        let (client, mut connection) = Client::builder(options).capacity(4).build();
        client.publish(TOPIC, message.to_owned(), PublishOptions::new(QoS::AtLeastOnce)).unwrap();
        let acked = connection.iter().any(|event| matches!(event.unwrap(), Event::Incoming(Packet::PubAck(_))));
        assert!(acked, "the broker never took the message");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn mosquitto(dir: &Path) -> Child {
    // Debian puts it where only root's PATH looks.
    let program = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto"];
    let program = program.into_iter().find(|path| Path::new(path).exists()).unwrap_or("mosquitto");
    Command::new(program)
        .arg("-c")
        .arg(dir.join("mosquitto.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|why| {
            panic!("{program} is needed for this test and cannot be started ({why}): apt-get install mosquitto")
        })
}

/// A server of documents on loopback: what it has of each path, and how often it was asked for.
struct Documents {
    base: String,
    shared: Shelf,
    _runtime: Runtime,
}

/// Each document by its name, and how often it was asked for.
type Shelf = Arc<Mutex<BTreeMap<String, (Document, usize)>>>;

#[derive(Clone)]
enum Document {
    Is(String),
    /// It never ends.
    Hangs,
}

impl Documents {
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shared = Shelf::default();
        let router = Router::new().route("/{name}", get(document)).with_state(Arc::clone(&shared));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(axum::serve(listener, router).into_future());
        Self { base, shared, _runtime: runtime }
    }

    fn set(&self, name: &str, document: Document) {
        let mut shared = self.shared.lock().unwrap();
        let asked = shared.get(name).map_or(0, |(_, asked)| *asked);
        shared.insert(name.to_owned(), (document, asked));
    }

    fn asked(&self, name: &str) -> usize {
        self.shared.lock().unwrap().get(name).map_or(0, |(_, asked)| *asked)
    }
}

async fn document(State(shared): State<Shelf>, Address(name): Address<String>) -> Response {
    let found = shared.lock().unwrap().get_mut(&name).map(|(document, asked)| {
        *asked += 1;
        document.clone()
    });
    match found {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(Document::Is(text)) => text.into_response(),
        Some(Document::Hangs) => std::future::pending().await,
    }
}

/// A synthetic alert for Jeddah that is in force now.
fn alert(identifier: &str) -> String {
    let at = |minutes: i64| (Utc::now() + TimeDelta::minutes(minutes)).format("%Y-%m-%dT%H:%M:%S+00:00");
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>{identifier}</identifier>\
         <sender>synthetic@example.org</sender><sent>{}</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope>\
         <info><language>ar</language><event>أمطار رعدية</event><severity>Extreme</severity><certainty>Likely</certainty>\
         <onset>{}</onset><expires>{}</expires><headline>الإنذار الأحمر {identifier}</headline>\
         <area><areaDesc>محافظة جدة</areaDesc></area></info></alert>",
        at(-1),
        at(0),
        at(180)
    )
}

/// A notification with a name of its own.
fn notification(name: &str, properties: &Value, link: &str) -> String {
    let mut all =
        json!({"data_id": format!("wis2/sa-ncm/data/core/weather/advisories-warnings/{name}"), "pubtime": Utc::now()});
    all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    json!({
        "id": format!("31e9d66a-cd83-4174-9429-{name}"), "type": "Feature", "geometry": null, "properties": all,
        "conformsTo": ["http://wis.wmo.int/spec/wnm/1/conf/core"], "links": [{"rel": "canonical", "href": link}],
    })
    .to_string()
}

fn integrity(document: &str) -> Value {
    json!({"integrity": {"method": "sha512", "value": STANDARD.encode(digest(&SHA512, document.as_bytes()))}})
}

fn inline(name: &str) -> String {
    let alert = alert(name);
    let mut properties = integrity(&alert);
    properties["content"] = json!({"encoding": "utf-8", "value": alert, "size": alert.len()});
    notification(name, &properties, "http://127.0.0.1:9/never-asked")
}

/// The configuration of one feed at these brokers.
fn feeds(brokers: &[&str], more: &str) -> String {
    format!(
        "[pushed]\nname = {{ ar = \"مصدر اختبار\", en = \"a test feed\" }}\nkind = \"wis2\"\nbrokers = {brokers:?}\n\
             topics = [\"cache/a/wis2/sa-ncm/data/core/weather/advisories-warnings/#\"]\nreads = {{ kind = \"cap\" }}\n\
             every = \"10s\"\njitter = \"0s\"\ntimeout = \"60s\"\nattribution = \"synthetic, for a test\"\n{more}\n"
    )
}

/// A service that listens to these brokers, with an archive of what it tells the public.
fn scene(brokers: &[&str]) -> Scene {
    let scene = Scene::bare();
    scene.write("feeds.toml", &feeds(brokers, ""));
    scene.write("channels.toml", &file_toml("archive"));
    scene
}

fn plain(broker: &Broker) -> String {
    format!("mqtt://127.0.0.1:{}", broker.port)
}

/// Which alerts were told, in their order, each once for each time it was told.
fn told(scene: &Scene) -> Vec<String> {
    let name = |line: &Value| {
        let text = line.to_string();
        let after = text.split("الإنذار الأحمر ").nth(1).unwrap_or_else(|| panic!("{text}"));
        after.chars().take_while(char::is_ascii_alphanumeric).collect()
    };
    scene.lines("archive").iter().map(name).collect()
}

fn is_told(scene: &Scene, name: &str) {
    wait_for(name, || told(scene).contains(&name.to_owned()).then_some(()));
}

/// Waits for a line of the journal at or after a place; gives the place behind it.
fn notes(scene: &Scene, from: usize, what: &str) -> usize {
    wait_for(what, || {
        let journal = scene.journal();
        let found = journal.iter().skip(from).position(|line| {
            line["subject"] == "pushed" && line["text"].as_str().is_some_and(|text| text.contains(what))
        });
        found.map(|place| from + place + 1)
    })
}

/// Starts the service and waits until it listens.
fn listening(scene: &Scene) -> Process {
    let mut service = Process::start(&mut scene.command());
    service.says(0, "Ready with");
    service.says(0, "pushed is connected and listens");
    service
}

#[test]
fn what_two_brokers_announce_is_fetched_and_told_once() {
    let (one, two, documents) = (Broker::start(), Broker::start(), Documents::open());
    let scene = scene(&[&plain(&one), &plain(&two)]);
    let service = listening(&scene);
    let linked = alert("linked");
    documents.set("linked.xml", Document::Is(linked.clone()));
    let pointing = notification("linked", &integrity(&linked), &format!("{}/linked.xml", documents.base));
    one.publish(&pointing);
    two.publish(&pointing);
    is_told(&scene, "linked");
    let carrying = inline("carried");
    two.publish(&carrying);
    one.publish(&carrying);
    is_told(&scene, "carried");
    // The caches announce the same data under names of their own.
    let other_cache = pointing.replace("31e9d66a", "00000000");
    one.publish(&other_cache);
    // What comes last has everything before it behind it, through both brokers.
    let last = inline("last");
    one.publish(&last);
    two.publish(&inline("verylast"));
    is_told(&scene, "last");
    is_told(&scene, "verylast");
    let mut all = told(&scene);
    all.sort();
    assert_eq!(all, ["carried", "last", "linked", "verylast"]);
    assert_eq!(documents.asked("linked.xml"), 1, "one broker's notification is enough to fetch it");
    assert_eq!(stop(service).0.code, Some(0));
}

#[test]
fn a_document_that_is_not_what_was_announced_is_not_read_until_it_is() {
    let (one, documents) = (Broker::start(), Documents::open());
    let scene = scene(&[&plain(&one)]);
    let service = listening(&scene);
    let right = alert("right");
    documents.set("a.xml", Document::Is(alert("forged")));
    one.publish(&notification("right", &integrity(&right), &format!("{}/a.xml", documents.base)));
    // Another one does not wait for it.
    one.publish(&inline("meanwhile"));
    is_told(&scene, "meanwhile");
    notes(&scene, 0, "its sha512 is not the one announced, so it is not read");
    assert_eq!(told(&scene), ["meanwhile"]);
    documents.set("a.xml", Document::Is(right));
    is_told(&scene, "right");
    assert_eq!(told(&scene), ["meanwhile", "right"]);
    let rubbish = notification("rubbish", &json!({}), "ftp://example.org/a");
    one.publish(&rubbish);
    notes(&scene, 0, "only the web is followed");
    one.publish("{ \"hello\": 1 }");
    let place = notes(&scene, 0, "expected a notification of WIS2, found some other JSON");
    // Like an answer that cannot be read, it is kept for whoever looks into it.
    let line = scene.journal()[place - 1]["text"].as_str().unwrap().to_owned();
    let kept = line.split("kept aside as ").nth(1).unwrap_or_else(|| panic!("{line}"));
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "{ \"hello\": 1 }");
    assert!(kept.starts_with(scene.state.join("aside/pushed").to_str().unwrap()), "{kept}");
    assert_eq!(told(&scene), ["meanwhile", "right"]);
    assert_eq!(stop(service).0.code, Some(0));
}

/// As many as a broker hands over before it hears that one is done, and every one of them hangs.
#[test]
fn a_hundred_documents_that_cannot_be_had_do_not_keep_a_newer_warning_waiting() {
    let (one, documents) = (Broker::start(), Documents::open());
    let scene = scene(&[&plain(&one)]);
    let duty = "[duty]\nkind = \"file\"\naudience = \"staff\"\npath = \"duty.jsonl\"\n";
    scene.write("channels.toml", &format!("{}{duty}", file_toml("archive")));
    let service = listening(&scene);
    documents.set("hangs.xml", Document::Hangs);
    for number in 0..MAX_IN_HAND {
        one.publish(&notification(&format!("hangs{number}"), &json!({}), &format!("{}/hangs.xml", documents.base)));
    }
    one.publish(&inline("newer"));
    is_told(&scene, "newer");
    notes(&scene, 0, "asked for again for an hour, without its place at the broker");
    let notices = wait_for("a notice to the people on duty", || {
        let notices = scene.lines("duty");
        (!notices.is_empty()).then_some(notices)
    });
    assert!(notices[0].to_string().contains("not-had"), "{notices:?}");
    assert_eq!(stop(service).0.code, Some(0));
}

#[test]
fn one_broker_may_die_and_come_back_and_that_none_is_left_is_told() {
    let (mut one, mut two) = (Broker::start(), Broker::start());
    let scene = scene(&[&plain(&one), &plain(&two)]);
    let service = listening(&scene);
    one.kill();
    let place = notes(&scene, 0, &format!("{} is not heard", plain(&one)));
    two.publish(&inline("second"));
    is_told(&scene, "second");
    one.again();
    let place = notes(&scene, place, "is connected and listens");
    one.publish(&inline("first"));
    is_told(&scene, "first");
    one.kill();
    two.kill();
    let place = notes(&scene, place, "did not answer");
    let journal = scene.journal();
    let line = journal[place - 1]["text"].as_str().unwrap();
    assert!(line.contains(&plain(&one)) && line.contains(&plain(&two)), "{line}");
    assert_eq!(journal[place - 1]["kind"], "trouble");
    two.again();
    notes(&scene, place, &format!("{} is not heard", plain(&one)));
    two.publish(&inline("third"));
    is_told(&scene, "third");
    assert_eq!(told(&scene), ["second", "first", "third"]);
    assert_eq!(stop(service).0.code, Some(0));
}

#[test]
fn what_was_in_hand_when_the_service_died_and_what_came_while_it_was_away_is_told_once() {
    let (one, two, documents) = (Broker::start(), Broker::start(), Documents::open());
    let scene = scene(&[&plain(&one), &plain(&two)]);
    let service = listening(&scene);
    let slow = alert("slow");
    documents.set("slow.xml", Document::Hangs);
    let pointing = notification("slow", &integrity(&slow), &format!("{}/slow.xml", documents.base));
    one.publish(&pointing);
    two.publish(&pointing);
    wait_for("the document to be asked for", || (0 < documents.asked("slow.xml")).then_some(()));
    one.publish(&inline("done"));
    is_told(&scene, "done");
    service.kill();
    assert_eq!(told(&scene), ["done"], "what hangs was not told");
    two.publish(&inline("away"));
    documents.set("slow.xml", Document::Is(slow));
    let service = listening(&scene);
    is_told(&scene, "slow");
    is_told(&scene, "away");
    one.publish(&inline("after"));
    is_told(&scene, "after");
    let mut all = told(&scene);
    all.sort();
    assert_eq!(all, ["after", "away", "done", "slow"]);
    assert_eq!(stop(service).0.code, Some(0));
}

#[test]
fn a_broker_is_trusted_by_its_certificate_and_by_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    std::fs::write(dir.path().join("cert.pem"), certificate.pem()).unwrap();
    std::fs::write(dir.path().join("key.pem"), key.serialize_pem()).unwrap();
    let inside = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let open_door = format!("certfile DIR/cert.pem\nkeyfile DIR/key.pem\nlistener {inside} 127.0.0.1");
    let mut broker = Broker::within(dir, &open_door);
    let outside = broker.port;

    let scene = scene(&[&format!("mqtts://localhost:{outside}")]);
    let mut service = Process::start(&mut scene.command());
    let said = service.says(0, "pushed did not answer");
    service.says(said, "UnknownIssuer");

    scene.write("ca.pem", &authority.pem());
    let trusting = |host: &str| feeds(&[&format!("mqtts://{host}:{outside}")], "ca = \"ca.pem\"");
    scene.write("feeds.toml", &trusting("localhost"));
    service.signal("HUP");
    let said = service.says(said, "pushed is connected and listens");
    // The publisher comes through the door inside.
    broker.port = inside;
    broker.publish(&inline("safe"));
    is_told(&scene, "safe");

    // The same broker under a name that its certificate does not have.
    scene.write("feeds.toml", &trusting("127.0.0.1"));
    service.signal("HUP");
    let said = service.says(said, "pushed did not answer");
    service.says(said, "not valid for name");
    assert_eq!(stop(service).0.code, Some(0));
}

#[test]
fn a_copy_that_is_damaged_at_one_broker_does_not_hide_the_good_one_of_another() {
    let (one, two) = (Broker::start(), Broker::start());
    let scene = scene(&[&plain(&one), &plain(&two)]);
    let mut service = Process::start(&mut scene.command());
    service.says(0, "pushed is connected and listens");
    let good = inline("whole");
    let mut damaged: Value = serde_json::from_str(&good).unwrap();
    damaged["properties"]["content"]["value"] = "<alert".into();
    // It says that it listens once one of them is heard; a broker keeps nothing for those who have not come yet.
    wait_for("the damaged copy to be passed over", || {
        one.publish(&damaged.to_string());
        service.stderr().contains("parts were skipped").then_some(())
    });
    wait_for("the good copy to be told", || {
        two.publish(&good);
        told(&scene).contains(&"whole".to_owned()).then_some(())
    });
    is_told(&scene, "whole");
    assert_eq!(stop(service).0.code, Some(0));
}
