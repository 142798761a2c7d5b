//! The `[mqtt]` table of the configuration.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

const QUEUE_EVENTS: RangeInclusive<u32> = 1..=10_000;
/// Most bytes of a topic's beginning.
const TOPIC_BYTES_MAX: usize = 128;

/// Whether and how a message broker is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttConfig {
    /// The broker's name or address. Without one, nothing is sent.
    pub host: Option<String>,
    /// Its port. The connection is not encrypted: let a broker on the same machine
    /// bridge to others.
    pub port: u16,
    /// Name to log in with.
    pub username: Option<String>,
    /// File with the password.
    pub password_file: Option<PathBuf>,
    /// What the device is called: letters, digits, `-` and `_`.
    pub device: String,
    /// What every topic begins with; the device follows.
    pub topic: String,
    /// Whether Home Assistant is told what there is.
    pub discovery: bool,
    /// Where Home Assistant looks for that.
    pub discovery_topic: String,
    /// Most events that wait for the broker, 1 to 10000; then the oldest are dropped.
    pub queue_events_max: u32,
}

impl Default for MqttConfig {
    fn default() -> Self {
        Self {
            host: None,
            port: 1883,
            username: None,
            password_file: None,
            device: "unmask".into(),
            topic: "unmask".into(),
            discovery: true,
            discovery_topic: "homeassistant".into(),
            queue_events_max: 256,
        }
    }
}

impl MqttConfig {
    /// The broker; an empty name is none.
    pub fn broker(&self) -> Option<&str> {
        self.host.as_deref().filter(|host| !host.is_empty())
    }

    /// Refuses what is out of range, with the key.
    pub fn check(&self) -> Result<(), String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.device.is_empty() || self.device.len() > 64 || !self.device.chars().all(is_plain) {
            return Err("mqtt.device must be letters, digits, - and _, 64 at most".into());
        }
        let topics = [
            ("mqtt.topic", &self.topic),
            ("mqtt.discovery_topic", &self.discovery_topic),
        ];
        for (key, topic) in topics {
            let is_odd = |c: char| matches!(c, '+' | '#' | '$') || c.is_control();
            let is_long = topic.is_empty() || topic.len() > TOPIC_BYTES_MAX;
            if is_long || topic.contains(is_odd) || topic.starts_with('/') || topic.ends_with('/') {
                return Err(format!(
                    "{key} is {topic:?}, must be a topic without wildcards, such as site/unmask"
                ));
            }
        }
        if self.password_file.is_some() && self.username.is_none() {
            return Err("mqtt.password_file needs mqtt.username".into());
        }
        if self.port == 0 {
            return Err("mqtt.port is 0, must be 1 to 65535".into());
        }
        if !QUEUE_EVENTS.contains(&self.queue_events_max) {
            let (least, most) = (QUEUE_EVENTS.start(), QUEUE_EVENTS.end());
            let found = self.queue_events_max;
            return Err(format!(
                "mqtt.queue_events_max is {found}, must be {least} to {most}"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_and_names_that_would_break_a_topic_are_refused() {
        assert_eq!(MqttConfig::default().check(), Ok(()));
        type Change = fn(&mut MqttConfig);
        let changes: [(Change, &str); 6] = [
            (|c| c.device = "front door".into(), "mqtt.device"),
            (|c| c.topic = "a/#".into(), "mqtt.topic"),
            (|c| c.topic = "/a".into(), "mqtt.topic"),
            (
                |c| c.discovery_topic = String::new(),
                "mqtt.discovery_topic",
            ),
            (|c| c.password_file = Some("p".into()), "mqtt.username"),
            (|c| c.queue_events_max = 0, "mqtt.queue_events_max"),
        ];
        for (change, wanted) in changes {
            let mut config = MqttConfig::default();
            change(&mut config);
            assert!(config.check().unwrap_err().contains(wanted), "{wanted}");
        }
    }
}
