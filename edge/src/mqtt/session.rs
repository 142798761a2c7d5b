//! One connection after the other.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, LastWill, MqttOptions, NetworkOptions,
    Outgoing, Packet, QoS, StateError, TlsConfiguration, Transport, mqttbytes,
};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::ClientConfig;

use super::outbox::{Outbox, Waiting};
use super::tls;
use super::topics::{Held, OFFLINE, ONLINE, Topics};
use crate::alarm::Beacon;
use crate::metrics::Metrics;
use crate::observe::Requester;
use crate::secret::Secret;

/// A broker that was lost is tried again after this time ...
pub const RETRY_MIN: Duration = Duration::from_millis(250);
/// ... which doubles up to this, each give or take a half.
pub const RETRY_MAX: Duration = Duration::from_secs(2);
/// A connection must be there within this time.
const CONNECT_WITHIN_S: u64 = 3;
/// The broker is asked so often whether it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Messages that the broker has not acknowledged, at most.
pub const UNACKNOWLEDGED_MAX: usize = 16;
/// Requests that wait for the connection's task.
const REQUESTS_MAX: usize = 2 * UNACKNOWLEDGED_MAX;
/// Most bytes of a message that comes. What means something is far shorter; longer ones are
/// passed over, and above this the library ends the connection.
pub const INCOMING_BYTES_MAX: usize = 1 << 20;
/// A connection that lasts no longer than this, so many times in a row, is taken away by somebody
/// of the same name: a broker keeps one of each.
const BRIEF: Duration = Duration::from_secs(10);
const BRIEF_TIMES: u32 = 5;
/// Then it is tried again ever more slowly, up to this.
const CONTESTED_MAX: Duration = Duration::from_secs(300);
/// The pipeline is looked after this often.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Most bytes of a message that goes.
const OUTGOING_BYTES_MAX: usize = 64 << 10;
/// What is still to be said at the end is said within this time.
const END_WITHIN: Duration = Duration::from_millis(700);

/// What a connection is made with.
pub(super) struct Link {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) client: String,
    pub(super) login: Option<(String, Secret)>,
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) topics: Topics,
    pub(super) outbox: Arc<Outbox>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) requester: Requester,
    pub(super) beacon: Arc<Beacon>,
}

/// Why a connection ended.
enum Ending {
    /// The program ends.
    Over,
    /// It was lost, or never came about.
    Lost(String),
}

/// What was handed to the connection.
enum Sent {
    Held(String),
    Event(Waiting),
}

/// Connects again and again until told to end.
pub(super) async fn run(link: Link, mut end: watch::Receiver<bool>) {
    let mut wait = RETRY_MIN;
    let mut was_told = false;
    let mut brief = 0;
    let mut is_deaf = false;
    loop {
        let mut session = Session::new(&link);
        session.is_deaf = is_deaf;
        let ending = session.run(&mut end).await;
        brief = match session
            .connected_at
            .map(|at| at.elapsed() < BRIEF.max(2 * wait))
        {
            Some(true) => brief + 1,
            // The broker itself was gone, or the peace lasted.
            Some(false) | None => 0,
        };
        link.metrics.device.mqtt_connected.set(0.0);
        session.give_back();
        match ending {
            Ending::Over => return,
            Ending::Lost(reason) if session.is_flooded => {
                link.metrics.device.mqtt_ignored.inc();
                is_deaf = true;
                let topic = link.topics.acknowledge();
                tracing::error!(
                    topic,
                    reason,
                    "a message of over {INCOMING_BYTES_MAX} bytes is held in this topic: alarms are not acknowledged over MQTT until the next start; clear it with mosquitto_pub -r -n -t TOPIC"
                );
            }
            Ending::Lost(reason) if brief == BRIEF_TIMES => {
                let client = &link.client;
                tracing::error!(
                    client,
                    reason,
                    "the message broker ends each connection at once: is another device of this name there? Give each its own mqtt.device"
                );
            }
            Ending::Lost(reason) => {
                if !was_told || session.was_connected {
                    let broker = format!("{}:{}", link.host, link.port);
                    tracing::warn!(%broker, reason, "the message broker is lost and is tried again");
                }
                was_told = true;
            }
        }
        let is_contested = brief >= BRIEF_TIMES;
        if session.was_connected && !is_contested {
            wait = RETRY_MIN;
        }
        let over = timeout(jittered(wait), end.wait_for(|is_over| *is_over));
        if over.await.is_ok() {
            return;
        }
        let most = if is_contested {
            CONTESTED_MAX
        } else {
            RETRY_MAX
        };
        wait = (2 * wait).min(most);
    }
}

