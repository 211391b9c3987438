//! What a courier of many has on its desk: the messages in its hands, who of their subscribers is next, who waits for what. The most
//! urgent message first, one at a time to each subscriber. Pure: it is told what time it is.

use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use super::health::Health;
use crate::bulletin::Bulletin;
use crate::ids::{BulletinId, GovernorateId};
use crate::outbox::replay::key_of;
use crate::outbox::share::{End, Hand, Landed, Owing, Share};
use crate::outbox::{Claimed, Outcome, is_correction};
use crate::route::Listener;
use crate::route::pace::{Meter, Pace};
use crate::sink::{Letter, Many, Missed, Own, Receipt, SendError, outcome};
use crate::subscriber::{State, Wishes};
use crate::time::Timestamp;

/// The most messages in hand.
pub(super) const MAX_IN_HAND: usize = 64;

/// With fewer than this ready, the next shares are asked for before they are needed: the store may be busy with a commit just then.
const LOW: usize = 1_536;

/// With fewer than this ready of what is more urgent, those are asked for who are owed what is less so.
const LOW_BEFORE: usize = 256;

/// With fewer than this ready of what is most urgent, messages that are less so may be taken in hand.
const LOW_FIRST: usize = 128;

/// The most who wait in memory for another try of one message; who comes after waits in the store for the next round.
const MAX_WAITING: usize = 20_000;

/// What a message is about, as far as it matters who hears it.
#[derive(Debug, Clone)]
pub(super) enum Subject {
    /// A warning.
    Warning(Box<Bulletin>),
    /// Anything else, of some places.
    Other(Vec<GovernorateId>),
}

/// A message that was just taken in hand.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) claimed: Claimed,
    pub(super) subject: Subject,
    /// When it was said: who subscribed later does not hear of it.
    pub(super) said: Timestamp,
    /// Until when nobody new is told of it in this round.
    pub(super) until: Timestamp,
}

/// One who waits for a try.
struct Waiting {
    due: Timestamp,
    owing: Owing,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Waiting {}
impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Waiting {
    /// The earliest is the greatest, as heaps have it.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.due, other.owing.subscriber).cmp(&(self.due, self.owing.subscriber))
    }
}

/// One message in hand.
pub(super) struct Work {
    pub(super) hand: Hand,
    pub(super) taken: Taken,
    /// In which words one with some wishes is told; none where it does not hear of it.
    letters: HashMap<Box<str>, Option<Arc<Letter>>>,
    ready: VecDeque<Owing>,
    waiting: BinaryHeap<Waiting>,
    /// The share that was read last.
    after: Option<i64>,
    is_read: bool,
    is_reading: bool,
    /// How many are being spoken to, or wait until something else has reached them.
    aloft: usize,
    parked: usize,
    /// For how many no time is left for another try.
    late: usize,
    /// How many ends are not stored yet.
    pub(super) unstored: usize,
    /// When the first of those is due who are left to the next round.
    put_off: Option<Timestamp>,
    /// Why the last who did not take it did not.
    pub(super) why: Option<String>,
    /// True when a newer word has taken its place, or its time is over.
    is_over: bool,
}

/// What a message in hand has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Somebody can be told now, or is being told.
    Going,
    /// Nobody is left.
    Done,
    /// Somebody is to be tried again, not before this.
    Waiting(Timestamp),
    /// Nobody is to be told any more.
    Over,
}

/// One try.
pub(super) struct Flight {
    pub(super) hand: Hand,
    pub(super) owing: Owing,
    pub(super) letter: Arc<Letter>,
}

/// The desk.
pub(super) struct Desk {
    listener: Listener,
    many: Arc<dyn Many>,
    works: Vec<Work>,
    /// Who is being spoken to, and what else waits for that.
    busy: HashMap<i64, Vec<(Hand, Owing)>>,
    meters: HashMap<i64, Meter>,
    pub(super) health: Health,
    /// What is not sent to those who were disabled meanwhile.
    dropped: Vec<Landed>,
}

impl Desk {
    pub(super) fn new(listener: Listener, many: Arc<dyn Many>) -> Self {
        Self {
            listener,
            many,
            works: Vec::new(),
            busy: HashMap::new(),
            meters: HashMap::new(),
            health: Health::default(),
            dropped: Vec::new(),
        }
    }

    pub(super) fn works(&self) -> &[Work] {
        &self.works
    }

    pub(super) fn work(&mut self, hand: Hand) -> Option<&mut Work> {
        self.works.iter_mut().find(|work| work.hand == hand)
    }

