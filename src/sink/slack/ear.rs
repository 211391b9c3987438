//! The buttons beneath a message in Slack, and who pressed them.
//!
//! An app of Slack in Socket Mode is told of presses by a WebSocket that it opens itself, so that nobody has to reach this machine from
//! outside. Slack wants to hear within three seconds that a press arrived, before anybody knows what comes of it: one that is lost
//! between leaves its buttons standing, to be pressed again. The socket asks no proxy.
//!
//! Sources: docs.slack.dev, "Using Socket Mode" (`apps.connections.open`, `hello`, `disconnect`, `envelope_id`), "block_actions payload",
//! "Handling user interaction" (`response_url`: five answers within 30 minutes), "Block Kit: Button block element" (75 characters, a
//! value of 2,000), "Section block" (3,000 characters).

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use url::Url;

use super::{Slack, escaped};
use crate::bulletin::Verdict;
use crate::ids::BulletinId;
use crate::message::ask::Buttons;
use crate::sink::World;
use crate::sink::ear::{self, Ear, Press, Told};
use crate::sink::http::{Answer, Place, Receiver};

/// The longest text of a section, in characters.
const MAX_SECTION: usize = 3_000;
/// The longest text of a button, in characters.
const MAX_BUTTON: usize = 75;
/// The longest that is read from the socket at once, in bytes: a press comes with the whole message.
const MAX_FRAME: usize = 1024 * 1024;
/// How long a socket may take to open, and an answer to be taken.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one look at the socket waits. Slack pings more often: a socket that is silent for longer is dead.
const LOOK: Duration = Duration::from_secs(60);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The app of Slack that is told who pressed.
pub(super) struct App {
    receiver: Receiver,
    api: Url,
    /// What the app proves itself with.
    authorization: HeaderValue,
    /// Where that is kept, to be named to people.
    source: String,
    /// The one socket, once it is open.
    socket: Mutex<Option<Socket>>,
}

/// What Slack says of a new socket.
#[derive(Deserialize)]
struct Opened {
    ok: bool,
    url: Option<String>,
    error: Option<String>,
}

/// What comes through the socket.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    sort: String,
    envelope_id: Option<String>,
    payload: Option<Payload>,
}

#[derive(Deserialize)]
struct Payload {
    user: Option<Named>,
    #[serde(default)]
    actions: Vec<Action>,
    response_url: Option<String>,
    message: Option<Value>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct Action {
    value: Option<String>,
}

/// A message with its buttons, in place of its text alone.
pub(super) fn blocks(text: &str, buttons: &Buttons, bulletin: &BulletinId) -> Value {
    let button = |text: &str, verdict| {
        let text: String = text.chars().take(MAX_BUTTON).collect();
        let value = ear::mark(verdict, bulletin);
        json!({ "type": "button", "action_id": value, "value": value, "text": plain(&text) })
    };
    let mut blocks = sections(text);
    blocks.push(json!({ "type": "actions", "elements": [
        button(&buttons.approve, Verdict::Approve),
        button(&buttons.hold, Verdict::Hold),
        button(&buttons.reject, Verdict::Refuse),
    ] }));
    Value::Array(blocks)
}

fn plain(text: &str) -> Value {
    json!({ "type": "plain_text", "text": escaped(text), "emoji": false })
}

/// A text as sections, parted between its lines; a line that is longer than a section goes on in the next.
fn sections(text: &str) -> Vec<Value> {
    let mut parts: Vec<String> = Vec::new();
    let length = |text: &str| escaped(text).chars().count();
    for line in text.split_inclusive('\n') {
        match parts.last_mut() {
            Some(last) if length(last) + length(line) <= MAX_SECTION => last.push_str(line),
            Some(_) | None if length(line) <= MAX_SECTION => parts.push(line.to_owned()),
            Some(_) | None => {
                // Each letter may become five: `&amp;`.
                let letters: Vec<char> = line.chars().collect();
                parts.extend(letters.chunks(MAX_SECTION / 5).map(|chunk| chunk.iter().collect::<String>()));
            }
        }
    }
    let parts = parts.iter().map(|part| part.trim_end()).filter(|part| !part.is_empty());
    parts.map(|part| json!({ "type": "section", "text": plain(part) })).collect()
}

/// Whether this is how Slack knows a person.
pub(super) fn is_person(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    text.starts_with(['U', 'W']) && (8..=20).contains(&text.len()) && text.bytes().all(is_letter)
}

impl App {
    pub(super) fn new(world: &World, api: &Url, (authorization, token): (HeaderValue, &str), source: String) -> Self {
        let receiver = Receiver::new(world, Place::server(api, &[token]), PATIENCE);
        Self { receiver, api: api.clone(), authorization, source, socket: Mutex::new(None) }
    }

