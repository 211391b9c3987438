//! Mastodon: each message as a thread of posts, one a language, on one account of any server that speaks its API.
//!
//! Every post carries an `Idempotency-Key` made from the parcel's, which a server remembers for an hour: a try that is repeated after an
//! answer was lost gives back the post that stands, and no second one. What takes an earlier thread back answers its first post.
//!
//! Sources: docs.joinmastodon.org ("Post a new status", "Upload media as an attachment (async)", "Verify account credentials",
//! "Rate limits").

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::multipart::Form;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::http::{self, Answer, Place, Receiver};
use super::picture::{self, Image};
use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World, fingerprint, posts};
use crate::feed::keys;
use crate::message;
use crate::message::brief::Part;
use crate::secret::SecretSource;
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp};

/// The most characters of a post where the server has not raised its limit.
pub const MAX_CHARS: usize = 500;

/// How many bytes of its hash name a post.
const KEY_LEN: usize = 32;

/// Who sees a post.
const VISIBILITIES: &[(&str, &str)] = &[("public", "public"), ("unlisted", "unlisted"), ("private", "private")];

/// The kind.
pub const KIND: Kind = Kind {
    name: "mastodon",
    about: "posts each message to an account on Mastodon, as a thread of one post a language",
    example: r#"[makkah-mastodon]
kind = "mastodon"
server = "https://mastodon.example"      # where the account is
token = { file = "mastodon.token" }      # of an application with write:statuses and write:media; or { credential = "…" }
visibility = "public"                    # or "unlisted", "private"
timeout = "15s"                          # for a whole thread; at most 60s
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// What a channel of this kind says of itself.
#[derive(Debug)]
struct Settings {
    server: Url,
    token: SecretSource,
    visibility: &'static str,
    timeout: Duration,
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let server = table.need_text("server", "\"https://mastodon.example\"", http::parse_base);
    let token = keys::secret(table, "token");
    let visibility = table.word("visibility", VISIBILITIES).map_or("public", |found| found.value);
    let timeout = http::timeout(table);
    Some(Settings { server: server?.value, token: token?, visibility, timeout: timeout? })
}

impl Opener for Settings {
    fn form(&self) -> message::Form {
        message::Form::Post
    }

    fn takes(&self, form: message::Form) -> bool {
        form == message::Form::Post
    }

    fn shows_pictures(&self) -> bool {
        true
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let token = world.secret(&self.token)?;
        let is_token = token.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        let value = http::hidden(&format!("Bearer {}", token.expose())).filter(|_| is_token);
        let value = value.ok_or_else(|| format!("{} holds no token: letters and digits, on one line", self.token))?;
        let receiver = Receiver::new(world, Place::server(&self.server, &[token.expose()]), self.timeout);
        Ok(Arc::new(Mastodon {
            receiver,
            timeout: self.timeout,
            server: self.server.clone(),
            headers: HeaderMap::from_iter([(AUTHORIZATION, value)]),
            visibility: self.visibility,
            source: self.token.clone(),
        }))
    }
}

struct Mastodon {
    receiver: Receiver,
    /// For a whole thread.
    timeout: Duration,
    server: Url,
    headers: HeaderMap,
    visibility: &'static str,
    source: SecretSource,
}

/// A post, a picture or an account, as Mastodon gives it back.
#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct Account {
    followers_count: u64,
}

impl Sink for Mastodon {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let parts = parcel.parts(message::Form::Post)?;
            for part in &parts {
                http::check_length("Mastodon", part.text.chars().count(), MAX_CHARS, "characters")?;
            }
            http::within(self.timeout, &self.server, self.thread(parcel, &parts)).await
        })
    }

    /// Asks whose account it is.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move { self.account().await.map(drop) })
    }

    /// The followers of the account.
    fn followers(&self) -> BoxFuture<'_, Result<Option<u64>, String>> {
        Box::pin(async move { self.account().await.map(|account| Some(account.followers_count)) })
    }
}

impl Mastodon {
    fn method(&self, path: &str) -> Url {
        let mut url = self.server.clone();
        url.set_path(&format!("{}api/{path}", self.server.path()));
        url
    }

