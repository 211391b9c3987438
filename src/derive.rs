//! Metrics that follow from others, each by a published formula: heat index, WBGT, apparent temperature, dust level, humidity
//! and dew point from each other.
//!
//! A derived reading carries the name of the feed and the station whose values it is made from. Nothing is derived that the
//! source gives itself, nothing from values of two stations or two moments, and nothing where the values leave it open: what
//! cannot be told stays untold, and is never calm.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ids::GovernorateId;
use crate::reading::{Basis, Reading};
use crate::time::{TimeDelta, Timestamp};
use crate::unit::{Metric, Unit};

/// Below this index the simple formula holds, °F.
const HEAT_INDEX_FROM_F: f64 = 80.0;

/// Light dust is seen below this visibility, m, with gusts from [`LIGHT_KT`] on.
const LIGHT_M: f64 = 3000.0;
/// The gusts of light dust, kt.
const LIGHT_KT: f64 = 20.0;
/// Moderate dust is seen below this visibility, m.
const MODERATE_M: f64 = 1500.0;
/// The gusts of moderate dust, kt.
const MODERATE_KT: f64 = 30.0;
/// Heavy dust is seen below this visibility, m.
const HEAVY_M: f64 = 500.0;
/// The gusts of heavy dust, kt.
const HEAVY_KT: f64 = 40.0;

/// Up to this humidity, %, little sight without a weather code is dust. Ours, proposed, as in the dust rules.
const DRY_UP_TO: f64 = 70.0;
/// From this humidity on, %, little sight is fog or rain. Ours, proposed, as in the fog rule.
const MOIST_FROM: f64 = 90.0;

/// The heat index in °C, from temperature in °C and relative humidity in %.
///
/// The algorithm of the US National Weather Service: Steadman's simple formula, averaged with the temperature; where that
/// comes to 80 °F or more, the regression of Rothfusz with its adjustments for dry and for very humid air. For the shade and a
/// light wind; full sun adds up to 8 °C. The regression is not made for what lies beyond Steadman's table, such as 48 °C at
/// 60 %, and grows without end there.
///
/// Source: NWS Weather Prediction Center, "The Heat Index Equation",
/// <https://www.wpc.ncep.noaa.gov/html/heatindex_equation.shtml>; L. P. Rothfusz, "The Heat Index Equation", NWS Southern Region
/// Technical Attachment SR 90-23 (1990).
pub fn heat_index(temperature_c: f64, humidity: f64) -> f64 {
    let rh = humidity.clamp(0.0, 100.0);
    let t = Unit::Fahrenheit.from_canonical(temperature_c);
    let simple = 0.5 * (t + 61.0 + (t - 68.0) * 1.2 + rh * 0.094);
    let averaged = f64::midpoint(simple, t);
    let index = if averaged < HEAT_INDEX_FROM_F { averaged } else { rothfusz(t, rh) };
    Unit::Fahrenheit.to_canonical(index)
}

/// The regression of Rothfusz and its two adjustments, in °F.
fn rothfusz(t: f64, rh: f64) -> f64 {
    let regression = -42.379 + 2.049_015_23 * t + 10.143_331_27 * rh
        - 0.224_755_41 * t * rh
        - 0.006_837_83 * t * t
        - 0.054_817_17 * rh * rh
        + 0.001_228_74 * t * t * rh
        + 0.000_852_82 * t * rh * rh
        - 0.000_001_99 * t * t * rh * rh;
    if rh < 13.0 && (80.0..=112.0).contains(&t) {
        regression - (13.0 - rh) / 4.0 * ((17.0 - (t - 95.0).abs()) / 17.0).sqrt()
    } else if 85.0 < rh && (80.0..=87.0).contains(&t) {
        regression + (rh - 85.0) / 10.0 * (87.0 - t) / 5.0
    } else {
        regression
    }
}

