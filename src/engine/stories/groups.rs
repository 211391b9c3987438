//! Stories of several places: what they share is told once, and where they part nobody loses a word.

use super::*;
use crate::engine::staff::{COVERS, Order, Silence};

const PLACES: [&str; 3] = ["jeddah", "taif", "rabigh"];

/// The ticks of these stories are a minute apart.
pub(super) fn wait_of(minutes: i64) -> RuleBook {
    let mut rule = rain(0, 0);
    rule.window = Window { statistic: Statistic::Max, span: TimeDelta::minutes(1) };
    rule.governorates = PLACES.iter().map(|name| GovernorateId::new(name).unwrap()).collect();
    let mut book = book(rule);
    book.times.group_wait = TimeDelta::minutes(minutes);
    book
}

pub(super) fn minute_of(time: &str) -> i64 {
    let (hours, minutes) = time.split_once(':').unwrap();
    hours.parse::<i64>().unwrap() * 60 + minutes.parse::<i64>().unwrap()
}

/// `00:10 jeddah 12 taif 12, 00:20 taif -`: each gauge tells its value then and every ten minutes until it has another one, or none.
/// `all` means every place; before all else they are dry.
pub(super) fn measured(story: &str, end: i64) -> Vec<(i64, Event)> {
    let mut changes: BTreeMap<i64, Vec<(&str, Option<f64>)>> = BTreeMap::new();
    for moment in story.split(',').map(str::trim) {
        let words: Vec<&str> = moment.split_whitespace().collect();
        for pair in words[1..].chunks(2) {
            let value = pair[1].parse().ok();
            let named: Vec<&str> = if pair[0] == "all" { PLACES.to_vec() } else { vec![pair[0]] };
            let named = named.into_iter().map(|place| (place, value));
            changes.entry(minute_of(words[0])).or_default().extend(named);
        }
    }
    let mut now: BTreeMap<&str, Option<f64>> = PLACES.iter().map(|place| (*place, Some(0.0))).collect();
    let mut events = Vec::new();
    for minute in 0..=end {
        let changed = changes.get(&minute).cloned().unwrap_or_default();
        now.extend(changed.iter().copied());
        let told: Vec<(&str, f64)> = match minute % 10 {
            0 => now.iter().filter_map(|(place, value)| Some((*place, (*value)?))).collect(),
            _ => changed.into_iter().filter_map(|(place, value)| Some((place, value?))).collect(),
        };
        let readings = told.into_iter().map(|(place, value)| Reading {
            governorate: GovernorateId::new(place).unwrap(),
            ..reading(minute, Basis::Observed, value)
        });
        let readings: Vec<Reading> = readings.collect();
        if !readings.is_empty() {
            events.push((minute, asked("gauge", Batch { readings, ..Batch::default() })));
        }
    }
    events
}

/// Lives by minutes; the state is written down and read back after every step, which must change nothing.
pub(super) fn live_by_minutes(book: &RuleBook, events: &[(i64, Event)], end: i64) -> (State, Vec<Bulletin>) {
    let (mut state, mut said) = (State::default(), Vec::new());
    let mut rows: BTreeMap<(String, String), String> = BTreeMap::new();
    for minute in 0..=end {
        let own = events.iter().filter(|(when, _)| *when == minute).map(|(_, event)| event);
        for event in own.chain([&Event::Tick]) {
            let outcome = step(book, &state, event, at(minute));
            for fact in outcome.changes.facts().unwrap() {
                match fact.value {
                    Some(value) => rows.insert((fact.room.to_owned(), fact.key), value),
                    None => rows.remove(&(fact.room.to_owned(), fact.key)),
                };
            }
            said.extend(outcome.bulletins);
            state.adopt(outcome.changes);
            let facts = rows.iter().map(|((room, key), value)| (room.clone(), key.clone(), value.clone())).collect();
            let restored = State::restore(&Saved { version: state.version, facts }).unwrap();
            assert_eq!(restored, state, "what is written down is all that is known");
            state = restored;
        }
    }
    (state, said)
}

/// The year and the house stand in every number; its end tells them apart.
fn short(id: &str) -> &str {
    id.rsplit('-').next().unwrap().trim_start_matches('0')
}

