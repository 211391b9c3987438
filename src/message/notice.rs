//! What is said to the people on duty, in the words of `[staff]`: what is the matter, since when, what rests on it, what to do.
//!
//! What comes from outside (reasons, names of alerts) stands in isolates, on one line, cut to a bounded length; it is quoted and
//! never made into a sentence of ours.

use crate::governorate::GovernorateBook;
use crate::ids::{ChannelId, FeedId};
use crate::language::Language;
use crate::language::clock::Edge;
use crate::language::direction::{isolate, tame};
use crate::language::list::join;
use crate::language::number::{Rounded, plain};
use crate::message::Speaker;
use crate::message::catalogue::Slot;
use crate::message::evidence::span_of;
use crate::message::telling::{Dates, Told, moment};
use crate::message::text::Spoken;
use crate::message::wording::WordingError;
use crate::notice::{
    Dropped, FeedClock, HeldAlert, Holding, Notice, Part, Past, RanOut, SUBSCRIBER_FAILS_FOR, Server, Side, Stage,
    Topic,
};
use crate::time::{TimeDelta, Timestamp};

/// The most things that a text lists; all of them stand in the JSON form.
pub(super) const MAX_LISTED: usize = 10;

/// The longest piece of text from outside that is quoted, in characters.
pub(super) const MAX_QUOTE: usize = 300;

/// A notice being told in one language.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    pub(super) notice: &'a Notice,
    pub(super) places: &'a GovernorateBook,
    pub(super) speaker: &'a Speaker,
    pub(super) language: Language,
}

