//! Kills the real service at random moments of a storm, starts it again, and holds what arrived against what was said.
//!
//! The service decides on synthetic rain and on orders of the desk, and delivers to webhooks and to subscribers, some of which fail, hang
//! or take a message without saying so. After each death its store is looked at as it lies on the disk. At the end nothing may be
//! missing, nothing that was settled may have been sent again, and what came more than once must have been the same under one name.
//!
//! `cargo test` lives through a few rounds. The long run, which prints what it saw, and one that failed, again:
//! ```text
//! tests/kill --rounds 300
//! tests/kill --rounds 300 --seed 7
//! tests/kill --rounds 300 --store postgres
//! tests/kill --rounds 300 --program target/release/nadhir
//! ```
//! A seed gives the same moments and orders; what the machine makes of them differs.

#![expect(clippy::unwrap_used, reason = "this is a test: what cannot be done ends it")]

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tempfile::TempDir;

mod books;
#[path = "../it/forecast.rs"]
mod forecast;
#[path = "../it/postgres.rs"]
#[expect(dead_code, clippy::indexing_slicing, reason = "of what the tests share, the server alone is needed here")]
mod postgres;
#[path = "../it/process.rs"]
#[expect(dead_code, reason = "of what the tests share, waiting alone is needed here")]
mod process;
mod state;
mod storm;
mod world;

use books::{Books, Verdict};
use postgres::Elephant;
use state::Source;
use storm::Storm;
use world::{SECRET, SUBSCRIBERS, World};

/// How many rounds are lived through when nobody asked for more.
const USUAL_ROUNDS: u32 = 12;
/// The shortest and the longest life of a service, in milliseconds: from before it is ready to the midst of its work.
const LIFE_MS: std::ops::Range<u64> = 30..2_500;
/// The same where it has to wait until the one before is missed as the leader.
const LIFE_AMONG_NODES_MS: std::ops::Range<u64> = 30..14_000;
/// How long the last service may take to deliver what is owed.
const LAST: Duration = Duration::from_secs(180);

/// What the run was asked for.
struct Wanted {
    rounds: u32,
    seed: u64,
    program: PathBuf,
    is_on_postgres: bool,
}

fn main() -> ExitCode {
    let wanted = match wanted() {
        Ok(Some(wanted)) => wanted,
        Ok(None) => return ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}\nUsage: tests/kill [--rounds N] [--seed N] [--store sqlite|postgres] [--program FILE]");
            return ExitCode::from(2);
        }
    };
    let house = House::open(&wanted);
    let mut rng = Rng::with_seed(wanted.seed);
    let mut books = Books::default();
    let mut storm = Storm::default();
    for round in 0..wanted.rounds {
        house.world.begin(round, &mut rng);
        let mut service = Service::start(&house);
        let life = if wanted.is_on_postgres { LIFE_AMONG_NODES_MS } else { LIFE_MS };
        let life = Duration::from_millis(rng.u64(life));
        storm.rage(&house.world, &house.state(), Instant::now() + life, &mut rng);
        if let Some(status) = service.0.try_wait().unwrap() {
            eprintln!("round {round}: the service ended by itself ({status}):\n{}", house.log());
            return ExitCode::FAILURE;
        }
        drop(service);
        books.look(&house.source, round);
        progress(round + 1, wanted.rounds);
    }
    house.world.begin(wanted.rounds, &mut rng);
    house.world.heal();
    let service = Service::start(&house);
    let is_done = wait_until(LAST, || house.source.owed() == Some(0));
    // A repeat of what was settled would come now.
    std::thread::sleep(Duration::from_secs(2));
    drop(service);
    let verdict = books.close(&house.source, &house.world, &storm.confirmed);
    tell(&wanted, &verdict, is_done);
    if verdict.is_good() && is_done {
        return ExitCode::SUCCESS;
    }
    let kept = house.dir.keep();
    eprintln!("The state and the log are in {}", kept.display());
    ExitCode::FAILURE
}

fn tell(wanted: &Wanted, verdict: &Verdict, is_done: bool) {
    let Verdict { bulletins, settled, arrived, repeats, lost, twice, otherwise, confirmed } = verdict;
    println!(
        "seed {}: {bulletins} bulletins, {confirmed} of them confirmed to the desk, {settled} messages settled at channels and \
         subscribers, {arrived} arrivals, {repeats} of them again under the same name",
        wanted.seed
    );
    if !is_done {
        println!("not all that is owed was delivered within {} s", LAST.as_secs());
    }
    for fault in lost.iter().chain(twice).chain(otherwise).take(20) {
        println!("  {fault}");
    }
    if !otherwise.is_empty() {
        println!("{} came in other bytes under the same name", otherwise.len());
    }
    println!("rounds {}, lost {}, settled twice {}", wanted.rounds, lost.len(), twice.len());
}

