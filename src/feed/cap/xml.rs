//! Bytes to text and text to a document that is safe to walk: known encodings, no DTD, no entities of its own, bounded in size,
//! depth and attributes.
//!
//! Nothing is ever fetched because a document says so: no schema, no style sheet, and an XInclude is refused.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use memchr::{memchr_iter, memmem};
use roxmltree::{Document, ParsingOptions};

use super::tree::{Element, Tree};
use crate::feed::{DecodeError, look_of};

/// What a body should have been, for errors.
pub(in crate::feed) const EXPECTED: &str = "CAP, Atom or RSS";
/// The largest document that is read, in bytes; the largest real alert seen is 1.7 MB.
pub(in crate::feed) const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The deepest nest; CAP needs 6, and an envelope with a signature around it twice that.
pub(super) const MAX_DEPTH: usize = 64;
/// The most nodes; an index of 500 alerts given inline stays below.
pub(super) const MAX_NODES: u32 = 250_000;
/// The most attributes of one element; CAP needs none, and the parser compares each with all others.
pub(super) const MAX_ATTRIBUTES: usize = 128;
/// The most equal signs of a document: the parser sets aside room for an attribute, 80 bytes, by each of them.
pub(super) const MAX_EQUAL_SIGNS: usize = 200_000;
/// Up to so many equal signs no element can have enough attributes to be slow, and none is counted.
const HARMLESS_EQUAL_SIGNS: usize = 500;
/// The most prefixes that a document binds: every element that binds one takes a list of all that are in force.
pub(super) const MAX_PREFIXES: usize = 64;
/// The shortest that an attribute can be: ` a=''`.
const LEAST_ATTRIBUTE: usize = 5;
/// The root of an envelope that carries alerts: EDXL Distribution Element.
pub(super) const ENVELOPE: &str = "EDXLDistribution";
/// What asks for another document to be put in.
const XINCLUDE: &str = "http://www.w3.org/2001/XInclude";

/// Turns a body into text by its mark or its declaration; bytes that are no letters of it are replaced.
pub(in crate::feed) fn text(body: &[u8]) -> Result<Cow<'_, str>, DecodeError> {
    if MAX_BYTES < body.len() {
        return refused(format!("the document is {} bytes, more than {MAX_BYTES}", body.len()));
    }
    let encoding = match body {
        // Without a mark, UTF-16 shows itself by the zero beside the first bracket.
        [b'<', 0, ..] => UTF_16LE,
        [0, b'<', ..] => UTF_16BE,
        _ => declared(body)?,
    };
    // The mark, if there is one, decides and is taken off.
    let (text, _, _) = encoding.decode(body);
    let text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_start()),
        Cow::Owned(text) if text.starts_with('<') => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.trim_start().to_owned()),
    };
    if !text.starts_with('<') || is_page(&text) {
        return Err(DecodeError::NotTheFormat { expected: EXPECTED, found: look_of(text.as_bytes()) });
    }
    Ok(text)
}

fn is_page(text: &str) -> bool {
    ["<!doctype html", "<html"]
        .iter()
        .any(|begin| text.get(..begin.len()).is_some_and(|head| head.eq_ignore_ascii_case(begin)))
}

/// The encoding that the first line declares; UTF-8 when it declares none.
fn declared(body: &[u8]) -> Result<&'static Encoding, DecodeError> {
    let head = body.get(..body.len().min(200)).unwrap_or(body);
    let end = memmem::find(head, b"?>").unwrap_or(0);
    let label = head.get(..end).and_then(|head| {
        let begin = memmem::find(head, b"encoding")? + "encoding".len();
        let rest = head.get(begin..)?;
        let blank = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'=' | b'"' | b'\'');
        let rest = rest.get(rest.iter().position(|byte| !blank(byte))?..)?;
        Some(rest.split(blank).next().unwrap_or(rest))
    });
    match label {
        None => Ok(UTF_8),
        Some(label) => match Encoding::for_label(label) {
            // These bytes have just been read one by one, whatever they declare.
            Some(wide) if wide == UTF_16LE || wide == UTF_16BE => Ok(UTF_8),
            Some(encoding) => Ok(encoding),
            None => Err(DecodeError::Broken {
                place: "the XML declaration".to_owned(),
                why: format!("the encoding `{}` is not known", String::from_utf8_lossy(label)),
            }),
        },
    }
}

/// Parses a text within the limits, all but the depth, which [`Tree::of`] looks at.
pub(in crate::feed) fn parse(text: &str) -> Result<Document<'_>, DecodeError> {
    bounded(text)?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|why| match why {
        roxmltree::Error::NodesLimitReached => too_many(),
        roxmltree::Error::UnknownEntityReference(name, _) => {
            DecodeError::Refused { why: format!("the document uses an entity of its own, `{name}`") }
        }
        // What is built to harm is often torn as well; the harm is told first.
        other => scan(text)
            .err()
            .unwrap_or_else(|| DecodeError::Broken { place: "the XML".to_owned(), why: other.to_string() }),
    })
}

