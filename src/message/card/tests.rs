//! What a picture promises: everything fits, nothing is cut, a drill is seen to be one, and the same is always the same.

use std::sync::LazyLock;

use super::canvas::{Area, Placed};
use super::letters::{Text, Weight, can_write};
use super::look::{INK, PAPER, QUIET, STONE, Tone};
use super::*;
use crate::alert::Status;
use crate::bulletin::Change;
use crate::hazard::{Hazard, Severity};
use crate::ids::GovernorateId;
use crate::message::Issuer;
use crate::message::rehearsal::bulletins::{Scene, every, words, words_in_both};

/// The shipped configuration: its places with their outlines, and who speaks.
static HOUSE: LazyLock<crate::config::Config> =
    LazyLock::new(|| crate::config::from_files(std::collections::BTreeMap::new()).unwrap().0);

fn places() -> &'static GovernorateBook {
    &HOUSE.governorates
}

fn speaker() -> Speaker {
    let issuer = Issuer {
        bulletins: Some("https://nadhir.example.sa/bulletins/{id}".to_owned()),
        ..HOUSE.speaker.issuer.clone()
    };
    Speaker { issuer, ..HOUSE.speaker.clone() }
}

fn scene() -> Scene {
    let home = GovernorateId::new("jeddah").unwrap();
    let scene = Scene::of("MKH", HOUSE.speaker.style.zone, places(), HOUSE.speaker.sources.keys());
    Scene { home, ..scene }
}

fn warned(change: Change, hazard: Hazard, severity: Severity, areas: &[&str]) -> Bulletin {
    let areas = match areas {
        ["*"] => places().iter().map(|place| place.id.clone()).collect(),
        areas => areas.iter().map(|id| GovernorateId::new(id).unwrap()).collect(),
    };
    Bulletin { areas, ..scene().automatic(change, hazard, severity) }
}

fn card(bulletin: &Bulletin, language: Language, size: Size) -> Card {
    let card = speaker().card(bulletin, places(), language, size).unwrap();
    card.unwrap_or_else(|| panic!("{} has no card: {bulletin:?}", bulletin.id))
}

/// Everything that a card places, drawn anew.
fn placed(bulletin: &Bulletin, language: Language, size: Size) -> Vec<Placed> {
    let speaker = speaker();
    let telling = speaker.telling(bulletin, places(), language);
    let told = told(&telling).unwrap();
    let mut says = told.drawn(&telling, &banners(&telling).unwrap()).unwrap();
    assert!(says.choose(size));
    Sheet::new(&says, size).draw().unwrap().placed
}

fn overlap(one: Area, other: Area) -> bool {
    // Lines stand close: a hair is no overlap.
    const HAIR: f64 = 0.5;
    one.x + HAIR < other.right()
        && other.x + HAIR < one.right()
        && one.y + HAIR < other.bottom()
        && other.y + HAIR < one.bottom()
}

/// Asserts that everything lies within the card and nothing upon anything else.
fn assert_tidy(bulletin: &Bulletin, language: Language, size: Size, story: &str) {
    let (width, height) = match size {
        Size::Wide => (1200.0, 675.0),
        Size::Square => (1080.0, 1080.0),
    };
    let placed = placed(bulletin, language, size);
    for (place, one) in placed.iter().enumerate() {
        let Area { x, y, .. } = one.area;
        let margin = if one.what == "banner" || one.what == "credit" { 0.0 } else { 40.0 };
        let is_inside = margin <= x && one.area.right() <= width - margin && 0.0 <= y && one.area.bottom() <= height;
        assert!(is_inside, "{} leaves the card: {one:?}, {story}", one.what);
        for other in placed.iter().skip(place + 1) {
            assert!(!overlap(one.area, other.area), "{one:?} lies upon {other:?}, {story}");
        }
    }
}

#[test]
fn every_hazard_at_every_severity_fits_in_either_language_and_size() {
    for hazard in Hazard::ALL {
        for severity in Severity::ALL {
            let told = warned(Change::Raised, *hazard, *severity, &["makkah", "jeddah", "taif", "al-lith"]);
            for language in Language::ALL {
                for size in Size::ALL {
                    assert_tidy(
                        &told,
                        language,
                        size,
                        &format!("{hazard} {severity} {} {}", language.tag(), size.name()),
                    );
                }
            }
        }
    }
}

