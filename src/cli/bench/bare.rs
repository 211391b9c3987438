//! What this machine can do at best: the same requests from a loop that keeps nothing, signs nothing and knows nobody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::field::AUTHORITY;

/// How many go on at once.
const AT_ONCE: usize = 64;

/// How a request goes on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// On a connection of its own.
    Fresh,
    /// On a connection of its own, under TLS.
    Sealed,
    /// On one of a few that are kept.
    Kept,
}

/// Sends a body so many times; tells how long that took.
pub(super) async fn run(at: &str, count: usize, way: Way, body: &str) -> anyhow::Result<Duration> {
    let tls = if way == Way::Sealed { Some(trusting()?) } else { None };
    let (at, body): (Arc<str>, Bytes) = (at.into(), body.to_owned().into());
    let start = Instant::now();
    let mut loops = JoinSet::new();
    for place in 0..AT_ONCE {
        let (at, body, tls) = (Arc::clone(&at), body.clone(), tls.clone());
        let own = (place..count).step_by(AT_ONCE).count();
        loops.spawn(async move {
            let mut kept = None;
            for _ in 0..own {
                let mut sender = match kept.take() {
                    Some(sender) => sender,
                    None => dial(&at, tls.as_ref()).await?,
                };
                let path = if way == Way::Kept { "/k/x" } else { "/c/x" };
                let request = Request::post(path).header("host", &*at).header("content-type", "application/json");
                let response = sender.send_request(request.body(Full::new(body.clone()))?).await?;
                response.into_body().collect().await?;
                if way == Way::Kept {
                    sender.ready().await?;
                    kept = Some(sender);
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = loops.join_next().await {
        ended.context("a loop broke down")??;
    }
    Ok(start.elapsed())
}

/// TLS that trusts the receivers and nobody else.
fn trusting() -> anyhow::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(AUTHORITY.as_bytes())?)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?.with_root_certificates(roots);
    Ok(TlsConnector::from(Arc::new(builder.with_no_client_auth())))
}

async fn dial(at: &str, tls: Option<&TlsConnector>) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(at).await?;
    stream.set_nodelay(true)?;
    let Some(tls) = tls else {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        return Ok(sender);
    };
    let stream = tls.connect(ServerName::from(stream.peer_addr()?.ip()), stream).await?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
