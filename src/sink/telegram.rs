//! Telegram: each message as plain text in one chat, by a bot of one's own.
//!
//! What takes an earlier word back answers it, and pictures stand beneath their text. It never lets Telegram read marks in a text (no
//! `parse_mode`), shows no preview of links, and cuts nothing. Telegram knows no key for "seen it": when an answer got lost, a second
//! copy of the message may appear in the chat. Beneath what is kept back elsewhere stand buttons, where the channel names those who may
//! press them ([`super::ear`]).
//!
//! Sources: the Telegram Bot API (core.telegram.org/bots/api: "Making requests", `ResponseParameters`, `sendMessage`,
//! `ReplyParameters`, `sendPhoto`, `sendMediaGroup`, `getChat`, `getChatMemberCount`), and for the words of its refusals the source of the Bot API server
//! (tdlib/telegram-bot-api).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::header::HeaderMap;
use reqwest::multipart::Form;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use toml::de::DeValue;
use url::Url;

use super::ear::{Ear, approvers};
use super::http::{self, Answer, Place, Receiver};
use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World, picture};
use crate::feed::keys;
use crate::hazard::Severity;
use crate::message;
use crate::secret::{Secret, SecretSource};
use crate::table::Table;
use crate::time::TimeDelta;

mod ear;

use ear::{is_person, keyboard};

/// The most characters of a message: `sendMessage` takes "1-4096 characters after entities parsing".
pub const MAX_CHARS: usize = 4096;

/// Where Telegram's own server is.
const API: &str = "https://api.telegram.org/";

/// How Telegram says that it is the text which it does not take.
const COMPLAINTS: &[&str] = &["message is too long", "message text is empty", "text must be encoded in UTF-8"];

