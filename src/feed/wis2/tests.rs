//! Stories of notifications. Those written here are synthetic; real ones are read when they lie beside the project.

use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use ring::digest::{SHA256, SHA384, SHA512, digest};
use serde_json::{Value, json};

use super::*;
use crate::feed::keys::tests::{feed, read};
use crate::feed::{Digest, integrity};

const NOW: &str = "2025-12-09T00:00:00Z";
const BROKERS: &str = "brokers = [\"mqtts://one.example\", \"mqtts://two.example:8883\"]";
const REST: &str = "topics = [\"cache/a/wis2/+/data/core/weather/advisories-warnings/#\"]\nreads = { kind = \"cap\" }";
const ALERT: &str = "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>synthetic</identifier>\
    <sender>ncm@example.org</sender><sent>2025-12-09T00:30:00+03:00</sent><status>Actual</status><msgType>Alert</msgType>\
    <scope>Public</scope><info><language>ar</language><event>أمطار رعدية</event><severity>Extreme</severity>\
    <certainty>Likely</certainty><expires>2025-12-09T13:00:00+03:00</expires>\
    <area><areaDesc>محافظة جدة</areaDesc></area></info></alert>";

fn wis2() -> Arc<dyn Feed> {
    feed(&KIND, &format!("{BROKERS}\n{REST}"))
}

/// A notification with the given properties and links.
fn notification(properties: &Value, links: &Value) -> Value {
    let mut all = json!({
        "data_id": "wis2/sa-ncm/data/core/weather/advisories-warnings/synthetic", "pubtime": "2025-12-08T21:31:00Z",
    });
    all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    json!({
        "id": "31e9d66a-cd83-4174-9429-b932f1abe1be", "type": "Feature", "geometry": null, "properties": all, "links": links,
        "conformsTo": ["http://wis.wmo.int/spec/wnm/1/conf/core"],
    })
}

fn canonical(href: &str) -> Value {
    json!([{"rel": "item", "href": "https://example.org/about"}, {"rel": "canonical", "href": href}])
}

fn sha512(body: &str) -> Value {
    json!({"method": "sha512", "value": STANDARD.encode(digest(&SHA512, body.as_bytes()))})
}

fn inline(encoding: &str, value: &str, size: usize) -> Value {
    json!({"encoding": encoding, "value": value, "size": size})
}

fn gzip(text: &str) -> String {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(text.as_bytes()).unwrap();
    STANDARD.encode(packer.finish().unwrap())
}

/// Reads a notification and tells what it gave: alerts, where it points to, and what was passed over.
fn told(notification: &Value) -> String {
    let batch = wis2().decode(notification.to_string().as_bytes(), NOW.parse().unwrap()).unwrap();
    let mut told: Vec<String> =
        batch.alerts.iter().map(|alert| format!("alert {}", alert.identity.identifier)).collect();
    for follow in &batch.follow {
        let proof = follow.integrity.as_ref().map_or("unproved", |integrity| integrity.method.name());
        told.push(format!("follow {} {proof}", follow.request.url));
    }
    told.extend(batch.skipped.iter().map(|skip| format!("skipped: {}", skip.why)));
    told.join("; ")
}

#[test]
fn content_that_came_along_is_read_at_once() {
    for (encoding, value) in [("utf-8", ALERT.to_owned()), ("base64", STANDARD.encode(ALERT)), ("gzip", gzip(ALERT))] {
        let content = inline(encoding, &value, ALERT.len());
        let link = canonical("https://example.org/alert.xml");
        assert_eq!(told(&notification(&json!({"content": content}), &link)), "alert synthetic", "{encoding}");
        let proved = json!({"content": content, "integrity": sha512(ALERT)});
        assert_eq!(told(&notification(&proved, &link)), "alert synthetic", "{encoding}");
    }
    let doubtful = notification(&json!({"content": inline("utf-8", ALERT, 9)}), &json!([]));
    let expected = format!("alert synthetic; skipped: its content has {} bytes and not the 9 announced", ALERT.len());
    assert_eq!(told(&doubtful), expected, "a warning is not withheld over a number");
    let torn = ALERT.split_at(ALERT.len() / 2).0;
    let torn = told(&notification(&json!({"content": inline("utf-8", torn, ALERT.len())}), &json!([])));
    assert!(torn.starts_with("skipped: its content is not read: "), "{torn}");
}

