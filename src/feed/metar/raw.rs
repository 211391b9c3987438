//! The few groups of a raw METAR that its JSON does not carry in full: visibility in metres, CAVOK, NIL, present weather.
//!
//! Not a full decoder: trends and remarks are never read as observations.

/// What the raw report says.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Raw {
    /// The report is without an observation.
    pub(super) nil: bool,
    /// The prevailing visibility in metres; `9999` and `CAVOK` are 10 km.
    pub(super) visibility_m: Option<f64>,
    /// Present weather as WMO 4677 code, the worst of its groups; 0 when the report is whole and names none.
    pub(super) weather_code: Option<u8>,
}

/// The longest report that is scanned; real ones are below 500.
const MAX_REPORT_LEN: usize = 2000;
/// Visibility of 10 km or more, as `9999` and `CAVOK` say it.
const TEN_KILOMETRES: f64 = 10_000.0;
/// Where the observation ends and the forecast or the remarks begin.
const ENDS: &[&str] = &["RMK", "NOSIG", "TEMPO", "BECMG", "TREND"];

/// Scans a raw report.
pub(super) fn scan(report: &str) -> Raw {
    let mut raw = Raw::default();
    let groups: Vec<&str> = report.split_whitespace().map(|group| group.trim_end_matches('=')).collect();
    if MAX_REPORT_LEN < report.len() {
        return raw;
    }
    raw.nil = groups.iter().take_while(|group| !ENDS.contains(group)).any(|group| *group == "NIL");
    // What follows the wind is the observation; a station's own letters before it could look like weather.
    let Some(wind) = groups.iter().position(|group| is_wind(group)) else { return raw };
    let (mut unseen, mut is_whole) = (false, false);
    for group in groups.iter().skip(wind + 1).take_while(|group| !ENDS.contains(group)) {
        if *group == "CAVOK" {
            raw.visibility_m = Some(TEN_KILOMETRES);
        } else if let Some(metres) = metres(group).filter(|_| raw.visibility_m.is_none()) {
            raw.visibility_m = Some(metres);
        } else if *group == "//" {
            unseen = true;
        } else if let Some(code) = weather(group) {
            raw.weather_code = raw.weather_code.max(Some(code));
        } else if is_weather(group) {
            // Precipitation of an unknown kind, and the like: something is there, and the code for nothing would deny it.
            unseen = true;
        } else if is_after_weather(group) {
            is_whole = true;
        }
    }
    // A station that cannot see weather or lightning and names none has not seen that there is none; nor has a report that
    // breaks off before it gets there.
    let blind = unseen || !is_whole || groups.iter().any(|group| matches!(*group, "TSNO" | "PWINO"));
    if raw.weather_code.is_none() && !blind {
        raw.weather_code = Some(0);
    }
    raw
}

/// True for a report that corrects an earlier one: `COR` before its observation, or `CCA` and its like.
pub(super) fn is_correction(report: &str) -> bool {
    let mut head = report.split_whitespace().take_while(|group| !is_wind(group));
    head.any(|group| group == "COR" || matches!(group.as_bytes(), [b'C', b'C', b'A'..=b'Z']))
}

/// The worst WMO 4677 code of a list of weather groups; none when no group is known.
pub(super) fn worst_weather(groups: &str) -> Option<u8> {
    groups.split_whitespace().filter_map(weather).max()
}

fn is_wind(group: &str) -> bool {
    let units = ["KT", "MPS", "KMH"];
    units.iter().any(|unit| group.ends_with(unit))
        && (group.starts_with(|c: char| c.is_ascii_digit() || c == '/') || group.starts_with("VRB"))
}

/// True for what stands behind the present weather in every whole report: temperatures, `34/20` or `01/M02`, and pressure.
fn is_after_weather(group: &str) -> bool {
    let is_degrees = |text: &str| {
        let text = text.strip_prefix('M').unwrap_or(text);
        text.len() == 2 && text.chars().all(|c| c.is_ascii_digit() || c == '/')
    };
    let is_pressure = |text: &str| text.len() == 4 && text.chars().all(|c| c.is_ascii_digit() || c == '/');
    group.strip_prefix(['Q', 'A']).is_some_and(is_pressure)
        || group.split_once('/').is_some_and(|(air, dew)| is_degrees(air) && (dew.is_empty() || is_degrees(dew)))
}

/// Four digits of prevailing visibility, such as `3000` or `9999NDV`.
fn metres(group: &str) -> Option<f64> {
    let digits = group.strip_suffix("NDV").unwrap_or(group);
    if digits.len() != 4 || !digits.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let metres: f64 = digits.parse().ok()?;
    Some(if digits == "9999" { TEN_KILOMETRES } else { metres })
}

