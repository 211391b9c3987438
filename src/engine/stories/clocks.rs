//! Stories of feeds that fall silent, each by one of its clocks, and of what the people on duty hear.

use proptest::prelude::*;

use super::*;
use crate::engine::notices::{GATHER, MAX_REMINDERS, REMIND_EVERY};
use crate::feed::Skip as Strange;
use crate::notice::{FeedClock, Holding, Notice, Side, Stage, Topic};

/// How often the service looks at the clock.
const LOOK: usize = 30;

fn second(second: i64) -> Timestamp {
    at(0) + TimeDelta::seconds(second)
}

fn minutes(minutes: i64) -> Option<TimeDelta> {
    Some(TimeDelta::minutes(minutes))
}

fn from(name: &str, heard: Heard) -> Event {
    Event::Asked { feed: feed(name), heard, skew: None }
}

fn down(name: &str) -> Event {
    from(name, Heard::Unreachable { why: "no answer within 20s".into() })
}

/// A book with one feed under terms of its own.
fn only(name: &str, terms: FeedTerms) -> RuleBook {
    RuleBook { feeds: BTreeMap::from([(feed(name), terms)]), ..book(rain(0, 20)) }
}

/// A gauge that is asked every five minutes and may be missed three times.
fn gauge_terms() -> FeedTerms {
    FeedTerms { silent_after: TimeDelta::minutes(15), ..FeedTerms::new("csv", TimeDelta::hours(1)) }
}

/// Lives through events (each at its second) with a look at the clock every half minute.
fn live_by_seconds(book: &RuleBook, events: &[(i64, Event)], end: i64) -> (State, Vec<Notice>, Vec<Bulletin>) {
    let mut state = State::default();
    let (mut notices, mut said) = (Vec::new(), Vec::new());
    let mut moments: Vec<(i64, Event)> = (0..=end).step_by(LOOK).map(|second| (second, Event::Tick)).collect();
    moments.extend(events.iter().cloned());
    moments.sort_by_key(|(second, _)| *second);
    for (when, event) in moments {
        let outcome = step(book, &state, &event, second(when));
        notices.extend(outcome.notices);
        said.extend(outcome.bulletins);
        state.adopt(outcome.changes);
    }
    (state, notices, said)
}

/// Notices as `00:15:30 #1.1 begun feed-silent fetch`.
fn lines(notices: &[Notice]) -> Vec<String> {
    let line = |notice: &Notice| {
        let told = (notice.issued - at(0)).num_seconds();
        let number = notice.number.rsplit('-').next().unwrap().trim_start_matches('0');
        let about = match &notice.topic {
            Topic::FeedSilent { past, .. } => {
                format!(" {}", past.iter().map(|past| past.clock.name()).collect::<Vec<_>>().join("+"))
            }
            Topic::AlertHeld { alerts, .. } => format!(" {}", alerts.len()),
            Topic::ClockSkew { side, .. } => format!(" {}", side.name()),
            Topic::RanOut { warnings, .. } => format!(" {}", warnings.len()),
            Topic::SubscriberDisabled { subscribers, .. } => format!(" {}", subscribers.len()),
            Topic::UnknownShape { .. } => String::new(),
        };
        let (hour, minute, second) = (told / 3600, told / 60 % 60, told % 60);
        let (edition, stage, topic) = (notice.edition, notice.stage.name(), notice.topic.name());
        format!("{hour:02}:{minute:02}:{second:02} #{number}.{edition} {stage} {topic}{about}")
    };
    notices.iter().map(line).collect()
}

#[track_caller]
fn check_notices(book: &RuleBook, events: &[(i64, Event)], end: i64, expected: &[&str]) -> (State, Vec<Bulletin>) {
    let (state, notices, said) = live_by_seconds(book, events, end);
    assert_eq!(lines(&notices), expected);
    (state, said)
}

