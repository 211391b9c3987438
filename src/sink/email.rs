//! Email: each message as one letter to all recipients of a channel, by a mail server that takes letters from us (SMTP).
//!
//! Recipients stand on the envelope alone: no one learns of another, and no address of theirs comes into a log. Nothing is sent in
//! the open but to this machine itself. A letter has the same `Message-ID` at every try, so that mailboxes drop a second copy.
//!
//! A server answers for each recipient. Who has a message is kept between tries and over restarts: those whom it puts off beside others
//! are tried again without the others, and those whom it refuses are named in the receipt, by their number alone.
//!
//! Sources: RFC 5321 (SMTP), RFC 3207 (STARTTLS), RFC 8314 (ports and TLS), RFC 4954 (AUTH).

mod html;
mod letter;
mod talk;
mod tally;
mod words;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use lettre::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use tokio::time::Instant;
use url::{Host, Url};

use self::letter::Sheet;
use self::talk::{Line, Login, Security};
use self::tally::Tally;
use super::spread::{Spread, mark};
use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World, http, picture, server};
use crate::feed::keys;
use crate::message::Form;
use crate::secret::SecretSource;
use crate::table::{Found, Table};

/// The most recipients of a channel: RFC 5321 (4.5.3.1.8) lets every server take as many at once. More belong on a mailing list.
pub const MAX_RECIPIENTS: usize = 100;

/// The longest address, in bytes (RFC 5321, 4.5.3.1.3).
const MAX_ADDRESS_LEN: usize = 254;

/// The largest file of certificates that is read, in bytes.
const MAX_CA_LEN: u64 = 256 * 1024;

