//! PagerDuty, for those who operate and are on call: each warning or notice as an incident under its number, which its end resolves.
//!
//! The number is the key by which PagerDuty knows an incident again: a second copy of an event changes nothing there. An incident of a
//! warning whose place another one takes is resolved after it. It is not for the public, and `nadhir check` says so.
//!
//! Sources: PagerDuty's developer documentation, "Events API v2": "Send an Alert Event" (`routing_key`, `event_action`, `dedup_key`,
//! `payload`; a summary of 1024 characters at most), "Rate Limits".

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::facts::Facts;
use super::http::{self, Place, Receiver};
use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World};
use crate::feed::keys;
use crate::hazard::{Hazard, Severity};
use crate::message::Form;
use crate::secret::{Secret, SecretSource};
use crate::table::Table;

/// Where PagerDuty takes events; `https://events.eu.pagerduty.com` for accounts in the EU.
const API: &str = "https://events.pagerduty.com/";

/// The longest summary, in characters.
const MAX_SUMMARY: usize = 1024;

/// The longest event, in bytes.
const MAX_BYTES: usize = 512 * 1024;

/// The most incidents of others that are resolved after one event.
const MAX_RESOLVED: usize = 8;

/// The kind.
pub const KIND: Kind = Kind {
    name: "pagerduty",
    about: "raises an incident at PagerDuty for those on call, and resolves it at the end",
    example: r#"[on-call]
kind = "pagerduty"
routing_key = { file = "pagerduty.key" } # of an integration "Events API v2"; or { credential = "…" } with systemd
api = "https://events.pagerduty.com"     # or https://events.eu.pagerduty.com
timeout = "15s"                          # at most 60s
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// What a channel of this kind says of itself.
#[derive(Debug)]
struct Settings {
    key: SecretSource,
    api: Url,
    timeout: Duration,
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let key = keys::secret(table, "routing_key");
    let api = http::base(table, "api", API);
    let timeout = http::timeout(table);
    Some(Settings { key: key?, api: api?, timeout: timeout? })
}

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Json
    }

    fn takes(&self, form: Form) -> bool {
        form == Form::Json
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let key = world.secret(&self.key)?;
        let is_key =
            (8..=64).contains(&key.expose().len()) && key.expose().bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_key {
            return Err(format!("{} holds no routing key: 32 letters and digits, on one line", self.key));
        }
        let receiver = Receiver::new(world, Place::server(&self.api, &[key.expose()]), self.timeout);
        let mut url = self.api.clone();
        url.set_path(&format!("{}v2/enqueue", self.api.path()));
        Ok(Arc::new(PagerDuty { receiver, url, key, source: self.key.clone() }))
    }
}

struct PagerDuty {
    receiver: Receiver,
    url: Url,
    key: Secret,
    source: SecretSource,
}

/// What PagerDuty says of an event that it took.
#[derive(Deserialize)]
struct Taken {
    status: String,
    dedup_key: String,
}

impl Sink for PagerDuty {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let facts = Facts::read(&parcel.body)?;
            let body = event(&facts, self.key.expose());
            http::check_length("PagerDuty", body.to_string().len(), MAX_BYTES, "bytes")?;
            let answer = self.receiver.post_json(&self.url, HeaderMap::new(), &body).await?;
            if answer.status.is_success() {
                let taken = answer.json::<Taken>().filter(|taken| taken.status == "success");
                let Some(taken) = taken else { return Err(self.receiver.unclear(&answer, "PagerDuty")) };
                for number in facts.replaced().into_iter().take(MAX_RESOLVED) {
                    let end = resolve(number, self.key.expose());
                    // It is no message of its own: an incident that stays open is seen, and closed by hand.
                    let sent = self.receiver.post_json(&self.url, HeaderMap::new(), &end).await;
                    let why = match sent {
                        Ok(answer) if answer.status.is_success() => continue,
                        Ok(answer) => answer.words,
                        Err(why) => why.to_string(),
                    };
                    tracing::warn!("The incident {number} at PagerDuty was not resolved, close it by hand: {why}");
                }
                return Ok(Receipt(format!("incident {}", taken.dedup_key)));
            }
            let hint = match answer.status {
                StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN => {
                    format!("see that {} is the routing key of an integration \"Events API v2\"", self.source)
                }
                _ => String::new(),
            };
            self.receiver.settle(&answer, parcel.now, None, &hint)
        })
    }

    /// Finds out whether PagerDuty can be reached. Whether it knows the key, only an event shows.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.receiver.reach_host(&self.url))
    }
}

/// The event that a message is.
fn event(facts: &Facts, key: &str) -> Value {
    if facts.is_end() {
        return resolve(&facts.number, key);
    }
    let texts = facts.texts();
    let headlines: Vec<&str> = texts.iter().map(|(_, text)| text.headline.as_str()).collect();
    let summary: String = headlines.join(" · ").chars().take(MAX_SUMMARY).collect();
    let places: Vec<&str> = facts.areas.iter().map(|area| area.id.as_str()).collect();
    let topic = facts.about.as_ref().map(|about| about.topic.as_str());
    let details: serde_json::Map<String, Value> =
        texts.iter().map(|(tag, text)| ((*tag).to_owned(), text.body.as_str().into())).collect();
    json!({
        "routing_key": key,
        "event_action": "trigger",
        "dedup_key": facts.number,
        "client": "nadhir",
        "payload": {
            "summary": summary,
            "source": "nadhir",
            "severity": severity(facts),
            "timestamp": facts.onset,
            "component": places.join(", "),
            "group": facts.hazard.map(Hazard::name).or(topic),
            "class": facts.change.map_or("notice", |change| change.name()),
            "custom_details": details,
        },
    })
}

fn resolve(number: &str, key: &str) -> Value {
    json!({ "routing_key": key, "event_action": "resolve", "dedup_key": number })
}

/// How bad it is in the words of PagerDuty; a notice about the service is an error of it.
fn severity(facts: &Facts) -> &'static str {
    match facts.severity {
        Some(Severity::Red) => "critical",
        Some(Severity::Orange) => "error",
        Some(Severity::Yellow) => "warning",
        Some(Severity::Advisory) => "info",
        None if facts.stage.is_some() => "error",
        None => "info",
    }
}
