//! METAR and SPECI: one observation, group by group. A trend or a remark is never read as an observation.

use super::{Conditions, DayTime, MAX_LEN, Said, Unread, Weather, groups, is_strokes, sky, weather};

/// Which report it says it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Which {
    /// The word was left out.
    #[default]
    Unsaid,
    /// A routine report.
    Metar,
    /// A special one, made because the weather turned.
    Speci,
}

/// One observation of an airport.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Routine or special.
    pub which: Which,
    /// The four letters of the station.
    pub station: Option<String>,
    /// When, without month and year; none when it does not say so legibly.
    pub time: Option<DayTime>,
    /// Made without a person (`AUTO`).
    pub is_auto: bool,
    /// How often it corrects an earlier one: 0 not at all, `COR` and `CCA` once, `CCB` twice.
    pub correction: u8,
    /// It is without an observation (`NIL`).
    pub is_nil: bool,
    /// Wind, sight, weather and sky.
    pub conditions: Conditions,
    /// Air temperature of the body, whole °C. The tenths in remarks of the United States (`T02560206`) are left alone: no other
    /// country sends them, and the body is the report.
    pub temperature: Said<f64>,
    /// Dew point of the body, whole °C.
    pub dew_point: Said<f64>,
    /// Pressure reduced to sea level (QNH), hPa.
    pub pressure_hpa: Said<f64>,
    /// Weather since the last report that is no more (`RETSRA`).
    pub recent: Vec<Weather>,
    /// A group that stands behind the weather in every whole report was read: the report did not break off before.
    pub is_past_weather: bool,
    /// The station says that an instrument for weather is broken (`TSNO`, `PWINO`), and so is blind to it.
    pub is_blind: bool,
    /// The forecast for two hours at the end (`NOSIG`, `BECMG …`), as written.
    pub trend: String,
    /// The remarks, from `RMK` on, as written.
    pub remarks: String,
    /// Groups that could not be read.
    pub unread: Vec<Unread>,
}

/// Where the observation ends and the forecast begins.
const TRENDS: &[&str] = &["NOSIG", "BECMG", "TEMPO", "INTER", "TREND", "TTF"];
/// Colours of military airfields for ceiling and sight.
const COLOURS: &[&str] = &["BLU+", "BLU", "WHT", "GRN", "YLO1", "YLO2", "YLO", "AMB", "RED", "BLACK"];

impl Report {
    /// Reads a raw report, with or without its first word.
    pub fn read(text: &str) -> Self {
        let mut report = Self::default();
        if MAX_LEN < text.len() {
            let why = format!("the report is longer than {MAX_LEN} bytes; nothing of it is read");
            report.unread.push(Unread::new(text, why));
            return report;
        }
        let all = groups(text);
        let remarks = all.iter().position(|group| group.starts_with("RMK")).unwrap_or(all.len());
        let (body, remarks) = all.split_at_checked(remarks).unwrap_or((&all, &[]));
        report.remarks = remarks.join(" ");
        report.is_blind = all.iter().any(|group| matches!(*group, "TSNO" | "PWINO"));
        let trend = body.iter().position(|group| is_trend(group)).unwrap_or(body.len());
        let (mut body, trend) = body.split_at_checked(trend).unwrap_or((body, &[]));
        report.trend = trend.join(" ");
        body = report.head(body);
        report.body(body);
        report
    }

