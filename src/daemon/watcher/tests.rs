//! Stories of a watcher: lists whose documents are slow, missing or altered, several requests of which some fail, waits that servers
//! ask for, and what is kept aside. All of them synthetic, with real servers on loopback.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Path as Route;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use ring::digest::{SHA512, digest};
use url::Url;

use super::*;
use crate::feed::{Digest, Follow, Integrity, KINDS, Request};
use crate::fetch::Connection;
use crate::ids::FeedId;
use crate::language::Both;

mod folders;
mod several;

const LIMITS: Limits = Limits { timeout: Duration::from_secs(5), max_body: 64 * 1024 };
const NOW: &str = "2025-12-09T00:00:00Z";

const ALERT: &str = "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>i</identifier><sender>s</sender>\
    <sent>2025-12-09T00:30:00+03:00</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope></alert>";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// A clock that stands at a moment, as far as a test can tell.
fn clock_at(moment: Timestamp) -> Clock {
    Clock::scaled(moment, 1e-9)
}

async fn listen(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}")
}

/// A server whose `/late` is a page of maintenance the first time and an alert from then on; `/gone` is never there.
async fn serve() -> String {
    let asked = Arc::new(AtomicUsize::new(0));
    let late = move || {
        let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
        async move { if first { "<html>under maintenance" } else { ALERT } }
    };
    listen(Router::new().route("/late", get(late)).route("/alert", get(|| async { ALERT }))).await
}

fn config(feed: Arc<dyn Feed>) -> FeedConfig {
    FeedConfig {
        id: FeedId::new("ncm").unwrap(),
        name: Both { ar: "الإنذار".to_owned(), en: "Alerts".to_owned() },
        kind: "cap",
        feed,
        schedule: Schedule::every(TimeDelta::minutes(5)).unwrap(),
        jitter: TimeDelta::zero(),
        timeout: TimeDelta::seconds(5),
        connection: Connection::default(),
        max_body: 64 * 1024,
        stale_after: TimeDelta::hours(1),
        twin_wait: TimeDelta::zero(),
        clocks: crate::config::clocks::ClockLimits {
            silent_after: TimeDelta::hours(1),
            new_within: None,
            max_age: None,
        },
        attribution: None,
        licence: None,
    }
}

fn watcher_of(feed: FeedConfig, dir: &Path) -> Watcher {
    let aside = Arc::new(Aside::new(dir));
    Watcher::new(feed, Arc::new(Fetcher::new("test@example.org").unwrap()), aside, dir.to_owned())
}

fn watcher(base: &str, dir: &Path) -> Watcher {
    let cap = KINDS.iter().find(|kind| kind.name == "cap").unwrap();
    watcher_of(config(crate::feed::keys::tests::feed(cap, &format!("url = \"{base}/list\""))), dir)
}

fn pointer(base: &str, path: &str, integrity: Option<Integrity>) -> Follow {
    let request = Request::new(Url::parse(&format!("{base}/{path}")).unwrap(), "*/*");
    Follow { identity: path.to_owned(), request, integrity, beside: None }
}

/// A list that points to documents; tells what was taken, in its order, how many alerts that gave, and what was passed over.
async fn follow_all(
    watcher: &Watcher,
    home: &str,
    pointers: Vec<Follow>,
    memory: &mut Memory,
) -> (Vec<String>, usize, Vec<String>) {
    let list = Batch { follow: pointers, ..Batch::default() };
    let home = Url::parse(home).unwrap();
    let followed = watcher.follow(list, Some(&home), None, memory, (&LIMITS, now())).await;
    let skipped = followed.batch.skipped.iter().map(|skip| format!("{}: {}", skip.part, skip.why)).collect();
    (followed.entries, followed.batch.alerts.len(), skipped)
}

