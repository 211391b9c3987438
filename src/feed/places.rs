//! The places of feeds that are asked for one point at a time: what is asked, and whose an answer is. Never gives one place's
//! weather to another.

use geo::Coord;

use super::keys;
use crate::governorate::GovernorateBook;
use crate::ids::GovernorateId;
use crate::table::Table;

/// The most places of one feed: each is a request of its own.
pub(super) const MAX_PLACES: usize = 100;
/// How far the point that an answer names may lie from the one asked for, in degrees: 100 m, what rounding may cost.
const MAX_OFF_DEGREES: f64 = 0.001;

/// A place that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// Whose it is.
    pub(super) id: GovernorateId,
    /// Its point.
    pub(super) seat: Coord<f64>,
    /// Its height above mean sea level, m.
    pub(super) elevation_m: f64,
}

impl Place {
    /// Its latitude as it is asked for.
    pub(super) fn latitude(&self) -> String {
        degrees(self.seat.y)
    }

    /// Its longitude as it is asked for.
    pub(super) fn longitude(&self) -> String {
        degrees(self.seat.x)
    }
}

/// Reads `governorates` as places.
pub(super) fn read(table: &Table<'_>, book: &GovernorateBook) -> Option<Vec<Place>> {
    let ids = keys::governorates(table, book)?;
    if MAX_PLACES < ids.len() {
        let help = Some("share the governorates among several feeds".to_owned());
        table.error(&table.span, format!("{} places, each a request; at most {MAX_PLACES}", ids.len()), help);
        return None;
    }
    let place = |id: GovernorateId| {
        let place = book.get(&id)?;
        Some(Place { seat: place.seat, elevation_m: place.elevation_m, id })
    };
    Some(ids.into_iter().filter_map(place).collect())
}

/// The place that an answer is for.
///
/// # Errors
/// When it is for none of them.
pub(super) fn find(places: &[Place], lat: f64, lon: f64) -> Result<&Place, String> {
    let off = |place: &Place| (place.seat.y - lat).hypot(place.seat.x - lon);
    let nearest = places.iter().min_by(|one, other| off(one).total_cmp(&off(other)));
    nearest.filter(|place| off(place) <= MAX_OFF_DEGREES).ok_or_else(|| format!("{lat}, {lon} was not asked for"))
}

/// Degrees cut after four decimals: 11 m is finer than any model, and MET Norway refuses more.
fn degrees(value: f64) -> String {
    let text = format!("{value:.7}");
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let decimals: String = decimals.chars().take(4).collect();
    format!("{whole}.{decimals}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::keys::tests::book;

    #[test]
    fn degrees_have_four_decimals_at_most_and_are_cut() {
        for (value, told) in [(39.123_456, "39.1234"), (21.54, "21.54"), (-39.999_99, "-39.9999"), (40.0, "40")] {
            assert_eq!(degrees(value), told);
        }
    }

    #[test]
    fn an_answer_belongs_to_the_place_it_names_or_to_none() {
        let place = |place: &crate::governorate::Governorate| Place {
            id: place.id.clone(),
            seat: place.seat,
            elevation_m: 0.0,
        };
        let places: Vec<Place> = book().iter().map(place).collect();
        assert_eq!(find(&places, 21.5401, 39.2299).unwrap().id.as_str(), "jeddah");
        assert!(find(&places, 21.6, 39.23).is_err());
        assert!(find(&places, f64::NAN, 39.23).is_err());
        assert!(find(&[], 21.54, 39.23).is_err());
    }
}
