//! CAP as files: each document once and whole, references to what really stands there, and nothing else in the directory touched.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use nadhir::ids::BulletinId;
use nadhir::message::Form;
use nadhir::sink::{Parcel, Receipt, SendError, Sink, World};
use nadhir::time::TimeDelta;
use tempfile::TempDir;

use super::{at, parcel, read};

/// A document as the form writes it, of an edition that takes the place of the one before.
fn document(edition: u32, msg_type: &str) -> Parcel {
    let sent = at(i64::from(edition) * 60).with_timezone(&chrono_tz::Asia::Riyadh).format("%Y-%m-%dT%H:%M:%S%:z");
    let code = match edition {
        1 => String::new(),
        edition => format!("  <code>replaces:MKH-2025-000012.{}</code>\n", edition - 1),
    };
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\">\n  \
         <identifier>MKH-2025-000012.{edition}</identifier>\n  <sender>nadhir.mkh</sender>\n  <sent>{sent}</sent>\n  \
         <status>Actual</status>\n  <msgType>{msg_type}</msgType>\n  <scope>Public</scope>\n{code}  \
         <incidents>MKH-2025-000012</incidents>\n</alert>\n"
    );
    Parcel {
        key: format!("MKH-2025-000012.{edition}/cap/ar+en/files"),
        bulletin: BulletinId::new("MKH-2025-000012", edition),
        body: body.into(),
        content_type: "application/cap+xml; charset=utf-8".to_owned(),
        now: at(i64::from(edition) * 60),
        ..parcel(1)
    }
}

fn open(dir: &TempDir) -> Arc<dyn Sink> {
    let opener = read("cap", "path = \"out/cap\"\nmost = 100\nkeep = \"7d\"\n");
    assert_eq!(opener.form(), Form::Cap);
    assert!(Form::ALL.iter().all(|form| opener.takes(*form) == (*form == Form::Cap)));
    opener.open(&World::new(dir.path().to_owned()).unwrap()).unwrap()
}

/// What others see in the directory.
fn seen(dir: &Path) -> BTreeSet<String> {
    let names =
        std::fs::read_dir(dir.join("out/cap")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.starts_with('.')).collect()
}

fn text(dir: &TempDir, edition: u32) -> String {
    std::fs::read_to_string(dir.path().join(format!("out/cap/MKH-2025-000012.{edition}.xml"))).unwrap()
}

#[tokio::test]
async fn each_document_stands_there_once_however_often_it_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let first = document(1, "Alert");
    for opened in 1..=2 {
        let sink = open(&dir);
        assert_eq!(sink.probe().await, Ok(()));
        for attempt in 1..=2 {
            let Receipt(receipt) = sink.send(&Parcel { attempt, ..first.clone() }).await.unwrap();
            let is_new = opened == 1 && attempt == 1;
            assert_eq!(
                receipt,
                format!("{} as MKH-2025-000012.1.xml", if is_new { "published" } else { "already published" })
            );
        }
    }
    assert_eq!(seen(dir.path()), BTreeSet::from(["MKH-2025-000012.1.xml".to_owned()]));
    assert_eq!(text(&dir, 1), *first.body);
    // Whoever takes the documents away has them; they are not put there again.
    std::fs::remove_file(dir.path().join("out/cap/MKH-2025-000012.1.xml")).unwrap();
    open(&dir).send(&first).await.unwrap();
    assert!(seen(dir.path()).is_empty());
}

#[tokio::test]
async fn what_was_published_is_referred_to_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let sink = open(&dir);
    sink.send(&document(2, "Update")).await.unwrap();
    assert!(text(&dir, 2).contains("<msgType>Alert</msgType>") && !text(&dir, 2).contains("<references>"));
    // The third was never sent: a newer one took its place.
    open(&dir).send(&document(4, "Update")).await.unwrap();
    let written = text(&dir, 4);
    let second = "nadhir.mkh,MKH-2025-000012.2,2025-12-09T03:02:00+03:00";
    assert!(written.contains(&format!("  <references>{second}</references>\n  <incidents>")), "{written}");
    assert!(written.contains("<msgType>Update</msgType>"), "{written}");
    open(&dir).send(&document(5, "Cancel")).await.unwrap();
    let ended = text(&dir, 5);
    assert!(
        ended.contains(&format!(
            "<references>{second} nadhir.mkh,MKH-2025-000012.4,2025-12-09T03:04:00+03:00</references>"
        )),
        "{ended}"
    );
}

#[tokio::test]
async fn a_machine_that_dies_between_the_document_and_the_memory_of_it_repeats_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let first = document(1, "Alert");
    open(&dir).send(&first).await.unwrap();
    let index = dir.path().join("out/cap/.published.jsonl");
    // Torn in the middle of its line.
    let line = std::fs::read_to_string(&index).unwrap();
    std::fs::write(&index, line.get(..line.len() / 2).unwrap()).unwrap();
    std::fs::write(dir.path().join("out/cap/.MKH-2025-000012.1.xml.part"), "<?xml").unwrap();
    let before = std::fs::metadata(dir.path().join("out/cap/MKH-2025-000012.1.xml")).unwrap().modified().unwrap();
    open(&dir).send(&first).await.unwrap();
    let after = std::fs::metadata(dir.path().join("out/cap/MKH-2025-000012.1.xml")).unwrap().modified().unwrap();
    assert_eq!(before, after);
    open(&dir).send(&document(2, "Update")).await.unwrap();
    assert!(text(&dir, 2).contains("nadhir.mkh,MKH-2025-000012.1,"), "{}", text(&dir, 2));
}

#[tokio::test]
async fn old_documents_are_taken_away_and_nothing_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let sink = open(&dir);
    std::fs::write(dir.path().join("out/cap/readme.xml"), "theirs").unwrap();
    for edition in 1..=103 {
        sink.send(&document(edition, "Update")).await.unwrap();
    }
    let names = seen(dir.path());
    assert_eq!(names.len(), 101);
    assert!(
        names.contains("readme.xml")
            && names.contains("MKH-2025-000012.103.xml")
            && !names.contains("MKH-2025-000012.3.xml")
    );
    let late = Parcel { now: at(0) + TimeDelta::days(8), ..document(104, "Update") };
    sink.send(&late).await.unwrap();
    assert_eq!(seen(dir.path()), BTreeSet::from(["MKH-2025-000012.104.xml".to_owned(), "readme.xml".to_owned()]));
}

#[tokio::test]
async fn where_nothing_can_be_written_nothing_is_called_published() {
    let dir = tempfile::tempdir().unwrap();
    let sink = open(&dir);
    std::fs::create_dir(dir.path().join("out/cap/MKH-2025-000012.1.xml")).unwrap();
    let Err(SendError::Later { why, .. }) = sink.send(&document(1, "Alert")).await else { panic!() };
    assert!(why.contains("did not take MKH-2025-000012.1.xml"), "{why}");
    std::fs::remove_dir(dir.path().join("out/cap/MKH-2025-000012.1.xml")).unwrap();
    sink.send(&document(1, "Alert")).await.unwrap();
    let Err(SendError::Never { why }) = sink.send(&parcel(1)).await else { panic!() };
    assert!(why.contains("no CAP"), "{why}");
}
