//! An app on telephones, by Firebase: who is told, how often a token is asked for, and what happens when some topics have a message and
//! others do not.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nadhir::sink::{Parcel, Receipt, SendError, Sink, World};
use serde_json::{Value, json};

use super::receiver::{Receiver, Request};
use super::services::Meaning::{Later, Never, Unknown};
use super::services::Service;
use super::{at, parcel, read};

const TAKEN: &str = "200 OK\r\n\r\n{\"name\":\"projects/makkah-app/messages/6820470346471348593\"}";

/// The key of a service account, made for these tests; it opens nothing. Tokens are given at `{tokens}`.
const FIREBASE_ACCOUNT: &str = "{\"type\":\"service_account\",\"project_id\":\"makkah-app\",\"private_key_id\":\"0a1b2c\",\
    \"private_key\":\"-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC5xAUUDcsQ6q4XPA4eMPrFaX3oO+f5JXwP4y0JWmlo0e4uGJzBgZW18Vx5fmyoxV82vcq5sV/ZAHA8RBSfLy5UjSDgabUx7bScj9nD8SXbS/Xb5IJCxJFJg5VBhY4kSJfGgKbQq09H727VhXGRhKj947SO0Gx4DcGcVz1FRy4Z73abWhczOY44sACA/Fv9vCl6Ow+NS32rQF6qtX+hSCXG8Z+EgMEXzBnHkTl4+HXbqESzVRn9QWHNU6kyY139DXr0IbU1mcSGe6XtLpYqzS1XCDA5FZwDGbR+ot1PhVO6oBaFCYBJhkVP/D26llWjz8ZD2p+PWEIwAL63UgHUfTeXAgMBAAECggEAHltxWwLFXbku2Z7Xox5s9KgrH7GefzbIIePa6cLhI/SJNaDnCQZaBqwak8N8Z/jXzknQtcIjQC0+qifpWM7XMDu0lN0hc7cn7fKMwI+0GIoUHlWm5div8hwIiaG/hfVo/ChCWn+29TH5t6IBhP7GtmAo6F0YxLu2w+D2eHpL3IfgBm6A/A6tO/j1rMGuxy2O+CFMW4OZ8wkFeJM2SPpnK7lofxvsehOTLfwxbkJVbF72P1jGYRLY/puMSjofNUFrlFO1w/943rsIMWCm5n0dn/+nXr7XSVfqB/rCk0yZDkXCjnnoQCgfoqz7pF9cxApu+PLwLbBdsNyTBh/3sUyt8QKBgQDfJERb2mplnBGXDAeTLXtTxM4a7NJtFjqpMyk+OPUyf4eDi/m1G0m9Q9mNR7+J2yulZ9u9J9eexdVXGTMXCQ7MQJh6+460pyalWr1XYnNbDS63IOJh8kKPgeOh847shnoA4Z4N+SAKQ3kS6ApeaTK2YDcS+vJK8RNEZ6fuZ7eiUQKBgQDVHswn1Jai6cw9K790le/rMXcYR3Ezk8SgydGL47hbOiyWw/VLauvRBIHgWKsaehbmKR7dCt0GlsTDGDHZLicE5wxzPzqATfVtRjj4Zms2W1UCHEdOB1Brsx4zxL4I5HnCDQuNnCz6tcbLQbRtOtDgRdHWuHikH+5D7S7f9XEZZwKBgD01XI75nb/bjLOrOBS2ICM9U+/s0FfeBh9Nil2oEBJXCxwZdFiqcJK7HtzzNmYhOZq4n30Ghc3mpHuszOffszBx86GgiWeihiZLeq6SsePi/NJ88bw+UOW+kmtlPOpChQri2JEqqhBGq9p0zgtRvfhq8hCBx56o/EkCSf1KdAPRAoGBAMfOlvMk0ZGthok3MclZJVUozBJcMJp9iJSCgk4X0mjdMp6q25e4h5wwEJ/IIaqyGjPxC3mLTMt3oMOUNG/8YCKth7Oo7O0LqfSoKJNiWlPc7ucKoiNaoiBHDyLT6qKlqi2vU0yRxm3K7LT1RfY+dUQ+0UvxKVIeiaDvhsn77+wzAoGADhjgm0ZFA8jVCe82iQi7Isp6ZRFJTN/COMd5Bv+ysXKgsHyecVVx9xBLmZHhhsspgG+9zKeQTS5q38DUctt6CxghmuPmOO0o22WpJfgLrlujP3Rbq5O50nQG05wc0ZKC3A9O+heIFwt0N4Ivz/x7b+w+kclMGHs3ZcKVKH/Gig8=\\n-----END PRIVATE KEY-----\\n\",\
    \"client_email\":\"nadhir@makkah-app.iam.gserviceaccount.com\",\"token_uri\":\"{tokens}/token\"}";

