//! TAF: the forecast of one airport, its prevailing conditions and each of their changes, group by group.
//!
//! Times stay as they are written here; [`Taf::placed`] gives them month and year. Nothing is inherited here: what a change does
//! not say is not in it.

use super::{Conditions, DayTime, MAX_LEN, Unread, digits, groups, is_strokes};
use crate::time::{TimeDelta, Timestamp};

/// The longest validity that is believed: 30 hours are the longest that are issued.
pub const MAX_VALID: TimeDelta = TimeDelta::hours(36);
/// How far before or behind its issue a forecast may begin.
const MAX_BEGIN: TimeDelta = TimeDelta::hours(36);

/// How a change of the prevailing conditions is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// From this minute on all is said anew (`FM`).
    From,
    /// In this period the prevailing conditions turn into these (`BECMG`).
    Becoming,
    /// Now and then in this period (`TEMPO`).
    Temporary,
    /// With this chance in per cent, now and then or for all of this period (`PROB30`, `PROB40 TEMPO`).
    Probable(u32),
}

/// A time as a change writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// With its day.
    Day(DayTime),
    /// Hour and minute alone, as before 2008: the next such time.
    Hour(u32, u32),
}

impl At {
    fn first_from(self, start: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Day(time) => time.first_from(start),
            Self::Hour(hour, minute) => {
                let span = TimeDelta::hours(i64::from(hour)) + TimeDelta::minutes(i64::from(minute));
                let midnight = start.date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
                (-1..=1)
                    .filter_map(|days| midnight.checked_add_signed(TimeDelta::days(days) + span))
                    .find(|at| start <= *at)
            }
        }
    }
}

/// A change, with its times as written.
#[derive(Debug, Clone, PartialEq)]
struct Written {
    how: How,
    /// None when it cannot be read.
    from: Option<At>,
    to: Option<At>,
    part: Part,
}

/// What one part of a forecast says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Part {
    /// Wind, sight, weather and sky, and nothing of what it does not say.
    pub conditions: Conditions,
    /// One of its groups could not be read: what it does not say otherwise is not known.
    pub is_partly_unread: bool,
}

/// A period of a forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

/// A change with its times.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// How it is meant.
    pub how: How,
    /// When; a change by `FM` holds to the end of the forecast or to the next one.
    pub period: Period,
    /// What it says.
    pub part: Part,
}

/// A forecast with its times.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// The hours it speaks of.
    pub valid: Period,
    /// The changes, in the order in which they were written.
    pub changes: Vec<Change>,
    /// The highest and lowest temperatures, °C, and when they are reached.
    pub extremes: Vec<(Timestamp, f64)>,
    /// Times that could not be placed.
    pub unread: Vec<Unread>,
}

/// A forecast of one airport, with its times as written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Taf {
    /// The four letters of the station.
    pub station: Option<String>,
    /// When it was issued, without month and year.
    pub issued: Option<DayTime>,
    /// It takes the place of an earlier one whose weather came otherwise (`AMD`).
    pub is_amended: bool,
    /// It takes the place of an earlier one that was written wrongly (`COR`).
    pub is_corrected: bool,
    /// There is no forecast (`NIL`).
    pub is_nil: bool,
    /// The forecast given before is withdrawn (`CNL`).
    pub is_cancelled: bool,
    /// What prevails at first.
    pub base: Part,
    /// Groups that could not be read.
    pub unread: Vec<Unread>,
    valid: Option<(DayTime, At)>,
    changes: Vec<Written>,
    extremes: Vec<(DayTime, f64)>,
}

impl Taf {
    /// Reads a raw forecast, with or without its first word.
    pub fn read(text: &str) -> Self {
        let mut taf = Self::default();
        if MAX_LEN < text.len() {
            let why = format!("the forecast is longer than {MAX_LEN} bytes; nothing of it is read");
            taf.unread.push(Unread::new(text, why));
            return taf;
        }
        let all = groups(text);
        let end = all.iter().position(|group| group.starts_with("RMK")).unwrap_or(all.len());
        let mut rest = taf.head(all.get(..end).unwrap_or(&[]));
        while let Some((group, behind)) = rest.split_first() {
            let used = match taf.take(group, behind) {
                Ok(used @ 1..) => used,
                Ok(_) => taf.fault(group, "it is no group of a forecast"),
                Err(why) => taf.fault(group, &why),
            };
            rest = rest.get(used..).unwrap_or(&[]);
        }
        taf
    }

