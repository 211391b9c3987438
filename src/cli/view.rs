//! The store of a service that may be running, as the commands look into it: a file beside them, or a database. Nothing is changed.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tokio::runtime::Runtime;

use super::check::EX_NOINPUT;
use super::run::runtime;
use super::which::Stopped;
use super::{EX_UNAVAILABLE, place};
use crate::bulletin::Bulletin;
use crate::config::Settings;
use crate::outbox::Kept;
use crate::record::Entry;
use crate::record::chain::{Mark, Verdict};
use crate::store::postgres::PostgresStore;
use crate::store::{Archive as _, Glance, ReachRow, StoreError, sqlite};
use crate::time::Timestamp;

/// What is looked into.
pub(super) enum View {
    /// A file of SQLite.
    File(PathBuf),
    /// A database, and what waits for its answers.
    Server(Box<(Runtime, PostgresStore)>),
}

impl View {
    /// The store that the settings name; `dir` is the state directory.
    pub(super) fn open(settings: Option<&Settings>, dir: &Path) -> Result<Self, Stopped> {
        let Some(database) = settings.and_then(|settings| settings.database.as_ref()) else {
            return place::database_in(dir).map(Self::File).map_err(|why| Stopped(EX_NOINPUT, why));
        };
        let open = || {
            let server = database.server(dir).map_err(anyhow::Error::msg)?;
            let runtime = runtime()?;
            let store = runtime.block_on(PostgresStore::beside(server)).context("the state could not be read")?;
            anyhow::Ok(Self::Server(Box::new((runtime, store))))
        };
        open().map_err(|why| Stopped(EX_UNAVAILABLE, format!("{why:#}")))
    }

    /// The newest lines of the journal, oldest of them first.
    pub(super) fn journal(&self, limit: usize) -> Result<Vec<Entry>, StoreError> {
        match self {
            Self::File(path) => sqlite::read_journal(path, limit),
            Self::Server(server) => server.0.block_on(server.1.journal(limit)),
        }
    }

    /// Whether the journal is as it was written. `noted` is a mark that was noted elsewhere.
    pub(super) fn verify(&self, noted: Option<Mark>) -> Result<Verdict, StoreError> {
        match self {
            Self::File(path) => sqlite::verify_journal(path, noted),
            Self::Server(server) => server.0.block_on(server.1.verify_journal(noted)),
        }
    }

    /// The bulletins of one number, in the order of their making.
    pub(super) fn bulletins(&self, number: &str) -> Result<Vec<Bulletin>, StoreError> {
        match self {
            Self::File(path) => sqlite::read_bulletins(path, number),
            Self::Server(server) => server.0.block_on(server.1.bulletins(Some(number.to_owned()))),
        }
    }

    /// What is kept back, and the bulletins that it is of.
    pub(super) fn kept(&self) -> Result<(Vec<Kept>, Vec<Bulletin>), StoreError> {
        match self {
            Self::File(path) => sqlite::read_kept(path),
            Self::Server(server) => server.0.block_on(server.1.read_kept()),
        }
    }

    /// What became of all messages since a moment, and the bulletins since then.
    pub(super) fn reach(&self, since: Timestamp) -> Result<(Vec<ReachRow>, Vec<Bulletin>), StoreError> {
        match self {
            Self::File(path) => sqlite::read_reach(path, since),
            Self::Server(server) => server.0.block_on(server.1.read_reach(since)),
        }
    }

    /// What is held. `since` is from when on what was given up counts.
    pub(super) fn glance(&self, now: Timestamp, since: Timestamp) -> Result<Glance, StoreError> {
        match self {
            Self::File(path) => sqlite::glance(path, now, since),
            Self::Server(server) => server.0.block_on(server.1.glance(now, since)),
        }
    }
}
