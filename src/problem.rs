//! Faults in what a person wrote: each with its file, its place, and what to do, all reported at once.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level as DrawnLevel, Origin, Renderer, Snippet};
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
        let is_error = problem.level == Level::Error;
        if list.len() < MAX_PROBLEMS {
            list.push(problem);
        } else if is_error && let Some(milder) = list.iter_mut().rfind(|kept| kept.level == Level::Warning) {
            // However many warnings came first, an error must not be lost behind them.
            *milder = problem;
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

    /// Forgets those that were noted after so many others and follow from something else.
    pub fn forget_since(&self, count: usize, follows: impl Fn(&Problem) -> bool) {
        let mut place = 0;
        self.list.borrow_mut().retain(|problem| {
            place += 1;
            place <= count || !follows(problem)
        });
    }

    /// True when something makes the configuration unusable.
    pub fn has_errors(&self) -> bool {
        self.list.borrow().iter().any(|problem| problem.level == Level::Error)
    }

    /// How many of them make the configuration unusable.
    pub fn errors(&self) -> usize {
        self.list.borrow().iter().filter(|problem| problem.level == Level::Error).count()
    }

    /// How many were noted so far; it stands still at [`MAX_PROBLEMS`].
    pub fn count(&self) -> usize {
        self.list.borrow().len()
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
    let is_near = |distance: usize, candidate: &str| {
        let (shorter, longer) = {
            let (a, b) = (candidate.chars().count(), word.chars().count());
            (a.min(b), a.max(b))
        };
        // Half of a short word is not a slip: `fr` is not meant to be `ar`.
        distance <= 1 + shorter / 4 && 2 * distance < longer
    };
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| is_near(*distance, candidate))
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

/// Draws faults for people, each with the line it stands on and a caret under it; coloured when `is_styled`.
pub fn render(problems: &[Problem], is_styled: bool) -> String {
    let renderer = if is_styled { Renderer::styled() } else { Renderer::plain() };
    problems.iter().map(|problem| format!("{}\n\n", renderer.render(&[problem.drawing()]))).collect()
}

impl Problem {
    /// The column of the fault in its line, in characters from 1.
    pub fn column(&self) -> usize {
        let before = self.file.text.get(..self.span.start).unwrap_or("");
        before.rsplit('\n').next().unwrap_or("").chars().count() + 1
    }

    /// True when the fault is one of the file as a whole and has no place in it.
    pub fn is_of_whole_file(&self) -> bool {
        self.span == (0..0)
    }

    fn drawing(&self) -> Group<'_> {
        let level = match self.level {
            Level::Error => DrawnLevel::ERROR,
            Level::Warning => DrawnLevel::WARNING,
        };
        let title = level.primary_title(&self.message);
        let group = if self.is_of_whole_file() {
            title.element(Origin::path(&self.file.name))
        } else {
            let caret = AnnotationKind::Primary.span(self.drawable_span());
            title.element(Snippet::source(masked(&self.file.text)).path(&self.file.name).annotation(caret))
        };
        match &self.help {
            Some(help) => group.element(DrawnLevel::HELP.message(help)),
            None => group,
        }
    }

    /// The span within the text and on whole characters, whatever was noted.
    fn drawable_span(&self) -> Range<usize> {
        let text = &self.file.text;
        let whole = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let start = whole(self.span.start);
        start..whole(self.span.end).max(start)
    }
}

/// Words in a key that say that its value is nobody's business.
const SECRET_WORDS: &[&str] = &["secret", "token", "passw", "key"];

/// The text with stars for what someone wrote in plain where only the name of a secret belongs; as long as it was, so that
/// places in it still hold. Reports are pasted into tickets and logs.
fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('=') {
        shown.push_str(before);
        shown.push('=');
        rest = after;
        let value = after.trim_start_matches([' ', '\t']);
        if !names_a_secret(before) || value.starts_with('{') {
            continue;
        }
        // A text over several lines ends with its three quotes; any other is hidden with the rest of its line.
        let left = match ["\"\"\"", "'''"].into_iter().find_map(|quotes| Some((quotes, value.strip_prefix(quotes)?))) {
            Some((quotes, inner)) => inner.split_once(quotes).map_or("", |(_, left)| left),
            None => value.find('\n').map_or("", |end| value.split_at(end).1),
        };
        let (hidden, left) = after.split_at(after.len() - left.len());
        shown.extend(hidden.chars().map(|c| if c.is_whitespace() { c.to_string() } else { "*".repeat(c.len_utf8()) }));
        rest = left;
    }
    shown.push_str(rest);
    without_users(&shown)
}

/// The text with stars for the user name and password of every address in it, as long as it was.
fn without_users(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).unwrap_or(after.len());
        let (address, left) = after.split_at(end);
        let (user, place) = address.split_at(address.rfind('@').unwrap_or(0));
        shown.extend(user.chars().map(|c| "*".repeat(c.len_utf8())));
        shown.push_str(place);
        rest = left;
    }
    shown.push_str(rest);
    shown
}

