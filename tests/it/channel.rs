//! `nadhir channel test`: what reaches a channel on trial, and that the public never hears a test.

use std::io::Write as _;

use serde_json::Value;

use super::process::{End, nadhir, run};

const CHANNELS: &str = r#"
[square]
kind = "file"
audience = "public"
path = "square.jsonl"

[desk]
kind = "file"
audience = "staff"
path = "desk.jsonl"

[rehearsal]
kind = "console"
audience = "drill"

[hook]
kind = "webhook"
audience = "staff"
url = "http://127.0.0.1:9/hook"
secret = { file = "hook.secret" }
timeout = "1s"
"#;

fn tried(name: &str, more: &str) -> (End, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("channels.toml"), CHANNELS).unwrap();
    let mut secret = std::fs::File::create(dir.path().join("hook.secret")).unwrap();
    secret.write_all(b"whsec_bm90aGluZyBpcyBsaWtlIGEgcXVpZXQgc2Vh\n").unwrap();
    let path = dir.path().to_str().unwrap();
    let mut command = nadhir(["channel", "test", name, "--config", path, "--state", path]);
    command.args(more.split_whitespace());
    (run(&mut command), dir)
}

#[test]
fn the_people_on_duty_get_a_test_that_says_that_it_is_one() {
    let (end, dir) = tried("desk", "--json");
    assert_eq!(end.code, Some(0), "{}", end.stderr);
    let report: Value = serde_json::from_str(&end.stdout).unwrap();
    assert_eq!((&report["outcome"], &report["kind"]), (&"delivered".into(), &"file".into()));
    let written = std::fs::read_to_string(dir.path().join("desk.jsonl")).unwrap();
    let message = serde_json::from_str::<Value>(&written).unwrap()["json"].clone();
    assert_eq!((&message["data"]["status"], &message["data"]["id"]), (&"Test".into(), &report["bulletin"]));
    assert!(message["data"]["text"]["ar"]["headline"].as_str().unwrap().starts_with("[رسالة تجريبية"), "{message}");
    let (end, _dir) = tried("rehearsal", "--severity red");
    assert!(end.code == Some(0) && end.stdout.contains("[TEST — no action needed]"), "{}", end.stdout);
}

#[test]
fn the_public_never_hears_a_test() {
    let (end, dir) = tried("square", "");
    assert_eq!((end.code, end.stdout.as_str()), (Some(2), ""));
    assert!(end.stderr.contains("square is for the public, and no test is sent there"), "{}", end.stderr);
    assert!(!dir.path().join("square.jsonl").exists());
}

#[test]
fn what_did_not_arrive_is_told_with_its_reason() {
    let (end, _dir) = tried("hook", "");
    assert_eq!(end.code, Some(1), "{}", end.stderr);
    assert!(end.stdout.contains("did not reach hook (webhook), and a warning would be tried again: http://127.0.0.1:9/hook cannot be reached"), "{}", end.stdout);
    let (end, _dir) = tried("nobody", "");
    assert!(end.code == Some(2) && end.stderr.contains("there are square, desk, rehearsal, hook"), "{}", end.stderr);
}
