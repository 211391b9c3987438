//! The sink: whom a message goes to in which segments, and what the answers of the centre mean for it.

use std::path::PathBuf;
use std::sync::{Mutex as Lock, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use rusmpp::pdus::{BindTransmitter, SubmitSm};
use rusmpp::types::{COctetString, EmptyOrFullCOctetString, OctetString};
use rusmpp::values::{EsmClass, InterfaceVersion, Npi, PriorityFlag, Ton};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, MutexGuard, mpsc};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::super::people::People;
use super::super::spread::{Heard, Spread, mark};
use super::super::{CONNECT_TIMEOUT, Parcel, Receipt, SendError, Sink, World, http, server, trust};
use super::answers::{self, Meaning};
use super::segments;
use super::session::{self, Ask, Said, Session};
use super::settings::{Security, Sender, Settings, is_word};
use super::wire::Stream;
use crate::hazard::Severity;
use crate::language::measure::Measure;
use crate::message::Form;
use crate::message::brief::{Budget, Part};
use crate::secret::{Secret, SecretSource};

/// The longest password that SMPP takes, in octets. Source: SMPP 3.4, 4.1.1.
const MAX_PASSWORD: usize = 8;

/// How long it may take until a session is bound, and how long a probe may take.
const OPENING: Duration = Duration::from_secs(10);

/// How long nothing is said to a centre that is told too much at once.
const HOLD: Duration = Duration::from_secs(1);

/// What a segment is, in the centre's usual mode: text alone, or text behind a header. Source: SMPP 3.4, 5.2.12.
const PLAIN: u8 = 0x00;
const BEGINS_WITH_HEADER: u8 = 0x40;

/// A bind at an SMS centre, and whom it tells.
pub(super) struct Smpp {
    /// How the centre is called in words.
    name: String,
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    system_id: String,
    password: Secret,
    system_type: String,
    from: Sender,
    people: People,
    dir: PathBuf,
    spread: Spread,
    window: usize,
    timeout: Duration,
    /// Held by the one session that there is.
    turn: Mutex<()>,
}

impl Smpp {
    /// Reads the secret and says who is trusted.
    pub(super) fn open(settings: &Settings, world: &World) -> Result<Self, String> {
        let password = password(&settings.password, world)?;
        let host = server::name(&settings.server);
        let tls = match settings.security {
            Security::None => None,
            Security::Tls => {
                let config = trust::config(settings.ca.as_ref().map(|path| world.dir.join(path)).as_deref())?;
                let name =
                    ServerName::try_from(host.clone()).map_err(|_| format!("{host} is not the name of a server"))?;
                Some((TlsConnector::from(config), name))
            }
        };
        let progress = world.dir.join(format!("{}.progress", settings.name));
        Ok(Self {
            name: format!("{}:{}", settings.server, settings.port),
            host,
            port: settings.port,
            tls,
            system_id: settings.system_id.clone(),
            password,
            system_type: settings.system_type.clone(),
            from: settings.from.clone(),
            people: settings.people.clone(),
            dir: world.dir.clone(),
            // Each telephone has one segment on its way at most, so that the window is never wider than this.
            spread: Spread::new(progress, "text messages", settings.window),
            window: settings.window,
            timeout: settings.timeout,
            turn: Mutex::new(()),
        })
    }
}

fn password(source: &SecretSource, world: &World) -> Result<Secret, String> {
    let password = world.secret(source)?;
    match is_word(password.expose(), MAX_PASSWORD) {
        true => Ok(password),
        false => Err(format!(
            "{source} holds no password of SMPP: at most {MAX_PASSWORD} letters, digits and signs of ASCII, on one line"
        )),
    }
}

