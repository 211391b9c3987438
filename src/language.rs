//! The two languages, and what every text in them needs: plurals, digits, lists, dates, directions.
//!
//! Nothing here knows of warnings. What is said of them stands in `config/wording`; how a language counts, joins, dates and
//! turns is said here, once.

pub mod clock;
pub mod date;
pub mod direction;
pub mod list;
pub mod measure;
pub mod number;
pub mod plural;

use serde::{Deserialize, Serialize};

/// A language that the public reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Arabic as written in Saudi Arabia; comes first.
    Ar,
    /// English.
    En,
}

impl Language {
    /// Both, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::Ar, Self::En];

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Ar => Self::En,
            Self::En => Self::Ar,
        }
    }

    /// The BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Ar => "ar",
            Self::En => "en",
        }
    }
}

/// One thing in both languages; neither can be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Both<T> {
    /// In Arabic.
    pub ar: T,
    /// In English.
    pub en: T,
}

impl<T> Both<T> {
    /// The one in a language.
    pub fn get(&self, language: Language) -> &T {
        match language {
            Language::Ar => &self.ar,
            Language::En => &self.en,
        }
    }

    /// Makes one for each language.
    pub fn each(mut make: impl FnMut(Language) -> T) -> Self {
        Self { ar: make(Language::Ar), en: make(Language::En) }
    }
}

/// Which digits Arabic texts are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digits {
    /// ٠١٢٣٤٥٦٧٨٩
    Arab,
    /// 0123456789
    Latn,
}

/// How this house writes: from `nadhir.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Style {
    /// The zone in which times are told.
    pub zone: chrono_tz::Tz,
    /// The digits of Arabic texts; English always has 0123456789.
    pub arabic_digits: Digits,
}
