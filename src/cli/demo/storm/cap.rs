//! What an authority's alert feed would have answered: an Atom index and CAP 1.2 documents, elements in the order of the schema.
//!
//! The sender is ours and says `reconstruction`, each alert carries a note that says so, and no identifier of a real authority is
//! used.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::{Storm, cap_severity};
use crate::alert::{MsgType, Status};
use crate::hazard::Severity;
use crate::language::{Both, Language};
use crate::time::{TimeDelta, Timestamp};

/// The namespace of CAP 1.2.
const CAP_NAMESPACE: &str = "urn:oasis:names:tc:emergency:cap:1.2";

/// How long an alert stays in the index after it has expired.
const KEPT: TimeDelta = TimeDelta::hours(1);

/// Who speaks in the alerts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Authority {
    pub(super) sender: String,
    pub(super) name: Both<String>,
    pub(super) web: Option<String>,
}

/// One alert and when it came out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Published {
    pub(super) identifier: String,
    pub(super) status: Status,
    pub(super) msg_type: MsgType,
    /// What it refers to: identifiers and the moments at which they came out.
    pub(super) references: Vec<(String, Timestamp)>,
    pub(super) at: Timestamp,
    pub(super) severity: Severity,
    pub(super) onset: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) words: Both<Words>,
    pub(super) areas: Vec<Area>,
}

/// What it says in one language.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Words {
    pub(super) event: String,
    pub(super) headline: String,
    pub(super) description: String,
    pub(super) instruction: Option<String>,
}

/// Where it holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Area {
    /// The English name is the Arabic one when the authority writes no other.
    pub(super) name: Both<String>,
    /// `latitude,longitude` pairs.
    pub(super) polygon: Option<String>,
}

type Xml = Writer<Vec<u8>>;

impl Storm {
    /// The index of a moment: every alert that has come out and not long expired, the newest first.
    pub fn cap_index(&self, now: Timestamp, base_url: &str) -> String {
        self.index_of(now, base_url, false)
    }

    /// The same with an entry that leads nowhere, before all others.
    pub fn cap_index_with_broken_row(&self, now: Timestamp, base_url: &str) -> String {
        self.index_of(now, base_url, true)
    }

    /// An index without alerts, as a feed shows it on a quiet day or after a fault of its own.
    pub fn cap_index_empty(&self, now: Timestamp, base_url: &str) -> String {
        document(|xml| self.write_index(xml, now, base_url, &[], false))
    }

    /// A document of a moment; nothing when no such alert has come out.
    pub fn cap_alert(&self, now: Timestamp, identifier: &str) -> Option<String> {
        let alert = self.alerts.iter().find(|alert| alert.identifier == identifier && alert.at <= now)?;
        Some(document(|xml| self.write_alert(xml, alert)))
    }

    /// When the index of a moment last became another.
    pub fn cap_changed(&self, now: Timestamp) -> Timestamp {
        let turns = self.alerts.iter().flat_map(|alert| [alert.at, alert.expires + KEPT]);
        turns.filter(|turn| *turn <= now).max().unwrap_or(self.start.min(now))
    }

    fn index_of(&self, now: Timestamp, base_url: &str, broken: bool) -> String {
        let mut shown: Vec<&Published> =
            self.alerts.iter().filter(|alert| alert.at <= now && now < alert.expires + KEPT).collect();
        shown.sort_by_key(|alert| std::cmp::Reverse(alert.at));
        document(|xml| self.write_index(xml, now, base_url, &shown, broken))
    }

