//! Canonical XML: one spelling for all spellings of a document, over which a signature is made.
//!
//! Written here rather than taken from a library, because those there are bring an XML parser of their own (and a crypto library
//! beside ours): what two parsers see differently is how signed documents are forged. So the tree that is read is the tree that
//! is verified. It never fetches, never expands an entity (none is let in),
//! and never writes more than a limit.
//!
//! Sources: W3C Canonical XML 1.0 (2001) and 1.1 (2008), Exclusive XML Canonicalization 1.0 (2002).

use roxmltree::{Attribute, Node, NodeId, NodeType};

/// The longest canonical form that is written, in bytes; it is seldom longer than the document.
const MAX_BYTES: usize = super::xml::MAX_BYTES;
/// The deepest nest that is walked.
const MAX_DEPTH: usize = 128;
/// The most prefixes that may be bound at once; CAP needs two.
const MAX_PREFIXES: usize = 128;
/// The namespace of `xml:lang` and its like, which needs no declaration.
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Which of the standards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standard {
    /// Canonical XML 1.0: every namespace in scope is written where it is first seen.
    Inclusive,
    /// Canonical XML 1.1: the same, but of the attributes of `xml:` a part inherits only those whose meaning it inherits.
    Inclusive11,
    /// Exclusive Canonicalization: a namespace is written where it is used.
    Exclusive,
}

/// How the canonical form is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Method {
    /// Which of the standards.
    pub(super) standard: Standard,
    /// Whether comments are part of it.
    pub(super) comments: bool,
    /// Prefixes that the exclusive standard treats as the inclusive one does; empty for the one without a name.
    pub(super) prefixes: Vec<String>,
}

impl Method {
    /// A method by its identifier; none when it is not one of these.
    pub(super) fn named(identifier: &str) -> Option<Self> {
        let (identifier, comments) = match identifier.strip_suffix("WithComments") {
            // The exclusive identifier ends with `#` whether comments follow or not.
            Some(plain) if plain.ends_with("xml-exc-c14n#") => (plain, true),
            Some(plain) => (plain.strip_suffix('#')?, true),
            None => (identifier, false),
        };
        let standard = match identifier {
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315" => Standard::Inclusive,
            "http://www.w3.org/2006/12/xml-c14n11" => Standard::Inclusive11,
            "http://www.w3.org/2001/10/xml-exc-c14n#" => Standard::Exclusive,
            _ => return None,
        };
        Some(Self { standard, comments, prefixes: Vec::new() })
    }
}

/// Writes the canonical form of a document (by its root node) or of one element with all that is in it, leaving out some nodes.
///
/// # Errors
/// Says which limit it would pass.
pub(super) fn write(top: Node<'_, '_>, method: &Method, without: &[NodeId]) -> Result<String, String> {
    let text = top.document().input_text();
    let mut writer = Writer { method, without, text, top: top.id(), bound: Vec::new(), out: String::new() };
    writer.out.reserve(top.range().len().min(MAX_BYTES));
    writer.node(top, 0)?;
    Ok(writer.out)
}

/// One canonical form being written.
struct Writer<'a, 'w> {
    method: &'w Method,
    without: &'w [NodeId],
    /// The document as text: the tree forgets the prefixes.
    text: &'a str,
    top: NodeId,
    /// The namespaces that the elements around have written, by prefix, the innermost last.
    bound: Vec<(&'a str, &'a str)>,
    out: String,
}

