//! A copy of the state: made beside the running service, and a service that begins with it goes on from there and says nothing new.

use nadhir::cli::place::DATABASE;
use serde_json::Value;

use super::outside::Manner;
use super::process::{Process, nadhir, run, text, wait_for};
use super::service::{Scene, stop};

#[test]
fn a_service_goes_on_from_a_copy_that_was_made_while_another_ran() {
    let scene = Scene::open();
    scene.outside.set("rain", Manner::Rain(3.0));
    let service = Process::start(&mut scene.command());
    scene.has_warned(1);
    let copy = scene.config().join("copy.sqlite3");
    let mut command = nadhir(["backup", text(&copy), "--state", text(&scene.state), "--json"]);
    let end = run(&mut command);
    assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""), "{end:?}");
    let told: Value = serde_json::from_str(&end.stdout).unwrap();
    assert!(0 < told["bulletins"].as_u64().unwrap() && 0 < told["journal"].as_u64().unwrap(), "{told}");
    let end = run(&mut command);
    assert!(end.code == Some(2) && end.stderr.contains("is there already"), "{end:?}");
    assert_eq!(stop(service).0.code, Some(0));
    let before = scene.lines("archive");
    for name in [DATABASE.to_owned(), format!("{DATABASE}-wal"), format!("{DATABASE}-shm")] {
        let _ = std::fs::remove_file(scene.state.join(name));
    }
    std::fs::copy(&copy, scene.state.join(DATABASE)).unwrap();
    let mut again = Process::start(&mut scene.command());
    again.says(0, "Ready with");
    wait_for("the start", || {
        scene
            .journal()
            .iter()
            .rfind(|line| line["kind"] == "start")
            .cloned()
            .filter(|line| !line["text"].as_str().unwrap().contains(" 0 warnings"))
    });
    let names = |lines: &[Value]| {
        lines.iter().map(|line| line["bulletin"].to_string()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(names(&scene.lines("archive")), names(&before), "nothing is said that was not said before");
}

#[test]
fn copies_by_the_time_of_their_making_are_thinned_out_and_nothing_else_is_touched() {
    let scene = Scene::open();
    scene.outside.set("rain", Manner::Rain(0.0));
    let mut service = Process::start(&mut scene.command());
    service.says(0, "Ready with");
    let dir = scene.config().join("copies");
    std::fs::create_dir(&dir).unwrap();
    let older = ["nadhir-20250101T030000Z.sqlite3", "nadhir-20250102T030000Z.sqlite3"];
    let others = ["nadhir-before-the-storm.sqlite3", "nadhir-20250101T030000Z.sqlite3.gpg", "notes.txt"];
    for name in older.iter().chain(&others) {
        std::fs::write(dir.join(name), "").unwrap();
    }
    let into = ["backup", "--into", text(&dir), "--keep", "2", "--state", text(&scene.state), "--json"];
    let end = run(&mut nadhir(into));
    assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""), "{end:?}");
    let told: Value = serde_json::from_str(&end.stdout).unwrap();
    let made = std::path::Path::new(told["file"].as_str().unwrap()).file_name().unwrap().to_owned();
    let left: std::collections::BTreeSet<_> =
        std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let expected = others.iter().chain(&older[1..]).map(std::ffi::OsString::from).chain([made]);
    assert_eq!(left, expected.collect());
    let end = run(&mut nadhir(["backup", "--state", text(&scene.state), "--keep", "2"]));
    assert_eq!(end.code, Some(2), "nowhere to copy to: {end:?}");
}
