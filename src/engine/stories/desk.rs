//! Stories of the people on duty: what they warn of, add, end and take back.

use super::*;
use crate::bulletin::Reason;
use crate::engine::desk::{Amend, Correct, USUAL_QUIET, Warn};
use crate::engine::staff::{Order, refusal};

fn warn(until: i64) -> Warn {
    Warn {
        hazard: Hazard::Rain,
        severity: Severity::Orange,
        governorates: BTreeSet::from([jeddah()]),
        onset: None,
        until: at(until),
        remarks: None,
        is_drill: false,
        by: "Sara".into(),
    }
}

fn remarks() -> Both<String> {
    Both { ar: "أُغلق النفق.".into(), en: "The tunnel is closed.".into() }
}

fn amend(number: &str) -> Amend {
    Amend { number: number.into(), severity: None, governorates: None, until: None, remarks: None, by: "Sara".into() }
}

fn back(reason: Reason) -> Correct {
    Correct { number: "MKH-2025-000001".into(), reason, remarks: None, quiet: USUAL_QUIET, by: "Omar".into() }
}

fn ordered(minute: i64, order: Order) -> (i64, Event) {
    (minute, Event::Ordered(order))
}

fn rains(from: i64, to: i64, millimetres: f64) -> Vec<(i64, Event)> {
    (from..=to).step_by(10).map(|minute| (minute, gauge(minute, millimetres))).collect()
}

/// Lives through events, has the last bulletin of the first number taken back at a minute, and goes on.
fn taken_back(events: &[(i64, Event)], minute: i64, was: Option<Severity>, end: i64) -> (State, Vec<Bulletin>) {
    let book = book(rain(0, 20));
    let (_, said) = live(&book, &events.iter().filter(|(at, _)| *at < minute).cloned().collect::<Vec<_>>(), minute - 1);
    let last = said.iter().rfind(|bulletin| bulletin.number == "MKH-2025-000001").unwrap().clone();
    let mut events = events.to_vec();
    events.push((minute, Event::TakenBack { correct: back(Reason::FalseAlarm), said: Box::new(last), was }));
    events.sort_by_key(|(minute, _)| *minute);
    live(&book, &events, end)
}

#[test]
fn a_warning_by_hand_runs_out_at_its_told_end() {
    let (state, said) = live(&book(rain(0, 20)), &[ordered(10, Order::Warn(warn(60)))], 90);
    assert_eq!(tell(&said), "00:10 issued orange by hand; 01:00 expired orange by hand");
    assert_eq!(state.warnings().count(), 0);
}

#[test]
fn a_warning_by_hand_is_ended_by_hand() {
    let lift = Order::Lift { number: "MKH-2025-000001".into(), by: "Sara".into() };
    let (_, said) = live(&book(rain(0, 20)), &[ordered(10, Order::Warn(warn(600))), ordered(60, lift)], 90);
    assert_eq!(tell(&said), "00:10 issued orange by hand; 01:00 lifted orange by hand");
}

#[test]
fn the_rules_keep_quiet_beside_the_desk_unless_it_is_worse() {
    let mut events = vec![ordered(10, Order::Warn(warn(600)))];
    events.extend(rains(20, 40, 12.0));
    let (_, said) = live(&book(rain(0, 20)), &events, 50);
    assert_eq!(tell(&said), "00:10 issued orange by hand");
    events.extend(rains(50, 50, 45.0));
    let (_, said) = live(&book(rain(0, 20)), &events, 50);
    assert_eq!(tell(&said), "00:10 issued orange by hand; 00:50 issued red");
}

#[test]
fn what_the_rules_told_goes_over_to_the_desk() {
    let mut events = rains(10, 20, 12.0);
    events.push(ordered(30, Order::Warn(warn(600))));
    let (_, said) = live(&book(rain(0, 20)), &events, 50);
    assert_eq!(tell(&said), "00:10 issued yellow; 00:30 issued orange by hand");
    assert_eq!(said[1].replaces, [said[0].id.clone()]);
}

