//! A CAP document to the alerts that it means: one for each hazard, severity, time and set of places that its infos differ in.
//!
//! No warning is told in a place or at a severity that its own info does not name. Infos that say one thing in several languages
//! are one part; those of one language that say the same words for several areas are one part as well.

use super::meaning::{self, Said};
use super::model::{CapAlert, CapInfo, DEFAULT_LANGUAGE, Text};
use super::read::MAX_DEFECTS;
use super::when;
use crate::alert::{Alert, Certainty, Identity, MsgType, Scope, Status, Words};
use crate::governorate::GovernorateBook;
use crate::hazard::{Hazard, Severity};
use crate::ids::GovernorateId;
use crate::time::{TimeDelta, Timestamp};

use std::collections::BTreeSet;

/// The most references of an alert.
const MAX_REFERENCES: usize = 500;
/// The farthest end that is believed, from the sending on: beyond it stands a slip of the pen in the year.
const MAX_LIFE: TimeDelta = TimeDelta::days(90);
/// The most unplaced descriptions that one alert carries along.
const MAX_UNPLACED: usize = 100;

/// What the meaning of a document depends on beside itself.
#[derive(Debug)]
pub(super) struct Terms<'a> {
    /// The governorates.
    pub(super) book: &'a GovernorateBook,
    /// How long an alert lives that does not say.
    pub(super) default_life: TimeDelta,
    /// The language of words that do not say.
    pub(super) language: Option<&'a str>,
    /// What time it is.
    pub(super) now: Timestamp,
}

/// What one or several infos say together.
#[derive(Debug)]
struct Part {
    words: Vec<Words>,
    hazard: Hazard,
    /// What CAP's own word says, without the colours of its texts.
    plain: Severity,
    severity: Severity,
    certainty: Certainty,
    onset: Timestamp,
    expires: Timestamp,
    found: BTreeSet<GovernorateId>,
    unplaced: Vec<String>,
    /// Whether any of its areas is of another place altogether.
    is_elsewhere: bool,
    is_clear: bool,
    defects: Vec<String>,
}

/// The alerts of a document. The number of a part does not depend on the time: those that are left out leave a gap.
pub(super) fn parts(cap: &CapAlert<'_>, terms: &Terms<'_>) -> Vec<Alert> {
    let mut defects = cap.defects.clone();
    let sent = cap.sent.at.to_utc();
    let status = status(cap, &mut defects);
    let scope = scope(cap.scope.as_deref(), &mut defects);
    let msg_type = msg_type(cap.msg_type.as_deref(), &mut defects);
    let references = references(cap.references.as_deref(), &mut defects);
    if msg_type != MsgType::Alert && references.is_empty() {
        defects.push("it changes another alert and does not say which".to_owned());
    }
    let mut parts = joined(cap, sent, terms);
    if parts.is_empty() {
        parts.push(empty(sent, terms, &mut defects));
    }
    let numbered: Vec<(u16, Part)> = (0..).zip(parts).collect();
    // What is over, by the clock or by its own word, warns none of its places while another part does.
    let numbered = unless_all(numbered, |part| part.expires <= terms.now, &mut defects);
    let all_clear = numbered.iter().all(|(_, part)| part.is_clear);
    let numbered = unless_all(numbered, |part| part.is_clear, &mut defects);
    let identity =
        Identity { sender: cap.sender.clone().into_owned(), identifier: cap.identifier.clone().into_owned(), sent };
    let finish = |(number, mut part): (u16, Part)| {
        let is_new = matches!(msg_type, MsgType::Alert | MsgType::Update);
        if part.found.is_empty() && part.unplaced.is_empty() && !part.is_elsewhere && is_new {
            part.unplaced.push("an alert that names no area".to_owned());
        }
        if MAX_UNPLACED < part.unplaced.len() {
            let rest = part.unplaced.len() - MAX_UNPLACED;
            part.unplaced.truncate(MAX_UNPLACED);
            part.unplaced.push(format!("and {rest} more"));
        }
        let found = &part.found;
        let mut own: Vec<String> = defects.iter().cloned().chain(part.defects).collect();
        own.truncate(MAX_DEFECTS);
        Alert {
            identity: identity.clone(),
            part: number,
            line: None,
            fingerprint: cap.fingerprint,
            read_at: None,
            status,
            scope,
            msg_type,
            references: references.clone(),
            hazard: part.hazard,
            severity: part.severity,
            certainty: part.certainty,
            onset: part.onset,
            expires: part.expires,
            areas: in_order(terms.book, found),
            words: part.words,
            unplaced: part.unplaced,
            all_clear,
            defects: own,
        }
    };
    numbered.into_iter().map(finish).collect()
}

fn in_order(book: &GovernorateBook, found: &BTreeSet<GovernorateId>) -> Vec<GovernorateId> {
    if found.is_empty() {
        return Vec::new();
    }
    book.iter().map(|place| &place.id).filter(|id| found.contains(*id)).cloned().collect()
}

