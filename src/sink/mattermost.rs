//! Mattermost: each message as plain text in the channel of an incoming webhook.
//!
//! The address of the webhook is itself the secret. Marks are written so that they stay letters, and nobody is mentioned. The server
//! would cut a longer text into several posts, so it is not sent. Mattermost knows no key for "seen it": when an answer got lost, a
//! second copy of the message may appear in the channel.
//!
//! Sources: docs.mattermost.com, "Incoming webhooks" (body, answer `ok`, posts of 16,383 characters, `<!channel>` and links as in
//! Slack), and the source of the server for the names of its refusals.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::json;

use super::hook::{self, Hook};
use super::http;
use super::markdown::Dialect;
use super::{Kind, Parcel, Receipt, SendError, Sink};

/// The most characters of one post.
pub const MAX_CHARS: usize = 16_383;

/// How Mattermost says that it is the message which it does not take.
const COMPLAINTS: &[&str] = &[
    "web.incoming_webhook.text.app_error",
    "web.incoming_webhook.parse.app_error",
    "model.post.is_valid.msg.app_error",
    "model.post.is_valid.message_length.app_error",
];

/// What Mattermost reads as marks. A backslash does not help against mentions: the server looks for them in the text without it.
const DIALECT: Dialect = Dialect { marks: "\\*_~`|[]", calls: "@<", has_shortcodes: true };

/// The kind.
pub const KIND: Kind = Kind {
    name: "mattermost",
    about: "posts each message to a Mattermost channel, by an incoming webhook",
    example: r#"[duty-mattermost]
kind = "mattermost"
url = { file = "mattermost.url" }        # holds https://chat.example/hooks/…; or { credential = "…" } with systemd
timeout = "15s"                          # at most 60s
"#,
    parse: |table| hook::parse(table, |hook| Arc::new(Mattermost(hook))),
};

/// The webhook of a channel.
struct Mattermost(Hook);

impl Sink for Mattermost {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let text = DIALECT.plain(&parcel.text()?);
            http::check_length("Mattermost", text.chars().count(), MAX_CHARS, "characters")?;
            let answer = self.0.receiver.post_json(&self.0.url, HeaderMap::new(), &json!({ "text": text })).await?;
            if answer.status.is_success() && !answer.says("ok") {
                return Err(self.0.receiver.unclear(&answer, "Mattermost"));
            }
            if answer.refuses_message(COMPLAINTS) {
                return Err(self.0.receiver.refuses(&answer));
            }
            let hint = match answer.status {
                StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                    format!("see that incoming webhooks are on and that {} holds the address of one", self.0.source)
                }
                _ => String::new(),
            };
            self.0.receiver.settle(&answer, parcel.now, None, &hint)
        })
    }

    /// Whether the webhook is still valid, only a message shows; that the server can be reached is all that is found out.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.0.receiver.reach_host(&self.0.url))
    }
}
