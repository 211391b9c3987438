//! The world on loopback: an HTTP server that answers as the real feeds would have at the moment of the story.
//!
//! It answers conditional requests and fails when the storm file says so. It never listens on anything but 127.0.0.1, and each
//! answer says in a header that it is a reconstruction.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{
    CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ring::digest::{SHA256, digest};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::storm::{FaultKind, FeedName, Storm, metar, open_meteo};
use crate::daemon::clock::Clock;
use crate::time::{TimeDelta, Timestamp};

/// The longest that an answer is held back, whatever the storm file says.
pub const MAX_HANG: Duration = Duration::from_secs(120);

/// How long the server waits for open answers when it stops.
const MAX_STOPPING: Duration = Duration::from_secs(5);

/// The most hours of reports that may be asked for, as at the real feed.
const MAX_HOURS: i64 = 360;

/// The header by which each answer says what it is.
const LABEL: HeaderName = HeaderName::from_static("x-nadhir-demo");

const JSON: &str = "application/json; charset=utf-8";
const ATOM: &str = "application/atom+xml; charset=utf-8";
const CAP: &str = "application/cap+xml; charset=utf-8";

/// A running server; it stops when dropped.
#[derive(Debug)]
pub struct FeedServer {
    /// Where it listens.
    pub addr: SocketAddr,
    stop: CancellationToken,
    task: Option<JoinHandle<std::io::Result<()>>>,
}

/// What the answers are made from.
struct World {
    storm: Arc<Storm>,
    clock: Clock,
    base_url: String,
    stop: CancellationToken,
}

type Shared = State<Arc<World>>;

impl FeedServer {
    /// Begins to answer on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port is to be had.
    pub async fn start(storm: Arc<Storm>, clock: Clock) -> anyhow::Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("open a loopback port for the demo's feeds")?;
        let addr = listener.local_addr().context("find the port of the demo's feeds")?;
        let stop = CancellationToken::new();
        let world = World { storm, clock, base_url: format!("http://{addr}"), stop: stop.clone() };
        let router = Router::new()
            .route("/v1/forecast", get(forecast))
            .route("/v1/marine", get(forecast))
            .route("/v1/air-quality", get(forecast))
            .route("/api/data/metar", get(reports))
            .route("/cap/atom.xml", get(index))
            .route("/cap/alerts/{file}", get(alert))
            .with_state(Arc::new(world));
        let serving = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        Ok(Self { addr, stop, task: Some(tokio::spawn(serving.into_future())) })
    }

    /// Where the addresses of all its feeds begin: `http://127.0.0.1:40123`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Stops it and waits until the last answer is out.
    ///
    /// # Errors
    /// When the server broke before it was stopped, or does not come to an end.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        end(self.task.take()).await.context("stop the demo's feeds")
    }
}

impl Drop for FeedServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Waits for a server that was told to stop; shared with the receiver.
pub(super) async fn end(task: Option<JoinHandle<std::io::Result<()>>>) -> anyhow::Result<()> {
    let Some(mut task) = task else { return Ok(()) };
    match tokio::time::timeout(MAX_STOPPING, &mut task).await {
        Ok(ended) => Ok(ended??),
        Err(_) => {
            task.abort();
            anyhow::bail!("open answers did not end within {} s", MAX_STOPPING.as_secs())
        }
    }
}

/// An answer before it is put in HTTP.
struct Answer {
    content_type: &'static str,
    body: String,
    changed: Timestamp,
}

async fn forecast(State(world): Shared, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let (now, fault) = match world.moment(FeedName::OpenMeteo).await {
        Ok(moment) => moment,
        Err(bad) => return *bad,
    };
    let question = open_meteo::Question::read(&pairs(query));
    let answered = question.and_then(|question| {
        let mut body = world.storm.open_meteo(now, &question)?;
        let changed = match fault {
            None => world.storm.open_meteo_changed(now, &question),
            Some(_) => now,
        };
        match fault {
            Some(FaultKind::Empty) => body = json!([]),
            Some(FaultKind::BrokenRow) => open_meteo::break_one_row(&mut body),
            None | Some(FaultKind::Html | FaultKind::Hang | FaultKind::Unavailable) => {}
        }
        Ok(Answer { content_type: JSON, body: body.to_string(), changed })
    });
    match answered {
        Ok(answer) => world.put(now, &headers, answer),
        Err(reason) => {
            let body = json!({ "error": true, "reason": reason }).to_string();
            world.plain(now, StatusCode::BAD_REQUEST, JSON, body)
        }
    }
}

