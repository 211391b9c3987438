//! `nadhir demo`, the real program: a storm told whole, a storm that is killed again and again, and a storm that is mistyped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use nadhir::cli::demo::receiver::Arrival;
use nadhir::cli::place::DATABASE;
use nadhir::outbox::Standing;
use nadhir::store::Archive as _;
use nadhir::store::sqlite::SqliteStore;
use serde_json::Value;

use super::process::{End, Process, nadhir, run, text, wait_for};

/// Storm seconds in one of ours: the day of the storm in seven seconds.
const FAST: &str = "12000";

/// How often the storm is killed.
const DEATHS: usize = 6;

/// The longest life before a death.
const LONGEST_LIFE_MS: u64 = 1200;

/// The variable that plays the deaths of a failed test again.
const SEED: &str = "NADHIR_SEED";

fn summary(end: &End) -> Value {
    assert_eq!(end.code, Some(0), "{end:?}");
    serde_json::from_str(&end.stdout).unwrap_or_else(|why| panic!("{why}: {end:?}"))
}

fn count(summary: &Value, name: &str) -> u64 {
    summary[name].as_u64().unwrap_or_else(|| panic!("no count `{name}` in {summary:#}"))
}

/// What holds for every storm that was lived through, however often it was interrupted.
fn check_nothing_is_lost(summary: &Value) {
    for name in ["lost", "duplicates", "unverified"] {
        assert_eq!(count(summary, name), 0, "{name} in {summary:#}");
    }
    assert_eq!(count(summary, "delivered") + count(summary, "superseded"), count(summary, "owed"), "{summary:#}");
    for name in ["issued", "raised", "lowered", "lifted"] {
        assert!(0 < count(summary, name), "{name} in {summary:#}");
    }
    assert_eq!(summary["is_reconstruction"], true);
}

#[test]
fn every_warning_of_the_storm_arrives_once_and_verified() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let end = run(&mut nadhir(["demo", "--once", "--json", "--speed", FAST, "--state", text(&state)]));
    let summary = summary(&end);
    check_nothing_is_lost(&summary);
    assert_eq!(count(&summary, "repeats"), 0, "{summary:#}");
    assert_eq!(summary["is_resumed"], false);
    assert!(0 < count(&summary, "retries"), "the stumbling hook made none stumble: {summary:#}");
    assert_eq!(end.stderr, "", "a storm that went well leaves nothing to say");
}

/// Where a delivery goes, and of which bulletin.
type Place = (String, String);

/// What can be found at the receivers and in the archive, and how often.
fn found(state: &Path) -> BTreeMap<Place, usize> {
    let read = |name: &str| std::fs::read_to_string(state.join(name)).unwrap_or_default();
    // A last line without an end was torn by the kill, before its sender had an answer.
    let whole = |text: String| -> Vec<String> {
        text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(str::to_owned).collect()
    };
    let mut found = BTreeMap::new();
    for line in whole(read("arrivals.jsonl")) {
        let arrival: Arrival = serde_json::from_str(&line).unwrap();
        assert!(arrival.verified, "{arrival:?}");
        *found.entry((arrival.hook, arrival.bulletin.unwrap())).or_default() += 1;
    }
    for line in whole(read("bulletins.jsonl")) {
        let line: Value = serde_json::from_str(&line).unwrap();
        *found.entry(("archive".to_owned(), line["bulletin"].as_str().unwrap().to_owned())).or_default() += 1;
    }
    found
}

