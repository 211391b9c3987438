//! What X does alone: threads, what stands already and is not posted again, and the posts of a day.

use std::sync::Arc;

use nadhir::hazard::Severity;
use nadhir::message::Form;
use nadhir::sink::{Parcel, Receipt, SendError, Sink, World};
use nadhir::time::TimeDelta;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::receiver::Receiver;
use super::services::{X_ACCOUNT, X_KEYS, X_NO_POSTS};
use super::{at, parcel, read};

pub(super) const ARABIC: &str = "تحذير أحمر: أمطار غزيرة على جدة & رابغ\nhttps://desk.example/MKH-12";
pub(super) const ENGLISH: &str = "Red warning: heavy rain in Jeddah & Rabigh\nhttps://desk.example/MKH-12";

const DUPLICATE: &str = "403 Forbidden\r\n\r\n{\"detail\":\"You are not allowed to create a Tweet with duplicate content.\",\"type\":\"about:blank\",\"title\":\"Forbidden\",\"status\":403}";

/// A sink that asks a receiver, opened anew, and the directory of its keys.
fn open(receiver: &Receiver, more: &str) -> (Arc<dyn Sink>, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.keys"), X_KEYS).unwrap();
    let opener = read("x", &format!("keys = {{ file = \"x.keys\" }}\napi = \"{}\"\n{more}", receiver.base));
    assert_eq!(opener.form(), Form::Post);
    (opener.open(&World::new(dir.path().to_owned()).unwrap()).unwrap(), dir)
}

/// A thread in both languages at one of its tries.
pub(super) fn thread(attempt: u32) -> Parcel {
    let parts = json!({ "parts": [{ "language": "ar", "text": ARABIC }, { "language": "en", "text": ENGLISH }] });
    Parcel { body: parts.to_string().into(), ..parcel(attempt) }
}

pub(super) fn taken(id: u32) -> String {
    format!("201 Created\r\n\r\n{}", json!({ "data": { "id": id.to_string(), "text": "x" } }))
}

/// A post as X shows it on an account: escaped, with a short address.
pub(super) fn standing(id: u32, text: &str, after: Option<u32>) -> Value {
    let text = text.replace('&', "&amp;").replace("https://desk.example/MKH-12", "https://t.co/abcdefghij");
    let urls = json!([{ "start": 1, "end": 2, "url": "https://t.co/abcdefghij", "expanded_url": "https://desk.example/MKH-12" }]);
    let mut post = json!({ "id": id.to_string(), "text": text, "created_at": "2025-12-09T00:00:02.000Z", "entities": { "urls": urls } });
    if let Some(before) = after {
        post["referenced_tweets"] = json!([{ "type": "replied_to", "id": before.to_string() }]);
    }
    post
}

pub(super) fn account(posts: &[Value], next: Option<&str>) -> String {
    format!("200 OK\r\n\r\n{}", json!({ "data": posts, "meta": { "result_count": posts.len(), "next_token": next } }))
}

/// The text of the next request and what it replies to, when it is a post; its line when it only asks.
async fn next(receiver: &mut Receiver) -> (String, Option<String>) {
    let request = receiver.next().await;
    assert!(request.headers["authorization"].to_str().unwrap().starts_with("OAuth oauth_consumer_key=\""));
    if request.line.starts_with("GET ") {
        return (request.line, None);
    }
    assert_eq!(request.line, "POST /2/tweets HTTP/1.1");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let before = body["reply"]["in_reply_to_tweet_id"].as_str().map(str::to_owned);
    (body["text"].as_str().unwrap().to_owned(), before)
}

async fn asks_for(receiver: &mut Receiver, path: &str) {
    let (line, _) = next(receiver).await;
    assert!(line.starts_with(&format!("GET {path}")), "{line}");
}

async fn posts(receiver: &mut Receiver, text: &str, before: Option<&str>) {
    assert_eq!(next(receiver).await, (text.to_owned(), before.map(str::to_owned)));
}

pub(super) fn whole() -> Result<Receipt, SendError> {
    Ok(Receipt("posts 1, 2".to_owned()))
}

#[tokio::test]
async fn each_language_is_a_reply_to_the_one_before() {
    let mut receiver = Receiver::start(&[&taken(1), &taken(2)]).await;
    let (sink, _dir) = open(&receiver, "");
    assert_eq!(sink.send(&thread(1)).await, whole());
    posts(&mut receiver, ARABIC, None).await;
    posts(&mut receiver, ENGLISH, Some("1")).await;
}

#[tokio::test]
async fn what_x_calls_a_duplicate_is_found_and_the_thread_goes_on_below_it() {
    let shown = account(&[standing(1, ARABIC, None)], None);
    let mut receiver = Receiver::start(&[DUPLICATE, X_ACCOUNT, &shown, &taken(2)]).await;
    let (sink, _dir) = open(&receiver, "");
    assert_eq!(sink.send(&thread(1)).await, whole());
    posts(&mut receiver, ARABIC, None).await;
    asks_for(&mut receiver, "/2/users/me ").await;
    asks_for(&mut receiver, "/2/users/2244994945/tweets?max_results=40&start_time=2025-12-02T00%3A00%3A01Z&").await;
    posts(&mut receiver, ENGLISH, Some("1")).await;
}