    /// Opens a socket. Where it is, Slack says; the address is a secret and is told to nobody.
    async fn open(&self) -> Result<Socket, String> {
        let mut url = self.api.clone();
        url.set_path(&format!("{}apps.connections.open", self.api.path()));
        let headers = HeaderMap::from_iter([(AUTHORIZATION, self.authorization.clone())]);
        let answer = self.receiver.post_json(&url, headers, &json!({})).await.map_err(|why| why.to_string())?;
        let address = match answer.json::<Opened>() {
            Some(Opened { ok: true, url: Some(address), .. }) => address,
            Some(Opened { error: Some(error), .. }) => return Err(self.refused(&error)),
            Some(_) | None => return Err(format!("Slack opened no socket: {}", answer.words)),
        };
        let limits = WebSocketConfig::default().max_message_size(Some(MAX_FRAME)).max_frame_size(Some(MAX_FRAME));
        let opening = connect_async_with_config(address, Some(limits), false);
        match tokio::time::timeout(PATIENCE, opening).await {
            Ok(Ok((socket, _))) => Ok(socket),
            // Its own words may hold the address.
            Ok(Err(_)) => Err("the socket that Slack named could not be opened".to_owned()),
            Err(_) => Err(format!("the socket that Slack named did not open in {} s", PATIENCE.as_secs())),
        }
    }

    fn refused(&self, error: &str) -> String {
        let hint = match error {
            "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked" => {
                format!("put the app-level token (xapp-…) of an app in Socket Mode into {}", self.source)
            }
            "missing_scope" | "not_allowed_token_type" => {
                format!("the token in {} has to be an app-level one with the scope connections:write", self.source)
            }
            _ => "see that Socket Mode is on in the settings of the app".to_owned(),
        };
        let error: String = error.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').take(60).collect();
        format!("Slack opened no socket: {error}; {hint}")
    }

    /// The next that Slack tells; none when it told nothing for a while, or wants a new socket to be opened.
    async fn next(&self) -> Result<Option<Envelope>, String> {
        let mut kept = self.socket.lock().await;
        let socket = match &mut *kept {
            Some(socket) => socket,
            None => kept.insert(self.open().await?),
        };
        let ended = match tokio::time::timeout(LOOK, socket.next()).await {
            Ok(Some(Ok(Frame::Text(text)))) => {
                let envelope: Option<Envelope> = serde_json::from_str(&text).ok();
                if let Some(id) = envelope.as_ref().and_then(|envelope| envelope.envelope_id.as_deref()) {
                    let heard = Frame::text(json!({ "envelope_id": id }).to_string());
                    let sent = tokio::time::timeout(PATIENCE, socket.send(heard)).await;
                    if !matches!(sent, Ok(Ok(()))) {
                        *kept = None;
                    }
                }
                let is_over = envelope.as_ref().is_some_and(|envelope| envelope.sort == "disconnect");
                if is_over {
                    *kept = None;
                }
                return Ok(envelope);
            }
            // A ping is answered by the protocol itself when the socket is looked at again.
            Ok(Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Binary(_) | Frame::Frame(_)))) => return Ok(None),
            Ok(Some(Ok(Frame::Close(_))) | None) => "Slack closed the socket".to_owned(),
            Ok(Some(Err(why))) => format!("the socket of Slack broke: {why}"),
            Err(_) => format!("the socket of Slack was silent for {} s", LOOK.as_secs()),
        };
        *kept = None;
        Err(ended)
    }
}

