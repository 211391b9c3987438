//! How a level looks: its colours, the shape that tells it from the others without them, and a sign for each hazard.
//!
//! The shapes grow corners with the danger: a circle, a triangle, a diamond, an octagon. What is over has a shape of its own.

use crate::bulletin::Change;
use crate::hazard::{Hazard, Severity};

/// What a card is coloured and shaped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// What is in force, at its severity.
    Level(Severity),
    /// Over, by fresh data or by the authority.
    Lifted,
    /// Run out, which is no all-clear.
    Expired,
    /// Taken back.
    Corrected,
}

/// What is written in on white.
pub(super) const INK: &str = "#1a1d21";
/// What is less important on white.
pub(super) const QUIET: &str = "#4d545c";
/// The ground of a card.
pub(super) const PAPER: &str = "#ffffff";
/// The ground of what stands apart on it.
pub(super) const STONE: &str = "#eff1f4";
/// What a drill is coloured by.
pub(super) const DRILL: &str = "#5b3c9e";

impl Tone {
    /// The tone of what happened.
    pub(super) fn of(change: Change, severity: Severity) -> Self {
        match change {
            Change::Lifted => Self::Lifted,
            Change::Expired => Self::Expired,
            Change::Corrected => Self::Corrected,
            Change::Issued | Change::Raised | Change::Lowered | Change::Extended | Change::Updated => {
                Self::Level(severity)
            }
        }
    }

    /// The colour of its ground.
    pub(super) fn ground(self) -> &'static str {
        match self {
            Self::Level(Severity::Red) => "#b3140f",
            Self::Level(Severity::Orange) => "#f28c1e",
            Self::Level(Severity::Yellow) => "#ffd21f",
            Self::Level(Severity::Advisory) => "#1f5f8b",
            Self::Lifted | Self::Expired | Self::Corrected => "#565b61",
        }
    }

    /// What is written in on that ground.
    pub(super) fn ink(self) -> &'static str {
        match self {
            Self::Level(Severity::Yellow | Severity::Orange) => INK,
            Self::Level(Severity::Red | Severity::Advisory) | Self::Lifted | Self::Expired | Self::Corrected => PAPER,
        }
    }

    /// Its shape within a square of a hundred, in two paths: the shape, and what stands in it.
    pub(super) fn shape(self) -> (&'static str, &'static str) {
        match self {
            Self::Level(Severity::Advisory) => {
                (CIRCLE, "M44 43h12v33h-12zM50 22a7.5 7.5 0 1 1 0 15a7.5 7.5 0 1 1 0-15z")
            }
            Self::Level(Severity::Yellow) => (
                "M43.6 9.5a7.4 7.4 0 0 1 12.8 0L96.5 79a7.4 7.4 0 0 1-6.4 11.1H9.9A7.4 7.4 0 0 1 3.5 79z",
                "M43.6 34h12.8l-2.2 28h-8.4zM50 67a6.6 6.6 0 1 1 0 13.2a6.6 6.6 0 1 1 0-13.2z",
            ),
            Self::Level(Severity::Orange) => (
                "M44.7 4.2a7.5 7.5 0 0 1 10.6 0L95.8 44.7a7.5 7.5 0 0 1 0 10.6L55.3 95.8a7.5 7.5 0 0 1-10.6 0L4.2 55.3a7.5 \
                 7.5 0 0 1 0-10.6z",
                EXCLAMATION,
            ),
            Self::Level(Severity::Red) => (
                "M31.6 4h36.8a6 6 0 0 1 4.2 1.8l21.6 21.6a6 6 0 0 1 1.8 4.2v36.8a6 6 0 0 1-1.8 4.2L72.6 94.2a6 6 0 0 1-4.2 \
                  1.8H31.6a6 6 0 0 1-4.2-1.8L5.8 72.6A6 6 0 0 1 4 68.4V31.6a6 6 0 0 1 1.8-4.2L27.4 5.8A6 6 0 0 1 31.6 4z",
                EXCLAMATION,
            ),
            Self::Lifted => (CIRCLE, "M25.5 52.5l7.4-7.4L44.6 56.8L68 33.4l7.4 7.4L44.6 71.6z"),
            Self::Expired => (CIRCLE, "M45 20h10v28.2l18 14.4l-6.3 7.8L45 53z"),
            Self::Corrected => (CIRCLE, "M30 37l7-7L50 43l13-13l7 7L57 50l13 13l-7 7L50 57L37 70l-7-7L43 50z"),
        }
    }
}