/// How strong a group says its weather is.
#[derive(Clone, Copy, PartialEq)]
enum Strength {
    Light,
    Moderate,
    Heavy,
    /// Not at the station but within 8 to 16 km.
    Near,
}

/// How strong a group says its weather is, and the letters that name it.
fn strength(group: &str) -> (Strength, &str) {
    if let Some(rest) = group.strip_prefix('+') {
        (Strength::Heavy, rest)
    } else if let Some(rest) = group.strip_prefix('-') {
        (Strength::Light, rest)
    } else if let Some(rest) = group.strip_prefix("VC") {
        (Strength::Near, rest)
    } else {
        (Strength::Moderate, group)
    }
}

/// True for a weather group, whether it has a code or not.
fn is_weather(group: &str) -> bool {
    pairs(strength(group).1).is_some()
}

/// The WMO 4677 code of one weather group such as `+TSRA`; none when it is no weather group, or one without a code.
fn weather(group: &str) -> Option<u8> {
    let (strength, letters) = strength(group);
    let parts = pairs(letters)?;
    if parts.contains(&"TS") {
        Some(thunderstorm(strength, &parts))
    } else {
        precipitation(strength, &parts).or_else(|| obscured(strength, &parts))
    }
}

/// True when one of the pairs is among the parts of a group.
fn has(parts: &[&str], pairs: &[&str]) -> bool {
    pairs.iter().any(|pair| parts.contains(pair))
}

/// The code of a thunderstorm, 95 to 99; 17 when it passes by.
fn thunderstorm(strength: Strength, parts: &[&str]) -> u8 {
    let (hail, dust) = (has(parts, &["GR", "GS"]), has(parts, &["DS", "SS"]));
    match strength {
        // 17: thunderstorm without precipitation at the station.
        Strength::Near => 17,
        Strength::Heavy if hail => 99,
        Strength::Light | Strength::Moderate if hail => 96,
        Strength::Light | Strength::Moderate | Strength::Heavy if dust => 98,
        Strength::Heavy => 97,
        Strength::Light | Strength::Moderate => 95,
    }
}

/// The code of what falls, the gravest first; none when nothing falls at the station.
fn precipitation(strength: Strength, parts: &[&str]) -> Option<u8> {
    let showers = has(parts, &["SH"]);
    let by_strength = if has(parts, &["GR"]) {
        [89, 90, 90]
    } else if has(parts, &["GS"]) {
        [87, 88, 88]
    } else if has(parts, &["SN"]) {
        if showers { [85, 86, 86] } else { [71, 73, 75] }
    } else if has(parts, &["RA"]) {
        match (showers, has(parts, &["FZ"])) {
            (true, _) => [80, 81, 81],
            (false, true) => [66, 67, 67],
            (false, false) => [61, 63, 65],
        }
    } else if has(parts, &["DZ"]) {
        [51, 53, 55]
    } else {
        // 16: precipitation within sight that does not reach the station.
        return (showers && strength == Strength::Near).then_some(16);
    };
    let [light, moderate, heavy] = by_strength;
    match strength {
        Strength::Light => Some(light),
        Strength::Moderate => Some(moderate),
        Strength::Heavy => Some(heavy),
        Strength::Near => None,
    }
}

/// The code of what takes the sight: fog, dust, sand, haze, smoke; and of squalls and funnels.
fn obscured(strength: Strength, parts: &[&str]) -> Option<u8> {
    let near = strength == Strength::Near;
    if has(parts, &["FG"]) {
        // Patches, banks and shallow fog leave most of the sight.
        let shallow = has(parts, &["MI", "BC", "PR"]);
        let at_station = if has(parts, &["FZ"]) { 49 } else { 45 };
        return Some(if near {
            40
        } else if shallow {
            41
        } else {
            at_station
        });
    }
    if has(parts, &["DS", "SS"]) {
        let at_station = if strength == Strength::Heavy { 34 } else { 31 };
        return Some(if near { 9 } else { at_station });
    }
    if has(parts, &["DU", "SA"]) {
        return Some(if has(parts, &["BL", "DR", "SA"]) { 7 } else { 6 });
    }
    let single = [("FC", 19), ("SQ", 18), ("PO", 8), ("BR", 10), ("HZ", 5), ("FU", 4), ("VA", 4)];
    single.iter().find(|(pair, _)| parts.contains(pair)).map(|(_, code)| *code)
}

