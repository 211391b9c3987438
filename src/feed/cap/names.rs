//! Area descriptions as people write them, and the governorates they name. A name is found whole or not at all.
//!
//! «منطقة مكة المكرمة» is the region, «مكة المكرمة» alone is the governorate; parts of the region are never all of it.

use std::collections::BTreeSet;

use crate::governorate::{GovernorateBook, normalise};
use crate::ids::GovernorateId;

/// The longest description that is read, in characters.
const MAX_CHARS: usize = 4000;

/// Words before a name that leave it the name of its governorate, in the form of [`normalise`].
const BEFORE_A_NAME: &[&str] = &[
    "شمال",
    "جنوب",
    "شرق",
    "غرب",
    "وسط",
    "شمالي",
    "جنوبي",
    "شرقي",
    "غربي",
    "ساحل",
    "سواحل",
    "مرتفعات",
    "اجزا",
    "بعض",
    "من",
    "كل",
    "علي",
    "في",
    "محافظات",
    "محافظتي",
    "محافظتا",
    "بمحافظه",
    "لمحافظه",
    "مدن",
    "مدينتي",
    "مدينتا",
    "north",
    "south",
    "east",
    "west",
    "northern",
    "southern",
    "eastern",
    "western",
    "central",
    "coast",
    "coasts",
    "of",
    "parts",
    "part",
    "the",
    "governorates",
    "and",
];

/// Words beside the region's name that leave it whole.
const WHOLE: &[&str] = &[
    "جميع",
    "كافه",
    "كامل",
    "كل",
    "عموم",
    "محافظات",
    "مدن",
    "بكامل",
    "بالكامل",
    "باكملها",
    // «محافظة» and its like say only what kind of place is meant.
    "",
    "all",
    "of",
    "the",
    "entire",
    "whole",
    "governorates",
    "in",
];

/// What an area description names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// The governorates.
    pub(super) found: BTreeSet<GovernorateId>,
    /// The parts that name nobody here.
    pub(super) unknown: Vec<String>,
}

/// Reads an area description.
pub(super) fn read(description: &str, book: &GovernorateBook) -> Named {
    let mut named = Named::default();
    let mut region = false;
    if MAX_CHARS < description.chars().count() {
        named.unknown.push(format!("{}…", description.chars().take(80).collect::<String>()));
        return named;
    }
    for part in description.split([',', '،', ';', '؛', ':', '/', '|', '\n', '•', '.', '(', ')']) {
        let part = part.trim();
        // «محافظات:» alone is a heading, not a name.
        if part.split_whitespace().all(|word| BEFORE_A_NAME.contains(&normalise(word).as_str())) {
            continue;
        }
        match without_region(part, book) {
            None => {
                let mut own = Named::default();
                list(part, book, &mut own);
                // What names nobody at all is kept as it was written.
                if own.found.is_empty() {
                    own.unknown = vec![part.to_owned()];
                }
                named.found.extend(own.found);
                named.unknown.extend(own.unknown);
            }
            Some(rest) if rest.iter().all(|word| WHOLE.contains(&plain_word(word).as_str())) => region = true,
            // Something of the region: who is named in it decides.
            Some(rest) => {
                let mut within = Named::default();
                list(&rest.join(" "), book, &mut within);
                if within.found.is_empty() {
                    named.unknown.push(part.to_owned());
                }
                named.found.extend(within.found);
            }
        }
    }
    // Where governorates are named beside it, the region is only the heading above them.
    if region && named.found.is_empty() {
        named.found = book.iter().map(|place| place.id.clone()).collect();
    }
    named
}

/// A word in the form of [`normalise`], but with its article: «كامل» is whole, «الكامل» a governorate.
fn plain_word(word: &str) -> String {
    let plain = normalise(word);
    if word.starts_with("ال") { format!("ال{plain}") } else { plain }
}