    /// Takes a message in hand; what it takes the place of is over.
    pub(super) fn take(&mut self, taken: Taken) {
        let id = &taken.claimed.bulletin;
        let replaced: &[BulletinId] = match &taken.subject {
            Subject::Warning(bulletin) => &bulletin.replaces,
            Subject::Other(_) => &[],
        };
        for work in &mut self.works {
            let older = &work.taken.claimed.bulletin;
            let is_older = |than: &BulletinId| older.number() == than.number() && older.edition() < than.edition();
            work.is_over |= is_older(id) || replaced.iter().any(|one| is_older(one) || older == one);
        }
        let work = Work {
            hand: Hand::of(&taken.claimed),
            taken,
            letters: HashMap::new(),
            ready: VecDeque::new(),
            waiting: BinaryHeap::new(),
            after: None,
            is_read: false,
            is_reading: false,
            aloft: 0,
            parked: 0,
            late: 0,
            unstored: 0,
            put_off: None,
            why: None,
            is_over: false,
        };
        self.works.push(work);
        self.works.sort_by_key(|work| (std::cmp::Reverse(work.taken.claimed.urgency), work.hand));
    }

    pub(super) fn put_down(&mut self, hand: Hand) -> Option<Work> {
        let place = self.works.iter().position(|work| work.hand == hand)?;
        Some(self.works.remove(place))
    }

    /// Of which messages the next share is to be read, after which one.
    pub(super) fn hungry(&mut self, now: Timestamp) -> Vec<(Hand, Option<i64>, Timestamp, bool)> {
        // What is more urgent is read first, and by itself; while there is enough of it, nobody reads what comes after.
        let (mut hungry, mut before) = (Vec::new(), 0);
        for work in self.works.iter_mut().filter(|work| work.goes_on(now)) {
            let own = work.ready.len();
            if LOW_BEFORE <= before || LOW <= before + own {
                break;
            }
            if !work.is_read && !work.is_reading {
                work.is_reading = true;
                hungry.push((work.hand, work.after, work.taken.said, is_correction(work.taken.claimed.urgency)));
            }
            if work.is_reading && own == 0 {
                break;
            }
            before += own;
        }
        hungry
    }

    /// True while what is most urgent keeps everybody busy: many are to be told of it, or it is being found out who.
    pub(super) fn is_at_the_first(&self, now: Timestamp) -> bool {
        let mut going = self.works.iter().filter(|work| work.goes_on(now)).peekable();
        let Some(first) = going.peek().map(|work| work.taken.claimed.urgency) else { return false };
        let (mut ready, mut is_read) = (0, true);
        for work in going.take_while(|work| work.taken.claimed.urgency == first) {
            ready += work.ready.len();
            is_read &= work.is_read;
        }
        !is_read || LOW_FIRST <= ready
    }

    /// Puts a share that was read with the rest; tells who does not hear of it.
    pub(super) fn add(&mut self, hand: Hand, share: Share, now: Timestamp) -> Vec<Landed> {
        let Self { listener, many, works, health, .. } = self;
        let of = (&*listener, &**many);
        let Some(work) = works.iter_mut().find(|work| work.hand == hand) else { return Vec::new() };
        work.is_reading = false;
        let Some(number) = share.number else {
            work.is_read = true;
            return Vec::new();
        };
        work.after = Some(number);
        let mut deaf = Vec::new();
        for owing in share.owing {
            if owing.state != State::Active || !owing.has_older || work.letter_for(&owing.wishes, of).is_none() {
                let tried_before = owing.tries;
                deaf.push(Landed { hand, subscriber: owing.subscriber, tried_before, end: End::Deaf, at: now });
                continue;
            }
            health.is_active(owing.subscriber);
            match owing.due.filter(|due| now < *due) {
                // Its last try has been.
                Some(due) if work.taken.claimed.expires <= due => work.late += 1,
                Some(due) => work.wait(due, owing),
                None => work.ready.push_back(owing),
            }
        }
        work.unstored += deaf.len();
        deaf
    }

    /// A share could not be read: it is asked for again.
    pub(super) fn read_again(&mut self, hand: Hand) {
        if let Some(work) = self.work(hand) {
            work.is_reading = false;
        }
    }

