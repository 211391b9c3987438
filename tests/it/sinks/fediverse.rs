//! Mastodon: a thread of one post a language under keys of its own, with its pictures, and a correction that answers.

use std::sync::Arc;

use nadhir::language::Language;
use nadhir::message::picture::Picture;
use nadhir::sink::{Parcel, Receipt, Sink, World};
use serde_json::{Value, json};

use super::receiver::{Receiver, Request};
use super::{parcel, read};

fn open(receiver: &Receiver) -> (Arc<dyn Sink>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("token"), "abc-123").unwrap();
    let text = format!("server = \"{}\"\ntoken = {{ file = \"token\" }}\nvisibility = \"unlisted\"\n", receiver.base);
    let sink = read("mastodon", &text).open(&World::new(dir.path().to_owned()).unwrap()).unwrap();
    (sink, dir)
}

fn thread(attempt: u32) -> Parcel {
    let parts = json!({ "parts": [{ "language": "ar", "text": "تحذير" }, { "language": "en", "text": "Warning" }] });
    Parcel { body: parts.to_string().into(), ..parcel(attempt) }
}

fn post(id: &str) -> String {
    format!("200 OK\r\n\r\n{{\"id\":\"{id}\"}}")
}

fn said(request: &Request) -> (Value, String) {
    assert_eq!(request.line, "POST /api/v1/statuses HTTP/1.1");
    let key = request.headers["idempotency-key"].to_str().unwrap().to_owned();
    (serde_json::from_slice(&request.body).unwrap(), key)
}

#[tokio::test]
async fn each_language_answers_the_one_before_under_the_same_keys_at_every_try() {
    let mut receiver = Receiver::start(&[&post("1"), "close", &post("1"), &post("2")]).await;
    let (sink, _dir) = open(&receiver);
    assert!(sink.send(&thread(1)).await.is_err());
    assert_eq!(sink.send(&thread(2)).await, Ok(Receipt("posts 1, 2".to_owned())));
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(said(&receiver.next().await));
    }
    assert_eq!((&all[0], &all[1]), (&all[2], &all[3]), "the server knows both again");
    assert_ne!(all[0].1, all[1].1);
    let first = json!({ "status": "تحذير", "language": "ar", "visibility": "unlisted" });
    let second = json!({ "status": "Warning", "language": "en", "visibility": "unlisted", "in_reply_to_id": "1" });
    assert_eq!((&all[0].0, &all[1].0), (&first, &second));
}

#[tokio::test]
async fn a_picture_is_shown_with_its_words_and_one_that_is_not_ready_is_left_out() {
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"12\" height=\"8\"/>".to_owned();
    let picture = |language: Language| Picture { language, alt: "a red card".to_owned(), svg: svg.clone() };
    let pictures = Language::ALL.map(picture).to_vec();
    let not_ready = "202 Accepted\r\n\r\n{\"id\":\"72\"}";
    let mut receiver = Receiver::start(&[&post("71"), &post("1"), not_ready, &post("2")]).await;
    let (sink, _dir) = open(&receiver);
    sink.send(&Parcel { pictures, ..thread(1) }).await.unwrap();
    let uploaded = receiver.next().await;
    assert_eq!(uploaded.line, "POST /api/v2/media HTTP/1.1");
    assert!(String::from_utf8_lossy(&uploaded.body).contains("a red card"));
    assert_eq!(said(&receiver.next().await).0["media_ids"], json!(["71"]));
    receiver.next().await;
    assert_eq!(said(&receiver.next().await).0["media_ids"], Value::Null);
}

#[tokio::test]
async fn what_takes_a_thread_back_answers_it_or_stands_alone_when_it_is_gone() {
    let gone = "404 Not Found\r\n\r\n{\"error\":\"Record not found\"}";
    let mut receiver = Receiver::start(&[gone, &post("8"), &post("9")]).await;
    let (sink, _dir) = open(&receiver);
    let back = Parcel { corrects: Some("posts 5, 6".to_owned()), ..thread(1) };
    assert_eq!(sink.send(&back).await, Ok(Receipt("posts 8, 9".to_owned())));
    assert_eq!(said(&receiver.next().await).0["in_reply_to_id"], "5");
    assert_eq!(said(&receiver.next().await).0["in_reply_to_id"], Value::Null);
    assert_eq!(said(&receiver.next().await).0["in_reply_to_id"], "8");
}