/// `00:30 2.1 raised orange taif for 1.1`.
pub(super) fn lines(said: &[Bulletin]) -> String {
    let line = |bulletin: &Bulletin| {
        let minute = (bulletin.issued - at(0)).num_minutes();
        let areas: Vec<&str> = bulletin.areas.iter().map(GovernorateId::as_str).collect();
        let mut line = format!(
            "{:02}:{:02} {} {} {} {}",
            minute / 60,
            minute % 60,
            short(bulletin.id.as_str()),
            bulletin.change.name(),
            bulletin.severity,
            areas.join(" ")
        );
        if matches!(bulletin.origin, Origin::Official { .. }) {
            line.push_str(" official");
        }
        let replaced: Vec<&str> = bulletin.replaces.iter().map(|id| short(id.as_str())).collect();
        if !replaced.is_empty() {
            line.push_str(&format!(" for {}", replaced.join(" ")));
        }
        line
    };
    said.iter().map(line).collect::<Vec<_>>().join("; ")
}

#[track_caller]
fn check_in(book: &RuleBook, story: &str, alerts: &[Alert], end: &str, expected: &str) -> (State, Vec<Bulletin>) {
    let end = minute_of(end);
    let mut events = measured(story, end);
    events.extend(alerts.iter().map(|alert| ((alert.identity.sent - at(0)).num_minutes(), said(alert.clone()))));
    let (state, said) = live_by_minutes(book, &events, end);
    assert_eq!(lines(&said), expected, "{story}");
    (state, said)
}

#[track_caller]
fn check(wait: i64, story: &str, end: &str, expected: &str) -> (State, Vec<Bulletin>) {
    check_in(&wait_of(wait), story, &[], end, expected)
}

fn alert_in(place: &str, minute: i64, severity: Severity, until: i64) -> Alert {
    Alert { areas: vec![GovernorateId::new(place).unwrap()], ..alert(minute, severity, until) }
}

#[test]
fn one_rain_over_several_places_is_one_bulletin_in_official_order() {
    let (state, said) =
        check(0, "00:10 rabigh 12 taif 14 jeddah 13", "00:30", "00:10 1.1 issued yellow jeddah taif rabigh");
    let Origin::Automatic { evidence } = &said[0].origin else { panic!() };
    let values: Vec<(&str, f64)> = evidence.iter().map(|one| (one.governorate.as_str(), one.value)).collect();
    assert_eq!(values, [("jeddah", 13.0), ("taif", 14.0), ("rabigh", 12.0)], "it rests on what was seen in each");
    for (key, warning) in state.warnings() {
        assert_eq!((&warning.last, &warning.areas[..]), (&said[0].id, &said[0].areas[..]), "{key:?}");
        assert_eq!(warning.evidence.len(), 1, "{key:?} rests on what was seen there");
    }
}

#[test]
fn what_differs_in_severity_is_told_apart_and_the_worst_first() {
    check(
        0,
        "00:10 jeddah 12 taif 30 rabigh 12",
        "00:30",
        "00:10 1.1 issued orange taif; 00:10 2.1 issued yellow jeddah rabigh",
    );
}

#[test]
fn places_wait_for_each_other_below_red_and_no_longer_than_they_may() {
    check(
        5,
        "00:10 taif 12, 00:13 jeddah 12, 00:16 rabigh 12",
        "00:30",
        "00:15 1.1 issued yellow jeddah taif; 00:21 2.1 issued yellow rabigh",
    );
    check(5, "00:10 taif 12, 00:13 jeddah 30", "00:30", "00:15 1.1 issued orange jeddah; 00:15 2.1 issued yellow taif");
}

#[test]
fn each_is_told_what_is_so_when_the_wait_is_over() {
    check(
        5,
        "00:10 taif 12 jeddah 12, 00:13 jeddah 30",
        "00:30",
        "00:15 1.1 issued orange jeddah; 00:15 2.1 issued yellow taif",
    );
}

#[test]
fn red_waits_for_nobody() {
    check(5, "00:10 taif 45 jeddah 50", "00:30", "00:10 1.1 issued red jeddah taif");
    check(
        5,
        "00:10 taif 12 rabigh 12, 00:12 taif 45",
        "00:30",
        "00:12 1.1 issued red taif; 00:15 2.1 issued yellow rabigh",
    );
}

#[test]
fn who_is_clear_again_while_it_waits_is_not_told_at_all() {
    let (state, _) = check(5, "00:10 taif 12, 00:12 taif 0, 00:20 taif 12", "00:30", "00:25 1.1 issued yellow taif");
    assert!(state.waiting.is_empty());
    check(5, "00:10 taif 12 jeddah 12, 00:12 taif 0", "00:30", "00:15 1.1 issued yellow jeddah");
}

