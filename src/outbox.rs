//! The outbox: what is owed to whom, when it is tried again, and when it is given up. Pure; `store` keeps it.

use serde::{Deserialize, Serialize};

use crate::bulletin::Change;
use crate::hazard::Severity;
use crate::ids::{BulletinId, ChannelId};
use crate::message::MessageKey;
use crate::route::Audience;
use crate::route::manner::Hold;
use crate::time::{TimeDelta, Timestamp};

pub mod replay;
pub mod share;

/// How long a courier may hold a delivery before another may take it.
pub const LEASE: TimeDelta = TimeDelta::seconds(90);

/// The most deliveries a courier claims at once.
pub const MAX_CLAIM: usize = 64;

/// One message owed to one channel, as it is put into the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// To whom.
    pub channel: ChannelId,
    /// What.
    pub message: MessageKey,
    /// Of which bulletin.
    pub bulletin: BulletinId,
    /// The number of the warning, to find older editions that were not sent yet.
    pub number: String,
    /// Which edition.
    pub edition: u32,
    /// What goes first: higher before lower. See [`urgency`].
    pub urgency: u8,
    /// Not before.
    pub due: Timestamp,
    /// Not after.
    pub expires: Timestamp,
    /// On which terms it is owed.
    pub terms: Terms,
    /// The pictures that go with it, where the channel shows some and there are any.
    pub picture: Option<MessageKey>,
}

/// Which channels an end is owed to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnlyIf {
    /// To all that hear it.
    #[default]
    Heard,
    /// Not to one at which all that was owed of it was kept back until now: it does not know of what ends.
    NotKeptBack,
    /// Only to one that received it, or may have.
    Reached,
}

/// On which terms something is owed; by default on none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Set when it is not owed to a channel that stands by an edition from this one on: when that arrived, and is the newest that
    /// was owed there.
    pub unless_has: Option<u32>,
    /// What it waits for.
    pub hold: Hold,
    /// Whether it is owed at all.
    pub only_if: OnlyIf,
    /// Set when it goes out only if this channel does not receive it in time.
    pub stands_for: Option<StandsFor>,
}

/// For whom a channel stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandsFor {
    /// For which channel.
    pub channel: ChannelId,
    /// How long that one has for itself, from when it may be told on.
    pub after: TimeDelta,
}

/// What is kept back of a bulletin at one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Of which bulletin.
    pub bulletin: BulletinId,
    /// At which channel.
    pub channel: String,
    /// What it waits for.
    pub hold: Hold,
    /// When it goes out by itself, when it does.
    pub due: Timestamp,
    /// When nobody is told any more.
    pub expires: Timestamp,
}

/// A delivery in the hands of a courier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Its row.
    pub id: i64,
    /// Proves that this courier holds it.
    pub token: i64,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// To whom.
    pub channel: ChannelId,
    /// Who listened there when it was handed out; none when nobody has said so.
    pub audience: Option<Audience>,
    /// What.
    pub message: MessageKey,
    /// Of which bulletin.
    pub bulletin: BulletinId,
    /// The frozen bytes.
    pub body: std::sync::Arc<str>,
    /// What they are.
    pub content_type: String,
    /// The frozen pictures that go with it, as [`crate::message::picture::read`] takes them.
    pub pictures: Option<std::sync::Arc<str>>,
    /// What the other side said when it took the word that this one takes back; none when this takes nothing back, or nothing
    /// arrived here.
    pub corrects: Option<String>,
    /// True while something of the same bulletin is kept back somewhere: whoever may decide on it can be asked.
    pub is_kept_back: bool,
    /// What goes first, and what is told aloud. See [`urgency`] and [`loudness`].
    pub urgency: u8,
    /// Not after.
    pub expires: Timestamp,
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It arrived.
    Delivered {
        /// What the other side said.
        receipt: String,
    },
    /// It is tried again.
    Again {
        /// When.
        due: Timestamp,
        /// Why it did not arrive, or is not known to have.
        why: String,
    },
    /// It is given up.
    Dead {
        /// Why.
        why: String,
    },
    /// Its time ran out before it could be sent.
    Expired,
}

/// What a courier reports of a delivery it held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Its row.
    pub id: i64,
    /// The proof from [`Claimed`].
    pub token: i64,
    /// How it ended.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
}

/// Where a delivery stands, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Waiting, or in the hands of a courier.
    Owed,
    /// Arrived.
    Delivered,
    /// A newer edition took its place (it was never tried, or the newer one arrived first), or others listen at its channel by now.
    Superseded,
    /// Not sent: its time ran out.
    Expired,
    /// Given up.
    Dead,
    /// Not sent: the people on duty refused it.
    Refused,
}

