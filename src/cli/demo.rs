//! `nadhir demo`: the whole service lives through a storm on this machine alone.
//!
//! Its feeds and receivers are servers on loopback that speak the real formats; everything between them is the service itself.
//! All that is shown says of itself that it is a reconstruction. A demo that was killed goes on where it stopped.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::{EX_CONFIG, EX_INTERRUPTED, EX_UNAVAILABLE, check, complain, logs, place, run as service};
use crate::problem::{Problems, SourceFile};

pub mod feeds;
pub mod home;
pub mod play;
pub mod receiver;
pub mod screen;
pub mod setup;
pub mod storm;
pub mod summary;

use storm::Storm;
use summary::Summary;

/// How many storm seconds pass in one of ours when nothing else is said: ten minutes, so that one can read along.
const WATCHING_SPEED: f64 = 600.0;

/// The same for `--once`: the storm is over in twenty seconds.
const FULL_SPEED: f64 = 4000.0;

/// The largest storm file that is read, in bytes.
const MAX_STORM_LEN: u64 = 1 << 20;

/// What `nadhir demo` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// How many storm seconds pass in one of ours [default: 600, with --once 4000].
    #[arg(long, value_name = "TIMES", value_parser = speed)]
    speed: Option<f64>,
    /// A storm of your own, in the format of the embedded one; `nadhir demo --print-storm` shows that.
    #[arg(long, value_name = "FILE")]
    storm: Option<PathBuf>,
    /// Run through once, print a summary, and exit 0 only if every warning arrived at every channel once and verified.
    #[arg(long)]
    once: bool,
    /// Print nothing but the summary, as JSON; implies --once.
    #[arg(long)]
    json: bool,
    /// Where the demo keeps its state [default: ~/.local/state/nadhir/demo].
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Forget a demo that was interrupted, and begin the storm anew.
    #[arg(long)]
    fresh: bool,
    /// Print the embedded storm and exit.
    #[arg(long, conflicts_with_all = ["once", "json", "speed", "storm", "state", "fresh"])]
    print_storm: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "a number such as 600".to_owned())?;
    if (1.0..=20_000.0).contains(&speed) { Ok(speed) } else { Err("a number from 1 to 20000".to_owned()) }
}

/// Plays the storm.
pub fn run(arguments: &Arguments) -> u8 {
    logs::start("error");
    if arguments.print_storm {
        use std::io::Write as _;
        let _ = write!(anstream::stdout(), "{}", storm::EMBEDDED);
        return 0;
    }
    let storm = match read_storm(arguments) {
        Ok(storm) => Arc::new(storm),
        Err(code) => return code,
    };
    match live(arguments, &storm) {
        Ok(code) => code,
        Err(why) => {
            complain(&format_args!("{why:#}"));
            EX_UNAVAILABLE
        }
    }
}

fn read_storm(arguments: &Arguments) -> Result<Storm, u8> {
    let Some(path) = &arguments.storm else { return Ok(Storm::embedded()) };
    let text = std::fs::metadata(path)
        .and_then(|about| match about.len() <= MAX_STORM_LEN {
            true => std::fs::read_to_string(path),
            false => Err(std::io::Error::other(format!("it is larger than {MAX_STORM_LEN} bytes"))),
        })
        .map_err(|why| {
            complain(&format_args!("{} cannot be read: {why}", path.display()));
            EX_UNAVAILABLE
        })?;
    let problems = Problems::new();
    let storm = Storm::read(&Arc::new(SourceFile { name: path.display().to_string(), text }), &problems);
    let has_errors = problems.has_errors();
    check::report(&problems.into_sorted(), &mut anstream::stderr());
    storm.filter(|_| !has_errors).ok_or(EX_CONFIG)
}

fn live(arguments: &Arguments, storm: &Arc<Storm>) -> anyhow::Result<u8> {
    let is_once = arguments.once || arguments.json;
    let speed = arguments.speed.unwrap_or(if is_once { FULL_SPEED } else { WATCHING_SPEED });
    let dir = arguments.state.clone().unwrap_or_else(|| place::state_dir(None, None).join("demo"));
    let held = place::hold(&dir)?;
    let runtime = service::runtime()?;
    // One listener for all storms: a Ctrl-C between two moments of listening would be lost.
    let mut interrupt = {
        let _within = runtime.enter();
        signal(SignalKind::interrupt()).context("Ctrl-C cannot be listened for")?
    };
    let mut is_fresh = arguments.fresh;
    loop {
        let home = home::enter(&held, storm, is_fresh).context("the demo's directory could not be prepared")?;
        let shown = if arguments.json { screen::Screen::silent() } else { screen::Screen::new(storm, &home) };
        let ended = runtime.block_on(play::play(storm, &home, speed, shown, &mut interrupt)).with_context(|| {
            let hint = if home.is_resumed { "; if it does not go on, begin it anew with --fresh" } else { "" };
            format!("the storm in {} could not be played{hint}", home.dir.display())
        })?;
        let play::Ended::Over(summary) = ended else {
            // Whoever only watched has seen enough; a script asked for a storm that was lived through, and there was none.
            return Ok(if is_once { EX_INTERRUPTED } else { 0 });
        };
        home::leave(&home).context("the end of the demo could not be noted")?;
        let code = u8::from(!summary.is_perfect());
        show(&summary, arguments.json)?;
        if is_once {
            return Ok(code);
        }
        is_fresh = true;
    }
}

fn show(summary: &Summary, as_json: bool) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut out = anstream::stdout();
    match as_json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(summary)?)?,
        false => write!(out, "{}", summary.table())?,
    }
    Ok(())
}
