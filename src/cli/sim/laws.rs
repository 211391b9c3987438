//! What must be so when a storm is over and all channels can be reached again: each has been told the truth, and nobody else's.

use std::collections::BTreeMap;

use crate::alert::Status;
use crate::bulletin::{Bulletin, Origin};
use crate::ids::{BulletinId, ChannelId, GovernorateId};
use crate::route::{Audience, Listener};
use crate::time::Timestamp;
use crate::warning::{Warning, WarningKey};

/// What was said and what is so.
pub struct Truth<'a> {
    /// All bulletins, by their names.
    pub said: BTreeMap<&'a BulletinId, &'a Bulletin>,
    /// The warnings in force.
    pub kept: Vec<(&'a WarningKey, &'a Warning)>,
    /// When that is asked.
    pub now: Timestamp,
}

impl Truth<'_> {
    /// What is wrong with what a listener has received of a place: something in force is missing there, or something is told there that is
    /// not so any more.
    ///
    /// # Errors
    /// A sentence that says what.
    pub fn hold(&self, channel: &str, place: &GovernorateId, received: &[&Bulletin]) -> Result<(), String> {
        let own = received.iter().filter(|told| told.areas.contains(place));
        let holds: Vec<&&Bulletin> =
            own.filter(|told| !told.change.is_end() && self.now < told.until && !is_past(told, received)).collect();
        let is_here = |(key, warning): &&(&WarningKey, &Warning)| match key {
            WarningKey::Automatic { governorate, .. } => governorate == place,
            WarningKey::Official { .. } | WarningKey::Desk { .. } => warning.areas.contains(place),
        };
        let stands: Vec<&Warning> = self.kept.iter().filter(is_here).map(|(_, warning)| *warning).collect();
        if let Some(missing) = stands.iter().find(|one| !holds.iter().any(|told| says_so(told, one))) {
            return Err(format!("{channel}: {} is in force in {place} and was not received", missing.last));
        }
        let is_spoken = |one: &&&Bulletin| !matches!(one.origin, Origin::Automatic { .. }) && one.areas.contains(place);
        let untrue = holds.iter().find(|told| {
            // Where an authority or the desk has spoken later, the rules' own word may stand until its time is up.
            let is_own = matches!(told.origin, Origin::Automatic { .. });
            let has_spoken = received.iter().any(|one| is_spoken(&one) && told.issued <= one.issued);
            !(stands.iter().any(|warning| says_so(told, warning)) || is_own && has_spoken)
        });
        match untrue {
            Some(told) => Err(format!("{channel}: {} was received, and nothing of it is so in {place}", told.id)),
            None => Ok(()),
        }
    }

    /// What a listener received and was not meant for.
    pub(super) fn strays(&self, listener: &Listener, received: &[&Bulletin]) -> Vec<String> {
        let is_meant = |one: &Bulletin| (listener.audience == Audience::Drill) == (one.status != Status::Actual);
        let strays = received.iter().filter(|one| !is_meant(one));
        strays
            .map(|one| format!("law 4: {} reached {} ({})", one.id, listener.channel, listener.audience.name()))
            .collect()
    }

    /// All that is wrong with what a listener has received in these places.
    pub(super) fn faults(&self, listener: &Listener, places: &[GovernorateId], received: &[BulletinId]) -> Vec<String> {
        let told: Vec<&Bulletin> = received.iter().filter_map(|id| self.said.get(id).copied()).collect();
        let mut faults = self.strays(listener, &told);
        // Drills come to nobody whose truth they could be; what is told to a drill channel is no warning.
        if listener.audience == Audience::Drill {
            return faults;
        }
        let listens = |place: &&GovernorateId| listener.governorates.as_ref().is_none_or(|own| own.contains(*place));
        let actual = Truth { said: BTreeMap::new(), kept: self.actual(), now: self.now };
        for place in places.iter().filter(listens) {
            faults.extend(actual.hold(listener.channel.as_str(), place, &told).err());
        }
        faults
    }

    fn actual(&self) -> Vec<(&WarningKey, &Warning)> {
        let is_actual = |warning: &Warning| self.said.get(&warning.last).is_none_or(|one| one.status == Status::Actual);
        self.kept.iter().filter(|(_, warning)| is_actual(warning)).copied().collect()
    }
}

/// Whether something later has taken the place of what was told. Whoever takes the place of an edition takes that of all before it,
/// which the reader may have in its stead.
fn is_past(told: &Bulletin, received: &[&Bulletin]) -> bool {
    let takes = |one: &Bulletin| {
        let named = one.replaces.iter().filter_map(|id| id.as_str().rsplit_once('.'));
        let mut named = named.filter_map(|(number, edition)| Some((number, edition.parse::<u32>().ok()?)));
        named.any(|(number, edition)| number == told.number && told.edition <= edition)
    };
    received.iter().any(|one| takes(one) || (one.number == told.number && told.edition < one.edition))
}

/// Whoever has an edition since which nothing was new is told as much as the last one tells.
fn says_so(told: &Bulletin, warning: &Warning) -> bool {
    let since = warning.same_since.unwrap_or(warning.edition);
    told.number == warning.number && since <= told.edition && told.edition <= warning.edition
}

/// What each channel received, in the order in which it came.
pub(super) type Received = BTreeMap<ChannelId, Vec<BulletinId>>;
