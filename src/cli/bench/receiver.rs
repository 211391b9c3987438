//! The receivers of a measurement, in a process of their own: they take whatever comes, as fast as this machine can, and remember when. The
//! first letter of a path tells how one behaves.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const CLOSE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const KEEP: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const REFUSE: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// The longest request that is taken, in bytes.
const MAX_REQUEST_LEN: usize = 256 * 1024;

/// When something came: microseconds since 1970, with the first letter of its path and an `r` where it is a red warning.
type Arrivals = Arc<Mutex<Vec<(u64, [u8; 2])>>>;

/// What they show over TLS.
const CERTIFICATE: &[u8] = include_bytes!("loopback/receiver.pem");

/// Listens, prints where in the open and where over TLS, and goes on until the standard input ends.
pub(super) fn run() -> anyhow::Result<()> {
    let runtime = super::runtime()?;
    let tls = TlsAcceptor::from(Arc::new(sealed()?));
    runtime.block_on(async {
        let plain = TcpListener::bind("127.0.0.1:0").await.context("no port could be had")?;
        let under_tls = TcpListener::bind("127.0.0.1:0").await.context("no port could be had")?;
        let mut out = std::io::stdout();
        writeln!(out, "{} {}", plain.local_addr()?, under_tls.local_addr()?)?;
        out.flush()?;
        let arrivals = Arrivals::default();
        let serving = [
            tokio::spawn(listen(plain, None, Arc::clone(&arrivals))),
            tokio::spawn(listen(under_tls, Some(tls), arrivals)),
        ];
        let reading = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
        let _ = reading.await;
        serving.iter().for_each(tokio::task::JoinHandle::abort);
        Ok(())
    })
}

/// TLS that never takes up an older session: ten thousand subscribers are ten thousand strangers.
fn sealed() -> anyhow::Result<ServerConfig> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(CERTIFICATE).collect::<Result<_, _>>()?;
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?.with_no_client_auth();
    let mut config = builder.with_single_cert(chain, PrivateKeyDer::from_pem_slice(CERTIFICATE)?)?;
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(config)
}

async fn listen(listener: TcpListener, tls: Option<TlsAcceptor>, arrivals: Arrivals) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let arrivals = Arc::clone(&arrivals);
        match tls.clone() {
            None => drop(tokio::spawn(serve(stream, arrivals))),
            Some(tls) => drop(tokio::spawn(async move {
                if let Ok(stream) = tls.accept(stream).await {
                    serve(stream, arrivals).await;
                }
            })),
        }
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, arrivals: Arrivals) {
    let mut bytes = Vec::with_capacity(8 * 1024);
    while let Some((way, rest)) = request(&mut stream, &mut bytes).await {
        let (answer, goes_on) = match way {
            [b'k', _] => (KEEP, true),
            [b'e', _] => (REFUSE, false),
            [b'h', _] => return std::future::pending().await,
            [b't', _] => {
                let _ = stream.write_all(taken(&arrivals).as_bytes()).await;
                return;
            }
            _ => (CLOSE, false),
        };
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        arrivals.lock().unwrap_or_else(PoisonError::into_inner).push((at, way));
        if stream.write_all(answer).await.is_err() || !goes_on {
            return;
        }
        bytes.drain(..rest);
    }
}

/// Reads one request: how its path begins and whether it is red, and how many bytes it took.
async fn request<S: AsyncRead + Unpin>(stream: &mut S, bytes: &mut Vec<u8>) -> Option<([u8; 2], usize)> {
    loop {
        if let Some(found) = whole(bytes) {
            return Some(found);
        }
        if MAX_REQUEST_LEN < bytes.len() || stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn whole(bytes: &[u8]) -> Option<([u8; 2], usize)> {
    let head = memchr::memmem::find(bytes, b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(bytes.get(..head)?).ok()?;
    let len = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let end = head + len.unwrap_or(0);
    let first = text.bytes().skip_while(|byte| *byte != b'/').nth(1)?;
    let body = bytes.get(head..end)?;
    let is_red = memchr::memmem::find(body, b"\"severity\":\"red\"").is_some();
    Some(([first, if is_red { b'r' } else { b' ' }], end))
}

/// What has come, and is forgotten with that: a line for each.
fn taken(arrivals: &Arrivals) -> String {
    let arrivals = std::mem::take(&mut *arrivals.lock().unwrap_or_else(PoisonError::into_inner));
    let lines: String = arrivals
        .iter()
        .map(|(at, [first, second])| format!("{at} {}{}\n", char::from(*first), char::from(*second)))
        .collect();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{lines}", lines.len())
}
