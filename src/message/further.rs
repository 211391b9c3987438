//! Further languages: a bulletin in fewer words, in a language that a file of `config/wording` adds to the two that everything is said in.
//!
//! What to do comes first, then for how long, whom to call, and who says so. Evidence, effects and remarks stay in Arabic and English. It
//! is told beside them and never alone, so that a fault in it never holds up a warning: such a language is left out. Every text of a file
//! is filled once when it is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr as _;
use std::sync::Arc;

use chrono::{DateTime, Datelike};
use icu_list::ListFormatter;
use icu_list::options::ListFormatterOptions;
use icu_locale_core::Locale;
use minijinja::{Environment, Value};

use super::brief::{self, Budget, Part};
use super::telling::Telling;
use super::text::Spoken;
use super::wording::{WordingError, environment, reason};
use crate::bulletin::{Change, Origin};
use crate::hazard::{Hazard, Severity};
use crate::language::Language;
use crate::language::direction::isolate;
use crate::language::measure::{Measure, POST};
use crate::problem::{Problems, SourceFile};
use crate::table::{Table, read_file};
use crate::time::Timestamp;

/// How many places are named before they are counted.
const NAMED: usize = 3;

/// How long the names of as many places are at most, as X counts.
const MAX_PLACES: usize = 60;

/// The longest text, in bytes.
const MAX_LEN: usize = 600;

/// The wording of one further language.
#[derive(Clone)]
pub struct Further {
    language: Language,
    /// Its own name, and who has read it over; nobody has while it is empty.
    name: String,
    reviewed_by: String,
    months: Vec<String>,
    environment: Environment<'static>,
    texts: BTreeMap<String, String>,
    joiner: Arc<ListFormatter>,
}

impl fmt::Debug for Further {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Further({}, {} texts)", self.language.tag(), self.texts.len())
    }
}

/// A text that every file has: section, key and what may stand in it.
type Entry = (&'static str, &'static str, &'static [&'static str]);

const HEADLINE: &[&str] = &["level", "hazard", "where"];

/// Every text of a file.
fn entries() -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    let mut put = |section, key, slots| all.push((section, key, slots));
    for section in ["level", "automatic_level", "desk_level"] {
        for severity in Severity::ALL {
            put(section, severity.name(), &[]);
        }
    }
    for hazard in Hazard::ALL {
        put("hazard", hazard.name(), &[]);
        put("action_mild", hazard.name(), &[]);
        put("action_severe", hazard.name(), &[]);
    }
    for change in Change::ALL {
        put("headline", change.name(), HEADLINE);
    }
    for end in ["lifted", "expired", "corrected"] {
        put("end", end, &[]);
    }
    for banner in ["exercise", "system", "test", "draft"] {
        put("banner", banner, &[]);
    }
    put("banner", "headline", &["banner", "headline"]);
    put("where", "named", &["names"]);
    put("where", "counted", &["count", "region"]);
    put("where", "left", &["names"]);
    put("period", "until", &["until"]);
    put("period", "span", &["from", "until"]);
    put("period", "moment", &["date", "clock"]);
    put("period", "date", &["day", "month", "year"]);
    put("note", "reminder", &["headline"]);
    put("note", "automatic", &[]);
    put("note", "desk", &[]);
    put("note", "official", &["authority"]);
    put("note", "emergency", &["number"]);
    put("note", "bulletin", &["id"]);
    all
}

impl Further {
    /// Reads the file of a language; every fault is noted, and with any there is none.
    pub fn compile(file: &Arc<SourceFile>, language: Language, problems: &Problems) -> Option<Self> {
        let own = Problems::new();
        let locale = Locale::from_str(language.tag()).ok()?;
        let joiner = ListFormatter::try_new_and(locale.into(), ListFormatterOptions::default()).ok()?;
        let further = read_file(file, &own, |root| {
            let head = root.table("language");
            if head.is_none() && !root.has("language") {
                root.missing("language", "{ name = \"…\", months = […], reviewed_by = \"\" }");
            }
            let read = head.and_then(|head| {
                let name = head.need_text("name", "\"…\"", |text| Ok(text.to_owned()));
                let reviewed_by = head.text("reviewed_by", |text| Ok(text.trim().to_owned()));
                let months: Vec<String> =
                    head.texts("months").unwrap_or_default().into_iter().map(|found| found.value).collect();
                if months.len() != 12 {
                    head.error(&head.span, format!("`months` names {} months: write all twelve", months.len()), None);
                }
                let read =
                    name.map(|name| (name.value, reviewed_by.map(|found| found.value).unwrap_or_default(), months));
                head.finish();
                read
            });
            let environment = environment();
            let texts = texts(&environment, &root);
            if let Some(longest) = longest(&environment, &texts).filter(|longest| *longest > POST) {
                let message = format!(
                    "the longest headline with the longest words on what to do has {longest} letters: a post holds {POST}"
                );
                root.error(
                    &root.span,
                    message,
                    Some("make some of `level`, `hazard`, `headline`, `banner` and `action_severe` shorter".to_owned()),
                );
            }
            root.finish();
            let (name, reviewed_by, months) = read?;
            Some(Self { language, name, reviewed_by, months, environment, texts, joiner: Arc::new(joiner) })
        });
        let is_sound = !own.has_errors();
        for problem in own.into_sorted() {
            problems.push(problem);
        }
        further.filter(|_| is_sound)
    }

