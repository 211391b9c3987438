//! The broken configurations of `tests/golden/config`, as those who test `check` and the schemas read them. It judges none.
//!
//! Each case is a text with the report it must give beside it. A line `#--- rules/rain.toml` begins a file of that name; without
//! one the whole text is `rules/case.toml`. A case whose name begins with `warn-` can be used.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where the cases lie.
pub(super) fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/config")
}

/// Every case: its name, and its files.
pub(super) fn all() -> Vec<(String, BTreeMap<String, String>)> {
    let paths = std::fs::read_dir(home()).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, files(&std::fs::read_to_string(&path).unwrap()))
        })
        .collect();
    cases.sort();
    cases
}

fn files(text: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut name = "rules/case.toml".to_owned();
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("#--- ") {
            Some(next) => name = next.trim().to_owned(),
            None => files.entry(name.clone()).or_insert_with(String::new).push_str(line),
        }
    }
    files
}
