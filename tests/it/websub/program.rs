//! The real program with a web face: found, subscribed to, told by, killed, and closed again by a reload.

use std::process::Command;

use roxmltree::Document;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::super::outside::Manner;
use super::super::process::{Process, nadhir, run, text, wait_for};
use super::super::service::Scene;
use super::{ATOM, CAP, KEY, Shared, entries, receivers, signature};

/// A service with a web face, and receivers.
struct House {
    scene: Scene,
    desk: Shared,
    base: String,
    face: String,
    http: reqwest::Client,
    runtime: Runtime,
}

impl House {
    fn open() -> Self {
        let scene = Scene::bare();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (desk, base) = runtime.block_on(receivers());
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let often = scene.outside.feeds_toml(&["rain"]).replace("every = \"1h\"", "every = \"10s\"");
        scene.write("feeds.toml", &often);
        scene.write("key", KEY);
        let settings = std::fs::read_to_string(scene.config().join("nadhir.toml")).unwrap();
        scene.write("nadhir.toml", &format!("{settings}\n[web]\nlisten = \"127.0.0.1:{port}\"\n"));
        let face = format!("http://127.0.0.1:{port}/makkah/");
        let channel = format!(
            "[feed]\nkind = \"websub\"\naudience = \"public\"\nurl = {face:?}\nsecret = {{ file = {:?} }}\nallow = [\"127.0.0.0/8\"]\n\
             title = {{ ar = \"تحذيرات الطقس في منطقة مكة المكرمة\", en = \"Weather warnings for the Makkah region\" }}\n",
            text(&scene.config().join("key"))
        );
        scene.write("channels.toml", &channel);
        scene.outside.set("rain", Manner::Rain(0.0));
        Self { scene, desk, base, face, http: reqwest::Client::builder().build().unwrap(), runtime }
    }

    fn start(&self) -> Process {
        let mut service = Process::start(&mut self.scene.command());
        service.says(0, "The web face listens on 127.0.0.1:");
        service
    }

    fn read(&self, path: &str) -> Option<(u16, String)> {
        self.runtime.block_on(async {
            let answer = self.http.get(format!("{}{path}", self.face)).send().await.ok()?;
            Some((answer.status().as_u16(), answer.text().await.ok()?))
        })
    }

    fn subscribe(&self, name: &str, topic: &str, secret: &str) {
        let (topic, callback) = (format!("{}{topic}", self.face), format!("{}/{name}", self.base));
        let form =
            [("hub.mode", "subscribe"), ("hub.topic", &topic), ("hub.callback", &callback), ("hub.secret", secret)];
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let status = self.runtime.block_on(async {
            let request = self.http.post(format!("{}hub", self.face)).body(form);
            request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap().status()
        });
        assert_eq!(status.as_u16(), 202);
        wait_for("the subscription", || self.listed().iter().any(|one| one["url"] == callback.as_str()).then_some(()));
    }

    fn ask(&self, arguments: &[&str]) -> super::super::process::End {
        let mut command: Command = nadhir(["subscriber"]);
        command.args(arguments);
        command.args(["--config", text(&self.scene.config()), "--state", text(&self.scene.state)]);
        run(&mut command)
    }

    fn listed(&self) -> Vec<Value> {
        let end = self.ask(&["list", "--json"]);
        assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""), "{end:?}");
        end.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn pushed(&self, name: &str) -> Vec<super::Pushed> {
        self.desk.lock().unwrap().pushed.get(name).cloned().unwrap_or_default()
    }
}

#[test]
fn who_subscribed_is_told_in_real_documents_also_after_the_service_was_killed() {
    let house = House::open();
    let service = house.start();
    house.subscribe("jeddah", "places/jeddah.atom", "hunter2");
    house.subscribe("all", "warnings.atom", "swordfish");
    drop(service);
    let service = house.start();
    house.scene.outside.set("rain", Manner::Rain(3.0));
    let pushed = wait_for("the warning", || house.pushed("jeddah").first().cloned());
    wait_for("the warning to all", || house.pushed("all").first().cloned());
    assert_eq!(pushed.headers["x-hub-signature"], signature("hunter2", &pushed.body));
    let body = String::from_utf8(pushed.body.to_vec()).unwrap();
    let read = Document::parse(&body).unwrap();
    let alert = read.descendants().find(|node| node.has_tag_name((CAP, "alert"))).unwrap();
    let of = |name: &str| alert.descendants().find(|node| node.has_tag_name((CAP, name))).unwrap().text().unwrap();
    assert_eq!((of("status"), of("scope"), of("msgType")), ("Actual", "Public", "Alert"));
    let languages: Vec<_> = alert.descendants().filter(|node| node.has_tag_name((CAP, "language"))).collect();
    assert_eq!(languages.len(), 2);
    let entry = read.descendants().find(|node| node.has_tag_name((ATOM, "entry"))).unwrap();
    let title = entry.children().find(|node| node.has_tag_name((ATOM, "title"))).unwrap().text().unwrap();
    assert!(title.contains("الأمطار") || title.contains("أمطار"), "{title}");
    let (status, feed) = house.read("places/jeddah.atom").unwrap();
    assert_eq!((status, entries(&feed)), (200, entries(&body)));
    // What is kept of a secret shows to nobody: neither in the file nor in a list.
    let kept = std::fs::read(house.scene.state.join(nadhir::cli::place::DATABASE)).unwrap();
    let log =
        std::fs::read(house.scene.state.join(format!("{}-wal", nadhir::cli::place::DATABASE))).unwrap_or_default();
    assert!(![&kept, &log].iter().any(|bytes| bytes.windows(7).any(|some| some == b"hunter2")));
    let listed = house.listed();
    assert!(listed.iter().all(|one| one["until"].is_string()) && listed.len() == 2, "{listed:?}");
    let name = listed[0]["name"].as_str().unwrap();
    for refused in [&["secret", name][..], &["rotate", name], &["add", "x", "--url", "https://x.example/"]] {
        let end = house.ask(refused);
        assert!(end.code == Some(2) && end.stderr.contains("at its hub themselves"), "{refused:?}: {end:?}");
    }
    assert_eq!(house.ask(&["remove", name]).code, Some(0));
    assert!(!service.stderr().contains("hunter2"));
    // A reload closes it; what is owed goes on as before.
    let settings = std::fs::read_to_string(house.scene.config().join("nadhir.toml")).unwrap();
    house.scene.write("nadhir.toml", settings.split("[web]").next().unwrap());
    house.scene.write("channels.toml", "[archive]\nkind = \"file\"\naudience = \"public\"\npath = \"archive.jsonl\"\n");
    let reload = run(&mut nadhir(["reload", "--state", text(&house.scene.state)]));
    assert_eq!(reload.code, Some(0), "{reload:?}");
    wait_for("the face to close", || house.read("warnings.atom").is_none().then_some(()));
}

#[test]
fn an_address_that_is_taken_holds_up_no_warning() {
    let house = House::open();
    let port: u16 = house.face.split(':').nth(2).unwrap().split('/').next().unwrap().parse().unwrap();
    let taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let mut service = Process::start(&mut house.scene.command());
    service.says(0, "The web face cannot listen on 127.0.0.1:");
    house.scene.outside.set("rain", Manner::Rain(3.0));
    wait_for("the warning", || {
        let journal = house.scene.journal();
        journal.iter().any(|line| line["kind"] == "bulletin").then_some(())
    });
    drop(taken);
    service.says(0, "The web face listens on 127.0.0.1:");
    wait_for("the feed", || {
        house.read("warnings.atom").filter(|(status, feed)| *status == 200 && !entries(feed).is_empty())
    });
}
