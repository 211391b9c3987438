//! Stories of a feed of several requests, one for each place, of which some are unchanged and some fail.

use super::*;
use crate::feed::Validators;
use crate::ids::GovernorateId;
use crate::reading::{Basis, Reading};
use crate::unit::Metric;

/// A feed of places whose answer is one number.
struct Places {
    base: String,
    names: Vec<&'static str>,
}

impl Feed for Places {
    fn source(&self, _: Timestamp) -> Source {
        let request =
            |name: &&str| Request::new(Url::parse(&format!("{}/{name}?key=hush", self.base)).unwrap(), "text/plain");
        Source::Web(self.names.iter().map(request).collect())
    }

    fn decode(&self, body: &[u8], now: Timestamp) -> Result<Batch, DecodeError> {
        let text = String::from_utf8_lossy(body);
        let value: f64 = text
            .parse()
            .map_err(|_| DecodeError::NotTheFormat { expected: "a number", found: crate::feed::look_of(body) })?;
        let reading = Reading {
            governorate: GovernorateId::new("jeddah").unwrap(),
            metric: Metric::Temperature,
            basis: Basis::Observed,
            at: now,
            covers: TimeDelta::hours(1),
            value,
            station: None,
        };
        Ok(Batch { readings: vec![reading], ..Batch::default() })
    }
}

/// What the server is to answer at each path, and what it was asked, as `path validator`.
#[derive(Default)]
struct Told {
    answers: BTreeMap<String, (u16, &'static str, &'static str)>,
    asked: Vec<String>,
}

async fn serve(told: Arc<Mutex<Told>>) -> String {
    let answer = move |Route(path): Route<String>, headers: HeaderMap| {
        let mut told = told.lock().unwrap();
        let known = headers.get("if-none-match").map_or("-", |value| value.to_str().unwrap()).to_owned();
        told.asked.push(format!("{path} {known}"));
        let (status, control, body) = told.answers.get(&path).copied().unwrap_or((404, "", ""));
        let status = if status == 200 && known == format!("\"{body}\"") { 304 } else { status };
        let head = [("etag", format!("\"{body}\"")), ("cache-control", control.to_owned())];
        let body = if status == 200 { body } else { "" };
        async move { (StatusCode::from_u16(status).unwrap(), head, body).into_response() }
    };
    listen(Router::new().route("/{path}", get(answer))).await
}

/// A server and a watcher of three places: a, b, c.
struct Stage {
    told: Arc<Mutex<Told>>,
    watcher: Watcher,
    memory: Memory,
    _dir: tempfile::TempDir,
}

impl Stage {
    async fn new() -> Self {
        let told = Arc::new(Mutex::new(Told::default()));
        let base = serve(Arc::clone(&told)).await;
        let dir = tempfile::tempdir().unwrap();
        let feed = config(Arc::new(Places { base, names: vec!["a", "b", "c"] }));
        Self { told, watcher: watcher_of(feed, dir.path()), memory: Memory::default(), _dir: dir }
    }

    /// Lets places answer `status control body`, asks at a minute, and tells what was asked and what was heard.
    async fn ask(&mut self, minute: i64, answers: &[(&str, u16, &'static str, &'static str)]) -> (String, String) {
        for (path, status, control, body) in answers {
            self.told.lock().unwrap().answers.insert((*path).to_owned(), (*status, control, body));
        }
        let asked = self.watcher.ask(None, &mut self.memory, clock_at(now() + TimeDelta::minutes(minute))).await;
        let heard = match asked.heard {
            Heard::Batch { batch, validators, entries } => {
                assert_eq!((validators, entries.len()), (None::<Validators>, 0));
                let values: Vec<String> = batch.readings.iter().map(|reading| reading.value.to_string()).collect();
                let skipped: Vec<String> =
                    batch.skipped.iter().map(|skip| format!("; {}: {}", skip.part, skip.why)).collect();
                assert!(!skipped.concat().contains("hush"), "{skipped:?}");
                format!("{}{}", values.join(" "), skipped.concat())
            }
            other => format!("{other:?}"),
        };
        let wait = asked.wait.map(|wait| format!(" then {} s", wait.num_seconds())).unwrap_or_default();
        let asked = std::mem::take(&mut self.told.lock().unwrap().asked);
        (asked.join(", "), format!("{heard}{wait}"))
    }
}

