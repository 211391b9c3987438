//! `nadhir sim`: storms by the thousand in virtual time, on a disk and over a network that fail by chance, each from a seed that brings it
//! back byte for byte.

use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{EX_UNAVAILABLE, complain};
use crate::config::{Config, from_files};
use crate::problem::render;
use crate::record::chain::Hash;

mod disk;
pub mod laws;
mod life;
mod net;
mod storm;

use life::{Lived, live};

/// What stands after the arguments.
pub const HELP: &str = "Examples:  nadhir sim --seed 1 --storms 1000\n           nadhir sim --seed 4711 --storms 1 --story\n\nEach storm is the \
    real brain, the real outbox and the real couriers, on a store some calls of which fail, in a process that dies in the midst, over channels \
    that fail, hang, or take a message and never say so. Held against what arrived are the four laws: nothing is lost, nothing says \
    different things at different tries or is sent again after it was settled, nothing expired and nothing older than what has arrived is \
    sent, in the end every channel has the truth of every place, and drills reach no one else. The storms have the seeds from --seed on; \
    the same seed gives the same bytes, whose hash is printed.\n\nExit codes: 0 all laws were kept, 1 one was not, 69 it could not be run.";

/// The most storms of one run.
pub const MAX_STORMS: u64 = 10_000_000;

/// What `nadhir sim` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The seed of the first storm.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many storms.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=MAX_STORMS))]
    storms: u64,
    /// Tell what happened in the first storm, or in the first that went against a law.
    #[arg(long)]
    story: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// The channels of a storm: two that hear everything in two forms, one of a place, the people on duty, and a drill.
const CHANNELS: &str = r#"
[press]
kind = "console"
audience = "public"
form = "json"

[posts]
kind = "console"
audience = "public"
form = "text"
release = { red = "at-once" }

[jeddah]
kind = "console"
audience = "public"
form = "json"
governorates = ["jeddah"]

[duty]
kind = "console"
audience = "staff"
form = "json"

[drills]
kind = "console"
audience = "drill"
form = "json"
"#;

/// The most storms that went against a law and are kept, and the most that are told.
const MAX_KEPT: usize = 10_000;
const MAX_TOLD: usize = 10;

/// What came of a run.
#[derive(Debug, Default)]
struct Sum {
    bulletins: usize,
    arrivals: usize,
    deaths: u64,
    /// The seeds of storms that went against a law, with what they did.
    faulty: Vec<(u64, Lived)>,
    /// The hashes of all storms.
    digests: Vec<(u64, Hash)>,
    first: Option<Lived>,
}

/// Does what the arguments say, and returns the exit code.
pub fn run(arguments: &Arguments) -> u8 {
    let began = Instant::now();
    match storms(arguments) {
        Ok(sum) => {
            let _ = anstream::stdout().write_all(told(&sum, arguments, began).as_bytes());
            u8::from(!sum.faulty.is_empty())
        }
        Err(why) => {
            complain(&format_args!("{why:#}"));
            EX_UNAVAILABLE
        }
    }
}

/// Lives through all storms, on as many threads as the machine has cores.
fn storms(arguments: &Arguments) -> anyhow::Result<Sum> {
    let config = configuration()?;
    let bar = ProgressBar::new(arguments.storms);
    if let Ok(style) = ProgressStyle::with_template("{pos} of {len} storms, {eta} left") {
        bar.set_style(style);
    }
    let (next, sum) = (AtomicU64::new(0), Mutex::new(Sum::default()));
    let work = || -> anyhow::Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if arguments.storms <= number {
                return Ok(());
            }
            let seed = arguments.seed.wrapping_add(number);
            let lived = live(&config, seed)?;
            bar.inc(1);
            let mut sum = sum.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            sum.take(seed, lived, number == 0);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let ended =
            running.into_iter().map(|one| one.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a storm broke down"))));
        ended.collect::<anyhow::Result<Vec<()>>>()
    })?;
    bar.finish_and_clear();
    let mut sum = sum.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    sum.faulty.sort_by_key(|(seed, _)| seed.wrapping_sub(arguments.seed));
    sum.digests.sort_by_key(|(seed, _)| seed.wrapping_sub(arguments.seed));
    Ok(sum)
}

