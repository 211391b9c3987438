//! Plain XML to a tree in one pass: the form in which nearly every alert and list is written.
//!
//! It only ever says yes to what is surely well-formed. Whatever it does not know, it leaves to the parser, which is slower, knows
//! all of XML and says what is wrong: a DTD, an entity, a name in other letters, a limit that is passed. So is every document that
//! carries a signature: it must be read from the very tree that is verified.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memchr2, memmem};

use super::tree::{Attribute, NOWHERE, Piece, Tree, XML, XML_NAME, place};
use super::xml::{MAX_ATTRIBUTES, MAX_DEPTH, MAX_EQUAL_SIGNS, MAX_NODES, MAX_PREFIXES};

/// The namespace of declarations, which nobody may bind.
const XMLNS_NAME: &str = "http://www.w3.org/2000/xmlns/";
/// The longest reference to a character: `&#x10FFFF;`.
const MAX_REFERENCE: usize = 10;

/// The text with every line end as one `\n`, as the standard has it; none where the parser is known to see it otherwise.
pub(super) fn lines(text: &str) -> Option<Cow<'_, str>> {
    if memchr(b'\r', text.as_bytes()).is_none() {
        return Some(Cow::Borrowed(text));
    }
    // The parser leaves one as it is beside a reference to a character.
    let is_odd =
        ["&", ";"].iter().any(|mark| text.contains(&format!("\r{mark}")) || text.contains(&format!("{mark}\r")));
    (!is_odd).then(|| Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")))
}

/// Reads a text of plain lines; none when it is not surely plain and well-formed.
pub(super) fn read(text: &str) -> Option<Tree<'_>> {
    let bytes = text.as_bytes();
    let count = |byte: u8| memchr_iter(byte, bytes).count();
    if MAX_EQUAL_SIGNS < bytes.len() && MAX_EQUAL_SIGNS < count(b'=') {
        return None;
    }
    let look = look(bytes);
    if look.has_unknown || !look.is_ascii && has_noncharacter(bytes) {
        return None;
    }
    // Two tags are an element and the blanks after it, or its text.
    let room = count(b'<') + 8;
    let reader = Reader {
        text,
        at: 0,
        may_end_data: look.has_bracket,
        nodes: 1,
        tree: Tree::with_room(room.min(MAX_NODES as usize)),
        open: Vec::with_capacity(16),
        run: None,
        bound: Vec::new(),
        prefixes: Vec::new(),
        default: NOWHERE,
        later: Vec::new(),
    };
    reader.document()
}

/// What all bytes of a text tell together.
struct Look {
    is_ascii: bool,
    /// Whether there is a `]`.
    has_bracket: bool,
    /// Whether there is a character below the blank that XML does not know, or the end of a line that is not plain.
    has_unknown: bool,
}

fn look(bytes: &[u8]) -> Look {
    let (mut all, mut bracket, mut unknown) = (0, false, false);
    // Without a way out amid the loop, it is done for many bytes at once.
    for byte in bytes {
        all |= *byte;
        bracket |= *byte == b']';
        unknown |= (*byte < 0x20) & (*byte != b'\n') & (*byte != b'\t');
    }
    Look { is_ascii: all < 0x80, has_bracket: bracket, has_unknown: unknown }
}

/// True when there is one of the two that end the first plane and are no characters.
fn has_noncharacter(bytes: &[u8]) -> bool {
    memmem::find_iter(bytes, b"\xEF\xBF").any(|at| matches!(bytes.get(at + 2), Some(0xBE | 0xBF)))
}

/// A document being read. Every step gives none when it does not know better.
struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// Whether the mark that ends character data stands anywhere: within a text it must not.
    may_end_data: bool,
    /// As the parser counts them.
    nodes: u32,
    tree: Tree<'t>,
    /// The elements that have begun and not ended.
    open: Vec<Open<'t>>,
    /// The text since the last tag.
    run: Option<Cow<'t, str>>,
    /// The prefixes in force and their namespaces.
    bound: Vec<(&'t str, u32)>,
    /// All prefixes that were ever bound.
    prefixes: Vec<&'t str>,
    /// The namespace of elements without a prefix.
    default: u32,
    /// Attributes whose prefix waits for the end of the tag.
    later: Vec<(usize, &'t str)>,
}

/// An element that has begun.
struct Open<'t> {
    at: usize,
    /// As it was written.
    name: &'t str,
    /// What counted before it: the number of prefixes in force, and the namespace of elements without one.
    bound: usize,
    default: u32,
}

