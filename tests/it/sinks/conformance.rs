//! What every sink that speaks HTTP promises, held against each service in `services`: one table for all, and each one's own.

use std::sync::{Arc, Mutex};

use nadhir::hazard::Severity;
use nadhir::message::Form;
use nadhir::sink::{KINDS, Opener, Parcel, Receipt, SendError, Sink, World};
use nadhir::time::TimeDelta;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::firebase::tokens;
use super::receiver::Receiver;
use super::services::{Meaning, SERVICES, Service};
use super::{at, parcel, read};

/// The text of a bulletin with whatever a chat could take for a mark, a mention or a link.
const TEXT: &str = "تحذير أحمر: أمطار غزيرة على جدة <!channel> & more\n\n- *Red* _warning_ #1 for @everyone ~now~ `x` [a](b)\n> 1. see https://desk.example/a_b_c?x=1&y=*2* > stay home\n";

/// A bulletin as the form `json` has it.
const BULLETIN: &str = r#"{"type":"warning.raised","timestamp":"2025-12-08T22:00:00Z","data":{"id":"MKH-2025-000012.3","number":"MKH-2025-000012","edition":3,"replaces":["MKH-2025-000012.2"],"change":"raised","status":"Actual","hazard":"rain","severity":"red","was":"orange","areas":[{"id":"jeddah"}],"left":[{"id":"taif"}],"onset":"2025-12-08T22:00:00Z","until":"2025-12-09T03:00:00Z","text":{"ar":{"headline":"تحذير أحمر","body":"أمطار غزيرة على جدة"},"en":{"headline":"Red warning","body":"Heavy rain in Jeddah"}}}}"#;

fn parcel_for(form: Form, attempt: u32) -> Parcel {
    match form {
        Form::Json | Form::Cap => Parcel { body: BULLETIN.into(), ..parcel(attempt) },
        Form::Post | Form::Sms => Parcel {
            body: body_of(form, TEXT.trim_end()).into(),
            content_type: "application/json".to_owned(),
            ..parcel(attempt)
        },
        Form::Text | Form::Chat | Form::Push | Form::Broadcast => {
            Parcel { body: TEXT.into(), content_type: "text/plain; charset=utf-8".to_owned(), ..parcel(attempt) }
        }
    }
}

/// A text as the body of a form.
fn body_of(form: Form, text: &str) -> String {
    match form {
        Form::Text | Form::Json | Form::Cap | Form::Chat | Form::Push => text.to_owned(),
        Form::Post | Form::Sms | Form::Broadcast => {
            serde_json::json!({ "parts": [{ "language": "ar", "text": text }] }).to_string()
        }
    }
}

/// A channel of a service that listens at an address, its files in a directory that lives as long.
struct Channel {
    sink: Arc<dyn Sink>,
    form: Form,
    _dir: TempDir,
}

impl Service {
    fn opener(&self, base: &str) -> Arc<dyn Opener> {
        read(self.kind, &self.settings.replace("{base}", base))
    }

    fn open(&self, base: &str) -> Channel {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in self.files {
            std::fs::write(dir.path().join(name), text.replace("{base}", base).replace("{tokens}", tokens())).unwrap();
        }
        let opener = self.opener(base);
        self.check_words(&format!("{opener:?}"));
        let sink = opener.open(&World::new(dir.path().to_owned()).unwrap()).unwrap();
        Channel { sink, form: opener.form(), _dir: dir }
    }

    fn check_words(&self, said: &str) {
        for hushed in self.hushed {
            assert!(!said.contains(hushed), "{}: a secret is told: {said}", self.kind);
        }
    }

    /// What its sink makes of an answer.
    async fn sent(&self, answer: &str) -> Result<Receipt, SendError> {
        let receiver = Receiver::start(&[answer]).await;
        let channel = self.open(&receiver.base);
        let sent = channel.sink.send(&parcel_for(channel.form, 1)).await;
        self.check_words(&format!("{sent:?}"));
        sent
    }

    async fn check(&self, answer: &str, expected: Meaning, words: &str) {
        let sent = self.sent(answer).await;
        let (meaning, said) = match &sent {
            Ok(Receipt(receipt)) => (Meaning::Taken, receipt),
            Err(SendError::Later { why, retry_after }) => {
                (Meaning::Later(retry_after.map(|wait| wait.num_seconds())), why)
            }
            Err(SendError::Never { why }) => (Meaning::Never, why),
            Err(SendError::Unknown { why }) => (Meaning::Unknown, why),
        };
        assert_eq!(meaning, expected, "{}: {answer}: {said}", self.kind);
        assert!(said.contains(words), "{}: {answer}: {said}", self.kind);
    }
}

