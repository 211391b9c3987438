//! X, formerly Twitter: each message as a thread of posts, one a language, on one account.
//!
//! It cuts nothing, and never posts blindly a second time. X knows no key for "seen it", so what became of a try
//! that got no clear answer (time ran out, the connection broke, 5xx, the service was started anew) is **read back from the account**
//! before anything is posted again: a post with the same text, not older than the first try, is ours, and the rest of the thread
//! goes on as a reply to it. Should the account not show it yet, X itself refuses the same text within a short time (403, "duplicate
//! content"), and the account is read once more. While the account cannot be read, the answer is "not known" and nothing is posted:
//! a warning that comes twice, hours apart and with other news between, says something false about when it was given. What surely did
//! not arrive (no connection, 4xx) needs no reading back. That part of a thread which stands is remembered, and is not posted again.
//! What takes an earlier thread back answers its first post.
//!
//! Sources: docs.x.com ("Create Post", "Get my User", "Get Posts" of a user, "Response codes and errors", "Rate limits"). The headers
//! `x-app-limit-24hour-*` and `x-user-limit-24hour-*` stand on no page; X sends them with the answers to posts.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::http::{self, Answer, Place, Receiver};
use super::{Admission, Kind, Opener, Parcel, Receipt, SendError, Sink, World, posts};
use crate::feed;
use crate::language::measure::{Measure, POST};
use crate::message::Form;
use crate::message::brief::Part;
use crate::secret::SecretSource;
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp, span_text};

mod access;
mod admission;
mod bearer;
mod budget;
mod chain;
mod keys;
mod media;
mod memory;
mod oauth;
mod timeline;

use access::Access;
use budget::{DAY, Told};
use keys::Written;
use memory::{Memory, Thread};
use timeline::{Page, Search};

/// Where X's own server is.
const API: &str = "https://api.x.com/";

/// The posts that a day may have: with fewer no thread in two languages would fit into the half that yellow is given.
pub(crate) const PER_DAY: std::ops::RangeInclusive<i64> = 4..=100_000;

/// How many posts are read back at once: so many fit into an answer of [`http::MAX_ANSWER_LEN`], the longest ones in Arabic too.
const PAGE: usize = 40;

/// How many pages are read back at most.
const MAX_PAGES: usize = 3;

/// How far back it is read when X itself says that the same text stands there.
const DUPLICATE: TimeDelta = TimeDelta::days(7);

/// The kind.
pub const KIND: Kind = Kind {
    name: "x",
    about: "posts each message to an account on X (Twitter), as a thread of one post a language",
    example: r#"[makkah-x]
kind = "x"
keys = { file = "x.keys" }               # or { credential = "…" } with systemd; four lines, as developer.x.com shows them:
                                         #   api_key = …
                                         #   api_key_secret = …
                                         #   access_token = …          made after the app was set to "Read and write"
                                         #   access_token_secret = …
                                         # or, for OAuth 2.0, two or three:
                                         #   client_id = …
                                         #   client_secret = …         if the app is a "confidential client"
                                         #   refresh_token = …         the first, which `nadhir channel authorise` adds; those after it
                                         #                             are kept in the state directory
posts_per_day = 17                       # what the access allows: yellow leaves half of it, orange a quarter, red nothing
api = "https://api.x.com"
timeout = "15s"                          # for a whole thread; at most 60s
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// What a channel of this kind says of itself.
#[derive(Debug)]
struct Settings {
    keys: SecretSource,
    per_day: Option<u32>,
    api: Url,
    timeout: Duration,
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let keys = feed::keys::secret(table, "keys");
    let per_day = table.integer("posts_per_day", PER_DAY).and_then(|found| u32::try_from(found.value).ok());
    let api = http::base(table, "api", API);
    let timeout = http::timeout(table);
    if per_day.is_none() && table.has("posts_per_day") {
        return None;
    }
    Some(Settings { keys: keys?, per_day, api: api?, timeout: timeout? })
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

    fn admission(&self, world: &World, back: &Url) -> Option<Result<Box<dyn Admission>, String>> {
        let asked = admission::begin(&self.keys, method(&self.api, "oauth2/token"), back, world);
        Some(asked.map(|asked| Box::new(asked) as Box<dyn Admission>))
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let text = world.secret(&self.keys)?;
        let written =
            keys::read(text.expose()).map_err(|why| format!("{} does not hold the keys of X: {why}", self.keys))?;
        let place = match &written {
            Written::Signed(keys) => Place::server(&self.api, &keys.exposed()),
            Written::Bearer(app) => Place::server(&self.api, &app.exposed()),
        };
        Ok(Arc::new(X {
            receiver: Receiver::new(world, place, self.timeout),
            name: http::shown(&self.api).trim_end_matches('/').to_owned(),
            timeout: self.timeout,
            api: self.api.clone(),
            access: Access::new(written, &self.keys, method(&self.api, "oauth2/token"), world),
            source: self.keys.clone(),
            account: OnceLock::new(),
            memory: Mutex::new(Memory::new(self.per_day)),
        }))
    }
}

struct X {
    receiver: Receiver,
    /// How the server is called in words.
    name: String,
    /// For a whole thread, what is read back included.
    timeout: Duration,
    api: Url,
    access: Access,
    source: SecretSource,
    /// The number of the account, once X has told it.
    account: OnceLock<String>,
    memory: Mutex<Memory>,
}

/// An answer of X that took something or shows somebody.
#[derive(Deserialize)]
struct Taken {
    data: Named,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// An answer of X that refuses (RFC 9457).
#[derive(Deserialize)]
struct Refusal {
    detail: String,
}

impl Sink for X {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let parts = parcel.parts(Form::Post)?;
            for part in &parts {
                http::check_length("X", Measure::Weighted.length(&part.text), POST, "weighted characters")?;
            }
            let sent = match self.prepare(parcel).await {
                Ok(()) => self.go_on_in_time(parcel, &parts).await,
                Err(why) => Err(why),
            };
            let mut memory = self.memory();
            let posts = memory.thread(parcel).posts.clone();
            if matches!(sent, Ok(_) | Err(SendError::Never { .. })) {
                memory.forget(parcel);
            }
            sent.map_err(|why| said_of(why, &posts, parts.len()))
        })
    }

    /// Asks whose account it is. Whether the app may write there, only a post shows.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            // A signature is held against the clock of X and belongs to no story.
            self.ask_account(SystemTime::now().into()).await.map(drop)
        })
    }

    /// The followers of the account.
    fn followers(&self) -> BoxFuture<'_, Result<Option<u64>, String>> {
        Box::pin(async move {
            let mut url = self.method("users/me");
            url.query_pairs_mut().append_pair("user.fields", "public_metrics");
            let answer = self.ask(&url, SystemTime::now().into()).await?;
            let count =
                answer.json::<Value>().and_then(|said| said.pointer("/data/public_metrics/followers_count")?.as_u64());
            count.map(Some).ok_or_else(|| self.unread(&answer))
        })
    }
}