#[test]
fn content_that_is_not_what_was_announced_is_never_read_and_the_link_is_followed_instead() {
    let other = ALERT.replace("Extreme", "Minor");
    let bomb = gzip(&" ".repeat(MAX_CONTENT + 1));
    let cases = [
        (json!({"content": inline("utf-8", &other, other.len()), "integrity": sha512(ALERT)}), "sha512 is not the one"),
        (json!({"content": inline("base64", "%%", 9)}), "not in Base64"),
        (json!({"content": inline("gzip", "H4sI", 9)}), "packing is torn"),
        (json!({"content": inline("gzip", &bomb, MAX_CONTENT + 1)}), "unpacks to more than 1048576 bytes"),
        (json!({"content": inline("bufr", "x", 1)}), "encoded as `bufr`"),
        (json!({"content": inline("utf-8", "hello", 5)}), "a text that begins «hello»"),
    ];
    for (properties, why) in cases {
        let proof = if properties["integrity"].is_null() { "unproved" } else { "sha512" };
        let with_link = told(&notification(&properties, &canonical("https://example.org/alert.xml")));
        assert!(with_link.starts_with(&format!("follow https://example.org/alert.xml {proof}")), "{with_link}");
        assert!(with_link.contains(why), "{with_link}");
        let alone = told(&notification(&properties, &json!([])));
        assert!(alone.starts_with("skipped: its content is not read: ") && alone.contains(why), "{alone}");
    }
}

#[test]
fn a_link_is_followed_only_where_something_vouches_for_what_is_there() {
    let cases = [
        ("https://example.org/a", json!({}), "follow https://example.org/a unproved"),
        ("https://example.org/a", json!({"integrity": sha512("a")}), "follow https://example.org/a sha512"),
        ("http://example.org/a", json!({"integrity": sha512("a")}), "follow http://example.org/a sha512"),
        (
            "https://example.org/a",
            json!({"integrity": {"method": "sha3-512", "value": "AAAA"}}),
            "follow https://example.org/a unproved; skipped: its digest was not checked: `sha3-512` cannot be \
             computed here",
        ),
        (
            "http://me:hush@example.org/a?key=hush",
            json!({}),
            "skipped: http://example.org/a is not followed: neither the connection nor a digest vouches for what is there",
        ),
        ("https://127.0.0.1/a", json!({}), "skipped: its link leads into this machine"),
        ("http://localhost/a", json!({"integrity": sha512("a")}), "skipped: its link leads into this machine"),
        ("ftp://example.org/a", json!({}), "skipped: its link is of the kind ftp: only the web is followed"),
        ("a.xml", json!({}), "skipped: its link is not an address"),
    ];
    for (href, properties, expected) in cases {
        assert_eq!(told(&notification(&properties, &canonical(href))), expected, "{href}");
    }
    let two = json!([
        {"rel": "canonical", "href": "http://example.org/a"}, {"rel": "update", "href": "https://example.org/a"},
    ]);
    let proved = notification(&json!({"integrity": sha512("a")}), &two);
    assert_eq!(told(&proved), "follow https://example.org/a sha512");
}

#[test]
fn a_deletion_ends_nothing_and_descriptions_of_data_are_not_data() {
    let deletion = json!([{"rel": "deletion", "href": "https://example.org/a"}]);
    assert_eq!(
        told(&notification(&json!({}), &deletion)),
        "skipped: withdrawn at the centre: a deletion ends no warning"
    );
    assert_eq!(told(&notification(&json!({}), &json!([]))), "skipped: it neither brings data nor says where they lie");
    for data_id in ["wis2/sa-ncm/metadata/core", "urn:wmo:md:sa-ncm:advisories"] {
        let metadata = notification(&json!({"data_id": data_id}), &canonical("https://example.org/a"));
        assert_eq!(told(&metadata), "");
    }
}