#[test]
fn the_people_on_duty_hear_of_a_silent_feed_within_three_missed_polls() {
    // Good at 0; then missed at five, ten, and fifteen minutes, each as late as the jitter of a tenth lets it be.
    let mut events = vec![(0, gauge(0, 0.0))];
    events.extend((1..=9).map(|poll| (poll * 330, down("gauge"))));
    let (_, notices, _) = live_by_seconds(&only("gauge", gauge_terms()), &events, 1800);
    assert_eq!(lines(&notices), ["00:15:30 #1.1 begun feed-silent fetch"]);
    let missed = events.iter().filter(|(when, event)| {
        *when != 0 && second(*when) <= notices[0].issued && matches!(event, Event::Asked { .. })
    });
    assert!(missed.count() <= 3);
    assert_eq!(notices[0].since, at(0));
    let Topic::FeedSilent { why, was_heard, .. } = &notices[0].topic else { panic!() };
    assert_eq!((why.as_deref(), *was_heard), (Some("no answer within 20s"), true));
}

#[test]
fn a_feed_that_was_never_heard_is_told_as_such() {
    let (_, notices, _) = live_by_seconds(&only("gauge", gauge_terms()), &[], 1200);
    assert_eq!(lines(&notices), ["00:15:30 #1.1 begun feed-silent fetch"]);
    assert!(matches!(notices[0].topic, Topic::FeedSilent { was_heard: false, .. }));
}

#[test]
fn an_episode_has_one_number_reminders_with_an_end_and_an_end() {
    let last = 24 * 3600;
    let events = [(0, gauge(0, 0.0)), (last + 10, gauge(last / 60, 0.0))];
    check_notices(
        &only("gauge", gauge_terms()),
        &events,
        last + 60,
        &[
            "00:15:30 #1.1 begun feed-silent fetch",
            "06:15:30 #1.2 continues feed-silent fetch",
            "12:15:30 #1.3 continues feed-silent fetch",
            "18:15:30 #1.4 continues feed-silent fetch",
            "24:00:10 #1.5 ended feed-silent fetch",
        ],
    );
    let mut state = State::default();
    let mut told = 0;
    for hour in 0..24 * 30 {
        let outcome = step(&only("gauge", gauge_terms()), &state, &Event::Tick, at(hour * 60));
        told += outcome.notices.len();
        state.adopt(outcome.changes);
    }
    assert_eq!(told, 1 + MAX_REMINDERS as usize, "nobody is told of the same for ever");
    assert_eq!(REMIND_EVERY, TimeDelta::hours(6));
}

#[test]
fn that_one_clock_is_within_its_limit_again_does_not_hide_another() {
    let terms = FeedTerms { max_age: minutes(60), ..gauge_terms() };
    // Nothing from 00:10 to 01:30; then answers whose newest value is that of 00:10; then a fresh one.
    let mut events = vec![(600, gauge(10, 0.0))];
    events.extend((18..24).map(|poll| (poll * 300, gauge(10, 0.0))));
    events.push((24 * 300 + 5, gauge(120, 0.0)));
    let (state, _) = check_notices(
        &only("gauge", terms.clone()),
        &events,
        8000,
        &[
            "00:25:30 #1.1 begun feed-silent fetch",
            "01:30:00 #1.2 continues feed-silent age",
            "02:00:05 #1.3 ended feed-silent age",
        ],
    );
    assert_eq!(state.feed(&feed("gauge")).unwrap().silent_since(), None);
    let mut state = State::default();
    let mut journal = Vec::new();
    for (when, event) in [(0, gauge(10, 0.0)), (90, Event::Tick), (91, gauge(10, 0.0)), (92, gauge(90, 0.0))] {
        let outcome = step(&only("gauge", terms.clone()), &state, &event, at(when));
        journal.extend(outcome.journal.into_iter().filter(|entry| {
            entry.text.contains("silen") || entry.text.ends_with("again") || entry.text.contains("newer")
        }));
        state.adopt(outcome.changes);
    }
    let told: Vec<&str> = journal.iter().map(|entry| entry.text.as_str()).collect();
    assert_eq!(
        told,
        [
            "gauge has been silent for 90min: nothing of it counts as calm",
            "gauge speaks of nothing newer than 90min ago: nothing of it counts as calm",
            "gauge speaks again",
            "gauge speaks of the present again",
        ]
    );
}

