//! The life of the service: ready, reloading, stopping, as systemd and its operators expect.
//!
//! A reload comes by SIGHUP or over the control socket, and is one and the same: read, checked, its stories lived through, and only
//! then taken over whole; on any mistake the old configuration stays.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Interval;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::control::{Answer, Asked, Control, Question};
use super::duty::{Peer, signed};
use super::{Daemon, Ground, Turn};
use crate::config::{self, Config, Proved};
use crate::problem::{Level, Problem, render};

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
    let staff = Staff::listen(&ground.dir);
    let mut daemon = Daemon::start(config, ground).await?;
    tell_systemd(&[NotifyState::Ready]);
    info!("Ready with {}", counts(daemon.config()));
    tell_role(&daemon);
    let mut watchdog = Watchdog::of(&daemon);
    let Staff { mut asked, control } = staff;
    loop {
        let (question, who, done) = tokio::select! {
            _ = hangup.recv() => (Question::Reload { dry_run: false }, Peer::Trusted, None),
            Some((question, who, done)) = asked.recv() => (question, who, Some(done)),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            turn = daemon.turn() => match turn {
                Turn::Role => {
                    tokio::select! {
                        followed = daemon.follow() => followed.inspect_err(|why| error!("Nadhir stops by itself: {why:#}"))?,
                        _ = terminate.recv() => break,
                        _ = interrupt.recv() => break,
                        never = watchdog.feed() => match never {},
                    }
                    tell_role(&daemon);
                    continue;
                }
                Turn::Ended(why) => {
                    error!("Nadhir stops by itself: {why:#}");
                    return Err(why);
                }
            },
            never = watchdog.feed() => match never {},
        };
        // A reload waits for couriers, and for a store that fails; neither may hold up a stop or starve the watchdog.
        tokio::select! {
            answer = obey((question, who), &mut daemon, dir.as_deref()) => {
                // Whoever asked may have gone; the log has it as well.
                let _ = done.map(|done| done.send(answer));
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            never = watchdog.feed() => match never {},
        }
    }
    info!("Stopping: no feed is asked any more, and what is due is delivered");
    tell_systemd(&[NotifyState::Stopping]);
    control.stop().await;
    daemon.stop().await?;
    info!("Stopped; what is still owed goes out after the next start");
    Ok(())
}

fn listen(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).context("a signal of the system cannot be listened for")
}

async fn obey((question, who): (Question, Peer), daemon: &mut Daemon, dir: Option<&Path>) -> Answer {
    let question = match signed(question, &who, &daemon.config().settings.users) {
        Ok(question) => question,
        Err(why) => return Answer { problems: format!("{why}\n"), ..Answer::default() },
    };
    match question {
        Question::Reload { dry_run: true } => reload(daemon, dir, true).await,
        Question::Reload { dry_run: false } => {
            tell_reloading();
            let answer = reload(daemon, dir, false).await;
            tell_systemd(&[NotifyState::Ready]);
            answer
        }
        Question::Judge { judgement } => {
            let bulletin = judgement.bulletin.clone();
            match daemon.judge(judgement).await {
                Ok(Ok(count)) => {
                    let channels = if count == 1 { "1 channel".to_owned() } else { format!("{count} channels") };
                    Answer { ok: true, changes: vec![format!("{bulletin} at {channels}")], ..Answer::default() }
                }
                Ok(Err(why)) => Answer { problems: format!("{why}\n"), ..Answer::default() },
                Err(why) => Answer { problems: format!("{why:#}\n"), ..Answer::default() },
            }
        }
        Question::Order { order } => match daemon.obey(order).await {
            Ok(Ok(said)) => Answer { ok: true, said, ..Answer::default() },
            Ok(Err(why)) => Answer { problems: format!("{why}\n"), ..Answer::default() },
            Err(why) => Answer { problems: format!("{why:#}\n"), ..Answer::default() },
        },
    }
}

async fn reload(daemon: &mut Daemon, dir: Option<&Path>, is_trial: bool) -> Answer {
    let read = {
        let dir = dir.map(Path::to_path_buf);
        tokio::task::spawn_blocking(move || config::load_and_prove(dir.as_deref())).await
    };
    let Proved { config, warnings, texts } = match read {
        Ok(Ok(read)) => read,
        Ok(Err(problems)) => {
            if !is_trial {
                error!("Not reloaded: the old configuration stays in force, because {}", summary(&problems));
            }
            return Answer { problems: render(&problems, false), ..Answer::default() };
        }
        Err(why) => return refused(&format!("reading it broke down: {why}")),
    };
    let changes = config::difference::between(daemon.config(), &config);
    let problems = render(&warnings, false);
    if !is_trial {
        warnings.iter().for_each(|problem| warn!("In the new configuration: {}", told(problem)));
        if let Err(why) = daemon.reload(config, &changes).await {
            return refused(&format!("{why:#}"));
        }
        info!("Reloaded: the new configuration is in force, with {} changes; {texts} texts were tried", changes.len());
    }
    Answer { ok: true, changes, problems, ..Answer::default() }
}

fn refused(why: &str) -> Answer {
    error!("Not reloaded: the old configuration stays in force, because {why}");
    Answer { problems: format!("error: {why}\n"), ..Answer::default() }
}

/// Says what this node is among several.
fn tell_role(daemon: &Daemon) {
    if daemon.has_others() {
        let text = format!("This node {}", daemon.role().told());
        info!("{text}");
        tell_systemd(&[NotifyState::Status(&text)]);
    }
}

fn counts(config: &Config) -> String {
    format!(
        "feeds: {}, rules: {}, channels: {}, governorates: {}",
        config.feeds.len(),
        config.rules.rules.len(),
        config.channels.len(),
        config.governorates.len()
    )
}

/// The side door of the service, for commands of the staff.
struct Staff {
    asked: mpsc::Receiver<Asked>,
    control: Running,
}

/// The task of the control socket; a service without one runs all the same, and obeys signals.
struct Running {
    task: Option<JoinHandle<()>>,
    stop: CancellationToken,
    /// Kept so that a service without a socket waits for nobody rather than for an end.
    _questions: mpsc::Sender<Asked>,
}

impl Staff {
    fn listen(dir: &Path) -> Self {
        let (questions, asked) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let task = match Control::open(dir) {
            Ok(control) => Some(tokio::spawn(control.run(questions.clone(), stop.clone()))),
            Err(why) => {
                warn!("The control socket could not be opened in {}: {why}; SIGHUP and SIGTERM work", dir.display());
                None
            }
        };
        Self { asked, control: Running { task, stop, _questions: questions } }
    }
}

impl Running {
    async fn stop(self) {
        self.stop.cancel();
        if let Some(task) = self.task
            && let Err(why) = task.await
        {
            error!("The control socket broke down: {why}");
        }
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
