//! `nadhir subscriber`: who receives the messages of a channel of subscribers. It works beside the running service, on the same store, and
//! the service sees each change at its next delivery.

mod dead;
mod ground;
mod import;
mod list;
mod post;
mod replay;

use clap::Subcommand;

use super::place::Dirs;
use super::{EX_USAGE, complain};
use crate::hazard::{Hazard, Severity};
use crate::ids::GovernorateId;
use crate::language::Language;
use crate::subscriber::{CHANGE_OVER, Edit, NewSubscriber, State, Wishes, check};
use crate::time::span_text;
use ground::{Ground, say};

/// It was entered, and has not shown that it wants to hear; or what was sent did not arrive.
const EX_FAILED: u8 = 1;

/// What stands after the arguments.
pub const HELP: &str = "Examples:  nadhir subscriber add red-crescent --url https://hooks.example/nadhir --governorate jeddah,taif \
    --min-severity orange\n           nadhir subscriber import partners.csv --secrets partners-secrets.csv\n           nadhir subscriber list \
    --state-of failing\n           nadhir subscriber replay red-crescent --since 6h --dry-run\n\nA subscriber is told nothing until it has shown that it wants to hear: it is sent \
    {\"type\":\"subscriber.challenge\",\"data\":{\"challenge\":\"…\"}} and answers 2xx with the challenge in the body. Every request is signed as \
    Standard Webhooks has it; `webhook-id` is the same at every try, and tells what was seen already. Secrets that systemd keeps are given to \
    the service alone: run what needs the channel's key as systemd-run --pipe -p LoadCredential=… nadhir subscriber …\n\nExit codes: 0 done, 1 \
    entered but not verified, or it did not arrive, 2 no such subscriber or channel, or a name that is taken, 65 mistakes in the file, 69 the \
    store or the key cannot be had, 78 mistakes in the configuration.";

/// What `nadhir subscriber` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Enter one, have it show that it wants to hear, and print its secret.
    #[command(
        after_help = "Example:  nadhir subscriber add red-crescent --url https://hooks.example/nadhir --min-severity orange"
    )]
    Add(Add),
    /// Enter those of a CSV file with the columns name, url and, if wanted, governorates, hazards, min_severity, languages, rate; what
    /// several values stand in is parted by blanks. All of a file or, on any mistake, nothing.
    #[command(after_help = "Example:  nadhir subscriber import partners.csv --secrets partners-secrets.csv")]
    Import(import::Import),
    /// List them.
    #[command(after_help = "Example:  nadhir subscriber list --state-of failing --json")]
    List(list::List),
    /// List what did not arrive, the newest first: what was given up, and what ran out of time.
    #[command(after_help = "Example:  nadhir subscriber dead red-crescent --limit 20")]
    Dead(dead::Dead),
    /// Send one once more what its channel was sent since a time, as far as it still holds and the subscriber wants to hear it.
    #[command(after_help = replay::HELP)]
    Replay(replay::Replay),
    /// Have one show that it wants to hear.
    #[command(after_help = "Example:  nadhir subscriber verify red-crescent")]
    Verify(One),
    /// Tell one nothing until it is resumed.
    #[command(after_help = "Example:  nadhir subscriber pause red-crescent")]
    Pause(One),
    /// Tell one again that was paused, or disabled since nothing reached it for days or its receiver said that it is gone.
    #[command(after_help = "Example:  nadhir subscriber resume red-crescent")]
    Resume(One),
    /// Change what one wants to hear, its pace, or its address, at which it then has to show anew that it wants to hear.
    #[command(after_help = "Example:  nadhir subscriber edit red-crescent --governorate jeddah --rate 60/min")]
    #[command(name = "edit")]
    Change(Change),
    /// Print the secret of one once more.
    #[command(after_help = "Example:  nadhir subscriber secret red-crescent")]
    Secret(One),
    /// Give one a new secret; for two days requests are signed with the one before too.
    #[command(after_help = "Example:  nadhir subscriber rotate red-crescent")]
    Rotate(One),
    /// Send one a message that says that it is a test and no warning.
    #[command(after_help = "Example:  nadhir subscriber test red-crescent")]
    Test(One),
    /// Take one out.
    #[command(after_help = "Example:  nadhir subscriber remove red-crescent")]
    Remove(One),
}

/// Of which channel, and where the service lives.
#[derive(Debug, clap::Args)]
struct Where {
    /// The channel, as channels.toml calls it; it need not be said where there is one of kind subscribers.
    #[arg(long)]
    channel: Option<String>,
    #[command(flatten)]
    dirs: Dirs,
}

/// One subscriber.
#[derive(Debug, clap::Args)]
struct One {
    /// Its name.
    name: String,
    #[command(flatten)]
    at: Where,
}

