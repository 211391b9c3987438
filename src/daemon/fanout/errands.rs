//! What the courier of many asks of the store, beside all else that it does, and what comes back: messages taken in hand, who is owed them,
//! what became of them. It decides nothing.

use std::sync::Arc;

use futures_util::future::{BoxFuture, try_join_all};

use super::super::courier::put_back;
use super::desk::{Stage, Subject, Taken, Work};
use crate::ids::ChannelId;
use crate::message::fewer;
use crate::outbox::share::{Count, Disabled, Hand, Landed, News, Share};
use crate::outbox::{Claimed, LEASE, Outcome, Settlement};
use crate::route::Audience;
use crate::store::{Store, StoreError};
use crate::time::{TimeDelta, Timestamp};

/// For how long a message in hand is told to new subscribers; with the longest answer that is waited for, it stays within its lease.
const ROUND: TimeDelta = TimeDelta::seconds(60);

/// What is asked of the store, and what came back.
pub(super) enum Errand {
    Taken(Result<(Vec<Taken>, Option<Timestamp>), StoreError>),
    Read(Hand, Result<Share, StoreError>),
    Stored(Vec<Landed>, Result<usize, StoreError>),
    Ended(Box<Work>, Result<Settlement, StoreError>),
    Noted(News, Result<Vec<Disabled>, StoreError>),
    Said(Vec<Disabled>, bool),
}

/// Takes messages in hand, each with what it is about.
pub(super) fn take(
    store: Arc<dyn Store>,
    (channel, audience): (ChannelId, Audience),
    room: usize,
    now: Timestamp,
) -> BoxFuture<'static, Errand> {
    Box::pin(async move {
        let taking = async {
            let claimed = store.claim(channel.clone(), room, now, LEASE).await?;
            if claimed.iter().any(|claimed| claimed.audience.is_some_and(|one| one != audience)) {
                store.settle(claimed.iter().map(|claimed| put_back(claimed, now)).collect()).await?;
                return Ok((Vec::new(), None));
            }
            let taken = try_join_all(claimed.into_iter().map(|claimed| about(&*store, claimed, now))).await?;
            let next = if taken.is_empty() { store.next_due(channel).await? } else { None };
            Ok((taken, next))
        };
        Errand::Taken(taking.await)
    })
}

async fn about(store: &dyn Store, claimed: Claimed, now: Timestamp) -> Result<Taken, StoreError> {
    let editions = store.bulletins(Some(claimed.bulletin.number().to_owned())).await?;
    let bulletin = editions.into_iter().find(|bulletin| bulletin.id == claimed.bulletin);
    let (subject, said) = match bulletin {
        Some(bulletin) => {
            let said = bulletin.issued;
            (Subject::Warning(Box::new(bulletin)), said)
        }
        // What says nowhere when it was said is for all who are known now.
        None => {
            let (said, places) = fewer::said_of(&claimed.body).unwrap_or((now, Vec::new()));
            (Subject::Other(places), said)
        }
    };
    Ok(Taken { claimed, subject, said, until: now + ROUND })
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