/// A document without an info, such as a Cancel.
fn empty(sent: Timestamp, terms: &Terms<'_>, defects: &mut Vec<String>) -> Part {
    defects.push("it does not say when it ends; a default life was given".to_owned());
    Part {
        words: Vec::new(),
        hazard: Hazard::Other,
        plain: Severity::Yellow,
        severity: Severity::Yellow,
        certainty: Certainty::Unknown,
        onset: sent,
        expires: sent + terms.default_life,
        found: BTreeSet::new(),
        unplaced: Vec::new(),
        is_elsewhere: false,
        is_clear: false,
        defects: Vec::new(),
    }
}

/// Every info as a part, those that belong together joined: first one text for several areas, then its languages.
fn joined(cap: &CapAlert<'_>, sent: Timestamp, terms: &Terms<'_>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut known: Option<(&Text<'_>, Said)> = None;
    for info in &cap.infos {
        let said = match (&info.event, known) {
            (Some(event), Some((before, said))) if event == before => said,
            (event, _) => event.as_deref().map(meaning::said).unwrap_or_default(),
        };
        known = info.event.as_ref().map(|event| (event, said));
        let part = part(info, said, sent, terms);
        let twin = parts
            .iter_mut()
            .find(|other| other.words == part.words && is_alike(other, &part) && other.certainty == part.certainty);
        match twin {
            Some(twin) => absorb(twin, part),
            None => parts.push(part),
        }
    }
    let mut whole: Vec<Part> = Vec::new();
    for part in parts {
        let twin = whole.iter_mut().find(|other| {
            is_alike(other, &part)
                && other.found == part.found
                && part.words.iter().all(|words| other.words.iter().all(|known| known.language != words.language))
        });
        match twin {
            Some(twin) => {
                let words = part.words.clone();
                absorb(twin, part);
                twin.words.extend(words);
            }
            None => whole.push(part),
        }
    }
    whole
}

/// True for parts that speak of one thing, as far as hazard, severity and time tell. A hazard that is not understood in one
/// language is what it is in the other; so is a colour that only one of them names.
fn is_alike(one: &Part, other: &Part) -> bool {
    let key = |part: &Part| (part.plain, part.onset, part.expires, part.is_clear);
    let is_one_hazard = one.hazard == other.hazard || one.hazard == Hazard::Other || other.hazard == Hazard::Other;
    let is_one_severity = one.severity == other.severity
        || one.words.iter().all(|words| other.words.iter().all(|others| words.language != others.language));
    key(one) == key(other) && is_one_hazard && is_one_severity
}

/// Takes in a part that says the same, all but its words.
fn absorb(part: &mut Part, other: Part) {
    if part.hazard == Hazard::Other {
        part.hazard = other.hazard;
    }
    part.severity = part.severity.max(other.severity);
    part.certainty = stronger(part.certainty, other.certainty);
    part.found.extend(other.found);
    part.is_elsewhere |= other.is_elsewhere;
    for text in other.unplaced {
        if part.unplaced.len() <= MAX_UNPLACED && !part.unplaced.contains(&text) {
            part.unplaced.push(text);
        }
    }
    for defect in other.defects {
        if part.defects.len() < MAX_DEFECTS && !part.defects.contains(&defect) {
            part.defects.push(defect);
        }
    }
}

fn part(info: &CapInfo<'_>, event: Said, sent: Timestamp, terms: &Terms<'_>) -> Part {
    let mut defects = info.defects.clone();
    let words = words(info, terms, &mut defects);
    let headline = info.headline.as_deref().map(meaning::said).unwrap_or_default();
    let plain = meaning::severity(info.severity.as_deref(), &mut defects);
    let level = info.awareness.as_deref().and_then(meaning::awareness);
    let severity = [event.colour, headline.colour, level].into_iter().flatten().fold(plain, Severity::max);
    let utc = |moment: &Option<when::Moment<'_>>| moment.as_ref().map(|moment| moment.at.to_utc());
    let mut onset = utc(&info.onset).or(utc(&info.effective)).unwrap_or(sent);
    let mut expires = utc(&info.expires).unwrap_or_else(|| {
        defects.push("it does not say when it ends; a default life was given".to_owned());
        onset + terms.default_life
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
    let mut part = Part {
        words: vec![words],
        hazard: event.hazard.or(headline.hazard).unwrap_or(Hazard::Other),
        plain,
        severity,
        certainty: certainty(info.certainty.as_deref(), &mut defects),
        onset,
        expires,
        found: BTreeSet::new(),
        unplaced: Vec::new(),
        is_elsewhere: false,
        is_clear: info.is_clear(),
        defects,
    };
    for area in &info.areas {
        part.found.extend(area.governorates.iter().cloned());
        part.is_elsewhere |= area.is_elsewhere;
        for text in &area.unplaced {
            if part.unplaced.len() <= MAX_UNPLACED && !part.unplaced.contains(text) {
                part.unplaced.push(text.clone());
            }
        }
    }
    part
}

fn words(info: &CapInfo<'_>, terms: &Terms<'_>, defects: &mut Vec<String>) -> Words {
    if info.event.is_none() {
        defects.push("an info names no event".to_owned());
    }
    let own = |text: &Option<Text<'_>>| text.as_deref().map(str::to_owned);
    let language = own(&info.language).or_else(|| terms.language.map(str::to_owned)).unwrap_or_else(|| {
        let arabic = |text: &Text<'_>| text.chars().any(|c| matches!(c, '\u{620}'..='\u{64a}'));
        if info.event.as_ref().is_some_and(arabic) || info.headline.as_ref().is_some_and(arabic) {
            defects.push("an info in Arabic does not say its language".to_owned());
            "ar".to_owned()
        } else {
            DEFAULT_LANGUAGE.to_owned()
        }
    });
    Words {
        language,
        event: own(&info.event).unwrap_or_default(),
        headline: own(&info.headline),
        description: own(&info.description),
        instruction: own(&info.instruction),
        sender_name: own(&info.sender_name),
        web: own(&info.web),
    }
}

/// Leaves out what is of the past, unless all of it is.
fn unless_all(parts: Vec<(u16, Part)>, is_past: impl Fn(&Part) -> bool, defects: &mut Vec<String>) -> Vec<(u16, Part)> {
    let (past, live): (Vec<_>, Vec<_>) = parts.into_iter().partition(|(_, part)| is_past(part));
    if live.is_empty() {
        return past;
    }
    if !past.is_empty() {
        defects.push(format!("{} of its parts are over and were left out", past.len()));
    }
    live
}

/// The words of CAP `status`, in lower case.
const STATUSES: &[(&str, Status)] = &[
    ("actual", Status::Actual),
    ("exercise", Status::Exercise),
    ("system", Status::System),
    ("test", Status::Test),
    ("draft", Status::Draft),
];

/// Who it is meant for. An envelope that is a drill makes drills of what it holds.
fn status(cap: &CapAlert<'_>, defects: &mut Vec<String>) -> Status {
    // Left out, it is an alert like any other; another word may be somebody's drill, and drills never reach the public.
    let otherwise = if cap.status.is_none() { Status::Actual } else { Status::Unknown };
    let own = pick("status", cap.status.as_deref(), STATUSES, otherwise, defects);
    match cap.envelope.as_deref() {
        Some(envelope) if own == Status::Actual => {
            let told = pick("distributionStatus", Some(envelope), STATUSES, Status::Unknown, defects);
            if told != Status::Actual {
                defects.push(format!("its envelope says that it is {told:?}"));
            }
            told
        }
        _ => own,
    }
}

fn scope(text: Option<&str>, defects: &mut Vec<String>) -> Scope {
    let known = [("public", Scope::Public), ("restricted", Scope::Restricted), ("private", Scope::Private)];
    pick("scope", text, &known, Scope::Public, defects)
}

fn msg_type(text: Option<&str>, defects: &mut Vec<String>) -> MsgType {
    let known = [
        ("alert", MsgType::Alert),
        ("update", MsgType::Update),
        ("cancel", MsgType::Cancel),
        ("ack", MsgType::Ack),
        ("error", MsgType::Error),
    ];
    pick("msgType", text, &known, MsgType::Alert, defects)
}

fn certainty(text: Option<&str>, defects: &mut Vec<String>) -> Certainty {
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
    text: Option<&str>,
    known: &[(&str, T)],
    otherwise: T,
    defects: &mut Vec<String>,
) -> T {
    let said = text.unwrap_or_default();
    match known.iter().find(|(word, _)| said.eq_ignore_ascii_case(word)) {
        Some((_, meant)) => *meant,
        None => {
            defects.push(format!("`{name}` is «{said}», read as {otherwise:?}"));
            otherwise
        }
    }
}

fn stronger(one: Certainty, other: Certainty) -> Certainty {
    let rank = |certainty| match certainty {
        Certainty::Observed => 4,
        Certainty::Likely => 3,
        Certainty::Possible => 2,
        Certainty::Unlikely => 1,
        Certainty::Unknown => 0,
    };
    if rank(one) < rank(other) { other } else { one }
}

/// `sender,identifier,sent` with blanks between; a sender or identifier that holds commas of its own cannot be told apart.
fn references(text: Option<&str>, defects: &mut Vec<String>) -> Vec<Identity> {
    let mut references = Vec::new();
    for (place, word) in text.into_iter().flat_map(str::split_whitespace).enumerate() {
        if MAX_REFERENCES <= place {
            defects.push(format!("only the first {MAX_REFERENCES} references were read"));
            break;
        }
        let mut parts = word.splitn(3, ',');
        let (sender, identifier, sent) = (parts.next(), parts.next(), parts.next());
        let sent = sent.and_then(|sent| when::read("references", sent, defects).ok());
        match (sender, identifier, sent) {
            (Some(sender), Some(identifier), Some(sent)) => references.push(Identity {
                sender: sender.to_owned(),
                identifier: identifier.to_owned(),
                sent: sent.to_utc(),
            }),
            _ => defects.push(format!("a reference cannot be read: «{}»", word.chars().take(80).collect::<String>())),
        }
    }
    references
}
