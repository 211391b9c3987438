//! Context: what is good to know of and no ground for a warning, such as a storm that GDACS reports. It goes into the journal, once
//! for each edition, and nowhere else.

use xxhash_rust::xxh3::xxh3_64;

use super::seen::Seen;
use super::state::Draft;
use crate::feed::Context;
use crate::ids::FeedId;
use crate::time::{TimeDelta, Timestamp};

/// How long an event is remembered, so that a list that shows it for long does not write it anew.
const REMEMBER: TimeDelta = TimeDelta::days(60);

/// Writes down what was not known.
pub(super) fn note(draft: &mut Draft<'_>, feed: &FeedId, events: &[Context], now: Timestamp) {
    for event in events {
        let key = format!("context {feed} {:016x}", xxh3_64(event.identity.as_bytes()));
        if draft.seen(&key).is_none() {
            draft.put_seen(key, Seen::new(now + REMEMBER, 0));
            draft.write(now, "context", feed, sentence(event));
        }
    }
}

fn sentence(event: &Context) -> String {
    let Context { title, kind, level, at, link, .. } = event;
    let mut text = title.clone();
    let mut add = |what: &str| {
        if !what.is_empty() {
            text.push_str("; ");
            text.push_str(what);
        }
    };
    add(kind);
    add(level);
    add(&at.map(|at| at.format("%F %T UTC").to_string()).unwrap_or_default());
    add(link.as_deref().unwrap_or_default());
    text
}
