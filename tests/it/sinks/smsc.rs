//! An SMS centre on loopback that speaks real SMPP, does as its script says, and remembers every PDU it was told. It judges none.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rusmpp::pdus::{BindTransmitterResp, DeliverSm, SubmitSm, SubmitSmResp};
use rusmpp::tokio_codec::CommandCodec;
use rusmpp::types::COctetString;
use rusmpp::{Command, CommandId, CommandStatus, Pdu};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder as _, Encoder as _};

/// What the centre does when it is bound, or is submitted something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    /// Answers with a status.
    Answers(u32),
    /// The same, after the next one has been answered.
    AnswersAfterNext(u32),
    /// Asks whether we are there, tells something that a transmitter is never told, and takes it when both were replied to.
    AsksFirst,
    /// Says by a generic_nack that it does not take it.
    Nacks(u32),
    /// Takes it in an answer whose body is not what SMPP says.
    AnswersLoosely,
    /// Says nothing more to this.
    IsSilent,
    /// Says nothing more to anything.
    Dies,
    /// Hangs up.
    HangsUp,
    /// Ends the session.
    Unbinds,
    /// Speaks another protocol.
    Babbles,
}

/// What it takes.
pub(super) const TAKES: Does = Does::Answers(0);

#[derive(Default)]
struct Memory {
    heard: Vec<(CommandId, Vec<u8>)>,
    binds: Vec<Does>,
    submits: Vec<Does>,
}

/// A centre that listens.
pub(super) struct Smsc {
    pub(super) port: u16,
    memory: Arc<Mutex<Memory>>,
    submitted: Arc<Notify>,
    counts: Arc<Counts>,
}

/// How much there was at once.
#[derive(Default)]
struct Counts {
    sessions: AtomicUsize,
    most_sessions: AtomicUsize,
    most_open: AtomicUsize,
}

impl Smsc {
    /// Starts one that does this with each bind and each submission, in turn, and takes all that come after them.
    pub(super) async fn start(binds: &[Does], submits: &[Does]) -> Self {
        Self::start_with(binds, submits, None).await
    }

    /// The same behind TLS.
    pub(super) async fn start_with(binds: &[Does], submits: &[Does], tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let memory = Memory { heard: Vec::new(), binds: binds.to_vec(), submits: submits.to_vec() };
        let smsc =
            Self { port, memory: Arc::new(Mutex::new(memory)), submitted: Arc::default(), counts: Arc::default() };
        let (memory, submitted, counts) =
            (Arc::clone(&smsc.memory), Arc::clone(&smsc.submitted), Arc::clone(&smsc.counts));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (memory, submitted, counts) = (Arc::clone(&memory), Arc::clone(&submitted), Arc::clone(&counts));
                let tls = tls.clone();
                tokio::spawn(async move {
                    let mut desk = Desk { memory, submitted, counts, open: 0, kept: None };
                    match tls {
                        None => drop(desk.serve(stream).await),
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                let _ = desk.serve(stream).await;
                            }
                        }
                    }
                });
            }
        });
        smsc
    }

    /// The PDUs that were heard, by what they are.
    pub(super) fn heard(&self) -> Vec<CommandId> {
        self.memory.lock().unwrap().heard.iter().map(|(id, _)| *id).collect()
    }

    /// The octets of the PDUs of a sort.
    pub(super) fn octets(&self, of: CommandId) -> Vec<Vec<u8>> {
        let memory = self.memory.lock().unwrap();
        memory.heard.iter().filter(|(id, _)| *id == of).map(|(_, octets)| octets.clone()).collect()
    }

    /// What was submitted, as the library reads it.
    pub(super) fn submitted(&self) -> Vec<SubmitSm> {
        let read = |octets: Vec<u8>| match decoded(&octets).pdu() {
            Some(Pdu::SubmitSm(submit)) => submit.clone(),
            other => panic!("{other:?}"),
        };
        self.octets(CommandId::SubmitSm).into_iter().map(read).collect()
    }

    /// Waits until something was submitted.
    pub(super) async fn next(&self) {
        self.submitted.notified().await;
    }

    /// The most sessions, and the most submissions without their answer in one of them, that there were at once.
    pub(super) fn most(&self) -> (usize, usize) {
        (self.counts.most_sessions.load(Ordering::SeqCst), self.counts.most_open.load(Ordering::SeqCst))
    }
}

fn decoded(octets: &[u8]) -> Command {
    CommandCodec::new().decode(&mut BytesMut::from(octets)).unwrap().unwrap()
}

/// Who serves one session.
struct Desk {
    memory: Arc<Mutex<Memory>>,
    submitted: Arc<Notify>,
    counts: Arc<Counts>,
    /// How many submissions have no answer yet.
    open: usize,
    /// An answer that goes out after the next one.
    kept: Option<Command>,
}

