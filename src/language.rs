//! The two languages, and what every text in them needs: plurals, digits, lists, dates, directions.
//!
//! Nothing here knows of warnings. What is said of them stands in `config/wording`; how a language counts, joins, dates and
//! turns is said here, once.

pub mod aloud;
pub mod clock;
pub mod date;
pub mod direction;
pub mod list;
pub mod measure;
pub mod number;
pub mod plural;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A language that the public reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// Arabic as written in Saudi Arabia; comes first.
    Ar,
    /// English.
    En,
    /// One that a file of the wording adds: bulletins are told in it in fewer words, beside one of the two, and nothing else is.
    Further(Tag),
}

/// The BCP 47 tag of a further language. There are few, and each is kept for as long as the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(&'static str);

/// The most further languages.
pub const MAX_FURTHER: usize = 16;

/// Languages whose script runs from the right.
const FROM_THE_RIGHT: [&str; 9] = ["ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur"];

impl Tag {
    /// The tag of a language beside the two: two or three small letters; none when it is no such tag, or there are too many already.
    pub fn new(text: &str) -> Option<Self> {
        static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        let is_tag = (2..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase());
        if !is_tag || text == "ar" || text == "en" {
            return None;
        }
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tag) = known.get(text) {
            return Some(Self(tag));
        }
        if MAX_FURTHER <= known.len() {
            return None;
        }
        let tag: &'static str = Box::leak(text.to_owned().into_boxed_str());
        known.insert(tag);
        Some(Self(tag))
    }
}

/// By which of the two a language is set: from which side it runs, and whose names of places stand in its texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// From the right, with the names of Arabic.
    Ar,
    /// From the left, with the names of English.
    En,
}

impl Language {
    /// The two that everything is said in, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::Ar, Self::En];

    /// The language of a tag; none of what is no tag.
    pub fn of(tag: &str) -> Option<Self> {
        match tag {
            "ar" => Some(Self::Ar),
            "en" => Some(Self::En),
            other => Tag::new(other).map(Self::Further),
        }
    }

    /// The other one of the two.
    pub fn other(self) -> Self {
        match self.grammar() {
            Grammar::Ar => Self::En,
            Grammar::En => Self::Ar,
        }
    }

    /// By which of the two it is set.
    pub fn grammar(self) -> Grammar {
        match self {
            Self::Ar => Grammar::Ar,
            Self::En => Grammar::En,
            Self::Further(Tag(tag)) if FROM_THE_RIGHT.contains(&tag) => Grammar::Ar,
            Self::Further(_) => Grammar::En,
        }
    }

    /// The one of the two by which it is set.
    pub fn base(self) -> Self {
        match self.grammar() {
            Grammar::Ar => Self::Ar,
            Grammar::En => Self::En,
        }
    }

    /// True for one that a file adds.
    pub fn is_further(self) -> bool {
        matches!(self, Self::Further(_))
    }

    /// The BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Ar => "ar",
            Self::En => "en",
            Self::Further(Tag(tag)) => tag,
        }
    }
}

impl Serialize for Language {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.tag())
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let tag = String::deserialize(from)?;
        Self::of(&tag).ok_or_else(|| serde::de::Error::custom(format!("`{tag}` is no language that is known")))
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
        match language.grammar() {
            Grammar::Ar => &self.ar,
            Grammar::En => &self.en,
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
    /// The beginnings of Hijri months that were announced.
    pub announced: date::Announced,
}