impl Sink for Smpp {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let parts = parcel.parts(Form::Sms)?;
            for part in &parts {
                http::check_length("a telephone", Measure::Segments.length(&part.text), Budget::SMS.limit, "segments")?;
            }
            let (messages, unread) = self.people.messages(&self.dir, &parts).await?;
            let (asks, mut asked) = mpsc::channel(self.window);
            let (line, done) = (Line { asks, held: Lock::new(None) }, CancellationToken::new());
            let tell = |(to, part): (String, Part)| -> BoxFuture<'_, Heard> {
                let place = parts.iter().position(|other| other.language == part.language).unwrap_or_default();
                let (line, text) = (&line, part.text);
                Box::pin(async move { self.tell(line, parcel, &to, (&text, place)).await })
            };
            let telling = async {
                let end = self.spread.send(&parcel.key, messages, unread, tell).await.end;
                done.cancel();
                end
            };
            let (end, ()) = tokio::join!(telling, self.serve(&mut asked, &done));
            end
        })
    }

    /// Binds and takes leave. Whether the account may send from `from`, only a message shows.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            self.people.all(&self.dir).await.map_err(|why| why.to_string())?;
            let (_turn, session) = match timeout(2 * OPENING, self.begin()).await {
                Ok(begun) => begun.map_err(|why| format!("{} {why}", self.name))?,
                Err(_) => return Err(format!("{} still has messages in hand", self.name)),
            };
            session.unbind().await;
            Ok(())
        })
    }

    /// The telephones.
    fn followers(&self) -> BoxFuture<'_, Result<Option<u64>, String>> {
        Box::pin(async {
            let (people, _) = self.people.all(&self.dir).await.map_err(|why| why.to_string())?;
            Ok(Some(people.len() as u64))
        })
    }
}

/// What those who tell have in common.
struct Line {
    asks: mpsc::Sender<Ask>,
    /// Until when nothing is said.
    held: Lock<Option<Instant>>,
}

impl Line {
    /// Says nothing for a while.
    fn hold(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + HOLD);
    }

    /// Waits until something may be said; false when that is not before the end.
    async fn is_free(&self, end: Instant) -> bool {
        loop {
            let held = *self.held.lock().unwrap_or_else(PoisonError::into_inner);
            match held.filter(|until| Instant::now() < *until) {
                None => return true,
                Some(until) if end <= until => return false,
                Some(until) => sleep_until(until).await,
            }
        }
    }
}

impl Smpp {
    /// Waits until no other session of this channel is there, and binds.
    async fn begin(&self) -> Result<(MutexGuard<'_, ()>, Session), String> {
        let turn = self.turn.lock().await;
        let binding = async { Session::bind(self.connect().await?, self.binding()?).await };
        let bound = timeout(OPENING, binding).await;
        let session = bound.unwrap_or_else(|_| Err(format!("did not answer the bind in {} s", OPENING.as_secs())))?;
        Ok((turn, session))
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, String> {
        let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect((self.host.as_str(), self.port))).await;
        let stream = match connecting {
            Ok(Ok(stream)) => stream,
            Ok(Err(why)) => return Err(format!("cannot be reached: {why}")),
            Err(_) => return Err(format!("cannot be reached: no connection in {} s", CONNECT_TIMEOUT.as_secs())),
        };
        // Where that cannot be had, small words come a little later.
        let _ = stream.set_nodelay(true);
        let Some((connector, name)) = &self.tls else { return Ok(Box::new(stream)) };
        let secured = connector.connect(name.clone(), stream).await;
        Ok(Box::new(secured.map_err(|why| format!("cannot be spoken to by TLS: {}", http::reasons(&why)))?))
    }

    fn binding(&self) -> Result<BindTransmitter, String> {
        Ok(BindTransmitter::builder()
            .system_id(field(&self.system_id)?)
            .password(field(self.password.expose())?)
            .system_type(field(&self.system_type)?)
            .interface_version(InterfaceVersion::Smpp3_4)
            .build())
    }

    /// Speaks to the centre for all who ask, until it is said to be done.
    async fn serve(&self, asked: &mut mpsc::Receiver<Ask>, done: &CancellationToken) {
        let why = match done.run_until_cancelled(self.begin()).await {
            None => return,
            Some(Ok((_turn, mut session))) => match session.serve(asked, self.window, done).await {
                Ok(()) => return session.unbind().await,
                Err(why) => format!("{why}, and was not told the rest"),
            },
            Some(Err(why)) => why,
        };
        session::refuse(asked, &why, done).await;
    }

