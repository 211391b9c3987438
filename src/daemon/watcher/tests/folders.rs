//! Stories of a folder into which files are dropped: whole ones, half ones, strange ones, and none for a long time.

use std::fs;
use std::time::SystemTime;

use super::*;
use crate::daemon::watcher::folder::{MAX_READ, is_like};
use crate::feed::{Folder, Source};

struct Drops {
    cap: Arc<dyn Feed>,
}

impl Feed for Drops {
    fn source(&self, _: Timestamp) -> Source {
        Source::Folder(Folder { path: "drops".into(), pattern: "*.xml".to_owned() })
    }

    fn decode(&self, body: &[u8], now: Timestamp) -> Result<Batch, DecodeError> {
        self.cap.decode(body, now)
    }
}

/// A watcher of a folder in a directory of its own, with what the brain would remember.
struct Stage {
    dir: tempfile::TempDir,
    watcher: Watcher,
    memory: Memory,
    state: FeedState,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let cap = KINDS.iter().find(|kind| kind.name == "cap").unwrap();
        let cap = crate::feed::keys::tests::feed(cap, "url = \"https://a.example/list\"");
        let watcher = watcher_of(config(Arc::new(Drops { cap })), dir.path());
        fs::create_dir(dir.path().join("drops")).unwrap();
        Self { dir, watcher, memory: Memory::default(), state: FeedState::new(now()) }
    }

    /// Drops a file that was last written at a second after the beginning.
    fn drop(&self, name: &str, text: &str, second: i64) {
        let path = self.dir.path().join("drops").join(name);
        fs::write(&path, text).unwrap();
        let at = SystemTime::from(now() + TimeDelta::seconds(second));
        fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
    }

    /// Looks at a second; what the brain takes, it remembers. Tells how many alerts came, and what was passed over.
    async fn look(&mut self, second: i64) -> String {
        let now = now() + TimeDelta::seconds(second);
        match self.watcher.ask(Some(&self.state), &mut self.memory, clock_at(now)).await.heard {
            Heard::Batch { batch, entries, .. } => {
                self.state.entries.extend(entries);
                let parts: VecDeque<&str> = batch.skipped.iter().map(|skip| skip.part.as_str()).collect();
                format!("{} alerts, passed over {parts:?}", batch.alerts.len())
            }
            Heard::Unreachable { why } | Heard::Unreadable { why } => why,
            other => format!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_file_is_read_once_when_it_is_whole_and_again_when_it_changes() {
    let mut stage = Stage::new();
    assert_eq!(stage.look(0).await, "Nothing");
    stage.drop("1.xml", ALERT, 10);
    stage.drop("2.xml.part", ALERT, 10);
    stage.drop(".3.xml", ALERT, 10);
    stage.drop("notes.txt", "hello", 10);
    let early = stage.look(11).await;
    assert!(early.ends_with("still being written: 1.xml"), "it may still be written: {early}");
    assert_eq!(stage.look(12).await, "1 alerts, passed over []");
    assert_eq!(stage.look(20).await, "Unchanged");
    stage.drop("1.xml", ALERT, 30);
    assert_eq!(stage.look(40).await, "Unchanged", "touched, and the same bytes");
    stage.drop("1.xml", &ALERT.replace("<identifier>i", "<identifier>j"), 50);
    assert_eq!(stage.look(60).await, "1 alerts, passed over []");
    fs::remove_file(stage.dir.path().join("drops/1.xml")).unwrap();
    assert_eq!(stage.look(70).await, "Nothing", "that it is gone says nothing");
}

#[tokio::test]
async fn a_restart_announces_nothing_again_and_no_file_is_touched() {
    let mut stage = Stage::new();
    stage.drop("1.xml", ALERT, 0);
    assert_eq!(stage.look(10).await, "1 alerts, passed over []");
    stage.memory = Memory::default();
    assert_eq!(stage.look(20).await, "Unchanged");
    let about = fs::metadata(stage.dir.path().join("drops/1.xml")).unwrap();
    assert_eq!((about.len(), about.modified().unwrap()), (ALERT.len() as u64, SystemTime::from(now())));
    // What was brought and not committed is brought again.
    stage.state = FeedState::new(now());
    assert_eq!(stage.look(30).await, "1 alerts, passed over []");
}

#[tokio::test]
async fn a_folder_that_nobody_fills_any_more_is_silent_and_a_missing_one_says_so() {
    let mut stage = Stage::new();
    stage.drop("1.xml", ALERT, 0);
    stage.look(10).await;
    assert_eq!(stage.look(3600).await, "Unchanged");
    let silent = stage.look(3601).await;
    assert!(silent.contains("no file has come into") && silent.contains("2025-12-09 00:00:00 UTC"), "{silent}");
    fs::remove_dir_all(stage.dir.path().join("drops")).unwrap();
    let missing = stage.look(3700).await;
    assert!(missing.contains("drops cannot be read"), "{missing}");
}

#[tokio::test]
async fn what_cannot_be_read_is_passed_over_and_the_rest_counts() {
    let mut stage = Stage::new();
    stage.drop("1.xml", "<html>", 0);
    let alone = stage.look(10).await;
    assert!(alone.starts_with("1.xml: ") && alone.contains("kept aside"), "{alone}");
    stage.drop("2.xml", ALERT, 20);
    stage.drop("3.xml", &"x".repeat(65 * 1024), 20);
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/hostname", stage.dir.path().join("drops/4.xml")).unwrap();
    let heard = stage.look(30).await;
    assert!(heard.starts_with("1 alerts") && heard.contains("1.xml") && heard.contains("3.xml"), "{heard}");
    assert_eq!(heard.contains("4.xml"), cfg!(unix), "{heard}");
}

#[tokio::test]
async fn a_file_of_a_wrong_clock_counts_when_two_looks_find_it_the_same() {
    let mut stage = Stage::new();
    stage.drop("1.xml", ALERT, 86_400);
    assert!(stage.look(0).await.ends_with("still being written: 1.xml"));
    assert_eq!(stage.look(10).await, "1 alerts, passed over []");
}

#[test]
fn a_pattern_describes_whole_names() {
    for (pattern, name, expected) in [
        ("*.csv", "a.csv", true),
        ("*.csv", "a.csv.gz", false),
        ("a*b*c", "aXbYc", true),
        ("a*b*c", "ac", false),
        ("a.csv", "a.csv", true),
        ("a.csv", "b-a.csv", false),
        ("*", "anything", true),
        ("ab*ba", "aba", false),
        ("*ab*ab", "xab", false),
    ] {
        assert_eq!(is_like(name, pattern), expected, "{pattern} {name}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_taken_is_no_sign_that_what_was_said_before_still_holds() {
    let mut stage = Stage::new();
    stage.drop("1.xml", ALERT, 0);
    assert_eq!(stage.look(10).await, "1 alerts, passed over []");
    stage.drop("2.xml", &"x".repeat(65 * 1024), 3600);
    let huge = stage.look(3700).await;
    assert!(huge.contains("no file has come into") && huge.contains("2.xml: it has 66560 bytes"), "{huge}");
    stage.drop("2.xml", ALERT, 7200);
    let unfinished = stage.look(7201).await;
    assert!(unfinished.contains("still being written: 2.xml"), "{unfinished}");
}

#[tokio::test]
async fn files_that_cannot_be_read_never_keep_the_others_waiting() {
    let mut stage = Stage::new();
    (0..MAX_READ).for_each(|number| stage.drop(&format!("{number}.xml"), &format!("<html>{number}"), 0));
    stage.drop("good.xml", ALERT, 1);
    let heard = [stage.look(10).await, stage.look(20).await];
    assert!(heard[0].contains("web page") && heard[1].starts_with("1 alerts"), "{heard:?}");
}
