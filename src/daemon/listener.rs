//! Listeners: one for each feed that brokers push. A listener hears all brokers of its feed at once, reads what they announce,
//! fetches what that points to, and brings it to the brain.
//!
//! A message is done when the brain has committed what it brought, or that it could not be had for a while, and not before: until
//! then every broker that sent it keeps it. The same message through a second broker is told once. That a broker is connected says that the feed lives, and nothing
//! of the weather.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use super::brain::Order;
use super::clock::Clock;
use crate::aside::Aside;
use crate::config::FeedConfig;
use crate::engine::Heard;
use crate::feed::wis2::{MAX_BROKERS, identity};
use crate::feed::{Batch, Skip, Subscription};
use crate::fetch::Fetcher;
use crate::listen::{Ack, Listening, MAX_IN_HAND, Message, News, Standing, Standings};

mod seen;
mod work;

use seen::{Met, Seen};
use work::{Ended, Pushed, Work};

pub use work::{ASK_FOR, FETCHES_AT_ONCE, HOLD_FOR, MAX_LATE};

/// The most messages of a feed that are worked on at once: as many as all its brokers may have sent us that are not done.
pub const MAX_AT_ONCE: usize = MAX_IN_HAND as usize * MAX_BROKERS;

/// How much of a topic is shown, in characters.
const MAX_TOPIC: usize = 200;

/// The listener of one feed.
pub struct Listener {
    work: Arc<Work>,
    subscription: Subscription,
    dir: PathBuf,
}

/// What is in hand.
struct Hand {
    jobs: JoinSet<Ended>,
    names: BTreeMap<Id, String>,
    /// What has given up its place at the brokers.
    late: JoinSet<bool>,
    seen: Seen<Ack>,
}

impl Listener {
    /// A listener for a feed; relative paths of its subscription begin in `dir`.
    pub fn new(
        feed: FeedConfig,
        subscription: Subscription,
        fetcher: Arc<Fetcher>,
        aside: Arc<Aside>,
        dir: PathBuf,
    ) -> Self {
        let home = subscription.brokers.first().and_then(neighbour);
        let work = Work::new(feed, fetcher, aside, home);
        Self { work: Arc::new(work), subscription, dir }
    }

