//! Stories of signed alerts. The fixtures are synthetic: made by another implementation (xmlsec1) with keys made for it and thrown
//! away. Real ones are walked over when they lie beside the project.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

use super::*;
use crate::feed::cap::canonical::{self, Method, Standard};
use crate::feed::keys::tests::surroundings;
use crate::problem::{Problems, SourceFile};
use crate::table::read_file;

/// Of those of the keys: 2025-12-09, when most fixtures were sent.
const SENT: &str = "2025-12-08T21:30:00Z";
const REQUIRE: &str = "policy = \"require\", certificates = \"authority.pem\"";
const OF_CA: &str = "policy = \"require\", certificates = \"ca.pem\", signer = \"warnings.example.org\"";
const VERIFY: &str = "policy = \"verify\"";

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/signatures").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// Reads the key `signature` as `feeds.toml` has it, with the fixtures' certificates beside; the faults as `message (help)`.
fn configured(keys: &str) -> (Signatures, Vec<String>) {
    let mut around = surroundings();
    let pems = ["authority.pem", "ca.pem", "expired.pem", "p384.pem"].map(|name| (name.to_owned(), fixture(name)));
    let pems = pems.into_iter().chain([("own.pem".to_owned(), own_pem())]);
    let file = |(name, text): (String, String)| (name.clone(), Arc::new(SourceFile { name, text }));
    around.beside = Arc::new(pems.map(file).collect::<BTreeMap<_, _>>());
    let text = if keys.is_empty() { String::new() } else { format!("signature = {{ {keys} }}") };
    let file = Arc::new(SourceFile { name: "feeds.toml".to_owned(), text });
    let problems = Problems::new();
    let read = read_file(&file, &problems, |table| {
        let read = parse(&table, &around);
        table.finish();
        read
    });
    let told =
        |problem: &crate::problem::Problem| format!("{} ({})", problem.message, problem.help.as_deref().unwrap_or("-"));
    (read, problems.into_sorted().iter().map(told).collect())
}

fn is_alert(node: &Node<'_, '_>) -> bool {
    node.has_tag_name("alert")
}

/// Judges the first alert of a document: `passes`, `passes: defect; defect` or `withheld: reason`.
fn judged_at(keys: &str, text: &str, sent: &str) -> String {
    let (signatures, faults) = configured(keys);
    assert_eq!(faults, Vec::<String>::new());
    let document = parse_xml(text).unwrap();
    let alert = document.descendants().find(is_alert).unwrap();
    match signatures.judge(Some(alert), sent.parse().unwrap()) {
        Verdict::Passes(defects) if defects.is_empty() => "passes".to_owned(),
        Verdict::Passes(defects) => format!("passes: {}", defects.join("; ")),
        Verdict::Withheld(why) => format!("withheld: {why}"),
    }
}

#[track_caller]
fn check(keys: &str, text: &str, expected: &str) {
    assert_eq!(judged_at(keys, text, SENT), expected);
}

/// The key of this run.
fn own_key() -> &'static EcdsaKeyPair {
    static KEY: OnceLock<EcdsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| {
        let chance = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &chance).unwrap();
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &chance).unwrap()
    })
}

fn own_pem() -> String {
    // What stands before a point on P-256 in a public key (RFC 5480).
    let mut der = STANDARD.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgA=").unwrap();
    der.extend(own_key().public_key().as_ref());
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

const OWN: &str = "policy = \"require\", certificates = \"own.pem\"";
const TRANSFORMS: &str = "<Transforms><Transform Algorithm='http://www.w3.org/2000/09/xmldsig#enveloped-signature'/><Transform \
                          Algorithm='http://www.w3.org/2001/10/xml-exc-c14n#'/></Transforms>";

fn exclusive() -> Method {
    Method { standard: Standard::Exclusive, comments: false, prefixes: Vec::new() }
}

/// Signs a document that has `{signature}` in it with the key of this run: rightly, but for what `change` does to the signature
/// before it is sealed.
fn signed(text: &str, change: impl Fn(String) -> String) -> String {
    let bare = text.replace("{signature}", "").replace("\r\n", "\n");
    let whole = canonical::write(parse_xml(&bare).unwrap().root(), &exclusive(), &[]).unwrap();
    let sum = STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, whole.as_bytes()));
    let open = change(format!(
        "<Signature xmlns='http://www.w3.org/2000/09/xmldsig#'><SignedInfo>\
         <CanonicalizationMethod Algorithm='http://www.w3.org/2001/10/xml-exc-c14n#'/>\
         <SignatureMethod Algorithm='http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256'/><Reference URI=''>{TRANSFORMS}\
         <DigestMethod Algorithm='http://www.w3.org/2001/04/xmlenc#sha256'/><DigestValue>{sum}</DigestValue></Reference>\
         </SignedInfo><SignatureValue>{{value}}</SignatureValue></Signature>"
    ));
    let document = parse_xml(&open).unwrap();
    let info = document.descendants().find(|node| node.tag_name().name() == "SignedInfo").unwrap();
    let info = canonical::write(info, &exclusive(), &[]).unwrap();
    let value = own_key().sign(&SystemRandom::new(), info.as_bytes()).unwrap();
    text.replace("{signature}", &open.replace("{value}", &STANDARD.encode(value)))
}

