//! `nadhir backtest`, the real program, on weather that is made up here: what it finds, how it tells it, and what it refuses.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde_json::Value;
use tempfile::TempDir;

use super::process::{End, nadhir, run, text};

/// The first hour of the made-up days, at midnight of Riyadh.
const FIRST: i64 = 1_765_227_600;

fn hour(hour: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(FIRST + hour * 3600, 0).unwrap()
}

/// A directory with synthetic readings and a truth.
struct Scene(TempDir);

impl Scene {
    /// Nine dry days in three places, but for a storm in Jeddah that a model saw coming, a shower in Makkah of which nobody had to be
    /// warned, and a day without readings of Jeddah.
    fn new() -> Self {
        let scene = Self(tempfile::tempdir().unwrap());
        let mut table = "time,governorate,precipitation[mm],wind_gust[km/h],note\n".to_owned();
        for now in 0..9 * 24 {
            for place in ["jeddah", "makkah", "taif"] {
                let rain = match (place, now) {
                    ("jeddah", 34) => 6.0,
                    ("jeddah", 35) => 18.0,
                    ("jeddah", 36) => 8.0,
                    ("jeddah", 168..192) => continue,
                    ("makkah", 87) => 2.0,
                    _ => 0.0,
                };
                table.push_str(&format!("{},{place},{rain},20,\n", hour(now).format("%FT%TZ")));
            }
        }
        table.push_str("2025-12-17T21:00:00Z,taif,-4,20,\nsoon,taif,0,20,\n");
        scene.write("stations.csv", &table);
        let mut model = "time,governorate,metric,value,unit,basis,issued,feed\n".to_owned();
        for ahead in 34..37 {
            let (at, issued) = (hour(ahead).format("%FT%TZ"), hour(29).format("%FT%TZ"));
            model.push_str(&format!("{at},jeddah,precipitation,7,mm,forecast,{issued},model\n"));
        }
        scene.write("model.csv", &model);
        scene.write(
            "truth.toml",
            "zone = \"Asia/Riyadh\"\nhazards = [\"rain\", \"wind\"]\n[[event]]\ngovernorate = \"jeddah\"\nhazard = \"rain\"\n\
             from = \"2025-12-10T10:00\"\nto = \"2025-12-10T13:00\"\nlevel = \"red\"\nsource = \"synthetic: streets under water\"\n\
             [[event]]\ngovernorate = [\"taif\"]\nhazard = \"rain\"\nfrom = \"2025-12-12T10:00\"\nto = \"2025-12-12T13:00\"\n\
             source = \"synthetic: a wadi ran, the gauge stayed dry\"\n[[event]]\ngovernorate = \"jeddah\"\nhazard = \"rain\"\n\
             from = \"2025-12-16T10:00\"\nto = \"2025-12-16T13:00\"\nsource = \"synthetic: nobody measured\"\n",
        );
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Runs the command in the directory, where all names begin.
    fn run(&self, arguments: &str) -> End {
        let mut command = nadhir(["backtest"]);
        command.args(arguments.split(' ')).current_dir(self.0.path());
        run(&mut command)
    }

    fn json(&self, arguments: &str) -> Value {
        let end = self.run(&format!("{arguments} --json"));
        serde_json::from_str(&end.stdout).unwrap_or_else(|why| panic!("{why}: {end:?}"))
    }
}

const USUAL: &str = "--readings stations.csv model.csv --truth truth.toml";

/// Rules of rain alone: the shipped rate with its red somewhere else, and nothing of sums.
fn rain_rule(red: &str) -> String {
    format!(
        "[rain-rate-1h]\nhazard = \"rain\"\nmetric = \"precipitation\"\nwindow = {{ sum = \"1h\" }}\nlook_ahead = \"6h\"\n\
         at_least = {{ yellow = \"1 mm\", orange = \"5 mm\", red = \"{red}\" }}\nsource = \"a test\"\n"
    )
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/backtest")
}

fn snapshot(name: &str, told: &str) {
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(golden());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, told));
}

#[test]
fn a_person_reads_what_was_found_what_was_false_and_what_was_not_scored() {
    let scene = Scene::new();
    scene.write("other/rain.toml", &rain_rule("30 mm"));
    let end = scene.run(&format!(
        "{USUAL} --against other --sweep rain-rate-1h.red=4mm..24mm:5mm --gate min-pod=0.5,rain.red.max-far=0,min-lead=1h"
    ));
    assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""), "{}", end.stdout);
    snapshot("table", &end.stdout);
}