#[test]
fn a_notification_is_known_by_its_id_and_its_data_by_their_bytes() {
    let known = |notification: &Value| identity(notification.to_string().as_bytes()).unwrap();
    let first = notification(&json!({"integrity": sha512("a")}), &canonical("https://one.example/a"));
    let mut other_cache = notification(&json!({"integrity": sha512("a")}), &canonical("https://two.example/a"));
    other_cache["id"] = json!("another");
    other_cache["properties"]["pubtime"] = json!("2025-12-08T21:31:09Z");
    assert_ne!(known(&first).id, known(&other_cache).id);
    assert_eq!(known(&first).version, known(&other_cache).version);
    let anew = notification(&json!({"integrity": sha512("b")}), &canonical("https://one.example/a"));
    assert_ne!(known(&first).version, known(&anew).version);
    let later = notification(&json!({"pubtime": "2025-12-08T22:00:00Z"}), &canonical("https://one.example/a"));
    assert_ne!(known(&notification(&json!({}), &json!([]))).version, known(&later).version);
    let long = notification(&json!({"data_id": "x".repeat(5000)}), &json!([]));
    assert_eq!(known(&long).version.len(), 32, "a long name is kept as a fingerprint");
}

#[test]
fn what_is_no_notification_is_refused_as_one_and_read_as_data() {
    for (body, why) in [
        ("", "an empty body"),
        ("hello", "a text that begins «hello»"),
        ("[]", "some other JSON"),
        ("{\"type\":\"Feature\"}", "some other JSON"),
        ("{\"type\":\"Feature\",\"properties\":{\"data_id\":7}}", "some other JSON"),
        (ALERT, "some other XML"),
    ] {
        let error = identity(body.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, format!("expected a notification of WIS2, found {why}"));
    }
    let batch = wis2().decode(ALERT.as_bytes(), NOW.parse().unwrap()).unwrap();
    assert_eq!(batch.alerts.len(), 1, "what was pointed to is read by the kind within");
    let large = notification(&json!({"filler": "x".repeat(MAX_NOTIFICATION)}), &json!([])).to_string();
    assert!(identity(large.as_bytes()).unwrap_err().to_string().starts_with("refused: a notification of 6"));
    let deep = "{\"properties\":".repeat(10_000);
    assert!(identity(deep.as_bytes()).is_err());
}

#[test]
fn every_digest_of_the_standard_that_can_be_computed_is_known() {
    for (method, algorithm, name) in
        [(Digest::Sha256, &SHA256, "sha256"), (Digest::Sha384, &SHA384, "sha384"), (Digest::Sha512, &SHA512, "sha512")]
    {
        let value = digest(algorithm, ALERT.as_bytes());
        let read = integrity::read(name, &STANDARD.encode(value)).unwrap();
        assert_eq!((read.method, read.value.as_slice()), (method, value.as_ref()));
    }
}

#[test]
fn everyone_listens_to_published_brokers_and_others_say_where_their_password_is() {
    let login = |text: &str| match feed(&KIND, &format!("{text}\n{BROKERS}\n{REST}")).source(NOW.parse().unwrap()) {
        Source::Broker(subscription) => subscription.login.unwrap(),
        other => panic!("{other:?}"),
    };
    let everyone = Login { user: "everyone".to_owned(), password: Password::Public("everyone") };
    assert_eq!(login(""), everyone);
    let own = login("user = \"nadhir\"\npassword = { credential = \"wis2\" }");
    assert!(matches!(own, Login { password: Password::Kept(_), .. }), "{own:?}");
    let (_, plain) =
        read(&KIND, &format!("plain = true\nbrokers = [\"mqtt://a.example\", \"mqtt://b.example\"]\n{REST}"));
    assert_eq!(plain, Vec::<String>::new());
}

