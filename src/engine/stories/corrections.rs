//! Stories of corrections that meet alerts which are held, wait, were told in one language or have several parts.

use super::*;
use crate::notice::{Holding, Topic};

fn taif() -> GovernorateId {
    GovernorateId::new("taif").unwrap()
}

fn of(msg_type: MsgType, to: &Alert, alert: Alert) -> Alert {
    Alert { msg_type, references: vec![to.identity.clone()], ..alert }
}

fn english(arabic: &Alert) -> Alert {
    let mut english = arabic.clone();
    english.identity.identifier.push_str("-en");
    english.words[0].language = "en".into();
    english
}

fn together(alerts: Vec<Alert>) -> Event {
    asked("ncm", Batch { alerts, ..Batch::default() })
}

/// Lives through events one by one; gives what was said and the topics of what was told to the staff.
fn step_by_step(book: &RuleBook, events: &[(i64, Event)]) -> (Vec<Bulletin>, Vec<Topic>) {
    let mut state = State::default();
    let (mut said, mut topics) = (Vec::new(), Vec::new());
    for (minute, event) in events {
        let outcome = step(book, &state, event, at(*minute));
        said.extend(outcome.bulletins);
        topics.extend(outcome.notices.into_iter().map(|notice| notice.topic));
        state.adopt(outcome.changes);
    }
    (said, topics)
}

#[test]
fn a_held_alert_that_was_cancelled_or_corrected_is_not_told_once_its_places_are_known() {
    let mut nowhere = alert(10, Severity::Red, 300);
    nowhere.fingerprint = 1;
    let placed = nowhere.clone();
    (nowhere.areas, nowhere.unplaced) = (Vec::new(), vec!["Atlantis".to_owned()]);
    for end in [MsgType::Cancel, MsgType::Update] {
        let end = of(end, &placed, alert(20, Severity::Yellow, 300));
        let is_update = end.msg_type == MsgType::Update;
        let events = [(10, said(nowhere.clone())), (20, said(end)), (30, said(placed.clone()))];
        let (told, _) = step_by_step(&book(rain(0, 20)), &events);
        assert_eq!(tell(&told), if is_update { "00:20 issued yellow official" } else { "" });
    }
}

#[test]
fn a_place_that_a_misread_part_may_be_about_is_not_told_that_the_warning_has_left_it() {
    let first = Alert { areas: vec![jeddah(), taif()], ..alert(10, Severity::Orange, 300) };
    let here = of(MsgType::Update, &first, alert(60, Severity::Yellow, 300));
    let mut misspelt = Alert { part: 1, severity: Severity::Red, ..here.clone() };
    (misspelt.areas, misspelt.unplaced) = (Vec::new(), vec!["Taief".to_owned()]);
    let (told, topics) = step_by_step(&book(rain(0, 20)), &[(10, said(first)), (60, together(vec![here, misspelt]))]);
    assert_eq!(tell(&told), "00:10 issued orange official; 01:00 lowered yellow official");
    assert!(told[1].left.is_empty(), "the part that was not understood may be about it");
    let is_held = |topic: &Topic| matches!(topic, Topic::AlertHeld { why: Holding::Unplaced, .. });
    assert!(topics.iter().any(is_held), "{topics:?}");
}

#[test]
fn a_place_elsewhere_beside_ours_does_not_keep_from_those_that_a_warning_leaves() {
    let mut book = book(rain(0, 20));
    book.governorates = Arc::new((*book.governorates).clone().beside(&["الرياض".to_owned()]));
    let first = Alert { areas: vec![jeddah(), taif()], ..alert(10, Severity::Orange, 300) };
    let mut update = of(MsgType::Update, &first, alert(60, Severity::Orange, 300));
    update.unplaced = vec!["الرياض".to_owned()];
    let (told, _) = step_by_step(&book, &[(10, said(first)), (60, said(update))]);
    assert_eq!(told[1].left, [taif()]);
}

