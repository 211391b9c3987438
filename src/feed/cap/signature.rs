//! Enveloped XML signatures of CAP alerts: whether the alert is what its authority signed, and what follows when it is not.
//!
//! A signature that cannot be verified is no reason to withhold a warning, and CAP forbids to (1.2, 3.3.2.1); one that a feed requires
//! is. Nothing is ever fetched because a signature points to it, and nothing that a signature brings along makes it trusted.
//!
//! Of eight real signed files six verify; the other two were written anew on their way by others, who kept the signature. So the
//! check that nobody asked for only notes what it finds.

use roxmltree::{Node, NodeId};

use super::xml::parse as parse_xml;
use crate::feed::Surroundings;
use crate::problem::advice;
use crate::table::Table;
use crate::time::Timestamp;
use seal::Fault;
use signer::{Pin, Who};

mod seal;
mod signer;

/// The most signatures of one alert; Canada's have two.
const MAX_SIGNATURES: usize = 4;

/// What a feed asks of signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    /// They are not looked at.
    Ignore,
    /// What is found is noted in the alert, and withholds nothing: so when the feed does not say.
    Note,
    /// An alert without one is taken; one with a wrong one is withheld.
    Verify,
    /// Only what a configured signer signed is taken.
    Require,
}

/// The keys `signature` of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signatures {
    policy: Policy,
    /// The certificates and keys that are known.
    pins: Vec<Pin>,
    /// The owner of certificates that these may vouch for; without one, they stand for themselves only.
    signer: Option<String>,
    /// Whether a required signature may rest on SHA-1.
    takes_sha1: bool,
}

/// What follows for an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may be told, with these defects noted.
    Passes(Vec<String>),
    /// It is withheld, for this reason.
    Withheld(String),
}

/// What is known of one signature.
#[derive(Debug)]
enum Finding {
    /// It holds, and a signer known here made it; with what is doubtful about it, and whether it rests on SHA-1.
    Known { doubts: Vec<String>, is_sha1: bool },
    /// It holds; who made it is not known here.
    Stranger(String),
    /// It does not hold.
    Wrong(String),
    /// It could not be checked.
    Beyond(String),
}

impl Default for Signatures {
    /// What counts when nobody says anything.
    fn default() -> Self {
        Self { policy: Policy::Note, pins: Vec::new(), signer: None, takes_sha1: false }
    }
}

/// Reads the key `signature` of a feed's table.
pub(super) fn parse(table: &Table<'_>, around: &Surroundings) -> Signatures {
    let mut signatures = Signatures::default();
    let Some(own) = table.table("signature") else { return signatures };
    let known =
        [("verify", Policy::Verify), ("require", Policy::Require), ("note", Policy::Note), ("ignore", Policy::Ignore)];
    signatures.policy = own.word("policy", &known).map_or(Policy::Verify, |found| found.value);
    if let Some(written) = own.text("certificates", |text| Ok(text.to_owned())) {
        let pins = pem(&written.value, around).and_then(|pem| signer::pins(&pem));
        match pins {
            Ok(pins) => signatures.pins = pins,
            Err(why) => {
                let help = unknown_file(&written.value, around);
                own.error(&written.span, format!("`certificates`: {why}"), help);
            }
        }
    }
    let name = own.text("signer", |name| match name.trim() {
        "" => Err("expected the name in the signer's certificate, found nothing".to_owned()),
        name => Ok(name.to_owned()),
    });
    signatures.takes_sha1 = own.flag("legacy").is_some_and(|found| found.value);
    match &name {
        Some(name) if !own.has("certificates") => {
            let help = Some("add the certificate of who vouches: `certificates = \"authority.pem\"`".to_owned());
            own.error(&name.span, "`signer` alone proves nothing: anybody can write a name into a certificate", help);
        }
        _ => {}
    }
    if signatures.policy == Policy::Require && !own.has("certificates") {
        let help = Some("add `certificates = \"authority.pem\"`, a file beside feeds.toml".to_owned());
        own.error(&own.span, "signatures are required and nobody's certificate is given: no alert could pass", help);
    }
    signatures.signer = name.map(|found| found.value);
    own.finish();
    signatures
}

/// The PEM text that was written, or that lies in the file that was.
fn pem(written: &str, around: &Surroundings) -> Result<String, String> {
    if written.trim_start().starts_with("-----BEGIN") {
        return Ok(written.to_owned());
    }
    let file = around.beside.get(written).map(|file| file.text.clone());
    file.ok_or_else(|| {
        format!("no file `{written}` lies beside feeds.toml in the configuration directory (its name ends with .pem)")
    })
}

fn unknown_file(written: &str, around: &Surroundings) -> Option<String> {
    let known: Vec<&str> = around.beside.keys().map(String::as_str).collect();
    if written.trim_start().starts_with("-----BEGIN") || known.contains(&written) || known.is_empty() {
        return None;
    }
    advice(written, &known)
}

impl Signatures {
    /// Judges the signatures of an alert that was sent at a moment; none is one that surely has no signature.
    pub(super) fn judge(&self, alert: Option<Node<'_, '_>>, sent: Timestamp) -> Verdict {
        if self.policy == Policy::Ignore {
            return Verdict::Passes(Vec::new());
        }
        let signed = alert.map(|alert| (alert, seal::named(alert, "Signature").count()));
        let Some((alert, count)) = signed.filter(|(_, count)| 0 < *count) else {
            return match self.policy {
                Policy::Require => withheld("it is not signed, and this feed takes only what is"),
                Policy::Ignore | Policy::Note | Policy::Verify => Verdict::Passes(Vec::new()),
            };
        };
        if MAX_SIGNATURES < count {
            return self
                .settle(vec![Finding::Beyond(format!("it has {count}: at most {MAX_SIGNATURES} are looked at"))]);
        }
        self.settle(self.findings(alert, sent))
    }

