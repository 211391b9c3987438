//! Stories of what is explained at night: what is in force, what is seen, what is on its way, and who keeps quiet.

use super::super::explain::{Due, Explanation, Waiting, explain, hazards};
use super::*;
use crate::ids::SeasonId;
use crate::rule::judge::account::{Doubt, Verdict};
use crate::rule::season::{Season, YearDay};
use crate::rule::{Changes, Override};

fn explained(book: &RuleBook, state: &State, minute: i64) -> Explanation {
    explain(book, state, &jeddah(), Hazard::Rain, at(minute))
}

/// Dry for an hour, then so many millimetres in each ten minutes.
fn shower(millimetres: &[f64]) -> Vec<(i64, Event)> {
    let dry = (1..=6).map(|step| (step * 10, gauge(step * 10, 0.0)));
    let wet = millimetres.iter().zip(7..).map(|(rain, step)| (step * 10, gauge(step * 10, *rain)));
    dry.chain(wet).collect()
}

#[test]
fn a_warning_is_told_with_what_it_rests_on_and_what_would_make_it_worse() {
    let book = book(rain(0, 20));
    let (state, said) = live(&book, &shower(&[6.0, 6.0]), 80);
    let told = explained(&book, &state, 81);
    assert_eq!((told.severity, told.warnings.len()), (Some(Severity::Yellow), 1));
    let warning = &told.warnings[0];
    assert_eq!((&warning.bulletin, warning.until), (&said[0].id, said[0].until));
    assert_eq!((warning.is_official, warning.feeds.as_slice()), (false, [feed("gauge")].as_slice()));
    let [rule] = told.rules.as_slice() else { panic!("{told:?}") };
    assert_eq!((rule.is_on, rule.holds), (true, Some(Severity::Yellow)));
    let account = rule.account.as_ref().unwrap();
    assert_eq!(account.severities[0].by.as_ref().unwrap().value, 12.0);
    assert_eq!(account.severities[1].lacks.as_ref().unwrap().by, 13.0);
    assert_eq!((told.due.as_slice(), told.quiet.as_ref()), ([].as_slice(), None));
    assert_eq!(hazards(&book, &state, &jeddah()), [Hazard::Rain]);
    assert!(explain(&book, &state, &jeddah(), Hazard::Dust, at(81)).rules.is_empty());
}

#[test]
fn latches_on_their_way_say_when_they_arrive() {
    let book = book(rain(30, 20));
    let (state, _) = live(&book, &shower(&[12.0]), 70);
    let latch = explained(&book, &state, 75).rules[0].latches[0];
    assert_eq!((latch.is_closed, latch.rising_since, latch.closes_at), (false, Some(at(70)), Some(at(100))));
    let (state, _) = live(&book, &shower(&[12.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]), 130);
    let latch = explained(&book, &state, 135).rules[0].latches[0];
    assert_eq!((latch.is_closed, latch.easing_since, latch.opens_at), (true, Some(at(130)), Some(at(150))));
}

#[test]
fn a_place_that_waits_for_others_says_so_and_until_when() {
    let mut book = book(rain(0, 20));
    book.times.group_wait = TimeDelta::minutes(15);
    let (state, said) = live(&book, &shower(&[12.0]), 70);
    assert_eq!(said, [], "it waits");
    let told = explained(&book, &state, 75);
    let waits = Waiting { severity: Severity::Yellow, since: at(70), until: at(85) };
    assert_eq!((told.waits, told.severity, told.due.as_slice()), (Some(waits), None, [].as_slice()));
    let (state, said) = live(&book, &shower(&[12.0, 0.0]), 90);
    assert_eq!((tell(&said).as_str(), explained(&book, &state, 91).waits), ("01:30 issued yellow", None));
}

#[test]
fn silence_is_told_with_its_reason_and_its_end() {
    let book = book(rain(0, 20));
    let (state, _) = live(&book, &shower(&[12.0]), 300);
    let told = explained(&book, &state, 300);
    let account = told.rules[0].account.as_ref().unwrap();
    assert!(account.severities.iter().all(|one| one.verdict == Verdict::Unknown));
    assert_eq!(account.voices[0].says[0].why, [Doubt::Stale]);
    assert_eq!(account.voices[0].counts_until, Some(at(130)));
    let latch = told.rules[0].latches[0];
    let lost = latch.unsure_since.unwrap() + TimeDelta::hours(12);
    assert_eq!((latch.is_closed, latch.lost_at), (true, Some(lost)));
}

#[test]
fn who_keeps_quiet_and_because_of_whom_is_told() {
    let book = book(rain(0, 20));
    let mut events = vec![(10, said(alert(10, Severity::Orange, 400)))];
    events.extend(shower(&[12.0]));
    let (state, said) = live(&book, &events, 70);
    let told = explained(&book, &state, 75);
    let quiet = told.quiet.unwrap();
    assert_eq!((quiet.up_to, quiet.because_of.as_slice()), (Severity::Orange, [said[0].id.clone()].as_slice()));
    assert_eq!((told.severity, told.warnings[0].authority.as_deref()), (Some(Severity::Orange), Some("ncm")));
    assert_eq!(told.rules[0].holds, Some(Severity::Yellow), "what the rule holds is told all the same");
}

#[test]
fn what_a_late_service_has_not_said_yet_is_due() {
    let book = book(rain(0, 20));
    let (state, _) = live(&book, &shower(&[12.0]), 70);
    assert_eq!(explained(&book, &state, 71).due, []);
    let later = explained(&book, &state, 1500);
    assert_eq!(later.due, [Due { change: Change::Expired, severity: Severity::Yellow }]);
}

#[test]
fn the_override_that_holds_is_told_and_a_rule_that_is_switched_off_is_called_so() {
    let winter = SeasonId::new("winter").unwrap();
    let mut book = book(rain(0, 20));
    let day = |month, day| YearDay { month, day };
    let season = Season::Yearly(day(11, 1), day(2, 28));
    book.seasons = Seasons::new(chrono_tz::UTC, BTreeMap::from([(winter.clone(), season)]));
    let one = |changes: Changes| Override { seasons: BTreeSet::from([winter.clone()]), changes, ..Override::default() };
    let milder = one(Changes {
        thresholds: Some(vec![Threshold { severity: Severity::Yellow, raise: 2.0, clear: 1.0 }]),
        ease_after: Some(TimeDelta::hours(2)),
        ..Changes::default()
    });
    book.rules.change(|rules| rules[0].overrides = vec![milder]);
    let (state, _) = live(&book, &shower(&[3.0]), 70);
    let told = explained(&book, &state, 70);
    let rule = &told.rules[0];
    assert_eq!((rule.overrides[0].number, rule.overrides[0].seasons.as_slice()), (1, [winter.clone()].as_slice()));
    assert_eq!(rule.overrides[0].changes, ["thresholds", "ease_after"]);
    assert_eq!((rule.ease_after, rule.account.as_ref().unwrap().severities.len()), (TimeDelta::hours(2), 1));
    let off = one(Changes { is_enabled: Some(false), ..Changes::default() });
    book.rules.change(|rules| rules[0].overrides.push(off));
    let told = explained(&book, &state, 70);
    assert_eq!((told.rules[0].is_on, &told.rules[0].account), (false, &None));
    assert_eq!(told.rules[0].overrides.len(), 2);
}