    async fn account(&self) -> Result<Account, String> {
        let answer = self.receiver.get(&self.method("v1/accounts/verify_credentials"), self.headers.clone()).await?;
        let hint = self.hint(answer.status);
        answer.json().ok_or_else(|| format!("{}; {hint}", answer.words).trim_end_matches("; ").to_owned())
    }

    /// Posts every part; one that stands already gives back its number.
    async fn thread(&self, parcel: &Parcel, parts: &[Part]) -> Result<Receipt, SendError> {
        let mut standing: Vec<String> = Vec::new();
        for (place, part) in parts.iter().enumerate() {
            let answered = parcel.corrects.as_deref().and_then(posts::first).filter(|id| is_number(id));
            let before = standing.last().map(String::as_str).or(answered);
            let picture = picture::before_post(parcel, part, |image| self.hand_over(image)).await;
            let post = match self.post(parcel, (place, part), before, picture.as_deref()).await? {
                Some(id) => Some(id),
                // What it takes back may have been deleted by hand: then it stands by itself.
                None => self.post(parcel, (place, part), None, picture.as_deref()).await?,
            };
            standing.extend(post);
        }
        Ok(posts::receipt(&standing))
    }

    /// Posts one part; none when what it was to answer is gone.
    async fn post(
        &self,
        parcel: &Parcel,
        (place, part): (usize, &Part),
        before: Option<&str>,
        picture: Option<&str>,
    ) -> Result<Option<String>, SendError> {
        let mut body = json!({ "status": part.text, "language": part.language.tag(), "visibility": self.visibility });
        if let Some(body) = body.as_object_mut() {
            body.extend(before.map(|id| ("in_reply_to_id".to_owned(), id.into())));
            body.extend(picture.map(|id| ("media_ids".to_owned(), json!([id]))));
        }
        let mut headers = self.headers.clone();
        headers.insert(HeaderName::from_static("idempotency-key"), key(&parcel.key, place));
        let answer = self.receiver.post_json(&self.method("v1/statuses"), headers, &body).await?;
        if answer.status.is_success() {
            let id = answer.json::<Named>().map(|post| post.id).filter(|id| is_number(id));
            return id.map(Some).ok_or_else(|| self.receiver.unclear(&answer, "Mastodon"));
        }
        if place == 0 && before.is_some() && answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if answer.refuses_message(&["Text character limit", "Text can't be blank"]) {
            return Err(self.receiver.refuses(&answer));
        }
        let settled =
            self.receiver.settle(&answer, parcel.now, asked_wait(&answer, parcel.now), &self.hint(answer.status));
        settled.map(|_| None)
    }

    /// Hands over the picture of a post with its description.
    async fn hand_over(&self, image: Image) -> Result<String, String> {
        let form = Form::new().text("description", image.alt.clone()).part("file", image.part()?);
        let url = self.method("v2/media");
        let sent = self.receiver.send_form((Method::POST, &url), self.headers.clone(), form, picture::BEFORE_POST);
        let answer = sent.await?;
        // One that is still worked on (202) cannot be shown yet.
        let id = answer.json::<Named>().map(|named| named.id).filter(|id| is_number(id));
        id.filter(|_| answer.status == StatusCode::OK).ok_or(answer.words)
    }

    fn hint(&self, status: StatusCode) -> String {
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                format!("see that {} holds a token of the account that may write statuses", self.source)
            }
            _ => String::new(),
        }
    }
}

/// The key of one post, the same over all tries, in letters that every header takes.
fn key(parcel: &str, place: usize) -> HeaderValue {
    let text = fingerprint(&format!("{parcel}/{place}"), KEY_LEN);
    HeaderValue::from_str(&text).expect("hexadecimal digits are a header")
}

fn is_number(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// How long Mastodon asks to wait after 429.
fn asked_wait(answer: &Answer, now: Timestamp) -> Option<TimeDelta> {
    if answer.status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let reset: Timestamp = answer.header("x-ratelimit-reset")?.parse().ok()?;
    Some(reset - now)
}
