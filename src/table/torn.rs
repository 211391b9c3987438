//! Files that break a rule of TOML: each slip is told once, with what to do, and what only follows from it is not told at all.

use std::collections::BTreeSet;
use std::sync::Arc;

use toml::de::Error;

use super::table_from;
use crate::problem::{Problem, Problems, SourceFile};

/// The lines of a file that could not be read; none for a file without a slip.
pub(super) struct Torn(BTreeSet<usize>);

/// What the parser says of a text or a list that is not closed: the line after it is read as a part of it.
const UNCLOSED: [&str; 4] = ["invalid basic string", "invalid literal string", "unclosed", "invalid multi-line"];

impl Torn {
    /// Notes what breaks a rule of TOML, the first slip of each line.
    pub(super) fn note(file: &Arc<SourceFile>, errors: &[Error], problems: &Problems) -> Self {
        let mut lines = BTreeSet::new();
        let mut unclosed = None;
        let mut twice = 0..0;
        let mut errors: Vec<_> = errors.iter().map(|error| (error.span().unwrap_or(0..0), error)).collect();
        errors.sort_by_key(|(span, _)| span.start);
        for (span, error) in errors {
            let line = line_of(&file.text, span.start);
            let message = error.message().to_lowercase();
            if message == "duplicate key" {
                if !twice.contains(&span.start) {
                    let name = file.text.get(span.clone()).unwrap_or("a name");
                    let help = "give each a name of its own, or take one out".to_owned();
                    problems.error(file, span.clone(), format!("`{name}` is written twice"), Some(help));
                    twice = table_from(&file.text, span.start);
                }
                continue;
            }
            let is_first = lines.insert(line);
            if UNCLOSED.iter().any(|words| message.starts_with(words)) {
                unclosed = Some(line);
            }
            let follows = unclosed.is_some_and(|unclosed| line == unclosed + 1);
            if is_first && !follows {
                let help = advice(&file.text, line, span.start, &message);
                problems.error(file, span, message, help);
            }
        }
        Self(lines)
    }

    /// Takes out what was noted since and follows from the slips: what stands in their lines, and what seems to be missing.
    pub(super) fn settle(&self, file: &Arc<SourceFile>, since: usize, problems: &Problems) {
        if self.0.is_empty() {
            return;
        }
        let is_of_a_whole_table = |problem: &Problem| {
            let begin = problem.span.start;
            let is_at_line = begin == 0 || file.text.get(..begin).is_some_and(|before| before.ends_with('\n'));
            problem.is_of_whole_file()
                || (is_at_line && file.text.get(begin..).is_some_and(|text| text.starts_with('[')))
        };
        let follows = |problem: &Problem| self.0.contains(&problem.line()) || is_of_a_whole_table(problem);
        problems.forget_since(since, |problem| Arc::ptr_eq(&problem.file, file) && follows(problem));
    }
}

/// The line of a place, from 1.
fn line_of(text: &str, place: usize) -> usize {
    text.get(..place).unwrap_or(text).matches('\n').count() + 1
}

/// Quotation marks that TOML does not know.
const QUOTES: [char; 8] = ['“', '”', '„', '‘', '’', '«', '»', '`'];

/// What to do about a slip, by what stands at its place.
fn advice(text: &str, line: usize, place: usize, message: &str) -> Option<String> {
    let line = text.lines().nth(line - 1).unwrap_or_default();
    let here = text.get(place..).unwrap_or_default();
    let is_digit = |c: char| matches!(c, '٠'..='٩' | '۰'..='۹');
    let word: String = here.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_')).collect();
    let help = match here.chars().next() {
        _ if line.trim_start().starts_with("//") => "a remark begins with `#`".to_owned(),
        _ if line.contains(QUOTES) => "write straight quotation marks: \"…\"".to_owned(),
        Some('،' | '؛') => "write the comma of Latin script: `,`".to_owned(),
        Some(':') => "write `=` between a key and its value".to_owned(),
        Some(c) if is_digit(c) => "write the digits 0123456789".to_owned(),
        _ if matches!(word.to_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off") => {
            "write true or false, in small letters and without quotation marks".to_owned()
        }
        _ if message.starts_with("string values must be quoted") => format!("put it in quotation marks: \"{word}\""),
        _ if message.starts_with("invalid basic string") || message.starts_with("invalid literal string") => {
            "close the quotation mark before the end of the line".to_owned()
        }
        _ if message.starts_with("unclosed table") => "close the brackets: `[name]`".to_owned(),
        _ if message.starts_with("unclosed array") => "close the list with `]`".to_owned(),
        _ if message.starts_with("missing comma") => "write a comma between them".to_owned(),
        _ if message.starts_with("key with no value") => "write a key, `=` and a value".to_owned(),
        _ => return None,
    };
    Some(help)
}
