//! Text messages to several telephones: each in its turn, none twice, and one that is refused costs no other.

use std::sync::Arc;

use nadhir::message::Form;
use nadhir::sink::{Parcel, Receipt, SendError, Sink, World};
use serde_json::Value;

use super::receiver::Receiver;
use super::{parcel, read};

fn short(attempt: u32) -> Parcel {
    let parts = r#"{"parts":[{"language":"ar","text":"سيول"},{"language":"en","text":"Floods"}]}"#;
    Parcel { body: parts.into(), ..parcel(attempt) }
}

/// A channel whose gateway listens at an address, for two telephones in a file.
fn open(base: &str, dir: &std::path::Path) -> Arc<dyn Sink> {
    std::fs::write(dir.join("phones.txt"), "+966500000001\n+966500000002\nnobody\n").unwrap();
    let text = format!(
        "gateway = \"http\"\nurl = \"{base}/send\"\nfields = {{ to = \"{{to}}\", text = \"{{text}}\" }}\nfrom = \"MAKKAH\"\n\
         recipients = \"phones.txt\"\nprice = \"0.045 SAR\"\n"
    );
    let opener = read("sms", &text);
    assert_eq!((opener.form(), opener.price().unwrap().1), (Form::Sms, None));
    opener.open(&World::new(dir.to_owned()).unwrap()).unwrap()
}

#[tokio::test]
async fn who_has_a_text_message_does_not_get_it_again_and_the_others_do() {
    let dir = tempfile::tempdir().unwrap();
    let ok = "200 OK";
    let mut receiver = Receiver::start(&[ok, "500 Oops", ok, "410 Gone", ok]).await;
    let base = receiver.base.clone();
    let first = open(&base, dir.path()).send(&short(1)).await;
    let Err(SendError::Unknown { why }) = first else { panic!("{first:?}") };
    assert!(why.starts_with("1 of 3 text messages do not have it yet; the last: ") && !why.contains("9665"), "{why}");
    // Opened anew, as after a restart.
    let Receipt(receipt) = open(&base, dir.path()).send(&short(2)).await.unwrap();
    assert_eq!(receipt, "3 text messages, 1 refused, 1 lines not read");
    let mut told = Vec::new();
    for _ in 0..5 {
        let body: Value = serde_json::from_slice(&receiver.next().await.body).unwrap();
        told.push(format!("{} {}", body["to"].as_str().unwrap(), body["text"].as_str().unwrap()));
    }
    let retried = told.pop().unwrap();
    assert!(told.contains(&retried), "the one that failed is tried again");
    told.sort();
    let all = ["+966500000001 Floods", "+966500000001 سيول", "+966500000002 Floods", "+966500000002 سيول"];
    assert_eq!(told, all, "and each was told once");
}