/// A token that [`FIREBASE_ACCOUNT`] is given.
const FIREBASE_TOKEN: &str =
    "200 OK\r\n\r\n{\"access_token\":\"ya29.not-a-token-of-anybody\",\"expires_in\":3599,\"token_type\":\"Bearer\"}";

/// What Firebase answers.
pub(super) const FCM: Service = Service {
    kind: "fcm",
    settings: "account = { file = \"secret\" }\ntopic = \"makkah-{governorate}\"\napi = \"{base}\"\n",
    files: &[("secret", FIREBASE_ACCOUNT)],
    hushed: &["not-a-token-of-anybody", "47SO0Gx4DcGcVz1FRy4Z73abWhczOY"],
    taken: "200 OK\r\n\r\n{\"name\":\"projects/makkah-app/messages/6820470346471348593\"}",
    receipt: "1 topic messages",
    is_known_by_words: true,
    answers: &[
        (
            "400 Bad Request\r\n\r\n{\"error\":{\"code\":400,\"message\":\"Request contains an invalid argument.\",\"status\":\"INVALID_ARGUMENT\",\"details\":[{\"@type\":\"type.googleapis.com/google.firebase.fcm.v1.FcmError\",\"errorCode\":\"INVALID_ARGUMENT\"}]}}",
            Never,
            "will never take this message",
        ),
        (
            "400 Bad Request\r\n\r\n{\"error\":{\"code\":400,\"message\":\"Invalid topic name.\",\"status\":\"INVALID_ARGUMENT\"}}",
            Later(None),
            "see `topic` in the channel's table",
        ),
        (
            "401 Unauthorized\r\n\r\n{\"error\":{\"code\":401,\"message\":\"Request had invalid authentication credentials.\",\"status\":\"UNAUTHENTICATED\"}}",
            Later(None),
            "that the clock is right",
        ),
        (
            "401 Unauthorized\r\n\r\n{\"error\":{\"code\":401,\"message\":\"Auth error from APNS or Web Push Service\",\"status\":\"UNAUTHENTICATED\",\"details\":[{\"@type\":\"type.googleapis.com/google.firebase.fcm.v1.FcmError\",\"errorCode\":\"THIRD_PARTY_AUTH_ERROR\"}]}}",
            Later(None),
            "put the key of Apple's push service",
        ),
        (
            "403 Forbidden\r\n\r\n{\"error\":{\"code\":403,\"message\":\"Permission denied\",\"status\":\"PERMISSION_DENIED\"}}",
            Later(None),
            "let the account send",
        ),
        (
            "403 Forbidden\r\n\r\n{\"error\":{\"code\":403,\"message\":\"SenderId mismatch\",\"status\":\"PERMISSION_DENIED\",\"details\":[{\"@type\":\"type.googleapis.com/google.firebase.fcm.v1.FcmError\",\"errorCode\":\"SENDER_ID_MISMATCH\"}]}}",
            Later(None),
            "belongs to the project of the app",
        ),
        (
            "404 Not Found\r\n\r\n{\"error\":{\"code\":404,\"message\":\"Requested entity was not found.\",\"status\":\"NOT_FOUND\",\"details\":[{\"@type\":\"type.googleapis.com/google.firebase.fcm.v1.FcmError\",\"errorCode\":\"UNREGISTERED\"}]}}",
            Later(None),
            "still exists",
        ),
        (
            "429 Too Many Requests\r\n\r\n{\"error\":{\"code\":429,\"message\":\"Topic quota exceeded.\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"type.googleapis.com/google.firebase.fcm.v1.FcmError\",\"errorCode\":\"QUOTA_EXCEEDED\"}]}}",
            Later(Some(60)),
            "asked to wait 1min",
        ),
        (
            "500 Internal Server Error\r\n\r\n{\"error\":{\"code\":500,\"message\":\"Internal error encountered.\",\"status\":\"INTERNAL\"}}",
            Later(None),
            "Internal error",
        ),
        (
            "503 Service Unavailable\r\nretry-after: 30\r\n\r\n{\"error\":{\"code\":503,\"message\":\"The service is currently unavailable.\",\"status\":\"UNAVAILABLE\"}}",
            Later(Some(30)),
            "asked to wait 30s",
        ),
        ("200 OK\r\n\r\n{\"name\":\"x\"}", Unknown, "did not answer as Firebase does"),
    ],
    well: &[("404 Not Found", "HEAD / ")],
    unwell: &[],
    longest: None,
};

