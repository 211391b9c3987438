//! What the sink `smpp` promises, held against an SMS centre on loopback that refuses, is silent and breaks off wherever it can.

use std::sync::Arc;

use nadhir::message::Form;
use nadhir::sink::{Parcel, Receipt, SendError, Sink, World};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rusmpp::CommandId;
use rustls::pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::services::Meaning::{self, Later, Never, Taken, Unknown};
use super::smsc::{Does, Smsc, TAKES};
use super::{parcel, read};

use Does::{Answers, AnswersAfterNext, AnswersLoosely, AsksFirst, Babbles, Dies, HangsUp, IsSilent, Nacks, Unbinds};

/// A message in Arabic alone.
fn arabic(text: &str, attempt: u32) -> Parcel {
    let body = serde_json::json!({ "parts": [{ "language": "ar", "text": text }] });
    Parcel { body: body.to_string().into(), ..parcel(attempt) }
}

/// A channel whose password lies in a directory that lives as long, for one telephone.
fn channel(port: u16, more: &str) -> (Arc<dyn Sink>, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let sink = open(port, &format!("to = [\"+966500000001\"]\n{more}"), &dir);
    (sink, dir)
}

/// The same in a directory that is there already, as after a start anew.
fn open(port: u16, more: &str, dir: &TempDir) -> Arc<dyn Sink> {
    std::fs::write(dir.path().join("password"), "hunter2\n").unwrap();
    let security = if more.contains("security") { "" } else { "server = \"127.0.0.1\"\nsecurity = \"none\"\n" };
    let settings = format!(
        "{security}port = {port}\nsystem_id = \"nadhir\"\npassword = {{ file = \"password\" }}\nfrom = \"MAKKAH\"\n{more}\n"
    );
    let opener = read("smpp", &settings);
    assert_eq!((opener.form(), opener.lacks()), (Form::Sms, None));
    let shown = format!("{opener:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("9665"), "{shown}");
    opener.open(&World::new(dir.path().to_owned()).unwrap()).unwrap()
}

/// What came of a try, and its words, in which nothing stands that is nobody's business.
fn meant(sent: &Result<Receipt, SendError>) -> (Meaning, &str) {
    let (meaning, said) = match sent {
        Ok(Receipt(receipt)) => (Taken, receipt),
        Err(SendError::Later { why, retry_after }) => (Later(retry_after.map(|wait| wait.num_seconds())), why),
        Err(SendError::Never { why }) => (Never, why),
        Err(SendError::Unknown { why }) => (Unknown, why),
    };
    for hushed in ["hunter2", "9665", "سيول"] {
        assert!(!said.contains(hushed), "{said}");
    }
    (meaning, said)
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[tokio::test]
async fn a_message_goes_out_octet_for_octet_as_smpp_has_it() {
    let smsc = Smsc::start(&[], &[]).await;
    let (sink, _dir) = channel(smsc.port, "system_type = \"ALERT\"");
    assert_eq!(sink.send(&arabic("سيول", 1)).await, Ok(Receipt("1 text messages".to_owned())));
    assert_eq!(smsc.heard(), [CommandId::BindTransmitter, CommandId::SubmitSm, CommandId::Unbind]);
    let [bind] = &smsc.octets(CommandId::BindTransmitter)[..] else { panic!() };
    let expected = [
        "00000029 00000002 00000000 00000001",
        "6e616468697200",   // system_id: nadhir
        "68756e7465723200", // password: hunter2
        "414c45525400",     // system_type: ALERT
        "34 00 00 00",      // version 3.4; of no address
    ];
    assert_eq!(hex(bind), expected.concat().replace(' ', ""));
    let [submit] = &smsc.octets(CommandId::SubmitSm)[..] else { panic!() };
    let expected = [
        "0000004b 00000004 00000000 00000002",
        "00",                                 // service_type: none
        "05 00 4d414b4b414800",               // from: a name, MAKKAH
        "01 01 39363635303030303030303100",   // to: an international number
        "00 00 01",                           // esm_class, protocol_id, priority_flag
        "00",                                 // at once
        "3235313230393031303030303030302b00", // until 251209010000000+
        "00 00 08 00 08",                     // no receipt, replaces nothing, UCS-2, no canned message, 8 octets
        "0633 064a 0648 0644",
    ];
    assert_eq!(hex(submit), expected.concat().replace(' ', ""));
}

#[tokio::test]
async fn who_writes_is_a_name_a_number_or_a_short_code() {
    for (from, expected) in [("+966112345678", "010139363631313233343536373800"), ("998", "030039393800")] {
        let smsc = Smsc::start(&[], &[]).await;
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("password"), "hunter2").unwrap();
        let settings = format!(
            "server = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\nsystem_id = \"nadhir\"\nfrom = \"{from}\"\n\
             password = {{ file = \"password\" }}\nto = [\"+966500000001\"]\n",
            smsc.port
        );
        let sink = read("smpp", &settings).open(&World::new(dir.path().to_owned()).unwrap()).unwrap();
        sink.send(&arabic("سيول", 1)).await.unwrap();
        let submit = hex(&smsc.octets(CommandId::SubmitSm)[0]);
        assert_eq!(submit.get(34..34 + expected.len()), Some(expected));
    }
}

#[tokio::test]
async fn every_answer_of_a_centre_means_what_it_says() {
    let cases: &[(Does, Meaning, &str)] = &[
        (TAKES, Taken, "1 text messages"),
        (AnswersLoosely, Taken, "1 text messages"),
        (AsksFirst, Taken, "1 text messages"),
        (Answers(0x0b), Never, "answered ESME_RINVDSTADR (0x0000000b)"),
        (Answers(0x01), Later(None), "answered ESME_RINVMSGLEN (0x00000001)"),
        (Answers(0x08), Later(None), "answered ESME_RSYSERR (0x00000008)"),
        (Answers(0x0a), Later(None), "see that the account may send from `from`"),
        (Answers(0x14), Later(None), "answered ESME_RMSGQFUL (0x00000014)"),
        (Answers(0x45), Later(None), "answered ESME_RSUBMITFAIL (0x00000045)"),
        (Answers(0x58), Later(None), "answered ESME_RTHROTTLED (0x00000058)"),
        (Answers(0x62), Later(None), "have the operator allow a validity period"),
        (Answers(0xff), Later(None), "answered ESME_RUNKNOWNERR (0x000000ff)"),
        (Answers(0x0421), Later(None), "answered 0x00000421; the operator knows what that means"),
        (Nacks(0x03), Later(None), "answered ESME_RINVCMDID (0x00000003)"),
        (IsSilent, Unknown, "did not answer in time; it may have taken the message"),
        (HangsUp, Unknown, "hung up; it may have taken the message"),
        (Unbinds, Unknown, "ended the session; it may have taken the message"),
        (Babbles, Unknown, "what it says is not SMPP); it may have taken the message"),
    ];
    for (does, expected, words) in cases {
        let smsc = Smsc::start(&[], &[*does]).await;
        let (sink, _dir) = channel(smsc.port, "timeout = \"1s\"");
        let sent = sink.send(&arabic("سيول", 1)).await;
        let (meaning, said) = meant(&sent);
        assert_eq!(meaning, *expected, "{does:?}: {said}");
        assert!(said.contains(words), "{does:?}: {said}");
        if *expected != Taken {
            assert!(said.contains(&format!("127.0.0.1:{}", smsc.port)), "{said}");
        }
    }
}

#[tokio::test]
async fn a_bind_that_is_refused_says_what_to_do_and_tells_nobody() {
    let cases: &[(Does, &str)] = &[
        (Answers(0x0e), "refused the bind: it answered ESME_RINVPASWD (0x0000000e); see what `password` names"),
        (Answers(0x0f), "answered ESME_RINVSYSID (0x0000000f); see `system_id`"),
        (Answers(0x0d), "answered ESME_RBINDFAIL (0x0000000d); see `system_id`, `system_type` and `password`"),
        (Answers(0x05), "another session holds the bind"),
        (Nacks(0x03), "answered ESME_RINVCMDID (0x00000003)"),
        // Told by who says it is no transmitter's answer.
        (Nacks(0x00), "refused the bind: it answered ESME_ROK"),
        (HangsUp, "hung up"),
        (Unbinds, "ended the session"),
        (Babbles, "what it says is not SMPP"),
    ];
    for (does, words) in cases {
        let smsc = Smsc::start(&[*does, *does], &[]).await;
        let (sink, _dir) = channel(smsc.port, "");
        let sent = sink.send(&arabic("سيول", 1)).await;
        let (meaning, said) = meant(&sent);
        assert_eq!(meaning, Later(None), "{does:?}: {said}");
        assert!(said.contains(words), "{does:?}: {said}");
        let probed = sink.probe().await.unwrap_err();
        assert!(probed.contains(words) && !probed.contains("hunter2"), "{does:?}: {probed}");
        assert!(smsc.submitted().is_empty());
        // Set right, the same message goes out.
        assert_eq!(meant(&sink.send(&arabic("سيول", 2)).await).0, Taken, "{does:?}");
    }
}

#[tokio::test]
async fn a_centre_that_is_silent_to_a_bind_is_left_in_time() {
    let smsc = Smsc::start(&[IsSilent, IsSilent], &[]).await;
    let (sink, _dir) = channel(smsc.port, "timeout = \"1s\"");
    let sent = sink.send(&arabic("سيول", 1)).await;
    let (meaning, said) = meant(&sent);
    assert_eq!(meaning, Later(None), "{said}");
    assert!(said.contains("did not answer in time, and was told nothing"), "{said}");
    assert!(smsc.submitted().is_empty());
}

#[tokio::test]
async fn a_centre_that_dies_while_it_is_waited_for_is_asked_and_then_left() {
    let smsc = Smsc::start(&[], &[Dies]).await;
    let (sink, _dir) = channel(smsc.port, "timeout = \"60s\"");
    let sending = tokio::spawn(async move { sink.send(&arabic("سيول", 1)).await });
    smsc.next().await;
    // From here on nothing moves but the clock.
    tokio::time::pause();
    let sent = sending.await.unwrap();
    tokio::time::resume();
    let (meaning, said) = meant(&sent);
    assert_eq!(meaning, Unknown, "{said}");
    assert!(said.contains("says nothing any more, for 20 s; it may have taken the message"), "{said}");
}

#[tokio::test]
async fn answers_go_to_those_who_asked_in_whatever_order_they_come() {
    let smsc = Smsc::start(&[], &[AnswersAfterNext(0x0b), TAKES]).await;
    let dir = tempfile::tempdir().unwrap();
    let to = "to = [\"+966500000001\", \"+966500000002\"]";
    let sent = open(smsc.port, to, &dir).send(&arabic("سيول", 1)).await;
    assert_eq!(sent, Ok(Receipt("1 text messages, 1 refused".to_owned())));
    // What is remembered of each is what was answered to it.
    let told: Vec<String> = smsc.submitted().iter().map(|submit| submit.destination_addr.to_string()).collect();
    assert_eq!(told, ["966500000001", "966500000002"]);
    let kept = std::fs::read_to_string(dir.path().join(".progress")).unwrap();
    let line: serde_json::Value = serde_json::from_str(kept.lines().find(|line| !line.is_empty()).unwrap()).unwrap();
    assert_eq!((line["told"].as_array().unwrap().len(), line["refused"].as_array().unwrap().len()), (1, 1));
}

#[tokio::test]
async fn no_more_wait_for_their_answer_than_the_window_lets() {
    let script: Vec<Does> = (0..6).flat_map(|_| [AnswersAfterNext(0), TAKES]).collect();
    for (window, most) in [(2, 2), (5, 5)] {
        let smsc = Smsc::start(&[], &script).await;
        let dir = tempfile::tempdir().unwrap();
        let numbers: Vec<String> = (0..12).map(|number| format!("\"+9665000000{number:02}\"")).collect();
        let more = format!("to = [{}]\nwindow = {window}", numbers.join(", "));
        let sent = open(smsc.port, &more, &dir).send(&arabic("سيول", 1)).await;
        assert_eq!(sent, Ok(Receipt("12 text messages".to_owned())));
        let (sessions, open) = smsc.most();
        assert!(sessions == 1 && (2..=most).contains(&open), "{sessions} {open}");
    }
}

#[tokio::test]
async fn a_centre_that_is_told_too_much_is_told_more_slowly() {
    let smsc = Smsc::start(&[], &[Answers(0x58)]).await;
    let (sink, _dir) = channel(smsc.port, "");
    assert_eq!(sink.send(&arabic("سيول", 1)).await, Ok(Receipt("1 text messages".to_owned())));
    let submitted = smsc.submitted();
    assert_eq!((submitted.len(), &submitted[0]), (2, &submitted[1]));
    assert_eq!(smsc.octets(CommandId::BindTransmitter).len(), 1);
}

/// A text of two segments.
fn long() -> String {
    "أ".repeat(100)
}

#[tokio::test]
async fn a_long_message_is_told_when_all_its_segments_are_taken() {
    let cases: &[(&[Does], Meaning, &str)] = &[
        (&[], Taken, "1 text messages"),
        (&[TAKES, HangsUp], Unknown, "hung up; it may have taken the message"),
        (&[TAKES, Answers(0x08)], Unknown, "answered ESME_RSYSERR (0x00000008); 1 of 2 segments were taken before"),
        (&[TAKES, IsSilent], Unknown, "did not answer in time"),
        (&[Answers(0x08)], Later(None), "answered ESME_RSYSERR"),
        (&[Answers(0x0b)], Never, "answered ESME_RINVDSTADR"),
    ];
    for (script, expected, words) in cases {
        let smsc = Smsc::start(&[], script).await;
        let (sink, dir) = channel(smsc.port, "timeout = \"1s\"");
        let sent = sink.send(&arabic(&long(), 1)).await;
        let (meaning, said) = meant(&sent);
        assert_eq!(meaning, *expected, "{script:?}: {said}");
        assert!(said.contains(words), "{script:?}: {said}");
        let first = smsc.submitted();
        // Opened anew, as after a restart: what was told or refused is settled, and all else is said whole, in the same words.
        drop(sink);
        let sink = open(smsc.port, "to = [\"+966500000001\"]", &dir);
        let again = sink.send(&arabic(&long(), 2)).await;
        let second = smsc.submitted().split_off(first.len());
        if matches!(expected, Taken | Never) {
            assert!(second.is_empty(), "{script:?}");
            continue;
        }
        assert_eq!(meant(&again).0, Taken, "{script:?}");
        assert_eq!((second.len(), &second[..first.len()]), (2, &first[..]), "{script:?}");
        let headers: Vec<&[u8]> = second.iter().map(|submit| &submit.short_message().as_ref()[..6]).collect();
        assert_eq!(headers, [[5, 0, 3, headers[0][3], 2, 1], [5, 0, 3, headers[0][3], 2, 2]]);
        assert!(second.iter().all(|submit| u8::from(submit.esm_class) == 0x40));
    }
}

#[tokio::test]
async fn who_has_a_message_does_not_get_it_again_and_the_others_do() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("phones.txt"), "+966500000001\n+966500000002\nnobody\n").unwrap();
    // Of four, one is refused, and at another the line breaks.
    let smsc = Smsc::start(&[], &[TAKES, Answers(0x0b), TAKES, HangsUp]).await;
    let parts = r#"{"parts":[{"language":"ar","text":"سيول"},{"language":"en","text":"Floods"}]}"#;
    let both = |attempt| Parcel { body: parts.into(), ..parcel(attempt) };
    let more = "recipients = \"phones.txt\"\nwindow = 1\nprice = \"0.045 SAR\"";
    let sink = open(smsc.port, more, &dir);
    assert_eq!(sink.followers().await, Ok(Some(2)));
    let sent = sink.send(&both(1)).await;
    let (meaning, said) = meant(&sent);
    assert_eq!(meaning, Unknown, "{said}");
    assert!(said.starts_with("1 of 3 text messages do not have it yet; the last: "), "{said}");
    drop(sink);
    let Receipt(receipt) = open(smsc.port, more, &dir).send(&both(2)).await.unwrap();
    assert_eq!(receipt, "3 text messages, 1 refused, 1 lines not read");
    let told: Vec<(String, u8)> = smsc
        .submitted()
        .iter()
        .map(|submit| (submit.destination_addr.to_string(), submit.data_coding.into()))
        .collect();
    let (first, second) = ("966500000001".to_owned(), "966500000002".to_owned());
    let last = (second.clone(), 0);
    assert_eq!(told, [(first.clone(), 8), (first, 0), (second, 8), last.clone(), last]);
}

