//! `nadhir feed`: looks at feeds without running the service. It decides nothing, sends nothing, and keeps nothing but what it
//! is told to record.

use std::path::PathBuf;

use clap::Subcommand;

pub(super) mod asked;
mod files;
pub(super) mod pieces;
mod reader;
mod record;
#[cfg(test)]
mod tests;

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
        after_help = "Examples:  nadhir feed try --file alert.xml\n           nadhir feed try --file alerts/ --json\n           nadhir feed try metar\n\nExit \
                      codes with a name: 0 read, 1 not all of it or nothing, 2 no such feed, 69 nothing could be had, 78 mistakes \
                      in the configuration.\nExit codes with files: 0 each was read or refused with a reason, 66 there is no such file, 78 \
                      mistakes in the configuration, or settings that only feeds.toml can tell."
    )]
    Try(Try),
    /// Ask a feed and write down what came, byte for byte, to live through it again.
    #[command(
        after_help = "Examples:  nadhir feed record metar\n           nadhir feed record ncm-cap-ar --for 2d --every 5min --out storm\n\nEach \
                      time of asking is a directory OUT/NAME/2025-12-09T00-00-00Z with 0001.body and 0001.json for each answer.\n\nExit \
                      codes: 0 recorded, 2 no such feed, 69 nothing was had, 74 it cannot be written, 78 mistakes in the \
                      configuration, 130 interrupted before the end."
    )]
    Record(record::Record),
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
    #[arg(long, value_name = "DIR", env = "NADHIR_CONFIG")]
    config: Option<PathBuf>,
    /// The state directory, where relative paths of folders and secrets begin [default: as `nadhir run`].
    #[arg(long, value_name = "DIR", requires = "name")]
    state: Option<PathBuf>,
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
                let (config, state) = (chosen.config.as_deref(), chosen.state.as_deref());
                asked::run(name, config, state, chosen.json, &mut anstream::stdout())
            }
        },
        Command::Record(chosen) => record::run(chosen),
    }
}