impl Desk<'_> {
    /// Headline and body.
    pub(super) fn speak(&self) -> Result<Spoken, WordingError> {
        let (headline, mut paragraphs) = match &self.notice.topic {
            Topic::FeedSilent { feed, was_heard, past, why, resting } => (
                self.lasting("feed-silent", &self.feed(feed))?,
                self.silent(feed, *was_heard, past, why.as_deref(), *resting)?,
            ),
            Topic::UnknownShape { feed, parts, more } => {
                (self.lasting("unknown-shape", &self.feed(feed))?, self.strange(feed, parts, *more)?)
            }
            Topic::AlertHeld { feed, why, alerts, more } => self.held(feed, *why, alerts, *more)?,
            Topic::ClockSkew { side, servers } => (self.lasting(side.name(), "")?, self.skew(*side, servers)?),
            Topic::RanOut { warnings, more } => (self.say("staff.ran_out", &[])?, self.ran_out(warnings, *more)?),
            Topic::SubscriberDisabled { channel, subscribers, more } => self.disabled(channel, subscribers, *more)?,
        };
        paragraphs.push(format!("{}\n{}", self.say("staff.private", &[])?, self.number()?));
        Ok(Spoken { headline, body: paragraphs.join("\n\n") })
    }

    fn say(&self, key: &str, slots: &[(Slot, &str)]) -> Told {
        self.speaker.wording.say(self.language, key, slots)
    }

    /// The headline of what lasts, by where it stands.
    fn lasting(&self, group: &str, feed: &str) -> Told {
        self.say(&format!("staff_headline.{group}.{}", self.notice.stage.name()), &[(Slot::Feed, feed)])
    }

    fn feed(&self, feed: &FeedId) -> String {
        isolate(self.language, feed.as_str())
    }

    /// What the public reads in place of the feed; for a feed that is not configured any more its name.
    fn source(&self, feed: &FeedId) -> String {
        let name = self.speaker.sources.get(feed).map_or(feed.as_str(), |name| name.get(self.language));
        isolate(self.language, tame(name).trim())
    }

    fn moment(&self, at: Timestamp) -> Told {
        moment(&self.speaker.wording, &self.speaker.style, self.language, Dates::Whole, (at, Edge::Start))
    }

    /// A length of time, without the crumbs that nobody needs.
    fn span(&self, span: TimeDelta) -> Told {
        let minutes = span.num_minutes().max(1);
        let rounded = match minutes {
            _ if minutes <= 120 || minutes % 60 == 0 => TimeDelta::minutes(minutes),
            _ if minutes < 48 * 60 => TimeDelta::hours((minutes + 30) / 60),
            _ => TimeDelta::days((minutes + 12 * 60) / (24 * 60)),
        };
        span_of(&self.speaker.wording, &self.speaker.style, self.language, rounded)
    }

    fn count(&self, key: &str, count: u32) -> Told {
        let number = Rounded::new(f64::from(count), 0);
        self.speaker.wording.count(self.language, &self.speaker.style, key, &number)
    }

    /// A text from outside on one line, cut and isolated.
    fn quote(&self, text: &str) -> String {
        let line = tame(text).split_whitespace().collect::<Vec<_>>().join(" ");
        let cut: String = line.chars().take(MAX_QUOTE).collect();
        let cut = if cut.len() < line.len() { format!("{}…", cut.trim_end()) } else { cut };
        isolate(self.language, &cut)
    }

    /// Lines one under the other, the last of them first when there are too many, and how many are left out.
    fn list<T>(&self, all: &[T], more: u32, line: impl Fn(&T) -> Told) -> Told {
        let surplus = all.len().saturating_sub(MAX_LISTED);
        let mut lines = all.iter().skip(surplus).map(line).collect::<Result<Vec<_>, _>>()?;
        let more = more.saturating_add(u32::try_from(surplus).unwrap_or(u32::MAX));
        if 0 < more {
            lines.push(self.count("staff_count.more", more)?);
        }
        Ok(lines.join("\n"))
    }

    fn silent(
        &self,
        feed: &FeedId,
        was_heard: bool,
        past: &[Past],
        why: Option<&str>,
        resting: u32,
    ) -> Result<Vec<String>, WordingError> {
        let (source, name) = (self.source(feed), self.feed(feed));
        let first = past.first();
        let since = self.moment(first.map_or(self.notice.since, |past| past.since))?;
        if self.notice.stage == Stage::Ended {
            let since = self.moment(self.notice.since)?;
            let slots = [(Slot::Source, source.as_str()), (Slot::Feed, &name), (Slot::Since, &since)];
            return Ok(vec![self.say("staff.silent_ended", &slots)?]);
        }
        let limit = self.span(first.map_or(TimeDelta::zero(), |past| past.limit))?;
        let key = match first.map(|past| past.clock) {
            Some(FeedClock::News) => "staff.news",
            Some(FeedClock::Age) => "staff.age",
            Some(FeedClock::Fetch) | None if was_heard => "staff.fetch",
            Some(FeedClock::Fetch) | None => "staff.unheard",
        };
        let slots =
            [(Slot::Source, source.as_str()), (Slot::Feed, &name), (Slot::Since, &since), (Slot::Window, &limit)];
        let mut paragraphs = vec![self.say(key, &slots)?];
        if let Some(why) = why {
            paragraphs.push(self.say("staff.why", &[(Slot::Quote, &self.quote(why))])?);
        }
        let resting =
            if resting == 0 { self.say("staff.none_rests", &[])? } else { self.count("staff_count.resting", resting)? };
        paragraphs.push(format!("{resting} {}", self.say("staff.no_calm", &[])?));
        Ok(paragraphs)
    }

    fn strange(&self, feed: &FeedId, parts: &[Part], more: u32) -> Result<Vec<String>, WordingError> {
        let (source, name) = (self.source(feed), self.feed(feed));
        let slots = [(Slot::Source, source.as_str()), (Slot::Feed, name.as_str())];
        if self.notice.stage == Stage::Ended {
            return Ok(vec![self.say("staff.strange_ended", &slots)?]);
        }
        let list = self.list(parts, more, |part| {
            self.say("staff.item", &[(Slot::Quote, &self.quote(&format!("{}: {}", part.part, part.why)))])
        })?;
        Ok(vec![self.say("staff.strange", &slots)?, list])
    }

    fn held(
        &self,
        feed: &FeedId,
        why: Holding,
        alerts: &[HeldAlert],
        more: u32,
    ) -> Result<(String, Vec<String>), WordingError> {
        let (headline, body) = match why {
            Holding::Unplaced => ("staff.held_unplaced", "staff.unplaced"),
            Holding::NotPublic => ("staff.held_not_public", "staff.not_public"),
            Holding::UnknownStatus => ("staff.held_unknown_status", "staff.unknown_status"),
            Holding::Incident => ("staff.held_incident", "staff.incident"),
            Holding::NotHad => ("staff.held_not_had", "staff.not_had"),
        };
        let (source, name) = (self.source(feed), self.feed(feed));
        let list = self.list(alerts, more, |held| {
            let text =
                if held.about.is_empty() { held.alert.clone() } else { format!("{} ({})", held.about, held.alert) };
            self.say("staff.item", &[(Slot::Quote, &self.quote(&text))])
        })?;
        let body = self.say(body, &[(Slot::Source, &source), (Slot::Feed, &name)])?;
        Ok((self.say(headline, &[(Slot::Feed, &name)])?, vec![body, list]))
    }

    fn skew(&self, side: Side, servers: &[Server]) -> Result<Vec<String>, WordingError> {
        if self.notice.stage == Stage::Ended {
            return Ok(vec![self.say("staff.skew_ended", &[])?]);
        }
        let list = self.list(servers, 0, |server| {
            let key = if server.ahead_s < 0 { "staff.behind" } else { "staff.ahead" };
            let span = self.span(TimeDelta::try_seconds(server.ahead_s).unwrap_or_default().abs())?;
            self.say(key, &[(Slot::Name, &self.quote(&server.name)), (Slot::Window, &span)])
        })?;
        let advice = match side {
            Side::Ours => "staff.skew_ours",
            Side::Theirs => "staff.skew_theirs",
            Side::Either => "staff.skew_either",
        };
        Ok(vec![list, self.say(advice, &[])?])
    }

    fn ran_out(&self, warnings: &[RanOut], more: u32) -> Result<Vec<String>, WordingError> {
        let list = self.list(warnings, more, |one| {
            let level = self.say(&format!("the_level.{}", one.severity), &[])?;
            let hazard = self.say(&format!("hazard.{}", one.hazard), &[])?;
            let name = |id| self.places.get(id).map_or(id.as_str(), |place| place.name.get(self.language));
            let names: Vec<String> = one.areas.iter().map(|id| isolate(self.language, name(id))).collect();
            let until = moment(
                &self.speaker.wording,
                &self.speaker.style,
                self.language,
                Dates::Whole,
                (one.until, Edge::End),
            )?;
            self.say(
                "staff.ran_out_item",
                &[
                    (Slot::Number, &isolate(self.language, &one.number)),
                    (Slot::TheLevel, &level),
                    (Slot::Hazard, &hazard),
                    (Slot::Names, &join(self.language, &names)),
                    (Slot::Until, &until),
                ],
            )
        })?;
        Ok(vec![self.say("staff.ran_out_body", &[])?, list])
    }

    fn disabled(
        &self,
        channel: &ChannelId,
        subscribers: &[Dropped],
        more: u32,
    ) -> Result<(String, Vec<String>), WordingError> {
        let name = isolate(self.language, channel.as_str());
        let list = self.list(subscribers, more, |one| {
            self.say("staff.item", &[(Slot::Quote, &self.quote(&format!("{}: {}", one.name, one.why)))])
        })?;
        let limit = self.span(SUBSCRIBER_FAILS_FOR)?;
        let body = self.say("staff.disabled_body", &[(Slot::Name, &name), (Slot::Window, &limit)])?;
        let command = isolate(self.language, &format!("nadhir subscriber resume NAME --channel {channel}"));
        let advice = self.say("staff.disabled_advice", &[(Slot::Quote, &command)])?;
        Ok((self.say("staff.disabled", &[(Slot::Name, &name)])?, vec![body, list, advice]))
    }

    /// Number and edition, and the one that this takes the place of.
    fn number(&self) -> Told {
        let number = isolate(self.language, &self.notice.number);
        let edition = |edition: u32| plain(self.language, &self.speaker.style, edition.into());
        let (own, before) = (edition(self.notice.edition), edition(self.notice.edition.saturating_sub(1)));
        let slots = [(Slot::Number, number.as_str()), (Slot::Edition, own.as_str())];
        if self.notice.edition <= 1 {
            return self.say("staff.number", &slots);
        }
        let [number, edition] = slots;
        self.say("staff.number_replacing", &[number, edition, (Slot::Replaced, &before)])
    }
}