/// A forecast of the hours from `hour` on, made by a run that says `value`.
fn forecast(hour: i64, value: f64) -> Event {
    let readings = (hour..hour + 48).map(|hour| reading(hour * 60, Basis::Forecast, value)).collect();
    asked("model", Batch { readings, ..Batch::default() })
}

#[test]
fn the_same_forecast_once_more_is_nothing_new_even_as_it_reaches_on() {
    let terms = FeedTerms { new_within: minutes(180), ..FeedTerms::new("open-meteo", TimeDelta::hours(1)) };
    let mut events: Vec<(i64, Event)> = (0..8).map(|hour| (hour * 1800, forecast(hour / 2, 0.0))).collect();
    events.push((8 * 1800 + 5, forecast(4, 0.5)));
    check_notices(
        &only("model", terms),
        &events,
        5 * 3600,
        &["03:00:30 #1.1 begun feed-silent news", "04:00:05 #1.2 ended feed-silent news"],
    );
}

#[test]
fn calm_days_of_an_authority_are_no_silence() {
    let events: Vec<(i64, Event)> = (0..100).map(|poll| (poll * 300, from("ncm", Heard::Unchanged))).collect();
    check_notices(
        &only("ncm", FeedTerms { silent_after: TimeDelta::minutes(15), ..FeedTerms::new("cap", TimeDelta::hours(1)) }),
        &events,
        29_000,
        &[],
    );
}

#[test]
fn a_model_is_as_old_as_its_run_and_a_date_in_the_future_makes_nothing_young() {
    let terms = FeedTerms { max_age: minutes(600), ..FeedTerms::new("open-meteo", TimeDelta::hours(48)) };
    let run = |made: i64| {
        asked(
            "model",
            Batch { readings: vec![reading(1200, Basis::Forecast, 1.0)], made: Some(at(made)), ..Batch::default() },
        )
    };
    let events = [(0, run(-60)), (3600, run(60 * 24 * 400))];
    check_notices(&only("model", terms), &events, 10 * 3600, &["09:00:30 #1.1 begun feed-silent age"]);
}

#[test]
fn an_unknown_shape_is_told_until_the_shape_is_known_again() {
    let strange = Batch {
        strange: vec![Strange { part: "alerts[3]".into(), why: "no `zones`; kept in strange/1.json".into() }],
        ..Batch::default()
    };
    let events =
        [(60, asked("ncm", strange.clone())), (120, asked("ncm", strange)), (180, said(alert(3, Severity::Red, 240)))];
    let terms = FeedTerms::new("ncm", TimeDelta::hours(10));
    let (state, _) = check_notices(
        &only("ncm", terms),
        &events,
        300,
        &["00:01:00 #1.1 begun unknown-shape", "00:03:00 #1.2 ended unknown-shape"],
    );
    assert_eq!(state.feed(&feed("ncm")).unwrap().last_good, Some(second(180)), "what cannot be read is no good answer");
}

#[test]
fn alerts_that_are_held_are_gathered_and_none_is_left_out() {
    let nowhere = |minute: i64| {
        let places =
            Alert { areas: Vec::new(), unplaced: vec!["أتلانتس".into()], ..alert(minute, Severity::Red, 2000) };
        (minute * 60, said(places))
    };
    let events = [nowhere(1), nowhere(2), nowhere(5), nowhere(60), nowhere(500)];
    let (_, notices, said) =
        live_by_seconds(&only("ncm", FeedTerms::new("cap", TimeDelta::hours(100))), &events, 9 * 3600);
    assert_eq!(
        lines(&notices),
        [
            "00:01:00 #1.1 begun alert-held 1",
            "00:11:00 #1.2 continues alert-held 3",
            "01:00:00 #1.3 continues alert-held 4",
            "08:20:00 #2.1 begun alert-held 1",
        ]
    );
    assert_eq!(GATHER, TimeDelta::minutes(10));
    assert!(said.is_empty());
    let Topic::AlertHeld { why, alerts, .. } = &notices[0].topic else { panic!() };
    assert_eq!((*why, alerts[0].about.as_str()), (Holding::Unplaced, "أمطار غزيرة; أتلانتس"));
}