    /// What is known of each signature of an alert, wherever the alert stands.
    fn findings(&self, alert: Node<'_, '_>, sent: Timestamp) -> Vec<Finding> {
        let document = alert.document();
        let is_whole = document.root_element() == alert;
        if is_whole && !document.input_text().contains('\r') {
            return self.of_document(alert, sent);
        }
        // What was signed is the alert's own document, before it was put into a list or an envelope. Cut out as it stands, it may
        // be that document still; if it is not, that is nobody's fault and no sign of forgery.
        let text = document.input_text();
        let text = if is_whole { text } else { text.get(alert.range()).unwrap_or_default() };
        let text = with_plain_lines(text);
        let beyond = |why: &str| Finding::Beyond(format!("the alert stands within another document, {why}"));
        let own = match parse_xml(&text) {
            Ok(own) if own.root_element().tag_name() == alert.tag_name() => own,
            _ => return vec![beyond("and is none without it")],
        };
        let told = |finding| match finding {
            Finding::Wrong(_) if !is_whole => beyond("where its signature cannot be checked"),
            other => other,
        };
        self.of_document(own.root_element(), sent).into_iter().map(told).collect()
    }

    /// The same for an alert that is the root of its document.
    fn of_document(&self, alert: Node<'_, '_>, sent: Timestamp) -> Vec<Finding> {
        let nodes: Vec<Node<'_, '_>> = seal::named(alert, "Signature").collect();
        let all: Vec<NodeId> = nodes.iter().map(Node::id).collect();
        if splits_a_text(alert) {
            return vec![Finding::Wrong("a comment, which no signature covers, stands within a text".to_owned())];
        }
        nodes.into_iter().map(|node| self.finding(node, &all, sent)).collect()
    }

    fn finding(&self, node: Node<'_, '_>, all: &[NodeId], sent: Timestamp) -> Finding {
        let found = seal::read(node, all).and_then(|seal| {
            let who = signer::find(&seal, &self.pins, self.signer.as_deref(), sent)?;
            Ok((who, seal.is_sha1))
        });
        match found {
            Ok((Who::Known(doubts), is_sha1)) => Finding::Known { doubts, is_sha1 },
            Ok((Who::Stranger(name), _)) => Finding::Stranger(name),
            Err(Fault::Wrong(why)) => Finding::Wrong(why),
            Err(Fault::Beyond(why)) => Finding::Beyond(why),
        }
    }

    /// What follows from all that was found: the best signature counts, and what is wrong with the others is noted.
    fn settle(&self, findings: Vec<Finding>) -> Verdict {
        let (mut defects, mut known, mut strangers, mut wrong, mut beyond) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for finding in findings {
            match finding {
                Finding::Known { mut doubts, is_sha1 } => {
                    if is_sha1 && !self.takes_sha1 {
                        doubts.push("its signature rests on SHA-1, which can be forged".to_owned());
                    }
                    known.push(doubts);
                }
                Finding::Stranger(name) => strangers.push(name),
                Finding::Wrong(why) => wrong.push(format!("its signature does not hold: {why}")),
                Finding::Beyond(why) => beyond.push(format!("its signature could not be checked: {why}")),
            }
        }
        known.sort_by_key(Vec::len);
        let sound = known.first().is_some_and(Vec::is_empty);
        let any_holds = !known.is_empty() || !strangers.is_empty();
        let is_known = !known.is_empty();
        // Two signers may sign; that a second one is not known here says nothing against the first.
        if let Some(doubts) = known.into_iter().next() {
            defects.extend(doubts);
        } else {
            defects
                .extend(strangers.iter().map(|name| format!("it is signed, but nobody here knows the signer: {name}")));
        }
        defects.extend(wrong.iter().cloned());
        defects.extend(beyond);
        match self.policy {
            Policy::Ignore | Policy::Note => Verdict::Passes(defects),
            Policy::Verify if !wrong.is_empty() && !any_holds => Verdict::Withheld(wrong.swap_remove(0)),
            // Somebody's signature is no answer to the broken one of the authority.
            Policy::Verify if !wrong.is_empty() && !is_known && !self.pins.is_empty() => {
                Verdict::Withheld(wrong.swap_remove(0))
            }
            Policy::Verify => Verdict::Passes(defects),
            Policy::Require if sound => Verdict::Passes(defects),
            Policy::Require => {
                let why = if defects.is_empty() { "it is not signed".to_owned() } else { defects.swap_remove(0) };
                Verdict::Withheld(format!("{why}; this feed takes only what its signer signed"))
            }
        }
    }
}

fn withheld(why: &str) -> Verdict {
    Verdict::Withheld(why.to_owned())
}

/// Every line end as one `\n`, as a parser of XML begins (XML 1.0, 2.11). Ours leaves one that follows a reference to a character.
fn with_plain_lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// True when a comment stands beside letters: they are signed as one text, and who reads them as two reads something else.
fn splits_a_text(alert: Node<'_, '_>) -> bool {
    let has_letters = |node: Option<Node<'_, '_>>| {
        node.filter(Node::is_text).and_then(|node| node.text()).is_some_and(|text| !text.trim().is_empty())
    };
    alert
        .descendants()
        .filter(Node::is_comment)
        .any(|comment| has_letters(comment.prev_sibling()) || has_letters(comment.next_sibling()))
}

#[cfg(test)]
mod tests;
