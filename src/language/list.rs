//! Lists as each language joins them: "A, B and C" and «أ، وب، وج».
//!
//! The Arabic «و» sticks to the word after it. Saudi editors write a comma before it once there are three names or more.

use std::sync::LazyLock;

use icu_list::ListFormatter;
use icu_list::options::ListFormatterOptions;
use icu_locale_core::locale;

use crate::language::{Grammar, Language};

struct Joiners {
    arabic: ListFormatter,
    english: ListFormatter,
}

static JOINERS: LazyLock<Joiners> = LazyLock::new(|| {
    let make = |locale: icu_locale_core::Locale| {
        ListFormatter::try_new_and(locale.into(), ListFormatterOptions::default())
            .expect("the lists of ar and en are compiled in")
    };
    // British lists leave out the comma before "and", as "A, B and C" does.
    Joiners { arabic: make(locale!("ar")), english: make(locale!("en-GB")) }
});

/// Joins items with "and"; no item makes an empty text.
pub fn join<T: AsRef<str>>(language: Language, items: &[T]) -> String {
    let last = items.len().saturating_sub(1);
    match language.grammar() {
        Grammar::En => JOINERS.english.format(items.iter().map(AsRef::as_ref)).to_string(),
        Grammar::Ar if items.len() < 3 => JOINERS.arabic.format(items.iter().map(AsRef::as_ref)).to_string(),
        Grammar::Ar => {
            let marked: Vec<String> = items
                .iter()
                .enumerate()
                .map(
                    |(place, item)| {
                        if place < last { format!("{}،", item.as_ref()) } else { item.as_ref().to_owned() }
                    },
                )
                .collect();
            JOINERS.arabic.format(marked.iter()).to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_as_people_write_them() {
        let check = |language, items: &[&str], expected: &str| assert_eq!(join(language, items), expected);
        check(Language::En, &[], "");
        check(Language::En, &["A"], "A");
        check(Language::En, &["A", "B"], "A and B");
        check(Language::En, &["A", "B", "C"], "A, B and C");
        check(Language::Ar, &["جدة"], "جدة");
        check(Language::Ar, &["جدة", "الليث"], "جدة والليث");
        check(Language::Ar, &["جدة", "الليث", "القنفذة"], "جدة، والليث، والقنفذة");
    }
}
