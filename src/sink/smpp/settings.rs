//! What a channel says of its SMS centre. Nothing here speaks to one, so that a channel is checked by every build.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::Host;

use super::super::people::People;
use super::super::price::Price;
use super::super::{http, server};
use super::MAX_WINDOW;
use crate::feed::keys;
use crate::secret::SecretSource;
use crate::table::Table;

/// The longest names that SMPP takes, in octets. Source: SMPP 3.4, 4.1.1, where each ends with one more.
const MAX_SYSTEM_ID: usize = 15;
const MAX_SYSTEM_TYPE: usize = 12;

/// The longest name of a sender, in letters. Source: 3GPP TS 23.040, 9.1.2.5.
const MAX_NAME: usize = 11;

/// The longest short code, in digits. A longer row of digits is a number whose country nobody knows.
const MAX_SHORT_CODE: usize = 8;

/// How many messages wait for their answer at once where the channel does not say.
const WINDOW: usize = 10;

/// How what is said is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// By TLS from the first byte on.
    Tls,
    /// By nothing.
    None,
}

impl Security {
    /// The port where centres speak so.
    fn port(self) -> u16 {
        match self {
            Self::Tls => 3550,
            Self::None => 2775,
        }
    }
}

/// Who writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sender {
    /// A name.
    Name(String),
    /// A number with its country, as its digits alone.
    Number(String),
    /// A short code.
    Short(String),
}

/// What a channel of this kind says of itself.
#[cfg_attr(not(feature = "smpp"), expect(dead_code, reason = "most of it is only for those who speak to a centre"))]
pub(super) struct Settings {
    /// How the channel is called; what is remembered is kept under this name.
    pub(super) name: String,
    pub(super) server: Host,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) ca: Option<PathBuf>,
    pub(super) system_id: String,
    pub(super) password: SecretSource,
    pub(super) system_type: String,
    pub(super) from: Sender,
    pub(super) people: People,
    pub(super) window: usize,
    pub(super) price: Option<Price>,
    pub(super) timeout: Duration,
}

impl fmt::Debug for Settings {
    /// Without a number of anybody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Settings({}:{}, {:?}, {:?})", self.server, self.port, self.system_id, self.timeout)
    }
}

/// Reads the table of a channel.
pub(super) fn parse(table: &Table<'_>) -> Option<Settings> {
    let before = table.faults();
    let server = table.need_text("server", "\"smsc.example.sa\"", |text| server::parse(text, "smsc.example.sa"));
    let security = table.word("security", &[("tls", Security::Tls), ("none", Security::None)]);
    let security = security.map_or(Security::Tls, |found| found.value);
    let port = table.integer("port", 1..=i64::from(u16::MAX));
    let port = port.and_then(|found| u16::try_from(found.value).ok()).unwrap_or(security.port());
    let ca = table
        .text("ca", |text| if text.is_empty() { Err("the path is empty".to_owned()) } else { Ok(PathBuf::from(text)) });
    if let (Some(ca), Security::None) = (&ca, security) {
        let help = "leave one of them out: without TLS nobody shows a certificate".to_owned();
        table.error(&ca.span, "`ca` is given beside `security = \"none\"`", Some(help));
    }
    let system_id = table.need_text("system_id", "\"nadhir\"", |text| octets(text, MAX_SYSTEM_ID));
    let password = keys::secret(table, "password");
    let system_type = table.text("system_type", |text| octets(text, MAX_SYSTEM_TYPE));
    let from = table.need_text("from", "\"MAKKAH\"", sender);
    let people = People::parse(table);
    let window = table.integer("window", 1..=MAX_WINDOW);
    let window = window.and_then(|found| usize::try_from(found.value).ok()).unwrap_or(WINDOW);
    let price = table.text("price", Price::parse).map(|found| found.value);
    let timeout = http::timeout(table);
    if before < table.faults() {
        return None;
    }
    Some(Settings {
        name: table.name().to_owned(),
        server: server?.value,
        port,
        security,
        ca: ca.map(|found| found.value),
        system_id: system_id?.value,
        password: password?,
        system_type: system_type.map(|found| found.value).unwrap_or_default(),
        from: from?.value,
        people,
        window,
        price,
        timeout: timeout?,
    })
}

/// Reads a word that SMPP limits.
fn octets(text: &str, most: usize) -> Result<String, String> {
    if is_word(text, most) {
        return Ok(text.to_owned());
    }
    Err(format!("SMPP takes 1 to {most} letters, digits and signs of ASCII here, without blanks"))
}

/// True for what goes into a field of SMPP as it stands.
pub(super) fn is_word(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Reads who writes.
fn sender(text: &str) -> Result<Sender, String> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(digits) = text.strip_prefix('+') {
        let is_number = is_digits(digits) && (8..=15).contains(&digits.len()) && !digits.starts_with('0');
        return match is_number {
            true => Ok(Sender::Number(digits.to_owned())),
            false => Err(format!("`{text}` is not a number: write + and the code of its country, digits alone")),
        };
    }
    if is_digits(text) {
        return match text.len() <= MAX_SHORT_CODE {
            true => Ok(Sender::Short(text.to_owned())),
            false => Err(format!(
                "`{text}` is too long for a short code ({MAX_SHORT_CODE} digits); a number begins with + and the code of its country"
            )),
        };
    }
    let is_sign = |c: char| c.is_ascii_alphanumeric() || " -_.&".contains(c);
    let is_name = (1..=MAX_NAME).contains(&text.len()) && text.chars().all(is_sign) && text.trim() == text;
    if is_name { Ok(Sender::Name(text.to_owned())) } else { Err(wrong_name(text)) }
}

fn wrong_name(text: &str) -> String {
    format!("`{text}` is no sender: a name has 1 to {MAX_NAME} Latin letters, digits and blanks, as telephones show it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_a_name_a_number_or_a_short_code() {
        assert_eq!(sender("MAKKAH"), Ok(Sender::Name("MAKKAH".to_owned())));
        assert_eq!(sender("Civil Def 1"), Ok(Sender::Name("Civil Def 1".to_owned())));
        assert_eq!(sender("+966112345678"), Ok(Sender::Number("966112345678".to_owned())));
        assert_eq!(sender("998"), Ok(Sender::Short("998".to_owned())));
        for wrong in
            ["", " MAKKAH", "MAKKAH WEATHER", "مكة", "966112345678", "+0112345678", "+966 11", "+", "MAK\0", "MAK@KAH"]
        {
            assert!(sender(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_smpp_has_no_room_for_is_refused_and_never_cut() {
        assert!(octets("nadhir-makkah-1", MAX_SYSTEM_ID).is_ok());
        for wrong in ["", "nadhir-makkah-01", "nad hir", "نذير", "nadhir\n"] {
            assert!(octets(wrong, MAX_SYSTEM_ID).is_err(), "{wrong}");
        }
    }
}