/// What goes first through a channel that cannot send everything at once: higher before lower.
///
/// A correction goes before everything: people act on what was wrong until they hear it. Else severity decides: nothing goes before
/// red. Among equals comes first what changes something already told, because people
/// act on it now: a raise above all, since they believe themselves safer than they are, then every other correction or end.
/// A new bulletin comes after these: nobody is acting on an older word of it.
pub fn urgency(change: Change, severity: Severity) -> u8 {
    let level = match severity {
        Severity::Advisory => 0,
        Severity::Yellow => 1,
        Severity::Orange => 2,
        Severity::Red => 3,
    };
    let change = match change {
        Change::Issued => 0,
        Change::Lowered | Change::Extended | Change::Updated | Change::Lifted | Change::Expired => 1,
        Change::Raised => 2,
        Change::Corrected => return CORRECTIONS + level,
    };
    level * 3 + change
}

/// As loud as which severity a delivery is told, where a channel can be loud or quiet: the severity that its urgency was made from.
/// A notice to the people on duty is as loud as an orange warning.
pub fn loudness(urgency: u8) -> Severity {
    match urgency {
        0..=2 => Severity::Advisory,
        3..=5 => Severity::Yellow,
        6..=8 => Severity::Orange,
        9..CORRECTIONS => Severity::Red,
        CORRECTIONS => Severity::Advisory,
        13 => Severity::Yellow,
        14 => Severity::Orange,
        15.. => Severity::Red,
    }
}

/// Whether what has this urgency takes something back.
pub fn is_correction(urgency: u8) -> bool {
    CORRECTIONS <= urgency
}

/// From where on the urgency is that of corrections, which are as loud as what they take back.
const CORRECTIONS: u8 = 12;

/// What goes first of a notice to the people on duty: after red, as early as a new orange. Whoever is about to act on a warning
/// must not wait for word of a silent feed, and that word must not wait for a mild one.
pub const NOTICE_URGENCY: u8 = 6;

/// How a courier waits between tries. A warning is worth most in its first minute, so tries are dense and never thin out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patience {
    /// The waits after the first tries, in order.
    pub early: &'static [TimeDelta],
    /// The wait after every later try.
    pub steady: TimeDelta,
    /// The share by which a wait is made shorter or longer at random, so that channels do not all knock at once.
    pub spread: f64,
    /// The longest wait that the other side may ask for when a longer one would leave no try before the end.
    pub longest_asked: TimeDelta,
}

impl Patience {
    /// The patience of every channel: six tries in the first forty seconds, then two a minute until the end.
    pub const DENSE: Self = Self {
        early: &[
            TimeDelta::seconds(1),
            TimeDelta::seconds(2),
            TimeDelta::seconds(5),
            TimeDelta::seconds(10),
            TimeDelta::seconds(20),
        ],
        steady: TimeDelta::seconds(30),
        spread: 0.2,
        longest_asked: TimeDelta::minutes(5),
    };

    /// When to try again after a try (counted from 1) that failed now; none when that would be at or after the end.
    ///
    /// `chance` lies in 0 to 1 and comes from the caller. What the other side asked for (`retry_after`) is the earliest
    /// moment, with one bound: an asking longer than [`Patience::longest_asked`] counts in full only while it ends before the
    /// delivery expires; otherwise one try is made after the bound rather than none at all.
    pub fn next_try(
        &self,
        attempt: u32,
        now: Timestamp,
        expires: Timestamp,
        retry_after: Option<TimeDelta>,
        chance: f64,
    ) -> Option<Timestamp> {
        let tried = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        let plain = self.early.get(tried).copied().unwrap_or(self.steady);
        let own = jittered(plain, self.spread, chance);
        let left = expires - now;
        let asked = match retry_after {
            Some(asked) if self.longest_asked < asked && left <= asked => self.longest_asked,
            Some(asked) => asked,
            None => TimeDelta::zero(),
        };
        let wait = own.max(asked);
        if wait < left { now.checked_add_signed(wait) } else { None }
    }
}

