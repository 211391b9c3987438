//! Asking over HTTP: one request, or several of which each has its own answer and its own way to fail.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::follow::{Followed, Probed};
use super::{Asked, Memory, Origin, Watcher};
use crate::daemon::clock::Clock;
use crate::engine::{FeedState, Heard};
use crate::feed::address::{mark, shown};
use crate::feed::{Batch, Request, Skip, Validators};
use crate::fetch::{Answer, Ask};
use crate::time::{TimeDelta, Timestamp};

/// How long the requests of one feed are asked at one time of asking, on the machine's clock. What is in hand by then goes to the
/// brain, and those that were not asked come first the next time.
pub const ASK_FOR: Duration = Duration::from_secs(60);

/// What is remembered of several requests.
#[derive(Debug, Default)]
pub(super) struct Answers {
    by_address: BTreeMap<u64, Remembered>,
    /// Those for which there was no time.
    postponed: BTreeSet<u64>,
    /// True when what was brought to the brain last held the answer of every request. Only then may all of it be confirmed as one;
    /// else the series of one that failed would grow old although its server stands by them again.
    is_complete: bool,
}

/// The last answer of one request.
#[derive(Debug)]
struct Remembered {
    validators: Validators,
    batch: Batch,
    /// Until when the server promised that it stays so.
    fresh_until: Timestamp,
}

/// What several requests have come to.
#[derive(Default)]
struct Sum {
    batch: Batch,
    /// How many answers are new.
    new: usize,
    /// How many answers are what they were.
    unchanged: usize,
    /// How many had nothing.
    empty: usize,
    unreachable: Vec<String>,
    unreadable: Vec<String>,
    /// The shortest promise and the longest plea.
    fresh_for: Option<TimeDelta>,
    plea: Option<TimeDelta>,
    skew: Option<TimeDelta>,
}

impl Watcher {
    /// Asks the only request of a feed. What tells an unchanged answer from a new one is the brain's.
    pub(super) async fn ask_one(
        &self,
        request: &Request,
        known: Option<&FeedState>,
        memory: &mut Memory,
        clock: Clock,
    ) -> Asked {
        let (limits, now) = (self.limits(), clock.now());
        let validators = known.and_then(|known| known.validators.as_ref());
        let answer = self.fetcher.get(request, &limits, validators, now).await;
        let received = clock.now();
        match answer {
            Ok(Answer::NotModified { fresh_for, server_date }) => Asked {
                heard: Heard::Unchanged,
                wait: self.freshness(fresh_for),
                skew: server_date.map(|date| clock.hear(date)),
            },
            Ok(Answer::NoContent) => Asked::plainly(Heard::Nothing),
            Ok(Answer::Fresh(fresh)) => {
                let skew = fresh.server_date.map(|date| clock.hear(date));
                let from = shown(&request.url);
                let origin = Origin { from: &from, headers: &fresh.headers };
                match self.read(fresh.body, &origin, received).await {
                    Ok(batch) => {
                        let home = Some(&request.url);
                        let followed = self.follow(batch, home, known, memory, (&limits, received)).await;
                        // What has to be asked for again must not wait for the list to grow old.
                        let wait = self.freshness(fresh.fresh_for).filter(|_| followed.is_whole);
                        Asked { heard: heard(followed, Some(fresh.validators)), wait, skew }
                    }
                    Err(why) => Asked { heard: Heard::Unreadable { why }, wait: None, skew },
                }
            }
            Err(why) => {
                let wait = self.plea(&why);
                Asked { heard: Heard::Unreachable { why: why.to_string() }, wait, skew: None }
            }
        }
    }

    /// Asks one request after the other. What one does not give is passed over with its reason; the others count.
    pub(super) async fn ask_many(
        &self,
        mut requests: Vec<Request>,
        known: Option<&FeedState>,
        memory: &mut Memory,
        clock: Clock,
    ) -> Asked {
        let addresses: BTreeSet<u64> = requests.iter().map(|request| mark(&request.url)).collect();
        memory.answers.by_address.retain(|address, _| addresses.contains(address));
        let postponed = std::mem::take(&mut memory.answers.postponed);
        let count = requests.len();
        let home = requests.first().map(|request| request.url.clone());
        let mut numbered: Vec<(usize, Request)> = requests.drain(..).enumerate().collect();
        numbered.sort_by_key(|(_, request)| !postponed.contains(&mark(&request.url)));
        let mut sum = Sum::default();
        let end = tokio::time::Instant::now() + ASK_FOR;
        let mut probed = Probed::default();
        for (number, request) in numbered {
            let part = format!("request {} of {count} ({})", number + 1, shown(&request.url));
            if end <= tokio::time::Instant::now() {
                memory.answers.postponed.insert(mark(&request.url));
                let why = format!("asked the next time: those before it took longer than {} s", ASK_FOR.as_secs());
                sum.batch.skipped.push(Skip { part, why });
                continue;
            }
            self.ask_next(&request, part, &mut memory.answers, &mut sum, (probed.is_first(&request.url), clock)).await;
        }
        self.conclude(sum, count, home.as_ref(), known, memory, clock.now()).await
    }

