//! `nadhir explain`, `nadhir route explain` and `nadhir schema`, the real program: beside a running service, and on what it left.

use nadhir::cli::place::DATABASE;
use serde_json::Value;

use super::outside::Manner;
use super::process::{End, Process, nadhir, run, text};
use super::service::{Scene, stop};

/// A service that has warned of a forecast of three millimetres.
fn warned(scene: &Scene) -> Process {
    scene.outside.set("rain", Manner::Rain(3.0));
    let service = Process::start(&mut scene.command());
    scene.has_warned(1);
    service
}

fn asked<const N: usize>(scene: &Scene, arguments: [&str; N]) -> End {
    let (config, state) = (scene.config(), scene.state.clone());
    let mut command = nadhir(arguments);
    command.args(["--config", text(&config), "--state", text(&state)]);
    run(&mut command)
}

fn json(end: &End) -> Value {
    assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""), "{end:?}");
    serde_json::from_str(&end.stdout).unwrap()
}

#[test]
fn it_explains_beside_a_running_service_and_changes_nothing() {
    let scene = Scene::open();
    let service = warned(&scene);
    let told = json(&asked(&scene, ["explain", "جدة", "rain", "--json"]));
    let rain = &told["hazards"][0];
    assert_eq!((&told["governorate"], &rain["hazard"]), (&"jeddah".into(), &"rain".into()));
    assert_eq!(rain["warnings"][0]["severity"], "yellow");
    let rate = rain["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == "rain-rate-1h").unwrap();
    assert_eq!(rate["account"]["severities"][0]["verdict"], "reached");
    assert_eq!(rate["account"]["severities"][0]["by"]["value"], 3.0);
    assert_eq!(rate["account"]["severities"][1]["lacks"]["by"], 2.0);
    assert_eq!(rate["account"]["voices"][0]["feed"], "rain");

    let end = asked(&scene, ["explain", "jeddah"]);
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(end.stdout.contains("Jeddah, rain: yellow "), "{}", end.stdout);
    assert!(end.stdout.contains(", by rain-rate-1h: 3 mm in 1h forecast by rain, "), "{}", end.stdout);
    assert!(end.stdout.contains("2 mm more in 1h by rain until "), "{}", end.stdout);
    assert!(end.stdout.contains("would make it orange by rain-rate-1h (from 5 mm)."), "{}", end.stdout);
    assert!(!end.stdout.contains('\x1b'), "no colours where no terminal reads them");
    let (end, _) = stop(service);
    assert_eq!(end.code, Some(0), "{end:?}");
    let again = json(&asked(&scene, ["explain", "jeddah", "rain", "--json"]));
    assert_eq!(again["hazards"][0]["warnings"], rain["warnings"], "what it left is explained as well");
}

#[test]
fn each_way_to_ask_wrongly_has_its_code_and_advice() {
    let scene = Scene::open();
    let end = asked(&scene, ["explain", "jeda"]);
    assert_eq!(end.code, Some(2), "{end:?}");
    assert!(end.stderr.contains("no governorate is called `jeda`: did you mean `jeddah`?"), "{end:?}");
    let end = asked(&scene, ["explain", "jeddah", "rian"]);
    assert!(end.code == Some(2) && end.stderr.contains("rain"), "{end:?}");
    let end = asked(&scene, ["explain", "jeddah"]);
    assert!(end.code == Some(66) && end.stderr.contains("--state"), "{end:?}");
    assert!(!scene.state.join(DATABASE).exists(), "to look makes nothing");
    std::fs::create_dir_all(&scene.state).unwrap();
    std::fs::write(scene.state.join(DATABASE), "no database").unwrap();
    let end = asked(&scene, ["explain", "jeddah"]);
    assert_eq!(end.code, Some(69), "{end:?}");
    scene.write("channels.toml", "[desk]\nkind = \"webook\"\naudience = \"public\"\n");
    for command in ["explain jeddah", "route explain --bulletin MKH-2025-000001.1"] {
        let words: Vec<&str> = command.split(' ').collect();
        let mut command = nadhir([]);
        command.args(words).args(["--config", text(&scene.config()), "--state", text(&scene.state)]);
        let end = run(&mut command);
        assert!(end.code == Some(78) && end.stderr.contains("did you mean `webhook`?"), "{end:?}");
    }
}

#[test]
fn who_heard_a_bulletin_and_who_would_is_told() {
    let scene = Scene::open();
    let service = warned(&scene);
    let said = scene.lines("archive")[0]["bulletin"].as_str().unwrap().to_owned();
    drop(stop(service));
    let told = json(&asked(&scene, ["route", "explain", "--json", "--bulletin", &said]));
    assert_eq!(told["bulletin"], said.as_str());
    assert_eq!(told["channels"].as_array().unwrap().len(), 2);
    assert!(told["channels"].as_array().unwrap().iter().all(|channel| channel["hears"] == true), "{told}");

    let (number, _) = said.rsplit_once('.').unwrap();
    let end = asked(&scene, ["route", "explain", "--bulletin", &format!("{number}.9")]);
    assert_eq!(end.code, Some(2), "{end:?}");
    assert!(end.stderr.contains(&format!("of this number there are {said}")), "{end:?}");

    let words = ["--hazard", "rain", "--severity", "red", "--governorate", "jeddah,الطائف", "--status", "exercise"];
    let mut command = nadhir(["route", "explain"]);
    command.args(words).args(["--config", text(&scene.config())]);
    let end = run(&mut command);
    assert_eq!(end.code, Some(0), "{end:?}");
    insta::assert_snapshot!(end.stdout, @"
    A made-up bulletin: rain red issued in jeddah, taif (automatic, exercise).
    Nobody hears it.

      channel  kind     audience  hears  why
      archive  file     public    no     the bulletin is exercise and its audience is public
      desk     webhook  public    no     the bulletin is exercise and its audience is public
    ");
}

#[test]
fn schemas_are_printed_and_written_for_editors() {
    let end = run(&mut nadhir(["schema", "rules"]));
    let rules: Value = serde_json::from_str(&end.stdout).unwrap();
    assert_eq!(rules["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(rules["$defs"]["rule"]["properties"]["at_least"]["properties"]["red"].is_object());
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("schema");
    let end = run(&mut nadhir(["schema", "--out", text(&out)]));
    assert_eq!(end.code, Some(0), "{end:?}");
    let kinds = ["channels", "feeds", "governorates", "nadhir", "rules", "seasons", "wording"];
    for kind in kinds {
        let written = std::fs::read_to_string(out.join(format!("{kind}.schema.json"))).unwrap();
        let written: Value = serde_json::from_str(&written).unwrap();
        let validator = jsonschema::draft202012::new(&written).unwrap();
        let name = if kind == "rules" { "rules/rain.toml" } else { &format!("{kind}.toml") };
        let name = if kind == "wording" { "wording/ar.toml" } else { name };
        let shipped: Value = toml::from_str(nadhir::config::embedded::text(name).unwrap()).unwrap();
        assert!(validator.is_valid(&shipped), "{kind}");
    }
    let end = run(&mut nadhir(["schema"]));
    assert_eq!((end.code, kinds.iter().all(|kind| end.stdout.contains(kind))), (Some(0), true), "{end:?}");
    assert_eq!(run(&mut nadhir(["schema", "rule"])).code, Some(2));
    std::fs::write(dir.path().join("file"), "in the way").unwrap();
    let end = run(&mut nadhir(["schema", "--out", text(&dir.path().join("file"))]));
    assert!(end.code == Some(74) && end.stderr.contains("cannot be made"), "{end:?}");
}