#[test]
fn the_people_on_duty_hear_at_once_that_a_subscriber_was_disabled_and_of_many_together() {
    let disabled = |name: &str| Event::Disabled {
        channel: crate::ids::ChannelId::new("open").unwrap(),
        subscribers: vec![crate::notice::Dropped { name: name.to_owned(), why: "410 Gone".to_owned() }],
    };
    let events = [(60, disabled("a")), (70, disabled("b")), (80, disabled("c")), (90, disabled("b"))];
    let (_, notices, said) = live_by_seconds(&only("gauge", FeedTerms::new("csv", TimeDelta::hours(9))), &events, 3600);
    let expected = ["00:01:00 #1.1 begun subscriber-disabled 1", "00:11:00 #1.2 continues subscriber-disabled 3"];
    assert_eq!(lines(&notices), expected, "one that is told of twice is listed once");
    assert!(said.is_empty());
}

#[test]
fn a_warning_that_runs_out_unlifted_is_told_to_the_people_on_duty() {
    let (_, notices, said) = live_by_seconds(&only("gauge", gauge_terms()), &[(600, gauge(10, 45.0))], 20 * 3600);
    assert_eq!(said.last().map(|bulletin| bulletin.change), Some(Change::Expired), "{}", tell(&said));
    assert_eq!(said.last().unwrap().silent_since, Some(at(10)));
    let ran_out: Vec<&Notice> = notices.iter().filter(|notice| notice.topic.name() == "ran-out").collect();
    assert_eq!(ran_out.len(), 1);
    let Topic::RanOut { warnings, .. } = &ran_out[0].topic else { panic!() };
    assert_eq!((&warnings[0].number, warnings[0].until), (&said[0].number, said.last().unwrap().until));
    assert_eq!(notices[0].topic.subject().feed(), Some(&feed("gauge")));
    let Topic::FeedSilent { resting, .. } = notices[0].topic else { panic!() };
    assert_eq!(resting, 1, "how many warnings rest on it is told with its silence");
}

#[test]
fn an_authority_that_cannot_be_heard_keeps_its_warning_and_its_end_says_so() {
    let terms = FeedTerms { silent_after: TimeDelta::minutes(15), ..FeedTerms::new("cap", TimeDelta::hours(1)) };
    let (_, notices, said) =
        live_by_seconds(&only("ncm", terms), &[(600, said(alert(10, Severity::Red, 240)))], 5 * 3600);
    assert_eq!(tell(&said), "00:10 issued red official; 04:00 expired red official");
    assert_eq!(said[1].silent_since, Some(at(10)));
    assert_eq!(lines(&notices), ["00:25:30 #1.1 begun feed-silent fetch", "04:00:00 #2.1 begun ran-out 1"]);
}

#[test]
fn an_authority_that_is_heard_ends_by_its_own_clock_without_an_alarm() {
    let mut events = vec![(600, said(alert(10, Severity::Red, 240)))];
    events.extend((3..60).map(|poll| (poll * 300, from("ncm", Heard::Unchanged))));
    let terms = FeedTerms { silent_after: TimeDelta::minutes(15), ..FeedTerms::new("cap", TimeDelta::hours(1)) };
    let (_, said) = check_notices(&only("ncm", terms), &events, 270 * 60, &[]);
    assert_eq!(said.last().unwrap().silent_since, None);
}

#[test]
fn a_warning_whose_feeds_are_all_silent_says_so_in_its_next_edition() {
    let (_, _, said) = live_by_seconds(&only("gauge", gauge_terms()), &[(600, gauge(10, 45.0))], 3 * 3600 + 600);
    assert_eq!(said[1].change, Change::Extended);
    assert_eq!(said[1].silent_since, Some(second(600)), "{}", tell(&said));
}

#[test]
fn a_warning_of_tomorrow_whose_forecast_stopped_says_so_once() {
    let terms = FeedTerms { silent_after: TimeDelta::minutes(45), ..FeedTerms::new("open-meteo", TimeDelta::hours(6)) };
    let readings =
        (0..40).map(|hour| reading(hour * 60, Basis::Forecast, if hour == 11 { 60.0 } else { 0.0 })).collect();
    let events = [(0, asked("model", Batch { readings, ..Batch::default() }))];
    let (_, _, said) = live_by_seconds(&only("model", terms), &events, 9 * 3600);
    assert_eq!(tell(&said), "00:00 issued orange; 03:00 updated orange");
    assert_eq!((said[1].silent_since, said[1].until), (Some(at(0)), said[0].until));
    assert_eq!(said[1].origin, said[0].origin, "it rests on what was seen last");
}