    /// Its own name, such as «اردو».
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who has read it over; none when nobody has.
    pub fn reviewed_by(&self) -> Option<&str> {
        Some(self.reviewed_by.as_str()).filter(|name| !name.is_empty())
    }

    fn say(&self, key: &str, slots: &[(&str, &str)]) -> Result<String, WordingError> {
        let fail = |why: String| WordingError { key: key.to_owned(), language: self.language, why, part: None };
        let text = self.texts.get(key).ok_or_else(|| fail("it is missing".to_owned()))?;
        fill(&self.environment, text, slots).map_err(fail)
    }

    fn names(&self, telling: &Telling<'_>, ids: &[crate::ids::GovernorateId]) -> String {
        let name = |id: &crate::ids::GovernorateId| {
            let known = telling.places.get(id).map(|place| place.name.get(self.language).clone());
            isolate(self.language, &known.unwrap_or_else(|| id.to_string()))
        };
        let names: Vec<String> = ids.iter().map(name).collect();
        self.joiner.format(names.iter()).to_string()
    }

    fn places(&self, telling: &Telling<'_>) -> Result<String, WordingError> {
        let areas = &telling.bulletin.areas;
        if areas.len() <= NAMED {
            return self.say("where.named", &[("names", &self.names(telling, areas))]);
        }
        let region = isolate(self.language, telling.places.region.get(self.language));
        self.say("where.counted", &[("count", &areas.len().to_string()), ("region", &region)])
    }

    fn moment(&self, telling: &Telling<'_>, moment: Timestamp) -> Result<String, WordingError> {
        let local = DateTime::with_timezone(&moment, &telling.style.zone);
        let month = self.months.get(local.month0() as usize).map_or("", String::as_str);
        let (day, year) = (local.day().to_string(), local.year().to_string());
        let date = self.say("period.date", &[("day", &day), ("month", month), ("year", &year)])?;
        self.say("period.moment", &[("date", &date), ("clock", &local.format("%H:%M").to_string())])
    }

    fn period(&self, telling: &Telling<'_>) -> Result<String, WordingError> {
        let bulletin = telling.bulletin;
        let until = self.moment(telling, bulletin.until)?;
        match bulletin.issued < bulletin.onset {
            true => self.say("period.span", &[("from", &self.moment(telling, bulletin.onset)?), ("until", &until)]),
            false => self.say("period.until", &[("until", &until)]),
        }
    }

    fn headline(&self, telling: &Telling<'_>) -> Result<String, WordingError> {
        let bulletin = telling.bulletin;
        let section = match &bulletin.origin {
            Origin::Automatic { .. } if !telling.issuer.may_warn => "automatic_level",
            Origin::Desk if !telling.issuer.may_warn => "desk_level",
            Origin::Automatic { .. } | Origin::Desk | Origin::Official { .. } => "level",
        };
        let level = self.say(&format!("{section}.{}", bulletin.severity.name()), &[])?;
        let hazard = self.say(&format!("hazard.{}", bulletin.hazard.name()), &[])?;
        let slots = [("level", level.as_str()), ("hazard", &hazard), ("where", &self.places(telling)?)];
        let headline = self.say(&format!("headline.{}", bulletin.change.name()), &slots)?;
        let headline = match telling.is_reminder {
            true => self.say("note.reminder", &[("headline", &headline)])?,
            false => headline,
        };
        match telling.banner_key() {
            Some(key) => self.say("banner.headline", &[("banner", &self.say(key, &[])?), ("headline", &headline)]),
            None => Ok(headline),
        }
    }

    /// What to do; at an end, that nothing has to be done any more.
    fn action(&self, telling: &Telling<'_>) -> Result<String, WordingError> {
        let hazard = telling.bulletin.hazard.name();
        let key = match (telling.bulletin.change, telling.bulletin.severity) {
            (Change::Lifted, _) => "end.lifted".to_owned(),
            (Change::Expired, _) => "end.expired".to_owned(),
            (Change::Corrected, _) => "end.corrected".to_owned(),
            (_, Severity::Advisory | Severity::Yellow) => format!("action_mild.{hazard}"),
            (_, Severity::Orange | Severity::Red) => format!("action_severe.{hazard}"),
        };
        self.say(&key, &[])
    }

