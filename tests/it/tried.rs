//! The real program reads files by hand: each is read or refused with a reason, as a table or as one JSON object a line.
//! All that the files hold is made up.

use std::path::Path;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::{End, nadhir, run, text};

/// An alert for two governorates in two languages; `more` goes into its first info.
fn alert(identifier: &str, more: &str) -> String {
    format!(
        "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>{identifier}</identifier><sender>made-up@example.org</sender>\
         <sent>2025-12-09T00:30:00+03:00</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope>\
         <info><language>ar-SA</language><category>Met</category><event>أمطار غزيرة</event><urgency>Immediate</urgency>\
         <severity>Severe</severity><certainty>Likely</certainty><onset>2025-12-09T01:00:00+03:00</onset>{more}\
         <area><areaDesc>محافظة جدة</areaDesc></area><area><areaDesc>الطائف</areaDesc></area></info></alert>"
    )
}

const EXPIRES: &str = "<expires>2025-12-09T06:00:00+03:00</expires>";

/// A directory with one file of each fate.
fn files() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| std::fs::write(dir.path().join(name), content).unwrap();
    write("1-good.xml", &alert("good", EXPIRES));
    write("2-defects.xml", &alert("defects", ""));
    write("3-dtd.xml", &format!("<!DOCTYPE alert [<!ENTITY x \"y\">]>{}", alert("dtd", EXPIRES)));
    write("4-page.html", "<!DOCTYPE html><html><body>Under maintenance</body></html>");
    write("5-empty.xml", "<feed xmlns=\"http://www.w3.org/2005/Atom\"><title>alerts</title></feed>");
    write(
        "6-loose.xml",
        "<rss version=\"2.0\" xmlns:cap=\"urn:oasis:names:tc:emergency:cap:1.2\"><channel><item><title>Chuvas</title>\
         <cap:event>Chuvas</cap:event><cap:areaDesc>Jeddah</cap:areaDesc></item></channel></rss>",
    );
    dir
}

fn tried(paths: &[&Path], more: &[&str]) -> End {
    let mut command = nadhir(["feed", "try", "--file"]);
    run(command.args(paths).args(more))
}

/// The one JSON object of each line.
fn objects(end: &End) -> Vec<Value> {
    end.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"))).collect()
}

