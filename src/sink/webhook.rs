//! The webhook: each message as one signed HTTP POST, as Standard Webhooks 1.0.0 has it.
//!
//! Source: the Standard Webhooks specification. A redirect is never followed, a secret never leaves but as a signature, and no
//! error shows more of an address than its host and path.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use url::Url;

use super::http::{self, Place, Receiver};
use super::signature::{ID, SIGNATURE, Signer, TIMESTAMP};
use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World};
use crate::feed::keys;
use crate::message::Form;
use crate::secret::SecretSource;
use crate::table::Table;

/// The kind.
pub const KIND: Kind = Kind {
    name: "webhook",
    about: "sends each message as a signed HTTP POST (Standard Webhooks)",
    example: r#"[civil-defence-desk]
kind = "webhook"
url = "https://desk.example/nadhir"      # https; http only to this machine
secret = { file = "desk.secret" }        # or { credential = "desk" } with systemd; holds whsec_…, or whsk_… whose public half the
                                         # log tells at the start; up to four, the newest first, while receivers change over
authorization = { file = "desk.auth" }   # the whole value of that header, where the receiver asks for one
headers = { "x-source" = "nadhir" }      # more headers, none of them secret
timeout = "15s"                          # at most 60s
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// What a channel of this kind says of itself.
struct Settings {
    url: Url,
    secret: SecretSource,
    authorization: Option<SecretSource>,
    headers: HeaderMap,
    timeout: Duration,
}

/// The most headers that a channel may add.
const MAX_HEADERS: usize = 16;

/// The longest value of one, in bytes.
const MAX_VALUE_LEN: usize = 1024;

/// Headers that HTTP or this kind writes itself.
const OWN: &[&str] = &[
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

impl fmt::Debug for Settings {
    /// Without the query of the address, which may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, secret, timeout, .. } = self;
        write!(f, "Settings({}, {secret}, {timeout:?})", http::shown(url))
    }
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let url = table.need_text("url", "\"https://…\"", http::parse_url);
    let secret = keys::secret(table, "secret");
    let before = table.faults();
    let authorization = keys::maybe_secret(table, "authorization");
    let headers = table.table("headers").map(|table| headers(&table)).unwrap_or_default();
    let timeout = http::timeout(table);
    if before < table.faults() {
        return None;
    }
    Some(Settings { url: url?.value, secret: secret?, authorization, headers, timeout: timeout? })
}

/// Reads headers that are added as they stand.
fn headers(table: &Table<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let named = table.keys();
    if MAX_HEADERS < named.len() {
        table.error(&table.span, format!("`headers` names {}: at most {MAX_HEADERS} are sent", named.len()), None);
    }
    for name in named {
        let lower = name.value.to_ascii_lowercase();
        let Ok(read) = HeaderName::try_from(&lower) else {
            table.error(&name.span, format!("`{}` is not the name of a header", name.value), None);
            continue;
        };
        if lower.starts_with("webhook-") || OWN.contains(&lower.as_str()) {
            let help = (lower == "authorization").then(|| "write `authorization = { file = \"…\" }`".to_owned());
            table.error(&name.span, format!("`{}` is written by nadhir itself", name.value), help);
            continue;
        }
        let Some(text) = table.text_of(&name.value) else { continue };
        match HeaderValue::from_str(&text.value) {
            Ok(value) if text.value.len() <= MAX_VALUE_LEN => drop(headers.insert(read, value)),
            _ => table.error(
                &text.span,
                format!("`{}` cannot be sent: up to {MAX_VALUE_LEN} letters of ASCII in one line", name.value),
                None,
            ),
        }
    }
    headers
}

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Json
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let source = &self.secret;
        let signer = Signer::new(&world.secret(source)?).map_err(|why| format!("{source}: {why}"))?;
        for key in signer.public_keys() {
            tracing::info!("Receivers at {} hold signatures against {key}", http::shown(&self.url));
        }
        let mut headers = self.headers.clone();
        let mut place = Place::open(&self.url);
        if let Some(source) = &self.authorization {
            let (value, secret) = http::authorization(world, source)?;
            headers.insert(AUTHORIZATION, value);
            place = secret.expose().split_whitespace().fold(place, Place::hush);
        }
        let receiver = Receiver::new(world, place, self.timeout);
        Ok(Arc::new(Webhook { receiver, url: self.url.clone(), signer, headers }))
    }
}

struct Webhook {
    receiver: Receiver,
    url: Url,
    signer: Signer,
    /// What the channel adds.
    headers: HeaderMap,
}

impl Sink for Webhook {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let headers = self.headers(parcel).map_err(|why| SendError::Never {
                why: format!("no request to {} could be made: {why}", http::shown(&self.url)),
            })?;
            let answer = self.receiver.post(&self.url, headers, parcel.body.as_bytes().to_vec()).await?;
            self.receiver.settle(&answer, parcel.now, None, "")
        })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.receiver.reach(&self.url))
    }
}

