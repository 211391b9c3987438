//! Who hears what: a bulletin against the channels, each with a yes or a reason why not.

use std::collections::BTreeSet;

use crate::alert::Status;
use crate::bulletin::Bulletin;
use crate::hazard::{Hazard, Severity};
use crate::ids::{ChannelId, GovernorateId};
use crate::language::Language;
use crate::message::card::Size;
use crate::message::{Form, digest};
use crate::statement::Statement;

pub mod manner;
pub mod pace;

use manner::Manner;

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
    /// Every audience.
    pub const ALL: &'static [Self] = &[Self::Public, Self::Staff, Self::Drill];

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
    /// How it is spoken to.
    pub manner: Manner,
    /// Whether bulletins come with pictures of theirs, and in which shape.
    pub picture: Option<Size>,
}

impl Listener {
    /// The form in which it is told of a bulletin.
    pub fn form_of(&self, bulletin: &Bulletin) -> Form {
        self.manner.digest_of(bulletin).map_or(self.form, |_| digest::FORM)
    }
}

/// A channel of the people on duty, and surely no other: there is no way to it but [`OnDuty::of`], and a notice goes no other way.
///
/// What the channel wants to hear of (`min_severity`, `hazards`, `governorates`) is about warnings and does not count here:
/// whoever is on duty hears that a feed is silent, wherever it looks.
#[derive(Debug, Clone, Copy)]
pub struct OnDuty<'a>(&'a Listener);

impl<'a> OnDuty<'a> {
    /// The channel, if the people on duty listen there.
    pub fn of(listener: &'a Listener) -> Option<Self> {
        match listener.audience {
            Audience::Staff => Some(Self(listener)),
            Audience::Public | Audience::Drill => None,
        }
    }

    /// Its name.
    pub fn channel(self) -> &'a ChannelId {
        &self.0.channel
    }

    /// The shape it takes.
    pub fn form(self) -> Form {
        self.0.form
    }

    /// The languages it takes, in order.
    pub fn languages(self) -> &'a [Language] {
        &self.0.languages
    }
}

/// A channel at which a test may be told, and surely none of the public: there is no way to it but [`OnTrial::of`].
#[derive(Debug, Clone, Copy)]
pub struct OnTrial<'a>(&'a Listener);

impl<'a> OnTrial<'a> {
    /// The channel, if the people on duty listen there, or those of a drill.
    pub fn of(listener: &'a Listener) -> Option<Self> {
        match listener.audience {
            Audience::Staff | Audience::Drill => Some(Self(listener)),
            Audience::Public => None,
        }
    }

    /// The shape it takes.
    pub fn form(self) -> Form {
        self.0.form
    }

    /// The languages it takes, in order.
    pub fn languages(self) -> &'a [Language] {
        &self.0.languages
    }

    /// The shape of the pictures that it shows, if it shows some.
    pub fn picture(self) -> Option<Size> {
        self.0.picture
    }
}

/// A channel at which a bulletin may be told, and surely none that it must not reach: there is no way to it but [`Meant::of`], and a
/// bulletin goes no other way. A drill or a test is for those of a drill alone, and what is real never for them.
#[derive(Debug, Clone, Copy)]
pub struct Meant<'a>(&'a Listener);

impl<'a> Meant<'a> {
    /// The channel, if a bulletin is for those who listen there at all.
    pub fn of(listener: &'a Listener, bulletin: &Bulletin) -> Option<Self> {
        may_hear(listener, bulletin).then_some(Self(listener))
    }

    /// What it wants to hear and how.
    pub fn listener(self) -> &'a Listener {
        self.0
    }
}

/// Why a channel does not hear a bulletin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Deaf {
    /// A drill or test, and the channel is not for those; or the reverse.
    #[error("the bulletin is {} and its audience is {}", format!("{status:?}").to_lowercase(), audience.name())]
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
    /// Only readers of other languages have something new to hear.
    #[error("it is news only in {}, which it does not take", .languages.iter().map(|language| language.tag()).collect::<Vec<_>>().join(" and "))]
    Language {
        /// Those languages.
        languages: Vec<Language>,
    },
    /// Not its place.
    #[error("it hears of other governorates")]
    Place,
    /// It stands in for another channel.
    #[error("it stands in for another channel, and hears what that one does not receive in time")]
    Standby,
}

