//! Topics, and what is said in them.

use rumqttc::Publish;
use serde_json::{Value, json};

use super::config::MqttConfig;
use crate::observe::Request;

/// Said of a device that is there.
pub const ONLINE: &str = "online";
/// Said of one that is not: by itself at its end, by the broker when it is lost.
pub const OFFLINE: &str = "offline";
/// Most bytes of an acknowledgement.
pub const REQUEST_BYTES_MAX: usize = 4096;

/// The topics of one device.
#[derive(Debug, Clone)]
pub struct Topics {
    base: String,
    device: String,
}

/// A topic with what it holds from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The topic.
    pub topic: String,
    /// What is in it.
    pub payload: String,
}

impl Topics {
    /// As the configuration wants them.
    pub fn new(config: &MqttConfig) -> Self {
        let device = config.device();
        Self {
            base: format!("{}/{device}", config.topic),
            device,
        }
    }

    /// Whether the device is there; retained.
    pub fn availability(&self) -> String {
        format!("{}/availability", self.base)
    }

    /// What is shown for everybody together; retained.
    pub fn alarm(&self) -> String {
        format!("{}/alarm", self.base)
    }

    /// Whoever publishes anything here has noticed the alarm.
    pub fn acknowledge(&self) -> String {
        format!("{}/alarm/acknowledge", self.base)
    }

    /// What a message of the broker asks for. One that is retained was said before this device
    /// listened, and is no answer to its alarm.
    pub fn request(&self, message: &Publish) -> Option<Request> {
        let is_acknowledgement = !message.retain
            && message.payload.len() <= REQUEST_BYTES_MAX
            && message.topic == self.acknowledge();
        is_acknowledgement.then_some(Request::Acknowledge)
    }

    /// The verdict of one camera; retained.
    pub fn verdict(&self, camera: usize) -> String {
        format!("{}/camera/{camera}/verdict", self.base)
    }

    /// Everything that happens.
    pub fn event(&self) -> String {
        format!("{}/event", self.base)
    }

    /// What tells Home Assistant of the device and its cameras.
    pub fn discovery(&self, config: &MqttConfig, cameras: &[String], model: &str) -> Vec<Held> {
        let device = json!({
            "identifiers": [format!("unmask_{}", self.device)],
            "name": self.device,
            "manufacturer": "unmask",
            "model": model,
            "sw_version": env!("CARGO_PKG_VERSION"),
        });
        let entity = |kind: &str, name: &str, mut config_of: Value| {
            let id = format!("unmask_{}_{name}", self.device);
            config_of["unique_id"] = json!(id);
            config_of["availability_topic"] = json!(self.availability());
            config_of["device"] = device.clone();
            Held {
                topic: format!(
                    "{}/{kind}/unmask_{}/{name}/config",
                    config.discovery_topic, self.device
                ),
                payload: config_of.to_string(),
            }
        };
        let mut all = vec![
            entity(
                "binary_sensor",
                "alarm",
                json!({
                    "name": "Manipulated face", "device_class": "problem",
                    "state_topic": self.alarm(),
                    "value_template": "{{ 'ON' if value_json.state == 'manipulated' else 'OFF' }}",
                }),
            ),
            entity(
                "binary_sensor",
                "fault",
                json!({
                    "name": "Fault", "device_class": "problem", "entity_category": "diagnostic",
                    "state_topic": self.alarm(),
                    "value_template": "{{ 'ON' if value_json.state in ['fault', 'safe'] else 'OFF' }}",
                }),
            ),
            entity(
                "button",
                "acknowledge",
                json!({
                    "name": "Acknowledge", "command_topic": self.acknowledge(),
                    "payload_press": "ACK",
                }),
            ),
        ];
        for (number, camera) in cameras.iter().enumerate() {
            let sensor = json!({
                "name": format!("Verdict {camera}"), "icon": "mdi:face-recognition",
                "state_topic": self.verdict(number),
                "value_template": "{{ value_json.state }}",
                "json_attributes_topic": self.verdict(number),
            });
            all.push(entity("sensor", &format!("verdict_{number}"), sensor));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use rumqttc::QoS;

    use super::*;

    #[test]
    fn only_what_is_said_now_in_the_topic_itself_acknowledges() {
        let topics = Topics::new(&MqttConfig {
            device: Some("door".into()),
            ..MqttConfig::default()
        });
        let said = |topic: &str, bytes: usize| {
            topics.request(&Publish::new(topic, QoS::AtLeastOnce, vec![b'a'; bytes]))
        };
        let topic = "unmask/door/alarm/acknowledge";
        for bytes in [0, 3, REQUEST_BYTES_MAX] {
            assert_eq!(said(topic, bytes), Some(Request::Acknowledge), "{bytes}");
        }
        assert_eq!(said(topic, REQUEST_BYTES_MAX + 1), None);
        for other in ["unmask/other/alarm/acknowledge", "unmask/door/alarm", ""] {
            assert_eq!(said(other, 3), None, "{other}");
        }
        let before = Publish {
            retain: true,
            ..Publish::new(topic, QoS::AtLeastOnce, "ACK")
        };
        assert_eq!(topics.request(&before), None);
    }
}
