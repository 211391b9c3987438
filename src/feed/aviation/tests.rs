//! Stories of single groups and whole reports, and the table of what independent decoders read.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::sight::Bound;
use super::*;

mod table;
mod times;

/// A report in a few words: what was read, and the groups that were not.
fn tell(report: &Report) -> String {
    let mut words = vec![tell_conditions(&report.conditions)];
    let degrees = |said: &Said<f64>| match said {
        Said::Value(value) => format!("{value:.0}"),
        Said::Unknown => "?".to_owned(),
        Said::Nothing => "-".to_owned(),
    };
    if !report.temperature.is_nothing() {
        words.push(format!("{}°/{}°", degrees(&report.temperature), degrees(&report.dew_point)));
    }
    if !report.pressure_hpa.is_nothing() {
        words.push(format!("{} hPa", degrees(&report.pressure_hpa)));
    }
    words.extend(report.recent.iter().map(|weather| format!("was {weather}")));
    words.push(report.weather_code().map_or("code ?".to_owned(), |code| format!("code {code}")));
    words.extend(report.unread.iter().map(|unread| format!("unread «{}»", unread.group)));
    words.retain(|word| !word.is_empty());
    words.join(", ")
}

fn tell_conditions(conditions: &Conditions) -> String {
    let mut words = Vec::new();
    match &conditions.wind {
        Said::Nothing => {}
        Said::Unknown => words.push("wind ?".to_owned()),
        Said::Value(wind) => {
            let from = match wind.direction {
                Direction::Degrees(degrees) => format!("{degrees}°"),
                Direction::Variable => "around".to_owned(),
                Direction::Unknown => "?".to_owned(),
            };
            let speed = |speed: Speed| format!("{}{:.1}", if speed.is_more { ">" } else { "" }, speed.mps);
            let gust = wind.gust.map(|gust| format!(" gusts {}", speed(gust))).unwrap_or_default();
            let varies = wind.varies.map(|(from, to)| format!(" {from}-{to}°")).unwrap_or_default();
            words.push(format!("{from} {}{gust}{varies}", wind.speed.map_or("?".to_owned(), speed)));
        }
    }
    let see = |seen: &Visibility| {
        let bound = match seen.bound {
            Bound::Less => "<",
            Bound::Exact => "",
            Bound::More => ">",
        };
        format!("{bound}{:.0} m{}", seen.metres, seen.towards.unwrap_or_default())
    };
    match &conditions.visibility {
        Said::Nothing => {}
        Said::Unknown => words.push("sight ?".to_owned()),
        Said::Value(seen) => words.push(see(seen)),
    }
    words.extend(conditions.least_visibility.as_ref().map(|least| format!("least {}", see(least))));
    words.extend(conditions.weather.value().into_iter().flatten().map(Weather::to_string));
    if let Some(up) = conditions.vertical_visibility_m.value() {
        words.push(format!("up {up:.0} m"));
    }
    words.extend(conditions.clouds.value().into_iter().flatten().map(|cloud| {
        let base = cloud.base_m.map_or("?".to_owned(), |base| format!("{base:.0}"));
        format!("{:?} {base}{}", cloud.cover, cloud.kind.map(|kind| format!(" {kind:?}")).unwrap_or_default())
    }));
    words.join(", ")
}

#[track_caller]
fn check(body: &str, expected: &str) {
    assert_eq!(tell(&Report::read(&format!("METAR OEJN 181700Z {body}"))), expected, "{body}");
}

