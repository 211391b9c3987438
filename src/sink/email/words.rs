//! The few words of a letter that stand beside those of the bulletin: what the bar says, and the subject where a headline is too
//! long for one. They say nothing that the bulletin does not, in words of `config/wording` wherever it has them.

use crate::alert::Status;
use crate::bulletin::Change;
use crate::hazard::{Hazard, Severity};
use crate::language::{Both, Language};

/// What a letter is, at a glance: the bar over the text. A colour never stands without its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// A warning in force, by its level.
    Level(Severity),
    /// A warning that was lifted.
    Lifted,
    /// A warning whose time ran out, which is no all-clear.
    Expired,
    /// Taken back.
    Corrected,
    /// Not meant to be acted on.
    Drill(Status),
    /// Said to the people on duty.
    Notice,
}

impl Mark {
    /// What is written in the bar.
    pub(super) fn word(self, language: Language) -> &'static str {
        let words = match self {
            Self::Level(Severity::Red) => both("أحمر", "Red"),
            Self::Level(Severity::Orange) => both("برتقالي", "Orange"),
            Self::Level(Severity::Yellow) => both("أصفر", "Yellow"),
            Self::Level(Severity::Advisory) => both("تنويه", "Advisory"),
            Self::Lifted => both("انتهى الإنذار", "Lifted"),
            Self::Expired => both("انتهت مدة الإنذار، وقد تستمر الحالة", "Expired, danger may remain"),
            Self::Corrected => both("تصحيح: لا يُعمل بما سبق إعلانه", "Correction: do not act on what was announced"),
            Self::Drill(Status::Exercise) => both("تمرين — لا يستدعي أي إجراء", "EXERCISE — no action needed"),
            Self::Drill(Status::System) => both("رسالة فنية — لا تستدعي أي إجراء", "SYSTEM MESSAGE — no action needed"),
            Self::Drill(Status::Test) => both("رسالة تجريبية — لا تستدعي أي إجراء", "TEST — no action needed"),
            Self::Drill(Status::Actual | Status::Draft | Status::Unknown) => {
                both("مسودة — لا تستدعي أي إجراء", "DRAFT — no action needed")
            }
            Self::Notice => both("للمناوبين فقط، وليس للنشر", "For the people on duty only"),
        };
        words.get(language)
    }

    /// The colours of the bar: behind the word, and of the word. Each pair is read by weak eyes too (WCAG 2, 4.5 to 1).
    pub(super) fn colours(self) -> (&'static str, &'static str) {
        match self {
            Self::Level(Severity::Red) => ("#b3140f", "#ffffff"),
            Self::Level(Severity::Orange) => ("#f28c1e", "#1a1a1a"),
            Self::Level(Severity::Yellow) => ("#ffd21f", "#1a1a1a"),
            Self::Level(Severity::Advisory) => ("#1f5f8b", "#ffffff"),
            Self::Lifted | Self::Expired | Self::Corrected => ("#565b61", "#ffffff"),
            Self::Drill(_) => ("#5b3c9e", "#ffffff"),
            Self::Notice => ("#2f3b45", "#ffffff"),
        }
    }
}

fn both(ar: &'static str, en: &'static str) -> Both<&'static str> {
    Both { ar, en }
}

/// What a subject is made of when the headline is too long for one.
pub(super) struct Brief<'a> {
    /// What it is.
    pub(super) mark: Mark,
    /// Of what, in a warning.
    pub(super) hazard: Option<Hazard>,
    /// Number and edition.
    pub(super) bulletin: &'a str,
}

impl Brief<'_> {
    /// Mark, hazard and number in one line.
    pub(super) fn subject(&self, language: Language) -> String {
        let comma = both("،", ",");
        let word = self.mark.word(language);
        let hazard = self.hazard.map(|hazard| format!(": {}", hazard_name(hazard, language))).unwrap_or_default();
        format!("{word}{hazard}{} {}", comma.get(language), self.bulletin)
    }
}

fn hazard_name(hazard: Hazard, language: Language) -> &'static str {
    let names = match hazard {
        Hazard::Rain => both("الأمطار", "rain"),
        Hazard::FlashFlood => both("السيول", "flash floods"),
        Hazard::Thunderstorm => both("العواصف الرعدية", "thunderstorms"),
        Hazard::Wind => both("الرياح", "strong winds"),
        Hazard::Dust => both("الأتربة والغبار", "dust"),
        Hazard::Fog => both("الضباب", "fog"),
        Hazard::Heat => both("ارتفاع درجات الحرارة", "high temperatures"),
        Hazard::Cold => both("انخفاض درجات الحرارة", "low temperatures"),
        Hazard::Sea => both("ارتفاع الأمواج", "high waves"),
        Hazard::Other => both("الحالة الجوية", "hazardous weather"),
    };
    names.get(language)
}

/// What a bulletin is at a glance.
pub(super) fn mark(status: Option<Status>, change: Option<Change>, severity: Option<Severity>) -> Mark {
    match (status, change, severity) {
        (Some(Status::Actual), Some(Change::Lifted), _) => Mark::Lifted,
        (Some(Status::Actual), Some(Change::Expired), _) => Mark::Expired,
        (Some(Status::Actual), Some(Change::Corrected), _) => Mark::Corrected,
        (Some(Status::Actual), _, Some(severity)) => Mark::Level(severity),
        (Some(status), _, _) => Mark::Drill(status),
        (None, _, _) => Mark::Notice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(colour.get(at..at + 2).unwrap(), 16).unwrap()) / 255.0;
            if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn every_word_in_a_bar_is_read_by_weak_eyes() {
        let levels = Severity::ALL.iter().map(|severity| Mark::Level(*severity));
        for mark in levels.chain([Mark::Lifted, Mark::Expired, Mark::Drill(Status::Test), Mark::Notice]) {
            let (back, front) = mark.colours();
            let (a, b) = (luminance(back), luminance(front));
            let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(4.5 <= contrast, "{mark:?}: {contrast}");
        }
    }

    #[test]
    fn what_the_wording_says_too_is_said_in_its_words() {
        let wording = Both {
            ar: include_str!("../../../config/wording/ar.toml"),
            en: include_str!("../../../config/wording/en.toml"),
        };
        for language in Language::ALL {
            for status in [Status::Exercise, Status::System, Status::Test, Status::Draft] {
                let banner = format!("= \"{}\"", Mark::Drill(status).word(language));
                assert!(wording.get(language).contains(&banner), "{banner}");
            }
            for hazard in Hazard::ALL {
                let name = format!("\n{hazard} = \"{}\"", hazard_name(*hazard, language));
                assert!(wording.get(language).contains(&name), "{name}");
            }
        }
    }

    #[test]
    fn what_is_over_or_not_meant_never_looks_like_a_warning() {
        let actual = Some(Status::Actual);
        assert_eq!(mark(actual, Some(Change::Raised), Some(Severity::Red)), Mark::Level(Severity::Red));
        assert_eq!(mark(actual, Some(Change::Lifted), Some(Severity::Red)), Mark::Lifted);
        assert_eq!(mark(actual, Some(Change::Expired), Some(Severity::Red)), Mark::Expired);
        assert_eq!(mark(actual, Some(Change::Corrected), Some(Severity::Red)), Mark::Corrected);
        let drill = mark(Some(Status::Exercise), Some(Change::Issued), Some(Severity::Red));
        assert_eq!(drill, Mark::Drill(Status::Exercise));
        assert_eq!(mark(None, None, None), Mark::Notice);
    }
}
