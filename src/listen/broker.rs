//! One broker: connects, takes the topics, hands over what comes, and begins again when the connection ends, for as long as it
//! is wanted.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, Packet, Publish, QoS, SubAck, SubscribeFilterInput,
    SubscribeReasonCode, ValidatedTopicFilter,
};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{Ack, MAX_IN_HAND, Message, Standing, Standings};

/// The first wait before connecting again; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait before connecting again.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A connection that held for so long was a good one: the next wait is the first again.
const STEADY: Duration = Duration::from_secs(60);
/// How many requests may wait for the connection: a word for every message in hand, and the topics.
const REQUESTS: usize = MAX_IN_HAND as usize + 8;
/// How long taking leave may take.
const PARTING: Duration = Duration::from_secs(1);

/// A broker to listen to.
pub(super) struct Broker {
    pub(super) name: Arc<str>,
    pub(super) options: MqttOptions,
    pub(super) topics: Vec<ValidatedTopicFilter>,
    pub(super) to: mpsc::Sender<Message>,
    pub(super) standings: Arc<watch::Sender<Standings>>,
}

impl Broker {
    /// Listens until told to stop or until nobody takes what is heard.
    pub(super) async fn listen(self, stop: CancellationToken) {
        let (client, mut events) = AsyncClient::builder(self.options.clone()).capacity(REQUESTS).build();
        let connection = Arc::new(AtomicU64::new(0));
        let mut wait = FIRST_WAIT;
        let mut since = Instant::now();
        loop {
            let event = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                event = events.poll() => event,
            };
            match event {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    since = Instant::now();
                    connection.fetch_add(1, Ordering::AcqRel);
                    // Always, since a broker that restarted has forgotten; it takes them twice without harm.
                    if let Err(why) = client.try_subscribe_many(self.filters()) {
                        self.stands(Standing::Lost(format!("the topics could not be asked for: {why}")));
                    }
                }
                Ok(Event::Incoming(Packet::SubAck(answer))) => self.stands(taken(&answer)),
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    let message = self.message(&publish, &client, &connection);
                    let handed = tokio::select! {
                        biased;
                        () = stop.cancelled() => break,
                        handed = self.to.send(message) => handed,
                    };
                    if handed.is_err() {
                        break;
                    }
                }
                Ok(Event::Incoming(Packet::Disconnect(word))) => {
                    self.stands(Standing::Lost(format!("it ended the connection: {:?}", word.reason_code)));
                }
                Ok(_) => {}
                Err(why) => {
                    connection.fetch_add(1, Ordering::AcqRel);
                    self.stands(Standing::Lost(told(&why)));
                    if STEADY <= since.elapsed() {
                        wait = FIRST_WAIT;
                    }
                    let shaken = wait + wait.mul_f64(fastrand::f64() / 5.0);
                    debug!("Connecting to {} again in {shaken:?}: {}", self.name, told(&why));
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => break,
                        () = tokio::time::sleep(shaken) => {}
                    }
                    // What failed to connect has not held.
                    since = Instant::now();
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
        part(&client, &mut events).await;
    }

    fn filters(&self) -> Vec<SubscribeFilterInput> {
        self.topics.iter().map(|topic| SubscribeFilterInput::validated(topic.clone(), QoS::AtLeastOnce)).collect()
    }

    fn message(&self, publish: &Publish, client: &AsyncClient, current: &Arc<AtomicU64>) -> Message {
        let ack = Ack {
            client: client.clone(),
            ack: client.prepare_ack(publish),
            connection: current.load(Ordering::Acquire),
            current: Arc::clone(current),
        };
        Message {
            broker: Arc::clone(&self.name),
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            body: publish.payload.to_vec(),
            ack,
        }
    }

    fn stands(&self, standing: Standing) {
        self.standings.send_if_modified(|all| match all.get_mut(&self.name) {
            Some(known) if *known != standing => {
                *known = standing;
                true
            }
            Some(_) | None => false,
        });
    }
}

/// Whether the broker took every topic.
fn taken(answer: &SubAck) -> Standing {
    let refused = answer.return_codes.iter().find(|code| !matches!(code, SubscribeReasonCode::Success(_)));
    match refused {
        None => Standing::Heard,
        Some(code) => Standing::Lost(format!("it refused a topic: {code:?}")),
    }
}

/// Takes leave, so that the broker does not take us for lost; it keeps the session all the same.
async fn part(client: &AsyncClient, events: &mut EventLoop) {
    if client.try_disconnect_now().is_ok() {
        let parted = async { while events.poll().await.is_ok() {} };
        let _ = tokio::time::timeout(PARTING, parted).await;
    }
}

/// A failure in the words of its innermost cause; none of them holds a password.
fn told(why: &ConnectionError) -> String {
    match why {
        ConnectionError::ConnectionRefused(code) => format!("it refused the connection: {code:?}"),
        ConnectionError::Timeout(_) => "no connection in time".to_owned(),
        other => {
            let mut cause: &dyn std::error::Error = other;
            let mut innermost = other.source();
            while let Some(inner) = innermost {
                cause = inner;
                innermost = inner.source();
            }
            cause.to_string()
        }
    }
}
