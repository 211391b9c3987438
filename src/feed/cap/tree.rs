//! A document as a flat list: its elements in order, the texts between them, and where each element ends.
//!
//! It knows names, namespaces, texts and attributes, all that reading an alert or a list takes, and nothing of prefixes, comments
//! or the way that it was written. It never judges whether a document is well-formed: who fills it does.

use std::borrow::Cow;

use roxmltree::{Document, NodeId, NodeType};

use super::xml::{MAX_DEPTH, too_deep};
use crate::feed::DecodeError;

/// The namespace that is none: the first of the list.
pub(super) const NOWHERE: u32 = 0;
/// The namespace of `xml:lang` and its like, which every document has: the second of the list.
pub(super) const XML: u32 = 1;
/// The same by its name.
pub(super) const XML_NAME: &str = "http://www.w3.org/XML/1998/namespace";

/// One document.
#[derive(Debug)]
pub(in crate::feed) struct Tree<'t> {
    /// Elements, texts and what else there is, in order; the root is the first.
    pub(super) pieces: Vec<Piece<'t>>,
    pub(super) attributes: Vec<Attribute<'t>>,
    /// The namespaces.
    pub(super) spaces: Vec<Cow<'t, str>>,
    /// The node that each piece was made of, where it was made of nodes; only signatures ask.
    nodes: Vec<NodeId>,
}

/// An element, a text between elements, or a mark: a comment or an instruction, of which only the place counts.
#[derive(Debug)]
pub(super) struct Piece<'t> {
    /// The name of an element without its prefix; empty for all else.
    pub(super) name: &'t str,
    /// A text; of an element, the text that it holds when it holds nothing else.
    pub(super) text: Option<Cow<'t, str>>,
    /// The place after the last piece within.
    pub(super) end: u32,
    /// The namespace of an element.
    pub(super) space: u32,
    /// The attributes of an element: the first of them, and how many.
    pub(super) attributes: (u32, u32),
}

/// One attribute; declarations of namespaces are none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attribute<'t> {
    pub(super) name: &'t str,
    pub(super) value: Cow<'t, str>,
    pub(super) space: u32,
}

/// An element of a tree.
#[derive(Debug, Clone, Copy)]
pub(in crate::feed) struct Element<'a> {
    tree: &'a Tree<'a>,
    piece: &'a Piece<'a>,
    at: usize,
}

