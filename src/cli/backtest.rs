//! `nadhir backtest`: reads readings, truth and rules, has them lived through, and shows what came of it. It decides nothing, asks no
//! feed and sends nothing.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};

use chrono_tz::Tz;

use super::check::{self, EX_IOERR, EX_NOINPUT, EX_OK};
use super::{EX_CONFIG, EX_DATAERR, complain};
use crate::backtest::archive::{Archive, Builder};
use crate::backtest::gate::{self, Condition};
use crate::backtest::replay::Pace;
use crate::backtest::score::DEFAULT_TOLERANCE;
use crate::backtest::sweep::Sweep;
use crate::backtest::truth::{Truth, moment};
use crate::backtest::{Named, Question, page};
use crate::config::{self, Config};
use crate::daemon::TICK;
use crate::ids::GovernorateId;
use crate::problem::{Problem, advice};
use crate::time::{TimeDelta, Timestamp, parse_span, span_text};

mod bar;
mod files;
mod recorded;
mod table;
#[cfg(test)]
mod tests;
mod truths;

/// A gate is not passed.
pub const EX_UNMET: u8 = 1;

/// Arguments that make no sense.
const EX_USAGE: u8 = 2;

/// The longest tolerance.
const MAX_TOLERANCE: TimeDelta = TimeDelta::days(2);

/// What `nadhir backtest --help` says at its end.
pub(super) const HELP: &str = r#"Example:
  nadhir backtest --readings jeddah.csv --truth events.toml --html report.html
  nadhir backtest --readings stations/ --truth warnings-of-2022/ --gate min-pod=0.9

READINGS are files (.csv, .csv.gz) or folders of them, in the long form
  time,governorate,metric,value,unit[,basis][,covers][,station][,feed][,issued]
or the wide form, with the unit of each metric in the name of its column
  time,governorate,precipitation[mm],wind_gust[km/h]
or in any other form that FILE.toml beside FILE (or --columns) describes in the words of a `csv` feed of feeds.toml:
  time = { column = "time_local", format = "%Y-%m-%d %H:%M:%S", zone = "Asia/Shanghai" }
  place = { is = ["taif"] }         # or station = { column = "origin", governorates = { JFK = ["jeddah"] } }
  basis = "observed"
  covers = "1h"
  values = [
    { column = "RAIN", metric = "precipitation", unit = "mm" },
    { column = "TEMP", metric = "temperature", unit = "°C", missing = ["NA"] },
    { column = "weather", metric = "weather_code", unit = "code", words = { Clear = 0, Sandstorm = 31 } },
  ]
A value speaks for the hour before its time unless `covers` says otherwise; a forecast needs `issued`, when it was made. A folder that
`nadhir feed record` wrote is lived through as it was heard.

TRUTH is TOML (or CSV with the same names as columns). Only hazards of which it speaks are scored: those of its events, and those of
`hazards = ["wind", …]` above them.
  [[event]]
  governorate = ["jeddah", "makkah"]   # or one, or "all"
  hazard = "rain"
  from = "2022-11-24T08:00"            # in the zone of nadhir.toml, --zone, or with an offset
  to = "2022-11-24T14:00"
  level = "red"                        # yellow, orange, red; left out: any
  source = "where that is known from"
Or TRUTH is what an authority warned of: CAP alerts as files or in a folder (.xml, .cap, .gz, lists with alerts in them), or a folder
that `nadhir feed record` wrote of a feed of alerts, read, placed and joined as the service does it. Updates go on from what they refer to and cancels
end it, so that each warning is one event at each governorate, with a time of its own for each level. Drills are no truth, and what
cannot be read or placed is told in a note. Readings must not hold the same alerts: they would be held against themselves.

Gates are conditions with commas between, each min- or max- of pod, far, csi, bias, lead (10min), changes (a day); of the total of all
hazards at yellow, or as HAZARD.LEVEL.CONDITION:  --gate min-pod=0.9,max-far=0.4,rain.red.min-lead=10min

Exit codes: 0 done, 1 the gate is not passed, 2 wrong arguments, 65 readings or truth cannot be read, 66 no such file, 74 the report
cannot be written, 78 mistakes in the configuration or the rules."#;

