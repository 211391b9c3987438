//! What sinks promise, held against real receivers on loopback and real files. What those of the web have in common stands in
//! `conformance`; here is what one of them does alone.

mod bluesky;
mod buttons;
mod cap;
mod conformance;
mod exec;
mod fediverse;
mod firebase;
mod followers;
mod mail;
mod mqtt;
mod operators;
mod phones;
mod pictures;
mod postoffice;
mod receiver;
mod services;
#[cfg(feature = "smpp")]
mod smpp;
#[cfg(feature = "smpp")]
mod smsc;
mod webpush;
mod x;
mod xtokens;

use std::sync::Arc;

use nadhir::hazard::Severity;
use nadhir::ids::BulletinId;
use nadhir::message::Form;
use nadhir::problem::{Problems, SourceFile};
use nadhir::secret::Secret;
use nadhir::sink::signature::{TOLERANCE, verify};
use nadhir::sink::{KINDS, Opener, Parcel, SendError, Sink, World};
use nadhir::table::read_file;
use nadhir::time::Timestamp;

use receiver::Receiver;

const SECRET: &str = "whsec_bm90aGluZyBpcyBsaWtlIGEgcXVpZXQgc2Vh";
const TOKEN: &str = "hunter2";

fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_765_238_400 + second, 0).unwrap()
}

fn parcel(attempt: u32) -> Parcel {
    Parcel {
        key: "desk/MKH-2025-000012.3/json/ar+en".to_owned(),
        bulletin: BulletinId::new("MKH-2025-000012", 3),
        attempt,
        body: r#"{"number":"MKH-2025-000012","ar":"تحذير أحمر","en":"Red warning"}"#.into(),
        content_type: "application/json".to_owned(),
        loudness: Severity::Red,
        now: at(i64::from(attempt)),
        expires: at(3600),
        pictures: Vec::new(),
        corrects: None,
        asks: None,
    }
}

/// Reads a channel's settings the way the configuration does.
pub(super) fn read(kind: &str, text: &str) -> Arc<dyn Opener> {
    let kind = KINDS.iter().find(|known| known.name == kind).unwrap();
    let file = Arc::new(SourceFile { name: "channels.toml".to_owned(), text: text.to_owned() });
    let problems = Problems::new();
    let opener = read_file(&file, &problems, |table| {
        let opener = (kind.parse)(&table);
        table.finish();
        opener
    });
    let problems: Vec<String> = problems.into_sorted().into_iter().map(|problem| problem.message).collect();
    opener.unwrap_or_else(|| panic!("{problems:?}"))
}

/// A webhook to an address, with its secret in a directory that lives as long.
fn webhook(url: &str) -> (Arc<dyn Sink>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("desk.secret"), format!("{SECRET}\n")).unwrap();
    let text = format!("url = \"{url}\"\nsecret = {{ file = \"desk.secret\" }}\n");
    let opener = read("webhook", &text);
    assert_eq!(opener.form(), Form::Json);
    assert!(!format!("{opener:?}").contains(SECRET));
    (opener.open(&World::new(dir.path().to_owned()).unwrap()).unwrap(), dir)
}

#[tokio::test]
async fn every_try_of_a_webhook_has_the_same_key_and_a_fresh_signature() {
    let mut receiver = Receiver::start(&["500 Oops", "close", "200 OK"]).await;
    let (sink, _dir) = webhook(&format!("{}/hook?token={TOKEN}", receiver.base));
    for attempt in 1..=3 {
        assert_eq!(sink.send(&parcel(attempt)).await.is_ok(), attempt == 3);
        let request = receiver.next().await;
        assert_eq!(request.line, format!("POST /hook?token={TOKEN} HTTP/1.1"));
        assert_eq!(request.body, parcel(1).body.as_bytes());
        assert_eq!(request.headers["webhook-id"], parcel(1).key);
        assert_eq!(request.headers["webhook-timestamp"], at(i64::from(attempt)).timestamp().to_string());
        assert_eq!(request.headers["content-type"], "application/json");
        let now = at(i64::from(attempt));
        assert_eq!(verify(&Secret::new(SECRET), &request.headers, &request.body, now, TOLERANCE), Ok(()));
    }
}