/// What one wants to hear.
#[derive(Debug, clap::Args)]
struct Wanted {
    /// Only of these governorates.
    #[arg(long = "governorate", value_name = "ID", value_delimiter = ',', value_parser = |text: &str| GovernorateId::new(text))]
    governorates: Vec<GovernorateId>,
    /// Only of these hazards.
    #[arg(long = "hazard", value_name = "HAZARD", value_delimiter = ',', value_parser = hazard)]
    hazards: Vec<Hazard>,
    /// Only from this severity on.
    #[arg(long, value_parser = severity)]
    min_severity: Option<Severity>,
    /// Only in these languages.
    #[arg(long = "language", value_name = "TAG", value_delimiter = ',', value_parser = language)]
    languages: Vec<Language>,
}

/// What `nadhir subscriber add` takes.
#[derive(Debug, clap::Args)]
struct Add {
    /// Its name.
    name: String,
    /// Where it is told: https.
    #[arg(long)]
    url: String,
    #[command(flatten)]
    wanted: Wanted,
    /// How many messages it takes in a time, one a minute at least: 20/min.
    #[arg(long, value_name = "RATE")]
    rate: Option<String>,
    #[command(flatten)]
    at: Where,
}

/// What `nadhir subscriber edit` takes.
#[derive(Debug, clap::Args)]
struct Change {
    /// Its name.
    name: String,
    /// A new address.
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    wanted: Wanted,
    /// Everything that the channel hears, in place of what it wanted before.
    #[arg(long, conflicts_with_all = ["governorates", "hazards", "min_severity", "languages"])]
    everything: bool,
    /// How many messages it takes in a time; `none` for as many as come.
    #[arg(long, value_name = "RATE")]
    rate: Option<String>,
    #[command(flatten)]
    at: Where,
}

fn hazard(text: &str) -> Result<Hazard, String> {
    Hazard::parse(text).ok_or_else(|| {
        let known: Vec<&str> = Hazard::ALL.iter().map(|hazard| hazard.name()).collect();
        format!("there is no such hazard; there are {}", known.join(", "))
    })
}

fn severity(text: &str) -> Result<Severity, String> {
    Severity::parse(text).ok_or_else(|| "write advisory, yellow, orange or red".to_owned())
}

fn language(text: &str) -> Result<Language, String> {
    Language::ALL.into_iter().find(|one| one.tag() == text).ok_or_else(|| "write ar or en".to_owned())
}

impl Wanted {
    fn is_nothing(&self) -> bool {
        self.governorates.is_empty()
            && self.hazards.is_empty()
            && self.min_severity.is_none()
            && self.languages.is_empty()
    }

    fn wishes(&self) -> Wishes {
        Wishes {
            min_severity: self.min_severity,
            hazards: self.hazards.iter().copied().collect(),
            governorates: self.governorates.iter().cloned().collect(),
            languages: self.languages.clone(),
        }
    }
}

/// An end that is not as it should be: the exit code, and why.
type Ended = Result<(), (u8, anyhow::Error)>;

/// Does what the arguments say, and returns the exit code.
pub fn run(arguments: &Arguments) -> u8 {
    let done = match &arguments.command {
        Command::Add(add) => Ground::open(&add.at).and_then(|ground| self::add(&ground, add)),
        Command::Import(asked) => Ground::open(&asked.at).and_then(|ground| import::run(&ground, asked)),
        Command::List(asked) => list::run(asked),
        Command::Dead(asked) => dead::run(asked),
        Command::Replay(asked) => replay::run(asked),
        Command::Verify(one) => Ground::open(&one.at).and_then(|ground| verify(&ground, &one.name)),
        Command::Pause(one) => Ground::open(&one.at).and_then(|ground| pause(&ground, &one.name)),
        Command::Resume(one) => Ground::open(&one.at).and_then(|ground| resume(&ground, &one.name)),
        Command::Change(change) => Ground::open(&change.at).and_then(|ground| self::change(&ground, change)),
        Command::Secret(one) => Ground::open(&one.at).and_then(|ground| secret(&ground, &one.name)),
        Command::Rotate(one) => Ground::open(&one.at).and_then(|ground| rotate(&ground, &one.name)),
        Command::Test(one) => Ground::open(&one.at).and_then(|ground| post::test(&ground, &one.name)),
        Command::Remove(one) => Ground::open(&one.at).and_then(|ground| remove(&ground, &one.name)),
    };
    match done {
        Ok(()) => 0,
        Err((code, why)) => {
            complain(&format_args!("{why:#}"));
            code
        }
    }
}

