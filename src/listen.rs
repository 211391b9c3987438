//! The listener: hears messages of MQTT 5 brokers, of several at once, and says truthfully which of them it hears. It decides
//! nothing.
//!
//! A broker keeps what it sends for us until we say that it is done: [`Ack::give`] is for what is committed, so that a message
//! in our hands when we die comes again. Nothing is heard in silence: whether each broker is heard is told as well as messages.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rumqttc::{AckMode, AsyncClient, ManualAck, MqttOptions, Transport, ValidatedTopicFilter};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use crate::feed::{Login, Password, Subscription};
use crate::secret::{Secret, SecretSource};

mod broker;
mod session;
mod tls;

use broker::Broker;

/// How many messages a broker may have sent us that are not done.
pub const MAX_IN_HAND: u16 = 100;
/// The largest packet that a broker may send us, in bytes; it keeps larger ones to itself.
pub const MAX_PACKET: u32 = 128 * 1024;
/// How long a broker keeps for us what arrives while we are away, in seconds.
pub const KEEP_FOR: u32 = 60 * 60;
/// How often a silent connection is tried, in seconds.
const KEEP_ALIVE: u16 = 30;
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a parting from all brokers may take.
const PARTING: Duration = Duration::from_secs(2);
/// The file in the state directory that tells this nadhir from every other at a broker.
const NAME_FILE: &str = "mqtt-name";
/// How many letters the name has.
const NAME_LEN: usize = 16;
/// One feed at a time looks for the name and makes it up.
static NAMING: Mutex<()> = Mutex::new(());

/// A message as it came.
#[derive(Debug)]
pub struct Message {
    /// Through which broker.
    pub broker: Arc<str>,
    /// Under which topic.
    pub topic: String,
    /// What it says.
    pub body: Vec<u8>,
    /// How to say that it is done.
    pub ack: Ack,
}

/// The means to say that a message is done; dropped, it has the broker send the message again to whoever comes next.
pub struct Ack {
    client: AsyncClient,
    ack: Option<ManualAck>,
    connection: u64,
    current: Arc<AtomicU64>,
}

impl std::fmt::Debug for Ack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ack({:?})", self.ack)
    }
}

impl Ack {
    /// Says that the message is done. After the connection has ended that cannot be said any more: it comes again, and is to be
    /// said then.
    pub fn give(self) {
        if self.connection == self.current.load(Ordering::Acquire)
            && let Some(ack) = self.ack
        {
            // There is room for every message that may be in hand; a client that is gone needs no word.
            let _ = self.client.try_manual_ack(ack);
        }
    }
}

/// Whether a broker is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It has not been reached yet, nor failed.
    Starting,
    /// It is connected and has taken the topics.
    Heard,
    /// It is not heard.
    Lost(String),
}

/// Which brokers are heard, by their addresses.
pub type Standings = BTreeMap<Arc<str>, Standing>;

/// What comes of listening.
#[derive(Debug)]
pub enum News {
    /// A message.
    Message(Message),
    /// The standing of a broker is another one; ask [`Listening::standings`].
    Standing,
    /// Listening broke down, which is a fault of this program.
    Broken(String),
}

/// Open ears at all brokers of a subscription.
#[derive(Debug)]
pub struct Listening {
    inbox: mpsc::Receiver<Message>,
    standings: watch::Receiver<Standings>,
    brokers: JoinSet<()>,
    stop: CancellationToken,
}

impl Listening {
    /// Begins to listen. `name` tells this subscription from others of this nadhir; relative paths begin in `dir`. The
    /// certificates in the file `ca` are trusted at these brokers beside the machine's own.
    ///
    /// # Errors
    /// When a password, a certificate or an address cannot be used.
    pub fn open(subscription: &Subscription, name: &str, dir: &Path, ca: Option<&Path>) -> Result<Self, String> {
        crate::fetch::install_crypto();
        let own = own_name(dir);
        let transport = match subscription.brokers.iter().any(|url| url.scheme() == "mqtts") {
            true => Some(tls::transport(ca)?),
            false => None,
        };
        let login = subscription.login.as_ref().map(|login| credentials(login, dir)).transpose()?;
        let topics: Vec<ValidatedTopicFilter> = subscription
            .topics
            .iter()
            .map(|topic| ValidatedTopicFilter::new(topic.clone()).map_err(|why| why.to_string()))
            .collect::<Result<_, _>>()?;
        let (to, inbox) = mpsc::channel(usize::from(MAX_IN_HAND));
        let start = subscription.brokers.iter().map(|url| (shown(url), Standing::Starting)).collect();
        let (tell, standings) = watch::channel(start);
        let tell = Arc::new(tell);
        let stop = CancellationToken::new();
        let mut brokers = JoinSet::new();
        for url in &subscription.brokers {
            let mut options = options(url, &client_id(&own, name, url, &subscription.topics), transport.as_ref())?;
            if let Some((user, password)) = &login {
                options.set_credentials(user.clone(), password.clone());
            }
            let broker = Broker {
                name: shown(url),
                options,
                topics: topics.clone(),
                to: to.clone(),
                standings: Arc::clone(&tell),
                ask_after: broker::ASK_AFTER,
            };
            brokers.spawn(broker.listen(stop.clone()));
        }
        Ok(Self { inbox, standings, brokers, stop })
    }

