//! Stories of asking a feed by hand and of recording it, with real servers on loopback; all answers are synthetic.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio_util::sync::CancellationToken;

use super::asked::Report;
use super::pieces::{Asker, Stopped, asker, open};
use super::record::{Recorded, Until, record};
use crate::daemon::clock::Clock;
use crate::daemon::watcher::MAX_FOLLOWED;
use crate::daemon::watcher::folder::{Look, MAX_READ};
use crate::time::{TimeDelta, Timestamp};

const LIST: &str = "<feed xmlns=\"http://www.w3.org/2005/Atom\"><entry><id>1</id><link href=\"1.xml?key=hush\"/></entry>\
    <entry><id>2</id><link href=\"gone.xml\"/></entry></feed>";

const ALERT: &str = "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>i-1</identifier><sender>s</sender>\
    <sent>2025-12-09T00:30:00+03:00</sent><status>Test</status><msgType>Alert</msgType><scope>Public</scope><info>\
    <category>Met</category><event>Heavy rain</event><urgency>Immediate</urgency><severity>Severe</severity>\
    <certainty>Likely</certainty><expires>2025-12-09T06:00:00+03:00</expires><area><areaDesc>Jeddah</areaDesc></area></info></alert>";

const HOURS: &str = "{\"hourly_units\":{\"time\":\"iso8601\",\"temperature_2m\":\"°C\"},\"utc_offset_seconds\":10800,\
    \"latitude\":21.5,\"longitude\":39.2,\"hourly\":{\"time\":[\"2025-12-09T03:00\",\"2025-12-09T04:00\"],\
    \"temperature_2m\":[24.5,null]}}";

const STORMS: &str = "<rss xmlns:gdacs=\"http://www.gdacs.org\" xmlns:georss=\"http://www.georss.org/georss\"><channel><item>\
    <title>Synthetic cyclone</title><guid>TC1</guid><georss:point>21.5 39.2</georss:point><gdacs:eventtype>TC</gdacs:eventtype>\
    <gdacs:alertlevel>Orange</gdacs:alertlevel></item></channel></rss>";

/// A list that leads to more documents than are asked for at one time.
fn many() -> String {
    let entry = |number| format!("<entry><id>{number}</id><link href=\"1.xml?{number}\"/></entry>");
    let entries: String = (0..MAX_FOLLOWED + 20).map(entry).collect();
    format!("<feed xmlns=\"http://www.w3.org/2005/Atom\">{entries}</feed>")
}

async fn serve() -> String {
    let head = [("etag", "\"v1\""), ("date", "Tue, 09 Dec 2025 00:05:00 GMT"), ("set-cookie", "id=hush")];
    let on_time = [("date", "Tue, 09 Dec 2025 00:00:00 GMT"), ("content-type", "text/plain")];
    let app = Router::new()
        .route("/list", get(move || async move { (head, LIST) }))
        .route("/1.xml", get(move || async move { (on_time, ALERT) }))
        .route("/hours", get(move || async move { (on_time, HOURS) }))
        .route("/nothing", get(|| async { StatusCode::NO_CONTENT }))
        .route("/storms", get(|| async { STORMS }))
        .route("/many", get(|| async { many() }))
        .route("/page", get(|| async { "<html>maintenance" }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}")
}

fn now() -> Timestamp {
    "2025-12-09T00:00:00Z".parse().unwrap()
}

/// What asks the only feed of a `feeds.toml`, with a clock that as good as stands still.
fn asker_of(keys: &str, dir: &Path) -> Asker {
    let toml = format!("[it]\nname = {{ ar = \"شيء\", en = \"it\" }}\nevery = \"5min\"\n{keys}\n");
    let rules = "[only]\nhazard = \"rain\"\nmetric = \"precipitation\"\nwindow = { sum = \"1h\" }\n\
                 at_least = { yellow = \"10 mm\" }\nsource = \"a test\"\n";
    let files = BTreeMap::from([("feeds.toml".to_owned(), toml), ("rules/own.toml".to_owned(), rules.to_owned())]);
    let config = crate::config::from_files(files).unwrap_or_else(|problems| {
        panic!("{}", crate::problem::render(&problems, false));
    });
    let feed = config.0.feeds[0].clone();
    match asker(feed, "test@example.org", dir.to_owned(), Clock::scaled(now(), 1e-9)) {
        Ok(asker) => asker,
        Err(Stopped(_, why)) => panic!("{why}"),
    }
}

async fn tried(keys: &str, base: &str, dir: &Path) -> (u8, String, String) {
    let asker = asker_of(keys, dir);
    let Ok(pieces) = asker.ask(&mut Look::default()).await else { panic!("it can be asked") };
    let report = Report::new(&asker, pieces);
    let plain = |text: String| text.replace(base, "http://HOST");
    (report.code(), plain(report.as_text()), plain(report.as_json()))
}

#[tokio::test]
async fn what_a_list_and_its_documents_hold_is_shown_as_tables() {
    let (base, dir) = (serve().await, tempfile::tempdir().unwrap());
    let (code, text, json) = tried(&format!("kind = \"cap\"\nurl = \"{base}/list?key=hush\""), &base, dir.path()).await;
    assert_eq!(code, 1, "one document was not had");
    assert!(!text.contains("hush") && !json.contains("hush"), "{text}{json}");
    insta::with_settings!({ snapshot_path => "../../../tests/golden/feed", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("list", text);
    });
    let told: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(told["outcome"], "partly");
    assert_eq!(told["answers"].as_array().unwrap().len(), 3);
    assert_eq!(told["alerts"][0]["identifier"], "i-1");
    assert_eq!(told["alerts"][0]["governorates"][0], "jeddah");
    assert_eq!(told["answers"][2]["status"], 404);
}

#[tokio::test]
async fn readings_are_counted_by_place_and_metric_with_their_unit() {
    let (base, dir) = (serve().await, tempfile::tempdir().unwrap());
    let keys = format!(
        "kind = \"open-meteo\"\nurl = \"{base}/hours\"\nhourly = [\"temperature_2m\"]\npast_hours = 1\nforecast_hours = 1\n\
         governorates = [\"jeddah\"]"
    );
    let (code, text, _) = tried(&keys, &base, dir.path()).await;
    insta::with_settings!({ snapshot_path => "../../../tests/golden/feed", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("hours", text);
    });
    assert_eq!(code, 0);
}

#[tokio::test]
async fn what_raises_nothing_is_shown_as_well() {
    let (base, dir) = (serve().await, tempfile::tempdir().unwrap());
    let (code, text, json) = tried(&format!("kind = \"gdacs\"\nurl = \"{base}/storms\""), &base, dir.path()).await;
    assert_eq!(code, 0);
    assert!(text.contains("1 event as context") && text.contains("Synthetic cyclone"), "{text}");
    let told: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&told["context"][0]["kind"], &told["context"][0]["level"]), (&"TC".into(), &"Orange".into()));
}