const CIRCLE: &str = "M50 4a46 46 0 1 1 0 92a46 46 0 1 1 0-92z";
const EXCLAMATION: &str = "M42.8 21h14.4l-2.6 35h-9.2zM50 62.5a7.6 7.6 0 1 1 0 15.2a7.6 7.6 0 1 1 0-15.2z";

/// The sign of a hazard within a square of 24, as lines to be drawn.
pub(super) fn sign(hazard: Hazard) -> &'static str {
    match hazard {
        Hazard::Rain => {
            "M6.8 14.5a4.3 4.3 0 0 1 .5-8.5a5.7 5.7 0 0 1 10.8 1.6a3.5 3.5 0 0 1-.5 6.9zM8.2 17.5l-1.2 3.6M12.5 17.5l-1.2 \
                         3.6M16.8 17.5l-1.2 3.6"
        }
        Hazard::FlashFlood => {
            "M4.5 9.5L12 3l7.5 6.5M6.5 8.2v5M17.5 8.2v5M10.2 13v-3.2h3.6v3.2M2 17c1.7 0 1.7-1.5 3.3-1.5S7 17 8.7 17s1.7\
                               -1.5 3.3-1.5s1.7 1.5 3.3 1.5s1.7-1.5 3.4-1.5s1.6 1.5 3.3 1.5M2 21.2c1.7 0 1.7-1.5 3.3-1.5s1.7 1.5 3.4 1.5s\
                               1.7-1.5 3.3-1.5s1.7 1.5 3.3 1.5s1.7-1.5 3.4-1.5s1.6 1.5 3.3 1.5"
        }
        Hazard::Thunderstorm => {
            "M6.8 14.5a4.3 4.3 0 0 1 .5-8.5a5.7 5.7 0 0 1 10.8 1.6a3.5 3.5 0 0 1-.5 6.9M13 11.2l-3 5.4h4l-2.4 5.2"
        }
        Hazard::Wind => "M2.5 9h11a2.9 2.9 0 1 0-2.8-3.6M2.5 13h16a2.9 2.9 0 1 1-2.8 3.6M2.5 17h8a2.4 2.4 0 1 1-2.3 3",
        Hazard::Dust => {
            "M3 7.5h11a2.4 2.4 0 1 0-2.3-3M3 12h15.5M3 16.5h11a2.4 2.4 0 1 1-2.3 3M18 7.5h.01M21 7.5h.01M21.4 12h.01M18.5 16.5h\
                         .01M21.5 16.5h.01M5 20.5h.01M8.3 20.5h.01M5 3.8h.01M8.3 3.8h.01"
        }
        Hazard::Fog => "M4 5.5h13M7 9.8h13.5M3.5 14.1h15M6 18.4h14",
        Hazard::Heat => {
            "M9.5 13.6V5a2.3 2.3 0 0 1 4.6 0v8.6a4.3 4.3 0 1 1-4.6 0zM11.8 9v7.8M17.8 5.2h3.4M17.8 9h2.4M17.8 12.8h3.4"
        }
        Hazard::Cold => {
            "M12 2.2v19.6M3.5 7.1l17 9.8M20.5 7.1l-17 9.8M9.3 3.8L12 6.4l2.7-2.6M9.3 20.2l2.7-2.6l2.7 2.6M3.6 11l3.6-1l-1-3.6\
                         M20.4 13l-3.6 1l1 3.6M20.4 11l-3.6-1l1-3.6M3.6 13l3.6 1l-1 3.6"
        }
        Hazard::Sea => {
            "M2 12.5c2.4 0 2.4-2.6 4.8-2.6s2.4 2.6 5.2 2.6s2.4-2.6 5.2-2.6s2.4 2.6 4.8 2.6M2 17.6c2.4 0 2.4-2.6 4.8-2.6s2.4 2.6 \
                        5.2 2.6s2.4-2.6 5.2-2.6s2.4 2.6 4.8 2.6M2 7.4c2.4 0 2.4-2.6 4.8-2.6s2.4 2.6 5.2 2.6s2.4-2.6 5.2-2.6s2.4 2.6 4.8 2.6"
        }
        Hazard::Other => {
            "M6.8 16.5a4.3 4.3 0 0 1 .5-8.5a5.7 5.7 0 0 1 10.8 1.6a3.5 3.5 0 0 1-.5 6.9zM12.3 8.6v3.2M12.3 14h.01"
        }
    }
}