/// The wet-bulb globe temperature in °C, estimated from temperature in °C and relative humidity in %.
///
/// The approximation of the American College of Sports Medicine that the Australian Bureau of Meteorology published:
/// 0.567 T + 0.393 e + 3.94 with the vapour pressure e in hPa. It supposes moderately strong sun and a light wind. So it lies too
/// high at night, under cloud and in a strong wind, and too low in full sun without wind. The methods that do better (Liljegren
/// 2008) want the radiation of the sun, which no feed gives here.
///
/// Source: Bureau of Meteorology, "Thermal comfort observations", <http://www.bom.gov.au/info/thermal_stress/>; American College
/// of Sports Medicine, "Prevention of thermal injuries during distance running", Medicine and Science in Sports and Exercise 16
/// (1984); compared with others by Lemke and Kjellstrom, Industrial Health 50 (2012), 267-278.
pub fn wbgt(temperature_c: f64, humidity: f64) -> f64 {
    0.567 * temperature_c + 0.393 * vapour_pressure(temperature_c, humidity) + 3.94
}

/// The apparent temperature in °C, from temperature in °C, relative humidity in % and mean wind 10 m above ground in m/s.
///
/// Steadman's formula without radiation, for the shade: T + 0.33 e - 0.70 v - 4.00 with the vapour pressure e in hPa.
///
/// Source: R. G. Steadman, "Norms of apparent temperature in Australia", Australian Meteorological Magazine 43 (1994), 1-16, as
/// used by the Bureau of Meteorology, <http://www.bom.gov.au/info/thermal_stress/#atapproximation>.
pub fn apparent_temperature(temperature_c: f64, humidity: f64, wind_ms: f64) -> f64 {
    temperature_c + 0.33 * vapour_pressure(temperature_c, humidity) - 0.70 * wind_ms - 4.00
}

/// The pressure of water vapour in hPa, with the coefficients that the two formulas of the Bureau of Meteorology come with.
fn vapour_pressure(temperature_c: f64, humidity: f64) -> f64 {
    humidity.clamp(0.0, 100.0) / 100.0 * 6.105 * (17.27 * temperature_c / (237.7 + temperature_c)).exp()
}

/// The coefficients of Magnus' formula over water, the second in °C.
const MAGNUS: (f64, f64) = (17.625, 243.04);

/// The dew point in °C, from temperature in °C and relative humidity in %; none for air without any vapour.
///
/// Source: O. A. Alduchov and R. E. Eskridge, "Improved Magnus form approximation of saturation vapor pressure", Journal of
/// Applied Meteorology 35 (1996), 601-609.
pub fn dew_point(temperature_c: f64, humidity: f64) -> Option<f64> {
    let (a, b) = MAGNUS;
    let exponent = (humidity.min(100.0) / 100.0).ln() + a * temperature_c / (b + temperature_c);
    exponent.is_finite().then(|| b * exponent / (a - exponent))
}

/// The relative humidity in %, from temperature and dew point in °C. Source: as [`dew_point`].
pub fn humidity(temperature_c: f64, dew_point_c: f64) -> f64 {
    let (a, b) = MAGNUS;
    let exponent = |celsius: f64| a * celsius / (b + celsius);
    100.0 * (exponent(dew_point_c) - exponent(temperature_c)).exp()
}

/// How much dust is in the air, from visibility in m and the strongest gust in m/s: 0 none, 1 light, 2 moderate, 3 heavy.
///
/// That it is dust at all which takes the sight must be known from elsewhere; [`readings`] sees to that.
///
/// Source: the classes of ICAO (2009), as given by UNDRR and ISC, "Hazard Information Profiles", sand and dust storm: light below
/// 3000 m and from 20 kt, moderate below 1500 m and from 30 kt, heavy below 500 m and from 40 kt.
pub fn dust_level(visibility_m: f64, gust_ms: f64) -> u8 {
    let is = |below_m: f64, from_kt: f64| visibility_m < below_m && Unit::Knot.to_canonical(from_kt) <= gust_ms;
    if is(HEAVY_M, HEAVY_KT) {
        3
    } else if is(MODERATE_M, MODERATE_KT) {
        2
    } else if is(LIGHT_M, LIGHT_KT) {
        1
    } else {
        0
    }
}

