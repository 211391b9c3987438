//! The real program as a child process, for tests that must see it live, hear signals and die. It never outlives its test.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long anything is waited for before the test fails; far more than it takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Looks until there is something, or fails with what was waited for.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain for {what}");
        std::thread::sleep(LOOK);
    }
}

/// The program with arguments, free of what the environment of the test says.
pub(crate) fn nadhir<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nadhir"));
    command.args(arguments).stdin(Stdio::null());
    for name in ["NADHIR_CONFIG", "NADHIR_LOG", "NADHIR_LOG_FORM", "NOTIFY_SOCKET", "STATE_DIRECTORY", "WATCHDOG_USEC"]
    {
        command.env_remove(name);
    }
    command
}

/// How a program ended and what it printed.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a program to its end, which has to come in bounded time.
pub(crate) fn run(command: &mut Command) -> End {
    Process::start(command).end()
}

/// A running program.
pub(crate) struct Process {
    child: Child,
    stdout: Stream,
    stderr: Stream,
}

/// What a program printed so far.
struct Stream {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    fn of(source: impl std::io::Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut line = Vec::new();
            while source.read_until(b'\n', &mut line).is_ok_and(|read| 0 < read) {
                kept.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    fn end(&mut self) -> String {
        self.reader.take().map(JoinHandle::join).transpose().unwrap();
        self.text()
    }
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = Stream::of(child.stdout.take().unwrap());
        let stderr = Stream::of(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// What it printed on standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits until it has printed something on standard error, at or after a place in it; gives the place behind.
    pub(crate) fn says(&mut self, from: usize, text: &str) -> usize {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = self.stderr();
            if let Some(at) = said.get(from..).and_then(|said| said.find(text)) {
                return from + at + text.len();
            }
            let ended = self.ended();
            assert!(ended.is_none() && Instant::now() < deadline, "never said `{text}` (ended: {ended:?}):\n{said}");
            std::thread::sleep(LOOK);
        }
    }

    /// How it ended, when it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own `kill` is on every machine, and the signal goes to this child alone.
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status();
        assert!(sent.unwrap().success(), "the signal {name} could not be sent");
    }

    /// Kills it as a power cut would, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> End {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.ended() {
                break status;
            }
            assert!(Instant::now() < deadline, "did not end within {PATIENCE:?}:\n{}", self.stderr());
            std::thread::sleep(LOOK);
        };
        End { code: status.code(), stdout: self.stdout.end(), stderr: self.stderr.end() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; a test that failed leaves nothing running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