const ALERT: &str = "<alert xmlns='urn:oasis:names:tc:emergency:cap:1.2'><identifier>i1</identifier><sender>s</sender>\
                     <note>a &amp;\r\nb</note>{signature}</alert>";

#[test]
fn what_an_authority_signed_passes() {
    check(REQUIRE, &fixture("rsa-sha256.xml"), "passes");
    check(REQUIRE, &fixture("rsa-sha512-canonical11.xml"), "passes");
    check(OF_CA, &fixture("ecdsa-p256-of-ca.xml"), "passes");
    check("policy = \"require\", certificates = \"p384.pem\"", &fixture("ecdsa-p384-prefixes.xml"), "passes");
    check(OWN, &signed(ALERT, |open| open), "passes");
    let inline = format!(
        "policy = \"require\", certificates = \"\"\"{}\"\"\"",
        fixture("authority.pem").split_once('\n').unwrap().1
    );
    check(&inline, &fixture("rsa-sha256.xml"), "passes");
}

#[test]
fn line_ends_and_comments_beside_the_texts_change_nothing() {
    for name in ["rsa-sha256.xml", "two.xml"] {
        let text = fixture(name).replace("\r\n", "\n");
        check(REQUIRE, &text, "passes");
        check(REQUIRE, &text.replace('\n', "\r\n"), "passes");
        check(REQUIRE, &text.replace("<status>", "<!-- a comment --><status>"), "passes");
    }
}

#[test]
fn whatever_is_changed_is_noticed() {
    let cases = [
        (REQUIRE, "rsa-sha256.xml"),
        (OF_CA, "ecdsa-p256-of-ca.xml"),
        ("policy = \"require\", certificates = \"p384.pem\"", "ecdsa-p384-prefixes.xml"),
        (REQUIRE, "two.xml"),
    ];
    for (keys, name) in cases {
        let text = fixture(name);
        let (signatures, _) = configured(keys);
        let begin = text.find("alert ").unwrap();
        let end = text.find("Signature ").unwrap();
        let mut tried = 0;
        for (at, c) in text.char_indices().filter(|(at, c)| (begin..end).contains(at) && !c.is_whitespace()) {
            // A namespace that nobody uses is no part of the exclusive form.
            if text.find("xmlns:y=").is_some_and(|unused| (unused..unused + 15).contains(&at)) {
                continue;
            }
            let other = if c == 'x' { "y" } else { "x" };
            let mut changed = text.clone();
            changed.replace_range(at..at + c.len_utf8(), other);
            let Ok(document) = parse_xml(&changed) else { continue };
            let Some(alert) = document.descendants().find(is_alert) else { continue };
            let verdict = signatures.judge(Some(alert), SENT.parse().unwrap());
            assert!(matches!(verdict, Verdict::Withheld(_)), "{name} at {at}: {verdict:?}");
            tried += 1;
        }
        assert!(120 < tried, "{name}: only {tried} changes left it well-formed");
        for gone in ["status", "info"] {
            let lost = text.replace(&format!("<{gone}>"), "<note>").replace(&format!("</{gone}>"), "</note>");
            assert!(lost == text || judged_at(keys, &lost, SENT).starts_with("withheld: "), "{name} without {gone}");
        }
    }
}

#[test]
fn a_changed_signature_is_no_signature() {
    let text = fixture("rsa-sha256.xml");
    let within = |tag: &str| text.find(&format!("<{tag}>")).unwrap() + tag.len() + 2;
    for tag in ["DigestValue", "SignatureValue"] {
        for step in 0..20 {
            let at = within(tag) + step;
            let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
            let mut changed = text.clone();
            changed.replace_range(at..=at, other);
            assert!(judged_at(REQUIRE, &changed, SENT).starts_with("withheld: "), "{tag} {step}");
            assert!(judged_at(VERIFY, &changed, SENT).starts_with("withheld: "), "{tag} {step}");
            assert!(judged_at("", &changed, SENT).starts_with("passes: its signature does not hold: "), "{tag} {step}");
        }
    }
}

