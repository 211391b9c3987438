//! A TOML table being read: every value with its place, every fault noted and read past, every key accounted for.
//!
//! Whoever reads a table asks for its keys one after the other and then calls [`Table::finish`], which reports the keys that
//! nobody asked for. So the keys that exist are the keys that are read, and no list of them can rot.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::{Problems, SourceFile, advice};
use crate::time::{TimeDelta, parse_span};

/// A value and the place where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T> {
    /// The value.
    pub value: T,
    /// Its place in the file, in bytes.
    pub span: Range<usize>,
}

/// A table that is being read.
pub struct Table<'a> {
    file: &'a Arc<SourceFile>,
    problems: &'a Problems,
    entries: &'a DeTable<'a>,
    /// Where the table was begun.
    pub span: Range<usize>,
    name: String,
    asked: RefCell<Vec<&'static str>>,
}

/// Parses a file and hands its top table to a reader; syntax errors are noted and what could be parsed is read all the same.
pub fn read_file<T>(file: &Arc<SourceFile>, problems: &Problems, read: impl FnOnce(Table<'_>) -> T) -> T {
    let (root, errors) = DeTable::parse_recoverable(&file.text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        problems.error(file, span, error.message().to_lowercase(), None);
    }
    read(Table {
        file,
        problems,
        entries: root.get_ref(),
        span: 0..0,
        name: String::new(),
        asked: RefCell::new(Vec::new()),
    })
}

impl<'a> Table<'a> {
    /// Its name in the file, `rain-sum-6h.at_least`; empty for the whole file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Notes an error at a place in this file.
    pub fn error(&self, span: &Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.problems.error(self.file, span.clone(), message, help);
    }

    /// Notes a warning at a place in this file.
    pub fn warning(&self, span: &Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.problems.warning(self.file, span.clone(), message, help);
    }

    fn find(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().push(key);
        self.entries.get(key)
    }

    /// True when the key is written; does not count as asking for it.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Reads a value that may be absent; `read` says what it should have been.
    pub fn get<T>(&self, key: &'static str, read: impl FnOnce(&DeValue<'_>) -> Result<T, String>) -> Option<Found<T>> {
        let value = self.find(key)?;
        match read(value.get_ref()) {
            Ok(read) => Some(Found { value: read, span: value.span() }),
            Err(why) => {
                self.error(&value.span(), format!("`{key}`: {why}"), None);
                None
            }
        }
    }

    /// Notes that a key is missing.
    pub fn missing(&self, key: &str, what: &str) {
        let of = if self.name.is_empty() { String::new() } else { format!(" in `{}`", self.name) };
        self.error(&self.span, format!("`{key}` is missing{of}"), Some(format!("add `{key} = {what}`")));
    }

    /// Reads a value that must be there; `what` is an example of it for the error.
    pub fn need<T>(
        &self,
        key: &'static str,
        what: &str,
        read: impl FnOnce(&DeValue<'_>) -> Result<T, String>,
    ) -> Option<Found<T>> {
        if !self.has(key) {
            self.asked.borrow_mut().push(key);
            self.missing(key, what);
            return None;
        }
        self.get(key, read)
    }

    /// A text that may be absent, taken through a parser of the caller.
    pub fn text<T>(&self, key: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<Found<T>> {
        self.get(key, |value| as_text(value).and_then(parse))
    }

    /// A text that must be there, taken through a parser of the caller.
    pub fn need_text<T>(
        &self,
        key: &'static str,
        what: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Found<T>> {
        self.need(key, what, |value| as_text(value).and_then(parse))
    }

    /// A word of a fixed list, with "did you mean".
    pub fn word<T: Copy>(&self, key: &'static str, known: &[(&str, T)]) -> Option<Found<T>> {
        let found = self.text(key, |text| Ok(text.to_owned()))?;
        self.pick(key, &found, known)
    }

    /// Picks a word of a fixed list that was already read.
    pub fn pick<T: Copy>(&self, key: &str, found: &Found<String>, known: &[(&str, T)]) -> Option<Found<T>> {
        match known.iter().find(|(word, _)| *word == found.value) {
            Some((_, meant)) => Some(Found { value: *meant, span: found.span.clone() }),
            None => {
                let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
                let help = advice(&found.value, &words);
                self.error(&found.span, format!("`{key}`: `{}` is not known here", found.value), help);
                None
            }
        }
    }

    /// A span of time such as `10min`.
    pub fn span_of_time(&self, key: &'static str) -> Option<Found<TimeDelta>> {
        self.text(key, parse_span)
    }

    /// A whole number within limits.
    pub fn integer(&self, key: &'static str, limits: std::ops::RangeInclusive<i64>) -> Option<Found<i64>> {
        self.get(key, |value| {
            let number = value
                .as_integer()
                .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok())
                .ok_or_else(|| format!("expected a whole number, found {}", value.type_str()))?;
            if limits.contains(&number) {
                Ok(number)
            } else {
                Err(format!("{number} is out of range: {} to {}", limits.start(), limits.end()))
            }
        })
    }

    /// A number, whole or not.
    pub fn number(&self, key: &'static str) -> Option<Found<f64>> {
        self.get(key, as_number)
    }

    /// True or false.
    pub fn flag(&self, key: &'static str) -> Option<Found<bool>> {
        self.get(key, |value| {
            value.as_bool().ok_or_else(|| format!("expected true or false, found {}", value.type_str()))
        })
    }

    /// A list of texts; every item that is not a text is noted.
    pub fn texts(&self, key: &'static str) -> Option<Vec<Found<String>>> {
        let value = self.find(key)?;
        let Some(items) = value.get_ref().as_array() else {
            self.error(
                &value.span(),
                format!("`{key}`: expected a list of texts, found {}", value.get_ref().type_str()),
                None,
            );
            return None;
        };
        let mut texts = Vec::new();
        for item in items {
            match as_text(item.get_ref()) {
                Ok(text) => texts.push(Found { value: text.to_owned(), span: item.span() }),
                Err(why) => self.error(&item.span(), format!("`{key}`: {why}"), None),
            }
        }
        Some(texts)
    }

    /// A table within.
    pub fn table(&self, key: &'static str) -> Option<Table<'a>> {
        let value = self.find(key)?;
        self.within(key, value)
    }

    /// A list of tables within.
    pub fn tables(&self, key: &'static str) -> Vec<Table<'a>> {
        let Some(value) = self.find(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.error(
                &value.span(),
                format!("`{key}`: expected a list of tables, found {}", value.get_ref().type_str()),
                None,
            );
            return Vec::new();
        };
        items.iter().filter_map(|item| self.within(key, item)).collect()
    }

    /// Every table within, by the name that a person gave it, in the order written.
    pub fn named_tables(&self) -> Vec<(Found<String>, Table<'a>)> {
        let mut named: Vec<_> = self
            .entries
            .iter()
            .filter_map(|(key, value)| {
                let name = Found { value: key.get_ref().to_string(), span: key.span() };
                Some((name, self.within(key.get_ref(), value)?))
            })
            .collect();
        named.sort_by_key(|(name, _)| name.span.start);
        named
    }

    fn within(&self, key: &str, value: &'a Spanned<DeValue<'a>>) -> Option<Table<'a>> {
        let Some(entries) = value.get_ref().as_table() else {
            self.error(&value.span(), format!("`{key}`: expected a table, found {}", value.get_ref().type_str()), None);
            return None;
        };
        let name = if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) };
        Some(Table {
            file: self.file,
            problems: self.problems,
            entries,
            span: value.span(),
            name,
            asked: RefCell::new(Vec::new()),
        })
    }

    /// Every key of this table in the order written, for tables whose keys a person chose.
    pub fn keys(&self) -> Vec<Found<String>> {
        let mut keys: Vec<_> =
            self.entries.keys().map(|key| Found { value: key.get_ref().to_string(), span: key.span() }).collect();
        keys.sort_by_key(|key| key.span.start);
        keys
    }

    /// Reads the text under a key that a person chose.
    pub fn text_of(&self, key: &str) -> Option<Found<String>> {
        let value = self.entries.get(key)?;
        match as_text(value.get_ref()) {
            Ok(text) => Some(Found { value: text.to_owned(), span: value.span() }),
            Err(why) => {
                self.error(&value.span(), format!("`{key}`: {why}"), None);
                None
            }
        }
    }

    /// Notes every key that nobody asked for, with "did you mean".
    pub fn finish(self) {
        let asked = self.asked.borrow();
        for key in self.entries.keys() {
            let word: &str = key.get_ref();
            if !asked.contains(&word) {
                let missing: Vec<&str> = asked.iter().copied().filter(|known| !self.has(known)).collect();
                let of = if self.name.is_empty() { "here".to_owned() } else { format!("in `{}`", self.name) };
                self.error(&key.span(), format!("unknown key `{word}` {of}"), advice(word, &missing));
            }
        }
    }
}

/// The value as a text.
///
/// # Errors
/// Says what was found instead.
pub fn as_text<'v>(value: &'v DeValue<'_>) -> Result<&'v str, String> {
    value.as_str().ok_or_else(|| format!("expected a text in quotes, found {}", value.type_str()))
}

/// The value as a number, whole or not.
///
/// # Errors
/// Says what was found instead.
pub fn as_number(value: &DeValue<'_>) -> Result<f64, String> {
    let text = match value {
        DeValue::Integer(number) => number.as_str(),
        DeValue::Float(number) => number.as_str(),
        DeValue::String(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            return Err(format!("expected a number, found {}", value.type_str()));
        }
    };
    text.parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(|| format!("`{text}` is not a number"))
}
