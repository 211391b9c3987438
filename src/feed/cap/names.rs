//! Area descriptions as people write them, and the governorates they name. A name is found whole or not at all.
//!
//! «منطقة مكة المكرمة» is the region, «مكة المكرمة» alone is the governorate; parts of the region are never all of it.

use std::collections::BTreeSet;

use crate::governorate::{GovernorateBook, normalise};
use crate::ids::GovernorateId;

/// The longest description that is read, in characters.
const MAX_CHARS: usize = 4000;

/// The most words of one name, with those before it.
const MAX_WORDS: usize = 12;
/// The most words before a name that are taken off it.
const MAX_BEFORE: usize = 6;

/// Words that say that what is named beside them are regions and not their governorates, in the form of [`normalise`].
const REGIONS: &[&str] = &["منطقتي", "منطقتا", "مناطق", "بمنطقتي", "بمناطق", "لمنطقتي", "regions"];

/// Words after such a word that make it mean "areas of": «مناطق متفرقة من جدة».
const ONLY_AREAS: &[&str] = &["من", "متفرقه", "في", "واسعه", "مختلفه", "عده", "محدوده"];

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
    "علي",
    "في",
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
    if MAX_CHARS < description.len() && MAX_CHARS < description.chars().count() {
        let kept = description.get(..description.floor_char_boundary(160)).map(str::trim);
        named.unknown.extend(kept.filter(|kept| !kept.is_empty()).map(|kept| format!("{kept}…")));
        return named;
    }
    let may_name = book.may_name(description);
    let regions = may_name && speaks_of_regions(description);
    let region_names =
        [&book.region.ar, &book.region.en].map(|name| if may_name { normalise(name) } else { String::new() });
    // The region beside its governorates is the heading above them, and joined to one of them it is meant itself.
    let (mut heading, mut region) = (false, false);
    for part in description.split([',', '،', ';', '؛', ':', '/', '|', '\n', '•', '.', '(', ')']) {
        let part = part.trim();
        // «محافظات:» alone is a heading, not a name.
        if part.split_whitespace().all(|word| BEFORE_A_NAME.contains(&normalise(word).as_str())) {
            continue;
        }
        // Most descriptions name none of ours, and most parts of one that does.
        if !may_name || !regions && !book.may_name(part) {
            named.unknown.push(part.to_owned());
            continue;
        }
        let Some(beside) = beside_region(part, book, regions, &region_names) else {
            let mut own = Named::default();
            list(part, book, &mut own);
            // What names nobody at all is kept as it was written.
            if own.found.is_empty() {
                own.unknown = vec![part.to_owned()];
            }
            named.found.extend(own.found);
            named.unknown.extend(own.unknown);
            continue;
        };
        let is_whole = beside.about.iter().all(|word| is_of_whole(word));
        if is_whole {
            heading = true;
            region |= !beside.joined.is_empty();
        } else {
            // Something of the region: who is named in it decides.
            let mut within = Named::default();
            list(&beside.about.join(" "), book, &mut within);
            if within.found.is_empty() {
                named.unknown.push(if beside.joined.is_empty() { part.to_owned() } else { beside.about.join(" ") });
            }
            named.found.extend(within.found);
        }
        for joined in beside.joined {
            list(&joined, book, &mut named);
        }
    }
    if region || heading && named.found.is_empty() {
        named.found = book.iter().map(|place| place.id.clone()).collect();
    }
    named
}

/// True when a description lists regions by their bare names: «منطقتي مكة المكرمة والمدينة المنورة».
fn speaks_of_regions(description: &str) -> bool {
    let plain = normalise(description);
    let mut words = plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).peekable();
    while let Some(word) = words.next() {
        if REGIONS.contains(&word) {
            return words.peek().is_none_or(|next| !ONLY_AREAS.contains(next));
        }
    }
    false
}

/// True for a word beside the region's name that leaves it whole.
fn is_of_whole(word: &str) -> bool {
    let plain = plain_word(word);
    WHOLE.contains(&plain.as_str()) || REGIONS.contains(&plain.as_str())
}

