//! Plays one storm: starts the servers and the service, watches until it has passed, and counts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::signal::unix::Signal;
use tokio::sync::mpsc;

use super::feeds::FeedServer;
use super::home::Home;
use super::receiver::Receiver;
use super::screen::Screen;
use super::setup;
use super::storm::Storm;
use super::summary::Summary;
use crate::config::Config;
use crate::daemon::clock::Clock;
use crate::daemon::{Daemon, Ground, Sight, Sights};
use crate::ids::ChannelId;
use crate::outbox::Standing;
use crate::secret::{Secret, SecretSource};
use crate::store::sqlite::SqliteStore;
use crate::store::{Archive as _, Outbox as _};
use crate::time::{TimeDelta, Timestamp};

/// How often the brain looks at the storm's clock.
const TICK: TimeDelta = TimeDelta::minutes(2);

/// How many sights may wait to be shown.
const SIGHTS: usize = 4096;

/// How long after the storm the last deliveries are waited for, on our clock.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How a demo ended.
#[derive(Debug)]
pub enum Ended {
    /// The storm has passed.
    Over(Box<Summary>),
    /// Someone pressed Ctrl-C; the storm goes on with the next demo.
    Interrupted,
}

/// Plays the storm through, or on from where it was interrupted.
///
/// # Errors
/// When a server, the store or the service cannot start or go on.
pub async fn play(
    storm: &Arc<Storm>,
    home: &Home,
    speed: f64,
    mut screen: Screen,
    interrupt: &mut Signal,
) -> anyhow::Result<Ended> {
    let began = Instant::now();
    let store = Arc::new(SqliteStore::open(home.database()).context("the demo's store could not be opened")?);
    let from = moment(&store, storm).await?;
    let clock = Clock::scaled(from, speed);
    let secret = Secret::read(&SecretSource::File(home.secret())).map_err(anyhow::Error::msg)?;
    let feeds = FeedServer::start(Arc::clone(storm), clock).await?;
    let stumbles = BTreeSet::from([setup::STUMBLING.to_owned()]);
    let receiver = Receiver::start(&home.arrivals(), &secret, clock, stumbles).await?;
    let config = configure(home, &feeds, &receiver)?;
    let (viewer, mut sights) = mpsc::channel(SIGHTS);
    let ground = Ground {
        store: store.clone(),
        cluster: None,
        clock,
        tick: TICK,
        dir: home.dir.clone(),
        sights: Sights::to(viewer),
    };
    let mut daemon = Daemon::start(config.clone(), ground).await?;
    let is_over = watch((storm, clock), &config, &mut daemon, &mut sights, &mut screen, interrupt).await?;
    if is_over {
        settle(&store).await?;
    }
    daemon.stop().await?;
    while let Ok(sight) = sights.try_recv() {
        screen.show(&sight, &config);
    }
    feeds.stop().await?;
    if !is_over {
        receiver.stop().await?;
        screen.interrupted();
        return Ok(Ended::Interrupted);
    }
    let summary = Summary::count(storm, home, store.as_ref(), &receiver.arrivals(), began.elapsed()).await?;
    receiver.stop().await?;
    Ok(Ended::Over(Box::new(summary)))
}

/// Where the storm stands: at its start, or at the last thing that was written down.
async fn moment(store: &SqliteStore, storm: &Storm) -> anyhow::Result<Timestamp> {
    let last = store.journal(1).await?.pop().map(|entry| entry.at);
    Ok(last.map_or(storm.start, |last| last.clamp(storm.start, storm.end)))
}

fn configure(home: &Home, feeds: &FeedServer, receiver: &Receiver) -> anyhow::Result<Config> {
    let hook = |name: &str| ChannelId::new(name).map(|name| receiver.hook_url(&name)).unwrap_or_default();
    setup::config(home, &feeds.base_url(), hook).map_err(|problems| {
        let lines: Vec<String> = problems.into_iter().map(|problem| problem.message).collect();
        anyhow::anyhow!("the demo's configuration has mistakes: {}", lines.join("; "))
    })
}

/// Shows what happens until the storm has passed (true) or someone interrupts (false).
async fn watch(
    (storm, clock): (&Storm, Clock),
    config: &Config,
    daemon: &mut Daemon,
    sights: &mut mpsc::Receiver<Sight>,
    screen: &mut Screen,
    interrupt: &mut Signal,
) -> anyhow::Result<bool> {
    let over = clock.sleep_until(storm.end);
    tokio::pin!(over);
    loop {
        tokio::select! {
            () = &mut over => return Ok(true),
            _ = interrupt.recv() => return Ok(false),
            why = daemon.ended() => return Err(why),
            Some(sight) = sights.recv() => screen.show(&sight, config),
        }
    }
}

/// Waits until nothing is owed any more, for a while.
async fn settle(store: &SqliteStore) -> anyhow::Result<()> {
    let deadline = Instant::now() + LONGEST_WAIT;
    while Instant::now() < deadline {
        let owed: u64 =
            store.tally().await?.iter().filter(|tally| tally.standing == Standing::Owed).map(|tally| tally.count).sum();
        if owed == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