impl X {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Each change is made in one piece, so that what a panic left behind is whole.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn thread(&self, parcel: &Parcel) -> Thread {
        self.memory().thread(parcel).clone()
    }

    fn method(&self, path: &str) -> Url {
        method(&self.api, path)
    }

    /// Has what the requests will need. While an earlier try may have arrived, nobody says that it did not.
    async fn prepare(&self, parcel: &Parcel) -> Result<(), SendError> {
        let prepared = self.access.prepare(parcel.now).await;
        let is_in_doubt = self.thread(parcel).is_in_doubt;
        prepared.map_err(|why| if is_in_doubt { unread_before(&why.to_string()) } else { why })
    }

    async fn go_on_in_time(&self, parcel: &Parcel, parts: &[Part]) -> Result<Receipt, SendError> {
        tokio::time::timeout(self.timeout, self.go_on(parcel, parts)).await.unwrap_or_else(|_| {
            let seconds = self.timeout.as_secs();
            let why = format!("{} did not answer in {seconds} s; it may have taken the message", self.name);
            Err(SendError::Unknown { why })
        })
    }

    /// Posts what of a thread does not stand yet.
    async fn go_on(&self, parcel: &Parcel, parts: &[Part]) -> Result<Receipt, SendError> {
        if self.thread(parcel).is_in_doubt {
            self.read_back(parcel, parts).await?;
        }
        loop {
            let thread = self.thread(parcel);
            let Some(part) = parts.get(thread.posts.len()) else {
                return Ok(posts::receipt(&thread.posts));
            };
            if thread.posts.is_empty() {
                self.check_budget(parcel, parts.len())?;
            }
            let answered = self.answered(parcel);
            let after = thread.posts.last().map(String::as_str).or(answered.as_deref());
            self.post(parcel, parts, part, after).await?;
        }
    }

