//! The CAP form: one CAP 1.2 document a bulletin, an `info` for each language, elements in the order of the schema.
//!
//! It says nothing that the bulletin does not say, and it never says that all is clear where nobody knows: only what was lifted is
//! `AllClear`, what merely ran out is not, and places where a warning may still hold have an `info` of their own whose certainty is
//! `Unknown`. What is not `Actual` is `Restricted` as well. A bulletin knows which editions it takes the place of and not when each was
//! sent, which `references` must say: the editions stand as `code` elements, `replaces:MKH-2025-000012.1`, and whoever publishes the
//! document, and so knows what of them was published before, puts `references` in ([`with_references`]).
//!
//! Source: OASIS Common Alerting Protocol 1.2, 2010, section 3.2 and appendix A.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::alert::Status;
use crate::bulletin::{Bulletin, Change, Origin};
use crate::governorate::GovernorateBook;
use crate::hazard::{Hazard, Severity};
use crate::ids::{BulletinId, GovernorateId};
use crate::language::{Grammar, Language};
use crate::message::catalogue::Slot;
use crate::message::telling::Telling;
use crate::message::text::Spoken;
use crate::message::wording::WordingError;
use crate::message::{Issuer, evidence, official, outline};
use crate::notice::Notice;
use crate::reading::Basis;
use crate::time::{TimeDelta, Timestamp};

/// The namespace of CAP 1.2.
pub(super) const NAMESPACE: &str = "urn:oasis:names:tc:emergency:cap:1.2";

/// What an edition that is replaced begins with as a `code`.
const REPLACES: &str = "replaces:";

/// The name under which official codes of governorates stand as geocodes.
const GEOCODE: &str = "SA-governorate";

/// The most editions that a document names; there are hardly ever more than a few.
const MAX_REPLACED: usize = 100;

/// Soon, by CAP: within the next hour.
const SOON: TimeDelta = TimeDelta::hours(1);

type Xml = Writer<Vec<u8>>;

/// A bulletin as it is told in one language.
pub(super) struct Info<'a> {
    pub(super) telling: Telling<'a>,
    pub(super) spoken: &'a Spoken,
}

/// The texts of one `info`, which are all that may fail.
struct Words {
    language: Language,
    event: String,
    sender_name: String,
    headline: String,
    description: String,
    instruction: Option<String>,
}

