//! Who hears a made-up bulletin, by the function that the service asks, as a person reads it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Arguments as Nadhir;
use super::super::which::made_up;
use super::*;
use crate::config;
use crate::config::Config;
use crate::time::Timestamp;
use clap::Parser as _;

const CHANNELS: &str = "[all]\nkind = \"console\"\naudience = \"public\"\n\n\
    [red-only]\nkind = \"file\"\naudience = \"public\"\npath = \"red.jsonl\"\nmin_severity = \"red\"\n\n\
    [coast]\nkind = \"file\"\naudience = \"public\"\npath = \"coast.jsonl\"\ngovernorates = { tags = [\"coastal\"] }\n\
    hazards = [\"sea\", \"wind\"]\n\n\
    [drill]\nkind = \"console\"\naudience = \"drill\"\n";

fn configuration() -> Config {
    config::from_files(BTreeMap::from([("channels.toml".to_owned(), CHANNELS.to_owned())])).unwrap().0
}

fn asked(arguments: &str) -> Explain {
    let words = ["nadhir", "route", "explain"].into_iter().chain(arguments.split_whitespace());
    match Nadhir::parse_from(words).command {
        super::super::Command::Route(Arguments { command: Command::Explain(asked) }) => asked,
        _ => panic!("{arguments}"),
    }
}

fn explained(arguments: &str) -> Report {
    let config = configuration();
    let bulletin =
        made_up(&asked(arguments).which, &config, Timestamp::UNIX_EPOCH).map_err(|stopped| stopped.1).unwrap();
    report(&bulletin, config.channels.iter().map(|channel| (&channel.listener, channel.kind)))
}

#[track_caller]
fn check(arguments: &str, heard_by: &[&str]) {
    let report = explained(arguments);
    let heard: BTreeSet<&str> =
        report.channels.iter().filter(|channel| channel.hears).map(|channel| channel.channel.as_str()).collect();
    assert_eq!(heard, heard_by.iter().copied().collect(), "{}", whole(&report));
}

#[test]
fn each_channel_is_told_with_its_reason() {
    let text = whole(&explained("--hazard rain --severity yellow --governorate الطائف,jeddah"));
    insta::assert_snapshot!(text, @"
    A made-up bulletin: rain yellow issued in jeddah, taif (automatic, actual).
    1 of 4 channels hear it.

      channel   kind     audience  hears  why
      all       console  public    yes
      red-only  file     public    no     it hears red and above
      coast     file     public    no     it does not hear of rain
      drill     console  drill     no     the bulletin is actual and its audience is drill
    ");
    let text = whole(&explained("--hazard wind --severity yellow --governorate jeddah --change lifted --worst red"));
    insta::assert_snapshot!(text, @"
    A made-up bulletin: wind yellow lifted in jeddah, red at its worst (automatic, actual).
    3 of 4 channels hear it.

      channel   kind     audience  hears  why
      all       console  public    yes
      red-only  file     public    yes    it was red before, and who heard of that hears how it goes on
      coast     file     public    yes
      drill     console  drill     no     the bulletin is actual and its audience is drill
    ");
}

#[test]
fn drills_and_ends_go_where_they_should() {
    check("--hazard wind --severity red --governorate jeddah --status exercise", &["drill"]);
    check("--hazard wind --severity red --governorate jeddah --official", &["all", "coast", "red-only"]);
    check("--hazard wind --severity yellow --governorate taif --worst red", &["all", "red-only"]);
}

#[test]
fn scripts_read_the_same_as_json() {
    let told = explained("--hazard rain --severity yellow --governorate taif");
    let told: serde_json::Value = serde_json::from_str(&json(&told)).unwrap();
    assert_eq!((&told["bulletin"], &told["areas"][0]), (&serde_json::Value::Null, &"taif".into()));
    let coast = told["channels"].as_array().unwrap().iter().find(|channel| channel["channel"] == "coast").unwrap();
    let reasons: Vec<&str> =
        coast["why_not"].as_array().unwrap().iter().map(|reason| reason["is"].as_str().unwrap()).collect();
    assert_eq!((&coast["hears"], reasons.as_slice()), (&false.into(), ["hazards", "governorates"].as_slice()));
}

#[test]
fn an_unknown_place_is_told_with_advice() {
    let wrong = asked("--hazard rain --severity yellow --governorate jeda");
    let Err(Stopped(code, why)) = made_up(&wrong.which, &configuration(), Timestamp::UNIX_EPOCH) else { panic!() };
    assert_eq!(code, super::super::EX_USAGE);
    assert!(why.contains("no governorate is called `jeda`: did you mean"), "{why}");
}