#[tokio::test]
async fn what_breaks_off_leaves_the_rest_untold_and_not_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let smsc = Smsc::start(&[], &[HangsUp]).await;
    let more = "to = [\"+966500000001\", \"+966500000002\"]\nwindow = 1";
    let sent = open(smsc.port, more, &dir).send(&arabic("سيول", 1)).await;
    let (meaning, said) = meant(&sent);
    assert_eq!(meaning, Unknown, "{said}");
    assert!(said.contains("2 of 2 text messages do not have it yet"), "{said}");
    assert!(said.ends_with("hung up, and was not told the rest"), "{said}");
    assert_eq!(smsc.submitted().len(), 1);
}

#[tokio::test]
async fn two_messages_at_once_share_one_bind_in_turn() {
    let smsc = Smsc::start(&[], &[]).await;
    let (sink, _dir) = channel(smsc.port, "");
    let other = Parcel { key: "desk/MKH-2025-000013.1/sms/ar".to_owned(), ..arabic("سيول", 1) };
    let first = arabic("سيول", 1);
    let (one, two) = tokio::join!(sink.send(&first), sink.send(&other));
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    assert_eq!((smsc.most().0, smsc.octets(CommandId::BindTransmitter).len()), (1, 2));
}

#[tokio::test]
async fn a_probe_binds_takes_leave_and_submits_nothing() {
    let smsc = Smsc::start(&[], &[]).await;
    let (sink, _dir) = channel(smsc.port, "");
    assert_eq!(sink.probe().await, Ok(()));
    assert_eq!(smsc.heard(), [CommandId::BindTransmitter, CommandId::Unbind]);
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let (sink, _dir) = channel(port, "");
    let sent = sink.send(&arabic("سيول", 1)).await;
    let (meaning, said) = meant(&sent);
    assert!(meaning == Later(None) && said.contains("cannot be reached"), "{said}");
    assert!(sink.probe().await.unwrap_err().contains("cannot be reached"));
}

