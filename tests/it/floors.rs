//! The house keeps its shape: modules in reading order, imports only from above, no file that needs a table of contents.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The most lines that a file of the project may have.
const MAX_LINES: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The modules of `lib.rs` and the floor each stands on, the topmost first.
fn floors() -> BTreeMap<String, usize> {
    let lib = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let modules = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    modules.enumerate().map(|(floor, name)| (name.to_owned(), floor)).collect()
}

/// The module of `lib.rs` that a file belongs to: `src/rule/judge.rs` is of `rule`.
fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// The modules of the crate that a text names, by `crate::name` and by `use crate::{name, …}`.
fn named(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for rest in text.split("crate::").skip(1) {
        let within = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(within, _)| within);
        for part in within.unwrap_or(rest).split(',').take(if within.is_some() { usize::MAX } else { 1 }) {
            let name: String = part.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            names.push(name);
        }
    }
    names
}

/// What the program itself says, without its tests: those may look anywhere.
fn without_tests(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy();
    if name == "tests.rs" || name == "stories.rs" || path.components().any(|part| part.as_os_str() == "tests") {
        return None;
    }
    let text = std::fs::read_to_string(path).unwrap();
    Some(text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned())
}

#[test]
fn a_module_imports_only_from_above() {
    let floors = floors();
    assert!(floors.len() > 20, "lib.rs was not understood: {floors:?}");
    let mut wrong = Vec::new();
    for path in rust_files(&root().join("src")) {
        let module = module_of(&path);
        let Some(own) = floors.get(&module) else { continue };
        let Some(text) = without_tests(&path) else { continue };
        for name in named(&text) {
            if floors.get(&name).is_some_and(|floor| own < floor) {
                wrong.push(format!("{} takes from `{name}`, which stands below it in lib.rs", path.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_module_is_in_the_reading_order() {
    let floors = floors();
    for path in rust_files(&root().join("src")) {
        let module = module_of(&path);
        assert!(
            ["main", "lib"].contains(&module.as_str()) || floors.contains_key(&module),
            "{module} is not in lib.rs"
        );
    }
}

#[test]
fn no_file_needs_a_table_of_contents_and_each_says_what_it_is_for() {
    let files = rust_files(&root().join("src")).into_iter().chain(rust_files(&root().join("tests")));
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines: it is two files", path.display());
        assert!(text.starts_with("//!"), "{} does not say what it is for", path.display());
    }
}

#[test]
fn the_top_level_holds_what_was_agreed_and_nothing_else() {
    let agreed = ["Cargo.toml", "Cargo.lock", "LICENSE", "README.md", "src", "config", "tests", "systemd", "target"];
    for entry in std::fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(name.starts_with('.') || agreed.contains(&name.as_str()), "{name} has no place at the top level");
    }
}