/// A word in the form of [`normalise`], but with its article: «كامل» is whole, «الكامل» a governorate.
fn plain_word(word: &str) -> String {
    let plain = normalise(word);
    if word.starts_with("ال") { format!("ال{plain}") } else { plain }
}

/// What stands beside the region's name in a part of a description, as it is written.
struct Beside {
    /// Words that say something of the region: all of it, a part of it, one of its governorates.
    about: Vec<String>,
    /// What is joined to the region and stands for itself: «والطائف».
    joined: Vec<String>,
}

/// Looks for the region's name, and for its bare name where regions are listed; none when the part does not name it.
fn beside_region(part: &str, book: &GovernorateBook, regions: bool, names: &[String; 2]) -> Option<Beside> {
    let apart = part.replace(['-', '–', '—'], " ");
    // «محافظة» and its like are kept for the reading of names, and stand in nobody's way here.
    let words: Vec<(&str, String)> = apart.split_whitespace().map(|word| (word, normalise(word))).collect();
    let named: Vec<(usize, &str)> = words
        .iter()
        .enumerate()
        .filter(|(_, (_, plain))| !plain.is_empty())
        .map(|(at, (_, plain))| (at, plain.as_str()))
        .collect();
    let full = names.iter().map(|name| name.split_whitespace().collect::<Vec<&str>>());
    let bare = names
        .iter()
        .filter(|_| regions)
        .map(|name| name.split_whitespace().filter(|word| !matches!(*word, "منطقه" | "region")).collect::<Vec<&str>>());
    let (taken, is_joined) = full.chain(bare).find_map(|name| window(&named, &name))?;
    let (first, last) = (*taken.first()?, *taken.last()?);
    let written = |range: std::ops::Range<usize>| -> Vec<&str> {
        words.get(range).unwrap_or_default().iter().map(|(word, _)| *word).collect()
    };
    let (before, within, after) = (written(0..first), written(first..last), written(last + 1..words.len()));
    let within = within.into_iter().enumerate().filter(|(at, _)| !taken.contains(&(first + at))).map(|(_, word)| word);
    let (mut about, mut joined): (Vec<&str>, Vec<String>) = (within.collect(), Vec::new());
    if is_joined && !before.is_empty() {
        joined.push(before.join(" "));
    } else {
        about = before.into_iter().chain(about).collect();
    }
    // A name that begins with «و» is no joint: «وادي نخلة».
    let is_name = |word: &str| word.starts_with('و') && one(&after, book).is_some();
    if after.first().is_some_and(|word| is_joint(word) && !is_name(word)) {
        let mut after = after;
        take_joint(&mut after);
        joined.push(after.join(" "));
    } else {
        about.extend(after);
    }
    Some(Beside { about: about.into_iter().map(str::to_owned).collect(), joined })
}