/// What `nadhir backtest` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Readings of the past: files, folders of files, or folders that `nadhir feed record` wrote.
    #[arg(long, value_name = "PATH", num_args = 1.., required = true)]
    readings: Vec<PathBuf>,
    /// What really happened: files or folders of events (TOML, CSV) or of an authority's alerts (CAP, or as recorded).
    #[arg(long, value_name = "PATH", num_args = 1.., required = true)]
    truth: Vec<PathBuf>,
    /// The directory of the configuration; without it the configuration inside the program.
    #[arg(long, value_name = "DIR", env = "NADHIR_CONFIG")]
    config: Option<PathBuf>,
    /// Rules to take in place of those of the configuration.
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Other rules to compare them with.
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// How tables are laid out that have no description beside them.
    #[arg(long, value_name = "FILE")]
    columns: Option<PathBuf>,
    /// What a place of a table is in the configuration: JFK=jeddah.
    #[arg(long, value_name = "NAME=GOVERNORATE", value_parser = place)]
    place: Vec<(String, String)>,
    /// The zone of times that do not say theirs [default: that of nadhir.toml].
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    zone: Option<Tz>,
    /// Take only what was heard from this time on.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Take only what was heard up to this time.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// How far from an event a warning may lie and still be right [default: 1h].
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    tolerance: Option<TimeDelta>,
    /// What the scores must come to: min-pod=0.9,max-far=0.4.
    #[arg(long, value_name = "CONDITIONS")]
    gate: Option<String>,
    /// Move a threshold: rain-rate-1h.red=10mm..60mm:5mm.
    #[arg(long, value_name = "RULE.LEVEL=FROM..TO:STEP")]
    sweep: Option<String>,
    /// Write the report as one page of HTML.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Report as JSON.
    #[arg(long)]
    json: bool,
}

fn place(text: &str) -> Result<(String, String), String> {
    let (name, governorate) =
        text.split_once('=').ok_or("write the name in the table, `=` and the governorate: JFK=jeddah")?;
    Ok((name.trim().to_owned(), governorate.trim().to_owned()))
}

fn zone(text: &str) -> Result<Tz, String> {
    text.parse().map_err(|_| format!("`{text}` is not a time zone: write a name such as `Asia/Riyadh` or `UTC`"))
}

/// Why it cannot go on, with the exit code; several reasons of one kind are told at once.
#[derive(Debug)]
enum Stop {
    Says(u8, Vec<String>),
    Draws(u8, Vec<Problem>),
}

impl Stop {
    fn tell(self) -> u8 {
        match self {
            Self::Says(code, reasons) => {
                reasons.iter().for_each(|why| complain(why));
                code
            }
            Self::Draws(code, problems) => {
                check::report(&problems, &mut anstream::stderr());
                code
            }
        }
    }
}

/// Does what the arguments say, and returns the exit code.
pub fn run(arguments: &Arguments) -> u8 {
    backtest(arguments).unwrap_or_else(Stop::tell)
}

/// All that was given, understood.
struct Given {
    config: Config,
    name: String,
    against: Option<(String, Config)>,
    archive: Archive,
    truth: Truth,
    gate: Vec<Condition>,
    sweep: Option<Sweep>,
    zone: Tz,
    tolerance: TimeDelta,
}

fn backtest(arguments: &Arguments) -> Result<u8, Stop> {
    let given = read(arguments)?;
    let rules = Named { name: &given.name, book: &given.config.rules };
    let against = given.against.as_ref().map(|(name, config)| Named { name, book: &config.rules });
    let question = Question {
        rules,
        against,
        archive: &given.archive,
        truth: &given.truth,
        tolerance: given.tolerance,
        gate: &given.gate,
        sweep: given.sweep.as_ref(),
        pace: Pace { tick: TICK, threads: std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN) },
    };
    let bar = bar::Bar::new();
    let answer = crate::backtest::run(&question, &|what, done, all| bar.show(what, done, all));
    bar.end();
    if let Some(path) = &arguments.html {
        let text = page::page(&question, &answer, given.zone);
        let failed =
            |why: io::Error| Stop::Says(EX_IOERR, vec![format!("{} cannot be written: {why}", path.display())]);
        std::fs::write(path, text).map_err(failed)?;
    }
    let text = if arguments.json {
        let text = serde_json::to_string_pretty(&answer.report).expect("texts and numbers always have a JSON form");
        format!("{text}\n")
    } else {
        table::whole(&answer.report, &given.config.governorates, given.zone)
    };
    let code = if answer.report.is_good() { EX_OK } else { EX_UNMET };
    let mut out = anstream::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => Ok(EX_IOERR),
        _ => Ok(code),
    }
}