#[test]
fn the_other_language_of_an_update_is_told_though_it_was_sent_a_moment_earlier() {
    let arabic = alert(10, Severity::Orange, 300);
    let first = together(vec![arabic.clone(), english(&arabic)]);
    let raised = of(MsgType::Update, &arabic, alert(60, Severity::Red, 300));
    let mut earlier = english(&raised);
    earlier.identity.sent = at(59);
    earlier.references = vec![english(&arabic).identity];
    let (told, _) = step_by_step(&book(rain(0, 20)), &[(10, first), (60, said(raised)), (62, said(earlier))]);
    let last = told.last().unwrap();
    assert_eq!(
        (last.change, last.severity, last.only_in.as_slice()),
        (Change::Updated, Severity::Red, &[Language::En][..])
    );
}

#[test]
fn each_of_two_texts_finds_a_twin_of_its_own() {
    let text = |part: u16, language: &str, event: &str| {
        let mut alert = Alert { part, ..alert(10, Severity::Red, 300) };
        alert.words[0] = Words { language: language.into(), event: event.into(), ..Words::default() };
        if language == "en" {
            alert.identity.identifier.push_str("-en");
        }
        alert
    };
    let arabic = together(vec![text(0, "ar", "أمطار"), text(1, "ar", "أمطار غزيرة")]);
    let second = together(vec![text(0, "en", "rain"), text(1, "en", "heavy rain")]);
    let (told, _) = step_by_step(&book(rain(0, 20)), &[(10, arabic), (20, second)]);
    let numbers: BTreeSet<&str> = told[2..].iter().map(|bulletin| bulletin.number.as_str()).collect();
    assert_eq!((told.len(), numbers.len()), (4, 2), "{}", tell(&told));
}

#[test]
fn two_authorities_that_say_the_same_are_two_warnings_and_one_cannot_end_the_other() {
    let ours = alert(10, Severity::Red, 300);
    let mut theirs = english(&ours);
    theirs.identity.sender = "other".into();
    let mut cancel = of(MsgType::Cancel, &theirs, alert(30, Severity::Red, 300));
    cancel.identity.sender = "other".into();
    let events = [(10, said(ours)), (20, said(theirs)), (30, said(cancel))];
    let (state, told) = live(&book(rain(0, 20)), &events, 60);
    assert_eq!((told.iter().filter(|one| one.change.is_end()).count(), state.warnings().count()), (1, 1));
}

#[test]
fn an_older_edition_does_not_end_a_newer_one_that_waits() {
    let edition = |sent: i64, fingerprint| {
        let mut edition = alert(sent, Severity::Orange, 300);
        (edition.line, edition.fingerprint) = (Some("ews-7".to_owned()), fingerprint);
        edition
    };
    let mut book = book(rain(0, 20));
    book.feeds.get_mut(&feed("ncm")).unwrap().twin_wait = TimeDelta::minutes(20);
    let events = [(20, said(edition(20, 2))), (22, said(edition(10, 1))), (45, Event::Tick)];
    let (told, _) = step_by_step(&book, &events);
    let Origin::Official { identity, .. } = &told[0].origin else { panic!() };
    assert_eq!((told.len(), identity.sent), (1, at(20)));
}

#[test]
fn a_warning_that_its_authority_moves_to_another_region_ends_here() {
    let mut here = alert(10, Severity::Red, 300);
    (here.line, here.fingerprint) = (Some("ews-7".to_owned()), 1);
    let mut moved = Alert { fingerprint: 2, areas: Vec::new(), ..here.clone() };
    (moved.identity.identifier, moved.identity.sent) = ("ews-7.2".to_owned(), at(60));
    let (told, topics) = step_by_step(&book(rain(0, 20)), &[(10, said(here)), (60, said(moved))]);
    assert_eq!(tell(&told), "00:10 issued red official; 01:00 lifted red official");
    assert!(topics.is_empty(), "{topics:?}");
}

#[test]
fn a_warning_of_a_feed_that_is_configured_no_more_does_not_run_out_unseen() {
    let configured = book(rain(0, 20));
    let mut without = book(rain(0, 20));
    without.feeds.remove(&feed("ncm"));
    let begun = step(&configured, &State::default(), &said(alert(10, Severity::Red, 60)), at(10));
    let mut state = State::default();
    state.adopt(begun.changes);
    let outcome = step(&without, &state, &Event::Tick, at(61));
    assert_eq!(tell(&outcome.bulletins), "01:01 expired red official");
    assert!(outcome.notices.iter().any(|notice| matches!(notice.topic, Topic::RanOut { .. })));
}
