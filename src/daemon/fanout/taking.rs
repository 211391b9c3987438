//! Taking messages in hand: each is claimed, and looked up what it is about and since when its subscribers must be known.

use std::sync::Arc;

use futures_util::future::{BoxFuture, try_join_all};

use super::desk::{Subject, Taken};
use super::errands::Errand;
use crate::daemon::courier::put_back;
use crate::ids::ChannelId;
use crate::message::fewer;
use crate::outbox::share::Owing;
use crate::outbox::{Claimed, LEASE};
use crate::route::Audience;
use crate::sink::Recipient;
use crate::store::{Store, StoreError, shelf};
use crate::time::{TimeDelta, Timestamp};

/// For how long a message in hand is told to new subscribers; with the longest answer that is waited for, it stays within its lease.
const ROUND: TimeDelta = TimeDelta::seconds(60);

/// Takes messages in hand, each with what it is about.
pub(super) fn take(
    store: Arc<dyn Store>,
    (channel, audience): (ChannelId, Audience),
    (room, is_feed): (usize, bool),
    now: Timestamp,
) -> BoxFuture<'static, Errand> {
    Box::pin(async move {
        let taking = async {
            let claimed = store.claim(channel.clone(), room, now, LEASE).await?;
            if claimed.iter().any(|claimed| claimed.audience.is_some_and(|one| one != audience)) {
                store.settle(claimed.iter().map(|claimed| put_back(claimed, now)).collect()).await?;
                return Ok((Vec::new(), None));
            }
            let of = (&channel, audience);
            let about = |claimed| about(&*store, of, claimed, (is_feed, now));
            let taken = try_join_all(claimed.into_iter().map(about)).await?;
            let next = if taken.is_empty() { store.next_due(channel).await? } else { None };
            Ok((taken, next))
        };
        Errand::Taken(taking.await)
    })
}

async fn about(
    store: &dyn Store,
    of: (&ChannelId, Audience),
    mut claimed: Claimed,
    (is_feed, now): (bool, Timestamp),
) -> Result<Taken, StoreError> {
    if is_feed {
        claimed.body = shelf::whole(store, of, &claimed.body).await?.into();
    }
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

/// One to whom something is owed, as it is told.
pub(super) fn recipient(owing: &Owing) -> Recipient {
    let (subscriber, url, secret, sealed) = (owing.subscriber, owing.url.clone(), owing.secret, owing.sealed.clone());
    Recipient { subscriber, url, secret, sealed }
}
