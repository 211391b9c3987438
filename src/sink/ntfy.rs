//! ntfy: each message as a push notification to those who follow a topic, through ntfy.sh or a server of one's own.
//!
//! A message carries the same `sequence_id` at every try, so that from ntfy 2.16 on a second copy takes the place of the first;
//! older servers show both. What is longer than a server takes would become a file to download, and is not sent.
//!
//! Sources: docs.ntfy.sh/publish ("Publish as JSON", "Message priority", "Tags & emojis", "Limitations"), and the source of the
//! server (binwiederhier/ntfy: `server/errors.go`, `server/config.go`, `/v1/health`).

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use url::Url;

use super::http::{self, Place, Receiver};
use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World, fingerprint};
use crate::feed::keys;
use crate::hazard::Severity;
use crate::message::Form;
use crate::secret::SecretSource;
use crate::table::Table;

/// The most bytes of a message: one less than `message-size-limit` (4,096 unless changed at the server), which is where a text begins
/// to become a file.
pub const MAX_BYTES: usize = 4095;

/// The longest name of a topic, in characters.
const MAX_TOPIC_LEN: usize = 64;

/// How many bytes of its hash name a message; as many hexadecimal digits twice as a `sequence_id` may well have.
const SEQUENCE_LEN: usize = 16;

/// The server that everybody may use.
const SERVER: &str = "https://ntfy.sh/";

/// How ntfy says that it is the message which it does not take: JSON that it cannot read.
const COMPLAINTS: &[&str] = &["\"code\":40017", "\"code\":40024"];

/// The kind.
pub const KIND: Kind = Kind {
    name: "ntfy",
    about: "pushes each message to the followers of an ntfy topic",
    example: r#"[makkah-ntfy]
kind = "ntfy"
topic = "makkah-warnings"                # whoever knows it can follow it
server = "https://ntfy.sh"               # or one of one's own
token = { file = "ntfy.token" }          # where the topic is protected: tk_…; or { credential = "…" } with systemd
timeout = "15s"                          # at most 60s
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// What a channel of this kind says of itself.
#[derive(Debug)]
struct Settings {
    server: Url,
    topic: String,
    token: Option<SecretSource>,
    timeout: Duration,
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let topic = table.need_text("topic", "\"makkah-warnings\"", |text| {
        let is_topic = (1..=MAX_TOPIC_LEN).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if is_topic {
            Ok(text.to_owned())
        } else {
            Err(format!("`{text}` is no topic: up to {MAX_TOPIC_LEN} letters a to z, digits, `-` and `_`"))
        }
    });
    let server = http::base(table, "server", SERVER);
    let token = if table.has("token") {
        keys::secret(table, "token").map(Some)
    } else {
        // Asked for all the same, so that the key counts as known.
        table.table("token").is_none().then_some(None)
    };
    let timeout = http::timeout(table);
    Some(Settings { server: server?, topic: topic?.value, token: token?, timeout: timeout? })
}

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Push
    }

    fn takes(&self, form: Form) -> bool {
        !form.is_for_machines()
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let mut headers = HeaderMap::new();
        let mut place = Place::server(&self.server, &[]);
        if let Some(source) = &self.token {
            let token = world.secret(source)?;
            let value = http::hidden(&format!("Bearer {}", token.expose()));
            let value = value.ok_or_else(|| format!("{source} holds no token; it looks like tk_…, on one line"))?;
            headers.insert(AUTHORIZATION, value);
            place = Place::server(&self.server, &[token.expose()]);
        }
        let receiver = Receiver::new(world, place, self.timeout);
        Ok(Arc::new(Ntfy { receiver, server: self.server.clone(), topic: self.topic.clone(), headers }))
    }
}

struct Ntfy {
    receiver: Receiver,
    server: Url,
    topic: String,
    headers: HeaderMap,
}

/// What ntfy gives back of a message that it took.
#[derive(Deserialize)]
struct Taken {
    id: String,
    event: String,
    /// There when the text became a file.
    attachment: Option<IgnoredAny>,
}

/// What ntfy says of itself.
#[derive(Deserialize)]
struct Health {
    healthy: bool,
}

impl Sink for Ntfy {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let text = parcel.text()?;
            http::check_length("ntfy", text.len(), MAX_BYTES, "bytes")?;
            let body = json!({
                "topic": self.topic,
                "message": text,
                "priority": priority(parcel.loudness),
                "tags": [tag(parcel.loudness)],
                "sequence_id": fingerprint(&parcel.key, SEQUENCE_LEN),
            });
            let answer = self.receiver.post_json(&self.server, self.headers.clone(), &body).await?;
            if answer.status.is_success() {
                let taken = answer.json::<Taken>().filter(|taken| taken.event == "message");
                return match taken {
                    Some(Taken { id, attachment: None, .. }) => Ok(Receipt(format!("message {id}"))),
                    Some(Taken { id, .. }) => {
                        let why = "as a file to open, since the server takes shorter texts alone: raise its message-size-limit";
                        Ok(Receipt(format!("message {id}, {why}")))
                    }
                    None => Err(self.receiver.unclear(&answer, "ntfy")),
                };
            }
            if answer.refuses_message(COMPLAINTS) {
                return Err(self.receiver.refuses(&answer));
            }
            let hint = match answer.status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "see that `token` may write to the topic",
                _ => "",
            };
            self.receiver.settle(&answer, parcel.now, None, hint)
        })
    }

    /// Asks the server whether it is well. Whether the token may write to the topic, only a message shows.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let mut health = self.server.clone();
            health.set_path(&format!("{}v1/health", self.server.path()));
            let answer = self.receiver.get(&health, self.headers.clone()).await?;
            match answer.json::<Health>() {
                Some(Health { healthy: true }) => Ok(()),
                Some(Health { healthy: false }) => Err("the ntfy server says that it is not well".to_owned()),
                None => Err(format!("no ntfy server answered: {}", answer.words)),
            }
        })
    }
}

/// How urgent it is for ntfy: 5 pierces "do not disturb", 2 makes no sound.
fn priority(loudness: Severity) -> u8 {
    match loudness {
        Severity::Advisory => 2,
        Severity::Yellow => 3,
        Severity::Orange => 4,
        Severity::Red => 5,
    }
}

/// The mark before a message: a name that ntfy shows as a picture.
fn tag(loudness: Severity) -> &'static str {
    match loudness {
        Severity::Advisory => "information_source",
        Severity::Yellow => "yellow_circle",
        Severity::Orange => "orange_circle",
        Severity::Red => "red_circle",
    }
}
