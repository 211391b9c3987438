//! Web Push: each message to every browser that has subscribed, by the push services of their makers, sealed so that only the browser reads
//! it. The text is as it stands: its first line is the headline.
//!
//! Who has a message is kept between tries and over restarts, so that one browser that cannot be reached costs no other a second
//! notification; a second copy that is sent all the same takes the place of the first, by its `Topic`. A subscription that its service says
//! is gone is taken away. No address of a browser is ever shown: whoever knows it may push to it.
//!
//! Sources: RFC 8030 (Web Push), RFC 8291 (its encryption), RFC 8292 (VAPID).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use ring::digest::{SHA256, digest};
use url::Url;

use super::http::{self, Place, Receiver};
use super::spread::{Heard, Spread, Spreading};
use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World};
use crate::feed::keys;
use crate::hazard::Severity;
use crate::message::Form;
use crate::secret::SecretSource;
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp};

mod seal;
mod subscriptions;
mod vapid;

use seal::MAX_TEXT;
use subscriptions::Subscription;
use vapid::Vapid;

/// How many browsers are spoken to at once.
const AT_ONCE: usize = 16;

/// The longest that push services keep a message: four weeks.
const MAX_TTL: TimeDelta = TimeDelta::days(28);

/// The longest name of a topic (RFC 8030, 5.4).
const MAX_TOPIC: usize = 32;

/// The kind.
pub const KIND: Kind = Kind {
    name: "webpush",
    about: "pushes each message to the browsers that have subscribed (Web Push with VAPID)",
    example: r#"[makkah-browsers]
kind = "webpush"
subscriptions = "webpush.jsonl"          # a line for each: what PushSubscription.toJSON() gives; in the state directory, or from /
keys = { file = "vapid.keys" }           # or { credential = "…" } with systemd; two lines, in base64url:
                                         #   public_key = …       which the page gives to subscribe()
                                         #   private_key = …
contact = "mailto:warnings@example.sa"   # whom a push service writes to when something is wrong
timeout = "15s"                          # for each browser; at most 60s
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// What a channel of this kind says of itself.
#[derive(Debug)]
struct Settings {
    subscriptions: PathBuf,
    keys: SecretSource,
    contact: String,
    allow_private: bool,
    timeout: Duration,
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let subscriptions = table.need_text("subscriptions", "\"webpush.jsonl\"", |text| {
        let is_file = !text.is_empty() && !text.ends_with('/') && !text.contains('\0');
        if is_file {
            Ok(PathBuf::from(text))
        } else {
            Err("expected the path of a file, such as `webpush.jsonl`".to_owned())
        }
    });
    let keys = keys::secret(table, "keys");
    let contact = table.need_text("contact", "\"mailto:…\"", |text| {
        let is_way =
            ["mailto:", "https://"].iter().any(|way| text.strip_prefix(way).is_some_and(|rest| !rest.is_empty()));
        if is_way {
            Ok(text.to_owned())
        } else {
            Err(format!("`{text}` is no way to reach you: begin with mailto: or https://"))
        }
    });
    let allow_private = table.flag("allow_private").is_some_and(|found| found.value);
    let timeout = http::timeout(table);
    Some(Settings {
        subscriptions: subscriptions?.value,
        keys: keys?,
        contact: contact?.value,
        allow_private,
        timeout: timeout?,
    })
}

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Push
    }

    fn takes(&self, form: Form) -> bool {
        !form.is_for_machines()
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let secret = world.secret(&self.keys)?;
        let vapid = Vapid::read(secret.expose(), &self.contact).map_err(|why| format!("{}: {why}", self.keys))?;
        let path = world.dir.join(&self.subscriptions);
        let spread = Spread::new(subscriptions::beside(&path, "progress"), "browsers", AT_ONCE);
        Ok(Arc::new(WebPush {
            world: world.clone(),
            path,
            vapid,
            allow_private: self.allow_private,
            timeout: self.timeout,
            spread,
            resting: Mutex::default(),
        }))
    }
}

struct WebPush {
    world: World,
    path: PathBuf,
    vapid: Vapid,
    allow_private: bool,
    timeout: Duration,
    spread: Spread,
    /// Which services asked to be left alone until when.
    resting: Mutex<BTreeMap<String, Timestamp>>,
}

impl Sink for WebPush {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let text = parcel.text()?.into_owned();
            http::check_length("a browser", text.len(), MAX_TEXT, "bytes")?;
            let (all, unread) = self.subscribed(parcel.now).await?;
            let text: Arc<str> = text.into();
            let all = all.into_iter().map(|one| (one.mark, one)).collect();
            let push = |one: Subscription| -> BoxFuture<'_, Heard> {
                let text = Arc::clone(&text);
                Box::pin(async move { self.push(parcel, &text, &one).await })
            };
            let Spreading { end, gone } = self.spread.send(&parcel.key, all, unread, push).await;
            self.take_away(gone).await;
            end
        })
    }

    /// Reads the subscriptions; that a push service takes the keys, only a message shows.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            // It decides nothing but which subscriptions have run out.
            let now = std::time::SystemTime::now().into();
            self.subscribed(now).await.map(drop).map_err(|why| why.to_string())
        })
    }

    /// The browsers that are subscribed.
    fn followers(&self) -> BoxFuture<'_, Result<Option<u64>, String>> {
        Box::pin(async {
            let now = std::time::SystemTime::now().into();
            let (subscribed, _) = self.subscribed(now).await.map_err(|why| why.to_string())?;
            Ok(Some(subscribed.len() as u64))
        })
    }
}