/// The document of a bulletin.
pub(super) fn whole(bulletin: &Bulletin, infos: &[Info<'_>]) -> Result<String, WordingError> {
    let Some(first) = infos.first() else { return Ok(String::new()) };
    let Telling { issuer, style, places, .. } = first.telling;
    let words = infos.iter().map(words).collect::<Result<Vec<_>, _>>()?;
    let banners = infos.iter().filter_map(|info| info.telling.banner().transpose()).collect::<Result<Vec<_>, _>>()?;
    let head = Head {
        identifier: bulletin.id.as_str(),
        sender: sender(issuer),
        sent: moment(bulletin.issued, style.zone),
        status: status(bulletin.status),
        msg_type: msg_type(bulletin),
        source: source(&bulletin.origin),
        restriction: (bulletin.status != Status::Actual).then(|| banners.join(" / ")),
        codes: bulletin.replaces.iter().take(MAX_REPLACED).map(|id| format!("{REPLACES}{id}")).collect(),
        incident: &bulletin.number,
    };
    let outlines = outline::Outlines::new(places, &bulletin.areas, infos.len());
    Ok(document(&head, |xml| {
        for words in &words {
            write_info(xml, bulletin, words, &first.telling, &outlines, Held::Surely)?;
        }
        for words in words.iter().filter(|_| !bulletin.doubtful.is_empty() && !bulletin.change.is_end()) {
            write_info(xml, bulletin, words, &first.telling, &outlines, Held::Perhaps)?;
        }
        Ok(())
    }))
}

/// The document of a notice to the people on duty: for them alone, and about no place.
pub(super) fn of_notice(
    notice: &Notice,
    issuer: &Issuer,
    zone: chrono_tz::Tz,
    spoken: &[(Language, Spoken)],
) -> String {
    let head = Head {
        identifier: notice.id.as_str(),
        sender: sender(issuer),
        sent: moment(notice.issued, zone),
        status: "System",
        msg_type: "Alert",
        source: None,
        restriction: Some("the people on duty".to_owned()),
        codes: Vec::new(),
        incident: &notice.number,
    };
    document(&head, |xml| {
        for (language, spoken) in spoken {
            xml.create_element("info").write_inner_content(|xml| {
                text(xml, "language", tag(*language))?;
                text(xml, "category", "Infra")?;
                text(xml, "event", &spoken.headline)?;
                for name in ["urgency", "severity", "certainty"] {
                    text(xml, name, "Unknown")?;
                }
                text(xml, "expires", &moment(notice.stale_after, zone))?;
                text(xml, "senderName", issuer.name.get(*language))?;
                text(xml, "headline", &spoken.headline)?;
                text(xml, "description", &spoken.body)
            })?;
        }
        Ok(())
    })
}

/// The editions that a document says it takes the place of.
pub fn replaced(body: &str) -> Vec<BulletinId> {
    let codes = body.lines().filter_map(|line| line.trim().strip_prefix("<code>")?.strip_suffix("</code>"));
    let names = codes.filter_map(|code| code.strip_prefix(REPLACES)?.rsplit_once('.'));
    names
        .filter_map(|(number, edition)| Some(BulletinId::new(number, edition.parse().ok()?)))
        .take(MAX_REPLACED)
        .collect()
}

/// The `identifier` of a document of this form.
pub fn identifier(body: &str) -> Option<&str> {
    element(body, "identifier")
}

/// The `sender` and `sent` of a document of this form.
pub fn sender_and_sent(body: &str) -> Option<(&str, &str)> {
    Some((element(body, "sender")?, element(body, "sent")?))
}

fn element<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    rest.split_once('<').map(|(text, _)| text)
}

/// A document of this form with the published editions, each as `sender,identifier,sent`, that it takes the place of. What takes the place
/// of nothing that was ever published is new to whoever reads it, but an end stays one.
pub fn with_references(body: &str, references: &[String]) -> String {
    const INCIDENTS: &str = "  <incidents>";
    if references.is_empty() {
        return body.replacen("<msgType>Update</msgType>", "<msgType>Alert</msgType>", 1);
    }
    // What stands there is plain letters: numbers, a name and a time of ours.
    body.replacen(INCIDENTS, &format!("  <references>{}</references>\n{INCIDENTS}", references.join(" ")), 1)
}

struct Head<'a> {
    identifier: &'a str,
    sender: String,
    sent: String,
    status: &'static str,
    msg_type: &'static str,
    source: Option<String>,
    /// For whom it is, when it is not for everyone.
    restriction: Option<String>,
    codes: Vec<String>,
    incident: &'a str,
}

fn document(head: &Head<'_>, infos: impl FnOnce(&mut Xml) -> io::Result<()>) -> String {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    let written = xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None))).and_then(|()| {
        xml.create_element("alert").with_attribute(("xmlns", NAMESPACE)).write_inner_content(|xml| {
            text(xml, "identifier", head.identifier)?;
            text(xml, "sender", &head.sender)?;
            text(xml, "sent", &head.sent)?;
            text(xml, "status", head.status)?;
            text(xml, "msgType", head.msg_type)?;
            if let Some(source) = &head.source {
                text(xml, "source", source)?;
            }
            text(xml, "scope", if head.restriction.is_some() { "Restricted" } else { "Public" })?;
            if let Some(restriction) = &head.restriction {
                text(xml, "restriction", restriction)?;
            }
            for code in &head.codes {
                text(xml, "code", code)?;
            }
            text(xml, "incidents", head.incident)?;
            infos(xml)
        })?;
        Ok(())
    });
    written.expect("writing to memory does not fail");
    String::from_utf8(xml.into_inner()).expect("only texts were written") + "\n"
}

