//! What airports report and forecast, in the words of the code they all use (METAR, SPECI, TAF): a report becomes typed groups.
//!
//! Pure and forgiving group by group: one that cannot be read is told and the others are read all the same. It never repairs a
//! group, never guesses a unit, and never takes a group that says "not observed" (`////`) for calm.
//!
//! Sources: WMO Manual on Codes, WMO-No. 306, Volume I.1, FM 15 (METAR), FM 16 (SPECI), FM 51 (TAF); ICAO Annex 3, appendices 3
//! and 5; for statute miles, `P6SM` and remarks, FMH-1 of the United States.

pub mod forecast;
pub(super) mod json;
pub mod report;
pub mod sight;
pub mod sky;
pub(super) mod stations;
pub mod text;
pub mod weather;
pub mod when;
pub mod wind;

pub use forecast::Taf;
pub use report::Report;
pub use sight::Visibility;
pub use sky::{Cloud, Cover};
pub use weather::Weather;
pub use when::DayTime;
pub use wind::{Direction, Speed, Wind};

/// The longest report that is read, in bytes; real ones are below 1000.
pub const MAX_LEN: usize = 4000;
/// The most groups of one report that are read.
pub const MAX_GROUPS: usize = 400;

/// What a report says of one thing: three answers, because silence and a blind instrument are two, and neither is calm.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Said<T> {
    /// No word of it.
    #[default]
    Nothing,
    /// The report says that it was not observed, or says it so that it cannot be read.
    Unknown,
    /// This.
    Value(T),
}

impl<T> Said<T> {
    /// The value, when there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Nothing | Self::Unknown => None,
        }
    }

    /// True when not a word was said of it.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// Takes a word for it; the first value counts. A second one that differs is refused, because only one can be right.
    fn put(&mut self, word: Self) -> Result<(), String>
    where
        T: PartialEq,
    {
        match (&*self, &word) {
            (Self::Value(had), Self::Value(new)) if had != new => {
                Err("the report said it before, and otherwise; the first counts".to_owned())
            }
            (Self::Value(_), _) => Ok(()),
            (Self::Nothing | Self::Unknown, _) => {
                *self = word;
                Ok(())
            }
        }
    }
}

/// A group that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The group as it was written, shortened when it is very long.
    pub group: String,
    /// Why.
    pub why: String,
}

impl Unread {
    /// A fault of a group.
    fn new(group: &str, why: impl Into<String>) -> Self {
        Self { group: group.chars().filter(|c| !c.is_control()).take(40).collect(), why: why.into() }
    }
}

/// What a report or a part of a forecast says of wind, sight, weather and sky.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conditions {
    /// The wind.
    pub wind: Said<Wind>,
    /// The prevailing visibility; `CAVOK` says ten kilometres or more.
    pub visibility: Said<Visibility>,
    /// The least visibility and where it is, when the report names one beside the prevailing one.
    pub least_visibility: Option<Visibility>,
    /// `CAVOK`: ceiling and visibility are good, and there is no weather.
    pub is_cavok: bool,
    /// Weather by its groups, in their order; an empty list was said with `NSW` or `CAVOK`.
    pub weather: Said<Vec<Weather>>,
    /// How far one sees upwards, metres, when the sky cannot be seen.
    pub vertical_visibility_m: Said<f64>,
    /// Clouds in their order; an empty list is a sky without clouds that matter (`NSC`, `NCD`, `CLR`, `SKC`).
    pub clouds: Said<Vec<Cloud>>,
    /// Runway visual ranges and states of runways, as written: they are tolerated, not read.
    pub runways: Vec<String>,
    /// True when a group could not be read that may have been weather; then no list of weather is whole.
    pub may_hide_weather: bool,
}

impl Conditions {
    /// The worst WMO 4677 code of the weather said; none when none of it has a code.
    pub fn worst_code(&self) -> Option<u8> {
        self.weather.value()?.iter().filter_map(Weather::code).max()
    }

    /// True when weather was said of a kind that no code names.
    pub fn has_codeless_weather(&self) -> bool {
        self.weather.value().is_some_and(|groups| groups.iter().any(|group| group.code().is_none()))
    }

