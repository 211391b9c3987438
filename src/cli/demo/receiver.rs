//! Someone who receives the warnings: a webhook receiver on loopback that verifies each one and keeps a record on disk.
//!
//! What was answered with 204 is on the disk, so that counts survive a killed process. It never accepts what is not signed, and never
//! listens on anything but 127.0.0.1.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path as Address, State};
use axum::http::header::{HeaderMap, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::feeds::end;
use crate::daemon::clock::Clock;
use crate::ids::ChannelId;
use crate::secret::Secret;
use crate::sink::signature::{ID, Signer, TOLERANCE, verify};
use crate::time::{TimeDelta, Timestamp};

/// The largest body that is accepted, in bytes.
pub const MAX_BODY_LEN: usize = 1024 * 1024;

/// The longest name of a message that is kept, in bytes.
pub const MAX_ID_LEN: usize = 256;

/// The most arrivals that a record holds; beyond it the answer is 503.
pub const MAX_ARRIVALS: usize = 100_000;

/// The largest record that is read again, in bytes.
pub const MAX_RECORD_LEN: u64 = 64 * 1024 * 1024;

/// At a hook that stumbles, the first try of every so many-th message fails.
const STUMBLE_EVERY: usize = 3;

/// One message that came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// At which hook.
    pub hook: String,
    /// The name of the message, the same over all its tries.
    pub id: String,
    /// The bulletin that its body names.
    pub bulletin: Option<String>,
    /// When.
    pub at: Timestamp,
    /// True when nothing of this name was accepted at this hook before.
    pub first: bool,
    /// True when it was signed by whoever holds the secret; else it was refused.
    pub verified: bool,
}

/// A running receiver; it stops when dropped.
#[derive(Debug)]
pub struct Receiver {
    /// Where it listens.
    pub addr: SocketAddr,
    desk: Arc<Desk>,
    stop: CancellationToken,
    task: Option<JoinHandle<std::io::Result<()>>>,
}

/// What the handlers share.
#[derive(Debug)]
struct Desk {
    secret: Secret,
    clock: Clock,
    stumbles: BTreeSet<String>,
    book: Mutex<Book>,
}

/// The record, on disk and in memory.
#[derive(Debug)]
struct Book {
    file: File,
    arrivals: Vec<Arrival>,
    /// The messages that were tried at each hook, accepted or not.
    tried: BTreeMap<String, BTreeSet<String>>,
    /// The messages that were accepted at each hook.
    accepted: BTreeSet<(String, String)>,
}

impl Receiver {
    /// Begins to listen on a free port of 127.0.0.1 and goes on with the record at `path`.
    ///
    /// # Errors
    /// When the record cannot be read, the secret is none, or no port is to be had.
    pub async fn start(path: &Path, secret: &Secret, clock: Clock, stumbles: BTreeSet<String>) -> anyhow::Result<Self> {
        let book = Book::open(path).with_context(|| format!("open the record of arrivals in {}", path.display()))?;
        Signer::new(secret).context("the receiver's secret cannot be used")?;
        let desk = Arc::new(Desk { secret: secret.clone(), clock, stumbles, book: Mutex::new(book) });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("open a loopback port for the demo's receiver")?;
        let addr = listener.local_addr().context("find the port of the demo's receiver")?;
        let stop = CancellationToken::new();
        let router = Router::new()
            .route("/hook/{name}", post(receive))
            .layer(DefaultBodyLimit::max(MAX_BODY_LEN))
            .with_state(Arc::clone(&desk));
        let serving = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        Ok(Self { addr, desk, stop, task: Some(tokio::spawn(serving.into_future())) })
    }

    /// The address of a hook.
    pub fn hook_url(&self, name: &ChannelId) -> String {
        format!("http://{}/hook/{name}", self.addr)
    }

