//! Whose telephones are told: numbers as E.164 has them, in the table of the channel or one a line in a file. They are never shown.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::SendError;
use super::spread::mark;
use crate::message::brief::Part;
use crate::table::{Found, Table};

/// The most telephones in the table of a channel, and in its file.
pub(crate) const MAX_TO: usize = 100;
const MAX_IN_FILE: usize = 10_000;

/// The largest file that is read, in bytes.
const MAX_LEN: u64 = 1024 * 1024;

/// What is told to whom, each under its mark.
type Marked = Vec<(u64, (String, Part))>;

/// The telephones of a channel.
#[derive(Clone)]
pub(super) struct People {
    to: Vec<String>,
    recipients: Option<PathBuf>,
}

impl People {
    /// Reads `to` and `recipients`.
    pub(super) fn parse(table: &Table<'_>) -> Self {
        let (to, recipients) = parse(table);
        Self { to, recipients }
    }

    /// How many there are, where all of them stand in the table.
    pub(super) fn count(&self) -> Option<usize> {
        self.recipients.is_none().then_some(self.to.len())
    }

    /// A message in each language for everybody, each under a mark of its own, and how many lines of the file are no telephone.
    pub(super) async fn messages(&self, dir: &Path, parts: &[Part]) -> Result<(Marked, usize), SendError> {
        let (people, unread) = self.all(dir).await?;
        let messages = people.iter().flat_map(|to| parts.iter().map(move |part| (to.clone(), part.clone())));
        let marked = messages.map(|(to, part)| (mark(&format!("{to}/{}", part.language.tag())), (to, part)));
        Ok((marked.collect(), unread))
    }

    /// Everybody, and how many lines of the file, which lies in a directory, are no telephone.
    pub(super) async fn all(&self, dir: &Path) -> Result<(Vec<String>, usize), SendError> {
        let Some(path) = self.recipients.as_ref().map(|path| dir.join(path)) else { return Ok((self.to.clone(), 0)) };
        let shown = path.display().to_string();
        let read = tokio::task::spawn_blocking(move || read(&path)).await;
        let read = read.map_err(std::io::Error::other).and_then(|read| read);
        let (mut all, unread) = read.map_err(|why| SendError::Later {
            why: format!("the telephones in {shown} cannot be read: {why}"),
            retry_after: None,
        })?;
        all.extend(self.to.iter().cloned());
        all.sort_unstable();
        all.dedup();
        Ok((all, unread))
    }
}

fn parse(table: &Table<'_>) -> (Vec<String>, Option<PathBuf>) {
    const EXAMPLE: &str = "[\"+966500000001\"]";
    let recipients = table.text("recipients", |text| {
        if text.is_empty() { Err("the path is empty".to_owned()) } else { Ok(PathBuf::from(text)) }
    });
    if !table.has("to") && !table.has("recipients") {
        table.missing("to", EXAMPLE);
    }
    let texts = table.texts("to").unwrap_or_default();
    if table.has("to") && texts.is_empty() {
        table.error(&table.span_of("to"), "`to` names nobody", Some(format!("write {EXAMPLE}, or `enabled = false`")));
    }
    if MAX_TO < texts.len() {
        let message = format!("`to` names {} telephones: at most {MAX_TO} stand here", texts.len());
        table.error(
            &table.span_of("to"),
            message,
            Some("write them into a file, `recipients = \"phones.txt\"`".to_owned()),
        );
    }
    let mut seen = BTreeSet::new();
    let mut read = |found: Found<String>| match is_number(&found.value) {
        true if seen.insert(found.value.clone()) => Some(found.value),
        true => {
            table.error(&found.span, "`to`: this number is named twice", None);
            None
        }
        false => {
            let help = "write it with + and the code of its country, digits alone: \"+966500000001\"".to_owned();
            table.error(&found.span, "`to`: this is not the number of a telephone", Some(help));
            None
        }
    };
    let to = texts.into_iter().filter_map(&mut read).collect();
    (to, recipients.map(|found| found.value))
}

/// True for a number with its country: `+` and 8 to 15 digits, the first of them not 0.
fn is_number(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else { return false };
    (8..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads a file: each number once, and how many lines are none. Lines that are empty or begin with # are left out.
fn read(path: &Path) -> std::io::Result<(Vec<String>, usize)> {
    let mut text = String::new();
    let read = std::fs::File::open(path)?.take(MAX_LEN + 1).read_to_string(&mut text)?;
    if MAX_LEN < read as u64 {
        return Err(std::io::Error::other(format!("it is larger than {MAX_LEN} bytes")));
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (numbers, others): (BTreeSet<&str>, Vec<&str>) =
        lines.fold((BTreeSet::new(), Vec::new()), |(mut numbers, mut others), line| {
            if is_number(line) {
                numbers.insert(line);
            } else {
                others.push(line);
            }
            (numbers, others)
        });
    if MAX_IN_FILE < numbers.len() {
        return Err(std::io::Error::other(format!(
            "it holds {} numbers: at most {MAX_IN_FILE} are told",
            numbers.len()
        )));
    }
    Ok((numbers.into_iter().map(str::to_owned).collect(), others.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_its_country_and_nothing_but_digits() {
        assert!(is_number("+966500000001") && is_number("+12025550123"));
        for wrong in [
            "966500000001",
            "+0966500000001",
            "+966 50 000 0001",
            "+9665",
            "+٩٦٦٥٠٠٠٠٠٠٠١",
            "+9665000000010000",
            "00966500000001",
        ] {
            assert!(!is_number(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_file_gives_each_number_once_and_counts_what_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("phones.txt");
        std::fs::write(&path, "# on duty\n+966500000002\n\n +966500000001 \n+966500000002\n0500000003\n").unwrap();
        assert_eq!(read(&path).unwrap(), (vec!["+966500000001".to_owned(), "+966500000002".to_owned()], 1));
        assert!(read(&dir.path().join("none")).is_err());
    }
}
