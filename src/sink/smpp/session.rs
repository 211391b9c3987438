//! One session at an SMS centre: bind, submit, hear what becomes of each, unbind. It decides nothing about warnings.
//!
//! Several ask at once, and one [`serve`](Session::serve) speaks for all of them: no more wait for their answer than the window lets, and
//! each answer goes to the one who asked, by its number. Nothing is waited for without end.
//!
//! Source: SMPP 3.4, 2.2 (states), 2.7 (windows), 4.1 to 4.11 (operations).

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rusmpp::pdus::{BindTransmitter, SubmitSm};
use rusmpp::{Command, CommandId, CommandStatus, Pdu};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::codec::Framed;
use tokio_util::sync::CancellationToken;

use super::answers;
use super::wire::{Head, Stream, Wire};

/// How long writing one PDU may take.
const WRITING: Duration = Duration::from_secs(5);

/// After how long a silence the centre is asked whether it is there, and after how long a further one it is not.
const QUIET: Duration = Duration::from_secs(10);

/// How long taking leave may take; nothing hangs on it.
const PARTING: Duration = Duration::from_secs(2);

/// The number of the bind; what is submitted counts on from there.
const FIRST: u32 = 1;

/// What became of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// The centre answered.
    Answer(CommandStatus),
    /// It was never said, and why not.
    Unsaid(String),
    /// It was said, and no answer came; why.
    Unanswered(String),
}

/// One segment to submit, and where its answer goes.
pub(super) struct Ask {
    submit: SubmitSm,
    /// Set before its first octet is written.
    is_said: Arc<AtomicBool>,
    answer: oneshot::Sender<Said>,
}

/// Submits one segment by whoever serves, until a moment at the latest.
pub(super) async fn submit(asks: &mpsc::Sender<Ask>, submit: SubmitSm, end: Instant) -> Said {
    let is_said = Arc::new(AtomicBool::new(false));
    let (answer, answered) = oneshot::channel();
    let ask = Ask { submit, is_said: Arc::clone(&is_said), answer };
    let asking = async {
        asks.send(ask).await.ok()?;
        answered.await.ok()
    };
    let (said, how) = match tokio::time::timeout_at(end, asking).await {
        Ok(Some(said)) => (Some(said), ""),
        Ok(None) => (None, "is not spoken to any more"),
        Err(_) => (None, "did not answer in time"),
    };
    said.unwrap_or_else(|| match is_said.load(Ordering::Relaxed) {
        true => Said::Unanswered(how.to_owned()),
        false => Said::Unsaid(format!("{how}, and was told nothing")),
    })
}

/// Answers that there is nobody to speak to, until nobody asks any more or it is said to be done.
pub(super) async fn refuse(asks: &mut mpsc::Receiver<Ask>, why: &str, done: &CancellationToken) {
    while let Some(Some(ask)) = done.run_until_cancelled(asks.recv()).await {
        // Whoever does not wait any more has counted it as not said.
        let _ = ask.answer.send(Said::Unsaid(why.to_owned()));
    }
}

/// Those who wait for an answer, by the number of what they submitted.
type Waiting = BTreeMap<u32, oneshot::Sender<Said>>;

/// A session that is bound.
pub(super) struct Session {
    wire: Framed<Box<dyn Stream>, Wire>,
    last: u32,
}

impl Session {
    /// Binds as a transmitter. Bounded in time by whoever calls.
    ///
    /// # Errors
    /// What the centre did, behind its name.
    pub(super) async fn bind(stream: Box<dyn Stream>, bind: BindTransmitter) -> Result<Self, String> {
        let mut session = Self { wire: Framed::new(stream, Wire), last: FIRST };
        session.write(FIRST, bind).await?;
        loop {
            let head = session.read().await?;
            let is_answer = matches!(head.id, CommandId::BindTransmitterResp | CommandId::GenericNack);
            match head.status {
                _ if !is_answer => session.reply(head).await?,
                CommandStatus::EsmeRok if head.id == CommandId::BindTransmitterResp => return Ok(session),
                status => return Err(format!("refused the bind: it {}", answers::words(status))),
            }
        }
    }

    /// Submits what is asked for, with at most so many unanswered at once, until nobody asks any more or it is said to be done.
    ///
    /// # Errors
    /// What broke the session, behind the name of the centre. Whoever waited has been told.
    pub(super) async fn serve(
        &mut self,
        asks: &mut mpsc::Receiver<Ask>,
        window: usize,
        done: &CancellationToken,
    ) -> Result<(), String> {
        let mut waiting = Waiting::new();
        let serving = self.serve_all(asks, window, &mut waiting);
        let served = done.run_until_cancelled(serving).await.unwrap_or(Ok(()));
        if let Err(why) = &served {
            for answer in waiting.into_values() {
                let _ = answer.send(Said::Unanswered(why.clone()));
            }
        }
        served
    }

