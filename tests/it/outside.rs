//! The world around the service on loopback: feeds that answer as a test wants, and a receiver that verifies what it gets.
//!
//! What the feeds say is synthetic: a forecast of so many millimetres for Jeddah, Makkah and Taif in the hours around now.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as Address, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chrono::Utc;
use nadhir::secret::Secret;
use nadhir::sink::signature::{ID, TOLERANCE, verify};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::forecast::forecast;

/// Made up for these tests.
pub(crate) const SECRET: &str = "whsec_c3ludGhldGljIHNlY3JldCBvZiB0ZXN0cw==";

/// How a feed answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Manner {
    /// With rain of so many millimetres in the current hour, and none around it.
    Rain(f64),
    /// With a page for people.
    Html,
    /// With `[]`.
    Nothing,
    /// With 304, to whoever asks whether something has changed.
    Unchanged,
    /// With 500.
    Broken,
    /// Not at all, while the connection stays open.
    Hang,
}

/// What a receiver got and accepted.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) hook: String,
    pub(crate) id: String,
    pub(crate) body: Value,
}

/// The running world; it ends when dropped.
pub(crate) struct Outside {
    pub(crate) base: String,
    shared: Arc<Shared>,
    gate: watch::Sender<bool>,
    _runtime: Runtime,
}

struct Shared {
    manners: Mutex<BTreeMap<String, Manner>>,
    asked: Mutex<BTreeMap<String, usize>>,
    arrivals: Mutex<Vec<Arrival>>,
    /// How many deliveries the receiver has in its hands, answered or not.
    taken: Mutex<usize>,
    gate: watch::Receiver<bool>,
}

impl Outside {
    pub(crate) fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (gate, is_open) = watch::channel(true);
        let shared = Arc::new(Shared {
            manners: Mutex::default(),
            asked: Mutex::default(),
            arrivals: Mutex::default(),
            taken: Mutex::default(),
            gate: is_open,
        });
        let router = Router::new()
            .route("/feed/{name}", get(answer))
            .route("/hook/{name}", post(receive))
            .with_state(Arc::clone(&shared));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(axum::serve(listener, router).into_future());
        Self { base, shared, gate, _runtime: runtime }
    }

    /// From now on a feed answers so.
    pub(crate) fn set(&self, feed: &str, manner: Manner) {
        self.shared.manners.lock().unwrap().insert(feed.to_owned(), manner);
    }

    /// How often a feed was asked.
    pub(crate) fn asked(&self, feed: &str) -> usize {
        self.shared.asked.lock().unwrap().get(feed).copied().unwrap_or_default()
    }

    /// Lets the receiver answer, or has it hold back every answer.
    pub(crate) fn open_gate(&self, is_open: bool) {
        self.gate.send_replace(is_open);
    }

    /// How many deliveries have reached the receiver, answered or not.
    pub(crate) fn taken(&self) -> usize {
        *self.shared.taken.lock().unwrap()
    }

    /// What was accepted.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.shared.arrivals.lock().unwrap().clone()
    }

    /// The configuration of feeds by these names.
    pub(crate) fn feeds_toml(&self, names: &[&str]) -> String {
        let feed = |name: &&str| {
            format!(
                "[{name}]\nname = {{ ar = \"مصدر اختبار\", en = \"a test feed\" }}\nkind = \"open-meteo\"\nurl = \"{}/feed/{name}\"\nhourly = [\"precipitation\"]\n\
                 governorates = [\"makkah\", \"jeddah\", \"taif\"]\npast_hours = 6\nforecast_hours = 6\n\
                 every = \"1h\"\njitter = \"0s\"\ntimeout = \"1s\"\nattribution = \"synthetic, for a test\"\n\n",
                self.base
            )
        };
        names.iter().map(feed).collect()
    }

    /// The configuration of a webhook that ends here.
    pub(crate) fn hook_toml(&self, name: &str, secret: &Path) -> String {
        format!(
            "[{name}]\nkind = \"webhook\"\naudience = \"public\"\nurl = \"{}/hook/{name}\"\nsecret = {{ file = {:?} }}\n\n",
            self.base,
            secret.display().to_string()
        )
    }
}

/// The configuration of a file channel.
pub(crate) fn file_toml(name: &str) -> String {
    format!("[{name}]\nkind = \"file\"\naudience = \"public\"\npath = \"{name}.jsonl\"\n\n")
}

async fn answer(State(shared): State<Arc<Shared>>, Address(name): Address<String>, headers: HeaderMap) -> Response {
    *shared.asked.lock().unwrap().entry(name.clone()).or_default() += 1;
    let manner = shared.manners.lock().unwrap().get(&name).copied();
    let page = "<!DOCTYPE html><html><body>Under maintenance</body></html>";
    match manner {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(Manner::Rain(mm)) => ([(header::ETAG, "\"one\"")], forecast(mm).to_string()).into_response(),
        Some(Manner::Html) => ([(header::CONTENT_TYPE, "text/html")], page).into_response(),
        Some(Manner::Nothing) => "[]".into_response(),
        Some(Manner::Unchanged) if headers.contains_key(header::IF_NONE_MATCH) => {
            StatusCode::NOT_MODIFIED.into_response()
        }
        Some(Manner::Unchanged) => (StatusCode::BAD_REQUEST, "it did not say what it knows").into_response(),
        Some(Manner::Broken) => (StatusCode::INTERNAL_SERVER_ERROR, page).into_response(),
        Some(Manner::Hang) => std::future::pending().await,
    }
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    Address(hook): Address<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    *shared.taken.lock().unwrap() += 1;
    let mut gate = shared.gate.clone();
    if gate.wait_for(|is_open| *is_open).await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if let Err(why) = verify(&Secret::new(SECRET), &headers, &body, Utc::now(), TOLERANCE) {
        return (StatusCode::UNAUTHORIZED, why.to_string()).into_response();
    }
    let id = headers.get(ID).unwrap().to_str().unwrap().to_owned();
    let body = serde_json::from_slice(&body).unwrap();
    shared.arrivals.lock().unwrap().push(Arrival { hook, id, body });
    StatusCode::NO_CONTENT.into_response()
}
