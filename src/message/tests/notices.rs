//! Notices to the people on duty: every topic at every stage, in both languages, as they are read.

use super::every::check_text;
use super::golden::{chapter, golden};
use super::*;
use crate::message::notice::{MAX_LISTED, MAX_QUOTE};
use crate::notice::{FeedClock, HeldAlert, Holding, LIFE, Notice, Part, Past, RanOut, Server, Side, Stage, Topic};

fn feed(name: &str) -> FeedId {
    FeedId::new(name).unwrap()
}

fn notice(topic: Topic, stage: Stage) -> Notice {
    let edition = match stage {
        Stage::Begun => 1,
        Stage::Continues => 2,
        Stage::Ended => 3,
    };
    let number = "MKH-OPS-2025-000012".to_owned();
    let issued = riyadh(9, 3, 5);
    Notice {
        id: BulletinId::new(&number, edition),
        number,
        edition,
        stage,
        topic,
        since: riyadh(9, 1, 40),
        issued,
        stale_after: issued + LIFE,
    }
}

fn silent(clock: FeedClock, was_heard: bool, resting: u32) -> Topic {
    let limit = TimeDelta::minutes(if clock == FeedClock::Fetch { 15 } else { 120 });
    Topic::FeedSilent {
        feed: feed("metar"),
        was_heard,
        past: vec![Past { clock, since: riyadh(9, 1, 40), limit }],
        why: (clock == FeedClock::Fetch).then(|| "no answer within 20s".to_owned()),
        resting,
    }
}

fn held(why: Holding, count: usize) -> Topic {
    let alert = |number: usize| HeldAlert {
        alert: format!("cap@ncm.gov.sa,2.49.0.1.682.{number},2025-12-08T22:00:00-00:00"),
        about: "أمطار غزيرة على أتلانتس".to_owned(),
    };
    Topic::AlertHeld { feed: feed("ncm-cap-ar"), why, alerts: (0..count).map(alert).collect(), more: 0 }
}

fn skew(side: Side, ahead: &[i64]) -> Topic {
    let server = |(name, ahead_s): (&str, &i64)| Server { name: name.to_owned(), ahead_s: *ahead_s };
    let names = ["api.open-meteo.com", "ncm.gov.sa", "aviationweather.gov"];
    Topic::ClockSkew { side, servers: names.into_iter().zip(ahead).map(server).collect() }
}

fn ran_out(areas_of: &[&str]) -> Topic {
    let one = |number: usize, hazard, severity| RanOut {
        number: format!("MKH-2025-00000{number}"),
        hazard,
        severity,
        areas: areas(areas_of),
        until: riyadh(9, 0, 0),
    };
    Topic::RanOut {
        warnings: vec![one(7, Hazard::Rain, Severity::Red), one(9, Hazard::Wind, Severity::Yellow)],
        more: 0,
    }
}

fn strange(count: usize) -> Topic {
    let part = |number: usize| Part { part: format!("alerts[{number}]"), why: "`zones` is missing".to_owned() };
    Topic::UnknownShape { feed: feed("metar"), parts: (0..count).map(part).collect(), more: 0 }
}

/// Everything that may be told, under a name.
fn every_notice() -> Vec<(String, Notice)> {
    let mut topics = vec![
        ("silent by fetch".to_owned(), silent(FeedClock::Fetch, true, 2)),
        ("never heard".to_owned(), silent(FeedClock::Fetch, false, 0)),
        ("silent by news".to_owned(), silent(FeedClock::News, true, 1)),
        ("silent by age".to_owned(), silent(FeedClock::Age, true, 11)),
        ("unknown shape".to_owned(), strange(2)),
    ];
    for (side, ahead) in [(Side::Ours, &[-330, -312][..]), (Side::Theirs, &[7500]), (Side::Either, &[-190_000])] {
        topics.push((format!("clocks {}", side.name()), skew(side, ahead)));
    }
    let mut all = Vec::new();
    for (name, topic) in topics {
        all.extend(Stage::ALL.iter().map(|stage| (format!("{name} {}", stage.name()), notice(topic.clone(), *stage))));
    }
    all.extend(Holding::ALL.iter().map(|why| (format!("held {}", why.name()), notice(held(*why, 1), Stage::Begun))));
    all.push(("ran out".to_owned(), notice(ran_out(&["jeddah", "makkah"]), Stage::Continues)));
    all
}

fn told(notice: &Notice, languages: &[Language]) -> String {
    speaker(false).notify(notice, &BOOK, Form::Text, languages).unwrap().body
}

#[test]
fn every_notice_to_the_people_on_duty() {
    golden("notices", &chapter(every_notice().into_iter().map(|(name, notice)| (name, told(&notice, &Language::ALL)))));
}

#[test]
fn a_notice_as_json_for_machines() {
    let texts = [silent(FeedClock::Fetch, true, 2), held(Holding::Unplaced, 1)].map(|topic| {
        let message = speaker(false).notify(&notice(topic, Stage::Begun), &BOOK, Form::Json, &Language::ALL).unwrap();
        let value: serde_json::Value = serde_json::from_str(&message.body).unwrap();
        assert_eq!(value["type"], "notice.begun", "no warning is ever of this type");
        assert!(!message.body.contains('\n'));
        (message.key.as_str().to_owned(), message.body)
    });
    golden("notices_json", &chapter(texts));
}

#[test]
fn every_notice_can_be_told_in_either_language() {
    let mut all = every_notice();
    for count in [0, 1, 2, 3, 11, 100, 102, 5000] {
        all.push((format!("{count} rest on it"), notice(silent(FeedClock::Fetch, true, count), Stage::Begun)));
    }
    for count in [MAX_LISTED, MAX_LISTED + 1, MAX_LISTED + 2, MAX_LISTED + 5, 50] {
        all.push((format!("{count} held"), notice(held(Holding::Unplaced, count), Stage::Begun)));
        all.push((format!("{count} strange"), notice(strange(count), Stage::Begun)));
    }
    all.push(("nowhere any more".to_owned(), notice(ran_out(&["atlantis"]), Stage::Begun)));
    for (story, notice) in all {
        for language in Language::ALL {
            check_text(&told(&notice, &[language]), language, &story);
        }
    }
}

#[test]
fn what_comes_from_outside_is_quoted_on_one_line_and_cut() {
    let why = format!("\u{202e}line one\nline two\r\n{}", "x".repeat(2 * MAX_QUOTE));
    let topic =
        Topic::FeedSilent { feed: feed("metar"), was_heard: true, past: Vec::new(), why: Some(why), resting: 0 };
    let text = told(&notice(topic, Stage::Begun), &[Language::En]);
    let line = text.lines().find(|line| line.starts_with("Last fault")).unwrap();
    assert!(line.contains("line one line two") && line.ends_with('…') && !line.contains('\u{202e}'), "{line}");
    assert!(line.chars().count() < MAX_QUOTE + 20);
}