impl Sum {
    fn take(&mut self, seed: u64, lived: Lived, is_first: bool) {
        self.bulletins += lived.bulletins;
        self.arrivals += lived.arrivals;
        self.deaths += u64::from(lived.deaths);
        self.digests.push((seed, lived.digest));
        if is_first {
            self.first = Some(lived.clone());
        }
        if !lived.faults.is_empty() && self.faulty.len() < MAX_KEPT {
            self.faulty.push((seed, lived));
        }
    }

    /// One hash over all storms in the order of their seeds.
    fn digest(&self) -> Hash {
        Hash::of(&self.digests.iter().map(|(seed, digest)| format!("{seed} {digest}\n")).collect::<String>())
    }
}

/// The configuration of all storms: the shipped one, with channels of its own.
fn configuration() -> anyhow::Result<Config> {
    let files = [("channels.toml".to_owned(), CHANNELS.to_owned())].into();
    match from_files(files) {
        Ok((config, _)) => Ok(config),
        Err(problems) => {
            Err(anyhow::anyhow!("the configuration of the simulation has mistakes:\n{}", render(&problems, false)))
        }
    }
}

fn told(sum: &Sum, arguments: &Arguments, began: Instant) -> String {
    let Sum { bulletins, arrivals, deaths, faulty, .. } = sum;
    let (storms, seed, digest) = (arguments.storms, arguments.seed, sum.digest());
    let seconds = began.elapsed().as_secs_f64();
    let per_minute = storms as f64 * 60.0 / seconds.max(f64::EPSILON);
    if arguments.json {
        let faulty: Vec<_> =
            faulty.iter().take(MAX_TOLD).map(|(seed, lived)| json!({ "seed": seed, "faults": lived.faults })).collect();
        let told = json!({
            "storms": storms, "seed": seed, "bulletins": bulletins, "arrivals": arrivals, "deaths": deaths,
            "faulty": sum.faulty.len(), "first_faulty": faulty, "digest": digest.to_string(), "per_minute": per_minute,
        });
        return format!("{told}\n");
    }
    let mut told = String::new();
    for (seed, lived) in faulty.iter().take(MAX_TOLD) {
        told.push_str(&format!("seed {seed}: see it with `nadhir sim --seed {seed} --storms 1 --story`\n"));
        told.extend(lived.faults.iter().take(MAX_TOLD).map(|fault| format!("  {fault}\n")));
    }
    if arguments.story
        && let Some(lived) = faulty.first().map(|(_, lived)| lived).or(sum.first.as_ref())
    {
        told.extend(lived.story.iter().map(|line| format!("{line}\n")));
    }
    told.push_str(&format!(
        "{bulletins} bulletins, {arrivals} arrivals, {deaths} deaths of the process; {per_minute:.0} storms a minute; hash {digest}\n\
         storms {storms} from seed {seed} on, against a law {}\n",
        faulty.len()
    ));
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_gives_others() {
        let config = configuration().unwrap();
        let (first, again, other) = (live(&config, 7).unwrap(), live(&config, 7).unwrap(), live(&config, 8).unwrap());
        assert_eq!(first, again);
        assert_ne!(first.digest, other.digest);
        assert!(first.bulletins != 0 && first.arrivals != 0, "{first:?}");
    }

    /// Each of these once went against a law: a warning of an authority or of the desk that had taken the place of another one did not
    /// name it in its later editions, or named it also to those for whom it went on elsewhere; what was in hand while a newer word arrived
    /// stayed owed.
    #[test]
    fn storms_that_once_went_against_a_law_keep_it() {
        let config = configuration().unwrap();
        for seed in [112, 417, 677, 717, 795, 820, 1_013, 1_029, 1_310, 1_318, 1_370] {
            assert_eq!(live(&config, seed).unwrap().faults, Vec::<String>::new(), "seed {seed}");
        }
    }

    #[test]
    fn a_hundred_storms_keep_the_laws() {
        let arguments = Arguments { seed: 1, storms: 100, story: false, json: false };
        let sum = storms(&arguments).unwrap();
        let faults: Vec<_> = sum.faulty.iter().map(|(seed, lived)| (seed, &lived.faults)).collect();
        assert!(faults.is_empty(), "{faults:#?}");
        assert!(50 < sum.deaths && 1_000 < sum.arrivals, "{} deaths, {} arrivals", sum.deaths, sum.arrivals);
    }
}
