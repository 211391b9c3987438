//! No warning says more than is seen, and none is ended on a word that nobody gave.

use super::*;
use crate::bulletin::Evidence;

/// A forecast of the model, told at a minute, in millimetres of the hours that end at these minutes.
fn model(minute: i64, hours: &[(i64, f64)]) -> (i64, Event) {
    let told = |(at, value): &(i64, f64)| reading(*at, Basis::Forecast, *value);
    let readings: Vec<Reading> = hours.iter().filter(|(at, _)| minute < *at).map(told).collect();
    let batch = Batch { retold: Retold::by(&readings), readings, ..Batch::default() };
    (minute, asked("model", batch))
}

/// One value of the gauge every ten minutes, from one minute up to another.
fn gauge_says(from: i64, to: i64, millimetres: f64) -> impl Iterator<Item = (i64, Event)> {
    (from..=to).step_by(10).map(move |minute| (minute, gauge(minute, millimetres)))
}

fn lived(book: &RuleBook, mut events: Vec<(i64, Event)>, end: i64) -> Vec<Bulletin> {
    events.sort_by_key(|(minute, _)| *minute);
    live(book, &events, end).1
}

fn evidence(bulletin: &Bulletin) -> &[Evidence] {
    let Origin::Automatic { evidence } = &bulletin.origin else { panic!("{bulletin:?}") };
    evidence
}

/// The rain of the red hour is long over when its time runs out; what the model still sees is yellow.
#[test]
fn what_patience_alone_keeps_begins_no_warning() {
    let mut rule = rain(0, 300);
    rule.look_ahead = TimeDelta::hours(12);
    let mut events: Vec<_> = gauge_says(10, 10, 45.0).chain(gauge_says(20, 600, 0.0)).collect();
    for minute in (10..=600).step_by(60) {
        events.push(model(
            minute,
            &(1..20).map(|hour| (hour * 60, if (11..14).contains(&hour) { 12.0 } else { 0.0 })).collect::<Vec<_>>(),
        ));
    }
    let said = lived(&book(rule), events, 600);
    let severities: Vec<(Change, Severity)> = said.iter().map(|one| (one.change, one.severity)).collect();
    assert_eq!(severities.first(), Some(&(Change::Issued, Severity::Red)), "{}", tell(&said));
    assert_eq!(severities.iter().filter(|(_, severity)| *severity == Severity::Red).count(), 1, "{}", tell(&said));
    for bulletin in said.iter().filter(|one| matches!(one.change, Change::Issued | Change::Raised | Change::Lowered)) {
        for one in evidence(bulletin) {
            assert!(one.threshold <= one.value, "{one:?}: the threshold that is told is one that was reached");
        }
    }
}

/// The latch of a red that was closed before a stop says nothing to begin with when only yellow is seen after it.
#[test]
fn a_warning_begins_no_higher_than_what_is_seen() {
    let mut rule = rain(0, 600);
    rule.look_ahead = TimeDelta::zero();
    let mut events: Vec<_> = gauge_says(10, 10, 45.0).collect();
    // Silence until the warning has run out, and then a yellow hour.
    events.extend(gauge_says(900, 960, 2.5));
    let said = lived(&book(rule), events, 1100);
    let begun: Vec<&Bulletin> = said.iter().filter(|one| one.change == Change::Issued).collect();
    assert_eq!(begun.len(), 2, "{}", tell(&said));
    assert_eq!(begun[1].severity, Severity::Yellow, "{}", tell(&said));
    assert!(said.iter().all(|one| one.change != Change::Raised), "{}", tell(&said));
}

