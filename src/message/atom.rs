//! Warnings as an Atom feed of CAP documents: each entry carries its document whole, so that whoever was told need not ask again. It adds
//! no word to what was frozen, and the same documents always give the same bytes.
//!
//! Source: RFC 4287 (Atom), sections 4.1 and 4.1.3; OASIS CAP 1.2 for what stands in an entry.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use roxmltree::{Document, Node};

use crate::language::Both;
use crate::language::direction::{ISOLATE, POP};
use crate::message::cap::{NAMESPACE as CAP, text};
use crate::time::Timestamp;

/// What a feed is.
pub const CONTENT_TYPE: &str = "application/atom+xml";

/// What a document of CAP is.
pub const CAP_TYPE: &str = "application/cap+xml";

const ATOM: &str = "http://www.w3.org/2005/Atom";

type Xml = Writer<Vec<u8>>;

/// What a feed says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// Its own address, which is its name as well.
    pub topic: &'a str,
    /// The hub that tells of what is new in it.
    pub hub: &'a str,
    /// What it is called.
    pub title: &'a Both<String>,
    /// What it holds.
    pub about: &'a Both<String>,
    /// When it last changed, where nothing stands in it.
    pub since: Timestamp,
}

/// One document, and where it is found.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its address, which never leads to another one.
    pub href: String,
    /// The document.
    pub cap: String,
}

/// What of a document is said in an entry, besides the document.
struct Outline {
    sent: String,
    author: String,
    title: String,
    language: String,
    summary: String,
    severity: String,
}

/// A feed with entries in the order in which they are given, the newest first. What is no document of CAP is left out.
pub fn page(head: &Head<'_>, items: &[Item]) -> String {
    let known: Vec<(&Item, Outline)> = items.iter().filter_map(|item| Some((item, outline(&item.cap)?))).collect();
    let updated = known.first().map_or_else(|| head.since.to_rfc3339(), |(_, outline)| outline.sent.clone());
    let mut xml = Writer::new(Vec::new());
    let written = xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None))).and_then(|()| {
        xml.create_element("feed").with_attributes([("xmlns", ATOM), ("xml:lang", "ar")]).write_inner_content(
            |xml| {
                text(xml, "id", head.topic)?;
                text(xml, "title", &beside(&[&head.title.ar, &head.title.en]))?;
                text(xml, "subtitle", &beside(&[&head.about.ar, &head.about.en]))?;
                text(xml, "updated", &updated)?;
                link(xml, [("rel", "self"), ("type", CONTENT_TYPE), ("href", head.topic)])?;
                xml.create_element("link").with_attributes([("rel", "hub"), ("href", head.hub)]).write_empty()?;
                known.iter().try_for_each(|(item, outline)| entry(xml, item, outline))
            },
        )?;
        Ok(())
    });
    written.expect("writing to memory does not fail");
    String::from_utf8(xml.into_inner()).expect("only texts were written") + "\n"
}

