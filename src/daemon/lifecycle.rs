//! The life of the service: ready, reloading, stopping, as systemd and its operators expect.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Interval;
use tracing::{error, info, warn};

use super::{Daemon, Ground};
use crate::config::{self, Config};
use crate::problem::{Level, Problem};

/// How often the watchdog of systemd is fed when it asks for nothing else.
const FEED_WATCHDOG: Duration = Duration::from_secs(10);

/// Runs the daemon until it is told to stop (SIGTERM, SIGINT); SIGHUP reads the configuration again.
///
/// # Errors
/// When it cannot start, or has to stop by itself.
pub async fn run(config: Config, dir: Option<PathBuf>, ground: Ground) -> anyhow::Result<()> {
    let mut hangup = listen(SignalKind::hangup())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut daemon = Daemon::start(&config, ground).await?;
    tell_systemd(&[NotifyState::Ready]);
    info!(
        "Ready with feeds: {}, rules: {}, channels: {}, governorates: {}",
        config.feeds.len(),
        config.rules.rules.len(),
        config.channels.len(),
        config.governorates.len()
    );
    let mut watchdog = Watchdog::of(&daemon);
    loop {
        tokio::select! {
            _ = hangup.recv() => {
                tell_reloading();
                // A reload waits for couriers, and for a store that fails; neither may hold up a stop or starve the watchdog.
                tokio::select! {
                    () = reload(&mut daemon, dir.as_deref()) => tell_systemd(&[NotifyState::Ready]),
                    _ = terminate.recv() => break,
                    _ = interrupt.recv() => break,
                    never = watchdog.feed() => match never {},
                }
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            why = daemon.ended() => {
                error!("Nadhir stops by itself: {why:#}");
                return Err(why);
            }
            never = watchdog.feed() => match never {},
        }
    }
    info!("Stopping: no feed is asked any more, and what is due is delivered");
    tell_systemd(&[NotifyState::Stopping]);
    daemon.stop().await?;
    info!("Stopped; what is still owed goes out after the next start");
    Ok(())
}

fn listen(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).context("a signal of the system cannot be listened for")
}

async fn reload(daemon: &mut Daemon, dir: Option<&Path>) {
    let read = {
        let dir = dir.map(Path::to_path_buf);
        tokio::task::spawn_blocking(move || {
            config::load_and_prove(dir.as_deref()).map_err(|problems| summary(&problems))
        })
        .await
    };
    let result = match read {
        Ok(Ok((config, warnings))) => {
            warnings.iter().for_each(|problem| warn!("In the new configuration: {}", told(problem)));
            daemon.reload(&config).await.map_err(|why| format!("{why:#}"))
        }
        Ok(Err(why)) => Err(why),
        Err(why) => Err(format!("reading it broke down: {why}")),
    };
    match result {
        Ok(()) => info!("Reloaded: the new configuration is in force"),
        Err(why) => error!("Not reloaded: the old configuration stays in force, because {why}"),
    }
}

fn summary(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().filter(|problem| problem.level == Level::Error).map(told).collect();
    let count = if lines.len() == 1 { "1 mistake was".to_owned() } else { format!("{} mistakes were", lines.len()) };
    format!("{count} found: {}", lines.join("; "))
}

/// A problem in one line of a log.
fn told(problem: &Problem) -> String {
    let help = problem.help.as_ref().map_or_else(String::new, |help| format!(" ({help})"));
    format!("{}:{}: {}{help}", problem.file.name, problem.line(), problem.message)
}

/// Tells systemd that the service lives, as long as its brain turns.
struct Watchdog {
    interval: Interval,
    pulse: Arc<AtomicU64>,
    last: Option<u64>,
}

impl Watchdog {
    fn of(daemon: &Daemon) -> Self {
        let asked = sd_notify::watchdog_enabled();
        let interval = tokio::time::interval(asked.map_or(FEED_WATCHDOG, |asked| asked / 2));
        Self { interval, pulse: daemon.pulse(), last: None }
    }

    /// Feeds it for as long as it is polled; nothing is lost when it is dropped in between.
    async fn feed(&mut self) -> Infallible {
        loop {
            self.interval.tick().await;
            // Only a brain that still turns feeds the watchdog.
            let pulse = Some(self.pulse.load(Ordering::Relaxed));
            if pulse != self.last {
                tell_systemd(&[NotifyState::Watchdog]);
                self.last = pulse;
            }
        }
    }
}

/// Since systemd 253 the word that a reload begins has to carry the time.
fn tell_reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell_systemd(&[NotifyState::Reloading, now]),
        Err(why) => warn!("systemd could not be told of the reload: {why}"),
    }
}

fn tell_systemd(states: &[NotifyState<'_>]) {
    if let Err(why) = sd_notify::notify(states) {
        warn!("systemd could not be told: {why}");
    }
}
