//! Web Push against push services on loopback, one for each browser: each is told once, whoever is gone is taken out, and what was not told
//! is told at the next try and nothing else.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nadhir::hazard::Severity;
use nadhir::message::Form;
use nadhir::sink::{Parcel, Receipt, SendError, Sink, World};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::receiver::Receiver;
use super::services::Meaning::{self, Later, Never, Taken, Unknown};
use super::{at, parcel, read};

const TEXT: &str = "إنذار أحمر: سيول في محافظة جدة\n\nRed warning: floods in Jeddah\n";

/// A secret part of the address of each browser.
const HUSHED: &str = "hunter2-Browser_address";

fn text(attempt: u32) -> Parcel {
    Parcel { body: TEXT.into(), content_type: "text/plain; charset=utf-8".to_owned(), ..parcel(attempt) }
}

/// A channel in a directory of its own.
struct Channel {
    dir: TempDir,
    public: Vec<u8>,
}

impl Channel {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        let public = pair.public_key().as_ref().to_vec();
        // Where the private key lies in what ring writes.
        let private = &document.as_ref()[36..68];
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let keys = format!("public_key = {}\nprivate_key = \"{}\"\n", encode(&public), encode(private));
        std::fs::write(dir.path().join("vapid"), keys).unwrap();
        Self { dir, public }
    }

    fn open(&self, more: &str) -> Arc<dyn Sink> {
        let keys = "keys = { file = \"vapid\" }\ncontact = \"mailto:w@example.sa\"\nsubscriptions = \"subs.jsonl\"\n";
        let opener = read("webpush", &format!("{keys}{more}"));
        assert!(opener.form() == Form::Push && !opener.takes(Form::Json) && !opener.takes(Form::Cap));
        opener.open(&World::new(self.dir.path().to_owned()).unwrap()).unwrap()
    }

    /// The channel as tests open it, anew each time: nothing is remembered but in files.
    fn sink(&self) -> Arc<dyn Sink> {
        self.open("allow_private = true\ntimeout = \"2s\"\n")
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("subs.jsonl")
    }

    fn subscribe(&self, endpoints: &[String]) {
        let lines: Vec<String> = endpoints.iter().map(|endpoint| subscription(endpoint) + "\n").collect();
        std::fs::write(self.path(), lines.concat()).unwrap();
    }

    fn subscribed(&self) -> usize {
        std::fs::read_to_string(self.path()).unwrap().lines().count()
    }
}

/// What a browser gives.
fn subscription(endpoint: &str) -> String {
    let own = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
    let key = URL_SAFE_NO_PAD.encode(own.compute_public_key().unwrap());
    json!({ "endpoint": endpoint, "expirationTime": null, "keys": { "p256dh": key, "auth": URL_SAFE_NO_PAD.encode([7; 16]) } }).to_string()
}

fn endpoint(receiver: &Receiver) -> String {
    format!("{}/push/v2/{HUSHED}", receiver.base)
}

#[track_caller]
fn check(what: &str, sent: Result<Receipt, SendError>, expected: Meaning, words: &str) {
    let (meaning, said) = match sent {
        Ok(Receipt(receipt)) => (Taken, receipt),
        Err(SendError::Later { why, retry_after }) => (Later(retry_after.map(|wait| wait.num_seconds())), why),
        Err(SendError::Never { why }) => (Never, why),
        Err(SendError::Unknown { why }) => (Unknown, why),
    };
    assert_eq!(meaning, expected, "{what}: {said}");
    assert!(said.contains(words), "{what}: {said}");
    assert!(!said.contains(HUSHED), "{said}");
}

