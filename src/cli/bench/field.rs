//! The ground of a measurement: a store on the disk, subscribers in it, their courier, and receivers in a process of their own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::bulletin::Bulletin;
use crate::config::{self, Config};
use crate::daemon::clock::Clock;
use crate::daemon::fanout::Fanout;
use crate::daemon::{Sight, Sights};
use crate::hazard::{Hazard, Severity};
use crate::ids::ChannelId;
use crate::language::Language;
use crate::message::Form;
use crate::outbox::{NewDelivery, Outcome, Terms, urgency};
use crate::problem::{Problems, SourceFile};
use crate::route::manner::Manner;
use crate::route::{Audience, Listener};
use crate::sink::{Opener, World, subscribers};
use crate::store::sqlite::SqliteStore;
use crate::store::{Commit, Lease, Ledger as _, Roster as _};
use crate::subscriber::{NewSubscriber, State, Wishes};
use crate::table::read_file;
use crate::time::TimeDelta;

/// Who vouches for the receivers.
pub(super) const AUTHORITY: &str = include_str!("loopback/authority.pem");

/// How many subscribers are entered in one transaction.
const TOGETHER: usize = 10_000;

/// The longest that one message is waited for.
const LONGEST: Duration = Duration::from_secs(300);

/// How many sights may wait to be looked at.
const SIGHTS: usize = 1024;

/// Receivers in a process of their own; it ends with this value.
pub(super) struct Receivers {
    /// Where they listen: host and port.
    pub(super) at: String,
    /// Where they listen under TLS.
    pub(super) under_tls: String,
    _process: Child,
}

