//! The short forms: none is ever too long, and none says less than whom it is for and what to do.

use super::golden::{chapter, golden};
use super::*;
use crate::language::measure::Measure;

/// The texts of a short form, each with its language.
fn parts(speaker: &Speaker, bulletin: &Bulletin, form: Form) -> Vec<(Language, String)> {
    let message = speaker.render(bulletin, &BOOK, form, &Language::ALL).unwrap();
    let value: serde_json::Value = serde_json::from_str(&message.body).unwrap();
    let parts = value["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 2);
    let text = |place: usize| parts[place]["text"].as_str().unwrap().to_owned();
    Language::ALL.into_iter().enumerate().map(|(place, language)| (language, text(place))).collect()
}

const BRIEF: [Form; 3] = [Form::Post, Form::Sms, Form::Broadcast];

/// Chance that is the same at every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn places(&mut self, most: usize) -> Vec<GovernorateId> {
        let (first, count) = (self.below(NAMES.len()), self.below(most + 1));
        let mut ids: Vec<usize> = (0..count).map(|step| (first + step * 5) % NAMES.len()).collect();
        ids.sort_unstable();
        ids.into_iter().map(|place| GovernorateId::new(NAMES[place][0]).unwrap()).collect()
    }
}

/// A bulletin of any kind; words of authorities are synthetic and may be long.
fn any_bulletin(chance: &mut Chance) -> Bulletin {
    let change = *chance.one(Change::ALL);
    let (hazard, severity) = (*chance.one(Hazard::ALL), *chance.one(Severity::ALL));
    let mut told = if chance.below(2) == 0 {
        automatic(change, hazard, severity)
    } else {
        let length = 1 + chance.below(60);
        let mut words = words_in_both();
        for one in &mut words {
            let word = one.headline.clone().unwrap();
            one.headline = Some(vec![word; 1 + length / 8].join(" "));
            one.instruction = Some(vec![one.instruction.clone().unwrap(); 1 + length / 4].join(" "));
        }
        words.truncate(chance.below(3));
        Bulletin { hazard, ..official(change, severity, words) }
    };
    told.areas = chance.places(16);
    told.areas.extend(told.areas.is_empty().then(|| GovernorateId::new("jeddah").unwrap()));
    told.left = chance.places(3);
    told.silent_since = (chance.below(3) == 0).then(|| riyadh(8, 21, 0));
    told.status = *chance.one(&[Status::Actual, Status::Actual, Status::Exercise, Status::Test]);
    told
}

/// What has to be done, in the words of the wording: one of them must be there.
fn actions(bulletin: &Bulletin, language: Language) -> Vec<String> {
    let say = |key: &str| SHIPPED.say(language, key, &[(catalogue::Slot::EmergencyNumber, "911")]).unwrap();
    match bulletin.change {
        Change::Lifted => vec![say("brief.lifted")],
        Change::Expired => vec![say("brief.expired")],
        Change::Corrected => vec![say("brief.corrected")],
        _ => {
            let own = ["action", "advice"].map(|key| say(&format!("{key}.{}.{}", bulletin.hazard, bulletin.severity)));
            let theirs = match &bulletin.origin {
                Origin::Official { words, .. } => official::instruction(words, language),
                Origin::Automatic { .. } | Origin::Desk => None,
            };
            own.into_iter().chain(theirs).collect()
        }
    }
}

fn check_many(count: usize) {
    let mut chance = Chance(20_251_126);
    let speakers = [speaker(true), speaker(false)];
    for number in 0..count {
        let bulletin = any_bulletin(&mut chance);
        let form = BRIEF[number % BRIEF.len()];
        for (language, text) in parts(&speakers[number % 2], &bulletin, form) {
            let budget = form.budget().unwrap();
            let story = || format!("{} as {} {}:\n{text}", bulletin.id, form.name(), language.tag());
            assert!(budget.holds(&text), "{} of {}: {}", budget.measure.length(&text), budget.limit, story());
            let is_written =
                |said: &String| text.contains(&crate::language::measure::for_telephones(said)) || text.contains(said);
            assert!(actions(&bulletin, language).iter().any(is_written), "nothing to do: {}", story());
            let names = bulletin.areas.iter().all(|id| {
                let place = BOOK.get(id).unwrap();
                text.contains(place.name.get(language).as_str()) || text.contains(place.formal.get(language).as_str())
            });
            let digits = bulletin.areas.len().to_string();
            let is_theirs = matches!(bulletin.origin, Origin::Official { .. }) && !bulletin.change.is_end();
            assert!(
                names || text.contains(&digits) || is_theirs || bulletin.areas.len() == 2,
                "nobody is named: {}",
                story()
            );
            assert!(text.lines().all(|line| !line.trim().is_empty()), "an empty line: {}", story());
            let is_cut = |text: &str| text.ends_with(['،', ',', ' ']);
            assert!(!is_cut(&text), "{}", story());
        }
    }
}

