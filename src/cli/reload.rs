//! `nadhir reload`: has the running service read its configuration again, and shows what that changed.

use std::path::PathBuf;

use super::{EX_CONFIG, EX_UNAVAILABLE, service};
use crate::cli::check::EX_OK;
use crate::daemon::control::{Answer, Question};

/// What `nadhir reload` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The state directory of the service [default: $STATE_DIRECTORY, else ~/.local/state/nadhir].
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Show what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Answer as JSON: ok, changes, problems.
    #[arg(long)]
    json: bool,
}

/// Asks the service, and returns the exit code.
pub fn run(arguments: &Arguments) -> u8 {
    let question = Question::Reload { dry_run: arguments.dry_run };
    let Some(answer) = service::answer(arguments.state.as_deref(), &question) else { return EX_UNAVAILABLE };
    tell(&answer, arguments);
    if answer.ok { EX_OK } else { EX_CONFIG }
}

fn tell(answer: &Answer, arguments: &Arguments) {
    use std::io::Write as _;
    let mut out = anstream::stdout();
    if arguments.json {
        let text = serde_json::to_string_pretty(answer).expect("texts always have a JSON form");
        let _ = writeln!(out, "{text}");
        return;
    }
    let _ = anstream::stderr().write_all(answer.problems.as_bytes());
    for change in &answer.changes {
        let _ = writeln!(out, "{change}");
    }
    let verdict = match (answer.ok, arguments.dry_run, answer.changes.is_empty()) {
        (false, _, _) => "Not reloaded: the old configuration stays in force.",
        (true, _, true) => "Nothing is otherwise than before.",
        (true, true, false) => "Nothing was changed; without --dry-run this comes into force.",
        (true, false, false) => "Reloaded: this is in force now.",
    };
    let _ = writeln!(out, "{verdict}");
}