    async fn serve_all(
        &mut self,
        asks: &mut mpsc::Receiver<Ask>,
        window: usize,
        waiting: &mut Waiting,
    ) -> Result<(), String> {
        let (mut heard, mut is_doubted) = (Instant::now(), false);
        loop {
            tokio::select! {
                head = self.read() => {
                    (heard, is_doubted) = (Instant::now(), false);
                    self.hear(head?, waiting).await?;
                }
                ask = asks.recv(), if waiting.len() < window => match ask {
                    Some(ask) => self.say(ask, waiting).await?,
                    None => return Ok(()),
                },
                () = sleep_until(heard + QUIET) => {
                    if is_doubted {
                        return Err(format!("says nothing any more, for {} s", 2 * QUIET.as_secs()));
                    }
                    (heard, is_doubted) = (Instant::now(), true);
                    let number = self.next();
                    self.write(number, Pdu::EnquireLink).await?;
                }
            }
        }
    }

    /// Submits one segment, unless whoever asked has given up.
    async fn say(&mut self, ask: Ask, waiting: &mut Waiting) -> Result<(), String> {
        if ask.answer.is_closed() {
            return Ok(());
        }
        let number = self.next();
        ask.is_said.store(true, Ordering::Relaxed);
        waiting.insert(number, ask.answer);
        self.write(number, ask.submit).await
    }

    /// Hands an answer to the one who waits for it; all else is replied to.
    async fn hear(&mut self, head: Head, waiting: &mut Waiting) -> Result<(), String> {
        if matches!(head.id, CommandId::SubmitSmResp | CommandId::GenericNack)
            && let Some(answer) = waiting.remove(&head.sequence)
        {
            // Whoever does not wait any more has counted it as unanswered.
            let _ = answer.send(Said::Answer(head.status));
            return Ok(());
        }
        self.reply(head).await
    }

    /// Replies to what the centre says of itself.
    async fn reply(&mut self, head: Head) -> Result<(), String> {
        match head.id {
            CommandId::EnquireLink => self.write(head.sequence, Pdu::EnquireLinkResp).await,
            CommandId::Unbind => {
                self.write(head.sequence, Pdu::UnbindResp).await?;
                Err("ended the session".to_owned())
            }
            // Without the number of anything that was said, nobody knows what it is about.
            CommandId::GenericNack if head.sequence == 0 => {
                Err(format!("does not follow: it {}", answers::words(head.status)))
            }
            // Answers that nobody waits for any more, and the one word that wants no answer.
            CommandId::AlertNotification => Ok(()),
            other if other.is_response() => Ok(()),
            // A transmitter is told nothing else.
            _ => {
                let nack = Command::new(CommandStatus::EsmeRinvcmdid, head.sequence, Pdu::GenericNack);
                self.send(nack).await
            }
        }
    }

    /// Takes leave. What was submitted is settled by now, whatever comes of it.
    pub(super) async fn unbind(mut self) {
        let number = self.next();
        let parting = async {
            if self.write(number, Pdu::Unbind).await.is_ok() {
                while self.read().await.is_ok_and(|head| head.id != CommandId::UnbindResp) {}
            }
        };
        let _ = timeout(PARTING, parting).await;
    }

    fn next(&mut self) -> u32 {
        self.last += 1;
        self.last
    }

    async fn read(&mut self) -> Result<Head, String> {
        match self.wire.next().await {
            Some(Ok(head)) => Ok(head),
            Some(Err(why)) => Err(broken(&why)),
            None => Err("hung up".to_owned()),
        }
    }

    async fn write(&mut self, number: u32, pdu: impl Into<Pdu>) -> Result<(), String> {
        self.send(Command::new(CommandStatus::EsmeRok, number, pdu)).await
    }

    async fn send(&mut self, command: Command) -> Result<(), String> {
        match timeout(WRITING, self.wire.send(command)).await {
            Ok(sent) => sent.map_err(|why| broken(&why)),
            Err(_) => Err(format!("takes nothing any more, for {} s", WRITING.as_secs())),
        }
    }
}

fn broken(why: &io::Error) -> String {
    format!("broke off ({why})")
}
