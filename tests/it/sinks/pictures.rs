//! Pictures beside texts, and words that take others back: what each service is asked, and that no picture holds up a text.

use std::sync::Arc;

use mail_parser::{MessageParser, MimeHeaders};
use nadhir::language::Language;
use nadhir::message::picture::Picture;
use nadhir::sink::{Parcel, Receipt, SendError, Sink, World};
use serde_json::Value;

use super::receiver::{Receiver, Request};
use super::services::X_KEYS;
use super::{mail, parcel, read};

const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"12\" height=\"8\"><rect width=\"12\" height=\"8\" fill=\"red\"/></svg>";

/// How a PNG begins.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

fn pictures(languages: &[Language]) -> Vec<Picture> {
    let picture = |language: &Language| Picture {
        language: *language,
        alt: format!("a red card in {}", language.tag()),
        svg: SVG.to_owned(),
    };
    languages.iter().map(picture).collect()
}

/// A text with its pictures.
fn text(languages: &[Language]) -> Parcel {
    let content_type = "text/plain; charset=utf-8".to_owned();
    Parcel { body: "تحذير أحمر\n".into(), content_type, pictures: pictures(languages), ..parcel(1) }
}

/// A channel with its secret in a directory that lives as long.
fn open(kind: &str, settings: &str, secret: &str) -> (Arc<dyn Sink>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret"), secret).unwrap();
    let opener = read(kind, settings);
    assert!(opener.shows_pictures());
    (opener.open(&World::new(dir.path().to_owned()).unwrap()).unwrap(), dir)
}

fn telegram(receiver: &Receiver) -> (Arc<dyn Sink>, tempfile::TempDir) {
    let settings =
        format!("token = {{ file = \"secret\" }}\nchat = \"@makkah\"\nthread = 5\napi = \"{}\"\n", receiver.base);
    open("telegram", &settings, "1:abc")
}