#[tokio::test]
async fn a_browser_gets_what_only_it_can_read_from_one_who_says_who_he_is() {
    let channel = Channel::new();
    let mut receiver = Receiver::start(&["201 Created", "201 Created"]).await;
    channel.subscribe(&[endpoint(&receiver)]);
    let sink = channel.sink();
    assert_eq!(sink.probe().await, Ok(()));
    check("first", sink.send(&text(1)).await, Taken, "1 browsers");
    let request = receiver.next().await;
    assert_eq!(request.line, format!("POST /push/v2/{HUSHED} HTTP/1.1"));
    let header = |name: &str| request.headers[name].to_str().unwrap();
    assert_eq!(
        (header("content-encoding"), header("urgency"), header("topic")),
        ("aes128gcm", "high", "MKH-2025-000012")
    );
    assert_eq!(header("ttl"), "3599");
    assert_eq!(request.body.len(), 86 + TEXT.trim_end().len() + 17);
    assert_eq!((&request.body[16..20], request.body[20]), (&[0, 0, 16, 0][..], 65));
    assert!(!request.body.windows(8).any(|window| window == b"floods i"));
    // RFC 8292, section 2.
    let (token, key) = header("authorization").strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(key).unwrap(), channel.public);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &channel.public).verify(signed.as_bytes(), &signature).unwrap();
    let part = |place| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(signed.split('.').nth(place).unwrap()).unwrap()).unwrap()
    };
    assert_eq!(part(0), json!({ "typ": "JWT", "alg": "ES256" }));
    let claims = part(1);
    assert_eq!((&claims["aud"], &claims["sub"]), (&json!(receiver.base), &json!("mailto:w@example.sa")));
    assert_eq!(claims["exp"], at(1).timestamp() + 12 * 3600);
    let mild = Parcel { key: "another".to_owned(), loudness: Severity::Advisory, ..text(1) };
    sink.send(&mild).await.unwrap();
    assert_eq!(receiver.next().await.headers["urgency"], "low");
}

#[tokio::test]
async fn each_answer_of_a_push_service_is_understood() {
    let table = [
        ("201 Created", Taken, "1 browsers"),
        ("202 Accepted", Taken, "1 browsers"),
        ("400 Bad Request", Later(None), "see that `keys` are those with which the page subscribes"),
        ("401 Unauthorized", Later(None), "and that the clock is right"),
        ("403 Forbidden\r\n\r\nthe VAPID credentials do not correspond", Later(None), "do not correspond"),
        ("404 Not Found", Taken, "0 browsers"),
        ("410 Gone", Taken, "0 browsers"),
        ("413 Payload Too Large", Never, "will never take this message"),
        ("429 Too Many Requests\r\nretry-after: 60", Later(Some(60)), "asked to wait 1min"),
        ("500 Internal Server Error", Later(None), "answered 500"),
        ("503 Service Unavailable\r\nretry-after: 7", Later(Some(7)), "1 of 1 browsers do not have it yet"),
        ("301 Moved Permanently\r\nlocation: /elsewhere", Never, "redirects are not followed"),
        ("close", Unknown, "may have taken the message"),
        ("break", Unknown, "may have taken the message"),
        ("hang", Unknown, "did not answer in 2 s"),
        ("echo", Taken, "0 browsers"),
        ("flood", Taken, "1 browsers"),
    ];
    for (answer, meaning, words) in table {
        let channel = Channel::new();
        let receiver = Receiver::start(&[answer]).await;
        channel.subscribe(&[endpoint(&receiver)]);
        check(answer, channel.sink().send(&text(1)).await, meaning, words);
        let is_gone = ["404", "410", "echo"].iter().any(|gone| answer.starts_with(gone));
        assert_eq!(channel.subscribed(), usize::from(!is_gone), "{answer}");
    }
    let channel = Channel::new();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    channel.subscribe(&[format!("http://{nobody}/{HUSHED}")]);
    check("nobody", channel.sink().send(&text(1)).await, Later(None), "cannot be reached");
}

#[tokio::test]
async fn who_has_a_message_does_not_get_it_again_and_the_others_do() {
    let channel = Channel::new();
    let (mut well, mut ill) = (
        Receiver::start(&["201 Created"; 2]).await,
        Receiver::start(&["503 Service Unavailable", "201 Created"]).await,
    );
    let gone = Receiver::start(&["410 Gone"]).await;
    channel.subscribe(&[endpoint(&well), endpoint(&ill), endpoint(&gone)]);
    // Some were told: nobody may say that it did not arrive.
    check("first", channel.sink().send(&text(1)).await, Unknown, "1 of 2 browsers do not have it yet");
    assert_eq!(channel.subscribed(), 2);
    well.next().await;
    ill.next().await;
    // Opened anew, as after a restart, with a line torn off in the middle.
    let progress = channel.dir.path().join("subs.jsonl.progress");
    let kept = std::fs::read_to_string(&progress).unwrap();
    std::fs::write(&progress, format!("{kept}{{\"key\":\"to")).unwrap();
    check("second", channel.sink().send(&text(2)).await, Taken, "2 browsers");
    ill.next().await;
    assert!(well.is_idle());
    // It ended before that was settled: what is done is done.
    check("third", channel.sink().send(&text(3)).await, Taken, "2 browsers");
    assert!(well.is_idle() && ill.is_idle());
    // The next message is another one.
    let next = Parcel { key: "another".to_owned(), ..text(1) };
    check("next", channel.sink().send(&next).await, Unknown, "1 of 2 browsers");
    well.next().await;
}

