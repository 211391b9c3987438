//! One talk with a broker: connect, publish, hear of each message that it is taken, take leave. Nothing is kept between two talks, neither
//! here nor there, but the retained messages themselves.

use std::error::Error as _;
use std::time::Duration;

use futures_util::future::try_join_all;
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, MqttOptions, Packet, PubAckReason,
    PublishNoticeError, PublishOptions, PublishProperties, PublishResult, QoS, Transport,
};
use tokio::time::Instant;
use url::Url;

use crate::feed::address::shown;
use crate::secret::Secret;
use crate::sink::http::first_words;
use crate::sink::{Parcel, SendError};

/// How often a silent connection is tried, in seconds.
const KEEP_ALIVE: u16 = 30;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long taking leave may take.
const PARTING: Duration = Duration::from_secs(1);

/// One publication.
pub(super) struct Word {
    topic: String,
    body: Vec<u8>,
    properties: PublishProperties,
}

impl Word {
    /// A message, kept by the broker for so many seconds.
    pub(super) fn told(topic: &str, parcel: &Parcel, kept_for: u32) -> Self {
        let property = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let properties = PublishProperties {
            payload_format_indicator: Some(1),
            message_expiry_interval: Some(kept_for),
            content_type: Some(parcel.content_type.clone()),
            user_properties: vec![property("key", &parcel.key), property("bulletin", parcel.bulletin.as_str())],
            ..PublishProperties::default()
        };
        Self { topic: topic.to_owned(), body: parcel.body.as_bytes().to_vec(), properties }
    }

    /// Nothing, which takes away what is kept.
    pub(super) fn nothing(topic: &str) -> Self {
        Self { topic: topic.to_owned(), body: Vec::new(), properties: PublishProperties::default() }
    }
}

/// A broker and how it is spoken to.
pub(super) struct Broker {
    name: String,
    options: MqttOptions,
}

impl Broker {
    pub(super) fn new(url: &Url, transport: Option<Transport>, login: Option<(&str, &Secret)>) -> Result<Self, String> {
        let name = shown(url);
        let host = url.host_str().ok_or_else(|| format!("{name} names no host"))?;
        // An IPv6 address stands in brackets in an address of the web, and nowhere else.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = url.port().unwrap_or(if transport.is_some() { 8883 } else { 1883 });
        let mut options = MqttOptions::new("nadhir", (host.to_owned(), port));
        options.set_clean_start(true).set_keep_alive(KEEP_ALIVE).set_connect_timeout(CONNECT_TIMEOUT);
        if let Some(transport) = transport {
            options.set_transport(transport);
        }
        if let Some((user, password)) = login {
            options.set_credentials(user.to_owned(), password.expose().to_owned());
        }
        options.validate().map_err(|why| format!("{name} cannot be spoken to: {why}"))?;
        Ok(Self { name, options })
    }

