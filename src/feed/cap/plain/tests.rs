//! Plain XML is read as the parser reads it, whatever it is made of, or is left to the parser.

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use roxmltree::Document;

use super::*;

/// What became of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It was read, just as the parser reads it.
    Read,
    /// It was left to the parser, which reads it.
    Left,
    /// It was left to the parser, which refuses it.
    Refused,
}

/// Reads a text both ways. What is read must be what the parser reads, to the last blank.
fn fate(text: &str) -> Fate {
    let parsed = Document::parse(text);
    let lines = lines(text);
    let Some(tree) = lines.as_deref().and_then(read) else {
        return if parsed.is_ok() { Fate::Left } else { Fate::Refused };
    };
    let document = parsed.unwrap_or_else(|why| panic!("read, and the parser refuses it: {why}: {text:?}"));
    assert_eq!(tree.show(), Tree::of(&document).unwrap().show(), "{text:?}");
    Fate::Read
}

#[track_caller]
fn check(fated: Fate, texts: &[&str]) {
    for text in texts {
        assert_eq!(fate(text), fated, "{text:?}");
    }
}

#[test]
fn what_authorities_write_is_plain() {
    check(
        Fate::Read,
        &[
            "<a/>",
            "<?xml version='1.0' encoding = \"UTF-8\" standalone='yes' ?>\n<!-- c --><?style x='y'?>\n<a></a>\n<!-- - -->\n",
            "<alert xmlns = 'urn:a'><b>  text </b>\n\t<c k='1' l = \"2\"/></alert >",
            "<p:a xmlns:p='u' xmlns:q='v' p:k='' q:k='' k='' xml:lang='ar'><p:b xmlns:p='w'/><b xmlns=''/><q:b/></p:a>",
            "<a xmlns='u'><b xmlns='v'><c/></b><c/></a>",
            "<a>x<!-- y -->z<?p q?>&lt;&#1605;&#x645;<![CDATA[<b>]]]]><![CDATA[>]]> end</a>",
            "<a k='&amp; &quot;\n\t&#10;>'>&amp;<b/>&apos;</a>",
            "<a>\r\n<b k='\r\n'>x\ry\r\r\n</b><![CDATA[\r\n]]></a>\r\n",
            "<a><![CDATA[]]></a>",
            "<a>محافظة\u{a0}جدة \u{fffd}]] ></a>",
        ],
    );
}

#[test]
fn what_is_not_surely_plain_is_left_to_the_parser() {
    check(
        Fate::Left,
        &[
            // Signed: what is read must be the tree that is verified.
            "<a><Signature xmlns='http://www.w3.org/2000/09/xmldsig#'/></a>",
            // Names in other letters, and what the parser allows beyond the standard.
            "<نذير/>",
            "<a><ب:b xmlns:ب='u'/></a>",
            "<a xmlns:p=''/>",
            "<?xml\nversion='1.0'?><a/>",
            "<a>&#xD800;</a>",
            // The end of a line beside a reference.
            "<a>&amp;\r</a>",
            "<a>&#13;</a>",
            "<a xml:xmlns='u'/>",
            "<:a/>",
        ],
    );
    let deep = format!("{}{}", "<a>".repeat(MAX_DEPTH + 1), "</a>".repeat(MAX_DEPTH + 1));
    let spaces: String = (0..=MAX_PREFIXES).map(|number| format!("<a xmlns:n{number}='u'/>")).collect();
    let attributes: String = (0..=MAX_ATTRIBUTES).map(|number| format!(" a{number}=''")).collect();
    let nodes = format!("<a>{}</a>", "<b/>".repeat(MAX_NODES as usize));
    let signs = format!("<a>{}</a>", "=".repeat(MAX_EQUAL_SIGNS + 1));
    check(Fate::Left, &[&deep, &format!("<a>{spaces}</a>"), &format!("<a{attributes}/>"), &nodes, &signs]);
}

#[test]
fn what_is_not_well_formed_is_never_read() {
    check(
        Fate::Refused,
        &[
            "",
            "a",
            "<",
            "<a",
            "<a>",
            "<a></b>",
            "<p:a xmlns:p='u'></a>",
            "<a><b></a></b>",
            "<a/><b/>",
            "<a/>x",
            "x<a/>",
            "<a></a></a>",
            "<a/><?xml version='1.0'?>",
            "<?xml encoding='UTF-8'?><a/>",
            "<?xml version='1.0'standalone='yes'?><a/>",
            "<!DOCTYPE a><a/>",
            "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
            "<a>&x;</a>",
            "<a>&</a>",
            "<a>&#0;</a>",
            "<a>&#xffff;</a>",
            "<a>&#+65;</a>",
            "<a>&#x110000000;</a>",
            "<a k='&x;'/>",
            "<a k='<'/>",
            "<a k=v/>",
            "<a k/>",
            "<a k='1'l='2'/>",
            "<a k='1' k='2'/>",
            "<a xmlns:p='u' xmlns:q='u' p:k='1' q:k='2'/>",
            "<a xmlns:p='u' xmlns:p='v'/>",
            "<p:a/>",
            "<a p:k=''/>",
            "<a><b xmlns:p='u'/><p:c/></a>",
            "<xmlns:a xmlns:xmlns='u'/>",
            "<a xmlns:xml='u'/>",
            "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
            "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
            "<a>]]></a>",
            "<a><![CDATA[</a>",
            "<a><!-- -- --></a>",
            "<a><!-- --->",
            "<a><!-></a>",
            "<a><?xml version='1.0'?></a>",
            "<a>\u{1}</a>",
            "<a k='\u{b}'/>",
            "<a>\u{ffff}</a>",
            "<!-- \u{fffe} --><a/>",
            "<1/>",
            "<-a/>",
            "<a:b:c xmlns:a='u'/>",
            "<a:/>",
            "< a/>",
            "<a>< /a>",
            "<a / >",
        ],
    );
}

