//! The web face: the feeds of channels that the world may read, and the hubs at which it subscribes to them. It shows what went out and
//! decides nothing; where the store cannot be asked it says so, and never shows an empty list in place of an answer.
//!
//! What it listens on is plain HTTP/1.1, and is meant to stand behind a server that speaks TLS and leads the addresses of channels here.
//! Everything has a limit: connections, heads, bodies, times, what is remembered of what was asked.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::governorate::GovernorateBook;
use crate::route::Listener;
use crate::sink::Many;
use crate::sink::websub::Hub;
use crate::store::Store;
use crate::time::Timestamp;

mod feed;
mod hub;

use feed::Reader;
use hub::Desk;

/// How many connections are open at once; whoever comes after them waits.
pub const MAX_CONNECTIONS: usize = 1_024;

/// How long the head of a request may take, which is how long a connection may be idle as well, and how long an answer may.
const HEAD_TIME: Duration = Duration::from_secs(15);
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// How long one connection lives: nobody holds a place for ever.
const CONNECTION_TIME: Duration = Duration::from_secs(120);

/// The most of a head, in bytes.
const MAX_HEAD_LEN: usize = 16 * 1024;

/// How long those who are being answered are waited for at the end.
const PARTING: Duration = Duration::from_secs(3);

/// After how many seconds those ask again who could not be told.
const ASK_AGAIN: u16 = 5;

/// How long a listener that let nobody in rests.
const REST: Duration = Duration::from_secs(1);

/// What time it is.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

type Reply = Response<Full<Bytes>>;

/// One channel that the world may read.
#[derive(Clone)]
pub struct Shelf {
    /// Who listens there.
    pub listener: Listener,
    /// What tells its subscribers; it has a hub.
    pub many: Arc<dyn Many>,
}

impl Shelf {
    fn hub(&self) -> Option<&Hub> {
        self.many.hub()
    }
}

/// What is shown.
#[derive(Clone)]
pub struct Face {
    /// The channels.
    pub shelves: Vec<Shelf>,
    /// The governorates that have feeds of their own.
    pub places: Arc<GovernorateBook>,
}

impl Face {
    /// The channel under whose address a path lies, and the rest of the path.
    fn find<'a>(&self, path: &'a str) -> Option<(&Shelf, &'a str)> {
        let of = |shelf: &'_ Shelf| path.strip_prefix(shelf.hub()?.path());
        // The nearest address counts where one lies within another.
        let length = |shelf: &&Shelf| shelf.hub().map_or(0, |hub| hub.path().len());
        let shelf = self.shelves.iter().filter(|shelf| of(shelf).is_some()).max_by_key(length)?;
        Some((shelf, of(shelf)?))
    }
}

/// The web face of one service.
pub struct Web {
    face: watch::Receiver<Arc<Face>>,
    reader: Reader,
    desk: Desk,
}

impl Web {
    /// One that shows what is in a store.
    pub fn new(face: watch::Receiver<Arc<Face>>, store: Arc<dyn Store>, now: Now) -> Self {
        Self { face, reader: Reader::new(Arc::clone(&store), Arc::clone(&now)), desk: Desk::new(store, now) }
    }

    /// Answers until told to stop, and has those who subscribe confirm it.
    pub async fn run(self: Arc<Self>, socket: TcpListener, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut open = JoinSet::new();
        let desk = async {
            self.desk.run(stop.clone()).await;
            stop.cancelled().await;
        };
        let door = async {
            loop {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                match socket.accept().await {
                    Ok((stream, _)) => {
                        let (web, stop) = (Arc::clone(&self), stop.clone());
                        open.spawn(async move {
                            let _place = place;
                            web.serve(stream, stop).await;
                        });
                    }
                    Err(why) => {
                        warn!("The web face let nobody in: {why}");
                        tokio::time::sleep(REST).await;
                    }
                }
                while let Some(ended) = open.try_join_next() {
                    told(ended);
                }
            }
        };
        tokio::select! {
            () = desk => {}
            () = door => {}
        }
        let parting = async {
            while let Some(ended) = open.join_next().await {
                told(ended);
            }
        };
        let _ = timeout(PARTING, parting).await;
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, stop: CancellationToken) {
        let _ = stream.set_nodelay(true);
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(MAX_HEAD_LEN);
        let service = service_fn(|request| {
            let web = Arc::clone(&self);
            async move {
                let reply = timeout(ANSWER_TIME, web.answer(request)).await;
                Ok::<_, std::convert::Infallible>(reply.unwrap_or_else(|_| unavailable()))
            }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let end = tokio::select! {
            end = connection.as_mut() => Some(end),
            () = stop.cancelled() => None,
            () = tokio::time::sleep(CONNECTION_TIME) => None,
        };
        let end = match end {
            Some(end) => end,
            // What is being answered is answered, and nothing more.
            None => {
                connection.as_mut().graceful_shutdown();
                timeout(PARTING, connection).await.unwrap_or(Ok(()))
            }
        };
        if let Err(why) = end {
            debug!("A reader of the web face went away: {why}");
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Reply {
        let face = Arc::clone(&self.face.borrow());
        let path = request.uri().path().to_owned();
        let Some((shelf, rest)) = face.find(&path) else { return words(StatusCode::NOT_FOUND, "nothing is here\n") };
        match (request.method(), rest) {
            (&Method::POST, "hub") => self.desk.ask(&face, shelf, request).await,
            (_, "hub") => not_so("POST", "a WebSub hub: POST hub.mode, hub.topic and hub.callback to it\n"),
            (&Method::GET | &Method::HEAD, rest) => self.reader.read(&face, shelf, rest, request.headers()).await,
            _ => not_so("GET, HEAD", "this is for reading\n"),
        }
    }
}

fn told(ended: Result<(), tokio::task::JoinError>) {
    if let Err(why) = ended
        && !why.is_cancelled()
    {
        error!("An answer of the web face broke down, which is a fault of this program: {why}");
    }
}

/// An answer in words.
fn words(status: StatusCode, text: impl Into<String>) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(text.into())));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    guarded(reply)
}

fn not_so(allowed: &'static str, text: &str) -> Reply {
    let mut reply = words(StatusCode::METHOD_NOT_ALLOWED, text);
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    reply
}

/// Nothing can be said now, which is no calm.
fn unavailable() -> Reply {
    let text = "what was said cannot be told at the moment; this does not mean that there is no warning\n";
    let mut reply = words(StatusCode::SERVICE_UNAVAILABLE, text);
    reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(ASK_AGAIN));
    reply
}

/// What every answer bears: nobody takes it for something else than it is, and pages of others may read it.
fn guarded(mut reply: Reply) -> Reply {
    let headers = reply.headers_mut();
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    headers.insert(hyper::header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    reply
}
