//! `nadhir feed record NAME`: asks a feed and writes down what came, byte for byte, so that it can be lived through again.
//!
//! # The layout
//! One directory for each time of asking, named by when it began, in UTC; in it one pair of files for each request, document or file,
//! numbered in the order in which they were asked for:
//! ```text
//! OUT/NAME/2025-12-09T00-00-00Z/0001.body    the bytes, unpacked and otherwise as they came
//! OUT/NAME/2025-12-09T00-00-00Z/0001.json    what is known of them
//! ```
//! The JSON is an object: `from` (the address without its query, or the file's name), `status` (HTTP; null for a file or a failure),
//! `headers` (an object, without cookies and challenges), `asked` and `answered` (RFC 3339), `bytes` and `sha256` of the body (null
//! without one), `error` (null, or why there is no body). It is written after its body: a body without it is not whole.
//! Nothing that was written is ever changed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::super::check::{EX_IOERR, EX_OK, counted};
use super::super::{EX_INTERRUPTED, EX_UNAVAILABLE, complain, run::runtime};
use super::pieces::{Asker, Came, Piece, Stopped, open};
use crate::daemon::watcher::folder::Look;
use crate::schedule::{MIN_PERIOD, Schedule};
use crate::time::{TimeDelta, Timestamp, parse_span};

/// How often a feed with a cron line is asked when `--every` does not say.
const USUAL_PERIOD: TimeDelta = TimeDelta::minutes(15);

/// What `nadhir feed record` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Record {
    /// The feed, as it is called in feeds.toml.
    name: String,
    /// The directory of the configuration; without it the configuration inside the program.
    #[arg(long, value_name = "DIR", env = "NADHIR_CONFIG")]
    config: Option<PathBuf>,
    /// The state directory, where relative paths of folders and secrets begin [default: as `nadhir run`].
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Where to write; a directory of the feed's name is made in it.
    #[arg(long, value_name = "DIR", default_value = "recorded")]
    out: PathBuf,
    /// How many times to ask [default: once, unless --for or --every says otherwise].
    #[arg(long, value_name = "N", conflicts_with = "lasting")]
    times: Option<u32>,
    /// How long to go on: 1h, 2d.
    #[arg(long = "for", value_name = "SPAN", value_parser = parse_span)]
    lasting: Option<TimeDelta>,
    /// How long from one time to the next [default: as the feed's `every`, else 15min]. Alone it goes on until it is interrupted.
    #[arg(long, value_name = "SPAN", value_parser = period)]
    every: Option<TimeDelta>,
}

fn period(text: &str) -> Result<TimeDelta, String> {
    let span = parse_span(text)?;
    if span < MIN_PERIOD {
        Err(format!("a feed is somebody else's machine: at least {} s", MIN_PERIOD.num_seconds()))
    } else {
        Ok(span)
    }
}

/// How long to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// So many times.
    Times(u32),
    /// As long as the next time begins before this.
    Moment(Timestamp),
    /// Until somebody interrupts it.
    Interrupted,
}

/// Records as the arguments say; returns the exit code.
pub(super) fn run(arguments: &Record) -> u8 {
    let recorded = open(&arguments.name, arguments.config.as_deref(), arguments.state.as_deref()).and_then(|asker| {
        let runtime = runtime().map_err(|why| Stopped(EX_UNAVAILABLE, format!("{why:#}")))?;
        let until = match (arguments.times, arguments.lasting, arguments.every) {
            (Some(times), _, _) => Until::Times(times),
            (None, Some(span), _) => Until::Moment(asker.clock.now() + span),
            (None, None, Some(_)) => Until::Interrupted,
            (None, None, None) => Until::Times(1),
        };
        let every = arguments.every.unwrap_or(match &asker.feed.schedule {
            Schedule::Every(every) => *every,
            Schedule::Cron(..) => USUAL_PERIOD,
        });
        runtime.block_on(async {
            let stop = CancellationToken::new();
            let interrupted = stop.clone();
            tokio::spawn(async move {
                if tokio::signal::ctrl_c().await.is_ok() {
                    interrupted.cancel();
                }
            });
            let mut told = |line: &str| {
                if io::stderr().is_terminal() {
                    let _ = writeln!(anstream::stderr(), "{line}");
                }
            };
            record(&asker, &arguments.out, (until, every), &stop, &mut told).await
        })
    });
    match recorded {
        Ok(Recorded { code, summary }) => {
            let _ = writeln!(anstream::stdout(), "{summary}");
            code
        }
        Err(Stopped(code, why)) => {
            complain(&why);
            code
        }
    }
}

/// What was recorded.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) code: u8,
    pub(super) summary: String,
}