/// Dates of servers, as seconds ahead of ours, told again and again; what is said of clocks.
fn clocks(ahead: &[(&str, i64)], times: usize) -> Vec<String> {
    let terms =
        |server: &str| FeedTerms { server: Some(server.into()), ..FeedTerms::new("csv", TimeDelta::hours(100)) };
    let mut book = book(rain(0, 20));
    book.feeds = ahead.iter().map(|(name, _)| (feed(name), terms(name.split('-').next().unwrap()))).collect();
    let mut state = State::default();
    let mut told = Vec::new();
    for minute in 0..times {
        for (name, ahead) in ahead {
            let event =
                Event::Asked { feed: feed(name), heard: Heard::Unchanged, skew: Some(TimeDelta::seconds(*ahead)) };
            let outcome = step(&book, &state, &event, at(minute as i64));
            told.extend(outcome.notices);
            state.adopt(outcome.changes);
        }
    }
    lines(&told)
}

#[test]
fn many_servers_that_agree_are_right_and_one_alone_is_doubted() {
    assert_eq!(clocks(&[("a", -300), ("b", -310)], 5), ["00:00:00 #1.1 begun clock-skew ours"]);
    assert_eq!(clocks(&[("a", 300), ("b", 310), ("c", 0)], 1), ["00:00:00 #1.1 begun clock-skew ours"; 1]);
    assert_eq!(clocks(&[("b", 0), ("c", 0), ("d", 3), ("a", 300)], 2), [""; 0]);
    assert_eq!(clocks(&[("b", 0), ("c", 0), ("d", 3), ("a", 300)], 5), ["00:02:00 #1.1 begun clock-skew theirs"]);
    assert_eq!(clocks(&[("a", 300)], 5), ["00:02:00 #1.1 begun clock-skew either"]);
    assert_eq!(clocks(&[("a-ar", 300), ("a-en", 300)], 2), [""; 0], "two feeds of one server are one witness");
    assert_eq!(clocks(&[("b", 300), ("a", -300)], 2), [""; 0]);
    assert_eq!(clocks(&[("a", 119), ("b", -119)], 9), [""; 0]);
}

#[test]
fn clocks_that_agree_again_end_the_episode_and_a_wavering_one_does_not() {
    let book = only("gauge", FeedTerms::new("csv", TimeDelta::hours(100)));
    let mut state = State::default();
    let mut told = Vec::new();
    let mut journal = Vec::new();
    for (minute, ahead) in [300, 300, 300, 110, 90, 300, 5].into_iter().enumerate() {
        let event =
            Event::Asked { feed: feed("gauge"), heard: Heard::Unchanged, skew: Some(TimeDelta::seconds(ahead)) };
        let outcome = step(&book, &state, &event, at(minute as i64));
        told.extend(outcome.notices);
        journal.extend(outcome.journal.into_iter().filter(|entry| entry.subject == "clocks").map(|entry| entry.kind));
        state.adopt(outcome.changes);
    }
    assert_eq!(lines(&told), ["00:02:00 #1.1 begun clock-skew either", "00:06:00 #1.2 ended clock-skew either"]);
    assert_eq!(journal, ["trouble", "feed"]);
    assert_eq!(Side::ALL.len(), 3);
}

#[test]
fn a_clock_set_back_does_not_make_a_feed_fresh_for_ever() {
    let book = only("gauge", gauge_terms());
    let mut state = State::default();
    let mut told = Vec::new();
    let ahead = 400 * 24 * 60;
    for (minute, event) in [(ahead, gauge(ahead, 0.0)), (0, Event::Tick), (14, Event::Tick), (16, Event::Tick)] {
        let outcome = step(&book, &state, &event, at(minute));
        told.extend(outcome.notices);
        state.adopt(outcome.changes);
    }
    assert_eq!(lines(&told), ["00:16:00 #1.1 begun feed-silent fetch"]);
}

