//! Notices to the people on duty: every topic at every stage, in both languages, as they are read.

use super::golden::{chapter, golden};
use super::*;
use crate::message::notice::MAX_QUOTE;
use crate::message::rehearsal::notices::plain;
use crate::notice::{FeedClock, Holding, Notice, Stage, Topic};

fn told(notice: &Notice, languages: &[Language]) -> String {
    speaker(false).notify(notice, &BOOK, Form::Text, languages).unwrap().body
}

#[test]
fn every_notice_to_the_people_on_duty() {
    let all = plain(&SCENE, &areas(&["jeddah", "makkah"]));
    golden("notices", &chapter(all.into_iter().map(|(name, notice)| (name, told(&notice, &Language::ALL)))));
}

#[test]
fn a_notice_as_json_for_machines() {
    let texts = [SCENE.silent(FeedClock::Fetch, true, 2), SCENE.held(Holding::Unplaced, 1)].map(|topic| {
        let message =
            speaker(false).notify(&SCENE.notice(topic, Stage::Begun), &BOOK, Form::Json, &Language::ALL).unwrap();
        let value: serde_json::Value = serde_json::from_str(&message.body).unwrap();
        assert_eq!(value["type"], "notice.begun", "no warning is ever of this type");
        assert!(!message.body.contains('\n'));
        (message.key.as_str().to_owned(), message.body)
    });
    golden("notices_json", &chapter(texts));
}

#[test]
fn what_comes_from_outside_is_quoted_on_one_line_and_cut() {
    let why = format!("\u{202e}line one\nline two\r\n{}", "x".repeat(2 * MAX_QUOTE));
    let feed = SCENE.observer.clone();
    let topic = Topic::FeedSilent { feed, was_heard: true, past: Vec::new(), why: Some(why), resting: 0 };
    let text = told(&SCENE.notice(topic, Stage::Begun), &[Language::En]);
    let line = text.lines().find(|line| line.starts_with("Last fault")).unwrap();
    assert!(line.contains("line one line two") && line.ends_with('…') && !line.contains('\u{202e}'), "{line}");
    assert!(line.chars().count() < MAX_QUOTE + 20);
}
