//! Stories of authorities whose words arrive late, twice, in two languages or in the wrong order.

use super::*;

/// An alert that takes the place of others.
pub(super) fn update(minute: i64, severity: Severity, until: i64, of: &[&Alert]) -> Alert {
    let references = of.iter().map(|alert| alert.identity.clone()).collect();
    Alert { msg_type: MsgType::Update, references, ..alert(minute, severity, until) }
}

pub(super) fn cancel(minute: i64, of: &[&Alert]) -> Alert {
    Alert { msg_type: MsgType::Cancel, ..update(minute, Severity::Red, minute + 60, of) }
}

/// The same alert in English, under a name of its own.
pub(super) fn in_english(arabic: &Alert) -> Alert {
    let mut english = arabic.clone();
    english.identity.identifier.push_str("-en");
    english.words[0].language = "en".into();
    english
}

/// What is said when alerts arrive at the minutes given, over ten hours.
#[track_caller]
pub(super) fn check_alerts(alerts: &[(i64, &Alert)], expected: &str) -> Vec<Bulletin> {
    let events: Vec<(i64, Event)> = alerts.iter().map(|(minute, alert)| (*minute, said((*alert).clone()))).collect();
    let (_, said) = live(&book(rain(0, 20)), &events, 600);
    assert_eq!(tell(&said), expected);
    said
}

#[test]
fn an_old_word_that_arrives_late_never_ends_the_newer_one() {
    let first = alert(10, Severity::Orange, 300);
    let old = update(20, Severity::Orange, 60, &[&first]);
    let new = update(30, Severity::Red, 400, &[&first, &old]);
    let withdrawn = cancel(20, &[&first]);
    let expected = "00:10 issued orange official; 00:30 raised red official; 06:40 expired red official";
    check_alerts(&[(10, &first), (30, &new), (100, &old)], expected);
    check_alerts(&[(10, &first), (30, &new), (100, &withdrawn)], expected);
}

#[test]
fn a_correction_that_arrives_first_overtakes_what_it_corrects() {
    let first = alert(10, Severity::Red, 300);
    let lowered = update(30, Severity::Yellow, 300, &[&first]);
    let withdrawn = cancel(30, &[&first]);
    check_alerts(&[(30, &lowered), (50, &first)], "00:30 issued yellow official; 05:00 expired yellow official");
    check_alerts(&[(30, &withdrawn), (50, &first)], "");
}

#[test]
fn an_update_that_cannot_be_placed_does_not_hold_back_what_it_corrects() {
    let first = alert(10, Severity::Red, 300);
    let nowhere =
        Alert { areas: Vec::new(), unplaced: vec!["Atlantis".to_owned()], ..update(30, Severity::Red, 300, &[&first]) };
    check_alerts(&[(30, &nowhere), (50, &first)], "00:50 issued red official; 05:00 expired red official");
}

#[test]
fn a_wrong_date_far_ahead_does_not_shut_the_authority_out() {
    let mut first = alert(10, Severity::Orange, 300);
    first.identity.sent = at(500_000);
    let raised = update(30, Severity::Red, 300, &[&first]);
    check_alerts(
        &[(10, &first), (30, &raised), (60, &cancel(60, &[&raised]))],
        "00:10 issued orange official; 00:30 raised red official; 01:00 lifted red official",
    );
}

#[test]
fn twins_go_on_and_end_as_one() {
    let arabic = alert(10, Severity::Orange, 300);
    let english = in_english(&arabic);
    let raised = update(30, Severity::Red, 300, &[&arabic]);
    let mut raised_english = in_english(&raised);
    raised_english.references = vec![english.identity.clone()];
    let mut withdrawn = cancel(60, &[&raised]);
    withdrawn.words.clear();
    let mut withdrawn_english = in_english(&cancel(60, &[&english, &raised_english]));
    withdrawn_english.identity.sent = at(61);
    // What the second language brings is an edition of its own, for its readers.
    check_alerts(
        &[
            (10, &arabic),
            (11, &english),
            (30, &raised),
            (40, &raised_english),
            (60, &withdrawn),
            (70, &withdrawn_english),
        ],
        "00:10 issued orange official; 00:20 updated orange official; 00:30 raised red official; \
         00:40 updated red official; 01:00 lifted red official",
    );
    let expected = "00:10 issued orange official; 00:20 updated orange official; 00:30 raised red official; \
                    01:00 lifted red official";
    check_alerts(&[(10, &arabic), (11, &english), (30, &raised), (60, &withdrawn_english)], expected);
}

