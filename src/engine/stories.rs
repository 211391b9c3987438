//! Stories of the engine: what arrives at what time, and what is said of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Event, Heard, State, step};
use crate::alert::{Alert, Certainty, Identity, MsgType, Scope, Status, Words};
use crate::bulletin::{Bulletin, Change, Origin};
use crate::feed::{Batch, Retold, Skip};
use crate::governorate::{Governorate, GovernorateBook};
use crate::hazard::{Hazard, Severity};
use crate::ids::{FeedId, GovernorateId, RuleId};
use crate::language::{Both, Language};
use crate::reading::{Basis, Reading};
use crate::record::Saved;
use crate::rule::judge::Readings;
use crate::rule::season::Seasons;
use crate::rule::{Agreement, Direction, FeedTerms, Rule, RuleBook, Sight, Statistic, Threshold, WarningTimes, Window};
use crate::time::{TimeDelta, Timestamp};
use crate::unit::{Metric, Unit};
use geo::{Coord, MultiPolygon, Rect};

mod authority;
mod chains;
mod clocks;
mod corrections;
mod departures;
mod derived;
mod desk;
mod documents;
mod explained;
mod flaps;
mod groups;
mod language;
mod lives;
mod staff;
mod truth;
mod voices;

const TICK: i64 = 10;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_timestamp(1_765_227_600 + minute * 60, 0).unwrap()
}

fn jeddah() -> GovernorateId {
    GovernorateId::new("jeddah").unwrap()
}

fn feed(name: &str) -> FeedId {
    FeedId::new(name).unwrap()
}

fn places() -> Arc<GovernorateBook> {
    let one = |id: &str, ar: &str, en: &str| Governorate {
        id: GovernorateId::new(id).unwrap(),
        code: String::new(),
        name: Both { ar: ar.into(), en: en.into() },
        formal: Both { ar: ar.into(), en: en.into() },
        variants: Vec::new(),
        centres: Vec::new(),
        geocodes: Vec::new(),
        seat: Coord { x: 39.2, y: 21.5 },
        elevation_m: 12.0,
        coastal: true,
        tags: BTreeSet::new(),
        outline: MultiPolygon(Vec::new()),
    };
    let bounds = Rect::new(Coord { x: 38.0, y: 18.0 }, Coord { x: 45.0, y: 25.0 });
    let region = Both { ar: "المنطقة".into(), en: "the region".into() };
    let list = [("jeddah", "جدة", "Jeddah"), ("taif", "الطائف", "Taif"), ("rabigh", "رابغ", "Rabigh")];
    let list = list.map(|(id, ar, en)| one(id, ar, en)).to_vec();
    Arc::new(GovernorateBook::new(region, bounds, list).unwrap())
}

/// Rain in an hour: yellow from 10 mm, orange from 25 mm, red from 40 mm; 20 minutes of patience both ways for yellow.
fn rain(rise_after: i64, ease_after: i64) -> Rule {
    let threshold = |severity, raise: f64| Threshold { severity, raise, clear: raise * 0.9 };
    Rule {
        id: RuleId::new("rain-sum-1h").unwrap(),
        hazard: Hazard::Rain,
        metric: Metric::Precipitation,
        window: Window { statistic: Statistic::Sum, span: TimeDelta::hours(1) },
        sight: Sight::Any,
        look_ahead: TimeDelta::hours(12),
        direction: Direction::AtLeast,
        thresholds: vec![
            threshold(Severity::Yellow, 10.0),
            threshold(Severity::Orange, 25.0),
            threshold(Severity::Red, 40.0),
        ],
        unit: Unit::Millimetre,
        rise_after: TimeDelta::minutes(rise_after),
        ease_after: TimeDelta::minutes(ease_after),
        lasts: TimeDelta::zero(),
        highest_from_forecast: Severity::Orange,
        may_raise: BTreeMap::new(),
        agree: Agreement::Feeds(1),
        governorates: BTreeSet::from([jeddah()]),
        also: Vec::new(),
        either: Vec::new(),
        overrides: Vec::new(),
        source: "a story".into(),
        signed_off_by: None,
        notes: None,
    }
}