impl Receivers {
    pub(super) async fn start() -> anyhow::Result<Self> {
        // What is asked of them goes by the client of everything else; when someone installed a provider before, that one is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let program = std::env::current_exe().context("this program does not know where it lies")?;
        let mut command = Command::new(program);
        command.args(["bench", "--receive"]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().context("the receivers could not be started")?;
        let out = process.stdout.take().context("the receivers say nothing")?;
        let line = BufReader::new(out).lines().next_line().await?.unwrap_or_default();
        let (at, under_tls) = line.split_once(' ').context("the receivers did not say where they listen")?;
        Ok(Self { at: at.to_owned(), under_tls: under_tls.to_owned(), _process: process })
    }

    /// What has arrived since the last time: when, in microseconds since 1970, and how the path of its receiver begins.
    pub(super) async fn arrivals(&self) -> anyhow::Result<Vec<(u64, String)>> {
        let text = reqwest::get(format!("http://{}/t", self.at)).await?.text().await?;
        let read = |line: &str| {
            let (at, way) = line.split_once(' ')?;
            Some((at.parse().ok()?, way.to_owned()))
        };
        Ok(text.lines().filter_map(read).collect())
    }
}

/// A directory that goes with this value.
pub(super) struct Place(pub(super) PathBuf);

impl Place {
    pub(super) fn new() -> anyhow::Result<Self> {
        let place = std::env::temp_dir().join(format!("nadhir-bench-{}-{}", std::process::id(), fastrand::u32(..)));
        std::fs::create_dir(&place).with_context(|| format!("{} could not be made", place.display()))?;
        Ok(Self(place))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A store with subscribers and their courier at work.
pub(super) struct Field {
    store: Arc<SqliteStore>,
    lease: Lease,
    version: u64,
    said: u32,
    config: Config,
    sights: mpsc::Receiver<Sight>,
    bell: Arc<Notify>,
    stop: CancellationToken,
    courier: JoinHandle<()>,
    place: Place,
}

impl Field {
    /// So many subscribers whose addresses are made from their numbers.
    pub(super) async fn open(count: usize, url: impl Fn(usize) -> String) -> anyhow::Result<Self> {
        let place = Place::new()?;
        std::fs::write(place.0.join("key"), "a key for measurements, which nobody else uses")?;
        std::fs::write(place.0.join("ca.pem"), AUTHORITY)?;
        let store = Arc::new(SqliteStore::open(place.0.join("bench.db"))?);
        let lease = store.lead(Clock::System.now()).await?;
        let channel = ChannelId::new("bench")?;
        for first in (0..count).step_by(TOGETHER) {
            let new = (first..count.min(first + TOGETHER)).map(|number| NewSubscriber {
                name: format!("s{number}"),
                url: url(number),
                wishes: Wishes::default(),
                pace: None,
                state: State::Active,
            });
            store.subscribe(channel.clone(), new.collect(), Clock::System.now() - TimeDelta::hours(1)).await?;
        }
        let many = opener()?.open(&World::new(place.0.clone()).map_err(anyhow::Error::msg)?);
        let many = many.map_err(anyhow::Error::msg)?.many().context("the kind has no subscribers")?;
        let (shown, sights) = mpsc::channel(SIGHTS);
        let fanout = Fanout::new(listener(channel), many, store.clone(), Sights::to(shown));
        let (bell, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let (own_bell, own_stop) = (Arc::clone(&bell), stop.clone());
        let courier = tokio::spawn(async move { fanout.run(Clock::System, own_bell, own_stop).await });
        let config = config::load(None).map(|(config, _)| config);
        let config = config.map_err(|_| anyhow::anyhow!("the built-in configuration has mistakes"))?;
        Ok(Self { store, lease, version: 0, said: 0, config, sights, bell, stop, courier, place })
    }

    /// Says warnings of these severities at once; tells when they were decided, in microseconds since 1970.
    pub(super) async fn say(&mut self, severities: &[Severity]) -> anyhow::Result<u64> {
        let mut commit = Commit { version: self.version, ..Commit::default() };
        for severity in severities {
            self.said += 1;
            let bulletin = self.bulletin(*severity);
            let message =
                self.config.speaker.render(&bulletin, &self.config.governorates, Form::Json, &Language::ALL)?;
            commit.deliveries.push(NewDelivery {
                channel: ChannelId::new("bench")?,
                message: message.key.clone(),
                bulletin: bulletin.id.clone(),
                number: bulletin.number.clone(),
                edition: 1,
                urgency: urgency(bulletin.change, bulletin.severity),
                due: bulletin.issued,
                expires: bulletin.stale_after,
                terms: Terms::default(),
                picture: None,
            });
            commit.messages.push(message);
            commit.bulletins.push(bulletin);
        }
        let decided = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
        self.store.commit(self.lease, commit).await?;
        self.version += 1;
        self.bell.notify_one();
        Ok(u64::try_from(decided)?)
    }

    fn bulletin(&self, severity: Severity) -> Bulletin {
        let (now, places) =
            (Clock::System.now(), self.config.governorates.iter().take(1).map(|place| place.id.clone()));
        let number = format!("MKH-2025-{:06}", self.said);
        Bulletin::plain(&number, (Hazard::Rain, severity), places.collect(), (now, now + TimeDelta::hours(3)))
    }

    /// The bytes of one message.
    pub(super) fn body(&self) -> anyhow::Result<String> {
        let bulletin = self.bulletin(Severity::Red);
        Ok(self.config.speaker.render(&bulletin, &self.config.governorates, Form::Json, &Language::ALL)?.body)
    }

    /// Waits until so many messages are settled.
    pub(super) async fn settled(&mut self, count: usize) -> anyhow::Result<()> {
        let waiting = async {
            let mut settled = 0;
            while settled < count {
                let sight = self.sights.recv().await.context("the courier has ended")?;
                match sight {
                    Sight::Settled { outcome: Outcome::Delivered { .. }, .. } => settled += 1,
                    Sight::Settled { outcome, .. } => anyhow::bail!("a message was not delivered: {outcome:?}"),
                    Sight::Said(_) | Sight::Wrote(_) => {}
                }
            }
            Ok(())
        };
        tokio::time::timeout(LONGEST, waiting).await.context("it took too long")?
    }

    /// Says one red warning and waits until it is with all; tells how long that took.
    pub(super) async fn tell(&mut self) -> anyhow::Result<Duration> {
        self.tell_all(&[Severity::Red]).await
    }

    /// Says several at once and waits until they are with all; tells how long that took from when they were decided.
    pub(super) async fn tell_all(&mut self, severities: &[Severity]) -> anyhow::Result<Duration> {
        let decided = self.say(severities).await?;
        self.settled(severities.len()).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        Ok(now.saturating_sub(Duration::from_micros(decided)))
    }

    /// How large the store is on the disk, in bytes.
    pub(super) fn size(&self) -> u64 {
        let size = |name: &str| std::fs::metadata(self.place.0.join(name)).map_or(0, |file| file.len());
        size("bench.db") + size("bench.db-wal")
    }

    /// Ends the courier at once, whatever it has in its hands.
    pub(super) fn abandon(self) {
        self.courier.abort();
    }

    pub(super) async fn close(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.courier.await.context("the courier broke down")
    }
}

fn listener(channel: ChannelId) -> Listener {
    Listener {
        channel,
        audience: Audience::Public,
        form: Form::Json,
        languages: Language::ALL.to_vec(),
        min_severity: Severity::Advisory,
        hazards: None,
        governorates: None,
        manner: Manner::default(),
        picture: None,
    }
}

fn opener() -> anyhow::Result<Arc<dyn Opener>> {
    let text = "secret = { file = \"key\" }\nallow = [\"127.0.0.0/8\"]\nca = \"ca.pem\"\n".to_owned();
    let file = Arc::new(SourceFile { name: "bench".to_owned(), text });
    let problems = Problems::new();
    let opener = read_file(&file, &problems, |table| (subscribers::KIND.parse)(&table));
    opener.context("the settings of the measurement cannot be read")
}

/// The most memory that this process has held, in bytes.
pub(super) fn peak() -> u64 {
    let status = std::fs::read_to_string(Path::new("/proc/self/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0) * 1024
}

/// The time that this process has computed.
pub(super) fn computed() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let whole = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(whole) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}