#[test]
fn every_sink_of_the_web_is_held_to_its_promises() {
    // Email has a table of its own in `mail`, programs have theirs in `exec`, CAP as files in `cap`, MQTT in `mqtt`, and many browsers in `webpush`.
    // Bluesky asks for a session first and is held to the same in `bluesky`; who sends to many is in `subscribers`. An SMS centre is spoken
    // to where that is built in: `smpp`.
    let offline =
        ["bluesky", "console", "file", "email", "exec", "cap", "mqtt", "smpp", "subscribers", "webpush", "websub"];
    let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).filter(|name| !offline.contains(name)).collect();
    let mut held: Vec<&str> = SERVICES.iter().map(|service| service.kind).collect();
    held.sort_by_key(|name| known.iter().position(|other| other == name));
    // Text messages go through several gateways.
    held.dedup();
    assert_eq!(held, known);
}

#[tokio::test]
async fn what_is_taken_gives_a_receipt() {
    for service in SERVICES {
        assert_eq!(service.sent(service.taken).await, Ok(Receipt(service.receipt.to_owned())), "{}", service.kind);
    }
}

#[tokio::test]
async fn each_service_is_understood_in_its_own_words() {
    for service in SERVICES {
        for (answer, meaning, words) in service.answers {
            service.check(answer, *meaning, words).await;
        }
    }
}

#[tokio::test]
async fn a_receiver_that_moved_or_is_gone_is_not_asked_again() {
    for service in SERVICES {
        for moved in
            ["301 Moved Permanently\r\nlocation: /new?token=hunter2", "307 Temporary Redirect", "304 Not Modified"]
        {
            service.check(moved, Meaning::Never, "redirects are not followed").await;
        }
        service.check("410 Gone", Meaning::Never, "wants no more messages").await;
    }
}

#[tokio::test]
async fn a_refusal_that_someone_may_set_right_is_tried_again() {
    let statuses = [
        "400 Bad Request",
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "408 Request Timeout",
        "409 Conflict",
        "425 Too Early",
        "500 Internal Server Error",
        "502 Bad Gateway",
        "503 Service Unavailable",
    ];
    for service in SERVICES {
        for status in statuses {
            let (number, _) = status.split_once(' ').unwrap();
            service.check(status, Meaning::Later(None), &format!(" answered {number} ")).await;
        }
    }
}

#[tokio::test]
async fn a_wait_that_is_asked_for_is_passed_on() {
    for service in SERVICES {
        for asked in ["120", "Tue, 09 Dec 2025 00:02:01 GMT"] {
            for status in ["429 Too Many Requests", "503 Service Unavailable"] {
                let answer = format!("{status}\r\nretry-after: {asked}");
                service.check(&answer, Meaning::Later(Some(120)), "asked to wait 2min").await;
            }
        }
        let answer = "429 Too Many Requests\r\nretry-after: 99999999999999999999";
        let day = TimeDelta::days(1).num_seconds();
        service.check(answer, Meaning::Later(Some(day)), "asked to wait").await;
        let past = "503 Service Unavailable\r\nretry-after: Mon, 08 Dec 2025 00:02:00 GMT";
        service.check(past, Meaning::Later(Some(0)), "asked to wait").await;
    }
}

#[tokio::test]
async fn what_may_have_arrived_is_never_called_not_sent() {
    for service in SERVICES {
        for broken in ["close", "break"] {
            service.check(broken, Meaning::Unknown, "may have taken the message").await;
        }
        if service.is_known_by_words {
            let strange = "200 OK\r\ncontent-type: text/html\r\n\r\n<html>Please log in to the network</html>";
            service.check(strange, Meaning::Unknown, "may have taken the message").await;
        }
    }
}

