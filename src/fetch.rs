//! The fetcher: asks over HTTP and says truthfully how that went. It bounds time and size, keeps to manners and out of inner networks,
//! and decides nothing else.
//!
//! A fresh answer, an unchanged one (304), an empty one (204) and a failure are four states; none of them ever reads as calm.
//! No query of an address is ever written into an error: keys may stand in it. A key goes to the host it was meant for and to no other.

use std::error::Error as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use url::Url;

use crate::feed::address::{is_loopback, mark, shown};
use crate::feed::{Key, KeyGoes, Request, Validators};
use crate::secret::{Secret, SecretSource};
use crate::time::{TimeDelta, Timestamp};

pub mod connection;
mod headers;
pub mod manners;
pub mod outside;
pub mod trust;

pub use connection::{Connection, Way};

use connection::Clients;
use manners::{Manners, Turn};
use outside::Reach;

/// The most redirects that are followed.
pub const MAX_REDIRECTS: usize = 5;
/// The longest wait that a server may ask of us or promise freshness for.
pub const MAX_WAIT: TimeDelta = TimeDelta::days(1);

/// How long and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For the whole of it: connecting, redirects, headers and body.
    pub timeout: Duration,
    /// The most bytes of body, after unpacking.
    pub max_body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(20), max_body: 4 * 1024 * 1024 }
    }
}

/// An answer with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh {
    /// The body, unpacked.
    pub body: Vec<u8>,
    /// What to recognise it by next time.
    pub validators: Validators,
    /// The `Content-Type` as it came.
    pub content_type: Option<String>,
    /// The HTTP status.
    pub status: u16,
    /// The headers that may be shown and kept, by name: without cookies and challenges.
    pub headers: Vec<(String, String)>,
    /// How long it need not be asked for again, when the server says so.
    pub fresh_for: Option<TimeDelta>,
    /// What time it was at the server.
    pub server_date: Option<Timestamp>,
}

/// How an asking went well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// There is an answer.
    Fresh(Fresh),
    /// It is what it was (304).
    NotModified {
        /// How long it need not be asked for again, when the server says so.
        fresh_for: Option<TimeDelta>,
        /// What time it was at the server.
        server_date: Option<Timestamp>,
    },
    /// The server answered that it has nothing (204).
    NoContent,
}

/// How an asking failed: each a sentence for the journal, without any query of an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The time was up.
    #[error("no whole answer within {} s", after.as_secs_f64())]
    Timeout {
        /// After how long.
        after: Duration,
    },
    /// No connection, or none that can be trusted.
    #[error("the server cannot be reached: {why}")]
    Unreachable {
        /// In the words of the network.
        why: String,
    },
    /// The connection ended in the midst of the answer, or its packing is torn.
    #[error("the answer broke off: {why}")]
    Broken {
        /// In the words of the network.
        why: String,
    },
    /// An answer that is no good.
    #[error("the server answered {code} {}", headers::reason(*code))]
    Status {
        /// The HTTP status.
        code: u16,
        /// How long the server asked us to wait.
        retry_after: Option<TimeDelta>,
    },
    /// More than we take.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit it went over.
        limit: usize,
    },
    /// A document that somebody else points to lies in an inner network.
    #[error(
        "{at} is not of the open internet and is not asked; if that is meant, write `allow_private = true` for this feed"
    )]
    Inside {
        /// Where, without its query.
        at: String,
    },
    /// The key that the server wants cannot be had.
    #[error("the server was not asked, for its key is missing: {why}")]
    Key {
        /// Why, without the key.
        why: String,
    },
    /// The host is down, and only probed.
    #[error("not asked: {host} failed {failures} times in a row and is asked one thing at a time until it answers")]
    Resting {
        /// Which, with its port.
        host: String,
        /// How often it failed.
        failures: u32,
    },
    /// A redirect that is not followed.
    #[error("the server sent us on to {to}, which is not followed: {why}")]
    Redirect {
        /// Where to, without its query.
        to: String,
        /// Why we do not go there.
        why: String,
    },
}