#[test]
fn a_rule_under_a_new_name_does_not_lift_what_is_being_seen() {
    let (old, mut renamed) = (rain(0, 20), rain(60, 20));
    renamed.id = RuleId::new("rain-sum-one-hour").unwrap();
    let (mut state, before) = live(&book(old), &gauge_says(10, 60, 5.0).collect::<Vec<_>>(), 60);
    assert_eq!(before.last().map(|one| one.severity), Some(Severity::Orange), "{}", tell(&before));
    let renamed = book(renamed);
    let mut said = Vec::new();
    for minute in (70..=160).step_by(10) {
        for event in [gauge(minute, 5.0), Event::Tick] {
            let outcome = step(&renamed, &state, &event, at(minute));
            said.extend(outcome.bulletins);
            state.adopt(outcome.changes);
        }
    }
    assert!(said.iter().all(|one| one.change != Change::Lifted), "{}", tell(&said));
}

/// A model whose run is frozen goes on answering; its dry hours of tomorrow are those of a forecast of yesterday.
#[test]
fn the_calm_of_a_frozen_run_lifts_nothing() {
    let mut rule = rain(0, 20);
    rule.look_ahead = TimeDelta::hours(3);
    let mut book = book(rule);
    book.feeds.get_mut(&feed("model")).unwrap().new_within = Some(TimeDelta::hours(6));
    let frozen: Vec<(i64, f64)> =
        (1..40).map(|hour| (hour * 60, if (8..11).contains(&hour) { 12.0 } else { 0.0 })).collect();
    let events = (0..=24).map(|turn| {
        let readings = frozen.iter().map(|(at, value)| reading(*at, Basis::Forecast, *value)).collect();
        (turn * 60, asked("model", Batch { readings, ..Batch::default() }))
    });
    let said = lived(&book, events.collect(), 1440);
    assert_eq!(said.first().map(|one| one.change), Some(Change::Issued), "{}", tell(&said));
    assert_eq!(said.last().map(|one| one.change), Some(Change::Expired), "{}", tell(&said));
    assert!(said.iter().all(|one| one.change != Change::Lifted), "{}", tell(&said));
}

/// The gauge that raised red is washed away; the model goes on to see orange.
#[test]
fn a_red_that_nobody_can_tell_of_any_more_does_not_silence_an_orange_that_is_seen() {
    let mut rule = rain(0, 20);
    rule.look_ahead = TimeDelta::hours(3);
    let mut events: Vec<_> = gauge_says(10, 10, 45.0).collect();
    for minute in (10..=2400).step_by(60) {
        events.push(model(minute, &(1..60).map(|hour| (hour * 60, 38.0)).collect::<Vec<_>>()));
    }
    let said = lived(&book(rule), events, 2000);
    let last = said.last().unwrap();
    assert!(!last.change.is_end() && last.severity == Severity::Orange, "{}", tell(&said));
    assert!(said.iter().any(|one| one.change == Change::Expired), "the red runs out openly: {}", tell(&said));
}

#[test]
fn a_red_is_not_forgotten_without_a_word_beside_something_milder_of_an_authority() {
    let events: Vec<_> = gauge_says(10, 10, 45.0).chain([(20, said_of(20, Severity::Advisory, 3000))]).collect();
    let said = lived(&book(rain(0, 20)), events, 2000);
    let own: Vec<&Bulletin> = said.iter().filter(|one| matches!(one.origin, Origin::Automatic { .. })).collect();
    assert_eq!(own.last().map(|one| one.change), Some(Change::Expired), "{}", tell(&said));
}

fn said_of(minute: i64, severity: Severity, until: i64) -> Event {
    said(alert(minute, severity, until))
}

#[test]
fn a_feed_that_is_configured_no_more_raises_nothing() {
    let with = book(rain(30, 20));
    let mut state = State::default();
    state.adopt(step(&with, &state, &gauge(10, 45.0), at(10)).changes);
    let mut without = with.clone();
    without.feeds.remove(&feed("gauge"));
    for (book, is_heard) in [(&with, true), (&without, false)] {
        let mut state = state.clone();
        let mut said = Vec::new();
        for minute in (20..=60).step_by(10) {
            let outcome = step(book, &state, &Event::Tick, at(minute));
            said.extend(outcome.bulletins);
            state.adopt(outcome.changes);
        }
        assert_eq!(!said.is_empty(), is_heard, "{}", tell(&said));
    }
}