/// What the store holds as delivered. It is read from a copy, so that the next life finds the very files that the kill left.
fn settled(state: &Path) -> BTreeSet<Place> {
    let copy = tempfile::tempdir().unwrap();
    for end in ["", "-wal"] {
        let name = format!("{DATABASE}{end}");
        if state.join(&name).exists() {
            std::fs::copy(state.join(&name), copy.path().join(&name)).unwrap();
        }
    }
    let store = SqliteStore::open(copy.path().join(DATABASE)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let rows = runtime.block_on(store.deliveries()).unwrap();
    let delivered = rows.into_iter().filter(|row| row.standing == Standing::Delivered);
    delivered.map(|row| (row.channel, row.bulletin.to_string())).collect()
}

#[test]
fn a_storm_that_is_killed_again_and_again_loses_nothing_and_repeats_nothing_settled() {
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    // Shown when the test fails.
    eprintln!("play these deaths again with {SEED}={seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let mut storm = nadhir(["demo", "--once", "--json", "--speed", FAST, "--state", text(&state)]);
    let mut known: BTreeMap<Place, usize> = BTreeMap::new();
    for death in 0..DEATHS {
        let mut life = Process::start(&mut storm);
        if death == 0 {
            wait_for("the first warning", || (!found(&state).is_empty()).then_some(()));
        }
        std::thread::sleep(Duration::from_millis(chance.u64(..LONGEST_LIFE_MS)));
        assert_eq!(life.ended(), None, "the storm was over before death {death}:\n{}", life.stderr());
        life.kill();
        let found = found(&state);
        for (place, before) in &known {
            assert_eq!(found.get(place), Some(before), "{place:?} was settled and came again before death {death}");
        }
        for place in settled(&state) {
            let times = *found.get(&place).unwrap_or_else(|| panic!("{place:?} is settled and nowhere to be found"));
            known.insert(place, times);
        }
    }
    assert!(!known.is_empty(), "nothing was settled in any life");
    let summary = summary(&run(&mut storm));
    check_nothing_is_lost(&summary);
    assert_eq!(summary["is_resumed"], true);
    let found = found(&state);
    for (place, before) in &known {
        assert_eq!(found.get(place), Some(before), "{place:?} was settled and came again in the last life");
    }
}

#[test]
fn a_second_demo_on_the_same_state_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["demo", "--once", "--json", "--state", text(dir.path())];
    let mut first = Process::start(&mut nadhir(arguments));
    wait_for("the first demo", || dir.path().join("demo.json").exists().then_some(()));
    let second = run(&mut nadhir(arguments));
    assert_eq!(second.code, Some(69), "{second:?}");
    assert_eq!(second.stdout, "");
    assert!(second.stderr.contains("another nadhir is running on"), "{second:?}");
    assert!(second.stderr.contains("--state"), "it says what to do: {second:?}");
    assert_eq!(first.ended(), None, "the first one goes on");
}

#[test]
fn ctrl_c_ends_a_demo_in_good_order_and_it_goes_on_later() {
    let dir = tempfile::tempdir().unwrap();
    let mut storm = nadhir(["demo", "--once", "--speed", "2000", "--state", text(dir.path())]);
    let life = Process::start(&mut storm);
    wait_for("the first warning", || (!found(dir.path()).is_empty()).then_some(()));
    life.signal("INT");
    let end = life.end();
    assert_eq!(
        (end.code, end.stderr.as_str()),
        (Some(130), ""),
        "a script must not take this for a whole storm: {end:?}"
    );
    let again = run(&mut nadhir(["demo", "--json", "--speed", FAST, "--state", text(dir.path())]));
    let summary = summary(&again);
    check_nothing_is_lost(&summary);
    assert_eq!(summary["is_resumed"], true);
}

#[test]
fn the_printed_storm_can_be_played_and_its_mistakes_are_shown_in_place() {
    let printed = run(&mut nadhir(["demo", "--print-storm"]));
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""), "{printed:?}");
    let dir = tempfile::tempdir().unwrap();
    let (file, state) = (dir.path().join("storm.toml"), dir.path().join("state"));

    let wrong =
        printed.stdout.replace("zone = \"Asia/Riyadh\"", "zone = \"Asia/Riyad\"").replace("hours = 5", "houra = 5");
    assert_ne!(wrong, printed.stdout);
    std::fs::write(&file, wrong).unwrap();
    let arguments = ["demo", "--json", "--speed", "20000", "--storm", text(&file), "--state", text(&state)];
    let end = run(&mut nadhir(arguments));
    assert_eq!(end.code, Some(78), "{end:?}");
    assert!(
        end.stderr.contains("Asia/Riyad\"") && end.stderr.contains("houra") && end.stderr.contains("^^"),
        "{end:?}"
    );
    assert!(!state.exists(), "nothing was started");

    std::fs::write(&file, printed.stdout).unwrap();
    let summary = summary(&run(&mut nadhir(arguments)));
    assert_eq!(count(&summary, "lost"), 0, "{summary:#}");
}