#[tokio::test]
async fn a_text_is_sent_whole_or_not_at_all() {
    let smsc = Smsc::start(&[], &[]).await;
    let (sink, _dir) = channel(smsc.port, "");
    let longest = "ر".repeat(4 * 67);
    assert_eq!(meant(&sink.send(&arabic(&longest, 1)).await).0, Taken);
    assert_eq!(smsc.submitted().len(), 4);
    let sent = sink.send(&arabic(&format!("{longest}ر"), 1)).await;
    assert!(matches!(&sent, Err(SendError::Never { why }) if why.contains("has 5 segments")), "{sent:?}");
    let sent = sink.send(&parcel(1)).await;
    assert!(matches!(&sent, Err(SendError::Never { why }) if why.contains("is no sms")), "{sent:?}");
    assert_eq!(smsc.submitted().len(), 4);
}

/// A certificate for localhost, and the authority that vouches for it, in PEM.
fn trusted() -> (TlsAcceptor, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let secret = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), authority.pem())
}

#[tokio::test]
async fn over_tls_only_a_centre_that_is_trusted_is_told_anything() {
    let (acceptor, authority) = trusted();
    let smsc = Smsc::start_with(&[], &[], Some(acceptor)).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ca.pem"), authority).unwrap();
    let to = "server = \"localhost\"\nto = [\"+966500000001\"]\nsecurity = \"tls\"";
    let sent = open(smsc.port, to, &dir).send(&arabic("سيول", 1)).await;
    let (meaning, said) = meant(&sent);
    assert!(meaning == Later(None) && said.contains("cannot be spoken to by TLS"), "{said}");
    assert!(smsc.heard().is_empty());
    let sink = open(smsc.port, &format!("{to}\nca = \"ca.pem\""), &dir);
    assert_eq!(sink.probe().await, Ok(()));
    assert_eq!(meant(&sink.send(&arabic("سيول", 2)).await).0, Taken);
}

