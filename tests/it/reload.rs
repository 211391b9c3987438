//! `nadhir reload` against the real service: what changes is shown and written down, what is untrue is kept out, and what was told
//! goes on.

use std::path::Path;

use serde_json::Value;

use super::outside::Manner;
use super::process::{End, Process, nadhir, run, text};
use super::service::{Scene, stop};

const RAIN: &str = "[rain]\nhazard = \"rain\"\nmetric = \"precipitation\"\nwindow = { sum = \"1h\" }\n\
                    look_ahead = \"12h\"\nat_least = { yellow = \"10 mm\", red = \"40 mm\" }\nsource = \"a test\"\n\
                    stories = [\"00:00 12 mm -> 00:00 issued yellow\"]\n";

fn reload(state: &Path, more: &[&str]) -> End {
    run(nadhir(["reload", "--state", text(state)]).args(more))
}

fn rules(scene: &Scene, rules: &str) {
    std::fs::create_dir_all(scene.config().join("rules")).unwrap();
    scene.write("rules/rain.toml", rules);
}

/// A service with the one rule that has warned of rain.
fn in_heavy_rain() -> (Scene, Process) {
    let scene = Scene::open();
    rules(&scene, RAIN);
    scene.outside.set("rain", Manner::Rain(50.0));
    let mut service = Process::start(&mut scene.command());
    service.says(0, "Ready with");
    scene.has_warned(1);
    (scene, service)
}

#[test]
fn a_reload_shows_what_it_changes_and_keeps_out_what_is_untrue() {
    let scene = Scene::open();
    rules(&scene, RAIN);
    scene.outside.set("rain", Manner::Rain(0.0));
    let mut service = Process::start(&mut scene.command());
    service.says(0, "Ready with");

    let same = reload(&scene.state, &[]);
    assert_eq!((same.code, same.stdout.as_str()), (Some(0), "Nothing is otherwise than before.\n"), "{same:?}");

    rules(&scene, &RAIN.replace("40 mm", "30 mm"));
    let tried = reload(&scene.state, &["--dry-run"]);
    assert_eq!(tried.code, Some(0), "{tried:?}");
    assert!(tried.stdout.starts_with("rain: red 40 -> 30 mm (clears at 27 mm)\nNothing was changed"), "{tried:?}");
    let changes = |scene: &Scene| scene.journal().iter().filter(|line| line["kind"] == "change").count();
    assert_eq!(changes(&scene), 0, "what is only tried is not written down");

    let done = reload(&scene.state, &["--json"]);
    let answer: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((done.code, &answer["ok"]), (Some(0), &Value::Bool(true)), "{done:?}");
    assert_eq!(answer["changes"][0], "rain: red 40 -> 30 mm (clears at 27 mm)");
    let journal = scene.journal();
    let change = journal.iter().find(|line| line["kind"] == "change").unwrap();
    assert_eq!(change["text"], "rain: red 40 -> 30 mm (clears at 27 mm)");

    // A mistake, and a story that is not true any more: both are shown as check shows them, and nothing changes.
    rules(&scene, &RAIN.replace("at_least", "at_lest"));
    let broken = reload(&scene.state, &[]);
    assert_eq!(broken.code, Some(78), "{broken:?}");
    assert!(broken.stderr.contains("did you mean `at_least`?"), "{broken:?}");
    rules(&scene, &RAIN.replace("10 mm", "15 mm"));
    let untrue = reload(&scene.state, &[]);
    assert_eq!(untrue.code, Some(78), "{untrue:?}");
    assert!(untrue.stderr.contains("this story of `rain` ends otherwise"), "{untrue:?}");
    assert!(untrue.stdout.contains("Not reloaded"), "{untrue:?}");
    assert_eq!(changes(&scene), 1);
    assert_eq!(stop(service).0.code, Some(0));

    let gone = reload(&scene.state, &[]);
    assert_eq!(gone.code, Some(69), "{gone:?}");
    assert!(gone.stderr.contains("no service that runs on"), "{gone:?}");
}

/// What was told stands through a reload, and a rule that was taken out does not lift it.
#[test]
fn a_rule_that_is_taken_out_lifts_nothing() {
    let (scene, service) = in_heavy_rain();
    let before = scene.lines("archive").len();

    rules(&scene, &RAIN.replace("[rain]", "[other]").replace("hazard = \"rain\"", "hazard = \"sea\""));
    let done = reload(&scene.state, &[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.contains("rain: taken out; what it has warned of stands until its time is up"), "{done:?}");
    let lifted = scene.lines("archive").iter().skip(before).filter(|line| line["data"]["change"] == "lifted").count();
    assert_eq!(lifted, 0);
    let status =
        run(&mut nadhir(["status", "--config", text(&scene.config()), "--state", text(&scene.state), "--json"]));
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert!(!status["warnings"].as_array().unwrap().is_empty(), "{status}");
    assert_eq!(stop(service).0.code, Some(0));
}

/// A silence and an acknowledgement by the commands of the staff, seen in the status, and refused when they cannot be meant.
#[test]
fn the_people_on_duty_silence_rules_for_a_time_and_say_what_they_have_seen() {
    let (scene, service) = in_heavy_rain();
    let state = text(&scene.state).to_owned();
    let ask = |arguments: &[&str]| run(nadhir(["silence"]).args(arguments).args(["--state", &state]));

    let long = ask(&["add", "--hazard", "wind", "--governorate", "taif", "--for", "2d", "--reason", "tired"]);
    assert_eq!(long.code, Some(1), "{long:?}");
    assert!(long.stderr.contains("longer than 1d"), "{long:?}");
    let begun = ask(&["add", "--hazard", "wind", "--governorate", "taif", "--for", "2h", "--reason", "a crane test"]);
    assert_eq!(begun.code, Some(0), "{begun:?}");
    let listed = ask(&["list"]);
    assert!(listed.stdout.starts_with("1  wind up to orange in taif until "), "{listed:?}");

    let status = run(&mut nadhir(["status", "--config", text(&scene.config()), "--state", &state, "--json"]));
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    let number = status["warnings"][0]["number"].as_str().unwrap().to_owned();
    let seen = run(nadhir(["ack", &number, "--state", &state]).args(["--by", "Sara"]));
    assert_eq!(seen.code, Some(0), "{seen:?}");
    let status = run(&mut nadhir(["status", "--config", text(&scene.config()), "--state", &state]));
    assert!(status.stdout.contains("seen by Sara") && status.stdout.contains("a crane test"), "{status:?}");
    let unknown = run(&mut nadhir(["ack", "MKH-1999-000001", "--state", &state]));
    assert_eq!(unknown.code, Some(1), "{unknown:?}");

    assert_eq!(ask(&["end", "1"]).code, Some(0));
    assert_eq!(ask(&["list"]).stdout, "No silence lasts.\n");
    let kinds: Vec<String> =
        scene.journal().iter().map(|line| line["kind"].as_str().unwrap_or_default().to_owned()).collect();
    for kind in ["silence-begun", "acknowledged", "silence-ended"] {
        assert!(kinds.iter().any(|found| found == kind), "{kind} is not in {kinds:?}");
    }
    assert_eq!(stop(service).0.code, Some(0));
}
