//! Stories of a fetcher and real servers on loopback, some of them ill-mannered.

use std::io::Write as _;

use axum::Router;
use axum::http::HeaderMap as AxumHeaders;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

mod keys;
mod tls;

const LIMITS: Limits = Limits { timeout: Duration::from_secs(10), max_body: 64 * 1024 };
const IMPATIENT: Limits = Limits { timeout: Duration::from_millis(250), max_body: 64 * 1024 };

fn now() -> Timestamp {
    "2025-12-09T00:00:00Z".parse().unwrap()
}

fn request(url: &str) -> Request {
    Request::new(Url::parse(url).unwrap(), "application/json")
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// A well-mannered server; gives its address.
async fn serve() -> String {
    let gzip = [("content-encoding", "gzip"), ("content-type", "application/json")];
    let app = Router::new()
        .route(
            "/fresh",
            get(|headers: AxumHeaders| async move {
                let value =
                    |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned();
                if value("if-none-match") == "\"v1\"" && value("if-modified-since") == "Mon, 08 Dec 2025 00:00:00 GMT" {
                    return (StatusCode::NOT_MODIFIED, [("cache-control", "max-age=30")]).into_response();
                }
                let told = format!("{} {}", value("user-agent"), value("accept"));
                let lines = [
                    ("etag", "\"v1\""),
                    ("last-modified", "Mon, 08 Dec 2025 00:00:00 GMT"),
                    ("cache-control", "max-age=60"),
                    ("date", "Tue, 09 Dec 2025 00:00:01 GMT"),
                ];
                (lines, told).into_response()
            }),
        )
        .route("/nothing", get(|| async { StatusCode::NO_CONTENT }))
        .route("/unasked-304", get(|| async { StatusCode::NOT_MODIFIED }))
        .route("/part", get(|| async { (StatusCode::PARTIAL_CONTENT, "half") }))
        .route("/later", get(|| async { (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "120")]) }))
        .route("/large", get(|| async { vec![b'x'; 64 * 1024 + 1] }))
        .route("/exact", get(|| async { vec![b'x'; 64 * 1024] }))
        .route("/packed", get(move || async move { (gzip, zipped(b"{\"fine\":true}")) }))
        .route("/bomb", get(move || async move { (gzip, zipped(&vec![0; 8 * 1024 * 1024])) }))
        .route("/torn", get(move || async move { (gzip, zipped(&[7; 4096]).split_off(0)[..20].to_vec()) }))
        .route("/once", get(|| async { Redirect::temporary("/nothing?key=hush") }))
        .route("/round", get(|| async { Redirect::permanent("/round?key=hush") }))
        .route("/away", get(|| async { Redirect::permanent("file:///etc/passwd") }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}")
}

/// What a server of raw bytes does after its greeting.
#[derive(Clone, Copy)]
enum Manner {
    Hangs,
    Drips,
    HangsUp,
}

/// A server that reads a request, says `greeting` and then behaves badly.
async fn misbehave(greeting: &'static [u8], manner: Manner) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut asked = [0; 1024];
        let _read = socket.read(&mut asked).await;
        let _sent = socket.write_all(greeting).await;
        match manner {
            Manner::HangsUp => {}
            Manner::Hangs => std::future::pending().await,
            Manner::Drips => {
                let mut beat = tokio::time::interval(Duration::from_millis(20));
                while socket.write_all(b"x").await.is_ok() {
                    beat.tick().await;
                }
            }
        }
    });
    format!("http://{address}/")
}

async fn ask(url: &str, limits: &Limits) -> Result<Answer, FetchError> {
    Fetcher::new("https://example.org/nadhir").unwrap().get(&request(url), limits, None, now()).await
}

#[tokio::test]
async fn a_fresh_answer_carries_what_the_next_request_needs() {
    let base = serve().await;
    let fetcher = Fetcher::new("https://example.org/nadhir").unwrap();
    let asked = request(&format!("{base}/fresh?key=hush"));
    let Answer::Fresh(fresh) = fetcher.get(&asked, &LIMITS, None, now()).await.unwrap() else { panic!("not fresh") };
    let told = String::from_utf8(fresh.body.clone()).unwrap();
    assert!(told.starts_with("nadhir/") && told.ends_with("(+https://example.org/nadhir) application/json"), "{told}");
    assert_eq!(fresh.validators.etag.as_deref(), Some("\"v1\""));
    assert_eq!(fresh.fresh_for, Some(TimeDelta::seconds(60)));
    assert_eq!(fresh.server_date, Some(now() + TimeDelta::seconds(1)));
    let again = fetcher.get(&asked, &LIMITS, Some(&fresh.validators), now()).await.unwrap();
    assert_eq!(
        again,
        match again.clone() {
            Answer::NotModified { server_date, .. } => {
                Answer::NotModified { fresh_for: Some(TimeDelta::seconds(30)), server_date }
            }
            other => panic!("{other:?}"),
        }
    );
    let moved = request(&format!("{}?station=OETF", asked.url));
    let other = fetcher.get(&moved, &LIMITS, Some(&fresh.validators), now()).await.unwrap();
    assert!(matches!(other, Answer::Fresh(_)), "what is unchanged at one address says nothing of another: {other:?}");
}

