//! MQTT 5: each bulletin under a topic for every governorate it speaks of, its hazard and the number of its warning, kept by the broker until
//! nobody is told any more, so that whoever subscribes later finds what is so.
//!
//! Each warning has topics of its own, `{prefix}/{governorate}/{hazard}/{number}`: two warnings of one hazard in one place never take each
//! other's word away. A newer edition takes the place of the older one; an end does too, and goes by itself when its time is up. A place
//! that is left is told the edition that says so. Where another number is replaced, its topic is emptied, after the new word stands.
//! It never subscribes, keeps no session, and says only what a PUBACK said.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rumqttc::{TlsConfiguration, Transport};
use tokio::sync::Mutex;
use url::Url;

use super::{Kind, Opener, Parcel, Receipt, SendError, Sink, World};
use super::{http, trust};
use crate::feed::address::is_loopback;
use crate::feed::keys;
use crate::message::Form;
use crate::secret::{Secret, SecretSource};
use crate::table::Table;

mod talk;
mod topics;

use talk::{Broker, Word};
use topics::Plan;

/// The longest prefix of topics, in bytes.
const MAX_PREFIX: usize = 200;

/// The largest message, in bytes: what brokers that are set up tightly take.
const MAX_BODY: usize = 256 * 1024;

/// How many warnings are remembered with the topics they were published under.
const MAX_REMEMBERED: usize = 1000;

/// The kind.
pub const KIND: Kind = Kind {
    name: "mqtt",
    about: "publishes each message at an MQTT 5 broker, kept there by place, hazard and warning while it counts",
    example: r#"[makkah-mqtt]
kind = "mqtt"
broker = "mqtts://mqtt.example.sa:8883"  # in the open, mqtt://, to this machine alone
prefix = "makkah/warnings"               # topics are PREFIX/GOVERNORATE/HAZARD/NUMBER: subscribe to makkah/warnings/jeddah/#
user = "nadhir"                          # where the broker asks for it
password = { file = "mqtt.password" }    # or { credential = "…" } with systemd
# ca = "broker-ca.pem"                   # an authority to trust beside those of this machine; in the state directory, or from /
timeout = "15s"                          # at most 60s
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// What a channel of this kind says of itself.
#[derive(Debug)]
struct Settings {
    broker: Url,
    prefix: String,
    login: Option<(String, SecretSource)>,
    ca: Option<PathBuf>,
    timeout: Duration,
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let broker = table.need_text("broker", "\"mqtts://…\"", broker);
    let prefix = table.need_text("prefix", "\"makkah/warnings\"", prefix);
    let user = table.text("user", |text| Ok(text.to_owned()));
    let login = match (user, table.has("password")) {
        (Some(user), true) => keys::secret(table, "password").map(|secret| Some((user.value, secret))),
        (None, false) if !table.has("user") => {
            // Asked for all the same, so that the key counts as known.
            table.table("password").is_none().then_some(None)
        }
        (user, has_password) => {
            let (missing, example) =
                if has_password { ("user", "\"…\"") } else { ("password", "{ file = \"…\" }") };
            if has_password {
                keys::secret(table, "password");
            }
            if user.is_some() || has_password {
                table.missing(missing, example);
            }
            None
        }
    };
    let ca = table
        .text("ca", |text| if text.is_empty() { Err("the path is empty".to_owned()) } else { Ok(PathBuf::from(text)) });
    let is_ca_good = ca.is_some() || !table.has("ca");
    let timeout = http::timeout(table);
    let (broker, prefix) = (broker?.value, prefix?.value);
    is_ca_good.then_some(())?;
    Some(Settings { broker, prefix, login: login?, ca: ca.map(|found| found.value), timeout: timeout? })
}

/// Reads the address of a broker, without showing more of it than its scheme.
fn broker(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|why| format!("this is no address ({why}); write it as mqtts://host:8883"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user name or password does not belong in an address; write `user` and `password`".to_owned());
    }
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    match url.scheme() {
        _ if !url.has_host() || !is_bare => {
            Err("this is no address of a broker; write it as mqtts://host:8883".to_owned())
        }
        "mqtts" => Ok(url),
        "mqtt" if is_loopback(&url) => Ok(url),
        "mqtt" => Err("a broker is reached in the open only on this machine; write mqtts://".to_owned()),
        other => Err(format!("`{other}` is not spoken here; write mqtts://")),
    }
}

fn prefix(text: &str) -> Result<String, String> {
    let is_level = |level: &str| !level.is_empty() && !level.contains(|c: char| c.is_control() || "+#".contains(c));
    let is_good = text.len() <= MAX_PREFIX && text.split('/').all(is_level) && !text.starts_with('$');
    if is_good {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{text}` is no beginning of a topic: words with `/` between them, without `+`, `#` and a `$` in front"
        ))
    }
}

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Json
    }

    /// The places stand in no other form.
    fn takes(&self, form: Form) -> bool {
        form == Form::Json
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let login = match &self.login {
            Some((user, source)) => Some((user.clone(), world.secret(source)?)),
            None => None,
        };
        let transport: Option<Transport> = match self.broker.scheme() {
            "mqtts" => {
                let config = trust::config(self.ca.as_ref().map(|path| world.dir.join(path)).as_deref())?;
                Some(Transport::tls_with_config(TlsConfiguration::Rustls(config)))
            }
            _ => None,
        };
        let broker = Broker::new(
            &self.broker,
            transport,
            login.as_ref().map(|(user, secret): &(String, Secret)| (user.as_str(), secret)),
        )?;
        Ok(Arc::new(Mqtt { broker, prefix: self.prefix.clone(), timeout: self.timeout, memory: Mutex::default() }))
    }
}