fn refused<T>(why: String) -> Result<T, DecodeError> {
    Err(DecodeError::Refused { why })
}

fn too_many() -> DecodeError {
    DecodeError::Refused { why: format!("the document has more than {MAX_NODES} nodes") }
}

/// Keeps away from the parser what would cost it much time or room, by counting marks alone.
fn bounded(text: &str) -> Result<(), DecodeError> {
    let bytes = text.as_bytes();
    // The parser sets aside room for a node by each bracket; an element has two of them.
    if 2 * (MAX_NODES as usize) < memchr_iter(b'<', bytes).count() {
        return Err(too_many());
    }
    let equal_signs = memchr_iter(b'=', bytes).count();
    if MAX_EQUAL_SIGNS < equal_signs {
        return refused(format!("the document has more than {MAX_EQUAL_SIGNS} equal signs, as of attributes"));
    }
    if HARMLESS_EQUAL_SIGNS < equal_signs {
        attributes(text)?;
    }
    prefixes(text)
}

/// Refuses an element of too many attributes. A tag holds no other bracket, so a long one is found by the brackets.
fn attributes(text: &str) -> Result<(), DecodeError> {
    let mut begin = 0;
    for end in memchr_iter(b'<', text.as_bytes()).chain([text.len()]) {
        if MAX_ATTRIBUTES * LEAST_ATTRIBUTE < end - begin
            && MAX_ATTRIBUTES < text.get(begin..end).map_or(0, |tag| tag_length(tag).1)
        {
            return refused(too_many_attributes());
        }
        begin = end;
    }
    Ok(())
}

fn too_many_attributes() -> String {
    format!("an element has more than {MAX_ATTRIBUTES} attributes")
}

/// Refuses a document that binds too many prefixes.
fn prefixes(text: &str) -> Result<(), DecodeError> {
    let mut known: Vec<&str> = Vec::new();
    for place in memmem::find_iter(text.as_bytes(), b"xmlns") {
        let rest = text.get(place..).unwrap_or_default();
        let end = rest.bytes().take(200).position(|byte| byte == b'=' || byte.is_ascii_whitespace()).unwrap_or(200);
        let name = rest.get(..end).unwrap_or_default();
        if !known.contains(&name) {
            known.push(name);
            if MAX_PREFIXES < known.len() {
                return refused(format!("the document binds more than {MAX_PREFIXES} prefixes"));
            }
        }
    }
    Ok(())
}

/// Looks over a torn text for what is built to harm, so that the reason can be told.
fn scan(text: &str) -> Result<(), DecodeError> {
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
            return refused(too_many_attributes());
        }
        let (inside, after) = tag.split_at_checked(inside).unwrap_or((tag, ""));
        if inside.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else if !inside.ends_with('/') {
            depth += 1;
        }
        if MAX_DEPTH < depth {
            return refused(too_deep());
        }
        rest = after;
    }
    Ok(())
}

pub(super) fn too_deep() -> String {
    format!("the document is nested deeper than {MAX_DEPTH}")
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

/// What is looked for in a document, whatever it is.
#[derive(Debug, Default)]
pub(in crate::feed) struct Survey<'a> {
    /// Every alert, in order and none within another.
    pub(in crate::feed) alerts: Vec<Element<'a>>,
    /// Every envelope, in order.
    pub(super) envelopes: Vec<Element<'a>>,
}

/// One walk over a document.
///
/// # Errors
/// When it asks for another document to be put in.
pub(in crate::feed) fn survey<'a>(tree: &'a Tree<'_>) -> Result<Survey<'a>, DecodeError> {
    let mut survey = Survey::default();
    for element in tree.elements() {
        match element.name() {
            "include" if element.namespace() == Some(XINCLUDE) => {
                return refused("the document asks for another one to be put in (XInclude)".to_owned());
            }
            "alert" if is_alert(&element) && survey.alerts.last().is_none_or(|last| !last.holds(element)) => {
                survey.alerts.push(element);
            }
            ENVELOPE => survey.envelopes.push(element),
            _ => {}
        }
    }
    Ok(survey)
}

/// True for the root of a CAP alert of any version, and for one that forgot its namespace and is nothing else.
fn is_alert(element: &Element<'_>) -> bool {
    is_named_alert(element) || ["identifier", "sender", "sent"].iter().all(|name| element.named(name).next().is_some())
}

/// True for an element of one of the namespaces of CAP.
pub(super) fn is_named_alert(element: &Element<'_>) -> bool {
    let cap =
        |space: &str| space.starts_with("urn:oasis:names:tc:emergency:cap:1.") || space.contains("incident.com/cap/1.");
    element.namespace().is_some_and(cap)
}