fn progress(done: u32, of: u32) {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        let _ = write!(out, "\rround {done} of {of}{}", if done == of { "\n" } else { "" });
    } else if done.is_multiple_of(50) {
        let _ = writeln!(out, "round {done} of {of}");
    }
}

/// Reads the arguments; none when `cargo test` only asks what there is.
fn wanted() -> Result<Option<Wanted>, String> {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_nadhir"));
    let mut wanted = Wanted { rounds: USUAL_ROUNDS, seed: 1, program, is_on_postgres: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} wants a value"));
        let mut number = || {
            let text = value()?;
            text.parse::<u64>().map_err(|_| format!("{argument} {text}: not a number"))
        };
        match argument.as_str() {
            "--rounds" => wanted.rounds = u32::try_from(number()?).map_err(|_| "too many rounds")?,
            "--seed" => wanted.seed = number()?,
            "--program" => wanted.program = PathBuf::from(value()?),
            "--store" => {
                wanted.is_on_postgres = match value()?.as_str() {
                    "sqlite" => false,
                    "postgres" => true,
                    other => return Err(format!("`{other}` is no kind of store")),
                };
            }
            "--list" => return Ok(None),
            // What `cargo test` hands on to every test program.
            "--quiet" | "-q" | "--nocapture" => {}
            // The name of a test that is asked for by itself; ours has none.
            other if !other.starts_with('-') => return Ok(None),
            other => return Err(format!("`{other}` is not known")),
        }
    }
    Ok(Some(wanted))
}

/// The directories of the service, and the world around it.
struct House {
    program: PathBuf,
    world: World,
    source: Source,
    dir: TempDir,
}

impl House {
    fn open(wanted: &Wanted) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = match wanted.is_on_postgres {
            true => {
                let elephant = Elephant::start();
                let database = elephant.database();
                Source::Server(elephant, database)
            }
            false => Source::File(dir.path().join("state")),
        };
        let house = Self { program: wanted.program.clone(), world: World::open(), source, dir };
        let config = house.dir.path().join("config");
        std::fs::create_dir(&config).unwrap();
        let settings = include_str!("../../config/nadhir.toml").replace("group_wait = \"1min\"", "group_wait = \"0s\"");
        let settings = settings.replace("red = \"2min\"", "red = \"at-once\"");
        let settings = match &house.source {
            Source::File(_) => settings,
            Source::Server(elephant, database) => {
                settings.replace("[store]\n", &format!("[store]\nurl = {:?}\n", elephant.url(database)))
            }
        };
        std::fs::write(config.join("nadhir.toml"), settings).unwrap();
        std::fs::write(house.dir.path().join("secret"), SECRET).unwrap();
        std::fs::write(config.join("feeds.toml"), house.world.feeds_toml()).unwrap();
        let channels = house.world.channels_toml(&house.dir.path().join("secret"));
        std::fs::write(config.join("channels.toml"), channels).unwrap();
        house.enter_subscribers();
        house
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn command(&self, first: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        for name in ["NADHIR_CONFIG", "NADHIR_LOG", "NADHIR_LOG_FORM", "NOTIFY_SOCKET", "STATE_DIRECTORY"] {
            command.env_remove(name);
        }
        command.args(first).arg("--config").arg(self.dir.path().join("config")).arg("--state").arg(self.state());
        command
    }

    /// Enters all subscribers into a store that the first service has made.
    fn enter_subscribers(&self) {
        let service = Service::start(self);
        assert!(wait_until(LAST, || self.log().contains("Ready with")), "{}", self.log());
        drop(service);
        let rows: String = (0..SUBSCRIBERS).map(|number| self.world.subscriber_csv(number)).collect();
        let (file, secrets) = (self.dir.path().join("partners.csv"), self.dir.path().join("secrets.csv"));
        std::fs::write(&file, format!("name,url\n{rows}")).unwrap();
        let mut import = self.command(&["subscriber", "import", "--verified"]);
        let done = import.arg(&file).arg("--secrets").arg(&secrets).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

/// A running service. It dies with this value, as in a power cut.
struct Service(Child);

impl Service {
    fn start(house: &House) -> Self {
        let log = std::fs::File::options().create(true).append(true).open(house.dir.path().join("log")).unwrap();
        let mut command = house.command(&["run"]);
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn wait_until(longest: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + longest;
    while !is_so() {
        if end < Instant::now() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}

/// The names of bulletins, as the desk was told them.
type Names = BTreeSet<String>;

/// A copy of a database that nobody has closed, with all that lies beside it.
fn copy_of(state: &Path) -> Option<TempDir> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(state.join(DATABASE), dir.path().join(DATABASE)).ok()?;
    let log = format!("{DATABASE}-wal");
    if state.join(&log).exists() {
        std::fs::copy(state.join(&log), dir.path().join(&log)).ok()?;
    }
    Some(dir)
}

const DATABASE: &str = nadhir::cli::place::DATABASE;
