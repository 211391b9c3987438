//! What there is to be said on a card, from the bulletin and the wording: the clauses of the short forms, and the few words that
//! only cards have.

use super::MAX_ALT_LEN;
use super::code;
use super::letters::{BOUND, Text, Weight, can_write};
use super::look::Tone;
use super::map::Spot;
use super::says::{Clause, Place, Says};
use crate::bulletin::{Change, Origin};
use crate::language::clock::Edge;
use crate::language::{Grammar, Language};
use crate::message::catalogue::Slot;
use crate::message::official::{self, Source};
use crate::message::telling::{Dates, Telling, Told as Text_};
use crate::message::wording::WordingError;
use crate::message::{area, automatic, brief, evidence};

/// How many places may be named before the others are counted, where there is no room for all.
const NAMED: [usize; 8] = [1, 2, 3, 4, 6, 8, 11, 15];

/// The words of a card, before it is known which of them there is room for.
pub(super) struct Told {
    /// The headline, as the short forms have it.
    pub(super) headline: String,
    level: String,
    tag: Option<String>,
    title: String,
    labels: [String; 3],
    clauses: Vec<(Place, Vec<String>)>,
    /// What the map shows.
    map: String,
}

/// Puts everything that a card may say into words.
pub(super) fn told(telling: &Telling<'_>) -> Result<Told, WordingError> {
    let labels = ["card.places", "card.period", "card.action"].map(|key| telling.say(key, &[]));
    let [places, period, action] = labels;
    let headlines = brief::heads(telling)?;
    Ok(Told {
        headline: headlines.get(1).cloned().unwrap_or_default(),
        level: level(telling)?,
        tag: tag(telling)?,
        title: begun(telling.language, &title(telling)?),
        labels: [places?, period?, action?],
        clauses: clauses(telling)?,
        map: telling.say("card.map", &[(Slot::Region, telling.places.region.get(telling.language))])?,
    })
}

/// The level in words: that of what is in force, or that it is over.
fn level(telling: &Telling<'_>) -> Text_ {
    let (level, the_level) = match telling.bulletin.origin {
        Origin::Automatic { .. } if !telling.issuer.may_warn => ("automatic_level", "the_automatic_level"),
        Origin::Desk if !telling.issuer.may_warn => ("desk_level", "the_desk_level"),
        Origin::Automatic { .. } | Origin::Desk | Origin::Official { .. } => ("level", "the_level"),
    };
    let is_official = matches!(telling.bulletin.origin, Origin::Official { .. });
    let end = match telling.bulletin.change {
        Change::Lifted if is_official => "card.cancelled",
        Change::Lifted => "card.lifted",
        Change::Expired => "card.expired",
        Change::Corrected => "card.corrected",
        Change::Issued | Change::Raised | Change::Lowered | Change::Extended | Change::Updated => {
            return telling.by_severity(level);
        }
    };
    telling.say(end, &[(Slot::TheLevel, &telling.by_severity(the_level)?)])
}

/// What became of a warning that was told before and is in force.
fn tag(telling: &Telling<'_>) -> Result<Option<String>, WordingError> {
    let key = match telling.bulletin.change {
        Change::Raised => "card.raised",
        Change::Lowered => "card.lowered",
        Change::Extended => "card.extended",
        Change::Updated => "card.updated",
        Change::Issued | Change::Lifted | Change::Expired | Change::Corrected => return Ok(None),
    };
    telling.say(key, &[]).map(Some)
}

/// What threatens: what is to be expected, or the hazard's name for an end and for an authority, whose words say the rest.
fn title(telling: &Telling<'_>) -> Text_ {
    match telling.bulletin.origin {
        Origin::Automatic { .. } | Origin::Desk if !telling.bulletin.change.is_end() => {
            telling.by_hazard("phenomenon", &[])
        }
        Origin::Automatic { .. } | Origin::Desk | Origin::Official { .. } => {
            telling.say(&format!("hazard.{}", telling.bulletin.hazard), &[])
        }
    }
}

/// The words that mark what is not meant, in this language and in the other one: a picture travels further than its text.
pub(super) fn banners(telling: &Telling<'_>) -> Result<Vec<String>, WordingError> {
    let both = [telling.language, telling.language.other()].map(|language| Telling { language, ..*telling }.banner());
    both.into_iter().filter_map(Result::transpose).collect()
}