    /// Posts one part, or finds that it stands.
    async fn post(&self, parcel: &Parcel, parts: &[Part], part: &Part, after: Option<&str>) -> Result<(), SendError> {
        let url = self.method("tweets");
        let mut body = json!({ "text": part.text });
        let picture = self.upload(parcel, part).await;
        if let Some(body) = body.as_object_mut() {
            body.extend(after.map(|before| ("reply".to_owned(), json!({ "in_reply_to_tweet_id": before }))));
            body.extend(picture.map(|id| ("media".to_owned(), json!({ "media_ids": [id] }))));
        }
        self.memory().begin(parcel);
        let posting = self
            .access
            .request(("POST", &url, parcel.now), |headers| Box::pin(self.receiver.post_json(&url, headers, &body)));
        let answer = match posting.await {
            Ok(answer) => answer,
            Err(why) => {
                if !matches!(why, SendError::Unknown { .. }) {
                    self.memory().refused(parcel);
                }
                return Err(why);
            }
        };
        self.memory().budget.hear(limits(&answer, parcel.now));
        if answer.status.is_success() {
            let Some(id) = number_of(&answer) else { return Err(self.receiver.unclear(&answer, "X")) };
            self.memory().stands(parcel, id);
            return Ok(());
        }
        let detail = answer.json::<Refusal>().map(|refusal| refusal.detail).unwrap_or_default();
        if answer.status == StatusCode::FORBIDDEN && detail.contains("duplicate content") {
            return self.take_duplicate(parcel, parts, &answer).await;
        }
        if !answer.status.is_server_error() && answer.status != StatusCode::REQUEST_TIMEOUT {
            self.memory().refused(parcel);
        }
        let is_answer = after.is_some() && self.thread(parcel).posts.is_empty();
        if is_answer && answer.status == StatusCode::FORBIDDEN && !self.memory().thread(parcel).stands_alone {
            // What it takes back may have been deleted by hand: then it stands by itself, and is posted at once.
            self.memory().thread(parcel).stands_alone = true;
            return Ok(());
        }
        if answer.status == StatusCode::PAYLOAD_TOO_LARGE || detail.contains("text is too long") {
            return Err(self.receiver.refuses(&answer));
        }
        let settled = self.receiver.settle(
            &answer,
            parcel.now,
            asked_wait(&answer, parcel.now),
            &self.access.hint(answer.status, &self.source),
        );
        settled.map(drop)
    }

    /// The post that this one answers: the first of the thread that it takes back.
    fn answered(&self, parcel: &Parcel) -> Option<String> {
        let first = posts::first(parcel.corrects.as_deref()?).filter(|id| is_number(id))?;
        (!self.memory().thread(parcel).stands_alone).then(|| first.to_owned())
    }

    /// X says that the same text stands already: it is ours, or the account does not show it.
    async fn take_duplicate(&self, parcel: &Parcel, parts: &[Part], answer: &Answer) -> Result<(), SendError> {
        let before = self.memory().look_back(parcel, parcel.now - DUPLICATE);
        self.read_back(parcel, parts).await?;
        if before < self.thread(parcel).posts.len() {
            return Ok(());
        }
        let hint = format!("the account shows no such post of the last {}", span_text(DUPLICATE));
        self.receiver.settle(answer, parcel.now, None, &hint).map(drop)
    }

    /// Finds out which parts stand, from the first that nobody knows of on.
    async fn read_back(&self, parcel: &Parcel, parts: &[Part]) -> Result<(), SendError> {
        let found = self.find(parcel, parts).await.map_err(|why| unread_before(&why))?;
        for id in found {
            self.memory().stands(parcel, id);
        }
        self.memory().thread(parcel).is_in_doubt = false;
        Ok(())
    }

    /// The numbers of the posts that stand and nobody knew of, in their order.
    async fn find(&self, parcel: &Parcel, parts: &[Part]) -> Result<Vec<String>, String> {
        let until = self.memory().unread_until.filter(|until| parcel.now < *until);
        if let Some(until) = until {
            return Err(format!("{} lets nobody read it until {}", self.name, clock(until)));
        }
        let account = self.account(parcel.now).await?;
        let (thread, answered) = (self.thread(parcel), self.answered(parcel));
        let mut posts = Vec::new();
        let mut next = None;
        for _ in 0..MAX_PAGES {
            let page = self.page(&account, thread.since, next.as_deref(), parcel.now).await?;
            posts.extend(page.data);
            next = page.meta.next_token;
            let mut found: Vec<String> = Vec::new();
            for part in parts.iter().skip(thread.posts.len()) {
                let after = found.last().or(thread.posts.last()).map(String::as_str);
                let search = |after| Search { text: &part.text, after, since: thread.since }.find(&posts);
                let as_answer = || answered.as_deref().filter(|_| after.is_none()).and_then(|one| search(Some(one)));
                match search(after).or_else(as_answer) {
                    Some(post) => found.push(post.id.clone()),
                    None => break,
                }
            }
            // A thread is found from its first post on, and that is the oldest: what comes after it was read before.
            if !found.is_empty() || next.is_none() {
                return Ok(found);
            }
        }
        Err(format!("it has more than {} posts since the first try", MAX_PAGES * PAGE))
    }