    /// Waits for what comes next; messages only when they are wanted. Nothing is lost when it is dropped in between.
    pub async fn next(&mut self, wants_messages: bool) -> News {
        tokio::select! {
            biased;
            ended = self.brokers.join_next() => {
                News::Broken(match ended {
                    Some(Err(why)) => why.to_string(),
                    Some(Ok(())) | None => "no broker is listened to any more".to_owned(),
                })
            }
            Ok(()) = self.standings.changed() => News::Standing,
            Some(message) = self.inbox.recv(), if wants_messages => News::Message(message),
        }
    }

    /// Which brokers are heard.
    pub fn standings(&self) -> Standings {
        self.standings.borrow().clone()
    }

    /// Takes leave of the brokers; they keep what arrives from now on for [`KEEP_FOR`].
    pub async fn close(mut self) {
        self.stop.cancel();
        let parted = async { while self.brokers.join_next().await.is_some() {} };
        // Whoever does not part in time is left behind.
        let _ = tokio::time::timeout(PARTING, parted).await;
    }
}

fn options(url: &Url, client_id: &str, transport: Option<&Transport>) -> Result<MqttOptions, String> {
    let host = url.host_str().ok_or_else(|| format!("{} names no host", shown(url)))?;
    // An IPv6 address stands in brackets in an address of the web, and nowhere else.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_safe = url.scheme() == "mqtts";
    let port = url.port().unwrap_or(if is_safe { 8883 } else { 1883 });
    let mut options = MqttOptions::new(client_id, (host.to_owned(), port));
    options
        .set_clean_start(false)
        .set_session_expiry_interval(Some(KEEP_FOR))
        .set_session_store(session::Empty)
        .set_ack_mode(AckMode::Manual)
        .set_keep_alive(KEEP_ALIVE)
        .set_connect_timeout(CONNECT_TIMEOUT)
        .set_receive_maximum(Some(MAX_IN_HAND))
        .set_max_packet_size(Some(MAX_PACKET));
    if is_safe {
        options.set_transport(transport.ok_or("TLS is not ready")?.clone());
    }
    options.validate().map_err(|why| why.to_string())?;
    Ok(options)
}

fn credentials(login: &Login, dir: &Path) -> Result<(String, String), String> {
    let password = match &login.password {
        Password::Public(password) => (*password).to_owned(),
        Password::Kept(SecretSource::File(path)) => {
            Secret::read(&SecretSource::File(dir.join(path)))?.expose().to_owned()
        }
        Password::Kept(source @ SecretSource::Credential(_)) => Secret::read(source)?.expose().to_owned(),
    };
    Ok((login.user.clone(), password))
}

/// The name of a broker as it is shown.
fn shown(url: &Url) -> Arc<str> {
    crate::feed::address::shown(url).into()
}

/// What tells this nadhir from every other: made up once and kept, because two of one name would push each other out of a broker.
/// Feeds that begin at once end with the same one.
fn own_name(dir: &Path) -> String {
    let _turn = NAMING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = dir.join(NAME_FILE);
    if let Some(kept) = kept_name(&path) {
        return kept;
    }
    let name = format!("{:016x}", fastrand::u64(..));
    match keep_name(&path, &name) {
        Ok(kept) => kept,
        Err(why) => {
            tracing::warn!(
                "{} cannot be written ({why}), so what brokers keep for us is lost at the next start",
                path.display()
            );
            name
        }
    }
}