fn read(arguments: &Arguments) -> Result<Given, Stop> {
    let paths = arguments.readings.iter().chain(&arguments.truth).chain(&arguments.columns);
    let dirs = arguments.rules.iter().chain(&arguments.against).chain(&arguments.config);
    let missing: Vec<String> = paths
        .filter(|path| !path.exists())
        .map(|path| format!("there is no file or directory {}", path.display()))
        .chain(dirs.filter(|dir| !dir.is_dir()).map(|dir| format!("there is no directory {}", dir.display())))
        .collect();
    if !missing.is_empty() {
        return Err(Stop::Says(EX_NOINPUT, missing));
    }
    let config = load(arguments.config.as_deref(), arguments.rules.as_deref())?;
    let name = [&arguments.rules, &arguments.config].into_iter().flatten().next();
    let name = name.map_or_else(|| "built-in".to_owned(), |dir| dir.display().to_string());
    let against = match &arguments.against {
        Some(dir) => Some((dir.display().to_string(), load(arguments.config.as_deref(), Some(dir))?)),
        None => None,
    };
    let zone = arguments.zone.unwrap_or(config.settings.style.zone);
    let (asked, faults) = asked(arguments, &config, zone);
    if !faults.is_empty() {
        return Err(Stop::Says(EX_USAGE, faults));
    }
    let Asked { from, to, gate, sweep, tolerance, places } = asked;
    let truth = truths::read(&arguments.truth, &config, zone)?;
    let reader = files::Reader { config: &config, zone, places: &places, columns: arguments.columns.as_deref() };
    let mut builder = Builder::default();
    reader.read(&arguments.readings, &mut builder)?;
    let archive = builder.finish(from, to).map_err(|why| Stop::Says(EX_DATAERR, vec![why]))?;
    Ok(Given { name, against, archive, truth, gate, sweep, zone, tolerance, config })
}

fn load(dir: Option<&Path>, rules: Option<&Path>) -> Result<Config, Stop> {
    let loaded = match rules {
        Some(rules) => config::load_with_rules(dir, rules),
        None => config::load(dir),
    };
    loaded.map(|(config, _)| config).map_err(|problems| Stop::Draws(EX_CONFIG, problems))
}

/// What the arguments mean.
#[derive(Default)]
struct Asked {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    gate: Vec<Condition>,
    sweep: Option<Sweep>,
    tolerance: TimeDelta,
    places: BTreeMap<String, GovernorateId>,
}

/// Understands the arguments; every mistake in them is told.
fn asked(arguments: &Arguments, config: &Config, zone: Tz) -> (Asked, Vec<String>) {
    let mut faults = Vec::new();
    let mut asked = Asked { tolerance: arguments.tolerance.unwrap_or(DEFAULT_TOLERANCE), ..Asked::default() };
    if MAX_TOLERANCE < asked.tolerance {
        faults.push(format!("--tolerance: at most {}", span_text(MAX_TOLERANCE)));
    }
    for (name, text, into) in [("--from", &arguments.from, &mut asked.from), ("--to", &arguments.to, &mut asked.to)] {
        match text.as_deref().map(|text| moment(text, zone)).transpose() {
            Ok(found) => *into = found,
            Err(why) => faults.push(format!("{name}: {why}")),
        }
    }
    if asked.from.zip(asked.to).is_some_and(|(from, to)| to < from) {
        faults.push("--to lies before --from: swap the two".to_owned());
    }
    match arguments.gate.as_deref().map(gate::parse).transpose() {
        Ok(found) => asked.gate = found.unwrap_or_default(),
        Err(wrong) => faults.extend(wrong),
    }
    match arguments.sweep.as_deref().map(|text| Sweep::parse(text, &config.rules)).transpose() {
        Ok(found) => asked.sweep = found,
        Err(why) => faults.push(why),
    }
    for (name, governorate) in &arguments.place {
        let book = &config.governorates;
        let by_id = GovernorateId::new(governorate).ok().and_then(|id| book.get(&id));
        match by_id.or_else(|| book.named(governorate)) {
            Some(place) => {
                asked.places.insert(name.clone(), place.id.clone());
            }
            None => {
                let known: Vec<&str> = book.iter().map(|place| place.id.as_str()).collect();
                let advice = advice(governorate, &known).unwrap_or_default();
                faults.push(format!("--place {name}={governorate}: there is no governorate `{governorate}`; {advice}"));
            }
        }
    }
    (asked, faults)
}