#[test]
fn a_gauge_that_falls_silent_while_its_place_waits_is_no_calm() {
    let mut book = wait_of(10);
    book.feeds.insert(feed("gauge"), FeedTerms::new("csv", TimeDelta::minutes(3)));
    let mut events = measured("00:10 taif 12, 00:11 taif -", 11);
    events.retain(|(minute, _)| *minute <= 11);
    let (_, said) = live_by_minutes(&book, &events, 60);
    assert_eq!(lines(&said), "00:20 1.1 issued yellow taif");
    let Origin::Automatic { evidence } = &said[0].origin else { panic!() };
    assert_eq!(evidence.first().map(|one| one.value), Some(12.0), "it rests on what was seen last");
}

#[test]
fn a_clock_set_back_makes_no_wait_longer() {
    let book = wait_of(10);
    let mut state = State::default();
    let (_, event) = measured("01:40 taif 12", 100).pop().unwrap();
    let before = step(&book, &state, &event, at(100));
    assert!(before.bulletins.is_empty());
    state.adopt(before.changes);
    let (_, event) = measured("01:00 taif 12", 60).pop().unwrap();
    let mut said = Vec::new();
    for (minute, event) in (60..72).zip([event].into_iter().chain(std::iter::repeat(Event::Tick))) {
        let outcome = step(&book, &state, &event, at(minute));
        said.extend(outcome.bulletins);
        state.adopt(outcome.changes);
    }
    assert_eq!(lines(&said), "01:00 1.1 issued yellow taif");
}

#[test]
fn an_authority_that_speaks_first_makes_the_wait_needless() {
    let alerts = [alert_in("taif", 12, Severity::Yellow, 300)];
    let expected = "00:12 1.1 issued yellow taif official; 00:15 2.1 issued yellow jeddah";
    let (state, _) = check_in(&wait_of(5), "00:10 taif 12 jeddah 12", &alerts, "00:30", expected);
    assert!(state.waiting.is_empty());
}

#[test]
fn one_that_is_raised_leaves_the_others_as_they_are() {
    let (_, said) = check(
        0,
        "00:10 all 12, 00:30 taif 30",
        "00:50",
        "00:10 1.1 issued yellow jeddah taif rabigh; 00:30 2.1 raised orange taif for 1.1; \
         00:30 1.2 updated yellow jeddah rabigh for 1.1",
    );
    assert_eq!((said[1].was, said[1].reach.worst), (Some(Severity::Yellow), Severity::Orange));
    assert!(said.iter().all(|bulletin| bulletin.left.is_empty()), "nothing has ended anywhere");
    assert_eq!((said[2].onset, said[2].until), (said[0].onset, said[0].until));
}

#[test]
fn every_edition_names_what_was_left_behind_for_as_long_as_it_could_hold() {
    check(
        0,
        "00:10 all 12, 00:30 taif 30, 00:40 taif 12, 03:30 taif 30, 04:10 taif 12",
        "04:20",
        "00:10 1.1 issued yellow jeddah taif rabigh; 00:30 2.1 raised orange taif for 1.1; \
         00:30 1.2 updated yellow jeddah rabigh for 1.1; 00:40 2.2 lowered yellow taif for 1.1 2.1; \
         03:00 1.3 extended yellow jeddah rabigh for 1.2; 03:00 2.3 extended yellow taif for 1.1 2.2; \
         03:30 2.4 raised orange taif for 1.1 2.3; 04:10 2.5 lowered yellow taif for 2.4",
    );
}

#[test]
fn one_that_is_over_is_told_by_itself_and_to_nobody_else() {
    check(
        0,
        "00:10 all 12, 00:30 taif 0, 00:40 all 0",
        "00:50",
        "00:10 1.1 issued yellow jeddah taif rabigh; 00:30 2.1 lifted yellow taif for 1.1; \
         00:30 1.2 updated yellow jeddah rabigh for 1.1; 00:40 1.3 lifted yellow jeddah rabigh for 1.2",
    );
}

#[test]
fn what_goes_on_keeps_the_number_however_many_end() {
    check(
        0,
        "00:10 all 12, 00:30 jeddah 0 taif 0 rabigh 30",
        "00:50",
        "00:10 1.1 issued yellow jeddah taif rabigh; 00:30 1.2 raised orange rabigh for 1.1; \
         00:30 2.1 lifted yellow jeddah taif for 1.1",
    );
}