#[tokio::test]
async fn a_centre_that_does_not_speak_tls_hears_no_password() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let hearing = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut octets = vec![0; 4096];
        let len = stream.read(&mut octets).await.unwrap();
        octets.truncate(len);
        octets
    });
    // TLS is what is meant where nothing is said.
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("password"), "hunter2").unwrap();
    let settings = format!(
        "server = \"localhost\"\nport = {port}\nsystem_id = \"nadhir\"\nfrom = \"998\"\npassword = {{ file = \"password\" }}\n\
         to = [\"+966500000001\"]\n"
    );
    let sink = read("smpp", &settings).open(&World::new(dir.path().to_owned()).unwrap()).unwrap();
    let sent = sink.send(&arabic("سيول", 1)).await;
    assert_eq!(meant(&sent).0, Later(None), "{sent:?}");
    let heard = hearing.await.unwrap();
    let heard = String::from_utf8_lossy(&heard);
    assert!(!heard.is_empty() && !heard.contains("hunter2") && !heard.contains("nadhir"), "{heard}");
}

#[test]
fn a_password_that_smpp_has_no_room_for_is_not_shown_and_not_cut() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path().to_owned()).unwrap();
    let settings = "server = \"10.0.0.7\"\nsecurity = \"none\"\nsystem_id = \"nadhir\"\nfrom = \"998\"\n\
                    password = { file = \"password\" }\nto = [\"+966500000001\"]\n";
    let why = || read("smpp", settings).open(&world).err().unwrap();
    assert!(why().contains("password cannot be read"), "{}", why());
    for wrong in ["hunter2-too-long", "hunt er", "hunté", "hun\nter"] {
        std::fs::write(dir.path().join("password"), wrong).unwrap();
        let why = why();
        assert!(why.contains("file") && why.contains("at most 8 letters") && !why.contains("hun"), "{why}");
    }
}
