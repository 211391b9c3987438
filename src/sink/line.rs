//! One request over one connection: dialled, kept while the other side keeps it, and never more of them than a limit. It follows no
//! redirect, asks no proxy, and waits for nothing without end.

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use url::Url;

use super::http::reasons;
use names::Names;

mod names;
pub(super) mod outward;

/// How long a connection may take to come about, TLS included.
const DIAL: Duration = Duration::from_secs(5);

/// How much of an answer is read, in bytes.
const MAX_ANSWER_LEN: usize = 4 * 1024;

/// How long the words of an answer are waited for, once its status is known.
const MAX_ANSWER_WAIT: Duration = Duration::from_secs(2);

/// How many idle connections are kept, of all and to one server, and for how long.
const MAX_IDLE: usize = 256;
const MAX_IDLE_OF_ONE: usize = 192;
const IDLE_FOR: Duration = Duration::from_secs(30);

/// The most that is buffered of what a server writes.
const MAX_HEAD_LEN: usize = 16 * 1024;

/// A stream in the open or under TLS.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type Io = TokioIo<Box<dyn Stream>>;
type Under = Connection<Io, Full<Bytes>>;

/// A connection that nobody uses now.
struct Kept {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
    since: Instant,
}

/// What moves the bytes of a connection, as long as it has any to move.
struct Driver(Option<Pin<Box<Under>>>);

impl Driver {
    /// True while the connection lives.
    fn advance(&mut self, context: &mut Context<'_>) -> bool {
        if self.0.as_mut().is_some_and(|connection| connection.as_mut().poll(context).is_ready()) {
            self.0 = None;
        }
        self.0.is_some()
    }

    /// Does some work with the connection beneath it.
    async fn under<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(done);
            }
            self.advance(context);
            work.as_mut().poll(context)
        })
        .await
    }
}

/// Connections to subscribers.
pub(super) struct Lines {
    names: Names,
    tls: Option<Arc<ClientConfig>>,
    timeout: Duration,
    kept: Mutex<HashMap<Box<str>, Vec<Kept>>>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Lost {
    /// Nothing was sent.
    Before(String),
    /// It may have arrived.
    After(String),
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<String>,
    pub(super) location: Option<String>,
    /// The beginning of its body.
    pub(super) body: Vec<u8>,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lines({:?})", self.timeout)
    }
}

impl Lines {
    fn new(names: Names, tls: Option<Arc<ClientConfig>>, timeout: Duration) -> Self {
        Self { names, tls, timeout, kept: Mutex::default() }
    }

    /// Sends a body and waits for the answer.
    pub(super) async fn post(&self, url: &Url, headers: HeaderMap, body: Bytes) -> Result<Answer, Lost> {
        self.send(url, request(Method::POST, url, headers, body).map_err(Lost::Before)?).await
    }

    /// Asks and waits for the answer.
    pub(super) async fn get(&self, url: &Url, headers: HeaderMap) -> Result<Answer, Lost> {
        self.send(url, request(Method::GET, url, headers, Bytes::new()).map_err(Lost::Before)?).await
    }

    async fn send(&self, url: &Url, request: Request<Full<Bytes>>) -> Result<Answer, Lost> {
        let server = server_of(url);
        let late = || Lost::After(format!("no answer in {} s", self.timeout.as_secs()));
        let request = match self.take(&server) {
            None => request,
            Some(kept) => {
                match timeout(self.timeout, self.exchange(&server, kept, request)).await.map_err(|_| late())? {
                    Ok(answer) => return Ok(answer),
                    // The server had closed it in the meantime, and has seen nothing of this.
                    Err(Failed::Unsent(request)) => *request,
                    Err(Failed::Sent(why)) => return Err(Lost::After(why)),
                }
            }
        };
        let fresh = timeout(DIAL, self.dial(url)).await;
        let fresh = fresh.map_err(|_| Lost::Before(format!("no connection in {} s", DIAL.as_secs())))?;
        let fresh = fresh.map_err(Lost::Before)?;
        match timeout(self.timeout, self.exchange(&server, fresh, request)).await.map_err(|_| late())? {
            Ok(answer) => Ok(answer),
            Err(Failed::Unsent(_)) => Err(Lost::Before("it closed the connection at once".to_owned())),
            Err(Failed::Sent(why)) => Err(Lost::After(why)),
        }
    }

