//! What is measured and in which unit. Every quantity becomes its canonical unit at the edge; rules see nothing else.
//!
//! Canonical units: mm, °C, %, m/s, m, hPa, J/kg, µg/m³, and bare codes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of quantity a unit measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// A depth of water, canonical in mm.
    Depth,
    /// A temperature, canonical in °C.
    Temperature,
    /// A share, canonical in %.
    Share,
    /// A speed, canonical in m/s.
    Speed,
    /// A distance or height, canonical in m.
    Length,
    /// A pressure, canonical in hPa.
    Pressure,
    /// Energy per mass, canonical in J/kg.
    Energy,
    /// Mass in air, canonical in µg/m³.
    Concentration,
    /// A code of a table, such as WMO 4677 present weather: no unit.
    Code,
}

impl Dimension {
    /// What people call it in an error.
    pub fn name(self) -> &'static str {
        match self {
            Self::Depth => "a depth of water",
            Self::Temperature => "a temperature",
            Self::Share => "a share",
            Self::Speed => "a speed",
            Self::Length => "a distance",
            Self::Pressure => "a pressure",
            Self::Energy => "an energy per mass",
            Self::Concentration => "a concentration",
            Self::Code => "a code",
        }
    }

    /// The units that may be written for it, the canonical one first.
    pub fn units(self) -> impl Iterator<Item = Unit> {
        Unit::ALL.iter().copied().filter(move |unit| unit.dimension() == self)
    }
}

/// A unit that feeds and people write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Millimetre of water.
    Millimetre,
    /// Centimetre of water.
    Centimetre,
    /// Inch of water.
    Inch,
    /// Degree Celsius.
    Celsius,
    /// Degree Fahrenheit.
    Fahrenheit,
    /// Kelvin.
    Kelvin,
    /// Per cent.
    Percent,
    /// Metre per second.
    MetrePerSecond,
    /// Kilometre per hour.
    KilometrePerHour,
    /// Knot: 1852 m per hour.
    Knot,
    /// Statute mile per hour.
    MilePerHour,
    /// Metre.
    Metre,
    /// Kilometre.
    Kilometre,
    /// Statute mile: 1609.344 m.
    StatuteMile,
    /// Foot.
    Foot,
    /// Hectopascal.
    Hectopascal,
    /// Inch of mercury: 33.86389 hPa.
    InchOfMercury,
    /// Joule per kilogram.
    JoulePerKilogram,
    /// Microgram per cubic metre.
    MicrogramPerCubicMetre,
    /// A code of a table.
    Code,
}

