//! The fetcher: asks over HTTP and says truthfully how that went. It bounds time and size, and decides nothing else.
//!
//! A fresh answer, an unchanged one (304), an empty one (204) and a failure are four states; none of them ever reads as calm.
//! No query of an address is ever written into an error: keys may stand in it.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, Response, StatusCode, redirect};
use url::Url;

use crate::feed::address::{is_loopback, mark, shown};
use crate::feed::{Request, Validators};
use crate::time::{TimeDelta, Timestamp};

mod headers;

/// The most redirects that are followed.
pub const MAX_REDIRECTS: usize = 5;
/// The longest wait that a server may ask of us or promise freshness for.
pub const MAX_WAIT: TimeDelta = TimeDelta::days(1);
/// How long connecting may take; the whole is bounded by [`Limits::timeout`].
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept for the next poll.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

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

/// Asks over HTTP.
#[derive(Debug, Clone)]
pub struct Fetcher {
    world: Client,
    /// For this machine itself: never through a proxy.
    loopback: Client,
    /// Why no certificate is trusted, when that is so.
    trusts_nobody: Option<String>,
}

impl Fetcher {
    /// Makes a fetcher that names itself and `contact` (an address of mail or web) to every server it asks.
    ///
    /// On a machine without trusted certificates it still reaches what needs none; see [`Fetcher::trusts_nobody`].
    ///
    /// # Errors
    /// When the contact cannot stand in a header, or the client cannot be built at all.
    pub fn new(contact: &str) -> Result<Self, String> {
        install_crypto();
        let agent = format!("nadhir/{} (+{contact})", env!("CARGO_PKG_VERSION"));
        let agent = HeaderValue::from_str(&agent).map_err(|_| {
            format!("the contact `{contact}` cannot be sent: write a mail or web address in plain letters")
        })?;
        let builder = || {
            Client::builder()
                .user_agent(agent.clone())
                .redirect(redirect::Policy::none())
                .referer(false)
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_idle_timeout(IDLE_TIMEOUT)
        };
        let build = |builder: ClientBuilder| builder.build().map_err(|why| innermost(&why));
        if let Ok(world) = build(builder()) {
            return Ok(Self { world, loopback: build(builder().no_proxy())?, trusts_nobody: None });
        }
        let rootless = || builder().tls_certs_only(std::iter::empty());
        let why =
            "this machine has no trusted certificates, so no https address can be reached: install ca-certificates";
        Ok(Self {
            world: build(rootless())?,
            loopback: build(rootless().no_proxy())?,
            trusts_nobody: Some(why.to_owned()),
        })
    }

    /// A sentence for the operator when no certificate is trusted and so no https address can be reached.
    pub fn trusts_nobody(&self) -> Option<&str> {
        self.trusts_nobody.as_deref()
    }

    /// Asks, and waits for the whole answer within the limits. `known` makes it a conditional request.
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
        match tokio::time::timeout(limits.timeout, self.ask(request, limits, known, now)).await {
            Ok(answer) => answer,
            Err(_) => Err(FetchError::Timeout { after: limits.timeout }),
        }
    }

    async fn ask(
        &self,
        request: &Request,
        limits: &Limits,
        known: Option<&Validators>,
        now: Timestamp,
    ) -> Result<Answer, FetchError> {
        let address = mark(&request.url);
        let known = known.filter(|validators| !validators.is_empty() && validators.address == address);
        let mut url = request.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let client = if is_loopback(&url) { &self.loopback } else { &self.world };
            let response = client
                .get(url.clone())
                .headers(asked_with(request.accept, known))
                .send()
                .await
                .map_err(|why| failed(&why, limits))?;
            match response.status() {
                StatusCode::NOT_MODIFIED if known.is_some() => {
                    return Ok(Answer::NotModified {
                        fresh_for: headers::fresh_for(response.headers(), now),
                        server_date: headers::date(response.headers(), header::DATE),
                    });
                }
                StatusCode::NO_CONTENT => return Ok(Answer::NoContent),
                status if is_redirect(status) => url = next(&url, response.headers())?,
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
        fresh_for: headers::fresh_for(headers, now),
        server_date: headers::date(headers, header::DATE),
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