#[test]
fn whatever_the_engine_can_make_either_fits_or_has_no_card() {
    let (mut turn, mut cards, mut without) = (0, 0, Vec::new());
    every(&scene(), places(), |bulletin, _, story| {
        turn += 1;
        if turn % 23 != 0 {
            return;
        }
        for language in Language::ALL {
            for size in Size::ALL {
                match speaker().card(bulletin, places(), language, size).unwrap() {
                    Some(_) => assert_tidy(bulletin, language, size, story),
                    None => without.push(format!("{story} {} {}", language.tag(), size.name())),
                }
                cards += 1;
            }
        }
    });
    assert!(100 < cards, "{cards}");
    assert_eq!(without, Vec::<String>::new());
}

#[test]
fn one_place_and_all_of_them_fit_and_no_name_is_cut() {
    let all = places().len();
    for count in 1..=all {
        let areas: Vec<GovernorateId> = places().iter().skip(1).map(|place| place.id.clone()).take(count).collect();
        let told = Bulletin { areas, ..warned(Change::Issued, Hazard::FlashFlood, Severity::Red, &["jeddah"]) };
        for language in Language::ALL {
            for size in Size::ALL {
                assert_tidy(&told, language, size, &format!("{count} places"));
            }
        }
    }
    let told = warned(Change::Issued, Hazard::FlashFlood, Severity::Red, &["*"]);
    assert!(card(&told, Language::Ar, Size::Wide).alt.contains("جميع محافظات منطقة مكة المكرمة"));
}

#[test]
fn the_same_bulletin_gives_the_same_bytes() {
    let told = warned(Change::Raised, Hazard::FlashFlood, Severity::Red, &["jeddah", "bahrah"]);
    for language in Language::ALL {
        let (one, other) = (card(&told, language, Size::Wide), card(&told, language, Size::Wide));
        assert_eq!(one, other);
        assert_eq!(png(&one.svg).unwrap(), png(&other.svg).unwrap());
    }
}

#[test]
fn a_picture_is_small_enough_to_send() {
    for size in Size::ALL {
        let told = warned(Change::Raised, Hazard::Dust, Severity::Orange, &["*"]);
        let svg = card(&told, Language::Ar, size).svg;
        let image = png(&svg).unwrap();
        assert!(image.starts_with(b"\x89PNG") && image.len() < 1_000_000, "{}", image.len());
        assert!(svg.len() < 250_000, "{}", svg.len());
    }
}

#[test]
fn no_font_of_a_machine_and_nothing_from_elsewhere_is_asked_for() {
    let told = warned(Change::Issued, Hazard::Rain, Severity::Yellow, &["taif"]);
    for language in Language::ALL {
        let svg = card(&told, language, Size::Square).svg;
        for foreign in ["<text", "font", "<image", "url(", "<script", "<style", "@import"] {
            assert!(!svg.contains(foreign), "{foreign}");
        }
        assert_eq!(svg.matches("http").count(), 1, "the name of the format, and no other address");
        assert!(svg.matches("href=\"").count() == svg.matches("href=\"#").count());
    }
}

#[test]
fn a_drill_is_seen_to_be_one_in_both_languages() {
    for status in [Status::Exercise, Status::Test, Status::System, Status::Draft] {
        let told = Bulletin { status, ..warned(Change::Issued, Hazard::Rain, Severity::Red, &["jeddah"]) };
        for language in Language::ALL {
            for size in Size::ALL {
                let Card { svg, alt } = card(&told, language, size);
                assert!(svg.contains("أي إجراء\"") && svg.contains("no action needed\""), "{status:?}");
                assert_eq!(svg.matches("class=\"banner\"").count(), 2);
                let mark = if language == Language::Ar { "أي إجراء" } else { "no action needed" };
                assert!(alt.lines().next().unwrap().contains(mark), "{alt}");
                assert_tidy(&told, language, size, "a drill");
            }
        }
    }
    let meant = card(&warned(Change::Issued, Hazard::Rain, Severity::Red, &["jeddah"]), Language::Ar, Size::Wide);
    assert!(!meant.svg.contains("banner"));
}

