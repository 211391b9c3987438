//! The demo's directory: its store, its secret, the record of its receiver, and how far the storm had got.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use super::storm::Storm;
use crate::cli::place::{DATABASE, Held};

/// What the demo writes into its directory, so that a new one can take its own things away and nothing else.
const OWN: &[&str] =
    &["demo.json", "secret", "arrivals.jsonl", BULLETINS, DATABASE, "nadhir.sqlite3-wal", "nadhir.sqlite3-shm"];

/// The file channel of the demo.
pub const BULLETINS: &str = "bulletins.jsonl";

/// How many bytes the demo's secret has.
const SECRET_LEN: usize = 32;

/// The directory, ready for a storm.
#[derive(Debug, Clone)]
pub struct Home {
    /// Where.
    pub dir: PathBuf,
    /// True when a storm that was interrupted goes on.
    pub is_resumed: bool,
}

impl Home {
    /// The store.
    pub fn database(&self) -> PathBuf {
        self.dir.join(DATABASE)
    }

    /// The secret of the demo's webhooks.
    pub fn secret(&self) -> PathBuf {
        self.dir.join("secret")
    }

    /// What the receiver has taken.
    pub fn arrivals(&self) -> PathBuf {
        self.dir.join("arrivals.jsonl")
    }

    /// What the file channel has written.
    pub fn bulletins(&self) -> PathBuf {
        self.dir.join(BULLETINS)
    }
}

/// What is remembered of the storm that is played.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    storm: String,
    is_over: bool,
}

/// Prepares the directory: goes on with the same storm when it was interrupted, else begins anew.
///
/// # Errors
/// When the directory cannot be read or written.
pub fn enter(held: &Held, storm: &Storm, is_fresh: bool) -> anyhow::Result<Home> {
    let note = read_note(&held.dir);
    let is_resumed = !is_fresh && note.is_some_and(|note| !note.is_over && note.storm == storm.title.en);
    let home = Home { dir: held.dir.clone(), is_resumed };
    if !is_resumed {
        for name in OWN {
            remove(&home.dir.join(name))?;
        }
        make_secret(&home.secret())?;
        write_note(&home.dir, &Note { storm: storm.title.en.clone(), is_over: false })?;
    }
    Ok(home)
}

/// Notes that the storm is over, so that the next demo begins anew.
///
/// # Errors
/// When the note cannot be written.
pub fn leave(home: &Home) -> anyhow::Result<()> {
    let note = read_note(&home.dir).context("the note of the storm is gone")?;
    write_note(&home.dir, &Note { is_over: true, ..note })
}

fn read_note(dir: &Path) -> Option<Note> {
    let text = std::fs::read_to_string(dir.join("demo.json")).ok()?;
    serde_json::from_str(&text).ok()
}

fn write_note(dir: &Path, note: &Note) -> anyhow::Result<()> {
    let path = dir.join("demo.json");
    std::fs::write(&path, serde_json::to_string(note)?).with_context(|| format!("{} cannot be written", path.display()))
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(path) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
            Err(why).with_context(|| format!("{} cannot be removed", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn make_secret(path: &Path) -> anyhow::Result<()> {
    let mut bytes = [0u8; SECRET_LEN];
    SystemRandom::new().fill(&mut bytes).map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
    let mut file = std::fs::File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    writeln!(file, "whsec_{}", STANDARD.encode(bytes)).context("the secret cannot be written")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::place::hold;

    #[test]
    fn an_interrupted_storm_goes_on_and_a_finished_one_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let held = hold(dir.path()).unwrap();
        let storm = Storm::embedded();
        let home = enter(&held, &storm, false).unwrap();
        assert!(!home.is_resumed);
        let secret = std::fs::read_to_string(home.secret()).unwrap();
        std::fs::write(home.bulletins(), "{}\n").unwrap();
        let again = enter(&held, &storm, false).unwrap();
        assert!(again.is_resumed && again.bulletins().exists());
        assert_eq!(std::fs::read_to_string(again.secret()).unwrap(), secret);
        leave(&again).unwrap();
        let anew = enter(&held, &storm, false).unwrap();
        assert!(!anew.is_resumed && !anew.bulletins().exists());
        assert_ne!(std::fs::read_to_string(anew.secret()).unwrap(), secret);
        assert!(!enter(&held, &storm, true).unwrap().is_resumed);
    }
}