/// A text with a capital at its beginning, where the language has them.
fn begun(language: Language, text: &str) -> String {
    let mut letters = text.chars();
    match (language.grammar(), letters.next()) {
        (Grammar::En, Some(first)) => first.to_uppercase().chain(letters).collect(),
        (Grammar::Ar | Grammar::En, _) => text.to_owned(),
    }
}

/// Every place of a card with its wordings, the shortest first.
fn clauses(telling: &Telling<'_>) -> Result<Vec<(Place, Vec<String>)>, WordingError> {
    let short = Telling { dates: Dates::Short, ..*telling };
    let is_over = telling.bulletin.change.is_end();
    let effects = if is_over { String::new() } else { telling.by_hazard("effects", &[])? };
    let effects =
        (!effects.is_empty()).then(|| telling.say("body.effects", &[(Slot::Effects, &effects)])).transpose()?;
    let number = telling.emergency_number();
    let emergency =
        (!is_over).then(|| telling.say("brief.emergency", &[(Slot::EmergencyNumber, &number)])).transpose()?;
    // It stands in a frame of its own.
    let emergency = emergency.map(|text| text.trim_end_matches('.').to_owned());
    let quote = match &telling.bulletin.origin {
        Origin::Official { words, .. } => official::own_headline(telling, words),
        Origin::Automatic { .. } | Origin::Desk => None,
    };
    let quote = quote.map(|quote| telling.say("notice.quotation", &[(Slot::Quote, &quote)])).transpose()?;
    let left = telling.partings()?.into_iter().reduce(|one, other| format!("{one} {other}"));
    Ok(vec![
        (Place::Where, whereabouts(telling)?),
        (Place::Period, vec![period(&short)?, period(telling)?]),
        (Place::Silence, silence(&short)?.into_iter().chain(silence(telling)?).collect()),
        (Place::Quote, quote.into_iter().collect()),
        (Place::Action, brief::actions(telling)?),
        (Place::Left, left.into_iter().collect()),
        (Place::Effects, effects.into_iter().collect()),
        (Place::Source, sources(telling)?),
        (Place::Emergency, emergency.into_iter().collect()),
        (Place::Number, brief::numbers(telling)?),
    ])
}

/// Where: by the number of places, by more and more names, by all of them.
fn whereabouts(telling: &Telling<'_>) -> Result<Vec<String>, WordingError> {
    let areas = &telling.bulletin.areas;
    let mut told = vec![area::counted(telling, areas)?];
    for named in NAMED.into_iter().filter(|named| *named < areas.len()) {
        told.push(area::bounded(telling, areas, named)?);
    }
    told.push(telling.areas(areas)?);
    // All of a region are told by its name, and no part of them is.
    if told.first() == told.last() {
        told.truncate(1);
    }
    told.into_iter().map(|places| Ok(begun(telling.language, &telling.reach_of(&places)?))).collect()
}

fn period(telling: &Telling<'_>) -> Text_ {
    if telling.bulletin.change.is_end() {
        let ended = telling.moment(telling.bulletin.until, Edge::End)?;
        let is_back = telling.bulletin.change == Change::Corrected;
        return telling.say(if is_back { "brief.withdrawn" } else { "brief.ended" }, &[(Slot::Ended, &ended)]);
    }
    telling.period().map(|period| begun(telling.language, &period))
}

fn silence(telling: &Telling<'_>) -> Result<Option<String>, WordingError> {
    match telling.bulletin.change {
        Change::Lifted | Change::Corrected => Ok(None),
        Change::Expired => telling.silence("body.no_data"),
        Change::Issued | Change::Raised | Change::Lowered | Change::Extended | Change::Updated => {
            telling.silence("brief.silent")
        }
    }
}

