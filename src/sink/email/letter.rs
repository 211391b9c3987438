//! A frozen message as a letter: headers, a text and a page, in the languages and the order of the channel. It says nothing that
//! the message does not, and the same message always gives the same letter but for its date.
//!
//! Sources: RFC 5322 (letters), RFC 2046 (`multipart/alternative`), RFC 3834 (`Auto-Submitted`), RFC 2156 (`Importance`, `Priority`),
//! RFC 2387 and RFC 2392 (pictures in a letter), RFC 2919 (`List-Id`), RFC 2369 and RFC 8058 (`List-Unsubscribe`).

use std::collections::BTreeMap;

use lettre::Message;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MessageBuilder, MultiPart, SinglePart};
use serde::Deserialize;
use url::Url;

use super::html::{Speech, page};
use super::words::{Brief, mark};
use crate::alert::Status;
use crate::bulletin::Change;
use crate::hazard::{Hazard, Severity};
use crate::language::Language;
use crate::sink::picture::Image;
use crate::sink::{Parcel, fingerprint};

/// The largest letter, in bytes; far more than any bulletin, and far less than mail servers take.
pub(super) const MAX_BYTES: usize = 1024 * 1024;

/// The longest subject, in characters: what is longer, mail programs cut.
pub(super) const MAX_SUBJECT: usize = 200;

/// What stands between two languages of the text.
const RULE: &str = "\n\n――――――――――\n\n";

/// How many bytes of a hash stand in a name.
const NAME_LEN: usize = 16;

/// What stands on every letter of a channel.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    /// Who writes.
    pub(super) from: Mailbox,
    /// Whom answers go to, when not to the one who writes.
    pub(super) reply_to: Option<Mailbox>,
    /// Ways to leave.
    pub(super) unsubscribe: Vec<Url>,
    /// True when one click at the address may be enough (RFC 8058). It then has to say who leaves, which it can only where it is
    /// made for a single recipient.
    pub(super) leaves_by_one_click: bool,
}

/// What is read of a message.
#[derive(Deserialize)]
struct Envelop {
    data: Facts,
}

#[derive(Deserialize)]
struct Facts {
    change: Option<Change>,
    status: Option<Status>,
    hazard: Option<Hazard>,
    severity: Option<Severity>,
    text: Texts,
}

/// By the tags of their languages.
#[derive(Deserialize)]
#[serde(transparent)]
struct Texts(BTreeMap<String, Text>);

#[derive(Deserialize)]
struct Text {
    headline: String,
    body: String,
}

impl Texts {
    fn speech(&self, language: Language) -> Option<Speech<'_>> {
        let text = self.0.get(language.tag());
        text.map(|text| Speech { language, headline: &text.headline, body: &text.body, picture: None })
    }
}

impl Sheet {
    /// The letter as it goes over the wire, in ASCII.
    ///
    /// # Errors
    /// A sentence when the message is none that a letter can be made of.
    pub(super) fn write(&self, parcel: &Parcel, images: Vec<Image>) -> Result<Vec<u8>, String> {
        let wrong = |why: String| format!("no letter can be made of {}: {why}", parcel.bulletin);
        let Envelop { data } = serde_json::from_str(&parcel.body).map_err(|why| wrong(why.to_string()))?;
        let shown: Vec<(Language, String, &str)> = parcel
            .pictures
            .iter()
            .zip(&images)
            .map(|(picture, image)| {
                (picture.language, format!("{}.{}", hash(&parcel.key), image.name), picture.alt.as_str())
            })
            .collect();
        let picture = |wanted| {
            let found = shown.iter().find(|(language, _, _)| *language == wanted);
            found.map(|(_, name, alt)| (name.clone(), *alt))
        };
        let speak = |language| data.text.speech(language).map(|speech| Speech { picture: picture(language), ..speech });
        let speeches: Vec<Speech<'_>> = order(&parcel.key).into_iter().filter_map(speak).collect();
        let Some(first) = speeches.first() else { return Err(wrong("it has no text".to_owned())) };
        let mark = mark(data.status, data.change, data.severity);
        let brief = Brief { mark, hazard: data.hazard, bulletin: parcel.bulletin.as_str() };
        let subject = subject(first, &brief);
        let page = SinglePart::html(page(&subject, mark, &speeches));
        let parts = MultiPart::alternative()
            .boundary(format!("nadhir-{}", hash(&parcel.key)))
            .singlepart(SinglePart::plain(plain(&speeches)));
        let parts = match images.is_empty() {
            true => parts.singlepart(page),
            false => parts.multipart(with_images(page, &hash(&parcel.key), images)),
        };
        let letter = self.head(parcel).subject(subject).multipart(parts).map_err(|why| wrong(why.to_string()))?;
        Ok(letter.formatted())
    }

    fn head(&self, parcel: &Parcel) -> MessageBuilder {
        let domain = self.from.email.domain();
        let own = message_id(&parcel.key, parcel.bulletin.as_str(), domain);
        // Whom a letter goes to is told to the server beside it; the library wants some address, and any will do.
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![self.from.email.clone()])
            .expect("an envelope with a recipient is one");
        let mut head = Message::builder()
            .envelope(envelope)
            .from(self.from.clone())
            .date(parcel.now.into())
            .message_id(Some(own.clone()));
        if let Some(reply_to) = &self.reply_to {
            head = head.reply_to(reply_to.clone());
        }
        if let Some(first) =
            first_edition(parcel).map(|(key, id)| message_id(&key, &id, domain)).filter(|id| *id != own)
        {
            head = head.in_reply_to(first.clone()).references(first);
        }
        let (importance, priority, x_priority) = urgency(parcel.loudness);
        let list = parcel.key.rsplit('/').next().unwrap_or_default();
        let mut more = vec![
            ("To", "undisclosed-recipients:;".to_owned()),
            ("Auto-Submitted", "auto-generated".to_owned()),
            ("Importance", importance.to_owned()),
            ("Priority", priority.to_owned()),
            ("X-Priority", x_priority.to_owned()),
            ("List-Id", format!("<{}.nadhir.{domain}>", plain_name(list))),
        ];
        if !self.unsubscribe.is_empty() {
            let ways: Vec<String> = self.unsubscribe.iter().map(|way| format!("<{way}>")).collect();
            more.push(("List-Unsubscribe", ways.join(", ")));
            if self.leaves_by_one_click && self.unsubscribe.iter().any(|way| way.scheme() == "https") {
                more.push(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
            }
        }
        more.into_iter().fold(head, |head, (name, value)| {
            head.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), value))
        })
    }
}