/// The kind.
pub const KIND: Kind = Kind {
    name: "telegram",
    about: "posts each message to a Telegram chat or channel, by a bot",
    example: r#"[makkah-telegram]
kind = "telegram"
token = { file = "telegram.token" }      # of the bot, as @BotFather gave it; or { credential = "…" } with systemd
chat = "@makkah_warnings"                # or the number of a group, "-1001234567890"; the bot must be let in
thread = 5                               # a topic of that group, if it has topics
approvers = { "123456789" = "sara" }     # who may approve, hold or reject by a button (audience staff): the person's number, as
                                         #   @userinfobot tells it, and the name for the journal. The bot is then nobody else's
api = "https://api.telegram.org"         # or a Bot API server of one's own
timeout = "15s"                          # at most 60s
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// What a channel of this kind says of itself.
#[derive(Debug)]
struct Settings {
    token: SecretSource,
    chat: Chat,
    thread: Option<i64>,
    approvers: BTreeMap<String, String>,
    api: Url,
    timeout: Duration,
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Chat {
    /// By number: groups and channels have negative ones.
    Number(i64),
    /// A public channel or group by its name, with the `@`.
    Name(String),
}

impl fmt::Display for Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let token = keys::secret(table, "token");
    let chat = table.need("chat", "\"@channel\"", |value| match value {
        DeValue::Integer(number) => parse_chat(number.as_str()),
        other => crate::table::as_text(other).and_then(parse_chat),
    });
    let thread = table.integer("thread", 1..=i64::from(i32::MAX));
    let approvers = approvers(table, is_person, "{ \"123456789\" = \"sara\" }");
    let api = http::base(table, "api", API);
    let timeout = http::timeout(table);
    if thread.is_none() && table.has("thread") {
        return None;
    }
    let thread = thread.map(|found| found.value);
    Some(Settings { token: token?, chat: chat?.value, thread, approvers: approvers?, api: api?, timeout: timeout? })
}

/// Reads the name of a chat (five letters, digits and `_` at least, as public names have) or its number.
fn parse_chat(text: &str) -> Result<Chat, String> {
    let is_name = |name: &str| {
        (5..=32).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match (text.strip_prefix('@'), text.parse::<i64>()) {
        (Some(name), _) if is_name(name) => Ok(Chat::Name(text.to_owned())),
        (None, Ok(number)) if number != 0 => Ok(Chat::Number(number)),
        _ => Err(format!(
            "`{text}` is no chat; write the name of a channel with its @, or the number of a group, such as \"-1001234567890\""
        )),
    }
}

impl Opener for Settings {
    fn form(&self) -> message::Form {
        message::Form::Chat
    }

    fn takes(&self, form: message::Form) -> bool {
        !form.is_for_machines()
    }

    fn shows_pictures(&self) -> bool {
        true
    }

    fn hears_verdicts(&self) -> bool {
        !self.approvers.is_empty()
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let token = world.secret(&self.token)?;
        let (bot, key) = token.expose().split_once(':').unwrap_or_default();
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        if bot.is_empty() || !bot.bytes().all(|byte| byte.is_ascii_digit()) || !is_key {
            return Err(format!("{} holds no token of a bot; it looks like 123456:ABC-def, on one line", self.token));
        }
        let place = Place::server(&self.api, &[token.expose(), key]);
        Ok(Arc::new(Telegram {
            receiver: Receiver::new(world, place, self.timeout),
            api: self.api.clone(),
            token: token.clone(),
            source: self.token.clone(),
            chat: self.chat.clone(),
            moved: AtomicI64::new(0),
            thread: self.thread,
            approvers: self.approvers.clone(),
            timeout: self.timeout,
            heard: AtomicI64::new(0),
        }))
    }
}

struct Telegram {
    receiver: Receiver,
    api: Url,
    token: Secret,
    source: SecretSource,
    chat: Chat,
    /// The number under which Telegram said that the chat is found now; 0 when it has not.
    moved: AtomicI64,
    thread: Option<i64>,
    /// Who may press, by their numbers.
    approvers: BTreeMap<String, String>,
    timeout: Duration,
    /// From which of its updates on Telegram has not been told that they were dealt with.
    heard: AtomicI64,
}

/// An answer of Telegram.
#[derive(Deserialize)]
struct Said {
    ok: bool,
    result: Option<Value>,
    parameters: Option<Parameters>,
}

/// What Telegram adds to a refusal.
#[derive(Deserialize)]
struct Parameters {
    /// In seconds.
    retry_after: Option<i64>,
    migrate_to_chat_id: Option<i64>,
}

impl Sink for Telegram {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let text = parcel.text()?;
            http::check_length("Telegram", text.chars().count(), MAX_CHARS, "characters")?;
            let mut body = json!({
                "chat_id": self.chat_id(),
                "text": text,
                "link_preview_options": { "is_disabled": true },
                "disable_notification": parcel.loudness == Severity::Advisory,
            });
            if let Some(body) = body.as_object_mut() {
                body.extend(self.thread.map(|thread| ("message_thread_id".to_owned(), thread.into())));
                let buttons = parcel.asks.as_ref().filter(|_| !self.approvers.is_empty());
                let buttons = buttons.map(|buttons| keyboard(buttons, &parcel.bulletin));
                body.extend(buttons.map(|buttons| ("reply_markup".to_owned(), buttons)));
                body.extend(parcel.corrects.as_deref().and_then(number_of).map(answers));
            }
            let answer = self.receiver.post_json(&self.method("sendMessage"), HeaderMap::new(), &body).await?;
            let said: Option<Said> = answer.json();
            if answer.status.is_success() {
                let number = said.filter(|said| said.ok).and_then(|said| said.result?.get("message_id")?.as_i64());
                return match number {
                    Some(number) => {
                        let pictures = picture::shown(self.show(parcel, number).await);
                        Ok(Receipt(format!("message {number}{pictures}")))
                    }
                    None => Err(self.receiver.unclear(&answer, "Telegram")),
                };
            }
            if answer.refuses_message(COMPLAINTS) {
                return Err(self.receiver.refuses(&answer));
            }
            let parameters = said.and_then(|said| said.parameters);
            let moved = parameters.as_ref().and_then(|parameters| parameters.migrate_to_chat_id);
            if let Some(number) = moved {
                self.moved.store(number, Ordering::Relaxed);
            }
            let asked = parameters.and_then(|parameters| parameters.retry_after).and_then(TimeDelta::try_seconds);
            self.receiver.settle(&answer, parcel.now, asked, &self.hint(&answer, moved))
        })
    }

    /// Asks who the bot is and whether it sees the chat. Whether it may write there, only a message shows.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let mut chat = self.method("getChat");
            chat.query_pairs_mut().append_pair("chat_id", &self.chat.to_string());
            for url in [self.method("getMe"), chat] {
                let answer = self.receiver.get(&url, HeaderMap::new()).await?;
                if !answer.json::<Said>().is_some_and(|said| said.ok) {
                    let hint = self.hint(&answer, None);
                    return Err([answer.words.as_str(), &hint].join("; ").trim_end_matches("; ").to_owned());
                }
            }
            Ok(())
        })
    }

    /// The members of the chat.
    fn followers(&self) -> BoxFuture<'_, Result<Option<u64>, String>> {
        Box::pin(self.count())
    }

    fn ear(&self) -> Option<&dyn Ear> {
        (!self.approvers.is_empty()).then_some(self)
    }
}