impl Deaf {
    /// Its name in JSON: what of the channel keeps it from hearing.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Audience { .. } => "audience",
            Self::Severity { .. } => "min-severity",
            Self::Hazard { .. } => "hazards",
            Self::Language { .. } => "languages",
            Self::Place => "governorates",
            Self::Standby => "standby",
        }
    }
}

/// What a channel hears of although this edition alone would not concern it: the warning did before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Before {
    /// It was as bad as the channel asks.
    #[error("it was {worst} before, and who heard of that hears how it goes on")]
    Severity {
        /// At its worst.
        worst: Severity,
    },
    /// It was told under another hazard.
    #[error("it was told under another hazard before")]
    Hazard,
    /// It was told in a place of the channel and has left it.
    #[error("it leaves a place that the channel hears of")]
    Place,
    /// It was told in a place of the channel, of which nobody can tell now.
    #[error("nobody can tell whether it still holds in a place that the channel hears of")]
    Doubt,
}

/// What a channel makes of a bulletin: every reason why it does not hear it. It hears it when there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hearing {
    /// Why it does not.
    pub deaf: Vec<Deaf>,
    /// What it owes to what was told before.
    pub before: Vec<Before>,
}

impl Hearing {
    /// True when the channel hears it.
    pub fn is_heard(&self) -> bool {
        self.deaf.is_empty()
    }
}

/// What a channel makes of a bulletin. A lowered, changed or ended warning is heard by all who heard of it at its worst, under
/// whatever hazard; a place that it leaves hears that it does.
pub fn hearing(listener: &Listener, bulletin: &Bulletin) -> Hearing {
    let mut hearing = hearing_of_its_own(listener, bulletin);
    if listener.manner.is_standby {
        hearing.deaf.push(Deaf::Standby);
    }
    hearing
}

/// Whether a bulletin is for those who listen at a channel at all: a drill is for drill channels, and nothing else is.
fn may_hear(listener: &Listener, bulletin: &Bulletin) -> bool {
    (listener.audience == Audience::Drill) != (bulletin.status == Status::Actual)
}

/// Whether a channel stands in for another with a bulletin: it is told to the same audience, and the channel would hear it if it were
/// not there to stand in.
pub fn stands_in(listener: &Listener, failing: &Listener, bulletin: &Bulletin) -> bool {
    listener.manner.is_standby
        && listener.audience == failing.audience
        && hearing_of_its_own(listener, bulletin).is_heard()
}

/// Whether a statement can be told at a channel at all: nobody rehearses there, and it takes other documents than alerts.
pub fn takes_statements(listener: &Listener) -> bool {
    listener.audience != Audience::Drill && listener.form != Form::Cap
}

/// Whether a channel hears a statement: it asks for its sort, nobody rehearses there, and one of its places is concerned.
pub fn hears_statement(listener: &Listener, statement: &Statement) -> bool {
    let places = &statement.content.places;
    let is_near = |wanted: &BTreeSet<GovernorateId>| places.iter().any(|place| wanted.contains(place));
    takes_statements(listener)
        && listener.manner.tells.contains(&statement.content.sort)
        && !listener.manner.is_standby
        && (places.is_empty() || listener.governorates.as_ref().is_none_or(is_near))
}