    /// How it is called in words.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Connects, says all of this in order, and returns once the broker has said of each that it is taken.
    pub(super) async fn say(&self, words: Vec<Word>, end: Instant) -> Result<(), SendError> {
        let mut options = self.options.clone();
        // Two talks at once must not push each other out.
        options.set_client_id(format!("nadhir{:016x}", fastrand::u64(..)));
        let (client, mut events) = AsyncClient::builder(options).capacity(words.len() + 8).build();
        let connected = async {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => return Ok(()),
                    Ok(_) => {}
                    Err(why) => return Err(self.unreached(&why)),
                }
            }
        };
        match tokio::time::timeout_at(end, connected).await {
            Ok(connected) => connected?,
            Err(_) => return Err(self.later("cannot be reached: no connection in time")),
        }
        let said = tokio::time::timeout_at(end, self.publish(&client, &mut events, words)).await;
        let said = said.unwrap_or_else(|_| Err(self.unknown("did not say in time that it took the message")));
        part(&client, &mut events).await;
        said
    }

    async fn publish(&self, client: &AsyncClient, events: &mut EventLoop, words: Vec<Word>) -> Result<(), SendError> {
        if words.is_empty() {
            return Ok(());
        }
        let mut taken = Vec::with_capacity(words.len());
        for Word { topic, body, properties } in words {
            let options = PublishOptions::new(QoS::AtLeastOnce).retained().properties(properties);
            // There is room for all of them, so that none waits for the connection.
            let told = client.try_publish_tracked(topic, body, options);
            taken.push(told.map_err(|why| self.unknown(&format!("could not be told: {why}")))?);
        }
        let all = try_join_all(taken.into_iter().map(rumqttc::PublishNotice::wait_async));
        tokio::pin!(all);
        loop {
            tokio::select! {
                biased;
                all = &mut all => {
                    let answers = all.map_err(|why| self.refused(&why))?;
                    return self.all_answered(&answers);
                }
                event = events.poll() => match event {
                    Ok(Event::Incoming(Packet::Disconnect(word))) => {
                        return Err(self.unknown(&format!("ended the connection ({:?})", word.reason_code)));
                    }
                    Ok(_) => {}
                    Err(why) => return Err(self.unknown(&format!("broke off ({})", innermost(&why)))),
                },
            }
        }
    }

    fn later(&self, what: &str) -> SendError {
        SendError::Later { why: format!("{} {what}", self.name), retry_after: None }
    }

    fn unknown(&self, what: &str) -> SendError {
        SendError::Unknown { why: format!("{} {what}; it may have taken the message", self.name) }
    }

    /// What it means that no connection came about: nothing was sent.
    fn unreached(&self, why: &ConnectionError) -> SendError {
        let hint = match why {
            ConnectionError::ConnectionRefused(
                ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
            ) => "; see that `user` and `password` are right",
            _ => "",
        };
        self.later(&format!("cannot be reached: {}{hint}", innermost(why)))
    }

    /// What all answers mean together: where one took it and another did not, it has arrived in part.
    fn all_answered(&self, answers: &[PublishResult]) -> Result<(), SendError> {
        let is_in_part = answers.iter().any(|answer| self.answered(answer).is_ok());
        answers.iter().try_for_each(|answer| match self.answered(answer) {
            Err(SendError::Later { why, .. }) if is_in_part => Err(SendError::Unknown { why }),
            answered => answered,
        })
    }

    /// What an answer means: a PUBACK may refuse as well as take.
    fn answered(&self, answer: &PublishResult) -> Result<(), SendError> {
        match answer {
            PublishResult::Qos1(ack) => match ack.reason {
                PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Ok(()),
                reason => Err(self.refused(&PublishNoticeError::V5PubAck(reason))),
            },
            PublishResult::Qos0Flushed | PublishResult::Qos2Completed(_) | PublishResult::Qos2PubRecRejected(_) => {
                Err(self.unknown("did not answer as MQTT has it"))
            }
        }
    }

    /// What a refusal means. Someone may set right what the broker allows while the storm lasts.
    fn refused(&self, why: &PublishNoticeError) -> SendError {
        match why {
            PublishNoticeError::V5PubAck(PubAckReason::PayloadFormatInvalid) => {
                SendError::Never { why: format!("{} will never take this message: {why}", self.name) }
            }
            PublishNoticeError::V5PubAck(PubAckReason::NotAuthorized) => {
                self.later("does not let this user publish under the prefix; allow it there")
            }
            PublishNoticeError::V5PubAck(reason) => self.later(&format!("did not take the message: {reason:?}")),
            PublishNoticeError::RetainNotSupported => self.later("keeps no messages; let it retain them"),
            other => self.unknown(&format!("did not say that it took the message ({other})")),
        }
    }
}

/// Takes leave; whoever does not part in time is left behind.
async fn part(client: &AsyncClient, events: &mut EventLoop) {
    if client.try_disconnect_now().is_ok() {
        let parted = async { while events.poll().await.is_ok() {} };
        let _ = tokio::time::timeout(PARTING, parted).await;
    }
}

/// A failure in the words of its innermost cause; none of them holds a password.
fn innermost(why: &ConnectionError) -> String {
    let mut cause: &dyn std::error::Error = why;
    let mut inner = why.source();
    while let Some(next) = inner {
        cause = next;
        inner = next.source();
    }
    first_words(&cause.to_string())
}