    /// Listens until told to stop or until the brain is gone.
    pub async fn run(&self, brain: mpsc::Sender<Order>, clock: Clock, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let FeedConfig { id, connection, .. } = &self.work.feed;
            let why = match Listening::open(&self.subscription, id.as_str(), &self.dir, connection.ca.as_deref()) {
                Ok(mut listening) => {
                    let why = tokio::select! {
                        biased;
                        () = stop.cancelled() => None,
                        why = self.listen(&mut listening, &brain, clock) => why,
                    };
                    listening.close().await;
                    why
                }
                Err(why) => Some(why),
            };
            // None when all is over: the service stops, or its brain is gone.
            let Some(why) = why else { return };
            let again = async {
                self.work.tell(&brain, Heard::Unreachable { why }).await;
                clock.sleep_until(self.work.feed.schedule.next_after(clock.now())).await;
            };
            tokio::select! {
                () = again => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Takes what comes, until listening breaks down (why) or the brain is gone (none).
    async fn listen(&self, listening: &mut Listening, brain: &mpsc::Sender<Order>, clock: Clock) -> Option<String> {
        let mut hand =
            Hand { jobs: JoinSet::new(), names: BTreeMap::new(), late: JoinSet::new(), seen: Seen::default() };
        let mut told = None;
        let mut beat = self.work.feed.schedule.next_after(clock.now());
        loop {
            let has_room = hand.jobs.len() < MAX_AT_ONCE;
            tokio::select! {
                Some(ended) = hand.jobs.join_next_with_id(), if !hand.jobs.is_empty() => {
                    self.settle(ended, &mut hand, brain, clock)?;
                }
                Some(ended) = hand.late.join_next(), if !hand.late.is_empty() => match ended {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(why) => {
                        error!("A document could not be sought, which is a fault of this program: {why}");
                    }
                },
                news = listening.next(has_room) => match news {
                    News::Message(message) => self.take(message, &mut hand, brain, clock).await?,
                    News::Standing => {
                        let standings = listening.standings();
                        let lost = lost(&standings);
                        // Another reason of the same broker is no news.
                        if told.as_ref() != Some(&lost) && let Some(heard) = heard_of(&standings) {
                            told = Some(lost);
                            self.work.tell(brain, heard).await.then_some(())?;
                        }
                    }
                    News::Broken(why) => {
                        error!(feed = %self.work.feed.id, "The listener of {} broke down and begins again: {why}", self.work.feed.id);
                        return Some(format!("listening broke down: {why}"));
                    }
                },
                () = clock.sleep_until(beat) => {
                    beat = self.work.feed.schedule.next_after(clock.now());
                    if let Some(heard) = heard_of(&listening.standings()) {
                        self.work.tell(brain, heard).await.then_some(())?;
                    }
                }
            }
        }
    }

    /// Begins to work on a message, unless it is known. None when the brain is gone.
    async fn take(&self, message: Message, hand: &mut Hand, brain: &mpsc::Sender<Order>, clock: Clock) -> Option<()> {
        let Message { broker, topic, body, ack } = message;
        match identity(&body) {
            Ok(identity) => {
                debug!(feed = %self.work.feed.id, "{broker} sent {} under {topic}", identity.id);
                // By its bytes as well: a copy that was damaged at one broker must not hide the good one of another.
                let id = format!("{} {:016x}", identity.id, xxh3_64(&body));
                match hand.seen.meet(&id, ack, clock.now()) {
                    Met::New => {
                        let pushed = Pushed { identity, from: place(&broker, &topic), body };
                        let job = Arc::clone(&self.work).bring(pushed, brain.clone(), clock);
                        hand.names.insert(hand.jobs.spawn(job).id(), id);
                    }
                    Met::InHand => {}
                    Met::Done(ack) => ack.give(),
                }
            }
            Err(why) => {
                // It would be the same every time; told, it is done.
                let (part, why) = (place(&broker, &topic), why.to_string());
                let kept = self.work.keep(&part, body, &why, clock).await;
                let batch = Batch { skipped: vec![Skip { part, why: why + &kept }], ..Batch::default() };
                self.work.tell(brain, heard(batch, Vec::new())).await.then_some(())?;
                ack.give();
            }
        }
        Some(())
    }

    /// Takes note of a message that is done or has given up its place. None when the brain is gone.
    fn settle(
        &self,
        ended: Result<(Id, Ended), JoinError>,
        hand: &mut Hand,
        brain: &mpsc::Sender<Order>,
        clock: Clock,
    ) -> Option<()> {
        match ended {
            Ok((job, ended)) => {
                let id = hand.names.remove(&job);
                if matches!(ended, Ended::Alone) {
                    return None;
                }
                if let Some(id) = id {
                    hand.seen.done(&id).into_iter().for_each(Ack::give);
                }
                if let Ended::Late(late) = ended {
                    hand.late.spawn(Arc::clone(&self.work).pursue(late, brain.clone(), clock));
                }
            }
            Err(why) => {
                error!("A message of a broker could not be worked on, which is a fault of this program: {why}");
                if let Some(id) = hand.names.remove(&why.id()) {
                    hand.seen.forget(&id);
                }
            }
        }
        Some(())
    }
}

/// Where a message came from, as it is shown.
fn place(broker: &str, topic: &str) -> String {
    format!("{broker}, {}", topic.chars().take(MAX_TOPIC).collect::<String>())
}

/// What is told of the brokers: that some are heard and which are not, or that none is; nothing while they are being reached.
fn heard_of(standings: &Standings) -> Option<Heard> {
    let why: Vec<String> = standings
        .iter()
        .filter_map(|(broker, standing)| match standing {
            Standing::Lost(why) => Some(format!("{broker} is not heard: {why}")),
            Standing::Starting | Standing::Heard => None,
        })
        .collect();
    let why = (!why.is_empty()).then(|| why.join("; "));
    let has = |wanted: &Standing| standings.values().any(|standing| standing == wanted);
    if has(&Standing::Heard) {
        Some(Heard::Listening { without: why })
    } else if has(&Standing::Starting) {
        None
    } else {
        why.map(|why| Heard::Unreachable { why })
    }
}

/// Which brokers are lost.
fn lost(standings: &Standings) -> Vec<Arc<str>> {
    let lost =
        |(broker, standing): (&Arc<str>, &Standing)| matches!(standing, Standing::Lost(_)).then(|| Arc::clone(broker));
    standings.iter().filter_map(lost).collect()
}

fn heard(batch: Batch, entries: Vec<String>) -> Heard {
    Heard::Batch { batch, validators: None, entries }
}

/// A broker as an address of the web, so that documents may lie beside one that is itself in an inner network.
fn neighbour(broker: &Url) -> Option<Url> {
    Url::parse(&format!("https://{}", broker.host_str()?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(standings: &[(&str, Standing)]) -> String {
        let standings: Standings =
            standings.iter().map(|(name, standing)| ((*name).into(), standing.clone())).collect();
        match heard_of(&standings) {
            None => "-".to_owned(),
            Some(Heard::Listening { without: None }) => "listening".to_owned(),
            Some(Heard::Listening { without: Some(why) }) => format!("listening, but {why}"),
            Some(Heard::Unreachable { why }) => format!("unreachable: {why}"),
            Some(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_broker_that_is_heard_is_enough_and_those_that_are_not_are_told() {
        let lost = || Standing::Lost("refused".to_owned());
        assert_eq!(told(&[("a", Standing::Starting), ("b", Standing::Starting)]), "-");
        assert_eq!(told(&[("a", lost()), ("b", Standing::Starting)]), "-");
        assert_eq!(told(&[("a", Standing::Heard), ("b", Standing::Starting)]), "listening");
        assert_eq!(told(&[("a", Standing::Heard), ("b", Standing::Heard)]), "listening");
        assert_eq!(told(&[("a", Standing::Heard), ("b", lost())]), "listening, but b is not heard: refused");
        assert_eq!(
            told(&[("a", lost()), ("b", lost())]),
            "unreachable: a is not heard: refused; b is not heard: refused"
        );
    }
}