#[tokio::test]
async fn an_answer_without_end_is_read_to_a_limit() {
    for service in SERVICES {
        let flooded = service.sent("flood").await;
        let said = match flooded {
            Ok(Receipt(receipt)) if !service.is_known_by_words => receipt,
            Err(SendError::Unknown { why }) if service.is_known_by_words => why,
            other => panic!("{}: {other:?}", service.kind),
        };
        assert!(said.len() < 300, "{said}");
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_is_left_in_time_and_is_not_known() {
    for service in SERVICES {
        for answer in ["hang", "stall"] {
            let mut receiver = Receiver::start(&[answer]).await;
            let channel = service.open(&receiver.base);
            let (sink, first) = (Arc::clone(&channel.sink), parcel_for(channel.form, 1));
            let sending = tokio::spawn(async move { sink.send(&first).await });
            receiver.next().await;
            // From here on nothing moves but the clock.
            tokio::time::pause();
            let sent = sending.await.unwrap();
            tokio::time::resume();
            match sent {
                // Its status had said that it took the message.
                Ok(Receipt(receipt)) => {
                    assert!(
                        answer == "stall"
                            && !service.is_known_by_words
                            && (receipt.starts_with("200 OK") || receipt == service.receipt),
                        "{receipt}"
                    );
                }
                Err(SendError::Unknown { why }) if answer == "hang" => assert!(why.contains("in 15 s"), "{why}"),
                Err(SendError::Unknown { why }) => assert!(service.is_known_by_words, "{}: {why}", service.kind),
                other => panic!("{}: {answer}: {other:?}", service.kind),
            }
        }
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    for service in SERVICES {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let channel = service.open(&base);
        let refused = channel.sink.send(&parcel_for(channel.form, 1)).await;
        let Err(SendError::Later { why, retry_after: None }) = refused else { panic!("{refused:?}") };
        assert!(why.contains("cannot be reached"), "{why}");
        let probed = channel.sink.probe().await.unwrap_err();
        assert!(probed.contains("cannot be reached"), "{probed}");
        service.check_words(&format!("{why} {probed}"));
    }
}

#[tokio::test]
async fn a_receiver_that_does_not_speak_tls_gets_nothing() {
    for service in SERVICES {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("https://{}", listener.local_addr().unwrap());
        let greeted = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&greeted);
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = vec![0; 4096];
            let len = stream.read(&mut bytes).await.unwrap();
            heard.lock().unwrap().extend_from_slice(&bytes[..len]);
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        });
        let channel = service.open(&base);
        let sent = channel.sink.send(&parcel_for(channel.form, 1)).await;
        assert!(matches!(sent, Err(SendError::Later { .. })), "{}: {sent:?}", service.kind);
        let heard = String::from_utf8_lossy(&greeted.lock().unwrap()).into_owned();
        assert!(!heard.is_empty() && !heard.contains("MKH-2025") && !heard.contains("Red"), "{heard}");
        service.check_words(&heard);
    }
}

/// A body without how long it is still good for, where the service is told no moment but a span: that alone is another at every try.
fn without_time_left(kind: &str, body: Vec<u8>) -> Vec<u8> {
    if kind != "fcm" {
        return body;
    }
    let mut told: serde_json::Value = serde_json::from_slice(&body).unwrap();
    for place in ["/message/android/ttl", "/message/webpush/headers/TTL"] {
        assert!(std::mem::take(told.pointer_mut(place).unwrap()).is_string());
    }
    told.to_string().into_bytes()
}

#[tokio::test]
async fn every_try_asks_the_same_with_the_same_bytes() {
    for service in SERVICES {
        let back = service.read_back();
        let answers = [&["500 Oops"], back, &["close"], back, &[service.taken]].concat();
        let mut receiver = Receiver::start(&answers).await;
        let mut first = None;
        for attempt in 1..=3 {
            // Opened anew: nothing is remembered between the tries.
            let channel = service.open(&receiver.base);
            let sent = channel.sink.send(&parcel_for(channel.form, attempt)).await;
            assert_eq!(sent.is_ok(), attempt == 3, "{}: {sent:?}", service.kind);
            for _ in back.iter().filter(|_| 1 < attempt) {
                let asked = receiver.next().await;
                assert!(asked.line.starts_with("GET /") && asked.body.is_empty(), "{}", asked.line);
            }
            let request = receiver.next().await;
            assert!(request.line.starts_with("POST /"), "{}", request.line);
            assert!(request.headers["user-agent"].to_str().unwrap().starts_with("nadhir/"));
            let told = (request.line, without_time_left(service.kind, request.body));
            assert_eq!(first.get_or_insert_with(|| told.clone()), &told, "{}: try {attempt}", service.kind);
        }
    }
}

#[tokio::test]
async fn no_secret_comes_back_from_one_who_repeats_what_he_was_asked() {
    for service in SERVICES {
        service.check("echo", Meaning::Later(None), "no such thing").await;
        let receiver = Receiver::start(&["echo"]).await;
        let probed = service.open(&receiver.base).sink.probe().await;
        service.check_words(&format!("{probed:?}"));
    }
}

#[tokio::test]
async fn a_probe_sends_no_message() {
    for service in SERVICES {
        let answers: Vec<&str> = service.well.iter().map(|(answer, _)| *answer).collect();
        let mut receiver = Receiver::start(&answers).await;
        assert_eq!(service.open(&receiver.base).sink.probe().await, Ok(()), "{}", service.kind);
        for (_, line) in service.well {
            let request = receiver.next().await;
            assert!(request.line.starts_with(line), "{}", request.line);
            assert!(request.body.is_empty());
        }
        for (answer, words) in service.unwell {
            let receiver = Receiver::start(&[answer]).await;
            let probed = service.open(&receiver.base).sink.probe().await.unwrap_err();
            assert!(probed.contains(words), "{}: {probed}", service.kind);
            service.check_words(&probed);
        }
    }
}

