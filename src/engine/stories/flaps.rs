//! Stories of rain that comes and goes: people are not told by turns, nothing bad is told later, and every end comes in time.

use proptest::prelude::*;

use super::groups::{lines, live_by_minutes, measured, wait_of};
use super::*;
use crate::engine::explain::explain;
use crate::reading::SeriesKey;
use crate::rule::judge::{Judgement, Seen, Sighting};
use crate::rule::latch::{LONGEST_EASE, Latches, patience, turn};

/// Half an hour of patience, and what comes back within so many hours of its end goes to and fro.
fn book_of(hours: i64) -> RuleBook {
    let mut book = wait_of(0);
    book.rules.change(|rules| rules[0].ease_after = TimeDelta::minutes(30));
    book.times.flap_within = TimeDelta::hours(hours);
    book
}

#[track_caller]
fn check(flap_within: i64, story: &str, end: i64, expected: &str) {
    let (_, said) = live_by_minutes(&book_of(flap_within), &measured(story, end), end);
    assert_eq!(lines(&said), expected, "{story}");
}

/// A shower of ten minutes in each hour.
const SHOWERS: &str = "00:10 taif 12, 00:20 taif 0, 01:10 taif 12, 01:20 taif 0, 02:10 taif 12, 02:20 taif 0, 03:10 taif 12, \
                       03:20 taif 0, 04:10 taif 12, 04:20 taif 0";

#[test]
fn showers_that_come_and_go_are_one_warning_after_the_first_time() {
    check(
        6,
        SHOWERS,
        420,
        "00:10 1.1 issued yellow taif; 00:50 1.2 lifted yellow taif for 1.1; 01:10 2.1 issued yellow taif; \
         04:10 2.2 extended yellow taif for 2.1; 05:20 2.3 lifted yellow taif for 2.2",
    );
}

#[test]
fn with_a_span_of_nothing_each_shower_is_told_for_itself() {
    let each = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)].map(|(hour, number)| {
        format!("0{hour}:10 {number}.1 issued yellow taif; 0{hour}:50 {number}.2 lifted yellow taif for {number}.1")
    });
    check(0, SHOWERS, 420, &each.join("; "));
}

#[test]
fn what_comes_back_later_is_another_one() {
    check(
        1,
        "00:10 taif 12, 00:20 taif 0, 02:10 taif 12, 02:20 taif 0",
        300,
        "00:10 1.1 issued yellow taif; 00:50 1.2 lifted yellow taif for 1.1; 02:10 2.1 issued yellow taif; \
         02:50 2.2 lifted yellow taif for 2.1",
    );
}

#[test]
fn a_red_that_comes_back_is_told_at_once_and_each_time() {
    // To and fro between yellow and red: the fall from red is told later, its rise in the very minute.
    check(
        6,
        "00:10 taif 12, 00:20 taif 45, 00:30 taif 12, 01:20 taif 45, 01:30 taif 12, 02:10 taif 45, 02:20 taif 12, \
         04:00 taif 45, 04:10 taif 12",
        300,
        "00:10 1.1 issued yellow taif; 00:20 1.2 raised red taif for 1.1; 01:00 1.3 lowered yellow taif for 1.2; \
         01:20 1.4 raised red taif for 1.3; 03:20 1.5 lowered yellow taif for 1.4; 04:00 1.6 raised red taif for 1.5",
    );
}

#[test]
fn a_long_storm_is_no_to_and_fro_although_it_came_back() {
    let storm = "00:10 taif 12, 00:20 taif 0, 01:10 taif 12, 08:10 taif 0";
    let (_, said) = live_by_minutes(&book_of(2), &measured(storm, 540), 540);
    assert!(lines(&said).contains("; 08:40 2.5 lifted yellow taif"), "{}", lines(&said));
    let (_, said) = live_by_minutes(&book_of(12), &measured(storm, 600), 600);
    assert!(lines(&said).contains("; 09:10 2.5 lifted yellow taif"), "{}", lines(&said));
}

#[test]
fn it_is_told_why_an_end_takes_longer() {
    let book = book_of(6);
    let taif = GovernorateId::new("taif").unwrap();
    let mut state = State::default();
    let mut told = Vec::new();
    for (minute, event) in measured(SHOWERS, 90) {
        for event in [event, Event::Tick] {
            let outcome = step(&book, &state, &event, at(minute));
            told.extend(outcome.journal.into_iter().filter(|entry| entry.kind == "flap").map(|entry| entry.text));
            state.adopt(outcome.changes);
        }
    }
    assert_eq!(
        told,
        [
            "rain-sum-1h yellow in taif has come back once within 6h: it must stay clear for 1h in place of 30min until it ends"
        ]
    );
    let latch = explain(&book, &state, &taif, Hazard::Rain, at(95)).rules[0].latches[0];
    assert_eq!((latch.returns, latch.easing_since, latch.opens_at), (1, Some(at(80)), Some(at(140))));
}

