//! The webhook: each message as one signed HTTP POST, as Standard Webhooks 1.0.0 has it.
//!
//! Source: the Standard Webhooks specification. A redirect is never followed, a secret never leaves but as a signature, and no
//! error shows more of an address than its host and path.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use url::{Host, Url};

use super::signature::{ID, SIGNATURE, Signer, TIMESTAMP};
use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World};
use crate::feed::keys;
use crate::message::Form;
use crate::secret::{Secret, SecretSource};
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp, parse_span, span_text};

/// How long a receiver may take when the channel does not say.
pub const TIMEOUT: TimeDelta = TimeDelta::seconds(15);

/// The longest time that a channel may give its receiver.
pub const MAX_TIMEOUT: TimeDelta = TimeDelta::seconds(60);

/// How much of an answer is read, in bytes; it is only for the receipt.
pub const MAX_ANSWER_LEN: usize = 4 * 1024;

/// How much of an answer is shown, in characters.
const MAX_ANSWER_SHOWN: usize = 120;

/// How long the words of an answer are waited for, once its status is known.
const MAX_ANSWER_WAIT: Duration = Duration::from_secs(2);

/// The longest wait that a receiver may ask for; more is taken for this.
const MAX_RETRY_AFTER: TimeDelta = TimeDelta::days(1);

/// How long a probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// The kind.
pub const KIND: Kind = Kind {
    name: "webhook",
    about: "sends each message as a signed HTTP POST (Standard Webhooks)",
    example: r#"[civil-defence-desk]
kind = "webhook"
url = "https://desk.example/nadhir"      # https; http only to this machine
secret = { file = "desk.secret" }        # holds whsec_…; or { credential = "desk" } with systemd
timeout = "15s"                          # at most 60s
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// What a channel of this kind says of itself.
struct Settings {
    url: Url,
    secret: SecretSource,
    timeout: Duration,
}

impl fmt::Debug for Settings {
    /// Without the query of the address, which may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, secret, timeout } = self;
        write!(f, "Settings({}, {secret}, {timeout:?})", shown(url))
    }
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let url = table.need_text("url", "\"https://…\"", parse_url);
    let secret = keys::secret(table, "secret");
    let timeout = match table.text("timeout", parse_timeout) {
        Some(found) => Some(found.value),
        None if table.has("timeout") => None,
        None => TIMEOUT.to_std().ok(),
    };
    Some(Settings { url: url?.value, secret: secret?, timeout: timeout? })
}

fn parse_url(text: &str) -> Result<Url, String> {
    let mut url =
        Url::parse(text).map_err(|why| format!("this is not an address ({why}); write it as https://host/path"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user name or password does not belong in an address; the signature proves who we are".to_owned());
    }
    // A fragment is never sent, and would make an answer look as if it came from elsewhere.
    url.set_fragment(None);
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err("plain http is taken only to this machine; write https://".to_owned()),
        other => Err(format!("`{other}` is not spoken here; write https://")),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    let span = parse_span(text)?;
    let limits = TimeDelta::seconds(1)..=MAX_TIMEOUT;
    let within = span.to_std().ok().filter(|_| limits.contains(&span));
    within.ok_or_else(|| format!("`{text}` is out of range: 1s to {}s", MAX_TIMEOUT.num_seconds()))
}

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Json
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let source = match &self.secret {
            SecretSource::File(path) => SecretSource::File(world.dir.join(path)),
            SecretSource::Credential(name) => SecretSource::Credential(name.clone()),
        };
        let signer = Signer::new(&Secret::read(&source)?).map_err(|why| format!("{source}: {why}"))?;
        Ok(Arc::new(Webhook { http: world.http.clone(), url: self.url.clone(), signer, timeout: self.timeout }))
    }
}

struct Webhook {
    http: reqwest::Client,
    url: Url,
    signer: Signer,
    timeout: Duration,
}

impl Sink for Webhook {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let request = self
                .http
                .post(self.url.clone())
                .timeout(self.timeout)
                .header(ID, &parcel.key)
                .header(TIMESTAMP, parcel.now.timestamp())
                .header(SIGNATURE, self.signer.sign(&parcel.key, parcel.now, parcel.body.as_bytes()))
                .header(CONTENT_TYPE, &parcel.content_type)
                .body(parcel.body.as_bytes().to_vec());
            match request.send().await {
                Ok(response) => self.judge(response, parcel.now).await,
                Err(why) => Err(self.failure(why)),
            }
        })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        // Any answer shows that the receiver can be reached; what it thinks of HEAD does not matter.
        Box::pin(async move {
            let request = self.http.head(self.url.clone()).timeout(PROBE_TIMEOUT);
            match request.send().await {
                Ok(_) => Ok(()),
                Err(why) if why.is_timeout() && !why.is_connect() => {
                    Err(format!("{} did not answer within {} s", shown(&self.url), PROBE_TIMEOUT.as_secs()))
                }
                Err(why) => Err(self.failure(why).to_string()),
            }
        })
    }
}

