//! Notices: what the people on duty were told of the service, compared with what is so.
//!
//! What lasts (a silent feed) is one episode: told when it begins, when there is something else to do about it, again while it
//! lasts, and when it ends. What happens (an alert was held) is gathered for a while, so that many of a kind are one notice.
//! Every edition holds all of its episode, since it takes the place of an older one that was not sent.

use std::collections::BTreeSet;

use chrono::Datelike;
use serde::{Deserialize, Serialize};

use super::state::Draft;
use super::{FeedState, skew};
use crate::bulletin::{Bulletin, Change, Origin};
use crate::ids::{BulletinId, FeedId};
use crate::notice::{LIFE, Notice, RanOut, Stage, Subject, Topic, cut};
use crate::rule::RuleBook;
use crate::time::{TimeDelta, Timestamp};
use crate::warning::Warning;

/// After how long what lasts is told again.
pub(super) const REMIND_EVERY: TimeDelta = TimeDelta::hours(6);

/// How often it is told again at most: a week.
pub(super) const MAX_REMINDERS: u32 = 28;

/// How long what happens is gathered before a further notice of its kind is given.
pub(super) const GATHER: TimeDelta = TimeDelta::minutes(10);

/// For how long what happens is told under one number.
pub(super) const ONE_NUMBER: TimeDelta = TimeDelta::hours(6);

/// Something that the people on duty were told of and that is not over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// What they were told last.
    pub told: Notice,
    /// What is so; of what is gathered, some may not have been told yet.
    pub so: Topic,
    /// How often they were reminded.
    pub reminders: u32,
}

/// Tells the people on duty what they do not know yet.
pub(super) fn settle(book: &RuleBook, draft: &mut Draft<'_>, now: Timestamp) {
    let lasting = what_lasts(book, draft, now);
    for topic in &lasting {
        tell_lasting(book, draft, topic, now);
    }
    end_what_is_over(book, draft, &lasting, now);
    if let Some(topic) = ran_out(book, draft) {
        draft.notify(topic);
    }
    for topic in draft.take_topics() {
        gather(book, draft, topic, now);
    }
    tell_gathered(book, draft, now);
}

/// What is not as it should be now.
fn what_lasts(book: &RuleBook, draft: &Draft<'_>, now: Timestamp) -> Vec<Topic> {
    let mut lasting = Vec::new();
    for (id, terms) in &book.feeds {
        let Some(feed) = draft.feed(id) else { continue };
        let past = feed.past(terms, now);
        if !feed.silent.is_empty() && !past.is_empty() {
            let (was_heard, why) = (feed.last_good.is_some(), feed.health.why().map(cut));
            lasting.push(Topic::FeedSilent { feed: id.clone(), was_heard, past, why, resting: 0 });
        }
        if !feed.strange.is_empty() {
            let FeedState { strange, strange_more, .. } = feed;
            lasting.push(Topic::UnknownShape { feed: id.clone(), parts: strange.clone(), more: *strange_more });
        }
    }
    lasting.extend(skew::verdict(book, draft, now));
    lasting
}

fn tell_lasting(book: &RuleBook, draft: &mut Draft<'_>, topic: &Topic, now: Timestamp) {
    let subject = topic.subject();
    let (stage, reminders) = match draft.episode(&subject) {
        None => (Stage::Begun, 0),
        Some(known) if !topic.says_the_same(&known.told.topic) => (Stage::Continues, known.reminders),
        Some(known) if known.reminders < MAX_REMINDERS && REMIND_EVERY <= (now - known.told.issued).abs() => {
            (Stage::Continues, known.reminders + 1)
        }
        Some(_) => return,
    };
    let mut so = topic.clone();
    if let Topic::FeedSilent { feed, resting, .. } = &mut so {
        *resting = count_resting(draft, feed);
    }
    if stage == Stage::Begun && matches!(so, Topic::ClockSkew { .. }) {
        draft.write(now, "trouble", &"clocks", "the clock of this machine and those of servers disagree".to_owned());
    }
    say(book, draft, subject, so, stage, reminders, now);
}

/// How many warnings in force rest on a feed; one that several places share counts once.
fn count_resting(draft: &Draft<'_>, feed: &FeedId) -> u32 {
    let resting = draft.warnings().map(|(_, warning)| warning).filter(|warning| rests_on(warning, feed));
    let numbers: BTreeSet<&str> = resting.map(|warning| warning.number.as_str()).collect();
    u32::try_from(numbers.len()).unwrap_or(u32::MAX)
}

/// Whether a warning rests on what a feed has said, alone or beside others.
pub(super) fn rests_on(warning: &Warning, feed: &FeedId) -> bool {
    warning.evidence.iter().any(|one| one.feed == *feed)
        || warning.official.as_ref().is_some_and(|official| official.feed == *feed)
}