#[test]
fn a_machine_reads_the_same_in_a_stable_shape() {
    let scene = Scene::new();
    let end = scene.run(&format!("{USUAL} --gate max-far=0.1 --json"));
    assert_eq!((end.code, end.stderr.as_str()), (Some(1), ""), "the gate is not passed: {}", end.stdout);
    snapshot("json", &end.stdout);
    let report: Value = serde_json::from_str(&end.stdout).unwrap();
    for key in ["readings", "rules", "tolerance_s", "scores", "totals", "changes_per_day", "gate", "warnings"] {
        assert!(report.get(key).is_some(), "{key}");
    }
    assert!(report.get("against").is_none() && report.get("sweep").is_none());
    for score in report["scores"].as_array().unwrap() {
        let number = |key: &str| score[key].as_u64().unwrap();
        assert_eq!(number("hits") + number("misses"), number("events"));
        assert_eq!(score["pod"].is_null(), number("events") == 0, "{score}");
        assert_eq!(score["far"].is_null(), number("warnings") == 0, "{score}");
    }
}

#[test]
fn the_page_stands_alone() {
    let scene = Scene::new();
    scene.write("other/rules/rain.toml", &rain_rule("30 mm"));
    let end = scene.run(&format!("{USUAL} --html page.html --against other --sweep rain-rate-1h.red=10mm..30mm:10mm"));
    assert_eq!(end.code, Some(0), "{end:?}");
    let page = fs::read_to_string(scene.path("page.html")).unwrap();
    for foreign in ["<script", "http:", "https:", "@import", "src=", "<link"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    for part in [
        "<html lang=\"en\" dir=\"ltr\">",
        "lang=\"ar\"",
        "prefers-color-scheme: dark",
        "synthetic: streets under water",
        "✓ hit",
        "✗ missed",
        "✗ 1 false alarm",
        "class=\"limit l-red\"",
        "▲ better",
        "POD against FAR",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    let end = scene.run(&format!("{USUAL} --html nowhere/page.html"));
    assert!(end.code == Some(74) && end.stderr.contains("nowhere/page.html cannot be written"), "{end:?}");
}

#[test]
fn tables_of_others_are_read_as_their_description_says_also_packed() {
    let scene = Scene::new();
    let usual = scene.json(USUAL);
    let foreign =
        fs::read_to_string(scene.path("stations.csv")).unwrap().replace("jeddah", "JED").replace("taif", "TIF");
    let foreign = foreign.replacen("time,governorate,precipitation[mm],wind_gust[km/h]", "T,S,R,G", 1);
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(foreign.as_bytes()).unwrap();
    fs::write(scene.path("foreign.csv.gz"), packer.finish().unwrap()).unwrap();
    let layout = "time = { column = \"T\" }\nbasis = \"observed\"\ncovers = \"1h\"\nvalues = [\n\
                  { column = \"R\", metric = \"precipitation\", unit = \"mm\" },\n{ column = \"G\", metric = \"wind_gust\", unit = \"km/h\" },\n]\n";
    let stations = "station = { column = \"S\", governorates = { JED = [\"jeddah\"], TIF = [\"taif\"], makkah = [\"makkah\"] } }\n";
    scene.write("foreign.csv.gz.toml", &format!("{layout}{stations}"));
    let told = scene.json("--readings foreign.csv.gz model.csv --truth truth.toml");
    assert_eq!(told["scores"], usual["scores"]);
    assert_eq!(told["readings"]["skipped"], 2);
    fs::rename(scene.path("foreign.csv.gz.toml"), scene.path("layout.toml")).unwrap();
    let common = scene.json("--readings foreign.csv.gz --columns layout.toml --truth truth.toml");
    assert_eq!(common["readings"]["rows"], told["readings"]["rows"].as_u64().unwrap() - 3);
    scene.write("foreign.csv.gz.toml", &layout.replace("\"mm\"", "\"hPa\""));
    let end = scene.run("--readings foreign.csv.gz --truth truth.toml");
    assert_eq!(end.code, Some(65));
    for part in ["foreign.csv.gz.toml:5:", "of another kind", "nothing says where a row is for"] {
        assert!(end.stderr.contains(part), "{part}: {}", end.stderr);
    }
}

#[test]
fn what_a_feed_was_recorded_to_say_is_lived_through_as_it_was_heard() {
    let scene = Scene::new();
    scene.write(
        "config/feeds.toml",
        "[net]\nkind = \"csv\"\nname = { ar = \"شبكة اختبار\", en = \"test network\" }\nurl = \"https://stations.invalid/x.csv\"\n\
         every = \"1h\"\ntime = { column = \"T\" }\nplace = { is = [\"jeddah\"] }\nbasis = \"observed\"\ncovers = \"1h\"\n\
         values = [{ column = \"R\", metric = \"precipitation\", unit = \"mm\" }]\n",
    );
    for (now, rain) in [(33, "0"), (34, "6"), (35, "18"), (36, "8"), (37, ""), (38, "0"), (39, "0"), (40, "0")] {
        let (at, heard) = (hour(now), hour(now) + chrono::TimeDelta::minutes(7));
        let dir = format!("recorded/net/{}", heard.format("%Y-%m-%dT%H-%M-%SZ"));
        let body = format!("T,R\n{},{rain}\n", at.format("%FT%TZ"));
        let is_lost = rain.is_empty();
        let (bytes, error) =
            if is_lost { ("null".to_owned(), "\"it hung\"") } else { (body.len().to_string(), "null") };
        let answered = heard.format("%FT%TZ");
        scene.write(
            &format!("{dir}/0001.json"),
            &format!("{{\"from\":\"x\",\"answered\":\"{answered}\",\"bytes\":{bytes},\"error\":{error}}}"),
        );
        if !is_lost {
            scene.write(&format!("{dir}/0001.body"), &body);
        }
    }
    for path in ["recorded", "recorded/net"] {
        let told = scene.json(&format!("--readings {path} --truth truth.toml --config config"));
        let rain = told["scores"].as_array().unwrap().iter().find(|one| one["level"] == "red").unwrap();
        assert_eq!((&rain["hits"], &rain["lead_worst_s"]), (&1.into(), &(-67 * 60).into()), "{told}");
        assert_eq!((&told["readings"]["rows"], &told["readings"]["values"]), (&8.into(), &7.into()));
        assert!(told["warnings"].to_string().contains("it hung"), "{told}");
    }
    let end = scene.run("--readings recorded --truth truth.toml");
    assert!(end.code == Some(65) && end.stderr.contains("no feed `net` is enabled"), "{end:?}");
}

#[test]
fn the_rules_are_held_against_what_an_authority_warned_of() {
    let scene = Scene::new();
    let warnings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/backtest/truth/synthetic-warnings");
    let end = scene.run(&format!("--readings stations.csv model.csv --truth {}", text(&warnings)));
    assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""), "{}", end.stdout);
    snapshot("official", &end.stdout.replace(text(&warnings), "synthetic-warnings"));
    // Beside a table of events, and as what a feed was recorded to say.
    fs::create_dir_all(scene.path("recorded/ncm/2025-12-10T03-00-00Z")).unwrap();
    let body = fs::read(warnings.join("1-alert.xml")).unwrap();
    fs::write(scene.path("recorded/ncm/2025-12-10T03-00-00Z/0001.body"), body).unwrap();
    scene.write("recorded/ncm/2025-12-10T03-00-00Z/0001.json", "{}");
    scene.write("wind.toml", "hazards = [\"wind\"]\n");
    let told = scene.json("--readings stations.csv --truth recorded wind.toml");
    let events: u64 = told["totals"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["hazard"] == "rain")
        .map(|one| one["events"].as_u64().unwrap())
        .sum();
    assert_eq!((events, told["warnings"].to_string().contains("recorded")), (2, false), "{told}");
    // The same by a feed that is configured.
    scene.write(
        "config/feeds.toml",
        "[ncm]\nkind = \"cap\"\nname = { ar = \"جهة اختبار\", en = \"test authority\" }\nurl = \"https://alerts.invalid/x.xml\"\n\
         every = \"5min\"\n",
    );
    scene.write(
        "recorded/ncm/2025-12-10T03-00-00Z/0001.json",
        "{\"from\":\"x\",\"answered\":\"2025-12-10T03:00:00Z\",\"bytes\":1,\"error\":null}",
    );
    let same = scene.json("--readings stations.csv --truth recorded wind.toml --config config");
    assert_eq!(same["totals"], told["totals"]);
    // What makes no event at all is no truth.
    fs::create_dir_all(scene.path("drills")).unwrap();
    fs::copy(warnings.join("4-test.xml"), scene.path("drills/4-test.xml")).unwrap();
    let end = scene.run("--readings stations.csv --truth drills");
    assert_eq!((end.code, end.stdout.as_str()), (Some(65), ""), "{end:?}");
    for part in ["drills: there is no event", "drills/4-test.xml: no event: its status is Test"] {
        assert!(end.stderr.contains(part), "{part}: {}", end.stderr);
    }
}

