//! What the sink `email` promises, held against a real mail server, whose letters are read as mail programs read them, and against
//! one that refuses, hangs and breaks off wherever it can.

use std::sync::Arc;

use mail_parser::{Message, MessageParser, MimeHeaders};
use nadhir::hazard::Severity;
use nadhir::ids::BulletinId;
use nadhir::message::Form;
use nadhir::sink::{Parcel, Receipt, SendError, Sink, World};
use tempfile::TempDir;

use super::postoffice::{CLOSE, Exim, HANG, Scripted};
use super::{at, read};

const AR: &str = "رفع درجة الإنذار الآلي إلى اللون الأحمر: أمطار غزيرة على محافظة جدة";
const AR_BODY: &str = "سُجّلت أمطار (محطة \u{2068}OEJN\u{2069}).\n\nخطر شديد على الأرواح: الزموا الأماكن الآمنة.";
const EN: &str = "Automated warning raised to red: heavy rain in Jeddah Governorate";
const EN_BODY: &str = "Measured: 51 mm <b>& more</b>.\n\nDanger to life: stay in a safe place.\n.\n.. a line of dots";

/// A bulletin's edition on the channel `desk`.
pub(super) fn edition(edition: u32, attempt: u32, order: &str) -> Parcel {
    let bulletin = BulletinId::new("MKH-2025-000012", edition);
    let body = serde_json::json!({ "type": "warning.raised", "timestamp": "2025-12-09T00:05:00Z", "data": {
        "id": bulletin, "number": "MKH-2025-000012", "edition": edition, "change": "raised", "status": "Actual",
        "hazard": "rain", "severity": "red",
        "text": { "ar": { "headline": AR, "body": AR_BODY }, "en": { "headline": EN, "body": EN_BODY } },
    } });
    Parcel {
        key: format!("{bulletin}/json/{order}/desk"),
        bulletin,
        attempt,
        body: body.to_string().into(),
        content_type: "application/json".to_owned(),
        loudness: Severity::Red,
        now: at(i64::from(attempt)),
        expires: at(3600),
        pictures: Vec::new(),
        corrects: None,
        asks: None,
    }
}

/// A channel whose password lies in a directory that lives as long.
fn channel(settings: &str) -> (Arc<dyn Sink>, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (open(settings, &dir), dir)
}

/// The same in a directory that is there already, as after a start anew.
fn open(settings: &str, dir: &TempDir) -> Arc<dyn Sink> {
    std::fs::write(dir.path().join("password"), "hunter2\n").unwrap();
    let login = "user = \"nadhir\"\npassword = { file = \"password\" }\nfrom = \"نذير مكة <nadhir@example.sa>\"\n";
    let opener = read("email", &format!("{settings}\n{login}"));
    assert_eq!(opener.form(), Form::Json);
    assert!(!format!("{opener:?}").contains("hunter2"));
    opener.open(&World::new(dir.path().to_owned()).unwrap()).unwrap()
}

fn to_exim(exim: &Exim, more: &str) -> (Arc<dyn Sink>, TempDir) {
    let ca = exim.authority().display().to_string();
    channel(&format!("server = \"localhost\"\nca = \"{ca}\"\n{more}"))
}

fn header<'a>(letter: &'a Message<'a>, name: &'a str) -> &'a str {
    letter.header_raw(name).unwrap_or_else(|| panic!("no {name}")).trim()
}