#[tokio::test]
async fn each_request_has_its_own_validators_and_what_is_unchanged_counts_again() {
    let mut stage = Stage::new().await;
    let all = [("a", 200, "", "1"), ("b", 200, "", "2"), ("c", 200, "", "3")];
    assert_eq!(stage.ask(0, &all).await, ("a -, b -, c -".to_owned(), "1 2 3 then 0 s".to_owned()));
    let (asked, heard) = stage.ask(5, &[("b", 200, "", "22")]).await;
    assert_eq!(asked, "a \"1\", b \"2\", c \"3\"");
    assert_eq!(heard, "1 22 3 then 0 s", "what the others said is absorbed again");
    let (asked, heard) = stage.ask(10, &[]).await;
    assert_eq!((asked.as_str(), heard.as_str()), ("a \"1\", b \"22\", c \"3\"", "Unchanged then 0 s"));
}

#[tokio::test]
async fn one_that_fails_is_passed_over_and_what_it_said_before_grows_old() {
    let mut stage = Stage::new().await;
    stage.ask(0, &[("a", 200, "", "1"), ("b", 200, "", "2"), ("c", 200, "", "3")]).await;
    let (_, heard) = stage.ask(5, &[("b", 404, "", ""), ("c", 200, "", "x")]).await;
    assert!(heard.starts_with("1; request 2 of 3 (http://127.0.0.1:"), "{heard}");
    assert!(heard.contains("/b): it could not be had: the server answered 404"), "{heard}");
    assert!(heard.contains("/c): it cannot be read: expected a number") && heard.contains("kept aside"), "{heard}");
    let (_, heard) = stage.ask(10, &[("b", 200, "", "2"), ("c", 204, "", "")]).await;
    assert_eq!(heard, "1 2");
    stage.ask(15, &[("c", 200, "", "3")]).await;
    stage.ask(20, &[("b", 404, "", "")]).await;
    let (asked, heard) = stage.ask(25, &[("b", 200, "", "2")]).await;
    assert_eq!(asked, "a \"1\", b \"2\", c \"3\"");
    assert_eq!(heard, "1 2 3 then 0 s", "all stand by what they said, and the one that failed has to be told anew");
    assert_eq!(stage.ask(30, &[]).await.1, "Unchanged then 0 s");
}

#[tokio::test]
async fn none_answered_is_a_failure_and_all_empty_is_nothing() {
    let mut stage = Stage::new().await;
    let (_, heard) = stage.ask(0, &[("a", 404, "", ""), ("b", 404, "", ""), ("c", 404, "", "")]).await;
    assert_eq!(heard, "Unreachable { why: \"none of 3 requests was answered: the server answered 404 Not Found\" }");
    let (_, heard) = stage.ask(1, &[("a", 200, "", "x"), ("b", 404, "", ""), ("c", 404, "", "")]).await;
    assert!(heard.starts_with("Unreadable { why: \"none of 3 answers could be read"), "{heard}");
    let (_, heard) = stage.ask(2, &[("a", 204, "", ""), ("b", 204, "", ""), ("c", 204, "", "")]).await;
    assert_eq!(heard, "Nothing");
}

#[tokio::test]
async fn none_is_asked_before_its_promise_has_run_out_and_no_promise_outlasts_patience() {
    let mut stage = Stage::new().await;
    let (short, long) = ("max-age=600", "max-age=86400");
    let (_, heard) = stage.ask(0, &[("a", 200, short, "1"), ("b", 200, long, "2"), ("c", 200, long, "3")]).await;
    assert_eq!(heard, "1 2 3 then 600 s");
    let (asked, heard) = stage.ask(11, &[("a", 200, short, "11")]).await;
    assert_eq!((asked.as_str(), heard.as_str()), ("a \"1\"", "11 2 3 then 600 s"));
    let (asked, _) = stage.ask(31, &[]).await;
    assert_eq!(asked, "a \"11\", b \"2\", c \"3\"", "half of the hour after which the feed is stale");
}

#[tokio::test]
async fn a_host_that_is_down_is_not_asked_for_every_place() {
    let mut stage = Stage::new().await;
    let down = [("a", 503, "", ""), ("b", 503, "", ""), ("c", 503, "", "")];
    assert_eq!(stage.ask(0, &down).await.0, "a -, b -, c -");
    let (asked, heard) = stage.ask(1, &[]).await;
    assert_eq!(asked, "a -", "only the first goes out to see whether it is up");
    assert!(heard.starts_with("Unreachable"), "{heard}");
    let (asked, heard) = stage.ask(2, &[("a", 200, "", "1"), ("b", 200, "", "2"), ("c", 200, "", "3")]).await;
    assert_eq!((asked.as_str(), heard.as_str()), ("a -, b -, c -", "1 2 3 then 0 s"));
}