#[test]
fn every_form_of_wind_is_read_and_its_unit_is_never_guessed() {
    check("34011KT", "340° 5.7, code ?");
    check("00000KT", "0° 0.0, code ?");
    check("VRB03KT", "around 1.5, code ?");
    check("20035G52KT 180V240", "200° 18.0 gusts 26.8 180-240°, code ?");
    check("24004G14KT", "240° 2.1 gusts 7.2, code ?");
    check("16008MPS", "160° 8.0, code ?");
    check("160P49MPS", "160° >49.0, code ?");
    check("160P49GP49MPS", "160° >49.0 gusts >49.0, code ?");
    check("24045GP99KT", "240° 23.2 gusts >50.9, code ?");
    check("240120G155KT", "240° 61.7 gusts 79.7, code ?");
    check("24036KMH", "240° 10.0, code ?");
    check("/////KT", "wind ?, code ?");
    check("///08KT", "? 4.1, code ?");
    check("240//KT", "240° ?, code ?");
    check("24010G//KT", "240° 5.1, code ?");
    for wrong in
        ["24025", "KT", "37010KT", "360G17G32KT", "15015GT20KT", "24030G20KT", "2401KT", "VAB04KT", "WS020/24045KT"]
    {
        check(&format!("{wrong} 9999"), &format!(">10000 m, code ?, unread «{wrong}»"));
    }
    check("180V240", "code ?, unread «180V240»");
}

#[test]
fn every_form_of_visibility_is_read_and_strokes_are_no_far_sight() {
    for (written, expected) in [
        ("9999", ">10000 m"),
        ("9999NDV", ">10000 m"),
        ("CAVOK", ">10000 m"),
        ("0000", "<0 m"),
        ("0300", "300 m"),
        ("3000NDV", "3000 m"),
        ("10SM", "16093 m"),
        ("P6SM", ">9656 m"),
        ("M1/4SM", "<402 m"),
        ("1/2SM", "805 m"),
        ("1 1/2SM", "2414 m"),
        ("2 3/4SM", "4426 m"),
        ("5/16SM", "503 m"),
        ("10KM", "10000 m"),
        ("////", "sight ?"),
        ("////SM", "sight ?"),
        ("0800 0500S", "800 m, least 500 mS"),
        ("6000 2000SW 1500N", "6000 m, least 1500 mN"),
        ("3000 1200", "3000 m, least 1200 m"),
    ] {
        let code = if written == "CAVOK" { "code 0" } else { "code ?" };
        check(written, &format!("{expected}, {code}"));
    }
    check("11/2SM", "code ?, unread «11/2SM»");
    check("/1/4SM", "code ?, unread «/1/4SM»");
    check("99999", "code ?, unread «99999»");
}

#[test]
fn runways_are_tolerated_and_garbled_ones_are_told() {
    for runway in [
        "R12/0500U",
        "R12L/P2000",
        "R34C/M0050N",
        "R02L/4000VP6000FT",
        "R02/1000V1500FT/D",
        "R20/550542",
        "R24/CLRD70",
        "R/SNOCLO",
        "R06/////",
    ] {
        check(&format!("34011KT 0500 {runway} FG 12/12 Q1012"), "340° 5.7, 500 m, FG, 12°/12°, 1012 hPa, code 45");
    }
    check(
        "00000KT 1200 R36/1500DR18/P2000 R02L/4000VP6000F BR",
        "0° 0.0, 1200 m, BR, code 10, unread «R36/1500DR18/P2000», unread «R02L/4000VP6000F»",
    );
}

