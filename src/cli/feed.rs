//! `nadhir feed`: looks at feeds without running the service. It keeps nothing, decides nothing and sends nothing.

use std::path::PathBuf;

use clap::Subcommand;

use super::{EX_UNAVAILABLE, complain};

mod files;

/// What `nadhir feed` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read one answer of a feed, or files, and show what was read, what was passed over and why.
    #[command(
        after_help = "Examples:  nadhir feed try --file alert.xml\n           nadhir feed try --file alerts/ --json"
    )]
    Try(Try),
}

/// What `nadhir feed try` takes: a feed by its name, or files.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["name", "file"])))]
struct Try {
    /// The feed, as it is called in feeds.toml.
    name: Option<String>,
    /// Files to read in place of an answer, and directories of them.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    file: Vec<PathBuf>,
    /// The kind of feed that files are read as.
    #[arg(long, default_value = crate::feed::cap::KIND.name, value_parser = kinds(), requires = "file")]
    kind: String,
    /// The directory of the configuration; without it the configuration inside the program.
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
    /// One JSON object a line for each file.
    #[arg(long)]
    json: bool,
}

fn kinds() -> clap::builder::PossibleValuesParser {
    crate::feed::KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().into()
}

/// Does what the arguments say, and returns the exit code.
pub fn run(arguments: &Arguments) -> u8 {
    match &arguments.command {
        Command::Try(chosen) => match &chosen.name {
            None => {
                files::run(&chosen.file, &chosen.kind, chosen.config.as_deref(), chosen.json, &mut anstream::stdout())
            }
            Some(name) => {
                complain(&format_args!(
                    "the feed `{name}` cannot be asked from here yet; give a saved answer with --file"
                ));
                EX_UNAVAILABLE
            }
        },
    }
}
