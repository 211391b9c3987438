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
use tracing::{debug, info, warn};

use super::{Ack, MAX_IN_HAND, Message, Standing, Standings};

/// The first wait before connecting again; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait before connecting again.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A connection that held for so long was a good one: the next wait is the first again.
const STEADY: Duration = Duration::from_secs(60);
/// The first wait before a topic that was refused is asked for again; it doubles.
pub(super) const ASK_AFTER: Duration = Duration::from_secs(30);
/// The longest wait before a topic that was refused is asked for again.
const ASK_AT_LEAST_EVERY: Duration = Duration::from_secs(15 * 60);
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
    /// The first wait before a topic that was refused is asked for again.
    pub(super) ask_after: Duration,
}

/// The topics that were asked for last, and those of them that have to be asked for again.
struct Asking {
    asked: Vec<ValidatedTopicFilter>,
    refused: Vec<ValidatedTopicFilter>,
    /// When they are asked for again; none while an answer is waited for or nothing was refused.
    again: Option<Instant>,
    wait: Duration,
}

impl Broker {
    /// Listens until told to stop or until nobody takes what is heard.
    pub(super) async fn listen(self, stop: CancellationToken) {
        let (client, mut events) = AsyncClient::builder(self.options.clone()).capacity(REQUESTS).build();
        let connection = Arc::new(AtomicU64::new(0));
        let mut wait = FIRST_WAIT;
        let mut since = Instant::now();
        let mut asking = self.asking();
        loop {
            let event = {
                // Polled to its end whatever else happens meanwhile: dropped halfway, it could lose what it has read.
                let polled = events.poll();
                tokio::pin!(polled);
                loop {
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => break None,
                        event = &mut polled => break Some(event),
                        () = due(asking.again) => self.ask_again(&client, &mut asking),
                    }
                }
            };
            let Some(event) = event else { break };
            match event {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    since = Instant::now();
                    connection.fetch_add(1, Ordering::AcqRel);
                    // Always, since a broker that restarted has forgotten; it takes them twice without harm.
                    asking = self.asking();
                    self.ask(&client, &mut asking);
                }
                Ok(Event::Incoming(Packet::SubAck(answer))) => self.answered(&answer, &mut asking),
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
                    asking.again = None;
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

    /// All topics, none of them refused yet.
    fn asking(&self) -> Asking {
        Asking { asked: self.topics.clone(), refused: Vec::new(), again: None, wait: self.ask_after }
    }

    fn ask(&self, client: &AsyncClient, asking: &mut Asking) {
        let filters: Vec<SubscribeFilterInput> =
            asking.asked.iter().map(|topic| SubscribeFilterInput::validated(topic.clone(), QoS::AtLeastOnce)).collect();
        if let Err(why) = client.try_subscribe_many(filters) {
            self.stands(Standing::Lost(format!("the topics could not be asked for: {why}")));
            asking.refused = asking.asked.clone();
            asking.put_off();
        }
    }

    fn ask_again(&self, client: &AsyncClient, asking: &mut Asking) {
        asking.again = None;
        asking.asked = std::mem::take(&mut asking.refused);
        self.ask(client, asking);
    }

    /// Takes note of which topics the broker took; those that it refused are asked for again after a while.
    fn answered(&self, answer: &SubAck, asking: &mut Asking) {
        let codes = asking.asked.iter().zip(&answer.return_codes);
        let refused: Vec<_> = codes.filter(|(_, code)| !matches!(code, SubscribeReasonCode::Success(_))).collect();
        let Some((topic, code)) = refused.first().map(|(topic, code)| (name(topic), **code)) else {
            if asking.wait != self.ask_after {
                info!("{} took every topic that it had refused", self.name);
            }
            asking.wait = self.ask_after;
            return self.stands(Standing::Heard);
        };
        let (count, all) = (refused.len(), self.topics.len());
        asking.refused = refused.into_iter().map(|(topic, _)| topic.clone()).collect();
        let wait = asking.put_off();
        warn!(
            "{} refused {count} of {all} topics, the first {topic} ({code:?}); asked for again in {wait:?}",
            self.name
        );
        let text = format!(
            "it refused {count} of {all} topics, the first {topic} ({code:?}); asked for again until it takes them"
        );
        self.stands(Standing::Lost(text));
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

impl Asking {
    /// Has what was refused asked for again after a while, ever more rarely; gives the while.
    fn put_off(&mut self) -> Duration {
        let wait = self.wait + self.wait.mul_f64(fastrand::f64() / 5.0);
        self.again = Some(Instant::now() + wait);
        self.wait = (self.wait * 2).min(ASK_AT_LEAST_EVERY);
        wait
    }
}

/// The topic as it was written.
fn name(topic: &ValidatedTopicFilter) -> String {
    topic.clone().into()
}

/// Waits until a moment, for ever when there is none.
async fn due(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Reads one packet of MQTT; gives its kind and what it holds.
    async fn packet(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
        let kind = stream.read_u8().await.ok()?;
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let byte = stream.read_u8().await.ok()?;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        Some((kind >> 4, body))
    }

    /// A broker that answers each request for topics with the next codes, and tells how many topics were asked for.
    async fn answering(answers: Vec<Vec<u8>>, asked: mpsc::Sender<usize>) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut answers = answers.into_iter();
            while let Some((kind, body)) = packet(&mut stream).await {
                match kind {
                    // CONNECT: taken, without a session and without properties.
                    1 => stream.write_all(&[0x20, 3, 0, 0, 0]).await.unwrap(),
                    // SUBSCRIBE: its number, no properties, and a code for each topic.
                    8 => {
                        asked.send(body.windows(2).filter(|pair| *pair == b"/#").count()).await.unwrap();
                        let codes = answers.next().unwrap();
                        let length = u8::try_from(3 + codes.len()).unwrap();
                        stream
                            .write_all(&[&[0x90, length, body[0], body[1], 0], codes.as_slice()].concat())
                            .await
                            .unwrap();
                    }
                    _ => {}
                }
            }
        });
        port
    }

