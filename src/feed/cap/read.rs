//! One CAP alert element to one [`Alert`]: tolerant in what can be understood, strict in what makes it what it is.
//!
//! Its words are not changed. What was wrong and read all the same is in its defects.

use std::collections::BTreeSet;

use roxmltree::Node;

use super::names;
use super::shapes::{self, Shape};
use super::xml::{child_text, children, own_text};
use super::{meaning, when};
use crate::alert::{Alert, Certainty, Identity, MsgType, Scope, Status, Words};
use crate::feed::Skip;
use crate::governorate::GovernorateBook;
use crate::hazard::{Hazard, Severity};
use crate::ids::GovernorateId;
use crate::time::{TimeDelta, Timestamp};

/// The most infos of an alert; real ones have had 9.
const MAX_INFOS: usize = 64;
/// The most areas of an alert; real ones have had some hundred.
const MAX_AREAS: usize = 2000;
/// The most polygons and circles of an area.
const MAX_SHAPES: usize = 500;
/// The most references of an alert.
const MAX_REFERENCES: usize = 500;
/// The farthest end that is believed, from the sending on: beyond it stands a slip of the pen in the year.
const MAX_LIFE: TimeDelta = TimeDelta::days(90);
/// The most defects that are kept of an alert.
const MAX_DEFECTS: usize = 50;

/// What an alert is read with.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    /// The governorates.
    pub(super) book: &'a GovernorateBook,
    /// How long an alert lives that does not say.
    pub(super) default_life: TimeDelta,
    /// The language of words that do not say.
    pub(super) language: Option<&'a str>,
    /// What time it is.
    pub(super) now: Timestamp,
}

/// What the infos of an alert say together.
#[derive(Debug, Default)]
struct Infos {
    words: Vec<(Severity, Words)>,
    hazard: Option<Hazard>,
    severity: Option<Severity>,
    certainty: Option<Certainty>,
    onset: Option<Timestamp>,
    expires: Option<Timestamp>,
    /// Whether all that are still in force say that the danger is over.
    all_clear: bool,
    found: BTreeSet<GovernorateId>,
    unplaced: Vec<String>,
}