async fn follow(watcher: &Watcher, base: &str, paths: &[&str], memory: &mut Memory) -> (Vec<String>, usize) {
    let pointers = paths.iter().map(|path| pointer(base, path, None)).collect();
    let (taken, alerts, _) = follow_all(watcher, base, pointers, memory).await;
    (taken, alerts)
}

#[tokio::test]
async fn an_alert_behind_a_page_of_maintenance_is_asked_for_again() {
    let (base, dir) = (serve().await, tempfile::tempdir().unwrap());
    let (watcher, mut memory) = (watcher(&base, dir.path()), Memory::default());
    assert_eq!(follow(&watcher, &base, &["late"], &mut memory).await, (vec![], 0));
    assert_eq!(follow(&watcher, &base, &["late"], &mut memory).await, (vec!["late".to_owned()], 1));
    assert!(memory.troubled.is_empty());
}

#[tokio::test]
async fn documents_that_cannot_be_had_never_keep_the_others_waiting() {
    let (base, dir) = (serve().await, tempfile::tempdir().unwrap());
    let (watcher, mut memory) = (watcher(&base, dir.path()), Memory::default());
    let missing: Vec<String> = (0..MAX_FOLLOWED).map(|number| format!("gone{number}")).collect();
    let mut paths: Vec<&str> = missing.iter().map(String::as_str).collect();
    paths.push("alert");
    assert_eq!(follow(&watcher, &base, &paths, &mut memory).await, (vec![], 0));
    assert_eq!(follow(&watcher, &base, &paths, &mut memory).await, (vec!["alert".to_owned()], 1));
    assert_eq!(follow(&watcher, &base, &["alert"], &mut memory).await, (vec!["alert".to_owned()], 1));
    assert!(memory.troubled.is_empty(), "what the list does not name any more is forgotten");
}

#[tokio::test]
async fn a_document_whose_bytes_are_not_those_promised_is_asked_for_thrice_and_never_believed() {
    let (base, dir) = (serve().await, tempfile::tempdir().unwrap());
    let (watcher, mut memory) = (watcher(&base, dir.path()), Memory::default());
    let promise = |of: &[u8]| Some(Integrity { method: Digest::Sha512, value: digest(&SHA512, of).as_ref().to_vec() });
    let true_one = vec![pointer(&base, "alert", promise(ALERT.as_bytes()))];
    assert_eq!(follow_all(&watcher, &base, true_one, &mut memory).await.1, 1);
    let false_one = || vec![pointer(&base, "alert", promise(b"something else"))];
    for _ in 1..3 {
        let (taken, alerts, skipped) = follow_all(&watcher, &base, false_one(), &mut memory).await;
        assert_eq!((taken.len(), alerts), (0, 0));
        assert!(skipped[0].contains("asked for again") && skipped[0].contains("promised"), "{skipped:?}");
    }
    let (taken, alerts, skipped) = follow_all(&watcher, &base, false_one(), &mut memory).await;
    assert_eq!((taken, alerts), (vec!["alert".to_owned()], 0));
    assert!(skipped[0].contains("3 times"), "{skipped:?}");
}

#[tokio::test]
async fn a_list_of_the_world_does_not_lead_into_this_machine() {
    let (base, dir) = (serve().await, tempfile::tempdir().unwrap());
    let (watcher, mut memory) = (watcher(&base, dir.path()), Memory::default());
    let pointers = vec![pointer(&base, "alert", None)];
    let (taken, alerts, skipped) = follow_all(&watcher, "https://a.example/list", pointers, &mut memory).await;
    assert_eq!((taken.len(), alerts), (0, 0));
    assert!(skipped[0].contains("not of the open internet"), "{skipped:?}");
}

