//! The broken configurations of `tests/golden/config`, as those who test `check` and the schemas read them. It judges none.
//!
//! Each case is a text with the report it must give beside it. A line `#--- rules/rain.toml` begins a file of that name; without
//! one the whole text is `rules/case.toml`. `#--- wording/en.toml, but` begins the shipped file with changes: each line after `-`
//! is taken out, where it stands first, and those after `+` stand in its place. A case whose name begins with `warn-` can be used.

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

/// What a line begins with that begins a file.
const BEGIN: &str = "#--- ";

/// What ends such a line when the file is the shipped one with changes.
const CHANGED: &str = ", but";

fn files(text: &str) -> BTreeMap<String, String> {
    let mut written = BTreeMap::new();
    let mut name = "rules/case.toml".to_owned();
    for line in text.split_inclusive('\n') {
        match line.strip_prefix(BEGIN) {
            Some(next) => name = next.trim().to_owned(),
            None => written.entry(name.clone()).or_insert_with(String::new).push_str(line),
        }
    }
    let whole = |(name, text): (String, String)| match name.strip_suffix(CHANGED) {
        Some(name) => (name.to_owned(), changed(&shipped_text(name), &text)),
        None => (name, text),
    };
    written.into_iter().map(whole).collect()
}

fn shipped_text(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)).unwrap()
}

fn changed(shipped: &str, changes: &str) -> String {
    let mut lines: Vec<&str> = shipped.lines().collect();
    let mut place = 0;
    for change in changes.lines() {
        if let Some(old) = change.strip_prefix('-') {
            place = lines.iter().position(|line| *line == old).unwrap_or_else(|| panic!("`{old}` is not shipped"));
            lines.remove(place);
        } else if let Some(new) = change.strip_prefix('+') {
            lines.insert(place, new);
            place += 1;
        } else {
            panic!("`{change}` is no change");
        }
    }
    lines.join("\n") + "\n"
}
