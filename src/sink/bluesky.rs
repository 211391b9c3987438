//! Bluesky: each message as a thread of posts, one a language, on one account of the AT Protocol.
//!
//! The place of every post in the account's repository is made from the parcel's key, so that a try after a lost answer finds the post
//! that stands there instead of writing a second one. What takes an earlier thread back answers its first post.
//!
//! Sources: docs.bsky.app and atproto.com ("Posts", "Record Key", "XRPC"; `com.atproto.server.createSession`, `refreshSession`,
//! `com.atproto.repo.putRecord`, `getRecord`, `uploadBlob`, `app.bsky.feed.post`: 300 graphemes, 3,000 bytes), "Rate Limits".

mod record;
mod session;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use self::record::{COLLECTION, MAX_BYTES, MAX_GRAPHEMES, Post, record_key};
use self::session::Sessions;
use super::http::{self, Answer, Place, Receiver};
use super::picture::{self, Image};
use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World, posts};
use crate::feed::keys;
use crate::message::Form;
use crate::message::brief::Part;
use crate::secret::SecretSource;
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp};

/// The server of most accounts.
const SERVER: &str = "https://bsky.social/";

/// The largest picture that is taken, in bytes.
const MAX_PICTURE: usize = 1_000_000;

/// The kind.
pub const KIND: Kind = Kind {
    name: "bluesky",
    about: "posts each message to an account on Bluesky, as a thread of one post a language",
    example: r#"[makkah-bluesky]
kind = "bluesky"
handle = "makkah.example.sa"             # of the account
password = { file = "bluesky.password" } # an app password, never the account's own; or { credential = "…" } with systemd
server = "https://bsky.social"           # where the account is kept
timeout = "15s"                          # for a whole thread; at most 60s
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// What a channel of this kind says of itself.
#[derive(Debug)]
struct Settings {
    handle: String,
    password: SecretSource,
    server: Url,
    timeout: Duration,
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let handle = table.need_text("handle", "\"makkah.example.sa\"", |text| {
        let text = text.trim_start_matches('@');
        let is_handle = text.contains('.')
            && text.len() <= 253
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
        if is_handle {
            Ok(text.to_ascii_lowercase())
        } else {
            Err(format!("`{text}` is no handle, such as makkah.example.sa"))
        }
    });
    let password = keys::secret(table, "password");
    let server = http::base(table, "server", SERVER);
    let timeout = http::timeout(table);
    Some(Settings { handle: handle?.value, password: password?, server: server?, timeout: timeout? })
}

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Post
    }

    fn takes(&self, form: Form) -> bool {
        form == Form::Post
    }

    fn shows_pictures(&self) -> bool {
        true
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let password = world.secret(&self.password)?;
        if password.expose().chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(format!("{} holds no app password: xxxx-xxxx-xxxx-xxxx, on one line", self.password));
        }
        let receiver = Receiver::new(world, Place::server(&self.server, &[password.expose()]), self.timeout);
        Ok(Arc::new(Bluesky {
            receiver,
            timeout: self.timeout,
            server: self.server.clone(),
            sessions: Sessions::new(self.handle.clone(), password),
            source: self.password.clone(),
            handle: self.handle.clone(),
        }))
    }
}

struct Bluesky {
    receiver: Receiver,
    /// For a whole thread.
    timeout: Duration,
    server: Url,
    sessions: Sessions,
    source: SecretSource,
    handle: String,
}

/// A post that stands, as others refer to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Standing {
    uri: String,
    cid: String,
}

#[derive(Deserialize)]
struct Profile {
    #[serde(rename = "followersCount")]
    followers: u64,
}

impl Sink for Bluesky {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let parts = parcel.parts(Form::Post)?;
            for part in &parts {
                // There are never more graphemes than characters.
                http::check_length("Bluesky", part.text.chars().count(), MAX_GRAPHEMES, "characters")?;
                http::check_length("Bluesky", part.text.len(), MAX_BYTES, "bytes")?;
            }
            http::within(self.timeout, &self.server, self.thread(parcel, &parts)).await
        })
    }

    /// Opens a session as the account.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move { self.session().await.map(drop).map_err(|why| why.to_string()) })
    }

    /// The followers of the account.
    fn followers(&self) -> BoxFuture<'_, Result<Option<u64>, String>> {
        Box::pin(async move {
            let session = self.session().await.map_err(|why| why.to_string())?;
            let mut url = self.method("app.bsky.actor.getProfile");
            url.query_pairs_mut().append_pair("actor", &self.handle);
            let answer = self.receiver.get(&url, session.headers()).await?;
            answer.json::<Profile>().map(|profile| Some(profile.followers)).ok_or(answer.words)
        })
    }
}

impl Bluesky {
    fn method(&self, name: &str) -> Url {
        let mut url = self.server.clone();
        url.set_path(&format!("{}xrpc/{name}", self.server.path()));
        url
    }