/// The name that is kept in a file; none when there is none or it is torn.
fn kept_name(path: &Path) -> Option<String> {
    let kept = std::fs::read_to_string(path).ok()?;
    (kept.trim().len() == NAME_LEN).then(|| kept.trim().to_owned())
}

/// Keeps a name in a file, whole or not at all; gives the one that is kept, which is another's who was faster.
fn keep_name(path: &Path, name: &str) -> std::io::Result<String> {
    let draft = path.with_extension(name);
    std::fs::write(&draft, format!("{name}\n"))?;
    // A link takes the place of nothing that is there.
    let kept = match std::fs::hard_link(&draft, path) {
        Ok(()) => Ok(name.to_owned()),
        Err(_) => match kept_name(path) {
            Some(kept) => Ok(kept),
            // What is there is torn, or the disk knows no links.
            None => std::fs::rename(&draft, path).map(|()| name.to_owned()),
        },
    };
    // After a rename it is gone already.
    let _ = std::fs::remove_file(&draft);
    kept
}

/// A name at a broker: the same at every start, and another one when anything listened to is another, since a broker remembers
/// the topics of a name. It has the 23 letters and digits that every broker must take.
fn client_id(own: &str, name: &str, broker: &Url, topics: &[String]) -> String {
    let all = format!("{own}\n{name}\n{broker}\n{}", topics.join("\n"));
    format!("nadhir{:016x}", xxh3_64(all.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_at_a_broker_is_kept_and_is_nobody_elses() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let own = own_name(one.path());
        assert_eq!(own, own_name(one.path()));
        assert_ne!(own, own_name(two.path()));
        let broker: Url = "mqtts://one.example".parse().unwrap();
        let id = |name: &str, topic: &str| client_id(&own, name, &broker, &[topic.to_owned()]);
        assert_eq!(id("ncm", "a/#"), id("ncm", "a/#"));
        assert!(id("ncm", "a/#").len() <= 23);
        assert_ne!(id("ncm", "a/#"), id("ncm", "b/#"));
        assert_ne!(id("ncm", "a/#"), id("other", "a/#"));
        std::fs::write(one.path().join(NAME_FILE), "torn").unwrap();
        assert_eq!(own_name(one.path()).len(), 16);
    }

    #[test]
    fn feeds_that_begin_at_once_end_with_one_name() {
        for torn in [false, true] {
            for _ in 0..50 {
                let dir = tempfile::tempdir().unwrap();
                if torn {
                    std::fs::write(dir.path().join(NAME_FILE), "torn").unwrap();
                }
                let start = std::sync::Barrier::new(8);
                let name = || {
                    start.wait();
                    own_name(dir.path())
                };
                let names: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
                    let all: Vec<_> = (0..8).map(|_| scope.spawn(name)).collect();
                    all.into_iter().map(|one| one.join().unwrap()).collect()
                });
                assert_eq!(names.len(), 1, "{names:?}");
                assert_eq!(names.first(), Some(&own_name(dir.path())), "the one that is kept");
                assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
            }
        }
    }

    #[test]
    fn a_name_that_another_program_was_faster_to_keep_is_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME_FILE);
        assert_eq!(keep_name(&path, "0123456789abcdef").unwrap(), "0123456789abcdef");
        assert_eq!(keep_name(&path, "fedcba9876543210").unwrap(), "0123456789abcdef");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_password_or_certificate_that_cannot_be_had_is_told_without_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let source = SecretSource::File("no.such.password".into());
        let login = Login { user: "nadhir".to_owned(), password: Password::Kept(source) };
        let mut subscription = Subscription {
            brokers: vec!["mqtt://127.0.0.1:9".parse().unwrap()],
            topics: vec!["a/#".to_owned()],
            login: Some(login),
        };
        let why = Listening::open(&subscription, "ncm", dir.path(), None).unwrap_err();
        assert!(why.contains("no.such.password cannot be read"), "{why}");
        subscription.login = None;
        subscription.brokers = vec!["mqtts://127.0.0.1:9".parse().unwrap()];
        let ca = dir.path().join("no.such.pem");
        let why = Listening::open(&subscription, "ncm", dir.path(), Some(&ca)).unwrap_err();
        assert!(why.contains("no.such.pem"), "{why}");
        std::fs::write(&ca, "hush").unwrap();
        let why = Listening::open(&subscription, "ncm", dir.path(), Some(&ca)).unwrap_err();
        assert!(why.contains("no certificate") && !why.contains("hush"), "{why}");
    }
}
