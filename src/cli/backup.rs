//! `nadhir backup`: copies the state into one file while the service runs, and tells what is in the copy.

use std::io::Write as _;
use std::path::PathBuf;

use super::check::EX_NOINPUT;
use super::{EX_UNAVAILABLE, EX_USAGE, complain, place};
use crate::store::StoreError;
use crate::store::sqlite::{Copied, backup};

/// What stands after the arguments.
pub const HELP: &str = "Examples:  nadhir backup /var/backups/nadhir-$(date +%F).sqlite3 --state /var/lib/nadhir\n           nadhir backup \
    copy.sqlite3 --json\n\nThe copy holds everything but secrets, which are never in the state, and what channels keep in files of their own. \
    It is readable by its owner alone.\n\nTo go back to one: stop the service, move nadhir.sqlite3 and the files nadhir.sqlite3-wal and -shm \
    away, put the copy in their place under the name nadhir.sqlite3, give it to the service's user, start. What had been delivered since the \
    copy was made goes out once more, under the same key; what has expired meanwhile does not.\n\nExit codes: 0 done, 1 done, and the journal was changed by \
    another hand, 2 the file is there already or the state is in a database of PostgreSQL, which has means of its own, 66 there is no state, \
    69 it cannot be read or the copy not written.";

/// What `nadhir backup` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The file to make.
    file: PathBuf,
    #[command(flatten)]
    dirs: place::Dirs,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Does what the arguments say, and returns the exit code.
pub fn run(arguments: &Arguments) -> u8 {
    let config = match arguments.dirs.configuration("it is not known where the state is") {
        Ok(config) => config,
        Err(code) => return code,
    };
    let dir = place::state_dir(arguments.dirs.state.as_deref(), config.settings.store.as_deref());
    if let Some(database) = &config.settings.database {
        complain(&format_args!(
            "the state is in {}, which is copied by the means of PostgreSQL: pg_dump --schema=nadhir, or a base backup with its log",
            database.address
        ));
        return EX_USAGE;
    }
    let path = match place::database_in(&dir) {
        Ok(path) => path,
        Err(why) => {
            complain(&why);
            return EX_NOINPUT;
        }
    };
    match backup(&path, &arguments.file) {
        Ok(copied) => {
            let _ = anstream::stdout().write_all(told(&copied, arguments).as_bytes());
            for fault in &copied.faults {
                complain(&format_args!("the journal was changed, in the state as in the copy: {fault}"));
            }
            u8::from(!copied.faults.is_empty())
        }
        Err(why) => {
            complain(&why);
            if matches!(why, StoreError::Refused { .. }) { EX_USAGE } else { EX_UNAVAILABLE }
        }
    }
}

fn told(copied: &Copied, arguments: &Arguments) -> String {
    if arguments.json {
        return serde_json::to_string(copied).unwrap_or_default() + "\n";
    }
    let Copied { bytes, bulletins, journal, owed, subscribers, until, head, .. } = copied;
    let until = until.map(|until| format!(" until {}", until.format("%F %T UTC"))).unwrap_or_default();
    let head = head.as_ref().map(|head| format!("The journal ends at {head}\n")).unwrap_or_default();
    format!(
        "{}: {bytes} bytes, {bulletins} bulletins, {journal} lines of the journal{until}, {owed} messages owed, {subscribers} subscribers\n{head}",
        arguments.file.display()
    )
}