impl<'a> Writer<'a, '_> {
    fn node(&mut self, node: Node<'a, 'a>, depth: usize) -> Result<(), String> {
        if self.without.contains(&node.id()) {
            return Ok(());
        }
        if MAX_DEPTH < depth {
            return Err(format!("it is nested deeper than {MAX_DEPTH}"));
        }
        match node.node_type() {
            NodeType::Root => {
                let mut is_after = false;
                for child in node.children() {
                    let before = self.out.len();
                    if is_after {
                        self.out.push('\n');
                    }
                    let at = self.out.len();
                    self.node(child, depth)?;
                    // What stands beside the root element is set apart from it by one line end, and what is not written by none.
                    if self.out.len() == at {
                        self.out.truncate(before);
                    } else if !is_after && !child.is_element() {
                        self.out.push('\n');
                    }
                    is_after |= child.is_element();
                }
            }
            NodeType::Element => self.element(node, depth)?,
            NodeType::Text => escape(node.text().unwrap_or_default(), Place::Text, &mut self.out),
            NodeType::Comment if self.method.comments => {
                self.out.push_str("<!--");
                self.out.push_str(node.text().unwrap_or_default());
                self.out.push_str("-->");
            }
            NodeType::Comment => {}
            NodeType::PI => {
                let Some(instruction) = node.pi() else { return Ok(()) };
                self.out.push_str("<?");
                self.out.push_str(instruction.target);
                if let Some(value) = instruction.value {
                    self.out.push(' ');
                    self.out.push_str(value);
                }
                self.out.push_str("?>");
            }
        }
        if is_full(&self.out) {
            return Err(format!("its canonical form is longer than {MAX_BYTES} bytes"));
        }
        Ok(())
    }

    fn element(&mut self, node: Node<'a, 'a>, depth: usize) -> Result<(), String> {
        let range = node.range();
        let name = name_at(self.text, range.start + 1);
        let outer = self.bound.len();
        self.out.push('<');
        self.out.push_str(name);
        self.namespaces(node, name)?;
        self.attributes(node);
        self.out.push('>');
        for child in node.children() {
            self.node(child, depth + 1)?;
        }
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        self.bound.truncate(outer);
        Ok(())
    }

    /// Writes and binds the namespaces that the output does not yet have here.
    fn namespaces(&mut self, node: Node<'a, 'a>, name: &'a str) -> Result<(), String> {
        let mut fresh: Vec<(&'a str, &'a str)> = Vec::new();
        if self.method.standard == Standard::Exclusive {
            let own = (prefix_of(name), node.tag_name().namespace().unwrap_or_default());
            self.note(own, &mut fresh);
            for attribute in node.attributes() {
                let prefix = prefix_of(self.text.get(attribute.range_qname()).unwrap_or_default());
                if !prefix.is_empty() {
                    self.note((prefix, attribute.namespace().unwrap_or_default()), &mut fresh);
                }
            }
            for prefix in &self.method.prefixes {
                let bound = node.namespaces().find(|space| space.name().unwrap_or_default() == prefix);
                match bound {
                    Some(space) => self.note((space.name().unwrap_or_default(), space.uri()), &mut fresh),
                    None if prefix.is_empty() => self.note(("", ""), &mut fresh),
                    None => {}
                }
            }
        } else if node.id() == self.top || self.declares(node) {
            if MAX_PREFIXES < node.namespaces().len() {
                return Err(format!("more than {MAX_PREFIXES} namespaces are in scope"));
            }
            for space in node.namespaces() {
                self.note((space.name().unwrap_or_default(), space.uri()), &mut fresh);
            }
            if node.default_namespace().is_none() {
                self.note(("", ""), &mut fresh);
            }
        }
        fresh.sort_unstable();
        for (prefix, uri) in &fresh {
            self.out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            self.out.push_str(prefix);
            self.out.push_str("=\"");
            escape(uri, Place::Attribute, &mut self.out);
            self.out.push('"');
        }
        self.bound.extend(fresh);
        if MAX_PREFIXES < self.bound.len() {
            return Err(format!("more than {MAX_PREFIXES} namespaces are bound at once"));
        }
        Ok(())
    }

    /// Adds a namespace to those to be written, unless the elements around have bound the prefix to it already.
    fn note(&self, (prefix, uri): (&'a str, &'a str), fresh: &mut Vec<(&'a str, &'a str)>) {
        let around = self.bound.iter().rev().find(|(bound, _)| *bound == prefix).map_or("", |(_, uri)| *uri);
        // Without a binding around, a name without a prefix is in no namespace, and that need not be said.
        if prefix != "xml" && around != uri && !fresh.iter().any(|(known, _)| *known == prefix) {
            fresh.push((prefix, uri));
        }
    }

    /// Whether a start tag may declare a namespace; a tag that only mentions one is looked at in vain.
    fn declares(&self, node: Node<'a, 'a>) -> bool {
        let range = node.range();
        let end = node.first_child().map_or(range.end, |child| child.range().start);
        self.text.get(range.start..end).is_none_or(|tag| tag.contains("xmlns"))
    }

    fn attributes(&mut self, node: Node<'a, 'a>) {
        let mut attributes: Vec<Attribute<'a, 'a>> = node.attributes().collect();
        if node.id() == self.top {
            self.inherited(node, &mut attributes);
        }
        let key = |attribute: &Attribute<'a, 'a>| (attribute.namespace().unwrap_or_default(), attribute.name());
        attributes.sort_unstable_by(|one, other| key(one).cmp(&key(other)));
        for attribute in attributes {
            self.out.push(' ');
            self.out.push_str(self.text.get(attribute.range_qname()).unwrap_or(attribute.name()));
            self.out.push_str("=\"");
            escape(attribute.value(), Place::Attribute, &mut self.out);
            self.out.push('"');
        }
    }

    /// What a part of a document takes over from the elements around it that are not written: attributes of `xml:`.
    fn inherited(&self, node: Node<'a, 'a>, attributes: &mut Vec<Attribute<'a, 'a>>) {
        let passes_on = |name: &str| match self.method.standard {
            Standard::Inclusive => true,
            // `xml:id` names one element only, and `xml:base` would have to be put together from all of them: CAP has neither.
            Standard::Inclusive11 => matches!(name, "lang" | "space"),
            Standard::Exclusive => false,
        };
        for around in node.ancestors().skip(1) {
            for attribute in around.attributes() {
                let is_new = !attributes
                    .iter()
                    .any(|known| (known.namespace(), known.name()) == (attribute.namespace(), attribute.name()));
                if attribute.namespace() == Some(XML) && passes_on(attribute.name()) && is_new {
                    attributes.push(attribute);
                }
            }
        }
    }
}