    /// Reads what stands before the conditions and gives the rest.
    fn head<'a, 'b>(&mut self, mut rest: &'b [&'a str]) -> &'b [&'a str] {
        while let Some((group, behind)) = rest.split_first() {
            match *group {
                "TAF" => {}
                "AMD" => self.is_amended = true,
                "COR" => self.is_corrected = true,
                "NIL" => self.is_nil = true,
                "CNL" => self.is_cancelled = true,
                _ if self.station.is_none() && super::report::is_station(group) => {
                    self.station = Some((*group).to_owned());
                }
                _ => {
                    // Six figures before the period are the time of issue without its `Z`, and else the period of before 2008.
                    let is_issue = || {
                        digits(group, 6).is_some()
                            && behind.first().is_some_and(|next| next.contains('/') && validity(next).is_some())
                    };
                    let time = group.strip_suffix('Z').or_else(|| is_issue().then_some(*group));
                    if let Some(written) = time.filter(|_| self.issued.is_none()) {
                        match DayTime::parse(written).filter(|_| written.len() == 6) {
                            Some(time) => self.issued = Some(time),
                            None => self.unread.push(Unread::new(group, "it is not a time: such as `060500Z`")),
                        }
                    } else if let Some(valid) = validity(group).filter(|_| self.valid.is_none()) {
                        self.valid = Some(valid);
                    } else {
                        break;
                    }
                }
            }
            rest = behind;
        }
        rest
    }

    /// The part that is being read: the last change, or what prevails at first.
    fn current(&mut self) -> &mut Part {
        self.changes.last_mut().map_or(&mut self.base, |change| &mut change.part)
    }

    /// Notes a group that cannot be read; it is one group.
    fn fault(&mut self, group: &str, why: &str) -> usize {
        let part = self.current();
        part.conditions.note_unread(group);
        part.is_partly_unread = true;
        self.unread.push(Unread::new(group, why));
        1
    }

    /// Reads one group and tells how many it took; none when it is not known.
    fn take(&mut self, group: &str, behind: &[&str]) -> Result<usize, String> {
        let next = behind.first().copied();
        let chance = group.strip_prefix("PROB").map(|chance| digits(chance, 2));
        if let Some(chance) = chance {
            // A chance that cannot be read is taken for a certain one: it must not make weather vanish.
            let is_temporary = next == Some("TEMPO") || next == Some("INTER");
            let at = 1 + usize::from(is_temporary);
            let how = chance.map_or(How::Temporary, How::Probable);
            return Ok(at + self.begin(how, behind.get(at - 1).copied()));
        }
        let how = match group {
            "BECMG" => Some(How::Becoming),
            "TEMPO" | "INTER" => Some(How::Temporary),
            _ => None,
        };
        if let Some(how) = how {
            return Ok(1 + self.begin(how, next));
        }
        if let Some(time) = group.strip_prefix("FM").and_then(|time| self.since(time)) {
            self.changes.push(Written { how: How::From, from: Some(time), to: None, part: Part::default() });
            return Ok(1);
        }
        match group {
            "NIL" => self.is_nil = true,
            "CNL" => self.is_cancelled = true,
            // The United States add `AMD NOT SKED` where nobody will amend it.
            "AUTO" | "NOSIG" | "$" | "AMD" | "NOT" | "SKED" => {}
            _ if is_beside(group) => {}
            _ if group.starts_with("TX") || group.starts_with("TN") => self.extremes.extend(extreme(group)?),
            _ => return self.current().conditions.take(group, next),
        }
        Ok(1)
    }

    /// Begins a change; gives how many groups its period took.
    fn begin(&mut self, how: How, period: Option<&str>) -> usize {
        let is_old = matches!(self.valid, Some((_, At::Hour(_, _))));
        let read = period.and_then(|text| match text.split_once('/') {
            Some((from, to)) => Some((At::Day(day_hour(from)?), At::Day(day_hour(to)?))),
            None if is_old => hours(text),
            None => None,
        });
        let (from, to) = read.unzip();
        self.changes.push(Written { how, from, to, part: Part::default() });
        usize::from(read.is_some())
    }

    /// The time behind `FM`.
    fn since(&self, text: &str) -> Option<At> {
        match text.len() {
            6 => DayTime::parse(text).map(At::Day),
            4 => Some(At::Hour(
                digits(text.get(..2)?, 2).filter(|hour| *hour <= 24)?,
                digits(text.get(2..)?, 2).filter(|minute| *minute <= 59)?,
            )),
            _ => None,
        }
    }

    /// Gives its times month and year; `issued` is when it was issued.
    ///
    /// A change whose period cannot be read may come at any hour, so it counts for all of them; what it does not say is not known.
    ///
    /// # Errors
    /// A sentence, when the hours that it speaks of cannot be told.
    pub fn placed(&self, issued: Timestamp) -> Result<Placed, String> {
        let (from, to) = self.valid.ok_or("the forecast has no readable period")?;
        let begin = from.nearest(issued).filter(|begin| (*begin - issued).abs() <= MAX_BEGIN);
        let from = begin.ok_or("the forecast does not begin near its issue")?;
        let to = to.first_from(from + TimeDelta::minutes(1)).filter(|to| *to - from <= MAX_VALID);
        let to = to.ok_or_else(|| format!("the forecast would last longer than {} hours", MAX_VALID.num_hours()))?;
        let valid = Period { from, to };
        let mut placed = Placed { valid, changes: Vec::new(), extremes: Vec::new(), unread: Vec::new() };
        for change in &self.changes {
            let period = change.place(valid);
            let mut part = change.part.clone();
            if period.is_none() {
                part.is_partly_unread |= matches!(change.how, How::From | How::Becoming);
                let group = match change.how {
                    How::From => "FM".to_owned(),
                    How::Becoming => "BECMG".to_owned(),
                    How::Temporary => "TEMPO".to_owned(),
                    How::Probable(chance) => format!("PROB{chance}"),
                };
                placed.unread.push(Unread::new(&group, "its period cannot be read; what it says counts for all hours"));
            }
            placed.changes.push(match period {
                Some(period) => Change { how: change.how, period, part },
                None => {
                    let how = if let How::Probable(_) = change.how { change.how } else { How::Temporary };
                    Change { how, period: valid, part }
                }
            });
        }
        for (time, degrees) in &self.extremes {
            match time.first_from(from).filter(|at| *at <= to) {
                Some(at) => placed.extremes.push((at, *degrees)),
                None => placed.unread.push(Unread::new("TX/TN", "its time is not within the forecast")),
            }
        }
        Ok(placed)
    }
}