/// True when the last word before an equals sign is the name of a secret.
fn names_a_secret(before: &str) -> bool {
    let before = before.trim_end().trim_end_matches(['"', '\'']);
    let name = before.rsplit(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-'))).next().unwrap_or("");
    let name = name.to_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(text: &str, span: Range<usize>, help: Option<&str>) -> String {
        let problems = Problems::new();
        let file = Arc::new(SourceFile { name: "a.toml".to_owned(), text: text.to_owned() });
        problems.error(&file, span, "it is wrong", help.map(str::to_owned));
        render(&problems.into_sorted(), false)
    }

    #[test]
    fn the_caret_stands_under_the_fault() {
        insta::assert_snapshot!(draw("one = 1\ntwo = 22\n", 14..16, Some("write 2")), @"
        error: it is wrong
         --> a.toml:2:7
          |
        2 | two = 22
          |       ^^
          |
          = help: write 2
        ");
    }

    #[test]
    fn the_caret_stands_under_arabic_as_well() {
        let text = "governorates = [\"جدة\", \"جازان\"]\n";
        let start = text.find("جازان").unwrap() - 1;
        let drawn = draw(text, start..start + "\"جازان\"".len(), None);
        let lines: Vec<&str> = drawn.lines().collect();
        let column = |line: &str, what: char| line.chars().position(|c| c == what);
        let caret = column(lines[4], '^').unwrap();
        assert_eq!(lines[3].chars().skip(caret).take(7).collect::<String>(), "\"جازان\"");
        assert_eq!(lines[4].matches('^').count(), 7);
    }

    #[test]
    fn a_span_outside_the_text_or_within_a_character_is_drawn_all_the_same() {
        assert!(draw("", 5..9, None).contains("it is wrong"));
        assert!(draw("ab", 1..99, None).contains('^'));
        assert!(draw("جدة", 1..2, None).contains('^'));
        assert!(draw("text", 0..0, None).contains("--> a.toml\n"));
    }

    #[test]
    fn a_secret_written_in_plain_is_never_drawn() {
        for text in [
            "secrett = \"hunter2\"",
            "[a]\nsecret=\"hunter2\" # hunter2\nx = 1",
            "\"Bot-Token\" = 'hunter2'",
            "a = { api_key = \"say \\\"hunter2\\\"\" }",
            "password = \"\"\"\nhunter2\n\"\"\"\nx = 1",
            "token = \"\"\"hunter2",
            "token = '''\nhunter2\n'''\n",
            "token = \"hunter2",
            "tokens = [\"hunter2\"]",
            "كلمة_secret = \"hunter2 سر\"",
            "url = \"https://desk:hunter2@desk.example/a\" # https://hunter2@b",
            "url = \"https://desk:hun/ter2/hunter2@desk.example/a",
        ] {
            for start in 0..text.len() {
                let drawn = draw(text, start..text.len(), None);
                assert!(!drawn.contains("hunter2"), "{drawn}");
            }
            assert_eq!(masked(text).len(), text.len());
        }
        let named = "secret = { file = \"/etc/nadhir/desk\" }\nurl = \"https://a\" # = secret\n";
        assert_eq!(masked(named), named);
    }

    #[test]
    fn the_memory_is_not_filled_by_a_file_that_is_no_configuration() {
        let problems = Problems::new();
        let file = Arc::new(SourceFile { name: "a.toml".to_owned(), text: String::new() });
        for _ in 0..2 * MAX_PROBLEMS {
            problems.error(&file, 0..0, "again", None);
        }
        assert_eq!(problems.count(), MAX_PROBLEMS);
    }

    #[test]
    fn an_error_is_not_lost_behind_any_number_of_warnings() {
        let problems = Problems::new();
        let file = Arc::new(SourceFile { name: "a.toml".to_owned(), text: String::new() });
        for _ in 0..2 * MAX_PROBLEMS {
            problems.warning(&file, 0..0, "mild", None);
        }
        assert!(!problems.has_errors());
        problems.error(&file, 0..0, "grave", None);
        assert!(problems.has_errors());
        assert_eq!(problems.count(), MAX_PROBLEMS);
    }

    #[test]
    fn a_slip_finds_the_word_that_was_meant_and_a_stranger_finds_none() {
        let known = ["precipitation", "temperature", "jeddah"];
        assert_eq!(nearest("precipitaton", known), Some("precipitation"));
        assert_eq!(nearest("Jedda", known), Some("jeddah"));
        assert_eq!(nearest("humidity", known), None);
        assert_eq!(nearest("fr", ["ar", "en"]), None);
        assert_eq!(advice("humidity", &known).unwrap(), "known here: precipitation, temperature, jeddah");
    }
}
