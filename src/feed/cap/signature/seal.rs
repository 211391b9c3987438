//! One enveloped signature of an alert: whether it covers the whole alert as it stands here, and what is left to be checked with a
//! key. It never decides whose key that should be, and never follows what a signature points to.
//!
//! Source: W3C XML Signature Syntax and Processing 1.1 (2013); CAP 1.2 allows enveloped signatures only.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use ring::signature::{self, EcdsaVerificationAlgorithm, RsaParameters};
use roxmltree::{Node, NodeId};

use super::super::canonical::{self, Method};

/// The namespace of signatures.
pub(super) const XMLDSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// The namespace of the list of prefixes of the exclusive standard.
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// The transform that takes the signature itself out.
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// The longest signature that is looked at, in bytes; real ones have had 4 KB.
const MAX_SIGNATURE: usize = 64 * 1024;
/// The most prefixes of one list.
const MAX_PREFIXES: usize = 32;
/// The most certificates of one signature that are looked at.
const MAX_CERTIFICATES: usize = 4;

/// Why a signature proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It does not fit what it stands in.
    Wrong(String),
    /// It may be right, and cannot be checked here.
    Beyond(String),
}

/// How a signature was made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scheme {
    /// With an RSA key (PKCS #1 v1.5).
    Rsa(&'static RsaParameters),
    /// With a key on P-256.
    P256(&'static EcdsaVerificationAlgorithm),
    /// With a key on P-384.
    P384(&'static EcdsaVerificationAlgorithm),
}

/// A signature that covers the alert as it stands here, if only the right key made it.
#[derive(Debug)]
pub(super) struct Seal {
    /// How it was made.
    pub(super) scheme: Scheme,
    /// Over what, in canonical form.
    pub(super) signed: String,
    /// The signature itself.
    pub(super) value: Vec<u8>,
    /// The certificates that it brings, in DER, as far as they are any.
    pub(super) certificates: Vec<Vec<u8>>,
    /// The bare RSA key that it brings: modulus and exponent.
    pub(super) numbers: Option<(Vec<u8>, Vec<u8>)>,
    /// Whether it rests on SHA-1, for which two texts with one sum can be made.
    pub(super) is_sha1: bool,
}

/// Checks what can be checked without a key; `all` are the signatures of the alert, this one among them.
pub(super) fn read(node: Node<'_, '_>, all: &[NodeId]) -> Result<Seal, Fault> {
    if MAX_SIGNATURE < node.range().len() {
        return Err(beyond(format!("it is longer than {MAX_SIGNATURE} bytes")));
    }
    let info = only(node, "SignedInfo")?;
    let canonicalization = algorithm(only(info, "CanonicalizationMethod")?)?;
    let (scheme, by_sha1) = scheme(&algorithm(only(info, "SignatureMethod")?)?.identifier)?;
    let reference = only(info, "Reference").map_err(|fault| match fault {
        Fault::Wrong(_) if 1 < named(info, "Reference").count() => {
            beyond("it covers other things beside the alert".to_owned())
        }
        other => other,
    })?;
    let of_sha1 = covers(reference, node, all)?;
    let method = method_of(&canonicalization)?;
    let signed = canonical::write(info, &method, &[]).map_err(beyond)?;
    let value = bytes(only(node, "SignatureValue")?)?;
    let (certificates, numbers) = brought(node);
    Ok(Seal { scheme, signed, value, certificates, numbers, is_sha1: by_sha1 || of_sha1 })
}

/// Checks that a reference is to the whole document and that the document still has the sum it had; tells whether by SHA-1.
fn covers(reference: Node<'_, '_>, node: Node<'_, '_>, all: &[NodeId]) -> Result<bool, Fault> {
    match reference.attribute("URI") {
        Some("") => {}
        Some(other) => {
            return Err(wrong(format!("it is about «{}» and not about the whole alert", short(other))));
        }
        None => return Err(wrong("it does not say what it is about".to_owned())),
    }
    let mut transforms = Vec::new();
    for transform in only(reference, "Transforms")?.children().filter(Node::is_element) {
        transforms.push(algorithm(transform)?);
    }
    let (enveloped, rest) = match transforms.split_first() {
        Some((first, rest)) => (first.identifier == ENVELOPED, rest),
        None => (false, &[][..]),
    };
    if !enveloped {
        return Err(wrong("it is not an enveloped signature".to_owned()));
    }
    // What comes out of the first transform is a tree; with nothing after it, it is written as Canonical XML 1.0.
    let mut method = match rest {
        [] => Method { standard: canonical::Standard::Inclusive, comments: false, prefixes: Vec::new() },
        [one] => method_of(one).map_err(|_| transform_fault(one))?,
        [_, other, ..] => return Err(transform_fault(other)),
    };
    // A reference to the whole document leaves comments out, whatever is written afterwards (XML Signature 4.4.3.3).
    method.comments = false;
    let (digest, is_sha1) = digest_method(&algorithm(only(reference, "DigestMethod")?)?.identifier)?;
    let expected = bytes(only(reference, "DigestValue")?)?;
    let fits = |without: &[NodeId]| {
        let text = canonical::write(node.document().root(), &method, without).map_err(beyond)?;
        Ok(digest::digest(digest, text.as_bytes()).as_ref() == expected.as_slice())
    };
    // By the standard only this signature is left out. Where several stand side by side, each was made, in practice, over the
    // alert without any of them; nothing of what we read stands within one.
    if fits(&[node.id()])? || (1 < all.len() && fits(all)?) {
        Ok(is_sha1)
    } else {
        Err(wrong("the alert was changed after it was signed".to_owned()))
    }
}

/// An algorithm by its identifier, with the list of prefixes that may stand within.
struct Algorithm {
    identifier: String,
    prefixes: Vec<String>,
    has_more: bool,
}

fn algorithm(node: Node<'_, '_>) -> Result<Algorithm, Fault> {
    let identifier =
        node.attribute("Algorithm").ok_or_else(|| wrong(format!("its {} is empty", node.tag_name().name())))?;
    let mut prefixes = Vec::new();
    let mut has_more = false;
    for child in node.children().filter(Node::is_element) {
        if child.has_tag_name((EXCLUSIVE, "InclusiveNamespaces")) && prefixes.is_empty() {
            let list = child.attribute("PrefixList").unwrap_or_default().split_ascii_whitespace();
            let list = list.map(|prefix| if prefix == "#default" { "" } else { prefix });
            prefixes = list.map(str::to_owned).take(MAX_PREFIXES + 1).collect();
        } else {
            has_more = true;
        }
    }
    if MAX_PREFIXES < prefixes.len() {
        return Err(beyond(format!("it lists more than {MAX_PREFIXES} prefixes")));
    }
    Ok(Algorithm { identifier: identifier.to_owned(), prefixes, has_more })
}

fn method_of(algorithm: &Algorithm) -> Result<Method, Fault> {
    match Method::named(&algorithm.identifier) {
        Some(method) if !algorithm.has_more => Ok(Method { prefixes: algorithm.prefixes.clone(), ..method }),
        _ => Err(beyond(format!("«{}» is not known here", short(&algorithm.identifier)))),
    }
}

fn transform_fault(algorithm: &Algorithm) -> Fault {
    wrong(format!("its transform «{}» may leave out parts of the alert", short(&algorithm.identifier)))
}

/// The scheme of a signature method, and whether it rests on SHA-1.
fn scheme(identifier: &str) -> Result<(Scheme, bool), Fault> {
    use Scheme::{P256, P384, Rsa};
    let found = match identifier {
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1" => Rsa(&signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256" => Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384" => Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512" => Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256" => P256(&signature::ECDSA_P256_SHA256_FIXED),
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384" => P384(&signature::ECDSA_P384_SHA384_FIXED),
        other => return Err(beyond(format!("the signature method «{}» is not known here", short(other)))),
    };
    Ok((found, identifier.ends_with("sha1")))
}

/// The function of a digest method, and whether it is SHA-1.
fn digest_method(identifier: &str) -> Result<(&'static digest::Algorithm, bool), Fault> {
    match identifier {
        "http://www.w3.org/2000/09/xmldsig#sha1" => Ok((&digest::SHA1_FOR_LEGACY_USE_ONLY, true)),
        "http://www.w3.org/2001/04/xmlenc#sha256" => Ok((&digest::SHA256, false)),
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => Ok((&digest::SHA384, false)),
        "http://www.w3.org/2001/04/xmlenc#sha512" => Ok((&digest::SHA512, false)),
        other => Err(beyond(format!("the digest method «{}» is not known here", short(other)))),
    }
}

/// A bare RSA key: modulus and exponent.
type Numbers = (Vec<u8>, Vec<u8>);

/// The certificates and the bare key that a signature brings. What it merely points to is not looked for.
fn brought(signature: Node<'_, '_>) -> (Vec<Vec<u8>>, Option<Numbers>) {
    let Some(info) = named(signature, "KeyInfo").next() else { return (Vec::new(), None) };
    let data = named(info, "X509Data").flat_map(|data| named(data, "X509Certificate"));
    let certificates = data.take(MAX_CERTIFICATES).filter_map(|certificate| bytes(certificate).ok()).collect();
    let numbers = named(info, "KeyValue").find_map(|value| {
        let rsa = named(value, "RSAKeyValue").next()?;
        let number = |name| bytes(named(rsa, name).next()?).ok();
        Some((number("Modulus")?, number("Exponent")?))
    });
    (certificates, numbers)
}

/// The children of a name in the namespace of signatures.
pub(super) fn named<'a, 'i>(
    node: Node<'a, 'i>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> + use<'a, 'i> {
    node.children().filter(move |child| child.is_element() && child.has_tag_name((XMLDSIG, name)))
}

/// The only child of a name: with two of them, one could be checked and the other meant.
fn only<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> Result<Node<'a, 'i>, Fault> {
    let mut found = named(node, name);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(wrong(format!("it has no {name}"))),
        (Some(_), Some(_)) => Err(wrong(format!("it has more than one {name}"))),
    }
}

/// The bytes that an element holds in base64, line ends and blanks aside.
fn bytes(node: Node<'_, '_>) -> Result<Vec<u8>, Fault> {
    let parts = node.descendants().filter(Node::is_text).filter_map(|part| part.text());
    let text: String = parts.flat_map(str::chars).filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(text).map_err(|_| wrong(format!("its {} is not base64", node.tag_name().name())))
}

fn wrong(why: String) -> Fault {
    Fault::Wrong(why)
}

fn beyond(why: String) -> Fault {
    Fault::Beyond(why)
}

/// The beginning of what a document wrote, for a sentence.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}