/// Whether a warning holds in the places of an `info`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Surely,
    Perhaps,
}

fn write_info(
    xml: &mut Xml,
    bulletin: &Bulletin,
    words: &Words,
    telling: &Telling<'_>,
    outlines: &outline::Outlines,
    held: Held,
) -> io::Result<()> {
    let zone = telling.style.zone;
    let is_end = bulletin.change.is_end();
    // An end is told until nobody is told any more; what it ends was over before.
    let (onset, expires) = if is_end {
        (bulletin.until.min(bulletin.issued), bulletin.stale_after)
    } else {
        (bulletin.onset, bulletin.until)
    };
    xml.create_element("info").write_inner_content(|xml| {
        text(xml, "language", tag(words.language))?;
        text(xml, "category", "Met")?;
        text(xml, "event", &words.event)?;
        text(xml, "responseType", response(bulletin, held))?;
        text(xml, "urgency", urgency(bulletin))?;
        text(xml, "severity", severity(bulletin.severity))?;
        text(xml, "certainty", if held == Held::Perhaps { "Unknown" } else { certainty(bulletin) })?;
        text(xml, "effective", &moment(bulletin.issued, zone))?;
        text(xml, "onset", &moment(onset, zone))?;
        text(xml, "expires", &moment(expires, zone))?;
        text(xml, "senderName", &words.sender_name)?;
        text(xml, "headline", &words.headline)?;
        text(xml, "description", &words.description)?;
        if let Some(instruction) = &words.instruction {
            text(xml, "instruction", instruction)?;
        }
        text(xml, "contact", &telling.issuer.emergency_number)?;
        let areas = if held == Held::Perhaps { &bulletin.doubtful } else { &bulletin.areas };
        areas.iter().try_for_each(|id| write_area(xml, id, telling.places, words.language, outlines))
    })?;
    Ok(())
}

fn write_area(
    xml: &mut Xml,
    id: &GovernorateId,
    places: &GovernorateBook,
    language: Language,
    outlines: &outline::Outlines,
) -> io::Result<()> {
    let known = places.get(id);
    xml.create_element("area").write_inner_content(|xml| {
        text(xml, "areaDesc", known.map_or(id.as_str(), |place| place.formal.get(language)))?;
        for polygon in outlines.of(id) {
            text(xml, "polygon", polygon)?;
        }
        let own = known.map(|place| format!("{GEOCODE}:{}", place.code));
        for geocode in known.iter().flat_map(|place| &place.geocodes).chain(&own) {
            let (name, value) = geocode.split_once(':').unwrap_or((GEOCODE, geocode));
            xml.create_element("geocode").write_inner_content(|xml| {
                text(xml, "valueName", name)?;
                text(xml, "value", value)
            })?;
        }
        Ok(())
    })?;
    Ok(())
}

fn words(info: &Info<'_>) -> Result<Words, WordingError> {
    let Info { telling, spoken } = info;
    let (bulletin, language) = (telling.bulletin, telling.language);
    let is_end = bulletin.change.is_end();
    let ours = telling.say(&format!("hazard.{}", bulletin.hazard), &[])?;
    let (event, sender_name, instruction) = match &bulletin.origin {
        // The one who relays is the one who sends; who said it stands in the text and as the source.
        Origin::Official { words, .. } => {
            let theirs = words.iter().find(|words| words.is_in(language)).map(|words| words.event.trim());
            let event = theirs.filter(|event| !event.is_empty()).map_or(ours, str::to_owned);
            (event, telling.issuer.name.get(language).clone(), official::instruction(words, language))
        }
        Origin::Automatic { .. } | Origin::Desk => {
            let number = telling.emergency_number();
            let advice = telling.by_hazard("advice", &[(Slot::EmergencyNumber, &number)])?;
            (ours, telling.issuer.name.get(language).clone(), Some(advice))
        }
    };
    Ok(Words {
        language,
        event,
        sender_name,
        headline: spoken.headline.clone(),
        description: spoken.body.clone(),
        instruction: instruction.filter(|text| !is_end && !text.is_empty()),
    })
}