#[test]
fn what_cannot_be_used_is_told_at_once_with_what_to_do() {
    let scene = Scene::new();
    scene.write("places.csv", "time,governorate,precipitation[mm]\n2025-12-09T00:00Z,JFK,1\n2025-12-09T00:00Z,LGA,1\n");
    scene.write("other/rain.toml", &rain_rule("3 mm"));
    scene.write("bad.toml", "[[event]]\ngovernorate = \"jeddahh\"\nhazard = \"rian\"\nfrom = \"2025-12-10\"\n");
    scene.write("empty.csv", "");
    let check = |arguments: &str, code: i32, parts: &[&str]| {
        let end = scene.run(arguments);
        assert_eq!((end.code, end.stdout.as_str()), (Some(code), ""), "{arguments}: {end:?}");
        parts.iter().for_each(|part| assert!(end.stderr.contains(part), "{part}: {}", end.stderr));
    };
    check("--readings a.csv b.csv --truth c.toml", 66, &["a.csv", "b.csv", "c.toml"]);
    check("--readings places.csv --truth truth.toml", 65, &["`JFK`, `LGA`", "--place JFK="]);
    check("--readings empty.csv --truth truth.toml", 65, &["it is empty"]);
    check(
        "--readings stations.csv --truth bad.toml",
        65,
        &["did you mean `jeddah`?", "did you mean `rain`?", "`to` is missing"],
    );
    check(&format!("{USUAL} --rules other"), 78, &["`red` (3 mm) is below `orange` (5 mm)"]);
    check(
        &format!(
            "{USUAL} --gate min-pof=1 --sweep rain.red=1mm..2mm:1mm --place JFK=jeddahh --from soon --tolerance 3d"
        ),
        2,
        &[
            "did you mean `min-pod`?",
            "there is no rule `rain`",
            "did you mean `jeddah`?",
            "--from: `soon`",
            "--tolerance: at most 2d",
        ],
    );
    check(&format!("{USUAL} --from 2026-02-01"), 65, &["no reading lies between --from and --to"]);
    let end = scene.run("--readings places.csv --truth truth.toml --place JFK=jeddah --place LGA=makkah");
    assert_eq!(end.code, Some(0), "{end:?}");
}

