//! MQTT held against a real broker (Mosquitto), and against one on loopback that answers as a broker may: whoever subscribes later finds
//! what is so, and nothing is called taken that no PUBACK says.

use std::collections::BTreeMap;
use std::sync::Arc;

use nadhir::ids::BulletinId;
use nadhir::message::Form;
use nadhir::sink::{Parcel, Receipt, SendError, Sink, World};
use nadhir::time::TimeDelta;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rumqttc::{Client, Event, MqttOptions, Packet, Publish, PublishOptions, QoS};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::services::Meaning::{self, Later, Never, Taken, Unknown};
use super::{TOKEN, parcel, read};
use crate::wis2::Broker;

/// A message of the form json, told now and for so many minutes.
fn message(number: &str, edition: u32, more: &Value, minutes: i64) -> Parcel {
    let mut data = json!({ "id": format!("{number}.{edition}"), "number": number, "edition": edition, "hazard": "rain", "replaces": [] });
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let now = chrono::Utc::now();
    Parcel {
        key: format!("{number}.{edition}/json/ar+en/broker"),
        bulletin: BulletinId::new(number, edition),
        body: json!({ "type": "warning.issued", "data": data }).to_string().into(),
        now,
        expires: now + TimeDelta::minutes(minutes),
        pictures: Vec::new(),
        corrects: None,
        asks: None,
        ..parcel(1)
    }
}

fn places(ids: &[&str]) -> Value {
    ids.iter().map(|id| json!({ "id": id })).collect()
}

struct Channel {
    sink: Arc<dyn Sink>,
    _dir: TempDir,
}

fn channel(address: &str, more: &str) -> Channel {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("password"), TOKEN).unwrap();
    let opener = read("mqtt", &format!("broker = \"{address}\"\nprefix = \"w\"\n{more}"));
    assert!(opener.form() == Form::Json && !opener.takes(Form::Text) && !opener.takes(Form::Cap));
    assert!(!format!("{opener:?}").contains(TOKEN));
    Channel { sink: opener.open(&World::new(dir.path().to_owned()).unwrap()).unwrap(), _dir: dir }
}

fn at_port(port: u16) -> Channel {
    channel(&format!("mqtt://127.0.0.1:{port}"), "")
}

/// What a subscriber that comes now finds kept at the broker.
fn kept(port: u16) -> BTreeMap<String, Publish> {
    let id = format!("late{}", fastrand::u32(..));
    let (client, mut connection) = Client::builder(MqttOptions::new(id, ("127.0.0.1", port))).capacity(8).build();
    client.subscribe("w/#", QoS::AtLeastOnce).unwrap();
    let mut found = BTreeMap::new();
    for event in connection.iter() {
        match event.unwrap() {
            // What is kept comes before what is published after it.
            Event::Incoming(Packet::SubAck(_)) => {
                client.publish("w/end", "end", PublishOptions::new(QoS::AtLeastOnce)).unwrap();
            }
            Event::Incoming(Packet::Publish(publish)) => {
                let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
                if topic == "w/end" {
                    return found;
                }
                assert!(publish.retain, "{topic}");
                found.insert(topic, publish);
            }
            _ => {}
        }
    }
    panic!("the broker went away");
}

/// Each topic with the bulletin that is kept there.
async fn state(broker: &Broker) -> BTreeMap<String, String> {
    let port = broker.port;
    let kept = tokio::task::spawn_blocking(move || kept(port)).await.unwrap();
    let bulletin = |publish: &Publish| {
        let body: Value = serde_json::from_slice(&publish.payload).unwrap();
        body["data"]["id"].as_str().unwrap().to_owned()
    };
    kept.iter().map(|(topic, publish)| (topic.clone(), bulletin(publish))).collect()
}

