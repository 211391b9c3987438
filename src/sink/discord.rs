//! Discord: each message as plain text in the channel of a webhook.
//!
//! The address of the webhook is itself the secret. Marks are written so that they stay letters, nobody is mentioned, and links get
//! no preview. What does not fit into `content` goes whole into embeds, under its first line. Webhooks know no key for "seen
//! it" (`nonce` with `enforce_nonce` is for bots alone): when an answer got lost, a second copy of the message may appear. Pictures are
//! added to a message that stands already (`PATCH` of it).
//!
//! Sources: the Discord developer documentation: "Execute Webhook" (`wait`, `content`, `flags`), "Edit Webhook Message",
//! "Uploading Files", "Get Webhook with Token", "Embed
//! Limits", "Allowed Mentions Object", "Rate Limits" (`retry_after` in seconds with a fraction), "JSON Error Codes".

use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::header::HeaderMap;
use reqwest::multipart::Form;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::hook::{self, Hook};
use super::http::{self, Receiver};
use super::markdown::Dialect;
use super::{Kind, Parcel, Receipt, SendError, Sink, picture};
use crate::hazard::Severity;
use crate::secret::SecretSource;
use crate::time::TimeDelta;

/// The most characters of `content`.
pub const MAX_CONTENT_CHARS: usize = 2000;

/// The most characters of the `description` of one embed.
pub const MAX_EMBED_CHARS: usize = 4096;

/// The most characters of all embeds, and so of a message with what is written before its marks.
pub const MAX_CHARS: usize = 6000;

/// The flag that shows no preview of links: `SUPPRESS_EMBEDS`, 1 << 2.
const SUPPRESS_EMBEDS: u32 = 1 << 2;

/// The longest wait that is read, in seconds; a longer one is taken for this.
const MAX_RETRY_AFTER_S: f64 = 86_400.0;

/// How Discord says that it is the message which it does not take (its codes 50035 and 50006).
const COMPLAINTS: &[&str] = &["Invalid Form Body", "Cannot send an empty message"];

/// What Discord reads as marks.
const DIALECT: Dialect = Dialect { marks: "\\*_~`|[]<", calls: "", has_shortcodes: false };

/// The kind.
pub const KIND: Kind = Kind {
    name: "discord",
    about: "posts each message to a Discord channel, by a webhook",
    example: r#"[makkah-discord]
kind = "discord"
url = { file = "discord.url" }           # holds https://discord.com/api/webhooks/…; or { credential = "…" } with systemd
timeout = "15s"                          # at most 60s
"#,
    parse: |table| hook::parse_with_pictures(table, |hook| Arc::new(Discord::new(hook))),
};

struct Discord {
    receiver: Receiver,
    execute: Url,
    about: Url,
    /// The query that names a thread, if there is one.
    thread: Option<String>,
    source: SecretSource,
}

impl Discord {
    fn new(Hook { receiver, url, source }: Hook) -> Self {
        let mut about = url.clone();
        about.set_query(None);
        // A query of its own (`thread_id`) stays.
        let kept: Vec<_> =
            url.query_pairs().filter(|(key, _)| key != "wait").map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        let mut execute = about.clone();
        let thread = (!kept.is_empty())
            .then(|| url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&kept).finish());
        execute.query_pairs_mut().extend_pairs(&kept).append_pair("wait", "true");
        Self { receiver, execute, about, thread, source }
    }
}

/// A message or a webhook, as Discord gives it back.
#[derive(Deserialize)]
struct Named {
    id: String,
}

/// What Discord says when it is asked too often.
#[derive(Deserialize)]
struct TooOften {
    retry_after: f64,
}

impl Sink for Discord {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let body = body(&DIALECT.plain(&parcel.text()?), parcel.loudness)?;
            let answer = self.receiver.post_json(&self.execute, HeaderMap::new(), &body).await?;
            if answer.status.is_success() {
                return match answer.json::<Named>() {
                    Some(Named { id }) => {
                        let pictures = picture::shown(self.show(parcel, &id).await);
                        Ok(Receipt(format!("message {id}{pictures}")))
                    }
                    None => Err(self.receiver.unclear(&answer, "Discord")),
                };
            }
            if answer.refuses_message(COMPLAINTS) {
                return Err(self.receiver.refuses(&answer));
            }
            let asked = answer.json::<TooOften>().and_then(|said| wait(said.retry_after));
            let hint = match answer.status {
                StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND => {
                    format!("the webhook is gone: make a new one and put its address into {}", self.source)
                }
                _ => String::new(),
            };
            self.receiver.settle(&answer, parcel.now, asked, &hint)
        })
    }

    /// Asks for the webhook itself, which posts nothing.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let answer = self.receiver.get(&self.about, HeaderMap::new()).await?;
            if answer.status.is_success() && answer.json::<Named>().is_some() {
                return Ok(());
            }
            Err(format!("Discord did not show the webhook in {}: {}", self.source, answer.words))
        })
    }
}