    async fn ask_next(
        &self,
        request: &Request,
        part: String,
        answers: &mut Answers,
        sum: &mut Sum,
        (is_first, clock): (bool, Clock),
    ) {
        let (limits, now, address) = (self.limits(), clock.now(), mark(&request.url));
        let remembered = answers.by_address.get_mut(&address);
        if let Some(remembered) = &remembered
            && now < remembered.fresh_until
        {
            sum.stand(&remembered.batch, Some(remembered.fresh_until - now));
            return;
        }
        let validators = remembered.as_ref().map(|remembered| &remembered.validators);
        let ask = Ask { request, limits: &limits, known: validators, home: Some(&request.url), is_first };
        let answer = self.fetcher.ask(&ask, now).await;
        let received = clock.now();
        match answer {
            Ok(Answer::NotModified { fresh_for, server_date }) => {
                sum.skew = sum.skew.or(server_date.map(|date| clock.hear(date)));
                let fresh_for = self.freshness(fresh_for);
                match remembered {
                    Some(remembered) => {
                        remembered.fresh_until = received + fresh_for.unwrap_or_default();
                        sum.stand(&remembered.batch, fresh_for);
                    }
                    None => sum.empty += 1,
                }
            }
            Ok(Answer::NoContent) => {
                answers.by_address.remove(&address);
                sum.empty += 1;
            }
            Ok(Answer::Fresh(fresh)) => {
                sum.skew = sum.skew.or(fresh.server_date.map(|date| clock.hear(date)));
                let from = shown(&request.url);
                let origin = Origin { from: &from, headers: &fresh.headers };
                match self.read(fresh.body, &origin, received).await {
                    Ok(batch) => {
                        let fresh_for = self.freshness(fresh.fresh_for);
                        let fresh_until = received + fresh_for.unwrap_or_default();
                        sum.take(&batch, fresh_for);
                        answers
                            .by_address
                            .insert(address, Remembered { validators: fresh.validators, batch, fresh_until });
                    }
                    Err(why) => {
                        answers.by_address.remove(&address);
                        sum.unreadable.push(why.clone());
                        sum.batch.skipped.push(Skip { part, why: format!("it cannot be read: {why}") });
                    }
                }
            }
            Err(why) => {
                sum.plea = sum.plea.max(self.plea(&why));
                sum.unreachable.push(why.to_string());
                sum.batch.skipped.push(Skip { part, why: format!("it could not be had: {why}") });
            }
        }
    }

    /// What was heard, all in all.
    async fn conclude(
        &self,
        sum: Sum,
        count: usize,
        home: Option<&url::Url>,
        known: Option<&FeedState>,
        memory: &mut Memory,
        now: Timestamp,
    ) -> Asked {
        let skew = sum.skew;
        let answered = sum.new + sum.unchanged + sum.empty;
        let failed = sum.unreachable.len() + sum.unreadable.len();
        let plea = sum.plea;
        if answered == 0 && 0 < failed {
            let first = |whys: &[String]| whys.first().cloned().unwrap_or_default();
            let heard = match sum.unreadable.is_empty() {
                true => Heard::Unreachable {
                    why: format!("none of {count} requests was answered: {}", first(&sum.unreachable)),
                },
                false => Heard::Unreadable {
                    why: format!("none of {count} answers could be read: {}", first(&sum.unreadable)),
                },
            };
            return Asked { heard, wait: plea, skew };
        }
        // Every one stands by what it said.
        let is_complete = sum.new + sum.unchanged == count;
        let was_complete = std::mem::replace(&mut memory.answers.is_complete, is_complete);
        if sum.unchanged == count && was_complete && !has_news(&sum.batch, known) {
            return Asked { heard: Heard::Unchanged, wait: sum.fresh_for.max(plea), skew };
        }
        let leading: Vec<u64> = memory.answers.leading().collect();
        let followed = self.follow(sum.batch, home, known, memory, (&self.limits(), now)).await;
        let is_whole = followed.is_whole;
        if !is_whole {
            memory.answers.forget_freshness(&leading);
        }
        let wait = sum.fresh_for.filter(|_| is_whole && is_complete).max(plea);
        Asked { heard: heard(followed, None), wait, skew }
    }
}

/// True when an answer points to documents that are not settled.
fn has_news(batch: &Batch, known: Option<&FeedState>) -> bool {
    batch.follow.iter().any(|follow| !known.is_some_and(|known| known.entries.contains(&follow.identity)))
}

impl Sum {
    /// An answer that is what it was; it counts again, so that what it says stays fresh.
    fn stand(&mut self, batch: &Batch, fresh_for: Option<TimeDelta>) {
        self.unchanged += 1;
        self.batch.absorb(batch.clone());
        self.promise(fresh_for);
    }

    fn take(&mut self, batch: &Batch, fresh_for: Option<TimeDelta>) {
        self.new += 1;
        self.batch.absorb(batch.clone());
        self.promise(fresh_for);
    }

    fn promise(&mut self, fresh_for: Option<TimeDelta>) {
        let promised = fresh_for.unwrap_or_default();
        self.fresh_for = Some(self.fresh_for.map_or(promised, |known| known.min(promised)));
    }
}

impl Answers {
    /// The addresses whose answers lead to documents.
    fn leading(&self) -> impl Iterator<Item = u64> + '_ {
        self.by_address.iter().filter(|(_, known)| !known.batch.follow.is_empty()).map(|(address, _)| *address)
    }

    /// Has these addresses asked for whole the next time, since not all that they lead to could be had.
    fn forget_freshness(&mut self, addresses: &[u64]) {
        for address in addresses {
            self.by_address.remove(address);
        }
    }
}

/// What an answer and the documents it leads to come to.
fn heard(followed: Followed, validators: Option<Validators>) -> Heard {
    let Followed { batch, entries, is_whole, is_empty } = followed;
    if is_empty {
        return Heard::Nothing;
    }
    if batch.is_empty() && entries.is_empty() && is_whole {
        // An index that names only what is known already, from a server that does not answer 304.
        return Heard::Unchanged;
    }
    Heard::Batch { batch, validators: validators.filter(|_| is_whole), entries }
}