/// Asks and writes, time after time.
pub(super) async fn record(
    asker: &Asker,
    out: &Path,
    (until, every): (Until, TimeDelta),
    stop: &CancellationToken,
    told: &mut dyn FnMut(&str),
) -> Result<Recorded, Stopped> {
    let home = out.join(asker.feed.id.as_str());
    let mut look = Look::default();
    let (mut times, mut bodies, mut bytes, mut failures) = (0, 0, 0, 0);
    let mut is_interrupted = false;
    loop {
        let begun = asker.clock.now();
        if matches!(until, Until::Times(most) if most <= times)
            || matches!(until, Until::Moment(end) if 0 < times && end <= begun)
        {
            break;
        }
        let pieces = tokio::select! {
            pieces = asker.ask(&mut look) => pieces?,
            () = stop.cancelled() => { is_interrupted = true; break }
        };
        let dir = home.join(begun.format("%Y-%m-%dT%H-%M-%SZ").to_string());
        let written = write(&dir, &pieces);
        let (new, size) =
            written.map_err(|why| Stopped(EX_IOERR, format!("{} cannot be written: {why}", dir.display())))?;
        let failed: Vec<String> = pieces.iter().filter_map(failure).collect();
        times += 1;
        bodies += new;
        bytes += size;
        failures += failed.len();
        told(&format!("{}: {}, {size} bytes", dir.display(), counted(new, "answer")));
        failed.iter().for_each(|why| told(&format!("  {why}")));
        let next = begun + every;
        let is_last = match until {
            Until::Times(most) => most <= times,
            Until::Moment(end) => end <= next,
            Until::Interrupted => false,
        };
        if is_last {
            break;
        }
        tokio::select! {
            () = asker.clock.sleep_until(next) => {}
            () = stop.cancelled() => { is_interrupted = true; break }
        }
    }
    let asked = if times == 1 { "once".to_owned() } else { format!("{times} times") };
    let failed = if failures == 0 { String::new() } else { format!("; {} not had", counted(failures, "answer")) };
    let summary = format!(
        "Asked {} {asked}: {}, {bytes} bytes{failed}, in {}",
        asker.feed.id,
        counted(bodies, "answer"),
        home.display()
    );
    let code = match (is_interrupted && until != Until::Interrupted, bodies) {
        (true, _) => EX_INTERRUPTED,
        (false, 0) if 0 < failures => EX_UNAVAILABLE,
        (false, _) => EX_OK,
    };
    Ok(Recorded { code, summary })
}

fn failure(piece: &Piece) -> Option<String> {
    match &piece.came {
        Came::Failed { why, .. } => Some(format!("{}: {why}", piece.from)),
        Came::Body(_) | Came::Nothing => None,
    }
}

/// What is told of an answer.
#[derive(Debug, Serialize)]
struct Note<'a> {
    from: &'a str,
    status: Option<u16>,
    headers: BTreeMap<&'a str, &'a str>,
    asked: Timestamp,
    answered: Timestamp,
    bytes: Option<usize>,
    sha256: Option<String>,
    error: Option<&'a str>,
}

/// Writes one time of asking; tells how many bodies, and how many bytes they are. A folder in which nothing is new leaves no trace.
fn write(dir: &Path, pieces: &[Piece]) -> io::Result<(usize, usize)> {
    if pieces.is_empty() {
        return Ok((0, 0));
    }
    if let Some(above) = dir.parent() {
        fs::create_dir_all(above)?;
    }
    // Made here and not found: what lies in one that is there was written by somebody else.
    fs::create_dir(dir)?;
    let (mut bodies, mut bytes) = (0, 0);
    for (number, piece) in pieces.iter().enumerate() {
        let path = dir.join(format!("{:04}.body", number + 1));
        let mut note = Note {
            from: &piece.from,
            status: None,
            headers: BTreeMap::new(),
            asked: piece.asked,
            answered: piece.answered,
            bytes: None,
            sha256: None,
            error: None,
        };
        match &piece.came {
            Came::Body(body) => {
                put(&path, &body.bytes)?;
                note.status = body.status;
                note.headers = body.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                note.bytes = Some(body.bytes.len());
                note.sha256 = Some(body.sha256());
                bodies += 1;
                bytes += body.bytes.len();
            }
            Came::Nothing => note.status = Some(204),
            Came::Failed { why, status } => (note.error, note.status) = (Some(why.as_str()), *status),
        }
        put(&path.with_extension("json"), &serde_json::to_vec_pretty(&note).map_err(io::Error::other)?)?;
    }
    Ok((bodies, bytes))
}

/// Writes a new file and waits for the disk: a full one must be found out here.
fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
