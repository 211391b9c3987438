//! The console: messages on the terminal of whoever runs nadhir, for trying out and for a screen in a control room.
//!
//! It never ends the daemon: a terminal that went away is told like any other channel that is gone.

use std::io::{ErrorKind, Write};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use super::turn::take_turn;
use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World};
use crate::message::Form;

/// The kind.
pub const KIND: Kind = Kind {
    name: "console",
    about: "prints messages on standard output",
    example: "[console]\nkind = \"console\"\n",
    parse: |_| Some(Arc::new(Settings)),
};

/// It has no settings of its own.
#[derive(Debug)]
struct Settings;

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Text
    }

    fn open(&self, _: &World) -> Result<Arc<dyn Sink>, String> {
        Ok(Arc::new(Console::new(anstream::stdout())))
    }
}

/// Prints messages to a writer.
pub struct Console {
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
}

impl Console {
    /// Prints to this writer; it gets colours, and drops them itself if it cannot show them.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self { writer: Arc::new(Mutex::new(Box::new(writer))) }
    }
}

impl Sink for Console {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        let page = page(parcel);
        Box::pin(take_turn(&self.writer, "standard output", move |writer| {
            match writer.write_all(page.as_bytes()).and_then(|()| writer.flush()) {
                Ok(()) => Ok(Receipt("printed".to_owned())),
                Err(why) if why.kind() == ErrorKind::BrokenPipe => {
                    Err(SendError::Never { why: "standard output was closed; nobody reads it any more".to_owned() })
                }
                Err(why) => {
                    // Part of it may be on the screen already.
                    Err(SendError::Unknown { why: format!("standard output did not take the message: {why}") })
                }
            }
        }))
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        // Whether a terminal is read can only be found by writing to it.
        Box::pin(async { Ok(()) })
    }
}

/// The message under a line that names it. Control characters are shown as the replacement character: words of others must
/// not command the terminal.
fn page(parcel: &Parcel) -> String {
    let shown = |c: char| if c.is_control() && c != '\n' && c != '\t' { char::REPLACEMENT_CHARACTER } else { c };
    let body: String = parcel.body.trim_end().chars().map(shown).collect();
    format!("{DIM}── {} ──{PLAIN}\n{body}\n\n", parcel.bulletin)
}

const DIM: &str = "\u{1b}[2m";
const PLAIN: &str = "\u{1b}[0m";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::BulletinId;
    use crate::time::Timestamp;

    /// A writer that keeps what it was given, or fails in one way.
    #[derive(Clone, Default)]
    struct Paper {
        text: Arc<std::sync::Mutex<Vec<u8>>>,
        fails: Option<ErrorKind>,
    }

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            match self.fails {
                Some(kind) => Err(kind.into()),
                None => self.text.lock().unwrap().write(bytes),
            }
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn parcel(body: &str) -> Parcel {
        Parcel {
            key: "console/MKH-2025-000012.3".to_owned(),
            bulletin: BulletinId::new("MKH-2025-000012", 3),
            attempt: 1,
            body: body.into(),
            content_type: "text/plain".to_owned(),
            loudness: crate::hazard::Severity::Red,
            now: Timestamp::UNIX_EPOCH,
            expires: Timestamp::UNIX_EPOCH,
            pictures: Vec::new(),
            corrects: None,
            asks: None,
        }
    }

    #[tokio::test]
    async fn a_message_is_printed_whole_and_in_order_under_its_name() {
        let paper = Paper::default();
        let console = Console::new(anstream::StripStream::new(Box::new(paper.clone()) as Box<dyn Write + Send>));
        for body in ["تحذير أحمر\nRed warning\n", "second"] {
            assert_eq!(console.send(&parcel(body)).await, Ok(Receipt("printed".to_owned())));
        }
        let text = String::from_utf8(paper.text.lock().unwrap().clone()).unwrap();
        let line = "── MKH-2025-000012.3 ──";
        assert_eq!(text, format!("{line}\nتحذير أحمر\nRed warning\n\n{line}\nsecond\n\n"));
    }

    #[test]
    fn words_of_others_do_not_command_the_terminal() {
        let page = page(&parcel("a\u{1b}[2Jb\u{7}c\u{2068}د\u{2069}"));
        assert!(page.contains("a\u{fffd}[2Jb\u{fffd}c\u{2068}د\u{2069}"), "{page:?}");
    }

    #[tokio::test]
    async fn a_closed_terminal_is_told_and_ends_nothing() {
        let send = async |kind| {
            let console = Console::new(Paper { fails: Some(kind), ..Paper::default() });
            console.send(&parcel("x")).await
        };
        assert!(matches!(send(ErrorKind::BrokenPipe).await, Err(SendError::Never { .. })));
        assert!(matches!(send(ErrorKind::Other).await, Err(SendError::Unknown { .. })));
    }
}