    /// Who says so.
    fn source(&self, telling: &Telling<'_>) -> Result<Option<String>, WordingError> {
        match &telling.bulletin.origin {
            Origin::Automatic { .. } | Origin::Desk if telling.issuer.may_warn => Ok(None),
            Origin::Automatic { .. } => self.say("note.automatic", &[]).map(Some),
            Origin::Desk => self.say("note.desk", &[]).map(Some),
            Origin::Official { identity, words, .. } => {
                let in_language = |language| words.iter().find(|words| words.is_in(language));
                let own = in_language(self.language).or_else(|| in_language(self.language.base()));
                let name = own.or(words.first()).and_then(|words| words.sender_name.as_deref());
                let name = isolate(self.language, name.unwrap_or(&identity.sender));
                self.say("note.official", &[("authority", &name)]).map(Some)
            }
        }
    }

    /// A bulletin in this language.
    pub(super) fn speak(&self, telling: &Telling<'_>) -> Result<Spoken, WordingError> {
        let bulletin = telling.bulletin;
        let mut paragraphs = vec![self.action(telling)?];
        if !bulletin.change.is_end() {
            paragraphs.push(self.period(telling)?);
        }
        if !bulletin.change.is_end() {
            let number = isolate(self.language, &telling.issuer.emergency_number);
            paragraphs.push(self.say("note.emergency", &[("number", &number)])?);
        }
        paragraphs.extend(self.source(telling)?);
        if !bulletin.left.is_empty() {
            paragraphs.push(self.say("where.left", &[("names", &self.names(telling, &bulletin.left))])?);
        }
        paragraphs.push(self.say("note.bulletin", &[("id", &isolate(self.language, bulletin.id.as_str()))])?);
        Ok(Spoken { headline: self.headline(telling)?, body: paragraphs.join("\n\n") })
    }

    /// The same within a budget.
    pub(super) fn part(&self, spoken: &Spoken, budget: Budget) -> Part {
        brief::shortened(self.language, spoken, budget)
    }
}

fn texts(environment: &Environment<'static>, root: &Table<'_>) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    let entries = entries();
    let sections: BTreeSet<&'static str> = entries.iter().map(|(section, _, _)| *section).collect();
    for section in sections {
        let Some(table) = root.table(section) else {
            if !root.has(section) {
                root.missing(section, "{ … }");
            }
            continue;
        };
        for (_, key, slots) in entries.iter().filter(|(of, _, _)| *of == section) {
            let Some(found) = table.need_text(key, "\"…\"", |text| checked(environment, text, slots)) else {
                continue;
            };
            texts.insert(format!("{section}.{key}"), found.value);
        }
        table.finish();
    }
    texts
}

/// How long a headline and what to do can become, as X counts; none while texts are missing.
fn longest(environment: &Environment<'static>, texts: &BTreeMap<String, String>) -> Option<usize> {
    let empty: Vec<(&str, &str)> = HEADLINE.iter().chain(&["names", "banner"]).map(|slot| (*slot, "")).collect();
    let length = |text: &str| Measure::Weighted.length(&fill(environment, text, &empty).unwrap_or_default());
    let most = |sections: &[&str]| {
        let of = texts.iter().filter(|(key, _)| sections.iter().any(|section| key.split('.').next() == Some(*section)));
        of.map(|(_, text)| length(text)).max()
    };
    let level = most(&["level", "automatic_level", "desk_level"])?;
    let headline = most(&["headline"])? + level + most(&["hazard"])? + length(texts.get("where.named")?) + MAX_PLACES;
    Some(headline + 1 + most(&["action_mild", "action_severe", "end"])?)
}

/// A text that can be filled with what may stand in it, and says something.
fn checked(environment: &Environment<'static>, text: &str, slots: &[&str]) -> Result<String, String> {
    if text.trim().is_empty() || MAX_LEN < text.len() {
        return Err(format!("the text is empty, or longer than {MAX_LEN} bytes"));
    }
    let trial: Vec<(&str, &str)> = slots.iter().map(|slot| (*slot, "x")).collect();
    let filled = fill(environment, text, &trial)?;
    if filled.contains(['{', '}']) {
        return Err("a bracket is left open".to_owned());
    }
    Ok(text.to_owned())
}

fn fill(environment: &Environment<'static>, text: &str, slots: &[(&str, &str)]) -> Result<String, String> {
    if !text.contains('{') {
        return Ok(text.to_owned());
    }
    let context = Value::from_pairs(slots.iter().map(|(slot, value)| (*slot, *value)));
    environment.render_str(text, context).map_err(|why| reason(&why))
}