/// The kind.
pub const KIND: Kind = Kind {
    name: "email",
    about: "sends each message as an email in both languages, by a mail server (SMTP)",
    example: r#"[makkah-email]
kind = "email"
server = "mail.example.sa"               # the mail server that takes letters from this machine
security = "starttls"                    # or "tls" from the first byte on, or "none", to this machine alone
port = 587                               # left out: 587 for starttls, 465 for tls, 25 for none
user = "nadhir@example.sa"               # left out with the password: the server asks for none
password = { file = "mail.password" }    # or { credential = "…" } with systemd
ca = "mail-ca.pem"                       # an authority to trust beside those of this machine, if the server has one of its own
from = "نذير مكة Makkah warnings <nadhir@example.sa>"
to = ["warnings@lists.example.sa"]       # at most 100; none of them learns of another
reply_to = "desk@example.sa"             # left out: answers go to `from`
unsubscribe = ["mailto:leave@example.sa", "https://example.sa/leave"]
timeout = "30s"                          # for the whole sending, at most 60s
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// What a channel of this kind says of itself.
#[derive(Debug)]
struct Settings {
    /// How the channel is called; what is remembered is kept under this name.
    name: String,
    server: Host,
    port: u16,
    security: Security,
    login: Option<(String, SecretSource)>,
    ca: Option<PathBuf>,
    sheet: Sheet,
    to: Vec<Address>,
    timeout: Duration,
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let before = table.faults();
    let server = table.need_text("server", "\"mail.example.sa\"", |text| server::parse(text, "mail.example.sa"));
    let security = table.word("security", &Security::ALL.map(|one| (one.name(), one)));
    let security = security.map_or(Security::StartTls, |found| found.value);
    let port = table.integer("port", 1..=i64::from(u16::MAX));
    let port = port.and_then(|found| u16::try_from(found.value).ok()).unwrap_or(security.port());
    let user = table.text("user", |text| {
        let is_user = !text.is_empty() && !text.chars().any(char::is_control);
        if is_user { Ok(text.to_owned()) } else { Err("the user is empty or holds a control character".to_owned()) }
    });
    let password = keys::maybe_secret(table, "password");
    if table.has("user") != table.has("password") {
        let (there, missing) = if table.has("user") { ("user", "password") } else { ("password", "user") };
        table.error(&table.span_of(there), format!("`{there}` is given without `{missing}`"), None);
    }
    let ca = table
        .text("ca", |text| if text.is_empty() { Err("the path is empty".to_owned()) } else { Ok(PathBuf::from(text)) });
    if let (Some(server), Security::None) = (&server, security)
        && !is_loopback(&server.value)
    {
        let help =
            "write \"starttls\" or \"tls\"; if the server speaks neither, let a mail server on this machine pass it on";
        table.error(
            &table.span_of("security"),
            "`security`: letters go in the open to this machine alone",
            Some(help.to_owned()),
        );
    }
    let from = table.need_text("from", "\"Name <address@example.sa>\"", parse_mailbox);
    let to = recipients(table);
    let reply_to = table.text("reply_to", parse_mailbox);
    let unsubscribe = unsubscribe(table);
    let timeout = http::timeout(table);
    if before < table.faults() {
        return None;
    }
    Some(Settings {
        name: table.name().to_owned(),
        server: server?.value,
        port,
        security,
        login: user.map(|found| found.value).zip(password),
        ca: ca.map(|found| found.value),
        sheet: Sheet {
            from: from?.value,
            reply_to: reply_to.map(|found| found.value),
            leaves_by_one_click: to.len() == 1,
            unsubscribe,
        },
        to,
        timeout: timeout?,
    })
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Reads `name@example.sa` or `Name <name@example.sa>`.
fn parse_mailbox(text: &str) -> Result<Mailbox, String> {
    let wrong = || format!("`{text}` is not an address, such as \"Name <name@example.sa>\"");
    let (name, address) = match text.strip_suffix('>') {
        Some(rest) => {
            let (name, address) = rest.rsplit_once('<').ok_or_else(wrong)?;
            (Some(name.trim().trim_matches('"').to_owned()).filter(|name| !name.is_empty()), address)
        }
        None => (None, text),
    };
    if name.as_deref().is_some_and(|name| name.chars().any(|c| c.is_control() || "<>\"".contains(c))) {
        return Err(wrong());
    }
    Ok(Mailbox::new(name, parse_address(address.trim()).map_err(|()| wrong())?))
}

/// An address that every mail server takes: in ASCII, for those that know no other letters, and with a domain of its own.
fn parse_address(text: &str) -> Result<Address, ()> {
    let address: Address = text.parse().map_err(drop)?;
    let is_plain = text.is_ascii() && text.len() <= MAX_ADDRESS_LEN && address.domain().contains('.');
    let is_bare = !text.bytes().any(|byte| byte.is_ascii_whitespace() || b"\"<>[]".contains(&byte));
    if is_plain && is_bare { Ok(address) } else { Err(()) }
}

/// Reads `to`; every address that is none is noted.
fn recipients(table: &Table<'_>) -> Vec<Address> {
    const EXAMPLE: &str = "[\"name@example.sa\"]";
    if !table.has("to") {
        table.missing("to", EXAMPLE);
    }
    let Some(texts) = table.texts("to") else { return Vec::new() };
    if texts.is_empty() {
        table.error(&table.span_of("to"), "`to` names nobody", Some(format!("write {EXAMPLE}, or `enabled = false`")));
    }
    if MAX_RECIPIENTS < texts.len() {
        let message = format!("`to` names {} recipients: at most {MAX_RECIPIENTS} are taken", texts.len());
        let help = "let a mailing list of the mail server spread the letters, and name its address".to_owned();
        table.error(&table.span_of("to"), message, Some(help));
    }
    let mut seen = BTreeSet::new();
    let mut read = |found: Found<String>| match parse_address(&found.value) {
        Ok(address) if seen.insert(found.value.to_ascii_lowercase()) => Some(address),
        Ok(_) => {
            table.error(&found.span, format!("`to`: `{}` is named twice", found.value), None);
            None
        }
        Err(()) => {
            let help = "write it as \"name@example.sa\", in Latin letters".to_owned();
            table.error(&found.span, format!("`to`: `{}` is not an address", found.value), Some(help));
            None
        }
    };
    texts.into_iter().filter_map(&mut read).collect()
}

/// Reads `unsubscribe`: ways to leave, each an address of mail or of the web.
fn unsubscribe(table: &Table<'_>) -> Vec<Url> {
    let texts = table.texts("unsubscribe").unwrap_or_default();
    let read = |found: Found<String>| match Url::parse(&found.value) {
        Ok(url) if url.scheme() == "https" => Some(url),
        Ok(url) if url.scheme() == "mailto" && parse_address(url.path()).is_ok() => Some(url),
        _ => {
            let help = "write \"mailto:leave@example.sa\" or \"https://example.sa/leave\"".to_owned();
            table.error(&found.span, format!("`unsubscribe`: `{}` is no way to leave", found.value), Some(help));
            None
        }
    };
    texts.into_iter().filter_map(read).collect()
}

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Json
    }

    /// Subject, text and page are made of the whole bulletin.
    fn takes(&self, form: Form) -> bool {
        form == Form::Json
    }

    fn shows_pictures(&self) -> bool {
        true
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let login = match &self.login {
            Some((user, source)) => {
                let password = world.secret(source)?;
                let credentials = Credentials::new(user.clone(), password.expose().to_owned());
                Some(Login { credentials, user: user.clone(), password, source: source.clone() })
            }
            None => None,
        };
        let server = server::name(&self.server);
        let tls = match self.security {
            Security::None => None,
            Security::StartTls | Security::Tls => Some(self.trust(&server, world)?),
        };
        let line = Line { server, port: self.port, security: self.security, tls, login, timeout: self.timeout };
        // They are told together, by one letter.
        let spread = Spread::new(world.dir.join(format!("{}.progress", self.name)), "recipients", 1);
        Ok(Arc::new(Email { line, sheet: self.sheet.clone(), to: self.to.clone(), spread }))
    }
}

