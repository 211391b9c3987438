//! Whatever bulletin the engine can make, it can be told: at night there is nobody to mend a text.

use super::*;
use crate::language::direction::{ISOLATE, POP};
use crate::message::rehearsal::faults::outside_isolates;
use crate::message::rehearsal::{Rehearsal, bulletins};

/// A wording, to be rehearsed by those who speak here.
fn rehearsal(ar: &str, en: &str, problems: &Problems) -> Rehearsal {
    let trial = Wording::compile(&source("ar", ar), &source("en", en), problems).trial;
    let Speaker { issuer, style, sources, .. } = speaker(false);
    Rehearsal { trial, issuer, style, sources, places: Arc::new(BOOK.clone()) }
}

/// Reads and rehearses a wording, and returns how many texts were told.
pub(super) fn rehearse(ar: &str, en: &str, problems: &Problems) -> usize {
    rehearsal(ar, en, problems).run(problems)
}

#[test]
fn whatever_the_engine_can_make_can_be_told_in_either_language_and_every_form() {
    let problems = Problems::new();
    let texts = rehearse(AR, EN, &problems);
    let told: Vec<String> = problems.into_sorted().into_iter().map(|problem| problem.message).collect();
    assert_eq!(told, Vec::<String>::new());
    let told =
        Hazard::ALL.len() * Severity::ALL.len() * Change::ALL.len() * Language::ALL.len() * rehearsal::FORMS.len();
    assert!(5 * told < texts, "each five times, and the notices: {texts}");
}

/// What no bulletin and no notice can come to: a day is told as 24 hours, no window and no limit is of a hundred days or of none,
/// nothing is counted where there is nothing, and codes have words of their own.
const NEVER_SAID: &[&str] = &[
    "places_count.governorate.one",
    "places_count.governorate.other",
    "places_count.governorate.zero",
    "places_count.others.other",
    "places_count.others.zero",
    "span.day.one",
    "span.day.other",
    "span.day.zero",
    "span.hour.zero",
    "span.minute.zero",
    "staff_count.more.zero",
    "staff_count.resting.zero",
    "unit.code",
];

#[test]
fn no_text_of_the_wording_escapes_the_rehearsal() {
    let rehearsal = rehearsal(AR, EN, &Problems::new());
    let mut said: BTreeSet<(Language, String)> = BTreeSet::new();
    rehearsal.each(|story, language, told| {
        for (form, message) in told.forms.unwrap() {
            assert!(message.is_ok(), "{story} as {}", form.name());
        }
        said.extend(told.said.into_iter().map(|one| (language, one.key)));
    });
    for language in Language::ALL {
        for key in rehearsal.trial.keys(language) {
            let is_said = said.contains(&(language, key.clone()));
            // English has one form for all that is more than one.
            let is_exempt = NEVER_SAID.contains(&key.as_str())
                && !(language == Language::En
                    && ["span.day.other", "places_count.governorate.other", "places_count.others.other"]
                        .contains(&key.as_str()));
            assert_eq!(is_said, !is_exempt, "{key} in {}", language.tag());
        }
    }
}

#[test]
fn every_bulletin_becomes_one_line_of_json_that_reads_back() {
    let speaker = speaker(true);
    let mut count = 0;
    bulletins::every(&SCENE, &BOOK, |bulletin, _, story| {
        count += 1;
        if count % 7 != 0 {
            return;
        }
        let message = speaker.render(bulletin, &BOOK, Form::Json, &Language::ALL).unwrap();
        assert!(!message.body.contains('\n'), "{story}");
        let value: serde_json::Value = serde_json::from_str(&message.body).unwrap();
        assert_eq!(value["data"]["id"], bulletin.id.as_str());
        for language in Language::ALL {
            let said = headline(&speaker, bulletin, language);
            assert_eq!(value["data"]["text"][language.tag()]["headline"], said, "{story}");
        }
    });
}

#[test]
fn a_value_that_is_no_number_is_told_all_the_same_and_units_are_spelt_out_in_arabic() {
    for metric in Metric::ALL {
        for value in [95.0, f64::NAN] {
            let told = Bulletin {
                origin: Origin::Automatic { evidence: vec![evidence(*metric, Basis::Observed, 1, value)] },
                ..automatic(Change::Issued, Hazard::Other, Severity::Orange)
            };
            let text = text(&told, &[Language::Ar]);
            assert!(!["mm", "km/h", "J/kg", "µg/m³"].iter().any(|unit| text.contains(unit)), "{text}");
        }
    }
}

#[test]
fn a_place_that_the_book_forgot_is_told_by_its_name() {
    let told =
        Bulletin { areas: areas(&["jeddah", "atlantis"]), ..automatic(Change::Issued, Hazard::Rain, Severity::Red) };
    for language in Language::ALL {
        assert!(text(&told, &[language]).contains("atlantis"));
    }
}

#[test]
fn an_end_never_repeats_advice_of_danger() {
    for change in [Change::Lifted, Change::Expired] {
        let text = text(&automatic(change, Hazard::FlashFlood, Severity::Red), &Language::ALL);
        assert!(!text.contains("Never cross") && !text.contains("ولا تعبروا"), "{text}");
    }
}

