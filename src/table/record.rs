//! What readers ask tables for, recorded for the tests that hold the schemas against them. It is in no program that runs.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::Table;

/// A table that a reader was done with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The file that it stands in.
    pub(crate) file: String,
    /// Its name in the file.
    pub(crate) table: String,
    /// What is written under `kind`.
    pub(crate) kind: Option<String>,
    /// Every key that was asked for.
    pub(crate) asked: BTreeSet<&'static str>,
}

thread_local! {
    static RECORDS: RefCell<Option<Vec<Record>>> = const { RefCell::new(None) };
}

/// Runs something and returns every table that was read meanwhile.
pub(crate) fn during(run: impl FnOnce()) -> Vec<Record> {
    RECORDS.with(|records| *records.borrow_mut() = Some(Vec::new()));
    run();
    RECORDS.with(|records| records.borrow_mut().take()).unwrap_or_default()
}

/// Notes a table that a reader is done with.
pub(super) fn note(table: &Table<'_>) {
    RECORDS.with(|records| {
        if let Some(records) = records.borrow_mut().as_mut() {
            records.push(Record {
                file: table.file.name.clone(),
                table: table.name.clone(),
                kind: table.entries.get("kind").and_then(|kind| kind.get_ref().as_str()).map(str::to_owned),
                asked: table.asked.borrow().iter().copied().collect(),
            });
        }
    });
}
