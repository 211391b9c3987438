//! Present weather, `+TSRA`, `BLDU`, `VCSS`: groups of letter pairs (code table 4678) and what they are in WMO code 4677.
//!
//! Never makes a code of weather that has none, such as precipitation of an unknown kind (`UP`).

use std::fmt;

/// One group of weather.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weather {
    /// How strong.
    pub strength: Strength,
    /// Not at the station but within about 8 to 16 km of it (`VC`).
    pub is_near: bool,
    /// The descriptors and phenomena in their order: `TS`, `RA`.
    pub parts: Vec<&'static str>,
}

/// How strong weather is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// `-`
    Light,
    /// No sign.
    Moderate,
    /// `+`
    Heavy,
}

/// Every pair of letters that a weather group is made of (WMO Manual on Codes, code table 4678).
const PAIRS: &[&str] = &[
    "MI", "BC", "PR", "DR", "BL", "SH", "TS", "FZ", "DZ", "RA", "SN", "SG", "IC", "PL", "GR", "GS", "UP", "BR", "FG",
    "FU", "VA", "DU", "SA", "HZ", "PY", "PO", "SQ", "FC", "SS", "DS",
];
/// The most pairs of one group; three kinds of precipitation in one thunderstorm are four.
const MAX_PAIRS: usize = 5;

/// Reads a group; none when one of its pairs is not a pair of weather.
pub fn read(group: &str) -> Option<Weather> {
    let (strength, rest) = match (group.strip_prefix('+'), group.strip_prefix('-')) {
        (Some(rest), _) => (Strength::Heavy, rest),
        (_, Some(rest)) => (Strength::Light, rest),
        (None, None) => (Strength::Moderate, group),
    };
    let (mut rest, is_near) = rest.strip_prefix("VC").map_or((rest, false), |rest| (rest, true));
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let part = PAIRS.iter().find(|pair| rest.starts_with(**pair))?;
        rest = rest.strip_prefix(*part)?;
        parts.push(*part);
    }
    (!parts.is_empty() && parts.len() <= MAX_PAIRS).then_some(Weather { strength, is_near, parts })
}

impl fmt::Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.strength {
            Strength::Light => "-",
            Strength::Moderate => "",
            Strength::Heavy => "+",
        })?;
        f.write_str(if self.is_near { "VC" } else { "" })?;
        f.write_str(&self.parts.concat())
    }
}

impl Weather {
    /// True when one of the pairs is among its parts.
    pub fn has(&self, pairs: &[&str]) -> bool {
        pairs.iter().any(|pair| self.parts.contains(pair))
    }

    /// The code of WMO table 4677; none when there is none for it.
    ///
    /// A thunderstorm without precipitation is 17 in that table; here a thunderstorm at the station is 95 at least, because its
    /// lightning is what people are warned of. 17 is kept for one that passes by.
    pub fn code(&self) -> Option<u8> {
        if self.has(&["TS"]) { Some(self.thunderstorm()) } else { self.precipitation().or_else(|| self.obscured()) }
    }

    /// Of the codes for light, moderate and heavy the one that fits.
    fn by_strength(&self, [light, moderate, heavy]: [u8; 3]) -> u8 {
        match self.strength {
            Strength::Light => light,
            Strength::Moderate => moderate,
            Strength::Heavy => heavy,
        }
    }

    /// The code of a thunderstorm, 95 to 99; 17 when it passes by.
    fn thunderstorm(&self) -> u8 {
        if self.is_near {
            17
        } else if self.has(&["GR", "GS"]) {
            self.by_strength([96, 96, 99])
        } else if self.has(&["DS", "SS"]) {
            98
        } else {
            self.by_strength([95, 95, 97])
        }
    }

    /// The code of what falls, the gravest first; none when nothing falls at the station.
    fn precipitation(&self) -> Option<u8> {
        let (showers, freezing) = (self.has(&["SH"]), self.has(&["FZ"]));
        if self.is_near {
            // 16: precipitation within sight that does not reach the station.
            return showers.then_some(16);
        }
        let codes = if self.has(&["GR"]) {
            [89, 90, 90]
        } else if self.has(&["GS"]) {
            [87, 88, 88]
        } else if self.has(&["SN"]) {
            // Snow that the wind lifts does not fall.
            match (self.has(&["BL"]), self.has(&["DR"]), showers, self.has(&["RA", "DZ"])) {
                (true, _, _, _) => [38, 38, 39],
                (_, true, _, _) => [36, 36, 37],
                (_, _, true, true) => [83, 84, 84],
                (_, _, false, true) => [68, 69, 69],
                (_, _, true, false) => [85, 86, 86],
                (_, _, false, false) => [71, 73, 75],
            }
        } else if self.has(&["PL"]) {
            [79, 79, 79]
        } else if self.has(&["RA"]) {
            match (showers, freezing) {
                (true, _) => [80, 81, 81],
                (false, true) => [66, 67, 67],
                (false, false) => [61, 63, 65],
            }
        } else if self.has(&["DZ"]) {
            if freezing { [56, 57, 57] } else { [51, 53, 55] }
        } else if self.has(&["SG"]) {
            [77, 77, 77]
        } else if self.has(&["IC"]) {
            [76, 76, 76]
        } else {
            return None;
        };
        Some(self.by_strength(codes))
    }

    /// The code of what takes the sight: fog, dust, sand, haze, smoke; and of squalls and funnels.
    fn obscured(&self) -> Option<u8> {
        if self.has(&["UP", "SH"]) {
            return None;
        }
        if self.has(&["FG"]) {
            // Patches, banks and shallow fog leave most of the sight.
            let shallow = self.has(&["MI", "BC", "PR"]);
            let at_station = if self.has(&["FZ"]) { 49 } else { 45 };
            return Some(match (self.is_near, shallow) {
                (true, _) => 40,
                (false, true) => 41,
                (false, false) => at_station,
            });
        }
        if self.has(&["DS", "SS"]) {
            return Some(if self.is_near { 9 } else { self.by_strength([31, 31, 34]) });
        }
        if self.has(&["DU", "SA"]) {
            return Some(if self.has(&["BL", "DR", "SA"]) { 7 } else { 6 });
        }
        let single = [("FC", 19), ("SQ", 18), ("PO", 8), ("BR", 10), ("HZ", 5), ("FU", 4), ("VA", 4)];
        single.iter().find(|(pair, _)| self.parts.contains(pair)).map(|(_, code)| *code)
    }
}

/// The worst WMO 4677 code of a list of weather groups; none when no group is known.
pub fn worst(groups: &str) -> Option<u8> {
    groups.split_whitespace().filter_map(|group| read(group)?.code()).max()
}