/// What an element can hold.
#[derive(Debug, Clone, Copy)]
pub(in crate::feed) enum Child<'a> {
    /// An element.
    Element(Element<'a>),
    /// A text.
    Text(&'a str),
    /// A comment or an instruction.
    Mark,
}

impl<'t> Tree<'t> {
    /// A tree with nothing in it yet.
    pub(super) fn with_room(pieces: usize) -> Self {
        let spaces = vec![Cow::Borrowed(""), Cow::Borrowed(XML_NAME)];
        Self { pieces: Vec::with_capacity(pieces), attributes: Vec::new(), spaces, nodes: Vec::new() }
    }

    /// The tree of a parsed document.
    ///
    /// # Errors
    /// When it is nested too deep.
    pub(in crate::feed) fn of(document: &'t Document<'_>) -> Result<Self, DecodeError> {
        let mut tree = Self::with_room(document.descendants().len());
        tree.take(document.root_element(), 1)?;
        Ok(tree)
    }

    fn take(&mut self, node: roxmltree::Node<'t, '_>, depth: usize) -> Result<(), DecodeError> {
        if MAX_DEPTH < depth {
            return Err(DecodeError::Refused { why: too_deep() });
        }
        let at = self.pieces.len();
        let attributes = self.take_attributes(node);
        let space = self.space(node.tag_name().namespace());
        let name = node.tag_name().name();
        self.push(Piece { name, text: None, end: 0, space, attributes }, node.id());
        let only = node.first_child().filter(|first| first.is_text() && node.last_child() == Some(*first));
        if let Some(text) = only.and_then(|only| only.text()) {
            self.set_text(at, Cow::Borrowed(text));
        } else {
            for child in node.children() {
                match child.node_type() {
                    NodeType::Element => self.take(child, depth + 1)?,
                    NodeType::Text => {
                        let text = child.text().unwrap_or_default();
                        self.push(Piece::text(Cow::Borrowed(text)), child.id());
                    }
                    NodeType::Comment | NodeType::PI | NodeType::Root => self.push(Piece::mark(), child.id()),
                }
            }
        }
        self.close(at);
        Ok(())
    }

    fn take_attributes(&mut self, node: roxmltree::Node<'t, '_>) -> (u32, u32) {
        let first = self.attributes.len();
        for attribute in node.attributes() {
            let space = self.space(attribute.namespace());
            let (name, value) = (attribute.name(), Cow::Borrowed(attribute.value()));
            self.attributes.push(Attribute { name, value, space });
        }
        (place(first), place(self.attributes.len() - first))
    }

    fn push(&mut self, piece: Piece<'t>, id: NodeId) {
        self.pieces.push(piece);
        self.nodes.push(id);
    }

    /// The place of a namespace, which is mostly the one that came last.
    pub(super) fn space(&mut self, name: Option<impl Into<Cow<'t, str>>>) -> u32 {
        let Some(name) = name.map(Into::into) else { return NOWHERE };
        if name == XML_NAME {
            return XML;
        }
        if self.spaces.len() <= 2 || self.spaces.last() != Some(&name) {
            self.spaces.push(name);
        }
        place(self.spaces.len() - 1)
    }

    /// Gives an element the text that it holds and nothing else.
    pub(super) fn set_text(&mut self, at: usize, text: Cow<'t, str>) {
        if let Some(piece) = self.pieces.get_mut(at) {
            piece.text = Some(text);
        }
    }

    /// Ends an element with all that was put in since it began.
    pub(super) fn close(&mut self, at: usize) {
        let end = place(self.pieces.len());
        if let Some(piece) = self.pieces.get_mut(at) {
            piece.end = end;
        }
    }

    /// The root.
    pub(in crate::feed) fn root(&self) -> Option<Element<'_>> {
        self.at(0)
    }

    /// All elements in order.
    pub(in crate::feed) fn elements(&self) -> impl Iterator<Item = Element<'_>> {
        let all = self.pieces.iter().enumerate().filter(|(_, piece)| piece.is_element());
        all.map(|(at, piece)| Element { tree: self, piece, at })
    }

    fn at(&self, at: usize) -> Option<Element<'_>> {
        self.pieces.get(at).filter(|piece| piece.is_element()).map(|piece| Element { tree: self, piece, at })
    }
}

/// A place in a list that the limits of a document keep far below this.
pub(super) fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl<'t> Piece<'t> {
    /// A text between elements.
    pub(super) fn text(text: Cow<'t, str>) -> Self {
        Self { text: Some(text), ..Self::mark() }
    }

    /// A comment or an instruction.
    pub(super) fn mark() -> Self {
        Self { name: "", text: None, end: 0, space: NOWHERE, attributes: (0, 0) }
    }

    fn is_element(&self) -> bool {
        !self.name.is_empty()
    }
}