impl Discord {
    /// Adds its pictures to a message that stands: it was told without waiting for them.
    async fn show(&self, parcel: &Parcel, id: &str) -> Result<(), String> {
        let images = picture::images(&parcel.pictures).await?;
        if images.is_empty() {
            return Ok(());
        }
        let mut url = self.about.clone();
        let is_number = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        let mut path = url.path_segments_mut().map_err(|()| "the address of the webhook has no path")?;
        path.extend(["messages", if is_number { id } else { "" }]);
        drop(path);
        url.set_query(self.thread.as_deref());
        let attachments: Vec<Value> = images
            .iter()
            .enumerate()
            .map(|(id, image)| json!({ "id": id, "filename": image.name, "description": image.alt }))
            .collect();
        let mut form = Form::new().text("payload_json", json!({ "attachments": attachments }).to_string());
        for (id, image) in images.into_iter().enumerate() {
            form = form.part(format!("files[{id}]"), image.part()?);
        }
        let answer = self.receiver.send_form((Method::PATCH, &url), HeaderMap::new(), form, picture::TIMEOUT).await?;
        if answer.status.is_success() { Ok(()) } else { Err(answer.words) }
    }
}

/// The body for a text whose marks are letters.
fn body(text: &str, loudness: Severity) -> Result<Value, SendError> {
    let len = text.chars().count();
    http::check_length("Discord", len, MAX_CHARS, "characters")?;
    let nobody = json!({ "parse": [] });
    if len <= MAX_CONTENT_CHARS {
        return Ok(json!({ "content": text, "allowed_mentions": nobody, "flags": SUPPRESS_EMBEDS }));
    }
    let mut embeds = Vec::new();
    for part in parts(text) {
        http::check_length("an embed of Discord", part.chars().count(), MAX_EMBED_CHARS, "characters in one line")?;
        embeds.push(json!({ "description": part, "color": colour(loudness) }));
    }
    let mut body = json!({ "embeds": embeds, "allowed_mentions": nobody });
    let first = text.lines().next().unwrap_or_default();
    if let (Some(body), true) = (body.as_object_mut(), first.chars().count() <= MAX_CONTENT_CHARS) {
        body.insert("content".to_owned(), first.into());
    }
    Ok(body)
}

/// The text as few parts, each for one embed, parted where a line ends.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut chars = 0;
        let fits = |line: &&str| {
            chars += line.chars().count();
            chars <= MAX_EMBED_CHARS
        };
        let len: usize = rest.split_inclusive('\n').take_while(fits).map(str::len).sum();
        // A line that is too long by itself is told by whoever counts it.
        let len = if len == 0 { rest.split_inclusive('\n').next().map_or(rest.len(), str::len) } else { len };
        let (part, after) = rest.split_at_checked(len).unwrap_or((rest, ""));
        parts.push(part.trim_end_matches('\n'));
        rest = after.trim_start_matches('\n');
    }
    parts
}

/// The colour of the stroke beside an embed, as 0xRRGGBB.
fn colour(loudness: Severity) -> u32 {
    match loudness {
        Severity::Advisory => 0x0060_7d8b,
        Severity::Yellow => 0x00fb_c02d,
        Severity::Orange => 0x00f5_7c00,
        Severity::Red => 0x00d3_2f2f,
    }
}

/// A wait in seconds with a fraction, never made shorter.
fn wait(seconds: f64) -> Option<TimeDelta> {
    if !seconds.is_finite() {
        return None;
    }
    TimeDelta::try_milliseconds((seconds.clamp(0.0, MAX_RETRY_AFTER_S) * 1000.0).ceil() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_stands_whole_in_an_embed_under_its_first_line() {
        let text = format!("إنذار أحمر\n\n{}", "x".repeat(MAX_CONTENT_CHARS));
        let body = body(&text, Severity::Red).unwrap();
        assert_eq!(
            (&body["content"], &body["embeds"][0]["description"]),
            (&"إنذار أحمر".into(), &text.as_str().into())
        );
        assert_eq!(body["flags"], Value::Null, "a flag against previews would hide the embed");
    }

    #[test]
    fn what_grew_by_its_marks_is_parted_where_a_line_ends_and_stays_whole() {
        let line = "\\*".repeat(1000);
        let text = [line.as_str(); 2].join("\n\n") + "\n" + &"x".repeat(1500);
        let sent = body(&text, Severity::Red).unwrap();
        let told: Vec<&str> =
            sent["embeds"].as_array().unwrap().iter().map(|embed| embed["description"].as_str().unwrap()).collect();
        assert_eq!(told, [format!("{line}\n\n{line}"), "x".repeat(1500)]);
        assert!(told.iter().all(|part| part.chars().count() <= MAX_EMBED_CHARS));
        assert!(matches!(body(&"x\n".repeat(3001), Severity::Red), Err(SendError::Never { .. })));
    }

    #[test]
    fn a_wait_is_never_made_shorter() {
        assert_eq!(wait(64.5701), Some(TimeDelta::milliseconds(64_571)));
        assert_eq!(wait(-1.0), Some(TimeDelta::zero()));
        assert_eq!(wait(f64::MAX), Some(TimeDelta::days(1)));
        assert_eq!(wait(f64::NAN), None);
    }
}