    #[tokio::test]
    async fn a_topic_that_is_refused_is_asked_for_again_on_the_same_connection_and_that_is_told() {
        const TAKEN: u8 = 1;
        const REFUSED: u8 = 0x87;
        let (asked, mut times) = mpsc::channel(8);
        let port = answering(vec![vec![TAKEN, REFUSED], vec![REFUSED], vec![TAKEN]], asked).await;
        let name: Arc<str> = "mqtt://broker.example".into();
        let (tell, mut standings) = watch::channel(Standings::from([(Arc::clone(&name), Standing::Starting)]));
        let (to, _inbox) = mpsc::channel(1);
        let topics = ["a/#", "b/#"].map(|topic| ValidatedTopicFilter::new(topic).unwrap()).to_vec();
        let broker = Broker {
            name: Arc::clone(&name),
            options: MqttOptions::new("nadhir0123456789abcdef", ("127.0.0.1".to_owned(), port)),
            topics,
            to,
            standings: Arc::new(tell),
            ask_after: Duration::from_millis(20),
        };
        let stop = CancellationToken::new();
        let listening = tokio::spawn(broker.listen(stop.clone()));
        let mut told = Vec::new();
        while told.last() != Some(&Standing::Heard) {
            standings.changed().await.unwrap();
            told.push(standings.borrow_and_update()[&name].clone());
        }
        let lost = |count, all| {
            let text = format!(
                "it refused {count} of {all} topics, the first b/# (NotAuthorized); asked for again until it takes them"
            );
            Standing::Lost(text)
        };
        assert_eq!(told, [lost(1, 2), Standing::Heard], "what is so already is not told again");
        stop.cancel();
        listening.await.unwrap();
        let mut all = Vec::new();
        while let Ok(count) = times.try_recv() {
            all.push(count);
        }
        assert_eq!(all, [2, 1, 1], "only what was refused is asked for again");
    }
}