    /// Everything that came in, in that order, those of earlier runs first.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.desk.book().arrivals.clone()
    }

    /// How many were refused because their signature was missing, wrong or too old.
    pub fn unverified(&self) -> usize {
        self.desk.book().arrivals.iter().filter(|arrival| !arrival.verified).count()
    }

    /// Stops it and waits until the last answer is out.
    ///
    /// # Errors
    /// When the server broke before it was stopped, or does not come to an end.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        end(self.task.take()).await.context("stop the demo's receiver")
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn receive(
    State(desk): State<Arc<Desk>>,
    Address(name): Address<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(hook) = ChannelId::new(&name) else { return StatusCode::NOT_FOUND.into_response() };
    // The disk is waited for on a thread that may wait.
    let verdict = tokio::task::spawn_blocking(move || desk.judge(hook.as_str(), &headers, &body)).await;
    match verdict {
        Ok(Ok(Verdict::Accepted)) => StatusCode::NO_CONTENT.into_response(),
        Ok(Ok(Verdict::Unverified)) => (StatusCode::UNAUTHORIZED, "the signature is not right\n").into_response(),
        Ok(Ok(Verdict::Stumbled)) | Ok(Err(_)) | Err(_) => {
            let later = [(RETRY_AFTER, HeaderValue::from_static("1"))];
            (StatusCode::SERVICE_UNAVAILABLE, later, "try again later\n").into_response()
        }
    }
}

/// What becomes of a message.
enum Verdict {
    Accepted,
    Unverified,
    Stumbled,
}

impl Desk {
    fn book(&self) -> MutexGuard<'_, Book> {
        // The book is changed only after the disk has it, so a panic elsewhere leaves it whole.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, hook: &str, headers: &HeaderMap, body: &[u8]) -> anyhow::Result<Verdict> {
        let now = self.clock.now();
        let id = headers.get(ID).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_named = !id.is_empty() && id.len() <= MAX_ID_LEN;
        let verified = is_named && verify(&self.secret, headers, body, now, self.tolerance()).is_ok();
        let id: String = id.chars().take(MAX_ID_LEN).collect();
        let mut book = self.book();
        if verified && self.stumbles.contains(hook) && book.is_to_stumble(hook, &id) {
            return Ok(Verdict::Stumbled);
        }
        let name = (hook.to_owned(), id.clone());
        let first = verified && !book.accepted.contains(&name);
        let bulletin = if verified { bulletin_of(body) } else { None };
        book.write(Arrival { hook: hook.to_owned(), id, bulletin, at: now, first, verified })?;
        Ok(if verified { Verdict::Accepted } else { Verdict::Unverified })
    }

    /// How far the time in a signature may lie from the clock; on a clock that runs faster, the same span of real time.
    fn tolerance(&self) -> TimeDelta {
        let speed = match self.clock {
            Clock::System | Clock::Steady(_) => 1.0,
            Clock::Scaled { speed, .. } => speed.max(1.0),
        };
        TimeDelta::milliseconds((TOLERANCE.num_milliseconds() as f64 * speed) as i64)
    }
}

impl Book {
    /// Reads the record again. A last line without an end was torn by a crash before its sender had an answer: it is cut off.
    fn open(path: &Path) -> anyhow::Result<Self> {
        let mut file = File::options().read(true).append(true).create(true).open(path)?;
        let size = file.metadata()?.len();
        if MAX_RECORD_LEN < size {
            bail!("it is {size} bytes long; {MAX_RECORD_LEN} is the most");
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole < bytes.len() {
            file.set_len(whole as u64)?;
            file.sync_all()?;
        }
        file.seek(SeekFrom::End(0))?;
        let mut book = Self { file, arrivals: Vec::new(), tried: BTreeMap::new(), accepted: BTreeSet::new() };
        for (line, text) in bytes.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n').enumerate() {
            if !text.is_empty() {
                let arrival = serde_json::from_slice(text).with_context(|| {
                    format!("line {} is not an arrival; move the file away to begin anew", line + 1)
                })?;
                book.take(arrival);
            }
        }
        Ok(book)
    }

    /// Writes an arrival to the disk, then takes it as come.
    fn write(&mut self, arrival: Arrival) -> anyhow::Result<()> {
        if MAX_ARRIVALS <= self.arrivals.len() {
            bail!("the record holds {MAX_ARRIVALS} arrivals and takes no more");
        }
        let before = self.file.metadata()?.len();
        let mut line = serde_json::to_vec(&arrival)?;
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        if let Err(why) = written {
            // Half a line must not stand before the next one.
            self.file.set_len(before)?;
            return Err(why.into());
        }
        self.take(arrival);
        Ok(())
    }

