//! One bulletin being told in one language: the facts at hand, and the ways to put moments, periods and places into words.
//!
//! Nothing here decides what belongs into a message; `automatic` and `official` do.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use crate::alert::Status;
use crate::bulletin::{Bulletin, Origin};
use crate::governorate::GovernorateBook;
use crate::ids::{FeedId, GovernorateId};
use crate::language::clock::{Edge, clock_text, told};
use crate::language::date::{date_text, short_text};
use crate::language::direction::{isolate, tame};
use crate::language::list::join;
use crate::language::number::plain;
use crate::language::{Both, Language, Style};
use crate::message::Issuer;
use crate::message::area;
use crate::message::catalogue::Slot;
use crate::message::wording::{Wording, WordingError};
use crate::time::Timestamp;

/// What telling a bulletin in a language needs.
#[derive(Clone, Copy)]
pub(super) struct Telling<'a> {
    pub(super) bulletin: &'a Bulletin,
    pub(super) places: &'a GovernorateBook,
    pub(super) issuer: &'a Issuer,
    pub(super) style: &'a Style,
    pub(super) wording: &'a Wording,
    pub(super) sources: &'a BTreeMap<FeedId, Both<String>>,
    pub(super) language: Language,
    /// How days are written.
    pub(super) dates: Dates,
    /// Whether it was told before and is told once more, since it still holds.
    pub(super) is_reminder: bool,
}

/// How days are written.
#[derive(Clone, Copy)]
pub(super) enum Dates {
    /// In both calendars, with the year.
    Whole,
    /// By the weekday, the day and the month, where every letter counts.
    Short,
}

impl Dates {
    /// A day in words.
    pub(super) fn text(self, language: Language, style: &Style, day: NaiveDate) -> String {
        match self {
            Self::Whole => date_text(language, style, day),
            Self::Short => short_text(language, style, day),
        }
    }
}

/// Which headlines of the wording are meant.
#[derive(Clone, Copy)]
pub(super) enum Headlines {
    /// Those of warnings that the rules of this house made and that the law lets its issuer give.
    Own,
    /// Those of warnings that the rules of this house made and that are nobody's official word: they say so at once.
    Automatic,
    /// Those of warnings that the people on duty give by hand and that are nobody's official word.
    Desk,
    /// Those of an authority's warnings.
    Official,
}

impl Headlines {
    /// Those that a bulletin goes by.
    pub(super) fn of(telling: &Telling<'_>) -> Self {
        match &telling.bulletin.origin {
            Origin::Automatic { .. } | Origin::Desk if telling.issuer.may_warn => Self::Own,
            Origin::Automatic { .. } => Self::Automatic,
            Origin::Desk => Self::Desk,
            Origin::Official { .. } => Self::Official,
        }
    }
}

/// A text, or why it could not be made.
pub(super) type Told = Result<String, WordingError>;

/// A single moment on the clocks of the reader, with its day. Midnight belongs to two days: which of its ends it is, is said.
pub(super) fn moment(
    wording: &Wording,
    style: &Style,
    language: Language,
    dates: Dates,
    (moment, edge): (Timestamp, Edge),
) -> Told {
    let local = DateTime::with_timezone(&moment, &style.zone).naive_local();
    let (day, midnight) = told(local, edge);
    let date = dates.text(language, style, day);
    match midnight {
        Some(Edge::Start) => wording.say(language, "period.day_start", &[(Slot::Date, &date)]),
        Some(Edge::End) => wording.say(language, "period.day_end", &[(Slot::Date, &date)]),
        None => {
            let clock = clock_text(language, style, local.time());
            wording.say(language, "period.moment", &[(Slot::Clock, &clock), (Slot::Date, &date)])
        }
    }
}