fn book(rule: Rule) -> RuleBook {
    RuleBook {
        code: "MKH".into(),
        rules: vec![rule].into(),
        governorates: places(),
        gazetteer: 1,
        times: WarningTimes {
            validity: TimeDelta::hours(3),
            extend_before: TimeDelta::hours(1),
            longest_silence: TimeDelta::hours(12),
            end_notice: TimeDelta::hours(6),
            group_wait: TimeDelta::zero(),
            flap_within: TimeDelta::hours(6),
        },
        feeds: BTreeMap::from([
            (feed("gauge"), FeedTerms::new("csv", TimeDelta::hours(1))),
            (feed("model"), FeedTerms::new("open-meteo", TimeDelta::hours(6))),
            (feed("ncm"), FeedTerms::new("cap", TimeDelta::hours(1))),
        ]),
        seasons: Seasons::none(),
        inhibitions: Vec::new(),
    }
}

fn reading(minute: i64, basis: Basis, value: f64) -> Reading {
    let covers = if basis == Basis::Observed { TimeDelta::minutes(10) } else { TimeDelta::hours(1) };
    Reading {
        governorate: jeddah(),
        metric: Metric::Precipitation,
        station: None,
        basis,
        value,
        at: at(minute),
        covers,
    }
}

fn asked(name: &str, batch: Batch) -> Event {
    Event::Asked { feed: feed(name), heard: Heard::Batch { batch, validators: None, entries: Vec::new() }, skew: None }
}

fn gauge(minute: i64, millimetres: f64) -> Event {
    asked("gauge", Batch { readings: vec![reading(minute, Basis::Observed, millimetres)], ..Batch::default() })
}

fn alert(minute: i64, severity: Severity, until: i64) -> Alert {
    Alert {
        identity: Identity { sender: "ncm".into(), identifier: format!("a{minute}"), sent: at(minute) },
        line: None,
        part: 0,
        fingerprint: 0,
        read_at: None,
        status: Status::Actual,
        scope: Scope::Public,
        msg_type: MsgType::Alert,
        references: Vec::new(),
        hazard: Hazard::Rain,
        severity,
        certainty: Certainty::Likely,
        onset: at(minute),
        expires: at(until),
        words: vec![Words { language: "ar".into(), event: "أمطار غزيرة".into(), ..Words::default() }],
        areas: vec![jeddah()],
        unplaced: Vec::new(),
        all_clear: false,
        defects: Vec::new(),
    }
}

fn said(alert: Alert) -> Event {
    asked("ncm", Batch { alerts: vec![alert], ..Batch::default() })
}

/// Lives through events in order of time with a tick every ten minutes, and returns all that was said.
fn live(book: &RuleBook, events: &[(i64, Event)], end: i64) -> (State, Vec<Bulletin>) {
    let mut state = State::default();
    let mut said = Vec::new();
    let mut turn = |event: &Event, minute: i64| {
        let outcome = step(book, &state, event, at(minute));
        said.extend(outcome.bulletins);
        state.adopt(outcome.changes);
    };
    for minute in (0..=end).step_by(usize::try_from(TICK).unwrap()) {
        for (_, event) in events.iter().filter(|(when, _)| (minute - TICK + 1..=minute).contains(when)) {
            turn(event, minute);
        }
        turn(&Event::Tick, minute);
    }
    (state, said)
}

fn tell(said: &[Bulletin]) -> String {
    let line = |bulletin: &Bulletin| {
        let minute = (bulletin.issued - at(0)).num_minutes();
        let mark = match bulletin.origin {
            Origin::Official { .. } => " official",
            Origin::Desk => " by hand",
            Origin::Automatic { .. } => "",
        };
        format!("{:02}:{:02} {} {}{mark}", minute / 60, minute % 60, bulletin.change.name(), bulletin.severity)
    };
    said.iter().map(line).collect::<Vec<_>>().join("; ")
}

