//! `nadhir store`: moving the state from the file of one nadhir into the database of several.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::timeout;

use super::check::EX_NOINPUT;
use super::run::runtime;
use super::{EX_CONFIG, EX_UNAVAILABLE, EX_USAGE, complain, place};
use crate::daemon::clock::Clock;
use crate::daemon::control::{Question, ask, is_running};
use crate::store::StoreError;
use crate::store::postgres::{Moved, Progress, copy};

/// What stands after the arguments of `copy`.
const HELP: &str = "Example:  nadhir store copy --config /etc/nadhir --state /var/lib/nadhir\n\nWhile the service runs: make a backup, write `url` into \
    [store], and copy. What the service decides meanwhile waits; once all is moved it is told to read its configuration again, finds that it may not decide \
    any more, and ends; when systemd starts it again it is on the database. It is quicker to stop, copy and start. What is on its way to a receiver at that \
    moment goes out once more, under the same key. All is moved or nothing: every table is read back and held against the file before it \
    counts, and after a failure the service goes on with the file.\n\nThe file stays where it is and is not used any more. To go back to it, put the backup in its place and take `url` \
    out; what was said since is not in it.\n\nThe database has to be empty: createdb --owner=nadhir --encoding=UTF8 nadhir\n\nExit codes: 0 moved, 2 the \
    database is not empty, 66 there is no state, 69 one of them cannot be read or written, 78 mistakes in the configuration, or no `url` in it.";

/// How long the service that ran on the file may take to hear of it.
const PATIENCE: Duration = Duration::from_secs(30);

/// What `nadhir store` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Move the state from the file in the state directory into the database that `[store] url` names, while the service runs or not.
    #[command(after_help = HELP)]
    Copy(Copy),
}

#[derive(Debug, clap::Args)]
struct Copy {
    #[command(flatten)]
    dirs: place::Dirs,
    /// A JSON array of what was moved.
    #[arg(long)]
    json: bool,
}

/// Does what the arguments say, and returns the exit code.
pub fn run(arguments: &Arguments) -> u8 {
    let Command::Copy(asked) = &arguments.command;
    let config = match asked.dirs.configuration("it is not known where the database is") {
        Ok(config) => config,
        Err(code) => return code,
    };
    let dir = place::state_dir(asked.dirs.state.as_deref(), config.settings.store.as_deref());
    let Some(database) = &config.settings.database else {
        complain(&"the configuration names no database: write `url` into [store] of nadhir.toml");
        return EX_CONFIG;
    };
    let file = match place::database_in(&dir) {
        Ok(file) => file,
        Err(why) => {
            complain(&why);
            return EX_NOINPUT;
        }
    };
    let bar = bar();
    let was_running = is_running(&dir);
    let moved = database.server(&dir).map_err(|why| (EX_UNAVAILABLE, why)).and_then(|server| {
        let runtime = runtime().map_err(|why| (EX_UNAVAILABLE, format!("{why:#}")))?;
        let moving = copy(&file, server, Clock::System.now(), |progress| show(&bar, progress));
        let moved = runtime.block_on(moving).map_err(|why| match why {
            StoreError::Refused { .. } => (EX_USAGE, why.to_string()),
            other => (EX_UNAVAILABLE, other.to_string()),
        })?;
        // What it answers does not matter, nor whether it does: it finds out that it may not decide any more, now or by itself.
        let reload = Question::Reload { dry_run: false };
        let _ = runtime.block_on(async { timeout(PATIENCE, ask(&dir, &reload)).await });
        Ok(moved)
    });
    bar.finish_and_clear();
    match moved {
        Ok(moved) => {
            let text = if asked.json {
                serde_json::to_string(&moved).unwrap_or_default() + "\n"
            } else {
                told(&moved, &database.address.to_string(), was_running)
            };
            let _ = anstream::stdout().write_all(text.as_bytes());
            0
        }
        Err((code, why)) => {
            complain(&why);
            code
        }
    }
}

/// A bar on standard error, where a terminal shows it.
fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg:12} {bar:40} {pos} of {len}  {elapsed}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_message(progress.table);
    bar.set_length(progress.of);
    bar.set_position(progress.rows);
}

fn told(moved: &[Moved], to: &str, was_running: bool) -> String {
    let tables: String =
        moved.iter().map(|one| format!("  {:12} {:>9} rows  sha256 {}\n", one.table, one.rows, one.sha256)).collect();
    let next = match was_running {
        true => "the service that ran on it ends now, and goes on in the database when it is started again",
        false => "start nadhir with this configuration",
    };
    format!("Moved to {to}, and read back the same:\n{tables}The file is not used any more; {next}.\n")
}