impl FetchError {
    /// How long the server asked us to wait.
    pub fn retry_after(&self) -> Option<TimeDelta> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::Timeout { .. }
            | Self::Unreachable { .. }
            | Self::Broken { .. }
            | Self::TooLarge { .. }
            | Self::Inside { .. }
            | Self::Key { .. }
            | Self::Resting { .. }
            | Self::Redirect { .. } => None,
        }
    }
}

/// Installs the one library of cryptography that TLS is to use. Call it first thing; calling it again does nothing.
pub fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have been faster; it installed the same one.
        drop(rustls::crypto::ring::default_provider().install_default());
    }
}

/// One thing to ask.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// What.
    pub request: &'a Request,
    /// How long and how much.
    pub limits: &'a Limits,
    /// What is known of its last answer; it makes this a conditional request.
    pub known: Option<&'a Validators>,
    /// The feed's own address, which led here; none when a file led here. The feed's own request is its own home.
    pub home: Option<&'a Url>,
    /// True for the first request of a time of asking: it goes out even to a host that rests.
    pub is_first: bool,
}

/// Asks over HTTP.
#[derive(Debug, Clone)]
pub struct Fetcher {
    agent: HeaderValue,
    clients: Clients,
    allow_private: bool,
    manners: Arc<Manners>,
    /// The clients that were made, so that feeds with the same settings share their connections.
    made: Arc<Mutex<Vec<(Connection, Clients)>>>,
    /// Where relative paths of secrets begin.
    secrets: PathBuf,
}

impl Fetcher {
    /// Makes a fetcher that names itself and `contact` (an address of mail or web) to every server it asks.
    ///
    /// On a machine without trusted certificates it still reaches what needs none; see [`Fetcher::trusts_nobody`].
    ///
    /// # Errors
    /// When the contact cannot stand in a header, or the client cannot be built at all.
    pub fn new(contact: &str) -> Result<Self, String> {
        let agent = format!("nadhir/{} (+{contact})", env!("CARGO_PKG_VERSION"));
        let agent = HeaderValue::from_str(&agent).map_err(|_| {
            format!("the contact `{contact}` cannot be sent: write a mail or web address in plain letters")
        })?;
        let usual = Connection::default();
        let clients = Clients::new(&usual, &agent, Secret::read)?;
        let made = Arc::new(Mutex::new(vec![(usual, clients.clone())]));
        let manners = Arc::new(Manners::default());
        Ok(Self { agent, clients, allow_private: false, manners, made, secrets: PathBuf::new() })
    }

    /// The same, with the directory in which relative paths of secrets begin.
    #[must_use]
    pub fn with_secrets_in(self, dir: PathBuf) -> Self {
        Self { secrets: dir, ..self }
    }

    /// The same with other connections: manners, and clients of equal settings, are shared.
    ///
    /// # Errors
    /// When a file or secret that the settings name cannot be used; says which and what to do.
    pub fn through(&self, connection: &Connection) -> Result<Self, String> {
        let allow_private = connection.allow_private;
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let known = made.iter().find(|(known, _)| known == connection).map(|(_, clients)| clients.clone());
        let clients = match known {
            Some(clients) => clients,
            None => {
                let clients = Clients::new(connection, &self.agent, |source| Secret::read(&self.placed(source)))?;
                made.push((connection.clone(), clients.clone()));
                clients
            }
        };
        drop(made);
        Ok(Self { clients, allow_private, ..self.clone() })
    }

    /// A sentence for the operator when no certificate is trusted and so no https address can be reached.
    pub fn trusts_nobody(&self) -> Option<&str> {
        self.clients.trusts_nobody.as_deref()
    }

    /// Asks a feed's own address, and waits for the whole answer within the limits. `known` makes it a conditional request.
    ///
    /// # Errors
    /// Says how it failed.
    pub async fn get(
        &self,
        request: &Request,
        limits: &Limits,
        known: Option<&Validators>,
        now: Timestamp,
    ) -> Result<Answer, FetchError> {
        self.ask(&Ask { request, limits, known, home: Some(&request.url), is_first: true }, now).await
    }