    /// Who is told next, of the most urgent message that can be told to somebody. What has run out by the latest that it may be now
    /// is told to nobody.
    pub(super) fn next(&mut self, now: Timestamp, latest: Timestamp) -> Option<Flight> {
        let Self { works, busy, meters, health, dropped, .. } = self;
        let in_time = |work: &&mut Work| work.goes_on(now) && latest < work.taken.claimed.expires;
        for work in works.iter_mut().filter(in_time) {
            while let Some(owing) = work.pop(now) {
                if let Some(parked) = busy.get_mut(&owing.subscriber) {
                    work.parked += 1;
                    parked.push((work.hand, owing));
                    continue;
                }
                if health.is_ended(owing.subscriber) {
                    let why = "it was disabled before this could be sent".to_owned();
                    let end = End::Dead { why, may_have: false };
                    work.unstored += 1;
                    dropped.push(Landed {
                        hand: work.hand,
                        subscriber: owing.subscriber,
                        tried_before: owing.tries,
                        end,
                        at: now,
                    });
                    continue;
                }
                let rest = health.rests_until(owing.subscriber, now);
                if let Some(due) = rest.or_else(|| paced_until(&owing, meters, now)) {
                    work.wait(due, owing);
                    continue;
                }
                let Some(letter) = work.letters.get(&owing.wishes).cloned().flatten() else { continue };
                busy.insert(owing.subscriber, Vec::new());
                work.aloft += 1;
                return Some(Flight { hand: work.hand, owing, letter });
            }
        }
        None
    }

    /// What is to be stored of those who are not told after all.
    pub(super) fn dropped(&mut self) -> Vec<Landed> {
        std::mem::take(&mut self.dropped)
    }

    /// Takes note of how a try ended; what is to be stored of it.
    pub(super) fn land(
        &mut self,
        hand: Hand,
        mut owing: Owing,
        sent: Result<Receipt, Missed>,
        now: Timestamp,
        chance: f64,
    ) -> Option<Landed> {
        self.unpark(owing.subscriber);
        match &sent {
            Ok(_) => self.health.reached(owing.subscriber, owing.failing_since.is_some()),
            Err(Missed::Gone { why }) => self.health.gone(owing.subscriber, why.clone()),
            Err(Missed::Failed(why)) => {
                self.health.failed(owing.subscriber, owing.failing_since, now, &why.to_string());
            }
        }
        let sent = sent.map_err(SendError::from);
        let may_have = matches!(sent, Err(SendError::Unknown { .. }));
        let last = sent.as_ref().err().map(ToString::to_string);
        let work = self.work(hand)?;
        work.aloft = work.aloft.saturating_sub(1);
        let (subscriber, tried_before) = (owing.subscriber, owing.tries);
        let (tries, expires) = (tried_before.saturating_add(1), work.taken.claimed.expires);
        let end = match outcome(sent, tries, now, expires, chance) {
            Outcome::Delivered { .. } => End::Told,
            Outcome::Dead { why } => {
                work.why = Some(why.clone());
                End::Dead { why, may_have }
            }
            Outcome::Again { due, why } => {
                work.why = Some(why.clone());
                owing.tries = tries;
                work.wait(due, owing);
                End::Again { tries, due, why, may_have }
            }
            // There is no time for another try, which is told by its being due when the message ends.
            Outcome::Expired => {
                let why = last.unwrap_or_default();
                work.why = Some(why.clone());
                work.late += 1;
                End::Again { tries, due: expires, why, may_have }
            }
        };
        work.unstored += 1;
        Some(Landed { hand, subscriber, tried_before, end, at: now })
    }

    /// What waited until something else had reached a subscriber can go on.
    fn unpark(&mut self, subscriber: i64) {
        for (hand, owing) in self.busy.remove(&subscriber).unwrap_or_default().into_iter().rev() {
            if let Some(work) = self.work(hand) {
                work.parked = work.parked.saturating_sub(1);
                work.ready.push_front(owing);
            }
        }
    }

    /// When somebody who waits can be tried again.
    pub(super) fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let waits = self.works.iter().filter(|work| work.goes_on(now)).filter_map(|work| work.waiting.peek());
        let ends = self.works.iter().map(|work| work.taken.until.min(work.taken.claimed.expires));
        waits.map(|one| one.due).chain(ends.filter(|end| now < *end)).min()
    }
}

/// Until when one is told nothing, where it takes no more for now.
fn paced_until(owing: &Owing, meters: &mut HashMap<i64, Meter>, now: Timestamp) -> Option<Timestamp> {
    let pace = Pace::parse(owing.pace.as_deref()?).ok()?;
    let meter = meters.entry(owing.subscriber).or_default();
    match meter.room(pace, now) {
        Ok(_) => {
            meter.count(pace, 1, now);
            None
        }
        Err(free) => Some(free),
    }
}

