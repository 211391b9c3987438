//! Receivers that are slow, break off, answer without end or tell lies: what they may have taken is never called lost, what they surely did
//! not take is tried again under the same key, and none of them holds up anybody else or gets more than a limit of attention.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nadhir::bulletin::Change;
use nadhir::outbox::Standing;
use nadhir::subscriber::{NewSubscriber, State as Member, Wishes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Field, at, channel};

/// How one answers, by the name of its path: these may have taken the message, or said so; those surely did not.
const TAKEN: [&str; 4] = ["short", "endless-body", "eager", "twice"];
const TRIED_AGAIN: [&str; 4] = ["half", "other-protocol", "endless-head", "drip"];
/// Nobody is led elsewhere, and asking the same again is in vain.
const GIVEN_UP: &str = "moved";

/// The keys that came to each, in the order of their coming.
type Keys = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

async fn serve(mut stream: TcpStream, keys: Keys) {
    loop {
        let Some((name, key)) = request(&mut stream).await else { return };
        keys.lock().unwrap().entry(name.clone()).or_default().push(key);
        let end = answer(&mut stream, &name).await;
        if end.is_err() || name != "twice" {
            return;
        }
    }
}

/// Reads one request: its path without the slash, and its `webhook-id`.
async fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let field = |name: &str| {
                head.lines()
                    .find_map(|line| line.to_ascii_lowercase().strip_prefix(name).map(|rest| rest.trim().to_owned()))
            };
            let name = head.split_whitespace().nth(1)?.trim_start_matches('/').to_owned();
            // The eager one has answered before the message is whole.
            if name == "eager" || field("content-length:")?.parse::<usize>().ok()? <= body.len() {
                return Some((name, field("webhook-id:")?));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

async fn answer(stream: &mut TcpStream, name: &str) -> std::io::Result<()> {
    match name {
        "short" => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc").await,
        "half" => stream.write_all(b"HTTP/1.1 20").await,
        "other-protocol" => stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await,
        "moved" => {
            stream
                .write_all(b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n")
                .await
        }
        "eager" => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await,
        "twice" => {
            // An answer to a question that was not asked yet must not be taken for that of the next.
            let twice = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(twice).await
        }
        "drip" => loop {
            stream.write_all(b"H").await?;
            tokio::time::sleep(Duration::from_millis(200)).await;
        },
        "endless-head" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            loop {
                stream.write_all(b"x-more: and more\r\n").await?;
            }
        }
        "endless-body" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(&[b'x'; 4096]).await?;
            }
        }
        _ => stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_slow_breaks_off_or_lies_holds_up_nobody_and_is_never_taken_for_having_what_it_has_not() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", socket.local_addr().unwrap());
    let keys = Keys::default();
    let noted = Arc::clone(&keys);
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&noted)));
        }
    });
    let mut field = Field::open(super::Kind::File).await;
    let all: Vec<&str> = TAKEN.into_iter().chain(TRIED_AGAIN).chain([GIVEN_UP, "fine"]).collect();
    let new = all.iter().map(|name| NewSubscriber {
        name: (*name).to_owned(),
        url: format!("{base}/{name}"),
        wishes: Wishes::default(),
        pace: None,
        state: Member::Active,
    });
    field.store.subscribe(channel("open"), new.collect(), at(-60)).await.unwrap();
    let count = |name: &str| keys.lock().unwrap().get(name).map_or(0, Vec::len);
    field.say(1, |_| {}).await;
    field.start();
    field.until("the sound one", || async { count("fine") == 1 }).await;
    for name in TRIED_AGAIN {
        field.until(name, || async { 2 <= count(name) }).await;
    }
    for name in TAKEN {
        assert_eq!(count(name), 1, "{name} has said that it has it");
    }
    assert_eq!(count(GIVEN_UP), 1);
    assert_eq!(count("fine"), 1, "once, however often others are tried");
    let same = |name: &str| keys.lock().unwrap()[name].iter().collect::<BTreeSet<_>>().len();
    assert!(TRIED_AGAIN.iter().all(|name| same(name) == 1), "under the same key");
    assert_eq!(field.standings().await.0, [Standing::Owed], "not with all");
    // The next word reaches the one that answers twice, and is not settled by the answer of before.
    field.say(2, |bulletin| bulletin.change = Change::Lifted).await;
    field.until("the newer word", || async { TAKEN.iter().all(|name| count(name) == 2) && count("fine") == 2 }).await;
    field.stop().await;
}
