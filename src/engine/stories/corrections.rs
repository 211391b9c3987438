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

/// What an early warning under one name says at a minute, without a word on when it was written.
fn undated(read: i64, severity: Severity) -> Alert {
    let mut edition = alert(10, severity, 300);
    edition.identity.identifier = format!("ews-41.{severity}");
    (edition.line, edition.fingerprint) = (Some("ews-41".to_owned()), 1 + severity as u64);
    edition.read_at = Some(at(read));
    edition
}

/// Says what is told when feeds give answers, each with the severities that one line has in it.
#[track_caller]
fn check_line(answers: &[(i64, &str, &[Severity])], expected: &str) -> Vec<Topic> {
    let answer = |(minute, name, severities): &(i64, &str, &[Severity])| {
        let alerts = severities.iter().map(|severity| undated(*minute, *severity)).collect();
        (*minute, asked(name, Batch { alerts, ..Batch::default() }))
    };
    let events: Vec<(i64, Event)> = answers.iter().map(answer).collect();
    let (told, topics) = step_by_step(&book(rain(0, 20)), &events);
    assert_eq!(tell(&told), expected);
    topics
}

const YELLOW: &[Severity] = &[Severity::Yellow];
const RED: &[Severity] = &[Severity::Red];

#[test]
fn an_undated_warning_that_comes_back_to_its_first_words_is_told_again() {
    check_line(
        &[(10, "ncm", YELLOW), (20, "ncm", RED), (30, "ncm", YELLOW), (40, "ncm", YELLOW), (50, "ncm", RED)],
        "00:10 issued yellow official; 00:20 raised red official; 00:30 lowered yellow official; \
         00:50 raised red official",
    );
}

#[test]
fn an_undated_warning_that_was_cancelled_and_stands_again_is_told_again() {
    let cancel = Alert { msg_type: MsgType::Cancel, fingerprint: 9, ..undated(20, Severity::Red) };
    let cancel = Alert { identity: Identity { identifier: "ews-41.over".into(), ..cancel.identity.clone() }, ..cancel };
    let events = [undated(10, Severity::Red), cancel, undated(30, Severity::Red), undated(40, Severity::Red)];
    let events: Vec<(i64, Event)> = (1..).map(|step| step * 10).zip(events.map(said)).collect();
    let (told, _) = step_by_step(&book(rain(0, 20)), &events);
    assert_eq!(tell(&told), "00:10 issued red official; 00:20 lifted red official; 00:30 issued red official");
}

#[test]
fn a_second_feed_that_lags_behind_takes_nothing_back() {
    check_line(
        &[(10, "ncm", YELLOW), (11, "twin", YELLOW), (20, "ncm", RED), (21, "twin", YELLOW), (30, "twin", RED)],
        "00:10 issued yellow official; 00:20 raised red official",
    );
}

#[test]
fn an_answer_with_two_words_under_one_name_is_not_told_at_every_poll() {
    let both: &[Severity] = &[Severity::Yellow, Severity::Red];
    check_line(
        &[(10, "ncm", both), (20, "ncm", both), (30, "ncm", both), (40, "ncm", RED)],
        "00:10 issued red official; 00:10 lowered yellow official; 00:40 raised red official",
    );
}

#[test]
fn a_warning_that_goes_to_and_fro_is_told_a_few_times_and_then_only_when_it_stands() {
    let mut answers: Vec<(i64, &str, &[Severity])> =
        (10..40).map(|minute| (minute, "ncm", if minute % 2 == 0 { YELLOW } else { RED })).collect();
    answers.extend([(40, "ncm", YELLOW), (60, "ncm", YELLOW), (69, "ncm", YELLOW), (70, "ncm", YELLOW)]);
    let told = |minutes: std::ops::Range<i64>| {
        let line = |minute: i64| match minute {
            10 => "00:10 issued yellow official".to_owned(),
            _ if minute % 2 == 0 => format!("00:{minute} lowered yellow official"),
            _ => format!("00:{minute} raised red official"),
        };
        minutes.map(line).collect::<Vec<_>>().join("; ")
    };
    let topics = check_line(&answers, &format!("{}; 01:10 lowered yellow official", told(10..20)));
    let incidents = topics.iter().filter(|topic| matches!(topic, Topic::AlertHeld { why: Holding::Incident, .. }));
    assert_eq!(incidents.count(), 1, "{topics:?}");
}

#[test]
fn a_delayed_edition_with_a_date_never_overtakes_a_newer_one_and_one_without_is_as_old_as_its_reading() {
    let dated = |sent: i64, severity: Severity| {
        let mut edition = Alert { read_at: None, ..undated(0, severity) };
        edition.identity.sent = at(sent);
        edition.identity.identifier = format!("ews-41.{sent}");
        edition.fingerprint = u64::try_from(sent).unwrap() + 100;
        edition
    };
    let events = [
        (20, said(dated(20, Severity::Red))),
        (30, said(dated(15, Severity::Yellow))),
        (40, said(undated(40, Severity::Orange))),
        (50, said(dated(20, Severity::Red))),
        (60, said(dated(35, Severity::Yellow))),
        (70, said(dated(65, Severity::Yellow))),
    ];
    let (told, _) = step_by_step(&book(rain(0, 20)), &events);
    let expected = "00:20 issued red official; 00:40 lowered orange official; 01:10 lowered yellow official";
    assert_eq!(tell(&told), expected);
}