/// The words beside the region's name, as they are written; none when the part does not name the region.
fn without_region(part: &str, book: &GovernorateBook) -> Option<Vec<String>> {
    let apart = part.replace(['-', '–', '—'], " ");
    // «محافظة» and its like are kept for the reading of names, and stand in nobody's way here.
    let words: Vec<(&str, String)> = apart.split_whitespace().map(|word| (word, normalise(word))).collect();
    let named: Vec<(usize, &str)> = words
        .iter()
        .enumerate()
        .filter(|(_, (_, plain))| !plain.is_empty())
        .map(|(at, (_, plain))| (at, plain.as_str()))
        .collect();
    [&book.region.ar, &book.region.en].into_iter().find_map(|region| {
        let region = normalise(region);
        let region: Vec<&str> = region.split_whitespace().collect();
        let bare = |word: &str, first: &str| word == first || word.strip_prefix(['ب', 'ل', 'و', 'ف']) == Some(first);
        let (first, rest) = region.split_first()?;
        let window = named.windows(region.len()).find(|window| {
            window
                .split_first()
                .is_some_and(|((_, word), others)| bare(word, first) && others.iter().map(|(_, word)| word).eq(rest))
        })?;
        let taken: Vec<usize> = window.iter().map(|(at, _)| *at).collect();
        let beside = words.iter().enumerate().filter(|(at, _)| !taken.contains(at));
        Some(beside.map(|(_, (word, _))| (*word).to_owned()).collect())
    })
}

/// Reads names joined by «و», "and" or "&": every name must be whole.
fn list(part: &str, book: &GovernorateBook, named: &mut Named) {
    let mut words: Vec<&str> = part.split_whitespace().collect();
    while !words.is_empty() {
        if let Some(id) = one(&words, book) {
            named.found.insert(id);
            return;
        }
        // The longest beginning that is a name and is followed by a joint; else what stands before the first joint names nobody.
        let joints: Vec<usize> =
            (1..words.len()).filter(|place| words.get(*place).is_some_and(|w| is_joint(w))).collect();
        let known = joints.iter().rev().find_map(|place| Some((*place, one(words.get(..*place)?, book)?)));
        let place = match known {
            Some((place, id)) => {
                named.found.insert(id);
                place
            }
            None => {
                let place = joints.first().copied().unwrap_or(words.len());
                let unknown: Vec<&str> = words.iter().take(place).copied().collect();
                named.unknown.push(unknown.join(" "));
                place
            }
        };
        words = words.into_iter().skip(place).collect();
        take_joint(&mut words);
    }
}

/// The governorate of a name, also with words before it that leave it one.
fn one(words: &[&str], book: &GovernorateBook) -> Option<GovernorateId> {
    let mut rest = words;
    loop {
        if let Some(place) = book.named(&rest.join(" ")) {
            return Some(place.id.clone());
        }
        let (first, others) = rest.split_first()?;
        if others.is_empty() || !BEFORE_A_NAME.contains(&normalise(first).as_str()) {
            return None;
        }
        rest = others;
    }
}

/// True for a word that joins: «و» alone or before a word, "and", "&".
fn is_joint(word: &str) -> bool {
    matches!(word, "&" | "-" | "–") || word.eq_ignore_ascii_case("and") || word.starts_with('و')
}

