//! The real program with subscribers: entered beside the running service, told by it, and told once though it is killed in the midst.

use std::collections::BTreeSet;
use std::process::Command;

use nadhir::secret::Secret;
use nadhir::sink::signature::{TOLERANCE, verify};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::super::outside::Manner;
use super::super::process::{End, Process, nadhir, run, text, wait_for};
use super::super::service::Scene;
use super::{Answer, Arrived, KEY, Shared, receivers};

/// A service with a channel of subscribers, and their receivers.
pub(super) struct House {
    pub(super) scene: Scene,
    pub(super) desk: Shared,
    base: String,
    _runtime: Runtime,
}

impl House {
    pub(super) fn open() -> Self {
        let scene = Scene::bare();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (desk, base) = runtime.block_on(receivers());
        let often = scene.outside.feeds_toml(&["rain"]).replace("every = \"1h\"", "every = \"10s\"");
        scene.write("feeds.toml", &often);
        scene.write("key", KEY);
        let key = scene.config().join("key");
        let channel = format!(
            "[open]\nkind = \"subscribers\"\naudience = \"public\"\nsecret = {{ file = {:?} }}\nallow = [\"127.0.0.0/8\"]\ntimeout = \"2s\"\n\
            [staff]\nkind = \"file\"\naudience = \"staff\"\npath = \"staff.jsonl\"\nform = \"json\"\n",
            text(&key)
        );
        scene.write("channels.toml", &channel);
        scene.outside.set("rain", Manner::Rain(0.0));
        Self { scene, desk, base, _runtime: runtime }
    }

    fn start(&self) -> Process {
        let mut service = Process::start(&mut self.scene.command());
        service.says(0, "Ready with");
        service
    }

    pub(super) fn ask(&self, arguments: &[&str]) -> End {
        let mut command: Command = nadhir(["subscriber"]);
        command.args(arguments);
        command.args(["--config", text(&self.scene.config()), "--state", text(&self.scene.state)]);
        run(&mut command)
    }

