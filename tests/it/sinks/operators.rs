//! What those who operate are told, held against a real Alertmanager, and what PagerDuty is asked through the life of a warning.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use nadhir::ids::BulletinId;
use nadhir::sink::{Parcel, Receipt, Sink, World};
use nadhir::time::{TimeDelta, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::receiver::Receiver;
use super::{parcel, read};
use crate::process::wait_for;

const NUMBER: &str = "MKH-2025-000012";

/// A warning as the form `json` tells it now.
fn told(edition: u32, change: &str, severity: &str, areas: &[&str], left: &[&str]) -> Parcel {
    let now: Timestamp = std::time::SystemTime::now().into();
    let places = |ids: &[&str]| ids.iter().map(|id| json!({ "id": id })).collect::<Value>();
    let data = json!({
        "number": NUMBER, "edition": edition, "change": change, "hazard": "rain", "severity": severity, "replaces": [],
        "areas": places(areas), "left": places(left), "onset": now, "until": now + TimeDelta::hours(3),
        "text": { "ar": { "headline": "إنذار", "body": "أمطار" }, "en": { "headline": format!("{severity} rain"), "body": "Rain." } },
    });
    let body = json!({ "type": format!("warning.{change}"), "data": data }).to_string();
    Parcel {
        bulletin: BulletinId::new(NUMBER, edition),
        body: body.into(),
        now,
        expires: now + TimeDelta::hours(3),
        ..parcel(1)
    }
}

/// A real Alertmanager on a port of its own, ended with this value.
struct Server {
    child: Child,
    base: String,
    _dir: TempDir,
}

impl Server {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("am.yml");
        std::fs::write(&config, "route:\n  receiver: nobody\nreceivers:\n- name: nobody\n").unwrap();
        // A port that was free a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().expect("prometheus-alertmanager cannot be started; tests/run installs it");
        Self { child, base: format!("http://127.0.0.1:{port}"), _dir: dir }
    }

    fn open(&self) -> Arc<dyn Sink> {
        // One server of the cluster is away.
        let text = format!("urls = [\"http://127.0.0.1:9\", \"{}\"]\n", self.base);
        read("alertmanager", &text).open(&World::new(self._dir.path().to_owned()).unwrap()).unwrap()
    }

    /// The alerts that fire: severity and place.
    async fn firing(&self) -> Vec<String> {
        let answer = reqwest::get(format!("{}/api/v2/alerts?active=true", self.base)).await.unwrap();
        let alerts: Vec<Value> = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let told = |alert: &Value| {
            let label = |name: &str| alert["labels"][name].as_str().unwrap_or("-").to_owned();
            format!("{} {} {}", label("alertname"), label("severity"), label("governorate"))
        };
        let mut firing: Vec<String> = alerts.iter().map(told).collect();
        firing.sort();
        firing
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_alertmanager_fires_what_is_in_force_and_nothing_else() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = Server::start();
    let sink = server.open();
    let address = server.base.trim_start_matches("http://").to_owned();
    wait_for("alertmanager", || std::net::TcpStream::connect(&address).ok());
    let Receipt(receipt) = sink.send(&told(1, "issued", "orange", &["jeddah", "taif"], &[])).await.unwrap();
    assert!(receipt.starts_with("taken by 1 of 2; not by all: http://127.0.0.1:9 cannot be reached"), "{receipt}");
    assert_eq!(server.firing().await, ["NadhirWarning orange jeddah", "NadhirWarning orange taif"]);
    for _ in 0..2 {
        sink.send(&told(2, "raised", "red", &["jeddah"], &["taif"])).await.unwrap();
        assert_eq!(server.firing().await, ["NadhirWarning red jeddah"]);
    }
    let notice = json!({ "type": "notice.begun", "data": { "number": "MKH-OPS-2025-000003", "edition": 1, "stage": "begun",
        "about": { "topic": "feed-silent" }, "text": { "en": { "headline": "metar is silent", "body": "No answer." } } } });
    sink.send(&Parcel { body: notice.to_string().into(), ..told(1, "issued", "red", &[], &[]) }).await.unwrap();
    sink.send(&told(3, "lifted", "red", &["jeddah"], &[])).await.unwrap();
    assert_eq!(server.firing().await, ["NadhirNotice notice -"]);
    let ended = notice.to_string().replace("\"begun\"", "\"ended\"");
    sink.send(&Parcel { body: ended.into(), ..told(1, "issued", "red", &[], &[]) }).await.unwrap();
    assert_eq!(server.firing().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_end_resolves_at_pagerduty_what_its_beginning_raised_and_so_does_what_takes_its_place() {
    let taken = "202 Accepted\r\n\r\n{\"status\":\"success\",\"dedup_key\":\"x\"}";
    let mut receiver = Receiver::start(&[taken, taken, taken]).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("key"), "0123456789abcdef0123456789abcdef").unwrap();
    let text = format!("routing_key = {{ file = \"key\" }}\napi = \"{}\"\n", receiver.base);
    let sink = read("pagerduty", &text).open(&World::new(dir.path().to_owned()).unwrap()).unwrap();
    let first = told(1, "issued", "yellow", &["jeddah"], &[]);
    let replaces = first.body.replace("\"replaces\":[]", "\"replaces\":[\"MKH-2025-000009.2\",\"MKH-2025-000012.0\"]");
    sink.send(&Parcel { body: replaces.into(), ..first }).await.unwrap();
    sink.send(&told(2, "lifted", "yellow", &["jeddah"], &[])).await.unwrap();
    let mut asked = Vec::new();
    for _ in 0..3 {
        let body: Value = serde_json::from_slice(&receiver.next().await.body).unwrap();
        asked.push(format!("{} {}", body["event_action"].as_str().unwrap(), body["dedup_key"].as_str().unwrap()));
    }
    assert_eq!(asked, ["trigger MKH-2025-000012", "resolve MKH-2025-000009", "resolve MKH-2025-000012"]);
}
