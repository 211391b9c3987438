//! The buttons beneath a message in Telegram, and who pressed them.
//!
//! The bot asks for presses itself (`getUpdates`), so that nobody has to reach this machine from outside. Telegram gives a press again
//! until the next asking says that it was dealt with, and keeps it for a day: one from before a restart is heard after it. One bot
//! has one ear: where two ask, Telegram answers 409 to one of them.
//!
//! Sources: the Telegram Bot API (`getUpdates`, `CallbackQuery`, `answerCallbackQuery`, `InlineKeyboardMarkup`,
//! `editMessageReplyMarkup`).

use std::sync::atomic::Ordering;

use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Said, Telegram, answers};
use crate::bulletin::Verdict;
use crate::ids::BulletinId;
use crate::message::ask::Buttons;
use crate::sink::ear::{self, Ear, Press, Told};

/// The longest text of an answer to whoever pressed: `answerCallbackQuery` takes "0-200 characters".
const MAX_ANSWER: usize = 200;

/// How many presses are taken at once: each comes with the whole message, every letter of it as `\u0000`.
const AT_ONCE: usize = 1;

/// A press, as far as it matters here.
#[derive(Deserialize)]
struct Update {
    update_id: i64,
    callback_query: Option<Query>,
}

#[derive(Deserialize)]
struct Query {
    id: String,
    from: Person,
    data: Option<String>,
    message: Option<Beneath>,
}

#[derive(Deserialize)]
struct Person {
    id: i64,
}

#[derive(Deserialize)]
struct Beneath {
    message_id: i64,
    chat: Person,
}

/// The buttons of a message.
pub(super) fn keyboard(buttons: &Buttons, bulletin: &BulletinId) -> Value {
    let button = |text: &str, verdict| json!({ "text": text, "callback_data": ear::mark(verdict, bulletin) });
    json!({ "inline_keyboard": [
        [button(&buttons.approve, Verdict::Approve)],
        [button(&buttons.hold, Verdict::Hold), button(&buttons.reject, Verdict::Refuse)],
    ] })
}

/// Whether this is the number of a person.
pub(super) fn is_person(text: &str) -> bool {
    !text.starts_with('0') && text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty()
}

impl Telegram {
    /// Asks a method of the Bot API that sends no warning.
    async fn ask(&self, method: &str, body: &Value) -> Result<Value, String> {
        let answer = self.receiver.post_json(&self.method(method), HeaderMap::new(), body).await;
        let answer = answer.map_err(|why| why.to_string())?;
        match answer.json::<Said>() {
            Some(Said { ok: true, result: Some(result), .. }) => Ok(result),
            Some(_) if answer.status == StatusCode::CONFLICT => {
                let why =
                    "somebody else asks for what this bot is told, or has set a webhook for it: give it to one alone";
                Err(format!("{}; {why}", answer.words))
            }
            Some(_) | None => Err([answer.words.as_str(), &self.hint(&answer, None)].join("; ")),
        }
    }

    fn press(&self, query: Query) -> Option<Press> {
        let (verdict, bulletin) = ear::read(query.data.as_deref()?)?;
        let by = self.approvers.get(&query.from.id.to_string()).cloned();
        let beneath =
            query.message.map(|beneath| [beneath.chat.id, beneath.message_id].map(|number| number.to_string()));
        let back = std::iter::once(query.id).chain(beneath.into_iter().flatten()).collect();
        Some(Press { bulletin, verdict, by, back })
    }
}

impl Ear for Telegram {
    fn listen(&self) -> BoxFuture<'_, Result<Vec<Press>, String>> {
        Box::pin(async move {
            let wait = self.timeout.as_secs() / 2;
            let heard = self.heard.load(Ordering::Relaxed);
            let body = json!({
                "offset": heard, "limit": AT_ONCE, "timeout": wait, "allowed_updates": ["callback_query"],
            });
            let told = self.ask("getUpdates", &body).await?;
            let updates: Vec<Update> =
                serde_json::from_value(told).map_err(|why| format!("Telegram's presses are not understood: {why}"))?;
            let last = updates.iter().map(|update| update.update_id).max();
            if let Some(last) = last {
                self.heard.store(last.saturating_add(1), Ordering::Relaxed);
            }
            Ok(updates.into_iter().filter_map(|update| self.press(update.callback_query?)).collect())
        })
    }

    fn answer<'a>(&'a self, press: &'a Press, text: &'a str, told: Told) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let [query, rest @ ..] = press.back.as_slice() else { return Ok(()) };
            let mut faults = Vec::new();
            // Whoever pressed waits for a word; Telegram takes it for a quarter of an hour at most, and what came of the press stands.
            let short: String = text.chars().take(MAX_ANSWER).collect();
            let alert = told == Told::Presser;
            let seen = json!({ "callback_query_id": query, "text": short, "show_alert": alert });
            faults.extend(self.ask("answerCallbackQuery", &seen).await.err());
            if let ([chat, message], Told::Everybody) = (rest, told)
                && let (Ok(chat), Ok(message)) = (chat.parse::<i64>(), message.parse::<i64>())
            {
                let bare = json!({ "chat_id": chat, "message_id": message, "reply_markup": { "inline_keyboard": [] } });
                faults.extend(self.ask("editMessageReplyMarkup", &bare).await.err());
                let (key, reply) = answers(message);
                let mut word = json!({ "chat_id": chat, "text": text, key: reply });
                if let (Some(word), Some(thread)) = (word.as_object_mut(), self.thread) {
                    word.insert("message_thread_id".to_owned(), thread.into());
                }
                faults.extend(self.ask("sendMessage", &word).await.err());
            }
            if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
        })
    }
}
