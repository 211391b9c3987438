//! Bytes to an XML tree that is safe to walk: known encodings, no DTD, no entities of its own, bounded in size and depth.
//!
//! Nothing is ever fetched because a document says so: no XInclude, no schema, no style sheet.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use roxmltree::{Document, Node, ParsingOptions};

use crate::feed::{DecodeError, look_of};

/// What a body should have been, for errors.
pub(in crate::feed) const EXPECTED: &str = "CAP, Atom or RSS";
/// The largest document that is read, in bytes; the largest real alert seen is 1.7 MB.
pub(in crate::feed) const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The deepest nest; CAP needs 6.
const MAX_DEPTH: usize = 64;
/// The most nodes; an index of 500 alerts given inline stays below.
const MAX_NODES: u32 = 400_000;
/// The most attributes of one element; CAP needs none, and comparing them all is slow.
const MAX_ATTRIBUTES: usize = 128;

/// Turns a body into text by its mark or its declaration; bytes that are no letters of it are replaced.
pub(in crate::feed) fn text(body: &[u8]) -> Result<String, DecodeError> {
    if MAX_BYTES < body.len() {
        let why = format!("the document is {} bytes, more than {MAX_BYTES}", body.len());
        return Err(DecodeError::Refused { why });
    }
    let encoding = match body {
        // Without a mark, UTF-16 shows itself by the zero beside the first bracket.
        [b'<', 0, ..] => UTF_16LE,
        [0, b'<', ..] => UTF_16BE,
        _ => declared(body)?,
    };
    // The mark, if there is one, decides and is taken off.
    let (text, _, _) = encoding.decode(body);
    if !text.trim_start().starts_with('<') || look_of(text.as_bytes()).contains("HTML") {
        return Err(DecodeError::NotTheFormat { expected: EXPECTED, found: look_of(text.as_bytes()) });
    }
    Ok(text.trim_start().to_owned())
}

/// The encoding that the first line declares; UTF-8 when it declares none.
fn declared(body: &[u8]) -> Result<&'static Encoding, DecodeError> {
    let head = String::from_utf8_lossy(body.get(..body.len().min(200)).unwrap_or(body)).into_owned();
    let declaration = head.split_once("<?xml").and_then(|(_, rest)| rest.split_once("?>")).map(|(inside, _)| inside);
    let label = declaration.and_then(|inside| inside.split_once("encoding")).map(|(_, rest)| {
        let label = rest.trim_start_matches(|c: char| c == '=' || c.is_whitespace() || c == '"' || c == '\'');
        label.split(['"', '\'']).next().unwrap_or_default().trim().to_owned()
    });
    match label {
        None => Ok(UTF_8),
        Some(label) => match Encoding::for_label(label.as_bytes()) {
            // These bytes have just been read one by one, whatever they declare.
            Some(wide) if wide == UTF_16LE || wide == UTF_16BE => Ok(UTF_8),
            Some(encoding) => Ok(encoding),
            None => Err(DecodeError::Broken {
                place: "the XML declaration".to_owned(),
                why: format!("the encoding `{label}` is not known"),
            }),
        },
    }
}

/// Parses a text within the limits.
pub(in crate::feed) fn parse(text: &str) -> Result<Document<'_>, DecodeError> {
    scan(text)?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|why| match why {
        roxmltree::Error::DtdDetected => DecodeError::Refused { why: "the document brings a DTD".to_owned() },
        roxmltree::Error::NodesLimitReached => {
            DecodeError::Refused { why: format!("the document has more than {MAX_NODES} nodes") }
        }
        roxmltree::Error::UnknownEntityReference(name, _) => {
            DecodeError::Refused { why: format!("the document uses an entity of its own, `{name}`") }
        }
        other => DecodeError::Broken { place: "the XML".to_owned(), why: other.to_string() },
    })
}

/// Counts depth and attributes before anything is built, so that a hostile document costs one walk over its text.
fn scan(text: &str) -> Result<(), DecodeError> {
    let refused = |why: String| Err(DecodeError::Refused { why });
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some((_, tag)) = rest.split_once('<') {
        let ends = [("!--", "-->"), ("![CDATA[", "]]>"), ("?", "?>")];
        if let Some((_, end)) = ends.iter().find(|(begin, _)| tag.starts_with(begin)) {
            rest = tag.split_once(end).map_or("", |(_, rest)| rest);
            continue;
        }
        if tag.get(..13).is_some_and(|head| head.eq_ignore_ascii_case("!doctype html")) {
            return Err(DecodeError::NotTheFormat { expected: EXPECTED, found: "a web page (XHTML)".to_owned() });
        }
        if tag.starts_with('!') {
            return refused("the document brings a DTD".to_owned());
        }
        let (inside, attributes) = tag_length(tag);
        if MAX_ATTRIBUTES < attributes {
            return refused(format!("an element has more than {MAX_ATTRIBUTES} attributes"));
        }
        let (inside, after) = tag.split_at_checked(inside).unwrap_or((tag, ""));
        if inside.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else if !inside.ends_with('/') {
            depth += 1;
        }
        if MAX_DEPTH < depth {
            return refused(format!("the document is nested deeper than {MAX_DEPTH}"));
        }
        rest = after;
    }
    Ok(())
}

/// How many bytes a tag has up to its closing bracket, and how many attributes.
fn tag_length(tag: &str) -> (usize, usize) {
    let mut quote = None;
    let mut attributes = 0;
    for (place, c) in tag.char_indices() {
        match (quote, c) {
            (None, '>') => return (place, attributes),
            (None, '"' | '\'') => quote = Some(c),
            (None, '=') => attributes += 1,
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    (tag.len(), attributes)
}

/// The child elements of a name, whatever their namespace: authorities mix the versions of CAP.
pub(in crate::feed) fn children<'a, 'i>(
    node: Node<'a, 'i>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> + use<'a, 'i> {
    node.children().filter(move |child| child.is_element() && child.tag_name().name() == name)
}

/// All text within the first child of a name, trimmed; none when there is none or it is empty.
pub(in crate::feed) fn child_text(node: Node<'_, '_>, name: &'static str) -> Option<String> {
    children(node, name).next().and_then(own_text)
}

/// All text within an element, trimmed; none when it is empty.
pub(in crate::feed) fn own_text(node: Node<'_, '_>) -> Option<String> {
    let text: String = node.descendants().filter(Node::is_text).filter_map(|part| part.text()).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// True for the root of a CAP alert of any version.
pub(in crate::feed) fn is_alert(node: &Node<'_, '_>) -> bool {
    let name = node.tag_name();
    let cap =
        |space: &str| space.starts_with("urn:oasis:names:tc:emergency:cap:1.") || space.contains("incident.com/cap/1.");
    node.is_element() && name.name() == "alert" && name.namespace().is_some_and(cap)
}
