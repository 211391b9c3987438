//! Bluesky: a session, a thread at places of its own, what is found again after a lost answer, and what each refusal means.

use std::sync::Arc;

use nadhir::language::Language;
use nadhir::message::picture::Picture;
use nadhir::sink::{Parcel, Receipt, SendError, Sink, World};
use serde_json::{Value, json};

use super::receiver::{Receiver, Request};
use super::{parcel, read};

const SECRET: &str = "abcd-efgh-ijkl-mnop";
const SESSION: &str = "200 OK\r\n\r\n{\"did\":\"did:plc:me\",\"handle\":\"makkah.example.sa\",\"accessJwt\":\"access1\",\"refreshJwt\":\"refresh1\"}";
const RENEWED: &str = "200 OK\r\n\r\n{\"did\":\"did:plc:me\",\"handle\":\"makkah.example.sa\",\"accessJwt\":\"access2\",\"refreshJwt\":\"refresh2\"}";
const NOTHING: &str = "400 Bad Request\r\n\r\n{\"error\":\"RecordNotFound\",\"message\":\"Could not locate record\"}";

fn open(receiver: &Receiver) -> (Arc<dyn Sink>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("password"), SECRET).unwrap();
    let text = format!(
        "handle = \"@Makkah.example.sa\"\npassword = {{ file = \"password\" }}\nserver = \"{}\"\n",
        receiver.base
    );
    let opener = read("bluesky", &text);
    assert!(!format!("{opener:?}").contains(SECRET));
    (opener.open(&World::new(dir.path().to_owned()).unwrap()).unwrap(), dir)
}

fn thread(attempt: u32) -> Parcel {
    let parts = json!({ "parts": [{ "language": "ar", "text": "تحذير" }, { "language": "en", "text": "Warning" }] });
    Parcel { body: parts.to_string().into(), ..parcel(attempt) }
}

fn post(name: &str) -> String {
    format!("200 OK\r\n\r\n{{\"uri\":\"at://did:plc:me/app.bsky.feed.post/{name}\",\"cid\":\"c{name}\"}}")
}

