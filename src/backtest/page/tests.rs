//! What the page must hold whatever it is made of.

use std::collections::BTreeMap;

use super::*;

#[test]
fn text_cannot_become_markup() {
    assert_eq!(escaped("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
    assert_eq!(thousands(1_234_567), "1\u{202f}234\u{202f}567");
    assert_eq!([lead(Some(-3900)), lead(Some(7200)), lead(None)], ["1 h 05 late", "2 h", "–"]);
}

/// The colours of one scheme of the page, by their names.
fn colours(scheme: &str) -> BTreeMap<&str, [f64; 3]> {
    let pairs = scheme.split(';').filter_map(|one| one.trim().trim_start_matches("--").split_once(": #"));
    let parts = |hex: &str| u32::from_str_radix(hex, 16).unwrap().to_be_bytes();
    pairs
        .map(|(name, hex)| (name, parts(hex)))
        .map(|(name, [_, red, green, blue])| (name, [red, green, blue].map(|part| f64::from(part) / 255.0)))
        .collect()
}

/// How light a colour is (WCAG 2.2, relative luminance).
fn lightness(colour: [f64; 3]) -> f64 {
    let [red, green, blue] =
        colour.map(|part| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[test]
fn all_is_readable_by_day_and_by_night() {
    let style = include_str!("style.css");
    let blocks: Vec<&str> = style.split(":root {").skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
    let [day, night] = blocks.as_slice() else { panic!("{blocks:?}") };
    let (by_day, mut by_night) = (colours(day), colours(day));
    by_night.extend(colours(night));
    let (black, white) = ([20.0 / 255.0, 23.0 / 255.0, 28.0 / 255.0], [1.0; 3]);
    for (scheme, colours) in [("day", by_day), ("night", by_night)] {
        let of = |name: &str| match name {
            "black" => black,
            "white" => white,
            name => colours[name],
        };
        let check = |over: &str, under: &str, least: f64| {
            let (one, other) = (lightness(of(over)), lightness(of(under)));
            let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
            assert!(least <= contrast, "by {scheme}: {over} on {under} has a contrast of {contrast:.2}");
        };
        for (text, ground) in
            [("ink", "paper"), ("ink", "card"), ("soft", "paper"), ("soft", "card"), ("soft", "faint")]
        {
            check(text, ground, 4.5);
        }
        for (text, ground) in [("good", "card"), ("bad", "card"), ("white", "red")] {
            check(text, ground, 4.5);
        }
        for ground in ["advisory", "yellow", "orange"] {
            check("black", ground, 4.5);
        }
        for line in ["yellow-line", "orange-line", "red-line", "event", "series", "second"] {
            check(line, "card", 3.0);
        }
    }
}