impl Unit {
    /// Every unit; the canonical unit of a dimension stands before its others.
    pub const ALL: &'static [Self] = &[
        Self::Millimetre,
        Self::Centimetre,
        Self::Inch,
        Self::Celsius,
        Self::Fahrenheit,
        Self::Kelvin,
        Self::Percent,
        Self::MetrePerSecond,
        Self::KilometrePerHour,
        Self::Knot,
        Self::MilePerHour,
        Self::Metre,
        Self::Kilometre,
        Self::StatuteMile,
        Self::Foot,
        Self::Hectopascal,
        Self::InchOfMercury,
        Self::JoulePerKilogram,
        Self::MicrogramPerCubicMetre,
        Self::Code,
    ];

    /// Its symbol, as this project writes it.
    pub fn symbol(self) -> &'static str {
        self.spellings().first().copied().unwrap_or("")
    }

    /// The spellings that are read, ours first. Micro is read as U+00B5 and as the Greek letter U+03BC.
    pub fn spellings(self) -> &'static [&'static str] {
        match self {
            Self::Millimetre => &["mm", "millimeter", "kg m-2", "kg/m2"],
            Self::Centimetre => &["cm"],
            Self::Inch => &["in", "inch"],
            Self::Celsius => &["°C", "C", "celsius"],
            Self::Fahrenheit => &["°F", "F", "fahrenheit"],
            Self::Kelvin => &["K"],
            Self::Percent => &["%"],
            Self::MetrePerSecond => &["m/s", "ms", "m s-1", "mps"],
            Self::KilometrePerHour => &["km/h", "kmh"],
            Self::Knot => &["kt", "kn", "knots"],
            Self::MilePerHour => &["mph", "mp/h"],
            Self::Metre => &["m"],
            Self::Kilometre => &["km"],
            Self::StatuteMile => &["mi", "SM"],
            Self::Foot => &["ft"],
            Self::Hectopascal => &["hPa", "mbar", "mb"],
            Self::InchOfMercury => &["inHg"],
            Self::JoulePerKilogram => &["J/kg"],
            Self::MicrogramPerCubicMetre => &["µg/m³", "μg/m³", "ug/m3"],
            Self::Code => &["code", "wmo code", ""],
        }
    }

    /// Reads a symbol as feeds and people write it.
    pub fn parse(symbol: &str) -> Option<Self> {
        let symbol = symbol.trim();
        Self::ALL.iter().copied().find(|unit| unit.spellings().contains(&symbol))
    }

    /// What it measures.
    pub fn dimension(self) -> Dimension {
        match self {
            Self::Millimetre | Self::Centimetre | Self::Inch => Dimension::Depth,
            Self::Celsius | Self::Fahrenheit | Self::Kelvin => Dimension::Temperature,
            Self::Percent => Dimension::Share,
            Self::MetrePerSecond | Self::KilometrePerHour | Self::Knot | Self::MilePerHour => Dimension::Speed,
            Self::Metre | Self::Kilometre | Self::StatuteMile | Self::Foot => Dimension::Length,
            Self::Hectopascal | Self::InchOfMercury => Dimension::Pressure,
            Self::JoulePerKilogram => Dimension::Energy,
            Self::MicrogramPerCubicMetre => Dimension::Concentration,
            Self::Code => Dimension::Code,
        }
    }

    /// Scale and offset: canonical = value x scale + offset.
    fn conversion(self) -> (f64, f64) {
        match self {
            Self::Centimetre => (10.0, 0.0),
            Self::Inch => (25.4, 0.0),
            Self::Fahrenheit => (5.0 / 9.0, -160.0 / 9.0),
            Self::Kelvin => (1.0, -273.15),
            Self::KilometrePerHour => (1.0 / 3.6, 0.0),
            Self::Knot => (1852.0 / 3600.0, 0.0),
            Self::MilePerHour => (1609.344 / 3600.0, 0.0),
            Self::Kilometre => (1000.0, 0.0),
            Self::StatuteMile => (1609.344, 0.0),
            Self::Foot => (0.3048, 0.0),
            Self::InchOfMercury => (33.86389, 0.0),
            Self::Millimetre
            | Self::Celsius
            | Self::Percent
            | Self::MetrePerSecond
            | Self::Metre
            | Self::Hectopascal
            | Self::JoulePerKilogram
            | Self::MicrogramPerCubicMetre
            | Self::Code => (1.0, 0.0),
        }
    }

    /// Brings a value of this unit to the canonical unit of its dimension.
    pub fn to_canonical(self, value: f64) -> f64 {
        let (scale, offset) = self.conversion();
        value * scale + offset
    }

    /// Brings a canonical value to this unit.
    pub fn from_canonical(self, value: f64) -> f64 {
        let (scale, offset) = self.conversion();
        (value - offset) / scale
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

/// Reads a quantity as people write it, `40 mm` or `95` for a code: the canonical value and the unit it was written in.
///
/// # Errors
/// A sentence that says what to write instead.
pub fn parse_quantity(text: &str) -> Result<(f64, Unit), String> {
    let text = text.trim();
    let split = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(text.len());
    let (number, symbol) = text.split_at(split);
    let value: f64 =
        number.parse().ok().filter(|value: &f64| value.is_finite()).ok_or_else(|| {
            format!("`{text}` does not begin with a number: write a number and a unit, such as `40 mm`")
        })?;
    let unit = Unit::parse(symbol).ok_or_else(|| format!("`{}` is not a unit known here", symbol.trim()))?;
    Ok((unit.to_canonical(value), unit))
}

/// Reads how fast a quantity goes as people write it, `10 mm/h` or `-2 hPa/h`: canonical by the hour, and the unit of the quantity.
///
/// # Errors
/// A sentence that says what to write instead.
pub fn parse_rate(text: &str) -> Result<(f64, Unit), String> {
    let (amount, hours) = [("/min", 60.0), ("/h", 1.0), ("/d", 1.0 / 24.0)]
        .into_iter()
        .find_map(|(end, times)| Some((text.trim().strip_suffix(end)?, times)))
        .ok_or_else(|| format!("`{}` is no rate: write by which time, such as `10 mm/h`", text.trim()))?;
    // `km/h` is a speed, and its change by the hour is `km/h/h`.
    let (value, unit) = parse_quantity(amount)?;
    // A difference has no offset: 9 °F more are 5 °C more.
    Ok(((value - unit.to_canonical(0.0)) * hours, unit))
}

/// What is measured or forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Rain (all forms of water) that fell in the period that ends at the reading's time.
    Precipitation,
    /// Air temperature 2 m above ground.
    Temperature,
    /// Temperature as felt with humidity and wind, by the feed's own formula or by ours.
    ApparentTemperature,
    /// Relative humidity 2 m above ground.
    Humidity,
    /// Mean wind 10 m above ground.
    WindSpeed,
    /// Strongest gust 10 m above ground.
    WindGust,
    /// Horizontal visibility.
    Visibility,
    /// Present weather as WMO 4677 code; 95 to 99 are thunderstorms.
    WeatherCode,
    /// Significant wave height.
    WaveHeight,
    /// Dust in air near the ground.
    Dust,
    /// Particles under 10 µm in air near the ground.
    Pm10,
    /// Convective available potential energy.
    Cape,
    /// Dew point 2 m above ground.
    DewPoint,
    /// Air pressure reduced to mean sea level.
    Pressure,
    /// How hot it feels in the shade, from temperature and humidity.
    HeatIndex,
    /// Wet-bulb globe temperature, as estimated from temperature and humidity: the stress of heat on people outdoors.
    Wbgt,
    /// Dust in the air by visibility and gust: 0 none, 1 light, 2 moderate, 3 heavy.
    DustLevel,
}

