//! The world around the service: a feed of synthetic rain, and receivers that take notes of all that comes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as Address, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use fastrand::Rng;
use nadhir::record::chain::Hash;
use tokio::runtime::Runtime;

use super::forecast::forecast;

/// Made up for this test.
pub(crate) const SECRET: &str = "whsec_c3ludGhldGljIHNlY3JldCBvZiB0ZXN0cw==";

/// How many subscribers there are.
pub(crate) const SUBSCRIBERS: usize = 40;

/// The webhooks, with their audiences.
pub(crate) const HOOKS: [(&str, &str); 2] = [("desk", "public"), ("duty", "staff")];

/// The channel of subscribers.
pub(crate) const OPEN: &str = "open";

/// One message as it came.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    /// At whom.
    pub(crate) at: String,
    /// Its name.
    pub(crate) id: String,
    /// Of what it is.
    pub(crate) body: Hash,
    /// In which round.
    pub(crate) round: u32,
    /// Whether the receiver said that it has it.
    pub(crate) is_taken: bool,
}

/// What receivers share.
struct Shared {
    rain: Mutex<f64>,
    round: Mutex<u32>,
    chance: Mutex<Option<Rng>>,
    arrivals: Mutex<Vec<Arrival>>,
}

/// The running world; it ends when dropped.
pub(crate) struct World {
    base: String,
    shared: Arc<Shared>,
    pub(crate) runtime: Runtime,
}

impl World {
    pub(crate) fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shared = Arc::new(Shared {
            rain: Mutex::new(0.0),
            round: Mutex::default(),
            chance: Mutex::new(None),
            arrivals: Mutex::default(),
        });
        let router = Router::new()
            .route("/feed", get(answer))
            .route("/to/{name}", post(receive))
            .with_state(Arc::clone(&shared));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(axum::serve(listener, router).into_future());
        Self { base, shared, runtime }
    }

    /// From now on it rains otherwise, and receivers fail by chance.
    pub(crate) fn begin(&self, round: u32, rng: &mut Rng) {
        *self.shared.rain.lock().unwrap() = *rng.choice(&[0.0, 3.0, 8.0, 14.0, 30.0]).unwrap();
        *self.shared.round.lock().unwrap() = round;
        *self.shared.chance.lock().unwrap() = Some(rng.fork());
    }

    /// From now on all receivers take what comes.
    pub(crate) fn heal(&self) {
        *self.shared.chance.lock().unwrap() = None;
    }

    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.shared.arrivals.lock().unwrap().clone()
    }

    pub(crate) fn feeds_toml(&self) -> String {
        format!(
            "[rain]\nname = {{ ar = \"مصدر اختبار\", en = \"a test feed\" }}\nkind = \"open-meteo\"\nurl = \"{}/feed\"\n\
             hourly = [\"precipitation\"]\ngovernorates = [\"makkah\", \"jeddah\", \"taif\"]\npast_hours = 6\nforecast_hours = 6\n\
             every = \"10s\"\njitter = \"0s\"\ntimeout = \"1s\"\nattribution = \"synthetic, for a test\"\n",
            self.base
        )
    }

    pub(crate) fn channels_toml(&self, secret: &Path) -> String {
        let secret = format!("secret = {{ file = {:?} }}\ntimeout = \"1s\"\n", secret.display().to_string());
        let hook = |(name, audience): &(&str, &str)| {
            format!(
                "[{name}]\nkind = \"webhook\"\naudience = \"{audience}\"\nurl = \"{}/to/{name}\"\n{secret}",
                self.base
            )
        };
        let hooks: String = HOOKS.iter().map(hook).collect();
        let open = "kind = \"subscribers\"\naudience = \"public\"\nallow = [\"127.0.0.0/8\"]\n";
        format!("{hooks}[{OPEN}]\n{open}{secret}")
    }

    pub(crate) fn subscriber_csv(&self, number: usize) -> String {
        format!("s{number},{}/to/s{number}\n", self.base)
    }
}

async fn answer(State(shared): State<Arc<Shared>>) -> Response {
    let mm = *shared.rain.lock().unwrap();
    forecast(mm).to_string().into_response()
}

/// How a receiver takes one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Takes,
    Fails,
    IsBusy,
    /// It has it, and never says so.
    TakesAndHangs,
    /// It breaks off in the midst of its answer.
    BreaksOff,
}

impl Manner {
    fn of(chance: Option<&mut Rng>) -> Self {
        match chance.map_or(100, |rng| rng.u8(0..100)) {
            0..5 => Self::Fails,
            5..8 => Self::IsBusy,
            8..11 => Self::TakesAndHangs,
            11..14 => Self::BreaksOff,
            _ => Self::Takes,
        }
    }
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    Address(at): Address<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let manner = Manner::of(shared.chance.lock().unwrap().as_mut());
    let id = headers.get("webhook-id").unwrap().to_str().unwrap().to_owned();
    let body = Hash::of(&String::from_utf8_lossy(&body));
    let round = *shared.round.lock().unwrap();
    let is_taken = manner == Manner::Takes;
    shared.arrivals.lock().unwrap().push(Arrival { at, id, body, round, is_taken });
    match manner {
        Manner::Takes => StatusCode::NO_CONTENT.into_response(),
        Manner::Fails => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Manner::IsBusy => (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]).into_response(),
        Manner::TakesAndHangs => std::future::pending().await,
        Manner::BreaksOff => {
            let broken = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut")) });
            let body = axum::body::Body::from_stream(broken);
            ([(header::CONTENT_LENGTH, "100")], body).into_response()
        }
    }
}

/// How often each message came to each, by the name of both.
pub(crate) type Arrived<'a> = BTreeMap<(&'a str, &'a str), Vec<&'a Arrival>>;

pub(crate) fn by_name(arrivals: &[Arrival]) -> Arrived<'_> {
    let mut by_name = Arrived::new();
    for arrival in arrivals {
        by_name.entry((&arrival.at, &arrival.id)).or_default().push(arrival);
    }
    by_name
}
