//! The real service in bad times: feeds that answer anything but weather, and a disk that is full.
//!
//! What cannot be tried on a machine is said aloud and never passed over in silence.

use std::cell::RefCell;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use nadhir::cli::place::DATABASE;
use serde_json::Value;

use super::outside::Manner;
use super::process::{Process, nadhir, run, text, wait_for};
use super::service::{Scene, stop};

/// How a feed answers, and how the journal tells of it.
const BAD_ANSWERS: [(&str, Manner, &str, &str); 5] = [
    ("html", Manner::Html, "trouble", "answered something that cannot be read"),
    ("nothing", Manner::Nothing, "trouble", "answered something that cannot be read"),
    ("unchanged", Manner::Unchanged, "feed", "answered that nothing has changed"),
    ("broken", Manner::Broken, "trouble", "did not answer: the server answered 500"),
    ("hang", Manner::Hang, "trouble", "did not answer"),
];

fn bulletins(journal: &[Value]) -> Vec<&str> {
    journal.iter().filter(|line| line["kind"] == "bulletin").map(|line| line["subject"].as_str().unwrap()).collect()
}

/// Waits until the journal tells of every bad answer, each in a line of its own; gives the journal.
fn tells_of_all(scene: &Scene, from: usize) -> Vec<Value> {
    wait_for("a line for every bad answer", || {
        let journal = scene.journal();
        let told = |feed: &str, kind: &str, how: &str| {
            journal.iter().skip(from).any(|line| {
                line["subject"] == feed && line["kind"] == kind && line["text"].as_str().unwrap().contains(how)
            })
        };
        BAD_ANSWERS.iter().all(|(feed, _, kind, how)| told(feed, kind, how)).then_some(journal)
    })
}

#[test]
fn every_bad_answer_is_told_by_itself_and_none_of_them_lifts_or_issues_anything() {
    let scene = Scene::open();
    scene.write("feeds.toml", &scene.outside.feeds_toml(&BAD_ANSWERS.map(|(feed, ..)| feed)));
    for (feed, ..) in BAD_ANSWERS {
        scene.outside.set(feed, Manner::Rain(3.0));
    }
    let mut service = Process::start(&mut scene.command());
    scene.has_warned(1);
    wait_for("all feeds", || {
        let journal = scene.journal();
        BAD_ANSWERS.iter().all(|(feed, ..)| journal.iter().any(|line| line["subject"] == *feed)).then_some(())
    });
    let before = scene.journal();
    for (feed, manner, ..) in BAD_ANSWERS {
        scene.outside.set(feed, manner);
    }
    service.signal("HUP");
    service.says(0, "Reloaded");
    let after = tells_of_all(&scene, before.len());
    assert_eq!(bulletins(&after), bulletins(&before), "{after:#?}");
    let log = service.stderr();
    for (feed, _, kind, how) in BAD_ANSWERS {
        let level = if kind == "trouble" { "WARN" } else { "INFO" };
        assert!(
            log.lines().any(|line| line.contains(level) && line.contains(feed) && line.contains(how)),
            "{feed}: {log}"
        );
    }
    assert_eq!(stop(service).0.code, Some(0));
}

#[test]
fn a_service_that_never_hears_weather_never_warns_and_never_says_that_all_is_calm() {
    let scene = Scene::open();
    let feeds = ["html", "nothing", "broken", "hang"];
    scene.write("feeds.toml", &scene.outside.feeds_toml(&feeds));
    for (feed, manner, ..) in BAD_ANSWERS {
        scene.outside.set(feed, manner);
    }
    let service = Process::start(&mut scene.command());
    let journal = wait_for("a line for every feed", || {
        let journal = scene.journal_if_any()?;
        feeds.iter().all(|feed| journal.iter().any(|line| line["subject"] == *feed)).then_some(journal)
    });
    assert!(bulletins(&journal).is_empty(), "{journal:#?}");
    let troubles = journal.iter().filter(|line| line["kind"] == "trouble").count();
    assert_eq!(troubles, feeds.len(), "{journal:#?}");
    assert_eq!(stop(service).0.code, Some(0));
    assert!(scene.outside.arrivals().is_empty() && scene.lines("archive").is_empty());
}

/// A small file system of its own; it is taken away when dropped.
struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// None, and why, where mounting is not permitted.
    fn mount(at: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "nadhir-test", text(at)]).output();
        match mounted {
            Ok(output) if output.status.success() => Ok(Self { at: at.to_path_buf() }),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(why) => Err(why.to_string()),
        }
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut ballast = File::options().create(true).append(true).open(self.ballast()).unwrap();
        while ballast.write_all(&[0; 512]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.at.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, since a service that failed its test may still hold files there.
        let _ = Command::new("umount").args(["-l", text(&self.at)]).status();
    }
}