impl Written {
    /// When it is, within the hours of its forecast; none when that cannot be told.
    fn place(&self, valid: Period) -> Option<Period> {
        let from = self.from?.first_from(valid.from).filter(|from| *from < valid.to)?;
        let to = match (self.how, self.to) {
            (How::From, _) => valid.to,
            (_, to) => to?.first_from(from + TimeDelta::minutes(1)).filter(|to| *to <= valid.to)?,
        };
        Some(Period { from, to })
    }
}

/// The hours a forecast speaks of: `0606/0712`, and `181218` of before 2008.
fn validity(group: &str) -> Option<(DayTime, At)> {
    if let Some((from, to)) = group.split_once('/') {
        return Some((day_hour(from)?, At::Day(day_hour(to)?)));
    }
    let (from, to) = group.split_at_checked(4).filter(|_| group.len() == 6)?;
    Some((day_hour(from)?, At::Hour(digits(to, 2).filter(|hour| *hour <= 24)?, 0)))
}

/// `ddhh`.
fn day_hour(text: &str) -> Option<DayTime> {
    DayTime::parse(text).filter(|_| text.len() == 4)
}

/// `hhhh` of before 2008.
fn hours(text: &str) -> Option<(At, At)> {
    let hour = |text: &str| digits(text, 2).filter(|hour| *hour <= 24).map(|hour| At::Hour(hour, 0));
    let (from, to) = text.split_at_checked(2)?;
    Some((hour(from)?, hour(to)?))
}

/// `TX34/0612Z`, `TNM02/0703Z`; without its day (`TX34/12Z`) it is tolerated and not used.
fn extreme(group: &str) -> Result<Option<(DayTime, f64)>, String> {
    let wrong = || "it is not an extreme temperature: such as `TX34/0612Z`".to_owned();
    let (degrees, time) = group.get(2..).and_then(|rest| rest.split_once('/')).ok_or_else(wrong)?;
    let (number, sign) = degrees.strip_prefix('M').map_or((degrees, 1.0), |rest| (rest, -1.0));
    let degrees = sign * f64::from(digits(number, 2).ok_or_else(wrong)?);
    let time = time.strip_suffix('Z').unwrap_or(time);
    if digits(time, 2).is_some() {
        return Ok(None);
    }
    day_hour(time).map(|time| Some((time, degrees))).ok_or_else(wrong)
}

/// True for what forecasts carry beside the weather: wind shear aloft (`WS020/24045KT`), the lowest pressure (`QNH2992INS`),
/// and the five-figure groups of icing and turbulence (`620304`).
fn is_beside(group: &str) -> bool {
    let is_shear = || {
        let rest = group.strip_prefix("WS").and_then(|rest| rest.split_once('/'));
        rest.is_some_and(|(height, wind)| digits(height, 3).is_some() && matches!(super::wind::read(wind), Some(Ok(_))))
    };
    let is_pressure = || group.strip_prefix("QNH").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let is_icing = || digits(group, 6).is_some() && group.starts_with(['5', '6']);
    is_shear() || is_pressure() || is_icing() || is_strokes(group) && group.len() == 5
}