    async fn dial(&self, url: &Url) -> Result<Kept, String> {
        let addresses = self.names.of(url).await?;
        let stream = connect(&addresses).await?;
        // A request is written at once; waiting for more would only delay it.
        let _ = stream.set_nodelay(true);
        let stream: Box<dyn Stream> = if url.scheme() == "https" {
            let tls =
                self.tls.clone().ok_or("this machine trusts no certificate authority: install ca-certificates")?;
            let name = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            let name = ServerName::try_from(name).map_err(|why| format!("TLS cannot be had: {why}"))?;
            let stream = TlsConnector::from(tls).connect(name, stream).await;
            Box::new(stream.map_err(|why| format!("TLS cannot be had: {}", reasons(&why)))?)
        } else {
            Box::new(stream)
        };
        let mut builder = http1::Builder::new();
        builder.max_buf_size(MAX_HEAD_LEN);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|why| reasons(&why))?;
        Ok(Kept { sender, driver: Driver(Some(Box::pin(connection))), since: Instant::now() })
    }

    async fn exchange(&self, server: &str, mut line: Kept, request: Request<Full<Bytes>>) -> Result<Answer, Failed> {
        let Kept { sender, driver, .. } = &mut line;
        let response = driver.under(sender.try_send_request(request)).await;
        let response = response.map_err(|mut why| match why.take_message() {
            Some(request) => Failed::Unsent(Box::new(request)),
            None => Failed::Sent(reasons(why.error())),
        })?;
        let (answer, is_whole) = read(driver, response).await;
        let is_alive = is_whole && poll_fn(|context| Poll::Ready(driver.advance(context))).await;
        if is_alive && line.sender.is_ready() {
            self.keep(server, line);
        }
        Ok(answer)
    }

    /// A connection to a server that nobody uses.
    fn take(&self, server: &str) -> Option<Kept> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let own = kept.get_mut(server)?;
        own.retain(|one| one.since.elapsed() < IDLE_FOR);
        let one = own.pop();
        if own.is_empty() {
            kept.remove(server);
        }
        one
    }

    fn keep(&self, server: &str, line: Kept) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = kept.values().map(Vec::len).sum();
        if MAX_IDLE <= all {
            kept.retain(|_, own| {
                own.retain(|one| one.since.elapsed() < IDLE_FOR);
                !own.is_empty()
            });
            if MAX_IDLE <= kept.values().map(Vec::len).sum() {
                return;
            }
        }
        let own = kept.entry(server.into()).or_default();
        if own.len() < MAX_IDLE_OF_ONE {
            own.push(Kept { since: Instant::now(), ..line });
        }
    }
}

/// Why an exchange came to nothing.
enum Failed {
    /// The request was not written.
    Unsent(Box<Request<Full<Bytes>>>),
    /// It may have been.
    Sent(String),
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut last = "its name has no address".to_owned();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(why) => last = format!("it cannot be reached: {why}"),
        }
    }
    Err(last)
}

fn request(method: Method, url: &Url, headers: HeaderMap, body: Bytes) -> Result<Request<Full<Bytes>>, String> {
    let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let request = Request::builder().method(method).uri(target).body(Full::new(body));
    let mut request = request.map_err(|why| why.to_string())?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Scheme, host and port: who shares connections.
fn server_of(url: &Url) -> Box<str> {
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}://{}:{port}", url.scheme(), url.host_str().unwrap_or_default()).into()
}

/// Reads the beginning of an answer; true when that was all of it.
async fn read(driver: &mut Driver, response: Response<Incoming>) -> (Answer, bool) {
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (status, retry_after, location) = (response.status(), header(RETRY_AFTER), header(LOCATION));
    let mut body = Vec::new();
    let mut frames = response.into_body();
    let reading = driver.under(async {
        while let Some(frame) = frames.frame().await {
            let Ok(frame) = frame else { return false };
            let Some(data) = frame.data_ref() else { continue };
            let room = MAX_ANSWER_LEN - body.len();
            body.extend(data.iter().take(room));
            if room < data.len() {
                return false;
            }
        }
        true
    });
    let is_whole = timeout(MAX_ANSWER_WAIT, reading).await.unwrap_or(false);
    (Answer { status, retry_after, location, body }, is_whole)
}