/// A story of one gauge: `rain` is millimetres in each ten minutes from 00:10 on, `-` where the gauge said nothing.
fn check(rise_after: i64, ease_after: i64, rain_of_gauge: &str, expected: &str) {
    let events: Vec<(i64, Event)> = rain_of_gauge
        .split_whitespace()
        .enumerate()
        .filter(|(_, word)| *word != "-")
        .map(|(place, word)| {
            let minute = (i64::try_from(place).unwrap() + 1) * 10;
            (minute, gauge(minute, word.parse().unwrap()))
        })
        .collect();
    let end = (rain_of_gauge.split_whitespace().count() as i64 + 1) * 10;
    let (_, said) = live(&book(rain(rise_after, ease_after)), &events, end);
    assert_eq!(tell(&said), expected, "{rain_of_gauge}");
}

#[test]
fn a_storm_rises_and_passes() {
    check(
        0,
        20,
        "0 0 0 0 0 0 6 6 8 8 8 8 2 0 0 0 0 0 0 0 0 0 0",
        "01:20 issued yellow; 01:40 raised orange; 02:00 raised red; 02:40 lowered orange; 03:00 lowered yellow; 03:20 lifted yellow",
    );
}

#[test]
fn a_short_shower_does_not_outlast_the_patience() {
    check(30, 20, "0 0 0 0 0 0 12 0 0 0 0 0 0 0 0 0", "01:40 issued yellow; 02:30 lifted yellow");
    check(70, 20, "0 0 0 0 0 0 12 0 0 0 0 0 0 0 0 0", "");
}

#[test]
fn a_sudden_red_is_not_held_back_by_a_yellow_still_being_weighed() {
    check(0, 20, "0 0 0 0 0 0 45", "01:10 issued red");
}

#[test]
fn a_sum_over_many_hours_does_not_outlast_its_rain() {
    let mut six_hours = rain(0, 30);
    six_hours.window.span = TimeDelta::hours(6);
    let mut events: Vec<(i64, Event)> = (1..=36).map(|step| (step * 10, gauge(step * 10, 0.0))).collect();
    events.extend((37..=40).map(|step| (step * 10, gauge(step * 10, 12.0))));
    events.extend((41..=90).map(|step| (step * 10, gauge(step * 10, 0.0))));
    let (_, said) = live(&book(six_hours), &events, 900);
    assert_eq!(tell(&said), "06:10 issued yellow; 06:30 raised orange; 06:40 raised red; 08:10 lifted red");
}

#[test]
fn silence_never_lifts_a_warning() {
    check(0, 20, "0 0 0 0 0 0 12 - - - - - - - - - - - - - -", "01:10 issued yellow");
}

#[test]
fn silence_never_raises_one_either() {
    check(0, 20, "- - - - - - - - - - -", "");
}

#[test]
fn a_silent_warning_is_extended_and_in_the_end_runs_out_openly() {
    let (_, said) = live(&book(rain(0, 20)), &[(10, gauge(10, 12.0))], 20 * 60);
    let changes: Vec<Change> = said.iter().map(|bulletin| bulletin.change).collect();
    assert_eq!(changes.first(), Some(&Change::Issued));
    assert_eq!(changes.last(), Some(&Change::Expired), "{}", tell(&said));
    assert!(changes.iter().filter(|change| **change == Change::Extended).count() >= 3, "{}", tell(&said));
    assert!(!changes.contains(&Change::Lifted));
    let extended = said.iter().rfind(|bulletin| bulletin.change == Change::Extended).unwrap();
    assert_eq!(extended.silent_since, Some(at(10)), "an extension without fresh data says so");
}

#[test]
fn a_forecast_alone_raises_at_most_what_the_rule_allows() {
    let readings =
        (0..24).map(|hour| reading(hour * 60, Basis::Forecast, if hour == 5 { 60.0 } else { 0.0 })).collect();
    let events = [(0, asked("model", Batch { readings, ..Batch::default() }))];
    let (_, said) = live(&book(rain(0, 20)), &events, 30);
    assert_eq!(tell(&said), "00:00 issued orange");
    assert_eq!((said[0].onset, said[0].until), (at(240), at(300)));
}

