//! What is measured, and against which target.

use futures_util::future::BoxFuture;

use super::bare::{self, Way};
use super::field::{Field, Receivers, computed, peak};
use super::{Figure, service};
use crate::hazard::Severity;

/// Some figures that are measured together.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// Measures so many times.
    pub(super) run: fn(usize) -> BoxFuture<'static, anyhow::Result<Vec<Figure>>>,
    /// Whether it is measured where the figures are to be had soon.
    pub(super) is_short: bool,
}

pub(super) const CASES: &[Case] = &[
    Case {
        name: "fan-out",
        about: "one message to 10,000 subscribers, a fresh connection each",
        run: |times| Box::pin(fan_out(times)),
        is_short: true,
    },
    Case {
        name: "tls",
        about: "the same over TLS, a whole handshake each",
        run: |times| Box::pin(tls(times)),
        is_short: true,
    },
    Case {
        name: "warm",
        about: "the same over connections that are kept",
        run: |times| Box::pin(warm(times)),
        is_short: true,
    },
    Case {
        name: "burst",
        about: "20 messages at once to 500 subscribers",
        run: |times| Box::pin(burst(times)),
        is_short: true,
    },
    Case {
        name: "hanging",
        about: "10,000 subscribers of whom 20 of 100 hang and 10 answer 500",
        run: |times| Box::pin(hanging(times)),
        is_short: true,
    },
    Case {
        name: "storm",
        about: "52 warnings at once to 1,000 subscribers, one of them red",
        run: |times| Box::pin(storm(times)),
        is_short: true,
    },
    Case {
        name: "decision",
        about: "from an order of the desk to 100 channels, by the service itself",
        run: |_| Box::pin(service::decision()),
        is_short: true,
    },
    Case {
        name: "kill",
        about: "the service is killed in the midst of 10,000 subscribers, and started again",
        run: |times| Box::pin(service::kill(times)),
        is_short: true,
    },
    Case {
        name: "start",
        about: "the service starts with 100,000 lines in its journal",
        run: |times| Box::pin(service::start(times)),
        is_short: true,
    },
    Case {
        name: "idle",
        about: "the service with nothing to do, for half a minute",
        run: |_| Box::pin(service::idle()),
        is_short: true,
    },
    Case {
        name: "everyone",
        about: "one message to 563,458 subscribers",
        run: |_| Box::pin(everyone()),
        is_short: false,
    },
];

/// How often each is measured, and how often where the figures are to be had soon; the median counts.
pub(super) const TIMES: usize = 5;
pub(super) const SOON: usize = 1;

/// How many subscribers, where it is not said otherwise.
const MANY: usize = 10_000;

/// Of the followers of one emirate.
const EVERYONE: usize = 563_458;

pub(super) const MB: f64 = 1_000_000.0;

/// How long it took to tell all, what that cost, and the same of the bare loop; a time for each round.
#[derive(Default)]
struct Rounds {
    took: Vec<f64>,
    limits: Vec<f64>,
    cpu: Vec<f64>,
    bare_cpu: Vec<f64>,
}

impl Rounds {
    /// Tells [`MANY`], and has the bare loop do the same, so many times.
    async fn of(field: &mut Field, at: &str, way: Way, times: usize) -> anyhow::Result<Self> {
        let body = field.body()?;
        let mut rounds = Self::default();
        field.tell().await?;
        for _ in 0..times {
            let before = computed();
            rounds.took.push(field.tell().await?.as_secs_f64());
            rounds.cpu.push((computed() - before).as_secs_f64() * 1e6 / MANY as f64);
            let before = computed();
            rounds.limits.push(bare::run(at, MANY, way, &body).await?.as_secs_f64());
            rounds.bare_cpu.push((computed() - before).as_secs_f64() * 1e6 / MANY as f64);
        }
        Ok(rounds)
    }
}

async fn fan_out(times: usize) -> anyhow::Result<Vec<Figure>> {
    let receivers = Receivers::start().await?;
    let mut field = Field::open(MANY, |number| format!("http://{}/c/{number}", receivers.at)).await?;
    let Rounds { took, limits, cpu, bare_cpu } = Rounds::of(&mut field, &receivers.at, Way::Fresh, times).await?;
    let early = peak();
    for _ in times + 1..20 {
        field.tell().await?;
    }
    let late = peak();
    field.close().await?;
    let (time, limit) = (median(took), median(limits));
    Ok(vec![
        Figure::new("fan-out", time, "s", Some(limit), (1.5 * limit).min(0.7)),
        Figure::new("fan-out-cpu", median(cpu), "us a delivery", Some(median(bare_cpu)), 65.0),
        Figure::new("fan-out-memory", late as f64 / MB, "MB at most", None, 96.0),
        Figure::new("fan-out-growth", late.saturating_sub(early) as f64 / MB, "MB from alert 6 to 20", None, 4.0),
    ])
}