/// Where whoever asks is given a token, for all tests. It runs beside them: their clocks stand still at times.
pub(super) fn tokens() -> &'static str {
    static BASE: OnceLock<String> = OnceLock::new();
    BASE.get_or_init(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let (mut line, mut len) = (String::new(), 0);
                while line != "\r\n" {
                    line.clear();
                    assert_ne!(stream.read_line(&mut line).unwrap(), 0, "the request broke off");
                    if let Some(told) = line.strip_prefix("content-length: ") {
                        len = told.trim().parse().unwrap();
                    }
                }
                std::io::copy(&mut stream.by_ref().take(len), &mut std::io::sink()).unwrap();
                let (head, body) = FIREBASE_TOKEN.split_once("\r\n\r\n").unwrap();
                let answer =
                    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        base
    })
}

/// A channel whose tokens come from one address and whose messages go to another.
fn open(tokens: &str, base: &str, topic: &str, dir: &Path) -> Arc<dyn Sink> {
    std::fs::write(dir.join("account.json"), FIREBASE_ACCOUNT.replace("{tokens}", tokens)).unwrap();
    let text = format!("account = {{ file = \"account.json\" }}\ntopic = \"{topic}\"\napi = \"{base}\"\n");
    read("fcm", &text).open(&World::new(dir.to_owned()).unwrap()).unwrap()
}

/// A warning in so many places.
fn told(places: usize, short: &str, attempt: u32) -> Parcel {
    let areas: Value = (1..=places).map(|place| json!({ "id": format!("place-{place}") })).collect();
    let text = |short: &str| json!({ "headline": "long", "body": "longer", "short": short });
    let data = json!({
        "number": "MKH-2025-000012", "edition": 3, "change": "raised", "hazard": "rain", "severity": "red",
        "areas": areas, "left": [], "text": { "ar": text(short), "en": text("Red warning\nStay away") },
    });
    Parcel { body: json!({ "type": "warning.raised", "data": data }).to_string().into(), ..parcel(attempt) }
}

/// Whom a request tells, and in which words.
fn said(request: &Request) -> String {
    assert_eq!(request.line, "POST /v1/projects/makkah-app/messages:send HTTP/1.1");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let message = &body["message"];
    let to = message["topic"].as_str().or(message["condition"].as_str()).unwrap();
    format!("{to}: {}", message["notification"]["title"].as_str().unwrap())
}

#[tokio::test]
async fn topics_that_have_a_message_do_not_get_it_again_and_the_others_do() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(&[TAKEN, "503 Service Unavailable", TAKEN, TAKEN, TAKEN]).await;
    let base = receiver.base.clone();
    let topic = "w-{governorate}-{language}";
    let first = open(tokens(), &base, topic, dir.path()).send(&told(6, "سيول\nابتعدوا", 1)).await;
    let Err(SendError::Unknown { why }) = first else { panic!("{first:?}") };
    assert!(why.starts_with("1 of 4 topic messages do not have it yet; the last: "), "{why}");
    // Opened anew, as after a restart.
    let Receipt(receipt) = open(tokens(), &base, topic, dir.path()).send(&told(6, "سيول\nابتعدوا", 2)).await.unwrap();
    assert_eq!(receipt, "4 topic messages");
    let mut told = Vec::new();
    for _ in 0..5 {
        told.push(said(&receiver.next().await));
    }
    let retried = told.pop().unwrap();
    assert!(told.contains(&retried), "the one that failed is tried again");
    told.sort();
    let five = |tag: &str| {
        let each: Vec<String> = (1..=5).map(|place| format!("'w-place-{place}-{tag}' in topics")).collect();
        each.join(" || ")
    };
    let all = [
        format!("{}: سيول", five("ar")),
        format!("{}: Red warning", five("en")),
        "w-place-6-ar: سيول".to_owned(),
        "w-place-6-en: Red warning".to_owned(),
    ];
    assert_eq!(told, all, "and each was told once");
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_again_when_it_ends_or_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refused = "401 Unauthorized\r\n\r\n{\"error\":{\"status\":\"UNAUTHENTICATED\"}}";
    let answers = [FIREBASE_TOKEN, TAKEN, TAKEN, FIREBASE_TOKEN, refused, FIREBASE_TOKEN, TAKEN];
    let mut receiver = Receiver::start(&answers).await;
    let sink = open(&receiver.base, &receiver.base, "w-{governorate}", dir.path());
    // A token of 3599 s is used until five minutes before its end.
    for (second, is_taken) in [(0, true), (3298, true), (3299, false), (3300, true)] {
        // Another message each time: what is done is not sent again.
        let key = second.to_string();
        let sent = sink.send(&Parcel { key, now: at(second), expires: at(9999), ..told(1, "سيول", 1) }).await;
        assert_eq!(sent.is_ok(), is_taken, "{second}: {sent:?}");
    }
    let mut asked = Vec::new();
    for _ in &answers {
        let request = receiver.next().await;
        asked.push(request.line.starts_with("POST /token "));
    }
    assert_eq!(asked, [true, false, false, true, false, true, false]);
}

