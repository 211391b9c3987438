//! A TOML table being read: every value with its place, every fault noted and read past, every key accounted for.
//!
//! Whoever reads a table asks for its keys one after the other and then calls [`Table::finish`], which reports the keys that
//! nobody asked for. So the keys that exist are the keys that are read, and no list of them can rot.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::{Problems, SourceFile, advice, nearest};
use crate::time::{TimeDelta, parse_span};

#[cfg(test)]
pub(crate) mod record;
mod slip;
mod torn;

use torn::Torn;

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
    let torn = Torn::note(file, &errors, problems);
    let before = problems.count();
    let made = read(top(file, problems, root.get_ref()));
    torn.settle(file, before, problems);
    made
}

/// Hands the top table of a file to a reader once more: what is wrong with its syntax is noted elsewhere.
pub fn read_again<T>(file: &Arc<SourceFile>, problems: &Problems, read: impl FnOnce(Table<'_>) -> T) -> T {
    let (root, errors) = DeTable::parse_recoverable(&file.text);
    let torn = Torn::note(file, &errors, &Problems::new());
    let before = problems.count();
    let made = read(top(file, problems, root.get_ref()));
    torn.settle(file, before, problems);
    made
}

fn top<'a>(file: &'a Arc<SourceFile>, problems: &'a Problems, entries: &'a DeTable<'a>) -> Table<'a> {
    Table { file, problems, entries, span: 0..0, name: String::new(), asked: RefCell::new(Vec::new()) }
}

/// The part of a text that belongs to the table header at a place, up to the next header: where a whole table is written
/// twice, each of its keys would be called double as well. Empty when no header stands there.
fn table_from(text: &str, place: usize) -> Range<usize> {
    let line = text.get(..place).map_or(0, |before| before.rfind('\n').map_or(0, |end| end + 1));
    let rest = text.get(line..).unwrap_or("");
    if !rest.starts_with('[') {
        return 0..0;
    }
    let end = rest.find("\n[").map_or(text.len(), |end| line + end);
    place..end
}

impl<'a> Table<'a> {
    /// Its name in the file, `rain-sum-6h.at_least`; empty for the whole file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that it stands in.
    pub fn file(&self) -> &Arc<SourceFile> {
        self.file
    }

    /// Notes an error at a place in this file.
    pub fn error(&self, span: &Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.problems.error(self.file, span.clone(), message, help);
    }

    /// Notes a warning at a place in this file.
    pub fn warning(&self, span: &Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.problems.warning(self.file, span.clone(), message, help);
    }

    /// How many faults have been noted so far, in this table or elsewhere.
    pub fn faults(&self) -> usize {
        self.problems.count()
    }

    fn find(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().push(key);
        self.entries.get(key)
    }

    /// True when the key is written; does not count as asking for it.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// True when a table is written under the key that has another key; does not count as asking for either.
    pub fn holds(&self, key: &str, inner: &str) -> bool {
        let within = self.entries.get(key).and_then(|value| value.get_ref().as_table());
        within.is_some_and(|within| within.contains_key(inner))
    }

    /// Where the value of a key is written; the table itself when it is not.
    pub fn span_of(&self, key: &str) -> Range<usize> {
        self.entries.get(key).map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// Reads a value that may be absent; `read` says what it should have been.
    pub fn get<T>(&self, key: &'static str, read: impl FnOnce(&DeValue<'_>) -> Result<T, String>) -> Option<Found<T>> {
        let value = self.find(key)?;
        match read(value.get_ref()) {
            Ok(read) => Some(Found { value: read, span: value.span() }),
            Err(why) => {
                let help = value.get_ref().as_str().and_then(slip::advice);
                self.error(&value.span(), format!("`{key}`: {why}"), help);
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

    /// Picks a word of a fixed list that was already read. A mistyped word is noted and, where it is plain which one was meant,
    /// read as that one, so that what depends on it is checked as well.
    pub fn pick<T: Copy>(&self, key: &str, found: &Found<String>, known: &[(&str, T)]) -> Option<Found<T>> {
        match known.iter().find(|(word, _)| *word == found.value) {
            Some((_, meant)) => Some(Found { value: *meant, span: found.span.clone() }),
            None => {
                let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
                let help = slip::advice(&found.value).or_else(|| advice(&found.value, &words));
                self.error(&found.span, format!("`{key}`: `{}` is not known here", found.value), help);
                let meant = nearest(&found.value, words.iter().copied())?;
                let (_, meant) = known.iter().find(|(word, _)| *word == meant)?;
                Some(Found { value: *meant, span: found.span.clone() })
            }
        }
    }

    /// A span of time such as `10min`.
    pub fn span_of_time(&self, key: &'static str) -> Option<Found<TimeDelta>> {
        self.get(key, |value| match value.as_integer() {
            Some(number) => {
                Err(format!("{} has no unit: write \"{}min\", or s, h, d", number.as_str(), number.as_str()))
            }
            None => as_text(value).and_then(parse_span),
        })
    }

    /// A whole number within limits.
    pub fn integer(&self, key: &'static str, limits: std::ops::RangeInclusive<i64>) -> Option<Found<i64>> {
        self.get(key, |value| {
            let number = value
                .as_integer()
                .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok())
                .ok_or_else(|| format!("expected a whole number, found {}", look_of(value)))?;
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
            value.as_bool().ok_or_else(|| format!("expected true or false, found {}", look_of(value)))
        })
    }

    /// A list of texts; every item that is not a text is noted.
    pub fn texts(&self, key: &'static str) -> Option<Vec<Found<String>>> {
        let value = self.find(key)?;
        let Some(items) = value.get_ref().as_array() else {
            self.error(
                &value.span(),
                format!("`{key}`: expected a list of texts, found {}", look_of(value.get_ref())),
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
                format!("`{key}`: expected a list of tables, found {}", look_of(value.get_ref())),
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
            let is_list_of_tables =
                value.get_ref().as_array().and_then(|all| all.first()).is_some_and(|one| one.get_ref().is_table());
            let help = if is_list_of_tables {
                Some(format!("`[[{key}]]` begins a list of tables: write `[{key}]`, and give each a name of its own"))
            } else if IN_BOTH_LANGUAGES.contains(&key) {
                Some(format!("write it in both languages: `{key} = {{ ar = \"…\", en = \"…\" }}`"))
            } else {
                None
            };
            self.error(&value.span(), format!("`{key}`: expected a table, found {}", look_of(value.get_ref())), help);
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
        #[cfg(test)]
        record::note(&self);
        let asked = self.asked.borrow();
        for key in self.entries.keys() {
            let word: &str = key.get_ref();
            if !asked.contains(&word) {
                let missing: Vec<&str> = asked.iter().copied().filter(|known| !self.has(known)).collect();
                let of = if self.name.is_empty() { "here".to_owned() } else { format!("in `{}`", self.name) };
                // What stands there already may be meant all the same, such as `override` by `overrides`.
                let help = match nearest(word, missing.iter().copied()) {
                    None => nearest(word, asked.iter().copied()).map(|meant| format!("did you mean `{meant}`?")),
                    Some(_) => None,
                };
                self.error(&key.span(), format!("unknown key `{word}` {of}"), help.or_else(|| advice(word, &missing)));
            }
        }
    }
}

/// Keys that hold a name in both languages.
const IN_BOTH_LANGUAGES: [&str; 2] = ["name", "formal"];

/// What a value is, as people say it in an error.
pub(crate) fn look_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The value as a text.
///
/// # Errors
/// Says what was found instead.
pub fn as_text<'v>(value: &'v DeValue<'_>) -> Result<&'v str, String> {
    value.as_str().ok_or_else(|| format!("expected a text in quotes, found {}", look_of(value)))
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
            return Err(format!("expected a number, found {}", look_of(value)));
        }
    };
    text.parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(|| format!("`{text}` is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problem;

    /// Reads a text through a reader and returns what it made, with the faults as `line:column message [help]`.
    fn read<T>(text: &str, reader: impl FnOnce(Table<'_>) -> T) -> (T, Vec<String>) {
        let file = Arc::new(SourceFile { name: "a.toml".to_owned(), text: text.to_owned() });
        let problems = Problems::new();
        let made = read_file(&file, &problems, reader);
        let told = |problem: &Problem| {
            let help = problem.help.as_deref().unwrap_or("");
            format!("{}:{} {} [{help}]", problem.line(), problem.column(), problem.message)
        };
        (made, problems.into_sorted().iter().map(told).collect())
    }

    #[test]
    fn a_key_that_nobody_asked_for_is_told_with_the_one_that_was_meant() {
        let ((), told) = read("timeout = \"5s\"\nurll = \"x\"\nother = 1\n", |table| {
            table.span_of_time("timeout");
            table.text("url", |text| Ok(text.to_owned()));
            table.finish();
        });
        assert_eq!(
            told,
            ["2:1 unknown key `urll` here [did you mean `url`?]", "3:1 unknown key `other` here [known here: url]"]
        );
    }

    #[test]
    fn a_wrong_type_is_told_where_it_stands_and_reading_goes_on() {
        let ((), told) = read("a = 1\nb = \"x\"\nc = [1, \"y\"]\nd = 1.5\ne = {}\nf = 2\n", |table| {
            assert!(table.text("a", |text| Ok(text.to_owned())).is_none());
            assert!(table.flag("b").is_none());
            let texts = table.texts("c").unwrap();
            assert_eq!(texts.iter().map(|found| found.value.as_str()).collect::<Vec<_>>(), ["y"]);
            assert!(table.integer("d", 0..=9).is_none());
            assert!(table.number("e").is_none());
            assert!(table.table("f").is_none());
            table.finish();
        });
        assert_eq!(
            told,
            [
                "1:5 `a`: expected a text in quotes, found a whole number []",
                "2:5 `b`: expected true or false, found a text []",
                "3:6 `c`: expected a text in quotes, found a whole number []",
                "4:5 `d`: expected a whole number, found a number []",
                "5:5 `e`: expected a number, found a table []",
                "6:5 `f`: expected a table, found a whole number []",
            ],
        );
    }

    #[test]
    fn a_missing_key_says_what_to_add_and_is_not_called_unknown() {
        let ((), told) = read("[desk]\n", |table| {
            let desk = table.table("desk").unwrap();
            assert!(desk.need_text("url", "\"https://…\"", |text| Ok(text.to_owned())).is_none());
            desk.finish();
            table.finish();
        });
        assert_eq!(told, ["1:1 `url` is missing in `desk` [add `url = \"https://…\"`]"]);
    }

    #[test]
    fn numbers_keep_to_their_limits_in_every_notation() {
        let ((), told) = read("a = 0x10\nb = 11\nc = -1\nd = 99999999999999999999\ne = inf\n", |table| {
            assert_eq!(table.integer("a", 0..=16).unwrap().value, 16);
            assert!(table.integer("b", 0..=10).is_none());
            assert!(table.integer("c", 0..=10).is_none());
            assert!(table.integer("d", 0..=10).is_none());
            assert!(table.number("e").is_none());
        });
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told[0].contains("11 is out of range: 0 to 10"), "{told:?}");
    }

    #[test]
    fn tables_come_in_the_order_in_which_they_were_written() {
        let (names, told) = read("[zebra]\n[ant]\n[mule]\n", |table| {
            table.named_tables().into_iter().map(|(name, _)| name.value).collect::<Vec<_>>()
        });
        assert_eq!(names, ["zebra", "ant", "mule"]);
        assert!(told.is_empty());
    }

    #[test]
    fn a_table_written_twice_is_told_once() {
        let text = "[desk]\nurl = \"a\"\n\n[desk]\nurl = \"b\"\n[other]\nx = 1\nx = 2\n";
        let ((), told) = read(text, |_| ());
        let help = "[give each a name of its own, or take one out]";
        assert_eq!(told, [format!("4:2 `desk` is written twice {help}"), format!("8:1 `x` is written twice {help}")]);
    }

    #[test]
    fn what_could_be_parsed_is_read_past_a_syntax_error() {
        let (found, told) = read("a = \nb = \"here\"\n", |table| table.text("b", |text| Ok(text.to_owned())));
        assert_eq!(found.unwrap().value, "here");
        assert_eq!(told.len(), 1, "{told:?}");
    }
}
