//! What sinks promise, held against real receivers on loopback and real files.

use std::sync::{Arc, Mutex};

use nadhir::hazard::Severity;
use nadhir::ids::BulletinId;
use nadhir::message::Form;
use nadhir::problem::{Problems, SourceFile};
use nadhir::secret::Secret;
use nadhir::sink::signature::{TOLERANCE, verify};
use nadhir::sink::{KINDS, Opener, Parcel, Receipt, SendError, Sink, World};
use nadhir::table::read_file;
use nadhir::time::{TimeDelta, Timestamp};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

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
    }
}

/// Reads a channel's settings the way the configuration does.
fn read(kind: &str, text: &str) -> Arc<dyn Opener> {
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

/// One request as it arrived.
struct Request {
    line: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// A receiver that gives the answers it was told to, one a connection, and keeps what it received.
struct Receiver {
    url: String,
    requests: mpsc::UnboundedReceiver<Request>,
}

impl Receiver {
    async fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?token={TOKEN}", listener.local_addr().unwrap());
        let (arrived, requests) = mpsc::unbounded_channel();
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = receive(&mut stream).await;
                drop(arrived.send(request));
                reply(stream, &answer).await;
            }
        });
        Self { url, requests }
    }

    async fn next(&mut self) -> Request {
        self.requests.recv().await.unwrap()
    }
}

async fn receive(stream: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    let split = loop {
        if let Some(split) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break split;
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the request broke off");
    };
    let head = String::from_utf8(bytes[..split].to_vec()).unwrap();
    let mut lines = head.lines();
    let line = lines.next().unwrap().to_owned();
    let headers: HeaderMap = lines
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
        })
        .collect();
    let mut body = bytes[split + 4..].to_vec();
    let len: usize = headers.get("content-length").map_or(0, |len| len.to_str().unwrap().parse().unwrap());
    while body.len() < len {
        assert_ne!(stream.read_buf(&mut body).await.unwrap(), 0, "the body broke off");
    }
    Request { line, headers, body }
}