#[test]
fn what_nobody_signed_passes_unless_a_signature_is_required() {
    let text = ALERT.replace("{signature}", "");
    for keys in ["", VERIFY, "policy = \"ignore\""] {
        check(keys, &text, "passes");
    }
    check(REQUIRE, &text, "withheld: it is not signed, and this feed takes only what is");
}

#[test]
fn a_strangers_signature_is_no_proof_of_origin() {
    let text = fixture("rsa-sha256.xml");
    let stranger = "it is signed, but nobody here knows the signer: synthetic authority";
    for keys in ["", VERIFY, "certificates = \"ca.pem\""] {
        check(keys, &text, &format!("passes: {stranger}"));
    }
    let keys = "policy = \"require\", certificates = \"ca.pem\"";
    check(keys, &text, &format!("withheld: {stranger}; this feed takes only what its signer signed"));
    // A broken signature of the one is not mended by a sound one of the other.
    let broken = fixture("two.xml").replacen("<SignatureValue>", "<SignatureValue>AAAA", 1);
    assert!(judged_at(REQUIRE, &broken, SENT).starts_with("withheld: "));
    assert!(judged_at("certificates = \"authority.pem\"", &broken, SENT).starts_with("withheld: "));
    check(OF_CA, &broken, "passes: its signature does not hold: it was not made with the key that it brings");
}

#[test]
fn an_authority_vouches_for_the_one_whom_the_operator_named_and_for_nobody_else() {
    let text = fixture("ecdsa-p256-of-ca.xml");
    let stranger = "it is signed, but nobody here knows the signer: warnings.example.org";
    check("certificates = \"ca.pem\"", &text, &format!("passes: {stranger}"));
    check("certificates = \"ca.pem\", signer = \"other.example.org\"", &text, &format!("passes: {stranger}"));
    check("certificates = \"ca.pem\", signer = \"WARNINGS.example.org\"", &text, "passes");
    let late = judged_at(OF_CA, &text, "2046-01-01T00:00:00Z");
    assert!(late.starts_with(&format!("withheld: {stranger}, for whom nobody configured here vouches: ")), "{late}");
    let other = "policy = \"require\", certificates = \"authority.pem\", signer = \"warnings.example.org\"";
    assert!(judged_at(other, &text, SENT).starts_with(&format!("withheld: {stranger}, for whom nobody")));
}

#[test]
fn what_is_old_is_doubted_and_refused_where_a_signature_is_required() {
    let expired = "it was sent outside of the validity of its certificate, 2020-01-01 to 2024-01-01";
    let text = fixture("expired.xml");
    check("certificates = \"expired.pem\"", &text, &format!("passes: {expired}"));
    let keys = "policy = \"require\", certificates = \"expired.pem\"";
    check(keys, &text, &format!("withheld: {expired}; this feed takes only what its signer signed"));
    let sha1 = "its signature rests on SHA-1, which can be forged";
    let text = fixture("rsa-sha1.xml");
    check("certificates = \"authority.pem\"", &text, &format!("passes: {sha1}"));
    check(REQUIRE, &text, &format!("withheld: {sha1}; this feed takes only what its signer signed"));
    check(&format!("{REQUIRE}, legacy = true"), &text, "passes");
}

#[test]
fn a_signature_of_something_else_does_not_count() {
    let refused = |what: &str, change: &dyn Fn(String) -> String, why: &str| {
        for keys in [OWN, "certificates = \"own.pem\""] {
            let found = judged_at(keys, &signed(ALERT, change), SENT);
            assert!(found.starts_with("withheld: ") && found.contains(why), "{what}: {found}");
        }
    };
    let swap = |from: &'static str, to: &'static str| move |open: String| open.replace(from, to);
    refused("a part", &swap("URI=''", "URI='#x'"), "it is about «#x» and not about the whole alert");
    refused("another file", &swap("URI=''", "URI='https://example.org/x'"), "and not about the whole alert");
    refused("nothing", &swap(" URI=''", ""), "it does not say what it is about");
    let xpath =
        "<Transform Algorithm='http://www.w3.org/TR/1999/REC-xpath-19991116'><XPath>identifier</XPath></Transform>";
    let add = |open: String| open.replace("</Transforms>", &format!("{xpath}</Transforms>"));
    refused("what a path picks", &add, "may leave out parts of the alert");
    let first = |open: String| open.replace("<Transforms>", &format!("<Transforms>{xpath}"));
    refused("what a path picks first", &first, "it is not an enveloped signature");
    refused("no transform", &swap(TRANSFORMS, ""), "it has no Transforms");
    let twice = |open: String| open.replace("<DigestValue>", "<DigestValue>AAAA</DigestValue><DigestValue>");
    refused("two sums", &twice, "it has more than one DigestValue");
    refused("no base64", &swap("{value}", "?"), "its SignatureValue is not base64");
}

