//! What an alert means: its hazard by the words of its event, its severity by CAP and by the colours authorities use.
//!
//! Unknown is never calm: a severity that is not said is read as yellow, a hazard that is not known stays `other`.

use std::sync::LazyLock;

use crate::governorate::normalise;
use crate::hazard::{Hazard, Severity};

/// The beginnings of words that name a hazard, in the form of [`normalise`], the gravest first; `=` asks for the whole word.
///
/// Where an event names several, the first of this list is told: water that runs kills more than the rain it comes from.
const WORDS: &[(Hazard, &[&str])] = &[
    (Hazard::FlashFlood, &["سيول", "=سيل", "فيضان", "جريان", "flood"]),
    (Hazard::Thunderstorm, &["رعد", "صواعق", "صاعقه", "=برد", "thunder", "lightning", "hail", "tstorm"]),
    (Hazard::Rain, &["امطار", "مطر", "ممطر", "=هطول", "rain", "=precipitation", "downpour"]),
    (Hazard::Dust, &["غبار", "اتربه", "ترابي", "رملي", "رمال", "dust", "sand", "haboob"]),
    (Hazard::Cold, &["بارد", "بروده", "صقيع", "جليد", "cold", "frost", "freez", "=ice", "=icy", "snow", "ثلوج", "ثلج"]),
    (Hazard::Heat, &["=حر", "حاره", "حراره", "=حار", "heat", "=hot", "high-temperature"]),
    (Hazard::Sea, &["امواج", "=موج", "بحري", "wave", "surf", "=swell", "=seas", "=sea", "marine", "=craft", "tsunami"]),
    (Hazard::Fog, &["ضباب", "شابوره", "fog"]),
    (Hazard::Wind, &["رياح", "=ريح", "عاصف", "عواصف", "هبات", "wind", "gale", "gust", "storm", "hurricane", "cyclone"]),
];

/// What the words of one text say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// What threatens.
    pub(super) hazard: Option<Hazard>,
    /// The colour that is named, the worst of them: «الإنذار الأحمر», "orange warning".
    pub(super) colour: Option<Severity>,
}

/// The words that name a colour of warning, whole, in the form of [`normalise`].
const COLOURS: &[(Severity, &[&str])] = &[
    (Severity::Red, &["احمر", "حمراء", "حمرا", "red"]),
    (Severity::Orange, &["برتقالي", "برتقاليه", "orange", "amber"]),
    (Severity::Yellow, &["اصفر", "صفراء", "صفرا", "yellow"]),
];

/// How far a text is searched, in bytes: an event or a headline is a sentence or two.
const MAX_BYTES: usize = 2000;

/// One word that says something.
#[derive(Debug)]
struct Key {
    word: &'static str,
    is_whole: bool,
    says: Says,
}

#[derive(Debug, Clone, Copy)]
enum Says {
    /// By its place in [`WORDS`]: the least is the gravest.
    Hazard(usize),
    Colour(Severity),
}

/// All keys by their first letter, so that a word is compared with a few and not with all.
static KEYS: LazyLock<Vec<Vec<Key>>> = LazyLock::new(|| {
    let mut keys: Vec<Vec<Key>> = (0..SHELVES).map(|_| Vec::new()).collect();
    let mut put = |word: &'static str, is_whole, says| {
        if let Some(shelf) = keys.get_mut(shelf(word)) {
            shelf.push(Key { word, is_whole, says });
        }
    };
    for (rank, (_, words)) in WORDS.iter().enumerate() {
        for word in *words {
            let whole = word.strip_prefix('=');
            put(whole.unwrap_or(word), whole.is_some(), Says::Hazard(rank));
        }
    }
    for (severity, words) in COLOURS {
        words.iter().for_each(|word| put(word, true, Says::Colour(*severity)));
    }
    keys
});

/// How many first letters are told apart.
const SHELVES: usize = 256;

fn shelf(word: &str) -> usize {
    word.chars().next().map_or(0, |c| c as usize % SHELVES)
}

/// Reads an event or a headline.
pub(super) fn said(text: &str) -> Said {
    let plain = normalise(text.get(..text.floor_char_boundary(MAX_BYTES)).unwrap_or(text));
    let words = words(&plain);
    let mut rank: Option<usize> = None;
    let mut said = Said::default();
    for word in &words {
        for key in KEYS.get(shelf(word)).map(Vec::as_slice).unwrap_or_default() {
            if !(if key.is_whole { *word == key.word } else { word.starts_with(key.word) }) {
                continue;
            }
            match key.says {
                Says::Hazard(other) => rank = Some(rank.map_or(other, |rank| rank.min(other))),
                Says::Colour(severity) => said.colour = said.colour.max(Some(severity)),
            }
        }
    }
    said.hazard = rank.and_then(|rank| WORDS.get(rank)).map(|(hazard, _)| *hazard);
    if !plain.is_ascii() {
        said.hazard = of_two_words(&words).or(said.hazard);
    }
    said
}

/// Two words that mean one thing together and another alone.
fn of_two_words(words: &[&str]) -> Option<Hazard> {
    let says = |word: &str| words.iter().any(|said| said.starts_with(word));
    if says("موجه") && words.contains(&"برد") || says("انخفاض") && says("حراره") {
        return Some(Hazard::Cold);
    }
    (says("اضطراب") && words.contains(&"بحر")).then_some(Hazard::Sea)
}