/// Takes the joint off the first word, and the word itself when it was nothing else.
fn take_joint(words: &mut Vec<&str>) {
    let Some(first) = words.first_mut() else { return };
    match first.strip_prefix('و') {
        Some(rest) if !rest.is_empty() => *first = rest,
        _ => {
            words.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::keys::tests::book;
    use crate::governorate::Governorate;
    use crate::language::Both;

    #[track_caller]
    fn check(description: &str, expected: &str, unknown: &[&str]) {
        let named = read(description, &book());
        let ids: Vec<&str> = named.found.iter().map(GovernorateId::as_str).collect();
        assert_eq!(
            (ids.join(" ").as_str(), named.unknown.as_slice()),
            (expected, unknown.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>().as_slice()),
            "{description}"
        );
    }

    #[test]
    fn names_are_found_in_lists_of_every_make() {
        check("جدة", "jeddah", &[]);
        check("محافظة جده", "jeddah", &[]);
        check("العاصمة المقدسة، الطائف", "makkah taif", &[]);
        check("جدة ومكة المكرمة والطائف", "jeddah makkah taif", &[]);
        check("جدة و الطائف", "jeddah taif", &[]);
        check("جدة ومحافظة الطائف", "jeddah taif", &[]);
        check("Jeddah, Makkah and Taif", "jeddah makkah taif", &[]);
        check("Jeddah Governorate; AL-TAIF", "jeddah taif", &[]);
        check("شمال جدة", "jeddah", &[]);
        check("كل من جدة والطائف", "jeddah taif", &[]);
        check("محافظات: جدة، الطائف", "jeddah taif", &[]);
        check("أجزاء من الطائف", "taif", &[]);
    }

    #[test]
    fn a_name_that_begins_with_waw_is_not_torn() {
        check("وادي نخلة", "makkah", &[]);
        check("جدة ووادي نخلة", "jeddah makkah", &[]);
        check("وادي نخلة وجدة", "jeddah makkah", &[]);
    }

    #[test]
    fn who_is_not_of_the_region_is_told_and_never_taken_for_another() {
        check("المهد", "", &["المهد"]);
        check("الطائف، المهد", "taif", &["المهد"]);
        check("المهد والطائف", "taif", &["المهد"]);
        check("طريق جدة السريع", "", &["طريق جدة السريع"]);
        check("منطقة المدينة المنورة", "", &["منطقة المدينة المنورة"]);
        check("المملكة العربية السعودية", "", &["المملكة العربية السعودية"]);
        check("", "", &[]);
        check("، ،", "", &[]);
    }

    #[test]
    fn the_region_is_all_of_it_only_when_it_is_meant_whole() {
        check("منطقة مكة المكرمة", "jeddah makkah taif", &[]);
        check("جميع محافظات منطقة مكة المكرمة", "jeddah makkah taif", &[]);
        check("Makkah Region", "jeddah makkah taif", &[]);
        check("all of Makkah Region", "jeddah makkah taif", &[]);
        check("مكة المكرمة", "makkah", &[]);
        check("أجزاء من منطقة مكة المكرمة", "", &["أجزاء من منطقة مكة المكرمة"]);
        check("أجزاء من منطقة مكة المكرمة: جدة، الطائف", "jeddah taif", &["أجزاء من منطقة مكة المكرمة"]);
        check("parts of Makkah Region", "", &["parts of Makkah Region"]);
        check("سواحل منطقة مكة المكرمة", "", &["سواحل منطقة مكة المكرمة"]);
        check("محافظة جدة بمنطقة مكة المكرمة", "jeddah", &[]);
        check("منطقة مكة المكرمة: جدة", "jeddah", &[]);
    }

    /// «الكامل» is a governorate, and written without its article it is the word for "whole".
    #[test]
    fn one_governorate_is_never_taken_for_the_region() {
        let known = book();
        let mut list: Vec<Governorate> = known.iter().cloned().collect();
        let mut kamil = list.first().cloned().unwrap();
        kamil.id = GovernorateId::new("kamil").unwrap();
        kamil.name = Both { ar: "الكامل".to_owned(), en: "Al Kamil".to_owned() };
        kamil.formal = Both { ar: "محافظة الكامل".to_owned(), en: "Al Kamil Governorate".to_owned() };
        (kamil.variants, kamil.centres) = (Vec::new(), Vec::new());
        list.push(kamil);
        let book = GovernorateBook::new(known.region.clone(), known.bounds, list).unwrap();
        for own in [
            "محافظة الكامل بمنطقة مكة المكرمة",
            "الكامل - منطقة مكة المكرمة",
            "منطقة مكة المكرمة - محافظة الكامل",
            "Al Kamil, Makkah Region",
        ] {
            let found = read(own, &book).found;
            assert_eq!(found.iter().map(GovernorateId::as_str).collect::<Vec<_>>(), ["kamil"], "{own}");
        }
        for whole in ["كامل منطقة مكة المكرمة", "منطقة مكة المكرمة بالكامل", "منطقة مكة المكرمة"]
        {
            assert_eq!(read(whole, &book).found.len(), 4, "{whole}");
        }
    }

    #[test]
    fn two_governorates_named_together_are_both_found() {
        check("محافظتي جدة والطائف", "jeddah taif", &[]);
        check("على محافظتي الطائف ومكة المكرمة", "makkah taif", &[]);
        check("أمطار، بمحافظة جدة", "jeddah", &["أمطار"]);
    }

    #[test]
    fn a_description_beyond_measure_is_not_read() {
        let named = read(&"جدة ".repeat(2000), &book());
        assert!(named.found.is_empty());
        assert_eq!(named.unknown.len(), 1);
    }
}