/// Where a name stands among words, and whether it is joined to what is before it.
fn window(named: &[(usize, &str)], name: &[&str]) -> Option<(Vec<usize>, bool)> {
    let (first, rest) = name.split_first()?;
    let bare = |word: &str| word == *first || word.strip_prefix(['ب', 'ل', 'و', 'ف']) == Some(*first);
    let place = named.windows(name.len()).position(|window| {
        window
            .split_first()
            .is_some_and(|((_, word), others)| bare(word) && others.iter().map(|(_, word)| word).eq(rest))
    })?;
    let found = named.get(place..place + name.len())?;
    let before = place.checked_sub(1).and_then(|before| named.get(before)).map(|(_, word)| *word);
    let is_joined = found.first().is_some_and(|(_, word)| word.starts_with('و') && !first.starts_with('و'))
        || matches!(before, Some("و" | "and" | "&"));
    Some((found.iter().map(|(at, _)| *at).collect(), is_joined))
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
            (1..words.len()).take(MAX_WORDS).filter(|place| words.get(*place).is_some_and(|w| is_joint(w))).collect();
        let known = joints.iter().rev().find_map(|place| Some((*place, one(words.get(..*place)?, book)?)));
        let place = match known {
            Some((place, id)) => {
                named.found.insert(id);
                place
            }
            None => {
                let later = || (1..words.len()).find(|place| words.get(*place).is_some_and(|word| is_joint(word)));
                let place = joints.first().copied().or_else(later).unwrap_or(words.len());
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
    if MAX_WORDS < words.len() {
        return None;
    }
    for _ in 0..=MAX_BEFORE {
        if let Some(place) = book.named(&rest.join(" ")) {
            return Some(place.id.clone());
        }
        let (first, others) = rest.split_first()?;
        if others.is_empty() || !BEFORE_A_NAME.contains(&normalise(first).as_str()) {
            return None;
        }
        rest = others;
    }
    None
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

    #[test]
    fn the_region_and_a_governorate_of_it_are_the_region() {
        check("منطقة مكة المكرمة والطائف", "jeddah makkah taif", &[]);
        check("الطائف ومنطقة مكة المكرمة", "jeddah makkah taif", &[]);
        check("منطقة مكة المكرمة و الطائف", "jeddah makkah taif", &[]);
        check("Makkah Region and Taif", "jeddah makkah taif", &[]);
        check("Taif and Makkah Region", "jeddah makkah taif", &[]);
        check("منطقة مكة المكرمة والمدينة المنورة", "jeddah makkah taif", &["المدينة المنورة"]);
        check("أجزاء من منطقة مكة المكرمة والطائف", "taif", &["أجزاء من"]);
        // What begins with the letter and is no joint.
        check("منطقة مكة المكرمة - وادي نخلة", "makkah", &[]);
    }

    #[test]
    fn among_regions_the_bare_name_is_the_region() {
        check("منطقتي مكة المكرمة والمدينة المنورة", "jeddah makkah taif", &["المدينة المنورة"]);
        check("مناطق الرياض ومكة المكرمة", "jeddah makkah taif", &["مناطق الرياض"]);
        check("Madinah and Makkah Regions", "jeddah makkah taif", &["Madinah"]);
        check("مناطق متفرقة من مكة المكرمة", "", &["مناطق متفرقة من مكة المكرمة"]);
        check("مكة المكرمة والمدينة المنورة", "makkah", &["المدينة المنورة"]);
    }

    #[test]
    fn a_description_made_to_take_long_is_read_in_time() {
        let hostile = "من و ".repeat(MAX_CHARS / 5);
        assert!(read(&hostile, &book()).found.is_empty());
    }

    /// Whatever is ruled out without a look would have found nobody by a look.
    #[test]
    fn no_name_is_ruled_out_before_it_is_looked_at() {
        let book = book();
        for own in [
            "Jeddah",
            "JEDDAH",
            "Ta'if",
            "Aţ Ţā’if",
            "the coast of Jiddah, Jeddah",
            "Makkah",
            "mecca",
            "جدة",
            "Al-Taif",
        ] {
            assert!(book.may_name(own), "{own}");
        }
        for far in ["", "Lower Saxony", "Île-de-France", "Oberösterreich", "東京都", "Kerry, Cork"] {
            assert!(!book.may_name(far), "{far}");
        }
        // A name in brackets is told by the words in them, and lets in no others.
        let mut list: Vec<Governorate> = book.iter().cloned().collect();
        list.iter_mut().for_each(|place| place.variants.push(format!("{} (Region)", place.name.en)));
        let book = GovernorateBook::new(book.region.clone(), book.bounds, list).unwrap();
        assert!(book.may_name("Taif (Region)") && !book.may_name("Lower Saxony"));
    }

    #[test]
    fn a_description_of_elsewhere_is_told_part_by_part() {
        check("North County; South County, the east", "", &["North County", "South County"]);
        check("185 miles (298 km) SSW of Apia", "", &["185 miles", "298 km", "SSW of Apia"]);
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