/// A name as it was written.
#[derive(Clone, Copy)]
struct Name<'t> {
    whole: &'t str,
    prefix: &'t str,
    local: &'t str,
}

impl<'t> Reader<'t> {
    fn document(mut self) -> Option<Tree<'t>> {
        self.declaration()?;
        self.beside()?;
        self.begin()?;
        while !self.open.is_empty() {
            self.content()?;
        }
        self.beside()?;
        (self.at == self.text.len()).then_some(self.tree)
    }

    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn blanks(&mut self) {
        self.at += self.rest().iter().take_while(|byte| is_blank(**byte)).count();
    }

    /// Goes on behind a mark that must stand here.
    fn expect(&mut self, mark: &[u8]) -> Option<()> {
        self.rest().starts_with(mark).then(|| self.at += mark.len())
    }

    /// The text up to a mark, which it goes on behind.
    fn until(&mut self, mark: &[u8]) -> Option<&'t str> {
        let end = self.at + memmem::find(self.rest(), mark)?;
        let text = self.text.get(self.at..end)?;
        self.at = end + mark.len();
        Some(text)
    }

    /// `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`, or nothing.
    fn declaration(&mut self) -> Option<()> {
        if self.expect(b"<?xml ").is_none() {
            return Some(());
        }
        let mut wanted = ["version", "encoding", "standalone"].iter();
        let mut count = 0;
        loop {
            self.blanks();
            if self.expect(b"?>").is_some() {
                return (0 < count).then_some(());
            }
            let (name, _) = self.pair()?;
            let place = wanted.position(|wanted| *wanted == name.whole)?;
            if count == 0 && place != 0 || !self.rest().first().is_some_and(|byte| is_blank(*byte) || *byte == b'?') {
                return None;
            }
            count += 1;
        }
    }

    /// What may stand beside the root: blanks, comments and instructions.
    fn beside(&mut self) -> Option<()> {
        loop {
            self.blanks();
            match self.rest() {
                [b'<', b'!', ..] => self.comment()?,
                [b'<', b'?', ..] => self.instruction()?,
                _ => return Some(()),
            }
            self.count()?;
        }
    }

    fn comment(&mut self) -> Option<()> {
        self.expect(b"<!--")?;
        let text = self.until(b"--")?;
        self.expect(b">")?;
        (!text.ends_with('-')).then_some(())
    }

    fn instruction(&mut self) -> Option<()> {
        self.expect(b"<?")?;
        let name = self.name()?;
        let is_plain = name.prefix.is_empty() && !name.whole.eq_ignore_ascii_case("xml");
        if !is_plain || !self.rest().first().is_some_and(|byte| is_blank(*byte) || *byte == b'?') {
            return None;
        }
        self.until(b"?>").map(drop)
    }

    /// What stands next within an element: a text, if there is one, and a tag or mark.
    fn content(&mut self) -> Option<()> {
        let rest = self.rest();
        let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
        let length = blanks + memchr2(b'<', b'&', rest.get(blanks..)?)?;
        if 0 < length {
            let text = self.text.get(self.at..self.at + length)?;
            if self.may_end_data && text.contains("]]>") {
                return None;
            }
            self.at += length;
            self.add(text);
        }
        match rest.get(length..)? {
            [b'<', b'/', ..] => self.end(),
            [b'<', b'!', b'[', ..] => {
                self.expect(b"<![CDATA[")?;
                let text = self.until(b"]]>")?;
                self.add(text);
                Some(())
            }
            [b'<', b'!', ..] => {
                self.flush()?;
                self.comment()?;
                self.push(Piece::mark())
            }
            [b'<', b'?', ..] => {
                self.flush()?;
                self.instruction()?;
                self.push(Piece::mark())
            }
            [b'<', ..] => {
                self.flush()?;
                self.begin()
            }
            _ => {
                let c = self.reference()?;
                self.run.get_or_insert_default().to_mut().push(c);
                Some(())
            }
        }
    }

    /// Adds to the text since the last tag.
    fn add(&mut self, text: &'t str) {
        match &mut self.run {
            None => self.run = Some(Cow::Borrowed(text)),
            Some(run) => run.to_mut().push_str(text),
        }
    }

    /// Puts the text since the last tag into the tree.
    fn flush(&mut self) -> Option<()> {
        match self.run.take() {
            None => Some(()),
            Some(text) => self.push(Piece::text(text)),
        }
    }

    fn push(&mut self, piece: Piece<'t>) -> Option<()> {
        self.count()?;
        self.tree.pieces.push(piece);
        Some(())
    }

    fn count(&mut self) -> Option<()> {
        self.nodes += 1;
        (self.nodes <= MAX_NODES).then_some(())
    }

    /// A tag that begins an element.
    fn begin(&mut self) -> Option<()> {
        self.expect(b"<")?;
        let name = self.name()?;
        if name.local == "Signature" {
            return None;
        }
        let (bound, default, first) = (self.bound.len(), self.default, self.tree.attributes.len());
        let is_empty = loop {
            match self.rest() {
                [b'>', ..] => {
                    self.at += 1;
                    break false;
                }
                [b'/', b'>', ..] => {
                    self.at += 2;
                    break true;
                }
                [blank, ..] if is_blank(*blank) => {
                    self.blanks();
                    if !matches!(self.rest(), [b'>' | b'/', ..]) {
                        self.attribute(bound)?;
                    }
                }
                _ => return None,
            }
        };
        let space = if name.prefix.is_empty() { self.default } else { self.space_of(name.prefix)? };
        let count = self.tree.attributes.len() - first;
        if 0 < count {
            self.settle(first)?;
        }
        if MAX_DEPTH <= self.open.len() {
            return None;
        }
        let at = self.tree.pieces.len();
        let end = place(at + 1);
        self.push(Piece { name: name.local, text: None, end, space, attributes: (place(first), place(count)) })?;
        if is_empty {
            self.bound.truncate(bound);
            self.default = default;
        } else {
            self.open.push(Open { at, name: name.whole, bound, default });
        }
        Some(())
    }

    /// A tag that ends the innermost element.
    fn end(&mut self) -> Option<()> {
        self.at += 2;
        let open = self.open.pop()?;
        self.expect(open.name.as_bytes())?;
        if self.expect(b">").is_none() {
            self.blanks();
            self.expect(b">")?;
        }
        if open.at + 1 == self.tree.pieces.len() {
            if let Some(text) = self.run.take() {
                self.count()?;
                self.tree.set_text(open.at, text);
            }
        } else {
            self.flush()?;
            self.tree.close(open.at);
        }
        self.bound.truncate(open.bound);
        self.default = open.default;
        Some(())
    }

    /// A name in plain letters, with or without a prefix.
    fn name(&mut self) -> Option<Name<'t>> {
        let begin = self.at;
        let first = self.plain_name()?;
        if !self.rest().starts_with(b":") {
            return Some(Name { whole: first, prefix: "", local: first });
        }
        self.at += 1;
        let local = self.plain_name()?;
        Some(Name { whole: self.text.get(begin..self.at)?, prefix: first, local })
    }

    /// A name without a prefix.
    fn plain_name(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        if !matches!(rest, [b'a'..=b'z' | b'A'..=b'Z' | b'_', ..]) {
            return None;
        }
        let length = rest.iter().position(|byte| !is_of_name(*byte))?;
        let name = self.text.get(self.at..self.at + length)?;
        self.at += length;
        Some(name)
    }

    /// `name="value"`, the value as it is written.
    fn pair(&mut self) -> Option<(Name<'t>, &'t str)> {
        let name = self.name()?;
        if self.expect(b"=").is_none() {
            self.blanks();
            self.expect(b"=")?;
        }
        self.blanks();
        let quote = *self.rest().first().filter(|byte| matches!(byte, b'"' | b'\''))?;
        self.at += 1;
        let end = self.at + memchr2(quote, b'<', self.rest())?;
        let value = self.text.get(self.at..end)?;
        self.at = end;
        self.expect(&[quote])?;
        Some((name, value))
    }

    /// One attribute or declaration of a tag whose own declarations begin at `own`.
    fn attribute(&mut self, own: usize) -> Option<()> {
        let (name, written) = self.pair()?;
        let value = value(written)?;
        let is_default = name.whole == "xmlns";
        if !is_default && name.prefix != "xmlns" {
            // Which the parser takes for a declaration.
            if name.local == "xmlns" {
                return None;
            }
            if !matches!(name.prefix, "" | "xml") {
                self.later.push((self.tree.attributes.len(), name.prefix));
            }
            let space = if name.prefix == "xml" { XML } else { NOWHERE };
            self.tree.attributes.push(Attribute { name: name.local, value, space });
            return Some(());
        }
        let prefix = if is_default { "" } else { name.local };
        let is_twice = self.bound.iter().skip(own).any(|(bound, _)| *bound == prefix);
        let is_reserved = matches!(prefix, "xml" | "xmlns") || value == XML_NAME || value == XMLNS_NAME;
        if is_twice || is_reserved || value.is_empty() && !is_default {
            return None;
        }
        if !self.prefixes.contains(&prefix) {
            self.prefixes.push(prefix);
            if MAX_PREFIXES < self.prefixes.len() {
                return None;
            }
        }
        let space = self.tree.space(Some(value));
        self.bound.push((prefix, space));
        if is_default {
            self.default = space;
        }
        Some(())
    }

    /// Gives the attributes of a tag, from `first` on, their namespaces. No two may have one name.
    fn settle(&mut self, first: usize) -> Option<()> {
        for (at, prefix) in std::mem::take(&mut self.later) {
            let space = self.space_of(prefix)?;
            self.tree.attributes.get_mut(at)?.space = space;
        }
        let own = self.tree.attributes.get(first..)?;
        let space = |attribute: &Attribute<'_>| self.tree.spaces.get(attribute.space as usize);
        let is_twice = |(number, one): (usize, &Attribute<'_>)| {
            own.iter().take(number).any(|other| one.name == other.name && space(one) == space(other))
        };
        (own.len() <= MAX_ATTRIBUTES && !own.iter().enumerate().any(is_twice)).then_some(())
    }

    fn space_of(&self, prefix: &str) -> Option<u32> {
        self.bound.iter().rev().find(|(bound, _)| *bound == prefix).map(|(_, space)| *space)
    }

    /// A character by its number or by one of the five names.
    fn reference(&mut self) -> Option<char> {
        let (c, length) = referred(self.text.get(self.at..)?)?;
        self.at += length;
        Some(c)
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t')
}

