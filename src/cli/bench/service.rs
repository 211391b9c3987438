//! The service as a whole, as systemd runs it: how soon it is ready, what it takes while nothing happens, how soon a decision is on its way
//! at a hundred channels, and how soon it goes on after a death.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use chrono::Utc;
use tokio::process::{Child, Command};

use super::Figure;
use super::field::{Place, Receivers};
use super::runs::{MB, median};
use crate::cli::place::DATABASE;
use crate::config::embedded;
use crate::daemon::control::{Question, ask};
use crate::engine::desk::Warn;
use crate::engine::staff::Order;
use crate::hazard::{Hazard, Severity};
use crate::ids::{ChannelId, GovernorateId};
use crate::record::Entry;
use crate::store::Roster as _;
use crate::store::sqlite::SqliteStore;
use crate::store::{Commit, Ledger as _};
use crate::subscriber::{NewSubscriber, State, Wishes};
use crate::time::TimeDelta;

/// How many lines the journal of a store has that the service starts on.
const LINES: usize = 100_000;

/// How many channels hear of a decision.
const CHANNELS: usize = 100;

/// How many decisions are measured.
const DECISIONS: usize = 20;

/// How many subscribers are told when the service dies, and how many of them have heard by then.
const MANY: usize = 10_000;
const HEARD: usize = 2_000;

/// How long it is let alone before it is looked at, and how long it is looked at.
const SETTLES: Duration = Duration::from_secs(10);
const LOOKS: Duration = Duration::from_secs(20);

/// The longest that anything is waited for.
const LONGEST: Duration = Duration::from_secs(60);

/// A secret for measurements, which nobody else uses.
const SECRET: &str = "whsec_YSBrZXkgZm9yIG1lYXN1cmVtZW50cyBhbG9uZQ==";

/// The directories of a service.
struct House {
    place: Place,
}

/// A running service; it is killed with this value.
struct Service {
    child: Child,
    took: Duration,
}

impl House {
    fn new(channels: Option<&str>) -> anyhow::Result<Self> {
        let house = Self { place: Place::new()? };
        let config = house.config();
        std::fs::create_dir(&config)?;
        let shipped = embedded::text("nadhir.toml").context("the built-in configuration is not there")?;
        let settings = shipped.replace("red = \"2min\"", "red = \"at-once\"");
        std::fs::write(config.join("nadhir.toml"), settings)?;
        std::fs::create_dir(house.state())?;
        std::fs::write(house.state().join("key"), SECRET)?;
        if let Some(channels) = channels {
            std::fs::write(config.join("channels.toml"), channels)?;
        }
        Ok(house)
    }

    fn config(&self) -> PathBuf {
        self.place.0.join("config")
    }

    fn state(&self) -> PathBuf {
        self.place.0.join("state")
    }

    fn store(&self) -> anyhow::Result<SqliteStore> {
        Ok(SqliteStore::open(self.state().join(DATABASE))?)
    }

    /// Starts the service, and waits until it tells systemd that it is ready.
    async fn start(&self) -> anyhow::Result<Service> {
        let path = self.place.0.join("notify");
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path)?;
        socket.set_read_timeout(Some(LONGEST))?;
        let program = std::env::current_exe().context("this program does not know where it lies")?;
        let mut command = Command::new(program);
        command.arg("run").arg("--config").arg(self.config()).arg("--state").arg(self.state());
        command.env("NOTIFY_SOCKET", &path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let began = Instant::now();
        let child = command.kill_on_drop(true).spawn().context("the service could not be started")?;
        let ready = tokio::task::spawn_blocking(move || -> std::io::Result<()> {
            let mut buffer = [0; 4096];
            loop {
                let length = socket.recv(&mut buffer)?;
                let said = buffer.get(..length).unwrap_or_default();
                if said.split(|byte| *byte == b'\n').any(|line| line == b"READY=1") {
                    return Ok(());
                }
            }
        });
        ready.await?.context("the service was not ready in time")?;
        Ok(Service { child, took: began.elapsed() })
    }
}

impl Service {
    async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("the service could not be killed")
    }

    /// What it holds in memory now, in bytes, and what it has computed so far, in clock ticks.
    fn takes(&self) -> anyhow::Result<(u64, u64)> {
        let id = self.child.id().context("the service has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let held = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("its memory is not told")?;
        let held: u64 = held.trim().trim_end_matches("kB").trim().parse()?;
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The name before it may hold spaces.
        let (_, rest) = stat.rsplit_once(')').context("its time is not told")?;
        let ticks = rest.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        Ok((held * 1024, ticks.sum::<Result<u64, _>>()?))
    }
}

/// How soon it is ready on a store with [`LINES`] lines.
pub(super) async fn start(times: usize) -> anyhow::Result<Vec<Figure>> {
    let house = House::new(None)?;
    {
        let store = house.store()?;
        let lease = store.lead(Utc::now()).await?;
        for version in 0..LINES / 1_000 {
            let entry = Entry {
                at: Utc::now(),
                kind: "feed".to_owned(),
                subject: "open-meteo".to_owned(),
                text: "answered, and nothing of it was new to anybody here".to_owned(),
            };
            let commit = Commit { version: version as u64, journal: vec![entry; 1_000], ..Commit::default() };
            store.commit(lease, commit).await?;
        }
    }
    let mut took = Vec::new();
    for _ in 0..times {
        let service = house.start().await?;
        took.push(service.took.as_secs_f64());
        service.kill().await?;
    }
    Ok(vec![Figure::new("start", median(took), "s until ready", None, 0.3)])
}

