//! Any program: each message on its standard input, for what no other kind of sink speaks to: a siren, a paging system, a sign at a road.
//!
//! There is no shell, and no part of a message becomes an argument. The program sees three variables of ours and `PATH`, is given a time
//! to end in, and is ended with all that it started when that has run out. What its exit code means is a contract; `conform` holds a
//! program against it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::http;
use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World};
use crate::message::Form;
use crate::table::Table;

pub mod conform;
mod run;

use run::{End, Program};

/// The most arguments of a program.
pub const MAX_ARGS: usize = 64;

/// The longest argument, in bytes.
pub const MAX_ARG_LEN: usize = 4096;

/// What a program and this service owe each other.
pub const CONTRACT: &str = "\
A program is started once for each try. It finds the message on standard input, whole, in the form of its channel (JSON unless \
`form` says otherwise), and in its environment PATH and

  NADHIR_KEY       the same over all tries of a message and of no other: what came under a key before is not told again
  NADHIR_BULLETIN  which bulletin it is, such as MKH-2025-000012.3
  NADHIR_ATTEMPT   which try it is, from 1

What was told once and comes again ends with 0. On standard output it may print one line, the receipt; on standard error, why it \
failed. Several may run at once. What the exit code means:

  0                     it is told
  69, 75, 126, 127      not now; it is tried again (a line `retry-after: 60` on standard output says after how many seconds)
  64-68, 76-78          never: this message, or how the program is set up, is wrong, and nobody is to try again
  any other, a signal   the program broke down, so it may be told; it is tried again under the same key
  no end in time        likewise; the program is killed with all that it has started
";

/// The kind.
pub const KIND: Kind = Kind {
    name: "exec",
    about: "gives each message to a program of one's own on its standard input (see `nadhir sink conform --help`)",
    example: r#"[siren]
kind = "exec"
program = "/usr/local/lib/nadhir/siren"  # begins with /; no shell reads it
args = ["--zone", "west"]
timeout = "15s"                          # at most 60s; then it is killed with all that it started
# It finds JSON on standard input (or what `form` says) and NADHIR_KEY, NADHIR_BULLETIN, NADHIR_ATTEMPT in its environment.
# Exit codes: 0 told; 69 or 75 not now, `retry-after: 60` on standard output says when; 64-68 and 76-78 never;
# any other is a program that broke down: it is tried again under the same key. `nadhir sink conform` tries one out.
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// What a channel of this kind says of itself.
#[derive(Debug)]
struct Settings {
    program: PathBuf,
    args: Vec<String>,
    timeout: Duration,
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let program = table.need_text("program", "\"/usr/local/lib/nadhir/siren\"", |text| {
        if text.contains('\0') || !text.starts_with('/') || text.ends_with('/') {
            Err(format!("`{text}` is no path of a program: write it from the root, as /usr/local/lib/nadhir/siren"))
        } else {
            Ok(PathBuf::from(text))
        }
    });
    let args = args(table);
    let timeout = http::timeout(table);
    Some(Settings { program: program?.value, args: args?, timeout: timeout? })
}

fn args(table: &Table<'_>) -> Option<Vec<String>> {
    let Some(texts) = table.texts("args") else { return (!table.has("args")).then(Vec::new) };
    if MAX_ARGS < texts.len() {
        let message = format!("`args` has {} arguments: at most {MAX_ARGS} are passed", texts.len());
        table.error(&table.span, message, None);
        return None;
    }
    let is_wrong = |text: &str| text.contains('\0') || MAX_ARG_LEN < text.len();
    if let Some(wrong) = texts.iter().find(|text| is_wrong(&text.value)) {
        let message = format!("`args`: an argument has at most {MAX_ARG_LEN} bytes, and none of them is zero");
        table.error(&wrong.span, message, None);
        return None;
    }
    Some(texts.into_iter().map(|text| text.value).collect())
}

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Json
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let program = Program {
            path: self.program.clone(),
            args: self.args.clone(),
            dir: world.dir.clone(),
            timeout: self.timeout,
        };
        Ok(Arc::new(Exec { program }))
    }
}

