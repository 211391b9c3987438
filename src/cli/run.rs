//! `nadhir run`: the service.

use std::sync::Arc;

use anyhow::Context;

use super::{EX_CONFIG, EX_UNAVAILABLE, check, complain, logs, place};
use crate::config::{self, Config};
use crate::daemon::clock::Clock;
use crate::daemon::{Ground, Sights, TICK, lifecycle};
use crate::store::Store;
use crate::store::cluster::Cluster;
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;

/// What `nadhir run` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    dirs: place::Dirs,
}

/// Runs the service until it is told to stop.
pub fn run(arguments: &Arguments) -> u8 {
    logs::start("info");
    let config = match config::load(arguments.dirs.config.as_deref()) {
        Ok((config, warnings)) => {
            check::report(&warnings, &mut anstream::stderr());
            let untrue = config.check_stories();
            if !untrue.is_empty() {
                check::report(&untrue, &mut anstream::stderr());
                tracing::error!(
                    "{} of the rules' stories end otherwise than they are told, see above; the service starts all the same",
                    untrue.len()
                );
            }
            config
        }
        Err(problems) => {
            check::report(&problems, &mut anstream::stderr());
            complain(&"the configuration has mistakes, see above; nothing was started");
            return EX_CONFIG;
        }
    };
    match serve(config, arguments) {
        Ok(()) => 0,
        Err(why) => {
            complain(&format_args!("{why:#}"));
            EX_UNAVAILABLE
        }
    }
}

fn serve(config: Config, arguments: &Arguments) -> anyhow::Result<()> {
    let dir = place::state_dir(arguments.dirs.state.as_deref(), config.settings.store.as_deref());
    let held = place::hold(&dir)?;
    let runtime = runtime()?;
    let (store, cluster): (Arc<dyn Store>, Option<Arc<dyn Cluster>>) = match &config.settings.database {
        Some(database) => {
            let server = database.server(&held.dir).map_err(anyhow::Error::msg)?;
            let store = runtime.block_on(PostgresStore::open(server)).context("the store could not be opened")?;
            tracing::info!(
                "The state is kept in {}, and files of channels in {}",
                database.address,
                held.dir.display()
            );
            let store = Arc::new(store);
            (Arc::clone(&store) as _, Some(store as _))
        }
        None => {
            let store = SqliteStore::open(held.database()).context("the store could not be opened")?;
            tracing::info!("The state is kept in {}", held.dir.display());
            (Arc::new(store), None)
        }
    };
    let ground =
        Ground { store, cluster, clock: Clock::steady(), tick: TICK, dir: held.dir.clone(), sights: Sights::default() };
    runtime.block_on(lifecycle::run(config, arguments.dirs.config.clone(), ground))
}

/// The runtime of the service and of the demo.
///
/// # Errors
/// When the system gives no threads.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads could be had from the system")
}
