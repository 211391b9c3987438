//! Slack: each message as plain text in the channel of an incoming webhook.
//!
//! The address of the webhook is itself the secret. Slack reads no marks in our texts, makes no previews of links, and knows no key
//! for "seen it": when an answer got lost, a second copy of the message may appear in the channel. Beneath what is kept back elsewhere
//! stand buttons, where the channel names those who may press them and the app that hears of it.
//!
//! Sources: docs.slack.dev, "Sending messages using incoming webhooks" (body, answer `ok`, refusals), "Formatting message text"
//! (`&`, `<`, `>`; `mrkdwn`), "chat.postMessage" (texts are cut after 40,000 characters); api.slack.com, the change of 2016-05-17 to the
//! errors of incoming webhooks.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::json;
use url::Url;

use super::ear::{Ear, approvers};
use super::hook::{Address, Hook};
use super::http;
use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World};
use crate::feed::keys;
use crate::message::Form;
use crate::secret::SecretSource;
use crate::table::Table;

mod ear;

use ear::{App, blocks, is_person};

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
approvers = { "U012AB3CD" = "sara" }     # who may approve, hold or reject by a button (audience staff): the person's member ID, and the
                                         #   name for the journal
app_token = { file = "slack.app" }       # xapp-…, with connections:write, of the same app in Socket Mode with interactivity on
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// Where Slack's own methods are.
const API: &str = "https://slack.com/api/";

/// What a channel of this kind says of itself.
#[derive(Debug)]
struct Settings {
    address: Address,
    approvers: BTreeMap<String, String>,
    app: Option<SecretSource>,
    api: Url,
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let address = Address::read(table);
    let approvers = approvers(table, is_person, "{ \"U012AB3CD\" = \"sara\" }");
    let app = keys::maybe_secret(table, "app_token");
    let api = http::base(table, "api", API);
    let (names, hears) = (table.has("approvers"), table.has("app_token"));
    if names != hears {
        let (there, missing) = if names { ("approvers", "app_token") } else { ("app_token", "approvers") };
        let message = format!("`{there}` needs `{missing}` beside it");
        let help = "presses are heard by the app's token, and only of those who are named".to_owned();
        table.error(&table.span_of(there), message, Some(help));
        return None;
    }
    Some(Settings { address: address?, approvers: approvers?, app, api: api? })
}

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Chat
    }

    fn takes(&self, form: Form) -> bool {
        !form.is_for_machines()
    }

    fn hears_verdicts(&self) -> bool {
        !self.approvers.is_empty()
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let hook = self.address.open(world)?;
        let open = |source: &SecretSource| {
            let token = world.secret(source)?;
            let value = http::hidden(&format!("Bearer {}", token.expose()));
            let value = value.ok_or_else(|| format!("{source} holds no token: letters of ASCII in one line"))?;
            Ok::<_, String>(App::new(world, &self.api, (value, token.expose()), source.to_string()))
        };
        let app = self.app.as_ref().map(open).transpose()?;
        Ok(Arc::new(Slack { hook, app, approvers: self.approvers.clone() }))
    }
}

struct Slack {
    hook: Hook,
    app: Option<App>,
    /// Who may press, by their member IDs.
    approvers: BTreeMap<String, String>,
}

impl Sink for Slack {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let words = parcel.text()?;
            let text = escaped(&words);
            http::check_length("Slack", text.chars().count(), MAX_CHARS, "characters")?;
            let mut body = json!({ "text": text, "mrkdwn": false, "unfurl_links": false, "unfurl_media": false });
            if let (Some(buttons), Some(_), Some(body)) = (&parcel.asks, &self.app, body.as_object_mut()) {
                body.insert("blocks".to_owned(), blocks(&words, buttons, &parcel.bulletin));
            }
            let answer = self.hook.receiver.post_json(&self.hook.url, HeaderMap::new(), &body).await?;
            if answer.status.is_success() && !answer.says("ok") {
                return Err(self.hook.receiver.unclear(&answer, "Slack"));
            }
            if answer.refuses_message(COMPLAINTS) {
                return Err(self.hook.receiver.refuses(&answer));
            }
            let hint = match answer.status {
                StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                    format!(
                        "let the webhook post there, or make a new one and put its address into {}",
                        self.hook.source
                    )
                }
                _ => String::new(),
            };
            self.hook.receiver.settle(&answer, parcel.now, None, &hint)
        })
    }

    /// Whether the webhook is still valid, only a message shows; that Slack's host can be reached is all that is found out.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.hook.receiver.reach_host(&self.hook.url))
    }

    fn ear(&self) -> Option<&dyn Ear> {
        self.app.is_some().then_some(self)
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