async fn reports(State(world): Shared, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let (now, fault) = match world.moment(FeedName::Metar).await {
        Ok(moment) => moment,
        Err(bad) => return *bad,
    };
    let pairs = pairs(query);
    let value = |key: &str| pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    let ids: Vec<String> = value("ids").unwrap_or_default().split(',').map(|id| id.trim().to_uppercase()).collect();
    let age = match value("hours") {
        None => Some(metar::USUAL_AGE),
        Some(hours) => hours.parse().ok().filter(|hours| (1..=MAX_HOURS).contains(hours)).map(TimeDelta::hours),
    };
    let is_json = value("format") == Some("json");
    let (Some(age), true, true) = (age, is_json, ids.len() <= metar::MAX_STATIONS) else {
        let body = json!({ "status": "error", "error": "Invalid ids, hours or format" }).to_string();
        return world.plain(now, StatusCode::BAD_REQUEST, JSON, body);
    };
    let mut body = world.storm.metar(now, &ids, age);
    match fault {
        Some(FaultKind::Empty) => body = json!([]),
        Some(FaultKind::BrokenRow) => metar::add_broken_row(&mut body),
        None | Some(FaultKind::Html | FaultKind::Hang | FaultKind::Unavailable) => {}
    }
    let changed = if fault.is_none() { world.storm.metar_changed(now, age) } else { now };
    world.put(now, &headers, Answer { content_type: JSON, body: body.to_string(), changed })
}

async fn index(State(world): Shared, headers: HeaderMap) -> Response {
    let (now, fault) = match world.moment(FeedName::Cap).await {
        Ok(moment) => moment,
        Err(bad) => return *bad,
    };
    let (storm, base_url) = (&world.storm, &world.base_url);
    let body = match fault {
        Some(FaultKind::Empty) => storm.cap_index_empty(now, base_url),
        Some(FaultKind::BrokenRow) => storm.cap_index_with_broken_row(now, base_url),
        None | Some(FaultKind::Html | FaultKind::Hang | FaultKind::Unavailable) => storm.cap_index(now, base_url),
    };
    let changed = if fault.is_none() { storm.cap_changed(now) } else { now };
    world.put(now, &headers, Answer { content_type: ATOM, body, changed })
}

async fn alert(State(world): Shared, Path(file): Path<String>, headers: HeaderMap) -> Response {
    let (now, _) = match world.moment(FeedName::Cap).await {
        Ok(moment) => moment,
        Err(bad) => return *bad,
    };
    let document = file.strip_suffix(".xml").and_then(|identifier| world.storm.cap_alert(now, identifier));
    match document {
        // What an alert says never changes; it is as old as the story allows.
        Some(body) => world.put(now, &headers, Answer { content_type: CAP, body, changed: world.storm.start }),
        None => world.plain(now, StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "no such alert\n".to_owned()),
    }
}

fn pairs(query: Option<String>) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect()
}

impl World {
    /// What time it is, and the fault that shapes the answer; or the failure itself, when the whole answer fails.
    async fn moment(&self, feed: FeedName) -> Result<(Timestamp, Option<FaultKind>), Box<Response>> {
        let now = self.clock.now();
        let Some(fault) = self.storm.fault(feed, now) else { return Ok((now, None)) };
        match fault.kind {
            FaultKind::Empty | FaultKind::BrokenRow => Ok((now, Some(fault.kind))),
            FaultKind::Html => {
                let page = "<!DOCTYPE html>\n<html><head><title>Scheduled maintenance</title></head>\
                            <body><h1>We will be back soon</h1></body></html>\n";
                Err(Box::new(self.plain(now, StatusCode::OK, "text/html; charset=utf-8", page.to_owned())))
            }
            FaultKind::Unavailable => Err(Box::new(self.unavailable(now, StatusCode::SERVICE_UNAVAILABLE))),
            FaultKind::Hang => {
                tokio::select! {
                    () = self.clock.sleep_until(fault.until) => {}
                    () = tokio::time::sleep(MAX_HANG) => {}
                    () = self.stop.cancelled() => {}
                }
                Err(Box::new(self.unavailable(self.clock.now(), StatusCode::GATEWAY_TIMEOUT)))
            }
        }
    }