#[test]
fn each_file_of_a_directory_is_one_object_with_its_outcome_and_its_reason() {
    let dir = files();
    let end = tried(&[dir.path()], &["--json"]);
    assert!(end.code == Some(0) && end.stderr.is_empty(), "{end:?}");
    let objects = objects(&end);
    let told: Vec<(&str, &str, &str)> = objects
        .iter()
        .map(|object| {
            let path = Path::new(object["file"].as_str().unwrap());
            assert_eq!(path.parent(), Some(dir.path()));
            let name = path.file_name().and_then(|name| name.to_str()).unwrap();
            (name, object["outcome"].as_str().unwrap(), object["reason"].as_str().unwrap_or("-"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("1-good.xml", "read", "-"),
            ("2-defects.xml", "read", "-"),
            ("3-dtd.xml", "refused", "refused: the document brings a DTD"),
            ("4-page.html", "refused", "expected CAP, Atom or RSS, found a web page (HTML)"),
            ("5-empty.xml", "read", "a list without an entry, which says nothing about the weather"),
            (
                "6-loose.xml",
                "read",
                "a list none of whose entries leads to an alert, which says nothing about the weather"
            ),
        ]
    );
    assert_eq!(objects[0]["defects"], json!([]));
    assert_eq!(objects[1]["defects"], json!(["it does not say when it ends; a default life was given"]));
    let loose = objects[5]["defects"][0].as_str().unwrap();
    assert!(loose.starts_with("entry 1: it holds elements of CAP (event, areaDesc) outside an <alert>"), "{loose}");
    assert!(objects[2..].iter().all(|object| object["alerts"] == json!([])));
}

#[test]
fn an_alert_is_told_with_its_words_and_its_governorates() {
    let dir = files();
    let end = tried(&[&dir.path().join("1-good.xml")], &["--json"]);
    let [good] = objects(&end).try_into().unwrap();
    let [alert] = good["alerts"].as_array().unwrap().as_slice() else { panic!("{good}") };
    for (key, value) in [
        ("identifier", "good"),
        ("sender", "made-up@example.org"),
        ("sent", "2025-12-09T00:30:00+03:00"),
        ("status", "Actual"),
        ("msgType", "Alert"),
        ("scope", "Public"),
    ] {
        assert_eq!(alert[key], value, "{alert}");
    }
    let [info] = alert["infos"].as_array().unwrap().as_slice() else { panic!("{alert}") };
    for (key, value) in [
        ("language", "ar-SA"),
        ("event", "أمطار غزيرة"),
        ("severity", "Severe"),
        ("onset", "2025-12-09T01:00:00+03:00"),
        ("expires", "2025-12-09T06:00:00+03:00"),
    ] {
        assert_eq!(info[key], value, "{info}");
    }
    let areas: Vec<(&Value, &Value)> =
        info["areas"].as_array().unwrap().iter().map(|area| (&area["description"], &area["governorates"])).collect();
    assert_eq!(areas, [(&json!("محافظة جدة"), &json!(["jeddah"])), (&json!("الطائف"), &json!(["taif"]))]);
    let defective = tried(&[&dir.path().join("2-defects.xml")], &["--json"]);
    assert_eq!(objects(&defective)[0]["alerts"][0]["infos"][0]["expires"], Value::Null, "what is not said is null");
}

#[test]
fn a_table_counts_what_was_read_and_why_the_rest_was_refused() {
    let dir = files();
    let end = tried(&[dir.path()], &[]);
    assert!(end.code == Some(0) && end.stderr.is_empty(), "{end:?}");
    for words in [
        "1-good.xml",
        "1 alert",
        "without a defect",
        "with defects",
        "the document brings a DTD",
        "found a web page (HTML)",
        "a list without an entry",
        "6 files: 4 read, 2 refused",
    ] {
        assert!(end.stdout.contains(words), "{words}: {}", end.stdout);
    }
}

#[test]
fn a_file_that_is_not_there_is_told_before_any_is_read() {
    let dir = files();
    let end = tried(&[&dir.path().join("1-good.xml"), &dir.path().join("no-such.xml")], &["--json"]);
    assert_eq!((end.code, end.stdout.as_str()), (Some(66), ""), "{end:?}");
    assert!(end.stderr.contains("there is no file or directory") && end.stderr.contains("no-such.xml"), "{end:?}");
    let empty = tempfile::tempdir().unwrap();
    let end = tried(&[empty.path()], &[]);
    assert!(end.code == Some(0) && end.stdout.contains("0 files: 0 read, 0 refused"), "{end:?}");
}

#[test]
fn files_of_every_kind_are_read_also_when_no_feed_of_it_is_configured() {
    let dir = tempfile::tempdir().unwrap();
    let (config, file) = (dir.path().join("config"), dir.path().join("page.html"));
    std::fs::create_dir(&config).unwrap();
    std::fs::write(&file, "<html>Under maintenance").unwrap();
    let only = "[only]\nkind = \"cap\"\nname = { ar = \"مصدر\", en = \"a feed\" }\nurl = \"https://example.org/\"\nevery = \"15min\"\n";
    std::fs::write(config.join("feeds.toml"), only).unwrap();
    // The rules inside the program name feeds that are not here.
    let rules = "[only]\nhazard = \"rain\"\nmetric = \"precipitation\"\nwindow = { sum = \"1h\" }\n\
                 at_least = { yellow = \"10 mm\" }\nsource = \"a test\"\n";
    std::fs::create_dir(config.join("rules")).unwrap();
    std::fs::write(config.join("rules/only.toml"), rules).unwrap();
    let with = |kind: &str| tried(&[&file], &["--json", "--kind", kind, "--config", text(&config)]);
    for kind in ["open-meteo", "metar", "taf", "cap", "wis2", "ncm-ews", "met-norway", "openweathermap", "gdacs", "dir"]
    {
        let end = with(kind);
        assert_eq!(end.code, Some(0), "{kind}: {end:?}");
        assert_eq!(objects(&end)[0]["outcome"], "refused", "{kind}: {end:?}");
        let says = end.stderr.contains(&format!("no feed of the kind `{kind}` is enabled"));
        assert_eq!(says, kind != "cap", "whose settings are meant is told: {end:?}");
    }
    for kind in ["csv", "json"] {
        let end = with(kind);
        assert!(end.code == Some(78) && end.stderr.contains("cannot be guessed") && end.stdout.is_empty(), "{end:?}");
    }
    // Once it is described, be it enabled or not, its files are read.
    let table = "[stations]\nenabled = false\nkind = \"csv\"\nname = { ar = \"محطات\", en = \"stations\" }\n\
                 url = \"https://example.org/\"\nevery = \"15min\"\ntime = { column = \"T\" }\nplace = { is = [\"jeddah\"] }\n\
                 basis = \"observed\"\ncovers = \"1h\"\nvalues = [{ column = \"RAIN\", metric = \"precipitation\", unit = \"mm\" }]\n";
    std::fs::write(config.join("feeds.toml"), format!("{only}{table}")).unwrap();
    let at = (Utc::now() - TimeDelta::minutes(5)).format("%Y-%m-%dT%H:%M:%SZ");
    std::fs::write(&file, format!("T,RAIN\n{at},20\n")).unwrap();
    let end = with("csv");
    assert!(end.code == Some(0) && end.stderr.contains("`stations`, which is not enabled"), "{end:?}");
    assert_eq!(objects(&end)[0]["counts"]["readings"], 1, "{end:?}");
}

#[test]
fn an_early_warning_is_read_without_a_feed_of_its_kind() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("latest.json");
    std::fs::write(&file, "[]").unwrap();
    let end = tried(&[&file], &["--json", "--kind", "ncm-ews"]);
    let [read] = objects(&end).try_into().unwrap();
    assert_eq!((end.code, &read["outcome"], &read["counts"]["alerts"]), (Some(0), &json!("read"), &json!(0)));
    assert_eq!(read["reason"], "an answer that holds nothing, which says nothing about the weather");
}
