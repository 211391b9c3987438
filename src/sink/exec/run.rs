//! One run of a program, from its start to its end and never without one. It says what happened; what that means is said elsewhere.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::sink::Parcel;
use crate::sink::http::first_words;
use crate::time::TimeDelta;

/// How much of what a program prints is kept, in bytes; the rest is read and dropped.
const MAX_KEPT: usize = 8 * 1024;

/// How long what a program has printed is waited for once it has ended: something that it left behind may hold the ends.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The longest wait that a program may ask for.
const MAX_RETRY_AFTER: TimeDelta = TimeDelta::days(1);

/// A program and how it is started.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) args: Vec<String>,
    /// Where it is started: the state directory.
    pub(super) dir: PathBuf,
    pub(super) timeout: Duration,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// It never began.
    NotStarted(String),
    /// By itself.
    Exit { code: i32, said: Said },
    /// By a signal that was not ours.
    Signal { signal: i32, said: Said },
    /// By us, since its time had run out.
    Overdue { said: Said },
    /// It cannot be known.
    Lost(String),
}

/// The beginning of what a program printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) out: String,
    pub(super) err: String,
}

impl Said {
    /// The first line that is a receipt, in words fit for a log.
    pub(super) fn receipt(&self) -> String {
        let line = self.out.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        first_words(line)
    }

    /// Why it failed, in one line.
    pub(super) fn reason(&self) -> String {
        first_words(&self.err)
    }

    /// The wait that a line of standard output asks for, in seconds.
    pub(super) fn retry_after(&self) -> Option<TimeDelta> {
        let asked = self.out.lines().find_map(|line| {
            let (name, seconds) = line.split_once(':')?;
            let seconds = seconds.trim();
            let is_number = !seconds.is_empty() && seconds.bytes().all(|digit| digit.is_ascii_digit());
            (name.trim().eq_ignore_ascii_case("retry-after") && is_number).then_some(seconds)
        })?;
        let span = asked.parse().ok().and_then(TimeDelta::try_seconds).unwrap_or(MAX_RETRY_AFTER);
        Some(span.min(MAX_RETRY_AFTER))
    }
}

/// Ends a program and all that it started, whatever becomes of the one who waits for it.
struct Group(Option<Pid>);

impl Group {
    fn kill(&mut self) {
        if let Some(group) = self.0.take() {
            // It may be gone already.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Program {
    /// Starts it for one try of a message and waits for its end, which comes in bounded time.
    pub(super) async fn run(&self, parcel: &Parcel) -> End {
        let mut command = Command::new(&self.path);
        command
            .args(&self.args)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("NADHIR_KEY", &parcel.key)
            .env("NADHIR_BULLETIN", parcel.bulletin.as_str())
            .env("NADHIR_ATTEMPT", parcel.attempt.to_string())
            .current_dir(&self.dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that all of it can be ended at once.
            .process_group(0)
            .kill_on_drop(true);
        match command.spawn() {
            Ok(child) => self.attend(child, parcel).await,
            Err(why) => End::NotStarted(why.to_string()),
        }
    }

    async fn attend(&self, mut child: Child, parcel: &Parcel) -> End {
        let end = Instant::now() + self.timeout;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let mut group = Group(group);
        let body = parcel.body.clone();
        let stdin = child.stdin.take();
        // Dropped at its end, so that the program finds the end of its input. One that reads no further says all by its exit code.
        let feeding = async move {
            if let Some(mut stdin) = stdin {
                let _ = stdin.write_all(body.as_bytes()).await;
                let _ = stdin.shutdown().await;
            }
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut status = None;
        {
            let reading = async { tokio::join!(read_head(stdout, &mut out), read_head(stderr, &mut err)) };
            let talking = async { tokio::join!(feeding, reading) };
            tokio::pin!(talking);
            let ended = tokio::time::timeout_at(end, async {
                let mut is_talking = true;
                loop {
                    tokio::select! {
                        ended = child.wait() => return (ended, is_talking),
                        _ = &mut talking, if is_talking => is_talking = false,
                    }
                }
            });
            if let Ok((ended, is_talking)) = ended.await {
                let is_quiet = !is_talking || tokio::time::timeout(LAST_WORDS, &mut talking).await.is_ok();
                if is_quiet {
                    // Nobody of the group holds our ends, and its number may be another's by now.
                    group.0 = None;
                }
                status = Some(ended);
            }
        }
        group.kill();
        if status.is_none() {
            // The signal leaves it no choice; a disk that hangs may hold it for ever all the same.
            let _ = tokio::time::timeout(LAST_WORDS, child.wait()).await;
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        ended(status, Said { out: text(&out), err: text(&err) })
    }
}

/// How a run ended, by the status that it left; none when its time had run out.
fn ended(status: Option<std::io::Result<std::process::ExitStatus>>, said: Said) -> End {
    use std::os::unix::process::ExitStatusExt as _;
    match status {
        None => End::Overdue { said },
        Some(Err(why)) => End::Lost(why.to_string()),
        Some(Ok(status)) => match (status.code(), status.signal()) {
            (Some(code), _) => End::Exit { code, said },
            (None, Some(signal)) => End::Signal { signal, said },
            (None, None) => End::Lost(status.to_string()),
        },
    }
}

/// Reads to the end and keeps the beginning.
async fn read_head(source: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut source) = source else { return };
    let mut piece = vec![0; 4096];
    while let Ok(len @ 1..) = source.read(&mut piece).await {
        let room = MAX_KEPT.saturating_sub(kept.len());
        kept.extend(piece.iter().take(len.min(room)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(out: &str) -> Said {
        Said { out: out.to_owned(), err: String::new() }
    }

    #[test]
    fn a_wait_that_is_asked_for_is_read_and_bounded() {
        let wait = |out: &str| said(out).retry_after().map(|wait| wait.num_seconds());
        assert_eq!(wait("retry-after: 60"), Some(60));
        assert_eq!(wait("the line is busy\nRetry-After:5\n"), Some(5));
        assert_eq!(wait("retry-after: 99999999999999999999"), Some(86_400));
        assert_eq!(wait("retry-after: 172800"), Some(86_400));
        assert_eq!((wait("retry-after: soon"), wait("retry-after: -5"), wait("")), (None, None, None));
    }

    #[test]
    fn a_receipt_is_one_line_that_no_terminal_obeys() {
        assert_eq!(said("\n siren 7\u{1b}[2J on\nmore").receipt(), "siren 7 [2J on");
        assert!(said(&"x".repeat(5000)).receipt().len() < 200);
        assert_eq!(said("").receipt(), "");
    }
}