/// A wait made shorter or longer by up to a share of itself.
fn jittered(wait: TimeDelta, spread: f64, chance: f64) -> TimeDelta {
    let milliseconds = wait.num_milliseconds() as f64 * (1.0 + spread * (2.0 * chance.clamp(0.0, 1.0) - 1.0));
    TimeDelta::milliseconds(milliseconds as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(1_765_238_400 + second, 0).unwrap()
    }

    #[test]
    fn nothing_goes_before_red() {
        for change in Change::ALL.iter().filter(|change| **change != Change::Corrected) {
            for other in Change::ALL.iter().filter(|change| **change != Change::Corrected) {
                for pair in Severity::ALL.windows(2) {
                    assert!(urgency(*other, pair[0]) < urgency(*change, pair[1]), "{other:?} {change:?} {pair:?}");
                }
            }
        }
    }

    #[test]
    fn a_delivery_is_as_loud_as_its_severity() {
        for change in Change::ALL {
            for severity in Severity::ALL {
                assert_eq!(loudness(urgency(*change, *severity)), *severity, "{change:?}");
            }
        }
        assert_eq!(loudness(NOTICE_URGENCY), Severity::Orange);
    }

    #[test]
    fn a_correction_goes_before_everything() {
        let others = Change::ALL.iter().filter(|change| **change != Change::Corrected);
        let highest = others.map(|change| urgency(*change, Severity::Red)).max().unwrap();
        assert!(highest < urgency(Change::Corrected, Severity::Advisory));
    }

    #[test]
    fn a_notice_goes_after_red_and_before_yellow() {
        for change in Change::ALL.iter().filter(|change| **change != Change::Corrected) {
            assert!(NOTICE_URGENCY < urgency(*change, Severity::Red), "{change:?}");
            assert!(urgency(*change, Severity::Yellow) < NOTICE_URGENCY, "{change:?}");
        }
        assert_eq!(NOTICE_URGENCY, urgency(Change::Issued, Severity::Orange));
    }

    #[test]
    fn among_equals_what_changes_an_older_word_goes_before_a_new_one() {
        for change in Change::ALL.iter().filter(|change| **change != Change::Issued) {
            assert!(urgency(Change::Issued, Severity::Orange) < urgency(*change, Severity::Orange), "{change:?}");
        }
        assert!(urgency(Change::Lifted, Severity::Red) < urgency(Change::Raised, Severity::Red));
    }

    #[test]
    fn early_tries_are_dense_and_late_ones_never_thin_out() {
        let waits: Vec<i64> = (1..=8)
            .map(|attempt| {
                let next = Patience::DENSE.next_try(attempt, at(0), at(86_400), None, 0.5).unwrap();
                (next - at(0)).num_seconds()
            })
            .collect();
        assert_eq!(waits, [1, 2, 5, 10, 20, 30, 30, 30]);
        let late = Patience::DENSE.next_try(u32::MAX, at(0), at(86_400), None, 0.5).unwrap();
        assert_eq!(late, at(30));
    }

    #[test]
    fn chance_moves_a_wait_by_a_fifth_and_no_more() {
        let wait =
            |chance| (Patience::DENSE.next_try(4, at(0), at(86_400), None, chance).unwrap() - at(0)).num_milliseconds();
        assert_eq!([wait(0.0), wait(0.5), wait(1.0)], [8_000, 10_000, 12_000]);
        assert_eq!([wait(-9.0), wait(9.0)], [8_000, 12_000]);
    }

    #[test]
    fn no_try_is_earlier_than_the_other_side_asked() {
        let next = |asked, end| Patience::DENSE.next_try(1, at(0), at(end), Some(TimeDelta::seconds(asked)), 0.0);
        assert_eq!(next(60, 3600), Some(at(60)));
        assert_eq!(next(1800, 3600), Some(at(1800)), "a long asking counts while it ends before the end");
        assert_eq!(next(0, 3600).map(|next| (next - at(0)).num_milliseconds()), Some(800));
        assert_eq!(next(120, 100), None, "a short asking is never cut");
    }

    #[test]
    fn an_asking_beyond_the_end_still_leaves_one_try() {
        let day = TimeDelta::days(1);
        assert_eq!(Patience::DENSE.next_try(1, at(0), at(3600), Some(day), 0.5), Some(at(300)));
        assert_eq!(Patience::DENSE.next_try(1, at(0), at(300), Some(day), 0.5), None);
        assert_eq!(Patience::DENSE.next_try(1, at(0), at(3600), Some(TimeDelta::MAX), 0.5), Some(at(300)));
    }

    #[test]
    fn nothing_is_tried_at_or_after_its_end() {
        assert_eq!(Patience::DENSE.next_try(1, at(0), at(1), None, 0.5), None);
        assert_eq!(Patience::DENSE.next_try(1, at(0), at(2), None, 0.5), Some(at(1)));
        assert_eq!(Patience::DENSE.next_try(1, at(5), at(2), None, 0.5), None);
    }
}