#[tokio::test]
async fn what_there_is_no_room_for_is_never_called_all_of_it() {
    let (base, dir) = (serve().await, tempfile::tempdir().unwrap());
    let (code, text, _) = tried(&format!("kind = \"cap\"\nurl = \"{base}/many\""), &base, dir.path()).await;
    assert_eq!(code, 1);
    assert!(text.contains("20 more documents") && text.contains("Not all of it was had"), "{text}");
    fs::create_dir(dir.path().join("drops")).unwrap();
    for number in 0..MAX_READ + 3 {
        let path = dir.path().join(format!("drops/{number}.xml"));
        fs::write(&path, ALERT).unwrap();
        let at = std::time::SystemTime::from(now() - TimeDelta::hours(1));
        fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
    }
    let keys = "kind = \"dir\"\npath = \"drops\"\nreads = { kind = \"cap\" }";
    let (code, text, _) = tried(keys, "no base", dir.path()).await;
    assert_eq!(code, 1);
    assert!(text.contains("3 more files"), "{text}");
}

#[tokio::test]
async fn nothing_a_page_and_no_answer_have_codes_of_their_own() {
    let (base, dir) = (serve().await, tempfile::tempdir().unwrap());
    for (path, code, word) in
        [("nothing", 1, "says nothing about the weather"), ("page", 1, "unreadable"), ("gone", 69, "Nothing of it")]
    {
        let (found, text, _) = tried(&format!("kind = \"cap\"\nurl = \"{base}/{path}\""), &base, dir.path()).await;
        assert_eq!(found, code, "{text}");
        assert!(text.contains(word), "{text}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is kept");
}

#[test]
fn an_unknown_name_is_told_which_feeds_there_are() {
    let Err(Stopped(code, why)) = open("metr", None, None) else { panic!("there is no such feed") };
    assert_eq!(code, 2);
    assert!(why.contains("did you mean `metar`?") && why.contains("open-meteo"), "{why}");
}

async fn recorded(asker: &Asker, out: &Path, until: Until) -> Result<(u8, String), (u8, String)> {
    let stop = CancellationToken::new();
    match record(asker, out, (until, TimeDelta::seconds(10)), &stop, &mut |_| {}).await {
        Ok(Recorded { code, summary }) => Ok((code, summary)),
        Err(Stopped(code, why)) => Err((code, why)),
    }
}

#[tokio::test]
async fn what_came_is_written_byte_for_byte_beside_what_is_known_of_it() {
    let (base, dir) = (serve().await, tempfile::tempdir().unwrap());
    let asker = asker_of(&format!("kind = \"cap\"\nurl = \"{base}/list?key=hush\""), dir.path());
    let out = dir.path().join("out");
    let (code, summary) = recorded(&asker, &out, Until::Times(1)).await.unwrap();
    assert_eq!(code, 0);
    assert!(summary.contains("2 answers") && summary.contains("1 answer not had"), "{summary}");
    let home = out.join("it/2025-12-09T00-00-00Z");
    let names: std::collections::BTreeSet<String> =
        fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(
        names.into_iter().collect::<Vec<_>>(),
        ["0001.body", "0001.json", "0002.body", "0002.json", "0003.json"]
    );
    assert_eq!(fs::read_to_string(home.join("0001.body")).unwrap(), LIST);
    assert_eq!(fs::read_to_string(home.join("0002.body")).unwrap(), ALERT);
    let note = |number: u32| -> serde_json::Value {
        let text = fs::read_to_string(home.join(format!("{number:04}.json"))).unwrap();
        assert!(!text.contains("hush"), "{text}");
        serde_json::from_str(&text).unwrap()
    };
    assert_eq!(note(1)["from"], format!("{base}/list"));
    assert_eq!((&note(1)["status"], &note(1)["headers"]["etag"]), (&200.into(), &"\"v1\"".into()));
    assert_eq!(note(2)["bytes"], ALERT.len());
    assert_eq!(note(2)["sha256"].as_str().unwrap().len(), 64);
    assert_eq!((&note(3)["status"], &note(3)["sha256"]), (&404.into(), &serde_json::Value::Null));
    assert!(note(3)["error"].as_str().unwrap().contains("404"));
    // What was written is never written over.
    let (code, why) = recorded(&asker, &out, Until::Times(1)).await.unwrap_err();
    assert_eq!(code, 74, "{why}");
    assert_eq!(fs::read_to_string(home.join("0001.body")).unwrap(), LIST);
}

#[tokio::test]
async fn recording_goes_on_for_as_long_as_it_was_told_to() {
    let (base, dir) = (serve().await, tempfile::tempdir().unwrap());
    let mut asker = asker_of(&format!("kind = \"cap\"\nurl = \"{base}/1.xml\""), dir.path());
    // Ten seconds of this clock pass in ten milliseconds.
    asker.clock = Clock::scaled(now(), 1000.0);
    let (code, summary) = recorded(&asker, &dir.path().join("a"), Until::Times(3)).await.unwrap();
    assert!(code == 0 && summary.starts_with("Asked it 3 times: 3 answers"), "{summary}");
    let end = Until::Moment(asker.clock.now());
    let (_, summary) = recorded(&asker, &dir.path().join("b"), end).await.unwrap();
    assert!(summary.starts_with("Asked it once"), "{summary}");
    let stop = CancellationToken::new();
    stop.cancel();
    let out = dir.path().join("c");
    let ended = record(&asker, &out, (Until::Interrupted, TimeDelta::seconds(10)), &stop, &mut |_| {}).await;
    assert!(ended.is_ok_and(|ended| ended.code == 0));
}

#[tokio::test]
async fn a_disk_that_does_not_take_it_is_an_error_of_its_own() {
    let (base, dir) = (serve().await, tempfile::tempdir().unwrap());
    let asker = asker_of(&format!("kind = \"cap\"\nurl = \"{base}/1.xml\""), dir.path());
    fs::write(dir.path().join("file"), "in the way").unwrap();
    let (code, why) = recorded(&asker, &dir.path().join("file"), Until::Times(1)).await.unwrap_err();
    assert_eq!(code, 74);
    assert!(why.contains("cannot be written"), "{why}");
}

#[tokio::test]
async fn a_folder_is_tried_and_recorded_like_a_server() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("drops")).unwrap();
    let path = dir.path().join("drops/1.xml");
    fs::write(&path, ALERT).unwrap();
    let at = std::time::SystemTime::from(now() - TimeDelta::hours(1));
    fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
    let keys = "kind = \"dir\"\npath = \"drops\"\npattern = \"*.xml\"\nreads = { kind = \"cap\" }";
    let (code, text, _) = tried(keys, "no base", dir.path()).await;
    assert!(code == 0 && text.contains("1.xml") && text.contains("i-1"), "{text}");
    let asker = asker_of(keys, dir.path());
    let (_, summary) = recorded(&asker, &dir.path().join("out"), Until::Times(1)).await.unwrap();
    assert!(summary.contains("1 answer,"), "{summary}");
    assert_eq!(fs::read_to_string(dir.path().join("out/it/2025-12-09T00-00-00Z/0001.body")).unwrap(), ALERT);
    // A list in a folder leads to its documents, as it does in the service.
    let base = serve().await;
    fs::write(
        &path,
        format!(
            "<feed xmlns=\"http://www.w3.org/2005/Atom\"><entry><id>1</id><link href=\"{base}/1.xml\"/></entry></feed>"
        ),
    )
    .unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
    let (_, text, _) = tried(keys, &base, dir.path()).await;
    assert!(text.contains("http://HOST/1.xml"), "{text}");
}
