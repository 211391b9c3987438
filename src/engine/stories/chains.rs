//! Stories of chains of an authority's documents whose links do not arrive in order.

use super::authority::{cancel, check_alerts, in_english, update};
use super::documents::{check_documents, document, referring, taif};
use super::*;

/// A red alert, what updates it, and what comes after that one and speaks of it alone.
fn chain() -> (Alert, Alert) {
    let first = alert(10, Severity::Red, 300);
    let middle = update(20, Severity::Orange, 300, &[&first]);
    (first, middle)
}

#[test]
fn a_cancel_that_comes_before_what_it_ends_takes_along_what_that_one_had_taken_the_place_of() {
    let (first, middle) = chain();
    let end = cancel(30, &[&middle]);
    let both = vec![first.clone(), middle.clone()];
    check_documents(&[(40, vec![end.clone()]), (50, both)], "");
    check_alerts(&[(40, &end), (50, &middle), (60, &first)], "");
    check_alerts(&[(40, &end), (50, &first), (60, &middle)], "00:50 issued red official; 01:00 lifted red official");
    check_alerts(&[(10, &first), (40, &end), (50, &middle)], "00:10 issued red official; 00:50 lifted red official");
    // Twice is once.
    check_alerts(
        &[(10, &first), (40, &end), (50, &middle), (60, &middle), (70, &first)],
        "00:10 issued red official; 00:50 lifted red official",
    );
}

#[test]
fn a_chain_that_comes_from_its_end_leaves_nothing_standing() {
    let (first, middle) = chain();
    let later = update(30, Severity::Yellow, 300, &[&middle]);
    let end = cancel(40, &[&later]);
    check_alerts(
        &[(10, &first), (50, &end), (60, &later), (70, &middle)],
        "00:10 issued red official; 01:10 lifted red official",
    );
    check_alerts(
        &[(10, &first), (50, &end), (60, &middle), (70, &later)],
        "00:10 issued red official; 01:00 lowered orange official; 01:10 lifted orange official",
    );
}

#[test]
fn a_newer_update_takes_over_what_the_one_before_it_had_taken_over() {
    let (first, middle) = chain();
    let later = Alert { areas: vec![taif()], ..update(30, Severity::Yellow, 300, &[&middle]) };
    let said = check_alerts(
        &[(10, &first), (40, &later), (50, &middle), (60, &cancel(55, &[&middle]))],
        "00:10 issued red official; 00:40 issued yellow official; 00:50 lowered yellow official; \
         01:00 lifted yellow official",
    );
    assert_eq!(
        (&said[2].number, said[2].replaces.as_slice()),
        (&said[1].number, [said[1].id.clone(), said[0].id.clone()].as_slice())
    );
    assert_eq!((said[2].left.as_slice(), said[2].reach.worst), ([jeddah()].as_slice(), Severity::Red));
    check_alerts(
        &[(40, &later), (50, &middle), (60, &first)],
        "00:40 issued yellow official; 05:00 expired yellow official",
    );
    // What took over has run out by then, or was ended.
    let short = update(30, Severity::Yellow, 45, &[&middle]);
    check_alerts(
        &[(10, &first), (40, &short), (60, &middle)],
        "00:10 issued red official; 00:40 issued yellow official; 00:50 expired yellow official; \
         01:00 expired red official",
    );
    check_alerts(
        &[(10, &first), (40, &later), (50, &cancel(45, &[&later])), (60, &middle)],
        "00:10 issued red official; 00:40 issued yellow official; 00:50 lifted yellow official; \
         01:00 lifted red official",
    );
}

#[test]
fn an_update_in_parts_takes_over_part_by_part() {
    let first = document(10, 300, &[(Severity::Red, &[jeddah(), taif()])]);
    let middle = referring(document(20, 300, &[(Severity::Orange, &[jeddah(), taif()])]), MsgType::Update, &first[0]);
    let later = document(30, 300, &[(Severity::Yellow, &[jeddah()]), (Severity::Orange, &[taif()])]);
    let later = referring(later, MsgType::Update, &middle[0]);
    let said = check_documents(
        &[(10, first), (40, later), (50, middle)],
        "00:10 issued red official jeddah+taif; 00:40 issued yellow official jeddah; 00:40 issued orange official taif; \
         00:50 lowered yellow official jeddah; 00:50 updated orange official taif; \
         05:00 expired yellow official jeddah; 05:00 expired orange official taif",
    );
    assert!(said[3].replaces.contains(&said[0].id) && said[4].replaces.contains(&said[0].id));
    assert!(said[3].left.is_empty() && said[4].left.is_empty());
}

#[test]
fn an_update_that_waits_for_its_twin_is_told_when_it_takes_over() {
    let (first, middle) = chain();
    let later = update(30, Severity::Yellow, 300, &[&middle]);
    let mut book = book(rain(0, 20));
    book.feeds.get_mut(&feed("ncm")).unwrap().twin_wait = TimeDelta::minutes(20);
    let told = |arrivals: &[(i64, &Alert)]| {
        let events: Vec<(i64, Event)> =
            arrivals.iter().map(|(minute, alert)| (*minute, said((*alert).clone()))).collect();
        tell(&live(&book, &events, 100).1)
    };
    assert_eq!(
        told(&[(10, &first), (40, &later), (50, &middle), (60, &in_english(&later))]),
        "00:10 issued red official; 00:50 lowered yellow official; 01:00 updated yellow official"
    );
    assert_eq!(told(&[(40, &later), (50, &middle)]), "01:00 issued yellow official");
}