struct Exec {
    program: Program,
}

impl Sink for Exec {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move { meaning(&self.program, &self.program.run(parcel).await) })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { is_program(&self.program.path) })
    }
}

/// Finds out whether a file is there and may be run, without running it.
fn is_program(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;
    let name = path.display();
    let about = std::fs::metadata(path).map_err(|why| format!("{name} cannot be run: {why}"))?;
    if !about.is_file() || about.permissions().mode() & 0o111 == 0 {
        return Err(format!("{name} is no program: make it a file that may be executed (chmod +x)"));
    }
    Ok(())
}

/// What an exit code says by the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Told,
    NotNow,
    Never,
    BrokeDown,
}

/// The codes are those of `sysexits.h`, which a program gives on purpose. Any other is what languages and shells end with when something
/// breaks (1 of an exception, 7 of a curl that reached nobody): no warning is given up for that.
fn verdict(code: i32) -> Verdict {
    match code {
        0 => Verdict::Told,
        69 | 75 | 126 | 127 => Verdict::NotNow,
        64..=68 | 76..=78 => Verdict::Never,
        _ => Verdict::BrokeDown,
    }
}

/// What an end means for the message.
fn meaning(program: &Program, end: &End) -> Result<Receipt, SendError> {
    let name = program.path.display();
    let because = |said: &str| if said.is_empty() { String::new() } else { format!(": {said}") };
    match end {
        End::NotStarted(why) => {
            Err(SendError::Later { why: format!("{name} cannot be started: {why}"), retry_after: None })
        }
        End::Exit { code, said } => {
            let ended = |so: &str| format!("{name} {so} (exit code {code}){}", because(&said.reason()));
            match verdict(*code) {
                Verdict::Told => Ok(Receipt(said.receipt())),
                Verdict::NotNow => {
                    Err(SendError::Later { why: ended("cannot tell it now"), retry_after: said.retry_after() })
                }
                Verdict::Never => Err(SendError::Never { why: ended("will never tell it") }),
                Verdict::BrokeDown => Err(SendError::Unknown { why: ended("broke down, and may have told it") }),
            }
        }
        End::Signal { signal, said } => {
            let why = format!("{name} was ended by signal {signal}, and may have told it{}", because(&said.reason()));
            Err(SendError::Unknown { why })
        }
        End::Overdue { said } => {
            let seconds = program.timeout.as_secs();
            let why = format!(
                "{name} did not end in {seconds} s and was killed; it may have told it{}",
                because(&said.reason())
            );
            Err(SendError::Unknown { why })
        }
        End::Lost(why) => Err(SendError::Unknown { why: format!("nobody knows how {name} ended: {why}") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_program_says_on_purpose_ends_the_tries() {
        let never: Vec<i32> = (0..256).filter(|code| verdict(*code) == Verdict::Never).collect();
        assert_eq!(never, [64, 65, 66, 67, 68, 76, 77, 78]);
        let later: Vec<i32> = (0..256).filter(|code| verdict(*code) == Verdict::NotNow).collect();
        assert_eq!(later, [69, 75, 126, 127]);
        assert_eq!(
            (verdict(0), verdict(1), verdict(7), verdict(255)),
            (Verdict::Told, Verdict::BrokeDown, Verdict::BrokeDown, Verdict::BrokeDown)
        );
    }

    #[test]
    fn the_contract_is_told_where_a_channel_is_written() {
        for code in ["0 told", "69 or 75", "64-68 and 76-78"] {
            assert!(KIND.example.contains(code), "{code}");
        }
        assert!(
            ["NADHIR_KEY", "NADHIR_BULLETIN", "NADHIR_ATTEMPT"]
                .iter()
                .all(|name| CONTRACT.contains(name) && KIND.example.contains(name))
        );
    }
}
