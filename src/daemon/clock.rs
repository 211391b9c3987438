//! What time it is. Only the daemon and the command line ask; everything that decides is told.

use std::time::{Duration, Instant};

use chrono::Utc;

pub mod steady;

use self::steady::Steady;
use crate::time::{TimeDelta, Timestamp};

/// A clock that tells the time and can be slept by.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The machine's.
    System,
    /// The machine's, but not moved with it: what a service goes by.
    Steady(&'static Steady),
    /// A clock that began at `origin` when the machine's stood at `started`, and runs `speed` times as fast.
    Scaled {
        /// Where it began.
        origin: Timestamp,
        /// When it began.
        started: Instant,
        /// How many of its seconds pass in one of the machine's.
        speed: f64,
    },
}

impl Clock {
    /// A clock that begins now at `origin` and runs `speed` times as fast as the machine's.
    pub fn scaled(origin: Timestamp, speed: f64) -> Self {
        Self::Scaled { origin, started: Instant::now(), speed }
    }

    /// The machine's clock, watched from now on for as long as the program runs.
    pub fn steady() -> Self {
        Self::Steady(Box::leak(Box::new(Steady::new())))
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Utc::now(),
            Self::Steady(steady) => steady.now(),
            Self::Scaled { origin, started, speed } => {
                let passed = started.elapsed().as_secs_f64() * speed;
                *origin + TimeDelta::milliseconds((passed * 1000.0) as i64)
            }
        }
    }

    /// The latest that it may be, where that is in doubt; else as [`Clock::now`].
    pub fn latest(&self) -> Timestamp {
        match self {
            Self::System | Self::Scaled { .. } => self.now(),
            Self::Steady(steady) => steady.latest(),
        }
    }

    /// Takes the word of a server on what time it is; tells how far it is ahead of the machine's clock.
    pub fn hear(&self, server: Timestamp) -> TimeDelta {
        match self {
            Self::System | Self::Scaled { .. } => server - self.now(),
            Self::Steady(steady) => {
                steady.hear(server);
                server - Utc::now()
            }
        }
    }

    /// How long a span of this clock takes on the machine's; nothing when it lies behind.
    pub fn real(&self, span: TimeDelta) -> Duration {
        let span = span.to_std().unwrap_or_default();
        match self {
            Self::System | Self::Steady(_) => span,
            Self::Scaled { speed, .. } => span.div_f64(speed.max(f64::MIN_POSITIVE)),
        }
    }

    /// Sleeps until a moment; returns at once when it has passed.
    pub async fn sleep_until(&self, moment: Timestamp) {
        tokio::time::sleep(self.real(moment - self.now())).await;
    }

    /// Sleeps for a span of this clock.
    pub async fn sleep(&self, span: TimeDelta) {
        tokio::time::sleep(self.real(span)).await;
    }
}
