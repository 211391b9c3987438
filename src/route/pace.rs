//! How many messages a channel is given in a time, where whoever listens there takes no more. Pure: it is told what time it is.
//!
//! What is let through comes back evenly, one message after the other, so that what is urgent and comes after a burst waits for one of
//! them and not for all. What goes first is the outbox's to say.

use crate::time::{TimeDelta, Timestamp};

/// At most so many messages within a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    most: u32,
    within: TimeDelta,
}

/// The longest that a message may wait for the one before: a red warning comes to this channel too.
pub const LONGEST_STEP: TimeDelta = TimeDelta::minutes(1);

impl Pace {
    /// At most so many messages within a time.
    ///
    /// # Errors
    /// A sentence when the next one would have to wait too long.
    pub fn new(most: u32, within: TimeDelta) -> Result<Self, String> {
        let pace = Self { most: most.max(1), within };
        if pace.step() <= LONGEST_STEP && TimeDelta::milliseconds(1) <= pace.step() {
            return Ok(pace);
        }
        Err(format!(
            "{most} in that time is slower than one a minute, or faster than can be counted: a red warning would wait"
        ))
    }

    /// Reads `20/min`: a number, and one of s, min, h.
    ///
    /// # Errors
    /// A sentence when it is none, or too slow.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a number of messages in a time, such as `20/min`");
        let (most, within) = text.split_once('/').ok_or_else(wrong)?;
        let most: u32 = most.trim().parse().ok().filter(|most| 0 < *most).ok_or_else(wrong)?;
        let within = match within.trim() {
            "s" => TimeDelta::seconds(1),
            "min" => TimeDelta::minutes(1),
            "h" => TimeDelta::hours(1),
            _ => return Err(wrong()),
        };
        Self::new(most, within).map_err(|why| format!("`{text}`: {why}"))
    }

    fn step(self) -> TimeDelta {
        self.within / i32::try_from(self.most).unwrap_or(i32::MAX)
    }
}

/// What has gone out at a pace of late.
#[derive(Debug, Clone, Copy, Default)]
pub struct Meter {
    /// When all that has gone out is forgotten.
    spent_until: Option<Timestamp>,
}

impl Meter {
    /// How many messages may go now; when there is none, the moment from which one may.
    pub fn room(&self, pace: Pace, now: Timestamp) -> Result<usize, Timestamp> {
        let spent = self.spent(pace, now) - now;
        let free = (pace.within - spent).num_milliseconds() / pace.step().num_milliseconds().max(1);
        match usize::try_from(free) {
            Ok(free) if 0 < free => Ok(free),
            _ => Err(now + (spent + pace.step() - pace.within).max(TimeDelta::milliseconds(1))),
        }
    }

    /// Takes note of messages that go out now.
    pub fn count(&mut self, pace: Pace, sent: usize, now: Timestamp) {
        let sent = i32::try_from(sent).unwrap_or(i32::MAX);
        self.spent_until = self.spent(pace, now).checked_add_signed(pace.step() * sent);
    }

    /// A clock that was set back does not stop a channel for longer than the pace itself would.
    fn spent(&self, pace: Pace, now: Timestamp) -> Timestamp {
        self.spent_until.map_or(now, |until| until.clamp(now, now + pace.within))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    #[test]
    fn a_burst_goes_at_once_and_then_one_after_the_other() {
        let (pace, mut meter) = (Pace::parse("3/min").unwrap(), Meter::default());
        assert_eq!(meter.room(pace, at(0)), Ok(3));
        meter.count(pace, 3, at(0));
        assert_eq!(meter.room(pace, at(0)), Err(at(20)));
        assert_eq!(meter.room(pace, at(20)), Ok(1));
        meter.count(pace, 1, at(20));
        assert_eq!(meter.room(pace, at(39)), Err(at(40)));
        assert_eq!(meter.room(pace, at(200)), Ok(3), "what was not used up is not saved beyond the pace");
    }

    #[test]
    fn no_minute_has_more_than_its_share_and_a_burst() {
        let (pace, mut meter, mut sent) = (Pace::parse("20/min").unwrap(), Meter::default(), Vec::new());
        for second in 0..600 {
            if let Ok(room) = meter.room(pace, at(second)) {
                meter.count(pace, room, at(second));
                sent.extend(std::iter::repeat_n(second, room));
            }
        }
        let most = (0..540).map(|from| sent.iter().filter(|second| (from..from + 60).contains(*second)).count()).max();
        assert!(sent.len() <= 20 + 20 * 10 && most <= Some(40), "{} {most:?}", sent.len());
        assert!(200 <= sent.len(), "and none of it is wasted: {}", sent.len());
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing_for_longer_than_the_pace() {
        let (pace, mut meter) = (Pace::parse("2/s").unwrap(), Meter::default());
        meter.count(pace, 2, at(86_400));
        assert_eq!(meter.room(pace, at(0)), Err(at(0) + TimeDelta::milliseconds(500)));
    }

    #[test]
    fn a_pace_is_a_number_in_a_time_that_no_red_waits_for() {
        for fine in ["1/s", "20/min", "60/h", "3600/h"] {
            assert!(Pace::parse(fine).is_ok(), "{fine}");
        }
        for wrong in ["", "20", "0/min", "-1/min", "20/day", "59/h", "x/min", "5000/s"] {
            assert!(Pace::parse(wrong).is_err(), "{wrong}");
        }
    }
}