    fn unavailable(&self, now: Timestamp, status: StatusCode) -> Response {
        let mut response = self.plain(now, status, "text/plain; charset=utf-8", "try again later\n".to_owned());
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        response
    }

    /// An answer without conditions.
    fn plain(&self, now: Timestamp, status: StatusCode, content_type: &'static str, body: String) -> Response {
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(LABEL, HeaderValue::from_static("reconstruction, not a recording"));
        headers.extend(header(DATE, &http_date(now)));
        response
    }

    /// An answer, or 304 when the asker has it already.
    fn put(&self, now: Timestamp, asked: &HeaderMap, answer: Answer) -> Response {
        let tag = tag_of(&answer.body);
        let known = is_known(asked, &tag, answer.changed);
        let mut response = if known {
            self.plain(now, StatusCode::NOT_MODIFIED, answer.content_type, String::new())
        } else {
            self.plain(now, StatusCode::OK, answer.content_type, answer.body)
        };
        response.headers_mut().extend(header(ETAG, &tag));
        response.headers_mut().extend(header(LAST_MODIFIED, &http_date(answer.changed)));
        response
    }
}

/// A header; nothing when its value cannot stand in one.
fn header(name: HeaderName, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((name, HeaderValue::from_str(value).ok()?))
}

/// True when the asker names the tag, or, naming none, has an answer from this change or later.
fn is_known(asked: &HeaderMap, tag: &str, changed: Timestamp) -> bool {
    if asked.contains_key(IF_NONE_MATCH) {
        let named = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        return named
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .any(|named| named == "*" || named.trim_start_matches("W/") == tag);
    }
    let since = asked.get(IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
    let since = since.and_then(|date| chrono::DateTime::parse_from_rfc2822(date).ok());
    since.is_some_and(|since| changed.timestamp() <= since.timestamp())
}

/// A strong tag: the same for the same bytes and for no others.
fn tag_of(body: &str) -> String {
    use std::fmt::Write;

    let mut tag = String::from("\"");
    for byte in digest(&SHA256, body.as_bytes()).as_ref().iter().take(16) {
        // Writing to a text does not fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

fn http_date(moment: Timestamp) -> String {
    moment.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::super::storm::tests::at;
    use super::*;
    use serde_json::Value;

    /// A server whose clock all but stands at a moment, and a client.
    async fn world_at(moment: &str) -> (FeedServer, reqwest::Client) {
        // The ring provider may have been chosen by another test already; either way it is the one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Clock::scaled(at(moment), 1e-6);
        let server = FeedServer::start(Arc::new(Storm::embedded()), clock).await.unwrap();
        (server, reqwest::Client::builder().no_proxy().build().unwrap())
    }

    async fn ask(moment: &str, path: &str) -> (u16, String, String) {
        let (server, client) = world_at(moment).await;
        let response = client.get(format!("{}{path}", server.base_url())).send().await.unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!(response.headers()["x-nadhir-demo"], "reconstruction, not a recording");
        let answer = (response.status().as_u16(), kind, response.text().await.unwrap());
        server.stop().await.unwrap();
        answer
    }

    const FORECAST: &str = "/v1/forecast?latitude=21.5405,21.4225&longitude=39.2321,39.8262&hourly=precipitation,visibility&timezone=Asia%2FRiyadh";
    const METAR: &str = "/api/data/metar?ids=OEJN,OEMK&format=json";

    #[tokio::test]
    async fn the_three_feeds_answer_in_their_formats() {
        let (status, kind, body) = ask("2025-12-09T07:30", FORECAST).await;
        assert_eq!((status, kind.as_str()), (200, JSON));
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer.as_array().unwrap().len(), 2);

        let (status, kind, body) = ask("2025-12-09T07:30", METAR).await;
        assert_eq!((status, kind.as_str()), (200, JSON));
        assert!(body.contains("+TSRA"));

        let (status, kind, body) = ask("2025-12-09T07:30", "/cap/atom.xml").await;
        assert_eq!((status, kind.as_str()), (200, ATOM));
        assert!(roxmltree::Document::parse(&body).is_ok());

        let (status, kind, body) =
            ask("2025-12-09T07:30", "/cap/alerts/reconstruction-20251209-red-jeddah-1.xml").await;
        assert_eq!((status, kind.as_str()), (200, CAP));
        assert!(body.contains("<severity>Extreme</severity>"));
    }

    #[tokio::test]
    async fn an_address_in_the_index_leads_to_its_alert() {
        let (server, client) = world_at("2025-12-09T07:30").await;
        let index =
            client.get(format!("{}/cap/atom.xml", server.base_url())).send().await.unwrap().text().await.unwrap();
        let document = roxmltree::Document::parse(&index).unwrap();
        let links: Vec<_> = document
            .descendants()
            .filter(|node| node.attribute("type") == Some("application/cap+xml"))
            .filter_map(|node| node.attribute("href"))
            .collect();
        assert_eq!(links.len(), 3);
        for link in links {
            assert_eq!(client.get(link).send().await.unwrap().status(), 200, "{link}");
        }
    }

    #[tokio::test]
    async fn what_is_known_is_not_sent_again() {
        let (server, client) = world_at("2025-12-09T07:35").await;
        for path in [FORECAST, METAR, "/cap/atom.xml"] {
            let url = format!("{}{path}", server.base_url());
            let first = client.get(&url).send().await.unwrap();
            assert_eq!(first.status(), 200);
            assert_eq!(first.headers()["date"], "Tue, 09 Dec 2025 04:35:00 GMT");
            let ask = |name: &str, value: &HeaderValue| client.get(&url).header(name, value).send();
            let tagged = ask("if-none-match", &first.headers()["etag"]).await.unwrap();
            assert_eq!(tagged.status(), 304, "{path}");
            assert_eq!(tagged.headers()["etag"], first.headers()["etag"]);
            let dated = ask("if-modified-since", &first.headers()["last-modified"]).await.unwrap();
            assert_eq!(dated.status(), 304, "{path}");
            let other = ask("if-none-match", &HeaderValue::from_static("\"other\"")).await.unwrap();
            assert_eq!(other.status(), 200, "{path}");
        }
    }

    #[tokio::test]
    async fn a_wrong_question_is_told_so() {
        assert_eq!(ask("2025-12-09T07:30", "/v1/forecast?latitude=1&longitude=2&hourly=frogs").await.0, 400);
        assert_eq!(ask("2025-12-09T07:30", "/v1/forecast").await.0, 400);
        assert_eq!(ask("2025-12-09T07:30", "/api/data/metar?ids=OEJN").await.0, 400);
        assert_eq!(ask("2025-12-09T07:30", "/cap/alerts/nobody.xml").await.0, 404);
        assert_eq!(ask("2025-12-08T20:00", "/cap/alerts/reconstruction-20251209-red-jeddah-1.xml").await.0, 404);
    }

    #[tokio::test]
    async fn bad_moments_come_as_the_storm_says() {
        let (status, _, _) = ask("2025-12-08T20:15", FORECAST).await;
        assert_eq!(status, 503);
        let (status, kind, body) = ask("2025-12-08T22:15", METAR).await;
        assert_eq!((status, kind.as_str()), (200, "text/html; charset=utf-8"));
        assert!(body.contains("<html>"));
        let (_, _, body) = ask("2025-12-08T23:15", FORECAST).await;
        assert!(body.contains("\"n/a\""));
        let (_, _, body) = ask("2025-12-09T00:30", "/cap/atom.xml").await;
        assert!(body.contains("<feed") && !body.contains("<entry"));
        let (_, _, body) = ask("2025-12-09T05:20", METAR).await;
        assert!(body.contains("OEJN 09") && body.contains("OEMK NIL"));
        let (_, _, body) = ask("2025-12-09T08:20", FORECAST).await;
        assert_eq!(body, "[]");
    }

    #[tokio::test]
    async fn a_held_answer_does_not_hold_up_the_end() {
        let (server, client) = world_at("2025-12-09T02:21").await;
        let url = format!("{}{METAR}", server.base_url());
        let impatient = client.get(&url).timeout(Duration::from_millis(50)).send().await;
        assert!(impatient.unwrap_err().is_timeout());
        let patient = tokio::spawn(client.get(&url).send());
        let index = client.get(format!("{}/cap/atom.xml", server.base_url())).send().await.unwrap();
        assert_eq!(index.status(), 200, "another feed answers beside the held one");
        server.stop().await.unwrap();
        let told = patient.await.unwrap();
        assert!(told.is_err() || told.is_ok_and(|answer| answer.status() == 504), "a held answer is never a good one");
    }
}
