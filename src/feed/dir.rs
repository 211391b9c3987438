//! A folder into which somebody drops files, each read as another kind of feed would read it. Never reads the folder itself, and
//! never looks into a folder within.

use std::collections::BTreeSet;
use std::path::{Component, Path};
use std::sync::Arc;

use super::{Batch, DecodeError, Feed, Folder, KINDS, Kind, Source, Surroundings};
use crate::table::Table;
use crate::time::Timestamp;
use crate::unit::Metric;

/// The kind.
pub const KIND: Kind = Kind {
    name: "dir",
    about: "files dropped into a folder, each read as another kind of feed",
    example: r#"kind = "dir"
path = "drop/stations"        # relative paths begin in the state directory
pattern = "*.csv"             # which files count; left out: all
reads = { kind = "cap" }      # how each is read: any kind but `dir`, with its own keys and without an address
"#,
    parse,
};

/// The longest pattern, in bytes.
const MAX_PATTERN_LEN: usize = 200;

/// One feed of this kind.
struct Dir {
    folder: Folder,
    inner: Arc<dyn Feed>,
}

fn parse(table: &Table<'_>, around: &Surroundings) -> Option<Arc<dyn Feed>> {
    let path = table.need_text("path", "\"drop/stations\"", |text| {
        let path = Path::new(text);
        match path.components().any(|part| part == Component::ParentDir) {
            _ if text.trim().is_empty() => Err("the path is empty".to_owned()),
            true => Err(format!("`{text}` leads upwards: write where the folder is")),
            false => Ok(path.to_owned()),
        }
    });
    let pattern = table.text("pattern", |text| {
        if text.is_empty() || MAX_PATTERN_LEN < text.len() || text.contains('/') {
            return Err(format!("`{text}` is not the pattern of a file's name, such as `*.csv`"));
        }
        Ok(text.to_owned())
    });
    if !table.has("reads") {
        table.missing("reads", "{ kind = \"csv\", … }");
    }
    let within = table.table("reads")?;
    let kinds: Vec<(&str, &'static Kind)> =
        KINDS.iter().filter(|kind| kind.name != KIND.name).map(|kind| (kind.name, kind)).collect();
    if !within.has("kind") {
        within.missing("kind", "\"csv\"");
    }
    let kind = within.word("kind", &kinds)?.value;
    let around = Surroundings { is_within: true, ..around.clone() };
    let before = table.faults();
    let inner = (kind.parse)(&within, &around);
    // A kind that gave up without a word has not asked for its keys: nothing can be said about those left over.
    if inner.is_some() || before < table.faults() {
        within.finish();
    }
    let (path, inner) = (path?.value, inner?);
    if !matches!(inner.source(Timestamp::UNIX_EPOCH), Source::Web(_)) {
        table.error(&table.span, format!("`{}` cannot be read from files", kind.name), None);
        return None;
    }
    let pattern = pattern.map_or_else(|| "*".to_owned(), |found| found.value);
    Some(Arc::new(Dir { folder: Folder { path, pattern }, inner }))
}

impl Feed for Dir {
    fn source(&self, _now: Timestamp) -> Source {
        Source::Folder(self.folder.clone())
    }

    fn gives(&self) -> Option<BTreeSet<Metric>> {
        self.inner.gives()
    }

    fn decode(&self, body: &[u8], now: Timestamp) -> Result<Batch, DecodeError> {
        self.inner.decode(body, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::keys::tests::{feed, read};

    const CSV: &str = r#"path = "drop"
pattern = "*.csv"
[reads]
kind = "csv"
time = { column = "T" }
place = { is = ["jeddah"] }
basis = "observed"
covers = "10min"
values = [{ column = "R", metric = "precipitation", unit = "mm" }]"#;

    fn now() -> Timestamp {
        "2025-12-09T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_file_is_read_as_its_kind_would_read_it_and_no_address_is_asked_for() {
        let stations = feed(&KIND, CSV);
        let folder = Folder { path: "drop".into(), pattern: "*.csv".to_owned() };
        assert_eq!(stations.source(now()), Source::Folder(folder));
        assert_eq!(stations.gives(), Some([Metric::Precipitation].into()));
        let batch = stations.decode(b"T,R\n2025-12-09T02:50,1.5\n", now()).unwrap();
        assert_eq!((batch.readings.len(), batch.skipped.len()), (1, 0), "{batch:?}");
        assert!(stations.decode(b"<html>", now()).is_err());
        for kind in ["cap", "ncm-ews", "gdacs", "met-norway", "openweathermap"] {
            let inner = feed(&KIND, &format!("path = \"drop\"\nreads = {{ kind = \"{kind}\" }}"));
            assert!(inner.decode(b"<html>", now()).is_err(), "{kind}");
        }
    }

    #[test]
    fn every_mistake_is_told_and_a_folder_is_not_read_within_a_folder() {
        let check = |text: &str, expected: &[&str]| {
            let (none, faults) = read(&KIND, text);
            assert!(none.is_none(), "{text}");
            let all = faults.join("\n");
            expected.iter().for_each(|part| assert!(all.contains(part), "{part} in {all}"));
        };
        check("", &["`path` is missing", "`reads` is missing"]);
        check("path = \"x\"\nreads = { kind = \"dir\" }", &["`dir` is not known here"]);
        check(
            "path = \"../x\"\nreads = { kind = \"csv\" }",
            &["leads upwards", "`time` is missing", "`values` is missing"],
        );
        check(
            "path = \"x\"\npattern = \"a/b\"\nreads = { kindd = \"csv\" }",
            &["not the pattern", "`kind` is missing"],
        );
        let (_, faults) = read(&KIND, KIND.example.split_once('\n').unwrap().1);
        assert_eq!(faults, Vec::<String>::new());
        let (_, faults) = read(&KIND, &CSV.replace("basis =", "bassis ="));
        assert!(faults.concat().contains("did you mean `basis`?"), "{faults:?}");
    }
}