#[test]
fn rain_that_is_told_for_six_hours_at_once_is_not_that_of_one_hour() {
    let told = |hours: &[(i64, i64, f64)]| {
        let readings = hours.iter().map(|(hour, length, millimetres)| Reading {
            covers: TimeDelta::hours(*length),
            ..reading(hour * 60, Basis::Forecast, *millimetres)
        });
        let (_, said) = live(
            &book(rain(0, 20)),
            &[(0, asked("model", Batch { readings: readings.collect(), ..Batch::default() }))],
            30,
        );
        tell(&said)
    };
    assert_eq!(told(&[(0, 1, 0.0), (6, 6, 12.0)]), "", "12 mm in six hours may be 2 mm in each");
    assert_eq!(
        told(&[(0, 1, 0.0), (1, 1, 12.0), (7, 6, 90.0)]),
        "00:00 issued yellow",
        "the hour counts, the six do not"
    );
}

#[test]
fn an_hour_that_a_newer_forecast_leaves_out_is_unknown_and_no_longer_calm() {
    let forecast =
        |hours: &[i64]| -> Vec<Reading> { hours.iter().map(|hour| reading(hour * 60, Basis::Forecast, 0.0)).collect() };
    let retold = vec![Retold { governorate: jeddah(), metric: Metric::Precipitation, station: None, from: at(120) }];
    let newer = Batch { readings: forecast(&[3, 5]), retold, ..Batch::default() };
    let older = Batch { readings: forecast(&[1, 2, 3, 4, 5, 6]), ..Batch::default() };
    let (state, _) = live(&book(rain(0, 20)), &[(0, asked("model", older)), (30, asked("model", newer))], 40);
    let draft = super::state::Draft::new(&state);
    let (_, series) = draft.shelf(&jeddah()).of(Metric::Precipitation, Basis::Forecast).next().unwrap();
    let told: Vec<i64> = series.points().iter().map(|point| (point.0 - at(0).timestamp()) / 3600).collect();
    assert_eq!(told, [1, 3, 5], "what went before the newer forecast stays, what it leaves out goes");
}

#[test]
fn a_newer_forecast_of_one_station_leaves_the_other_stations_of_its_feed_alone() {
    let by = |station: &str, hours: &[i64]| -> Vec<Reading> {
        let station = Some(Arc::from(station));
        hours
            .iter()
            .map(|hour| Reading { station: station.clone(), ..reading(hour * 60, Basis::Forecast, 0.0) })
            .collect()
    };
    let (station, from) = (Some(Arc::from("OEJN")), at(60));
    let retold = vec![Retold { governorate: jeddah(), metric: Metric::Precipitation, station, from }];
    let older = Batch { readings: [by("OEJN", &[1, 2]), by("OEMK", &[1, 2])].concat(), ..Batch::default() };
    let newer = Batch { readings: by("OEJN", &[2]), retold, ..Batch::default() };
    let (state, _) = live(&book(rain(0, 20)), &[(0, asked("taf", older)), (30, asked("taf", newer))], 40);
    let draft = super::state::Draft::new(&state);
    let shelf = draft.shelf(&jeddah());
    let kept = shelf.of(Metric::Precipitation, Basis::Forecast);
    let kept: Vec<(String, usize)> =
        kept.map(|(key, series)| (key.station.as_deref().unwrap().to_owned(), series.points().len())).collect();
    assert_eq!(kept, [("OEJN".to_owned(), 1), ("OEMK".to_owned(), 2)]);
}

#[test]
fn an_authority_is_relayed_once_and_ends_by_its_own_clock() {
    let red = alert(30, Severity::Red, 240);
    let events = [(30, said(red.clone())), (40, said(red)), (60, asked("ncm", Batch::default()))];
    let (_, said) = live(&book(rain(0, 20)), &events, 300);
    assert_eq!(tell(&said), "00:30 issued red official; 04:00 expired red official");
}

