//! `nadhir check`: what staff read when they mistype, and the exit codes that scripts rely on.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{TimeZone, Utc};
use nadhir::cli::check::{EX_CONFIG, EX_NOINPUT, EX_OK, check};
use nadhir::config::{Proved, from_files, prove_files};
use nadhir::problem::{Problem, render};

use super::cases;
use super::process::{nadhir, run};

/// The report and whether the configuration can be used.
fn report(files: BTreeMap<String, String>) -> (bool, String) {
    // What is told by the wording inside the program is tried elsewhere, once.
    let has_wording = files.keys().any(|name| name.starts_with("wording/"));
    let read = if has_wording { prove_files(files).map(|Proved { warnings, .. }| warnings) } else { read(files) };
    match read {
        Ok(warnings) => (true, render(&warnings, false)),
        Err(problems) => (false, render(&problems, false)),
    }
}

/// The warnings of a configuration that was read and whose stories come true, or all that is wrong with it.
fn read(files: BTreeMap<String, String>) -> Result<Vec<Problem>, Vec<Problem>> {
    let (config, warnings) = from_files(files)?;
    let untrue = config.check_stories();
    if untrue.is_empty() { Ok(warnings) } else { Err(warnings.into_iter().chain(untrue).collect()) }
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_to_do() {
    let cases = cases::all();
    assert!(100 <= cases.len(), "only {} cases were found", cases.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(cases::home());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, files) in cases {
            let (is_usable, report) = report(files);
            assert_eq!(is_usable, name.starts_with("warn-"), "{name}:\n{report}");
            insta::assert_snapshot!(name, report);
        }
    });
}

fn at_noon(dir: Option<&Path>, json: bool) -> (u8, String) {
    let (code, report) = check(dir, json, Utc.with_ymd_and_hms(2025, 12, 9, 9, 0, 0).unwrap());
    (code, anstream::adapter::strip_str(&report).to_string())
}

#[test]
fn the_shipped_configuration_is_good() {
    let (code, report) = at_noon(None, false);
    assert_eq!(code, EX_OK, "{report}");
    assert!(report.contains("Makkah Region: 17 governorates."), "{report}");
    let told = report.lines().find_map(|line| line.strip_prefix("Told ")?.split_once(" texts: ")).unwrap();
    let wanted = 10 * 4 * 7 * 2 * 2;
    assert!(wanted < told.0.parse().unwrap(), "hazards, severities, changes, languages and forms: {report}");
    assert!(report.contains("await a meteorologist's sign-off"), "{report}");
    assert!(report.ends_with("The configuration is good.\n"), "{report}");

    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    assert_eq!(at_noon(Some(&config), false).0, EX_OK);
}

#[test]
fn a_rules_file_with_three_mistakes_shows_all_three_and_exits_with_78() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("rules")).unwrap();
    std::fs::copy(cases::home().join("three-mistakes.toml"), dir.path().join("rules/rain.toml")).unwrap();
    let (code, report) = at_noon(Some(dir.path()), false);
    assert_eq!(code, EX_CONFIG);
    assert_eq!(report.matches("error: ").count(), 3, "{report}");
    assert_eq!(report.matches("rules/rain.toml:").count(), 3, "{report}");
    assert!(report.ends_with("3 mistakes: the configuration cannot be used.\n"), "{report}");

    let (code, report) = at_noon(Some(dir.path()), true);
    assert_eq!(code, EX_CONFIG);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["ok"], false);
    assert_eq!(report["counts"]["mistakes"], 3);
    assert_eq!(report["counts"]["rules"], serde_json::Value::Null);
    for problem in report["problems"].as_array().unwrap() {
        assert!(problem["line"].is_u64() && problem["column"].is_u64(), "{problem}");
        assert!(problem["file"].as_str().unwrap().ends_with("rain.toml"));
        assert_eq!(problem["level"], "error");
    }
}

#[test]
fn a_directory_that_is_not_there_exits_with_66() {
    let nowhere = Path::new("/nowhere/at/all");
    assert_eq!(at_noon(Some(nowhere), false).0, EX_NOINPUT);
    let (code, report) = at_noon(Some(nowhere), true);
    assert_eq!(code, EX_NOINPUT);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["ok"], false);
}