#[test]
fn a_feed_that_is_configured_no_more_is_told_no_further() {
    let (mut state, notices, _) = live_by_seconds(&only("gauge", gauge_terms()), &[], 1200);
    assert_eq!(notices.len(), 1);
    let outcome = step(&only("model", gauge_terms()), &state, &Event::Tick, second(1260));
    assert!(outcome.notices.is_empty());
    assert!(outcome.journal.iter().any(|entry| entry.text.contains("not configured any more")));
    state.adopt(outcome.changes);
    assert_eq!(state.episodes().count(), 0);
}

/// One thing that may happen to a feed.
fn any_fate() -> impl Strategy<Value = (i64, u8, u8, i64)> {
    (0i64..900, 0u8..3, 0u8..8, -400i64..400)
}

fn fates(pieces: &[(i64, u8, u8, i64)]) -> Vec<(i64, Event)> {
    let names = ["gauge", "model", "ncm"];
    let mut events: Vec<(i64, Event)> = pieces
        .iter()
        .map(|(minute, who, what, ahead)| {
            let name = names[usize::from(*who)];
            let batch = |batch| Heard::Batch { batch, validators: None, entries: Vec::new() };
            let heard = match what {
                0 => Heard::Unreachable { why: "refused".into() },
                1 => Heard::Unreadable { why: "a web page".into() },
                2 => Heard::Nothing,
                3 => Heard::Unchanged,
                4 => batch(Batch { strange: vec![Strange { part: "x".into(), why: "y".into() }], ..Batch::default() }),
                5 => batch(Batch {
                    alerts: vec![Alert { areas: Vec::new(), ..alert(*minute, Severity::Red, minute + 60) }],
                    ..Batch::default()
                }),
                size => batch(Batch {
                    readings: vec![reading(*minute, Basis::Observed, f64::from(*size) * 7.0)],
                    ..Batch::default()
                }),
            };
            (minute * 60, Event::Asked { feed: feed(name), heard, skew: Some(TimeDelta::seconds(*ahead)) })
        })
        .collect();
    events.sort_by_key(|(when, _)| *when);
    events
}

fn watched() -> RuleBook {
    let mut book = book(rain(10, 20));
    for terms in book.feeds.values_mut() {
        terms.silent_after = TimeDelta::minutes(40);
        terms.new_within = minutes(90);
        terms.max_age = minutes(60);
    }
    book
}