/// Whether what takes the sight is dust, by weather code and humidity; none when they leave it open.
///
/// A code of dust or sand (WMO 4677: 6 to 9, 30 to 35, 98) says that it is, whatever the humidity: dust comes in humid air on
/// the coast too. A code of smoke, mist, fog, drifting snow or anything that falls says that it is not. Where the code says
/// neither, as those of models never do, dry air makes it dust and moist air does not, and between the two nobody can tell.
fn is_dust(code: Option<f64>, humidity: Option<f64>) -> Option<bool> {
    // A code is a whole number from 0 to 99; what is none tells nothing.
    match code.map(|code| code.round() as i64) {
        Some(6..=9 | 30..=35 | 98) => Some(true),
        Some(4 | 10..=12 | 36..=97 | 99) => Some(false),
        _ => match humidity {
            Some(humidity) if humidity <= DRY_UP_TO => Some(true),
            Some(humidity) if MOIST_FROM <= humidity => Some(false),
            _ => None,
        },
    }
}

/// What can be derived, each with all that its value may depend on.
const FORMULAS: [(Metric, &[Metric]); 6] = [
    (Metric::Humidity, &[Metric::Temperature, Metric::DewPoint]),
    (Metric::DewPoint, &[Metric::Temperature, Metric::Humidity]),
    (Metric::HeatIndex, &[Metric::Temperature, Metric::Humidity, Metric::DewPoint]),
    (Metric::Wbgt, &[Metric::Temperature, Metric::Humidity, Metric::DewPoint]),
    (Metric::ApparentTemperature, &[Metric::Temperature, Metric::Humidity, Metric::DewPoint, Metric::WindSpeed]),
    (
        Metric::DustLevel,
        &[
            Metric::Visibility,
            Metric::WindGust,
            Metric::WindSpeed,
            Metric::WeatherCode,
            Metric::Humidity,
            Metric::Temperature,
            Metric::DewPoint,
        ],
    ),
];

/// The metrics whose derived values may depend on a metric.
pub fn from(metric: Metric) -> impl Iterator<Item = Metric> {
    FORMULAS.iter().filter(move |(_, inputs)| inputs.contains(&metric)).map(|(derived, _)| *derived)
}

/// The value of a derived metric from those of one station at one moment; none when they do not suffice or leave it open, and
/// none when it comes out as impossible: then one of them is a fault of the feed.
fn value(metric: Metric, known: impl Fn(Metric) -> Option<f64>) -> Option<f64> {
    let air = || known(Metric::Temperature);
    let moisture = || known(Metric::Humidity).or_else(|| Some(humidity(air()?, known(Metric::DewPoint)?)));
    let value = match metric {
        Metric::Humidity => humidity(air()?, known(Metric::DewPoint)?),
        Metric::DewPoint => dew_point(air()?, known(Metric::Humidity)?)?,
        Metric::HeatIndex => heat_index(air()?, moisture()?),
        Metric::Wbgt => wbgt(air()?, moisture()?),
        Metric::ApparentTemperature => apparent_temperature(air()?, moisture()?, known(Metric::WindSpeed)?),
        Metric::DustLevel => {
            // A report names a gust only where there is one; the wind has blown no less than its mean.
            let gust = known(Metric::WindGust).into_iter().chain(known(Metric::WindSpeed)).reduce(f64::max)?;
            let level = dust_level(known(Metric::Visibility)?, gust);
            let is_it = if level == 0 { Some(false) } else { is_dust(known(Metric::WeatherCode), moisture()) };
            f64::from(if is_it? { level } else { 0 })
        }
        Metric::Precipitation
        | Metric::Temperature
        | Metric::WindSpeed
        | Metric::WindGust
        | Metric::Visibility
        | Metric::WeatherCode
        | Metric::WaveHeight
        | Metric::Dust
        | Metric::Pm10
        | Metric::Cape
        | Metric::Pressure => return None,
    };
    (value.is_finite() && metric.possible().contains(&value)).then_some(value)
}