/// What a full disk is made from and ended by.
enum Fullness {
    Disk(SmallDisk),
    /// A limit on the size of files, which any user may set: the same failed writes, without a disk of its own.
    Limit,
    /// The kernel's answer to each write to the store, as of a disk that has turned read-only or broken (strace puts it there).
    Broken(&'static str, RefCell<Option<Child>>),
}

const NOT_STORED: &str = "A decision could not be stored and is tried again";

#[test]
fn a_full_disk_stops_nothing_and_what_it_held_up_is_said_once_there_is_space() {
    let scene = Scene::open();
    let fullness = match SmallDisk::mount(&scene.state) {
        Ok(disk) => Fullness::Disk(disk),
        Err(why) => {
            eprintln!(
                "NOT TRIED: a full file system, because none can be mounted here ({why}); \
                 tried instead: a limit on the size of files"
            );
            Fullness::Limit
        }
    };
    live_through(&scene, &fullness);
}

#[test]
fn a_disk_that_turns_read_only_stops_nothing_and_what_it_held_up_is_said_once_it_is_mended() {
    live_through(&Scene::open(), &Fullness::Broken("EROFS", RefCell::default()));
}

#[test]
fn a_disk_that_breaks_stops_nothing_and_what_it_held_up_is_said_once_it_is_mended() {
    live_through(&Scene::open(), &Fullness::Broken("EIO", RefCell::default()));
}

#[test]
fn a_limit_on_files_stops_nothing_and_what_it_held_up_is_said_once_it_is_lifted() {
    live_through(&Scene::open(), &Fullness::Limit);
}

fn live_through(scene: &Scene, fullness: &Fullness) {
    scene.outside.set("rain", Manner::Rain(3.0));
    // A file that outgrows its limit must fail to be written, and not end the process: systemd sees to that, too.
    let mut command = Command::new("sh");
    let program = nadhir(["run"]);
    command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh", text(Path::new(program.get_program()))]);
    command.args(scene.command().get_args());
    let mut service = Process::start(&mut command);
    scene.has_warned(1);
    let before = scene.lines("archive").len();

    service.set_full(scene, fullness, true);
    scene.outside.set("rain", Manner::Rain(8.0));
    service.signal("HUP");
    let said = service.says(0, NOT_STORED);
    let said = service.says(said, NOT_STORED);
    assert_eq!(service.ended(), None, "it stays up:\n{}", service.stderr());
    assert_eq!(scene.lines("archive").len(), before, "nothing is said that is not stored");

    service.set_full(scene, fullness, false);
    scene.has_warned(before + 1);
    assert!(
        scene.lines("archive").iter().any(|line| line["json"].to_string().contains("raised")),
        "{}",
        service.stderr()
    );

    service.set_full(scene, fullness, true);
    scene.outside.set("rain", Manner::Rain(0.5));
    service.signal("HUP");
    service.says(said, NOT_STORED);
    let (end, took) = stop(service);
    assert!(took < Duration::from_secs(15), "a full disk holds up no stop, and it took {took:?}:\n{}", end.stderr);
    assert_eq!(end.code, Some(69), "what was not stored is told by the exit code: {}", end.stderr);
    if let Fullness::Broken(_, tracer) = fullness {
        mend(tracer);
    }
    let whole = run(&mut nadhir(["journal", "verify", "--state", text(&scene.state)]));
    // A full disk has no room for looking, either: what is read is first brought in order.
    if !matches!(fullness, Fullness::Disk(_)) {
        assert_eq!(whole.code, Some(0), "nothing half-written is left: {whole:?}");
    }
}

/// Ends what answers in the kernel's place.
fn mend(tracer: &RefCell<Option<Child>>) {
    if let Some(mut tracer) = tracer.borrow_mut().take() {
        let _ = Command::new("sh").args(["-c", &format!("kill -INT {}", tracer.id())]).status();
        tracer.wait().unwrap();
    }
}

impl Process {
    fn set_full(&self, scene: &Scene, fullness: &Fullness, is_full: bool) {
        match fullness {
            Fullness::Broken(errno, tracer) if is_full => *tracer.borrow_mut() = Some(self.break_disk(scene, errno)),
            Fullness::Broken(_, tracer) => mend(tracer),
            Fullness::Disk(disk) if is_full => disk.fill(),
            Fullness::Disk(disk) => disk.free(),
            Fullness::Limit => {
                let limit = if is_full { "--fsize=4096:unlimited" } else { "--fsize=unlimited:unlimited" };
                let done = Command::new("prlimit").args(["--pid", &self.id().to_string(), limit]).status();
                assert!(done.is_ok_and(|status| status.success()), "prlimit (util-linux) is needed for this test");
            }
        }
    }

    /// Has every write to the store fail from now on.
    fn break_disk(&self, scene: &Scene, errno: &str) -> Child {
        let store = scene.state.join(DATABASE);
        let log = PathBuf::from(format!("{}-wal", text(&store)));
        let calls = "pwrite64,write,fdatasync,fsync,ftruncate";
        let tracer = Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-p", &self.id().to_string(), "-P", text(&store), "-P", text(&log)])
            .args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:error={errno}")])
            .spawn()
            .expect("strace is needed for this test");
        let status = format!("/proc/{}/status", self.id());
        wait_for("strace at the service", || {
            let status = std::fs::read_to_string(&status).unwrap();
            status.lines().any(|line| line.trim() == format!("TracerPid:\t{}", tracer.id())).then_some(())
        });
        tracer
    }
}
