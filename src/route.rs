//! Who hears what: a bulletin against the channels, each with a yes or a reason why not.

use std::collections::BTreeSet;

use crate::alert::Status;
use crate::bulletin::Bulletin;
use crate::hazard::{Hazard, Severity};
use crate::ids::{ChannelId, GovernorateId};
use crate::language::Language;
use crate::message::Form;

/// Who listens at a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everyone.
    Public,
    /// The people on duty.
    Staff,
    /// The people of a drill; the only ones who hear what is not `Actual`.
    Drill,
}

impl Audience {
    /// Its name in TOML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Staff => "staff",
            Self::Drill => "drill",
        }
    }
}

/// What a channel wants to hear and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its name.
    pub channel: ChannelId,
    /// Who listens.
    pub audience: Audience,
    /// The shape it takes.
    pub form: Form,
    /// The languages it takes, in order; at least one.
    pub languages: Vec<Language>,
    /// From which severity on.
    pub min_severity: Severity,
    /// Which hazards; all when none is named.
    pub hazards: Option<BTreeSet<Hazard>>,
    /// Which governorates; all when none is named.
    pub governorates: Option<BTreeSet<GovernorateId>>,
}

/// Why a channel does not hear a bulletin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Deaf {
    /// A drill or test, and the channel is not for those; or the reverse.
    #[error("the bulletin is {status:?} and the audience is {audience:?}")]
    Audience {
        /// Of the bulletin.
        status: Status,
        /// Of the channel.
        audience: Audience,
    },
    /// Too mild for it.
    #[error("it hears {min_severity} and above")]
    Severity {
        /// From which severity on it hears.
        min_severity: Severity,
    },
    /// Not its hazard.
    #[error("it does not hear of {hazard}")]
    Hazard {
        /// The bulletin's.
        hazard: Hazard,
    },
    /// Not its place.
    #[error("it hears of other governorates")]
    Place,
}

/// Whether a channel hears a bulletin. A lowered or ended warning is heard by all who heard of it at its worst.
///
/// # Errors
/// The reason why not.
pub fn hears(listener: &Listener, bulletin: &Bulletin) -> Result<(), Deaf> {
    let is_drill_channel = listener.audience == Audience::Drill;
    let is_actual = bulletin.status == Status::Actual;
    if is_drill_channel == is_actual {
        return Err(Deaf::Audience { status: bulletin.status, audience: listener.audience });
    }
    let worst = bulletin.was.unwrap_or(bulletin.severity).max(bulletin.severity);
    if worst < listener.min_severity {
        return Err(Deaf::Severity { min_severity: listener.min_severity });
    }
    if listener.hazards.as_ref().is_some_and(|hazards| !hazards.contains(&bulletin.hazard)) {
        return Err(Deaf::Hazard { hazard: bulletin.hazard });
    }
    let is_near = |wanted: &BTreeSet<GovernorateId>| {
        bulletin.areas.iter().chain(&bulletin.left).any(|area| wanted.contains(area))
    };
    if listener.governorates.as_ref().is_some_and(|wanted| !is_near(wanted)) {
        return Err(Deaf::Place);
    }
    Ok(())
}
