//! `nadhir check --online` with the real program and real servers: one that works, a dead port, one that hangs, one that answers
//! with a web page. All that they hold is made up.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde_json::Value;

use super::postgres::Elephant;
use super::process::{End, nadhir, run, text};

/// What nobody may ever see.
const SECRET: &str = "whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg==";

/// A server on a port of its own, and the request lines that it heard.
struct Server {
    address: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `/rain` has a reading, `/page` is a web page, and `/hang` never answers.
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let book = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let book = Arc::clone(&book);
                std::thread::spawn(move || answer(stream, &book));
            }
        });
        Self { address, heard }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, heard: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
    heard.lock().unwrap().push(first.clone());
    let at = (Utc::now() - TimeDelta::minutes(5)).format("%Y-%m-%dT%H:%M:%SZ");
    let body = match first.split(' ').nth(1).unwrap() {
        "/rain" => format!("T,RAIN\n{at},2\n"),
        "/hang" => return std::thread::sleep(Duration::from_secs(30)),
        _ => "<!DOCTYPE html><html><body>Under maintenance</body></html>".to_owned(),
    };
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let body = if first.starts_with("HEAD") { String::new() } else { body };
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

/// A port where nobody listens.
fn dead() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn feed(name: &str, url: &str) -> String {
    format!(
        "[{name}]\nkind = \"csv\"\nname = {{ ar = \"محطات\", en = \"stations\" }}\nurl = \"{url}\"\nevery = \"5min\"\n\
         timeout = \"1s\"\ntime = {{ column = \"T\" }}\nplace = {{ is = [\"jeddah\"] }}\nbasis = \"observed\"\ncovers = \"1h\"\n\
         values = [{{ column = \"RAIN\", metric = \"precipitation\", unit = \"mm\" }}]\n"
    )
}

fn webhook(name: &str, url: &str) -> String {
    format!(
        "[{name}]\nkind = \"webhook\"\naudience = \"staff\"\nurl = \"{url}\"\nsecret = {{ file = \"desk.secret\" }}\n"
    )
}

fn checked(dir: &Path, feeds: &[String], channels: &[String], more: &[&str]) -> End {
    let (config, state) = (dir.join("config"), dir.join("state"));
    std::fs::create_dir_all(config.join("rules")).unwrap();
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(config.join("feeds.toml"), feeds.concat()).unwrap();
    std::fs::write(config.join("channels.toml"), channels.concat()).unwrap();
    let rule = "[rain]\nhazard = \"rain\"\nmetric = \"precipitation\"\nwindow = { sum = \"1h\" }\n\
                at_least = { yellow = \"10 mm\" }\nsource = \"a test\"\n";
    std::fs::write(config.join("rules/rain.toml"), rule).unwrap();
    std::fs::write(state.join("desk.secret"), SECRET).unwrap();
    run(nadhir(["check", text(&config), "--online", "--state", text(&state)]).args(more))
}

const FILE: &str = "[archive]\nkind = \"file\"\naudience = \"public\"\npath = \"bulletins.jsonl\"\n";

#[test]
fn feeds_and_channels_that_are_as_they_should_be_are_told_so_and_nothing_is_sent() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let base = format!("http://{}", server.address);
    let channels = [webhook("desk", &format!("{base}/desk?token=hunter2")), FILE.to_owned()];
    let end = checked(dir.path(), &[feed("stations", &format!("{base}/rain"))], &channels, &[]);
    assert_eq!(end.code, Some(0), "{end:?}");
    for words in
        ["stations", "1 reading", "it could send", "made with the first message", "All 3 are as they should be."]
    {
        assert!(end.stdout.contains(words), "{words}: {}", end.stdout);
    }
    let mut heard = server.heard();
    heard.sort();
    assert_eq!(heard, ["GET /rain HTTP/1.1", "HEAD /desk?token=hunter2 HTTP/1.1"]);
    assert!(!dir.path().join("state/bulletins.jsonl").exists(), "a file of another user would keep the service out");
    assert!(![&end.stdout, &end.stderr].iter().any(|out| out.contains("hunter2") || out.contains(SECRET)), "{end:?}");
}