#[tokio::test]
async fn a_duplicate_that_the_account_does_not_show_is_told_and_tried_again() {
    let mut receiver = Receiver::start(&[DUPLICATE, X_ACCOUNT, X_NO_POSTS, &taken(1), &taken(2)]).await;
    let (sink, _dir) = open(&receiver, "");
    let Err(SendError::Later { why, .. }) = sink.send(&thread(1)).await else { panic!() };
    assert!(why.contains("the account shows no such post of the last 7d"), "{why}");
    assert_eq!(sink.send(&thread(2)).await, whole());
    for _ in 1..=3 {
        next(&mut receiver).await;
    }
    posts(&mut receiver, ARABIC, None).await;
}

#[tokio::test]
async fn what_arrived_though_its_answer_was_lost_is_not_posted_a_second_time() {
    let shown = account(&[standing(2, ENGLISH, Some(1)), standing(1, ARABIC, None)], None);
    for lost in ["close", "break", "502 Bad Gateway", "200 OK\r\n\r\n<html>welcome</html>"] {
        for is_opened_anew in [false, true] {
            let mut receiver = Receiver::start(&[&taken(1), lost, X_ACCOUNT, &shown]).await;
            let (sink, _dir) = open(&receiver, "");
            let (anew, _other) = open(&receiver, "");
            let why = sink.send(&thread(1)).await.unwrap_err().to_string();
            assert!(why.starts_with("1 of 2 posts stand (1); "), "{why}");
            let second = if is_opened_anew { &anew } else { &sink };
            assert_eq!(second.send(&thread(2)).await, whole(), "{lost}");
            posts(&mut receiver, ARABIC, None).await;
            posts(&mut receiver, ENGLISH, Some("1")).await;
            asks_for(&mut receiver, "/2/users/me ").await;
            asks_for(&mut receiver, "/2/users/2244994945/tweets?").await;
            assert!(receiver.is_idle(), "{lost}");
        }
    }
}

#[tokio::test]
async fn a_post_that_never_came_to_stand_is_posted_though_older_and_other_ones_look_like_it() {
    let mut older = standing(7, ARABIC, None);
    older["created_at"] = json!("2025-12-08T23:00:00.000Z");
    let other = standing(8, &ARABIC.replace("غزيرة", "متوسطة"), None);
    let shown = account(&[other, standing(9, ARABIC, Some(5)), older], None);
    let mut receiver = Receiver::start(&["close", X_ACCOUNT, &shown, "close", &shown, &taken(1), &taken(2)]).await;
    let (sink, _dir) = open(&receiver, "");
    for attempt in 1..=2 {
        assert!(matches!(sink.send(&thread(attempt)).await, Err(SendError::Unknown { .. })));
    }
    assert_eq!(sink.send(&thread(3)).await, whole());
    let mut asked = Vec::new();
    while !receiver.is_idle() {
        asked.push(next(&mut receiver).await.0);
    }
    assert_eq!(asked.iter().filter(|line| line.contains("/users/me")).count(), 1, "an account is asked for once");
    assert_eq!(asked.iter().filter(|text| *text == ARABIC).count(), 3);
}

#[tokio::test]
async fn nothing_is_posted_again_while_the_account_cannot_be_read() {
    let limited = "429 Too Many Requests\r\nx-rate-limit-reset: 1765239300\r\n\r\n{\"title\":\"Too Many Requests\"}";
    let shown = account(&[standing(1, ARABIC, None)], None);
    let answers = ["close", "401 Unauthorized", X_ACCOUNT, limited, &shown, &taken(2)];
    let mut receiver = Receiver::start(&answers).await;
    let (sink, _dir) = open(&receiver, "");
    let mut told = Vec::new();
    for attempt in 1..=4 {
        let Err(SendError::Unknown { why }) = sink.send(&thread(attempt)).await else { panic!("try {attempt}") };
        told.push(why);
    }
    assert!(told[1].contains("is not repeated until the account can be read") && told[1].contains("401"), "{told:?}");
    assert!(told[2].contains("429"), "{told:?}");
    assert!(told[3].contains("lets nobody read it until 2025-12-09 00:15:00 UTC"), "{told:?}");
    assert_eq!(sink.send(&Parcel { now: at(901), ..thread(5) }).await, whole());
    posts(&mut receiver, ARABIC, None).await;
    for path in ["/2/users/me ", "/2/users/me ", "/2/users/2244994945/", "/2/users/2244994945/"] {
        asks_for(&mut receiver, path).await;
    }
    posts(&mut receiver, ENGLISH, Some("1")).await;
}

