//! Subscribers: each message as one signed HTTP POST to every one of any number of receivers, as Standard Webhooks 1.0.0 has it.
//!
//! Who they are stands in the store (`nadhir subscriber`), what is owed to each is kept by their courier. Each has a secret of its own,
//! made from the channel's key and its number, so that neither the store nor a copy of it holds any. A subscriber chose its address
//! itself: none of an inner network is asked unless the channel allows it, and no redirect is followed.
//!
//! Source: the Standard Webhooks specification, standardwebhooks.com.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use ring::hmac;
use url::Url;

use super::http::parse_url;
use super::line::outward::{self, Outward, failed, head, judged, value};
use super::line::{Answer, Lines};
use super::signature::{ID, SIGNATURE, Signer, TIMESTAMP};
use super::{Kind, Letter, Many, Missed, Opener, Parcel, Receipt, Recipient, SendError, Sink, World};
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

/// What a channel of this kind says of itself.
#[derive(Debug)]
struct Settings {
    secret: SecretSource,
    outward: Outward,
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let secret = keys::secret(table, "secret");
    let outward = outward::parse(table);
    Some(Settings { secret: secret?, outward: outward? })
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
        let key = outward::key(world, &self.secret)?;
        let lines = self.outward.lines(world)?;
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

    fn secret(&self, subscriber: i64, generation: u32) -> Option<Secret> {
        Some(Secret::new(&format!("whsec_{}", STANDARD.encode(self.own_key(subscriber, generation)))))
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
        let mut headers = head(url)?;
        headers.insert(CONTENT_TYPE, value(&letter.content_type)?);
        headers.insert(ID, value(&letter.key)?);
        headers.insert(TIMESTAMP, HeaderValue::from(now.timestamp()));
        headers.insert(SIGNATURE, value(&signature)?);
        Ok(headers)
    }
}
