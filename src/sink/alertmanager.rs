//! Alertmanager of Prometheus, for those who operate: each place of a warning as an alert that fires until its end.
//!
//! An alert is known there by its labels alone: hazard, severity and governorate, so that a raise ends the milder alert and begins the
//! worse one, and an end ends all of them. Every edition says for each of its places, and for each that it leaves, which severity
//! fires and that the others do not; a second copy changes nothing. Every server of a cluster is told, as Alertmanager wants it, and the
//! message has arrived when one of them took it: they tell each other. It is not for the public.
//!
//! Sources: prometheus.io/docs/alerting/latest ("Alerts API", "High Availability", "Clients"), and the OpenAPI description of its API v2.

use std::sync::Arc;
use std::time::Duration;

use chrono::SecondsFormat;
use futures_util::future::{BoxFuture, join_all};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde_json::{Value, json};
use url::Url;

use super::facts::{Facts, Text};
use super::http::{self, Place, Receiver};
use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World};
use crate::feed::keys;
use crate::hazard::{Hazard, Severity};
use crate::message::Form;
use crate::secret::SecretSource;
use crate::table::Table;
use crate::time::Timestamp;

/// The most servers of a cluster.
pub(crate) const MAX_SERVERS: usize = 5;

/// The kind.
pub const KIND: Kind = Kind {
    name: "alertmanager",
    about: "fires an alert for each place at Alertmanager, for those who operate, and ends it",
    example: r#"[monitoring]
kind = "alertmanager"
urls = ["http://127.0.0.1:9093"]         # every server of the cluster; https, or http to this machine
authorization = { file = "am.auth" }     # the whole value of that header, where they ask for one
timeout = "15s"                          # at most 60s
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// What a channel of this kind says of itself.
#[derive(Debug)]
struct Settings {
    urls: Vec<Url>,
    authorization: Option<SecretSource>,
    timeout: Duration,
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let before = table.faults();
    let urls = urls(table);
    let authorization = keys::maybe_secret(table, "authorization");
    let timeout = http::timeout(table);
    if before < table.faults() {
        return None;
    }
    Some(Settings { urls, authorization, timeout: timeout? })
}

fn urls(table: &Table<'_>) -> Vec<Url> {
    const EXAMPLE: &str = "[\"http://127.0.0.1:9093\"]";
    if !table.has("urls") {
        table.missing("urls", EXAMPLE);
    }
    let Some(texts) = table.texts("urls") else { return Vec::new() };
    if texts.is_empty() || MAX_SERVERS < texts.len() {
        let message = format!("`urls` names {} servers: one to {MAX_SERVERS} are told", texts.len());
        table.error(&table.span_of("urls"), message, Some(format!("write {EXAMPLE}")));
    }
    let read = |found: crate::table::Found<String>| match http::parse_base(&found.value) {
        Ok(url) => Some(url),
        Err(why) => {
            table.error(&found.span, format!("`urls`: {why}"), None);
            None
        }
    };
    texts.into_iter().filter_map(read).collect()
}

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Json
    }

    fn takes(&self, form: Form) -> bool {
        form == Form::Json
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let (mut headers, mut hushed) = (HeaderMap::new(), Vec::new());
        if let Some(source) = &self.authorization {
            let (value, secret) = http::authorization(world, source)?;
            headers.insert(AUTHORIZATION, value);
            hushed.push(secret);
        }
        let server = |base: &Url| {
            let words = hushed.iter().flat_map(|secret| secret.expose().split_whitespace());
            let place = words.fold(Place::server(base, &[]), Place::hush);
            (Receiver::new(world, place, self.timeout), base.clone())
        };
        Ok(Arc::new(Alertmanager { servers: self.urls.iter().map(server).collect(), headers }))
    }
}

struct Alertmanager {
    servers: Vec<(Receiver, Url)>,
    headers: HeaderMap,
}

impl Sink for Alertmanager {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let alerts = Value::Array(alerts(&Facts::read(&parcel.body)?, parcel.expires)?);
            let told = self.servers.iter().map(async |(receiver, base)| {
                let answer = receiver.post_json(&path(base, "api/v2/alerts"), self.headers.clone(), &alerts).await?;
                receiver.settle(&answer, parcel.now, None, "")
            });
            let mut taken = 0;
            let mut failed: Vec<SendError> = Vec::new();
            for answer in join_all(told).await {
                match answer {
                    Ok(_) => taken += 1,
                    Err(why) => failed.push(why),
                }
            }
            let without: String = failed.iter().map(|why| format!("; not by all: {why}")).collect();
            match (taken, failed.into_iter().next()) {
                (0, Some(why)) => Err(why),
                _ => Ok(Receipt(format!("taken by {taken} of {}{without}", self.servers.len()))),
            }
        })
    }

    /// Asks each server whether it is ready.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            for (receiver, base) in &self.servers {
                let answer = receiver.get(&path(base, "-/ready"), self.headers.clone()).await?;
                if !answer.status.is_success() {
                    return Err(format!("{} answered {}", http::shown(base), answer.words));
                }
            }
            Ok(())
        })
    }
}

fn path(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path()));
    url
}

/// The alerts that a message comes to: for each of its places, which fires and which do not.
fn alerts(facts: &Facts, expires: Timestamp) -> Result<Vec<Value>, SendError> {
    let texts = facts.texts();
    if facts.stage.is_some() || facts.hazard.is_none() {
        let topic = facts.about.as_ref().map_or("statement", |about| about.topic.as_str());
        let labels =
            json!({ "alertname": "NadhirNotice", "topic": topic, "number": facts.number, "severity": "notice" });
        return Ok(vec![alert(&labels, &texts, facts, (!facts.is_end()).then_some(expires))]);
    }
    let places = Facts::each_once(facts.areas.iter().chain(&facts.left))?;
    let mut alerts = Vec::new();
    for place in places {
        let is_in_it = !facts.is_end() && facts.areas.iter().any(|area| area.id == place);
        for severity in Severity::ALL {
            let fires = is_in_it && facts.severity == Some(*severity);
            let labels = json!({
                "alertname": "NadhirWarning",
                "hazard": facts.hazard.map(Hazard::name),
                "governorate": place,
                "severity": severity.name(),
            });
            alerts.push(alert(&labels, &texts, facts, fires.then(|| facts.until.unwrap_or(expires))));
        }
    }
    Ok(alerts)
}

/// One alert that fires until a moment; without one, it is over.
fn alert(labels: &Value, texts: &[(&str, &Text)], facts: &Facts, until: Option<Timestamp>) -> Value {
    let instant = |time: Timestamp| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut annotations = serde_json::Map::new();
    for (tag, text) in texts {
        annotations.insert(format!("summary_{tag}"), text.headline.as_str().into());
        annotations.insert(format!("description_{tag}"), text.body.as_str().into());
    }
    annotations.insert("bulletin".to_owned(), format!("{}.{}", facts.number, facts.edition).into());
    if let Some((_, first)) = texts.first() {
        annotations.insert("summary".to_owned(), first.headline.as_str().into());
    }
    let mut alert = json!({ "labels": labels, "annotations": annotations });
    if let Some(fields) = alert.as_object_mut() {
        // An alert whose end lies before now is over; 1970 is, whatever the clocks of both sides say.
        let begin = until.and(facts.onset).map_or_else(|| instant(Timestamp::UNIX_EPOCH), instant);
        fields.insert("startsAt".to_owned(), begin.into());
        fields.insert("endsAt".to_owned(), until.map_or_else(|| "1970-01-01T00:00:01Z".to_owned(), instant).into());
    }
    alert
}
