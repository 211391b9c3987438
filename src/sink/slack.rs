//! Slack: each message as plain text in the channel of an incoming webhook.
//!
//! The address of the webhook is itself the secret. Slack reads no marks in our texts, makes no previews of links, and knows no key
//! for "seen it": when an answer got lost, a second copy of the message may appear in the channel.
//!
//! Sources: docs.slack.dev, "Sending messages using incoming webhooks" (body, answer `ok`, refusals), "Formatting message text"
//! (`&`, `<`, `>`; `mrkdwn`), "chat.postMessage" (texts are cut after 40,000 characters); api.slack.com, the change of 2016-05-17 to the
//! errors of incoming webhooks.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::json;

use super::hook::{self, Hook};
use super::http;
use super::{Kind, Parcel, Receipt, SendError, Sink};

/// The most characters of a message, as Slack counts them: it cuts what is longer. It advises 4,000.
pub const MAX_CHARS: usize = 40_000;

/// How Slack says that it is the message which it does not take.
const COMPLAINTS: &[&str] = &["invalid_payload", "no_text", "missing_text_or_fallback_or_attachments", "msg_too_long"];

/// The kind.
pub const KIND: Kind = Kind {
    name: "slack",
    about: "posts each message to a Slack channel, by an incoming webhook",
    example: r#"[duty-slack]
kind = "slack"
url = { file = "slack.url" }             # holds https://hooks.slack.com/services/…; or { credential = "…" } with systemd
timeout = "15s"                          # at most 60s
"#,
    parse: |table| hook::parse(table, |hook| Arc::new(Slack(hook))),
};

/// The webhook of a channel.
struct Slack(Hook);

impl Sink for Slack {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let text = escaped(&parcel.text()?);
            http::check_length("Slack", text.chars().count(), MAX_CHARS, "characters")?;
            let body = json!({ "text": text, "mrkdwn": false, "unfurl_links": false, "unfurl_media": false });
            let answer = self.0.receiver.post_json(&self.0.url, HeaderMap::new(), &body).await?;
            if answer.status.is_success() && !answer.says("ok") {
                return Err(self.0.receiver.unclear(&answer, "Slack"));
            }
            if answer.refuses_message(COMPLAINTS) {
                return Err(self.0.receiver.refuses(&answer));
            }
            let hint = match answer.status {
                StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                    format!("let the webhook post there, or make a new one and put its address into {}", self.0.source)
                }
                _ => String::new(),
            };
            self.0.receiver.settle(&answer, parcel.now, None, &hint)
        })
    }

    /// Whether the webhook is still valid, only a message shows; that Slack's host can be reached is all that is found out.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.0.receiver.reach_host(&self.0.url))
    }
}

/// The text as it is written for Slack, which reads `<` and `>` as links and mentions, and `&` as the begin of a name for these.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_called_by_a_text() {
        assert_eq!(escaped("<!channel> & <@U1> a>b &lt;"), "&lt;!channel&gt; &amp; &lt;@U1&gt; a&gt;b &amp;lt;");
    }
}
