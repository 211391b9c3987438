//! Days without months, and texts that hold several reports.

use super::*;
use crate::time::Timestamp;

fn at(text: &str) -> Timestamp {
    format!("{text}:00Z").parse().unwrap()
}

#[track_caller]
fn check_latest(time: &str, now: &str, expected: Result<&str, &str>) {
    let found = DayTime::parse(time).unwrap().latest(at(now));
    assert_eq!(found, expected.map(at).map_err(str::to_owned), "{time} read {now}");
}

#[test]
fn month_and_year_are_found_next_to_the_moment_of_reading() {
    check_latest("181700", "2026-08-18T17:05", Ok("2026-08-18T17:00"));
    check_latest("312330", "2026-01-01T00:10", Ok("2025-12-31T23:30"));
    check_latest("282330", "2026-03-01T00:10", Ok("2026-02-28T23:30"));
    check_latest("292330", "2028-03-01T00:10", Ok("2028-02-29T23:30"));
    check_latest("010000", "2026-01-31T23:50", Ok("2026-02-01T00:00"));
    check_latest("010000", "2025-12-31T23:45", Ok("2026-01-01T00:00"));
    check_latest("161705", "2026-08-18T17:05", Ok("2026-08-16T17:05"));
    check_latest("312400", "2026-01-01T00:10", Ok("2026-01-01T00:00"));
}

#[test]
fn a_report_to_come_or_of_who_knows_which_month_is_refused() {
    let to_come = "it is dated 2026-08-18T17:21Z, which is still to come";
    check_latest("181721", "2026-08-18T17:05", Err(to_come));
    check_latest("161704", "2026-08-18T17:05", Err("it is dated 161704Z, which is more than 48 hours ago"));
    check_latest("311700", "2026-06-18T17:05", Err("it is dated 311700Z, which is more than 48 hours ago"));
    // A year of leap days ago is not yesterday.
    check_latest("292330", "2026-03-01T00:10", Err("it is dated 292330Z, which is more than 48 hours ago"));
    for wrong in ["", "00", "001200", "321200", "182460", "182500", "182401", "18x700", "1817000", "18170"] {
        assert_eq!(DayTime::parse(wrong).filter(|_| wrong.len() == 6), None, "{wrong}");
    }
}

#[test]
fn a_date_that_came_with_the_report_must_agree_with_it() {
    let time = DayTime::parse("311651").unwrap();
    assert_eq!(time.dated(at("2025-12-31T17:00")), Ok(at("2025-12-31T16:51")));
    assert_eq!(DayTime::parse("312355").unwrap().dated(at("2026-01-01T00:00")), Ok(at("2025-12-31T23:55")));
    assert!(time.dated(at("2025-12-31T18:00")).unwrap_err().contains("cannot be told"));
    assert!(time.dated(at("2025-12-30T16:51")).is_err());
}

#[test]
fn every_station_in_a_text_is_a_report_of_its_own() {
    let cut = |text: &str| -> Vec<String> { text::cut(text).reports.into_iter().map(|one| one.text).collect() };
    let list = "OEJN 181700Z 34011KT 9999\nSPECI OETF 181705Z 24010KT\n   3000 BLDU\n10SM 22/21\n";
    assert_eq!(cut(list), ["OEJN 181700Z 34011KT 9999", "SPECI OETF 181705Z 24010KT 3000 BLDU"]);
    assert_eq!(text::cut(list).strange, [(4, "10SM 22/21".to_owned())]);
    // A report whose time is broken must not run into the one above it.
    let broken = "OEJN 181700Z 34011KT 9999\nOETF 18170 24055KT 0100 SS\n";
    assert_eq!(cut(broken), ["OEJN 181700Z 34011KT 9999"]);
    let unended = "METAR OETF 181700Z 24010KT 9999=\nOEJN 181700Z 34011KT 9999\nOEMK 18170 24055KT 0100 SS=\n";
    assert_eq!(cut(unended), ["METAR OETF 181700Z 24010KT 9999=", "OEJN 181700Z 34011KT 9999"]);
    assert_eq!(text::cut(unended).strange.len(), 1);
    let bulletin = "\u{1}\r\r\n123\r\r\nSASD31 OEJD 181700 RRA\r\r\nMETAR\r\r\nOEJN 181700Z 34011KT\r\r\n9999 FEW040=\r\r\nOETF NIL=\r\r\n\u{3}";
    assert_eq!(cut(bulletin), ["METAR OEJN 181700Z 34011KT 9999 FEW040=", "METAR OETF NIL="]);
    let taf = "FTSD31 OEJD 060500\nTAF AMD\nOEJN 060530Z 0606/0712 30018KT\nBECMG 0618/0620 35010KT=";
    assert_eq!(cut(taf), ["TAF AMD OEJN 060530Z 0606/0712 30018KT BECMG 0618/0620 35010KT="]);
    let nothing = text::cut("SASD31 OEJD 181700\nNIL=\n");
    assert!(nothing.has_heading && nothing.reports.is_empty());
}

#[test]
fn a_date_before_a_report_is_read() {
    let dated = |text: &str| -> Vec<_> { text::cut(text).reports.iter().map(|one| one.dated).collect() };
    assert_eq!(dated("# from a service\n202607140600 METAR OEJN 140600Z NIL="), [Some(at("2026-07-14T06:00"))]);
    let two = "2026/08/18 17:00\nOEJN 181700Z 34011KT 9999\nOETF 181700Z 24010KT 9999\n";
    assert_eq!(dated(two), [Some(at("2026-08-18T17:00")), None]);
}

#[test]
fn there_is_an_end_to_what_is_read() {
    let many = "OEJN 181700Z 34011KT 9999\n".repeat(text::MAX_REPORTS + 7);
    let pieces = text::cut(&many);
    assert_eq!((pieces.reports.len(), pieces.left_out), (text::MAX_REPORTS, 7));
    let long = format!("METAR OEJN 181700Z 34011KT 9999 {}", "FEW010 ".repeat(MAX_LEN));
    assert_eq!(Report::read(&long).unread.len(), 1);
    assert_eq!(Report::read(&long).conditions, Conditions::default());
}