#[tokio::test]
async fn another_host_that_was_down_is_found_up_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let answer = move || {
        let is_down = asked.fetch_add(1, Ordering::Relaxed) < 4;
        async move { if is_down { (StatusCode::SERVICE_UNAVAILABLE, "") } else { (StatusCode::OK, ALERT) } }
    };
    let other = listen(Router::new().route("/{path}", get(answer))).await;
    let (base, dir) = (serve().await, tempfile::tempdir().unwrap());
    let (watcher, mut memory) = (watcher(&base, dir.path()), Memory::default());
    let pointers = || ["1", "2", "3", "4", "5"].map(|path| pointer(&other, path, None)).to_vec();
    assert_eq!(follow_all(&watcher, &base, pointers(), &mut memory).await.1, 0);
    assert_eq!(counted.load(Ordering::Relaxed), 3, "after three failures it rests");
    assert_eq!(follow_all(&watcher, &base, pointers(), &mut memory).await.1, 0);
    assert_eq!(counted.load(Ordering::Relaxed), 4, "one document goes out as a probe");
    assert_eq!(follow_all(&watcher, &base, pointers(), &mut memory).await.1, 5);
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_kept_aside_and_its_place_is_told() {
    let app = Router::new().route("/list", get(|| async { ([("set-cookie", "hush")], "<html>maintenance") }));
    let (base, dir) = (listen(app).await, tempfile::tempdir().unwrap());
    let watcher = watcher(&base, dir.path());
    let asked = watcher.ask(None, &mut Memory::default(), clock_at(now())).await;
    let Heard::Unreadable { why } = asked.heard else { panic!("{:?}", asked.heard) };
    let (_, place) = why.split_once("kept aside as ").unwrap();
    assert_eq!(std::fs::read_to_string(place).unwrap(), "<html>maintenance");
    let note = std::fs::read_to_string(Path::new(place).with_extension("json")).unwrap();
    assert!(note.contains("/list") && note.contains("web page") && !note.contains("hush"), "{note}");
}

#[tokio::test]
async fn a_part_in_an_unknown_shape_has_the_answer_kept_aside_and_its_place_told_while_the_rest_counts() {
    const BODY: &str = "[{\"colour\":\"red\",\"where\":\"جدة\"}]";
    let base = listen(Router::new().route("/list", get(|| async { BODY }))).await;
    let dir = tempfile::tempdir().unwrap();
    let kind = KINDS.iter().find(|kind| kind.name == "ncm-ews").unwrap();
    let feed = crate::feed::keys::tests::feed(kind, &format!("url = \"{base}/list\""));
    let watcher = watcher_of(config(feed), dir.path());
    let asked = watcher.ask(None, &mut Memory::default(), clock_at(now())).await;
    let Heard::Batch { batch, .. } = asked.heard else { panic!("{:?}", asked.heard) };
    let [part] = batch.strange.as_slice() else { panic!("{:?}", batch.strange) };
    let (why, place) = part.why.split_once("; kept aside as ").unwrap();
    assert!(why.contains("colour"), "{why}");
    assert_eq!(std::fs::read_to_string(place).unwrap(), BODY);
}

#[test]
fn waits_are_bounded_by_the_patience_of_the_feed() {
    let dir = tempfile::tempdir().unwrap();
    let watcher = watcher("http://a.example", dir.path());
    let (minute, day) = (TimeDelta::minutes(1), TimeDelta::days(1));
    let busy = |wait| FetchError::Status { code: 429, retry_after: Some(wait) };
    assert_eq!(watcher.freshness(Some(minute)), Some(minute));
    assert_eq!(watcher.freshness(Some(day)), Some(TimeDelta::minutes(30)), "half of the hour after which it is stale");
    assert_eq!(watcher.plea(&busy(minute)), Some(minute));
    assert_eq!(watcher.plea(&busy(day)), Some(TimeDelta::hours(1)));
    let mut hasty = watcher.feed.clone();
    hasty.clocks.silent_after = TimeDelta::minutes(6);
    let hasty = watcher_of(hasty, dir.path());
    assert_eq!(
        hasty.freshness(Some(day)),
        Some(TimeDelta::minutes(3)),
        "staff must not hear of a silence that we keep"
    );
    assert_eq!(hasty.plea(&busy(day)), Some(TimeDelta::minutes(6)));
    for (wait, expected) in [(None, 5), (Some(minute), 5), (Some(TimeDelta::minutes(30)), 30)] {
        assert_eq!(watcher.next(now(), 0, wait), now() + TimeDelta::minutes(expected));
    }
    assert_eq!(watcher.next(now(), 1, Some(TimeDelta::minutes(7))), now() + TimeDelta::minutes(7));
    assert!(watcher.next(now(), 9, None) <= now() + TimeDelta::minutes(5), "a failure never makes it rarer");
}

