//! The wind group: `34011KT`, `VRB03KT`, `16008MPS`, `24035G52KT`, `/////KT`. Never guesses the unit.

use super::{Said, digits, is_strokes};
use crate::unit::Unit;

/// Where the wind comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// True degrees; 0 only when it is calm.
    Degrees(u16),
    /// From everywhere: `VRB`.
    Variable,
    /// Not observed: `///`.
    Unknown,
}

/// A speed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// Metres per second.
    pub mps: f64,
    /// It was more than the code can say (`P99KT`, `P49MPS`): the speed is a lower bound.
    pub is_more: bool,
}

/// The wind at 10 m above ground, mean of ten minutes (two in the United States).
#[derive(Debug, Clone, PartialEq)]
pub struct Wind {
    /// Where from.
    pub direction: Direction,
    /// Between which two directions it turns, clockwise, degrees: `180V240`.
    pub varies: Option<(u16, u16)>,
    /// The mean; none when only the direction was observed.
    pub speed: Option<Speed>,
    /// The strongest gust, when one is named.
    pub gust: Option<Speed>,
}

/// The units of wind in reports; `KMH` is no longer allowed and still met.
const UNITS: &[(&str, Unit)] =
    &[("KT", Unit::Knot), ("KTS", Unit::Knot), ("MPS", Unit::MetrePerSecond), ("KMH", Unit::KilometrePerHour)];

/// Reads a wind group; none when the group is something else.
pub(super) fn read(group: &str) -> Option<Result<Said<Wind>, String>> {
    let (body, unit) = UNITS.iter().find_map(|(name, unit)| Some((group.strip_suffix(name)?, *unit)))?;
    if body.is_empty() {
        return Some(Err("a unit of wind stands there without a wind".to_owned()));
    }
    if is_strokes(body) {
        return Some(Ok(Said::Unknown));
    }
    Some(
        wind(body, unit)
            .ok_or_else(|| "it is not a wind: such as `34011KT` or `24035G52KT`".to_owned())
            .and_then(check),
    )
}

fn wind(body: &str, unit: Unit) -> Option<Wind> {
    let (from, speeds) = body.split_at_checked(3)?;
    let direction = match from {
        "VRB" => Direction::Variable,
        "///" => Direction::Unknown,
        _ => Direction::Degrees(u16::try_from(digits(from, 3)?).ok()?),
    };
    let (speed, gust) = match speeds.split_once('G') {
        Some((speed, gust)) => (speed, Some(gust)),
        None => (speeds, None),
    };
    // `G//` says that a gust was not observed.
    let gust = gust.filter(|gust| !is_strokes(gust)).map(|gust| self::speed(gust, unit).ok_or(())).transpose().ok()?;
    let speed = if is_strokes(speed) { None } else { Some(self::speed(speed, unit)?) };
    Some(Wind { direction, varies: None, speed, gust })
}

fn speed(text: &str, unit: Unit) -> Option<Speed> {
    let (number, is_more) = text.strip_prefix('P').map_or((text, false), |rest| (rest, true));
    let number = digits(number, 2).or_else(|| digits(number, 3))?;
    Some(Speed { mps: unit.to_canonical(f64::from(number)), is_more })
}

fn check(wind: Wind) -> Result<Said<Wind>, String> {
    if let Direction::Degrees(degrees @ 361..) = wind.direction {
        return Err(format!("no wind comes from {degrees} degrees"));
    }
    if let (Some(speed), Some(gust)) = (wind.speed, wind.gust)
        && gust.mps < speed.mps
    {
        return Err("its gust is below its wind; which of them is wrong cannot be told".to_owned());
    }
    Ok(Said::Value(wind))
}

/// Reads between which directions the wind turns: `180V240`.
pub(super) fn variation(group: &str) -> Option<(u16, u16)> {
    let (from, to) = group.split_once('V')?;
    let degrees =
        |text: &str| digits(text, 3).filter(|degrees| *degrees <= 360).and_then(|one| u16::try_from(one).ok());
    Some((degrees(from)?, degrees(to)?))
}