#[tokio::test]
async fn a_service_that_asks_to_wait_is_left_alone_by_all_that_go_there() {
    let channel = Channel::new();
    let mut receiver = Receiver::start(&["429 Too Many Requests\r\nretry-after: 60", "201 Created"]).await;
    channel.subscribe(&[endpoint(&receiver)]);
    let sink = channel.sink();
    check("first", sink.send(&text(1)).await, Later(Some(60)), "asked to wait");
    receiver.next().await;
    check("too soon", sink.send(&text(2)).await, Later(Some(59)), "asked to wait");
    assert!(receiver.is_idle());
    let later = Parcel { now: at(90), ..text(3) };
    check("later", sink.send(&later).await, Taken, "1 browsers");
}

#[tokio::test]
async fn a_line_that_cannot_be_read_or_leads_into_the_house_is_passed_over_and_stays() {
    let channel = Channel::new();
    let gone = Receiver::start(&["410 Gone"]).await;
    let inside =
        ["http://127.0.0.1:9/x", "https://127.0.0.1/x", "https://localhost/x", "https://[::1]/x", "https://intranet/x"];
    let lines: Vec<String> =
        inside.iter().map(|endpoint| subscription(endpoint)).chain(["no json".to_owned(), "{}".to_owned()]).collect();
    std::fs::write(channel.path(), lines.join("\n")).unwrap();
    // As it is opened for the public.
    check("inside", channel.open("").send(&text(1)).await, Taken, "0 browsers, 7 lines not read");
    std::fs::write(channel.path(), format!("no json\n{}\nno end", subscription(&endpoint(&gone)))).unwrap();
    check("gone", channel.sink().send(&Parcel { key: "2".to_owned(), ..text(1) }).await, Taken, "0 browsers, 2 lines");
    assert_eq!(std::fs::read_to_string(channel.path()).unwrap(), "no json\nno end");
    std::fs::remove_file(channel.path()).unwrap();
    check("nobody", channel.sink().send(&Parcel { key: "3".to_owned(), ..text(1) }).await, Taken, "0 browsers");
}

#[tokio::test]
async fn a_text_is_sealed_whole_or_not_at_all_and_keys_are_never_shown() {
    let channel = Channel::new();
    let receiver = Receiver::start(&["201 Created"]).await;
    channel.subscribe(&[endpoint(&receiver)]);
    let long = |len: usize| Parcel { body: "x".repeat(len).into(), key: len.to_string(), ..text(1) };
    check("too long", channel.sink().send(&long(3994)).await, Never, "never cut");
    assert!(receiver.is_idle());
    check("longest", channel.sink().send(&long(3993)).await, Taken, "1 browsers");
    assert!(Form::Push.budget().unwrap().limit <= 3993);
    for (keys, words) in [
        ("public_key = AAAA\n", "`private_key` is missing"),
        ("public_key = AAAA\nprivate_key = hunter2!\n", "not base64url"),
        ("public_key = AAAA\nprivate_key = hunter2x\n", "no key pair"),
    ] {
        std::fs::write(channel.dir.path().join("vapid"), keys).unwrap();
        let settings =
            "keys = { file = \"vapid\" }\ncontact = \"mailto:w@example.sa\"\nsubscriptions = \"subs.jsonl\"\n";
        let why = read("webpush", settings).open(&World::new(channel.dir.path().to_owned()).unwrap()).err().unwrap();
        assert!(why.contains(words) && !why.contains("hunter2"), "{why}");
    }
}
