//! The fuzzer of the decoders: real and synthetic bodies, changed by chance, must be read or refused without a panic, in little
//! time and with little memory. Nothing here judges what was read, but that it is the same when it is read again.
//!
//! `cargo test` runs it for some seconds with a fixed seed. The long run, and a body that once failed:
//! ```text
//! cargo test --release --test fuzz -- --seconds 600 --seed 7 [--kind cap]
//! cargo test --test fuzz -- --kind cap --file target/fuzz/cap-7-1234
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;
use nadhir::config::{self, Config};
use nadhir::feed::{Batch, DecodeError, Feed, KINDS, Kind};
use nadhir::time::Timestamp;

mod mutate;
mod seeds;

/// The most memory that a decode may hold at once, in bytes, the body aside.
const MAX_MEMORY: u64 = 64 << 20;
/// The longest that a decode may take. A build for debugging is slower, and is only asked not to hang.
const MAX_TIME: Duration = if cfg!(debug_assertions) { Duration::from_secs(20) } else { Duration::from_secs(2) };
/// After so long a decode is taken to hang, and the run ends.
const HANGS: Duration = Duration::from_secs(90);
/// How long the run takes that nobody asked more of, in seconds.
const SMOKE_SECONDS: u64 = 12;
/// From so many seconds on, bodies grow to the largest that a feed may give; before, to some of it.
const LONG_SECONDS: u64 = 60;
/// The largest body of a long run, and of a short one, in bytes: a little more than decoders read.
const LONG_BODY: usize = (4 << 20) + 1024;
const SHORT_BODY: usize = 128 << 10;
/// One body in so many is decoded twice.
const AGAIN: usize = 64;
/// After so many failures a kind is given up.
const MAX_FAILURES: usize = 10;
/// Moments at which bodies are decoded.
const MOMENTS: &[&str] =
    &["2025-12-09T00:10:00Z", "2013-01-24T22:00:00Z", "1990-01-01T00:00:00Z", "2199-12-31T23:59:59Z"];

/// What the run was asked for.
struct Wanted {
    seconds: u64,
    seed: u64,
    kind: Option<String>,
    file: Option<PathBuf>,
}

/// What became of the bodies of one kind.
#[derive(Default)]
struct Tally {
    bodies: u64,
    read: u64,
    refused: u64,
    slowest: Duration,
    peak: u64,
    failures: Vec<String>,
    /// What has failed already, so that one mistake is told once.
    known: BTreeSet<String>,
}

/// One body at work.
struct Trial<'a> {
    feed: &'a dyn Feed,
    kind: &'static str,
    /// Which body of the run it is, for the name of its file.
    number: u64,
    seed: u64,
    now: Timestamp,
}

/// What stands in the body that is being decoded, since when, for the one who watches for hangs.
type Current = Arc<Mutex<Option<(Instant, String, Vec<u8>)>>>;

fn main() -> ExitCode {
    let wanted = match wanted(std::env::args().skip(1)) {
        Ok(Some(wanted)) => wanted,
        Ok(None) => return ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    std::panic::set_hook(Box::new(|about| {
        let trace = std::backtrace::Backtrace::force_capture();
        let place = about.location().map(ToString::to_string).unwrap_or_default();
        *lock(last_panic()) = (place, format!("{about}\n{trace}"));
    }));
    let current = Current::default();
    watch(Arc::clone(&current));
    let kinds: Vec<&Kind> =
        KINDS.iter().filter(|kind| wanted.kind.as_deref().is_none_or(|name| name == kind.name)).collect();
    if kinds.is_empty() {
        eprintln!("no kind of feed is called so");
        return ExitCode::FAILURE;
    }
    let share = Duration::from_secs(wanted.seconds) / u32::try_from(kinds.len()).unwrap_or(1);
    let tallies: Vec<(&str, Tally)> =
        kinds.iter().map(|kind| (kind.name, fuzz(kind, share, &wanted, &current))).collect();
    report(&tallies, wanted.seed)
}

/// Reads the arguments, those of the common test harness among them; none when another test was asked for.
fn wanted(mut args: impl Iterator<Item = String>) -> Result<Option<Wanted>, String> {
    let mut wanted = Wanted { seconds: SMOKE_SECONDS, seed: 1, kind: None, file: None };
    let (mut filters, mut is_listed) = (Vec::new(), false);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("`{text}` is not a number"));
        match arg.as_str() {
            "--seconds" => wanted.seconds = number(value()?)?,
            "--seed" => wanted.seed = number(value()?)?,
            "--kind" => wanted.kind = Some(value()?),
            "--file" => wanted.file = Some(PathBuf::from(value()?)),
            "--list" => is_listed = true,
            option if option.starts_with('-') => {}
            filter => filters.push(filter.to_owned()),
        }
    }
    if is_listed {
        println!("fuzz: test");
        return Ok(None);
    }
    let is_meant = filters.is_empty() || filters.iter().any(|filter| "fuzz".contains(filter.as_str()));
    Ok(is_meant.then_some(wanted))
}

