//! Stories of authorities whose words arrive late, twice, in two languages or in the wrong order.

use super::*;

/// An alert that takes the place of others.
fn update(minute: i64, severity: Severity, until: i64, of: &[&Alert]) -> Alert {
    let references = of.iter().map(|alert| alert.identity.clone()).collect();
    Alert { msg_type: MsgType::Update, references, ..alert(minute, severity, until) }
}

fn cancel(minute: i64, of: &[&Alert]) -> Alert {
    Alert { msg_type: MsgType::Cancel, ..update(minute, Severity::Red, minute + 60, of) }
}

/// The same alert in English, under a name of its own.
fn in_english(arabic: &Alert) -> Alert {
    let mut english = arabic.clone();
    english.identity.identifier.push_str("-en");
    english.words[0].language = "en".into();
    english
}

/// What is said when alerts arrive at the minutes given, over ten hours.
#[track_caller]
fn check_alerts(alerts: &[(i64, &Alert)], expected: &str) -> Vec<Bulletin> {
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
    let nowhere = Alert { areas: Vec::new(), ..update(30, Severity::Red, 300, &[&first]) };
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
    let expected = "00:10 issued orange official; 00:30 raised red official; 01:00 lifted red official";
    check_alerts(
        &[
            (10, &arabic),
            (11, &english),
            (30, &raised),
            (40, &raised_english),
            (60, &withdrawn),
            (70, &withdrawn_english),
        ],
        expected,
    );
    check_alerts(&[(10, &arabic), (11, &english), (30, &raised), (60, &withdrawn_english)], expected);
}
