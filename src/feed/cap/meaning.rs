//! What an alert means: its hazard by the words of its event, its severity by CAP and by the colours authorities use.
//!
//! Unknown is never calm: a severity that is not said is read as yellow, a hazard that is not known stays `other`.

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

/// What threatens, by the event first and then by the headline.
pub(super) fn hazard(event: &str, headline: Option<&str>) -> Hazard {
    [Some(event), headline].into_iter().flatten().find_map(named_hazard).unwrap_or(Hazard::Other)
}

fn named_hazard(text: &str) -> Option<Hazard> {
    let plain = without_red_sea(text);
    let words = words(&plain);
    let says = |word: &str| words.iter().any(|said| said.starts_with(word));
    // Two words that mean one thing together and another alone.
    if says("موجه") && words.contains(&"برد") || says("انخفاض") && says("حراره") {
        return Some(Hazard::Cold);
    }
    if says("اضطراب") && words.contains(&"بحر") {
        return Some(Hazard::Sea);
    }
    let found = |keys: &[&str]| {
        keys.iter().any(|key| match key.strip_prefix('=') {
            Some(whole) => words.contains(&whole),
            None => says(key),
        })
    };
    WORDS.iter().find(|(_, keys)| found(keys)).map(|(hazard, _)| *hazard)
}

/// A text normalised, without the Red Sea: it is a place, not a colour of warning, and not what threatens.
fn without_red_sea(text: &str) -> String {
    normalise(text).replace("بحر احمر", " ").replace("red sea", " ")
}

/// The words of a normalised text without punctuation, and without the particles that Arabic writes onto a word: each word is
/// given as it stands and without them.
fn words(plain: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for word in plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        words.push(word);
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
    let said = text.unwrap_or_default().to_lowercase();
    match known.iter().find(|(word, _)| *word == said) {
        Some((_, severity)) => *severity,
        None => {
            defects.push(format!("the severity is «{}», read as yellow", text.unwrap_or_default()));
            Severity::Yellow
        }
    }
}

/// The colour that an event or a headline names, the worst of them: «الإنذار الأحمر», "orange warning".
pub(super) fn colour(text: &str) -> Option<Severity> {
    let plain = without_red_sea(text);
    let words = words(&plain);
    let colours = [
        (Severity::Red, ["احمر", "حمراء", "حمرا", "red"]),
        (Severity::Orange, ["برتقالي", "برتقاليه", "orange", "amber"]),
        (Severity::Yellow, ["اصفر", "صفراء", "صفرا", "yellow"]),
    ];
    colours.iter().find(|(_, names)| names.iter().any(|name| words.contains(name))).map(|(severity, _)| *severity)
}

/// MeteoAlarm's `awareness_level`: `2; yellow; Moderate`.
pub(super) fn awareness(value: &str) -> Option<Severity> {
    match value.trim().chars().next() {
        Some('4') => Some(Severity::Red),
        Some('3') => Some(Severity::Orange),
        Some('2') => Some(Severity::Yellow),
        _ => colour(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(event: &str, expected: Hazard) {
        assert_eq!(hazard(event, None), expected, "{event}");
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
        assert_eq!(hazard("تنبيه", Some("توقع ضباب")), Hazard::Fog);
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