#[tokio::test]
async fn what_lies_further_back_is_looked_for_page_by_page_and_not_without_end() {
    let others: Vec<Value> = (10..50).map(|id| standing(id, "another bulletin", None)).collect();
    let (more, last) = (account(&others, Some("b26v89c19zqg8o3f")), account(&[standing(1, ARABIC, None)], None));
    let mut receiver = Receiver::start(&["close", X_ACCOUNT, &more, &more, &more, &more, &last, &taken(2)]).await;
    let (sink, _dir) = open(&receiver, "");
    assert!(sink.send(&thread(1)).await.is_err());
    let Err(SendError::Unknown { why }) = sink.send(&thread(2)).await else { panic!() };
    assert!(why.contains("more than 120 posts since the first try"), "{why}");
    assert_eq!(sink.send(&thread(3)).await, whole());
    let mut tokens = 0;
    while !receiver.is_idle() {
        tokens += usize::from(next(&mut receiver).await.0.contains("pagination_token=b26v89c19zqg8o3f"));
    }
    assert_eq!(tokens, 3);
}

#[tokio::test]
async fn a_refused_second_language_goes_on_where_the_thread_stopped_and_nothing_is_read_back() {
    let limited = "429 Too Many Requests\r\nx-rate-limit-reset: 1765239001\r\n\r\n{\"title\":\"Too Many Requests\"}";
    let mut receiver = Receiver::start(&[&taken(1), limited, &taken(2)]).await;
    let (sink, _dir) = open(&receiver, "");
    let Err(SendError::Later { why, retry_after }) = sink.send(&thread(1)).await else { panic!() };
    assert!(why.starts_with("1 of 2 posts stand (1); "), "{why}");
    assert_eq!(retry_after, Some(TimeDelta::minutes(10)));
    assert_eq!(sink.send(&thread(2)).await, whole());
    posts(&mut receiver, ARABIC, None).await;
    posts(&mut receiver, ENGLISH, Some("1")).await;
    posts(&mut receiver, ENGLISH, Some("1")).await;
    assert!(receiver.is_idle());
}

#[tokio::test]
async fn a_whole_thread_has_one_time_limit() {
    let mut receiver = Receiver::start(&[&taken(1), "hang"]).await;
    let (sink, _dir) = open(&receiver, "timeout = \"20s\"\n");
    let sending = tokio::spawn(async move { sink.send(&thread(1)).await });
    for _ in 1..=2 {
        receiver.next().await;
    }
    tokio::time::pause();
    let Err(SendError::Unknown { why }) = sending.await.unwrap() else { panic!() };
    assert!(why.starts_with("1 of 2 posts stand (1); ") && why.contains("did not answer in 20 s"), "{why}");
}

#[tokio::test]
async fn a_yellow_is_held_back_where_a_red_is_not() {
    let answers: Vec<String> = (1..=4).map(taken).collect();
    let mut receiver = Receiver::start(&answers.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (sink, _dir) = open(&receiver, "posts_per_day = 4\n");
    let of = |key: &str, loudness| Parcel { key: key.to_owned(), loudness, ..thread(1) };
    assert_eq!(sink.send(&of("a", Severity::Yellow)).await, whole());
    let Err(SendError::Later { why, retry_after }) = sink.send(&of("b", Severity::Yellow)).await else { panic!() };
    assert_eq!(retry_after, Some(TimeDelta::days(1)));
    assert!(
        why.starts_with("held back until 2025-12-10 00:00:01 UTC: 2 of 4 posts a day are left, this takes 2, "),
        "{why}"
    );
    assert!(matches!(sink.send(&of("c", Severity::Orange)).await, Err(SendError::Later { .. })));
    assert_eq!(sink.send(&of("d", Severity::Red)).await, Ok(Receipt("posts 3, 4".to_owned())));
    for _ in 1..=4 {
        next(&mut receiver).await;
    }
    assert!(receiver.is_idle());
}

#[tokio::test]
async fn what_x_says_is_left_of_the_day_holds_back_as_well() {
    let left = |id: u32, left: u32| {
        let limits = format!(
            "x-user-limit-24hour-limit: 17\r\nx-user-limit-24hour-remaining: {left}\r\nx-user-limit-24hour-reset: 1765242001"
        );
        taken(id).replacen("\r\n\r\n", &format!("\r\n{limits}\r\n\r\n"), 1)
    };
    let mut receiver = Receiver::start(&[&left(1, 6), &left(2, 5)]).await;
    let (sink, _dir) = open(&receiver, "");
    assert_eq!(sink.send(&Parcel { loudness: Severity::Yellow, ..thread(1) }).await, whole());
    let next_one = Parcel { key: "b".to_owned(), loudness: Severity::Orange, ..thread(1) };
    let Err(SendError::Later { why, retry_after }) = sink.send(&next_one).await else { panic!() };
    assert_eq!(retry_after, Some(TimeDelta::hours(1)), "{why}");
    for _ in 1..=2 {
        next(&mut receiver).await;
    }
    assert!(receiver.is_idle());
}

#[tokio::test]
async fn what_is_no_post_is_not_sent() {
    let receiver = Receiver::start(&[]).await;
    let (sink, _dir) = open(&receiver, "");
    let Err(SendError::Never { why }) = sink.send(&parcel(1)).await else { panic!() };
    assert!(why.contains("leave the `form` of the channel out"), "{why}");
}
