//! Further languages: what each says of everything, that what to do is never shed, and that they hold up nothing.

use super::golden::{chapter, golden};
use super::*;
use crate::message::brief::Budget;
use crate::message::further::Further;

const FILES: [(&str, &str); 2] =
    [("ur", include_str!("../../../config/wording/ur.toml")), ("id", include_str!("../../../config/wording/id.toml"))];

fn read(tag: &str, text: &str) -> (Option<Further>, Vec<String>) {
    let file = Arc::new(SourceFile { name: format!("wording/{tag}.toml"), text: text.to_owned() });
    let problems = Problems::new();
    let found = Further::compile(&file, Language::of(tag).unwrap(), &problems);
    (found, problems.into_sorted().into_iter().map(|problem| problem.message).collect())
}

/// Who speaks the shipped ones as well.
fn speaker_of_all() -> (Speaker, Vec<Language>) {
    let further = FILES.map(|(tag, text)| {
        let (found, problems) = read(tag, text);
        assert_eq!(problems, Vec::<String>::new());
        (Language::of(tag).unwrap(), found.unwrap())
    });
    let languages = further.iter().map(|(language, _)| *language).collect();
    let wording = Arc::new(Wording::clone(&SHIPPED).with(further.into()));
    (Speaker { wording, ..speaker(false) }, languages)
}

fn part_of(message: &Message, language: Language) -> String {
    let parts = crate::message::brief::read(&message.body);
    parts.into_iter().find(|part| part.language == language).unwrap().text
}

#[test]
fn every_hazard_change_and_source_in_the_shipped_further_languages() {
    let (speaker, languages) = speaker_of_all();
    let mut texts = Vec::new();
    for language in languages {
        let mut put = |name: String, bulletin: &Bulletin| {
            let told = speaker.render(bulletin, &BOOK, Form::Text, &[language]).unwrap();
            texts.push((format!("{} {name}", language.tag()), told.body));
        };
        for hazard in Hazard::ALL {
            for severity in [Severity::Yellow, Severity::Red] {
                put(format!("{hazard} {severity}"), &automatic(Change::Issued, *hazard, severity));
            }
        }
        for change in Change::ALL {
            put(change.name().to_owned(), &official(*change, Severity::Orange, words_in_both()));
        }
        put("by hand".to_owned(), &SCENE.by_hand(Change::Raised, Hazard::Rain, Severity::Red));
        let everywhere = areas(&["makkah", "jeddah", "taif", "rabigh", "al-lith"]);
        put(
            "many places".to_owned(),
            &Bulletin { areas: everywhere, ..automatic(Change::Updated, Hazard::Dust, Severity::Red) },
        );
        put(
            "exercise".to_owned(),
            &Bulletin { status: Status::Exercise, ..automatic(Change::Issued, Hazard::Rain, Severity::Red) },
        );
    }
    golden("further", &chapter(texts));
}

#[test]
fn what_to_do_stands_in_every_post_and_short_message() {
    let (speaker, languages) = speaker_of_all();
    let (said, _) =
        (FILES.map(|(tag, text)| (Language::of(tag).unwrap(), toml::from_str::<toml::Value>(text).unwrap())), 0);
    for (language, file) in said.iter().filter(|(language, _)| languages.contains(language)) {
        for hazard in Hazard::ALL {
            for severity in Severity::ALL {
                for change in [Change::Issued, Change::Raised, Change::Extended] {
                    let told = automatic(change, *hazard, *severity);
                    let told = Bulletin { areas: areas(&["adam", "al-ardiyat", "bahrah"]), ..told };
                    let section = if *severity < Severity::Orange { "action_mild" } else { "action_severe" };
                    let action = file[section][hazard.name()].as_str().unwrap();
                    for (form, budget) in [(Form::Post, Budget::POST), (Form::Sms, Budget::SMS)] {
                        let message = speaker.render(&told, &BOOK, form, &[Language::Ar, *language]).unwrap();
                        let text = part_of(&message, *language);
                        assert!(budget.holds(&text) && text.contains(action), "{} {form:?} {text}", language.tag());
                    }
                }
            }
        }
    }
}

#[test]
fn a_language_that_nobody_wrote_is_left_out_and_the_warning_goes_out() {
    let told = automatic(Change::Issued, Hazard::Rain, Severity::Red);
    let unknown = Language::of("fr").unwrap();
    let languages = [Language::Ar, unknown, Language::En];
    let message = speaker(false).render(&told, &BOOK, Form::Text, &languages).unwrap();
    assert!(message.key.as_str().ends_with("/text/ar+fr+en"));
    assert_eq!(message.body, text(&told, &Language::ALL));
    let (speaker, all) = speaker_of_all();
    let json = speaker.render(&told, &BOOK, Form::Json, &[Language::Ar, all[0]]).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json.body).unwrap();
    let texts: Vec<&String> = json["data"]["text"].as_object().unwrap().keys().collect();
    assert_eq!(texts, ["ar", "ur"]);
    let cap = speaker.render(&told, &BOOK, Form::Cap, &[Language::Ar, all[0]]).unwrap();
    assert_eq!(cap.body.matches("<info>").count(), 1);
}

#[test]
fn the_built_in_words_are_told_in_the_further_languages_of_the_configured_ones() {
    let (speaker, languages) = speaker_of_all();
    let told = automatic(Change::Issued, Hazard::Rain, Severity::Red);
    let built_in = Speaker { wording: Arc::new(Wording::clone(&SHIPPED).beside(&speaker.wording)), ..speaker.clone() };
    let all = [Language::Ar, languages[0], languages[1]];
    let body = |speaker: &Speaker| speaker.render(&told, &BOOK, Form::Text, &all).unwrap().body;
    assert_eq!(body(&built_in), body(&speaker));
}

#[test]
fn all_mistakes_of_a_file_are_told() {
    let (_, id) = FILES[1];
    let broken = id
        .replace("red = \"Peringatan merah\"", "red = \"\"")
        .replace("Berlaku sampai {{ until }}", "Berlaku sampai {{ untl }}")
        .replace("\"Desember\"]", "]")
        .replace("fog = \"kabut\"\n", "");
    let (found, problems) = read("id", &broken);
    assert!(found.is_none());
    for expected in ["names 11 months", "`red`: the text is empty", "`fog` is missing", "`until`: "] {
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:?}");
    }
    let (_, problems) = read("id", &id.replace("Jauhi wadi dan tempat rendah.", &"Jauhi wadi. ".repeat(30)));
    assert!(problems[0].contains("a post holds 280"), "{problems:?}");
}