impl Metric {
    /// Every metric.
    pub const ALL: &'static [Self] = &[
        Self::Precipitation,
        Self::Temperature,
        Self::ApparentTemperature,
        Self::Humidity,
        Self::WindSpeed,
        Self::WindGust,
        Self::Visibility,
        Self::WeatherCode,
        Self::WaveHeight,
        Self::Dust,
        Self::Pm10,
        Self::Cape,
        Self::DewPoint,
        Self::Pressure,
        Self::HeatIndex,
        Self::Wbgt,
        Self::DustLevel,
    ];

    /// Its name in TOML, logs and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Precipitation => "precipitation",
            Self::Temperature => "temperature",
            Self::ApparentTemperature => "apparent_temperature",
            Self::Humidity => "humidity",
            Self::WindSpeed => "wind_speed",
            Self::WindGust => "wind_gust",
            Self::Visibility => "visibility",
            Self::WeatherCode => "weather_code",
            Self::WaveHeight => "wave_height",
            Self::Dust => "dust",
            Self::Pm10 => "pm10",
            Self::Cape => "cape",
            Self::DewPoint => "dew_point",
            Self::Pressure => "pressure",
            Self::HeatIndex => "heat_index",
            Self::Wbgt => "wbgt",
            Self::DustLevel => "dust_level",
        }
    }

    /// Finds a metric by its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|metric| metric.name() == name)
    }

    /// What kind of quantity it is.
    pub fn dimension(self) -> Dimension {
        match self {
            Self::Precipitation => Dimension::Depth,
            Self::Temperature | Self::ApparentTemperature | Self::DewPoint | Self::HeatIndex | Self::Wbgt => {
                Dimension::Temperature
            }
            Self::Pressure => Dimension::Pressure,
            Self::Humidity => Dimension::Share,
            Self::WindSpeed | Self::WindGust => Dimension::Speed,
            Self::Visibility | Self::WaveHeight => Dimension::Length,
            Self::WeatherCode | Self::DustLevel => Dimension::Code,
            Self::Dust | Self::Pm10 => Dimension::Concentration,
            Self::Cape => Dimension::Energy,
        }
    }

    /// The unit that the public reads it in.
    pub fn public_unit(self) -> Unit {
        match self {
            Self::WindSpeed | Self::WindGust => Unit::KilometrePerHour,
            Self::Precipitation => Unit::Millimetre,
            Self::Temperature | Self::ApparentTemperature | Self::DewPoint | Self::HeatIndex | Self::Wbgt => {
                Unit::Celsius
            }
            Self::Pressure => Unit::Hectopascal,
            Self::Humidity => Unit::Percent,
            Self::Visibility | Self::WaveHeight => Unit::Metre,
            Self::WeatherCode | Self::DustLevel => Unit::Code,
            Self::Dust | Self::Pm10 => Unit::MicrogramPerCubicMetre,
            Self::Cape => Unit::JoulePerKilogram,
        }
    }

    /// True when a value can never be negative, so that a sum or a maximum over a window with gaps is a lower bound.
    pub fn is_never_negative(self) -> bool {
        !matches!(self.dimension(), Dimension::Temperature)
    }

    /// The values that are physically possible, canonical; what lies outside is a fault of the feed, not weather.
    ///
    /// Wide on purpose: world records of WMO's archive with room to spare.
    pub fn possible(self) -> std::ops::RangeInclusive<f64> {
        match self {
            Self::Precipitation => 0.0..=500.0,
            Self::Temperature | Self::ApparentTemperature | Self::DewPoint | Self::HeatIndex | Self::Wbgt => {
                -95.0..=85.0
            }
            Self::Pressure => 850.0..=1100.0,
            Self::DustLevel => 0.0..=3.0,
            Self::Humidity => 0.0..=110.0,
            Self::WindSpeed | Self::WindGust => 0.0..=140.0,
            Self::Visibility => 0.0..=200_000.0,
            Self::WeatherCode => 0.0..=99.0,
            Self::WaveHeight => 0.0..=40.0,
            Self::Dust | Self::Pm10 => 0.0..=100_000.0,
            Self::Cape => 0.0..=20_000.0,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_agree_with_their_definitions() {
        let close = |text: &str, expected: f64| {
            let (value, _) = parse_quantity(text).unwrap();
            assert!((value - expected).abs() < 1e-9, "{text}: {value}");
        };
        close("36 km/h", 10.0);
        close("10 kt", 5.144_444_444_444_445);
        close("212 °F", 100.0);
        close("1.5in", 38.1);
        close("2 km", 2000.0);
        close("95", 95.0);
        assert_eq!(Unit::parse("\u{3bc}g/m³"), Unit::parse("\u{b5}g/m³"));
    }

    #[test]
    fn a_rate_is_a_difference_by_the_hour() {
        let close = |text: &str, expected: f64| {
            let (value, _) = parse_rate(text).unwrap();
            assert!((value - expected).abs() < 1e-9, "{text}: {value}");
        };
        close("10 mm/h", 10.0);
        close("1 mm/min", 60.0);
        close("-2 hPa/h", -2.0);
        close("9 °F/h", 5.0);
        close("24 °C/d", 1.0);
        close("36 km/h/h", 10.0);
        for wrong in ["10 mm", "mm/h", "10 mm/s"] {
            assert!(parse_rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_quantity_without_sense_is_refused() {
        for wrong in ["", "mm", "forty mm", "40 parsec", "NaN mm", "1e3 mm", "--4 mm"] {
            assert!(parse_quantity(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_canonical_unit_stands_first() {
        for metric in Metric::ALL {
            let first = metric.dimension().units().next().unwrap();
            assert!((first.to_canonical(3.0) - 3.0).abs() < f64::EPSILON, "{metric}");
            assert_eq!(metric.public_unit().dimension(), metric.dimension());
        }
    }
}
