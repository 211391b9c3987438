//! What files of a kind are read with: the settings of a feed of that kind, or those that the kind has by itself.
//!
//! Settings that cannot be guessed are never made up: whoever tries files of a table has to say which column is what.

use std::sync::Arc;

use crate::config::{BUILT_IN, Config, FeedConfig};
use crate::feed::{Feed, KINDS, Kind, Surroundings, cap};
use crate::governorate::GovernorateBook;
use crate::problem::{Problems, SourceFile};
use crate::table::read_file;

/// Kinds that go by a mapping which only the owner of the data knows.
const BY_MAPPING: [&str; 2] = ["csv", "json"];

/// What a file is read with.
pub(super) enum Reader {
    /// The alerts of CAP one by one, with all that is odd about them.
    Cap(Arc<GovernorateBook>),
    /// A feed of another kind.
    Other(Arc<dyn Feed>),
}

/// Finds what reads files of a kind, and a word on whose settings that goes by when no feed of the kind is enabled.
///
/// # Errors
/// When the kind needs settings and nobody has written them.
pub(super) fn of(name: &str, config: &Config) -> Result<(Reader, Option<String>), String> {
    if name == cap::KIND.name {
        return Ok((Reader::Cap(Arc::clone(&config.governorates)), None));
    }
    let first = |feeds: &[FeedConfig]| feeds.iter().find(|feed| feed.kind == name).cloned();
    if let Some(feed) = first(&config.feeds) {
        return Ok((Reader::Other(feed.feed), None));
    }
    let none = format!("no feed of the kind `{name}` is enabled");
    // The samples inside the program are settings of nobody.
    let is_own = config.files.iter().any(|file| file.name.ends_with("feeds.toml") && !file.name.starts_with(BUILT_IN));
    let is_mapped = BY_MAPPING.contains(&name);
    if let Some(feed) = first(&config.idle).filter(|_| is_own || !is_mapped) {
        let word = format!("{none}: its files are read by the settings of `{}`, which is not enabled", feed.id);
        return Ok((Reader::Other(feed.feed), Some(word)));
    }
    if is_mapped {
        return Err(format!(
            "{none}, and which part of a file means what cannot be guessed: describe a feed of this kind in feeds.toml \
             (with `enabled = false` it is never asked) and name its directory with --config"
        ));
    }
    let kind = KINDS.iter().find(|kind| kind.name == name).ok_or_else(|| format!("no kind is called `{name}`"))?;
    let by_itself = |text: &str| by_itself(kind, text, &config.governorates, config);
    if let Some(feed) = by_itself("") {
        return Ok((Reader::Other(feed), Some(format!("{none}: its files are read by what the kind does by itself"))));
    }
    match by_itself(kind.example) {
        Some(feed) => {
            let lines = kind.example.trim_end().lines().map(|line| format!("\n  {line}")).collect::<String>();
            Ok((
                Reader::Other(feed),
                Some(format!("{none}: its files are read by the settings of its example:{lines}")),
            ))
        }
        None => Err(format!(
            "{none}, and its example does not fit these governorates: describe a feed of this kind in feeds.toml"
        )),
    }
}

/// A feed of a kind with these settings, as if another feed brought the bytes; none when they are not enough.
fn by_itself(kind: &Kind, text: &str, book: &Arc<GovernorateBook>, config: &Config) -> Option<Arc<dyn Feed>> {
    let file = Arc::new(SourceFile { name: format!("{BUILT_IN}{}", kind.name), text: text.to_owned() });
    let around = Surroundings {
        book: Arc::clone(book),
        zone: config.settings.style.zone,
        beside: Arc::default(),
        is_within: true,
    };
    let problems = Problems::new();
    let feed = read_file(&file, &problems, |table| (kind.parse)(&table, &around));
    feed.filter(|_| !problems.has_errors())
}