impl Slack {
    fn press(&self, payload: Payload) -> Option<Press> {
        let (verdict, bulletin) = payload.actions.iter().find_map(|action| ear::read(action.value.as_deref()?))?;
        let by = payload.user.and_then(|user| self.approvers.get(&user.id).cloned());
        let message = payload.message.unwrap_or(Value::Null).to_string();
        Some(Press { bulletin, verdict, by, back: vec![payload.response_url?, message] })
    }

    /// The message without its buttons, and with what came of them.
    fn settled(message: &str, text: &str) -> Value {
        let message: Value = serde_json::from_str(message).unwrap_or(Value::Null);
        let kept = message
            .get("blocks")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter(|block| block.get("type").is_none_or(|sort| sort != "actions"));
        let mut blocks: Vec<Value> = kept.cloned().collect();
        blocks.extend(sections(text));
        let before = message.get("text").and_then(Value::as_str).unwrap_or_default();
        json!({ "replace_original": true, "text": format!("{before}\n{}", escaped(text)), "blocks": blocks })
    }
}

impl Ear for Slack {
    fn listen(&self) -> BoxFuture<'_, Result<Vec<Press>, String>> {
        Box::pin(async move {
            let Some(app) = &self.app else { return std::future::pending().await };
            let envelope = app.next().await?;
            let payload = envelope.filter(|envelope| envelope.sort == "interactive").and_then(|one| one.payload);
            Ok(payload.and_then(|payload| self.press(payload)).into_iter().collect())
        })
    }

    fn answer<'a>(&'a self, press: &'a Press, text: &'a str, told: Told) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let ([address, message], Some(app)) = (press.back.as_slice(), &self.app) else { return Ok(()) };
            let url = Url::parse(address).ok().filter(|url| is_of_slack(url, &app.api));
            let url = url.ok_or("Slack named an address for the answer that is not its own")?;
            let body = match told {
                Told::Everybody => Self::settled(message, text),
                Told::Presser => {
                    json!({ "replace_original": false, "response_type": "ephemeral", "text": escaped(text) })
                }
            };
            let answer: Answer = app
                .receiver
                .post_json(&url, HeaderMap::new(), &body)
                .await
                .map_err(|_| "Slack could not be told what came of a press".to_owned())?;
            if answer.status.is_success() { Ok(()) } else { Err(format!("Slack answered {}", answer.words)) }
        })
    }
}

/// Whether an address that came through the socket is at Slack, or where its API was said to be.
fn is_of_slack(url: &Url, api: &Url) -> bool {
    let is_own = url.scheme() == "https" && url.host_str().is_some_and(|host| host.ends_with(".slack.com"));
    is_own || url.origin() == api.origin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_parted_between_its_lines_and_nothing_is_lost() {
        let line = format!("{}\n", "ت".repeat(1_400));
        let text = format!("{line}{line}{line}{}", "&".repeat(3_100));
        let parts: Vec<String> =
            sections(&text).iter().map(|block| block["text"]["text"].as_str().unwrap().to_owned()).collect();
        assert!(parts.iter().all(|part| part.chars().count() <= MAX_SECTION), "{parts:?}");
        let whole = parts.concat().replace("&amp;", "&");
        assert_eq!(whole.replace('\n', ""), text.replace('\n', ""));
        assert_eq!(parts[0].chars().filter(|c| *c == 'ت').count(), 2_800, "two lines go into one");
    }

    #[test]
    fn answers_go_to_slack_and_nowhere_else() {
        let api: Url = "https://slack.com/api/".parse().unwrap();
        for (address, is_own) in [
            ("https://hooks.slack.com/actions/T0/1/x", true),
            ("https://slack.com/x", true),
            ("http://hooks.slack.com/actions/T0/1/x", false),
            ("https://hooks.slack.com.evil.example/", false),
            ("https://169.254.169.254/", false),
        ] {
            assert_eq!(is_of_slack(&address.parse().unwrap(), &api), is_own, "{address}");
        }
    }

    #[test]
    fn a_person_is_known_by_what_slack_calls_an_id() {
        assert!(is_person("U012AB3CD") && is_person("W012A3CDE"));
        assert!(["sara", "u012ab3cd", "U1", "C012AB3CD", ""].iter().all(|wrong| !is_person(wrong)));
    }
}