/// The name of a tag as it is written, prefix and all.
fn name_at(text: &str, start: usize) -> &str {
    let rest = text.get(start..).unwrap_or_default();
    let end = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/')).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
}

/// The prefix of a name; empty when it has none.
pub(super) fn prefix_of(name: &str) -> &str {
    name.split_once(':').map_or("", |(prefix, _)| prefix)
}

/// Where a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    Attribute,
}

/// True when more was written than may be; the writer then gives up at the next node.
fn is_full(out: &str) -> bool {
    MAX_BYTES < out.len()
}

/// Writes a text with the characters replaced that the standard replaces there.
fn escape(text: &str, place: Place, out: &mut String) {
    let mut rest = text;
    let special = |c: char| matches!(c, '&' | '<' | '>' | '"' | '\t' | '\n' | '\r');
    while let Some(at) = rest.find(special) {
        if is_full(out) {
            return;
        }
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut tail = tail.chars();
        let Some(c) = tail.next() else { break };
        match (c, place) {
            ('&', _) => out.push_str("&amp;"),
            ('<', _) => out.push_str("&lt;"),
            ('\r', _) => out.push_str("&#xD;"),
            ('>', Place::Text) => out.push_str("&gt;"),
            ('"', Place::Attribute) => out.push_str("&quot;"),
            ('\t', Place::Attribute) => out.push_str("&#x9;"),
            ('\n', Place::Attribute) => out.push_str("&#xA;"),
            (c, _) => out.push(c),
        }
        rest = tail.as_str();
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::super::xml::parse;
    use super::*;

    fn canonical(text: &str, standard: Standard, comments: bool, prefixes: &[&str]) -> String {
        let prefixes = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
        write(parse(text).unwrap().root(), &Method { standard, comments, prefixes }, &[]).unwrap()
    }

    /// Compares the inclusive form, the same with comments, and the exclusive form with what libxml2 writes.
    #[track_caller]
    fn check(text: &str, expected: [&str; 3]) {
        let exclusive = canonical(text, Standard::Exclusive, false, &[]);
        let inclusive = [false, true].map(|comments| canonical(text, Standard::Inclusive, comments, &[]));
        let [plain, commented] = inclusive;
        assert_eq!([plain, commented, exclusive], expected, "{text}");
        // What is canonical stays as it is.
        assert_eq!(canonical(expected[0], Standard::Inclusive, false, &[]), expected[0]);
        assert_eq!(canonical(expected[2], Standard::Exclusive, false, &[]), expected[2]);
    }

    #[test]
    fn a_document_is_written_as_another_implementation_writes_it() {
        // The order of attributes and namespaces.
        check(
            "<?xml version='1.0'?>\n<!-- c --><?go  on ?>\n<e2 xmlns='urn:d' xmlns:b='urn:z' xmlns:a='urn:a' a:q='1' b:q='2' q='3' p=\"4\"/><!-- d -->",
            [
                "<?go on ?>\n<e2 xmlns=\"urn:d\" xmlns:a=\"urn:a\" xmlns:b=\"urn:z\" p=\"4\" q=\"3\" a:q=\"1\" b:q=\"2\"></e2>",
                "<!-- c -->\n<?go on ?>\n<e2 xmlns=\"urn:d\" xmlns:a=\"urn:a\" xmlns:b=\"urn:z\" p=\"4\" q=\"3\" a:q=\"1\" b:q=\"2\"></e2>\n<!-- d -->",
                "<?go on ?>\n<e2 xmlns=\"urn:d\" xmlns:a=\"urn:a\" xmlns:b=\"urn:z\" p=\"4\" q=\"3\" a:q=\"1\" b:q=\"2\"></e2>",
            ],
        );
        // What is replaced in texts and attributes.
        check(
            "<d a='&lt;&amp;\"&#9;&#10;&#13; &apos;>' b='x\ty\nz'>&lt;&gt;&amp;\"&#13;<![CDATA[<&>]]>\t&#x645;</d>",
            [
                "<d a=\"&lt;&amp;&quot;&#x9;&#xA;&#xD; '>\" b=\"x y z\">&lt;&gt;&amp;\"&#xD;&lt;&amp;&gt;\tم</d>",
                "<d a=\"&lt;&amp;&quot;&#x9;&#xA;&#xD; '>\" b=\"x y z\">&lt;&gt;&amp;\"&#xD;&lt;&amp;&gt;\tم</d>",
                "<d a=\"&lt;&amp;&quot;&#x9;&#xA;&#xD; '>\" b=\"x y z\">&lt;&gt;&amp;\"&#xD;&lt;&amp;&gt;\tم</d>",
            ],
        );
        // Namespaces that are in force already.
        check(
            "<a xmlns='urn:1' xmlns:p='urn:2'><b xmlns='urn:1'><p:c xmlns:p='urn:2'><c xmlns=''><d xmlns='urn:1'/></c></p:c></b></a>",
            [
                "<a xmlns=\"urn:1\" xmlns:p=\"urn:2\"><b><p:c><c xmlns=\"\"><d xmlns=\"urn:1\"></d></c></p:c></b></a>",
                "<a xmlns=\"urn:1\" xmlns:p=\"urn:2\"><b><p:c><c xmlns=\"\"><d xmlns=\"urn:1\"></d></c></p:c></b></a>",
                "<a xmlns=\"urn:1\"><b><p:c xmlns:p=\"urn:2\"><c xmlns=\"\"><d xmlns=\"urn:1\"></d></c></p:c></b></a>",
            ],
        );
        // Namespaces that nobody uses.
        check(
            "<p:a xmlns:p='urn:1' xmlns:q='urn:2' xmlns='urn:3'><q:b/><q:c p:x=''/><d xmlns:q='urn:4' q:x=''/></p:a>",
            [
                "<p:a xmlns=\"urn:3\" xmlns:p=\"urn:1\" xmlns:q=\"urn:2\"><q:b></q:b><q:c p:x=\"\"></q:c><d xmlns:q=\"urn:4\" q:x=\"\"></d></p:a>",
                "<p:a xmlns=\"urn:3\" xmlns:p=\"urn:1\" xmlns:q=\"urn:2\"><q:b></q:b><q:c p:x=\"\"></q:c><d xmlns:q=\"urn:4\" q:x=\"\"></d></p:a>",
                "<p:a xmlns:p=\"urn:1\"><q:b xmlns:q=\"urn:2\"></q:b><q:c xmlns:q=\"urn:2\" p:x=\"\"></q:c><d xmlns=\"urn:3\" xmlns:q=\"urn:4\" q:x=\"\"></d></p:a>",
            ],
        );
        // Comments and instructions.
        check(
            "<a>x<!-- y -->z<?p?><?p q?></a>\n<!-- e -->",
            ["<a>xz<?p?><?p q?></a>", "<a>x<!-- y -->z<?p?><?p q?></a>\n<!-- e -->", "<a>xz<?p?><?p q?></a>"],
        );
        // Attributes of xml.
        check(
            "<a xml:lang='ar' xml:space='preserve' xmlns:x='urn:x'><b xml:lang='en' x:a=''> </b></a>",
            [
                "<a xmlns:x=\"urn:x\" xml:lang=\"ar\" xml:space=\"preserve\"><b xml:lang=\"en\" x:a=\"\"> </b></a>",
                "<a xmlns:x=\"urn:x\" xml:lang=\"ar\" xml:space=\"preserve\"><b xml:lang=\"en\" x:a=\"\"> </b></a>",
                "<a xml:lang=\"ar\" xml:space=\"preserve\"><b xmlns:x=\"urn:x\" xml:lang=\"en\" x:a=\"\"> </b></a>",
            ],
        );
    }

    #[test]
    fn prefixes_of_the_list_are_written_where_they_are_bound() {
        let text = "<a:r xmlns:a='urn:a' xmlns:b='urn:b' xmlns='urn:d'><a:s/></a:r>";
        let told = |prefixes: &[&str]| canonical(text, Standard::Exclusive, false, prefixes);
        assert_eq!(told(&["b", "c"]), "<a:r xmlns:a=\"urn:a\" xmlns:b=\"urn:b\"><a:s></a:s></a:r>");
        assert_eq!(told(&[""]), "<a:r xmlns=\"urn:d\" xmlns:a=\"urn:a\"><a:s></a:s></a:r>");
    }

    #[test]
    fn a_part_brings_what_it_inherits() {
        let text =
            "<a xmlns='urn:a' xmlns:x='urn:x' xml:lang='ar' xml:id='i'><b xml:space='preserve'><c y='1'>t</c></b></a>";
        let document = parse(text).unwrap();
        let part = document.descendants().find(|node| node.tag_name().name() == "c").unwrap();
        let told = |standard| write(part, &Method { standard, comments: false, prefixes: Vec::new() }, &[]).unwrap();
        let spaces = "xmlns=\"urn:a\" xmlns:x=\"urn:x\"";
        let inherited = "xml:lang=\"ar\" xml:space=\"preserve\"";
        let with_id = "xml:id=\"i\" xml:lang=\"ar\" xml:space=\"preserve\"";
        assert_eq!(told(Standard::Inclusive), format!("<c {spaces} y=\"1\" {with_id}>t</c>"));
        assert_eq!(told(Standard::Inclusive11), format!("<c {spaces} y=\"1\" {inherited}>t</c>"));
        assert_eq!(told(Standard::Exclusive), "<c xmlns=\"urn:a\" y=\"1\">t</c>");
    }

    #[test]
    fn what_is_left_out_is_left_out_with_all_that_is_in_it() {
        let document = parse("<a>1<b>2<c/></b>3</a>").unwrap();
        let gone = document.descendants().find(|node| node.tag_name().name() == "b").unwrap();
        let method = Method { standard: Standard::Inclusive, comments: false, prefixes: Vec::new() };
        assert_eq!(write(document.root(), &method, &[gone.id()]).unwrap(), "<a>13</a>");
    }

    #[test]
    fn nothing_is_written_without_end() {
        let told = |text: &str, standard| {
            write(parse(text).unwrap().root(), &Method { standard, comments: false, prefixes: Vec::new() }, &[])
        };
        let wide = format!("<a xmlns:p='{}'>{}</a>", "u".repeat(20_000), "<p:b/>".repeat(300));
        let quotes = format!("<a b='{}'/>", "\"".repeat(700_000));
        for (text, standard) in [(wide, Standard::Exclusive), (quotes, Standard::Inclusive)] {
            let written = told(&text, standard).map(|text| text.len());
            assert!(written.as_ref().is_err_and(|why| why.contains("longer than")), "{written:?}");
        }
    }

    #[test]
    fn the_names_of_the_methods_are_those_of_the_standards() {
        let told = |name: &str| Method::named(name).map(|method| (method.standard, method.comments));
        assert_eq!(told("http://www.w3.org/TR/2001/REC-xml-c14n-20010315"), Some((Standard::Inclusive, false)));
        assert_eq!(
            told("http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"),
            Some((Standard::Inclusive, true))
        );
        assert_eq!(told("http://www.w3.org/2006/12/xml-c14n11#WithComments"), Some((Standard::Inclusive11, true)));
        assert_eq!(told("http://www.w3.org/2001/10/xml-exc-c14n#"), Some((Standard::Exclusive, false)));
        assert_eq!(told("http://www.w3.org/2001/10/xml-exc-c14n#WithComments"), Some((Standard::Exclusive, true)));
        for other in ["", "http://www.w3.org/2001/10/xml-exc-c14n", "http://www.w3.org/2006/12/xml-c14n11WithComments"]
        {
            assert_eq!(told(other), None, "{other}");
        }
    }
}