    fn write_index(
        &self,
        xml: &mut Xml,
        now: Timestamp,
        base_url: &str,
        shown: &[&Published],
        broken: bool,
    ) -> io::Result<()> {
        let base_url = base_url.trim_end_matches('/');
        let index = format!("{base_url}/cap/atom.xml");
        let feed =
            xml.create_element("feed").with_attributes([("xmlns", "http://www.w3.org/2005/Atom"), ("xml:lang", "ar")]);
        feed.write_inner_content(|xml| {
            text(xml, "id", &index)?;
            text(xml, "title", &self.title.ar)?;
            text(xml, "subtitle", &format!("{} | {}", self.notice.ar, self.notice.en))?;
            text(xml, "updated", &self.moment(self.cap_changed(now)))?;
            xml.create_element("link").with_attributes([("rel", "self"), ("href", index.as_str())]).write_empty()?;
            xml.create_element("author").write_inner_content(|xml| text(xml, "name", &self.authority.name.ar))?;
            if broken {
                xml.create_element("entry").write_inner_content(|xml| text(xml, "title", "—"))?;
            }
            for alert in shown {
                self.write_entry(xml, base_url, alert)?;
            }
            Ok(())
        })?;
        Ok(())
    }

    fn write_entry(&self, xml: &mut Xml, base_url: &str, alert: &Published) -> io::Result<()> {
        let address = format!("{base_url}/cap/alerts/{}.xml", alert.identifier);
        xml.create_element("entry").write_inner_content(|xml| {
            text(xml, "id", &format!("tag:{},2025:{}", self.domain(), alert.identifier))?;
            text(xml, "title", &alert.words.ar.headline)?;
            text(xml, "updated", &self.moment(alert.at))?;
            text(xml, "published", &self.moment(alert.at))?;
            let link = [("rel", "alternate"), ("type", "application/cap+xml"), ("href", address.as_str())];
            xml.create_element("link").with_attributes(link).write_empty()?;
            text(xml, "summary", &alert.words.ar.description)
        })?;
        Ok(())
    }

    fn write_alert(&self, xml: &mut Xml, alert: &Published) -> io::Result<()> {
        let sender = self.authority.sender.as_str();
        xml.create_element("alert").with_attribute(("xmlns", CAP_NAMESPACE)).write_inner_content(|xml| {
            text(xml, "identifier", &alert.identifier)?;
            text(xml, "sender", sender)?;
            text(xml, "sent", &self.moment(alert.at))?;
            text(xml, "status", status_word(alert.status))?;
            text(xml, "msgType", msg_type_word(alert.msg_type))?;
            text(xml, "source", &self.title.en)?;
            text(xml, "scope", "Public")?;
            text(xml, "note", &format!("{}\n{}", self.notice.ar, self.notice.en))?;
            let references: Vec<String> = alert
                .references
                .iter()
                .map(|(identifier, sent)| format!("{sender},{identifier},{}", self.moment(*sent)))
                .collect();
            if !references.is_empty() {
                text(xml, "references", &references.join(" "))?;
            }
            for language in Language::ALL {
                self.write_info(xml, alert, language)?;
            }
            Ok(())
        })?;
        Ok(())
    }

    fn write_info(&self, xml: &mut Xml, alert: &Published, language: Language) -> io::Result<()> {
        let words = alert.words.get(language);
        let is_over = alert.msg_type == MsgType::Cancel;
        xml.create_element("info").write_inner_content(|xml| {
            text(xml, "language", if language == Language::Ar { "ar-SA" } else { "en" })?;
            text(xml, "category", "Met")?;
            text(xml, "event", &words.event)?;
            text(xml, "responseType", if is_over { "AllClear" } else { "Prepare" })?;
            text(xml, "urgency", if is_over { "Past" } else { "Expected" })?;
            text(xml, "severity", cap_severity(alert.severity))?;
            text(xml, "certainty", "Likely")?;
            text(xml, "effective", &self.moment(alert.at))?;
            text(xml, "onset", &self.moment(alert.onset))?;
            text(xml, "expires", &self.moment(alert.expires))?;
            text(xml, "senderName", self.authority.name.get(language))?;
            text(xml, "headline", &words.headline)?;
            text(xml, "description", &words.description)?;
            if let Some(instruction) = &words.instruction {
                text(xml, "instruction", instruction)?;
            }
            if let Some(web) = &self.authority.web {
                text(xml, "web", web)?;
            }
            for area in &alert.areas {
                xml.create_element("area").write_inner_content(|xml| {
                    text(xml, "areaDesc", area.name.get(language))?;
                    area.polygon.as_ref().map_or(Ok(()), |polygon| text(xml, "polygon", polygon))
                })?;
            }
            Ok(())
        })?;
        Ok(())
    }