/// A feed of a kind, made of the example that the kind gives.
fn made(kind: &Kind) -> Result<Arc<dyn Feed>, String> {
    let shipped = config::embedded::text("feeds.toml").unwrap_or_default();
    let mut why = String::new();
    // Kinds that are pushed to us are not asked every so often.
    for every in ["every = \"15min\"\n", "", "every = \"15min\"\nstale_after = \"1h\"\n", "stale_after = \"1h\"\n"] {
        let (name, example) = ("name = { ar = \"x\", en = \"x\" }\n", seeds::keys(kind.name).unwrap_or(kind.example));
        let feeds = format!("{shipped}\n[the-fuzzed-one]\n{name}{every}{example}\n");
        let found: Result<(Config, _), _> = config::from_files(BTreeMap::from([("feeds.toml".to_owned(), feeds)]));
        match found {
            Ok((config, _)) => {
                let fuzzed = config.feeds.into_iter().find(|feed| feed.id.as_str() == "the-fuzzed-one");
                return fuzzed.map(|feed| feed.feed).ok_or_else(|| "its example is not enabled".to_owned());
            }
            Err(problems) if why.is_empty() => {
                why = problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; ");
            }
            Err(_) => {}
        }
    }
    Err(format!("its example is no feed: {why}"))
}

fn fuzz(kind: &Kind, share: Duration, wanted: &Wanted, current: &Current) -> Tally {
    let mut tally = Tally::default();
    let feed = match made(kind) {
        Ok(feed) => feed,
        Err(why) => {
            tally.failures.push(why);
            return tally;
        }
    };
    let begun = Instant::now();
    let limit = if LONG_SECONDS <= wanted.seconds { LONG_BODY } else { SHORT_BODY };
    let now = |number: u64| {
        let moment = MOMENTS.get(usize::try_from(number).unwrap_or(0) % MOMENTS.len());
        moment.and_then(|moment| moment.parse().ok()).unwrap_or_default()
    };
    let mut number = 0;
    let mut take = |body: &[u8], chance: &mut Rng, tally: &mut Tally| {
        let trial = Trial { feed: &*feed, kind: kind.name, number, seed: wanted.seed, now: now(number) };
        number += 1;
        trial.run(body, chance.usize(..AGAIN) == 0, current, tally);
    };
    let mut chance = Rng::with_seed(wanted.seed);
    if let Some(path) = &wanted.file {
        match std::fs::read(path) {
            Ok(body) => take(&body, &mut chance, &mut tally),
            Err(why) => tally.failures.push(format!("{} cannot be read: {why}", path.display())),
        }
        return tally;
    }
    let own = seeds::of(kind.name);
    for body in &own {
        take(body, &mut chance, &mut tally);
    }
    // The harmful ones are tried as they are, and every once in a while changed.
    let harmful: Vec<Vec<u8>> = seeds::harmful(limit).into_iter().map(|(_, body)| body).collect();
    for body in &harmful {
        take(body, &mut chance, &mut tally);
    }
    let mut shown = Instant::now();
    while begun.elapsed() < share && tally.failures.len() < MAX_FAILURES {
        let pool = if chance.usize(..200) == 0 { &harmful } else { &own };
        let Some(body) = chance.choice(pool) else { break };
        let body = mutate::mutate(body, &own, limit, &mut chance);
        take(&body, &mut chance, &mut tally);
        if std::io::stderr().is_terminal() && Duration::from_millis(500) < shown.elapsed() {
            shown = Instant::now();
            eprint!("\r{:<14} {:>4} s  {}", kind.name, begun.elapsed().as_secs(), told(&tally));
        }
    }
    if std::io::stderr().is_terminal() {
        eprint!("\r{:100}\r", "");
    }
    tally
}

