//! How long a text takes to be read aloud, as on the radio: by its words, at a pace at which listeners follow.
//!
//! Sources: E. Rodero, "A comparative analysis of speech rate and perception in radio bulletins", Text & Talk 32(3), 2012: 160 to 180 words
//! a minute are recommended for news, of which the slower is taken here. No measured rate of Arabic newsreaders was found; that of
//! Hebrew on the radio, which joins its particles to words as Arabic does, is 154 (O. Amir, "Speaking Rate among Adult Hebrew Speakers",
//! Annals of Behavioural Science 2(1), 2016), and 150 is taken.

use crate::language::{Grammar, Language};

/// How many words a minute are read.
fn rate(language: Language) -> usize {
    match language.grammar() {
        Grammar::Ar => 150,
        Grammar::En => 160,
    }
}

/// How many words a text has: what stands between blanks and holds a letter or a digit.
pub fn words(text: &str) -> usize {
    text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count()
}

/// How long it takes to be read aloud, in whole seconds, never told too short.
pub fn seconds(language: Language, text: &str) -> usize {
    (words(text) * 60).div_ceil(rate(language))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_counted_by_its_words_and_read_at_the_pace_of_its_language() {
        assert_eq!(words("[تمرين — لا يستدعي أي إجراء]\n\nأمطار، 47.3 ملم."), 8);
        assert_eq!((words(""), seconds(Language::En, " — ")), (0, 0));
        let long = "word ".repeat(160);
        assert_eq!((seconds(Language::En, &long), seconds(Language::Ar, &long)), (60, 64));
        assert_eq!(seconds(Language::En, "word"), 1);
    }
}