#[tokio::test]
async fn nothing_is_its_own_state_and_so_is_every_bad_status() {
    let base = serve().await;
    assert_eq!(ask(&format!("{base}/nothing"), &LIMITS).await, Ok(Answer::NoContent));
    let later = ask(&format!("{base}/later?key=hush"), &LIMITS).await.unwrap_err();
    assert_eq!(later.retry_after(), Some(TimeDelta::seconds(120)));
    assert_eq!(later.to_string(), "the server answered 429 Too Many Requests");
    for (path, code) in [("missing", 404), ("unasked-304", 304), ("part", 206)] {
        let why = ask(&format!("{base}/{path}"), &LIMITS).await.unwrap_err();
        assert_eq!(why, FetchError::Status { code, retry_after: None });
    }
}

#[tokio::test]
async fn the_cap_holds_for_unpacked_bytes_so_that_a_bomb_does_no_harm() {
    let base = serve().await;
    let too_large = Err(FetchError::TooLarge { limit: LIMITS.max_body });
    assert_eq!(ask(&format!("{base}/large"), &LIMITS).await, too_large);
    assert_eq!(ask(&format!("{base}/bomb"), &LIMITS).await, too_large);
    let body = |answer| match answer {
        Ok(Answer::Fresh(fresh)) => fresh.body,
        other => panic!("{other:?}"),
    };
    assert_eq!(body(ask(&format!("{base}/exact"), &LIMITS).await).len(), LIMITS.max_body);
    assert_eq!(body(ask(&format!("{base}/packed"), &LIMITS).await), b"{\"fine\":true}");
    let torn = ask(&format!("{base}/torn"), &LIMITS).await.unwrap_err();
    assert!(matches!(torn, FetchError::Broken { .. }), "{torn:?}");
}

#[tokio::test]
async fn redirects_are_followed_a_few_times_and_never_out_of_the_web() {
    let base = serve().await;
    assert_eq!(ask(&format!("{base}/once"), &LIMITS).await, Ok(Answer::NoContent));
    for path in ["round", "away"] {
        let why = ask(&format!("{base}/{path}"), &LIMITS).await.unwrap_err();
        assert!(matches!(why, FetchError::Redirect { .. }), "{why:?}");
        assert!(!why.to_string().contains("hush"), "{why}");
    }
}

#[test]
fn a_redirect_never_leaves_https_nor_enters_this_machine() {
    let goes = |from: &str, to: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, to.parse().unwrap());
        next(&Url::parse(from).unwrap(), &headers).is_ok()
    };
    assert!(goes("https://a.example/x", "/y"));
    assert!(goes("http://a.example/x", "https://b.example/y"));
    assert!(goes("https://localhost/x", "http://127.0.0.1/y"));
    assert!(!goes("https://a.example/x", "http://a.example/x"));
    assert!(!goes("http://a.example/x", "http://127.0.0.1/x"));
    assert!(!goes("http://a.example/x", "http://[::1]/x"));
}

#[tokio::test]
async fn a_server_that_hangs_or_drips_is_left_at_the_timeout() {
    let endless = b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n";
    for (greeting, manner) in [
        (&b""[..], Manner::Hangs),
        (endless, Manner::Hangs),
        (b"HTTP/1.1 200 OK\r\nx: ", Manner::Drips),
        (endless, Manner::Drips),
    ] {
        let url = misbehave(greeting, manner).await;
        assert_eq!(ask(&url, &IMPATIENT).await, Err(FetchError::Timeout { after: IMPATIENT.timeout }));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_or_never_comes_is_a_failure_and_shows_no_secret() {
    let url = misbehave(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\nhalf", Manner::HangsUp).await;
    let broken = ask(&url, &LIMITS).await.unwrap_err();
    assert!(matches!(broken, FetchError::Broken { .. }), "{broken:?}");
    let url = misbehave(b"", Manner::HangsUp).await;
    let reset = ask(&url, &LIMITS).await.unwrap_err();
    assert!(matches!(reset, FetchError::Unreachable { .. }), "{reset:?}");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let refused = ask(&format!("http://user:hush@{closed}/?key=hush"), &LIMITS).await.unwrap_err();
    assert!(matches!(refused, FetchError::Unreachable { .. }), "{refused:?}");
    assert!(!format!("{refused} {refused:?}").contains("hush"));
}

#[test]
fn a_contact_that_cannot_be_sent_is_refused() {
    assert!(Fetcher::new("line\nbreak").unwrap_err().contains("contact"));
}