impl Settings {
    /// Whom the server's certificate is held against: the authorities of this machine, and the one that the channel names.
    fn trust(&self, server: &str, world: &World) -> Result<TlsParameters, String> {
        let mut builder = TlsParameters::builder(server.to_owned());
        if let Some(path) = &self.ca {
            let path = world.dir.join(path);
            let shown = path.display();
            let about = std::fs::metadata(&path).map_err(|why| format!("file {shown} cannot be read: {why}"))?;
            if !about.is_file() || MAX_CA_LEN < about.len() {
                return Err(format!("file {shown} is no plain file of at most {MAX_CA_LEN} bytes"));
            }
            let pem = std::fs::read(&path).map_err(|why| format!("file {shown} cannot be read: {why}"))?;
            if !String::from_utf8_lossy(&pem).contains("BEGIN CERTIFICATE") {
                return Err(format!("file {shown} holds no certificate in PEM"));
            }
            let certificate = Certificate::from_pem(&pem);
            builder = builder.add_root_certificate(
                certificate.map_err(|why| format!("file {shown} holds no certificate: {}", http::reasons(&why)))?,
            );
        }
        builder.build().map_err(|why| format!("TLS to {server} cannot be set up: {}", http::reasons(&why)))
    }
}

struct Email {
    line: Line,
    sheet: Sheet,
    to: Vec<Address>,
    spread: Spread,
}

impl Sink for Email {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let all = self.to.iter().map(|to| (mark(&to.to_string().to_ascii_lowercase()), to.clone())).collect();
            let (had, open) = self.spread.left(&parcel.key, all);
            let images = picture::images(&parcel.pictures).await.unwrap_or_else(|why| {
                tracing::warn!(bulletin = %parcel.bulletin, "{} is written without its picture: {why}", parcel.bulletin);
                Vec::new()
            });
            let letter = self.sheet.write(parcel, images).map_err(|why| SendError::Never { why })?;
            http::check_length("email", letter.len(), letter::MAX_BYTES, "bytes")?;
            let end = self.tell(&parcel.key, Tally::new(self.to.len(), had), open, &letter).await;
            if matches!(end, Ok(_) | Err(SendError::Never { .. })) {
                self.spread.forget(&parcel.key).await;
            }
            end
        })
    }

    /// Goes as far as a letter would, without one. Whether the server takes the sender and the recipients, only a letter shows.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.line.probe())
    }

    /// Those on the envelope; how many are behind a mailing list, its server knows.
    fn followers(&self) -> BoxFuture<'_, Result<Option<u64>, String>> {
        Box::pin(async { Ok(Some(self.to.len() as u64)) })
    }
}

impl Email {
    /// Sends a letter to those who do not have it, and again to those who were too many for one, while there is time. Each letter is
    /// taken for somebody, or is the last.
    async fn tell(
        &self,
        key: &str,
        mut tally: Tally,
        mut open: Vec<(u64, Address)>,
        letter: &[u8],
    ) -> Result<Receipt, SendError> {
        let end = Instant::now() + self.line.timeout;
        while !open.is_empty() {
            let (marks, to): (Vec<u64>, Vec<Address>) = open.iter().cloned().unzip();
            let sent = self.line.deliver(&self.sheet.from.email, &to, letter, end).await;
            let settled = tally.count(&marks, &sent);
            open.retain(|(mark, _)| !settled.told.contains(mark) && !settled.refused.contains(mark));
            // On the disk before anything else is done: what happens then repeats the letter to none of them.
            self.spread.keep(key, settled.told, settled.refused).await;
            if !tally.goes_on(&sent) || end <= Instant::now() {
                return tally.end(sent.taken.err());
            }
        }
        tally.end(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_every_server_takes() {
        let named = parse_mailbox("نذير مكة <nadhir@example.sa>").unwrap();
        assert_eq!((named.name.as_deref(), named.email.as_ref()), (Some("نذير مكة"), "nadhir@example.sa"));
        let quoted = parse_mailbox("\"Warnings, Makkah\" <a.b+c@mail.example.sa>").unwrap();
        assert_eq!(quoted.name.as_deref(), Some("Warnings, Makkah"));
        assert_eq!(parse_mailbox("a@example.sa").unwrap().name, None);
        for wrong in [
            "",
            "a",
            "a@b",
            "a@@example.sa",
            "a b@example.sa",
            "a@example.sa, b@example.sa",
            "طوارئ@example.sa",
            "a@مثال.sa",
            "A <a@example.sa",
            "A\r\nBcc: x <a@example.sa>",
            "a@[127.0.0.1]",
        ] {
            assert!(parse_mailbox(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_server_is_a_name_or_a_number() {
        for fine in ["mail.example.sa", "localhost", "127.0.0.1", "[::1]", "10.0.0.7"] {
            assert!(server::parse(fine, "mail.example.sa").is_ok(), "{fine}");
        }
        for wrong in ["", "mail.example.sa:587", "smtp://mail.example.sa", "mail example", "a@b"] {
            assert!(server::parse(wrong, "mail.example.sa").is_err(), "{wrong}");
        }
    }
}
