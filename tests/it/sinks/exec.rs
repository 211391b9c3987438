//! Programs of one's own: what each end of one means, that none outlives its time, and that `nadhir sink conform` tells good from bad.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nadhir::message::Form;
use nadhir::sink::{Parcel, Receipt, SendError, Sink, World};
use nadhir::time::TimeDelta;
use tempfile::TempDir;

use super::services::Meaning::{self, Later, Never, Taken, Unknown};
use super::{TOKEN, parcel, read};
use crate::process::{nadhir, run, wait_for};

/// A channel whose program is a script, in a directory of its own.
struct Channel {
    sink: Arc<dyn Sink>,
    dir: TempDir,
}

fn channel(script: &str, more: &str) -> Channel {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("siren");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let opener = read("exec", &format!("program = \"{}\"\n{more}", path.display()));
    assert_eq!(opener.form(), Form::Json);
    Channel { sink: opener.open(&World::new(dir.path().to_owned()).unwrap()).unwrap(), dir }
}

impl Channel {
    async fn send(&self, parcel: &Parcel) -> Result<Receipt, SendError> {
        // Where tests start programs at the same time, a script just written may still be held open by the child of another.
        for _ in 0..200 {
            match self.sink.send(parcel).await {
                Err(SendError::Later { why, .. }) if why.contains("Text file busy") => tokio::task::yield_now().await,
                sent => return sent,
            }
        }
        panic!("the script stays busy");
    }

    fn written(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap()
    }
}

#[track_caller]
fn check(script: &str, sent: Result<Receipt, SendError>, expected: Meaning, words: &str) {
    let (meaning, said) = match sent {
        Ok(Receipt(receipt)) => (Taken, receipt),
        Err(SendError::Later { why, retry_after }) => (Later(retry_after.map(|wait| wait.num_seconds())), why),
        Err(SendError::Never { why }) => (Never, why),
        Err(SendError::Unknown { why }) => (Unknown, why),
    };
    assert_eq!(meaning, expected, "{script}: {said}");
    assert!(said.contains(words), "{script}: {said}");
    assert!(said.chars().count() < 320 && !said.contains(char::is_control), "{said}");
    assert!(!said.contains(TOKEN) && !said.contains("Red warning"), "{said}");
}

#[tokio::test]
async fn each_end_of_a_program_is_understood() {
    let day = TimeDelta::days(1).num_seconds();
    let table = [
        ("cat > /dev/null; echo siren 7 is on; echo more", Taken, "siren 7 is on"),
        ("exit 0", Taken, ""),
        ("echo the line is busy >&2; exit 75", Later(None), "cannot tell it now (exit code 75): the line is busy"),
        ("echo retry-after: 90; exit 75", Later(Some(90)), "exit code 75"),
        ("echo retry-after: 999999999999999999999; exit 69", Later(Some(day)), "exit code 69"),
        ("no-such-command-anywhere", Later(None), "exit code 127"),
        ("echo no such zone >&2; exit 65", Never, "will never tell it (exit code 65): no such zone"),
        ("exit 78", Never, "exit code 78"),
        ("echo boom >&2; exit 1", Unknown, "broke down, and may have told it (exit code 1): boom"),
        ("exit 28", Unknown, "exit code 28"),
        ("kill -9 $$", Unknown, "ended by signal 9"),
        ("printf '\\033[2J\\007cannot\\r\\n reach it' >&2; exit 75", Later(None), "[2J cannot reach it"),
        ("yes warning | head -c 3000000 >&2; exit 75", Later(None), "warning warning"),
        ("yes warning | head -c 3000000", Taken, "warning"),
    ];
    for (script, meaning, words) in table {
        let channel = channel(&format!("#!/bin/sh\n{script}\n"), "");
        check(script, channel.send(&parcel(1)).await, meaning, words);
    }
}

#[tokio::test]
async fn a_program_finds_the_message_whole_and_nothing_of_ours_beside_it() {
    let script = "#!/bin/sh\ncat > body\nenv > env\nprintf '%s|' \"$@\" > args\n";
    let channel = channel(script, "args = [\"--zone\", \"a b; touch c\", \"$HOME\"]\n");
    let body: Arc<str> = "سيول ".repeat(40_000).into();
    channel.send(&Parcel { body: Arc::clone(&body), ..parcel(3) }).await.unwrap();
    assert_eq!(channel.written("body"), *body);
    assert_eq!(channel.written("args"), "--zone|a b; touch c|$HOME|");
    let env = channel.written("env");
    let mut names: Vec<&str> = env.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    // The shell makes these itself.
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["NADHIR_ATTEMPT", "NADHIR_BULLETIN", "NADHIR_KEY", "PATH"]);
    let key = format!("NADHIR_KEY={}", parcel(1).key);
    assert!(
        [&key, "NADHIR_BULLETIN=MKH-2025-000012.3", "NADHIR_ATTEMPT=3"]
            .iter()
            .all(|line| env.lines().any(|one| one == *line)),
        "{env}"
    );
}

