//! Subscribers: each message as one signed HTTP POST to every one of any number of receivers, as Standard Webhooks 1.0.0 has it.
//!
//! Who they are stands in the store (`nadhir subscriber`), what is owed to each is kept by their courier. Each has a secret of its own,
//! made from the channel's key and its number, so that neither the store nor a copy of it holds any. A subscriber chose its address
//! itself: none of an inner network is asked unless the channel allows it, and no redirect is followed.
//!
//! Source: the Standard Webhooks specification, standardwebhooks.com.

mod line;
mod names;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use ipnet::IpNet;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue, USER_AGENT};
use ring::hmac;
use url::Url;

use self::line::{Answer, Lines, Lost};
use self::names::Names;
use super::http::{Place, asked_wait, first_words, parse_url, shown, timeout, verdict};
use super::signature::{ID, SIGNATURE, Signer, TIMESTAMP};
use super::{Kind, Letter, Many, Missed, Opener, Parcel, Receipt, Recipient, SendError, Sink, World, trust};
use crate::feed::keys;
use crate::message::Form;
use crate::secret::{Secret, SecretSource};
use crate::table::Table;
use crate::time::Timestamp;

/// The kind.
pub const KIND: Kind = Kind {
    name: "subscribers",
    about: "sends each message as a signed HTTP POST to any number of subscribers, who are entered with nadhir subscriber",
    example: r#"[open-webhooks]
kind = "subscribers"
secret = { file = "subscribers.key" }    # from which the secret of each subscriber is made; 32 letters at least, from
                                         # `openssl rand -base64 32`. With another one, every subscriber needs a new secret
allow = ["10.20.0.0/16"]                 # inner networks that subscribers may lie in; left out: none
ca = "partners-ca.pem"                   # an authority to trust beside those of this machine
timeout = "15s"                          # at most 20s
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// The shortest key, in bytes.
const MIN_KEY_LEN: usize = 32;

/// The longest that one subscriber is waited for: what is owed to all is in one courier's hands for not much longer.
const MAX_TIMEOUT: Duration = Duration::from_secs(20);

/// The most networks that a channel may allow.
const MAX_ALLOWED: usize = 64;

/// What a channel of this kind says of itself.
#[derive(Debug)]
struct Settings {
    secret: SecretSource,
    allow: Vec<IpNet>,
    ca: Option<PathBuf>,
    timeout: Duration,
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let before = table.faults();
    let secret = keys::secret(table, "secret");
    let texts = table.texts("allow").unwrap_or_default();
    if MAX_ALLOWED < texts.len() {
        table.error(&table.span_of("allow"), format!("`allow` names more than {MAX_ALLOWED} networks"), None);
    }
    let mut allow = Vec::new();
    for text in texts {
        match text.value.parse::<IpNet>() {
            Ok(net) => allow.push(net.trunc()),
            Err(_) => table.error(
                &text.span,
                format!("`allow`: `{}` is not a network", text.value),
                Some("write it as \"10.20.0.0/16\"; one address is \"10.20.1.2/32\"".to_owned()),
            ),
        }
    }
    let ca = table
        .text("ca", |text| if text.is_empty() { Err("the path is empty".to_owned()) } else { Ok(PathBuf::from(text)) });
    let timeout = timeout(table);
    if timeout.is_some_and(|timeout| MAX_TIMEOUT < timeout) {
        let message = format!("`timeout`: one of many is waited for {} s at most", MAX_TIMEOUT.as_secs());
        table.error(&table.span_of("timeout"), message, None);
    }
    if before < table.faults() {
        return None;
    }
    Some(Settings { secret: secret?, allow, ca: ca.map(|found| found.value), timeout: timeout? })
}

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Json
    }

    /// Who hears what is found in it.
    fn takes(&self, form: Form) -> bool {
        form == Form::Json
    }

    fn has_subscribers(&self) -> bool {
        true
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let secret = world.secret(&self.secret)?;
        if secret.expose().len() < MIN_KEY_LEN {
            let why = format!("{} is too short for a key: make one with `openssl rand -base64 32`", self.secret);
            return Err(why);
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        // Without anybody whom this machine trusts, those that need no TLS are told all the same.
        let tls = match &self.ca {
            Some(ca) => Some(trust::config(Some(&world.dir.join(ca)))?),
            None => trust::config(None).ok(),
        };
        let lines = Lines::new(Names::new(self.allow.clone()), tls, self.timeout);
        Ok(Arc::new(Subscribers(Arc::new(Post { key, lines }))))
    }
}

/// The channel.
struct Subscribers(Arc<Post>);

impl Sink for Subscribers {
    /// Its courier tells one by one; nobody sends to all at once.
    fn send<'a>(&'a self, _: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        let why =
            "a channel of subscribers has no receiver of its own; try one with `nadhir subscriber test`".to_owned();
        Box::pin(async { Err(SendError::Never { why }) })
    }

    /// Each subscriber is asked by itself.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }

    fn many(&self) -> Option<Arc<dyn Many>> {
        Some(Arc::clone(&self.0) as Arc<dyn Many>)
    }
}

/// Sends to one of many.
struct Post {
    key: hmac::Key,
    lines: Lines,
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Post({:?})", self.lines)
    }
}

impl Many for Post {
    fn check(&self, url: &str) -> Result<Url, String> {
        parse_url(url)
    }

    fn secret(&self, subscriber: i64, generation: u32) -> Secret {
        Secret::new(&format!("whsec_{}", STANDARD.encode(self.own_key(subscriber, generation))))
    }

