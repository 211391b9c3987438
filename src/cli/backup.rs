//! `nadhir backup`: copies the state into one file while the service runs, and tells what is in the copy.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use chrono::{NaiveDateTime, Utc};

use super::check::EX_NOINPUT;
use super::{EX_UNAVAILABLE, EX_USAGE, complain, place};
use crate::store::StoreError;
use crate::store::sqlite::{Copied, backup};
use crate::time::Timestamp;

/// What stands after the arguments.
pub const HELP: &str = "Examples:  nadhir backup copy.sqlite3 --state /var/lib/nadhir\n           nadhir backup --into /var/backups/nadhir \
    --keep 14 --json\n\nWith --into, the copy has a name by the time of its making, and of those that were made so before, the newest are kept; \
    systemd/nadhir-backup.timer does it every day.\n\nThe copy holds everything but secrets, which are never in the state, and what channels keep in files of their own. \
    It is readable by its owner alone.\n\nTo go back to one: stop the service, move nadhir.sqlite3 and the files nadhir.sqlite3-wal and -shm \
    away, put the copy in their place under the name nadhir.sqlite3, give it to the service's user, start. What had been delivered since the \
    copy was made goes out once more, under the same key; what has expired meanwhile does not.\n\nExit codes: 0 done, 1 done, and the journal was changed by \
    another hand, 2 the file is there already or the state is in a database of PostgreSQL, which has means of its own, 66 there is no state, \
    69 it cannot be read or the copy not written.";

/// What `nadhir backup` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The file to make.
    #[arg(required_unless_present = "into")]
    file: Option<PathBuf>,
    /// The directory to make it in, under a name of its own.
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    into: Option<PathBuf>,
    /// How many copies stay in that directory, this one among them; older ones are taken away once this one is whole.
    #[arg(long, value_name = "NUMBER", requires = "into", value_parser = clap::value_parser!(u16).range(1..))]
    keep: Option<u16>,
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
    let Some(file) = file_of(arguments, Utc::now()) else { return EX_USAGE };
    match backup(&path, &file) {
        Ok(copied) => {
            let _ = anstream::stdout().write_all(told(&copied, &file, arguments.json).as_bytes());
            if let (Some(dir), Some(keep)) = (&arguments.into, arguments.keep)
                && let Err(why) = thin_out(dir, usize::from(keep))
            {
                complain(&format_args!("older copies in {} were not taken away: {why}", dir.display()));
            }
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

/// The file to make: the one that is named, or one by the time of its making.
fn file_of(arguments: &Arguments, now: Timestamp) -> Option<PathBuf> {
    let own = |dir: &PathBuf| dir.join(format!("{PREFIX}{}{SUFFIX}", now.format(FORM)));
    arguments.file.clone().or_else(|| arguments.into.as_ref().map(own))
}

/// How copies are called that are made into a directory.
const PREFIX: &str = "nadhir-";
const FORM: &str = "%Y%m%dT%H%M%SZ";
const SUFFIX: &str = ".sqlite3";

/// Whether a file is called as copies are, and nothing else is.
fn is_copy(name: &str) -> bool {
    let time = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
    time.is_some_and(|time| NaiveDateTime::parse_from_str(time, FORM).is_ok())
}

/// Takes away all copies in a directory but the newest; whatever else lies there stays.
fn thin_out(dir: &Path, keep: usize) -> std::io::Result<()> {
    let mut copies = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_file() && entry.file_name().to_str().is_some_and(is_copy) {
            copies.push(entry.path());
        }
    }
    // Their names sort by time.
    copies.sort();
    let older = copies.len().saturating_sub(keep);
    copies.into_iter().take(older).try_for_each(std::fs::remove_file)
}

fn told(copied: &Copied, file: &Path, as_json: bool) -> String {
    if as_json {
        let mut told = serde_json::to_value(copied).unwrap_or_default();
        if let Some(told) = told.as_object_mut() {
            told.insert("file".to_owned(), file.display().to_string().into());
        }
        return format!("{told}\n");
    }
    let Copied { bytes, bulletins, journal, owed, subscribers, until, head, .. } = copied;
    let until = until.map(|until| format!(" until {}", until.format("%F %T UTC"))).unwrap_or_default();
    let head = head.as_ref().map(|head| format!("The journal ends at {head}\n")).unwrap_or_default();
    format!(
        "{}: {bytes} bytes, {bulletins} bulletins, {journal} lines of the journal{until}, {owed} messages owed, {subscribers} subscribers\n{head}",
        file.display()
    )
}