#[test]
fn a_warning_that_only_ran_out_is_no_all_clear() {
    for told in [
        automatic(Change::Expired, Hazard::Rain, Severity::Red),
        official(Change::Expired, Severity::Red, words_in_both()),
    ] {
        let text = text(&told, &Language::ALL);
        assert!(text.contains("not an all-clear") && text.contains("ولا يُعد ذلك إعلانًا بزوال الخطر"), "{text}");
        assert!(!text.contains("Heavy rain until 1 pm"), "old words of the authority are not repeated");
    }
}

#[test]
fn the_words_of_an_authority_stand_as_it_wrote_them() {
    let told = official(Change::Raised, Severity::Red, words_in_both());
    let text = text(&told, &Language::ALL);
    for words in words_in_both() {
        for part in [words.headline, words.description, words.instruction].into_iter().flatten() {
            assert!(text.contains(&part), "{part}");
        }
    }
}

#[test]
fn only_an_issuer_that_may_warn_leaves_out_that_it_is_automated() {
    let told = automatic(Change::Issued, Hazard::Rain, Severity::Red);
    let body = |may_warn| speaker(may_warn).render(&told, &BOOK, Form::Text, &Language::ALL).unwrap().body;
    assert!(body(false).contains("not official") && body(false).contains("غير رسمي"));
    assert!(!body(true).contains("not official") && body(true).contains("صادر عن إمارة منطقة مكة المكرمة"));
}

#[test]
fn a_drill_says_so_in_its_headline_and_again_in_its_body() {
    for status in [Status::Exercise, Status::Test, Status::System, Status::Draft] {
        let told = Bulletin { status, ..automatic(Change::Issued, Hazard::Rain, Severity::Red) };
        for (language, mark) in [(Language::Ar, "أي إجراء"), (Language::En, "no action needed")] {
            let text = text(&told, &[language]);
            assert!(text.lines().next().unwrap().contains(mark), "{text}");
            assert_eq!(text.matches(mark).count(), 2, "{text}");
        }
    }
}

#[test]
fn digits_follow_the_style_in_every_sentence() {
    let style = Style { arabic_digits: Digits::Arab, ..STYLE };
    let told = automatic(Change::Raised, Hazard::Rain, Severity::Red);
    let speaker = Speaker { style, ..speaker(false) };
    let body = speaker.render(&told, &BOOK, Form::Text, &[Language::Ar]).unwrap().body;
    let ours = outside_isolates(&body).replace("911", "");
    assert!(!ours.contains(|c: char| c.is_ascii_digit()), "{ours}");
}

/// The first line of a text.
fn headline(speaker: &Speaker, bulletin: &Bulletin, language: Language) -> String {
    let text = speaker.render(bulletin, &BOOK, Form::Text, &[language]).unwrap().body;
    text.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn an_automatic_warning_is_never_headed_like_one_of_the_authority() {
    for change in Change::ALL {
        for severity in Severity::ALL {
            let told = automatic(*change, Hazard::Rain, *severity);
            for (language, mark) in [(Language::Ar, "آلي"), (Language::En, "Automated")] {
                let head = |may_warn| headline(&speaker(may_warn), &told, language);
                assert!(head(false).contains(mark), "{}", head(false));
                assert!(!head(true).contains(mark), "{}", head(true));
                let official = official(*change, *severity, Vec::new());
                let head = headline(&speaker(false), &official, language);
                assert!(!head.contains(mark), "{head}");
            }
        }
    }
}

#[test]
fn the_public_reads_the_name_of_a_feed_and_its_identifier_only_when_it_has_none() {
    let told = automatic(Change::Raised, Hazard::Rain, Severity::Red);
    let named = text(&told, &Language::ALL);
    for name in ["تقارير مطارات المنطقة (METAR)", "Open-Meteo forecast models"] {
        assert!(named.contains(name), "{named}");
    }
    assert!(!named.contains("open-meteo"), "{named}");
    let nameless = Speaker { sources: BTreeMap::new(), ..speaker(false) };
    let text = nameless.render(&told, &BOOK, Form::Text, &[Language::Ar]).unwrap().body;
    assert!(text.contains(&format!("{ISOLATE}open-meteo{POP}")), "{text}");
}

#[test]
fn midnight_is_told_with_the_day_that_it_opens_or_closes() {
    let told = Bulletin {
        onset: riyadh(9, 0, 0),
        until: riyadh(11, 0, 0),
        ..automatic(Change::Issued, Hazard::Rain, Severity::Red)
    };
    let english = text(&told, &[Language::En]);
    assert!(english.contains("from midnight at the start of Tuesday 9 December 2025"), "{english}");
    assert!(english.contains("until midnight at the end of Wednesday 10 December 2025"), "{english}");
    let arabic = text(&told, &[Language::Ar]);
    assert!(arabic.contains("من منتصف الليل مع بداية يوم الثلاثاء"), "{arabic}");
    assert!(arabic.contains("حتى منتصف الليل بنهاية يوم الأربعاء"), "{arabic}");
}
