//! What the courier of many asks of the store, beside all else that it does, and what comes back: messages taken in hand, who is owed them,
//! what became of them. It decides nothing.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::desk::{Stage, Taken, Work};
use crate::outbox::share::{Count, Disabled, Hand, Landed, News, Share};
use crate::outbox::{Outcome, Settlement};
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

/// What is asked of the store, and what came back.
pub(super) enum Errand {
    Taken(Result<(Vec<Taken>, Option<Timestamp>), StoreError>),
    Read(Hand, Result<Share, StoreError>),
    Stored(Vec<Landed>, Result<usize, StoreError>),
    Ended(Box<Work>, Result<Settlement, StoreError>),
    Noted(News, Result<Vec<Disabled>, StoreError>),
    Said(Vec<Disabled>, bool),
}

/// Settles what was put down.
pub(super) fn end(store: Arc<dyn Store>, work: Work, stage: Stage, now: Timestamp) -> BoxFuture<'static, Errand> {
    Box::pin(async move {
        let hand = work.hand;
        let ending = async {
            let outcome = match stage {
                Stage::Going | Stage::Waiting(_) => Outcome::Again { due: due_of(stage, now), why: waits(&work) },
                Stage::Over if work.is_replaced() => {
                    Outcome::Again { due: now, why: "a newer word goes to its subscribers".to_owned() }
                }
                Stage::Done | Stage::Over => ended(&work, store.count_shares(hand.delivery).await?),
            };
            let settlement = Settlement { id: hand.delivery, token: hand.token, outcome, at: now };
            store.settle(vec![settlement.clone()]).await?;
            Ok(settlement)
        };
        let ended = ending.await;
        Errand::Ended(Box::new(work), ended)
    })
}

fn due_of(stage: Stage, now: Timestamp) -> Timestamp {
    match stage {
        Stage::Waiting(due) => due.max(now),
        Stage::Going | Stage::Done | Stage::Over => now,
    }
}

fn waits(work: &Work) -> String {
    let why = work.why.as_ref().map(|why| format!("; the last: {why}")).unwrap_or_default();
    format!("{} subscribers or more do not have it yet{why}", work.open())
}

/// What a message came to at all of its subscribers.
fn ended(work: &Work, count: Count) -> Outcome {
    let Count { told, deaf, dead } = count;
    let why = work.why.as_ref().map(|why| format!("; the last: {why}")).unwrap_or_default();
    let open = work.open();
    let also = |count: u64, what: &str| if count == 0 { String::new() } else { format!(", {count} {what}") };
    let late = also(open as u64, "for whom its time ran out");
    if told == 0 && 0 < dead {
        return Outcome::Dead { why: format!("none of {dead} subscribers took it{late}{why}") };
    }
    if told == 0 && 0 < open {
        return Outcome::Expired;
    }
    let (dead, deaf) = (also(dead, "refused"), also(deaf, "do not hear of it"));
    Outcome::Delivered { receipt: format!("{told} subscribers{dead}{deaf}{late}") }
}
