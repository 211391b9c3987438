//! Firebase Cloud Messaging, for an app on telephones: each message to those who follow the topic of a place that it is about.
//!
//! A topic is a place, in one language where the channel says so. Up to five places go out at once, so that who follows several of them
//! hears of it once; more places are told one five after another, and which have it is kept over tries and restarts. Firebase knows no
//! key for "seen it": a second copy takes the place of the first on the telephone, as a newer edition does, by the number of the warning.
//! No key to collapse is given to Android: it keeps four of those and may drop other warnings. No place is never every place, and
//! neither the key of the account nor a token is ever shown.
//!
//! Sources: Firebase's "Send a message using the FCM HTTP v1 API", "Topic messaging" and "ErrorCode"; Google's "Using OAuth 2.0 for
//! server to server applications"; Apple's "Sending notification requests to APNs".

mod account;
mod note;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderMap, RETRY_AFTER};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use self::account::Account;
use self::note::{Note, Topic};
use super::facts::Facts;
use super::http::{self, Answer, Place, Receiver};
use super::spread::{Heard, Spread, mark};
use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World};
use crate::feed::keys;
use crate::message::Form;
use crate::secret::SecretSource;
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp};

/// Where Firebase takes messages.
const API: &str = "https://fcm.googleapis.com/";

/// How many sends are under way at once.
const AT_ONCE: usize = 4;

/// How long is waited where too much was sent and Firebase names no time.
const QUOTA_WAIT: TimeDelta = TimeDelta::minutes(1);

/// The kind.
pub const KIND: Kind = Kind {
    name: "fcm",
    about: "pushes each message to an app on telephones (Firebase Cloud Messaging, a topic for each place)",
    example: r#"[makkah-app]
kind = "fcm"
account = { file = "firebase.json" }     # the key of a service account, as Firebase gives it; or { credential = "…" } with systemd
topic = "makkah-{governorate}-{language}" # what the app follows: makkah-jeddah-ar; without {language}, all languages in one
timeout = "15s"                          # at most 60s
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// What a channel of this kind says of itself.
#[derive(Debug)]
struct Settings {
    account: SecretSource,
    topic: Topic,
    api: Url,
    name: String,
    timeout: Duration,
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let account = keys::secret(table, "account");
    let topic = table.need_text("topic", "\"makkah-{governorate}-{language}\"", Topic::parse);
    let api = http::base(table, "api", API);
    let timeout = http::timeout(table);
    let name = table.name().to_owned();
    Some(Settings { account: account?, topic: topic?.value, api: api?, name, timeout: timeout? })
}

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Json
    }

    fn takes(&self, form: Form) -> bool {
        form == Form::Json
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let source = &self.account;
        let account = Account::read(&world.secret(source)?, world, self.timeout);
        let account = account.map_err(|why| format!("{source} holds no key of a service account: {why}"))?;
        let mut url = self.api.clone();
        url.set_path(&format!("{}v1/projects/{}/messages:send", self.api.path(), account.project()));
        Ok(Arc::new(Fcm {
            world: world.clone(),
            account,
            topic: self.topic.clone(),
            api: self.api.clone(),
            url,
            timeout: self.timeout,
            spread: Spread::new(world.dir.join(format!("{}.progress", self.name)), "topic messages", AT_ONCE),
        }))
    }
}

struct Fcm {
    world: World,
    account: Account,
    topic: Topic,
    api: Url,
    url: Url,
    timeout: Duration,
    spread: Spread,
}