#[tokio::test]
async fn a_text_is_sent_whole_or_not_at_all() {
    for service in SERVICES {
        let Some((letter, longest)) = service.longest else { continue };
        for (extra, is_sent) in [("", true), ("x", false)] {
            let mut receiver = Receiver::start(&[service.taken]).await;
            let channel = service.open(&receiver.base);
            let body = body_of(channel.form, &format!("{}{extra}", letter.to_string().repeat(longest)));
            let sent = channel.sink.send(&Parcel { body: body.into(), ..parcel_for(channel.form, 1) }).await;
            if is_sent {
                assert!(sent.is_ok(), "{}: {sent:?}", service.kind);
                let told = String::from_utf8(receiver.next().await.body).unwrap();
                assert_eq!(told.matches(letter).count(), longest, "{}", service.kind);
            } else {
                let Err(SendError::Never { why }) = sent else { panic!("{}: {sent:?}", service.kind) };
                assert!(why.contains("never cut") && receiver.is_idle(), "{why}");
            }
        }
    }
}

#[tokio::test]
async fn people_read_every_language_of_a_short_form_and_nothing_for_machines() {
    for service in SERVICES.iter().filter(|service| service.longest.is_some()) {
        let mut receiver = Receiver::start(&[service.taken]).await;
        let channel = service.open(&receiver.base);
        // Posts and text messages go out each for itself; their own stories tell of them.
        if matches!(channel.form, Form::Post | Form::Sms) {
            continue;
        }
        let send = async |content_type: &str, body: &str| {
            let (body, content_type) = (body.into(), content_type.to_owned());
            channel.sink.send(&Parcel { body, content_type, ..parcel_for(channel.form, 1) }).await
        };
        let refused = send("application/json", r#"{"number":"MKH-2025-000012"}"#).await;
        let Err(SendError::Never { why }) = refused else { panic!("{}: {refused:?}", service.kind) };
        assert!(why.contains("take `form` out") && receiver.is_idle(), "{why}");
        let parts =
            r#"{"parts":[{"language":"ar","text":"سيول\nابتعدوا"},{"language":"en","text":"Floods\nStay away"}]}"#;
        send("application/vnd.nadhir.parts+json", parts).await.unwrap();
        let told = String::from_utf8(receiver.next().await.body).unwrap();
        assert!(["سيول", "ابتعدوا", "Floods", "Stay away"].iter().all(|line| told.contains(line)), "{told}");
        assert!(!told.contains("parts") && !told.contains("\"language\""), "{told}");
    }
}

#[test]
fn a_channel_without_its_secret_does_not_open() {
    for service in SERVICES {
        let dir = tempfile::tempdir().unwrap();
        let world = World::new(dir.path().to_owned()).unwrap();
        let opener = service.opener("https://desk.example");
        let open = || opener.open(&world).err().unwrap();
        assert!(open().contains("secret cannot be read"), "{}: {}", service.kind, open());
        std::fs::write(dir.path().join("secret"), "hunter2 \u{1}is wrong").unwrap();
        let why = open();
        assert!(why.contains("secret") && !why.contains("hunter2"), "{}: {why}", service.kind);
    }
}

/// A header without what is another at every try: the nonce of OAuth, and the signature over it.
fn without_chance(header: &str) -> String {
    let masked = |pair: &str| match pair.split_once('=') {
        Some((name @ ("oauth_nonce" | "oauth_signature"), _)) => format!("{name}=…"),
        _ => pair.to_owned(),
    };
    header.split(", ").map(masked).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn each_service_is_asked_in_its_own_way() {
    let mut told = String::new();
    for service in SERVICES {
        for loudness in [Severity::Red, Severity::Advisory] {
            let mut receiver = Receiver::start(&[service.taken]).await;
            let channel = service.open(&receiver.base);
            let parcel = Parcel { loudness, now: at(0), ..parcel_for(channel.form, 1) };
            channel.sink.send(&parcel).await.unwrap();
            let request = receiver.next().await;
            let body = String::from_utf8(request.body).unwrap();
            let pretty = serde_json::from_str::<serde_json::Value>(&body);
            let pretty = pretty.map_or_else(|_| body.clone(), |json| serde_json::to_string_pretty(&json).unwrap());
            told.push_str(&format!("### {} ({})\n{}\n", service.kind, loudness.name(), request.line));
            for name in ["content-type", "authorization", "webhook-id", "idempotency-key"] {
                if let Some(value) = request.headers.get(name) {
                    told.push_str(&format!("{name}: {}\n", without_chance(value.to_str().unwrap())));
                }
            }
            told.push_str(&format!("\n{pretty}\n\n"));
        }
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("sinks", told));
}
