//! Stories of a watcher and a list whose documents are slow, missing or not yet written; all of them synthetic.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use url::Url;

use super::*;
use crate::feed::{KINDS, Request};
use crate::ids::FeedId;
use crate::language::Both;
use crate::schedule::Schedule;

const LIMITS: Limits = Limits { timeout: Duration::from_secs(5), max_body: 64 * 1024 };
const NOW: &str = "2025-12-09T00:00:00Z";

const ALERT: &str = "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>i</identifier><sender>s</sender>\
    <sent>2025-12-09T00:30:00+03:00</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope></alert>";

/// A server whose `/late` is a page of maintenance the first time and an alert from then on; `/gone` is never there.
async fn serve() -> String {
    let asked = Arc::new(AtomicUsize::new(0));
    let late = move || {
        let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
        async move { if first { "<html>under maintenance" } else { ALERT } }
    };
    let app = Router::new().route("/late", get(late)).route("/alert", get(|| async { ALERT }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}")
}

fn watcher(base: &str) -> Watcher {
    let cap = KINDS.iter().find(|kind| kind.name == "cap").unwrap();
    let feed = FeedConfig {
        id: FeedId::new("ncm").unwrap(),
        name: Both { ar: "الإنذار".to_owned(), en: "Alerts".to_owned() },
        kind: "cap",
        feed: crate::feed::keys::tests::feed(cap, &format!("url = \"{base}/list\"")),
        schedule: Schedule::every(TimeDelta::minutes(5)).unwrap(),
        jitter: TimeDelta::zero(),
        timeout: TimeDelta::seconds(5),
        max_body: 64 * 1024,
        stale_after: TimeDelta::hours(1),
        twin_wait: TimeDelta::zero(),
        attribution: None,
        licence: None,
    };
    Watcher::new(feed, Arc::new(Fetcher::new("test@example.org").unwrap()))
}

/// A list that names some paths; tells what was taken, in its order, and how many alerts that gave.
async fn follow(
    watcher: &Watcher,
    base: &str,
    paths: &[&str],
    troubled: &mut BTreeSet<String>,
) -> (Vec<String>, usize) {
    let follow = paths.iter().map(|path| Follow {
        identity: (*path).to_owned(),
        request: Request::new(Url::parse(&format!("{base}/{path}")).unwrap(), "*/*"),
        integrity: None,
    });
    let list = Batch { follow: follow.collect(), ..Batch::default() };
    let heard = watcher.follow(list, Validators::default(), None, troubled, &LIMITS, NOW.parse().unwrap()).await;
    let Heard::Batch { batch, entries, .. } = heard else { panic!("{heard:?}") };
    (entries, batch.alerts.len())
}

#[tokio::test]
async fn an_alert_behind_a_page_of_maintenance_is_asked_for_again() {
    let base = serve().await;
    let (watcher, mut troubled) = (watcher(&base), BTreeSet::new());
    assert_eq!(follow(&watcher, &base, &["late"], &mut troubled).await, (vec![], 0));
    assert_eq!(follow(&watcher, &base, &["late"], &mut troubled).await, (vec!["late".to_owned()], 1));
    assert!(troubled.is_empty());
}

#[tokio::test]
async fn documents_that_cannot_be_had_never_keep_the_others_waiting() {
    let base = serve().await;
    let (watcher, mut troubled) = (watcher(&base), BTreeSet::new());
    let missing: Vec<String> = (0..MAX_FOLLOWED).map(|number| format!("gone{number}")).collect();
    let mut paths: Vec<&str> = missing.iter().map(String::as_str).collect();
    paths.push("alert");
    assert_eq!(follow(&watcher, &base, &paths, &mut troubled).await, (vec![], 0));
    assert_eq!(follow(&watcher, &base, &paths, &mut troubled).await, (vec!["alert".to_owned()], 1));
    assert_eq!(follow(&watcher, &base, &["alert"], &mut troubled).await, (vec!["alert".to_owned()], 1));
    assert!(troubled.is_empty(), "what the list does not name any more is forgotten");
}
