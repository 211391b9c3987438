//! A receiver on loopback that gives the answers it was told to, in all the ways in which receivers answer and fail. It judges
//! nothing.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// One request as it arrived.
pub(super) struct Request {
    pub(super) line: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// A receiver that gives one answer a connection, and keeps what it received.
pub(super) struct Receiver {
    /// Where it listens: `http://127.0.0.1:port`.
    pub(super) base: String,
    requests: mpsc::UnboundedReceiver<Request>,
}

impl Receiver {
    /// Starts one with its answers: a status line and headers, an empty line and a body (`ok` when there is none), or a word of
    /// [`reply`].
    pub(super) async fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (arrived, requests) = mpsc::unbounded_channel();
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = receive(&mut stream).await;
                let said = format!("{}\n{:?}", request.line, request.headers);
                drop(arrived.send(request));
                reply(stream, &answer, &said).await;
            }
        });
        Self { base, requests }
    }

    /// The next request that arrived, or will.
    pub(super) async fn next(&mut self) -> Request {
        self.requests.recv().await.unwrap()
    }

    /// True when no request has arrived that was not taken by [`Receiver::next`].
    pub(super) fn is_idle(&self) -> bool {
        self.requests.is_empty()
    }
}

async fn receive(stream: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    let split = loop {
        if let Some(split) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break split;
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the request broke off");
    };
    let head = String::from_utf8(bytes[..split].to_vec()).unwrap();
    let mut lines = head.lines();
    let line = lines.next().unwrap().to_owned();
    let headers: HeaderMap = lines
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
        })
        .collect();
    let mut body = bytes[split + 4..].to_vec();
    let len: usize = headers.get("content-length").map_or(0, |len| len.to_str().unwrap().parse().unwrap());
    while body.len() < len {
        assert_ne!(stream.read_buf(&mut body).await.unwrap(), 0, "the body broke off");
    }
    Request { line, headers, body }
}

/// Answers as it is told, or in one of the ways in which receivers fail. `echo` refuses and says what it was asked, as some do.
async fn reply(mut stream: TcpStream, answer: &str, asked: &str) {
    match answer {
        "hang" => std::future::pending().await,
        "close" => {}
        "break" => stream.write_all(b"HTTP/1.1 20").await.unwrap(),
        "flood" => {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n";
            stream.write_all(head).await.unwrap();
            while stream.write_all(&[b'x'; 65_536]).await.is_ok() {}
        }
        "stall" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nthanks").await.unwrap();
            std::future::pending::<()>().await;
        }
        "echo" => write(stream, "404 Not Found", &format!("no such thing: {asked}")).await,
        plain => {
            let (head, body) = plain.split_once("\r\n\r\n").unwrap_or((plain, "ok"));
            write(stream, head, body).await;
        }
    }
}

async fn write(mut stream: TcpStream, head: &str, body: &str) {
    let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await.unwrap();
}