    fn send(&self, letter: Arc<Letter>, to: Recipient, now: Timestamp) -> BoxFuture<'_, Result<Receipt, Missed>> {
        Box::pin(async move {
            let answer = self.post(&letter, &to, now).await?;
            Ok(Receipt(answer.status.as_str().to_owned()))
        })
    }

    fn challenge(&self, letter: Arc<Letter>, to: Recipient, now: Timestamp) -> BoxFuture<'_, Result<String, Missed>> {
        Box::pin(async move {
            let answer = self.post(&letter, &to, now).await?;
            Ok(String::from_utf8_lossy(&answer.body).into_owned())
        })
    }
}

impl Post {
    fn own_key(&self, subscriber: i64, generation: u32) -> hmac::Tag {
        hmac::sign(&self.key, format!("nadhir subscriber {subscriber} secret {generation}").as_bytes())
    }

    /// Sends one message; an answer is one that took it.
    async fn post(&self, letter: &Letter, to: &Recipient, now: Timestamp) -> Result<Answer, Missed> {
        let url = parse_url(&to.url).map_err(|why| SendError::Never { why })?;
        let headers = self.headers(letter, to, &url, now).map_err(|why| SendError::Never { why })?;
        let answer = self.lines.post(&url, headers, letter.body.clone()).await.map_err(|lost| failed(&url, lost))?;
        judged(&url, answer, now)
    }

    fn headers(&self, letter: &Letter, to: &Recipient, url: &Url, now: Timestamp) -> Result<HeaderMap, String> {
        let signer = Signer::shared(to.secret.in_use(now).map(|one| self.own_key(to.subscriber, one)));
        let signature = signer.sign(&letter.key, now, &letter.body);
        let host = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
            None => url.host_str().unwrap_or_default().to_owned(),
        };
        let value = |text: &str| HeaderValue::from_str(text).map_err(|why| format!("no request can be made: {why}"));
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(HOST, value(&host)?);
        headers.insert(USER_AGENT, HeaderValue::from_static(super::USER_AGENT));
        headers.insert(CONTENT_TYPE, value(&letter.content_type)?);
        headers.insert(ID, value(&letter.key)?);
        headers.insert(TIMESTAMP, HeaderValue::from(now.timestamp()));
        headers.insert(SIGNATURE, value(&signature)?);
        Ok(headers)
    }
}

/// What an answer means; what is secret in the address stands in no word of it, though the other side may repeat it.
fn judged(url: &Url, answer: Answer, now: Timestamp) -> Result<Answer, Missed> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    let place = Place::open(url);
    if answer.status.is_redirection() {
        let to = answer.location.as_deref().and_then(|text| url.join(text).ok());
        let to = to.map(|to| format!(" to {}", place.without_secrets(&shown(&to)))).unwrap_or_default();
        let why = format!("{place} moved ({}){to}; redirects are not followed: enter the new address", answer.status);
        return Err(SendError::Never { why }.into());
    }
    let words = first_words(&place.without_secrets(&String::from_utf8_lossy(&answer.body)));
    let words = if words.is_empty() { answer.status.to_string() } else { format!("{}: {words}", answer.status) };
    if answer.status == StatusCode::GONE {
        return Err(Missed::Gone { why: format!("{place} answered {words}") });
    }
    let asked = answer.retry_after.as_deref().and_then(|text| asked_wait(text, now));
    verdict(&place, answer.status, &words, asked, "").map(|_| answer).map_err(Missed::from)
}

fn failed(url: &Url, lost: Lost) -> SendError {
    let place = Place::open(url);
    match lost {
        Lost::Before(why) => {
            SendError::Later { why: format!("{place}: {}", place.without_secrets(&why)), retry_after: None }
        }
        Lost::After(why) => {
            SendError::Unknown { why: format!("{place} may have taken the message: {}", place.without_secrets(&why)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::TimeDelta;

    fn answer(status: u16, words: &str, location: Option<&str>) -> Result<Answer, Missed> {
        let url = Url::parse("https://desk.example/hook?token=hunter2").unwrap();
        let now = Timestamp::from_timestamp(1_765_238_400, 0).unwrap();
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: Some("120".to_owned()),
            location: location.map(str::to_owned),
            body: words.as_bytes().to_vec(),
        };
        judged(&url, answer, now)
    }

    #[test]
    fn an_answer_means_what_it_means_to_every_webhook_and_repeats_no_secret() {
        assert!(answer(204, "", None).is_ok());
        let words = "Cannot POST /hook?token=hunter2";
        for status in [400, 401, 404, 429, 500, 503] {
            let Err(Missed::Failed(SendError::Later { why, retry_after })) = answer(status, words, None) else {
                panic!("{status}")
            };
            assert!(why.contains(&status.to_string()) && !why.contains("hunter2"), "{why}");
            assert_eq!(retry_after, Some(TimeDelta::seconds(120)));
        }
        for (status, to) in [(301, "/new?token=hunter2"), (308, "http://10.0.0.1/")] {
            let Err(Missed::Failed(SendError::Never { why })) = answer(status, words, Some(to)) else {
                panic!("{status}")
            };
            assert!(!why.contains("hunter2"), "{why}");
        }
        let Err(Missed::Gone { why }) = answer(410, words, None) else { panic!("it is gone") };
        assert!(why.contains("410") && !why.contains("hunter2"), "{why}");
    }
}