#[test]
fn an_authority_takes_over_and_is_never_contradicted_downward() {
    let wet: Vec<(i64, Event)> = (1..=30).map(|step| (step * 10, gauge(step * 10, 5.0))).collect();
    let mut events = wet;
    events.push((95, said(alert(95, Severity::Red, 240))));
    events.extend((31..=50).map(|step| (step * 10, gauge(step * 10, 0.0))));
    let (state, said) = live(&book(rain(0, 20)), &events, 500);
    assert_eq!(
        tell(&said),
        "00:20 issued yellow; 00:50 raised orange; 01:40 issued red official; 04:00 expired red official; \
         04:00 issued orange; 05:40 lowered yellow; 06:10 lifted yellow"
    );
    assert_eq!(said[2].replaces, vec![said[1].id.clone()], "the official word takes the place of the rules' own");
    assert_eq!(state.warnings().count(), 0);
}

#[test]
fn an_update_goes_on_in_the_same_number_and_a_cancel_ends_it() {
    let first = alert(10, Severity::Orange, 240);
    let mut raised = alert(60, Severity::Red, 300);
    raised.msg_type = MsgType::Update;
    raised.references = vec![first.identity.clone()];
    let mut cancel = alert(120, Severity::Red, 300);
    cancel.msg_type = MsgType::Cancel;
    cancel.references = vec![raised.identity.clone()];
    cancel.areas.clear();
    let events = [(10, said(first)), (60, said(raised)), (120, said(cancel))];
    let (_, said) = live(&book(rain(0, 20)), &events, 400);
    assert_eq!(tell(&said), "00:10 issued orange official; 01:00 raised red official; 02:00 lifted red official");
    assert!(said.iter().all(|bulletin| bulletin.number == said[0].number));
    assert_eq!(said.iter().map(|bulletin| bulletin.edition).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(said[2].replaces, vec![said[1].id.clone()]);
}

#[test]
fn no_area_is_never_every_area_and_a_test_reaches_nobody() {
    let mut nowhere = alert(10, Severity::Red, 240);
    nowhere.areas.clear();
    nowhere.unplaced = vec!["Atlantis".into()];
    let mut test = alert(20, Severity::Red, 240);
    test.status = Status::Test;
    let late = alert(30, Severity::Red, 20);
    let (state, said) = live(&book(rain(0, 20)), &[(10, said(nowhere)), (20, said(test)), (30, said(late))], 60);
    assert_eq!(tell(&said), "");
    assert_eq!(state.warnings().count(), 0);
}

#[test]
fn twins_in_two_languages_are_one_warning() {
    let arabic = alert(10, Severity::Red, 240);
    let mut english = arabic.clone();
    english.identity.identifier = "a10-en".into();
    english.words[0].language = "en".into();
    let (_, said) = live(&book(rain(0, 20)), &[(10, said(arabic)), (20, said(english))], 60);
    assert_eq!(tell(&said), "00:10 issued red official; 00:20 updated red official");
    assert_eq!((&said[1].number, said[1].only_in.as_slice()), (&said[0].number, [Language::En].as_slice()));
}

#[test]
fn what_no_feed_speaks_of_any_more_is_forgotten_in_the_end() {
    let (state, _) = live(&book(rain(0, 20)), &[(10, gauge(10, 0.0))], 60);
    assert_eq!(state.series.iter().count(), 1);
    let outcome = step(&book(rain(0, 20)), &state, &Event::Tick, at(10) + super::KEEP_READINGS + TimeDelta::hours(1));
    assert!(outcome.changes.series.values().all(Option::is_none) && outcome.changes.series.len() == 1);
}

#[test]
fn every_way_of_saying_nothing_is_its_own_line_in_the_journal() {
    let pushed = |part: &str| {
        let skipped = vec![Skip { part: part.to_owned(), why: "not read".to_owned() }];
        Heard::Batch { batch: Batch { skipped, ..Batch::default() }, validators: None, entries: Vec::new() }
    };
    let heard = [
        Heard::Unchanged,
        Heard::Nothing,
        Heard::Listening { without: None },
        // Two messages that are pushed one after the other and cannot be read are two lines, the same one twice is one.
        pushed("one"),
        pushed("two"),
        Heard::Listening { without: Some("b is not heard: refused".into()) },
        Heard::Unreadable { why: "expected JSON, found a web page (HTML)".into() },
        Heard::Unreachable { why: "no answer within 20s".into() },
    ];
    let mut state = State::default();
    let mut lines = Vec::new();
    for (minute, heard) in (0..).zip(heard) {
        let event = Event::Asked { feed: feed("model"), heard, skew: None };
        for _ in 0..3 {
            let outcome = step(&book(rain(0, 20)), &state, &event, at(minute));
            lines.extend(outcome.journal.into_iter().map(|entry| entry.text));
            assert!(outcome.bulletins.is_empty());
            state.adopt(outcome.changes);
        }
    }
    assert_eq!(
        lines,
        [
            "model answered that nothing has changed",
            "model answered with nothing in it; that says nothing about the weather",
            "model is connected and listens; that says nothing about the weather",
            "model answered and parts were skipped: one: not read",
            "model answered and parts were skipped: two: not read",
            "model answered and parts were skipped: b is not heard: refused",
            "model answered something that cannot be read: expected JSON, found a web page (HTML)",
            "model did not answer: no answer within 20s",
        ]
    );
}

#[test]
fn a_rule_under_a_new_name_does_not_lift_what_nobody_can_tell() {
    let (old, mut renamed) = (rain(0, 20), rain(0, 20));
    renamed.id = RuleId::new("rain-sum-one-hour").unwrap();
    let (mut state, _) = live(&book(old), &[(10, gauge(10, 45.0))], 120);
    let renamed = book(renamed);
    let mut said = Vec::new();
    for minute in (130..=400).step_by(10) {
        let outcome = step(&renamed, &state, &Event::Tick, at(minute));
        said.extend(outcome.bulletins);
        state.adopt(outcome.changes);
    }
    let changes: Vec<Change> = said.iter().map(|bulletin| bulletin.change).collect();
    assert_eq!(changes, [Change::Expired], "{}", tell(&said));
}

#[test]
fn a_clock_set_back_delays_no_warning_beyond_its_patience() {
    let book = book(rain(20, 20));
    let mut state = State::default();
    state.adopt(step(&book, &state, &gauge(1500, 45.0), at(1500)).changes);
    let mut said = Vec::new();
    for minute in (60..=90).step_by(10) {
        let outcome = step(&book, &state, &gauge(minute, 45.0), at(minute));
        said.extend(outcome.bulletins);
        state.adopt(outcome.changes);
    }
    assert_eq!(tell(&said), "01:20 issued red");
}

#[test]
fn news_of_something_else_does_not_keep_a_warning_alive_for_ever() {
    let mut book = book(rain(0, 20));
    let mut other = rain(0, 20);
    other.id = RuleId::new("rain-by-wind").unwrap();
    other.metric = Metric::WindGust;
    book.rules.change(|rules| rules.push(other));
    let wind = |minute| Reading { metric: Metric::WindGust, ..reading(minute, Basis::Observed, 0.0) };
    let mut events = vec![(10, gauge(10, 45.0))];
    events.extend((2..=200).map(|step| {
        let readings = vec![wind(step * 10)];
        (step * 10, asked("gauge", Batch { readings, ..Batch::default() }))
    }));
    let (state, said) = live(&book, &events, 2000);
    assert!(said.last().unwrap().change.is_end(), "{}", tell(&said));
    assert_eq!(state.warnings().count(), 0);
}

#[test]
fn reports_with_gaps_do_not_hold_a_warning_for_ever() {
    let mut long = rain(0, 120);
    long.window = Window { statistic: Statistic::Max, span: TimeDelta::hours(3) };
    let mut events = vec![(10, gauge(10, 45.0))];
    events.extend((1..=20).map(|step| (10 + step * 150, gauge(10 + step * 150, 0.0))));
    let (state, said) = live(&book(long), &events, 3000);
    assert_eq!(said.last().map(|bulletin| bulletin.change), Some(Change::Expired), "{}", tell(&said));
    assert_eq!(state.warnings().count(), 0);
}