/// A page and the images that lie beside it.
fn with_images(page: SinglePart, hash: &str, images: Vec<Image>) -> MultiPart {
    let whole = MultiPart::related().boundary(format!("nadhir-{hash}-page")).singlepart(page);
    images.into_iter().fold(whole, |whole, Image { name, bytes, .. }| {
        let kind = ContentType::parse("image/png").expect("it is a type of MIME");
        whole.singlepart(Attachment::new_inline_with_name(format!("{hash}.{name}"), name).body(bytes, kind))
    })
}

/// The languages in the order of the channel, which the name of the message holds: `MKH-2025-000012.3/json/ar+en/desk`.
fn order(key: &str) -> Vec<Language> {
    let tags = key.split('/').nth(2).unwrap_or_default();
    let order: Vec<Language> = tags.split('+').filter_map(Language::of).collect();
    if order.is_empty() { Language::ALL.to_vec() } else { order }
}

/// The key and the name of the first edition of the same warning on the same channel.
fn first_edition(parcel: &Parcel) -> Option<(String, String)> {
    let id = parcel.bulletin.as_str();
    let (number, _) = id.rsplit_once('.')?;
    let rest = parcel.key.strip_prefix(id)?;
    let first = format!("{number}.1");
    Some((format!("{first}{rest}"), first))
}

/// The name of a letter in the world, the same for the same key.
fn message_id(key: &str, bulletin: &str, domain: &str) -> String {
    format!("<{}.{}@{domain}>", plain_name(bulletin), hash(key))
}

fn hash(key: &str) -> String {
    fingerprint(key, NAME_LEN)
}

/// A name with nothing in it that would end or begin something in a header.
fn plain_name(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let name: String = text.chars().filter(|c| is_plain(*c)).collect();
    name.trim_matches('.').replace("..", ".")
}

/// The headline of the first language in one line, without the marks of direction, which many mail programs show as boxes in a
/// subject. A headline that is too long is not cut: what matters is said anew.
fn subject(speech: &Speech<'_>, brief: &Brief<'_>) -> String {
    let one_line = |text: &str| {
        let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !is_direction(*c));
        shown.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let headline = one_line(speech.headline);
    let fits = !headline.is_empty() && headline.chars().count() <= MAX_SUBJECT;
    if fits { headline } else { one_line(&brief.subject(speech.language)) }
}

/// True for a mark that says nothing and turns the text around it.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn plain(speeches: &[Speech<'_>]) -> String {
    let texts: Vec<String> = speeches.iter().map(|speech| format!("{}\n\n{}", speech.headline, speech.body)).collect();
    format!("{}\n", texts.join(RULE))
}

/// `Importance`, `Priority` and `X-Priority`. No warning is called non-urgent, which some relays would let wait.
fn urgency(loudness: Severity) -> (&'static str, &'static str, &'static str) {
    match loudness {
        Severity::Red => ("high", "urgent", "1"),
        Severity::Orange => ("high", "urgent", "2"),
        Severity::Yellow => ("normal", "normal", "3"),
        Severity::Advisory => ("low", "normal", "4"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::Mark;
    use super::*;

    fn told(language: Language, headline: &str) -> String {
        let brief =
            Brief { mark: Mark::Level(Severity::Red), hazard: Some(Hazard::Rain), bulletin: "MKH-2025-000012.3" };
        subject(&Speech { language, headline, body: "", picture: None }, &brief)
    }

    #[test]
    fn a_subject_is_the_headline_in_one_line_without_marks() {
        assert_eq!(told(Language::Ar, "إنذار\r\nأحمر (\u{2068}OEJN\u{2069})"), "إنذار أحمر (OEJN)");
        assert_eq!(told(Language::En, "Red\r\nBcc: all@example.sa"), "Red Bcc: all@example.sa");
        let longest = "ت".repeat(MAX_SUBJECT);
        assert_eq!(told(Language::Ar, &longest), longest);
    }

    #[test]
    fn a_headline_that_is_too_long_is_said_anew_and_never_cut() {
        let long = "Red warning ".repeat(20);
        assert_eq!(told(Language::En, &long), "Red: rain, MKH-2025-000012.3");
        assert_eq!(told(Language::Ar, &long), "أحمر: الأمطار، MKH-2025-000012.3");
        assert_eq!(told(Language::En, ""), "Red: rain, MKH-2025-000012.3");
    }

    #[test]
    fn the_order_of_languages_is_that_of_the_channel() {
        assert_eq!(order("MKH-2025-000012.3/json/en+ar/desk"), [Language::En, Language::Ar]);
        assert_eq!(order("MKH-2025-000012.3/json/en/desk"), [Language::En]);
        assert_eq!(order("whatever"), Language::ALL);
    }

    #[test]
    fn a_name_holds_nothing_that_ends_a_header() {
        assert_eq!(plain_name("a>\r\nBcc: b@c..d."), "aBccbc.d");
    }
}