/// Lives as [`live_by_seconds`] does with a look every five minutes, and through rows after every step when asked to.
fn live_watched(events: &[(i64, Event)], restarts: bool) -> (Vec<Notice>, Vec<Bulletin>) {
    let book = watched();
    let mut moments: Vec<(i64, Event)> = (0..=1100).step_by(5).map(|minute| (minute * 60, Event::Tick)).collect();
    moments.extend(events.iter().cloned());
    moments.sort_by_key(|(second, _)| *second);
    let mut rows: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut state = State::default();
    let (mut notices, mut said) = (Vec::new(), Vec::new());
    for (when, event) in moments {
        if restarts {
            let facts = rows.iter().map(|((room, key), value)| (room.clone(), key.clone(), value.clone())).collect();
            state = State::restore(&Saved { version: 0, facts }).unwrap();
        }
        let outcome = step(&book, &state, &event, second(when));
        for fact in outcome.changes.facts().unwrap() {
            match fact.value {
                Some(value) => rows.insert((fact.room.to_owned(), fact.key), value),
                None => rows.remove(&(fact.room.to_owned(), fact.key)),
            };
        }
        notices.extend(outcome.notices);
        said.extend(outcome.bulletins);
        state.adopt(outcome.changes);
    }
    (notices, said)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_becomes_of_feeds_the_line_of_notices_makes_sense(pieces in prop::collection::vec(any_fate(), 0..40)) {
        let events = fates(&pieces);
        let (notices, said) = live_watched(&events, false);
        let mut lines: BTreeMap<&str, Vec<&Notice>> = BTreeMap::new();
        for notice in &notices {
            prop_assert!(notice.issued < notice.stale_after);
            lines.entry(&notice.number).or_default().push(notice);
        }
        for line in lines.values() {
            for (place, notice) in line.iter().enumerate() {
                prop_assert_eq!(notice.edition as usize, place + 1, "editions grow one by one");
                prop_assert_eq!(notice.stage == Stage::Begun, place == 0);
                prop_assert!(notice.stage != Stage::Ended || place + 1 == line.len(), "nothing follows an end");
                prop_assert_eq!(notice.topic.subject(), line[0].topic.subject());
            }
        }
        // Of one thing, at most one number is open at a time.
        let mut open: BTreeMap<_, &str> = BTreeMap::new();
        for notice in notices.iter().filter(|notice| !notice.topic.is_gathered()) {
            let subject = notice.topic.subject();
            if let Some(number) = open.get(&subject) {
                prop_assert_eq!(*number, notice.number.as_str());
            }
            match notice.stage {
                Stage::Ended => open.remove(&subject),
                Stage::Begun | Stage::Continues => open.insert(subject, &notice.number),
            };
        }
        prop_assert_eq!(&live_watched(&events, true), &(notices, said), "stopping and restoring changes nothing");
    }

    #[test]
    fn silence_never_lifts_whatever_went_before(pieces in prop::collection::vec(any_fate(), 0..40)) {
        let events = fates(&pieces);
        let (_, said) = live_watched(&events, false);
        let good = |event: &Event| matches!(event, Event::Asked { heard: Heard::Batch { batch, .. }, .. } if !batch.readings.is_empty());
        let last_word = events.iter().filter(|(_, event)| good(event)).map(|(when, _)| second(*when)).max();
        for bulletin in said.iter().filter(|bulletin| bulletin.change == Change::Lifted) {
            let patience = TimeDelta::minutes(20) + TimeDelta::hours(1);
            prop_assert!(last_word.is_some_and(|last| bulletin.issued <= last + patience), "{}", tell(&said));
        }
    }
}

#[test]
fn every_clock_that_is_past_is_known_and_one_explains_the_others() {
    let terms = FeedTerms { new_within: minutes(90), max_age: minutes(60), ..gauge_terms() };
    let (state, notices, _) = live_by_seconds(&only("gauge", terms), &[(0, gauge(0, 0.0))], 7200);
    let silent: Vec<FeedClock> = state.feed(&feed("gauge")).unwrap().silent.keys().copied().collect();
    assert_eq!(silent, FeedClock::ALL);
    assert_eq!(lines(&notices), ["00:15:30 #1.1 begun feed-silent fetch"], "nobody is told three times");
}

#[test]
fn a_feed_of_which_nothing_can_be_read_counts_as_silent() {
    let skipped = vec![Strange { part: "entry 1".into(), why: "asked for again: 503".into() }];
    let barren = asked("ncm", Batch { skipped, ..Batch::default() });
    let events: Vec<(i64, Event)> = (1..=12).map(|step| (step * 10, barren.clone())).collect();
    let (state, _) = live(&book(rain(0, 20)), &events, 120);
    assert_eq!(state.feed(&feed("ncm")).unwrap().silent_since(), Some(at(0)));
}

#[test]
fn documents_that_were_announced_and_could_not_be_had_are_told_to_the_people_on_duty() {
    let lost = |name: &str| {
        let lost = vec![Strange { part: name.to_owned(), why: "the server answered 404".to_owned() }];
        from("ncm", Heard::Batch { batch: Batch { lost, ..Batch::default() }, validators: None, entries: Vec::new() })
    };
    let events = [(60, lost("a")), (90, lost("b")), (120, lost("a"))];
    let (state, notices, said) = live_by_seconds(&book(rain(0, 20)), &events, 1200);
    let alerts: Vec<(Holding, usize)> = notices
        .iter()
        .filter_map(|notice| match &notice.topic {
            Topic::AlertHeld { why, alerts, .. } => Some((*why, alerts.len())),
            _ => None,
        })
        .collect();
    assert_eq!(alerts, [(Holding::NotHad, 1), (Holding::NotHad, 2)], "at once, and then gathered");
    assert_eq!((said.len(), state.feed(&feed("ncm")).unwrap().health.kind()), (0, "partial"));
}