#[test]
fn the_rules_can_be_held_against_storms_of_other_countries() {
    let scene = Scene::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/backtest");
    let header = "origin,temp,dewp,humid,wind_speed,wind_gust,precip,pressure,visib,valid_utc_hour";
    let row = |hour: i64, inches: f64| format!("EWR,70,68,90,10,,{inches},1000,3,2013-06-07T{hour:02}:00:00Z");
    let rows: Vec<String> = (10..20).map(|hour| row(hour, if hour == 15 { 0.8 } else { 0.0 })).collect();
    scene.write("new-york.csv", &format!("{header}\n{}\n", rows.join("\n")));
    scene.write("beijing.csv", "time_local,PM10,TEMP,PRES,DEWP,RAIN,WSPM\n2016-07-20 09:00:00,90,NA,1000,20,24.1,3\n");
    let elsewhere = fixtures.join("elsewhere");
    for (place, hazard, level) in [("new-york", "rain", "red"), ("beijing", "rain", "red")] {
        let layout = fixtures.join(format!("layouts/{place}.toml"));
        let truth = fixtures.join(format!("truth/{place}.toml"));
        let (config, layout, truth) = (text(&elsewhere), text(&layout), text(&truth));
        let told = scene.json(&format!("--readings {place}.csv --columns {layout} --truth {truth} --config {config}"));
        let score =
            told["totals"].as_array().unwrap().iter().find(|one| one["hazard"] == hazard && one["level"] == level);
        assert_eq!(score.unwrap()["hits"], 1, "{told}");
    }
}