    /// A moment as CAP writes it: with an offset, never `Z`, and `-00:00` for UTC.
    fn moment(&self, moment: Timestamp) -> String {
        moment.with_timezone(&self.zone).format("%Y-%m-%dT%H:%M:%S%:z").to_string().replace("+00:00", "-00:00")
    }

    fn domain(&self) -> &str {
        self.authority.sender.rsplit('@').next().unwrap_or_default()
    }
}

/// Writes a whole document.
fn document(write: impl FnOnce(&mut Xml) -> io::Result<()>) -> String {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    let written =
        xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None))).and_then(|()| write(&mut xml));
    written.expect("writing to memory does not fail");
    String::from_utf8(xml.into_inner()).expect("only texts were written")
}

/// An element that holds a text.
fn text(xml: &mut Xml, name: &str, content: &str) -> io::Result<()> {
    xml.create_element(name).write_text_content(BytesText::new(content)).map(|_| ())
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::Actual => "Actual",
        Status::Exercise => "Exercise",
        Status::System => "System",
        Status::Test => "Test",
        Status::Draft | Status::Unknown => "Draft",
    }
}

fn msg_type_word(msg_type: MsgType) -> &'static str {
    match msg_type {
        MsgType::Alert => "Alert",
        MsgType::Update => "Update",
        MsgType::Cancel => "Cancel",
        MsgType::Ack => "Ack",
        MsgType::Error => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::at;
    use super::*;

    const RED: &str = "reconstruction-20251209-red-jeddah-1";

    fn texts<'a>(document: &'a roxmltree::Document<'_>, name: &str) -> Vec<&'a str> {
        document
            .descendants()
            .filter(|node| node.has_tag_name((CAP_NAMESPACE, name)))
            .filter_map(|node| node.text())
            .collect()
    }

    #[test]
    fn the_red_warning_holds_from_one_to_one_and_says_what_it_is() {
        let storm = Storm::embedded();
        assert_eq!(storm.cap_alert(at("2025-12-08T23:00"), RED), None);
        let xml = storm.cap_alert(at("2025-12-09T00:00"), RED).unwrap();
        let document = roxmltree::Document::parse(&xml).unwrap();
        assert_eq!(texts(&document, "onset"), ["2025-12-09T01:00:00+03:00"; 2]);
        assert_eq!(texts(&document, "expires"), ["2025-12-09T13:00:00+03:00"; 2]);
        assert_eq!(texts(&document, "severity"), ["Extreme"; 2]);
        assert_eq!(texts(&document, "language"), ["ar-SA", "en"]);
        assert_eq!(texts(&document, "areaDesc"), ["جدة", "Jeddah"]);
        let note = texts(&document, "note")[0];
        assert!(note.contains("محاكاة") && note.contains("reconstruction"));
        assert!(
            texts(&document, "senderName")
                .iter()
                .all(|name| name.contains("محاكاة") || name.contains("reconstruction"))
        );
        for effect in ["رياح شديدة السرعة", "انعدام في مدى الرؤية", "البَرَد", "السيول", "الأمواج", "صواعق"]
        {
            assert!(texts(&document, "description")[0].contains(effect), "{effect}");
        }
    }

    #[test]
    fn the_elements_stand_in_the_order_of_the_schema() {
        const ALERT: &[&str] =
            &["identifier", "sender", "sent", "status", "msgType", "source", "scope", "note", "references", "info"];
        const INFO: &[&str] = &[
            "language",
            "category",
            "event",
            "responseType",
            "urgency",
            "severity",
            "certainty",
            "effective",
            "onset",
            "expires",
            "senderName",
            "headline",
            "description",
            "instruction",
            "web",
            "area",
        ];
        let storm = Storm::embedded();
        for alert in &storm.alerts {
            let xml = storm.cap_alert(alert.at, &alert.identifier).unwrap();
            let document = roxmltree::Document::parse(&xml).unwrap();
            let in_order = |node: roxmltree::Node<'_, '_>, order: &[&str]| {
                let places: Vec<_> = node
                    .children()
                    .filter(roxmltree::Node::is_element)
                    .map(|child| order.iter().position(|name| *name == child.tag_name().name()).unwrap())
                    .collect();
                assert!(places.is_sorted(), "{xml}");
            };
            in_order(document.root_element(), ALERT);
            for info in document.descendants().filter(|node| node.has_tag_name((CAP_NAMESPACE, "info"))) {
                in_order(info, INFO);
            }
        }
    }

    #[test]
    fn the_index_shows_what_has_come_out_and_forgets_what_is_long_over() {
        let storm = Storm::embedded();
        let entries = |now: &str| -> Vec<String> {
            let xml = storm.cap_index(at(now), "http://127.0.0.1:1/");
            let document = roxmltree::Document::parse(&xml).unwrap();
            let links = document.descendants().filter(|node| node.attribute("type") == Some("application/cap+xml"));
            links.filter_map(|link| Some(link.attribute("href")?.rsplit('/').next()?.to_owned())).collect()
        };
        assert!(entries("2025-12-08T21:00").is_empty());
        assert_eq!(entries("2025-12-08T22:00"), ["reconstruction-20251208-yellow-sea-1.xml"]);
        assert_eq!(
            entries("2025-12-09T00:00"),
            [format!("{RED}.xml"), "reconstruction-20251208-yellow-sea-1.xml".into()]
        );
        assert_eq!(entries("2025-12-09T10:30").first().unwrap(), "reconstruction-20251208-yellow-sea-3.xml");
        assert!(entries("2025-12-09T15:00").is_empty());
    }

    #[test]
    fn an_update_names_what_it_replaces_by_the_whole_triple() {
        let storm = Storm::embedded();
        let xml = storm.cap_alert(at("2025-12-09T06:00"), "reconstruction-20251208-yellow-sea-2").unwrap();
        let document = roxmltree::Document::parse(&xml).unwrap();
        assert_eq!(
            texts(&document, "references"),
            ["reconstruction@nadhir.invalid,reconstruction-20251208-yellow-sea-1,2025-12-08T21:15:00+03:00"]
        );
        assert_eq!(texts(&document, "areaDesc"), ["رابغ", "الليث", "رابغ", "الليث"]);
    }

    #[test]
    fn the_polygon_of_jeddah_is_closed_and_lies_within_its_outline() {
        let storm = Storm::embedded();
        let polygon = storm.alerts.iter().find_map(|alert| alert.areas.first()?.polygon.clone()).unwrap();
        let pairs: Vec<&str> = polygon.split(' ').collect();
        assert!(4 <= pairs.len() && pairs.first() == pairs.last());
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/geo/makkah_governorates_17.geojson");
        let Ok(outlines) = std::fs::read_to_string(path) else { return };
        let outlines: geojson::FeatureCollection = outlines.parse::<geojson::GeoJson>().unwrap().try_into().unwrap();
        let jeddah = outlines.features.iter().find(|feature| feature.property("en").unwrap() == "Jeddah").unwrap();
        let outline: geo::Polygon<f64> = jeddah.geometry.clone().unwrap().try_into().unwrap();
        for pair in pairs {
            let (latitude, longitude) = pair.split_once(',').unwrap();
            let point = geo::Point::new(longitude.parse().unwrap(), latitude.parse().unwrap());
            assert!(geo::Contains::contains(&outline, &point), "{pair}");
        }
    }
}