impl Reader<'_> {
    /// Reads an alert; one that cannot be told from others, or is not for the public, is passed over with the reason.
    pub(super) fn alert(&self, node: Node<'_, '_>) -> Result<Alert, Skip> {
        let mut defects = Vec::new();
        let identifier = child_text(node, "identifier");
        let part = identifier.clone().unwrap_or_else(|| "an alert".to_owned());
        let skip = |why: &str| Skip { part: part.clone(), why: why.to_owned() };
        let identifier = identifier.ok_or_else(|| skip("it has no identifier"))?;
        let sender = child_text(node, "sender").ok_or_else(|| skip("it has no sender"))?;
        let sent = child_text(node, "sent").ok_or_else(|| skip("it does not say when it was sent"))?;
        let sent = when::read("sent", &sent, &mut defects).map_err(|why| skip(&why))?;
        match child_text(node, "scope").as_deref().map(str::to_lowercase).as_deref() {
            Some("restricted" | "private") => return Err(skip("it is not meant for the public (scope)")),
            Some("public") => {}
            _ => defects.push("the scope is missing or unknown, read as Public".to_owned()),
        }
        let status = status(child_text(node, "status"), &mut defects);
        let msg_type = msg_type(child_text(node, "msgType"), &mut defects);
        let references = references(child_text(node, "references").as_deref(), &mut defects);
        if msg_type != MsgType::Alert && references.is_empty() {
            defects.push("it changes another alert and does not say which".to_owned());
        }
        let mut infos = self.infos(node, sent, &mut defects);
        if infos.found.is_empty() && infos.unplaced.is_empty() && matches!(msg_type, MsgType::Alert | MsgType::Update) {
            infos.unplaced.push("an alert that names no area".to_owned());
        }
        let mut onset = infos.onset.unwrap_or(sent);
        let mut expires = infos.expires.unwrap_or_else(|| {
            defects.push("it does not say when it ends; a default life was given".to_owned());
            onset + self.default_life
        });
        if sent + MAX_LIFE < expires {
            defects.push(format!("it ends at {}, which is not believed", expires.format("%F %T UTC")));
            expires = sent + MAX_LIFE;
        }
        if expires < onset {
            defects.push("it begins after its end; it was taken to begin when it was sent".to_owned());
            onset = sent.min(expires);
        }
        if expires <= sent {
            defects.push("it ended before it was sent".to_owned());
        }
        // Who reads one info in a language reads the gravest.
        infos.words.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
        let found = &infos.found;
        let areas = self.book.iter().map(|place| place.id.clone()).filter(|id| found.contains(id)).collect();
        defects.truncate(MAX_DEFECTS);
        Ok(Alert {
            identity: Identity { sender, identifier, sent },
            line: None,
            part: 0,
            fingerprint: 0,
            status,
            scope: Scope::Public,
            msg_type,
            references,
            hazard: infos.hazard.unwrap_or(Hazard::Other),
            severity: infos.severity.unwrap_or(Severity::Yellow),
            certainty: infos.certainty.unwrap_or(Certainty::Unknown),
            onset,
            expires,
            words: infos.words.into_iter().map(|(_, words)| words).collect(),
            unplaced: infos.unplaced,
            areas,
            all_clear: infos.all_clear,
            defects,
        })
    }

    fn infos(&self, alert: Node<'_, '_>, sent: Timestamp, defects: &mut Vec<String>) -> Infos {
        let mut all = Infos::default();
        let infos = first(children(alert, "info"), MAX_INFOS, "infos", defects);
        if infos.is_empty() {
            defects.push("it has no info".to_owned());
        }
        // An info that is over, by the clock or by its own word, warns none of its places while another one does.
        let infos = unless_all(infos, |info| self.is_over(*info), defects);
        all.all_clear = !infos.is_empty() && infos.iter().all(|info| is_clear(*info));
        for info in unless_all(infos, |info| is_clear(*info), defects) {
            self.info(info, sent, &mut all, defects);
        }
        all
    }

    fn is_over(&self, info: Node<'_, '_>) -> bool {
        let expires = child_text(info, "expires").and_then(|text| when::read("expires", &text, &mut Vec::new()).ok());
        expires.is_some_and(|expires| expires <= self.now)
    }

    fn info(&self, info: Node<'_, '_>, sent: Timestamp, all: &mut Infos, defects: &mut Vec<String>) {
        let words = self.words(info, defects);
        let mut severity = meaning::severity(child_text(info, "severity").as_deref(), defects);
        let colours = [Some(words.event.as_str()), words.headline.as_deref()].into_iter().flatten();
        let levels = children(info, "parameter")
            .filter(|parameter| child_text(*parameter, "valueName").as_deref() == Some("awareness_level"))
            .filter_map(|parameter| meaning::awareness(&child_text(parameter, "value")?));
        let raised = colours.filter_map(meaning::colour).chain(levels).max();
        severity = severity.max(raised.unwrap_or(severity));
        let hazard = meaning::hazard(&words.event, words.headline.as_deref());
        all.hazard = all.hazard.filter(|known| *known != Hazard::Other).or(Some(hazard));
        all.certainty = stronger(all.certainty, certainty(child_text(info, "certainty"), defects));
        let mut date = |name: &'static str| {
            let text = child_text(info, name)?;
            when::read(name, &text, defects).map_err(|why| defects.push(why)).ok()
        };
        let (effective, onset, expires) = (date("effective"), date("onset"), date("expires"));
        let begins = onset.or(effective).unwrap_or(sent);
        all.onset = Some(all.onset.map_or(begins, |known| known.min(begins)));
        all.expires = all.expires.max(expires);
        if all.severity.is_some_and(|known| known != severity) {
            defects.push("its infos differ in severity; the worst is told in all of its places".to_owned());
        }
        all.severity = all.severity.max(Some(severity));
        all.words.push((severity, words));
        for area in first(children(info, "area"), MAX_AREAS, "areas", defects) {
            self.area(area, all, defects);
        }
    }

    fn words(&self, info: Node<'_, '_>, defects: &mut Vec<String>) -> Words {
        let text = |name| child_text(info, name);
        let event = text("event").unwrap_or_else(|| {
            defects.push("an info names no event".to_owned());
            String::new()
        });
        let headline = text("headline");
        let language = text("language").or_else(|| self.language.map(str::to_owned)).unwrap_or_else(|| {
            let arabic = |text: &str| text.chars().any(|c| matches!(c, '\u{620}'..='\u{64a}'));
            if arabic(&event) || headline.as_deref().is_some_and(arabic) {
                defects.push("an info in Arabic does not say its language".to_owned());
                "ar".to_owned()
            } else {
                "en-US".to_owned()
            }
        });
        Words {
            language,
            event,
            headline,
            description: text("description"),
            instruction: text("instruction"),
            sender_name: text("senderName"),
            web: text("web"),
        }
    }

    /// Places one area: its shapes and its names together; what neither can place is held for staff.
    fn area(&self, area: Node<'_, '_>, all: &mut Infos, defects: &mut Vec<String>) {
        let mut shapes: Vec<Shape> = Vec::new();
        let bounds = &self.book.bounds;
        let polygons = children(area, "polygon").filter_map(own_text).map(|text| (text, true));
        let circles = children(area, "circle").filter_map(own_text).map(|text| (text, false));
        for (text, is_polygon) in first(polygons.chain(circles), MAX_SHAPES, "polygons and circles", defects) {
            let read = if is_polygon { shapes::polygon } else { shapes::circle };
            match read(&text, bounds, defects) {
                Ok(shape) => shapes.push(shape),
                Err(why) => defects.push(why),
            }
        }
        let description = child_text(area, "areaDesc");
        let named = description.as_deref().map(|text| names::read(text, self.book)).unwrap_or_default();
        let touched = shapes::touched(&shapes, self.book);
        let mut hold = |text: String| {
            if !all.unplaced.contains(&text) {
                all.unplaced.push(text);
            }
        };
        if touched.is_empty() {
            if named.found.is_empty() && named.unknown.is_empty() {
                hold(description.unwrap_or_else(|| "an area without a description".to_owned()));
            }
            named.unknown.into_iter().for_each(&mut hold);
        }
        all.found.extend(named.found);
        all.found.extend(touched);
    }
}