impl Telegram {
    async fn count(&self) -> Result<Option<u64>, String> {
        let mut url = self.method("getChatMemberCount");
        url.query_pairs_mut().append_pair("chat_id", &self.chat.to_string());
        let answer = self.receiver.get(&url, HeaderMap::new()).await?;
        let count = answer.json::<Said>().filter(|said| said.ok).and_then(|said| said.result?.as_u64());
        count.map(Some).ok_or(answer.words)
    }

    fn method(&self, name: &str) -> Url {
        let mut url = self.api.clone();
        url.set_path(&format!("{}bot{}/{name}", self.api.path(), self.token.expose()));
        url
    }

    /// A group that became a supergroup has a new number, and Telegram names it: those who listen are the same, so the next try
    /// goes there at once.
    fn chat_id(&self) -> Value {
        match (self.moved.load(Ordering::Relaxed), &self.chat) {
            (0, Chat::Number(number)) => (*number).into(),
            (0, Chat::Name(name)) => name.as_str().into(),
            (moved, _) => moved.into(),
        }
    }

    /// Shows the pictures of a message beneath it, without a sound: the text has made one.
    async fn show(&self, parcel: &Parcel, number: i64) -> Result<(), String> {
        let images = picture::images(&parcel.pictures).await?;
        let method = match images.len() {
            0 => return Ok(()),
            1 => "sendPhoto",
            _ => "sendMediaGroup",
        };
        let (_, reply) = answers(number);
        let chat = self.chat_id();
        let mut form = Form::new()
            .text("chat_id", chat.as_str().map_or_else(|| chat.to_string(), str::to_owned))
            .text("disable_notification", "true")
            .text("reply_parameters", reply.to_string());
        if let Some(thread) = self.thread {
            form = form.text("message_thread_id", thread.to_string());
        }
        let album: Vec<Value> = images
            .iter()
            .map(|image| json!({ "type": "photo", "media": format!("attach://{}", image.name) }))
            .collect();
        if 1 < images.len() {
            form = form.text("media", Value::Array(album).to_string());
        }
        for image in images {
            let name = if method == "sendPhoto" { "photo".to_owned() } else { image.name.clone() };
            form = form.part(name, image.part()?);
        }
        let url = self.method(method);
        let answer = self.receiver.send_form((Method::POST, &url), HeaderMap::new(), form, picture::TIMEOUT).await?;
        if answer.json::<Said>().is_some_and(|said| said.ok) { Ok(()) } else { Err(answer.words) }
    }

    /// What a person may do about a refusal.
    fn hint(&self, answer: &Answer, moved: Option<i64>) -> String {
        if let Some(number) = moved {
            return format!("the group is {number} by now, and is tried there; write `chat = \"{number}\"`");
        }
        match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND => {
                format!("the token is wrong or was revoked: put the right one into {}", self.source)
            }
            StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST => {
                format!("see that {} is the chat and that the bot may write there", self.chat)
            }
            _ => String::new(),
        }
    }
}

/// How a message says which one it answers. Should that one be gone by then, it stands by itself.
fn answers(number: i64) -> (String, Value) {
    ("reply_parameters".to_owned(), json!({ "message_id": number, "allow_sending_without_reply": true }))
}

/// The number of a message in its receipt.
fn number_of(receipt: &str) -> Option<i64> {
    receipt.strip_prefix("message ")?.split(';').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_is_a_name_or_a_number() {
        assert_eq!(parse_chat("@makkah_warnings"), Ok(Chat::Name("@makkah_warnings".to_owned())));
        assert_eq!(parse_chat("-1001234567890"), Ok(Chat::Number(-1_001_234_567_890)));
        assert_eq!(parse_chat("42"), Ok(Chat::Number(42)));
        for wrong in ["", "0", "@", "@abc", "makkah_warnings", "@مكة_المكرمة", "https://t.me/makkah", "@1makkah", "4.2"]
        {
            assert!(parse_chat(wrong).is_err(), "{wrong}");
        }
    }
}