impl Webhook {
    fn headers(&self, parcel: &Parcel) -> Result<HeaderMap, InvalidHeaderValue> {
        let signature = self.signer.sign(&parcel.key, parcel.now, parcel.body.as_bytes());
        let mut headers = self.headers.clone();
        headers.insert(ID, HeaderValue::from_str(&parcel.key)?);
        headers.insert(TIMESTAMP, HeaderValue::from(parcel.now.timestamp()));
        headers.insert(SIGNATURE, HeaderValue::from_str(&signature)?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(&parcel.content_type)?);
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Problem, Problems, SourceFile};
    use crate::table::read_file;

    fn read(text: &str) -> (Option<Settings>, Vec<Problem>) {
        let file = Arc::new(SourceFile { name: "channels.toml".to_owned(), text: format!("[desk]\n{text}") });
        let problems = Problems::new();
        let settings = read_file(&file, &problems, |root| {
            let desk = root.table("desk")?;
            let settings = parse(&desk);
            desk.finish();
            settings
        });
        (settings, problems.into_sorted())
    }

    #[test]
    fn the_query_of_an_address_is_never_printed() {
        let (settings, _) = read("url = \"https://desk.example/a?token=hush\"\nsecret = { file = \"desk.secret\" }\n");
        let printed = format!("{:?}", settings.unwrap());
        assert!(printed.contains("https://desk.example/a,") && !printed.contains("hush"), "{printed}");
    }

    fn check(text: &str, expected: &[&str]) {
        let (settings, problems) = read(text);
        let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(messages.len(), expected.len(), "{text}: {messages:?}");
        for (message, expected) in messages.iter().zip(expected) {
            assert!(message.contains(expected), "{text}: {message}");
        }
        assert_eq!(settings.is_some(), expected.is_empty(), "{text}");
    }

    const SECRET: &str = "secret = { file = \"desk.secret\" }";

    #[test]
    fn the_example_is_read_as_it_stands() {
        let text = KIND.example.replace("[civil-defence-desk]", "").replace("kind = \"webhook\"", "");
        let (settings, problems) = read(&text);
        assert!(problems.is_empty(), "{problems:?}");
        let settings = settings.unwrap();
        assert_eq!(settings.timeout, Duration::from_secs(15));
        assert_eq!(settings.secret, SecretSource::File("desk.secret".into()));
    }

    #[test]
    fn an_address_in_the_open_is_taken_only_to_this_machine() {
        for good in ["https://desk.example/x", "http://127.0.0.1:9/x", "http://localhost/x", "http://[::1]:8080/x"] {
            check(&format!("url = \"{good}\"\n{SECRET}"), &[]);
        }
        assert_eq!(http::parse_url("https://desk.example/x#part").unwrap().as_str(), "https://desk.example/x");
        check(&format!("url = \"http://desk.example/x\"\n{SECRET}"), &["write https://"]);
        check(&format!("url = \"http://localhost.evil.example/x\"\n{SECRET}"), &["write https://"]);
        check(&format!("url = \"ftp://desk.example/x\"\n{SECRET}"), &["write https://"]);
        check(&format!("url = \"desk\"\n{SECRET}"), &["not an address"]);
        check(&format!("url = \"https://me:pw@desk.example/x\"\n{SECRET}"), &["does not belong"]);
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        check("timeot = \"15s\"", &["`url` is missing", "`secret` is missing", "unknown key `timeot`"]);
        check(&format!("url = \"https://a.b/\"\n{SECRET}\ntimeout = \"61s\""), &["1s to 60s"]);
        check("url = \"https://a.b/\"\nsecret = { fil = \"x\" }", &["says nowhere", "unknown key `fil`"]);
        check("url = \"https://a.b/\"\nsecret = { credential = \"../x\" }", &["not a path"]);
        check("url = \"https://a.b/\"\nsecret = { file = \"x\", credential = \"y\" }", &["keep one"]);
        check("url = \"https://a.b/\"\nsecret = 7", &["expected a table"]);
    }

    #[test]
    fn a_header_that_others_write_is_refused() {
        let with = |headers: &str| format!("url = \"https://a.b/\"\n{SECRET}\nheaders = {{ {headers} }}");
        check(&with("\"x-source\" = \"nadhir\", X-Team = \"1\""), &[]);
        for own in ["Webhook-Id", "webhook-signature", "Content-Type", "host", "Authorization"] {
            check(&with(&format!("\"{own}\" = \"x\"")), &["is written by nadhir itself"]);
        }
        check(
            &with("\"a b\" = \"x\", x-b = \"ت\\n\", x-c = 7"),
            &["is not the name of a header", "cannot be sent", "expected"],
        );
    }

    #[test]
    fn a_secret_in_the_file_is_refused_without_showing_it() {
        let (settings, problems) = read("url = \"https://a.b/\"\nsecret = \"whsec_hunter2\"");
        assert!(settings.is_none());
        assert!(problems[0].message.contains("version control"));
        assert_eq!(problems[0].line(), 1, "the line that holds the secret is not the one pointed to");
        assert!(!format!("{} {:?}", problems[0].message, problems[0].help).contains("hunter2"));
    }
}