#[test]
fn a_card_says_that_it_is_not_official_unless_it_is() {
    let automatic = warned(Change::Issued, Hazard::Rain, Severity::Red, &["jeddah"]);
    let official = scene().official(Change::Issued, Hazard::Rain, Severity::Red, words_in_both());
    for (language, mark) in [(Language::Ar, "غير رسمي"), (Language::En, "not official")] {
        for size in Size::ALL {
            let ours = card(&automatic, language, size);
            assert!(ours.svg.contains(mark) && ours.alt.contains(mark));
            let theirs = card(&official, language, size);
            assert!(!theirs.svg.contains(mark) && !theirs.alt.contains(mark));
        }
    }
}

#[test]
fn what_an_authority_says_stands_in_its_own_words_or_not_at_all() {
    let official = scene().official(Change::Issued, Hazard::Rain, Severity::Red, words_in_both());
    let square = card(&official, Language::En, Size::Square);
    assert!(square.alt.contains("Source: National Center for Meteorology."), "{}", square.alt);
    assert!(square.svg.contains("Red alert for Jeddah"), "its headline");
    let long = "very ".repeat(200);
    let texts = ["A", "Warning", "Rain", long.as_str()];
    let official = scene().official(Change::Issued, Hazard::Rain, Severity::Red, vec![words("en", texts)]);
    let card = card(&official, Language::En, Size::Wide);
    assert!(!card.svg.contains("very very"), "what does not fit is left out whole");
}

#[test]
fn there_is_no_card_where_its_faces_lack_a_letter() {
    let turkish = words("tr", ["Meteoroloji Genel Müdürlüğü", "Uyarı", "Yağış", "Dikkat"]);
    let official = scene().official(Change::Issued, Hazard::Rain, Severity::Red, vec![turkish]);
    assert_eq!(speaker().card(&official, places(), Language::En, Size::Wide).unwrap(), None);
    assert!(!can_write("ğ") && can_write("غيوم، Wadi ٣ – “x” «ص» \u{2068}A\u{2069}\u{a0}"));
}

#[test]
fn an_end_looks_like_an_end() {
    for change in [Change::Lifted, Change::Expired] {
        let svg = card(&warned(change, Hazard::Rain, Severity::Red, &["jeddah"]), Language::Ar, Size::Wide).svg;
        assert!(!svg.contains(Tone::Level(Severity::Red).ground()), "{change:?} is not red");
    }
    let expired = card(&warned(Change::Expired, Hazard::Rain, Severity::Red, &["jeddah"]), Language::En, Size::Wide);
    assert!(expired.svg.contains("not an all-clear") && expired.alt.contains("not an all-clear"));
}

#[test]
fn silence_and_places_left_are_told_where_there_is_room() {
    let told = Bulletin {
        silent_since: Some(scene().at(8, 21, 0)),
        left: vec![GovernorateId::new("taif").unwrap()],
        ..warned(Change::Updated, Hazard::Wind, Severity::Orange, &["jeddah"])
    };
    for language in Language::ALL {
        let svg = card(&told, language, Size::Square).svg;
        assert!(svg.contains("class=\"silence\"") && svg.contains("class=\"left\""));
    }
}

/// The contrast of two colours as WCAG 2 counts it.
fn contrast(one: &str, other: &str) -> f64 {
    let light = |colour: &str| {
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(colour.get(at..at + 2).unwrap(), 16).unwrap()) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    };
    let (low, high) = if light(one) < light(other) { (light(one), light(other)) } else { (light(other), light(one)) };
    (high + 0.05) / (low + 0.05)
}

#[test]
fn every_text_can_be_read_on_its_ground() {
    let tones = Severity::ALL.iter().copied().map(Tone::Level).chain([Tone::Lifted, Tone::Expired]);
    for tone in tones {
        assert!(4.5 <= contrast(tone.ground(), tone.ink()), "{tone:?}");
    }
    for (ink, ground) in [(INK, PAPER), (INK, STONE), (QUIET, PAPER), (QUIET, STONE), (PAPER, look::DRILL)] {
        assert!(4.5 <= contrast(ink, ground), "{ink} on {ground}");
    }
}

