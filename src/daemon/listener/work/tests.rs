//! Stories of messages and of documents that do not come, with real servers on loopback and a brain that only writes down.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};

use super::*;

const ALERT: &str = "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>i</identifier><sender>s</sender>\
    <sent>2025-12-09T00:30:00+03:00</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope></alert>";

/// All that the brain was told.
type Told = Arc<Mutex<Vec<Heard>>>;

/// A brain that knows nothing and commits everything at once.
fn brain() -> (mpsc::Sender<Order>, Told) {
    let (orders, mut inbox) = mpsc::channel(8);
    let told = Told::default();
    let kept = Arc::clone(&told);
    tokio::spawn(async move {
        while let Some(order) = inbox.recv().await {
            match order {
                Order::Happened(event, done) => {
                    if let Event::Asked { heard, .. } = *event {
                        kept.lock().unwrap().push(heard);
                    }
                    done.send(()).unwrap();
                }
                Order::Recall(_, answer) => answer.send(None).unwrap(),
                Order::Judge(..) => panic!("nothing is kept back here"),
                Order::Obey(..) => panic!("nobody orders anything here"),
                Order::Rethink(..) => panic!("nobody changes the configuration here"),
            }
        }
    });
    (orders, told)
}

fn work(dir: &Path, hold_for: Duration) -> Work {
    let feeds = "[pushed]\nkind = \"wis2\"\nname = { ar = \"مصدر\", en = \"a feed\" }\nevery = \"5min\"\n\
                 brokers = [\"mqtt://127.0.0.1:9\"]\ntopics = [\"cache/#\"]\nreads = { kind = \"cap\" }\n";
    let rules = "[only]\nhazard = \"rain\"\nmetric = \"precipitation\"\nwindow = { sum = \"1h\" }\n\
                 at_least = { yellow = \"10 mm\" }\nsource = \"a test\"\n";
    let files = [("feeds.toml", feeds), ("rules/own.toml", rules)];
    let files: BTreeMap<String, String> = files.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    let (config, _) = crate::config::from_files(files).unwrap();
    let feed = config.feeds[0].clone();
    let fetcher = Arc::new(Fetcher::new("test@example.org").unwrap());
    let home = Url::parse("https://127.0.0.1").ok();
    Work { hold_for, ..Work::new(feed, fetcher, Arc::new(Aside::new(dir)), home) }
}

fn pushed(properties: &Value, links: &Value) -> Pushed {
    let mut all = json!({"data_id": "wis2/sa-ncm/data/core/a", "pubtime": "2025-12-08T21:31:00Z"});
    all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    let body = json!({
        "id": "31e9d66a-cd83-4174-9429-b932f1abe1be", "type": "Feature", "geometry": null, "properties": all, "links": links,
        "conformsTo": ["http://wis.wmo.int/spec/wnm/1/conf/core"],
    });
    let body = body.to_string().into_bytes();
    let identity = crate::feed::wis2::identity(&body).unwrap();
    Pushed { identity, from: "mqtt://127.0.0.1:9, cache/a".to_owned(), body }
}

fn clock() -> Clock {
    Clock::scaled("2025-12-09T00:00:00Z".parse().unwrap(), 1e-9)
}

#[tokio::test]
async fn a_document_that_does_not_come_gives_up_its_place_is_told_and_is_had_late() {
    let is_there = Arc::new(AtomicBool::new(false));
    let shown = Arc::clone(&is_there);
    let answer = move || {
        let is_there = shown.load(Ordering::Relaxed);
        async move { if is_there { (StatusCode::OK, ALERT) } else { (StatusCode::NOT_FOUND, "") } }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let link = format!("http://{}/a.xml", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/a.xml", get(answer))).await.unwrap() });
    let (dir, (orders, told)) = (tempfile::tempdir().unwrap(), brain());
    let work = Arc::new(work(dir.path(), Duration::from_millis(500)));
    let message = || pushed(&json!({}), &json!([{"rel": "canonical", "href": link}]));
    let Ended::Late(late) = Arc::clone(&work).bring(message(), orders.clone(), clock()).await else {
        panic!("it kept its place: {:?}", told.lock().unwrap())
    };
    let lost = |heard: &Heard| match heard {
        Heard::Batch { batch, entries, .. } if entries.is_empty() => batch.lost.clone(),
        other => panic!("{other:?}"),
    };
    let first = told.lock().unwrap().pop().unwrap();
    let [skip] = lost(&first).try_into().unwrap();
    assert!(skip.why.contains("404") && skip.why.contains("asked for again for an hour"), "{skip:?}");
    is_there.store(true, Ordering::Relaxed);
    assert!(Arc::clone(&work).pursue(late, orders.clone(), clock()).await);
    let Some(Heard::Batch { batch, entries, .. }) = told.lock().unwrap().pop() else { panic!("it was not told") };
    assert_eq!((batch.alerts.len(), entries.len()), (1, 1));
    // Where too many wait already, one more is given up, and that is told as well.
    is_there.store(false, Ordering::Relaxed);
    let _all = Arc::clone(&work.seats).acquire_many_owned(u32::try_from(MAX_LATE).unwrap()).await.unwrap();
    let ended = Arc::clone(&work).bring(message(), orders, clock()).await;
    assert!(matches!(ended, Ended::Settled));
    let last = told.lock().unwrap().pop().unwrap();
    assert!(lost(&last)[0].why.contains("given up: 200 others"), "{last:?}");
}

#[tokio::test]
async fn content_that_cannot_be_read_is_kept_aside_as_it_was_pushed() {
    let (dir, (orders, told)) = (tempfile::tempdir().unwrap(), brain());
    let work = Arc::new(work(dir.path(), HOLD_FOR));
    let content = json!({"content": {"encoding": "utf-8", "value": "<html>maintenance", "size": 17}});
    let message = pushed(&content, &json!([]));
    let body = message.body.clone();
    assert!(matches!(Arc::clone(&work).bring(message, orders.clone(), clock()).await, Ended::Settled));
    let Some(Heard::Batch { batch, .. }) = told.lock().unwrap().pop() else { panic!("it was not told") };
    let (why, place) = batch.skipped[0].why.split_once("; kept aside as ").unwrap();
    assert!(why.contains("a web page (HTML)"), "{why}");
    assert_eq!(std::fs::read(place).unwrap(), body);
    let note = std::fs::read_to_string(Path::new(place).with_extension("json")).unwrap();
    assert!(note.contains("mqtt://127.0.0.1:9, cache/a"), "{note}");
    // That a centre takes data away is nothing to look at.
    let deletion = pushed(&json!({}), &json!([{"rel": "deletion", "href": "https://example.org/a"}]));
    assert!(matches!(work.bring(deletion, orders, clock()).await, Ended::Settled));
    let Some(Heard::Batch { batch, .. }) = told.lock().unwrap().pop() else { panic!("it was not told") };
    assert!(!batch.skipped[0].why.contains("kept aside"), "{batch:?}");
}
