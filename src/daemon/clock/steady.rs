//! A clock that is not moved with the machine's. When that is set to another time in one step, this one counts on by itself, as the
//! seconds since the machine was started go, until the dates of servers say which of the two is right: nothing runs out, and nothing
//! waits for a time that is over, because somebody mistyped a date.
//!
//! Small steps and the slow corrections of a time server are followed at once. Pure, but for [`Steady`], which reads the clocks.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::Utc;
use rustix::time::{ClockId, clock_gettime};
use tracing::{error, info, warn};

use crate::time::{TimeDelta, Timestamp, span_text};

/// Up to how far the machine's clock is followed without asking anybody: answers travel for seconds, and servers write whole ones.
const MAX_STEP: TimeDelta = TimeDelta::minutes(2);

/// How many answers of servers it takes to follow the machine's clock; one that contradicts it is enough not to. A date may come out
/// of a store of answers, and be old.
const WITNESSES: u32 = 2;

/// After how long without the word of any server the machine's clock is followed.
const LONGEST_DOUBT: Duration = Duration::from_secs(3600);

/// What was found out about a step of the machine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// It was moved by so much, and nobody has said yet whether rightly.
    Moved(TimeDelta),
    /// It was, wrongly: servers agree with our own count.
    Denied(TimeDelta),
    /// It was, rightly, and is followed.
    Confirmed(TimeDelta),
    /// It was, nobody said a word of it for [`LONGEST_DOUBT`], and it is followed.
    Unheard(TimeDelta),
    /// It is back where our own count is.
    Back,
}

/// The machine's clock, and the seconds since its start.
#[derive(Debug, Clone, Copy)]
struct Dials {
    wall: Timestamp,
    count: Duration,
}

/// How the machine's clock has gone so far.
#[derive(Debug)]
struct Course {
    /// When both were last seen to agree.
    anchor: Dials,
    /// Since when it goes otherwise.
    step: Option<Step>,
}

#[derive(Debug)]
struct Step {
    since: Duration,
    by: TimeDelta,
    is_denied: bool,
    witnesses: u32,
}

impl Course {
    fn new(anchor: Dials) -> Self {
        Self { anchor, step: None }
    }

    /// What time it is by our own count.
    fn counted(&self, count: Duration) -> Timestamp {
        let passed = count.saturating_sub(self.anchor.count);
        self.anchor.wall + TimeDelta::from_std(passed).unwrap_or(TimeDelta::MAX)
    }

    /// What time it is, and what was found out.
    fn tell(&mut self, dials: Dials) -> (Timestamp, Option<Turn>) {
        let counted = self.counted(dials.count);
        let by = dials.wall - counted;
        if by.abs() <= MAX_STEP {
            self.anchor = dials;
            let turn = self.step.take().map(|_| Turn::Back);
            return (dials.wall, turn);
        }
        match &self.step {
            // Another step on top of the first is judged anew.
            Some(step) if (step.by - by).abs() <= MAX_STEP => {
                let waited = dials.count.saturating_sub(step.since);
                if step.is_denied || waited < LONGEST_DOUBT {
                    return (counted, None);
                }
                self.follow(dials);
                (dials.wall, Some(Turn::Unheard(by)))
            }
            Some(_) | None => {
                self.step = Some(Step { since: dials.count, by, is_denied: false, witnesses: 0 });
                (counted, Some(Turn::Moved(by)))
            }
        }
    }

    /// Takes the word of a server on what time it is.
    fn hear(&mut self, server: Timestamp, dials: Dials) -> Option<Turn> {
        let counted = self.counted(dials.count);
        let step = self.step.as_mut()?;
        let by = dials.wall - counted;
        if (server - counted).abs() <= MAX_STEP {
            step.witnesses = 0;
            return (!std::mem::replace(&mut step.is_denied, true)).then_some(Turn::Denied(by));
        }
        if (server - dials.wall).abs() <= MAX_STEP {
            step.witnesses += 1;
            if WITNESSES <= step.witnesses {
                self.follow(dials);
                return Some(Turn::Confirmed(by));
            }
        }
        None
    }

    fn follow(&mut self, dials: Dials) {
        self.anchor = dials;
        self.step = None;
    }
}

/// The machine's clock, watched.
#[derive(Debug)]
pub struct Steady {
    course: Mutex<Course>,
}

impl Steady {
    /// Begins to watch; what the machine's clock says now is believed.
    pub(super) fn new() -> Self {
        Self { course: Mutex::new(Course::new(read())) }
    }

    /// What time it is.
    pub(super) fn now(&self) -> Timestamp {
        let (now, turn) = self.course().tell(read());
        tell(turn);
        now
    }

    /// The latest that it may be: what has run out by then is not sent while it is not known what time it is.
    pub(super) fn latest(&self) -> Timestamp {
        let now = self.now();
        let is_open = self.course().step.as_ref().is_some_and(|step| !step.is_denied);
        if is_open { now.max(Utc::now()) } else { now }
    }

    /// Takes the word of a server on what time it is.
    pub(super) fn hear(&self, server: Timestamp) {
        let turn = self.course().hear(server, read());
        tell(turn);
    }