#[test]
fn mistakes_are_all_told_where_they_stand() {
    let (feed, faults) = read(
        &KIND,
        "brokers = [\"mqtt://one.example\", \"https://two.example\", \"mqtts://me:hush@three.example\", \"mqtts://four.example/x\"]\n\
         topics = [\"cache/#/data\", \"a\", \"a\"]\nuser = \"nadhir\"\npassword = \"hush\"\nreads = { kind = \"wis2\" }\n",
    );
    assert!(feed.is_none());
    assert!(!faults.join("\n").contains("hush"), "{faults:#?}");
    insta::assert_snapshot!(faults.join("\n"), @r##"
    1: `brokers`: a broker is written without a user: write `user` and `password` beside it (-)
    1: `password`: a secret is not written here: this file is copied, printed and kept in version control (put it in a file that only nadhir can read and write `password = { file = "…" }`; make a new one)
    1: `brokers`: `mqtt://one.example` is reached without TLS, so anyone between may forge warnings: write mqtts://, or `plain = true` (-)
    1: `brokers`: `https://two.example` is not an address of a broker: begin with mqtts:// (-)
    1: `brokers`: `mqtts://four.example/x` is not an address of a broker: write `mqtts://host:8883` (-)
    2: `topics`: `cache/#/data` is not a topic: `+` stands for one whole level, `#` for all that follow at the end (-)
    2: `topics`: `a` is listed twice (-)
    5: `kind`: `wis2` is not known here (known here: open-meteo, metar, taf, cap, ncm-ews, met-norway, openweathermap, gdacs, csv, json)
    "##);
    let (feed, faults) = read(&KIND, "");
    assert!(feed.is_none());
    insta::assert_snapshot!(faults.join("\n"), @r##"
    1: `brokers` is missing (add `brokers = ["mqtts://…"]`)
    1: `topics` is missing (add `topics = ["cache/a/wis2/…/#"]`)
    1: `reads` is missing (add `reads = { kind = "cap" }`)
    "##);
    let (feed, faults) = read(&KIND, &format!("brokers = [\"mqtts://one.example\"]\n{REST}"));
    assert!(feed.is_some());
    insta::assert_snapshot!(faults.join("\n"), @r##"
    1: one broker: while it is down nothing is heard (WIS2 asks everyone to listen to two at once)
    "##);
    let (_, faults) =
        read(&KIND, &format!("{BROKERS}\n{}", REST.replace("\"cap\"", "\"cap\", url = \"https://a.example\"")));
    insta::assert_snapshot!(faults.join("\n"), @r##"
    3: unknown key `url` in `reads` (known here: default_life, language, area, signature)
    "##);
}

#[test]
fn the_examples_of_the_standard_and_of_eumetsat_are_read() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/wis2");
    let Ok(entries) = std::fs::read_dir(&dir) else {
        eprintln!("NOT TRIED: real notifications, because {} is not there", dir.display());
        return;
    };
    let mut seen = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        let body = std::fs::read(&path).unwrap();
        identity(&body).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().replace("examples__", "");
        let told = told(&serde_json::from_slice(&body).unwrap());
        // Of an address the host is enough.
        let words = told
            .split(' ')
            .map(|word| word.strip_prefix("https://").map_or(word, |rest| rest.split('/').next().unwrap()));
        seen.push(format!("{name}: {}", words.collect::<Vec<_>>().join(" ")));
    }
    seen.sort();
    insta::assert_snapshot!(seen.join("\n"), @r##"
    eumetsat-msg-seviri-core-notification: follow wisdev.kishou.go.jp sha512
    eumetsat-msg-seviri-recommended-api-notification: follow eumetsatspace.atlassian.net sha512
    eumetsat-msg-seviri-recommended-notification: follow api.eumetsat.int sha512
    example1: follow example.org unproved; skipped: its content is not read: expected CAP, Atom or RSS, found a text that begins «encoded bytes from the file»; skipped: its digest was not checked: what is written is no sha512 in Base64
    example2: follow example.org unproved; skipped: its digest was not checked: what is written is no sha512 in Base64
    example3: follow example.org unproved
    example4: skipped: withdrawn at the centre: a deletion ends no warning
    "##);
}