    /// Tells one telephone a text, segment by segment. `place` is that of the text among those that the telephone gets.
    async fn tell(&self, line: &Line, parcel: &Parcel, to: &str, (text, place): (&str, usize)) -> Heard {
        let end = Instant::now() + self.timeout;
        // The same at every try, and another for each text of the message.
        let reference = mark(&format!("{}/{to}", parcel.key)).wrapping_add(place as u64).to_le_bytes();
        let segments::Written { coding, is_joined, segments } =
            segments::write(text, reference.first().copied().unwrap_or(0));
        let total = segments.len();
        let class = EsmClass::from(if is_joined { BEGINS_WITH_HEADER } else { PLAIN });
        let submit = SubmitSm::builder().data_coding(coding).esm_class(class);
        let submit = match self.addressed(submit.build(), parcel, to) {
            Ok(submit) => submit,
            Err(why) => return Heard::Refused(why),
        };
        for (taken, octets) in segments.into_iter().enumerate() {
            let Ok(octets) = OctetString::from_vec(octets) else {
                return Heard::Refused("a segment is too long".to_owned());
            };
            let mut submit = submit.clone();
            submit.set_short_message(octets);
            match self.submit(line, &submit, end).await {
                Heard::Told => {}
                heard => return in_part(heard, taken, total),
            }
        }
        Heard::Told
    }

    /// Writes from whom, to whom, how urgently and for how long.
    fn addressed(&self, mut submit: SubmitSm, parcel: &Parcel, to: &str) -> Result<SubmitSm, String> {
        let (ton, npi, from) = match &self.from {
            Sender::Name(name) => (Ton::Alphanumeric, Npi::Unknown, name),
            Sender::Number(digits) => (Ton::International, Npi::Isdn, digits),
            Sender::Short(digits) => (Ton::NetworkSpecific, Npi::Unknown, digits),
        };
        (submit.source_addr_ton, submit.source_addr_npi, submit.source_addr) = (ton, npi, field(from)?);
        (submit.dest_addr_ton, submit.dest_addr_npi) = (Ton::International, Npi::Isdn);
        submit.destination_addr = field(to.trim_start_matches('+'))?;
        submit.priority_flag = PriorityFlag::new(priority(parcel.loudness));
        let until = parcel.expires.format("%y%m%d%H%M%S000+").to_string();
        let until: Result<EmptyOrFullCOctetString<17>, _> = until.parse();
        submit.validity_period = until.map_err(|_| "SMPP has no way to write when it expires".to_owned())?;
        Ok(submit)
    }

    /// Submits one segment; again and more slowly, where the centre asks for that and there is time.
    async fn submit(&self, line: &Line, submit: &SubmitSm, end: Instant) -> Heard {
        let name = &self.name;
        loop {
            if !line.is_free(end).await {
                return Heard::Later(format!("{name} is told too much at once"), None);
            }
            let status = match session::submit(&line.asks, submit.clone(), end).await {
                Said::Answer(status) => status,
                Said::Unsaid(why) => return Heard::Later(format!("{name} {why}"), None),
                Said::Unanswered(why) => return Heard::Unknown(format!("{name} {why}; it may have taken the message")),
            };
            let why = || format!("{name} {}", answers::words(status));
            match answers::meaning(status) {
                Meaning::Taken => return Heard::Told,
                Meaning::Refused => return Heard::Refused(why()),
                Meaning::Later => return Heard::Later(why(), None),
                Meaning::Full => {
                    line.hold();
                    return Heard::Later(why(), None);
                }
                Meaning::Slower => {
                    line.hold();
                    if end <= Instant::now() + HOLD {
                        return Heard::Later(why(), None);
                    }
                }
            }
        }
    }
}

/// Whose segments were taken in part may have been told.
fn in_part(heard: Heard, taken: usize, total: usize) -> Heard {
    match heard {
        Heard::Later(why, _) if 0 < taken => {
            Heard::Unknown(format!("{why}; {taken} of {total} segments were taken before"))
        }
        Heard::Told | Heard::Gone | Heard::Refused(_) | Heard::Later(..) | Heard::Unknown(_) => heard,
    }
}

/// How urgent a message is; on GSM there is no more than this. Source: SMPP 3.4, 5.2.14.
fn priority(loudness: Severity) -> u8 {
    match loudness {
        Severity::Advisory | Severity::Yellow => 0,
        Severity::Orange | Severity::Red => 1,
    }
}

/// A field of SMPP. What is written into one was measured when it was read.
fn field<const MAX: usize>(text: &str) -> Result<COctetString<1, MAX>, String> {
    text.parse().map_err(|_| format!("SMPP has no room for more than {} octets of ASCII in one of its fields", MAX - 1))
}
