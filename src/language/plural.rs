//! Which form of a word goes with a number: six in Arabic, two in English, by the plural rules of CLDR.

use std::sync::LazyLock;

use icu_locale_core::locale;
use icu_plurals::{PluralCategory, PluralRules};

use crate::language::number::Rounded;
use crate::language::{Grammar, Language};

struct Rules {
    arabic: PluralRules,
    english: PluralRules,
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let make = |locale: icu_locale_core::Locale| {
        PluralRules::try_new_cardinal(locale.into()).expect("the plural rules of ar and en are compiled in")
    };
    Rules { arabic: make(locale!("ar")), english: make(locale!("en")) }
});

/// The names of the forms that a language has, as they are written in the wording.
pub fn forms(language: Language) -> &'static [&'static str] {
    match language.grammar() {
        Grammar::Ar => &["zero", "one", "two", "few", "many", "other"],
        Grammar::En => &["one", "other"],
    }
}

/// The name of the form that goes with a number.
pub fn form(language: Language, number: &Rounded) -> &'static str {
    let rules = match language.grammar() {
        Grammar::Ar => &RULES.arabic,
        Grammar::En => &RULES.english,
    };
    match rules.category_for(number.decimal()) {
        PluralCategory::Zero => "zero",
        PluralCategory::One => "one",
        PluralCategory::Two => "two",
        PluralCategory::Few => "few",
        PluralCategory::Many => "many",
        PluralCategory::Other => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arabic_counts_in_six_forms() {
        for (number, expected) in [
            (0.0, "zero"),
            (1.0, "one"),
            (2.0, "two"),
            (3.0, "few"),
            (10.0, "few"),
            (11.0, "many"),
            (99.0, "many"),
            (100.0, "other"),
            (102.0, "other"),
            (103.0, "few"),
            (1.5, "other"),
        ] {
            assert_eq!(form(Language::Ar, &Rounded::new(number, 1)), expected, "{number}");
        }
    }

    #[test]
    fn english_counts_in_two_forms() {
        assert_eq!(form(Language::En, &Rounded::new(1.0, 0)), "one");
        assert_eq!(form(Language::En, &Rounded::new(2.0, 0)), "other");
    }

    #[test]
    fn every_form_that_occurs_is_a_form_of_the_language() {
        for language in Language::ALL {
            for number in 0..=1000 {
                let found = form(language, &Rounded::new(f64::from(number), 0));
                assert!(forms(language).contains(&found), "{number}: {found}");
            }
        }
    }
}