#[test]
fn sky_temperature_and_pressure_are_read() {
    check("34011KT 9999 FEW040 34/20 Q1005", "340° 5.7, >10000 m, Some(Few) 1219, 34°/20°, 1005 hPa, code 0");
    check(
        "34011KT 9999 SCT030CB BKN040TCU OVC/// M01/M02 A2992",
        "340° 5.7, >10000 m, Some(Scattered) 914 Cumulonimbus, Some(Broken) 1219 ToweringCumulus, Some(Overcast) ?, -1°/-2°, 1013 hPa, code 0",
    );
    check("34011KT 0100 DS VV/// 39/04 Q0999", "340° 5.7, 100 m, DS, 39°/4°, 999 hPa, code 31");
    check("34011KT 0100 +SS VV001 39/04 Q0999", "340° 5.7, 100 m, +SS, up 30 m, 39°/4°, 999 hPa, code 34");
    check(
        "34011KT 9999 ///TCU //////CB ///015 12/ Q1013/",
        "340° 5.7, >10000 m, None ? ToweringCumulus, None ? Cumulonimbus, None 457, 12°/?°, 1013 hPa, code 0",
    );
    for clear in ["NSC", "NCD", "CLR", "SKC", "//////"] {
        check(&format!("34011KT 9999 {clear} 00/M00 Q1013"), "340° 5.7, >10000 m, 0°/-0°, 1013 hPa, code 0");
    }
    check("34011KT 9999 34/// Q////", "340° 5.7, >10000 m, 34°/?°, ?° hPa, code 0".replace("?° hPa", "? hPa").as_str());
    check("34011KT 9999 ///// Q1013", "340° 5.7, >10000 m, ?°/?°, 1013 hPa, code 0");
    check("34011KT 9999 FEW0 XX/XX Q1013", "340° 5.7, >10000 m, 1013 hPa, code ?, unread «FEW0», unread «XX/XX»");
    check("34011KT 9999 22/21 Q1009 Q1010", "340° 5.7, >10000 m, 22°/21°, 1009 hPa, code 0, unread «Q1010»");
    check("34011KT 9999 22/21 Q1009 A2980", "340° 5.7, >10000 m, 22°/21°, 1009 hPa, code 0, unread «A2980»");
}

#[test]
fn what_is_beside_the_observation_is_tolerated() {
    for beside in [
        "RETS",
        "RERA",
        "RE//",
        "WS R24",
        "WS RWY36R",
        "WS ALL RWY",
        "WS TKOF RWY18",
        "W19/S4",
        "W///S/",
        "WM01/H12",
        "BLU",
        "WHT",
        "BLACKAMB",
        "YLO1",
        "$",
        "RF00.0/000.0",
    ] {
        let told = tell(&Report::read(&format!("OEJN 181700Z 34011KT 9999 FEW040 34/20 Q1005 {beside}")));
        assert!(!told.contains("unread") && told.contains("code 0"), "{beside}: {told}");
    }
    check("34011KT 9999 RETSRA 34/20 Q1005", "340° 5.7, >10000 m, 34°/20°, 1005 hPa, was TSRA, code 0");
    let report =
        Report::read("SPECI COR OEJN 181705Z CCB AUTO 34011KT 9999 34/20 Q1005 BECMG 0500 DS RMK QFE747 TSNO=");
    assert_eq!((report.which, report.correction, report.is_auto), (report::Which::Speci, 2, true));
    assert_eq!((report.trend.as_str(), report.remarks.as_str()), ("BECMG 0500 DS", "RMK QFE747 TSNO"));
    assert_eq!(report.time, Some(DayTime { day: 18, hour: 17, minute: 5 }));
    assert_eq!(tell(&report), "340° 5.7, >10000 m, 34°/20°, 1005 hPa, code ?");
    assert!(Report::read("METAR OEJN NIL=").is_nil && Report::read("METAR OEJN 140600Z NIL").is_nil);
    assert!(!Report::read("METAR OEJN 181700Z 34011KT 9999 TSRA 34/20 Q1005 RMK NIL").is_nil);
}

#[track_caller]
fn check_code(report: &str, expected: Option<u8>) {
    assert_eq!(Report::read(report).weather_code(), expected, "{report}");
}

#[test]
fn weather_becomes_the_worst_code_of_its_groups() {
    for (weather, code) in [
        ("+TSRA SQ", 97),
        ("TSGR BLDU", 96),
        ("+TSGRRA", 99),
        ("FG", 45),
        ("DU", 6),
        ("+DS", 34),
        ("SS", 31),
        ("VCTS", 17),
        ("-SHRA", 80),
        ("BLSA", 7),
        ("DRDU", 7),
        ("VCSS", 9),
        ("PO", 8),
        ("+FC", 19),
        ("HZ", 5),
        ("BR -RA", 61),
        ("-SN FZFG BLSN", 71),
        ("BLSN", 38),
        ("-VCTSRA", 17),
        ("VCSH", 16),
        ("FZDZ", 57),
        ("RASN", 69),
        ("PL", 79),
        ("TSDS", 98),
        ("BCFG", 41),
        ("FU", 4),
    ] {
        check_code(&format!("METAR OETF 090200Z 20015KT 3000 {weather} 21/19 Q1009"), Some(code));
    }
    assert_eq!(weather::worst("BR -RA"), Some(61));
    assert_eq!(weather::worst("XYZZY"), None);
}