impl Telling<'_> {
    /// Fills a text of the wording.
    pub(super) fn say(&self, key: &str, slots: &[(Slot, &str)]) -> Told {
        self.wording.say(self.language, key, slots)
    }

    /// A text that stands for the bulletin's severity.
    pub(super) fn by_severity(&self, section: &str) -> Told {
        self.say(&format!("{section}.{}", self.bulletin.severity), &[])
    }

    /// A text that stands for the bulletin's hazard at its severity.
    pub(super) fn by_hazard(&self, section: &str, slots: &[(Slot, &str)]) -> Told {
        self.say(&format!("{section}.{}.{}", self.bulletin.hazard, self.bulletin.severity), slots)
    }

    /// Places in words, in the genitive.
    pub(super) fn areas(&self, areas: &[GovernorateId]) -> Told {
        area::told(self, areas)
    }

    /// Where the hazard reaches.
    pub(super) fn reach(&self) -> Told {
        self.reach_of(&self.areas(&self.bulletin.areas)?)
    }

    /// The same of places that were put into words before.
    pub(super) fn reach_of(&self, places: &str) -> Told {
        self.say(&format!("reach.{}", self.bulletin.hazard), &[(Slot::Places, places)])
    }

    /// Where the hazard reaches, with the preposition that it takes: rain falls on a place, floods run in it.
    pub(super) fn whereabouts(&self) -> Told {
        self.say(&format!("where.{}", self.bulletin.hazard), &[(Slot::Reach, &self.reach()?)])
    }

    /// A moment on the clocks of the reader.
    pub(super) fn local(&self, moment: Timestamp) -> NaiveDateTime {
        DateTime::with_timezone(&moment, &self.style.zone).naive_local()
    }

    /// A single moment, with its day.
    pub(super) fn moment(&self, moment: Timestamp, edge: Edge) -> Told {
        self::moment(self.wording, self.style, self.language, self.dates, (moment, edge))
    }

    /// True when the danger has begun by the time of the bulletin.
    pub(super) fn has_begun(&self) -> bool {
        self.bulletin.onset <= self.bulletin.issued
    }

    /// From when until when; what has begun is told by its end alone.
    pub(super) fn period(&self) -> Told {
        let (onset, end) = (self.bulletin.onset, self.bulletin.until);
        let until = self.moment(end, Edge::End)?;
        if self.has_begun() || end <= onset {
            return self.say("period.until", &[(Slot::Until, &until)]);
        }
        let (from_day, from_midnight) = told(self.local(onset), Edge::Start);
        let (until_day, until_midnight) = told(self.local(end), Edge::End);
        if from_day != until_day {
            let from = self.moment(onset, Edge::Start)?;
            return self.say("period.two_days", &[(Slot::From, &from), (Slot::Until, &until)]);
        }
        if from_midnight.is_some() && until_midnight.is_some() {
            let date = self.dates.text(self.language, self.style, from_day);
            return self.say("period.whole_day", &[(Slot::Date, &date)]);
        }
        let from = clock_text(self.language, self.style, self.local(onset).time());
        self.say("period.same_day", &[(Slot::FromClock, &from), (Slot::Until, &until)])
    }

    /// A headline from the facts, on one line: by what is to be expected for our own warnings, by the hazard's name alone for an
    /// authority's, whose words say what is to be expected.
    pub(super) fn headline(&self, section: Headlines) -> Told {
        self.headline_of(section, &self.areas(&self.bulletin.areas)?)
    }

    /// The same with places that were put into words before.
    pub(super) fn headline_of(&self, section: Headlines, places: &str) -> Told {
        let (level, the_level, headline) = match section {
            Headlines::Own => ("level", "the_level", "headline"),
            Headlines::Automatic => ("automatic_level", "the_automatic_level", "automatic_headline"),
            Headlines::Desk => ("desk_level", "the_desk_level", "desk_headline"),
            Headlines::Official => ("level", "the_level", "official_headline"),
        };
        let (level, the_level) = (self.by_severity(level)?, self.by_severity(the_level)?);
        let colour = self.by_severity("colour")?;
        let hazard = self.say(&format!("hazard.{}", self.bulletin.hazard), &[])?;
        let whereabouts =
            self.say(&format!("where.{}", self.bulletin.hazard), &[(Slot::Reach, &self.reach_of(places)?)])?;
        let mut slots = vec![
            (Slot::Level, level.as_str()),
            (Slot::TheLevel, &the_level),
            (Slot::Colour, &colour),
            (Slot::Hazard, &hazard),
            (Slot::Where, &whereabouts),
        ];
        let phenomenon = self.by_hazard("phenomenon", &[])?;
        if !matches!(section, Headlines::Official) {
            slots.push((Slot::Phenomenon, &phenomenon));
        }
        self.say(&format!("{headline}.{}", self.bulletin.change.name()), &slots)
    }

    /// The words that mark what is not meant for everyone; none for what is.
    pub(super) fn banner(&self) -> Result<Option<String>, WordingError> {
        self.banner_key().map(|key| self.say(key, &[])).transpose()
    }

    /// Under which key they stand in every wording.
    pub(super) fn banner_key(&self) -> Option<&'static str> {
        match self.bulletin.status {
            Status::Actual => None,
            Status::Exercise => Some("banner.exercise"),
            Status::System => Some("banner.system"),
            Status::Test => Some("banner.test"),
            Status::Draft | Status::Unknown => Some("banner.draft"),
        }
    }

    /// The headline, marked when it is told once more, and when it is not meant for everyone.
    pub(super) fn marked(&self, headline: String) -> Told {
        let headline = match self.is_reminder {
            true => self.say("reminder.headline", &[(Slot::Headline, &headline)])?,
            false => headline,
        };
        match self.banner()? {
            None => Ok(headline),
            Some(banner) => self.say("banner.headline", &[(Slot::Banner, &banner), (Slot::Headline, &headline)]),
        }
    }

    /// The number to call, in the digits that stand on every telephone.
    pub(super) fn emergency_number(&self) -> String {
        isolate(self.language, &self.issuer.emergency_number)
    }

    /// Number and edition, and what this takes the place of.
    pub(super) fn number(&self) -> Told {
        let bulletin = self.bulletin;
        let number = isolate(self.language, &bulletin.number);
        let edition = plain(self.language, self.style, bulletin.edition.into());
        let own = format!("{}.", bulletin.number);
        let replaced: Vec<String> = bulletin
            .replaces
            .iter()
            .map(|id| match id.as_str().strip_prefix(&own).and_then(|edition| edition.parse::<i64>().ok()) {
                Some(edition) => plain(self.language, self.style, edition),
                None => isolate(self.language, id.as_str()),
            })
            .collect();
        let slots = [(Slot::Number, number.as_str()), (Slot::Edition, &edition)];
        if replaced.is_empty() {
            return self.say("notice.number", &slots);
        }
        let [number, edition] = slots;
        self.say("notice.number_replacing", &[number, edition, (Slot::Replaced, &join(self.language, &replaced))])
    }

    /// What the people on duty add in their own words.
    pub(super) fn remarks(&self) -> Option<String> {
        let remarks = self.bulletin.by_hand.remarks.as_ref()?.get(self.language);
        (!remarks.is_empty()).then(|| tame(remarks))
    }

    /// Why what was told is taken back; a sentence without a reason where none is known.
    pub(super) fn reason(&self) -> Result<Option<String>, WordingError> {
        self.bulletin.by_hand.reason.map(|reason| self.say(&format!("reason.{}", reason.name()), &[])).transpose()
    }

    /// The paragraphs of a correction: what is taken back, why, and what follows from that.
    pub(super) fn correction(&self) -> Result<Vec<String>, WordingError> {
        let whereabouts = self.whereabouts()?;
        let hazard = self.say(&format!("hazard.{}", self.bulletin.hazard), &[])?;
        let withdrawn = self.say("body.corrected", &[(Slot::Hazard, &hazard), (Slot::Where, &whereabouts)])?;
        let told: Vec<String> = [Some(withdrawn), self.reason()?].into_iter().flatten().collect();
        let after = self.say("body.after_correction", &[])?;
        Ok([Some(told.join(" ")), self.remarks(), Some(after)].into_iter().flatten().collect())
    }

    /// The paragraphs about places left or told of elsewhere and about silence, where there is something to say.
    pub(super) fn caveats(&self) -> Result<Vec<String>, WordingError> {
        let mut caveats = self.partings()?;
        caveats.extend(self.silence("body.silent")?);
        Ok(caveats)
    }

    /// The paragraphs about places left or told of elsewhere.
    pub(super) fn partings(&self) -> Result<Vec<String>, WordingError> {
        let mut partings = self.places_left()?;
        if !self.bulletin.parted.is_empty() {
            partings.push(self.say("body.parted", &[(Slot::Left, &self.areas(&self.bulletin.parted)?)])?);
        }
        Ok(partings)
    }

    /// The paragraphs about places that the warning has left, and about those that it may have left.
    pub(super) fn places_left(&self) -> Result<Vec<String>, WordingError> {
        let told = [("body.left", &self.bulletin.left), ("body.doubtful", &self.bulletin.doubtful)];
        let told = told.into_iter().filter(|(_, places)| !places.is_empty());
        told.map(|(key, places)| self.say(key, &[(Slot::Left, &self.areas(places)?)])).collect()
    }

    /// Since when there are no fresh data, when that is so.
    pub(super) fn silence(&self, key: &str) -> Result<Option<String>, WordingError> {
        let Some(since) = self.bulletin.silent_since else { return Ok(None) };
        let since = self.moment(since, Edge::Start)?;
        self.say(key, &[(Slot::Since, &since)]).map(Some)
    }
}