#[test]
fn who_heard_of_a_warning_at_its_worst_is_meant_by_its_end() {
    let first = alert(10, Severity::Red, 300);
    let mut lowered = update(30, Severity::Yellow, 300, &[&first]);
    lowered.hazard = Hazard::FlashFlood;
    let said = check_alerts(
        &[(10, &first), (30, &lowered), (60, &cancel(60, &[&lowered]))],
        "00:10 issued red official; 00:30 lowered yellow official; 01:00 lifted yellow official",
    );
    assert_eq!(said[2].reach.worst, Severity::Red);
    assert_eq!(said[2].reach.hazards, BTreeSet::from([Hazard::Rain, Hazard::FlashFlood]));
}

#[test]
fn an_authority_that_takes_over_means_all_whom_the_rules_had_warned() {
    let mut events: Vec<(i64, Event)> = vec![(10, gauge(10, 45.0))];
    events.extend((2..=6).map(|step| (step * 10, gauge(step * 10, 5.0))));
    events.push((70, gauge(70, 1.0)));
    events.push((80, said(alert(80, Severity::Orange, 300))));
    let (_, said) = live(&book(rain(0, 0)), &events, 80);
    assert_eq!(tell(&said), "00:10 issued red; 01:10 lowered orange; 01:20 issued orange official");
    assert_eq!((said[2].reach.worst, &said[2].replaces), (Severity::Red, &vec![said[1].id.clone()]));
}

#[test]
fn an_update_that_joins_two_warnings_tells_every_place_that_it_leaves() {
    let taif = || vec![GovernorateId::new("taif").unwrap()];
    let here = alert(10, Severity::Yellow, 300);
    let there = Alert { areas: taif(), ..alert(20, Severity::Red, 300) };
    let joined = update(30, Severity::Orange, 300, &[&here, &there]);
    let said = check_alerts(
        &[(10, &here), (20, &there), (30, &joined)],
        "00:10 issued yellow official; 00:20 issued red official; 00:30 lowered orange official; \
         05:00 expired orange official",
    );
    assert_eq!((&said[2].left, said[2].was), (&taif(), Some(Severity::Red)));
    assert_eq!(said[2].replaces, vec![said[0].id.clone(), said[1].id.clone()]);
}

/// Rain of one gauge: millimetres in each ten minutes from 00:10 on.
fn wet(millimetres: &[f64]) -> Vec<(i64, Event)> {
    (1..).zip(millimetres).map(|(step, value)| (step * 10, gauge(step * 10, *value))).collect()
}

#[test]
fn the_rules_never_speak_below_the_authority_and_end_what_they_told_beside_it() {
    let mut events = wet(&[45.0]);
    events.extend((2..=50).map(|step| (step * 10, gauge(step * 10, 0.0))));
    events.push((20, said(alert(20, Severity::Orange, 150))));
    let (state, said) = live(&book(rain(0, 0)), &events, 500);
    assert_eq!(
        tell(&said),
        "00:10 issued red; 00:20 issued orange official; 01:10 lowered orange; 02:30 expired orange official; \
         02:30 lifted orange"
    );
    assert_eq!(state.warnings().count(), 0);
}

#[test]
fn a_warning_of_tomorrow_does_not_silence_the_rules_today() {
    let tomorrow = Alert { onset: at(1440), ..alert(10, Severity::Red, 1800) };
    let (_, said_then) = live(&book(rain(0, 20)), &[(10, said(tomorrow.clone())), (60, gauge(60, 12.0))], 60);
    assert_eq!(tell(&said_then), "00:10 issued red official; 01:00 issued yellow");
    let (_, said_before) = live(&book(rain(0, 20)), &[(10, gauge(10, 12.0)), (20, said(tomorrow))], 30);
    assert_eq!(tell(&said_before), "00:10 issued yellow; 00:20 issued red official");
    assert!(said_before[1].replaces.is_empty(), "what holds today is not replaced by what begins tomorrow");
}

#[test]
fn an_end_in_a_wrong_year_does_not_silence_the_rules_for_ever() {
    let endless = alert(10, Severity::Red, 5_000_000);
    let month = 30 * 1440;
    let book = book(rain(0, 20));
    let mut state = State::default();
    state.adopt(step(&book, &state, &said(endless), at(10)).changes);
    let outcome = step(&book, &state, &gauge(month, 12.0), at(month));
    assert_eq!(outcome.bulletins.len(), 1);
}