#[test]
fn all_are_extended_together_also_when_they_began_one_by_one() {
    check(
        0,
        "00:10 all 12",
        "03:30",
        "00:10 1.1 issued yellow jeddah taif rabigh; 03:00 1.2 extended yellow jeddah taif rabigh for 1.1",
    );
    check(
        0,
        "00:10 taif 12, 00:20 jeddah 12",
        "03:30",
        "00:10 1.1 issued yellow taif; 00:20 2.1 issued yellow jeddah; 03:00 1.2 extended yellow jeddah taif for 1.1 2.1",
    );
}

#[test]
fn news_of_one_place_just_when_all_are_due_parts_nobody() {
    // The gauge of one place speaks a moment before the clock is looked at.
    let book = wait_of(0);
    let (mut state, before) = live_by_minutes(&book, &measured("00:10 all 12", 170), 179);
    assert_eq!(before.len(), 1);
    let readings = vec![reading(180, Basis::Observed, 12.0)];
    let outcome = step(&book, &state, &asked("gauge", Batch { readings, ..Batch::default() }), at(180));
    state.adopt(outcome.changes);
    assert_eq!(lines(&outcome.bulletins), "03:00 1.2 extended yellow jeddah taif rabigh for 1.1");
}

#[test]
fn what_only_patience_keeps_is_not_extended_with_the_others() {
    let mut book = wait_of(0);
    book.rules.change(|rules| rules[0].ease_after = TimeDelta::hours(4));
    check_in(
        &book,
        "00:10 all 12, 02:00 taif 0",
        &[],
        "04:10",
        "00:10 1.1 issued yellow jeddah taif rabigh; 03:00 2.1 extended yellow jeddah rabigh for 1.1; \
         03:00 1.2 updated yellow taif for 1.1; 04:00 1.3 lifted yellow taif for 1.2",
    );
}

#[test]
fn one_that_nobody_knows_of_runs_out_and_is_never_called_over() {
    let mut book = wait_of(0);
    book.times.longest_silence = TimeDelta::hours(2);
    check_in(
        &book,
        "00:10 all 12, 00:20 taif -",
        &[],
        "04:10",
        "00:10 1.1 issued yellow jeddah taif rabigh; 03:00 2.1 extended yellow jeddah rabigh for 1.1; \
         03:00 1.2 updated yellow taif for 1.1; 04:00 1.3 expired yellow taif for 1.2",
    );
}

#[test]
fn an_authority_takes_one_and_the_others_go_on_without_it() {
    let alerts = [alert_in("taif", 30, Severity::Orange, 300)];
    let expected = "00:10 1.1 issued yellow jeddah taif rabigh; 00:30 2.1 issued orange taif official for 1.1; \
                    00:30 1.2 updated yellow jeddah rabigh for 1.1";
    let (_, said) = check_in(&wait_of(0), "00:10 all 12", &alerts, "00:50", expected);
    assert!(said[2].left.is_empty(), "nobody is told that it is over where the authority speaks");
}

/// Who did not receive the authority's first word may stand by the rules' own: each later one names it, for as long as it could hold.
#[test]
fn each_later_word_of_an_authority_names_what_its_first_one_took() {
    let first = alert_in("taif", 30, Severity::Orange, 300);
    let next = |minute: i64, severity: Severity, before: &Alert| Alert {
        msg_type: MsgType::Update,
        references: vec![before.identity.clone()],
        ..alert_in("taif", minute, severity, 300)
    };
    let second = next(60, Severity::Red, &first);
    let third = next(240, Severity::Orange, &second);
    let expected = "00:10 1.1 issued yellow taif; 00:30 2.1 issued orange taif official for 1.1; \
                    01:00 2.2 raised red taif official for 2.1 1.1; 04:00 2.3 lowered orange taif official for 2.2";
    check_in(&wait_of(0), "00:10 taif 12", &[first.clone(), second.clone(), third], "04:10", expected);
    let end = Alert { msg_type: MsgType::Cancel, ..next(90, Severity::Red, &second) };
    let expected = "00:10 1.1 issued yellow taif; 00:30 2.1 issued orange taif official for 1.1; \
                    01:00 2.2 raised red taif official for 2.1 1.1; 01:30 2.3 lifted red taif official for 2.2 1.1; \
                    01:30 3.1 issued yellow taif";
    check_in(&wait_of(0), "00:10 taif 12", &[first, second, end], "01:30", expected);
}

#[test]
fn an_authority_that_takes_two_names_what_it_takes_once() {
    let mut both = alert_in("taif", 30, Severity::Orange, 300);
    both.areas.push(GovernorateId::new("rabigh").unwrap());
    let expected = "00:10 1.1 issued yellow jeddah taif rabigh; 00:30 2.1 issued orange taif rabigh official for 1.1; \
                    00:30 1.2 updated yellow jeddah for 1.1";
    check_in(&wait_of(0), "00:10 all 12", &[both], "00:50", expected);
}

