//! `nadhir run`, the real program: how it starts, reloads, refuses and stops, as systemd and the people on duty see it.

use std::collections::BTreeSet;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nadhir::cli::place::DATABASE;
use nadhir::outbox::Standing;
use nadhir::store::sqlite::SqliteStore;
use nadhir::store::{Archive as _, DeliveryRow};
use serde_json::Value;
use tempfile::TempDir;

use super::outside::{Manner, Outside, SECRET, file_toml};
use super::process::{End, PATIENCE, Process, nadhir, run, text, wait_for};

/// The longest that a stop may take when nobody holds it up: a fraction of what systemd allows.
const LONGEST_STOP: Duration = Duration::from_secs(15);

/// A service with its directories and the world around it.
pub(crate) struct Scene {
    pub(crate) outside: Outside,
    dir: TempDir,
    pub(crate) state: PathBuf,
}

impl Scene {
    /// A configuration of one feed, an archive and a webhook.
    pub(crate) fn open() -> Self {
        let scene = Self::bare();
        scene.write("feeds.toml", &scene.outside.feeds_toml(&["rain"]));
        scene.write("channels.toml", &(file_toml("archive") + &scene.desk()));
        scene
    }

    /// Directories, and nothing configured.
    pub(crate) fn bare() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("config")).unwrap();
        // Tests do not wait a minute for places that never come, nor two for somebody to say no.
        let settings = include_str!("../../config/nadhir.toml").replace("group_wait = \"1min\"", "group_wait = \"0s\"");
        let settings = settings.replace("red = \"2min\"", "red = \"at-once\"");
        std::fs::write(dir.path().join("config/nadhir.toml"), settings).unwrap();
        std::fs::write(dir.path().join("desk.secret"), SECRET).unwrap();
        let state = dir.path().join("state");
        Self { outside: Outside::open(), dir, state }
    }

    pub(crate) fn desk(&self) -> String {
        self.outside.hook_toml("desk", &self.dir.path().join("desk.secret"))
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.dir.path().join("config").join(name), content).unwrap();
    }

    /// The directory of the configuration.
    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("config")
    }

    pub(crate) fn command(&self) -> Command {
        nadhir(["run", "--config", text(&self.config()), "--state", text(&self.state)])
    }

    /// The journal as `nadhir journal` shows it, while the service runs.
    pub(crate) fn journal(&self) -> Vec<Value> {
        let end = run(&mut nadhir(["journal", "--json", "--last", "10000", "--state", text(&self.state)]));
        assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""), "{end:?}");
        end.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The same, for when the service may not have begun yet.
    pub(crate) fn journal_if_any(&self) -> Option<Vec<Value>> {
        self.state.join("archive.jsonl").exists().then(|| self.journal())
    }

    /// The bulletins in a file channel, by their names.
    pub(crate) fn lines(&self, channel: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.state.join(format!("{channel}.jsonl"))).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits until every channel has so many bulletins.
    pub(crate) fn has_warned(&self, at_least: usize) {
        wait_for("the warnings at both channels", || {
            let hooked = self.outside.arrivals().iter().filter(|arrival| arrival.hook == "desk").count();
            (at_least <= hooked && at_least <= self.lines("archive").len()).then_some(())
        });
    }

    fn deliveries(&self) -> Vec<DeliveryRow> {
        let store = SqliteStore::open(self.state.join(DATABASE)).unwrap();
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(store.deliveries()).unwrap()
    }
}

/// Stops a service in good order and tells how long it took.
pub(crate) fn stop(service: Process) -> (End, Duration) {
    let began = Instant::now();
    service.signal("TERM");
    let end = service.end();
    (end, began.elapsed())
}

/// The socket on which systemd would listen.
struct Systemd {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Systemd {
    fn listen(dir: &Path) -> Self {
        let path = dir.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, path }
    }

    /// Waits for a message that holds this; gives the whole of it.
    fn hears(&self, what: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let length = self.socket.recv(&mut buffer).unwrap_or_else(|why| panic!("never heard `{what}`: {why}"));
            let message = String::from_utf8(buffer[..length].to_vec()).unwrap();
            if message.lines().any(|line| line.starts_with(what)) {
                return message;
            }
        }
    }
}