fn is_of_name(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.')
}

/// The value of an attribute: blanks of every kind are blanks, and references are what they refer to.
fn value(written: &str) -> Option<Cow<'_, str>> {
    if !written.bytes().any(|byte| matches!(byte, b'&' | b'\t' | b'\n')) {
        return Some(Cow::Borrowed(written));
    }
    let mut value = String::with_capacity(written.len());
    let mut rest = written;
    while let Some(c) = rest.chars().next() {
        let (c, length) = match c {
            '&' => referred(rest)?,
            '\t' | '\n' => (' ', 1),
            c => (c, c.len_utf8()),
        };
        value.push(c);
        rest = rest.get(length..)?;
    }
    Some(Cow::Owned(value))
}

/// The character that the reference at the beginning refers to, and how long it is written.
fn referred(text: &str) -> Option<(char, usize)> {
    let bytes = text.as_bytes();
    let end = memchr(b';', bytes.get(..bytes.len().min(MAX_REFERENCE))?)?;
    let c = match text.get(1..end)? {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        number => {
            let number = number.strip_prefix('#')?;
            let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |digits| (digits, 16));
            let number = Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            char::from_u32(u32::from_str_radix(number, radix).ok()?)?
        }
    };
    let is_known = !matches!(c, '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    is_known.then_some((c, end + 1))
}

#[cfg(test)]
mod tests;
