//! Stories of quorums and of who may raise what.

use super::*;
use crate::rule::Voice;

/// A value of a feed, a station and a basis, for the hour that ends at a minute.
fn told(minute: i64, feed: &str, station: Option<&str>, basis: Basis, millimetres: f64) -> (i64, Event) {
    let reading = Reading {
        station: station.map(Into::into),
        covers: TimeDelta::hours(1),
        ..reading(minute, basis, millimetres)
    };
    (minute, asked(feed, Batch { readings: vec![reading], ..Batch::default() }))
}

fn seen(minute: i64, feed: &str, millimetres: f64) -> (i64, Event) {
    told(minute, feed, None, Basis::Observed, millimetres)
}

/// Two gauges must agree on rain; what they saw at the end of each hour, `gauge/model`, `-` where one said nothing.
fn check_two(hours: &str, expected: &str) {
    let mut rule = rain(0, 0);
    rule.agree = Agreement::Feeds(2);
    let mut events = Vec::new();
    for (hour, pair) in hours.split_whitespace().enumerate() {
        for (name, word) in ["gauge", "model"].into_iter().zip(pair.split('/')) {
            events.extend(word.parse().ok().map(|rain| seen((hour as i64 + 1) * 60, name, rain)));
        }
    }
    let end = (hours.split_whitespace().count() as i64 + 1) * 60 - 10;
    let (_, said) = live(&book(rule), &events, end);
    assert_eq!(tell(&said), expected, "{hours}");
}

#[test]
fn one_of_two_raises_nothing_and_eases_nothing_alone() {
    check_two("30/0 30/0", "");
    check_two("30/- 30/-", "");
    check_two("30/12", "01:00 issued yellow");
    check_two("30/12 0/12", "01:00 issued yellow; 02:00 lifted yellow");
    check_two("30/12 0/-", "01:00 issued yellow; 02:00 lifted yellow");
    check_two("30/12 -/- -/- 0/-", "01:00 issued yellow; 03:00 extended yellow");
}

#[test]
fn what_is_told_is_what_both_have_reached() {
    let mut rule = rain(0, 0);
    rule.agree = Agreement::Feeds(2);
    let (_, said) = live(&book(rule), &[seen(60, "model", 26.0), seen(60, "gauge", 90.0)], 70);
    assert_eq!(tell(&said), "01:00 issued orange");
    let Origin::Automatic { evidence } = &said.last().unwrap().origin else { panic!() };
    assert!((evidence[0].value - 26.0).abs() < 1e-9, "{evidence:?}");
}

#[test]
fn stations_of_one_feed_are_one_voice_unless_the_rule_counts_stations() {
    let events = [
        told(60, "gauge", Some("north"), Basis::Observed, 30.0),
        told(60, "gauge", Some("south"), Basis::Observed, 30.0),
    ];
    let mut rule = rain(0, 0);
    rule.agree = Agreement::Feeds(2);
    assert_eq!(tell(&live(&book(rule.clone()), &events, 70).1), "");
    rule.agree = Agreement::Stations(2);
    assert_eq!(tell(&live(&book(rule), &events, 70).1), "01:00 issued orange");
}

fn only(severity: Severity, voice: Voice) -> BTreeMap<Severity, BTreeSet<Voice>> {
    BTreeMap::from([(severity, BTreeSet::from([voice]))])
}

#[test]
fn only_who_may_raises_a_severity_by_kind_by_name_or_by_basis() {
    let forecast = [told(60, "model", None, Basis::Forecast, 60.0)];
    let observed = [seen(60, "gauge", 60.0)];
    let named = |name: &str| Voice::Named(name.to_owned());
    let check = |voice: Voice, events: &[(i64, Event)], expected: &str| {
        let mut rule = rain(0, 0);
        rule.may_raise = only(Severity::Red, voice.clone());
        assert_eq!(tell(&live(&book(rule), events, 70).1), expected, "{voice:?}");
    };
    check(named("csv"), &observed, "01:00 issued red");
    check(named("gauge"), &observed, "01:00 issued red");
    check(named("open-meteo"), &observed, "01:00 issued orange");
    check(named("open-meteo"), &forecast, "01:00 issued red");
    check(Voice::Basis(Basis::Observed), &forecast, "01:00 issued orange");
    check(Voice::Basis(Basis::Forecast), &forecast, "01:00 issued red");
    check(Voice::Basis(Basis::Forecast), &observed, "01:00 issued orange");
}

#[test]
fn who_may_not_raise_a_severity_does_not_hold_it_either_and_its_silence_is_not_waited_for() {
    let mut rule = rain(0, 0);
    rule.may_raise = only(Severity::Red, Voice::Named("gauge".to_owned()));
    let book = book(rule);
    let check = |events: &[(i64, Event)], end: i64, expected: &str| {
        assert_eq!(tell(&live(&book, events, end).1), expected);
    };
    // The other sees as much as before, and red ends with the word of the one that counts.
    check(
        &[seen(60, "gauge", 60.0), seen(60, "model", 60.0), seen(120, "gauge", 0.0), seen(120, "model", 60.0)],
        130,
        "01:00 issued red; 02:00 lowered orange",
    );
    // The other says nothing any more: orange is unsure, and red is clear all the same.
    check(
        &[seen(60, "gauge", 60.0), seen(60, "ncm", 30.0), seen(120, "gauge", 0.0), seen(180, "gauge", 0.0)],
        190,
        "01:00 issued red; 02:00 lowered orange",
    );
    // The one that counts says nothing: that is no good news, whatever the other says.
    check(&[seen(60, "gauge", 60.0), seen(180, "model", 0.0)], 190, "01:00 issued red; 03:00 extended red");
}