fn map<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(topic, id)| (topic.to_owned(), id.to_owned())).into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn whoever_subscribes_later_finds_what_is_so() {
    let broker = Broker::start();
    let sink = at_port(broker.port).sink;
    assert_eq!(sink.probe().await, Ok(()));
    let first = message("A-1", 1, &json!({ "areas": places(&["jeddah", "taif"]) }), 60);
    assert_eq!(sink.send(&first).await, Ok(Receipt("PUBACK of 2 topics".to_owned())));
    sink.send(&message("B-2", 1, &json!({ "areas": places(&["jeddah"]) }), 60)).await.unwrap();
    let both = map([("w/jeddah/rain/A-1", "A-1.1"), ("w/taif/rain/A-1", "A-1.1"), ("w/jeddah/rain/B-2", "B-2.1")]);
    assert_eq!(state(&broker).await, both);
    // Taif is left, and is told so.
    let second = json!({ "areas": places(&["jeddah"]), "left": places(&["taif"]), "replaces": ["A-1.1"] });
    sink.send(&message("A-1", 2, &second, 60)).await.unwrap();
    assert_eq!(state(&broker).await["w/taif/rain/A-1"], "A-1.2");
    // An end takes the place of the word that it ends, and of no other warning's.
    let end = json!({ "areas": places(&["jeddah"]), "change": "lifted", "replaces": ["A-1.2"] });
    sink.send(&message("A-1", 3, &end, 30)).await.unwrap();
    let ended = map([("w/jeddah/rain/A-1", "A-1.3"), ("w/taif/rain/A-1", "A-1.3"), ("w/jeddah/rain/B-2", "B-2.1")]);
    assert_eq!(state(&broker).await, ended);
    // An older edition that is tried again takes no newer word away.
    let Receipt(receipt) = sink.send(&Parcel { attempt: 2, ..first }).await.unwrap();
    assert!(receipt.contains("edition 3 stands there"), "{receipt}");
    assert_eq!(state(&broker).await, ended);
    // A number that is replaced has no word of its own any more; a hazard that became another one is told under both.
    let joined = json!({ "areas": places(&["jeddah", "taif"]), "replaces": ["A-1.3", "B-2.1"] });
    at_port(broker.port).sink.send(&message("C-3", 1, &joined, 60)).await.unwrap();
    let third = map([("w/jeddah/rain/C-3", "C-3.1"), ("w/taif/rain/C-3", "C-3.1")]);
    assert_eq!(state(&broker).await, third);
}

#[tokio::test]
async fn what_is_kept_goes_by_itself_and_says_what_it_is() {
    let broker = Broker::start();
    let told = message("A-1", 1, &json!({ "areas": places(&["jeddah"]) }), 60);
    at_port(broker.port).sink.send(&told).await.unwrap();
    let port = broker.port;
    let kept = tokio::task::spawn_blocking(move || kept(port)).await.unwrap();
    let publish = &kept["w/jeddah/rain/A-1"];
    assert_eq!(publish.payload, told.body.as_bytes());
    let properties = publish.properties.as_ref().unwrap();
    let left = properties.message_expiry_interval.unwrap();
    assert!((3500..=3600).contains(&left), "{left}");
    assert_eq!(properties.content_type.as_deref(), Some("application/json"));
    let expected =
        [("key", told.key.as_str()), ("bulletin", "A-1.1")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(properties.user_properties, expected);
}

#[tokio::test]
async fn a_broker_that_dies_and_comes_back_has_the_word_in_the_end() {
    let mut broker =
        Broker::with("persistence true\npersistence_location DIR/\nautosave_interval 1\nautosave_on_changes true");
    let sink = at_port(broker.port).sink;
    let told = message("A-1", 1, &json!({ "areas": places(&["jeddah"]) }), 60);
    broker.kill();
    let Err(SendError::Later { why, .. }) = sink.send(&told).await else { panic!() };
    assert!(why.contains("cannot be reached"), "{why}");
    assert!(sink.probe().await.unwrap_err().contains("cannot be reached"));
    broker.again();
    sink.send(&Parcel { attempt: 2, ..told.clone() }).await.unwrap();
    assert_eq!(state(&broker).await, map([("w/jeddah/rain/A-1", "A-1.1")]));
    // The service starts anew and repeats what it is not sure of: it stands there once.
    at_port(broker.port).sink.send(&Parcel { attempt: 3, ..told }).await.unwrap();
    assert_eq!(state(&broker).await, map([("w/jeddah/rain/A-1", "A-1.1")]));
}

#[tokio::test]
async fn a_broker_is_trusted_by_its_certificate_and_trusts_by_the_password() {
    let dir = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    std::fs::write(dir.path().join("own.pem"), own.pem()).unwrap();
    std::fs::write(dir.path().join("own.key"), key.serialize_pem()).unwrap();
    std::fs::write(dir.path().join("acl"), "user nadhir\ntopic write w/#\n").unwrap();
    let made = std::process::Command::new("mosquitto_passwd")
        .args(["-b", "-c"])
        .arg(dir.path().join("users"))
        .args(["nadhir", TOKEN])
        .status();
    assert!(made.expect("mosquitto_passwd comes with mosquitto").success());
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let ca = ca.display().to_string();
    let more =
        "allow_anonymous false\npassword_file DIR/users\nacl_file DIR/acl\ncertfile DIR/own.pem\nkeyfile DIR/own.key";
    let broker = Broker::within(dir, more);
    let outside = broker.port;
    let told = message("A-1", 1, &json!({ "areas": places(&["jeddah"]) }), 60);
    let login = "user = \"nadhir\"\npassword = { file = \"password\" }\n";
    let at = |host: &str, more: &str| channel(&format!("mqtts://{host}:{outside}"), more);
    let sent = at("localhost", &format!("ca = \"{ca}\"\n{login}")).sink.send(&told).await;
    assert_eq!(sent, Ok(Receipt("PUBACK of 1 topic".to_owned())));
    let refused = [
        at("localhost", login).sink.send(&told).await,
        at("localhost", &format!("ca = \"{ca}\"\n")).sink.send(&told).await,
        at("localhost", &format!("ca = \"{ca}\"\nuser = \"other\"\npassword = {{ file = \"password\" }}\n"))
            .sink
            .send(&told)
            .await,
    ];
    let words = ["ertificate", "`user` and `password`", "`user` and `password`"];
    for (refused, word) in refused.into_iter().zip(words) {
        let Err(SendError::Later { why, .. }) = refused else { panic!("{refused:?}") };
        assert!(why.contains(word) && !why.contains(TOKEN), "{why}");
    }
}

/// Reads one packet of MQTT: its kind, and what it holds.
async fn packet(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let kind = stream.read_u8().await.ok()?;
    let (mut len, mut shift) = (0_usize, 0);
    loop {
        let byte = stream.read_u8().await.ok()?;
        len |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            break;
        }
    }
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).await.ok()?;
    Some((kind >> 4, bytes))
}