    /// Reads what stands before the observation and gives the rest.
    fn head<'a, 'b>(&mut self, mut rest: &'b [&'a str]) -> &'b [&'a str] {
        while let Some((first, behind)) = rest.split_first() {
            match *first {
                "METAR" => self.which = Which::Metar,
                "SPECI" => self.which = Which::Speci,
                "COR" => self.correction = self.correction.max(1),
                _ => break,
            }
            rest = behind;
        }
        if let Some((first, behind)) = rest.split_first()
            && is_station(first)
        {
            self.station = Some((*first).to_owned());
            rest = behind;
        }
        if let Some((first, behind)) = rest.split_first()
            && let Some(written) = first.strip_suffix('Z')
        {
            match DayTime::parse(written).filter(|_| written.len() == 6) {
                Some(time) => self.time = Some(time),
                None => self.unread.push(Unread::new(first, "it is not a time: such as `181700Z`")),
            }
            rest = behind;
        }
        rest
    }

    fn body(&mut self, mut rest: &[&str]) {
        let mut is_before_weather = true;
        while let Some((group, behind)) = rest.split_first() {
            let used = match self.take(group, behind) {
                Ok(used @ 1..) => used,
                Ok(_) => {
                    self.fault(group, "it is no group of a report", is_before_weather);
                    1
                }
                Err(why) => {
                    self.fault(group, &why, is_before_weather);
                    1
                }
            };
            is_before_weather = !self.is_past_weather;
            rest = rest.get(used..).unwrap_or(&[]);
        }
    }

    /// Notes a group that cannot be read; one behind the temperature is not weather any more.
    fn fault(&mut self, group: &str, why: &str, is_before_weather: bool) {
        if is_before_weather {
            self.conditions.note_unread(group);
        }
        self.unread.push(Unread::new(group, why));
    }

    /// Reads one group and tells how many it took; none when it is not known.
    fn take(&mut self, group: &str, behind: &[&str]) -> Result<usize, String> {
        match group.as_bytes() {
            b"AUTO" => self.is_auto = true,
            b"COR" => self.correction = self.correction.max(1),
            [b'C', b'C', letter @ b'A'..=b'Z'] => self.correction = letter - b'A' + 1,
            b"NIL" => self.is_nil = true,
            // It goes by a slower way; needs maintenance; an instrument is broken.
            b"RTD" | b"$" | b"TSNO" | b"PWINO" | b"FROIN" | b"RVRNO" | b"PNO" | b"FZRANO" | b"VISNO" | b"CHINO" => {}
            b"WS" => return Ok(1 + wind_shear(behind)),
            _ if is_colour(group) || is_sea(group) || is_rain(group) => {}
            _ if group.starts_with("WS") => return Err("it is not a wind shear: such as `WS R36`".to_owned()),
            _ => return self.observe(group, behind),
        }
        Ok(1)
    }

    fn observe(&mut self, group: &str, behind: &[&str]) -> Result<usize, String> {
        if let Some(pressure) = sky::pressure(group) {
            self.is_past_weather = true;
            return self.pressure_hpa.put(pressure?).map(|()| 1);
        }
        if let Some(recent) = group.strip_prefix("RE").filter(|rest| !rest.is_empty()) {
            if is_strokes(recent) {
                return Ok(1);
            }
            self.recent.push(weather::read(recent).ok_or("it is not a recent weather: such as `RETSRA`")?);
            return Ok(1);
        }
        let used = self.conditions.take(group, behind.first().copied())?;
        if used != 0 {
            return Ok(used);
        }
        let Some(degrees) = sky::temperatures(group) else { return Ok(0) };
        self.is_past_weather = true;
        let (air, dew) = degrees?;
        self.temperature.put(air)?;
        self.dew_point.put(dew)?;
        Ok(1)
    }

    /// The worst present weather as WMO 4677 code: 0 when the report is whole, its station sees weather, and it names none; none
    /// when that cannot be said.
    pub fn weather_code(&self) -> Option<u8> {
        // Precipitation of an unknown kind, and the like: something is there, and the code for nothing would deny it.
        let is_hidden = self.conditions.may_hide_weather || self.conditions.has_codeless_weather();
        let worst = self.conditions.worst_code();
        // A station that cannot see weather and names none has not seen that there is none; nor has a report that breaks off
        // before it gets there, or one of which a group in that place could not be read.
        let is_clear = self.conditions.is_cavok || (self.is_past_weather && !self.conditions.wind.is_nothing());
        worst.or_else(|| (is_clear && !is_hidden && !self.is_blind).then_some(0))
    }
}

/// True for the four letters of a station; a few of the United States have digits among them.
pub(super) fn is_station(group: &str) -> bool {
    let plain = group.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let has_letter = group.bytes().any(|b| b.is_ascii_uppercase());
    group.len() == 4 && plain && has_letter && group != "AUTO"
}

/// True where the observation ends.
fn is_trend(group: &str) -> bool {
    let is_from = || {
        group
            .strip_prefix("FM")
            .is_some_and(|time| matches!(time.len(), 4 | 6) && super::digits(time, time.len()).is_some())
    };
    TRENDS.contains(&group) || group.starts_with("PROB") || is_from()
}

/// How many groups behind `WS` tell where the wind shears: `R36`, `RWY36R`, `ALL RWY`, `TKOF RWY36`, `LDG RWY36`.
fn wind_shear(behind: &[&str]) -> usize {
    let is_runway = |group: &&str| {
        let number = group.strip_prefix("RWY").or_else(|| group.strip_prefix('R'));
        number.is_some_and(|number| {
            super::digits(number.trim_end_matches(['L', 'C', 'R']), 2).is_some() || number.is_empty()
        })
    };
    let words = behind.iter().take_while(|group| matches!(**group, "ALL" | "TKOF" | "LDG")).count();
    words + usize::from(behind.get(words).is_some_and(is_runway))
}

/// True for colours of military airfields, one or two: `BLU`, `BLACKWHT`.
fn is_colour(group: &str) -> bool {
    let strip = |text: &str| COLOURS.iter().find_map(|colour| text.strip_prefix(colour)).map(str::to_owned);
    strip(group).is_some_and(|rest| rest.is_empty() || strip(&rest).is_some_and(|rest| rest.is_empty()))
}

/// True for the sea's temperature and state: `W19/S4`, `WM01/H12`, `W///S/`.
fn is_sea(group: &str) -> bool {
    let Some((water, state)) = group.strip_prefix('W').and_then(|rest| rest.split_once('/')) else { return false };
    let water = water.strip_prefix('M').unwrap_or(water);
    let known = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'/');
    known(water) && state.trim_start_matches('/').strip_prefix(['S', 'H']).is_some_and(known)
}

/// True for the rain that Australia adds: `RF00.0/000.0`.
fn is_rain(group: &str) -> bool {
    let known = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'/'));
    group.strip_prefix("RF").is_some_and(|rest| rest.contains('/') && known(rest))
}