    pub(super) fn done(&self, arguments: &[&str]) -> String {
        let end = self.ask(arguments);
        assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""), "{arguments:?}: {end:?}");
        end.stdout
    }

    pub(super) fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.base)
    }

    fn listed(&self) -> Vec<Value> {
        self.done(&["list", "--json"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The warnings that came to one, by the key of their messages.
    pub(super) fn keys(&self, name: &str) -> Vec<String> {
        let desk = self.desk.lock().unwrap();
        let arrived = desk.arrived.get(name).into_iter().flatten();
        let keys = arrived.map(|one| one.headers["webhook-id"].to_str().unwrap().to_owned());
        keys.filter(|key| !key.starts_with("subscriber.")).collect()
    }

    /// All that came to one.
    pub(super) fn arrived(&self, name: &str) -> Vec<Arrived> {
        self.desk.lock().unwrap().arrived.get(name).cloned().unwrap_or_default()
    }
}

/// Makes sure that bodies are as the program says that they are.
fn are_as_they_are_told(bodies: &[Value]) {
    let told = run(&mut nadhir(["webhook", "events", "--json"]));
    assert_eq!(told.code, Some(0), "{told:?}");
    let types: Vec<Value> = serde_json::from_str(&told.stdout).unwrap();
    for body in bodies {
        let kind = types.iter().find(|kind| kind["type"] == body["type"]).unwrap_or_else(|| panic!("{body}"));
        let judge = jsonschema::draft202012::new(&kind["schema"]).unwrap();
        let faults: Vec<String> = judge.iter_errors(body).map(|why| why.to_string()).collect();
        assert!(faults.is_empty() && judge.is_valid(&kind["example"]), "{faults:?}: {body}");
    }
}

#[test]
fn one_is_entered_beside_the_running_service_shows_that_it_wants_to_hear_and_is_told() {
    let house = House::open();
    let _service = house.start();
    house.desk.lock().unwrap().answers.insert("deaf".to_owned(), Answer::Status(404));
    let said = house.done(&["add", "desk", "--url", &house.url("desk"), "--governorate", "jeddah", "--language", "ar"]);
    let secret = said.lines().find(|line| line.starts_with("whsec_")).unwrap().to_owned();
    assert!(said.contains("has shown that it wants to hear"), "{said}");
    let end = house.ask(&["add", "deaf", "--url", &house.url("deaf")]);
    assert_eq!(end.code, Some(1), "{end:?}");
    assert!(end.stderr.contains("nadhir subscriber verify deaf") && end.stderr.contains("404"), "{end:?}");
    let states: Vec<_> = house.listed().iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect();
    assert_eq!(states, ["active", "unverified"]);
    assert!(!house.done(&["list"]).contains("whsec_"));
    assert_eq!(house.done(&["test", "desk"]), "desk took the test: 200.\n");
    house.scene.outside.set("rain", Manner::Rain(3.0));
    wait_for("the warning", || (!house.keys("desk").is_empty()).then_some(()));
    assert_eq!(house.keys("deaf").len(), 0);
    let arrived = house.desk.lock().unwrap().arrived["desk"].last().cloned().unwrap();
    let now = chrono::Utc::now();
    assert_eq!(verify(&Secret::new(&secret), &arrived.headers, &arrived.body, now, TOLERANCE), Ok(()));
    let body: Value = serde_json::from_slice(&arrived.body).unwrap();
    assert!(body["data"]["text"]["ar"].is_object() && body["data"]["text"]["en"].is_null());
    let arrived = house.arrived("desk");
    let bodies: Vec<Value> = arrived.iter().map(|one| serde_json::from_slice(&one.body).unwrap()).collect();
    let types: BTreeSet<&str> = bodies.iter().map(|body| body["type"].as_str().unwrap()).collect();
    assert!(types.is_superset(&BTreeSet::from(["subscriber.challenge", "subscriber.test", "warning.issued"])));
    are_as_they_are_told(&bodies);
    let fresh = house.done(&["rotate", "desk"]);
    assert!(fresh.contains("2d") && !fresh.contains(&secret), "{fresh}");
    for (done, state) in [("pause", "paused"), ("resume", "active")] {
        house.done(&[done, "desk"]);
        assert_eq!(house.listed()[0]["state"], state);
    }
    house.done(&["edit", "desk", "--min-severity", "red", "--rate", "60/min"]);
    assert_eq!(
        (&house.listed()[0]["wishes"]["min_severity"], &house.listed()[0]["pace"]),
        (&"red".into(), &"60/min".into())
    );
    house.done(&["remove", "deaf"]);
    assert_eq!(house.listed().len(), 1);
}

#[test]
fn the_people_on_duty_hear_that_one_is_gone_and_resume_lets_it_in_again() {
    let house = House::open();
    let _service = house.start();
    house.done(&["add", "desk", "--url", &house.url("desk")]);
    house.desk.lock().unwrap().answers.insert("desk".to_owned(), Answer::Status(410));
    house.scene.outside.set("rain", Manner::Rain(3.0));
    let notice = wait_for("the notice", || {
        let lines = house.scene.lines("staff");
        lines.iter().map(|line| line["json"].clone()).find(|json| json["type"] == "notice.begun")
    });
    assert_eq!(notice["data"]["about"]["topic"], "subscriber-disabled");
    assert_eq!(notice["data"]["about"]["subscribers"][0]["name"], "desk");
    are_as_they_are_told(std::slice::from_ref(&notice));
    let body = notice["data"]["text"]["en"]["body"].as_str().unwrap();
    assert!(body.contains("nadhir subscriber resume NAME --channel open") && body.contains("410 Gone"), "{body}");
    let listed = house.done(&["list", "--state-of", "disabled"]);
    assert!(listed.contains("disabled: ") && listed.contains("answered 410 Gone"), "{listed}");
    assert!(house.listed()[0]["why"].as_str().unwrap().contains("410"));
    house.done(&["resume", "desk"]);
    assert_eq!((&house.listed()[0]["state"], &house.listed()[0]["why"]), (&"active".into(), &Value::Null));
}

#[test]
fn what_is_wrong_with_one_or_with_a_file_of_many_is_told_at_once_and_nobody_is_entered() {
    let house = House::open();
    assert_eq!(house.ask(&["list"]).code, Some(66), "there is no state yet");
    drop(house.start());
    let end =
        house.ask(&["add", "Desk", "--url", "http://desk.example/x", "--governorate", "atlantis", "--rate", "1/h"]);
    assert_eq!(end.code, Some(2), "{end:?}");
    for part in ["`Desk` is not a name", "write https://", "atlantis", "slower than one a minute"] {
        assert!(end.stderr.contains(part), "{part}: {end:?}");
    }
    let file = house.scene.config().join("partners.csv");
    let rows = "name,url,governorates,hazards,min_severity,languages,rate\n\
        one,https://one.example/x,jeddah taif,rain,orange,ar,\n\
        one,https://one.example/x,,,,,\n\
        two,ftp://two.example/x,nowhere,snow,,,\n";
    std::fs::write(&file, rows).unwrap();
    let end = house.ask(&["import", text(&file)]);
    assert_eq!(end.code, Some(65), "{end:?}");
    for part in [
        "csv:3: `one` is named twice",
        "csv:4: hazards: `snow`",
        "csv:4: no governorate is called nowhere",
        "csv:4: url: `ftp`",
    ] {
        assert!(end.stderr.contains(part), "{part}: {end:?}");
    }
    assert_eq!(house.listed().len(), 0);
    let end = house.ask(&["pause", "nobody"]);
    assert!(end.code == Some(2) && end.stderr.contains("`nobody` is no subscriber of open"), "{end:?}");
}

#[test]
fn a_service_that_is_killed_in_the_midst_tells_the_rest_and_hardly_anybody_twice() {
    let house = House::open();
    let names: Vec<String> = (0..3_000).map(|number| format!("s{number}")).collect();
    let file = house.scene.config().join("partners.csv");
    let rows: String = names.iter().map(|name| format!("{name},{}\n", house.url(name))).collect();
    std::fs::write(&file, format!("name,url\n{rows}")).unwrap();
    drop(house.start());
    let secrets = house.scene.config().join("secrets.csv");
    house.done(&["import", text(&file), "--verified", "--secrets", text(&secrets)]);
    assert_eq!(std::fs::read_to_string(&secrets).unwrap().lines().count(), 3_001);
    let service = house.start();
    house.scene.outside.set("rain", Manner::Rain(3.0));
    let told = || names.iter().filter(|name| !house.keys(name).is_empty()).count();
    wait_for("some of them", || (200 < told()).then_some(()));
    service.signal("KILL");
    drop(service);
    let before = told();
    let _again = house.start();
    wait_for("all of them", || (told() == names.len()).then_some(()));
    let first: BTreeSet<String> = names.iter().flat_map(|name| house.keys(name)).collect();
    let repeats: usize = first
        .iter()
        .map(|key| {
            let times = |name: &String| house.keys(name).iter().filter(|one| *one == key).count();
            names.iter().map(times).filter(|times| 1 < *times).count()
        })
        .sum();
    // A batch that was not stored, and what was on its way.
    assert!(repeats <= 700, "{repeats} of {before} were told twice");
}

#[test]
fn a_receiver_to_try_with_verifies_and_answers_the_challenge() {
    let house = House::open();
    drop(house.start());
    let secret = house.scene.config().join("secret");
    let mut receiver = Process::start(&mut nadhir(["webhook", "listen", "--port", "0", "--json", "--count", "2"]));
    receiver.says(0, "listening on ");
    let said = receiver.stderr();
    let base = said.lines().find_map(|line| line.strip_prefix("listening on ")).unwrap().to_owned();
    let added = house.done(&["add", "desk", "--url", &format!("{base}/hook")]);
    std::fs::write(&secret, added.lines().find(|line| line.starts_with("whsec_")).unwrap()).unwrap();
    house.done(&["test", "desk"]);
    let end = receiver.end();
    assert_eq!(end.code, Some(0), "{end:?}");
    let came: Vec<Value> = end.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let types: Vec<&str> = came.iter().map(|one| one["body"]["type"].as_str().unwrap()).collect();
    assert_eq!(
        (types, &came[0]["signature"]),
        (vec!["subscriber.challenge", "subscriber.test"], &"not-verified".into())
    );
    // With the secret of another, everything is refused; with its own, it is taken.
    for (own, code) in [(true, Some(0)), (false, Some(1))] {
        if !own {
            std::fs::write(&secret, "whsec_bm90aGluZyBpcyBsaWtlIGEgcXVpZXQgc2Vh").unwrap();
        }
        let mut receiver = Process::start(&mut nadhir([
            "webhook",
            "listen",
            "--port",
            "0",
            "--secret",
            text(&secret),
            "--count",
            "1",
        ]));
        receiver.says(0, "listening on ");
        let said = receiver.stderr();
        let base = said.lines().find_map(|line| line.strip_prefix("listening on ")).unwrap().to_owned();
        let end = house.ask(&["edit", "desk", "--url", &format!("{base}/hook")]);
        assert_eq!(end.code, code, "{end:?}");
        let told = receiver.end().stdout;
        assert!(told.contains(if own { "verified, answered 200" } else { "no signature fits" }), "{told}");
    }
}