/// Who says so: in short, and with what it rests on.
fn sources(telling: &Telling<'_>) -> Result<Vec<String>, WordingError> {
    let feeds = evidence::sources(telling);
    let issuer = telling.issuer.name.get(telling.language);
    let each = ["", feeds.as_str()];
    match &telling.bulletin.origin {
        Origin::Official { identity, words, .. } if telling.bulletin.change == Change::Corrected => {
            let authority = Source { identity, words }.authority(telling.language);
            official::relayed_before(telling, &authority).map(|source| vec![source])
        }
        Origin::Desk => automatic::source(telling).map(|source| vec![source]),
        Origin::Automatic { .. } if telling.bulletin.change == Change::Corrected => {
            automatic::source(telling).map(|source| vec![source])
        }
        Origin::Official { identity, words, .. } => {
            let authority = Source { identity, words }.authority(telling.language);
            telling.say("notice.relayed", &[(Slot::Authority, &authority)]).map(|source| vec![source])
        }
        Origin::Automatic { .. } if telling.issuer.may_warn => each
            .into_iter()
            .map(|feeds| telling.say("notice.issuer", &[(Slot::Issuer, issuer), (Slot::Sources, feeds)]))
            .collect(),
        Origin::Automatic { .. } => {
            each.into_iter().map(|feeds| telling.say("notice.automatic", &[(Slot::Sources, feeds)])).collect()
        }
    }
}

impl Told {
    /// The same to be drawn; none when a word that always stands on a card cannot be written.
    pub(super) fn drawn<'a>(&self, telling: &Telling<'a>, banners: &[String]) -> Option<Says<'a>> {
        let language = telling.language;
        let bulletin = telling.bulletin;
        let always = [&self.level, &self.title].into_iter().chain(&self.labels).chain(banners).chain(&self.tag);
        if !always.into_iter().all(|text| can_write(text)) {
            return None;
        }
        let text = |weight, text: &String| Text::new(language, weight, text);
        let named = |id| telling.places.get(id).map(|place| place.name.get(language).as_str());
        let names: Vec<&str> = bulletin.areas.iter().filter_map(named).filter(|name| name.contains(' ')).collect();
        // A name of two words is not parted at the end of a line.
        let bound = |text: &str| {
            names.iter().fold(text.to_owned(), |text, name| text.replace(name, &name.replace(' ', &BOUND.to_string())))
        };
        let spots = telling.places.iter().map(|place| Spot {
            outline: &place.outline,
            seat: place.seat,
            is_meant: bulletin.areas.contains(&place.id),
        });
        let address = telling.issuer.bulletins.as_ref().map(|place| place.replace("{id}", bulletin.id.as_str()));
        let credit = telling.places.credit.as_ref().filter(|credit| can_write(credit));
        let each = [language, language.other()];
        Some(Says {
            language,
            tone: Tone::of(bulletin.change, bulletin.severity),
            hazard: bulletin.hazard,
            banners: each
                .into_iter()
                .zip(banners)
                .map(|(language, text)| Text::new(language, Weight::Bold, text))
                .collect(),
            level: text(Weight::Bold, &self.level),
            tag: self.tag.as_ref().map(|tag| text(Weight::Bold, tag)),
            title: text(Weight::Bold, &self.title),
            labels: self.labels.each_ref().map(|label| text(Weight::Regular, label)),
            clauses: self
                .clauses
                .iter()
                .map(|(place, wordings)| Clause::new(language, *place, wordings.clone(), bound))
                .collect(),
            code: address.and_then(|address| code::of(&address)),
            spots: spots.collect(),
            credit: credit.map(|credit| Text::new(Language::En, Weight::Regular, credit)),
        })
    }

    /// The card in words: what stands on it, in the order of its importance, as far as descriptions go.
    pub(super) fn alt(&self, says: &Says<'_>) -> String {
        const ORDER: [Place; 9] = [
            Place::Period,
            Place::Silence,
            Place::Action,
            Place::Source,
            Place::Left,
            Place::Quote,
            Place::Effects,
            Place::Emergency,
            Place::Number,
        ];
        let clauses = ORDER.iter().filter_map(|place| says.said(*place));
        let mut alt = String::new();
        for text in std::iter::once(self.headline.as_str()).chain(clauses).chain([self.map.as_str()]) {
            let longer = if alt.is_empty() { text.to_owned() } else { format!("{alt}\n{text}") };
            if longer.encode_utf16().count() <= MAX_ALT_LEN {
                alt = longer;
            }
        }
        alt
    }
}