    fn take(&mut self, arrival: Arrival) {
        if arrival.verified {
            self.tried.entry(arrival.hook.clone()).or_default().insert(arrival.id.clone());
            self.accepted.insert((arrival.hook.clone(), arrival.id.clone()));
        }
        self.arrivals.push(arrival);
    }

    /// Notes a try; true when it is the first of a message whose turn it is to fail.
    fn is_to_stumble(&mut self, hook: &str, id: &str) -> bool {
        let tried = self.tried.entry(hook.to_owned()).or_default();
        tried.insert(id.to_owned()) && tried.len().is_multiple_of(STUMBLE_EVERY)
    }
}

/// The bulletin that a body names: `data.id`.
fn bulletin_of(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(body.get("data")?.get("id")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::storm::tests::at;
    use super::*;

    /// Made up for these tests.
    const SECRET: &str = "whsec_c3ludGhldGljIHNlY3JldCBvZiB0ZXN0cw==";

    struct Scene {
        receiver: Receiver,
        client: reqwest::Client,
    }

    impl Scene {
        async fn open(path: &Path, stumbles: &[&str]) -> Self {
            // The ring provider may have been chosen by another test already; either way it is the one.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let clock = Clock::scaled(at("2025-12-09T01:00"), 1e-6);
            let stumbles = stumbles.iter().map(|&name| name.to_owned()).collect();
            let receiver = Receiver::start(path, &Secret::new(SECRET), clock, stumbles).await.unwrap();
            Self { receiver, client: reqwest::Client::builder().no_proxy().build().unwrap() }
        }

        async fn post(&self, hook: &str, id: &str, seconds: i64, body: &str, signature: &str) -> reqwest::Response {
            let url = self.receiver.hook_url(&ChannelId::new(hook).unwrap());
            let request = self.client.post(url).header("webhook-id", id).header("webhook-timestamp", seconds);
            request.header("webhook-signature", signature).body(body.to_owned()).send().await.unwrap()
        }

        /// Sends a well-signed message about a bulletin; gives the status.
        async fn send(&self, hook: &str, id: &str) -> u16 {
            let (seconds, body) = (at("2025-12-09T01:00").timestamp(), format!(r#"{{"data":{{"id":"{id}.1"}}}}"#));
            self.post(hook, id, seconds, &body, &sign(id, seconds, &body)).await.status().as_u16()
        }
    }

    fn sign(id: &str, seconds: i64, body: &str) -> String {
        let now = Timestamp::from_timestamp(seconds, 0).unwrap();
        Signer::new(&Secret::new(SECRET)).unwrap().sign(id, now, body.as_bytes())
    }

    #[tokio::test]
    async fn a_signed_message_is_recorded_and_its_second_coming_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let scene = Scene::open(&dir.path().join("arrivals"), &[]).await;
        assert_eq!(scene.send("desk", "MKH-1").await, 204);
        assert_eq!(scene.send("desk", "MKH-1").await, 204);
        assert_eq!(scene.send("radio", "MKH-1").await, 204);
        let arrivals = scene.receiver.arrivals();
        let told: Vec<_> = arrivals.iter().map(|arrival| (arrival.hook.as_str(), arrival.first)).collect();
        assert_eq!(told, [("desk", true), ("desk", false), ("radio", true)]);
        assert_eq!(arrivals[0].bulletin.as_deref(), Some("MKH-1.1"));
        assert!((arrivals[0].at - at("2025-12-09T01:00")).num_seconds() == 0);
        assert_eq!(scene.receiver.unverified(), 0);
        scene.receiver.stop().await.unwrap();
    }

    #[tokio::test]
    async fn of_tries_that_come_at_once_one_alone_is_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("arrivals");
        let scene = Scene::open(&path, &[]).await;
        let answers = futures_util::future::join_all((0..16).map(|_| scene.send("desk", "MKH-1"))).await;
        assert!(answers.iter().all(|status| *status == 204));
        let arrivals = scene.receiver.arrivals();
        assert_eq!(arrivals.iter().filter(|arrival| arrival.first).count(), 1);
        scene.receiver.stop().await.unwrap();
        let again = Scene::open(&path, &[]).await;
        assert_eq!(again.receiver.arrivals(), arrivals, "the disk says the same");
    }

    #[tokio::test]
    async fn what_is_not_signed_is_refused_and_counted() {
        let dir = tempfile::tempdir().unwrap();
        let scene = Scene::open(&dir.path().join("arrivals"), &["desk"]).await;
        let now = at("2025-12-09T01:00").timestamp();
        let right = sign("a", now, "{}");
        let old = now - TOLERANCE.num_seconds() - 1;
        for (id, seconds, body, signature) in [
            ("a", now, "{}", ""),
            ("a", now, "{}", "v1,AAAA"),
            ("a", now, "{ }", right.as_str()),
            ("b", now, "{}", right.as_str()),
            ("a", now + 1, "{}", right.as_str()),
            ("a", old, "{}", sign("a", old, "{}").as_str()),
        ] {
            assert_eq!(
                scene.post("desk", id, seconds, body, signature).await.status(),
                401,
                "{id} {seconds} {signature}"
            );
        }
        assert_eq!(scene.receiver.unverified(), 6);
        assert!(scene.receiver.arrivals().iter().all(|arrival| !arrival.first && arrival.bulletin.is_none()));
        let several = format!("v1,AAAA v2,x {right}");
        assert_eq!(scene.post("desk", "a", now, "{}", &several).await.status(), 204, "one right signature is enough");
        assert!(scene.receiver.arrivals()[6].first, "what was refused before was never accepted");
    }

    #[tokio::test]
    async fn the_record_survives_a_crash_and_a_torn_last_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("arrivals");
        let scene = Scene::open(&path, &[]).await;
        assert_eq!(scene.send("desk", "MKH-1").await, 204);
        let before = scene.receiver.arrivals();
        drop(scene);
        let whole = std::fs::read(&path).unwrap();
        for torn in ["{", r#"{"hook":"desk","id":"MKH-2"#, "\u{fffd}"] {
            std::fs::write(&path, [&whole, torn.as_bytes()].concat()).unwrap();
            let scene = Scene::open(&path, &[]).await;
            assert_eq!(scene.receiver.arrivals(), before);
            assert_eq!(scene.send("desk", "MKH-1").await, 204);
            assert!(!scene.receiver.arrivals()[1].first, "it had come before the crash");
        }
        assert_eq!(Scene::open(&path, &[]).await.receiver.arrivals().len(), 2);
    }

    #[tokio::test]
    async fn a_record_that_is_broken_within_is_not_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("arrivals");
        std::fs::write(&path, "not an arrival\n").unwrap();
        let failed = Receiver::start(&path, &Secret::new(SECRET), Clock::System, BTreeSet::new()).await;
        assert!(format!("{:#}", failed.unwrap_err()).contains("line 1 is not an arrival"));
    }

    #[tokio::test]
    async fn a_stumbling_hook_refuses_the_first_try_of_every_third_message() {
        let dir = tempfile::tempdir().unwrap();
        let scene = Scene::open(&dir.path().join("arrivals"), &["desk"]).await;
        for (id, expected) in [("a", 204), ("b", 204), ("c", 503), ("c", 204), ("d", 204), ("e", 204), ("f", 503)] {
            assert_eq!(scene.send("desk", id).await, expected, "{id}");
            assert_eq!(scene.send("radio", id).await, 204, "another hook does not stumble");
        }
        let now = at("2025-12-09T01:00").timestamp();
        for id in ["g", "h"] {
            assert_eq!(scene.send("desk", id).await, 204);
        }
        let answer = scene.post("desk", "i", now, "{}", &sign("i", now, "{}")).await;
        assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (503, &HeaderValue::from_static("1")));
        let desk = scene.receiver.arrivals().into_iter().filter(|arrival| arrival.hook == "desk");
        assert!(desk.clone().all(|arrival| arrival.first), "a stumble is not an arrival");
        assert_eq!(desk.count(), 7);
    }

    #[tokio::test]
    async fn a_secret_that_is_none_is_refused_without_being_told() {
        let dir = tempfile::tempdir().unwrap();
        for wrong in ["hunter2", "whsec_hunter2!"] {
            let path = dir.path().join("arrivals");
            let failed = Receiver::start(&path, &Secret::new(wrong), Clock::System, BTreeSet::new()).await;
            let told = format!("{:#}", failed.unwrap_err());
            assert!(!told.contains("hunter2"), "{told}");
        }
    }
}
