//! The documents that an index points to: fetched once each, the troublesome ones last, and never more than time allows.

use std::collections::{BTreeSet, VecDeque};

use url::Url;

use super::{Memory, Origin, Watcher};
use crate::engine::FeedState;
use crate::feed::address::shown;
use crate::feed::{Batch, Follow, Skip, integrity};
use crate::fetch::{Answer, Ask, FetchError, Limits};
use crate::time::Timestamp;

/// The most documents of an index that are fetched at one time of asking.
pub const MAX_FOLLOWED: usize = 100;

/// How long the documents of an index are fetched at one time of asking, on the machine's clock. What is in hand by then goes to
/// the brain: an alert that has arrived must not wait for a hundred that do not.
pub const FOLLOW_FOR: std::time::Duration = std::time::Duration::from_secs(30);

/// How often a document is asked for whose bytes are not those that were promised; then it is passed over.
const MAX_MISMATCHES: u8 = 3;

/// What following an answer's links gave.
pub(super) struct Followed {
    /// All that was read.
    pub(super) batch: Batch,
    /// The documents that are settled.
    pub(super) entries: Vec<String>,
    /// True when none has to be asked for again.
    pub(super) is_whole: bool,
    /// True when the answer was well formed and held nothing.
    pub(super) is_empty: bool,
}

/// Why an entry of an index gave nothing.
enum EntryError {
    /// It may be had later.
    Later(String),
    /// Its bytes are not those that were promised.
    Altered,
    /// The server says that it will not come back.
    Never(String),
}

/// The hosts that were asked at one time of asking.
#[derive(Debug, Default)]
pub struct Probed(BTreeSet<String>);

impl Probed {
    /// Begins with the host that led here, which has just answered.
    fn of(home: Option<&Url>) -> Self {
        let mut probed = Self::default();
        if let Some(home) = home {
            probed.is_first(home);
        }
        probed
    }

    /// True when nothing of its host was asked before.
    pub fn is_first(&mut self, url: &Url) -> bool {
        self.0.insert(format!("{:?} {:?}", url.host(), url.port_or_known_default()))
    }
}

impl Watcher {
    /// Fetches the entries of an index that are not known yet, and joins what they hold. Those that could not be had the last time
    /// come last, so that a few which hang never keep all the others from being asked for.
    pub(super) async fn follow(
        &self,
        mut batch: Batch,
        home: Option<&Url>,
        known: Option<&FeedState>,
        memory: &mut Memory,
        (limits, now): (&Limits, Timestamp),
    ) -> Followed {
        let troubled = &mut memory.troubled;
        let nothing_known = VecDeque::new();
        let entries = known.map_or(&nothing_known, |known| &known.entries);
        let is_empty = batch.is_empty();
        let pointed_to = std::mem::take(&mut batch.follow);
        let mut new: Vec<Follow> =
            pointed_to.into_iter().filter(|follow| !entries.contains(&follow.identity)).collect();
        new.sort_by_key(|follow| troubled.contains_key(&follow.identity));
        // What the list does not name any more is no trouble, so this never grows beyond a list.
        troubled.retain(|identity, _| new.iter().any(|follow| follow.identity == *identity));
        let mut is_whole = new.len() <= MAX_FOLLOWED;
        let mut taken = Vec::new();
        let end = tokio::time::Instant::now() + FOLLOW_FOR;
        // One document of each host goes out even when it rests, or nobody would ever find it up again.
        let mut probed = Probed::of(home);
        for follow in new.into_iter().take(MAX_FOLLOWED) {
            if end <= tokio::time::Instant::now() {
                is_whole = false;
                let why = format!("asked for again: the ones before it took longer than {} s", FOLLOW_FOR.as_secs());
                batch.skipped.push(Skip { part: follow.identity, why });
                continue;
            }
            let mismatches = troubled.get(&follow.identity).copied().unwrap_or_default();
            match self.fetch_entry(&follow, home, probed.is_first(&follow.request.url), (limits, now)).await {
                Ok(entry) => {
                    batch.absorb(entry);
                    troubled.remove(&follow.identity);
                    taken.push(follow.identity);
                }
                Err(EntryError::Later(why)) => {
                    is_whole = false;
                    troubled.insert(follow.identity.clone(), mismatches);
                    let why = follow.in_vain(why);
                    batch.skipped.push(Skip { part: follow.identity, why: format!("asked for again: {why}") });
                }
                Err(EntryError::Altered) if mismatches + 1 < MAX_MISMATCHES => {
                    is_whole = false;
                    troubled.insert(follow.identity.clone(), mismatches + 1);
                    let why = "asked for again: its bytes are not those that were promised".to_owned();
                    batch.skipped.push(Skip { part: follow.identity, why });
                }
                Err(EntryError::Altered) => {
                    troubled.remove(&follow.identity);
                    let why = format!("its bytes are not those that were promised, {MAX_MISMATCHES} times in a row");
                    batch.skipped.push(Skip { part: follow.identity.clone(), why });
                    taken.push(follow.identity);
                }
                Err(EntryError::Never(why)) => {
                    troubled.remove(&follow.identity);
                    let why = follow.in_vain(why);
                    batch.skipped.push(Skip { part: follow.identity.clone(), why });
                    taken.push(follow.identity);
                }
            }
        }
        Followed { batch, entries: taken, is_whole, is_empty }
    }

    async fn fetch_entry(
        &self,
        follow: &Follow,
        home: Option<&Url>,
        is_first: bool,
        (limits, now): (&Limits, Timestamp),
    ) -> Result<Batch, EntryError> {
        let ask = Ask { request: &follow.request, limits, known: None, home, is_first };
        match self.fetcher.ask(&ask, now).await {
            Ok(Answer::Fresh(fresh)) => {
                if follow.integrity.as_ref().is_some_and(|promised| !integrity::matches(promised, &fresh.body)) {
                    return Err(EntryError::Altered);
                }
                let from = shown(&follow.request.url);
                let origin = Origin { from: &from, headers: &fresh.headers };
                // A page that says «under maintenance» and a file that is still being written come in the place of an alert
                // that will be there in a moment.
                self.read(fresh.body, &origin, now).await.map_err(EntryError::Later)
            }
            Ok(Answer::NotModified { .. } | Answer::NoContent) => Err(EntryError::Later("an empty answer".to_owned())),
            Err(FetchError::Status { code: 410, .. }) => {
                Err(EntryError::Never("the server says it is gone (410)".to_owned()))
            }
            Err(why) => Err(EntryError::Later(why.to_string())),
        }
    }
}
