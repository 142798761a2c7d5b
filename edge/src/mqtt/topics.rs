//! Topics, and what is said in them.

use serde_json::{Value, json};

use super::config::MqttConfig;

/// Said of a device that is there.
pub const ONLINE: &str = "online";
/// Said of one that is not: by itself at its end, by the broker when it is lost.
pub const OFFLINE: &str = "offline";

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