fn whole() -> Result<Receipt, SendError> {
    let one = |name: &str| format!("at://did:plc:me/app.bsky.feed.post/{name}#c{name}");
    Ok(Receipt(format!("posts {}, {}", one("1"), one("2"))))
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn asks(request: &Request, how: &str, token: &str) {
    assert!(request.line.starts_with(how), "{}", request.line);
    assert_eq!(request.headers["authorization"], format!("Bearer {token}"));
}

#[tokio::test]
async fn a_thread_is_found_again_at_its_places_and_goes_on_where_it_stopped() {
    let mut receiver = Receiver::start(&[SESSION, &post("1"), "close", SESSION, &post("1"), NOTHING, &post("2")]).await;
    let (sink, _dir) = open(&receiver);
    assert!(matches!(sink.send(&thread(1)).await, Err(SendError::Unknown { .. })));
    // Opened anew, as after a restart.
    let (sink, _dir) = open(&receiver);
    assert_eq!(sink.send(&thread(2)).await, whole());
    let session = receiver.next().await;
    assert_eq!(session.line, "POST /xrpc/com.atproto.server.createSession HTTP/1.1");
    assert_eq!(body(&session), json!({ "identifier": "makkah.example.sa", "password": SECRET }));
    let first = receiver.next().await;
    asks(&first, "POST /xrpc/com.atproto.repo.putRecord ", "access1");
    let lost = body(&receiver.next().await);
    assert_eq!(lost["record"]["reply"]["parent"]["cid"], "c1");
    receiver.next().await;
    let place = body(&first)["rkey"].as_str().unwrap().to_owned();
    let asked = receiver.next().await;
    let wanted =
        format!("GET /xrpc/com.atproto.repo.getRecord?repo=did%3Aplc%3Ame&collection=app.bsky.feed.post&rkey={place} ");
    asks(&asked, &wanted, "access1");
    receiver.next().await;
    let second = body(&receiver.next().await);
    assert_eq!((&second["rkey"], &second["record"]["text"]), (&lost["rkey"], &"Warning".into()));
}

#[tokio::test]
async fn a_session_that_has_run_out_is_renewed_and_then_opened_anew() {
    let expired = "400 Bad Request\r\n\r\n{\"error\":\"ExpiredToken\",\"message\":\"Token has expired\"}";
    let answers =
        [SESSION, expired, RENEWED, NOTHING, expired, "400 Bad Request\r\n\r\n{\"error\":\"ExpiredToken\"}", SESSION];
    let posts = [NOTHING.to_owned(), post("1"), NOTHING.to_owned(), post("2")];
    let all: Vec<&str> = answers.into_iter().chain(posts.iter().map(String::as_str)).collect();
    let mut receiver = Receiver::start(&all).await;
    let (sink, _dir) = open(&receiver);
    for attempt in 1..=2 {
        let sent = sink.send(&thread(attempt)).await;
        let Err(SendError::Later { why, .. }) = sent else { panic!("{attempt}: {sent:?}") };
        assert!(why.contains("Token has expired") && !why.contains("access"), "{why}");
    }
    assert_eq!(sink.send(&thread(3)).await, whole());
    receiver.next().await;
    receiver.next().await;
    asks(&receiver.next().await, "POST /xrpc/com.atproto.server.refreshSession ", "refresh1");
    asks(&receiver.next().await, "GET /xrpc/com.atproto.repo.getRecord", "access2");
}

#[tokio::test]
async fn each_refusal_means_what_it_says() {
    let cases = [
        (
            vec!["401 Unauthorized\r\n\r\n{\"error\":\"AuthenticationRequired\"}"],
            "later",
            "see that file password holds an app password",
        ),
        (vec!["hang"], "later", "did not answer in 15 s"),
        (
            vec![SESSION, "500 Internal Server Error\r\n\r\n{\"error\":\"InternalServerError\"}"],
            "later",
            " answered 500 ",
        ),
        (
            vec![
                SESSION,
                "400 Bad Request\r\n\r\n{\"error\":\"InvalidRecord\",\"message\":\"text must not be longer than 300 graphemes\"}",
            ],
            "never",
            "graphemes",
        ),
        (
            vec![
                SESSION,
                "429 Too Many Requests\r\nratelimit-reset: 1765238461\r\n\r\n{\"error\":\"RateLimitExceeded\"}",
            ],
            "later 60",
            "asked to wait 1min",
        ),
        (vec![SESSION, "301 Moved Permanently\r\nlocation: /elsewhere"], "never", "redirects are not followed"),
        (vec![SESSION, "200 OK\r\n\r\n<html>"], "unknown", "did not answer as Bluesky does"),
        (vec![SESSION, "close"], "unknown", "may have taken the message"),
    ];
    for (answers, meaning, words) in cases {
        let mut receiver = Receiver::start(&answers).await;
        let (sink, _dir) = open(&receiver);
        let sending = tokio::spawn(async move { sink.send(&thread(1)).await });
        if answers == ["hang"] {
            receiver.next().await;
            tokio::time::pause();
        }
        let sent = sending.await.unwrap();
        if answers == ["hang"] {
            tokio::time::resume();
        }
        let (is, why) = match sent.unwrap_err() {
            SendError::Later { why, retry_after: Some(wait) } => (format!("later {}", wait.num_seconds()), why),
            SendError::Later { why, retry_after: None } => ("later".to_owned(), why),
            SendError::Never { why } => ("never".to_owned(), why),
            SendError::Unknown { why } => ("unknown".to_owned(), why),
        };
        assert!(why.contains(words) && !why.contains(SECRET) && !why.contains("access1"), "{why}");
        if answers != ["hang"] {
            assert_eq!(is, meaning, "{why}");
        }
    }
}

#[tokio::test]
async fn a_picture_lies_in_its_post_and_a_correction_answers_the_first_of_what_it_takes_back() {
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"12\" height=\"8\"/>".to_owned();
    let pictures = vec![Picture { language: Language::Ar, alt: "a red card".to_owned(), svg }];
    let blob = "200 OK\r\n\r\n{\"blob\":{\"$type\":\"blob\",\"ref\":{\"$link\":\"bafk\"},\"mimeType\":\"image/png\",\"size\":9}}";
    let mut receiver = Receiver::start(&[SESSION, blob, &post("1"), &post("2")]).await;
    let (sink, _dir) = open(&receiver);
    let corrects = Some("posts at://did:plc:me/app.bsky.feed.post/9#c9, at://x#cx".to_owned());
    assert_eq!(sink.send(&Parcel { pictures, corrects, ..thread(1) }).await, whole());
    receiver.next().await;
    let uploaded = receiver.next().await;
    asks(&uploaded, "POST /xrpc/com.atproto.repo.uploadBlob ", "access1");
    assert_eq!((&uploaded.headers["content-type"], &uploaded.body[1..4]), (&"image/png".parse().unwrap(), &b"PNG"[..]));
    let first = body(&receiver.next().await);
    assert_eq!(
        (&first["record"]["embed"]["images"][0]["alt"], &first["record"]["reply"]["parent"]["cid"]),
        (&"a red card".into(), &"c9".into())
    );
    let second = body(&receiver.next().await);
    let reply = &second["record"]["reply"];
    assert_eq!((&reply["root"]["cid"], &reply["parent"]["cid"]), (&"c9".into(), &"c1".into()));
}
