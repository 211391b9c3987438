//! `nadhir webhook`: what receivers of signed webhooks begin with. `listen` is one to try things out with: it verifies each request as a
//! receiver should, answers challenges, knows again what it has seen, and prints what came. It passes nothing on.

mod events;
mod example;

use std::collections::{BTreeSet, VecDeque};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use clap::Subcommand;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Notify;

use super::{EX_UNAVAILABLE, complain, run::runtime};
use crate::daemon::clock::Clock;
use crate::secret::{Secret, SecretSource};
use crate::sink::signature::{ID, TOLERANCE, verify};

/// What stands after the arguments of all.
pub const WHOLE: &str = "Examples:  nadhir webhook listen --port 8080\n           nadhir webhook example python > receiver.py\n           nadhir webhook \
    events warning.issued";

/// What stands after the arguments.
const HELP: &str = "Example:  nadhir subscriber secret red-crescent > secret && nadhir webhook listen --secret secret --port 8080\n\nWithout \
    --secret nothing is verified, and each line says so. A request that does not verify is answered 401, every other 200 or what --answer \
    says; a challenge is given back. It listens on this machine alone.\n\nExit codes: 0 it was told to stop, or --count came, 69 it cannot \
    listen.";

/// Of how many requests it is remembered that they were seen.
const MAX_SEEN: usize = 10_000;

/// What `nadhir webhook` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Be a receiver: verify what comes, and print it.
    #[command(after_help = HELP)]
    Listen(Listen),
    /// Print a whole receiver in a language, to begin from.
    #[command(after_help = "Example:  nadhir webhook example python > receiver.py")]
    Example(example::Asked),
    /// List what a receiver may be sent, each type with its JSON Schema and an example.
    #[command(after_help = events::HELP)]
    Events(events::Asked),
}

/// What `nadhir webhook listen` takes.
#[derive(Debug, clap::Args)]
struct Listen {
    /// The file that holds the secret, or the public key (`whpk_…`).
    #[arg(long, value_name = "FILE")]
    secret: Option<PathBuf>,
    /// On which port of this machine; 0 for any that is free.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The status that is answered to what verifies: 503, say, to see how it comes again.
    #[arg(long, value_name = "STATUS", default_value_t = 200, value_parser = clap::value_parser!(u16).range(200..600))]
    answer: u16,
    /// End after so many requests.
    #[arg(long, value_name = "NUMBER")]
    count: Option<u64>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

/// What came.
#[derive(Debug, Serialize)]
struct Came {
    id: Option<String>,
    /// `verified`, `not-verified` where there is no secret to verify with, or why it is refused.
    signature: String,
    /// True when the same was taken before.
    seen: bool,
    answered: u16,
    body: Value,
}

/// The receiver.
struct Receiver {
    secret: Option<Secret>,
    answer: StatusCode,
    as_json: bool,
    seen: Mutex<Seen>,
    left: Mutex<Option<u64>>,
    is_over: Notify,
}

/// What was taken, the oldest first.
#[derive(Default)]
struct Seen {
    known: BTreeSet<String>,
    order: VecDeque<String>,
}

impl Seen {
    /// Takes note of one; true when it was known.
    fn note(&mut self, id: &str) -> bool {
        if !self.known.insert(id.to_owned()) {
            return true;
        }
        self.order.push_back(id.to_owned());
        if MAX_SEEN < self.order.len()
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        false
    }
}

/// Does what the arguments say, and returns the exit code.
pub fn run(arguments: &Arguments) -> u8 {
    let done = match &arguments.command {
        Command::Listen(asked) => runtime().and_then(|runtime| runtime.block_on(listen(asked))),
        Command::Example(asked) => {
            example::run(asked);
            Ok(())
        }
        Command::Events(asked) => return events::run(asked),
    };
    match done {
        Ok(()) => 0,
        Err(why) => {
            complain(&format_args!("{why:#}"));
            EX_UNAVAILABLE
        }
    }
}

async fn listen(asked: &Listen) -> anyhow::Result<()> {
    let secret = asked.secret.clone().map(|path| Secret::read(&SecretSource::File(path)));
    let secret = secret.transpose().map_err(anyhow::Error::msg)?;
    let receiver = Arc::new(Receiver {
        secret,
        answer: StatusCode::from_u16(asked.answer)?,
        as_json: asked.json,
        seen: Mutex::default(),
        left: Mutex::new(asked.count),
        is_over: Notify::new(),
    });
    let address = (IpAddr::V4(Ipv4Addr::LOCALHOST), asked.port);
    let listener = tokio::net::TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("port {} of this machine cannot be had", asked.port))?;
    let _ = writeln!(anstream::stderr(), "listening on http://{}", listener.local_addr()?);
    let app = Router::new().fallback(take).with_state(Arc::clone(&receiver));
    let until = async move {
        tokio::select! {
            () = receiver.is_over.notified() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    axum::serve(listener, app).with_graceful_shutdown(until).await.context("it cannot go on listening")
}

async fn take(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let id = headers.get(ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
    let checked =
        receiver.secret.as_ref().map(|secret| verify(secret, &headers, &body, Clock::System.now(), TOLERANCE));
    let (signature, is_good) = match checked {
        None => ("not-verified".to_owned(), true),
        Some(Ok(())) => ("verified".to_owned(), true),
        Some(Err(why)) => (why.to_string(), false),
    };
    let answer = if is_good { receiver.answer } else { StatusCode::UNAUTHORIZED };
    let is_taken = answer.is_success();
    let note = |id: &String| receiver.seen.lock().unwrap_or_else(PoisonError::into_inner).note(id);
    let seen = is_taken && id.as_ref().is_some_and(note);
    let json =
        serde_json::from_slice(&body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
    let challenge = json.pointer("/data/challenge").and_then(Value::as_str).filter(|_| is_taken).map(str::to_owned);
    receiver.print(&Came { id, signature, seen, answered: answer.as_u16(), body: json });
    receiver.count();
    (answer, challenge.unwrap_or_default())
}

impl Receiver {
    fn print(&self, came: &Came) {
        let line = match self.as_json {
            true => serde_json::to_string(came).unwrap_or_default(),
            false => told(came),
        };
        // A reader that has gone away is no fault.
        let _ = writeln!(anstream::stdout(), "{line}");
    }

    fn count(&self) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = left.as_mut() {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.is_over.notify_one();
            }
        }
    }
}

fn told(came: &Came) -> String {
    let Came { id, signature, seen, answered, body } = came;
    let id = id.as_deref().unwrap_or("no webhook-id");
    let what = body.get("type").and_then(Value::as_str).unwrap_or("no JSON with a type");
    let headline = ["ar", "en"].iter().find_map(|tag| body.pointer(&format!("/data/text/{tag}/headline"))?.as_str());
    let headline = headline.map(|headline| format!(": {headline}")).unwrap_or_default();
    let again = if *seen { ", seen before" } else { "" };
    format!("{what} {id} ({signature}{again}, answered {answered}){headline}")
}