#[test]
fn latches_of_the_time_before_are_read_and_remember_nothing() {
    let key = r#"["rain-sum-1h","taif"]"#;
    let value = r#"{"yellow":{"is_closed":true,"rising":null,"easing":null}}"#;
    let facts = vec![("latch".to_owned(), key.to_owned(), value.to_owned())];
    let mut state = State::restore(&Saved { version: 1, facts }).unwrap();
    for (minute, event) in measured("00:00 taif 0", 40) {
        state.adopt(step(&book_of(6), &state, &event, at(minute)).changes);
    }
    let latches = explain(&book_of(6), &state, &GovernorateId::new("taif").unwrap(), Hazard::Rain, at(41)).rules;
    assert!(latches[0].latches.is_empty() && state.is_at_rest(), "{latches:?}");
    // What was to and fro is forgotten in the end.
    for minute in (50..=500).step_by(10) {
        state.adopt(step(&book_of(6), &state, &Event::Tick, at(minute)).changes);
    }
    assert!(state.latches.is_empty());
}

#[test]
fn patience_is_doubled_up_to_its_limit_and_never_cut() {
    let minutes = |ease, returns| patience(TimeDelta::minutes(ease), returns).num_minutes();
    assert_eq!([0, 1, 2, 3, 4, 200].map(|returns| minutes(30, returns)), [30, 60, 120, 240, 240, 240]);
    assert_eq!([minutes(0, 5), minutes(300, 5), minutes(1, 8)], [0, 300, 240]);
}

fn sighting(minute: i64) -> Sighting {
    let Reading { governorate, metric, basis, .. } = reading(minute, Basis::Observed, 12.0);
    let key = SeriesKey { governorate, metric, basis, feed: feed("gauge"), station: None };
    Sighting { key, value: 12.0, at: at(minute), begins: at(minute), ends: at(minute) }
}

/// What is seen by chance, mostly for a while.
fn any_seen() -> impl Strategy<Value = Vec<(i64, u8)>> {
    prop::collection::vec((1i64..150, 0u8..5), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn damping_closes_no_latch_later_and_opens_each_in_time(
        pieces in any_seen(),
        rise in 0i64..40,
        ease in 0i64..300,
        flap_within in 1i64..1440,
    ) {
        let rule = rain(rise, ease);
        let flap_within = TimeDelta::minutes(flap_within);
        let (mut plain, mut damped) = (Latches::new(), Latches::new());
        let mut clear_since: Option<i64> = None;
        let mut now = 0;
        for (minutes, kind) in pieces {
            for _ in 0..minutes {
                now += 1;
                let seen = match kind {
                    0 => Seen::Reached(sighting(now)),
                    1 => Seen::Between,
                    2 => Seen::Unknown,
                    _ => Seen::Clear,
                };
                clear_since = if seen == Seen::Clear { clear_since.or(Some(now)) } else { None };
                let judgement = Judgement { seen: vec![(Severity::Red, seen)], heard: None };
                plain = turn(&rule, &plain, &judgement, TimeDelta::zero(), at(now));
                damped = turn(&rule, &damped, &judgement, flap_within, at(now));
                let is_closed = |latches: &Latches| latches.get(&Severity::Red).is_some_and(|latch| latch.is_closed);
                prop_assert!(is_closed(&damped) || !is_closed(&plain), "closed later, or opened sooner, at {now}");
                let longest = LONGEST_EASE.max(rule.ease_after).num_minutes();
                let is_due = clear_since.is_some_and(|since| longest <= now - since);
                prop_assert!(!is_due || !is_closed(&damped), "still closed at {now} although clear since {clear_since:?}");
            }
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn whatever_rain_comes_and_goes_no_rise_is_told_later_for_it(
        pieces in prop::collection::vec((1i64..12, 0usize..6), 1..14),
    ) {
        let mut story = Vec::new();
        let mut tens = 0;
        for (length, kind) in pieces {
            story.push(format!("{:02}:{:02} taif {}", tens / 6, tens % 6 * 10, [0, 0, 5, 12, 30, 45][kind]));
            tens += length;
        }
        let end = tens * 10;
        let events = measured(&story.join(", "), end);
        let (plain, damped) = (told_by_minutes(&book_of(0), &events, end), told_by_minutes(&book_of(6), &events, end));
        let mut before = None;
        for (minute, (plain, damped)) in plain.into_iter().zip(damped).enumerate() {
            prop_assert!(plain <= before || plain <= damped, "{plain:?} at {minute} is not told: {damped:?}; {story:?}");
            before = plain;
        }
    }
}

/// What is told in Taif at the end of each minute.
fn told_by_minutes(book: &RuleBook, events: &[(i64, Event)], end: i64) -> Vec<Option<Severity>> {
    let mut state = State::default();
    let mut told = Vec::new();
    for minute in 0..=end {
        let own = events.iter().filter(|(when, _)| *when == minute).map(|(_, event)| event);
        for event in own.chain([&Event::Tick]) {
            state.adopt(step(book, &state, event, at(minute)).changes);
        }
        told.push(state.warnings().map(|(_, warning)| warning.severity).max());
    }
    told
}