/// What a broker does with a publication.
#[derive(Debug, Clone, Copy)]
enum Does {
    Refuses(u8),
    Closes,
    NeverAnswers,
    RefusesToConnect(u8),
}

/// A broker that does this; gives its port.
async fn broker_that(does: Does) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        while let Some((kind, bytes)) = packet(&mut stream).await {
            let answer = match (kind, does) {
                (1, Does::RefusesToConnect(reason)) => vec![0x20, 3, 0, reason, 0],
                (1, _) => vec![0x20, 3, 0, 0, 0],
                (3, Does::Refuses(reason)) => {
                    let topic = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
                    vec![0x40, 4, bytes[topic + 2], bytes[topic + 3], reason, 0]
                }
                (3, Does::Closes) => return,
                _ => Vec::new(),
            };
            stream.write_all(&answer).await.unwrap();
        }
    });
    port
}

#[tokio::test]
async fn each_answer_of_a_broker_is_understood() {
    let table: [(Does, Meaning, &str); 12] = [
        (Does::Refuses(0x00), Taken, "PUBACK of 1 topic"),
        (Does::Refuses(0x10), Taken, "PUBACK of 1 topic"),
        (Does::Refuses(0x80), Later(None), "did not take the message"),
        (Does::Refuses(0x83), Later(None), "did not take the message"),
        (Does::Refuses(0x87), Later(None), "publish under the prefix"),
        (Does::Refuses(0x97), Later(None), "QuotaExceeded"),
        (Does::Refuses(0x99), Never, "will never take this message"),
        (Does::Closes, Unknown, "may have taken the message"),
        (Does::NeverAnswers, Unknown, "did not say in time"),
        (Does::RefusesToConnect(0x86), Later(None), "`user` and `password` are right"),
        (Does::RefusesToConnect(0x87), Later(None), "`user` and `password` are right"),
        (Does::RefusesToConnect(0x88), Later(None), "cannot be reached"),
    ];
    for (does, expected, words) in table {
        let port = broker_that(does).await;
        let login = "user = \"nadhir\"\npassword = { file = \"password\" }\ntimeout = \"1s\"\n";
        let sink = channel(&format!("mqtt://127.0.0.1:{port}"), login).sink;
        let (meaning, said) = match sink.send(&message("A-1", 1, &json!({ "areas": places(&["jeddah"]) }), 60)).await {
            Ok(Receipt(receipt)) => (Taken, receipt),
            Err(SendError::Later { why, retry_after }) => (Later(retry_after.map(|wait| wait.num_seconds())), why),
            Err(SendError::Never { why }) => (Never, why),
            Err(SendError::Unknown { why }) => (Unknown, why),
        };
        assert_eq!(meaning, expected, "{does:?}: {said}");
        assert!(said.contains(words) && !said.contains(TOKEN), "{does:?}: {said}");
    }
}

#[tokio::test]
async fn what_says_no_place_or_is_too_long_is_not_sent() {
    let sink = at_port(9).sink;
    let long = "x".repeat(300_000);
    for (body, words) in [("سيول", "write \"json\""), (long.as_str(), "never cut")] {
        let Err(SendError::Never { why }) = sink.send(&Parcel { body: body.into(), ..parcel(1) }).await else {
            panic!()
        };
        assert!(why.contains(words), "{why}");
    }
    let nowhere = message("A-1", 1, &json!({ "areas": [] }), 60);
    let Err(SendError::Never { why }) = sink.send(&nowhere).await else { panic!() };
    assert!(why.contains("never every place"), "{why}");
    let dir = tempfile::tempdir().unwrap();
    let opener =
        read("mqtt", "broker = \"mqtts://b.example\"\nprefix = \"w\"\nuser = \"me\"\npassword = { file = \"none\" }\n");
    assert!(opener.open(&World::new(dir.path().to_owned()).unwrap()).err().unwrap().contains("none cannot be read"));
}
