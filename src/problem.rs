//! Faults in what a person wrote: each with its file, its place, and what to do, all reported at once.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

/// A text that a person wrote, with the name under which it is shown.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Such as `config/rules/rain.toml`.
    pub name: String,
    /// Its whole text.
    pub text: String,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The configuration cannot be used.
    Error,
    /// It can, and someone should look.
    Warning,
}

/// One fault.
#[derive(Debug, Clone)]
pub struct Problem {
    /// In which text.
    pub file: Arc<SourceFile>,
    /// Where in it, in bytes.
    pub span: Range<usize>,
    /// How bad.
    pub level: Level,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// The line of the fault, from 1.
    pub fn line(&self) -> usize {
        let before = self.file.text.get(..self.span.start).unwrap_or(&self.file.text);
        before.matches('\n').count() + 1
    }
}

/// All the faults found so far. Shared by those who read, so that none of them stops at its first.
#[derive(Debug, Default)]
pub struct Problems {
    list: RefCell<Vec<Problem>>,
}

/// The most problems that are kept; a file that is not a configuration at all should not fill the memory.
pub const MAX_PROBLEMS: usize = 500;

impl Problems {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a fault.
    pub fn push(&self, problem: Problem) {
        let mut list = self.list.borrow_mut();
        if list.len() < MAX_PROBLEMS {
            list.push(problem);
        }
    }

    /// Notes an error at a place.
    pub fn error(&self, file: &Arc<SourceFile>, span: Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.push(Problem { file: Arc::clone(file), span, level: Level::Error, message: message.into(), help });
    }

    /// Notes a warning at a place.
    pub fn warning(
        &self,
        file: &Arc<SourceFile>,
        span: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.push(Problem { file: Arc::clone(file), span, level: Level::Warning, message: message.into(), help });
    }

    /// True when something makes the configuration unusable.
    pub fn has_errors(&self) -> bool {
        self.list.borrow().iter().any(|problem| problem.level == Level::Error)
    }

    /// All of them, by file and place.
    pub fn into_sorted(self) -> Vec<Problem> {
        let mut list = self.list.into_inner();
        list.sort_by(|a, b| (&a.file.name, a.span.start, a.span.end).cmp(&(&b.file.name, b.span.start, b.span.end)));
        list
    }
}

/// The known word nearest to a mistyped one, when it is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count().min(word.chars().count()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean" for a mistyped word, or the list of what is known.
pub fn advice(word: &str, known: &[&str]) -> Option<String> {
    match nearest(word, known.iter().copied()) {
        Some(meant) => Some(format!("did you mean `{meant}`?")),
        None if known.is_empty() => None,
        None => Some(format!("known here: {}", known.join(", "))),
    }
}
