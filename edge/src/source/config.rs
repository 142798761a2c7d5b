//! The `[capture]` table of the configuration: cameras and commands.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::SourceSpec;
use super::live::{LiveInput, LiveSpec, Patience};
use super::preset::PictureSize;
use crate::capture::{PixelFormat, WantedFormat};

/// Frames per second.
pub(super) const RATE_HZ: RangeInclusive<f64> = 1.0..=1000.0;
const PATIENCE_S: RangeInclusive<u32> = 1..=86_400;
/// How long a camera may be silent, milliseconds.
const SILENCE_MS: RangeInclusive<u32> = 100..=600_000;

/// What happens when a camera may be feeding pictures of somebody's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Injection {
    /// It is told, and shown as a fault; its frames are judged.
    #[default]
    Report,
    /// It is told, and shown as a fault; none of its frames is looked at.
    Refuse,
}

/// Which cameras or which command, and what is asked of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureTable {
    /// Cameras by bus, serial number or node. Excludes `source` and `command`.
    pub cameras: Vec<String>,
    /// A line for the shell that writes raw frames; empty is none.
    pub command: Option<String>,
    /// Size of the frames.
    pub size: PictureSize,
    /// Frames per second, 1 to 1000.
    pub rate: f64,
    /// How pixels are stored; rgb24 for a command, for a camera the best that it has.
    pub pixels: Option<PixelFormat>,
    /// Cameras that are believed, by bus or serial number; empty: any that is not
    /// virtual.
    pub enrolled: Vec<String>,
    /// What happens when a camera is not enrolled, virtual, or another one than
    /// before.
    pub injection: Injection,
    /// Whether the program ends when a camera is not there at the start. If not, it
    /// waits for it and shows a fault.
    pub required: bool,
    /// Whether a command, or a file, is begun again for ever, however it ends.
    pub restart: bool,
    /// No frame for so many milliseconds, 100 to 600000, is a fault.
    pub silence_ms: Option<u32>,
    /// The same for the first frame after a camera was opened or a command started.
    pub first_frame_ms: Option<u32>,
    /// Seconds, 1 to 86400, for which the decoder of a file may do nothing, though it had a
    /// processor, before the file is given up; by default 8 to tell what it is, 30 in its midst.
    pub patience_s: Option<u32>,
}

impl Default for CaptureTable {
    fn default() -> Self {
        let WantedFormat {
            width,
            height,
            rate_hz,
            pixels,
        } = WantedFormat::default();
        Self {
            cameras: Vec::new(),
            command: None,
            size: PictureSize { width, height },
            rate: rate_hz,
            pixels,
            enrolled: Vec::new(),
            injection: Injection::default(),
            required: true,
            restart: false,
            silence_ms: None,
            first_frame_ms: None,
            patience_s: None,
        }
    }
}

impl CaptureTable {
    /// Refuses what is out of range, with the key.
    pub fn check(&self) -> Result<(), String> {
        if !RATE_HZ.contains(&self.rate) {
            let (least, most) = (RATE_HZ.start(), RATE_HZ.end());
            return Err(format!(
                "capture.rate (--rate) is {}, must be {least} to {most}",
                self.rate
            ));
        }
        if self.patience_s.is_some_and(|s| !PATIENCE_S.contains(&s)) {
            let (least, most) = (PATIENCE_S.start(), PATIENCE_S.end());
            return Err(format!("capture.patience_s must be {least} to {most}"));
        }
        for (key, ms) in [
            ("silence_ms", self.silence_ms),
            ("first_frame_ms", self.first_frame_ms),
        ] {
            if ms.is_some_and(|ms| !SILENCE_MS.contains(&ms)) {
                let (least, most) = (SILENCE_MS.start(), SILENCE_MS.end());
                return Err(format!("capture.{key} must be {least} to {most}"));
            }
        }
        Ok(())
    }

    /// What to open: `source`, or else the cameras or the command of this table. With
    /// `realtime`, frames of a command that come too fast are left out; else the
    /// command is slowed down.
    ///
    /// # Errors
    /// None or several of them, or a source that is none, with the key.
    pub fn spec(&self, source: Option<&str>, realtime: bool) -> Result<SourceSpec, String> {
        // Empty text takes back what an earlier layer said.
        let source = source.filter(|source| !source.is_empty());
        let command = self.command.as_ref().filter(|line| !line.is_empty());
        let input = match (source, self.cameras.as_slice(), command) {
            (Some(source), [], None) => match source.parse() {
                Ok(SourceSpec::Live(live)) => live.input,
                Ok(other) => return Ok(other),
                Err(problem) => return Err(format!("source (--source): {problem}")),
            },
            (None, [_, ..], None) => LiveInput::Cameras(self.cameras.clone()),
            (None, [], Some(command)) => LiveInput::Command(command.as_str().into()),
            (None, [], None) => {
                return Err("there is nothing to watch: name one of source (--source), \
                            capture.cameras (--camera), capture.command (--command)"
                    .into());
            }
            _ => {
                return Err(
                    "source, capture.cameras and capture.command exclude each other: \
                            name one of them"
                        .into(),
                );
            }
        };
        let millis = |ms: Option<u32>| ms.map(|ms| Duration::from_millis(ms.into()));
        Ok(SourceSpec::Live(LiveSpec {
            lose_none: !realtime && matches!(input, LiveInput::Command(_)),
            input,
            wanted: WantedFormat {
                pixels: self.pixels,
                width: self.size.width,
                height: self.size.height,
                rate_hz: self.rate,
            },
            enrolled: self.enrolled.clone(),
            refuse: self.injection == Injection::Refuse,
            required: self.required,
            restart: self.restart,
            patience: Patience {
                silence: millis(self.silence_ms),
                first_frame: millis(self.first_frame_ms),
            },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_thing_is_watched() {
        let table = CaptureTable::default();
        assert!(table.spec(None, false).unwrap_err().contains("--camera"));
        assert_eq!(
            table.spec(Some("synthetic:4"), false),
            Ok(SourceSpec::Synthetic(4))
        );
        let camera = CaptureTable {
            cameras: vec!["/dev/video0".into()],
            ..table.clone()
        };
        assert!(camera.spec(None, false).is_ok());
        let both = camera.spec(Some("synthetic"), false);
        assert!(both.unwrap_err().contains("exclude"));
        let both = CaptureTable {
            command: Some("cat".into()),
            ..camera
        };
        assert!(both.spec(None, false).is_err());
    }

    #[test]
    fn what_is_asked_of_a_source_reaches_it() {
        let table = CaptureTable {
            rate: 15.0,
            injection: Injection::Refuse,
            silence_ms: Some(700),
            ..CaptureTable::default()
        };
        for (source, realtime) in [("rtsp://10.0.0.7/live", true), ("csi", false)] {
            let Ok(SourceSpec::Live(live)) = table.spec(Some(source), realtime) else {
                panic!("{source}");
            };
            assert_eq!(live.wanted.rate_hz, 15.0);
            assert!(live.refuse && !live.lose_none);
            assert_eq!(live.patience.silence, Some(Duration::from_millis(700)));
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for rate in [0.0, f64::NAN, 1001.0] {
            let table = CaptureTable {
                rate,
                ..CaptureTable::default()
            };
            assert!(table.check().is_err(), "{rate}");
        }
        let table = CaptureTable {
            first_frame_ms: Some(99),
            ..CaptureTable::default()
        };
        assert!(table.check().unwrap_err().contains("first_frame_ms"));
    }
}