impl<'a> Element<'a> {
    /// Its name without its prefix.
    pub(in crate::feed) fn name(&self) -> &'a str {
        self.piece.name
    }

    /// Its namespace.
    pub(in crate::feed) fn namespace(&self) -> Option<&'a str> {
        let space = self.piece.space;
        if space == NOWHERE { None } else { self.tree.spaces.get(space as usize).map(AsRef::as_ref) }
    }

    /// True when another element is within.
    pub(in crate::feed) fn holds(&self, other: Element<'_>) -> bool {
        self.at < other.at && other.at < self.piece.end as usize
    }

    /// True when it begins before another ends.
    pub(in crate::feed) fn begins_before_end_of(&self, other: Element<'_>) -> bool {
        self.at < other.piece.end as usize
    }

    /// The value of an attribute, whatever its namespace.
    pub(in crate::feed) fn attribute(&self, name: &str) -> Option<&'a str> {
        let (first, count) = self.piece.attributes;
        let own = self.tree.attributes.iter().skip(first as usize).take(count as usize);
        own.into_iter().find(|attribute| attribute.name == name).map(|attribute| attribute.value.as_ref())
    }

    /// Its text when it holds one and nothing else.
    pub(in crate::feed) fn only_text(&self) -> Option<&'a str> {
        self.piece.text.as_deref()
    }

    /// All that it holds but an only text.
    pub(in crate::feed) fn children(&self) -> impl Iterator<Item = Child<'a>> + use<'a> {
        let (tree, end) = (self.tree, self.piece.end as usize);
        let mut next = self.at + 1;
        std::iter::from_fn(move || {
            let (at, piece) = (next, tree.pieces.get(next).filter(|_| next < end)?);
            next += 1;
            if piece.is_element() {
                next = piece.end as usize;
                return Some(Child::Element(Element { tree, piece, at }));
            }
            Some(piece.text.as_deref().map_or(Child::Mark, Child::Text))
        })
    }

    /// The elements that it holds.
    pub(in crate::feed) fn elements(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        let (tree, end) = (self.tree, self.piece.end as usize);
        let mut next = self.at + 1;
        std::iter::from_fn(move || {
            while next < end {
                let (at, piece) = (next, tree.pieces.get(next)?);
                if piece.is_element() {
                    next = piece.end as usize;
                    return Some(Element { tree, piece, at });
                }
                next += 1;
            }
            None
        })
    }

    /// Every element within, at any depth.
    pub(in crate::feed) fn within(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        let tree = self.tree;
        (self.at + 1..self.piece.end as usize).filter_map(move |at| tree.at(at))
    }

    /// The elements of a name that it holds, whatever their namespace: authorities mix the versions of CAP.
    pub(in crate::feed) fn named(&self, name: &'static str) -> impl Iterator<Item = Element<'a>> + use<'a> {
        self.elements().filter(move |element| element.name() == name)
    }

    /// All texts within, one by one.
    pub(in crate::feed) fn texts(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let all = self.tree.pieces.get(self.at..self.piece.end as usize).unwrap_or_default();
        all.iter().filter_map(|piece| piece.text.as_deref())
    }

    /// All text within, trimmed; none when it is empty.
    pub(in crate::feed) fn own_text(&self) -> Option<Cow<'a, str>> {
        let text = match self.only_text() {
            Some(text) => Cow::Borrowed(text.trim()),
            None if self.piece.end as usize == self.at + 1 => return None,
            None => Cow::Owned(self.texts().collect::<String>().trim().to_owned()),
        };
        (!text.is_empty()).then_some(text)
    }

    /// All text within the first element of a name, trimmed; none when there is none or it is empty.
    pub(in crate::feed) fn child_text(&self, name: &'static str) -> Option<Cow<'a, str>> {
        self.named(name).next().and_then(|child| child.own_text())
    }

    /// The node that it was made of, where it was made of one.
    pub(super) fn node(&self) -> Option<NodeId> {
        self.tree.nodes.get(self.at).copied()
    }
}

#[cfg(test)]
impl Tree<'_> {
    /// All that it knows, for comparisons.
    pub(super) fn show(&self) -> Vec<String> {
        let space = |at: u32| self.spaces.get(at as usize).filter(|_| at != NOWHERE);
        let attribute = |own: &Attribute<'_>| format!("{} {:?} {:?}", own.name, space(own.space), own.value);
        let attributes = |(first, count): (u32, u32)| {
            let own = self.attributes.iter().skip(first as usize).take(count as usize);
            own.map(attribute).collect::<Vec<_>>()
        };
        let piece = |piece: &Piece<'_>| {
            let own = attributes(piece.attributes);
            format!("{} {:?} {:?} {} {own:?}", piece.name, space(piece.space), piece.text, piece.end)
        };
        self.pieces.iter().map(piece).collect()
    }
}
