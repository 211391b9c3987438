//! Stories of silences, of what quiets what, and of warnings that somebody has seen.

use super::*;
use crate::engine::staff::{COVERS, Order, Silence, refusal};
use crate::rule::Inhibition;

fn silence(until: i64) -> Silence {
    Silence {
        up_to: COVERS,
        hazards: BTreeSet::from([Hazard::Rain]),
        governorates: BTreeSet::from([jeddah()]),
        until: at(until),
        by: "the duty desk".into(),
        reason: "a gauge is being washed".into(),
    }
}

fn ordered(minute: i64, order: Order) -> (i64, Event) {
    (minute, Event::Ordered(order))
}

fn gauge_says(from: i64, to: i64, millimetres: f64) -> impl Iterator<Item = (i64, Event)> {
    (from..=to).step_by(10).map(move |minute| (minute, gauge(minute, millimetres)))
}

#[track_caller]
fn check_events(book: &RuleBook, mut events: Vec<(i64, Event)>, end: i64, expected: &str) -> State {
    events.sort_by_key(|(minute, _)| *minute);
    let (state, said) = live(book, &events, end);
    assert_eq!(tell(&said), expected);
    state
}

#[test]
fn a_silence_holds_back_what_is_below_red_and_ends_by_itself() {
    let book = book(rain(0, 20));
    let mut events = vec![ordered(10, Order::Silence(silence(60)))];
    events.extend(gauge_says(20, 90, 2.5));
    let state = check_events(&book, events, 120, "01:00 issued yellow");
    assert_eq!(state.silences().count(), 0);
}

#[test]
fn a_silence_never_covers_red() {
    let mut events = vec![ordered(10, Order::Silence(silence(600)))];
    events.extend(gauge_says(20, 30, 5.0).chain(gauge_says(40, 40, 45.0)));
    check_events(&book(rain(0, 20)), events, 60, "00:40 issued red");
}

#[test]
fn a_silence_is_of_its_own_hazard_and_place() {
    let mut elsewhere = silence(600);
    elsewhere.governorates = BTreeSet::from([GovernorateId::new("taif").unwrap()]);
    let mut other = silence(600);
    other.hazards = BTreeSet::from([Hazard::Wind]);
    for one in [elsewhere, other] {
        let mut events = vec![ordered(10, Order::Silence(one))];
        events.extend(gauge_says(20, 30, 12.0));
        check_events(&book(rain(0, 20)), events, 40, "00:20 issued yellow");
    }
}

#[test]
fn an_authority_is_not_silenced() {
    let events = vec![ordered(10, Order::Silence(silence(600))), (20, said(alert(20, Severity::Yellow, 100)))];
    check_events(&book(rain(0, 20)), events, 60, "00:20 issued yellow official");
}

/// What was told before stands until its told end, and then runs out without a word: nobody is called back and forth.
#[test]
fn what_was_told_before_a_silence_runs_out_without_a_word() {
    let mut events: Vec<_> = gauge_says(10, 20, 12.0).collect();
    events.push(ordered(30, Order::Silence(silence(700))));
    events.extend(gauge_says(30, 400, 0.0));
    let state = check_events(&book(rain(0, 20)), events, 400, "00:10 issued yellow");
    assert_eq!(state.warnings().count(), 0);
}

#[test]
fn a_silence_can_be_ended_before_its_time() {
    let mut events = vec![ordered(10, Order::Silence(silence(600)))];
    events.extend(gauge_says(20, 60, 2.5));
    events.push(ordered(70, Order::Speak { number: 1, by: "the duty desk".into() }));
    check_events(&book(rain(0, 20)), events, 80, "01:10 issued yellow");
}

#[test]
fn an_order_that_cannot_be_meant_is_refused_and_says_why() {
    let (book, state) = (book(rain(0, 20)), State::default());
    let why = |order: &Order| refusal(&book, &state, order, at(10)).unwrap_or_default();
    let with = |change: &dyn Fn(&mut Silence)| {
        let mut one = silence(60);
        change(&mut one);
        Order::Silence(one)
    };
    assert_eq!(why(&with(&|_| {})), "");
    for (order, part) in [
        (with(&|one| one.hazards.clear()), "names its hazards"),
        (with(&|one| one.governorates.clear()), "names its hazards and its governorates"),
        (with(&|one| one.governorates = BTreeSet::from([GovernorateId::new("paris").unwrap()])), "no governorate"),
        (with(&|one| one.until = at(10)), "over already"),
        (with(&|one| one.until = at(10 + 24 * 60 + 1)), "longer than 1d"),
        (with(&|one| one.reason = " ".into()), "say who wants it and why"),
        (Order::Speak { number: 7, by: "x".into() }, "there is no silence 7"),
        (Order::Acknowledge { number: "MKH-1".into(), by: "x".into(), note: None }, "no warning MKH-1 is in force"),
    ] {
        assert!(why(&order).contains(part), "{order:?}: {}", why(&order));
        // The engine obeys none of them either.
        let outcome = step(&book, &state, &Event::Ordered(order), at(10));
        assert!(outcome.changes.silences.is_empty() && outcome.changes.acknowledged.is_empty());
    }
}

#[test]
fn who_has_seen_a_warning_is_known_for_as_long_as_it_lives() {
    let book = book(rain(0, 20));
    let mut events: Vec<_> = gauge_says(10, 20, 12.0).collect();
    let number = "MKH-2025-000001".to_owned();
    events.push(ordered(30, Order::Acknowledge { number: number.clone(), by: "Sara".into(), note: None }));
    let (state, _) = live(&book, &events, 40);
    assert_eq!(state.acknowledgement(&number).map(|seen| seen.by.as_str()), Some("Sara"));
    let (state, _) = live(&book, &events, 1500);
    assert_eq!(state.acknowledgement(&number), None);
}

#[test]
fn something_worse_quiets_what_is_milder_there_and_nothing_beyond() {
    let flood = {
        let mut rule = rain(0, 20);
        rule.id = RuleId::new("flood").unwrap();
        rule.hazard = Hazard::FlashFlood;
        rule.thresholds = vec![Threshold { severity: Severity::Red, raise: 12.0, clear: 11.0 }];
        rule
    };
    let mut book = book(flood);
    book.rules.change(|rules| rules.push(rain(10, 20)));
    book.inhibitions = vec![Inhibition {
        hazard: Hazard::FlashFlood,
        severity: Severity::Red,
        quiets: BTreeSet::from([Hazard::Rain]),
        up_to: Severity::Yellow,
    }];
    let events = |rain: f64| gauge_says(10, 30, rain).collect::<Vec<_>>();
    check_events(&book, events(5.0), 30, "00:30 issued red");
    check_events(&book, events(30.0), 30, "00:10 issued red; 00:20 issued orange; 00:30 raised red");
}
