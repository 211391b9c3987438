//! WhatsApp: each message to telephones by the Cloud API of Meta, in a template that Meta has approved.
//!
//! Who is written to first, as with a warning, may be sent templates alone: the channel's has one field in its body, and the text of the
//! warning stands in it, in one line. Each telephone gets one message a language; who has which is kept over tries and restarts. The
//! API knows no key for "seen it": where an answer got lost, a telephone may get a second copy. No number is ever shown.
//!
//! Sources: developers.facebook.com, "WhatsApp Cloud API": "Send template messages" (`/{version}/{phone-number-id}/messages`),
//! "Template components" (a body of 1024 characters; no new lines and no runs of blanks in a parameter), "Error codes".

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use url::Url;

use super::http::{self, Answer, Place, Receiver};
use super::people::People;
use super::spread::{Heard, Spread};
use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World};
use crate::feed::keys;
use crate::message::Form;
use crate::message::brief::Part;
use crate::secret::SecretSource;
use crate::table::Table;
use crate::time::Timestamp;

/// Where the Cloud API is.
const API: &str = "https://graph.facebook.com/";

/// The version of it that is spoken when the channel names no other.
const VERSION: &str = "v23.0";

/// The most characters of the field of a template, less than a body may have: its own words need some.
pub const MAX_CHARS: usize = 900;

/// How many telephones are told of at once.
const AT_ONCE: usize = 4;

/// What stands between two lines, since a field has but one.
const BREAK: &str = " — ";

/// The refusals that are about one telephone and stay: it has no WhatsApp or cannot be written to (131026, 131047, 131049, 131050,
/// 130472), it is our own (131021), or not one of those that a trial account may write to (131030).
const STAYS: &[u32] = &[131_021, 131_026, 131_030, 131_047, 131_049, 131_050, 130_472];

/// The refusals that are about the template: it is not there, not in this language, paused, or has other fields.
const TEMPLATE: std::ops::RangeInclusive<u32> = 132_000..=132_999;

/// The kind.
pub const KIND: Kind = Kind {
    name: "whatsapp",
    about: "sends each message to telephones by WhatsApp, in an approved template (Cloud API)",
    example: r#"[duty-whatsapp]
kind = "whatsapp"
phone_number_id = "106540352242922"      # of the sender, as the Cloud API numbers it
template = "weather_warning"             # approved in each language of the channel; its body holds {{1}} and no other field
token = { file = "whatsapp.token" }      # of a system user that may send messages; or { credential = "…" } with systemd
to = ["+966500000001"]                   # up to 100; more stand in a file, one a line: recipients = "phones.txt"
version = "v23.0"
api = "https://graph.facebook.com"
timeout = "15s"                          # at most 60s
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// What a channel of this kind says of itself.
struct Settings {
    sender: String,
    template: String,
    token: SecretSource,
    people: People,
    version: String,
    api: Url,
    name: String,
    timeout: Duration,
}

impl fmt::Debug for Settings {
    /// Without a number of anybody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Settings({}, {}, {}, {:?})", self.sender, self.template, self.token, self.timeout)
    }
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let before = table.faults();
    let sender = table.need_text("phone_number_id", "\"106540352242922\"", |text| {
        let is_id = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_id { Ok(text.to_owned()) } else { Err("the id of a sender is digits alone".to_owned()) }
    });
    let template = table.need_text("template", "\"weather_warning\"", |text| {
        let is_name = !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if is_name { Ok(text.to_owned()) } else { Err(format!("`{text}` is no template: a to z, digits and `_`")) }
    });
    let token = keys::secret(table, "token");
    let people = People::parse(table);
    let version = table.text("version", |text| {
        let is_version =
            text.strip_prefix('v').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
        if is_version { Ok(text.to_owned()) } else { Err(format!("`{text}` is no version, such as {VERSION}")) }
    });
    let api = http::base(table, "api", API);
    let timeout = http::timeout(table);
    if before < table.faults() {
        return None;
    }
    Some(Settings {
        sender: sender?.value,
        template: template?.value,
        token: token?,
        people,
        version: version.map_or_else(|| VERSION.to_owned(), |found| found.value),
        api: api?,
        name: table.name().to_owned(),
        timeout: timeout?,
    })
}

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Sms
    }

    fn takes(&self, form: Form) -> bool {
        form == Form::Sms
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let token = world.secret(&self.token)?;
        let is_token = token.expose().bytes().all(|byte| byte.is_ascii_alphanumeric());
        let value = http::hidden(&format!("Bearer {}", token.expose())).filter(|_| is_token);
        let value = value.ok_or_else(|| format!("{} holds no token: letters and digits, on one line", self.token))?;
        let place = Place::server(&self.api, &[token.expose()]);
        let mut sender = self.api.clone();
        sender.set_path(&format!("{}{}/{}", self.api.path(), self.version, self.sender));
        let mut messages = sender.clone();
        messages.set_path(&format!("{}/messages", sender.path()));
        Ok(Arc::new(WhatsApp {
            receiver: Receiver::new(world, place, self.timeout),
            headers: HeaderMap::from_iter([(AUTHORIZATION, value)]),
            sender,
            messages,
            template: self.template.clone(),
            people: self.people.clone(),
            dir: world.dir.clone(),
            source: self.token.clone(),
            spread: Spread::new(world.dir.join(format!("{}.progress", self.name)), "WhatsApp messages", AT_ONCE),
        }))
    }
}