fn end_what_is_over(book: &RuleBook, draft: &mut Draft<'_>, lasting: &[Topic], now: Timestamp) {
    for subject in draft.open_subjects() {
        let Some(known) = draft.episode(&subject).cloned() else { continue };
        if known.told.topic.is_gathered() || lasting.iter().any(|topic| topic.subject() == subject) {
            continue;
        }
        if let Some(feed) = subject.feed().filter(|feed| !book.feeds.contains_key(*feed)) {
            let text = format!("{feed} is not configured any more: {} is told no further", known.told.number);
            draft.write(now, "feed", feed, text);
            draft.put_episode(subject, None);
            continue;
        }
        if subject == Subject::ClockSkew {
            draft.write(now, "feed", &"clocks", "the clocks of this machine and of servers agree again".to_owned());
        }
        say(book, draft, subject.clone(), known.told.topic, Stage::Ended, known.reminders, now);
        draft.put_episode(subject, None);
    }
}

/// The warnings that ran out in this step although nobody said that the danger has passed: rules that had no data any more, and
/// an authority's word that could not be followed to its end.
fn ran_out(book: &RuleBook, draft: &Draft<'_>) -> Option<Topic> {
    let is_unknown = |bulletin: &&Bulletin| {
        bulletin.change == Change::Expired
            && match &bulletin.origin {
                Origin::Automatic { .. } => true,
                // Whoever warned by hand knows when it was to end; in a drill nothing is to be looked after.
                Origin::Desk => false,
                Origin::Official { feed, .. } => {
                    // Nobody asks a feed that is configured no more, so nobody could follow its word to the end.
                    !book.feeds.contains_key(feed) || draft.feed(feed).is_some_and(|feed| !feed.silent.is_empty())
                }
            }
    };
    let told = draft.said().iter().filter(is_unknown).map(|bulletin| RanOut {
        number: bulletin.number.clone(),
        hazard: bulletin.hazard,
        severity: bulletin.severity,
        areas: bulletin.areas.clone(),
        until: bulletin.until,
    });
    let warnings: Vec<RanOut> = told.collect();
    (!warnings.is_empty()).then_some(Topic::RanOut { warnings, more: 0 })
}

/// Takes what happened: tells the first of its kind at once, and keeps the others for a while.
fn gather(book: &RuleBook, draft: &mut Draft<'_>, topic: Topic, now: Timestamp) {
    let subject = topic.subject();
    match draft.episode(&subject).cloned() {
        None => say(book, draft, subject, topic, Stage::Begun, 0, now),
        Some(mut known) => {
            known.so.gather(topic);
            draft.put_episode(subject, Some(known));
        }
    }
}

/// Tells what was gathered for long enough, and closes what nothing more has come to.
fn tell_gathered(book: &RuleBook, draft: &mut Draft<'_>, now: Timestamp) {
    for subject in draft.open_subjects() {
        let Some(known) = draft.episode(&subject).filter(|known| known.told.topic.is_gathered()).cloned() else {
            continue;
        };
        let is_told = known.so == known.told.topic;
        if is_told && ONE_NUMBER <= (now - known.told.since).abs() {
            draft.put_episode(subject, None);
        } else if !is_told && GATHER <= (now - known.told.issued).abs() {
            say(book, draft, subject, known.so, Stage::Continues, 0, now);
        }
    }
}

/// Says one edition and remembers that it was said.
fn say(
    book: &RuleBook,
    draft: &mut Draft<'_>,
    subject: Subject,
    topic: Topic,
    stage: Stage,
    reminders: u32,
    now: Timestamp,
) {
    let (number, edition, since) = match draft.episode(&subject) {
        Some(known) => (known.told.number.clone(), known.told.edition + 1, known.told.since),
        None => {
            let count = draft.next_notice_number(now.year());
            (format!("{}-OPS-{}-{count:06}", book.code, now.year()), 1, began(&topic).unwrap_or(now))
        }
    };
    let told = Notice {
        id: BulletinId::new(&number, edition),
        number,
        edition,
        stage,
        topic: topic.clone(),
        since,
        issued: now,
        stale_after: now + LIFE,
    };
    draft.tell_staff(told.clone());
    draft.put_episode(subject, Some(Episode { told, so: topic, reminders }));
}

/// When what a topic tells of began, when it says so itself.
fn began(topic: &Topic) -> Option<Timestamp> {
    match topic {
        Topic::FeedSilent { past, .. } => past.first().map(|past| past.since),
        Topic::UnknownShape { .. }
        | Topic::AlertHeld { .. }
        | Topic::ClockSkew { .. }
        | Topic::RanOut { .. }
        | Topic::SubscriberDisabled { .. } => None,
    }
}
