//! The source's options of `unmask-edge run`, and its table in the configuration.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::capture::{PixelFormat, Wanted};

use super::SourceSpec;
use super::live::{LiveInput, LiveSpec};
use super::preset::Size;

/// Frames per second that can be asked for.
const RATES: std::ops::RangeInclusive<f64> = 1.0..=1000.0;

/// Which cameras or commands to watch, and what is asked of them.
#[derive(Debug, Clone, Default, Args)]
pub struct CaptureArgs {
    /// A camera by its bus, serial number or node, as unmask-edge cameras lists them; may be
    /// repeated
    #[arg(long, value_name = "ID")]
    pub camera: Vec<String>,
    /// A command line that writes raw frames to its standard output
    #[arg(long, value_name = "CMD")]
    pub command: Option<String>,
    /// A folder of pictures
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Size of the frames of a camera or command, 1280x720 by default
    #[arg(long, value_name = "WxH", value_parser = checked::<Size>)]
    pub size: Option<String>,
    /// Frames per second of a camera or command, 30 by default
    #[arg(long, value_name = "N", value_parser = rate)]
    pub rate: Option<f64>,
    /// How pixels are stored: rgb24, nv12, i420, yuyv, mjpg; for a command rgb24 unless told, for
    /// a camera the best that it has
    #[arg(long, value_name = "FORMAT", value_parser = checked::<PixelFormat>)]
    pub pixels: Option<String>,
    /// A camera, by bus or serial number, whose pictures are believed; may be repeated. Others
    /// are reported as a possible injection
    #[arg(long, value_name = "ID")]
    pub enrolled: Vec<String>,
}

/// Refuses at once what could not be used later.
fn checked<T: std::str::FromStr<Err = String>>(text: &str) -> Result<String, String> {
    text.parse::<T>().map(|_| text.into())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().map_err(|_| "write a number from 1 to 1000")?;
    check_rate(rate)
}

fn check_rate(rate: f64) -> Result<f64, String> {
    if RATES.contains(&rate) {
        Ok(rate)
    } else {
        Err(format!("{rate} frames per second; take 1 to 1000"))
    }
}

/// The `[capture]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaptureTable {
    /// Cameras by bus, serial number or node.
    pub cameras: Vec<String>,
    /// A command line that writes raw frames.
    pub command: Option<String>,
    /// A folder of pictures.
    pub folder: Option<PathBuf>,
    /// Size of the frames of cameras and commands: `1280x720`.
    pub size: String,
    /// Their frames per second, 1 to 1000.
    pub rate: f64,
    /// How their pixels are stored.
    pub pixels: Option<String>,
    /// Cameras, by bus or serial number, whose pictures are believed.
    pub enrolled: Vec<String>,
}

impl Default for CaptureTable {
    fn default() -> Self {
        Self {
            cameras: Vec::new(),
            command: None,
            folder: None,
            size: "1280x720".into(),
            rate: 30.0,
            pixels: None,
            enrolled: Vec::new(),
        }
    }
}

impl CaptureTable {
    /// Refuses what is out of range.
    pub fn check(&self) -> Result<(), String> {
        self.wanted().map(|_| ())
    }

    /// What to open: `source`, or what this table names. With `realtime`, frames
    /// of a command that come too fast are left out; else it is slowed down.
    ///
    /// # Errors
    /// When none or several are named, and for values that are out of range.
    pub fn spec(&self, source: Option<&str>, realtime: bool) -> Result<SourceSpec, String> {
        let wanted = self.wanted()?;
        let cameras = Some(&self.cameras).filter(|cameras| !cameras.is_empty());
        let spec = match (source, cameras, &self.command, &self.folder) {
            (Some(source), None, None, None) => source
                .parse()
                .map_err(|problem| format!("source (--source): {problem}"))?,
            (None, Some(cameras), None, None) => {
                SourceSpec::Live(LiveInput::Cameras(cameras.clone()).into_spec())
            }
            (None, None, Some(command), None) => {
                SourceSpec::Live(LiveInput::Command(command.clone()).into_spec())
            }
            (None, None, None, Some(folder)) => SourceSpec::Path(folder.clone()),
            _ => {
                return Err(
                    "name one of source (--source), capture.cameras (--camera), \
                     capture.command (--command) and capture.folder (--folder)"
                        .into(),
                );
            }
        };
        let SourceSpec::Live(live) = spec else {
            return Ok(spec);
        };
        Ok(SourceSpec::Live(LiveSpec {
            wanted,
            enrolled: self.enrolled.clone(),
            lose_none: !realtime && matches!(live.input, LiveInput::Command(_)),
            ..live
        }))
    }

    fn wanted(&self) -> Result<Wanted, String> {
        let at = |key: &'static str| move |problem: String| format!("capture.{key}: {problem}");
        let size: Size = self.size.parse().map_err(at("size"))?;
        let pixels = self.pixels.as_deref().map(str::parse::<PixelFormat>);
        Ok(Wanted {
            pixels: pixels.transpose().map_err(at("pixels"))?,
            width: size.width,
            height: size.height,
            rate_hz: check_rate(self.rate).map_err(at("rate"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_source_is_named_and_no_more() {
        let none = CaptureTable::default();
        assert!(none.spec(None, false).is_err());
        assert_eq!(
            none.spec(Some("synthetic:4"), false),
            Ok(SourceSpec::Synthetic(4))
        );
        let camera = CaptureTable {
            cameras: vec!["usb-a".into()],
            ..CaptureTable::default()
        };
        assert!(camera.spec(Some("synthetic"), false).is_err());
        let Ok(SourceSpec::Live(live)) = camera.spec(None, false) else {
            panic!("a camera is live");
        };
        assert_eq!(live.input, LiveInput::Cameras(camera.cameras.clone()));
        assert_eq!((live.wanted, live.lose_none), (Wanted::default(), false));
    }

    #[test]
    fn values_out_of_range_are_refused_by_their_key() {
        for (table, key) in [
            (
                CaptureTable {
                    rate: 0.0,
                    ..CaptureTable::default()
                },
                "capture.rate",
            ),
            (
                CaptureTable {
                    size: "big".into(),
                    ..CaptureTable::default()
                },
                "capture.size",
            ),
            (
                CaptureTable {
                    pixels: Some("h264".into()),
                    ..CaptureTable::default()
                },
                "capture.pixels",
            ),
        ] {
            let problem = table.check().unwrap_err();
            assert!(problem.starts_with(key), "{problem}");
        }
    }
}