struct WhatsApp {
    receiver: Receiver,
    headers: HeaderMap,
    sender: Url,
    messages: Url,
    template: String,
    people: People,
    dir: PathBuf,
    source: SecretSource,
    spread: Spread,
}

/// What WhatsApp says of a message that it took.
#[derive(Deserialize)]
struct Taken {
    messages: Vec<IgnoredAny>,
}

/// What it says of one that it did not take.
#[derive(Deserialize)]
struct Refusal {
    error: Fault,
}

#[derive(Deserialize)]
struct Fault {
    code: u32,
}

impl Sink for WhatsApp {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let parts = parcel.parts(Form::Sms)?;
            for part in &parts {
                http::check_length("WhatsApp", in_one_line(&part.text).chars().count(), MAX_CHARS, "characters")?;
            }
            let (messages, unread) = self.people.messages(&self.dir, &parts).await?;
            let tell = |(to, part): (String, Part)| -> BoxFuture<'_, Heard> {
                Box::pin(async move { self.tell(parcel, &to, &part).await })
            };
            self.spread.send(&parcel.key, messages, unread, tell).await.end
        })
    }

    /// Asks for the sender. Whether the template is approved, only a message shows.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            self.people.all(&self.dir).await.map_err(|why| why.to_string())?;
            let answer = self.receiver.get(&self.sender, self.headers.clone()).await?;
            match answer.status.is_success() && answer.json::<Value>().is_some_and(|said| said.get("id").is_some()) {
                true => Ok(()),
                false => Err(format!("WhatsApp did not show the sender: {}; {}", answer.words, self.hint(&answer))),
            }
        })
    }

    /// The telephones.
    fn followers(&self) -> BoxFuture<'_, Result<Option<u64>, String>> {
        Box::pin(async { Ok(Some(self.people.all(&self.dir).await.map_err(|why| why.to_string())?.0.len() as u64)) })
    }
}

impl WhatsApp {
    async fn tell(&self, parcel: &Parcel, to: &str, part: &Part) -> Heard {
        let body = json!({
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": to.trim_start_matches('+'),
            "type": "template",
            "template": {
                "name": self.template,
                "language": { "code": part.language.tag() },
                "components": [{ "type": "body", "parameters": [{ "type": "text", "text": in_one_line(&part.text) }] }],
            },
        });
        match self.receiver.post_json(&self.messages, self.headers.clone(), &body).await {
            Ok(answer) => self.heard(&answer, parcel.now),
            Err(why) => Heard::from(Err(why)),
        }
    }

    fn heard(&self, answer: &Answer, now: Timestamp) -> Heard {
        if answer.status.is_success() {
            return match answer.json::<Taken>().is_some_and(|taken| !taken.messages.is_empty()) {
                true => Heard::Told,
                false => Heard::from(Err(self.receiver.unclear(answer, "WhatsApp"))),
            };
        }
        if code(answer).is_some_and(|code| STAYS.contains(&code)) {
            return Heard::Refused(self.receiver.refuses(answer).to_string());
        }
        Heard::from(self.receiver.settle(answer, now, None, &self.hint(answer)))
    }

    fn hint(&self, answer: &Answer) -> String {
        match code(answer) {
            Some(190 | 10 | 200) => {
                format!("see that {} holds a token that may send messages of this sender", self.source)
            }
            Some(code) if TEMPLATE.contains(&code) => {
                format!(
                    "see that the template {} is approved in every language of the channel, with one field",
                    self.template
                )
            }
            Some(_) | None => String::new(),
        }
    }
}

fn code(answer: &Answer) -> Option<u32> {
    answer.json::<Refusal>().map(|refusal| refusal.error.code)
}

/// A text as the field of a template takes it: without new lines, tabs and runs of blanks.
fn in_one_line(text: &str) -> String {
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(BREAK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_of_a_template_is_one_line_without_runs_of_blanks() {
        assert_eq!(in_one_line("إنذار أحمر\n\nالمدة:\tحتى     الواحدة\n"), "إنذار أحمر — المدة: حتى الواحدة");
    }
}