#[test]
fn a_trend_or_a_remark_is_never_an_observation() {
    check_code("METAR LFBD 020100Z AUTO 26006KT 9999 FEW019 15/14 Q1013 TEMPO 4000 SHRA BKN020TCU", Some(0));
    check_code("METAR KAAA 312354Z 24004KT 10SM OVC025 01/M02 A2958 RMK TSB23RAB40", Some(0));
    check_code("METAR KAAA 312354Z 24004KT 10SM OVC025 01/M02 A2958 FM0400 TSRA", Some(0));
}

#[test]
fn weather_of_an_unknown_kind_or_a_report_that_breaks_off_is_never_calm() {
    check_code("METAR OEXX 312354Z AUTO 19004KT 3000 UP BKN020 12/08 Q1020", None);
    check_code("METAR OEXX 312354Z AUTO 19004KT 3000 -UP TSRA BKN020 12/08 Q1020", Some(95));
    check_code("METAR OEXX 312354Z AUTO 19004KT 3000 +TSRRA BKN020 12/08 Q1020", None);
    check_code("OERK 210800Z 27012KT 2500 BLDU...", None);
    check_code("METAR OEJN 181700Z 34011KT", None);
    check_code("METAR OEJN 181700Z 34011KT 9999 FEW0", None);
    check_code("METAR OEJN 181700Z 34011KT 9999 +TSRA", Some(97));
    check_code("METAR KAKQ 312354Z AUTO 19004KT 10SM CLR 02/M08 A3020 RMK AO2 TSNO", None);
    check_code("METAR OEXX 312354Z AUTO 19004KT 9999 // CLR 02/M08 Q1020", None);
    check_code("METAR OEXX 312354Z", None);
    // What stands behind the temperature is no weather; a broken wind or runway hides none.
    check_code("METAR OEXX 312354Z 19004KT 9999 02/M08 Q1020 XYZZY", Some(0));
    check_code("METAR OEXX 312354Z 19004KT 9999 R36/15X0 02/M08 Q1020", Some(0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a broken line makes of a report or a forecast, reading it ends, and what is not a group is told.
    #[test]
    fn mutated_reports_never_panic(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..12),
    ) {
        let whole = [
            "METAR COR OEJN 181700Z AUTO 34011G25KT 300V020 1 1/2SM R12L/0500V1000U +TSRA BLDU BKN030CB VV001 M01/M02 Q1005 RETS WS R24 NOSIG RMK T10",
            "TAF AMD OEJN 060500Z 0606/0712 30018KT 7000 FEW040 TX34/0612Z PROB30 TEMPO 0609/0615 3000 BLDU BECMG 0618/0624 35010KT FM070830 30016KT CAVOK",
            "SASD31 OEJD 010000\nMETAR\n202607140600 OEJN 140600Z NIL=\nOETF 140600Z 24010KT\n  9999=\n2026/08/18 17:00\nOEMK 181700Z 00000KT",
        ];
        let mut bytes = which.get(&whole).as_bytes().to_vec();
        for (place, byte, is_cut) in changes {
            let place = place.index(bytes.len());
            if is_cut && 2 < bytes.len() { bytes.remove(place); } else { bytes[place] = byte; }
        }
        let text = String::from_utf8_lossy(&bytes);
        let _ = Report::read(&text);
        let taf = Taf::read(&text);
        let _ = taf.placed("2026-08-06T05:00:00Z".parse().unwrap());
        prop_assert!(text::cut(&text).reports.len() <= 6);
    }

    /// Not even letters that were never a report.
    #[test]
    fn noise_never_panics(text in "[A-Z0-9/ =+\\-\n\u{660}-\u{669}é]{0,200}") {
        let _ = (Report::read(&text), Taf::read(&text), text::cut(&text));
    }
}