/// What it takes with the shipped feeds and governorates while nothing happens.
pub(super) async fn idle() -> anyhow::Result<Vec<Figure>> {
    let service = House::new(None)?;
    let service = (service.start().await?, service);
    tokio::time::sleep(SETTLES).await;
    let (_, before) = service.0.takes()?;
    tokio::time::sleep(LOOKS).await;
    let (held, after) = service.0.takes()?;
    // The kernel counts time in hundredths of a second for programs.
    let busy = (after.saturating_sub(before)) as f64 / LOOKS.as_secs_f64();
    service.0.kill().await?;
    Ok(vec![
        Figure::new("idle-memory", held as f64 / MB, "MB", None, 32.0),
        Figure::new("idle-cpu", busy, "% of a core", None, 0.2),
    ])
}

/// From the order of somebody at the desk until the message is with each of [`CHANNELS`] channels.
pub(super) async fn decision() -> anyhow::Result<Vec<Figure>> {
    let receivers = Receivers::start().await?;
    let channel = |number: usize| {
        format!(
            "[c{number}]\nkind = \"webhook\"\naudience = \"public\"\nurl = \"http://{}/k/{number}\"\nsecret = {{ file = \"key\" }}\n",
            receivers.at
        )
    };
    let house = House::new(Some(&(0..CHANNELS).map(channel).collect::<String>()))?;
    let service = house.start().await?;
    let mut waits = Vec::new();
    for number in 0..DECISIONS {
        receivers.arrivals().await?;
        let decided = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
        let said = ask(&house.state(), &Question::Order { order: order(number)? }).await?;
        anyhow::ensure!(said.ok, "the service refused an order: {}", said.problems);
        waits.extend(wait_for(&receivers, CHANNELS).await?.iter().map(|at| at.saturating_sub(decided as u64)));
    }
    service.kill().await?;
    waits.sort_unstable();
    let p99 = waits.get(waits.len() * 99 / 100).copied().unwrap_or_default() as f64 / 1_000.0;
    Ok(vec![Figure::new("decision", p99, "ms p99 to 100 channels", None, 50.0)])
}

fn order(number: usize) -> anyhow::Result<Order> {
    let hazards = [Hazard::Dust, Hazard::FlashFlood, Hazard::Wind, Hazard::Fog, Hazard::Rain];
    let places = ["jeddah", "makkah", "taif", "rabigh"];
    let hazard = hazards.get(number % hazards.len()).copied().unwrap_or(Hazard::Dust);
    let place = places.get(number / hazards.len() % places.len()).copied().unwrap_or("jeddah");
    Ok(Order::Warn(Warn {
        hazard,
        severity: Severity::Red,
        governorates: [GovernorateId::new(place)?].into(),
        onset: None,
        until: Utc::now() + TimeDelta::hours(3),
        remarks: None,
        is_drill: false,
        by: "the bench".to_owned(),
    }))
}

/// When so many messages arrived.
async fn wait_for(receivers: &Receivers, count: usize) -> anyhow::Result<Vec<u64>> {
    let (mut arrived, end) = (Vec::new(), Instant::now() + LONGEST);
    while arrived.len() < count {
        anyhow::ensure!(Instant::now() < end, "{} of {count} arrived", arrived.len());
        tokio::time::sleep(Duration::from_millis(5)).await;
        arrived.extend(receivers.arrivals().await?.into_iter().map(|(at, _)| at));
    }
    Ok(arrived)
}

/// How long after a start it goes on telling [`MANY`] subscribers, [`HEARD`] of whom had heard when it was killed.
pub(super) async fn kill(times: usize) -> anyhow::Result<Vec<Figure>> {
    let receivers = Receivers::start().await?;
    let mut resumes = Vec::new();
    for _ in 0..times {
        let channel = "[open]\nkind = \"subscribers\"\naudience = \"public\"\nsecret = { file = \"key\" }\nallow = [\"127.0.0.0/8\"]\n";
        let house = House::new(Some(channel))?;
        let new = (0..MANY).map(|number| NewSubscriber {
            name: format!("s{number}"),
            url: format!("http://{}/c/{number}", receivers.at),
            wishes: Wishes::default(),
            pace: None,
            state: State::Active,
        });
        house.store()?.subscribe(ChannelId::new("open")?, new.collect(), Utc::now() - TimeDelta::hours(1)).await?;
        let service = house.start().await?;
        receivers.arrivals().await?;
        ask(&house.state(), &Question::Order { order: order(0)? }).await?;
        wait_for(&receivers, HEARD).await?;
        service.kill().await?;
        // What was on its way arrives meanwhile.
        tokio::time::sleep(Duration::from_millis(200)).await;
        receivers.arrivals().await?;
        let began = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
        let service = house.start().await?;
        let first = wait_for(&receivers, 1).await?.into_iter().min().unwrap_or_default();
        resumes.push(first.saturating_sub(began as u64) as f64 / 1e6);
        service.kill().await?;
    }
    Ok(vec![Figure::new("kill", median(resumes), "s from the start to the next", None, 1.0)])
}
