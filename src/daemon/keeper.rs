//! The keeper: forgets what is older than it is kept, a little at a time, and writes the seal of the journal into the log, where whoever
//! may write the store cannot change it.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::clock::Clock;
use crate::store::{Forgotten, Keep, Store, StoreError};
use crate::time::{TimeDelta, Timestamp};

/// How often it looks.
pub const EVERY: TimeDelta = TimeDelta::hours(1);

/// How often it writes the seal into the log, in looks.
const LOOKS_A_SEAL: u64 = 24;

/// How many rows of each kind it forgets at once; those who commit wait for no more than that.
pub const AT_ONCE: usize = 500;

/// How many times it does so in a look: what is more is forgotten in the looks that follow, so that a clock that is wrong for an hour does
/// not cost the memory of years.
const TIMES_A_LOOK: usize = 40;

/// How long it lets others do their work in between, on the machine's clock.
const BETWEEN: Duration = Duration::from_millis(250);

/// Looks every hour until told to stop.
pub async fn run(store: Arc<dyn Store>, keep: Keep, clock: Clock, stop: CancellationToken) {
    for look in 0_u64.. {
        if look.is_multiple_of(LOOKS_A_SEAL) {
            match store.head().await {
                Ok(head) => info!(%head, "The journal stands at {head}"),
                Err(why) => warn!("The seal of the journal could not be read: {why}"),
            }
        }
        tokio::select! {
            // The start and what follows from it come first.
            () = clock.sleep(EVERY) => {}
            () = stop.cancelled() => return,
        }
        tokio::select! {
            looked = turn(&*store, keep, clock.now()) => tell(looked),
            () = stop.cancelled() => return,
        }
    }
}

/// Forgets what may be forgotten at a moment, up to the measure of one look.
///
/// # Errors
/// When the store failed; what was forgotten before stays so, and the rest is for the next look.
pub async fn turn(store: &dyn Store, keep: Keep, now: Timestamp) -> Result<Forgotten, StoreError> {
    let mut sum = Forgotten::default();
    for _ in 0..TIMES_A_LOOK {
        let one = store.forget(keep.before(now), AT_ONCE).await?;
        sum = Forgotten {
            journal: sum.journal + one.journal,
            bulletins: sum.bulletins + one.bulletins,
            deliveries: sum.deliveries + one.deliveries,
            messages: sum.messages + one.messages,
            is_all: one.is_all,
        };
        if one.is_all {
            break;
        }
        tokio::time::sleep(BETWEEN).await;
    }
    Ok(sum)
}

fn tell(looked: Result<Forgotten, StoreError>) {
    match looked {
        Ok(Forgotten { journal: 0, bulletins: 0, deliveries: 0, .. }) => {}
        Ok(Forgotten { journal, bulletins, deliveries, messages, is_all }) => info!(
            journal,
            bulletins,
            deliveries,
            messages,
            "Forgot what is kept no longer: lines of the journal {journal}, bulletins {bulletins}, deliveries {deliveries}, messages \
             {messages}{}",
            if is_all { "" } else { "; there is more" }
        ),
        Err(why) => warn!("What is kept no longer could not be forgotten, and is next time: {why}"),
    }
}