#[test]
fn a_signed_alert_put_inside_another_one_does_not_speak_for_it() {
    let original = signed(ALERT, |open| open);
    let evil = original.replace("i1", "evil");
    let seal = original.get(original.find("<Signature").unwrap()..original.find("</alert>").unwrap()).unwrap();
    let hidden = seal.replace("</Signature>", &format!("<Object>{original}</Object></Signature>"));
    for (what, text) in [
        ("within the signature", evil.replace(seal, &hidden)),
        ("beside it", evil.replace("<sender>", &format!("{original}<sender>"))),
        ("in a note", evil.replace(seal, "").replace("</alert>", &format!("<info>{original}</info></alert>"))),
    ] {
        assert!(judged_at(OWN, &text, SENT).starts_with("withheld: "), "{what}");
    }
}

#[test]
fn a_comment_within_a_text_is_not_let_through() {
    let text = signed(&ALERT.replace("i1", "ab"), |open| open);
    let split = text.replace("<identifier>ab", "<identifier>a<!-- x -->b");
    let why = "its signature does not hold: a comment, which no signature covers, stands within a text";
    check(OWN, &split, &format!("withheld: {why}; this feed takes only what its signer signed"));
    check(VERIFY, &split, &format!("withheld: {why}"));
}

#[test]
fn within_a_list_an_alert_is_judged_as_the_document_that_it_was() {
    let own = signed(ALERT, |open| open);
    let list = |alert: &str| {
        format!("<feed xmlns='http://www.w3.org/2005/Atom' xmlns:x='urn:x'><entry>{alert}</entry></feed>")
    };
    check(OWN, &list(&own), "passes");
    // Written anew by the list, it is no longer that document: nobody can tell, so it proves nothing and accuses nobody.
    let anew = own.replace("<sender>", "\n  <sender>");
    let unclear = "its signature could not be checked: the alert stands within another document, where its signature cannot be checked";
    check("certificates = \"own.pem\"", &list(&anew), &format!("passes: {unclear}"));
    check(OWN, &list(&anew), &format!("withheld: {unclear}; this feed takes only what its signer signed"));
    let by_prefix = own
        .replace("<alert xmlns='urn:oasis:names:tc:emergency:cap:1.2'>", "<c:alert>")
        .replace("</alert>", "</c:alert>");
    let by_prefix = list(&by_prefix).replace("<feed ", "<feed xmlns:c='urn:oasis:names:tc:emergency:cap:1.2' ");
    let unclear =
        "its signature could not be checked: the alert stands within another document, and is none without it";
    check("certificates = \"own.pem\"", &by_prefix, &format!("passes: {unclear}"));
}

#[test]
fn what_cannot_be_checked_is_noted_and_never_taken_for_proof() {
    let beyond = |what: &str, change: &dyn Fn(String) -> String, why: &str| {
        let text = signed(ALERT, change);
        let found = judged_at("certificates = \"own.pem\"", &text, SENT);
        assert!(
            found.starts_with("passes: its signature could not be checked: ") && found.contains(why),
            "{what}: {found}"
        );
        assert!(judged_at(OWN, &text, SENT).starts_with("withheld: its signature could not be checked"), "{what}");
    };
    let swap = |from: &'static str, to: &'static str| move |open: String| open.replace(from, to);
    beyond("another method", &swap("#ecdsa-sha256", "#ecdsa-sha224"), "ecdsa-sha224» is not known here");
    beyond("a secret between two", &swap("#ecdsa-sha256", "#hmac-sha256"), "hmac-sha256» is not known here");
    beyond("another sum", &swap("xmlenc#sha256", "xmldsig-more#md5"), "md5» is not known here");
    let more = "<Reference URI='#x'/></SignedInfo>";
    beyond("more things", &swap("</SignedInfo>", more), "it covers other things beside the alert");
    let long =
        |open: String| open.replace("</Signature>", &format!("<Object>{}</Object></Signature>", "x".repeat(70_000)));
    beyond("a long one", &long, "it is longer than 65536 bytes");
    let one = signed(ALERT, |open| open);
    let seal = one.get(one.find("<Signature").unwrap()..one.find("</alert>").unwrap()).unwrap();
    let many = one.replace(seal, &seal.repeat(5));
    assert!(judged_at(OWN, &many, SENT).contains("it has 5: at most 4 are looked at"));
    let nobody = judged_at(VERIFY, &signed(ALERT, |open| open), SENT);
    assert!(nobody.ends_with("it brings no certificate, and none is configured for this feed"), "{nobody}");
}

