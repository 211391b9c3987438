//! Hazards and severities: the two words that every rule, warning and bulletin turns on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What threatens people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hazard {
    /// Heavy rain.
    Rain,
    /// Flash flood: wadis and streets running.
    FlashFlood,
    /// Thunderstorm with lightning, gusts or hail.
    Thunderstorm,
    /// Strong wind.
    Wind,
    /// Dust or sand that takes the sight.
    Dust,
    /// Fog.
    Fog,
    /// Dangerous heat.
    Heat,
    /// Dangerous cold.
    Cold,
    /// High waves.
    Sea,
    /// What an authority warns of and this list does not name.
    Other,
}

impl Hazard {
    /// Every hazard.
    pub const ALL: &'static [Self] = &[
        Self::Rain,
        Self::FlashFlood,
        Self::Thunderstorm,
        Self::Wind,
        Self::Dust,
        Self::Fog,
        Self::Heat,
        Self::Cold,
        Self::Sea,
        Self::Other,
    ];

    /// Its name in TOML, logs and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rain => "rain",
            Self::FlashFlood => "flash-flood",
            Self::Thunderstorm => "thunderstorm",
            Self::Wind => "wind",
            Self::Dust => "dust",
            Self::Fog => "fog",
            Self::Heat => "heat",
            Self::Cold => "cold",
            Self::Sea => "sea",
            Self::Other => "other",
        }
    }

    /// Finds a hazard by its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|hazard| hazard.name() == name)
    }
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How bad it is, in the colours of the National Center for Meteorology.
///
/// CAP 1.2: advisory = Minor, yellow = Moderate, orange = Severe, red = Extreme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// تنويه: be aware. Only an authority gives it; rules begin with yellow.
    Advisory,
    /// أصفر.
    Yellow,
    /// برتقالي.
    Orange,
    /// أحمر: the highest.
    Red,
}

impl Severity {
    /// Every severity, mildest first.
    pub const ALL: &'static [Self] = &[Self::Advisory, Self::Yellow, Self::Orange, Self::Red];

    /// The severities that a rule has thresholds for, mildest first.
    pub const OF_RULES: [Self; 3] = [Self::Yellow, Self::Orange, Self::Red];

    /// Its name in TOML, logs and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Advisory => "advisory",
            Self::Yellow => "yellow",
            Self::Orange => "orange",
            Self::Red => "red",
        }
    }

    /// Finds a severity by its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|severity| severity.name() == name)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