#[test]
fn it_tells_systemd_that_it_is_ready_and_warns_and_stops_in_good_order() {
    let scene = Scene::open();
    scene.outside.set("rain", Manner::Rain(3.0));
    let systemd = Systemd::listen(scene.dir.path());
    let mut service =
        Process::start(scene.command().env("NOTIFY_SOCKET", &systemd.path).env("WATCHDOG_USEC", "90000000"));
    systemd.hears("READY=1");
    systemd.hears("WATCHDOG=1");
    scene.has_warned(1);
    assert_eq!(service.ended(), None);
    let (end, took) = stop(service);
    systemd.hears("STOPPING=1");
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(took < LONGEST_STOP, "stopping took {took:?}");
    assert_eq!(end.stdout, "", "what is logged goes to standard error");
    assert!(
        !end.stderr.contains(SECRET) && !end.stderr.contains(SECRET.trim_start_matches("whsec_")),
        "the secret is in the log"
    );
    let arrivals = scene.outside.arrivals();
    let ids: BTreeSet<&str> = arrivals.iter().map(|arrival| arrival.id.as_str()).collect();
    assert_eq!(ids.len(), arrivals.len(), "each message came once");
    let named: BTreeSet<&str> = arrivals.iter().map(|arrival| arrival.body["data"]["id"].as_str().unwrap()).collect();
    let archived = scene.lines("archive");
    assert_eq!(named, archived.iter().map(|line| line["bulletin"].as_str().unwrap()).collect());
}

#[test]
fn what_is_due_is_delivered_before_it_stops() {
    let scene = Scene::open();
    scene.outside.set("rain", Manner::Rain(3.0));
    scene.outside.open_gate(false);
    let mut service = Process::start(&mut scene.command());
    wait_for("a delivery in the receiver's hands", || (0 < scene.outside.taken()).then_some(()));
    service.signal("TERM");
    service.says(0, "Stopping");
    assert_eq!(scene.outside.arrivals().len(), 0);
    scene.outside.open_gate(true);
    let end = service.end();
    assert_eq!(end.code, Some(0), "{end:?}");
    let rows = scene.deliveries();
    let owed: Vec<_> = rows.iter().filter(|row| row.standing != Standing::Delivered).collect();
    assert!(owed.is_empty(), "{owed:#?}\n{}", end.stderr);
    assert_eq!(rows.iter().filter(|row| row.channel == "desk").count(), scene.outside.arrivals().len());
    assert!(!scene.outside.arrivals().is_empty(), "what was in its hands has arrived");
}

#[test]
fn a_receiver_that_hangs_does_not_keep_it_from_stopping() {
    let scene = Scene::open();
    scene.outside.set("rain", Manner::Rain(3.0));
    scene.write("channels.toml", &scene.desk().replace("secret =", "timeout = \"2s\"\nsecret ="));
    scene.outside.open_gate(false);
    let service = Process::start(&mut scene.command());
    wait_for("a delivery in the receiver's hands", || (0 < scene.outside.taken()).then_some(()));
    let (end, took) = stop(service);
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(took < LONGEST_STOP, "stopping took {took:?}:\n{}", end.stderr);
    assert!(end.stderr.contains("still owed goes out after the next start"), "{}", end.stderr);
    scene.outside.open_gate(true);
    let _again = Process::start(&mut scene.command());
    wait_for("what was owed", || {
        let rows = scene.journal().iter().filter(|line| line["kind"] == "bulletin").count();
        let ids: BTreeSet<String> = scene.outside.arrivals().into_iter().map(|arrival| arrival.id).collect();
        (0 < rows && rows == ids.len()).then_some(())
    });
}

#[test]
fn a_good_configuration_is_taken_up_at_once_and_a_broken_one_never() {
    let scene = Scene::open();
    let often = scene.outside.feeds_toml(&["rain"]).replace("every = \"1h\"", "every = \"10s\"");
    scene.write("feeds.toml", &often);
    scene.outside.set("rain", Manner::Rain(0.0));
    let systemd = Systemd::listen(scene.dir.path());
    let mut service = Process::start(scene.command().env("NOTIFY_SOCKET", &systemd.path));
    systemd.hears("READY=1");

    let good = file_toml("archive") + &scene.desk() + &file_toml("second");
    scene.write("channels.toml", &good);
    service.signal("HUP");
    assert!(systemd.hears("RELOADING=1").contains("MONOTONIC_USEC="));
    systemd.hears("READY=1");
    let said = service.says(0, "Reloaded: the new configuration is in force");
    scene.outside.set("rain", Manner::Rain(3.0));
    scene.has_warned(1);
    wait_for("the warnings at the new channel", || {
        (scene.lines("second").len() == scene.lines("archive").len()).then_some(())
    });

    scene.write("channels.toml", &good.replace("audience", "audiance"));
    service.signal("HUP");
    systemd.hears("RELOADING=1");
    systemd.hears("READY=1");
    let said = service.says(said, "Not reloaded: the old configuration stays in force");
    let why = service.stderr();
    assert!(why.contains("channels.toml:") && why.contains("audiance"), "{why}");

    scene.write("channels.toml", &(file_toml("archive") + &scene.desk().replace("desk.secret", "no.such.secret")));
    service.signal("HUP");
    service.says(said, "Not reloaded: the old configuration stays in force");
    let why = service.stderr();
    assert!(why.contains("desk: ") && why.contains("no.such.secret cannot be read"), "{why}");

    let before = scene.lines("second").len();
    scene.outside.set("rain", Manner::Rain(8.0));
    wait_for("a bulletin at the channel of the old configuration", || {
        (before < scene.lines("second").len()).then_some(())
    });
    assert_eq!(stop(service).0.code, Some(0));
}

