//! What a message broker sends.

use rumqttc::{
    MqttState, Packet, PubAck, Publish, QoS, Request as Outgoing, SubAck, SubscribeReasonCode,
};
use unmask_edge::mqtt::{
    INCOMING_BYTES_MAX, MqttConfig, REQUEST_BYTES_MAX, Topics, UNACKNOWLEDGED_MAX,
};
use unmask_edge::observe::Request;

use super::{Parser, Reached};

/// What the device is called; else the machine's name would decide.
const DEVICE: &str = "unmask";

/// Packets of a broker after the connection was made, one behind the other.
#[derive(Debug)]
pub struct Mqtt {
    topics: Topics,
    /// Messages that were asked for an acknowledgement of an alarm.
    pub acknowledgements: u64,
}

impl Default for Mqtt {
    fn default() -> Self {
        Self {
            topics: Topics::new(&MqttConfig {
                device: Some(DEVICE.into()),
                ..MqttConfig::default()
            }),
            acknowledgements: 0,
        }
    }
}

fn written(packets: &[Packet]) -> Vec<u8> {
    let mut stream = Default::default();
    for packet in packets {
        packet.write(&mut stream, INCOMING_BYTES_MAX).expect("fits");
    }
    stream.to_vec()
}

impl Parser for Mqtt {
    fn name(&self) -> &'static str {
        "mqtt"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let said = |topic: &str, qos, retain| {
            Packet::Publish(Publish {
                retain,
                pkid: if qos == QoS::AtMostOnce { 0 } else { 258 },
                ..Publish::new(topic, qos, "ACK")
            })
        };
        let topic = self.topics.acknowledge();
        let granted = vec![SubscribeReasonCode::Success(QoS::AtLeastOnce)];
        vec![
            written(&[said(&topic, QoS::AtLeastOnce, false)]),
            written(&[said(&topic, QoS::AtMostOnce, true), Packet::PingResp]),
            written(&[said("another/topic", QoS::ExactlyOnce, false)]),
            written(&[
                Packet::SubAck(SubAck::new(3, granted)),
                Packet::PubAck(PubAck::new(2)),
                said(&topic, QoS::AtMostOnce, false),
            ]),
        ]
    }

    fn words(&self) -> &'static [&'static [u8]] {
        &[
            b"\x00\x18unmask/unmask/alarm/acknowledge",
            b"\x31\xff\xff\xff\x7f",
            b"\x32",
            b"\x34",
            b"\x40\x02\x00\x01",
            b"\x50\x02\x00\x01",
            b"\x62\x02\x00\x01",
            b"\x70\x02\x00\x01",
            b"\x90\x03\x00\x01\x80",
            b"\xd0\x00",
        ]
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        let mut state = MqttState::new(UNACKNOWLEDGED_MAX as u16, false);
        for _ in 0..2 {
            let event = Publish::new(self.topics.event(), QoS::AtLeastOnce, "{}");
            let sent = state.handle_outgoing_packet(Outgoing::Publish(event));
            assert!(sent.is_ok_and(|packet| packet.is_some()));
        }
        let mut reached = Reached::Refused;
        let mut stream = bytes.into();
        while let Ok(packet) = Packet::read(&mut stream, INCOMING_BYTES_MAX) {
            let asked = match &packet {
                Packet::Publish(message) => self.asked(message),
                _ => None,
            };
            self.acknowledgements += u64::from(asked.is_some());
            let answer = state.handle_incoming_packet(packet);
            state.events.clear();
            if answer.is_err() {
                return Reached::Within;
            }
            assert!(usize::from(state.inflight()) <= 2, "{}", state.inflight());
            reached = Reached::Accepted;
        }
        match (stream.is_empty(), reached) {
            (false, Reached::Accepted) => Reached::Within,
            _ => reached,
        }
    }
}

impl Mqtt {
    /// Only what is said now, in the topic itself, asks for anything.
    fn asked(&self, message: &Publish) -> Option<Request> {
        let asked = self.topics.request(message);
        let is_ours = message.topic == "unmask/unmask/alarm/acknowledge";
        let wanted = is_ours && !message.retain && message.payload.len() <= REQUEST_BYTES_MAX;
        assert_eq!(asked, wanted.then_some(Request::Acknowledge), "{message:?}");
        asked
    }
}
