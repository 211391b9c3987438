//! Stories of places that a warning leaves, or may have left: whoever heard of it there hears its end.

use super::authority::{cancel, check_alerts, update};
use super::documents::{check_documents, document, heard, referring, taif};
use super::*;
use crate::alert::Alert;

fn both(minute: i64, severity: Severity, until: i64) -> Alert {
    Alert { areas: vec![jeddah(), taif()], ..alert(minute, severity, until) }
}

/// The places of each bulletin that the warning has left, and those that are in doubt.
fn trails(said: &[Bulletin]) -> Vec<String> {
    let names = |places: &[GovernorateId]| places.iter().map(ToString::to_string).collect::<Vec<_>>().join("+");
    said.iter().map(|one| format!("{}/{}", names(&one.left), names(&one.doubtful))).collect()
}

#[test]
fn what_changes_its_hazard_and_splits_by_place_is_replaced_in_each_place() {
    let first = document(10, 300, &[(Severity::Orange, &[jeddah(), taif()])]);
    let split = document(60, 300, &[(Severity::Orange, &[jeddah()]), (Severity::Orange, &[taif()])]);
    let split = split.into_iter().map(|part| Alert { hazard: Hazard::FlashFlood, ..part }).collect();
    let said = check_documents(
        &[(10, first.clone()), (60, referring(split, MsgType::Update, &first[0]))],
        "00:10 issued orange official jeddah+taif; 01:00 updated orange official jeddah; \
         01:00 issued orange official taif; 05:00 expired orange official jeddah; 05:00 expired orange official taif",
    );
    assert_eq!(said[2].replaces, [said[0].id.clone()]);
    assert!(said[2].reach.hazards.contains(&Hazard::Rain), "who hears of rain alone hears what became of it");
    assert!(said[1].left.is_empty());
}

#[test]
fn a_hazard_that_another_part_does_not_go_on_with_is_left_though_that_part_names_the_place() {
    let first = document(10, 300, &[(Severity::Orange, &[jeddah(), taif()])]);
    let mut split = document(60, 300, &[(Severity::Orange, &[jeddah()]), (Severity::Orange, &[taif()])]);
    split[1].hazard = Hazard::Dust;
    let said = check_documents(
        &[(10, first.clone()), (60, referring(split, MsgType::Update, &first[0]))],
        "00:10 issued orange official jeddah+taif; 01:00 updated orange official jeddah; \
         01:00 issued orange official taif; 05:00 expired orange official jeddah; 05:00 expired orange official taif",
    );
    assert_eq!((said[1].left.as_slice(), said[2].replaces.len()), ([taif()].as_slice(), 0));
}

#[test]
fn a_place_that_a_warning_has_left_is_told_by_every_edition_until_its_time_there_is_up() {
    let first = both(10, Severity::Orange, 300);
    let here = update(20, Severity::Orange, 300, &[&first]);
    let longer = update(30, Severity::Orange, 400, &[&here]);
    let late = update(310, Severity::Orange, 500, &[&longer]);
    let said = check_alerts(
        &[(10, &first), (20, &here), (30, &longer), (310, &late)],
        "00:10 issued orange official; 00:20 updated orange official; 00:30 extended orange official; \
         05:10 extended orange official; 08:20 expired orange official",
    );
    assert_eq!(trails(&said), ["/", "taif/", "taif/", "/", "/"]);
    let said = check_alerts(
        &[(10, &first), (20, &here), (30, &cancel(30, &[&here]))],
        "00:10 issued orange official; 00:20 updated orange official; 00:30 lifted orange official",
    );
    assert_eq!(trails(&said), ["/", "taif/", "taif/"]);
    let back = Alert { areas: first.areas.clone(), ..longer };
    let said = check_alerts(
        &[(10, &first), (20, &here), (30, &back)],
        "00:10 issued orange official; 00:20 updated orange official; 00:30 updated orange official; \
         06:40 expired orange official",
    );
    assert_eq!(trails(&said), ["/", "taif/", "/", "/"]);
}

#[test]
fn a_place_that_an_update_may_have_left_hears_what_comes_of_it() {
    let first = both(10, Severity::Orange, 300);
    let unclear = |minute, until, of: &Alert| Alert {
        fingerprint: u64::try_from(minute).unwrap(),
        unplaced: vec!["Taief".to_owned()],
        ..update(minute, Severity::Yellow, until, &[of])
    };
    let vague = unclear(20, 300, &first);
    let vaguer = unclear(30, 400, &vague);
    let said = check_alerts(
        &[(10, &first), (20, &vague), (30, &vaguer), (40, &cancel(40, &[&vaguer]))],
        "00:10 issued orange official; 00:20 lowered yellow official; 00:30 extended yellow official; \
         00:40 lifted yellow official",
    );
    assert_eq!(trails(&said), ["/", "/taif", "/taif", "/"]);
    assert_eq!(said[3].areas, [jeddah(), taif()], "it has ended wherever it may have held");
    let said = check_alerts(
        &[(10, &first), (20, &vague), (30, &update(30, Severity::Yellow, 300, &[&vague]))],
        "00:10 issued orange official; 00:20 lowered yellow official; 00:30 updated yellow official; \
         05:00 expired yellow official",
    );
    assert_eq!(trails(&said), ["/", "/taif", "taif/", "/"]);
    let said = check_alerts(
        &[(10, &first), (20, &vague)],
        "00:10 issued orange official; 00:20 lowered yellow official; 05:00 expired yellow official",
    );
    assert_eq!(said[2].areas, [jeddah(), taif()]);
}

#[test]
fn doubt_ends_when_the_place_is_known() {
    let first = document(10, 300, &[(Severity::Orange, &[jeddah(), taif()])]);
    let vague = referring(
        document(20, 300, &[(Severity::Yellow, &[jeddah()]), (Severity::Red, &[])]),
        MsgType::Update,
        &first[0],
    );
    let mut clear = vague.clone();
    (clear[1].areas, clear[1].unplaced) = (vec![taif()], Vec::new());
    let said = check_documents(
        &[(10, first.clone()), (20, vague.clone()), (30, clear.clone())],
        "00:10 issued orange official jeddah+taif; 00:20 lowered yellow official jeddah; \
         00:30 issued red official taif; 05:00 expired yellow official jeddah; 05:00 expired red official taif",
    );
    assert_eq!((said[2].replaces.as_slice(), trails(&said)[3].as_str()), ([said[1].id.clone()].as_slice(), "/"));
    // The name that was not known turns out to be of the place that was told.
    clear[1].areas = vec![jeddah()];
    clear[1].severity = Severity::Yellow;
    let (_, said) = live(&book(rain(0, 20)), &heard(&[(10, first), (20, vague), (30, clear)]), 60);
    assert_eq!(trails(&said), ["/", "/taif", "taif/"]);
}
