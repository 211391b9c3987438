//! `nadhir subscriber import`: enters those of a CSV file, all of them or none, with every mistake told at once.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;

use super::super::EX_DATAERR;
use super::super::check::EX_NOINPUT;
use super::ground::{Ground, say};
use super::{Ended, Where, hazard, language, severity};
use crate::ids::GovernorateId;
use crate::secret::Secret;
use crate::sink::Many;
use crate::subscriber::{NewSubscriber, State, Wishes, check};

/// The most rows of one file, and the most mistakes that are told.
const MAX_ROWS: usize = 1_000_000;
const MAX_TOLD: usize = 50;

/// How many are read or entered at once.
const TOGETHER: usize = 2_000;

/// Exit code of a file that cannot be written (`EX_IOERR` of sysexits).
const EX_IOERR: u8 = 74;

/// What `nadhir subscriber import` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// The file.
    file: PathBuf,
    /// They are told at once: somebody has made sure that each of them wants to hear.
    #[arg(long)]
    verified: bool,
    /// Write their names and secrets into a new file that only its owner can read.
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,
    /// Read and check the file, and change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub(super) at: Where,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    url: String,
    #[serde(default)]
    governorates: String,
    #[serde(default)]
    hazards: String,
    #[serde(default)]
    min_severity: String,
    #[serde(default)]
    languages: String,
    #[serde(default)]
    rate: String,
}

pub(super) fn run(ground: &Ground, asked: &Import) -> Ended {
    let many = ground.many()?;
    let new = read(ground, &*many, asked)?;
    let names: Vec<String> = new.iter().map(|one| one.name.clone()).collect();
    if asked.dry_run {
        say(&format!("{} subscribers can be entered; nothing was changed.\n", names.len()));
        return Ok(());
    }
    // Before anybody is entered: a file that cannot be written must not cost the secrets.
    let secrets = asked.secrets.as_deref().map(create).transpose().map_err(|why| (EX_IOERR, why))?;
    let ids = enter(ground, new)?;
    if let Some(mut file) = secrets {
        let mut write = || -> std::io::Result<()> {
            writeln!(file, "name,secret")?;
            for (name, id) in names.iter().zip(&ids) {
                writeln!(file, "{name},{}", many.secret(*id, 1).as_ref().map_or("", Secret::expose))?;
            }
            file.flush()?;
            file.get_ref().sync_all()
        };
        let help = "the subscribers are entered; `nadhir subscriber secret NAME` tells the secret of each";
        write().with_context(|| format!("the secrets could not be written: {help}")).map_err(|why| (EX_IOERR, why))?;
    }
    let next = match asked.verified {
        true => "they are told from now on",
        false => "each is told nothing until `nadhir subscriber verify NAME`",
    };
    say(&format!("Entered {} subscribers of {}; {next}.\n", ids.len(), ground.channel()));
    Ok(())
}

/// Enters them some at a time, so that no warning waits behind all of them.
fn enter(ground: &Ground, new: Vec<NewSubscriber>) -> Result<Vec<i64>, (u8, anyhow::Error)> {
    let bar = ProgressBar::new(new.len() as u64).with_style(ProgressStyle::default_bar());
    let mut ids = Vec::with_capacity(new.len());
    let mut new = new.into_iter().peekable();
    while new.peek().is_some() {
        let some: Vec<NewSubscriber> = new.by_ref().take(TOGETHER).collect();
        ids.extend(ground.enter(some)?);
        bar.set_position(ids.len() as u64);
    }
    bar.finish_and_clear();
    Ok(ids)
}

/// The names that are taken already.
fn taken(ground: &Ground) -> Result<BTreeSet<String>, (u8, anyhow::Error)> {
    let (mut names, mut after) = (BTreeSet::new(), 0);
    loop {
        let some = ground.list(after, TOGETHER)?;
        let Some(last) = some.last() else { return Ok(names) };
        after = last.id;
        names.extend(some.into_iter().map(|one| one.name));
    }
}

fn create(path: &Path) -> anyhow::Result<BufWriter<std::fs::File>> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    Ok(BufWriter::new(file.with_context(|| format!("{} cannot be made", path.display()))?))
}

fn read(ground: &Ground, many: &dyn Many, asked: &Import) -> Result<Vec<NewSubscriber>, (u8, anyhow::Error)> {
    let shown = asked.file.display();
    let file = std::fs::File::open(&asked.file).with_context(|| format!("{shown} cannot be read"));
    let mut rows = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file.map_err(|why| (EX_NOINPUT, why))?);
    let taken = taken(ground)?;
    let (mut new, mut wrong, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (place, row) in rows.deserialize::<Row>().enumerate() {
        let line = place + 2;
        if MAX_ROWS <= place {
            wrong.push(format!("{shown}: more than {MAX_ROWS} rows; part it"));
            break;
        }
        match row {
            Err(why) => wrong.push(format!("{shown}:{line}: {why}")),
            Ok(row) => match subscriber(ground, many, &row, asked.verified) {
                Ok(one) if taken.contains(&one.name) => {
                    wrong.push(format!(
                        "{shown}:{line}: `{}` is already a subscriber of {}",
                        one.name,
                        ground.channel()
                    ));
                }
                Ok(one) if names.insert(one.name.clone()) => new.push(one),
                Ok(one) => wrong.push(format!("{shown}:{line}: `{}` is named twice", one.name)),
                Err(found) => wrong.extend(found.into_iter().map(|why| format!("{shown}:{line}: {why}"))),
            },
        }
        if MAX_TOLD <= wrong.len() {
            wrong.push("there may be more".to_owned());
            break;
        }
    }
    match (wrong.is_empty(), new.is_empty()) {
        (false, _) => Err((EX_DATAERR, anyhow::anyhow!("nobody was entered:\n{}", wrong.join("\n")))),
        (true, true) => Err((EX_DATAERR, anyhow::anyhow!("{shown} names nobody"))),
        (true, false) => Ok(new),
    }
}

fn subscriber(ground: &Ground, many: &dyn Many, row: &Row, verified: bool) -> Result<NewSubscriber, Vec<String>> {
    let mut wrong = Vec::new();
    let mut wishes = Wishes::default();
    for text in row.governorates.split_whitespace() {
        match GovernorateId::new(text) {
            Ok(id) => drop(wishes.governorates.insert(id)),
            Err(why) => wrong.push(format!("governorates: {why}")),
        }
    }
    for text in row.hazards.split_whitespace() {
        match hazard(text) {
            Ok(hazard) => drop(wishes.hazards.insert(hazard)),
            Err(why) => wrong.push(format!("hazards: `{text}`: {why}")),
        }
    }
    for text in row.languages.split_whitespace() {
        match language(text) {
            Ok(language) => wishes.languages.push(language),
            Err(why) => wrong.push(format!("languages: `{text}`: {why}")),
        }
    }
    if !row.min_severity.is_empty() {
        match severity(&row.min_severity) {
            Ok(severity) => wishes.min_severity = Some(severity),
            Err(why) => wrong.push(format!("min_severity: `{}`: {why}", row.min_severity)),
        }
    }
    wrong.extend(ground.unknown_places(&wishes));
    wrong.extend(many.check(&row.url).err().map(|why| format!("url: {why}")));
    let new = NewSubscriber {
        name: row.name.clone(),
        url: row.url.clone(),
        wishes,
        pace: (!row.rate.is_empty()).then(|| row.rate.clone()),
        state: if verified { State::Active } else { State::Unverified },
    };
    wrong.extend(check(&new).err().unwrap_or_default());
    if wrong.is_empty() { Ok(new) } else { Err(wrong) }
}