#[test]
fn each_later_word_of_the_desk_names_what_its_first_one_took() {
    let number = "MKH-2025-000002";
    let change = |severity| Order::Amend(Amend { severity: Some(severity), ..amend(number) });
    let mut events = rains(10, 20, 12.0);
    events.push(ordered(30, Order::Warn(warn(600))));
    events.push(ordered(40, change(Severity::Red)));
    events.push(ordered(50, Order::Lift { number: number.into(), by: "Sara".into() }));
    let (_, said) = live(&book(rain(0, 20)), &events, 50);
    assert_eq!(
        tell(&said),
        "00:10 issued yellow; 00:30 issued orange by hand; 00:40 raised red by hand; 00:50 lifted red by hand; \
         00:50 issued yellow"
    );
    let own = said[0].id.clone();
    assert_eq!(said[2].replaces, [said[1].id.clone(), own.clone()]);
    assert_eq!(said[3].replaces, [said[2].id.clone(), own]);
}

#[test]
fn a_drill_says_nothing_of_the_weather() {
    let drill = Warn { is_drill: true, severity: Severity::Red, ..warn(600) };
    let mut events = vec![ordered(10, Order::Warn(drill))];
    events.extend(rains(20, 30, 12.0));
    let (state, said) = live(&book(rain(0, 20)), &events, 30);
    assert_eq!(tell(&said), "00:10 issued red by hand; 00:20 issued yellow");
    assert_eq!([said[0].status, said[1].status], [Status::Exercise, Status::Actual]);
    let draft = super::super::state::Draft::new(&state);
    assert_eq!(super::super::automatic::spoken_severity(&draft, Hazard::Rain, &jeddah(), at(30)), None);
}

#[test]
fn the_desk_changes_its_own_and_adds_to_what_others_say() {
    let number = "MKH-2025-000001";
    let worse = Amend { severity: Some(Severity::Red), ..amend(number) };
    let longer = Amend { until: Some(at(900)), ..amend(number) };
    let events =
        [ordered(10, Order::Warn(warn(600))), ordered(20, Order::Amend(worse)), ordered(30, Order::Amend(longer))];
    let (_, said) = live(&book(rain(0, 20)), &events, 40);
    assert_eq!(tell(&said), "00:10 issued orange by hand; 00:20 raised red by hand; 00:30 extended red by hand");
    assert_eq!(said.iter().map(|one| one.edition).collect::<Vec<_>>(), [1, 2, 3]);

    let mut events = rains(10, 40, 12.0);
    events.push(ordered(20, Order::Amend(Amend { remarks: Some(remarks()), ..amend(number) })));
    events.sort_by_key(|(minute, _)| *minute);
    let (_, said) = live(&book(rain(0, 20)), &events, 20);
    assert_eq!(tell(&said), "00:10 issued yellow; 00:20 updated yellow");
    assert_eq!(said[1].by_hand.remarks, Some(remarks()));
    let (_, said) = live(&book(rain(0, 20)), &events, 30);
    assert_eq!(tell(&said[2..]), "00:30 raised orange", "the warning goes on by itself");
    assert_eq!((said[2].edition, &said[2].replaces), (3, &vec![said[1].id.clone()]));
}

#[test]
fn what_is_taken_back_is_not_told_again_by_the_rules_that_still_see_it() {
    let events = rains(10, 200, 5.0);
    let (state, said) = taken_back(&events, 60, None, 100);
    assert_eq!(tell(&said), "00:20 issued yellow; 00:50 raised orange; 01:00 corrected orange");
    let last = said.last().unwrap();
    assert_eq!(last.by_hand.reason, Some(Reason::FalseAlarm));
    assert_eq!(last.replaces, [said[1].id.clone()]);
    assert_eq!(state.warnings().count(), 0);
    let (_, said) = taken_back(&events, 60, None, 140);
    assert_eq!(tell(&said[3..]), "02:00 issued orange", "after an hour it is told again, if it is still seen");
}

#[test]
fn what_is_worse_than_what_was_taken_back_is_told() {
    let mut events = rains(10, 70, 5.0);
    events.extend(rains(80, 80, 45.0));
    let (_, said) = taken_back(&events, 60, None, 80);
    assert_eq!(tell(&said), "00:20 issued yellow; 00:50 raised orange; 01:00 corrected orange; 01:20 issued red");
}