#[test]
fn a_dead_port_a_server_that_hangs_and_one_that_answers_a_page_are_each_told_with_the_reason() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let base = format!("http://{}", server.address);
    let feeds = [
        feed("works", &format!("{base}/rain")),
        feed("gone", &format!("http://{}/rain", dead())),
        feed("hangs", &format!("{base}/hang")),
        feed("page", &format!("{base}/page")),
    ];
    let channels = [
        webhook("desk", &format!("{base}/desk")),
        webhook("away", &format!("http://{}/desk", dead())),
        webhook("slow", &format!("{base}/hang")),
    ];
    let end = checked(dir.path(), &feeds, &channels, &["--json"]);
    assert_eq!(end.code, Some(1), "{end:?}");
    let report: Value = serde_json::from_str(&end.stdout).unwrap();
    assert_eq!(report["ok"], true, "the configuration itself is good");
    let told: Vec<(&str, &str, bool, &str)> = report["online"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            assert!(one["took_ms"].is_u64() && one["kind"].is_string(), "{one}");
            let text = |key: &str| one[key].as_str().unwrap();
            (text("what"), text("name"), one["ok"].as_bool().unwrap(), text("came"))
        })
        .collect();
    let expected = [
        ("feed", "works", true, "1 reading"),
        ("feed", "gone", false, "refused"),
        ("feed", "hangs", false, "1 s"),
        ("feed", "page", false, "web page (HTML)"),
        ("channel", "desk", true, "it could send"),
        ("channel", "away", false, "cannot be reached"),
        ("channel", "slow", false, "did not answer in 5 s"),
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for (told, expected) in told.iter().zip(expected) {
        assert_eq!((told.0, told.1, told.2), (expected.0, expected.1, expected.2), "{told:?}");
        assert!(told.3.to_lowercase().contains(&expected.3.to_lowercase()), "{told:?}");
    }
    assert!(!server.heard().iter().any(|line| line.starts_with("POST")), "{:?}", server.heard());
}

#[test]
fn nobody_is_asked_by_a_configuration_with_mistakes_and_a_missing_secret_is_told_by_its_place() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let base = format!("http://{}", server.address);
    let channels = [webhook("desk", &format!("{base}/desk")).replace("desk.secret", "no.secret")];
    let end = checked(dir.path(), &[feed("stations", &format!("{base}/rain"))], &channels, &[]);
    assert!(end.code == Some(1) && end.stdout.contains("no.secret"), "{end:?}");
    let before = server.heard().len();
    let broken = [feed("stations", &format!("{base}/rain")).replace("\"mm\"", "\"mn\"")];
    let end = checked(dir.path(), &broken, &[FILE.to_owned()], &[]);
    assert_eq!((end.code, server.heard().len()), (Some(78), before), "{end:?}");
}

/// What is said of the database that `[store]` names, and whether it is as it should be; nothing else is configured to be asked.
fn told_of_database(keys: &str) -> (bool, String) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("config")).unwrap();
    let settings = include_str!("../../config/nadhir.toml").replace("[store]\n", &format!("[store]\n{keys}\n"));
    std::fs::write(dir.path().join("config/nadhir.toml"), settings).unwrap();
    let end = checked(dir.path(), &[feed("gone", &format!("http://{}/rain", dead()))], &[FILE.to_owned()], &["--json"]);
    let report: Value = serde_json::from_str(&end.stdout).unwrap();
    let asked = report["online"].as_array().unwrap();
    let store = asked.iter().find(|one| one["what"] == "store").unwrap_or_else(|| panic!("{end:?}"));
    (store["ok"].as_bool().unwrap(), store["came"].as_str().unwrap().to_owned())
}

#[test]
fn a_database_tells_its_version_and_what_is_in_it_and_nothing_is_made_there() {
    let elephant = Elephant::shared();
    let database = elephant.database();
    let keys = format!("url = {:?}", elephant.url(&database));
    let (ok, came) = told_of_database(&keys);
    assert!(ok && came.starts_with("PostgreSQL 1") && came.contains("no tables of nadhir"), "{came}");
    assert_eq!(elephant.psql(&database, "SELECT to_regnamespace('nadhir') IS NULL").unwrap(), "t");
    elephant.psql(&database, "CREATE SCHEMA nadhir").unwrap();
    let (ok, came) = told_of_database(&keys);
    assert!(!ok && came.contains("give nadhir a database of its own"), "{came}");
}