/// What a feed gives, with all that can be derived from it.
pub fn with_derived(given: BTreeSet<Metric>) -> BTreeSet<Metric> {
    use Metric::{
        ApparentTemperature, DewPoint, DustLevel, HeatIndex, Humidity, Temperature, Visibility, Wbgt, WeatherCode,
        WindGust, WindSpeed,
    };
    let has = |metric| given.contains(&metric);
    let has_moisture = has(Humidity) || (has(Temperature) && has(DewPoint));
    let has_air = has(Temperature) && has_moisture;
    let has_wind = has(WindGust) || has(WindSpeed);
    let derived = [
        (Humidity, has(Temperature) && has(DewPoint)),
        (DewPoint, has(Temperature) && has(Humidity)),
        (HeatIndex, has_air),
        (Wbgt, has_air),
        (ApparentTemperature, has_air && has(WindSpeed)),
        (DustLevel, has(Visibility) && has_wind && (has_moisture || has(WeatherCode))),
    ];
    let derived: Vec<Metric> = derived.into_iter().filter(|(_, can)| *can).map(|(metric, _)| metric).collect();
    given.into_iter().chain(derived).collect()
}

/// From whom readings are, at one moment: what is derived is made from these and no others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// Where.
    pub governorate: GovernorateId,
    /// Which station, when the feed has stations.
    pub station: Option<Arc<str>>,
    /// Observed or forecast.
    pub basis: Basis,
    /// The end of the period.
    pub at: Timestamp,
}

/// What was derived.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Derived {
    /// The values.
    pub readings: Vec<Reading>,
    /// What had been derived for a moment and does not follow any more from what is said of that moment now.
    pub undone: Vec<(Spot, Metric)>,
}

/// Derives from the readings of one answer what is wanted and what the answer does not give itself.
///
/// `known` tells what the feed has said of a spot before: an answer may bring one half of what a formula needs. Metrics that
/// the answer gives for a station on the same basis, if only at another moment, are the feed's own and are left to it.
pub fn readings(given: &[Reading], wanted: &BTreeSet<Metric>, known: impl Fn(&Spot, Metric) -> Option<f64>) -> Derived {
    let targets: Vec<(Metric, &[Metric])> =
        FORMULAS.into_iter().filter(|(derived, _)| wanted.contains(derived)).collect();
    let mut derived = Derived::default();
    if targets.is_empty() {
        return derived;
    }
    let mut spots: BTreeMap<Spot, Vec<&Reading>> = BTreeMap::new();
    let mut own: BTreeSet<(&GovernorateId, Option<&str>, Basis, Metric)> = BTreeSet::new();
    for reading in given {
        if targets.iter().any(|(_, inputs)| inputs.contains(&reading.metric)) {
            let Reading { governorate, station, basis, at, .. } = reading;
            let spot = Spot { governorate: governorate.clone(), station: station.clone(), basis: *basis, at: *at };
            spots.entry(spot).or_default().push(reading);
        }
        if targets.iter().any(|(target, _)| *target == reading.metric) {
            own.insert((&reading.governorate, reading.station.as_deref(), reading.basis, reading.metric));
        }
    }
    for (spot, told) in spots {
        for (metric, inputs) in &targets {
            let is_own = own.contains(&(&spot.governorate, spot.station.as_deref(), spot.basis, *metric));
            let mut used = told.iter().filter(|reading| inputs.contains(&reading.metric)).map(|reading| reading.covers);
            let Some(covers) = used.next().map(|first| used.fold(first, TimeDelta::min)) else { continue };
            if is_own {
                continue;
            }
            let found = value(*metric, |input| {
                // The last word of an answer for a moment is the one that counts.
                let told = told.iter().rfind(|reading| reading.metric == input).map(|reading| reading.value);
                told.or_else(|| known(&spot, input))
            });
            let has = |input: Metric| told.iter().any(|one| one.metric == input) || known(&spot, input).is_some();
            match found {
                Some(value) => derived.readings.push(Reading {
                    governorate: spot.governorate.clone(),
                    metric: *metric,
                    station: spot.station.clone(),
                    basis: spot.basis,
                    value,
                    at: spot.at,
                    covers,
                }),
                // A humidity or dew point may be measured as well as derived: it follows from its inputs only where all are known.
                None if known(&spot, *metric).is_some()
                    && (!is_measured(*metric) || inputs.iter().all(|input| has(*input))) =>
                {
                    derived.undone.push((spot.clone(), *metric));
                }
                None => {}
            }
        }
    }
    derived
}

/// True for what instruments measure and a formula gives as well.
fn is_measured(metric: Metric) -> bool {
    matches!(metric, Metric::Humidity | Metric::DewPoint)
}

#[cfg(test)]
mod tests;