#[test]
fn the_report_is_written_whole_and_counted_in_json() {
    let end = run(&mut nadhir(["check", "--json"]));
    assert_eq!(end.code, Some(EX_OK.into()), "{end:?}");
    let report: serde_json::Value = serde_json::from_str(&end.stdout).unwrap();
    assert_eq!(report["online"], serde_json::Value::Null, "nobody was to be asked");
    assert_eq!(report["ok"], true);
    assert_eq!(report["counts"]["governorates"], 17);
    assert_eq!(report["counts"]["rules_signed_off"], 0);
}

#[test]
fn a_file_in_another_encoding_is_told_by_its_name_and_a_mark_at_its_beginning_does_no_harm() {
    let rule = "[rain]\nhazard = \"rain\"\nmetric = \"precipitation\"\nwindow = { sum = \"6h\" }\n\
                at_least = { yellow = \"10 mm\" }\nsource = \"اختبار\"\n";
    let utf_16 = rule.encode_utf16().flat_map(u16::to_le_bytes);
    let windows = rule.replace("اختبار", "").into_bytes().into_iter().chain(*b"# \xc7\xce\xca\xc8\xc7\xd1\n");
    let marked = format!("\u{feff}{rule}").into_bytes();
    for (bytes, code, word) in [
        (utf_16.collect(), EX_CONFIG, "save it as UTF-8"),
        (windows.collect(), EX_CONFIG, "the file is not UTF-8 (line 7): save it as UTF-8"),
        (marked, EX_OK, "1 rule"),
        (format!("\t{}", rule.replace(" = ", "\t=\t").replace('\n', "\r\n")).into_bytes(), EX_OK, "1 rule"),
        (Vec::new(), EX_OK, "there is no rule"),
    ] as [(Vec<u8>, u8, &str); 5]
    {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("rules")).unwrap();
        std::fs::write(dir.path().join("rules/rain.toml"), bytes).unwrap();
        let (found, report) = at_noon(Some(dir.path()), false);
        assert!(found == code && report.contains(word) && report.len() < 20_000, "{word}: {report}");
    }
}

#[test]
fn no_slip_in_a_shipped_file_makes_the_reader_panic() {
    for (name, text) in nadhir::config::embedded::FILES {
        let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        for cut in ends.iter().step_by(ends.len() / 6 + 1) {
            // A file that ends early, a line that is gone, and a quotation mark too many.
            let (before, after) = text.split_at(*cut);
            let without = after.trim_start_matches('\n').split_once('\n').map_or("", |(_, rest)| rest);
            for broken in [before.to_owned(), format!("{before}\n{without}"), format!("{before}\"{after}")] {
                drop(read(BTreeMap::from([((*name).to_owned(), broken)])));
            }
        }
    }
}

#[test]
fn no_text_makes_the_reader_panic_or_hang() {
    for text in
        ["", "[", "]", "a", "[a", "\u{0}", "[a]\nmetric = [[[[[", "= = =", "\"\"=1", "[\"جدة\"]\nx = 1", "[a.b.c]\n"]
    {
        for name in
            ["nadhir.toml", "feeds.toml", "channels.toml", "governorates.toml", "rules/a.toml", "outlines.geojson"]
        {
            drop(read(BTreeMap::from([(name.to_owned(), text.to_owned())])));
        }
    }
}

#[test]
fn a_channel_that_this_program_cannot_speak_to_is_a_mistake_unless_it_is_off() {
    let channel = "[phones]\nkind = \"smpp\"\naudience = \"staff\"\nserver = \"smsc.example.sa\"\nsystem_id = \"nadhir\"\n\
                   password = { file = \"smpp.password\" }\nfrom = \"MAKKAH\"\nto = [\"+966500000001\"]\n";
    let (is_usable, said) = report([("channels.toml".to_owned(), channel.to_owned())].into());
    if cfg!(feature = "smpp") {
        assert!(is_usable && !said.contains("smpp"), "{said}");
    } else {
        let words =
            "`phones`: this nadhir was built without smpp; build it with `cargo build --release --features smpp`";
        assert!(!is_usable && said.contains(words) && said.contains("enabled = false"), "{said}");
    }
    let off = format!("{channel}enabled = false\n[desk]\nkind = \"console\"\naudience = \"public\"\n");
    let (is_usable, said) = report([("channels.toml".to_owned(), off)].into());
    assert!(is_usable && !said.contains("smpp"), "{said}");
}