/// Half to three halves of a time, so that many devices do not come back at once.
fn jittered(time: Duration) -> Duration {
    let mut byte = [128];
    // Without random numbers all come at once: that is no reason not to come.
    let _ = getrandom::fill(&mut byte);
    time.mul_f64(0.5 + f64::from(byte[0]) / 255.0)
}

struct Session<'a> {
    link: &'a Link,
    client: AsyncClient,
    events: Receiver<Result<Event, ConnectionError>>,
    was_connected: bool,
    connected_at: Option<Instant>,
    /// Whether a message came that is too long to be read.
    is_flooded: bool,
    /// Whether nothing is listened to, for such a message waits there.
    is_deaf: bool,
    /// Whether it was told that the pipeline hangs.
    is_hung: bool,
    /// Handed over, not written yet, in order.
    handed: VecDeque<Sent>,
    /// Written, not acknowledged yet.
    written: HashMap<u16, Sent>,
}

impl<'a> Session<'a> {
    fn new(link: &'a Link) -> Self {
        let mut options = MqttOptions::new(&link.client, &link.host, link.port);
        options.set_keep_alive(KEEP_ALIVE);
        options.set_max_packet_size(INCOMING_BYTES_MAX, OUTGOING_BYTES_MAX);
        options.set_inflight(UNACKNOWLEDGED_MAX as u16);
        let will = LastWill::new(link.topics.availability(), OFFLINE, QoS::AtLeastOnce, true);
        options.set_last_will(will);
        if let Some((name, password)) = &link.login {
            options.set_credentials(name, password.expose());
        }
        if let Some(tls) = &link.tls {
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(
                Arc::clone(tls),
            )));
        }
        let (client, mut connection) = AsyncClient::new(options, REQUESTS_MAX);
        let mut network = NetworkOptions::new();
        network.set_connection_timeout(CONNECT_WITHIN_S);
        connection.set_network_options(network);
        let (send, events) = channel(REQUESTS_MAX);
        tokio::spawn(poll(connection, send));
        Self {
            link,
            client,
            events,
            was_connected: false,
            connected_at: None,
            is_flooded: false,
            is_deaf: false,
            is_hung: false,
            handed: VecDeque::new(),
            written: HashMap::new(),
        }
    }

    async fn run(&mut self, end: &mut watch::Receiver<bool>) -> Ending {
        loop {
            let ending = tokio::select! {
                event = self.events.recv() => match event {
                    Some(Ok(event)) => self.take(event),
                    Some(Err(error)) => {
                        self.is_flooded = is_too_long(&error);
                        Err(Ending::Lost(tls::reason(&error)))
                    }
                    None => Err(Ending::Lost("the connection's task ended".into())),
                },
                () = self.link.outbox.fresh.notified(), if self.was_connected => Ok(()),
                () = sleep(LOOK_EVERY), if self.was_connected => self.watch(),
                _ = end.wait_for(|is_over| *is_over) => Err(Ending::Over),
            };
            match ending.and_then(|()| self.send()) {
                Ok(()) => {}
                Err(Ending::Over) => {
                    self.say_goodbye().await;
                    return Ending::Over;
                }
                Err(lost) => return lost,
            }
        }
    }

    /// Says so where the pipeline hangs, which cannot; and all anew once it is back.
    fn watch(&mut self) -> Result<(), Ending> {
        let is_hung = self.link.beacon.is_hung();
        if std::mem::replace(&mut self.is_hung, is_hung) == is_hung {
            return Ok(());
        }
        let (link, said) = (self.link, if is_hung { OFFLINE } else { ONLINE });
        let topic = link.topics.availability();
        let payload = said.to_owned();
        self.hold(Held { topic, payload })?;
        match is_hung {
            true => {
                let topic = link.topics.alarm();
                let payload = r#"{"state":"safe","acknowledged":false,"alarms":null}"#.to_owned();
                self.hold(Held { topic, payload })
            }
            false => {
                link.outbox.tell_all();
                Ok(())
            }
        }
    }

    /// Takes what the connection tells.
    fn take(&mut self, event: Event) -> Result<(), Ending> {
        let link = self.link;
        match event {
            Event::Incoming(Packet::ConnAck(_)) => {
                self.was_connected = true;
                self.connected_at = Some(Instant::now());
                tracing::info!(host = link.host, "connected to the message broker");
                link.metrics.device.mqtt_connected.set(1.0);
                link.metrics.device.mqtt_connects.inc();
                link.outbox.tell_all();
                if !self.is_deaf {
                    let topic = link.topics.acknowledge();
                    let asked = self.client.try_subscribe(topic, QoS::AtLeastOnce);
                    asked.map_err(|error| Ending::Lost(error.to_string()))?;
                }
                let topic = link.topics.availability();
                let payload = ONLINE.to_owned();
                self.hold(Held { topic, payload })?;
            }
            Event::Incoming(Packet::PubAck(ack)) => {
                self.written.remove(&ack.pkid);
            }
            Event::Incoming(Packet::Publish(message)) => match link.topics.request(&message) {
                Some(request) => {
                    if let Err(error) = link.requester.ask(request) {
                        tracing::warn!(%error, "an alarm was not acknowledged");
                    }
                }
                None => {
                    link.metrics.device.mqtt_ignored.inc();
                }
            },
            Event::Outgoing(Outgoing::Publish(number)) => {
                if let Some(sent) = self.handed.pop_front() {
                    self.written.insert(number, sent);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Hands over what waits, as far as there is room.
    fn send(&mut self) -> Result<(), Ending> {
        while self.was_connected && self.has_room() {
            if let Some(held) = self.link.outbox.next_held() {
                self.hold(held)?;
            } else if let Some(event) = self.link.outbox.next_event() {
                let topic = self.link.topics.event();
                let payload = event.payload.clone();
                self.handed.push_back(Sent::Event(event));
                self.publish(topic, false, payload)?;
            } else {
                break;
            }
        }
        Ok(())
    }

    fn has_room(&self) -> bool {
        self.handed.len() + self.written.len() < UNACKNOWLEDGED_MAX
    }

    fn hold(&mut self, held: Held) -> Result<(), Ending> {
        self.handed.push_back(Sent::Held(held.topic.clone()));
        self.publish(held.topic, true, held.payload)
    }

    fn publish(&self, topic: String, retain: bool, payload: String) -> Result<(), Ending> {
        let sent = self
            .client
            .try_publish(topic, QoS::AtLeastOnce, retain, payload);
        sent.map_err(|error| Ending::Lost(error.to_string()))
    }

    /// Tells that the device is gone, before the broker does.
    async fn say_goodbye(&mut self) {
        if !self.was_connected {
            return;
        }
        let topic = self.link.topics.availability();
        let payload = OFFLINE.to_owned();
        let _ = self.hold(Held { topic, payload });
        let said = async {
            while !self.handed.is_empty() || !self.written.is_empty() {
                match self.events.recv().await {
                    Some(Ok(event)) => {
                        let _ = self.take(event);
                        let _ = self.send();
                    }
                    _ => return,
                }
            }
            let _ = self.client.try_disconnect();
            sleep(Duration::from_millis(20)).await;
        };
        let _ = timeout(END_WITHIN, said).await;
    }

    /// What the broker did not acknowledge waits for the next connection.
    fn give_back(&mut self) {
        let handed = self.handed.drain(..);
        let written = self.written.drain().map(|(_, sent)| sent);
        let mut events = Vec::new();
        for sent in handed.chain(written) {
            match sent {
                Sent::Held(topic) => self.link.outbox.retry(&topic),
                Sent::Event(event) => events.push(event),
            }
        }
        self.link.outbox.give_back(events);
    }
}

/// Whether a connection ended for a message that is longer than any of ours.
fn is_too_long(error: &ConnectionError) -> bool {
    matches!(
        error,
        ConnectionError::MqttState(StateError::Deserialization(
            mqttbytes::Error::PayloadSizeLimitExceeded(_)
        ))
    )
}

/// Drives a connection until it fails, or nobody wants it any more.
async fn poll(
    mut connection: EventLoop,
    events: tokio::sync::mpsc::Sender<Result<Event, ConnectionError>>,
) {
    loop {
        let event = tokio::select! {
            event = connection.poll() => event,
            () = events.closed() => return,
        };
        let is_over = event.is_err();
        if events.send(event).await.is_err() || is_over {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_differ_by_at_most_a_half() {
        let waits: Vec<Duration> = (0..200).map(|_| jittered(RETRY_MAX)).collect();
        let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
        assert!(*least >= RETRY_MAX / 2 && *most <= RETRY_MAX * 3 / 2);
        assert!(*most - *least > RETRY_MAX / 2, "{least:?} to {most:?}");
    }
}