#[test]
fn a_run_of_a_cron_line_never_falls_on_the_full_minute_with_everybody_elses() {
    let dir = tempfile::tempdir().unwrap();
    let mut feed = watcher("http://a.example", dir.path()).feed;
    feed.schedule = Schedule::cron("0 * * * *", chrono_tz::Asia::Riyadh).unwrap();
    feed.jitter = TimeDelta::seconds(30);
    let mut places = BTreeSet::new();
    for id in ["ncm", "metar", "met-norway", "open-meteo"] {
        feed.id = FeedId::new(id).unwrap();
        let watcher = watcher_of(feed.clone(), dir.path());
        let late: Vec<TimeDelta> =
            (0..50).map(|_| watcher.next(now(), 0, None) - now() - TimeDelta::hours(1)).collect();
        assert!(late.iter().all(|late| (TimeDelta::seconds(1)..=feed.jitter).contains(late)), "{late:?}");
        let span = *late.iter().max().unwrap() - *late.iter().min().unwrap();
        assert!(span <= TimeDelta::seconds(29), "half of it is the feed's own and always alike: {span}");
        places.insert(late.iter().min().unwrap().num_seconds() / 2);
    }
    assert!(1 < places.len(), "feeds are spread: {places:?}");
}

#[tokio::test]
async fn the_clock_of_a_server_is_compared_with_ours() {
    let app = Router::new()
        .route("/list", get(|| async { ([("date", "Tue, 09 Dec 2025 00:04:00 GMT"), ("age", "60")], ALERT) }));
    let (base, dir) = (listen(app).await, tempfile::tempdir().unwrap());
    let asked = watcher(&base, dir.path()).ask(None, &mut Memory::default(), clock_at(now())).await;
    let skew = asked.skew.unwrap();
    assert!(
        (skew - TimeDelta::minutes(5)).num_seconds().abs() < 2,
        "its date is of a minute ago by its own word: {skew}"
    );
}

#[tokio::test]
async fn an_item_with_loose_elements_of_cap_says_so_when_its_link_leads_to_a_page() {
    const LIST: &str = "<rss version='2.0' xmlns:cap='urn:oasis:names:tc:emergency:cap:1.2'><channel>\
        <item><link>/page</link><cap:event>Rain</cap:event></item><item><link>/alert</link><cap:event>Rain</cap:event></item>\
        </channel></rss>";
    let app = Router::new()
        .route("/list", get(|| async { LIST }))
        .route("/page", get(|| async { "<html>a map" }))
        .route("/alert", get(|| async { ALERT }));
    let (base, dir) = (listen(app).await, tempfile::tempdir().unwrap());
    let asked = watcher(&base, dir.path()).ask(None, &mut Memory::default(), clock_at(now())).await;
    let Heard::Batch { batch, .. } = asked.heard else { panic!("{:?}", asked.heard) };
    let [skip] = batch.skipped.as_slice() else { panic!("{:?}", batch.skipped) };
    assert_eq!(batch.alerts.len(), 1, "the link beside it leads to an alert");
    for words in ["a web page (HTML)", "in the list it holds elements of CAP (event) outside an <alert>"] {
        assert!(skip.why.contains(words), "{}", skip.why);
    }
}