/// Leaves out what is of the past, unless all of it is.
fn unless_all<'a, 'i>(
    infos: Vec<Node<'a, 'i>>,
    is_past: impl Fn(&Node<'a, 'i>) -> bool,
    defects: &mut Vec<String>,
) -> Vec<Node<'a, 'i>> {
    let (past, live): (Vec<_>, Vec<_>) = infos.into_iter().partition(is_past);
    if live.is_empty() {
        return past;
    }
    if !past.is_empty() {
        defects.push(format!("{} of its infos are over and were left out", past.len()));
    }
    live
}

/// True for an info that says that the danger is over.
fn is_clear(info: Node<'_, '_>) -> bool {
    children(info, "responseType").filter_map(own_text).any(|response| response.eq_ignore_ascii_case("AllClear"))
}

/// The first of many; that there were more is a defect.
fn first<T>(all: impl Iterator<Item = T>, limit: usize, what: &str, defects: &mut Vec<String>) -> Vec<T> {
    let mut kept: Vec<T> = all.take(limit + 1).collect();
    if limit < kept.len() {
        kept.truncate(limit);
        defects.push(format!("only the first {limit} {what} were read"));
    }
    kept
}

fn status(text: Option<String>, defects: &mut Vec<String>) -> Status {
    let known = [
        ("actual", Status::Actual),
        ("exercise", Status::Exercise),
        ("system", Status::System),
        ("test", Status::Test),
        ("draft", Status::Draft),
    ];
    // Left out, it is an alert like any other; another word may be somebody's drill, and drills never reach the public.
    let otherwise = if text.is_none() { Status::Actual } else { Status::Draft };
    pick("status", text, &known, otherwise, defects)
}

fn msg_type(text: Option<String>, defects: &mut Vec<String>) -> MsgType {
    let known = [
        ("alert", MsgType::Alert),
        ("update", MsgType::Update),
        ("cancel", MsgType::Cancel),
        ("ack", MsgType::Ack),
        ("error", MsgType::Error),
    ];
    pick("msgType", text, &known, MsgType::Alert, defects)
}

fn certainty(text: Option<String>, defects: &mut Vec<String>) -> Certainty {
    let known = [
        ("observed", Certainty::Observed),
        ("likely", Certainty::Likely),
        // CAP 1.0 said it so.
        ("very likely", Certainty::Likely),
        ("possible", Certainty::Possible),
        ("unlikely", Certainty::Unlikely),
        ("unknown", Certainty::Unknown),
    ];
    pick("certainty", text, &known, Certainty::Unknown, defects)
}

/// A word of a fixed list, in any case; what is missing or unknown is a defect and read as `otherwise`.
fn pick<T: Copy + std::fmt::Debug>(
    name: &str,
    text: Option<String>,
    known: &[(&str, T)],
    otherwise: T,
    defects: &mut Vec<String>,
) -> T {
    let said = text.unwrap_or_default().to_lowercase();
    match known.iter().find(|(word, _)| *word == said) {
        Some((_, meant)) => *meant,
        None => {
            defects.push(format!("`{name}` is «{said}», read as {otherwise:?}"));
            otherwise
        }
    }
}

fn stronger(known: Option<Certainty>, other: Certainty) -> Option<Certainty> {
    let rank = |certainty| match certainty {
        Certainty::Observed => 4,
        Certainty::Likely => 3,
        Certainty::Possible => 2,
        Certainty::Unlikely => 1,
        Certainty::Unknown => 0,
    };
    Some(known.filter(|known| rank(other) < rank(*known)).unwrap_or(other))
}

/// `sender,identifier,sent` with blanks between; a sender or identifier that holds commas of its own cannot be told apart.
fn references(text: Option<&str>, defects: &mut Vec<String>) -> Vec<Identity> {
    let mut references = Vec::new();
    let words = text.into_iter().flat_map(str::split_whitespace);
    for word in first(words, MAX_REFERENCES, "references", defects) {
        let mut parts = word.splitn(3, ',');
        let (sender, identifier, sent) = (parts.next(), parts.next(), parts.next());
        let sent = sent.and_then(|sent| when::read("references", sent, defects).ok());
        match (sender, identifier, sent) {
            (Some(sender), Some(identifier), Some(sent)) => {
                references.push(Identity { sender: sender.to_owned(), identifier: identifier.to_owned(), sent });
            }
            _ => defects.push(format!("a reference cannot be read: «{}»", word.chars().take(80).collect::<String>())),
        }
    }
    references
}
