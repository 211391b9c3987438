//! Slack: each message as plain text in the channel of an incoming webhook.
//!
//! The address of the webhook is itself the secret. Slack reads no marks in our texts, makes no previews of links, and knows no key
//! for "seen it": when an answer got lost, a second copy of the message may appear in the channel.
//!
//! Sources: docs.slack.dev, "Sending messages using incoming webhooks" (body, answer `ok`, refusals), "Formatting message text"
//! (`&`, `<`, `>`; `mrkdwn`), "chat.postMessage" (texts are cut after 40,000 characters); api.slack.com, the change of 2016-05-17 to the
//! errors of incoming webhooks.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::json;
use url::Url;

use super::http::{self, Place, Receiver};
use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World};
use crate::feed::keys;
use crate::message::Form;
use crate::secret::SecretSource;
use crate::table::Table;

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
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// What a channel of this kind says of itself.
#[derive(Debug)]
struct Settings {
    url: SecretSource,
    timeout: Duration,
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let url = keys::secret(table, "url");
    let timeout = http::timeout(table);
    Some(Settings { url: url?, timeout: timeout? })
}

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Chat
    }

    fn takes(&self, form: Form) -> bool {
        form != Form::Json
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let url = http::secret_url(&self.url, world)?;
        let receiver = Receiver::new(world, Place::secret(&url), self.timeout);
        Ok(Arc::new(Slack { receiver, url, source: self.url.clone() }))
    }
}

struct Slack {
    receiver: Receiver,
    url: Url,
    source: SecretSource,
}

impl Sink for Slack {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let text = escaped(&parcel.text()?);
            http::check_length("Slack", text.chars().count(), MAX_CHARS, "characters")?;
            let body = json!({ "text": text, "mrkdwn": false, "unfurl_links": false, "unfurl_media": false });
            let answer = self.receiver.post_json(&self.url, HeaderMap::new(), &body).await?;
            if answer.status.is_success() && !answer.says("ok") {
                return Err(self.receiver.unclear(&answer, "Slack"));
            }
            if answer.refuses_message(COMPLAINTS) {
                return Err(self.receiver.refuses(&answer));
            }
            let hint = match answer.status {
                StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                    format!("let the webhook post there, or make a new one and put its address into {}", self.source)
                }
                _ => String::new(),
            };
            self.receiver.settle(&answer, parcel.now, None, &hint)
        })
    }

    /// Whether the webhook is still valid, only a message shows; that Slack's host can be reached is all that is found out.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.receiver.reach_host(&self.url))
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