/// Parts that documents are made of, and that they break by.
const PARTS: &[&str] = &[
    "<",
    ">",
    "/",
    "&",
    ";",
    "\"",
    "'",
    "=",
    ":",
    "-",
    "--",
    "-->",
    "<!--",
    "<!-- c -->",
    "<![CDATA[",
    "]]>",
    "]",
    "<?",
    "?>",
    "<?p q?>",
    "<?xml version=\"1.0\"?>",
    "<a>",
    "</a>",
    "<a/>",
    "<b:c/>",
    "<b:c>",
    "</b:c>",
    " xmlns=\"u\"",
    " xmlns:b='v'",
    " b:c='1'",
    " c=\"2\"",
    "&amp;",
    "&#13;",
    "&#x41;",
    "&lt;",
    "&x;",
    "\r",
    "\r\n",
    "\n",
    "\t",
    " ",
    "\0",
    "\u{7f}",
    "\u{fffe}",
    "\u{fffd}",
    "é",
    "م",
    "xmlns",
    "xml",
    "<!DOCTYPE a>",
    "!",
    "#",
    "x",
];

/// An alert in the manner of several authorities.
const ALERT: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- made here -->\n<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\">\n \
                     <identifier>urn:oid:1.2.3</identifier>\r\n<sender>a&amp;b</sender><cap:info xmlns:cap='urn:oasis:names:tc:emergency:cap:1.1' \
                     cap:k='1' k=\"2\"><cap:event>أمطار <![CDATA[& رعدية]]></cap:event><!-- c --><empty/></cap:info></alert>";

/// Real and synthetic documents that are small enough to be changed often.
fn documents() -> Vec<String> {
    let below = |directory: &Path| -> Vec<std::path::PathBuf> {
        let mut paths: Vec<_> =
            std::fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let recorded = ["cap", "feeds"].iter().flat_map(|name| below(&root.join("../shared/data").join(name)));
    let own = below(&root.join("tests/fixtures/signatures"));
    let text = |path: std::path::PathBuf| String::from_utf8(std::fs::read(path).ok()?).ok();
    let all = recorded.flat_map(|folder| below(&folder)).chain(own).filter_map(text);
    all.chain([ALERT.to_owned()]).filter(|text| text.starts_with('<')).collect()
}

#[test]
fn recorded_documents_are_read_as_the_parser_reads_them() {
    for text in documents() {
        let is_signed = text.contains("Signature");
        assert_eq!(fate(&text) == Fate::Read, !is_signed && !text.contains("<!DOCTYPE"), "{text:.200}");
    }
}

/// Changes a text: a part is put in, taken out, or copied to elsewhere.
fn changed(text: &str, changes: &[(u8, Index, Index, &str)]) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for (kind, at, to, part) in changes {
        let (at, to) = (at.index(letters.len() + 1), to.index(letters.len() + 1));
        match kind {
            0 => drop(letters.splice(at..at, part.chars())),
            1 => drop(letters.drain(at..(at + to % 8).min(letters.len()))),
            _ => {
                let copy: Vec<char> = letters.iter().skip(at).take(30).copied().collect();
                letters.splice(to..to, copy);
            }
        }
    }
    letters.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_read_otherwise_than_by_the_parser(parts in prop::collection::vec(select(PARTS), 0..20), is_within in any::<bool>()) {
        let text = parts.concat();
        fate(&if is_within { format!("<r xmlns='w' xmlns:b='u'>{text}</r>") } else { text });
    }

    #[test]
    fn no_changed_document_is_read_otherwise_than_by_the_parser(
        which in any::<Index>(),
        changes in prop::collection::vec((0_u8..3, any::<Index>(), any::<Index>(), select(PARTS)), 1..4),
    ) {
        thread_local! {
            static ALL: Vec<String> = documents().into_iter().filter(|text| text.len() < 5000).collect();
        }
        let text = ALL.with(|all| which.get(all).clone());
        fate(&changed(&text, &changes));
    }
}