    /// Asks when it is its turn, and waits for the whole answer within the limits.
    ///
    /// # Errors
    /// Says how it failed.
    pub async fn ask(&self, ask: &Ask<'_>, now: Timestamp) -> Result<Answer, FetchError> {
        let key = match &ask.request.key {
            Some(key) => Some((key, self.read_key(key)?)),
            None => None,
        };
        // Before the turn: what may not be asked must not wait for it.
        self.client(&ask.request.url, ask.home)?;
        let limits = ask.limits;
        let mut turn = self.manners.turn(&ask.request.url, ask.is_first).await?;
        let asked = tokio::time::timeout(limits.timeout, self.walk(ask, key.as_ref(), &mut turn, now)).await;
        let answer = asked.unwrap_or(Err(FetchError::Timeout { after: limits.timeout }));
        turn.note(answer.as_ref().err());
        answer
    }

    /// Asks, and goes where it is sent.
    async fn walk(
        &self,
        ask: &Ask<'_>,
        key: Option<&(&Key, Secret)>,
        turn: &mut Turn,
        now: Timestamp,
    ) -> Result<Answer, FetchError> {
        let (request, limits) = (ask.request, ask.limits);
        let address = mark(&request.url);
        let known = ask.known.filter(|validators| !validators.is_empty() && validators.address == address);
        let mut url = request.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let client = self.client(&url, ask.home)?;
            let is_home = is_same_host(&url, &request.url);
            let mut headers = asked_with(request.accept, known);
            let mut whole = url.clone();
            if let Some((key, secret)) = key {
                hand_over(key, secret, is_home, &mut whole, &mut headers)?;
            }
            let response = client.get(whole).headers(headers).send().await.map_err(|why| failed(&why, limits))?;
            match response.status() {
                StatusCode::NOT_MODIFIED if known.is_some() => {
                    return Ok(Answer::NotModified {
                        fresh_for: headers::fresh_for(response.headers(), now),
                        server_date: headers::server_time(response.headers()),
                    });
                }
                StatusCode::NO_CONTENT => return Ok(Answer::NoContent),
                status if is_redirect(status) => {
                    let to = next(&url, response.headers())?;
                    if !is_same_host(&to, &url) {
                        self.client(&to, ask.home)?;
                        turn.go_on(self.manners.turn(&to, true)).await?;
                    }
                    url = to;
                }
                // A part of an answer was not asked for, and must not be taken for the whole.
                status if status.is_success() && status != StatusCode::PARTIAL_CONTENT => {
                    return read(response, limits, address, now).await.map(Answer::Fresh);
                }
                status => {
                    let retry_after = headers::retry_after(response.headers(), now);
                    return Err(FetchError::Status { code: status.as_u16(), retry_after });
                }
            }
        }
        Err(FetchError::Redirect { to: shown(&url), why: format!("{MAX_REDIRECTS} redirects are enough") })
    }

    /// The client for an address, when it may be asked.
    fn client(&self, url: &Url, home: Option<&Url>) -> Result<&Client, FetchError> {
        let barred = || FetchError::Inside { at: shown(url) };
        if is_loopback(url) {
            return if home.is_some_and(is_loopback) { Ok(&self.clients.loopback) } else { Err(barred()) };
        }
        match outside::reach(url, home) {
            _ if self.allow_private => Ok(&self.clients.own),
            Reach::Own => Ok(&self.clients.own),
            Reach::Open => Ok(&self.clients.open),
            Reach::Barred => Err(barred()),
        }
    }

    fn read_key(&self, key: &Key) -> Result<Secret, FetchError> {
        Secret::read(&self.placed(&key.source)).map_err(|why| FetchError::Key { why })
    }

    fn placed(&self, source: &SecretSource) -> SecretSource {
        match source {
            SecretSource::File(path) => SecretSource::File(self.secrets.join(path)),
            SecretSource::Credential(name) => SecretSource::Credential(name.clone()),
        }
    }
}

fn is_same_host(one: &Url, other: &Url) -> bool {
    one.host() == other.host() && one.port_or_known_default() == other.port_or_known_default()
}