#[test]
fn no_short_text_is_too_long_or_says_nothing_to_do() {
    check_many(3_000);
}

#[test]
#[ignore = "a hundred thousand bulletins take minutes: run it by hand in release after a change to the wording"]
fn none_of_a_hundred_thousand_is_too_long() {
    check_many(100_000);
}

#[test]
fn every_short_form_can_be_read() {
    let all: Vec<&str> = NAMES.iter().map(|names| names[0]).take(16).collect();
    let wide = |bulletin: Bulletin| Bulletin { areas: areas(&all), ..bulletin };
    let red = automatic(Change::Issued, Hazard::FlashFlood, Severity::Red);
    let silent =
        Bulletin { silent_since: Some(riyadh(8, 21, 0)), ..automatic(Change::Extended, Hazard::Rain, Severity::Red) };
    let drill = Bulletin { status: Status::Exercise, ..red.clone() };
    let cases = [
        ("flash floods", red.clone()),
        ("flash floods in sixteen places", wide(red)),
        ("raised", automatic(Change::Raised, Hazard::Dust, Severity::Orange)),
        ("without fresh data", silent),
        ("lifted", automatic(Change::Lifted, Hazard::Rain, Severity::Red)),
        ("expired", automatic(Change::Expired, Hazard::Heat, Severity::Orange)),
        ("an authority's", official(Change::Issued, Severity::Red, words_in_both())),
        ("a drill", drill),
    ];
    let mut texts = Vec::new();
    for (name, bulletin) in &cases {
        for form in BRIEF {
            let budget = form.budget().unwrap();
            for (language, text) in parts(&speaker(false), bulletin, form) {
                let length = budget.measure.length(&text);
                let units = if budget.measure == Measure::Segments { "segments" } else { "units" };
                let title = format!("{name}, {} {}: {length} of {} {units}", form.name(), language.tag(), budget.limit);
                texts.push((title, text));
            }
        }
    }
    golden("brief", &chapter(texts));
}

#[test]
fn a_notice_fits_as_well() {
    let spoken = Spoken {
        headline: "Feed silent: metar".into(),
        body: vec!["word ".repeat(40).trim().to_owned(); 3].join("\n\n"),
    };
    let part = crate::message::brief::shortened(Language::En, &spoken, Budget::POST);
    assert!(Budget::POST.holds(&part.text) && part.text.starts_with("Feed silent: metar\nword"));
    assert_eq!(part.text.lines().count(), 2, "whole paragraphs or none");
}

#[test]
fn a_chat_is_told_all_that_there_is_room_for_and_never_more() {
    let told = official(Change::Issued, Severity::Red, words_in_both());
    let whole = speaker(false).render(&told, &BOOK, Form::Text, &Language::ALL).unwrap().body;
    let chat = |told: &Bulletin, form| speaker(false).render(told, &BOOK, form, &Language::ALL).unwrap().body;
    assert_eq!((&chat(&told, Form::Chat), &chat(&told, Form::Push)), (&whole, &whole));
    let mut long = words_in_both();
    for words in &mut long {
        words.description = Some(words.description.clone().unwrap().repeat(80));
    }
    let told = official(Change::Issued, Severity::Red, long);
    for form in [Form::Chat, Form::Push] {
        let text = chat(&told, form);
        assert!(form.budget().unwrap().holds(&text), "{}", text.len());
        for said in [
            "إنذار أحمر على محافظة جدة",
            "اتباع تعليمات الدفاع المدني.",
            "Red alert for Jeddah",
            "Follow the instructions",
        ] {
            assert!(text.contains(said), "{said} is missing in {}:\n{text}", form.name());
        }
    }
}