#[tokio::test]
async fn the_word_that_asks_for_a_token_is_short_lived_and_for_messages_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(&[FIREBASE_TOKEN, TAKEN]).await;
    open(&receiver.base, &receiver.base, "w-{governorate}", dir.path()).send(&told(1, "سيول", 1)).await.unwrap();
    let body = String::from_utf8(receiver.next().await.body).unwrap();
    let form: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    assert_eq!(form[0], ("grant_type".to_owned(), "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()));
    let parts: Vec<Vec<u8>> = form[1].1.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    let (head, claims): (Value, Value) =
        (serde_json::from_slice(&parts[0]).unwrap(), serde_json::from_slice(&parts[1]).unwrap());
    assert_eq!(head, json!({ "alg": "RS256", "typ": "JWT", "kid": "0a1b2c" }));
    assert_eq!(
        claims,
        json!({
            "iss": "nadhir@makkah-app.iam.gserviceaccount.com", "aud": format!("{}/token", receiver.base),
            "scope": "https://www.googleapis.com/auth/firebase.messaging",
            "iat": at(1).timestamp(), "exp": at(601).timestamp(),
        })
    );
    let account: Value = serde_json::from_str(FIREBASE_ACCOUNT).unwrap();
    let pem: String = account["private_key"].as_str().unwrap().lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(pem).unwrap();
    let pair = ring::signature::RsaKeyPair::from_pkcs8(&der).unwrap();
    let public = ring::signature::UnparsedPublicKey::new(
        &ring::signature::RSA_PKCS1_2048_8192_SHA256,
        ring::signature::KeyPair::public_key(&pair),
    );
    let (signed, _) = form[1].1.rsplit_once('.').unwrap();
    public.verify(signed.as_bytes(), &parts[2]).unwrap();
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_it_is_tried_again() {
    let answers = [
        (
            "400 Bad Request\r\n\r\n{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT Signature.\"}",
            "Invalid JWT",
        ),
        ("200 OK\r\n\r\n{\"id_token\":\"ya29.not-a-token-of-anybody\"}", "did not answer as Google does"),
        ("200 OK\r\n\r\n{\"access_token\":\"ya29.not-a-token-of-anybody\\n\",\"expires_in\":-1}", "cannot be reached"),
        ("301 Moved Permanently\r\nlocation: /elsewhere", "redirects are not followed"),
        ("410 Gone", "gave no token"),
        ("close", "the answer did not come whole"),
        ("echo", "no such thing"),
    ];
    for (answer, words) in answers {
        let dir = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(&[answer]).await;
        let sink = open(&receiver.base, "http://127.0.0.1:9", "w-{governorate}", dir.path());
        let sent = sink.send(&told(1, "سيول", 1)).await;
        let Err(SendError::Later { why, .. }) = sent else { panic!("{answer}: {sent:?}") };
        assert!(why.contains(words), "{answer}: {why}");
        assert!(!why.contains("not-a-token") && !why.contains("eyJ"), "{why}");
    }
}

#[tokio::test]
async fn no_topic_gets_half_a_warning_and_no_place_is_never_every_place() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(&[TAKEN]).await;
    let sink = open(tokens(), &receiver.base, "w-{governorate}-{language}", dir.path());
    for (parcel, words) in [
        (told(1, &"ت".repeat(1100), 1), "never cut"),
        (told(0, "سيول", 1), "no place is never every place"),
        (Parcel { body: "سيول".into(), ..parcel(1) }, "not of the form `json`"),
    ] {
        let sent = sink.send(&parcel).await;
        let Err(SendError::Never { why }) = sent else { panic!("{sent:?}") };
        assert!(why.contains(words) && receiver.is_idle(), "{why}");
    }
}

#[tokio::test]
async fn a_telephone_that_comes_back_late_is_not_told_what_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(&[TAKEN]).await;
    let sink = open(tokens(), &receiver.base, "w-{governorate}", dir.path());
    sink.send(&Parcel { now: at(0), expires: at(600), ..told(1, "سيول", 1) }).await.unwrap();
    let body: Value = serde_json::from_slice(&receiver.next().await.body).unwrap();
    let message = &body["message"];
    assert_eq!(message["android"]["ttl"], "600s");
    assert_eq!(message["apns"]["headers"]["apns-expiration"], at(600).timestamp().to_string());
    assert_eq!(message["webpush"]["headers"]["TTL"], "600");
    assert_eq!(
        message["notification"]["body"], "Red warning\nStay away",
        "all languages in one, without a topic of its own"
    );
}