#[tokio::test]
async fn a_webhook_carries_the_headers_of_its_channel_and_hides_the_secret_one() {
    let mut receiver = Receiver::start(&["200 OK", "echo"]).await;
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("desk.secret", SECRET), ("desk.auth", "Bearer swordfish-7")] {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let text = format!(
        "url = \"{}/\"\nsecret = {{ file = \"desk.secret\" }}\nauthorization = {{ file = \"desk.auth\" }}\n\
         headers = {{ X-Source = \"nadhir\" }}\n",
        receiver.base
    );
    let sink = read("webhook", &text).open(&World::new(dir.path().to_owned()).unwrap()).unwrap();
    sink.send(&parcel(1)).await.unwrap();
    let request = receiver.next().await;
    assert_eq!(
        (&request.headers["authorization"], &request.headers["x-source"]),
        (&"Bearer swordfish-7".parse().unwrap(), &"nadhir".parse().unwrap())
    );
    let Err(why) = sink.send(&parcel(2)).await else { panic!() };
    assert!(why.to_string().contains("no such thing") && !why.to_string().contains("swordfish"), "{why}");
}

#[tokio::test]
async fn a_group_that_moved_within_telegram_is_followed_at_the_next_try() {
    let moved = "400 Bad Request\r\n\r\n{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request: group chat was upgraded to a supergroup chat\",\"parameters\":{\"migrate_to_chat_id\":-1001999}}";
    let taken = "200 OK\r\n\r\n{\"ok\":true,\"result\":{\"message_id\":7}}";
    let mut receiver = Receiver::start(&[moved, taken]).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("token"), "1:abc").unwrap();
    let text = format!("token = {{ file = \"token\" }}\nchat = -42\nthread = 5\napi = \"{}\"\n", receiver.base);
    let sink = read("telegram", &text).open(&World::new(dir.path().to_owned()).unwrap()).unwrap();
    let text = |attempt| Parcel { content_type: "text/plain".to_owned(), ..parcel(attempt) };
    assert!(matches!(sink.send(&text(1)).await, Err(SendError::Later { .. })));
    sink.send(&text(2)).await.unwrap();
    let mut bodies = Vec::new();
    for _ in 1..=2 {
        bodies.push(serde_json::from_slice::<serde_json::Value>(&receiver.next().await.body).unwrap());
    }
    assert_eq!((&bodies[0]["chat_id"], &bodies[0]["message_thread_id"]), (&(-42).into(), &5.into()));
    assert_eq!((&bodies[1]["chat_id"], &bodies[1]["text"]), (&(-1_001_999).into(), &bodies[0]["text"]));
}

#[test]
fn a_webhook_without_its_secret_does_not_open() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path().to_owned()).unwrap();
    let opener = read("webhook", "url = \"https://desk.example/\"\nsecret = { file = \"desk.secret\" }\n");
    let open = || opener.open(&world).err().unwrap();
    assert!(open().contains("desk.secret cannot be read"));
    std::fs::write(dir.path().join("desk.secret"), TOKEN).unwrap();
    let why = open();
    assert!(why.contains("begins with `whsec_`") && !why.contains(TOKEN), "{why}");
}

#[tokio::test]
async fn a_file_holds_each_message_once_however_often_it_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path().to_owned()).unwrap();
    let opener = read("file", "path = \"archive/out.jsonl\"\n");
    assert_eq!(opener.form(), Form::Json);
    for _ in 0..2 {
        let sink = opener.open(&world).unwrap();
        assert_eq!(sink.probe().await, Ok(()));
        for attempt in 1..=2 {
            sink.send(&parcel(attempt)).await.unwrap();
        }
    }
    let text = std::fs::read_to_string(dir.path().join("archive/out.jsonl")).unwrap();
    assert_eq!(text.lines().count(), 1);
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&line["key"], &line["bulletin"]), (&parcel(1).key.into(), &"MKH-2025-000012.3".into()));
    assert_eq!(line["json"]["ar"], "تحذير أحمر");
}

#[tokio::test]
async fn a_file_that_cannot_be_is_explained_when_it_opens() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path().to_owned()).unwrap();
    std::fs::create_dir(dir.path().join("out.jsonl")).unwrap();
    let why = read("file", "path = \"out.jsonl\"\n").open(&world).err().unwrap();
    assert!(why.contains("out.jsonl"), "{why}");
}

#[test]
fn a_console_takes_text_and_opens_anywhere() {
    let opener = read("console", "");
    assert_eq!(opener.form(), Form::Text);
    let dir = tempfile::tempdir().unwrap();
    assert!(opener.open(&World::new(dir.path().to_owned()).unwrap()).is_ok());
}
