//! The `[mqtt]` table of the configuration.

use std::fs;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

const QUEUE_EVENTS: RangeInclusive<u32> = 1..=10_000;
/// Most bytes of a topic's beginning.
const TOPIC_BYTES_MAX: usize = 128;

/// Most bytes of a device's name.
const NAME_BYTES_MAX: usize = 64;
/// Where the system tells the name of the machine.
const MACHINE_NAME: &str = "/proc/sys/kernel/hostname";

/// Whether and how a message broker is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttConfig {
    /// The broker's name or address. Without one, nothing is sent.
    pub host: Option<String>,
    /// Its port; with TLS usually 8883.
    pub port: u16,
    /// Name to log in with.
    pub username: Option<String>,
    /// File with the password.
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) of whom to believe who the broker is. With it the connection is
    /// encrypted with TLS 1.2 or 1.3, without it everybody on the way can read it, the password
    /// too. That of most systems: `/etc/ssl/certs/ca-certificates.crt`.
    pub ca_file: Option<PathBuf>,
    /// Certificate (PEM) of this device, with those of the authorities between it and the one that
    /// the broker knows, for a broker that wants one.
    pub certificate_file: Option<PathBuf>,
    /// The private key (PEM, without a passphrase) of that certificate.
    pub key_file: Option<PathBuf>,
    /// What the device is called: letters, digits, `-` and `_`. Not set, it has the name of the
    /// machine. A broker keeps one connection of each name.
    pub device: Option<String>,
    /// What every topic begins with; the device follows.
    pub topic: String,
    /// Whether Home Assistant is told what there is.
    pub discovery: bool,
    /// Where Home Assistant looks for that.
    pub discovery_topic: String,
    /// Most events that wait for the broker, 1 to 10000; then the oldest are dropped.
    pub queue_events_max: u32,
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

impl Default for MqttConfig {
    fn default() -> Self {
        Self {
            host: None,
            port: 1883,
            username: None,
            password_file: None,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            device: None,
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

    /// What the device is called.
    pub fn device(&self) -> String {
        let of_machine = || {
            let name = fs::read_to_string(MACHINE_NAME).unwrap_or_default();
            let name: String = name.trim().chars().take(NAME_BYTES_MAX).collect();
            name.replace(|c: char| !is_plain(c), "-")
        };
        let name = self.device.clone().unwrap_or_else(of_machine);
        match name.is_empty() {
            true => "unmask".into(),
            false => name,
        }
    }

    /// Whether a password goes to another machine in the clear.
    pub fn is_readable_by_others(&self) -> bool {
        let is_here = |host: &str| {
            let numeric = host
                .parse()
                .is_ok_and(|address: IpAddr| address.is_loopback());
            numeric || host == "localhost"
        };
        self.ca_file.is_none()
            && self.username.is_some()
            && self.broker().is_some_and(|host| !is_here(host))
    }

    /// Refuses what is out of range, with the key.
    pub fn check(&self) -> Result<(), String> {
        let is_name =
            |name: &str| (1..=NAME_BYTES_MAX).contains(&name.len()) && name.chars().all(is_plain);
        if !self.device.as_deref().is_none_or(is_name) {
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
        if self.certificate_file.is_some() != self.key_file.is_some() {
            return Err("mqtt.certificate_file and mqtt.key_file need each other".into());
        }
        if self.certificate_file.is_some() && self.ca_file.is_none() {
            return Err("mqtt.certificate_file needs mqtt.ca_file: without TLS nobody asks for a certificate".into());
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
        let config = MqttConfig::default();
        assert_eq!(config.check(), Ok(()));
        // That of the machine is made into one that may be.
        let device = Some(config.device());
        assert_eq!(MqttConfig { device, ..config }.check(), Ok(()));
        type Change = fn(&mut MqttConfig);
        let changes: [(Change, &str); 9] = [
            (|c| c.device = Some("front door".into()), "mqtt.device"),
            (|c| c.topic = "a/#".into(), "mqtt.topic"),
            (|c| c.topic = "/a".into(), "mqtt.topic"),
            (
                |c| c.discovery_topic = String::new(),
                "mqtt.discovery_topic",
            ),
            (|c| c.password_file = Some("p".into()), "mqtt.username"),
            (|c| c.key_file = Some("k".into()), "mqtt.certificate_file"),
            (
                |c| c.certificate_file = Some("c".into()),
                "mqtt.key_file need each other",
            ),
            (
                |c| {
                    c.certificate_file = Some("c".into());
                    c.key_file = Some("k".into());
                },
                "mqtt.ca_file",
            ),
            (|c| c.queue_events_max = 0, "mqtt.queue_events_max"),
        ];
        for (change, wanted) in changes {
            let mut config = MqttConfig::default();
            change(&mut config);
            assert!(config.check().unwrap_err().contains(wanted), "{wanted}");
        }
    }

    #[test]
    fn a_password_on_the_way_to_another_machine_is_seen() {
        let login = |host: &str| MqttConfig {
            host: Some(host.into()),
            username: Some("me".into()),
            ..MqttConfig::default()
        };
        for (host, is_readable) in [
            ("127.0.0.1", false),
            ("localhost", false),
            ("::1", false),
            ("10.0.0.2", true),
            ("hub.local", true),
        ] {
            assert_eq!(login(host).is_readable_by_others(), is_readable, "{host}");
        }
        let encrypted = MqttConfig {
            ca_file: Some("ca".into()),
            ..login("hub.local")
        };
        assert!(!encrypted.is_readable_by_others());
    }
}
