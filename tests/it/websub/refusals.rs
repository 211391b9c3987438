//! What the web face refuses, and how nobody takes the place of others there.

use super::super::postgres::Kind;
use super::super::process::PATIENCE;
use super::Field;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_is_wrong_with_a_request_is_told_at_once() {
    let field = Field::open(Kind::File).await;
    let (topic, callback) = (format!("{}warnings.atom", field.face), format!("{}/one", field.base));
    let long = "x".repeat(200);
    let form = [
        ("hub.mode", "publish"),
        ("hub.topic", "https://elsewhere.example/feed"),
        ("hub.callback", "ftp://u:p@one.example"),
        ("hub.lease_seconds", "-1"),
        ("hub.secret", &long),
    ];
    let (status, text) = field.ask(&form).await;
    assert_eq!((status, text.lines().count()), (400, 5), "{text}");
    assert!(text.contains(&topic) && !text.contains(":p@"), "{text}");
    assert_eq!(
        field.ask(&[]).await,
        (400, "hub.mode is missing\nhub.topic is missing\nhub.callback is missing\n".into())
    );
    for nowhere in ["places/nowhere.atom", "places/../warnings.atom", "warnings.atom?x=1", "hub"] {
        let topic = format!("{}{nowhere}", field.face);
        let form = [("hub.mode", "subscribe"), ("hub.topic", topic.as_str()), ("hub.callback", callback.as_str())];
        assert_eq!(field.ask(&form).await.0, 400, "{nowhere}");
    }
    let hub = format!("{}hub", field.face);
    let send = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    assert_eq!(send(field.http.post(&hub).body("{}").header("content-type", "application/json")).await, 415);
    let large = field.http.post(&hub).header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(send(large.body(vec![b'x'; 20_000])).await, 413);
    assert_eq!(send(field.http.get(&hub)).await, 405);
    assert_eq!(send(field.http.delete(&topic)).await, 405);
    for nothing in ["", "feed", "places/nowhere.atom", "alerts/MKH-2025-000001.1.xml", "alerts/..%2fkey.xml", "../key"]
    {
        assert_eq!(field.read(nothing).await.0, 404, "{nothing}");
    }
    assert!(field.known().await.is_empty());
    field.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_inside_is_asked_and_no_more_are_taken_than_there_is_room_for() {
    let field = Field::with(Kind::File, "most = 1\n").await;
    field.subscribe_in_vain("one").await;
    assert_eq!(field.count_asked("one"), 0, "loopback is inside, and is not allowed");
    field.end().await;
    let field = Field::with(Kind::File, "most = 1\nallow = [\"127.0.0.0/8\"]\n").await;
    field.enter("one", "warnings.atom", &[]).await;
    field.subscribe("two", "warnings.atom", &[]).await;
    field.until("the refusal", || async { field.count_asked("two") == 2 }).await;
    let denied = field.desk.lock().unwrap().asked["two"][1].clone();
    assert!(denied["hub.mode"] == "denied" && denied["hub.reason"].contains("takes no more"), "{denied:?}");
    field.enter("one", "warnings.atom", &[("hub.secret", "who is there stays")]).await;
    assert_eq!(field.known().await.len(), 1);
    field.end().await;
}

impl Field {
    /// Asks for one, and then for many of its host until the hub has enough of them.
    async fn subscribe_in_vain(&self, name: &str) {
        let topic = format!("{}warnings.atom", self.face);
        let mut answers = Vec::new();
        for number in 0..40 {
            let callback = format!("{}/{name}?{number}", self.base);
            let form = [("hub.mode", "subscribe"), ("hub.topic", topic.as_str()), ("hub.callback", callback.as_str())];
            answers.push(self.ask(&form).await.0);
        }
        assert_eq!((answers[0], answers[39]), (202, 503), "one host does not fill the hub: {answers:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_says_nothing_does_not_hold_its_place() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let field = Field::open(Kind::File).await;
    let address = field.face.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let mut slow = tokio::net::TcpStream::connect(&address).await.unwrap();
    slow.write_all(b"GET /makkah/warnings.atom HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, slow.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection stays open");
    assert_eq!(field.read("warnings.atom").await.0, 200);
    field.end().await;
}