/// Every pair of letters that a weather group is made of (WMO Manual on Codes, code table 4678).
const PAIRS: &[&str] = &[
    "MI", "BC", "PR", "DR", "BL", "SH", "TS", "FZ", "DZ", "RA", "SN", "SG", "PL", "GR", "GS", "UP", "BR", "FG", "FU",
    "VA", "DU", "SA", "HZ", "PO", "SQ", "FC", "SS", "DS",
];

/// Cuts a group into pairs of letters; none when one of them is not a pair of weather.
fn pairs(letters: &str) -> Option<Vec<&str>> {
    let mut rest = letters;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let part = PAIRS.iter().find(|pair| rest.starts_with(**pair))?;
        rest = rest.strip_prefix(*part)?;
        parts.push(*part);
    }
    (!parts.is_empty()).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(report: &str, visibility_m: Option<f64>, weather_code: Option<u8>) {
        assert_eq!(scan(report), Raw { nil: false, visibility_m, weather_code }, "{report}");
    }

    #[test]
    fn metres_and_weather_of_the_observation_are_read() {
        check("METAR OEJN 181700Z 34011KT 9999 FEW040 34/20 Q1005 NOSIG", Some(10_000.0), Some(0));
        check("METAR OEJN 060500Z 34008KT CAVOK 34/25 Q1002 NOSIG", Some(10_000.0), Some(0));
        check("METAR OEJN 090200Z 20035G52KT 180V240 0800 0500S +TSRA SQ BKN020CB 21/19 Q1009=", Some(800.0), Some(97));
        check("METAR OETF 090200Z 20015KT 3000 TSGR BLDU 21/19 Q1009", Some(3000.0), Some(96));
        check("METAR OETF 090200Z 20015KT 3000 +TSGRRA 21/19 Q1009", Some(3000.0), Some(99));
        check("METAR OETF 090200Z VRB03KT 0200 FG VV001 11/11 Q1019", Some(200.0), Some(45));
        check("METAR OETF 090200Z 10005MPS 5000 DU 31/11 Q1009", Some(5000.0), Some(6));
        check("METAR OETF 090200Z 10025KT 0300 +DS 31/11 Q1009", Some(300.0), Some(34));
        check("METAR OETF 090200Z 10025KT 6000 VCTS 31/11 Q1009", Some(6000.0), Some(17));
        check("METAR OETF 090200Z 10025KT 4000 -SHRA 31/11 Q1009", Some(4000.0), Some(80));
    }

    #[test]
    fn a_trend_or_a_remark_is_never_an_observation() {
        check(
            "METAR LFBD 020100Z AUTO 26006KT 9999 FEW019 15/14 Q1013 TEMPO 4000 SHRA BKN020TCU",
            Some(10_000.0),
            Some(0),
        );
        check("METAR KAAA 312354Z 24004KT 10SM OVC025 01/M02 A2958 RMK TSB23RAB40", None, Some(0));
    }

    #[test]
    fn weather_of_an_unknown_kind_or_a_report_that_breaks_off_is_never_calm() {
        check("METAR OEXX 312354Z AUTO 19004KT 3000 UP BKN020 12/08 Q1020", Some(3000.0), None);
        check("METAR OEXX 312354Z AUTO 19004KT 3000 -UP TSRA BKN020 12/08 Q1020", Some(3000.0), Some(95));
        check("METAR OEXX 312354Z 19004KT 3000 PL BKN020 12/08 Q1020", Some(3000.0), None);
        check("METAR OEJN 181700Z 34011KT", None, None);
        check("METAR OEJN 181700Z 34011KT 9999 FEW0", Some(10_000.0), None);
        check("METAR OEJN 181700Z 34011KT 9999 +TSRA", Some(10_000.0), Some(97));
        check("METAR OEJN 181700Z 34011KT 9999 RETS FEW040 34/// Q////", Some(10_000.0), Some(0));
        check("METAR OEJN 181700Z 34011KT P6SM RERA SCT040 M01/M02 A2992", None, Some(0));
    }

    #[test]
    fn a_station_that_cannot_see_weather_does_not_say_there_is_none() {
        check("METAR KAKQ 312354Z AUTO 19004KT 10SM CLR 02/M08 A3020 RMK AO2 TSNO", None, None);
        check("METAR OEXX 312354Z AUTO 19004KT 9999 // CLR 02/M08 Q1020", Some(10_000.0), None);
        check("METAR OEXX 312354Z", None, None);
        assert!(scan("METAR OEJN NIL").nil);
        assert!(!scan("METAR OEJN 181700Z 34011KT 9999 TSRA 34/20 Q1005 RMK NIL").nil);
        assert_eq!(worst_weather("BR -RA"), Some(61));
        assert_eq!(worst_weather("XYZZY"), None);
    }
}