#[test]
fn levels_differ_by_more_than_their_colour() {
    let mut shapes: Vec<_> = Severity::ALL.iter().map(|severity| Tone::Level(*severity).shape()).collect();
    shapes.extend([Tone::Lifted.shape(), Tone::Expired.shape()]);
    let count = shapes.len();
    shapes.sort_unstable();
    shapes.dedup();
    assert_eq!(shapes.len(), count);
}

#[test]
fn lines_are_never_longer_than_their_room_and_words_stay_whole() {
    let texts = [
        (
            Language::Ar,
            "إنذار آلي غير رسمي أُعدّ استنادًا إلى نماذج التنبؤ العددي (\u{2068}Open-Meteo\u{2069})، ولم يصدر عن المركز.",
        ),
        (Language::En, "Automated and not official: based on reports from the region's airports (METAR)."),
    ];
    for (language, text) in texts {
        let set = Text::new(language, Weight::Bold, text);
        for width in [260.0, 400.0, 700.0] {
            let lines: Vec<_> = set.wrap(30.0, width).unwrap().iter().map(|part| set.line(part)).collect();
            // Letters beside a space may stand a little closer or wider in a line than by themselves.
            assert!(lines.iter().all(|line| line.width(30.0) <= width + 2.0));
            let told: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
            let plain: String = text.chars().filter(|c| !matches!(c, '\u{2068}' | '\u{2069}')).collect();
            assert_eq!(told.join(" "), plain);
        }
        assert_eq!(set.wrap(30.0, 40.0), None, "a word that is too wide is not cut");
    }
}

#[test]
fn arabic_is_joined_and_runs_from_the_right() {
    let line = Text::new(Language::Ar, Weight::Regular, "سيل 12").whole();
    let alone: Vec<u32> = ["س", "ي", "ل"]
        .iter()
        .flat_map(|letter| Text::new(Language::Ar, Weight::Regular, letter).whole().glyphs)
        .map(|glyph| glyph.id)
        .collect();
    let drawn: Vec<u32> = line.glyphs.iter().map(|glyph| glyph.id).collect();
    assert!(alone.iter().all(|letter| !drawn.contains(letter)), "every letter takes the form that joins");
    let digit = Text::new(Language::En, Weight::Regular, "1").whole().glyphs[0].id;
    assert_eq!(drawn.first(), Some(&digit), "what is read last stands at the left, and a number from its left");
}

/// The picture as text: what the outlines look like is left out.
fn plain(svg: &str) -> String {
    let lines = svg.lines().filter(|line| !line.starts_with("<path id="));
    let short = |line: &str| {
        let line = line.split("<use ").next().unwrap_or_default();
        match (line.split_once(" d=\""), line.rsplit_once("Z\"")) {
            (Some((start, _)), Some((_, end))) => format!("{start} d=\"…\"{end}"),
            (_, _) => line.to_owned(),
        }
    };
    lines.map(short).collect::<Vec<_>>().join("\n")
}

#[test]
fn golden_cards() {
    let drill = Bulletin {
        status: Status::Exercise,
        ..warned(Change::Issued, Hazard::Heat, Severity::Yellow, &["makkah", "al-jumum"])
    };
    let silent = Bulletin {
        silent_since: Some(scene().at(8, 21, 0)),
        ..warned(Change::Extended, Hazard::Dust, Severity::Orange, &["*"])
    };
    let official = scene().official(Change::Issued, Hazard::Rain, Severity::Red, words_in_both());
    let cases = [
        ("raised", warned(Change::Raised, Hazard::FlashFlood, Severity::Red, &["jeddah", "bahrah"])),
        ("drill", drill),
        ("silent", silent),
        ("official", official),
        ("lifted", warned(Change::Lifted, Hazard::Sea, Severity::Orange, &["jeddah", "al-lith"])),
    ];
    for (name, told) in cases {
        for (language, size) in [(Language::Ar, Size::Wide), (Language::En, Size::Square)] {
            let Card { svg, alt } = card(&told, language, size);
            insta::with_settings!({ snapshot_path => "../../../tests/golden/card", prepend_module_to_snapshot => false, omit_expression => true }, {
                insta::assert_snapshot!(format!("{name}-{}", language.tag()), format!("{}\n\n{alt}", plain(&svg)));
            });
        }
    }
}