/// Answers with a status line and headers, or in one of the ways in which receivers fail.
async fn reply(mut stream: TcpStream, answer: &str) {
    match answer {
        "hang" => std::future::pending().await,
        "close" => {}
        "break" => stream.write_all(b"HTTP/1.1 20").await.unwrap(),
        "flood" => {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n";
            stream.write_all(head).await.unwrap();
            while stream.write_all(&[b'x'; 65_536]).await.is_ok() {}
        }
        "stall" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nthanks").await.unwrap();
            std::future::pending::<()>().await;
        }
        plain => {
            let answer = format!("HTTP/1.1 {plain}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }
}

/// What a webhook makes of one answer. Nothing that it says may hold the secret or the query.
async fn sent(answer: &str) -> Result<Receipt, SendError> {
    let receiver = Receiver::start(&[answer]).await;
    let (sink, _dir) = webhook(&receiver.url);
    let sent = sink.send(&parcel(1)).await;
    let said = format!("{sent:?}");
    assert!(!said.contains(TOKEN) && !said.contains(SECRET) && !said.contains("bm90aGlu"), "{said}");
    sent
}

#[tokio::test]
async fn a_receiver_that_takes_it_gives_a_receipt() {
    assert_eq!(sent("200 OK").await, Ok(Receipt("200 OK: ok".to_owned())));
    assert!(sent("204 No Content").await.is_ok());
    let flooded = sent("flood").await.unwrap();
    assert!(flooded.0.len() < 200, "an answer without end is read to a limit");
}

#[tokio::test]
async fn a_receiver_that_moved_or_is_gone_is_not_asked_again() {
    let moved = sent(&format!("301 Moved Permanently\r\nlocation: /new?token={TOKEN}")).await;
    let Err(SendError::Never { why }) = moved else { panic!("{moved:?}") };
    assert!(why.contains("/new; redirects are not followed"), "{why}");
    for gone in ["410 Gone", "307 Temporary Redirect", "304 Not Modified"] {
        assert!(matches!(sent(gone).await, Err(SendError::Never { .. })), "{gone}");
    }
}

#[tokio::test]
async fn a_refusal_that_someone_may_set_right_is_tried_again() {
    let statuses = [
        "400 Bad Request",
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "408 Request Timeout",
        "413 Content Too Large",
        "422 Unprocessable Content",
        "425 Too Early",
        "500 Internal Server Error",
        "502 Bad Gateway",
        "503 Service Unavailable",
    ];
    for status in statuses {
        let later = sent(status).await;
        let Err(SendError::Later { why, retry_after: None }) = later else { panic!("{status}: {later:?}") };
        let (number, _) = status.split_once(' ').unwrap();
        assert!(why.contains(&format!("/hook answered {number} ")), "{why}");
    }
}

#[tokio::test]
async fn a_wait_that_is_asked_for_is_passed_on() {
    for asked in ["120", "Tue, 09 Dec 2025 00:02:01 GMT"] {
        for status in ["429 Too Many Requests", "503 Service Unavailable"] {
            let later = sent(&format!("{status}\r\nretry-after: {asked}")).await;
            let Err(SendError::Later { why, retry_after }) = later else { panic!("{later:?}") };
            assert_eq!(retry_after, Some(TimeDelta::seconds(120)));
            assert!(why.contains("asked to wait 2min"), "{why}");
        }
    }
}

#[tokio::test]
async fn what_may_have_arrived_is_never_called_not_sent() {
    for broken in ["close", "break"] {
        let unknown = sent(broken).await;
        let Err(SendError::Unknown { why }) = unknown else { panic!("{broken}: {unknown:?}") };
        assert!(why.contains("may have taken the message"), "{why}");
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_is_left_in_time_and_is_not_known() {
    for (answer, is_taken) in [("hang", false), ("stall", true)] {
        let mut receiver = Receiver::start(&[answer]).await;
        let (sink, _dir) = webhook(&receiver.url);
        let sending = tokio::spawn(async move { sink.send(&parcel(1)).await });
        receiver.next().await;
        // From here on nothing moves but the clock.
        tokio::time::pause();
        let sent = sending.await.unwrap();
        tokio::time::resume();
        match sent {
            Ok(Receipt(receipt)) => assert!(is_taken && receipt.starts_with("200 OK"), "{receipt}"),
            Err(SendError::Unknown { why }) => assert!(!is_taken && why.contains("in 15 s"), "{why}"),
            other => panic!("{answer}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (sink, _dir) = webhook(&format!("http://{address}/hook?token={TOKEN}"));
    let refused = sink.send(&parcel(1)).await;
    let Err(SendError::Later { why, retry_after: None }) = refused else { panic!("{refused:?}") };
    assert!(why.contains("cannot be reached") && !why.contains(TOKEN), "{why}");
    let probed = sink.probe().await.unwrap_err();
    assert!(probed.contains("cannot be reached") && !probed.contains(TOKEN), "{probed}");
}

#[tokio::test]
async fn a_receiver_that_does_not_speak_tls_gets_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/hook", listener.local_addr().unwrap());
    let greeted = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&greeted);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = vec![0; 4096];
        let len = stream.read(&mut bytes).await.unwrap();
        heard.lock().unwrap().extend_from_slice(&bytes[..len]);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let (sink, _dir) = webhook(&url);
    assert!(matches!(sink.send(&parcel(1)).await, Err(SendError::Later { .. })));
    let heard = String::from_utf8_lossy(&greeted.lock().unwrap()).into_owned();
    assert!(!heard.is_empty() && !heard.contains("MKH-2025"));
}

#[tokio::test]
async fn every_try_has_the_same_key_and_bytes_and_a_fresh_signature() {
    let mut receiver = Receiver::start(&["500 Oops", "close", "200 OK"]).await;
    let (sink, _dir) = webhook(&receiver.url);
    for attempt in 1..=3 {
        assert_eq!(sink.send(&parcel(attempt)).await.is_ok(), attempt == 3);
        let request = receiver.next().await;
        assert_eq!(request.line, format!("POST /hook?token={TOKEN} HTTP/1.1"));
        assert_eq!(request.body, parcel(1).body.as_bytes());
        assert_eq!(request.headers["webhook-id"], parcel(1).key);
        assert_eq!(request.headers["webhook-timestamp"], at(i64::from(attempt)).timestamp().to_string());
        assert_eq!(request.headers["content-type"], "application/json");
        assert!(request.headers["user-agent"].to_str().unwrap().starts_with("nadhir/"));
        let now = at(i64::from(attempt));
        assert_eq!(verify(&Secret::new(SECRET), &request.headers, &request.body, now, TOLERANCE), Ok(()));
    }
}

#[tokio::test]
async fn a_probe_finds_a_receiver_without_sending_anything() {
    let mut receiver = Receiver::start(&["405 Method Not Allowed"]).await;
    let (sink, _dir) = webhook(&receiver.url);
    assert_eq!(sink.probe().await, Ok(()));
    let request = receiver.next().await;
    assert!(request.line.starts_with("HEAD ") && request.body.is_empty());
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