/// The words of a normalised text without punctuation, and without the particles that Arabic writes onto a word: each word is
/// given as it stands and without them. The Red Sea is left out: it is a place, not a colour of warning, and not what threatens.
fn words(plain: &str) -> Vec<&str> {
    let mut words = Vec::with_capacity(16);
    let mut apart = plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).peekable();
    while let Some(word) = apart.next() {
        let sea = if word == "red" { Some("sea") } else { word.ends_with("بحر").then_some("احمر") };
        if sea.is_some() && apart.next_if(|next| Some(*next) == sea).is_some() {
            continue;
        }
        words.push(word);
        if word.is_ascii() {
            continue;
        }
        if let Some(bare) = word.strip_prefix("لل").filter(|bare| 2 <= bare.chars().count()) {
            words.push(bare);
        }
        let Some(bare) = word.strip_prefix(['و', 'ف', 'ب', 'ل', 'ك']) else { continue };
        // Two letters are too few to tell a particle from a part of the word: «بحر» is the sea, not heat.
        if 3 <= bare.chars().count() {
            words.push(bare);
        }
        words.extend(bare.strip_prefix("ال"));
    }
    words
}

/// The severity of CAP; what is missing or unknown is yellow and a defect.
pub(super) fn severity(text: Option<&str>, defects: &mut Vec<String>) -> Severity {
    let known = [
        ("extreme", Severity::Red),
        ("severe", Severity::Orange),
        ("moderate", Severity::Yellow),
        ("minor", Severity::Advisory),
    ];
    let said = text.unwrap_or_default();
    match known.iter().find(|(word, _)| said.eq_ignore_ascii_case(word)) {
        Some((_, severity)) => *severity,
        None => {
            defects.push(format!("the severity is «{said}», read as yellow"));
            Severity::Yellow
        }
    }
}

/// MeteoAlarm's `awareness_level`: `2; yellow; Moderate`.
pub(super) fn awareness(value: &str) -> Option<Severity> {
    match value.trim().chars().next() {
        Some('4') => Some(Severity::Red),
        Some('3') => Some(Severity::Orange),
        Some('2') => Some(Severity::Yellow),
        _ => said(value).colour,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(event: &str, expected: Hazard) {
        assert_eq!(said(event).hazard.unwrap_or(Hazard::Other), expected, "{event}");
    }

    #[test]
    fn events_are_known_in_arabic() {
        check("أمطار غزيرة", Hazard::Rain);
        check("هطول أمطار متوسطة", Hazard::Rain);
        check("أمطار رعدية", Hazard::Thunderstorm);
        check("عواصف رعدية", Hazard::Thunderstorm);
        check("تساقط البرد", Hazard::Thunderstorm);
        check("جريان السيول", Hazard::FlashFlood);
        check("أمطار غزيرة وسيول", Hazard::FlashFlood);
        check("رياح شديدة السرعة", Hazard::Wind);
        check("رياح مثيرة للأتربة والغبار", Hazard::Dust);
        check("عاصفة رملية", Hazard::Dust);
        check("ضباب كثيف", Hazard::Fog);
        check("موجة حارة", Hazard::Heat);
        check("ارتفاع درجات الحرارة", Hazard::Heat);
        check("حر شديد", Hazard::Heat);
        check("انخفاض درجات الحرارة", Hazard::Cold);
        check("موجة باردة", Hazard::Cold);
        check("موجة برد", Hazard::Cold);
        check("ارتفاع الأمواج", Hazard::Sea);
        check("زلزال", Hazard::Other);
        check("حريق", Hazard::Other);
        check("اضطراب البحر", Hazard::Sea);
        check("رياح شديدة على البحر الأحمر", Hazard::Wind);
        check("تنبيه للحر الشديد", Hazard::Heat);
    }

    #[test]
    fn events_are_known_in_english() {
        check("Heavy Rainfall", Hazard::Rain);
        check("Flash Flood Warning", Hazard::FlashFlood);
        check("Severe Thunderstorm Warning", Hazard::Thunderstorm);
        check("High Wind Warning", Hazard::Wind);
        check("Blowing Dust Advisory", Hazard::Dust);
        check("Dense Fog Advisory", Hazard::Fog);
        check("Excessive Heat Wave", Hazard::Heat);
        check("Cold wave", Hazard::Cold);
        check("High Waves", Hazard::Sea);
        check("Strong winds over the Red Sea", Hazard::Wind);
        check("Train derailment", Hazard::Other);
        assert_eq!(said("تنبيه").hazard, None);
    }

    fn colour(text: &str) -> Option<Severity> {
        said(text).colour
    }

    #[test]
    fn the_red_sea_is_no_red_warning() {
        assert_eq!(colour("ارتفاع الأمواج على البحر الأحمر"), None);
        assert_eq!(colour("الإنذار البرتقالي على سواحل البحر الأحمر"), Some(Severity::Orange));
        assert_eq!(colour("الإنذار الأحمر"), Some(Severity::Red));
        assert_eq!(colour("Red Sea: high waves, yellow warning"), Some(Severity::Yellow));
        assert_eq!(colour("a predictable, bored day"), None);
        assert_eq!(awareness("3; orange; Severe"), Some(Severity::Orange));
        assert_eq!(awareness("1; green; Minor"), None);
    }

    #[test]
    fn an_unknown_severity_is_never_calm() {
        let mut defects = Vec::new();
        assert_eq!(severity(Some("Extreme"), &mut defects), Severity::Red);
        assert_eq!(severity(Some("severe"), &mut defects), Severity::Orange);
        assert_eq!(severity(Some("Minor"), &mut defects), Severity::Advisory);
        assert!(defects.is_empty());
        for unsaid in [None, Some("Unknown"), Some("???")] {
            assert_eq!(severity(unsaid, &mut defects), Severity::Yellow);
        }
        assert_eq!(defects.len(), 3);
    }
}
