//! Whatever bulletin the engine can make, it can be told: at night there is nobody to mend a text.

use super::*;
use crate::language::direction::{ISOLATE, POP, is_arabic, is_balanced, is_latin};

/// The text without what stands in isolates: the words that are ours and of this language.
fn outside_isolates(text: &str) -> String {
    let mut depth = 0_i32;
    text.chars()
        .filter(|c| {
            depth += i32::from(*c == ISOLATE) - i32::from(*c == POP);
            depth == 0 && *c != POP
        })
        .collect()
}

pub(super) fn check_text(text: &str, language: Language, story: &str) {
    assert!(!text.trim().is_empty(), "{story}: empty");
    assert!(text.lines().all(|line| line.trim() == line), "{story}: space at an edge:\n{text}");
    for wrong in ["undefined", "none", "{{", "}}", "  ", "..", "،،", " .", " ،", "،.", "\n\n\n"] {
        assert!(!text.contains(wrong), "{story}: `{wrong}` in:\n{text}");
    }
    assert!(is_balanced(text), "{story}: isolates do not match:\n{text}");
    let ours = outside_isolates(text);
    let (arabic, latin) =
        (ours.chars().filter(|c| is_arabic(*c)).count(), ours.chars().filter(|c| is_latin(*c)).count());
    match language {
        Language::Ar => {
            assert!(latin == 0 && 40 < arabic, "{story}: {arabic} Arabic and {latin} Latin letters:\n{text}");
        }
        Language::En => {
            assert!(arabic == 0 && 40 < latin, "{story}: {arabic} Arabic letters in:\n{text}");
        }
    }
}

/// What an authority may have given: both languages, one, another, words without texts, or nothing.
fn every_words() -> Vec<Vec<Words>> {
    let both = synthetic_words();
    let bare = Words { language: "en-US".to_owned(), event: "Rain".to_owned(), ..Words::default() };
    let turkish = words("tr", ["Meteoroloji", "Kırmızı uyarı", "Şiddetli yağış.", "Dikkatli olun."]);
    vec![both.clone(), both[..1].to_vec(), both[1..].to_vec(), vec![turkish], vec![bare], Vec::new()]
}

fn every_bulletin(mut look: impl FnMut(&Bulletin, &str)) {
    let all: Vec<&str> = NAMES.iter().map(|names| names[0]).collect();
    let places = [&all[1..2], &all[..1], &all[1..3], &all[..4], &all[..]];
    for hazard in Hazard::ALL {
        for severity in Severity::ALL {
            for change in Change::ALL {
                let mut bulletins = vec![automatic(*change, *hazard, *severity)];
                bulletins.extend(
                    every_words()
                        .into_iter()
                        .map(|words| Bulletin { hazard: *hazard, ..official(*change, *severity, words) }),
                );
                for (number, bulletin) in bulletins.into_iter().enumerate() {
                    for (turn, ids) in places.iter().enumerate() {
                        // All places for one hazard on land and one at sea; the others take turns.
                        if !matches!(hazard, Hazard::Rain | Hazard::Sea) && (number + turn) % places.len() != 0 {
                            continue;
                        }
                        let silent_since = (turn == 1).then(|| riyadh(8, 21, 0));
                        let left = if turn == 2 { areas(&["al-lith"]) } else { Vec::new() };
                        let told = Bulletin { areas: areas(ids), silent_since, left, ..bulletin.clone() };
                        look(&told, &format!("{hazard} {severity} {} #{number} in {}", change.name(), ids.len()));
                    }
                }
            }
        }
    }
}

#[test]
fn every_bulletin_can_be_told_in_either_language() {
    every_bulletin(|bulletin, story| {
        for language in Language::ALL {
            check_text(&text(bulletin, &[language]), language, story);
        }
    });
}

#[test]
fn every_bulletin_becomes_one_line_of_json_that_reads_back() {
    let speaker = speaker(true);
    let mut count = 0;
    every_bulletin(|bulletin, story| {
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
fn every_evidence_can_be_told() {
    for metric in Metric::ALL {
        for basis in [Basis::Observed, Basis::Forecast] {
            for value in [0.0, 0.4, 1.0, 2.0, 3.0, 11.0, 47.26, 95.0, 100.0, 99_999.0, -2.0, f64::NAN] {
                let usual = evidence(*metric, basis, 1, value);
                for statistic in [usual.statistic, Statistic::Mean, Statistic::Rate] {
                    let evidence = vec![Evidence { statistic, ..usual.clone() }];
                    let told = Bulletin {
                        origin: Origin::Automatic { evidence },
                        ..automatic(Change::Issued, Hazard::Other, Severity::Orange)
                    };
                    for language in Language::ALL {
                        let text = text(&told, &[language]);
                        let unit_letters = ["mm", "km/h", "J/kg", "µg/m³"];
                        let is_spelt = !unit_letters.iter().any(|unit| text.contains(unit));
                        assert!(language == Language::En || is_spelt, "{text}");
                        check_text(&text, language, &format!("{metric} {} {value}", statistic.name()));
                    }
                }
            }
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
        official(Change::Expired, Severity::Red, synthetic_words()),
    ] {
        let text = text(&told, &Language::ALL);
        assert!(text.contains("not an all-clear") && text.contains("ولا يُعد ذلك إعلانًا بزوال الخطر"), "{text}");
        assert!(!text.contains("Heavy rain until 1 pm"), "old words of the authority are not repeated");
    }
}

#[test]
fn the_words_of_an_authority_stand_as_it_wrote_them() {
    let told = official(Change::Raised, Severity::Red, synthetic_words());
    let text = text(&told, &Language::ALL);
    for words in synthetic_words() {
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
