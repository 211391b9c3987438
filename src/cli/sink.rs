//! `nadhir sink`: tries out what a channel is made of without the service. It delivers nothing of the outbox.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;

use super::columns::{drawn, plain};
use super::{EX_UNAVAILABLE, EX_USAGE, complain};
use crate::daemon::clock::Clock;
use crate::sink::exec::conform::{Check, Trial, hold};
use crate::sink::exec::{CONTRACT, MAX_ARGS};

/// A promise was broken.
const EX_BROKEN: u8 = 1;

/// What `nadhir sink` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Hold a program of one's own, for a channel of kind `exec`, against the contract: it is really run, five times, on messages whose
    /// `status` is `Test`.
    #[command(after_help = help())]
    Conform(Conform),
}

fn help() -> String {
    format!(
        "The contract:\n\n{CONTRACT}\nExample:  nadhir sink conform ./siren --zone west\n\nExit codes: 0 every promise was kept, 1 one \
         was not, 2 wrong arguments, 69 it cannot be tried."
    )
}

/// What `nadhir sink conform` takes.
#[derive(Debug, clap::Args)]
struct Conform {
    /// How long each run may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
    /// A JSON array of each promise and what was seen.
    #[arg(long)]
    json: bool,
    /// The program and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

/// Does what the arguments say, and returns the exit code.
pub fn run(arguments: &Arguments) -> u8 {
    let Command::Conform(asked) = &arguments.command;
    let trial = match trial(asked) {
        Ok(trial) => trial,
        Err(why) => {
            complain(&why);
            return EX_USAGE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => {
            complain(&format_args!("nothing can be run: {why}"));
            return EX_UNAVAILABLE;
        }
    };
    let checks = runtime.block_on(hold(&trial, &format!("conform-{:016x}", fastrand::u64(..)), Clock::System.now()));
    let text = if asked.json { json(&checks) } else { table(&checks) };
    // A reader that has gone away, such as `head`, is no fault.
    let _ = anstream::stdout().write_all(text.as_bytes());
    if checks.iter().all(|check| check.kept) { 0 } else { EX_BROKEN }
}

fn trial(asked: &Conform) -> Result<Trial, String> {
    let Some((program, args)) = asked.program.split_first() else { return Err("name a program".to_owned()) };
    let program = PathBuf::from(program);
    let program =
        std::fs::canonicalize(&program).map_err(|why| format!("{} cannot be run: {why}", program.display()))?;
    let args = args.iter().map(|arg| arg.clone().into_string()).collect::<Result<Vec<_>, _>>();
    let args = args.map_err(|_| "an argument is not UTF-8, as configuration files are".to_owned())?;
    if MAX_ARGS < args.len() {
        return Err(format!("there are {} arguments: at most {MAX_ARGS} are passed", args.len()));
    }
    let dir = std::env::current_dir().map_err(|why| format!("this directory cannot be used: {why}"))?;
    Ok(Trial { program, args, dir, timeout: Duration::from_secs(asked.timeout) })
}

fn json(checks: &[Check]) -> String {
    serde_json::to_string(checks).map_or_else(|why| format!("{{\"error\":\"{why}\"}}\n"), |text| text + "\n")
}

fn table(checks: &[Check]) -> String {
    let mut table = plain(["", "promise", "what was seen"]);
    for check in checks {
        table.add_row([if check.kept { "kept" } else { "BROKEN" }, check.promise, &check.seen]);
    }
    let broken = checks.iter().filter(|check| !check.kept).count();
    let end = match broken {
        0 => "Every promise was kept; what it told, and whether only once, only you can see.".to_owned(),
        1 => "1 promise was broken.".to_owned(),
        broken => format!("{broken} promises were broken."),
    };
    format!("{}\n{end}\n", drawn(&table))
}
