//! `nadhir bench`: how fast this machine gets one message to many subscribers, side by side with what it could do at best, which is
//! measured in the same run. Each figure is measured in a process of its own, against receivers in another; nothing leaves the machine.

mod bare;
mod field;
mod receiver;
mod runs;
mod service;

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::columns::{drawn, plain};
use super::run::runtime;
use super::{EX_UNAVAILABLE, EX_USAGE, complain};
use runs::{CASES, Case, SOON, TIMES};

/// What stands after the arguments.
pub const HELP: &str = "Examples:  nadhir bench\n           nadhir bench --only fan-out --json\n           nadhir bench --short\n\nIn JSON it is an array of objects: name, \
    value, unit, limit (what the same machine did at best in the same run, in the same unit; null where there is no such thing), ratio \
    (value by limit), target (the most that value may be; null where it is only told beside the others), pass. A figure that is above its target fails nothing but itself: measure on a \
    machine that does nothing else.\n\nExit codes: 0 all within their targets, 1 some are not, 2 no such figure, 69 it could not be \
    measured.";

/// Some figures are above their targets.
const EX_SLOW: u8 = 1;

/// What `nadhir bench` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Measure this alone.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Measure each once rather than five times, and leave out what takes minutes.
    #[arg(long)]
    short: bool,
    /// A JSON array of the figures.
    #[arg(long)]
    json: bool,
    /// Be the receivers of a measurement, until the standard input ends.
    #[arg(long, hide = true)]
    receive: bool,
    /// Be the measurement itself.
    #[arg(long, hide = true, requires = "only")]
    within: bool,
}

/// One figure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Figure {
    name: String,
    value: f64,
    unit: String,
    limit: Option<f64>,
    ratio: Option<f64>,
    target: Option<f64>,
    pass: bool,
}

impl Figure {
    /// A figure that is to be at most its target.
    fn new(name: &str, value: f64, unit: &str, limit: Option<f64>, target: f64) -> Self {
        let ratio = limit.map(|limit| value / limit.max(f64::MIN_POSITIVE));
        let (name, unit) = (name.to_owned(), unit.to_owned());
        Self { name, value, unit, limit, ratio, target: Some(target), pass: value <= target }
    }

    /// A figure that is told beside the others, and has no target.
    fn beside(name: &str, value: f64, unit: &str, limit: Option<f64>) -> Self {
        Self { target: None, pass: true, ..Self::new(name, value, unit, limit, value) }
    }
}

/// Does what the arguments say, and returns the exit code.
pub fn run(arguments: &Arguments) -> u8 {
    if arguments.receive {
        return ended(receiver::run());
    }
    if let Some(only) = &arguments.only
        && !CASES.iter().any(|case| case.name == only)
    {
        let known: Vec<&str> = CASES.iter().map(|case| case.name).collect();
        complain(&format_args!("no figures are called `{only}`; there are {}", known.join(", ")));
        return EX_USAGE;
    }
    if arguments.within {
        return ended(within(arguments.only.as_deref().unwrap_or_default(), arguments.short));
    }
    match all(arguments) {
        Ok(figures) => {
            let text = if arguments.json {
                serde_json::to_string(&figures).unwrap_or_default() + "\n"
            } else {
                table(&figures)
            };
            let _ = anstream::stdout().write_all(text.as_bytes());
            if figures.iter().all(|figure| figure.pass) { 0 } else { EX_SLOW }
        }
        Err(why) => ended(Err(why)),
    }
}

fn ended(done: anyhow::Result<()>) -> u8 {
    match done {
        Ok(()) => 0,
        Err(why) => {
            complain(&format_args!("{why:#}"));
            EX_UNAVAILABLE
        }
    }
}

fn all(arguments: &Arguments) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let is_wanted = |case: &&Case| match &arguments.only {
        Some(only) => only == case.name,
        None => case.is_short || !arguments.short,
    };
    for case in CASES.iter().filter(is_wanted) {
        let _ = writeln!(anstream::stderr(), "{}: {}", case.name, case.about);
        figures.extend(
            in_a_process(case.name, arguments.short).with_context(|| format!("{} could not be measured", case.name))?,
        );
    }
    Ok(figures)
}

/// A process of its own, so that what one measurement leaves behind in memory is no part of another.
fn in_a_process(name: &str, is_short: bool) -> anyhow::Result<Vec<Figure>> {
    let program = std::env::current_exe().context("this program does not know where it lies")?;
    let mut command = Command::new(program);
    command
        .args(["bench", "--within", "--only", name])
        .args(is_short.then_some("--short"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = command.output().context("it could not be started")?;
    anyhow::ensure!(output.status.success(), "it ended with {}", output.status);
    serde_json::from_slice(&output.stdout).context("it told no figures")
}

fn within(name: &str, is_short: bool) -> anyhow::Result<()> {
    let case = CASES.iter().find(|case| case.name == name).context("no such figures")?;
    let figures = runtime()?.block_on((case.run)(if is_short { SOON } else { TIMES }))?;
    std::io::stdout().write_all(serde_json::to_string(&figures)?.as_bytes()).context("nobody reads the figures")
}

fn table(figures: &[Figure]) -> String {
    let mut table = plain(["figure", "value", "unit", "at best here", "ratio", "target", ""]);
    let number = |value: f64| if value < 10.0 { format!("{value:.3}") } else { format!("{value:.1}") };
    let maybe = |value: Option<f64>| value.map(number).unwrap_or_default();
    for one in figures {
        let verdict = if one.pass { "" } else { "above" };
        let cells = [
            one.name.clone(),
            number(one.value),
            one.unit.clone(),
            maybe(one.limit),
            maybe(one.ratio),
            maybe(one.target),
            verdict.to_owned(),
        ];
        table.add_row(cells);
    }
    drawn(&table)
}