impl WebPush {
    async fn subscribed(&self, now: Timestamp) -> Result<(Vec<Subscription>, usize), SendError> {
        let (path, allow_private) = (self.path.clone(), self.allow_private);
        let name = path.display().to_string();
        let reading = tokio::task::spawn_blocking(move || subscriptions::read(&path, allow_private, now));
        let later = |why: &dyn std::fmt::Display| SendError::Later {
            why: format!("{name} cannot be read: {why}"),
            retry_after: None,
        };
        match tokio::time::timeout(self.timeout, reading).await {
            Ok(Ok(Ok(found))) => Ok((found.all, found.unread)),
            Ok(Ok(Err(why))) => Err(later(&why)),
            Ok(Err(why)) => Err(later(&why)),
            Err(_) => Err(later(&"the disk does not answer")),
        }
    }

    async fn take_away(&self, gone: BTreeSet<u64>) {
        if gone.is_empty() {
            return;
        }
        let (path, count) = (self.path.clone(), gone.len());
        let taken = tokio::task::spawn_blocking(move || subscriptions::take_away(&path, &gone)).await;
        match taken.map_err(std::io::Error::other).and_then(|taken| taken) {
            Ok(()) => {
                tracing::info!(count, "{count} subscriptions are gone and were taken out of {}", self.path.display());
            }
            // They are found gone again with the next message.
            Err(why) => tracing::warn!(error = %why, "{} cannot be written: {why}", self.path.display()),
        }
    }

    /// Pushes to one browser.
    async fn push(&self, parcel: &Parcel, text: &str, to: &Subscription) -> Heard {
        let origin = to.endpoint.origin().ascii_serialization();
        if let Some(until) = self.resting().get(&origin).filter(|until| parcel.now < **until) {
            return Heard::Later(format!("{origin} asked to wait"), Some(*until - parcel.now));
        }
        let Ok(body) = seal::seal(&to.browser, text.as_bytes()) else {
            return Heard::Refused("the key of a subscription is no key".to_owned());
        };
        let Some(headers) = self.headers(parcel, &origin) else {
            return Heard::Later("the message could not be signed".to_owned(), None);
        };
        let receiver = Receiver::new(&self.world, Place::secret(&to.endpoint), self.timeout);
        match receiver.post(&to.endpoint, headers, body).await {
            Ok(answer) => self.heard(&receiver, &answer, parcel.now, &to.endpoint),
            Err(why) => Heard::from(Err(why)),
        }
    }

    /// What an answer means.
    fn heard(&self, receiver: &Receiver, answer: &http::Answer, now: Timestamp, endpoint: &Url) -> Heard {
        match answer.status {
            StatusCode::NOT_FOUND | StatusCode::GONE => return Heard::Gone,
            StatusCode::PAYLOAD_TOO_LARGE => return Heard::Refused(receiver.refuses(answer).to_string()),
            status if status.is_success() => return Heard::Told,
            _ => {}
        }
        let hint = match answer.status {
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                "see that `keys` are those with which the page subscribes, and that the clock is right"
            }
            _ => "",
        };
        let settled = receiver.settle(answer, now, None, hint);
        if let Err(SendError::Later { retry_after: Some(wait), .. }) = &settled {
            self.resting().insert(endpoint.origin().ascii_serialization(), now + *wait);
        }
        Heard::from(settled)
    }

    fn resting(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Timestamp>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn headers(&self, parcel: &Parcel, origin: &str) -> Option<HeaderMap> {
        let ttl = (parcel.expires - parcel.now).clamp(TimeDelta::seconds(1), MAX_TTL).num_seconds();
        let mut proof = HeaderValue::try_from(self.vapid.authorization(origin, parcel.now)?).ok()?;
        proof.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, proof);
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("aes128gcm"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        headers.insert(HeaderName::from_static("ttl"), HeaderValue::from(ttl));
        headers.insert(HeaderName::from_static("urgency"), HeaderValue::from_static(urgency(parcel.loudness)));
        headers.insert(HeaderName::from_static("topic"), HeaderValue::try_from(topic(parcel.bulletin.as_str())).ok()?);
        Some(headers)
    }
}

/// How much of its battery a telephone spends on it (RFC 8030, 5.3).
fn urgency(loudness: Severity) -> &'static str {
    match loudness {
        Severity::Advisory => "low",
        Severity::Yellow => "normal",
        Severity::Orange | Severity::Red => "high",
    }
}

/// The number of a warning as a topic, so that a newer edition takes the place of an older one that waits for the browser.
fn topic(bulletin: &str) -> String {
    let number = bulletin.rsplit_once('.').map_or(bulletin, |(number, _)| number);
    let is_fit =
        number.len() <= MAX_TOPIC && number.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if is_fit && !number.is_empty() {
        return number.to_owned();
    }
    let hash = digest(&SHA256, number.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.as_ref().get(..MAX_TOPIC * 3 / 4).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_has_one_topic_through_all_its_editions() {
        assert_eq!(topic("MKH-2025-000012.3"), "MKH-2025-000012");
        let long = topic(&format!("{}.1", "سيول".repeat(20)));
        assert_eq!((long.len(), long == topic(&format!("{}.2", "سيول".repeat(20)))), (32, true));
    }
}
