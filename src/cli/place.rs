//! Where the state is kept, and that only one nadhir keeps it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::view::View;
use super::which::Stopped;
use super::{EX_CONFIG, EX_UNAVAILABLE, check, complain};
use crate::config::{self, Config};

/// The database in the state directory.
pub const DATABASE: &str = "nadhir.sqlite3";

/// The file that is locked while a nadhir uses the directory.
const LOCK: &str = "nadhir.lock";

/// Where what the service lives by is: for the commands that look at both.
#[derive(Debug, clap::Args)]
pub struct Dirs {
    /// The directory of the configuration; what it lacks, and all without it, is taken from inside the program.
    #[arg(long, value_name = "DIR", env = "NADHIR_CONFIG")]
    pub config: Option<PathBuf>,
    /// The directory in which the state is kept [default: $STATE_DIRECTORY, else ~/.local/state/nadhir].
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

impl Dirs {
    /// Reads the configuration. When it has mistakes they are shown, with what is not known for them, and the exit code comes back.
    pub(super) fn configuration(&self, unknown: &str) -> Result<Config, u8> {
        config::load(self.config.as_deref()).map(|(config, _)| config).map_err(|problems| {
            check::report(&problems, &mut anstream::stderr());
            complain(&format_args!("the configuration has mistakes, see above: {unknown}"));
            EX_CONFIG
        })
    }
}

impl Dirs {
    /// The store of the service, for commands that need nothing else of the configuration: without one given, the file in the state
    /// directory. What stands in the way is shown, and the exit code comes back.
    pub(super) fn view(&self, unknown: &str) -> Result<View, u8> {
        let config = self.config.as_ref().map(|_| self.configuration(unknown)).transpose()?;
        let settings = config.as_ref().map(|config| &config.settings);
        let dir = state_dir(self.state.as_deref(), settings.and_then(|settings| settings.store.as_deref()));
        View::open(settings, &dir).map_err(|Stopped(_, why)| {
            complain(&why);
            EX_UNAVAILABLE
        })
    }
}

/// The state directory: the one asked for, the configured one, the one systemd gives, or the user's own.
pub fn state_dir(asked: Option<&Path>, configured: Option<&Path>) -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    asked
        .or(configured)
        .map(Path::to_path_buf)
        .or_else(|| variable("STATE_DIRECTORY"))
        .or_else(|| variable("XDG_STATE_HOME").map(|home| home.join("nadhir")))
        .or_else(|| variable("HOME").map(|home| home.join(".local/state/nadhir")))
        .unwrap_or_else(|| PathBuf::from("nadhir-state"))
}

/// The database in a state directory, where a service has made one.
///
/// # Errors
/// A sentence for the operator when there is none.
pub(super) fn database_in(dir: &Path) -> Result<PathBuf, String> {
    let path = dir.join(DATABASE);
    let missing = || format!("there is no state in {}: give its directory with --state", dir.display());
    if path.exists() { Ok(path) } else { Err(missing()) }
}

/// A state directory in our hands; given back when dropped or when the process ends in any way.
#[derive(Debug)]
pub struct Held {
    /// Where.
    pub dir: PathBuf,
    _lock: File,
}

impl Held {
    /// The database in it.
    pub fn database(&self) -> PathBuf {
        self.dir.join(DATABASE)
    }
}

/// Makes the directory when it is missing, and takes it for us alone.
///
/// # Errors
/// When it cannot be made or written, or another nadhir has it.
pub fn hold(dir: &Path) -> anyhow::Result<Held> {
    anyhow::ensure!(
        dir.is_dir() || !dir.exists(),
        "the state cannot be kept in {}, which is not a directory: give it one with --state",
        dir.display()
    );
    std::fs::create_dir_all(dir).with_context(|| format!("the state directory {} cannot be made", dir.display()))?;
    let path = dir.join(LOCK);
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(Held { dir: dir.to_path_buf(), _lock: lock }),
        Err(TryLockError::WouldBlock) => Err(anyhow::anyhow!(
            "another nadhir is running on {}: stop it first, or give this one a directory of its own with --state",
            dir.display()
        )),
        Err(TryLockError::Error(why)) => Err(why).with_context(|| format!("{} cannot be locked", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_directory_serves_one_nadhir() {
        let dir = tempfile::tempdir().unwrap();
        let held = hold(dir.path()).unwrap();
        assert!(hold(dir.path()).unwrap_err().to_string().contains("another nadhir"));
        drop(held);
        assert!(hold(dir.path()).is_ok());
    }
}
