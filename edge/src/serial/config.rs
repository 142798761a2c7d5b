//! The `[serial]` table of the configuration.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Speeds that make sense, bits a second.
pub const BAUD: std::ops::RangeInclusive<u32> = 1200..=4_000_000;
const BEAT_MS: std::ops::RangeInclusive<u32> = 50..=60_000;
const QUEUE_EVENTS: std::ops::RangeInclusive<u32> = 1..=1024;

/// Where and how a microcontroller is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SerialConfig {
    /// The device file of the port. Without one, nothing is sent.
    pub port: Option<PathBuf>,
    /// Bits a second; eight bits, no parity, one stop bit.
    pub baud: u32,
    /// The signal is sent at least so often, milliseconds.
    pub beat_ms: u32,
    /// Most events that wait for the line.
    pub queue_events_max: u32,
}

impl Default for SerialConfig {
    fn default() -> Self {
        Self {
            port: None,
            baud: 115_200,
            beat_ms: 500,
            queue_events_max: 64,
        }
    }
}

impl SerialConfig {
    /// How often the signal is sent.
    pub fn beat(&self) -> Duration {
        Duration::from_millis(self.beat_ms.into())
    }

    /// Refuses values out of range, with their key.
    pub fn check(&self) -> Result<(), String> {
        let checks = [
            ("serial.baud", self.baud, BAUD),
            ("serial.beat_ms", self.beat_ms, BEAT_MS),
            (
                "serial.queue_events_max",
                self.queue_events_max,
                QUEUE_EVENTS,
            ),
        ];
        for (key, value, range) in checks {
            if !range.contains(&value) {
                let (least, most) = (range.start(), range.end());
                return Err(format!("{key} is {value}, must be {least} to {most}"));
            }
        }
        Ok(())
    }
}