/// Adds the key to a request of its own host, and takes it off a request of any other: a server that sends us on may have copied
/// our query into the new address.
fn hand_over(
    key: &Key,
    secret: &Secret,
    is_home: bool,
    url: &mut Url,
    headers: &mut HeaderMap,
) -> Result<(), FetchError> {
    match key.goes {
        KeyGoes::Query(name) => {
            if url.query_pairs().any(|(known, _)| known == name) {
                let kept: Vec<(String, String)> =
                    url.query_pairs().filter(|(known, _)| known != name).map(|(k, v)| (k.into(), v.into())).collect();
                url.query_pairs_mut().clear().extend_pairs(kept);
            }
            if is_home {
                url.query_pairs_mut().append_pair(name, secret.expose());
            }
        }
        KeyGoes::Header(name) if is_home => {
            let unfit =
                |what: &str| FetchError::Key { why: format!("{what} holds letters that cannot stand in a header") };
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit("its name"))?;
            let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| unfit("it"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        KeyGoes::Header(_) => {}
    }
    Ok(())
}

/// The headers of a request, conditional when we know an answer already.
fn asked_with(accept: &'static str, known: Option<&Validators>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    let mut add = |name: HeaderName, value: Option<&String>| {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    };
    add(header::IF_NONE_MATCH, known.and_then(|known| known.etag.as_ref()));
    add(header::IF_MODIFIED_SINCE, known.and_then(|known| known.last_modified.as_ref()));
    headers
}

/// Reads the body as it comes, counting unpacked bytes, so that a bomb is put down before it is large.
async fn read(mut response: Response, limits: &Limits, address: u64, now: Timestamp) -> Result<Fresh, FetchError> {
    let too_large = || FetchError::TooLarge { limit: limits.max_body };
    let limit = u64::try_from(limits.max_body).unwrap_or(u64::MAX);
    if response.content_length().is_some_and(|length| limit < length) {
        return Err(too_large());
    }
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|why| failed(&why, limits))? {
        if limits.max_body.saturating_sub(body.len()) < chunk.len() {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    let headers = response.headers();
    Ok(Fresh {
        body,
        validators: Validators {
            etag: headers::text(headers, header::ETAG),
            last_modified: headers::text(headers, header::LAST_MODIFIED),
            address,
        },
        content_type: headers::text(headers, header::CONTENT_TYPE),
        status,
        headers: headers::to_show(headers),
        fresh_for: headers::fresh_for(headers, now),
        server_date: headers::server_time(headers),
    })
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads, when we go there: never from a safe connection to an open one, never from outside into this machine.
fn next(from: &Url, headers: &HeaderMap) -> Result<Url, FetchError> {
    let refused = |to: &str, why: &str| FetchError::Redirect { to: to.to_owned(), why: why.to_owned() };
    let location = headers::text(headers, header::LOCATION);
    let location = location.ok_or_else(|| refused("nowhere", "it does not say where"))?;
    let to = from.join(&location).map_err(|_| refused("an unreadable address", "it is not an address"))?;
    if !matches!(to.scheme(), "http" | "https") {
        return Err(refused(&shown(&to), "it is not an address of the web"));
    }
    if is_loopback(&to) && !is_loopback(from) {
        return Err(refused(&shown(&to), "it leads into this machine"));
    }
    if from.scheme() == "https" && to.scheme() == "http" && !is_loopback(from) {
        return Err(refused(&shown(&to), "it leads from https down to http"));
    }
    Ok(to)
}

/// Which failure an error of the client is.
fn failed(why: &reqwest::Error, limits: &Limits) -> FetchError {
    if why.is_timeout() && !why.is_connect() {
        FetchError::Timeout { after: limits.timeout }
    } else if why.is_body() || why.is_decode() {
        FetchError::Broken { why: innermost(why) }
    } else {
        FetchError::Unreachable { why: innermost(why) }
    }
}

/// The innermost cause, which says most and holds no address.
fn innermost(error: &reqwest::Error) -> String {
    let Some(mut cause) = error.source() else {
        return "no reason given".to_owned();
    };
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests;