#[tokio::test]
async fn one_that_does_not_read_is_not_waited_for() {
    let channel = channel("#!/bin/sh\nexec < /dev/null\necho taken\n", "");
    let body = "x".repeat(1_000_000).into();
    assert_eq!(channel.send(&Parcel { body, ..parcel(1) }).await, Ok(Receipt("taken".to_owned())));
}

/// Whether a process is there and not merely waiting to be looked at.
fn is_alive(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}

#[tokio::test]
async fn what_does_not_end_in_time_is_killed_with_all_that_it_started() {
    let script = "#!/bin/sh\nsleep 600 &\necho $! > child\necho still trying >&2\ntrap '' TERM\nsleep 600\n";
    let channel = channel(script, "timeout = \"1s\"\n");
    check(
        script,
        channel.send(&parcel(1)).await,
        Unknown,
        "did not end in 1 s and was killed; it may have told it: still trying",
    );
    let child = channel.written("child");
    wait_for("the end of what it started", || (!is_alive(&child)).then_some(()));
}

#[tokio::test]
async fn what_a_program_leaves_behind_with_our_ends_in_its_hands_is_ended() {
    let channel = channel("#!/bin/sh\nsleep 600 &\necho $! > child\necho taken\n", "");
    assert_eq!(channel.send(&parcel(1)).await, Ok(Receipt("taken".to_owned())));
    let child = channel.written("child");
    wait_for("the end of what it left behind", || (!is_alive(&child)).then_some(()));
}

#[tokio::test]
async fn who_stops_waiting_leaves_nothing_running() {
    let channel = channel("#!/bin/sh\necho $$ > self\nsleep 600\n", "");
    let path = channel.dir.path().join("self");
    let sink = Arc::clone(&channel.sink);
    let sending = tokio::spawn(async move { sink.send(&parcel(1)).await });
    let pid = tokio::task::spawn_blocking(move || {
        wait_for("the program", || std::fs::read_to_string(&path).ok().filter(|pid| pid.ends_with('\n')))
    });
    let pid = pid.await.unwrap();
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    wait_for("the end of the program", || (!is_alive(&pid)).then_some(()));
}

#[tokio::test]
async fn a_program_that_is_not_there_yet_may_be_put_there() {
    let channel = channel("#!/bin/sh\n", "");
    assert_eq!(channel.sink.probe().await, Ok(()));
    let path = channel.dir.path().join("siren");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let why = channel.sink.probe().await.unwrap_err();
    assert!(why.contains("chmod +x"), "{why}");
    std::fs::remove_file(&path).unwrap();
    check("none", channel.send(&parcel(1)).await, Later(None), "siren cannot be started: No such file");
    assert!(channel.sink.probe().await.unwrap_err().contains("cannot be run"));
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exec").join(name)
}

#[test]
fn conform_tells_a_program_that_keeps_the_contract_from_one_that_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let keeps = fixture("keeps");
    let end = run(nadhir(["sink", "conform", "--json"]).arg(&keeps).arg(dir.path()));
    let checks: Vec<serde_json::Value> = serde_json::from_str(&end.stdout).unwrap();
    assert!(checks.iter().all(|check| check["kept"] == true) && 8 < checks.len(), "{}", end.stdout);
    assert_eq!(end.code, Some(0), "{}", end.stderr);
    // Two messages came, one of them twice.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    let end = run(nadhir(["sink", "conform"]).arg(fixture("breaks")));
    assert_eq!(end.code, Some(1), "{}", end.stderr);
    let broken: Vec<&str> = end.stdout.lines().filter(|line| line.contains("BROKEN")).collect();
    let expected = ["comes again under the same key", "no JSON", "empty", "why it refuses", "no more than one line"];
    assert_eq!(broken.len(), expected.len(), "{}", end.stdout);
    assert!(broken.iter().zip(expected).all(|(line, part)| line.contains(part)), "{}", end.stdout);
    let end = run(nadhir(["sink", "conform", "/no/such/program"]).arg("--zone"));
    assert!(end.code == Some(2) && end.stderr.contains("/no/such/program cannot be run"), "{}", end.stderr);
}