async fn warm(times: usize) -> anyhow::Result<Vec<Figure>> {
    let receivers = Receivers::start().await?;
    let mut field = Field::open(MANY, |number| format!("http://{}/k/{number}", receivers.at)).await?;
    let Rounds { took, limits, .. } = Rounds::of(&mut field, &receivers.at, Way::Kept, times).await?;
    field.close().await?;
    Ok(vec![Figure::new("warm", median(took), "s", Some(median(limits)), 0.3)])
}

async fn tls(times: usize) -> anyhow::Result<Vec<Figure>> {
    let receivers = Receivers::start().await?;
    let mut field = Field::open(MANY, |number| format!("https://{}/c/{number}", receivers.under_tls)).await?;
    let Rounds { took, limits, cpu, bare_cpu } =
        Rounds::of(&mut field, &receivers.under_tls, Way::Sealed, times).await?;
    field.close().await?;
    Ok(vec![
        Figure::beside("tls", median(took), "s", Some(median(limits))),
        Figure::beside("tls-cpu", median(cpu), "us a delivery", Some(median(bare_cpu))),
    ])
}

async fn burst(times: usize) -> anyhow::Result<Vec<Figure>> {
    let receivers = Receivers::start().await?;
    let mut field = Field::open(500, |number| format!("http://{}/c/{number}", receivers.at)).await?;
    let body = field.body()?;
    field.tell().await?;
    let (mut took, mut limits) = (Vec::new(), Vec::new());
    for _ in 0..times {
        took.push(field.tell_all(&[Severity::Red; 20]).await?.as_secs_f64());
        limits.push(bare::run(&receivers.at, MANY, Way::Fresh, &body).await?.as_secs_f64());
    }
    field.close().await?;
    Ok(vec![Figure::new("burst", median(took), "s", Some(median(limits)), 0.4)])
}

async fn everyone() -> anyhow::Result<Vec<Figure>> {
    let receivers = Receivers::start().await?;
    let mut field = Field::open(EVERYONE, |number| format!("http://{}/c/{number}", receivers.at)).await?;
    let body = field.body()?;
    let time = field.tell().await?.as_secs_f64();
    let (memory, size) = (peak() as f64 / MB, field.size() as f64 / MB);
    let limit = bare::run(&receivers.at, EVERYONE, Way::Fresh, &body).await?.as_secs_f64();
    field.close().await?;
    Ok(vec![
        Figure::new("everyone", time, "s", Some(limit), 40.0),
        Figure::new("everyone-memory", memory, "MB at most", None, 256.0),
        Figure::new("everyone-store", size, "MB on the disk", None, 300.0),
    ])
}

/// How long after it was said a red message was with 99 of 100 of those who answer, in milliseconds.
async fn p99(field: &mut Field, receivers: &Receivers, all: usize, said: &[Severity]) -> anyhow::Result<f64> {
    receivers.arrivals().await?;
    let start = field.say(said).await?;
    let mut arrived: Vec<u64> = Vec::new();
    for _ in 0..3_000 {
        let new = receivers.arrivals().await?;
        arrived.extend(new.iter().filter(|(_, way)| way == "cr").map(|(at, _)| at.saturating_sub(start)));
        if all <= arrived.len() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    anyhow::ensure!(all <= arrived.len(), "{} of {all} arrived", arrived.len());
    arrived.sort_unstable();
    Ok(arrived.get(all * 99 / 100).copied().unwrap_or_default() as f64 / 1000.0)
}

async fn hanging(times: usize) -> anyhow::Result<Vec<Figure>> {
    let receivers = Receivers::start().await?;
    let healthy = MANY * 7 / 10;
    let (mut clean, mut mixed) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let mut field = Field::open(MANY, |number| format!("http://{}/c/{number}", receivers.at)).await?;
        clean.push(p99(&mut field, &receivers, MANY, &[Severity::Red]).await?);
        field.close().await?;
        let way = |number: usize| match number % 10 {
            0 | 5 => 'h',
            9 => 'e',
            _ => 'c',
        };
        let url = |number: usize| format!("http://{}/{}/{number}", receivers.at, way(number));
        let mut field = Field::open(MANY, url).await?;
        mixed.push(p99(&mut field, &receivers, healthy, &[Severity::Red]).await?);
        field.abandon();
    }
    let limit = median(clean);
    Ok(vec![Figure::new("hanging", median(mixed), "ms p99 of the healthy", Some(limit), 1.2 * limit)])
}

async fn storm(times: usize) -> anyhow::Result<Vec<Figure>> {
    let receivers = Receivers::start().await?;
    let mut field = Field::open(1_000, |number| format!("http://{}/c/{number}", receivers.at)).await?;
    field.tell().await?;
    let (mut alone, mut among) = (Vec::new(), Vec::new());
    for _ in 0..times {
        alone.push(p99(&mut field, &receivers, 1_000, &[Severity::Red]).await?);
        field.settled(1).await?;
        let mut all = vec![Severity::Yellow; 51];
        all.push(Severity::Red);
        among.push(p99(&mut field, &receivers, 1_000, &all).await?);
        field.settled(52).await?;
    }
    field.close().await?;
    let limit = median(alone);
    Ok(vec![Figure::new("storm", median(among), "ms p99 of the red one", Some(limit), 1.2 * limit)])
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