    fn course(&self) -> MutexGuard<'_, Course> {
        // It is changed in one piece, so that what a panic left behind is whole.
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read() -> Dials {
    let since = clock_gettime(ClockId::Boottime);
    let (seconds, nanos) = (u64::try_from(since.tv_sec).unwrap_or(0), u32::try_from(since.tv_nsec).unwrap_or(0));
    Dials { wall: Utc::now(), count: Duration::new(seconds, nanos) }
}

fn tell(turn: Option<Turn>) {
    let Some(turn) = turn else { return };
    let span = |by: TimeDelta| {
        let way = if by < TimeDelta::zero() { "back" } else { "forward" };
        format!("{way} by {}", span_text(TimeDelta::seconds(by.abs().num_seconds())))
    };
    match turn {
        Turn::Moved(by) => error!(
            "The clock of this machine was set {}: nadhir counts on by itself until servers say which is right; to have the machine's \
             clock believed at once, restart nadhir",
            span(by)
        ),
        Turn::Denied(by) => error!(
            "The clock of this machine was set {} and is wrong: servers agree with nadhir's own count, which it keeps; set the clock \
             right",
            span(by)
        ),
        Turn::Confirmed(by) => {
            warn!("The clock of this machine was set {}, which servers confirm; it is followed", span(by));
        }
        Turn::Unheard(by) => error!(
            "The clock of this machine was set {}, and no server has said for {} which time it is: the machine's clock is followed",
            span(by),
            span_text(TimeDelta::seconds(LONGEST_DOUBT.as_secs().cast_signed()))
        ),
        Turn::Back => info!("The clock of this machine agrees with nadhir's own count again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(1_765_238_400 + second, 0).unwrap()
    }

    /// The dials at a second, with the machine's clock so far ahead.
    fn dials(second: i64, ahead: i64) -> Dials {
        Dials { wall: at(second + ahead), count: Duration::from_secs(1_000 + second.cast_unsigned()) }
    }

    enum Does {
        /// The clock is read at a second, with the machine's so far ahead; it tells this second.
        Tells(i64, i64, i64, Option<Turn>),
        /// A server says at a second, with the machine's clock so far ahead, that it is this one.
        Hears(i64, i64, i64, Option<Turn>),
    }

    fn check(story: &[Does]) {
        let mut course = Course::new(dials(0, 0));
        for (step, does) in story.iter().enumerate() {
            match does {
                Tells(second, ahead, told, turn) => {
                    assert_eq!(course.tell(dials(*second, *ahead)), (at(*told), *turn), "step {step}");
                }
                Hears(second, ahead, server, turn) => {
                    assert_eq!(course.hear(at(*server), dials(*second, *ahead)), *turn, "step {step}");
                }
            }
        }
    }

    use Does::{Hears, Tells};
    const HOUR: i64 = 3_600;
    const DAY: i64 = 86_400;

    fn by(seconds: i64) -> TimeDelta {
        TimeDelta::seconds(seconds)
    }

    #[test]
    fn small_steps_are_followed_at_once_and_never_add_up_to_a_doubt() {
        check(&[
            Tells(10, 0, 10, None),
            Tells(20, 90, 110, None),
            Tells(30, 180, 210, None),
            Tells(40, 100, 140, None),
        ]);
    }

    #[test]
    fn a_step_is_not_believed_while_one_server_contradicts_it() {
        for step in [DAY, HOUR, -HOUR, -DAY] {
            check(&[
                Tells(10, step, 10, Some(Turn::Moved(by(step)))),
                Tells(20, step, 20, None),
                Hears(30, step, 31, Some(Turn::Denied(by(step)))),
                Hears(40, step, 41, None),
                // Nobody else says a word for a day.
                Tells(DAY, step, DAY, None),
                Tells(DAY + 10, 1, DAY + 11, Some(Turn::Back)),
            ]);
        }
    }

    #[test]
    fn a_step_is_followed_once_two_answers_confirm_it() {
        for step in [DAY, HOUR, -HOUR, -DAY] {
            check(&[
                Tells(10, step, 10, Some(Turn::Moved(by(step)))),
                Hears(20, step, 20 + step, None),
                Tells(25, step, 25, None),
                Hears(30, step, 30 + step, Some(Turn::Confirmed(by(step)))),
                Tells(40, step, 40 + step, None),
            ]);
        }
    }

    #[test]
    fn an_old_date_and_a_server_of_a_third_opinion_decide_nothing() {
        check(&[
            Tells(10, -HOUR, 10, Some(Turn::Moved(by(-HOUR)))),
            Hears(20, -HOUR, 20 - HOUR, None),
            Hears(30, -HOUR, 30 + DAY, None),
            Hears(40, -HOUR, 40, Some(Turn::Denied(by(-HOUR)))),
            Hears(50, -HOUR, 50 - HOUR, None),
            Tells(60, -HOUR, 60, None),
        ]);
    }

    #[test]
    fn what_nobody_speaks_of_is_followed_in_the_end_and_a_second_step_is_judged_anew() {
        check(&[
            Tells(10, DAY, 10, Some(Turn::Moved(by(DAY)))),
            Tells(20, 2 * DAY, 20, Some(Turn::Moved(by(2 * DAY)))),
            Tells(10 + HOUR, 2 * DAY, 10 + HOUR, None),
            Tells(20 + HOUR, 2 * DAY, 20 + HOUR + 2 * DAY, Some(Turn::Unheard(by(2 * DAY)))),
            Tells(30 + HOUR, 2 * DAY, 30 + HOUR + 2 * DAY, None),
        ]);
    }

    #[test]
    fn the_clocks_of_this_machine_can_be_read() {
        let steady = Steady::new();
        assert!((steady.now() - Utc::now()).abs() < TimeDelta::seconds(60));
        assert!(steady.now() <= steady.latest());
    }
}
