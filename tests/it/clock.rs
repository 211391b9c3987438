//! The real service on a machine whose clock is set to another time while it runs: nothing runs out for that, nothing waits for a time
//! that is over, and the people on duty hear of it.

use std::path::PathBuf;
use std::process::Command;

use super::outside::Manner;
use super::process::{Process, wait_for};
use super::service::{Scene, stop};

/// What moves the clock of one program: the library of the Debian package faketime.
fn mover() -> PathBuf {
    let places =
        std::fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
    places.into_iter().find(|path| path.exists()).expect("the Debian package faketime is needed for this test")
}

/// A clock that a test sets.
struct Hands(PathBuf);

impl Hands {
    fn of(scene: &Scene, command: &mut Command) -> Self {
        let hands = Self(scene.config().join("../clock"));
        hands.set("+0");
        command.env("LD_PRELOAD", mover()).env("FAKETIME_TIMESTAMP_FILE", &hands.0);
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
        hands
    }

    fn set(&self, by: &str) {
        let next = self.0.with_extension("next");
        std::fs::write(&next, by).unwrap();
        std::fs::rename(&next, &self.0).unwrap();
    }
}

/// The changes that the public heard of.
fn heard(scene: &Scene) -> Vec<String> {
    let change = |line: &serde_json::Value| line["json"]["data"]["change"].as_str().map(str::to_owned);
    scene.lines("archive").iter().filter_map(change).collect()
}

fn never_ended(scene: &Scene) {
    let heard = heard(scene);
    assert!(heard.iter().all(|change| change != "expired" && change != "lifted"), "{heard:?}");
}

#[test]
fn a_clock_that_is_set_wrong_ends_nothing_and_holds_up_nothing() {
    let scene = Scene::open();
    let staff = "[duty]\nkind = \"file\"\naudience = \"staff\"\npath = \"duty.jsonl\"\nform = \"json\"\n\n";
    scene.write("feeds.toml", &scene.outside.feeds_toml(&["rain"]).replace("every = \"1h\"", "every = \"10s\""));
    scene.write("channels.toml", &(super::outside::file_toml("archive") + &scene.desk() + staff));
    scene.outside.set("rain", Manner::Rain(3.0));
    let mut command = scene.command();
    let hands = Hands::of(&scene, &mut command);
    scene.outside.open_gate(false);
    let mut service = Process::start(&mut command);
    wait_for("a delivery in the receiver's hands", || (0 < scene.outside.taken()).then_some(()));
    let mut said = service.stderr().len();
    // A step back and, after it, one forward that lasts for as many answers as it takes to speak of a clock.
    for by in ["-1h", "+1d"] {
        hands.set(by);
        said = service.says(said, "The clock of this machine was set");
        said = service.says(said, "is wrong: servers agree with nadhir's own count");
        never_ended(&scene);
        if by == "-1h" {
            hands.set("+0");
            said = service.says(said, "agrees with nadhir's own count again");
        }
    }
    wait_for("the people on duty to hear of it", || {
        let of_clock = |line: &serde_json::Value| line["json"]["data"]["about"]["topic"] == "clock-skew";
        scene.lines("duty").iter().any(of_clock).then_some(())
    });
    // The receiver goes by the right time, and refuses what was signed at another.
    scene.outside.open_gate(true);
    scene.has_warned(1);
    scene.outside.set("rain", Manner::Rain(8.0));
    wait_for("what was raised meanwhile", || heard(&scene).iter().any(|change| change == "raised").then_some(()));
    never_ended(&scene);
    let journal = scene.journal();
    assert!(journal.iter().all(|line| !line["text"].as_str().unwrap().contains("expired")), "{journal:#?}");
    let (end, _) = stop(service);
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(!end.stderr.contains("its time has run out"), "{}", end.stderr);
}