fn hearing_of_its_own(listener: &Listener, bulletin: &Bulletin) -> Hearing {
    let (mut deaf, mut before) = (Vec::new(), Vec::new());
    if !may_hear(listener, bulletin) {
        deaf.push(Deaf::Audience { status: bulletin.status, audience: listener.audience });
    }
    let worst = bulletin.reach.worst;
    if worst < listener.min_severity {
        deaf.push(Deaf::Severity { min_severity: listener.min_severity });
    } else if bulletin.severity < listener.min_severity {
        before.push(Before::Severity { worst });
    }
    if let Some(hazards) = &listener.hazards {
        if hazards.is_disjoint(&bulletin.reach.hazards) {
            deaf.push(Deaf::Hazard { hazard: bulletin.hazard });
        } else if !hazards.contains(&bulletin.hazard) {
            before.push(Before::Hazard);
        }
    }
    if !bulletin.only_in.is_empty() && !listener.languages.iter().any(|language| bulletin.only_in.contains(language)) {
        deaf.push(Deaf::Language { languages: bulletin.only_in.clone() });
    }
    if let Some(wanted) = &listener.governorates {
        let is_near = |places: &[GovernorateId]| places.iter().any(|place| wanted.contains(place));
        match (is_near(&bulletin.areas), is_near(&bulletin.left), is_near(&bulletin.doubtful)) {
            (true, _, _) => {}
            (false, true, _) => before.push(Before::Place),
            (false, false, true) => before.push(Before::Doubt),
            (false, false, false) => deaf.push(Deaf::Place),
        }
    }
    Hearing { deaf, before }
}

/// Whether a channel hears a bulletin.
///
/// # Errors
/// The first reason why not.
pub fn hears(listener: &Listener, bulletin: &Bulletin) -> Result<(), Deaf> {
    hearing(listener, bulletin).deaf.into_iter().next().map_or(Ok(()), Err)
}

