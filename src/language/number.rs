//! Numbers in the digits of the reader.
//!
//! The digits are always pinned: what a locale would choose by itself differs between countries and versions of its data.
//! Nothing here chooses a unit.

use std::str::FromStr;
use std::sync::LazyLock;

use icu_decimal::DecimalFormatter;
use icu_decimal::input::Decimal;
use icu_decimal::options::{DecimalFormatterOptions, GroupingStrategy};
use icu_locale_core::{Locale, locale};

use crate::language::{Digits, Grammar, Language, Style};

/// The most decimal places that a public text shows.
pub const MAX_PLACES: u8 = 3;

struct Formatters {
    arabic: DecimalFormatter,
    arabic_latin: DecimalFormatter,
    english: DecimalFormatter,
}

impl Formatters {
    fn new(grouping: GroupingStrategy) -> Self {
        let make = |locale: Locale| {
            let mut options = DecimalFormatterOptions::default();
            options.grouping_strategy = Some(grouping);
            DecimalFormatter::try_new(locale.into(), options).expect("the digits of ar and en are compiled in")
        };
        Self {
            arabic: make(locale!("ar-SA-u-nu-arab")),
            arabic_latin: make(locale!("ar-SA-u-nu-latn")),
            english: make(locale!("en-u-nu-latn")),
        }
    }

    fn of(&self, language: Language, style: &Style) -> &DecimalFormatter {
        match (language.grammar(), style.arabic_digits) {
            (Grammar::En, _) => &self.english,
            (Grammar::Ar, Digits::Arab) => &self.arabic,
            (Grammar::Ar, Digits::Latn) => &self.arabic_latin,
        }
    }
}

static GROUPED: LazyLock<Formatters> = LazyLock::new(|| Formatters::new(GroupingStrategy::Min2));
static PLAIN: LazyLock<Formatters> = LazyLock::new(|| Formatters::new(GroupingStrategy::Never));

/// A number rounded to at most so many decimal places, without zeros at its end: what is shown and what is counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Rounded {
    decimal: Decimal,
}

impl Rounded {
    /// Rounds a value; what is not finite becomes zero, since a text at night is better than none.
    pub fn new(value: f64, places: u8) -> Self {
        let finite = if value.is_finite() { value } else { 0.0 };
        let text = format!("{finite:.*}", usize::from(places.min(MAX_PLACES)));
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        let text = if text == "-0" { "0" } else { text };
        Self { decimal: Decimal::from_str(text).unwrap_or_else(|_| Decimal::from(0)) }
    }

    /// The number as plural rules look at it.
    pub fn decimal(&self) -> &Decimal {
        &self.decimal
    }

    /// In the reader's digits, with separators from 10,000 on.
    pub fn show(&self, language: Language, style: &Style) -> String {
        GROUPED.of(language, style).format(&self.decimal).to_string()
    }
}

/// A whole number in the reader's digits without separators: years, days, editions, hours.
pub fn plain(language: Language, style: &Style, value: i64) -> String {
    PLAIN.of(language, style).format(&Decimal::from(value)).to_string()
}

/// A whole number of two digits at least, such as the minutes of a time.
pub fn two_digits(language: Language, style: &Style, value: u32) -> String {
    let mut decimal = Decimal::from(value);
    decimal.pad_start(2);
    PLAIN.of(language, style).format(&decimal).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::date::Announced;

    fn style(arabic_digits: Digits) -> Style {
        Style { zone: chrono_tz::Asia::Riyadh, arabic_digits, announced: Announced::NONE }
    }

    #[test]
    fn digits_are_those_of_the_style_and_english_keeps_its_own() {
        let (arab, latn) = (style(Digits::Arab), style(Digits::Latn));
        assert_eq!(Rounded::new(28.46, 1).show(Language::Ar, &arab), "٢٨٫٥");
        assert_eq!(Rounded::new(28.46, 1).show(Language::Ar, &latn), "28.5");
        assert_eq!(Rounded::new(28.46, 1).show(Language::En, &arab), "28.5");
        assert_eq!(Rounded::new(12_345.0, 0).show(Language::En, &arab), "12,345");
        assert_eq!(plain(Language::Ar, &arab, 1447), "١٤٤٧");
        assert_eq!(two_digits(Language::Ar, &latn, 5), "05");
    }

    #[test]
    fn zeros_at_the_end_are_not_shown() {
        let latn = style(Digits::Latn);
        for (value, places, shown) in [(10.0, 1, "10"), (2.50, 2, "2.5"), (-0.01, 1, "0"), (f64::NAN, 1, "0")] {
            assert_eq!(Rounded::new(value, places).show(Language::En, &latn), shown);
        }
    }
}