impl Sink for Fcm {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let notes = note::notes(&Facts::read(&parcel.body)?, &self.topic, parcel)?;
            let token = self.account.token(parcel.now).await?;
            let (receiver, headers) = self.receiver(token.expose())?;
            let tell = |note: Note| -> BoxFuture<'_, Heard> {
                let (receiver, headers) = (&receiver, headers.clone());
                Box::pin(async move {
                    match receiver.post_json(&self.url, headers, &note.body).await {
                        Ok(answer) => self.heard(receiver, &answer, parcel.now).await,
                        Err(why) => Heard::from(Err(why)),
                    }
                })
            };
            let all = notes.into_iter().map(|note| (mark(&note.to), note)).collect();
            self.spread.send(&parcel.key, all, 0, tell).await.end
        })
    }

    /// Asks for a token, which shows that the account is known, and whether Firebase can be reached. Whether the account may send, only
    /// a message shows.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            // It decides nothing but whether a token is asked for anew.
            let now = std::time::SystemTime::now().into();
            let token = self.account.token(now).await.map_err(|why| why.to_string())?;
            let (receiver, _) = self.receiver(token.expose()).map_err(|why| why.to_string())?;
            receiver.reach_host(&self.url).await
        })
    }
}

/// What Firebase says of a message that it took.
#[derive(Deserialize)]
struct Taken {
    name: String,
}

/// What Firebase says of one that it did not take.
#[derive(Deserialize)]
struct Fault {
    error: FaultWords,
}

#[derive(Deserialize)]
struct FaultWords {
    #[serde(default)]
    status: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Vec<Value>,
}

impl FaultWords {
    /// The code of Firebase, or else the one that all services of Google have.
    fn code(&self) -> &str {
        let own = self.details.iter().find_map(|detail| detail.get("errorCode")?.as_str());
        own.unwrap_or(&self.status)
    }

    /// True when it is the topic that does not please: it stands in the table of the channel, and someone may set it right.
    fn is_of_the_topic(&self) -> bool {
        ["topic", "condition"].iter().any(|word| self.message.contains(word))
    }
}

impl Fcm {
    /// One who takes messages while a token counts, and never shows it.
    fn receiver(&self, token: &str) -> Result<(Receiver, HeaderMap), SendError> {
        let value = http::hidden(&format!("Bearer {token}"));
        let value = value.ok_or_else(|| SendError::Later {
            why: format!("{} gave a token that is no header", self.account.place()),
            retry_after: None,
        })?;
        let receiver = Receiver::new(&self.world, Place::server(&self.api, &[token]), self.timeout);
        Ok((receiver, HeaderMap::from_iter([(AUTHORIZATION, value)])))
    }

    /// What an answer means.
    async fn heard(&self, receiver: &Receiver, answer: &Answer, now: Timestamp) -> Heard {
        if answer.status.is_success() {
            let is_taken = answer.json::<Taken>().is_some_and(|taken| taken.name.starts_with("projects/"));
            return match is_taken {
                true => Heard::Told,
                false => Heard::from(Err(receiver.unclear(answer, "Firebase"))),
            };
        }
        let fault = answer.json::<Fault>().map(|fault| fault.error);
        let code = fault.as_ref().map_or("", FaultWords::code);
        let is_other = fault.as_ref().is_none_or(|fault| !fault.is_of_the_topic());
        if code == "INVALID_ARGUMENT" && is_other {
            return Heard::from(Err(receiver.refuses(answer)));
        }
        if answer.status == StatusCode::UNAUTHORIZED && code != "THIRD_PARTY_AUTH_ERROR" {
            self.account.forget().await;
        }
        let is_quota = answer.status == StatusCode::TOO_MANY_REQUESTS && answer.header(RETRY_AFTER.as_str()).is_none();
        Heard::from(receiver.settle(answer, now, is_quota.then_some(QUOTA_WAIT), hint(code)))
    }
}

/// What to do about a code; nothing where waiting is all.
fn hint(code: &str) -> &'static str {
    match code {
        "INVALID_ARGUMENT" => "see `topic` in the channel's table",
        "SENDER_ID_MISMATCH" => "see that the account belongs to the project of the app",
        "PERMISSION_DENIED" => {
            "switch on the Firebase Cloud Messaging API of the project, and let the account send (cloudmessaging.messages.create)"
        }
        "NOT_FOUND" | "UNREGISTERED" => "see that the project of the account still exists",
        "THIRD_PARTY_AUTH_ERROR" => "put the key of Apple's push service into the settings of the Firebase project",
        "UNAUTHENTICATED" => "see that the account still exists and that the clock is right",
        _ => "",
    }
}