#[tokio::test]
async fn a_letter_arrives_whole_in_both_languages_and_under_one_name() {
    let exim = Exim::start();
    let settings = format!(
        "port = {}\nto = [\"a@example.sa\", \"nobody@example.sa\", \"b@example.org\"]\nreply_to = \"desk@example.sa\"\n\
         unsubscribe = [\"mailto:leave@example.sa\", \"https://example.sa/leave\"]",
        exim.port
    );
    for attempt in 1..=2 {
        // In a directory of its own, where nobody remembers the first try.
        let (sink, _dir) = to_exim(&exim, &settings);
        assert_eq!(sink.probe().await, Ok(()));
        let Receipt(receipt) = sink.send(&edition(3, attempt, "ar+en")).await.unwrap();
        assert!(receipt.starts_with("250 ") && receipt.ends_with("1 of 3 recipients refused (550)"), "{receipt}");
        assert!(!receipt.contains('@'), "{receipt}");
    }
    let letters = exim.letters(4);
    let letters: Vec<Message<'_>> =
        letters.iter().map(|letter| MessageParser::default().parse(letter).unwrap()).collect();
    assert_eq!(letters.len(), 4);
    let mut reached: Vec<&str> = letters.iter().map(|letter| header(letter, "Envelope-to")).collect();
    reached.sort_unstable();
    assert_eq!(reached, ["a@example.sa", "a@example.sa", "b@example.org", "b@example.org"]);
    for letter in &letters {
        assert_eq!(letter.message_id(), letters[0].message_id());
        assert_eq!(letter.subject(), Some(AR));
        let from = letter.from().unwrap().first().unwrap();
        assert_eq!((from.name(), from.address()), (Some("نذير مكة"), Some("nadhir@example.sa")));
        assert_eq!(header(letter, "To"), "undisclosed-recipients:;");
        assert!(letter.bcc().is_none() && letter.cc().is_none());
        assert_eq!(letter.reply_to().unwrap().first().unwrap().address(), Some("desk@example.sa"));
        assert_eq!(header(letter, "Auto-Submitted"), "auto-generated");
        assert_eq!((header(letter, "Importance"), header(letter, "X-Priority")), ("high", "1"));
        assert_eq!(header(letter, "List-Id"), "<desk.nadhir.example.sa>");
        let leave = header(letter, "List-Unsubscribe").split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(leave, "<mailto:leave@example.sa>, <https://example.sa/leave>");
        // One address of the web cannot say who of several leaves.
        assert!(letter.header_raw("List-Unsubscribe-Post").is_none());
        assert!([at(1), at(2)].map(|time| time.timestamp()).contains(&letter.date().unwrap().to_timestamp()));
        assert_eq!(letter.content_type().unwrap().subtype(), Some("alternative"));
        let text = letter.body_text(0).unwrap().replace("\r\n", "\n");
        assert_eq!(text, format!("{AR}\n\n{AR_BODY}\n\n――――――――――\n\n{EN}\n\n{EN_BODY}\n"));
        let page = letter.body_html(0).unwrap();
        assert!(page.contains("dir=\"rtl\" lang=\"ar\"") && page.contains("dir=\"ltr\" lang=\"en\""), "{page}");
        assert!(page.contains(">أحمر<") && page.contains(">Red<") && page.contains("(محطة <bdi>OEJN</bdi>)"), "{page}");
        assert!(page.contains("51 mm &lt;b&gt;&amp; more&lt;/b&gt;") && !page.contains("<img"), "{page}");
        for part in [letter.text_part(0).unwrap(), letter.html_part(0).unwrap()] {
            assert_eq!(part.content_type().unwrap().attribute("charset"), Some("utf-8"));
        }
        assert!(letter.raw_message().is_ascii());
    }
}