fn entry(xml: &mut Xml, item: &Item, outline: &Outline) -> io::Result<()> {
    xml.get_mut().push(b'\n');
    xml.create_element("entry").write_inner_content(|xml| {
        text(xml, "id", &item.href)?;
        text(xml, "title", &outline.title)?;
        text(xml, "updated", &outline.sent)?;
        xml.create_element("author").write_inner_content(|xml| text(xml, "name", &outline.author))?;
        xml.create_element("category")
            .with_attributes([("scheme", CAP), ("term", outline.severity.as_str())])
            .write_empty()?;
        link(xml, [("rel", "alternate"), ("type", CAP_TYPE), ("href", &item.href)])?;
        let summary = xml.create_element("summary").with_attribute(("xml:lang", outline.language.as_str()));
        summary.write_text_content(BytesText::new(&outline.summary))?;
        xml.create_element("content").with_attribute(("type", CAP_TYPE)).write_inner_content(|xml| {
            // It was written by this house and stands as it is, but for what opens a file.
            xml.get_mut().extend_from_slice(without_declaration(&item.cap).as_bytes());
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(())
}

fn link(xml: &mut Xml, of: [(&str, &str); 3]) -> io::Result<()> {
    xml.create_element("link").with_attributes(of).write_empty().map(drop)
}

fn without_declaration(cap: &str) -> &str {
    let cap = cap.trim();
    match cap.split_once("?>") {
        Some((declaration, rest)) if declaration.starts_with("<?xml") => rest.trim_start(),
        _ => cap,
    }
}

/// Texts of several languages on one line, each with a direction of its own.
fn beside(texts: &[&str]) -> String {
    match texts {
        [only] => (*only).to_owned(),
        several => several.iter().map(|text| format!("{ISOLATE}{text}{POP}")).collect::<Vec<_>>().join(" · "),
    }
}

fn outline(cap: &str) -> Option<Outline> {
    let document = Document::parse(cap).ok()?;
    let alert = document.root_element();
    let infos: Vec<Node<'_, '_>> = alert.children().filter(|node| node.has_tag_name((CAP, "info"))).collect();
    let first = infos.first()?;
    let mut headlines: Vec<&str> = Vec::new();
    for headline in infos.iter().filter_map(|info| child(*info, "headline")) {
        if !headlines.contains(&headline) {
            headlines.push(headline);
        }
    }
    Some(Outline {
        sent: child(alert, "sent")?.to_owned(),
        author: child(*first, "senderName").or_else(|| child(alert, "sender"))?.to_owned(),
        title: beside(&headlines),
        language: child(*first, "language").unwrap_or("ar").to_owned(),
        summary: child(*first, "description").unwrap_or_default().to_owned(),
        severity: child(*first, "severity").unwrap_or("Unknown").to_owned(),
    })
}

fn child<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.children().find(|child| child.has_tag_name((CAP, name)))?.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(ar: &str, en: &str) -> Both<String> {
        Both { ar: ar.to_owned(), en: en.to_owned() }
    }

    fn document(identifier: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<alert xmlns=\"{CAP}\"><identifier>{identifier}</identifier>\
             <sender>nadhir.mkh</sender><sent>2025-12-09T01:00:00+03:00</sent>\
             <info><language>ar-SA</language><severity>Severe</severity><senderName>إمارة منطقة مكة المكرمة</senderName>\
             <headline>تحذير برتقالي من الأمطار</headline><description>أمطار &lt;غزيرة&gt; &amp; سيول</description></info>\
             <info><language>en-US</language><severity>Severe</severity><headline>Orange rain warning</headline></info></alert>\n"
        )
    }

    fn page_of(items: &[Item]) -> String {
        let (title, about) = (both("تحذيرات", "Warnings"), both("ما صدر", "What was said"));
        let since = Timestamp::from_timestamp(1_765_238_400, 0).unwrap();
        let topic = "https://w.example/makkah/warnings.atom";
        page(&Head { topic, hub: "https://w.example/makkah/hub", title: &title, about: &about, since }, items)
    }

    #[test]
    fn an_entry_carries_its_document_whole_and_its_words_in_both_languages() {
        let href = "https://w.example/makkah/alerts/MKH-2025-000001.1.xml".to_owned();
        let told = page_of(&[Item { href: href.clone(), cap: document("MKH-2025-000001.1") }]);
        let read = Document::parse(&told).unwrap();
        let of = |name: &str| read.descendants().find(|node| node.has_tag_name((ATOM, name))).unwrap();
        let entry = of("entry");
        let texts: Vec<&str> = ["id", "title", "updated", "summary"]
            .iter()
            .map(|name| entry.children().find(|node| node.has_tag_name((ATOM, *name))).unwrap().text().unwrap())
            .collect();
        let title = "\u{2068}تحذير برتقالي من الأمطار\u{2069} · \u{2068}Orange rain warning\u{2069}";
        assert_eq!(texts, [&href, title, "2025-12-09T01:00:00+03:00", "أمطار <غزيرة> & سيول"]);
        assert_eq!(of("updated").text(), Some("2025-12-09T01:00:00+03:00"));
        let content = of("content");
        let alert = content.first_element_child().unwrap();
        assert!(alert.has_tag_name((CAP, "alert")) && content.attribute("type") == Some(CAP_TYPE));
        let links: Vec<_> = read.descendants().filter(|node| node.has_tag_name((ATOM, "link"))).collect();
        let rels: Vec<_> = links.iter().map(|node| node.attribute("rel").unwrap()).collect();
        assert_eq!(rels, ["self", "hub", "alternate"]);
        assert_eq!(told, page_of(&[Item { href, cap: document("MKH-2025-000001.1") }]));
    }

    #[test]
    fn a_feed_without_a_warning_is_a_feed_and_what_is_no_document_is_left_out() {
        let told = page_of(&[Item { href: "https://w.example/x".to_owned(), cap: "{}".to_owned() }]);
        let read = Document::parse(&told).unwrap();
        assert!(!told.contains("entry"));
        assert_eq!(read.descendants().filter(|node| node.has_tag_name((ATOM, "updated"))).count(), 1);
    }
}