impl Trial<'_> {
    /// Decodes a body and counts what came of it.
    fn run(&self, body: &[u8], is_again: bool, current: &Current, tally: &mut Tally) {
        *lock(current) = Some((Instant::now(), self.name(), body.to_vec()));
        let (mut outcome, mut took, memory) = self.decode(body);
        if MAX_TIME < took {
            // Another program may have had the machine.
            let again = self.decode(body);
            took = took.min(again.1);
            outcome = again.0;
        }
        *lock(current) = None;
        tally.bodies += 1;
        tally.slowest = tally.slowest.max(took);
        tally.peak = tally.peak.max(memory);
        match &outcome {
            Some(Ok(_)) => tally.read += 1,
            Some(Err(_)) => tally.refused += 1,
            None => {
                let (place, about) = lock(last_panic()).clone();
                self.fail(body, &format!("panic at {place}"), &about, tally);
            }
        }
        if MAX_TIME < took {
            let about = format!("it took {} ms, more than {} ms", took.as_millis(), MAX_TIME.as_millis());
            self.fail(body, "slow", &about, tally);
        }
        if MAX_MEMORY < memory {
            self.fail(body, "large", &format!("it held {}, more than {}", size(memory), size(MAX_MEMORY)), tally);
        }
        let is_odd = |batch: &Batch| batch.readings.iter().any(|reading| !reading.value.is_finite());
        if matches!(&outcome, Some(Ok(batch)) if is_odd(batch)) {
            self.fail(body, "no number", "it gave a reading that is no number", tally);
        }
        if is_again && outcome.is_some() && self.decode(body).0 != outcome {
            self.fail(body, "moody", "it was read in two ways", tally);
        }
    }

    /// What was read, or none after a panic; how long it took; the most memory that it held, in bytes.
    fn decode(&self, body: &[u8]) -> (Option<Result<Batch, DecodeError>>, Duration, u64) {
        let mut outcome = None;
        let begun = Instant::now();
        let memory = allocation_counter::measure(|| {
            outcome = catch_unwind(AssertUnwindSafe(|| self.feed.decode(body, self.now))).ok();
        });
        (outcome, begun.elapsed(), memory.bytes_max)
    }

    fn name(&self) -> String {
        format!("{}-{}-{}", self.kind, self.seed, self.number)
    }

    /// Notes a failure of a new sort and keeps its body.
    fn fail(&self, body: &[u8], sort: &str, about: &str, tally: &mut Tally) {
        if tally.known.insert(sort.to_owned()) {
            tally.failures.push(format!("{about}\n  decoded as of {}, {}", self.now, keep(&self.name(), body)));
        }
    }
}

/// Writes a body where it can be found again, and says where.
fn keep(name: &str, body: &[u8]) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("..").join("fuzz").join(name);
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, body));
    match written {
        Ok(()) => format!("the body of {} bytes is in {}", body.len(), path.display()),
        Err(why) => format!("the body could not be kept: {why}"),
    }
}

/// Ends the run when a decode does not end.
fn watch(current: Current) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            if let Some((since, name, body)) = &*lock(&current)
                && HANGS < since.elapsed()
            {
                eprintln!("{name} hangs: no end after {} s; {}", HANGS.as_secs(), keep(name, body));
                std::process::exit(1);
            }
        }
    });
}

fn report(tallies: &[(&str, Tally)], seed: u64) -> ExitCode {
    let mut out = std::io::stdout().lock();
    let mut failed = 0;
    let mut lines = vec![format!("\nfuzzing with seed {seed}")];
    for (kind, tally) in tallies {
        let verdict = match (tally.failures.is_empty(), tally.read) {
            (false, _) => "FAILED",
            (true, 0) if 1 < tally.bodies => "ok, but none was read: it needs bodies in seeds.rs",
            (true, _) => "ok",
        };
        lines.push(format!("{kind:<14} {}  {verdict}", told(tally)));
        lines.extend(tally.failures.iter().map(|failure| format!("  {kind}: {failure}")));
        failed += usize::from(!tally.failures.is_empty());
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    lines.push(format!("\ntest result: {verdict}. {} passed; {failed} failed", tallies.len() - failed));
    let written = writeln!(out, "{}", lines.join("\n"));
    if failed == 0 && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn told(tally: &Tally) -> String {
    format!(
        "{:>8} bodies {:>8} read {:>8} refused  slowest {:>5} ms  peak {:>9}",
        tally.bodies,
        tally.read,
        tally.refused,
        tally.slowest.as_millis(),
        size(tally.peak)
    )
}

fn size(bytes: u64) -> String {
    format!("{}.{} MB", bytes >> 20, ((bytes & 0xf_ffff) * 10) >> 20)
}

/// Where the last panic was, and what it said.
fn last_panic() -> &'static Mutex<(String, String)> {
    static LAST: OnceLock<Mutex<(String, String)>> = OnceLock::new();
    LAST.get_or_init(Mutex::default)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
