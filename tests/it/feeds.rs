//! The real program and its feeds: files that are dropped into a folder become warnings, and feeds are tried and recorded by hand.
//! What they say is synthetic.

use std::path::Path;

use chrono::{TimeDelta, Utc};
use serde_json::Value;

use super::outside::{Manner, file_toml};
use super::process::{End, Process, nadhir, run, text, wait_for};
use super::service::{Scene, stop};

/// A folder of tables, each row an hour of rain in Jeddah.
const STATIONS: &str = r#"[stations]
kind = "dir"
name = { ar = "محطات اختبار", en = "test stations" }
path = "drop"
pattern = "*.csv"
every = "10s"
jitter = "0s"
stale_after = "1h"
attribution = "synthetic, for a test"
[stations.reads]
kind = "csv"
time = { column = "T" }
place = { is = ["jeddah"] }
basis = "observed"
covers = "1h"
values = [{ column = "RAIN", metric = "precipitation", unit = "mm" }]
"#;

/// Brings a file to its place in one move, as whoever fills such a folder should.
fn drop_into(folder: &Path, name: &str, content: &str) {
    let draft = folder.join(format!("{name}.part"));
    std::fs::write(&draft, content).unwrap();
    // As if it had been written a minute ago, so that nobody has to wait until it has settled.
    let at = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    std::fs::File::options().write(true).open(&draft).unwrap().set_modified(at).unwrap();
    std::fs::rename(draft, folder.join(name)).unwrap();
}

fn lines_of(journal: &[Value], kind: &str) -> usize {
    journal.iter().filter(|line| line["kind"] == kind).count()
}

#[test]
fn a_table_that_is_dropped_into_a_folder_warns_once_also_over_a_restart() {
    let scene = Scene::bare();
    scene.write("feeds.toml", STATIONS);
    scene.write("channels.toml", &file_toml("archive"));
    let folder = scene.state.join("drop");
    std::fs::create_dir_all(&folder).unwrap();
    let row = format!("T,RAIN\n{},20\n", (Utc::now() - TimeDelta::minutes(5)).format("%Y-%m-%dT%H:%M:%SZ"));
    drop_into(&folder, "1.csv", &row);
    let service = Process::start(&mut scene.command());
    wait_for("the warning of the rain", || (!scene.lines("archive").is_empty()).then_some(()));
    let journal = scene.journal();
    let bulletins = lines_of(&journal, "bulletin");
    let said = serde_json::to_string(&journal).unwrap();
    assert!(said.contains("stations answered and all of it could be read"), "{said}");
    assert!(said.contains("issued rain red in jeddah"), "{said}");
    let told = scene.lines("archive")[0].to_string();
    assert!(told.contains("jeddah") && told.contains("test stations"), "{told}");
    assert_eq!(stop(service).0.code, Some(0));
    let mut service = Process::start(&mut scene.command());
    // What cannot be read is told and kept aside, and takes nothing back.
    drop_into(&folder, "2.csv", "<!DOCTYPE html><html><body>Under maintenance");
    let journal = wait_for("what became of the page", || {
        let journal = scene.journal();
        journal.iter().any(|line| line.to_string().contains("kept aside as")).then_some(journal)
    });
    assert!(service.ended().is_none());
    assert_eq!(lines_of(&journal, "bulletin"), bulletins, "{journal:?}");
    let kept = std::fs::read_dir(scene.state.join("aside/stations")).unwrap().count();
    assert_eq!(kept, 2, "the page and a note on it");
    assert_eq!(std::fs::read_to_string(folder.join("1.csv")).unwrap(), row, "no file is touched");
}

/// `nadhir feed` with a scene's configuration, which it finds as the service does.
fn feed(scene: &Scene, arguments: [&str; 3]) -> End {
    let config = scene.config();
    let [command, name, last] = arguments;
    let mut command = nadhir(["feed", command, name, last]);
    run(command.env("NADHIR_CONFIG", config).env("STATE_DIRECTORY", &scene.state))
}

#[test]
fn a_feed_is_tried_by_its_name_and_nothing_is_kept_or_sent() {
    let scene = Scene::open();
    scene.outside.set("rain", Manner::Rain(3.0));
    let end = feed(&scene, ["try", "rain", "--json"]);
    assert_eq!(end.code, Some(0), "{end:?}");
    let told: Value = serde_json::from_str(&end.stdout).unwrap();
    assert_eq!((&told["outcome"], &told["answers"][0]["status"]), (&"read".into(), &200.into()), "{told}");
    let places: Vec<&str> =
        told["readings"].as_array().unwrap().iter().map(|row| row["governorate"].as_str().unwrap()).collect();
    assert_eq!(places, ["jeddah", "makkah", "taif"]);
    assert_eq!((&told["readings"][0]["max"], &told["readings"][0]["unit"]), (&3.0.into(), &"mm".into()));
    for (manner, code, outcome) in [(Manner::Html, 1, "partly"), (Manner::Broken, 69, "unreachable")] {
        scene.outside.set("rain", manner);
        let end = feed(&scene, ["try", "rain", "--json"]);
        let told: Value = serde_json::from_str(&end.stdout).unwrap();
        assert_eq!((end.code, &told["outcome"]), (Some(code), &outcome.into()), "{end:?}");
    }
    let end = feed(&scene, ["try", "rian", "--json"]);
    assert!(end.code == Some(2) && end.stderr.contains("did you mean `rain`?") && end.stdout.is_empty(), "{end:?}");
    scene.write("feeds.toml", "[rain]\nkind = \"metr\"\n");
    let end = feed(&scene, ["try", "rain", "--json"]);
    assert!(end.code == Some(78) && end.stderr.contains("nothing was asked"), "{end:?}");
    assert!(!scene.state.exists() && scene.outside.taken() == 0, "nothing is kept or sent");
}

#[test]
fn a_feed_is_recorded_byte_for_byte_where_it_was_told_to() {
    let scene = Scene::open();
    scene.outside.set("rain", Manner::Rain(3.0));
    let dir = tempfile::tempdir().unwrap();
    let out = format!("--out={}", text(dir.path()));
    let end = feed(&scene, ["record", "rain", &out]);
    assert!(end.code == Some(0) && end.stdout.starts_with("Asked rain once: 1 answer"), "{end:?}");
    let asked: Vec<_> =
        std::fs::read_dir(dir.path().join("rain")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [asked] = asked.as_slice() else { panic!("{asked:?}") };
    let body = std::fs::read(asked.join("0001.body")).unwrap();
    let places: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(places.as_array().unwrap().len(), 3);
    let note: Value = serde_json::from_slice(&std::fs::read(asked.join("0001.json")).unwrap()).unwrap();
    assert_eq!((&note["status"], &note["headers"]["etag"]), (&200.into(), &"\"one\"".into()), "{note}");
    assert_eq!((&note["bytes"], &note["error"]), (&body.len().into(), &Value::Null));
    assert!(note["from"].as_str().unwrap().ends_with("/feed/rain"), "its query is not written down: {note}");
    scene.outside.set("rain", Manner::Broken);
    let other = format!("--out={}", text(&dir.path().join("other")));
    let end = feed(&scene, ["record", "rain", &other]);
    assert!(end.code == Some(69) && end.stdout.contains("not had"), "{end:?}");
    let end = feed(&scene, ["record", "rain", "--out=/dev/null"]);
    assert!(end.code == Some(74) && end.stderr.contains("cannot be written"), "{end:?}");
    assert!(!scene.state.exists());
}
