//! Clouds (`BKN030CB`), a hidden sky (`VV001`), a clear one (`NSC`), temperatures (`34/M02`) and pressure (`Q1005`, `A2992`).

use super::{Said, digits, is_strokes};
use crate::unit::Unit;

/// One layer of clouds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cloud {
    /// How much of the sky; none when it was not observed.
    pub cover: Option<Cover>,
    /// The height of its base above the airport, metres; none when it was not observed.
    pub base_m: Option<f64>,
    /// The kind, when it matters.
    pub kind: Option<Tower>,
}

/// How much of the sky clouds cover, in eighths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cover {
    /// 1 to 2.
    Few,
    /// 3 to 4.
    Scattered,
    /// 5 to 7.
    Broken,
    /// 8.
    Overcast,
}

/// Clouds that bring storms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tower {
    /// Cumulonimbus.
    Cumulonimbus,
    /// Towering cumulus.
    ToweringCumulus,
}

/// What one group says of the sky.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sky {
    /// A layer.
    Layer(Cloud),
    /// No clouds that matter.
    Clear,
    /// Not observed.
    Unknown,
    /// Hidden; how far one sees upwards.
    Upwards(Said<f64>),
}

/// Heights are written in hundreds of feet.
const STEP_FEET: f64 = 100.0;

/// Reads a group of the sky; none when the group is something else.
///
/// # Errors
/// When it is a layer of clouds that cannot be read.
pub(super) fn read(group: &str) -> Result<Option<Sky>, String> {
    match group {
        "NSC" | "NCD" | "CLR" | "SKC" => return Ok(Some(Sky::Clear)),
        "//////" | "/////////" => return Ok(Some(Sky::Unknown)),
        _ => {}
    }
    if let Some(height) = group.strip_prefix("VV") {
        return match height_m(height) {
            Some(height) => Ok(Some(Sky::Upwards(height.map_or(Said::Unknown, Said::Value)))),
            None => Err("it is not a vertical visibility: such as `VV001`".to_owned()),
        };
    }
    let Some((cover, rest)) = group.split_at_checked(3) else { return Ok(None) };
    let cover = match cover {
        "FEW" => Some(Cover::Few),
        "SCT" => Some(Cover::Scattered),
        "BKN" => Some(Cover::Broken),
        "OVC" => Some(Cover::Overcast),
        // `///TCU` and `//////CB`: seen that it is there, not how much of it.
        "///" if is_tower(rest) || rest.strip_prefix("///").is_some_and(is_tower) || is_layer(rest) => None,
        _ => return Ok(None),
    };
    let wrong = || "it is not a layer of clouds: such as `BKN030` or `FEW025CB`".to_owned();
    if cover.is_none() && is_tower(rest) {
        return Ok(Some(Sky::Layer(Cloud { cover, base_m: None, kind: tower(rest).flatten() })));
    }
    let (height, kind) = rest.split_at_checked(3).ok_or_else(wrong)?;
    let base_m = height_m(height).ok_or_else(wrong)?;
    let kind = tower(kind).ok_or_else(wrong)?;
    Ok(Some(Sky::Layer(Cloud { cover, base_m, kind })))
}

fn is_tower(text: &str) -> bool {
    tower(text).flatten().is_some()
}

fn is_layer(text: &str) -> bool {
    text.split_at_checked(3).is_some_and(|(height, kind)| digits(height, 3).is_some() && tower(kind).is_some())
}

/// The kind at the end of a layer; nothing and strokes are none of it.
fn tower(text: &str) -> Option<Option<Tower>> {
    match text {
        "CB" => Some(Some(Tower::Cumulonimbus)),
        "TCU" => Some(Some(Tower::ToweringCumulus)),
        "" | "///" => Some(None),
        _ => None,
    }
}

/// Three digits of hundreds of feet, or strokes; the outer none is for what is neither.
fn height_m(text: &str) -> Option<Option<f64>> {
    if text == "///" {
        return Some(None);
    }
    digits(text, 3).map(|hundreds| Some(Unit::Foot.to_canonical(f64::from(hundreds) * STEP_FEET)))
}

/// Air temperature and dew point, °C.
pub(super) type Degrees = (Said<f64>, Said<f64>);

/// Air temperature and dew point, whole degrees Celsius: `34/20`, `M01/M02`, `12/`, `34///`, `/////`, `XX/XX`. None when the
/// group is something else.
///
/// # Errors
/// When it is meant to be one and cannot be read.
pub(super) fn temperatures(group: &str) -> Option<Result<Degrees, String>> {
    if matches!(group, "/////" | "//////" | "///") {
        return (group == "/////").then_some(Ok((Said::Unknown, Said::Unknown)));
    }
    let (air, dew) = group.split_once('/')?;
    let one = |text: &str| match text {
        "" | "//" | "///" => Some(Said::Unknown),
        _ => {
            let (number, sign) = text.strip_prefix('M').map_or((text, 1.0), |rest| (rest, -1.0));
            digits(number, 2).map(|degrees| Said::Value(sign * f64::from(degrees)))
        }
    };
    match (one(air), one(dew)) {
        (Some(Said::Unknown), Some(Said::Unknown)) => None,
        (Some(air), Some(dew)) => Some(Ok((air, dew))),
        (None, None) if group != "XX/XX" => None,
        _ if air.len() <= 3 && dew.len() <= 3 => {
            Some(Err("it is not a temperature and a dew point: such as `34/20` or `M01/M02`".to_owned()))
        }
        _ => None,
    }
}

/// Pressure reduced to sea level by the standard atmosphere (QNH), hPa: `Q1005`, `A2992` (hundredths of an inch), `Q////`. None
/// when the group is something else.
pub(super) fn pressure(group: &str) -> Option<Result<Said<f64>, String>> {
    let (unit, rest) = match (group.strip_prefix('Q'), group.strip_prefix('A')) {
        (Some(rest), _) => ("Q", rest),
        (_, Some(rest)) if rest.starts_with(|c: char| c == '/' || c.is_ascii_digit()) => ("A", rest),
        _ => return None,
    };
    if is_strokes(rest) {
        return Some(Ok(Said::Unknown));
    }
    if !rest.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    // `Q1013/` and `Q1013/A2992` are met; what stands behind the stroke repeats it.
    let number = rest.split('/').next().and_then(|number| digits(number, 4)).map(f64::from);
    let hpa = number.map(|number| match unit {
        "A" => Unit::InchOfMercury.to_canonical(number / 100.0),
        _ => number,
    });
    Some(hpa.map(Said::Value).ok_or_else(|| "it is not a pressure: such as `Q1005` or `A2992`".to_owned()))
}
