//! `nadhir channel test`: what reaches a channel on trial, and that the public never hears a test. `nadhir channel authorise`: a person
//! lets a channel in.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;

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

/// Answers one request with a first refresh token.
fn gives_a_token() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        while !String::from_utf8_lossy(&asked).contains("grant_type=authorization_code") {
            let mut some = [0; 4096];
            let read = stream.read(&mut some).unwrap();
            assert_ne!(read, 0, "the request broke off");
            asked.extend_from_slice(&some[..read]);
        }
        let body = r#"{"access_token":"access-1","refresh_token":"refresh-1","expires_in":7200}"#;
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).unwrap();
    });
    base
}

/// What `nadhir channel authorise` makes of an address in which STATE stands for what it asked with.
fn let_in(name: &str, led_to: &str) -> (Option<i32>, String, String) {
    let dir = tempfile::tempdir().unwrap();
    let x = "[x]\nkind = \"x\"\naudience = \"staff\"\nkeys = { file = \"x.keys\" }\n";
    let channels = format!("{CHANNELS}\n{x}api = \"{}\"\n", gives_a_token());
    std::fs::write(dir.path().join("channels.toml"), channels).unwrap();
    std::fs::write(dir.path().join("x.keys"), "client_id = hunter2\n").unwrap();
    let path = dir.path().to_str().unwrap();
    let arguments = ["channel", "authorise", name, "--back", "http://127.0.0.1/", "--config", path, "--state", path];
    let mut child =
        nadhir(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut address = String::new();
    stdout.read_line(&mut address).unwrap();
    let state = address.split("&state=").nth(1).and_then(|rest| rest.split('&').next()).unwrap_or_default();
    // One that has ended already hears nothing.
    let _ = writeln!(child.stdin.take().unwrap(), "{}", led_to.replace("STATE", state));
    let (mut told, mut said) = (String::new(), String::new());
    stdout.read_to_string(&mut told).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let code = child.wait().unwrap().code();
    assert!(!format!("{told}{said}").contains("refresh-1"));
    (code, format!("{told}{said}"), std::fs::read_to_string(dir.path().join("x.keys")).unwrap())
}

#[test]
fn a_person_lets_a_channel_in_and_sees_no_secret() {
    let (code, told, keys) = let_in("x", "http://127.0.0.1/?state=STATE&code=once-only");
    assert_eq!((code, keys.as_str()), (Some(0), "client_id = hunter2\nrefresh_token = refresh-1\n"), "{told}");
    assert!(told.contains("x is let in: ") && told.contains("now: nadhir reload"), "{told}");
    let (code, told, keys) = let_in("x", "http://127.0.0.1/?state=another&code=once-only");
    assert!(told.contains("not the answer to what was just asked"), "{told}");
    assert_eq!((code, keys.as_str()), (Some(1), "client_id = hunter2\n"));
    let (code, told, _) = let_in("desk", "");
    assert!(code == Some(2) && told.contains("desk is of kind file, which keys alone let in"), "{told}");
}