fn add(ground: &Ground, add: &Add) -> Ended {
    let new = NewSubscriber {
        name: add.name.clone(),
        url: add.url.clone(),
        wishes: add.wanted.wishes(),
        pace: add.rate.clone(),
        state: State::Unverified,
    };
    let mut wrong = check(&new).err().unwrap_or_default();
    wrong.extend(ground.many()?.check(&new.url).err().map(|why| format!("--url: {why}")));
    wrong.extend(ground.unknown_places(&new.wishes));
    if !wrong.is_empty() {
        return Err((EX_USAGE, anyhow::anyhow!("{}", wrong.join("; "))));
    }
    ground.enter(vec![new])?;
    let entered = ground.find(&add.name)?;
    say(&format!(
        "{} is subscriber {} of {}. Its secret, for the receiver alone:\n",
        add.name,
        entered.id,
        ground.channel()
    ));
    secret(ground, &add.name)?;
    verify(ground, &add.name)
}

fn verify(ground: &Ground, name: &str) -> Ended {
    let found = ground.find(name)?;
    if found.state == State::Active {
        say(&format!("{name} is told already.\n"));
        return Ok(());
    }
    post::challenge(ground, &found).map_err(|why| {
        let next = format!(
            "{name} is entered and told nothing so far; once its receiver is up: nadhir subscriber verify {name}"
        );
        (EX_FAILED, why.context(next))
    })?;
    ground.edit(&found, Edit::State(State::Active))?;
    say(&format!("{name} has shown that it wants to hear, and is told from now on.\n"));
    Ok(())
}

fn pause(ground: &Ground, name: &str) -> Ended {
    let found = ground.find(name)?;
    if found.state == State::Unverified {
        return Err((EX_USAGE, anyhow::anyhow!("{name} has never been told anything: it is not verified")));
    }
    ground.edit(&found, Edit::State(State::Paused))?;
    say(&format!(
        "{name} is told nothing until `nadhir subscriber resume {name}`; what is said meanwhile comes later only by `nadhir subscriber replay \
        {name} --since TIME`.\n"
    ));
    Ok(())
}

fn resume(ground: &Ground, name: &str) -> Ended {
    let found = ground.find(name)?;
    match found.state {
        State::Unverified => {
            let why = anyhow::anyhow!("{name} has not shown that it wants to hear: nadhir subscriber verify {name}");
            return Err((EX_USAGE, why));
        }
        State::Active | State::Paused | State::Disabled => ground.edit(&found, Edit::State(State::Active))?,
    }
    let missed = match found.state {
        State::Paused | State::Disabled => {
            format!("; what it missed: nadhir subscriber replay {name} --since TIME --dry-run")
        }
        State::Active | State::Unverified => String::new(),
    };
    say(&format!("{name} is told from now on{missed}.\n"));
    Ok(())
}

fn change(ground: &Ground, change: &Change) -> Ended {
    ground.many()?;
    let found = ground.find(&change.name)?;
    let mut edits = Vec::new();
    let mut wrong = Vec::new();
    if !change.wanted.is_nothing() || change.everything {
        let wishes = change.wanted.wishes();
        wrong.extend(ground.unknown_places(&wishes));
        edits.push(Edit::Wishes(wishes));
    }
    if let Some(rate) = &change.rate {
        let pace = (rate != "none").then(|| rate.clone());
        let as_new = NewSubscriber {
            name: found.name.clone(),
            url: String::new(),
            wishes: Wishes::default(),
            pace: pace.clone(),
            state: State::Active,
        };
        wrong.extend(check(&as_new).err().unwrap_or_default());
        edits.push(Edit::Pace(pace));
    }
    if let Some(url) = &change.url {
        wrong.extend(ground.many()?.check(url).err().map(|why| format!("--url: {why}")));
        edits.push(Edit::Url(url.clone()));
    }
    if edits.is_empty() {
        wrong.push(
            "say what is to change: --governorate, --hazard, --min-severity, --language, --everything, --rate, --url"
                .to_owned(),
        );
    }
    if !wrong.is_empty() {
        return Err((EX_USAGE, anyhow::anyhow!("{}", wrong.join("; "))));
    }
    for edit in edits {
        ground.edit(&found, edit)?;
    }
    say(&format!("{} is changed.\n", change.name));
    if change.url.is_some() { verify(ground, &change.name) } else { Ok(()) }
}

fn secret(ground: &Ground, name: &str) -> Ended {
    let found = ground.find(name)?;
    if let Some(secret) = ground.many()?.secret(found.id, found.secret.newest) {
        say(&format!("{}\n", secret.expose()));
    }
    Ok(())
}

fn rotate(ground: &Ground, name: &str) -> Ended {
    ground.many()?;
    let found = ground.find(name)?;
    ground.edit(&found, Edit::Rotate(ground.now() + CHANGE_OVER))?;
    let for_how_long = span_text(CHANGE_OVER);
    say(&format!("The new secret of {name}; for {for_how_long} requests bear a signature by the old one too:\n"));
    secret(ground, name)
}

fn remove(ground: &Ground, name: &str) -> Ended {
    let found = ground.find(name)?;
    ground.edit(&found, Edit::Remove)?;
    say(&format!("{name} is no subscriber of {} any more.\n", ground.channel()));
    Ok(())
}
