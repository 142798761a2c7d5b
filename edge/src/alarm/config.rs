//! The `[alarm]` table of the configuration.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::pattern::Patterns;

/// Without a sign of life for longer, the pipeline is believed to hang,
/// milliseconds.
pub const STALL_MS: std::ops::RangeInclusive<u32> = 50..=60_000;

/// How people are alarmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmConfig {
    /// The GPIO chip: a path, a name such as `gpiochip0`, or its number. May be
    /// left out where `line` is a name.
    #[serde(default, deserialize_with = "text")]
    pub chip: Option<String>,
    /// The line on it: its number or its name. Without one, no pin is driven.
    #[serde(default, deserialize_with = "text")]
    pub line: Option<String>,
    /// Instead of a pin, a file that the levels are written into, for trying out.
    pub transcript: Option<PathBuf>,
    /// Whether the output is on when the pin is low.
    pub active_low: bool,
    /// Whether the output is on in the safe state: at the start, when the
    /// pipeline hangs, and at the end.
    pub safe_on: bool,
    /// After so many milliseconds without a frame the pipeline is believed to hang.
    pub stall_ms: u32,
    /// The pattern of each signal.
    pub patterns: Patterns,
}

/// A number is a name too.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a name or a number")]
enum Text {
    Text(String),
    Number(u32),
}

fn text<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    let text = Option::<Text>::deserialize(value)?;
    Ok(text.map(|text| match text {
        Text::Text(text) => text,
        Text::Number(number) => number.to_string(),
    }))
}

impl Default for AlarmConfig {
    fn default() -> Self {
        Self {
            chip: None,
            line: None,
            transcript: None,
            active_low: false,
            safe_on: false,
            stall_ms: 400,
            patterns: Patterns::default(),
        }
    }
}

impl AlarmConfig {
    /// How long a pipeline may be silent.
    pub fn stall(&self) -> Duration {
        Duration::from_millis(self.stall_ms.into())
    }

    /// Refuses what contradicts itself, with the key and the remedy.
    pub fn check(&self) -> Result<(), String> {
        if !STALL_MS.contains(&self.stall_ms) {
            let (least, most) = (STALL_MS.start(), STALL_MS.end());
            return Err(format!("alarm.stall_ms must be {least} to {most}"));
        }
        if self.line.is_some() && self.transcript.is_some() {
            return Err("alarm.line and alarm.transcript exclude each other".into());
        }
        if self.chip.is_some() && self.line.is_none() {
            return Err("alarm.chip needs alarm.line, the line on it".into());
        }
        let is_number = |line: &String| line.parse::<u32>().is_ok();
        if self.chip.is_none() && self.line.as_ref().is_some_and(is_number) {
            return Err("alarm.line is a number: name its chip in alarm.chip".into());
        }
        Ok(())
    }
}
