//! The receivers that are given to subscribers, each run by its own interpreter, against what really sends.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use nadhir::sink::{Letter, Many, Recipient};
use nadhir::subscriber::Generations;
use nadhir::time::{TimeDelta, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::process::{nadhir, run, wait_for};
use super::{KEY, many_of};

/// The number of the subscriber that the receiver is.
const OWN: i64 = 7;

/// A receiver in one language, in a directory of its own.
struct Kit {
    program: &'static str,
    script: PathBuf,
    dir: TempDir,
    /// PHP brings a web server; the others are asked as CGI has it.
    server: Option<(Child, u16)>,
}

impl Drop for Kit {
    fn drop(&mut self) {
        if let Some((server, _)) = &mut self.server {
            drop((server.kill(), server.wait()));
        }
    }
}

impl Kit {
    fn new(language: &str, program: &'static str, secrets: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let printed = run(&mut nadhir(["webhook", "example", language]));
        assert_eq!(printed.code, Some(0), "{printed:?}");
        let script = dir.path().join("receiver");
        std::fs::write(&script, printed.stdout).unwrap();
        let mut kit = Self { program, script, dir, server: None };
        kit.with(secrets);
        kit
    }

    /// Goes on with these secrets.
    fn with(&mut self, secrets: &str) {
        std::fs::write(self.dir.path().join("secrets"), secrets).unwrap();
        if self.program != "php" {
            return;
        }
        if let Some((server, _)) = &mut self.server {
            drop((server.kill(), server.wait()));
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = self.command();
        server.arg("-q").arg("-S").arg(format!("127.0.0.1:{port}")).arg(&self.script);
        let server = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.server = Some((server.unwrap_or_else(|why| panic!("php: {why}: apt-get install php-cli")), port));
        wait_for("php", || TcpStream::connect(("127.0.0.1", port)).ok());
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.env("NADHIR_DIR", self.dir.path());
        command.env("NADHIR_SECRET", std::fs::read_to_string(self.dir.path().join("secrets")).unwrap());
        command
    }

    /// What the receiver answers to a request.
    fn answer(&self, headers: &HeaderMap, body: &[u8]) -> (u16, String) {
        match &self.server {
            Some((_, port)) => over_http(*port, headers, body),
            None => self.as_cgi(headers, body),
        }
    }

    fn as_cgi(&self, headers: &HeaderMap, body: &[u8]) -> (u16, String) {
        let mut command = self.command();
        command.arg(&self.script).env("REQUEST_METHOD", "POST").env("CONTENT_LENGTH", body.len().to_string());
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            if let Some(value) = headers.get(name) {
                let variable = format!("HTTP_{}", name.to_uppercase().replace('-', "_"));
                command.env(variable, value.to_str().unwrap());
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = command.spawn();
        let mut child =
            started.unwrap_or_else(|why| panic!("{0}: {why}: apt-get install {0}, or nodejs for node", self.program));
        // Whoever refuses without reading closes its end.
        let _ = child.stdin.take().unwrap().write_all(body);
        let out = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() && errors.is_empty(), "{}: {errors}", self.program);
        let text = String::from_utf8(out.stdout).unwrap();
        let (head, words) = text.split_once("\r\n\r\n").unwrap();
        let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap();
        (status.parse().unwrap(), words.to_owned())
    }

    /// What it acted on.
    fn acted(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.dir.path().join("acted")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }
}

fn over_http(port: u16, headers: &HeaderMap, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut head = format!("POST / HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with("webhook-")) {
        head += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    stream.write_all(format!("{head}Content-Type: application/json\r\n\r\n").as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, words) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), words.to_owned())
}

/// A request and what was answered.
type Exchange = (HeaderMap, Bytes, (u16, String));

/// What stands before the receiver and hears all.
struct Front {
    kit: Mutex<Kit>,
    last: Mutex<Option<Exchange>>,
}

async fn take(State(front): State<Arc<Front>>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let (status, words) = tokio::task::block_in_place(|| front.kit.lock().unwrap().answer(&headers, &body));
    *front.last.lock().unwrap() = Some((headers, body, (status, words.clone())));
    (StatusCode::from_u16(status).unwrap(), words)
}

/// Who sends, and what it came to.
struct Sender {
    many: Arc<dyn Many>,
    front: Arc<Front>,
    url: String,
}

impl Sender {
    fn secret(&self, generation: u32) -> String {
        self.many.secret(OWN, generation).unwrap().expose().to_owned()
    }

    /// Sends a message as the courier does; the status and words of the answer.
    async fn send(&self, key: &str, body: &Value, (to, secret, at): (i64, Generations, Timestamp)) -> (u16, String) {
        let body = body.to_string().into();
        let letter = Letter { key: key.to_owned(), body, content_type: "application/json".to_owned(), topic: None };
        let to = Recipient { subscriber: to, url: self.url.as_str().into(), secret, sealed: None };
        let sent = self.many.send(Arc::new(letter), to, at).await;
        let (_, _, answer) = self.front.last.lock().unwrap().clone().unwrap();
        assert_eq!(sent.is_ok(), (200..300).contains(&answer.0), "{sent:?} {answer:?}");
        answer
    }
}

const FIRST: Generations = Generations { newest: 1, older_until: None };

async fn check(language: &'static str, program: &'static str) {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("key"), KEY).unwrap();
    let many = many_of(home.path());
    let kit = Kit::new(language, program, many.secret(OWN, 1).unwrap().expose());
    let front = Arc::new(Front { kit: Mutex::new(kit), last: Mutex::default() });
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", socket.local_addr().unwrap());
    let app = Router::new().fallback(take).with_state(Arc::clone(&front));
    tokio::spawn(async move { axum::serve(socket, app).await });
    let sender = Sender { many, front, url };
    let now = chrono::Utc::now();
    let instant = |minutes| (now + TimeDelta::minutes(minutes)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let warning = |id: &str, minutes, status: &str| {
        let text =
            json!({ "ar": { "headline": "إنذار أحمر: سيول" }, "en": { "headline": "Red warning: flash floods" } });
        let data = json!({ "id": id, "status": status, "text": text, "expires": instant(minutes) });
        json!({ "type": "warning.issued", "timestamp": instant(0), "data": data })
    };
    let told = |status: u16, words: &str| (status, words.to_owned());
    // The challenge, and a warning that is known again.
    let challenge = json!({ "type": "subscriber.challenge", "data": { "challenge": "a1b2c3" } });
    let own = (OWN, FIRST, now);
    assert_eq!(sender.send("subscriber.challenge/7/x", &challenge, own).await, told(200, "a1b2c3"), "{language}");
    let first = warning("MKH-2025-000001.1", 30, "Actual");
    assert_eq!(sender.send("1/open", &first, own).await, told(200, "taken"), "{language}");
    let (headers, body, _) = sender.front.last.lock().unwrap().clone().unwrap();
    assert_eq!(sender.send("1/open", &first, own).await, told(200, "seen before"), "{language}");
    // Nothing that was altered, is old, or is of another is taken.
    let refused = told(401, "not signed as it should be");
    let mut other = body.to_vec();
    other.push(b' ');
    assert_eq!(sender.front.kit.lock().unwrap().answer(&headers, &other), refused, "{language}");
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        for value in [None, Some("1"), Some("v1,")] {
            let mut headers = headers.clone();
            headers.remove(name);
            if let Some(value) = value {
                headers.insert(name, value.parse().unwrap());
            }
            assert_eq!(
                sender.front.kit.lock().unwrap().answer(&headers, &body),
                refused,
                "{language} {name} {value:?}"
            );
        }
    }
    let second = warning("MKH-2025-000002.1", 30, "Actual");
    for (whose, minutes) in [(OWN + 1, 0), (OWN, -6), (OWN, 6)] {
        let signed = (whose, FIRST, now + TimeDelta::minutes(minutes));
        assert_eq!(sender.send("2/open", &second, signed).await, refused, "{language} {whose} {minutes}");
    }
    // While the secret is changed, a request bears two signatures; a receiver knows either, or both.
    let both = Generations { newest: 2, older_until: Some(now + TimeDelta::days(1)) };
    assert_eq!(sender.send("2/open", &second, (OWN, both, now)).await, told(200, "taken"), "{language}");
    let signed = sender.front.last.lock().unwrap().clone().unwrap().0;
    assert_eq!(signed["webhook-signature"].to_str().unwrap().split(' ').count(), 2);
    let (new, old) = (sender.secret(2), sender.secret(1));
    sender.front.kit.lock().unwrap().with(&format!("{new} {old}"));
    let third = warning("MKH-2025-000003.1", 30, "Actual");
    let newer = Generations { newest: 2, older_until: None };
    assert_eq!(sender.send("3/open", &third, (OWN, newer, now)).await, told(200, "taken"), "{language}");
    // What is no warning now is told from one.
    let history = json!({ "type": "history", "timestamp": instant(-600), "data": { "message": first.to_string() } });
    let test = json!({ "type": "subscriber.test", "data": { "note": "a test" } });
    let later = json!({ "type": "warning.issued.beta", "data": { "status": "Exercise" } });
    let unknown = json!({ "type": "weather.joke", "data": {} });
    let over = warning("MKH-2025-000004.1", -1, "Actual");
    let drill = warning("MKH-2025-000005.1", 30, "Exercise");
    for (key, body, words) in [
        ("history/1/open", &history, "history"),
        ("subscriber.test/7/x", &test, "a test"),
        ("4/open", &over, "over"),
        ("5/open", &drill, "a drill"),
        ("6/open", &later, "a drill"),
        ("7/open", &unknown, "nothing to do"),
    ] {
        assert_eq!(sender.send(key, body, own).await, told(200, words), "{language} {key}");
    }
    let acted = sender.front.kit.lock().unwrap().acted();
    let expected = [1, 2, 3].map(|number| format!("warning.issued MKH-2025-00000{number}.1"));
    assert_eq!(acted, expected, "{language}: each once, and nothing else");
}

macro_rules! receivers {
    ($($name:ident: $language:literal by $program:literal;)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            check($language, $program).await;
        })+

        #[test]
        fn every_receiver_that_is_printed_is_tried_here() {
            let listed = run(&mut nadhir(["webhook", "example"])).stdout;
            let tried: HashMap<&str, &str> = HashMap::from([$(($language, $program)),+]);
            let languages: Vec<&str> = listed.lines().skip(1).map_while(|line| line.split_whitespace().next()).collect();
            assert!(languages.len() == tried.len() && languages.iter().all(|one| tried.contains_key(one)), "{listed}");
        }
    };
}

receivers! {
    the_receiver_in_python_takes_what_is_ours_once_and_nothing_else: "python" by "python3";
    the_receiver_in_javascript_takes_what_is_ours_once_and_nothing_else: "javascript" by "node";
    the_receiver_in_php_takes_what_is_ours_once_and_nothing_else: "php" by "php";
    the_receiver_in_ruby_takes_what_is_ours_once_and_nothing_else: "ruby" by "ruby";
    the_receiver_in_perl_takes_what_is_ours_once_and_nothing_else: "perl" by "perl";
}
