//! Proving a configuration that could be read: the stories of its rules are lived through, and all that its wording can say is said
//! once. Nothing of it leaves this machine.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Config, Files, Read, complete, directory, in_memory, read};
use crate::problem::{Problem, Problems};

/// A configuration that was proved: its stories came true, and all that it can say was said once.
#[derive(Debug, Clone)]
pub struct Proved {
    /// The configuration.
    pub config: Config,
    /// What somebody should look at all the same.
    pub warnings: Vec<Problem>,
    /// How many texts were told.
    pub texts: usize,
}

/// Reads the configuration of a directory as [`load`](super::load) does, tells everything once that its wording can tell, and lives through its
/// stories: what `check` and a reload ask for.
///
/// # Errors
/// All mistakes and warnings, by file and place; a text that cannot be told and a story that ends otherwise are mistakes.
pub fn load_and_prove(dir: Option<&Path>) -> Result<Proved, Vec<Problem>> {
    let problems = Problems::new();
    let own = dir.map(|dir| directory::read(dir, &problems)).unwrap_or_default();
    prove(own, dir, problems)
}

/// Reads a configuration from memory as [`from_files`](super::from_files) does, and proves it as [`load_and_prove`] does.
///
/// # Errors
/// As [`load_and_prove`].
pub fn prove_files(files: BTreeMap<String, String>) -> Result<Proved, Vec<Problem>> {
    let problems = Problems::new();
    let own = in_memory(files, &problems);
    prove(own, None, problems)
}

fn prove(own: Files, dir: Option<&Path>, problems: Problems) -> Result<Proved, Vec<Problem>> {
    let Some(Read { config, rehearsal }) = read(&complete(own), dir, &problems) else {
        return Err(problems.into_sorted());
    };
    // Stories are of rules, which may have mistakes of their own; the wording is tried whatever else is wrong.
    let is_readable = !problems.has_errors();
    let texts = rehearsal.map_or(0, |rehearsal| rehearsal.run(&problems));
    if let Some(config) = config.as_ref().filter(|_| is_readable) {
        config.check_stories().into_iter().for_each(|untrue| problems.push(untrue));
    }
    match config {
        Some(config) if !problems.has_errors() => Ok(Proved { config, warnings: problems.into_sorted(), texts }),
        _ => Err(problems.into_sorted()),
    }
}

impl Config {
    /// Lives through the stories of the rules and returns those that end otherwise than they are told.
    ///
    /// Whoever starts a service goes on without them: a story is no reason to be without warnings.
    pub fn check_stories(&self) -> Vec<Problem> {
        self.stories.iter().filter_map(|story| story.check(&self.rules, self.settings.style.zone)).collect()
    }
}