    /// Reads one group of wind, sight, weather or sky; `next` is the group behind it. Gives how many groups were used: none when
    /// it is no such group at all.
    ///
    /// # Errors
    /// Why it cannot be read, when it is clearly meant to be one of them.
    fn take(&mut self, group: &str, next: Option<&str>) -> Result<usize, String> {
        if let Some(wind) = wind::read(group) {
            return self.wind.put(wind?).map(|()| 1);
        }
        if let Some((from, to)) = wind::variation(group) {
            return match &mut self.wind {
                Said::Value(wind) => {
                    wind.varies = Some((from, to));
                    Ok(1)
                }
                Said::Nothing | Said::Unknown => Err("it varies a wind that is not given".to_owned()),
            };
        }
        if group == "CAVOK" {
            self.is_cavok = true;
            self.visibility.put(Said::Value(sight::TEN_KILOMETRES))?;
            return self.weather.put(Said::Value(Vec::new())).map(|()| 1);
        }
        if let Some((seen, used)) = sight::read(group, next)? {
            return self.see(seen).map(|()| used);
        }
        if sight::is_runway(group)? {
            self.runways.push(group.to_owned());
            return Ok(1);
        }
        if let Some(cloud) = sky::read(group)? {
            self.look_up(cloud)?;
            return Ok(1);
        }
        match (group, weather::read(group)) {
            // An instrument that does not see weather; a person's word beside it counts.
            ("//", _) => self.may_hide_weather = true,
            ("NSW", _) => self.weather.put(Said::Value(Vec::new()))?,
            (_, Some(weather)) => match &mut self.weather {
                Said::Value(known) if known.contains(&weather) => {}
                Said::Value(known) => known.push(weather),
                Said::Nothing | Said::Unknown => self.weather = Said::Value(vec![weather]),
            },
            (_, None) => return Ok(0),
        }
        Ok(1)
    }

    /// Takes a visibility: the first is the prevailing one, what has a direction or comes second is the least.
    fn see(&mut self, seen: Said<Visibility>) -> Result<(), String> {
        match (&self.visibility, seen) {
            (Said::Value(_), Said::Value(second)) | (_, Said::Value(second @ Visibility { towards: Some(_), .. })) => {
                let least = self.least_visibility.is_none_or(|least| second.metres < least.metres);
                if least {
                    self.least_visibility = Some(second);
                }
                Ok(())
            }
            (_, seen) => self.visibility.put(seen),
        }
    }

    /// Takes what was said of the sky.
    fn look_up(&mut self, sky: sky::Sky) -> Result<(), String> {
        match sky {
            sky::Sky::Upwards(metres) => self.vertical_visibility_m.put(metres),
            sky::Sky::Clear => self.clouds.put(Said::Value(Vec::new())),
            sky::Sky::Unknown => self.clouds.put(Said::Unknown),
            sky::Sky::Layer(cloud) => {
                match &mut self.clouds {
                    Said::Value(layers) => layers.push(cloud),
                    Said::Nothing | Said::Unknown => self.clouds = Said::Value(vec![cloud]),
                }
                Ok(())
            }
        }
    }

    /// Notes that a group could not be read.
    fn note_unread(&mut self, group: &str) {
        // Weather never begins with a digit or a stroke; a runway (`R36…`) is none either.
        let is_runway = group.strip_prefix('R').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        self.may_hide_weather |= !is_runway && group.starts_with(|c: char| c.is_alphabetic() || matches!(c, '+' | '-'));
    }
}

/// Exactly so many digits, as a number.
fn digits(text: &str, count: usize) -> Option<u32> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// True for one or more of nothing but strokes: what was not observed.
fn is_strokes(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b == b'/')
}

/// Cuts a report into its groups: control characters part groups as spaces do, and `=` ends the report.
fn groups(text: &str) -> Vec<&str> {
    let text = text.split('=').next().unwrap_or_default();
    text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|part| !part.is_empty()).take(MAX_GROUPS).collect()
}

#[cfg(test)]
mod tests;