#[test]
fn mistakes_in_the_configuration_are_told_and_no_certificate_is_quoted() {
    let faults = |keys: &str| configured(keys).1.join("\n");
    insta::assert_snapshot!(
        [
            "policy = \"require\"",
            "policy = \"required\", certificates = \"authority.pem\"",
            "certificates = \"autority.pem\"",
            "signer = \"x\"",
            "certificates = \"\"\"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n\"\"\"",
            "certificates = \"\"\"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n\"\"\"",
            "certificates = \"authority.pem\", signers = \"x\"",
        ]
        .map(faults)
        .join("\n"),
        @r#"
    signatures are required and nobody's certificate is given: no alert could pass (add `certificates = "authority.pem"`, a file beside feeds.toml)
    `policy`: `required` is not known here (did you mean `require`?)
    `certificates`: no file `autority.pem` lies beside feeds.toml in the configuration directory (its name ends with .pem) (did you mean `authority.pem`?)
    `signer` alone proves nothing: anybody can write a name into a certificate (add the certificate of who vouches: `certificates = "authority.pem"`)
    `certificates`: block 1: it is a private key, which has no place here: remove it, and treat it as known to others (-)
    `certificates`: block 1: it is not a certificate (-)
    unknown key `signers` in `signature` (did you mean `signer`?)
    "#
    );
    assert_eq!(configured("").0.policy, Policy::Note);
    assert_eq!(configured("certificates = \"ca.pem\"").0.policy, Policy::Verify);
}

/// Every file below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path) } else { vec![path] }
        })
        .collect()
}

/// Of real signed documents, those that were left alone on their way hold, and with one digit changed none does.
#[test]
fn real_signatures_hold_until_something_is_changed() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let (mut holds, mut broken) = (Vec::new(), Vec::new());
    for path in files(&dir.join("cap")).into_iter().chain(files(&dir.join("feeds"))) {
        let body = std::fs::read(&path).unwrap();
        let Ok(text) = crate::feed::cap::xml::text(&body) else { continue };
        let Ok(document) = parse_xml(&text) else { continue };
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for alert in document.descendants().filter(is_alert) {
            if seal::named(alert, "Signature").count() == 0 {
                continue;
            }
            let (signatures, _) = configured("");
            let findings = signatures.findings(alert, SENT.parse().unwrap());
            let sound = findings.iter().all(|finding| matches!(finding, Finding::Stranger(_)));
            println!("{name}: {findings:?}");
            if sound {
                holds.push(name.clone());
            } else {
                broken.push(name.clone());
            }
            let changed = text.replacen("<sent>2", "<sent>1", 1);
            assert_ne!(changed, text);
            let document = parse_xml(&changed).unwrap();
            let alert = document.descendants().find(is_alert).unwrap();
            let findings = signatures.findings(alert, SENT.parse().unwrap());
            assert!(
                findings.iter().all(|finding| matches!(finding, Finding::Wrong(_) | Finding::Beyond(_))),
                "{name}: {findings:?}"
            );
        }
    }
    holds.sort();
    broken.sort();
    // A fresh clone has not the collection.
    if !holds.is_empty() || !broken.is_empty() {
        assert_eq!(
            holds,
            [
                "T_WOCN11_C_CWHX_202210101814_1032737847.cap",
                "T_WOCN20_C_CWVR_202210101743_2051382770.cap",
                "canada_signed.atom",
                "canada_signed.cap",
                "earthquake-iso8859-1.cap",
                "earthquake_signed.cap"
            ]
        );
        assert_eq!(broken, ["59ebaed4-canada.cap", "TMD25680225051318_2.xml"]);
    }
}