#[test]
fn what_is_over_can_still_be_taken_back() {
    let mut events = rains(10, 20, 5.0);
    events.extend(rains(30, 200, 0.0));
    let (_, said) = taken_back(&events, 190, None, 190);
    assert_eq!(tell(&said), "00:20 issued yellow; 01:30 lifted yellow; 03:10 corrected yellow");
    assert_eq!(said[2].edition, 3);
}

#[test]
fn an_authority_that_is_taken_back_is_not_told_again_unless_it_says_more() {
    let mut events = vec![(10, said(alert(10, Severity::Red, 600)))];
    events.extend((20..100).step_by(10).map(|minute| (minute, said(alert(10, Severity::Red, 600)))));
    let (_, said) = taken_back(&events, 60, None, 100);
    assert_eq!(tell(&said), "00:10 issued red official; 01:00 corrected red official");
    let update = Alert {
        msg_type: MsgType::Update,
        references: vec![alert(10, Severity::Red, 600).identity],
        ..alert(90, Severity::Orange, 600)
    };
    events.push((90, super::said(update)));
    let (_, said) = taken_back(&events, 60, None, 100);
    assert_eq!(tell(&said[2..]), "01:30 issued orange official");
}

#[test]
fn a_raise_that_was_refused_leaves_what_stood_before() {
    let events = rains(10, 100, 5.0);
    let (state, said) = taken_back(&events, 60, Some(Severity::Yellow), 100);
    assert_eq!(tell(&said), "00:20 issued yellow; 00:50 raised orange");
    let (_, told) = state.warnings().next().unwrap();
    assert_eq!((told.severity, told.edition), (Severity::Yellow, 2));
}

#[test]
fn whoever_orders_what_cannot_be_hears_all_that_is_wrong_at_once() {
    let (book, state) = (book(rain(0, 20)), State::default());
    let broken = Warn {
        governorates: BTreeSet::from([GovernorateId::new("paris").unwrap()]),
        onset: Some(at(20)),
        until: at(5),
        remarks: Some(Both { ar: "Closed".into(), en: String::new() }),
        by: " ".into(),
        ..warn(60)
    };
    let why = refusal(&book, &state, &Order::Warn(broken.clone()), at(10)).unwrap();
    for part in ["`paris`", "over already", "before it begins", "in `ar` is not", "nothing in `en`", "who you are"] {
        assert!(why.contains(part), "{part}: {why}");
    }
    assert!(step(&book, &state, &Event::Ordered(Order::Warn(broken)), at(10)).bulletins.is_empty());
    let nowhere = Warn { governorates: BTreeSet::new(), ..warn(60) };
    assert!(refusal(&book, &state, &Order::Warn(nowhere), at(10)).unwrap().contains("no place is never every place"));
    let long = Correct { quiet: TimeDelta::hours(7), ..back(Reason::Withdrawn) };
    assert!(refusal(&book, &state, &Order::Correct(long), at(10)).unwrap().contains("6h at most"));
    let number = "MKH-2025-000009";
    assert!(refusal(&book, &state, &Order::Amend(amend(number)), at(10)).unwrap().contains("in force"));
}

#[test]
fn of_a_warning_that_is_not_the_desks_own_only_remarks_can_change() {
    let book = book(rain(0, 20));
    let (state, _) = live(&book, &rains(10, 20, 12.0), 20);
    let number = "MKH-2025-000001";
    let worse = Amend { severity: Some(Severity::Red), ..amend(number) };
    assert!(refusal(&book, &state, &Order::Amend(worse), at(30)).unwrap().contains("only remarks"));
    assert!(refusal(&book, &state, &Order::Amend(amend(number)), at(30)).unwrap().contains("nothing would change"));
    let lift = Order::Lift { number: number.into(), by: "Sara".into() };
    assert!(refusal(&book, &state, &lift, at(30)).unwrap().contains("not a warning of the desk"));
}
