//! What this machine can do at best: the same requests from a loop that keeps nothing, signs nothing and knows nobody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How many go on at once.
const AT_ONCE: usize = 64;

/// Sends a body so many times, on a fresh connection each or on a few that are kept; tells how long that took.
pub(super) async fn run(at: &str, count: usize, is_fresh: bool, body: &str) -> anyhow::Result<Duration> {
    let (at, body): (Arc<str>, Bytes) = (at.into(), body.to_owned().into());
    let start = Instant::now();
    let mut loops = JoinSet::new();
    for place in 0..AT_ONCE {
        let (at, body) = (Arc::clone(&at), body.clone());
        let own = (place..count).step_by(AT_ONCE).count();
        loops.spawn(async move {
            let mut kept = None;
            for _ in 0..own {
                let mut sender = match kept.take() {
                    Some(sender) => sender,
                    None => dial(&at).await?,
                };
                let path = if is_fresh { "/c/x" } else { "/k/x" };
                let request = Request::post(path).header("host", &*at).header("content-type", "application/json");
                let response = sender.send_request(request.body(Full::new(body.clone()))?).await?;
                response.into_body().collect().await?;
                if !is_fresh {
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

async fn dial(at: &str) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(at).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
