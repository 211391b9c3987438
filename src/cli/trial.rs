//! What the tests of commands have in common: a clock that stands still, a brain over a store on the disk, and golden files.

use std::path::Path;
use std::sync::Arc;

use super::place;
use crate::config::Config;
use crate::daemon::Sights;
use crate::daemon::bells::Bells;
use crate::daemon::brain::{Brain, Mind};
use crate::store::Store;
use crate::store::sqlite::SqliteStore;
use crate::time::Timestamp;

/// Minutes after a midnight in Riyadh.
pub(super) fn at(minute: i64) -> Timestamp {
    Timestamp::from_timestamp(1_765_227_600 + minute * 60, 0).unwrap()
}

/// The brain of a service with its state in a directory.
pub(super) async fn awake(dir: &Path, config: &Config) -> Brain {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.join(place::DATABASE)).unwrap());
    let listeners = config.channels.iter().map(|channel| channel.listener.clone()).collect();
    let mind = Mind { book: Arc::clone(&config.rules), listeners, speaker: config.speaker.clone() };
    Brain::awake(store, Arc::new(mind), Bells::default(), Sights::default(), at(0)).await.unwrap()
}

/// Text as it stands where nobody sees colours.
pub(super) fn without_colours(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// Compares with a golden file.
#[track_caller]
pub(super) fn golden(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
