//! `nadhir silence` and `nadhir ack`: what the people on duty do by their own hand while the service runs.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{EX_UNAVAILABLE, complain, place, service};
use crate::cli::check::EX_OK;
use crate::daemon::clock::Clock;
use crate::daemon::control::Question;
use crate::engine::State;
use crate::engine::staff::{COVERS, Order, Silence, told};
use crate::hazard::Hazard;
use crate::ids::GovernorateId;
use crate::time::{TimeDelta, parse_span};

/// The order was understood and could not be obeyed.
const EX_REFUSED: u8 = 1;

/// What `nadhir silence` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Have the rules say nothing below red of some hazards in some governorates for a time, a day at most.
    #[command(
        after_help = "Example:  nadhir silence add --hazard rain --governorate taif --for 2h --reason \"the gauge is being washed\""
    )]
    Add(Add),
    /// Show the silences that last.
    List {
        #[command(flatten)]
        dirs: place::Dirs,
    },
    /// End a silence before its time.
    #[command(after_help = "Example:  nadhir silence end 1")]
    End {
        /// Its number.
        number: u32,
        #[command(flatten)]
        service: Service,
    },
}

/// Which service, and who asks.
#[derive(Debug, clap::Args)]
pub struct Service {
    /// The state directory of the service [default: $STATE_DIRECTORY, else ~/.local/state/nadhir].
    #[arg(long, value_name = "DIR")]
    pub(super) state: Option<PathBuf>,
    /// Who you are, for the journal; an account that `[duty]` names goes by its own name.
    #[arg(long, value_name = "NAME", env = "SUDO_USER", default_value_t = user())]
    pub(super) by: String,
}

/// The user of this shell, or nobody in particular.
pub(super) fn user() -> String {
    std::env::var("USER").ok().filter(|user| !user.is_empty()).unwrap_or_else(|| "somebody".to_owned())
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Which hazard; may be given several times.
    #[arg(long, value_name = "HAZARD", required = true, value_parser = hazard)]
    hazard: Vec<Hazard>,
    /// In which governorate; may be given several times. Everywhere is said by naming everywhere.
    #[arg(long, value_name = "GOVERNORATE", required = true, value_parser = governorate)]
    governorate: Vec<GovernorateId>,
    /// For how long: 30min, 2h, 1d at most.
    #[arg(long = "for", value_name = "SPAN", value_parser = parse_span)]
    lasting: TimeDelta,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    service: Service,
}

/// What `nadhir ack` takes.
#[derive(Debug, clap::Args)]
pub struct Ack {
    /// The number of the warning, without the edition: MKH-2025-000001.
    number: String,
    /// What you have to say of it.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    service: Service,
}

pub(super) fn hazard(text: &str) -> Result<Hazard, String> {
    let known: Vec<&str> = Hazard::ALL.iter().map(|hazard| hazard.name()).collect();
    Hazard::parse(text).ok_or_else(|| format!("write one of {}", known.join(", ")))
}

fn governorate(text: &str) -> Result<GovernorateId, String> {
    GovernorateId::new(text).map_err(|why| why.to_string())
}

/// Does what the arguments say, and returns the exit code.
pub fn run(arguments: Arguments) -> u8 {
    match arguments.command {
        Command::Add(add) => {
            let silence = Silence {
                up_to: COVERS,
                hazards: add.hazard.into_iter().collect::<BTreeSet<_>>(),
                governorates: add.governorate.into_iter().collect(),
                until: Clock::System.now() + add.lasting,
                by: add.service.by.clone(),
                reason: add.reason,
            };
            let done = format!("Silenced: {}", told(&silence));
            order(&add.service, Order::Silence(silence), &done)
        }
        Command::End { number, service } => {
            let by = service.by.clone();
            order(&service, Order::Speak { number, by }, "Ended; the rules speak again.")
        }
        Command::List { dirs } => list(&dirs),
    }
}

/// Notes that somebody has seen a warning, and returns the exit code.
pub fn acknowledge(ack: Ack) -> u8 {
    let by = ack.service.by.clone();
    order(&ack.service, Order::Acknowledge { number: ack.number, by, note: ack.note }, "Noted.")
}

fn order(service: &Service, order: Order, done: &str) -> u8 {
    use std::io::Write as _;
    let question = Question::Order { order };
    let Some(answer) = service::answer(service.state.as_deref(), &question) else { return EX_UNAVAILABLE };
    if !answer.ok {
        complain(&answer.problems.trim_end());
        return EX_REFUSED;
    }
    let _ = writeln!(anstream::stdout(), "{done}");
    EX_OK
}

fn list(dirs: &place::Dirs) -> u8 {
    use std::io::Write as _;
    let view = match dirs.view("it is not known which silences last") {
        Ok(view) => view,
        Err(code) => return code,
    };
    let now = Clock::System.now();
    let state = view.glance(now, now).map_err(anyhow::Error::new).and_then(|glance| Ok(State::restore(&glance.saved)?));
    match state {
        Ok(state) => {
            let lines: Vec<String> =
                state.silences().map(|(number, one)| format!("{number}  {}, by {}\n", told(one), one.by)).collect();
            let text = if lines.is_empty() { "No silence lasts.\n".to_owned() } else { lines.concat() };
            let _ = anstream::stdout().write_all(text.as_bytes());
            EX_OK
        }
        Err(why) => {
            complain(&format_args!("the state could not be read: {why:#}"));
            EX_UNAVAILABLE
        }
    }
}