impl Work {
    /// True while somebody new may be told of it in this round.
    fn goes_on(&self, now: Timestamp) -> bool {
        !self.is_over && now < self.taken.until && now < self.taken.claimed.expires
    }

    fn pop(&mut self, now: Timestamp) -> Option<Owing> {
        if self.waiting.peek().is_some_and(|one| one.due <= now) {
            return self.waiting.pop().map(|one| one.owing);
        }
        self.ready.pop_front()
    }

    fn wait(&mut self, due: Timestamp, owing: Owing) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push(Waiting { due, owing });
        } else {
            self.put_off = Some(self.put_off.map_or(due, |put_off| put_off.min(due)));
        }
    }

    /// The words for one with some wishes.
    fn letter_for(&mut self, wishes: &str, (listener, many): (&Listener, &dyn Many)) -> Option<Arc<Letter>> {
        if let Some(known) = self.letters.get(wishes) {
            return known.clone();
        }
        // Whoever's wishes cannot be read is told everything.
        let read = Wishes::read(wishes).unwrap_or_default();
        let is_heard = match &self.taken.subject {
            // Whom a correction goes to is known by who has what it takes back.
            Subject::Warning(_) if is_correction(self.taken.claimed.urgency) => true,
            Subject::Warning(bulletin) => read.hear(listener, bulletin),
            Subject::Other(places) => read.hear_of(places),
        };
        let letter = is_heard.then(|| self.letter_in(&read, (listener, many)));
        self.letters.insert(wishes.into(), letter.clone());
        letter
    }

    fn letter_in(&self, wishes: &Wishes, (listener, many): (&Listener, &dyn Many)) -> Arc<Letter> {
        let claimed = &self.taken.claimed;
        let same = || self.letters.values().flatten().find(|letter| letter.body == claimed.body.as_bytes()).cloned();
        let key = key_of(&claimed.message, &listener.channel);
        let frozen = || Own { body: claimed.body.to_string(), content_type: None, topic: None };
        let own = match many.own(&claimed.body, wishes) {
            Some(own) => own,
            None => match same() {
                Some(letter) => return letter,
                None => frozen(),
            },
        };
        let content_type = own.content_type.unwrap_or(&claimed.content_type).to_owned();
        Arc::new(Letter { key, body: own.body.into(), content_type, topic: own.topic })
    }

    /// What it has come to.
    pub(super) fn stage(&self, now: Timestamp) -> Stage {
        if 0 < self.aloft || 0 < self.unstored || self.is_reading {
            return Stage::Going;
        }
        if self.is_over || self.taken.claimed.expires <= now {
            return Stage::Over;
        }
        let is_late = self.taken.until <= now;
        let has_more = !self.is_read || !self.ready.is_empty() || 0 < self.parked;
        let next = self.waiting.peek().map(|one| one.due).into_iter().chain(self.put_off).min();
        match (has_more, next) {
            (true, _) if is_late => Stage::Waiting(now),
            (true, _) => Stage::Going,
            (false, Some(due)) if is_late || self.put_off.is_some() || self.taken.until < due => {
                Stage::Waiting(due.max(now))
            }
            (false, Some(_)) => Stage::Going,
            (false, None) => Stage::Done,
        }
    }

    /// True when nobody is spoken to of it now, and the next try lies ahead or waits for another message: that may have its place.
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        self.is_at_rest()
            && self.is_read
            && self.ready.is_empty()
            && self.waiting.peek().is_none_or(|one| now < one.due)
    }

    /// True when somebody waits for it until something else has reached him.
    pub(super) fn is_parked(&self) -> bool {
        0 < self.parked
    }

    /// True when nobody is spoken to of it and all that is known of it is stored.
    pub(super) fn is_at_rest(&self) -> bool {
        self.aloft == 0 && self.unstored == 0 && !self.is_reading
    }

    /// When the next who waits is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.waiting.peek().map(|one| one.due).into_iter().chain(self.put_off).min()
    }

    /// How many are known not to have it.
    pub(super) fn open(&self) -> usize {
        self.waiting.len() + self.ready.len() + self.parked + self.late
    }

    /// Whether a newer word has taken its place.
    pub(super) fn is_replaced(&self) -> bool {
        self.is_over
    }
}