    async fn page(&self, account: &str, since: Timestamp, next: Option<&str>, now: Timestamp) -> Result<Page, String> {
        let mut url = self.method(&format!("users/{account}/tweets"));
        url.query_pairs_mut()
            .append_pair("max_results", &PAGE.to_string())
            .append_pair("start_time", &since.format("%Y-%m-%dT%H:%M:%SZ").to_string())
            .append_pair("tweet.fields", "created_at,entities,referenced_tweets");
        if let Some(next) = next {
            url.query_pairs_mut().append_pair("pagination_token", next);
        }
        let answer = self.ask(&url, now).await?;
        answer.json().ok_or_else(|| self.unread(&answer))
    }

    /// The number of the account, asked for once.
    async fn account(&self, now: Timestamp) -> Result<String, String> {
        match self.account.get() {
            Some(known) => Ok(known.clone()),
            None => self.ask_account(now).await,
        }
    }

    async fn ask_account(&self, now: Timestamp) -> Result<String, String> {
        let answer = self.ask(&self.method("users/me"), now).await?;
        let number = number_of(&answer).ok_or_else(|| self.unread(&answer))?;
        Ok(self.account.get_or_init(|| number).clone())
    }

    /// Asks something that changes nothing.
    async fn ask(&self, url: &Url, now: Timestamp) -> Result<Answer, String> {
        let asking = self.access.request(("GET", url, now), |headers| {
            Box::pin(async move {
                let asked = self.receiver.get(url, headers).await;
                asked.map_err(|why| SendError::Later { why, retry_after: None })
            })
        });
        let answer = asking.await.map_err(|why| why.to_string())?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        if let Some(wait) = asked_wait(&answer, now) {
            self.memory().unread_until = Some(now + wait.min(DAY));
        }
        Err(self.unread(&answer))
    }

    /// What is said of an answer that does not show what was asked for.
    fn unread(&self, answer: &Answer) -> String {
        let said =
            format!("{} answered {}; {}", self.name, answer.words, self.access.hint(answer.status, &self.source));
        said.trim_end_matches("; ").to_owned()
    }

    fn check_budget(&self, parcel: &Parcel, posts: usize) -> Result<(), SendError> {
        let count = u32::try_from(posts).unwrap_or(u32::MAX);
        let Some(wait) = self.memory().budget.wait(parcel.loudness, count, parcel.now) else { return Ok(()) };
        let why = format!(
            "held back until {}: {} of {} posts a day are left, this takes {posts}, and one as loud as {} leaves {} to what is worse",
            clock(wait.until),
            wait.left,
            wait.limit,
            parcel.loudness.name(),
            wait.kept,
        );
        Err(SendError::Later { why, retry_after: Some(wait.until - parcel.now) })
    }
}

/// The address of what X can be asked for.
fn method(api: &Url, path: &str) -> Url {
    let mut url = api.clone();
    url.set_path(&format!("{}2/{path}", api.path()));
    url
}

/// What is told while the account cannot be read and a post may stand there.
fn unread_before(why: &str) -> SendError {
    SendError::Unknown {
        why: format!("an earlier try may have arrived, and is not repeated until the account can be read: {why}"),
    }
}

/// A time in words.
fn clock(time: Timestamp) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// What is told of a thread that stands in part.
fn said_of(sent: SendError, posts: &[String], count: usize) -> SendError {
    if posts.is_empty() {
        return sent;
    }
    let tell = |why: String| format!("{} of {count} posts stand ({}); {why}", posts.len(), posts.join(", "));
    match sent {
        SendError::Later { why, retry_after } => SendError::Later { why: tell(why), retry_after },
        SendError::Never { why } => SendError::Never { why: tell(why) },
        SendError::Unknown { why } => SendError::Unknown { why: tell(why) },
    }
}

/// The number that an answer names: of a post, or of an account.
fn number_of(answer: &Answer) -> Option<String> {
    let id = answer.json::<Taken>()?.data.id;
    is_number(&id).then_some(id)
}

fn is_number(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// The limits of 24 hours that an answer tells: of the app, and of the account.
fn limits(answer: &Answer, now: Timestamp) -> Vec<Told> {
    let of = |whose: &str| {
        let told = |what: &str| answer.number(&format!("x-{whose}-limit-24hour-{what}"));
        let count = |what: &str| told(what).and_then(|number| u32::try_from(number).ok());
        let reset = Timestamp::from_timestamp(told("reset")?, 0)?.min(now + DAY);
        Some(Told { limit: count("limit")?, left: count("remaining")?, reset })
    };
    ["app", "user"].into_iter().filter_map(of).collect()
}

/// How long X asks to wait after 429: until a limit of 24 hours that is used up is over, or else that of a quarter of an hour.
fn asked_wait(answer: &Answer, now: Timestamp) -> Option<TimeDelta> {
    if answer.status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let day = limits(answer, now).into_iter().filter(|told| told.left == 0).map(|told| told.reset).max();
    let window = || Timestamp::from_timestamp(answer.number("x-rate-limit-reset")?, 0);
    Some(day.or_else(window)? - now)
}