/// Who sends: a name for this house without what CAP does not allow in one (blanks, commas, `<`, `&`).
fn sender(issuer: &Issuer) -> String {
    let code: String = issuer.code.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("nadhir.{}", code.to_ascii_lowercase())
}

fn source(origin: &Origin) -> Option<String> {
    match origin {
        Origin::Official { identity, .. } => Some(identity.to_string()),
        Origin::Automatic { .. } | Origin::Desk => None,
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Actual => "Actual",
        Status::Exercise => "Exercise",
        Status::System => "System",
        Status::Test => "Test",
        Status::Draft | Status::Unknown => "Draft",
    }
}

fn msg_type(bulletin: &Bulletin) -> &'static str {
    match (bulletin.change.is_end(), bulletin.replaces.is_empty()) {
        (true, _) => "Cancel",
        (false, true) => "Alert",
        (false, false) => "Update",
    }
}

/// What to do, in the words of CAP.
fn response(bulletin: &Bulletin, held: Held) -> &'static str {
    match bulletin.change {
        Change::Lifted => return "AllClear",
        // Nothing says that the danger is over, or that there is none of another kind.
        Change::Expired | Change::Corrected => return "Monitor",
        Change::Issued | Change::Raised | Change::Lowered | Change::Extended | Change::Updated => {}
    }
    let is_grave = Severity::Orange <= bulletin.severity && held == Held::Surely;
    match bulletin.hazard {
        _ if !is_grave => "Monitor",
        Hazard::Rain | Hazard::FlashFlood | Hazard::Fog | Hazard::Sea => "Avoid",
        Hazard::Thunderstorm | Hazard::Wind | Hazard::Dust | Hazard::Heat | Hazard::Cold => "Shelter",
        Hazard::Other => "Prepare",
    }
}

fn urgency(bulletin: &Bulletin) -> &'static str {
    if bulletin.change.is_end() {
        "Past"
    } else if bulletin.onset <= bulletin.issued {
        "Immediate"
    } else if bulletin.onset <= bulletin.issued + SOON {
        "Expected"
    } else {
        "Future"
    }
}

/// Seen, while it is; what is computed or judged is likely. How sure an authority was, a bulletin does not know.
fn certainty(bulletin: &Bulletin) -> &'static str {
    let is_seen = evidence::of(&bulletin.origin).iter().any(|one| one.basis == Basis::Observed);
    match &bulletin.origin {
        Origin::Official { .. } => "Unknown",
        Origin::Automatic { .. } if is_seen && bulletin.silent_since.is_none() => "Observed",
        Origin::Automatic { .. } | Origin::Desk => "Likely",
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Advisory => "Minor",
        Severity::Yellow => "Moderate",
        Severity::Orange => "Severe",
        Severity::Red => "Extreme",
    }
}

fn tag(language: Language) -> &'static str {
    match language.grammar() {
        Grammar::Ar => "ar-SA",
        Grammar::En => "en",
    }
}

/// A moment as CAP writes it: with an offset, never `Z`, and `-00:00` for UTC.
fn moment(moment: Timestamp, zone: chrono_tz::Tz) -> String {
    moment.with_timezone(&zone).format("%Y-%m-%dT%H:%M:%S%:z").to_string().replace("+00:00", "-00:00")
}

/// An element that holds a text, without the characters that no XML may hold.
pub(super) fn text(xml: &mut Xml, name: &str, content: &str) -> io::Result<()> {
    let is_fit = |c: char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}') || matches!(c, '\n' | '\t');
    let content: String = content.chars().filter(|c| is_fit(*c)).collect();
    xml.create_element(name).write_text_content(BytesText::new(&content)).map(|_| ())
}