#[tokio::test]
async fn the_editions_of_a_warning_are_one_thread_and_begin_with_the_channels_language() {
    let exim = Exim::start();
    let (sink, _dir) = to_exim(
        &exim,
        &format!(
            "security = \"tls\"\nport = {}\nto = [\"a@example.sa\"]\nunsubscribe = [\"https://example.sa/leave?a\"]",
            exim.tls_port
        ),
    );
    assert_eq!(sink.probe().await, Ok(()));
    for number in [1, 3] {
        sink.send(&edition(number, 1, "en+ar")).await.unwrap();
    }
    let letters = exim.letters(2);
    let mut letters: Vec<Message<'_>> =
        letters.iter().map(|letter| MessageParser::default().parse(letter).unwrap()).collect();
    letters.sort_by_key(|letter| letter.header_raw("References").is_some());
    let (first, third) = (&letters[0], &letters[1]);
    assert!(first.header_raw("In-Reply-To").is_none() && first.header_raw("References").is_none());
    let name = header(first, "Message-ID");
    assert!(name.starts_with("<MKH-2025-000012.1.") && name.ends_with("@example.sa>"), "{name}");
    assert_eq!((header(third, "In-Reply-To"), header(third, "References")), (name, name));
    assert_eq!(third.subject(), Some(EN));
    assert!(third.body_text(0).unwrap().starts_with(EN));
    assert_eq!(header(third, "List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
}

#[tokio::test]
async fn nothing_is_said_to_a_server_that_cannot_be_trusted_or_does_not_know_us() {
    let exim = Exim::start();
    let to = format!("port = {}\nto = [\"a@example.sa\"]", exim.port);
    let (sink, _dir) = channel(&format!("server = \"localhost\"\n{to}"));
    let why = sink.send(&edition(1, 1, "ar+en")).await.unwrap_err();
    assert!(matches!(&why, SendError::Later { why, .. } if why.contains("certificate")), "{why:?}");
    assert!(sink.probe().await.unwrap_err().contains("certificate"));
    let (sink, dir) = to_exim(&exim, &to);
    drop(sink);
    let ca = exim.authority().display().to_string();
    std::fs::write(dir.path().join("password"), "wrong-but-secret").unwrap();
    let opener = read(
        "email",
        &format!(
            "server = \"localhost\"\nca = \"{ca}\"\n{to}\nuser = \"nadhir\"\npassword = {{ file = \"password\" }}\n\
             from = \"nadhir@example.sa\"\n"
        ),
    );
    let sink = opener.open(&World::new(dir.path().to_owned()).unwrap()).unwrap();
    let why = sink.send(&edition(1, 1, "ar+en")).await.unwrap_err();
    assert!(
        matches!(&why, SendError::Later { why, .. } if why.contains("answered 535") && why.contains("password in file password")),
        "{why:?}"
    );
    assert!(!why.to_string().contains("wrong-but-secret"));
}

/// What a failure is taken for.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Taken,
    Later,
    Never,
    Unknown,
}

use Meaning::{Later, Never, Taken, Unknown};

/// What a server says at which step, what that means, and words that must be told.
type Case = (&'static [(&'static str, &'static str)], Meaning, &'static str);

/// Every bad answer at every step; the letter goes to two people.
const CASES: &[Case] = &[
    (&[], Taken, "250 fine"),
    (&[("GREETING", "421 4.3.2 not now")], Later, "answered 421 4.3.2 not now"),
    (&[("GREETING", "554 no service here")], Later, "answered 554"),
    (&[("GREETING", CLOSE)], Later, "failed"),
    (&[("GREETING", "HTTP/1.1 400 Bad Request")], Later, "failed"),
    (&[("EHLO", "250 mail.example.sa")], Later, "it must offer AUTH PLAIN or LOGIN"),
    (&[("AUTH", "454 4.7.0 later")], Later, "answered 454"),
    (
        &[("AUTH", "535 5.7.8 not nadhir, hunter2 AG5hZGhpcgBodW50ZXIy")],
        Later,
        "see `user` and the password in file password",
    ),
    (&[("MAIL", "451 4.3.0 busy")], Later, "answered 451"),
    (&[("MAIL", "550 5.7.60 not allowed to send as nadhir@example.sa")], Later, "send from `from`"),
    (&[("MAIL", "552 5.3.4 too big")], Never, "will never take this message"),
    (
        &[("RCPT", "450 4.2.1 busy"), ("RCPT", "550 5.1.1 <b@example.sa> unknown")],
        Later,
        "2 of 2 recipients refused (450, 550)",
    ),
    (
        &[("RCPT", "550 5.1.1 <a@example.sa> unknown"), ("RCPT", "550 no")],
        Later,
        "2 of 2 recipients refused (550); see the addresses in `to`",
    ),
    (&[("RCPT", "550 5.1.1 <a@example.sa> unknown")], Taken, "1 of 2 recipients refused (550)"),
    (&[("RCPT", "450 4.2.1 <a@example.sa> busy")], Unknown, "1 of 2 recipients do not have it yet (450)"),
    (&[("RCPT", "552 too many recipients"), ("RCPT", "552 full")], Later, "2 of 2 recipients refused (552)"),
    (&[("RCPT", CLOSE)], Later, "has not taken the message"),
    (&[("DATA", "451 4.3.0 busy")], Later, "answered 451"),
    (&[("DATA", "554 5.5.1 no valid recipients")], Later, "answered 554"),
    (&[("DATA", CLOSE)], Later, "has not taken the message"),
    (&[("BODY", "451 4.7.1 greylisted")], Later, "answered 451 4.7.1 greylisted"),
    (&[("BODY", "554 5.6.0 content rejected")], Never, "will never take this message"),
    (&[("BODY", "554 transaction failed")], Never, "answered 554 transaction failed"),
    (&[("BODY", "550 5.7.26 not authenticated by SPF or DKIM")], Later, "answered 550 5.7.26"),
    (&[("BODY", "552 5.2.2 mailbox of a@example.sa full")], Later, "answered 552 5.2.2"),
    (&[("BODY", CLOSE)], Unknown, "may have taken the message"),
    // Without a text behind its number an answer is not understood, and the letter may be there.
    (&[("BODY", "250")], Unknown, "may have taken the message"),
    (&[("QUIT", CLOSE)], Taken, "250 fine"),
];

async fn in_the_open(server: &Scripted, more: &str) -> (Arc<dyn Sink>, TempDir) {
    let port = server.port;
    channel(&format!("server = \"127.0.0.1\"\nport = {port}\nto = [\"a@example.sa\", \"b@example.sa\"]\n{more}"))
}

#[tokio::test]
async fn every_answer_of_a_mail_server_means_what_it_says() {
    for (script, expected, words) in CASES {
        let server = Scripted::start(script).await;
        let (sink, _dir) = in_the_open(&server, "security = \"none\"").await;
        let (meaning, said) = match sink.send(&edition(1, 1, "ar+en")).await {
            Ok(Receipt(receipt)) => (Taken, receipt),
            Err(SendError::Later { why, .. }) => (Later, why),
            Err(SendError::Never { why }) => (Never, why),
            Err(SendError::Unknown { why }) => (Unknown, why),
        };
        assert_eq!(&meaning, expected, "{script:?}: {said}");
        assert!(said.contains(words), "{script:?}: {said}");
        for hushed in ["hunter2", "AG5hZGhpcgBodW50ZXIy", "@"] {
            assert!(!said.contains(hushed), "{script:?}: {said}");
        }
    }
}

#[tokio::test]
async fn a_server_without_tls_hears_neither_a_password_nor_a_letter() {
    let server = Scripted::start(&[]).await;
    let (sink, _dir) = in_the_open(&server, "security = \"starttls\"").await;
    let why = sink.send(&edition(1, 1, "ar+en")).await.unwrap_err();
    assert!(matches!(&why, SendError::Later { why, .. } if why.contains("offers no STARTTLS")), "{why:?}");
    assert!(sink.probe().await.unwrap_err().contains("offers no STARTTLS"));
    let heard = server.heard();
    assert!(heard.iter().all(|line| line.starts_with("EHLO ") || line == "QUIT"), "{heard:?}");
}

#[tokio::test]
async fn a_server_that_hangs_is_left_in_time_and_called_unknown_only_after_the_letters_end() {
    for (step, expected) in [("GREETING", Later), ("RCPT", Later), ("DATA", Later), ("BODY", Unknown)] {
        let server = Scripted::start(match step {
            "GREETING" => &[("GREETING", HANG)],
            "RCPT" => &[("RCPT", HANG)],
            "DATA" => &[("DATA", HANG)],
            _ => &[("BODY", HANG)],
        })
        .await;
        let (sink, _dir) = in_the_open(&server, "security = \"none\"\ntimeout = \"1s\"").await;
        let meaning = match sink.send(&edition(1, 1, "ar+en")).await.unwrap_err() {
            SendError::Later { why, .. } if why.contains("in 1 s; it has not taken") => Later,
            SendError::Unknown { why } if why.contains("in 1 s; it may have taken") => Unknown,
            other => panic!("{step}: {other:?}"),
        };
        assert_eq!(meaning, expected, "{step}");
    }
}

#[tokio::test]
async fn a_probe_goes_as_far_as_a_letter_and_sends_none() {
    let server = Scripted::start(&[]).await;
    let (sink, _dir) = in_the_open(&server, "security = \"none\"").await;
    assert_eq!(sink.probe().await, Ok(()));
    let words: Vec<String> =
        server.heard().iter().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(words, ["EHLO", "AUTH", "NOOP", "QUIT"]);
}

#[tokio::test]
async fn what_no_letter_can_be_made_of_is_not_sent() {
    let server = Scripted::start(&[]).await;
    let (sink, _dir) = in_the_open(&server, "security = \"none\"").await;
    for body in ["plain text", "{}", "{\"data\":{\"text\":{}}}"] {
        let parcel = Parcel { body: body.into(), ..edition(1, 1, "ar+en") };
        assert!(matches!(sink.send(&parcel).await, Err(SendError::Never { .. })), "{body}");
    }
    assert_eq!(server.heard(), Vec::<String>::new());
}

/// The letter that a scripted server heard, as it was before dots were doubled for the way.
fn letter_heard(server: &Scripted) -> Vec<u8> {
    let heard = server.heard();
    let begin = heard.iter().position(|line| line == "DATA").unwrap() + 1;
    let lines = heard.iter().skip(begin).take_while(|line| *line != ".");
    lines.map(|line| format!("{}\r\n", line.strip_prefix('.').unwrap_or(line))).collect::<String>().into_bytes()
}

/// The letter that a message becomes.
pub(super) async fn written(parcel: &Parcel) -> Vec<u8> {
    let server = Scripted::start(&[]).await;
    let (sink, _dir) = in_the_open(&server, "security = \"none\"").await;
    sink.send(parcel).await.unwrap();
    letter_heard(&server)
}

/// Bulletins as they are really told, from the golden file of the JSON form, and an exercise and an end made of the first.
#[tokio::test]
async fn what_people_read_in_a_mail_program() {
    let golden = include_str!("../../golden/json.snap");
    let bodies: Vec<&str> = golden.lines().filter(|line| line.starts_with('{')).collect();
    let exercise = bodies[0].replace("\"Actual\"", "\"Exercise\"");
    let expired = bodies[0].replace("\"change\":\"raised\"", "\"change\":\"expired\"");
    let mut told = String::new();
    for body in [bodies[0], bodies[1], &exercise, &expired] {
        let server = Scripted::start(&[]).await;
        let (sink, _dir) = in_the_open(&server, "security = \"none\"").await;
        sink.send(&Parcel { body: body.into(), ..edition(3, 1, "ar+en") }).await.unwrap();
        let bytes = letter_heard(&server);
        let letter = MessageParser::default().parse(&bytes).unwrap();
        let (text, page) = (letter.body_text(0).unwrap(), letter.body_html(0).unwrap());
        told.push_str(&format!("### {}\n\n{text}\n{page}\n", letter.subject().unwrap()).replace("\r\n", "\n"));
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("email", told));
}

/// A channel to three people at a scripted server.
fn to_three(server: &Scripted, dir: &TempDir) -> Arc<dyn Sink> {
    let to = "to = [\"a@example.sa\", \"b@example.sa\", \"c@example.sa\"]";
    open(&format!("server = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\n{to}", server.port), dir)
}

fn unknown(sent: Result<Receipt, SendError>) -> String {
    let Err(SendError::Unknown { why }) = sent else { panic!("{sent:?}") };
    assert!(!why.contains('@'), "{why}");
    why
}

/// `b` is put off and `c` refused.
const ONE_OF_EACH: &[(&str, &str)] =
    &[("RCPT TO:<b@", "451 4.7.1 <b@example.sa> greylisted"), ("RCPT TO:<c@", "550 5.1.1 <c@example.sa> unknown")];

#[tokio::test]
async fn who_was_put_off_beside_others_is_tried_again_without_them() {
    let server = Scripted::by_turns(&[ONE_OF_EACH, &[("GREETING", "421 4.3.2 not now")], ONE_OF_EACH, &[]]).await;
    let dir = tempfile::tempdir().unwrap();
    let sink = to_three(&server, &dir);
    let why = unknown(sink.send(&edition(1, 1, "ar+en")).await);
    assert_eq!(why, "1 of 3 recipients do not have it yet (451); 1 of 3 recipients refused (550)");
    // Two have it or never will: what goes wrong now is no longer called not sent.
    let why = unknown(sink.send(&edition(1, 2, "ar+en")).await);
    assert!(why.starts_with("1 of 3 recipients do not have it yet; 1 of 3 recipients refused; "), "{why}");
    let why = unknown(sink.send(&edition(1, 3, "ar+en")).await);
    assert!(why.contains("1 of 3 recipients do not have it yet (451)") && why.contains("greylisted"), "{why}");
    let taken = sink.send(&edition(1, 4, "ar+en")).await;
    assert_eq!(taken, Ok(Receipt("250 fine; 1 of 3 recipients refused".to_owned())));
    // The one that was greeted with 421 was asked for nothing.
    assert_eq!(server.asked_for(), ["abc", "b", "b"]);
    // Another message goes to all of them.
    sink.send(&edition(2, 1, "ar+en")).await.unwrap();
    assert_eq!(server.asked_for().last().unwrap(), "abc");
}

#[tokio::test]
async fn who_has_a_letter_is_remembered_over_a_restart_and_by_no_address() {
    let (before, after) = (Scripted::start(ONE_OF_EACH).await, Scripted::start(&[]).await);
    let dir = tempfile::tempdir().unwrap();
    unknown(to_three(&before, &dir).send(&edition(1, 1, "ar+en")).await);
    // A channel that stands alone has no name.
    let kept = std::fs::read_to_string(dir.path().join(".progress")).unwrap();
    assert!(kept.contains("told") && !kept.contains('@') && !kept.contains("example"), "{kept}");
    assert!(to_three(&after, &dir).send(&edition(1, 2, "ar+en")).await.is_ok());
    // It ended once more, before that was settled: nobody gets it again.
    let taken = to_three(&after, &dir).send(&edition(1, 3, "ar+en")).await;
    assert_eq!(taken, Ok(Receipt("2 of 3 recipients have it; 1 of 3 recipients refused".to_owned())));
    assert_eq!((before.asked_for(), after.asked_for()), (vec!["abc".to_owned()], vec!["b".to_owned()]));
}

#[tokio::test]
async fn those_who_are_too_many_for_one_letter_get_another_at_once() {
    const ONE_EACH: &[(&str, &str)] =
        &[("RCPT", "250 fine"), ("RCPT", "452 4.5.3 too many recipients"), ("RCPT", "452 4.5.3 too many recipients")];
    let server = Scripted::start(ONE_EACH).await;
    let dir = tempfile::tempdir().unwrap();
    let taken = to_three(&server, &dir).send(&edition(1, 1, "ar+en")).await;
    assert_eq!(taken, Ok(Receipt("250 fine".to_owned())));
    assert_eq!(server.asked_for(), ["abc", "bc", "c"]);
    // A server that takes nobody more is not asked without end.
    let full: &[(&str, &str)] = &[("RCPT", "452 4.3.1 no room"), ("RCPT", "452 4.3.1 no room")];
    let server = Scripted::by_turns(&[ONE_EACH, full]).await;
    let why = unknown(to_three(&server, &dir).send(&edition(2, 1, "ar+en")).await);
    assert!(why.starts_with("2 of 3 recipients do not have it yet (452)"), "{why}");
    assert_eq!(server.asked_for(), ["abc", "bc"]);
}

#[tokio::test]
async fn a_real_server_that_puts_one_off_gives_each_one_letter() {
    let exim = Exim::start();
    let to = "to = [\"a@example.sa\", \"busy@example.sa\", \"nobody@example.sa\"]";
    let (sink, _dir) = to_exim(&exim, &format!("port = {}\n{to}", exim.port));
    let why = unknown(sink.send(&edition(3, 1, "ar+en")).await);
    assert_eq!(why, "1 of 3 recipients do not have it yet (451); 1 of 3 recipients refused (550)");
    exim.make_room();
    let Receipt(receipt) = sink.send(&edition(3, 2, "ar+en")).await.unwrap();
    assert!(receipt.starts_with("250 ") && receipt.ends_with("; 1 of 3 recipients refused"), "{receipt}");
    let letters = exim.letters(2);
    let letters: Vec<Message<'_>> =
        letters.iter().map(|letter| MessageParser::default().parse(letter).unwrap()).collect();
    let mut reached: Vec<&str> = letters.iter().map(|letter| header(letter, "Envelope-to")).collect();
    reached.sort_unstable();
    assert_eq!(reached, ["a@example.sa", "busy@example.sa"]);
    assert_eq!(letters[0].message_id(), letters[1].message_id());
}