/// From which edition on a channel that has one need not hear a bulletin which it would hear; none when it must.
///
/// It need not where nothing is new for any place that it listens for. Whoever listens for another place too must hear it: a
/// later word of that may take the place of the older edition, and of all that is said by it.
pub fn need_not_hear(listener: &Listener, bulletin: &Bulletin) -> Option<u32> {
    let wanted = listener.governorates.as_ref()?;
    bulletin.same_since.filter(|_| wanted.iter().all(|place| bulletin.areas.contains(place)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bulletin::{ByHand, Change, Origin, Reach};
    use crate::ids::BulletinId;
    use crate::time::Timestamp;

    fn places(names: &[&str]) -> Vec<GovernorateId> {
        names.iter().map(|name| GovernorateId::new(name).unwrap()).collect()
    }

    /// Yellow rain in Jeddah, of a warning that was red before and has just left Taif.
    fn bulletin(status: Status) -> Bulletin {
        let now = Timestamp::from_timestamp(1_765_227_600, 0).unwrap();
        let mut reach = Reach::new(Hazard::Rain, Severity::Yellow);
        reach.take_in(&Reach::new(Hazard::FlashFlood, Severity::Red));
        Bulletin {
            id: BulletinId::new("MKH-2025-000001", 3),
            number: "MKH-2025-000001".to_owned(),
            edition: 3,
            replaces: Vec::new(),
            change: Change::Lifted,
            status,
            hazard: Hazard::Rain,
            severity: Severity::Yellow,
            was: Some(Severity::Yellow),
            reach,
            areas: places(&["jeddah"]),
            left: places(&["taif"]),
            doubtful: places(&["al-lith"]),
            parted: Vec::new(),
            same_since: None,
            issued: now,
            onset: now,
            until: now,
            stale_after: now,
            silent_since: None,
            by_hand: ByHand::default(),
            only_in: Vec::new(),
            origin: Origin::Automatic { evidence: Vec::new() },
        }
    }

    fn listener(audience: Audience) -> Listener {
        Listener {
            channel: ChannelId::new("desk").unwrap(),
            audience,
            form: Form::Text,
            languages: vec![Language::Ar],
            min_severity: Severity::Advisory,
            hazards: None,
            governorates: None,
            manner: Manner::default(),
            picture: None,
        }
    }

    #[track_caller]
    fn check(listener: &Listener, expected: bool) {
        assert_eq!(hears(listener, &bulletin(Status::Actual)).is_ok(), expected, "{listener:?}");
    }

    #[test]
    fn the_end_is_heard_by_all_who_heard_the_warning_at_its_worst() {
        let public = || listener(Audience::Public);
        check(&Listener { min_severity: Severity::Red, ..public() }, true);
        check(&Listener { hazards: Some(BTreeSet::from([Hazard::FlashFlood])), ..public() }, true);
        check(&Listener { hazards: Some(BTreeSet::from([Hazard::Dust])), ..public() }, false);
    }

    #[test]
    fn a_place_hears_that_a_warning_leaves_it_or_may_have_left_it_and_no_other_place_does() {
        let near = |names: &[&str]| Some(places(names).into_iter().collect());
        check(&Listener { governorates: near(&["taif"]), ..listener(Audience::Public) }, true);
        check(&Listener { governorates: near(&["al-lith"]), ..listener(Audience::Public) }, true);
        check(&Listener { governorates: near(&["jeddah"]), ..listener(Audience::Public) }, true);
        check(&Listener { governorates: near(&["rabigh"]), ..listener(Audience::Public) }, false);
    }

    #[test]
    fn every_reason_is_told_and_what_is_owed_to_the_beginning() {
        let told = |listener: &Listener| {
            let Hearing { deaf, before } = hearing(listener, &bulletin(Status::Actual));
            let deaf = deaf.iter().map(|one| one.name().to_owned());
            deaf.chain(before.iter().map(ToString::to_string)).collect::<Vec<_>>().join("; ")
        };
        let near = |names: &[&str]| Some(places(names).into_iter().collect());
        let public = || listener(Audience::Public);
        assert_eq!(told(&public()), "");
        let dust = Some(BTreeSet::from([Hazard::Dust]));
        let nobody = Listener { hazards: dust, governorates: near(&["rabigh"]), ..listener(Audience::Drill) };
        assert_eq!(told(&nobody), "audience; hazards; governorates");
        assert_eq!(
            told(&Listener { min_severity: Severity::Red, governorates: near(&["taif"]), ..public() }),
            "it was red before, and who heard of that hears how it goes on; it leaves a place that the channel hears of"
        );
    }

    #[test]
    fn what_is_new_in_one_language_alone_is_told_to_its_readers_alone() {
        let heard = |languages: Vec<Language>, only_in: Vec<Language>| {
            let listener = Listener { languages, ..listener(Audience::Public) };
            hears(&listener, &Bulletin { only_in, ..bulletin(Status::Actual) }).is_ok()
        };
        assert!(heard(vec![Language::Ar], vec![Language::Ar]) && heard(Language::ALL.to_vec(), vec![Language::En]));
        assert!(heard(vec![Language::Ar], Vec::new()));
        assert!(!heard(vec![Language::Ar], vec![Language::En]));
    }

    #[test]
    fn who_listens_for_none_but_those_that_stay_need_not_hear_that_they_do() {
        let stays = Bulletin { areas: places(&["jeddah", "rabigh"]), same_since: Some(2), ..bulletin(Status::Actual) };
        let need_not = |names: &[&str], bulletin: &Bulletin| {
            let governorates = Some(places(names).into_iter().collect());
            need_not_hear(&Listener { governorates, ..listener(Audience::Public) }, bulletin)
        };
        assert_eq!([need_not(&["jeddah"], &stays), need_not(&["rabigh", "jeddah"], &stays)], [Some(2), Some(2)]);
        assert_eq!(
            need_not(&["jeddah", "taif"], &stays),
            None,
            "taif may be told of by a word that takes the older edition"
        );
        assert_eq!(need_not_hear(&listener(Audience::Public), &stays), None);
        assert_eq!(need_not(&["jeddah"], &bulletin(Status::Actual)), None, "it has something new to say");
    }

    #[test]
    fn drills_reach_drill_channels_and_nobody_else() {
        let drills = [Status::Exercise, Status::System, Status::Test, Status::Draft, Status::Unknown];
        for status in [Status::Actual].into_iter().chain(drills) {
            for audience in [Audience::Public, Audience::Staff, Audience::Drill] {
                let heard = hears(&listener(audience), &bulletin(status)).is_ok();
                assert_eq!(
                    heard,
                    (audience == Audience::Drill) != (status == Status::Actual),
                    "{status:?} {audience:?}"
                );
            }
        }
    }
}