impl Webhook {
    /// What an answer means.
    ///
    /// Only 410 (the receiver wants nothing any more) and redirects (an address that moved is for a person to write) end the
    /// tries. Every other refusal, 400, 401, 403, 404, 413 and 422 included, mostly means a receiver that is set up wrongly,
    /// and someone may set it right while the storm lasts; the warning waits for them until it expires.
    async fn judge(&self, response: Response, now: Timestamp) -> Result<Receipt, SendError> {
        let status = response.status();
        let at = shown(&self.url);
        // A client that follows redirects would deliver somewhere else, perhaps as a GET without a body.
        if status.is_redirection() || *response.url() != self.url {
            let to = new_place(&response, &self.url);
            let why = format!("{at} moved ({status}){to}; redirects are not followed: write the new address as `url`");
            return Err(SendError::Never { why });
        }
        if status == StatusCode::GONE {
            let why = format!("{at} is gone ({status}): the receiver wants no more messages; remove the channel");
            return Err(SendError::Never { why });
        }
        let retry_after = asked_wait(response.headers(), now);
        let answer = head_of_answer(response).await;
        if status.is_success() {
            return Ok(Receipt(join(status, &answer)));
        }
        let asked = retry_after.map(|wait| format!("; asked to wait {}", span_text(wait))).unwrap_or_default();
        Err(SendError::Later { why: format!("{at} answered {}{asked}", join(status, &answer)), retry_after })
    }

    /// What a failure without an answer means: before there was a connection nothing can have arrived, after it anything may.
    fn failure(&self, why: reqwest::Error) -> SendError {
        let at = shown(&self.url);
        let why = why.without_url();
        if why.is_builder() {
            SendError::Never { why: format!("no request to {at} could be made: {}", reasons(&why)) }
        } else if why.is_connect() {
            SendError::Later { why: format!("{at} cannot be reached: {}", reasons(&why)), retry_after: None }
        } else if why.is_timeout() {
            let why = format!("{at} did not answer in {} s; it may have taken the message", self.timeout.as_secs());
            SendError::Unknown { why }
        } else {
            SendError::Unknown { why: format!("{at} broke off, and may have taken the message: {}", reasons(&why)) }
        }
    }
}

/// An address without what may be secret in it: scheme, host and path.
fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

fn new_place(response: &Response, base: &Url) -> String {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    match location.and_then(|text| base.join(text).ok()) {
        Some(place) => format!(" to {}", shown(&place)),
        None => String::new(),
    }
}

fn join(status: StatusCode, answer: &str) -> String {
    if answer.is_empty() { status.to_string() } else { format!("{status}: {answer}") }
}

/// The wait that an answer asks for, in seconds or as a date.
fn asked_wait(headers: &HeaderMap, now: Timestamp) -> Option<TimeDelta> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    let wait = if is_number {
        text.parse().ok().and_then(TimeDelta::try_seconds).unwrap_or(MAX_RETRY_AFTER)
    } else {
        chrono::DateTime::parse_from_rfc2822(text).ok()?.to_utc() - now
    };
    Some(wait.clamp(TimeDelta::zero(), MAX_RETRY_AFTER))
}

/// The first words of an answer, in one line. What cannot be read in time does not matter: the status has said it all.
async fn head_of_answer(mut response: Response) -> String {
    let mut read: Vec<u8> = Vec::new();
    let reading = async {
        while read.len() < MAX_ANSWER_LEN
            && let Ok(Some(chunk)) = response.chunk().await
        {
            let room = MAX_ANSWER_LEN - read.len();
            read.extend(chunk.iter().take(room));
        }
    };
    // Whatever was read until then is shown.
    drop(tokio::time::timeout(MAX_ANSWER_WAIT, reading).await);
    let text = String::from_utf8_lossy(&read);
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(MAX_ANSWER_SHOWN).collect()
}

/// Why something failed, down to its cause, in one line.
pub(super) fn reasons(why: &dyn Error) -> String {
    let mut text = why.to_string();
    let mut cause = why.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.ends_with(&next_text) {
            text.push_str(": ");
            text.push_str(&next_text);
        }
        cause = next.source();
    }
    text
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
        assert_eq!(parse_url("https://desk.example/x#part").unwrap().as_str(), "https://desk.example/x");
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
    fn a_secret_in_the_file_is_refused_without_showing_it() {
        let (settings, problems) = read("url = \"https://a.b/\"\nsecret = \"whsec_hunter2\"");
        assert!(settings.is_none());
        assert!(problems[0].message.contains("version control"));
        assert_eq!(problems[0].line(), 1, "the line that holds the secret is not the one pointed to");
        assert!(!format!("{} {:?}", problems[0].message, problems[0].help).contains("hunter2"));
    }

    #[test]
    fn a_wait_is_read_in_both_its_forms() {
        let now = Timestamp::from_timestamp(1_765_238_400, 0).unwrap();
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            asked_wait(&headers, now).map(|wait| wait.num_seconds())
        };
        assert_eq!(wait("120"), Some(120));
        assert_eq!(wait("Tue, 09 Dec 2025 00:02:00 GMT"), Some(120));
        assert_eq!(wait("Mon, 08 Dec 2025 00:02:00 GMT"), Some(0));
        assert_eq!(wait("99999999999999999999"), Some(86_400));
        for wrong in ["", "soon", "-5", "1.5"] {
            assert_eq!(wait(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_address_is_shown_without_what_may_be_secret() {
        let url = Url::parse("https://u:p@desk.example:8443/hook?token=hunter2#f").unwrap();
        assert_eq!(shown(&url), "https://desk.example:8443/hook");
    }
}
