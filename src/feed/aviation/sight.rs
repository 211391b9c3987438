//! Visibility in metres (`3000`, `9999NDV`, `2000SW`) and statute miles (`1 1/2SM`, `M1/4SM`, `P6SM`); runway groups are known
//! and left alone. Never takes `////` for a far sight.

use super::{Said, digits, is_strokes};
use crate::unit::Unit;

/// How far one sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Visibility {
    /// Metres.
    pub metres: f64,
    /// Which side of the value the truth lies on.
    pub bound: Bound,
    /// The quarter that it holds for, such as `SW`; none is all around.
    pub towards: Option<&'static str>,
}

/// Which side of a value the truth lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// About there.
    Exact,
    /// Below: `M1/4SM`, `0000` (less than 50 m).
    Less,
    /// That or beyond: `9999` and `CAVOK` (10 km or more), `P6SM`.
    More,
}

/// What `9999` and `CAVOK` say.
pub(super) const TEN_KILOMETRES: Visibility = Visibility { metres: 10_000.0, bound: Bound::More, towards: None };

/// The quarters of the horizon.
const QUARTERS: &[&str] = &["N", "NE", "E", "SE", "S", "SW", "W", "NW"];

/// Reads a visibility and tells how many groups it took; none when the group is something else.
///
/// # Errors
/// When it is a visibility that cannot be read.
pub(super) fn read(group: &str, next: Option<&str>) -> Result<Option<(Said<Visibility>, usize)>, String> {
    if matches!(group, "////" | "////SM" | "//SM" | "////NDV") {
        return Ok(Some((Said::Unknown, 1)));
    }
    // `1 1/2SM` is two groups.
    if let (Some(whole), Some(fraction)) = (digits(group, 1), next.and_then(|next| next.strip_suffix("SM")))
        && let Some(part) = fraction_of(fraction)
    {
        return Ok(Some((miles(f64::from(whole) + part, Bound::Exact), 2)));
    }
    if let Some(written) = group.strip_suffix("SM") {
        let (written, bound) = match (written.strip_prefix('P'), written.strip_prefix('M')) {
            (Some(rest), _) => (rest, Bound::More),
            (_, Some(rest)) => (rest, Bound::Less),
            (None, None) => (written, Bound::Exact),
        };
        let whole = || digits(written, 1).or_else(|| digits(written, 2)).or_else(|| digits(written, 3)).map(f64::from);
        let number = whole().or_else(|| fraction_of(written));
        let number = number.ok_or("it is not a visibility in statute miles: such as `10SM` or `1 1/2SM`")?;
        return Ok(Some((miles(number, bound), 1)));
    }
    if let Some(kilometres) = group.strip_suffix("KM").and_then(|text| digits(text, 1).or_else(|| digits(text, 2))) {
        let metres = Unit::Kilometre.to_canonical(f64::from(kilometres));
        return Ok(Some((Said::Value(Visibility { metres, bound: Bound::Exact, towards: None }), 1)));
    }
    let Some((written, rest)) = group.split_at_checked(4) else { return Ok(None) };
    let Some(metres) = digits(written, 4) else { return Ok(None) };
    let towards = QUARTERS.iter().find(|quarter| **quarter == rest).copied();
    if !(rest.is_empty() || rest == "NDV" || towards.is_some()) {
        return Ok(None);
    }
    let seen = match metres {
        9999 => Visibility { towards, ..TEN_KILOMETRES },
        0 => Visibility { metres: 0.0, bound: Bound::Less, towards },
        _ => Visibility { metres: f64::from(metres), bound: Bound::Exact, towards },
    };
    Ok(Some((Said::Value(seen), 1)))
}

fn miles(number: f64, bound: Bound) -> Said<Visibility> {
    Said::Value(Visibility { metres: Unit::StatuteMile.to_canonical(number), bound, towards: None })
}

/// A proper fraction: `1/4`, `15/16`. `11/2` is none: it may mean one and a half as well as five and a half.
fn fraction_of(text: &str) -> Option<f64> {
    let (over, under) = text.split_once('/')?;
    let number = |text: &str| digits(text, 1).or_else(|| digits(text, 2));
    let (over, under) = (number(over)?, number(under)?);
    (over < under).then(|| f64::from(over) / f64::from(under))
}

/// True for a runway visual range (`R12L/0500U`, `R34/P2000`, `R02/4000VP6000FT/D`) or the state of a runway (`R20/550542`,
/// `R24/CLRD70`, `R/SNOCLO`).
///
/// # Errors
/// When it begins like one and goes on otherwise.
pub(super) fn is_runway(group: &str) -> Result<bool, String> {
    let Some((runway, rest)) = group.strip_prefix('R').and_then(|rest| rest.split_once('/')) else { return Ok(false) };
    let number = runway.strip_suffix(['L', 'C', 'R']).unwrap_or(runway);
    let number = number.strip_suffix(['L', 'R']).unwrap_or(number);
    if !(digits(number, 2).is_some() || (runway.is_empty() && rest == "SNOCLO")) {
        return Ok(false);
    }
    if is_range(rest) || is_state(rest) {
        Ok(true)
    } else {
        Err("it begins like a runway visual range and is none".to_owned())
    }
}

fn is_range(text: &str) -> bool {
    let text = text.strip_suffix(['U', 'D', 'N']).unwrap_or(text);
    let text = text.strip_suffix('/').unwrap_or(text);
    let text = text.strip_suffix("FT").unwrap_or(text);
    let one = |text: &str| digits(text.strip_prefix(['P', 'M']).unwrap_or(text), 4).is_some();
    is_strokes(text) || one(text) || text.split_once('V').is_some_and(|(low, high)| one(low) && one(high))
}

fn is_state(text: &str) -> bool {
    let deposit =
        |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b == b'/' || b.is_ascii_digit());
    deposit(text, 6) || text == "SNOCLO" || text.strip_prefix("CLRD").is_some_and(|rest| deposit(rest, 2))
}