#[test]
fn mistakes_in_the_configuration_are_all_shown_and_nothing_is_started() {
    let scene = Scene::open();
    scene.write(
        "channels.toml",
        "[archive]\nkind = \"fiel\"\naudience = \"public\"\n\n[desk]\nkind = \"console\"\naudience = \"all\"\n",
    );
    let end = run(&mut scene.command());
    assert_eq!(end.code, Some(78), "{end:?}");
    for part in ["channels.toml:2", "fiel", "channels.toml:7", "\"all\"", "^^^", "nothing was started"] {
        assert!(end.stderr.contains(part), "{part} is not in:\n{}", end.stderr);
    }
    assert!(!scene.state.exists(), "not even the state directory was made");
    assert_eq!(scene.outside.asked("rain"), 0);

    let mut nowhere = nadhir(["run", "--config", "/nowhere/at/all", "--state", text(&scene.state)]);
    let end = run(&mut nowhere);
    assert!(end.code != Some(0) && end.stderr.contains("/nowhere/at/all"), "{end:?}");
}

#[test]
fn a_channel_that_cannot_be_opened_is_named_and_nothing_is_started() {
    let scene = Scene::open();
    let credential = "[radio]\nkind = \"webhook\"\naudience = \"public\"\nurl = \"https://radio.example/\"\n\
                      secret = { credential = \"radio\" }\n";
    let missing = scene.desk().replace("desk.secret", "no.such.secret");
    scene.write("channels.toml", &(file_toml("archive") + &missing + credential));
    let end = run(scene.command().env_remove("CREDENTIALS_DIRECTORY"));
    assert_eq!(end.code, Some(69), "{end:?}");
    for part in ["2 channels", "desk: ", "no.such.secret cannot be read", "radio: ", "LoadCredential=radio:"] {
        assert!(end.stderr.contains(part), "{part} is not in:\n{}", end.stderr);
    }
    assert!(!end.stderr.contains("Ready with"), "{}", end.stderr);
    assert_eq!(scene.outside.asked("rain"), 0);
}

#[test]
fn a_state_directory_that_cannot_be_used_is_named() {
    let refused = |scene: &Scene, parts: &[&str]| {
        let end = run(&mut scene.command());
        assert_eq!(end.code, Some(69), "{end:?}");
        for part in parts {
            assert!(end.stderr.contains(part), "{part} is not in:\n{}", end.stderr);
        }
        assert_eq!(scene.outside.asked("rain"), 0);
    };
    // Files in the place of directories, since no permission binds root.
    let scene = Scene::open();
    std::fs::write(&scene.state, "").unwrap();
    refused(&scene, &["is not a directory", text(&scene.state), "--state"]);
    let scene = Scene::open();
    std::fs::create_dir_all(scene.state.join("nadhir.lock")).unwrap();
    refused(&scene, &["nadhir.lock cannot be written"]);
    let scene = Scene::open();
    std::fs::create_dir_all(scene.state.join(DATABASE)).unwrap();
    refused(&scene, &["the store could not be opened", DATABASE]);
    let scene = Scene::open();
    std::fs::create_dir(&scene.state).unwrap();
    std::fs::write(scene.state.join(DATABASE), "a letter to a friend, and no database at all\n".repeat(100)).unwrap();
    refused(&scene, &["the store could not be opened", DATABASE]);
    let kept = std::fs::read_to_string(scene.state.join(DATABASE)).unwrap();
    assert!(kept.starts_with("a letter to a friend"), "what is not ours is not touched");
}

#[test]
fn a_second_service_on_the_same_state_is_refused_and_the_first_goes_on() {
    let scene = Scene::open();
    scene.outside.set("rain", Manner::Rain(0.0));
    let mut first = Process::start(&mut scene.command());
    first.says(0, "Ready with");
    let second = run(&mut scene.command());
    assert_eq!(second.code, Some(69), "{second:?}");
    assert!(second.stderr.contains("another nadhir is running on"), "{second:?}");
    assert_eq!(first.ended(), None);
    // The state stays readable beside it.
    assert!(scene.journal().iter().any(|line| line["kind"] == "start"));
}