#[test]
fn nothing_milder_is_repeated_where_an_authority_speaks_by_now() {
    // The authority's word of 00:30 is of the time from 01:00; until then the rules' own stands beside it.
    let later = Alert { onset: at(60), ..alert_in("taif", 30, Severity::Orange, 300) };
    let expected = "00:10 1.1 issued yellow jeddah taif; 00:30 2.1 issued orange taif official; \
                    01:10 1.2 raised orange jeddah for 1.1";
    let (state, _) = check_in(&wait_of(0), "00:10 jeddah 12 taif 12, 01:10 jeddah 30", &[later], "01:30", expected);
    assert_eq!(state.warnings().count(), 2);
}

/// Rain in one place is silenced by the people on duty from 00:20 on.
fn silenced(place: &str) -> (i64, Event) {
    let order = Order::Silence(Silence {
        up_to: COVERS,
        hazards: BTreeSet::from([Hazard::Rain]),
        governorates: BTreeSet::from([GovernorateId::new(place).unwrap()]),
        until: at(600),
        by: "the duty desk".into(),
        reason: "a gauge is being washed".into(),
    });
    (20, Event::Ordered(order))
}

#[test]
fn what_was_told_before_a_silence_stands_beside_the_others_until_its_told_end() {
    let mut events = measured("00:10 all 12, 00:30 rabigh 0, 01:00 taif 0", 250);
    events.push(silenced("taif"));
    let (state, said) = live_by_minutes(&wait_of(0), &events, 250);
    assert_eq!(
        lines(&said),
        "00:10 1.1 issued yellow jeddah taif rabigh; 00:30 2.1 lifted yellow rabigh for 1.1; \
         00:30 1.2 updated yellow jeddah taif for 1.1; 03:00 3.1 extended yellow jeddah for 1.2; \
         03:00 1.3 updated yellow taif for 1.2"
    );
    assert_eq!(state.warnings().count(), 1, "at its told end it is over without a word");
}

#[test]
fn a_silence_covers_who_waits() {
    let mut events = measured("00:18 taif 12 jeddah 12", 40);
    events.push(silenced("taif"));
    let (state, said) = live_by_minutes(&wait_of(5), &events, 40);
    assert_eq!(lines(&said), "00:23 1.1 issued yellow jeddah");
    assert!(state.waiting.is_empty());
}

#[test]
fn who_was_never_red_is_not_told_with_those_who_were() {
    check(
        0,
        "00:10 jeddah 45, 00:20 jeddah 30, 00:30 taif 30, 00:40 all 0",
        "00:50",
        "00:10 1.1 issued red jeddah; 00:20 1.2 lowered orange jeddah for 1.1; 00:30 2.1 issued orange taif; \
         00:40 2.2 lifted orange taif for 2.1; 00:40 1.3 lifted orange jeddah for 1.2",
    );
}

#[test]
fn a_state_of_the_time_when_each_place_stood_alone_is_taken_up() {
    let warning = |place: &str, number: u32| {
        let key = format!(r#"{{"automatic":{{"hazard":"rain","governorate":"{place}"}}}}"#);
        let value = format!(
            r#"{{"number":"MKH-2025-00000{number}","edition":1,"last":"MKH-2025-00000{number}.1","hazard":"rain",
            "severity":"yellow","reach":{{"worst":"yellow","hazards":["rain"]}},"areas":["{place}"],
            "onset":"2025-12-08T21:10:00Z","until":"2025-12-09T01:00:00Z","silent_since":null,"evidence":[],
            "official":null}}"#
        );
        ("warning".to_owned(), key, value)
    };
    let numbers = ("number".to_owned(), "2025".to_owned(), "2".to_owned());
    let facts = vec![warning("jeddah", 1), warning("taif", 2), numbers];
    let mut state = State::restore(&Saved { version: 7, facts }).unwrap();
    let mut said = Vec::new();
    for (minute, event) in measured("00:10 jeddah 30 taif 30 rabigh 30, 00:20 all 0", 20) {
        let outcome = step(&wait_of(0), &state, &event, at(minute));
        said.extend(outcome.bulletins);
        state.adopt(outcome.changes);
    }
    assert_eq!(
        lines(&said),
        "00:00 1.2 lifted yellow jeddah taif for 1.1 2.1; 00:10 3.1 issued orange jeddah taif rabigh; \
         00:20 3.2 lifted orange jeddah taif rabigh for 3.1"
    );
}