    /// Posts every part that does not stand.
    async fn thread(&self, parcel: &Parcel, parts: &[Part]) -> Result<Receipt, SendError> {
        let mut thread: Vec<Standing> = Vec::new();
        let corrected = parcel.corrects.as_deref().and_then(first_post);
        for (place, part) in parts.iter().enumerate() {
            let key = record_key(&format!("{}/{place}", parcel.key), parcel.expires);
            let standing = match 1 < parcel.attempt {
                true => self.find(parcel, &key).await?,
                false => None,
            };
            let standing = match standing {
                Some(standing) => standing,
                None => {
                    let root = corrected.as_ref().or(thread.first());
                    let answers = root.zip(thread.last().or(corrected.as_ref()));
                    self.post(parcel, part, &key, answers).await?
                }
            };
            thread.push(standing);
        }
        let told: Vec<String> = thread.iter().map(|Standing { uri, cid }| format!("{uri}#{cid}")).collect();
        Ok(posts::receipt(&told))
    }

    /// What stands at a place of the repository, if anything does.
    async fn find(&self, parcel: &Parcel, key: &str) -> Result<Option<Standing>, SendError> {
        let session = self.session().await?;
        let mut url = self.method("com.atproto.repo.getRecord");
        url.query_pairs_mut()
            .append_pair("repo", &session.did)
            .append_pair("collection", COLLECTION)
            .append_pair("rkey", key);
        let answer = self.receiver.get(&url, session.headers()).await.map_err(|why| SendError::Unknown {
            why: format!("an earlier try may have arrived, and is not repeated until the account can be read: {why}"),
        })?;
        if answer.status.is_success() {
            return answer.json().map(Some).ok_or_else(|| self.receiver.unclear(&answer, "Bluesky"));
        }
        match answer.error().as_deref() {
            Some("RecordNotFound") => Ok(None),
            _ => Err(self.refusal(parcel, &answer).await),
        }
    }

    async fn post(
        &self,
        parcel: &Parcel,
        part: &Part,
        key: &str,
        answers: Option<(&Standing, &Standing)>,
    ) -> Result<Standing, SendError> {
        let session = self.session().await?;
        let hand_over = |image| self.hand_over(session.headers(), image);
        let picture = picture::before_post(parcel, part, hand_over).await;
        let record = Post { part, at: parcel.now, answers, picture }.record();
        let body = json!({ "repo": session.did, "collection": COLLECTION, "rkey": key, "record": record });
        let url = self.method("com.atproto.repo.putRecord");
        let answer = self.receiver.post_json(&url, session.headers(), &body).await?;
        if answer.status.is_success() {
            return answer.json().ok_or_else(|| self.receiver.unclear(&answer, "Bluesky"));
        }
        Err(self.refusal(parcel, &answer).await)
    }

    /// What a refusal means. A session that has run out is opened anew at the next try, which comes within a second.
    async fn refusal(&self, parcel: &Parcel, answer: &Answer) -> SendError {
        if matches!(answer.error().as_deref(), Some("ExpiredToken" | "InvalidToken")) {
            self.sessions.forget().await;
        }
        if answer.refuses_message(&["must not be longer than", "InvalidRecord"]) {
            return self.receiver.refuses(answer);
        }
        let hint = match answer.status {
            StatusCode::UNAUTHORIZED => format!("see that {} holds an app password of {}", self.source, self.handle),
            _ => String::new(),
        };
        match self.receiver.settle(answer, parcel.now, asked_wait(answer, parcel.now), &hint) {
            Err(why) => why,
            Ok(_) => self.receiver.unclear(answer, "Bluesky"),
        }
    }

    async fn session(&self) -> Result<session::Session, SendError> {
        self.sessions.open(&self.receiver, |name| self.method(name), &self.source).await
    }

    /// Hands over the picture of a post; gives what refers to it, and what it shows in words.
    async fn hand_over(&self, mut headers: HeaderMap, image: Image) -> Result<(Value, String), String> {
        if MAX_PICTURE < image.bytes.len() {
            return Err(format!("it is {} bytes: at most {MAX_PICTURE} are taken", image.bytes.len()));
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("image/png"));
        let url = self.method("com.atproto.repo.uploadBlob");
        let answer = self.receiver.post(&url, headers, image.bytes).await.map_err(|why| why.to_string())?;
        let blob = answer.json::<Value>().and_then(|said| said.get("blob").cloned());
        blob.map(|blob| (blob, image.alt)).ok_or(answer.words)
    }
}

/// The first post of a thread in its receipt.
fn first_post(receipt: &str) -> Option<Standing> {
    let (uri, cid) = posts::first(receipt)?.split_once('#')?;
    Some(Standing { uri: uri.to_owned(), cid: cid.to_owned() })
}

/// How long Bluesky asks to wait after 429.
fn asked_wait(answer: &Answer, now: Timestamp) -> Option<TimeDelta> {
    let reset = Timestamp::from_timestamp(answer.number("ratelimit-reset")?, 0)?;
    (answer.status == StatusCode::TOO_MANY_REQUESTS).then(|| reset - now)
}