/// The topics that were published for each warning, by its number, with when that was said.
type Memory = BTreeMap<String, Said>;

#[derive(Debug, Clone, Default)]
struct Said {
    edition: u32,
    topics: BTreeSet<String>,
}

struct Mqtt {
    broker: Broker,
    prefix: String,
    timeout: Duration,
    /// Held while a message is published, so that an older edition never comes after a newer one.
    memory: Mutex<Memory>,
}

impl Sink for Mqtt {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            http::check_length("an MQTT broker", parcel.body.len(), MAX_BODY, "bytes")?;
            let plan = Plan::read(&parcel.body, &self.prefix).map_err(|why| SendError::Never { why })?;
            let end = tokio::time::Instant::now() + self.timeout;
            let Ok(mut memory) = tokio::time::timeout_at(end, self.memory.lock()).await else {
                let why = format!("{} still has another message in hand", self.broker.name());
                return Err(SendError::Later { why, retry_after: None });
            };
            self.publish(parcel, &plan, &mut memory, end).await
        })
    }

    /// Connects and takes leave; whether the user may publish under the prefix, only a message shows.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            let end = tokio::time::Instant::now() + self.timeout.min(Duration::from_secs(5));
            self.broker.say(Vec::new(), end).await.map(drop).map_err(|why| why.to_string())
        })
    }
}

impl Mqtt {
    async fn publish(
        &self,
        parcel: &Parcel,
        plan: &Plan,
        memory: &mut Memory,
        end: tokio::time::Instant,
    ) -> Result<Receipt, SendError> {
        let before = memory.get(&plan.number).cloned().unwrap_or_default();
        if plan.edition < before.edition {
            return Ok(Receipt(format!("edition {} stands there already", before.edition)));
        }
        let mut topics = plan.topics.clone();
        // Where the warning was told before under another hazard, or in a place that it does not even leave.
        topics.extend(before.topics);
        let others = plan.replaced.iter().filter_map(|number| memory.get(number)).flat_map(|said| said.topics.clone());
        let emptied: BTreeSet<String> =
            plan.emptied.iter().cloned().chain(others).filter(|topic| !topics.contains(topic)).collect();
        let kept_for = u32::try_from((parcel.expires - parcel.now).num_seconds().max(1)).unwrap_or(u32::MAX);
        let told = topics.iter().map(|topic| Word::told(topic, parcel, kept_for));
        let words: Vec<Word> = told.chain(emptied.iter().map(|topic| Word::nothing(topic))).collect();
        // From here on it may stand there: nothing older is to be said any more, whatever comes of this.
        remember(memory, plan, &topics);
        let count = topics.len();
        self.broker.say(words, end).await?;
        for number in &plan.replaced {
            memory.remove(number);
        }
        let one = if count == 1 { "topic" } else { "topics" };
        Ok(Receipt(format!("PUBACK of {count} {one}")))
    }
}

fn remember(memory: &mut Memory, plan: &Plan, topics: &BTreeSet<String>) {
    memory.insert(plan.number.clone(), Said { edition: plan.edition, topics: topics.clone() });
    while MAX_REMEMBERED < memory.len() {
        // Numbers grow with the year and within it, so that the first is the oldest.
        memory.pop_first();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_beginning_of_a_topic_is_taken_for_one() {
        assert!(prefix("makkah/warnings").is_ok() && prefix("w").is_ok());
        for wrong in ["", "/a", "a/", "a//b", "a/+/b", "#", "$SYS/a", "a\0b"] {
            assert!(prefix(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_broker_is_reached_in_the_open_only_on_this_machine() {
        for good in
            ["mqtts://mqtt.example.sa:8883", "mqtts://mqtt.example.sa", "mqtt://127.0.0.1:1883", "mqtt://localhost"]
        {
            assert!(broker(good).is_ok(), "{good}");
        }
        for (wrong, said) in [
            ("mqtt://mqtt.example.sa", "write mqtts://"),
            ("https://mqtt.example.sa", "`https` is not spoken"),
            ("mqtts://me:hunter2@mqtt.example.sa", "write `user` and `password`"),
            ("mqtts://mqtt.example.sa/topic", "no address of a broker"),
        ] {
            let why = broker(wrong).unwrap_err();
            assert!(why.contains(said) && !why.contains("hunter2"), "{wrong}: {why}");
        }
    }
}