fn json(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// Whether a body has all of these in it, in their order.
#[track_caller]
fn holds(request: &Request, parts: &[&[u8]]) {
    let mut rest = request.body.as_slice();
    for part in parts {
        let at = rest.windows(part.len()).position(|window| window == *part);
        let at = at.unwrap_or_else(|| panic!("no {:?}", String::from_utf8_lossy(part)));
        rest = &rest[at + part.len()..];
    }
}

const TAKEN: &str = "200 OK\r\n\r\n{\"ok\":true,\"result\":{\"message_id\":7}}";

#[tokio::test]
async fn telegram_shows_the_pictures_beneath_their_text() {
    let ok = "200 OK\r\n\r\n{\"ok\":true,\"result\":[]}";
    for (languages, method) in [(&Language::ALL[..1], "sendPhoto"), (&Language::ALL[..], "sendMediaGroup")] {
        let mut receiver = Receiver::start(&[TAKEN, ok]).await;
        let (sink, _dir) = telegram(&receiver);
        assert_eq!(sink.send(&text(languages)).await, Ok(Receipt("message 7".to_owned())));
        let told = receiver.next().await;
        assert!(told.line.ends_with("/sendMessage HTTP/1.1") && json(&told)["reply_parameters"].is_null());
        let shown = receiver.next().await;
        assert!(shown.line.contains(&format!("/{method} ")), "{}", shown.line);
        holds(&shown, &[b"name=\"chat_id\"", b"@makkah", b"\"message_id\":7", b"name=\"message_thread_id\"", b"5"]);
        holds(&shown, &vec![PNG; languages.len()]);
    }
}

#[tokio::test]
async fn a_picture_that_telegram_does_not_take_is_told_of_and_the_text_has_arrived() {
    let mut receiver =
        Receiver::start(&[TAKEN, "400 Bad Request\r\n\r\n{\"ok\":false,\"description\":\"PHOTO_INVALID\"}"]).await;
    let (sink, _dir) = telegram(&receiver);
    let Ok(Receipt(receipt)) = sink.send(&text(&Language::ALL)).await else { panic!() };
    assert!(receipt.starts_with("message 7; without its picture: 400 Bad Request") && !receipt.contains("1:abc"));
    receiver.next().await;
}

#[tokio::test]
async fn what_takes_a_word_back_answers_it_on_telegram() {
    for receipt in ["message 41", "message 41; without its picture: 413"] {
        let mut receiver = Receiver::start(&[TAKEN]).await;
        let (sink, _dir) = telegram(&receiver);
        let back = Parcel { corrects: Some(receipt.to_owned()), ..text(&[]) };
        sink.send(&back).await.unwrap();
        let reply = json(&receiver.next().await)["reply_parameters"].clone();
        assert_eq!(reply, serde_json::json!({ "message_id": 41, "allow_sending_without_reply": true }));
    }
}

#[tokio::test]
async fn discord_is_given_the_pictures_of_a_message_that_stands() {
    let taken = "200 OK\r\n\r\n{\"id\":\"998\"}";
    let mut receiver = Receiver::start(&[taken, taken]).await;
    let url = format!("{}/api/webhooks/1/hunter2?thread_id=9", receiver.base);
    let (sink, _dir) = open("discord", "url = { file = \"secret\" }\n", &url);
    assert_eq!(sink.send(&text(&Language::ALL)).await, Ok(Receipt("message 998".to_owned())));
    assert!(receiver.next().await.line.starts_with("POST /api/webhooks/1/hunter2?thread_id=9&wait=true "));
    let shown = receiver.next().await;
    assert_eq!(shown.line, "PATCH /api/webhooks/1/hunter2/messages/998?thread_id=9 HTTP/1.1");
    holds(
        &shown,
        &[b"payload_json", b"\"description\":\"a red card in ar\"", b"name=\"files[0]\"", PNG, b"files[1]", PNG],
    );
}

fn thread(corrects: Option<&str>) -> Parcel {
    let parts = serde_json::json!({ "parts": [{ "language": "ar", "text": "تحذير" }, { "language": "en", "text": "Warning" }] });
    let corrects = corrects.map(str::to_owned);
    Parcel { body: parts.to_string().into(), corrects, ..parcel(1) }
}

fn post(id: u32) -> String {
    format!("201 Created\r\n\r\n{{\"data\":{{\"id\":\"{id}\"}}}}")
}

fn x(receiver: &Receiver) -> (Arc<dyn Sink>, tempfile::TempDir) {
    open("x", &format!("keys = {{ file = \"secret\" }}\napi = \"{}\"\n", receiver.base), X_KEYS)
}

#[tokio::test]
async fn each_post_on_x_shows_the_picture_in_its_language_and_goes_without_it_rather_than_late() {
    let refused = "400 Bad Request\r\n\r\n{\"detail\":\"media type unrecognized\"}";
    let mut receiver = Receiver::start(&[&post(71), "200 OK\r\n\r\n{}", &post(1), refused, &post(2)]).await;
    let (sink, _dir) = x(&receiver);
    let shown = Parcel { pictures: pictures(&Language::ALL), ..thread(None) };
    assert_eq!(sink.send(&shown).await, Ok(Receipt("posts 1, 2".to_owned())));
    let uploaded = receiver.next().await;
    assert_eq!(uploaded.line, "POST /2/media/upload HTTP/1.1");
    holds(&uploaded, &[b"tweet_image", b"warning-ar.png", PNG]);
    let described = receiver.next().await;
    assert_eq!(
        (described.line.as_str(), &json(&described)["metadata"]["alt_text"]["text"]),
        ("POST /2/media/metadata HTTP/1.1", &"a red card in ar".into())
    );
    assert_eq!(json(&receiver.next().await)["media"]["media_ids"], serde_json::json!(["71"]));
    assert_eq!(receiver.next().await.line, "POST /2/media/upload HTTP/1.1");
    let second = json(&receiver.next().await);
    assert_eq!((&second["media"], &second["text"]), (&Value::Null, &"Warning".into()));
}

#[tokio::test]
async fn what_takes_a_thread_back_on_x_answers_its_first_post_or_stands_alone_when_that_is_gone() {
    let mut receiver = Receiver::start(&[&post(1), &post(2)]).await;
    let (sink, _dir) = x(&receiver);
    sink.send(&thread(Some("posts 17, 18"))).await.unwrap();
    assert_eq!(json(&receiver.next().await)["reply"]["in_reply_to_tweet_id"], "17");
    assert_eq!(json(&receiver.next().await)["reply"]["in_reply_to_tweet_id"], "1");
    let gone =
        "403 Forbidden\r\n\r\n{\"detail\":\"You attempted to reply to a Post that is deleted or not visible to you.\"}";
    let mut receiver = Receiver::start(&[gone, &post(1), &post(2)]).await;
    let (sink, _dir) = x(&receiver);
    sink.send(&thread(Some("post 17"))).await.unwrap();
    receiver.next().await;
    assert!(json(&receiver.next().await)["reply"].is_null());
    let (lost, _dir) = x(&Receiver::start(&[gone, gone]).await);
    assert!(matches!(lost.send(&thread(Some("post 17"))).await, Err(SendError::Later { .. })), "twice refused");
}

#[tokio::test]
async fn a_letter_holds_the_pictures_that_its_page_shows() {
    let letter = mail::written(&Parcel { pictures: pictures(&Language::ALL), ..mail::edition(3, 1, "ar+en") }).await;
    let letter = MessageParser::default().parse(&letter).unwrap();
    let page = letter.body_html(0).unwrap();
    let images: Vec<_> = letter.attachments().collect();
    assert_eq!(images.len(), 2);
    for (image, tag) in images.iter().zip(["ar", "en"]) {
        let (id, name) = (image.content_id().unwrap(), format!("warning-{tag}.png"));
        assert_eq!(image.attachment_name(), Some(name.as_str()));
        assert!(image.contents().starts_with(PNG));
        assert!(page.contains(&format!("<img src=\"cid:{id}\" alt=\"a red card in {tag}\"")), "{page}");
    }
}