impl Desk {
    async fn serve(&mut self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
        let sessions = self.counts.sessions.fetch_add(1, Ordering::SeqCst) + 1;
        self.counts.most_sessions.fetch_max(sessions, Ordering::SeqCst);
        let served = self.serve_all(&mut stream).await;
        self.counts.sessions.fetch_sub(1, Ordering::SeqCst);
        served
    }

    async fn serve_all(&mut self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> std::io::Result<()> {
        loop {
            let command = self.read(stream).await?;
            let number = command.sequence_number();
            let does = {
                let mut memory = self.memory.lock().unwrap();
                let script = match command.id() {
                    CommandId::BindTransmitter => Some(&mut memory.binds),
                    CommandId::SubmitSm => Some(&mut memory.submits),
                    _ => None,
                };
                script.map(|script| if script.is_empty() { TAKES } else { script.remove(0) })
            };
            match does {
                Some(does) => {
                    if command.id() == CommandId::SubmitSm {
                        self.open += 1;
                        self.counts.most_open.fetch_max(self.open, Ordering::SeqCst);
                        self.submitted.notify_one();
                    }
                    if !self.act(stream, command.id(), number, does).await? {
                        return Ok(());
                    }
                }
                None if command.id() == CommandId::Unbind => {
                    return write(stream, Command::new(CommandStatus::EsmeRok, number, Pdu::UnbindResp)).await;
                }
                None if command.id() == CommandId::EnquireLink => {
                    write(stream, Command::new(CommandStatus::EsmeRok, number, Pdu::EnquireLinkResp)).await?;
                }
                None => {}
            }
        }
    }

    /// Does as it is told; false when the session is over.
    async fn act(
        &mut self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        to: CommandId,
        number: u32,
        does: Does,
    ) -> std::io::Result<bool> {
        match does {
            Does::Answers(status) => {
                self.answer(stream, answer(to, number, status)).await?;
            }
            Does::AnswersAfterNext(status) => self.kept = Some(answer(to, number, status)),
            Does::AsksFirst => {
                write(stream, Command::new(CommandStatus::EsmeRok, 77, Pdu::EnquireLink)).await?;
                write(stream, Command::new(CommandStatus::EsmeRok, 78, DeliverSm::default())).await?;
                for expected in [(CommandId::EnquireLinkResp, 77), (CommandId::GenericNack, 78)] {
                    let reply = self.read(stream).await?;
                    assert_eq!((reply.id(), reply.sequence_number()), expected);
                }
                self.answer(stream, answer(to, number, 0)).await?;
            }
            Does::Nacks(status) => {
                let nack = Command::new(CommandStatus::from(status), number, Pdu::GenericNack);
                self.answer(stream, nack).await?;
            }
            Does::AnswersLoosely => {
                let mut octets = vec![0, 0, 0, 20, 0x80, 0, 0, 4, 0, 0, 0, 0];
                octets.extend(number.to_be_bytes());
                octets.extend([0xff, 0x00, 0x04, 0x24]);
                stream.write_all(&octets).await?;
            }
            Does::IsSilent => {}
            Does::Dies => {
                let mut all = Vec::new();
                stream.read_to_end(&mut all).await?;
                return Ok(false);
            }
            Does::HangsUp => return Ok(false),
            Does::Unbinds => {
                write(stream, Command::new(CommandStatus::EsmeRok, 79, Pdu::Unbind)).await?;
                assert_eq!(self.read(stream).await?.id(), CommandId::UnbindResp);
                return Ok(false);
            }
            Does::Babbles => stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await?,
        }
        Ok(true)
    }

    async fn answer(&mut self, stream: &mut (impl AsyncWrite + Unpin), answer: Command) -> std::io::Result<()> {
        self.open = self.open.saturating_sub(1);
        write(stream, answer).await?;
        if let Some(kept) = self.kept.take() {
            self.open = self.open.saturating_sub(1);
            write(stream, kept).await?;
        }
        Ok(())
    }

    async fn read(&self, stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Command> {
        let len = stream.read_u32().await?;
        assert!((16..=1024).contains(&len), "{len}");
        let mut octets = len.to_be_bytes().to_vec();
        octets.resize(len as usize, 0);
        stream.read_exact(&mut octets[4..]).await?;
        let command = decoded(&octets);
        self.memory.lock().unwrap().heard.push((command.id(), octets));
        Ok(command)
    }
}

fn answer(to: CommandId, number: u32, status: u32) -> Command {
    let is_taken = status == 0;
    let status = CommandStatus::from(status);
    match to {
        CommandId::BindTransmitter => Command::new(status, number, BindTransmitterResp::default()),
        // Where it is refused, its number is empty.
        _ => {
            let id: COctetString<1, 65> = if is_taken { "id-1".parse().unwrap() } else { COctetString::empty() };
            Command::new(status, number, SubmitSmResp::new(id, Vec::new()))
        }
    }
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), command: Command) -> std::io::Result<()> {
    let mut octets = BytesMut::new();
    CommandCodec::new().encode(command, &mut octets).unwrap();
    stream.write_all(&octets).await
}
